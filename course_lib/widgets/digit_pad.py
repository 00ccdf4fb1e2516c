"""`DigitPad(model)`: draw a digit, and watch a network read it.

A drawing is turned into an image the way MNIST's images were made, so that the network sees what it was trained on.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from course_lib import figures, layers
from course_lib import functional as F
from course_lib._support import checks
from course_lib.widgets import way_back
from course_lib.widgets.player import StillFallback
from course_lib.widgets.scripts import script, style
from course_lib.widgets.way_back import Network

PAD = 280  # the pad's width and height, in the units of its strokes
PEN = 22  # the width of a stroke
FAR = 10 * PAD  # how far out a stroke may run
_FINE = 112  # pixels along each side of the picture of a drawing; a multiple of 28, for examples
_SMOOTH = 15  # strokes are drawn this much larger, and averaged, so that their edges are grey

SIDE, BOX = 28, 20  # a digit fills a box of 20 x 20 in a picture of 28 x 28
_CENTRE = 14  # row and column of its centre of mass
_INK = 1 / 255  # anything fainter is paper

_ASK = "Draw a digit, or load one of the examples."
WAYS = "winner", "change", "off"

# ---------------------------------------------------------------- from strokes to what a network sees


def drawn(strokes: Iterable[Sequence[Sequence[float]]], example: np.ndarray | None = None) -> np.ndarray:
    """strokes, lists of points (x, y) from 0 to PAD, over an example (28, 28) if any -> (112, 112).

    0 is paper and 1 is ink; at the edge of a line a pixel is as bright as it is covered.
    """
    large = Image.new("L", (_SMOOTH * _FINE, _SMOOTH * _FINE))
    pen, scale = ImageDraw.Draw(large), large.width / PAD
    radius = PEN / 2 * scale
    for stroke in strokes:
        points = [(x * scale, y * scale) for x, y in stroke]
        pen.line(points, 255, round(2 * radius))
        for x, y in points:  # ends and corners are round
            pen.ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), 255)
    picture = np.asarray(large.reduce(_SMOOTH)) / 255
    return picture if example is None else np.maximum(picture, np.kron(example, np.ones((_FINE // SIDE,) * 2)))


def normalised(picture: ArrayLike) -> np.ndarray:
    """picture (H, W) from 0 (paper) to 1 (ink) -> (28, 28) float32, made the way MNIST's images were made.

    The ink is scaled to fit a box of 20 x 20, keeping its proportions, grey where it covers part of a pixel, and moved
    so that its centre of mass is at (14, 14).
    """
    pixels = checks.floats(picture=picture)
    checks.ndim("picture", pixels, "(H, W)")
    return _normalised(pixels)[0]


def _normalised(pixels: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """(H, W) -> (28, 28), and where that window lies on the pixels: its left and upper edge, and its side."""
    rows, columns = (np.flatnonzero(pixels.max(axis=axis) >= _INK) for axis in (1, 0))
    if not len(rows):
        raise ValueError("picture must show something, but nothing in it is brighter than paper")
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    small = _resized(ink, *(max(1, round(length * scale)) for length in ink.shape))
    image, (up, left) = _centred(small)
    window = [float(columns[0] - left / scale), float(rows[0] - up / scale), SIDE / scale]
    return image.astype(np.float32), window


def _resized(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(H, W) -> (rows, columns). Each new pixel is the mean of what it covers, also of parts of pixels.

    (Pillow's BOX counts a pixel wholly or not at all: that is off by up to 0.08 where 75 pixels become 20.)
    """

    def averaged(picture: np.ndarray, rows: int) -> np.ndarray:
        return np.repeat(picture, rows, axis=0).reshape(rows, *picture.shape).mean(axis=1)

    return averaged(averaged(picture, rows).T, columns).T


