"""The still picture of a dashboard: the same views, on a light page."""

import base64
import io
import math

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter
from PIL import Image

from course_lib import looks
from course_lib.looks import GRADIENT, PALETTE, number
from course_lib.widgets.still import WIDTH, compressed, signed

_DPI = 200
_STRIP = 0.85  # inches for a row of images
_ROOM_FOR_LENGTH = 0.2  # of the scale, between a bar and the line of its start
_LONGEST = 106  # letters that fit on a line in the usual size
_INK, _SOFT, _LINE = looks.INK.light, looks.SOFT.light, looks.FAINT.light


def png(now, curve, passed, filters, norms, sample=None, hard=None):
    """Returns a PNG, at twice the resolution, of what a dashboard shows (see dashboard.py)."""
    rows, below = 1 + bool(filters or norms), _STRIP if hard else 0
    size_in_inches = WIDTH / 100, 0.5 + 2.3 * rows + below
    figure = Figure(size_in_inches, dpi=_DPI, facecolor="white", layout="none")  # whatever a lesson has set
    canvas = FigureCanvasAgg(figure)
    height = figure.get_figheight()
    words = summary(now, passed)
    size = min(9, 9 * _LONGEST / len(words))
    figure.text(0.012, 1 - 0.2 / height, words, fontsize=size, color=_INK, va="center")
    axes = figure.subplots(
        rows, 2, squeeze=False,
        gridspec_kw={"left": 0.07, "right": 0.985, "top": 1 - 0.62 / height, "bottom": (0.45 + below) / height,
                     "wspace": 0.3, "hspace": 0.48},
    )  # fmt: skip
    _loss(axes[0, 0], curve)
    _epochs(axes[0, 1], passed, now["epochs"], sample or {})
    if hard:
        strip = figure.add_axes((0.012, 0.02 / height, 0.976, below * 0.62 / height))
        _hard_ones(strip, hard, sample["says"])
    if rows == 2:
        _filters(axes[1, 0], filters)
        _norms(axes[1, 1], norms)
    for ax in axes.flat:
        ax.tick_params(which="both", labelsize=8, labelcolor=_INK, color=_LINE, length=2)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(_LINE)
    canvas.draw()
    return compressed(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))


def _title(ax, words):
    ax.set_title(words, loc="left", fontsize=9, fontweight="bold", color=_INK)


