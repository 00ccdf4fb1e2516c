"""What a lab's check cell calls: judge, show the card, keep what is right, return what the lesson continues with."""

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from IPython import get_ipython
from IPython.display import display

from course_lib import progress
from course_lib._support import kept
from course_lib._support.sources import source_of
from course_lib.exercises import keeping
from course_lib.exercises.board import board
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.drawing import DrawingLab
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.finding import Found
from course_lib.exercises.engine.running import as_in_stub
from course_lib.exercises.engine.verdict import Verdict
from course_lib.exercises.offering import offer_watch
from course_lib.exercises.registry import get, names

STANDS_IN = (
    "This is the library's answer standing in for yours. "
    "To have your own checked, run the cell in which you wrote it, then this one again."
)
REPAIR = "To have your repair checked, run the cell in which you wrote it, then this one again."
BEFORE_THE_ERROR = (
    "The last cell that defines it has a syntax error, so Python did not run it. "
    "This card is about the version that ran before."
)
DRAW = "Draw it in the cell above and press *Check* there. Then this cell shows what there is to say of it."
KEPT = "This is your answer as it is kept in your folder."
TRIED = "This is the last answer that you tried, from an earlier session."

_last: dict[str, Any] = {}  # name -> what was judged last in this session


def check(f: Callable[..., Any] | str, name: str | None = None) -> Callable[..., Any]:
    """Show a card about the answer to a lab. Returns it if it is right, else the library's answer.

    f: the function or class, or the name of the lab, as "conv1d": then what the notebook calls so is judged; without
    that the answer that is kept, or the last one that was tried. An answer that is right is kept in work/mine.
    name: the lab, where it cannot be told by f's name or by what the notebook calls f.
    """
    if kept.loading and callable(f):  # written as a decorator above an answer that is kept: to check it would never end
        return f
    notebook = sys._getframe(1).f_globals
    exercise = get(f if isinstance(f, str) else name or _name_of(f, notebook))
    answer, remark = _learners(exercise, notebook.get(f) if isinstance(f, str) else f)
    if answer is None:
        goes_on = exercise.symptom is None and keeping.is_used(exercise)
        remark = DRAW if isinstance(exercise, DrawingLab) else remark
        remarks = [text for text in (_after_a_syntax_error(exercise.name), remark) if text]
        display(Verdict(exercise.name, "not attempted", remarks=remarks, goes_on=goes_on))
        return exercise.answer
    verdict = exercise.judge(answer)
    before = _after_a_syntax_error(exercise.name)
    verdict.leads += [before] if before else []
    verdict.remarks += [text for text in (before, remark) if text]
    if verdict.status == "not attempted":
        display(verdict)
        return exercise.answer
    _last[exercise.name] = answer
    right = verdict.status == "right"
    verdict.remarks += progress.record(exercise.name, right, keeping.fingerprint(answer))
    if verdict.passed:
        verdict.passed.progress = " ".join([*_best(verdict), "Solved: {} of {} labs.".format(*board().count())])
        verdict.passed.yours = source_of(answer)
    display(verdict)
    offer_watch(exercise, answer, verdict)
    if not right:
        keeping.note_try(exercise, answer)
        return exercise.answer
    is_kept, sentence = keeping.keep(exercise, answer)
    display(Kept(is_kept, sentence))
    return as_in_stub(answer, exercise)


def _best(verdict: Verdict) -> list[str]:
    """Where answers are compared by how few numbers they take: keep this one if it is the best, and tell the best."""
    if not isinstance(verdict.passed, Found):
        return []
    trouble = progress.record_best(verdict.name, verdict.passed.numbers, verdict.passed.written)
    best = progress.best(verdict.name)
    return [*trouble, *([f"Your best so far: {best[0]}."] if best else [])]


def _learners(exercise: Exercise, f: Any) -> tuple[Any, str]:
    """The learner's own answer, and what to say about where it comes from; None where there is none."""
    if f is not None and f is not exercise.answer:
        return f, ""
    if exercise.name in _last:  # the library's answer has taken its name since
        return _last[exercise.name], ""
    for found, remark in ((keeping.answer, KEPT), (keeping.last_try, TRIED)):
        if (answer := found(exercise.name)) is not None:
            return answer, remark
    stands_in = STANDS_IN if exercise.symptom is None else REPAIR
    return None, stands_in if f is exercise.answer else ""


def _after_a_syntax_error(name: str) -> str:
    """A sentence, if the last cell that defines the lab's function could not be run for a syntax error, else ""."""
    shell = get_ipython()
    cells = shell.user_ns.get("In", []) if shell else []
    written = [cell for cell in cells if re.search(rf"^(def|class)\s+{re.escape(name)}\b", cell, re.MULTILINE)]
    return BEFORE_THE_ERROR if written and not _is_python(written[-1]) else ""


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _name_of(f: Any, notebook: dict[str, Any]) -> Any:
    """The name of the exercise that f answers; if there is none, whatever f is called."""
    own = getattr(f, "__name__", None)
    if own in names():
        return own
    return next((name for name in names() if notebook.get(name) is f), own)


@dataclass(repr=False)
class Kept(Card):
    """The line below a card: whether a right answer is kept for later lessons."""

    kept: bool
    says: str

    template: ClassVar[str] = "kept.html"

    def lines(self) -> list[str]:
        return [f"{'✓' if self.kept else '!'} {self.says}"]
