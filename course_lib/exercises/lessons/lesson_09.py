"""Reading and repairing gradients: initialisation, batch norm, and shortcut connections."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom
from course_lib.exercises.lessons.shared import batch_norm, broken, drawn, redrawn_networks, small
from course_lib.exercises.lessons.shared.sentences import FORGOTTEN
from course_lib.looks import number

LESSON = "09_read_a_gradient"

# ---------------------------------------------------------------- initialisation


def gradient_std(shape, stride=1):
    """shape (C_out, C_in, kH, kW) -> the standard deviation that keeps a gradient's size on its way back."""
    C_out, C_in, kH, kW = shape
    return np.sqrt(2 * stride**2 / (C_out * kH * kW))


def factors(std, C_in, C_out, stride, side=24, images=4):
    """(forward, backward): by what convolution and ReLU multiply the size of a signal and of a gradient, measured.

    Sizes are root mean squares, away from the border, where windows read zeros.
    """
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((images, C_in, side, side)), std * rng.standard_normal((C_out, C_in, 3, 3))
    before_relu = F.conv2d(x, w, stride=stride, padding=1)
    dy = rng.standard_normal(before_relu.shape)
    dx, _, _ = F.conv2d_backward(F.relu_backward(dy, before_relu), x, w, stride, 1)
    return _size(F.relu(before_relu)), _size(dx)


def _size(values):
    return float(np.sqrt(np.mean(values[:, :, 3:-3, 3:-3] ** 2)))


LAYERS = (8, 8, 1), (8, 32, 1), (32, 8, 1), (8, 8, 2)  # C_in, C_out, stride


@guarded_symptom
def sizes_kept(f):
    rows = []
    for C_in, C_out, stride in LAYERS:
        std = float(f((C_out, C_in, 3, 3), stride))
        ahead, back = factors(std, C_in, C_out, stride)
        rows.append((f"{C_in} to {C_out}", stride, number(std), number(ahead, 2), number(back, 2)))
    return Symptom(
        "A 3 x 3 convolution and a ReLU whose weights have this standard deviation: "
        "by what they multiply the size of the signal, and that of the gradient on its way back.",
        ("channels", "stride", "std", "signal", "gradient"),
        rows,
    )


def std_cases(rng):
    shapes = ((8, 8, 3, 3), 1), ((32, 8, 3, 3), 1), ((8, 32, 3, 5), 1), ((6, 4, 5, 2), 2), ((3, 7, 4, 3), 3)
    return [{"shape": shape, "stride": stride} for shape, stride in shapes]


def _std(**replaced):
    """A standard deviation with some of its parts replaced."""

    def std(shape, stride):
        C_out, C_in, kH, kW = shape
        parts = {"kept": 2, "channels": C_out, "cells": kH * kW, "thinned": stride**2, "root": np.sqrt}
        parts |= {name: make(shape, stride) for name, make in replaced.items()}
        return parts["root"](parts["kept"] * parts["thinned"] / (parts["channels"] * parts["cells"]))

    return std


