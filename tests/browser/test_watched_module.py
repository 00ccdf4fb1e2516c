"""A learner's own code in the player: variables beside the lit line, one clock for two stories, and a halt."""

import numpy as np
import pages
import pytest

from course_lib import exercises

pytestmark = pytest.mark.slow


def scatter_that_sets(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(len(dy)):
        dxp[j * stride : j * stride + len(w)] = dy[j] * w
    return dxp[padding : padding + len(x)]


@pytest.fixture
def watched(page, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    widget = exercises.watch(scatter_that_sets, "conv1d_input_gradient_scatter")
    page.evaluate(pages.SHOW, pages.arguments(widget.stories_shown) | {"state": widget.stories})
    page.wait_for_selector(".cg-player[data-position]")
    return widget, page


def test_playing_halts_where_the_two_part_and_goes_on_when_asked(watched):
    widget, page = watched
    halt, last = widget.stories["halt"], len(widget.stories["clock"]) - 1
    assert 0 < halt < last
    page.get_by_title("Speed").or_(page.locator(".cg-bar select")).first.select_option(index=3)
    page.locator(".cg-player").focus()
    page.keyboard.press(" ")
    page.wait_for_function(f"document.querySelector('.cg-player').dataset.position === '{halt}'")
    page.wait_for_timeout(1500)
    assert page.locator(".cg-player").get_attribute("data-position") == str(halt)
    assert "Here they part" in page.locator(".cg-sentence").first.text_content()
    page.keyboard.press(" ")
    page.wait_for_function(f"document.querySelector('.cg-player').dataset.position === '{last}'")


def test_the_loops_variables_stand_above_the_code_and_cover_and_move_nothing(watched):
    widget, page = watched
    heights = set()
    for position in range(len(widget.stories["clock"])):
        mine, _ = widget.stories["clock"][position]
        beside = page.locator(".cg-panel").first.locator(".cg-beside")
        assert beside.text_content() == (widget.story.steps[mine].beside or "")
        code = page.locator(".cg-code pre").first.bounding_box()
        assert beside.bounding_box()["y"] + beside.bounding_box()["height"] <= code["y"]
        heights.add(page.locator(".cg-code").first.bounding_box()["height"])
        page.locator(".cg-player").focus()
        page.keyboard.press("End" if position == len(widget.stories["clock"]) - 2 else "ArrowRight")
        page.wait_for_function(f"document.querySelector('.cg-player').dataset.position >= '{position}'")
    assert len(heights) == 1
