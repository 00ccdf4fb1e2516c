"""Is a gradient right? Measure it: nudge the input, see how far the output moves, compare.

A central difference is off by about eps^2, from the curvature, and by 1e-16 / eps, from rounding in float64:
hence eps = 1e-5 wherever it is not given.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, no_type_check

import numpy as np

from course_lib._support import checks
from course_lib._support.types import Array, Random


def _with_checks(function: Callable[..., Array]) -> Callable[..., Array]:
    """Checks the arguments of numerical_gradient, so that its body shows the measurement alone."""

    @functools.wraps(function)
    def checked(f: Callable[[Array], Any], x: Array, eps: float = 1e-5) -> Array:
        checks.function("f", f)

        def number(value: Array) -> np.float64:
            result = checks.numeric("what f returns", f(value), may_be_empty=True)
            if result.ndim != 0:
                raise ValueError(f"f must return one number, but returned an array of shape {result.shape}")
            return np.float64(result)

        x, eps = checks.floats(x=x), checks.positive("eps", eps)
        point = np.asarray(x, dtype=np.float64)
        if np.any((point + eps == point) | (point - eps == point)):
            raise ValueError(f"eps must be large enough to move every entry of x in float64, but is {eps}")
        return function(number, x, eps)

    return checked


@_with_checks
@no_type_check  # a lab, whose stub shows no types
def numerical_gradient(f, x, eps=1e-5):
    """f of an array returns a number; x of any shape -> df/dx shaped like x, float64, by central differences."""
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


def relative_error(a: Array, b: Array) -> float:
    """The largest |a - b|, divided by the largest |a| or |b|, of arrays of one shape: one number for all entries.

    0 where they are equal, and inf where there is a NaN or an infinity.
    """
    a, b = (checks.numeric(name, value, may_be_empty=True).astype(np.float64) for name, value in (("a", a), ("b", b)))
    checks.shape("b", b, a.shape, "the shape of a")
    return _error(a, b, 0)


def _error(a: Array, b: Array, least: float) -> float:
    """The largest |a - b|, divided by the largest |a| or |b|, or by `least` where that is larger."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    # Halves, because the difference of two huge numbers may be more than a float can hold
    gap, size = np.abs(a / 2 - b / 2).max(initial=0), max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), least)
    return float(gap / size * 2) if gap > 0 else 0.0


def check(
    forward: Callable[..., Array],
    backward: Callable[..., Any],
    *arrays: Array,
    rng: Random,
    names: Sequence[str] | None = None,
    eps: float = 1e-5,
    tolerance: float = 1e-6,
) -> "GradientCheck":
    """Compare the gradients of backward with central differences of forward, for every array.

    forward(*arrays) returns y; backward(dy, *arrays) one gradient per array (or fewer: the rest is not compared).
    The loss is sum(dy * y) with a random dy: with dy all ones a flipped kernel can pass unnoticed.
    """
    checks.function("forward", forward), checks.function("backward", backward)
    names = _names(names, len(arrays))
    points = [checks.floats(**{f"arrays[{n}]": array}).astype(np.float64) for n, array in enumerate(arrays)]
    y = checks.numeric("what forward returns", forward(*points), may_be_empty=True)
    dy = checks.generator("rng", rng).standard_normal(y.shape)
    gradients = backward(dy, *points)
    if not isinstance(gradients, (tuple, list)):
        gradients = (gradients,)
    if not 1 <= len(gradients) <= len(points):
        raise ValueError(f"backward must return 1 to {len(points)} gradients, but returned {len(gradients)}")
    pairs = {}
    for number, (name, gradient) in enumerate(zip(names, gradients, strict=False)):

        def loss(array: Array, number: int = number) -> np.floating:
            return np.sum(dy * forward(*points[:number], array, *points[number + 1 :]))

        pairs[name] = gradient, numerical_gradient(loss, points[number], eps)
    return GradientCheck(pairs, tolerance, _noise(dy, y, eps))


def _names(names: Sequence[str] | None, count: int) -> Sequence[str]:
    """The names of the gradients: dx, dw, db for up to three arrays, unless they are given."""
    checks.integer("the number of arrays", count, 1)
    names = [f"d{letter}" for letter in "xwb"[:count]] if names is None else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"names must be a list of strings, but is {checks.brief(names)}")
    if len(names) < count:
        raise ValueError(f"names must hold a name for each of the {count} arrays, but holds {names}")
    if len(set(names)) < len(names):
        raise ValueError(f"names must differ, but are {names}")
    return names


