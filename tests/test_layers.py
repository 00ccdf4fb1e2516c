"""Layers remember what their backward needs, collect gradients, and keep a state that can be saved and loaded.

What holds for every layer alike (arguments, dtypes, results that stay) is in test_promises.py.
"""

import copy
import dataclasses
import re
import tracemalloc

import numpy as np
import pytest
from calls import LAYERS, build, draw
from reference import cases

from course_lib import functional as F
from course_lib import gradcheck, losses, optim
from course_lib.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parameter,
    ReLU,
    Residual,
    Sequential,
)  # fmt: skip

every_layer = pytest.mark.parametrize("name", LAYERS)
learning = pytest.mark.parametrize("name", [name for name in LAYERS if build(name)[0].parameters()])


def in_float64():
    return {"rng": np.random.default_rng(0), "dtype": np.float64}


# ---------------------------------------------------------------- forward and backward


@every_layer
def test_the_backward_of_a_layer_agrees_with_central_differences(name):
    layer, shape = build(name)
    if name == "Dropout":
        layer.eval()
    found = gradcheck.check_layer(layer, draw(shape, 1), rng=np.random.default_rng(2))
    assert found and len(found.errors) == 1 + len(layer.parameters()), found


def test_batch_norm_in_evaluation_has_another_backward_than_in_training(rng):
    layer, x = BatchNorm2d(2, dtype=np.float64), draw((3, 2, 4, 5), 1) * 3 + 1
    layer.forward(x)
    assert gradcheck.check_layer(layer.eval(), x, rng=rng)
    y = layer.forward(x)
    in_evaluation = layer.backward(np.ones_like(y))
    layer.train().forward(x)
    in_training = layer.backward(np.ones_like(y))
    assert np.abs(in_evaluation).min() > 0.1 and np.abs(in_training).max() < 1e-12


def test_backward_belongs_to_the_mode_of_its_forward_even_if_the_mode_changes_in_between():
    for layer in (BatchNorm2d(2, dtype=np.float64), Dropout(0.5, rng=np.random.default_rng(0))):
        x, dy = draw((3, 2, 4, 5), 1), draw((3, 2, 4, 5), 2)
        layer.forward(x)
        expected = layer.backward(dy)
        layer.eval()
        np.testing.assert_array_equal(layer.backward(dy), expected)


@pytest.mark.parametrize("setting", ["p", "eps"])
def test_backward_belongs_to_the_settings_of_its_forward_too(setting):
    layer = Dropout(0.5, rng=np.random.default_rng(0)) if setting == "p" else BatchNorm2d(2, dtype=np.float64)
    x = draw((3, 2, 4, 4), 1)
    layer(x)
    expected = layer.backward(x)
    setattr(layer, setting, 0.75)
    np.testing.assert_array_equal(layer.backward(x), expected)


@every_layer
def test_a_layer_can_be_called_like_a_function(name):
    (layer, shape), (same, _) = build(name), build(name)
    x = draw(shape, 1)
    np.testing.assert_array_equal(layer(x), same.forward(x))


@every_layer
def test_backward_without_a_forward_says_so(name):
    layer, _ = build(name)
    with pytest.raises(RuntimeError, match=r"^\w+\.backward needs a forward before it$"):
        layer.backward(np.ones((3, 4)))


@learning
def test_gradients_of_several_backwards_add_up_until_zero_grad(name):
    layer, shape = build(name)
    y = layer.forward(draw(shape, 1))
    dy = draw(y.shape, 2)
    layer.backward(dy)
    once = [parameter.grad.copy() for parameter in layer.parameters()]
    assert all(np.abs(grad).max() > 0 for grad in once)
    layer.backward(dy)
    for parameter, grad in zip(layer.parameters(), once, strict=True):
        np.testing.assert_allclose(parameter.grad, 2 * grad, rtol=1e-12)
    layer.zero_grad()
    for parameter in layer.parameters():
        np.testing.assert_array_equal(parameter.grad, np.zeros_like(parameter.data), strict=True)


@learning
def test_a_parameter_that_was_changed_after_forward_gets_the_same_gradient_itself(name):
    layer, shape = build(name)
    y = layer.forward(draw(shape, 1))
    layer.backward(draw(y.shape, 2))
    for parameter in layer.parameters():
        expected, kept = parameter.grad, parameter.data
        parameter.data = kept + 1
        layer.zero_grad()
        layer.backward(draw(y.shape, 2))
        np.testing.assert_allclose(parameter.grad, expected, rtol=1e-12)
        parameter.data = kept


