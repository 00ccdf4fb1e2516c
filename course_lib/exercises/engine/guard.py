"""Running a learner's function so that nothing it does can harm the lesson.

It may print without end, raise anything, exit, recurse, ask for all memory or never return:
what it did is recorded, and the notebook continues.
"""

import ctypes
import io
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

from course_lib._support import memory, unthreaded

SECONDS = 20  # after which a check is stopped: a right answer in plain loops needs less than one
MEMORY = 2 * 2**30  # bytes it may allocate beyond what the kernel holds already
PRINTED = 600  # characters that are kept
DEEPEST = 3000  # calls inside each other, as IPython allows
LOOK = 0.05  # seconds between two looks at how long a function has run and how deep its calls are


class OutOfTime(BaseException):
    """Raised in a function that has run for too long. Not an Exception, so that `except Exception` lets it pass."""


@dataclass
class Watched:
    """What happened while a learner's code ran."""

    stopped: BaseException | None = None
    printed: str = ""
    warned: list[str] = field(default_factory=list)


@contextmanager
def supervised(seconds: float | None = None) -> Iterator[Watched]:
    """Run the block guarded. The Watched it is given is complete when the block has ended.

    A KeyboardInterrupt or OutOfTime ends the block and is kept in `.stopped`.
    """
    seen, begun = Watched(), False
    printed = _FirstCharacters(PRINTED)
    watchdog = _Watchdog(SECONDS if seconds is None else seconds)
    try:
        with (
            redirect_stdout(printed),
            redirect_stderr(printed),
            _memory(MEMORY),
            _no_exit(),
            _recursion_limit_kept(),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("default")
            watchdog.begin()
            try:
                begun = True
                watchdog.look.set()
                yield seen
            finally:
                watchdog.stop()
    except (KeyboardInterrupt, OutOfTime) as error:
        if not begun:
            raise
        seen.stopped = error
    finally:
        watchdog.stop()
        seen.printed = printed.text()
        seen.warned = list(dict.fromkeys(str(warning.message) for warning in warned))[:3]


class _FirstCharacters(io.TextIOBase):
    """A file that keeps the first characters written to it and counts the rest."""

    def __init__(self, limit: int) -> None:
        self.limit, self.length = limit, 0
        self.kept: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = self.limit - self.length
        if room > 0:
            self.kept.append(text[:room])
        self.length += len(text)
        return len(text)

    def text(self) -> str:
        more = self.length - self.limit
        return "".join(self.kept) + (f"\n… and {more} more characters" if more > 0 else "")


class _Watchdog(threading.Thread):
    """Raises OutOfTime in the thread that made it, some seconds after `look` and then every second until stopped.

    And RecursionError where Python does not: 3.13 before 3.13.8 forgets to count calls of functions that have defaults,
    3.14.0 those with keywords (https://github.com/python/cpython/issues/132744 and 137883), until memory runs out.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self.seconds, self.watched = seconds, threading.get_ident()
        self.look, self.over, self.lock = threading.Event(), threading.Event(), threading.Lock()
        self.has_raised = False
        self.clock: unthreaded.Clock | None = None

    def begin(self) -> None:
        try:
            self.start()
        except RuntimeError:  # no threads, as in a browser
            self.clock = unthreaded.Clock(self.seconds, OutOfTime)
            self.clock.start()

    def run(self) -> None:
        self.look.wait()  # starting a thread takes time, which does not count
        end = time.monotonic() + self.seconds
        trouble: type[BaseException]
        while not self.over.wait(LOOK):
            if time.monotonic() >= end:
                trouble, end = OutOfTime, end + 1
            elif _is_deeper(self.watched, max(DEEPEST, sys.getrecursionlimit())):
                trouble = RecursionError
            else:
                continue
            with self.lock:
                if not self.over.is_set():
                    self.has_raised = True
                    _raise_in(self.watched, trouble)

    def stop(self) -> None:
        if self.clock is not None:
            self.clock.stop()
        with self.lock:
            self.over.set()
            self.look.set()
            if self.has_raised:  # to cancel nothing would slow Python 3.11 down for good, and hang what traces it
                _raise_in(self.watched, None)  # cancels what was raised but has not arrived yet


def _is_deeper(thread: int, limit: int) -> bool:
    """Are there more than so many calls inside each other in this thread?"""
    frame: FrameType | None = sys._current_frames().get(thread)
    while frame is not None and limit >= 0:
        frame, limit = frame.f_back, limit - 1
    return limit < 0


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(exception) if exception else None
    )


@contextmanager
def _memory(extra: int) -> Iterator[None]:
    """Limit what the block may allocate, where the system can: then it gets a MemoryError, and the kernel survives."""
    try:
        held = memory.held()
        if held is None:
            raise OSError("no limit")
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([held + extra, *limits]), hard))
    except (ImportError, OSError, ValueError):  # no such limit on this system
        with unthreaded.memory(extra) if sys.platform == "emscripten" else nullcontext():
            yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _recursion_limit_kept() -> Iterator[None]:
    """Keep the block from raising Python's recursion limit so far that an endless recursion overflows the C stack."""
    limit, lift = sys.getrecursionlimit(), sys.setrecursionlimit
    sys.setrecursionlimit = lambda wanted: lift(min(wanted, max(limit, DEEPEST)))
    try:
        yield
    finally:
        sys.setrecursionlimit = lift
        lift(limit)


@contextmanager
def _no_exit() -> Iterator[None]:
    """What would end the kernel raises SystemExit instead, for the block: exit() and quit(), os._exit() and os.abort().

    Other threads, and processes that the block starts, may end themselves.
    """
    here = os.getpid(), threading.get_ident()
    before = {name: getattr(os, name) for name in ("_exit", "abort")}

    def instead_of(leave: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
        def leave_or_raise(*status: Any) -> NoReturn:
            if (os.getpid(), threading.get_ident()) != here:
                leave(*status)
            raise SystemExit(*status)

        return leave_or_raise

    for name, leave in before.items():
        setattr(os, name, instead_of(leave))
    try:
        with _no_exit_from_the_shell():
            yield
    finally:
        for name, leave in before.items():
            setattr(os, name, leave)


@contextmanager
def _no_exit_from_the_shell() -> Iterator[None]:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        yield
        return

    def ask_exit() -> NoReturn:
        raise SystemExit

    shell.ask_exit = ask_exit
    try:
        yield
    finally:
        with suppress(AttributeError):
            del shell.ask_exit
