"""Right answers in many styles: none of them may be accused of anything.

`RIGHT` holds (exercise, function or class).
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from course_lib import functional as F
from course_lib import gradcheck, layers, loops
from course_lib.layers import Module, Parameter

RIGHT = []


def right(*exercises):
    def note(function):
        RIGHT.extend((exercise, function) for exercise in exercises)
        return function

    return note


SCATTER, GATHER = "conv1d_input_gradient_scatter", "conv1d_input_gradient_gather"
SCATTER2, GATHER2 = "conv2d_single_input_gradient_scatter", "conv2d_single_input_gradient_gather"

# ---------------------------------------------------------------- measuring


@right("numerical_gradient")
def flat_and_back(f, x, eps=1e-5):
    values = np.asarray(x, dtype=np.float64).ravel()
    slopes = []
    for i in range(values.size):
        up, down = values.copy(), values.copy()
        up[i] += eps
        down[i] -= eps
        slopes.append((f(up.reshape(np.shape(x))) - f(down.reshape(np.shape(x)))) / (2 * eps))
    return np.reshape(slopes, np.shape(x))


@right("numerical_gradient")
def with_unit_vectors(f, x, eps=1e-5):
    x = np.float64(x)
    grad = np.empty(x.shape)
    it = np.nditer(x, flags=["multi_index"])
    for _ in it:
        step = np.zeros(x.shape)
        step[it.multi_index] = eps
        grad[it.multi_index] = (f(x + step) - f(x - step)) / 2 / eps
    return grad


@right("numerical_gradient")
def five_points(f, x, eps=1e-5):
    """More exact than was asked for."""
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        values = []
        for step in (-2, -1, 1, 2):
            moved = x.copy()
            moved[index] += step * eps
            values.append(f(moved))
        grad[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * eps)
    return grad


@right("chain_backward")
def in_one_go(dz, x, w1, w2):
    return dz * w2 * w1, dz * w2 * x, dz * w1 * x


@right("chain_backward")
def as_a_list_of_arrays(dz, x, w1, w2):
    return [np.array(dz * w2 * w1), np.float32(dz * w2 * x), dz * w1 * x]


# ---------------------------------------------------------------- one dimension


@right("conv1d")
def by_correlate(x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), w, "valid")[::stride]


@right("conv1d")
def as_a_python_list(x, w, stride=1, padding=0):
    x = [0.0] * padding + list(x) + [0.0] * padding
    return [sum(x[i + u] * w[u] for u in range(len(w))) for i in range(0, len(x) - len(w) + 1, stride)]


@right("conv1d")
def as_a_tuple(x, w, stride=1, padding=0):
    return tuple(as_a_python_list(x, w, stride, padding))


@right("conv1d")
def by_einsum(x, w, stride=1, padding=0):
    return np.einsum("iu,u->i", sliding_window_view(np.pad(x, padding), len(w))[::stride], w)


@right("conv1d")
def by_strides_in_float32(x, w, stride=1, padding=0):
    xp = np.pad(x, padding).astype(np.float32)
    m = F.out_size(len(x), len(w), stride, padding)
    view = as_strided(xp, (m, len(w)), (stride * xp.itemsize, xp.itemsize), writeable=False)
    return view @ w.astype(np.float32)


@right("conv1d")
def by_banded_matrix(x, w, stride=1, padding=0):
    n, k = len(x) + 2 * padding, len(w)
    T = np.zeros(((n - k) // stride + 1, n))
    for i, row in enumerate(T):
        row[i * stride : i * stride + k] = w
    return T @ np.concatenate([np.zeros(padding), x, np.zeros(padding)])


@right("conv1d")
def any_arguments(*args, **kwargs):
    return loops.conv1d(*args, **kwargs)


@right("conv1d")
def other_names(signal, taps, step=1, border=0):
    return loops.conv1d(signal, taps, step, border)


@right("conv1d")
def only_by_keyword(x, w, *, stride=1, padding=0):
    return loops.conv1d(x, w, stride, padding)


@right("conv1d")
def without_defaults(x, w, stride, padding):
    return loops.conv1d(x, w, stride, padding)


class Callable:
    def __call__(self, x, w, stride=1, padding=0):
        return loops.conv1d(x, w, stride, padding)


RIGHT.append(("conv1d", Callable()))
RIGHT.append(("conv1d", lambda *a: loops.conv1d(*a)))


@right("conv1d_weight_gradient")
def dw_weight_by_weight(dy, x, w, stride=1, padding=0):
    n, k = len(x), len(w)
    dw = [0.0] * k
    for u in range(k):
        for i in range(len(dy)):
            if 0 <= i * stride + u - padding < n:
                dw[u] += dy[i] * x[i * stride + u - padding]
    return dw


@right("conv1d_weight_gradient")
def dw_by_windows(dy, x, w, stride=1, padding=0):
    return dy @ sliding_window_view(np.pad(x, padding), len(w))[::stride]


@right("conv1d_weight_gradient")
def dw_by_spread_dy(dy, x, w, stride=1, padding=0):
    spread = np.zeros((len(dy) - 1) * stride + 1)
    spread[::stride] = dy
    return np.correlate(np.pad(x, padding), spread, "valid")[: len(w)]


def matrix(x, w, stride, padding):
    T = np.zeros((F.out_size(len(x), len(w), stride, padding), len(x) + 2 * padding))
    for i in range(len(T)):
        T[i, i * stride : i * stride + len(w)] = w
    return T[:, padding : padding + len(x)]


@right(SCATTER, GATHER)
def transposed_matrix(dy, x, w, stride=1, padding=0):
    return matrix(x, w, stride, padding).T @ dy


@right(SCATTER, GATHER)
def without_any_padding(dy, x, w, stride=1, padding=0):
    dx = np.zeros(x.shape)
    for i in range(dy.size):
        for u in range(w.size):
            place = i * stride + u - padding
            if 0 <= place < x.size:
                dx[place] += dy[i] * w[u]
    return dx


@right(SCATTER, GATHER)
def strided_adds(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(x.size + 2 * padding, np.float32)
    for u in range(w.size):
        dxp[u : u + stride * (dy.size - 1) + 1 : stride] += dy * w[u]
    return dxp[padding : padding + x.size]


@right(SCATTER, GATHER)
def add_at(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(x.size + 2 * padding)
    index = np.arange(dy.size)[:, None] * stride + np.arange(w.size)
    np.add.at(dxp, index, dy[:, None] * w)
    return dxp[padding : dxp.size - padding]


@right(SCATTER, GATHER)
def explicit_bounds(dy, x, w, stride=1, padding=0):
    """dx[i] = sum of dy[j] w[i - j], from the last output to the first."""
    k = len(w)
    return np.array(
        [
            math.fsum(
                dy[j] * w[i + padding - j * stride]
                for j in reversed(range(len(dy)))
                if 0 <= i + padding - j * stride < k
            )
            for i in range(len(x))
        ]
    )


@right(SCATTER, GATHER)
def true_convolution(dy, x, w, stride=1, padding=0):
    spread = np.zeros(len(x) + 2 * padding - len(w) + 1)
    spread[::stride] = dy
    return np.convolve(spread, w, "full")[padding : padding + len(x)]


@right(SCATTER, GATHER)
def backwards_in_memory(dy, x, w, stride=1, padding=0):
    return np.ascontiguousarray(loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)[::-1])[::-1]


@right(SCATTER, GATHER)
def measured(dy, x, w, stride=1, padding=0):
    return gradcheck.numerical_gradient(lambda x: dy @ loops.conv1d(x, w, stride, padding), x)


# ---------------------------------------------------------------- two dimensions


@right("conv2d_single")
def windows_2d(x, w, stride=1, padding=0):
    view = sliding_window_view(np.pad(x, padding), w.shape)[::stride, ::stride]
    return np.tensordot(view, w, 2)


@right("conv2d_single")
def seven_loops(x, w, stride=1, padding=0):
    H, W = x.shape
    kH, kW = w.shape
    y = [[0.0] * ((W + 2 * padding - kW) // stride + 1) for _ in range((H + 2 * padding - kH) // stride + 1)]
    for i, row in enumerate(y):
        for j in range(len(row)):
            for p in range(kH):
                for q in range(kW):
                    r, c = i * stride + p - padding, j * stride + q - padding
                    if 0 <= r < H and 0 <= c < W:
                        row[j] += x[r, c] * w[p, q]
    return y


@right("conv2d_single")
def shifted_images(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    H_out, W_out = ((n - k) // stride + 1 for n, k in zip(xp.shape, w.shape, strict=True))
    return sum(
        w[p, q] * xp[p : p + H_out * stride : stride, q : q + W_out * stride : stride][:H_out, :W_out]
        for p, q in np.ndindex(w.shape)
    )


@right("conv2d_single_weight_gradient")
def dw_einsum(dy, x, w, stride=1, padding=0):
    view = sliding_window_view(np.pad(x, padding), w.shape)[::stride, ::stride]
    return np.einsum("ij,ijpq->pq", dy, view)


@right("conv2d_single_weight_gradient")
def dw_in_fortran_order(dy, x, w, stride=1, padding=0):
    return np.asfortranarray(dw_einsum(dy, x, w, stride, padding))


@right("conv2d_single_weight_gradient")
def dw_cell_by_cell(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        dw[p, q] = np.vdot(dy, xp[p:, q:][::stride, ::stride][: dy.shape[0], : dy.shape[1]])
    return dw


@right(SCATTER2, GATHER2)
def dx_of_shifts(dy, x, w, stride=1, padding=0):
    dxp = np.zeros([n + 2 * padding for n in x.shape])
    (H_out, W_out) = dy.shape
    for (p, q), weight in np.ndenumerate(w):
        dxp[p : p + stride * (H_out - 1) + 1 : stride, q : q + stride * (W_out - 1) + 1 : stride] += dy * weight
    return dxp[padding : padding + x.shape[0], padding : padding + x.shape[1]]


@right(SCATTER2, GATHER2)
def dx_gathered_by_windows(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    full = np.zeros((H + 2 * padding + kH - 1, W + 2 * padding + kW - 1))
    full[kH - 1 : kH - 1 + stride * dy.shape[0] : stride, kW - 1 : kW - 1 + stride * dy.shape[1] : stride][
        : dy.shape[0], : dy.shape[1]
    ] = dy
    dxp = np.einsum("ijpq,pq->ij", sliding_window_view(full, (kH, kW)), np.rot90(w, 2))
    return dxp[padding : padding + H, padding : padding + W]


@right(SCATTER2, GATHER2)
def dx_gathered_pixel_by_pixel(dy, x, w, stride=1, padding=0):
    dx = np.zeros(x.shape, order="F")
    for m, n in np.ndindex(x.shape):
        for i, j in np.ndindex(dy.shape):
            p, q = m + padding - i * stride, n + padding - j * stride
            if 0 <= p < w.shape[0] and 0 <= q < w.shape[1]:
                dx[m, n] += dy[i, j] * w[p, q]
    return dx


# ---------------------------------------------------------------- channels and batches

RIGHT += [
    ("bias_gradient", lambda dy: dy.sum(axis=(0, 2, 3))),
    ("bias_gradient", lambda dy: np.einsum("nfij->f", dy)),
    ("bias_gradient", lambda dy: [dy[:, f].sum() for f in range(dy.shape[1])]),
    ("bias_gradient", lambda dy: dy.swapaxes(0, 1).reshape(dy.shape[1], -1).sum(axis=1, dtype=np.float32)),
    ("bias_gradient", lambda *args, **kwargs: args[0].sum((0, 2, 3))),
]


def views(x, w, stride, padding):
    edge = (0, 0), (0, 0), (padding, padding), (padding, padding)
    return sliding_window_view(np.pad(x, edge), w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]


@right("weight_gradient")
def dw4_einsum(dy, x, w, stride=1, padding=0):
    return np.einsum("nfij,ncijpq->fcpq", dy, views(x, w, stride, padding), optimize=True)


@right("weight_gradient")
def dw4_tensordot(dy, x, w, stride=1, padding=0):
    return np.tensordot(dy, views(x, w, stride, padding), axes=((0, 2, 3), (0, 2, 3)))


@right("weight_gradient")
def dw4_image_by_image(dy, x, w, stride=1, padding=0):
    return sum(
        np.stack([[loops.conv2d_single_weight_gradient(d, c, w[0, 0], stride, padding) for c in image] for d in dys])
        for dys, image in zip(dy, x, strict=True)
    )


@right("input_gradient")
def dx4_shifts(dy, x, w, stride=1, padding=0):
    N, C, H, W = x.shape
    dxp = np.zeros((N, C, H + 2 * padding, W + 2 * padding), np.float32)
    H_out, W_out = dy.shape[2:]
    for p, q in np.ndindex(w.shape[2:]):
        rows, columns = slice(p, p + stride * (H_out - 1) + 1, stride), slice(q, q + stride * (W_out - 1) + 1, stride)
        dxp[:, :, rows, columns] += np.einsum("nfij,fc->ncij", dy, w[:, :, p, q])
    return dxp[:, :, padding : padding + H, padding : padding + W]


@right("input_gradient")
def dx4_gathered(dy, x, w, stride=1, padding=0):
    return loops.input_gradient_gather(dy, x, w, stride, padding)


@right("input_gradient")
def dx4_as_columns(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    cols = np.einsum("fk,nfl->nkl", w.reshape(C_out, -1), dy.reshape(N, C_out, -1))
    return F.col2im(cols, x.shape[2:], w.shape[2:], stride, padding)


def all_three(dx, dw):
    return lambda dy, x, w, stride=1, padding=0: (
        dx(dy, x, w, stride, padding),
        dw(dy, x, w, stride, padding),
        dy.sum((0, 2, 3)),
    )


for _name in ("conv2d_backward", "conv2d_backward_gemm"):
    RIGHT += [
        (_name, F.conv2d_backward),
        (_name, loops.conv2d_backward),
        (_name, all_three(dx4_shifts, dw4_einsum)),
        (_name, all_three(dx4_gathered, dw4_image_by_image)),
        (_name, lambda *a, **k: list(F.conv2d_backward(*a, **k))),
    ]


@right("conv2d_backward", "conv2d_backward_gemm")
def one_matrix_for_the_batch(dy, x, w, stride=1, padding=0):
    N, C_out, H_out, W_out = dy.shape
    cols = F.im2col(x, w.shape[2:], stride, padding).transpose(1, 2, 0).reshape(w[0].size, -1)
    rows = dy.transpose(1, 2, 3, 0).reshape(C_out, -1)
    dw = (rows @ cols.T).reshape(w.shape)
    dcols = (w.reshape(C_out, -1).T @ rows).reshape(-1, H_out * W_out, N).transpose(2, 0, 1)
    dx = F.col2im(dcols, x.shape[2:], w.shape[2:], stride, padding)
    return dx, dw, rows.sum(axis=1)


@right("im2col")
def im2col_views(x, kernel_size, stride=1, padding=0):
    N, C = x.shape[:2]
    windows = views(x, np.zeros((1, 1, *kernel_size)), stride, padding)
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(N, C * kernel_size[0] * kernel_size[1], -1)


@right("im2col")
def im2col_by_index(x, kernel_size, stride=1, padding=0):
    kH, kW = kernel_size
    N, C, H, W = x.shape
    H_out, W_out = F.out_size(H, kH, stride, padding), F.out_size(W, kW, stride, padding)
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    i = np.tile(np.repeat(np.arange(kH), kW), C)[:, None] + stride * np.repeat(np.arange(H_out), W_out)
    j = np.tile(np.arange(kW), kH * C)[:, None] + stride * np.tile(np.arange(W_out), H_out)
    return xp[:, np.repeat(np.arange(C), kH * kW)[:, None], i, j]


RIGHT.append(("im2col", F.im2col))
RIGHT.append(("col2im", F.col2im))


@right("col2im")
def col2im_add_at(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    N, C = len(cols), cols.shape[1] // (kH * kW)
    number = np.arange(C * H * W, dtype=float).reshape(1, C, H, W) + 1
    places = im2col_by_index(number, kernel_size, stride, padding).astype(int)[0]
    x = np.zeros((N, C * H * W + 1))  # what stands in the padding falls into place 0
    for n in range(N):
        np.add.at(x[n], places, cols[n])
    return x[:, 1:].reshape(N, C, H, W)


@right("col2im")
def col2im_transposed_matrix(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    C = cols.shape[1] // (kH * kW)
    unit = np.eye(C * H * W).reshape(-1, C, H, W)
    matrix = F.im2col(unit, kernel_size, stride, padding).reshape(len(unit), -1)
    return (cols.reshape(len(cols), -1) @ matrix.T).reshape(-1, C, H, W)


# ---------------------------------------------------------------- pooling and friends


def both(value):
    return (value, value) if np.ndim(value) == 0 else value


@right("max_pool2d")
def first_of_ties(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding)


@right("max_pool2d")
def padded_with_minus_infinity(x, kernel_size, stride=None, padding=0):
    kH, kW = both(kernel_size)
    sH, sW = both(stride) if stride is not None else (kH, kW)
    H, W = x.shape[2:]
    edge = (0, 0), (0, 0), (padding, padding), (padding, padding)
    xp = np.pad(x, edge, constant_values=-np.inf)
    windows = sliding_window_view(xp, (kH, kW), axis=(2, 3))[:, :, ::sH, ::sW].reshape(*x.shape[:2], -1, kH * kW)
    flat = windows.argmax(axis=-1)
    H_out, W_out = (H + 2 * padding - kH) // sH + 1, (W + 2 * padding - kW) // sW + 1
    row = flat // kW + np.repeat(np.arange(H_out), W_out) * sH - padding
    column = flat % kW + np.tile(np.arange(W_out), H_out) * sW - padding
    shape = (*x.shape[:2], H_out, W_out)
    return [windows.max(axis=-1).reshape(shape), (row * W + column).reshape(shape).astype(np.int32)]


RIGHT += [
    ("max_pool2d_backward", F.max_pool2d_backward),
    ("avg_pool2d_backward", F.avg_pool2d_backward),
    ("flatten_backward", F.flatten_backward),
    ("flatten_backward", lambda dy, input_shape: np.ascontiguousarray(dy).reshape(*input_shape)),
    ("flatten_backward", lambda dy, input_shape: np.stack([row.reshape(input_shape[1:]) for row in dy])),
    ("relu_backward", lambda dy, x: np.where(x > 0, dy, 0)),
    ("relu_backward", lambda dy, x: dy * np.heaviside(x, 0)),
    ("relu_backward", lambda dy, x: np.minimum(np.ceil(np.maximum(x, 0)), 1) * dy),
    ("dropout_backward", lambda dy, mask, p: np.where(mask, dy / (1 - p), 0)),
    ("dropout_backward", lambda dy, mask, p: (dy * (mask / (1 - p))).astype(np.float32)),
    ("linear_backward", F.linear_backward),
    (
        "linear_backward",
        lambda dy, x, w: (
            np.einsum("no,oi->ni", dy, w),
            np.einsum("no,ni->oi", dy, x),
            np.einsum("no->o", dy),
        ),
    ),
    ("linear_backward", lambda dy, x, w: [(w.T @ dy.T).T, (x.T @ dy).T, list(dy.sum(axis=0))]),
    ("cross_entropy_gradient", lambda logits, targets: F.cross_entropy(logits, targets)[1]),
    ("batch_norm2d_backward", F.batch_norm2d_backward),
    ("residual_backward", lambda dy, branch_backward: branch_backward(dy) + dy),
    ("conv_transpose2d", F.conv_transpose2d),
]


@right("relu_backward")
def on_a_copy(dy, x):
    dx = dy.copy()
    dx[x <= 0] = 0
    return dx


@right("max_pool2d_backward")
def with_bincount(dy, indices, input_shape):
    N, C, H, W = input_shape
    dx = np.zeros((N, C, H * W))
    for n in range(N):
        for c in range(C):
            dx[n, c] = np.bincount(indices[n, c].ravel(), dy[n, c].ravel(), H * W)
    return dx.reshape(input_shape)


@right("avg_pool2d_backward")
def as_a_convolution(dy, input_shape, kernel_size, stride=None, padding=0):
    k = kernel_size
    C = input_shape[1]
    w = np.eye(C)[:, :, None, None] * np.full((k, k), 1 / k**2)
    return loops.input_gradient(dy, np.zeros(input_shape), w, stride or k, padding)


@right("cross_entropy_gradient")
def row_by_row(logits, targets):
    dlogits = []
    for row, target in zip(logits, targets, strict=True):
        p = np.exp(row - row.max())
        p = p / p.sum()
        p[target] = p[target] - 1
        dlogits.append(p / len(logits))
    return dlogits


@right("cross_entropy_gradient")
def with_one_hot(logits, targets):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (p - (np.arange(logits.shape[1]) == targets[:, None])) / logits.shape[0]


@right("batch_norm2d_backward")
def norm_by_the_chain(dy, x, weight, eps=1e-5):
    """The long way round, through every step of the forward pass."""
    m = x.shape[0] * x.shape[2] * x.shape[3]
    axes = (0, 2, 3)
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    var = (centred**2).mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(var + eps)
    dnorm = dy * weight[None, :, None, None]
    dvar = (dnorm * centred * -0.5 * inverse**3).sum(axis=axes, keepdims=True)
    dmean = (-dnorm * inverse).sum(axis=axes, keepdims=True) + dvar * (-2 * centred).mean(axis=axes, keepdims=True)
    dx = dnorm * inverse + dvar * 2 * centred / m + dmean / m
    return dx, (dy * centred * inverse).sum(axis=axes), dy.sum(axis=axes)


@right("conv_transpose2d")
def spread_and_correlate(x, w, b=None, stride=1, padding=0, output_padding=0):
    C_in, C_out, kH, kW = w.shape
    N, _, H, W = x.shape
    spread = np.zeros((N, C_in, (H - 1) * stride + 1 + output_padding, (W - 1) * stride + 1 + output_padding))
    spread[:, :, : (H - 1) * stride + 1 : stride, : (W - 1) * stride + 1 : stride] = x
    edge = (0, 0), (0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)
    windows = sliding_window_view(np.pad(spread, edge), (kH, kW), axis=(2, 3))
    y = np.einsum("ncijpq,copq->noij", windows, w[:, :, ::-1, ::-1])
    y = y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]
    return y if b is None else y + b.reshape(1, -1, 1, 1)


# ---------------------------------------------------------------- the layer

RIGHT += [("Conv2d", layers.Conv2d), ("Linear", layers.Linear)]


@right("Linear")
class ByHand(Module):
    """No second names; new arrays in place of +=."""

    def __init__(self, n_in, n_out, rng=None):
        rng = rng or np.random.default_rng()
        self.weight = Parameter(rng.normal(0, np.sqrt(2 / n_in), (n_out, n_in)))
        self.bias = Parameter(np.zeros(n_out))

    def forward(self, rows):
        self.rows = np.array(rows)
        return np.einsum("ni,oi->no", rows, self.weight.data) + self.bias.data

    def backward(self, dy):
        self.weight.grad = self.weight.grad + np.einsum("no,ni->oi", dy, self.rows)
        self.bias.grad = self.bias.grad + dy.sum(0)
        return np.einsum("no,oi->ni", dy, self.weight.data)


@right("Conv2d")
class WithColumns(Module):
    """Through im2col, gradients set anew instead of +=, float64 weights."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, rng=None):
        rng = rng or np.random.default_rng(0)
        size = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = Parameter(rng.normal(0, np.sqrt(2 / (in_channels * kernel_size**2)), size))
        self.bias = Parameter(np.zeros(out_channels))
        self.s, self.p = stride, padding

    def forward(self, image):
        self.cache = image, loops.im2col(image, self.weight.data.shape[2:], self.s, self.p)
        N, _, H, W = image.shape
        w = self.weight.data
        y = w.reshape(len(w), -1) @ self.cache[1] + self.bias.data[:, None]
        return y.reshape(N, len(w), F.out_size(H, w.shape[2], self.s, self.p), -1)

    def backward(self, dy):
        image, _ = self.cache
        dx, dw, db = loops.conv2d_backward_gemm(dy, image, self.weight.data, self.s, self.p)
        self.weight.grad = self.weight.grad + dw
        self.bias.grad = self.bias.grad + db
        return dx


