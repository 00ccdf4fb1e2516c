"""The slow functions of `loops` once more, with no loop over windows or pixels: the answers of the labs on speed.

NumPy alone, and one idea each: what a loop does for one window, a slice does for all of them. `functional` goes
further, and is harder to read. Arrays are those of `loops`.
"""

from functools import partial

import numpy as np

from course_lib._support import checks, geometry
from course_lib.functional import out_size

axes = partial(checks.axes, sizes=checks.integer)  # stride and padding are plain integers here, for both axes


@axes(x="(N, C, H, W)")
def im2col_fast(x, kernel_size, stride=1, padding=0):
    """x (N, C, H, W) -> cols (N, C kH kW, L): one column for each of the L = H_out W_out windows."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    N, C, H, W = x.shape
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    cols = np.empty((N, C, kH, kW, H_out, W_out), x.dtype)
    for a, b in np.ndindex(kH, kW):
        cols[:, :, a, b] = xp[:, :, a : a + stride * H_out : stride, b : b + stride * W_out : stride]
    return cols.reshape(N, C * kH * kW, H_out * W_out)


@axes(cols="(N, C kH kW, L)", fits=geometry.columns)
def col2im_fast(cols, output_size, kernel_size, stride=1, padding=0):
    """cols (N, C kH kW, L) -> x (N, C, H, W), with (H, W) = output_size: every column added back in its window."""
    H, W = np.broadcast_to(output_size, 2)
    kH, kW = np.broadcast_to(kernel_size, 2)
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    cells = cols.reshape(len(cols), -1, kH, kW, H_out, W_out)
    xp = np.zeros((*cells.shape[:2], H + 2 * padding, W + 2 * padding), cols.dtype)
    for a, b in np.ndindex(kH, kW):
        xp[:, :, a : a + stride * H_out : stride, b : b + stride * W_out : stride] += cells[:, :, a, b]
    return xp[:, :, padding : padding + H, padding : padding + W]


@axes(x="(N, C, H, W)", fits=geometry.pooling)
def max_pool2d_fast(x, kernel_size, stride=None, padding=0):
    """x (N, C, H, W) -> y (N, C, H_out, W_out) and indices like y: where in the H x W plane each maximum stood."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    sH, sW = (kH, kW) if stride is None else (stride, stride)
    H, W = x.shape[2:]
    H_out, W_out = out_size(H, kH, sH, padding), out_size(W, kW, sW, padding)
    edge = (padding, padding)
    xp = np.pad(x, ((0, 0), (0, 0), edge, edge), constant_values=-np.inf)
    row = sH * np.arange(H_out)[:, None] - padding
    column = sW * np.arange(W_out) - padding
    y = np.full((*x.shape[:2], H_out, W_out), -np.inf, x.dtype)
    indices = np.zeros(y.shape, np.int64)
    for a, b in np.ndindex(kH, kW):
        cell = xp[:, :, a : a + sH * H_out : sH, b : b + sW * W_out : sW]
        larger = cell > y
        y = np.where(larger, cell, y)
        indices = np.where(larger, (row + a) * W + column + b, indices)
    return y, indices


@axes(dy="(N, C, H_out, W_out)", indices="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=checks.in_plane)
def max_pool2d_backward_fast(dy, indices, input_shape):
    """dy (N, C, H_out, W_out), indices like dy -> dx of input_shape (N, C, H, W): the winner takes the gradient."""
    N, C, H, W = input_shape
    planes = np.arange(N * C).reshape(N, C, 1, 1)
    places = planes * (H * W) + indices
    dx = np.bincount(places.ravel(), dy.ravel(), minlength=N * C * H * W)
    return dx.reshape(input_shape).astype(dy.dtype)
