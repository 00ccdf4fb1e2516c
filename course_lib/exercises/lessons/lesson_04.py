"""im2col and col2im: convolution as one matrix product."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import broken, columns, geometries, products, redrawn_layers

LESSON = "04_im2col_col2im"


SMALL = np.array([[[[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]]])

IM2COL = Exercise(
    answer=loops.im2col,
    next_idea="Do it without a loop: `sliding_window_view`, then a transpose and a reshape.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `im2col(x, kernel_size, stride=1, padding=0)`, with `kernel_size` a pair `(kH, kW)`. "
        "Return one matrix for each image with one column for every window: "
        "shape (N, C * kH * kW, L), where L = H_out * W_out. "
        "A column lists the channels, within each channel the kernel's rows, within each row its columns."
    ),
    hints=(
        "One window of one image has C x kH x kW values. In which order does `.reshape(-1)` write them down?",
        "In exactly the order asked for. The windows go row by row: output (i, j) is column `i * W_out + j`.",
        "Pad the images. "
        "For every (i, j) slice the window of *all* images and channels at once, "
        "reshape it to (N, -1), and put it in its column.",
    ),
    mistakes={"cols": columns.im2col_mistakes()},
    extras={
        "With kernel_size=3 instead of (3, 3) it fails. That is fine here, but PyTorch's unfold accepts both.": (
            lambda f: np.allclose(f(SMALL, 3, 1, 0), loops.im2col(SMALL, 3))
        )
    },
    **columns.IM2COL,
)

COL2IM = Exercise(
    answer=loops.col2im,
    next_idea="Loop over the kernel's rows and columns instead of the windows.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `col2im(cols, output_size, kernel_size, stride=1, padding=0)`. "
        "From `cols`, laid out as `im2col` does it, make an array (N, C, H, "
        "W) with (H, W) = `output_size`: put every column back where its window was. "
        "`output_size` and `kernel_size` are pairs. "
        "What happens to a pixel that several windows contain?"
    ),
    hints=(
        "im2col copied a pixel into every window that contains it. "
        "If one number is copied to three places, what is its gradient?",
        "The sum of all three. "
        "So every column, reshaped to (N, C, kH, kW), is added to its window in an array of zeros.",
        "How many channels? "
        "`cols.shape[1] // (kH * kW)`. "
        "Go through (i, j), reshape column `i * W_out + j`, "
        "add it to its window in the padded array, and crop the padding at the end.",
    ),
    mistakes={"x": columns.col2im_mistakes()},
    **columns.COL2IM,
)


def gemm_cases(rng):
    """As everywhere, and two images with stride 1 and no padding: there the lab's start raises nothing."""
    case = {"x": rng.standard_normal((2, 2, 5, 6)), "w": rng.standard_normal((3, 2, 2, 3)), "stride": 1, "padding": 0}
    return [*geometries.batch_backward_cases(rng), {"dy": rng.standard_normal((2, 3, 4, 4)), **case}]


OTHER_FOLD = (
    "The columns do not fit the windows into which they are folded. "
    "im2col and col2im must agree on where each window began, and on the size of the image: "
    "is all of that passed on to both?"
)

CONV2D_BACKWARD_GEMM = Exercise(
    answer=loops.conv2d_backward_gemm,
    reference=F.conv2d_backward,
    start=broken.conv2d_backward_gemm,
    difficulty="hard",
    minutes=12,
    task=(
        "**Repair it.** `conv2d_backward_gemm(dy, x, w, stride=1, padding=0)` returns `dx`, `dw` and `db` "
        "by matrix products, with no loop of its own. "
        "Its author tested it with one image and a kernel of ones, with stride 1 and no padding, "
        "and all three were right. "
        "Three lines are wrong all the same."
    ),
    hints=(
        "Leave out one of the author's conditions at a time: two images, another kernel, a stride. What goes wrong?",
        "`dy` is (N, C_out, H_out, W_out). Which axis does a reshape find first? "
        "`dX = W.T @ dY` and a fold are the scatter form. What does the kernel look like there? "
        "And what must im2col and col2im agree on?",
        "`dy.reshape(N, C_out, -1)` keeps one matrix for each image. "
        "The kernel becomes rows as it is, unturned. "
        "Both functions take the same `stride` and `padding`.",
    ),
    tensors=("dx", "dw", "db"),
    windows={"dx": geometries.coverage},
    exceptions=(("dx", r"ValueError in .*: cols must have shape", OTHER_FOLD),),
    mistakes=products.gemm_mistakes(),
    **{**geometries.BATCH_BACKWARD, "cases": gemm_cases},
)

