"""Flatten, ReLU and dropout: gradients that are moved, stopped or scaled."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import drawn, pointwise, redrawn_layers, sentences, small

LESSON = "05_pooling_and_friends"


def flatten_cases(rng):
    shapes = (2, 3, 4, 5), (3, 2, 2, 3), (2, 2, 3, 3), (1, 2, 3, 4), (2, 2, 2, 2)
    return [{"dy": rng.standard_normal((shape[0], np.prod(shape[1:]))), "input_shape": shape} for shape in shapes]


def _written(*axes):
    """dy, read as if the axes of the image had been written in another order."""

    def wrong(dy, input_shape):
        return dy.reshape([input_shape[axis] for axis in axes]).transpose(np.argsort(axes))

    return wrong


FLATTEN_BACKWARD = Exercise(
    answer=loops.flatten_backward,
    difficulty="easy",
    minutes=3,
    task=(
        "Write `flatten_backward(dy, input_shape)`. "
        "The forward pass wrote every image of shape (C, H, W) as one row, and `dy` has one row for each image. "
        "Give `dx` the shape `input_shape` (N, C, H, W)."
    ),
    hints=(
        "Flatten changes no value. What is the gradient of a copy?",
        "The same numbers, each where it came from. The row was written channel by channel, row by row.",
        "That is the order in which `reshape` reads: one call is enough.",
    ),
    cases=flatten_cases,
    further=drawn.flatten,
    small=small.FLATTEN,
    probe={"dy": np.arange(12.0).reshape(1, 12), "input_shape": (1, 2, 2, 3)},
    tensors=("dx",),
    axes={"dx": pointwise.IMAGE},
    mistakes={
        "dx": (
            Mistake(
                "another order",
                "The values are right, but in the wrong places: "
                "they are read in a different order from that of the forward pass. "
                "It went channel by channel, row by row, column by column.",
                (
                    lambda dy, shape: dy.reshape(shape, order="F"),
                    *(
                        _written(*axes)
                        for axes in ((0, 2, 3, 1), (0, 3, 2, 1), (0, 1, 3, 2), (0, 2, 1, 3), (0, 3, 1, 2))
                    ),
                    *(_written(*axes) for axes in ((1, 0, 2, 3), (2, 3, 0, 1), (3, 2, 1, 0), (1, 2, 3, 0))),
                    lambda dy, shape: dy.T.reshape(shape),
                    lambda dy, shape: dy[:, ::-1].reshape(shape),
                ),
            ),
            Mistake(
                "another shape",
                "The shape is not that of the input. dx is always shaped like x.",
                (
                    lambda dy, shape: dy,
                    lambda dy, shape: dy.ravel(),
                    lambda dy, shape: dy.reshape(shape[0], shape[1], -1),
                    lambda dy, shape: dy.reshape(shape[::-1]),
                    lambda dy, shape: dy.reshape(shape[0], shape[2], shape[3], shape[1]),
                ),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy, shape: -dy.reshape(shape),)),
        )
    },
)

RELU_BACKWARD = Exercise(
    answer=loops.relu_backward,
    next_idea="Write it for a leaky ReLU, whose slope is 0.1 where x is negative.",
    difficulty="easy",
    minutes=3,
    task=(
        "Write `relu_backward(dy, x)` for `y = max(x, 0)`: `dx`, shaped like `x`. "
        "Where `x` is exactly 0, nothing passes, as in PyTorch."
    ),
    hints=(
        "At x = 2, a small step in x moves y just as far. And at x = -2?",
        "dy passes or stops, entry by entry. What decides: the sign of x, or the sign of dy?",
        "`x > 0` is an array of True and False, and multiplying by it keeps or clears.",
    ),
    mistakes={"dx": pointwise.RELU_MISTAKES},
    **pointwise.RELU,
)

DROPOUT_BACKWARD = Exercise(
    answer=loops.dropout_backward,
    next_idea="What must change if the forward pass does not divide by 1 - p?",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `dropout_backward(dy, mask, p)`. "
        "The forward pass kept `x` where `mask` is True, and divided it "
        "there by `1 - p`, the share kept, so that the mean stays the same. "
        "Return `dx`."
    ),
    hints=(
        "A dropped value did not reach y. What is its gradient? And by how much does y move when a kept one moves?",
        "In the forward pass, y = x * mask / (1 - p). For x this is a multiplication by a constant.",
        "Multiply dy by that same constant, mask and scale.",
    ),
    mistakes={"dx": pointwise.DROPOUT_MISTAKES},
    **pointwise.DROPOUT,
)

EXERCISES = (FLATTEN_BACKWARD, RELU_BACKWARD, DROPOUT_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="05/flatten",
        again=redrawn_layers.place_in_a_row,
        text="`x` has shape (1, 2, 2, 3), and the flatten layer receives `dy = [[0, 1, 2, ..., 11]]`. "
        "What is `dx[0, 1, 0, 0]`, the upper left pixel of channel 1?",
        answer=lambda: loops.flatten_backward(np.arange(12).reshape(1, 12), (1, 2, 2, 3))[0, 1, 0, 0],
        wrong_answers=(
            (
                1,
                "That would be right if the channels of each pixel were side by side. "
                "Here all of channel 0 comes first.",
            ),
            (3, "That is the second row of channel 0. A channel has two rows of three."),
            (2, "A channel has two rows of three pixels. How many numbers come before channel 1?"),
            (7, "It is the seventh number of dy. But dy begins with 0."),
        ),
        why="Channel 0 has 2 · 3 = 6 numbers, 0 to 5. Channel 1 begins with 6.",
    ),
    Prediction(
        name="05/relu_sign",
        again=redrawn_layers.gate,
        text="A ReLU had `x = [-1, 2, 3]` and receives `dy = [5, -6, 7]`. Type the three entries of `dx`.",
        answer=lambda: loops.relu_backward([5, -6, 7], [-1, 2, 3]),
        wrong_answers=(
            ([5, 0, 7], "That is where dy is positive. But x decides."),
            ([0, 0, 7], "x[1] = 2 is positive, so its gradient passes, negative or not."),
            ([0, -12, 21], "The slope is 1 where x is positive, not x."),
        ),
        why="x decides: -1 stops, 2 and 3 pass. A gradient may well be negative.",
    ),
    Prediction(
        name="05/dropout",
        again=redrawn_layers.kept_entries,
        text="The same mask, `p = 1/2`, and `dy = [-3, 1, 5, 2]`. Type the four entries of `dx`.",
        answer=lambda: loops.dropout_backward(np.array([-3.0, 1, 5, 2]), np.array([True, False, False, True]), 0.5),
        wrong_answers=(
            ([-3, 0, 0, 2], "The right entries pass. But y = 2 x there. How far does y move when x moves by 1?"),
            ([0, 1, 5, 0], "Those were dropped. They did not reach y."),
            ([0, 2, 10, 0], "Those were dropped. They did not reach y."),
            ([-3, 1, 5, 2], "Two of the four never reached y."),
            ([-6, 2, 10, 4], "The scale is right. But two of the four never reached y."),
        ),
        why="Where the mask kept x, y = 2 x, so the gradient is doubled. Where it did not, x had no influence.",
    ),
)
