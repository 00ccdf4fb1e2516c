"""im2col and col2im: convolution as one matrix product."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons import convolution, lesson_03, recipes

LESSON = "04_im2col_col2im"

CHANNELS = (2, 3, 2, 3, 1, 2, 2, 3)
BATCHES = (3, 1, 2, 2, 2, 2, 1, 2)


def im2col_cases(rng):
    return [
        {"x": rng.standard_normal((N, C, *size)), "kernel_size": kernel, "stride": stride, "padding": padding}
        for (size, kernel, stride, padding), N, C in zip(convolution.GEOMETRIES, BATCHES, CHANNELS, strict=True)
    ]


def col2im_cases(rng):
    return [_folded(case, rng.standard_normal(loops.im2col(**case).shape)) for case in im2col_cases(rng)]


def _folded(case, cols):
    x, kernel, stride, padding = case.values()
    return {
        "cols": cols,
        "output_size": x.shape[2:],
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
    }


# ---------------------------------------------------------------- recipes


def im2col(x, kernel_size, stride=1, padding=0, /, *, order=None, turn=None, **steps):
    count = recipes.out_sizes(x.shape[2:], kernel_size, stride, padding)
    windows = recipes.unfold(x, kernel_size, stride, padding, count, **steps)
    return (order or by_rows)(turn(windows) if turn else windows)


def by_rows(windows):
    """(N, C, kH, kW, H_out, W_out) -> (N, C kH kW, L)."""
    N, C, kH, kW, *count = windows.shape
    return windows.reshape(N, C * kH * kW, -1)


def col2im(cols, output_size, kernel_size, stride=1, padding=0, /, *, order=None, **steps):
    count = recipes.out_sizes(output_size, kernel_size, stride, padding)
    C = cols.shape[1] // np.prod(kernel_size)
    stamps = (order or read)(cols, (len(cols), C, *kernel_size, *count))
    return recipes.fold(stamps, output_size, stride, padding, **steps)


def read(cols, shape):
    return cols.reshape(shape)


def _permuted(*axes):
    """Write windows (N, C, kH, kW, H_out, W_out) down with their axes in another order, as (N, rows, columns)."""

    def order(windows):
        N, C, kH, kW, *_ = windows.shape
        return windows.transpose(axes).reshape(N, C * kH * kW, -1)

    return order


def _misread(*axes):
    """Read columns as if they were written with their axes in another order."""

    def order(cols, shape):
        return cols.reshape([shape[axis] for axis in axes]).transpose(np.argsort(axes))

    return order


def _read_then(change):
    return lambda cols, shape: change(read(cols, shape))


CELLS_FIRST, CELLS_SWAPPED, BACKWARDS = (0, 2, 3, 1, 4, 5), (0, 1, 3, 2, 4, 5), (0, 3, 2, 1, 4, 5)
OTHER_ROWS, BY_COLUMNS = (CELLS_FIRST, CELLS_SWAPPED, BACKWARDS), (0, 1, 2, 3, 5, 4)

ROW_ORDER = (
    "The rows stand in another order than the weights: w.reshape(C_out, -1) goes through channels first, then kernel "
    "rows, then kernel columns. Both must agree, or every weight meets a stranger."
)
COLUMN_ORDER = (
    "The columns stand in another order: windows go row by row, as y does, so that a row of the product can be "
    "reshaped to (H_out, W_out)."
)
LAYOUT = (
    "The values are there, but the matrix has another layout. One matrix for each image, a column for each window: "
    "(N, C * kH * kW, L)."
)


def im2col_mistakes():
    def slip(**steps):
        return Variant(im2col, **steps)

    return (
        Mistake(
            "row order differs from w",
            ROW_ORDER,
            tuple(slip(order=_permuted(*axes)) for axes in OTHER_ROWS),
        ),
        Mistake("windows by columns", COLUMN_ORDER, (slip(order=_permuted(*BY_COLUMNS)),)),
        Mistake(
            "another layout",
            LAYOUT,
            (
                slip(order=lambda windows: by_rows(windows).swapaxes(1, 2)),
                slip(order=lambda windows: np.concatenate(by_rows(windows), axis=1)),
                slip(order=lambda windows: np.concatenate(by_rows(windows), axis=1).T),
                slip(order=lambda windows: np.concatenate(by_rows(windows), axis=0)),
                slip(order=lambda windows: by_rows(windows).transpose(1, 2, 0).reshape(by_rows(windows).shape[1], -1)),
                slip(order=lambda windows: windows),
            ),
        ),
        Mistake(
            "reshape without the transpose",
            "The shape is right, but a reshape alone has mixed windows and rows: reshape keeps values in memory order. "
            "Move the axes to where they belong first.",
            (
                slip(order=lambda windows: windows.transpose(0, 4, 5, 1, 2, 3).reshape(by_rows(windows).shape)),
                slip(order=lambda windows: windows.transpose(4, 5, 0, 1, 2, 3).reshape(by_rows(windows).shape)),
                slip(order=lambda windows: windows.transpose(1, 2, 3, 0, 4, 5).reshape(by_rows(windows).shape)),
                slip(order=lambda windows: windows.transpose(1, 2, 3, 4, 5, 0).reshape(by_rows(windows).shape)),
            ),
        ),
        Mistake(
            "windows turned",
            "Each window is written down turned by 180 degrees, or flipped. No turning is needed here: "
            "the kernel lies on the window as it is.",
            tuple(
                slip(turn=turn)
                for turn in (
                    lambda w: w[:, :, ::-1, ::-1],
                    lambda w: w[:, :, ::-1],
                    lambda w: w[:, :, :, ::-1],
                )
            ),
        ),
        *_stride_and_padding(slip),
        Mistake(
            "only one window kept",
            "Only one column is filled: the matrix seems to be made anew inside the loop, "
            "or `return` stands inside it, or the number of the column does not move.",
            tuple(slip(turn=_only_window(index)) for index in (0, -1)),
        ),
        Mistake(
            "only one image or channel",
            "Only one image, or one channel, is written down. Every window has all channels, and every image its "
            "matrix.",
            tuple(slip(turn=convolution.keep(axis, index)) for axis in (0, 1) for index in (0, -1)),
        ),
    )


def _stride_and_padding(slip):
    return (
        Mistake(
            "stride missing",
            "The stride seems to be missing: window (i, j) starts at (stride * i, stride * j).",
            (slip(steps=convolution.ones),),
        ),
        Mistake(
            "stride on one axis only",
            convolution.ONE_AXIS,
            (slip(steps=convolution.rows_only), slip(steps=convolution.columns_only)),
        ),
        Mistake("x not padded", convolution.NOT_PADDED, tuple(slip(pad=pad) for pad in convolution.WRONG_PADS)),
    )


def _only_window(index):
    def change(windows):
        kept = np.zeros_like(windows)
        kept[..., index, index] = windows[..., index, index]
        return kept

    return change


def col2im_mistakes():
    def slip(**steps):
        return Variant(col2im, **steps)

    shared = (*convolution.scattering(2, slip), *convolution.no_room(slip))
    return (
        Mistake(
            "row order differs from im2col",
            ROW_ORDER,
            tuple(slip(order=_misread(*axes)) for axes in OTHER_ROWS),
        ),
        Mistake("windows by columns", COLUMN_ORDER, (slip(order=_misread(*BY_COLUMNS)),)),
        Mistake(
            "kernel turned",
            "Each window is put back turned by 180 degrees, or flipped. col2im puts values back where im2col took "
            "them: the turn belongs to the gather form, and here it would be one turn too many.",
            tuple(
                slip(order=_read_then(turn))
                for turn in (
                    lambda w: w[:, :, ::-1, ::-1],
                    lambda w: w[:, :, ::-1],
                    lambda w: w[:, :, :, ::-1],
                )
            ),
        ),
        Mistake(
            "reshape without the transpose",
            "The columns are read in the wrong order: reshape keeps values in memory order. What is the layout of "
            "cols?",
            (
                slip(
                    order=lambda cols, shape: cols.reshape(shape[0], *shape[4:], *shape[1:4]).transpose(
                        0, 3, 4, 5, 1, 2
                    )
                ),
                slip(
                    order=lambda cols, shape: cols.reshape(*shape[1:4], shape[0], *shape[4:]).transpose(
                        3, 0, 1, 2, 4, 5
                    )
                ),
            ),
        ),
        *shared,
        Mistake(
            "only one window kept",
            "Only one column is put back: the array seems to be made anew inside the loop, "
            "or `return` stands inside it.",
            tuple(slip(order=_read_then(_only_window(index))) for index in (0, -1)),
        ),
        Mistake(
            "only one image or channel",
            "Only one image, or one channel, is filled. Every column holds all channels, and every image has its "
            "matrix.",
            tuple(slip(order=_read_then(convolution.keep(axis, index))) for axis in (0, 1) for index in (0, -1)),
        ),
    )


# ---------------------------------------------------------------- the three gradients as products

UNSORTED = (
    "It is right for one image only: dy is (N, C_out, H_out, W_out), and a reshape to (C_out, -1) mixes images and "
    "filters, because reshape keeps values in memory order. The filters' axis must come first *before* the reshape."
)


def unsorted(dy):
    """dy.reshape(C_out, -1) taken for (C_out, N, H_out, W_out)."""
    N, C_out, *size = dy.shape
    return dy.reshape(C_out, N, *size).swapaxes(0, 1)


def unsorted_columns(dy, w):
    """The columns (C k k, N L) reshaped to (N, C k k, L) without moving the images to the front."""
    stamps = recipes.product(dy, w)
    return stamps.transpose(1, 2, 3, 0, 4, 5).reshape(stamps.shape)


def unsorted_both(dy, w):
    return unsorted_columns(unsorted(dy), w)


def positions_first(dy):
    """dy with its images innermost, against columns with their positions innermost."""
    N, C_out, *size = dy.shape
    return dy.transpose(1, 2, 3, 0).reshape(C_out, N, *size).swapaxes(0, 1)


def cells_first(w):
    """Rows written as (kH, kW, C), read as (C, kH, kW)."""
    return w.transpose(0, 2, 3, 1).reshape(w.shape)


def channels_first(w):
    """Rows written as (C, kH, kW), read as (kH, kW, C)."""
    C_out, C, kH, kW = w.shape
    return w.reshape(C_out, kH, kW, C).transpose(0, 3, 1, 2)


def reread(w):
    """w.reshape(-1, C_out) where the transpose of w.reshape(C_out, -1) belongs."""
    return w.reshape(-1, len(w)).T.reshape(w.shape)


def gemm_mistakes():
    def dx(**steps):
        return Variant(recipes.input_gradient, **steps)

    def dw(**steps):
        return Variant(recipes.weight_gradient, **steps)

    transposed = (
        "A reshape stands where a transpose belongs: reshape keeps values in memory order, a transpose moves them. "
        "The product needs the transpose of the row matrix."
    )
    return {
        "dx": (
            Mistake(
                "dy reshaped without the transpose",
                UNSORTED,
                (dx(dy=unsorted), dx(stamps=unsorted_columns), dx(stamps=unsorted_both), dx(dy=positions_first)),
            ),
            Mistake("column order differs from w", ROW_ORDER, (dx(w=cells_first), dx(w=channels_first))),
            Mistake("w reshaped instead of transposed", transposed, (dx(w=reread),)),
            *convolution.gradient_of_input(4),
            convolution.moved_weights(loops.conv2d_backward),
        ),
        "dw": (
            Mistake("dy reshaped without the transpose", UNSORTED, (dw(dy=unsorted), dw(dy=positions_first))),
            Mistake("column order differs from w", ROW_ORDER, (dw(turn=cells_first), dw(turn=channels_first))),
            Mistake("dw reshaped instead of transposed", transposed, (dw(turn=rewritten),)),
            *convolution.gradient_of_weight(4),
        ),
        "db": (
            Mistake(
                "dy reshaped without the transpose",
                UNSORTED,
                (lambda dy, *rest: dy.reshape(dy.shape[1], -1).sum(axis=1),),
            ),
            *lesson_03.bias_mistakes(),
        ),
    }


def rewritten(dw):
    """dw as (C k k, C_out), reshaped to w's shape without the transpose."""
    return dw.reshape(len(dw), -1).T.reshape(dw.shape)