EXERCISES = (IM2COL, COL2IM, CONV2D_BACKWARD_GEMM)

# the arrays of the lesson
X34 = np.array([[1.0, 2, 0, 3], [3, 1, 4, 0], [0, 2, 1, 2]]).reshape(1, 1, 3, 4)
KERNEL = np.array([[1.0, 2], [3, 4]])
UPSTREAM = np.array([[1.0, -1, 2], [2, 1, -1]])


def copies(pixel):
    """The entries of dcols that are copies of one pixel of the lesson's image, in the order of the windows."""
    dcols = KERNEL.reshape(4, 1) @ UPSTREAM.reshape(1, 6)
    marked = np.zeros((1, 1, 3, 4))
    marked[0, 0][pixel] = 1
    return dcols.T[loops.im2col(marked, (2, 2))[0].T == 1]


def im2col_matrix():
    """The Jacobian (36, 16) of im2col for an image of 4 x 4."""
    pixels = np.eye(16).reshape(16, 1, 1, 4, 4)
    return np.stack([loops.im2col(pixel, (2, 2)).ravel() for pixel in pixels], axis=1)


def ones_assigned():
    """dx of shape (3, 4) after dx[where] += 1 with an index array."""
    where = loops.im2col(np.arange(12).reshape(1, 1, 3, 4), (2, 2)).astype(int)
    dx = np.zeros(12)
    dx[where] += 1
    return dx.reshape(3, 4)


