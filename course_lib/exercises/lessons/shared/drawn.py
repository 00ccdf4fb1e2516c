"""Small cases of whole numbers on many geometries: what a right answer is tried on last, and a wrong one explained by.

`small(make)` makes the `further` of a lab: make(rng, values) returns one case, with arrays that values(shape) fills.
"""

from functools import partial

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.lessons.shared import layer, pooling, recipes

COUNT = 32  # cases of a lab: enough for every class of shapes that tests/exercises/test_explained.py asks for

SIZES, KERNELS, STRIDES, PADDINGS = (1, 2, 3, 4, 5, 6), (1, 2, 3), (1, 1, 2, 3), (0, 0, 1, 2)


def small(make):
    """Most cases hold whole numbers from -9 to 9; some are float32, and some far larger in size."""

    def further(rng):
        return [_suited(make, rng, number) for number in range(COUNT)]

    return further


def _suited(make, rng, number):
    factor, dtype = (2000, np.float64) if number % 8 == 3 else (1, np.float32 if number % 8 == 6 else np.float64)
    return make(rng, lambda shape: (_whole(rng, shape) * factor).astype(dtype))


def _whole(rng, shape):
    """Whole numbers of either sign, none of them 0."""
    return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)


# ---------------------------------------------------------------- geometries


def geometry(rng, axes):
    """(sizes), (kernel sizes), stride, padding, with at least one window."""
    while True:
        size, kernel = (tuple(int(n) for n in rng.choice(choice, axes)) for choice in (SIZES, KERNELS))
        kernel = (1,) * axes if rng.random() < 0.15 else kernel
        stride, padding = int(rng.choice(STRIDES)), int(rng.choice(PADDINGS))
        if min(recipes.out_sizes(size, kernel, stride, padding)) > 0:
            return size, kernel, stride, padding


def _few(rng):
    return int(rng.choice((1, 1, 2, 3)))


def _convolution(axes, with_dy):
    def make(rng, values):
        size, kernel, stride, padding = geometry(rng, axes)
        case = {"x": values(size), "w": values(kernel), "stride": stride, "padding": padding}
        return {"dy": values(recipes.out_sizes(size, kernel, stride, padding)), **case} if with_dy else case

    return small(make)


convolution_1d, convolution_1d_backward = _convolution(1, False), _convolution(1, True)
convolution_2d, convolution_2d_backward = _convolution(2, False), _convolution(2, True)


@small
def batch_backward(rng, values):
    size, kernel, stride, padding = geometry(rng, 2)
    N, C, F_ = _few(rng), _few(rng), _few(rng)
    return {
        "dy": values((N, F_, *recipes.out_sizes(size, kernel, stride, padding))),
        "x": values((N, C, *size)),
        "w": values((F_, C, *kernel)),
        "stride": stride,
        "padding": padding,
    }


@small
def unfolded(rng, values):
    size, kernel, stride, padding = geometry(rng, 2)
    return {"x": values((_few(rng), _few(rng), *size)), "kernel_size": kernel, "stride": stride, "padding": padding}


@small
def folded(rng, values):
    size, kernel, stride, padding = geometry(rng, 2)
    places = int(np.prod(recipes.out_sizes(size, kernel, stride, padding)))
    return {
        "cols": values((_few(rng), _few(rng) * int(np.prod(kernel)), places)),
        "output_size": size,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
    }


@small
def transposed(rng, values):
    while True:
        size, kernel, stride, padding = geometry(rng, 2)
        more = int(rng.integers(stride))
        if all((n - 1) * stride + k - 2 * padding > 0 for n, k in zip(size, kernel, strict=True)):
            break
    C_in, C_out = _few(rng), _few(rng)
    return {
        "x": values((_few(rng), C_in, *size)),
        "w": values((C_in, C_out, *kernel)),
        "b": values(C_out) if rng.random() < 0.5 else None,
        "stride": stride,
        "padding": padding,
        "output_padding": more,
    }


# ---------------------------------------------------------------- pools


