"""Make it fast: the loops of lessons 04 and 05 once more, with no loop over windows left."""

import numpy as np

from course_lib import fast, loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.pace import Pace
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import columns, redrawn_networks
from course_lib.exercises.lessons.shared.max_pooling import MAX_POOL
from course_lib.exercises.lessons.shared.max_pooling_backward import MAX_POOL_BACKWARD

LESSON = "08_make_it_fast"

SMALL32 = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
GEOMETRY = {"kernel_size": (3, 3), "stride": 1, "padding": 1}
FLOAT64 = (
    "Given float32, it returns float64: twice the memory to move, and whatever follows is computed in float64 too. "
    "Make the new array with `dtype=`, or convert the result with `.astype`."
)


def keeps_float32(*case):
    """A trial: whether a function returns float32 for a case in float32."""

    def trial(f):
        result = f(*case)
        return (result[0] if isinstance(result, tuple) else result).dtype == np.float32

    return trial


# ---------------------------------------------------------------- the columns


def images_to_unfold(rng):
    return {"x": rng.standard_normal((2, 4, 28, 28)).astype(np.float32), **GEOMETRY}


def columns_to_fold(rng):
    case = images_to_unfold(rng)
    return {"cols": fast.im2col_fast(**case), "output_size": (28, 28), **GEOMETRY}


IM2COL_FAST = Exercise(
    answer=fast.im2col_fast,
    next_idea="Write it the other way too, as a strided view or as slices, and time both on your own images.",
    difficulty="medium",
    minutes=12,
    task=(
        "Write `im2col_fast(x, kernel_size, stride=1, padding=0)`. "
        "It returns what `im2col` of lesson 04 returns, (N, C * kH * kW, L), without a loop over windows: "
        "by slices, one for each cell of the kernel, or by a strided view. "
        "Use NumPy alone. "
        "It is judged for the right numbers, and timed beside the loop over windows."
    ),
    hints=(
        "Fix one cell of the kernel, (a, b). Which pixels does it lie on, over all windows? "
        "They stand `stride` apart: one slice has them all.",
        "Make an empty array (N, C, kH, kW, H_out, W_out) in the dtype of x. "
        "The slice for one cell is an (N, C, H_out, W_out) piece of it. "
        "How many pieces are there, and which reshape gives the columns?",
        "Pad x first, with `np.pad`. For every (a, b) of `np.ndindex(kH, kW)` the rows are "
        "`a : a + stride * H_out : stride`, and the columns are the same with b and W_out. "
        "Reshape at the end: (N, C * kH * kW, H_out * W_out).",
    ),
    mistakes={"cols": columns.im2col_mistakes()},
    extras={FLOAT64: keeps_float32(SMALL32, (2, 2), 1, 0)},
    pace=Pace(loops.im2col, images_to_unfold, "On 2 images of 4 channels and 28 x 28 pixels"),
    **columns.IM2COL,
)

COL2IM_FAST = Exercise(
    answer=fast.col2im_fast,
    next_idea="Where windows tile, nothing overlaps, and a transpose and a reshape do it. Is that faster still?",
    difficulty="medium",
    minutes=12,
    task=(
        "Write `col2im_fast(cols, output_size, kernel_size, stride=1, padding=0)`. "
        "It returns what `col2im` of lesson 04 returns, (N, C, H, W), without a loop over windows. "
        "Loop over the cells of the kernel, and add one slice for each. "
        "Use NumPy alone. "
        "It is judged for the right numbers, and timed beside the loop over windows."
    ),
    hints=(
        "It is the transpose of `im2col_fast`: the same slices, and the two sides of the assignment exchanged. "
        "What must `=` become, and why?",
        "Reshape the columns to (N, C, kH, kW, H_out, W_out), so that the numbers of one cell are one piece. "
        "In one slice every pixel is named once, so += loses nothing.",
        "Begin with zeros (N, C, H + 2 * padding, W + 2 * padding) in the dtype of the columns. "
        "For every (a, b) add `cells[:, :, a, b]` to the slice that `im2col_fast` read. "
        "Cut the padding off at the end.",
    ),
    mistakes={"x": columns.col2im_mistakes()},
    extras={FLOAT64: keeps_float32(SMALL32.reshape(1, 8, 4), (3, 3), (2, 2), 1, 0)},
    pace=Pace(loops.col2im, columns_to_fold, "On 2 images of 4 channels and 28 x 28 pixels"),
    **columns.COL2IM,
)

