"""The board of lesson 00, a map of the course: which labs are solved, what was predicted, and where to go on.

The whole course, or a fast track of one lab a lesson: which of them is chosen by a click, and kept with the progress.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, NamedTuple, NotRequired, TypedDict, cast
from urllib.parse import quote

from markupsafe import Markup

from course_lib import progress
from course_lib._support import places
from course_lib.exercises import registry
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.predictions import predicted_in

TRACKS = "Whole course", "Fast track"
TOOLTIPS = "All labs of all lessons", "One lab a lesson, for those who know a part of it"
SKIMMING = 10  # minutes for the pictures and the text around one lab, on the fast track

FAST = {  # the one lab of each lesson on the fast track
    "00_start_here": "numerical_gradient",
    "01_conv1d": "conv1d_input_gradient_scatter",
    "02_conv2d": "conv2d_single_input_gradient_scatter",
    "03_channels_and_batches": "conv2d_backward",
    "04_im2col_col2im": "col2im",
    "05_pooling_and_friends": "max_pool2d_backward",
    "06_layer_with_a_memory": "Conv2d",
    "07_scores_to_first_step": "cross_entropy_gradient",
    "08_make_it_fast": "im2col_fast",
    "09_read_a_gradient": "batch_norm2d_backward",
    "10_write_a_layer": "conv_transpose2d",
    "11_bug_clinic": "clinic_03",
    "12_finale": "training_step",
}


class Entry(TypedDict):
    """What is noted of a lab: how often it was tried, and when it was solved."""

    tries: int
    solved: NotRequired[str]


class Lab(NamedTuple):
    """One lab on the map: state is "solved", "tried", "next" or "open"; tries in words, or ""."""

    name: str
    label: str
    state: str
    tries: str
    link: str

    @property
    def sign(self) -> str:
        return {"solved": "✓", "tried": "◐", "next": "▸", "open": "○"}[self.state]

    @property
    def words(self) -> str:
        """What a screen reader says, and a mouse that rests on it."""
        state = {"solved": "solved", "tried": "not solved yet", "next": "where to go on", "open": "not tried yet"}
        return f"{self.name}: {state[self.state]}{f', {self.tries}' if self.tries else ''}"


class Station(NamedTuple):
    """One lesson on the map."""

    number: str
    title: str
    minutes: int
    notebook: str
    labs: list[Lab]
    guesses: str
    is_optional: bool

    @property
    def solved(self) -> int:
        return sum(lab.state == "solved" for lab in self.labs)

    @property
    def is_done(self) -> bool:
        return self.solved == len(self.labs)


def board() -> "Board":
    """What is solved, and what comes next: shows itself in a notebook, as a map."""
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

    noted: exercise -> its Entry. lessons: notebook -> the names of its exercises. guesses_in: the number of a lesson ->
    (right, all) first answers to its questions. fast: whether the fast track is shown.
    """

    noted: dict[str, Entry]
    lessons: dict[str, list[str]] = field(default_factory=_labs)
    guesses_in: dict[str, tuple[int, int]] = field(default_factory=predicted_in)
    fast: bool = field(default_factory=progress.fast_track)

    template: ClassVar[str] = "board.html"

    def is_solved(self, name: str) -> bool:
        return "solved" in self.noted.get(name, {})

    @property
    def shown(self) -> dict[str, list[str]]:
        """Notebook -> the labs of the track that was chosen."""
        if not self.fast:
            return self.lessons
        return {notebook: [name for name in names if name == _of_fast_track(notebook)] or names[:1]
                for notebook, names in self.lessons.items() if not places.is_optional(notebook)}  # fmt: skip

    @property
    def asked(self) -> list[tuple[str, str]]:
        """(notebook, lab) of every lab of the track, optional lessons left out."""
        numbered = (pair for pair in self.shown.items() if not places.is_optional(pair[0]))
        return [(notebook, name) for notebook, names in numbered for name in names]

    @property
    def next(self) -> tuple[str, str] | None:
        """(notebook, exercise) of the first that is not solved, or None."""
        return next((pair for pair in self.asked if not self.is_solved(pair[1])), None)

    def count(self, notebook: str | None = None) -> tuple[int, int]:
        """(solved, all) exercises, of one notebook or of the course."""
        names = self.lessons[notebook] if notebook else [name for each in self.lessons.values() for name in each]
        return sum(map(self.is_solved, names)), len(names)

    @property
    def summary(self) -> str:
        solved, every = sum(self.is_solved(name) for _, name in self.asked), len(self.asked)
        if self.next is None:
            return f"All {every} labs{' of the fast track' if self.fast else ''} are solved."
        notebook, name = self.next
        return (
            f"{solved} of {every} labs{' of the fast track' if self.fast else ''} solved. Next: {name} in {notebook}."
        )

    @property
    def next_link(self) -> str:
        return _link(*self.next) if self.next else ""

    @property
    def hours(self) -> str:
        """How long the track takes in all."""
        minutes = sum(station.minutes for station in self.stations if not station.is_optional)
        return f"about {round(minutes / 60)} hours"

    @property
    def track(self) -> str:
        """The track in a sentence."""
        if self.fast:
            return f"Fast track: one lab a lesson, and what you need of the text around it, {self.hours}."
        return f"The whole course: {self.hours}. The fast track has one lab a lesson."

    @property
    def guesses(self) -> str:
        """A sentence about predictions, or ""."""
        right, every = (sum(column) for column in zip((0, 0), *self.guesses_in.values(), strict=True))
        return f"You predicted {right} of {every}." if every else ""

    @property
    def stations(self) -> list[Station]:
        found = []
        for notebook, names in self.shown.items():
            number = places.number(notebook)
            title, minutes = _head(notebook)
            if self.fast:
                minutes = SKIMMING + sum(_minutes(name) for name in names)
            right, every = self.guesses_in.get(number, (0, 0))
            guesses = f"you predicted {right} of {every}" if every else ""
            labs = [self._lab(notebook, name) for name in names]
            found.append(Station(number, title, minutes, notebook, labs, guesses, places.is_optional(notebook)))
        return found

    def _lab(self, notebook: str, name: str) -> Lab:
        tries = self.noted[name]["tries"] if name in self.noted else 0
        state = "solved" if self.is_solved(name) else "tried" if tries else "open"
        if self.next == (notebook, name):
            state = "next"
        return Lab(name, name.removeprefix("clinic_"), state, _times(tries) if tries else "", _link(notebook, name))

    def mark(self, name: str) -> str:
        """A lab as it stands in the text, with how often it was tried."""
        if self.is_solved(name):
            return f"✓ {name} ({_times(self.noted[name]['tries'])})"
        tries = self.noted[name]["tries"] if name in self.noted else 0
        return f"○ {name}" + (f" ({_times(tries)} so far)" if tries else "")

    def lines(self) -> list[str]:
        lines = [self.summary, *([self.guesses] if self.guesses else []), self.track]
        for station in self.stations:
            guesses = f"; {station.guesses}" if station.guesses else ""
            solved = f"{station.solved} of {len(station.labs)}"
            optional = ", optional" if station.is_optional else ""
            lines.append(f"{station.notebook}: {solved}, {station.minutes} minutes{optional}{guesses}")
            lines += [f"  {self.mark(lab.name)}" for lab in station.labs]
        return lines

    def _ipython_display_(self) -> None:
        from course_lib.widgets.switch import switched  # here, so that labs are judged where no widget can be drawn

        switched(TRACKS, TOOLTIPS, int(self.fast), self._on_track)

    def _on_track(self, number: int) -> tuple[Markup, str]:
        """The map of a track, as HTML and text; one that is new is kept."""
        fast = bool(number)
        if fast != self.fast:
            progress.choose_track(fast)
        self.fast = fast
        return Markup(self._repr_html_()), repr(self)


def _of_fast_track(notebook: str) -> str:
    return FAST.get(notebook, "")


@cache
def _head(notebook: str) -> tuple[str, int]:
    """Title and minutes, as the head of the shipped lesson has them; its name where it cannot be read."""
    try:
        shipped = json.loads((places.NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))
        head = "".join(shipped["cells"][0]["source"])
        title, minutes = re.search(r"^# (.+)$", head, re.M), re.search(r"^\*Lesson .*?(\d+) minutes", head, re.M)
    except (OSError, ValueError, LookupError, TypeError):
        return notebook, 0
    return title[1] if title else notebook, int(minutes[1]) if minutes else 0


def _minutes(name: str) -> int:
    return registry.get(name).minutes if name in registry.names() else 0


def _link(notebook: str, name: str) -> str:
    """To the cell with the task of a lab, as JupyterLab finds it; other programs open its notebook."""
    return f"{quote(notebook)}.ipynb#cell-id=lab-{quote(name)}-task"


def _times(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"
