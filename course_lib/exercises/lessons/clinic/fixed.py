"""The backward passes of `broken`, repaired: the answers of the bug clinic."""

import numpy as np

from course_lib import functional as F


def clinic_01(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, as a matrix product."""
    N, C_out = dy.shape[:2]
    w_row = w.reshape(C_out, -1)
    dcols = w_row.T @ dy.reshape(N, C_out, -1)
    return F.col2im(dcols, x.shape[2:], w.shape[2:], stride, padding)


def clinic_02(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dw like w: dy slides over x."""
    xp = np.pad(x, padding)
    H_out, W_out = dy.shape
    dw = np.zeros(w.shape)
    for p, q in np.ndindex(w.shape):
        seen = xp[p : p + stride * H_out : stride, q : q + stride * W_out : stride]
        dw[p, q] = np.sum(seen * dy)
    return dw


def clinic_03(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx like x, by a turned kernel that slides over dy."""
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    spread = np.pad(spread, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(spread, (kH, kW))
    dxp = np.sum(windows * w[::-1, ::-1], axis=(2, 3))
    return dxp[padding : dxp.shape[0] - padding, padding : dxp.shape[1] - padding]


def clinic_04(dy, x, kernel_size):
    """Max pooling with windows side by side: dy (H_out, W_out), x (H, W) -> dx like x."""
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * k : i * k + k, j * k : j * k + k]
        winner = np.arange(k * k).reshape(k, k) == window.argmax()
        dx[i * k : i * k + k, j * k : j * k + k] = winner * dy[i, j]
    return dx


def clinic_05(dy, x, kernel_size, stride):
    """Max pooling: dy (H_out, W_out), x (H, W) -> dx like x."""
    k = kernel_size
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        row, column = divmod(x[top : top + k, left : left + k].argmax(), k)
        dx[top + row, left + column] += dy[i, j]
    return dx


def clinic_06(dy):
    """dy (N, C_out, H_out, W_out) -> db (C_out,)."""
    return dy.sum(axis=(0, 2, 3))


def clinic_07(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dw like w, as one matrix product for the whole batch."""
    cols = F.im2col(x, w.shape[2:], stride, padding)
    cols = cols.transpose(1, 0, 2).reshape(cols.shape[1], -1)
    dy_rows = dy.transpose(1, 0, 2, 3).reshape(len(w), -1)
    return (dy_rows @ cols.T).reshape(w.shape)


def clinic_08(cols, output_size, kernel_size, stride=1, padding=0):
    """cols (N, C kH kW, L) -> x (N, C, H, W): where each entry belongs, and all of them added at once."""
    (H, W), (kH, kW) = output_size, kernel_size
    N, C = len(cols), cols.shape[1] // (kH * kW)
    H_out, W_out = F.out_size(H, kH, stride, padding), F.out_size(W, kW, stride, padding)
    rows = np.repeat(np.arange(kH), kW)[:, None] + stride * np.repeat(np.arange(H_out), W_out)
    columns = np.tile(np.arange(kW), kH)[:, None] + stride * np.tile(np.arange(W_out), H_out)
    xp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    np.add.at(xp, (slice(None), slice(None), rows, columns), cols.reshape(N, C, kH * kW, -1))
    return xp[:, :, padding : padding + H, padding : padding + W]


def clinic_09(dy, x):
    """dy, x of one shape -> dx of a ReLU."""
    dx = dy.copy()
    dx[x <= 0] = 0
    return dx


def clinic_10(dy, x, w):
    """dy (N, out), x (N, in), w (out, in) of a linear layer -> dx, dw, db. The loss was a mean over the batch."""
    dx = dy @ w
    dw = dy.T @ x
    db = dy.sum(axis=0)
    return dx, dw, db


def clinic_11(dy, x, w):
    """y = x + relu(x @ w.T): dy (N, n), x (N, n), w (n, n) -> dx like x."""
    branch = dy * (x @ w.T > 0)
    return dy + branch @ w


def clinic_12(dy, x, w, lr):
    """Backward and learning step of a linear layer in one: dy (N, out), x (N, in), w (out, in) -> dx, the new w."""
    dx = dy @ w
    w = w - lr * dy.T @ x
    return dx, w


def clinic_13(dy, x, weight, eps=1e-5):
    """dy, x (N, C, H, W), weight (C,) of a batch norm -> dx like x."""
    axes = 0, 2, 3
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    normalised = (x - x.mean(axis=axes, keepdims=True)) / std
    through_mean = dy.mean(axis=axes, keepdims=True)
    through_variance = normalised * (dy * normalised).mean(axis=axes, keepdims=True)
    return (dy - through_mean - through_variance) * weight[:, None, None] / std


def clinic_14(dy, mask, p):
    """dy, mask (True where kept), p the share dropped -> dx of a dropout that divided what it kept by 1 - p."""
    return dy * mask / (1 - p)
