"""The operations of a convolutional network as plain loops: what you write first. Slow, and easy to follow.

`functional` holds the fast general versions; each of the two tests the other.
Arrays: x input, w kernel, b bias, y output; dy is dL/dy, and dx, dw, db are shaped like x, w, b.
"""

from functools import partial

import numpy as np

from course_lib._support import checks, geometry
from course_lib.functional import out_size

axes = partial(checks.axes, sizes=checks.integer)  # stride and padding are plain integers here, for both axes

# ---------------------------------------------------------------- two layers, one number each


def chain_backward(dz, x, w1, w2):
    """y = w1 x, z = w2 y; dz is dL/dz -> dx, dw1, dw2, all single numbers."""
    y = w1 * x
    dw2 = dz * y
    dy = dz * w2
    dw1 = dy * x
    dx = dy * w1
    return dx, dw1, dw2


# ---------------------------------------------------------------- one dimension


@axes(x="(n,)", w="(k,)", fits=geometry.convolution)
def conv1d(x, w, stride=1, padding=0):
    """x (n,), w (k,) -> y (m,), with m = (n + 2 padding - k) // stride + 1."""
    k = len(w)
    m = out_size(len(x), k, stride, padding)
    xp = np.pad(x, padding)
    y = np.zeros(m)
    for j in range(m):
        start = j * stride
        y[j] = np.sum(xp[start : start + k] * w)
    return y


