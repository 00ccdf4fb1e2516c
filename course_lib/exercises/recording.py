"""A learner's code while it runs, recorded on a small example, and the right one beside it. Nothing is judged by it."""

import inspect
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib._support.tracing import Recorder, Trace
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.question import Case, copied
from course_lib.exercises.engine.running import callable_with
from course_lib.exercises.engine.verdict import Verdict
from course_lib.looks import INPUT, KERNEL, OUTPUT, UPSTREAM

if TYPE_CHECKING:
    from course_lib.widgets.watched import Watched

ROLES = {
    "x": INPUT,
    "w": KERNEL,
    "weight": KERNEL,
    "b": KERNEL,
    "y": OUTPUT,
    "dy": UPSTREAM,
    "cols": INPUT,
    "logits": INPUT,
}
NO_SOURCE = "This is not a function written in Python, so there are no lines to show."
NOTHING_TO_DRAW = "There is nothing to draw."
OUT_OF_TIME = "It was still running when the time was up; what is recorded stops there."


def recorded(exercise: Exercise, f: Any, case: Case) -> tuple[Trace, dict[str, Any]]:
    """Run f on an example. Returns what happened, and what f returned, by the names of the lab."""
    namespace = _namespace(f)
    if namespace is None:
        return Trace(refused=NO_SOURCE), {}
    recorder = Recorder(namespace, _methods(f) if f is exercise.answer else None, _decorated(f))
    arguments = {name: copied(value) for name, value in case.items()}
    with supervised() as seen:
        recorder.run(lambda: exercise.results(callable_with(f, exercise), arguments))
    trace = recorder.trace
    if seen.stopped is not None:
        trace.stopped = trace.stopped or OUT_OF_TIME
    return trace, _by_name(exercise, trace.value)


def _namespace(f: Any) -> dict[str, Any] | None:
    """The globals of a function, of a class by its methods, or of an object that can be called."""
    own = inspect.unwrap(f) if callable(f) else f
    if inspect.isclass(own):
        methods = [inspect.unwrap(value) for value in vars(own).values() if inspect.isfunction(value)]
        own = next((one for one in methods if one.__module__ == own.__module__), None)
    elif not inspect.isfunction(own):
        own = inspect.getattr_static(type(own), "__call__", None)
    return getattr(own, "__globals__", None)


def _methods(f: Any) -> set[CodeType] | None:
    """The code of a class's methods: beside one of the course's, what a lab does with it is written in its module."""
    return {one.__code__ for one in vars(f).values() if inspect.isfunction(one)} if inspect.isclass(f) else None


def _decorated(f: Any) -> CodeType | None:
    """The code of a function that a decorator wraps."""
    own = inspect.unwrap(f) if inspect.isfunction(f) else f
    return own.__code__ if own is not f else None


def _by_name(exercise: Exercise, value: Any) -> dict[str, Any]:
    names = exercise.tensors
    parts = [value] if len(names) == 1 else list(value) if isinstance(value, (tuple, list, np.ndarray)) else []
    return {name: part for name, part in zip(names, parts, strict=False) if _is_numbers(part)}


def _is_numbers(value: Any) -> bool:
    try:
        return value is not None and np.asarray(value).dtype.kind in "fiub"
    except ValueError:
        return False


def example(exercise: Exercise, verdict: Verdict) -> Case:
    """The arguments that an answer is watched with: the smallest that fail, or else the lab's own example.

    Where that has a single 1 in an array, so that a picture is easily read, every entry gets something to do.
    """
    if verdict.smallest is not None:
        return verdict.smallest.arguments
    return {name: _busy(value) for name, value in exercise.probe.items()}


def _busy(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or np.count_nonzero(value) != 1 or value.size == 1:
        return value
    return (np.arange(value.size) % 4 + 1).reshape(value.shape).astype(value.dtype)


def watched(exercise: Exercise, f: Any, verdict: Verdict | None = None) -> "Watched":
    """The player of an answer, judged already or not; beside one that is wrong, a right one on the same clock."""
    from course_lib.frames.parting import parted
    from course_lib.frames.traced import story
    from course_lib.widgets.watched import Watched

    verdict = exercise.judge(f) if verdict is None else verdict
    case = example(exercise, verdict)
    trace, returned = recorded(exercise, f, case)
    if trace.refused:
        return Watched(trace.refused)
    if f is exercise.answer:
        return Watched(story(trace, f"{exercise.name}: a right answer", returned, ROLES, lab=exercise.name))
    mine = story(trace, f"{exercise.name}: your code", returned, ROLES)
    if not mine.grids:
        return Watched(f"{NOTHING_TO_DRAW} {mine.steps[-1].sentence}")
    if verdict.status == "right":
        return Watched(mine)
    right_trace, right_returned = recorded(exercise, exercise.answer, case)
    right = story(right_trace, "A right answer, on the same numbers", right_returned, ROLES, lab=exercise.name)
    return Watched(parted(mine, right), right)
