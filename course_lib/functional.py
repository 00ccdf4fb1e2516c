"""The operations of a convolutional network on NumPy arrays, each forward directly above its backward.

Names and meanings are PyTorch's: images are (N, C, H, W); kernel_size, stride, padding and dilation are ints
or pairs (rows, columns). dy is the gradient dL/dy that comes from above; dx, dw, db are shaped like x, w, b.
No function changes its arguments, and no array that one returns is ever written to again. Results are arrays of
their own, but for flatten and flatten_backward, which return views as in PyTorch, and batch_norm2d, which hands back
the mean and var that it was given.

Inside, images lie in memory as (C, H, W, N), the batch innermost: shifting a window then moves long unbroken
runs, which is what makes plain slices fast. `_batch_last` and `_batch_first` go between the two orders.
"""

import math

import numpy as np

from course_lib._support import blocked, checks
from course_lib._support.checks import out_size

__all__ = [
    "avg_pool2d", "avg_pool2d_backward", "batch_norm2d", "batch_norm2d_backward", "col2im", "conv2d",
    "conv2d_backward", "conv2d_input_gradient", "conv2d_weight_gradient", "conv_transpose2d",
    "conv_transpose2d_backward", "cross_entropy", "dropout", "dropout_backward", "flatten", "flatten_backward",
    "im2col", "linear", "linear_backward", "max_pool2d", "max_pool2d_backward", "max_pool2d_winner",
    "max_pool2d_winner_backward", "mse", "out_size", "relu", "relu_backward", "softmax",
]  # fmt: skip

# ---------------------------------------------------------------- windows


class Windows:
    """Where a kernel stands, and which pixels each of its cells meets there."""

    def __init__(self, kernel_size, stride, padding, dilation):
        self.kernel_size = checks.pair("kernel_size", kernel_size, 1)
        self.stride = checks.pair("stride", stride, 1)
        self.padding = checks.pair("padding", padding, 0)
        self.dilation = checks.pair("dilation", dilation, 1)

    def count(self, size):
        """(H, W) of the input -> (H_out, W_out), the number of windows down and across."""
        return tuple(map(out_size, size, self.kernel_size, self.stride, self.padding, self.dilation))

    def seen(self, padded, count):
        """padded (C, H + 2 pH, W + 2 pW, N) -> the view (C, kH, kW, H_out, W_out, N): what each kernel cell meets.

        Nothing is copied: where windows overlap, one pixel stands in several places.
        """
        C, _, _, N = padded.shape
        channel, row, column, image = padded.strides
        (down, across), (dH, dW) = self.stride, self.dilation
        shape = C, *self.kernel_size, *count, N
        strides = channel, dH * row, dW * column, down * row, across * column, image
        # A single step is never taken, however far it would lead: a stride may be larger than any memory
        strides = [0 if length == 1 else step for length, step in zip(shape, strides, strict=True)]
        return np.ndarray(shape, padded.dtype, buffer=padded, strides=strides)

    def first_inside(self, count):
        """(H_out, W_out): which cell of each window, counted row by row, is the first that is not on padding."""
        (top, left), (down, across) = self.padding, self.stride
        i = np.maximum(top - down * np.arange(count[0]), 0)
        j = np.maximum(left - across * np.arange(count[1]), 0)
        return i[:, None] * self.kernel_size[1] + j

    def pad(self, x, value=0):
        """x (N, C, H, W) -> (C, H + 2 pH, W + 2 pW, N), batch last. Only to be read: it may be a view of x."""
        N, C, *size = x.shape
        if self.padding == (0, 0):
            return _batch_last(x)
        padded = blocked.scratch("padded", self.padded_shape(C, size, N), x.dtype)
        (top, left), (H, W) = self.padding, size
        for border in padded[:, :top], padded[:, top + H :], padded[:, :, :left], padded[:, :, left + W :]:
            border[...] = value
        self.inner(padded, size)[...] = x.transpose(1, 2, 3, 0)
        return padded

    def padded_shape(self, C, size, N):
        H, W = (n + 2 * p for n, p in zip(size, self.padding, strict=True))
        return checks.holdable("padding", (C, H, W, N))

    def inner(self, padded, size):
        """(C, H + 2 pH, W + 2 pW, N) -> the view (C, H, W, N) without the padding."""
        top, left = self.padding
        return padded[:, top : top + size[0], left : left + size[1]]

    def unpad(self, padded, size):
        """(C, H + 2 pH, W + 2 pW, N) -> (N, C, H, W) without the padding."""
        return _batch_first(np.ascontiguousarray(self.inner(padded, size)))