# ---------------------------------------------------------------- single layers


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (
            Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), **in_float64()),
            lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 0), (1, 2)),
        ),
        (
            ConvTranspose2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 0), **in_float64()),
            lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 1), (1, 0), (1, 0)),
        ),
        (BatchNorm2d(2, eps=0.1, dtype=np.float64), lambda x, w, b: F.batch_norm2d(x, w, b, eps=0.1)[0]),
        (MaxPool2d((3, 2), 1, (1, 0)), lambda x: F.max_pool2d(x, (3, 2), 1, (1, 0))[0]),
        (MaxPool2d(2), lambda x: F.max_pool2d(x, 2)[0]),
        (AvgPool2d((3, 2), 1, (1, 0)), lambda x: F.avg_pool2d(x, (3, 2), 1, (1, 0))),
        (ReLU(), F.relu),
        (Flatten(), F.flatten),
    ],
    ids=lambda value: repr(value) if hasattr(value, "forward") else "its function",
)
def test_the_forward_of_a_layer_is_its_function(layer, function):
    x = draw((3, 2, 8, 7), 1)
    for seed, parameter in enumerate(layer.parameters()):
        parameter.data = draw(parameter.data.shape, seed)
    np.testing.assert_array_equal(layer.forward(x), function(x, *(p.data for p in layer.parameters())))


def test_linear_is_x_times_the_transposed_weight_plus_bias():
    layer, x = Linear(5, 3, **in_float64()), draw((4, 5), 1)
    layer.bias.data = draw(3, 2)
    np.testing.assert_allclose(layer(x), x @ layer.weight.data.T + layer.bias.data, atol=1e-12)


@pytest.mark.parametrize("name", ["Conv2d without bias", "Linear without bias"])
def test_without_bias_there_is_one_parameter_and_no_bias(name):
    layer, _ = build(name)
    assert layer.bias is None and list(layer.state_dict()) == ["weight"]


def test_conv_transpose2d_doubles_a_size_that_conv2d_has_halved():
    x = draw((2, 3, 32, 32), 1, np.float32)
    half = Conv2d(3, 4, 3, stride=2, padding=1, rng=np.random.default_rng(0))(x)
    assert half.shape == (2, 4, 16, 16)
    up = ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1, rng=np.random.default_rng(0))
    assert up.weight.data.shape == (4, 3, 3, 3) and up(half).shape == x.shape


def test_weights_start_as_he_says_and_biases_at_zero():
    for layer, fan_in in [
        (Conv2d(32, 64, 3, rng=np.random.default_rng(0)), 32 * 9),
        (Linear(500, 400, rng=np.random.default_rng(0)), 500),
    ]:
        assert layer.weight.data.var() == pytest.approx(2 / fan_in, rel=0.03)
        assert (layer.bias.data == 0).all() and layer.weight.data.dtype == np.float32


def test_the_same_generator_gives_the_same_weights_and_none_gives_fresh_ones():
    def weight(rng):
        return Conv2d(1, 2, 3, rng=rng).weight.data

    np.testing.assert_array_equal(weight(np.random.default_rng(3)), weight(np.random.default_rng(3)))
    assert (weight(None) != weight(None)).any()


def test_batch_norm_keeps_the_running_statistics_pytorch_keeps():
    ref = cases("batch_norm_layer")["three steps"]
    layer = BatchNorm2d(3, momentum=0.3, dtype=np.float64)
    for x, mean, var in zip(ref["x"], ref["running_mean"], ref["running_var"], strict=True):
        layer.forward(x)
        np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)
    np.testing.assert_allclose(layer.eval().forward(ref["x"][0]), ref["y"], rtol=1e-10)


def test_batch_norm_in_evaluation_changes_no_statistics():
    layer = BatchNorm2d(2, dtype=np.float64).eval()
    layer.forward(draw((3, 2, 4, 5), 1) + 9)
    assert (layer.running_mean == 0).all() and (layer.running_var == 1).all()


def test_dropout_drops_in_training_and_passes_everything_on_in_evaluation():
    layer, x = Dropout(0.4, rng=np.random.default_rng(0)), np.ones((50, 3, 10, 10))
    y = layer.forward(x)
    assert (y == 0).mean() == pytest.approx(0.4, abs=0.02)
    assert np.unique(y) == pytest.approx([0, 1 / 0.6])
    np.testing.assert_array_equal(layer.backward(x), y)
    assert (layer.forward(x) != y).any()
    layer.eval()
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(2 * x), 2 * x)


# ---------------------------------------------------------------- layers made of layers


def small_network(first=None):
    first = first or Conv2d(2, 3, 3, padding=1, **in_float64())
    return Sequential(first, BatchNorm2d(3, dtype=np.float64), Residual(Conv2d(3, 3, 1, **in_float64())), Flatten())


def test_the_parameters_of_a_network_are_those_of_its_layers_in_order():
    net = small_network()
    assert net.parameters() == [p for layer in (net[0], net[1], net[2][0]) for p in (layer.weight, layer.bias)]
    assert len(net) == 4 and net[-1] is net.layers[3]


def test_train_and_eval_reach_every_layer_inside_and_return_the_network():
    net = small_network()
    assert net.eval() is net and not any(module.training for module in net.modules())
    assert net.train() is net and all(module.training for module in net.modules())
    assert len(net.modules()) == 6


