"""What cells of the bug clinic call: a case as it came in, a learner's treatment, and what a function shows."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from IPython.display import display

from course_lib.exercises import predictions
from course_lib.exercises.checking import check
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.symptom import Symptom
from course_lib.exercises.registry import get, get_as, names
from course_lib.looks import INPUT, RIGHT, WRONG, number

SAYS = {
    "broken": "as it came in",
    "still": "nothing has changed: the symptom is still there",
    "other": "the symptom has changed, but it is still not what a correct one shows",
    "gone": "the symptom is gone",
}
CURVES_WIDTH, CURVES_HEIGHT = 520, 230  # pixels
CAME_IN, YOURS = "as it came in", "yours"


def case(name: str) -> None:
    """Show the symptom of a case of the clinic, and ask what is wrong. Its code opens with an answer."""
    patient = get_as(name, Case, "the cases")
    assert patient.start is not None
    seen, question = patient.seen_in(patient.start), predictions.get(f"{patient.lesson}/{patient.name}")
    display(Examination(patient.title, SAYS["broken"], seen))
    _draw(seen.curves, seen)
    display(Asked(question.text))
    predictions.predict(question.name)


def treat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Check a learner's treatment of a case, and show its symptom beside that of the case as it came in.

    Returns f if it is right, else the library's answer.
    """
    patient = get_as(getattr(f, "__name__", repr(f)), Case, "the cases")
    assert patient.start is not None
    answer = check(f, patient.name)
    before, now = patient.seen_in(patient.start), patient.seen_in(f)
    state = _state(patient, f, before, now, patient.seen_in(patient.answer))
    if state != "still":
        display(Treatment(patient.title, SAYS[state], before, now))
        _draw(_beside_each_other(before, now), now)
    if state != "gone":
        display(Hints(patient.hints, patient.solution()))
    return answer


def examine(target: str | Callable[..., Any]) -> None:
    """Show the symptom of a broken function, by its exercise's name, or what is left of it in a learner's function.

    The function of a case is treated: copies of lessons from before there were cases end with examine(f).
    """
    exercise = get(target if isinstance(target, str) else getattr(target, "__name__", repr(target)))
    if exercise.symptom is None or exercise.start is None:
        known = ", ".join(name for name in names() if get(name).symptom)
        raise ValueError(f"target must be one of {known}, but is {exercise.name}")
    if isinstance(exercise, Case) and not isinstance(target, str):
        treat(target)
        return
    before = exercise.symptom(exercise.start)
    if isinstance(target, str):
        _show(exercise.name, "broken", before)
        return
    now = exercise.symptom(target)
    state = _state(exercise, target, before, now, exercise.symptom(exercise.answer))
    if state == "still":
        display(Examination(exercise.name, SAYS[state]))
    else:
        _show(exercise.name, state, now)


def _state(exercise: Exercise, f: Any, before: Symptom, now: Symptom, right: Symptom) -> str:
    """What has become of the symptom, compared with that of the right function: a key of SAYS."""
    if repr(now) == repr(before):
        return "still"
    correct = repr(now) == repr(right) or exercise.judge(f, explain=False).status == "right"
    return "gone" if correct else "other"


# ---------------------------------------------------------------- curves


def _show(title: str, state: str, seen: Symptom) -> None:
    display(Examination(title, SAYS[state], seen))
    _draw(seen.curves, seen)


def _beside_each_other(before: Symptom, now: Symptom) -> dict[str, Sequence[float]]:
    """The curves of both: two curves each, of which the second is that of the right function."""
    if before.curves.keys() != now.curves.keys() or not now.curves:
        return now.curves
    own, right = now.curves
    return {CAME_IN: before.curves[own], YOURS: now.curves[own], right: now.curves[right]}


def _draw(curves: dict[str, Sequence[float]], seen: Symptom) -> None:
    if not curves:
        return
    along, what = seen.axes
    words = "; ".join(f"{label}: {number(values[0], 2)} to {_end(values)}" for label, values in curves.items())
    picture = base64.b64encode(_curves(curves, along, what, seen.every)).decode()
    display(
        {"image/png": picture, "text/plain": f"The {what} of each {along}. {words}"},
        metadata={"image/png": {"width": CURVES_WIDTH}}, raw=True,
    )  # fmt: skip


def _end(values: Sequence[float]) -> str:
    return "more than 100" if values[-1] > 100 else number(values[-1], 2)


def _curves(series: dict[str, Sequence[float]], along: str, what: str, every: int) -> bytes:
    """A PNG with one line for each name: first the broken function's, last the right one's."""
    from course_lib import figures  # matplotlib takes long to load, and few cells need it

    def draw(ax: Any) -> None:
        colours = [WRONG, *[figures.COLOURS[INPUT]] * (len(series) - 2), RIGHT]
        for (name, values), style, colour in zip(series.items(), ("-", "--", ":"), colours, strict=False):
            ax.plot(range(0, every * len(values), every), values, style, color=colour, label=name)
        if what == "loss":
            ax.set(ylim=(0, 1.3 * max(values[0] for values in series.values())))  # one that diverges leaves the picture
        else:
            ax.set(yscale="log")
        ax.set(xlabel=along, ylabel=what)
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9)

    return figures.png(draw, CURVES_WIDTH, CURVES_HEIGHT)


# ---------------------------------------------------------------- cards


@dataclass(repr=False)
class Examination(Card):
    """A sentence about a function, and the symptom it shows."""

    name: str
    says: str
    seen: Symptom | None = None

    template: ClassVar[str] = "examination.html"

    def lines(self) -> list[str]:
        return [f"{self.name}: {self.says}", *(self.seen.lines() if self.seen else [])]


@dataclass(repr=False)
class Asked(Card):
    """The text of a question, above its choices."""

    says: str

    template: ClassVar[str] = "asked.html"

    def lines(self) -> list[str]:
        return [self.says]


@dataclass(repr=False)
class Treatment(Card):
    """What has become of a symptom: as it was, and as it is now."""

    title: str
    says: str
    before: Symptom
    now: Symptom

    template: ClassVar[str] = "treatment.html"

    @property
    def columns(self) -> list[tuple[str, Symptom]]:
        """(name, symptom) side by side. What both say stands above them."""
        now = replace(self.now, says="") if self.now.says == self.before.says else self.now
        return [(CAME_IN, replace(self.before, says="")), (YOURS, now)]

    def lines(self) -> list[str]:
        before, now = (["", f"{name}:", *seen.lines()] for name, seen in ((CAME_IN, self.before), (YOURS, self.now)))
        return [f"{self.title}: {self.says}", *before, *now]


@dataclass(repr=False)
class Hints(Card):
    """The hints of a lab and its solution, each folded."""

    hints: Sequence[str]
    solution: str

    template: ClassVar[str] = "hints.html"

    def lines(self) -> list[str]:
        return [f"{len(self.hints)} hints and the solution are folded here."]
