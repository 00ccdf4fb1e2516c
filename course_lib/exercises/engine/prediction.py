"""A question to answer before looking: what the learner is told depends on the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NO_ANSWER = "Put {form} in place of `None` and run the cell. A guess costs nothing."
NO_CHOICE = "{answer} is not one of the answers: {choices}."
NO_NUMBER = "Please type a number: put {form} in place of your answer."
WRONG_SHAPE = "The answer is {expected}, but yours has shape {given}."
WRONG = "Not that. Take it step by step with the numbers above, and try again."
LONGEST = 200  # characters of what is said to an answer that is none


@dataclass(frozen=True)
class Prediction:
    """A question, "NN/name", with choices to pick from or a number (or several) to type.

    choices: letter -> (what it says, what one who picks it is told); then `answer` is the right letter.
    Otherwise answer() computes the right number or numbers, within `tolerance`; wrong_answers: (what a number typed
    might be, what one who typed it is told), the first a number or a function that computes it.
    signs: what one is told whose numbers all have the right signs, where nothing else is known of them.
    why: what one who answered correctly is told.
    formerly: names that the question had before; links and the progress file are read by them too.
    """

    name: str
    text: str
    answer: str | Callable[[], Any]
    why: str
    choices: dict[str, tuple[str, str]] = field(default_factory=dict)
    wrong_answers: tuple[tuple[Any, str], ...] = ()
    tolerance: float = 1e-6
    signs: str = ""
    formerly: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """Markdown."""
        listed = "".join(f"\n- **{letter}** · {says}" for letter, (says, _) in self.choices.items())
        return f"{self.text}\n{listed}" if listed else self.text

    @property
    def cell(self) -> str:
        """The code cell in which the learner answers."""
        return f'predict("{self.name}", answer=None)'

    def feedback(self, answer: Any) -> tuple[bool | None, str]:
        """Whether an answer is right (None if it is no answer), and what to say to it."""
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            return None, NO_ANSWER.format(form=self._form())
        return self._on_choice(answer) if self.choices else self._on_number(answer)

    def _expected(self) -> np.ndarray:
        """The right number or numbers."""
        assert callable(self.answer)
        return np.asarray(self.answer(), dtype=float)

    def _form(self) -> str:
        if self.choices:
            return "your letter, in quotes,"
        count = self._expected().size
        return "your number" if count == 1 else f"your {count} numbers, in square brackets,"

    def _on_choice(self, answer: Any) -> tuple[bool | None, str]:
        letter = str(answer).strip().lower().rstrip(".)")
        if letter not in self.choices:
            return None, NO_CHOICE.format(answer=repr(answer), choices=", ".join(self.choices))[:LONGEST]
        if letter == self.answer:
            return True, self.why
        return False, self.choices[letter][1]

    def _on_number(self, answer: Any) -> tuple[bool | None, str]:
        expected = self._expected()
        try:
            given = np.asarray(_numbers(answer), dtype=float)
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            return None, NO_NUMBER.format(form=self._form())
        if given.shape != expected.shape:
            asked = "one number" if expected.ndim == 0 else f"numbers of shape {expected.shape}"
            return None, WRONG_SHAPE.format(expected=asked, given=given.shape)
        if self._close(given, expected):
            return True, self.why
        for wrong, says in self.wrong_answers:
            if self._close(given, np.asarray(wrong() if callable(wrong) else wrong, dtype=float)):
                return False, says
        if self.signs and np.array_equal(np.sign(given), np.sign(expected)):
            return False, self.signs
        return False, WRONG

    def _close(self, given: np.ndarray, expected: np.ndarray) -> bool:
        return given.shape == expected.shape and bool(np.all(np.abs(given - expected) <= self.tolerance))


def _numbers(answer: Any) -> Any:
    """Numbers, and text such as "0.5" or "1/4"."""
    if isinstance(answer, str):
        above, _, below = answer.partition("/")
        return float(above) / float(below or 1)
    if isinstance(answer, (list, tuple)):
        return [_numbers(part) for part in answer]
    return answer
