"""The story of a computation with single numbers, forward and back."""

import numpy as np
import pytest

from course_lib import frames


def test_the_gradients_are_those_of_the_last_number():
    x, y, z = -2.0, 5.0, -4.0
    story = frames.computation("q = x + y", "p = q * x", "r = p * p", "g = r + z", x=x, y=y, z=z)
    found = {name: float(total[0]) for name, total in story.sum().items()}
    p = (x + y) * x
    assert found["g"] == p * p + z
    assert [found[name] for name in ("dz", "dr", "dp")] == [1, 1, 2 * p]
    assert found["dy"] == 2 * p * x
    step = 1e-6
    above, below = (((x + nudge + y) * (x + nudge)) ** 2 + z for nudge in (step, -step))
    np.testing.assert_allclose(found["dx"], (above - below) / (2 * step), rtol=1e-6)
    assert [step.sentence for step in story.steps if "to x before: the two are added" in step.sentence]


def test_single_numbers_have_no_index():
    story = frames.computation("q = x + y", "f = q * z", x=1.0, y=2.0, z=3.0)
    assert [grid.cell_name(0) for grid in story.grids.values()][:4] == ["x", "y", "z", "q"]
    assert story.edges == (("x", "q"), ("y", "q"), ("q", "f"), ("z", "f"))


def test_no_two_boxes_stand_on_each_other():
    story = frames.computation("a = x + y", "b = x * y", "c = a * b", "d = c + x", x=1.0, y=2.0)
    places = [grid.at for grid in story.grids.values()]
    assert len(set(places)) == len(places)
    assert all(abs(u[0] - v[0]) >= 1 or abs(u[1] - v[1]) >= 1 for u in places for v in places if u is not v)


@pytest.mark.parametrize(
    ("lines", "numbers", "says"),
    [
        (["q = x - y"], {"x": 1.0, "y": 2.0}, "must look like 'q = x"),
        ([3], {"x": 1.0}, "must look like 'q = x"),
        ([], {"x": 1.0}, "at least one line"),
        (["q = x + y"], {"x": 1.0}, "but y is not"),
        (["x = x + y"], {"x": 1.0, "y": 2.0}, "x is there already"),
        (["q = x + y"], {"x": 1.0, "y": 2.0, "z": 3.0}, "z is not used"),
        (["q = x + dx"], {"x": 1.0, "dx": 2.0}, "none that is the gradient of another"),
        (["q = x + y"], {"x": np.ones(2), "y": 2.0}, "x must have shape"),
        (["q = x * y"], {"x": 1e90, "y": 1e90}, "to be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_refused(lines, numbers, says):
    with pytest.raises(ValueError, match=says):
        frames.computation(*lines, **numbers)
