"""A lesson run as a program, cell by cell, for tests of what it states."""

import contextlib
import io

from course_lib import exercises
from course_lib.publish import build


class Run:
    """The lesson's code cells, run in order in one namespace: `names`, and what each cell printed."""

    def __init__(self, lesson, before="", **written):
        """before: source that is run behind the first cell. written: what replaces the stub of some exercises."""
        self.lesson, self.names, self.printed = lesson, {"__name__": "__main__"}, {}
        for cell in build.assemble(lesson).cells:
            if cell.cell_type == "code":
                about = cell.metadata.get("course", {})
                own = written.get(about.get("exercise")) if about.get("part") == "stub" else None
                self._run(own or cell.source)
                if len(self.printed) == 1:
                    exec(compile(before, lesson, "exec"), self.names)

    def _run(self, source):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(source, self.lesson, "exec"), self.names)
        self.printed[source] = printed.getvalue()

    def __getitem__(self, name):
        return self.names[name]

    def printed_by(self, text):
        """What the one cell printed in whose source the text stands."""
        (source,) = [source for source in self.printed if text in source]
        return self.printed[source]

    def numbers_printed_by(self, text):
        words = self.printed_by(text).replace("[", " ").replace("]", " ").split()
        return [float(word) for word in words if word.replace(".", "", 1).lstrip("+-").isdigit()]


def answer(name):
    """The right answer to a question, or the function that computes it."""
    return exercises.predictions.get(name).answer


def chosen(name):
    """What the right choice says."""
    return exercises.predictions.get(name).choices[answer(name)][0]


def most_cells_and_minutes(lesson, cells=100, minutes=90):
    """Assert that a lesson is one sitting, and that the minutes of its head leave time for its labs."""
    found = build.assemble(lesson).cells
    assert len(found) <= cells, len(found)
    stated = [int(word) for word in found[0].source.split("\n")[2].replace("*", "").split() if word.isdigit()]
    _, total, in_labs, labs = stated
    own = [exercise for exercise in map(exercises.get, exercises.names()) if exercise.lesson == lesson[:2]]
    assert total <= minutes and in_labs == sum(exercise.minutes for exercise in own) and labs == len(own)
