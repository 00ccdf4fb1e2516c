"""Build the notebooks from their text: python -m course_lib.publish.build [01_conv1d ...]

notebooks/source/NN_name.md, in Jupytext's Markdown, becomes notebooks/NN_name.ipynb, executed and with its outputs.
In a source, the line  <!-- exercise NAME -->  is replaced by the cells of that lab, and  <!-- predict NAME -->  by
those of that question. The learner's first guesses come before the heading of the lesson's end.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_lib import exercises
from course_lib._support.files import atomic_write
from course_lib._support.places import NOTEBOOKS

SOURCES = NOTEBOOKS / "source"

DIRECTIVE = re.compile(r"^<!-- (exercise|predict) (\S+) -->$", re.MULTILINE)
# the cell works as the first one in a fresh kernel
_FROM_EXERCISES = "from course_lib.exercises import {}"
DRAWS = re.compile(r"(\([\w, ]+\)|[\w, ]+) = figures\.row\(|for |figures\.")
THE_END = "## What you can now do"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class ChangedByHandError(Exception):
    """The notebook that would be overwritten has changed since it was built, and may hold somebody's work."""


def lessons():
    """Returns the names of all lessons, in order: "00_start_here" ..."""
    return sorted(path.stem for path in SOURCES.glob("[0-9A-C]*_*.md"))


def notebooks():
    """Returns the names of all lessons, and of the pages behind them, such as the glossary."""
    return lessons() + sorted(path.stem for path in SOURCES.glob("[X-Z]_*.md"))


def build(lesson, folder=NOTEBOOKS, force=False):
    """Build a lesson into an executed notebook in `folder`. Returns its path.

    Raises ChangedByHandError if the notebook there has changed since it was built, unless `force` is set.
    """
    target = Path(folder) / f"{lesson}.ipynb"
    if not force and was_changed(target):
        raise ChangedByHandError(
            f"{target} has changed since it was built, and building it again would lose the changes. "
            "Copy it elsewhere first, or build with --force to overwrite it."
        )
    notebook = execute(assemble(lesson))
    tidy(notebook)
    notebook.metadata["course"] = {"built": content_hash(notebook)}
    with atomic_write(target, "w") as file:
        nbformat.write(notebook, file)
    return target


def only_draws(source):
    """Whether a cell makes a figure and nothing else that a reader needs: it is folded, and a click opens it."""
    return bool(DRAWS.match(source)) and source.rstrip().endswith("plt.show()")


