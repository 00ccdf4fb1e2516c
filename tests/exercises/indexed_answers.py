"""Wrong answers of learners who find windows index by index, without `np.pad`, or loop in steps of the stride.

They are noted in `wrong_answers.WRONG`, in the form that is described there.
"""

import numpy as np
from wrong_answers import wrong

from course_lib import functional as F
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


# ---------------------------------------------------------------- borders, rows and columns


@wrong("conv2d_single", y="windows at the border left out")
def only_windows_inside(x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    y = np.zeros((out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)))
    for i, j in np.ndindex(y.shape):
        top, left = i * stride - padding, j * stride - padding
        if top < 0 or left < 0 or top + kH > H or left + kW > W:
            continue
        y[i, j] = np.sum(x[top : top + kH, left : left + kW] * w)
    return y


@wrong("conv2d_single", y="an end of x left out")
def larger_than_zero(x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    y = np.zeros((out_size(H, kH, stride, padding), out_size(W, kW, stride, padding)))
    for i, j in np.ndindex(y.shape):
        for a, b in np.ndindex(kH, kW):
            row, column = i * stride + a - padding, j * stride + b - padding
            if 0 < row < H and 0 < column < W:
                y[i, j] += x[row, column] * w[a, b]
    return y


@wrong("conv2d_single", y="stride on one axis only")
def windows_of_every_column(x, w, stride=1, padding=0):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, padding), w.shape)[::stride]
    return np.tensordot(windows, w, 2)


@wrong("conv2d_single", y="H and W mixed up")
def as_if_all_were_square(x, w, stride=1, padding=0):
    k, xp = w.shape[0], np.pad(x, padding)
    m = (xp.shape[0] - k) // stride + 1
    y = np.zeros((m, m))
    for i in range(m):
        for j in range(m):
            y[i, j] = np.sum(xp[i * stride : i * stride + k, j * stride : j * stride + k] * w)
    return y


def stamped(dy, x, w, stride, padding, size, copied=False, put=False):
    """dx in an array of another size; copied: a line in which an index was not changed; put: = in place of +=."""
    (H, W), (kH, kW) = x.shape, w.shape
    dxp = np.zeros(size)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            top, left = i * stride, (i if copied else j) * stride
            if put:
                dxp[top : top + kH, left : left + kW] = dy[i, j] * w
            else:
                dxp[top : top + kH, left : left + kW] += dy[i, j] * w
    return dxp[padding : padding + H, padding : padding + W]


SCATTER2 = "conv2d_single_input_gradient_scatter"


@wrong(SCATTER2, dx="H and W mixed up")
def as_high_as_wide(dy, x, w, stride=1, padding=0):
    size = x.shape[1] + 2 * padding
    return stamped(dy, x, w, stride, padding, (size, size))


@wrong(SCATTER2, dx="H and W mixed up")
def as_wide_as_high(dy, x, w, stride=1, padding=0):
    size = x.shape[0] + 2 * padding
    return stamped(dy, x, w, stride, padding, (size, size))


@wrong(SCATTER2, dx=("H and W mixed up", "overlaps overwritten"))
def one_of_three_repaired(dy, x, w, stride=1, padding=0):
    size = x.shape[0] + 2 * padding
    return stamped(dy, x, w, stride, padding, (size, size), put=True)


@wrong(SCATTER2, dx=("H and W mixed up", "a line copied"))
def another_of_three_repaired(dy, x, w, stride=1, padding=0):
    size = x.shape[0] + 2 * padding
    return stamped(dy, x, w, stride, padding, (size, size), copied=True)