PREDICTIONS = (
    Prediction(
        name="04/second_window",
        again=redrawn_layers.window_as_column,
        reveals=2,
        text="Move the window one place to the right. Type the four numbers of column 1, from top to bottom.",
        answer=lambda: loops.im2col(X34, (2, 2))[0, :, 1],
        wrong_answers=(
            (
                [2, 1, 0, 4],
                "The window is right. But a column lists it row by row: first its upper row, then its lower one.",
            ),
            ([3, 1, 0, 2], "That is the window below the first. Windows go row by row, as the outputs do."),
            ([0, 3, 4, 0], "That window is two places to the right. The stride is 1."),
        ),
        why="The window contains 2, 0 above 1, 4. Two of these numbers, 2 and 1, are in column 0 as well.",
    ),
    Prediction(
        name="04/columns",
        again=redrawn_layers.shape_of_columns,
        reveals=0,
        text="One image with 3 channels of 8 x 8, a kernel of 3 x 3, stride 1, no padding. "
        "What is the shape of its im2col matrix? "
        "Type `[rows, columns]`.",
        answer=lambda: loops.im2col(np.ones((1, 3, 8, 8)), (3, 3)).shape[1:],
        wrong_answers=(
            ([9, 36], "A window reaches through all 3 channels."),
            ([36, 27], "Rows and columns are exchanged: each window becomes a *column*."),
            ([27, 64], "In how many places does a kernel of 3 fit on 8 pixels?"),
            ([27, 6], "That is how many windows stand in one row of them. There are as many rows."),
        ),
        why="A window holds 3 x 3 x 3 = 27 values, and there are 6 x 6 = 36 windows.",
    ),
    Prediction(
        name="04/centre",
        again=redrawn_layers.copies_of_a_pixel,
        text="What does the pixel at (1, 1) collect from `dcols`? Type one number.",
        answer=lambda: copies((1, 1)).sum(),
        wrong_answers=(
            (
                lambda: copies((1, 1)).mean(),
                "That is the mean of its four copies. Nudge the pixel, and all four move at once.",
            ),
            (
                lambda: copies((1, 1))[-1],
                "That is the copy of the last window alone, as if the others had been overwritten.",
            ),
            (lambda: copies((1, 1))[0], "That is the copy of the first window alone. There are four."),
            (
                lambda: UPSTREAM[:, :2].sum() * KERNEL[1, 1],
                "Each window had the pixel in a different position, with a different weight.",
            ),
        ),
        why="4 from window 0, −3 from window 1, 4 from window 3, 1 from window 4: together 6.",
    ),
    Prediction(
        name="04/fancy",
        again=redrawn_layers.buffered_addition,
        text="Pixel (1, 1) has four copies. What is at (1, 1) after `added[where] += 1`?",
        answer=lambda: ones_assigned()[1, 1],
        wrong_answers=(
            (4, "That is what it should be. But NumPy reads all the old values before it writes the first new one."),
            (0, "Something was added. How often?"),
        ),
        why="All four copies read the old 0, all four write 0 + 1. Three of the four contributions are lost.",
    ),
    Prediction(
        name="04/inverse",
        again=redrawn_layers.fold_of_copies,
        harmless={"pixels = np.eye(16)": "It answers the next question, of another matrix."},
        text="`x` is 4 x 4, full of ones. "
        "You compute `col2im(im2col(x))` with a 2 x 2 kernel, stride 1. "
        "What is in the middle, at (1, 1)?",
        answer=lambda: loops.col2im(loops.im2col(np.ones((1, 1, 4, 4)), (2, 2)), (4, 4), (2, 2))[0, 0, 1, 1],
        wrong_answers=(
            (1, "Then col2im would undo im2col. But how often did im2col copy this pixel, and what does col2im do?"),
            (2, "Two windows along the rows, and two along the columns: each of these goes with each of those."),
        ),
        why="Four windows contain the pixel, four copies come back, "
        "and they add up. col2im is the transpose of im2col, not its inverse.",
    ),
    Prediction(
        name="04/rows_and_columns",
        again=redrawn_layers.ones_of_the_matrix,
        text="Now `A` has 36 rows, one for each entry of the columns, and 16 columns, one for each pixel. "
        "How many ones are in one row, and how many in the column of the pixel (1, 1)? "
        "Type both, the row first.",
        answer=lambda: (im2col_matrix()[0].sum(), im2col_matrix()[:, 1 * 4 + 1].sum()),
        wrong_answers=(
            ([4, 1], "The other way round: a row makes one entry, and a column belongs to one pixel."),
            ([4, 4], "A row makes one entry of the result. How many pixels does it read?"),
            ([1, 2], "That was right for three pixels in a line. How many windows of 2 x 2 contain the pixel (1, 1)?"),
            ([1, 1], "Then no pixel would be copied twice. How many windows contain the pixel (1, 1)?"),
        ),
        why="Every entry is a copy of one pixel: a single 1 in each row. "
        "Four windows contain the pixel (1, 1), "
        "so its column has four ones, and the transpose sums over those four.",
    ),
    Prediction(
        name="04/one_hot",
        again=redrawn_layers.one_hot_2d,
        text="`x` is 3 x 3, `w = [[1, 2], [3, 4]]`, and `dy` is 1 at (0, 0) and 0 elsewhere. "
        "Type the first row of `dx`.",
        answer=lambda: loops.conv2d_single_input_gradient_scatter([[1, 0], [0, 0]], np.ones((3, 3)), KERNEL)[0],
        wrong_answers=(
            ([4, 3, 0], "y[0, 0] = 1 x[0, 0] + 2 x[0, 1] + … How far does it move when x[0, 0] does?"),
            ([1, 2, 3], "The window of y[0, 0] is two pixels wide. The third one did not feed it."),
        ),
        why="Only y[0, 0] counts, and it is 1 x[0, 0] + 2 x[0, 1] + 3 x[1, 0] + 4 x[1, 1]. "
        "So w appears in the corner, as it is.",
    ),
    Prediction(
        name="04/geometry",
        text="The columns were made with stride 2 and padding 1. "
        "You fold them with stride 1 and padding 0. "
        "What happens?",
        answer="c",
        choices={
            "a": (
                "An error: the number of columns does not fit",
                "Count the windows of stride 1 without padding: a kernel of 3 has "
                "three places on five pixels, so there are nine windows as well.",
            ),
            "b": ("No error, but dx has another shape", "The shape is the one you ask for: output_size is 5 x 5."),
            "c": ("No error, the right shape, and wrong numbers", ""),
            "d": ("Nothing: the fold does not depend on them", "It needs to know where each window began."),
        },
        why="Both geometries make 3 x 3 windows. Every column is added in the wrong place, and nothing complains.",
    ),
    Prediction(
        name="04/memory",
        again=redrawn_layers.memory_of_columns,
        text="A kernel of 3 x 3, stride 1, padding 1. "
        "How many times as many numbers as the images do the columns contain?",
        answer=lambda: loops.im2col(np.ones((1, 1, 8, 8)), (3, 3), 1, 1).size / 64,
        wrong_answers=(
            (3, "A kernel has rows and columns."),
            (1, "There are as many columns as pixels. But how long is a column?"),
        ),
        why="With this padding there is one window for each pixel, and each window is written down in full: 9 numbers.",
    ),
)
