"""The map of lesson 00 in JupyterLab: a click chooses the track, a link leads to a lab. Questions that come back."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import nbformat
import pytest

from course_lib.publish import build
from course_lib.widgets.switch import AGAIN

pytestmark = pytest.mark.slow

LOOKED_AT = """(heading) => {
  const node = [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) h3")].find(
    (one) => one.textContent.startsWith(heading)
  );
  const box = node?.getBoundingClientRect();
  return box !== undefined && box.height > 0 && box.top >= 0 && box.top < innerHeight;
}"""


TO_TAB = """(label) => jupyterapp.shell.activateById(
  [...jupyterapp.shell.widgets("main")].find(({ title }) => title.label === label).id
)"""


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "progress.json"


@pytest.fixture
def opened(lab, kept):
    """A function that opens a notebook in which these lines are run, with its own progress."""

    def run(*lines, name="map.ipynb"):
        begin = (
            f'import os\nos.environ["COURSE_PROGRESS"] = {str(kept)!r}\nfrom course_lib.exercises import board, recall'
        )
        lab.open(lab.write(name, begin, *lines))
        lab.run_all_to_the_end()
        lab.settle()
        return lab.page

    return run


def noted(kept):
    return json.loads(kept.read_text(encoding="utf-8"))


@pytest.mark.course
def test_the_fast_track_is_chosen_by_a_click_or_a_key_and_remembered(opened, kept):
    page = opened("board()")
    page.wait_for_selector(".widget-toggle-buttons button")
    assert "The whole course" in page.inner_text(".cg-switched") and not kept.exists()
    page.click("text=Fast track")
    page.wait_for_function("() => document.querySelector('.cg-switched').innerText.includes('one lab a lesson, and')")
    assert noted(kept)["track"]["fast"] is True
    page = opened("board()", name="again.ipynb")
    page.wait_for_selector(".widget-toggle-buttons button")
    assert "of the fast track" in page.inner_text(".cg-switched")
    page.focus("text=Whole course")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.cg-switched').innerText.includes('The whole course')")
    assert noted(kept)["track"]["fast"] is False


@pytest.mark.parametrize("key", ["click", "Enter"])
def test_a_link_of_the_map_leads_to_the_very_lab_at_once(opened, lab, key):
    shutil.copy(build.NOTEBOOKS / "01_conv1d.ipynb", lab.root)
    page = opened("board()")
    assert not page.get_by_text(AGAIN).is_visible()
    link = page.locator("a:has-text('conv1d_backward')")
    if key == "click":
        link.click()
    else:
        link.focus()
        page.keyboard.press(key)
    page.wait_for_selector("h1:has-text('Send a gradient back through')", timeout=60_000)
    page.wait_for_function(LOOKED_AT, arg="Your turn: conv1d_backward", timeout=60_000)
    lab.settle()
    assert page.evaluate(LOOKED_AT, "Your turn: conv1d_backward"), "and stays there when all is drawn"


@pytest.mark.course
def test_where_nothing_follows_links_the_map_says_to_click_again_and_that_leads_to_the_lab(opened, lab, page):
    shutil.copy(build.NOTEBOOKS / "01_conv1d.ipynb", lab.root)
    opened("board()")
    lab.save_and_leave()
    notebook = nbformat.read(lab.root / "map.ipynb", as_version=4)
    notebook.metadata["elsewhere"] = True  # as it arrives on another computer: run, but not trusted
    nbformat.write(notebook, lab.root / "untrusted.ipynb")
    page.goto(f"{lab.address}/lab/tree/untrusted.ipynb?reset")
    page.get_by_text(AGAIN).wait_for()
    link = page.locator("a:has-text('conv1d_backward')")
    link.click()
    page.wait_for_selector("h1:has-text('Send a gradient back through')", timeout=60_000)
    page.evaluate(TO_TAB, "untrusted.ipynb")
    link.click()
    page.wait_for_function(LOOKED_AT, arg="Your turn: conv1d_backward", timeout=60_000)
    page.forgive("widget model not found")  # JupyterLab notes it for every widget without a kernel


@pytest.mark.course
def test_a_question_that_has_come_back_is_answered_with_the_keyboard(opened, kept):
    long_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    entry = {"tries": 1, "first": "a", "right": False, "answered": long_ago, "last": "a", "slot": 0, "since": long_ago}
    kept.write_text(json.dumps({"03/sums": entry}), encoding="utf-8")
    page = opened("recall()")
    page.wait_for_selector(".cg-ask button")
    assert "1 question has come back" in page.inner_text(".jp-Notebook")
    page.focus(".cg-choices button")
    page.keyboard.press("b")
    page.wait_for_selector(".cg-ask[data-status=right]")
    assert noted(kept)["03/sums"]["slot"] == 1 and noted(kept)["03/sums"]["first"] == "a"
