"""The way back cell by cell: what the page is sent, and what it may ask."""

import io

import numpy as np
import pytest
import traitlets
from PIL import Image

from course_lib import data, layers, reader
from course_lib import functional as F
from course_lib.widgets import explore_walk
from course_lib.widgets.digit_pad import drawn, normalised


@pytest.fixture(scope="module")
def digits():
    _, (images, labels) = data.digits()
    return images[:10], labels[:10]


@pytest.fixture
def widget(digits):
    return explore_walk(reader.untrained(), reader.trained(), *digits, digit=1)


def floats(sent):
    return np.frombuffer(sent, np.float32)


def gradients_of(network, image, label):
    """The gradient of the loss before each layer and behind the last, and the loss."""
    loss, dy = F.cross_entropy(network(image), np.array([label]))
    found = [dy]
    for layer in reversed(network.layers):
        found.insert(0, layer.backward(found[0]))
    return found, loss


def assert_shows(widget, network, image, label):
    gradients, loss = gradients_of(network, image, label)
    assert widget.walk["loss"] == pytest.approx(float(loss), rel=1e-5)
    for column, gradient in zip(widget.walk["columns"], gradients, strict=True):
        np.testing.assert_allclose(floats(column["gradient"]), gradient.ravel(), rtol=1e-4, atol=1e-7)
        assert column["shape"] == list(gradient.shape[1:])


def test_it_sends_the_gradients_that_the_network_computes(widget, digits):
    images, labels = digits
    assert_shows(widget, reader.trained(), images[1:2], labels[1])
    assert np.argmax(widget.walk["probabilities"]) == np.argmax(reader.trained()(images[1:2]))


def test_the_slider_moves_the_weights_from_one_network_to_the_other(widget, digits):
    images, labels = digits
    widget.asked = {**widget.asked, "trained": 0.0}
    assert_shows(widget, reader.untrained().eval(), images[1:2], labels[1])
    widget.asked = {**widget.asked, "trained": 0.25}
    between = reader.untrained().eval()
    for parameter, end in zip(between.parameters(), reader.trained().parameters(), strict=True):
        parameter.data = parameter.data + np.float32(0.25) * (end.data - parameter.data)
    assert_shows(widget, between, images[1:2], labels[1])


def test_a_drawing_and_another_true_class_may_be_asked_for(widget):
    strokes = [[(140.0, 60.0), (140.0, 220.0)]]
    widget.asked = {"example": None, "strokes": strokes, "label": 1, "trained": 1.0}
    image = normalised(drawn(strokes)).reshape(1, 1, 28, 28)
    np.testing.assert_array_equal(floats(widget.walk["columns"][0]["values"]), image.ravel())
    assert_shows(widget, reader.trained(), image, 1)


def test_the_state_is_small_and_the_networks_stay_as_they_were(digits):
    start, end = reader.untrained(), reader.trained()
    before = [parameter.data.copy() for network in (start, end) for parameter in network.parameters()]
    widget = explore_walk(start, end, *digits)
    widget.asked = {**widget.asked, "trained": 0.5}
    after = [parameter.data for network in (start, end) for parameter in network.parameters()]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    columns = sum(len(column[part]) for column in widget.walk["columns"] for part in ("values", "gradient"))
    weights = sum(len(layer.get("weight", b"")) for layer in widget.walk["layers"])
    assert columns + weights + sum(map(len, widget.choices["pixels"])) < 200_000


@pytest.mark.parametrize(
    "change",
    [
        {"example": 10}, {"example": -1}, {"example": True}, {"example": None, "strokes": []}, {"label": 10},
        {"label": 1.0}, {"trained": float("nan")}, {"trained": "1"}, {"example": None, "strokes": [[("a", 1)]]},
        {"example": None, "strokes": [[(1, 1)] * 4001]}, {"example": None, "strokes": 3},
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(widget, change):
    shown = widget.walk
    with pytest.raises(traitlets.TraitError, match="asked must be"):
        widget.asked = {**widget.asked, **change}
    assert widget.walk is shown


def test_what_it_cannot_show_is_refused_in_a_sentence(digits):
    images, labels = digits
    with pytest.raises(TypeError, match=r"start must be made of Conv2d, .* but has AvgPool2d"):
        explore_walk(layers.Sequential(layers.AvgPool2d(2)), reader.trained(), images, labels)
    with pytest.raises(TypeError, match="end must be a Sequential"):
        explore_walk(reader.trained(), None, images, labels)
    with pytest.raises(ValueError, match="must be the same network"):
        explore_walk(layers.Sequential(layers.Linear(784, 10)), reader.trained(), images, labels)
    with pytest.raises(ValueError, match="labels must have shape"):
        explore_walk(reader.untrained(), reader.trained(), images, labels[:3])
    dilated = layers.Sequential(layers.Conv2d(1, 1, 3, dilation=2))
    with pytest.raises(ValueError, match="without dilation and groups"):
        explore_walk(dilated, dilated, images, labels)
    large = layers.Sequential(layers.Conv2d(1, 64, 3), layers.Flatten(), layers.Linear(64 * 26 * 26, 10))
    with pytest.raises(ValueError, match="at most 40000 values"):
        explore_walk(large, large, images, labels)


def test_without_a_kernel_there_is_a_picture_of_the_walk(widget):
    image = Image.open(io.BytesIO(widget.picture()))
    assert image.width == 1440 and image.convert("RGBA").getpixel((0, 0))[3] == 0
    assert repr(widget).startswith("The way back from the loss")
