"""Optimizers: step() moves every parameter's data against its grad."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from course_lib._support import checks
from course_lib._support.types import Array
from course_lib.layers import Parameter


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
            gradient = checks.numeric(name, parameter.grad)
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
    """v = momentum v + grad; data -= lr v."""

    memories = ("velocity",)
    velocity: list[Array]

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float = 0) -> None:
        super().__init__(parameters, lr)
        self.momentum = checks.real("momentum", momentum, 0)

    def step(self) -> None:
        for number, (parameter, gradient) in enumerate(zip(self.parameters, self._gradients(), strict=True)):
            velocity = self.momentum * _as(parameter, self.velocity[number]) + gradient
            self.velocity[number] = velocity
            parameter.data = parameter.data - self.lr * velocity

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lr={self.lr}, momentum={self.momentum})"


class Adam(Optimizer):
    """data -= lr mean / (sqrt(square) + eps), where mean and square are moving averages of grad and grad^2.

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
        self.betas = tuple(checks.real(f"betas[{i}]", beta, 0, 1) for i, beta in enumerate(betas))
        self.eps = checks.positive("eps", eps)
        self.steps = 0

    def step(self) -> None:
        gradients = self._gradients()
        self.steps += 1
        beta1, beta2 = self.betas
        rate = self.lr / (1 - beta1**self.steps)
        root = math.sqrt(1 - beta2**self.steps)
        for number, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            mean = beta1 * _as(parameter, self.mean[number]) + (1 - beta1) * gradient
            square = beta2 * _as(parameter, self.square[number]) + (1 - beta2) * gradient**2
            self.mean[number], self.square[number] = mean, square
            parameter.data = parameter.data - rate * mean / (np.sqrt(square) / root + self.eps)

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