def _log(axis, low, high):
    """Sets a logarithmic scale with few labels."""
    steps = (1, 2, 5) if high < 100 * low else (1,)
    axis.set_major_locator(LogLocator(subs=steps, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(NullLocator())


def summary(now, passed):
    """The end of a training in one sentence."""
    done = now["step"] // (now["of"] // now["epochs"])
    how = {"finished": "Finished", "stopped": "Stopped", "failed": "Broken off by an error"}[now["status"]]
    parts = [f"{how} after {_count(done, 'epoch')} and {_count(now['step'], 'step')}", f"{now['seconds']:.0f} s"]
    if now["rate"]:
        parts.append(f"{now['rate']:,.0f} images/s")
    for name in ("train", "test"):
        if passed[name]:
            last = passed[name][-1]
            parts.append(f"{name} {passed['kind']} {f'{last:.2%}' if passed['kind'] == 'accuracy' else number(last)}")
    return " · ".join(parts)


def _count(count, thing):
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _loss(ax, curve):
    width, bins = curve["width"], np.array(curve["bins"]).reshape(-1, 3)
    middle = (np.arange(len(bins)) + 0.5) * width
    mean, low, high = bins.T
    if len(bins) and mean.min() > 0:
        ax.set_yscale("log")
        _log(ax.yaxis, mean.min(), mean.max())
        low = np.maximum(low, mean.min() / 10)  # a single step with a loss near 0 would squash the rest
    ax.fill_between(middle, low, high, color=_INK, alpha=0.16, lw=0)
    ax.plot(middle, mean, color=_INK, lw=1.4)
    _title(ax, "Loss of each step" if width == 1 else f"Loss: mean and range of {width} steps")
    ax.set_xlabel("step", fontsize=8, labelpad=1)


def _epochs(ax, passed, epochs, sample):
    if sample.get("points"):
        label = f"{sample['size']} of the test"
        ax.plot(*np.transpose(sample["points"]), color=looks.TEST.light, lw=0.8, alpha=0.75, label=label)
    for name, values, look in (
        ("train", passed["train"], {"color": looks.TRAIN.light, "ls": "--", "marker": "o", "mfc": "white"}),
        ("test", passed["test"], {"color": looks.TEST.light, "ls": "-", "marker": "s"}),
    ):
        if values:
            ax.plot(np.arange(len(values)) + 1, values, ms=4, lw=1.4, label=name, **look)
    ax.set_xlim(0 if sample.get("points") else 0.7, epochs + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if passed["kind"] == "accuracy":
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if passed["train"] or sample.get("points"):
        ax.legend(frameon=False, fontsize=8)
    _title(ax, f"{passed['kind'].capitalize()} of each epoch")
    ax.set_xlabel("epoch", fontsize=8, labelpad=1)


def _filters(ax, filters):
    """Draws each filter as a small picture: blue above zero, orange and a minus sign below."""
    ax.set_axis_off()
    if not filters:
        return
    _title(ax, f"First layer's filters (full colour ±{number(filters['largest'], 2)})")
    shares = np.array(filters["shares"]) / 99
    count, height, width = shares.shape
    columns = sheet_columns(count)
    for place, values in enumerate(shares):
        top, left = divmod(place, columns)
        top, left = top * (height + 0.5), left * (width + 0.5)
        box = (left, left + width, top + height, top)
        ax.imshow(signed(values) / 255, extent=box, interpolation="nearest", zorder=1)
        for (i, j), value in np.ndenumerate(values):
            if value < 0 and width <= 7:
                ax.text(left + j + 0.5, top + i + 0.5, "−", ha="center", va="center", fontsize=7, color=_INK)
        ax.plot([left, left + width, left + width, left, left], [top, top, top + height, top + height, top],
                color=_LINE, lw=0.6)  # fmt: skip
    rows = math.ceil(count / columns)
    ax.set(xlim=(-0.1, columns * (width + 0.5)), ylim=(rows * (height + 0.5), -0.1), aspect="equal", anchor="NW")


def _hard_ones(ax, hard, says):
    """Draws the images that were wrong at first in a row, and below each what the network says at the end."""
    images, labels = np.asarray(Image.open(io.BytesIO(base64.b64decode(hard["png"])))), hard["labels"]
    right = sum(answer == label for answer, label in zip(says, labels, strict=True))
    _title(ax, f"Hard test images: {right} of {len(labels)} right")
    height, width = len(images), images.shape[1] // len(labels)
    for place, (answer, label) in enumerate(zip(says, labels, strict=True)):
        left, one = 1.12 * place * width, images[:, place * width : (place + 1) * width]
        ax.imshow(one, cmap="gray", vmin=0, vmax=255, extent=(left, left + width, height, 0))
        words, colour = (f"✓ {answer}", looks.RIGHT) if answer == label else (str(answer), looks.WRONG)
        ax.text(left + width / 2, 1.12 * height, words, ha="center", va="top", fontsize=8, color=colour)
    ax.set(xlim=(0, 1.12 * 20 * width), ylim=(1.5 * height, 0), aspect="equal", anchor="NW")
    ax.set_axis_off()


def sheet_columns(count):
    """The number of filters in a row."""
    return min(count, max(4, math.ceil(math.sqrt(2 * count))))


def _norms(ax, norms):
    """Draws a bar for each layer on a logarithmic scale, and a thin line where it was after the first step."""
    _title(ax, "Length of each layer's gradient")
    if not norms:
        ax.set_axis_off()
        return
    names, lengths, first = zip(*norms, strict=True)
    floor, ceiling = scale(lengths, first)
    rows = np.arange(len(names))
    ax.barh(rows, [max(length, floor) for length in lengths], left=0, height=0.55, color=PALETTE[GRADIENT][0])
    for row, (length, then) in enumerate(zip(lengths, first, strict=True)):
        if then > floor:
            ax.plot([then, then], [row - 0.4, row + 0.4], color=_INK, lw=1.2)
        bar = max(length, floor)
        far = math.log(max(then, floor) / bar) > _ROOM_FOR_LENGTH * math.log(ceiling / floor)
        end = (bar if far else max(bar, then), row)  # a number beside the line would be taken for the line's
        ax.annotate(number(length, 2), end, (4, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_xlabel("thin line: at the start", fontsize=8, labelpad=1, color=_SOFT)
    ax.set_xlim(floor, ceiling)  # before the scale, which would choose limits of its own, beyond the range of floats
    ax.set_xscale("log")
    _log(ax.xaxis, floor, ceiling)
    ax.set(yticks=rows, yticklabels=names, ylim=(max(len(names), 4) - 0.4, -0.6))


def scale(lengths, first):
    """The ends of a logarithmic scale, at whole decades, for all lengths above zero; 1e300 stands for infinity."""
    known = [value for value in (*lengths, *first) if 1e-300 < value < 1e300] or [1.0]
    return 10.0 ** math.floor(math.log10(min(known)) - 0.3), 10.0 ** math.ceil(math.log10(max(known)) + 0.1)