@axes(dy="(m,)", x="(n,)", w="(k,)", fits=geometry.convolution)
def conv1d_weight_gradient(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dw (k,)."""
    k = len(w)
    xp = np.pad(x, padding)
    dw = np.zeros(k)
    for j in range(len(dy)):
        start = j * stride
        dw += dy[j] * xp[start : start + k]
    return dw


@axes(dy="(m,)", x="(n,)", w="(k,)", fits=geometry.convolution)
def conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dx (n,): every output hands dy[j] * w back to its window."""
    n, k = len(x), len(w)
    dxp = np.zeros(n + 2 * padding)
    for j in range(len(dy)):
        start = j * stride
        dxp[start : start + k] += dy[j] * w
    return dxp[padding : padding + n]


@axes(dy="(m,)", x="(n,)", w="(k,)", fits=geometry.convolution)
def conv1d_input_gradient_gather(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dx (n,): every input collects from the outputs it fed."""
    n, k = len(x), len(w)
    spread = np.zeros(n + 2 * padding - k + 1)
    spread[::stride] = dy
    spread = np.pad(spread, k - 1)
    flipped = w[::-1]
    dxp = np.zeros(n + 2 * padding)
    for i in range(len(dxp)):
        dxp[i] = np.sum(spread[i : i + k] * flipped)
    return dxp[padding : padding + n]


# ---------------------------------------------------------------- two dimensions, one channel


@axes(x="(H, W)", w="(kH, kW)", fits=geometry.convolution)
def conv2d_single(x, w, stride=1, padding=0):
    """x (H, W), w (kH, kW) -> y (H_out, W_out)."""
    kH, kW = w.shape
    xp = np.pad(x, padding)
    y = np.zeros((out_size(x.shape[0], kH, stride, padding), out_size(x.shape[1], kW, stride, padding)))
    for i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        y[i, j] = np.sum(xp[top : top + kH, left : left + kW] * w)
    return y


@axes(dy="(H_out, W_out)", x="(H, W)", w="(kH, kW)", fits=geometry.convolution)
def conv2d_single_weight_gradient(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dw (kH, kW)."""
    kH, kW = w.shape
    xp = np.pad(x, padding)
    dw = np.zeros((kH, kW))
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dw += dy[i, j] * xp[top : top + kH, left : left + kW]
    return dw


@axes(dy="(H_out, W_out)", x="(H, W)", w="(kH, kW)", fits=geometry.convolution)
def conv2d_single_input_gradient_scatter(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W): every output hands dy[i, j] * w back."""
    H, W = x.shape
    kH, kW = w.shape
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dxp[top : top + kH, left : left + kW] += dy[i, j] * w
    return dxp[padding : padding + H, padding : padding + W]


@axes(dy="(H_out, W_out)", x="(H, W)", w="(kH, kW)", fits=geometry.convolution)
def conv2d_single_input_gradient_gather(dy, x, w, stride=1, padding=0):
    """dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W): every pixel collects from the outputs it fed."""
    H, W = x.shape
    kH, kW = w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    spread = np.pad(spread, ((kH - 1, kH - 1), (kW - 1, kW - 1)))
    turned = w[::-1, ::-1]
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dxp.shape):
        dxp[i, j] = np.sum(spread[i : i + kH, j : j + kW] * turned)
    return dxp[padding : padding + H, padding : padding + W]


# ---------------------------------------------------------------- channels and batches


@axes(x="(N, C, H, W)")
def pad2d(x, padding):
    """x (N, C, H, W) -> (N, C, H + 2 padding, W + 2 padding), zeros all around each image."""
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


@axes(x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", b="(C_out,)", fits=geometry.convolution)
def conv2d(x, w, b=None, stride=1, padding=0):
    """x (N, C_in, H, W), w (C_out, C_in, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out)."""
    N, _, H, W = x.shape
    C_out, _, kH, kW = w.shape
    xp = pad2d(x, padding)
    y = np.zeros((N, C_out, out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)))
    for n, f, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        y[n, f, i, j] = np.sum(xp[n, :, top : top + kH, left : left + kW] * w[f])
        if b is not None:
            y[n, f, i, j] += b[f]
    return y


@axes(dy="(N, C_out, H_out, W_out)")
def bias_gradient(dy):
    """dy (N, C_out, H_out, W_out) -> db (C_out,)."""
    db = np.zeros(dy.shape[1])
    for f in range(len(db)):
        db[f] = np.sum(dy[:, f])
    return db


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", fits=geometry.convolution)
def weight_gradient(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x (N, C_in, H, W), w (C_out, C_in, kH, kW) -> dw like w."""
    kH, kW = w.shape[2:]
    xp = pad2d(x, padding)
    dw = np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dw[f] += dy[n, f, i, j] * xp[n, :, top : top + kH, left : left + kW]
    return dw


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", fits=geometry.convolution)
def input_gradient(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x (N, C_in, H, W), w (C_out, C_in, kH, kW) -> dx like x."""
    N, C_in, H, W = x.shape
    kH, kW = w.shape[2:]
    dxp = np.zeros((N, C_in, H + 2 * padding, W + 2 * padding))
    for n, f, i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dxp[n, :, top : top + kH, left : left + kW] += dy[n, f, i, j] * w[f]
    return dxp[:, :, padding : padding + H, padding : padding + W]


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", fits=geometry.convolution)
def input_gradient_gather(dy, x, w, stride=1, padding=0):
    """The same dx as `input_gradient`, collected: channel c of image n asks every filter f."""
    dx = np.zeros(x.shape)
    for n, c in np.ndindex(x.shape[:2]):
        for f in range(len(w)):
            dx[n, c] += conv2d_single_input_gradient_gather(dy[n, f], x[n, c], w[f, c], stride, padding)
    return dx


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", fits=geometry.convolution)
def conv2d_backward(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dx like x, dw like w, db (C_out,)."""
    dx = input_gradient(dy, x, w, stride, padding)
    dw = weight_gradient(dy, x, w, stride, padding)
    db = bias_gradient(dy)
    return dx, dw, db


@axes(x="(N, C_in, H, W)", w="(C_in, C_out, kH, kW)", b="(C_out,)", fits=geometry.transposed_convolution)
def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0):
    """x (N, C_in, H, W), w (C_in, C_out, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out).

    H_out = (H - 1) stride - 2 padding + kH + output_padding. The scatter of `input_gradient`, run forward.
    """
    N, C_in, H, W = x.shape
    C_out, kH, kW = w.shape[1:]
    H_out = (H - 1) * stride - 2 * padding + kH + output_padding
    W_out = (W - 1) * stride - 2 * padding + kW + output_padding
    yp = np.zeros((N, C_out, H_out + 2 * padding, W_out + 2 * padding))
    for n, c, i, j in np.ndindex(x.shape):
        top, left = i * stride, j * stride
        yp[n, :, top : top + kH, left : left + kW] += x[n, c, i, j] * w[c]
    y = yp[:, :, padding : padding + H_out, padding : padding + W_out]
    if b is not None:
        y = y + b[:, None, None]
    return y


# ---------------------------------------------------------------- channels in groups


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in/groups, kH, kW)", fits=geometry.convolution)
def grouped_conv2d_backward(dy, x, w, stride=1, padding=0, groups=1):
    """dy (N, C_out, H_out, W_out), x (N, C_in, H, W), w (C_out, C_in / groups, kH, kW) -> dx, dw, db (C_out,).

    A group is a run of neighbouring channels, and a convolution of its own.
    """
    ins, outs = x.shape[1] // groups, len(w) // groups
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for g in range(groups):
        read, made = slice(g * ins, (g + 1) * ins), slice(g * outs, (g + 1) * outs)
        dx[:, read] = input_gradient(dy[:, made], x[:, read], w[made], stride, padding)
        dw[made] = weight_gradient(dy[:, made], x[:, read], w[made], stride, padding)
    return dx, dw, bias_gradient(dy)