# ---------------------------------------------------------------- exercises

SMALL = np.array([[[[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]]])
TWO_CHANNELS = np.arange(1.0, 19).reshape(1, 2, 3, 3)
COLUMNS = np.zeros((1, 4, 6))
COLUMNS[0, :, 1] = 1, 2, 3, 4
COLUMNS[0, :, 2] = 10, 20, 30, 40

IM2COL = Exercise(
    answer=loops.im2col,
    difficulty="medium",
    minutes=15,
    task=(
        "Write `im2col(x, kernel_size, stride=1, padding=0)`, with `kernel_size` a pair `(kH, kW)`: for each image a "
        "matrix with one column for every window, of shape (N, C * kH * kW, L) with L = H_out * W_out. Down a column: "
        "channels, in each the kernel's rows, in each its columns."
    ),
    hints=(
        "One window of one image has C x kH x kW values. In which order does `.reshape(-1)` write them down?",
        "In just the order asked for. The windows go row by row: output (i, j) is column `i * W_out + j`.",
        "Pad the images. For every (i, j) slice the window of *all* images and channels at once, reshape it to "
        "(N, -1), and put it in its column.",
    ),
    cases=im2col_cases,
    probe={"x": TWO_CHANNELS, "kernel_size": (2, 2), "stride": 1, "padding": 0},
    tensors=("cols",),
    axes={"cols": ("image", "row", "column")},
    mistakes={"cols": im2col_mistakes()},
    patterns=convolution.geometry_patterns(lambda x, kernel_size, **_: (x.shape[2:], kernel_size)),
    extras={
        "With kernel_size=3 in place of (3, 3) it fails. That is fine here, but PyTorch's unfold knows both.": (
            lambda f: np.allclose(f(SMALL, 3, 1, 0), loops.im2col(SMALL, 3))
        )
    },
)

COL2IM = Exercise(
    answer=loops.col2im,
    difficulty="medium",
    minutes=15,
    task=(
        "Write `col2im(cols, output_size, kernel_size, stride=1, padding=0)`. From `cols`, laid out as `im2col` does, "
        "make an array (N, C, H, W) with (H, W) = `output_size`: put every column back where its window was. "
        "`output_size` and `kernel_size` are pairs. What happens to a pixel that several windows hold?"
    ),
    hints=(
        "im2col copied a pixel into every window that holds it. If one number is copied to three places, what is its "
        "gradient?",
        "The sum of all three. So every column, reshaped to (N, C, kH, kW), is added to its window in an array of "
        "zeros.",
        "How many channels? `cols.shape[1] // (kH * kW)`. Walk through (i, j), reshape column `i * W_out + j`, add it "
        "to its window in the padded array, and take the padding off at the end.",
    ),
    cases=col2im_cases,
    probe={"cols": COLUMNS, "output_size": (3, 4), "kernel_size": (2, 2), "stride": 1, "padding": 0},
    tensors=("x",),
    axes={"x": ("image", "channel", "row", "column")},
    windows={
        "x": lambda cols, size, kernel, stride, padding: recipes.coverage(
            size, kernel, recipes.out_sizes(size, kernel, stride, padding), stride, padding
        )
    },
    mistakes={"x": col2im_mistakes()},
    patterns=convolution.geometry_patterns(lambda output_size, kernel_size, **_: (output_size, kernel_size)),
)

CONV2D_BACKWARD_GEMM = Exercise(
    answer=loops.conv2d_backward_gemm,
    difficulty="hard",
    minutes=20,
    task=(
        "Write `conv2d_backward_gemm(dy, x, w, stride=1, padding=0)`: `dx`, `dw` and `db` with matrix products and no "
        "loop of your own. You have `im2col` and `col2im`; the forward pass was w_row @ cols."
    ),
    hints=(
        "Y = W @ X for matrices. Given dY, what are dW and dX? Their shapes leave little choice.",
        "dW = dY @ X.T and dX = W.T @ dY, where X is `im2col(x)` and W is `w.reshape(C_out, -1)`. "
        "dX is a matrix of columns still: what makes images of it?",
        "`dy.reshape(N, C_out, -1)` keeps one matrix for each image, and `@` multiplies image by image. Sum dW over "
        "the images and reshape it like w; `col2im` turns the columns of dX into dx; `db` sums dy.",
    ),
    tensors=("dx", "dw", "db"),
    windows={"dx": convolution.coverage},
    mistakes=gemm_mistakes(),
    **lesson_03.BACKWARD,
)

EXERCISES = (IM2COL, COL2IM, CONV2D_BACKWARD_GEMM)

# the arrays of the lesson
X34 = np.array([[1.0, 2, 0, 3], [3, 1, 4, 0], [0, 2, 1, 2]]).reshape(1, 1, 3, 4)
KERNEL = np.array([[1.0, 2], [3, 4]])
UPSTREAM = np.array([[1.0, -1, 2], [2, 1, -1]])


def copies(pixel):
    """The entries of dcols, in the order of the windows, that are copies of one pixel of the lesson's image."""
    dcols = KERNEL.reshape(4, 1) @ UPSTREAM.reshape(1, 6)
    marked = np.zeros((1, 1, 3, 4))
    marked[0, 0][pixel] = 1
    return dcols.T[loops.im2col(marked, (2, 2))[0].T == 1]


def im2col_matrix():
    """im2col of the lesson's image as a matrix (24, 12), acting on its pixels."""
    pixels = np.eye(12).reshape(12, 1, 1, 3, 4)
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
        text="Move the window one place to the right. Type the four numbers of column 1, from top to bottom.",
        answer=lambda: loops.im2col(X34, (2, 2))[0, :, 1],
        wrong_answers=(
            (
                [2, 1, 0, 4],
                "The window is right. But it is written down row by row: first its upper row, then its lower one.",
            ),
            ([3, 1, 0, 2], "That is the window below the first. Windows go row by row, as the outputs do."),
            ([0, 3, 4, 0], "That window stands two places to the right. The stride is 1."),
        ),
        why="The window holds 2, 0 above 1, 4. Two of these numbers, 2 and 1, stand in column 0 as well.",
    ),
    Prediction(
        name="04/columns",
        text="One image with 3 channels of 8 x 8, a kernel of 3 x 3, stride 1, no padding. "
        "What is the shape of its im2col matrix? Type `[rows, columns]`.",
        answer=lambda: loops.im2col(np.ones((1, 3, 8, 8)), (3, 3)).shape[1:],
        wrong_answers=(
            ([9, 36], "A window reaches through all 3 channels."),
            ([36, 27], "Rows and columns are exchanged: each window becomes a *column*."),
            ([27, 64], "How many places has a kernel of 3 on 8 pixels?"),
        ),
        why="A window holds 3 x 3 x 3 = 27 values, and there are 6 x 6 = 36 windows.",
    ),
    Prediction(
        name="04/centre",
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
                "Each window held the pixel at another place of its own, with another weight.",
            ),
        ),
        why="4 from window 0, −3 from window 1, 4 from window 3, 1 from window 4: together 6.",
    ),
    Prediction(
        name="04/fancy",
        text="Pixel (1, 1) has four copies. What stands at (1, 1) after `added[where] += 1`?",
        answer=lambda: ones_assigned()[1, 1],
        wrong_answers=(
            (4, "So it should be. But NumPy reads all the old values before it writes the first new one."),
            (0, "Something was added. How often?"),
        ),
        why="All four copies read the old 0, all four write 0 + 1. Three of the four contributions are lost.",
    ),
    Prediction(
        name="04/inverse",
        text="`x` is 4 x 4, full of ones. You compute `col2im(im2col(x))` with a 2 x 2 kernel, stride 1. "
        "What stands in the middle, at (1, 1)?",
        answer=lambda: loops.col2im(loops.im2col(np.ones((1, 1, 4, 4)), (2, 2)), (4, 4), (2, 2))[0, 0, 1, 1],
        wrong_answers=(
            (1, "Then col2im would undo im2col. But how often did im2col copy this pixel, and what does col2im do?"),
        ),
        why="Four windows hold the pixel, four copies come back, and they add up. col2im is the transpose of im2col, "
        "not its inverse.",
    ),
    Prediction(
        name="04/rows_and_columns",
        text="Now `A` has 24 rows, one for each entry of the columns, and 12 columns, one for each pixel. How many "
        "ones stand in one row, and how many in the column of the pixel (1, 1)? Type both, as `[row, column]`.",
        answer=lambda: (im2col_matrix()[0].sum(), im2col_matrix()[:, 1 * 4 + 1].sum()),
        wrong_answers=(
            ([4, 1], "The other way round: a row makes one entry, and a column belongs to one pixel."),
            ([4, 4], "A row makes one entry of the result. How many pixels does it read?"),
            ([1, 2], "So it was with three pixels in a line. How many windows of 2 x 2 hold the pixel (1, 1)?"),
            ([1, 1], "Then no pixel would be copied twice. How many windows hold the pixel (1, 1)?"),
        ),
        why="Every entry is one pixel, copied: a single 1 in each row. Four windows hold the pixel (1, 1), so its "
        "column has four, and that sum of four is what the transpose computes.",
    ),
    Prediction(
        name="04/one_hot",
        text="`x` is 3 x 3, `w = [[1, 2], [3, 4]]`, and `dy` is 1 at (0, 0) and 0 elsewhere. "
        "Type the first row of `dx`.",
        answer=lambda: loops.conv2d_single_input_gradient_scatter([[1, 0], [0, 0]], np.ones((3, 3)), KERNEL)[0],
        wrong_answers=(
            ([4, 3, 0], "y[0, 0] = 1 x[0, 0] + 2 x[0, 1] + … How far does it move when x[0, 0] does?"),
            ([1, 2, 3], "The window of y[0, 0] is two pixels wide. The third one did not feed it."),
        ),
        why="Only y[0, 0] counts, and it is 1 x[0, 0] + 2 x[0, 1] + 3 x[1, 0] + 4 x[1, 1]. "
        "So w stands in the corner, as it is.",
    ),
    Prediction(
        name="04/geometry",
        text="The columns were made with stride 2 and padding 1. You fold them with stride 1 and padding 0. "
        "What happens?",
        answer="c",
        choices={
            "a": (
                "An error: the number of columns does not fit",
                "Count the windows of stride 1 without padding: "
                "a kernel of 3 has three places on five pixels, so there are nine windows as well.",
            ),
            "b": ("No error, but dx has another shape", "The shape is the one you ask for: output_size is 5 x 5."),
            "c": ("No error, the right shape, and wrong numbers", ""),
            "d": ("Nothing: the fold does not depend on them", "It needs to know where each window began."),
        },
        why="Both make 3 x 3 windows. Every column is added in the wrong place, and nothing complains.",
    ),
    Prediction(
        name="04/memory",
        text="A kernel of 3 x 3, stride 1, padding 1. How many times as many numbers as the images do the columns "
        "hold?",
        answer=lambda: loops.im2col(np.ones((1, 1, 8, 8)), (3, 3), 1, 1).size / 64,
        wrong_answers=(
            (3, "A kernel has rows and columns."),
            (1, "There are as many columns as pixels. But how long is a column?"),
        ),
        why="With this padding there is one window for each pixel, and each window is written down in full: 9 numbers.",
    ),
)
