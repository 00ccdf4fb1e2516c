"""The dashboard where learners meet it: a training in a real JupyterLab, watched, paused and stopped while it runs."""

import json

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright").expect
pytestmark = pytest.mark.slow

SETUP = """
import numpy as np
from course_lib import training
from course_lib.widgets.dashboard import Dashboard
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD

rng = np.random.default_rng(0)
x, y = rng.random((640, 1, 16, 16), dtype=np.float32), rng.integers(0, 4, 640)
x += (y / 2)[:, None, None, None].astype(np.float32)
model = Sequential(Conv2d(1, 6, 3, rng=rng), ReLU(), MaxPool2d(2), Flatten(), Linear(294, 4, rng=rng))
"""
TRAIN = """
history = training.fit(
    model, CrossEntropyLoss(), SGD(model.parameters(), lr=0.1), x, y,
    epochs={epochs}, batch_size=32, rng=rng, test=(x, y), watch=Dashboard(),
)
"""
AFTER = "print('after', len(history.step_loss), history.interrupted)"
LONG, SHORT = TRAIN.format(epochs=100_000), TRAIN.format(epochs=6)
BOARD = ".cg-board"
# The steps that the board shows in each of the next 60 frames
STEPS = f"""() => new Promise((done) => {{
  const seen = [];
  const look = () => {{
    seen.push(Number(document.querySelector("{BOARD}").dataset.step));
    if (seen.length < 60) requestAnimationFrame(look);
    else done(seen);
  }};
  look();
}})"""
TROUBLE = "[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']"


def started(lab, name, *cells):
    """The page of a notebook in which a long training runs, and the kernel answers."""
    lab.open(lab.write(name, SETUP, *cells))
    lab.run_all()
    expect(lab.page.get_by_role("button", name="Pause")).to_be_enabled(timeout=60000)
    return lab.page


def step(page):
    return int(page.locator(BOARD).get_attribute("data-step"))


def wait_for_steps(page, more=10):
    goal = step(page) + more
    page.wait_for_function(f"() => Number(document.querySelector('{BOARD}').dataset.step) >= {goal}", timeout=60000)


def test_curves_grow_pause_stands_still_continue_goes_on_and_stop_ends_the_cell(lab):
    page = started(lab, "live.ipynb", LONG, AFTER)
    wait_for_steps(page)
    drawn = page.locator(f"{BOARD} .cg-loss").get_attribute("d")
    wait_for_steps(page)
    assert page.locator(f"{BOARD} .cg-loss").get_attribute("d") != drawn
    page.wait_for_selector(f"{BOARD} .cg-mark.cg-test")  # an epoch is over, and the cell still runs
    assert "[*]" in page.locator(".jp-InputPrompt").nth(1).inner_text()

    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector(f"{BOARD}[data-status='paused']", timeout=10000)
    assert len(set(page.evaluate(STEPS))) == 1
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector(f"{BOARD}[data-status='training']", timeout=10000)
    wait_for_steps(page)

    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(f"{BOARD}[data-status='stopped']", timeout=10000)
    ended = step(page)
    page.get_by_text(f"after {ended} True").wait_for(timeout=20000)
    assert page.locator(TROUBLE).count() == 0
    assert not page.get_by_role("button", name="Stop").is_visible()


@pytest.mark.course
def test_stop_works_in_a_pause_and_by_the_keyboard(lab):
    page = started(lab, "keys.ipynb", LONG, AFTER)
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Space")
    page.wait_for_selector(f"{BOARD}[data-status='paused']", timeout=10000)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{BOARD}[data-status='stopped']", timeout=10000)
    page.get_by_text("after").filter(has_text="True").first.wait_for(timeout=20000)
    assert page.locator(".jp-Notebook .jp-Cell").count() == 3  # the keys were not the notebook's


@pytest.mark.course
def test_keys_pressed_on_its_buttons_are_not_the_notebooks(lab):
    page = started(lab, "keys_of_the_notebook.ipynb", LONG, AFTER)
    before = lab.cells()
    for name in ("Pause", "Stop"):
        button = page.get_by_role("button", name=name)
        button.focus()
        for key in ("b", "a", "m", "x", "d", "d", "ArrowUp"):  # new cells, another kind of cell, cells cut and gone
            page.keyboard.press(key)
        lab.settle()
        assert lab.cells() == before
        assert button.evaluate("(button) => button === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{BOARD}[data-status='stopped']", timeout=10000)


