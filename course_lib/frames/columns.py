"""im2col copies every window into a column of a matrix; col2im adds every column back into its window."""

import numpy as np

from course_lib import loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.frames.two_dimensions import Plane
from course_lib.looks import COUNT, GRADIENT, INPUT, amount

_BETWEEN, _BELOW = 1.5, 1.6


@animation
def im2col(x, kernel_size, stride=1, padding=0):
    """The story of x (H, W), (C, H, W) or (1, C, H, W) -> cols (1, C kH kW, L)."""
    x = _one_image("x", drawable(x=x))
    plane = Plane(x.shape[1:], checks.pair("kernel_size", kernel_size, 1), stride, padding)
    cells, L = len(plane.kernel_cells), len(plane.outputs)
    images = _channels("x", INPUT, [plane.pad(channel) for channel in x], plane)
    cols = _matrix(INPUT, np.zeros((len(x) * cells, L)), plane, collects=True, empty=True)
    grids = by_key(*images, cols)
    steps = [Step(f"Every window of x will become one column: {_shape_words(len(x), plane)}.")]
    for i, j, at in plane.outputs:
        window = plane.window(i, j)
        flows = tuple(
            Flow(cols.key, [(c * cells + row) * L + at for row in range(cells)], ((image.key, window),))
            for c, image in enumerate(images)
        )
        steps.append(
            Step(
                f"Window ({i}, {j}) is copied, row after row, into column {at}.{_repeats(plane, i, j)}",
                f"{mark(cols.key, f'cols[0, :, {at}]')} = {_windows(plane, images, i, j)}, flattened",
                "= " + _vector(cols.key, np.concatenate([image.values.ravel()[window] for image in images])),
                "cols[:, :, i * W_out + j] = window",
                flows,
                beside=f"i = {i}, j = {j}, column {at}",
            )
        )
    steps.append(
        Step(
            f"cols is complete: {x.size} numbers became {cols.values.size}. A pixel stands in it once for every "
            "window that holds it."
        )
    )
    return Story(f"im2col: windows become columns{plane.title()}", grids, steps, loops.im2col)


@animation
def col2im(cols, output_size, kernel_size, stride=1, padding=0):
    """The story of cols (C kH kW, L) or (1, C kH kW, L) -> x (1, C, H, W).

    A second grid, coverage, counts the windows that hold each pixel.
    """
    cols = drawable(cols=cols)
    cols = cols[0] if cols.ndim == 3 and len(cols) == 1 else cols
    checks.ndim("cols", cols, "(C kH kW, L)")
    plane = Plane(
        checks.pair("output_size", output_size, 1), checks.pair("kernel_size", kernel_size, 1), stride, padding
    )
    cells, L = len(plane.kernel_cells), len(plane.outputs)
    C = cols.shape[0] // cells
    checks.shape("cols", cols, (C * cells, L), "from output_size, kernel_size, stride and padding")
    matrix = _matrix(GRADIENT, cols, plane)
    images = _channels("x", GRADIENT, np.zeros((C, *plane.padded)), plane, collects=True)
    below = images[-1].at[1] + plane.padded[0] + _BELOW
    coverage = Grid(
        "coverage", COUNT, np.zeros(plane.padded), (0, below), pad=plane.padding, caption="coverage", collects=True
    )
    grids = by_key(*images, coverage, matrix)
    steps = [Step("x starts as zeros. Every column will be added back into the window that it came from.")]
    for i, j, at in plane.outputs:
        window = plane.window(i, j)
        flows = [
            Flow(image.key, window, ((matrix.key, [(c * cells + row) * L + at for row in range(cells)]),))
            for c, image in enumerate(images)
        ]
        flows.append(Flow(coverage.key, window, ()))
        steps.append(
            Step(
                f"Column {at} is folded up and added, with +=, into window ({i}, {j})."
                + plane.padding_note(i, j, "will be cut off"),
                f"{_windows(plane, images, i, j)} += {mark(matrix.key, f'cols[0, :, {at}]')}, folded to "
                f"{plane.kernel_size[0]} × {plane.kernel_size[1]}",
                "+= " + _vector(matrix.key, cols[:, at]),
                "+= window",
                tuple(flows),
                beside=f"i = {i}, j = {j}, column {at}",
            )
        )
    counts = coverage.without_padding(_counted(plane))
    steps.append(
        Step(
            "x is complete. The coverage map says how many columns each pixel collected from: "
            + (
                "one each, so here col2im undoes im2col."
                if np.all(counts == 1)
                else f"{amount(counts.min())} to {amount(counts.max())}. So col2im adds up; it does not undo im2col."
            )
            + plane.missed("their pixels stay 0")
        )
    )
    return Story(f"col2im: columns fold back and add up{plane.title()}", grids, steps, loops.col2im)


def _one_image(name, array):
    """array (H, W), (C, H, W) or (1, C, H, W) -> (C, H, W): an animation has room for one image."""
    if array.ndim == 4 and len(array) == 1:
        return array[0]
    if array.ndim not in (2, 3):
        raise ValueError(f"{name} must be one image, (H, W), (C, H, W) or (1, C, H, W), but its shape is {array.shape}")
    return array if array.ndim == 3 else array[None]


def _channels(name, role, images, plane, **looks):
    return [
        Grid(
            name, role, np.asarray(image, float), (0, c * (plane.padded[0] + _BELOW)), pad=plane.padding,
            prefix=(0, c), caption=f"{name}" if len(images) == 1 else f"channel {c}", **looks,
        )
        for c, image in enumerate(images)
    ]  # fmt: skip


def _matrix(role, values, plane, **looks):
    at = (plane.padded[1] + _BETWEEN, 0)
    return Grid("cols", role, np.asarray(values, float), at, prefix=(0,), caption="cols", **looks)


def _counted(plane):
    counts = np.zeros(plane.padded)
    for i, j, _ in plane.outputs:
        np.add.at(counts.ravel(), plane.window(i, j), 1)
    return counts


def _shape_words(channels, plane):
    down, across = plane.kernel_size
    rows = f"{down} × {across}" if channels == 1 else f"{channels} × {down} × {across}"
    count = len(plane.outputs)
    return f"{rows} = {channels * down * across} rows, and one column for each of the {count} windows"


def _windows(plane, images, i, j):
    return " and ".join(
        mark(image.key, f"{plane.padded_name('x')}[{', '.join(map(str, image.prefix))}, {plane.slices(i, j)}]")
        for image in images
    )


def _vector(key, values):
    return mark(key, f"[{', '.join(amount(value) for value in values)}]")


def _repeats(plane, i, j):
    """A sentence if the previous window of this row holds some of the same pixels, else ""."""
    if j == 0 or not set(plane.window(i, j)) & set(plane.window(i, j - 1)):
        return ""
    return " Pixels that the previous window also held are copied again."
