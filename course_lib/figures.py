"""Pictures of arrays. Every function draws on the Axes it is given; a lesson decides how they are arranged."""

import functools
import io
from itertools import zip_longest

import matplotlib as mpl
import numpy as np
from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib_inline.backend_inline import set_matplotlib_formats

from course_lib import looks
from course_lib.looks import ABOVE_ZERO, BELOW_ZERO, NEUTRAL, PALETTE, WHITE, amount, number, on_any_page, rgb

# a picture does not know whether its page is light or dark: the ground is left out, and what is drawn suits both
INK = looks.INK_ANYWHERE
GROUND = "none"
COLOURS = {role: on_any_page(tones) for role, tones in PALETTE.items()}

STYLE = {
    "figure.facecolor": "white",  # what Jupyter asks before it lays a page of its own under a picture; never painted
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "savefig.facecolor": GROUND,
    "axes.facecolor": GROUND,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": mpl.cycler(color=[COLOURS[role] for role in looks.APART]),
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "lines.linewidth": 2,
}


def use_style():
    """One look for every figure of the course."""
    mpl.rcParams.update(STYLE)
    if get_ipython() is not None:
        set_matplotlib_formats("png", facecolor=GROUND)


def row(*widths, height=2.4, scale=1.0):
    """Makes a figure and returns its Axes, one for each relative width."""
    from matplotlib import pyplot as plt  # takes long to load, and widgets must do without it

    _, axes = plt.subplots(1, len(widths), figsize=(scale * sum(widths), height), width_ratios=widths, squeeze=False)
    return list(axes[0])


def png(draw, width=720, height=300, above=54):
    """Returns the bytes of a PNG of what draw(ax) draws, at twice the resolution; all lengths are in pixels.

    above: the room for a title and a legend. Safe in a widget's callbacks, where pyplot is not.
    """
    left, below, right = 70, 50, 20  # fixed, because a layout engine doubles the time
    place = left / width, below / height, 1 - (left + right) / width, 1 - (below + above) / height
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width / 100, height / 100), dpi=200, layout="none")
        draw(figure.add_axes(place))
        return png_of(figure)


def png_of(figure):
    """Returns the bytes of a PNG of a figure, which must not be pyplot's in a widget's callbacks."""
    buffer = io.BytesIO()
    for ax in figure.axes:
        ax.set_facecolor(GROUND)
    figure.savefig(buffer, format="png", facecolor=GROUND)
    return buffer.getvalue()


def numbers(ax, values, title="", role="input"):
    """Draws values (n,) or (H, W) as a grid with its numbers."""
    values = np.atleast_2d(values)
    H, W = values.shape
    _cells(ax, values, 0, 0, role)
    edge = 0.5 if _is_numbered((H, W)) else 0.1
    _sheet(ax, -edge, W + 0.1, -edge, H + 0.1)
    ax.set_title(title)


def heat(ax, values, title="", limit=None):
    """Draws values (H, W) in blue above zero and orange below: the page's own colour at zero, full at the limit."""
    limit = limit or _largest(values)
    ax.imshow(values, cmap=_signs(), vmin=-limit, vmax=limit)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


@functools.cache
def _signs():
    """The colour map of signed values: the larger a value, the less of the page is seen through it."""
    below, above = (mpl.colors.to_rgba_array(colour.light)[0] for colour in (BELOW_ZERO, ABOVE_ZERO))
    shares = np.linspace(-1, 1, 257)[:, None]  # an odd number has a middle, which is clear
    shades = np.where(shares < 0, below, above)
    shades[:, 3:] = np.abs(shares)
    return mpl.colors.ListedColormap(shades, "signs")


def _largest(values):
    """The largest absolute value; never 0, so that it can be divided by."""
    return max(np.abs(values).max(), np.finfo(float).tiny)


def image(ax, values, title="", **limits):
    """Draws values (H, W) as a grey picture."""
    ax.imshow(values, cmap="gray", **limits)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def curves(ax, title="", x_label="", log=False, **series):
    """Draws one labelled line for each of series, name=values."""
    for name, values in series.items():
        ax.plot(values, label=name.replace("_", " "))
    if log:
        ax.set_yscale("log")
    ax.set(title=title, xlabel=x_label)
    if len(series) > 1:
        ax.legend(frameon=False)


