"""`explore_walk(start, end, digits, labels)`: the way back through a network, cell by cell.

Python runs the network; the page holds all values and gradients, and looks up by itself which cells pay which.
"""

import copy
import math

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from course_lib import functional as F
from course_lib import layers
from course_lib._support import checks
from course_lib.frames.walk import Passes, backward_walk, both_passes
from course_lib.looks import number
from course_lib.widgets import still
from course_lib.widgets.digit_pad import PAD, drawn, normalised
from course_lib.widgets.player import StillFallback
from course_lib.widgets.scripts import script, style

LARGEST = 40_000  # values that a page is sent for one digit
MOST_POINTS = 4000  # of a drawing
CLASSES = 10


def explore_walk(
    start: layers.Sequential, end: layers.Sequential, digits: ArrayLike, labels: ArrayLike, *, digit: int = 0
) -> "WalkExplorer":
    """Show the backward pass of a network for digits (N, 1, 28, 28) with labels (N,). Returns the widget.

    start, end   the network before and after its training, of Conv2d, ReLU, MaxPool2d, Flatten and Linear layers; a
                 slider moves the weights in a straight line from one to the other
    digit        which of the digits is shown first
    """
    images = checks.floats(digits=digits)
    checks.ndim("digits", images, "(N, 1, 28, 28)")
    names = np.asarray(labels)
    if names.shape != (len(images),):
        raise ValueError(f"labels must have shape ({len(images)},), one for each digit, but have shape {names.shape}")
    if len(images) > CLASSES:
        raise ValueError(f"digits must be at most {CLASSES}, but are {len(images)}")
    checks.integer("digit", digit, 0)
    for name, network in (("start", start), ("end", end)):
        _refuse_unknown_layers(name, network)
    shapes = [[parameter.data.shape for parameter in network.parameters()] for network in (start, end)]
    if shapes[0] != shapes[1]:
        raise ValueError("start and end must be the same network, but their parameters have other shapes")
    return WalkExplorer(start, end, images.astype(np.float32), names.astype(int).tolist(), digit)


def _refuse_unknown_layers(name: str, network: layers.Sequential) -> None:
    if not isinstance(network, layers.Sequential):
        raise TypeError(f"{name} must be a Sequential, but is {type(network).__name__}")
    for layer in network.layers:
        if type(layer) not in _DESCRIBED:
            known = ", ".join(kind.__name__ for kind in _DESCRIBED)
            raise TypeError(f"{name} must be made of {known}, but has {type(layer).__name__}")
        if isinstance(layer, layers.Conv2d) and (layer.geometry["dilation"] != (1, 1) or layer.geometry["groups"] != 1):
            raise ValueError(f"{name} must have convolutions without dilation and groups, but has {layer!r}")


class WalkExplorer(StillFallback, anywidget.AnyWidget):
    """The page asks by `asked`; each question runs the network once, forward and backward."""

    _esm = script("walk_explorer")
    _css = style("walk_explorer")
    choices = traitlets.Dict().tag(sync=True)  # the digits to choose from, with their labels
    asked = traitlets.Dict().tag(
        sync=True
    )  # example (or None) and strokes, label, and how much of the training is done
    walk = traitlets.Dict().tag(sync=True)  # all values and gradients, and the layers between them

    def __init__(
        self, start: layers.Sequential, end: layers.Sequential, digits: np.ndarray, labels: list[int], digit: int
    ) -> None:
        super().__init__()
        self._network = copy.deepcopy(start).eval()
        self._ends = [[parameter.data.copy() for parameter in network.parameters()] for network in (start, end)]
        self._digits = digits
        pixels = [np.rint(255 * np.clip(image[0], 0, 1)).astype(np.uint8).tobytes() for image in digits]
        self.choices = {"pixels": pixels, "labels": labels, "pad": PAD}
        self.asked = {"example": digit, "strokes": [], "label": labels[digit], "trained": 1.0}
        self.observe(lambda change: self._run(), "asked")
        self._run()

    @traitlets.validate("asked")
    def _checked_question(self, proposal: dict) -> dict:
        try:
            return _checked(proposal["value"], len(self._digits))
        except (KeyError, TypeError, ValueError) as error:
            raise traitlets.TraitError(f"asked must be a digit or a drawing: {error}") from None

    def _image(self) -> np.ndarray:
        example, strokes = self.asked["example"], self.asked["strokes"]
        if example is not None:
            return self._digits[example : example + 1]
        return normalised(drawn(strokes)).reshape(1, 1, *self._digits.shape[2:])

    def _passes(self) -> Passes:
        share = self.asked["trained"]
        for parameter, start, end in zip(self._network.parameters(), *self._ends, strict=True):
            parameter.data = start + np.asarray(share, start.dtype) * (end - start)
        return both_passes(self._network, self._image(), np.array([self.asked["label"]]))

    def _run(self) -> None:
        found = self._passes()
        if sum(value.size for value in found.values) > LARGEST:
            raise ValueError(f"the network must have at most {LARGEST} values to be shown, but has more")
        described = [{"name": type(layer).__name__, **_DESCRIBED[type(layer)](layer)} for layer in self._network.layers]
        self.walk = {
            "columns": [
                {"shape": list(value.shape[1:]), "values": _bytes(value), "gradient": _bytes(gradient)}
                for value, gradient in zip(found.values, found.gradients, strict=True)
            ],
            "layers": described,
            "probabilities": F.softmax(found.values[-1])[0].tolist(),
            "label": self.asked["label"],
            "loss": found.loss,
        }

    def picture(self) -> bytes:
        """Returns a PNG of the walk for the digit that is shown."""
        return still.png(backward_walk(self._network, self._image(), np.array([self.asked["label"]])))

    def __repr__(self) -> str:
        sizes = [number(np.abs(np.frombuffer(one["gradient"], np.float32)).mean(), 2) for one in self.walk["columns"]]
        return f"The way back from the loss, {number(self.walk['loss'])}: mean |dx| {sizes[0]} at the pixels"


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array, np.float32).tobytes()


# ---------------------------------------------------------------- layers, as the page knows them


def _convolution(layer: layers.Conv2d) -> dict:
    return {
        "kind": "convolution", "stride": list(layer.geometry["stride"]), "padding": list(layer.geometry["padding"]),
        "weight": _bytes(layer.weight.data), "kernel": list(layer.weight.data.shape[2:]),
    }  # fmt: skip


def _max_pool(layer: layers.MaxPool2d) -> dict:
    kernel, stride, padding = layer.geometry
    return {"kind": "maximum", "kernel": list(kernel), "stride": list(stride), "padding": list(padding)}


def _linear(layer: layers.Linear) -> dict:
    return {"kind": "linear", "weight": _bytes(layer.weight.data)}


_DESCRIBED = {
    layers.Conv2d: _convolution,
    layers.ReLU: lambda layer: {"kind": "door"},
    layers.MaxPool2d: _max_pool,
    layers.Flatten: lambda layer: {"kind": "same"},
    layers.Linear: _linear,
}


# ---------------------------------------------------------------- questions


def _checked(asked: dict, count: int) -> dict:
    example, strokes = asked["example"], asked["strokes"]
    if example is not None and not (type(example) is int and 0 <= example < count):
        raise ValueError(f"example must be from 0 to {count - 1}, but is {checks.brief(example)}")
    if example is None:
        strokes = [[(_within(x, PAD), _within(y, PAD)) for x, y in stroke] for stroke in strokes]
        if not 0 < sum(map(len, strokes)) <= MOST_POINTS:
            raise ValueError(f"strokes must have from 1 to {MOST_POINTS} points")
    label = asked["label"]
    if not (type(label) is int and 0 <= label < CLASSES):
        raise ValueError(f"label must be from 0 to {CLASSES - 1}, but is {checks.brief(label)}")
    return {"example": example, "strokes": strokes, "label": label, "trained": _within(asked["trained"], 1)}


def _within(value: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{checks.brief(value)} is no number")
    return float(min(max(value, 0), most))
