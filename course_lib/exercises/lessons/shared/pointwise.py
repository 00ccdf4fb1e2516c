"""ReLU and dropout: what their labs share with the clinic."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Adjustable, Variant
from course_lib.exercises.lessons.shared import drawn, sentences, small

IMAGE = ("image", "channel", "row", "column")

# ---------------------------------------------------------------- ReLU


def relu_cases(rng):
    cases = []
    for shape, size in (((2, 3, 4), 1), ((3, 5), 1), ((2, 2, 3, 3), 1e-3)):  # some of it close to 0
        x = size * rng.integers(-2, 3, shape) * rng.uniform(0.5, 1.5, shape)  # a fifth of it exactly 0
        cases.append({"dy": rng.standard_normal(shape), "x": x})
    return cases


SELECTED = (
    "An index by a mask picks out the entries that pass, one after the other. "
    "dx has the shape of what went in, with 0 where nothing passes."
)

RELU = {
    "cases": relu_cases,
    "further": drawn.relu,
    "small": small.RELU,
    "probe": {"dy": np.array([[5.0, -6, 7], [-8, 9, -1]]), "x": np.array([[1.0, 2, -3], [-4, 0, 0]])},
    "tensors": ("dx",),
    "axes": {"dx": IMAGE},
    "forward": lambda dy, x: np.maximum(x, 0),
}


class Leaky(Adjustable):
    """A part of dy passes where x is not positive: the share is read off the learner's dx."""

    def __init__(self, share=0.01, at_0=True):
        self.share, self.at_0 = share, at_0

    def _leaks(self, x):
        return x <= 0 if self.at_0 else x < 0

    def __call__(self, dy, x):
        return np.where(x > 0, dy, np.where(self._leaks(x), self.share * dy, 0))

    def fitted(self, found, dy, x):
        leaks = self._leaks(x)
        if found.shape != x.shape or not np.isfinite(found).all() or not leaks.any():
            return self
        share = float(np.vdot(found[leaks], dy[leaks]) / np.vdot(dy[leaks], dy[leaks]))
        return Leaky(share, self.at_0) if abs(share) > 1e-6 and abs(share - 1) > 1e-6 else self


def _passed(dy, x, /, *, passes=lambda x, dy: x > 0, times=None, upstream=True, sign=1, limits=None):
    """dx of ReLU in steps. passes(x, dy): where dy goes through. times(x): what it is multiplied by."""
    dx = sign * (dy if upstream else 1) * passes(x, dy) * (times(x) if times else 1.0)
    return np.clip(dx, *limits) if limits else dx


_passing = partial(Variant, _passed)

RELU_MISTAKES = (
    Mistake(
        "mask from dy",
        "The gradient passes where dy is positive. "
        "But it is the sign of x, the input of the forward pass, that decides; dy may be negative.",
        (
            _passing(passes=lambda x, dy: dy > 0),
            _passing(passes=lambda x, dy: (dy >= 0) * (x > 0)),
            _passing(passes=lambda x, dy: dy * x > 0),
        ),
    ),
    Mistake(
        "passes at 0",
        "It differs only where x is exactly 0, where the gradient should stop. "
        "Images are full of exact zeros, so this is not a rare case.",
        (_passing(passes=lambda x, dy: x >= 0), _passing(passes=lambda x, dy: np.heaviside(x, 0.5))),
    ),
    Mistake(
        "dy missing",
        "This is the slope of ReLU alone, 1 or 0. The upstream gradient dy is missing.",
        (_passing(upstream=False), _passing(upstream=False, passes=lambda x, dy: x >= 0)),
    ),
    Mistake(
        "value multiplied in",
        "The value of x is multiplied in. Where ReLU passes, its slope is 1, however large x is.",
        (
            _passing(times=lambda x: x),
            _passing(passes=lambda x, dy: x),
            _passing(passes=lambda x, dy: np.sign(x)),
        ),
    ),
    Mistake(
        "mask turned round",
        "The gradient passes where it should stop. On which side is ReLU flat?",
        (_passing(passes=lambda x, dy: x < 0), _passing(passes=lambda x, dy: x <= 0)),
    ),
    Mistake(
        "no mask",
        "All of dy passes. Where x was negative, y did not move at all.",
        (_passing(passes=lambda x, dy: 1), _passing(passes=lambda x, dy: x != 0)),
    ),
    Mistake(
        "leaks where x is negative",
        "A part of dy passes where x was negative, as in a leaky ReLU. Here y did not move at all in those places.",
        (Leaky(), Leaky(at_0=False)),
    ),
    Mistake(
        "passes only at 0",
        "The gradient passes only where x is exactly 0. `x == 0` finds the kink, and the mask is `x > 0`.",
        (_passing(passes=lambda x, dy: x == 0),),
    ),
    Mistake(
        "threshold elsewhere",
        "The gradient passes only where x is above another number than 0. ReLU has its kink at 0.",
        (_passing(passes=lambda x, dy: x > 1), _passing(passes=lambda x, dy: x > 0.5)),
    ),
    Mistake(
        "gradient clipped",
        "dx is cut off at 1 and -1. A gradient passes ReLU as large as it is.",
        (_passing(limits=(-1, 1)), _passing(limits=(0, 1))),
    ),
    Mistake("only what passes", SELECTED, (lambda dy, x: dy[x > 0], lambda dy, x: dy[x >= 0])),
    Mistake(
        "the forward pass again",
        "This is ReLU itself, applied again. Its backward pass hands on dy wherever x was positive.",
        (lambda dy, x: np.maximum(x, 0),),
    ),
    Mistake("sign", sentences.SIGN, (_passing(sign=-1),)),
)