# ---------------------------------------------------------------- sums of products, cell by cell

MOST_NUMBERED = 12  # rows or columns of a matrix that has its indices at its edges
ABOVE_CELLS, ABOVE_INDICES = 0.22, 0.5  # where indices and names stand, in cells


def matrix_product(ax, matrix, right, names, roles, row=None, column=None):
    """Draws matrix (m, n) · right (n,) or (n, c) = result; a row or a column of the matrix may be framed.

    names, roles: those of matrix, right and result. All cells have the same size.
    """
    right = right.reshape(len(right), -1)
    (m, n), c = matrix.shape, right.shape[1]
    middle = max(m, n) / 2
    parts = zip((matrix, right, matrix @ right), (0, n + 1, n + c + 2), names, roles, strict=True)
    for values, left, name, role in parts:
        _cells(ax, values, left, middle - len(values) / 2, role)
        ax.text(left + values.shape[1] / 2, middle - len(values) / 2 - ABOVE_INDICES, name, ha="center", va="bottom")
    for sign, place in (("·", n + 0.4), ("=", n + c + 1.4)):
        ax.text(place, middle, sign, ha="center", va="center", fontsize=16)
    if row is not None:
        _frame(ax, 0, middle - m / 2 + row, n, 1, roles[0])
    if column is not None:
        _frame(ax, column, middle - m / 2, 1, m, roles[0])
    _sheet(ax, -0.5, n + 2 * c + 2.2, -1.1, max(m, n) + 0.2)


def beside(ax, arrays, names, role, signs=()):
    """Draws arrays (rows, columns) from left to right, with cells of one size and signs such as "+" between them.

    role: of all of them, or a sequence with the role of each
    """
    roles = [role] * len(arrays) if isinstance(role, str) else role
    tallest, left = max(map(len, arrays)), 0
    for values, name, of, sign in zip_longest(arrays, names, roles, signs, fillvalue=""):
        top = (tallest - len(values)) / 2
        _cells(ax, values, left, top, of)
        left += values.shape[1]
        ax.text(left - values.shape[1] / 2, top - ABOVE_INDICES, name, ha="center", va="bottom")
        ax.text(left + 0.4, tallest / 2, sign, ha="center", va="center", fontsize=16)
        left += 1
    _sheet(ax, -0.5, left - 0.8, -1.1, tallest + 0.2)