# ---------------------------------------------------------------- pooling


def images_to_pool(rng):
    x = rng.standard_normal((2, 4, 28, 28)).astype(np.float32)
    return {"x": x, "kernel_size": 2, "stride": None, "padding": 0}


def pools_to_undo(rng):
    y, indices = fast.max_pool2d_fast(**images_to_pool(rng))
    return {"dy": y, "indices": indices, "input_shape": (2, 4, 28, 28)}


def max_pool2d_backward_fast(dy, indices, input_shape):
    """dy (N, C, H_out, W_out), indices like dy -> dx of input_shape (N, C, H, W): the winner takes the gradient."""
    N, C, H, W = input_shape
    dx = np.zeros((N, C, H * W), dy.dtype)
    n, c = np.arange(N)[:, None], np.arange(C)
    for i, j in np.ndindex(dy.shape[2:]):
        dx[n, c, indices[:, :, i, j]] += dy[:, :, i, j]
    return dx.reshape(input_shape)


MAX_POOL2D_FAST = Exercise(
    answer=fast.max_pool2d_fast,
    next_idea="For 2 x 2 windows that tile, write the four slices out, with no loop at all. How much does it save?",
    difficulty="hard",
    minutes=20,
    task=(
        "Write `max_pool2d_fast(x, kernel_size, stride=None, padding=0)`. "
        "It returns what `max_pool2d` of lesson 05 returns, `y` and `indices`, without a loop over windows: "
        "by slices, one for each cell of a window, or by `argmax` over a strided view. "
        "`kernel_size` is one number. "
        "Use NumPy alone. "
        "It is judged for the right numbers, and timed beside the loop over windows."
    ),
    hints=(
        "Cell (a, b) of all windows at once is one slice, as in `im2col_fast`. "
        "Keep the best so far, and compare it with one slice after the other.",
        "`larger = cell > y` says for all windows at once where the new cell wins. "
        "Then `y` and `indices` each become a `np.where`. With > and not >=, the first of equal values wins.",
        "Pad with -np.inf. Window (i, j) begins in row `stride * i - padding` of the image, "
        "so cell (a, b) has the index (row + a) * W + column + b, with row (H_out, 1) and column (W_out,).",
    ),
    extras={FLOAT64: keeps_float32(SMALL32, 2, None, 0)},
    pace=Pace(loops.max_pool2d, images_to_pool, "On 2 images of 4 channels and 28 x 28 pixels"),
    **MAX_POOL,
)

MAX_POOL2D_BACKWARD_FAST = Exercise(
    answer=fast.max_pool2d_backward_fast,
    start=max_pool2d_backward_fast,
    next_idea="`np.bincount` and `np.add.at` both do it. Which is faster here, and which keeps float32?",
    difficulty="medium",
    minutes=12,
    task=(
        "*Take away one loop.* This `max_pool2d_backward_fast` is right. "
        "It handles one window position of all images and channels at a time, and so it still has a loop, "
        "of 196 rounds for an image of 28 x 28. Rewrite it without a loop. "
        "Use NumPy alone. "
        "It is judged for the right numbers, and timed beside the version with the loop."
    ),
    hints=(
        "For one window position, every image and channel has one winner, so no place is named twice. "
        "With all positions at once that is no longer so. What does += with an index array do then?",
        "`np.add.at` and `np.bincount(places, weights)` add up what comes to the same place. "
        "Both want places in one long row of numbers. Where does the plane of image n and channel c begin in it?",
        "The plane of (n, c) begins at (n * C + c) * H * W: add that to the indices, as an array (N, C, 1, 1). "
        "Then `np.bincount` of the flat places, with the flat dy as weights and `minlength` for the whole batch; "
        "reshape it, and convert it to the dtype of dy.",
    ),
    extras={FLOAT64: keeps_float32(np.ones((1, 1, 2, 2), np.float32), np.array([[[[0, 1], [4, 5]]]]), (1, 1, 4, 4))},
    pace=Pace(max_pool2d_backward_fast, pools_to_undo, "On 2 images of 4 channels and 28 x 28 pixels"),
    **MAX_POOL_BACKWARD,
)

