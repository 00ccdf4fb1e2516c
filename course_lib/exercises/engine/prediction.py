"""A question to answer before looking: what the learner is told depends on the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

HOW_TO_CHOOSE = "Click your answer, or press its letter. A guess costs nothing."
HOW_TO_TYPE = "Type {form}, then press Enter. A guess costs nothing."
NO_CHOICE = "{answer} is not one of the answers: {choices}."
NO_NUMBER = "Please type {form}, such as 3, -0.5 or 1/4."
WRONG_SHAPE = "The answer is {expected}, but yours has shape {given}."
WRONG = "Not that. Take it step by step with the numbers above, and try again."
PARTLY = "Partly right: {right} of {every}, at {places}."
AGAIN = " Look at {others} again."
LONGEST = 200  # characters of what is said to an answer that is none


@dataclass(frozen=True)
class Prediction:
    """A question, "NN/name", with choices to pick from or a number (or several) to type.

    choices: letter -> (what it says, what one who picks it is told); then `answer` is the right letter.
    Otherwise answer() computes the right number or numbers, within `tolerance`; wrong_answers: (what a number typed
    might be, what one who typed it is told), the first a number or a function that computes it.
    signs: what one is told whose numbers all have the right signs, where nothing else is known of them.
    why: what one who answered correctly is told.
    reveals: how many of the code cells that follow give the answer away by their output (cells of other questions are
    not counted); a learner's copy folds them until the question is answered, with the text up to the next code cell,
    heading or question. reveals_code: their source does, too.
    harmless: the start of a cell's source -> why its output, though it shows the answer, gives nothing away.
    again(rng): the fields that change when it comes back: text, answer, why and wrong_answers for other numbers.
    comes_back: whether it can be understood away from its lesson.
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
    reveals: int = 1
    reveals_code: bool = False
    harmless: dict[str, str] = field(default_factory=dict)
    again: Callable[[np.random.Generator], dict[str, Any]] | None = None
    comes_back: bool = True
    formerly: tuple[str, ...] = ()

    def redrawn(self, rng: np.random.Generator) -> "Prediction":
        """The question as it comes back: with other numbers, where it has numbers that can be drawn."""
        return replace(self, **(self.again(rng) if self.again else {}))

    @property
    def cell(self) -> str:
        """The code cell in which the learner answers."""
        return f'predict("{self.name}")'

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the numbers asked for, () for a single one; None where there are choices."""
        return None if self.choices else self._expected().shape

    @property
    def right_answer(self) -> Any:
        """The right letter; or the right number or numbers, as Python's own."""
        return self.answer if self.choices else self._expected().tolist()

    @property
    def how(self) -> str:
        """What one who has not answered yet is told."""
        return HOW_TO_CHOOSE if self.choices else HOW_TO_TYPE.format(form=self._form())

    def explained(self, answer: Any) -> str:
        """What is said to a wrong answer, where it is more than that it is wrong, when it is too late to try again."""
        right, says = self.feedback(answer, try_again=False)
        return "" if right is not False or says == WRONG else says

    def given(self, answer: Any) -> Any:
        """An answer as it is kept: the letter; or the number or numbers, as Python's own. None if it is no answer."""
        if self.choices:
            letter = _letter(answer)
            return letter if letter in self.choices else None
        numbers = read_numbers(answer)
        return None if numbers is None or numbers.shape != self.shape else numbers.tolist()

    def parts(self, answer: Any) -> list[bool]:
        """Of several numbers, row by row, whether each is right. Empty where there is one number, or none."""
        numbers, expected = read_numbers(answer) if not self.choices else None, self.shape
        if numbers is None or numbers.shape != expected or numbers.size < 2:
            return []
        return [bool(one) for one in self._near(numbers, self._expected()).ravel()]

    def feedback(self, answer: Any, try_again: bool = True) -> tuple[bool | None, str]:
        """Whether an answer is right (None if it is no answer), and what to say to it.

        try_again: whether one that is partly right is told where to look.
        """
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            return None, self.how
        return self._on_choice(answer) if self.choices else self._on_number(answer, try_again)

    def _expected(self) -> np.ndarray:
        """The right number or numbers."""
        assert callable(self.answer)
        return np.asarray(self.answer(), dtype=float)

    def _form(self) -> str:
        count = self._expected().size
        return "your number" if count == 1 else f"your {count} numbers"

    def _on_choice(self, answer: Any) -> tuple[bool | None, str]:
        letter = _letter(answer)
        if letter not in self.choices:
            return None, NO_CHOICE.format(answer=repr(answer), choices=", ".join(self.choices))[:LONGEST]
        if letter == self.answer:
            return True, self.why
        return False, self.choices[letter][1]

    def _on_number(self, answer: Any, try_again: bool) -> tuple[bool | None, str]:
        expected, given = self._expected(), read_numbers(answer)
        if given is None or np.isnan(given).any():
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
        return False, self._partly(given, expected, try_again) or WRONG

    def _partly(self, given: np.ndarray, expected: np.ndarray, try_again: bool) -> str:
        """What is said where some of several numbers are right: which. Else ""."""
        right = self._near(given, expected)
        if not right.any():
            return ""
        places = [str(place[0] if len(place) == 1 else place) for place in map(tuple, np.argwhere(right).tolist())]
        named = places[0] if len(places) == 1 else ", ".join(places[:-1]) + f" and {places[-1]}"
        return (PARTLY + AGAIN * try_again).format(
            right=len(places), every=right.size, places=f"{'index' if len(places) == 1 else 'indices'} {named}",
            others="the other" if right.size - len(places) == 1 else "the others",
        )  # fmt: skip

    def _near(self, given: np.ndarray, expected: np.ndarray) -> np.ndarray:
        return np.abs(given - expected) <= self.tolerance

    def _close(self, given: np.ndarray, expected: np.ndarray) -> bool:
        return given.shape == expected.shape and bool(np.all(self._near(given, expected)))


def read_numbers(answer: Any) -> np.ndarray | None:
    """The numbers in what was typed, such as "0.5" or "1/4", in lists; None if it holds anything else."""
    try:
        return np.asarray(_numbers(answer), dtype=float)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return None


def _letter(answer: Any) -> str:
    return str(answer).strip().lower().rstrip(".)")


def _numbers(answer: Any) -> Any:
    """Numbers, and text such as "0.5" or "1/4"."""
    if isinstance(answer, str):
        above, _, below = answer.replace("\N{MINUS SIGN}", "-").partition("/")
        return float(above) / float(below or 1)
    if isinstance(answer, (list, tuple)):
        return [_numbers(part) for part in answer]
    return answer
