"""The operations of a convolutional network on NumPy arrays, each forward directly above its backward.

Names and meanings are PyTorch's: images are (N, C, H, W); kernel_size, stride, padding and dilation are ints
or pairs (rows, columns). dy is the gradient dL/dy that comes from above; dx, dw, db are shaped like x, w, b.
No function changes its arguments, and no array that one returns is ever written to again. Results are arrays of
their own, but for flatten and flatten_backward, which return views as in PyTorch, and batch_norm2d, which returns
the mean and var that it was given. float32 stays float32; anything else becomes float64.

`checks.axes` checks the arguments, Windows says where a kernel stands, and `blocked` multiplies. In memory images
lie as (C, H, W, N): `batch_last` and `batch_first` go between the two orders.
"""

import math

import numpy as np

from course_lib._support import checks, geometry
from course_lib._support.blocked import correlate, input_gradient, keep_where, product, weight_gradient
from course_lib._support.crew import PER_ENTRY, entrywise, set_threads, share, slices, threads
from course_lib._support.geometry import Windows, WindowSum, batch_first, batch_last, out_size
from course_lib._support.types import Array, Integers, IntOrPair, Mask, Padding, Random, Shape

__all__ = [
    "avg_pool2d", "avg_pool2d_backward", "batch_norm2d", "batch_norm2d_backward", "col2im", "conv2d",
    "conv2d_backward", "conv2d_input_gradient", "conv2d_weight_gradient", "conv_transpose2d",
    "conv_transpose2d_backward", "cross_entropy", "dropout", "dropout_backward", "flatten", "flatten_backward",
    "get_num_threads", "im2col", "linear", "linear_backward", "max_pool2d", "max_pool2d_backward", "max_pool2d_winner",
    "max_pool2d_winner_backward", "mse", "out_size", "relu", "relu_backward", "relu_mask_backward", "relu_max_pool2d",
    "relu_max_pool2d_backward", "set_num_threads", "softmax",
]  # fmt: skip

# ---------------------------------------------------------------- convolution


