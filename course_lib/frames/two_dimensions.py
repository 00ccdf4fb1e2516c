"""The four stories of a 2D convolution with one channel: forward, dw, and dx by scatter and by gather.

x or dx is on the left, the kernel in the middle, y or dy on the right: the forward pass runs to the right, gradients
run to the left. Unlike in `loops`, the kernel may be dilated, and stride and padding may be pairs (rows, columns).
"""

import numpy as np

from course_lib import loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, geometry_text, mark
from course_lib.functional import out_size
from course_lib.looks import GRADIENT, INPUT, KERNEL, OUTPUT, UPSTREAM, amount, bracketed

_MOST_NUMBERS = 1500  # with more products than this, steps show only results
_BETWEEN = 1.3


class Plane:
    """The geometry of a convolution: size, kernel size, stride, padding and dilation as pairs (rows, columns)."""

    def __init__(self, size, kernel_size, stride=1, padding=0, dilation=1):
        self.size, self.kernel_size = tuple(size), tuple(kernel_size)
        self.stride = checks.pair("stride", stride, 1)
        self.padding = checks.pair("padding", padding, 0)
        self.dilation = checks.pair("dilation", dilation, 1)
        self.count = tuple(map(out_size, self.size, self.kernel_size, self.stride, self.padding, self.dilation))
        self.padded = tuple(n + 2 * p for n, p in zip(self.size, self.padding, strict=True))
        self.reach = tuple(d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))

    def pad(self, x):
        rows, columns = self.padding
        return np.pad(x, ((rows, rows), (columns, columns)))

    def window(self, i, j):
        """The flat indices, in the padded input, of the cells that output (i, j) reads."""
        rows = [i * self.stride[0] + a * self.dilation[0] for a in range(self.kernel_size[0])]
        columns = [j * self.stride[1] + b * self.dilation[1] for b in range(self.kernel_size[1])]
        return [row * self.padded[1] + column for row in rows for column in columns]

    @property
    def kernel_cells(self):
        return list(range(self.kernel_size[0] * self.kernel_size[1]))

    @property
    def outputs(self):
        """(i, j, flat index) of every output."""
        return [(i, j, i * self.count[1] + j) for i, j in np.ndindex(self.count)]

    @property
    def terse(self):
        return len(self.kernel_cells) * self.count[0] * self.count[1] > _MOST_NUMBERS

    def window_name(self, name, i, j):
        """As Python slices it: "x[2:5, 0:3]", or "xp[...]" with padding."""
        return mark(name, f"{self.padded_name(name)}[{self.slices(i, j)}]")

    def slices(self, i, j):
        """The window as slices of the padded array: "2:5, 0:3"."""
        return ", ".join(
            _slice(at * s, d, k)
            for at, s, d, k in zip((i, j), self.stride, self.dilation, self.kernel_size, strict=True)
        )

    def padded_name(self, name):
        return f"{name}p" if any(self.padding) else name

    def padding_note(self, i, j, what):
        cells = [divmod(cell, self.padded[1]) for cell in self.window(i, j)]
        (top, left), (H, W) = self.padding, self.size
        outside = sum(not (top <= row < top + H and left <= column < left + W) for row, column in cells)
        if not outside:
            return ""
        return (
            f" One of its cells is padding and {what}."
            if outside == 1
            else (f" {outside} of its cells are padding and {what}.")
        )

    def missed(self, consequence):
        """A sentence about the rows and columns that no window reaches, or ""."""
        rest = [
            max(0, p + n - ((m - 1) * s + r + 1))
            for n, p, m, s, r in zip(self.size, self.padding, self.count, self.stride, self.reach, strict=True)
        ]
        named = [
            f"the last {'' if count == 1 else f'{count} '}{what}{'' if count == 1 else 's'}"
            for count, what in zip(rest, ("row", "column"), strict=True)
            if count
        ]
        return f" No window reached {' and '.join(named)}: {consequence}." if named else ""

    def title(self):
        return geometry_text(stride=(self.stride, 1), padding=(self.padding, 0), dilation=(self.dilation, 1))

    def code(self, function):
        """`loops` has no dilation: with it, no line of code belongs to a step."""
        return function if self.dilation == (1, 1) else None


