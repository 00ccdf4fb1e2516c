"""A gradient drawn in JupyterLab: by mouse and by keyboard, judged cell by cell, there again after a restart."""

import re

import pytest

pytestmark = pytest.mark.slow

FIRST = """import os
os.environ["COURSE_PROGRESS"], os.environ["COURSE_WORK"] = {progress!r}, {work!r}
from course_lib.exercises import check, draw"""
CHECK = 'draw_dx = check("draw_dx")'
AFTER = 'print("the cells behind it are run")'


@pytest.fixture
def sheet(lab, tmp_path):
    """A notebook with the drawing of lesson 02, its check, and a cell behind them; all are run."""
    first = FIRST.format(progress=str(tmp_path / "progress.json"), work=str(tmp_path))
    lab.open(lab.write("drawn.ipynb", first, 'draw("draw_dx")', CHECK, AFTER))
    lab.run_all_to_the_end()
    lab.page.wait_for_selector(".cg-draw")
    lab.settle()
    return lab


def given(page, name, place):
    return page.locator(f'.cg-draw button[aria-label^="{name}[{place}]"]')


def drawn(page, place):
    return page.locator(f'.cg-draw input[aria-label="dx[{place}]"]')


def values(page):
    return page.locator(".cg-draw input").evaluate_all("cells => cells.map((cell) => cell.value)")


def stamp(page, output, top, left):
    """Add what one output hands back, click by click."""
    given(page, "dy", output).click()
    for a in range(2):
        for b in range(3):
            given(page, "w", f"{a}, {b}").click()
            drawn(page, f"{top + a}, {left + b}").click()


def test_stamps_are_clicked_together_judged_and_kept(sheet, tmp_path):
    page = sheet.page
    text = page.locator(".jp-Notebook").inner_text()
    assert AFTER[7:-2] in text and "Not attempted" in text  # Run All stops nowhere
    assert not (tmp_path / "progress.json").exists()
    stamp(page, "0, 0", 0, 0)
    assert "Each click adds dy[0, 0] · w[1, 2] = 2" in page.locator(".cg-product").inner_text()
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_selector('.cg-draw[data-status="wrong"]')
    says = page.locator(".cg-draw .cg-reply").inner_text()
    assert "of 25 cells are right" in says and "That is what one number of dy pays." in says
    assert page.locator('.cg-draw [data-part="false"]').count() == 25 - int(says.split("· ")[1].split(" of")[0])
    stamp(page, "0, 1", 0, 2)
    stamp(page, "1, 1", 2, 2)
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_selector('.cg-draw[data-status="right"]')
    assert (tmp_path / "mine" / "draw_dx.py").is_file()
    sheet.run_all_to_the_end()
    page.wait_for_selector('.cg-draw[data-status="right"]')
    assert values(page)[:5] == ["1", "2", "5", "4", "6"]  # drawn anew from what is kept
    assert "Right · draw_dx" in page.locator(".jp-Notebook").inner_text()


@pytest.mark.course
def test_the_keyboard_moves_adds_takes_away_and_checks(sheet):
    page = sheet.page
    given(page, "dy", "0, 1").focus()
    page.keyboard.press("Enter")
    given(page, "w", "0, 2").focus()
    page.keyboard.press("Space")
    assert given(page, "w", "0, 2").get_attribute("aria-pressed") == "true"
    drawn(page, "0, 0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert drawn(page, "1, 1").input_value() == "6" and values(page).count("") == 24
    page.keyboard.press("ArrowUp")
    page.keyboard.type("7")
    assert drawn(page, "0, 1").input_value() == "7"
    page.keyboard.press("Enter")
    page.wait_for_selector('.cg-draw[data-status="wrong"]')
    assert drawn(page, "1, 1").get_attribute("aria-invalid") == "true"
    assert page.locator(".cg-draw").get_attribute("aria-label") == "Drawing of dx, draw_dx"
    page.get_by_role("button", name="Clear all cells").click()
    assert set(values(page)) == {""}


@pytest.mark.course
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_is_legible_in_both_themes(sheet, theme):
    page = sheet.page
    sheet.theme(theme)
    given(page, "dy", "0, 1").click()
    given(page, "w", "0, 2").click()
    drawn(page, "0, 2").click()
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_selector('.cg-draw[data-status="wrong"]')
    colours = page.locator(".cg-draw input").first.evaluate(
        "cell => [getComputedStyle(cell).color, getComputedStyle(cell).backgroundColor]"
    )
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert abs(ink - paper) > 400 and (paper < 384) == ("Dark" in theme)
