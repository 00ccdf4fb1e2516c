"""The example in CONTRIBUTING.md, done as it says, in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from course_lib._support import places
from course_lib.publish import build

TEXT = (places.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = TEXT.split("## An example from beginning to end")[1].split("\n## ")[0]
BLOCK = re.compile(r"^(````?)(\w+)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
PLACE = re.compile(r"(?:# |<!-- )([\w/.]+?\.\w+)(?:, below: (.+?))?(?: -->)?\n")
MOST_EDITS, MOST_FILES = 8, 7
COPIED = ("course_lib", "tests", "assets", "pyproject.toml", "requirements.txt", "README.md", "CONTRIBUTING.md")


def pieces():
    """(path, the text below which it goes or None, content) of every piece, in order."""
    found = []
    for _, kind, content in BLOCK.findall(EXAMPLE):
        if kind != "sh":
            place = PLACE.match(content)
            assert place, f"the first line must say where this goes: {content[:80]}"
            found.append((place[1], place[2], content[place.end() :]))
    return found


def put(root, path, below, content):
    file = root / path
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if below is None:
        file.write_text(f"{before}\n\n{content}" if before else content, encoding="utf-8")
        return
    lines = before.splitlines(keepends=True)
    (at,) = [number for number, line in enumerate(lines) if line.startswith(below)]
    end = next(n for n in range(at, len(lines)) if lines[n].count("(") == lines[n].count(")"))
    file.write_text("".join([*lines[: end + 1], content, *lines[end + 1 :]]), encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the repository with the example in it, and a function that runs a command there."""
    root = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        copy = shutil.copytree if (places.ROOT / name).is_dir() else shutil.copy
        copy(places.ROOT / name, root / name)
    shutil.copytree(build.SOURCES, root / "notebooks" / "source")
    for piece in pieces():
        put(root, *piece)
    environment = {
        **os.environ, "PYTHONPATH": str(root), "COURSE_PROGRESS": str(root / "progress.json"),
        "PYTEST_ADDOPTS": "-n0",  # the workers of this run use the cores already
    }  # fmt: skip

    def run(command):
        arguments = [sys.executable, *command.split()[1:]]
        done = subprocess.run(
            arguments, cwd=root, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace"
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return root, run


def commands():
    return [line for _, kind, content in BLOCK.findall(EXAMPLE) if kind == "sh" for line in content.splitlines()]


def test_a_lesson_with_a_lab_and_an_animation_takes_few_edits_in_few_files():
    assert 5 <= len(pieces()) <= MOST_EDITS
    assert len({path for path, *_ in pieces()}) <= MOST_FILES


@pytest.mark.slow
def test_the_lesson_is_built_with_its_lab_and_its_animation(followed):
    root, run = followed
    run(commands()[0])
    notebook = nbformat.read(root / "notebooks" / "13_running_sum.ipynb", as_version=4)
    shown = "\n".join(str(output.get("data", {})) for cell in notebook.cells for output in cell.get("outputs", []))
    assert "Not attempted" in shown and "Animation: Running sum, backward: dx" in shown and "image/png" in shown
    assert "Your prediction" in shown


@pytest.mark.slow
def test_every_mistake_of_the_lab_is_recognised(followed):
    table = followed[1](commands()[1])
    assert "running_sum_backward: the answer is right" in table
    counts = re.findall(r"(\d+) of (\d+)$", table, re.MULTILINE)
    assert len(counts) == 3 and all(hits == every != "0" for hits, every in counts)


@pytest.mark.course
@pytest.mark.slow
def test_the_tests_of_the_course_take_the_example_up_and_pass(followed):
    outcome = followed[1](commands()[2])
    assert int(re.search(r"(\d+) passed", outcome)[1]) >= 12 and "failed" not in outcome


@pytest.mark.slow
def test_the_example_passes_the_style_check(followed):
    files = " ".join(sorted({path for path, *_ in pieces() if path.endswith(".py")}))
    followed[1](f"python -m ruff check {files}")


def test_every_setting_the_course_reads_stands_in_the_table_and_no_other():
    table = TEXT.split("## Settings")[1].split("\n## ")[0]
    sources = [*places.ROOT.glob("course_lib/**/*.py"), *build.SOURCES.glob("*.md")]
    read = {name for path in sources for name in re.findall(r"COURSE_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| `(COURSE_\w+)`", table, re.MULTILINE)) == read
