"""The three matrix products of a convolution, over blocks that fit the caches of a processor.

    correlate(x, w, b, windows)              y: each output reads its window
    input_gradient(dy, w, windows, size)     dx: each output adds to its window
    weight_gradient(dy, x, windows)          dw and db: each weight collects from all windows

Each takes `groups`: the channels are cut into groups, and a group is a convolution of its own. Where a group is one
channel on either side, `depthwise` has products that suit it better.

They are im2col and one product each (loops.conv2d_backward_gemm shows that plainly). But the matrix of patches is
never held as a whole: it is made for a few rows of windows at a time, and each product is cut into small ones.
Without this they would be right too, and take about twice as long on a real network (see tests/benchmark).
"""

import contextlib
import math
from collections.abc import Iterator

import numpy as np

from course_lib._support import depthwise
from course_lib._support.crew import entrywise, one_thread_a_product, share, slices
from course_lib._support.geometry import Windows, WindowSum, batch_first, batch_last
from course_lib._support.types import Array, Mask, Shape

# ---------------------------------------------------------------- the three verbs


@one_thread_a_product
def correlate(x: Array, w: Array, b: Array | None, windows: Windows, groups: int = 1) -> Array:
    """x (N, C_in, H, W), w (C_out, C_in / groups, kH, kW), b (C_out,) or None -> y (N, C_out, H_out, W_out)."""
    if _is_depthwise(groups, x, len(w)):
        y = depthwise.correlate(x, w, windows)
        return y if b is None else y + b[:, None, None]
    if groups > 1:
        biases = [None] * groups if b is None else np.split(b, groups)
        parts = zip(np.split(x, groups, axis=1), np.split(w, groups), biases, strict=True)
        return _side_by_side([correlate(*part, windows) for part in parts])
    filters = w.reshape(len(w), -1) if b is None else np.column_stack((w.reshape(len(w), -1), b))
    count = windows.output_size(x.shape[2:])
    y = np.empty((len(w), *count, len(x)), x.dtype)
    view = windows.view(windows.pad(x), count)

    def work(rows: slice) -> None:
        blocked_matmul(filters, _patches(view, rows)[: filters.shape[1]], out=_matrix(y[:, rows]))

    share(work, row_blocks(view.shape[3], view.nbytes), view.size * len(w))
    return batch_first(y)


@one_thread_a_product
def input_gradient(dy: Array, w: Array, windows: Windows, size: Shape, groups: int = 1) -> Array:
    """dy (N, C_out, H_out, W_out), w (C_out, C_in / groups, kH, kW) -> dx (N, C_in, *size)."""
    if _is_depthwise(groups, dy, groups * w.shape[1]):
        return depthwise.input_gradient(dy, w, windows, size)
    if groups > 1:
        parts = zip(np.split(dy, groups, axis=1), np.split(w, groups), strict=True)
        return _side_by_side([input_gradient(*part, windows, size) for part in parts])
    dy = batch_last(dy)
    dx = WindowSum(windows, dy.shape[1:3], w.shape[1], size, dy.shape[-1], dy.dtype)

    def work(channels: slice) -> None:
        filters = w[:, channels].reshape(len(w), -1)
        with small_ufunc_buffer():
            for rows in row_blocks(len(dy[0]), filters.shape[1] * dy[0].nbytes):
                own = _matrix(dy[:, rows])
                patches = np.empty((filters.shape[1], own.shape[1]), dy.dtype)
                blocked_matmul(filters.T, own, out=patches)
                dx.add(patches, channels, rows)

    share(work, slices(w.shape[1]), w.size * dy[0].size)
    return dx.image()


@one_thread_a_product
def weight_gradient(dy: Array, x: Array, windows: Windows, groups: int = 1) -> tuple[Array, Array]:
    """dy (N, C_out, H_out, W_out), x (N, C_in, H, W) -> dw (C_out, C_in / groups, kH, kW), db (C_out,)."""
    if _is_depthwise(groups, x, dy.shape[1]):
        return depthwise.weight_gradient(dy, x, windows), dy.sum(axis=(0, 2, 3))
    if groups > 1:
        parts = zip(np.split(dy, groups, axis=1), np.split(x, groups, axis=1), strict=True)
        dw, db = zip(*(weight_gradient(*part, windows) for part in parts), strict=True)
        return np.concatenate(dw), np.concatenate(db)
    dy = batch_last(dy)
    view = windows.view(windows.pad(x), dy.shape[1:3])

    def work(rows: slice) -> Array:
        return blocked_matmul_t(_patches(view, rows), _matrix(dy[:, rows]))

    both = np.transpose(sum(share(work, row_blocks(view.shape[3], view.nbytes), view.size * len(dy))))
    return both[:, :-1].reshape(len(dy), x.shape[1], *windows.kernel_size), both[:, -1]


