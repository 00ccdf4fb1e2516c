"""The Linear layer of lesson 06: `linear_backward` with a memory, and the ways in which its memory goes wrong."""

import numpy as np

from course_lib import functional as F
from course_lib import init
from course_lib.exercises.engine.exercise import Mistake, WrongAnswer
from course_lib.exercises.lessons.shared import drawn
from course_lib.exercises.lessons.shared.layer import (
    BETWEEN,
    MOVED,
    ONCE,
    TENSORS,
    TWICE,
    TWO_BATCHES,
    ZEROED,
    live,
)
from course_lib.layers import Module, Parameter


class Linear(Module):
    """(N, in_features) -> (N, out_features)."""

    def __init__(self, in_features, out_features, *, rng=None):
        """weight (out_features, in_features) from He's rule, bias (out_features,) zero."""
        shape = out_features, in_features
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_features, np.float32))

    def forward(self, x):
        """Returns y, and remembers what backward needs."""
        self.x = x
        return F.linear(x, self.weight.data, self.bias.data)

    def backward(self, dy):
        """Returns dx, and adds to weight.grad and bias.grad."""
        dx, dw, db = F.linear_backward(dy, self.x, self.weight.data)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


# ---------------------------------------------------------------- the cases


def linear_layer_cases(rng):
    """No size is 2 where gradients double or weights move by -1/2: a factor would be taken for a size."""
    return [
        _case(rng, then, *sizes)
        for then, sizes in (
            (ONCE, (3, 4, 2)),
            (TWICE, (3, 4, 3)),
            (ZEROED, (4, 2, 3)),
            (MOVED, (3, 5, 4)),
            (BETWEEN, (3, 3, 4)),
            (TWO_BATCHES, (4, 3, 5)),
        )
    ]


def _case(rng, then, N, n_in, n_out):
    return {
        "then": then,
        "x": rng.standard_normal((N, n_in)),
        "dy": rng.standard_normal((N, n_out)),
        "weight": rng.standard_normal((n_out, n_in)).astype(np.float32),
        "bias": rng.standard_normal(n_out).astype(np.float32),
    }


LIVES = (ONCE, TWICE, ZEROED, MOVED, BETWEEN, TWO_BATCHES)


@drawn.small
def further_linear_layers(rng, values):
    N, n_in, n_out = (int(n) for n in rng.integers(1, 5, 3))
    return {
        "then": LIVES[rng.integers(len(LIVES))],
        "x": values((N, n_in)),
        "dy": values((N, n_out)),
        "weight": values((n_out, n_in)).astype(np.float32),
        "bias": values(n_out).astype(np.float32),
    }


ONE_IMAGE = {
    "then": ONCE,
    "x": np.array([[1.0, 2, 0]]),
    "dy": np.array([[0.0, 1]]),
    "weight": np.array([[1, 0, 2], [-1, 1, 3]], np.float32),
    "bias": np.array([5, 6], np.float32),
}


def small_linear_layer(numbers, n_in, n_out, N, then):
    return {
        "then": then,
        "x": numbers(N, n_in),
        "dy": numbers(N, n_out),
        "weight": numbers(n_out, n_in).astype(np.float32),
        "bias": numbers(n_out).astype(np.float32),
    }


# ---------------------------------------------------------------- how it goes wrong


class _Parts(Linear):
    """Linear taken apart, so that two mistakes can be made at once: each is another method, or another find_...

    find_dx, find_dw, find_db: functions of (dy, x, w) in place of the right ones.
    """

    find_dx = find_dw = find_db = None

    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.collect(dw, db)
        return dx

    def gradients(self, dy):
        values = dy, self.x, self.kernel()
        right = F.linear_backward(*values)
        wrongs = self.find_dx, self.find_dw, self.find_db
        return [wrong(*values) if wrong else part for wrong, part in zip(wrongs, right, strict=True)]

    def kernel(self):
        return self.weight.data

    def collect(self, dw, db):
        self.collect_weight(dw)
        self.collect_bias(db)

    def collect_weight(self, dw):
        self.weight.grad = self.weight.grad + dw

    def collect_bias(self, db):
        self.bias.grad = self.bias.grad + db


def _spoilt(tensor, **parts):
    """A Linear in which these parts are others."""
    return WrongAnswer(live, type("Linear", (_Parts,), parts), TENSORS.index(tensor))


