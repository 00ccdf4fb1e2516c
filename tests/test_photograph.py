"""The photograph that a layer learns to filter: what is shown of it, and where it comes from."""

import base64
import importlib.util
import io
import json

import numpy as np
import pytest
from PIL import Image

from course_lib import data
from course_lib._support.places import ROOT
from course_lib.frames.photograph import filter_learnt
from course_lib.widgets import slide

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@pytest.fixture(scope="module")
def sketch():
    """The kernel comes nearer, and is there at the end."""
    weights = np.array([share * SOBEL for share in (0.1, 0.8, 1.0)])
    return filter_learnt(data.portrait(), [1.0, 0.01, 1e-6], weights, SOBEL, (0, 1, 2), "Sobel")


def pixels(mark):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(mark.text)))).astype(float)


def images(marks, side=1.0):
    """The images of the upper row (side 1.0), or of the kernels, from left to right."""
    shown = [
        mark for mark in marks if mark.kind == "image" and mark.points[1][0] - mark.points[0][0] == pytest.approx(side)
    ]
    return [pixels(mark) for mark in sorted(shown, key=lambda mark: mark.points[0][0])]


def test_the_layers_picture_becomes_the_target_and_the_difference_vanishes(sketch):
    portrait, target = images(sketch.marks)
    padded = np.pad(data.portrait(), 1)
    expected = sum(SOBEL[i, j] * padded[i : i + 80, j : j + 80] for i, j in np.ndindex(3, 3))
    np.testing.assert_allclose(np.corrcoef(target.ravel(), expected.ravel())[0, 1], 1, atol=4e-3)
    np.testing.assert_allclose(np.corrcoef(portrait.ravel(), data.portrait().ravel())[0, 1], 1, atol=1e-3)
    seen = [images(picture.marks) for picture in sketch.pictures]
    off = [np.abs(by_layer - target).mean() for by_layer, _ in seen]
    assert off[0] > off[1] > off[2] == 0
    opaque = [difference[..., 3].mean() for _, difference in seen]
    assert opaque[0] > opaque[1] > opaque[2] == 0


def test_kernel_target_and_difference_have_one_scale_blue_above_zero_and_orange_below(sketch):
    (target,) = images(sketch.marks, 0.9)
    learnt, difference = images(sketch.pictures[1].marks, 0.9)
    strength = target[1, 2, 3]
    assert strength > 100 and target[1, 2, 2] > target[1, 2, 0] and target[1, 0, 0] > target[1, 0, 2]
    np.testing.assert_allclose(learnt[..., 3], 0.8 * target[..., 3], atol=6)
    np.testing.assert_allclose(difference[..., 3], 0.2 * target[..., 3], atol=6)
    assert difference[1, 2, 0] > difference[1, 2, 2]  # it is below the target there


def test_the_loss_has_an_axis_and_its_place_on_it(sketch):
    texts = [mark.text for mark in sketch.marks if mark.kind == "text"]
    assert {"1", "0.001", "loss", "epoch", "2"} <= set(texts)
    dots = [next(mark.points[0] for mark in picture.marks if mark.kind == "dots") for picture in sketch.pictures]
    assert [dots[0][1] - y for _, y in dots] == pytest.approx([0, 2 / 6 * 0.76, 0.76])
    assert "The loss is 0.01, and the farthest weight is 0.4 off." == sketch.pictures[1].sentence


def test_thirteen_pictures_are_no_more_than_a_page_can_hold(rng):
    weights = rng.standard_normal((13, 3, 3))
    shown = slide(filter_learnt(data.portrait(), np.ones(13), weights, SOBEL, range(13), "noise"))
    assert len(json.dumps(shown.sketches)) < 200_000
    assert Image.open(io.BytesIO(shown.picture())).width == 1440


def test_what_makes_no_sense_is_refused(rng):
    picture = rng.random((8, 8))
    with pytest.raises(ValueError, match="epochs must be from 0 to 1, but are"):
        filter_learnt(picture, [1.0, 1.0], np.zeros((3, 3, 3)), SOBEL, (0, 2), "")
    with pytest.raises(ValueError, match="weights must"):
        filter_learnt(picture, [1.0], np.zeros((1, 2, 2)), SOBEL, (0,), "")


def test_the_bundled_photograph_is_small_and_is_what_its_script_makes():
    assert data.PORTRAIT.stat().st_size < 8000
    spec = importlib.util.spec_from_file_location("make_portrait", ROOT / "assets" / "make_portrait.py")
    make_portrait = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_portrait)
    made = make_portrait.portrait()
    assert np.abs(255 * data.portrait() - made).max() <= 3  # JPEG decoders differ by a little
    assert data.portrait().dtype == np.float64 and 0 <= data.portrait().min() < data.portrait().max() <= 1
