"""What every lesson has in common: how it opens and ends, its length, where its links lead, the glossary."""

import ast
import re
from collections import defaultdict

import pytest
from claims import text_of
from nbformat.v4 import new_code_cell, new_markdown_cell
from sections import CARDS, WIDGETS, Section, is_call, sections

from course_lib._support import places
from course_lib.exercises import registry
from course_lib.exercises.engine.drawing import DrawingLab
from course_lib.exercises.engine.finding import FindingLab
from course_lib.publish import build

LESSONS = build.lessons()
MOST_CELLS, MOST_MINUTES = 100, 90
HEAD = 1600  # characters


def cells_of(name):
    return build.assemble(name).cells


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_opens_with_what_you_do_learn_and_need_and_closes_with_a_question(name):
    text = text_of(name)
    positions = [text.find(mark) for mark in ("# ", "**You will** ", "**You will learn** ", "**You need** ")]
    assert -1 not in positions and positions == sorted(positions) and positions[-1] < HEAD
    ending = text[text.index("## What you can now do") :]
    assert "**An open question.**" in ending and "**Sources.**" in ending


@pytest.mark.parametrize("name", LESSONS)
def test_links_to_the_lesson_before_and_after_and_to_the_glossary_stand_at_the_top(name):
    head, place = text_of(name)[:HEAD], LESSONS.index(name)
    assert "](Z_glossary.ipynb)" in head
    if name[0].isdigit() and place:
        assert re.search(rf"\*\*Before:\*\* \[.*?\]\({LESSONS[place - 1]}\.ipynb\)", head)
    if name[0].isdigit() and name != "12_finale":
        following = LESSONS[place + 1]
        link = re.compile(rf"\*\*Next:\*\* \[(.*?)\]\({following}\.ipynb\)")
        ending = text_of(name)[text_of(name).index("## What you can now do") :]
        assert link.search(head) and link.search(ending)
        assert link.search(head)[1] == f"{following[:2]} · {title(following)}"


def title(name):
    return text_of(name).splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_one_sitting(name):
    minutes = int(re.search(r"^\*Lesson .*?(\d+) minutes", text_of(name), re.MULTILINE)[1])
    assert minutes <= MOST_MINUTES and len(cells_of(name)) <= MOST_CELLS


@pytest.mark.parametrize("name", build.notebooks())
def test_a_section_shows_one_card_one_widget_and_one_folded_aside(name):
    assert [section for section in sections(cells_of(name)) if section.crowded] == []


@pytest.mark.parametrize("name", build.notebooks())
def test_a_player_is_the_last_thing_of_its_cell(name):
    """Only that is shown: a player above other lines is made, and seen by nobody."""
    for cell in cells_of(name):
        if cell.cell_type == "code":
            *before, _ = ast.parse(cell.source).body
            unseen = [line for line in before if isinstance(line, ast.Expr) and is_call(line.value)]
            assert [ast.unparse(line) for line in unseen if line.value.func.id in WIDGETS | CARDS] == []


def test_cards_widgets_and_asides_of_a_section_are_counted():
    lesson = [
        new_markdown_cell("# Title\n<details><summary>one</summary><details></details></details>"),
        new_code_cell("play(frames.conv1d(x, w)), gradcheck.check(f)"),
        new_code_cell('predict("01/weight")', metadata={"course": {"predict": "01/weight"}}),
        new_markdown_cell("Text\n\n### Your turn\n```python\n# no heading\n```"),
        new_code_cell("examine(f)", metadata={"course": {"exercise": "swish"}}),
        new_code_cell("predict", metadata={"course": {"predict": "10/swish"}}),
        new_code_cell("check(f)", metadata={"course": {"exercise": "swish"}}),
        new_code_cell("recall()\nexplore(frames.conv1d)\nslide(f)"),
    ]
    assert sections(lesson)[1:] == [
        Section("# Title", cards=["01/weight"], widgets=["play"], asides=["one"]),
        Section("### Your turn", cards=["swish", "recall"], widgets=["explore", "slide"]),
    ]
    assert [section.crowded for section in sections(lesson)] == [False, False, True]


