"""Calling a learner's function on one set of arguments, and bringing what it returns into one form."""

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.describing import call_text, describe
from course_lib.exercises.engine.guard import OutOfTime
from course_lib.exercises.engine.question import Case, Question, Tensors, copied
from course_lib.exercises.engine.verdict import Raised

ROUNDING = 8  # times the precision of the dtype: what a few additions lose, and no step that is made on purpose
LARGEST = 10**6  # entries of a result that are kept; every right one is far smaller


class CannotBeJudgedError(Exception):
    """Raised by an exercise's `run` with a sentence, where what the learner wrote lacks what judging needs."""


@dataclass
class Run:
    """What came of one call: tensors by name (None where nothing came), or what went wrong."""

    case: Case
    expected: Tensors
    tensors: dict[str, np.ndarray | None] = field(default_factory=dict)
    complaint: str = ""  # about what was returned as a whole
    changed: list[str] = field(default_factory=list)  # arguments that were written to
    nearly: list[str] = field(default_factory=list)  # of these, the ones that differ by rounding alone
    raised: Raised | None = None
    given: list[Any] = field(default_factory=list)  # the very arrays that were returned
    empty: bool = False  # nothing was written yet: None came back, or NotImplementedError


def run_case(question: Question, f: Any, case: Case, expected: Tensors) -> Run:
    """Call f on copies of the arguments of a case. Only an interruption is let through."""
    arguments = {name: copied(value) for name, value in case.items()}
    result = Run(case, expected)
    try:
        value = question.results(callable_with(f, question), arguments)
        _sort_out(result, value, question)
        result.empty = not result.complaint and all(tensor is None for tensor in result.tensors.values())
    except (KeyboardInterrupt, OutOfTime):
        raise
    except CannotBeJudgedError as error:
        result.complaint = str(error)
    except BaseException as error:  # sys.exit() too
        result.raised = describe(error, call_text(case))
        result.empty = type(error) is NotImplementedError
    result.changed = [name for name in case if not _same(arguments[name], case[name])]
    result.nearly = [name for name in result.changed if _differs_by_rounding(arguments[name], case[name])]
    return result


def _same(value: Any, before: Any) -> bool:
    if not isinstance(before, np.ndarray):
        return True
    return value.shape == before.shape and value.dtype == before.dtype and np.array_equal(value, before)


def _differs_by_rounding(value: np.ndarray, before: np.ndarray) -> bool:
    if value.shape != before.shape or value.dtype.kind != "f":
        return False
    return close(value, before, ROUNDING * float(np.finfo(value.dtype).eps))


def worst_error(question: Question, runs: Sequence[Run]) -> float:
    """The largest difference from the right results, relative to the largest entry of each.

    What is right in another legitimate way differs by more, and does not count.
    """
    pairs = [(one.tensors[name], right) for one in runs for name, right in one.expected.items()]
    same = [(array, right) for array, right in pairs if close(array, right, question.tolerance)]
    return max(
        (float(np.abs(array - right).max(initial=0) / (np.abs(right).max(initial=0) or 1.0)) for array, right in same),
        default=0.0,
    )


def callable_with(f: Any, question: Question) -> Callable[..., Any]:
    """f, made callable with the arguments in the stub's order, whichever of them it wants by name."""
    if inspect.isclass(f):
        return f
    stub = _signature(question.answer)
    try:
        own = inspect.signature(f)
    except (TypeError, ValueError):  # some callables tell nothing about themselves
        return f

    def call(*values: Any) -> Any:
        args, kwargs = _way(own, stub, values) or (values, {})  # where there is none, Python says what is missing
        return f(*args, **kwargs)

    return call


