"""The linear layer."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import linear

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

EXERCISES = (LINEAR_BACKWARD,)

PREDICTIONS = (
    Prediction(
        name="06/linear_weight",
        text="`x` and `w` are given above, and `dy` is [[1, -1], [2, 1]], with a row for each image. "
        "The weight `w[0, 1]` connects feature 1 to output 0. "
        "What is `dw[0, 1]`?",
        answer=lambda: loops.linear_backward(LINEAR_DY, LINEAR_X, LINEAR_W)[1][0, 1],
        wrong_answers=(
            (2, "That is what one of the two images contributes. Add the other one."),
            (-1, "That is dw[1, 0]: output 1, feature 0."),
            (3, "Those are the two values of dy, or of x. Multiply them, image by image, and add."),
        ),
        why="Image 0 contributes 1 · 2, image 1 contributes 2 · 1: 4 in all.",
    ),
)
