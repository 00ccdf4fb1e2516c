import numpy as np
import pytest
from reference import cases

from course_lib import layers, optim
from course_lib.layers import Linear, Parameter

MADE_AS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "SGD with momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, 0.01),
    "Adam with other betas": lambda p: optim.Adam(p, 0.5, betas=(0.5, 0.9), eps=1e-3),
}
every_optimizer = pytest.mark.parametrize("label", MADE_AS)


@every_optimizer
def test_a_given_row_of_gradients_leads_where_it_leads_in_pytorch(label):
    ref = cases("optimizers")[label]
    parameter = Parameter(ref["start"])
    optimizer = MADE_AS[label]([parameter])
    for gradient, expected in zip(ref["gradient"], ref["data"], strict=True):
        parameter.grad = gradient
        optimizer.step()
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-12, atol=1e-14)


@every_optimizer
def test_a_step_leaves_the_gradient_and_the_arrays_it_was_given(label):
    start, gradient = np.ones(3), np.array([1.0, 2.0, 3.0])
    parameter = Parameter(start)
    parameter.grad = gradient
    optimizer = MADE_AS[label]([parameter])
    optimizer.step()
    optimizer.step()
    assert (start == 1).all() and (parameter.data < 1).all()
    np.testing.assert_array_equal(gradient, [1, 2, 3])
    assert parameter.grad is gradient


@every_optimizer
def test_zero_grad_empties_every_gradient(label):
    layer = Linear(2, 3)
    layer.backward(layer(np.ones((4, 2))))
    MADE_AS[label](layer.parameters()).zero_grad()
    assert all((parameter.grad == 0).all() for parameter in layer.parameters())


@every_optimizer
def test_every_parameter_has_its_own_memory(label):
    together = [Parameter(np.ones(2)), Parameter(np.ones((3, 1)))]
    alone = [Parameter(np.ones(2)), Parameter(np.ones((3, 1)))]
    optimizers = [MADE_AS[label](together), *(MADE_AS[label]([parameter]) for parameter in alone)]
    for step in range(1, 4):
        for parameter in together + alone:
            parameter.grad = np.full_like(parameter.data, step * parameter.data.ndim)
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.float32(0.1), 1])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_float32_stays_float32_whatever_kind_of_number_lr_is(make, lr):
    parameter = Parameter(np.ones(3, np.float32))
    optimizer = make([parameter], lr=lr)
    parameter.grad = np.ones(3, np.float32)
    optimizer.step()
    assert parameter.data.dtype == np.float32


@pytest.mark.parametrize(
    ("label", "settings"),
    [
        ("SGD", {"lr": np.float64(0.1)}),
        ("SGD", {"momentum": np.float64(0.9)}),
        ("Adam", {"lr": np.float64(0.1)}),
        ("Adam", {"betas": np.array([0.9, 0.99])}),
        ("Adam", {"eps": np.float64(1e-6)}),
    ],
)
def test_float32_stays_float32_whatever_a_schedule_sets(label, settings):
    optimizer = MADE_AS[label]([Parameter(np.ones(3, np.float32))])
    for name, value in settings.items():
        setattr(optimizer, name, value)
    optimizer.step()
    assert optimizer.parameters[0].data.dtype == np.float32
    assert all(getattr(optimizer, name)[0].dtype == np.float32 for name in optimizer.memories)


@every_optimizer
def test_a_gradient_of_another_float_type_does_not_change_that_of_the_parameter(label):
    parameter = Parameter(np.ones(3, np.float32))
    parameter.grad = np.array([1.0, 2.0, 3.0])
    optimizer = MADE_AS[label]([parameter])
    optimizer.step()
    assert parameter.data.dtype == np.float32
    assert all(array.dtype == np.float32 for name, array in optimizer.state_dict().items() if name != "steps")


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (np.ones((1, 3)), r"must have shape \(3,\) \(the shape of its data\), but its shape is \(1, 3\)"),
        (np.ones(1), r"must have shape \(3,\) .*, but its shape is \(1,\)"),
        (2.0, r"must have shape \(3,\) .*, but its shape is \(\)"),
        (None, "must be an array, but is None"),
        (np.ones(3) * 1j, "must be float32, float64 or integer, but its dtype is complex128"),
        (np.array([1, np.nan, 1]), r"must not contain NaN, but parameters\[1\]\.grad\[1\] is NaN"),
    ],
)
@every_optimizer
def test_a_gradient_that_does_not_fit_its_parameter_is_named_and_nothing_is_moved(label, gradient, message):
    parameters = [Parameter(np.ones(2)), Parameter(np.ones(3))]
    parameters[0].grad, parameters[1].grad = np.ones(2), gradient
    optimizer = MADE_AS[label](parameters)
    before = optimizer.state_dict()
    with pytest.raises((TypeError, ValueError), match=rf"^parameters\[1\]\.grad {message}$"):
        optimizer.step()
    assert all((parameter.data == 1).all() for parameter in parameters)
    assert all(np.array_equal(before[name], array) for name, array in optimizer.state_dict().items())


def test_the_first_step_of_adam_is_lr_long_whatever_the_size_of_the_gradient():
    parameter = Parameter(np.zeros(3))
    optimizer = optim.Adam([parameter], lr=0.01)
    parameter.grad = np.array([1e-3, 1.0, -1e3])
    optimizer.step()
    np.testing.assert_allclose(parameter.data, [-0.01, -0.01, 0.01], rtol=1e-4)


def test_sgd_by_hand_with_momentum_one_half():
    parameter = Parameter(np.zeros(1))
    optimizer = optim.SGD([parameter], lr=1, momentum=0.5)
    places = []
    for gradient in (1.0, 0.0, 0.0):
        parameter.grad = np.array([gradient])
        optimizer.step()
        places.append(parameter.data.item())
    assert places == [-1, -1.5, -1.75]


def test_the_parameters_may_come_from_a_generator():
    layer = Linear(2, 3)
    assert optim.SGD(iter(layer.parameters()), 0.1).parameters == layer.parameters()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_optimizer
def test_an_optimizer_follows_astype_also_when_it_was_made_before(label, dtype):
    layer = Linear(2, 3, dtype=np.float32 if dtype == np.float64 else np.float64)
    optimizer = MADE_AS[label](layer.parameters())
    optimizer.step()
    layer.astype(dtype)
    for _ in range(2):  # before a step, and after it
        remembered = [array for name, array in optimizer.state_dict().items() if name != "steps"]
        assert all(array.dtype == dtype for array in remembered)
        optimizer.step()
        assert layer.weight.data.dtype == dtype


# ---------------------------------------------------------------- what an optimizer remembers


def stepped(label, steps):
    """Two parameters and their optimizer after some steps, each with other gradients."""
    parameters = [Parameter(np.ones(2, np.float32)), Parameter(np.full((3, 1), 2.0, np.float32))]
    optimizer = MADE_AS[label](parameters)
    take_steps(optimizer, range(steps))
    return parameters, optimizer


def take_steps(optimizer, numbers):
    for number in numbers:
        for parameter in optimizer.parameters:
            parameter.grad = np.full_like(parameter.data, np.cos(number) + parameter.data.ndim)
        optimizer.step()


@every_optimizer
def test_an_optimizer_that_takes_over_a_state_goes_on_exactly_where_the_other_stood(label):
    parameters, optimizer = stepped(label, 7)
    start, half = stepped(label, 3)
    fresh = MADE_AS[label](start)
    fresh.load_state_dict(half.state_dict())
    take_steps(fresh, range(3, 7))
    for found, expected in zip(start, parameters, strict=True):
        np.testing.assert_array_equal(found.data, expected.data)
    assert fresh.state_dict().keys() == optimizer.state_dict().keys()
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(fresh.state_dict()[name], array)


@every_optimizer
def test_a_state_is_a_copy(label):
    _, optimizer = stepped(label, 2)
    for array in optimizer.state_dict().values():
        array[...] = 77
    assert all((array != 77).all() for array in optimizer.state_dict().values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: [1], "state must be a dictionary of arrays"),
        (lambda state: {**state, "other": np.ones(2)}, r"missing: \[\], unknown: \['other'\]"),
        (lambda state: {"steps": np.array(3)}, r"missing: \['mean.0', .*\], unknown: \[\]"),
        (lambda state: {**state, "mean.1": np.ones(3)}, r"state\['mean.1'\] must have shape \(3, 1\) .*\(3,\)"),
        (lambda state: {**state, "square.0": np.full(2, np.nan)}, r"state\['square.0'\] must not contain NaN"),
        (lambda state: {**state, "steps": np.array(-1)}, r"state\['steps'\] must be at least 0, but is -1"),
        (lambda state: {**state, "steps": np.array([1, 2])}, r"state\['steps'\] must have shape \(\)"),
        (lambda state: {**state, "steps": np.array(1.5)}, r"state\['steps'\] must be an integer, but is 1.5"),
    ],
)
def test_a_state_of_something_else_is_refused_and_nothing_is_changed(change, message):
    _, optimizer = stepped("Adam", 3)
    _, other = stepped("Adam", 5)
    before = optimizer.state_dict()
    with pytest.raises((ValueError, TypeError), match=message):
        optimizer.load_state_dict(change(other.state_dict()))
    assert all(np.array_equal(before[name], array) for name, array in optimizer.state_dict().items())


def test_an_optimizer_names_its_settings():
    assert repr(optim.SGD([weight], 0.1, momentum=0.9)) == "SGD(lr=0.1, momentum=0.9)"
    assert repr(optim.Adam([weight])) == "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08)"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("lr", -1, "lr must be at least 0 .*, but is -1"),
        ("lr", "fast", "lr must be a number, but is 'fast'"),
        ("momentum", -1, "momentum must be at least 0 .*, but is -1"),
        ("betas", (0.9, 1), "beta2 must be .* less than 1, but is 1"),
    ],
)
def test_a_setting_that_was_changed_is_checked_in_the_next_step_and_nothing_is_moved(setting, value, message):
    parameter = Parameter(np.ones(2))
    parameter.grad = np.ones(2)
    for make in MADE_AS.values():
        optimizer = make([parameter])
        if hasattr(optimizer, setting):
            setattr(optimizer, setting, value)
            with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
                optimizer.step()
            assert (parameter.data == 1).all()


weight = layers.Linear(2, 3).weight
BAD = {
    "no parameters": (lambda: optim.SGD([], 0.1), "parameters must hold at least one Parameter, but is empty"),
    "a layer": (lambda: optim.SGD(Linear(2, 3), 0.1), r"parameters must be a list .*, but is Linear\("),
    "one parameter": (lambda: optim.Adam(weight), r"parameters must be a list .*, but is Parameter\("),
    "an array": (lambda: optim.Adam([weight, np.ones(3)]), r"parameters\[1\] must be a Parameter, but is a ndarray"),
    "one twice": (lambda: optim.SGD([weight, Parameter([1.0]), weight], 0.1), r"parameters\[2\] must differ from"),
    "negative lr": (lambda: optim.SGD([weight], -0.1), "lr must be at least 0 .*, but is -0.1"),
    "lr in words": (lambda: optim.SGD([weight], "fast"), "lr must be a number, but is 'fast'"),
    "lr NaN": (lambda: optim.Adam([weight], float("nan")), "lr must be at least 0 .*, but is nan"),
    "lr infinite": (lambda: optim.Adam([weight], float("inf")), "lr must be at least 0 .*, but is inf"),
    "lr missing": (lambda: optim.SGD([weight], None), "lr must be a number, but is None"),
    "negative momentum": (lambda: optim.SGD([weight], 0.1, -1), "momentum must be at least 0 .*, but is -1"),
    "momentum True": (lambda: optim.SGD([weight], 0.1, True), "momentum must be a number, but is True"),
    "one beta": (lambda: optim.Adam([weight], betas=(0.9,)), r"betas must be a pair of numbers, but is \(0.9,\)"),
    "betas a number": (lambda: optim.Adam([weight], betas=0.9), "betas must be a pair of numbers, but is 0.9"),
    "beta one": (lambda: optim.Adam([weight], betas=(0.9, 1)), r"betas\[1\] must be .* less than 1, but is 1"),
    "eps zero": (lambda: optim.Adam([weight], eps=0), "eps must be positive and finite, but is 0"),
}


@pytest.mark.parametrize(("do", "message"), BAD.values(), ids=BAD)
def test_what_an_optimizer_cannot_use_is_refused_by_name(do, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        do()