def _keeping(self, *sizes, rng=None):
    Linear.__init__(self, *sizes, rng=rng)
    self.w = self.weight.data


def _kept_forward(self, x):
    self.x = x
    return F.linear(x, self.w, self.bias.data)


def _kept_kernel(self):
    return self.w


def _set_weight(self, dw):
    self.weight.grad = dw


def _set_bias(self, db):
    self.bias.grad = db


def _twice(self, dw, db):
    _Parts.collect(self, dw, db)
    _Parts.collect(self, dw, db)


def _nothing(self, dw, db):
    pass


def _without_bias(self, x):
    self.x = x
    return F.linear(x, self.weight.data)


def _moving(self, dy):
    dx = _Parts.backward(self, dy)
    self.weight.data = self.weight.data - 0.1 * self.weight.grad
    return dx


def _shared_forward(self, x):
    type(self).x = x
    return F.linear(x, self.weight.data, self.bias.data)


def _first_forward(self, x):
    if "x" not in vars(self):
        self.x = x
    return F.linear(x, self.weight.data, self.bias.data)


def _clearing(self, x):
    self.zero_grad()
    return Linear.forward(self, x)


KEPT = {"__init__": _keeping, "forward": _kept_forward, "kernel": _kept_kernel}


def mistakes(stale, stale_input, set_not_added, cleared, moved):
    """stale, stale_input, set_not_added, cleared, moved: what the lab on Conv2d says of the same."""
    return {
        "y": (
            Mistake("weights of the constructor", stale, (_spoilt("y", **KEPT),)),
            Mistake("bias missing", "The bias is missing from y.", (_spoilt("y", forward=_without_bias),)),
        ),
        "dx": (
            Mistake(
                "weights of the constructor",
                stale,
                (_spoilt("dx", **KEPT), _spoilt("dx", __init__=_keeping, kernel=_kept_kernel)),
            ),
            Mistake(
                "mean instead of sum",
                "dx is too small. The layer before this one gets the whole gradient: nothing is divided by N here.",
                (_spoilt("dx", find_dx=staticmethod(lambda dy, x, w: dy @ w / len(dy))),),
            ),
        ),
        "weight.grad": (
            Mistake(
                "input of another forward",
                stale_input,
                (_spoilt("weight.grad", forward=_shared_forward), _spoilt("weight.grad", forward=_first_forward)),
            ),
            Mistake("gradient set, not added", set_not_added, (_spoilt("weight.grad", collect_weight=_set_weight),)),
            Mistake("gradients cleared in forward", cleared, (_spoilt("weight.grad", forward=_clearing),)),
            Mistake(
                "added twice",
                "weight.grad is twice what it should be after one backward. Is it added in two places?",
                (_spoilt("weight.grad", collect=_twice),),
            ),
            Mistake(
                "nothing collected",
                "weight.grad stays zero. backward must add to it, and not only return dx.",
                (_spoilt("weight.grad", collect=_nothing),),
            ),
            Mistake(
                "mean instead of sum",
                "weight.grad is too small. The 1/N of the loss is in dy already: sum over the batch.",
                (_spoilt("weight.grad", find_dw=staticmethod(lambda dy, x, w: dy.T @ x / len(dy))),),
            ),
        ),
        "bias.grad": (
            Mistake("gradient set, not added", set_not_added, (_spoilt("bias.grad", collect_bias=_set_bias),)),
            Mistake("gradients cleared in forward", cleared, (_spoilt("bias.grad", forward=_clearing),)),
            Mistake(
                "added twice",
                "bias.grad is twice what it should be after one backward. Is it added in two places?",
                (_spoilt("bias.grad", collect=_twice),),
            ),
            Mistake(
                "nothing collected",
                "bias.grad stays zero. backward must add to it, and not only return dx.",
                (_spoilt("bias.grad", collect=_nothing),),
            ),
            Mistake(
                "mean instead of sum",
                "bias.grad is too small. The 1/N of the loss is in dy already: sum over the batch.",
                (_spoilt("bias.grad", find_db=staticmethod(lambda dy, x, w: dy.mean(axis=0))),),
            ),
        ),
        "weight.data": (Mistake("weights moved in backward", moved, (_spoilt("weight.data", backward=_moving),)),),
    }
