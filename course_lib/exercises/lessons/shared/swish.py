"""The Swish layer of lesson 10, and the steps an answer is taken through: built, called, emptied, called again."""

import numpy as np

from course_lib.exercises.engine.question import Small, WrongAnswer
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.lessons.shared import drawn
from course_lib.layers import Module, Parameter


class Swish(Module):
    """x (N, channels, H, W) -> y = x * s(beta * x), of the same shape, where s is the sigmoid."""

    def __init__(self, channels):
        """beta (channels, 1, 1): one for each channel, all ones at first."""
        self.beta = Parameter(np.ones((channels, 1, 1)))

    def forward(self, x):
        """Returns y, and remembers what backward needs."""
        self.x, self.s = x, 1 / (1 + np.exp(-self.beta.data * x))
        return x * self.s

    def backward(self, dy):
        """Returns dx, and adds to beta.grad."""
        bend = self.x * self.s * (1 - self.s)
        self.beta.grad += np.sum(dy * bend * self.x, axis=(0, 2, 3)).reshape(self.beta.data.shape)
        return dy * (self.s + bend * self.beta.data)


# ---------------------------------------------------------------- the life of a layer

ONCE = "forward, backward"
TWICE = "forward, backward, backward again"
ZEROED = "forward, backward, zero_grad, then another batch"
LIVES = ONCE, TWICE, ZEROED

TENSORS = ("y", "dx", "beta.grad")


def _case(then, x, dy, beta):
    return {"then": then, "x": x, "dy": dy, "beta": beta}


def cases(rng):
    """Channels with betas that are not alike, on inputs that are neither small nor large."""
    shapes = (ONCE, (3, 2, 4, 5)), (TWICE, (2, 3, 3, 4)), (ZEROED, (2, 2, 4, 3)), (ONCE, (1, 4, 2, 3))
    return [
        _case(then, *rng.standard_normal((2, *shape)), rng.uniform(0.5, 2.5, (shape[1], 1, 1)))
        for then, shape in shapes
    ]


@drawn.small
def further(rng, values):
    shape = tuple(int(n) for n in rng.integers(1, 4, 4))
    beta = rng.choice([-1.0, 0.5, 1, 2], (shape[1], 1, 1))
    x = np.clip(values(shape), -9, 9) / 4  # for larger ones, 1 - s is rounding alone in float32
    return _case(LIVES[rng.integers(3)], x, values(shape), beta)


def _small(numbers, W, H, C, N, then):
    return _case(then, numbers(N, C, H, W), numbers(N, C, H, W), numbers(C, 1, 1))


SMALL = Small({"W": (1, 2, 3), "H": (1, 2, 3), "C": (1, 2, 3), "N": (1, 2, 3), "then": LIVES}, _small)

PROBE = _case(ONCE, np.array([[[[1.0, 0], [-1, 2]]]]), np.array([[[[1.0, 1], [1, 0]]]]), np.full((1, 1, 1), 2.0))


def live(cls, then, x, dy, beta):
    """Build a layer, give it these betas and take it through the steps. Returns the arrays that TENSORS names."""
    layer = cls(x.shape[1])
    if not hasattr(layer, "beta") and layer.forward(x) is None:
        return None  # nothing is written yet
    _give(layer, beta)
    y = layer.forward(x)
    dx = layer.backward(dy)
    if then == TWICE:
        dx = layer.backward(dy)
    if then == ZEROED:
        layer.zero_grad()
        y = layer.forward(x[::-1] / 2)
        dx = layer.backward(dy)
    if y is None and dx is None:
        raise CannotBeJudgedError("The constructor is written, but forward and backward return nothing yet.")
    if isinstance(dx, (tuple, list)):
        raise CannotBeJudgedError("backward returns dx alone: the gradient of beta is added to beta.grad.")
    return y, dx, np.array(layer.beta.grad)


def _give(layer, beta):
    if not isinstance(layer, Module):
        raise CannotBeJudgedError("A network accepts only a Module: begin the class with `class Swish(Module):`.")
    if not isinstance(getattr(layer, "beta", None), Parameter):
        raise CannotBeJudgedError("The layer needs a .beta that is a Parameter, with .data and .grad.")
    if layer.beta.data.shape != beta.shape:
        raise CannotBeJudgedError(
            f"beta.data has shape {layer.beta.data.shape}, but {beta.shape} is expected for {len(beta)} channels: "
            "in that shape each beta multiplies its own channel."
        )
    layer.beta.data, layer.beta.grad = beta.copy(), np.zeros(beta.shape)


def spoilt(tensor, forward=None, gradients=None, adds=True):
    """A Swish that goes wrong. gradients(dy, x, s, beta) -> dx, dbeta, either of them None where it is right."""

    def backward(self, dy):
        values = dy, self.x, self.s, self.beta.data
        found = gradients(*values) if gradients else (None, None)
        dx, dbeta = (right if one is None else one for one, right in zip(found, right_gradients(*values), strict=True))
        self.beta.grad = self.beta.grad + dbeta if adds else dbeta
        return dx

    methods = {"backward": backward, **({"forward": forward} if forward else {})}
    return WrongAnswer(live, type("Swish", (Swish,), methods), TENSORS.index(tensor))


def right_gradients(dy, x, s, beta):
    bend = x * s * (1 - s)
    return dy * (s + bend * beta), summed(dy * bend * x)


def summed(values, reduced=np.sum):
    """(N, C, H, W) -> (C, 1, 1)."""
    return reduced(values, axis=(0, 2, 3)).reshape(-1, 1, 1)