def _centred(ink: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """ink, at most (20, 20) -> (28, 28), and its corner there; what is far out to one side stays inside."""
    result = np.zeros((SIDE, SIDE))
    corner = []
    for axis, length in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        middle = mass @ np.arange(length) / mass.sum()
        corner.append(int(np.clip(round(_CENTRE - middle), 0, SIDE - length)))
    result[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = ink
    return result, corner


# ---------------------------------------------------------------- from what it sees to what it says


def feature_maps(model: Network, image: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """image (1, 1, 28, 28) -> logits (10,), and the maps (C, H, W) after the first two ReLUs that see images.

    A network that does not list its `layers` shows no maps; a layer of one's own counts as a ReLU by its name.
    """
    if not hasattr(model, "layers"):
        return model.forward(image)[0], []
    maps, value = [], image
    for layer in model.layers:
        value = layer.forward(value)
        if type(layer).__name__ == layers.ReLU.__name__ and value.ndim == 4:
            maps.append(value[0])
    return value[0], maps[:2]


def _sentence(p: np.ndarray) -> str:
    first, second = np.argsort(-p)[:2]
    return f"I read {first}, {_share(p[first])} sure. Second guess: {second}, {_share(p[second])}."


def _share(p: float) -> str:
    return "above 99%" if p > 0.995 else "below 1%" if p < 0.005 else f"{p:.0%}"


# ---------------------------------------------------------------- the pad


class DigitPad(StillFallback, anywidget.AnyWidget):
    """A pad to draw on, and what a network makes of it: ten probabilities, its gradients, its input, its maps.

    model      from (N, 1, 28, 28) to ten logits, with forward and backward: a Sequential or a network of one's own.
               The pad keeps a copy: later training does not change it
    examples   (n, 1, 28, 28), digits that can be loaded and drawn over
    way        the gradient that lies on the drawing at first: "winner", "change" (towards the second guess) or "off"
    demo       whether a digit draws itself, once, until something is drawn
    """

    _esm = script("digit_pad")
    _css = style("digit_pad")
    drawing = traitlets.Dict().tag(sync=True)  # number: counts the changes; strokes; example: its number, or None
    reading = traitlets.Dict().tag(sync=True)  # what the network says to the drawing of this number
    settings = traitlets.Dict().tag(sync=True)

    def __init__(
        self, model: Network, examples: ArrayLike = (), way: str = "winner", demo: bool = True, **kwargs: Any
    ) -> None:
        if not all(callable(getattr(model, name, None)) for name in ("forward", "backward")):
            raise TypeError(f"model must have a forward and a backward pass, but is {type(model).__name__}")
        checks.one_of("way", way, WAYS)
        self._model = copy.deepcopy(model)
        if hasattr(self._model, "eval"):
            self._model.eval()
        self._examples = _checked_examples(examples)
        _refuse_other_shapes(self._model)
        super().__init__(**kwargs)
        shown = [_bytes(example) for example in self._examples]
        self.settings = {"pad": PAD, "width": PEN, "examples": shown, "way": way, "demo": demo}
        self.drawing = {"number": 0, "strokes": [], "example": None}
        self.observe(lambda change: self._read(), "drawing")
        self._read()

    def __repr__(self) -> str:
        return "Digit pad: draw a digit, and the network reads it"

    @traitlets.validate("drawing")
    def _checked_drawing(self, proposal: Any) -> dict[str, Any]:
        drawing = proposal.value
        if not _is_drawing(drawing, len(self._examples)):
            raise traitlets.TraitError(
                "drawing must have a number, strokes (lists of points [x, y] on the pad or near it) and an example "
                f"(None, or a number below {len(self._examples)}), but is {checks.brief(drawing)}"
            )
        return {name: drawing[name] for name in ("number", "strokes", "example")}

    def _read(self) -> None:
        self.reading = {"number": self.drawing["number"], **self._answer(self.drawing)}

    def _answer(self, drawing: dict[str, Any]) -> dict[str, Any]:
        picture = self._on_pad(drawing)
        if picture is None:
            return {"says": _ASK}
        seen, window = _normalised(picture)
        p, maps = self._look(seen)
        return {
            "says": _sentence(p), "probabilities": p.tolist(), "seen": _bytes(seen),
            "maps": [{"shape": shown.shape, "pixels": _bytes(shown)} for shown in maps],
            "back": {**self._back(seen), "window": [edge * PAD / len(picture) for edge in window]},
        }  # fmt: skip

    def _back(self, seen: np.ndarray) -> dict[str, Any]:
        """The two likeliest digits, and their gradients."""
        found = way_back.gradients(self._model, seen)
        for name in ("winner", "change"):
            found[name] = {kind: way_back.shaded(values) for kind, values in found[name].items()}
        return found

    def _on_pad(self, drawing: dict[str, Any]) -> np.ndarray | None:
        """The picture (112, 112) of a drawing, or None where there is nothing to be seen."""
        chosen = drawing["example"]
        picture = drawn(drawing["strokes"], None if chosen is None else self._examples[chosen])
        return picture if picture.max() >= _INK else None

    def _look(self, seen: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The probabilities (10,) of what the network sees (28, 28), and its maps (C, H, W)."""
        logits, maps = feature_maps(self._model, seen[None, None])
        return F.softmax(logits[None])[0], maps

    @property
    def image(self) -> np.ndarray | None:
        """What the network sees of the drawing, (28, 28) float32; None where nothing is drawn."""
        picture = self._on_pad(self.drawing)
        return None if picture is None else normalised(picture)

    def picture(self) -> bytes | None:
        """A PNG of what is on the pad, or else of one of the examples, and how the network reads it."""
        drawing = self.drawing
        if drawing["example"] is None and not drawing["strokes"]:
            if not len(self._examples):
                return None
            drawing = {"strokes": [], "example": len(self._examples) // 2}
        picture = self._on_pad(drawing)
        if picture is None:
            return None
        seen = normalised(picture)
        return _still(picture, seen, *self._look(seen))


def _checked_examples(examples: ArrayLike) -> np.ndarray:
    if checks.numeric("examples", examples, may_be_empty=True).size == 0:
        return np.zeros((0, SIDE, SIDE), np.float32)
    images = checks.floats(examples=examples)
    checks.ndim("examples", images, "(n, 1, 28, 28)")
    checks.shape("examples", images, (len(images), 1, SIDE, SIDE), "pictures of 28 x 28")
    return np.clip(images[:, 0], 0, 1)


def _is_drawing(drawing: dict[str, Any], examples: int) -> bool:
    strokes, example = drawing.get("strokes"), drawing.get("example", -1)
    return (
        _is_count(drawing.get("number"), 2**53)
        and isinstance(strokes, (list, tuple))
        and all(isinstance(stroke, (list, tuple)) and stroke and all(map(_is_point, stroke)) for stroke in strokes)
        and (example is None or _is_count(example, examples))
    )


def _is_count(value: object, below: int) -> bool:
    return type(value) is int and 0 <= value < below


def _is_point(value: object) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(place, (int, float)) and abs(place) <= FAR for place in value)
    )


def _refuse_other_shapes(model: Network) -> None:
    empty = np.zeros((1, 1, SIDE, SIDE), np.float32)
    try:
        shape = np.shape(model.forward(empty))
    except (ValueError, TypeError) as error:
        raise ValueError(f"model must take pictures of shape (N, 1, {SIDE}, {SIDE}), but says: {error}") from error
    if shape != (1, 10):
        raise ValueError(f"model must give ten logits for each picture, but gives {shape} for one")


def _bytes(values: np.ndarray) -> bytes:
    """A byte for each value: its share of the largest, in 255ths."""
    values = np.maximum(values, 0)
    return np.rint(values * (255 / max(float(values.max()), 1e-12))).astype(np.uint8).tobytes()


def _still(on_pad: np.ndarray, seen: np.ndarray, p: np.ndarray, maps: list[np.ndarray]) -> bytes:
    """A PNG of the pad as it is now."""
    figure = Figure(figsize=(7.2, 4.6), dpi=200, layout="constrained")
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
