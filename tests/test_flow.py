"""How large gradients are, layer by layer: the networks, the measuring, and the picture with controls."""

import base64
import io

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from course_lib import figures, flow, gradcheck, looks
from course_lib.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Residual, Sequential
from course_lib.looks import number
from course_lib.losses import CrossEntropyLoss
from course_lib.widgets import still
from course_lib.widgets.flow_explorer import explore_flow

matplotlib.use("Agg")

# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("layer", [flow.Sigmoid, flow.Tanh])
def test_the_layers_that_squash_pass_a_gradient_check(layer, rng):
    assert gradcheck.check_layer(layer(), rng.standard_normal((2, 3, 4)), rng=rng)


@pytest.mark.parametrize("layer", [flow.Sigmoid, flow.Tanh])
def test_the_layers_that_squash_take_any_number_and_refuse_a_dy_of_another_shape(layer):
    squash = layer()
    with np.errstate(over="raise", invalid="raise"):
        y = squash.forward(np.array([-1e4, 0, 1e4], np.float32))
    assert y.dtype == np.float32 and y[2] == 1 and y[0] == (0 if layer is flow.Sigmoid else -1)
    with pytest.raises(ValueError, match=r"^dy must have shape \(3,\) \(the shape of y\), but its shape is \(1,\)$"):
        squash.backward(np.ones(1))


def test_a_deep_network_has_the_blocks_that_were_asked_for(rng):
    network = flow.deep_network(5, "Xavier", "tanh", batch_norm=True, residual=True, rng=rng)
    *blocks, head = network.layers
    assert [type(block) for block in blocks] == [Sequential, Residual, Residual, Residual, Residual]
    for block in blocks:
        assert [type(layer) for layer in block.layers] == [Conv2d, BatchNorm2d, flow.Tanh]
    assert [type(layer) for layer in head.layers] == [Flatten, Linear]
    plain = flow.deep_network(2, rng=rng)
    assert [type(layer) for layer in plain[1].layers] == [Conv2d, ReLU] and type(plain[1]) is Sequential


@pytest.mark.parametrize(
    "start, std", [("N(0, 0.01)", 0.01), ("uniform", 1 / np.sqrt(3 * 72)), ("Xavier", 1 / np.sqrt(72)), ("He", 1 / 6)]
)
def test_weights_start_with_the_standard_deviation_of_their_rule(start, std, rng):
    network = flow.deep_network(30, start, rng=rng)
    weights = np.concatenate([block[0].weight.data.ravel() for block in network.layers[1:-1]])
    assert weights.std() == pytest.approx(std, rel=0.02)


@pytest.mark.slow
def test_a_whole_deep_network_passes_a_gradient_check(rng):
    network = flow.deep_network(2, "Xavier", "sigmoid", batch_norm=True, residual=True, rng=rng)
    assert gradcheck.check_layer(network, rng.standard_normal((2, 1, 8, 8)), rng=rng)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(start="he"), "start must be one of .*He, but is 'he'"),
        (dict(start=["He"]), r"start must be one of .*He, but is \['He'\]"),
        (dict(activation="relu"), "activation must be one of ReLU"),
        (dict(depth=0), "depth must be at least 1, but is 0"),
        (dict(start="uniform", rng=None), "rng must be a numpy.random.Generator .*, but is None"),
    ],
)
def test_what_a_deep_network_cannot_be_is_named(wrong, says, rng):
    with pytest.raises((TypeError, ValueError), match=f"^{says}"):
        flow.deep_network(**{"rng": rng, **wrong})


# ---------------------------------------------------------------- measuring


def test_gradient_sizes_are_those_of_a_backward_pass_by_hand(rng):
    linear, last = Linear(6, 5, rng=rng, dtype=np.float64), Linear(5, 3, rng=rng, dtype=np.float64)
    network, loss = Sequential(linear, ReLU(), last), CrossEntropyLoss()
    x, target = rng.standard_normal((4, 6)), np.array([0, 2, 1, 1])
    hidden = linear(x)
    loss(last(np.maximum(hidden, 0)), target)
    dlast = loss.backward()
    drelu = dlast @ last.weight.data
    dhidden = drelu * (hidden > 0)
    readings = flow.gradient_sizes(network, x, target)
    assert [reading.name for reading in readings] == ["Linear", "ReLU", "Linear"]
    expected = [np.abs(d).mean() for d in (dhidden, drelu, dlast)]
    np.testing.assert_allclose([reading.activation for reading in readings], expected)
    assert readings[1].weight is None
    assert readings[0].weight == pytest.approx(np.abs(dhidden.T @ x).mean())
    assert readings[2].weight == pytest.approx(np.abs(dlast.T @ np.maximum(hidden, 0)).mean())