def windows(ax, x, kernel_size, winners):
    """Draws x (H, W), its tiling windows each in a colour, and beside it the matrix (windows, H W) of their winners.

    winners: of each window, row by row, the number of the pixel that won; it is framed, and its 1 has the same colour.
    """
    (H, W), across = x.shape, x.shape[1] // kernel_size
    of = {(i, j): i // kernel_size * across + j // kernel_size for i, j in np.ndindex(H, W)}
    left, high = W + 2.4, max(H, len(winners))
    top, below = (high - H) / 2, (high - len(winners)) / 2
    for (i, j), window in of.items():
        won = i * W + j == winners[window]
        _coloured(ax, j, top + i, window, amount(x[i, j]), 0.55 if won else 0.2)
        if won:
            ax.add_patch(Rectangle((j + 0.06, top + i + 0.06), 0.88, 0.88, fill=False, ec="black", lw=2.2))
    for window, pixel in np.ndindex(len(winners), H * W):
        if winners[window] == pixel:
            _coloured(ax, left + pixel, below + window, window, "1", 0.55)
        else:
            ax.add_patch(Rectangle((left + pixel, below + window), 1, 1, fill=False, ec=NEUTRAL, lw=0.5))
    look = {"ha": "center", "va": "center", "color": INK, "fontsize": 9}
    for pixel in range(H * W):
        ax.text(left + pixel + 0.5, below - 0.4, pixel, **look)
    for window in range(len(winners)):
        ax.text(left - 0.5, below + window + 0.5, window, **look)
    ax.text(W / 2, top - 0.9, "x: the winner of each window framed", ha="center", va="bottom")
    ax.text(left + H * W / 2, below - 0.9, "A: a row a window, a column a pixel", ha="center", va="bottom")
    _sheet(ax, -0.7, left + H * W + 0.2, min(top, below) - 1.7, high + 0.2)


def _coloured(ax, left, top, number, text, share):
    """A cell in the colour of one of several things that are told apart."""
    role = looks.APART[number % len(looks.APART)]
    fill = _tint(PALETTE[role].light, share)
    ax.add_patch(Rectangle((left, top), 1, 1, fc=fill, ec=COLOURS[role], lw=0.9))
    ax.text(left + 0.5, top + 0.5, text, ha="center", va="center", color="black", fontsize=10)


def _cells(ax, values, left, top, role):
    """Draws values (rows, columns) as the players do: squares in the colour of their role, with their indices.

    Zeros are left clear, and a number below zero has a minus under it as well, as in the players.
    """
    largest = _largest(values)
    for (i, j), value in np.ndenumerate(values):
        fill = _tint(PALETTE[role].light, 0.05 + 0.6 * abs(value) / largest) if value else GROUND
        ax.add_patch(Rectangle((left + j, top + i), 1, 1, fc=fill, ec=COLOURS[role], lw=0.9))
        colour = "black" if value else NEUTRAL
        ax.text(left + j + 0.5, top + i + 0.5, amount(value), ha="center", va="center", color=colour, fontsize=10)
        if value < 0:
            ax.add_patch(Rectangle((left + j + 0.28, top + i + 0.85), 0.44, 0.07, fc="black", lw=0, alpha=0.6))
    _indices(ax, values.shape, left, top)


def _is_numbered(shape):
    return max(shape) <= MOST_NUMBERED and min(shape) > 1


def _indices(ax, shape, left, top):
    """Numbers the rows and columns of a matrix at its edges; large ones, and single rows and columns, need none."""
    rows, columns = shape
    if not _is_numbered(shape):
        return
    look = {"ha": "center", "va": "center", "color": NEUTRAL, "fontsize": 7.5}
    for row in range(rows):
        ax.text(left - ABOVE_CELLS, top + row + 0.5, row, **look)
    for column in range(columns):
        ax.text(left + column + 0.5, top - ABOVE_CELLS, column, **look)


def _tint(colour, share):
    """White with a share of a colour: opaque, so that black numbers are legible on it on a dark page too."""
    return np.array(looks.mixed(WHITE, rgb(colour), share)) / 255


def _frame(ax, left, top, width, height, role):
    ax.add_patch(Rectangle((left, top), width, height, fill=False, ec=COLOURS[role], lw=2.5, zorder=3))


def _sheet(ax, left, right, top, bottom):
    """Removes the axes and lets rows count downwards."""
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


# ---------------------------------------------------------------- slopes


def graph(ax, nodes, edges, gradients=None):
    """Draws a computation as boxes with arrows. nodes: {name: (column, row, value)}; edges: (from, to), forward.

    gradients: {name: its gradient}, written below the boxes.
    """
    width, height, across, down = 1.7, 0.66, 2.6, 1.3
    for name, (column, row, value) in nodes.items():
        left, top = column * across, row * down
        ax.add_patch(Rectangle((left, top), width, height, fc=GROUND, ec=COLOURS["input"], lw=1.5))
        ax.text(left + width / 2, top + height / 2, f"{name} = {amount(value)}", ha="center", va="center")
        if gradients:
            label, colour = f"d{name} = {amount(gradients[name])}", COLOURS["gradient"]
            ax.text(left + width / 2, top + height + 0.24, label, ha="center", va="center", color=colour)
    for start, end in edges:
        tail, head = ((nodes[name][0] * across, nodes[name][1] * down + height / 2) for name in (start, end))
        arrow = {"arrowstyle": "->", "color": COLOURS["count"], "lw": 1.5}
        ax.annotate("", head, (tail[0] + width, tail[1]), arrowprops=arrow)
    columns, rows = (max(place) for place in zip(*((column, row) for column, row, _ in nodes.values()), strict=True))
    _sheet(ax, -0.1, columns * across + width + 0.1, -0.1, rows * down + height + 0.5)


def tape(ax, nodes, gradients=False):
    """Draws the nodes of a tape, parents first, as boxes with arrows: name, and value or shape; below, the gradient.

    Each node has .name, .value, .parents and .grad. Of a gradient that is an array, the mean size is written.
    """
    places = _places_on_tape(nodes)
    for node, (left, top) in places.items():
        role = "output" if node.parents else "input"
        ax.add_patch(Rectangle((left, top), 1.7, 1, fc=GROUND, ec=COLOURS[role], lw=1.5))
        value, grad = np.asarray(node.value), node.grad
        says = amount(float(value)) if value.ndim == 0 else "×".join(map(str, value.shape))
        ax.text(left + 0.85, top + 0.33, node.name, ha="center", va="center")
        ax.text(left + 0.85, top + 0.72, says, ha="center", va="center", fontsize=7.5)
        if gradients and grad is not None:
            size = amount(float(grad)) if np.ndim(grad) == 0 else f"|·| {number(float(np.abs(grad).mean()), 2)}"
            ax.text(left + 0.85, top + 1.22, size, ha="center", va="center", color=COLOURS["gradient"], fontsize=9)
        for parent in node.parents:
            start, end, bend = _arrow_on_tape(places[parent], (left, top))
            arrow = {"arrowstyle": "->", "color": COLOURS["count"], "lw": 1.2, "connectionstyle": f"arc3,rad={bend}"}
            ax.annotate("", end, start, arrowprops=arrow)
    right, bottom = (max(axis) for axis in zip(*places.values(), strict=True))
    arrows = (_arrow_on_tape(places[parent], child) for node, child in places.items() for parent in node.parents)
    arched = any(bend < 0 for _, _, bend in arrows)
    _sheet(ax, -0.1, right + 1.8, -1.6 if arched else -0.1, bottom + 1.5)


def _arrow_on_tape(tail, head):
    """(start, end, bend) of the arrow between two boxes: past those in between, above the results or below them."""
    (left, top), (to_left, to_top) = tail, head
    if to_left - left <= 3:
        return (left + 1.7, top + 0.5), (to_left, to_top + 0.5), 0
    if top > to_top:
        return (left + 1.7, top + 0.5), (to_left + 0.5, to_top + 1), 0.2
    return (left + 1, top), (to_left + 0.5, to_top), -0.35


def _places_on_tape(nodes):
    """node -> (left, top): results in one row, and below it what they were made of, one column before its first use."""
    column, below = {}, {}
    for node in nodes:
        if node.parents:
            column[node] = 1 + max(column.get(parent, 0) for parent in node.parents)
    for node in nodes:
        for parent in node.parents:
            if not parent.parents and parent not in column:
                column[parent] = column[node] - 1
    for node in nodes:
        column.setdefault(node, 0)
    filled = {column[node] for node in nodes if node.parents}
    places = {}
    for node in [node for node in nodes if node.parents] or nodes:
        for one in (*node.parents, node):
            if one not in places:
                level = below.get(column[one], int(column[one] in filled)) if not one.parents else 0
                below[column[one]] = level + 1 if not one.parents else below.get(column[one], 1)
                places[one] = (2.05 * column[one], 1.7 * level)
    return places


def slope(ax, f, at, eps, title=""):
    """Draws the curve of f around `at`, and the line through its points at `at` ± eps, whose slope is measured."""
    x = np.linspace(at - 2.2 * eps, at + 2.2 * eps, 201)
    ends = np.array([at - eps, at + eps])
    ax.plot(x, f(x), color=COLOURS["input"])
    measured = (f(ends[1]) - f(ends[0])) / (2 * eps)
    ax.plot(ends, f(ends), "o-", color=COLOURS["gradient"], lw=1.5)
    ax.plot(at, f(at), "s", color=COLOURS["input"])
    ax.set_xticks([at - eps, at, at + eps], ["x − eps", "x", "x + eps"])
    ax.set(yticks=[], title=f"{title}measured slope {number(measured)}")


def descent(ax, loss, paths):
    """Draws loss(w0, w1) as contour lines, and on it paths, {name: points (n, 2)}, each with its own marker."""
    points = np.concatenate(list(paths.values()))
    margin = 0.1 * np.ptp(points, axis=0)
    sides = zip(points.min(axis=0) - margin, points.max(axis=0) + margin, strict=True)
    grid = np.meshgrid(*(np.linspace(*ends, 100) for ends in sides))
    levels = loss(*points[0]) * 2.0 ** -np.arange(8)[::-1]
    ax.contour(*grid, loss(*grid), levels=levels, colors=NEUTRAL, alpha=0.6, linewidths=0.8)
    for (name, path), marker in zip(paths.items(), "os^D", strict=False):
        ax.plot(*np.transpose(path), marker=marker, ms=4, lw=1.2, label=name)
    ax.set(xlabel="w0", ylabel="w1")
    ax.legend(frameon=False)


# ---------------------------------------------------------------- layers in a row


def layers_in_a_row(ax, names, forward, backward, kept):
    """Draws k boxes with names and texts (kept), and k + 1 texts on the arrows of each way, forward and backward."""
    width, gap = 2.6, 2.2
    for place, (name, inside) in enumerate(zip(names, kept, strict=True)):
        left = gap + place * (width + gap)
        ax.add_patch(Rectangle((left, -1), width, 2, fc=GROUND, ec=COLOURS["count"], lw=1.5))
        ax.text(left + width / 2, 0.45, name, ha="center", va="center", weight="bold")
        ax.text(left + width / 2, -0.45, inside, ha="center", va="center", color=COLOURS["gradient"])
    for place, (ahead, back) in enumerate(zip(forward, backward, strict=True)):
        start, end = place * (width + gap) + 0.2, place * (width + gap) + gap - 0.2
        _arrow(ax, start, end, 0.45, ahead, "output")
        _arrow(ax, end, start, -0.45, back, "gradient")
    _sheet(ax, 0, len(names) * (width + gap) + gap, -1.3, 1.3)
    ax.invert_yaxis()


def _arrow(ax, start, end, height, text, role):
    """Draws an arrow with its text on the side away from the arrow of the other direction."""
    colour, side = COLOURS[role], np.sign(height)
    ax.annotate("", (end, height), (start, height), arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.8})
    ax.text(
        (start + end) / 2, height + 0.12 * side, text, ha="center", va="bottom" if side > 0 else "top", color=colour
    )


