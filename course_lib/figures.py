"""Arrays -> pictures. Every function draws on the Axes it is given; a lesson decides how they are arranged."""

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from course_lib.frames.roles import PALETTE
from course_lib.frames.story import number

STYLE = {
    "figure.facecolor": "white",  # opaque: legible on JupyterLab's dark theme as well
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "lines.linewidth": 2,
}


def use_style():
    """One look for every figure of the course."""
    mpl.rcParams.update(STYLE)


def row(*widths, height=2.4, scale=1.0):
    """A figure with one Axes for each relative width -> the list of Axes."""
    _, axes = plt.subplots(
        1, len(widths), figsize=(scale * sum(widths), height), width_ratios=widths, squeeze=False
    )
    return list(axes[0])


def numbers(ax, values, title="", role="input", lit=()):
    """values (n,) or (H, W) as a grid with its numbers printed; `lit` are the indices of cells to frame."""
    values = np.atleast_2d(values)
    lit = {tuple(np.atleast_1d(index)) if values.shape[0] > 1 else (0, *np.atleast_1d(index)) for index in lit}
    strength = np.abs(values) / max(np.abs(values).max(), np.finfo(float).tiny)
    colour = np.array(mpl.colors.to_rgb(PALETTE[role][0]))
    ax.imshow(1 - 0.6 * strength[..., None] * (1 - colour), aspect="equal")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.3g}", ha="center", va="center", color="black", fontsize=10)
        if (i, j) in lit:
            ax.add_patch(Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, fill=False, lw=2.2, ec=PALETTE[role][0]))
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def heat(ax, values, title=""):
    """values (H, W) in red (positive) and blue (negative), white at zero."""
    limit = max(np.abs(values).max(), np.finfo(float).tiny)
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def image(ax, values, title="", **limits):
    """values (H, W) as a grey picture."""
    ax.imshow(values, cmap="gray", **limits)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


def curves(ax, title="", x_label="", log=False, **series):
    """series: name -> values; one labelled line each."""
    for name, values in series.items():
        ax.plot(values, label=name.replace("_", " "))
    if log:
        ax.set_yscale("log")
    ax.set(title=title, xlabel=x_label)
    if len(series) > 1:
        ax.legend(frameon=False)


# ---------------------------------------------------------------- sums of products, cell by cell


def matrix_product(ax, matrix, vector, names, roles, row=None, column=None):
    """matrix (m, n) · vector (n,) = result (m,), all cells of one size; a row or column of the matrix is framed.

    names, roles: of matrix, vector and result.
    """
    m, n = matrix.shape
    middle = max(m, n) / 2
    parts = zip((matrix, vector[:, None], (matrix @ vector)[:, None]), (0, n + 1, n + 3), names, roles, strict=True)
    for values, left, name, role in parts:
        _cells(ax, values, left, middle - len(values) / 2, role)
        ax.text(left + values.shape[1] / 2, middle - len(values) / 2 - 0.3, name, ha="center", va="bottom")
    for sign, place in (("·", n + 0.5), ("=", n + 2.5)):
        ax.text(place, middle, sign, ha="center", va="center", fontsize=16)
    if row is not None:
        _frame(ax, 0, middle - m / 2 + row, n, 1, roles[0])
    if column is not None:
        _frame(ax, column, middle - m / 2, 1, m, roles[0])
    _sheet(ax, -0.2, n + 4.2, -1, max(m, n) + 0.2)


def parts_and_sum(ax, parts, names, total_name, role):
    """parts (m, n), one in each row, and below the line their sum (n,)."""
    m, n = parts.shape
    _cells(ax, parts, 0, 0, role)
    _cells(ax, parts.sum(axis=0)[None], 0, m + 0.4, role)
    ax.plot([0, n], [m + 0.2, m + 0.2], color="black", lw=1)
    for name, place in zip([*names, total_name], [*np.arange(m), m + 0.4], strict=True):
        ax.text(-0.2, place + 0.5, name, ha="right", va="center")
    _sheet(ax, -2.2, n + 0.2, -0.2, m + 1.6)


def _cells(ax, values, left, top, role):
    """values (rows, columns) as squares of side 1; zeros stay in the background."""
    edge = PALETTE[role][0]
    largest = max(np.abs(values).max(), np.finfo(float).tiny)
    for (i, j), value in np.ndenumerate(values):
        fill = (*mpl.colors.to_rgb(edge), 0.05 + 0.5 * abs(value) / largest if value else 0)
        ax.add_patch(Rectangle((left + j, top + i), 1, 1, fc=fill, ec="0.8"))
        colour = "black" if value else "0.6"
        ax.text(left + j + 0.5, top + i + 0.5, number(value), ha="center", va="center", color=colour, fontsize=10)


def _frame(ax, left, top, width, height, role):
    ax.add_patch(Rectangle((left, top), width, height, fill=False, ec=PALETTE[role][1], lw=2.5, zorder=3))


def _sheet(ax, left, right, top, bottom):
    """Empty paper, with rows counted downwards."""
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
