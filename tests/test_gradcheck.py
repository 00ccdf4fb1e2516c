import numpy as np
import pytest

from course_lib import functional as F
from course_lib import gradcheck
from course_lib.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Sequential


def flipped(dy, x, w):
    dx, dw, db = F.conv2d_backward(dy, x, w[..., ::-1, ::-1])
    return dx, dw, db


@pytest.fixture
def arrays(rng):
    return rng.standard_normal((2, 2, 5, 4)), rng.standard_normal((3, 2, 3, 2)), rng.standard_normal(3)


def test_central_differences_of_a_cubic_miss_its_slope_by_eps_squared():
    x = np.array([0.5, -1.5, 2.0])
    for eps in (1e-2, 1e-3):
        error = gradcheck.numerical_gradient(lambda v: np.sum(v**3), x, eps) - 3 * x**2
        assert error == pytest.approx(eps**2, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numerical_gradient_has_the_shape_of_x_and_never_writes_to_x(dtype, rng):
    x = rng.standard_normal((2, 3, 4)).astype(dtype)
    x.flags.writeable = False
    grad = gradcheck.numerical_gradient(lambda v: np.sum(np.sin(v)), x)
    assert grad.shape == x.shape and grad.dtype == np.float64
    assert np.allclose(grad, np.cos(x.astype(np.float64)), atol=1e-9)


def test_one_entry_moves_at_a_time_while_the_others_stand_still():
    measured = gradcheck.numerical_gradient(np.prod, np.array([2.0, 3.0, 5.0]), eps=0.5)
    assert measured == pytest.approx([15, 10, 6])


def test_integers_are_nudged_as_floats():
    assert gradcheck.numerical_gradient(lambda v: np.sum(v**2), np.array([1, 2, 3])) == pytest.approx([2, 4, 6])


def test_a_right_backward_agrees(arrays, rng):
    result = gradcheck.check(F.conv2d, lambda dy, x, w, b: F.conv2d_backward(dy, x, w), *arrays, rng=rng)
    assert result and list(result.errors) == ["dx", "dw", "db"]
    assert max(result.errors.values()) < 1e-8


def test_a_flipped_kernel_is_found_in_dx_and_only_there(arrays, rng):
    result = gradcheck.check(F.conv2d, lambda dy, x, w, b: flipped(dy, x, w), *arrays, rng=rng)
    assert not result
    assert result.errors["dx"] > 0.1 and result.errors["dw"] < 1e-8 and result.errors["db"] < 1e-8
    assert "dx" in str(result) and "DIFFERS" in str(result) and str(result).count("agrees") == 2


def test_a_flip_that_ones_for_dy_would_hide_is_found(arrays, rng):
    def backward(dy, x, w):
        return F.conv2d_input_gradient(dy, x, w[..., ::-1, ::-1], padding=(2, 1))

    x, w, _ = arrays
    ones = np.ones_like(F.conv2d(x, w, padding=(2, 1)))
    assert np.allclose(backward(ones, x, w), F.conv2d_input_gradient(ones, x, w, padding=(2, 1)))
    assert not gradcheck.check(lambda x, w: F.conv2d(x, w, padding=(2, 1)), backward, x, w, rng=rng)


def test_a_gradient_of_the_wrong_shape_is_named(arrays, rng):
    with pytest.raises(ValueError, match=r"dw must have shape \(3, 2, 3, 2\).*\(2, 3\)"):
        gradcheck.check(F.conv2d, lambda dy, x, w, b: (x, w[0, 0].T), *arrays, rng=rng)


def test_too_many_gradients_are_refused(rng):
    with pytest.raises(ValueError, match="1 to 1 gradients, but returned 2"):
        gradcheck.check(np.cumsum, lambda dy, x: (dy, dy), np.ones(3), rng=rng)


def network(rng):
    return Sequential(
        Conv2d(1, 2, 3, bias=False, rng=rng), BatchNorm2d(2), ReLU(), Flatten(), Linear(2 * 3 * 2, 3, rng=rng)
    ).astype(np.float64)


def test_a_whole_network_agrees_and_is_left_as_it_was(rng):
    net = network(rng)
    before = net.state_dict()
    result = gradcheck.check_layer(net, rng.standard_normal((2, 1, 5, 4)), rng=rng)
    assert result and len(result.errors) == 6
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())
    assert all(not parameter.grad.any() for parameter in net.parameters())


