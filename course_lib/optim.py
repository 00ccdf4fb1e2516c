"""Optimizers: step() moves every parameter's data against its grad."""

import math
from collections.abc import Iterable

import numpy as np

from course_lib import checks
from course_lib.layers import Parameter


class Optimizer:
    def __init__(self, parameters, lr):
        if not isinstance(parameters, Iterable):
            raise TypeError(f"parameters must be a list such as model.parameters(), but is {parameters!r}")
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters must hold at least one Parameter, but is empty")
        for number, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Parameter):
                raise TypeError(f"parameters[{number}] must be a Parameter, but is a {type(parameter).__name__}")
        self.lr = checks.real("lr", lr, 0)

    def zero_grad(self):
        for parameter in self.parameters:
            parameter.zero_grad()


class SGD(Optimizer):
    """v = momentum v + grad; data -= lr v."""

    def __init__(self, parameters, lr, momentum=0):
        super().__init__(parameters, lr)
        self.momentum = checks.real("momentum", momentum, 0)
        self.velocity = [np.zeros_like(p.data) for p in self.parameters]

    def step(self):
        for number, parameter in enumerate(self.parameters):
            velocity = self.momentum * self.velocity[number] + parameter.grad
            self.velocity[number] = velocity
            parameter.data = parameter.data - self.lr * velocity


class Adam(Optimizer):
    """Steps of about lr, whatever the size of the gradient. Source: Kingma & Ba 2015, algorithm 1."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas must be a pair of numbers, but is {betas!r}")
        self.betas = tuple(checks.real(f"betas[{i}]", beta, 0, 1) for i, beta in enumerate(betas))
        self.eps = checks.positive("eps", eps)
        self.steps = 0
        self.mean = [np.zeros_like(p.data) for p in self.parameters]
        self.square = [np.zeros_like(p.data) for p in self.parameters]

    def step(self):
        self.steps += 1
        beta1, beta2 = self.betas
        rate = self.lr / (1 - beta1**self.steps)
        root = math.sqrt(1 - beta2**self.steps)
        for number, parameter in enumerate(self.parameters):
            gradient = parameter.grad
            mean = beta1 * self.mean[number] + (1 - beta1) * gradient
            square = beta2 * self.square[number] + (1 - beta2) * gradient**2
            self.mean[number], self.square[number] = mean, square
            parameter.data = parameter.data - rate * mean / (np.sqrt(square) / root + self.eps)
