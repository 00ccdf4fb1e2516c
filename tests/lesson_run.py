"""A lesson run as a program, cell by cell, for tests of what it states."""

import contextlib
import io
import re

import pytest
from matplotlib import pyplot as plt

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


@contextlib.contextmanager
def quietly(tmp_path_factory):
    """Progress goes to a temporary file, and no figure stays open. Yields the patch, for more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.json"))
        patch.setattr(plt, "show", lambda: plt.close("all"))
        yield patch


def answer(name):
    """The right answer to a question, or the function that computes it."""
    return exercises.predictions.get(name).answer


def chosen(name):
    """What the right choice says."""
    return exercises.predictions.get(name).choices[answer(name)][0]


def names_of(cells, skipped):
    """The names that a lesson's code cells define, and under "printed" what they print.

    skipped: the calls, at the start of a line, by which a cell is left out.
    """
    names, printed = {}, []
    names["print"] = lambda *words, **how: printed.append(" ".join(map(str, words)) + how.get("end", "\n"))
    left_out = re.compile(rf"^({'|'.join(skipped)})\(", re.MULTILINE)
    for cell in cells:
        if cell.cell_type == "code" and not left_out.search(cell.source):
            exec(cell.source, names)
    names["printed"] = "".join(printed)
    return names