@pytest.mark.parametrize("name", LESSONS)
def test_the_minutes_and_labs_at_the_top_are_those_of_its_labs_and_of_the_readme(name):
    heading = re.search(r"^\*Lesson .*?(\d+) minutes, (half|\d+) of them in (\d+) labs?\*$", text_of(name), re.M)
    minutes, share, labs = heading.groups()
    working = sum(lab.minutes for lab in registry.lessons()[name])
    assert int(labs) == len(registry.lessons()[name])
    assert working == int(share) if share.isdigit() else abs(working / int(minutes) - 0.5) <= 0.08
    readme = (places.ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"\(notebooks/{name}\.ipynb\).*\| (\d+) \| (\d+) \|$", readme, re.M)
    assert row.groups() == (minutes, labs)


def arrows():
    """The map in the README: {lesson: what it needs}, and the same for the dotted arrows, as letters or two digits."""
    readme = (places.ROOT / "README.md").read_text(encoding="utf-8")
    solid, dotted = {name.partition("_")[0]: set() for name in LESSONS}, defaultdict(set)
    for line in re.search(r"flowchart LR\n(.*?)```", readme, re.S)[1].splitlines():
        steps = re.findall(r"\w+|-->|-\.->", line)
        for before, arrow, after in zip(steps[::2], steps[1::2], steps[2::2], strict=False):
            (solid if arrow == "-->" else dotted)[after].add(before)
    return solid, dotted


def all_before(lesson, solid):
    return solid[lesson].union(*(all_before(one, solid) for one in solid[lesson]))


@pytest.mark.parametrize("name", LESSONS)
def test_the_map_in_the_readme_shows_what_the_top_of_a_lesson_says_it_needs(name):
    solid, dotted = arrows()
    needs = set(re.findall(r"\]\((\w+?)_\w+\.ipynb\)", re.search(r"^\*\*You need\*\*.*$", text_of(name), re.M)[0]))
    lesson = name.partition("_")[0]
    assert solid[lesson] | dotted[lesson] <= needs <= all_before(lesson, solid) | dotted[lesson]


@pytest.mark.parametrize("name", LESSONS[1:])
def test_every_lesson_from_01_on_asks_for_more_than_functions_to_write(name):
    """A repair, an input on which two functions differ, a gradient to draw."""
    assert any(lab.start or isinstance(lab, FindingLab | DrawingLab) for lab in registry.lessons()[name])


@pytest.mark.parametrize("name", build.notebooks())
def test_every_link_to_a_notebook_leads_to_one(name):
    targets = re.findall(r"\]\(([\w.]+)\.ipynb(#[\w-]+)?\)", text_of(name))
    assert {target for target, _ in targets} <= set(build.notebooks()) and (targets or name[0] == "Y")
    assert not any(anchor for _, anchor in targets)


def test_cells_that_only_draw_are_folded_and_no_others():
    drawing = "(ax,) = figures.row(7, height=2)\nfigures.heat(ax, dx)\nplt.show()"
    assert build.only_draws(drawing)
    assert not build.only_draws("T = np.eye(3)\n" + drawing) and not build.only_draws(drawing + "\ndx.sum()")
    for name in LESSONS:
        cells = [cell for cell in cells_of(name) if cell.cell_type == "code" and build.only_draws(cell.source)]
        assert all(cell.metadata["jupyter"]["source_hidden"] for cell in cells)


# ---------------------------------------------------------------- the glossary


def listed():
    """(term, number of its lesson) for every term of the glossary."""
    text = (build.SOURCES / "Z_glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\*\*.*?) \| .* \| \[(\w+)\]\((\w+)\.ipynb\) \|$", text, re.MULTILINE)
    return [(term, number, file) for terms, number, file in rows for term in re.findall(r"\*\*(.*?)\*\*", terms)]


def test_every_term_of_the_glossary_is_defined_in_the_lesson_it_names_and_used():
    terms = listed()
    assert len(terms) > 60 and len({term for term, *_ in terms}) == len(terms)
    for term, number, file in terms:
        assert file in build.lessons() and file.startswith(f"{number}_"), term
        text = (build.SOURCES / f"{file}.md").read_text(encoding="utf-8")
        assert re.search(rf"\*[^*\n]*{re.escape(term)}[^*\n]*\*", text, re.IGNORECASE), (term, file, "is not defined")
        everywhere = "".join(path.read_text(encoding="utf-8") for path in build.SOURCES.glob("[0-9A-C]*.md")).lower()
        assert everywhere.count(term.lower()) >= 2, (term, "is not used")


def test_the_glossary_has_terms_of_every_lesson_that_brings_new_ones():
    assert {number for _, number, _ in listed()} >= {f"{n:02}" for n in range(13)} - {"08", "11"}