@functools.cache
def _signature(answer: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(answer)


def can_be_called_with(f: Any, question: Question) -> bool:
    """Whether f takes the arguments of the stub, in one way or another, or tells nothing about what it takes."""
    stub = _signature(question.answer)
    try:
        own = inspect.signature(f)
    except (TypeError, ValueError):
        return True
    return _way(own, stub, tuple(stub.parameters)) is not None


def _way(
    own: inspect.Signature, stub: inspect.Signature, values: Sequence[Any]
) -> tuple[Sequence[Any], dict[str, Any]] | None:
    """Positional and keyword arguments with which a function of that signature can be called, if there are any."""
    named = dict(zip(stub.parameters, values, strict=False))
    needed = {name: v for name, v in named.items() if stub.parameters[name].default is inspect.Parameter.empty}
    optional = {name: value for name, value in named.items() if name not in needed}
    ways: tuple[tuple[Sequence[Any], dict[str, Any]], ...] = (
        (values, {}), (tuple(needed.values()), optional), ((), named),
    )  # fmt: skip
    for args, kwargs in ways:
        with suppress(TypeError):
            own.bind(*args, **kwargs)
            return args, kwargs
    return None


def as_in_stub(f: Any, question: Question) -> Callable[..., Any]:
    """f itself if it can be called as the stub promises, by name and with its defaults; else a wrapper that can."""
    if inspect.isclass(f):
        return f
    stub = _signature(question.answer)
    if any(p.kind is p.VAR_POSITIONAL for p in stub.parameters.values()):
        return f  # as many arguments as there are, by their places
    needed = [p for p in stub.parameters.values() if p.default is p.empty]
    try:
        own = inspect.signature(f)
        own.bind(*needed)
        own.bind(*stub.parameters)
        own.bind(**stub.parameters)
    except (TypeError, ValueError):
        ordered = callable_with(f, question)

        def called_as_in_stub(*args: Any, **kwargs: Any) -> Any:
            call = stub.bind(*args, **kwargs)
            call.apply_defaults()
            return ordered(*call.arguments.values())

        return called_as_in_stub
    return f


# ---------------------------------------------------------------- what was returned


def _sort_out(result: Run, value: Any, question: Question) -> None:
    """Fill result.tensors with what was returned, by name, or result.complaint with what is wrong with its form."""
    names = question.tensors
    result.tensors = dict.fromkeys(names)
    if value is None:
        return
    if isinstance(value, np.ndarray) and value.shape == (len(names),) and _all_numbers(result.expected):
        value = list(value)  # np.array([dx, dw1, dw2])
    parts: Sequence[Any]
    if len(names) == 1:
        (name,) = names
        if isinstance(value, (tuple, list)) and _is_a_collection(value, result.expected[name].shape):
            result.complaint = f"It returned a {_count(value)}, but one array, {name}, is expected."
            return
        parts = [value]
    elif not isinstance(value, (tuple, list)):
        kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
        result.complaint = f"It returned one {kind}, but {len(names)} results are expected: {', '.join(names)}."
        return
    elif len(value) != len(names):
        result.complaint = f"It returned a {_count(value)}, but {len(names)} are expected: {', '.join(names)}."
        return
    else:
        parts = value
    arrays = [None if part is None else np.asarray(part) for part in parts]
    for name, array in zip(names, arrays, strict=True):
        if array is not None and array.size > LARGEST:
            result.complaint = f"{name} has shape {array.shape}, but {result.expected[name].shape} is expected."
            return
    result.given = list(parts)
    result.tensors = {name: array if array is None else array.copy() for name, array in zip(names, arrays, strict=True)}


def _all_numbers(expected: Tensors) -> bool:
    return len(expected) > 1 and all(array.ndim == 0 for array in expected.values())


def _is_a_collection(value: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether a tuple or list is several results, and not one array written as a tuple or list."""
    if not any(isinstance(part, (np.ndarray, tuple, list)) for part in value):
        return False
    try:
        return np.shape(value) != shape
    except ValueError:  # its parts differ in shape
        return True


def _count(value: Sequence[Any]) -> str:
    return f"{type(value).__name__} of {len(value)} " + ("result" if len(value) == 1 else "results")