@wrong(SCATTER2, dx="cropped at the size")
def cropped_to_the_inner_part(dy, x, w, stride=1, padding=0):
    (H, W), (kH, kW) = x.shape, w.shape
    dxp = np.zeros((H + 2 * padding, W + 2 * padding))
    for i, j in np.ndindex(dy.shape):
        dxp[i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[i, j] * w
    return dxp[padding : H - padding, padding : W - padding]


@wrong(GATHER, dx="dy not padded")
def inside_dy_alone(dy, x, w, stride=1, padding=0):
    spread = np.zeros(len(x) + 2 * padding - len(w) + 1)
    spread[::stride] = dy
    return np.lib.stride_tricks.sliding_window_view(spread, len(w)) @ w[::-1]


@wrong(GATHER, dx="only one product kept")
def set_in_the_inner_loop(dy, x, w, stride=1, padding=0):
    k = len(w)
    spread = np.zeros(len(x) + 2 * padding - k + 1)
    spread[::stride] = dy
    spread, dx = np.pad(spread, k - 1), np.zeros(len(x))
    for i in range(len(x)):
        for t in range(k):
            dx[i] = spread[i + padding + t] * w[k - 1 - t]
    return dx


@wrong("bias_gradient", db="images and filters mixed")
def one_row_for_each_filter(dy):
    return dy.reshape(dy.shape[1], -1).sum(axis=1)


@wrong("bias_gradient", db="H and W mixed up")
def columns_counted_as_rows(dy):
    db = np.zeros(dy.shape[1])
    for n in range(dy.shape[0]):
        for f in range(dy.shape[1]):
            for i in range(dy.shape[2]):
                for j in range(dy.shape[2]):
                    db[f] += dy[n, f, i, j]
    return db


@wrong("weight_gradient", dw="first image for all")
def windows_of_the_first_image(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    xp, dw = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]), np.zeros(w.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        dw[f] += dy[n, f, i, j] * xp[0, :, i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@wrong("weight_gradient", dw="stride between the weights")
def by_the_forward_pass(dy, x, w, stride=1, padding=0):
    return F.conv2d(x.swapaxes(0, 1), dy.swapaxes(0, 1), None, stride, padding).swapaxes(0, 1)


@wrong("input_gradient", dx="first image for all")
def all_into_the_first_image(dy, x, w, stride=1, padding=0):
    (_, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    dxp = np.pad(np.zeros(x.shape), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    for n, f, i, j in np.ndindex(dy.shape):
        dxp[0, :, i * stride : i * stride + kH, j * stride : j * stride + kW] += dy[n, f, i, j] * w[f]
    return dxp[:, :, padding : padding + H, padding : padding + W]


@wrong("input_gradient", dx="w turned in front")
def rot90_of_the_first_axes(dy, x, w, stride=1, padding=0):
    (_, _, H, W), (kH, kW) = x.shape, w.shape[2:]
    spread = np.zeros((*dy.shape[:2], H + 2 * padding - kH + 1, W + 2 * padding - kW + 1))
    spread[:, :, ::stride, ::stride] = dy
    spread = np.pad(spread, [(0, 0), (0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)])
    whole = F.conv2d(spread, np.rot90(w, 2).swapaxes(0, 1))
    return whole[:, :, padding : padding + H, padding : padding + W]


# ---------------------------------------------------------------- groups


def group_by_group(dy, x, w, stride, padding, groups, which):
    """which(g, ins, outs) -> the slices of x, of w and of dy that are read, and those of dx and of dw."""
    ins, outs = x.shape[1] // groups, len(w) // groups
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for g in range(groups):
        of_x, of_w, of_dy, of_dx, of_dw = which(g, ins, outs)
        part = F.conv2d_backward(dy[:, of_dy], x[:, of_x], w[of_w], stride, padding)
        dx[:, of_dx] += part[0]
        dw[of_dw] += part[1]
        db[of_dw] += part[2]
    return dx, dw, db


def part(g, size):
    return slice(g * size, (g + 1) * size)


GROUPED = "grouped_conv2d_backward"


@wrong(GROUPED, dx="first group for all")
def the_first_filters_for_all(dy, x, w, stride=1, padding=0, groups=1):
    def which(g, ins, outs):
        return part(g, ins), part(0, outs), part(g, outs), part(g, ins), part(g, outs)

    return group_by_group(dy, x, w, stride, padding, groups, which)


@wrong(GROUPED, dx="first group for all", dw="first group for all", db="first group for all")
def the_first_dy_for_all(dy, x, w, stride=1, padding=0, groups=1):
    def which(g, ins, outs):
        return part(g, ins), part(g, outs), part(0, outs), part(g, ins), part(g, outs)

    return group_by_group(dy, x, w, stride, padding, groups, which)


@wrong(GROUPED, dx="groups summed")
def all_into_the_first_channels(dy, x, w, stride=1, padding=0, groups=1):
    def which(g, ins, outs):
        return part(g, ins), part(g, outs), part(g, outs), part(0, ins), part(g, outs)

    return group_by_group(dy, x, w, stride, padding, groups, which)


@wrong(GROUPED, dx="group begins at g", dw="group begins at g", db="group begins at g")
def from_g_on(dy, x, w, stride=1, padding=0, groups=1):
    ins, outs = x.shape[1] // groups, len(w) // groups
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for g in range(groups):
        read, made = slice(g, g + ins), slice(g, g + outs)
        dx[:, read], dw[made], db[made] = F.conv2d_backward(dy[:, made], x[:, read], w[made], stride, padding)
    return dx, dw, db


@wrong(GROUPED, dx="last group left out", dw="last group left out", db="last group left out")
def one_group_too_few(dy, x, w, stride=1, padding=0, groups=1):
    ins, outs = x.shape[1] // groups, len(w) // groups
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for g in range(groups - 1):
        read, made = part(g, ins), part(g, outs)
        dx[:, read], dw[made], db[made] = F.conv2d_backward(dy[:, made], x[:, read], w[made], stride, padding)
    return dx, dw, db


@wrong(GROUPED, dx="joined along the wrong axis")
def joined_as_images(dy, x, w, stride=1, padding=0, groups=1):
    parts = zip(np.split(dy, groups, 1), np.split(x, groups, 1), np.split(w, groups), strict=True)
    dx, dw, db = zip(*(F.conv2d_backward(*one, stride, padding) for one in parts), strict=True)
    return np.concatenate(dx), np.concatenate(dw), np.concatenate(db)


@wrong(GROUPED, dw="groups summed", db="groups summed")
def summed_over_groups(dy, x, w, stride=1, padding=0, groups=1):
    parts = zip(np.split(dy, groups, 1), np.split(x, groups, 1), np.split(w, groups), strict=True)
    dx, dw, db = zip(*(F.conv2d_backward(*one, stride, padding) for one in parts), strict=True)
    return np.concatenate(dx, axis=1), sum(dw), sum(db)


@wrong(GROUPED, dx="not cut into groups")
def handed_on_as_a_whole(dy, x, w, stride=1, padding=0, groups=1):
    return F.conv2d_backward(dy, x, w, stride, padding)


# ---------------------------------------------------------------- depthwise and transposed

DEPTHWISE = "depthwise_weight_gradient"


@wrong(DEPTHWISE, dw="negative index of x")
def pixels_before_the_image(dy, x, w, stride=1, padding=0):
    dw = np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        for a, b in np.ndindex(w.shape[2:]):
            row, column = i * stride + a - padding, j * stride + b - padding
            if row < x.shape[2] and column < x.shape[3]:
                dw[c, 0, a, b] += dy[n, c, i, j] * x[n, c, row, column]
    return dw


@wrong(DEPTHWISE, dw="only one position kept")
def set_at_each_position(dy, x, w, stride=1, padding=0):
    kH, kW = w.shape[2:]
    xp, dw = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]), np.zeros(w.shape)
    for n, c, i, j in np.ndindex(dy.shape):
        dw[c, 0] = dy[n, c, i, j] * xp[n, c, i * stride : i * stride + kH, j * stride : j * stride + kW]
    return dw


@wrong(DEPTHWISE, dw="stride on one axis only")
def columns_side_by_side(dy, x, w, stride=1, padding=0):
    xp, dw = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]), np.zeros(w.shape)
    H_out, W_out = dy.shape[2:]
    for a, b in np.ndindex(w.shape[2:]):
        met = xp[:, :, a : a + stride * H_out : stride, b : b + W_out]
        dw[:, 0, a, b] = np.sum(dy * met, axis=(0, 2, 3))
    return dw


