"""Wrong answers as learners write them, independent of the wrong functions beside the exercises.

`WRONG` holds (exercise, {tensor: the name of the mistake it should be told}, function or class). Where no mistake of
the exercise has that name, it is something the judge sees by itself: "changed" (an argument), "order" and "count" (of
the results), "integers" (floats came in their place), None (nothing came); or a hint at where the answer goes wrong, as
"right at stride 1". Without any name, the answer is refused, and the lab has no sentence for it.
"""

import numpy as np

from course_lib import functional as F
from course_lib.functional import out_size
from course_lib.layers import Module, Parameter

WRONG = []


def wrong(exercise, **tensors):
    def note(function):
        told = {tensor.replace("_grad", ".grad").replace("_data", ".data"): short for tensor, short in tensors.items()}
        WRONG.append((exercise, told, function))
        return function

    return note


# ---------------------------------------------------------------- one dimension


@wrong("conv1d", y="kernel turned")
def true_convolution(x, w, stride=1, padding=0):
    return np.convolve(np.pad(x, padding), w, "valid")[::stride]


@wrong("conv1d", y="wrong number of outputs")
def one_output_too_few(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    return np.array([xp[i * stride : i * stride + k] @ w for i in range((len(xp) - k) // stride)])


@wrong("conv1d", y="wrong number of outputs")
def last_start_missed(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    return np.array([xp[start : start + k] @ w for start in range(0, len(xp) - k, stride)])


@wrong("conv1d", y="stride missing")
def stride_forgotten(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros((len(xp) - k) // stride + 1)
    for i in range(len(y)):
        for u in range(k):
            y[i] += xp[i + u] * w[u]
    return y


@wrong("conv1d", y="stride missing")
def every_window(x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), w, "valid")


@wrong("conv1d", y="only one product kept")
def set_not_added(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros(out_size(len(x), k, stride, padding))
    for i in range(len(y)):
        for u in range(k):
            y[i] = xp[i * stride + u] * w[u]
    return y


@wrong("conv1d", y="x not padded")
def padding_forgotten(x, w, stride=1, padding=0):
    k = len(w)
    y = np.zeros(out_size(len(x), k, stride, padding))
    for i in range(len(y)):
        y[i] = np.sum(x[i * stride : i * stride + k] * w)
    return y


@wrong("conv1d", y="mean instead of sum")
def mean_of_window(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    m = out_size(len(x), k, stride, padding)
    return np.array([(xp[i * stride : i * stride + k] * w).mean() for i in range(m)])


@wrong("conv1d_weight_gradient", dw="x not padded")
def windows_of_bare_x(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    for i in range(len(dy)):
        dw += dy[i] * x[i * stride : i * stride + len(w)]
    return dw


@wrong("conv1d_weight_gradient", dw="x not padded")
def bare_x_by_weight(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    for u in range(len(w)):
        for i in range(len(dy)):
            if i * stride + u < len(x):
                dw[u] += dy[i] * x[i * stride + u]
    return dw


@wrong("conv1d_weight_gradient", dw="dw turned")
def operands_exchanged(dy, x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    spread = np.zeros(len(xp) - k + 1)
    spread[::stride] = dy
    return np.correlate(spread, xp, "valid")


@wrong("conv1d_weight_gradient", dw="only one position kept")
def last_window_only(dy, x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    for i in range(len(dy)):
        dw = dy[i] * xp[i * stride : i * stride + k]
    return dw


@wrong("conv1d_weight_gradient", dw="only one position kept")
def return_in_the_loop(dy, x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    dw = np.zeros(k)
    for i in range(len(dy)):
        dw += dy[i] * xp[i * stride : i * stride + k]
        return dw


@wrong("conv1d_weight_gradient", dw="stride missing")
def correlated_without_spreading(dy, x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), dy, "valid")


@wrong("conv1d_weight_gradient", dw="stride missing")
def correlated_without_spreading_cut(dy, x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), dy, "valid")[: len(w)]


@wrong("conv1d_weight_gradient", dw="remainder kept in dw")
def remainder_not_cut(dy, x, w, stride=1, padding=0):
    spread = np.zeros((len(dy) - 1) * stride + 1)
    spread[::stride] = dy
    return np.correlate(np.pad(x, padding), spread, "valid")


@wrong("conv1d_weight_gradient", dw="mean instead of sum")
def averaged_over_positions(dy, x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    return np.mean([dy[i] * xp[i * stride : i * stride + k] for i in range(len(dy))], axis=0)


SCATTER, GATHER = "conv1d_input_gradient_scatter", "conv1d_input_gradient_gather"


@wrong(SCATTER, dx="kernel turned")
def flipped_in_scatter(dy, x, w, stride=1, padding=0):
    n, k = len(x), len(w)
    dxp = np.zeros(n + 2 * padding)
    for i in range(len(dy)):
        for u in range(k):
            dxp[i * stride + u] += dy[i] * w[k - 1 - u]
    return dxp[padding : padding + n]


@wrong(SCATTER, dx="stride missing")
def scatter_at_i(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy)):
        dxp[i : i + len(w)] += dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="overlaps overwritten")
def scatter_sets(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] = dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="overlaps overwritten")
def scatter_by_index(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    index = np.arange(len(dy))[:, None] * stride + np.arange(len(w))
    dxp[index] += dy[:, None] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="overlaps overwritten")
def scatter_by_weight_sets(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for u in range(len(w)):
        dxp[u : u + stride * len(dy) : stride][: len(dy)] = dy * w[u]
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="divided by coverage")
def scatter_averages(dy, x, w, stride=1, padding=0):
    dxp, count = np.zeros((2, len(x) + 2 * padding))
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
        count[i * stride : i * stride + len(w)] += 1
    count[count == 0] = 1
    return (dxp / count)[padding : padding + len(x)]


@wrong(SCATTER, dx="padding not removed")
def padding_kept(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp


@wrong(SCATTER, dx="wrong corner cropped")
def cropped_in_front(dy, x, w, stride=1, padding=0):
    return padding_kept(dy, x, w, stride, padding)[: len(x)]


@wrong(SCATTER, dx="wrong corner cropped")
def not_padded_at_all(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for i in range(len(dy)):
        for u in range(len(w)):
            if i * stride + u < len(x):
                dx[i * stride + u] += dy[i] * w[u]
    return dx


@wrong(SCATTER, dx="[p:-p] with p = 0")
def minus_padding(dy, x, w, stride=1, padding=0):
    return padding_kept(dy, x, w, stride, padding)[padding:-padding]


@wrong(SCATTER, dx="remainder dropped")
def sized_by_the_windows(dy, x, w, stride=1, padding=0):
    dxp = np.zeros((len(dy) - 1) * stride + len(w))
    for i in range(len(dy)):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp[padding : len(dxp) - padding]


@wrong(SCATTER, dx="remainder dropped")
def remainder_does_not_fit(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    dx += sized_by_the_windows(dy, x, w, stride, padding)
    return dx


@wrong(SCATTER, dx="a border of dy skipped")
def last_output_skipped(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for i in range(len(dy) - 1):
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="only one position kept")
def buffer_in_the_loop(dy, x, w, stride=1, padding=0):
    for i in range(len(dy)):
        dxp = np.zeros(len(x) + 2 * padding)
        dxp[i * stride : i * stride + len(w)] += dy[i] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="sign")
def negated(dy, x, w, stride=1, padding=0):
    return -padding_kept(dy, x, w, stride, padding)[padding : padding + len(x)]


def gathered(dy, x, w, stride, padding, kernel, length):
    k = len(w)
    spread = np.zeros(length)
    spread[: stride * len(dy) : stride][: len(dy)] = dy
    return np.correlate(np.pad(spread, k - 1), kernel, "valid")


@wrong(GATHER, dx="kernel turned")
def gather_not_flipped(dy, x, w, stride=1, padding=0):
    full = gathered(dy, x, w, stride, padding, w, len(x) + 2 * padding - len(w) + 1)
    return full[padding : padding + len(x)]


@wrong(GATHER, dx="kernel turned")
def flipped_twice(dy, x, w, stride=1, padding=0):
    spread = np.zeros(len(x) + 2 * padding - len(w) + 1)
    spread[::stride] = dy
    return np.convolve(spread, w[::-1], "full")[padding : padding + len(x)]


@wrong(GATHER, dx="not spread by the stride")
def gather_unspread(dy, x, w, stride=1, padding=0):
    return np.convolve(dy, w, "full")[padding : padding + len(x)]


@wrong(GATHER, dx=("not spread by the stride", "padding wider than the kernel reaches"))
def gather_unspread_trimmed(dy, x, w, stride=1, padding=0):
    return np.correlate(np.pad(dy, len(w) - 1 - padding), w[::-1], "valid")


@wrong(GATHER, dx="remainder dropped")
def gather_without_remainder(dy, x, w, stride=1, padding=0):
    full = gathered(dy, x, w, stride, padding, w[::-1], (len(dy) - 1) * stride + 1)
    return full[padding : len(full) - padding]


@wrong(GATHER, dx="remainder dropped")
def gather_without_remainder_from_front(dy, x, w, stride=1, padding=0):
    full = gathered(dy, x, w, stride, padding, w[::-1], (len(dy) - 1) * stride + 1)
    return full[padding : padding + len(x)]


@wrong(GATHER, dx="padding not removed")
def gather_keeps_padding(dy, x, w, stride=1, padding=0):
    return gathered(dy, x, w, stride, padding, w[::-1], len(x) + 2 * padding - len(w) + 1)


@wrong(GATHER, dx="mean instead of sum")
def gather_means(dy, x, w, stride=1, padding=0):
    full = gathered(dy, x, w, stride, padding, w[::-1] / len(w), len(x) + 2 * padding - len(w) + 1)
    return full[padding : padding + len(x)]


# ---------------------------------------------------------------- two dimensions


def window_sum(x, w, stride, padding, rows=None, columns=None, multiply=np.multiply):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    H_out = out_size(x.shape[0], kH, stride, padding)
    W_out = out_size(x.shape[1], kW, stride, padding)
    y = np.zeros((H_out, W_out))
    for i in range(H_out):
        for j in range(W_out):
            top, left = i * (rows or stride), j * (columns or stride)
            y[i, j] = np.sum(multiply(xp[top : top + kH, left : left + kW], w))
    return y


@wrong("conv2d_single", y="kernel turned")
def turned_kernel(x, w, stride=1, padding=0):
    return window_sum(x, np.rot90(w, 2), stride, padding)


@wrong("conv2d_single", y="stride on one axis only")
def stride_on_rows(x, w, stride=1, padding=0):
    return window_sum(x, w, stride, padding, columns=1)


@wrong("conv2d_single", y="H and W mixed up")
def kernel_sides_exchanged(x, w, stride=1, padding=0):
    kW, kH = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i, j in np.ndindex(y.shape):
        y[i, j] = np.sum(xp[i * stride : i * stride + kH, j * stride : j * stride + kW] * w)
    return y


@wrong("conv2d_single", y="H and W mixed up")
def output_sides_exchanged(x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp = np.pad(x, padding)
    W_out, H_out = out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)
    y = np.zeros((H_out, W_out))
    for i in range(H_out):
        for j in range(W_out):
            y[i, j] = np.sum(xp[i * stride : i * stride + kH, j * stride : j * stride + kW] * w)
    return y


@wrong("conv2d_single_weight_gradient", dw="dw turned")
def dw_turned(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i, j in np.ndindex(dy.shape):
        for p, q in np.ndindex(kH, kW):
            dw[kH - 1 - p, kW - 1 - q] += dy[i, j] * xp[i * stride + p, j * stride + q]
    return dw


@wrong("conv2d_single_weight_gradient", dw="H and W mixed up")
def dy_indices_exchanged(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dw += dy[j, i] * xp[i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@wrong("conv2d_single_weight_gradient", dw="x not padded")
def dw_of_bare_image(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dw = np.zeros(w.shape)
    for i, j in np.ndindex(dy.shape):
        dw += dy[i, j] * x[i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@wrong("conv2d_single_weight_gradient", dw="stride on one axis only")
def dw_stride_on_columns(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for i, j in np.ndindex(dy.shape):
        dw += dy[i, j] * xp[i : i + kH, j * stride : j * stride + kW]
    return dw


SCATTER2, GATHER2 = "conv2d_single_input_gradient_scatter", "conv2d_single_input_gradient_gather"


def stamped(dy, x, w, stride, padding, rows=None, columns=None):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        top, left = i * (rows or stride), j * (columns or stride)
        dxp[top : top + kH, left : left + kW] += dy[i, j] * w
    return dxp


def middle(dxp, x, padding):
    return dxp[padding : padding + x.shape[0], padding : padding + x.shape[1]]


@wrong(SCATTER2, dx="kernel turned")
def rot180_in_scatter(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy, x, w[::-1, ::-1], stride, padding), x, padding)


@wrong(SCATTER2, dx="kernel transposed or flipped once")
def transposed_in_scatter(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[i, j] * w.T
    return middle(dxp, x, padding)


@wrong(SCATTER2, dx="kernel transposed or flipped once")
def flipped_once(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy, x, w[::-1], stride, padding), x, padding)


@wrong(SCATTER2, dx="stride missing")
def stamped_at_ij(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy, x, w, 1, padding), x, padding)


@wrong(SCATTER2, dx="stride on one axis only")
def stamped_stride_on_rows(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy, x, w, stride, padding, columns=1), x, padding)


@wrong(SCATTER2, dx="a border of dy skipped")
def last_row_skipped(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy[:-1], x, w, stride, padding), x, padding)


@wrong(SCATTER2, dx="a border of dy skipped")
def last_row_and_column_skipped(dy, x, w, stride=1, padding=0):
    return middle(stamped(dy[:-1, :-1], x, w, stride, padding), x, padding)


@wrong(SCATTER2, dx="padding not removed")
def scatter_keeps_padding(dy, x, w, stride=1, padding=0):
    return stamped(dy, x, w, stride, padding)


@wrong(SCATTER2, dx="wrong corner cropped")
def scatter_cut_at_the_corner(dy, x, w, stride=1, padding=0):
    return stamped(dy, x, w, stride, padding)[: x.shape[0], : x.shape[1]]


@wrong(SCATTER2, dx="[p:-p] with p = 0")
def scatter_minus_padding(dy, x, w, stride=1, padding=0):
    return stamped(dy, x, w, stride, padding)[padding:-padding, padding:-padding]


@wrong(SCATTER2, dx="H and W mixed up")
def image_sides_exchanged(dy, x, w, stride=1, padding=0):
    W, H = x.shape
    kH, kW = w.shape
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[i, j] * w
    return dxp[padding : padding + H, padding : padding + W]


@wrong(SCATTER2, dx="H and W mixed up")
def corner_exchanged(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        top, left = j * stride, i * stride
        dxp[top : top + kH, left : left + kW] += dy[i, j] * w
    return middle(dxp, x, padding)


@wrong(SCATTER2, dx="overlaps overwritten")
def scatter_overwrites(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] = dy[i, j] * w
    return middle(dxp, x, padding)


@wrong(SCATTER2, dx="overlaps overwritten")
def scatter_by_index_arrays(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    H_out, W_out = dy.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    rows = np.repeat(np.arange(kH), kW)[:, None] + stride * np.repeat(np.arange(H_out), W_out)
    columns = np.tile(np.arange(kW), kH)[:, None] + stride * np.tile(np.arange(W_out), H_out)
    dxp[rows, columns] += w.reshape(-1, 1) * dy.reshape(1, -1)
    return middle(dxp, x, padding)


def slid(dy, x, w, stride, padding, kernel, size):
    kH, kW = w.shape
    spread = np.zeros(size)
    spread[: stride * dy.shape[0] : stride, : stride * dy.shape[1] : stride][: dy.shape[0], : dy.shape[1]] = dy
    spread = np.pad(spread, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    out = np.zeros((spread.shape[0] - kH + 1, spread.shape[1] - kW + 1))
    for i, j in np.ndindex(out.shape):
        out[i, j] = np.sum(spread[i : i + kH, j : j + kW] * kernel)
    return out


def whole(x, w, padding):
    return x.shape[0] + 2 * padding - w.shape[0] + 1, x.shape[1] + 2 * padding - w.shape[1] + 1


@wrong(GATHER2, dx="kernel turned")
def gather2_not_turned(dy, x, w, stride=1, padding=0):
    return middle(slid(dy, x, w, stride, padding, w, whole(x, w, padding)), x, padding)


@wrong(GATHER2, dx="kernel transposed or flipped once")
def gather2_flipped_once(dy, x, w, stride=1, padding=0):
    return middle(slid(dy, x, w, stride, padding, w[::-1], whole(x, w, padding)), x, padding)


@wrong(GATHER2, dx="kernel transposed or flipped once")
def gather2_turned_once(dy, x, w, stride=1, padding=0):
    kernel = np.rot90(w)
    if kernel.shape != w.shape:
        raise ValueError("operands could not be broadcast together")
    return middle(slid(dy, x, w, stride, padding, kernel, whole(x, w, padding)), x, padding)


@wrong(GATHER2, dx="not spread by the stride")
def gather2_unspread(dy, x, w, stride=1, padding=0):
    return middle(slid(dy, x, w, 1, padding, w[::-1, ::-1], dy.shape), x, padding)


@wrong(GATHER2, dx="remainder dropped")
def gather2_without_remainder(dy, x, w, stride=1, padding=0):
    size = tuple((m - 1) * stride + 1 for m in dy.shape)
    return middle(slid(dy, x, w, stride, padding, w[::-1, ::-1], size), x, padding)


@wrong(GATHER2, dx="wrong corner cropped")
def gather2_cut_at_the_corner(dy, x, w, stride=1, padding=0):
    full = slid(dy, x, w, stride, padding, w[::-1, ::-1], whole(x, w, padding))
    return full[: x.shape[0], : x.shape[1]]


@wrong("conv2d_single", y="matrix product")
def window_at_kernel(x, w, stride=1, padding=0):
    return window_sum(x, w, stride, padding, multiply=np.matmul)


@wrong("conv2d_single_input_gradient_scatter", dx="no room for the padding")
def stamped_on_zeros_like_x(dy, x, w, stride=1, padding=0):
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        dx[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]] += dy[i, j] * w
    return dx


def gathered_with(zeros, dy, x, w, stride, padding):
    """The turned kernel slid over the spread dy, with zeros(k) around it, and nothing cut off."""
    spread = np.zeros([n + 2 * padding - k + 1 for n, k in zip(x.shape, w.shape, strict=True)])
    spread[::stride, ::stride] = dy
    spread = np.pad(spread, [(zeros(k), zeros(k)) for k in w.shape])
    return window_sum(spread, w[::-1, ::-1], 1, 0)


@wrong("conv2d_single_input_gradient_gather", dx="dy padded like x")
def forward_padding_around_dy(dy, x, w, stride=1, padding=0):
    return gathered_with(lambda k: padding, dy, x, w, stride, padding)


@wrong("conv2d_single_input_gradient_gather", dx="padding wider than the kernel reaches")
def fewer_zeros_than_none(dy, x, w, stride=1, padding=0):
    return gathered_with(lambda k: k - 1 - padding, dy, x, w, stride, padding)


# ---------------------------------------------------------------- channels and batches


def each(dy):
    return np.ndindex(dy.shape)


def pad4(x, p):
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))


def dw4(dy, x, w, stride, padding, add=None):
    kH, kW = w.shape[2:]
    xp, dw = pad4(x, padding), np.zeros(w.shape)
    for n, f, i, j in each(dy):
        window = xp[n, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
        if add:
            add(dw, dy, window, n, f, i, j)
        else:
            dw[f] += dy[n, f, i, j] * window
    return dw


def dx4(dy, x, w, stride, padding, add=None, crop=True):
    N, C, H, W = x.shape
    kH, kW = w.shape[2:]
    dxp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for n, f, i, j in each(dy):
        window = dxp[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
        if add:
            add(window, dy, w, n, f, i, j)
        else:
            window[n] += dy[n, f, i, j] * w[f]
    return dxp[:, :, padding : padding + H, padding : padding + W] if crop else dxp


DB = [
    ("one position only", lambda dy: dy[:, :, 0, 0].sum(0)),
    ("mean instead of sum", lambda dy: dy.sum(axis=(2, 3)).mean(axis=0)),
    ("mean instead of sum", lambda dy: dy.mean(axis=(0, 2, 3))),
    ("mean instead of sum", lambda dy: dy.mean(axis=(2, 3)).sum(axis=0)),
    ("wrong axes", lambda dy: dy.sum(axis=(1, 2, 3))),
    ("wrong axes", lambda dy: dy.sum(axis=(2, 3))),
    ("wrong axes", lambda dy: dy.sum(axis=(0, 1, 2))),
    ("wrong axes", lambda dy: dy.sum()),
    ("wrong axes", lambda dy: dy.sum(axis=(0, 2, 3), keepdims=True)),
    ("one image only", lambda dy: dy[-1].sum(axis=(1, 2))),
    ("sign", lambda dy: -dy.sum(axis=(0, 2, 3))),
]


@wrong("bias_gradient", db="one image only")
def db_set_for_each_image(dy):
    db = np.zeros(dy.shape[1])
    for n in range(len(dy)):
        for f in range(dy.shape[1]):
            db[f] = dy[n, f].sum()
    return db


@wrong("bias_gradient", db="one position only")
def db_set_at_each_position(dy):
    db = np.zeros(dy.shape[1])
    for n, f, i, j in each(dy):
        db[f] = dy[n, f, i, j]
    return db


def _set_dw(dw, dy, window, n, f, i, j):
    dw[f] = dy[n, f, i, j] * window


def _only_first_channel(dw, dy, window, n, f, i, j):
    dw[f, 0] += dy[n, f, i, j] * window[0]


def _first_channel_everywhere(dw, dy, window, n, f, i, j):
    dw[f] += dy[n, f, i, j] * window[0]


def _swapped_dw(dw, dy, window, n, f, i, j):
    for c in range(dw.shape[1]):
        dw[c, f] += dy[n, f, i, j] * window[c]


def _first_image(dw, dy, window, n, f, i, j):
    if n == 0:
        dw[f] += dy[n, f, i, j] * window


DW = [
    ("only one position kept", lambda *case: dw4(*case, _set_dw)),
    ("wrong channel", lambda *case: dw4(*case, _only_first_channel)),
    ("wrong channel", lambda *case: dw4(*case, _first_channel_everywhere)),
    ("wrong channel", lambda *case: dw4(*case, _swapped_dw)),
    ("wrong channel", lambda *case: dw4(*case).swapaxes(0, 1)),
    ("only one image kept", lambda *case: dw4(*case, _first_image)),
    ("dw turned", lambda *case: dw4(*case)[:, :, ::-1, ::-1]),
    ("mean instead of sum", lambda *case: dw4(*case) / len(case[0])),
    ("mean instead of sum", lambda *case: dw4(*case) / (len(case[0]) * case[0][0, 0].size)),
    ("x not padded", lambda dy, x, w, s, p: dw4(dy, x, w, s, 0)),
    ("stride missing", lambda dy, x, w, s, p: dw4(dy, x, w, 1, p)),
    ("sign", lambda *case: -dw4(*case)),
]


def _set_dx(window, dy, w, n, f, i, j):
    window[n] = dy[n, f, i, j] * w[f]


def _only_channel_0(window, dy, w, n, f, i, j):
    window[n, 0] += dy[n, f, i, j] * w[f, 0]


def _channel_f(window, dy, w, n, f, i, j):
    for c in range(w.shape[1]):
        window[n, f] += dy[n, f, i, j] * w[f, c]


def _swapped_dx(window, dy, w, n, f, i, j):
    for c in range(window.shape[1]):
        window[n, c] += dy[n, f, i, j] * w[c, f]


def _last_filter(window, dy, w, n, f, i, j):
    if f == len(w) - 1:
        window[n] += dy[n, f, i, j] * w[f]


def _all_images(window, dy, w, n, f, i, j):
    if n == len(window) - 1:
        window[n] += dy[n, f, i, j] * w[f]


DX = [
    ("overlaps overwritten", lambda *case: dx4(*case, _set_dx)),
    ("wrong channel", lambda *case: dx4(*case, _only_channel_0)),
    ("wrong channel", lambda *case: dx4(*case, _channel_f)),
    ("wrong channel", lambda *case: dx4(*case, _swapped_dx)),
    ("only one filter kept", lambda *case: dx4(*case, _last_filter)),
    ("only one image kept", lambda *case: dx4(*case, _all_images)),
    ("kernel turned", lambda dy, x, w, s, p: dx4(dy, x, w[:, :, ::-1, ::-1], s, p)),
    ("stride missing", lambda dy, x, w, s, p: dx4(dy, x, w, 1, p)),
    ("padding not removed", lambda *case: dx4(*case, crop=False)),
    ("[p:-p] with p = 0", lambda dy, x, w, s, p: dx4(dy, x, w, s, p, crop=False)[:, :, p:-p, p:-p]),
    ("wrong corner cropped", lambda dy, x, w, s, p: dx4(dy, x, w, s, p, crop=False)[:, :, : x.shape[2], : x.shape[3]]),
    ("mean instead of sum", lambda *case: dx4(*case) / len(case[0])),
    ("sign", lambda *case: -dx4(*case)),
]

for _short, _function in DB:
    wrong("bias_gradient", db=_short)(_function)
for _short, _function in DW:
    wrong("weight_gradient", dw=_short)(_function)
for _short, _function in DX:
    wrong("input_gradient", dx=_short)(_function)


def db4(dy, *rest):
    return dy.sum(axis=(0, 2, 3))


def _together(dx, dw, db):
    return lambda *case: (dx(*case), dw(*case), db(case[0]))


for _exercise in ("conv2d_backward", "conv2d_backward_gemm"):
    for _number, (_short, _function) in enumerate(DX):
        wrong(_exercise, dx=_short)(_together(_function, dw4, db4))
        _short_w, _dw = DW[_number % len(DW)]
        wrong(_exercise, dx=_short, dw=_short_w)(_together(_function, _dw, db4))
        _short_b, _db = DB[_number % len(DB)]
        wrong(_exercise, dx=_short, db=_short_b)(_together(_function, dw4, _db))
    for _short, _function in DW:
        wrong(_exercise, dw=_short)(_together(dx4, _function, db4))
    for _short, _function in DB:
        wrong(_exercise, db=_short)(_together(dx4, dw4, _function))


# ---------------------------------------------------------------- measuring


@wrong("numerical_gradient", grad="one-sided difference")
def forward_difference(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    base, grad = f(x), np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += eps
        grad[index] = (f(moved) - base) / eps
    return grad


@wrong("numerical_gradient", grad="divided by the wrong distance")
def divided_by_eps(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += eps
        down[index] -= eps
        grad[index] = (f(up) - f(down)) / eps
    return grad


@wrong("numerical_gradient", grad="entry not put back", x="changed")
def moved_and_left(f, x, eps=1e-5):
    if x.dtype != float:
        x = x.astype(float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="nudge does not arrive")
def nudges_a_flat_copy(f, x, eps=1e-5):
    flat = np.array(x, dtype=float).flatten()
    grad = np.zeros(flat.size)
    for place in range(flat.size):
        flat[place] += eps
        above = f(x)
        flat[place] -= 2 * eps
        below = f(x)
        flat[place] += eps
        grad[place] = (above - below) / (2 * eps)
    return grad.reshape(x.shape)


@wrong("numerical_gradient", grad="entries asked alone")
def entry_by_entry(f, x, eps=1e-5):
    slopes = [(f(value + eps) - f(value - eps)) / (2 * eps) for value in np.array(x, dtype=float).ravel()]
    return np.reshape(slopes, x.shape)


@wrong("numerical_gradient", grad="divided by the wrong distance")
def stopped_halfway_down(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= eps
        below = f(x)
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="not in float64")
def in_its_own_dtype(f, x, eps=1e-5):
    x = x.copy()
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        above = f(x)
        x[index] = kept - eps
        below = f(x)
        x[index] = kept
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("chain_backward", dx="chain cut", dw1="chain cut")
def chain_cut(dz, x, w1, w2):
    return dz * w1, dz * x, dz * w1 * x


@wrong("chain_backward", results="order")
def another_order(dz, x, w1, w2):
    return dz * w2 * x, dz * w1 * x, dz * w2 * w1


# ---------------------------------------------------------------- columns


def columns(x, kernel_size, stride, padding, write=None, pad=True):
    kH, kW = kernel_size
    N, C, H, W = x.shape
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = pad4(x, padding) if pad else x
    cols = np.zeros((N, C * kH * kW, H_out * W_out))
    for i in range(H_out):
        for j in range(W_out):
            window = xp[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
            cols[:, :, i * W_out + j] = write(window) if write else window.reshape(N, -1)
    return cols


@wrong("im2col", cols="row order differs from w")
def channels_last(x, kernel_size, stride=1, padding=0):
    return columns(x, kernel_size, stride, padding, lambda window: window.transpose(0, 2, 3, 1).reshape(len(x), -1))


@wrong("im2col", cols="row order differs from w")
def columns_as_fortran_has_them(x, kernel_size, stride=1, padding=0):
    return columns(x, kernel_size, stride, padding, lambda window: np.stack([part.ravel("F") for part in window]))


@wrong("im2col", cols="windows by columns")
def columns_down_first(x, kernel_size, stride=1, padding=0):
    kH, kW = kernel_size
    N, C, H, W = x.shape
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = pad4(x, padding)
    return np.stack(
        [
            xp[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW].reshape(N, -1)
            for j in range(W_out)
            for i in range(H_out)
        ],
        axis=2,
    )


@wrong("im2col", cols="another layout")
def one_row_for_each_window(x, kernel_size, stride=1, padding=0):
    return columns(x, kernel_size, stride, padding).transpose(0, 2, 1)


@wrong("im2col", cols="another layout")
def one_matrix_for_the_batch(x, kernel_size, stride=1, padding=0):
    cols = columns(x, kernel_size, stride, padding)
    return cols.transpose(1, 2, 0).reshape(cols.shape[1], -1)


@wrong("im2col", cols="x not padded")
def columns_of_bare_x(x, kernel_size, stride=1, padding=0):
    return columns(x, kernel_size, stride, padding, pad=False)


@wrong("im2col", cols="H and W mixed up")
def column_number_with_h(x, kernel_size, stride=1, padding=0):
    kH, kW = kernel_size
    N, C, H, W = x.shape
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = pad4(x, padding)
    cols = np.zeros((N, C * kH * kW, H_out * W_out))
    for i in range(H_out):
        for j in range(W_out):
            window = xp[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
            cols[:, :, i * H_out + j] = window.reshape(N, -1)
    return cols


def folded(cols, output_size, kernel_size, stride, padding, read=None, put=None):
    (H, W), (kH, kW) = output_size, kernel_size
    N, C = len(cols), cols.shape[1] // (kH * kW)
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for i in range(H_out):
        for j in range(W_out):
            column = cols[:, :, i * W_out + j]
            window = read(column, N, C, kH, kW) if read else column.reshape(N, C, kH, kW)
            place = slice(None), slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
            if put:
                put(xp, place, window)
            else:
                xp[place] += window
    return xp


def cut(xp, output_size, padding):
    return xp[:, :, padding : padding + output_size[0], padding : padding + output_size[1]]


@wrong("col2im", x="overlaps overwritten")
def col2im_sets(cols, output_size, kernel_size, stride=1, padding=0):
    def put(xp, place, window):
        xp[place] = window

    return cut(folded(cols, output_size, kernel_size, stride, padding, put=put), output_size, padding)


@wrong("col2im", x="divided by coverage")
def col2im_as_inverse(cols, output_size, kernel_size, stride=1, padding=0):
    total = folded(cols, output_size, kernel_size, stride, padding)
    count = folded(np.ones_like(cols), output_size, kernel_size, stride, padding)
    return cut(np.divide(total, count, out=np.zeros_like(total), where=count > 0), output_size, padding)


@wrong("col2im", x="kernel turned")
def col2im_turns(cols, output_size, kernel_size, stride=1, padding=0):
    def read(column, N, C, kH, kW):
        return column.reshape(N, C, kH, kW)[:, :, ::-1, ::-1]

    return cut(folded(cols, output_size, kernel_size, stride, padding, read), output_size, padding)


@wrong("col2im", x="row order differs from im2col")
def col2im_channels_last(cols, output_size, kernel_size, stride=1, padding=0):
    def read(column, N, C, kH, kW):
        return column.reshape(N, kH, kW, C).transpose(0, 3, 1, 2)

    return cut(folded(cols, output_size, kernel_size, stride, padding, read), output_size, padding)


@wrong("col2im", x="padding not removed")
def col2im_keeps_padding(cols, output_size, kernel_size, stride=1, padding=0):
    return folded(cols, output_size, kernel_size, stride, padding)


@wrong("col2im", x="[p:-p] with p = 0")
def col2im_minus_padding(cols, output_size, kernel_size, stride=1, padding=0):
    return folded(cols, output_size, kernel_size, stride, padding)[:, :, padding:-padding, padding:-padding]


@wrong("col2im", x="wrong corner cropped")
def col2im_from_the_corner(cols, output_size, kernel_size, stride=1, padding=0):
    return folded(cols, output_size, kernel_size, stride, padding)[:, :, : output_size[0], : output_size[1]]


def gemm(dy, x, w, stride, padding, rows=None, weights=None, dw_shape=None):
    N, C_out = dy.shape[:2]
    cols = columns(x, w.shape[2:], stride, padding)
    big = cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)  # (C k k, N L)
    rows = dy.transpose(1, 0, 2, 3).reshape(C_out, -1) if rows is None else rows
    weights = w.reshape(C_out, -1).T if weights is None else weights
    dw = rows @ big.T
    dw = dw.reshape(w.shape) if dw_shape is None else dw_shape(dw)
    dcols = (weights @ rows).reshape(cols.shape[1], N, -1).transpose(1, 0, 2)
    dx = cut(folded(dcols, x.shape[2:], w.shape[2:], stride, padding), x.shape[2:], padding)
    return dx, dw, rows.sum(axis=1)


MIXED = "dy reshaped without the transpose"


@wrong("conv2d_backward_gemm", dx=MIXED, dw=MIXED, db=MIXED)
def dy_reshaped(dy, x, w, stride=1, padding=0):
    return gemm(dy, x, w, stride, padding, rows=dy.reshape(dy.shape[1], -1))


@wrong("conv2d_backward_gemm", dx="w reshaped instead of transposed")
def w_reshaped(dy, x, w, stride=1, padding=0):
    return gemm(dy, x, w, stride, padding, weights=w.reshape(-1, len(w)))


@wrong("conv2d_backward_gemm", dx="column order differs from w", dw="column order differs from w")
def w_channels_last(dy, x, w, stride=1, padding=0):
    C_out, C, kH, kW = w.shape
    return gemm(
        dy,
        x,
        w,
        stride,
        padding,
        weights=w.transpose(0, 2, 3, 1).reshape(C_out, -1).T,
        dw_shape=lambda dw: dw.reshape(C_out, kH, kW, C).transpose(0, 3, 1, 2),
    )


@wrong("conv2d_backward_gemm", dx="kernel turned")
def turned_and_col2im(dy, x, w, stride=1, padding=0):
    return gemm(dy, x, w, stride, padding, weights=w[:, :, ::-1, ::-1].reshape(len(w), -1).T)


@wrong("conv2d_backward_gemm", dw="only one image kept")
def dw_of_the_last_image(dy, x, w, stride=1, padding=0):
    cols = columns(x, w.shape[2:], stride, padding)
    for n in range(len(dy)):
        dw = (dy[n].reshape(len(w), -1) @ cols[n].T).reshape(w.shape)
    return dx4(dy, x, w, stride, padding), dw, db4(dy)


# ---------------------------------------------------------------- pooling and friends


def pooled(x, kernel_size, stride, padding, fill=-np.inf, note=None, step=None):
    k = kernel_size
    s = step(k, stride) if step else stride or k
    N, C, H, W = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    H_out, W_out = (H + 2 * padding - k) // s + 1, (W + 2 * padding - k) // s + 1
    y, indices = np.zeros((N, C, H_out, W_out)), np.zeros((N, C, H_out, W_out), dtype=int)
    for n, c, i, j in np.ndindex(y.shape):
        window = xp[n, c, i * s : i * s + k, j * s : j * s + k]
        y[n, c, i, j] = window.max()
        r, q = divmod(window.argmax(), k)
        row, column = i * s + r - padding, j * s + q - padding
        indices[n, c, i, j] = note(row, column, r, q, H, W, k) if note else row * W + column
    return y, indices


@wrong("max_pool2d", indices="place inside the window")
def local_places(x, kernel_size, stride=None, padding=0):
    return pooled(x, kernel_size, stride, padding, note=lambda row, column, r, q, H, W, k: r * k + q)


@wrong("max_pool2d", indices="H and W mixed up")
def places_by_height(x, kernel_size, stride=None, padding=0):
    return pooled(x, kernel_size, stride, padding, note=lambda row, column, r, q, H, W, k: row * H + column)


@wrong("max_pool2d", y="stride of windows", indices="stride of windows")
def stride_defaults_to_one(x, kernel_size, stride=None, padding=0):
    return pooled(x, kernel_size, stride, padding, step=lambda k, s: s or 1)


@wrong("max_pool2d", y="padding wins", indices="padding wins")
def padded_with_zeros(x, kernel_size, stride=None, padding=0):
    return pooled(x, kernel_size, stride, padding, fill=0)


@wrong("max_pool2d", indices="integers")
def places_in_an_array_of_zeros(x, kernel_size, stride=None, padding=0):
    y, indices = pooled(x, kernel_size, stride, padding)
    noted = np.zeros(y.shape)
    noted[:] = indices
    return y, noted


@wrong("max_pool2d", y="search begins at 0")
def larger_than_nothing(x, kernel_size, stride=None, padding=0):
    y, indices = pooled(x, kernel_size, stride, padding)
    return np.where(y > 0, y, 0), indices


@wrong("max_pool2d", results="count")
def indices_forgotten(x, kernel_size, stride=None, padding=0):
    return pooled(x, kernel_size, stride, padding)[0]


def routed(dy, indices, input_shape, put):
    N, C, H, W = input_shape
    dx = np.zeros(input_shape)
    for n, c, i, j in each(dy):
        put(dx, n, c, indices[n, c, i, j], dy[n, c, i, j], H, W)
    return dx


@wrong("max_pool2d_backward", dx="overlaps overwritten")
def pool_sets(dy, indices, input_shape):
    def put(dx, n, c, index, value, H, W):
        dx[n, c, index // W, index % W] = value

    return routed(dy, indices, input_shape, put)


@wrong("max_pool2d_backward", dx="overlaps overwritten")
def pool_by_index_array(dy, indices, input_shape):
    N, C, H, W = input_shape
    dx = np.zeros((N, C, H * W))
    n, c = np.arange(N)[:, None, None, None], np.arange(C)[:, None, None]
    dx[n, c, indices] += dy
    return dx.reshape(input_shape)


@wrong("max_pool2d_backward", dx="H and W mixed up")
def pool_divides_by_height(dy, indices, input_shape):
    def put(dx, n, c, index, value, H, W):
        dx[n, c, index // H, index % H] += value

    return routed(dy, indices, input_shape, put)


@wrong("max_pool2d_backward", dx="counted through the whole batch")
def pool_ravels(dy, indices, input_shape):
    dx = np.zeros(np.prod(input_shape))
    np.add.at(dx, indices.ravel(), dy.ravel())
    return dx.reshape(input_shape)


def spread_out(dy, input_shape, k, stride, padding, share, crop=True, put=None):
    s = stride or k
    N, C, H, W = input_shape
    dxp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for n, c, i, j in each(dy):
        place = n, c, slice(i * s, i * s + k), slice(j * s, j * s + k)
        dxp[place] = share * dy[n, c, i, j] + (0 if put else dxp[place])
    return dxp[:, :, padding : padding + H, padding : padding + W] if crop else dxp


@wrong("avg_pool2d_backward", dx="without 1 / k^2")
def average_not_divided(dy, input_shape, kernel_size, stride=None, padding=0):
    return spread_out(dy, input_shape, kernel_size, stride, padding, 1)


@wrong("avg_pool2d_backward", dx="overlaps overwritten")
def average_sets(dy, input_shape, kernel_size, stride=None, padding=0):
    return spread_out(dy, input_shape, kernel_size, stride, padding, 1 / kernel_size**2, put="=")


@wrong("avg_pool2d_backward", dx="padding not removed")
def average_keeps_padding(dy, input_shape, kernel_size, stride=None, padding=0):
    return spread_out(dy, input_shape, kernel_size, stride, padding, 1 / kernel_size**2, crop=False)


@wrong("avg_pool2d_backward", dx="stride of windows")
def average_stride_one(dy, input_shape, kernel_size, stride=None, padding=0):
    return spread_out(dy, input_shape, kernel_size, stride or 1, padding, 1 / kernel_size**2)


wrong("flatten_backward", dx="another order")(lambda dy, input_shape: dy.reshape(input_shape, order="F"))
wrong("flatten_backward", dx="another order")(lambda dy, s: dy.reshape(s[0], s[2], s[3], s[1]).transpose(0, 3, 1, 2))
wrong("flatten_backward", dx="another shape")(lambda dy, input_shape: dy)

wrong("relu_backward", dx="mask from dy")(lambda dy, x: np.where(dy > 0, dy, 0))
wrong("relu_backward", dx="passes at 0")(lambda dy, x: np.where(x >= 0, dy, 0))
wrong("relu_backward", dx="dy missing")(lambda dy, x: (x > 0).astype(float))
wrong("relu_backward", dx="value multiplied in")(lambda dy, x: np.maximum(x, 0) * dy)


@wrong("relu_backward", dy="changed")
def relu_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


wrong("dropout_backward", dx="scale missing")(lambda dy, mask, p: np.where(mask, dy, 0))
wrong("dropout_backward", dx="wrong scale")(lambda dy, mask, p: np.where(mask, dy, 0) / p)
wrong("dropout_backward", dx="mask turned round")(lambda dy, mask, p: np.where(mask, 0, dy / (1 - p)))

wrong("linear_backward", dw="dw transposed")(lambda dy, x, w: (dy @ w, x.T @ dy, dy.sum(axis=0)))
wrong("linear_backward", dx="w transposed")(lambda dy, x, w: ((w.T @ dy.T), dy.T @ x, dy.sum(axis=0)))
wrong("linear_backward", dw="mean instead of sum", db="mean instead of sum")(
    lambda dy, x, w: (dy @ w, dy.T @ x / len(x), dy.mean(axis=0))
)
wrong("linear_backward", results="order")(lambda dy, x, w: (dy.T @ x, dy.sum(axis=0), dy @ w))


def probabilities(logits, axis=1):
    raised = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


@wrong("cross_entropy_gradient", dlogits="not divided by N")
def summed_loss(logits, targets):
    p = probabilities(logits)
    p[np.arange(len(p)), targets] -= 1
    return p


@wrong("cross_entropy_gradient", dlogits="1 off in every row")
def whole_columns(logits, targets):
    p = probabilities(logits)
    p[:, targets] -= 1
    return p / len(p)


@wrong("cross_entropy_gradient", dlogits="softmax over the wrong axis")
def softmax_down(logits, targets):
    p = probabilities(logits, axis=0)
    p[np.arange(len(p)), targets] -= 1
    return p / len(p)


# ---------------------------------------------------------------- gradient flow


def normed(x, eps=1e-5):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)


@wrong("batch_norm2d_backward", dx="statistics treated as constants")
def norm_of_constants(dy, x, weight, eps=1e-5):
    std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    return dy * weight[:, None, None] / std, (dy * normed(x)).sum((0, 2, 3)), dy.sum((0, 2, 3))


@wrong("batch_norm2d_backward", dweight="not the normalised x")
def weight_times_x(dy, x, weight, eps=1e-5):
    m = x[:, 0].size
    dbias, dweight = dy.sum((0, 2, 3)), (dy * normed(x)).sum((0, 2, 3))
    std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    inside = dy - dbias[:, None, None] / m - normed(x) * dweight[:, None, None] / m
    return weight[:, None, None] / std * inside, (dy * x).sum((0, 2, 3)), dbias


wrong("residual_backward", dx="shortcut forgotten")(lambda dy, branch_backward: branch_backward(dy))
wrong("residual_backward", dx="branch forgotten")(lambda dy, branch_backward: dy.copy())


def stamped4(x, w, b, stride, padding, extra, put=None):
    N, C_in, H, W = x.shape
    C_out, kH, kW = w.shape[1:]
    H_out, W_out = ((n - 1) * stride - 2 * padding + k + extra for n, k in ((H, kH), (W, kW)))
    yp = np.zeros((N, C_out, H_out + 2 * padding, W_out + 2 * padding))
    for n, c, i, j in np.ndindex(x.shape):
        place = n, slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
        yp[place] = x[n, c, i, j] * w[c] + (0 if put else yp[place])
    return yp[:, :, padding : padding + H_out, padding : padding + W_out]


def with_bias(y, b):
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="output_padding not used")
def output_padding_ignored(x, w, b=None, stride=1, padding=0, output_padding=0):
    return with_bias(stamped4(x, w, b, stride, padding, 0), b)


@wrong("conv_transpose2d", y="bias missing")
def transposed_without_bias(x, w, b=None, stride=1, padding=0, output_padding=0):
    return stamped4(x, w, b, stride, padding, output_padding)


@wrong("conv_transpose2d", y="kernel turned")
def transposed_turned(x, w, b=None, stride=1, padding=0, output_padding=0):
    return with_bias(stamped4(x, w[:, :, ::-1, ::-1], b, stride, padding, output_padding), b)


# ---------------------------------------------------------------- the layer


class Plain(Module):
    """A layer as a learner writes it, to be spoilt below."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng):
        self.weight = Parameter(rng.standard_normal((out_channels, in_channels, kernel_size, kernel_size)))
        self.bias = Parameter(np.zeros(out_channels))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        self.x = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def gradients(self, dy):
        return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)

    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


@wrong("Conv2d", weight_grad="gradient set, not added", bias_grad="gradient set, not added")
class SetsItsGradients(Plain):
    def backward(self, dy):
        dx, self.weight.grad, self.bias.grad = self.gradients(dy)
        return dx


@wrong(
    "Conv2d",
    y="weights moved in backward",
    dx="weights moved before dx",
    weight_data="weights moved in backward",
    bias_data="weights moved in backward",
)
class StepsTooEarly(Plain):
    def backward(self, dy):
        _, dw, db = self.gradients(dy)
        self.weight.grad += dw
        self.bias.grad += db
        self.weight.data -= 0.01 * self.weight.grad
        self.bias.data -= 0.01 * self.bias.grad
        return self.gradients(dy)[0]


@wrong("Conv2d", dx=None)
class ReturnsNothing(Plain):
    def backward(self, dy):
        _, dw, db = self.gradients(dy)
        self.weight.grad += dw
        self.bias.grad += db


@wrong("Conv2d", y="bias missing")
class ForgetsTheBias(Plain):
    def forward(self, x):
        self.x = x
        return F.conv2d(x, self.weight.data, None, self.stride, self.padding)


@wrong("Conv2d", bias_grad="mean instead of sum")
class MeansTheBias(Plain):
    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.weight.grad += dw
        self.bias.grad += db / len(dy)
        return dx


@wrong("Conv2d", dx="kernel turned")
class TurnsTheKernel(Plain):
    def backward(self, dy):
        super().backward(dy)
        return F.conv2d_backward(dy, self.x, self.weight.data[:, :, ::-1, ::-1], self.stride, self.padding)[0]


# ---------------------------------------------------------------- a step too early


@wrong("conv2d_backward", dx="weights moved before dx")
def moved_by_a_copy(dy, x, w, stride=1, padding=0):
    dw = dw4(dy, x, w, stride, padding)
    w = w - 0.037 * dw
    return dx4(dy, x, w, stride, padding), dw, db4(dy)


@wrong("conv2d_backward_gemm", dx="weights moved before dx", w="changed")
def moved_in_place(dy, x, w, stride=1, padding=0):
    dw = dw4(dy, x, w, stride, padding)
    w -= 0.2 * dw
    return dx4(dy, x, w, stride, padding), dw, db4(dy)


@wrong("linear_backward", dx="weights moved before dx")
def moved_linear(dy, x, w):
    dw = dy.T @ x
    return dy @ (w - 3 * dw), dw, dy.sum(axis=0)


# ---------------------------------------------------------------- the clinic: repairs that miss


@wrong("clinic_01", dx="column order differs from w")
def transposed_in_place_of_turned(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    w_row = w.transpose(0, 1, 3, 2).reshape(C_out, -1)
    return F.col2im(w_row.T @ dy.reshape(N, C_out, -1), x.shape[2:], w.shape[2:], stride, padding)


@wrong("clinic_01", dx="kernel transposed or flipped once")
def one_of_the_two_turns_taken_out(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    w_row = w[:, :, ::-1].reshape(C_out, -1)
    return F.col2im(w_row.T @ dy.reshape(N, C_out, -1), x.shape[2:], w.shape[2:], stride, padding)


@wrong("clinic_01", dx="column order differs from w")
def channels_last_as_in_keras(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    w_row = w.transpose(0, 2, 3, 1).reshape(C_out, -1)
    return F.col2im(w_row.T @ dy.reshape(N, C_out, -1), x.shape[2:], w.shape[2:], stride, padding)


@wrong("clinic_01", dx="w reshaped instead of transposed")
def reshaped_to_fit(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    dcols = w.reshape(-1, C_out) @ dy.reshape(N, C_out, -1)
    return F.col2im(dcols, x.shape[2:], w.shape[2:], stride, padding)


@wrong("clinic_01", dx="stride and padding not passed on")
def stride_and_padding_not_handed_on(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    dcols = w.reshape(C_out, -1).T @ dy.reshape(N, C_out, -1)
    return F.col2im(dcols, x.shape[2:], w.shape[2:])


@wrong("clinic_01", dx="dy reshaped without the transpose")
def whole_batch_in_one_product(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    dcols = w.reshape(C_out, -1).T @ dy.transpose(1, 0, 2, 3).reshape(C_out, -1)
    return F.col2im(dcols.reshape(N, len(dcols), -1), x.shape[2:], w.shape[2:], stride, padding)


@wrong("clinic_02", dw="stride on one axis only")
def stride_for_the_rows(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    H_out, W_out = dy.shape
    dw = np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        dw[p, q] = np.sum(xp[p : p + H_out * stride : stride, q : q + W_out] * dy)
    return dw


@wrong("clinic_02", dw="x not padded")
def padding_lost_while_mending(dy, x, w, stride=1, padding=0):
    H_out, W_out = dy.shape
    dw = np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        seen = x[p : p + H_out * stride : stride, q : q + W_out * stride : stride]
        dw[p, q] = np.sum(seen * dy[: seen.shape[0], : seen.shape[1]])
    return dw


@wrong("clinic_02", dw="stride between the weights")
def stride_times_the_place_in_the_kernel(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    H_out, W_out = dy.shape
    dw = np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        seen = xp[p * stride : p * stride + H_out, q * stride : q * stride + W_out]
        dw[p, q] = np.sum(seen * dy[: seen.shape[0], : seen.shape[1]])
    return dw


@wrong("clinic_02", dw="dw turned")
def dilated_and_turned_as_scipy_convolves(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dilated = np.zeros(((dy.shape[0] - 1) * stride + 1, (dy.shape[1] - 1) * stride + 1))
    dilated[::stride, ::stride] = dy
    dw = np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        a, b = w.shape[0] - 1 - p, w.shape[1] - 1 - q
        dw[p, q] = np.sum(xp[a : a + dilated.shape[0], b : b + dilated.shape[1]] * dilated)
    return dw


@wrong("clinic_02", dw="remainder kept in dw")
def every_place_the_dilated_dy_has(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dilated = np.zeros(((dy.shape[0] - 1) * stride + 1, (dy.shape[1] - 1) * stride + 1))
    dilated[::stride, ::stride] = dy
    return np.einsum("abij,ij->ab", np.lib.stride_tricks.sliding_window_view(xp, dilated.shape), dilated)


def turned_kernel_over(spread, w):
    kH, kW = w.shape
    spread = np.pad(spread, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    return np.sum(np.lib.stride_tricks.sliding_window_view(spread, (kH, kW)) * w[::-1, ::-1], axis=(2, 3))


@wrong("clinic_03", dx="zeros at the wrong end")
def filled_up_to_the_shape_of_x(dy, x, w, stride=1, padding=0):
    spread = np.zeros(((dy.shape[0] - 1) * stride + 1, (dy.shape[1] - 1) * stride + 1))
    spread[::stride, ::stride] = dy
    dx = turned_kernel_over(spread, w)
    dx = dx[padding : dx.shape[0] - padding, padding : dx.shape[1] - padding]
    return np.pad(dx, ((0, x.shape[0] - dx.shape[0]), (0, x.shape[1] - dx.shape[1])))


@wrong("clinic_03", dx="zeros after the last entry of dy")
def dy_times_stride_wide(dy, x, w, stride=1, padding=0):
    spread = np.zeros((dy.shape[0] * stride, dy.shape[1] * stride))
    spread[::stride, ::stride] = dy
    dx = turned_kernel_over(spread, w)
    return dx[padding : dx.shape[0] - padding, padding : dx.shape[1] - padding]


@wrong("clinic_03", dx="kernel turned")
def room_made_and_the_turn_lost(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    dx = turned_kernel_over(spread, w[::-1, ::-1])
    return dx[padding : padding + H, padding : padding + W]


@wrong("clinic_03", dx="padding not removed")
def crop_thrown_out(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    return turned_kernel_over(spread, w)


@wrong("clinic_03", dx="wrong corner cropped")
def cut_to_the_size_of_x(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    return turned_kernel_over(spread, w)[:H, :W]


@wrong("clinic_03", dx="more around it")
def remainder_without_the_padding(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros(((dy.shape[0] - 1) * stride + 1, (dy.shape[1] - 1) * stride + 1))
    spread[::stride, ::stride] = dy
    spread = np.pad(spread, ((0, (H - kH) % stride), (0, (W - kW) % stride)))
    dx = turned_kernel_over(spread, w)
    return dx[padding : dx.shape[0] - padding, padding : dx.shape[1] - padding]


@wrong("clinic_04", dx="shared among all")
def mask_divided_by_the_window(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * k : i * k + k, j * k : j * k + k]
        winner = window == window.max()
        dx[i * k : i * k + k, j * k : j * k + k] = winner * dy[i, j] / (k * k)
    return dx


@wrong("clinic_04", dx="zeros never win")
def zeros_masked_out(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * k : i * k + k, j * k : j * k + k]
        winner = (window == window.max()) & (window > 0)
        dx[i * k : i * k + k, j * k : j * k + k] = winner * dy[i, j] / max(winner.sum(), 1)
    return dx


@wrong("clinic_04", dx="dy missing")
def first_winner_marked(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        row, column = divmod(x[i * k : i * k + k, j * k : j * k + k].argmax(), k)
        dx[i * k + row, j * k + column] = 1
    return dx


@wrong("clinic_04", dx="place in the window")
def place_in_the_window_only(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        row, column = divmod(x[i * k : i * k + k, j * k : j * k + k].argmax(), k)
        dx[row, column] += dy[i, j]
    return dx


@wrong("clinic_04", dx="value multiplied in")
def winner_times_its_value(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * k : i * k + k, j * k : j * k + k]
        first = np.arange(k * k).reshape(k, k) == window.argmax()
        dx[i * k : i * k + k, j * k : j * k + k] = window * first * dy[i, j]
    return dx


@wrong("clinic_04")
def winners_counted_in_the_whole_image(dy, x, kernel_size):
    k = kernel_size
    largest = np.repeat(np.repeat(x.reshape(dy.shape[0], k, dy.shape[1], k).max(axis=(1, 3)), k, axis=0), k, axis=1)
    winners = x == largest
    return winners * np.repeat(np.repeat(dy, k, axis=0), k, axis=1) * dy.size / winners.sum()


@wrong("clinic_05", dx="place in the window")
def corner_of_the_window_forgotten(dy, x, kernel_size, stride):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        row, column = divmod(x[top : top + k, left : left + k].argmax(), k)
        dx[row, column] += dy[i, j]
    return dx


@wrong("clinic_05", dx="row and column exchanged")
def quotient_and_rest_exchanged(dy, x, kernel_size, stride):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        column, row = divmod(x[top : top + k, left : left + k].argmax(), k)
        dx[top + row, left + column] += dy[i, j]
    return dx


@wrong("clinic_05", dx="stride missing")
def windows_side_by_side_by_one(dy, x, kernel_size, stride):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            row, column = np.unravel_index(x[i : i + k, j : j + k].argmax(), (k, k))
            dx[i + row, j + column] += dy[i, j]
    return dx


@wrong("clinic_05", dx="spread over the window")
def mean_of_the_window(dy, x, kernel_size, stride):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        dx[i * stride : i * stride + k, j * stride : j * stride + k] += dy[i, j] / k**2
    return dx


@wrong("clinic_05", dx="mean of what it won")
def divided_by_how_often_it_won(dy, x, kernel_size, stride):
    k = kernel_size
    dx, won = np.zeros(x.shape), np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        row, column = divmod(x[top : top + k, left : left + k].argmax(), k)
        dx[top + row, left + column] += dy[i, j]
        won[top + row, left + column] += 1
    return dx / np.maximum(won, 1)


@wrong("clinic_06", db="still a mean")
def mean_over_images_left(dy):
    return dy.sum(axis=(2, 3)).mean(axis=0)


@wrong("clinic_06", db="still a mean")
def sum_divided_by_the_batch(dy):
    return dy.sum(axis=(0, 2, 3)) / dy.shape[0]


@wrong("clinic_06", db="still a mean")
def mean_times_the_batch(dy):
    return dy.mean(axis=(0, 2, 3)) * len(dy)


@wrong("clinic_06", db="wrong axes")
def sum_of_everything(dy):
    return dy.sum()


@wrong("clinic_06", db="wrong axes")
def summed_for_each_image(dy):
    return dy.sum(axis=(1, 2, 3))


@wrong("clinic_06", db="wrong axes")
def summed_with_kept_axes(dy):
    return np.sum(dy, axis=(0, 2, 3), keepdims=True)


@wrong("clinic_07", dw="images innermost")
def filters_first_images_last(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    cols = cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)
    return (dy.transpose(1, 2, 3, 0).reshape(len(w), -1) @ cols.T).reshape(w.shape)


@wrong("clinic_07", dw="another reshape")
def reshaped_the_other_way_round(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    cols = cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)
    return (dy.reshape(-1, len(w)).T @ cols.T).reshape(w.shape)


@wrong("clinic_07", dw="only one image kept")
def loop_over_images_that_sets(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    for n in range(len(x)):
        dw = dy[n].reshape(len(w), -1) @ cols[n].T
    return dw.reshape(w.shape)


@wrong("clinic_07", dw="mean instead of sum")
def mean_of_the_products(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    return np.mean(dy.reshape(len(x), len(w), -1) @ cols.transpose(0, 2, 1), axis=0).reshape(w.shape)


@wrong("clinic_07", dw="right for other arguments")
def batch_summed_before_the_product(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding).sum(axis=0)
    return (dy.sum(axis=0).reshape(len(w), -1) @ cols.T).reshape(w.shape)


@wrong("clinic_07", dw="dw reshaped instead of transposed")
def product_the_other_way_round(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    cols = cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)
    return (cols @ dy.transpose(1, 0, 2, 3).reshape(len(w), -1).T).reshape(w.shape)


def places(output_size, kernel_size, stride, padding):
    (H, W), (kH, kW) = output_size, kernel_size
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    rows = np.repeat(np.arange(kH), kW)[:, None] + stride * np.repeat(np.arange(H_out), W_out)
    columns = np.tile(np.arange(kW), kH)[:, None] + stride * np.tile(np.arange(W_out), H_out)
    return rows, columns


@wrong("clinic_08", x="wrong corner cropped")
def cropped_from_the_first_pixel(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = places(output_size, kernel_size, stride, padding)
    xp = np.zeros((len(cols), cols.shape[1] // (kH * kW), H + 2 * padding, W + 2 * padding))
    np.add.at(xp, (slice(None), slice(None), rows, columns), cols.reshape(*xp.shape[:2], kH * kW, -1))
    return xp[:, :, :H, :W]


@wrong("clinic_08", x="[p:-p] with p = 0")
def cropped_with_minus_padding(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = places(output_size, kernel_size, stride, padding)
    xp = np.zeros((len(cols), cols.shape[1] // (kH * kW), H + 2 * padding, W + 2 * padding))
    np.add.at(xp, (slice(None), slice(None), rows, columns), cols.reshape(*xp.shape[:2], kH * kW, -1))
    return xp[:, :, padding:-padding, padding:-padding]


@wrong("clinic_08", x="divided by coverage")
def averaged_as_if_to_undo_im2col(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = places(output_size, kernel_size, stride, padding)
    xp = np.zeros((len(cols), cols.shape[1] // (kH * kW), H + 2 * padding, W + 2 * padding))
    count = np.zeros(xp.shape[2:])
    np.add.at(xp, (slice(None), slice(None), rows, columns), cols.reshape(*xp.shape[:2], kH * kW, -1))
    np.add.at(count, (rows, columns), 1)
    return (xp / np.maximum(count, 1))[:, :, padding : padding + H, padding : padding + W]


@wrong("clinic_08", x="stride missing")
def loop_over_windows_at_i(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    windows = cols.reshape(len(cols), -1, kH, kW, H_out, W_out)
    xp = np.zeros((*windows.shape[:2], H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(H_out, W_out):
        xp[:, :, i : i + kH, j : j + kW] += windows[..., i, j]
    return xp[:, :, padding : padding + H, padding : padding + W]


@wrong("clinic_08", x="only one image or channel")
def added_into_the_first_image(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = places(output_size, kernel_size, stride, padding)
    xp = np.zeros((len(cols), cols.shape[1] // (kH * kW), H + 2 * padding, W + 2 * padding))
    np.add.at(xp[0], (slice(None), rows, columns), cols[0].reshape(xp.shape[1], kH * kW, -1))
    return xp[:, :, padding : padding + H, padding : padding + W]


@wrong("clinic_09", dx="passes at 0")
def stops_below_zero(dy, x):
    dx = dy.copy()
    dx[x < 0] = 0
    return dx


@wrong("clinic_09", dx="both masks")
def a_second_mask_beside_the_first(dy, x):
    dx = dy.copy()
    dx[dx <= 0] = 0
    dx[x <= 0] = 0
    return dx


@wrong("clinic_09", dy="changed")
def dy_itself_is_cleared(dy, x):
    dy[x <= 0] = 0
    return dy


@wrong("clinic_09", dx="dy missing")
def slope_alone(dy, x):
    return np.where(x > 0, 1.0, 0.0)


@wrong("clinic_09", dx="the forward pass again")
def relu_once_more(dy, x):
    x = x.copy()
    x[x <= 0] = 0
    return x


@wrong("clinic_09", dx="leaks where x is negative")
def leaky(dy, x):
    return np.where(x > 0, dy, 0.01 * dy)


@wrong("clinic_09", dx="no mask")
def stops_at_zero_only(dy, x):
    dx = dy.copy()
    dx[x == 0] = 0
    return dx


@wrong("clinic_10", db="mean instead of sum")
def only_dw_is_mended(dy, x, w):
    return dy @ w, dy.T @ x, dy.mean(axis=0)


@wrong("clinic_10", dw="mean instead of sum")
def only_db_is_mended(dy, x, w):
    return dy @ w, dy.T @ x / dy.shape[0], dy.sum(axis=0)


@wrong("clinic_10", dx="mean instead of sum")
def the_division_moved_to_dx(dy, x, w):
    return dy @ w / len(x), dy.T @ x, dy.sum(axis=0)


@wrong("clinic_10", dw="times N", db="times N")
def multiplied_where_it_was_divided(dy, x, w):
    N = len(x)
    return dy @ w, dy.T @ x * N, dy.sum(axis=0) * N


@wrong("clinic_10", dw="dw transposed")
def x_and_dy_exchanged(dy, x, w):
    return dy @ w, x.T @ dy, dy.sum(axis=0)


@wrong("clinic_10", db="wrong axis")
def summed_over_the_outputs(dy, x, w):
    return dy @ w, dy.T @ x, dy.sum(axis=1)


@wrong("clinic_11", dx="mask on the shortcut")
def both_ways_through_the_mask(dy, x, w):
    branch = dy * (x @ w.T > 0)
    return branch + branch @ w


@wrong("clinic_11", dx="shortcut forgotten")
def only_the_branch_comes_back(dy, x, w):
    branch = dy.copy()
    branch *= x @ w.T > 0
    return branch @ w


@wrong("clinic_11", dx="mask on the wrong side")
def mask_of_the_input(dy, x, w):
    branch = dy.copy()
    branch *= x > 0
    return dy + branch @ w


@wrong("clinic_11", dx="w transposed")
def w_turned_as_in_the_forward_pass(dy, x, w):
    branch = dy * (x @ w.T > 0)
    return dy + branch @ w.T


@wrong("clinic_11", dx="w missing")
def branch_added_without_w(dy, x, w):
    branch = dy.copy()
    branch *= x @ w.T > 0
    return dy + branch


@wrong("clinic_11", dx="mask missing")
def mask_lost_in_the_repair(dy, x, w):
    branch = dy.copy()
    return dy + branch @ w


@wrong("clinic_12", w="changed")
def the_old_name_of_a_new_array(dy, x, w, lr):
    old = w
    w -= lr * dy.T @ x
    return dy @ old, w


@wrong("clinic_12", w="changed")
def right_order_but_in_place(dy, x, w, lr):
    dx = dy @ w
    w -= lr * (dy.T @ x)
    return dx, w


@wrong("clinic_12", w="uphill")
def step_with_a_plus(dy, x, w, lr):
    dx = dy @ w
    w = w + lr * dy.T @ x
    return dx, w


@wrong("clinic_12", results="order")
def weights_returned_first(dy, x, w, lr):
    dx = dy @ w
    return w - lr * dy.T @ x, dx


@wrong("clinic_12", w="not a step")
def gradient_returned_for_w(dy, x, w, lr):
    return dy @ w, dy.T @ x


@wrong("clinic_12", w="learning rate missing")
def a_whole_gradient_taken_off(dy, x, w, lr):
    return dy @ w, w - dy.T @ x


@wrong("clinic_12", dx="learning rate in dx")
def rate_on_both_lines(dy, x, w, lr):
    return lr * dy @ w, w - lr * dy.T @ x


@wrong("clinic_13", dx="variance part missing")
def only_the_mean_taken_off(dy, x, weight, eps=1e-5):
    std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    return (dy - dy.mean(axis=(0, 2, 3), keepdims=True)) * weight[:, None, None] / std


@wrong("clinic_13", dx="mean part missing")
def only_the_spread_taken_off(dy, x, weight, eps=1e-5):
    axes = (0, 2, 3)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    xhat = (x - x.mean(axis=axes, keepdims=True)) / std
    return (dy - xhat * (dy * xhat).mean(axis=axes, keepdims=True)) * weight[:, None, None] / std


@wrong("clinic_13", dx="another count")
def sums_not_divided(dy, x, weight, eps=1e-5):
    axes = (0, 2, 3)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    xhat = (x - x.mean(axis=axes, keepdims=True)) / std
    dbias, dweight = dy.sum(axis=axes, keepdims=True), (dy * xhat).sum(axis=axes, keepdims=True)
    return weight[:, None, None] / std * (dy - dbias - xhat * dweight)


@wrong("clinic_13", dx="another count")
def divided_by_the_batch_as_in_1d(dy, x, weight, eps=1e-5):
    N, axes = len(x), (0, 2, 3)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    xhat = (x - x.mean(axis=axes, keepdims=True)) / std
    dxhat = dy * weight[:, None, None]
    apart = N * dxhat - dxhat.sum(axis=axes, keepdims=True) - xhat * (dxhat * xhat).sum(axis=axes, keepdims=True)
    return apart / (N * std)


@wrong("clinic_13", dx="weight missing")
def weight_left_out(dy, x, weight, eps=1e-5):
    axes = (0, 2, 3)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    xhat = (x - x.mean(axis=axes, keepdims=True)) / std
    mean, spread = dy.mean(axis=axes, keepdims=True), (dy * xhat).mean(axis=axes, keepdims=True)
    return (dy - mean - xhat * spread) / std


@wrong("clinic_13", dx="variance part missing")
def centred_in_place_of_normalised(dy, x, weight, eps=1e-5):
    axes = (0, 2, 3)
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    centred = x - x.mean(axis=axes, keepdims=True)
    mean, spread = dy.mean(axis=axes, keepdims=True), (dy * centred).mean(axis=axes, keepdims=True)
    return (dy - mean - centred * spread) * weight[:, None, None] / std


@wrong("clinic_13", dx="statistics over the batch alone")
def statistics_over_the_batch_axis(dy, x, weight, eps=1e-5):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    return (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0)) * weight[:, None, None] / std


@wrong("clinic_14", dx="wrong scale")
def multiplied_by_the_kept_share(dy, mask, p):
    return dy * mask * (1 - p)


@wrong("clinic_14", dx="wrong scale")
def divided_by_the_dropped_share(dy, mask, p):
    return dy * mask / p


@wrong("clinic_14", dx="wrong scale")
def divided_by_the_share_that_happened_to_be_kept(dy, mask, p):
    return dy * mask * mask.size / mask.sum()


@wrong("clinic_14", dx="mask missing")
def everything_scaled(dy, mask, p):
    return dy / (1 - p)


@wrong("clinic_14", dx="mask turned round")
def mask_taken_for_the_dropped(dy, mask, p):
    dx = dy / (1 - p)
    dx[mask] = 0
    return dx


# ---------------------------------------------------------------- the step of a training


@wrong("training_step", loss="gradients never zeroed", weight="gradients never zeroed")
def without_zero_grad(layer, loss, optimizer, x, target):
    value = loss(layer(x), target)
    layer.backward(loss.backward())
    optimizer.step()
    return value


@wrong("training_step", loss="weights do not move", weight="weights do not move")
def emptied_before_the_step(layer, loss, optimizer, x, target):
    value = loss(layer(x), target)
    layer.backward(loss.backward())
    optimizer.zero_grad()
    optimizer.step()
    return value


@wrong("training_step", loss="weights do not move", weight="weights do not move")
def step_forgotten(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    value = loss(layer(x), target)
    layer.backward(loss.backward())
    return value


@wrong("training_step", loss="one batch late", weight="one batch late")
def step_before_backward(layer, loss, optimizer, x, target):
    value = loss(layer(x), target)
    optimizer.step()
    optimizer.zero_grad()
    layer.backward(loss.backward())
    return value


@wrong("training_step", loss="output and target exchanged", weight="output and target exchanged")
def target_first(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    value = loss(target, layer(x))
    layer.backward(loss.backward())
    optimizer.step()
    return value


@wrong("training_step", loss="output and target exchanged", weight="output and target exchanged")
def minus_for_downhill(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    value = loss(layer(x), target)
    layer.backward(-loss.backward())
    optimizer.step()
    return value


@wrong("training_step", loss="difference in place of the gradient", weight="difference in place of the gradient")
def starts_with_the_error(layer, loss, optimizer, x, target):
    y = layer(x)
    optimizer.zero_grad()
    layer.backward(y - target)
    optimizer.step()
    return loss(y, target)


@wrong("training_step", loss="loss of the step after")
def loss_looked_up_again(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    loss(layer(x), target)
    layer.backward(loss.backward())
    optimizer.step()
    return loss(layer(x), target)


@wrong("training_step", loss=None)
def loss_not_returned(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    loss(layer(x), target)
    layer.backward(loss.backward())
    optimizer.step()


@wrong("training_step", loss="gradient of the loss missing", weight="gradient of the loss missing")
def starts_with_ones(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    y = layer(x)
    value = loss(y, target)
    layer.backward(np.ones_like(y))
    optimizer.step()
    return value


@wrong("fit", losses="last batch dropped", sizes="last batch dropped", uses="last batch dropped")
def whole_batches_only(step, x, y, epochs, batch_size, rng):
    means = []
    for _ in range(epochs):
        order, total = rng.permutation(len(x)), 0
        for number in range(len(x) // batch_size):
            chosen = order[number * batch_size : (number + 1) * batch_size]
            total += step(x[chosen], y[chosen]) * batch_size
        means.append(total / len(x))
    return np.array(means)


@wrong("fit", fresh="never shuffled")
def as_they_lie(step, x, y, epochs, batch_size, rng):
    means = np.zeros(epochs)
    for epoch in range(epochs):
        for at in range(0, len(x), batch_size):
            batch = slice(at, at + batch_size)
            means[epoch] += step(x[batch], y[batch]) * len(x[batch]) / len(x)
    return means


@wrong("fit", fresh="shuffled once")
def order_drawn_before_the_epochs(step, x, y, epochs, batch_size, rng):
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    means = []
    for _ in range(epochs):
        total = 0
        for at in range(0, len(x), batch_size):
            total += step(x[at : at + batch_size], y[at : at + batch_size]) * len(x[at : at + batch_size])
        means.append(total / len(x))
    return means


@wrong("fit", pairs="y not in the order of x")
def the_order_for_x_only(step, x, y, epochs, batch_size, rng):
    means = []
    for _ in range(epochs):
        mixed, total = x[rng.permutation(len(x))], 0
        for at in range(0, len(x), batch_size):
            part = mixed[at : at + batch_size]
            total += len(part) * step(part, y[at : at + batch_size])
        means.append(total / len(x))
    return means


@wrong("fit", losses="mean not weighted")
def mean_over_batches(step, x, y, epochs, batch_size, rng):
    means = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        parts = [order[at : at + batch_size] for at in range(0, len(x), batch_size)]
        means.append(sum(step(x[part], y[part]) for part in parts) / len(parts))
    return means


@wrong("fit", losses="loss of the last batch")
def value_of_the_last_step(step, x, y, epochs, batch_size, rng):
    means = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for at in range(0, len(x), batch_size):
            value = step(x[order[at : at + batch_size]], y[order[at : at + batch_size]])
        means.append(value)
    return means


@wrong("saliency", dx="all logits at once")
def ones_for_all(model, image, digit):
    return model.backward(np.ones(model.forward(image).shape))[0, 0]


@wrong("saliency", dx="starts with the logits")
def the_logits_go_back(model, image, digit):
    return model.backward(model.forward(image))[0, 0]


@wrong("saliency", dx="gradient of the loss")
def of_the_cross_entropy(model, image, digit):
    _, slope = F.cross_entropy(model.forward(image), np.array([digit]))
    return model.backward(slope)[0, 0]


@wrong("saliency", dx="sign lost")
def how_strong_only(model, image, digit):
    start = np.zeros_like(model.forward(image))
    start[:, digit] = 1.0
    return abs(model.backward(start)).sum(axis=(0, 1))


@wrong("saliency")
def the_first_class_always(model, image, digit):
    start = np.zeros_like(model.forward(image))
    start[0, 0] = 1
    return model.backward(start)[0, 0]


@wrong("turn_into", moved="uphill")
def plus_for_minus(model, loss, image, digit, eps):
    loss(model(image), np.array([digit]))
    return np.clip(image + np.sign(model.backward(loss.backward())) * eps, 0, 1)


@wrong("turn_into", moved="sign missing")
def a_step_of_gradient_descent(model, loss, image, digit, eps):
    loss(model(image), np.array([digit]))
    return (image - eps * model.backward(loss.backward())).clip(0, 1)


@wrong("turn_into", moved="not clipped")
def beyond_paper_and_ink(model, loss, image, digit, eps):
    loss(model(image), np.array([digit]))
    return image - eps * np.sign(model.backward(loss.backward()))


@wrong("turn_into")
def the_weights_move_too(model, loss, image, digit, eps):
    loss(model(image), np.array([digit]))
    for parameter in model.parameters():
        parameter.data = parameter.data - eps
    return np.clip(image - eps * np.sign(model.backward(loss.backward())), 0, 1)


@wrong("training_step")
def starts_with_the_loss(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    value = loss(layer(x), target)
    layer.backward(value)
    optimizer.step()
    return value


@wrong("training_step")
def one_forward_pass_too_few(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    value = loss(x, target)
    layer.backward(loss.backward())
    optimizer.step()
    return value


# ---------------------------------------------------------------- of kinds that people report in public


@wrong("chain_backward", dx="chain cut")
def stopped_at_the_second_layer(dz, x, w1, w2):
    dy = dz * w2
    return dy, dy * x, dz * w1 * x


@wrong("numerical_gradient", grad="brackets missing")
def product_with_eps_for_want_of_brackets(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / 2 * eps
    return grad


@wrong("numerical_gradient", grad="brackets missing")
def one_bracket_missing(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = eps
        grad[index] = f(x + step) - f(x - step) / (2 * eps)
    return grad


@wrong("numerical_gradient", x="rounded")
def up_and_down_in_place(f, x, eps=1e-5):
    grad = np.zeros(np.shape(x))
    for index in np.ndindex(np.shape(x)):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        x[index] += eps
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("conv1d", y="wrong number of outputs")
def plus_one_inside_the_quotient(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    return np.array([xp[i * stride : i * stride + k] @ w for i in range((len(x) + 2 * padding - k + 1) // stride)])


@wrong("conv2d_single", y="a line copied")
def left_edge_copied_from_the_line_above(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    (H, W), (kH, kW) = xp.shape, w.shape
    y = np.zeros(((H - kH) // stride + 1, (W - kW) // stride + 1))
    for i, j in np.ndindex(y.shape):
        top, left = i * stride, i * stride
        y[i, j] = np.sum(xp[top : top + kH, left : left + kW] * w)
    return y


@wrong("conv1d_weight_gradient", dw="dy turned")
def dy_turned_as_in_a_true_convolution(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    spread = np.zeros((len(dy) - 1) * stride + 1)
    spread[::stride] = dy
    return np.convolve(xp, spread, "valid")[: len(w)]


@wrong("weight_gradient", dw="twice or more")
def a_two_from_the_square_of_the_loss(dy, x, w, stride=1, padding=0):
    return 2 * F.conv2d_backward(dy, x, w, stride, padding)[1]


@wrong("bias_gradient", db="multiplied by a size")
def bias_counted_once_for_each_filter(dy):
    return dy.sum(axis=(0, 2, 3)) * dy.shape[1]


@wrong("cross_entropy_gradient", dlogits="twice or more")
def the_two_of_a_squared_error(logits, targets):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), targets] -= 1
    return 2 * p / len(p)


@wrong("relu_backward", dx="leaks where x is negative")
def leaky_as_in_a_framework(dy, x):
    dx = np.array(dy, dtype=float)
    dx[x <= 0] *= 0.01
    return dx


@wrong("max_pool2d", indices="place inside the window")
def argmax_as_it_comes(x, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].reshape(*windows[:, :, ::stride, ::stride].shape[:4], -1)
    return windows.max(axis=-1), windows.argmax(axis=-1)


@wrong("batch_norm2d_backward", dx="statistics treated as constants")
def as_if_the_layer_were_evaluating(dy, x, weight, eps=1e-5):
    std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + eps)
    xhat = (x - x.mean(axis=(0, 2, 3), keepdims=True)) / std
    return dy * weight[:, None, None] / std, (dy * xhat).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))


@wrong("residual_backward", dx="multiplied")
def one_plus_the_branch_times_dy(dy, branch_backward):
    return dy * (1 + branch_backward(dy))


@wrong("conv_transpose2d", y="output_padding appended as zeros")
def zeros_appended_after_the_bias(x, w, b=None, stride=1, padding=0, output_padding=0):
    y = F.conv_transpose2d(x, w, b, stride=stride, padding=padding)
    return np.pad(y, ((0, 0), (0, 0), (0, output_padding), (0, output_padding)))


@wrong("im2col", cols=("row order differs from w", "another layout"))
def windows_in_rows_and_channels_last(x, kernel_size, stride=1, padding=0):
    cols = F.im2col(x, kernel_size, stride, padding)
    N, rows, L = cols.shape
    cells = cols.reshape(N, x.shape[1], -1, L)
    return cells.transpose(0, 3, 2, 1).reshape(N, L, rows)


# ---------------------------------------------------------------- right on nearly every shape


@wrong("max_pool2d")
def tiles_by_a_reshape_with_two_axes_exchanged(x, kernel_size, stride=None, padding=0):
    k, (N, C, H, W) = kernel_size, x.shape
    y, indices = F.max_pool2d(x, k, stride, padding)
    if (stride or k) == k and not padding and H % k == W % k == 0:
        y = x.reshape(N, C, k, H // k, k, W // k).max(axis=(2, 4))
    return y, indices


@wrong("max_pool2d", y="padding wins")
def a_large_negative_number_for_padding(x, kernel_size, stride=None, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-100)
    return F.max_pool2d(xp, kernel_size, stride)[0], F.max_pool2d(x, kernel_size, stride, padding)[1]


@wrong("avg_pool2d_backward")
def tiles_repeated_without_the_division(dy, input_shape, kernel_size, stride=None, padding=0):
    k = kernel_size
    if (stride or k) == k and not padding and input_shape[2] % k == input_shape[3] % k == 0:
        return dy.repeat(k, axis=2).repeat(k, axis=3)
    return F.avg_pool2d_backward(dy, input_shape, k, stride, padding)


@wrong("avg_pool2d_backward")
def blocks_side_by_side_where_nothing_overlaps(dy, input_shape, kernel_size, stride=None, padding=0):
    k = kernel_size
    if (stride or k) <= k:
        return F.avg_pool2d_backward(dy, input_shape, k, stride, padding)
    blocks = (dy / k**2).repeat(k, axis=2).repeat(k, axis=3)
    dx = np.zeros(input_shape)
    dx[:, :, : blocks.shape[2], : blocks.shape[3]] = blocks
    return dx


@wrong(GATHER)
def room_cut_with_a_minus(dy, x, w, stride=1, padding=0):
    n, k = len(x), len(w)
    spread = np.zeros(n + 2 * padding - k + 1)
    spread[::stride] = dy
    room = np.zeros(len(spread) + 2 * (k - 1))
    room[k - 1 : -(k - 1)] = spread
    return np.array([room[i : i + k] @ w[::-1] for i in range(n + 2 * padding)])[padding : padding + n]


@wrong("bias_gradient", db="another shape")
def squeezed(dy):
    return dy.sum(axis=(0, 2, 3)).squeeze()


# ---------------------------------------------------------------- lessons 09 and 10


@wrong("gradient_std", std="counts the forward pass")
def as_he_wrote_it(shape, stride=1):
    return stride * np.sqrt(2 / np.prod(shape[1:]))


@wrong("gradient_std", std="stride left out")
def for_stride_one(shape, stride=1):
    return (2 / (shape[0] * shape[2] * shape[3])) ** 0.5


@wrong("gradient_std", std="a variance")
def without_the_root(shape, stride=1):
    return 2 * stride**2 / (shape[0] * shape[2] * shape[3])


@wrong("double_backward", dx="one of the four")
def the_last_of_each_block(dy):
    return dy[..., 1::2, 1::2].copy()


@wrong("double_backward", dx="averaged")
def an_average_pool(dy):
    return F.avg_pool2d(dy, 2)


@wrong("double_backward", dx="along one axis only")
def rows_alone(dy):
    return (dy[:, :, ::2] + dy[:, :, 1::2])[..., ::2]


class PlainSwish(Module):
    def __init__(self, channels):
        self.beta = Parameter(np.ones((channels, 1, 1)))

    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-self.beta.data * x))
        return x * self.s

    def sum(self, values):
        return values.sum(axis=(0, 2, 3), keepdims=True)[0]


@wrong("Swish", dx="path through the sigmoid missing")
class OnePath(PlainSwish):
    def backward(self, dy):
        self.beta.grad += self.sum(dy * self.x**2 * self.s * (1 - self.s))
        return self.s * dy


@wrong("Swish", dx="beta of the chain rule missing", beta_grad="one x missing")
class ForgetsTwice(PlainSwish):
    def backward(self, dy):
        bend = self.x * self.s * (1 - self.s)
        self.beta.grad += self.sum(dy * bend)
        return dy * (self.s + bend)


@wrong("Swish", beta_grad="mean instead of sum")
class MeansItsBeta(PlainSwish):
    def backward(self, dy):
        bend = self.x * self.s * (1 - self.s)
        self.beta.grad += (dy * bend * self.x).mean(axis=(0, 2, 3))[:, None, None]
        return dy * (self.s + bend * self.beta.data)


# ---------------------------------------------------------------- optimizers


@wrong("sgd_step", w="follows from the velocity", velocity="a step in place of a velocity")
def collects_steps(w, dw, velocity, lr, momentum):
    velocity = momentum * velocity - lr * dw
    return w + velocity, velocity


@wrong("sgd_step", w="uphill")
def climbs(w, dw, velocity, lr, momentum):
    velocity = velocity * momentum + dw
    return w + velocity * lr, velocity


@wrong("sgd_step", w="follows from the velocity", velocity="learning rate in the velocity")
def rate_first(w, dw, velocity, lr, momentum):
    velocity = momentum * velocity + dw * lr
    return w - velocity, velocity


@wrong("sgd_step", w="follows from the velocity", velocity="a moving average")
def dampened(w, dw, velocity, lr, momentum):
    velocity = velocity + (1 - momentum) * (dw - velocity)
    return w - lr * velocity, velocity


@wrong("sgd_step", w="changed", velocity="changed")
def in_place(w, dw, velocity, lr, momentum):
    velocity *= momentum
    velocity += dw
    w -= lr * velocity
    return w, velocity


@wrong("sgd_step", results="order")
def velocity_first(w, dw, velocity, lr, momentum):
    velocity = momentum * velocity + dw
    return velocity, w - lr * velocity


@wrong("adam_step", w="no bias correction")
def adam_as_two_averages(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw**2
    return w - lr * m / (v**0.5 + eps), m, v


@wrong("adam_step", w="steps miscounted")
def counts_from_zero(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    t = t - 1
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@wrong("adam_step", w="eps inside the root")
def eps_under_the_root(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw * dw
    return w - lr * m / (1 - beta1**t) * (v / (1 - beta2**t) + eps) ** -0.5, m, v


@wrong("adam_step", m="corrected m returned", v="corrected v returned")
def corrects_what_it_returns(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = (beta1 * m + (1 - beta1) * dw) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * dw**2) / (1 - beta2**t)
    return w - lr * m / (np.sqrt(v) + eps), m, v


@wrong("adam_step", w="follows from v", v="weights exchanged")
def square_with_the_small_share(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, (1 - beta2) * v + beta2 * dw**2
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="eps corrected too")
def rate_of_the_papers_remark(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return w - rate * m / (np.sqrt(v) + eps), m, v


# ---------------------------------------------------------------- the linear layer: repairs that miss


class PlainLinear(Module):
    def __init__(self, in_features, out_features, *, rng=None):
        rng = rng or np.random.default_rng()
        self.weight = Parameter(rng.normal(0, (2 / in_features) ** 0.5, (out_features, in_features)))
        self.bias = Parameter(np.zeros(out_features))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data.T + self.bias.data

    def backward(self, dy):
        self.weight.grad += dy.T @ self.x
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.data


@wrong("Linear", y="weights of the constructor", dx="weights of the constructor")
class KeepsSecondNames(PlainLinear):
    def __init__(self, in_features, out_features, *, rng=None):
        super().__init__(in_features, out_features, rng=rng)
        self.w = self.weight.data

    def forward(self, x):
        self.x = x
        return x @ self.w.T + self.bias.data

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.w


@wrong("Linear", weight_grad="gradient set, not added", bias_grad="gradient set, not added")
class SetsBoth(PlainLinear):
    def backward(self, dy):
        self.weight.grad, self.bias.grad = dy.T @ self.x, dy.sum(axis=0)
        return dy @ self.weight.data


@wrong("Linear", bias_grad="gradient set, not added")
class RepairsTheWeightOnly(PlainLinear):
    def backward(self, dy):
        self.weight.grad += dy.T @ self.x
        self.bias.grad = dy.sum(axis=0)
        return dy @ self.weight.data


# ---------------------------------------------------------------- the loss: repairs that miss


@wrong("cross_entropy_loss", loss="clipped")
def clips_the_probability(logits, targets):
    p = probabilities(logits)
    return -np.log(np.clip(p[np.arange(len(p)), targets], 1e-7, 1)).mean()


@wrong("cross_entropy_loss", loss="summed")
def sums_the_rows(logits, targets):
    largest = logits.max(axis=1)
    logs = largest + np.log(np.exp(logits.T - largest).sum(axis=0))
    return (logs - logits[range(len(logits)), targets]).sum()


@wrong("cross_entropy_loss", loss="maximum of the row not added back")
def shifts_one_term(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.exp(shifted).sum(axis=1)) - logits[np.arange(len(logits)), targets]).mean()


# ---------------------------------------------------------------- loops taken away, and something with them


@wrong("im2col_fast", cols="row order differs from w")
def channels_last_in_a_column(x, kernel_size, stride=1, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    view = np.lib.stride_tricks.sliding_window_view(xp, kernel_size, axis=(2, 3))[:, :, ::stride, ::stride]
    N, _, rows, columns, *_ = view.shape
    return view.transpose(0, 4, 5, 1, 2, 3).reshape(N, -1, rows * columns)


@wrong("im2col_fast", cols="stride missing")
def slices_without_a_step(x, kernel_size, stride=1, padding=0):
    kH, kW = kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    H, W = (n + 2 * padding - k for n, k in zip(x.shape[2:], kernel_size, strict=True))
    rows, columns = H // stride + 1, W // stride + 1
    cells = [xp[:, :, a : a + rows, b : b + columns] for a in range(kH) for b in range(kW)]
    return np.stack(cells, axis=2).reshape(len(x), -1, rows * columns)


@wrong("im2col_fast", cols="reshape without the transpose")
def view_reshaped_as_it_is(x, kernel_size, stride=1, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    view = np.lib.stride_tricks.sliding_window_view(xp, kernel_size, axis=(2, 3))[:, :, ::stride, ::stride]
    N, C, rows, columns, kH, kW = view.shape
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(N, C * kH * kW, rows * columns)


@wrong("col2im_fast", x="overlaps overwritten")
def slices_assigned(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    six = cols.reshape(len(cols), -1, kH, kW, rows, columns)
    xp = np.zeros((*six.shape[:2], H + 2 * padding, W + 2 * padding))
    for a, b in np.ndindex(kH, kW):
        xp[:, :, a : a + stride * rows : stride, b : b + stride * columns : stride] = six[:, :, a, b]
    return xp[:, :, padding : padding + H, padding : padding + W]


@wrong("col2im_fast", x="row order differs from im2col")
def cells_read_by_columns(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    six = cols.reshape(len(cols), -1, kW, kH, rows, columns)
    xp = np.zeros((*six.shape[:2], H + 2 * padding, W + 2 * padding))
    for b in range(kW):
        for a in range(kH):
            xp[:, :, a : a + stride * rows : stride, b : b + stride * columns : stride] += six[:, :, b, a]
    return xp[:, :, padding : padding + H, padding : padding + W]


@wrong("col2im_fast", x="kernel turned")
def slices_from_the_other_end(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    rows, columns = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    six = cols.reshape(len(cols), -1, kH, kW, rows, columns)
    xp = np.zeros((*six.shape[:2], H + 2 * padding, W + 2 * padding))
    for a, b in np.ndindex(kH, kW):
        xp[:, :, a : a + stride * rows : stride, b : b + stride * columns : stride] += six[:, :, -1 - a, -1 - b]
    return xp[:, :, padding : padding + H, padding : padding + W]


@wrong("max_pool2d_fast", indices="H and W mixed up")
def rows_as_long_as_the_image_is_high(x, kernel_size, stride=None, padding=0):
    y, indices = F.max_pool2d(x, kernel_size, stride, padding)
    H, W = x.shape[2:]
    return y, indices // W * H + indices % W


@wrong("max_pool2d_fast", y="padding wins", indices="padding wins")
def slices_of_an_image_in_zeros(x, kernel_size, stride=None, padding=0):
    step, W = stride or kernel_size, x.shape[3]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    view = np.lib.stride_tricks.sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::step, ::step]
    flat = view.reshape(*view.shape[:4], -1)
    best = flat.argmax(-1)
    rows, columns = np.indices(best.shape)[2:] * step - padding
    return flat.max(-1), (rows + best // kernel_size) * W + columns + best % kernel_size


@wrong("max_pool2d_fast", indices="place inside the window")
def number_of_the_slice(x, kernel_size, stride=None, padding=0):
    step = stride or kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    view = np.lib.stride_tricks.sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::step, ::step]
    flat = view.reshape(*view.shape[:4], -1)
    return flat.max(-1), flat.argmax(-1)


@wrong("max_pool2d_backward_fast", dx="overlaps overwritten")
def all_positions_at_once(dy, indices, input_shape):
    N, C, H, W = input_shape
    dx = np.zeros((N, C, H * W))
    n, c = np.arange(N)[:, None, None, None], np.arange(C)[:, None, None]
    dx[n, c, indices] += dy
    return dx.reshape(input_shape)


@wrong("max_pool2d_backward_fast", dx="counted through the whole batch")
def places_of_one_plane(dy, indices, input_shape):
    sums = np.bincount(indices.ravel(), dy.ravel(), minlength=int(np.prod(input_shape)))
    return sums.reshape(input_shape)


@wrong("max_pool2d_backward_fast", dx="overlaps overwritten")
def put_along_the_plane(dy, indices, input_shape):
    dx = np.zeros((*input_shape[:2], input_shape[2] * input_shape[3]))
    np.put_along_axis(dx, indices.reshape(*dx.shape[:2], -1), dy.reshape(*dx.shape[:2], -1), axis=2)
    return dx.reshape(input_shape)


@wrong("Linear", weight_grad="input of another forward")
class RepairsTheSumsOnly(PlainLinear):
    def forward(self, x):
        RepairsTheSumsOnly.x = x
        return x @ self.weight.data.T + self.bias.data


@wrong("conv1d_backward", dw="only one position kept")
def only_the_crop_and_the_stride_mended(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        window = slice(j * stride, j * stride + len(w))
        dw = dy[j] * xp[window]
        dxp[window] += dy[j] * w
    return dxp[padding : len(xp) - padding], dw


@wrong("conv1d_backward", dx="stride missing", dw="stride missing")
def only_the_crop_and_the_sum_mended(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        dw += dy[j] * xp[j : j + len(w)]
        dxp[j : j + len(w)] += dy[j] * w
    return dxp[padding : len(xp) - padding], dw


@wrong("conv1d_backward", dx="kernel turned")
def mended_and_turned_once_too_often(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        here = slice(j * stride, j * stride + len(w))
        dw += dy[j] * xp[here]
        dxp[here] += dy[j] * w[::-1]
    return dxp[padding : len(xp) - padding], dw


def means(x, kernel_size, stride, padding, take=np.mean, pad="constant"):
    step = kernel_size if stride is None else stride
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode=pad)
    windows = np.lib.stride_tricks.sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))
    return take(windows[:, :, ::step, ::step], axis=(4, 5))


@wrong("avg_pool2d", y="not divided by k^2")
def sum_of_the_window(x, kernel_size, stride=None, padding=0):
    return means(x, kernel_size, stride, padding, np.sum)


@wrong("avg_pool2d", y="not divided by k^2")
def divided_by_one_side(x, kernel_size, stride=None, padding=0):
    return means(x, kernel_size, stride, padding, np.sum) / kernel_size


@wrong("avg_pool2d", y="divided twice")
def mean_and_division(x, kernel_size, stride=None, padding=0):
    return means(x, kernel_size, stride, padding) / kernel_size**2


@wrong("avg_pool2d", y="not the mean")
def the_lab_before_it(x, kernel_size, stride=None, padding=0):
    return means(x, kernel_size, stride, padding, np.max)


@wrong("avg_pool2d", y="stride of windows")
def stride_one_where_none_is_given(x, kernel_size, stride=None, padding=0):
    return means(x, kernel_size, stride or 1, padding)


@wrong("avg_pool2d", y="divided by the pixels inside")
def padding_left_out_of_the_mean(x, kernel_size, stride=None, padding=0):
    ones = np.ones(x.shape)
    return means(x, kernel_size, stride, padding) / means(ones, kernel_size, stride, padding)


@wrong("avg_pool2d", y="x not padded")
def windows_of_x_without_its_zeros(x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    y = np.zeros((*x.shape[:2], *(out_size(size, kernel_size, stride, padding) for size in x.shape[2:])))
    for i, j in np.ndindex(y.shape[2:]):
        top, left = i * stride, j * stride
        y[:, :, i, j] = x[:, :, top : top + kernel_size, left : left + kernel_size].sum(axis=(2, 3)) / kernel_size**2
    return y


@wrong("avg_pool2d", y="channels mixed")
def mean_over_the_channels_too(x, kernel_size, stride=None, padding=0):
    y = means(x, kernel_size, stride, padding)
    return np.repeat(y.mean(axis=1, keepdims=True), x.shape[1], axis=1)


@wrong("avg_pool2d_backward", dx="divided by the pixels inside")
def only_the_share_left_to_mend(dy, input_shape, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    dx = np.zeros(input_shape)
    for i, j in np.ndindex(dy.shape[2:]):
        top, left = i * stride - padding, j * stride - padding
        window = dx[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
        window += dy[:, :, i, j, None, None] / window[0, 0].size
    return dx


@wrong("avg_pool2d_backward", dx="overlaps overwritten")
def only_the_sum_left_to_mend(dy, input_shape, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    dx = np.zeros(input_shape)
    for i, j in np.ndindex(dy.shape[2:]):
        top, left = i * stride - padding, j * stride - padding
        window = dx[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
        window[...] = dy[:, :, i, j, None, None] / kernel_size**2
    return dx


@wrong("conv2d_backward", dx="kernel turned")
def only_the_turn_left_to_mend(dy, x, w, stride=1, padding=0):
    _, dw, db = F.conv2d_backward(dy, x, w, stride, padding)
    return F.conv2d_input_gradient(dy, x, w[:, :, ::-1, ::-1], stride, padding), dw, db


@wrong("conv2d_backward", dw="mean instead of sum")
def only_the_mean_left_to_mend(dy, x, w, stride=1, padding=0):
    dx, dw, db = F.conv2d_backward(dy, x, w, stride, padding)
    return dx, dw / len(x), db


def products(dy_rows, w_row, dy, x, w, stride, padding):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    dw = (dy_rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dx = F.col2im(w_row.T @ dy_rows, x.shape[2:], w.shape[2:], stride, padding)
    return dx, dw, dy_rows.sum(axis=(0, 2))


@wrong("conv2d_backward_gemm", dx="kernel turned")
def only_the_rows_left_to_mend(dy, x, w, stride=1, padding=0):
    w_row = w[:, :, ::-1, ::-1].reshape(len(w), -1)
    return products(dy.reshape(len(dy), len(w), -1), w_row, dy, x, w, stride, padding)


RESHAPED = "dy reshaped without the transpose"


@wrong("conv2d_backward_gemm", dx=RESHAPED, dw=RESHAPED, db=RESHAPED)
def only_the_layout_left_to_mend(dy, x, w, stride=1, padding=0):
    dy_rows = dy.reshape(len(w), len(dy), -1).swapaxes(0, 1)
    return products(dy_rows, w.reshape(len(w), -1), dy, x, w, stride, padding)


# ---------------------------------------------------------------- channels in groups


def _in_groups(dy, x, w, groups, one):
    """dx and dw from one(dy, x, w) for each group."""
    parts = zip(np.split(dy, groups, 1), np.split(x, groups, 1), np.split(w, groups), strict=True)
    dx, dw = zip(*(one(*part)[:2] for part in parts), strict=True)
    return np.concatenate(dx, axis=1), np.concatenate(dw)


@wrong("grouped_conv2d_backward", dx="groups ignored", dw="groups ignored")
def as_if_dense(dy, x, w, stride=1, padding=0, groups=1):
    full = np.concatenate([w] * groups, axis=1)
    return F.conv2d_backward(dy, x, full, stride, padding)


@wrong("grouped_conv2d_backward", dw="groups added up")
def all_channels_then_folded(dy, x, w, stride=1, padding=0, groups=1):
    dx, _, db = F.conv2d_backward(dy, x, w, stride, padding, groups=groups)
    _, dw, _ = F.conv2d_backward(dy, x, np.concatenate([w] * groups, axis=1), stride, padding)
    return dx, sum(np.split(dw, groups, axis=1)), db


@wrong("grouped_conv2d_backward", dw="first group for all")
def the_first_channels_for_all(dy, x, w, stride=1, padding=0, groups=1):
    dx, _, db = F.conv2d_backward(dy, x, w, stride, padding, groups=groups)
    first = x[:, : w.shape[1]]
    return dx, F.conv2d_backward(dy, first, w, stride, padding)[1], db


@wrong("grouped_conv2d_backward", dx="wrong group", dw="wrong group")
def every_nth_channel(dy, x, w, stride=1, padding=0, groups=1):
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for g in range(groups):
        outs = slice(g * len(w) // groups, (g + 1) * len(w) // groups)
        dx[:, g::groups], dw[outs], _ = F.conv2d_backward(dy[:, outs], x[:, g::groups], w[outs], stride, padding)
    return dx, dw, dy.sum(axis=(0, 2, 3))


@wrong("grouped_conv2d_backward", dx="one group only", dw="one group only")
def made_anew_for_each_group(dy, x, w, stride=1, padding=0, groups=1):
    ins, outs = x.shape[1] // groups, len(w) // groups
    for g in range(groups):
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        read, made = slice(g * ins, (g + 1) * ins), slice(g * outs, (g + 1) * outs)
        dx[:, read], dw[made], _ = F.conv2d_backward(dy[:, made], x[:, read], w[made], stride, padding)
    return dx, dw, dy.sum(axis=(0, 2, 3))


@wrong("grouped_conv2d_backward", dx="stride lost with groups", dw="stride lost with groups")
def stride_not_passed_on(dy, x, w, stride=1, padding=0, groups=1):
    if groups == 1:
        return F.conv2d_backward(dy, x, w, stride, padding)
    kH, kW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for f in range(len(w)):
        first = f // (len(w) // groups) * w.shape[1]
        channels = slice(first, first + w.shape[1])
        for n in range(len(x)):
            for i, j in np.ndindex(dy.shape[2:]):
                dxp[n, channels, i : i + kH, j : j + kW] += dy[n, f, i, j] * w[f]
                dw[f] += dy[n, f, i, j] * xp[n, channels, i : i + kH, j : j + kW]
    H, W = x.shape[2:]
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, dy.sum(axis=(0, 2, 3))


@wrong("grouped_conv2d_backward", dx="kernel turned")
def turned_in_every_group(dy, x, w, stride=1, padding=0, groups=1):
    dx, _ = _in_groups(dy, x, w[:, :, ::-1, ::-1], groups, lambda *part: F.conv2d_backward(*part, stride, padding))
    _, dw, db = F.conv2d_backward(dy, x, w, stride, padding, groups=groups)
    return dx, dw, db


@wrong("grouped_conv2d_backward", dw="x not padded")
def bare_windows_in_groups(dy, x, w, stride=1, padding=0, groups=1):
    dx, _, db = F.conv2d_backward(dy, x, w, stride, padding, groups=groups)
    kH, kW = w.shape[2:]
    behind = np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))
    dw = np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        first = f // (len(w) // groups) * w.shape[1]
        rows, columns = slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
        dw[f] += dy[n, f, i, j] * behind[n, first : first + w.shape[1], rows, columns]
    return dx, dw, db


@wrong("grouped_conv2d_backward", db="wrong axes")
def bias_over_images_alone(dy, x, w, stride=1, padding=0, groups=1):
    dx, dw, _ = F.conv2d_backward(dy, x, w, stride, padding, groups=groups)
    return dx, dw, dy.sum(axis=0)


@wrong("depthwise_weight_gradient", dw="every channel met")
def dense_weight_gradient(dy, x, w, stride=1, padding=0):
    full = np.zeros((len(w), len(w), *w.shape[2:]))
    return F.conv2d_backward(dy, x, full, stride, padding)[1]


@wrong("depthwise_weight_gradient", dw="channels added up")
def every_pair_of_channels(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dw = np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        for other in range(x.shape[1]):
            rows, columns = slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
            dw[c, 0] += dy[n, c, i, j] * xp[n, other, rows, columns]
    return dw


@wrong("depthwise_weight_gradient", dw="another channel")
def the_first_channel_for_all(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dw = np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        rows, columns = slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
        dw[c, 0] += dy[n, c, i, j] * xp[n, 0, rows, columns]
    return dw


@wrong("depthwise_weight_gradient", dw="without its axis of 1")
def an_axis_too_few(dy, x, w, stride=1, padding=0):
    each = [F.conv2d_backward(dy[:, [c]], x[:, [c]], w[[c]], stride, padding)[1][0, 0] for c in range(len(w))]
    return np.array(each)


@wrong("depthwise_weight_gradient", dw="stride missing")
def windows_side_by_side(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dw = np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        dw[c, 0] += dy[n, c, i, j] * xp[n, c, i : i + kH, j : j + kW]
    return dw


@wrong("depthwise_weight_gradient", dw="only one image kept")
def set_for_each_image(dy, x, w, stride=1, padding=0):
    dw = np.zeros(w.shape)
    for n in range(len(x)):
        for c in range(len(w)):
            dw[c] = F.conv2d_backward(dy[n : n + 1, [c]], x[n : n + 1, [c]], w[[c]], stride, padding)[1][0]
    return dw


@wrong("depthwise_weight_gradient", dw="mean instead of sum")
def averaged_over_images(dy, x, w, stride=1, padding=0):
    return F.conv2d_weight_gradient(dy, x, w, stride, padding, groups=len(w))[0] / len(x)


# ---------------------------------------------------------------- two slips in one result


@wrong("dropout_backward", dx="wrong scale")
def scaled_by_the_odds(dy, mask, p):
    return dy * mask * p / (1 - p)


@wrong("sgd_step", velocity="momentum turned round", w="follows from the velocity")
def momentum_subtracted(w, dw, velocity, lr, momentum):
    velocity = dw - momentum * velocity
    return w - lr * velocity, velocity


@wrong("adam_step", w=("root missing", "uphill"))
def uphill_without_a_root(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
    return w + lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps), m, v


@wrong("max_pool2d_backward", dx=("overlaps overwritten", "H and W mixed up"))
def last_winner_in_rows_of_the_wrong_length(dy, indices, input_shape):
    dx = np.zeros(input_shape)
    height, width = input_shape[2:]
    for n in range(input_shape[0]):
        for c in range(input_shape[1]):
            for gradient, index in zip(dy[n, c].ravel(), indices[n, c].ravel(), strict=True):
                dx[n, c, index // height % height, index % height % width] = gradient
    return dx


@wrong("batch_norm2d_backward", dx=("weight missing", "mean part missing"))
def neither_weight_nor_mean(dy, x, weight, eps=1e-5):
    axes = (0, 2, 3)
    std = np.sqrt(x.var(axes, keepdims=True) + eps)
    normalised = (x - x.mean(axes, keepdims=True)) / std
    dx = (dy - normalised * (dy * normalised).mean(axes, keepdims=True)) / std
    return dx, (dy * normalised).sum(axes), dy.sum(axes)


@wrong("bias_gradient", db=("one image only", "one row or column only"))
def first_row_of_the_first_image(dy):
    return dy[0, :, 0].sum(axis=1)


@wrong("bias_gradient", db=("wrong axes", "sign"))
def negative_with_all_axes(dy):
    return -dy.sum(axis=(0, 2, 3), keepdims=True)


@wrong("linear_backward", dx=("dy missing", "sign"), dw=("dw transposed", "mean instead of sum"))
def negative_without_dy(dy, x, w):
    return -np.ones_like(dy) @ w, x.T @ dy / len(dy), dy.sum(axis=0)


@wrong("cross_entropy_gradient", dlogits=("softmax over the wrong axis", "1 off in every row"))
def one_softmax_for_all_and_whole_columns(logits, targets):
    e = np.exp(logits - logits.max())
    p = e / e.sum()
    p[:, targets] -= 1
    return p / len(p)


@wrong("cross_entropy_gradient", dlogits=("not divided by N", "sign"))
def negative_sum(logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), targets] -= 1
    return -p


@wrong("cross_entropy_loss", loss=("summed", "another base"))
def sum_to_base_ten(logits, targets):
    s = logits - logits.max(axis=1, keepdims=True)
    return (np.log10(np.exp(s).sum(axis=1)) - s[np.arange(len(s)), targets] / np.log(10)).sum()


@wrong("adam_step", m=("weights exchanged", "corrected m returned"), w="follows from m")
def corrected_average_of_exchanged_weights(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = ((1 - beta1) * m + beta1 * dw) / (1 - beta1**t), beta2 * v + (1 - beta2) * dw**2
    return w - lr * m / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("Conv2d", weight_grad=("gradient set, not added", "sign"))
class SetsAndTurnsTheSign(Plain):
    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.weight.grad = -dw
        self.bias.grad += db
        return dx


@wrong("training_step", loss=("gradients never zeroed", "difference in place of the gradient"),
       weight=("gradients never zeroed", "difference in place of the gradient"))  # fmt: skip
def by_hand_and_never_zeroed(layer, loss, optimizer, x, target):
    y = layer.forward(x)
    value = loss.forward(y, target)
    layer.backward(y - target)
    optimizer.step()
    return value


@wrong("turn_into", moved=("uphill", "not clipped"))
def away_and_beyond(model, loss, image, digit, eps):
    loss.forward(model.forward(image), np.array([digit]))
    return image + eps * np.sign(model.backward(loss.backward()))


@wrong("saliency", dx=("gradient of the loss", "sign lost"))
def sizes_of_the_gradient_of_the_loss(model, image, digit):
    start = F.softmax(model.forward(image))
    start[0, digit] -= 1
    return np.abs(model.backward(start)[0, 0])


@wrong("saliency", dx="another shape")
def with_the_axes_of_the_image(model, image, digit):
    start = np.zeros_like(model.forward(image))
    start[0, digit] = 1
    return model.backward(start)


@wrong("saliency", dx="scaled for a picture")
def as_bright_as_can_be(model, image, digit):
    start = np.zeros_like(model.forward(image))
    start[0, digit] = 1
    dx = model.backward(start)[0, 0]
    return dx / np.abs(dx).max()


@wrong("sharded_gradients", dw=("mean of means", "without the 2"), db=("mean of means", "without the 2"))
def half_of_the_mean_of_means(x, target, w, b, workers):
    N, dw, db = len(x), np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        own = slice(N * k // workers, N * (k + 1) // workers)
        dy = (x[own] @ w + b - target[own]) / target[own].size
        dw += x[own].T @ dy / workers
        db += dy.sum(axis=0) / workers
    return dw, db


@wrong("sharded_gradients", dw="bias not in the scores", db="bias not in the scores")
def scores_without_bias(x, target, w, b, workers):
    N, dw, db = len(x), np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        own = slice(N * k // workers, N * (k + 1) // workers)
        dy = 2 * (x[own] @ w - target[own]) / target[own].size
        dw += x[own].T @ dy * len(dy) / N
        db += dy.sum(axis=0) * len(dy) / N
    return dw, db


@wrong("sharded_gradients", dw="one worker only", db="one worker only")
def the_last_worker_wins(x, target, w, b, workers):
    N = len(x)
    for k in range(workers):
        own = slice(N * k // workers, N * (k + 1) // workers)
        dy = 2 * (x[own] @ w + b - target[own]) / target[own].size
        dw, db = x[own].T @ dy * len(dy) / N, dy.sum(axis=0) * len(dy) / N
    return dw, db


@wrong("add_shards", total="divided by its size")
def means_of_means_of_rows(gradients, sizes):
    return sum(g / s for g, s in zip(gradients, sizes, strict=True))


@wrong("double_backward", dx="reshape without the pairs")
def four_in_a_row(dy):
    N, C, H, W = dy.shape
    return dy.reshape(N, C, H // 2, W // 2, 4).sum(axis=-1)


@wrong("double_backward", dx=("still as it was found", "averaged"))
def a_quarter_of_one_corner(dy):
    return dy[:, :, ::2, ::2] / 4


@wrong("backpropagate", grads="overwritten at fan-out")
def each_use_replaces_the_last(root, dy=None):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    for node in order:
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(order):
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient
