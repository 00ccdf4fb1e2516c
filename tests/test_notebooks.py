"""The lessons as a learner meets them: built, run with nothing solved, run with everything solved."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from places import CHROMIUM

from course_lib import build, exercises

pytestmark = pytest.mark.slow

LESSONS = build.lessons()
IGNORED = {"nbval-ignore-output", "nbval-skip"}
SANITIZE = Path(__file__).parent / "nbval_sanitize.cfg"


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def part(cell):
    return cell.metadata.get("course", {}).get("part")


def is_compared(cell):
    return not IGNORED & set(cell.metadata.get("tags", []))


def kinds(cell):
    """Which forms each output of a cell has: text, picture ..."""
    return [sorted(output.get("data", [])) for output in cell.outputs]


def shown_text(cell):
    """Everything a cell shows as text, with what differs from run to run left out."""
    texts = [text for output in cell.outputs for kind, text in sorted(output.get("data", {}).items()) if "text" in kind]
    texts += [output.text for output in cell.outputs if output.output_type == "stream"]
    text = re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", "\n".join(texts))
    return re.sub(r"base64,[\w+/=]+|cg-spare-\w+|height: \d+px", "PICTURE", text)  # drawn by the fonts and Pillow here


@pytest.mark.parametrize("lesson", LESSONS)
def test_strict_nbval_passes_on_a_freshly_built_copy(lesson, built):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        f"--nbval-sanitize-with={SANITIZE}",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    run = subprocess.run([*command, f"{lesson}.ipynb"], cwd=built, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    compared = [
        cell for cell in code_cells(read(built / f"{lesson}.ipynb")) if not IGNORED & set(cell.metadata.get("tags", []))
    ]
    assert re.search(r"(\d+) passed", run.stdout) and len(compared) > 2  # or nbval had nothing to compare


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_cell_has_run_without_errors_and_holds_nothing_private(lesson, built):
    notebook = read(built / f"{lesson}.ipynb")
    assert "widgets" not in notebook.metadata
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell.source
            assert build.WIDGET_VIEW not in output.get("data", {})
            assert not re.search(r"0x[0-9a-f]{6,}", output.get("data", {}).get("text/plain", "")), cell.source
        assert str(Path.home()) not in shown_text(cell) and str(build.ROOT) not in shown_text(cell), cell.source


@pytest.mark.parametrize("lesson", LESSONS)
def test_as_shipped_every_lab_says_not_attempted(lesson, built):
    for cell in code_cells(read(built / f"{lesson}.ipynb")):
        if part(cell) == "check":
            assert "not attempted" in shown_text(cell).lower(), cell.source


@pytest.mark.skipif(CHROMIUM is not None, reason="here the lessons are solved in JupyterLab: tests/browser")
@pytest.mark.parametrize("lesson", LESSONS)
def test_with_every_lab_solved_every_check_says_right_and_the_lesson_reaches_its_end(lesson, built, tmp_path):
    notebook = read(built / f"{lesson}.ipynb")
    checks = []
    for cell in code_cells(notebook):
        if part(cell) == "stub":
            cell.source = exercises.get(cell.metadata["course"]["exercise"]).solution()
        if part(cell) == "check":
            checks.append(cell)
    if not checks:
        pytest.skip("this lesson has no lab")
    build.execute(notebook, tmp_path)
    for cell in checks:
        first_line = shown_text(cell).strip().splitlines()[0].lower()
        assert "right" in first_line and "not attempted" not in first_line, shown_text(cell)[:500]


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_notebooks_in_the_repository_equal_a_fresh_build(lesson, built):
    committed = build.NOTEBOOKS / f"{lesson}.ipynb"
    if not os.environ.get("CI") and build.was_changed(committed):
        pytest.skip("this notebook holds a learner's work")
    assert not build.was_changed(committed), f"{committed} was changed by hand: edit its source and build it"
    fresh, kept = read(built / f"{lesson}.ipynb").cells, read(committed).cells
    advice = f"{lesson} differs from its source: run python -m course_lib.build {lesson}"
    assert [cell.source for cell in kept] == [cell.source for cell in fresh], advice
    assert [cell.metadata for cell in kept] == [cell.metadata for cell in fresh], advice
    for new, old in zip(fresh, kept, strict=True):
        if new.cell_type == "code" and not IGNORED & set(new.metadata.get("tags", [])):
            assert shown_text(old) == shown_text(new), advice
            assert [sorted(o.get("data", [])) for o in old.outputs] == [
                sorted(o.get("data", [])) for o in new.outputs
            ], advice


def test_the_lessons_stand_in_the_readme_in_order():
    links = re.findall(r"\(notebooks/(\w+)\.ipynb\)", (build.ROOT / "README.md").read_text())
    assert links == LESSONS
