"""Convolution in one dimension: forward, and its gradients two ways."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import broken, convolution, drawn, forward_pass, geometries, recipes, redrawn

LESSON = "01_conv1d"

# (n, k, stride, padding): remainders of 1, 0, 1, 2, 0, 0; windows that overlap, and windows that do not; padding that
# is wider than the kernel reaches
GEOMETRIES = ((10, 3, 2, 1), (7, 3, 1, 0), (9, 4, 3, 1), (8, 3, 3, 0), (6, 2, 1, 2), (9, 3, 2, 0), (5, 1, 2, 0))


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
BACKWARD = {  # what the three gradients share
    "cases": backward_cases,
    "further": drawn.convolution_1d_backward,
    "probe": ONE_HOT,
    "axes": POSITION,
    "shows": geometries.ONE_HOT_SHOWS,
    "forward": forward,
    "patterns": geometries.patterns(1),
}

CONV1D = Exercise(
    answer=loops.conv1d,
    next_idea="Can you write it without `out_size`, and without a loop over the outputs?",
    difficulty="easy",
    minutes=10,
    task=(
        "Write `conv1d(x, w, stride=1, padding=0)`. "
        "Put `padding` zeros on both sides of `x`, lay the kernel on every "
        "window (each starts `stride` after the last), multiply and sum. "
        "Return `y` with one entry for each window."
    ),
    hints=(
        "Take x = [1, 2, 3, 4] and a kernel of two. "
        "Which two entries does y[0] see, and which y[1]? "
        "With stride 2, which does y[1] see?",
        "Window j of the padded input starts at `j * stride` and is as long as the kernel. "
        "`out_size(n, k, stride, padding)` gives the number of windows.",
        "Pad with `np.pad(x, padding)`, make `y` of zeros, and in a loop over `j` take the slice "
        "of length `k` that starts at `j * stride`: its product with `w`, summed, is `y[j]`.",
    ),
    cases=forward_cases,
    further=drawn.convolution_1d,
    probe=PROBE,
    tensors=("y",),
    axes=POSITION,
    mistakes={"y": forward_pass.output(1)},
    patterns=geometries.patterns(1),
)

CONV1D_WEIGHT_GRADIENT = Exercise(
    answer=loops.conv1d_weight_gradient,
    next_idea="For stride 1, dw is a correlation of x with dy. Can your `conv1d` compute it?",
    difficulty="medium",
    minutes=10,
    task=(
        "Write `conv1d_weight_gradient(dy, x, w, stride=1, padding=0)`: the gradient `dw`, shaped like `w`. "
        "Every output used the whole kernel, so every `dy[j]` contributes to every weight."
    ),
    hints=(
        "Look at one weight, w[0]. Which entry of x was it multiplied by when y[0] was made? And when y[1] was?",
        "y[j] saw the window that starts at `j * stride`. So `dw` collects that window, times `dy[j]`, for every j.",
        "Pad `x` as in the forward pass, start with `dw` of zeros, and in the loop "
        "over `j` add `dy[j]` times the window of length `k` to the whole of `dw`.",
    ),
    tensors=("dw",),
    mistakes={"dw": convolution.gradient_of_weight(1)},
    **BACKWARD,
)

CONV1D_INPUT_GRADIENT_SCATTER = Exercise(
    answer=loops.conv1d_input_gradient_scatter,
    next_idea="Loop over the entries of the kernel instead. Each of them adds one whole slice.",
    difficulty="medium",
    minutes=10,
    task=(
        "Write `conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0)`: the gradient `dx`, shaped like `x`. "
        "Let every output hand its gradient back to the window it came from."
    ),
    hints=(
        "y[0] = x[0] * w[0] + x[1] * w[1] + … How far does y[0] move when x[1] moves a little?",
        "Picture `dx` as an empty padded array. "
        "Output j stamps `dy[j] * w` on the window that starts at `j * stride`. "
        "What happens where two stamps overlap?",
        "Make `dxp` of zeros, as long as the padded input. "
        "In the loop over `j`, add `dy[j] * w` to its window. "
        "At the end return `n` entries, starting after the first `padding` ones.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={"dx": convolution.gradient_of_input_alone(1)},
    **BACKWARD,
)


def conv1d_backward(dy, x, w, stride=1, padding=0):
    """dy (m,), x (n,), w (k,) -> dx (n,), dw (k,)"""
    xp = np.pad(x, padding)
    dxp, dw = np.zeros(len(xp)), np.zeros(len(w))
    for j in range(len(dy)):
        window = slice(j * stride, j * stride + len(w))
        dw += dy[j] * xp[window]
        dxp[window] += dy[j] * w
    return dxp[padding : padding + len(x)], dw


STOPS_IN_ONE_DIMENSION = (
    "stride and padding not used",
    "x not padded",
    "window too short",
    "stride between the weights",
)

CONV1D_BACKWARD = Exercise(
    answer=conv1d_backward,
    start=broken.conv1d_backward,
    next_idea="Which of the three bugs would a check with stride 1, padding 0 and a single output have missed?",
    difficulty="easy",
    minutes=8,
    task=(
        "**Repair it.** `conv1d_backward(dy, x, w, stride=1, padding=0)` returns `dx` and `dw` together. "
        "Its author checked `dx` with stride 1 and padding 1, and it agreed. Three lines are wrong all the same. "
        "Find them with geometries of your own: run it, compare it with your scatter and your weight gradient."
    ),
    hints=(
        "Run it with stride 1 and padding 1, and look at `dw`. Of how many outputs is it made?",
        "Where does window j begin when the stride is 2? And what is `dxp[0:-0]`?",
        "`window` begins at `j * stride`; `dw` adds up; the border is cut off with `dxp[padding : padding + len(x)]`.",
    ),
    tensors=("dx", "dw"),
    windows={"dx": geometries.coverage},
    mistakes={
        "dx": convolution.gradient_of_input(1),
        # what stops with an exception leaves no dx either, so it cannot be told as a mistake in dw
        "dw": tuple(one for one in convolution.gradient_of_weight(1) if one.name not in STOPS_IN_ONE_DIMENSION),
    },
    **BACKWARD,
)

CONV1D_INPUT_GRADIENT_GATHER = Exercise(
    answer=loops.conv1d_input_gradient_gather,
    next_idea="Can you do it without spreading dy, by finding the outputs that each input fed?",
    difficulty="hard",
    minutes=15,
    task=(
        "Write `conv1d_input_gradient_gather(dy, x, w, stride=1, padding=0)`: the same `dx`, the other way round. "
        "Let every input collect from the outputs it fed: slide a kernel over `dy`."
    ),
    hints=(
        "Take stride 1. "
        "Which outputs did x[2] feed, and through which weight? "
        "Write the weights down in the order of the outputs.",
        "The weights come in reverse order, so the kernel is reversed. "
        "The ends of x feed fewer outputs, so `dy` needs `k - 1` zeros on both sides. "
        "And with a stride, zeros go between its entries too.",
        "Spread `dy` into zeros of length `n + 2 * padding - k + 1`, every `stride`-th entry; pad that by `k - 1`. "
        "Then entry i of the padded dx is the window of length `k` at `i`, times `w[::-1]`, summed.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={"dx": convolution.gradient_of_input_alone(1)},
    **BACKWARD,
)

EXERCISES = (
    CONV1D,
    CONV1D_WEIGHT_GRADIENT,
    CONV1D_INPUT_GRADIENT_SCATTER,
    CONV1D_BACKWARD,
    CONV1D_INPUT_GRADIENT_GATHER,
)

# the arrays of the lesson
FIVE = np.array([1.0, 2, 0, 3, 4]), np.array([1.0, 2, 3])
UPSTREAM = np.array([1.0, -1, 2])

PREDICTIONS = (
    Prediction(
        name="01/forward",
        again=redrawn.forward_1d,
        reveals=2,
        text="`x = [1, 2, 0, 3, 4]` and `w = [1, 2, 3]`. "
        "The first window gives `y[0] = 5`. "
        "What are all three entries of `y`?",
        answer=lambda: loops.conv1d(*FIVE),
        wrong_answers=(
            (
                [7, 9, 10],
                "That is the true convolution, with the kernel turned round. "
                "A layer lays it on as it is: its 1 meets the first entry of the window, its 3 the last.",
            ),
            (
                [5, 9, 10],
                "The windows are right. "
                "But the kernel is laid on as it is: its 1 meets the first entry of the window, its 3 the last.",
            ),
        ),
        why="The second window holds 2, 0, 3 and gives 2 + 0 + 9 = 11. "
        "The third holds 0, 3, 4 and gives 0 + 6 + 12 = 18.",
    ),
    Prediction(
        name="01/weight",
        again=redrawn.weight_1d,
        text="`x = [1, 2, 0, 3, 4]` and `dy = [1, -1, 2]`. "
        "How far does the loss move for each unit that `w[0]` moves? "
        "Type that number, `dw[0]`.",
        answer=lambda: loops.conv1d_weight_gradient(UPSTREAM, *FIVE)[0],
        wrong_answers=(
            (
                3,
                "That is how far the three outputs move together. "
                "But the loss depends on each of them differently, and dy says how.",
            ),
            (1, "That is what comes through y[0]. w[0] was used in y[1] and y[2] as well."),
            (5, "Those are the entries that w[2] met: x[2], x[3], x[4]. Which did w[0] meet?"),
            (8, "Those are the entries that w[1] met: x[1], x[2], x[3]. Which did w[0] meet?"),
        ),
        why="1 through y[0], −2 through y[1], and 2 · 0 = 0 through y[2]: together −1.",
    ),
    Prediction(
        name="01/feeds",
        again=redrawn.feeds,
        reveals=2,
        text="`x` has 5 entries, the kernel 3, the stride is 1. "
        "How many outputs does each entry of `x` feed? "
        "Type 5 numbers, for `x[0]` to `x[4]`.",
        answer=lambda: recipes.coverage((5,), (3,), (3,), 1, 0),
        wrong_answers=(
            (
                [3, 3, 3, 3, 3],
                "That is right in the middle. But no window begins before x[0], and none ends after x[4].",
            ),
            ([1, 1, 1, 1, 1], "The kernel moves by one place and is three wide: its windows overlap."),
            ((1, 1, 1, 0, 0), "That is how many windows *begin* there. Each of them reaches over three entries."),
        ),
        why="The middle one is in all three windows, the first and the last in one. "
        "So the gradient of x[2] is a sum of three terms, and that of x[0] has a single one.",
    ),
    Prediction(
        name="01/unvisited",
        again=redrawn.unvisited,
        text="`x` has 10 entries and the kernel 3, with stride 2 and padding 0. "
        "What is `dx[9]`, the gradient of the last entry?",
        answer=lambda: loops.conv1d_input_gradient_scatter(np.ones(4), np.ones(10), np.ones(3), 2, 0)[9],
        wrong_answers=((1, "A window would have to contain x[9]. The last window begins at 6. Where does it end?"),),
        why="The windows begin at 0, 2, 4 and 6, and the last one ends at x[8]. "
        "No window ever contained x[9], so the loss does not depend on it.",
    ),
    Prediction(
        name="01/stamp",
        again=redrawn.stamp,
        reveals=0,
        text="`w = [1, 2, 3]`, stride 2, no padding, `x` of 7 entries, and `dy = [0, 1, 0]`. "
        "Type the 7 entries of `dx`.",
        answer=lambda: loops.conv1d_input_gradient_scatter([0, 1, 0], np.ones(7), [1, 2, 3], 2, 0),
        wrong_answers=(
            (
                [0, 0, 3, 2, 1, 0, 0],
                "The place is right. But y[1] = 1 x[2] + 2 x[3] + 3 x[4]: which weight did x[2] meet?",
            ),
            (
                [0, 1, 2, 3, 0, 0, 0],
                "The order is right. With stride 2, at which entry of x does the window of y[1] begin?",
            ),
            (
                [0, 3, 2, 1, 0, 0, 0],
                "Where does the window of y[1] begin with stride 2? And which weight did its first entry meet?",
            ),
        ),
        why="y[1] saw x[2], x[3], x[4] through 1, 2, 3, and hands its gradient back through the same weights. "
        "Scatter stamps the kernel as it is, at stride * j.",
    ),
    Prediction(
        name="01/three_products",
        again=redrawn.three_products,
        text="`y = [5, 11, 18]`, `dy = [1, -1, 2]`. Without working out `dx` or `dw`: "
        "what is `dx @ x`, and what is `dw @ w`? Type both.",
        answer=lambda: np.full(2, UPSTREAM @ loops.conv1d(*FIVE)),
        wrong_answers=(
            ([52, 52], "The products are 5, 11 and 36. Which sign has the second?"),
            ([12, 12], "The last product is 2 times 18."),
            ((34, 34), "That is the sum of y, as if dy were 1 everywhere. Each y[j] counts dy[j] times."),
        ),
        why="Both are dy @ y = 5 - 11 + 36 = 30: the same products dy[j] x[j+t] w[t], added in another order.",
    ),
    Prediction(
        name="01/ones",
        again=redrawn.ones,
        text="A backward pass has a bug: it scatters with the reversed kernel, `[3, 2, 1]` instead of `[1, 2, 3]`. "
        "`x` has 5 entries, the stride is 1, the padding 2, and `dy` is all ones. "
        "How many entries of its `dx` are wrong?",
        answer=lambda: spoilt_by_turning(np.ones(7), padding=2),
        wrong_answers=(
            (
                5,
                "With padding 2 every entry of x met all three weights. "
                "dy is 1 everywhere, so each entry collects their sum. "
                "Does the order matter in a sum?",
            ),
            (
                lambda: spoilt_by_turning(np.ones(5), padding=1),
                "That is right for padding 1: the first and the last entry met two weights each. "
                "How many do they meet here?",
            ),
            (
                lambda: spoilt_by_turning(np.ones(3), padding=0),
                "That is right without padding, where only the middle entry met all three weights. "
                "How many meet them here?",
            ),
        ),
        why="Every entry collects 1 + 2 + 3 = 6, in whichever order. The bug is there, but this dy cannot reveal it.",
    ),
)


def spoilt_by_turning(dy, padding):
    """How many entries of dx are wrong when a turned kernel is scattered."""
    x, w = FIVE
    right = loops.conv1d_input_gradient_scatter(dy, x, w, 1, padding)
    return int(np.sum(right != loops.conv1d_input_gradient_scatter(dy, x, w[::-1], 1, padding)))
