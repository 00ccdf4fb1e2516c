"""The Conv2d layer of lesson 06, and the steps an answer is taken through: built, called, zeroed, updated."""

import numpy as np

from course_lib import functional as F
from course_lib import init
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.layers import Module, Parameter


class Conv2d(Module):
    """(N, in_channels, H, W) -> (N, out_channels, H_out, W_out). kernel_size, stride, padding: one number each."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        """weight (out_channels, in_channels, kernel_size, kernel_size) from He's rule, bias (out_channels,) zero."""
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_channels, np.float32))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        """Returns y, and remembers what backward needs."""
        self.x = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        """Returns dx, and adds to weight.grad and bias.grad."""
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


# ---------------------------------------------------------------- what a layer with a bad memory is told

OVERWRITTEN = (
    "A second backward must add to the gradients of the first: they accumulate (+=) until zero_grad clears them. "
    "Yours are set (=)."
)

STALE_INPUT = (
    "backward needs the input of the *last* forward, of this layer and no other. Which x do you keep, and where?"
)

STALE_WEIGHT = (
    "It uses the weights from before the optimizer's step. "
    "A copy or a view of weight.data, kept from the constructor, still holds those. "
    "Read weight.data each time."
)

STEPPED = (
    "backward changes the weights. "
    "Updating them is the optimizer's job. backward only accumulates gradients, and dx needs the weights that made y."
)

CLEARED = (
    "The layer clears its gradients by itself. "
    "Only zero_grad does that, when the training calls it: until then, the gradients of several batches add up."
)

NOT_KEPT = (
    "backward asks self for something that is not there. "
    "What it needs of the forward pass, as the input x, forward must keep, and backward must leave there: "
    "that is the layer's memory."
)

NOT_ON_SELF = (
    "backward uses a name that only another method knows. "
    "What it needs of the forward pass, as the input x, forward must keep on self: that is the layer's memory."
)

NOTHING_KEPT = (
    "backward found None where forward should have left something. "
    "What it needs of the forward pass, as the input x, forward must keep, and backward must leave there: "
    "that is the layer's memory."
)

TAKEN_OUT = (
    "backward takes out of the memory what forward put there, and finds nothing when it is called again. "
    "What was kept must stay until the next forward replaces it."
)

UNFIT = (
    "Two arrays in backward do not fit together. A gradient has the shape of what it is the gradient of, "
    "and the library's functions return dx, dw and db, in this order."
)

PARAMETER = (
    "A Parameter is no array, but holds two: `.data`, the numbers to compute with, and `.grad`, "
    "in which backward collects. Which of the two is meant?"
)

EXCEPTIONS = (  # the last that fits is told
    ("dx", r"ValueError in .* of backward: .*broadcast", UNFIT),
    ("dx", r"AttributeError in .* of backward: '(?!Parameter'|numpy\.|tuple')\w+' object has no attribute", NOT_KEPT),
    ("dx", r"(TypeError|AttributeError|ValueError) in .* of backward: .*None", NOTHING_KEPT),
    ("dx", r"IndexError in .* of backward: pop from (an )?empty", TAKEN_OUT),
    ("dx", r"NameError in .* of backward: name '\w+' is not defined", NOT_ON_SELF),
    ("dx", r"(TypeError|AttributeError) in .*'Parameter'|TypeError in .*its dtype is object", PARAMETER),
)

# ---------------------------------------------------------------- the life of a layer

ONCE = "forward, backward"

TWICE = "forward, backward, backward again"

ZEROED = "forward, backward, zero_grad, then another batch"

MOVED = "forward, backward, zero_grad, new weights as an optimizer sets them, then another batch"

TWO_BATCHES = "forward, backward, then another batch without zero_grad"

BETWEEN = "forward, another layer's forward, another layer's backward, backward"

TENSORS = ("y", "dx", "weight.grad", "bias.grad", "weight.data", "bias.data")


def layer_cases(rng):
    geometries = (
        (ONCE, (3, 2, 6, 7), 4, 3, 2, 1),
        (TWICE, (2, 3, 5, 6), 2, 3, 1, 0),
        (ZEROED, (2, 2, 6, 6), 3, 3, 2, 0),
        (MOVED, (2, 1, 5, 5), 2, 2, 1, 1),
        (BETWEEN, (2, 3, 6, 6), 3, 3, 2, 1),
        (TWO_BATCHES, (3, 2, 5, 4), 4, 2, 1, 0),
        (ONCE, (3, 3, 5, 5), 3, 3, 1, 1),
    )
    return [_layer_case(rng, *geometry) for geometry in geometries]


