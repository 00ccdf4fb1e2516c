"""Calling a learner's function on one set of arguments, and bringing what comes back into one form."""

import inspect
import linecache
import re
import reprlib
import sysconfig
from dataclasses import dataclass, field

import numpy as np

from course_lib.exercises.engine.guard import OutOfTime
from course_lib.exercises.engine.verdict import Raised

NOT_THE_LEARNERS = ("<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
LARGEST = 10**6  # entries of a result that are kept; every right one is far smaller


class _Brief(reprlib.Repr):
    """A list of a million entries is written down as far as it is shown, and no further."""

    def repr_instance(self, value, level):
        return repr(value)  # and where that fails, it fails: _safe says so


_BRIEF = _Brief()
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxset = _BRIEF.maxdict = _BRIEF.maxdeque = 30
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 200


class CannotBeJudgedError(Exception):
    """Raised by an exercise's `run` with a sentence, where what the learner wrote lacks what judging needs."""


def copied(value):
    """An array's copy; anything else as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value


@dataclass
class Run:
    """What came of one call: tensors by name (None where nothing came), or what went wrong."""

    case: dict
    expected: dict  # tensor name -> the right array
    tensors: dict = field(default_factory=dict)
    complaint: str = ""  # about what was returned as a whole
    changed: list = field(default_factory=list)  # arguments that were written to
    raised: Raised = None
    error: BaseException = None
    given: list = field(default_factory=list)  # the very arrays that were returned

    @property
    def empty(self):
        """Nothing was written yet: None came back, or NotImplementedError."""
        if self.error is not None:
            return type(self.error) is NotImplementedError
        return not self.complaint and all(tensor is None for tensor in self.tensors.values())


def run_case(exercise, f, case, expected):
    """Call f on copies of the arguments of a case. Only an interruption is let through."""
    arguments = {name: copied(value) for name, value in case.items()}
    result = Run(case, expected)
    try:
        value = exercise.results(callable_with(f, exercise), arguments)
        _sort_out(result, value, exercise)
    except (KeyboardInterrupt, OutOfTime):
        raise
    except CannotBeJudgedError as error:
        result.complaint = str(error)
    except BaseException as error:  # sys.exit() too
        result.error, result.raised = error, describe(error, call_text(case))
    result.changed = [name for name in case if not _same(arguments[name], case[name])]
    return result


def _same(value, before):
    if not isinstance(before, np.ndarray):
        return True
    return value.shape == before.shape and value.dtype == before.dtype and np.array_equal(value, before)


def callable_with(f, exercise):
    """f, made callable with the arguments in the stub's order, whichever of them it wants by name."""
    if inspect.isclass(f):
        return f
    stub = inspect.signature(exercise.answer)
    try:
        own = inspect.signature(f)
    except (TypeError, ValueError):  # some callables tell nothing about themselves
        return f

    def call(*values):
        named = dict(zip(stub.parameters, values, strict=False))
        needed = {name: v for name, v in named.items() if stub.parameters[name].default is inspect.Parameter.empty}
        optional = {name: value for name, value in named.items() if name not in needed}
        for args, kwargs in ((values, {}), (needed.values(), optional), ((), named)):
            try:
                own.bind(*args, **kwargs)
            except TypeError:
                continue
            return f(*args, **kwargs)
        return f(*values)  # and let Python say what is missing

    return call


def as_in_stub(f, exercise):
    """f itself if it can be called as the stub promises, by name and with its defaults; else a wrapper that can."""
    if inspect.isclass(f):
        return f
    stub = inspect.signature(exercise.answer)
    needed = [p for p in stub.parameters.values() if p.default is p.empty]
    try:
        own = inspect.signature(f)
        own.bind(*needed)
        own.bind(*stub.parameters)
        own.bind(**stub.parameters)
    except (TypeError, ValueError):
        ordered = callable_with(f, exercise)

        def called_as_in_stub(*args, **kwargs):
            call = stub.bind(*args, **kwargs)
            call.apply_defaults()
            return ordered(*call.arguments.values())

        return called_as_in_stub
    return f


# ---------------------------------------------------------------- what came back


def _sort_out(result, value, exercise):
    """The returned value -> result.tensors by name, or a complaint about its form."""
    names = exercise.tensors
    result.tensors = dict.fromkeys(names)
    if value is None:
        return
    if len(names) == 1:
        (name,) = names
        if isinstance(value, (tuple, list)) and _is_a_collection(value, result.expected[name].shape):
            result.complaint = f"{_count(value)} came back, but one array, {name}, is expected."
            return
        parts = [value]
    elif not isinstance(value, (tuple, list)):
        result.complaint = f"One {_kind(value)} came back, but {len(names)} results are expected: {', '.join(names)}."
        return
    elif len(value) != len(names):
        result.complaint = f"{_count(value)} came back, but {len(names)} are expected: {', '.join(names)}."
        return
    else:
        parts = value
    arrays = [None if part is None else np.asarray(part) for part in parts]
    for name, array in zip(names, arrays, strict=True):
        if array is not None and array.size > LARGEST:
            result.complaint = (
                f"{name} came back with shape {array.shape}, but {result.expected[name].shape} is expected."
            )
            return
    result.given = list(parts)
    result.tensors = {name: array if array is None else array.copy() for name, array in zip(names, arrays, strict=True)}


def _is_a_collection(value, shape):
    """Whether a tuple or list is several results, and not one array written as a tuple or list."""
    if not any(isinstance(part, (np.ndarray, tuple, list)) for part in value):
        return False
    try:
        return np.shape(value) != shape
    except ValueError:  # its parts differ in shape
        return True


def _count(value):
    return f"A {_kind(value)} of {len(value)} " + ("result" if len(value) == 1 else "results")


def _kind(value):
    return "array" if isinstance(value, np.ndarray) else type(value).__name__


# ---------------------------------------------------------------- what was raised


def describe(error, call):
    """An exception -> where in the learner's code it came from, in the learner's own words and values."""
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


def _with_what_self_holds(local):
    """The local names, and in place of self, which looks the same whatever it holds, its attributes."""
    others = {name: value for name, value in local.items() if name != "self"}
    return others | {f"self.{name}": value for name, value in getattr(local.get("self"), "__dict__", {}).items()}


def _learners_frame(traceback):
    """The innermost frame of code that is neither this library's nor Python's or an installed package's."""
    found = None, 0
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        file = traceback.tb_frame.f_code.co_filename
        if module.partition(".")[0] != "course_lib" and not file.startswith(NOT_THE_LEARNERS):
            found = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def shown(value):
    """A value in a few characters, without addresses: what to print of an argument or a variable."""
    if isinstance(value, np.ndarray):
        return f"array {value.shape}" if value.size > 6 or value.ndim > 1 else f"array {value.round(3).tolist()}"
    if isinstance(value, np.generic):
        value = value.item()  # 0.5, and not np.float64(0.5)
    if callable(value):
        return "a function"
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", _safe(_BRIEF.repr, value))
    return text if len(text) <= 60 else text[:57] + "…"


def call_text(case):
    """The arguments of a case as one reads them: shapes of arrays, values of numbers."""
    return ", ".join(
        f"{name} {value.shape}" if isinstance(value, np.ndarray) and value.ndim else f"{name}={shown(value)}"
        for name, value in case.items()
    )


def _safe(convert, value):
    try:
        return convert(value)[:500]
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:  # a __repr__ may even call exit()
        return f"(cannot be shown: {type(error).__name__})"
