"""What a cell of the bug clinic calls: run a broken function, or a learner's, and show what it does."""

import base64

from IPython.display import display

from course_lib.exercises.engine import cards
from course_lib.exercises.registry import get, names

SAYS = {
    "broken": "as it came in",
    "still": "nothing has changed: the symptom is still there",
    "other": "it shows something else now, but not yet what a sound one shows",
    "gone": "the symptom is gone",
}


def examine(target):
    """The name of an exercise -> what its broken function shows. A learner's function -> what is left of that."""
    exercise = get(target if isinstance(target, str) else getattr(target, "__name__", repr(target)))
    if exercise.symptom is None:
        patients = ", ".join(name for name in names() if get(name).symptom)
        raise ValueError(f"target must be one of {patients}, but is {exercise.name}")
    sick = exercise.symptom(exercise.start)
    if isinstance(target, str):
        _show(exercise, "broken", sick)
        return
    seen = exercise.symptom(target)
    if repr(seen) == repr(sick):
        display(Examination(exercise.name, SAYS["still"]))
        return
    sound = repr(seen) == repr(exercise.symptom(exercise.answer)) or exercise.judge(target).status == "right"
    _show(exercise, "gone" if sound else "other", seen)


def _show(exercise, state, seen):
    display(Examination(exercise.name, SAYS[state], seen))
    if seen.curves:
        words = "; ".join(f"{name}: {losses[0]:.2g} to {_end(losses)}" for name, losses in seen.curves.items())
        picture = base64.b64encode(cards.curves(seen.curves)).decode()
        display(
            {"image/png": picture, "text/plain": f"The loss of each step. {words}"},
            metadata={"image/png": {"width": cards.CURVES_WIDTH}}, raw=True,
        )  # fmt: skip


def _end(losses):
    return "more than 100" if losses[-1] > 100 else f"{losses[-1]:.2g}"


class Examination:
    """A sentence about a function, and the symptom it shows."""

    def __init__(self, name, says, seen=None):
        self.name, self.says, self.seen = name, says, seen

    def _repr_html_(self):
        return cards.symptom_html(self.seen, self.name, self.says)

    def __repr__(self):
        first = f"{self.name}: {self.says}"
        return f"{first}\n{cards.symptom_text(self.seen)}" if self.seen else first