def _slice(first, step, count):
    text = f"{first}:{first + step * (count - 1) + 1}"
    return text if step == 1 else f"{text}:{step}"


def side_by_side(*grids):
    """Returns {key: grid} of grids placed from left to right with gaps between them, centred vertically."""
    tallest = max(grid.values.shape[0] * grid.scale for grid in grids)
    placed, right = [], 0
    for grid in grids:
        rows, columns = grid.values.shape
        placed.append(grid.placed(right, (tallest - rows * grid.scale) / 2))
        right += columns * grid.scale + _BETWEEN
    return by_key(*placed)


def _kernel_scale(plane):
    """A 3 x 3 kernel beside a 28 x 28 image needs larger cells to be read."""
    return min(3.0, max(1.0, max(plane.padded) / 9))


@animation
def conv2d_single(x, w, stride=1, padding=0, dilation=1):
    """The story of the forward pass: x (H, W), w (kH, kW) -> y (H_out, W_out)."""
    x, w = _arrays(x=x, w=w)
    plane = Plane(x.shape, w.shape, stride, padding, dilation)
    grids = side_by_side(
        Grid("x", INPUT, plane.pad(x), pad=plane.padding),
        Grid("w", KERNEL, w, scale=_kernel_scale(plane)),
        Grid("y", OUTPUT, np.zeros(plane.count), collects=True, empty=True),
    )
    xp = grids["x"].values.ravel()
    steps = [Step(f"The kernel w will stand at {_places(plane)} of x. Each place gives one number of y.")]
    for i, j, at in plane.outputs:
        window = plane.window(i, j)
        y = float(xp[window] @ w.ravel())
        steps.append(
            Step(
                f"Window ({i}, {j}): every weight multiplies the input it lies on, and the products add up to "
                f"y[{i}, {j}] = {amount(y)}.{plane.padding_note(i, j, 'counts as 0')}",
                f"{mark('y', f'y[{i}, {j}]')} = sum of {plane.window_name('x', i, j)} · {mark('w', 'w')}",
                _sum_of_products(plane, "x", xp[window], "w", w.ravel(), "y", y),
                "y[i, j] = np.sum(",
                (Flow("y", [at] * len(window), (("x", window), ("w", plane.kernel_cells))),),
                beside=f"i = {i}, j = {j}, y[i, j] = {amount(y)}",
            )
        )
    rest = plane.missed("y does not depend on their pixels")
    steps.append(Step(f"y is complete: {len(plane.outputs)} windows, {len(plane.outputs)} outputs.{rest}"))
    return Story(f"Forward: y = conv2d(x, w){plane.title()}", grids, steps, plane.code(loops.conv2d_single))


