"""The sizes, strides and paddings that labs about convolution try, and what these labs share."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.lessons.shared import drawn, recipes, sentences

# (H, W), (kH, kW), stride, padding. Each mistake shows in one of them at least, and none hides in all: sizes that
# differ, remainders of 0, 1 and 2, windows that overlap and that do not, padding wider than the kernel reaches; and one
# in which all sizes agree, so that what is swapped gives wrong values there where elsewhere it cannot run.
GEOMETRIES = (
    ((6, 7), (3, 2), 2, 1),
    ((5, 6), (3, 3), 1, 0),
    ((6, 6), (3, 3), 2, 1),
    ((10, 8), (2, 3), 3, 0),
    ((5, 5), (3, 3), 1, 1),
    ((6, 6), (3, 3), 2, 0),
    ((7, 7), (3, 3), 2, 1),
    ((6, 6), (2, 3), 1, 2),
    ((7, 8), (3, 3), 3, 1),
    ((5, 6), (1, 2), 2, 0),
)

# what may be mixed up: where one of these is not square, it fails
MIXED = ["image"], ["kernel"], ["image", "kernel"], ["out"], ["kernel", "out"]

ONE_HOT_SHOWS = {
    "dx": "dy is zero except for a single 1. dx shows what that output hands back to its window.",
    "dw": "dy is zero except for a single 1. dw shows what that output saw.",
}


def coverage(dy, x, w, stride, padding):
    """How many windows contain each entry of x, over its spatial axes."""
    n = 1 if x.ndim == 1 else 2
    return recipes.coverage(x.shape[-n:], w.shape[-n:], dy.shape[-n:], stride, padding)


def patterns(axes):
    """(message, predicate of the arguments): told where no known mistake explains an answer that fails there."""
    told = geometry_patterns(
        lambda x, w, **_: (x.shape[-axes:], w.shape[-axes:]) if axes < 4 else (x.shape[2:], w.shape[2:])
    )
    if axes == 4:
        told.append((sentences.RIGHT_FOR_ONE_IMAGE, lambda x, **_: len(x) > 1))
    return told


def geometry_patterns(sizes):
    """The same for anything with a stride and a padding. sizes(**case): the sizes of the image and of the kernel."""

    def not_square(*which):
        def mixed(stride, padding, **case):
            image, kernel = sizes(**case)
            found = {"image": image, "kernel": kernel, "out": recipes.out_sizes(image, kernel, stride, padding)}
            return any(len(set(found[name])) > 1 for name in which)

        return mixed

    return [
        *((sentences.MIXED_UP, not_square(*which)) for which in MIXED),
        (sentences.RIGHT_AT_STRIDE_1, lambda stride, **_: stride > 1),
        (sentences.RIGHT_WITHOUT_PADDING, lambda padding, **_: padding > 0),
    ]


# ---------------------------------------------------------------- one image, one channel


def single_forward_cases(rng):
    return [
        {"x": rng.standard_normal(size), "w": rng.standard_normal(kernel), "stride": stride, "padding": padding}
        for size, kernel, stride, padding in GEOMETRIES
    ]


def single_backward_cases(rng):
    return [
        {"dy": rng.standard_normal(loops.conv2d_single(**case).shape), **case} for case in single_forward_cases(rng)
    ]


def single_forward(dy, x, w, stride, padding):
    return F.conv2d(x[None, None], w[None, None], None, stride, padding)[0, 0]


X = np.array([[1.0, 2, 0, 3, 1], [0, 4, 1, 0, 2], [2, 0, 5, 1, 0], [1, 3, 0, 2, 4], [0, 1, 2, 0, 3]])

SINGLE_PROBE = {"x": X, "w": np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]), "stride": 2, "padding": 1}

SINGLE_ONE_HOT = {"dy": np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]), **SINGLE_PROBE}

SINGLE_AXES = dict.fromkeys(("y", "dx", "dw"), ("row", "column"))

SINGLE_BACKWARD = {  # what the three gradients share
    "cases": single_backward_cases,
    "further": drawn.convolution_2d_backward,
    "probe": SINGLE_ONE_HOT,
    "axes": SINGLE_AXES,
    "shows": ONE_HOT_SHOWS,
    "forward": single_forward,
    "patterns": patterns(2),
}

# ---------------------------------------------------------------- batches and channels

# (N, C_in, C_out) for each geometry: once all alike, so that swapped channels do not fail but give wrong values
CHANNELS = (
    (3, 2, 4),
    (1, 3, 2),
    (3, 3, 3),
    (2, 3, 2),
    (2, 2, 2),
    (2, 1, 3),
    (1, 2, 3),
    (2, 4, 2),
    (2, 2, 3),
    (1, 2, 2),
)


def batch_backward_cases(rng):
    cases = []
    for (size, kernel, stride, padding), (N, C_in, C_out) in zip(GEOMETRIES, CHANNELS, strict=True):
        x, w = rng.standard_normal((N, C_in, *size)), rng.standard_normal((C_out, C_in, *kernel))
        dy = rng.standard_normal(loops.conv2d(x, w, None, stride, padding).shape)
        cases.append({"dy": dy, "x": x, "w": w, "stride": stride, "padding": padding})
    return cases


def batch_forward(dy, x, w, stride, padding):
    return F.conv2d(x, w, None, stride, padding)


def batch_one_hot():
    """Two images, two channels, two filters. dy is 1 at one place of image 1, filter 0."""
    x = np.arange(2 * 2 * 5 * 5, dtype=float).reshape(2, 2, 5, 5) % 7
    w = np.arange(1, 2 * 2 * 9 + 1, dtype=float).reshape(2, 2, 3, 3)
    dy = np.zeros((2, 2, 3, 3))
    dy[1, 0, 1, 1] = 1
    return {"dy": dy, "x": x, "w": w, "stride": 2, "padding": 1}


BATCH_ONE_HOT = batch_one_hot()

BATCH_AXES = {
    "dx": ("image", "channel", "row", "column"),
    "dw": ("filter", "channel", "row", "column"),
    "db": ("filter",),
}

BATCH_BACKWARD = {  # what the exercises with all arguments of a convolution share
    "cases": batch_backward_cases,
    "further": drawn.batch_backward,
    "probe": BATCH_ONE_HOT,
    "axes": BATCH_AXES,
    "shows": ONE_HOT_SHOWS,
    "forward": batch_forward,
    "patterns": patterns(4),
}
