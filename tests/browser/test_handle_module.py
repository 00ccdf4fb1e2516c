"""Numbers and windows that are dragged, in Chromium, without JupyterLab."""

import numpy as np
import pytest
from pages import SHOW_WIDGET, widget

from course_lib import frames
from course_lib.widgets.player import packed

pytestmark = pytest.mark.slow

X, W = np.array([1.0, -2.0, 3.0, 0.0, 2.0, 1.0]), np.array([1.0, 2.0, -1.0])

# The middle of a cell on the page. The player keeps its layout to itself, so the cells are looked for by their name.
CELL = """([grid, cell]) => {
  const { panels } = window.player;
  const { canvas, layout, story, at } = panels[0];
  const box = canvas.getBoundingClientRect();
  const [left, top, right, bottom] = layout.around(story.byKey.get(grid), [cell], story.places[at]);
  return [box.left + (left + right) / 2, box.top + (top + bottom) / 2];
}"""


@pytest.fixture
def player(page):
    stories = {"packed": packed([frames.conv1d(X, W)])}
    given = widget("player", {"stories": stories, "turnable": ["x", "w"], "turned": {}})
    given["source"] = given["source"].replace(
        "const player = new Player(", "const player = window.player = new Player("
    )
    page.evaluate(SHOW_WIDGET, given)
    page.wait_for_selector(".cg-player[data-position]")
    return page


def drag(page, start, *ways):
    page.mouse.move(*start)
    page.mouse.down()
    for across, down in ways:
        page.mouse.move(start[0] + across, start[1] + down)
    page.mouse.up()


def asked(page):
    return page.evaluate("() => window.model.get('turned')")


def test_a_number_is_dragged_up_and_down(player):
    place = player.evaluate(CELL, ["x", 2])
    drag(player, place, (0, -10), (0, -28))
    assert asked(player) == {"key": "x", "place": [2], "value": 5}
    drag(player, player.evaluate(CELL, ["w", 0]), (2, 10), (2, 42))
    assert asked(player) == {"key": "w", "place": [0], "value": -2}


def test_a_result_and_a_short_press_change_nothing(player):
    drag(player, player.evaluate(CELL, ["y", 1]), (0, -10), (0, -28))
    drag(player, player.evaluate(CELL, ["x", 1]), (0, -4))
    assert asked(player) == {}


def test_arrow_keys_change_the_chosen_number(player):
    player.mouse.click(*player.evaluate(CELL, ["x", 4]))
    player.locator(".cg-player").press("ArrowUp")
    assert asked(player) == {"key": "x", "place": [4], "value": 3}
    player.locator(".cg-player").press("ArrowDown")
    assert asked(player) == {"key": "x", "place": [4], "value": 1}


def test_a_chosen_number_stays_chosen_when_the_story_is_told_anew(player):
    player.mouse.click(*player.evaluate(CELL, ["x", 4]))
    changed = packed([frames.conv1d(X + 1, W)])
    player.evaluate("(packed) => window.model.set('stories', { packed })", changed)
    player.wait_for_function("() => window.player.panels[0].story.grids.some(({ values }) => values.includes(4))")
    player.locator(".cg-player").press("ArrowUp")
    assert asked(player) == {"key": "x", "place": [4], "value": 4}


def test_the_window_follows_along_the_array(player):
    player.locator(".cg-player").press("ArrowRight")
    start, goal = (player.evaluate(CELL, ["x", cell]) for cell in (1, 4))
    across = goal[0] - start[0]
    drag(player, start, (10, 0), (across / 2, 2), (across, 2))
    lit = player.evaluate("() => [...window.player.panels[0].story.litAt(window.player.panels[0].at)[0]]")
    assert sorted(lit) == [3, 4, 5]
    assert asked(player) == {}