def assemble(lesson):
    """Returns a lesson's notebook without outputs, with the cells of its labs and questions in place."""
    notebook = jupytext.read(SOURCES / f"{lesson}.md")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    notebook.cells = [piece for cell in notebook.cells for piece in _expanded(cell)]
    _add_first_guesses(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code" and only_draws(cell.source):
            cell.metadata["jupyter"] = {"source_hidden": True}
    _name_cells(notebook.cells)
    _mark_what_is_revealed(notebook.cells)
    return notebook


def _expanded(cell):
    if cell.cell_type != "markdown":
        return [cell]
    text, *rest = DIRECTIVE.split(cell.source)
    cells = [new_markdown_cell(text.strip())]
    for kind, name, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        cells += {"exercise": lab_cells, "predict": question_cells}[kind](name)
        cells.append(new_markdown_cell(text.strip()))
    return [cell for cell in cells if cell.source]


def lab_cells(name):
    """Returns the cells of a lab: the task, a stub to fill in, the check, and the folded hints and solution.

    A lab that begins with a broken function also shows its symptom, asks what is wrong, and shows the symptom again
    below the code. A case of the clinic has three cells: its story, the case, and its code.
    """
    lab = exercises.get(name)
    if isinstance(lab, exercises.Case):
        return _case_cells(lab)
    marked = {"exercise": name, **_formerly(lab)}
    heading = f"### Your turn: `{name}`\n\n*{lab.difficulty}, about {lab.minutes} minutes*\n\n{lab.task}"
    titles = ("First hint", "Second hint", "Third hint")
    folded = [_folded(title, hint) for title, hint in zip(titles, lab.hints, strict=True)]
    folded.append(_folded("Solution", f"```python\n{lab.solution().strip()}\n```"))
    stub, imports = lab.cell, [_of_the_learner(line) for line in lab.cell_imports]
    if lab.symptom:
        stub = f"{stub}\n\n\nexamine({name})"
        imports.append(_FROM_EXERCISES.format("examine"))
    if board := getattr(lab, "board", ""):  # what shows, below the code, how good it is
        stub = f"{stub}\n\n\n{board}({name})"
        imports.append(f"from course_lib import {board.partition('.')[0]}")
    imports.sort(key=lambda line: ("course_lib" in line, line))
    cells = {
        "task": new_markdown_cell(heading),
        "stub": new_code_cell("\n".join(imports) + f"\n\n\n{stub}" if imports else stub),
        "check": new_code_cell(f'{_FROM_EXERCISES.format("check")}\n\n{name} = check("{name}")'),
        "hints": new_markdown_cell(_folded(f"Hints ({len(lab.hints)}) and solution", "\n\n".join(folded))),
    }
    for part, cell in cells.items():
        cell.id = f"lab-{name}-{part}"
        cell.metadata["course"] = {**marked, "part": part}
    if not lab.symptom:
        return list(cells.values())
    symptom = new_code_cell(
        f'{_FROM_EXERCISES.format("examine")}\n\nexamine("{name}")', id=f"lab-{name}-symptom",
        metadata={"course": {**marked, "part": "symptom"}},
    )  # fmt: skip
    task, *others = cells.values()
    return [task, symptom, *question_cells(f"{lab.lesson}/{name}"), *others]


def _case_cells(lab):
    """Returns the cells of a case: its story, the symptom with the question, the broken code with its check."""
    name, marked = lab.name, {"exercise": lab.name, **_formerly(lab)}
    heading = f"### {lab.title}\n\n*{lab.difficulty}, about {lab.minutes} minutes* · `{name}`\n\n{lab.task}"
    shipped = "\n\n".join(report.markdown for report in lab.reports)
    imports = sorted((*lab.imports, _FROM_EXERCISES.format("treat")), key=lambda line: ("course_lib" in line, line))
    code = "\n".join(imports) + f"\n\n\n{lab.stub().strip()}\n\n\n{name} = treat({name})"
    question = f"{lab.lesson}/{name}"
    asks = {"predict": question, **_formerly(exercises.predictions.get(question))}
    cells = {
        "task": new_markdown_cell(
            f"{heading}\n\n{_folded('It has happened. (This tells you what the bug is.)', shipped)}"
        ),
        "symptom": new_code_cell(f'{_FROM_EXERCISES.format("case")}\n\ncase("{name}")'),
        "stub": new_code_cell(code),
    }
    more = {"task": {}, "symptom": asks, "stub": {"checks": True}}
    for part, cell in cells.items():
        cell.id = f"lab-{name}-{part}"
        cell.metadata["course"] = {**marked, "part": part, **more[part]}
    cells["symptom"].metadata["jupyter"] = {"source_hidden": True}
    return list(cells.values())


def checks_in(cell):
    """Whether a code cell checks a lab."""
    about = cell.metadata.get("course", {})
    return about.get("part") == "check" or bool(about.get("checks"))


def solved(cell):
    """The source of the cell of a lab's stub with the lab's solution in the stub's place."""
    lab = exercises.get(cell.metadata["course"]["exercise"])
    head = "" if lab.cell_imports == lab.imports else "\n".join(lab.imports) + "\n\n\n"
    return head + cell.source.replace(lab.cell, lab.solution().strip())


def _of_the_learner(line):
    """Another lab's answer, which this one calls, is imported as the learner's own wherever it is solved."""
    name = line.split()[-1]
    return f"from course_lib.mine import {name}" if name in exercises.names() else line


def question_cells(name):
    """The cells of a question: its text, and the call in which it is answered."""
    question = exercises.predictions.get(name)
    marked, place = {"predict": name, **_formerly(question)}, name.replace("/", "-")
    return [
        new_markdown_cell(
            f"**Before you go on.** {question.text}", id=f"predict-{place}-text", metadata={"course": {**marked}}
        ),
        new_code_cell(
            f'{_FROM_EXERCISES.format("predict")}\n\n{question.cell}', id=f"predict-{place}",
            metadata={"course": {**marked}},
        ),
    ]  # fmt: skip


def _formerly(question):
    return {"formerly": list(question.formerly)} if question.formerly else {}


def _add_first_guesses(cells):
    """Put the learner's first guesses, beside the truth, in front of the heading of a lesson's end."""
    lesson = next((name.partition("/")[0] for cell in cells if (name := asked_in(cell))), None)
    place = next((n for n, cell in enumerate(cells) if cell.source.startswith(THE_END)), None)
    if lesson is None or place is None:
        return
    marked = {"first_guesses": lesson}
    cells[place:place] = [
        new_markdown_cell("## Your first guesses", id="first-guesses-text", metadata={"course": {**marked}}),
        new_code_cell(
            f'{_FROM_EXERCISES.format("first_guesses")}\n\nfirst_guesses("{lesson}")', id="first-guesses",
            metadata={"course": {**marked}},
        ),
    ]  # fmt: skip


def asked_in(cell):
    """The name of the question that a code cell asks, or None."""
    return cell.metadata.get("course", {}).get("predict") if cell.cell_type == "code" else None


def revealed_by(cells, asking):
    """The code cells that give away the question that the cell number `asking` asks: the first of those behind it."""
    behind = [cell for cell in cells[asking + 1 :] if cell.cell_type == "code" and not asked_in(cell)]
    return behind[: exercises.predictions.get(asked_in(cells[asking])).reveals]


def _mark_what_is_revealed(cells):
    """Note in the cells that give a question away which it is: a learner's copy folds them until it is answered."""
    for number, cell in enumerate(cells):
        if name := asked_in(cell):
            for revealing in revealed_by(cells, number):
                kinds = ("reveals", "reveals_code") if exercises.predictions.get(name).reveals_code else ("reveals",)
                course = revealing.metadata.setdefault("course", {})
                for kind in kinds:
                    course[kind] = [*course.get(kind, []), name]


def _name_cells(cells):
    """Give every cell an id that stays the same as long as its content does; labs and questions have theirs already."""
    used = {cell.id for cell in cells if cell.metadata.get("course")}
    for cell in cells:
        if cell.metadata.get("course"):
            continue
        kind = "text" if cell.cell_type == "markdown" else "code"
        name = f"{kind}-{hashlib.sha256(cell.source.encode()).hexdigest()[:10]}"
        cell.id = next(free for free in (name, *(f"{name}-{n}" for n in range(2, len(cells) + 2))) if free not in used)
        used.add(cell.id)


def _folded(title, text):
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def execute(notebook, folder=None, allow_errors=False, widget_state=False):
    """Run all cells in a new kernel, in `folder` or in a temporary one. Returns the notebook.

    A learner's progress, checkpoints and weights are neither used nor overwritten. With `widget_state`, the states of
    the widgets are kept in the notebook's metadata.
    """
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            **os.environ,
            "COURSE_WORK": str(Path(scratch) / "work"),
            "COURSE_PROGRESS": str(Path(scratch) / "progress.json"),
        }
        client = NotebookClient(
            notebook, timeout=1200, kernel_name="python3", allow_errors=allow_errors,
            store_widget_state=widget_state, record_timing=False, coalesce_streams=True,
            resources={"metadata": {"path": str(folder or scratch)}},
        )  # fmt: skip
        client.execute(env=environment)
    return notebook