def test_residual_adds_its_input_to_its_output_and_its_gradient_to_the_gradient():
    layer = Residual(Conv2d(2, 2, 3, padding=1, **in_float64()))
    x, dy = draw((3, 2, 4, 5), 1), draw((3, 2, 4, 5), 2)
    inner = Conv2d(2, 2, 3, padding=1, **in_float64())
    np.testing.assert_allclose(layer(x), x + inner(x), atol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dy + inner.backward(dy), atol=1e-12)


def test_residual_says_so_if_its_layers_change_the_shape():
    with pytest.raises(ValueError, match=r"Residual must have shape \(1, 2, 5, 5\).*, but its shape is \(1, 2, 3, 3\)"):
        Residual(Conv2d(2, 2, 3))(np.ones((1, 2, 5, 5)))


FIRST = {
    "Conv2d": lambda: Conv2d(2, 3, 3, padding=1, **in_float64()),
    "Sequential": lambda: Sequential(Conv2d(2, 3, 3, padding=1, **in_float64()), ReLU()),
    "Residual": lambda: Sequential(Residual(Conv2d(2, 2, 1, **in_float64())), Conv2d(2, 3, 1, **in_float64())),
    "ConvTranspose2d": lambda: ConvTranspose2d(2, 3, 3, padding=1, **in_float64()),
    "BatchNorm2d": lambda: Sequential(BatchNorm2d(2, dtype=np.float64), Conv2d(2, 3, 1, **in_float64())),
    "ReLU": lambda: Sequential(ReLU(), Conv2d(2, 3, 1, **in_float64())),
}


@pytest.mark.parametrize("kind", FIRST)
def test_without_the_input_gradient_the_parameter_gradients_are_the_same(kind):
    x = draw((3, 2, 4, 5), 1)
    both = [small_network(FIRST[kind]()) for _ in range(2)]
    dy = draw(both[0](x).shape, 2)
    both[1](x)
    assert both[0].backward(dy).shape == x.shape
    assert both[1].backward(dy, input_gradient=False) is None
    for with_dx, without in zip(both[0].parameters(), both[1].parameters(), strict=True):
        np.testing.assert_allclose(without.grad, with_dx.grad, rtol=1e-12)


@pytest.mark.parametrize("kind", ["Conv2d", "Sequential", "Residual"])
def test_without_the_input_gradient_the_first_convolution_computes_none(kind, monkeypatch):
    net = small_network(FIRST[kind]())
    dy = draw(net(draw((3, 2, 4, 5), 1)).shape, 2)
    first = next(module for module in net.modules() if isinstance(module, Conv2d))

    usual = F.conv2d_backward

    def refuse(dy, x, w, **geometry):
        assert w is not first.weight.data, "the first convolution was asked for its dx"
        return usual(dy, x, w, **geometry)

    monkeypatch.setattr(F, "conv2d_backward", refuse)
    net.backward(dy, input_gradient=False)
    net.parameter_gradients(dy)
    with pytest.raises(AssertionError):
        net.backward(dy)


def test_the_parameter_gradients_of_a_convolution_need_no_product_for_dx(monkeypatch):
    layer = Conv2d(2, 3, 3, **in_float64())
    y = layer(draw((3, 2, 5, 6), 1))

    def refuse(*_, **__):
        raise AssertionError("dx was computed")

    for name in ("conv2d_backward", "conv2d_input_gradient"):
        monkeypatch.setattr(F, name, refuse)
    layer.parameter_gradients(y)
    assert np.abs(layer.weight.grad).max() > 0
    with pytest.raises(AssertionError):
        layer.backward(y)


def test_a_layer_of_ones_own_needs_only_forward_and_backward():
    class Scale(Module):
        def __init__(self):
            self.factor = Parameter(np.array([3.0]))

        def forward(self, x):
            self.x = x
            return x * self.factor.data

        def backward(self, dy):
            self.factor.grad += np.sum(dy * self.x)
            return dy * self.factor.data

    net = Sequential(Scale(), Scale())
    found = gradcheck.check_layer(net, draw((2, 3), 1), rng=np.random.default_rng(2))
    assert found, found
    net.forward(np.ones((2, 3)))
    net.backward(np.ones((2, 3)), input_gradient=False)
    assert [parameter.grad.item() for parameter in net.parameters()] == [18, 18]


def in_a_subclass(kind, backward, monkeypatch):
    return type("Own", (kind,), {"backward": backward})


def in_the_class(kind, backward, monkeypatch):
    monkeypatch.setattr(kind, "backward", backward)
    return kind


def in_the_layer(kind, backward, monkeypatch):
    def make(*arguments):
        layer = kind(*arguments)
        layer.backward = lambda dy: backward(layer, dy)
        return layer

    return make