def test_a_layer_that_forgets_its_bias_gradient_is_found(rng):
    class Forgetful(Conv2d):
        def _collect(self, dw, db):
            self.weight.grad += dw

    layer = Forgetful(1, 2, 3, rng=rng).astype(np.float64)
    result = gradcheck.check_layer(layer, rng.standard_normal((2, 1, 5, 4)), rng=rng)
    assert not result
    assert [name for name, error in result.errors.items() if error > 1e-6] == ["bias (2,)"]


def before_batch_norm(bias_gradient_off_by, rng):
    """A convolution whose bias cannot matter, because batch norm takes the mean away; and a slip in its gradient."""

    class Slipping(Conv2d):
        def _collect(self, dw, db):
            super()._collect(dw, db + bias_gradient_off_by)

    net = Sequential(Slipping(1, 2, 3, rng=rng), BatchNorm2d(2)).astype(np.float64)
    return gradcheck.check_layer(net, rng.standard_normal((2, 1, 6, 5)), rng=rng)


def test_a_gradient_that_is_zero_agrees_though_both_sides_are_rounding(rng):
    assert before_batch_norm(0, rng)


@pytest.mark.parametrize("off", [1e-6, -1e-6, 1e-3])
def test_an_error_in_a_zero_gradient_is_found_as_soon_as_it_stands_out_of_the_noise(off, rng):
    result = before_batch_norm(off, rng)
    assert [name for name, error in result.errors.items() if error > 1e-6] == ["0.bias (2,)"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_check_that_breaks_off_leaves_the_parameters_alone(dtype, rng):
    class Fragile(Conv2d):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 70:  # dx took 1 + 2 * 30 calls: in the middle of nudging the weights
                raise KeyboardInterrupt
            return super().forward(x)

    layer = Fragile(1, 2, 3, rng=rng).astype(dtype)
    kept = layer.weight.data.copy()
    with pytest.raises(KeyboardInterrupt):
        gradcheck.check_layer(layer, rng.standard_normal((2, 1, 5, 3)), rng=rng)
    np.testing.assert_array_equal(layer.weight.data, kept, strict=True)


@pytest.mark.parametrize("layer", [ReLU, np.sin, None])
def test_what_is_no_layer_is_refused_by_name(layer, rng):
    message = r"^layer must be an object with forward\(\) and backward\(\) and .*, such as ReLU\(\), but is "
    with pytest.raises(TypeError, match=message):
        gradcheck.check_layer(layer, np.ones(3), rng=rng)


def test_relative_error_is_taken_of_the_larger_and_is_zero_for_zeros():
    assert gradcheck.relative_error([1.0, 0.0], [0.5, 0.0]) == 0.5
    assert gradcheck.relative_error(np.zeros(3), np.zeros(3)) == 0
    with pytest.raises(ValueError, match="b must have shape"):
        gradcheck.relative_error(np.zeros(3), np.zeros(2))


def test_the_adjoint_gap_is_rounding_for_a_transpose_and_not_for_an_inverse(rng):
    x = rng.standard_normal((1, 1, 4, 4))
    v = rng.standard_normal((1, 4, 9))

    def unfold(image):
        return F.im2col(image, 2)

    coverage = F.col2im(F.im2col(np.ones((1, 1, 4, 4)), 2), 4, 2)
    assert gradcheck.adjoint_gap(unfold, lambda cols: F.col2im(cols, 4, 2), x, v) < 1e-13
    assert gradcheck.adjoint_gap(unfold, lambda cols: F.col2im(cols, 4, 2) / coverage, x, v) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, np.ones(2)), "f must be a function, but is 3"),
        ((np.sin, np.ones(2)), r"f must return one number, but returned an array of shape \(2,\)"),
        ((np.sum, np.ones(0)), "x must not be empty"),
        ((np.sum, np.array([1.0, np.nan])), "x must not contain NaN"),
        ((np.sum, np.ones(2), 0), "eps must be"),
        ((np.sum, np.ones(2), "small"), "eps must be"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        gradcheck.numerical_gradient(*arguments)


@pytest.mark.parametrize(("x", "eps"), [([1.0, 2.0], 1e-17), ([0.0, 1e12], 1e-5)])
def test_a_step_that_rounding_swallows_is_refused(x, eps):
    with pytest.raises(ValueError, match="eps must be large enough to move every entry of x"):
        gradcheck.numerical_gradient(lambda values: np.sum(values**2), np.array(x), eps)