@checks.axes(x="(N, C_in, H, W)", w="(C_out, C_in/groups, kH, kW)", b="(C_out,)", named_padding=True)
def conv2d(
    x: Array, w: Array, b: Array | None = None,
    stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """x (N, C_in, H, W), w (C_out, C_in / groups, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out).

    Cross-correlation: the kernel is not flipped. With groups, the first C_out / groups filters read the first
    C_in / groups channels alone, and so on. padding may be "same" (with stride 1) or "valid", as in PyTorch.
    """
    return correlate(x, w, b, Windows(w.shape[2:], stride, padding, dilation), groups)


@checks.axes(
    dy="(N, C_out, H_out, W_out)",
    x="(N, C_in, H, W)",
    w="(C_out, C_in/groups, kH, kW)",
    fits=geometry.convolution,
    named_padding=True,
)
def conv2d_backward(
    dy: Array, x: Array, w: Array,
    stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,)."""
    windows = Windows(w.shape[2:], stride, padding, dilation)
    dy = batch_first(batch_last(dy))  # rearranged once, for both
    dx = input_gradient(dy, w, windows, x.shape[2:], groups)
    dw, db = weight_gradient(dy, x, windows, groups)
    return dx, dw, db


@checks.axes(
    dy="(N, C_out, H_out, W_out)",
    x="(N, C_in, H, W)",
    w="(C_out, C_in/groups, kH, kW)",
    fits=geometry.convolution,
    named_padding=True,
)
def conv2d_input_gradient(
    dy: Array, x: Array, w: Array,
    stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """dy (N, C_out, H_out, W_out), x, w -> dx like x: every output hands dy * w back to its window."""
    return input_gradient(dy, w, Windows(w.shape[2:], stride, padding, dilation), x.shape[2:], groups)


@checks.axes(
    dy="(N, C_out, H_out, W_out)",
    x="(N, C_in, H, W)",
    w="(C_out, C_in/groups, kH, kW)",
    fits=geometry.convolution,
    named_padding=True,
)
def conv2d_weight_gradient(
    dy: Array, x: Array, w: Array,
    stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> tuple[Array, Array]:  # fmt: skip
    """dy (N, C_out, H_out, W_out), x, w -> dw like w, db (C_out,): dy times what each weight had met."""
    return weight_gradient(dy, x, Windows(w.shape[2:], stride, padding, dilation), groups)


@checks.axes(x="(N, C_in, H, W)", w="(C_in, C_out/groups, kH, kW)", b="(C_out,)")
def conv_transpose2d(
    x: Array, w: Array, b: Array | None = None, stride: IntOrPair = 1,
    padding: IntOrPair = 0, output_padding: IntOrPair = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """x (N, C_in, H, W), w (C_in, C_out / groups, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out).

    H_out = (H - 1) stride - 2 padding + dilation (kH - 1) + output_padding + 1: conv2d's dx, run forward.
    """
    windows = Windows(w.shape[2:], stride, padding, dilation)
    y = input_gradient(x, w, windows, windows.input_size(x.shape[2:], output_padding), groups)
    return y if b is None else y + b[:, None, None]


@checks.axes(
    dy="(N, C_out, H_out, W_out)",
    x="(N, C_in, H, W)",
    w="(C_in, C_out/groups, kH, kW)",
    fits=geometry.transposed_convolution,
)
def conv_transpose2d_backward(
    dy: Array, x: Array, w: Array, stride: IntOrPair = 1,
    padding: IntOrPair = 0, output_padding: IntOrPair = 0, dilation: IntOrPair = 1, groups: int = 1,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,): conv2d, run backward.

    dx is conv2d of dy; dw is conv2d's weight gradient with x and dy in each other's place.
    """
    windows = Windows(w.shape[2:], stride, padding, dilation)
    dx = correlate(dy, w, None, windows, groups)
    dw, _ = weight_gradient(x, dy, windows, groups)
    H, W = x.shape[2:]  # an output_padding beyond the stride leaves room for more windows than x has pixels
    return dx[:, :, :H, :W], dw, dy.sum(axis=(0, 2, 3))


# ---------------------------------------------------------------- im2col


@checks.axes(x="(N, C, H, W)")
def im2col(
    x: Array, kernel_size: IntOrPair, stride: IntOrPair = 1, padding: IntOrPair = 0, dilation: IntOrPair = 1
) -> Array:
    """x (N, C, H, W) -> cols (N, C kH kW, L): one column for each of the L = H_out W_out windows.

    As torch.nn.functional.unfold. Source: Chellapilla et al. 2006.
    """
    windows = Windows(kernel_size, stride, padding, dilation)
    count = windows.output_size(x.shape[2:])
    cols = windows.view(windows.pad(x), count).copy()
    return cols.reshape(-1, math.prod(count), len(x)).transpose(2, 0, 1)


@checks.axes(cols="(N, C kH kW, L)", fits=geometry.columns)
def col2im(
    cols: Array,
    output_size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
) -> Array:
    """cols (N, C kH kW, L) -> x (N, C, H, W) with (H, W) = output_size: the transpose of im2col, not its inverse.

    As torch.nn.functional.fold: pixels that several windows hold receive the sum.
    """
    windows, size = Windows(kernel_size, stride, padding, dilation), checks.pair("output_size", output_size, 1)
    (N, _, L), count = cols.shape, windows.output_size(size)
    patches = cols.transpose(1, 2, 0).reshape(-1, L * N)
    x = WindowSum(windows, count, len(patches) // math.prod(windows.kernel_size), size, N, cols.dtype)
    x.add(patches, slice(None), slice(0, count[0]))
    return x.image()


# ---------------------------------------------------------------- pooling


@checks.axes(x="(N, C, H, W)")
def max_pool2d(
    x: Array, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0
) -> tuple[Array, Integers]:
    """x (N, C, H, W) -> y (N, C, H_out, W_out) and indices like y: where in the H x W plane each maximum stood.

    Of equal values the first wins, as in PyTorch. Padding never wins. stride None means kernel_size.
    """
    windows, (H, W) = Windows.of_pool(kernel_size, stride, padding), x.shape[2:]
    y, winner = _winners(x, windows)
    (H_out, W_out), kW = windows.output_size((H, W)), windows.kernel_size[1]
    (top, left), (down, across) = windows.padding, windows.stride
    corner = (np.arange(H_out) * down - top)[:, None] * W + np.arange(W_out) * across - left
    cell = np.arange(math.prod(windows.kernel_size))
    offset = cell // kW * W + cell % kW
    return batch_first(y), batch_first(offset[winner] + corner[:, :, None])


@checks.axes(
    dy="(N, C, H_out, W_out)", indices="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=checks.in_plane
)
def max_pool2d_backward(dy: Array, indices: Integers, input_shape: Shape) -> Array:
    """dy and indices (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): the winner takes the gradient.

    A pixel that won several windows collects from all of them.
    """
    N, C, H, W = input_shape
    plane = np.arange(C)[:, None, None, None] * (H * W)
    place = (plane + batch_last(indices)) * N + np.arange(N)
    dx = np.bincount(place.ravel(), batch_last(dy).ravel(), C * H * W * N)
    return batch_first(dx.reshape(C, H, W, N))


@checks.axes(x="(N, C, H, W)")
def max_pool2d_winner(
    x: Array, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0
) -> tuple[Array, Integers]:
    """As max_pool2d, but with each winner named by its number in the window, row by row: what a layer remembers."""
    y, winner = _winners(x, Windows.of_pool(kernel_size, stride, padding))
    return batch_first(y), batch_first(winner)


def _winners(x: Array, windows: Windows) -> tuple[Array, Integers]:
    """x (N, C, H, W) -> y and winner (C, H_out, W_out, N): the largest of each window, and its number in it."""
    count = windows.output_size(x.shape[2:])
    cells = windows.cells(windows.pad(x, -np.inf), count)
    y = np.empty_like(cells[0], order="C")
    winner = np.zeros(y.shape, np.uint8 if len(cells) < 256 else np.intp)
    if windows.padding != (0, 0):
        winner += windows.first_inside(count).astype(winner.dtype)[:, :, None]

    def work(channels: slice) -> None:
        largest, number_of_largest = y[channels], winner[channels]
        largest[...] = cells[0][channels]
        for number, cell in enumerate(cells[1:], start=1):
            larger = (cell[channels] > largest).view(np.uint8)
            np.maximum(number_of_largest, larger * winner.dtype.type(number), out=number_of_largest)
            np.maximum(largest, cell[channels], out=largest)

    share(work, slices(len(y)), x.size * PER_ENTRY)
    return y, winner


@checks.axes(
    dy="(N, C, H_out, W_out)", winner="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=geometry.pooling
)
def max_pool2d_winner_backward(
    dy: Array,
    winner: Integers,
    input_shape: Shape,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
) -> Array:
    """As max_pool2d_backward, from the winners: knowing the windows, it moves slices and not single pixels."""
    return _to_winners(dy, winner, input_shape, Windows.of_pool(kernel_size, stride, padding))


def _to_winners(
    dy: Array, winner: Integers, input_shape: Shape, windows: Windows, positive: Mask | None = None
) -> Array:
    """dy, winner, positive (N, C, H_out, W_out) -> dx of input_shape: dy at each winner, of positive windows only."""
    N, C, H, W = input_shape
    dy, winner = batch_last(dy), batch_last(winner)
    allowed = None if positive is None else batch_last(positive)
    padded = windows.zeros(C, (H, W), N, dy.dtype)

    def work(channels: slice) -> None:
        for number, pixels in enumerate(windows.cells(padded[channels], dy.shape[1:3])):
            wins = winner[channels] == number
            if allowed is not None:
                wins &= allowed[channels]
            if windows.are_disjoint:
                keep_where(wins, dy[channels], out=pixels)
            else:
                pixels += keep_where(wins, dy[channels])

    share(work, slices(C), padded.size * PER_ENTRY)
    return windows.unpad(padded, (H, W))


@checks.axes(x="(N, C, H, W)")
def relu_max_pool2d(x: Array, kernel_size: IntOrPair, stride: IntOrPair | None = None) -> tuple[Array, Integers, Mask]:
    """x (N, C, H, W) -> y and winner as max_pool2d_winner(relu(x)), and where y is positive (True there).

    It takes the maximum first, for max(relu(x)) = relu(max(x)): relu has a fourth of the entries left, or fewer. Where
    no entry of a window is positive, all are 0 after relu, and the first wins.
    """
    y, winner = _winners(x, Windows.of_pool(kernel_size, stride, 0))
    positive = y > 0
    return batch_first(keep_where(positive, y)), batch_first(winner * positive), batch_first(positive)


@checks.axes(
    dy="(N, C, H_out, W_out)", winner="(N, C, H_out, W_out)", positive="(N, C, H_out, W_out)",
    input_shape="(N, C, H, W)", fits=geometry.pooling,
)  # fmt: skip
def relu_max_pool2d_backward(
    dy: Array, winner: Integers, positive: Mask, input_shape: Shape,
    kernel_size: IntOrPair, stride: IntOrPair | None = None,
) -> Array:  # fmt: skip
    """dy, winner and positive (N, C, H_out, W_out) -> dx of input_shape: a winner takes the gradient if positive."""
    return _to_winners(dy, winner, input_shape, Windows.of_pool(kernel_size, stride, 0), positive)


@checks.axes(x="(N, C, H, W)")
def avg_pool2d(x: Array, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 0) -> Array:
    """x (N, C, H, W) -> y (N, C, H_out, W_out): the mean of each window, padding zeros included as in PyTorch.

    stride None means kernel_size.
    """
    windows = Windows.of_pool(kernel_size, stride, padding)
    first, *others = windows.cells(windows.pad(x), windows.output_size(x.shape[2:]))
    y = first.copy()
    for cell in others:
        y += cell
    y *= 1 / math.prod(windows.kernel_size)
    return batch_first(y)


@checks.axes(dy="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=geometry.pooling)
def avg_pool2d_backward(
    dy: Array,
    input_shape: Shape,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
) -> Array:
    """dy (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): each window shares its dy equally."""
    windows, (N, C, H, W) = Windows.of_pool(kernel_size, stride, padding), input_shape
    share = batch_last(dy) * dy.dtype.type(1 / math.prod(windows.kernel_size))
    padded = windows.zeros(C, (H, W), N, dy.dtype)
    for pixels in windows.cells(padded, dy.shape[2:]):
        pixels += share
    return windows.unpad(padded, (H, W))


# ---------------------------------------------------------------- elementwise, flatten, linear


@checks.axes(x="(...)")
def relu(x: Array) -> Array:
    """x -> max(x, 0), elementwise."""
    return entrywise(np.maximum, x, 0)


@checks.axes(dy="(...)", x="(...)")
def relu_backward(dy: Array, x: Array) -> Array:
    """dy, x of one shape -> dx: the gradient passes where x was positive; at exactly 0 it stops."""
    return keep_where(x > 0, dy)


@checks.axes(dy="(...)", positive="(...)")
def relu_mask_backward(dy: Array, positive: Mask) -> Array:
    """As relu_backward, from where x was positive (True there): what a layer remembers, at most a quarter of x."""
    return keep_where(positive, dy)


@checks.axes(x="(N, ...)")
def flatten(x: Array) -> Array:
    """x (N, ...) -> (N, product of the rest): the same values as one row for each example."""
    return x.reshape(len(x), -1)


@checks.axes(dy="(N, features)", input_shape="(N, ...)", fits=checks.flattened)
def flatten_backward(dy: Array, input_shape: Shape) -> Array:
    """dy (N, features) -> dx of input_shape: the same values in the old shape."""
    return dy.reshape(input_shape)


@checks.axes(x="(N, in_features)", w="(out_features, in_features)", b="(out_features,)")
def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """x (N, in_features), w (out_features, in_features), b (out_features,) -> y (N, out_features) = x w^T + b."""
    y = product(w, x.T)
    if b is not None:
        y += b[:, None]
    return y.T


@checks.axes(dy="(N, out_features)", x="(N, in_features)", w="(out_features, in_features)")
def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dy (N, out_features), x (N, in_features), w (out_features, in_features) -> dx, dw, db (out_features,)."""
    return product(w.T, dy.T).T, product(dy.T, x), dy.sum(axis=0)


# ---------------------------------------------------------------- dropout, batch norm


@checks.axes(x="(...)")
def dropout(x: Array, p: float, rng: Random) -> tuple[Array, Mask]:
    """x of any shape, p the share dropped -> y, and mask like x (True where kept).

    Kept values are scaled by 1 / (1 - p), so that the expected y is x ("inverted" dropout).
    Source: Srivastava et al. 2014.
    """
    draws = rng.random((*x.shape[1:], *x.shape[:1]), dtype=np.float32)
    mask = np.moveaxis(draws >= p, -1, 0) if x.ndim else draws >= p  # batch last, like the images
    return keep_where(mask, x) * _scale(p, x.dtype), mask


@checks.axes(dy="(...)", mask="(...)")
def dropout_backward(dy: Array, mask: Mask, p: float) -> Array:
    """dy and mask of one shape -> dx: the same mask and scale as forward."""
    return keep_where(mask, dy) * _scale(p, dy.dtype)


def _scale(p: float, dtype: np.dtype) -> np.floating:
    """1 / (1 - p), or 0 where everything is dropped."""
    return dtype.type(1 / (1 - p) if p < 1 else 0)


@checks.axes(x="(N, C, H, W)", weight="(C,)", bias="(C,)", mean="(C,)", var="(C,)", fits=checks.normalisable)
def batch_norm2d(
    x: Array, weight: Array, bias: Array, mean: Array | None = None, var: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """x (N, C, H, W), weight and bias (C,) -> y like x, and the mean and variance (C,) that were used.

    Without mean and var those of the batch are taken (the variance divided by N H W), as in training;
    with them they are constants, as in evaluation. Source: Ioffe & Szegedy 2015.
    """
    if mean is None or var is None:
        mean, var = _statistics(x)
    y = _normalised(x, mean, var, eps) * _by_channel(weight) + _by_channel(bias)
    return y, mean, var


@checks.axes(dy="(N, C, H, W)", x="(N, C, H, W)", weight="(C,)", mean="(C,)", var="(C,)", fits=checks.normalisable)
def batch_norm2d_backward(
    dy: Array, x: Array, weight: Array, mean: Array | None = None, var: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """dy, x (N, C, H, W), weight (C,) -> dx like x, dweight (C,), dbias (C,).

    The batch's own mean and variance depend on x, so dx loses the part of dy that only moves them;
    a mean and var that were given are constants, and dx does not.
    """
    constant = mean is not None
    if mean is None or var is None:
        mean, var = _statistics(x)
    normalised = _normalised(x, mean, var, eps)
    dweight = (dy * normalised).sum(axis=(0, 2, 3))
    dbias = dy.sum(axis=(0, 2, 3))
    if not constant:
        count = x.size // len(weight)
        dy = dy - _by_channel(dbias / count) - normalised * _by_channel(dweight / count)
    return dy * _by_channel(weight / np.sqrt(var + var.dtype.type(eps))), dweight, dbias


def _statistics(x: Array) -> tuple[Array, Array]:
    return x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))


def _normalised(x: Array, mean: Array, var: Array, eps: float) -> Array:
    return (x - _by_channel(mean)) / _by_channel(np.sqrt(var + var.dtype.type(eps)))


def _by_channel(values: Array) -> Array:
    return values[:, None, None]


# ---------------------------------------------------------------- losses


@checks.axes(logits="(N, classes)", fits=checks.classified)
def softmax(logits: Array) -> Array:
    """logits (N, classes) -> probabilities (N, classes), each row summing to 1."""
    raised = np.exp(_below_zero(logits))
    return raised / raised.sum(axis=1, keepdims=True)


def _below_zero(logits: Array) -> Array:
    """logits (N, classes), less the largest of each row: so that exp cannot overflow."""
    return logits - logits.max(axis=1, keepdims=True)


@checks.axes(logits="(N, classes)", targets="(N,)", fits=checks.classified)
def cross_entropy(logits: Array, targets: Integers) -> tuple[float, Array]:
    """logits (N, classes), targets (N,) integers -> mean loss (a float, in nats) and dlogits (N, classes).

    dlogits = (softmax(logits) - onehot(targets)) / N.
    """
    shifted = _below_zero(logits)
    raised = np.exp(shifted)
    total = raised.sum(axis=1, keepdims=True)
    each = np.arange(len(logits))
    loss = np.mean(np.log(total[:, 0]) - shifted[each, targets])
    dlogits = raised / total
    dlogits[each, targets] -= 1
    dlogits /= len(logits)
    return float(loss), dlogits


@checks.axes(pred="(...)", target="(...)")
def mse(pred: Array, target: Array) -> tuple[float, Array]:
    """pred, target of one shape -> mean over all elements of (pred - target)^2 (a float), and dpred."""
    difference = pred - target
    return float(np.mean(difference**2)), difference * pred.dtype.type(2 / pred.size)


# ---------------------------------------------------------------- threads


def get_num_threads() -> int:
    """How many threads share the products of a large convolution.

    At first as many as COURSE_THREADS, OPENBLAS_NUM_THREADS or OMP_NUM_THREADS says, the first of them that is set, or
    as there are processors, up to four.
    """
    return threads()


def set_num_threads(count: int) -> None:
    """Have the products of a large convolution shared by `count` threads. Sums may be rounded in another way."""
    set_threads(checks.integer("count", count, 1))
