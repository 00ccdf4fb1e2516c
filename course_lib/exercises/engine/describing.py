"""An exception, a value and a call, told in the learner's own words."""

import inspect
import linecache
import re
import reprlib
import sysconfig
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from course_lib.exercises.engine.guard import OutOfTime
from course_lib.exercises.engine.verdict import Raised

NOT_THE_LEARNERS = ("<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
LONGEST_MESSAGE, LONGEST_VALUE = 500, 60  # characters
FIGURES = 5  # of a number that a function was called with


class _Brief(reprlib.Repr):
    """Writes a list of a million entries down as far as it is shown, and no further."""

    def repr_instance(self, value: Any, level: int) -> str:
        return repr(value)  # if it fails, _safe says so


_BRIEF = _Brief()
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxset = _BRIEF.maxdict = _BRIEF.maxdeque = 30
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 200


def describe(error: BaseException, call: str) -> Raised:
    """An exception with the line of the learner's code that it came from, and what the names in that line held."""
    frame, number = _learners_frame(error.__traceback__)
    message = _safe(str, error)
    if frame is None:
        return Raised(type(error).__name__, message, "", call=call)
    code = frame.f_code
    line = linecache.getline(code.co_filename, number).strip()
    names = dict.fromkeys(re.findall(r"self\.\w+|[A-Za-z_]\w*", line))
    local = _with_what_self_holds(frame.f_locals)
    held = {name: shown(local[name]) for name in names if name in local and not inspect.ismodule(local[name])}
    place = f"line {number - code.co_firstlineno + 1} of {code.co_name}"
    return Raised(type(error).__name__, message, place, line, held, call)


def _with_what_self_holds(local: Mapping[str, Any]) -> dict[str, Any]:
    """The local names, with the attributes of self in place of self, which looks the same whatever it holds."""
    others = {name: value for name, value in local.items() if name != "self"}
    return others | {f"self.{name}": value for name, value in getattr(local.get("self"), "__dict__", {}).items()}


def _learners_frame(traceback: TracebackType | None) -> tuple[FrameType | None, int]:
    """The innermost frame of code that is neither this library's nor Python's or an installed package's."""
    found: tuple[FrameType | None, int] = None, 0
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        file = traceback.tb_frame.f_code.co_filename
        if module.partition(".")[0] != "course_lib" and not file.startswith(NOT_THE_LEARNERS):
            found = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def shown(value: Any) -> str:
    """A value in a few characters, without addresses: what to print of an argument or a variable."""
    if isinstance(value, np.ndarray):
        if value.size > 6 or value.ndim > 1:
            return f"array {value.shape}"
        return f"array {(value.round(3) if value.dtype.kind in 'fc' else value).tolist()}"
    if isinstance(value, np.generic):
        value = value.item()  # 0.5, and not np.float64(0.5)
    if callable(value):
        return "a function"
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", _safe(_BRIEF.repr, value))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "…"


def call_text(case: dict[str, Any]) -> str:
    """The arguments of a case as one reads them: shapes of arrays, values of numbers, to a few figures."""
    return ", ".join(
        f"{name} {value.shape}" if isinstance(value, np.ndarray) and value.ndim else f"{name}={_argument(value)}"
        for name, value in case.items()
    )


def _argument(value: Any) -> str:
    if inspect.isfunction(value):
        return value.__name__  # one of the course's own
    return shown(float(f"{value:.{FIGURES}g}") if isinstance(value, float) else value)


def _safe(convert: Callable[[Any], str], value: Any) -> str:
    try:
        return convert(value)[:LONGEST_MESSAGE]
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:  # a __repr__ may even call exit()
        return f"(cannot be shown: {type(error).__name__})"
