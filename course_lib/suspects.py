"""Gradients that are wrong and look right: learners find inputs on which it shows, and inputs that hide it.

Nothing else in the course uses them.
"""

import numpy as np


def turned(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dx (n,)"""
    n, k = len(x), len(w)
    dxp = np.zeros(n + 2 * padding)
    for j in range(len(dy)):
        dxp[j * stride : j * stride + k] += dy[j] * w[::-1]
    return dxp[padding : padding + n]


def stride_forgotten(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W)"""
    (H, W), (kH, kW) = x.shape, w.shape
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i : i + kH, j : j + kW] += dy[i, j] * w
    return dxp[padding : padding + H, padding : padding + W]


def rest_forgotten(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W)"""
    (H_out, W_out), (kH, kW) = dy.shape, w.shape
    rows, columns = stride * (H_out - 1) + kH, stride * (W_out - 1) + kW
    dxp = np.zeros((rows, columns))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[i, j] * w
    inner = dxp[padding : max(rows - padding, 0), padding : max(columns - padding, 0)]
    dx = np.zeros(x.shape)
    dx[: inner.shape[0], : inner.shape[1]] = inner
    return dx
