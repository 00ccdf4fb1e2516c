"""The study command: a folder of the learner's own, brought up to date after every real update of the course."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib import study
from course_lib._support import places

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def text(name, source):
    return new_markdown_cell(source, id=name)


def lab(name, **more):
    marked = {"exercise": name, **more}
    return [
        new_code_cell(
            f"def {name}(x):\n    ...", id=f"lab-{name}-stub", metadata={"course": {**marked, "part": "stub"}}
        ),
        new_code_cell(f'check("{name}")', id=f"lab-{name}-check", metadata={"course": {**marked, "part": "check"}}),
    ]


ONE, TWO = [text("a", "One."), *lab("f"), text("b", "Two.")], [text("c", "Three."), *lab("g")]
ANSWER = "def f(x):\n    return 2 * x"


def git(folder, *arguments):
    settings = ["-c", "user.name=Course", "-c", "user.email=course@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


class Course:
    """A repository that ships lessons, and a clone of it in which somebody studies."""

    def __init__(self, root):
        self.origin, self.clone = root / "origin", root / "köpie of it"
        self.work = self.clone / "work"
        (self.origin / "notebooks").mkdir(parents=True)
        git(self.origin, "init")
        (self.origin / ".gitignore").write_text("work/\n", encoding="utf-8")

    def ship(self, **lessons):
        """Make these the lessons, as a commit."""
        for path in (self.origin / "notebooks").glob("*.ipynb"):
            path.unlink()
        for name, cells in lessons.items():
            nbformat.write(new_notebook(cells=cells), self.origin / "notebooks" / f"{name.strip('_')}.ipynb")
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "-m", "lessons")

    def get(self):
        git(self.origin.parent, "clone", str(self.origin), str(self.clone))

    def study(self):
        """Clone or pull, then what the study command does. Returns its sentences."""
        if self.clone.exists():
            git(self.clone, "pull", "--ff-only")
        else:
            self.get()
        return study.prepare(self.clone / "notebooks", self.work)

    def read(self, name):
        return nbformat.read(self.work / f"{name}.ipynb", as_version=4)

    def write(self, name, **sources):
        """The learner changes cells by id (- as _); others are added at the end."""
        notebook = self.read(name)
        known = {cell.id.replace("-", "_"): cell for cell in notebook.cells}
        for key, source in sources.items():
            if key in known:
                known[key].source = source
            else:
                notebook.cells.append(new_markdown_cell(source, id=key))
        nbformat.write(notebook, self.work / f"{name}.ipynb")

    def sources(self, name):
        return [cell.source for cell in self.read(name).cells]


@pytest.fixture
def course(tmp_path):
    made = Course(tmp_path)
    made.ship(_01_one=ONE, _02_two=TWO)
    return made


def test_the_folder_holds_copies_to_write_in_and_git_sees_none_of_it(course):
    assert course.study() == []
    assert course.sources("01_one") == ["One.", "def f(x):\n    ...", 'check("f")', "Two."]
    course.write("01_one", lab_f_stub=ANSWER)
    assert git(course.clone, "status", "--porcelain") == ""


def test_a_second_time_nothing_changes(course):
    course.study()
    course.write("01_one", lab_f_stub=ANSWER)
    before = {path: path.read_bytes() for path in course.work.rglob("*.ipynb")}
    assert course.study() == []
    assert {path: path.read_bytes() for path in course.work.rglob("*.ipynb")} == before


def test_a_reworded_lesson_keeps_the_answer_and_the_old_copy(course):
    course.study()
    course.write("01_one", lab_f_stub=ANSWER, note="My own note.")
    old = (course.work / "01_one.ipynb").read_bytes()
    course.ship(_01_one=[text("a2", "One, said better."), *ONE[1:]], _02_two=TWO)
    (said,) = course.study()
    assert course.sources("01_one") == ["One, said better.", ANSWER, 'check("f")', "Two.", "My own note."]
    (kept,) = (course.work / "earlier").iterdir()
    assert kept.read_bytes() == old and f"earlier/{kept.name}" in said


def test_a_lesson_nobody_wrote_in_is_refreshed_without_a_word(course):
    course.study()
    course.ship(_01_one=[text("a2", "One, said better."), *lab("f"), *lab("h")], _02_two=TWO)
    assert course.study() == [] and not (course.work / "earlier").exists()
    assert course.sources("01_one")[0] == "One, said better." and len(course.sources("01_one")) == 5


def test_a_renamed_lab_and_a_new_one(course):
    course.study()
    course.write("01_one", lab_f_stub=ANSWER)
    course.ship(_01_one=[ONE[0], *lab("double", formerly=["f"]), *lab("h"), ONE[3]], _02_two=TWO)
    course.study()
    assert course.sources("01_one")[1:3] == ["def double(x):\n    return 2 * x", 'check("double")']


def test_a_lesson_split_in_two(course):
    course.study()
    course.write("02_two", lab_g_stub="def g(x):\n    return 3 * x", note="Three times.")
    course.ship(_01_one=ONE, _02_half=TWO[:1], _03_half=TWO[1:])
    (said,) = course.study()
    assert course.sources("03_half") == ["def g(x):\n    return 3 * x", 'check("g")', "Three times."]
    assert not (course.work / "02_two.ipynb").exists() and "02_two is no longer a lesson" in said
    (kept,) = (course.work / "earlier").iterdir()
    assert "3 * x" in kept.read_text(encoding="utf-8")


def test_what_was_written_into_the_shipped_lessons_is_taken_over_once(course):
    course.get()
    shipped = course.clone / "notebooks" / "01_one.ipynb"
    notebook = nbformat.read(shipped, as_version=4)
    notebook.cells[1].source = ANSWER
    nbformat.write(notebook, shipped)
    (shipped.parent / ".progress.json").write_text('{"f": {"tries": 2}}', encoding="utf-8")
    said = study.prepare(course.clone / "notebooks", course.work)
    assert course.sources("01_one")[1] == ANSWER and len(said) == 2
    assert json.loads((course.work / ".progress.json").read_text(encoding="utf-8")) == {"f": {"tries": 2}}
    assert study.prepare(course.clone / "notebooks", course.work) == []


def test_a_shipped_lesson_that_was_built_anew_is_no_learners_work(course):
    course.get()
    rebuilt = [text("a2", "One, said better."), *lab("f"), text("b2", "Two, in other words."), *lab("h")]
    nbformat.write(new_notebook(cells=rebuilt), course.clone / "notebooks" / "01_one.ipynb")
    study.prepare(course.clone / "notebooks", course.work)
    assert course.sources("01_one") == [cell.source for cell in rebuilt]


def test_a_damaged_copy_is_set_aside_and_made_anew(course):
    course.study()
    (course.work / "01_one.ipynb").write_text('{"cells": [', encoding="utf-8")
    course.ship(_01_one=[text("a2", "Better."), *ONE[1:]], _02_two=TWO)
    (said,) = course.study()
    assert "could not be read" in said and course.sources("01_one")[0] == "Better."
    assert (course.work / said.split("kept as ")[1].split(",")[0]).read_text(encoding="utf-8") == '{"cells": ['


def test_a_copy_that_was_deleted_comes_back(course):
    course.study()
    (course.work / "02_two.ipynb").unlink()
    course.study()
    assert course.sources("02_two")[0] == "Three."


def test_a_refresh_that_was_cut_short_is_done_again_without_doubling_anything(course):
    course.study()
    course.write("01_one", lab_f_stub=ANSWER, note="My own note.")
    before = {path.name: path.read_bytes() for path in study._bases(course.work).iterdir()}
    two = [text("c2", "Three!"), *TWO[1:], *lab("h")]
    course.ship(_01_one=[text("a2", "One, said better."), *ONE[1:]], _02_two=two)
    course.study()
    done = {name: course.sources(name) for name in ("01_one", "02_two")}
    for name, content in before.items():  # the copies are new already, but what they were made from is not noted yet
        (study._bases(course.work) / name).write_bytes(content)
    course.study()
    assert {name: course.sources(name) for name in done} == done


def test_killed_between_the_old_copy_and_the_new_one_the_answer_is_still_there(course, monkeypatch):
    course.study()
    course.write("01_one", lab_f_stub=ANSWER)
    course.ship(_01_one=[text("a2", "One, said better."), *ONE[1:]], _02_two=TWO)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(study.nbformat, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        course.study()
    course.study()
    assert course.sources("01_one") == ["One, said better.", ANSWER, 'check("f")', "Two."]


def test_the_lesson_that_was_saved_last_opens_also_after_an_update(course):
    course.study()
    assert study.last_saved(course.work) == "01_one"
    course.write("02_two", note="Here I am.")
    assert study.last_saved(course.work) == "02_two"
    course.ship(_01_one=[text("a2", "Better."), *ONE[1:]], _02_two=[text("c2", "Three, better."), *TWO[1:]])
    course.study()
    assert study.last_saved(course.work) == "02_two"


# ---------------------------------------------------------------- the command


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What would be started, in place of starting it."""
    calls = []
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "wörk here"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "elsewhere")
    monkeypatch.setattr(study.subprocess, "call", lambda command: calls.append(command) or 0)
    monkeypatch.setattr(study, "_as_committed", lambda path: None)  # whatever is being changed in notebooks/ now
    return calls