def _add_up(columns, seen):
    """Add columns (C, kH, kW, H_out, W_out, N) to the pixels they were seen in: the transpose of columns = seen.

    One kernel cell at a time, because its windows share no pixel.
    """
    _, kH, kW, *_ = seen.shape
    for i in range(kH):
        for j in range(kW):
            pixels = seen[:, i, j]
            pixels += columns[:, i, j]


def _batch_last(x):
    """(N, C, H, W) -> (C, H, W, N), contiguous; free if x came from this module."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def _batch_first(x):
    """(C, H, W, N) -> (N, C, H, W), always a view."""
    return x.transpose(3, 0, 1, 2)


def _matrix(y):
    """y (C, rows, W, N), batch last -> the view (C, rows W N)."""
    return y.reshape(len(y), -1)


# ---------------------------------------------------------------- im2col


def im2col(x, kernel_size, stride=1, padding=0, dilation=1):
    """x (N, C, H, W) -> cols (N, C kH kW, L): one column for each of the L = H_out W_out windows.

    As torch.nn.functional.unfold. Source: Chellapilla et al. 2006.
    """
    x = checks.floats(x=x)
    checks.ndim("x", x, "(N, C, H, W)")
    windows = Windows(kernel_size, stride, padding, dilation)
    N, C, *size = x.shape
    count = windows.count(size)
    checks.holdable("kernel_size", (N, C * math.prod(windows.kernel_size), math.prod(count)))
    cols = windows.seen(windows.pad(x), count).copy()
    return cols.reshape(-1, math.prod(count), N).transpose(2, 0, 1)


def col2im(cols, output_size, kernel_size, stride=1, padding=0, dilation=1):
    """cols (N, C kH kW, L) -> x (N, C, H, W) with (H, W) = output_size: the transpose of im2col, not its inverse.

    As torch.nn.functional.fold: pixels that several windows hold receive the sum.
    """
    cols = checks.floats(cols=cols)
    checks.ndim("cols", cols, "(N, C kH kW, L)")
    size = checks.holdable("output_size", checks.pair("output_size", output_size, 1))
    windows = Windows(kernel_size, stride, padding, dilation)
    kH, kW = windows.kernel_size
    count = windows.count(size)
    N, rows, L = cols.shape
    if rows % (kH * kW) or L != math.prod(count):
        raise ValueError(
            f"cols must have shape (N, C * {kH * kW}, {math.prod(count)}) for output_size {size} and "
            f"kernel_size {(kH, kW)}, but its shape is {cols.shape}"
        )
    cols = cols.transpose(1, 2, 0).reshape(-1, kH, kW, *count, N)
    padded = np.zeros(windows.padded_shape(len(cols), size, N), cols.dtype)
    _add_up(cols, windows.seen(padded, count))
    return windows.unpad(padded, size)


# ---------------------------------------------------------------- convolution


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    """x (N, C_in, H, W), w (C_out, C_in, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out).

    Cross-correlation: the kernel is not flipped.
    """
    x, w, b = checks.floats(x=x, w=w, b=b)
    windows = _convolution(x, w, stride, padding, dilation)
    if b is not None:
        checks.shape("b", b, (len(w),), "one for each filter of w")
    return _gather(x, w, b, windows, windows.count(x.shape[2:]))


def conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,)."""
    dy, x, w = checks.floats(dy=dy, x=x, w=w)
    windows = _convolution(x, w, stride, padding, dilation, dy)
    dy = _batch_first(_batch_last(dy))
    return _scatter(dy, w, windows, x.shape[2:]), *_correlate(dy, x, windows)