@pytest.mark.parametrize("replace", [in_a_subclass, in_the_class, in_the_layer])
@pytest.mark.parametrize("kind", [Conv2d, Sequential, Residual])
def test_a_backward_of_ones_own_is_called_in_the_first_layer_too(kind, replace, monkeypatch, rng):
    usual = kind.backward
    make = replace(kind, lambda layer, dy: usual(layer, 2 * dy), monkeypatch)
    net = make(1, 1, 1) if kind is Conv2d else make(Conv2d(1, 1, 1))
    around, x = Sequential(net, ReLU()), rng.standard_normal((2, 1, 3, 3), dtype=np.float32)
    for outer in (net, around):
        dy = outer.forward(x)
        outer.parameter_gradients(dy)
        spared = net.parameters()[0].grad
        outer.zero_grad()
        outer.backward(dy)
        np.testing.assert_allclose(spared, net.parameters()[0].grad, rtol=1e-6)
        assert spared.any()
        outer.zero_grad()


class WithAShortcut(Sequential):
    """y = layers(x) + shortcut(x), and a second name for its first layer."""

    def __init__(self, rng):
        self.first = Conv2d(1, 2, 3, padding=1, rng=rng)
        super().__init__(self.first, BatchNorm2d(2))
        self.shortcut = Sequential(Conv2d(1, 2, 1, rng=rng), BatchNorm2d(2))

    def forward(self, x):
        return super().forward(x) + self.shortcut.forward(x)

    def backward(self, dy):
        return super().backward(dy) + self.shortcut.backward(dy)


def test_a_layer_that_a_kind_of_sequential_holds_besides_belongs_to_it(rng):
    net = WithAShortcut(rng)
    names = [name for name, _ in net.named_parameters() if name.endswith("weight")]
    assert names == ["0.weight", "1.weight", "shortcut.0.weight", "shortcut.1.weight"]
    assert "shortcut.1.running_mean" in net.state_dict() and "shortcut" in repr(net)
    assert not net.eval().shortcut[1].training
    assert gradcheck.check_layer(net.astype(np.float64), rng.standard_normal((2, 1, 3, 3)), rng=rng)


@dataclasses.dataclass
class Factor(Module):
    """A layer that is equal to another one, and has no hash."""

    factor: float

    def forward(self, x):
        return x * self.factor

    def backward(self, dy):
        return dy * self.factor


def test_a_layer_may_be_a_dataclass():
    net = Sequential(Factor(2), Factor(2), Residual(Factor(2)))
    assert net(np.array([3.0])) == 36
    with pytest.raises(ValueError, match=r"^layers\[2\] must be a layer of its own, but Factor\(factor=2\) is there"):
        Sequential(Factor(2), net[0], net[0])


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_layer_of_ones_own_that_returns_nothing_is_named(method):
    class Forgetful(ReLU):
        pass

    setattr(Forgetful, method, lambda self, value: None)
    net = Sequential(Linear(2, 2), Sequential(Forgetful()), ReLU())
    with pytest.raises(TypeError, match=rf"^(Forgetful|Sequential)\.{method} must return an array, but returned None$"):
        net.backward(net.forward(np.ones((1, 2))))


# ---------------------------------------------------------------- ReLU and MaxPool2d in one step


def with_a_pool(rng, *pool):
    return Sequential(Conv2d(2, 4, 3, padding=1, rng=rng), ReLU(), MaxPool2d(*pool), Flatten())


def by_hand(layers, value, method):
    """What each of the layers returns, called one after the other: the reference."""
    values = []
    for layer in layers:
        value = getattr(layer, method)(value)
        values.append(value)
    return values


def images(rng):
    """A convolution with integer weights makes small integers of them, so that there are ties."""
    return rng.integers(-1, 2, (3, 2, 9, 8)).astype(np.float32)


def with_integer_weights(net, rng):
    for parameter in net.parameters():
        parameter.data = rng.integers(-1, 2, parameter.data.shape).astype(np.float32)
    net[0].bias.data -= 4  # in some windows nothing is positive then
    return net


@pytest.mark.parametrize("pool", [(2,), (3, 2), ((2, 3), (1, 2)), (2, 2, 1), (2, 3)], ids=str)
def test_a_network_computes_what_its_layers_compute_one_after_the_other(pool, rng):
    net = with_integer_weights(with_a_pool(rng, *pool), rng)
    alone, x = copy.deepcopy(net), images(rng)
    y, outputs = net.forward(x), by_hand(alone.layers, x, "forward")
    assert (outputs[1] == 0).any() and (outputs[2] == 0).any()  # some windows have a positive entry, others none
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    np.testing.assert_array_equal(y, outputs[-1])
    gradients = by_hand(alone.layers[::-1], dy, "backward")
    np.testing.assert_array_equal(net.backward(dy), gradients[-1])
    for mine, other in zip(net.parameters(), alone.parameters(), strict=True):
        np.testing.assert_array_equal(mine.grad, other.grad)
    for mine, other in zip(by_hand(net.layers[::-1], dy, "backward"), gradients, strict=True):
        np.testing.assert_array_equal(mine, other)  # its layers remember the same


