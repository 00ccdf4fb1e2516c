"""The plain loops and the fast functions test each other: the same values over random geometry, both ways."""

import ast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import convolutions, poolings, seeds, transposed_convolutions

from course_lib import exercises, gradcheck, loops
from course_lib import functional as F


def assert_same(found, expected):
    found, expected = (value if isinstance(value, tuple) else (value,) for value in (found, expected))
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-12)


# ---------------------------------------------------------------- one dimension


@st.composite
def lines(draw):
    """x (n,), w (k,), dy (m,), and stride and padding: kernels that fit, remainders, strides beyond the kernel."""
    k, stride, padding = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    n = max(1, k - 2 * padding) + draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(seeds))
    m = F.out_size(n, k, stride, padding)
    return *map(rng.standard_normal, (n, k, m)), {"stride": stride, "padding": padding}


def as_image(line):
    return line[None, None, None]


def as_one_row(plain):
    return {name: (default, plain[name]) for name, default in (("stride", 1), ("padding", 0))}


@given(lines())
def test_conv1d_and_its_gradients_are_conv2d_of_images_one_pixel_high(line):
    x, w, dy, plain = line
    assert_same(as_image(loops.conv1d(x, w, **plain)), F.conv2d(as_image(x), as_image(w), **as_one_row(plain)))
    dx, dw, _ = F.conv2d_backward(as_image(dy), as_image(x), as_image(w), **as_one_row(plain))
    assert_same(as_image(loops.conv1d_weight_gradient(dy, x, w, **plain)), dw)
    assert_same(as_image(loops.conv1d_input_gradient_scatter(dy, x, w, **plain)), dx)


@given(lines())
def test_scatter_and_gather_give_the_same_dx_in_one_dimension(line):
    x, w, dy, plain = line
    assert_same(
        loops.conv1d_input_gradient_gather(dy, x, w, **plain), loops.conv1d_input_gradient_scatter(dy, x, w, **plain)
    )


@given(lines())
def test_the_gradients_of_conv1d_agree_with_central_differences(line):
    x, w, _, plain = line
    for dx in (loops.conv1d_input_gradient_scatter, loops.conv1d_input_gradient_gather):
        found = gradcheck.check(
            lambda x, w: loops.conv1d(x, w, **plain),
            lambda dy, x, w, dx=dx: (dx(dy, x, w, **plain), loops.conv1d_weight_gradient(dy, x, w, **plain)),
            x, w, rng=np.random.default_rng([7, 7]),
        )  # fmt: skip
        assert found, found


@given(lines())
def test_each_input_collects_from_the_outputs_it_fed_between_explicit_bounds(line):
    x, w, _, _ = line
    n, k = len(x), len(w)
    assume(k <= n)
    dy = np.arange(1.0, n - k + 2)
    expected = [sum(dy[j] * w[i - j] for j in range(max(0, i - k + 1), min(i, n - k) + 1)) for i in range(n)]
    assert_same(loops.conv1d_input_gradient_scatter(dy, x, w), np.array(expected))


def test_conv1d_by_hand():
    x, w = np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 0, -2])
    np.testing.assert_array_equal(loops.conv1d(x, w), [-5, -6, -7])
    np.testing.assert_array_equal(loops.conv1d(x, w, stride=2, padding=1), [-4, -6, 4])
    dy = np.array([1.0, 10, 100])
    np.testing.assert_array_equal(loops.conv1d_weight_gradient(dy, x, w), [321, 432, 543])
    for dx in (loops.conv1d_input_gradient_scatter, loops.conv1d_input_gradient_gather):
        np.testing.assert_array_equal(dx(dy, x, w), [1, 10, 98, -20, -200])


# ---------------------------------------------------------------- two dimensions, one channel


@given(convolutions(plain=True))
def test_conv2d_single_and_its_gradients_are_conv2d_of_one_channel(geometry):
    (x, w, _, dy), plain = geometry.convolution(), geometry.plain
    x, w, dy = x[:1, :1], w[:1, :1], dy[:1, :1]
    single = x[0, 0], w[0, 0]
    assert_same(loops.conv2d_single(*single, **plain), F.conv2d(x, w, **plain)[0, 0])
    dx, dw, _ = F.conv2d_backward(dy, x, w, **plain)
    assert_same(loops.conv2d_single_weight_gradient(dy[0, 0], *single, **plain), dw[0, 0])
    assert_same(loops.conv2d_single_input_gradient_scatter(dy[0, 0], *single, **plain), dx[0, 0])
    assert_same(loops.conv2d_single_input_gradient_gather(dy[0, 0], *single, **plain), dx[0, 0])