# ---------------------------------------------------------------- what a network has learnt


def kernel(ax, values, title="", limit=None):
    """Draws values (kH, kW) in blue above zero and orange below, on white, with the numbers rounded to hundredths."""
    limit = limit or _largest(values)
    heat(ax, np.zeros_like(values), title, limit)
    for (i, j), value in np.ndenumerate(values):
        share = min(abs(value) / limit, 1)
        fill = _tint((BELOW_ZERO if value < 0 else ABOVE_ZERO).light, share)
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fc=fill, ec=NEUTRAL, lw=0.5))
        ax.text(j, i, number(round(value, 2)), ha="center", va="center", color=_text_on(fill), fontsize=8)


def _text_on(fill):
    """Black or white, whichever is legible on a fill, three channels from 0 to 1."""
    return "black" if looks.text_on(255 * np.asarray(fill)) == looks.BLACK else "white"


def mosaic(ax, images, title="", columns=8):
    """Draws images (n, H, W) as one grey picture, `columns` of them in a row."""
    n, H, W = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, H + 1, W + 1), np.nan)  # nan is left clear: a line between the images
    sheet[:n, :H, :W] = images
    sheet = sheet.reshape(rows, columns, H + 1, W + 1).transpose(0, 2, 1, 3).reshape(rows * (H + 1), -1)
    image(ax, sheet[:-1, :-1], title)


