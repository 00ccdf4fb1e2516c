"""The README says what is true: its lessons, its tables, its links, its commands."""

import re
import subprocess
import sys

import pytest
import report
from PIL import Image

from course_lib._support import places
from course_lib.exercises import registry
from course_lib.publish import build

README = (places.ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {name: (places.ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}
ROW = re.compile(
    r"^\| (\d\d|[A-C]) \| \[(.+?)\]\(notebooks/(\w+)\.ipynb\) \| (.+?) \| (\d+) \| (\d+) \|$", re.MULTILINE
)


def source(lesson):
    return (build.SOURCES / f"{lesson}.md").read_text(encoding="utf-8")


def test_the_lessons_stand_in_the_table_in_order_with_their_titles_minutes_and_labs():
    rows = ROW.findall(README)
    found = [(lesson, number, title, int(minutes), int(labs)) for number, title, lesson, _, minutes, labs in rows]
    computed = []
    for lesson in build.lessons():
        title = re.match(r"# (?:\d\d · )?(.+)\n", source(lesson))[1]
        minutes = int(re.search(r"(\d+) minutes", source(lesson))[1])
        computed.append((lesson, places.number(lesson), title, minutes, len(registry.lessons()[lesson])))
    assert found == computed


@pytest.mark.parametrize("lesson", build.lessons())
def test_a_lesson_gives_the_labs_that_are_counted(lesson):
    given = [name for kind, name in build.DIRECTIVE.findall(source(lesson)) if kind == "exercise"]
    assert given == [exercise.name for exercise in registry.lessons()[lesson]]


def between(name):
    return re.search(rf"<!-- measured: {name} -->\n(.*?)<!-- end -->", README, re.DOTALL)[1].strip()


@pytest.mark.parametrize("name", report.SECTIONS)
def test_every_measured_table_has_its_place_and_was_written(name):
    head, *rows = report.read_table("\n".join(line for line in between(name).splitlines() if line.startswith("|")))
    assert len(head) > 1 and rows
    assert report.written(README, name, between(name)) == README


@pytest.mark.slow
def test_the_table_of_labs_is_what_the_labs_make_of_the_answers():
    assert between("labs") == report.labs(), "run tests/report.py labs"


def test_the_table_of_labs_counts_every_answer_and_none_is_judged_wrongly():
    head, *_, together = report.read_table(between("labs"))
    counts = dict(zip(head[1:], map(int, together[1:]), strict=True))
    assert counts["labs"] == len(registry.names())
    assert counts["right answers tried"] == counts["accepted"] == len(report.RIGHT)
    assert counts["wrong answers tried"] == counts["refused"] == len(report.WRONG)
    assert counts["told the mistake"] + counts["told only where it is wrong"] < counts["refused"]


def test_the_table_of_gradients_is_what_is_computed_here_up_to_rounding():
    _, *rows = report.read_table(between("gradients"))
    _, *fresh = report.read_table(report.gradients())
    assert [row[:2] for row in rows] == [row[:2] for row in fresh]
    for row in fresh:
        assert float(row[2]) <= 1e-13 and (row[3] == "has ties" or float(row[3]) <= 1e-7), row


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page])
    assert [target for target in targets if not (places.ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_scripts_that_a_page_names_exist(page):
    names = re.findall(r"python -m (course_lib[.\w]*)", PAGES[page]) + re.findall(r"(tests/[\w/]+\.py)", PAGES[page])
    paths = [name if "/" in name else name.replace(".", "/") for name in names]
    assert names and [path for path in paths if not exists(path)] == []


def exists(path):
    return any((places.ROOT / (path + ending)).exists() for ending in ("", ".py", "/__main__.py"))


def test_two_commands_set_up_and_one_opens_a_lesson_and_the_other_runs_the_tests():
    set_up = "python3 -m venv .venv && .venv/bin/pip install -q -r "
    study, test = (line.removeprefix(set_up) for line in README.splitlines() if line.startswith(set_up))
    assert study == "requirements.txt && .venv/bin/python -m course_lib.study"
    assert test == "requirements-dev.txt && .venv/bin/pytest"


def test_the_commands_for_windows_are_the_same_in_powershells_words():
    def in_powershell(command):
        return command.replace("python3", "py").replace(" && ", "; ").replace(".venv/bin/", ".venv\\Scripts\\")

    (block,) = re.findall(r"```powershell\n(.*?)```", README, re.DOTALL)
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert block.splitlines() == [in_powershell(command) for command in commands]


@pytest.mark.slow
def test_the_moving_picture_is_small_and_is_what_its_script_makes(tmp_path):
    picture = places.ROOT / "assets" / "scatter.gif"
    assert picture.stat().st_size < 150_000
    script = (places.ROOT / "assets" / "make_scatter.py").read_text(encoding="utf-8")
    (tmp_path / "make_scatter.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, tmp_path / "make_scatter.py"], check=True)
    with Image.open(picture) as kept, Image.open(tmp_path / "scatter.gif") as made:
        assert (kept.size, kept.n_frames, kept.info) == (made.size, made.n_frames, made.info)
