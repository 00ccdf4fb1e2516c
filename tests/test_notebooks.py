"""The lessons as a learner meets them: built, run with nothing solved, run with everything solved."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib._support import places
from course_lib.publish import build

NOTEBOOKS = build.notebooks()
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


def shown_text(cell):
    """Everything a cell shows as text, without the pictures in it."""
    texts = [text for output in cell.outputs for kind, text in sorted(output.get("data", {}).items()) if "text" in kind]
    texts += [output.text for output in cell.outputs if output.output_type == "stream"]
    return re.sub(r"base64,[\w+/=]+", "PICTURE", "\n".join(texts))


@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_a_source_becomes_a_whole_notebook_with_every_lab_and_question_it_names(lesson):
    source = (build.SOURCES / f"{lesson}.md").read_text(encoding="utf-8")
    notebook = build.assemble(lesson)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type == "code" or "<!--" not in cell.source, cell.source  # a directive that was misspelt
    for cell in code_cells(notebook):
        compile(cell.source, cell.id, "exec")
    labs = re.findall(r"^<!--\s*exercise\s+(\w+)", source, re.MULTILINE)
    for holds in (lambda cell: part(cell) == "stub", build.checks_in):
        assert [cell.metadata["course"]["exercise"] for cell in code_cells(notebook) if holds(cell)] == labs
    asked = re.findall(r"^<!--\s*predict\s+(\S+)", source, re.MULTILINE)
    placed = [name for cell in code_cells(notebook) if (name := cell.metadata.get("course", {}).get("predict"))]
    assert set(asked) <= set(placed) and len(set(placed)) == len(placed)


@pytest.mark.slow
@pytest.mark.parametrize("lesson", build.lessons())
def test_run_again_every_lesson_puts_out_what_it_is_shipped_with(lesson, built):
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
    run = subprocess.run(
        [*command, f"{lesson}.ipynb"], cwd=built, capture_output=True, encoding="utf-8", errors="replace"
    )
    advice = f"\nIf this is what {lesson} should show from now on: python -m course_lib.publish.build {lesson}"
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:] + advice
    compared = [cell for cell in code_cells(read(built / f"{lesson}.ipynb")) if is_compared(cell)]
    assert re.search(r"(\d+) passed", run.stdout) and len(compared) > 2  # or nbval had nothing to compare


@pytest.mark.slow
@pytest.mark.parametrize("lesson", NOTEBOOKS)
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
        assert str(Path.home()) not in shown_text(cell) and str(places.ROOT) not in shown_text(cell), cell.source


@pytest.mark.slow
@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_as_shipped_every_lab_says_not_attempted(lesson, built):
    for cell in code_cells(read(built / f"{lesson}.ipynb")):
        if build.checks_in(cell):
            assert "not attempted" in shown_text(cell).lower(), cell.source


@pytest.mark.slow
@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_with_every_lab_solved_every_check_says_right_and_the_lesson_reaches_its_end(lesson, built, tmp_path):
    notebook = read(built / f"{lesson}.ipynb")
    checks = []
    for cell in code_cells(notebook):
        if part(cell) == "stub":
            cell.source = build.solved(cell)
        if build.checks_in(cell):
            checks.append(cell)
    if not checks:
        pytest.skip("this lesson has no lab")
    build.execute(notebook, tmp_path)
    for cell in checks:
        first_line = shown_text(cell).strip().splitlines()[0].lower()
        assert "right" in first_line and "not attempted" not in first_line, shown_text(cell)[:500]


def shipped(lesson):
    """The path of the notebook in the repository, which nobody may have changed since it was built."""
    path = build.NOTEBOOKS / f"{lesson}.ipynb"
    if not os.environ.get("CI") and build.was_changed(path):
        pytest.skip("this notebook holds a learner's work")
    assert not build.was_changed(path), f"{path} was changed by hand: edit its source and build it"
    return path


@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_the_notebooks_in_the_repository_are_built_and_hold_what_their_sources_say(lesson):
    advice = f"{lesson} differs from its source: run python -m course_lib.publish.build {lesson}"
    assert build.is_current(shipped(lesson)), advice


def test_the_finale_is_shipped_with_the_training_on_all_digits_and_with_the_larger_network():
    shown = "\n".join(map(shown_text, code_cells(read(shipped("12_finale")))))
    assert re.search(r"You train on 60,000 of 60,000 images, \d+ times each, and test on 10,000\.", shown)
    small, larger = (float(share) for share in re.findall(r"([\d.]+)% of the test digits", shown))
    assert 98 < small < larger < 100 and "Not trained" not in shown


def test_the_lessons_stand_in_the_readme_in_order():
    links = re.findall(r"\(notebooks/(\w+)\.ipynb\)", (places.ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if link in build.lessons()] == build.lessons()


@pytest.mark.slow
def test_a_warning_that_a_cell_causes_is_an_error_in_these_tests(lesson_environment):
    cells = [new_code_cell(source) for source in ("import warnings, numpy", "numpy.log(0.0)", "warnings.warn('x')")]
    _, second, third = build.execute(new_notebook(cells=cells), allow_errors=True).cells
    assert [output.ename for cell in (second, third) for output in cell.outputs] == ["RuntimeWarning", "UserWarning"]
