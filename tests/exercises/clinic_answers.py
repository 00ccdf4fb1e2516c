"""Right and wrong treatments of the clinic's cases 15 to 24, independent of the functions beside the exercises."""

import numpy as np
from right_answers import right
from wrong_answers import wrong

from course_lib import functional as F

# ---------------------------------------------------------------- 15 and 18: groups


@right("clinic_15")
def grouped_by_loops(dy, x, w, stride=1, groups=1):
    dx = np.zeros(x.shape)
    filters, channels = len(w) // groups, x.shape[1] // groups
    for n, f, i, j in np.ndindex(dy.shape):
        first = f // filters * channels
        rows, columns = i * stride, j * stride
        dx[n, first : first + channels, rows : rows + w.shape[2], columns : columns + w.shape[3]] += (
            w[f] * dy[n, f, i, j]
        )
    return dx


@right("clinic_15")
def the_library_knows_groups(dy, x, w, stride=1, groups=1):
    return F.conv2d_input_gradient(dy, x, w, stride, groups=groups)


@right("clinic_15")
def with_zeros_outside_the_blocks(dy, x, w, stride=1, groups=1):
    dense = np.zeros((len(w), x.shape[1], *w.shape[2:]))
    filters, channels = len(w) // groups, w.shape[1]
    for g in range(groups):
        dense[g * filters : (g + 1) * filters, g * channels : (g + 1) * channels] = w[g * filters : (g + 1) * filters]
    return F.conv2d_input_gradient(dy, x, dense, stride)


@wrong("clinic_15", dx="all groups share one kernel")
def always_the_fast_path(dy, x, w, stride=1, groups=1):
    return F.conv2d_input_gradient(dy, x, np.concatenate([w] * groups, axis=1), stride)


@wrong("clinic_15", dx="groups dealt out in turn")
def every_other_filter(dy, x, w, stride=1, groups=1):
    own = np.split(w, groups)
    parts = [F.conv2d_input_gradient(dy[:, g::groups], x[:, ::groups], own[g], stride) for g in range(groups)]
    return np.concatenate(parts, axis=1)


@wrong("clinic_15", dx="kernel turned")
def turned_as_a_book_says(dy, x, w, stride=1, groups=1):
    return F.conv2d_input_gradient(dy, x, np.flip(w, (2, 3)), stride, groups=groups)


@wrong("clinic_15", dx="mean over the groups")
def shared_by_all_groups(dy, x, w, stride=1, groups=1):
    return grouped_by_loops(dy, x, w, stride, groups) * (1 / groups)


