"""A picture while a layer learns a filter: as the layer filters it, beside what it should become."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike
from PIL import Image

from course_lib import functional as F
from course_lib._support import checks
from course_lib.frames.sketch import INK, SOFT, Mark, Picture, Sketch
from course_lib.looks import ABOVE_ZERO, BELOW_ZERO, COUNT, amount, number

_COLUMNS, _KERNEL, _LOSS = (0.0, 1.12, 2.24, 3.36), 0.9, (0.34, 0.98, -1.0, -0.24)  # in sides of the picture
_BOX = (-0.02, -1.24, 4.38, 1.18)
_TOP, _NAMES, _NAMES_BELOW, _TICKS = -0.22, 1.08, -0.12, -1.1
_CUT = 2.18  # between the second and the third column
_GREYS, _SHADES = 48, 24  # that are told apart: fewer make a smaller page
_FULL = 0.65  # how much of the page full colour covers
_PERCENTILE = 95  # of all differences, which has full colour: a few at the edge are far larger


def filter_learnt(
    picture: ArrayLike, losses: ArrayLike, weights: ArrayLike, kernel: ArrayLike, epochs: Sequence[int], name: str
) -> Sketch:
    """picture (H, W) filtered by weights (E or more, k, k) as they stood before some epochs, beside the target.

    losses: (E,), of every epoch. The picture and the kernel are both filtered with zero padding.
    """
    picture, losses, weights, kernel = checks.floats(picture=picture, losses=losses, weights=weights, kernel=kernel)
    checks.ndim("picture", picture, "(H, W)")
    checks.ndim("kernel", kernel, "(k, k)")
    checks.shape("weights", weights, (len(weights), *kernel.shape), "the kernel's, for each epoch")
    if not all(0 <= epoch < min(len(losses), len(weights)) for epoch in epochs):
        raise ValueError(f"epochs must be from 0 to {min(len(losses), len(weights)) - 1}, but are {list(epochs)}")
    target = _filtered(picture, kernel)
    seen = [_filtered(picture, weights[epoch]) for epoch in epochs]
    limits = float(target.min()), float(target.max())
    full = float(np.percentile([np.abs(one - target) for one in seen], _PERCENTILE))
    of_kernel = float(np.abs([kernel, *weights[list(epochs)], *(weights[list(epochs)] - kernel)]).max())
    curve = _places(losses[list(epochs)])
    pictures = []
    for place, (epoch, one) in enumerate(zip(epochs, seen, strict=True)):
        now = weights[epoch]
        marks = [
            _grey(one, *limits, _COLUMNS[1]),
            _signed(one - target, full, _COLUMNS[3], 0.0, 1.0),
            *_cells(now, of_kernel, _COLUMNS[1]),
            *_cells(now - kernel, of_kernel, _COLUMNS[3]),
            Mark("dots", [curve[place]], COUNT),
        ]
        off = float(np.abs(now - kernel).max())
        sentence = f"The loss is {number(losses[epoch])}, and the farthest weight is {number(off, 2)} off."
        pictures.append(Picture("before the first step" if epoch == 0 else f"after epoch {epoch}", sentence, marks))
    fixed = [
        _grey(picture, float(picture.min()), float(picture.max()), _COLUMNS[0]),
        _grey(target, *limits, _COLUMNS[2]),
        *_cells(kernel, of_kernel, _COLUMNS[2]),
        *_names("the picture", "by the layer", "the target", f"difference, ±{number(full, 2)}", _NAMES, 0.5),
        *_names("loss", "kernel as learnt", "kernel", "difference", _NAMES_BELOW, _KERNEL / 2),
        *_axes(losses[list(epochs)], curve, epochs),
        *(_outline(left) for left in _COLUMNS),
    ]
    return Sketch(f"Learning: {name}", pictures, _BOX, (_BOX[3] - _BOX[1]) / (_BOX[2] - _BOX[0]), fixed, _CUT)


def _filtered(picture, kernel):
    return F.conv2d(picture[None, None], kernel[None, None], padding=kernel.shape[0] // 2)[0, 0]


def _names(*names_height_middle):
    *names, height, middle = names_height_middle
    return [Mark("text", [(left + middle, height)], SOFT, name) for left, name in zip(_COLUMNS, names, strict=True)]


# ---------------------------------------------------------------- pictures


def _grey(values, low, high, left):
    share = np.clip((values - low) / ((high - low) or 1), 0, 1)
    grey = np.rint(np.rint(share * (_GREYS - 1)) * 255 / (_GREYS - 1)).astype(np.uint8)
    return Mark("image", [(left, 0.0), (left + 1.0, 1.0)], INK, _png(Image.fromarray(grey)))


def _signed(values, limit, left, bottom, side):
    """Blue above zero and orange below: the page's own colour at zero, full at the limit."""
    share = np.clip(np.rint(_SHADES * values / (limit or 1)) / _SHADES, -1, 1)
    colours = 255 * np.where((share < 0)[..., None], to_rgb(BELOW_ZERO.light), to_rgb(ABOVE_ZERO.light))
    shades = np.concatenate([colours, 255 * _FULL * np.abs(share)[..., None]], axis=-1)
    image = Image.fromarray(np.rint(shades).astype(np.uint8))
    return Mark("image", [(left, bottom), (left + side, bottom + side)], INK, _png(image))


