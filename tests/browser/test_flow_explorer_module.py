"""The flow explorer's ES module in Chromium: the marks below its slider."""

import re

import pytest
from pages import SHOW_WIDGET, widget

from course_lib import flow
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


def show(page, explorer, width=820):
    state = {name: getattr(explorer, name) for name in ("limits", "settings", "measured", "grid")}
    page.evaluate(SHOW_WIDGET, widget("flow_explorer", state))
    page.evaluate("width => { document.querySelector('.fe-root').parentElement.style.width = `${width}px` }", width)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


DRAG = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }"


def test_while_the_slider_is_dragged_the_title_has_the_words_that_the_lesson_has(page):
    show(page, explore_flow(depth=12, start="N(0, 0.01)", channels=(4, 16)))
    slider, seen = page.locator(".fe-track input"), set()
    for value in range(0, 401, 20):
        slider.evaluate(DRAG, str(value))
        title, says = page.locator(".fe-words").inner_text().split("\n")[:2]
        ratio = float(says.split("(× ")[1].split()[0].replace("−", "-"))
        words = next(words for limit, words in flow.VERDICTS if ratio <= limit)
        assert f"The gradient {words}: × ≈ " in says
        assert title.startswith("12 layers, 4 to 16 channels, ") and title.endswith(" × He, ReLU")
        seen.add(words)
    assert seen >= {"vanishes", "keeps its size", "explodes"}


@pytest.mark.parametrize("width", [820, 352])
def test_the_slider_stays_where_it_is_while_it_is_dragged(page, width):
    show(page, explore_flow(depth=20), width)
    slider = page.locator(".fe-track input")
    places = {round(slider.bounding_box()["y"])}
    for value in ("0", "150", "250", "300", "330", "400"):
        slider.evaluate(DRAG, value)
        places.add(round(slider.bounding_box()["y"]))
    assert len(places) == 1
    assert slider.bounding_box()["width"] > 0.75 * min(width, 700)


def test_a_start_keeps_the_focus_when_it_is_chosen(page):
    explorer = explore_flow(depth=4)
    show(page, explorer)
    page.get_by_role("button", name="initialisation: Xavier").focus()
    name = ["4 layers", "measured anew", "ReLU"]
    page.evaluate("measured => window.model.set('measured', measured)", {**explorer.measured, "name": name})
    assert page.inner_text(".fe-name") == "4 layers, measured anew, ReLU"
    assert page.evaluate("() => document.activeElement.textContent") == "Xavier"


def test_with_shortcuts_or_equal_channels_he_fan_out_becomes_he(page):
    show(page, explore_flow(depth=4, channels=(4, 16), start="He fan-out"))
    page.get_by_role("checkbox", name="residual").check()
    settings = page.evaluate("() => window.model.get('settings')")
    assert settings["start"] == "He" and settings["channels"] == [4, 4] and settings["residual"]


@pytest.mark.parametrize("width", [820, 352])
def test_the_dotted_line_of_the_network_before_is_named(page, width):
    explorer = explore_flow(depth=20)
    show(page, explorer, width)
    name = page.get_by_text("mean |dy| of the network before")
    assert name.count() == 0
    page.evaluate("measured => window.model.set('measured', measured)", explorer.measured)
    picture, box = page.locator(".fe-root svg").bounding_box(), name.bounding_box()
    assert box["x"] + box["width"] <= picture["x"] + picture["width"]
    assert box["y"] + box["height"] <= picture["y"] + picture["height"] + 1
    last_layer, legend = (
        page.locator("svg > text", has_text=text).bounding_box() for text in (re.compile("^20$"), "mean |dw|")
    )
    assert last_layer["y"] + last_layer["height"] <= legend["y"] + 1