def _pool(rng):
    """(N, C, H, W), kernel_size, stride, padding, as PyTorch allows them."""
    while True:
        shape = (_few(rng), _few(rng), *(int(n) for n in rng.choice(SIZES, 2)))
        k, stride = int(rng.choice(KERNELS)), [None, 1, 2, 3][rng.integers(4)]
        padding = int(rng.integers(k // 2 + 1))
        if min(pooling.count(shape[2:], k, stride, padding)) > 0:
            return shape, k, stride, padding


@small
def max_pool(rng, values):
    shape, kernel_size, stride, padding = _pool(rng)
    return {"x": values(shape), "kernel_size": kernel_size, "stride": stride, "padding": padding}


@small
def max_pool_backward(rng, values):
    shape, *geometry = _pool(rng)
    _, indices = loops.max_pool2d(values(shape), *geometry)
    return {"dy": values(indices.shape), "indices": indices, "input_shape": shape}


@small
def avg_pool_backward(rng, values):
    shape, kernel_size, stride, padding = _pool(rng)
    dy = values((*shape[:2], *pooling.count(shape[2:], kernel_size, stride, padding)))
    return {"dy": dy, "input_shape": shape, "kernel_size": kernel_size, "stride": stride, "padding": padding}


@small
def tiled_plane(rng, values):
    k, rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return {"dy": values((rows, columns)), "x": values((rows * k, columns * k)), "kernel_size": k}


@small
def plane_without_ties(rng, values):
    while True:
        size, k, stride = tuple(int(n) for n in rng.choice(SIZES, 2)), int(rng.choice(KERNELS)), int(rng.integers(1, 4))
        count = recipes.out_sizes(size, (k, k), stride, 0)
        if min(count) > 0:
            break
    dy = values(count)
    x = (rng.permutation(size[0] * size[1]).reshape(size) - 4).astype(dy.dtype)
    return {"dy": dy, "x": x, "kernel_size": k, "stride": stride}


# ---------------------------------------------------------------- entry by entry


def _shape(rng):
    return tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))


@small
def bias(rng, values):
    return {"dy": values((_few(rng), _few(rng), *(int(n) for n in rng.integers(1, 5, 2))))}


@small
def flatten(rng, values):
    shape = (_few(rng), _few(rng), *(int(n) for n in rng.integers(1, 5, 2)))
    return {"dy": values((shape[0], int(np.prod(shape[1:])))), "input_shape": shape}


@small
def relu(rng, values):
    shape = _shape(rng)
    return {"dy": values(shape), "x": values(shape) * (rng.random(shape) < 0.7).astype(np.float32)}


@small
def dropout(rng, values):
    shape, p = _shape(rng), [0.0, 0.25, 0.5, 0.75][rng.integers(4)]
    return {"dy": values(shape), "mask": rng.random(shape) >= p, "p": p}


# ---------------------------------------------------------------- layers


@small
def linear(rng, values):
    N, n_in, n_out = _few(rng), _few(rng), _few(rng)
    return {"dy": values((N, n_out)), "x": values((N, n_in)), "w": values((n_out, n_in))}


@small
def linear_step(rng, values):
    N, n_in, n_out = _few(rng), _few(rng), _few(rng)
    rate = [0.5, 0.25, 1.0][rng.integers(3)]
    return {"dy": values((N, n_out)), "x": values((N, n_in)), "w": values((n_out, n_in)), "lr": rate}


@small
def residual_block(rng, values):
    N, n = _few(rng), _few(rng)
    return {"dy": values((N, n)), "x": values((N, n)), "w": values((n, n))}


@small
def residual(rng, values):
    shape = (_few(rng), *_shape(rng)[:3])
    matrix = values((shape[-1], shape[-1]))
    return {"dy": values(shape), "branch_backward": partial(_times, matrix)}


def _times(matrix, dy):
    return dy @ matrix


def _scores(rng, values):
    """Small ones lie close to each other: 1 - p and log(p) lose their digits in float32 where p is nearly 1."""
    N, classes = _few(rng), int(rng.integers(2, 5))
    logits = values((N, classes))
    return {"logits": logits / 4 if np.abs(logits).max() < 10 else logits, "targets": rng.integers(0, classes, N)}


any_scores = small(_scores)


@small
def scores(rng, values):
    """None that exp cannot hold."""
    case = _scores(rng, values)
    largest = np.abs(case["logits"]).max()
    return case if largest < 10 else {**case, "logits": case["logits"] / largest}


def scores_by_another_name(rng):
    """The same, for a function of scores and target."""
    return [{"scores": case["logits"], "target": case["targets"]} for case in scores(rng)]


