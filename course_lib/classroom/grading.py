"""Grading one notebook: what its author wrote for each lab, and not what a check has put into the lab's name since.

grade(path)     in a program: lab -> Judged
award(lab)      in a notebook, as a cell that a grader runs: fails unless what was written above it is right
"""

import secrets
from collections.abc import Iterable
from pathlib import Path

from course_lib.classroom import handed_in, judging
from course_lib.classroom.collected import Judged, with_names
from course_lib.classroom.written import answer_in, labs_in
from course_lib.exercises import get

NOTHING_WRITTEN = "Nothing was written for {lab}."


def grade(path: Path, seconds: int = judging.SECONDS) -> dict[str, Judged]:
    """Judge every lab of a notebook, each in a process of its own.

    Raises OSError or ValueError where the file cannot be read as a notebook.
    """
    sources, marked = handed_in.cells_of(path.read_text(encoding="utf-8-sig"))
    seed = secrets.randbits(32)
    answers = {name: answer_in(sources, get(name)) for name in labs_in(sources, marked)}
    outcomes = judging.judge_all(((name, text) for name, text in answers.items() if text is not None), seed, seconds)
    return {
        name: Judged("not attempted") if text is None else with_names(get(name), outcomes[name, text])
        for name, text in answers.items()
    }


def award(lab: str) -> None:
    """Raise AssertionError with a sentence unless what this notebook's cells say for a lab is right.

    What counts is the text of the cells that were run, so it does not matter what the lab's name stands for by now.
    """
    exercise = get(lab)
    text = answer_in(_cells_run(), exercise)
    if text is None:
        raise AssertionError(NOTHING_WRITTEN.format(lab=exercise.name))
    outcome = judging.judge(exercise.name, text, secrets.randbits(32))
    if outcome.status != "right":
        raise AssertionError(f"{exercise.name}: {sentence(with_names(exercise, outcome))}")


def sentence(judged: Judged) -> str:
    """What there is to say of an answer that is not right."""
    named = [f"{told.tensor}: {told.message}" if told.tensor else told.message for told in judged.told if told.message]
    return " ".join(named) or judged.says or f"{judged.status}."


def _cells_run() -> Iterable[str]:
    """The texts of the cells that this kernel has run."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise RuntimeError("award must be called in a notebook")
    return [str(source) for source in shell.history_manager.input_hist_raw]
