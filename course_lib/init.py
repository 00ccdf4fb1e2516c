"""Initial values of weights: random, and of a size that keeps a signal from growing or fading through the layers.

A weight is (out, in, ...): fan_in counts the inputs one output reads, fan_out the outputs one input feeds.
"""

import math

import numpy as np

from course_lib._support import checks
from course_lib._support.types import Array, FloatType, Random, Shape


def fan_in_and_out(shape: Shape) -> tuple[int, int]:
    """(out, in, kH, kW, ...) -> fan_in = in kH kW, fan_out = out kH kW."""
    out, into, *kernel_size = checks.array_shape("shape", shape, "(out, in, ...)")
    cells = math.prod(kernel_size)
    return into * cells, out * cells


def he_normal(shape: Shape, rng: Random, dtype: FloatType = np.float32) -> Array:
    """Normal with variance 2 / fan_in: keeps the size of activations through ReLUs. Source: He et al. 2015."""
    fan_in, _ = fan_in_and_out(shape)
    return normal(shape, math.sqrt(2 / fan_in), rng, dtype)


def xavier_normal(shape: Shape, rng: Random, dtype: FloatType = np.float32) -> Array:
    """Normal with variance 2 / (fan_in + fan_out): a compromise between forward and backward.

    Source: Glorot & Bengio 2010.
    """
    return normal(shape, math.sqrt(2 / sum(fan_in_and_out(shape))), rng, dtype)


def normal(shape: Shape, std: float, rng: Random, dtype: FloatType = np.float32) -> Array:
    """Normal with mean 0 and the given standard deviation."""
    shape, dtype = checks.array_shape("shape", shape, "(n, ...)"), checks.float_dtype("dtype", dtype)
    draws = checks.generator("rng", rng).standard_normal(shape, dtype.type)
    return draws * dtype.type(checks.real("std", std, 0))
