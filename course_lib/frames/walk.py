"""The backward pass of a network, layer by layer: values and gradients as pictures, with their shapes."""

from dataclasses import dataclass

import numpy as np

from course_lib import functional, layers
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.looks import GRADIENT, INPUT, OUTPUT, number

_SIDE, _BETWEEN, _BELOW = 3.0, 0.9, 0.35
_TALL = 9.0  # of a column of single numbers


@animation
def backward_walk(network, x, targets, maps=3):
    """The story of the backward pass of network, a Sequential that ends in logits, for x (1, C, H, W), targets (1,).

    maps    how many channels of each layer to show, at most
    The network stays in its mode, training or evaluation, and its parameters keep their gradients.
    """
    if not isinstance(network, layers.Sequential):
        raise TypeError(f"network must be a Sequential, but is {type(network).__name__}")
    if np.ndim(x) != 4 or len(x) != 1:
        raise ValueError(f"x must be one image, (1, C, H, W), but its shape is {np.shape(x)}")
    checks.integer("maps", maps, 1)
    passes = both_passes(network, x, targets)
    columns = _columns(passes, maps)
    grids = by_key(*(grid for column in columns for grid in (*column.values, *column.gradients)))
    steps = [*_opening(passes, columns), *_way_back(network, passes, columns)]
    steps.append(
        Step(
            "This last picture is the gradient of the loss for every pixel: how the loss would move if the pixel grew "
            "a little brighter."
        )
    )
    return Story("The way back through the network", grids, steps)


def _opening(passes, columns):
    """The steps before the first layer's: the forward pass, and the gradient of the loss."""
    return [
        Step(
            f"The image went through {len(columns) - 1} layers, from left to right; the loss is "
            f"{number(passes.loss)}. Below, the gradients will come back from right to left."
        ),
        Step(
            "The walk starts at the loss: its gradient for the scores is softmax − onehot. Only the entry of the true "
            "class is negative: its score should grow.",
            f"{columns[-1].mark('dlogits')} = (softmax(logits) − onehot) / N",
            _size_text(passes.gradients[-1]),
            flows=columns[-1].reveal(passes.gradients[-1]),
        ),
    ]


def _way_back(network, passes, columns):
    """A step for each layer, from the last to the first."""
    for at in range(len(network) - 1, -1, -1):
        layer, dy, dx = network[at], passes.gradients[at + 1], passes.gradients[at]
        before, after = columns[at], columns[at + 1]
        yield Step(
            _SENTENCES.get(type(layer), _other)(layer, dy, dx),
            f"{type(layer).__name__}: {after.mark(f'dy {dy.shape}')} → {before.mark(f'dx {dx.shape}')}"
            f"{_parameters(layer)}",
            _size_text(dx),
            flows=before.reveal(dx),
            looks={grid.key: _all(grid) for grid in after.gradients},
        )


# ---------------------------------------------------------------- running the network


@dataclass
class Passes:
    """The values between the layers, input first, and the gradient of the loss with respect to each."""

    names: list  # "input", then the type of each layer
    values: list
    gradients: list
    loss: float


def both_passes(network, x, targets):
    """One forward and one backward pass."""
    values = [np.asarray(x)]
    for layer in network.layers:
        values.append(layer.forward(values[-1]))
    loss, gradient = functional.cross_entropy(values[-1], targets)
    gradients = [gradient]
    kept = [parameter.grad.copy() for parameter in network.parameters()]
    try:
        for layer in reversed(network.layers):
            gradients.append(layer.backward(gradients[-1]))
    finally:
        for parameter, grad in zip(network.parameters(), kept, strict=True):
            parameter.grad[...] = grad
    for array in (*values, *gradients):
        drawable(**{"what network computes": array})
    names = ["input", *(type(layer).__name__ for layer in network.layers)]
    return Passes(names, values, gradients[::-1], float(loss))


# ---------------------------------------------------------------- pictures


@dataclass
class _Column:
    """One value between two layers: some of its channels at the top, their gradients below."""

    values: list
    gradients: list

    def mark(self, text):
        """Text that the player writes in the colour of the gradients."""
        return mark(self.gradients[0].key, text)

    def reveal(self, gradient):
        """The flows that fill in the gradients."""
        parts = _parts(gradient, len(self.gradients))
        return tuple(
            Flow(grid.key, _all(grid), (), part.ravel().tolist())
            for grid, part in zip(self.gradients, parts, strict=True)
        )


