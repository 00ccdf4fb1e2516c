"""What would answer a question that is still open is folded in a learner's copy of a lesson, as one folds it by hand.

A build notes in a cell which questions its output (`reveals`) and its source (`reveals_code`) would answer. The fold is
JupyterLab's own, in the cell's metadata: it needs no trust, and opens by a click.
"""

import copy
from collections.abc import Callable
from typing import Any

Cell = dict[str, Any]

SAYS = "This answers the question above."
# JupyterLab shows how the first output of a folded cell begins: this one comes before those that would answer
_FIRST: dict[str, Any] = {
    "output_type": "display_data",
    "data": {"text/plain": SAYS},
    "metadata": {"course": {"fold": True}},
}


def fold(cells: list[Cell], answered: Callable[[str], bool]) -> None:
    """Fold what answers an open question, and open what answers none. answered(name): whether a question was."""
    unfold(cells)
    names = {course["predict"]: course.get("formerly", ()) for cell in cells if "predict" in (course := _course(cell))}

    def is_open(name: str) -> bool:
        return not any(map(answered, (name, *names.get(name, ()))))

    for cell in cells:
        hidden = {}
        if any(map(is_open, _course(cell).get("reveals", ()))):
            cell["metadata"]["collapsed"] = hidden["outputs_hidden"] = True
            if cell.get("outputs"):
                cell["outputs"] = [copy.deepcopy(_FIRST), *cell["outputs"]]
        if any(map(is_open, _course(cell).get("reveals_code", ()))):
            hidden["source_hidden"] = True
        if hidden:
            cell["metadata"]["jupyter"] = {**cell["metadata"].get("jupyter", {}), **hidden}


def unfold(cells: list[Cell]) -> None:
    """Take every such fold out, so that a copy can be compared with what is shipped."""
    for cell in cells:
        course, metadata = _course(cell), cell.get("metadata", {})
        ours = [
            *(["outputs_hidden"] if "reveals" in course else []),
            *(["source_hidden"] if "reveals_code" in course else []),
        ]
        if ours:
            metadata.pop("collapsed", None)
            cell["outputs"] = [output for output in cell.get("outputs", ()) if not _is_ours(output)]
            kept = {key: value for key, value in metadata.pop("jupyter", {}).items() if key not in ours}
            if kept:
                metadata["jupyter"] = kept


def _is_ours(output: Cell) -> bool:
    return output.get("metadata", {}).get("course") == _FIRST["metadata"]["course"]


def _course(cell: Cell) -> dict[str, Any]:
    return cell.get("metadata", {}).get("course", {})
