"""The player where learners meet it: a real JupyterLab in Chromium."""

import json

import pytest

pytestmark = pytest.mark.slow

SETUP = """
import numpy as np
from course_lib import frames
from course_lib.widgets.explorer import explore
from course_lib.widgets.player import play
x, w, dy = np.array([2., 1, 0, -2, -1, 3]), np.array([1., 0, -2]), np.array([1., -2, 3, 2])
"""
PLAY = "play(frames.conv1d_input_gradient_scatter(dy, x, w))"
TIES = "explore(frames.max_pool2d_backward, size=4, kernel_size=2, rng=np.random.default_rng(0))"
EXPLORE = "explore(frames.conv1d, size=6, rng=np.random.default_rng(0))"


# the share of the picture's pixels that are nearly white
BRIGHT = """(() => {
  const canvas = document.querySelector(".cg-picture");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let bright = 0;
  for (let n = 0; n < data.length; n += 4) bright += Math.min(data[n], data[n + 1], data[n + 2]) > 235 && data[n + 3];
  return bright / 255 / (data.length / 4);
})()"""


@pytest.fixture
def playing(lab):
    """A notebook with one player, drawn."""
    lab.open(lab.write("one.ipynb", SETUP, PLAY))
    lab.run_all()
    lab.page.wait_for_selector(".cg-player[data-position='0']")
    return lab


def position(page, n=0):
    return int(page.locator(".cg-player").nth(n).get_attribute("data-position"))


def test_it_draws_and_plays_to_the_end(playing):
    page = playing.page
    assert page.locator(".cg-picture").evaluate(
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"
    )
    page.select_option(".cg-player select", "4")
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector(".cg-player[data-position='5']", timeout=15000)
    assert "dx is complete" in page.inner_text(".cg-sentence")


def test_scrubbing_keys_and_pointing_work_inside_a_notebook(playing):
    page = playing.page
    slider = page.locator(".cg-time input")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 8, "y": box["height"] / 2})  # once it stands still
    page.wait_for_selector(".cg-player[data-position='5']")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    seen = []
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "Home", "End"):
        page.keyboard.press(key)
        seen.append(position(playing.page))
    assert seen == [4, 3, 4, 0, 5]
    page.focus(".cg-player")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert position(playing.page) == 1
    for part in (".cg-player", ".cg-player button >> nth=0", ".cg-time input", ".cg-player select"):
        page.focus(part)
        page.keyboard.press("b")  # outside a player this makes a new cell
        playing.settle()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    canvas = page.locator(".cg-picture").bounding_box()
    page.mouse.move(canvas["x"] + canvas["width"] / 2, canvas["y"] + 25)
    assert "it collects in" in page.inner_text(".cg-readout")


@pytest.mark.course
def test_it_goes_on_playing_while_the_kernel_is_busy(lab):
    lab.open(lab.write("busy.ipynb", SETUP, PLAY, "import time\ntime.sleep(60)"))
    lab.run_all()
    page = lab.page
    page.wait_for_selector(".cg-player[data-position='0']")
    page.select_option(".cg-player select", "4")
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector(".cg-player[data-position='5']", timeout=15000)
    assert "[*]" in page.locator(".jp-InputPrompt").last.inner_text()  # the cell still sleeps


def test_the_ring_of_the_focus_is_whole(playing):
    page = playing.page
    page.get_by_role("button", name="First frame").focus()
    page.keyboard.press("Shift+Tab")
    stands_out = page.evaluate("""() => {
      const { outlineStyle, outlineWidth, outlineOffset } = getComputedStyle(document.activeElement);
      return [document.activeElement.className, outlineStyle, parseFloat(outlineWidth) + parseFloat(outlineOffset)];
    }""")
    assert stands_out == ["cg-player", "solid", 0]  # JupyterLab cuts off what stands out of an output


def test_a_long_line_of_numbers_is_seen_whole_and_enter_takes_it(lab):
    lab.open(lab.write("long.ipynb", SETUP, EXPLORE))
    lab.run_all()
    page = lab.page
    page.wait_for_selector(".cg-player[data-position='0']")
    page.set_viewport_size({"width": 460, "height": 900})
    field = page.get_by_label("x", exact=True)
    low = field.bounding_box()["height"]
    field.fill(", ".join(str(number) for number in range(70, 98)))
    field.press("Enter")
    page.wait_for_function("() => document.querySelector('.cg-count').textContent === '0 / 27'")
    lab.settle()
    assert field.bounding_box()["height"] > 1.8 * low
    assert field.evaluate("(e) => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")
    assert "\n" not in field.input_value() and field.evaluate("(e) => e === document.activeElement")


