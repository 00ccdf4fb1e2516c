"""Convolution with images, channels, filters and bias: which axes each gradient sums over.

Channels are drawn below each other, images and filters beside each other: x[n, c] on the left, w[f, c] in the middle,
y[n, f] on the right, as in `two_dimensions`.
"""

import functools

import numpy as np

from course_lib import loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.frames.two_dimensions import Plane
from course_lib.looks import GRADIENT, INPUT, KERNEL, OUTPUT, UPSTREAM, amount

_BETWEEN, _APART, _BELOW = 1.3, 0.9, 1.5


@animation
def conv2d(x, w, b=None, stride=1, padding=0):
    """The story of the forward pass.

    x (N, C_in, H, W), w (C_out, C_in, kH, kW), b (C_out,) -> y (N, C_out, H_out, W_out)
    """
    x, w, b = drawable(x=x, w=w, b=b)
    plane = _plane(x, w, stride, padding)
    N, C_in, C_out = len(x), x.shape[1], len(w)
    empty = np.zeros((N, C_out, *plane.count))
    columns = [
        _images("x", INPUT, x, plane),
        _filters("w", KERNEL, w),
        _images("y", OUTPUT, empty, collects=True, empty=True),
    ]
    if b is not None:
        checks.shape("b", b, (C_out,), "one for each filter of w")
        columns[1] += [_row("b", KERNEL, b, at=(0, C_in * (w.shape[2] + _BELOW)))]
    grids = _beside(*columns)
    steps = [
        Step(
            f"w holds {_count(C_out, 'filter')}, and every filter has one kernel for each of the "
            f"{_count(C_in, 'channel')} of x."
        )
    ]
    for n, f, i, j in np.ndindex(empty.shape):
        at = i * plane.count[1] + j
        window = plane.window(i, j)
        sums = [float(grids[f"x[{n}, {c}]"].values.ravel()[window] @ w[f, c].ravel()) for c in range(C_in)]
        target, kernel = f"y[{n}, {f}]", plane.kernel_cells
        flows = [
            Flow(target, [at] * len(window), ((f"x[{n}, {c}]", window), (f"w[{f}, {c}]", kernel))) for c in range(C_in)
        ]
        if b is not None:
            flows.append(Flow(target, [at], (("b", f),)))
        steps.append(
            Step(
                f"Filter {f} stands on window ({i}, {j}) of every channel at once. The channels are summed"
                + (f", and the bias b[{f}] is added once." if b is not None else "."),
                f"{mark(target, f'y[{n}, {f}, {i}, {j}]')} = "
                + " + ".join(f"sum of {_window(plane, 'x', n, c, i, j)}·{_kernel('w', f, c)}" for c in range(C_in))
                + (f" + {mark('b', f'b[{f}]')}" if b is not None else ""),
                "= "
                + " + ".join(mark(f"x[{n}, {c}]", amount(part)) for c, part in enumerate(sums))
                + (f" + {mark('b', amount(b[f]))}" if b is not None else "")
                + f" = {mark(target, amount(sum(sums) + (0 if b is None else b[f])))}",
                "y[n, f, i, j] = np.sum(",
                tuple(flows),
                beside=f"n, f, i, j = {n}, {f}, {i}, {j}",
            )
        )
    steps.append(
        Step(
            f"y is complete. Each filter gave one channel: {_count(C_out, 'filter')}, {_count(C_out, 'channel')} of y."
        )
    )
    return Story(f"Forward with channels: y = conv2d(x, w, b){plane.title()}", grids, steps, loops.conv2d, lab="")


