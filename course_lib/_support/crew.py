"""Work cut into portions, which threads share: NumPy lets go of Python's lock while it computes.

Each thread takes the next portion that nobody has taken. So one that comes late, because another program has its
processor, finds less to do, and one that has not come at all is not waited for. Sums are cut in the same places for
any number of threads.

Portions are few and large. Whenever a thread calls NumPy it may have to wait for Python's lock, and waking it takes as
long as NumPy takes for some ten thousand entries: cut finer, a small net is two times slower with two threads. As it
is, a step of the Keras net of tests/benchmark takes about 0.7 of the time with two threads.

OpenBLAS, which multiplies for NumPy, has threads of its own, which wait by spinning. Where other programs run as well
they take more than ten times as long as one thread, so they rest while the library multiplies.
"""

import functools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import numpy as np

from course_lib._support.types import Array

P = ParamSpec("P")
R = TypeVar("R")

_WORTH = 2 * 10**7  # multiply-adds: fewer are done sooner than handed over
PER_ENTRY = 8  # multiply-adds that take as long as what reads one number and writes one
_MOST = 4  # threads, where nobody asks for more: they take turns with Python's lock

# ---------------------------------------------------------------- portions


def share(work: Callable[[Any], Any], portions: Sequence[Any], multiply_adds: float) -> list[Any]:
    """work(portion) for each of them, in any order -> the results, in the order of the portions.

    No portion may write where another one reads or writes. What work raises is raised here.
    """
    if len(portions) == 1 or threads() == 1 or multiply_adds < _WORTH:
        return [work(portion) for portion in portions]
    left, results, errors = deque(enumerate(portions)), [None] * len(portions), np.geterr()

    def take() -> None:
        with np.errstate(**errors):
            while left:
                try:
                    number, portion = left.popleft()
                except IndexError:  # another thread was faster
                    return
                results[number] = work(portion)

    helpers = _helpers.start(take)
    try:
        started = time.perf_counter()
        take()
        ended = time.perf_counter()
    finally:
        left.clear()
    begun = [helper for helper in helpers if not helper.cancel()]
    for helper in begun:
        helper.result()
    _helpers.note(len(begun), time.perf_counter() - ended, (ended - started) / len(portions))
    return results


def slices(length: int) -> list[slice]:
    """Slices of an axis of that length, one for each thread."""
    step = -(-length // threads())
    return [slice(first, first + step) for first in range(0, length, step)]


def entrywise(ufunc: np.ufunc, a: Array, b: Any) -> Array:
    """ufunc(a, b), which is as large as the array a; b: an array of that shape, or a number."""
    if threads() == 1 or PER_ENTRY * a.size < _WORTH:
        result: Array = ufunc(a, b)
        return result
    result = np.empty_like(a)
    axis = int(np.argmax(a.strides))  # the outermost in memory

    def work(part: slice) -> None:
        place = (slice(None),) * axis + (part,)
        ufunc(a[place], b[place] if np.ndim(b) else b, out=result[place])

    share(work, slices(a.shape[axis]), PER_ENTRY * a.size)
    return result


# ---------------------------------------------------------------- threads


def threads() -> int:
    """How many threads share the work, the one that asks among them."""
    return _helpers.count + 1


def set_threads(count: int) -> None:
    """Have the work shared by so many threads, or by one where Python can start none."""
    _helpers.set(count - 1)


def _usual() -> int:
    """As many as the environment asks for, or as there are processors for this process."""
    for name in ("COURSE_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return max(1, int(os.environ[name]))
    return min(_MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class _Helpers:
    """The threads besides the one that asks. They start with the first work that is worth it."""

    def __init__(self, count: int) -> None:
        self.set(count)

    def set(self, count: int) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(max(1, count), "helper of course_lib")
        self.pause, self.resting = 1, 0  # how many works they are spared, if held up; and are still spared now

    def start(self, work: Callable[[], None]) -> list[Future]:
        """Hand work() to each of them. It may have begun, or not, when this returns."""
        if self.resting:
            self.resting -= 1
            return []
        handed: list[Future] = [Future() for _ in range(self.count)]
        try:
            for future in handed:
                self.pool.submit(_run, future, work)
        except RuntimeError:  # Python cannot start a thread, as in a browser, or is about to end
            self.count = 0  # but threads that it did start may have begun, also with what could not be handed over
        return handed

    def note(self, begun: int, waited: float, portion: float) -> None:
        """Note how long helpers who had begun were waited for: if twice a portion's time, they have no processor."""
        if begun and waited > 2 * portion + 0.0005:
            self.pause = min(2 * self.pause, 1024)
            self.resting = self.pause
        elif begun:
            self.pause = max(1, self.pause - 1)


def _run(future: Future, work: Callable[[], None]) -> None:
    """work(), unless it was cancelled, and how it ended as the result of the future."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)


_helpers = _Helpers(_usual() - 1)


# ---------------------------------------------------------------- the threads of NumPy's products


class _Products:
    """What is told to the libraries that multiply for NumPy.

    An interrupt may come at any place: then the next work does what was left undone.
    """

    def __init__(self) -> None:
        self.lock, self.at_work = threading.Lock(), set[int]()  # the threads, by their numbers
        self.before: list[tuple[Any, int]] = []  # what is to be given back

    @functools.cached_property
    def libraries(self) -> list[Any]:
        try:
            from threadpoolctl import ThreadpoolController  # here, so that what computes needs nothing but NumPy
        except ImportError:  # a browser has no threads
            return []
        return ThreadpoolController().select(user_api="blas").lib_controllers

    def begin(self, thread: int) -> None:
        with self.lock:
            self.at_work.add(thread)
            if len(self.at_work) == 1:
                if not self.before:
                    counts = [(library, library.get_num_threads()) for library in self.libraries]
                    self.before = [(library, count) for library, count in counts if count > 1]
                for library, _ in self.before:
                    library.set_num_threads(1)

    def end(self, thread: int) -> None:
        with self.lock:
            self.at_work.discard(thread)
            if not self.at_work:
                for library, count in self.before:
                    library.set_num_threads(count)
                self.before = []


_products = _Products()
_inside = threading.local()  # a_work: whether this thread multiplies already


def _forked() -> None:
    """A process that was forked has none of the threads, and may have a lock that one of them held."""
    _helpers.set(_helpers.count)
    _products.lock, _products.at_work = threading.Lock(), set()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def one_thread_a_product(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: while the function runs, in whichever thread, each of NumPy's products takes one thread."""

    @functools.wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(_inside, "a_work", False):
            return function(*args, **kwargs)
        thread = threading.get_ident()
        try:
            _inside.a_work = True
            _products.begin(thread)
            return function(*args, **kwargs)
        finally:
            _inside.a_work = False
            _products.end(thread)

    return alone