@animation
def conv2d_single_weight_gradient(dy, x, w, stride=1, padding=0, dilation=1):
    """The story of the weight gradient: dy (H_out, W_out), x (H, W), w (kH, kW) -> dw (kH, kW).

    Of w only the shape matters.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    plane = _plane(dy, x, w, stride, padding, dilation)
    grids = side_by_side(
        Grid("x", INPUT, plane.pad(x), pad=plane.padding),
        Grid("dw", GRADIENT, np.zeros(w.shape), collects=True, scale=_kernel_scale(plane)),
        Grid("dy", UPSTREAM, dy),
    )
    xp = grids["x"].values.ravel()
    steps = [Step("dw starts as zeros. Every output will say how much each weight mattered to it.")]
    for i, j, at in plane.outputs:
        window = plane.window(i, j)
        given = float(dy[i, j])
        steps.append(
            Step(
                f"In y[{i}, {j}] each weight was multiplied by the input it lay on. So each weight receives that "
                f"input times dy[{i}, {j}] = {amount(given)}.{plane.padding_note(i, j, 'adds nothing')}",
                f"{mark('dw', 'dw')} += {mark('dy', f'dy[{i}, {j}]')} · {plane.window_name('x', i, j)}",
                scaled(plane, "dy", given, "x", xp[window], "dw"),
                "dw += dy[i, j]",
                (Flow("dw", plane.kernel_cells, (("dy", at), ("x", window))),),
                beside=f"i = {i}, j = {j}, dy[i, j] = {amount(given)}",
            )
        )
    rest = plane.missed("dw does not depend on their pixels")
    steps.append(
        Step(
            f"dw is complete. Each weight collected from all {len(plane.outputs)} outputs, because it was used in all "
            f"of them.{rest}"
        )
    )
    code = plane.code(loops.conv2d_single_weight_gradient)
    return Story(f"Weight gradient dw{plane.title()}", grids, steps, code)


@animation
def conv2d_single_input_gradient_scatter(dy, x, w, stride=1, padding=0, dilation=1):
    """The story of the input gradient by scatter: dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W).

    One step for each output: it adds its share to every pixel of its window. Of x only the shape matters.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    plane = _plane(dy, x, w, stride, padding, dilation)
    grids = side_by_side(
        Grid("dx", GRADIENT, np.zeros(plane.padded), pad=plane.padding, collects=True),
        Grid("w", KERNEL, w, scale=_kernel_scale(plane)),
        Grid("dy", UPSTREAM, dy),
    )
    steps = [Step("dx starts as zeros. Every output will hand its gradient back to the inputs it was made of.")]
    for i, j, at in plane.outputs:
        window = plane.window(i, j)
        given = float(dy[i, j])
        steps.append(
            Step(
                f"dy[{i}, {j}] = {amount(given)} goes back to the window that made y[{i}, {j}]. Each input receives "
                f"it times the weight that lay on it.{plane.padding_note(i, j, 'will be cut off')}",
                f"{plane.window_name('dx', i, j)} += {mark('dy', f'dy[{i}, {j}]')} · {mark('w', 'w')}",
                scaled(plane, "dy", given, "w", w.ravel(), "dx"),
                "+= dy[i, j] * w",
                (Flow("dx", window, (("dy", at), ("w", plane.kernel_cells))),),
                beside=f"i = {i}, j = {j}, dy[i, j] = {amount(given)}",
            )
        )
    steps.append(Step(f"dx is complete. Where windows overlapped, the shares added up.{_ending(plane)}"))
    code = plane.code(loops.conv2d_single_input_gradient_scatter)
    return Story(f"Input gradient by scatter: dx{plane.title()}", grids, steps, code)


