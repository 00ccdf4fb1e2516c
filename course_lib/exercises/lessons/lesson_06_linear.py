"""The linear layer: its backward pass, and a class to repair."""

import numpy as np

from course_lib import functional as F
from course_lib import init, loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.lessons.shared import layer, linear, linear_layer, redrawn_layers
from course_lib.layers import Module, Parameter

LESSON = "06_layer_with_a_memory"

LINEAR_X = np.array([[1.0, 2, 0], [0, 1, 3]])  # two images with three features, and two outputs: the lesson's example

LINEAR_W = np.array([[1.0, 0, 2], [-1, 1, 0]])

LINEAR_DY = np.array([[1.0, -1], [2, 1]])

LINEAR_BACKWARD = Exercise(
    answer=loops.linear_backward,
    next_idea="Write all three results with `np.einsum`. Its letters say which axis is summed.",
    difficulty="medium",
    minutes=10,
    task=(
        "Write `linear_backward(dy, x, w)` for `y = x @ w.T + b`, "
        "with `x` (N, in_features) and `w` (out_features, in_features). "
        "Return `dx`, `dw`, `db`, in this order."
    ),
    hints=(
        "y[n, o] = sum over i of x[n, i] * w[o, i] + b[o]. "
        "What is the slope of y[n, o] with respect to w[o, i], and to x[n, i]?",
        "dw[o, i] sums dy[n, o] * x[n, i] over the batch; dx[n, i] sums dy[n, o] * w[o, i] over the outputs. "
        "Both are matrix products.",
        "Match the shapes: (out, N) @ (N, in) gives dw, (N, out) @ (out, in) gives dx. db sums dy over the batch.",
    ),
    mistakes=linear.MISTAKES,
    **linear.LINEAR,
)

# ---------------------------------------------------------------- the layer, to be repaired


class Linear(Module):
    """(N, in_features) -> (N, out_features)."""

    def __init__(self, in_features, out_features, *, rng=None):
        """weight (out_features, in_features) from He's rule, bias (out_features,) zero."""
        shape = out_features, in_features
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_features, np.float32))

    def forward(self, x):
        """Returns y, and remembers what backward needs."""
        Linear.x = x
        return F.linear(x, self.weight.data, self.bias.data)

    def backward(self, dy):
        """Returns dx, and adds to weight.grad and bias.grad."""
        dx, self.weight.grad, self.bias.grad = F.linear_backward(dy, self.x, self.weight.data)
        return dx


LINEAR = Exercise(
    answer=linear_layer.Linear,
    start=Linear,
    difficulty="medium",
    minutes=10,
    task=(
        "**Repair it.** This class `Linear` passes `check_layer`: one layer, one forward, one backward, "
        "and all gradients agree with the measured ones. "
        "In a network it goes wrong all the same: its memory is corrupted in two ways. "
        "Find both, and mend them."
    ),
    hints=(
        "`check_layer` builds one layer and calls backward once. "
        "What else happens in a network of several linear layers? And what if a weight is used twice?",
        "Whose memory is `Linear.x`: that of one layer, or of all of them together? "
        "And what does `=` do to a gradient that was collected before?",
        "Keep the input as `self.x`. "
        "Take the three results of `F.linear_backward` as `dx, dw, db`, and accumulate two of them with `+=`.",
    ),
    cases=linear_layer.linear_layer_cases,
    further=linear_layer.further_linear_layers,
    small=Small(
        {
            "n_in": (1, 2, 3),
            "n_out": (1, 2, 3),
            "N": (1, 2, 3),
            "then": linear_layer.LIVES,
        },
        linear_layer.small_linear_layer,
    ),
    probe=linear_layer.ONE_IMAGE,
    tensors=layer.TENSORS,
    axes={
        "y": ("image", "output"),
        "dx": ("image", "feature"),
        "weight.grad": ("output", "feature"),
        "bias.grad": ("output",),
    },
    run=layer.live,
    exceptions=layer.EXCEPTIONS,
    mistakes=linear_layer.mistakes(
        layer.STALE_WEIGHT, layer.STALE_INPUT, layer.OVERWRITTEN, layer.CLEARED, layer.STEPPED
    ),
    patterns=[
        (
            "It is right until backward is called a second time.",
            lambda then, **_: then in (layer.TWICE, layer.TWO_BATCHES),
        ),
        ("It is right until backward is called twice in a row.", lambda then, **_: then == layer.TWICE),
        (layer.STALE_WEIGHT, lambda then, **_: then == layer.MOVED),
        (layer.STALE_INPUT, lambda then, **_: then == layer.BETWEEN),
    ],
    otherwise={"weight.data": (layer.STEPPED,), "bias.data": (layer.STEPPED,)},
)

EXERCISES = (LINEAR_BACKWARD, LINEAR)

PREDICTIONS = (
    Prediction(
        name="06/linear_weight",
        again=redrawn_layers.one_weight_of_linear,
        reveals=0,
        text="`x` and `w` are given above, and `dy` is [[1, -1], [2, 1]], with a row for each image. "
        "The weight `w[0, 1]` connects feature 1 to output 0. "
        "What is `dw[0, 1]`?",
        answer=lambda: loops.linear_backward(LINEAR_DY, LINEAR_X, LINEAR_W)[1][0, 1],
        wrong_answers=(
            (2, "That is what one of the two images contributes, or the mean of both. They are added."),
            (-1, "That is dw[1, 0]: output 1, feature 0."),
            (3, "Those are the two values of dy, or of x. Multiply them, image by image, and add."),
        ),
        why="Image 0 contributes 1 · 2, image 1 contributes 2 · 1: 4 in all.",
    ),
)
