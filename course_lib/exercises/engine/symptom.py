"""What a broken function shows when it is run: numbers in a table, and arrays beside what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from course_lib import gradcheck
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.describing import describe
from course_lib.exercises.engine.guard import OutOfTime, supervised
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.verdict import Raised
from course_lib.looks import number


@dataclass(repr=False)
class Symptom(Card):
    """A sentence; a table of rows below a head; a picture; curves by name; or an exception, if one was raised.

    axes: what the curves are drawn along, and what they show. every: how far their points are apart.
    """

    says: str
    head: Sequence[object] = ()
    rows: Sequence[Sequence[object]] = field(default_factory=list)
    picture: Picture | None = None
    curves: dict[str, Sequence[float]] = field(default_factory=dict)
    raised: Raised | None = None
    axes: tuple[str, str] = ("step", "loss")
    every: int = 1

    template: ClassVar[str] = "symptom.html"

    def lines(self) -> list[str]:
        lines = [self.says, *("  ".join(map(str, row)) for row in (self.head, *self.rows) if row)]
        lines += self.picture.lines() if self.picture else []
        return lines + (self.raised.lines() if self.raised else [])


def guarded_symptom(look: Callable[[Any], Symptom]) -> Callable[[Any], Symptom]:
    """look(f), which returns a Symptom, made safe to call with whatever a learner wrote."""

    def shown(f: Any) -> Symptom:
        found = None
        with supervised() as seen:
            try:
                found = look(f)
                if found.picture:  # what is not made of numbers cannot be drawn
                    found.picture.yours = np.asarray(found.picture.yours, float)
            except (KeyboardInterrupt, OutOfTime):
                raise
            except BaseException as error:  # sys.exit() too
                found = Symptom("It does not run.", raised=describe(error, "small arrays"))
        if found is None:
            assert seen.stopped is not None
            found = Symptom("It was stopped.", raised=describe(seen.stopped, "small arrays"))
        return found

    return shown


def measured(forward: Callable[[np.ndarray], np.ndarray], dy: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The gradient of sum(dy * forward(value)), by central differences; shaped like value."""
    return gradcheck.numerical_gradient(lambda value: np.sum(dy * forward(value)), value)


def off(found: Any, truth: np.ndarray) -> str:
    """How far apart two arrays are, in words of one number."""
    found = np.asarray(found)
    if found.shape != truth.shape:
        return f"shape {found.shape}"
    error = gradcheck.relative_error(found, truth)
    return "none" if error < 1e-6 else number(error, 2)