@axes(dy="(N, C, H_out, W_out)", x="(N, C, H, W)", w="(C, 1, kH, kW)", fits=geometry.depthwise)
def depthwise_weight_gradient(dy, x, w, stride=1, padding=0):
    """dy (N, C, H_out, W_out), x (N, C, H, W), w (C, 1, kH, kW) -> dw like w: each channel has one kernel."""
    kH, kW = w.shape[2:]
    xp = pad2d(x, padding)
    dw = np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dw[c, 0] += dy[n, c, i, j] * xp[n, c, top : top + kH, left : left + kW]
    return dw


# ---------------------------------------------------------------- one matrix product


@axes(x="(N, C, H, W)")
def im2col(x, kernel_size, stride=1, padding=0):
    """x (N, C, H, W) -> cols (N, C kH kW, L): one column for each of the L = H_out W_out windows."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    N, C, H, W = x.shape
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    xp = pad2d(x, padding)
    cols = np.zeros((N, C * kH * kW, H_out * W_out))
    for i, j in np.ndindex(H_out, W_out):
        top, left = i * stride, j * stride
        window = xp[:, :, top : top + kH, left : left + kW]
        cols[:, :, i * W_out + j] = window.reshape(N, -1)
    return cols


@axes(cols="(N, C kH kW, L)", fits=geometry.columns)
def col2im(cols, output_size, kernel_size, stride=1, padding=0):
    """cols (N, C kH kW, L) -> x (N, C, H, W), with (H, W) = output_size: every column added back in its window."""
    H, W = np.broadcast_to(output_size, 2)
    kH, kW = np.broadcast_to(kernel_size, 2)
    N = len(cols)
    H_out, W_out = out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)
    C = cols.shape[1] // (kH * kW)
    xp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(H_out, W_out):
        top, left = i * stride, j * stride
        window = cols[:, :, i * W_out + j].reshape(N, C, kH, kW)
        xp[:, :, top : top + kH, left : left + kW] += window
    return xp[:, :, padding : padding + H, padding : padding + W]


@axes(dy="(N, C_out, H_out, W_out)", x="(N, C_in, H, W)", w="(C_out, C_in, kH, kW)", fits=geometry.convolution)
def conv2d_backward_gemm(dy, x, w, stride=1, padding=0):
    """dy (N, C_out, H_out, W_out), x, w -> dx, dw, db, as matrix products."""
    N, C_out = dy.shape[:2]
    kernel_size = w.shape[2:]
    cols = im2col(x, kernel_size, stride, padding)
    dy_rows = dy.reshape(N, C_out, -1)
    w_row = w.reshape(C_out, -1)

    db = dy_rows.sum(axis=(0, 2))
    dw = (dy_rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dcols = w_row.T @ dy_rows
    dx = col2im(dcols, x.shape[2:], kernel_size, stride, padding)
    return dx, dw, db


# ---------------------------------------------------------------- pooling and friends


@axes(x="(N, C, H, W)", fits=geometry.pooling)
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """x (N, C, H, W) -> y (N, C, H_out, W_out) and indices like y: where in the H x W plane each maximum stood."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    sH, sW = (kH, kW) if stride is None else (stride, stride)
    N, C, H, W = x.shape
    y = np.zeros((N, C, out_size(H, kH, sH, padding), out_size(W, kW, sW, padding)))
    indices = np.zeros(y.shape, dtype=int)
    for n, c, i, j in np.ndindex(y.shape):
        top, left = max(i * sH - padding, 0), max(j * sW - padding, 0)
        window = x[n, c, top : i * sH - padding + kH, left : j * sW - padding + kW]
        row, col = np.unravel_index(np.argmax(window), window.shape)
        y[n, c, i, j] = window[row, col]
        indices[n, c, i, j] = (top + row) * W + left + col
    return y, indices


