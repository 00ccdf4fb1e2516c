"""What each case of the clinic shows: a function is run, and its numbers are set beside measured ones."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom, measured, off
from course_lib.exercises.lessons.clinic import fixed
from course_lib.exercises.lessons.clinic.common import pooled, residual_block
from course_lib.exercises.lessons.shared import batch_norm
from course_lib.looks import amount, number

THIS, RIGHT = "with this backward", "with the right one"

LARGE_RATE = 0.6


def _rng():
    return np.random.default_rng(7)


# ---------------------------------------------------------------- convolution


@guarded_symptom
def one_stamp(f):
    x, w, dy = np.zeros((1, 1, 3, 3)), np.array([[[[1.0, 2], [3, 4]]]]), np.zeros((1, 1, 2, 2))
    dy[0, 0, 0, 0] = 1
    truth = measured(lambda x: F.conv2d(x, w), dy, x)
    return Symptom(
        "w is [[1, 2], [3, 4]], and dy is 1 at its first place and 0 elsewhere.",
        picture=Picture("dx", np.asarray(f(dy, x, w))[0, 0], truth[0, 0], 1e-6, ("this one", "measured")),
    )


@guarded_symptom
def errors_by_stride(f):
    rows = []
    for stride in (1, 2, 3):
        x, w = _rng().standard_normal((9, 9)), np.zeros((3, 3))
        dy = _rng().standard_normal(loops.conv2d_single(x, w, stride).shape)
        truth = measured(lambda w, x=x, stride=stride: loops.conv2d_single(x, w, stride), dy, w)
        rows.append((stride, off(f(dy, x, w, stride, 0), truth)))
    return Symptom("dw against central differences, x of 9 x 9, w of 3 x 3.", ("stride", "relative error"), rows)


@guarded_symptom
def sizes_of_dx(f):
    rows = []
    for size in (5, 6, 7, 8):
        x, w = np.ones((size, size)), np.ones((3, 3))
        rows.append((f"{size} x {size}", " x ".join(map(str, np.shape(f(loops.conv2d_single(x, w, 2), x, w, 2, 0))))))
    return Symptom("Kernel 3 x 3, stride 2, no padding.", ("x", "dx"), rows)


# ---------------------------------------------------------------- max pooling


@guarded_symptom
def paid_out(f):
    rng = _rng()
    digit = np.zeros((6, 6))
    digit[1:5, 2:4] = np.round(rng.random((4, 2)), 1)
    rows, dy = [], np.ones((3, 3))
    for name, x in (("no two values alike", rng.standard_normal((6, 6))), ("a digit: flat around it", digit)):
        dx = f(dy, x, 2)
        rows.append((name, 9, number(dx.sum())))
    return Symptom(
        "Windows of 2 x 2 side by side, dy all ones. Below, the dx of the digit.",
        ("x", "sum of dy", "sum of dx"),
        rows,
        Picture("dx", dx, fixed.clinic_04(dy, digit, 2), 1e-6, ("this one", "paid once")),
    )


@guarded_symptom
def paid_by_stride(f):
    x = _rng().standard_normal((7, 7))
    rows = []
    for stride in (3, 2, 1):
        dy = np.ones(pooled(x, 3, stride).shape)
        dx = f(dy, x, 3, stride)
        rows.append((stride, dy.size, number(dx.sum())))
    return Symptom(
        "Windows of 3 x 3 on 7 x 7, no two values alike, dy all ones. Below, the dx with stride 1.",
        ("stride", "sum of dy", "sum of dx"),
        rows,
        Picture("dx", dx, measured(lambda x: pooled(x, 3, 1), dy, x), 1e-6, ("this one", "measured")),
    )


# ---------------------------------------------------------------- batches and columns


@guarded_symptom
def bias_by_size(f):
    rows = []
    for N, size in ((1, 1), (1, 4), (8, 4), (8, 16)):
        dy = np.ones((N, 2, size, size))
        rows.append((f"{N} of {size} x {size}", number(f(dy)[0], 4), number(loops.bias_gradient(dy)[0], 4)))
    return Symptom(
        "dy all ones. Measured: raise b[0] a little, and see how far the loss moves. Below, two biases that learn.",
        ("images", "db[0]", "measured"),
        rows,
        curves={THIS: _biases_that_learn(f), RIGHT: _biases_that_learn(loops.bias_gradient)},
    )


def _biases_that_learn(backward):
    """The loss of each step while b learns to be 3, -1. Nothing else is learnt."""
    b, target, losses = np.zeros(2), np.zeros((8, 2, 4, 4)) + np.array([3.0, -1])[:, None, None], []
    for _ in range(30):
        loss, dy = F.mse(np.zeros(target.shape) + b[:, None, None], target)
        losses.append(loss)
        b = b - 0.2 * backward(dy)
    return losses


@guarded_symptom
def errors_by_batch(f):
    rows = []
    for N in (1, 2, 3):
        x, w = _rng().standard_normal((N, 2, 5, 5)), np.zeros((4, 2, 3, 3))
        dy = _rng().standard_normal((N, 4, 3, 3))
        rows.append((N, off(f(dy, x, w, 1, 0), measured(lambda w, x=x: F.conv2d(x, w), dy, w))))
    return Symptom("dw against central differences.", ("images", "relative error"), rows)


@guarded_symptom
def coverage_of_ones(f):
    truth = loops.col2im(np.ones((1, 4, 9)), (4, 4), (2, 2))
    return Symptom(
        "A matrix of ones for an image of 4 x 4 and a kernel of 2 x 2. Each pixel should count its windows.",
        picture=Picture(
            "x",
            np.asarray(f(np.ones((1, 4, 9)), (4, 4), (2, 2), 1, 0))[0, 0],
            truth[0, 0],
            1e-6,
            ("this one", "measured"),
        ),
    )


# ---------------------------------------------------------------- the rest of a network


@guarded_symptom
def errors_by_dy(f):
    x = np.array([[2.0, -1, 3, -2], [-3, 1, -1, 4]])
    rows = []
    for name, dy in (("all ones", np.ones(x.shape)), ("random", np.array([[-2.0, 3, 1, -1], [2, -4, -3, 5]]))):
        gaps = [off(f(dy, x), measured(lambda x: np.maximum(x, 0), dy, x)) for x in (np.abs(x), x)]
        rows.append((name, *gaps))
    return Symptom(
        "dx against central differences: the relative error. "
        "Below, x is [[2, -1, 3, -2], [-3, 1, -1, 4]], and dy [[-2, 3, 1, -1], [2, -4, -3, 5]].",
        ("dy", "all x positive", "any x"),
        rows,
        Picture("dx", f(dy, x), measured(lambda x: np.maximum(x, 0), dy, x), 1e-6, ("this one", "measured")),
    )


@guarded_symptom
def loss_while_training(f):
    curves = {THIS: _loss_curve(f), RIGHT: _loss_curve(F.linear_backward)}
    return _training("The loss of a linear layer that learns from 32 examples.", curves)


def _loss_curve(backward):
    """Fit a linear layer to a teacher by mean squared error. Returns the loss of each step."""
    rng = _rng()
    x, teacher, w = rng.standard_normal((32, 5)), rng.standard_normal((3, 5)), np.zeros((3, 5))
    losses = []
    for _ in range(41):
        loss, dy = F.mse(x @ w.T, x @ teacher.T)
        losses.append(loss)
        w = w - 0.5 * backward(dy, x, w)[1]
    return losses


def _training(says, curves, steps=(0, 10, 20, 40)):
    """curves: name -> the loss of each step. Some of them are shown in a table, all of them as curves."""
    rows = [(name, *(number(losses[step], 2) for step in steps)) for name, losses in curves.items()]
    return Symptom(says, ("step", *steps), rows, curves=curves)


@guarded_symptom
def error_and_argument(f):
    rng = _rng()
    dy, x, w = (rng.standard_normal(shape) for shape in ((4, 3), (4, 3), (3, 3)))
    before = dy.copy()
    truth = measured(lambda x: residual_block(x, w), before, x)
    error = off(f(dy, x, w), truth)
    changed = int((dy != before).sum())
    return Symptom(
        "A residual block, against central differences.",
        ("", ""),
        [("relative error of dx", error), ("entries of dy before and after that differ", changed)],
    )


@guarded_symptom
def errors_by_rate(f):
    rng = _rng()
    dy, x, w = (rng.standard_normal(shape) for shape in ((4, 2), (4, 3), (2, 3)))
    truth = measured(lambda x: x @ w.T, dy, x)
    return Symptom(
        "dx against central differences. Below, two layers that learn with a large rate: this function is the second.",
        ("learning rate", "relative error of dx"),
        [(lr, off(f(dy, x, w, lr)[0], truth)) for lr in (0, 0.001, 0.01, 0.1, 1)],
        curves={THIS: _two_layers(f), RIGHT: _two_layers(fixed.clinic_12)},
    )


def _two_layers(second_step, lr=LARGE_RATE):
    """Two linear layers with a ReLU between them learn what two others do. Returns the loss of each step."""
    rng = _rng()
    x, first, second = (rng.standard_normal(shape) for shape in ((32, 4), (6, 4), (3, 6)))
    target, losses = np.maximum(x @ first.T, 0) @ second.T, []
    first, second = 0.5 * rng.standard_normal(first.shape), 0.5 * rng.standard_normal(second.shape)
    for _ in range(60):
        before = x @ first.T
        hidden = np.maximum(before, 0)
        loss, dy = F.mse(hidden @ second.T, target)
        losses.append(loss)
        if loss > 100:  # it diverges, and soon there would be no number for it
            break
        dhidden, second = second_step(dy, hidden, second, lr)
        first = first - lr * (dhidden * (before > 0)).T @ x
    return losses


@guarded_symptom
def shifted_together(f):
    rng = _rng()
    x, weight = rng.standard_normal((4, 2, 3, 3)), np.array([1.0, 2])
    rows = []
    for name, dy in (("all ones", np.ones(x.shape)), ("random", rng.standard_normal(x.shape))):
        truth = measured(lambda x: batch_norm.normalised(x) * weight[:, None, None], dy, x)
        rows.append((name, *(amount(dx[:, 1].sum()) for dx in (f(dy, x, weight), truth))))
    return Symptom(
        "dx summed over channel 1: how the loss changes when the whole channel shifts.",
        ("dy", "sum of dx", "measured"),
        rows,
    )


@guarded_symptom
def scale_by_share(f):
    rows = []
    for p in (0.1, 0.5, 0.9):
        mask, dy = _rng().random((20, 20)) >= p, np.ones((20, 20))
        rows.append((p, number(f(dy, mask, p).max()), number((dy * mask / (1 - p)).max())))
    return Symptom("dy all ones: what arrives where a value was kept.", ("p", "dx", "measured"), rows)
