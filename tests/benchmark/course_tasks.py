"""The course's side of the benchmark: name -> a function that prepares a task and returns its step."""

from functools import partial

import numpy as np
from geometry import BATCH, CONVOLUTIONS, GROWTH

from course_lib import functional as F
from course_lib.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD


def tasks():
    tasks = {name: partial(network, name) for name in BATCH}
    for geometry in CONVOLUTIONS:
        tasks[geometry.name] = partial(convolution, geometry)
        tasks[f"{geometry.name}, batch last"] = partial(convolution, geometry, batch_last=True)
        tasks[f"{geometry.name}, products"] = partial(products, geometry)
    for name, (geometry, _) in GROWTH.items():
        tasks[f"growth: {name}"] = partial(convolution, geometry, batch_last=True)
    return tasks


def convolution(geometry, batch_last=False):
    """Forward and backward. The arrays lie as NumPy makes them, or with the batch last as layers hand them on."""
    g, rng = geometry, np.random.default_rng(0)
    x = rng.standard_normal((g.N, g.C_in, g.size, g.size), dtype=np.float32)
    w = rng.standard_normal((g.C_out, g.C_in, g.kernel_size, g.kernel_size), dtype=np.float32)
    b = np.zeros(g.C_out, np.float32)
    dy = rng.standard_normal((g.N, g.C_out, g.count, g.count), dtype=np.float32)
    if batch_last:
        x, dy = (np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) for a in (x, dy))

    def step():
        F.conv2d(x, w, b, g.stride, g.padding)
        F.conv2d_backward(dy, x, w, g.stride, g.padding)

    return step


def products(geometry):
    """Only the three matrix products that no convolution by im2col can do without, each in one piece."""
    g, rng = geometry, np.random.default_rng(0)
    K, L = g.C_in * g.kernel_size**2, g.N * g.count**2
    w, columns = rng.random((g.C_out, K), dtype=np.float32), rng.random((K, L), dtype=np.float32)
    y, dcolumns = np.empty((g.C_out, L), np.float32), np.empty((K, L), np.float32)

    def step():
        np.matmul(w, columns, out=y)
        columns @ y.T
        np.matmul(w.T, y, out=dcolumns)

    return step


def network(name):
    """A training step on images as a data set hands them out."""
    rng = np.random.default_rng(0)
    model = {"small net": small_net, "Keras net": keras_net}[name](rng)
    loss, optimizer = CrossEntropyLoss(), SGD(model.parameters(), lr=0.01)
    x = rng.random((BATCH[name], 1, 28, 28), dtype=np.float32)
    targets = rng.integers(0, 10, BATCH[name])

    def step():
        optimizer.zero_grad()
        loss.forward(model.forward(x), targets)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step()

    return step


def small_net(rng):
    return Sequential(
        Conv2d(1, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Linear(784, 10, rng=rng),
    )  # fmt: skip


def keras_net(rng):
    return Sequential(
        Conv2d(1, 32, 3, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(32, 64, 3, rng=rng), ReLU(), MaxPool2d(2),
        Flatten(), Dropout(0.5, rng=rng), Linear(1600, 10, rng=rng),
    )  # fmt: skip