@pytest.mark.course
def test_controls_change_the_story(lab):
    lab.open(lab.write("explore.ipynb", SETUP, EXPLORE))
    lab.run_all()
    page = lab.page
    page.wait_for_selector(".cg-player[data-position='0']")
    assert page.inner_text(".cg-title") == "Forward: y = conv1d(x, w)"
    slide(page, "padding", "ArrowRight")
    page.wait_for_function("() => document.querySelector('.cg-title').textContent.includes('padding 1')")
    for _ in range(5):
        slide(page, "x size", "ArrowLeft")
    slide(page, "padding", "ArrowLeft")
    page.wait_for_selector(".cg-message")
    assert page.inner_text(".cg-message").startswith("This does not fit: kernel_size 3")
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    field = page.get_by_label("x", exact=True)
    field.fill("1, 2, 3, 4")
    field.press("Enter")
    page.wait_for_selector(".cg-player[data-position]:has(.cg-picture)")
    page.wait_for_function("() => document.querySelector('.cg-count').textContent === '0 / 3'")


@pytest.mark.course
def test_how_ties_are_settled_is_chosen_by_keyboard_and_the_notebook_stays_as_it_is(lab):
    lab.open(lab.write("ties.ipynb", SETUP, TIES))
    lab.run_all()
    page = lab.page
    page.wait_for_selector(".cg-player[data-position='0']")
    before = lab.cells()
    page.get_by_role("button", name="first", exact=True).focus()
    for name in ("mask", "split"):
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.wait_for_function("name => document.querySelector('.cg-title').textContent.includes(name)", arg=name)
    assert lab.cells() == before


def slide(page, label, key):
    handle = page.locator(".widget-slider", has=page.get_by_text(label, exact=True)).locator(".noUi-handle")
    handle.focus()
    page.keyboard.press(key)


@pytest.mark.course
def test_ten_players_each_play_on_their_own(lab):
    lab.open(lab.write("ten.ipynb", SETUP, *[PLAY] * 10))
    lab.run_all()
    page = lab.page
    page.wait_for_function("() => document.querySelectorAll('.cg-player[data-position]').length === 10", timeout=60000)
    page.locator(".cg-player").nth(4).get_by_role("button", name="Last frame").click()
    assert [position(page, n) for n in range(10)] == [0, 0, 0, 0, 5, 0, 0, 0, 0, 0]


@pytest.mark.course
@pytest.mark.parametrize("source", [PLAY, EXPLORE], ids=["play", "explore"])
def test_a_reopened_notebook_shows_the_picture(lab, source, page):
    name = lab.write("reopened.ipynb", SETUP, source)
    lab.open(name)
    lab.run_all()
    page.wait_for_selector(".cg-player[data-position='0']")
    assert not page.locator(".cg-spare").is_visible()
    lab.save_and_leave()
    lab.open(name)  # on the same machine: trusted, and the widget's kernel is gone
    page.wait_for_selector(".cg-spare", state="visible", timeout=20000)
    assert page.locator(".cg-spare").bounding_box()["height"] > 200
    assert not page.get_by_text("Error displaying widget").is_visible()
    page.forgive("widget model not found")  # JupyterLab notes it for every widget without a kernel


@pytest.mark.course
def test_an_untrusted_notebook_shows_the_picture_once(lab, page):
    name = lab.write("untrusted.ipynb", SETUP, PLAY)
    lab.open(name)
    lab.run_all()
    page.wait_for_selector(".cg-player[data-position='0']")
    lab.save_and_leave()
    written = json.loads((lab.root / name).read_text(encoding="utf-8"))
    written["cells"][0]["source"] += "\n# changed elsewhere"
    (lab.root / name).write_text(json.dumps(written), encoding="utf-8")
    lab.open(name)
    page.wait_for_selector(".jp-OutputArea img", timeout=20000)
    lab.settle()
    assert page.locator(".jp-OutputArea img").count() == 1
    assert page.locator(".cg-spare").count() == 0 or not page.locator(".cg-spare").is_visible()
    assert not page.get_by_text("Error displaying widget").is_visible()


def test_the_dark_theme_of_jupyterlab_is_followed(playing):
    playing.theme("JupyterLab Dark")
    try:
        playing.page.wait_for_function(BRIGHT + " < 0.02", timeout=10000)  # no light picture on a dark page
    finally:
        playing.theme("JupyterLab Light")
    playing.page.wait_for_function(BRIGHT + " > 0.02", timeout=10000)
