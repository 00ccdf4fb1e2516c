"""Where things are: the course, its lessons, and the one folder that belongs to its learner."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"  # what the course ships
AT_HOME = "conv-gradients-work"


def number(lesson: str) -> str:
    """The number of a lesson, or the letter of an optional one: "01" of "01_conv1d", "A" of "A_many_kernels"."""
    return lesson.partition("_")[0]


def is_optional(lesson: str) -> bool:
    """Whether a lesson stands alone beside the course: it has a letter in place of a number."""
    return not lesson[:1].isdigit()


def work() -> Path:
    """The learner's folder: copies of the lessons, answers, progress, weights. It need not exist yet.

    COURSE_WORK names it; else it is `work` beside `notebooks`, or, where that cannot be written, a folder in the home.
    """
    named = os.environ.get("COURSE_WORK")
    if named:
        return Path(named).expanduser().absolute()
    beside = ROOT / "work"
    if NOTEBOOKS.is_dir() and os.access(beside if beside.exists() else ROOT, os.W_OK):
        return beside
    return Path.home() / AT_HOME
