"""Starting values for weights: random, and of a size that neither swells nor fades a signal on its way through.

A weight is (out, in, ...): fan_in counts the inputs one output reads, fan_out the outputs one input feeds.
"""

import math

import numpy as np

from course_lib import checks


def fans(shape):
    """(out, in, kH, kW, ...) -> fan_in = in kH kW, fan_out = out kH kW."""
    if len(shape) < 2:
        raise ValueError(f"shape must have at least two axes (out, in), but is {tuple(shape)}")
    cells = math.prod(shape[2:])
    return shape[1] * cells, shape[0] * cells


def he_normal(shape, rng, dtype=np.float32):
    """Normal with variance 2 / fan_in: keeps the size of activations through ReLUs. Source: He et al. 2015."""
    fan_in, _ = fans(shape)
    return normal(shape, math.sqrt(2 / fan_in), rng, dtype)


def xavier_normal(shape, rng, dtype=np.float32):
    """Normal with variance 2 / (fan_in + fan_out): a compromise between forward and backward.

    Source: Glorot & Bengio 2010.
    """
    return normal(shape, math.sqrt(2 / sum(fans(shape))), rng, dtype)


def normal(shape, std, rng, dtype=np.float32):
    """Normal with mean 0 and the given standard deviation."""
    draws = checks.generator("rng", rng).standard_normal(shape, dtype=dtype)
    return draws * draws.dtype.type(std)
