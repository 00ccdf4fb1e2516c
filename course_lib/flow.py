"""How large gradients are in the backward pass, layer by layer, and deep networks to measure them in."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib import init
from course_lib._support import checks
from course_lib._support.types import Array, Integers, Random, Shape
from course_lib.layers import BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Residual, Sequential
from course_lib.losses import CrossEntropyLoss

CHANNELS, IMAGES, SIDE, CLASSES = 8, 16, 8, 10  # of the deep networks


# ---------------------------------------------------------------- two layers that squash


class Sigmoid(Module):
    """Any shape -> the same: y = 1 / (1 + exp(-x)), between 0 and 1."""

    def forward(self, x: Array) -> Array:
        x = checks.floats(x=x)
        with np.errstate(over="ignore"):  # exp(1000) is infinity, and 1 / infinity is 0, as it should be
            self.y: Array = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dy: Array) -> Array:
        dy, y = _matching(dy, self._remembered("y"))
        return dy * y * (1 - y)


class Tanh(Module):
    """Any shape -> the same: y = tanh(x), between -1 and 1."""

    def forward(self, x: Array) -> Array:
        self.y: Array = np.tanh(checks.floats(x=x))
        return self.y

    def backward(self, dy: Array) -> Array:
        dy, y = _matching(dy, self._remembered("y"))
        return dy * (1 - y**2)


def _matching(dy: Array, y: Array) -> tuple[Array, Array]:
    dy, y = checks.floats(dy=dy, y=y)
    checks.shape("dy", dy, y.shape, "the shape of y")
    return dy, y


# ---------------------------------------------------------------- networks as deep as you like

# the standard deviation of a weight's initial values, by its shape; "uniform" is PyTorch's default of a convolution
STARTS: dict[str, Callable[[Shape], float]] = {
    "N(0, 0.01)": lambda shape: 0.01,
    "uniform": lambda shape: math.sqrt(1 / (3 * init.fan_in_and_out(shape)[0])),
    "Xavier": lambda shape: math.sqrt(2 / sum(init.fan_in_and_out(shape))),
    "He": lambda shape: math.sqrt(2 / init.fan_in_and_out(shape)[0]),
    "He fan-out": lambda shape: math.sqrt(2 / init.fan_in_and_out(shape)[1]),
}
ACTIVATIONS = {"ReLU": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


def widths(depth: int, channels: tuple[int, int]) -> list[int]:
    """The channels of each of `depth` layers: from the first number to the last, each the same factor wider."""
    first, last = (checks.integer(f"channels[{n}]", number, 1) for n, number in enumerate(channels))
    return [int(width) for width in np.rint(np.geomspace(first, last, depth))]


def _drawn(start: str | float, shape: Shape, rng: Random) -> Array:
    if not isinstance(start, str):
        return init.normal(shape, start * STARTS["He"](shape), rng, np.float64)
    std = STARTS[start](shape)
    if start == "uniform":
        return rng.uniform(-math.sqrt(3) * std, math.sqrt(3) * std, shape)
    return init.normal(shape, std, rng, np.float64)


def deep_network(
    depth: int = 20,
    start: str | float = "He",
    activation: str = "ReLU",
    batch_norm: bool = False,
    residual: bool = False,
    *,
    channels: tuple[int, int] = (CHANNELS, CHANNELS),
    rng: Random,
) -> Sequential:
    """`depth` blocks of convolution (3 x 3) and activation, and a linear layer: (N, 1, 8, 8) -> (N, 10).

    start is the name of an initialisation, or a number: that times He's standard deviation. batch_norm normalises
    between convolution and activation; residual adds a shortcut connection to every block but the first. channels are
    those of the first and of the last block; in between they grow by the same factor.
    """
    depth, rng = checks.integer("depth", depth, 1), checks.generator("rng", rng)
    start = _checked_start(start)
    squash = ACTIVATIONS[checks.one_of("activation", activation, ACTIVATIONS)]
    into, blocks = 1, []
    for number, width in enumerate(widths(depth, channels)):
        convolution = Conv2d(into, width, 3, padding=1, rng=rng, dtype=np.float64)
        norm = [BatchNorm2d(width, dtype=np.float64)] if batch_norm else []
        block = Residual if residual and number else Sequential
        if block is Residual and into != width:
            raise ValueError(
                f"channels must be equal where there are shortcuts, but are {channels[0]} and {channels[1]}"
            )
        blocks.append(block(convolution, *norm, squash()))
        into = width
    linear = Linear(into * SIDE**2, CLASSES, rng=rng, dtype=np.float64)
    for layer in [block[0] for block in blocks] + [linear]:
        layer.weight.data = _drawn(start, layer.weight.data.shape, rng)
    return Sequential(*blocks, Sequential(Flatten(), linear))


def _checked_start(start: str | float) -> str | float:
    return checks.real("start", start, 0) if isinstance(start, (int, float)) else checks.one_of("start", start, STARTS)


# ---------------------------------------------------------------- what goes back through them


@dataclass(frozen=True)
class Reading:
    """One layer: its name, mean |dL/dy| of its output y, mean |dL/dw| of its first weight or None, and mean |y|."""

    name: str
    activation: float
    weight: float | None
    output: float = math.nan


def gradient_sizes(network: Sequential, x: Array, target: Integers) -> list[Reading]:
    """A Reading of each layer of the network, first to last, for a batch x and its classes.

    The network's parameters keep the measured gradients, in place of those they had collected.
    """
    loss, y, outputs = CrossEntropyLoss(), x, []
    for layer in network.layers:
        y = layer.forward(y)
        outputs.append(float(np.abs(y).mean()))
    loss.forward(y, target)
    network.zero_grad()
    dy, readings = loss.backward(), []
    for layer, output in zip(reversed(network.layers), reversed(outputs), strict=True):
        arrived = float(np.abs(dy).mean())
        dy = layer.backward(dy)
        weights = [parameter for name, parameter in layer.named_parameters() if name.endswith("weight")]
        dw = float(np.abs(weights[0].grad).mean()) if weights else None
        readings.append(Reading(type(layer).__name__, arrived, dw, output))
    return readings[::-1]


def deep_flow(
    depth: int = 20,
    start: str | float = "He",
    activation: str = "ReLU",
    batch_norm: bool = False,
    residual: bool = False,
    seed: int = 0,
    channels: tuple[int, int] = (CHANNELS, CHANNELS),
) -> list[Reading]:
    """The Readings of the blocks of a deep network, on 16 images of noise. Same arguments, same numbers."""
    rng = np.random.default_rng(seed)
    x, target = rng.standard_normal((IMAGES, 1, SIDE, SIDE)), rng.integers(0, CLASSES, IMAGES)
    network = deep_network(depth, start, activation, batch_norm, residual, channels=channels, rng=rng)
    return gradient_sizes(network, x, target)[:-1]


def step_factor(readings: list[Reading]) -> float:
    """The factor by which a gradient grows in each block that it goes back through: the geometric mean."""
    return _growth([reading.activation for reading in reversed(readings)])


def forward_factor(readings: list[Reading]) -> float:
    """The factor by which the signal grows in each block that it goes forward through: the geometric mean."""
    return _growth([reading.output for reading in readings])


def _growth(sizes: list[float]) -> float:
    return _ratio(sizes[-1], sizes[0]) ** (1 / (len(sizes) - 1)) if len(sizes) > 1 else 1.0


def _ratio(size: float, first: float) -> float:
    """size / first; 0 where nothing was there from the first, as with weights of zero."""
    return size / first if first else 0.0


VERDICTS = (  # up to this ratio between the first block's gradient and the last block's
    (0.01, "vanishes"),
    (0.2, "fades slowly"),
    (5, "keeps its size"),
    (100, "grows slowly"),
    (math.inf, "explodes"),
)


def verdict(readings: list[Reading]) -> str:
    """What happens to a gradient between the last block and the first, in a few words."""
    ratio = _ratio(readings[0].activation, readings[-1].activation)
    return next(words for limit, words in VERDICTS if ratio <= limit)
