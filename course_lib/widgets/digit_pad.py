"""`DigitPad(model)`: draw a digit, and watch a network read it.

What is drawn is made into a picture as those of MNIST were made, so that the network sees what it was trained on.
"""

import copy
import itertools
import math
import pathlib

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure

from course_lib import figures, layers
from course_lib import functional as F
from course_lib._support import checks
from course_lib.widgets.player import Guarded, Pictured

PAD = 280  # the pad's width and height, in the units of its strokes
PEN = 22  # the width of a stroke
FAR = 10 * PAD  # how far out a stroke may run
_FINE = 112  # pixels along each side of the picture that strokes are drawn into; a multiple of 28, for examples

SIDE, BOX = 28, 20  # a digit fills a box of 20 x 20 in a picture of 28 x 28
_CENTRE = 14  # row and column of its centre of mass
_INK = 1 / 255  # anything fainter is paper

_HERE = pathlib.Path(__file__).parent
_ASK = "Draw a digit, or load one of the examples."

# ---------------------------------------------------------------- from strokes to what a network sees


def drawn(strokes, example=None):
    """strokes, lists of points (x, y) from 0 to PAD, over an example (28, 28) if any -> a picture (112, 112)."""
    picture = np.zeros((_FINE, _FINE))
    if example is not None:
        picture += np.kron(example, np.ones((_FINE // SIDE, _FINE // SIDE)))
    for stroke in strokes:
        points = (np.asarray(stroke, float) * (_FINE / PAD) - 0.5).tolist()  # a pixel's middle is where its index is
        for start, end in itertools.pairwise(points if len(points) > 1 else points * 2):
            _draw_line(picture, *start, *end, PEN / 2 * _FINE / PAD)
    return picture


def _draw_line(picture, x0, y0, x1, y1, radius):
    """A line with round ends, from one point to the other; at its edge a pixel is as bright as it is covered."""
    left, right = _reach(x0, x1, radius)
    top, bottom = _reach(y0, y1, radius)
    x, y = np.arange(left, right) - x0, np.arange(top, bottom)[:, None] - y0
    dx, dy = x1 - x0, y1 - y0
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    distance = np.hypot(x - along * dx, y - along * dy)
    part = picture[top:bottom, left:right]
    np.maximum(part, np.clip(radius + 0.5 - distance, 0, 1), out=part)


def _reach(a, b, radius):
    """Which pixels a line from a to b can touch, along one axis: the first, and the one behind the last."""
    first, behind = math.floor(min(a, b) - radius), math.ceil(max(a, b) + radius) + 1
    return max(0, first), max(0, min(_FINE, behind))  # a negative end would count from the other side


def normalised(picture):
    """picture (H, W) from 0 (paper) to 1 (ink) -> (28, 28) float32, as the pictures of MNIST were made.

    The ink is scaled to a box of 20 x 20 that keeps its proportions, grey where it covers a pixel in part, and moved
    until its centre of mass is at (14, 14).
    """
    picture = checks.floats(picture=picture)
    checks.ndim("picture", picture, "(H, W)")
    rows, columns = (np.flatnonzero(picture.max(axis=axis) >= _INK) for axis in (1, 0))
    if not len(rows):
        raise ValueError("picture must show something, but nothing in it is brighter than paper")
    ink = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    small = _resized(ink, *(max(1, round(length * scale)) for length in ink.shape))
    return _centred(small).astype(np.float32)


def _resized(picture, rows, columns):
    """Each new pixel is the mean of what it covers."""
    return _shares(rows, len(picture)) @ picture @ _shares(columns, len(picture[0])).T


def _shares(new, old):
    """(new, old): which share of each new pixel every old one covers."""
    edges = np.linspace(0, old, new + 1)[:, None]
    before = np.arange(old)
    covered = np.minimum(edges[1:], before + 1) - np.maximum(edges[:-1], before)
    return np.maximum(covered, 0) * new / old


def _centred(ink):
    """ink, at most (20, 20) -> (28, 28), moved by whole pixels; what is far out to one side stays inside."""
    result = np.zeros((SIDE, SIDE))
    corner = []
    for axis, length in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        middle = mass @ np.arange(length) / mass.sum()
        corner.append(int(np.clip(round(_CENTRE - middle), 0, SIDE - length)))
    result[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = ink
    return result


# ---------------------------------------------------------------- from what it sees to what it says


def feature_maps(model, image):
    """image (1, 1, 28, 28) -> logits (10,), and the maps (C, H, W) after the ReLU of the first layers, two at most."""
    maps, value = [], image
    for layer in model.layers:
        value = layer.forward(value)
        if isinstance(layer, layers.ReLU) and value.ndim == 4:
            maps.append(value[0])
    return value[0], maps[:2]


def _sentence(p):
    first, second = np.argsort(-p)[:2]
    return f"I read {first}, {_share(p[first])} sure. Second guess: {second}, {_share(p[second])}."


def _share(p):
    return "above 99%" if p > 0.995 else "below 1%" if p < 0.005 else f"{p:.0%}"


# ---------------------------------------------------------------- the pad


class DigitPad(Guarded, Pictured, anywidget.AnyWidget):
    """A pad to draw on, and what a network makes of it: ten probabilities, its input, its first two layers.

    model      a Sequential from (N, 1, 28, 28) to ten logits. The pad keeps a copy: later training does not change it
    examples   (n, 1, 28, 28), digits that can be loaded and drawn over
    """

    _esm = _HERE / "digit_pad.js"
    _css = _HERE / "digit_pad.css"
    heard = ("drawing",)
    drawing = traitlets.Dict().tag(sync=True)  # number: counts the changes; strokes; example: its number, or None
    reading = traitlets.Dict().tag(sync=True)  # what the network says to the drawing of this number
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, model, examples=(), **kwargs):
        if not isinstance(model, layers.Sequential):
            raise TypeError(f"model must be a Sequential, but is {type(model).__name__}")
        self._model = copy.deepcopy(model).eval()
        self._examples = _checked_examples(examples)
        _refuse_other_shapes(self._model)
        super().__init__(**kwargs)
        self.settings = {"pad": PAD, "width": PEN, "examples": [_bytes(example) for example in self._examples]}
        self.drawing = {"number": 0, "strokes": [], "example": None}
        self.observe(lambda change: self._read(), "drawing")
        self._read()

    def __repr__(self):
        return "Digit pad: draw a digit, and the network reads it"

    @traitlets.validate("drawing")
    def _checked_drawing(self, proposal):
        drawing = proposal.value
        if not _is_drawing(drawing, len(self._examples)):
            raise traitlets.TraitError(
                "drawing must have a number, strokes (lists of points [x, y] on the pad or near it) and an example "
                f"(None, or a number below {len(self._examples)}), but is {checks.brief(drawing)}"
            )
        return {name: drawing[name] for name in ("number", "strokes", "example")}

    def _read(self):
        self.reading = {"number": self.drawing["number"], **self._answer(self.drawing)}

    def _answer(self, drawing):
        picture = self._on_pad(drawing)
        if picture is None:
            return {"says": _ASK}
        seen, p, maps = self._look(picture)
        return {
            "says": _sentence(p), "probabilities": p.tolist(), "seen": _bytes(seen),
            "maps": [{"shape": shown.shape, "pixels": _bytes(shown)} for shown in maps],
        }  # fmt: skip

    def _on_pad(self, drawing):
        """A drawing -> what is on the pad, or None where there is nothing to be seen."""
        chosen = drawing["example"]
        picture = drawn(drawing["strokes"], None if chosen is None else self._examples[chosen])
        return picture if picture.max() >= _INK else None

    def _look(self, picture):
        """A picture -> what the network sees of it, the ten probabilities, and its maps."""
        seen = normalised(picture)
        logits, maps = feature_maps(self._model, seen[None, None])
        return seen, F.softmax(logits[None])[0], maps

    def picture(self):
        """What is on the pad, or else one of the examples, and how the network reads it."""
        drawing = self.drawing
        if drawing["example"] is None and not drawing["strokes"]:
            if not len(self._examples):
                return None
            drawing = {"strokes": [], "example": len(self._examples) // 2}
        picture = self._on_pad(drawing)
        return None if picture is None else _still(picture, *self._look(picture))


def _checked_examples(examples):
    if checks.numeric("examples", examples, may_be_empty=True).size == 0:
        return np.zeros((0, SIDE, SIDE), np.float32)
    examples = checks.floats(examples=examples)
    checks.ndim("examples", examples, "(n, 1, 28, 28)")
    checks.shape("examples", examples, (len(examples), 1, SIDE, SIDE), "pictures of 28 x 28")
    return np.clip(examples[:, 0], 0, 1)


def _is_drawing(drawing, examples):
    strokes, example = drawing.get("strokes"), drawing.get("example", -1)
    return (
        _is_count(drawing.get("number"), 2**53)
        and isinstance(strokes, (list, tuple))
        and all(isinstance(stroke, (list, tuple)) and stroke and all(map(_is_point, stroke)) for stroke in strokes)
        and (example is None or _is_count(example, examples))
    )


def _is_count(value, below):
    return type(value) is int and 0 <= value < below


def _is_point(value):
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(place, (int, float)) and abs(place) <= FAR for place in value)
    )


def _refuse_other_shapes(model):
    empty = np.zeros((1, 1, SIDE, SIDE), np.float32)
    try:
        shape = model.forward(empty).shape
    except (ValueError, TypeError) as error:
        raise ValueError(f"model must take pictures of shape (N, 1, {SIDE}, {SIDE}), but says: {error}") from error
    if shape != (1, 10):
        raise ValueError(f"model must give ten logits for each picture, but gives {shape} for one")


def _bytes(values):
    """Brightness, as a share of the brightest -> a byte for each."""
    values = np.maximum(values, 0)
    return np.rint(values * (255 / max(float(values.max()), 1e-12))).astype(np.uint8).tobytes()


def _still(on_pad, seen, p, maps):
    """The pad as it is at this moment -> the bytes of a PNG."""
    figure = Figure(figsize=(7.2, 4.6), dpi=200, facecolor="white", layout="constrained")
    ratios = [2.2, *(0.9 for _ in maps)]
    top, *rows = figure.subfigures(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    left, middle, right = top.subplots(1, 3, width_ratios=(1, 1, 1.3))
    figures.image(left, on_pad, "drawn", vmin=0, vmax=1)
    figures.image(middle, seen, "what the network sees", vmin=0, vmax=1)
    figures.probabilities(right, p, answer=p.argmax())
    right.set_title("how sure it is")
    for row, shown, which in zip(rows, maps, ("first", "second"), strict=False):
        figures.mosaic(row.subplots(), shown, f"after the {which} layer", columns=8 if len(shown) <= 8 else 16)
    return figures.png_of(figure)
