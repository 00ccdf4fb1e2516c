"""Convolution in one dimension: forward, and its gradients two ways."""

import numpy as np

from course_lib import loops
from course_lib.exercises import convolution, slips
from course_lib.exercises.exercise import Exercise
from course_lib.exercises.prediction import Prediction

# (n, k, stride, padding): remainders of 1, 0, 1, 2, 0, 0; windows that overlap, and windows that do not
GEOMETRIES = ((10, 3, 2, 1), (7, 3, 1, 0), (9, 4, 3, 1), (8, 3, 3, 0), (6, 3, 1, 2), (9, 3, 2, 0))


def forward_cases(rng):
    return [
        {"x": rng.standard_normal(n), "w": rng.standard_normal(k), "stride": stride, "padding": padding}
        for n, k, stride, padding in GEOMETRIES
    ]


def backward_cases(rng):
    return [{"dy": rng.standard_normal(loops.conv1d(**case).shape), **case} for case in forward_cases(rng)]


PROBE = {"x": np.array([1.0, 2, 0, 5, 3, 0, 4, 1]), "w": np.array([1.0, 2, 3]), "stride": 2, "padding": 1}
ONE_HOT = {"dy": np.array([0.0, 1, 0, 0]), **PROBE}


def forward(dy, x, w, stride, padding):
    return loops.conv1d(x, w, stride, padding)


POSITION = {name: ("position",) for name in ("y", "dx", "dw")}

CONV1D = Exercise(
    answer=loops.conv1d,
    difficulty="easy",
    minutes=10,
    task=(
        "Write `conv1d(x, w, stride=1, padding=0)`. Put `padding` zeros on both sides of `x`, lay the kernel on every "
        "window (the next one starts `stride` further), multiply and sum. Return `y` with one entry for each window."
    ),
    hints=(
        "Take x = [1, 2, 3, 4] and a kernel of two. Which two entries does y[0] see, and which y[1]? "
        "With stride 2, which does y[1] see?",
        "Window j of the padded input starts at `j * stride` and is as long as the kernel. "
        "`out_size(n, k, stride, padding)` tells how many windows there are.",
        "Pad with `np.pad(x, padding)`, make `y` of zeros, and in a loop over `j` take the slice of length `k` that "
        "starts at `j * stride`: its product with `w`, summed, is `y[j]`.",
    ),
    cases=forward_cases,
    probe=PROBE,
    tensors=("y",),
    axes=POSITION,
    mistakes={"y": convolution.output(1)},
    patterns=convolution.patterns(1),
)

CONV1D_WEIGHT_GRADIENT = Exercise(
    answer=loops.conv1d_weight_gradient,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `conv1d_weight_gradient(dy, x, w, stride=1, padding=0)`: the gradient `dw`, shaped like `w`. "
        "Every output used the whole kernel, so every `dy[j]` has something to say to every weight."
    ),
    hints=(
        "Look at one weight, w[0]. With which entry of x was it multiplied when y[0] was made? And when y[1] was?",
        "y[j] saw the window that starts at `j * stride`. So `dw` collects that window, `dy[j]` times, for every j.",
        "Pad `x` as in the forward pass, start with `dw` of zeros, and in the loop over `j` add `dy[j]` times the "
        "window of length `k` to the whole of `dw`.",
    ),
    cases=backward_cases,
    probe=ONE_HOT,
    tensors=("dw",),
    axes=POSITION,
    forward=forward,
    mistakes={"dw": convolution.gradient_of_weight(1)},
    patterns=convolution.patterns(1),
)

