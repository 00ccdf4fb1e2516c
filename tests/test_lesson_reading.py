"""What a reader of the lessons stumbled over, where it is of a kind: names of other lessons, guesses, cut lines."""

import re

import pytest
from claims import text_of

from course_lib.publish import build

WIDEST = 118  # characters of code that a cell shows in a window of 1100 pixels


@pytest.mark.parametrize("name", build.notebooks())
def test_a_link_with_a_number_says_the_title_of_the_lesson_it_leads_to(name):
    for number, title, target in re.findall(r"\[(\w+) · ([^\]]+)\]\((\w+)\.ipynb\)", text_of(name)):
        assert (number, title) == (target.partition("_")[0], text_of(target).splitlines()[0].removeprefix("# "))


@pytest.mark.parametrize("name", build.lessons())
def test_every_lesson_asks_and_ends_with_the_first_guesses(name):
    cells = build.assemble(name).cells
    shown = [number for number, cell in enumerate(cells) if "first_guesses" in cell.metadata.get("course", {})]
    assert any(map(build.asked_in, cells))
    assert [cells[number].id for number in shown] == ["first-guesses-text", "first-guesses"]
    assert min(shown) >= len(cells) - 5


@pytest.mark.parametrize("name", build.lessons())
def test_no_line_of_code_is_wider_than_its_cell(name):
    cells = [cell for cell in build.assemble(name).cells if cell.cell_type == "code"]
    lines = [line for cell in cells if not cell.metadata.get("jupyter") for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > WIDEST] == []