@right("Conv2d")
class KeepsACopy(Module):
    """With every argument of the library's layer, and a copy of the input."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        bias=True,
        *,
        rng=None,
        dtype=np.float64,
    ):
        rng = rng or np.random.default_rng()
        scale = np.sqrt(2 / (in_channels * kernel_size * kernel_size))
        self.weight = Parameter(rng.standard_normal((out_channels, in_channels, kernel_size, kernel_size)) * scale)
        self.bias = Parameter(np.zeros(out_channels))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        self.x = np.array(x)
        return loops.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        self.weight.grad += loops.weight_gradient(dy, self.x, self.weight.data, self.stride, self.padding)
        self.bias.grad += dy.sum(axis=(0, 2, 3))
        return loops.input_gradient(dy, self.x, self.weight.data, self.stride, self.padding)


# ---------------------------------------------------------------- the clinic


@right("clinic_01")
def stamped_one_by_one(dy, x, w, stride=1, padding=0):
    N, F_, H_out, W_out = dy.shape
    _, _, kH, kW = w.shape
    H, W = x.shape[2:]
    padded = np.zeros((N, x.shape[1], H + 2 * padding, W + 2 * padding))
    for n in range(N):
        for f in range(F_):
            for i in range(H_out):
                for j in range(W_out):
                    rows = slice(i * stride, i * stride + kH)
                    cols = slice(j * stride, j * stride + kW)
                    padded[n, :, rows, cols] += w[f] * dy[n, f, i, j]
    return padded[:, :, padding : padding + H, padding : padding + W]


@right("clinic_01")
def columns_by_einsum(dy, x, w, stride=1, padding=0):
    cols = np.einsum("fcab,nfij->ncabij", w, dy)
    N, C, kH, kW = cols.shape[:4]
    return F.col2im(cols.reshape(N, C * kH * kW, -1), x.shape[2:], (kH, kW), stride, padding)


@right("clinic_01")
def by_the_adjoint_on_unit_images(dy, x, w, stride=1, padding=0):
    """<dy, conv(e)> for every unit image e: slow, and with no thought of turning anything."""
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[index] = 1
        dx[index] = np.sum(dy * F.conv2d(unit, w, stride=stride, padding=padding))
    return dx


@right("clinic_02")
def window_by_window(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    kH, kW = w.shape
    dw = np.zeros_like(w)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dw += dy[i, j] * xp[i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@right("clinic_02")
def every_stride_th_pixel_then_cut(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    H_out, W_out = dy.shape
    dw = np.zeros(w.shape)
    for p in range(w.shape[0]):
        for q in range(w.shape[1]):
            dw[p, q] = (xp[p::stride, q::stride][:H_out, :W_out] * dy).sum()
    return dw


@right("clinic_02")
def with_a_dilated_dy(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dilated = np.zeros([(n - 1) * stride + 1 for n in dy.shape])
    dilated[::stride, ::stride] = dy
    windows = sliding_window_view(xp, dilated.shape)[: w.shape[0], : w.shape[1]]
    return np.einsum("abij,ij->ab", windows, dilated)


@right("clinic_03")
def remainder_appended_to_dy(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW), (H_out, W_out) = x.shape, w.shape, dy.shape
    left_over = [(H + 2 * padding - kH) % stride, (W + 2 * padding - kW) % stride]
    spread = np.zeros(((H_out - 1) * stride + 1 + left_over[0], (W_out - 1) * stride + 1 + left_over[1]))
    spread[: (H_out - 1) * stride + 1 : stride, : (W_out - 1) * stride + 1 : stride] = dy
    spread = np.pad(spread, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    full = np.einsum("ijab,ab->ij", sliding_window_view(spread, (kH, kW)), w[::-1, ::-1])
    return full[padding : padding + H, padding : padding + W]


@right("clinic_03")
def short_array_put_into_the_padded_one(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape
    dxp = np.zeros((x.shape[0] + 2 * padding, x.shape[1] + 2 * padding))
    for a in range(kH):
        for b in range(kW):
            dxp[a : a + stride * dy.shape[0] : stride, b : b + stride * dy.shape[1] : stride] += w[a, b] * dy
    return dxp[padding : len(dxp) - padding, padding : dxp.shape[1] - padding]


@right("clinic_04")
def winner_found_by_unravel_index(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros_like(x)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            a, b = np.unravel_index(np.argmax(x[i * k : (i + 1) * k, j * k : (j + 1) * k]), (k, k))
            dx[i * k + a, j * k + b] = dy[i, j]
    return dx


@right("clinic_04")
def mask_divided_by_its_sum(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        here = np.s_[i * k : i * k + k, j * k : j * k + k]
        mask = (x[here] == x[here].max()).astype(float)
        dx[here] = mask / mask.sum() * dy[i, j]
    return dx


@right("clinic_04")
def last_of_the_winners(dy, x, kernel_size):
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        best, where = -np.inf, None
        for a in range(k):
            for b in range(k):
                if x[i * k + a, j * k + b] >= best:
                    best, where = x[i * k + a, j * k + b], (i * k + a, j * k + b)
        dx[where] = dy[i, j]
    return dx


@right("clinic_05")
def mask_of_each_window_added(dy, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            rows = slice(i * stride, i * stride + kernel_size)
            cols = slice(j * stride, j * stride + kernel_size)
            window = x[rows, cols]
            dx[rows, cols] += (window == window.max()) * dy[i, j]
    return dx


@right("clinic_05")
def all_windows_at_once_by_add_at(dy, x, kernel_size, stride):
    windows = sliding_window_view(x, (kernel_size, kernel_size))[::stride, ::stride]
    inside = windows.reshape(*dy.shape, -1).argmax(axis=2)
    rows = np.arange(dy.shape[0])[:, None] * stride + inside // kernel_size
    cols = np.arange(dy.shape[1]) * stride + inside % kernel_size
    dx = np.zeros(x.shape)
    np.add.at(dx, (rows, cols), dy)
    return dx


@right("clinic_06")
def summed_axis_after_axis(dy):
    return dy.sum(axis=3).sum(axis=2).sum(axis=0)


@right("clinic_06")
def added_up_in_loops(dy):
    db = np.zeros(dy.shape[1])
    for image in dy:
        for f, plane in enumerate(image):
            db[f] += plane.sum()
    return db


@right("clinic_07")
def image_by_image(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    dw = np.zeros((len(w), cols.shape[1]))
    for n in range(len(x)):
        dw += dy[n].reshape(len(w), -1) @ cols[n].T
    return dw.reshape(w.shape)


@right("clinic_07")
def batched_product_then_sum(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    per_image = np.matmul(dy.reshape(len(dy), len(w), -1), cols.transpose(0, 2, 1))
    return per_image.sum(axis=0).reshape(w.shape)


@right("clinic_07")
def images_last_on_both_sides(dy, x, w, stride=1, padding=0):
    cols = F.im2col(x, w.shape[2:], stride, padding).transpose(1, 2, 0)
    rows = dy.transpose(1, 2, 3, 0)
    return (rows.reshape(len(w), -1) @ cols.reshape(cols.shape[0], -1).T).reshape(w.shape)


@right("clinic_08")
def slices_for_each_cell_of_the_kernel(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW) = output_size, kernel_size
    H_out, W_out = F.out_size(H, kH, stride, padding), F.out_size(W, kW, stride, padding)
    cells = cols.reshape(len(cols), -1, kH, kW, H_out, W_out)
    xp = np.zeros((len(cols), cells.shape[1], H + 2 * padding, W + 2 * padding))
    for a, b in np.ndindex(kH, kW):
        xp[:, :, a : a + stride * H_out : stride, b : b + stride * W_out : stride] += cells[:, :, a, b]
    return xp[:, :, padding : padding + H, padding : padding + W]


@right("clinic_08")
def counted_with_bincount(cols, output_size, kernel_size, stride=1, padding=0):
    """Which pixel each entry came from is asked of im2col itself."""
    H, W = output_size
    N, C = len(cols), cols.shape[1] // (kernel_size[0] * kernel_size[1])
    numbers = np.arange(1, C * H * W + 1, dtype=float).reshape(1, C, H, W)
    source = loops.im2col(numbers, kernel_size, stride, padding)[0].astype(int).ravel()
    images = [np.bincount(source, one.ravel(), minlength=C * H * W + 1)[1:] for one in cols]
    return np.reshape(images, (N, C, H, W))


@right("clinic_09")
def by_where(dy, x):
    return np.where(x > 0, dy, 0.0)


@right("clinic_09")
def entry_by_entry(dy, x):
    dx = np.empty_like(dy)
    for index in np.ndindex(x.shape):
        dx[index] = dy[index] if x[index] > 0 else 0
    return dx


@right("clinic_09")
def sign_of_the_output(dy, x):
    return dy * np.sign(np.maximum(0, x))


@right("clinic_10")
def summed_over_the_batch_by_einsum(dy, x, w):
    return np.einsum("no,oi->ni", dy, w), np.einsum("no,ni->oi", dy, x), np.einsum("no->o", dy)


@right("clinic_10")
def outer_products_of_each_example(dy, x, w):
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for n in range(len(x)):
        dx[n] = w.T @ dy[n]
        dw += np.outer(dy[n], x[n])
        db += dy[n]
    return dx, dw, db


@right("clinic_11")
def with_a_copy(dy, x, w):
    branch = dy.copy()
    branch[x @ w.T <= 0] = 0
    return branch @ w + dy


@right("clinic_11")
def one_example_at_a_time(dy, x, w):
    dx = []
    for d, row in zip(dy, x, strict=True):
        open_doors = (w @ row) > 0
        dx.append(d + w.T @ np.where(open_doors, d, 0))
    return np.array(dx)


@right("clinic_12")
def old_weights_kept_under_a_name(dy, x, w, lr):
    old = w
    w = old - lr * np.dot(dy.T, x)
    return np.dot(dy, old), w


@right("clinic_12")
def both_from_sums_over_examples(dy, x, w, lr):
    dw = sum(np.outer(d, row) for d, row in zip(dy, x, strict=True))
    return np.array([w.T @ d for d in dy]), w - lr * dw


@right("clinic_13")
def step_by_step_through_the_graph(dy, x, weight, eps=1e-5):
    """As in the well-known posts: mean, variance, root, quotient, each with its own gradient."""
    N, C, H, W = x.shape
    m = N * H * W
    xs = x.transpose(1, 0, 2, 3).reshape(C, m)
    ds = dy.transpose(1, 0, 2, 3).reshape(C, m) * weight[:, None]
    centred = xs - xs.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    inverse = (variance + eps) ** -0.5
    dvariance = (ds * centred).sum(axis=1, keepdims=True) * -0.5 * inverse**3
    dcentred = ds * inverse + dvariance * 2 * centred / m
    dmean = -dcentred.sum(axis=1, keepdims=True)
    return (dcentred + dmean / m).reshape(C, N, H, W).transpose(1, 0, 2, 3)


@right("clinic_13")
def the_formula_with_m(dy, x, weight, eps=1e-5):
    dx = np.zeros_like(x)
    for c in range(x.shape[1]):
        plane, d = x[:, c], dy[:, c]
        m = plane.size
        std = np.sqrt(plane.var() + eps)
        xhat = (plane - plane.mean()) / std
        dx[:, c] = weight[c] / (m * std) * (m * d - d.sum() - xhat * (d * xhat).sum())
    return dx


@right("clinic_14")
def divided_by_the_kept_share(dy, mask, p):
    kept = 1 - p
    return np.where(mask, dy / kept, 0)


@right("clinic_14")
def the_scaled_mask_first(dy, mask, p):
    scale = mask.astype(float) * (1.0 / (1.0 - p))
    return scale * dy


@right("training_step")
def emptied_first(layer, loss, optimizer, x, target):
    optimizer.zero_grad()
    prediction = layer(x)
    value = loss(prediction, target)
    gradient = loss.backward()
    layer.backward(gradient)
    optimizer.step()
    return value


@right("training_step")
def emptied_at_the_end_by_the_layer(layer, loss, optimizer, x, target):
    result = loss.forward(layer.forward(x), target)
    layer.backward(loss.backward())
    optimizer.step()
    layer.zero_grad()
    return float(result)


@right("training_step")
def with_the_gradient_of_the_mean_square_by_hand(layer, loss, optimizer, x, target):
    y = layer.forward(x)
    optimizer.zero_grad()
    layer.backward(2 * (y - target) / y.size)
    optimizer.step()
    return np.mean((y - target) ** 2)


@right("fit")
def shuffled_in_place_and_split(step, x, y, epochs, batch_size, rng):
    numbers, means = np.arange(len(x)), []
    for _ in range(epochs):
        rng.shuffle(numbers)
        parts = np.split(numbers, range(batch_size, len(x), batch_size))
        means.append(np.average([step(x[part], y[part]) for part in parts], weights=[len(part) for part in parts]))
    return means


@right("fit")
def a_list_that_gets_shorter(step, x, y, epochs, batch_size, rng):
    result = []
    while len(result) < epochs:
        left, total = list(rng.permutation(len(x))), 0
        while left:
            now, left = left[:batch_size], left[batch_size:]
            total = total + step(x[now], y[now]) * len(now)
        result.append(total / len(y))
    return np.array(result)


@right("saliency")
def a_row_of_the_unit_matrix(model, image, digit):
    classes = model.forward(image).shape[1]
    return model.backward(np.eye(classes)[digit : digit + 1]).reshape(image.shape[2:])


@right("saliency")
def a_difference_of_two_backward_passes(model, image, digit):
    scores = model.forward(image)
    ones = np.ones(scores.shape)
    others = ones.copy()
    others[:, digit] = 0
    return np.squeeze(model.backward(ones) - model.backward(others), axis=(0, 1))


@right("turn_into")
def brighter_and_darker_by_masks(model, loss, image, digit, eps):
    loss.forward(model.forward(image), np.full(len(image), digit))
    slope = model.backward(loss.backward())
    moved = image.copy()
    moved[slope < 0] += eps
    moved[slope > 0] -= eps
    moved[moved < 0] = 0
    moved[moved > 1] = 1
    return moved


@right("turn_into")
def with_the_gradient_of_the_loss_by_hand(model, loss, image, digit, eps):
    z = model.forward(image)
    p = np.exp(z) / np.exp(z).sum()
    p[0, digit] -= 1
    return np.minimum(np.maximum(image - np.sign(model.backward(p)) * eps, 0.0), 1.0)


@right("residual_backward")
def branch_first(dy, branch_backward):
    through = np.array(branch_backward(dy.copy()))
    through += dy
    return through


# ---------------------------------------------------------------- lessons 09 and 10


@right("gradient_std")
def from_the_variance(shape, stride=1):
    products = np.prod(shape) / shape[1] / stride / stride
    return (products / 2) ** -0.5


@right("gradient_std")
def by_he_and_the_transposed_shape(shape, stride=1):
    return float(stride) * np.sqrt(2.0) / np.linalg.norm(np.ones((shape[0], *shape[2:])))


@right("double_backward")
def four_slices(dy):
    rows = dy[:, :, ::2] + dy[:, :, 1::2]
    return rows[..., ::2] + rows[..., 1::2]


@right("double_backward")
def as_an_average_pool(dy):
    return 4 * F.avg_pool2d(dy, 2)


@right("Swish")
class SwishFromY(Module):
    """Keeps y and the logits, and takes the slope from y itself."""

    def __init__(self, channels):
        self.beta = Parameter(np.ones((channels, 1, 1)))

    def forward(self, x):
        self.logits, self.kept = self.beta.data * x, x.copy()
        self.y = x * (1 + np.tanh(self.logits / 2)) / 2
        return self.y

    def backward(self, dy):
        s = (1 + np.tanh(self.logits / 2)) / 2
        slope = self.y * (1 - s)
        self.beta.grad += np.einsum("nchw,nchw,nchw->c", dy, slope, self.kept)[:, None, None]
        return dy * s + dy * slope * self.beta.data


@right("Swish")
class SwishChannelByChannel(Module):
    def __init__(self, channels):
        self.beta = Parameter(np.full((channels, 1, 1), 1.0))

    def forward(self, x):
        self.input = x
        return np.stack([x[:, c] / (1 + np.exp(-b * x[:, c])) for c, b in enumerate(self.beta.data.ravel())], axis=1)

    def backward(self, dy):
        dx = np.empty(dy.shape)
        for c, b in enumerate(self.beta.data.ravel()):
            x = self.input[:, c]
            s = 1 / (1 + np.exp(-b * x))
            dx[:, c] = dy[:, c] * s * (1 + b * x * (1 - s))
            self.beta.grad[c] += (dy[:, c] * x**2 * s * (1 - s)).sum()
        return dx


# ---------------------------------------------------------------- optimizers


@right("sgd_step")
def along_minus_the_velocity(w, dw, velocity, lr, momentum):
    faded = velocity.copy()
    faded *= momentum
    faded += dw
    return w + (-lr) * faded, faded


@right("sgd_step")
def one_weight_at_a_time(w, dw, velocity, lr, momentum):
    w, velocity = w.copy(), velocity.copy()
    for place in np.ndindex(w.shape):
        velocity[place] = momentum * velocity[place] + dw[place]
        w[place] -= lr * velocity[place]
    return w, velocity


@right("adam_step")
def as_in_the_paper(theta, g, m, v, t, alpha, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - alpha * m_hat / (np.sqrt(v_hat) + eps), m, v


@right("adam_step")
def with_the_correction_in_the_rate(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
    correction = np.sqrt(1 - beta2**t)
    rate = lr * correction / (1 - beta1**t)
    return w - rate * m / (v**0.5 + eps * correction), m, v


@right("cross_entropy_loss")
def with_logaddexp(logits, targets):
    total = np.logaddexp.reduce(logits, axis=1)
    return float(np.mean(total - logits[np.arange(len(logits)), targets]))


@right("cross_entropy_loss")
def row_after_row(logits, targets):
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        largest = max(row)
        total += largest + np.log(sum(np.exp(row - largest))) - row[target]
    return total / len(logits)


# ---------------------------------------------------------------- the same without loops over windows


@right("im2col_fast")
def as_a_strided_view(x, kernel_size, stride=1, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(xp, kernel_size, axis=(2, 3))[:, :, ::stride, ::stride]
    N, C, rows, columns, kH, kW = windows.shape
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(N, C * kH * kW, rows * columns)


@right("im2col_fast")
def with_images_innermost(x, kernel_size, stride=1, padding=0):
    kH, kW = kernel_size
    xp = np.pad(x.transpose(1, 2, 3, 0), ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = (xp.shape[1] - kH) // stride + 1, (xp.shape[2] - kW) // stride + 1
    cells = [
        xp[:, a : a + stride * (rows - 1) + 1 : stride, b : b + stride * (columns - 1) + 1 : stride]
        for a in range(kH)
        for b in range(kW)
    ]
    cols = np.stack(cells, axis=1).reshape(-1, rows * columns, len(x))
    return cols.transpose(2, 0, 1)


@right("col2im_fast")
def rows_of_the_kernel_then_columns(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW), N = output_size, kernel_size, len(cols)
    rows, columns = (H + 2 * padding - kH) // stride + 1, (W + 2 * padding - kW) // stride + 1
    six = cols.reshape(N, -1, kH, kW, rows, columns)
    wide = np.zeros((*six.shape[:3], rows, W + 2 * padding), cols.dtype)
    for b in range(kW):
        wide[..., b : b + stride * columns : stride] += six[:, :, :, b]
    xp = np.zeros((*six.shape[:2], H + 2 * padding, W + 2 * padding), cols.dtype)
    for a in range(kH):
        xp[:, :, a : a + stride * rows : stride] += wide[:, :, a]
    return xp[:, :, padding : padding + H, padding : padding + W]


@right("col2im_fast")
def counted_into_places(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), N, C = output_size, len(cols), cols.shape[1] // (kernel_size[0] * kernel_size[1])
    numbers = 1 + np.arange(N * C * H * W, dtype=float).reshape(N, C, H, W)
    places = as_a_strided_view(numbers, kernel_size, stride, padding).astype(int)
    sums = np.bincount(places.ravel(), cols.ravel(), minlength=numbers.size + 1)
    return sums[1:].reshape(N, C, H, W).astype(cols.dtype)  # place 0 is the border


@right("max_pool2d_fast")
def argmax_over_views(x, kernel_size, stride=None, padding=0):
    step = stride or kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    windows = sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::step, ::step]
    flat = windows.reshape(*windows.shape[:4], -1)
    best = flat.argmax(axis=-1)
    rows, columns = np.indices(best.shape)[2:] * step - padding
    indices = (rows + best // kernel_size) * x.shape[3] + columns + best % kernel_size
    return np.take_along_axis(flat, best[..., None], -1)[..., 0], indices


@right("max_pool2d_fast")
def from_the_last_cell_to_the_first(x, kernel_size, stride=None, padding=0):
    step, (H, W) = stride or kernel_size, x.shape[2:]
    places = np.arange(H * W).reshape(H, W)
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    places = np.pad(places, padding)
    rows, columns = ((n + 2 * padding - kernel_size) // step + 1 for n in (H, W))
    y, indices = None, None
    for a in reversed(range(kernel_size)):
        for b in reversed(range(kernel_size)):
            here = np.s_[..., a : a + step * rows : step, b : b + step * columns : step]
            if y is None:
                y, indices = xp[here].copy(), np.broadcast_to(places[here], xp[here].shape).copy()
            better = xp[here] >= y
            np.copyto(indices, places[here], where=better & (xp[here] > -np.inf))
            np.copyto(y, xp[here], where=better)
    return y, indices


@right("max_pool2d_backward_fast")
def sorted_and_summed(dy, indices, input_shape):
    N, C, H, W = input_shape
    places = (np.arange(N * C).reshape(N, C, 1, 1) * H * W + indices).ravel()
    order = np.argsort(places, kind="stable")
    places, first = np.unique(places[order], return_index=True)
    dx = np.zeros(N * C * H * W, dy.dtype)
    dx[places] = np.add.reduceat(dy.ravel()[order], first)
    return dx.reshape(input_shape)


@right("max_pool2d_backward_fast")
def one_add_at(dy, indices, input_shape):
    dx = np.zeros(input_shape, dy.dtype)
    n, c = np.ogrid[: input_shape[0], : input_shape[1]]
    places = ((n * input_shape[1] + c) * input_shape[2] * input_shape[3])[:, :, None, None] + indices
    np.add.at(dx.ravel(), places.ravel(), dy.ravel())
    return dx


@right("conv1d_backward")
def both_by_whole_arrays(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    dxp[: (len(dy) - 1) * stride + len(w)] = np.convolve(
        np.kron(dy, np.eye(1, stride)[0])[: (len(dy) - 1) * stride + 1], w
    )
    windows = sliding_window_view(np.pad(x, padding), len(w))[::stride]
    return dxp[padding : len(dxp) - padding], dy @ windows


@right("conv1d_backward")
def both_product_by_product(dy, x, w, stride=1, padding=0):
    dx, dw = np.zeros(len(x)), np.zeros(len(w))
    for j, t in np.ndindex(len(dy), len(w)):
        i = j * stride + t - padding
        if 0 <= i < len(x):
            dx[i] += dy[j] * w[t]
            dw[t] += dy[j] * x[i]
    return dx, dw


RIGHT.append(("avg_pool2d", F.avg_pool2d))


@right("avg_pool2d")
def mean_of_a_view(x, kernel_size, stride=None, padding=0):
    step = kernel_size if stride is None else stride
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return sliding_window_view(xp, (kernel_size, kernel_size), axis=(2, 3))[:, :, ::step, ::step].mean(axis=(4, 5))


@right("avg_pool2d")
def number_by_number(x, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    N, C, H, W = x.shape
    rows, columns = ((size + 2 * padding - kernel_size) // stride + 1 for size in (H, W))
    y = np.zeros((N, C, rows, columns))
    for n, c, i, j, a, b in np.ndindex(N, C, rows, columns, kernel_size, kernel_size):
        u, v = i * stride + a - padding, j * stride + b - padding
        if 0 <= u < H and 0 <= v < W:
            y[n, c, i, j] += x[n, c, u, v] / kernel_size**2
    return y


@right("avg_pool2d")
def constant_kernel_through_the_columns(x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    N, C, H, W = x.shape
    cols = F.im2col(x.reshape(N * C, 1, H, W), kernel_size, stride, padding)
    rows, columns = F.out_size(H, kernel_size, stride, padding), F.out_size(W, kernel_size, stride, padding)
    return cols.mean(axis=1).reshape(N, C, rows, columns)


@right("avg_pool2d_backward")
def clipped_windows_mended(dy, input_shape, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    dx = np.zeros(input_shape)
    for i, j in np.ndindex(dy.shape[2:]):
        top, left = i * stride - padding, j * stride - padding
        window = dx[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
        window += dy[:, :, i, j, None, None] / kernel_size**2
    return dx


@right("conv2d_backward")
def loop_mended_line_by_line(dy, x, w, stride=1, padding=0):
    (_, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        window = (slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW))
        dw[f] += dy[n, f, i, j] * xp[n][window]
        dxp[n][window] += dy[n, f, i, j] * w[f]
    db = dy.sum(axis=(0, 2, 3))
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, db


@right("conv2d_backward_gemm")
def products_mended_line_by_line(dy, x, w, stride=1, padding=0):
    N, C_out = dy.shape[:2]
    kernel_size = w.shape[2:]
    cols = F.im2col(x, kernel_size, stride, padding)
    dy_rows = dy.reshape(N, C_out, -1)
    w_row = w.reshape(C_out, -1)
    dw = (dy_rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dx = F.col2im(w_row.T @ dy_rows, x.shape[2:], kernel_size, stride, padding)
    return dx, dw, dy_rows.sum(axis=(0, 2))


# ---------------------------------------------------------------- channels in groups


@right("grouped_conv2d_backward")
def split_and_joined(dy, x, w, stride=1, padding=0, groups=1):
    parts = zip(np.split(dy, groups, 1), np.split(x, groups, 1), np.split(w, groups, 0), strict=True)
    dx, dw, db = zip(*(F.conv2d_backward(*part, stride, padding) for part in parts), strict=True)
    return np.concatenate(dx, axis=1), np.concatenate(dw), np.concatenate(db)


@right("grouped_conv2d_backward")
def filter_by_filter(dy, x, w, stride=1, padding=0, groups=1):
    N, C, H, W = x.shape
    F_out, each, kH, kW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for f in range(F_out):
        start = f // (F_out // groups) * each
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                rows, columns = slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
                given = dy[:, f, i, j].reshape(N, 1, 1, 1)
                dxp[:, start : start + each, rows, columns] += given * w[f]
                dw[f] += (given * xp[:, start : start + each, rows, columns]).sum(axis=0)
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, dy.sum(axis=(0, 2, 3))


@right("grouped_conv2d_backward")
def an_axis_of_groups(dy, x, w, stride=1, padding=0, groups=1):
    N, C, H, W = x.shape
    kH, kW = w.shape[2:]
    H_out, W_out = dy.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))).reshape(
        N, groups, -1, H + 2 * padding, W + 2 * padding
    )
    dy5, w5 = dy.reshape(N, groups, -1, H_out, W_out), w.reshape(groups, -1, *w.shape[1:])
    dxp, dw5 = np.zeros(xp.shape), np.zeros(w5.shape)
    for a in range(kH):
        for b in range(kW):
            down, across = a + stride * (H_out - 1) + 1, b + stride * (W_out - 1) + 1
            place = (..., slice(a, down, stride), slice(b, across, stride))
            dxp[place] += np.einsum("ngfij,gfc->ngcij", dy5, w5[..., a, b])
            dw5[..., a, b] = np.einsum("ngfij,ngcij->gfc", dy5, xp[place])
    dx = dxp[..., padding : padding + H, padding : padding + W].reshape(x.shape)
    return dx, dw5.reshape(w.shape), dy.sum((0, 2, 3))


@right("depthwise_weight_gradient")
def cell_by_cell(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    H_out, W_out = dy.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dw = np.empty(w.shape)
    for a in range(kH):
        for b in range(kW):
            met = xp[:, :, a : a + stride * (H_out - 1) + 1 : stride, b : b + stride * (W_out - 1) + 1 : stride]
            dw[:, 0, a, b] = (met * dy).sum(axis=(0, 2, 3))
    return dw


@right("depthwise_weight_gradient")
def channel_by_channel(dy, x, w, stride=1, padding=0):
    each = [F.conv2d_backward(dy[:, [c]], x[:, [c]], w[[c]], stride, padding)[1] for c in range(len(w))]
    return np.concatenate(each)


@right("depthwise_weight_gradient")
def windows_and_einsum(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(xp, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    windows = windows[:, :, : dy.shape[2], : dy.shape[3]]
    return np.einsum("ncij,ncijab->cab", dy, windows)[:, None]
