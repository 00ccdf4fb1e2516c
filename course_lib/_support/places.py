"""Where things are: the course, and the one folder that belongs to its learner."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"  # what the course ships
AT_HOME = "conv-gradients-work"


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
