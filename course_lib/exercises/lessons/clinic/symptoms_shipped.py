"""What the cases 15 to 20 show, which are like bugs that shipped."""

from functools import cache

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom, measured, off
from course_lib.exercises.lessons.clinic import fixed
from course_lib.exercises.lessons.clinic.common import pooled
from course_lib.exercises.lessons.clinic.symptoms import RIGHT, THIS
from course_lib.looks import number


def _rng():
    return np.random.default_rng(7)


# ---------------------------------------------------------------- 15: groups and a stride


@guarded_symptom
def errors_by_groups(f):
    rows = []
    for groups, stride in ((1, 1), (1, 2), (4, 1), (4, 2)):
        x, w = _rng().standard_normal((2, 4, 7, 7)), _rng().standard_normal((8, 4 // groups, 3, 3))
        dy = _rng().standard_normal(F.conv2d(x, w, None, stride, groups=groups).shape)
        truth = measured(
            lambda x, w=w, stride=stride, groups=groups: F.conv2d(x, w, None, stride, groups=groups), dy, x
        )
        rows.append((groups, stride, off(f(dy, x, w, stride, groups), truth)))
    return Symptom(
        "dx against central differences. Below, the mean size of the gradient on its way back through six such layers, "
        "4 groups and stride 2 each.",
        ("groups", "stride", "relative error of dx"),
        rows,
        curves={THIS: _sizes(f), RIGHT: _sizes(fixed.clinic_15)},
        axes=("layer passed on the way back", "mean size of the gradient"),
    )


def _sizes(backward):
    """The mean size of the gradient that reaches each layer, from the output on."""
    rng, dy = _rng(), np.ones((1, 8, 1, 1))
    sizes = [1.0]
    for _ in range(6):
        x = np.zeros((1, 8, 2 * dy.shape[2] + 1, 2 * dy.shape[2] + 1))
        dy = backward(dy, x, rng.standard_normal((8, 2, 3, 3)) * 0.7, 2, 4)
        sizes.append(float(np.abs(dy).mean()))
    return sizes


# ---------------------------------------------------------------- 16: memory that is used again


@guarded_symptom
def paid_by_step(f):
    rng = _rng()
    rows, memory = [], np.zeros((1, 1, 6, 6))
    for step in (1, 2, 3):
        y, indices = F.max_pool2d(rng.standard_normal((1, 1, 6, 6)), 2)
        memory = f(np.ones(y.shape), indices, memory)
        rows.append((step, y.size, number(memory.sum(), 4)))
    return Symptom(
        "Windows of 2 x 2 side by side, dy all ones, a new image in each step. Below, a convolution that learns "
        "through this pooling.",
        ("step", "sum of dy", "sum of dx"),
        rows,
        curves={THIS: _a_pooled_convolution(f), RIGHT: _a_pooled_convolution(fixed.clinic_16)},
    )


def _a_pooled_convolution(backward):
    """The loss of each step while a convolution below a max pooling learns what another one does."""
    rng = _rng()
    x, teacher, w = (rng.standard_normal(shape) for shape in ((8, 1, 8, 8), (2, 1, 3, 3), (2, 1, 3, 3)))
    target, memory, losses = F.max_pool2d(F.conv2d(x, teacher), 2)[0], np.zeros((8, 2, 6, 6)), []
    for _ in range(40):
        y, indices = F.max_pool2d(F.conv2d(x, w), 2)
        loss, dy = F.mse(y, target)
        losses.append(loss)
        if loss > 100:
            break
        memory = backward(dy, indices, memory)
        w = w - 0.3 * F.conv2d_weight_gradient(memory, x, w)[0]
    return losses


# ---------------------------------------------------------------- 17: a gate for overlapping windows


@guarded_symptom
def gate_by_stride(f):
    x = _rng().standard_normal((7, 7))
    rows = []
    for stride in (3, 2, 1):
        dy = _rng().standard_normal(pooled(x, 3, stride).shape)
        rows.append((stride, off(f(dy, x, 3, stride), measured(lambda x, s=stride: pooled(x, 3, s), dy, x))))
    small = np.array([[5.0, 3, 1, 2, 4]] * 2) + np.array([[0.1], [0]])
    dy = np.ones((1, 4))
    truth = measured(lambda x: pooled(x, 2, 1), dy, small)
    return Symptom(
        "dx against central differences, windows of 3 x 3 on 7 x 7. Below, the dx of x = [[5.1, 3.1, 1.1, 2.1, 4.1], "
        "[5, 3, 1, 2, 4]] with windows of 2 x 2, stride 1 and dy all ones.",
        ("stride", "relative error"),
        rows,
        Picture("dx", f(dy, small, 2, 1), truth, 1e-6, ("this one", "measured")),
    )


# ---------------------------------------------------------------- 18: groups, in dw


@guarded_symptom
def errors_by_group(f):
    rows = []
    for groups in (1, 4):
        x, w = _rng().standard_normal((2, 8, 5, 5)), np.zeros((8, 8 // groups, 3, 3))
        dy = _rng().standard_normal((2, 8, 3, 3))
        truth = measured(lambda w, x=x, groups=groups: F.conv2d(x, w, None, groups=groups), dy, w)
        dw = np.asarray(f(dy, x, w, 1, groups))
        filters = len(w) // groups
        for group in range(groups):
            own = slice(group * filters, (group + 1) * filters)
            rows.append((groups, group, off(dw[own], truth[own])))
    return Symptom(
        "dw against central differences: 8 channels, 8 filters.", ("groups", "group", "relative error of dw"), rows
    )


# ---------------------------------------------------------------- 19: a network of which a part never learns


@guarded_symptom
def moved_by_training(f):
    losses, moved, accuracy = _trained(f)
    right, as_it_should, as_accurate = _trained_rightly()
    rows = [
        ("accuracy", f"{accuracy:.0%}", f"{as_accurate:.0%}"),
        ("how far w1 of the convolution moved", number(moved[0], 2), number(as_it_should[0], 2)),
        ("how far w2 of the linear layer moved", number(moved[1], 2), number(as_it_should[1], 2)),
    ]
    return Symptom(
        "A convolution, a ReLU, a flatten and a linear layer, after 150 steps.",
        ("", "this one", "a correct one"), rows, curves={THIS: losses, RIGHT: right},
    )  # fmt: skip


def _trained(f):
    from course_lib.exercises.lessons.clinic.nets import KINDS, images

    x, kinds = images()
    rng = _rng()
    w1, w2 = 0.4 * rng.standard_normal((6, 1, 3, 3)), 0.1 * rng.standard_normal((KINDS, 216))
    start, losses = (w1, w2), []
    for _ in range(150):
        chosen = rng.integers(0, len(x), 32)
        loss, dscores = fixed.clinic_22(_scores(x[chosen], w1, w2), kinds[chosen])
        losses.append(float(loss))
        dw1, dw2 = f(dscores, x[chosen], w1, w2)
        w1, w2 = w1 - 0.1 * dw1, w2 - 0.1 * dw2
    moved = [float(np.abs(now - before).max()) for now, before in zip((w1, w2), start, strict=True)]
    return losses, moved, float(np.mean(_scores(x, w1, w2).argmax(axis=1) == kinds))


@cache
def _trained_rightly():
    return _trained(fixed.clinic_19)


def _scores(x, w1, w2):
    return np.maximum(F.conv2d(x, w1), 0).reshape(len(x), -1) @ w2.T


# ---------------------------------------------------------------- 20: a reversed dw


@guarded_symptom
def learns_all_the_same(f):
    rng = _rng()
    x, w, dy = rng.integers(-3, 4, 7) * 1.0, np.zeros(3), rng.integers(-3, 4, 5) * 1.0
    truth = measured(lambda w: loops.conv1d(x, w), dy, w)
    return Symptom(
        "Below, dw of one signal against central differences; and a network that learns: a convolution, a ReLU and "
        "a linear layer.",
        picture=Picture("dw", f(dy, x, w), truth, 1e-6, ("this one", "measured")),
        curves={THIS: _signals(f), RIGHT: _signals(fixed.clinic_20)},
    )


def _signals(backward):
    """The loss of each step while a small network on signals learns what another one does."""
    rng = _rng()
    x = rng.standard_normal((64, 10))
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
    target = np.maximum(windows @ np.array([1.0, 0.3, -1]), 0) @ rng.standard_normal(8)
    w, v, losses = np.array([0.5, 0.4, -0.2]), 0.1 * rng.standard_normal(8), []
    for _ in range(80):
        before = windows @ w
        active = np.maximum(before, 0)
        loss, dy = F.mse(active @ v, target)
        losses.append(float(loss))
        dbefore = np.outer(dy, v) * (before > 0)
        dw = sum(backward(one, row, w) for one, row in zip(dbefore, x, strict=True))
        w, v = w - 0.05 * dw, v - 0.05 * active.T @ dy
    return losses