def _places_rounded_down(shape, stride):
    return (shape[2] // stride) * (shape[3] // stride)


def _places_rounded_up(shape, stride):
    return -(-shape[2] // stride) * -(-shape[3] // stride)


def _one_place_at_least(shape, stride):
    return max(shape[2] // stride, 1) * max(shape[3] // stride, 1)


def _smallest_std(numbers, C_out, C_in, kH, kW, stride):
    return {"shape": (C_out, C_in, kH, kW), "stride": stride}


GRADIENT_STD = Exercise(
    answer=gradient_std,
    start=broken.gradient_std,
    symptom=sizes_kept,
    difficulty="medium",
    minutes=10,
    task=(
        "`gradient_std(shape, stride=1)` promises the standard deviation with which a *gradient* keeps its size "
        "on its way back through a ReLU and a convolution. "
        "In the last column of the table there should be a 1 in every row (0.9 to 1.1: it is chance). "
        "There is not. "
        "Repair it."
    ),
    hints=(
        "Take one pixel of x. How many products are summed in its dx? Count filters, and places of the kernel.",
        "Each of the C_out filters reads the pixel at kH * kW places of its kernel: that many products dy * w. "
        "With a stride only some of them exist. "
        "What share of the places, along the rows and along the columns?",
        "The mean square of dx is `C_out * kH * kW / stride**2` products times the variance, "
        "and the ReLU halves it: set that to 1.",
    ),
    cases=std_cases,
    further=drawn.kernel_shapes,
    probe={"shape": (32, 8, 3, 3), "stride": 1},
    small=Small(
        {"C_out": (1, 2, 3), "C_in": (1, 2, 3), "kH": (1, 2, 3), "kW": (1, 2, 3), "stride": (1, 2, 3)}, _smallest_std
    ),
    tensors=("std",),
    mistakes={
        "std": (
            Mistake(
                "counts the forward pass",
                "C_in counts the products in one y, so this keeps the size of the *signal*. "
                "Over which channels does one dx sum?",
                (_std(channels=lambda shape, stride: shape[1]),),
            ),
            Mistake(
                "stride left out",
                "The stride is left out, or not counted as it should be. "
                "With a stride, fewer windows read a pixel, so its dx sums fewer products. "
                "The stride thins out rows *and* columns.",
                (
                    _std(thinned=lambda shape, stride: 1),
                    _std(thinned=lambda shape, stride: stride),
                    _std(thinned=lambda shape, stride: 1 / stride),
                    _std(thinned=lambda shape, stride: 1 / stride**2),
                ),
            ),
            Mistake(
                "ReLU left out",
                "The 2 is missing: on its way back the gradient passes a ReLU, which stops about half of it.",
                (_std(kept=lambda shape, stride: 1),),
            ),
            Mistake(
                "the 2 on the other side",
                "The 2 stands on the wrong side of the fraction. "
                "The ReLU stops half of the gradient, and larger weights make up for it.",
                (_std(kept=lambda shape, stride: 1 / 2),),
            ),
            Mistake(
                "outside of the root",
                "A factor stands outside of the root that belongs under it.",
                (_std(kept=lambda shape, stride: 4), _std(thinned=lambda shape, stride: stride**4)),
            ),
            Mistake(
                "rounded",
                "You round the number of windows that read a pixel. "
                "That number differs from pixel to pixel, and its mean need not be whole.",
                tuple(
                    _std(thinned=lambda shape, stride: 1, cells=cells)
                    for cells in (_places_rounded_down, _places_rounded_up, _one_place_at_least)
                ),
            ),
            Mistake(
                "filters not counted",
                "The filters are not counted. All C_out of them read the pixel, and its dx sums over all.",
                (_std(channels=lambda shape, stride: 1),),
            ),
            Mistake(
                "a variance",
                "This is a variance. The standard deviation is its square root.",
                (_std(root=lambda shape, stride: float),),
            ),
            Mistake(
                "the compromise",
                "That is a compromise between both directions, as Glorot and Bengio chose it. "
                "Here the gradient alone counts.",
                (
                    _std(channels=lambda shape, stride: (shape[0] + shape[1]) / 2),
                    _std(channels=lambda shape, stride: shape[0] + shape[1]),
                ),
            ),
            Mistake(
                "both channel counts",
                "C_out and C_in are multiplied. A single dx sums over the filters, but it belongs to one channel of x.",
                (_std(channels=lambda shape, stride: shape[0] * shape[1]),),
            ),
            Mistake(
                "one side of the kernel",
                "The kernel has kH * kW places. One of its sides seems to be missing, or counted twice.",
                (
                    _std(cells=lambda shape, stride: shape[2]),
                    _std(cells=lambda shape, stride: shape[3]),
                    _std(cells=lambda shape, stride: shape[2] ** 2),
                    _std(cells=lambda shape, stride: shape[3] ** 2),
                    _std(cells=lambda shape, stride: 1),
                ),
            ),
        )
    },
)

# ---------------------------------------------------------------- batch norm

BATCH_NORM2D_BACKWARD = Exercise(
    answer=loops.batch_norm2d_backward,
    next_idea="Can you write dx in one line? The next section does.",
    difficulty="hard",
    minutes=25,
    task=(
        "Write `batch_norm2d_backward(dy, x, weight, eps=1e-5)`. "
        "The forward pass brought each channel to mean 0 and variance 1 over its N * H * W values, "
        "multiplied it by its `weight` and added its bias: `y = weight * (x - mean) / sqrt(var + eps) + bias`. "
        "Return `dx`, `dweight`, `dbias`."
    ),
    hints=(
        "You raise one x a little. "
        "It moves its own y, but also the mean and the variance of its channel. "
        "What do those move?",
        "Take one channel and go back through its steps, last one first. "
        "`normalised` is used once for dweight and once for dn; the standard deviation is one number for all, "
        "so its gradient is a sum.",
        "For each channel, with m values: `dn = weight * dy`, then `dc = dn / std`, "
        "`dstd = -sum(dn * c) / std**2`, `dc += dstd * c / (m * std)`, and in the end `dx = dc - mean(dc)`.",
    ),
    tensors=("dx", "dweight", "dbias"),
    mistakes=batch_norm.MISTAKES,
    **batch_norm.BATCH_NORM,
)

# ---------------------------------------------------------------- residual


def residual_cases(rng):
    shapes = (3, 4), (2, 3, 4, 4)
    return [
        {
            "dy": rng.standard_normal(shape),
            "branch_backward": small.through(rng.standard_normal((shape[-1], shape[-1]))),
        }
        for shape in shapes
    ]


RESIDUAL_BACKWARD = Exercise(
    answer=loops.residual_backward,
    next_idea="Send a gradient back through two such blocks, one after the other.",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `residual_backward(dy, branch_backward)` for `y = x + branch(x)`. "
        "`branch_backward(dy)` takes a gradient back through the branch. "
        "Return `dx`."
    ),
    hints=(
        "Along how many paths does x reach y?",
        "Along the shortcut, where nothing happens to it, and through the branch. dy goes back along both.",
        "Along the shortcut, dy stays dy; along the branch it becomes `branch_backward(dy)`. Add them.",
    ),
    cases=residual_cases,
    further=drawn.residual,
    small=small.RESIDUAL,
    probe={"dy": np.array([[1.0, 0, 2]]), "branch_backward": small.through(np.diag([1.0, 2, 3]))},
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    mistakes={
        "dx": (
            Mistake("shortcut forgotten", f"The shortcut is missing. {FORGOTTEN}", (lambda dy, back: back(dy),)),
            Mistake("branch forgotten", f"The branch is missing. {FORGOTTEN}", (lambda dy, back: dy,)),
            Mistake(
                "multiplied",
                f"The two paths are multiplied. {FORGOTTEN}",
                (lambda dy, back: dy * back(dy), lambda dy, back: dy * (1 + back(dy))),
            ),
            Mistake(
                "1 in place of dy",
                "One of the two paths starts from 1 instead of dy. "
                f"The upstream gradient goes back along both. {FORGOTTEN}",
                (
                    lambda dy, back: 1 + back(dy),
                    lambda dy, back: dy + back(np.ones_like(dy)),
                    lambda dy, back: 1 + back(np.ones_like(dy)),
                ),
            ),
            Mistake(
                "halved",
                f"dy seems to be shared between the two paths. A sum hands all of dy to each of its terms. {FORGOTTEN}",
                (lambda dy, back: (dy + back(dy)) / 2,),
            ),
            Mistake(
                "one path counted twice",
                f"One of the two paths is counted twice. {FORGOTTEN}",
                (
                    lambda dy, back: 2 * dy + back(dy),
                    lambda dy, back: dy + 2 * back(dy),
                    lambda dy, back: back(dy + back(dy)),
                    lambda dy, back: dy + back(dy + back(dy)),
                    lambda dy, back: dy + back(back(dy)),
                ),
            ),
            Mistake(
                "sign",
                "One of the two paths has the wrong sign.",
                (lambda dy, back: dy - back(dy), lambda dy, back: back(dy) - dy, lambda dy, back: -dy - back(dy)),
            ),
        )
    },
)

EXERCISES = (GRADIENT_STD, BATCH_NORM2D_BACKWARD, RESIDUAL_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="09/gradient_std",
        comes_back=False,
        reveals_code=True,
        text="`gradient_std`: from what you see, what is wrong?",
        answer="b",
        choices={
            "a": ("The 2 for the ReLU is missing", "Then all rows would be off, the first one too."),
            "b": ("It counts the products of the forward pass", ""),
            "c": (
                "The square root is missing",
                "Then the signal would not keep its size either. Look at its column: 1, wherever the stride is 1.",
            ),
            "d": ("Nothing: it is chance", "Twice as much and half as much, over thousands of numbers?"),
        },
        why="The *signal* keeps its size in every row. "
        "The gradient does so only where as many channels go out as come in, and where there is no stride.",
    ),
    Prediction(
        name="09/fans",
        again=redrawn_networks.gain_of_fans,
        text="Another layer has 8 channels in and 32 out. "
        "With weights of the size that keeps the *signal*, "
        "by about what does it multiply the size of the gradient on its way back?",
        answer=lambda: np.sqrt(32 / 8),
        tolerance=0.11,
        wrong_answers=(
            (4, "That is the ratio of the mean *squares*."),
            (1, "As many products as in the forward pass? A dx sums over the 32 filters."),
            (0.5, "The other way round: a dx sums over more products than a y, not over fewer."),
        ),
        why="A y sums 8 · 9 products, a dx 32 · 9. Four times the terms, four times the mean square, twice the size.",
    ),
    Prediction(
        name="09/small_net",
        comes_back=False,
        formerly=("07/small_net",),
        text="The gradient goes back through the linear layer, then conv 2, then conv 1. "
        "Which of the three weights gets the smallest gradients, on average?",
        answer="c",
        choices={
            "a": (
                "conv 1 by far: it is farthest from the loss",
                "Far, but each of its weights is used at 784 places of every image, and collects from all of them.",
            ),
            "b": (
                "the linear layer by far: it has the most weights",
                "The question is about each single weight, so the number of weights does not matter.",
            ),
            "c": ("none by far: they differ by less than a factor of 5", ""),
        },
        why="After every layer less of the gradient arrives at each place. "
        "But a convolution's weight collects from all places, "
        "and in a network this shallow the two effects nearly cancel.",
    ),
    Prediction(
        name="09/equal",
        text="All weights of a small network start at 0.1. It has four filters in its first layer. "
        "How do the gradients of these four differ?",
        answer="a",
        choices={
            "a": ("Not at all", ""),
            "b": ("They are random", "Where would chance come in? No number in this network is random."),
            "c": ("The first filter gets the largest", "What distinguishes the first filter from the second?"),
        },
        why="Equal weights see the same image, give the same outputs and get the same dy. "
        "So they get equal gradients, take equal steps, and stay copies of each other for ever.",
    ),
    Prediction(
        name="09/factor",
        again=redrawn_networks.factor_of_a_layer,
        reveals=2,
        formerly=("07/factor",),
        text="With weights of standard deviation 0.01 and 72 inputs, what is that factor? (two decimals)",
        answer=lambda: np.sqrt(72 * 0.01**2 / 2),
        tolerance=0.0051,
        wrong_answers=(
            (0.0036, "That is its square. A square root is missing."),
            (0.08, "Half of the gradient stops at the ReLU."),
            (0.085, "Half of the gradient stops at the ReLU."),
            (0.36, "The standard deviation is squared in the formula."),
            (0.6, "The standard deviation is squared in the formula."),
        ),
        why="72 * 0.0001 / 2 = 0.0036, and its square root is 0.06. Every layer leaves six hundredths.",
    ),
    Prediction(
        name="09/one_raised",
        again=redrawn_networks.one_of_four,
        formerly=("07/one_raised",),
        text="A channel holds 1, 1, 3, 3: mean 2, standard deviation 1, so normalised -1, -1, 1, 1. "
        "You raise its first number by 0.1. "
        "By about how much does the first *normalised* number rise?",
        answer=lambda: 0.1 * redrawn_networks.slopes_of_first([1.0, 1, 3, 3])[0],
        tolerance=0.004,
        wrong_answers=(
            (0.1, "That would be right if the mean and the standard deviation stayed the same. Both change."),
            (
                0.075,
                "That takes the mean into account, which rises by 0.025. "
                "But the standard deviation shrinks as well, and pushes the number down.",
            ),
        ),
        why="The mean rises by a quarter of the step, which leaves 0.075. "
        "And the four numbers are closer together now, "
        "so all are divided by less: -1 moves away from 0 by another 0.025.",
    ),
    Prediction(
        name="09/constant_dy",
        reveals=0,
        formerly=("07/constant_dy",),
        text="A batch norm receives a `dy` that is 1 everywhere. What is `dx`?",
        answer="c",
        choices={
            "a": ("1 everywhere", "Raise one x: its y rises, but so does the mean, and every other y falls a little."),
            "b": ("weight / std everywhere", "That treats the mean as a constant. Add 1 to every x: what does y do?"),
            "c": ("0 everywhere", ""),
        },
        why="Adding the same number to every x does not change the "
        "output of a batch norm, so it cannot change the loss. "
        "The part of dy that only shifts the mean is removed, and here that is all of it.",
    ),
    Prediction(
        name="09/size",
        text="Batch norm stands behind a convolution. Somebody multiplies all weights of the convolution by 10. "
        "What happens to `y` behind the batch norm, and to `dw`?",
        answer="c",
        choices={
            "a": (
                "`y` is ten times as large, `dw` stays",
                "Batch norm divides by the standard deviation of its input.",
            ),
            "b": ("both stay", "y does. But batch norm's backward pass divides by that standard deviation, too."),
            "c": ("`y` stays, `dw` is a tenth", ""),
            "d": (
                "`y` stays, `dw` is ten times as large",
                "Does the loss react more to a step, or less, if w is larger?",
            ),
        },
        why="y depends on the direction of w alone. "
        "The same step turns a vector that is ten times as long by a tenth of the angle.",
    ),
    Prediction(
        name="09/depth",
        again=redrawn_networks.share_after_layers,
        reveals=0,
        formerly=("07/depth", "06/depth"),
        text="Each of 20 layers halves the gradient on its way back. "
        "About what share of it is left in the first layer? "
        "(Write it as a power of ten, and type the exponent.)",
        answer=lambda: np.round(20 * np.log10(0.5)),
        wrong_answers=(
            (6, "The size is right. But what is left is *less* than 1. Which sign does the exponent have?"),
            (-20, "That would be tenths."),
            (-7, "0.5 ** 20 is 9.5e-7, and that is nearly 1e-6."),
        ),
        why="0.5 ** 20 is about 1e-6. Twenty halvings, and the first layer learns a million times slower.",
    ),
    Prediction(
        name="09/round",
        formerly=("07/round",),
        text="Twenty blocks `y = x + f(x)`. "
        "On the way back each `f` alone would halve the gradient, without changing its sign. "
        "What is left in the first layer?",
        answer="c",
        choices={
            "a": ("a millionth, as without the shortcuts", "All of dy goes back along the shortcut as well."),
            "b": (
                "exactly what came in",
                "dy goes back along the shortcut, and half of it comes *in addition*, through f.",
            ),
            "c": ("about 3000 times as much", ""),
        },
        why="Each block multiplies by 1 + 0.5, and 1.5 ** 20 is about 3300. "
        "The shortcut cures vanishing gradients, and can make them explode.",
    ),
)