@pytest.mark.parametrize("called", [slice(0, 4), slice(1, 2), slice(2, 3)], ids=["all", "the ReLU", "the pool"])
def test_a_network_goes_back_through_what_its_layers_have_met_last(called, rng):
    net = with_integer_weights(with_a_pool(rng, 2), rng)
    y = net.forward(images(rng))
    other = images(rng) if called.start == 0 else rng.integers(-3, 4, (3, 4, 9, 8)).astype(np.float32)
    by_hand(net.layers[called], other, "forward")
    alone, dy = copy.deepcopy(net), rng.standard_normal(y.shape, dtype=np.float32)
    np.testing.assert_array_equal(net.backward(dy), by_hand(alone.layers[::-1], dy, "backward")[-1])


@pytest.mark.parametrize(
    ("number", "make"), [(1, ReLU), (2, lambda: MaxPool2d(3))], ids=["another ReLU", "another pool"]
)
def test_a_network_goes_back_through_the_layers_it_has_now(number, make, rng):
    net = with_integer_weights(with_a_pool(rng, 2), rng)
    net.forward(images(rng))
    net.layers[number] = make()
    y = by_hand(net.layers, images(rng), "forward")[-1]
    alone = copy.deepcopy(net)
    np.testing.assert_array_equal(net.backward(y), by_hand(alone.layers[::-1], y, "backward")[-1])
    net.layers[number] = make()
    with pytest.raises(RuntimeError, match=r"backward needs a forward before it$"):
        net.backward(y)


class Leaky(ReLU):
    """Lets everything through: a layer of one's own, whose forward must be called."""

    def forward(self, x):
        super().forward(x)
        return x


def open_relu():
    """A ReLU whose forward is replaced."""
    layer = ReLU()
    layer.forward = lambda x: x
    return layer


@pytest.mark.parametrize("make", [Leaky, open_relu])
def test_a_relu_of_ones_own_before_a_pool_is_called(make, rng):
    x = images(rng) - 5
    assert Sequential(make(), MaxPool2d(2)).forward(x).max() < 0
    assert Sequential(ReLU(), MaxPool2d(2)).forward(x).max() == 0


@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("kind", [ReLU, MaxPool2d])
def test_a_method_that_was_replaced_in_the_class_is_called(kind, method, monkeypatch, rng):
    usual, called = getattr(kind, method), []
    monkeypatch.setattr(kind, method, lambda layer, value: (called.append(layer), usual(layer, value))[1])
    net = Sequential(ReLU(), MaxPool2d(2))
    net.backward(net.forward(images(rng)))
    assert called == [net[0] if kind is ReLU else net[1]]


def test_a_relu_before_a_pool_names_what_is_wrong_with_its_input():
    net = Sequential(ReLU(), MaxPool2d(2))
    with pytest.raises(ValueError, match=r"^x must not contain NaN, but x\[0, 0, 1, 0\] is NaN$"):
        net.forward(np.array([[[[0.0, 1.0], [np.nan, 2.0]]]]))
    with pytest.raises(RuntimeError, match=r"^MaxPool2d\.backward needs a forward before it$"):
        Sequential(ReLU(), MaxPool2d(2)).backward(np.ones((1, 1, 1, 1)))


def test_a_network_holds_a_third_less_for_relu_and_pool_than_the_layers_one_after_the_other(rng):
    x = np.moveaxis(rng.standard_normal((8, 64, 64, 16), dtype=np.float32), -1, 0)  # as layers hand it on
    layers, net = [ReLU(), MaxPool2d(2)], Sequential(ReLU(), MaxPool2d(2))

    def layer_by_layer():
        y = layers[1].forward(layers[0].forward(x))
        return layers[0].backward(layers[1].backward(y))

    def peak(step):
        step()  # what is made once
        tracemalloc.start()
        step()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(lambda: net.backward(net.forward(x))) < 2 / 3 * peak(layer_by_layer)


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_layer_that_lacks_forward_or_backward_says_which(method):
    class Unfinished(Module):
        pass

    with pytest.raises(NotImplementedError, match=rf"^Unfinished must define {method}\("):
        getattr(Unfinished(), method)(np.ones(3))