@pytest.mark.slow
def test_all_options_are_handed_on_to_jupyterlab(started):
    with pytest.raises(SystemExit):
        study.main(["02", "--no-browser", "--allow-root", "--port=8899"])
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "jupyter", "lab"]
    assert command[-3:] == ["--no-browser", "--allow-root", "--port=8899"]
    assert "--LabApp.default_url=/lab/tree/02_conv2d.ipynb" in command
    assert f"--ServerApp.root_dir={os.environ['COURSE_WORK']}" in command


@pytest.mark.slow
def test_jupyterlab_gets_the_courses_defaults_before_what_else_is_configured(started):
    with pytest.raises(SystemExit):
        study.main([])
    ours, *others = os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert (Path(ours) / "labconfig" / "default_setting_overrides.json").exists() and others == ["elsewhere"]


@pytest.mark.slow
def test_without_a_lesson_the_first_is_opened_at_the_start(started):
    with pytest.raises(SystemExit):
        study.main([])
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in started[0]


@pytest.mark.slow
def test_prepare_opens_nothing(started, capsys):
    study.main(["--prepare"])
    assert not started and capsys.readouterr().out.endswith(f"Ready: {os.environ['COURSE_WORK']}\n")
    assert (Path(os.environ["COURSE_WORK"]) / "00_start_here.ipynb").exists()


@pytest.mark.slow
def test_an_unknown_lesson_is_said(started, capsys):
    with pytest.raises(SystemExit):
        study.main(["17", "--no-browser"])
    assert not started and "LESSON must be one of 00_start_here, " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(started, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file"))
    with pytest.raises(SystemExit, match=r"file cannot be written: File exists\. COURSE_WORK can name"):
        study.main(["--no-browser"])
    assert not started


def test_where_the_clone_cannot_be_written_the_folder_is_in_the_home(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_WORK", raising=False)
    monkeypatch.setattr(places.os, "access", lambda path, mode: False)
    monkeypatch.setattr(places.Path, "home", classmethod(lambda cls: tmp_path))
    assert places.work() == tmp_path / places.AT_HOME
