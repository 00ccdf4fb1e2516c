"""The linear layer: what its lab shares with the clinic."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.lessons.shared import convolution, drawn, sentences


def linear_cases(rng):
    return [
        {
            "dy": rng.standard_normal((N, n_out)),
            "x": rng.standard_normal((N, n_in)),
            "w": rng.standard_normal((n_out, n_in)),
        }
        for N, n_in, n_out in ((4, 3, 2), (3, 3, 3), (2, 5, 3), (1, 2, 4))
    ]


LINEAR = {
    "cases": linear_cases,
    "further": drawn.linear,
    "probe": {
        "dy": np.array([[1.0, 2], [3, 4], [0, 1]]),
        "x": np.array([[1.0, 0, 2], [3, 1, 0], [0, 2, 1]]),
        "w": np.array([[1.0, 2, 3], [4, 5, 6]]),
    },
    "tensors": ("dx", "dw", "db"),
    "axes": {"dx": ("image", "feature"), "dw": ("output", "feature"), "db": ("output",)},
    "forward": lambda dy, x, w: x @ w.T,
}

SHAPES = "The shapes leave little choice: which product of dy, x and w has the shape of {}?"

MISTAKES = {
    "dx": (
        Mistake(
            "w transposed",
            f"w seems to be transposed. {SHAPES.format('dx')}",
            (
                lambda dy, x, w: dy @ w.T,
                lambda dy, x, w: w.T @ dy.T,
                lambda dy, x, w: dy @ w.reshape(w.shape[::-1]).T,
            ),
        ),
        Mistake(
            "mean instead of sum",
            sentences.TOO_SMALL,
            (
                lambda dy, x, w: dy @ w / len(dy),
                lambda dy, x, w: dy @ w / dy.shape[1],
            ),
        ),
        Mistake(
            "dy missing",
            "dy is missing from dx. The upstream gradient is a factor in every gradient.",
            (
                lambda dy, x, w: np.ones_like(dy) @ w,
                lambda dy, x, w: w,
            ),
        ),
        convolution.moved_weights(loops.linear_backward),
        Mistake("sign", sentences.SIGN, (lambda dy, x, w: -dy @ w,)),
    ),
    "dw": (
        Mistake(
            "dw transposed",
            f"dw comes out transposed. {SHAPES.format('w')}",
            (lambda dy, x, w: x.T @ dy, lambda dy, x, w: (x.T @ dy).reshape(w.shape)),
        ),
        Mistake("mean instead of sum", sentences.TOO_SMALL, (lambda dy, x, w: dy.T @ x / len(dy),)),
        Mistake(
            "only one image",
            "Only one image of the batch counts in dw. Sum over all of them.",
            (
                lambda dy, x, w: np.outer(dy[-1], x[-1]),
                lambda dy, x, w: np.outer(dy[0], x[0]),
            ),
        ),
        Mistake(
            "dy missing",
            "dy is missing from dw. The upstream gradient is a factor in every gradient.",
            (lambda dy, x, w: np.ones_like(dy).T @ x,),
        ),
        Mistake("sign", sentences.SIGN, (lambda dy, x, w: -dy.T @ x,)),
    ),
    "db": (
        Mistake(
            "mean instead of sum",
            sentences.TOO_SMALL,
            (lambda dy, x, w: dy.mean(axis=0), lambda dy, x, w: dy.mean(axis=1)),
        ),
        Mistake(
            "wrong axis",
            "The sum runs over the wrong axis. There is one bias for each output, so sum over the batch.",
            (
                lambda dy, x, w: dy.sum(axis=1),
                lambda dy, x, w: dy.sum(),
                lambda dy, x, w: dy.sum(axis=0, keepdims=True),
                lambda dy, x, w: dy,
            ),
        ),
        Mistake(
            "only one image",
            "Only one image of the batch counts in db. Sum over all of them.",
            (
                lambda dy, x, w: dy[-1],
                lambda dy, x, w: dy[0],
            ),
        ),
        Mistake("sign", sentences.SIGN, (lambda dy, x, w: -dy.sum(axis=0),)),
    ),
}
