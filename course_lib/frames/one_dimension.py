"""The four stories of a 1D convolution, as `loops` tells them: forward, dw, and dx by scatter and by gather.

x or dx is at the top, the kernel slides in the middle, y or dy is at the bottom: the forward pass runs down the
picture, gradients run up. Every output stands under the middle of its window.
"""

import numpy as np

from course_lib import loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, geometry_text, mark
from course_lib.functional import out_size
from course_lib.looks import GRADIENT, INPUT, KERNEL, OUTPUT, UPSTREAM, amount, bracketed

TOP, MIDDLE, BOTTOM = 0, 2.1, 4.2


class Line:
    """Where everything stands: n inputs, k weights, m outputs on one axis, counted from the first padding cell."""

    def __init__(self, n, k, stride, padding):
        self.stride = checks.integer("stride", stride, 1)
        self.padding = checks.integer("padding", padding, 0)
        self.n, self.k = n, k
        self.m = out_size(n, k, self.stride, self.padding)

    def window(self, i):
        return list(range(i * self.stride, i * self.stride + self.k))

    def input(self, name, role, x, **looks):
        values = np.pad(x, self.padding)[None]
        return Grid(name, role, values, (0, TOP), pad=(0, self.padding), ndim=1, **looks)

    def kernel(self, name, role, w, **looks):
        return Grid(name, role, w[None], (0, MIDDLE), ndim=1, **looks)

    def output(self, name, role, y, **looks):
        return Grid(name, role, y[None], ((self.k - 1) / 2, BOTTOM), pitch=(self.stride, 1), ndim=1, **looks)

    def title(self):
        return geometry_text(stride=(self.stride, 1), padding=(self.padding, 0))

    def missed(self, name):
        """A sentence about the inputs that no window reaches, or ""."""
        reached = self.window(self.m - 1)[-1] - self.padding
        if reached >= self.n - 1:
            return ""
        first, last = f"x[{reached + 1}]", f"x[{self.n - 1}]"
        cells = first if first == last else f"{first} to {last}"
        return f" No window reached {cells}: {name}."


@animation
def conv1d(x, w, stride=1, padding=0):
    """The story of the forward pass: x (n,), w (k,) -> y (m,)."""
    x, w = _arrays(x=x, w=w)
    line = Line(len(x), len(w), stride, padding)
    grids = by_key(
        line.input("x", INPUT, x),
        line.kernel("w", KERNEL, w),
        line.output("y", OUTPUT, np.zeros(line.m), collects=True, empty=True),
    )
    xp = grids["x"].values[0]
    steps = [Step(f"The kernel w will stand at {_places(line.m)} of x. Each place gives one number of y.")]
    for i in range(line.m):
        window = line.window(i)
        y = float(xp[window] @ w)
        steps.append(
            Step(
                f"Window {i}: each weight multiplies the input above it, and the products add up to "
                f"y[{i}] = {amount(y)}.{_padding_note(grids['x'], window, 'counts as 0')}",
                f"{_cell(grids['y'], i)} = {_products(grids['x'], window, grids['w'], range(line.k))}",
                f"= {_product_numbers('x', xp[window], 'w', w)} = {mark('y', amount(y))}",
                "y[j] = np.sum(",
                (Flow("y", [i] * line.k, (("x", window), ("w", list(range(line.k))))),),
                {"w": (i * line.stride, MIDDLE)},
                beside=f"j = {i}, y[j] = {amount(y)}",
            )
        )
    steps.append(Step(f"y is complete: {line.m} windows, {line.m} outputs.{line.missed('y does not depend on it')}"))
    return Story(f"Forward: y = conv1d(x, w){line.title()}", grids, steps, loops.conv1d)


