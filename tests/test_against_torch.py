"""Live comparison with PyTorch over random geometry, and the stored values made again. Skipped without PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import cases
from strategies import convolutions, in_groups, poolings, seeds, transposed_convolutions

from course_lib import functional as F

pytestmark = pytest.mark.slow
few = settings(max_examples=100)


@pytest.fixture(scope="module")
def torch_side():
    """tests/reference/make_reference.py, whose functions have the same names and give dicts of results."""
    pytest.importorskip("torch", reason="PyTorch is not installed: the stored values in tests/reference stand for it")
    from reference import make_reference

    make_reference.torch.set_num_threads(1)
    return make_reference


def assert_agree(found, expected, *names):
    found = found if isinstance(found, tuple) else (found,)
    for value, name in zip(found, names, strict=True):
        size = np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=1e-10, atol=1e-10 * size, err_msg=name)


@few
@given(geometry=convolutions() | in_groups(convolutions()))
def test_conv2d(torch_side, geometry):
    (x, w, b, dy), settings = geometry.convolution(), {**geometry.windows, "groups": geometry.groups}
    expected = torch_side.conv2d(dy, x, w, b, **settings)
    assert_agree(F.conv2d(x, w, b, **settings), expected, "y")
    assert_agree(F.conv2d_backward(dy, x, w, **settings), expected, "dx", "dw", "db")


@few
@given(geometry=transposed_convolutions() | in_groups(transposed_convolutions()))
def test_conv_transpose2d(torch_side, geometry):
    (x, w, b), settings = geometry.transposed_convolution(), {**geometry.transposed, "groups": geometry.groups}
    y = F.conv_transpose2d(x, w, b, **settings)
    dy = geometry.rng.standard_normal(y.shape)
    expected = torch_side.conv_transpose2d(dy, x, w, b, **settings)
    assert_agree(y, expected, "y")
    assert_agree(F.conv_transpose2d_backward(dy, x, w, **settings), expected, "dx", "dw", "db")


@few
@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch's own, about a copy that it makes
@given(geometry=convolutions() | in_groups(convolutions()), name=st.sampled_from(["same", "valid"]))
def test_conv2d_with_a_padding_that_has_a_name(torch_side, geometry, name):
    (x, w, b, _), settings = geometry.convolution(), {**geometry.windows, "groups": geometry.groups, "padding": name}
    if name == "same":
        settings["stride"] = 1
    try:
        y = F.conv2d(x, w, b, **settings)
    except ValueError as refusal:  # without padding the kernel may be larger than the image
        assert name == "valid" and "must not exceed the padded input" in str(refusal)
        return
    assert name == "valid" or y.shape[2:] == x.shape[2:]
    dy = geometry.rng.standard_normal(y.shape)
    expected = torch_side.conv2d(dy, x, w, b, **settings)
    assert_agree(y, expected, "y")
    assert_agree(F.conv2d_backward(dy, x, w, **settings), expected, "dx", "dw", "db")
    assert_agree(F.conv2d_input_gradient(dy, x, w, **settings), expected, "dx")
    assert_agree(F.conv2d_weight_gradient(dy, x, w, **settings), expected, "dw", "db")


@few
@given(geometry=convolutions())
def test_im2col_and_col2im(torch_side, geometry):
    x, cols = geometry.arrays(geometry.input_shape, geometry.cols_shape)
    settings = {"kernel_size": geometry.kernel_size, **geometry.windows}
    expected = torch_side.im2col(cols, x, **settings)
    assert_agree(F.im2col(x, **settings), expected, "y")
    assert_agree(F.col2im(cols, geometry.size, **settings), expected, "dx")


@few
@given(geometry=poolings(), tied=st.booleans())
def test_max_pool2d(torch_side, geometry, tied):
    x = geometry.tied() if tied else geometry.distinct()
    y, indices = F.max_pool2d(x, **geometry.pool)
    dy = geometry.rng.standard_normal(y.shape)
    expected = torch_side.max_pool2d(dy, x, **geometry.pool)
    assert_agree((y, indices), expected, "y", "indices")
    assert_agree(F.max_pool2d_backward(dy, indices, x.shape), expected, "dx")


@few
@given(geometry=poolings())
def test_avg_pool2d(torch_side, geometry):
    x = geometry.distinct()
    y = F.avg_pool2d(x, **geometry.pool)
    dy = geometry.rng.standard_normal(y.shape)
    expected = torch_side.avg_pool2d(dy, x, **geometry.pool)
    assert_agree(y, expected, "y")
    assert_agree(F.avg_pool2d_backward(dy, x.shape, **geometry.pool), expected, "dx")


numbers = st.integers(1, 4)


@few
@given(N=numbers, C=numbers, H=numbers, W=st.integers(2, 4), seed=seeds, training=st.booleans())
def test_batch_norm2d(torch_side, N, C, H, W, seed, training):
    rng = np.random.default_rng(seed)
    x, dy, weight, bias, mean = map(rng.standard_normal, [(N, C, H, W), (N, C, H, W), C, C, C])
    given = () if training else (mean, rng.random(C) + 0.1)
    expected = torch_side.batch_norm2d(dy, x, weight, bias, *given)
    assert_agree(F.batch_norm2d(x, weight, bias, *given)[0], expected, "y")
    dx, dweight, dbias = F.batch_norm2d_backward(dy, x, weight, *given)
    assert_agree((dweight, dbias), expected, "dweight", "dbias")
    # where few values make up the statistics nearly all of dx cancels: measure it against the parts it is made of
    var = x.var(axis=(0, 2, 3)) if training else given[1]
    size = np.abs(weight).max() * np.abs(dy).max() / np.sqrt(var.min())
    np.testing.assert_allclose(dx, expected["dx"], rtol=0, atol=1e-10 * size)


@few
@given(N=numbers, features=numbers, classes=numbers, seed=seeds)
def test_linear_relu_and_losses(torch_side, N, features, classes, seed):
    rng = np.random.default_rng(seed)
    x, w, b, dy = map(rng.standard_normal, [(N, features), (classes, features), classes, (N, classes)])
    y = F.linear(x, w, b)
    expected = torch_side.linear(dy, x, w, b)
    assert_agree(y, expected, "y")
    assert_agree(F.linear_backward(dy, x, w), expected, "dx", "dw", "db")
    whole = np.round(y)
    expected = torch_side.relu(dy, whole)
    assert_agree(F.relu(whole), expected, "y")
    assert_agree(F.relu_backward(dy, whole), expected, "dx")
    targets = rng.integers(0, classes, N)
    assert_agree(F.cross_entropy(y, targets), torch_side.cross_entropy(y, targets), "loss", "dlogits")
    assert_agree(F.mse(y, dy), torch_side.mse(y, dy), "loss", "dpred")


def test_the_stored_values_are_what_the_script_makes(torch_side):
    for operation, made in torch_side.reference().items():
        stored = cases(operation)
        assert stored.keys() == made.keys()
        for label, case in made.items():
            assert stored[label].keys() == case.keys()
            for name, value in case.items():
                np.testing.assert_allclose(stored[label][name], value, rtol=1e-9, atol=1e-12, err_msg=f"{label}/{name}")
