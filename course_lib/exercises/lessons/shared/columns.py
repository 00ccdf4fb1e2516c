"""im2col and col2im: cases, recipes and known mistakes."""

from itertools import product

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import (
    convolution,
    drawn,
    geometries,
    recipes,
    sentences,
    small,
    wrong_steps,
)

CHANNELS = (2, 3, 2, 3, 1, 2, 2, 3, 2, 2)

BATCHES = (3, 1, 2, 2, 2, 2, 1, 2, 1, 1)


def im2col_cases(rng):
    return [
        {"x": rng.standard_normal((N, C, *size)), "kernel_size": kernel, "stride": stride, "padding": padding}
        for (size, kernel, stride, padding), N, C in zip(geometries.GEOMETRIES, BATCHES, CHANNELS, strict=True)
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


COLUMNS = np.zeros((1, 4, 6))
COLUMNS[0, :, 1] = 1, 2, 3, 4
COLUMNS[0, :, 2] = 10, 20, 30, 40

IM2COL = {  # what labs of im2col share
    "cases": im2col_cases,
    "further": drawn.unfolded,
    "probe": {"x": np.arange(1.0, 19).reshape(1, 2, 3, 3), "kernel_size": (2, 2), "stride": 1, "padding": 0},
    "tensors": ("cols",),
    "axes": {"cols": ("image", "row", "column")},
    "patterns": geometries.geometry_patterns(lambda x, kernel_size, **_: (x.shape[2:], kernel_size)),
}

COL2IM = {  # what the labs about col2im share
    "cases": col2im_cases,
    "further": drawn.folded,
    "small": small.COLUMNS,
    "probe": {"cols": COLUMNS, "output_size": (3, 4), "kernel_size": (2, 2), "stride": 1, "padding": 0},
    "tensors": ("x",),
    "axes": {"x": ("image", "channel", "row", "column")},
    "windows": {
        "x": lambda cols, size, kernel, stride, padding: recipes.coverage(
            size, kernel, recipes.out_sizes(size, kernel, stride, padding), stride, padding
        )
    },
    "patterns": geometries.geometry_patterns(lambda output_size, kernel_size, **_: (output_size, kernel_size)),
}

# ---------------------------------------------------------------- recipes


def im2col(x, kernel_size, stride=1, padding=0, /, *, order=None, turn=None, count=None, **steps):
    count = (count or recipes.out_sizes)(x.shape[2:], kernel_size, stride, padding)
    windows = recipes.unfold(x, kernel_size, stride, padding, count, **steps)
    return (order or by_rows)(turn(windows) if turn else windows)


def by_rows(windows):
    """(N, C, kH, kW, H_out, W_out) -> (N, C kH kW, L)."""
    N, C, kH, kW, *count = windows.shape
    return windows.reshape(N, C * kH * kW, -1)


def col2im(cols, output_size, kernel_size, stride=1, padding=0, /, *, order=None, count=None, **steps):
    count = (count or recipes.out_sizes)(output_size, kernel_size, stride, padding)
    if np.prod(count) > cols.shape[2]:
        raise IndexError("there are not so many columns")
    C = cols.shape[1] // np.prod(kernel_size)
    stamps = (order or read)(cols[:, :, : np.prod(count)], (len(cols), C, *kernel_size, *count))
    return recipes.fold(stamps, output_size, stride, padding, **steps)


def read(cols, shape):
    return cols.reshape(shape)


def _permuted(*axes):
    """Flatten windows (N, C, kH, kW, H_out, W_out) with their axes in another order, to (N, rows, columns)."""

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


def _numbered(number):
    """number(i, j, H_out, W_out): the column of window (i, j). Returns orders, one of writing and one of reading."""

    def write(windows):
        rows = by_rows(windows)
        cols = np.zeros_like(rows)
        for n, place in enumerate(np.ndindex(windows.shape[4:])):
            cols[:, :, number(*place, *windows.shape[4:])] = rows[:, :, n]
        return cols

    def read_back(cols, shape):
        return read(cols[:, :, [number(*place, *shape[4:]) for place in np.ndindex(*shape[4:])]], shape)

    return write, read_back


WRITTEN, READ = zip(  # i + j W_out; i H_out + j; and numbers that several windows share
    *(
        _numbered(number)
        for number in (
            lambda i, j, H, W: i + j * W,
            lambda i, j, H, W: i * H + j,
            lambda i, j, H, W: i + j,
            lambda i, j, H, W: i * j,
            lambda i, j, H, W: i,
            lambda i, j, H, W: j,
        )
    ),
    strict=True,
)


# ---------------------------------------------------------------- the columns

CELLS_FIRST, CELLS_SWAPPED, BACKWARDS = (0, 2, 3, 1, 4, 5), (0, 1, 3, 2, 4, 5), (0, 3, 2, 1, 4, 5)

OTHER_ROWS, BY_COLUMNS = (CELLS_FIRST, CELLS_SWAPPED, BACKWARDS), (0, 1, 2, 3, 5, 4)

ROW_ORDER = (
    "The rows are in a different order from the weights: w.reshape(C_out, "
    "-1) goes through channels first, then kernel rows, then kernel columns. "
    "The two orders must agree, or every weight is multiplied by the wrong pixel."
)

COLUMN_ORDER = (
    "The columns are in the wrong order. "
    "Windows go row by row, as y does, so that a row of the product can be reshaped to (H_out, W_out)."
)

SHARED_COLUMN = (
    "Several windows have the same column, and others have none. "
    "Windows are counted row by row: how many stand in the rows above, and how many before it in its own?"
)

OTHER_CHANNELS = (
    "A row does not hold the channel that belongs there. "
    "All cells of channel 0 come first, then all of channel 1: the channel stays while the cells change. "
    "(np.repeat writes each entry several times, np.tile the whole list.)"
)

BETWEEN_CELLS = (
    "The stride spreads the cells of one window. "
    "It is the distance between *windows*: within one, neighbouring cells lie on neighbouring pixels."
)

CELLS_SKIPPED = "The last (or first) row or column of the kernel's cells is left out. Does your loop reach all of them?"

LAYOUT = (
    "The values are right, but the matrix has the wrong layout. "
    "It should hold one matrix for each image, with one column for each window: (N, C * kH * kW, L)."
)


def im2col_mistakes():
    def variant(**steps):
        return Variant(im2col, **steps)

    return (
        Mistake(
            "row order differs from w",
            ROW_ORDER,
            tuple(variant(order=_permuted(*axes)) for axes in OTHER_ROWS),
        ),
        Mistake("windows by columns", COLUMN_ORDER, (variant(order=_permuted(*BY_COLUMNS)), variant(order=WRITTEN[0]))),
        Mistake(
            "H and W mixed up",
            sentences.MIXED_UP,
            (variant(order=WRITTEN[1]), variant(count=_sizes_swapped)),
        ),
        Mistake("column of several windows", SHARED_COLUMN, tuple(variant(order=order) for order in WRITTEN[2:])),
        Mistake("channels tiled", OTHER_CHANNELS, (variant(turn=_channels_tiled),)),
        Mistake(
            "stride between the cells",
            f"{BETWEEN_CELLS} Or are brackets missing where windows are counted? (`out_size` counts them.)",
            (_dilated, _dilated_slices, variant(count=wrong_steps.kernel_divided)),
        ),
        Mistake(
            "another layout",
            LAYOUT,
            (
                variant(order=lambda windows: by_rows(windows).swapaxes(1, 2)),
                variant(order=lambda windows: np.concatenate(by_rows(windows), axis=1)),
                variant(order=lambda windows: np.concatenate(by_rows(windows), axis=1).T),
                variant(order=lambda windows: np.concatenate(by_rows(windows), axis=0)),
                variant(
                    order=lambda windows: by_rows(windows).transpose(1, 2, 0).reshape(by_rows(windows).shape[1], -1)
                ),
                variant(order=lambda windows: windows),
                variant(order=lambda windows: windows.transpose(0, 1, 4, 5, 2, 3)),
            ),
        ),
        Mistake(
            "reshape without the transpose",
            "The shape is right, but the reshape has mixed up windows and rows, "
            "because reshape keeps values in memory order. "
            "Move the axes into place first.",
            (
                variant(order=lambda windows: windows.transpose(0, 4, 5, 1, 2, 3).reshape(by_rows(windows).shape)),
                variant(order=lambda windows: windows.transpose(4, 5, 0, 1, 2, 3).reshape(by_rows(windows).shape)),
                variant(order=lambda windows: windows.transpose(1, 2, 3, 0, 4, 5).reshape(by_rows(windows).shape)),
                variant(order=lambda windows: windows.transpose(1, 2, 3, 4, 5, 0).reshape(by_rows(windows).shape)),
                variant(order=lambda windows: windows.transpose(0, 1, 4, 5, 2, 3).reshape(by_rows(windows).shape)),
                variant(order=lambda windows: windows.transpose(2, 3, 0, 1, 4, 5).reshape(by_rows(windows).shape)),
            ),
        ),
        Mistake(
            "windows turned",
            "Each window is flattened after being turned by 180 degrees, or flipped. "
            "No turn is needed here: the kernel is laid on the window as it is.",
            tuple(
                variant(turn=turn)
                for turn in (
                    lambda w: w[:, :, ::-1, ::-1],
                    lambda w: w[:, :, ::-1],
                    lambda w: w[:, :, :, ::-1],
                )
            ),
        ),
        *_stride_and_padding(variant),
        Mistake(
            "wrong number of windows",
            sentences.NUMBER_OF_WINDOWS,
            tuple(variant(count=c) for c in wrong_steps.WRONG_COUNTS if c is not wrong_steps.kernel_divided),
        ),
        Mistake(
            "a line copied",
            sentences.LINE_COPIED,
            (variant(steps=wrong_steps.both_by_row), variant(steps=wrong_steps.both_by_column)),
        ),
        Mistake(
            "only one window kept",
            "Only one column is filled. "
            "Is the matrix created anew inside the loop, "
            "is `return` inside the loop, or does the column's index never change?",
            tuple(variant(turn=_only_window(index)) for index in (0, -1)),
        ),
        Mistake(
            "only one image or channel",
            "Only one image, or one channel, is filled in. "
            "Every window contains all channels, and every image has a matrix of its own.",
            tuple(variant(turn=wrong_steps.keep(axis, index)) for axis in (0, 1) for index in (0, -1)),
        ),
    )


def _stride_and_padding(variant):
    return (
        Mistake(
            "stride missing",
            "The stride seems to be missing. Window (i, j) starts at (stride * i, stride * j).",
            (variant(steps=wrong_steps.ones),),
        ),
        Mistake(
            "stride on one axis only",
            sentences.ONE_AXIS,
            (variant(steps=wrong_steps.rows_only), variant(steps=wrong_steps.columns_only)),
        ),
        Mistake("x not padded", sentences.NOT_PADDED, tuple(variant(pad=pad) for pad in wrong_steps.WRONG_PADS)),
        convolution.odd_padding(4, variant),
        Mistake("only one row kept", sentences.ONE_ROW, tuple(variant(turn=row) for row in wrong_steps.ROWS)),
    )


def _sizes_swapped(size, kernel, stride, padding):
    return recipes.out_sizes(size, kernel, stride, padding)[::-1]


def _channels_tiled(windows):
    """Rows r of channel r % C, in place of r // (kH kW)."""
    N, C, kH, kW, *count = windows.shape
    rows = np.arange(C * kH * kW)
    cells = windows.reshape(N, C, kH * kW, *count)
    return cells[:, rows % C, rows % (kH * kW)].reshape(windows.shape)


def _dilated(x, kernel_size, stride, padding):
    """Cell (a, b) of a window lies stride * a, stride * b from where it begins. Raises where that does not fit."""
    xp = recipes.zeros_around(x, padding)
    cells, starts = [], []
    for axis, m in zip((2, 3), recipes.out_sizes(x.shape[2:], kernel_size, stride, padding), strict=True):
        cells.append(stride * np.arange(kernel_size[axis - 2]))
        starts.append(stride * np.arange(m))
        if cells[-1][-1] + starts[-1][-1] >= xp.shape[axis]:
            raise ValueError("the last windows are too short")
    rows = cells[0][:, None, None, None] + starts[0][:, None]
    return by_rows(xp[:, :, rows, cells[1][:, None, None] + starts[1]])


def _dilated_slices(x, kernel_size, stride, padding):
    """The same by slices: one that is a single row or column long is copied into all places."""
    xp = recipes.zeros_around(x, padding)
    H_out, W_out = recipes.out_sizes(x.shape[2:], kernel_size, stride, padding)
    windows = np.zeros((*x.shape[:2], *kernel_size, H_out, W_out))
    for a, b in np.ndindex(*kernel_size):
        top, left = a * stride, b * stride
        windows[:, :, a, b] = xp[:, :, top : top + stride * H_out : stride, left : left + stride * W_out : stride]
    return by_rows(windows)


def _only_window(index):
    def change(windows):
        kept = np.zeros_like(windows)
        kept[..., index, index] = windows[..., index, index]
        return kept

    return change


def col2im_mistakes():
    def variant(**steps):
        return Variant(col2im, **steps)

    def turned(change):
        return variant(order=_read_then(change))

    shared = (*convolution.scattering(2, variant), *convolution.no_room(variant))
    return (
        Mistake(
            "row order differs from im2col",
            ROW_ORDER,
            tuple(variant(order=_misread(*axes)) for axes in OTHER_ROWS),
        ),
        Mistake("windows by columns", COLUMN_ORDER, (variant(order=_misread(*BY_COLUMNS)), variant(order=READ[0]))),
        Mistake(
            "H and W mixed up",
            sentences.MIXED_UP,
            (
                variant(order=READ[1]),
                variant(count=_sizes_swapped),
                variant(room=_room_swapped),
                variant(crop=_crop_swapped),
            ),
        ),
        Mistake("column of several windows", SHARED_COLUMN, tuple(variant(order=order) for order in READ[2:])),
        Mistake("channels tiled", OTHER_CHANNELS, (turned(_channels_put_back_tiled),)),
        Mistake("cells skipped", CELLS_SKIPPED, tuple(turned(_of_cells(drop)) for drop in wrong_steps.ENDS[2])),
        Mistake(
            "windows skipped",
            "The last (or first) row or column of windows is not put back. Does your loop reach every window?",
            tuple(turned(drop) for drop in wrong_steps.ENDS[2]),
        ),
        Mistake(
            "wrong number of windows",
            sentences.NUMBER_OF_WINDOWS,
            tuple(variant(count=c) for c in (wrong_steps.one_less, wrong_steps.no_padding, wrong_steps.end_missed)),
        ),
        Mistake(
            "room on one side",
            "The array to which windows are added is too small: padding lies on both sides of the image.",
            (variant(room=_room_on_one_side),),
        ),
        Mistake("only one row kept", sentences.ONE_ROW, tuple(turned(row) for row in wrong_steps.ROWS)),
        Mistake("stride between the cells", BETWEEN_CELLS, (_folded_dilated,)),
        Mistake(
            "kernel turned",
            "Each window is put back turned by 180 degrees, "
            "or flipped. col2im puts values back where im2col took them. "
            "The turn belongs to the gather form; here it is one turn too many.",
            tuple(
                variant(order=_read_then(turn))
                for turn in (
                    lambda w: w[:, :, ::-1, ::-1],
                    lambda w: w[:, :, ::-1],
                    lambda w: w[:, :, :, ::-1],
                )
            ),
        ),
        Mistake(
            "reshape without the transpose",
            "The columns are read in the wrong order, because reshape keeps values in memory order. "
            "What is the layout of cols?",
            (
                variant(
                    order=lambda cols, shape: cols.reshape(shape[0], *shape[4:], *shape[1:4]).transpose(
                        0, 3, 4, 5, 1, 2
                    )
                ),
                variant(
                    order=lambda cols, shape: cols.reshape(*shape[1:4], shape[0], *shape[4:]).transpose(
                        3, 0, 1, 2, 4, 5
                    )
                ),
                variant(
                    order=lambda cols, shape: cols.reshape(*shape[:2], *shape[4:], *shape[2:4]).transpose(
                        0, 1, 4, 5, 2, 3
                    )
                ),
                variant(
                    order=lambda cols, shape: cols.reshape(*shape[1:], shape[0]).transpose(5, 0, 1, 2, 3, 4),
                ),
            ),
        ),
        *shared,
        Mistake(
            "only one window kept",
            "Only one column is put back. Is the array created anew inside the loop, or is `return` inside the loop?",
            tuple(variant(order=_read_then(_only_window(index))) for index in (0, -1)),
        ),
        Mistake(
            "only one image or channel",
            "Only one image, or one channel, is filled in. "
            "Every column contains all channels, and every image has a matrix of its own.",
            tuple(variant(order=_read_then(wrong_steps.keep(axis, index))) for axis in (0, 1) for index in (0, -1)),
        ),
    )


def _channels_put_back_tiled(stamps):
    N, C, kH, kW, *count = stamps.shape
    rows = np.arange(C * kH * kW)
    cells = np.zeros((N, C, kH * kW, *count))
    np.add.at(cells, (slice(None), rows % C, rows % (kH * kW)), stamps.reshape(N, C * kH * kW, *count))
    return cells.reshape(stamps.shape)


def _of_cells(change):
    """What changes the last two axes, for the kernel's axes of windows (N, C, kH, kW, H_out, W_out)."""
    return lambda windows: np.moveaxis(change(np.moveaxis(windows, (2, 3), (-2, -1))), (-2, -1), (2, 3))


def _room_swapped(size, kernel, count, stride, padding):
    return tuple(n + 2 * padding for n in size[::-1])


def _room_on_one_side(size, kernel, count, stride, padding):
    return tuple(n + padding for n in size)


def _crop_swapped(padded, size, padding):
    return recipes.inner(padded, size[::-1], padding)


def _folded_dilated(cols, output_size, kernel_size, stride, padding):
    """Raises where cells that are stride apart do not fit into the padded image."""
    sizes = recipes.out_sizes(output_size, kernel_size, stride, padding)
    padded = [n + 2 * padding for n in output_size]
    if any(stride * (k + m - 2) >= n for n, k, m in zip(padded, kernel_size, sizes, strict=True)):
        raise ValueError("the last slices are too short")
    x = np.zeros((len(cols), cols.shape[1] // np.prod(kernel_size), *padded))
    stamps = read(cols, (*x.shape[:2], *kernel_size, *sizes))
    for (a, b), (i, j) in product(np.ndindex(*kernel_size), np.ndindex(*sizes)):
        x[:, :, stride * (a + i), stride * (b + j)] += stamps[:, :, a, b, i, j]
    return recipes.inner(x, output_size, padding)
