"""Pictures on a slider: what they measure and take away, and what is sent."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from course_lib import layers
from course_lib.frames.sketch import batch_norm_gradient, shrinking_slope
from course_lib.widgets import slide

WIDTHS = np.geomspace(1, 0.01, 12)


def slope_of(marks):
    (x0, y0), (x1, y1) = next(mark.points for mark in marks if mark.kind == "line" and mark.role == "gradient")
    return (y1 - y0) / (x1 - x0)


def test_the_measured_slope_closes_in_on_the_slope():
    sketch = shrinking_slope(np.exp, 1, WIDTHS, np.e)
    errors = [slope_of(picture.marks) - np.e for picture in sketch.pictures]
    np.testing.assert_allclose(errors, [np.e * np.sinh(eps) / eps - np.e for eps in WIDTHS], atol=1e-9)
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-4
    assert sketch.pictures[0].name == "eps = 1" and "The slope is 2.718." in sketch.pictures[0].sentence


def arrows(picture, below=False):
    """Of every arrow above the dots, or below them, where it begins and ends, from left to right."""
    marks = [mark.points for mark in picture.marks if mark.kind == "arrow"]
    return sorted(points for points in marks if (points[0][1] < 0) == below)


def lengths(picture, below=False):
    """How long the arrow of every number is, in units of dy, by its place; 0 where there is none."""
    return {x: (tip - x) / 0.8 for (x, _), (tip, _) in arrows(picture, below)}


def test_what_batch_norm_leaves_of_dy_is_its_input_gradient(rng):
    x, dy = rng.standard_normal((8, 1, 1, 1)), rng.standard_normal((8, 1, 1, 1))
    layer = layers.BatchNorm2d(1, eps=1e-12).astype(np.float64)
    n = layer.forward(x)
    dx = layer.backward(dy).ravel()
    sketch = batch_norm_gradient(n.ravel(), dy.ravel())
    left = lengths(sketch.pictures[-1])
    np.testing.assert_allclose([left[value] for value in n.ravel()], dx * x.std(), atol=1e-9)
    first = lengths(sketch.pictures[0])
    assert [first[value] for value in n.ravel()] == pytest.approx(dy.ravel().tolist())
    mean = lengths(next(p for p in reversed(sketch.pictures) if p.name == "minus the mean"), below=True)
    assert list(mean.values()) == pytest.approx([dy.mean()] * 8)


def test_no_arrow_of_batch_norm_lies_on_a_dot_or_on_that_of_its_neighbour(rng):
    n = rng.standard_normal(7)
    sketch = batch_norm_gradient((n - n.mean()) / n.std(), rng.standard_normal(7))
    for picture in sketch.pictures:
        for below in (False, True):
            heights = [start[1] for start, _ in arrows(picture, below)]
            assert len(heights) in (0, 7) and 0 not in heights
            assert all(one != other for one, other in itertools.pairwise(heights))


def test_every_mark_is_inside_its_box(rng):
    n = rng.standard_normal(6)
    n = (n - n.mean()) / n.std()
    for sketch in (shrinking_slope(np.exp, 1, WIDTHS), batch_norm_gradient(n, rng.standard_normal(6))):
        left, bottom, right, top = sketch.box
        for picture in sketch.pictures:
            for mark in [*sketch.marks, *picture.marks]:
                if mark.kind != "line":
                    assert all(left <= x <= right and bottom <= y <= top for x, y in mark.points)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="n must have mean 0"):
        batch_norm_gradient([1.0, 2], [1.0, 2])
    with pytest.raises(ValueError, match="the shape of n"):
        batch_norm_gradient([1.0, -1], [1.0])
    with pytest.raises(ValueError, match="widths must be"):
        shrinking_slope(np.exp, 0, [0.0])
    with pytest.raises(TypeError, match="slide needs a Sketch"):
        slide("x")
    with pytest.raises(TypeError, match="slide needs a Sketch"):
        slide(shrinking_slope(np.exp, 1, WIDTHS), "x")


def test_a_picture_stands_where_nothing_can_move():
    widget = slide(shrinking_slope(np.exp, 1, WIDTHS, np.e))
    assert Image.open(io.BytesIO(widget.picture())).convert("RGBA").getpixel((0, 0))[3] == 0
    assert repr(widget).startswith("The line through both points, while eps shrinks, in 12 pictures")
    assert len(str(widget.sketches)) < 60_000
