"""Predict before you look: `predict(name, answer=None)` in a cell, and feedback that explains."""

from IPython.display import display

from course_lib.exercises import registry
from course_lib.exercises.engine import cards


def names():
    """The names of all predictions, in lesson order."""
    return list(registry.predictions())


def get(name):
    """The Prediction of that name, such as "01/last_input"."""
    known = registry.predictions()
    if name not in known:
        raise ValueError(f"name must be one of the predictions, {', '.join(known)}, but is {name!r}")
    return known[name]


def predict(name, answer=None):
    """Show what there is to say about a learner's answer to a question; without one, how to give it."""
    display(Feedback(*get(name).feedback(answer)))


class Feedback:
    """What is said to an answer: right is True, False, or None where there is nothing to judge."""

    def __init__(self, right, says):
        self.right, self.says = right, says

    def _repr_html_(self):
        return cards.feedback(self)

    def __repr__(self):
        return cards.feedback_text(self)
