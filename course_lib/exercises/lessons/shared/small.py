"""How small cases are drawn for labs whose arguments depend on each other in ways that their cases do not tell."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.shrinking import entries
from course_lib.exercises.lessons.shared import recipes

BATCH = {"W": range(1, 6), "H": range(1, 6), "C": (1, 2, 3), "N": (1, 2, 3)}
KERNEL = {"kW": (1, 2, 3), "kH": (1, 2, 3)}
STRIDE_AND_PADDING = {"stride": (1, 2, 3), "padding": (0, 1, 2)}
SHAPES = ((1,), (2,), (1, 2), (2, 1), (2, 2), (2, 3), (1, 2, 2), (2, 2, 2))


def out(size, kernel, stride, padding):
    """The sizes of the output. Raises ValueError where the kernel does not fit, or reaches no pixel."""
    found = recipes.out_sizes(size, kernel, stride, padding)
    if min(found) < 1 or any(2 * padding > k for k in kernel if padding):
        raise ValueError("there is no such window")
    return found


def windows_of(size, kernel_size, stride, padding=0):
    """The same for a square window; without a stride, windows lie side by side."""
    return out(size, (kernel_size, kernel_size), kernel_size if stride is None else stride, padding)


def of_one_shape(draw: Callable[..., Any], **choices) -> Small:
    """draw(numbers, shape, **choices) -> a case."""
    return Small({"shape": SHAPES, **choices}, draw)


def chain(numbers):
    return {name: numbers.one() for name in ("dz", "x", "w1", "w2")}


def measured(numbers, shape, f, eps, dtype):
    return {"f": f, "x": numbers(*shape).astype(dtype), "eps": eps}


def columns(numbers, W, H, C, N, kW, kH, stride, padding):
    rows, cols = recipes.out_sizes((H, W), (kH, kW), stride, padding)
    if min(rows, cols) < 1:
        raise ValueError("there is no window")
    return {
        "cols": numbers(N, C * kH * kW, rows * cols), "output_size": (H, W), "kernel_size": (kH, kW),
        "stride": stride, "padding": padding,
    }  # fmt: skip


def max_pool(numbers, W, H, C, N, kernel_size, stride, padding):
    windows_of((H, W), kernel_size, stride, padding)
    return {"x": signed(numbers, N, C, H, W), "kernel_size": kernel_size, "stride": stride, "padding": padding}


def max_pool_backward(numbers, W, H, C, N, columns, rows):
    shape = N, C, rows, columns
    return {"dy": numbers(*shape), "indices": numbers.below(H * W, *shape), "input_shape": (N, C, H, W)}


def avg_pool_backward(numbers, W, H, C, N, kernel_size, stride, padding):
    shape = N, C, *windows_of((H, W), kernel_size, stride, padding)
    return {
        "dy": numbers(*shape), "input_shape": (N, C, H, W),
        "kernel_size": kernel_size, "stride": stride, "padding": padding,
    }  # fmt: skip


def tiled_pool(numbers, columns, rows, kernel_size):
    x = numbers(rows * kernel_size, columns * kernel_size)
    return {"dy": numbers(rows, columns), "x": x, "kernel_size": kernel_size}


def overlapping_pool(numbers, W, H, kernel_size, stride):
    shape = windows_of((H, W), kernel_size, stride)
    return {"dy": numbers(*shape), "x": numbers(H, W), "kernel_size": kernel_size, "stride": stride}


def flat(numbers, W, H, C, N):
    return {"dy": numbers(N, C * H * W), "input_shape": (N, C, H, W)}


def signed(numbers, *shape):
    return numbers(*shape) * (1.0 - 2 * numbers.below(2, *shape))


def relu(numbers, shape):
    return {"dy": signed(numbers, *shape), "x": signed(numbers, *shape)}


def dropout(numbers, shape, p):
    return {"dy": numbers(*shape), "mask": numbers.below(3, *shape) > 0, "p": p}


def scores(numbers, classes, N):
    return {"logits": numbers(N, classes), "targets": numbers.below(classes, N)}


def residual(numbers, n, N):
    return {"dy": numbers(N, n), "branch_backward": through(numbers(n, n))}


def through(matrix):
    """The gradient of a branch that multiplies by a matrix, which is shown as its name."""

    def branch_backward(dy):
        return dy @ matrix

    branch_backward.__name__ = f"dy @ {entries(matrix)}" if matrix.size <= 4 else "a matrix product"
    return branch_backward


def batch_norm(numbers, W, H, C, N, scale):
    shape = N, C, H, W
    return {"dy": numbers(*shape), "x": numbers(*shape) * scale, "weight": numbers(C)}


def transposed(numbers, W, H, C_out, C_in, N, kW, kH, stride, padding, output_padding, b):
    if output_padding >= max(stride, 2):
        raise ValueError("output_padding is smaller than the stride")
    return {
        "x": numbers(N, C_in, H, W), "w": numbers(C_in, C_out, kH, kW), "b": numbers(C_out) if b else None,
        "stride": stride, "padding": padding, "output_padding": output_padding,
    }  # fmt: skip


def layer(numbers, W, H, C_in, C_out, N, k, then, stride, padding):
    shape = N, C_out, *recipes.out_sizes((H, W), (k, k), stride, padding)
    if min(shape) < 1:
        raise ValueError("there is no window")
    weight, bias = numbers(C_out, C_in, k, k).astype(np.float32), numbers(C_out).astype(np.float32)
    return {
        "then": then, "x": numbers(N, C_in, H, W), "dy": numbers(*shape), "weight": weight, "bias": bias,
        "stride": stride, "padding": padding,
    }  # fmt: skip


def step(numbers, k, W, H, images, steps, lr):
    if min(H, W) < k:
        raise ValueError("the kernel is larger than the image")
    return {
        "x": numbers(steps, images, 1, H, W), "target": numbers(steps, images, 1, H - k + 1, W - k + 1),
        "weight": numbers(1, 1, k, k), "lr": lr,
    }  # fmt: skip


CHAIN = Small({}, chain)
COLUMNS = Small({**BATCH, **KERNEL, **STRIDE_AND_PADDING}, columns)
WINDOW = {"kernel_size": (1, 2, 3), "stride": (None, 1, 2, 3), "padding": (0, 1)}
MAX_POOL = Small({**BATCH, **WINDOW}, max_pool)
MAX_POOL_BACKWARD = Small({**BATCH, "columns": (1, 2, 3), "rows": (1, 2, 3)}, max_pool_backward)
AVG_POOL_BACKWARD = Small({**BATCH, **WINDOW}, avg_pool_backward)
TILED_POOL = Small({"columns": (1, 2, 3), "rows": (1, 2, 3), "kernel_size": (1, 2, 3)}, tiled_pool)
OVERLAPPING_POOL = Small(
    {"W": range(1, 6), "H": range(1, 6), "kernel_size": (1, 2, 3), "stride": (1, 2, 3)}, overlapping_pool
)
FLATTEN = Small(BATCH, flat)
RELU = of_one_shape(relu)
DROPOUT = of_one_shape(dropout, p=(0.5, 0.75, 0.25))
SCORES = Small({"classes": (2, 3, 4), "N": (1, 2, 3)}, scores)
RESIDUAL = Small({"n": (1, 2, 3), "N": (1, 2, 3)}, residual)
# A single value is its own mean, and eps shows where the variance is small.
BATCH_NORM = Small({**BATCH, "W": (2, 3, 4), "scale": (1, 0.001)}, batch_norm)
TRANSPOSED = Small(
    {
        "W": (1, 2, 3), "H": (1, 2, 3), "C_out": (1, 2, 3), "C_in": (1, 2, 3), "N": (1, 2),
        **KERNEL, **STRIDE_AND_PADDING, "output_padding": (0, 1, 2), "b": (False, True),
    },
    transposed,
)  # fmt: skip


def measuring(*functions) -> Small:
    """Of numerical_gradient, with these functions to measure."""
    return of_one_shape(measured, f=functions, eps=(0.01, 0.001, 0.5), dtype=(np.float64, np.float32, int))


def living(*lives) -> Small:
    """Of a Conv2d class that is taken through each of these sequences of calls."""
    sizes = {"C_in": (1, 2, 3), "C_out": (1, 2, 3), "N": (1, 2), "k": (1, 2, 3), "then": lives}
    return Small({"W": range(1, 6), "H": range(1, 6), **sizes, **STRIDE_AND_PADDING}, layer)


TRAINING_STEP = Small(
    {"k": (1, 2), "W": (1, 2, 3), "H": (1, 2, 3), "images": (1, 2), "steps": (1, 2, 3), "lr": (0.5, 0.25)}, step
)