def test_measuring_twice_gives_the_same_and_nothing_is_collected(rng):
    network = flow.deep_network(3, rng=rng)
    x, target = rng.standard_normal((4, 1, 8, 8)), np.array([0, 1, 2, 3])
    assert flow.gradient_sizes(network, x, target) == flow.gradient_sizes(network, x, target)
    assert flow.deep_flow(4, seed=1) == flow.deep_flow(4, seed=1) != flow.deep_flow(4, seed=2)


def test_the_factor_of_a_step_and_the_verdict_follow_from_first_and_last():
    def readings(*sizes):
        return [flow.Reading("", size, 1.0) for size in sizes]

    assert flow.step_factor(readings(1.0, 9.0, 16.0)) == pytest.approx(0.25)
    assert flow.step_factor(readings(5.0)) == 1
    assert flow.verdict(readings(1e-3, 1)) == "vanishes"
    assert flow.verdict(readings(1e3, 1)) == "explodes"
    assert flow.verdict(readings(0.02, 1)) == flow.verdict(readings(50, 1)) == "keeps its size"


# ---------------------------------------------------------------- the picture


def drawn(readings, before=()):
    _, ax = plt.subplots()
    figures.flow(ax, readings, before, "a title")
    plt.close("all")
    return ax


def test_the_picture_draws_every_size_and_prints_those_of_the_ends():
    readings = flow.deep_flow(6)
    ax = drawn(readings)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["mean |dw| of its weight"], [reading.weight for reading in readings])
    np.testing.assert_array_equal(lines["mean |dy| of its output"], [reading.activation for reading in readings])
    ends = [size for reading in (readings[0], readings[-1]) for size in (reading.weight, reading.activation)]
    assert sorted(text.get_text() for text in ax.texts) == sorted(number(size, 2) for size in ends)


@pytest.mark.parametrize("start", ["N(0, 0.01)", "He"])
def test_everything_lies_within_the_picture_and_what_was_before_is_grey(start):
    readings, before = flow.deep_flow(20, start), flow.deep_flow(40, "N(0, 0.01)")
    ax = drawn(readings, before)
    low, high = ax.get_ylim()
    assert all(low < value < high for line in ax.lines for value in line.get_ydata())
    assert ax.lines[0].get_color() == looks.NEUTRAL and len(ax.lines[0].get_ydata()) == 40


# ---------------------------------------------------------------- with controls


def control(explorer, name):
    return explorer._controls[name]


def test_moving_a_control_measures_that_network_and_keeps_the_one_before():
    explorer = explore_flow(depth=6, start="N(0, 0.01)")
    assert explorer.readings == flow.deep_flow(6, "N(0, 0.01)")
    moves = dict(start="He", activation="tanh", batch_norm=True, residual=True, depth=9)
    for name, value in moves.items():
        before, image = explorer.readings, explorer._image.value
        control(explorer, name).value = value
        assert explorer.readings == flow.deep_flow(**explorer.settings) != before
        assert explorer._before == before
        assert explorer._image.value != image
    assert explorer.settings == moves


def test_it_leaves_a_picture_and_words_behind_and_no_address():
    explorer = explore_flow(depth=40, start="N(0, 0.01)", activation="sigmoid", batch_norm=True, residual=True)
    data, metadata = explorer._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.width == 2 * still.WIDTH and metadata["image/png"] == {"width": still.WIDTH}
    assert data["text/plain"] == repr(explorer) and len(repr(explorer)) <= 110  # beyond, ipywidgets cuts it off
    assert "40 layers, N(0, 0.01), sigmoid, batch norm, residual: mean |dy|" in repr(explorer)
    assert f'alt="From the last layer to the first, with {explorer!r}' in explorer._image.value


@pytest.mark.slow
def test_the_deepest_network_of_all_settings_can_be_drawn():
    for start in flow.STARTS:
        for activation in flow.ACTIVATIONS:
            explorer = explore_flow(depth=40, start=start, activation=activation)
            assert all(reading.activation > 0 and np.isfinite(reading.weight) for reading in explorer.readings)


@pytest.mark.parametrize(
    "start, error, says",
    [
        (dict(width=3), TypeError, "width is no control"),
        (dict(depth=41), ValueError, "depth must be a whole number from 2 to 40, but is 41"),
        (dict(depth=2.5), ValueError, "depth must be"),
        (dict(start="he"), ValueError, "start must be one of"),
        (dict(residual=1), TypeError, "residual must be True or False, but is 1"),
    ],
)
def test_a_start_that_no_control_has_is_named(start, error, says):
    with pytest.raises(error, match=says):
        explore_flow(**start)