def test_five_training_steps_of_a_network_with_everything_in_it_go_as_in_pytorch():
    ref = cases("network")["five steps"]
    net = Sequential(
        Sequential(Conv2d(2, 4, 3, stride=2, padding=1), BatchNorm2d(4), ReLU()),
        Residual(Conv2d(4, 4, 3, padding=1), ReLU()),
        Sequential(
            MaxPool2d(2), ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), AvgPool2d(3, 1, 1),
            Flatten(), Linear(48, 5),
        ),
    ).astype(np.float64)  # fmt: skip
    net.load_state_dict({name: ref[f"start {name}"] for name in net.state_dict()})
    loss, optimizer = losses.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for expected in ref["losses"]:
        assert loss(net(ref["x"]), ref["targets"]) == pytest.approx(expected, rel=1e-10)
        optimizer.zero_grad()
        net.backward(loss.backward(), input_gradient=False)
        optimizer.step()
    for name, array in net.state_dict().items():
        np.testing.assert_allclose(array, ref[f"end {name}"], rtol=1e-9, atol=1e-12, err_msg=name)


# ---------------------------------------------------------------- state


def test_the_state_has_dotted_names_and_holds_what_is_not_learnt_too():
    assert list(small_network().state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "2.0.weight", "2.0.bias"
    ]  # fmt: skip


def test_a_state_taken_over_makes_the_other_network_compute_the_same():
    one, other = small_network(), small_network(Conv2d(2, 3, 3, padding=1, dtype=np.float64))
    x = draw((3, 2, 4, 5), 1)
    one.forward(x)
    assert (other.eval()(x) != one.eval()(x)).any()
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(other(x), one(x))


def test_state_dict_hands_out_copies_and_load_state_dict_takes_copies():
    net = small_network()
    state = net.state_dict()
    kept = {name: array.copy() for name, array in state.items()}
    for array in state.values():
        array += 1
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, kept[name])
    net.load_state_dict(state)
    for array in state.values():
        array += 1
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, kept[name] + 1)


def test_a_loaded_state_takes_the_dtype_of_the_network():
    net = small_network().astype(np.float32)
    net.load_state_dict(small_network().state_dict())
    assert {array.dtype for array in net.state_dict().values()} == {np.dtype(np.float32)}


BAD_STATES = {
    "a name is missing": (lambda s: s.pop("2.0.bias"), r"missing: \['2\.0\.bias'\]"),
    "a name is unknown": (lambda s: s.update(extra=np.ones(3)), r"unknown: \['extra'\]"),
    "a shape is another": (lambda s: s.update({"2.0.bias": np.ones(4)}), r"state\['2\.0\.bias'\] must .*\(3,\)"),
    "an array has NaN": (lambda s: s.update({"2.0.bias": np.full(3, np.nan)}), r"state\['2\.0\.bias'\] must not"),
    "an array is complex": (lambda s: s.update({"2.0.bias": np.ones(3) * 1j}), r"state\['2\.0\.bias'\] .*complex128"),
    "an array is None": (lambda s: s.update({"2.0.bias": None}), r"state\['2\.0\.bias'\] must be an array"),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, message):
    net = small_network()
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    spoil(state)
    with pytest.raises((TypeError, ValueError), match=message):
        net.load_state_dict(state)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@every_layer
def test_astype_turns_everything_and_returns_the_layer(name):
    layer, shape = build(name, np.float32)
    assert layer.astype(np.float64) is layer
    y = layer.forward(draw(shape, 1))
    dx = layer.backward(y)
    gradients = [parameter.grad for parameter in layer.parameters()]
    assert {a.dtype for a in [y, dx, *gradients, *layer.state_dict().values()]} == {np.dtype(np.float64)}
    assert all(np.abs(p.data - np.float32(p.data)).max() == 0 for p in layer.parameters())


def test_a_parameter_is_its_own_whatever_happens_to_the_array_it_was_made_of():
    for made_of in (np.ones(3), np.ones(3, np.float32)):
        parameter = Parameter(made_of)
        made_of[0] = 7
        np.testing.assert_array_equal(parameter.data, [1, 1, 1])


@pytest.mark.parametrize("make", [np.array, list, np.float16], ids=["integers", "list", "float16"])
def test_weights_set_by_hand_are_learnt_whatever_they_were_written_as(make):
    layer = Linear(2, 2, bias=False, dtype=np.float64)
    layer.weight.data = make([[1, 0], [0, 1]])
    optimizer = optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(2):
        layer(np.array([[1.0, 0.0]]))
        optimizer.zero_grad()
        layer.backward(np.array([[0.25, 0.5]]))
        optimizer.step()
    np.testing.assert_array_equal(layer.weight.data, [[0.75, 0], [-0.5, 1]])
    state = {"weight": np.full((2, 2), 0.5)}
    layer.weight.data = make([[1, 0], [0, 1]])
    layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.data, state["weight"])


def test_what_is_no_array_cannot_be_set_as_weights():
    layer = Linear(2, 2)
    with pytest.raises(TypeError, match=r"^data must be an array, but is None$"):
        layer.weight.data = None


def test_running_statistics_set_by_hand_as_integers_move_as_floats():
    layer = BatchNorm2d(1, momentum=0.25, dtype=np.float64)
    layer.running_mean, layer.running_var = np.array([2]), np.array([1])
    layer(np.array([1.0, 3.0, 5.0]).reshape(3, 1, 1, 1))
    assert (layer.running_mean, layer.running_var) == (2.25, 1.75)


