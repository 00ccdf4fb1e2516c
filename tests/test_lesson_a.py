"""Lesson A: its slider from dense to depthwise, and where a channel of dy can go."""

import numpy as np
import pytest

from course_lib.exercises.lessons import lesson_a
from course_lib.widgets import explore_groups


def test_the_slider_goes_from_dense_to_depthwise_and_takes_the_matrix_and_its_gradients_along(rng):
    widget = explore_groups(rng.random(8) + 1, rng.random(8) + 1, rng.random((8, 8)) + 1)
    assert [label for label, _ in widget.slider.options] == ["1: dense", "2 groups", "4 groups", "8: depthwise"]
    for groups in (8, 2, 1, 4):
        widget.slider.value = groups
        (story,) = widget.stories_shown
        blocks = np.kron(np.eye(groups), np.ones((8 // groups, 8 // groups)))
        np.testing.assert_array_equal(story.grids["w"].values != 0, blocks != 0)
        np.testing.assert_array_equal(story.sum()["dw"] != 0, blocks != 0)


@pytest.mark.parametrize("groups, channel, heard", [(4, 5, [4, 5]), (8, 5, [5]), (1, 0, range(8)), (2, 3, range(4))])
def test_a_channel_of_dy_reaches_its_own_group_and_no_other(groups, channel, heard):
    assert lesson_a.reached(groups, channel).tolist() == list(heard)
