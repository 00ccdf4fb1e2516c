"""The page that shows scatter and gather of numbers in its address: the stories are those that Python makes."""

import json

import numpy as np
import pytest

from course_lib import frames, loops
from course_lib._support.templates import templates
from course_lib.publish import export
from course_lib.widgets.player import to_json

pytestmark = pytest.mark.slow
MODULE = templates("course_lib.publish").get_template("own_numbers.js").render()
MAKE = """async ([source, player, dy, w]) => {
  const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const [own, { amountText }] = await Promise.all([load(source), load(player)]);
  return own.scatterAndGather(dy, w, amountText);
}"""


def made(page, dy, w):
    return page.evaluate(MAKE, [MODULE, export.script("player"), dy, w])


@pytest.mark.parametrize(
    ("dy", "w"), [([1, 2, -1], [2, 0, 1]), ([0.5], [3]), ([4, -0.25], [1.5, -2, 7, 0.125]), ([1, 2, 3, 4, 5], [-1])]
)
def test_the_stories_are_those_of_python_word_for_word(page, dy, w):
    x = np.zeros(len(dy) + len(w) - 1)
    stories = [frames.conv1d_input_gradient_scatter(dy, x, w), frames.conv1d_input_gradient_gather(dy, x, w)]
    for own, story in zip(made(page, dy, w), stories, strict=True):
        expected = json.loads(json.dumps(to_json(story)))
        assert own.pop("box") == pytest.approx(expected.pop("box"))
        for one in (own, expected):
            one.pop("code")
            for step in one["steps"]:
                step.pop("line")
        assert own == expected


def test_both_ways_reach_the_gradient_that_the_loops_compute(page):
    dy, w = [3, -1, 4, 1, -5], [2, -7, 1]
    expected = loops.conv1d_input_gradient_scatter(np.array(dy), np.zeros(7), np.array(w))
    for story in made(page, dy, w):
        values, dx = [grid["values"] for grid in story["grids"]], np.zeros(7)
        for step in story["steps"]:
            for flow in step["flows"]:
                amounts = np.ones(len(flow["cells"]))
                for grid, cells in flow["factors"]:
                    amounts *= np.array(values[grid])[cells]
                np.add.at(dx, flow["cells"], amounts)
        np.testing.assert_array_equal(dx, expected)


def test_the_page_plays_the_numbers_of_its_address_alone(page, tmp_path):
    path = tmp_path / "scatter_and_gather.html"
    path.write_text(export.scatter_and_gather(), encoding="utf-8")
    page.goto(f"{path.as_uri()}?dy=3,-2&w=1,4")
    page.wait_for_selector(".cg-player[data-position='0']")
    assert page.input_value("[name=dy]") == "3,-2" and page.locator(".cg-player canvas").count() >= 2
    page.set_viewport_size({"width": 400, "height": 900})
    rows = page.locator("label").evaluate_all("(all) => all.map((label) => label.getClientRects().length)")
    assert rows == [1, 1]  # a name stays beside its field
    page.locator(".cg-player").press("End")
    page.locator(".cg-player").press("ArrowLeft")
    page.get_by_text("x[2] fed y[1]. It takes back its dy times the weight between them.").wait_for()
    page.fill("[name=w]", "5")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**w=5")
    page.wait_for_selector(".cg-player[data-position='0']")
    page.goto(f"{path.as_uri()}?dy=3,x&w=1")
    page.get_by_text("dy must be 1 to 12 numbers with commas between them").wait_for()
    assert page.locator(".cg-player").count() == 0
    page.forgive(f"asked for {path.as_uri()}")