@animation
def conv1d_weight_gradient(dy, x, w, stride=1, padding=0):
    """The story of the weight gradient: dy (m,), x (n,), w (k,) -> dw (k,). Of w only the length matters."""
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    grids = by_key(
        line.input("x", INPUT, x),
        line.kernel("dw", GRADIENT, np.zeros(line.k), collects=True),
        line.output("dy", UPSTREAM, dy),
    )
    xp = grids["x"].values[0]
    steps = [Step("dw starts as zeros. Every output will say how much each weight mattered to it.")]
    for i in range(line.m):
        window, met = line.window(i), xp[line.window(i)]
        steps.append(
            Step(
                f"In y[{i}] each weight was multiplied by the input above it. So each weight receives that input "
                f"times dy[{i}] = {amount(dy[i])}.{_padding_note(grids['x'], window, 'adds nothing')}",
                f"{_cells(grids['dw'], range(line.k))} += {_cell(grids['dy'], i)} · {_cells(grids['x'], window)}",
                f"+= {mark('dy', bracketed(dy[i]))} · {_numbers('x', met)} = {_numbers('dw', dy[i] * met)}",
                "dw += dy[j]",
                (Flow("dw", list(range(line.k)), (("dy", i), ("x", window))),),
                {"dw": (i * line.stride, MIDDLE)},
                beside=f"j = {i}, dy[j] = {amount(dy[i])}",
            )
        )
    steps.append(
        Step(
            f"dw is complete. Each weight collected from all {line.m} outputs, because it was used in all of them."
            + line.missed("dw does not depend on it")
        )
    )
    return Story(f"Weight gradient: dw{line.title()}", grids, steps, loops.conv1d_weight_gradient)


@animation
def conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0):
    """The story of the input gradient by scatter: dy (m,), x (n,), w (k,) -> dx (n,). Of x only the length matters.

    One step for each output: it adds its share to every input of its window.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    grids = by_key(
        line.input("dx", GRADIENT, np.zeros(line.n), collects=True),
        line.kernel("w", KERNEL, w),
        line.output("dy", UPSTREAM, dy),
    )
    steps = [Step("dx starts as zeros. Every output will hand its gradient back to the inputs it was made of.")]
    for i in range(line.m):
        window = line.window(i)
        steps.append(
            Step(
                f"dy[{i}] = {amount(dy[i])} goes back to the window that made y[{i}]. Each input receives it times "
                f"the weight it went through.{_padding_note(grids['dx'], window, 'receives a share that is cut off')}",
                f"{_cells(grids['dx'], window)} += {_cell(grids['dy'], i)} · {_cells(grids['w'], range(line.k))}",
                f"+= {mark('dy', bracketed(dy[i]))} · {_numbers('w', w)} = {_numbers('dx', dy[i] * w)}",
                "+= dy[j] * w",
                (Flow("dx", window, (("dy", i), ("w", list(range(line.k))))),),
                {"w": (i * line.stride, MIDDLE)},
                beside=f"j = {i}, dy[j] = {amount(dy[i])}",
            )
        )
    steps.append(
        Step(
            "dx is complete. Where windows overlapped, the shares added up."
            + (" The padding is cut off." if line.padding else "")
            + line.missed("its gradient stays 0")
        )
    )
    return Story(f"Input gradient by scatter: dx{line.title()}", grids, steps, loops.conv1d_input_gradient_scatter)


@animation
def conv1d_input_gradient_gather(dy, x, w, stride=1, padding=0):
    """The story of the input gradient by gather: dy (m,), x (n,), w (k,) -> dx (n,). Of x only the length matters.

    One step for each input: it sums over the outputs that it fed.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    full = line.n + 2 * line.padding
    spread = np.zeros(full - line.k + 1)
    spread[:: line.stride] = dy
    reach = line.k - 1
    grids = by_key(
        line.input("dx", GRADIENT, np.zeros(line.n), collects=True, empty=True),
        line.kernel("w", KERNEL, w[::-1], flipped=True, turns=1),
        Grid(
            "dy", UPSTREAM, np.pad(spread, reach)[None], (-reach / 2, BOTTOM),
            pad=(0, reach), gaps=(1, line.stride), ndim=1,
        ),
    )  # fmt: skip
    padded, flipped = grids["dy"].values[0], w[::-1]
    steps = [
        Step(f"Every input will collect from the outputs it fed.{_zeros_around(reach, line.stride)}"),
        Step(
            "From the first output that an input fed to the last, it met the weights from the last to the first. "
            "So w is turned round.",
            moves={"w": (-reach / 2, MIDDLE)},
        ),
    ]
    for i in range(full):
        reads = list(range(i, i + line.k))
        dx = float(padded[reads] @ flipped)
        steps.append(
            Step(
                _who_it_fed(grids, i, reads),
                f"{_cell(grids['dx'], i)} = {_products(grids['dy'], reads, grids['w'], range(line.k))}",
                f"= {_product_numbers('dy', padded[reads], 'w', flipped)} = {mark('dx', amount(dx))}",
                "dxp[i] = np.sum(",
                (Flow("dx", [i] * line.k, (("dy", reads), ("w", list(range(line.k))))),),
                {"w": (i - reach / 2, MIDDLE)},
                beside=f"i = {i}, dxp[i] = {amount(dx)}",
            )
        )
    steps.append(
        Step(
            "dx is complete: the same numbers as by scatter."
            + (" The padding is cut off." if line.padding else "")
            + line.missed("its gradient is 0")
        )
    )
    return Story(f"Input gradient by gather: dx{line.title()}", grids, steps, loops.conv1d_input_gradient_gather)