def kernel_shapes(rng):
    return [
        {"shape": tuple(int(n) for n in rng.integers(1, 6, 4)), "stride": int(rng.integers(1, 4))} for _ in range(COUNT)
    ]


@small
def batch_norm(rng, values):
    """At least six numbers of a channel: with two, dx is nothing but rounding."""
    shape = (int(rng.integers(1, 4)), _few(rng), int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    if shape[0] * shape[2] * shape[3] < 6:
        shape = (shape[0], shape[1], shape[2] + 1, 6)
    return {"dy": values(shape), "x": values(shape), "weight": np.abs(values(shape[1]))}


@small
def conv2d_layer(rng, values):
    (H, W), (k, _), stride, padding = geometry(rng, 2)
    H, W = max(H, k), max(W, k)
    shape, filters = (_few(rng), _few(rng), H, W), _few(rng)
    weight, b = values((filters, shape[1], k, k)).astype(np.float32), values(filters).astype(np.float32)
    x = values(shape)
    dy = values(F.conv2d(x, weight, b, stride, padding).shape)
    lives = layer.ONCE, layer.TWICE, layer.ZEROED, layer.MOVED, layer.BETWEEN, layer.TWO_BATCHES
    then = lives[rng.integers(len(lives))]
    return {"then": then, "x": x, "dy": dy, "weight": weight, "bias": b, "stride": stride, "padding": padding}


# ---------------------------------------------------------------- functions of the clinic


@small
def grouped(rng, values):
    while True:
        size, kernel, stride, _ = geometry(rng, 2)
        if min(recipes.out_sizes(size, kernel, stride, 0)) > 0:
            break
    N, groups, each, filters = _few(rng), _few(rng), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    return {
        "dy": values((N, groups * filters, *recipes.out_sizes(size, kernel, stride, 0))),
        "x": values((N, groups * each, *size)),
        "w": values((groups * filters, each, *kernel)),
        "stride": stride,
        "groups": groups,
    }


def pool_with_memory(rng):
    """Pooled images, and memory of their shape that holds other numbers."""
    return [
        {"dy": case["dy"], "indices": case["indices"], "memory": 3 * np.ones(case["input_shape"], case["dy"].dtype)}
        for case in max_pool_backward(rng)
    ]


@small
def signal(rng, values):
    k, more = int(rng.integers(1, 4)), int(rng.integers(5))
    return {"dy": values(more + 1), "x": values(k + more), "w": values(k)}


def flattened(rng):
    """Images there, gradients of their rows back."""
    return [{"x": case["dy"][::-1].reshape(case["input_shape"]), "dy": case["dy"]} for case in flatten(rng)]


@small
def one_network(rng, values):
    """A convolution, ReLU, and a linear layer."""
    while True:
        size, kernel, *_ = geometry(rng, 2)
        rows, columns = recipes.out_sizes(size, kernel, 1, 0)
        if min(rows, columns) > 0:
            break
    N, C, filters, classes = _few(rng), _few(rng), _few(rng), _few(rng)
    return {
        "dy": values((N, classes)),
        "x": values((N, C, *size)),
        "w1": values((filters, C, *kernel)),
        "w2": values((classes, filters * rows * columns)),
    }


@small
def pooled_block(rng, values):
    """A convolution, ReLU and max pooling by 2 without ties: the numbers of x and w are no whole ones."""
    kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
    size = tuple(int(n) for n in np.array(kernel) + rng.integers(1, 5, 2))
    N, C, filters = _few(rng), _few(rng), _few(rng)
    rows, columns = (out // 2 for out in recipes.out_sizes(size, kernel, 1, 0))
    dy, x, w = values((N, filters, rows, columns)), values((N, C, *size)), values((filters, C, *kernel))
    apart = lambda array: (array * rng.uniform(0.9, 1.1, array.shape)).astype(array.dtype)
    return {"dy": dy, "x": apart(x), "w": apart(w)}


@small
def two_linear_layers(rng, values):
    N, n = _few(rng), _few(rng)
    return {"dy": values((N, n)), "x": values((N, n)), "w1": values((n, n)), "w2": values((n, n))}


@small
def chain(rng, values):
    return {name: float(values(())) for name in ("dz", "x", "w1", "w2")}