def test_scatter_stamps_the_kernel_and_gather_needs_it_turned():
    x, w = np.zeros((3, 3)), np.array([[1.0, 2], [3, 4]])
    dy = np.array([[1.0, 0], [0, 0]])
    for dx in (loops.conv2d_single_input_gradient_scatter, loops.conv2d_single_input_gradient_gather):
        np.testing.assert_array_equal(dx(dy, x, w), [[1, 2, 0], [3, 4, 0], [0, 0, 0]])


# ---------------------------------------------------------------- channels and batches


@given(convolutions(plain=True))
@settings(max_examples=100)
def test_conv2d_and_its_gradients_are_those_of_functional(geometry):
    (x, w, b, dy), plain = geometry.convolution(), geometry.plain
    assert_same(loops.conv2d(x, w, b, **plain), F.conv2d(x, w, b, **plain))
    assert_same(loops.conv2d(x, w, **plain), F.conv2d(x, w, **plain))
    expected = dx, dw, db = F.conv2d_backward(dy, x, w, **plain)
    assert_same(loops.input_gradient(dy, x, w, **plain), dx)
    assert_same(loops.input_gradient_gather(dy, x, w, **plain), dx)
    assert_same(loops.weight_gradient(dy, x, w, **plain), dw)
    assert_same(loops.bias_gradient(dy), db)
    assert_same(loops.conv2d_backward(dy, x, w, **plain), expected)
    assert_same(loops.conv2d_backward_gemm(dy, x, w, **plain), expected)


@given(transposed_convolutions(plain=True))
@settings(max_examples=100)
def test_conv_transpose2d_is_that_of_functional(geometry):
    (x, w, b), (extra, _) = geometry.transposed_convolution(), geometry.output_padding
    plain = {**geometry.plain, "output_padding": extra}
    assert_same(loops.conv_transpose2d(x, w, b, **plain), F.conv_transpose2d(x, w, b, **plain))
    assert_same(loops.conv_transpose2d(x, w, **plain), F.conv_transpose2d(x, w, **plain))


@given(convolutions(plain=True))
def test_im2col_and_col2im_are_those_of_functional(geometry):
    x, cols = geometry.arrays(geometry.input_shape, geometry.cols_shape)
    settings = {"kernel_size": geometry.kernel_size, **geometry.plain}
    assert_same(loops.im2col(x, **settings), F.im2col(x, **settings))
    assert_same(loops.col2im(cols, geometry.size, **settings), F.col2im(cols, geometry.size, **settings))


def test_pad2d_puts_zeros_around_each_image():
    padded = loops.pad2d(np.ones((2, 3, 1, 2)), 1)
    assert padded.shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(padded[1, 2], [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])


# ---------------------------------------------------------------- pooling and friends


@given(poolings(plain=True), st.booleans())
def test_pooling_and_its_gradients_are_those_of_functional(geometry, tied):
    x = geometry.tied() if tied else geometry.distinct()
    settings = {"kernel_size": geometry.kernel_size, **geometry.plain}
    y, indices = F.max_pool2d(x, **settings)
    assert_same(loops.max_pool2d(x, **settings), (y, indices))
    dy = geometry.rng.standard_normal(y.shape)
    assert_same(loops.max_pool2d_backward(dy, indices, x.shape), F.max_pool2d_backward(dy, indices, x.shape))
    assert_same(loops.avg_pool2d(x, **settings), F.avg_pool2d(x, **settings))
    assert_same(loops.avg_pool2d_backward(dy, x.shape, **settings), F.avg_pool2d_backward(dy, x.shape, **settings))


@pytest.mark.parametrize("max_pool2d_backward", [loops.max_pool2d_backward, F.max_pool2d_backward])
def test_indices_of_one_byte_reach_into_planes_wider_than_a_byte_can_count(max_pool2d_backward):
    dx = max_pool2d_backward([[[[5.0]]]], np.full((1, 1, 1, 1), 250, np.uint8), (1, 1, 2, 300))
    assert dx[0, 0, 0, 250] == 5 and np.count_nonzero(dx) == 1


