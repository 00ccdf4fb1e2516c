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


def clinic_15(dy, x, w, stride=1, groups=1):
    """dy (N, C_out, H_out, W_out), x (N, C, H, W), w (C_out, C / groups, kH, kW) -> dx like x."""
    if groups == 1:
        return F.conv2d_input_gradient(dy, x, np.tile(w, (1, groups, 1, 1)), stride)
    parts = np.split(dy, groups, axis=1), np.split(x, groups, axis=1), np.split(w, groups)
    return np.concatenate([F.conv2d_input_gradient(*part, stride) for part in zip(*parts, strict=True)], axis=1)


def clinic_16(dy, indices, memory):
    """dy, indices (N, C, H_out, W_out) of a max pooling, memory (N, C, H, W) to be used again -> dx (N, C, H, W)."""
    dx = np.zeros_like(memory)
    for n, c in np.ndindex(dx.shape[:2]):
        np.add.at(dx[n, c].reshape(-1), indices[n, c], dy[n, c])
    return dx


def clinic_17(dy, x, kernel_size, stride):
    """Max pooling: dy (H_out, W_out), x (H, W) -> dx like x, by a gate that is open where a pixel wins."""
    k = kernel_size
    gate, dx = np.zeros(x.shape), np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        gate[window] = x[window] == x[window].max()
        dx[window] += gate[window] * dy[i, j]
    return dx


def clinic_18(dy, x, w, stride=1, groups=1):
    """dy (N, C_out, H_out, W_out), x (N, C, H, W), w (C_out, C / groups, kH, kW) -> dw like w."""
    filters, channels = len(w) // groups, w.shape[1]
    dense = F.conv2d_weight_gradient(dy, x, np.tile(w, (1, groups, 1, 1)), stride)[0]
    dw = np.zeros(w.shape)
    for g in range(groups):
        own = slice(g * filters, (g + 1) * filters)
        dw[own] = dense[own, g * channels : (g + 1) * channels]
    return dw


def clinic_19(dy, x, w1, w2):
    """scores = flatten(relu(conv2d(x, w1))) @ w2.T: dy (N, classes), x (N, C, H, W) -> dw1 like w1, dw2 like w2."""
    before = F.conv2d(x, w1)
    flat = np.maximum(before, 0).reshape(len(x), -1)
    dw1, dw2 = np.zeros(w1.shape), np.zeros(w2.shape)
    for layer, entered in (("linear", flat), ("flatten", before), ("relu", before), ("conv2d", x)):
        if layer == "linear":
            dw2, dy = dy.T @ entered, dy @ w2
        elif layer == "flatten":
            dy = dy.reshape(entered.shape)
        elif layer == "relu" and dy.shape == entered.shape:
            dy = dy * (entered > 0)
        elif layer == "conv2d" and dy.ndim == entered.ndim:
            dw1, _ = F.conv2d_weight_gradient(dy, entered, w1)
    return dw1, dw2


def clinic_20(dy, x, w):
    """dy (m,), x (n,), w (k,) of a convolution with stride 1 and no padding -> dw like w."""
    return np.correlate(x, dy, mode="valid")


def clinic_21(x, dy):
    """A flatten, there and back: x (N, C, H, W), dy (N, C H W) -> y like dy, dx like x."""
    y = x.reshape(len(x), -1)
    dx = dy.reshape(x.shape)
    return y, dx


def clinic_22(scores, target):
    """Softmax and cross-entropy: scores (N, K), target (N,) whole numbers -> the mean loss, dscores like scores."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(target)), target]))
    onehot = target[:, None] == np.arange(scores.shape[1])
    return loss, (p - onehot) / len(scores)


def clinic_23(dy, x, w):
    """y = max_pool2d(relu(conv2d(x, w)), 2): dy (N, F, H_y, W_y), x (N, C, H, W) -> dx like x, dw like w."""
    before = F.conv2d(x, w)
    y, indices = F.max_pool2d(np.maximum(before, 0), 2)
    dactive = F.max_pool2d_backward(dy, indices, before.shape)
    dbefore = dactive * (before > 0)
    dx = F.conv2d_input_gradient(dbefore, x, w)
    dw, _ = F.conv2d_weight_gradient(dbefore, x, w)
    return dx, dw


def clinic_24(dy, x, w1, w2):
    """y = relu(relu(x @ w1.T) @ w2.T): dy (N, n), x (N, n), w1 and w2 (n, n) -> dx, dw1, dw2."""
    remembered = []

    def relu(x):
        remembered.append(x)
        return np.maximum(x, 0)

    def relu_backward(dy):
        return dy * (remembered.pop() > 0)

    hidden = relu(x @ w1.T)
    relu(hidden @ w2.T)
    dy2 = relu_backward(dy)
    dy1 = relu_backward(dy2 @ w2)
    return dy1 @ w1, dy1.T @ x, dy2.T @ hidden


def design_check():
    """The cases of a check of conv2d_backward: shapes, stride, padding, dy, what is compared, and how closely."""
    return [
        {
            "x": (2, 2, 2, 4),
            "w": (2, 2, 2, 3),
            "stride": 2,
            "padding": 1,
            "dy": "random",
            "compare": "entries",
            "tolerance": 1e-6,
        },
        {
            "x": (1, 1, 4, 3),
            "w": (1, 1, 3, 2),
            "stride": 2,
            "padding": 0,
            "dy": "random",
            "compare": "entries",
            "tolerance": 1e-6,
        },
    ]
