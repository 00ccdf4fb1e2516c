"""The lessons as a teacher hands them out: the shipped notebooks without solutions, and the solutions beside them.

With `nbgrader`, the lessons also carry the cells and the metadata by which nbgrader gives one point for each lab.
"""

import copy
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import nbformat

from course_lib._support.files import atomic_write
from course_lib._support.folding import fold
from course_lib.exercises import Case, Exercise, get, registry
from course_lib.publish import build

LESSONS, SOLUTIONS, ASSIGNMENTS = "lessons", "solutions.zip", "source"
POINTS = 1  # for a lab
# what is folded away in a lesson, by how its title begins
HINTS, SOLUTION, BUG = r"Hints \(\d+\)", r"(One s|S)olution", r"It has happened\."
TITLE = re.compile(r"<summary>(Hints \(\d+\)) and solution</summary>")
FOLD = re.compile(r"<details>\s*<summary>(?P<title>.*?)</summary>|</details>", re.DOTALL)


class CannotBeHandedOutError(Exception):
    """Why a folder cannot be made, as a sentence."""


def hand_out(out: Path, hints: bool = False, nbgrader: bool = False, shipped: Path = build.NOTEBOOKS) -> list[Path]:
    """Make the folder for students, and the zip with the solutions for the teacher. Returns the paths made.

    hints: whether the labs' hints stay. nbgrader: whether OUT/source has an nbgrader assignment for each lesson, too.
    Raises CannotBeHandedOutError.
    """
    paths = {name: shipped / f"{name}.ipynb" for name in build.notebooks() if (shipped / f"{name}.ipynb").exists()}
    changed = [name for name, path in paths.items() if build.was_changed(path)]
    if changed:
        raise CannotBeHandedOutError(
            f"These notebooks have changed since they were built: {', '.join(changed)}. "
            "Build them again first (python -m course_lib.publish.build), or take a fresh copy of the course."
        )
    target = out / LESSONS
    if target.exists() and any(target.iterdir()):
        raise CannotBeHandedOutError(f"{target} is not empty. Name another folder, or empty that one first.")
    made = [target, out / SOLUTIONS]
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in paths.items():
            notebook = nbformat.read(path, as_version=4)
            _write(without_solutions(notebook, hints), target / f"{name}.ipynb")
            _write(solved(notebook), Path(scratch) / f"{name}.ipynb")
            if nbgrader and name in registry.lessons():
                _write(for_nbgrader(notebook, hints), out / ASSIGNMENTS / name / f"{name}.ipynb")
        _seal(Path(scratch), out / SOLUTIONS)
    return [*made, out / ASSIGNMENTS] if nbgrader else made


def without_solutions(notebook: nbformat.NotebookNode, hints: bool = False) -> nbformat.NotebookNode:
    """A copy of a lesson without its labs' solutions, and without what the bug clinic tells of its cases.

    What would answer an open question is folded, as in a learner's own copy.
    """
    handed = copy.deepcopy(notebook)
    cells = []
    for cell in handed.cells:
        if cell.cell_type == "markdown":
            for title in (SOLUTION, BUG, *([] if hints else [HINTS])):
                cell.source = _without_folded(cell.source, title)
            cell.source = TITLE.sub(r"<summary>\1</summary>", cell.source)
            if not cell.source:
                continue
        cells.append(json.loads(json.dumps(cell)))
    fold(cells, answered=lambda name: False)
    handed.cells = nbformat.from_dict(cells)
    handed.metadata.pop("course", None)  # it is no longer what was built
    return handed


def _without_folded(text: str, title: str) -> str:
    """A text without the folded parts whose titles begin so, with all that is folded inside them."""
    kept, depth, end = [], 0, 0
    for mark in FOLD.finditer(text):
        opens = mark["title"] is not None
        if depth:
            depth += 1 if opens else -1
            end = mark.end()
        elif opens and re.match(title, mark["title"]):
            kept.append(text[end : mark.start()].rstrip())
            depth = 1
    return "\n\n".join([part for part in (*kept, text[end:].strip()) if part]) if kept else text


def solved(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of a lesson with every lab solved, without the outputs of the labs."""
    full = copy.deepcopy(notebook)
    for cell in full.cells:
        part = cell.metadata.get("course", {}).get("part")
        if part == "stub":
            cell.source = build.solved(cell)
        if part in ("stub", "check", "symptom"):
            cell.outputs, cell.execution_count = [], None
    full.metadata.pop("course", None)
    return full


def for_nbgrader(notebook: nbformat.NotebookNode, hints: bool = False) -> nbformat.NotebookNode:
    """A lesson as an assignment of nbgrader: behind each lab a locked cell that gives its point.

    The stubs are no "solution cells" of nbgrader: it would empty them. They hold no solution that must be removed.
    """
    handed = without_solutions(notebook, hints)
    cells = []
    for cell in handed.cells:
        cells.append(cell)
        about = cell.metadata.get("course", {})
        if about.get("part") == "check" or about.get("checks"):
            cells.append(_graded(get(about["exercise"])))
    handed.cells = cells
    return handed


def _graded(lab: Exercise) -> nbformat.NotebookNode:
    """The cell that nbgrader grades: it fails unless what the student wrote is right."""
    about: dict[str, Any] = {
        "grade": True, "solution": False, "locked": True, "task": False, "points": POINTS,
        "grade_id": f"grade-{lab.name}", "schema_version": 3, "cell_type": "code",
    }  # fmt: skip
    kind = "case" if isinstance(lab, Case) else "lab"
    return nbformat.v4.new_code_cell(
        f"# The point for this {kind}\nfrom course_lib.classroom.grading import award\n\naward(\"{lab.name}\")",
        id=f"grade-{lab.name}", metadata={"nbgrader": about},
    )  # fmt: skip


def _write(notebook: nbformat.NotebookNode, path: Path) -> None:
    with atomic_write(path, "w") as file:
        nbformat.write(notebook, file)


def _seal(folder: Path, target: Path) -> None:
    """Put the files of a folder into one zip."""
    with atomic_write(target, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"solutions/{path.name}")