def _patches(view: Array, rows: slice) -> Array:
    """view (C, kH, kW, H_out, W_out, N) -> the im2col matrix of some rows of windows (C kH kW + 1, rows W_out N).

    The last entry of every column is 1: the bias is a weight whose input is always 1, which saves a pass over y and
    dy (4 to 20 % of a forward pass).
    """
    block = view[:, :, :, rows]
    weights, positions = math.prod(block.shape[:3]), math.prod(block.shape[3:])
    patches = np.empty((weights + 1, positions), view.dtype)
    patches[:-1].reshape(block.shape)[...] = block
    patches[-1] = 1
    return patches


def _is_depthwise(groups: int, images: Array, channels: int) -> bool:
    """Whether each channel of the images (N, C, H, W) has a kernel, and on the other side a channel, of its own."""
    return 1 < groups == images.shape[1] == channels


def _side_by_side(parts: list[Array]) -> Array:
    """The channels of all parts (N, C, H, W), one part after the other."""
    return batch_first(np.concatenate([batch_last(part) for part in parts]))


def _matrix(y: Array) -> Array:
    """y (C, rows, W, N), batch last -> the view (C, rows W N)."""
    return y.reshape(len(y), -1)


@one_thread_a_product
def product(a: Array, b: Array) -> Array:
    """a (M, K) @ b (K, L) -> (M, L)."""
    return a @ b


# ---------------------------------------------------------------- blocks that fit the caches

_CACHED = 2**21  # bytes, once or twice a core's own cache


def row_blocks(rows: int, patches: int) -> list[slice]:
    """Slices of so many rows of windows, whose patches take so many bytes: as many as fit the cache, at least one."""
    step = max(1, rows * _CACHED // patches)
    return [slice(first, first + step) for first in range(0, rows, step)]


def blocked_matmul(a: Array, columns: Array, out: Array) -> None:
    """a (M, K) @ columns (K, L) -> out (M, L), in pieces along L."""
    count = _pieces(len(a), *columns.shape)
    np.matmul(a, _cut(columns, count), out=_cut(out, count))


def blocked_matmul_t(columns: Array, rows: Array) -> Array:
    """columns (K, L) @ rows (M, L)^T -> (K, M), in pieces along L."""
    count = _pieces(len(columns), *rows.shape)
    return (_cut(columns, count) @ _cut(rows, count).transpose(0, 2, 1)).sum(axis=0)


# A product this small takes OpenBLAS's kernel for small matrices, twice as fast where the CPU has AVX-512.
_SMALL_PRODUCT = 10**6
_SHORTEST_PIECE = 256


def _pieces(a: int, b: int, length: int) -> int:
    """Into how many equal pieces to cut `length`, so that a x b x piece is a small product but no piece is short."""
    at_least = -(-a * b * length // _SMALL_PRODUCT)
    for count in range(at_least, length // _SHORTEST_PIECE + 1):
        if length % count == 0:
            return count
    return 1


def _cut(matrix: Array, count: int) -> Array:
    """(rows, length) -> the view (count, rows, length / count)."""
    return matrix.reshape(len(matrix), count, -1).transpose(1, 0, 2)


# ---------------------------------------------------------------- what suits NumPy and the system

# Allocating and freeing one large array raises glibc's trim threshold, so freed memory is kept for the next result
# and need not be fetched page by page (4 to 10 % of a training step). No page is touched. Harmless elsewhere.
np.empty(31 * 2**20, np.uint8)


@contextlib.contextmanager
def small_ufunc_buffer() -> Iterator[None]:
    """NumPy copies strided arrays into its buffer before it adds them, unless the buffer is shorter than their runs.

    With the smallest buffer adding up windows is faster (7 to 18 % of a backward pass).
    """
    usual = np.setbufsize(512)
    try:
        yield
    finally:
        np.setbufsize(usual)


def keep_where(mask: Mask, values: Array, out: Array | None = None) -> Array:
    """values where the mask holds, and 0 elsewhere: a new array, or written to `out`.

    It multiplies their bits, because inf * 0 would be NaN and np.where takes 7 to 15 times as long.
    """
    bits = np.dtype(f"i{values.itemsize}")
    if out is None:
        return entrywise(np.multiply, values.view(bits), mask).view(values.dtype)
    np.multiply(values.view(bits), mask, out=out.view(bits))
    return out
