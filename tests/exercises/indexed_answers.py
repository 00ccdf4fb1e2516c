"""Wrong answers of learners who find windows index by index, without `np.pad`, or loop in steps of the stride.

They are noted in `wrong_answers.WRONG`, in the form that is described there.
"""

import numpy as np
from wrong_answers import wrong

from course_lib import loops
from course_lib.functional import out_size

DW, SCATTER, GATHER = "conv1d_weight_gradient", "conv1d_input_gradient_scatter", "conv1d_input_gradient_gather"

# ---------------------------------------------------------------- one dimension: y


@wrong("conv1d", y="stride in the loop over the outputs")
def outputs_in_steps(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    m = (len(xp) - k) // stride + 1
    y = np.zeros(m)
    for i in range(0, m, stride):
        y[i] = xp[i : i + k] @ w
    return y


@wrong("conv1d", y="stride in the loop over the outputs")
def outputs_in_steps_put_together(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    m = (len(xp) - k) // stride + 1
    y = np.zeros(m)
    for i in range(0, m, stride):
        y[i // stride] = xp[i : i + k] @ w
    return y


@wrong("conv1d", y="negative index of x")
def places_before_x(x, w, stride=1, padding=0):
    y = np.zeros(out_size(len(x), len(w), stride, padding))
    for i in range(len(y)):
        for u in range(len(w)):
            place = i * stride + u - padding
            if place < len(x):
                y[i] += x[place] * w[u]
    return y


@wrong("conv1d", y="kernel cut at the wrong end")
def windows_clipped(x, w, stride=1, padding=0):
    y = np.zeros(out_size(len(x), len(w), stride, padding))
    for i in range(len(y)):
        start = max(i * stride - padding, 0)
        window = x[start : max(min(i * stride - padding + len(w), len(x)), start)]
        y[i] = np.sum(window * w[: len(window)])
    return y


@wrong("conv1d", y="window too short")
def ends_at_i_plus_k(x, w, stride=1, padding=0):
    xp, k = np.pad(x, padding), len(w)
    y = np.zeros((len(xp) - k) // stride + 1)
    for i in range(len(y)):
        y[i] = np.sum(xp[i * stride : i + k] * w)
    return y


# ---------------------------------------------------------------- one dimension: dw


@wrong(DW, dw="stride between the weights")
def by_my_own_conv1d(dy, x, w, stride=1, padding=0):
    return loops.conv1d(x, dy, stride, padding)


@wrong(DW, dw="negative index of x")
def dw_places_before_x(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    for t in range(len(w)):
        for j in range(len(dy)):
            place = j * stride + t - padding
            if place < len(x):
                dw[t] += dy[j] * x[place]
    return dw


@wrong(DW, dw="padding counted the other way")
def dw_plus_padding(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    for t in range(len(w)):
        for j in range(len(dy)):
            place = j * stride + t + padding
            if 0 <= place < len(x):
                dw[t] += dy[j] * x[place]
    return dw


@wrong(DW, dw="w in place of x")
def dw_of_the_kernel(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    for j in range(len(dy)):
        dw += dy[j] * w
    return dw


@wrong(DW, dw="window too short")
def dw_ends_at_j_plus_k(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, padding), np.zeros(len(w))
    for j in range(len(dy)):
        dw += dy[j] * xp[j * stride : j + len(w)]
    return dw


# ---------------------------------------------------------------- one dimension: dx


@wrong(SCATTER, dx="negative index of dx")
def stamped_before_dx(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for j in range(len(dy)):
        for t in range(len(w)):
            place = j * stride + t - padding
            if place < len(x):
                dx[place] += dy[j] * w[t]
    return dx


@wrong(SCATTER, dx="padding counted the other way")
def stamped_behind(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for j in range(len(dy)):
        for t in range(len(w)):
            place = j * stride + t + padding
            if place < len(x):
                dx[place] += dy[j] * w[t]
    return dx


@wrong(SCATTER, dx="kernel cut at the wrong end")
def stamps_clipped(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for j in range(len(dy)):
        start, end = max(j * stride - padding, 0), min(j * stride - padding + len(w), len(x))
        dx[start:end] += dy[j] * w[: end - start]
    return dx


@wrong(SCATTER, dx="stride between the weights")
def stamps_spread(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(len(dy)):
        for t in range(len(w)):
            if j + t * stride < len(dxp):
                dxp[j + t * stride] += dy[j] * w[t]
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="stride between the weights")
def bracket_around_the_sum(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(len(dy)):
        for t in range(len(w)):
            if (j + t) * stride < len(dxp):
                dxp[(j + t) * stride] += dy[j] * w[t]
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="stride in the loop over the outputs")
def stamps_in_steps(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(0, len(dy), stride):
        dxp[j : j + len(w)] += dy[j] * w
    return dxp[padding : padding + len(x)]


@wrong(SCATTER, dx="x in place of w")
def stamps_of_x(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp = np.zeros(len(xp))
    for j in range(len(dy)):
        window = slice(j * stride, j * stride + len(w))
        dxp[window] += dy[j] * xp[window]
    return dxp[padding : padding + len(x)]


@wrong(GATHER, dx="kernel walked through backwards")
def outputs_on_the_other_side(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for i in range(len(x)):
        for t in range(len(w)):
            start = i + padding + t
            if start % stride == 0 and start // stride < len(dy):
                dx[i] += dy[start // stride] * w[t]
    return dx


@wrong(GATHER, dx="padding counted the other way")
def outputs_minus_padding(dy, x, w, stride=1, padding=0):
    dx = np.zeros(len(x))
    for i in range(len(x)):
        for t in range(len(w)):
            start = i - padding - t
            if start % stride == 0 and 0 <= start // stride < len(dy):
                dx[i] += dy[start // stride] * w[t]
    return dx


def gathered(spread, w):
    return np.correlate(np.pad(spread, len(w) - 1), w[::-1], "valid")


@wrong(GATHER, dx="k zeros around dy")
def k_zeros(dy, x, w, stride=1, padding=0):
    k = len(w)
    spread = np.zeros(len(x) + 2 * padding - k + 1)
    spread[::stride] = dy
    return np.correlate(np.pad(spread, k), w[::-1], "valid")[padding : padding + len(x)]


@wrong(GATHER, dx="k zeros around dy")
def k_zeros_and_nothing_cropped(dy, x, w, stride=1, padding=0):
    k = len(w)
    spread = np.zeros(len(x) + 2 * padding - k + 1)
    spread[::stride] = dy
    return np.correlate(np.pad(spread, k), w[::-1], "valid")


@wrong(GATHER, dx="stride zeros between")
def as_many_zeros_as_the_stride(dy, x, w, stride=1, padding=0):
    spread = np.zeros((len(dy) - 1) * (stride + 1) + 1)
    spread[:: stride + 1] = dy
    return gathered(spread, w)[padding : padding + len(x)]


@wrong(GATHER, dx="stride used twice")
def spread_and_slid_by_the_stride(dy, x, w, stride=1, padding=0):
    spread = np.zeros(len(x) + 2 * padding - len(w) + 1)
    spread[::stride] = dy
    return loops.conv1d(spread, w[::-1], stride, len(w) - 1)[padding : padding + len(x)]


@wrong(GATHER, dx="stride used twice")
def slid_by_the_stride(dy, x, w, stride=1, padding=0):
    return loops.conv1d(dy, w[::-1], stride, len(w) - 1)


# ---------------------------------------------------------------- both at once


@wrong("conv1d_backward", dx="cropped at the size")
def ends_at_n(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        window = slice(j * stride, j * stride + len(w))
        dw += dy[j] * xp[window]
        dxp[window] += dy[j] * w
    return dxp[padding : len(x)], dw


@wrong("conv1d_backward", dx="stride in the loop over the outputs", dw="stride in the loop over the outputs")
def both_in_steps(dy, x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(0, len(dy), stride):
        window = slice(j, j + len(w))
        dw += dy[j] * xp[window]
        dxp[window] += dy[j] * w
    return dxp[padding : padding + len(x)], dw


# ---------------------------------------------------------------- two dimensions


@wrong("conv2d_single", y="stride in the loop over the outputs")
def rows_and_columns_in_steps(x, w, stride=1, padding=0):
    (kH, kW), xp = w.shape, np.pad(x, padding)
    H_out, W_out = (xp.shape[0] - kH) // stride + 1, (xp.shape[1] - kW) // stride + 1
    y = np.zeros((H_out, W_out))
    for i in range(0, H_out, stride):
        for j in range(0, W_out, stride):
            y[i // stride, j // stride] = np.sum(xp[i : i + kH, j : j + kW] * w)
    return y


@wrong("conv2d_single_weight_gradient", dw="stride between the weights")
def by_my_own_conv2d(dy, x, w, stride=1, padding=0):
    return loops.conv2d_single(x, dy, stride, padding)


@wrong("conv2d_single_weight_gradient", dw="negative index of x")
def dw_places_before_the_image(dy, x, w, stride=1, padding=0):
    dw = np.zeros(w.shape)
    for i, j in np.ndindex(dy.shape):
        for a, b in np.ndindex(w.shape):
            row, column = i * stride + a - padding, j * stride + b - padding
            if row < x.shape[0] and column < x.shape[1]:
                dw[a, b] += dy[i, j] * x[row, column]
    return dw


@wrong("conv2d_single_input_gradient_scatter", dx="kernel cut at the wrong end")
def rectangles_clipped(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    dx = np.zeros((H, W))
    for i, j in np.ndindex(dy.shape):
        top, bottom = max(i * stride - padding, 0), min(i * stride - padding + kH, H)
        left, right = max(j * stride - padding, 0), min(j * stride - padding + kW, W)
        dx[top:bottom, left:right] += dy[i, j] * w[: bottom - top, : right - left]
    return dx


@wrong("conv2d_single_input_gradient_gather", dx="stride used twice")
def slid_over_the_spread_dy_by_the_stride(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    spread = np.zeros((H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[::stride, ::stride] = dy
    spread = np.pad(spread, [(kH - 1, kH - 1), (kW - 1, kW - 1)])
    whole = loops.conv2d_single(spread, w[::-1, ::-1], stride)
    return whole[padding : padding + H, padding : padding + W]


# ---------------------------------------------------------------- channels and batches


@wrong("input_gradient", dx="x in place of w")
def blocks_of_x(dy, x, w, stride=1, padding=0):
    (_, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    dxp = np.zeros(xp.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        window = n, slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
        dxp[window] += dy[n, f, i, j] * xp[window]
    return dxp[:, :, padding : padding + H, padding : padding + W]


@wrong("weight_gradient", dw="negative index of x")
def dw4_places_before_the_image(dy, x, w, stride=1, padding=0):
    dw = np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        for a, b in np.ndindex(w.shape[2:]):
            row, column = i * stride + a - padding, j * stride + b - padding
            if row < x.shape[2] and column < x.shape[3]:
                dw[f, :, a, b] += dy[n, f, i, j] * x[n, :, row, column]
    return dw


@wrong("conv2d_backward", dx="cropped at the size")
def ends_at_height_and_width(dy, x, w, stride=1, padding=0):
    (_, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    dxp, dw = np.zeros(xp.shape), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        window = n, slice(None), slice(i * stride, i * stride + kH), slice(j * stride, j * stride + kW)
        dw[f] += dy[n, f, i, j] * xp[window]
        dxp[window] += dy[n, f, i, j] * w[f]
    return dxp[:, :, padding:H, padding:W], dw, dy.sum(axis=(0, 2, 3))
