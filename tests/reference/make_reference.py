"""Let PyTorch compute the reference values: python tests/reference/make_reference.py writes the .npz files beside it.

Needs torch. Every number is float64. Inputs are stored with the results, so that nothing depends on a random stream.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as T

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from strategies import Geometry  # noqa: E402


def gradients(function, dy, **arrays):
    """function of tensors -> "y", and d<name> for each array, by autograd with dy from above."""
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    y = function(*tensors.values())
    y.backward(torch.tensor(dy, dtype=torch.float64))
    return {"y": y.detach().numpy(), **{f"d{name}": tensor.grad.numpy() for name, tensor in tensors.items()}}


def loss(function, target, **arrays):
    """As `gradients` for a loss: "loss", and d<name>."""
    found = gradients(lambda value: function(value, torch.tensor(target)), 1.0, **arrays)
    return {"loss": found.pop("y"), **found}


def conv2d(dy, x, w, b, stride, padding, dilation, groups=1):
    return gradients(lambda x, w, b: T.conv2d(x, w, b, stride, padding, dilation, groups), dy, x=x, w=w, b=b)


def conv_transpose2d(dy, x, w, b, stride, padding, output_padding, dilation, groups=1):
    def forward(x, w, b):
        return T.conv_transpose2d(x, w, b, stride, padding, output_padding, groups, dilation)

    return gradients(forward, dy, x=x, w=w, b=b)


def im2col(dy, x, kernel_size, stride, padding, dilation):
    return gradients(lambda x: T.unfold(x, kernel_size, dilation, padding, stride), dy, x=x)


def max_pool2d(dy, x, kernel_size, stride, padding):
    def forward(x):
        return T.max_pool2d(x, kernel_size, stride, padding)

    _, indices = T.max_pool2d(torch.tensor(x), kernel_size, stride, padding, return_indices=True)
    return {**gradients(forward, dy, x=x), "indices": indices.numpy()}


def avg_pool2d(dy, x, kernel_size, stride, padding):
    return gradients(lambda x: T.avg_pool2d(x, kernel_size, stride, padding), dy, x=x)


def batch_norm2d(dy, x, weight, bias, mean=None, var=None):
    """With mean and var as in evaluation, without them as in training."""
    mean, var = (None if value is None else torch.tensor(value) for value in (mean, var))

    def forward(x, weight, bias):
        return T.batch_norm(x, mean, var, weight, bias, training=mean is None)

    return gradients(forward, dy, x=x, weight=weight, bias=bias)


def relu(dy, x):
    return gradients(T.relu, dy, x=x)


def linear(dy, x, w, b):
    return gradients(T.linear, dy, x=x, w=w, b=b)


def cross_entropy(logits, targets):
    return loss(T.cross_entropy, targets, logits=logits)


def mse(pred, target):
    return loss(T.mse_loss, target, pred=pred)


# ---------------------------------------------------------------- the cases

CONVOLUTIONS = {
    "plain": Geometry(2, 3, 4, (6, 5), (3, 2), (1, 1), (0, 0)),
    "padding": Geometry(2, 3, 4, (6, 5), (3, 2), (1, 1), (1, 2)),
    "stride 2 with a remainder": Geometry(3, 2, 3, (6, 8), (3, 3), (2, 2), (0, 0)),
    "4 x 4 with stride 2": Geometry(1, 1, 1, (4, 4), (3, 3), (2, 2), (0, 0)),
    "two strides": Geometry(3, 2, 5, (7, 9), (2, 3), (3, 2), (1, 0)),
    "dilation": Geometry(2, 2, 3, (9, 8), (3, 2), (1, 2), (1, 1), (2, 3)),
    "stride beyond the kernel": Geometry(2, 3, 2, (8, 7), (2, 1), (3, 3), (0, 1)),
    "1 x 1": Geometry(2, 4, 3, (3, 5), (1, 1), (1, 1), (0, 0)),
    "padding wider than the kernel": Geometry(2, 1, 2, (2, 3), (2, 2), (1, 1), (3, 2)),
    "kernel as large as the input": Geometry(4, 2, 3, (5, 3), (5, 3), (1, 1), (0, 0)),
}
TRANSPOSED = {
    "plain": Geometry(2, 3, 4, (4, 3), (3, 2), (1, 1), (0, 0)),
    "16 to 32, smaller": Geometry(1, 2, 3, (4, 5), (3, 3), (2, 2), (1, 1), output_padding=(1, 1)),
    "all different": Geometry(2, 3, 2, (3, 4), (2, 3), (3, 2), (1, 0), (1, 2), (2, 1)),
    "padding crops": Geometry(2, 1, 3, (5, 4), (3, 4), (1, 2), (2, 3)),
    "gaps between windows": Geometry(3, 2, 1, (3, 2), (1, 2), (2, 3), (0, 0)),
}
POOLINGS = {
    "tiles": Geometry(2, 3, 3, (6, 4), (2, 2), (2, 2), (0, 0)),
    "11 to 5": Geometry(1, 2, 2, (11, 11), (2, 2), (2, 2), (0, 0)),
    "overlap": Geometry(2, 2, 2, (6, 5), (3, 2), (1, 1), (0, 0)),
    "overlap and padding": Geometry(2, 3, 3, (7, 6), (3, 4), (2, 1), (1, 2)),
    "gaps": Geometry(3, 1, 1, (8, 7), (2, 1), (3, 2), (0, 0)),
    "one window": Geometry(2, 2, 2, (3, 4), (3, 4), (1, 1), (0, 0)),
}


def reference():
    """operation -> label -> name -> array."""
    return {
        "conv2d": {label: _convolution(geometry) for label, geometry in CONVOLUTIONS.items()},
        "conv_transpose2d": {label: _transposed(geometry) for label, geometry in TRANSPOSED.items()},
        "im2col": {label: _im2col(geometry) for label, geometry in CONVOLUTIONS.items()},
        "max_pool2d": dict(_max_poolings()),
        "avg_pool2d": {label: _pooling(avg_pool2d, g, g.arrays(g.input_shape)[0]) for label, g in POOLINGS.items()},
        "batch_norm2d": dict(_batch_norms()),
        "small": dict(_small()),
        "batch_norm_layer": {"three steps": _batch_norm_layer()},
        "optimizers": dict(_optimizers()),
        "network": {"five steps": _network()},
    }


def _convolution(geometry):
    x, w, b, dy = geometry.convolution()
    given = {"dy": dy, "x": x, "w": w, "b": b, **geometry.windows}
    return {**given, **conv2d(**given)}


def _transposed(geometry):
    x, w, b = geometry.transposed_convolution()
    y = T.conv_transpose2d(*map(torch.tensor, (x, w, b)), **geometry.transposed)
    given = {"dy": np.random.default_rng(1).standard_normal(y.shape), "x": x, "w": w, "b": b, **geometry.transposed}
    return {**given, **conv_transpose2d(**given)}


def _im2col(geometry):
    x, cols = geometry.arrays(geometry.input_shape, geometry.cols_shape)
    given = {"dy": cols, "x": x, "kernel_size": geometry.kernel_size, **geometry.windows}
    return {**given, **im2col(**given)}


def _pooling(function, geometry, x):
    dy = np.random.default_rng(1).standard_normal((geometry.N, geometry.C_in, *geometry.count))
    given = {"dy": dy, "x": x, **geometry.pool}
    return {**given, **function(**given)}


def _max_poolings():
    for label, geometry in POOLINGS.items():
        yield label, _pooling(max_pool2d, geometry, geometry.distinct())
        yield f"{label}, ties", _pooling(max_pool2d, geometry, geometry.tied())
    geometry = POOLINGS["overlap and padding"]
    yield "nothing but -inf", _pooling(max_pool2d, geometry, np.full(geometry.input_shape, -np.inf))


def _batch_norms():
    rng = np.random.default_rng(2)
    for label, shape in {"a batch": (3, 4, 5, 2), "one image": (1, 2, 3, 4), "one pixel each": (5, 3, 1, 1)}.items():
        channels = shape[1]
        given = {
            "x": rng.standard_normal(shape) * 3 + 1, "dy": rng.standard_normal(shape),
            "weight": rng.standard_normal(channels), "bias": rng.standard_normal(channels),
        }  # fmt: skip
        yield f"{label}, training", {**given, **batch_norm2d(**given)}
        given |= {"mean": rng.standard_normal(channels), "var": rng.random(channels) + 0.1}
        yield f"{label}, evaluation", {**given, **batch_norm2d(**given)}


def _small():
    """The operations that need no geometry."""
    rng = np.random.default_rng(3)
    x = rng.integers(-2, 3, (4, 6)).astype(float)
    given = {"dy": rng.standard_normal(x.shape), "x": x}
    yield "relu at zeros", {**given, **relu(**given)}
    w, b, dy = rng.standard_normal((3, 6)), rng.standard_normal(3), rng.standard_normal((4, 3))
    given = {"dy": dy, "x": x, "w": w, "b": b}
    yield "linear", {**given, **linear(**given)}
    logits = rng.standard_normal((5, 4))
    targets = np.array([3, 0, 1, 1, 2])
    for label, scale in {"cross entropy": 1, "cross entropy of large logits": 1000}.items():
        given = {"logits": logits * scale, "targets": targets}
        yield label, {**given, **cross_entropy(**given)}
    given = {"pred": rng.standard_normal((2, 3, 4)), "target": rng.standard_normal((2, 3, 4))}
    yield "mean squared error", {**given, **mse(**given)}


def _batch_norm_layer():
    """Running statistics after each of three steps, and the output in evaluation after them."""
    x = np.random.default_rng(4).standard_normal((3, 2, 3, 4, 2)) * 2 + 5
    layer = torch.nn.BatchNorm2d(3, momentum=0.3, dtype=torch.float64)
    running = []
    for batch in torch.tensor(x):
        layer(batch)
        running.append((layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()))
    means, variances = map(np.array, zip(*running, strict=True))
    y = layer.eval()(torch.tensor(x[0])).detach().numpy()
    return {"x": x, "running_mean": means, "running_var": variances, "y": y}


OPTIMIZERS = {
    "SGD": (torch.optim.SGD, {"lr": 0.1}),
    "SGD with momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "Adam": (torch.optim.Adam, {"lr": 0.01}),
    "Adam with other betas": (torch.optim.Adam, {"lr": 0.5, "betas": (0.5, 0.9), "eps": 1e-3}),
}


def _optimizers():
    """Where twelve given gradients lead: gradient (12, 2, 3) -> data after each step (12, 2, 3)."""
    rng = np.random.default_rng(5)
    start, gradient = rng.standard_normal((2, 3)), rng.standard_normal((12, 2, 3))
    gradient[4:7] = 0
    for label, (make, settings) in OPTIMIZERS.items():
        parameter = torch.nn.Parameter(torch.tensor(start))
        optimizer = make([parameter], **settings)
        data = []
        for step in torch.tensor(gradient):
            parameter.grad = step
            optimizer.step()
            data.append(parameter.detach().numpy().copy())
        yield label, {"start": start, "gradient": gradient, "data": np.array(data)}


def _network():
    """Five steps of SGD with momentum on a network that has one of everything: losses and final parameters."""
    torch.manual_seed(0)
    nn = torch.nn
    first = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    inner = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    last = nn.Sequential(
        nn.MaxPool2d(2), nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), nn.AvgPool2d(3, 1, 1),
        nn.Flatten(), nn.Linear(48, 5),
    )  # fmt: skip
    model = nn.ModuleList([first, inner, last]).double()
    start = {f"start {name}": array.numpy().copy() for name, array in model.state_dict().items()}
    rng = np.random.default_rng(6)
    x, targets = rng.standard_normal((6, 2, 9, 8)), rng.integers(0, 5, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(5):
        hidden = first(torch.tensor(x))
        value = T.cross_entropy(last(hidden + inner(hidden)), torch.tensor(targets))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    end = {f"end {name}": array.numpy() for name, array in model.state_dict().items()}
    return {"x": x, "targets": targets, "losses": np.array(losses), **start, **end}


if __name__ == "__main__":
    for operation, cases in reference().items():
        flat = {f"{label}/{name}": value for label, case in cases.items() for name, value in case.items()}
        np.savez_compressed(FOLDER / f"{operation}.npz", **flat)