def _outline(left):
    """A line around a picture: a difference of zero everywhere has the colour of the page."""
    corners = (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)
    return Mark("line", [(left + x, y) for x, y in corners], SOFT)


def _png(image):
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _cells(kernel, limit, left):
    """A kernel in colours, with a line around each cell, and its numbers."""
    size = _KERNEL / len(kernel)
    bottom = _TOP - _KERNEL
    ends = [step * size for step in range(len(kernel) + 1)]
    lines = [
        *([(left + at, bottom), (left + at, _TOP)] for at in ends),
        *([(left, _TOP - at), (left + _KERNEL, _TOP - at)] for at in ends),
    ]
    numbers = [
        Mark("text", [(left + (j + 0.5) * size, _TOP - (i + 0.5) * size)], INK, amount(round(float(value), 2)))
        for (i, j), value in np.ndenumerate(kernel)
    ]
    return [_signed(kernel, limit, left, bottom, _KERNEL), *(Mark("line", line, SOFT) for line in lines), *numbers]


# ---------------------------------------------------------------- the loss


def _powers(losses):
    """The lowest and the highest power of ten of an axis for them."""
    powers = np.log10(np.maximum(losses, 1e-30))
    low, high = int(np.floor(powers.min())), int(np.ceil(powers.max()))
    return low, max(high, low + 1), powers


def _places(losses):
    left, right, bottom, top = _LOSS
    low, high, powers = _powers(losses)
    across = np.linspace(left, right, len(losses)) if len(losses) > 1 else [left]
    return [
        (float(x), float(bottom + (top - bottom) * (power - low) / (high - low)))
        for x, power in zip(across, powers, strict=True)
    ]


def _axes(losses, curve, epochs):
    left, right, bottom, top = _LOSS
    low, high, _ = _powers(losses)
    middle = (low + high) // 2
    marks = [Mark("line", [(left, top), (left, bottom), (right, bottom)], SOFT), Mark("line", curve, COUNT)]
    for power in sorted({low, middle, high} - ({middle} if high - low < 2 else set())):
        height = bottom + (top - bottom) * (power - low) / (high - low)
        marks.append(Mark("text", [(left - 0.17, height)], SOFT, number(10.0**power)))
    for place in sorted({0, len(epochs) // 2, len(epochs) - 1}):
        marks.append(Mark("text", [(curve[place][0], _TICKS)], SOFT, str(epochs[place])))
    return [*marks, Mark("text", [(0.12, _TICKS)], SOFT, "epoch")]
