"""The board of lesson 00: which labs are solved, and which comes next."""

from dataclasses import dataclass, field
from typing import ClassVar, NotRequired, TypedDict, cast

from course_lib import progress
from course_lib.exercises import registry
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.predictions import predicted


class Entry(TypedDict):
    """What is noted of a lab: how often it was tried, and when it was solved."""

    tries: int
    solved: NotRequired[str]


def board() -> "Board":
    """What is solved, and what comes next: shows itself in a notebook."""
    return Board(cast("dict[str, Entry]", progress.entries()))


def _labs() -> dict[str, list[str]]:
    return {
        notebook: [exercise.name for exercise in exercises]
        for notebook, exercises in registry.lessons().items()
        if exercises
    }


@dataclass(repr=False)
class Board(Card):
    """The exercises of every lesson, with what is solved.

    noted: exercise -> its Entry. lessons: notebook -> the names of its exercises. predicted: (right, all) first answers
    to questions.
    """

    noted: dict[str, Entry]
    lessons: dict[str, list[str]] = field(default_factory=_labs)
    predicted: tuple[int, int] = field(default_factory=predicted)

    template: ClassVar[str] = "board.html"

    def is_solved(self, name: str) -> bool:
        return "solved" in self.noted.get(name, {})

    @property
    def next(self) -> tuple[str, str] | None:
        """(notebook, exercise) of the first that is not solved, or None."""
        each = ((notebook, name) for notebook, names in self.lessons.items() for name in names)
        return next((pair for pair in each if not self.is_solved(pair[1])), None)

    def count(self, notebook: str | None = None) -> tuple[int, int]:
        """(solved, all) exercises, of one notebook or of the course."""
        names = self.lessons[notebook] if notebook else [name for each in self.lessons.values() for name in each]
        return sum(map(self.is_solved, names)), len(names)

    @property
    def summary(self) -> str:
        solved, every = self.count()
        if self.next is None:
            return f"All {every} labs are solved."
        notebook, name = self.next
        return f"{solved} of {every} labs solved. Next: {name} in {notebook}."

    @property
    def guesses(self) -> str:
        """A sentence about predictions, or ""."""
        right, every = self.predicted
        return f"You predicted {right} of {every}." if every else ""

    def mark(self, name: str) -> str:
        """A lab as it stands in the list, with how often it was tried."""
        if self.is_solved(name):
            return f"✓ {name} ({_times(self.noted[name]['tries'])})"
        tries = self.noted[name]["tries"] if name in self.noted else 0
        return f"○ {name}" + (f" ({_times(tries)} so far)" if tries else "")

    def lines(self) -> list[str]:
        lines = [self.summary, *([self.guesses] if self.guesses else [])]
        for notebook, names in self.lessons.items():
            solved, every = self.count(notebook)
            lines += [f"{notebook}: {solved} of {every}", *(f"  {self.mark(name)}" for name in names)]
        return lines


def _times(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"