EXERCISES = (MAX_POOL2D_FAST, MAX_POOL2D_BACKWARD_FAST, IM2COL_FAST, COL2IM_FAST)

# ---------------------------------------------------------------- predictions


def rounds(size=28, kernel=3, padding=1):
    """[rounds of a loop over windows, rounds of a loop over the cells of the kernel]."""
    windows = loops.im2col(np.zeros((1, 1, size, size)), (kernel, kernel), 1, padding).shape[2]
    return windows, kernel * kernel


PREDICTIONS = (
    Prediction(
        name="08/where",
        comes_back=False,
        text="In one training step on the loops, which takes the most time?",
        answer="c",
        choices={
            "a": (
                "The matrix products of the two convolutions",
                "They do nearly all of the multiplications, but in one call each. What does Python do by itself?",
            ),
            "b": (
                "`im2col` and `col2im`, forward and backward",
                "Their loops do one round for each *place* of a window, and handle all images and channels in it.",
            ),
            "c": ("Max pooling, which multiplies nothing", ""),
            "d": ("The linear layer at the end, with most of the weights", "That is one product of two matrices."),
        },
        reveals=2,
        reveals_code=True,
        why="Its loop runs once for every window of every channel of every image. "
        "Each round is a handful of calls, and a call costs Python as much as handling thousands of numbers.",
    ),
    Prediction(
        name="08/amdahl",
        again=redrawn_networks.speed_of_the_rest,
        text="Suppose that pooling takes 90 % of a step. You make it free: it costs nothing at all. "
        "How many times faster is the step?",
        answer=lambda: 1 / (1 - 0.9),
        wrong_answers=(
            (90, "A tenth of the time is left. How often does that go into the whole?"),
            (9, "What is left is a tenth of the whole. How often does it go into the *whole*?"),
            (1.9, "The step does not do 90 % more: it needs 90 % less time."),
        ),
        why="A tenth is left, so ten times. Not more, however fast pooling becomes: the rest sets the limit.",
    ),
    Prediction(
        name="08/rounds",
        again=redrawn_networks.rounds_of_loops,
        text="A 3 x 3 kernel with padding 1, on images of 28 x 28 pixels. "
        "How many rounds has the loop of `im2col` over all windows, and how many a loop over the cells of the kernel? "
        "Type `[windows, cells]`.",
        answer=rounds,
        reveals=0,
        wrong_answers=(
            ([676, 9], "With padding 1 there is a window for every pixel of the 28 x 28."),
            ([784, 3], "A kernel has rows and columns."),
            ([9, 784], "The other way round: the first number is that of the windows."),
        ),
        why="28 · 28 windows, 3 · 3 cells. The same numbers are copied; Python is asked 87 times less often.",
    ),
    Prediction(
        name="08/products",
        comes_back=False,
        text="Both lines compute the same `dw`, with the same multiplications. Which is faster?",
        answer="b",
        choices={
            "a": (
                "`tensordot`: one large product in place of 64 small ones",
                "That is what one would hope for. But before the product, the numbers must lie in a row. Do they?",
            ),
            "b": ("The 64 small products and their sum", ""),
            "c": ("Neither: the multiplications are the same", "They are. But numbers have to be fetched, too."),
        },
        why="`tensordot` first copies all columns into another order, and that costs more than all the products.",
    ),
    Prediction(
        name="08/floor",
        comes_back=False,
        text="The fast step does its products in BLAS, which no NumPy code can beat. "
        "What share of the step are they, roughly?",
        answer="a",
        choices={
            "a": ("A third or less", ""),
            "b": ("Two thirds", "Fewer. Pooling, copying and ReLU multiply nothing, and move as many numbers."),
            "c": ("Nearly all of it", "Then it could hardly get faster. What do copies and pools cost?"),
        },
        why="The rest only moves numbers about. That is why layout matters more than arithmetic here.",
    ),
)