def confusion(ax, counts, title=""):
    """Draws counts (classes, classes): how often class i (row) was taken for class j (column); mistakes in colour."""
    most = max((counts * (1 - np.eye(len(counts), dtype=int))).max(), 1)
    for (i, j), count in np.ndenumerate(counts):
        colour, share = (NEUTRAL, 0.35) if i == j else (looks.WRONG, count / most)
        if count:
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fc=_tint(colour, share), ec=NEUTRAL, lw=0.4))
        ax.text(j, i, count or "·", ha="center", va="center", color="black" if count else INK, fontsize=9)
    classes, edges = np.arange(len(counts)), (-0.5, len(counts) - 0.5)
    ax.set(xlim=edges, ylim=edges[::-1], aspect="equal", xticks=classes, yticks=classes)
    ax.set(xlabel="taken for", ylabel="is", title=title)
    ax.spines[:].set_visible(False)


def _class_bars(ax, values, answer):
    """Draws values (classes,) as bars and returns them; the right class is green, as is its number."""
    classes = range(len(values))
    bars = ax.bar(classes, values, color=[COLOURS["output" if c == answer else "count"] for c in classes])
    ax.set(xticks=classes, yticks=[])
    ax.get_xticklabels()[answer].set(color=COLOURS["output"], weight="bold")
    return bars