@animation
def conv2d_single_input_gradient_gather(dy, x, w, stride=1, padding=0, dilation=1):
    """The story of the input gradient by gather: dy (H_out, W_out), x (H, W), w (kH, kW) -> dx (H, W).

    One step for each pixel: it sums over the outputs that it fed. Of x only the shape matters.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    plane = _plane(dy, x, w, stride, padding, dilation)
    spread = np.zeros([n - r for n, r in zip(plane.padded, plane.reach, strict=True)])
    spread[:: plane.stride[0], :: plane.stride[1]] = dy
    padded = np.pad(spread, [(r, r) for r in plane.reach])
    grids = side_by_side(
        Grid("dx", GRADIENT, np.zeros(plane.padded), pad=plane.padding, collects=True, empty=True),
        Grid("w", KERNEL, w[::-1, ::-1], flipped=True, turns=1, caption="w turned", scale=_kernel_scale(plane)),
        Grid("dy", UPSTREAM, padded, pad=plane.reach, gaps=plane.stride, caption="dy with zeros"),
    )
    reader = Plane(padded.shape, w.shape, 1, 0, dilation)
    values, turned = padded.ravel(), w[::-1, ::-1].ravel()
    steps = [
        Step(_gather_opening(plane)),
        Step(
            "The first weight of a window met the pixel that lies first in it. "
            "Seen from a pixel it is the other way round: so w is turned by 180 degrees.",
        ),
    ]
    for i, j, at in reader.outputs:
        reads = reader.window(i, j)
        dx = float(values[reads] @ turned)
        name = "pad" if grids["dx"].is_filler(at) else grids["dx"].cell_name(at)
        steps.append(
            Step(
                _who_it_fed(grids, at, reads),
                f"{mark('dx', name)} = sum of a window of {mark('dy', 'dy with zeros')} · {mark('w', 'w turned')}",
                _sum_of_products(reader, "dy", values[reads], "w", turned, "dx", dx),
                "dxp[i, j] = np.sum(",
                (Flow("dx", [at] * len(reads), (("dy", reads), ("w", plane.kernel_cells))),),
                beside=f"i = {i}, j = {j}, dxp[i, j] = {amount(dx)}",
            )
        )
    steps.append(Step(f"dx is complete: the same numbers as by scatter.{_ending(plane)}"))
    code = plane.code(loops.conv2d_single_input_gradient_gather)
    return Story(f"Input gradient by gather: dx{plane.title()}", grids, steps, code)


# ---------------------------------------------------------------- arguments and words


def _arrays(**arrays):
    found = drawable(**arrays)
    for name, array in zip(arrays, found, strict=True):
        checks.ndim(name, array, {"x": "(H, W)", "w": "(kH, kW)", "dy": "(H_out, W_out)"}[name])
    return found


def _plane(dy, x, w, stride, padding, dilation):
    plane = Plane(x.shape, w.shape, stride, padding, dilation)
    checks.shape("dy", dy, plane.count, "the shape of y")
    return plane


def _places(plane):
    down, across = plane.count
    return f"{down} × {across} places"


def _ending(plane):
    cut = " The padding is cut off." if any(plane.padding) else ""
    return cut + plane.missed("their pixels get gradient 0")


def _gather_opening(plane):
    places = [(plane.reach, "on each side"), ([s - 1 for s in plane.stride], "between its values")]
    named = [f"{_zeros(*counts)} {where}" for counts, where in places if any(counts)]
    zeros = f" dy gets {', and '.join(named)}." if named else ""
    return f"Every pixel will collect from the outputs it fed.{zeros}"


def _zeros(rows, columns):
    """For (2, 2) "2 zeros", for (2, 1) "2 rows and 1 column of zeros"."""
    if rows == columns:
        return "1 zero" if rows == 1 else f"{rows} zeros"
    lines = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((rows, "row"), (columns, "column")) if n]
    return f"{' and '.join(lines)} of zeros"


def _who_it_fed(grids, at, reads):
    dy, dx = grids["dy"], grids["dx"]
    fed = sum(not dy.is_filler(cell) for cell in reads)
    who = "This padding cell" if dx.is_filler(at) else dx.cell_name(at)[1:]
    if not fed:
        return f"{who} fed no output, so it collects nothing."
    outputs, their = ("one output", "its dy") if fed == 1 else (f"{fed} outputs", "their dy, each")
    return f"{who} fed {outputs}. It takes back {their} times the weight that lay between them."


def _sum_of_products(plane, first, a, second, b, total_key, total):
    result = mark(total_key, amount(total))
    if plane.terse:
        return f"= {result}"
    products = (f"{mark(first, bracketed(u))}·{mark(second, bracketed(v))}" for u, v in zip(a, b, strict=True))
    return f"= {' + '.join(products)} = {result}"


def scaled(plane, factor_key, factor, key, values, result_key):
    """ "+= 2 · [[1, 0], [0, −1]] = [[2, 0], [0, −2]]" """
    if plane.terse:
        return ""
    shown = mark(factor_key, bracketed(factor))
    return f"+= {shown} · {_matrix(plane, key, values)} = {_matrix(plane, result_key, factor * values)}"


def _matrix(plane, key, values):
    columns = plane.kernel_size[1]
    texts = [amount(value) for value in values]
    rows = (", ".join(texts[at : at + columns]) for at in range(0, len(texts), columns))
    return mark(key, f"[{', '.join(f'[{row}]' for row in rows)}]")