CONV1D_INPUT_GRADIENT_SCATTER = Exercise(
    answer=loops.conv1d_input_gradient_scatter,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0)`: the gradient `dx`, shaped like `x`. "
        "Let every output hand its gradient back to the window it came from."
    ),
    hints=(
        "y[0] = x[0] * w[0] + x[1] * w[1] + … How far does y[0] move when x[1] moves a little?",
        "Picture `dx` as an empty padded array. Output j stamps `dy[j] * w` on the window that starts at "
        "`j * stride`. What happens where two stamps overlap?",
        "Make `dxp` of zeros, as long as the padded input. In the loop over `j`, add `dy[j] * w` to its window. "
        "At the end keep the `n` entries behind the first `padding` ones.",
    ),
    cases=backward_cases,
    probe=ONE_HOT,
    tensors=("dx",),
    axes=POSITION,
    forward=forward,
    windows={"dx": convolution.coverage},
    mistakes={"dx": convolution.gradient_of_input(1)},
    patterns=convolution.patterns(1),
)

CONV1D_INPUT_GRADIENT_GATHER = Exercise(
    answer=loops.conv1d_input_gradient_gather,
    difficulty="hard",
    minutes=15,
    task=(
        "Write `conv1d_input_gradient_gather(dy, x, w, stride=1, padding=0)`: the same `dx`, the other way round. "
        "Let every input collect from the outputs it fed: slide a kernel over `dy`."
    ),
    hints=(
        "Take stride 1. Which outputs did x[2] feed, and through which weight each? Write the weights down in the "
        "order of the outputs.",
        "The weights come backwards, so the kernel is reversed. The ends of x feed fewer outputs, so `dy` needs "
        "`k - 1` zeros on both sides. And with a stride, there are zeros between its entries too.",
        "Spread `dy` into zeros of length `n + 2 * padding - k + 1`, every `stride`-th entry; pad that by `k - 1`. "
        "Then entry i of the padded dx is the window of length `k` at `i`, times `w[::-1]`, summed.",
    ),
    cases=backward_cases,
    probe=ONE_HOT,
    tensors=("dx",),
    axes=POSITION,
    forward=forward,
    windows={"dx": convolution.coverage},
    mistakes={"dx": convolution.gradient_of_input(1)},
    patterns=convolution.patterns(1),
)

EXERCISES = (CONV1D, CONV1D_WEIGHT_GRADIENT, CONV1D_INPUT_GRADIENT_SCATTER, CONV1D_INPUT_GRADIENT_GATHER)

PREDICTIONS = (
    Prediction(
        name="01/feeds",
        text="`x` has 7 entries, the kernel 3, stride 1, no padding. How many outputs does the middle entry `x[3]` feed?",
        answer=lambda: int(slips.coverage((7,), (3,), (5,), 1, 0)[3]),
        slips=(
            (1, "It stands in the middle of one window, but also at the ends of two others."),
            (5, "There are 5 outputs. Which of their windows hold x[3]?"),
            (2, "Count the windows that begin at 1, at 2 and at 3."),
        ),
        why="The windows that begin at 1, 2 and 3 hold it. So its gradient is a sum of three terms.",
    ),
    Prediction(
        name="01/border",
        text="Same setting: `x` of 7, kernel of 3, stride 1. How many outputs does the first entry `x[0]` feed?",
        answer=lambda: int(slips.coverage((7,), (3,), (5,), 1, 0)[0]),
        slips=((3, "That is so in the middle. But no window begins before x[0]."), (0, "The window of y[0] begins there.")),
        why="Only the window of y[0] holds it. At the border gradients have fewer terms, which is why the gather form "
        "needs zeros around dy.",
    ),
    Prediction(
        name="01/unvisited",
        text="`x` has 10 entries, the kernel 3, stride 2, padding 0. What is `dx[9]`, the gradient of the last entry, "
        "for a `dy` full of ones and a kernel full of ones?",
        answer=lambda: loops.conv1d_input_gradient_scatter(np.ones(4), np.ones(10), np.ones(3), 2, 0)[9],
        slips=((1, "One window would have to hold x[9]. The last window begins at 6: where does it end?"),),
        why="The windows begin at 0, 2, 4 and 6, and the last one ends at x[8]. Nothing ever looked at x[9], so the loss "
        "does not care about it.",
    ),
    Prediction(
        name="01/stamp",
        text="`w = [1, 2, 3]`, stride 2, no padding, `x` of 7 entries, and `dy = [0, 1, 0]`. Type the 7 entries of `dx`.",
        answer=lambda: loops.conv1d_input_gradient_scatter([0, 1, 0], np.ones(7), [1, 2, 3], 2, 0),
        slips=(
            ([0, 0, 3, 2, 1, 0, 0], "The place is right. But y[1] = 1 x[2] + 2 x[3] + 3 x[4]: which weight did x[2] meet?"),
            ([0, 1, 2, 3, 0, 0, 0], "The order is right. With stride 2, at which entry of x does the window of y[1] begin?"),
            ([0, 3, 2, 1, 0, 0, 0], "Where does the window of y[1] begin with stride 2? And which weight did its first "
                                    "entry meet?"),
        ),
        why="y[1] saw x[2], x[3], x[4] through 1, 2, 3, and hands its gradient back through the same weights. "
        "Scatter stamps the kernel as it is, at stride * j.",
    ),
)
