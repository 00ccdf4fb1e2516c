"""Small networks of nine layers, which the cases 19 and 21 to 24 really train."""

from functools import cache

import numpy as np

from course_lib import gradcheck
from course_lib.exercises.lessons.clinic import fixed
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, Module, Parameter, ReLU, Sequential
from course_lib.optim import SGD

SIZE, KINDS = 8, 4
EVERY = 30  # steps between two lines of a log


@cache
def images(count=512):
    """Bars with noise: x (count, 1, 8, 8), and which of four ways each bar runs (count,)."""
    rng = np.random.default_rng(1)
    x, kinds = rng.normal(0, 0.4, (count, 1, SIZE, SIZE)), rng.integers(0, KINDS, count)
    along = np.arange(SIZE)
    for image, kind in zip(x[:, 0], kinds, strict=True):
        at = rng.integers(1, SIZE - 1)
        rows, columns = ((at, along), (along, at), (along, (along + at) % SIZE), (along, (at - along) % SIZE))[kind]
        image[rows, columns] += 1
    return x, kinds


class Split(Module):
    """A layer whose forward and backward are one function of x and dy that returns y and dx."""

    def __init__(self, f):
        self.f = f

    def forward(self, x):
        self._x = x
        return self.f(x, np.zeros((len(x), x[0].size)))[0]

    def backward(self, dy):
        return self.f(self._x, dy)[1]


class Block(Module):
    """A layer with weights: forward(x, *weights) -> y; f(dy, x, *weights) -> dx and the gradients of the weights."""

    def __init__(self, forward, f, *weights):
        self.run, self.f = forward, f
        for number, weight in enumerate(weights, 1):
            setattr(self, f"w{number}", Parameter(weight))

    def forward(self, x):
        self._x = x
        return self.run(x, *(parameter.data for parameter in self.parameters()))

    def backward(self, dy):
        dx, *gradients = self.f(dy, self._x, *(parameter.data for parameter in self.parameters()))
        for parameter, gradient in zip(self.parameters(), gradients, strict=True):
            parameter.grad += gradient
        return dx


def two_convolutions(flatten=None):
    """conv, ReLU, pool, conv, ReLU, flatten, linear, ReLU, linear."""
    rng = np.random.default_rng(0)
    return Sequential(
        Conv2d(1, 4, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(4, 8, 3, padding=1, rng=rng), ReLU(),
        flatten or Flatten(), Linear(128, 16, rng=rng), ReLU(), Linear(16, KINDS, rng=rng),
    ).astype(np.float64)  # fmt: skip


def with_a_block(forward, backward):
    """conv, ReLU, pool; conv, ReLU, pool in one function; flatten, linear: eight layers and the loss."""
    rng = np.random.default_rng(0)
    first = Conv2d(1, 6, 3, padding=1, rng=rng)
    weights = rng.standard_normal((12, 6, 3, 3)) * np.sqrt(2 / 54)
    last = Linear(12, KINDS, rng=rng)
    return Sequential(first, ReLU(), MaxPool2d(2), Block(forward, backward, weights), Flatten(), last).astype(
        np.float64
    )


def with_hidden_layers(forward, backward):
    """conv, ReLU, pool, flatten; linear, ReLU, linear, ReLU in one function; linear."""
    rng = np.random.default_rng(0)
    first = Conv2d(1, 2, 3, padding=1, rng=rng)
    weights = [rng.standard_normal((32, 32)) * np.sqrt(2 / 32) for _ in range(2)]
    last = Linear(32, KINDS, rng=rng)
    return Sequential(first, ReLU(), MaxPool2d(2), Flatten(), Block(forward, backward, *weights), last).astype(
        np.float64
    )


def train(network, loss=fixed.clinic_22, steps=120, batch=32, lr=0.1, every=EVERY, one_by_one=False):
    """Train a network on the bars. Returns (steps, losses, accuracies): lists, the accuracy on a part of the images.

    one_by_one: test with one image at a time, and not with all in one batch.
    """
    x, kinds = images()
    rng, optimizer, log = np.random.default_rng(2), SGD(network.parameters(), lr=lr), ([], [], [])
    for step in range(steps + 1):
        chosen = rng.integers(0, len(x), batch)
        if step % every == 0:
            accuracy = _accuracy(network, one_by_one)
        value, dscores = loss(network(x[chosen]), kinds[chosen])
        if step % every == 0:
            for column, entry in zip(log, (step, float(value), accuracy), strict=True):
                column.append(entry)
        network.zero_grad()
        network.backward(dscores, input_gradient=False)
        optimizer.step()
    return log


def _accuracy(network, one_by_one):
    x, kinds = images()
    if one_by_one:
        x, kinds = x[:80], kinds[:80]
        return float(np.mean([network(image[None]).argmax() == kind for image, kind in zip(x, kinds, strict=True)]))
    return float(np.mean(network(x[:256]).argmax(axis=1) == kinds[:256]))


def errors_of_weights(network, count=4):
    """(name of each weight array, how far its gradient is from the measured one), from the input to the output."""
    x, kinds = images()
    x, kinds = x[:count], kinds[:count]

    def loss():
        return fixed.clinic_22(network(x), kinds)

    network.zero_grad()
    network.backward(loss()[1], input_gradient=False)
    found = {}
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            continue
        given = parameter.grad.copy()
        few = np.random.default_rng(3).choice(given.size, min(given.size, 24), replace=False)
        found[name] = gradcheck.relative_error(given.flat[few], _measured(loss, parameter, few))
    return found


def _measured(loss, parameter, places, eps=1e-5):
    """The slopes of the loss in these entries of a parameter."""
    kept, slopes = parameter.data, []
    for place in places:
        ends = []
        for step in (eps, -eps):
            parameter.data = kept.copy()
            parameter.data.flat[place] += step
            ends.append(loss()[0])
        slopes.append((ends[0] - ends[1]) / (2 * eps))
    parameter.data = kept
    return np.array(slopes)
