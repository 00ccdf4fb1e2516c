"""functional is right: against central differences, against itself transposed, and against stored PyTorch values.

What holds for every function alike (arguments, dtypes, results that stay) is in test_promises.py.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import SETTINGS, cases
from strategies import convolutions, in_groups, poolings, seeds, transposed_convolutions

from course_lib import functional as F
from course_lib import gradcheck, loops

# ---------------------------------------------------------------- backward is the derivative of forward


def assert_backward_is_the_derivative(forward, backward, *arrays, names=None):
    found = gradcheck.check(forward, backward, *arrays, rng=np.random.default_rng([7, 7]), names=names)
    assert found and len(found.errors) == len(names or arrays), found


@given(convolutions() | in_groups(convolutions()))
def test_conv2d_backward_agrees_with_central_differences(geometry):
    (x, w, b, _), settings = geometry.convolution(), {**geometry.windows, "groups": geometry.groups}
    assert_backward_is_the_derivative(
        lambda x, w, b: F.conv2d(x, w, b, **settings),
        lambda dy, x, w, b: F.conv2d_backward(dy, x, w, **settings),
        x, w, b,
    )  # fmt: skip


@given(transposed_convolutions() | in_groups(transposed_convolutions()))
def test_conv_transpose2d_backward_agrees_with_central_differences(geometry):
    (x, w, b), settings = geometry.transposed_convolution(), {**geometry.transposed, "groups": geometry.groups}
    assert_backward_is_the_derivative(
        lambda x, w, b: F.conv_transpose2d(x, w, b, **settings),
        lambda dy, x, w, b: F.conv_transpose2d_backward(dy, x, w, **settings),
        x, w, b,
    )  # fmt: skip


@given(in_groups(convolutions()))
def test_a_group_is_a_convolution_of_its_own(geometry):
    x, w, b, _ = geometry.convolution()
    parts = zip(*(np.split(array, geometry.groups, axis) for array, axis in ((x, 1), (w, 0), (b, 0))), strict=True)
    alone = np.concatenate([F.conv2d(*part, **geometry.windows) for part in parts], axis=1)
    np.testing.assert_allclose(F.conv2d(x, w, b, **geometry.windows, groups=geometry.groups), alone, atol=1e-12)


@given(convolutions())
def test_im2col_and_col2im_are_each_others_backward(geometry):
    x, *_ = geometry.convolution()
    settings = {"kernel_size": geometry.kernel_size, **geometry.windows}
    assert_backward_is_the_derivative(
        lambda x: F.im2col(x, **settings), lambda dy, x: F.col2im(dy, geometry.size, **settings), x
    )
    assert_backward_is_the_derivative(
        lambda cols: F.col2im(cols, geometry.size, **settings),
        lambda dy, cols: F.im2col(dy, **settings),
        F.im2col(x, **settings),
    )


@given(poolings())
def test_max_pool2d_backward_agrees_with_central_differences_where_nothing_is_tied(geometry):
    def backward(dy, x):
        return F.max_pool2d_backward(dy, F.max_pool2d(x, **geometry.pool)[1], x.shape)

    assert_backward_is_the_derivative(lambda x: F.max_pool2d(x, **geometry.pool)[0], backward, geometry.distinct())


@given(poolings())
def test_avg_pool2d_backward_agrees_with_central_differences(geometry):
    assert_backward_is_the_derivative(
        lambda x: F.avg_pool2d(x, **geometry.pool),
        lambda dy, x: F.avg_pool2d_backward(dy, x.shape, **geometry.pool),
        geometry.distinct(),
    )


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes, seeds)
def test_relu_backward_agrees_with_central_differences_away_from_zero(shape, seed):
    rng = np.random.default_rng(seed)
    x = rng.choice([-1, 1], shape) * (0.01 + rng.random(shape))
    assert_backward_is_the_derivative(F.relu, F.relu_backward, x)


@given(shapes, seeds, st.sampled_from([0, 0.25, 0.5, 0.9, 1]))
def test_dropout_backward_agrees_with_central_differences(shape, seed, p):
    x = np.random.default_rng(seed).standard_normal(shape)
    _, mask = F.dropout(x, p, np.random.default_rng(seed))
    assert_backward_is_the_derivative(
        lambda x: F.dropout(x, p, np.random.default_rng(seed))[0], lambda dy, x: F.dropout_backward(dy, mask, p), x
    )


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), seeds)
def test_linear_backward_agrees_with_central_differences(N, in_features, out_features, seed):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((N, in_features)), rng.standard_normal((out_features, in_features))
    assert_backward_is_the_derivative(
        F.linear, lambda dy, x, w, b: F.linear_backward(dy, x, w), x, w, rng.standard_normal(out_features)
    )


@given(shapes.filter(lambda shape: len(shape) > 1), seeds)
def test_flatten_backward_agrees_with_central_differences(shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape)
    assert_backward_is_the_derivative(F.flatten, lambda dy, x: F.flatten_backward(dy, x.shape), x)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 3), st.integers(2, 3), seeds, st.booleans())
def test_batch_norm2d_backward_agrees_with_central_differences(N, C, H, W, seed, training):
    rng = np.random.default_rng(seed)
    x, weight, bias = rng.standard_normal((N, C, H, W)), rng.standard_normal(C), rng.standard_normal(C)
    given = () if training else (rng.standard_normal(C), rng.random(C) + 0.1)
    assert_backward_is_the_derivative(
        lambda x, weight, bias: F.batch_norm2d(x, weight, bias, *given)[0],
        lambda dy, x, weight, bias: F.batch_norm2d_backward(dy, x, weight, *given),
        x, weight, bias, names=("dx", "dweight", "dbias"),
    )  # fmt: skip


@given(st.integers(1, 4), st.integers(1, 5), seeds)
def test_cross_entropy_gradient_agrees_with_central_differences(N, classes, seed):
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal((N, classes)) * 2, rng.integers(0, classes, N)
    _, dlogits = F.cross_entropy(logits, targets)
    measured = gradcheck.numerical_gradient(lambda logits: F.cross_entropy(logits, targets)[0], logits)
    np.testing.assert_allclose(dlogits, measured, atol=1e-9)


@given(shapes, seeds)
def test_mse_gradient_agrees_with_central_differences(shape, seed):
    rng = np.random.default_rng(seed)
    pred, target = rng.standard_normal(shape), rng.standard_normal(shape)
    _, dpred = F.mse(pred, target)
    measured = gradcheck.numerical_gradient(lambda pred: F.mse(pred, target)[0], pred)
    assert gradcheck.relative_error(dpred, measured) < 1e-6


# ---------------------------------------------------------------- one is the transpose of the other


def assert_equal_products(*pairs):
    """<a, b> is the same for every pair, to rounding."""
    products = [np.vdot(a, b) for a, b in pairs]
    size = max(np.abs(a * b).sum() for a, b in pairs)
    np.testing.assert_allclose(products, products[0], rtol=0, atol=1e-12 * size)


@given(convolutions())
def test_conv2d_is_linear_in_x_and_in_w_and_its_backward_is_the_transpose_of_both(geometry):
    x, w, _, dy = geometry.convolution()
    dx, dw, db = F.conv2d_backward(dy, x, w, **geometry.windows)
    assert_equal_products((dy, F.conv2d(x, w, **geometry.windows)), (dx, x), (dw, w))
    np.testing.assert_allclose(db, dy.sum(axis=(0, 2, 3)), atol=1e-12)


@given(convolutions())
def test_the_input_and_the_weight_gradient_are_the_parts_of_conv2d_backward(geometry):
    x, w, _, dy = geometry.convolution()
    whole = F.conv2d_backward(dy, x, w, **geometry.windows)
    dx = F.conv2d_input_gradient(dy, x, w, **geometry.windows)
    for part, expected in zip((dx, *F.conv2d_weight_gradient(dy, x, w, **geometry.windows)), whole, strict=True):
        np.testing.assert_array_equal(part, expected)


@given(convolutions())
def test_col2im_is_the_transpose_of_im2col(geometry):
    x, v = geometry.arrays(geometry.input_shape, geometry.cols_shape)
    settings = {"kernel_size": geometry.kernel_size, **geometry.windows}
    assert_equal_products((F.im2col(x, **settings), v), (x, F.col2im(v, geometry.size, **settings)))


@given(convolutions())
def test_col2im_of_im2col_multiplies_each_pixel_by_its_coverage(geometry):
    x, *_ = geometry.convolution()
    settings = {"kernel_size": geometry.kernel_size, **geometry.windows}

    def there_and_back(x):
        return F.col2im(F.im2col(x, **settings), geometry.size, **settings)

    np.testing.assert_allclose(there_and_back(x), x * there_and_back(np.ones_like(x)), atol=1e-12)


@given(transposed_convolutions())
def test_conv_transpose2d_is_the_input_gradient_of_the_conv2d_it_transposes(geometry):
    assume(all(e < s for e, s in zip(geometry.output_padding, geometry.stride, strict=True)))
    x, w, _ = geometry.transposed_convolution()
    y = F.conv_transpose2d(x, w, **geometry.transposed)
    assert F.conv2d(y, w, **geometry.windows).shape[2:] == geometry.size
    np.testing.assert_allclose(y, F.conv2d_input_gradient(x, y, w, **geometry.windows), atol=1e-12)


@given(convolutions())
def test_output_padding_makes_conv_transpose2d_restore_the_input_size(geometry):
    x, w, _, dy = geometry.convolution()
    lost = [
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, k, s, p, d in zip(geometry.size, geometry.kernel_size, *geometry.windows.values(), strict=True)
    ]
    dx = F.conv_transpose2d(dy, w, **geometry.windows, output_padding=tuple(lost))
    np.testing.assert_allclose(dx, F.conv2d_input_gradient(dy, x, w, **geometry.windows), atol=1e-12)


@given(convolutions())
def test_conv2d_is_the_product_of_the_weight_rows_with_im2col(geometry):
    x, w, b, _ = geometry.convolution()
    cols = F.im2col(x, geometry.kernel_size, **geometry.windows)
    y = (w.reshape(len(w), -1) @ cols + b[:, None]).reshape(geometry.N, geometry.C_out, *geometry.count)
    np.testing.assert_allclose(F.conv2d(x, w, b, **geometry.windows), y, atol=1e-12)


# ---------------------------------------------------------------- large enough to be worked on in pieces

LARGE = {
    "1 to 8": ((64, 1, 28, 28), (8, 1, 3, 3), {}),
    "1 to 64": ((64, 1, 28, 28), (64, 1, 3, 3), {}),
    "8 to 16": ((33, 8, 14, 14), (16, 8, 3, 3), {"padding": 1}),
    "32 to 64": ((32, 32, 14, 13), (64, 32, 3, 3), {"padding": 1}),
    "5 x 5 with stride 2": ((31, 16, 28, 27), (32, 16, 5, 5), {"stride": 2, "padding": 2}),
    "wide images": ((2, 3, 5, 3001), (4, 3, 3, 3), {}),
    "tall images": ((2, 3, 3001, 5), (4, 3, 3, 3), {"stride": 3}),
}


@pytest.mark.parametrize(("x_shape", "w_shape", "plain"), LARGE.values(), ids=LARGE)
@pytest.mark.slow
def test_large_convolutions_agree_with_one_matrix_product_per_image(x_shape, w_shape, plain, rng):
    x, w, b = rng.standard_normal(x_shape), rng.standard_normal(w_shape), rng.standard_normal(w_shape[0])
    cols = loops.im2col(x, w_shape[2:], **plain)
    y = F.conv2d(x, w, b, **plain)
    np.testing.assert_allclose(y.reshape(*y.shape[:2], -1), w.reshape(len(w), -1) @ cols + b[:, None], atol=1e-10)
    dy = rng.standard_normal(y.shape)
    expected = loops.conv2d_backward_gemm(dy, x, w, **plain)
    for found, wanted in zip(F.conv2d_backward(dy, x, w, **plain), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    up = F.conv_transpose2d(dy, w, **plain)
    np.testing.assert_allclose(up, expected[0][:, :, : up.shape[2], : up.shape[3]], rtol=1e-9, atol=1e-9)
    dx, dw, _ = F.conv_transpose2d_backward(up, dy, w, **plain)
    assert_equal_products((up, up), (dx, dy), (dw, w))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_batch_gives_what_its_images_give_one_by_one(dtype, rng):
    x = rng.standard_normal((150, 3, 20, 21)).astype(dtype)
    w, b = rng.standard_normal((5, 3, 3, 3)).astype(dtype), rng.standard_normal(5).astype(dtype)
    functions = {
        "conv2d": lambda x: F.conv2d(x, w, b, padding=1),
        "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1)[0],
        "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1),
        "im2col": lambda x: F.im2col(x, 3, 2),
    }
    for name, function in functions.items():
        together, alone = function(x), np.concatenate([function(x[i : i + 1]) for i in range(len(x))])
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-11, err_msg=name)


# ---------------------------------------------------------------- stored PyTorch values


def from_pytorch(operation):
    """Parametrize a test over the stored cases of an operation: the arrays, and the settings such as stride."""
    found = []
    for label, case in cases(operation).items():
        arrays = {name: value for name, value in case.items() if name not in SETTINGS}
        found.append(pytest.param(arrays, {name: case[name] for name in case if name in SETTINGS}, id=label))
    return pytest.mark.parametrize(("ref", "geometry"), found)


def assert_close(found, ref, *names):
    found = found if isinstance(found, tuple) else (found,)
    for value, name in zip(found, names, strict=True):
        assert np.shape(value) == ref[name].shape, name
        np.testing.assert_allclose(value, ref[name], rtol=1e-10, atol=1e-12, err_msg=name)


@from_pytorch("conv2d")
def test_conv2d_gives_what_pytorch_gives(ref, geometry):
    assert_close(F.conv2d(ref["x"], ref["w"], ref["b"], **geometry), ref, "y")
    assert_close(F.conv2d_backward(ref["dy"], ref["x"], ref["w"], **geometry), ref, "dx", "dw", "db")


@from_pytorch("conv_transpose2d")
def test_conv_transpose2d_gives_what_pytorch_gives(ref, geometry):
    assert_close(F.conv_transpose2d(ref["x"], ref["w"], ref["b"], **geometry), ref, "y")
    assert_close(F.conv_transpose2d_backward(ref["dy"], ref["x"], ref["w"], **geometry), ref, "dx", "dw", "db")


@from_pytorch("im2col")
def test_im2col_and_col2im_give_what_unfold_and_fold_give(ref, geometry):
    assert_close(F.im2col(ref["x"], **geometry), ref, "y")
    assert_close(F.col2im(ref["dy"], ref["x"].shape[2:], **geometry), ref, "dx")


@from_pytorch("max_pool2d")
def test_max_pool2d_gives_what_pytorch_gives_ties_included(ref, geometry):
    assert_close(F.max_pool2d(ref["x"], **geometry), ref, "y", "indices")
    assert_close(F.max_pool2d_backward(ref["dy"], ref["indices"], ref["x"].shape), ref, "dx")


@from_pytorch("max_pool2d")
def test_the_winner_form_of_max_pool2d_gives_what_pytorch_gives_ties_included(ref, geometry):
    y, winner = F.max_pool2d_winner(ref["x"], **geometry)
    assert_close(y, ref, "y")
    assert_close(F.max_pool2d_winner_backward(ref["dy"], winner, ref["x"].shape, **geometry), ref, "dx")


@from_pytorch("avg_pool2d")
def test_avg_pool2d_gives_what_pytorch_gives(ref, geometry):
    assert_close(F.avg_pool2d(ref["x"], **geometry), ref, "y")
    assert_close(F.avg_pool2d_backward(ref["dy"], ref["x"].shape, **geometry), ref, "dx")


@from_pytorch("batch_norm2d")
def test_batch_norm2d_gives_what_pytorch_gives(ref, geometry):
    given = ref.get("mean"), ref.get("var")
    y, mean, var = F.batch_norm2d(ref["x"], ref["weight"], ref["bias"], *given)
    assert_close(y, ref, "y")
    backward = F.batch_norm2d_backward(ref["dy"], ref["x"], ref["weight"], *given)
    assert_close(backward, ref, "dx", "dweight", "dbias")
    if "mean" in ref:
        np.testing.assert_array_equal((mean, var), given)
    else:
        np.testing.assert_allclose((mean, var), (ref["x"].mean(axis=(0, 2, 3)), ref["x"].var(axis=(0, 2, 3))))


SMALL = cases("small")


def test_relu_gives_what_pytorch_gives_also_at_exact_zeros():
    ref = SMALL["relu at zeros"]
    assert (ref["x"] == 0).any()
    assert_close(F.relu(ref["x"]), ref, "y")
    assert_close(F.relu_backward(ref["dy"], ref["x"]), ref, "dx")


def test_linear_gives_what_pytorch_gives():
    ref = SMALL["linear"]
    assert_close(F.linear(ref["x"], ref["w"], ref["b"]), ref, "y")
    assert_close(F.linear_backward(ref["dy"], ref["x"], ref["w"]), ref, "dx", "dw", "db")


@pytest.mark.parametrize("label", ["cross entropy", "cross entropy of large logits"])
def test_cross_entropy_gives_what_pytorch_gives(label):
    ref = SMALL[label]
    assert_close(F.cross_entropy(ref["logits"], ref["targets"]), ref, "loss", "dlogits")


def test_mse_gives_what_pytorch_gives():
    ref = SMALL["mean squared error"]
    assert_close(F.mse(ref["pred"], ref["target"]), ref, "loss", "dpred")


# ---------------------------------------------------------------- numbers small enough to do by hand


def one_image(rows):
    return np.array(rows, dtype=float)[None, None]


def coverage(size, kernel_size, **settings):
    ones = np.ones((1, 1, *size))
    return F.col2im(F.im2col(ones, kernel_size, **settings), size, kernel_size, **settings)[0, 0]


def test_central_pixels_are_covered_by_more_windows_than_corners():
    np.testing.assert_array_equal(coverage((4, 4), 2), [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]])


def test_windows_that_tile_cover_every_pixel_once_and_gaps_lose_pixels():
    np.testing.assert_array_equal(coverage((4, 6), 2, stride=2), np.ones((4, 6)))
    np.testing.assert_array_equal(coverage((2, 5), 2, stride=3), [[1, 1, 0, 1, 1]] * 2)


def test_each_row_of_im2col_reads_each_pixel_at_most_once_and_each_column_holds_one_window():
    cols = F.im2col(one_image([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), 2)
    np.testing.assert_array_equal(cols[0], [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]])


def test_im2col_orders_its_rows_by_channel_then_kernel_row_then_kernel_column():
    x = np.arange(2 * 2 * 3).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(F.im2col(x, (2, 3))[0, :, 0], np.arange(12))


def test_a_one_hot_dy_stamps_the_kernel_unflipped():
    dy = one_image([[1, 0], [0, 0]])
    dx, _, _ = F.conv2d_backward(dy, one_image(np.zeros((3, 3))), one_image([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(dx[0, 0], [[1, 2, 0], [3, 4, 0], [0, 0, 0]])


@given(convolutions())
@settings(max_examples=20)
def test_a_one_hot_dy_stamps_the_kernel_where_its_window_stands(geometry):
    x, w, _, dy = geometry.convolution()
    dy[...] = 0
    n, f, i, j = (geometry.rng.integers(size) for size in dy.shape)
    dy[n, f, i, j] = 1
    dx, _, _ = F.conv2d_backward(dy, x, w, **geometry.windows)
    (top, left), (down, across), (spread_i, spread_j) = geometry.padding, geometry.stride, geometry.dilation
    expected = np.zeros_like(x)
    for a, b in np.ndindex(geometry.kernel_size):
        row, column = i * down + a * spread_i - top, j * across + b * spread_j - left
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            expected[n, :, row, column] = w[f, :, a, b]
    np.testing.assert_array_equal(dx, expected)


def test_conv2d_is_cross_correlation_the_kernel_is_not_flipped():
    y = F.conv2d(one_image([[0, 0, 0], [0, 1, 0], [0, 0, 0]]), one_image([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(y[0, 0], [[4, 3], [2, 1]])


@pytest.mark.parametrize("size", [4, 6])
def test_pixels_in_the_remainder_that_no_window_reads_get_gradient_zero(size):
    x, w = np.ones((1, 1, size, size)), np.ones((1, 1, 3, 3))
    y = F.conv2d(x, w, stride=2)
    dx, _, _ = F.conv2d_backward(np.ones_like(y), x, w, stride=2)
    assert (dx[0, 0, -1] == 0).all() and (dx[0, 0, :, -1] == 0).all()
    assert (dx[0, 0, :-1, :-1] > 0).all()


def test_a_pixel_that_wins_four_overlapping_windows_collects_from_all_of_them():
    x = one_image([[0, 0, 0], [0, 9, 0], [0, 0, 0]])
    y, indices = F.max_pool2d(x, 2, stride=1)
    dx = F.max_pool2d_backward(np.ones_like(y), indices, x.shape)
    np.testing.assert_array_equal(dx[0, 0], [[0, 0, 0], [0, 4, 0], [0, 0, 0]])


def test_of_tied_maxima_the_first_takes_the_whole_gradient():
    x = one_image([[2, 2], [2, 1]])
    y, indices = F.max_pool2d(x, 2)
    assert y.item() == 2 and indices.item() == 0
    dx = F.max_pool2d_backward(np.ones_like(y), indices, x.shape)
    np.testing.assert_array_equal(dx[0, 0], [[1, 0], [0, 0]])


def test_padding_never_wins_a_maximum_not_even_over_negative_numbers():
    y, indices = F.max_pool2d(one_image([[-5, -6], [-7, -8]]), 2, stride=2, padding=1)
    np.testing.assert_array_equal(y[0, 0], [[-5, -6], [-7, -8]])
    np.testing.assert_array_equal(indices[0, 0], [[0, 1], [2, 3]])


def test_pooling_11_to_5_leaves_the_last_row_and_column_without_gradient(rng):
    x = rng.standard_normal((1, 1, 11, 11))
    y, indices = F.max_pool2d(x, 2)
    assert y.shape[2:] == (5, 5)
    for dx in (F.max_pool2d_backward(y, indices, x.shape), F.avg_pool2d_backward(y, x.shape, 2)):
        assert (dx[0, 0, -1] == 0).all() and (dx[0, 0, :, -1] == 0).all()


def test_avg_pool2d_shares_equally_and_adds_where_windows_overlap():
    dx = F.avg_pool2d_backward(np.ones((1, 1, 2, 2)), (1, 1, 3, 3), 2, stride=1)
    np.testing.assert_array_equal(dx[0, 0], np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4)


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d, F.max_pool2d_winner])
def test_the_stride_of_a_pooling_is_its_kernel_size_unless_given(pool, rng):
    x = rng.standard_normal((2, 1, 6, 6))
    left_out, given = pool(x, (2, 3)), pool(x, (2, 3), stride=(2, 3))
    np.testing.assert_array_equal(left_out[0], given[0])


@given(poolings(), st.booleans())
def test_winners_and_indices_name_the_same_pixels(geometry, tied):
    x = geometry.tied() if tied else geometry.distinct()
    y, indices = F.max_pool2d(x, **geometry.pool)
    same, winner = F.max_pool2d_winner(x, **geometry.pool)
    np.testing.assert_array_equal(y, same)
    n, c, *_ = np.indices(y.shape)
    np.testing.assert_array_equal(y, x[n, c, indices // x.shape[3], indices % x.shape[3]])
    (kW, (top, left), (down, across)) = geometry.kernel_size[1], geometry.padding, geometry.stride
    i, j = np.indices(geometry.count)
    rows, columns = i * down - top + winner // kW, j * across - left + winner % kW
    np.testing.assert_array_equal(indices, rows * x.shape[3] + columns)
    dy = geometry.rng.standard_normal(y.shape)
    np.testing.assert_allclose(
        F.max_pool2d_winner_backward(dy, winner, x.shape, **geometry.pool),
        F.max_pool2d_backward(dy, indices, x.shape),
        atol=1e-12,
    )


def test_a_pooling_window_may_have_more_cells_than_a_byte_can_count(rng):
    x = rng.standard_normal((1, 2, 20, 18))
    x[0, 0, 19, 17], x[0, 1, 15, 3] = 99, 99
    _, indices = F.max_pool2d(x, (20, 18))
    np.testing.assert_array_equal(indices[0, :, 0, 0], [19 * 18 + 17, 15 * 18 + 3])
    _, winner = F.max_pool2d_winner(x, (20, 18))
    np.testing.assert_array_equal(winner, indices)


def test_relu_stops_the_gradient_at_exactly_zero():
    np.testing.assert_array_equal(F.relu_backward(np.ones(3), np.array([-1.0, 0.0, 2.0])), [0, 0, 1])


def test_softmax_rows_sum_to_one_however_large_the_logits():
    probabilities = F.softmax([[1000.0, 1000.0], [-1000.0, 0.0], [3.0, 3.0]])
    np.testing.assert_array_equal(probabilities, [[0.5, 0.5], [0, 1], [0.5, 0.5]])


def test_the_first_loss_of_ten_equal_logits_is_ln_10():
    loss, dlogits = F.cross_entropy(np.zeros((4, 10)), [1, 2, 3, 4])
    assert loss == pytest.approx(np.log(10))
    assert dlogits[0, 1] == pytest.approx((0.1 - 1) / 4) and dlogits[0, 0] == pytest.approx(0.1 / 4)


def test_mse_is_a_mean_over_all_elements():
    loss, dpred = F.mse([[1.0, 2.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 0.0]])
    assert loss == (1 + 16) / 4
    np.testing.assert_array_equal(dpred, [[0.5, 0], [0, 2]])


def test_dropout_drops_the_share_p_and_scales_what_it_keeps(rng):
    y, mask = F.dropout(np.ones((100, 2, 10, 10)), 0.3, rng)
    assert mask.dtype == bool and mask.mean() == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose(y, mask / 0.7)


def test_dropout_draws_every_example_its_own_mask_and_follows_the_generator():
    x = np.ones((3, 2, 20))
    _, mask = F.dropout(x, 0.5, np.random.default_rng(1))
    assert (mask[0] != mask[1]).any() and (mask[:, 0] != mask[:, 1]).any()
    np.testing.assert_array_equal(mask, F.dropout(x, 0.5, np.random.default_rng(1))[1])


@pytest.mark.parametrize(("p", "expected"), [(0, 1), (1, 0)])
def test_dropout_of_nothing_keeps_all_and_of_everything_keeps_none(p, expected, rng):
    y, mask = F.dropout(np.ones((4, 5)), p, rng)
    assert (y == expected).all() and (mask == bool(expected)).all()
    np.testing.assert_array_equal(F.dropout_backward(np.ones((4, 5)), mask, p), y)


def test_batch_norm2d_gives_each_channel_mean_0_and_variance_1(rng):
    x = rng.standard_normal((4, 3, 5, 6)) * [[[2.0]], [[5.0]], [[0.1]]] + 7
    y, _, _ = F.batch_norm2d(x, np.ones(3), np.zeros(3), eps=1e-12)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-10)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, atol=1e-6)


def test_flatten_keeps_the_order_of_the_values():
    x = np.arange(24.0).reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(F.flatten(x), np.arange(24).reshape(2, 12))
    np.testing.assert_array_equal(F.flatten_backward(F.flatten(x), x.shape), x)


@pytest.mark.parametrize(
    ("size", "settings", "expected"),
    [(28, (3,), 26), (26, (2, 2), 13), (11, (2, 2), 5), (32, (3, 2, 1), 16), (7, (3, 1, 0, 2), 3), (3, (3,), 1)],
)
def test_out_size_counts_the_windows_that_fit(size, settings, expected):
    assert F.out_size(size, *settings) == expected


# ---------------------------------------------------------------- infinity, and other numbers at the edge


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_infinite_gradient_stops_where_it_is_masked_and_passes_where_it_is_not(dtype):
    dy = np.array([[[[np.inf, -np.inf], [np.inf, 1]]]], dtype)
    passes = np.array([[[[True, False], [False, True]]]])
    expected = np.where(passes, dy, 0)
    np.testing.assert_array_equal(F.relu_backward(dy, np.where(passes, 1, -1).astype(dtype)), expected)
    np.testing.assert_array_equal(F.relu_mask_backward(dy, passes), expected)
    np.testing.assert_array_equal(F.dropout_backward(dy, passes, 0.5), 2 * expected)
    y, mask = F.dropout(dy, 0.5, np.random.default_rng(3))
    np.testing.assert_array_equal(y, np.where(mask, 2 * dy, 0))
    pooled, winner = F.max_pool2d_winner(np.arange(4, dtype=dtype).reshape(1, 1, 2, 2), 2)
    dx = F.max_pool2d_winner_backward(np.full_like(pooled, np.inf), winner, (1, 1, 2, 2), 2)
    np.testing.assert_array_equal(dx, [[[[0, 0], [0, np.inf]]]])
    dy, first = np.full((1, 1, 1, 2), np.inf, dtype), np.zeros((1, 1, 1, 2), int)
    overlapping = F.max_pool2d_winner_backward(dy, first, (1, 1, 1, 3), (1, 2), 1)
    np.testing.assert_array_equal(overlapping, [[[[np.inf, np.inf, 0]]]])


@pytest.mark.parametrize("logits", [[[0.0, np.inf]], [[1.0, 2.0], [-np.inf, -np.inf]]])
def test_logits_without_a_finite_maximum_are_refused(logits):
    for function in (F.softmax, lambda logits: F.cross_entropy(logits, [0] * len(logits))):
        with pytest.raises(ValueError, match=rf"^logits must have a finite maximum .* row {len(logits) - 1} is -?inf$"):
            function(logits)


def test_a_logit_of_minus_infinity_has_probability_0():
    np.testing.assert_array_equal(F.softmax([[0.0, -np.inf, 0.0]]), [[0.5, 0, 0.5]])
    loss, dlogits = F.cross_entropy([[0.0, -np.inf]], [0])
    assert loss == 0 and dlogits.tolist() == [[0, 0]]


def test_an_eps_that_float32_cannot_hold_is_refused():
    x = np.ones((2, 1, 2, 2))
    assert np.isfinite(F.batch_norm2d(x, [1.0], [0.0], eps=1e-300)[0]).all()
    for eps in (1e-300, 1e300):
        with pytest.raises(ValueError, match=r"^eps must be a number that float32 can hold, but is 1e.?300$"):
            F.batch_norm2d(x.astype(np.float32), np.ones(1, np.float32), np.zeros(1, np.float32), eps=eps)
