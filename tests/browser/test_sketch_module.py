"""Pictures on a slider in Chromium: the slider and the button show them, in the page's colours."""

import numpy as np
import pytest
from pages import SHOW_WIDGET, widget

from course_lib.frames.sketch import shrinking_slope
from course_lib.widgets import slide

pytestmark = pytest.mark.slow


def test_the_slider_and_the_button_move_through_the_pictures(page):
    shown = slide(shrinking_slope(np.exp, 1, [1, 0.5, 0.1], np.e))
    page.evaluate(SHOW_WIDGET, widget("sketch", {"sketch": shown.sketch}))
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