def _layer_case(rng, then, shape, out_channels, kernel_size, stride, padding):
    x = rng.standard_normal(shape)
    weight = rng.standard_normal((out_channels, shape[1], kernel_size, kernel_size)).astype(np.float32)
    bias = rng.standard_normal(out_channels).astype(np.float32)
    dy = rng.standard_normal(F.conv2d(x, weight, bias, stride, padding).shape)
    return {"then": then, "x": x, "dy": dy, "weight": weight, "bias": bias, "stride": stride, "padding": padding}


ONE_STAMP = {
    "then": ONCE,
    "x": np.array([[[[1.0, 2, 0, 3], [0, 4, 1, 0], [2, 0, 5, 1], [1, 3, 0, 2]]]]),
    "dy": np.array([[[[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]]]),
    "weight": np.array([[[[1, 2], [3, 4]]]], dtype=np.float32),
    "bias": np.array([5], dtype=np.float32),
    "stride": 1,
    "padding": 0,
}


def live(cls, then, x, dy, weight, bias, *geometry):
    """Build a layer, give it these weights and take it through the steps. Returns the arrays that TENSORS names.

    geometry: stride and padding, of a convolution.
    """
    layer = _built(cls, weight, bias, geometry)
    y = layer.forward(x)
    if then == BETWEEN:
        other = _built(cls, -weight, bias, geometry)
        other.forward(x[::-1] + 1)
        other.backward(-dy)
    dx = layer.backward(dy)
    if then == TWICE:
        dx = layer.backward(dy)
    if then in (ZEROED, MOVED, TWO_BATCHES):
        if then != TWO_BATCHES:
            layer.zero_grad()
        if then == MOVED:
            layer.weight.data, layer.bias.data = layer.weight.data * -0.5, layer.bias.data + 1
        y = layer.forward(x[::-1] * 2)
        dx = layer.backward(dy)
    if y is None and dx is None:
        if isinstance(layer, _Unwritten):
            return None
        raise CannotBeJudgedError("The constructor is written, but forward and backward return nothing yet.")
    if isinstance(dx, (tuple, list)):
        raise CannotBeJudgedError(
            f"backward returns {len(dx)} results. It returns dx alone: dw and db are added to .grad, where they stay."
        )
    parameters = (layer.weight.grad, layer.bias.grad, layer.weight.data, layer.bias.data)
    return y, dx, *(np.array(array) for array in parameters)


def _built(cls, weight, bias, geometry):
    sizes = weight.shape[1], weight.shape[0], *weight.shape[2:3]
    layer = _new(cls, *sizes, **dict(zip(("stride", "padding"), geometry, strict=False)))
    if not hasattr(layer, "weight") and layer.forward(np.zeros((1, *weight.shape[1:]))) is None:
        return _Unwritten()
    if not isinstance(layer, Module):
        raise CannotBeJudgedError("A network accepts only a Module: begin the class with `class Conv2d(Module):`.")
    held = [name for name, _ in layer.named_parameters()]
    if len(held) > 2:
        raise CannotBeJudgedError(
            f"The layer has the Parameters {', '.join(held)}. "
            "An optimizer updates all of them, but only weight and bias are to be learnt."
        )
    for name, values in (("weight", weight), ("bias", bias)):
        parameter = getattr(layer, name, None)
        if not isinstance(parameter, Parameter):
            raise CannotBeJudgedError(f"The layer needs a .{name} that is a Parameter, with .data and .grad.")
        if parameter.data.shape != values.shape:
            raise CannotBeJudgedError(
                f"{name}.data has shape {parameter.data.shape}, but {values.shape} is expected "
                f"of {cls.__name__}({', '.join(map(str, sizes))})."
            )
        parameter.data[...] = values
        parameter.grad = np.zeros(values.shape)
    return layer


def _new(cls, *sizes, **geometry):
    """A layer built with its own generator, as lessons build one."""
    try:
        return cls(*sizes, **geometry, rng=np.random.default_rng(0))
    except TypeError as error:
        if "'rng'" not in str(error):
            raise
        raise CannotBeJudgedError(
            "The constructor does not take `rng`. "
            "Keep it as in the stub, and draw the weights with it, "
            "so that whoever builds a network can get the same initial weights again."
        ) from None


class _Unwritten:
    """Stands in for a layer whose constructor does nothing yet."""

    weight = bias = Parameter(np.zeros(1))

    def forward(self, x):
        return None

    backward = forward

    def zero_grad(self):
        return None
