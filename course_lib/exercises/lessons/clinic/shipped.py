"""Cases 15 to 20: bugs like those that shipped, written anew."""

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.question import Small
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms_shipped
from course_lib.exercises.lessons.clinic.pooling import IN_WINDOW, OVERLAPPING
from course_lib.exercises.lessons.shared import drawn, geometries, sentences, small

# ---------------------------------------------------------------- 15, 18: groups

# (N, C, C_out, groups), (H, W), (kH, kW), stride
GROUPED = (
    ((2, 4, 6, 2), (6, 7), (3, 2), 2),
    ((1, 6, 3, 3), (5, 5), (3, 3), 1),
    ((2, 3, 3, 1), (5, 6), (2, 3), 2),
    ((3, 4, 4, 4), (7, 6), (3, 3), 2),
    ((1, 4, 8, 2), (6, 6), (1, 2), 3),
)


def grouped_cases(rng):
    cases = []
    for (N, C, C_out, groups), size, kernel, stride in GROUPED:
        x, w = rng.standard_normal((N, C, *size)), rng.standard_normal((C_out, C // groups, *kernel))
        dy = rng.standard_normal(F.conv2d(x, w, None, stride, groups=groups).shape)
        cases.append({"dy": dy, "x": x, "w": w, "stride": stride, "groups": groups})
    return cases


def _small_groups(numbers, W, H, kW, kH, stride, groups, each, filters, N):
    rows, columns = small.out((H, W), (kH, kW), stride, 0)
    return {
        "dy": numbers(N, groups * filters, rows, columns), "x": numbers(N, groups * each, H, W),
        "w": numbers(groups * filters, each, kH, kW), "stride": stride, "groups": groups,
    }  # fmt: skip


GROUPS = {
    "cases": grouped_cases,
    "further": drawn.grouped,
    "small": Small(
        {"W": range(1, 6), "H": range(1, 6), "kW": (1, 2, 3), "kH": (1, 2, 3), "stride": (1, 2), "groups": (1, 2, 3),
         "each": (1, 2), "filters": (1, 2), "N": (1, 2)},
        _small_groups,
    ),
    "probe": {
        "dy": np.arange(1.0, 17).reshape(1, 4, 2, 2), "x": np.arange(1.0, 101).reshape(1, 4, 5, 5) % 7,
        "w": np.arange(1.0, 73).reshape(4, 2, 3, 3) % 5, "stride": 2, "groups": 2,
    },
    "axes": geometries.BATCH_AXES,
    "forward": lambda dy, x, w, stride, groups: F.conv2d(x, w, None, stride, groups=groups),
}  # fmt: skip


def _dx(dy, x, w, stride, groups):
    return F.conv2d_input_gradient(dy, x, w, stride, groups=groups)


def _dw(dy, x, w, stride, groups):
    return F.conv2d_weight_gradient(dy, x, w, stride, groups=groups)[0]


def _channels_dealt_out(array, groups):
    """The channels taken in turn, as if channel c belonged to group c % groups."""
    order = np.arange(array.shape[1]).reshape(-1, groups).T.ravel()
    return array[:, order]


TURNED = "The kernel seems to be turned. `conv2d_input_gradient` turns it where that is needed; pass it as it is."
WRONG_GROUP = (
    "The groups are mixed up: a group is a run of neighbouring channels and of neighbouring filters. "
    "Group 0 has the first of both."
)
NO_STRIDE = "The stride is not used. Output i belongs to the window that starts at stride * i."


def _without_stride(dy, x, w, stride, groups):
    dx = np.zeros(x.shape)
    (rows, columns), (kH, kW) = dy.shape[2:], w.shape[2:]
    part = F.conv2d_input_gradient(dy, np.zeros((*x.shape[:2], rows + kH - 1, columns + kW - 1)), w, groups=groups)
    dx[:, :, : part.shape[2], : part.shape[3]] = part[:, :, : dx.shape[2], : dx.shape[3]]
    return dx


CLINIC_15 = Case(
    answer=fixed.clinic_15,
    start=broken.clinic_15,
    symptom=symptoms_shipped.errors_by_groups,
    **records.of(15),
    difficulty="medium",
    minutes=3,
    task=(
        "`dx` of a convolution with groups: each group of filters sees its own channels only. "
        "On the processor the network trains well. On the graphics card its gradients explode, with the same weights."
    ),
    hints=(
        "In which of the four rows does it fail? What do the other three have that this one does not?",
        "With groups, a filter has weights for C / groups channels. To how many channels may it hand something back?",
        "There is a fast path for one group only. Which condition lets other calls into it?",
    ),
    tensors=("dx",),
    mistakes={
        "dx": (
            Mistake(
                "all groups share one kernel",
                "Every channel gets what belongs to the filters of all groups. "
                "A filter of one group did not see the channels of the others, so it hands nothing back to them.",
                (
                    lambda dy, x, w, stride, groups: F.conv2d_input_gradient(
                        dy, x, np.tile(w, (1, groups, 1, 1)), stride
                    ),
                    lambda dy, x, w, stride, groups: F.conv2d_input_gradient(
                        dy, x, np.repeat(w, groups, axis=1), stride
                    ),
                ),
            ),
            Mistake(
                "groups dealt out in turn",
                WRONG_GROUP,
                (
                    lambda dy, x, w, stride, groups: _channels_dealt_out(_dx(dy, x, w, stride, groups), groups),
                    lambda dy, x, w, stride, groups: _dx(_channels_dealt_out(dy, groups), x, w, stride, groups),
                ),
            ),
            Mistake("stride missing", NO_STRIDE, (_without_stride,)),
            Mistake(
                "kernel turned",
                TURNED,
                (lambda dy, x, w, stride, groups: _dx(dy, x, w[:, :, ::-1, ::-1], stride, groups),),
            ),
            Mistake(
                "mean over the groups",
                "Everything is too small by the same factor: there is a division by the number of groups.",
                (lambda dy, x, w, stride, groups: _dx(dy, x, w, stride, groups) / groups,),
            ),
        )
    },
    **GROUPS,
)

CLINIC_18 = Case(
    answer=fixed.clinic_18,
    start=broken.clinic_18,
    symptom=symptoms_shipped.errors_by_group,
    **records.of(18),
    difficulty="medium",
    minutes=3,
    task=(
        "`dw` of a convolution with groups. "
        "It is computed as if there were one group, and the part that each filter needs is cut out. "
        "No shape is wrong, and nothing ever raises."
    ),
    hints=(
        "The first group is right, the others are not. What is different about the first one?",
        "Which channels of x did the filters of group 1 see?",
        "Group g saw the channels from g * channels on. Where does the slice of `dense` start and end for it?",
    ),
    tensors=("dw",),
    mistakes={
        "dw": (
            Mistake(
                "groups dealt out in turn",
                WRONG_GROUP,
                (
                    lambda dy, x, w, stride, groups: _dw(dy, _channels_dealt_out(x, groups), w, stride, groups),
                    lambda dy, x, w, stride, groups: _dw(_channels_dealt_out(dy, groups), x, w, stride, groups),
                ),
            ),
            Mistake(
                "always the last group",
                "Every filter is given what the last group of channels met. Each group has channels of its own.",
                (
                    lambda dy, x, w, stride, groups: F.conv2d_weight_gradient(
                        dy, np.tile(x[:, -w.shape[1] :], (1, groups, 1, 1)), w, stride, groups=groups
                    )[0],
                ),
            ),
            Mistake(
                "sum over the groups",
                "What all groups of channels met is added up. A filter saw the channels of its own group only.",
                (
                    lambda dy, x, w, stride, groups: F.conv2d_weight_gradient(
                        dy, np.tile(sum(np.split(x, groups, axis=1)), (1, groups, 1, 1)), w, stride, groups=groups
                    )[0],
                ),
            ),
            Mistake(
                "images averaged",
                sentences.TOO_SMALL,
                (lambda dy, x, w, stride, groups: _dw(dy, x, w, stride, groups) / len(x),),
            ),
            Mistake(
                "dw turned",
                "dw is turned by 180 degrees.",
                (lambda dy, x, w, stride, groups: _dw(dy, x, w, stride, groups)[:, :, ::-1, ::-1],),
            ),
        )
    },
    **GROUPS,
)

# ---------------------------------------------------------------- 16: memory


def memory_cases(rng):
    cases = []
    for shape, k, stride in (((2, 3, 6, 4), 2, 2), ((1, 2, 7, 7), 3, 2), ((3, 1, 5, 6), 2, 1)):
        y, indices = F.max_pool2d(rng.standard_normal(shape), k, stride)
        cases.append({"dy": rng.standard_normal(y.shape), "indices": indices, "memory": rng.standard_normal(shape)})
    return cases


def _small_memory(numbers, W, H, C, N, columns, rows):
    return {
        "dy": numbers(N, C, rows, columns), "indices": numbers.below(H * W, N, C, rows, columns),
        "memory": numbers(N, C, H, W),
    }  # fmt: skip


def _set(dy, indices, memory):
    dx = np.zeros_like(memory)
    for n, c in np.ndindex(dx.shape[:2]):
        dx[n, c].reshape(-1)[indices[n, c].ravel()] = dy[n, c].ravel()
    return dx


def _in_all(dy, indices, memory):
    dx = np.zeros(memory.size)
    np.add.at(dx, indices.ravel(), dy.ravel())
    return dx.reshape(memory.shape)


def _only_winners_cleared(dy, indices, memory):
    dx = memory.copy()
    for n, c in np.ndindex(dx.shape[:2]):
        dx[n, c].reshape(-1)[indices[n, c].ravel()] = 0
        np.add.at(dx[n, c].reshape(-1), indices[n, c], dy[n, c])
    return dx


CLINIC_16 = Case(
    answer=fixed.clinic_16,
    start=broken.clinic_16,
    symptom=symptoms_shipped.paid_by_step,
    **records.of(16),
    difficulty="easy",
    minutes=2,
    task=(
        "The backward pass of max pooling on a telephone, where memory is scarce: it is handed an array that an "
        "earlier step no longer needs. "
        "The first step of a training is right. Small networks end in NaN after a few; large ones never get good."
    ),
    hints=(
        "The first step is right, the second pays twice too much. What is different in the second?",
        "Only the winners are written to. What do all other pixels of dx hold?",
        "What is added to must begin as zeros. Which line makes dx, and what is in it then?",
    ),
    cases=memory_cases,
    further=drawn.pool_with_memory,
    small=Small(
        {"W": range(1, 4), "H": range(1, 4), "C": (1, 2), "N": (1, 2), "columns": (1, 2), "rows": (1, 2)},
        _small_memory,
    ),
    probe={
        "dy": np.ones((1, 1, 2, 2)), "indices": np.array([[[[0, 3], [9, 14]]]]),
        "memory": np.arange(16.0).reshape(1, 1, 4, 4),
    },
    tensors=("dx",),
    axes=geometries.BATCH_AXES,
    mistakes={
        "dx": (
            Mistake(
                "only the winners are cleared",
                "The winners start from zero now, all other pixels still hold what was in memory. "
                "A pixel that won nothing moved no output: its gradient is 0.",
                (_only_winners_cleared,),
            ),
            Mistake(
                "set, not added",
                "Where windows overlap, one pixel can win several. It is set (=) where it must be added to (+=).",
                (_set,),
            ),
            Mistake(
                "indices of one plane",
                "An index counts within its own plane, H by W: every image and every channel begins at 0 again.",
                (_in_all,),
            ),
            Mistake(
                "memory subtracted",
                "What was in memory is subtracted now. It has nothing to do with this gradient at all.",
                (lambda dy, indices, memory: fixed.clinic_16(dy, indices, memory) - memory,),
            ),
            Mistake(
                "ones",
                "dx starts from ones. Nothing has been added yet, so it starts from zeros.",
                (lambda dy, indices, memory: fixed.clinic_16(dy, indices, memory) + 1,),
            ),
        )
    },
)  # fmt: skip

# ---------------------------------------------------------------- 17: a gate


def _gated(dy, x, k, stride, gate):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        dx[window] += gate(x, window) * dy[i, j]
    return dx


def _won_anywhere(dy, x, k, stride):
    won = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        won[window] = np.maximum(won[window], x[window] == x[window].max())
    return _gated(dy, x, k, stride, lambda x, window: won[window])


def _set_in_turn(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        dx[window] = (x[window] == x[window].max()) * dy[i, j]
    return dx


def _set_where_won(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        dx[window] = np.where(x[window] == x[window].max(), dy[i, j], dx[window])
    return dx


CLINIC_17 = Case(
    answer=fixed.clinic_17,
    start=broken.clinic_17,
    symptom=symptoms_shipped.gate_by_stride,
    **records.of(17),
    difficulty="hard",
    minutes=4,
    task=(
        "Max pooling with a gate: in each window, the gate of the winning pixel is open and all others are shut. "
        "The tests of its authors have windows side by side, and pass. The sum of dx is the sum of dy, too."
    ),
    hints=(
        "3 won against 1, and lost against 5. Is its gate open or shut, after both windows have been looked at?",
        "A pixel has one gate, but it is in several windows. Which of them decided last?",
        "A gate belongs to a *window*. Use it before the next window writes over it.",
    ),
    **OVERLAPPING,
    mistakes={
        "dx": (
            Mistake(
                "open for good",
                "A pixel that wins one window is now paid by every window it lies in. "
                "Each window pays its own winner, and no other.",
                (_won_anywhere,),
            ),
            Mistake(
                "overwritten",
                "Each window writes over what others have paid to the same pixels. What was paid must stay.",
                (_set_in_turn,),
            ),
            Mistake(
                "a winner of several is paid once",
                "A pixel that wins several windows keeps only what the last of them paid: = in place of +=.",
                (_set_where_won,),
            ),
            Mistake(
                "stride missing",
                "The stride is missing. The window of dy[i, j] starts at (stride * i, stride * j).",
                (lambda dy, x, k, stride: _gated(dy, x, k, 1, lambda x, window: x[window] == x[window].max()),),
            ),
            Mistake(
                "all pixels paid",
                "Every pixel of a window is paid. The ones that lost did not move y.",
                (lambda dy, x, k, stride: _gated(dy, x, k, stride, lambda x, window: np.ones_like(x[window])),),
            ),
            Mistake(
                "smallest wins",
                "The gradient goes to the smallest value of a window. The largest one made y.",
                (lambda dy, x, k, stride: _gated(dy, x, k, stride, lambda x, window: x[window] == x[window].min()),),
            ),
            Mistake("place in the window", IN_WINDOW, (lambda dy, x, k, stride: _corner(dy, x, k, stride),)),
        )
    },
)


def _corner(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = x[i * stride : i * stride + k, j * stride : j * stride + k]
        dx[:k, :k] += (window == window.max()) * dy[i, j]
    return dx


# ---------------------------------------------------------------- 19: a layer that passes nothing on


def network_cases(rng):
    cases = []
    for N, C, filters, classes, size, kernel in ((3, 2, 4, 3, (5, 6), (3, 2)), (2, 1, 2, 4, (4, 4), (3, 3))):
        x, w1 = rng.standard_normal((N, C, *size)), rng.standard_normal((filters, C, *kernel))
        width = filters * (size[0] - kernel[0] + 1) * (size[1] - kernel[1] + 1)
        w2 = rng.standard_normal((classes, width))
        cases.append({"dy": rng.standard_normal((N, classes)), "x": x, "w1": w1, "w2": w2})
    return cases


def _small_network(numbers, W, H, k, C, filters, classes, N):
    if min(W, H) < k:
        raise ValueError("there is no window")
    width = filters * (H - k + 1) * (W - k + 1)
    return {
        "dy": numbers(N, classes), "x": numbers(N, C, H, W),
        "w1": numbers(filters, C, k, k), "w2": numbers(classes, width),
    }  # fmt: skip


def _dw1(dy, x, w1, w2, mask=lambda before: before > 0, shape=lambda flat, before: flat.reshape(before.shape)):
    before = F.conv2d(x, w1)
    return F.conv2d_weight_gradient(shape(dy @ w2, before) * mask(before), x, w1)[0]


CLINIC_19 = Case(
    answer=fixed.clinic_19,
    start=broken.clinic_19,
    symptom=symptoms_shipped.moved_by_training,
    **records.of(19),
    difficulty="medium",
    minutes=3,
    task=(
        "A walk back through a whole network: convolution, ReLU, flatten, linear. "
        "It trains, the loss falls, and three of four images are read rightly. "
        "Its authors expected more, and looked at the learning rate."
    ),
    hints=(
        "How far have the weights of the convolution moved in 150 steps?",
        "Follow the shape of dy through the loop, layer by layer. Which of the branches is taken at each?",
        "A layer without weights has nothing to learn, but its backward pass still has something to do.",
    ),
    cases=network_cases,
    further=drawn.one_network,
    small=Small(
        {"W": range(1, 5), "H": range(1, 5), "k": (1, 2), "C": (1, 2), "filters": (1, 2), "classes": (1, 2),
         "N": (1, 2)},
        _small_network,
    ),
    probe=next(iter(network_cases(np.random.default_rng(0)))),
    tensors=("dw1", "dw2"),
    axes={"dw1": geometries.BATCH_AXES["dw"], "dw2": ("class", "input")},
    mistakes={
        "dw1": (
            Mistake(
                "mask missing",
                "The ReLU is skipped on the way back. It lets dy through only where its input was above 0.",
                (lambda *case: _dw1(*case, mask=np.ones_like),),
            ),
            Mistake(
                "mask from dy",
                "The mask of the ReLU is made from dy. It comes from the ReLU's input.",
                (lambda dy, x, w1, w2: _of_dy(dy, x, w1, w2),),
            ),
            Mistake(
                "order of the flatten",
                "The gradients reach the wrong places: the flatten puts channels first, then rows, then columns, and "
                "its backward pass undoes exactly that.",
                (
                    lambda *case: _dw1(
                        *case,
                        shape=lambda flat, before: flat.reshape(
                            len(flat), *before.shape[2:], before.shape[1]
                        ).transpose(0, 3, 1, 2),
                    ),
                    lambda *case: _dw1(
                        *case, shape=lambda flat, before: flat.reshape(-1, *before.shape[1:])[:, ::-1]
                    ),
                ),
            ),
            Mistake(
                "dw2 in place of w2",
                "dy is multiplied by a gradient where it must be multiplied by the weights w2.",
                (lambda dy, x, w1, w2: _dw1(dy, x, w1, dy.T @ np.maximum(F.conv2d(x, w1), 0).reshape(len(x), -1)),),
            ),
            Mistake("sign", sentences.SIGN, (lambda *case: -_dw1(*case),)),
        ),
        "dw2": (
            Mistake(
                "ReLU missing",
                "The linear layer met the output of the ReLU, not its input.",
                (lambda dy, x, w1, w2: dy.T @ F.conv2d(x, w1).reshape(len(x), -1),),
            ),
            Mistake(
                "mean over the batch",
                sentences.TOO_SMALL,
                (lambda dy, x, w1, w2: fixed.clinic_19(dy, x, w1, w2)[1] / len(x),),
            ),
        ),
    },
)  # fmt: skip


def _of_dy(dy, x, w1, w2):
    back = (dy @ w2).reshape(F.conv2d(x, w1).shape)
    return F.conv2d_weight_gradient(back * (back > 0), x, w1)[0]


# ---------------------------------------------------------------- 20: two arguments


def signal_cases(rng):
    return [
        {"dy": rng.standard_normal(n - k + 1), "x": rng.standard_normal(n), "w": rng.standard_normal(k)}
        for n, k in ((7, 3), (6, 2), (9, 4), (5, 5), (4, 1))
    ]


def _small_signal(numbers, k, more):
    return {"dy": numbers(more + 1), "x": numbers(k + more), "w": numbers(k)}


CLINIC_20 = Case(
    answer=fixed.clinic_20,
    start=broken.clinic_20,
    symptom=symptoms_shipped.learns_all_the_same,
    **records.of(20),
    difficulty="medium",
    minutes=3,
    task=(
        "`dw` of a convolution of signals, in one call of NumPy. "
        "The network runs, and its loss falls. Its author taught a course with it."
    ),
    hints=(
        "Compare the three numbers with the measured ones. Are they wrong, or only in the wrong places?",
        "dw[u] is the sum of x[i + u] * dy[i]. Which of the two slides over the other?",
        "Cross-correlation is not symmetric: exchange its arguments, and the result is reversed.",
    ),
    cases=signal_cases,
    further=drawn.signal,
    small=Small({"k": (1, 2, 3), "more": (0, 1, 2, 3)}, _small_signal),
    probe={"dy": np.array([1.0, 0, 0]), "x": np.array([3.0, 1, 4, 1, 5]), "w": np.array([2.0, 7, 1])},
    tensors=("dw",),
    axes={"dw": ("position",)},
    forward=lambda dy, x, w: np.correlate(x, w, mode="valid"),
    mistakes={
        "dw": (
            Mistake(
                "true convolution",
                "This is a true convolution: one of the two is turned around before it slides. "
                "The forward pass turned nothing around.",
                (lambda dy, x, w: np.convolve(x, dy, mode="valid"),),
            ),
            Mistake(
                "mean instead of sum",
                "Everything is too small by the same factor: the number of outputs. "
                "A weight is used at every position, and all of them add up.",
                (lambda dy, x, w: np.correlate(x, dy, mode="valid") / len(dy),),
            ),
            Mistake(
                "dx, not dw",
                "This is the gradient of x: it uses w. The gradient of w uses x.",
                (lambda dy, x, w: np.convolve(dy, w)[: len(w)],),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy, x, w: -np.correlate(x, dy, mode="valid"),)),
        )
    },
)

EXERCISES = (CLINIC_15, CLINIC_16, CLINIC_17, CLINIC_18, CLINIC_19, CLINIC_20)