@animation
def bias_gradient(dy):
    """The story of the bias gradient: dy (N, C_out, H_out, W_out) -> db (C_out,)."""
    dy = drawable(dy=dy)
    checks.ndim("dy", dy, "(N, C_out, H_out, W_out)")
    N, C_out = dy.shape[:2]
    grids = _beside(
        [_row("db", GRADIENT, np.zeros(C_out), at=(0, 1), collects=True)],
        _images("dy", UPSTREAM, dy),
    )
    steps = [Step("One bias serves a whole channel of y: it was added to every position of every image.")]
    cells = list(range(dy[0, 0].size))
    for f in range(C_out):
        flows = tuple(Flow("db", [f] * len(cells), ((f"dy[{n}, {f}]", cells),)) for n in range(N))
        sums = [float(dy[n, f].sum()) for n in range(N)]
        steps.append(
            Step(
                f"b[{f}] was added to all {N * len(cells)} numbers of channel {f}, so it collects dy from all of them.",
                f"{mark('db', f'db[{f}]')} = " + " + ".join(f"sum of {_kernel('dy', n, f)}" for n in range(N)),
                "= "
                + " + ".join(mark(f"dy[{n}, {f}]", amount(part)) for n, part in enumerate(sums))
                + (f" = {mark('db', amount(sum(sums)))}" if N > 1 else ""),
                "db[f] = np.sum(",
                flows,
                beside=f"f = {f}, db[f] = {amount(sum(sums))}",
            )
        )
    steps.append(Step("db is complete: sums over images, rows and columns; one number for each filter."))
    return Story("Bias gradient db", grids, steps, loops.bias_gradient)


@animation
def weight_gradient(dy, x, w, stride=1, padding=0):
    """The story of the weight gradient. Of w only the shape matters.

    dy (N, C_out, H_out, W_out), x (N, C_in, H, W), w (C_out, C_in, kH, kW) -> dw like w
    """
    dy, x, w = drawable(dy=dy, x=x, w=w)
    plane = _plane(x, w, stride, padding, dy)
    C_in = x.shape[1]
    grids = _beside(
        _images("x", INPUT, x, plane),
        _filters("dw", GRADIENT, np.zeros(w.shape), collects=True),
        _images("dy", UPSTREAM, dy),
    )
    steps = [Step("dw starts as zeros. A filter learns only from its own channel of dy, but from every channel of x.")]
    for n, f, i, j in np.ndindex(dy.shape):
        given, window = float(dy[n, f, i, j]), plane.window(i, j)
        source = f"dy[{n}, {f}]"
        flows = tuple(
            Flow(f"dw[{f}, {c}]", plane.kernel_cells, ((source, i * plane.count[1] + j), (f"x[{n}, {c}]", window)))
            for c in range(C_in)
        )
        steps.append(
            Step(
                f"dy[{n}, {f}, {i}, {j}] = {amount(given)} belongs to filter {f} alone. Its kernel for each channel "
                "receives the window of that channel, times this number.",
                "\n".join(
                    f"{_kernel('dw', f, c)} += {mark(source, f'dy[{n}, {f}, {i}, {j}]')} · "
                    f"{_window(plane, 'x', n, c, i, j)}"
                    for c in range(C_in)
                ),
                "",
                "dw[f] += dy[n, f, i, j]",
                flows,
                beside=f"n, f, i, j = {n}, {f}, {i}, {j}",
            )
        )
    steps.append(Step("dw is complete: sums over images and positions; filters and channels stay apart."))
    return Story(f"Weight gradient with channels: dw{plane.title()}", grids, steps, loops.weight_gradient)