# ---------------------------------------------------------------- arguments and words


def _arrays(**arrays):
    found = drawable(**arrays)
    for name, array in zip(arrays, found, strict=True):
        checks.ndim(name, array, {"x": "(n,)", "w": "(k,)", "dy": "(m,)"}[name])
    return found


def _line(dy, x, w, stride, padding):
    line = Line(len(x), len(w), stride, padding)
    checks.shape("dy", dy, (line.m,), "the shape of y")
    return line


def _zeros_around(reach, stride):
    """A sentence about the zeros put into dy before it is read, or ""."""
    places = [(reach, "at each end"), (stride - 1, "between its values")]
    named = [f"{count} {'zero' if count == 1 else 'zeros'} {where}" for count, where in places if count]
    return f" dy gets {' and '.join(named)}." if named else ""


def _places(count):
    return "1 place" if count == 1 else f"{count} places"


def _padding_note(grid, cells, what):
    count = sum(grid.is_filler(cell) for cell in cells)
    if not count:
        return ""
    return f" The padding cell {what}." if count == 1 else f" Each of the {count} padding cells {what}."


def _who_it_fed(grids, i, reads):
    dy, dx = grids["dy"], grids["dx"]
    fed = [f"y[{dy.place(cell)[1]}]" for cell in reads if not dy.is_filler(cell)]
    who = "This padding cell" if dx.is_filler(i) else f"x[{dx.place(i)[1]}]"
    if not fed:
        return f"{who} fed no output, so it collects nothing."
    named = fed[0] if len(fed) == 1 else ", ".join(fed[:-1]) + f" and {fed[-1]}"
    weights = "the weight between them" if len(fed) == 1 else "the weight between them, and adds up"
    return f"{who} fed {named}. It takes back {'its' if len(fed) == 1 else 'their'} dy times {weights}."


def _cell(grid, cell):
    """The name of a cell in a formula; zeros that are not data are written as 0."""
    name = "0" if grid.is_filler(cell) and not grid.collects else grid.cell_name(cell)
    return mark(grid.key, "pad" if grid.is_filler(cell) and grid.collects else name)


def _cells(grid, cells):
    return "(" + ", ".join(_cell(grid, cell) for cell in cells) + ")"


def _numbers(key, values):
    return "(" + ", ".join(mark(key, amount(value)) for value in values) + ")"


def _products(first, cells, second, others):
    return " + ".join(f"{_cell(first, a)}·{_cell(second, b)}" for a, b in zip(cells, others, strict=True))


def _product_numbers(first, a, second, b):
    pairs = zip(a, b, strict=True)
    return " + ".join(f"{mark(first, bracketed(u))}·{mark(second, bracketed(v))}" for u, v in pairs)
