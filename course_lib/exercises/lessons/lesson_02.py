"""Convolution in two dimensions, one channel: forward, and its gradients two ways."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.drawing import DrawingLab
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import broken, convolution, drawn, forward_pass, geometries, recipes, redrawn

LESSON = "02_conv2d"


NINE = np.array([[1.0, 2, 0], [3, 1, 4], [0, 2, 1]]), np.array([[1.0, 2], [3, 4]])
UPSTREAM = np.array([[1.0, -1], [2, 1]])

CONV2D_SINGLE = Exercise(
    answer=loops.conv2d_single,
    next_idea="Loop over the entries of the kernel instead: fewer steps, each with whole arrays.",
    difficulty="easy",
    minutes=10,
    task=(
        "Write `conv2d_single(x, w, stride=1, padding=0)` for one image `(H, W)` and one kernel `(kH, kW)`. "
        "Do what you did in one dimension, once for the rows and once for the columns. "
        "Return `y`, of shape (H_out, W_out). "
        "Neither the image nor the kernel has to be square."
    ),
    hints=(
        "Output (i, j) sees one rectangle of the padded image. Where is its upper left corner?",
        "The rectangle starts at row `i * stride` and column `j * stride`, and is as large as the kernel. "
        "`out_size` works along one axis: call it twice.",
        "Pad with `np.pad(x, padding)`. "
        "For every `(i, j)` of `y`, slice the rectangle of kH rows and kW columns. "
        "Its product with `w`, summed, is `y[i, j]`.",
    ),
    cases=geometries.single_forward_cases,
    further=drawn.convolution_2d,
    probe=geometries.SINGLE_PROBE,
    tensors=("y",),
    axes=geometries.SINGLE_AXES,
    mistakes={"y": forward_pass.output(2)},
    patterns=geometries.patterns(2),
)

CONV2D_SINGLE_WEIGHT_GRADIENT = Exercise(
    answer=loops.conv2d_single_weight_gradient,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `conv2d_single_weight_gradient(dy, x, w, stride=1, padding=0)`: the gradient `dw`, shaped like `w`. "
        "Each output saw one rectangle of the image through the whole kernel."
    ),
    hints=(
        "Which pixel did w[0, 0] meet when y[0, 0] was made? And when y[0, 1] was, with stride 2?",
        "`dw` collects rectangles: the one that output (i, j) saw, times `dy[i, j]`.",
        "Pad `x`, start with `dw` of zeros. "
        "For every `(i, j)` of `dy`, add `dy[i, j]` times the "
        "rectangle of kH x kW that starts at `(i * stride, j * stride)`.",
    ),
    tensors=("dw",),
    mistakes={"dw": convolution.gradient_of_weight(2)},
    **geometries.SINGLE_BACKWARD,
)

DRAWN = {"dy": np.array([[1.0, 2], [0, -1]]), "w": np.array([[1.0, 2, 3], [0, 1, 2]])}


def draw_dx():
    """-> dx (5, 5), for the dy and the w of the drawing, with stride 2."""
    dy, w = np.array([[1.0, 2], [0, -1]]), np.array([[1.0, 2, 3], [0, 1, 2]])
    dx = np.zeros((5, 5))
    for i, j in np.ndindex(2, 2):
        dx[2 * i : 2 * i + 2, 2 * j : 2 * j + 3] += dy[i, j] * w
    return dx


def _drawn(w, stride=2, add=np.add, outputs=((0, 0), (0, 1), (1, 0), (1, 1)), dy=DRAWN["dy"]):
    """The stamps of some outputs, in 5 x 5 cells."""
    dx = np.zeros((5, 5))
    for i, j in outputs:
        window = dx[stride * i : stride * i + 2, stride * j : stride * j + 3]
        window[...] = add(window, dy[i, j] * w)
    return dx


W = DRAWN["w"]
DRAW_DX = DrawingLab(
    answer=draw_dx,
    grids=DRAWN,
    next_idea="Row 4 is empty. How many rows would x need, so that there is a third row of outputs?",
    difficulty="easy",
    minutes=5,
    task=(
        "**Draw it.** Before you write it as code, do by hand what a scatter does. `x` has 5 x 5 pixels, the kernel "
        "`w` is 2 x 3, the stride is 2, and there is no padding. Which cells of `dx` does each number of `dy` pay, "
        "and how much? Choose a cell of `dy` and one of `w`: every click into a cell of `dx` adds their product. "
        "Or type the sums. (This lab is `draw_dx` on the board.)"
    ),
    hints=(
        "Begin with dy[0, 0]. Its window is the upper left corner of x. Which pixel met which weight there?",
        "The window of dy[0, 1] begins two columns further right. It shares one column with the first window: "
        "what stands there adds up.",
        "dy[1, 1] is -1: minus the kernel, from row 2 and column 2 on. dy[1, 0] is 0 and pays nobody. "
        "No window ever holds row 4.",
    ),
    cases=lambda rng: [{}],
    probe={},
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "turned",
                "The kernel is turned. Every pixel gets back the weight that it met: the first of a window w[0, 0].",
                (lambda: _drawn(W[::-1, ::-1]), lambda: _drawn(W[:, ::-1]), lambda: _drawn(W[::-1])),
            ),
            Mistake(
                "stride ignored",
                "The stamps stand one cell apart. With stride 2 the windows begin two cells apart.",
                (lambda: _drawn(W, stride=1),),
            ),
            Mistake(
                "overwritten",
                "Where two windows overlap, only one of them is there. A pixel that moved two outputs hears from both: "
                "the products add up.",
                (
                    lambda: _drawn(W, add=lambda old, new: new),
                    lambda: _drawn(W, add=lambda old, new: np.where(new == 0, old, new)),
                    lambda: _drawn(W, add=lambda old, new: np.where(old == 0, new, old)),
                ),
            ),
            Mistake(
                "one output",
                "That is what one number of `dy` pays. There are three more, of which one is 0.",
                (
                    lambda: _drawn(W, outputs=((0, 0),)),
                    lambda: _drawn(W, outputs=((0, 1),)),
                    lambda: _drawn(W, outputs=((1, 1),)),
                ),
            ),
            Mistake(
                "without dy",
                "Those are the weights alone, wherever a window stands. Each is multiplied by the `dy` of its window.",
                (lambda: _drawn(W, dy=np.ones((2, 2))),),
            ),
            Mistake(
                "sign",
                "The sign of `dy[1, 1]` is missing: it is below zero, and so is what it pays.",
                (lambda: _drawn(W, dy=np.abs(DRAWN["dy"])),),
            ),
        )
    },
)

CONV2D_SINGLE_INPUT_GRADIENT_SCATTER = Exercise(
    answer=loops.conv2d_single_input_gradient_scatter,
    start=broken.conv2d_single_input_gradient_scatter,
    next_idea="Which of the three bugs would a square image have hidden, and which a `dy` with a single 1?",
    difficulty="easy",
    minutes=8,
    task=(
        "**Repair it.** `conv2d_single_input_gradient_scatter(dy, x, w, stride=1, padding=0)` returns `dx`, "
        "shaped like `x`: every output hands `dy[i, j] * w` back to the rectangle it came from. "
        "Its author tried a square image with a `dy` that was 1 in the last corner and 0 elsewhere: it was right. "
        "Three lines are wrong all the same."
    ),
    hints=(
        "Run it with a `dy` of ones and an image that is wider than high. What do you see?",
        "It shows the kernel, as it is, stamped at `(i * stride, j * stride)` of the padded image. "
        "And where two stamps overlap?",
        "Make `dxp` of zeros, as large as the padded image. "
        "For every `(i, j)` add `dy[i, j] * w` to its rectangle. "
        "At the end return H rows and W columns, starting after the first `padding` of each.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={"dx": convolution.gradient_of_input_alone(2)},
    **geometries.SINGLE_BACKWARD,
)

CONV2D_SINGLE_INPUT_GRADIENT_GATHER = Exercise(
    answer=loops.conv2d_single_input_gradient_gather,
    difficulty="hard",
    minutes=20,
    task=(
        "Write `conv2d_single_input_gradient_gather(dy, x, w, stride=1, padding=0)`: the same `dx`, collected. "
        "Every pixel collects from the outputs it fed, so a kernel slides over `dy`. "
        "Mind the stride, and the rows and columns that no window ever reached."
    ),
    hints=(
        "A pixel at row u fed output row i through kernel row a = u - i (stride 1). When i grows, what does a do?",
        "The kernel meets dy turned by 180 degrees. "
        "Border pixels fed fewer outputs, so `dy` is padded by `kH - 1` and `kW - 1`. "
        "With a stride, zeros go between its rows and columns first.",
        "Spread `dy` into zeros of `(H + 2 * padding - kH + 1, W + 2 * padding - kW + 1)`, "
        "every `stride`-th row and column; pad; slide `w[::-1, ::-1]` over it; keep the H x W in the middle.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={"dx": convolution.gradient_of_input_alone(2)},
    **geometries.SINGLE_BACKWARD,
)

EXERCISES = (
    CONV2D_SINGLE,
    CONV2D_SINGLE_WEIGHT_GRADIENT,
    DRAW_DX,
    CONV2D_SINGLE_INPUT_GRADIENT_SCATTER,
    CONV2D_SINGLE_INPUT_GRADIENT_GATHER,
)

PREDICTIONS = (
    Prediction(
        name="02/forward",
        again=redrawn.forward_2d,
        text="What is `y[1, 0]`?",
        answer=lambda: loops.conv2d_single(*NINE)[1, 0],
        wrong_answers=(
            (
                lambda: loops.conv2d_single(*NINE)[0, 1],
                "That is y[0, 1]. The first index counts rows, downwards: move the kernel down by one.",
            ),
            (
                lambda: loops.conv2d_single(NINE[0], NINE[1][::-1, ::-1])[1, 0],
                "The window is right. But the kernel is laid on as it is: its 1 meets the upper left number.",
            ),
            (
                lambda: loops.conv2d_single(NINE[0], NINE[1].T)[1, 0],
                "The window is right. But the kernel is laid on as it is: its upper row, 1 and 2, meets 3 and 1.",
            ),
        ),
        why="The window holds 3, 1 above 0, 2, and gives 3 + 2 + 0 + 8 = 13.",
    ),
    Prediction(
        name="02/weight",
        again=redrawn.weight_2d,
        text="How far does the loss move for each unit that `w[0, 0]` moves? Type that number, `dw[0, 0]`.",
        answer=lambda: loops.conv2d_single_weight_gradient(UPSTREAM, *NINE)[0, 0],
        wrong_answers=(
            (
                7,
                "That is how far all four outputs move. The loss depends on each of them differently, and dy says how.",
            ),
            (1, "That is what comes through y[0, 0]. w[0, 0] was used in the other three as well."),
            (2, "Those are the pixels that w[1, 1] met. Which ones did the upper left weight meet?"),
        ),
        why="It met the pixels 1, 2, 3 and 1, so 1 · 1 − 1 · 2 + 2 · 3 + 1 · 1 = 6.",
    ),
    Prediction(
        name="02/corner_and_centre",
        again=redrawn.corner_and_centre,
        reveals=2,
        text="An image of 4 x 4, a kernel of 3 x 3, stride 1, no padding. "
        "How many windows contain the corner pixel, and how many the pixel (1, 1)? "
        "Type both, the corner first.",
        answer=lambda: recipes.coverage((4, 4), (3, 3), (2, 2), 1, 0)[[0, 1], [0, 1]],
        wrong_answers=(
            ([1, 9], "9 is what a pixel far from every border would have. Here only 2 x 2 windows exist."),
            (
                [1, 2],
                "There are 2 along the rows and 2 along the columns, and each of the one goes with each of the other.",
            ),
            ((4, 1), "The other way round: the corner comes first."),
        ),
        why="There are 2 x 2 windows. "
        "The corner is in one of them, the pixel (1, 1) in all four. "
        "Its gradient sums four terms.",
    ),
    Prediction(
        name="02/which_picture",
        text="`dy` is zero except for a 1, far from the border. The kernel is `[[1, 2], [3, 4]]`, stride 1. "
        "What does `dx` show around that place?",
        answer="b",
        choices={
            "a": (
                "`[[4, 3], [2, 1]]`, the kernel turned by 180 degrees",
                "That is the kernel of the gather form, which slides over dy. "
                "But what arrives in dx? "
                "The pixel that met weight 1 gets 1 back.",
            ),
            "b": ("`[[1, 2], [3, 4]]`, the kernel as it is", ""),
            "c": (
                "`[[1, 3], [2, 4]]`, the kernel transposed",
                "Rows stay rows: the pixel to the right of the first met weight 2, and gets 2 back.",
            ),
        },
        why="Every pixel gets back the weight through which it was seen. "
        "The turn by 180 degrees belongs to the gather form alone, and its result is this same array.",
    ),
    Prediction(
        name="02/digit",
        harmless={"def edges(image):": "it prints how far the loss moves, not the gradient of a pixel"},
        comes_back=False,
        text="Around the digit the picture is black, so `y` is 0 there. What is `dx` of a pixel far from the digit?",
        answer="b",
        choices={
            "a": (
                "Large: a bright dot there would be a new edge.",
                "It would. But the loss counts squares: where y is 0, the first tiny step adds next to nothing.",
            ),
            "b": ("0", ""),
            "c": ("Below zero: brightness there would blur the edges of the digit.", "Its windows do not reach them."),
        },
        why="dx collects dy times weights, and dy is y here. All windows that hold the pixel have y = 0.",
    ),
    Prediction(
        name="02/turn",
        reveals=2,
        text="In one dimension the gather form read the kernel backwards. "
        "Which kernel will slide over `dy` now, if `w` is `[[1, 2], [3, 4]]`?",
        answer="d",
        choices={
            "a": (
                "`[[3, 4], [1, 2]]`, the rows in reverse order",
                "This turns the first index. But the columns slide too, and their index has a minus sign as well.",
            ),
            "b": (
                "`[[2, 1], [4, 3]]`, the columns in reverse order",
                "This turns the second index. But the rows slide too, and their index has a minus sign as well.",
            ),
            "c": (
                "`[[1, 3], [2, 4]]`, the transpose",
                "A transpose exchanges rows and columns. Here rows stay rows: only the direction changes.",
            ),
            "d": ("`[[4, 3], [2, 1]]`, both in reverse order", ""),
        },
        why="Each index gets its own minus sign, so both are read backwards: a half turn, 180 degrees.",
    ),
    Prediction(
        name="02/padding",
        again=redrawn.padding_of_dy,
        harmless={
            "for H in": "The 3 there are other sizes, and one is a size of the kernel.",
            "def fed": "The numbers there are counts of outputs.",
        },
        text="A kernel of 5 x 5, stride 1, and the forward pass used padding 1. "
        "How many rows of zeros does `dy` need above it, so that sliding "
        "the turned kernel over it gives `dx` at once, with nothing to crop?",
        answer=lambda: 5 - 1 - 1,
        wrong_answers=(
            (
                4,
                "That gives the gradient of the padded image. Its outermost ring is padding, and not asked for.",
            ),
            (1, "That is the forward padding. The more zeros went in forward, the fewer are needed backward."),
            (5, "A window that holds no entry of dy at all gives 0. How many rows of zeros leave it at least one?"),
            (
                2,
                "That keeps the size. But a kernel of 5 with padding 1 has made y smaller than x.",
            ),
        ),
        why="4, the full reach of the kernel, minus the 1 that would be cropped again.",
    ),
    Prediction(
        name="02/remainder",
        again=redrawn.remainder,
        reveals=2,
        text="An image of 6 x 6, a kernel of 3 x 3, stride 2, no padding. "
        "How many of the 36 pixels get gradient 0, whatever dy is?",
        answer=lambda: int((recipes.coverage((6, 6), (3, 3), (2, 2), 2, 0) == 0).sum()),
        wrong_answers=(
            (6, "A whole row is out of reach, but so is a column. They share one pixel."),
            (12, "Row 5 and column 5 share the corner pixel: it is counted twice."),
            (0, "The windows start at 0 and 2 along each axis. Where does the last one end?"),
            (10, "Row 5 and column 5 have 6 pixels each, and share one of them."),
            (25, "That many are reached by some window. The question is how many are not."),
        ),
        why="The last window ends at 4, so row 5 and column 5 are never visited: 6 + 6 - 1 = 11 pixels.",
    ),
)