@animation
def input_gradient(dy, x, w, stride=1, padding=0):
    """The story of the input gradient. Of x only the shape matters.

    dy (N, C_out, H_out, W_out), x (N, C_in, H, W), w (C_out, C_in, kH, kW) -> dx like x
    """
    dy, x, w = drawable(dy=dy, x=x, w=w)
    plane = _plane(x, w, stride, padding, dy)
    C_in = x.shape[1]
    grids = _beside(
        _images("dx", GRADIENT, np.zeros(x.shape), plane, collects=True),
        _filters("w", KERNEL, w),
        _images("dy", UPSTREAM, dy),
    )
    steps = [Step("dx starts as zeros. Every channel of x fed every filter, so it receives gradient from all of them.")]
    for n, f, i, j in np.ndindex(dy.shape):
        given, window = float(dy[n, f, i, j]), plane.window(i, j)
        source = f"dy[{n}, {f}]"
        flows = tuple(
            Flow(f"dx[{n}, {c}]", window, ((source, i * plane.count[1] + j), (f"w[{f}, {c}]", plane.kernel_cells)))
            for c in range(C_in)
        )
        steps.append(
            Step(
                f"dy[{n}, {f}, {i}, {j}] = {amount(given)} goes back to its window in every channel of x, each time "
                f"through that channel's kernel of filter {f}.",
                "\n".join(
                    f"{_window(plane, 'dx', n, c, i, j)} += {mark(source, f'dy[{n}, {f}, {i}, {j}]')} · "
                    f"{_kernel('w', f, c)}"
                    for c in range(C_in)
                ),
                "",
                "+= dy[n, f, i, j] * w[f]",
                flows,
                beside=f"n, f, i, j = {n}, {f}, {i}, {j}",
            )
        )
    steps.append(Step("dx is complete: sums over filters; images and channels stay apart."))
    return Story(f"Input gradient with channels: dx{plane.title()}", grids, steps, loops.input_gradient)


# ---------------------------------------------------------------- arguments, places and words


def _plane(x, w, stride, padding, dy=None):
    checks.ndim("x", x, "(N, C_in, H, W)")
    checks.ndim("w", w, "(C_out, C_in, kH, kW)")
    checks.shape("w", w, (len(w), x.shape[1], *w.shape[2:]), "its second axis must match the channels of x")
    plane = Plane(x.shape[2:], w.shape[2:], stride, padding)
    if dy is not None:
        checks.shape("dy", dy, (len(x), len(w), *plane.count), "the shape of y")
    return plane


def _images(name, role, x, plane=None, **looks):
    """Returns a grid for each channel of each image of x (N, C, H, W)."""
    pad = plane.padding if plane else (0, 0)
    padded = plane.pad if plane else functools.partial(np.array, dtype=float)
    planes = {prefix: padded(x[prefix]) for prefix in np.ndindex(x.shape[:2])}
    return _arranged(name, role, planes, pad=pad, **looks)


def _filters(name, role, w, **looks):
    """Returns a grid for each kernel of w (C_out, C_in, kH, kW): channels below, filters beside each other."""
    planes = {prefix: np.array(w[prefix], float) for prefix in np.ndindex(w.shape[:2])}
    return _arranged(name, role, planes, **looks)


def _arranged(name, role, planes, **looks):
    """Returns grids in columns and rows, from {(column, row): values}."""
    rows, columns = next(iter(planes.values())).shape
    return [
        Grid(name, role, values, (n * (columns + _APART), c * (rows + _BELOW)), prefix=(n, c), **looks)
        for (n, c), values in planes.items()
    ]


def _row(name, role, values, at, **looks):
    return Grid(name, role, np.asarray(values, float)[None], at, ndim=1, **looks)


def _beside(*columns):
    """Returns {key: grid} of lists of grids, each placed from (0, 0): from left to right, centred vertically."""
    tallest = max(map(_bottom, columns))
    placed, right = [], 0
    for grids in columns:
        down = (tallest - _bottom(grids)) / 2
        placed += [grid.placed(grid.at[0] + right, grid.at[1] + down) for grid in grids]
        right += max(grid.at[0] + grid.values.shape[1] for grid in grids) + _BETWEEN
    return by_key(*placed)


def _bottom(grids):
    return max(grid.at[1] + len(grid.values) for grid in grids)


def _window(plane, name, n, c, i, j):
    text = plane.slices(i, j)
    return mark(f"{name}[{n}, {c}]", f"{plane.padded_name(name)}[{n}, {c}, {text}]")


def _kernel(name, first, second):
    return mark(f"{name}[{first}, {second}]", f"{name}[{first}, {second}]")


def _count(count, what):
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