def conv2d_input_gradient(dy, x, w, stride=1, padding=0, dilation=1):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x: every output hands dy * w back to its window."""
    dy, x, w = checks.floats(dy=dy, x=x, w=w)
    windows = _convolution(x, w, stride, padding, dilation, dy)
    return _scatter(dy, w, windows, x.shape[2:])


def conv2d_weight_gradient(dy, x, w, stride=1, padding=0, dilation=1):
    """dy (N, C_out, H_out, W_out), x, w -> dw like w, db (C_out,): dy times what each weight had met."""
    dy, x, w = checks.floats(dy=dy, x=x, w=w)
    windows = _convolution(x, w, stride, padding, dilation, dy)
    return _correlate(dy, x, windows)


def _convolution(x, w, stride, padding, dilation, dy=None):
    """Check that the arrays belong to one convolution -> its Windows."""
    checks.ndim("x", x, "(N, C_in, H, W)")
    checks.ndim("w", w, "(C_out, C_in, kH, kW)")
    windows = Windows(w.shape[2:], stride, padding, dilation)
    checks.shape("w", w, (len(w), x.shape[1], *w.shape[2:]), "its second axis must match the channels of x")
    count = windows.count(x.shape[2:])
    if dy is not None:
        checks.shape("dy", dy, (len(x), len(w), *count), "the shape of y")
    return windows


def _unfolded(x, windows, count):
    """x (N, C, H, W) -> the im2col matrix of the whole batch, a few rows of windows at a time.

    Yields which rows, and their columns (C kH kW + 1, rows W_out N) in scratch memory. The last entry of every
    column is 1: the bias is a weight whose input is always 1.
    """
    seen = windows.seen(windows.pad(x), count)
    for rows in blocked.few_rows(seen):
        block = seen[:, :, :, rows]
        weights, positions = math.prod(block.shape[:3]), math.prod(block.shape[3:])
        columns = blocked.scratch("columns", (weights + 1, positions), x.dtype)
        columns[:-1].reshape(block.shape)[...] = block
        columns[-1] = 1
        yield rows, columns


def _gather(x, w, b, windows, count):
    """x (N, C_in, H, W), w (C_out, C_in, kH, kW), b or None -> y (N, C_out, *count): each output reads its window."""
    filters = w.reshape(len(w), -1) if b is None else np.column_stack((w.reshape(len(w), -1), b))
    y = np.empty(checks.holdable("w", (len(w), *count, len(x))), x.dtype)
    for rows, columns in _unfolded(x, windows, count):
        blocked.times_columns(filters, columns[: filters.shape[1]], out=_matrix(y[:, rows]))
    return _batch_first(y)


@blocked.unbuffered()
def _scatter(dy, w, windows, size):
    """dy (N, C_out, H_out, W_out), w (C_out, C_in, kH, kW) -> dx (N, C_in, *size): each output writes to its window."""
    N, C_out, *count = dy.shape
    dy, filters = _batch_last(dy), w.reshape(C_out, -1)
    padded = np.zeros(windows.padded_shape(w.shape[1], size, N), dy.dtype)
    seen = windows.seen(padded, count)
    for rows in blocked.few_rows(seen):
        block = seen[:, :, :, rows]
        columns = blocked.scratch("columns", block.shape, dy.dtype)
        blocked.times_columns(filters.T, _matrix(dy[:, rows]), out=columns.reshape(filters.shape[1], -1))
        _add_up(columns, block)
    return windows.unpad(padded, size)


def _correlate(dy, x, windows):
    """dy (N, C_out, H_out, W_out), x (N, C_in, H, W) -> dw (C_out, C_in, kH, kW), db (C_out,), for dy's windows."""
    dy = _batch_last(dy)
    blocks = _unfolded(x, windows, dy.shape[1:3])
    both = sum(blocked.times_rows(columns, _matrix(dy[:, rows])) for rows, columns in blocks).T
    return both[:, :-1].reshape(len(dy), x.shape[1], *windows.kernel_size), both[:, -1]


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    """x (N, C_in, H, W), w (C_in, C_out, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out).

    H_out = (H - 1) stride - 2 padding + dilation (kH - 1) + output_padding + 1: conv2d's dx, run forward.
    """
    x, w, b = checks.floats(x=x, w=w, b=b)
    windows, size = _transposed(x, w, stride, padding, output_padding, dilation)
    y = _scatter(x, w, windows, size)
    if b is not None:
        checks.shape("b", b, w.shape[1:2], "one for each output channel of w")
        y = y + b[:, None, None]
    return y


