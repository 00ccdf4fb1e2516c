"""Drawings that a slider changes: the measured slope while eps shrinks, and what batch norm takes away from dy.

A Sketch is a list of pictures made of lines, dots, arrows and texts in one box; it draws nothing itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from course_lib._support import checks
from course_lib.looks import COUNT, GRADIENT, INPUT, UPSTREAM, number

INK, SOFT = "ink", "soft"  # beside the roles: what has none
_SMOOTH = 10  # pictures from one stage of batch norm to the next
_REACH = 0.8  # of an arrow, for each unit of dy
_ABOVE, _BELOW = (0.18, 0.38), (-0.3, -0.5)  # where arrows lie: above the dots, and below them


@dataclass(frozen=True)
class Mark:
    """kind: "line", "dots", "arrow" (two points), "text" (one point), "image"; points: [(x, y)], y upwards.

    An image lies between two points, its lower left and upper right corner; its text is a PNG in base64.
    """

    kind: str
    points: list
    role: str = INK
    text: str = ""


@dataclass(frozen=True)
class Picture:
    """What the slider says and the sentence below, for one position of it."""

    name: str
    sentence: str
    marks: list


@dataclass(frozen=True)
class Sketch:
    """A title, the pictures, the box (left, bottom, right, top) that holds them all, and its height over its width.

    cut: in a narrow place, what is right of it goes on below
    """

    title: str
    pictures: list
    box: tuple
    shape: float = 0.4
    marks: list = field(default_factory=list)  # those of every picture
    cut: float | None = None


def shrinking_slope(
    f: Callable[[np.ndarray], np.ndarray], at: float, widths: Sequence[float], slope: float | None = None
) -> Sketch:
    """The curve of f around `at`, and the line through its points at `at` ± eps, for each eps of widths.

    slope: what the slope really is, if it is known
    """
    at, widths = float(at), [checks.positive("widths", width) for width in widths]
    reach = 1.2 * max(widths)
    x = np.linspace(at - reach, at + reach, 81)
    curve = np.asarray(f(x), float)
    low, high = float(curve.min()), float(curve.max())
    margin = 0.12 * (high - low)
    bottom = low - margin
    fixed = [
        Mark("line", _pairs(x, curve), INPUT),
        Mark("dots", [(at, float(f(np.array([at]))[0]))], INPUT),
        Mark("text", [(at, bottom)], SOFT, "x"),
    ]
    known = "" if slope is None else f" The slope is {number(slope, 4)}."
    pictures = []
    for eps in widths:
        ends = np.array([at - eps, at + eps])
        values = np.asarray(f(ends), float)
        measured = float(values[1] - values[0]) / (2 * eps)
        middle = values.mean()
        line = [(float(end), float(middle + measured * (end - at))) for end in (at - reach, at + reach)]
        marks = [
            Mark("line", line, GRADIENT),
            Mark("dots", _pairs(ends, values), GRADIENT),
            *(Mark("line", [(end, bottom), (end, value)], SOFT) for end, value in _pairs(ends, values)),
        ]
        pictures.append(Picture(f"eps = {number(eps)}", f"The measured slope is {number(measured, 4)}.{known}", marks))
    box = at - reach, bottom - margin, at + reach, high + margin
    return Sketch("The line through both points, while eps shrinks", pictures, box, 0.42, fixed)


def batch_norm_gradient(n: ArrayLike, dy: ArrayLike) -> Sketch:
    """What batch norm takes away from dy (m,): its mean, and its part along n (m,).

    n: the normalised numbers, of mean 0 and mean square 1
    """
    n, dy = checks.floats(n=n, dy=dy)
    checks.ndim("n", n, "(m,)")
    checks.shape("dy", dy, n.shape, "the shape of n")
    if abs(n.mean()) > 1e-6 or abs(np.mean(n**2) - 1) > 1e-6:
        raise ValueError("n must have mean 0 and mean square 1")
    together, apart = np.full(len(n), dy.mean()), n * np.mean(dy * n)
    stages = [
        (together, UPSTREAM, "minus the mean", "All cannot move together: the mean of dy is taken away."),
        (apart, GRADIENT, "minus the part along n", "Nor can all move apart: the part along n is taken away."),
    ]
    opening = "Each dot is a number of a channel. Its arrow is what dy asks of it."
    pictures, left = [Picture("dy", opening, _arrows(n, dy, UPSTREAM))], dy
    for away, role, name, sentence in stages:
        for share in np.linspace(0, 1, _SMOOTH + 1)[1:]:
            marks = [*_arrows(n, left - share * away, role), *_arrows(n, share * away, COUNT, _BELOW)]
            pictures.append(Picture(name, sentence, marks))
        left = left - away
    ending = "What is left can be done. Divided by σ and times γ, it is dx."
    pictures.append(Picture("what is left", ending, _arrows(n, left, GRADIENT)))
    reach = _REACH * float(np.abs(np.concatenate([dy, dy - together, together, apart])).max()) + 0.3
    box = float(n.min()) - reach, -1.0, float(n.max()) + reach, 0.8
    fixed = [
        Mark("line", [(box[0], 0.0), (box[2], 0.0)], SOFT),
        Mark("dots", _pairs(n, np.zeros(len(n))), INK),
        Mark("text", [(box[0], 0.65)], SOFT, "above: what is left of dy"),
        Mark("text", [(box[0], -0.85)], SOFT, "below: what is taken away"),
    ]
    return Sketch("What batch norm takes away from dy", pictures, box, 0.32, fixed)


def _arrows(n, lengths, role, levels=_ABOVE):
    """An arrow for every number, _REACH as long as its value. Neighbours have different levels: none covers another."""
    rank = np.argsort(np.argsort(n))
    return [
        Mark("arrow", [(float(x), levels[place % 2]), (float(x + _REACH * length), levels[place % 2])], role)
        for x, length, place in zip(n, lengths, rank, strict=True)
        if abs(length) > 1e-9
    ]


def _pairs(x, y):
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