def _noise(dy: Array, y: Array, eps: float) -> float:
    """How far a central difference of sum(dy * y) can be off by rounding alone.

    Both sums are rounded at about the size of their largest partial sum, and their difference is divided by 2 eps.
    """
    return 10 * np.finfo(np.float64).eps * np.sum(np.abs(dy * y)) / eps


def check_layer(layer: Any, x: Array, *, rng: Random, eps: float = 1e-5, tolerance: float = 1e-6) -> "GradientCheck":
    """Compare dx and every parameter's gradient of a layer or network in float64 with central differences.

    Leaves the layer as it was, except for its gradients, which are zeroed. Dropout must be in evaluation mode.
    """
    checks.has_methods("layer", layer, "forward", "backward", "state_dict", such_as="ReLU()")
    x = checks.floats(x=x).astype(np.float64)
    state = layer.state_dict()
    try:
        y = layer.forward(x)
        dy = checks.generator("rng", rng).standard_normal(y.shape)
        layer.zero_grad()
        dx = layer.backward(dy)
        pairs = {"dx": (dx, numerical_gradient(lambda value: np.sum(dy * layer.forward(value)), x, eps))}
        for name, parameter in layer.named_parameters():
            measured = _parameter_gradient(lambda: np.sum(dy * layer.forward(x)), parameter, eps)
            pairs[f"{name} {parameter.data.shape}"] = parameter.grad, measured
    finally:
        layer.load_state_dict(state)
        layer.zero_grad()
    return GradientCheck(pairs, tolerance, _noise(dy, y, eps))


def _parameter_gradient(loss: Callable[[], Any], parameter: Any, eps: float) -> Array:
    """The gradient of loss() with respect to a parameter, whose data is put back in the end."""
    kept = parameter.data

    def with_data(value: Array) -> Any:
        parameter.data = value
        return loss()

    try:
        return numerical_gradient(with_data, kept, eps)
    finally:
        parameter.data = kept


class GradientCheck:
    """The comparison of gradients with their measured values: prints as a table, is true if all agree.

    An error is relative to the gradient, but a gradient so small that its error drowns in the noise of the
    measurement is not held to more than that: where the right gradient is 0, as of a bias before batch norm,
    both sides are rounding.
    """

    def __init__(self, pairs: dict[str, tuple[Any, Array]], tolerance: float, noise: float) -> None:
        self.tolerance = checks.positive("tolerance", tolerance)
        self.errors = {}
        for name, (gradient, measured) in pairs.items():
            gradient = checks.numeric(name, gradient)
            checks.shape(name, gradient, measured.shape, "the array it is the gradient of")
            self.errors[name] = _error(gradient, measured, noise / tolerance)

    def __bool__(self) -> bool:
        return all(error < self.tolerance for error in self.errors.values())

    def __repr__(self) -> str:
        width = max(len(name) for name in self.errors)
        rows = [f"{name:<{width}}  {self._verdict(error)}" for name, error in self.errors.items()]
        return "\n".join([f"{'':<{width}}  relative error", *rows])

    def _verdict(self, error: float) -> str:
        """Shows no digits of an error below the tolerance: it is rounding, which differs between processors."""
        if error < self.tolerance:
            return f"below {self.tolerance:.0e}   agrees"
        return f"{error:<11.1e}   DIFFERS"


def adjoint_gap(forward: Callable[[Array], Array], transpose: Callable[[Array], Array], x: Array, v: Array) -> float:
    """The relative gap between <forward(x), v> and <x, transpose(v)>: rounding error if they are transposes."""
    x, v = checks.floats(x=x, v=v)
    seen, returned = checks.floats(**{"what forward returns": forward(x), "what transpose returns": transpose(v)})
    checks.shape("v", v, seen.shape, "the shape of what forward returns")
    checks.shape("what transpose returns", returned, x.shape, "the shape of x")
    ahead, back = np.vdot(seen, v), np.vdot(x, returned)
    return float(abs(ahead - back) / max(abs(ahead), abs(back), np.finfo(float).tiny))