def _columns(passes, maps):
    """A column for each value, from left to right."""
    columns, right = [], 0.0
    deepest = max(min(maps, value.shape[1]) for value in passes.values if value.ndim == 4)
    below = deepest * (_SIDE + _BELOW) + 1.3
    for at, (value, layer) in enumerate(zip(passes.values, passes.names, strict=True)):
        value_name, gradient_name = _names(at, layer)
        shape = "×".join(map(str, value.shape[1:]))
        parts = _parts(value, maps)
        folded = 0 if value.ndim == 4 else value.size
        above = _down_from((right, 0), parts, layer, folded)
        beneath = _down_from((right, below), [np.zeros(part.shape) for part in parts], shape, folded)
        columns.append(
            _Column(
                [Grid(value_name, OUTPUT if at else INPUT, **place) for place in above],
                [Grid(gradient_name, GRADIENT, collects=True, empty=True, **place) for place in beneath],
            )
        )
        right += max(*map(_width, parts), 0.22 * max(len(shape), len(layer))) + _BETWEEN
    return columns


def _names(at, layer):
    """The names of a value and of its gradient: y and dy of a layer, by its index in the network."""
    return (f"y of network[{at - 1}] ({layer})", f"dy of network[{at - 1}] ({layer})") if at else ("x", "dx")


def _down_from(corner, parts, caption, folded):
    """The keyword arguments of the Grids of one column: below each other, the caption over the first."""
    right, down = corner
    return [
        {
            "values": part, "at": (right, down + c * (_SIDE + _BELOW)), "prefix": (0,) if folded else (0, c),
            "caption": " " if c else caption, "picture": True, "scale": _scale(part), "folded": folded,
        }
        for c, part in enumerate(parts)
    ]  # fmt: skip


def _parts(value, maps):
    """The rectangles that show a value: its channels, or a vector folded into a square or a column."""
    value = np.asarray(value, float)
    if value.ndim == 4:
        return list(value[0, :maps])
    vector = value.reshape(-1)
    if vector.size <= 20:
        return [vector[:, None]]
    side = int(np.ceil(np.sqrt(vector.size)))
    return [np.pad(vector, (0, side * -(-vector.size // side) - vector.size)).reshape(-1, side)]


def _scale(part):
    rows, columns = part.shape
    return (_TALL if columns == 1 else _SIDE) / max(rows, columns)


def _width(part):
    return part.shape[1] * _scale(part)


def _all(grid):
    return list(range(grid.values.size))


# ---------------------------------------------------------------- words


def _size_text(gradient):
    return f"mean |gradient| = {number(np.abs(gradient).mean())}, largest {number(np.abs(gradient).max())}"


def _parameters(layer):
    """The gradients of the layer's own parameters, with their shapes."""
    names = [("weight", "dw"), ("bias", "db")]
    held = [(short, getattr(layer, name, None)) for name, short in names]
    return "".join(f", {short} {parameter.data.shape}" for short, parameter in held if parameter is not None)


def _share(count, size):
    return f"{100 * count / size:.0f} %"


def _convolution(layer, dy, dx):
    return (
        f"The convolution scatters dy back through its kernels: {dy.shape[1]} channels become {dx.shape[1]}, and the "
        f"picture grows from {dy.shape[2]} × {dy.shape[3]} to {dx.shape[2]} × {dx.shape[3]}."
    )


def _linear(layer, dy, dx):
    return f"The linear layer mixes its {dy.shape[1]} gradients into {dx.shape[1]}: dx = dy · w."


def _relu(layer, dy, dx):
    return f"ReLU lets the gradient pass where its input was positive: {_share((dx == 0).sum(), dx.size)} of dx are 0."


def _max_pool(layer, dy, dx):
    return (
        f"Only the winner of each window takes the gradient: {dy[0].size} numbers land on {dx[0].size} places, and "
        f"{_share((dx == 0).sum(), dx.size)} of them stay 0."
    )


def _average_pool(layer, dy, dx):
    return "Every cell of a window takes an equal share of its gradient."


def _flatten(layer, dy, dx):
    return "Flatten reshapes the same numbers back."


def _dropout(layer, dy, dx):
    if layer.training:
        return f"Dropout blocks what it had dropped: {_share((dx == 0).sum(), dx.size)} of dx are 0, the rest grew."
    return "Dropout does nothing outside training: the gradient passes."


def _batch_norm(layer, dy, dx):
    return "Batch normalisation subtracts from the gradient its mean, and the part that would only rescale the channel."


def _other(layer, dy, dx):
    return f"{type(layer).__name__} turns dy into dx."


_SENTENCES = {
    layers.Conv2d: _convolution,
    layers.Linear: _linear,
    layers.ReLU: _relu,
    layers.MaxPool2d: _max_pool,
    layers.AvgPool2d: _average_pool,
    layers.Flatten: _flatten,
    layers.Dropout: _dropout,
    layers.BatchNorm2d: _batch_norm,
}