def probabilities(ax, values, answer):
    """Draws values (classes,) as bars, with percentages on those that matter; the right class is green."""
    bars = _class_bars(ax, values, answer)
    written = [f"{value:.0%}" if c == answer or value >= 0.05 else "" for c, value in enumerate(values)]
    labels = ax.bar_label(bars, written, fontsize=8)
    for c in range(len(values) - 1):  # two labels side by side step aside for each other
        if written[c] and written[c + 1] and abs(values[c] - values[c + 1]) < 0.15:
            labels[c].set_ha("right")
            labels[c + 1].set_ha("left")
    ax.set(ylim=(0, 1.2))
    ax.spines["left"].set_visible(False)


def slopes(ax, values, answer, title=""):
    """Draws values (classes,) as signed bars with their numbers; the right class is green, as in `probabilities`."""
    bars = _class_bars(ax, values, answer)
    ax.bar_label(bars, [looks.signed(round(value, 2)) for value in values], padding=2)
    ax.axhline(0, color=NEUTRAL, lw=1)
    ax.set(xlabel="class", title=title)
    ax.margins(y=0.25)
    ax.spines[["left", "bottom"]].set_visible(False)


def saliency(ax, picture, dx, title=""):
    """Draws dx (H, W) as `heat` does, with the outline of picture (H, W), and + and − on the largest of each sign.

    One pixel in a hundred is beyond full colour; otherwise a few large values would leave the rest pale.
    """
    heat(ax, dx, title, np.percentile(np.abs(dx), 99))
    ax.contour(picture, levels=[picture.max() / 2], colors=INK, linewidths=0.8)
    for sign, mark in ((1, "+"), (-1, "−")):
        strongest = np.argmax(sign * dx)
        if sign * dx.flat[strongest] > 0:
            row, column = divmod(strongest, dx.shape[1])
            full = rgb((ABOVE_ZERO if sign > 0 else BELOW_ZERO).light)
            colour = _text_on(np.array(full) / 255)
            ax.text(column, row, mark, ha="center", va="center", color=colour, fontsize=11, weight="bold")


# ---------------------------------------------------------------- how large gradients are


def flow(ax, readings, before=(), title=""):
    """Draws the sizes of gradients, layer by layer: a dot for that of the output, a square for that of the weight.

    readings: from flow.gradient_sizes, one for each layer; before: those of another network, in grey.
    """
    sizes = [size for reading in (*readings, *before) for size in (reading.activation, reading.weight) if size]
    lowest, highest = np.log10(min([1e-12, *sizes])), np.log10(max([1e4, *sizes]))
    margin = 0.12 * (highest - lowest)  # for the numbers
    _path(ax, _layers_with(before, "activation"), NEUTRAL, ":", "before: mean |dy|")
    weights, outputs = _layers_with(readings, "weight"), _layers_with(readings, "activation")
    _path(ax, weights, COLOURS["kernel"], "--", "mean |dw| of its weight", "s")
    _path(ax, outputs, COLOURS["gradient"], "-", "mean |dy| of its output", "o")
    for end in (0, -1):
        by_size = sorted((weights[end], outputs[end]), key=lambda point: point[1])
        for (layer, size), place in zip(by_size, (-16, 9), strict=True):
            ax.annotate(number(size, 2), (layer, size), (0, place), textcoords="offset points", ha="center", fontsize=9)
    powers = np.arange(np.ceil(lowest - margin), highest + margin)
    powers = powers[:: -(-len(powers) // 7)]
    ax.set(yscale="log", ylim=(10 ** (lowest - margin), 10 ** (highest + margin)))
    ax.set_yticks(10.0**powers, [number(10.0**power) for power in powers])
    ax.set_yticks([], minor=True)
    ax.grid(axis="y", color=NEUTRAL, alpha=0.4, lw=0.5)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("layer (the gradient comes from the right)")
    ax.set_title(title, loc="left", pad=22)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=3, fontsize=9, borderpad=0)


def _layers_with(readings, size):
    """[(number of the layer, that size of its gradient)] of the layers that have it."""
    return [(layer, value) for layer, reading in enumerate(readings, 1) if (value := getattr(reading, size))]


def _path(ax, points, colour, style, label, marker=None):
    if points:
        ax.plot(*zip(*points, strict=True), style, color=colour, marker=marker, ms=4.5, lw=1.5, label=label)
