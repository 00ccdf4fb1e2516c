"""What a cell of the bug clinic calls: run a broken function, or a learner's, and show what it does."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from IPython.display import display

from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.symptom import Symptom
from course_lib.exercises.registry import get, names
from course_lib.looks import number

SAYS = {
    "broken": "as it came in",
    "still": "nothing has changed: the symptom is still there",
    "other": "the symptom has changed, but it is still not what a correct one shows",
    "gone": "the symptom is gone",
}
CURVES_WIDTH, CURVES_HEIGHT = 520, 230  # pixels


def examine(target: str | Callable[..., Any]) -> None:
    """Show the symptom of a broken function, by its exercise's name, or what is left of it in a learner's function."""
    exercise = get(target if isinstance(target, str) else getattr(target, "__name__", repr(target)))
    if exercise.symptom is None or exercise.start is None:
        known = ", ".join(name for name in names() if get(name).symptom)
        raise ValueError(f"target must be one of {known}, but is {exercise.name}")
    before = exercise.symptom(exercise.start)
    if isinstance(target, str):
        _show(exercise.name, "broken", before)
        return
    now = exercise.symptom(target)
    if repr(now) == repr(before):
        display(Examination(exercise.name, SAYS["still"]))
        return
    as_the_answer = repr(now) == repr(exercise.symptom(exercise.answer))
    correct = as_the_answer or exercise.judge(target, explain=False).status == "right"
    _show(exercise.name, "gone" if correct else "other", now)


def _show(name: str, state: str, seen: Symptom) -> None:
    display(Examination(name, SAYS[state], seen))
    if seen.curves:
        words = "; ".join(f"{label}: {number(losses[0], 2)} to {_end(losses)}" for label, losses in seen.curves.items())
        picture = base64.b64encode(_curves(seen.curves)).decode()
        display(
            {"image/png": picture, "text/plain": f"The loss of each step. {words}"},
            metadata={"image/png": {"width": CURVES_WIDTH}}, raw=True,
        )  # fmt: skip


def _end(losses: Sequence[float]) -> str:
    return "more than 100" if losses[-1] > 100 else number(losses[-1], 2)


def _curves(series: dict[str, Sequence[float]]) -> bytes:
    """A PNG of the loss of each step, one line for each name."""
    from course_lib import figures  # matplotlib takes long to load, and few cells need it

    def draw(ax: Any) -> None:
        for (name, losses), style in zip(series.items(), ("-", "--"), strict=False):
            ax.plot(losses, style, label=name)
        first = max(losses[0] for losses in series.values())
        ax.set(xlabel="step", ylabel="loss", ylim=(0, 1.3 * first))  # one that diverges leaves the picture
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9)

    return figures.png(draw, CURVES_WIDTH, CURVES_HEIGHT)


@dataclass(repr=False)
class Examination(Card):
    """A sentence about a function, and the symptom it shows."""

    name: str
    says: str
    seen: Symptom | None = None

    template: ClassVar[str] = "examination.html"

    def lines(self) -> list[str]:
        return [f"{self.name}: {self.says}", *(self.seen.lines() if self.seen else [])]
