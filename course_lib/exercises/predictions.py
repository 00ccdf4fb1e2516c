"""Predict before you look: `predict(name, answer=None)` in a cell, and feedback that explains."""

from dataclasses import dataclass
from typing import Any, ClassVar

from IPython.display import display

from course_lib.exercises import registry
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.prediction import Prediction

HEADS = {  # symbol, words, the name of the edge's colour
    True: ("✓", "Right", "right"),
    False: ("✗", "Not quite", "wrong"),
    None: ("?", "Your prediction", "neutral"),
}


def names() -> list[str]:
    """The names of all predictions, in lesson order."""
    return list(registry.predictions())


def get(name: str) -> Prediction:
    """The Prediction of that name, such as "01/last_input", or of the name it had before."""
    return registry.prediction(name)


def predict(name: str, answer: Any = None) -> None:
    """Show what there is to say about a learner's answer to a question; without an answer, how to give one."""
    display(Feedback(*get(name).feedback(answer)))


@dataclass(repr=False)
class Feedback(Card):
    """What is said to an answer: right is True, False, or None where there is nothing to judge."""

    right: bool | None
    says: str

    template: ClassVar[str] = "feedback.html"

    @property
    def head(self) -> tuple[str, str]:
        return HEADS[self.right][:2]

    @property
    def colour(self) -> str:
        return HEADS[self.right][2]

    def lines(self) -> list[str]:
        symbol, words = self.head
        return [f"{symbol} {words}: {self.says}"]
