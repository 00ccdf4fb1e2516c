"""What a smallest example needs: sizes and features without which the same answer comes out right, in a sentence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from course_lib.exercises.engine.question import Case, Question
from course_lib.exercises.engine.running import Run

MOST = 4  # features in the sentence
FIRST_CHOICES = "x", "logits", "w", "weight"  # arguments by whose shape a size is told
IMAGES = "image", "channel", "row", "column"
ALONG = {  # an axis -> what lies along it: one, and several
    "image": ("image", "images"),
    "channel": ("channel", "channels"),
    "filter": ("filter", "filters"),
    "row": ("row", "rows"),
    "column": ("column", "columns"),
    "feature": ("feature", "features"),
    "output": ("output", "outputs"),
    "score": ("column", "columns"),
    "position": ("entry", "entries"),
}

Difference = tuple[
    str, str, Callable[[Case], Any]
]  # what the example has, the neighbour has; whether a case has it too


def sentence(neighbours: Iterable[tuple[Case, Case]], question: Question, failing: Sequence[Run]) -> str:
    """ "This needs stride = 2 and 3 rows in x: yours is right with stride = 1, and with 2 rows in x."; "" for nothing.

    neighbours: (the example, a case with one size or feature less), where yours is right. failing: calls in which yours
    is known to be wrong; what one of them does without is not needed.
    """
    found = []
    for example, neighbour in neighbours:
        difference = next(_differences(question, example, neighbour), None)
        if difference and not any(difference[2](one.case) for one in failing):
            found.append(difference[:2])
    found = sorted(dict.fromkeys(found), key=lambda pair: "=" not in pair[0])[:MOST]
    if not found:
        return ""
    has, has_not = zip(*found, strict=True)
    return f"This needs {_listed(list(dict.fromkeys(has)))}: yours is right with {', and with '.join(has_not)}."


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _differences(question: Question, example: Case, neighbour: Case) -> Iterator[Difference]:
    """How two cases differ, the most telling first: in a number or a word, in sizes, in the length of an axis."""
    for name, here in example.items():
        there = neighbour[name]
        if there is None and here is not None:
            yield f"{name} other than None", f"{name} = None", _has(name, None)
        elif here is None and there is not None:
            yield f"{name} = None", f"{name} other than None", _has_something(name)
        elif isinstance(here, (bool, int, float, str, tuple)) and here != there:
            yield f"{name} = {_typed(here)}", f"{name} = {_typed(there)}", _has(name, there)
    arrays = [name for name, value in example.items() if isinstance(value, np.ndarray)]
    for name in sorted(arrays[1:] + arrays[:1], key=lambda name: name not in FIRST_CHOICES):  # a dy comes last
        here, there = np.shape(example[name]), np.shape(neighbour[name])
        axes = [axis for axis in range(min(len(here), len(there))) if here[axis] != there[axis]]
        if len(here) == len(there) and len(axes) == 1:
            yield _along(question, name, axes[0], here, there)
        elif here != there:
            yield f"{name} of shape {here}", f"{name} of shape {there}", _has_shape(name, there)


def _along(question: Question, name: str, axis: int, here: tuple[int, ...], there: tuple[int, ...]) -> Difference:
    keys = f"d{name}", name, f"{name}.grad"
    usual = IMAGES if name in ("x", "dy") and len(here) == len(IMAGES) else ()
    words = next((question.axes[key] for key in keys if key in question.axes), usual)
    known = len(words) == len(here) and words[axis] in ALONG
    one, several = ALONG[words[axis] if known else "position"]

    def told(length: int) -> str:
        where = f"in {name}" if known or len(here) == 1 else f"along axis {axis} of {name}"
        return f"{length} {one if length == 1 else several} {where}"

    return told(here[axis]), told(there[axis]), _is_no_longer(name, axis, len(here), there[axis])


def _is_no_longer(name: str, axis: int, dims: int, length: int) -> Callable[[Case], bool]:
    return lambda case: np.ndim(case[name]) == dims and np.shape(case[name])[axis] <= length


def _typed(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _has(name: str, value: Any) -> Callable[[Case], bool]:
    return lambda case: case[name] is value or (value is not None and case[name] == value)


def _has_something(name: str) -> Callable[[Case], bool]:
    return lambda case: case[name] is not None


def _has_shape(name: str, shape: tuple[int, ...]) -> Callable[[Case], bool]:
    return lambda case: np.shape(case[name]) == shape
