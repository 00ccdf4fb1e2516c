"""Arrays -> pictures. Every function draws on the Axes it is given; a lesson decides how they are arranged."""

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from course_lib.frames.roles import PALETTE

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
