"""How large gradients are, layer by layer: the networks, the measuring, and the picture with controls."""

import base64
import io

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from traitlets import TraitError

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


def test_a_number_is_a_multiple_of_the_he_standard_deviation():
    assert flow.deep_flow(4, 1) == flow.deep_flow(4, "He")
    (one, *_), (half, *_) = (flow.deep_network(3, start, rng=np.random.default_rng(5)) for start in (1.0, 0.5))
    np.testing.assert_allclose(half[0].weight.data, one[0].weight.data / 2)


def test_channels_grow_from_the_first_to_the_last_by_one_factor(rng):
    assert flow.widths(5, (4, 64)) == [4, 8, 16, 32, 64] and flow.widths(3, (8, 8)) == [8, 8, 8]
    network = flow.deep_network(5, channels=(4, 64), rng=rng)
    assert [block[0].weight.data.shape[:2] for block in network.layers[:-1]] == [
        (4, 1),
        (8, 4),
        (16, 8),
        (32, 16),
        (64, 32),
    ]
    with pytest.raises(ValueError, match="channels must be equal where there are shortcuts, but are 4 and 8"):
        flow.deep_network(3, residual=True, channels=(4, 8), rng=rng)


def test_over_a_whole_network_fan_in_and_fan_out_differ_by_a_factor_that_depth_does_not_change():
    for depth in (10, 20):
        first_to_last = {
            start: (readings := flow.deep_flow(depth, start, channels=(4, 32)))[0].activation / readings[-1].activation
            for start in ("He", "He fan-out")
        }
        assert first_to_last["He"] / first_to_last["He fan-out"] == pytest.approx(np.sqrt(8), rel=0.02)


@pytest.mark.slow
def test_a_whole_deep_network_passes_a_gradient_check(rng):
    network = flow.deep_network(2, "Xavier", "sigmoid", batch_norm=True, residual=True, rng=rng)
    assert gradcheck.check_layer(network, rng.standard_normal((2, 1, 8, 8)), rng=rng)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(start="he"), "start must be one of .*He, He fan-out, but is 'he'"),
        (dict(start=["He"]), r"start must be one of .*He fan-out, but is \['He'\]"),
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
    sizes = [np.abs(y).mean() for y in (hidden, np.maximum(hidden, 0), last(np.maximum(hidden, 0)))]
    np.testing.assert_allclose([reading.output for reading in readings], sizes)
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
    assert flow.verdict(readings(0.02, 1)) == "fades slowly" and flow.verdict(readings(50, 1)) == "grows slowly"
    assert flow.verdict(readings(0.21, 1)) == flow.verdict(readings(4.9, 1)) == "keeps its size"


@pytest.mark.parametrize("depth", [1, 3])
def test_with_weights_of_zero_nothing_goes_forward_or_back(depth):
    readings = flow.deep_flow(depth, 0)
    assert [(reading.activation, reading.output) for reading in readings] == [(0, 0)] * depth
    assert flow.verdict(readings) == "vanishes"
    assert flow.step_factor(readings) == flow.forward_factor(readings) == (depth == 1)


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


def test_a_change_of_the_settings_measures_that_network():
    explorer = explore_flow(depth=6, start="N(0, 0.01)")
    for name, value in dict(start="He", activation="tanh", batch_norm=True, residual=True, depth=9).items():
        explorer.settings = {**explorer.settings, name: value}
        assert explorer.readings == flow.deep_flow(**explorer.settings)
        assert explorer.measured["sizes"]["gradients"] == [reading.activation for reading in explorer.readings]
        assert explorer.measured["back"] == flow.step_factor(explorer.readings)
    assert explorer.settings["depth"] == 9 and explorer.measured["verdict"] == flow.verdict(explorer.readings)


def test_networks_for_dragging_are_measured_anew_only_where_more_than_the_initialisation_changed(monkeypatch):
    explorer, calls, measure = explore_flow(depth=4), [], flow.deep_flow
    monkeypatch.setattr(flow, "deep_flow", lambda **settings: calls.append(settings) or measure(**settings))
    explorer.settings = {**explorer.settings, "start": 0.5}
    assert [call["start"] for call in calls] == [0.5]
    explorer.settings = {**explorer.settings, "activation": "tanh"}
    assert len(calls) == 1 + 1 + 7 and explorer.grid["of"]["activation"] == "tanh"


