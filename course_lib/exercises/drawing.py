"""`draw(name)`: a lab that is answered by drawing. What is drawn is judged and kept as any answer is."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from IPython.display import display

from course_lib import progress
from course_lib._support import kept
from course_lib.exercises import keeping, predictions
from course_lib.exercises.engine.cards import Card, rich
from course_lib.exercises.engine.drawing import COUNTED, DrawingLab
from course_lib.exercises.engine.prediction import read_numbers
from course_lib.exercises.registry import get_as
from course_lib.looks import GRADIENT, INPUT, KERNEL, UPSTREAM, number

HOW = (
    "Click a cell of dy and a cell of w, then cells of {name}: each click adds their product. "
    "Or type the numbers. Empty cells are 0."
)
NO_NUMBERS = "Please type numbers only, such as 3, -0.5 or 1/4."
NOTHING_YET = "Nothing is drawn yet."
MARKED = "Those that are not are marked."
KEPT = "It is kept as mine/{lab}.py, so that it is here when you come back. No later lesson uses it."
ROLES = {"x": INPUT, "w": KERNEL, "dy": UPSTREAM, "dx": GRADIENT, "dw": GRADIENT}
WITHOUT = "Run this cell to draw. Where nothing can be clicked, write a function {lab}() that returns the array."


def draw(name: str) -> None:
    """Show a lab's drawing, with what was drawn last."""
    lab = get_as(name, DrawingLab, "the drawings")
    from course_lib.widgets.drawing import Drawing  # here, so that labs are judged where no widget can be drawn

    tensor, shape = lab.tensors[0], lab.references[0][lab.tensors[0]].shape
    grids = [
        {
            "name": key,
            "role": ROLES[key],
            "rows": [[number(float(n)) for n in row] for row in grid],
            "values": grid.tolist(),
        }
        for key, grid in lab.grids.items()
    ]
    asked = {
        "name": lab.name, "tensor": tensor, "role": ROLES[tensor], "shape": list(shape), "how": HOW.format(name=tensor),
        "grids": grids,
    }  # fmt: skip
    display(Drawing(asked, _before(lab), lambda rows: judged(lab, rows), still(lab)._repr_html_(), still(lab).__repr__))


def judged(lab: DrawingLab, rows: Any) -> dict[str, Any]:
    """What is replied to a drawing, rows of texts as they were typed; it is kept if it is one."""
    array = _array(rows, lab.references[0][lab.tensors[0]].shape)
    if array is None:
        return _reply("neutral", "", NO_NUMBERS, rows)
    if not array.any():
        return _reply("neutral", "", NOTHING_YET, rows)
    verdict, text = lab.judge(lambda: array, explain=False), _as_code(lab, array)
    right = verdict.status == "right"
    said = [sentence for told in verdict.mistakes.values() for sentence in told]
    said += progress.record(lab.name, right, kept.digest(text))
    try:
        said += [_keep(lab, text, right)]
    except OSError as error:
        said.append(f"It could not be kept: {error.strerror or error}.")
    parts = np.isclose(array, lab.references[0][lab.tensors[0]])
    if right:
        return _reply("right", "✓ Right", " ".join(filter(None, said)), rows)
    return _reply("wrong", "✗ Not yet", " ".join(filter(None, [_counted(parts), *said])), rows, parts.ravel().tolist())


def _keep(lab: DrawingLab, text: str, right: bool) -> str:
    if not right:
        kept.note_try(lab.name, text)
        return ""
    kept.store(lab.name, text, keeping.question(lab))
    kept.forget_try(lab.name)
    return KEPT.format(lab=lab.name)


def _reply(status: str, head: str, says: str, rows: Any, parts: list[bool] | None = None) -> dict[str, Any]:
    return {"status": status, "head": head, "says": rich(says), "rows": rows, "parts": parts or []}


def _before(lab: DrawingLab) -> dict[str, Any]:
    """The reply to the drawing that is kept, or to none."""
    for found in keeping.answer, keeping.last_try:
        answer = found(lab.name)
        array = None
        with suppress(Exception):  # whatever is wrong with a file that was edited: then nothing was drawn
            array = None if answer is None else _array(answer(), lab.references[0][lab.tensors[0]].shape)
        if array is not None:
            parts = np.isclose(array, lab.references[0][lab.tensors[0]])
            rows = [[predictions.shown(float(n)) if n else "" for n in row] for row in array]
            if parts.all():
                return _reply("right", "✓ Right", "This is your drawing as it is kept.", rows)
            says = f"This is what you drew last. {_counted(parts)}"
            return _reply("wrong", "✗ Not yet", says, rows, parts.ravel().tolist())
    return _reply("neutral", "", "", [])


def _counted(parts: np.ndarray) -> str:
    return f"{COUNTED.format(right=parts.sum(), every=parts.size)} {MARKED}"


def _array(rows: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """The numbers of a drawing; None if it holds anything else. An empty cell is 0."""
    try:
        filled = [[0.0 if isinstance(one, str) and not one.strip() else one for one in row] for row in rows]
        array = read_numbers(filled)
    except TypeError:
        return None
    return array if array is not None and array.shape == shape and np.isfinite(array).all() else None


def _as_code(lab: DrawingLab, array: np.ndarray) -> str:
    """A drawing as the module in which it is kept: a function that returns it."""
    rows = "".join(f"            {row!r},\n" for row in array.tolist())
    return (
        f'"""Your answer to the lab {lab.name} of lesson {lab.lesson}: a drawing."""\n\nimport numpy as np\n\n\n'
        f"def {lab.name}():\n    return np.array(\n        [\n{rows}        ]\n    )\n"
    )


def still(lab: DrawingLab) -> "Still":
    """A drawing where nothing can be clicked."""
    rows, columns = lab.references[0][lab.tensors[0]].shape
    given = [(name, [[number(float(n)) for n in row] for row in grid]) for name, grid in lab.grids.items()]
    return Still(lab.name, [*given, (lab.tensors[0], [[""] * columns] * rows)])


@dataclass(repr=False)
class Still(Card):
    """The grids that something is drawn from, (name, rows of numbers) each, the empty one last; how to do without."""

    name: str
    grids: list[tuple[str, list[list[str]]]]

    template: ClassVar[str] = "drawing.html"

    @property
    def says(self) -> str:
        return WITHOUT.format(lab=self.name)

    def lines(self) -> list[str]:
        given = [f"{name} = [{'; '.join(', '.join(row) for row in rows)}]" for name, rows in self.grids[:-1]]
        return [self.says, *given]
