"""The three products of a depthwise convolution, in which each channel has one kernel of its own.

    correlate(x, w, windows)              y: each output reads its window
    input_gradient(dy, w, windows, size)  dx: each output adds to its window
    weight_gradient(dy, x, windows)       dw: each weight collects from all windows

With im2col each channel would be a product of one row, which is slow. Here a row of outputs is the product of a banded
matrix, lesson 01's T, with the kH rows that it reads, for all images at once. Most entries of T are 0, and it is faster
all the same: a processor multiplies matrices many times faster than it reads one number, multiplies it and writes it
back. For the same reason no depthwise convolution reaches a dense one's rate: a pixel that was read takes part in
kH kW multiply-adds, in a dense one in C_out times as many.
"""

from collections.abc import Iterator

import numpy as np

from course_lib._support.geometry import Windows, batch_first, batch_last
from course_lib._support.types import Array, Shape

_TILE = 28  # outputs in a row: the more, the more zeros in T; the fewer, the shorter each product
_CACHED = 2**19  # bytes of one block's patches


def correlate(x: Array, w: Array, windows: Windows) -> Array:
    """x (N, C, H, W), w (C, 1, kH, kW) -> y (N, C, H_out, W_out)."""
    padded, count = windows.pad(x), windows.output_size(x.shape[2:])
    y = np.empty((len(w), *count, len(x)), x.dtype)
    for channels, outputs, rows, band in _blocks(w, windows, padded, count):
        np.matmul(band[:, None], rows.reshape(*rows.shape[:2], -1, len(x)), out=y[channels, :, outputs])
    return batch_first(y)


def input_gradient(dy: Array, w: Array, windows: Windows, size: Shape) -> Array:
    """dy (N, C, H_out, W_out), w (C, 1, kH, kW) -> dx (N, C, *size)."""
    dy = batch_last(dy)
    padded = windows.zeros(len(w), size, dy.shape[-1], dy.dtype)
    for channels, outputs, rows, band in _blocks(w, windows, padded, dy.shape[1:3]):
        patches = np.matmul(band.transpose(0, 2, 1)[:, None], dy[channels, :, outputs]).reshape(rows.shape)
        for i in range(rows.shape[2]):  # one row of the kernel at a time: its windows share no row of the image
            pixels = rows[:, :, i]
            pixels += patches[:, :, i]
    return windows.unpad(padded, size)


def weight_gradient(dy: Array, x: Array, windows: Windows) -> Array:
    """dy (N, C, H_out, W_out), x (N, C, H, W) -> dw (C, 1, kH, kW): each weight's dy times what it met."""
    dy = batch_last(dy)
    C, H_out = dy.shape[:2]
    cells = windows.cells(windows.pad(x), dy.shape[1:3])
    rows = dy.reshape(C, H_out, 1, -1)
    dw = [np.matmul(rows, cell.reshape(C, H_out, -1, 1)).sum(axis=(1, 2, 3)) for cell in cells]
    return np.stack(dw, axis=-1).reshape(C, 1, *windows.kernel_size)


def _blocks(w: Array, windows: Windows, padded: Array, count: Shape) -> Iterator[tuple[slice, slice, Array, Array]]:
    """Cut the work into channels and columns of outputs: each block has one band for every channel.

    Yields which channels, which columns of the outputs, rows: the view (channels, H_out, kH, columns, N) of `padded`
    that these outputs read, and band: the matrices (channels, outputs, kH columns) with the weights in their places.
    """
    (kH, kW), across, apart = windows.kernel_size, windows.stride[1], windows.dilation[1]
    C, _, _, N = padded.shape
    channel, row, column, image = padded.strides
    step = max(1, _CACHED // (count[0] * kH * min(padded.shape[2], across * _TILE) * N * padded.itemsize))
    for left in range(0, count[1], _TILE):
        outputs = slice(left, min(left + _TILE, count[1]))
        number = outputs.stop - left
        columns = across * (number - 1) + apart * (kW - 1) + 1
        each = np.arange(number)
        band = np.zeros((C, number, kH, columns), w.dtype)
        for j in range(kW):
            band[:, each, :, across * each + apart * j] = w[:, 0, :, j]
        view = np.ndarray(
            (C, count[0], kH, columns, N), padded.dtype, padded, across * left * column,
            (channel, windows.stride[0] * row, windows.dilation[0] * row, column, image),
        )  # fmt: skip
        for first in range(0, C, step):
            channels = slice(first, first + step)
            yield channels, outputs, view[channels], band[channels].reshape(-1, number, kH * columns)