def transposed(x, w, stride, padding, size):
    kH, kW = w.shape[2:]
    yp = np.zeros((len(x), w.shape[1], size[0] + 2 * padding, size[1] + 2 * padding))
    for n, c, i, j in np.ndindex(x.shape):
        yp[n, :, i * stride : i * stride + kH, j * stride : j * stride + kW] += x[n, c, i, j] * w[c]
    return yp


def large(x, w, stride, padding, extra):
    return [(n - 1) * stride - 2 * padding + k + extra for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]


@wrong("conv_transpose2d", y="cropped at the size")
def ends_at_its_height(x, w, b=None, stride=1, padding=0, output_padding=0):
    H, W = large(x, w, stride, padding, output_padding)
    y = transposed(x, w, stride, padding, (H, W))[:, :, padding:H, padding:W]
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="size of a forward pass")
def as_large_as_a_forward_output(x, w, b=None, stride=1, padding=0, output_padding=0):
    H, W = (out_size(n, k, stride, padding) for n, k in zip(x.shape[2:], w.shape[2:], strict=True))
    y = transposed(x, w, stride, padding, (H, W))[:, :, padding : padding + H, padding : padding + W]
    return y if b is None else y + b[:, None, None]


@wrong("conv_transpose2d", y="no bias")
def if_b(x, w, b=None, stride=1, padding=0, output_padding=0):
    H, W = large(x, w, stride, padding, output_padding)
    y = transposed(x, w, stride, padding, (H, W))[:, :, padding : padding + H, padding : padding + W]
    if b:
        y = y + b[:, None, None]
    return y


@wrong("conv_transpose2d", y="no bias")
def always_a_bias(x, w, b=None, stride=1, padding=0, output_padding=0):
    H, W = large(x, w, stride, padding, output_padding)
    y = transposed(x, w, stride, padding, (H, W))[:, :, padding : padding + H, padding : padding + W]
    return y + b[:, None, None]
