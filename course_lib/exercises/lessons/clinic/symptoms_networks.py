"""What the cases 21 to 24 show: the training of a network of nine layers, and what its layers say of themselves."""

from functools import cache

import numpy as np

from course_lib import functional as F
from course_lib import gradcheck
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom
from course_lib.exercises.lessons.clinic import fixed, nets
from course_lib.exercises.lessons.clinic.symptoms import RIGHT, THIS
from course_lib.looks import number

PASSES = 1e-5  # a relative error below this passes a gradient check


def _log(log):
    return [(step, number(loss, 3), f"{accuracy:.0%}") for step, loss, accuracy in zip(*log, strict=True)]


@cache
def _right(network):
    """The log of a correct network, by the name of what it is compared with."""
    return {
        "flatten": lambda: nets.train(nets.two_convolutions()),
        "block": lambda: nets.train(nets.with_a_block(_pooled, fixed.clinic_23)),
        "hidden": lambda: nets.train(nets.with_hidden_layers(_hidden, fixed.clinic_24)),
    }[network]()


def _checked(layer, x):
    return "passes" if gradcheck.check_layer(layer, x, rng=np.random.default_rng(0), tolerance=PASSES) else "fails"


@cache
def _others_pass():
    """How many of the layers of `two_convolutions` but its flatten pass their own gradient check, on random numbers."""
    rng, layers = np.random.default_rng(0), [layer for _, layer in nets.two_convolutions().children()]
    shapes = {
        "Conv2d": lambda layer: (2, layer.weight.data.shape[1], 4, 4),
        "Linear": lambda layer: (3, layer.weight.data.shape[1]),
    }
    checked = [layer for layer in layers if type(layer).__name__ != "Flatten"]
    return sum(
        _checked(layer, rng.standard_normal(shapes.get(type(layer).__name__, lambda _: (2, 2, 4, 4))(layer)))
        == "passes"
        for layer in checked
    )


@guarded_symptom
def mixed_batches(f):
    flatten = nets.Split(f)
    log = nets.train(nets.two_convolutions(flatten))
    alone = nets.train(nets.two_convolutions(nets.Split(f)), steps=300, every=300, batch=1, lr=0.03, one_by_one=True)
    own = _checked(nets.Split(f), np.random.default_rng(0).standard_normal((3, 2, 2, 2)))
    passed = _others_pass() + (own == "passes")
    rows = [
        *_log(log),
        ("", "", ""),
        ("one image a step, one a test, 300 steps", number(alone[1][-1], 3), f"{alone[2][-1]:.0%}"),
    ]
    return Symptom(
        f"Convolution, ReLU, pooling, convolution, ReLU, flatten, linear, ReLU, linear. "
        f"Gradient checks, each layer alone: {passed} of 9 pass. The training, 32 images a step:",
        ("step", "loss", "accuracy"), rows, curves={THIS: log[1], RIGHT: _right("flatten")[1]}, every=nets.EVERY,
    )  # fmt: skip


@guarded_symptom
def rising_loss(f):
    log = nets.train(nets.two_convolutions(), f)
    return Symptom(
        "Convolution, ReLU, pooling, convolution, ReLU, flatten, linear, ReLU, linear. "
        f"Gradient checks, each layer alone: {_others_pass() + 1} of 9 pass.",
        ("step", "loss", "accuracy"), _log(log), curves={THIS: log[1], RIGHT: _right("flatten")[1]}, every=nets.EVERY,
    )  # fmt: skip


def _pooled(x, w):
    return F.max_pool2d(np.maximum(F.conv2d(x, w), 0), 2)[0]


@guarded_symptom
def weights_of_a_block(f):
    log = nets.train(nets.with_a_block(_pooled, f))
    errors = nets.errors_of_weights(nets.with_a_block(_pooled, f))
    names = ("the first convolution", "the second convolution", "the linear layer")
    return _with_errors(
        "Convolution, ReLU, pooling, convolution, ReLU, pooling, flatten, linear, loss. "
        "At the end of the table, the gradients of the weights against central differences, before training.",
        log, dict(zip(names, errors.values(), strict=True)), _right("block"),
    )  # fmt: skip


def _hidden(x, w1, w2):
    return np.maximum(np.maximum(x @ w1.T, 0) @ w2.T, 0)


@guarded_symptom
def weights_of_hidden_layers(f):
    log = nets.train(nets.with_hidden_layers(_hidden, f))
    errors = nets.errors_of_weights(nets.with_hidden_layers(_hidden, f))
    names = ("the convolution", "the first linear layer", "the second linear layer", "the last linear layer")
    return _with_errors(
        "Convolution, ReLU, pooling, flatten, linear, ReLU, linear, ReLU, linear. Each of them passes its own gradient "
        "check. At the end of the table, the gradients of the weights against central differences, before training.",
        log, dict(zip(names, errors.values(), strict=True)), _right("hidden"),
    )  # fmt: skip


def _with_errors(says, log, errors, right):
    in_words = {name: "none" if error < PASSES else number(error, 2) for name, error in errors.items()}
    rows = [*_log(log), ("", "", ""), *((f"relative error of {name}", found, "") for name, found in in_words.items())]
    return Symptom(says, ("step", "loss", "accuracy"), rows, curves={THIS: log[1], RIGHT: right[1]}, every=nets.EVERY)