@axes(dy="(N, C, H_out, W_out)", indices="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=checks.in_plane)
def max_pool2d_backward(dy, indices, input_shape):
    """dy (N, C, H_out, W_out), indices like dy -> dx of input_shape (N, C, H, W): the winner takes the gradient."""
    dx = np.zeros(input_shape)
    W = input_shape[3]
    for n, c, i, j in np.ndindex(dy.shape):
        row, col = divmod(indices[n, c, i, j], W)
        dx[n, c, row, col] += dy[n, c, i, j]
    return dx


@axes(x="(N, C, H, W)", fits=geometry.pooling)
def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """x (N, C, H, W) -> y (N, C, H_out, W_out): the mean of each window, padding zeros included."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    sH, sW = (kH, kW) if stride is None else (stride, stride)
    N, C, H, W = x.shape
    xp = pad2d(x, padding)
    y = np.zeros((N, C, out_size(H, kH, sH, padding), out_size(W, kW, sW, padding)))
    for i, j in np.ndindex(y.shape[2:]):
        top, left = i * sH, j * sW
        y[:, :, i, j] = xp[:, :, top : top + kH, left : left + kW].mean(axis=(2, 3))
    return y


@axes(dy="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=geometry.pooling)
def avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0):
    """dy (N, C, H_out, W_out) -> dx of input_shape (N, C, H, W): each window shares its dy equally."""
    kH, kW = np.broadcast_to(kernel_size, 2)
    sH, sW = (kH, kW) if stride is None else (stride, stride)
    N, C, H, W = input_shape
    dxp = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for n, c, i, j in np.ndindex(dy.shape):
        top, left = i * sH, j * sW
        dxp[n, c, top : top + kH, left : left + kW] += dy[n, c, i, j] / (kH * kW)
    return dxp[:, :, padding : padding + H, padding : padding + W]


@axes(dy="(N, C H W)", input_shape="(N, C, H, W)", fits=checks.flattened)
def flatten_backward(dy, input_shape):
    """dy (N, C H W) -> dx of input_shape (N, C, H, W): the same values in the old shape."""
    return dy.reshape(input_shape)


@axes(dy="(...)", x="(...)")
def relu_backward(dy, x):
    """dy, x of one shape -> dx: the gradient passes where x was positive."""
    return dy * (x > 0)


@axes(dy="(...)", mask="(...)", fits=checks.some_are_kept)
def dropout_backward(dy, mask, p):
    """dy, mask (True where kept) of one shape, p the share dropped -> dx."""
    return dy * mask / (1 - p)


@axes(dy="(N, out_features)", x="(N, in_features)", w="(out_features, in_features)")
def linear_backward(dy, x, w):
    """dy (N, out_features), x (N, in_features), w (out_features, in_features) -> dx, dw, db (out_features,)."""
    dx = dy @ w
    dw = dy.T @ x
    db = dy.sum(axis=0)
    return dx, dw, db


@axes(logits="(N, classes)", targets="(N,)", fits=checks.classified)
def cross_entropy_loss(logits, targets):
    """logits (N, classes), targets (N,) integers -> the mean of -log(probability of the right class)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_of_sum = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_of_sum - shifted[np.arange(len(logits)), targets])


@axes(logits="(N, classes)", targets="(N,)", fits=checks.classified)
def cross_entropy_gradient(logits, targets):
    """logits (N, classes), targets (N,) integers -> dlogits (N, classes) of the mean loss: (softmax - onehot) / N."""
    N = len(logits)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    dlogits = shifted / shifted.sum(axis=1, keepdims=True)
    dlogits[np.arange(N), targets] -= 1
    return dlogits / N


# ---------------------------------------------------------------- what helps gradients flow


@axes(dy="(N, C, H, W)", x="(N, C, H, W)", weight="(C,)")
def batch_norm2d_backward(dy, x, weight, eps=1e-5):
    """dy, x (N, C, H, W), weight (C,) -> dx like x, dweight (C,), dbias (C,)."""
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(len(weight)), np.zeros(len(weight))
    for c in range(len(weight)):
        values, slopes = x[:, c], dy[:, c]
        std = np.sqrt(values.var() + eps)
        normalised = (values - values.mean()) / std
        dbias[c] = np.sum(slopes)
        dweight[c] = np.sum(slopes * normalised)
        through_mean = dbias[c] / values.size
        through_variance = normalised * dweight[c] / values.size
        dx[:, c] = weight[c] / std * (slopes - through_mean - through_variance)
    return dx, dweight, dbias


@axes(dy="(...)")
def residual_backward(dy, branch_backward):
    """dy is dL/dy of y = x + branch(x), and branch_backward leads dy back through the branch -> dx."""
    return dy + branch_backward(dy)


# ---------------------------------------------------------------- many workers


@axes(gradients="(workers, n)", fits=geometry.shares)
def add_shards(gradients, sizes):
    """gradients (workers, n), sizes: how many images each worker had -> (n,), the gradient of the mean over them all.

    Row k is the gradient of the mean loss over the sizes[k] images of worker k.
    """
    total = np.zeros(gradients.shape[1])
    for k in range(len(gradients)):
        total += sizes[k] / sum(sizes) * gradients[k]
    return total


@axes(x="(N, n)", target="(N, m)", w="(n, m)", b="(m,)", fits=geometry.runs_of_examples)
def sharded_gradients(x, target, w, b, workers):
    """x (N, n), target (N, m), w (n, m), b (m,) -> dw, db of the mean of (x w + b - target)² over all N m numbers.

    At most N workers: each has a run of examples, and computes the gradients of the mean over its own run.
    """
    N = len(x)
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        run = slice(N * k // workers, N * (k + 1) // workers)
        dy = 2 * (x[run] @ w + b - target[run]) / target[run].size
        share = len(x[run]) / N
        dw += share * (x[run].T @ dy)
        db += share * dy.sum(axis=0)
    return dw, db
