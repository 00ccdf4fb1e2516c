"""The backward pass of max pooling: cases, a recipe and known mistakes."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, recipes, sentences, small, wrong_steps
from course_lib.exercises.lessons.shared.max_pooling import IMAGE, PIXEL_NUMBER, ROWS_OF_Y, max_pool_cases


def max_pool_backward_cases(rng):
    cases = []
    for case in max_pool_cases(rng):
        y, indices = loops.max_pool2d(**case)
        cases.append({"dy": rng.standard_normal(y.shape), "indices": indices, "input_shape": case["x"].shape})
    return cases


def _routed(
    dy, indices, input_shape, /, *,
    combine=np.add, width=3, turned=False, whole=False, upstream=recipes.same, times=None, keep=recipes.same,
    of_y=False,
):  # fmt: skip
    """dx: each entry of dy goes to its winner. whole: indices are used as if the whole batch were one image.

    of_y: rows are thought to be as long as those of y.
    """
    shape = input_shape
    if whole:
        dy, indices, input_shape = (*(a.reshape(1, 1, 1, -1) for a in (dy, indices)), (1, 1, 1, int(np.prod(shape))))
    dy = upstream(dy)
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], dy.shape[3] if of_y else input_shape[width])
        place = (n, c, column, row) if turned else (n, c, row, column)
        dx[place] = combine(dx[place], dy[n, c, i, j])
    dx = dx.reshape(shape)
    return keep(times(dx, dy) if times else dx)


_dx = partial(Variant, _routed)


def _how_often(dy, indices, input_shape):
    return _routed(np.ones_like(dy), indices, input_shape)


def _summed_into_first(axis):
    """All images (or all channels) land in the first."""

    def wrong(dx):
        first = np.zeros_like(dx)
        first[(slice(None),) * axis + (slice(0, 1),)] = dx.sum(axis=axis, keepdims=True)
        return first

    return wrong


def _at_flat_places(offset, dy, indices, input_shape, minlength=True):
    """dx from np.bincount, with the plane of (n, c) at offset(n, c, input_shape, dy.shape)."""
    n, c = np.arange(len(dy))[:, None, None, None], np.arange(dy.shape[1])[:, None, None]
    places = indices + offset(n, c, input_shape, dy.shape)
    sums = np.bincount(places.ravel(), dy.ravel(), int(np.prod(input_shape)) if minlength else 0)
    return sums.reshape(input_shape)


OFFSETS = (
    lambda n, c, shape, of_y: (n + c) * shape[2] * shape[3],
    lambda n, c, shape, of_y: (n + c * shape[0]) * shape[2] * shape[3],
    lambda n, c, shape, of_y: (n * shape[1] + c) * of_y[2] * of_y[3],
)


def _in_a_row(n, c, shape, of_y):
    return (n * shape[1] + c) * shape[2] * shape[3]


MAX_POOL_BACKWARD = {  # what the labs about its backward pass share
    "cases": max_pool_backward_cases,
    "further": drawn.max_pool_backward,
    "small": small.MAX_POOL_BACKWARD,
    "probe": {
        "dy": np.array([[[[1.0, 2], [3, 4]]]]),
        "indices": np.array([[[[4, 4], [4, 8]]]]),
        "input_shape": (1, 1, 3, 3),
    },
    "tensors": ("dx",),
    "axes": {"dx": IMAGE},
    "mistakes": {
        "dx": (
            Mistake(
                "overlaps overwritten",
                "A pixel that wins several windows gets the gradient of only one of them. "
                "A value seems to be set (=) where it must be added to (+=), "
                "or you use += with an index array, which adds to each place only once.",
                (
                    _dx(combine=lambda old, new: new),
                    _dx(combine=lambda old, new: old if old else new),
                ),
                source="https://github.com/0809zheng/CS231n-assignment2019/issues/19",
            ),
            Mistake(
                "mean of what it won",
                "A pixel that wins several windows gets the mean of their gradients. "
                "It moves all of those outputs, so it takes the sum.",
                (lambda *case: _routed(*case) / np.maximum(_how_often(*case), 1),),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    _dx(width=2),
                    _dx(turned=True),
                    _dx(width=2, turned=True),
                ),
            ),
            Mistake(
                "counted through the whole batch",
                "Everything lands in one image or channel. The indices begin at 0 again in each of them.",
                (_dx(whole=True), *(_dx(keep=_summed_into_first(axis)) for axis in (0, 1))),
            ),
            Mistake(
                "planes in the wrong place",
                "In the long row of numbers, the plane of an image and channel does not begin where it should: "
                "planes lie on each other, or gradients go to another one. "
                "How many planes come before it, and how many pixels has each?",
                tuple(partial(_at_flat_places, offset) for offset in OFFSETS),
            ),
            Mistake(
                "end of the row missing",
                "The row of sums ends with the last pixel that won, and dx is too short wherever that is not the last "
                "of all. How long must it be, whoever wins? (`minlength`)",
                (partial(_at_flat_places, _in_a_row, minlength=False),),
            ),
            Mistake("rows as long as those of y", ROWS_OF_Y, (_dx(of_y=True),)),
            Mistake(
                "a border of dy skipped",
                "The last (or first) row or column of dy seems to be left out. Does your loop reach every output?",
                tuple(_dx(upstream=drop) for drop in wrong_steps.ENDS[2]),
            ),
            Mistake(
                "only one image or channel",
                "Only one image, or one channel, gets its gradient.",
                tuple(_dx(keep=wrong_steps.keep(axis, index)) for axis in (0, 1) for index in (0, -1)),
            ),
            Mistake(
                "only one row kept",
                sentences.ONE_ROW,
                tuple(_dx(upstream=row) for row in wrong_steps.ROWS),
            ),
            Mistake(
                "dy missing",
                "The winners are marked, but dy is missing. Each winner takes *its* gradient.",
                (
                    _dx(upstream=np.ones_like),
                    _dx(upstream=np.ones_like, combine=lambda old, new: 1),
                ),
            ),
            Mistake("sign", sentences.SIGN, (_dx(times=lambda dx, dy: -dx),)),
            Mistake(
                "divided by the batch",
                "Everything is too small by the same factor. "
                "The loss has already taken the mean, and dy contains that factor.",
                (
                    _dx(times=lambda dx, dy: dx / len(dy)),
                    _dx(times=lambda dx, dy: dx / np.prod(dy.shape[2:])),
                ),
            ),
            Mistake(
                "flat result",
                "The values are right, but each image is still one long row. dx has the shape of the input.",
                (_dx(keep=lambda dx: dx.reshape(*dx.shape[:2], -1)), _dx(keep=np.ravel)),
            ),
        )
    },
}