def conv_transpose2d_backward(dy, x, w, stride=1, padding=0, output_padding=0, dilation=1):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,): conv2d, run backward.

    dx is conv2d of dy; dw is conv2d's weight gradient with x and dy in each other's place.
    """
    dy, x, w = checks.floats(dy=dy, x=x, w=w)
    windows, size = _transposed(x, w, stride, padding, output_padding, dilation)
    checks.shape("dy", dy, (len(x), w.shape[1], *size), "the shape of y")
    dx = _gather(dy, w, None, windows, x.shape[2:])
    dw, _ = _correlate(x, dy, windows)
    return dx, dw, dy.sum(axis=(0, 2, 3))


def _transposed(x, w, stride, padding, output_padding, dilation):
    """Check that x and w belong to one transposed convolution -> its Windows and (H_out, W_out)."""
    checks.ndim("x", x, "(N, C_in, H, W)")
    checks.ndim("w", w, "(C_in, C_out, kH, kW)")
    checks.shape("w", w, (x.shape[1], *w.shape[1:]), "its first axis must match the channels of x")
    windows = Windows(w.shape[2:], stride, padding, dilation)
    extra = checks.pair("output_padding", output_padding, 0)
    for e, s, d in zip(extra, windows.stride, windows.dilation, strict=True):
        if e >= max(s, d):
            raise ValueError(f"output_padding must be smaller than stride {s} or dilation {d}, but is {e}")
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(
            x.shape[2:], windows.kernel_size, windows.stride, windows.padding, windows.dilation, extra, strict=True
        )
    )
    if min(size) < 1:
        raise ValueError(f"padding must leave something of the output, but {windows.padding} leaves {size}")
    checks.holdable("stride", (len(x), w.shape[1], *size))
    return windows, size


# ---------------------------------------------------------------- pooling


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """x (N, C, H, W) -> y (N, C, H_out, W_out) and indices like y: where in the H x W plane each maximum stood.

    Of equal values the first wins, as in PyTorch. Padding never wins. stride None means kernel_size.
    """
    y, winner = max_pool2d_winner(x, kernel_size, stride, padding)
    windows, count = _pooling(np.shape(x), kernel_size, stride, padding)
    W, kW = np.shape(x)[3], windows.kernel_size[1]
    (top, left), (down, across) = windows.padding, windows.stride
    corner = (np.arange(count[0]) * down - top)[:, None] * W + np.arange(count[1]) * across - left
    cell = np.arange(math.prod(windows.kernel_size))
    offset = cell // kW * W + cell % kW
    return y, _batch_first(offset[_batch_last(winner)] + corner[:, :, None])


def max_pool2d_backward(dy, indices, input_shape):
    """dy and indices (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): the winner takes the gradient.

    A pixel that won several windows collects from all of them.
    """
    dy = checks.floats(dy=dy)
    checks.ndim("dy", dy, "(N, C, H_out, W_out)")
    N, C, H, W = input_shape = checks.array_shape("input_shape", input_shape, "(N, C, H, W)")
    indices = checks.integers("indices", indices)
    checks.winners(dy, indices, input_shape)
    plane = np.arange(C)[:, None, None, None] * (H * W)
    place = (plane + _batch_last(indices).astype(np.intp, copy=False)) * N + np.arange(N)
    dx = np.bincount(place.ravel(), _batch_last(dy).ravel(), C * H * W * N)  # adds in float64; takes only intp
    return _batch_first(dx.astype(dy.dtype, copy=False).reshape(C, H, W, N))


def max_pool2d_winner(x, kernel_size, stride=None, padding=0):
    """As max_pool2d, but with each winner named by its number in the window, row by row: what a layer remembers."""
    x = checks.floats(x=x)
    windows, count = _pooling(x.shape, kernel_size, stride, padding)
    seen = windows.seen(windows.pad(x, -np.inf), count)
    cells = [seen[:, i, j] for i, j in np.ndindex(windows.kernel_size)]
    y = cells[0].copy()
    winner = np.zeros(y.shape, np.uint8 if len(cells) < 256 else np.intp)
    if windows.padding != (0, 0):
        winner += windows.first_inside(count).astype(winner.dtype)[:, :, None]
    for number, cell in enumerate(cells[1:], start=1):
        larger = (cell > y).view(np.uint8)
        np.maximum(winner, larger * winner.dtype.type(number), out=winner)
        np.maximum(y, cell, out=y)
    return _batch_first(y), _batch_first(winner)


def max_pool2d_winner_backward(dy, winner, input_shape, kernel_size, stride=None, padding=0):
    """As max_pool2d_backward, from the winners: knowing the windows, it moves slices and not single pixels."""
    dy = checks.floats(dy=dy)
    N, C, *size = input_shape = checks.array_shape("input_shape", input_shape, "(N, C, H, W)")
    windows, count = _pooling(input_shape, kernel_size, stride, padding)
    checks.shape("dy", dy, (N, C, *count), "the shape of y")
    winner = checks.integers("winner", winner)
    checks.shape("winner", winner, dy.shape, "the shape of dy")
    checks.between("winner", winner, 0, math.prod(windows.kernel_size))
    dy, winner = _batch_last(dy), _batch_last(winner)
    padded = np.zeros(windows.padded_shape(C, size, N), dy.dtype)
    seen = windows.seen(padded, count)
    disjoint = all(s >= k for s, k in zip(windows.stride, windows.kernel_size, strict=True))
    for number, (i, j) in enumerate(np.ndindex(windows.kernel_size)):
        if disjoint:
            seen[:, i, j] = _where(winner == number, dy)
        else:
            seen[:, i, j] += _where(winner == number, dy)
    return windows.unpad(padded, size)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """x (N, C, H, W) -> y (N, C, H_out, W_out): the mean of each window, padding zeros included as in PyTorch.

    stride None means kernel_size.
    """
    x = checks.floats(x=x)
    windows, count = _pooling(x.shape, kernel_size, stride, padding)
    seen = windows.seen(windows.pad(x), count)
    cells = [seen[:, i, j] for i, j in np.ndindex(windows.kernel_size)]
    y = cells[0].copy()
    for cell in cells[1:]:
        y += cell
    y *= 1 / len(cells)
    return _batch_first(y)


def avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0):
    """dy (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): each window shares its dy equally."""
    dy = checks.floats(dy=dy)
    N, C, *size = input_shape = checks.array_shape("input_shape", input_shape, "(N, C, H, W)")
    windows, count = _pooling(input_shape, kernel_size, stride, padding)
    checks.shape("dy", dy, (N, C, *count), "the shape of y")
    share = _batch_last(dy) * dy.dtype.type(1 / math.prod(windows.kernel_size))
    padded = np.zeros(windows.padded_shape(C, size, N), dy.dtype)
    seen = windows.seen(padded, count)
    _add_up(np.broadcast_to(share[:, None, None], seen.shape), seen)
    return windows.unpad(padded, size)


def _pooling(shape, kernel_size, stride, padding):
    """Check the geometry of a pooling -> its Windows and (H_out, W_out). stride None means kernel_size."""
    if len(shape) != 4:
        raise ValueError(f"x must have shape (N, C, H, W), but its shape is {shape}")
    windows = Windows(kernel_size, kernel_size if stride is None else stride, padding, 1)
    for k, p in zip(windows.kernel_size, windows.padding, strict=True):
        if 2 * p > k:
            raise ValueError(f"padding must be at most half of kernel_size {k}, but is {p}")
    return windows, windows.count(shape[2:])


# ---------------------------------------------------------------- elementwise, flatten, linear


def relu(x):
    """x -> max(x, 0), elementwise."""
    return np.maximum(checks.floats(x=x), 0)


def relu_backward(dy, x):
    """dy, x of one shape -> dx: the gradient passes where x was positive; at exactly 0 it stops."""
    dy, x = checks.floats(dy=dy, x=x)
    checks.shape("dy", dy, x.shape, "the shape of x")
    return _where(x > 0, dy)


def _where(mask, values):
    """values where the mask holds, and 0 elsewhere.

    It multiplies their bits: inf * 0 would be NaN, and np.where takes eight times as long.
    """
    return (values.view(f"i{values.itemsize}") * mask).view(values.dtype)


def flatten(x):
    """x (N, ...) -> (N, product of the rest): the same values as one row for each example."""
    x = checks.floats(x=x)
    if x.ndim < 2:
        raise ValueError(f"x must have shape (N, ...), but its shape is {x.shape}")
    return x.reshape(len(x), -1)


def flatten_backward(dy, input_shape):
    """dy (N, features) -> dx of input_shape: the same values in the old shape."""
    dy = checks.floats(dy=dy)
    input_shape = checks.array_shape("input_shape", input_shape, "(N, ...)")
    checks.flattened(dy, input_shape)
    return dy.reshape(input_shape)


def linear(x, w, b=None):
    """x (N, in_features), w (out_features, in_features), b (out_features,) -> y (N, out_features) = x w^T + b."""
    x, w, b = checks.floats(x=x, w=w, b=b)
    _product(x, w)
    y = w @ x.T
    if b is not None:
        checks.shape("b", b, (len(w),), "one for each row of w")
        y += b[:, None]
    return y.T


def linear_backward(dy, x, w):
    """dy (N, out_features), x (N, in_features), w (out_features, in_features) -> dx, dw, db (out_features,)."""
    dy, x, w = checks.floats(dy=dy, x=x, w=w)
    _product(x, w)
    checks.shape("dy", dy, (len(x), len(w)), "the shape of y")
    return (w.T @ dy.T).T, dy.T @ x, dy.sum(axis=0)


def _product(x, w):
    checks.ndim("x", x, "(N, in_features)")
    checks.ndim("w", w, "(out_features, in_features)")
    checks.shape("x", x, (len(x), w.shape[1]), "its columns must match those of w")


# ---------------------------------------------------------------- dropout, batch norm


def dropout(x, p, rng):
    """x of any shape, p the share dropped -> y, and mask like x (True where kept).

    Kept values are scaled by 1 / (1 - p), so that the expected y is x ("inverted" dropout).
    Source: Srivastava et al. 2014.
    """
    x = checks.floats(x=x)
    p = checks.probability("p", p)
    draws = checks.generator("rng", rng).random((*x.shape[1:], *x.shape[:1]), dtype=np.float32)
    mask = np.moveaxis(draws >= p, -1, 0) if x.ndim else draws >= p  # batch last, like the images
    return _dropped(x, mask, p), mask


def dropout_backward(dy, mask, p):
    """dy and mask of one shape -> dx: the same mask and scale as forward."""
    dy = checks.floats(dy=dy)
    p = checks.probability("p", p)
    mask = checks.booleans("mask", mask)
    checks.shape("mask", mask, dy.shape, "the shape of dy")
    return _dropped(dy, mask, p)


def _dropped(x, mask, p):
    return _where(mask, x) * x.dtype.type(1 / (1 - p) if p < 1 else 0)


def batch_norm2d(x, weight, bias, mean=None, var=None, eps=1e-5):
    """x (N, C, H, W), weight and bias (C,) -> y like x, and the mean and variance (C,) that were used.

    Without mean and var those of the batch are taken (the variance divided by N H W), as in training;
    with them they are constants, as in evaluation. Source: Ioffe & Szegedy 2015.
    """
    x, weight, bias, mean, var = checks.floats(x=x, weight=weight, bias=bias, mean=mean, var=var)
    mean, var = _statistics(x, weight, mean, var, eps)
    checks.shape("bias", bias, weight.shape, "one for each channel of x")
    y = _normalised(x, mean, var, eps) * _by_channel(weight) + _by_channel(bias)
    return y, mean, var


def batch_norm2d_backward(dy, x, weight, mean=None, var=None, eps=1e-5):
    """dy, x (N, C, H, W), weight (C,) -> dx like x, dweight (C,), dbias (C,).

    The batch's own mean and variance depend on x, so dx loses the part of dy that only moves them;
    a mean and var that were given are constants, and dx does not.
    """
    dy, x, weight, mean, var = checks.floats(dy=dy, x=x, weight=weight, mean=mean, var=var)
    constant = mean is not None
    mean, var = _statistics(x, weight, mean, var, eps)
    checks.shape("dy", dy, x.shape, "the shape of x")
    normalised = _normalised(x, mean, var, eps)
    dweight = (dy * normalised).sum(axis=(0, 2, 3))
    dbias = dy.sum(axis=(0, 2, 3))
    if not constant:
        count = x.size // len(weight)
        dy = dy - _by_channel(dbias / count) - normalised * _by_channel(dweight / count)
    return dy * _by_channel(weight / np.sqrt(var + var.dtype.type(eps))), dweight, dbias


def _statistics(x, weight, mean, var, eps):
    checks.ndim("x", x, "(N, C, H, W)")
    channels = x.shape[1:2]
    checks.shape("weight", weight, channels, "one for each channel of x")
    if (mean is None) != (var is None):
        alone = "mean" if var is None else "var"
        raise ValueError(f"mean and var must be given together or not at all, but {alone} is given alone")
    held = np.finfo(x.dtype)
    if not float(held.smallest_subnormal) <= checks.positive("eps", eps) <= float(held.max):
        raise ValueError(f"eps must be a number that {x.dtype} can hold, but is {eps}")
    if mean is None:
        if x.size == x.shape[1]:
            raise ValueError(f"x must have more than one value per channel, but its shape is {x.shape}")
        return x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    checks.shape("mean", mean, channels, "one for each channel of x")
    checks.shape("var", var, channels, "one for each channel of x")
    if var.min() < 0:
        raise ValueError(f"var must not be negative, but its smallest entry is {var.min()}")
    return mean, var


def _normalised(x, mean, var, eps):
    return (x - _by_channel(mean)) / _by_channel(np.sqrt(var + var.dtype.type(eps)))


def _by_channel(values):
    return values[:, None, None]


# ---------------------------------------------------------------- losses


def softmax(logits):
    """logits (N, classes) -> probabilities (N, classes), each row summing to 1."""
    raised = np.exp(_below_zero(logits))
    return raised / raised.sum(axis=1, keepdims=True)


def _below_zero(logits):
    """logits (N, classes), less the largest of each row: so that exp cannot overflow."""
    logits = checks.floats(logits=logits)
    checks.ndim("logits", logits, "(N, classes)")
    largest = logits.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        row = int(np.isfinite(largest[:, 0]).argmin())
        raise ValueError(f"logits must have a finite maximum in each row, but that of row {row} is {largest[row, 0]}")
    return logits - largest


def cross_entropy(logits, targets):
    """logits (N, classes), targets (N,) integers -> mean loss (a float, in nats) and dlogits (N, classes).

    dlogits = (softmax(logits) - onehot(targets)) / N.
    """
    shifted = _below_zero(logits)
    N, classes = shifted.shape
    targets = checks.class_labels("targets", targets, N, classes)
    raised = np.exp(shifted)
    total = raised.sum(axis=1, keepdims=True)
    each = np.arange(N)
    loss = np.mean(np.log(total[:, 0]) - shifted[each, targets])
    dlogits = raised / total
    dlogits[each, targets] -= 1
    dlogits /= N
    return float(loss), dlogits


def mse(pred, target):
    """pred, target of one shape -> mean over all elements of (pred - target)^2 (a float), and dpred."""
    pred, target = checks.floats(pred=pred, target=target)
    checks.shape("target", target, pred.shape, "the shape of pred")
    difference = pred - target
    return float(np.mean(difference**2)), difference * pred.dtype.type(2 / pred.size)
