"""Optimizers: step() moves every parameter's data against its grad. sgd_step and adam_step are their arithmetic."""

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any, no_type_check

import numpy as np
from numpy.typing import ArrayLike

from course_lib._support import checks
from course_lib._support.types import Array
from course_lib.layers import Parameter


def _for_sgd(lr: Any, momentum: Any, **_: Any) -> tuple[float, float]:
    """The settings as Python floats: a float64 of NumPy's would turn float32 arrays into float64."""
    return checks.real("lr", lr, 0), checks.real("momentum", momentum, 0)


def _for_adam(t: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, **_: Any) -> tuple[int, float, float, float, float]:
    """The same for Adam, in the order in which adam_step takes them."""
    rates = checks.real("beta1", beta1, 0, 1), checks.real("beta2", beta2, 0, 1)
    return checks.integer("t", t, 1), checks.real("lr", lr, 0), *rates, checks.positive("eps", eps)


@no_type_check  # labs show these two as solutions
@checks.axes(w="(...)", dw="(...)", velocity="(...)", fits=_for_sgd)
def sgd_step(w, dw, velocity, lr, momentum):
    """w, dw, velocity of one shape -> w, velocity after one step of SGD with momentum."""
    velocity = momentum * velocity + dw
    w = w - lr * velocity
    return w, velocity


@no_type_check
@checks.axes(w="(...)", dw="(...)", m="(...)", v="(...)", fits=_for_adam)
def adam_step(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """w, dw, m, v of one shape, t = 1 for the first step -> w, m, v after step t of Adam.

    m and v are moving averages of dw and dw^2 that start at 0. Source: Kingma & Ba 2015, algorithm 1.
    """
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw**2
    rate = lr / (1 - beta1**t)  # corrects m for its start at 0
    root = math.sqrt(1 - beta2**t)  # the same for the root of v
    w = w - rate * m / (np.sqrt(v) / root + eps)
    return w, m, v


# Without their checks, for a step that has checked what it hands over
_sgd, _adam = inspect.unwrap(sgd_step), inspect.unwrap(adam_step)


class Optimizer:
    """What SGD and Adam share. step() moves the parameters, zero_grad() zeros the gradients for the next backward.

    parameters: such as model.parameters(). The arrays in .data are replaced and never written to.
    """

    memories: tuple[str, ...] = ()  # names of lists with one array for each parameter, remembered from step to step

    def __init__(self, parameters: Iterable[Parameter], lr: float) -> None:
        if not isinstance(parameters, Iterable) or isinstance(parameters, np.ndarray):
            raise TypeError(f"parameters must be a list such as model.parameters(), but is {checks.brief(parameters)}")
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters must hold at least one Parameter, but is empty")
        for number, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Parameter):
                raise TypeError(f"parameters[{number}] must be a Parameter, but is a {type(parameter).__name__}")
            if any(parameter is earlier for earlier in self.parameters[:number]):
                raise ValueError(f"parameters[{number}] must differ from those before it, or it would be moved twice")
        self.lr = checks.real("lr", lr, 0)
        for name in self.memories:
            setattr(self, name, [np.zeros_like(parameter.data) for parameter in self.parameters])

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zeros."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def step(self) -> None:
        """Move every parameter once."""
        raise NotImplementedError(f"{type(self).__name__} must define step()")

    def _gradients(self) -> list[Array]:
        """The gradient of each parameter, in the dtype of its data. All are checked before any parameter is moved."""
        gradients = []
        for number, parameter in enumerate(self.parameters):
            name = f"parameters[{number}].grad"
            gradient = checks.floats(**{name: parameter.grad})
            checks.shape(name, gradient, parameter.data.shape, "the shape of its data")
            gradients.append(_as(parameter, gradient))
        return gradients

    def state_dict(self) -> dict[str, Array]:
        """Copies of the arrays remembered from step to step, by name: "velocity.0" belongs to parameters[0]."""
        return {name: _as(parameter, memory[number]).copy() for name, memory, number, parameter in self._places()}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Copy in every array of `state`, whose names and shapes must be those of this optimizer. All or nothing."""
        checks.same_names(state, self.state_dict())
        self._take(state)

    def _take(self, state: Mapping[str, ArrayLike]) -> None:
        arrays = [
            checks.like(f"state[{name!r}]", state[name], parameter.data, f"as parameters[{number}]")
            for name, _, number, parameter in self._places()
        ]
        for (_, memory, number, _), array in zip(self._places(), arrays, strict=True):
            memory[number] = array

    def _places(self) -> list[tuple[str, list[Array], int, Parameter]]:
        """(name, list, index, parameter) of every array remembered."""
        return [
            (f"{name}.{number}", getattr(self, name), number, parameter)
            for name in self.memories
            for number, parameter in enumerate(self.parameters)
        ]


class SGD(Optimizer):
    """Steps by `sgd_step`: velocity = momentum velocity + grad; data -= lr velocity."""

    memories = ("velocity",)
    velocity: list[Array]

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float = 0) -> None:
        super().__init__(parameters, lr)
        self.momentum = checks.real("momentum", momentum, 0)

    def step(self) -> None:
        settings = _for_sgd(self.lr, self.momentum)
        for number, (parameter, gradient) in enumerate(zip(self.parameters, self._gradients(), strict=True)):
            velocity = _as(parameter, self.velocity[number])
            parameter.data, self.velocity[number] = _sgd(parameter.data, gradient, velocity, *settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lr={self.lr}, momentum={self.momentum})"


class Adam(Optimizer):
    """Steps by `adam_step`: data -= lr mean / (sqrt(square) + eps), with moving averages of grad and grad^2.

    betas are their decay rates. Both averages start at 0 and are corrected for it by 1 - beta^steps. So a step is
    about lr long, whatever the size of the gradient. Source: Kingma & Ba 2015, algorithm 1.
    """

    memories = ("mean", "square")
    mean: list[Array]
    square: list[Array]

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas must be a pair of numbers, but is {checks.brief(betas)}")
        self.betas = checks.real("betas[0]", betas[0], 0, 1), checks.real("betas[1]", betas[1], 0, 1)
        self.eps = checks.positive("eps", eps)
        self.steps = 0

    def step(self) -> None:
        gradients = self._gradients()
        settings = _for_adam(self.steps + 1, self.lr, *self.betas, self.eps)
        self.steps += 1
        for number, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            m, v = _as(parameter, self.mean[number]), _as(parameter, self.square[number])
            parameter.data, self.mean[number], self.square[number] = _adam(parameter.data, gradient, m, v, *settings)

    def state_dict(self) -> dict[str, Array]:
        return {"steps": np.array(self.steps), **super().state_dict()}

    def _take(self, state: Mapping[str, ArrayLike]) -> None:
        count = np.asarray(state["steps"])
        checks.shape("state['steps']", count, (), "a count")
        steps = checks.integer("state['steps']", count.item(), 0)
        super()._take(state)
        self.steps = steps

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lr={self.lr}, betas={self.betas}, eps={self.eps})"


def _as(parameter: Parameter, memory: Array) -> Array:
    """A remembered or collected array in the parameter's dtype, which astype may have changed in between."""
    return memory.astype(parameter.data.dtype, copy=False)
