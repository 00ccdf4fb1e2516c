"""The three gradients of a convolution as matrix products: known mistakes."""

from functools import partial

from course_lib import loops
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import bias, convolution, recipes
from course_lib.exercises.lessons.shared.columns import ROW_ORDER

UNSORTED = (
    "Images and filters are mixed as soon as there are two images. "
    "dy is (N, C_out, H_out, W_out), and a reshape to (C_out, -1) keeps values in memory order. "
    "The filters' axis must come first *before* the reshape."
)


FILTERS_LAST = (
    "dy is read as if its filters were the last axis. They are the second one: "
    "a reshape to (N, -1, C_out) does not move them, because it keeps values in memory order."
)

MIXED_COLUMNS = (
    "Images and rows of the columns are mixed as soon as there are two images. "
    "cols is (N, C * kH * kW, L), and a reshape to (C * kH * kW, -1) keeps values in memory order. "
    "The axis of the rows must come first *before* the reshape."
)


def unsorted(dy):
    """dy.reshape(C_out, -1), used as if it were (C_out, N, H_out, W_out)."""
    N, C_out, *size = dy.shape
    return dy.reshape(C_out, N, *size).swapaxes(0, 1)


def unsorted_columns(dy, w):
    """The columns (C k k, N L) reshaped to (N, C k k, L) without moving the images to the front."""
    stamps = recipes.product(dy, w)
    return stamps.transpose(1, 2, 3, 0, 4, 5).reshape(stamps.shape)


def unsorted_both(dy, w):
    return unsorted_columns(unsorted(dy), w)


def positions_first(dy):
    """dy with its images innermost, multiplied by columns with their positions innermost."""
    N, C_out, *size = dy.shape
    return dy.transpose(1, 2, 3, 0).reshape(C_out, N, *size).swapaxes(0, 1)


def filters_last(dy):
    """dy.reshape(N, -1, C_out), used as if it were (N, H_out, W_out, C_out)."""
    N, C_out, *size = dy.shape
    return dy.reshape(N, *size, C_out).transpose(0, 3, 1, 2)


def from_mixed_columns(dy, x, w, stride, padding, dy_too=False):
    """dw from cols.reshape(C k k, -1), used as if it were (C k k, N L). dy_too: and from dy.reshape(C_out, -1)."""
    cols = loops.im2col(x, w.shape[2:], stride, padding)
    rows = (dy if dy_too else dy.swapaxes(0, 1)).reshape(len(w), -1)
    return (rows @ cols.reshape(cols.shape[1], -1).T).reshape(w.shape)


def cells_first(w):
    """Rows written as (kH, kW, C), read as (C, kH, kW)."""
    return w.transpose(0, 2, 3, 1).reshape(w.shape)


def rows_and_columns_exchanged(w):
    """Rows written as (C, kW, kH), read as (C, kH, kW)."""
    return w.swapaxes(2, 3).reshape(w.shape)


def channels_first(w):
    """Rows written as (C, kH, kW), read as (kH, kW, C)."""
    C_out, C, kH, kW = w.shape
    return w.reshape(C_out, kH, kW, C).transpose(0, 3, 1, 2)


OTHER_ORDERS = (cells_first, channels_first, rows_and_columns_exchanged)


def reread(w):
    """w.reshape(-1, C_out) in place of the transpose of w.reshape(C_out, -1)."""
    return w.reshape(-1, len(w)).T.reshape(w.shape)


def rewritten(dw):
    """dw as (C k k, C_out), reshaped to w's shape without the transpose."""
    return dw.reshape(len(dw), -1).T.reshape(dw.shape)


def gemm_mistakes():
    def dx(**steps):
        return Variant(recipes.input_gradient, **steps)

    def dw(**steps):
        return Variant(recipes.weight_gradient, **steps)

    transposed = (
        "You reshape where you need to transpose. reshape keeps values in memory order, a transpose moves them. "
        "The product needs the transpose of the row matrix."
    )
    return {
        "dx": (
            Mistake(
                "dy reshaped without the transpose",
                UNSORTED,
                (dx(dy=unsorted), dx(stamps=unsorted_columns), dx(stamps=unsorted_both), dx(dy=positions_first)),
            ),
            Mistake("dy read with its filters last", FILTERS_LAST, (dx(dy=filters_last),)),
            Mistake("column order differs from w", ROW_ORDER, tuple(dx(w=order) for order in OTHER_ORDERS)),
            Mistake("w reshaped instead of transposed", transposed, (dx(w=reread),)),
            *convolution.gradient_of_input(4),
            convolution.moved_weights(loops.conv2d_backward),
        ),
        "dw": (
            Mistake("dy reshaped without the transpose", UNSORTED, (dw(dy=unsorted), dw(dy=positions_first))),
            Mistake("dy read with its filters last", FILTERS_LAST, (dw(dy=filters_last),)),
            Mistake(
                "cols reshaped without the transpose",
                MIXED_COLUMNS,
                (from_mixed_columns, partial(from_mixed_columns, dy_too=True)),
            ),
            Mistake("column order differs from w", ROW_ORDER, tuple(dw(turn=order) for order in OTHER_ORDERS)),
            Mistake("dw reshaped instead of transposed", transposed, (dw(turn=rewritten),)),
            *convolution.gradient_of_weight(4),
        ),
        "db": (
            Mistake(
                "dy reshaped without the transpose",
                UNSORTED,
                (lambda dy, *rest: dy.reshape(dy.shape[1], -1).sum(axis=1),),
            ),
            Mistake(
                "dy read with its filters last",
                FILTERS_LAST,
                (lambda dy, *rest: filters_last(dy).sum(axis=(0, 2, 3)),),
            ),
            *bias.mistakes(),
        ),
    }
