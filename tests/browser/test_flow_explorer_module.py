"""The flow explorer's ES module in Chromium: the marks below its slider."""

import pytest
from pages import SHOW_WIDGET, widget

from course_lib.widgets import explore_flow

pytestmark = pytest.mark.slow

BOXES = """() => [...document.querySelectorAll(".fe-marks button")].map((mark) => {
  const { left, right, top, bottom } = mark.getBoundingClientRect();
  return [mark.textContent, left, right, top, bottom];
})"""


@pytest.mark.parametrize("width", [820, 460])
@pytest.mark.parametrize("channels", [(8, 8), (16, 8), (4, 16)])
def test_every_named_start_can_be_read_and_lies_on_no_other_and_on_no_control(page, channels, width):
    explorer = explore_flow(depth=4, channels=channels)
    state = {name: getattr(explorer, name) for name in ("limits", "settings", "measured", "grid")}
    page.evaluate(SHOW_WIDGET, widget("flow_explorer", state))
    page.evaluate("width => { document.querySelector('.fe-root').parentElement.style.width = `${width}px` }", width)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    marks = page.evaluate(BOXES)
    assert {name for name, *_ in marks} == {name for name, _ in explorer.measured["marks"]}
    for n, (name, left, right, top, bottom) in enumerate(marks):
        for other, begin, end, above, below in marks[:n]:
            assert right <= begin or end <= left or bottom <= above or below <= top, f"{name} lies on {other}"
    controls = page.locator(".fe-controls").bounding_box()["y"]
    assert max(bottom for *_, bottom in marks) <= controls


def test_the_words_above_the_picture_do_not_lie_on_it_where_they_take_two_lines(page):
    explorer = explore_flow(depth=4, channels=(16, 8))
    state = {name: getattr(explorer, name) for name in ("limits", "settings", "measured", "grid")}
    page.evaluate(SHOW_WIDGET, widget("flow_explorer", state))
    page.evaluate("() => { document.querySelector('.fe-root').parentElement.style.width = '460px' }")
    words, picture = (page.locator(part).bounding_box() for part in (".fe-says", ".fe-root svg"))
    assert words["height"] > 30 and words["y"] + words["height"] <= picture["y"]


OUTSIDE = """() => {
  const { left, right } = document.querySelector(".fe-root").getBoundingClientRect();
  return [...document.querySelectorAll(".fe-root *")].filter((part) => {
    const box = part.getBoundingClientRect();
    return box.width && (box.right > right || box.left < left);
  }).map((part) => part.textContent);
}"""


@pytest.mark.parametrize("width", [820, 360])
def test_nothing_sticks_out_however_narrow_the_page(page, width):
    explorer = explore_flow(depth=20, channels=(16, 4))
    state = {name: getattr(explorer, name) for name in ("limits", "settings", "measured", "grid")}
    page.evaluate(SHOW_WIDGET, widget("flow_explorer", state))
    page.evaluate("width => { document.querySelector('.fe-root').parentElement.style.width = `${width}px` }", width)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(OUTSIDE) == []


def test_while_the_slider_is_dragged_the_mark_that_it_is_on_is_down_and_no_other(page):
    explorer = explore_flow(start="N(0, 0.01)", depth=4)
    state = {name: getattr(explorer, name) for name in ("limits", "settings", "measured", "grid")}
    page.evaluate(SHOW_WIDGET, widget("flow_explorer", state))
    down = page.locator(".fe-marks [aria-pressed='true']")
    assert down.all_inner_texts() == ["N(0, 0.01)"]
    slider = page.locator(".fe-track input")
    start = slider.input_value()
    for value, expected in (("0", []), (start, ["N(0, 0.01)"])):
        slider.evaluate("(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }", value)
        assert down.all_inner_texts() == expected