@right("clinic_18")
def weight_by_weight(dy, x, w, stride=1, groups=1):
    dw = np.zeros(w.shape)
    filters, channels = len(w) // groups, w.shape[1]
    rows, columns = dy.shape[2] * stride, dy.shape[3] * stride
    for f, c, p, q in np.ndindex(w.shape):
        met = x[:, f // filters * channels + c, p : p + rows : stride, q : q + columns : stride]
        dw[f, c, p, q] = np.sum(met[:, : dy.shape[2], : dy.shape[3]] * dy[:, f])
    return dw


@right("clinic_18")
def group_by_group(dy, x, w, stride=1, groups=1):
    parts = zip(np.split(dy, groups, 1), np.split(x, groups, 1), np.split(w, groups), strict=True)
    return np.concatenate([F.conv2d_weight_gradient(*part, stride)[0] for part in parts])


@wrong("clinic_18", dw="always the last group")
def the_last_channels(dy, x, w, stride=1, groups=1):
    dense = F.conv2d_weight_gradient(dy, x, np.tile(w, (1, groups, 1, 1)), stride)[0]
    return dense[:, -w.shape[1] :]


@wrong("clinic_18", dw="sum over the groups")
def folded_over_the_channels(dy, x, w, stride=1, groups=1):
    dense = F.conv2d_weight_gradient(dy, x, np.tile(w, (1, groups, 1, 1)), stride)[0]
    return dense.reshape(len(w), groups, *w.shape[1:]).sum(axis=1)


@wrong("clinic_18", dw="dw turned")
def upside_down(dy, x, w, stride=1, groups=1):
    return np.rot90(group_by_group(dy, x, w, stride, groups), 2, (2, 3))


@wrong("clinic_18", dw="images averaged")
def of_an_average_image(dy, x, w, stride=1, groups=1):
    return weight_by_weight(dy, x, w, stride, groups) / dy.shape[0]


# ---------------------------------------------------------------- 16: memory


@right("clinic_16")
def one_by_one(dy, indices, memory):
    dx = 0 * memory
    for n, c, i, j in np.ndindex(dy.shape):
        dx[n, c, indices[n, c, i, j] // memory.shape[3], indices[n, c, i, j] % memory.shape[3]] += dy[n, c, i, j]
    return dx


@right("clinic_16")
def counted(dy, indices, memory):
    size = memory.shape[2] * memory.shape[3]
    planes = [
        np.bincount(place.ravel(), value.ravel(), size)
        for place, value in zip(indices.reshape(-1, *indices.shape[2:]), dy.reshape(-1, *dy.shape[2:]), strict=True)
    ]
    return np.reshape(planes, memory.shape)


@wrong("clinic_16", dx="set, not added")
def put_along(dy, indices, memory):
    N, C = dy.shape[:2]
    dx = np.zeros((N, C, memory.shape[2] * memory.shape[3]))
    np.put_along_axis(dx, indices.reshape(N, C, -1), dy.reshape(N, C, -1), axis=2)
    return dx.reshape(memory.shape)


@wrong("clinic_16", dx="indices of one plane")
def all_in_the_first_plane(dy, indices, memory):
    return np.bincount(indices.ravel(), dy.ravel(), memory.size).reshape(memory.shape)


@wrong("clinic_16", dx="only the winners are cleared")
def cleared_where_it_is_written(dy, indices, memory):
    dx = np.array(memory)
    for n, c, i, j in np.ndindex(dy.shape):
        dx[n, c].flat[indices[n, c, i, j]] = 0
    for n, c, i, j in np.ndindex(dy.shape):
        dx[n, c].flat[indices[n, c, i, j]] += dy[n, c, i, j]
    return dx


@wrong("clinic_16", memory="changed")
def cleared_for_everybody(dy, indices, memory):
    memory *= 0
    for n, c in np.ndindex(dy.shape[:2]):
        np.add.at(memory[n, c].reshape(-1), indices[n, c], dy[n, c])
    return memory


# ---------------------------------------------------------------- 17: a gate


@right("clinic_17")
def by_argmax(dy, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            window = x[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
            row, column = np.unravel_index(window.argmax(), window.shape)
            dx[i * stride + row, j * stride + column] += dy[i, j]
    return dx


@right("clinic_17")
def a_gate_for_every_window(dy, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        gate = np.zeros(x.shape)
        place = np.s_[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        gate[place] = x[place] == np.max(x[place])
        dx = dx + gate * dy[i, j]
    return dx


@wrong("clinic_17", dx="a winner of several is paid once")
def set_at_the_winner(dy, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        row, column = divmod(window.argmax(), window.shape[1])
        dx[i * stride + row, j * stride + column] = dy[i, j]
    return dx


@wrong("clinic_17", dx="open for good")
def gates_stay_open(dy, x, kernel_size, stride):
    gate, dx = np.zeros(x.shape, bool), np.zeros(x.shape)
    places = {
        (i, j): np.s_[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        for i, j in np.ndindex(dy.shape)
    }
    for place in places.values():
        gate[place] |= x[place] == x[place].max()
    for output, place in places.items():
        dx[place] += gate[place] * dy[output]
    return dx


@wrong("clinic_17", dx="overwritten")
def one_window_after_the_other(dy, x, kernel_size, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        place = np.s_[i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size]
        dx[place] = dy[i, j] * (x[place] >= x[place].max())
    return dx


@wrong("clinic_17", dx="smallest wins")
def the_wrong_end(dy, x, kernel_size, stride):
    return by_argmax(dy, -x, kernel_size, stride)


# ---------------------------------------------------------------- 19: a walk back


@right("clinic_19")
def straight_back(dy, x, w1, w2):
    before = F.conv2d(x, w1)
    flat = np.maximum(before, 0).reshape(len(x), -1)
    dbefore = (dy @ w2).reshape(before.shape) * (before > 0)
    return F.conv2d_weight_gradient(dbefore, x, w1)[0], dy.T @ flat


@right("clinic_19")
def weights_by_einsum(dy, x, w1, w2):
    windows = np.lib.stride_tricks.sliding_window_view(x, w1.shape[2:], axis=(2, 3))
    before = np.einsum("ncijab,fcab->nfij", windows, w1)
    active = before * (before > 0)
    back = np.einsum("nk,kfij->nfij", dy, w2.reshape(-1, *before.shape[1:])) * (before > 0)
    return np.einsum("nfij,ncijab->fcab", back, windows), np.einsum("nk,nfij->kfij", dy, active).reshape(w2.shape)


@wrong("clinic_19", dw1="mask missing")
def no_relu_going_back(dy, x, w1, w2):
    back = (dy @ w2).reshape(F.conv2d(x, w1).shape)
    return F.conv2d_weight_gradient(back, x, w1)[0], straight_back(dy, x, w1, w2)[1]


@wrong("clinic_19", dw2="ReLU missing")
def no_relu_going_there(dy, x, w1, w2):
    return straight_back(dy, x, w1, w2)[0], dy.T @ F.conv2d(x, w1).reshape(len(dy), -1)


@wrong("clinic_19", dw1="order of the flatten")
def channels_last_in_the_flatten(dy, x, w1, w2):
    before = F.conv2d(x, w1)
    N, F_, H, W = before.shape
    back = np.moveaxis((dy @ w2).reshape(N, H, W, F_), -1, 1)
    return F.conv2d_weight_gradient(back * (before > 0), x, w1)[0], straight_back(dy, x, w1, w2)[1]


@wrong("clinic_19", results="order")
def weights_the_other_way_round(dy, x, w1, w2):
    return straight_back(dy, x, w1, w2)[::-1]


# ---------------------------------------------------------------- 20: dw of a signal


@right("clinic_20")
def each_weight(dy, x, w):
    return np.array([np.dot(x[u : u + len(dy)], dy) for u in range(len(w))])


@right("clinic_20")
def turned_back(dy, x, w):
    return np.convolve(x, dy[::-1], "valid")


@wrong("clinic_20", dw="true convolution")
def convolved(dy, x, w):
    return np.convolve(dy, x, "valid")


@wrong("clinic_20", dw="mean instead of sum")
def averaged(dy, x, w):
    return np.array([np.mean(x[u : u + len(dy)] * dy) for u in range(len(w))])


@wrong("clinic_20", dw="sign")
def uphill(dy, x, w):
    return -np.convolve(x, dy[::-1], "valid")


# ---------------------------------------------------------------- 21: a flatten


@right("clinic_21")
def image_by_image(x, dy):
    return np.stack([image.ravel() for image in x]), np.stack([d.reshape(x.shape[1:]) for d in dy])


@right("clinic_21")
def sizes_written_out(x, dy):
    N, C, H, W = x.shape
    return x.reshape(N, C * H * W), dy.reshape(N, C, H, W)


@wrong("clinic_21", dx="still mixed")
def only_forward_mended(x, dy):
    return np.reshape(x, (len(x), -1)), np.reshape(dy.T, x.shape)


@wrong("clinic_21", y="still mixed")
def only_backward_mended(x, dy):
    return x.reshape(-1, x.shape[0]).T, np.reshape(dy, x.shape)


@wrong("clinic_21", y="channels last")
def as_elsewhere(x, dy):
    return np.moveaxis(x, 1, -1).reshape(len(x), -1), dy.reshape(x.shape)


@wrong("clinic_21", results="order")
def dx_first(x, dy):
    return sizes_written_out(x, dy)[::-1]


# ---------------------------------------------------------------- 22: a loss


@right("clinic_22")
def by_logarithms(scores, target):
    below = scores - scores.max(axis=1)[:, None]
    logs = below - np.log(np.exp(below).sum(axis=1))[:, None]
    dscores = np.exp(logs)
    for n, k in enumerate(target):
        dscores[n, k] -= 1
    return -sum(logs[n, k] for n, k in enumerate(target)) / len(target), dscores / len(target)


@right("clinic_22")
def with_eye(scores, target):
    e = np.exp(scores - scores.max())
    p, t = e / e.sum(1, keepdims=True), np.eye(scores.shape[1])[target]
    return -np.log((p * t).sum(1)).mean(), (p - t) / len(p)


@wrong("clinic_22", loss="sum instead of mean")
def a_sum(scores, target):
    loss, dscores = with_eye(scores, target)
    return loss * len(scores), dscores


@wrong("clinic_22", loss="sign")
def a_likelihood(scores, target):
    loss, dscores = with_eye(scores, target)
    return -loss, dscores


@wrong("clinic_22", dscores="mean missing")
def of_a_sum(scores, target):
    loss, dscores = by_logarithms(scores, target)
    return loss, len(target) * dscores


@wrong("clinic_22", loss="log of the mean")
def logarithm_last(scores, target):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[range(len(target)), target].mean()), with_eye(scores, target)[1]


# ---------------------------------------------------------------- 23: a block


@right("clinic_23")
def block_by_loops(dy, x, w):
    before = F.conv2d(x, w)
    back = np.zeros(before.shape)
    for n, f, i, j in np.ndindex(dy.shape):
        window = before[n, f, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        row, column = divmod(window.argmax(), 2)
        if window.max() > 0:
            back[n, f, 2 * i + row, 2 * j + column] += dy[n, f, i, j]
    return F.conv2d_backward(back, x, w)[:2]


@right("clinic_23")
def block_with_relu_backward(dy, x, w):
    before = F.conv2d(x, w)
    _, indices = F.max_pool2d(F.relu(before), 2)
    back = F.relu_backward(F.max_pool2d_backward(dy, indices, before.shape), before)
    dx, dw, _ = F.conv2d_backward(back, x, w)
    return dx, dw


def _with_mask(dy, x, w, mask, turn=lambda w: w):
    before = F.conv2d(x, w)
    _, indices = F.max_pool2d(F.relu(before), 2)
    back = F.max_pool2d_backward(dy, indices, before.shape)
    back = back * mask(before, back)
    return F.conv2d_input_gradient(back, x, turn(w)), F.conv2d_weight_gradient(back, x, w)[0]


@wrong("clinic_23", dx="kernel turned")
def only_the_mask_mended(dy, x, w):
    return _with_mask(dy, x, w, lambda before, back: before > 0, lambda w: np.flip(w, (2, 3)))


@wrong("clinic_23", dx="mask from dy", dw="mask from dy")
def only_the_kernel_mended(dy, x, w):
    return _with_mask(dy, x, w, lambda before, back: back > 0)


@wrong("clinic_23", dx="mask missing", dw="mask missing")
def mask_thrown_away(dy, x, w):
    return _with_mask(dy, x, w, lambda before, back: 1)


# ---------------------------------------------------------------- 24: a memory for two


@right("clinic_24")
def two_memories(dy, x, w1, w2):
    first = x @ w1.T
    hidden = np.maximum(first, 0)
    second = hidden @ w2.T
    dsecond = np.where(second > 0, dy, 0)
    dfirst = np.where(first > 0, dsecond @ w2, 0)
    return dfirst @ w1, dfirst.T @ x, dsecond.T @ hidden


@right("clinic_24")
def by_the_library(dy, x, w1, w2):
    first = F.linear(x, w1)
    second = F.linear(F.relu(first), w2)
    dhidden, dw2, _ = F.linear_backward(F.relu_backward(dy, second), F.relu(first), w2)
    dx, dw1, _ = F.linear_backward(F.relu_backward(dhidden, first), x, w1)
    return dx, dw1, dw2


def _with_masks(dy, x, w1, w2, choose):
    first = x @ w1.T
    last, middle = choose(first > 0, np.maximum(first, 0) @ w2.T > 0)
    dsecond = dy * last
    dfirst = dsecond @ w2 * middle
    return dfirst @ w1, dfirst.T @ x, dsecond.T @ np.maximum(first, 0)


@wrong("clinic_24", dx="exchanged", dw1="exchanged", dw2="mask of the first")
def first_in_first_out(dy, x, w1, w2):
    return _with_masks(dy, x, w1, w2, lambda first, second: (first, second))


@wrong("clinic_24", dx="both from the first", dw1="both from the first", dw2="mask of the first")
def never_written_over(dy, x, w1, w2):
    return _with_masks(dy, x, w1, w2, lambda first, second: (first, first))


@wrong("clinic_24", dw2="transposed")
def inputs_in_rows(dy, x, w1, w2):
    dx, dw1, dw2 = two_memories(dy, x, w1, w2)
    return dx, dw1, np.transpose(dw2)


# ---------------------------------------------------------------- design a check


def _case(x, w, padding, stride=2, dy="random", compare="entries", tolerance=1e-8):
    return {"x": x, "w": w, "stride": stride, "padding": padding, "dy": dy, "compare": compare, "tolerance": tolerance}


@right("design_check")
def two_large_cases():
    return [_case((2, 2, 6, 7), (3, 2, 3, 2), 1), _case((3, 2, 7, 6), (2, 2, 2, 3), 0)]


@right("design_check")
def a_weak_case_does_no_harm():
    return [_case((1, 1, 3, 3), (1, 1, 3, 3), 0, 1, "ones", "sums"), *two_large_cases()]


@wrong("design_check", survivors="means or sums")
def only_sums():
    return [case | {"compare": "sums"} for case in two_large_cases()]


@wrong("design_check", survivors="stride 1")
def as_an_assignment_has_it():
    return [_case((4, 3, 5, 5), (2, 3, 3, 3), 1, 1), _case((4, 3, 5, 6), (2, 3, 3, 2), 0, 1)]


@wrong("design_check", survivors="no padding")
def never_padded():
    return [_case((2, 2, 6, 7), (3, 2, 3, 2), 0), _case((3, 2, 7, 6), (2, 2, 2, 3), 0)]


@wrong("design_check", refused="too strict")
def to_the_last_bit():
    return [_case((2, 2, 6, 7), (3, 2, 3, 2), 1, tolerance=0), _case((3, 2, 7, 6), (2, 2, 2, 3), 0, tolerance=0)]


@wrong("clinic_12", w=("learning rate missing", "mean over the batch"))
def clinic_step_of_a_mean_without_a_rate(dy, x, w, lr):
    return dy @ w, w - dy.T @ x / len(x)


@wrong("clinic_12", w="mean over the batch")
def clinic_step_of_a_mean(dy, x, w, lr):
    return dy @ w, w - lr * np.mean(dy[:, :, None] * x[:, None], axis=0)