def test_a_parameter_starts_with_gradient_zero_and_is_made_of_floats():
    parameter = Parameter([[1, 2], [3, 4]])
    assert parameter.data.dtype == np.float64 and repr(parameter) == "Parameter(shape=(2, 2), dtype=float64)"
    np.testing.assert_array_equal(parameter.grad, np.zeros((2, 2)), strict=True)


# ---------------------------------------------------------------- words


@every_layer
def test_a_layer_prints_as_what_it_is(name):
    layer, _ = build(name)
    assert repr(layer).startswith(f"{type(layer).__name__}(") and repr(layer).endswith(")")


def test_a_network_prints_its_layers_line_by_line():
    net = Sequential(Conv2d(1, 8, 3, padding=1), ReLU(), MaxPool2d(2), Dropout(0.25), Linear(4, 10), BatchNorm2d(6))
    assert repr(net).splitlines() == [
        "Sequential(",
        "  (0) Conv2d(weight (8, 1, 3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 1))",
        "  (1) ReLU()",
        "  (2) MaxPool2d((2, 2), stride=(2, 2), padding=(0, 0))",
        "  (3) Dropout(0.25)",
        "  (4) Linear(weight (10, 4))",
        "  (5) BatchNorm2d(6)",
        ")",
    ]


shared = ReLU()
BAD = {
    "no input channels": (lambda: Conv2d(0, 1, 3), "in_channels", "0"),
    "half a channel": (lambda: Conv2d(1, 1.5, 3), "out_channels", "1.5"),
    "channels of a transposed convolution": (lambda: ConvTranspose2d(2, 0, 3), "out_channels", "0"),
    "input channels of a transposed convolution": (lambda: ConvTranspose2d(0, 2, 3), "in_channels", "0"),
    "no kernel": (lambda: Conv2d(1, 1, 0), "kernel_size", "0"),
    "three kernel sizes": (lambda: Conv2d(1, 1, (1, 2, 3)), "kernel_size", "(1, 2, 3)"),
    "stride zero": (lambda: Conv2d(1, 1, 3, stride=0), "stride", "0"),
    "padding in other words": (lambda: Conv2d(1, 1, 3, padding="full"), "padding", "'full'"),
    "dilation zero": (lambda: Conv2d(1, 1, 3, dilation=0), "dilation", "0"),
    "output_padding negative": (lambda: ConvTranspose2d(1, 1, 3, output_padding=-1), "output_padding", "-1"),
    "output_padding too large": (
        lambda: ConvTranspose2d(1, 1, 3, output_padding=1)(np.ones((1, 1, 4, 4))), "output_padding", "1"
    ),
    "groups of unequal size": (lambda: Conv2d(4, 3, 3, groups=2), "groups", "3 and 4, but is 2"),
    "groups of unequal size, transposed": (lambda: ConvTranspose2d(4, 3, 3, groups=2), "groups", "4 and 3, but is 2"),
    "no groups": (lambda: Conv2d(2, 2, 3, groups=0), "groups", "0"),
    "a seed as rng": (lambda: Conv2d(1, 1, 3, rng=5), "rng", "5"),
    "zero as rng": (lambda: Conv2d(1, 1, 3, rng=0), "rng", "0"),
    "zero as rng of Linear": (lambda: Linear(1, 1, rng=0), "rng", "0"),
    "a seed as rng of Dropout": (lambda: Dropout(rng=5), "rng", "5"),
    "integer weights": (lambda: Conv2d(1, 1, 3, dtype=int), "dtype", "int"),
    "integer statistics": (lambda: BatchNorm2d(3, dtype=int), "dtype", "int"),
    "half precision": (lambda: Linear(2, 2, dtype=np.float16), "dtype", "float16"),
    "astype of a word": (lambda: Linear(2, 2).astype("abc"), "dtype", "'abc'"),
    "astype of integers": (lambda: Linear(2, 2).astype(int), "dtype", "int"),
    "astype of nothing": (lambda: Linear(2, 2).astype(None), "dtype", "None"),
    "no features": (lambda: Linear(0, 2), "in_features", "0"),
    "features in words": (lambda: Linear(2, "ten"), "out_features", "'ten'"),
    "no channels to normalise": (lambda: BatchNorm2d(0), "num_features", "0"),
    "momentum above one": (lambda: BatchNorm2d(2, momentum=1.5), "momentum", "1.5"),
    "eps negative": (lambda: BatchNorm2d(2, eps=-1)(np.ones((2, 2, 3, 3))), "eps", "-1"),
    "one value per channel": (lambda: BatchNorm2d(2)(np.ones((1, 2, 1, 1))), "x", "(1, 2, 1, 1)"),
    "pool without a window": (lambda: MaxPool2d(0), "kernel_size", "0"),
    "pool with a stride of none": (lambda: AvgPool2d(2, stride=0), "stride", "0"),
    "pool padding too wide": (lambda: MaxPool2d(2, padding=2)(np.ones((1, 1, 4, 4))), "padding", "2"),
    "dropout of more than all": (lambda: Dropout(1.5), "p", "1.5"),
    "no layers": (lambda: Sequential(), "layers", "empty"),
    "a number as layer": (lambda: Sequential(ReLU(), 3), "layers[1]", "3"),
    "a class as layer": (lambda: Sequential(ReLU), "layers[0]", "ReLU"),
    "a list of layers": (lambda: Sequential([ReLU()]), "layers[0]", "ReLU()"),
    "one layer twice": (lambda: Sequential(shared, Flatten(), shared), "layers[2]", "ReLU()"),
    "one layer twice, deeper": (lambda: Sequential(shared, Sequential(shared)), "layers[1]", "ReLU()"),
    "a state that is no dictionary": (lambda: Linear(2, 2).load_state_dict([1]), "state", "[1]"),
    "images of other channels": (lambda: Conv2d(2, 3, 3)(np.ones((1, 3, 8, 8))), "w", "(3, 2, 3, 3)"),
    "a dy of another shape": (lambda: _forward_then_backward(Conv2d(2, 3, 3)), "dy", "(1, 1)"),
    "a dy of another shape, pool": (lambda: _forward_then_backward(MaxPool2d(2)), "dy", "(1, 1)"),
    "a dy of another shape, ReLU": (lambda: _forward_then_backward(ReLU()), "dy", "(1, 1)"),
    "a dy of another shape, Flatten": (lambda: _forward_then_backward(Flatten()), "dy", "(1, 1)"),
    "a dy of another shape, Dropout": (lambda: _forward_then_backward(Dropout()), "mask", "(1, 1)"),
    "a dy with NaN, Dropout in evaluation": (lambda: _backward_of_nan(Dropout().eval()), "dy", "dy[0, 1] is NaN"),
}  # fmt: skip