@given(poolings(plain=True))
def test_the_stride_of_a_pooling_is_its_kernel_size_unless_given(geometry):
    x, kernel_size = geometry.distinct(), geometry.kernel_size
    assume(all(k <= n for k, n in zip(kernel_size, geometry.size, strict=True)))
    assert_same(loops.max_pool2d(x, kernel_size), F.max_pool2d(x, kernel_size))
    y = F.avg_pool2d(x, kernel_size)
    assert_same(loops.avg_pool2d(x, kernel_size), y)
    assert_same(loops.avg_pool2d_backward(y, x.shape, kernel_size), F.avg_pool2d_backward(y, x.shape, kernel_size))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), seeds, st.sampled_from([0, 0.3, 0.5]))
def test_the_backward_of_what_only_routes_is_that_of_functional(N, features, classes, seed, p):
    rng = np.random.default_rng(seed)
    x, w, dy = map(rng.standard_normal, [(N, features), (classes, features), (N, classes)])
    assert_same(loops.linear_backward(dy, x, w), F.linear_backward(dy, x, w))
    image = rng.integers(-2, 3, (N, features, 2, 3)).astype(float)
    above = rng.standard_normal(image.shape)
    assert_same(loops.relu_backward(above, image), F.relu_backward(above, image))
    mask = rng.random(image.shape) >= p
    assert_same(loops.dropout_backward(above, mask, p), F.dropout_backward(above, mask, p))
    flat = above.reshape(N, -1)
    assert_same(loops.flatten_backward(flat, image.shape), F.flatten_backward(flat, image.shape))
    targets = rng.integers(0, classes, N)
    assert_same(loops.cross_entropy_gradient(dy, targets), F.cross_entropy(dy, targets)[1])


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), seeds)
def test_batch_norm2d_backward_is_that_of_functional(N, C, H, W, seed):
    rng = np.random.default_rng(seed)
    dy, x, weight = map(rng.standard_normal, [(N, C, H, W), (N, C, H, W), C])
    expected = F.batch_norm2d_backward(dy, x, weight, eps=0.1)
    assert_same(loops.batch_norm2d_backward(dy, x, weight, eps=0.1), expected)


def test_residual_backward_adds_the_gradient_of_the_short_way_to_that_of_the_branch():
    dy = np.array([[1.0, -2.0]])
    np.testing.assert_array_equal(loops.residual_backward(dy, lambda dy: 10 * dy), [[11, -22]])


@pytest.mark.parametrize("wanted", [0, 1, 2], ids=["dx", "dw1", "dw2"])
def test_chain_backward_agrees_with_central_differences(wanted, rng):
    numbers = rng.standard_normal(3)
    gradients = loops.chain_backward(1.7, *numbers)
    measured = gradcheck.numerical_gradient(lambda v: 1.7 * v[2] * v[1] * v[0], numbers)
    assert gradients[wanted] == pytest.approx(measured[wanted], rel=1e-8)


# ---------------------------------------------------------------- what the labs show


def annotations_in(source):
    """The annotations of a source: of arguments, of what functions return, of variables."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [node.annotation for node in nodes if isinstance(node, (ast.arg, ast.AnnAssign))]
    found += [node.returns for node in nodes if isinstance(node, ast.FunctionDef)]
    return [ast.unparse(annotation) for annotation in found if annotation]


def test_annotations_are_found():
    found = annotations_in("def f(x: int, *y: str) -> float:\n    z: bool = x")
    assert sorted(found) == ["bool", "float", "int", "str"]


@pytest.mark.parametrize("name", exercises.names())
def test_no_lab_shows_annotations_or_checks_of_arguments(name):
    exercise = exercises.get(name)
    for source in exercise.solution(), exercise.stub():
        assert not annotations_in(source)
        assert "checks" not in source and "geometry" not in source


@pytest.mark.parametrize(
    "name", [name for name in exercises.names() if exercises.get(name).answer in vars(loops).values()]
)
def test_the_answers_of_the_labs_need_numpy_and_the_course_functions_alone(name):
    allowed = {"import numpy as np"}
    assert all(
        line in allowed or line.startswith(("from course_lib.functional import", "from course_lib.loops import"))
        for line in exercises.get(name).imports
    )