def tidy(notebook):
    """Remove what a reader without a kernel cannot use: widget models, and progress bars that have disappeared."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_vanished(output)]
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET_VIEW, None)


def _is_vanished(output):
    return WIDGET_VIEW in output.get("data", {}) and set(output.data) <= {WIDGET_VIEW, "text/plain"}


def content_hash(notebook):
    """Returns a hash of the sources and outputs of all cells."""
    cells = [[cell.cell_type, cell.source, cell.get("outputs"), cell.get("attachments")] for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def was_changed(path):
    """Returns whether `path` holds anything but exactly what a build wrote there."""
    if not path.exists():
        return False
    try:
        notebook = nbformat.read(path, as_version=4)
        return notebook.metadata["course"]["built"] != content_hash(notebook)
    except Exception:  # not a notebook, or not one that was built here
        return True


def is_current(path):
    """Returns whether the cells at `path` are those that its source makes today; outputs are not compared."""
    kept, made = nbformat.read(path, as_version=4).cells, assemble(path.stem).cells
    return [_without_outputs(cell) for cell in kept] == [_without_outputs(cell) for cell in made]


def _without_outputs(cell):
    return cell.id, cell.cell_type, cell.source, cell.metadata


def main():
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.publish.build", description="Build the notebooks from their text."
    )
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="such as 01_conv1d (default: all)")
    parser.add_argument(
        "--force", action="store_true", help="overwrite notebooks that have changed since they were built"
    )
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="where to write (default: notebooks/)")
    arguments = parser.parse_args()
    unknown = set(arguments.lessons) - set(notebooks())
    if unknown:
        parser.error(f"no such lesson: {', '.join(sorted(unknown))}; choose from {', '.join(notebooks())}")
    failed = False
    for lesson in arguments.lessons or notebooks():
        try:
            print(build(lesson, arguments.folder, arguments.force))
        except ChangedByHandError as refusal:
            print(refusal, file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
