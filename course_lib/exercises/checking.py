"""What a lab's check cell calls: judge, show the card, keep what is right, return what the lesson continues with."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from IPython.display import display

from course_lib import progress
from course_lib.exercises import keeping
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.running import as_in_stub
from course_lib.exercises.engine.verdict import Verdict
from course_lib.exercises.registry import get, names

STANDS_IN = (
    "This is the library's answer standing in for yours. "
    "To have your own checked, run the cell in which you wrote it, then this one again."
)
KEPT = "This is your answer as it is kept in your folder."
TRIED = "This is the last answer that you tried, from an earlier session."

_last: dict[str, Any] = {}  # name -> what was judged last in this session


def check(f: Callable[..., Any] | str, name: str | None = None) -> Callable[..., Any]:
    """Show a card about the answer to a lab. Returns it if it is right, else the library's answer.

    f: the function or class, or the name of the lab, as "conv1d": then what the notebook calls so is judged; without
    that the answer that is kept, or the last one that was tried. An answer that is right is kept in work/mine.
    name: the lab, where it cannot be told by f's name or by what the notebook calls f.
    """
    notebook = sys._getframe(1).f_globals
    exercise = get(f if isinstance(f, str) else name or _name_of(f, notebook))
    answer, remark = _learners(exercise, notebook.get(f) if isinstance(f, str) else f)
    if answer is None:
        display(Verdict(exercise.name, "not attempted", remarks=[remark] if remark else []))
        return exercise.answer
    verdict = exercise.judge(answer)
    verdict.remarks += [remark] if remark else []
    if verdict.status == "not attempted":
        display(verdict)
        return exercise.answer
    _last[exercise.name] = answer
    right = verdict.status == "right"
    verdict.remarks += progress.record(exercise.name, right, keeping.fingerprint(answer))
    display(verdict)
    if not right:
        keeping.note_try(exercise, answer)
        return exercise.answer
    kept, sentence = keeping.keep(exercise, answer)
    display(Kept(kept, sentence))
    return as_in_stub(answer, exercise)


def _learners(exercise: Exercise, f: Any) -> tuple[Any, str]:
    """The learner's own answer, and what to say about where it comes from; None where there is none."""
    if f is not None and f is not exercise.answer:
        return f, ""
    if exercise.name in _last:  # the library's answer has taken its name since
        return _last[exercise.name], ""
    for found, remark in ((keeping.answer, KEPT), (keeping.last_try, TRIED)):
        if (answer := found(exercise.name)) is not None:
            return answer, remark
    return None, STANDS_IN if f is exercise.answer else ""


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