@pytest.mark.parametrize("settings", [{}, {"channels": (4, 12)}])
def test_where_there_is_nothing_but_convolution_and_relu_two_networks_tell_all_others(settings):
    """Sizes beside the last layer's are powers of the scale, but for some percent that the loss makes."""
    grid = explore_flow(depth=6, **settings).grid
    logs = [np.log([size / sizes["gradients"][-1] for size in sizes["gradients"]]) for sizes in grid["sizes"]]
    share = np.log(0.4 / grid["scales"][0]) / np.log(grid["scales"][1] / grid["scales"][0])
    gradients = np.array([reading.activation for reading in flow.deep_flow(6, 0.4, **settings)])
    np.testing.assert_allclose(logs[0] + (logs[1] - logs[0]) * share, np.log(gradients / gradients[-1]), atol=0.06)


def test_the_named_initialisations_are_marks_at_their_scale():
    marks = dict(explore_flow(depth=5).measured["marks"])
    assert list(marks) == ["N(0, 0.01)", "uniform", "Xavier", "He"] and marks["He"] == 1
    assert marks["Xavier"] == pytest.approx(np.sqrt(1 / 2)) and marks["N(0, 0.01)"] == pytest.approx(0.06)
    assert marks["uniform"] == pytest.approx(np.sqrt(1 / 6))
    wider = dict(explore_flow(depth=5, channels=(4, 16)).measured["marks"])
    assert wider["He fan-out"] == pytest.approx((4 / 16) ** (1 / 8), rel=0.02)
    named, by_number = explore_flow(depth=5, start="Xavier"), explore_flow(depth=5, start=marks["Xavier"])
    assert named.measured["scale"] == by_number.measured["scale"]
    for explorer in (named, by_number):
        assert explorer.measured["sigma"] == pytest.approx([1 / np.sqrt(72)] * 2)


def test_it_leaves_a_picture_and_words_behind_and_no_address():
    explorer = explore_flow(depth=40, start="N(0, 0.01)", activation="sigmoid", batch_norm=True, residual=True)
    data, metadata = explorer._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.width == 2 * still.WIDTH and metadata["image/png"] == {"width": still.WIDTH}
    assert data["text/plain"] == repr(explorer) and len(repr(explorer)) <= 110
    assert "40 layers, N(0, 0.01), sigmoid, batch norm, residual: mean |dy|" in repr(explorer)
    assert explorer.measured["words"].startswith(f"From the last layer to the first, with {explorer!r}")


@pytest.mark.course
@pytest.mark.slow
def test_the_deepest_network_of_all_settings_can_be_drawn():
    for start in flow.STARTS:
        for activation in flow.ACTIVATIONS:
            explorer = explore_flow(depth=40, start=start, activation=activation)
            assert all(reading.activation > 0 and np.isfinite(reading.weight) for reading in explorer.readings)
            assert explorer.picture().startswith(b"\x89PNG")


WRONG = [
    (dict(width=3), TypeError, "width is no control"),
    (dict(depth=41), ValueError, "depth must be a whole number from 2 to 40, but is 41"),
    (dict(depth=2.5), ValueError, "depth must be"),
    (dict(start="he"), ValueError, "start must be one of"),
    (dict(start=True), ValueError, "start must be one of"),
    (dict(start=4.5), ValueError, "start must be from 0.03 to 3.0 times He's, but is 4.5"),
    (dict(residual=1), TypeError, "residual must be True or False, but is 1"),
    (dict(channels=8), TypeError, "channels must be two whole numbers, but is 8"),
    (dict(channels=(8, 64)), ValueError, r"channels\[1\] must be a whole number from 4 to 16, but is 64"),
    (dict(channels=(4, 8), residual=True), ValueError, "channels must be equal where there are shortcuts"),
]


@pytest.mark.parametrize("start, error, says", WRONG)
def test_a_start_that_no_control_has_is_named(start, error, says):
    with pytest.raises(error, match=says):
        explore_flow(**start)


@pytest.mark.parametrize("start", [start for start, *_ in WRONG[1:]])
def test_a_page_cannot_ask_for_what_no_control_has(start):
    explorer = explore_flow(depth=3)
    with pytest.raises(TraitError):
        explorer.settings = {**explorer.settings, **start}
