"""Anything at all, given to everything that is public: the right result, or a sentence that names an argument.

Never another exception, never an argument changed, never a result that a later call writes to. What is right is
said by the same call on plain float64 arrays, which test_functional.py compares with derivatives and loops.
"""

import copy
import inspect
import math
import re
import warnings

import numpy as np
import pytest
from calls import CALLS, LAYERS, build, draw
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import anything, arrays_like, numbers_like

from course_lib import functional as F
from course_lib import gradcheck, init, layers, loops, losses, optim

pytestmark = pytest.mark.slow
NAMED = r"^(the )?({})(?!\w).*\bmust\b"  # "x must have shape ...", "the output of ... must ..."


def sentence_or_result(do, names):
    """do() -> its result, or None where it refuses in a sentence that begins with one of these names."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # infinity and overflow are told by NumPy, as they should be
        try:
            return do()
        except (TypeError, ValueError) as error:
            said = str(error)
            assert re.match(NAMED.format("|".join(map(re.escape, names))), said), repr(error)
            assert len(said) < 500, said[:2000]


def arguments_of(function, *more):
    return [*inspect.signature(function).parameters, *more]


def changed(one, other):
    """Whether two values of an argument differ; objects that cannot be compared count as the same."""
    if isinstance(one, np.ndarray):
        return one.dtype != other.dtype or one.tobytes() != other.tobytes()
    return type(one) in (list, tuple, int, float, str) and repr(one) != repr(other)


def plain(value):
    return np.array(value, np.float64)


# ---------------------------------------------------------------- functions

# Views as in PyTorch; the mean and var that were given
ALIASES = {F.flatten, F.flatten_backward, loops.flatten_backward, F.batch_norm2d}


@pytest.mark.course
@given(st.sampled_from(CALLS), st.data())
@settings(max_examples=1500)
def test_any_argument_gives_the_result_of_float64_arrays_or_a_sentence_about_an_argument(call, data):
    arguments = call.arguments()
    for name in data.draw(st.lists(st.sampled_from(sorted(arguments)), min_size=1, max_size=2, unique=True)):
        if name in call.shapes:
            arguments[name] = data.draw(arrays_like(call.shape(name)))
        elif name != "rng":
            arguments[name] = data.draw(anything)
    before = copy.deepcopy(arguments)
    names = arguments_of(call.function, "kernel_size")  # that of w, in a convolution
    found = sentence_or_result(lambda: call.run(**arguments), names)
    assert not [name for name in arguments if changed(arguments[name], before[name])]
    if found is None:
        return
    kept = copy.deepcopy(found)
    call.run(**call.arguments(1))  # may not write to what was handed out
    in_float64 = {key: plain(value) for key, value in before.items() if key in call.shapes and value is not None}
    the_rest = {key: value for key, value in before.items() if key not in {*call.shapes, "rng"}}
    with np.errstate(all="ignore"):
        expected = call.run(**in_float64, **the_rest)
    for value, then, wanted in zip(found, kept, expected, strict=True):
        np.testing.assert_array_equal(value, then)
        np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-3)
        assert not isinstance(value, np.ndarray) or (value.dtype.isnative and value.dtype.kind in "fiub")
        if call.function not in ALIASES:
            assert not any(np.shares_memory(value, a) for a in arguments.values() if isinstance(a, np.ndarray))


COUNTS = [
    "groups",
    "output_size",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "output_padding",
    "input_shape",
    "size",
]
HUGE = st.sampled_from([10**5, 2**31 - 1, 2**31, 2**62, 2**63, 10**30, 10**400])


@given(st.sampled_from([call for call in CALLS if set(COUNTS) & call.others.keys()]), st.data())
@settings(max_examples=500)
def test_a_huge_size_stride_or_padding_is_reckoned_with_or_refused_but_asks_for_no_memory(call, data):
    name = data.draw(st.sampled_from([count for count in COUNTS if count in call.others]))
    good = call.others[name]
    value = data.draw(HUGE)
    if isinstance(good, tuple):
        place = data.draw(st.integers(0, len(good) - 1))
        value = (*good[:place], value, *good[place + 1 :])
    arguments = {**call.arguments(), name: value}
    sentence_or_result(lambda: call.run(**arguments), arguments_of(call.function, "kernel_size"))


@pytest.mark.parametrize("stride", [(9, 10**9), (10**9, 9), 2**31 - 1])
def test_a_stride_beyond_the_image_leaves_the_first_window(stride, rng):
    x, w = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 3, 2))
    y = F.conv2d(x, w, stride=stride)
    np.testing.assert_allclose(y, F.conv2d(x[..., :3, :2], w))
    dx, dw, _ = F.conv2d_backward(np.ones_like(y), x, w, stride=stride)
    np.testing.assert_allclose(dx[..., :3, :2], np.broadcast_to(w.sum(axis=0), (2, 3, 3, 2)))
    np.testing.assert_allclose(dw, np.broadcast_to(x[..., :3, :2].sum(axis=0), w.shape))
    np.testing.assert_array_equal(F.max_pool2d(x, 2, stride)[0], F.max_pool2d(x[..., :2, :2], 2)[0])


# ---------------------------------------------------------------- layers and losses

MADE = {
    layers.Conv2d: {
        "in_channels": 2,
        "out_channels": 3,
        "kernel_size": 2,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
    },
    layers.ConvTranspose2d: {"in_channels": 2, "out_channels": 3, "kernel_size": 2, "output_padding": 0, "groups": 1},
    layers.Linear: {"in_features": 3, "out_features": 2},
    layers.BatchNorm2d: {"num_features": 2, "eps": 1e-5, "momentum": 0.1},
    layers.MaxPool2d: {"kernel_size": 2, "stride": None, "padding": 0},
    layers.AvgPool2d: {"kernel_size": 2, "stride": None, "padding": 0},
    layers.Dropout: {"p": 0.5},
    layers.Parameter: {"data": [1.0]},
    layers.Sequential: {"layers": layers.ReLU()},
    layers.Residual: {"layers": layers.ReLU()},
    optim.SGD: {"parameters": (layers.Parameter([1.0]),), "lr": 0.1, "momentum": 0},
    optim.Adam: {"parameters": (layers.Parameter([1.0]),), "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8},
    init.he_normal: {"shape": (2, 3)},
    init.xavier_normal: {"shape": (2, 3)},
    init.normal: {"shape": (2, 3), "std": 1.0},
}


@given(st.sampled_from(list(MADE)), st.data())
@settings(max_examples=500)
def test_a_layer_or_optimizer_is_made_of_anything_or_refuses_it_in_a_sentence(make, data):
    takes = inspect.signature(make).parameters
    arguments = dict(MADE[make])
    if "rng" in takes:
        arguments["rng"] = np.random.default_rng(0)
    if "dtype" in takes:
        arguments["dtype"] = np.float64
    name = data.draw(st.sampled_from(sorted(arguments)))
    value = data.draw(HUGE.filter(lambda count: not 10**5 < count < 2**31) | anything)  # an honest 8 GB take long
    arguments[name] = value
    if name == "rng" and value is None:
        return  # a fresh generator
    positional = [arguments.pop("layers")] if "layers" in arguments else []
    made = sentence_or_result(lambda: make(*positional, **arguments), [*arguments, "layers", "shape"])
    assert made is None or repr(made)


@given(st.sampled_from(sorted(LAYERS)), st.data())
@settings(max_examples=400)
def test_a_layer_given_anything_answers_as_for_float64_or_in_a_sentence_and_goes_on(name, data):
    layer, shape = build(name)
    given = data.draw(numbers_like(shape) | anything)
    x = draw(shape, 1)
    names = ["x", "w", "the output", "output", "dy", "kernel_size", "padding"]
    y = sentence_or_result(lambda: layer.forward(given), names)
    if y is not None and name != "Dropout" and not np.isinf(plain(given)).any():
        np.testing.assert_allclose(y, build(name)[0].forward(plain(given)), rtol=1e-6, atol=1e-6)
    good = build(name)[0]
    expected = good.forward(x)
    if name != "Dropout":
        np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-9, atol=1e-9)
    else:
        layer.forward(x)
    upstream = data.draw(numbers_like(expected.shape) | anything)
    names = [*names, "mask", "input_shape", "winner"]
    dx = sentence_or_result(lambda: layer.backward(upstream), names)
    if dx is not None:
        assert np.shape(dx) == shape


@given(st.sampled_from([losses.CrossEntropyLoss, losses.MSELoss]), st.data())
@settings(max_examples=200)
def test_a_loss_given_anything_is_a_number_or_a_sentence(make, data):
    loss, names = make(), ["logits", "targets", "pred", "target"]
    prediction = data.draw(numbers_like((3, 4)) | anything)
    target = data.draw(numbers_like((3, 4)) | st.just(np.array([0, 3, 1])) | anything)
    value = sentence_or_result(lambda: loss.forward(prediction, target), names)
    assert value is None or (type(value) is float and loss.backward().shape == np.shape(prediction))


# ---------------------------------------------------------------- gradient checks

RETURNED = numbers_like((2, 3)) | st.just(np.zeros((2, 3))) | anything


@given(RETURNED)
def test_whatever_a_function_returns_its_gradient_is_measured_or_a_sentence_says_why_not(value):
    names = ["f", "what f returns", "x", "eps"]
    grad = sentence_or_result(lambda: gradcheck.numerical_gradient(lambda x: value, np.ones(2)), names)
    if grad is not None and np.isfinite(float(value)):
        assert grad.tolist() == [0, 0]
    sentence_or_result(lambda: gradcheck.numerical_gradient(np.sum, value), names)
    sentence_or_result(lambda: gradcheck.numerical_gradient(np.sum, np.ones(2), value), names)


@given(RETURNED, RETURNED)
@settings(max_examples=300)
def test_a_relative_error_is_infinite_zero_or_what_float64_says(a, b):
    error = sentence_or_result(lambda: gradcheck.relative_error(a, b), ["a", "b"])
    if error is None:
        return
    a, b = plain(a), plain(b)
    if np.isfinite(a).all() and np.isfinite(b).all():
        largest = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
        wanted = max((abs(p - q) / largest for p, q in zip(a.ravel(), b.ravel(), strict=True) if p != q), default=0)
        assert math.isclose(error, wanted, rel_tol=1e-9)
    else:
        assert error == math.inf


@given(RETURNED, st.sampled_from(["forward", "backward", "array", "names", "rng", "eps", "tolerance"]))
@settings(max_examples=400)
def test_a_check_of_anything_is_a_verdict_or_a_sentence_and_never_agrees_with_what_is_not_the_gradient(value, where):
    arguments = {"names": None, "rng": np.random.default_rng(0), "eps": 1e-5, "tolerance": 1e-6}
    arguments |= {where: value} if where in arguments else {}
    forward = (lambda x: value) if where == "forward" else (lambda x: 3 * x)
    backward = (lambda dy, x: value) if where == "backward" else (lambda dy, x: 3 * dy)
    array = value if where == "array" else np.ones((2, 3))
    names = [*arguments, "forward", "backward", "what forward returns", "what f returns", "arrays[0]", "dx", "x"]
    result = sentence_or_result(lambda: gradcheck.check(forward, backward, array, **arguments), names)
    if where == "backward":
        assert not result


@given(RETURNED, st.sampled_from(["forward", "transpose", "x", "v"]))
def test_an_adjoint_gap_is_a_number_or_a_sentence(value, where):
    x = value if where == "x" else np.ones((2, 3))
    v = value if where == "v" else np.ones((2, 3))
    do = {"forward": lambda x: 2 * x, "transpose": lambda v: 2 * v}
    do |= {where: lambda array: value} if where in do else {}
    names = ["x", "v", "what forward returns", "what transpose returns"]
    gap = sentence_or_result(lambda: gradcheck.adjoint_gap(do["forward"], do["transpose"], x, v), names)
    assert gap is None or gap >= 0 or math.isnan(gap)
