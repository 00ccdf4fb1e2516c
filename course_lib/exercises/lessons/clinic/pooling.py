"""Cases 04 and 05: max pooling, with values that tie and windows that overlap."""

import numpy as np

from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms
from course_lib.exercises.lessons.clinic.common import PLANE, pooled
from course_lib.exercises.lessons.shared import drawn, sentences, small

# ---------------------------------------------------------------- values that tie


IN_WINDOW = (
    "The winner's row and column are counted from the corner of its *window*. "
    "In dx they are counted from the corner of the image."
)


def tied_cases(rng):
    cases = [
        {"dy": rng.standard_normal(shape), "x": rng.integers(0, 3, [n * k for n in shape]) * 1.0, "kernel_size": k}
        for shape, k in (((3, 4), 2), ((2, 3), 3))
    ]
    for case in cases:  # flat in one window, as the background of a digit is
        case["x"][: case["kernel_size"], : case["kernel_size"]] = 0
    return [*cases, {"dy": rng.standard_normal((3, 2)), "x": rng.standard_normal((6, 4)), "kernel_size": 2}]


def _blocks(array, k):
    """(H, W) -> (H / k, W / k, k k): the windows."""
    H, W = array.shape
    return array.reshape(H // k, k, W // k, k).transpose(0, 2, 1, 3).reshape(H // k, W // k, k * k)


def _unblocked(blocks, k):
    rows, columns, _ = blocks.shape
    return blocks.reshape(rows, columns, k, k).transpose(0, 2, 1, 3).reshape(rows * k, columns * k)


def shared_among_winners(case, results):
    """A remark for any sharing of dy among the winners of a window, which is a valid subgradient; else None."""
    dy, x, k = case.values()
    dx = results["dx"]
    if dx is None or dx.shape != x.shape or dx.dtype.kind != "f":
        return None
    share, values = _blocks(dx, k) / dy[..., None], _blocks(x, k)
    winners = values == values.max(axis=-1, keepdims=True)
    fine = np.all(share >= -1e-6) and np.allclose(share[~winners], 0) and np.allclose(share.sum(axis=-1), 1, atol=1e-4)
    return SHARED if fine else None


SHARED = (
    "Where values tie, you pay a winner other than the first, or share among the winners. "
    "That is a valid subgradient: what counts is that dy is paid once. "
    "PyTorch pays the first."
)


def _by_blocks(weights):
    """dx whose windows are dy times weights(values of the windows)."""
    return lambda dy, x, k: _unblocked(weights(_blocks(x, k)) * dy[..., None], k)


def _first_winner(values):
    return np.arange(values.shape[-1]) == values.argmax(axis=-1)[..., None]


def _all_winners(values):
    return values == values.max(axis=-1, keepdims=True)


def _in_the_corner(dy, x, k):
    return _all_in_the_corner(dy, x, k, k)


CLINIC_04 = Case(
    answer=fixed.clinic_04,
    start=broken.clinic_04,
    symptom=symptoms.paid_out,
    **records.of(4),
    difficulty="easy",
    minutes=2,
    task=(
        "The backward pass of max pooling, with a mask of the winners. "
        "On random numbers it passes every gradient check. "
        "On digits the first layer's gradients are far too large."
    ),
    hints=(
        "What does `window == window.max()` give for the window [[0, 0], [0, 0]]?",
        "Four winners, and each is paid all of dy. y moved once. How much may be paid out in total?",
        "`window.argmax()` names one winner. "
        "Compare its number with `np.arange(k * k).reshape(k, k)`, or divide the mask by its sum.",
    ),
    cases=tied_cases,
    further=drawn.tiled_plane,
    small=small.TILED_POOL,
    probe={"dy": np.array([[1.0, 2]]), "x": np.array([[2.0, 2, 0, 3], [2, 1, 0, 0]]), "kernel_size": 2},
    tensors=("dx",),
    axes=PLANE,
    accept=shared_among_winners,
    mistakes={
        "dx": (
            Mistake(
                "value multiplied in",
                "The values of x are multiplied in. The winner takes dy itself, because its slope is 1.",
                (
                    _by_blocks(lambda v: _first_winner(v) * v),
                    _by_blocks(lambda v: _all_winners(v) * v),
                ),
            ),
            Mistake(
                "spread over the window",
                "Every pixel of a window gets a share, as in average pooling. The pixels that lost did not move y.",
                (_by_blocks(lambda v: np.full(v.shape, 1 / v.shape[-1])), _by_blocks(np.ones_like)),
            ),
            Mistake(
                "dy missing",
                "The winners are marked, but dy is missing. Each winner takes *its* gradient.",
                (lambda dy, x, k: _by_blocks(_first_winner)(np.ones_like(dy), x, k),),
            ),
            Mistake(
                "shared among all",
                "dy is divided by the number of pixels of the window, "
                "but only winners get a part, so too little is paid. "
                "By what must dy be divided, so that it is paid once?",
                (
                    _by_blocks(lambda v: _all_winners(v) / v.shape[-1]),
                    _by_blocks(lambda v: _first_winner(v) / v.shape[-1]),
                ),
            ),
            Mistake(
                "zeros never win",
                "A window of zeros gets nothing. Its maximum is 0, and one of its pixels made it, so dy is paid there.",
                (
                    _by_blocks(lambda v: _first_winner(v) * (v > 0)),
                    _by_blocks(lambda v: _all_winners(v) * (v > 0)),
                    _by_blocks(lambda v: _all_winners(v) * (v > 0) / _all_winners(v).sum(axis=-1, keepdims=True)),
                ),
            ),
            Mistake("sign", sentences.SIGN, (_by_blocks(lambda v: -1.0 * _first_winner(v)),)),
            Mistake("place in the window", IN_WINDOW, (_in_the_corner,)),
            Mistake(
                "another place",
                "The gradient goes to a pixel that did not win.",
                (
                    _by_blocks(lambda v: _first_winner(-v) * 1.0),
                    _by_blocks(lambda v: np.arange(v.shape[-1]) == 0 * v),
                    _by_blocks(lambda v: _first_winner(v)[..., ::-1] * 1.0),
                ),
            ),
        )
    },
)

# ---------------------------------------------------------------- windows that overlap


def overlapping_cases(rng):
    return [
        {"dy": rng.standard_normal(pooled(x, k, stride).shape), "x": x, "kernel_size": k, "stride": stride}
        for k, stride, x in (
            (3, 1, rng.standard_normal((6, 7))),
            (2, 1, rng.standard_normal((5, 5))),
            (3, 2, rng.standard_normal((7, 8))),
            (2, 2, rng.standard_normal((5, 6))),
        )
    ]


OVERLAPPING = {  # what cases share whose windows overlap
    "cases": overlapping_cases,
    "further": drawn.plane_without_ties,
    "small": small.OVERLAPPING_POOL,
    "probe": {
        "dy": np.ones((2, 2)),
        "x": np.array([[0.0, 1, 2], [3, 9, 4], [5, 6, 7]]),
        "kernel_size": 2,
        "stride": 1,
    },
    "tensors": ("dx",),
    "axes": PLANE,
}


def _routed(dy, x, k, stride, weight):
    """dx in which every window gets weight(window) * dy."""
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        window = np.s_[i * stride : i * stride + k, j * stride : j * stride + k]
        dx[window] += dy[i, j] * weight(x[window])
    return dx


def _one(window):
    return (np.arange(window.size) == window.argmax()).reshape(window.shape)


def _all_in_the_corner(dy, x, k, stride):
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        dx[:k, :k] += dy[i, j] * _one(x[i * stride : i * stride + k, j * stride : j * stride + k])
    return dx


def _mean_of_what_it_won(dy, x, k, stride):
    won = _routed(np.ones_like(dy), x, k, stride, _one)
    return _routed(dy, x, k, stride, _one) / np.maximum(won, 1)


CLINIC_05 = Case(
    answer=fixed.clinic_05,
    start=broken.clinic_05,
    symptom=symptoms.paid_by_stride,
    **records.of(5),
    difficulty="easy",
    minutes=2,
    task=(
        "The backward pass of max pooling again, with any stride. It is right as long as the windows are side by side."
    ),
    hints=(
        "With stride 1, how many windows can one pixel win?",
        "A pixel that wins three windows moved three outputs. Which of their gradients is left in dx?",
        "One character is missing. What an earlier window has paid must stay.",
    ),
    **OVERLAPPING,
    mistakes={
        "dx": (
            Mistake(
                "stride missing",
                "The stride is missing. The window of dy[i, j] starts at (stride * i, stride * j).",
                (lambda dy, x, k, stride: _routed(dy, x, k, 1, _one),),
            ),
            Mistake("place in the window", IN_WINDOW, (_all_in_the_corner,)),
            Mistake(
                "row and column exchanged",
                "The row and the column of the winner are exchanged. "
                "argmax counts along the rows, k pixels to a row. "
                "Which is the row, the quotient or the remainder?",
                (lambda dy, x, k, stride: _routed(dy, x, k, stride, lambda w: _one(w).T),),
            ),
            Mistake(
                "mean of what it won",
                "A pixel that wins several windows gets the mean of their gradients. "
                "It moves all of those outputs, so it takes the sum.",
                (_mean_of_what_it_won,),
            ),
            Mistake(
                "spread over the window",
                "Every pixel of a window gets a share, as in average pooling. The pixels that lost did not move y.",
                (
                    lambda dy, x, k, stride: _routed(dy, x, k, stride, lambda w: np.full(w.shape, 1 / w.size)),
                    lambda dy, x, k, stride: _routed(dy, x, k, stride, np.ones_like),
                ),
            ),
            Mistake(
                "value multiplied in",
                "The values of x are multiplied in. The winner takes dy itself, because its slope is 1.",
                (lambda dy, x, k, stride: _routed(dy, x, k, stride, lambda w: _one(w) * w),),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy, x, k, stride: _routed(-dy, x, k, stride, _one),)),
        )
    },
)

EXERCISES = (CLINIC_04, CLINIC_05)
