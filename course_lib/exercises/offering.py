"""The button below a card that plays a learner's code."""

import inspect
from typing import Any

from IPython import get_ipython
from IPython.display import display

from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.verdict import Verdict
from course_lib.exercises.recording import watched


def offer_watch(exercise: Exercise, f: Any, verdict: Verdict) -> None:
    """Show the button in a notebook, and do nothing elsewhere. Nothing is run before it is pressed.

    A function without parameters computes nothing from arrays, so there is nothing to play.
    """
    if getattr(get_ipython(), "kernel", None) is None:
        return
    if inspect.isfunction(exercise.answer) and not inspect.signature(exercise.answer).parameters:
        return
    from course_lib.widgets.offer import Offer

    words = f"watch({exercise.name}) plays your code"
    display(Offer("Watch it run", f"{words}, line by line", words, lambda: watched(exercise, f, verdict)))
