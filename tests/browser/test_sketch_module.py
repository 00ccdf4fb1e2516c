"""Pictures on a slider in Chromium: the slider and the button show them, in the page's colours."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from pages import SHOW_WIDGET, widget

from course_lib import data
from course_lib.frames.photograph import filter_learnt
from course_lib.frames.sketch import shrinking_slope
from course_lib.widgets import slide

pytestmark = pytest.mark.slow


def test_the_slider_and_the_button_move_through_the_pictures(page):
    shown = slide(shrinking_slope(np.exp, 1, [1, 0.5, 0.1], np.e))
    page.evaluate(SHOW_WIDGET, widget("sketch", {"sketches": shown.sketches}))
    page.wait_for_selector(".sk-root[data-at='0']")
    assert page.inner_text(".sk-words").startswith("eps = 1.")
    slider, picture = (page.locator(one).bounding_box() for one in (".sk-row input", ".sk-picture"))
    assert slider["width"] > 0.9 * picture["width"]
    page.locator(".sk-row input").focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".sk-words").startswith("eps = 0.5.")
    page.locator(".sk-row button").click()
    page.wait_for_selector(".sk-root[data-at='2']")
    assert "eps = 0.1. The measured slope is 2.723." in page.inner_text(".sk-words")
    page.evaluate("() => window.closers.forEach((close) => close())")
    assert page.locator(".sk-root").count() == 0


def test_of_several_sketches_a_button_chooses_one_and_the_slider_stays(page):
    shown = slide(
        shrinking_slope(np.exp, 1, [1, 0.5, 0.1]), replace(shrinking_slope(np.sin, 0, [1, 0.5]), title="sine")
    )
    page.evaluate(SHOW_WIDGET, widget("sketch", {"sketches": shown.sketches}))
    page.wait_for_selector(".sk-root[data-at='0']")
    assert page.locator(".sk-title").count() == 0 and page.locator("[aria-pressed='true']").count() == 1
    page.locator(".sk-row button").click()
    page.wait_for_selector(".sk-root[data-at='2']")
    page.get_by_role("button", name="sine").click()
    page.wait_for_selector(".sk-root[data-at='1']")  # it has two pictures only
    assert page.inner_text("[aria-pressed='true']") == "sine"
    assert "eps = 0.5. The measured slope is 0.9589." in page.inner_text(".sk-words")


def test_photographs_and_kernels_are_drawn_where_they_belong(page):
    weights = np.array([np.zeros((3, 3)), np.eye(3)])
    shown = slide(filter_learnt(data.portrait(), [1.0, 0.1], weights, np.eye(3), (0, 1), "three"))
    page.evaluate(SHOW_WIDGET, widget("sketch", {"sketches": shown.sketches}))
    page.wait_for_selector(".sk-root[data-at='0']")
    opaque = """() => {
      const canvas = document.querySelector(".sk-picture");
      const [width, height] = [canvas.width, canvas.height / 2.42];
      return [0, 1, 2, 3].map((column) => {
        const data = canvas.getContext("2d").getImageData(width * (0.03 + 0.255 * column), height * 0.3, 60, 60).data;
        return data.filter((_, n) => n % 4 === 3).reduce((sum, one) => sum + one, 0) / 3600;
      });
    }"""
    page.wait_for_function(f"() => ({opaque})()[2] > 250")
    before = page.evaluate(opaque)
    assert before[0] > 250 and before[1] > 250 and before[3] > 20  # the picture, by the layer, and the difference
    page.locator(".sk-row button").click()
    page.wait_for_selector(".sk-root[data-at='1']")
    assert page.evaluate(opaque)[3] == 0


def test_in_a_narrow_place_the_right_part_of_a_picture_goes_below_the_left_one(page):
    weights = np.array([np.zeros((3, 3)), np.eye(3)])
    shown = slide(filter_learnt(data.portrait(), [1.0, 0.1], weights, np.eye(3), (0, 1), "three"))
    page.evaluate("""() => {
      window.texts = [];
      const { fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        window.texts.push([text, x, y, this.measureText(text).width]); fillText.call(this, text, x, y); };
    }""")
    page.evaluate(SHOW_WIDGET, widget("sketch", {"sketches": shown.sketches}))
    for width, below in ((820, False), (350, True)):
        drawn, taller = page.locator(".sk-root").evaluate(
            """async (root, width) => {
              const frame = () => new Promise(requestAnimationFrame);
              root.parentElement.style.width = `${width}px`;
              await frame(); // the observer of sizes calls at the end of the first frame
              await frame();
              window.texts.length = 0;
              root.querySelector(".sk-row input").dispatchEvent(new Event("input"));
              const { clientHeight, clientWidth } = root.querySelector(".sk-picture");
              return [window.texts, clientHeight > clientWidth];
            }""",
            width,
        )
        assert taller == below
        at = {text: (x, y) for text, x, y, _ in drawn}
        assert (at["kernel"][1] > at["kernel as learnt"][1]) == below
        assert (at["kernel"][0] > at["kernel as learnt"][0]) == (not below)
        names = sorted((y, x, x + size) for text, x, y, size in drawn if not text[-1].isdigit())
        assert all(one[0] != other[0] or one[2] < other[1] for one, other in itertools.pairwise(names))
