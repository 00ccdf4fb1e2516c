"""What labs begin from that give more than a stub: broken functions to repair, inputs that show no difference."""

import numpy as np

from course_lib.loops import col2im, im2col, pad2d
from course_lib.tape import Node


def gradient_std(shape, stride=1):
    """shape (C_out, C_in, kH, kW) -> the standard deviation that keeps a gradient's size on its way back."""
    C_out, C_in, kH, kW = shape
    return np.sqrt(2 / (C_in * kH * kW))


def double_backward(dy):
    """dy (N, C, 2 H, 2 W) of y = x.repeat(2, axis=2).repeat(2, axis=3) -> dx (N, C, H, W)."""
    return dy[:, :, ::2, ::2]


def convict_turned():
    """-> dy (m,), x (n,), w (k,), stride, padding, on which `turned` is wrong."""
    dy = np.ones(7)
    x = np.array([1.0, 2, 0, 3, 4])
    w = np.array([1.0, 2, 3])
    stride, padding = 1, 2
    return dy, x, w, stride, padding


def tell_apart():
    """-> H, W, k, stride, padding, on which the two suspects return different dx."""
    H, W = 6, 7
    k = 3
    stride, padding = 1, 1
    return H, W, k, stride, padding


def conv1d_backward(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dx (n,), dw (k,)"""
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        window = slice(j, j + len(w))
        dw = dy[j] * xp[window]
        dxp[window] += dy[j] * w
    return dxp[padding:-padding], dw


def conv2d_single_input_gradient_scatter(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W)"""
    (H, W), (kH, kW) = x.shape, w.shape
    dxp = np.zeros((H + 2 * padding, H + 2 * padding))
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, i * stride
            dxp[top : top + kH, left : left + kW] = dy[i, j] * w
    return dxp[padding : padding + H, padding : padding + W]


def conv2d_backward(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,)."""
    (N, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        window = (slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW))
        dw[f] += dy[n, f, i, j] * xp[n][window] / N
        dxp[n][window] += dy[n, f, i, j] * w[f, :, ::-1, ::-1]
    db = dy[0].sum(axis=(1, 2))
    return dxp[:, :, padding : padding + H, padding : padding + W], dw, db


def avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0):
    """dy (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): each window shares its dy equally."""
    stride = kernel_size if stride is None else stride
    dx = np.zeros(input_shape)
    for i, j in np.ndindex(dy.shape[2:]):
        top, left = i * stride - padding, j * kernel_size - padding
        window = dx[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
        window[...] = dy[:, :, i, j, None, None] / max(window[0, 0].size, 1)
    return dx


def conv2d_backward_gemm(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dx, dw, db, as matrix products."""
    N, C_out = dy.shape[:2]
    kernel_size = w.shape[2:]
    cols = im2col(x, kernel_size, stride, padding)
    dy_rows = dy.reshape(C_out, N, -1).swapaxes(0, 1)
    w_row = w[:, :, ::-1, ::-1].reshape(C_out, -1)

    db = dy_rows.sum(axis=(0, 2))
    dw = (dy_rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dcols = w_row.T @ dy_rows
    dx = col2im(dcols, x.shape[2:], kernel_size)
    return dx, dw, db


def training_step(layer, loss, optimizer, x, target):
    """Move the layer's weights once, to bring layer.forward(x) nearer to target. Returns the loss before that."""
    y = layer.forward(x)
    value = loss.forward(target, y)
    layer.backward(loss.backward())
    optimizer.step()
    return value


def depthwise_weight_gradient(dy, x, w, stride=1, padding=0):
    """dy (N, C, H_out, W_out), x (N, C, H, W), w (C, 1, kH, kW) -> dw like w: each channel has one kernel."""
    (H_out, W_out), (kH, kW) = dy.shape[2:], w.shape[2:]
    xp = pad2d(x, padding)
    dw = np.zeros(w.shape)
    for a, b in np.ndindex(kH, kW):
        met = xp[:, :, a : a + H_out, b : b + W_out]
        dw[:, 0, a, b] = np.sum(dy * met)
    return dw


class no_grad:
    """with no_grad(): inside the block nothing is remembered; behind it, all is as before."""

    def __enter__(self):
        """Switches Node.recording off."""
        Node.recording = False

    def __exit__(self, *error):
        """Switches it back to what it was, however the block ended."""
        if error[0] is None:
            Node.recording = True


def sharded_gradients(x, target, w, b, workers):
    """x (N, n), target (N, m), w (n, m), b (m,) -> dw, db of the mean of (x w + b - target)² over all N m numbers.

    At most N workers: each has a run of examples, and computes the gradients of the mean over its own run.
    """
    length = len(x) // workers
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        run = slice(k * length, (k + 1) * length)
        dy = 2 * (x[run] @ w + b - target[run]) / target[run].size
        dw += x[run].T @ dy / workers
        db += dy.sum(axis=0)
    return dw, db