@pytest.mark.course
def test_a_kernel_interrupt_ends_the_training_without_an_error(lab):
    page = started(lab, "interrupt.ipynb", LONG)
    wait_for_steps(page)
    lab.do("notebook:interrupt-kernel")
    page.wait_for_selector(f"{BOARD}[data-status='stopped']", timeout=20000)
    assert page.locator(TROUBLE).count() == 0


@pytest.mark.course
def test_untouched_it_runs_to_its_end_and_a_reopened_notebook_shows_the_curves(lab, page):
    name = lab.write("whole.ipynb", SETUP, SHORT, AFTER)
    lab.open(name)
    lab.run_all()
    page.get_by_text("after 120 False").wait_for(timeout=60000)
    page.wait_for_selector(f"{BOARD}[data-status='finished']")
    assert not page.locator(".cg-spare").is_visible()
    assert page.locator(BOARD).count() == 1 and page.locator(".jp-OutputArea img").count() == 0
    assert "6 of 6 epochs done, train accuracy" in page.locator(f"{BOARD} [aria-live]").inner_text()
    lab.save_and_leave()

    lab.open(name)  # on the same machine: trusted, and the widget's kernel is gone
    page.wait_for_selector(".cg-spare", state="visible", timeout=20000)
    assert page.locator(".cg-spare").bounding_box()["height"] > 300
    assert "Finished after 6 epochs and 120 steps" in page.locator(".cg-spare").get_attribute("aria-label")
    assert not page.get_by_text("Error displaying widget").is_visible()
    page.forgive("widget model not found")  # JupyterLab notes it for every widget without a kernel

    written = json.loads((lab.root / name).read_text(encoding="utf-8"))
    written["cells"][0]["source"] += "\n# changed elsewhere"
    (lab.root / "untrusted.ipynb").write_text(json.dumps(written), encoding="utf-8")
    lab.open("untrusted.ipynb")
    page.wait_for_selector(".jp-OutputArea img", timeout=20000)
    lab.settle()
    assert page.locator(".jp-OutputArea img").count() == 1
    assert page.locator(".cg-spare").count() == 0 or not page.locator(".cg-spare").is_visible()


@pytest.mark.course
def test_a_training_that_was_finished_before_says_that_no_step_was_taken(lab):
    kept = SHORT.replace("watch=", "checkpoint='kept.npz', watch=")
    page = lab.page
    lab.open(lab.write("finished.ipynb", SETUP, kept, kept))
    lab.run_all()
    page.wait_for_function(
        f"() => document.querySelectorAll(\"{BOARD}[data-status='finished']\").length === 2", timeout=60000
    )
    first, again = page.locator(BOARD).all_inner_texts()
    assert "no step was taken this time" in again and "after the first step" not in again
    assert "0 Conv2d" in first and "no step" not in first


@pytest.mark.course
def test_where_no_message_reaches_the_busy_kernel_the_board_says_how_to_stop(lab):
    """As with an older ipykernel, but for the reason: here the board listens to no message."""
    deaf = "from ipywidgets import Widget\nWidget.on_msg = lambda *_: None"
    page = lab.page
    lab.open(lab.write("deaf.ipynb", SETUP, deaf, LONG))
    lab.run_all()
    note = page.locator(f"{BOARD} .cg-board-note")
    expect(note).to_contain_text("To stop, interrupt the kernel", timeout=60000)
    assert not page.get_by_role("button", name="Pause").is_visible()
    lab.do("notebook:interrupt-kernel")
    page.wait_for_selector(f"{BOARD}[data-status='stopped']", timeout=20000)
    assert not note.is_visible()


@pytest.mark.course
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_board_follows_the_theme(lab, page, theme):
    lab.open(lab.write("theme.ipynb", SETUP, SHORT, AFTER))
    lab.run_all()
    page.get_by_text("after 120 False").wait_for(timeout=60000)  # by then the board is in its place for good
    lab.theme(theme)
    try:
        paper = page.locator(BOARD).evaluate("(e) => getComputedStyle(e).backgroundColor")
        tone = page.locator(f"{BOARD} .cg-line.cg-test").evaluate("(e) => getComputedStyle(e).stroke")
    finally:
        lab.theme("JupyterLab Light")
    levels = [int(part) for part in paper.strip("rgba()").split(",")[:3]]
    assert (min(levels) > 200) if theme.endswith("Light") else (max(levels) < 60)
    assert tone == ("rgb(0, 114, 178)" if theme.endswith("Light") else "rgb(75, 163, 221)")