# ---------------------------------------------------------------- dropout


def dropout_cases(rng):
    return [
        {"dy": rng.standard_normal(shape), "mask": rng.random(shape) >= p, "p": p}
        for shape, p in (((3, 5), 0.3), ((2, 4, 3), 0.8), ((4, 6), 0.25))
    ]


DROPOUT = {
    "cases": dropout_cases,
    "further": drawn.dropout,
    "small": small.DROPOUT,
    "probe": {"dy": np.array([[1.0, 2, 3, 4]]), "mask": np.array([[True, False, True, True]]), "p": 0.25},
    "tensors": ("dx",),
    "axes": {"dx": ("row", "column")},
}


def _dropped(dy, mask, p, /, *, scale=lambda dy, mask, p: 1 / (1 - p), passes=lambda mask: mask, upstream=True, sign=1):
    """dx of dropout in steps."""
    return sign * (dy if upstream else 1) * passes(mask) * scale(dy, mask, p)


_dropping = partial(Variant, _dropped)


def _everywhere(mask):
    return np.ones(mask.shape)


DROPOUT_MISTAKES = (
    Mistake(
        "scale missing",
        "The right entries pass, but without the scale: the forward pass divided by 1 - p.",
        (_dropping(scale=lambda dy, mask, p: 1),),
    ),
    Mistake(
        "wrong scale",
        "The right entries pass, but the scale is not that of the forward pass. p is the share that is *dropped*.",
        (
            _dropping(scale=lambda dy, mask, p: 1 / p),
            _dropping(scale=lambda dy, mask, p: p),
            _dropping(scale=lambda dy, mask, p: p / (1 - p)),
            _dropping(scale=lambda dy, mask, p: 1 - p),
            _dropping(scale=lambda dy, mask, p: 1 / (1 - p) ** 2),
            _dropping(scale=lambda dy, mask, p: 1 / np.sqrt(1 - p)),
            _dropping(scale=lambda dy, mask, p: 1 / mask.mean()),
            _dropping(scale=lambda dy, mask, p: 1 / (1 + p)),
        ),
    ),
    Mistake(
        "brackets missing",
        "p is subtracted from the result. Without brackets, `/ 1 - p` divides by 1 and subtracts p afterwards.",
        (lambda dy, mask, p: dy * mask / 1 - p, lambda dy, mask, p: dy / 1 - p),
    ),
    Mistake("only what passes", SELECTED, (lambda dy, mask, p: dy[mask] / (1 - p), lambda dy, mask, p: dy[mask])),
    Mistake(
        "mask turned round",
        "The gradient passes where values were dropped, "
        "and stops where they were kept. mask is True where a value was kept.",
        (_dropping(passes=np.logical_not),),
    ),
    Mistake(
        "mask missing",
        "Dropped values get a gradient too, although they did not reach y.",
        (
            _dropping(passes=_everywhere),
            _dropping(passes=_everywhere, scale=lambda dy, mask, p: 1),
            _dropping(passes=_everywhere, scale=lambda dy, mask, p: np.where(mask, 1 / (1 - p), 1)),
        ),
    ),
    Mistake(
        "dy missing",
        "The upstream gradient dy is missing.",
        (_dropping(upstream=False), _dropping(upstream=False, scale=lambda dy, mask, p: 1)),
    ),
    Mistake("sign", sentences.SIGN, (_dropping(sign=-1),)),
)
