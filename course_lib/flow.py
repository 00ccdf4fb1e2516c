"""How large gradients are in the backward pass, layer by layer, and deep networks to measure them in."""

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


def _small(shape: Shape, rng: Random) -> Array:
    return init.normal(shape, 0.01, rng, np.float64)


def _uniform(shape: Shape, rng: Random) -> Array:
    """PyTorch's initial values of a convolution."""
    limit = 1 / np.sqrt(init.fan_in_and_out(shape)[0])
    return rng.uniform(-limit, limit, shape)


def _xavier(shape: Shape, rng: Random) -> Array:
    return init.xavier_normal(shape, rng, np.float64)


def _he(shape: Shape, rng: Random) -> Array:
    return init.he_normal(shape, rng, np.float64)


STARTS = {"N(0, 0.01)": _small, "uniform": _uniform, "Xavier": _xavier, "He": _he}
ACTIVATIONS = {"ReLU": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


def deep_network(
    depth: int = 20,
    start: str = "He",
    activation: str = "ReLU",
    batch_norm: bool = False,
    residual: bool = False,
    *,
    rng: Random,
) -> Sequential:
    """`depth` blocks of convolution (3 x 3, to 8 channels) and activation, and a linear layer: (N, 1, 8, 8) -> (N, 10).

    batch_norm normalises between convolution and activation; residual adds a shortcut connection to every block but
    the first.
    """
    depth, draw = checks.integer("depth", depth, 1), STARTS[checks.one_of("start", start, STARTS)]
    checks.generator("rng", rng)
    squash = ACTIVATIONS[checks.one_of("activation", activation, ACTIVATIONS)]
    blocks = []
    for number in range(depth):
        convolution = Conv2d(CHANNELS if number else 1, CHANNELS, 3, padding=1, rng=rng, dtype=np.float64)
        norm = [BatchNorm2d(CHANNELS, dtype=np.float64)] if batch_norm else []
        block = Residual if residual and number else Sequential
        blocks.append(block(convolution, *norm, squash()))
    linear = Linear(CHANNELS * SIDE**2, CLASSES, rng=rng, dtype=np.float64)
    for layer in [block[0] for block in blocks] + [linear]:
        layer.weight.data = draw(layer.weight.data.shape, rng)
    return Sequential(*blocks, Sequential(Flatten(), linear))


# ---------------------------------------------------------------- what goes back through them


@dataclass(frozen=True)
class Reading:
    """The gradients of one layer: its name, mean |dL/dy| of its output, mean |dL/dw| of its first weight or None."""

    name: str
    activation: float
    weight: float | None


def gradient_sizes(network: Sequential, x: Array, target: Integers) -> list[Reading]:
    """A Reading of each layer of the network, first to last, for a batch x and its classes.

    The network's parameters keep the measured gradients, in place of those they had collected.
    """
    loss = CrossEntropyLoss()
    loss.forward(network.forward(x), target)
    network.zero_grad()
    dy, readings = loss.backward(), []
    for layer in reversed(network.layers):
        arrived = np.abs(dy).mean()
        dy = layer.backward(dy)
        weights = [parameter for name, parameter in layer.named_parameters() if name.endswith("weight")]
        readings.append(
            Reading(type(layer).__name__, float(arrived), float(np.abs(weights[0].grad).mean()) if weights else None)
        )
    return readings[::-1]


def deep_flow(
    depth: int = 20,
    start: str = "He",
    activation: str = "ReLU",
    batch_norm: bool = False,
    residual: bool = False,
    seed: int = 0,
) -> list[Reading]:
    """The Readings of the blocks of a deep network, on 16 images of noise. Same arguments, same numbers."""
    rng = np.random.default_rng(seed)
    x, target = rng.standard_normal((IMAGES, 1, SIDE, SIDE)), rng.integers(0, CLASSES, IMAGES)
    network = deep_network(depth, start, activation, batch_norm, residual, rng=rng)
    return gradient_sizes(network, x, target)[:-1]


def step_factor(readings: list[Reading]) -> float:
    """The factor by which a gradient grows in each block that it goes back through: the geometric mean."""
    if len(readings) < 2:
        return 1.0
    return float((readings[0].activation / readings[-1].activation) ** (1 / (len(readings) - 1)))


def verdict(readings: list[Reading]) -> str:
    """What happens to a gradient between the last block and the first, in a word or two."""
    ratio = readings[0].activation / readings[-1].activation
    return "vanishes" if ratio < 0.01 else "explodes" if ratio > 100 else "keeps its size"
