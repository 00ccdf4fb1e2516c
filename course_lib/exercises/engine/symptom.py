"""What a broken function shows when it is run: numbers in a table, and arrays beside what was measured."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from course_lib import gradcheck
from course_lib.exercises.engine import cards
from course_lib.exercises.engine.guard import OutOfTime, supervised
from course_lib.exercises.engine.running import describe
from course_lib.exercises.engine.verdict import Picture


@dataclass
class Symptom:
    """A sentence; a table of rows below a head; a picture; curves by name; or an exception, if one was raised."""

    says: str
    head: tuple = ()
    rows: list = field(default_factory=list)
    picture: Picture = None
    curves: dict = field(default_factory=dict)
    raised: object = None

    def _repr_html_(self):
        return cards.symptom_html(self)

    def __repr__(self):
        return cards.symptom_text(self)


def guarded_symptom(look: Callable):
    """look(f) -> a Symptom. What it gives back is safe to call with whatever a learner wrote."""

    def shown(f):
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
        return found or Symptom("It was stopped.", raised=describe(seen.stopped, "small arrays"))

    return shown


def measured(forward, dy, value):
    """The gradient of sum(dy * forward(value)), by central differences."""
    return gradcheck.numerical_gradient(lambda value: np.sum(dy * forward(value)), value)


def off(found, truth):
    """How far apart two arrays are, in words of one number."""
    found = np.asarray(found)
    if found.shape != truth.shape:
        return f"shape {found.shape}"
    error = gradcheck.relative_error(found, truth)
    return "none" if error < 1e-6 else f"{error:.2g}"
