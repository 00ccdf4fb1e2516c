"""The bug clinic: backward passes with one thing wrong, found by what they show and then mended."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom, measured, off
from course_lib.exercises.engine.verdict import Picture
from course_lib.exercises.lessons import (
    convolution,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
)
from course_lib.exercises.lessons.clinic import broken, fixed

LESSON = "07_gradient_flow"

PLANE = {"dx": ("row", "column"), "dw": ("row", "column")}
THIS, RIGHT = "with this backward", "with the right one"
LARGE_RATE = 0.6


def _rng():
    return np.random.default_rng(7)


def _all_but(mistakes, *shorts):
    """The mistakes of the function that was broken, without the one it came with."""
    assert set(shorts) <= {mistake.name for mistake in mistakes}
    return tuple(mistake for mistake in mistakes if mistake.name not in shorts)


def _training(says, curves, steps=(0, 10, 20, 40)):
    """name -> the loss of each step: some of them in a table, all of them as curves."""
    rows = [(name, *(f"{losses[step]:.2g}" for step in steps)) for name, losses in curves.items()]
    return Symptom(says, ("step", *steps), rows, curves=curves)


# ---------------------------------------------------------------- 01 to 03: convolution


@guarded_symptom
def one_stamp(f):
    x, w, dy = np.zeros((1, 1, 3, 3)), np.array([[[[1.0, 2], [3, 4]]]]), np.zeros((1, 1, 2, 2))
    dy[0, 0, 0, 0] = 1
    truth = measured(lambda x: F.conv2d(x, w), dy, x)
    return Symptom(
        "w is [[1, 2], [3, 4]], and dy is 1 at its first place and 0 elsewhere.",
        picture=Picture("dx", np.asarray(f(dy, x, w))[0, 0], truth[0, 0], 1e-6, ("this one", "measured")),
    )


CLINIC_01 = Exercise(
    answer=fixed.clinic_01,
    start=broken.clinic_01,
    symptom=one_stamp,
    difficulty="easy",
    minutes=5,
    task=(
        "`dx` of a convolution, with columns. Every shape is right, and a network trained with it still reads "
        "nine digits "
        "in ten. Give it a `dy` with a single 1, and look."
    ),
    hints=(
        "y[0, 0] saw four pixels, through the weights 1, 2, 3, 4. Which of them should get 1 back?",
        "There are two ways to dx: hand back (scatter) and collect (gather). To which of them does `col2im` "
        "belong, and "
        "to which the turned kernel?",
        "col2im hands back, and the kernel goes as it is. One pair of brackets is too many.",
    ),
    tensors=("dx",),
    windows={"dx": convolution.coverage},
    mistakes={"dx": _all_but(convolution.gradient_of_input(4), "kernel turned")},
    **lesson_03.BACKWARD,
)


@guarded_symptom
def errors_by_stride(f):
    rows = []
    for stride in (1, 2, 3):
        x, w = _rng().standard_normal((9, 9)), np.zeros((3, 3))
        dy = _rng().standard_normal(loops.conv2d_single(x, w, stride).shape)
        truth = measured(lambda w, x=x, stride=stride: loops.conv2d_single(x, w, stride), dy, w)
        rows.append((stride, off(f(dy, x, w, stride, 0), truth)))
    return Symptom("dw against central differences, x of 9 x 9, w of 3 x 3.", ("stride", "relative error"), rows)


CLINIC_02 = Exercise(
    answer=fixed.clinic_02,
    start=broken.clinic_02,
    symptom=errors_by_stride,
    difficulty="medium",
    minutes=8,
    task=(
        "`dw` of a convolution with one channel, as it stands in many a tutorial: `dy` slides over `x`. "
        "Its author tested it with stride 1."
    ),
    hints=(
        "With stride 2, which pixels did the weight w[0, 0] meet? Are they neighbours?",
        "The weight w[p, q] met the pixels (p + stride * i, q + stride * j): every stride-th row and column.",
        "A slice takes a third number: `xp[p : p + stride * H_out : stride, ...]`. At the end it may hold a row "
        "too many, "
        "which `[:H_out, :W_out]` takes off.",
    ),
    cases=lesson_02.backward_cases,
    probe=lesson_02.ONE_HOT,
    tensors=("dw",),
    axes=PLANE,
    shows=convolution.ONE_HOT_SHOWS,
    forward=lesson_02.forward,
    mistakes={"dw": _all_but(convolution.gradient_of_weight(2), "stride missing")},
    patterns=convolution.patterns(2),
)


@guarded_symptom
def sizes_of_dx(f):
    rows = []
    for size in (5, 6, 7, 8):
        x, w = np.ones((size, size)), np.ones((3, 3))
        rows.append((f"{size} x {size}", " x ".join(map(str, np.shape(f(loops.conv2d_single(x, w, 2), x, w, 2, 0))))))
    return Symptom("Kernel 3 x 3, stride 2, no padding.", ("x", "dx"), rows)


def _zeros_behind(dy, x, w, stride, padding):
    dx = np.zeros(x.shape)
    short = broken.clinic_03(dy, x, w, stride, padding)
    dx[: len(short), : short.shape[1]] = short
    return dx


def _zeros_in_front(dy, x, w, stride, padding):
    dx = np.zeros(x.shape)
    short = broken.clinic_03(dy, x, w, stride, padding)
    dx[len(x) - len(short) :, x.shape[1] - short.shape[1] :] = short
    return dx


CLINIC_03 = Exercise(
    answer=fixed.clinic_03,
    start=broken.clinic_03,
    symptom=sizes_of_dx,
    difficulty="medium",
    minutes=8,
    task=(
        "`dx` of a convolution with one channel, collected by a turned kernel. It has run for months on images with an "
        "odd number of rows and columns. Today someone trains on 6 x 6."
    ),
    hints=(
        "Which sizes of x lead to the same size of y? What does dy know of the difference?",
        "A stride of 2 leaves a last row that no window reached. It is part of x, so dx must have it: with zeros.",
        "`spread` must be as large as if the stride were 1: H + 2 * padding - kH + 1 rows. dy fills every "
        "stride-th of them.",
    ),
    cases=lesson_02.backward_cases,
    probe={**lesson_02.ONE_HOT, "x": np.ones((6, 6))},
    tensors=("dx",),
    axes=PLANE,
    shows=convolution.ONE_HOT_SHOWS,
    forward=lesson_02.forward,
    windows={"dx": convolution.coverage},
    mistakes={
        "dx": (
            *_all_but(convolution.gradient_of_input(2), "remainder dropped"),
            Mistake(
                "zeros at the wrong end",
                "The shape is right now, and the zeros stand in the wrong place. What the stride left over is the end "
                "of the *padded* x, in rows and in columns: it is part of `dxp`, before the padding comes off.",
                (_zeros_behind, _zeros_in_front),
            ),
        )
    },
    patterns=convolution.patterns(2),
)

# ---------------------------------------------------------------- 04, 05: max pooling


def _pooled(x, k, stride):
    y, _ = loops.max_pool2d(x[None, None], k, stride)
    return y[0, 0]


@guarded_symptom
def paid_out(f):
    rng = _rng()
    digit = np.zeros((6, 6))
    digit[1:5, 2:4] = np.round(rng.random((4, 2)), 1)
    rows, dy = [], np.ones((3, 3))
    for name, x in (("no two values alike", rng.standard_normal((6, 6))), ("a digit: flat around it", digit)):
        dx = f(dy, x, 2)
        rows.append((name, 9, f"{dx.sum():.0f}"))
    return Symptom(
        "Windows of 2 x 2 side by side, dy all ones. Below, the dx of the digit.",
        ("x", "sum of dy", "sum of dx"),
        rows,
        Picture("dx", dx, fixed.clinic_04(dy, digit, 2), 1e-6, ("this one", "paid once")),
    )


def tied_cases(rng):
    cases = [
        {"dy": rng.standard_normal(shape), "x": rng.integers(0, 3, [n * k for n in shape]) * 1.0, "kernel_size": k}
        for shape, k in (((3, 4), 2), ((2, 3), 3))
    ]
    cases[0]["x"][:2, :2] = 0  # flat, as the background of a digit
    return [*cases, {"dy": rng.standard_normal((3, 2)), "x": rng.standard_normal((6, 4)), "kernel_size": 2}]


def _blocks(array, k):
    """(H, W) -> (H / k, W / k, k k): the windows."""
    H, W = array.shape
    return array.reshape(H // k, k, W // k, k).transpose(0, 2, 1, 3).reshape(H // k, W // k, k * k)


def _unblocked(blocks, k):
    rows, columns, _ = blocks.shape
    return blocks.reshape(rows, columns, k, k).transpose(0, 2, 1, 3).reshape(rows * k, columns * k)


def shared_among_winners(case, results):
    """Any share of dy among the winners of a window is a subgradient."""
    dy, x, k = case.values()
    dx = results["dx"]
    if dx is None or dx.shape != x.shape or dx.dtype.kind != "f":
        return None
    share, values = _blocks(dx, k) / dy[..., None], _blocks(x, k)
    winners = values == values.max(axis=-1, keepdims=True)
    fine = np.all(share >= -1e-6) and np.allclose(share[~winners], 0) and np.allclose(share.sum(axis=-1), 1, atol=1e-4)
    return SHARED if fine else None


SHARED = (
    "Where values tie, you pay another winner than the first, or share among the winners. That is a legitimate "
    "subgradient: what counts is that dy is paid once. PyTorch pays the first."
)


def _by_blocks(weights):
    """dx whose windows are dy times weights(values of the windows)."""
    return lambda dy, x, k: _unblocked(weights(_blocks(x, k)) * dy[..., None], k)


def _first_winner(values):
    return np.arange(values.shape[-1]) == values.argmax(axis=-1)[..., None]


def _all_winners(values):
    return values == values.max(axis=-1, keepdims=True)


CLINIC_04 = Exercise(
    answer=fixed.clinic_04,
    start=broken.clinic_04,
    symptom=paid_out,
    difficulty="easy",
    minutes=5,
    task=(
        "The backward pass of max pooling, by a mask of the winners. On random numbers it agrees with every gradient "
        "check. On digits the first layer's gradients are far too large."
    ),
    hints=(
        "What does `window == window.max()` give for the window [[0, 0], [0, 0]]?",
        "Four winners, and each is paid all of dy. y moved once: how much may be paid out in all?",
        "`window.argmax()` names one winner. Compare its number with `np.arange(k * k).reshape(k, k)`, "
        "or divide the mask by its sum.",
    ),
    cases=tied_cases,
    probe={"dy": np.array([[1.0, 2]]), "x": np.array([[2.0, 2, 0, 3], [2, 1, 0, 0]]), "kernel_size": 2},
    tensors=("dx",),
    axes=PLANE,
    accept=shared_among_winners,
    mistakes={
        "dx": (
            Mistake(
                "value multiplied in",
                "The values of x are multiplied in. The winner hands on dy itself: its slope is 1.",
                (
                    _by_blocks(lambda v: _first_winner(v) * v),
                    _by_blocks(lambda v: _all_winners(v) * v),
                ),
            ),
            Mistake(
                "spread over the window",
                "Every pixel of a window gets a share, as in average pooling. Those that lost did not move y.",
                (_by_blocks(lambda v: np.full(v.shape, 1 / v.shape[-1])), _by_blocks(np.ones_like)),
            ),
            Mistake(
                "dy missing",
                "The winners are marked, but dy is missing: each hands on *its* gradient.",
                (lambda dy, x, k: _by_blocks(_first_winner)(np.ones_like(dy), x, k),),
            ),
            Mistake(
                "shared among all",
                "dy is cut into as many parts as the window has pixels, but only winners get one: too little is paid. "
                "By how many must it be divided, so that dy is paid once?",
                (
                    _by_blocks(lambda v: _all_winners(v) / v.shape[-1]),
                    _by_blocks(lambda v: _first_winner(v) / v.shape[-1]),
                ),
            ),
            Mistake(
                "zeros never win",
                "A window of zeros gets nothing. Its maximum is 0, and one of its pixels made it: dy is paid there.",
                (
                    _by_blocks(lambda v: _first_winner(v) * (v > 0)),
                    _by_blocks(lambda v: _all_winners(v) * (v > 0)),
                ),
            ),
            Mistake("sign", convolution.SIGN, (_by_blocks(lambda v: -1.0 * _first_winner(v)),)),
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


@guarded_symptom
def paid_by_stride(f):
    x = _rng().standard_normal((7, 7))
    rows = []
    for stride in (3, 2, 1):
        dy = np.ones(_pooled(x, 3, stride).shape)
        dx = f(dy, x, 3, stride)
        rows.append((stride, dy.size, f"{dx.sum():.0f}"))
    return Symptom(
        "Windows of 3 x 3 on 7 x 7, no two values alike, dy all ones. Below, the dx with stride 1.",
        ("stride", "sum of dy", "sum of dx"),
        rows,
        Picture("dx", dx, measured(lambda x: _pooled(x, 3, 1), dy, x), 1e-6, ("this one", "measured")),
    )


def overlapping_cases(rng):
    return [
        {"dy": rng.standard_normal(_pooled(x, k, stride).shape), "x": x, "kernel_size": k, "stride": stride}
        for k, stride, x in (
            (3, 1, rng.standard_normal((6, 7))),
            (2, 1, rng.standard_normal((5, 5))),
            (3, 2, rng.standard_normal((7, 8))),
            (2, 2, rng.standard_normal((5, 6))),
        )
    ]


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


CLINIC_05 = Exercise(
    answer=fixed.clinic_05,
    start=broken.clinic_05,
    symptom=paid_by_stride,
    difficulty="easy",
    minutes=4,
    task=(
        "The backward pass of max pooling again, with any stride. It is right as long as the windows stand side "
        "by side."
    ),
    hints=(
        "With stride 1, how many windows can one pixel win?",
        "A pixel that wins three windows moved three outputs. Which of their gradients is left in dx?",
        "One character is missing: what an earlier window has paid must stay.",
    ),
    cases=overlapping_cases,
    probe={
        "dy": np.ones((2, 2)),
        "x": np.array([[0.0, 1, 2], [3, 9, 4], [5, 6, 7]]),
        "kernel_size": 2,
        "stride": 1,
    },
    tensors=("dx",),
    axes=PLANE,
    mistakes={
        "dx": (
            Mistake(
                "stride missing",
                "The stride is missing: the window of dy[i, j] starts at (stride * i, stride * j).",
                (lambda dy, x, k, stride: _routed(dy, x, k, 1, _one),),
            ),
            Mistake(
                "place in the window",
                "The winner's row and column are counted from the corner of its *window*, and dx counts from its own.",
                (_all_in_the_corner,),
            ),
            Mistake(
                "spread over the window",
                "Every pixel of a window gets a share, as in average pooling. Those that lost did not move y.",
                (
                    lambda dy, x, k, stride: _routed(dy, x, k, stride, lambda w: np.full(w.shape, 1 / w.size)),
                    lambda dy, x, k, stride: _routed(dy, x, k, stride, np.ones_like),
                ),
            ),
            Mistake(
                "value multiplied in",
                "The values of x are multiplied in. The winner hands on dy itself: its slope is 1.",
                (lambda dy, x, k, stride: _routed(dy, x, k, stride, lambda w: _one(w) * w),),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, x, k, stride: _routed(-dy, x, k, stride, _one),)),
        )
    },
)

# ---------------------------------------------------------------- 06 to 08: batches and columns


@guarded_symptom
def bias_by_size(f):
    rows = []
    for N, size in ((1, 1), (1, 4), (8, 4), (8, 16)):
        dy = np.ones((N, 2, size, size))
        rows.append((f"{N} of {size} x {size}", f"{f(dy)[0]:.4g}", f"{loops.bias_gradient(dy)[0]:.4g}"))
    return Symptom(
        "dy all ones. Measured: raise b[0] a little, and see how far the loss moves. Below, two biases that learn.",
        ("images", "db[0]", "measured"),
        rows,
        curves={THIS: _biases_that_learn(f), RIGHT: _biases_that_learn(loops.bias_gradient)},
    )


def _biases_that_learn(backward):
    """The loss of each step in which b is to become 3, -1: nothing else is learnt."""
    b, target, losses = np.zeros(2), np.zeros((8, 2, 4, 4)) + np.array([3.0, -1])[:, None, None], []
    for _ in range(30):
        loss, dy = F.mse(np.zeros(target.shape) + b[:, None, None], target)
        losses.append(loss)
        b = b - 0.2 * backward(dy)
    return losses


CLINIC_06 = Exercise(
    answer=fixed.clinic_06,
    start=broken.clinic_06,
    symptom=bias_by_size,
    difficulty="easy",
    minutes=3,
    task="`db` of a convolution. The network trains, but its biases hardly move. The larger the images, the less.",
    hints=(
        "One bias is added at how many places of a batch?",
        "Raise it by 0.1, and all of them rise by 0.1. What does that do to the loss, one place after the other?",
        "The gradients of all those places add up. The loss has taken its mean already, and dy knows.",
    ),
    cases=lesson_03.bias_cases,
    probe=lesson_03.BIAS_GRADIENT.probe,
    tensors=("db",),
    axes=lesson_03.AXES,
    mistakes={
        "db": (
            *_all_but(lesson_03.bias_mistakes(), "mean instead of sum"),
            Mistake(
                "still a mean",
                "Still too small by one factor: a mean is left, over the images or over the positions.",
                (lambda dy: dy.mean(axis=0).sum(axis=(1, 2)), lambda dy: dy.mean(axis=(2, 3)).sum(axis=0)),
            ),
        )
    },
)


@guarded_symptom
def errors_by_batch(f):
    rows = []
    for N in (1, 2, 3):
        x, w = _rng().standard_normal((N, 2, 5, 5)), np.zeros((4, 2, 3, 3))
        dy = _rng().standard_normal((N, 4, 3, 3))
        rows.append((N, off(f(dy, x, w, 1, 0), measured(lambda w, x=x: F.conv2d(x, w), dy, w))))
    return Symptom("dw against central differences.", ("images", "relative error"), rows)


def _by_columns(dy_rows, x, w, stride, padding):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    return (dy_rows @ cols.transpose(1, 0, 2).reshape(cols.shape[1], -1).T).reshape(w.shape)


CLINIC_07 = Exercise(
    answer=fixed.clinic_07,
    start=broken.clinic_07,
    symptom=errors_by_batch,
    difficulty="medium",
    minutes=8,
    task=(
        "`dw` of a convolution as one matrix product for the whole batch: one row of `dy_rows` for each filter, one "
        "column for each window of each image. All shapes fit."
    ),
    hints=(
        "In which order do the numbers of `dy` lie in memory: which axis comes first?",
        "Images first, then filters. A reshape to (C_out, -1) cuts that one long row into C_out pieces: what "
        "stands in the "
        "first piece?",
        "Two lines above, the columns got their axes in the right order *before* the reshape. dy needs the same: "
        "its filters first.",
    ),
    tensors=("dw",),
    mistakes={
        "dw": (
            Mistake(
                "images innermost",
                "The rows of dy and the columns now go through images and positions in different orders. "
                "Columns were written image after image.",
                (lesson_04.Variant(lesson_04.recipes.weight_gradient, dy=lesson_04.positions_first),),
            ),
            Mistake(
                "another reshape",
                "It is still a reshape that mixes the filters. A reshape never changes the order in which the numbers "
                "lie, however you count them off; only exchanging axes does.",
                (lambda dy, x, w, stride, padding: _by_columns(dy.reshape(-1, len(w)).T, x, w, stride, padding),),
            ),
            *_all_but(lesson_04.gemm_mistakes()["dw"], "dy reshaped without the transpose"),
        )
    },
    **lesson_03.BACKWARD,
)


@guarded_symptom
def coverage_of_ones(f):
    truth = loops.col2im(np.ones((1, 4, 9)), (4, 4), (2, 2))
    return Symptom(
        "A matrix of ones for an image of 4 x 4 and a kernel of 2 x 2: each pixel should count its windows.",
        picture=Picture(
            "x",
            np.asarray(f(np.ones((1, 4, 9)), (4, 4), (2, 2), 1, 0))[0, 0],
            truth[0, 0],
            1e-6,
            ("this one", "measured"),
        ),
    )


def _last_one_times_windows(cols, output_size, kernel_size, stride, padding):
    geometry = output_size, kernel_size, stride, padding
    return broken.clinic_08(cols, *geometry) * loops.col2im(np.ones_like(cols), *geometry)


CLINIC_08 = Exercise(
    answer=fixed.clinic_08,
    start=broken.clinic_08,
    symptom=coverage_of_ones,
    difficulty="hard",
    minutes=8,
    task=(
        "`col2im` without a loop: index arrays say for every entry of `cols` where it belongs, and `+=` adds all "
        "of them. "
        "Or does it?"
    ),
    hints=(
        "Try it: `a = np.zeros(3); a[[1, 1, 1]] += 1`. What is `a`?",
        "NumPy reads all places first, adds, and then writes them back: of several for one place the last stays.",
        "`np.add.at(array, index, values)` adds one after the other, however often a place occurs.",
    ),
    cases=lesson_04.col2im_cases,
    probe=lesson_04.COL2IM.probe,
    tensors=("x",),
    axes=lesson_04.COL2IM.axes,
    windows=lesson_04.COL2IM.windows,
    mistakes={
        "x": (
            *_all_but(lesson_04.col2im_mistakes(), "overlaps overwritten"),
            Mistake(
                "times the number of windows",
                "Only one number of each place is counted, as often as there are windows. That is right for a matrix "
                "of ones alone: every window hands in a number of its own.",
                (_last_one_times_windows,),
            ),
        )
    },
    patterns=lesson_04.COL2IM.patterns,
)

# ---------------------------------------------------------------- 09 to 14: the rest of a network


@guarded_symptom
def errors_by_dy(f):
    x = np.array([[2.0, -1, 3, -2], [-3, 1, -1, 4]])
    rows = []
    for name, dy in (("all ones", np.ones(x.shape)), ("random", np.array([[-2.0, 3, 1, -1], [2, -4, -3, 5]]))):
        gaps = [off(f(dy, x), measured(lambda x: np.maximum(x, 0), dy, x)) for x in (np.abs(x), x)]
        rows.append((name, *gaps))
    return Symptom(
        "dx against central differences: the relative error. Below, x is [[2, -1, 3, -2], [-3, 1, -1, 4]], and dy "
        "[[-2, 3, 1, -1], [2, -4, -3, 5]].",
        ("dy", "all x positive", "any x"),
        rows,
        Picture("dx", f(dy, x), measured(lambda x: np.maximum(x, 0), dy, x), 1e-6, ("this one", "measured")),
    )


CLINIC_09 = Exercise(
    answer=fixed.clinic_09,
    start=broken.clinic_09,
    symptom=errors_by_dy,
    difficulty="easy",
    minutes=3,
    task=("The backward pass of a ReLU. Its author checked it with `dy` all ones and an `x` without negative numbers."),
    hints=(
        "When x is 2 and dy is -5, what is dx?",
        "Negative gradients are as good as positive ones. Who decides whether one passes?",
        "The mask belongs to x, the input of the forward pass: where it was not positive, nothing came through.",
    ),
    cases=lesson_05.relu_cases,
    probe=lesson_05.RELU_BACKWARD.probe,
    tensors=("dx",),
    axes=lesson_05.RELU_BACKWARD.axes,
    forward=lesson_05.RELU_BACKWARD.forward,
    mistakes={
        "dx": (
            *_all_but(lesson_05.RELU_BACKWARD.mistakes["dx"], "mask from dy"),
            Mistake(
                "both masks",
                "x decides now, and dy still does as well: negative gradients are stopped where x was positive.",
                (lambda dy, x: dy * (x > 0) * (dy > 0),),
            ),
        )
    },
)


def _loss_curve(backward):
    """Fit a linear layer to a teacher by mean squared error -> the loss of each step."""
    rng = _rng()
    x, teacher, w = rng.standard_normal((32, 5)), rng.standard_normal((3, 5)), np.zeros((3, 5))
    losses = []
    for _ in range(41):
        loss, dy = F.mse(x @ w.T, x @ teacher.T)
        losses.append(loss)
        w = w - 0.5 * backward(dy, x, w)[1]
    return losses


@guarded_symptom
def loss_while_training(f):
    curves = {THIS: _loss_curve(f), RIGHT: _loss_curve(F.linear_backward)}
    return _training("The loss of a linear layer that learns from 32 examples.", curves)


TIMES_N = (
    "Now everything is too large by one factor: N is multiplied in. The layer takes the sum that comes of its product, "
    "and leaves N alone."
)

CLINIC_10 = Exercise(
    answer=fixed.clinic_10,
    start=broken.clinic_10,
    symptom=loss_while_training,
    difficulty="medium",
    minutes=5,
    task=(
        "A linear layer. It learns, but so slowly that its author raised the learning rate to 16. "
        "With larger batches it learns slower still."
    ),
    hints=(
        "By what factor are dw and db too small for a batch of 1, 8, 32?",
        "The loss is a mean over the batch. Which gradient carries that 1 / N, and from where on?",
        "dy brings the 1 / N along. Every layer sums; a layer that divides again has counted it twice.",
    ),
    cases=lesson_06.linear_cases,
    probe=lesson_06.LINEAR_BACKWARD.probe,
    tensors=("dx", "dw", "db"),
    axes=lesson_06.LINEAR_BACKWARD.axes,
    forward=lesson_06.LINEAR_BACKWARD.forward,
    mistakes={
        "dx": lesson_06.LINEAR_BACKWARD.mistakes["dx"],
        "dw": (
            *lesson_06.LINEAR_BACKWARD.mistakes["dw"],
            Mistake("times N", TIMES_N, (lambda dy, x, w: len(x) * dy.T @ x,)),
        ),
        "db": (
            *lesson_06.LINEAR_BACKWARD.mistakes["db"],
            Mistake("times N", TIMES_N, (lambda dy, x, w: len(x) * dy.sum(axis=0),)),
        ),
    },
)


def block_cases(rng):
    return [
        {"dy": rng.standard_normal((N, n)), "x": rng.standard_normal((N, n)), "w": rng.standard_normal((n, n))}
        for N, n in ((4, 3), (2, 5), (3, 3))
    ]


def _block(dy, x, w):
    return x + np.maximum(x @ w.T, 0)


@guarded_symptom
def error_and_argument(f):
    case = block_cases(_rng())[0]
    before = case["dy"].copy()
    truth = measured(lambda x: _block(None, x, case["w"]), before, case["x"])
    error = off(f(*case.values()), truth)
    changed = int((case["dy"] != before).sum())
    return Symptom(
        "A residual block, against central differences.",
        ("", ""),
        [("relative error of dx", error), ("entries of dy before and after that differ", changed)],
    )


def _mask(x, w):
    return x @ w.T > 0


CLINIC_11 = Exercise(
    answer=fixed.clinic_11,
    start=broken.clinic_11,
    symptom=error_and_argument,
    difficulty="medium",
    minutes=6,
    task=(
        "The backward pass of a residual block, `y = x + relu(x @ w.T)`. Read line by line, each formula is right. "
        "The result is not, and somewhere else in the network another gradient has changed as well."
    ),
    hints=(
        "`branch = dy`: how many arrays are there now, one or two?",
        "`*=` writes into the array it finds. Who else still needs dy?",
        "Make a new array for the branch: a product written with `*` alone does so.",
    ),
    cases=block_cases,
    probe={
        "dy": np.array([[1.0, 2], [3, 4]]),
        "x": np.array([[1.0, -1], [2, 1]]),
        "w": np.array([[1.0, 0], [0, 1]]),
    },
    tensors=("dx",),
    axes=PLANE,
    forward=_block,
    mistakes={
        "dx": (
            Mistake(
                "short way forgotten",
                f"The way round the branch is missing. {lesson_07.FORGOTTEN}",
                (lambda dy, x, w: (dy * _mask(x, w)) @ w,),
            ),
            Mistake(
                "mask on the short way",
                "The short way gets the mask as well. There is no ReLU on it: dy goes round as it came.",
                (lambda dy, x, w: dy * _mask(x, w) + (dy * _mask(x, w)) @ w,),
            ),
            Mistake(
                "branch forgotten",
                f"The way through the branch is missing. {lesson_07.FORGOTTEN}",
                (lambda dy, x, w: dy,),
            ),
            Mistake(
                "mask missing",
                "The branch has a ReLU: behind it only some of dy goes on.",
                (lambda dy, x, w: dy + dy @ w,),
            ),
            Mistake(
                "w transposed",
                "w seems to be transposed: forward multiplied by w.T, so back it goes by w.",
                (lambda dy, x, w: dy + (dy * _mask(x, w)) @ w.T,),
            ),
            Mistake(
                "mask on the wrong side",
                "The mask belongs to the output of the branch's matrix product, before w.",
                (lambda dy, x, w: dy + (dy @ w) * _mask(x, w), lambda dy, x, w: dy + (dy * (x > 0)) @ w),
            ),
        )
    },
)


def step_cases(rng):
    return [
        {
            "dy": rng.standard_normal((N, m)),
            "x": rng.standard_normal((N, n)),
            "w": rng.standard_normal((m, n)),
            "lr": lr,
        }
        for N, n, m, lr in ((4, 3, 2, 0.1), (3, 3, 3, 0.5), (2, 4, 3, 0.03))
    ]


@guarded_symptom
def errors_by_rate(f):
    dy, x, w, _ = step_cases(_rng())[0].values()
    truth = measured(lambda x: x @ w.T, dy, x)
    return Symptom(
        "dx against central differences. Below, two layers that learn with a large rate: this function is the second.",
        ("learning rate", "relative error of dx"),
        [(lr, off(f(dy, x, w, lr)[0], truth)) for lr in (0, 0.001, 0.01, 0.1, 1)],
        curves={THIS: _two_layers(f), RIGHT: _two_layers(fixed.clinic_12)},
    )


def _two_layers(second_step, lr=LARGE_RATE):
    """Two linear layers with a ReLU between them learn what two others do -> the loss of each step."""
    rng = _rng()
    x, first, second = (rng.standard_normal(shape) for shape in ((32, 4), (6, 4), (3, 6)))
    target, losses = np.maximum(x @ first.T, 0) @ second.T, []
    first, second = 0.5 * rng.standard_normal(first.shape), 0.5 * rng.standard_normal(second.shape)
    for _ in range(60):
        before = x @ first.T
        hidden = np.maximum(before, 0)
        loss, dy = F.mse(hidden @ second.T, target)
        losses.append(loss)
        if loss > 100:  # it diverges, and soon there would be no number for it
            break
        dhidden, second = second_step(dy, hidden, second, lr)
        first = first - lr * (dhidden * (before > 0)).T @ x
    return losses


CLINIC_12 = Exercise(
    answer=fixed.clinic_12,
    start=broken.clinic_12,
    symptom=errors_by_rate,
    difficulty="medium",
    minutes=5,
    task=(
        "Backward pass and learning step of a linear layer in one function, to save memory. "
        "With a tiny learning rate nobody notices. With a large one the layers *before* this one learn nonsense."
    ),
    hints=(
        "Both formulas are right. Which w does the second one use?",
        "y was made with the old weights, so its gradient by x is that of the old weights.",
        "Two lines in the wrong order: compute dx while w is still what it was.",
    ),
    cases=step_cases,
    probe={
        "dy": np.array([[1.0, 2]]),
        "x": np.array([[1.0, 0, 2]]),
        "w": np.array([[1.0, 2, 3], [4, 5, 6]]),
        "lr": 0.5,
    },
    tensors=("dx", "w"),
    axes={"dx": ("row", "column"), "w": ("row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "w transposed",
                "w seems to be transposed in dx: forward multiplied by w.T, so back it goes by w.",
                (lambda dy, x, w, lr: dy @ w.T,),
            ),
            Mistake(
                "learning rate in dx",
                "The learning rate has no place in dx: only the step takes it.",
                (lambda dy, x, w, lr: lr * dy @ w,),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, x, w, lr: -dy @ w,)),
        ),
        "w": (
            Mistake(
                "uphill",
                "The step goes uphill: the loss falls *against* the gradient.",
                (lambda dy, x, w, lr: w + lr * dy.T @ x,),
            ),
            Mistake("no step", "w stays where it was: the step is missing.", (lambda dy, x, w, lr: w,)),
            Mistake(
                "not a step",
                "That is the gradient, or the step, but not where w ends: subtract it from w.",
                (
                    lambda dy, x, w, lr: dy.T @ x,
                    lambda dy, x, w, lr: lr * dy.T @ x,
                    lambda dy, x, w, lr: -lr * dy.T @ x,
                ),
            ),
            Mistake(
                "learning rate missing",
                "The learning rate is missing in the step.",
                (lambda dy, x, w, lr: w - dy.T @ x,),
            ),
        ),
    },
)


@guarded_symptom
def shifted_together(f):
    rng = _rng()
    x, weight = rng.standard_normal((4, 2, 3, 3)), np.array([1.0, 2])
    rows = []
    for name, dy in (("all ones", np.ones(x.shape)), ("random", rng.standard_normal(x.shape))):
        truth = measured(lambda x: lesson_07.normalised(x) * weight[:, None, None], dy, x)
        rows.append((name, *(f"{round(float(dx[:, 1].sum()), 6) + 0.0:.3g}" for dx in (f(dy, x, weight), truth))))
    return Symptom(
        "Add up dx over channel 1: that is how the loss moves when all of the channel moves together.",
        ("dy", "sum of dx", "measured"),
        rows,
    )


CLINIC_13 = Exercise(
    answer=fixed.clinic_13,
    start=broken.clinic_13,
    symptom=shifted_together,
    difficulty="hard",
    minutes=12,
    task=(
        "`dx` of a batch norm in training. Add the same number to all of a channel, and batch norm takes it off again: "
        "the loss cannot move. This backward pass thinks it does."
    ),
    hints=(
        "Which numbers in `y = weight * (x - mean) / std` depend on x? All of them?",
        "The mean and the standard deviation do too. A part of dy only moves the mean, another only the spread: "
        "both must "
        "be taken away.",
        "With `normalised = (x - mean) / std`, take `dy.mean(...)` and `normalised * (dy * normalised).mean(...)` "
        "off dy, "
        "over images, rows and columns, before you multiply by weight / std.",
    ),
    cases=lesson_07.norm_cases,
    probe=lesson_07.BATCH_NORM2D_BACKWARD.probe,
    tensors=("dx",),
    axes=lesson_07.BATCH_NORM2D_BACKWARD.axes,
    forward=lesson_07.BATCH_NORM2D_BACKWARD.forward,
    mistakes={"dx": _all_but(lesson_07.BATCH_NORM2D_BACKWARD.mistakes["dx"], "statistics taken for constants")},
)


@guarded_symptom
def scale_by_share(f):
    rows = []
    for p in (0.1, 0.5, 0.9):
        mask, dy = _rng().random((20, 20)) >= p, np.ones((20, 20))
        rows.append((p, f"{f(dy, mask, p).max():.3g}", f"{(dy * mask / (1 - p)).max():.3g}"))
    return Symptom("dy all ones: what arrives where a value was kept.", ("p", "dx", "measured"), rows)


CLINIC_14 = Exercise(
    answer=fixed.clinic_14,
    start=broken.clinic_14,
    symptom=scale_by_share,
    difficulty="easy",
    minutes=3,
    task=(
        "The backward pass of a dropout. The mask is right, the dropped values get nothing. "
        "The layers before it learn too slowly, and the more is dropped, the slower."
    ),
    hints=(
        "Forward, a kept value of 3 became what, with p = 0.5?",
        "It was divided by the share that is kept. By how much does y then move, when x moves by 1?",
        "What forward divided by, backward divides by: 1 - p.",
    ),
    cases=lesson_05.dropout_cases,
    probe=lesson_05.DROPOUT_BACKWARD.probe,
    tensors=("dx",),
    axes=lesson_05.DROPOUT_BACKWARD.axes,
    mistakes={"dx": _all_but(lesson_05.DROPOUT_BACKWARD.mistakes["dx"], "scale missing")},
)

EXERCISES = (
    CLINIC_01,
    CLINIC_02,
    CLINIC_03,
    CLINIC_04,
    CLINIC_05,
    CLINIC_06,
    CLINIC_07,
    CLINIC_08,
    CLINIC_09,
    CLINIC_10,
    CLINIC_11,
    CLINIC_12,
    CLINIC_13,
    CLINIC_14,
)

# ---------------------------------------------------------------- name the bug


def _diagnosis(number, why, *choices):
    """choices: (what it says, what one who picks it is told), the latter None for the right one."""
    letters = dict(zip("abcd", choices, strict=False))
    return Prediction(
        name=f"07/clinic_{number:02}",
        text=f"`clinic_{number:02}`: from what you see, what is wrong?",
        answer=next(letter for letter, (_, told) in letters.items() if told is None),
        choices={letter: (says, told or "") for letter, (says, told) in letters.items()},
        why=why,
    )


PREDICTIONS = (
    _diagnosis(
        1,
        "The kernel is turned for the gather form, but col2im scatters: the turn is one too many.",
        ("The stride is missing", "Then the stamp would stand in the wrong *place*. Its place is right here."),
        ("The kernel is turned where it must not be", None),
        ("Overlaps are lost", "A single 1 in dy makes a single stamp: nothing overlaps."),
        ("dy is missing", "Then every place would be stamped, and not only the first."),
    ),
    _diagnosis(
        2,
        "With stride 1 nothing is wrong, with any other nearly everything is: pixels are read side by side that the "
        "kernel met `stride` apart.",
        ("dw is turned by 180 degrees", "That would show with stride 1 as well."),
        ("The gradients are averaged", "An average would be off with stride 1, too, and by one factor."),
        ("The stride is not used", None),
        ("The padding is missing", "There is no padding in the table at all."),
    ),
    _diagnosis(
        3,
        "5 and 6 lead to the same y, and so do 7 and 8. The last row and column of the even ones were never "
        "visited, "
        "and are forgotten.",
        ("What the stride left over is forgotten", None),
        ("The kernel is not turned", "A turned kernel gives wrong values, but the right shape."),
        ("The padding is not removed", "Then dx would be too large. And there is no padding here."),
        ("Height and width are mixed up", "All the images in the table are square."),
    ),
    _diagnosis(
        4,
        "9 came in, and 27 goes out: where values tie, every winner is paid in full.",
        (
            "Windows overlap and overwrite each other",
            "They stand side by side, and overwriting would *lose* something.",
        ),
        (
            "The mask marks the smallest value",
            "Then winners would be missing, and the difference would have entries below zero.",
        ),
        ("Ties are paid several times", None),
        ("1 / k^2 is missing", "That belongs to average pooling. On random numbers the sum is right."),
    ),
    _diagnosis(
        5,
        "With stride 1 a pixel wins several windows, and only the last of them pays: = where += belongs.",
        ("A pixel that wins twice is paid once", None),
        ("Ties are paid several times", "No two values are alike, and the sum is too *small*."),
        ("The stride is ignored", "Then the sum with stride 3 would be wrong before all others."),
        ("The winner is looked for in the wrong window", "Then the places would be wrong. The sum would not."),
    ),
    _diagnosis(
        6,
        "db is 1, however many images and positions there are: a mean. The bias is added at each of them, so their "
        "gradients add up.",
        ("Only one position of each image counts", "Then eight images would give 8, whatever their size."),
        ("A mean is taken where a sum belongs", None),
        ("The sum runs over the wrong axes", "Then db would have another length than there are filters."),
    ),
    _diagnosis(
        7,
        "One image is right, two are not: the reshape mixes images and filters, because images come first in memory.",
        ("The columns are in the wrong order within a window", "That would be wrong with one image as well."),
        (
            "Only the last image counts",
            "The table cannot rule that out, but the code below can: is there a loop over images in which something "
            "could be set?",
        ),
        ("dy is reshaped before its axes are in order", None),
        ("A mean is taken over the batch", "Then the error for two images would be one half. And look for a division."),
    ),
    _diagnosis(
        8,
        "Each pixel counts one window, whatever holds it: += through index arrays adds to each place once.",
        ("The padding is not removed", "Then the shape would be another."),
        ("Repeated places are added to only once", None),
        (
            "It divides by the number of windows",
            "The picture cannot rule that out: 4 / 4 is 1 as well. The code below can: is there a division?",
        ),
        (
            "The order of rows and columns is exchanged",
            "With a matrix of ones nobody could see that. Yet this is seen.",
        ),
    ),
    _diagnosis(
        9,
        "Where x is positive and dy is positive, all is well. dy decides what passes, and x should.",
        ("It passes at x = 0", "No x is exactly 0 here."),
        ("The value of x is multiplied in", "Then all ones with positive x would be wrong, too."),
        ("The mask is made from dy in place of x", None),
    ),
    _diagnosis(
        10,
        "The loss has taken the mean, dy carries the 1 / N, and the layer divides once more. It learns 32 "
        "times slower.",
        ("The learning rate is too small", "Both rows use the same one."),
        ("The gradient has the wrong sign", "Then the loss would rise."),
        ("dw is transposed", "Its shape is not square: that would not run."),
        ("The batch is averaged twice", None),
    ),
    _diagnosis(
        11,
        "`branch = dy` gives the same array a second name, and `*=` writes into it: the short way gets the "
        "mask as well, "
        "and whoever called still needs that dy.",
        ("The way round the branch is missing", "It is there: dy + … What *is* dy by then?"),
        ("dy is changed in place", None),
        ("The mask is taken from dy", "x @ w.T > 0 is what went into the ReLU: that is right."),
    ),
    _diagnosis(
        12,
        "The error grows with the learning rate: dx is computed with weights that have moved already.",
        ("The step goes uphill", "That is not seen in dx. And the step subtracts."),
        ("dx is computed after the weights have moved", None),
        (
            "The learning rate is multiplied into dx",
            "Then with a rate of 0 dx would be 0, and far off. There it is right.",
        ),
    ),
    _diagnosis(
        13,
        "Moving a whole channel cannot move the loss, because the mean goes along. This backward takes mean "
        "and spread "
        "for constants.",
        ("eps is in the wrong place", "That is a matter of the fifth digit."),
        ("weight is missing", "Then all of dx would be off by one factor, and a sum of 0 would still be 0."),
        ("Mean and variance are taken for constants", None),
        ("Each image is normalised by itself", "The sum of dx would be zero then, too."),
    ),
    _diagnosis(
        14,
        "Forward divided what it kept by 1 - p. The gradient passes the same division.",
        ("The mask is turned round", "Then the dropped values would get a gradient."),
        ("A new mask is drawn", "The mask is handed in."),
        ("The division by 1 - p is missing", None),
    ),
)
