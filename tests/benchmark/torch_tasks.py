"""PyTorch's side of the benchmark: name -> a function that prepares a task and returns its step."""

from functools import partial

import torch
from geometry import BATCH, CONVOLUTIONS
from torch import nn


def tasks(memory="contiguous_format"):
    memory = getattr(torch, memory)
    tasks = {name: partial(network, name, memory) for name in BATCH}
    return tasks | {geometry.name: partial(convolution, geometry, memory) for geometry in CONVOLUTIONS}


def convolution(geometry, memory):
    """Forward and backward, dx included."""
    g = geometry
    layer = nn.Conv2d(g.C_in, g.C_out, g.kernel_size, g.stride, g.padding).to(memory_format=memory)
    x = torch.randn(g.N, g.C_in, g.size, g.size).to(memory_format=memory).requires_grad_()
    dy = torch.randn(g.N, g.C_out, g.count, g.count).to(memory_format=memory)

    def step():
        x.grad = None
        layer.zero_grad()
        layer(x).backward(dy)

    return step


def network(name, memory):
    model = {"small net": small_net, "Keras net": keras_net}[name]().to(memory_format=memory)
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.rand(BATCH[name], 1, 28, 28).to(memory_format=memory)
    targets = torch.randint(0, 10, (BATCH[name],))

    def step():
        optimizer.zero_grad()
        loss(model(x), targets).backward()
        optimizer.step()

    return step


def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(784, 10),
    )  # fmt: skip


def keras_net():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip
