"""A number that the reader drags in an explorer, as the page asks for it."""

import numpy as np
import pytest
import traitlets

from course_lib import frames
from course_lib.widgets import explore

X, W, DY = [1.0, -2.0, 3.0, 0.0], [1.0, 2.0], [1.0, 0.0, 2.0]


def box():
    return explore(frames.conv1d_input_gradient_scatter, x=X, w=W, dy=DY, rng=np.random.default_rng(0))


def test_the_story_and_the_typed_array_take_the_number():
    explorer = box()
    explorer._player.turned = {"key": "dy", "place": [1], "value": 5}
    assert explorer._fields["dy"].value == "1, 5, 2"
    (story,) = explorer.stories_shown
    np.testing.assert_array_equal(story.grids["dy"].inside.ravel(), [1, 5, 2])
    np.testing.assert_array_equal(story.sum()["dx"], [1, 7, 12, 4])


def test_in_two_dimensions_a_place_has_two_indices():
    explorer = explore(frames.conv2d_single, x=np.zeros((3, 4)), w=np.ones((2, 2)))
    explorer._player.turned = {"key": "x", "place": [2, 1], "value": -3}
    assert explorer._fields["x"].value == " 0,  0,  0,  0\n 0,  0,  0,  0\n 0, -3,  0,  0"


@pytest.mark.parametrize("place", [[4], [-1], [0, 0], []])
def test_a_place_that_is_gone_counts_no_more(place):
    explorer = box()
    explorer._player.turned = {"key": "x", "place": place, "value": 5}
    assert explorer._fields["x"].value == "1, -2, 3, 0"


@pytest.mark.parametrize(
    "asked",
    [
        {"key": "y", "place": [0], "value": 1}, {"key": "x", "place": "0", "value": 1},
        {"key": "x", "place": [0.0], "value": 1}, {"key": "x", "place": [0], "value": "1"},
        {"key": "x", "place": [True], "value": 1}, {"key": "x", "place": [0], "value": float("nan")}, {},
    ],
)  # fmt: skip
def test_anything_else_is_refused(asked):
    with pytest.raises(traitlets.TraitError, match="turned must"):
        box()._player.turned = asked


def test_no_number_becomes_larger_than_99():
    explorer = box()
    explorer._player.turned = {"key": "x", "place": [0], "value": 1e300}
    assert explorer._fields["x"].value == "99, -2, 3, 0"
