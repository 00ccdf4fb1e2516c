"""A question to answer before looking: what the learner is told depends on the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """A question, "NN/name", with choices to pick from or a number (or several) to type.

    choices: letter -> (what it says, what one who picks it is told); then `answer` is the right letter.
    Otherwise answer() computes the right number or numbers, within `tolerance`; wrong_answers: (what a number typed
    might be, what one who typed it is told), the first a number or a function that computes it.
    why: what one who answered rightly is told.
    """

    name: str
    text: str
    answer: str | Callable
    why: str
    choices: dict = field(default_factory=dict)
    wrong_answers: tuple = ()
    tolerance: float = 1e-6

    @property
    def question(self):
        """Markdown."""
        listed = "".join(f"\n- **{letter}** · {says}" for letter, (says, _) in self.choices.items())
        return f"{self.text}\n{listed}" if listed else self.text

    @property
    def cell(self):
        """The code cell in which the learner answers."""
        return f'predict("{self.name}", answer=None)'

    def feedback(self, answer):
        """-> whether it is right (None if there is no answer), and what to say."""
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            return None, f"Put {self._form()} in place of `None` and run the cell. A guess costs nothing."
        return self._on_choice(answer) if self.choices else self._on_number(answer)

    def _form(self):
        if self.choices:
            return "your letter, in quotes,"
        count = np.size(self.answer())
        return "your number" if count == 1 else f"your {count} numbers, in square brackets,"

    def _on_choice(self, answer):
        letter = str(answer).strip().lower().rstrip(".)")
        if letter not in self.choices:
            return None, f"{answer!r} is not one of the answers: {', '.join(self.choices)}."[:200]
        if letter == self.answer:
            return True, self.why
        return False, self.choices[letter][1]

    def _on_number(self, answer):
        expected = np.asarray(self.answer(), dtype=float)
        try:
            given = np.asarray(_numbers(answer), dtype=float)
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            return None, f"A number is asked for: put {self._form()} in place of what stands there."
        if given.shape != expected.shape:
            asked = "one number" if expected.ndim == 0 else f"numbers in the form {expected.shape}"
            return None, f"The answer is {asked}, yours has the form {given.shape}."
        if self._close(given, expected):
            return True, self.why
        for slip, says in self.wrong_answers:
            if self._close(given, np.asarray(slip() if callable(slip) else slip, dtype=float)):
                return False, says
        return False, "Not that. Take it step by step with the numbers above, and try again."

    def _close(self, given, expected):
        return given.shape == expected.shape and bool(np.all(np.abs(given - expected) <= self.tolerance))


def _numbers(answer):
    """Numbers, and text such as "0.5" or "1/4"."""
    if isinstance(answer, str):
        above, _, below = answer.partition("/")
        return float(above) / float(below or 1)
    if isinstance(answer, (list, tuple)):
        return [_numbers(part) for part in answer]
    return answer
