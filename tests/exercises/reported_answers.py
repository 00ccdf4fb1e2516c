"""More wrong answers: the kinds that questions and issues about hand-written gradients show, each in another lab.

They are noted in `wrong_answers.WRONG`, in the form that is described there.
"""

import random

import numpy as np
from wrong_answers import wrong

from course_lib import functional as F
from course_lib import loops
from course_lib.functional import out_size
from course_lib.layers import Module, Parameter

# ---------------------------------------------------------------- one dimension: y


@wrong("conv1d", y="wrong number of outputs")
def rounded_up_windows(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    n = int(np.ceil((len(xp) - k) / stride)) + 1
    return np.array([np.dot(xp[i * stride : i * stride + k], w) for i in range(n)])


@wrong("conv1d", y="wrong number of outputs")
def brackets_missing_in_the_size(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros(len(x) + 2 * padding - k // stride + 1)
    for i in range(len(y)):
        y[i] = sum(xp[i * stride + u] * w[u] for u in range(k))
    return y


@wrong("conv1d", y="wrong number of outputs")
def plus_one_before_the_division(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    y = np.zeros((len(x) + 2 * padding - len(w) + 1) // stride)
    for i in range(len(y)):
        for u in range(len(w)):
            y[i] += xp[i * stride + u] * w[u]
    return y


@wrong("conv1d", y="stride and padding not used")
def by_the_first_formula(x, w, stride=1, padding=0):
    n, k = len(x), len(w)
    return np.array([np.sum(x[i : i + k] * w) for i in range(n - k + 1)])


@wrong("conv1d", y="only one position kept")
def returns_after_the_first_window(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros(out_size(len(x), k, stride, padding))
    for i in range(len(y)):
        y[i] = xp[i * stride : i * stride + k] @ w
        return y


@wrong("conv1d", y=("kernel turned", "sign"))
def turned_and_negated(x, w, stride=1, padding=0):
    return -loops.conv1d(x, w[::-1], stride, padding)


@wrong("conv1d", y="memory never set")
def adds_to_empty(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.empty(out_size(len(x), k, stride, padding))
    for i in range(len(y)):
        for u in range(k):
            y[i] += xp[i * stride + u] * w[u]
    return y


@wrong("conv1d", y="reversed")
def outputs_backwards(x, w, stride=1, padding=0):
    return loops.conv1d(x, w, stride, padding)[::-1]


@wrong("conv1d", y="right without padding")
def same_by_numpy_where_padded(x, w, stride=1, padding=0):
    y = np.correlate(x, w, "valid")[::stride]
    full = np.zeros(out_size(len(x), len(w), stride, padding))
    full[: len(y)] = y[: len(full)]
    return full


@wrong("conv1d", y="padded in another way")
def padded_with_the_edge(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding, mode="edge"), len(w)
    return np.array([xp[i : i + k] @ w for i in range(0, len(xp) - k + 1, stride)])


@wrong("conv1d", y="stride between the weights")
def stride_taken_for_dilation(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros(out_size(len(x), k, stride, padding))
    for i in range(len(y)):
        y[i] = sum(xp[i + u * stride] * w[u] for u in range(k))
    return y


# ---------------------------------------------------------------- one dimension: gradients


@wrong("conv1d_weight_gradient", dw="dy turned")
def dw_by_np_convolve(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(len(w))
    for u in range(len(w)):
        for i in range(len(dy)):
            dw[u] += xp[i * stride + u] * dy[len(dy) - 1 - i]
    return dw


@wrong("conv1d_weight_gradient", dw="twice or more")
def dw_twice(dy, x, w, stride=1, padding=0):
    return 2 * loops.conv1d_weight_gradient(dy, x, w, stride, padding)


@wrong("conv1d_weight_gradient", dw="factor and sign")
def dw_negative_mean_of_a_square(dy, x, w, stride=1, padding=0):
    return -2 * loops.conv1d_weight_gradient(dy, x, w, stride, padding)


@wrong("conv1d_weight_gradient", dw="a multiple added")
def dw_with_decay(dy, x, w, stride=1, padding=0):
    return loops.conv1d_weight_gradient(dy, x, w, stride, padding) + 0.01 * w


@wrong("conv1d_weight_gradient", dw=("dw turned", "mean instead of sum"))
def dw_turned_and_averaged(dy, x, w, stride=1, padding=0):
    return loops.conv1d_weight_gradient(dy, x, w, stride, padding)[::-1] / len(dy)


@wrong("conv1d_weight_gradient", dw="times an argument")
def dw_keeps_the_weight(dy, x, w, stride=1, padding=0):
    return loops.conv1d_weight_gradient(dy, x, w, stride, padding) * w


@wrong("conv1d_weight_gradient", dw="right for other arguments")
def dw_without_dy(dy, x, w, stride=1, padding=0):
    return loops.conv1d_weight_gradient(np.ones_like(dy), x, w, stride, padding)


@wrong("conv1d_weight_gradient", dw="random numbers")
def dw_with_noise(dy, x, w, stride=1, padding=0):
    dw = loops.conv1d_weight_gradient(dy, x, w, stride, padding)
    return dw + np.random.randn(len(w)) * 0.1


@wrong("conv1d_weight_gradient", dw="random numbers")
def dw_with_noise_of_another_module(dy, x, w, stride=1, padding=0):
    return loops.conv1d_weight_gradient(dy, x, w, stride, padding) * random.random()


SCATTER, GATHER = "conv1d_input_gradient_scatter", "conv1d_input_gradient_gather"


@wrong(SCATTER, dx="right for other arguments")
def stamps_ones(dy, x, w, stride=1, padding=0):
    return loops.conv1d_input_gradient_scatter(np.ones_like(dy), x, w, stride, padding)


@wrong(SCATTER, dx=("kernel turned", "stride missing"))
def turned_at_i(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy)):
        dxp[i : i + len(w)] += dy[i] * w[::-1]
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="memory never set")
def scatters_into_empty_like(dy, x, w, stride=1, padding=0):
    dxp = np.empty_like(np.pad(x, padding))
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="only one position kept")
def scatter_returns_in_the_loop(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
        return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="times an argument")
def scatter_times_x(dy, x, w, stride=1, padding=0):
    return loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding) * x


@wrong(SCATTER, dx="does not start from zeros")
def scatter_starts_from_x(dy, x, w, stride=1, padding=0):
    dxp = np.pad(x, padding)
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="dy turned")
def dy_reversed_in_scatter(dy, x, w, stride=1, padding=0):
    return loops.conv1d_input_gradient_scatter(dy[::-1], x, w, stride, padding)


@wrong(GATHER, dx="stride and padding not used")
def gather_for_stride_one(dy, x, w, stride=1, padding=0):
    full = np.pad(dy, len(w) - 1)
    return np.array([full[i : i + len(w)] @ w[::-1] for i in range(len(full) - len(w) + 1)])


@wrong(GATHER, dx=("sign", "kernel turned"))
def gather_unturned_and_negative(dy, x, w, stride=1, padding=0):
    return -loops.conv1d_input_gradient_gather(dy, x, w[::-1], stride, padding)


@wrong(GATHER, dx="reversed")
def gather_reversed(dy, x, w, stride=1, padding=0):
    return loops.conv1d_input_gradient_gather(dy, x, w, stride, padding)[::-1]


@wrong(GATHER, dx=("remainder dropped", "padding wider than the kernel reaches"))
def spread_to_the_last_value_and_padded(dy, x, w, stride=1, padding=0):
    n, k = len(x), len(w)
    spread = np.zeros((len(dy) - 1) * stride + 1)
    spread[::stride] = dy
    around = np.pad(spread, k - 1 - padding)
    dx = np.zeros(n)
    for i in range(len(around) - k + 1):
        dx[i] = around[i : i + k] @ w[::-1]
    return dx


@wrong(GATHER, dx="twice or more")
def gather_counts_twice(dy, x, w, stride=1, padding=0):
    once = loops.conv1d_input_gradient_gather(dy, x, w, stride, padding)
    return once + loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)


# ---------------------------------------------------------------- two dimensions


@wrong("conv2d_single", y="a line copied")
def left_by_the_row(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            top, left = i * stride, i * stride
            y[i, j] = (xp[top : top + kH, left : left + kW] * w).sum()
    return y


@wrong("conv2d_single", y="a line copied")
def both_by_the_column(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for u in range(kH):
                for v in range(kW):
                    y[i, j] += xp[j * stride + u, j * stride + v] * w[u, v]
    return y


@wrong("conv2d_single", y="wrong number of outputs")
def square_brackets(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros(((x.shape[0] + 2 * padding - kH + 1) // stride, (x.shape[1] + 2 * padding - kW + 1) // stride))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.sum(xp[i * stride : i * stride + kH, j * stride : j * stride + kW] * w)
    return y


@wrong("conv2d_single", y="only one row kept")
def returns_after_the_first_row(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.sum(xp[i * stride : i * stride + kH, j * stride : j * stride + kW] * w)
        return y


@wrong("conv2d_single", y="summed over one axis only")
def built_in_sum_of_rows(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = sum(xp[i * stride : i * stride + kH, j * stride : j * stride + kW] * w)[0]
    return y


@wrong("conv2d_single", y="H and W mixed up")
def transposed_output(x, w, stride=1, padding=0):
    return loops.conv2d_single(x, w, stride, padding).T


@wrong("conv2d_single", y=("kernel turned", "x not padded"))
def scipy_valid(x, w, stride=1, padding=0):
    return loops.conv2d_single(x, w[::-1, ::-1], stride, 0)


@wrong("conv2d_single", y="x not padded")
def padded_at_the_top_left(x, w, stride=1, padding=0):
    xp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    xp[: x.shape[0], : x.shape[1]] = x
    return loops.conv2d_single(xp, w, stride, 0)


@wrong("conv2d_single_weight_gradient", dw="dy turned")
def dw_with_dy_turned(dy, x, w, stride=1, padding=0):
    return loops.conv2d_single_weight_gradient(dy[::-1, ::-1], x, w, stride, padding)


@wrong("conv2d_single_weight_gradient", dw="a line copied")
def dw_left_by_the_row(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dw += dy[i, j] * xp[i * stride : i * stride + w.shape[0], i * stride : i * stride + w.shape[1]]
    return dw


@wrong("conv2d_single_weight_gradient", dw="twice or more")
def dw_times_four(dy, x, w, stride=1, padding=0):
    return 4 * loops.conv2d_single_weight_gradient(dy, x, w, stride, padding)


@wrong("conv2d_single_weight_gradient", dw="divided by a size")
def dw_minus_the_mean(dy, x, w, stride=1, padding=0):
    return -loops.conv2d_single_weight_gradient(dy, x, w, stride, padding) / dy.size


@wrong("conv2d_single_weight_gradient", dw="only one row kept")
def dw_of_the_first_row(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dw += dy[i, j] * xp[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]]
        return dw


@wrong("conv2d_single_weight_gradient", dw="sums multiplied")
def dw_of_sums(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dw += xp[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]]
    return dw * dy.sum()


SCATTER2, GATHER2 = "conv2d_single_input_gradient_scatter", "conv2d_single_input_gradient_gather"


@wrong(SCATTER2, dx="a line copied")
def stamped_on_the_diagonal(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dxp[i * stride : i * stride + kH, i * stride : i * stride + kW] += dy[i, j] * w
    return dxp[padding : padding + x.shape[0], padding : padding + x.shape[1]]


@wrong(SCATTER2, dx="only one row kept")
def scatter_returns_after_a_row(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[i, j] * w
        return dxp[padding : padding + x.shape[0], padding : padding + x.shape[1]]


@wrong(SCATTER2, dx="reversed")
def dx_turned(dy, x, w, stride=1, padding=0):
    return loops.conv2d_single_input_gradient_scatter(dy, x, w, stride, padding)[::-1, ::-1]


@wrong(SCATTER2, dx="twice or more")
def dx_twice(dy, x, w, stride=1, padding=0):
    return 2 * loops.conv2d_single_input_gradient_scatter(dy, x, w, stride, padding)


@wrong(SCATTER2, dx="times an argument")
def dx_times_x(dy, x, w, stride=1, padding=0):
    return x * loops.conv2d_single_input_gradient_scatter(dy, x, w, stride, padding)


@wrong(GATHER2, dx=("remainder dropped", "padding wider than the kernel reaches"))
def dilated_and_padded_by_the_rest(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW), (h, v) = x.shape, w.shape, dy.shape
    spread = np.zeros(((h - 1) * stride + 1, (v - 1) * stride + 1))
    spread[::stride, ::stride] = dy
    around = np.pad(spread, ((kH - 1 - padding,) * 2, (kW - 1 - padding,) * 2))
    dx = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            dx[i, j] = np.sum(around[i : i + kH, j : j + kW] * w[::-1, ::-1])
    return dx


@wrong(GATHER2, dx=("kernel turned", "twice or more"))
def gather2_unturned_and_doubled(dy, x, w, stride=1, padding=0):
    return 2 * loops.conv2d_single_input_gradient_gather(dy, x, w[::-1, ::-1], stride, padding)


@wrong(GATHER2, dx="stride and padding not used")
def full_convolution(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    around = np.pad(dy, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    dx = np.zeros((around.shape[0] - kH + 1, around.shape[1] - kW + 1))
    for i in range(dx.shape[0]):
        for j in range(dx.shape[1]):
            dx[i, j] = np.sum(around[i : i + kH, j : j + kW] * w[::-1, ::-1])
    return dx


# ---------------------------------------------------------------- batches


@wrong("bias_gradient", db="twice or more")
def db_four_times(dy):
    return 4 * dy.sum(axis=(0, 2, 3))


@wrong("bias_gradient", db="not summed")
def db_is_dy(dy):
    return dy


@wrong("bias_gradient", db="another shape")
def db_as_a_column(dy):
    return dy.sum(axis=(0, 2, 3)).reshape(-1, 1)


@wrong("bias_gradient", db="another shape")
def db_as_a_row(dy):
    return dy.sum(axis=(0, 2, 3))[None]


@wrong("bias_gradient", db="divided by a size")
def db_minus_the_mean(dy):
    return -dy.mean(axis=(0, 2, 3))


@wrong("bias_gradient", db="memory never set")
def db_added_to_empty(dy):
    db = np.empty(dy.shape[1])
    for f in range(dy.shape[1]):
        db[f] += dy[:, f].sum()
    return db


@wrong("bias_gradient", db="multiplied by a size")
def db_times_the_images(dy):
    return dy.sum(axis=(0, 2, 3)) * len(dy)


@wrong("bias_gradient", db="right for other arguments")
def db_of_squares(dy):
    return (dy**2).sum(axis=(0, 2, 3))


@wrong("weight_gradient", dw=("dw turned", "twice or more"))
def dw_turned_twice_as_large(dy, x, w, stride=1, padding=0):
    return 2 * loops.weight_gradient(dy, x, w, stride, padding)[:, :, ::-1, ::-1]


@wrong("weight_gradient", dw="wrong channel")
def dw_with_channels_first(dy, x, w, stride=1, padding=0):
    return loops.weight_gradient(dy, x, w, stride, padding).transpose(1, 0, 2, 3)


@wrong("weight_gradient", dw="a multiple added")
def dw_with_weight_decay(dy, x, w, stride=1, padding=0):
    return loops.weight_gradient(dy, x, w, stride, padding) + 0.1 * w


@wrong("weight_gradient", dw="factor and sign")
def dw_as_a_step(dy, x, w, stride=1, padding=0):
    return -0.01 * loops.weight_gradient(dy, x, w, stride, padding)


@wrong("weight_gradient", dw="only one image kept")
def dw_returns_after_an_image(dy, x, w, stride=1, padding=0):
    dw = np.zeros(w.shape)
    for n in range(len(x)):
        dw += loops.weight_gradient(dy[n : n + 1], x[n : n + 1], w, stride, padding)
        return dw


@wrong("weight_gradient", dw="a line copied")
def dw4_left_by_the_row(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))), np.zeros(w.shape)
    kH, kW = w.shape[2:]
    for n, f, i, j in np.ndindex(dy.shape):
        top, left = i * stride, i * stride
        dw[f] += dy[n, f, i, j] * xp[n, :, top : top + kH, left : left + kW]
    return dw


@wrong("weight_gradient", dw="dy turned")
def dw4_with_dy_turned(dy, x, w, stride=1, padding=0):
    return loops.weight_gradient(dy[:, :, ::-1, ::-1], x, w, stride, padding)


@wrong("weight_gradient", dw="padded in another way")
def padded_all_around(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    kH, kW = w.shape[2:]
    C = w.shape[1]
    for n, f, i, j in np.ndindex(dy.shape):
        dw[f] += dy[n, f, i, j] * xp[n, :C, i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@wrong("input_gradient", dx=("kernel turned", "mean instead of sum"))
def dx_turned_and_averaged(dy, x, w, stride=1, padding=0):
    return loops.input_gradient(dy, x, w[:, :, ::-1, ::-1], stride, padding) / len(x)


@wrong("input_gradient", dx="twice or more")
def dx_of_a_square(dy, x, w, stride=1, padding=0):
    return 2 * loops.input_gradient(dy, x, w, stride, padding)


@wrong("input_gradient", dx="memory never set")
def dx_into_empty(dy, x, w, stride=1, padding=0):
    N, C, H, W = x.shape
    dxp = np.empty((N, C, H + 2 * padding, W + 2 * padding))
    kH, kW = w.shape[2:]
    for n, f, i, j in np.ndindex(dy.shape):
        dxp[n, :, i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[n, f, i, j] * w[f]
    return dxp[:, :, padding : padding + H, padding : padding + W]


@wrong("input_gradient", dx="right for other arguments")
def dx_without_dy(dy, x, w, stride=1, padding=0):
    return loops.input_gradient(np.ones_like(dy), x, w, stride, padding)


@wrong("conv2d_backward", dw="twice or more", db="twice or more")
def everything_twice(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward(dy, x, w, stride, padding)
    return dx, 2 * dw, 4 * db


@wrong("conv2d_backward", dx="weights moved before dx")
def moved_by_the_mean(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward(dy, x, w, stride, padding)
    return loops.input_gradient(dy, x, w - 0.01 * dw / len(x), stride, padding), dw, db


@wrong("conv2d_backward", db="another shape")
def bias_column(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward(dy, x, w, stride, padding)
    return dx, dw, db.reshape(len(w), 1)


@wrong("conv2d_backward", dw="mean instead of sum", db="mean instead of sum", dx="mean instead of sum")
def all_divided_by_the_batch(dy, x, w, stride=1, padding=0):
    return tuple(g / len(x) for g in loops.conv2d_backward(dy, x, w, stride, padding))


@wrong("conv2d_backward", db="wrong axes")
def bias_not_summed_over_images(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward(dy, x, w, stride, padding)
    return dx, dw, dy.sum(axis=(2, 3))


# ---------------------------------------------------------------- im2col


@wrong("im2col", cols="axes exchanged")
def columns_transposed_to_the_front(x, kernel_size, stride=1, padding=0):
    return loops.im2col(x, kernel_size, stride, padding).transpose(1, 0, 2)


@wrong("im2col", cols="axes exchanged")
def columns_all_reversed(x, kernel_size, stride=1, padding=0):
    return loops.im2col(x, kernel_size, stride, padding).transpose(2, 1, 0)


@wrong("im2col", cols="wrong number of windows")
def columns_one_too_few(x, kernel_size, stride=1, padding=0):
    N, C, H, W = x.shape
    kH, kW = kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    h, v = (H + 2 * padding - kH + 1) // stride, (W + 2 * padding - kW + 1) // stride
    cols = np.zeros((N, C * kH * kW, h * v))
    for i in range(h):
        for j in range(v):
            cols[:, :, i * v + j] = xp[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW].reshape(N, -1)
    return cols


@wrong("im2col", cols="a line copied")
def columns_on_the_diagonal(x, kernel_size, stride=1, padding=0):
    N, C, H, W = x.shape
    kH, kW = kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    h, v = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    cols = np.zeros((N, C * kH * kW, h * v))
    for i in range(h):
        for j in range(v):
            cols[:, :, i * v + j] = xp[:, :, i * stride : i * stride + kH, i * stride : i * stride + kW].reshape(N, -1)
    return cols


@wrong("im2col", cols=("windows turned", "sign"))
def columns_turned_and_negative(x, kernel_size, stride=1, padding=0):
    N, C = x.shape[:2]
    cols = loops.im2col(x, kernel_size, stride, padding)
    return -cols.reshape(N, C, -1, cols.shape[2])[:, :, ::-1].reshape(cols.shape)


@wrong("im2col", cols="memory never set")
def columns_partly_written(x, kernel_size, stride=1, padding=0):
    cols = loops.im2col(x, kernel_size, stride, padding)
    found = np.empty(cols.shape)
    found[:, :, :-1] = cols[:, :, :-1]
    return found


@wrong("col2im", x="a line copied")
def folded_on_the_diagonal(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    N, C = len(cols), cols.shape[1] // (kH * kW)
    v = out_size(W, kW, stride, padding)
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for p in range(cols.shape[2]):
        i = p // v
        x[:, :, i * stride : i * stride + kH, i * stride : i * stride + kW] += cols[:, :, p].reshape(N, C, kH, kW)
    return x[:, :, padding : padding + H, padding : padding + W]


@wrong("col2im", x="twice or more")
def folded_twice(cols, output_size, kernel_size, stride=1, padding=0):
    return 2 * loops.col2im(cols, output_size, kernel_size, stride, padding)


@wrong("col2im", x=("overlaps overwritten", "sign"))
def folded_by_setting_and_negative(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    N, C = len(cols), cols.shape[1] // (kH * kW)
    v = out_size(W, kW, stride, padding)
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for p in range(cols.shape[2]):
        i, j = divmod(p, v)
        x[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW] = -cols[:, :, p].reshape(N, C, kH, kW)
    return x[:, :, padding : padding + H, padding : padding + W]


@wrong("conv2d_backward_gemm", dw="multiplied by a size")
def gemm_dw_times_images(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward_gemm(dy, x, w, stride, padding)
    return dx, dw * len(x), db


@wrong("conv2d_backward_gemm", dw="wrong channel")
def gemm_dw_transposed(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward_gemm(dy, x, w, stride, padding)
    return dx, dw.transpose(1, 0, 2, 3), db


@wrong("conv2d_backward_gemm", db="wrong axes")
def gemm_db_of_images(dy, x, w, stride=1, padding=0):
    dx, dw, db = loops.conv2d_backward_gemm(dy, x, w, stride, padding)
    return dx, dw, dy.reshape(*dy.shape[:2], -1).sum(axis=2)


# ---------------------------------------------------------------- pooling


@wrong("max_pool2d", indices="channels last")
def numbered_as_tensorflow_does(x, kernel_size, stride=None, padding=0):
    y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
    C = x.shape[1]
    return y, indices * C + np.arange(C)[:, None, None]


@wrong("max_pool2d", y="wrong number of windows", indices="wrong number of windows")
def windows_rounded_up(x, kernel_size, stride=None, padding=0):
    N, C, H, W = x.shape
    s = stride or kernel_size
    more = [-(n + 2 * padding - kernel_size) % s for n in (H, W)]
    xp = np.pad(
        x, ((0, 0), (0, 0), (padding, padding + more[0]), (padding, padding + more[1])), constant_values=-np.inf
    )
    y, indices = loops.max_pool2d(xp, kernel_size, s, 0)
    row, column = np.divmod(indices, xp.shape[3])
    return y, (row - padding) * W + column - padding


@wrong("max_pool2d", indices="row and column apart")
def rows_and_columns_apart(x, kernel_size, stride=None, padding=0):
    y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
    return y, np.stack(np.divmod(indices, x.shape[3]), axis=-1)


@wrong("max_pool2d", indices="values in place of places")
def values_twice(x, kernel_size, stride=None, padding=0):
    y, _ = loops.max_pool2d(x, kernel_size, stride, padding)
    return y, y.astype(int)


@wrong("max_pool2d", indices="a mask in place of places")
def mask_of_the_maxima(x, kernel_size, stride=None, padding=0):
    y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
    mask = np.zeros(x.shape, int)
    for n, c, i, j in np.ndindex(y.shape):
        mask[n, c].flat[indices[n, c, i, j]] = 1
    return y, mask


@wrong("max_pool2d", indices="shifted by a number")
def numbered_from_one(x, kernel_size, stride=None, padding=0):
    y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
    return y, indices + 1


@wrong("max_pool2d_backward", dx="twice or more")
def pool_twice(dy, indices, input_shape):
    return 2 * loops.max_pool2d_backward(dy, indices, input_shape)


@wrong("max_pool2d_backward", dx="memory never set")
def pool_into_empty(dy, indices, input_shape):
    dx = np.empty(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], input_shape[3])
        dx[n, c, row, column] += dy[n, c, i, j]
    return dx


@wrong("max_pool2d_backward", dx=("overlaps overwritten", "sign"))
def pool_sets_minus(dy, indices, input_shape):
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], input_shape[3])
        dx[n, c, row, column] = -dy[n, c, i, j]
    return dx


@wrong("max_pool2d_backward", dx="only one row kept")
def pool_returns_after_a_row(dy, indices, input_shape):
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], input_shape[3])
        if i == 0:
            dx[n, c, row, column] += dy[n, c, i, j]
    return dx


@wrong("avg_pool2d_backward", dx="a line copied")
def average_on_the_diagonal(dy, input_shape, kernel_size, stride=None, padding=0):
    N, C, H, W = input_shape
    k, s = kernel_size, stride or kernel_size
    dx = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            dx[:, :, i * s : i * s + k, i * s : i * s + k] += dy[:, :, i, j, None, None] / k**2
    return dx[:, :, padding : padding + H, padding : padding + W]


@wrong("avg_pool2d_backward", dx=("without 1 / k^2", "sign"))
def average_undivided_and_negative(dy, input_shape, kernel_size, stride=None, padding=0):
    return -(kernel_size**2) * loops.avg_pool2d_backward(dy, input_shape, kernel_size, stride, padding)


@wrong("avg_pool2d_backward", dx="twice or more")
def average_twice(dy, input_shape, kernel_size, stride=None, padding=0):
    return 2 * loops.avg_pool2d_backward(dy, input_shape, kernel_size, stride, padding)


@wrong("avg_pool2d_backward", dx="memory never set")
def average_into_empty(dy, input_shape, kernel_size, stride=None, padding=0):
    N, C, H, W = input_shape
    k, s = kernel_size, stride or kernel_size
    dx = np.empty((N, C, H + 2 * padding, W + 2 * padding))
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            dx[:, :, i * s : i * s + k, j * s : j * s + k] += dy[:, :, i, j, None, None] / k**2
    return dx[:, :, padding : padding + H, padding : padding + W]


# ---------------------------------------------------------------- entry by entry


@wrong("flatten_backward", dx="multiplied by a size")
def flatten_counts_pixels(dy, input_shape):
    return dy.reshape(input_shape) * np.prod(input_shape[1:])


@wrong("flatten_backward", dx="reversed")
def flatten_reversed(dy, input_shape):
    return dy.reshape(input_shape)[:, ::-1]


@wrong("relu_backward", dx="passes only at 0")
def mask_where_equal(dy, x):
    return dy * (x == 0)


@wrong("relu_backward", dx="leaks where x is negative")
def another_slope(dy, x):
    return np.where(x > 0, dy, 0.3 * dy)


@wrong("relu_backward", dx="leaks where x is negative")
def slope_minus_one(dy, x):
    return np.where(x > 0, dy, -dy)


@wrong("relu_backward", dx="twice or more")
def relu_twice(dy, x):
    return 2 * dy * (x > 0)


@wrong("relu_backward", dx="gradient clipped")
def dy_clipped_too(dy, x):
    return np.clip(dy * (x > 0), -1, 1)


@wrong("relu_backward", dx="threshold elsewhere")
def passes_above_one(dy, x):
    return dy * (x > 1)


@wrong("dropout_backward", dx="random numbers")
def another_mask(dy, mask, p):
    return dy * (np.random.rand(*dy.shape) >= p) / (1 - p)


@wrong("dropout_backward", dx="random numbers")
def another_mask_by_a_generator(dy, mask, p):
    return dy * (np.random.default_rng().random(dy.shape) >= p) / (1 - p)


@wrong("dropout_backward", dx="twice or more")
def dropped_twice(dy, mask, p):
    return 2 * dy * mask / (1 - p)


@wrong("dropout_backward", dx=("mask missing", "sign"))
def no_mask_and_negative(dy, mask, p):
    return -dy / (1 - p)


# ---------------------------------------------------------------- measured


@wrong("numerical_gradient", grad="brackets missing")
def slope_without_brackets(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        above = f(x)
        x[index] = kept - eps
        grad[index] = (above - f(x)) / 2 * eps
        x[index] = kept
    return grad


@wrong("numerical_gradient", grad="brackets missing")
def only_the_second_divided(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        above = f(x)
        x[index] = kept - eps
        grad[index] = above - f(x) / (2 * eps)
        x[index] = kept
    return grad


@wrong("numerical_gradient", grad="not in float64")
def all_in_float32(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float32)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + np.float32(eps)
        above = np.float32(f(x))
        x[index] = kept - np.float32(eps)
        grad[index] = (above - np.float32(f(x))) / np.float32(2 * eps)
        x[index] = kept
    return grad


@wrong("numerical_gradient", grad="all entries nudged at once")
def whole_array_nudged(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float64)
    return np.ones(x.shape) * (f(x + eps) - f(x - eps)) / (2 * eps)


@wrong("numerical_gradient", x="rounded")
def plus_minus_plus_in_place(f, x, eps=1e-5):
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        x[index] += eps
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="a value in place of a slope")
def values_above(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        grad[index] = f(x)
        x[index] = kept
    return grad


@wrong("numerical_gradient", grad="nudged by a share of x")
def relative_nudge(f, x, eps=1e-5):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept * (1 + eps)
        above = f(x)
        x[index] = kept * (1 - eps)
        grad[index] = (above - f(x)) / (2 * eps)
        x[index] = kept
    return grad


@wrong("numerical_gradient", grad="not in float64")
def copy_of_its_own_dtype(f, x, eps=1e-5):
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += eps
        down[index] -= eps
        grad[index] = (f(up) - f(down)) / (2 * eps)
    return grad


@wrong("chain_backward", dw1="twice or more", dw2="twice or more")
def chain_twice(dz, x, w1, w2):
    return dz * w2 * w1, 2 * dz * w2 * x, 2 * dz * w1 * x


@wrong("chain_backward", dw1="multiplied by an argument")
def chain_squares(dz, x, w1, w2):
    return dz * w2 * w1, dz * w2 * x * x, dz * w1 * x


# ---------------------------------------------------------------- layers, losses


class Kept(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        rng = rng or np.random.default_rng()
        size = np.sqrt(2 / (in_channels * kernel_size**2))
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = Parameter(rng.standard_normal(shape).astype(np.float32) * np.float32(size))
        self.bias = Parameter(np.zeros(out_channels, np.float32))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        self.x = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


@wrong("Conv2d", dx="x not kept")
class NeverKeepsX(Kept):
    def forward(self, x):
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


@wrong("Conv2d", dx="x not kept")
class KeepsXUnderAnotherName(Kept):
    def forward(self, x):
        self.inputs = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


@wrong("Conv2d", dx="None in place of x")
class KeepsNoneFromTheStart(Kept):
    def __init__(self, *sizes, **more):
        super().__init__(*sizes, **more)
        self.x = None

    def forward(self, x):
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


@wrong("Conv2d", dx="x not on self")
class UsesXWithoutSelf(Kept):
    def forward(self, x):
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, x, self.weight.data, self.stride, self.padding)  # noqa: F821
        self.weight.grad += dw
        self.bias.grad += db
        return dx


@wrong("Conv2d", weight_grad="twice or more", bias_grad="twice or more")
class DividesByTheBatch(Kept):
    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += 3 * dw
        self.bias.grad += 3 * db
        return dx


@wrong("Conv2d", weight_grad="output kept in place of the input")
class KeepsTheOutput(Kept):
    def forward(self, x):
        self.x = F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)
        return self.x


@wrong("linear_backward", db="wrong axis")
def linear_bias_row(dy, x, w):
    return dy @ w, dy.T @ x, dy.sum(axis=0, keepdims=True)


@wrong("linear_backward", dw="twice or more")
def linear_dw_twice(dy, x, w):
    return dy @ w, 2 * dy.T @ x, dy.sum(axis=0)


@wrong("linear_backward", dw="divided by a size")
def linear_dw_minus_mean(dy, x, w):
    return dy @ w, -dy.T @ x / len(dy), dy.sum(axis=0)


@wrong("linear_backward", dx="weights moved before dx")
def linear_moved_by_the_mean(dy, x, w):
    dw = dy.T @ x
    return dy @ (w - 0.1 * dw / len(x)), dw, dy.sum(axis=0)


@wrong("linear_backward", dw="a multiple added")
def linear_with_decay(dy, x, w):
    return dy @ w, dy.T @ x + 0.05 * w, dy.sum(axis=0)


@wrong("cross_entropy_gradient", dlogits="twice or more")
def twice_the_difference(logits, targets):
    return 2 * loops.cross_entropy_gradient(logits, targets)


@wrong("cross_entropy_gradient", dlogits="factor and sign")
def minus_two_times(logits, targets):
    return -2 * loops.cross_entropy_gradient(logits, targets)


@wrong("cross_entropy_gradient", dlogits="softmax differentiated once more")
def times_the_slope_of_softmax(logits, targets):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(len(p)), targets] -= 1
    return d * p * (1 - p) / len(p)


@wrong("cross_entropy_gradient", dlogits="divided by another number")
def mean_of_all_entries(logits, targets):
    return loops.cross_entropy_gradient(logits, targets) / logits.shape[1]


@wrong("batch_norm2d_backward", dx="each image by itself", dweight="each image by itself")
def instance_norm(dy, x, weight, eps=1e-5):
    dx, dweight, dbias = [], 0, 0
    for image, upstream in zip(x, dy, strict=True):
        one, other, third = loops.batch_norm2d_backward(upstream[None], image[None], weight, eps)
        dx.append(one[0])
        dweight, dbias = dweight + other, dbias + third
    return np.array(dx), dweight, dbias


@wrong("batch_norm2d_backward", dweight="twice or more")
def dweight_twice(dy, x, weight, eps=1e-5):
    dx, dweight, dbias = loops.batch_norm2d_backward(dy, x, weight, eps)
    return dx, 2 * dweight, dbias


@wrong("batch_norm2d_backward", dbias="wrong axes")
def dbias_by_image(dy, x, weight, eps=1e-5):
    dx, dweight, _ = loops.batch_norm2d_backward(dy, x, weight, eps)
    return dx, dweight, dy.sum(axis=(2, 3))


@wrong("batch_norm2d_backward", dx=("statistics treated as constants", "sign"))
def constants_and_negative(dy, x, weight, eps=1e-5):
    _, dweight, dbias = loops.batch_norm2d_backward(dy, x, weight, eps)
    std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    return -dy * weight[:, None, None] / std, dweight, dbias


@wrong("batch_norm2d_backward", dweight="another shape", dbias="another shape")
def norm_keeps_axes(dy, x, weight, eps=1e-5):
    dx, dweight, dbias = loops.batch_norm2d_backward(dy, x, weight, eps)
    return dx, dweight.reshape(1, -1, 1, 1), dbias.reshape(1, -1, 1, 1)


@wrong("residual_backward", dx="twice or more")
def residual_twice(dy, branch_backward):
    return 2 * (dy + branch_backward(dy))


@wrong("residual_backward", dx=("branch forgotten", "sign"))
def residual_minus_dy(dy, branch_backward):
    return -dy


@wrong("conv_transpose2d", y="output_padding appended as zeros")
def zeros_after_cropping(x, w, b=None, stride=1, padding=0, output_padding=0):
    y = loops.conv_transpose2d(x, w, None, stride, padding, 0)
    y = np.pad(y, ((0, 0), (0, 0), (0, output_padding), (0, output_padding)))
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="output_padding appended as zeros")
def zeros_after_the_bias(x, w, b=None, stride=1, padding=0, output_padding=0):
    y = loops.conv_transpose2d(x, w, b, stride, padding, 0)
    return np.pad(y, ((0, 0), (0, 0), (0, output_padding), (0, output_padding)))


@wrong("conv_transpose2d", y="output_padding appended as zeros")
def output_padding_around(x, w, b=None, stride=1, padding=0, output_padding=0):
    y = loops.conv_transpose2d(x, w, None, stride, padding, 0)
    y = np.pad(y, ((0, 0), (0, 0), (output_padding, output_padding), (output_padding, output_padding)))
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="bias in the wrong place")
def bias_with_every_stamp(x, w, b=None, stride=1, padding=0, output_padding=0):
    y = loops.conv_transpose2d(x, w, None, stride, padding, output_padding)
    if b is None:
        return y
    ones = loops.conv_transpose2d(
        np.ones_like(x[:, :1]), np.ones_like(w[:1, :1]), None, stride, padding, output_padding
    )
    return y + b[:, None, None] * ones


@wrong("conv_transpose2d", y="a line copied")
def transposed_on_the_diagonal(x, w, b=None, stride=1, padding=0, output_padding=0):
    N, C_in, H, W = x.shape
    _, C_out, kH, kW = w.shape
    h, v = (H - 1) * stride + kH + output_padding, (W - 1) * stride + kW + output_padding
    y = np.zeros((N, C_out, h, v))
    for n, c, i, j in np.ndindex(x.shape):
        y[n, :, i * stride : i * stride + kH, i * stride : i * stride + kW] += x[n, c, i, j] * w[c]
    y = y[:, :, padding : h - padding, padding : v - padding]
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="twice or more")
def transposed_twice(x, w, b=None, stride=1, padding=0, output_padding=0):
    return 2 * loops.conv_transpose2d(x, w, b, stride, padding, output_padding)


@wrong("training_step", loss=("output and target exchanged"), weight="output and target exchanged")
def minus_the_gradient_of_the_loss(layer, loss, optimizer, x, target):
    value = loss.forward(layer.forward(x), target)
    optimizer.zero_grad()
    layer.backward(-loss.backward())
    optimizer.step()
    return value


@wrong("training_step", loss="weights do not move", weight="weights do not move")
def backward_forgotten(layer, loss, optimizer, x, target):
    value = loss.forward(layer.forward(x), target)
    optimizer.zero_grad()
    optimizer.step()
    return value


@wrong("training_step", loss="gradient of the loss scaled", weight="gradient of the loss scaled")
def gradient_of_a_sum(layer, loss, optimizer, x, target):
    y = layer.forward(x)
    value = loss.forward(y, target)
    optimizer.zero_grad()
    layer.backward(loss.backward() * len(x))
    optimizer.step()
    return value


# ---------------------------------------------------------------- the clinic


@wrong("clinic_02", dw="twice or more")
def repaired_but_twice(dy, x, w, stride=1, padding=0):
    return 2 * loops.conv2d_single_weight_gradient(dy, x, w, stride, padding)


@wrong("clinic_04", dx="twice or more")
def clinic_pool_twice(dy, x, kernel_size):
    from course_lib import exercises

    return 2 * exercises.get("clinic_04").answer(dy, x, kernel_size)


@wrong("clinic_06", db="another shape")
def clinic_bias_column(dy):
    return dy.sum(axis=(0, 2, 3))[:, None]


@wrong("clinic_09", dx="leaks where x is negative")
def clinic_relu_leaks(dy, x):
    return dy * np.where(x > 0, 1, 0.25)


@wrong("clinic_14", dx=("mask missing", "sign"))
def clinic_mask_and_sign(dy, mask, p):
    return -dy / (1 - p)


# ---------------------------------------------------------------- numerical_gradient: two slips at once


@wrong("numerical_gradient", grad=("not in float64", "one-sided difference"))
def one_sided_in_float32(f, x, eps=1e-5):
    x = x.astype(np.float32)
    here, grad = np.float32(f(x)), np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += eps
        grad[index] = (np.float32(f(moved)) - here) / eps
    return grad


@wrong("numerical_gradient", grad=("not in float64", "divided by the wrong distance"))
def half_of_it_in_float32(f, x, eps=1e-5):
    x = x.astype(np.float32)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / (4 * eps)
    return grad


@wrong("numerical_gradient", grad="not in float64")
def nudged_in_float32_and_down_in_one_go(f, x, eps=1e-5):
    x = np.array(x, dtype="float32")
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += eps
        above = f(moved)
        moved[index] -= 2 * eps
        grad[index] = (above - f(moved)) / (2 * eps)
    return grad


# ---------------------------------------------------------------- conv1d by NumPy's own functions


@wrong("conv1d", y="zeros of another mode")
def correlated_in_mode_same(x, w, stride=1, padding=0):
    return np.correlate(x, w, mode="same")[::stride]


@wrong("conv1d", y="kernel turned, zeros of another mode")
def convolved_in_mode_same(x, w, stride=1, padding=0):
    return np.convolve(np.pad(x, padding), w, mode="same")[::stride]


@wrong("conv1d", y="kernel turned, zeros of another mode")
def convolved_in_mode_full(x, w, stride=1, padding=0):
    return np.convolve(x, w)


@wrong("conv1d", y=("kernel turned", "stride and padding not used"))
def convolved_in_mode_valid(x, w, stride=1, padding=0):
    return np.convolve(x, w, mode="valid")


# ---------------------------------------------------------------- found by asking the judge about fresh ones


@wrong("numerical_gradient", grad="divided by the wrong distance")
def halved_and_eps_forgotten(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / 2
    return grad


@wrong("numerical_gradient", grad="two axes only")
def rows_and_columns(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            kept = x[i, j]  # a view, where x has three axes
            x[i, j] = kept + eps
            above = f(x)
            x[i, j] = kept - eps
            grad[i, j] = (above - f(x)) / (2 * eps)
            x[i, j] = kept
    return grad


@wrong("conv1d_weight_gradient", dw="stride between the weights")
def stride_times_the_weights_index(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    return np.array([np.dot(dy, xp[t * stride : t * stride + len(dy)]) for t in range(len(w))])


@wrong("conv1d_input_gradient_gather", dx="negative index")
def asks_only_for_the_upper_end(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for i in range(len(x)):
        for t in range(len(w)):
            j, rest = divmod(i + padding - t, stride)
            if rest == 0 and j < len(dy):
                dx[i] += dy[j] * w[t]
    return dx


@wrong("conv2d_single_input_gradient_scatter", dx="cropped at the size")
def cropped_from_p_to_the_size(dy, x, w, stride=1, padding=0):
    H, W = x.shape
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]] += dy[i, j] * w
    return dxp[padding:H, padding:W]


@wrong("conv2d_single_input_gradient_scatter", dx="right for other arguments")
def only_positive_gradients(dy, x, w, stride=1, padding=0):
    return loops.conv2d_single_input_gradient_scatter(dy * (dy > 0), x, w, stride, padding)


@wrong("max_pool2d", indices="rows as long as those of y")
def counted_in_rows_of_the_output(x, kernel_size, stride=None, padding=0):
    y, indices = F.max_pool2d(x, kernel_size, stride, padding)
    rows, columns = np.divmod(indices, x.shape[3])
    return y, rows * y.shape[3] + columns
