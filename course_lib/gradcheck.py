"""Is a gradient right? Measure it: nudge the input, look how far the output moves, compare.

A central difference is off by about eps^2, from the curvature, and by 1e-16 / eps, from rounding in float64:
hence eps = 1e-5 wherever it is not given.
"""

import functools

import numpy as np

from course_lib import checks


def _asking(function):
    """Check the arguments of numerical_gradient, whose body then shows nothing but the measurement."""

    @functools.wraps(function)
    def checked(f, x, eps=1e-5):
        if not callable(f):
            raise TypeError(f"f must be a function of an array, but is {f!r}")

        def number(value):
            result = f(value)
            if np.ndim(result) != 0:
                raise ValueError(f"f must return one number, but returned an array of shape {np.shape(result)}")
            return result

        return function(number, checks.floats(x=x), checks.positive("eps", eps))

    return checked


@_asking
def numerical_gradient(f, x, eps=1e-5):
    """f: array -> number, x of any shape -> df/dx shaped like x, float64, by central differences."""
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + eps
        above = f(x)
        x[index] = kept - eps
        below = f(x)
        x[index] = kept
        grad[index] = (above - below) / (2 * eps)
    return grad


def relative_error(a, b):
    """a, b of one shape -> max |a - b| / max(|a|, |b|), and 0 where both are all zero."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    checks.shape("b", b, a.shape, "the shape of a")
    size = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max(initial=0) / size) if size > 0 else 0.0


def check(forward, backward, *arrays, rng, names=None, eps=1e-5, tolerance=1e-6):
    """Compare what backward says with central differences of forward, for every array -> a GradientCheck.

    forward(*arrays) -> y; backward(dy, *arrays) -> one gradient per array (or fewer: the rest is not compared).
    The loss is sum(dy * y) with a random dy: with dy all ones a flipped kernel can pass unseen.
    """
    arrays = [np.array(array, dtype=np.float64) for array in arrays]
    names = list(names or [f"d{letter}" for letter in ("x", "w", "b")[: len(arrays)]])
    y = np.asarray(forward(*arrays))
    dy = checks.generator("rng", rng).standard_normal(y.shape)
    gradients = backward(dy, *arrays)
    if not isinstance(gradients, (tuple, list)):
        gradients = (gradients,)
    if not 1 <= len(gradients) <= len(arrays):
        raise ValueError(f"backward must return 1 to {len(arrays)} gradients, but returned {len(gradients)}")
    pairs = {}
    for number, (name, gradient) in enumerate(zip(names, gradients, strict=False)):
        checks.shape(name, np.asarray(gradient), arrays[number].shape, "the array it is the gradient of")

        def loss(array, number=number):
            return np.sum(dy * forward(*arrays[:number], array, *arrays[number + 1 :]))

        pairs[name] = np.asarray(gradient), numerical_gradient(loss, arrays[number], eps)
    return GradientCheck(pairs, tolerance)


def check_layer(layer, x, *, rng, eps=1e-5, tolerance=1e-6):
    """layer (or a whole network) in float64, x -> a GradientCheck of dx and of every parameter's gradient.

    Leaves the layer as it was, but for its collected gradients, which are zeroed. Dropout must be in eval().
    """
    x = np.array(x, dtype=np.float64)
    state = layer.state_dict()
    try:
        y = layer.forward(x)
        dy = checks.generator("rng", rng).standard_normal(y.shape)
        layer.zero_grad()
        dx = layer.backward(dy)
        pairs = {"dx": (dx, numerical_gradient(lambda value: np.sum(dy * layer.forward(value)), x, eps))}
        for name, parameter in layer.named_parameters():
            kept = parameter.data

            def loss(value, parameter=parameter):
                parameter.data = value
                return np.sum(dy * layer.forward(x))

            measured = numerical_gradient(loss, kept, eps)
            parameter.data = kept
            pairs[f"{name} {kept.shape}"] = parameter.grad, measured
    finally:
        layer.load_state_dict(state)
        layer.zero_grad()
    return GradientCheck(pairs, tolerance)


class GradientCheck:
    """The comparison of gradients with their measured values: prints as a table, is true if all agree."""

    def __init__(self, pairs, tolerance):
        self.errors = {name: relative_error(*pair) for name, pair in pairs.items()}
        self.tolerance = tolerance

    def __bool__(self):
        return all(error < self.tolerance for error in self.errors.values())

    def __repr__(self):
        width = max(len(name) for name in self.errors)
        rows = [f"{name:<{width}}  {self._verdict(error)}" for name, error in self.errors.items()]
        return "\n".join([f"{'':<{width}}  relative error", *rows])

    def _verdict(self, error):
        """An error below the tolerance is rounding, and differs from one processor to the next."""
        if error < self.tolerance:
            return f"below {self.tolerance:.0e}   agrees"
        return f"{error:<11.1e}   DIFFERS"


def adjoint_gap(forward, transpose, x, v):
    """How far <forward(x), v> is from <x, transpose(v)>, relative: rounding error if one is the other's transpose."""
    ahead, back = np.vdot(forward(x), v), np.vdot(x, transpose(v))
    return float(abs(ahead - back) / max(abs(ahead), abs(back), np.finfo(float).tiny))