def _forward_then_backward(layer):
    layer.forward(np.ones((1, 2, 8, 8)))
    layer.backward(np.ones((1, 1)))


def _backward_of_nan(layer):
    layer.forward(np.ones((1, 2)))
    layer.backward(np.array([[1.0, np.nan]]))


@pytest.mark.parametrize(("do", "argument", "came"), BAD.values(), ids=BAD)
def test_what_a_layer_cannot_use_is_refused_by_name(do, argument, came):
    with pytest.raises((TypeError, ValueError)) as raised:
        do()
    message = str(raised.value)
    assert re.match(rf"{re.escape(argument)}(\[\d\])? .*must ", message), message
    assert came in message, message


# ---------------------------------------------------------------- a padding that has a name


@pytest.mark.parametrize("kernel_size, dilation", [(3, 1), (2, 1), ((2, 3), (3, 1)), (1, 1)])
def test_same_keeps_the_size_and_its_zeros_stand_evenly_around_with_an_odd_one_behind(kernel_size, dilation, rng):
    layer = Conv2d(2, 3, kernel_size, padding="same", dilation=dilation, rng=rng, dtype=np.float64)
    x = rng.standard_normal((2, 2, 5, 6))
    spans = [d * (k - 1) for k, d in zip(layer.weight.data.shape[2:], np.broadcast_to(dilation, 2), strict=True)]
    padded = np.pad(x, ((0, 0), (0, 0), *((span // 2, span - span // 2) for span in spans)))
    y = layer.forward(x)
    assert y.shape == (2, 3, 5, 6) and "padding=same" in repr(layer)
    alone = Conv2d(2, 3, kernel_size, padding="valid", dilation=dilation, rng=rng, dtype=np.float64)
    alone.weight.data = layer.weight.data
    np.testing.assert_allclose(alone.forward(padded), y, atol=1e-12)
    dy = rng.standard_normal(y.shape)
    dx, whole = layer.backward(dy), alone.backward(dy)
    (top, left), (rows, columns) = (span // 2 for span in spans), x.shape[2:]
    np.testing.assert_allclose(dx, whole[:, :, top : top + rows, left : left + columns], atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, alone.weight.grad, atol=1e-12)


def test_a_padding_with_another_name_or_with_a_stride_is_refused():
    with pytest.raises(ValueError, match="padding must be one of same, valid, but is 'full'"):
        Conv2d(1, 1, 3, padding="full")
    with pytest.raises(ValueError, match="stride must be 1 with padding 'same', but is \\(2, 2\\)"):
        Conv2d(1, 1, 3, stride=2, padding="same")
    with pytest.raises(TypeError, match="padding must be an integer"):
        ConvTranspose2d(1, 1, 3, padding="same")
    with pytest.raises(TypeError, match="padding must be an integer"):
        MaxPool2d(3, 1, padding="same")
