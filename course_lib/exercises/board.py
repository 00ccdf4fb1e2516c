"""The board of lesson 00: which labs are solved, and which comes next."""

from html import escape

from course_lib import progress
from course_lib.exercises import registry


def board():
    """What is solved, and what comes next: shows itself in a notebook."""
    return Board(progress.entries())


class Board:
    """The exercises of every lesson, with what is solved."""

    def __init__(self, noted):
        self.noted = noted
        self.lessons = {
            notebook: [exercise.name for exercise in exercises]
            for notebook, exercises in registry.lessons().items()
            if exercises
        }

    def is_solved(self, name):
        return "solved" in self.noted.get(name, {})

    @property
    def next(self):
        """(notebook, exercise) of the first that is not solved, or None."""
        each = ((notebook, name) for notebook, names in self.lessons.items() for name in names)
        return next((pair for pair in each if not self.is_solved(pair[1])), None)

    def count(self, notebook=None):
        """(solved, all) exercises, of one notebook or of the course."""
        names = self.lessons[notebook] if notebook else [name for each in self.lessons.values() for name in each]
        return sum(map(self.is_solved, names)), len(names)

    def _summary(self):
        solved, every = self.count()
        if self.next is None:
            return f"All {every} labs are solved."
        notebook, name = self.next
        return f"{solved} of {every} labs solved. Next: {name} in {notebook}."

    def _mark(self, name):
        if self.is_solved(name):
            return f"✓ {name} ({_times(self.noted[name]['tries'])})"
        return f"○ {name}" + (f" ({_times(self.noted[name]['tries'])} so far)" if name in self.noted else "")

    def __repr__(self):
        lines = [self._summary()]
        for notebook, names in self.lessons.items():
            solved, every = self.count(notebook)
            lines.append(f"{notebook}: {solved} of {every}")
            lines += [f"  {self._mark(name)}" for name in names]
        return "\n".join(lines)

    def _repr_html_(self):
        rows = "".join(self._row(notebook) for notebook in self.lessons)
        return (
            f'<div style="max-width: 820px; line-height: 1.5"><div><b>{escape(self._summary())}</b></div>'
            f'<table style="margin: 8px 0 0 0">{rows}</table></div>'
        )

    def _row(self, notebook):
        solved, every = self.count(notebook)
        marks = " &nbsp; ".join(
            f'<span style="white-space: nowrap">{self._mark_in_html(name)}</span>' for name in self.lessons[notebook]
        )
        cell = "text-align: left; vertical-align: top; padding: 4px 14px 4px 0"
        return (
            f'<tr style="background: transparent"><td style="{cell}; white-space: nowrap">'
            f'<a href="{escape(notebook)}.ipynb">{escape(notebook)}</a></td>'
            f'<td style="{cell}; white-space: nowrap">{solved} of {every}</td>'
            f'<td style="{cell}">{marks}</td></tr>'
        )

    def _mark_in_html(self, name):
        words = escape(self._mark(name))
        return f"<b>{words}</b>" if self.is_solved(name) else words


def _times(tries):
    return "1 try" if tries == 1 else f"{tries} tries"
