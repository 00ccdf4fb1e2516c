"""Reading and repairing gradients: batch norm, and shortcut connections."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import batch_norm, drawn, small
from course_lib.exercises.lessons.shared.sentences import FORGOTTEN

LESSON = "09_read_a_gradient"

# ---------------------------------------------------------------- batch norm

BATCH_NORM2D_BACKWARD = Exercise(
    answer=loops.batch_norm2d_backward,
    next_idea="Can you write dx in one line?",
    difficulty="hard",
    minutes=25,
    task=(
        "Write `batch_norm2d_backward(dy, x, weight, eps=1e-5)`. "
        "The forward pass brought each channel to mean 0 and variance 1 over its N * H * W values, "
        "multiplied it by its `weight` and added its bias: `y = weight * (x - mean) / sqrt(var + eps) + bias`. "
        "Return `dx`, `dweight`, `dbias`."
    ),
    hints=(
        "You raise one x a little. "
        "It moves its own y, but also the mean and the variance of its channel. "
        "What do those move?",
        "With `normalised = (x - mean) / std`, `dbias` sums dy and `dweight` sums dy * normalised. "
        "For dx, remove from dy what would only have shifted the mean, and what would only have changed the variance.",
        "For each channel: `dx = weight / std * (dy - dbias / m - normalised * dweight / m)`, "
        "with m = N * H * W values in the channel and `std = sqrt(var + eps)`.",
    ),
    tensors=("dx", "dweight", "dbias"),
    mistakes=batch_norm.MISTAKES,
    **batch_norm.BATCH_NORM,
)

# ---------------------------------------------------------------- residual


def residual_cases(rng):
    shapes = (3, 4), (2, 3, 4, 4)
    return [
        {
            "dy": rng.standard_normal(shape),
            "branch_backward": small.through(rng.standard_normal((shape[-1], shape[-1]))),
        }
        for shape in shapes
    ]


RESIDUAL_BACKWARD = Exercise(
    answer=loops.residual_backward,
    next_idea="Send a gradient back through two such blocks, one after the other.",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `residual_backward(dy, branch_backward)` for `y = x + branch(x)`. "
        "`branch_backward(dy)` takes a gradient back through the branch. "
        "Return `dx`."
    ),
    hints=(
        "Along how many paths does x reach y?",
        "Along the shortcut, where nothing happens to it, and through the branch. dy goes back along both.",
        "Along the shortcut, dy stays dy; along the branch it becomes `branch_backward(dy)`. Add them.",
    ),
    cases=residual_cases,
    further=drawn.residual,
    small=small.RESIDUAL,
    probe={"dy": np.array([[1.0, 0, 2]]), "branch_backward": small.through(np.diag([1.0, 2, 3]))},
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    mistakes={
        "dx": (
            Mistake("shortcut forgotten", f"The shortcut is missing. {FORGOTTEN}", (lambda dy, back: back(dy),)),
            Mistake("branch forgotten", f"The branch is missing. {FORGOTTEN}", (lambda dy, back: dy,)),
            Mistake(
                "multiplied",
                f"The two paths are multiplied. {FORGOTTEN}",
                (lambda dy, back: dy * back(dy), lambda dy, back: dy * (1 + back(dy))),
            ),
            Mistake(
                "1 in place of dy",
                "One of the two paths starts from 1 instead of dy. "
                f"The upstream gradient goes back along both. {FORGOTTEN}",
                (
                    lambda dy, back: 1 + back(dy),
                    lambda dy, back: dy + back(np.ones_like(dy)),
                    lambda dy, back: 1 + back(np.ones_like(dy)),
                ),
            ),
            Mistake(
                "halved",
                f"dy seems to be shared between the two paths. A sum hands all of dy to each of its terms. {FORGOTTEN}",
                (lambda dy, back: (dy + back(dy)) / 2,),
            ),
            Mistake(
                "one path counted twice",
                f"One of the two paths is counted twice. {FORGOTTEN}",
                (
                    lambda dy, back: 2 * dy + back(dy),
                    lambda dy, back: dy + 2 * back(dy),
                    lambda dy, back: back(dy + back(dy)),
                    lambda dy, back: dy + back(dy + back(dy)),
                    lambda dy, back: dy + back(back(dy)),
                ),
            ),
            Mistake(
                "sign",
                "One of the two paths has the wrong sign.",
                (lambda dy, back: dy - back(dy), lambda dy, back: back(dy) - dy, lambda dy, back: -dy - back(dy)),
            ),
        )
    },
)

EXERCISES = (BATCH_NORM2D_BACKWARD, RESIDUAL_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="09/small_net",
        formerly=("07/small_net",),
        text="The gradient goes back through the linear layer, then conv 2, then conv 1. "
        "Which of the three weights gets the smallest gradients, on average?",
        answer="c",
        choices={
            "a": (
                "conv 1 by far: it is farthest from the loss",
                "Far, but each of its weights is used at 784 places of every image, and collects from all of them.",
            ),
            "b": (
                "the linear layer by far: it has the most weights",
                "The question is about each single weight, so the number of weights does not matter.",
            ),
            "c": ("none by far: they differ by less than a factor of 5", ""),
        },
        why="After every layer less of the gradient arrives at each place. "
        "But a convolution's weight collects from all places, "
        "and in a network this shallow the two effects nearly cancel.",
    ),
    Prediction(
        name="09/factor",
        formerly=("07/factor",),
        text="With weights of standard deviation 0.01 and 72 inputs, what is that factor? (two decimals)",
        answer=lambda: 0.06,
        tolerance=0.0051,
        wrong_answers=(
            (0.0036, "That is its square. A square root is missing."),
            (0.08, "Half of the gradient stops at the ReLU."),
            (0.085, "Half of the gradient stops at the ReLU."),
            (0.36, "The standard deviation is squared in the formula."),
            (0.6, "The standard deviation is squared in the formula."),
        ),
        why="72 * 0.0001 / 2 = 0.0036, and its square root is 0.06. Every layer leaves six hundredths.",
    ),
    Prediction(
        name="09/one_raised",
        formerly=("07/one_raised",),
        text="A channel holds 1, 1, 3, 3: mean 2, standard deviation 1, so normalised -1, -1, 1, 1. "
        "You raise its first number by 0.1. "
        "By about how much does the first *normalised* number rise?",
        answer=lambda: 0.05,
        tolerance=0.004,
        wrong_answers=(
            (0.1, "That would be right if the mean and the standard deviation stayed the same. Both change."),
            (
                0.075,
                "That takes the mean into account, which rises by 0.025. "
                "But the standard deviation shrinks as well, and pushes the number down.",
            ),
        ),
        why="The mean rises by a quarter of the step, which leaves 0.075. "
        "And the four numbers are closer together now, "
        "so all are divided by less: -1 moves away from 0 by another 0.025.",
    ),
    Prediction(
        name="09/constant_dy",
        formerly=("07/constant_dy",),
        text="A batch norm receives a `dy` that is 1 everywhere. What is `dx`?",
        answer="c",
        choices={
            "a": ("1 everywhere", "Raise one x: its y rises, but so does the mean, and every other y falls a little."),
            "b": ("weight / std everywhere", "That treats the mean as a constant. Add 1 to every x: what does y do?"),
            "c": ("0 everywhere", ""),
        },
        why="Adding the same number to every x does not change the "
        "output of a batch norm, so it cannot change the loss. "
        "The part of dy that only shifts the mean is removed, and here that is all of it.",
    ),
    Prediction(
        name="09/depth",
        formerly=("07/depth",),
        text="Each of 20 layers halves the gradient on its way back. "
        "About what share of it is left in the first layer? "
        "(Write it as a power of ten, and type the exponent.)",
        answer=lambda: np.round(20 * np.log10(0.5)),
        wrong_answers=(
            (6, "The size is right. But what is left is *less* than 1. Which sign does the exponent have?"),
            (-20, "That would be tenths."),
        ),
        why="0.5 ** 20 is about 1e-6. Twenty halvings, and the first layer learns a million times slower.",
    ),
    Prediction(
        name="09/round",
        formerly=("07/round",),
        text="Twenty blocks `y = x + f(x)`. "
        "On the way back each `f` alone would halve the gradient, without changing its sign. "
        "What is left in the first layer?",
        answer="c",
        choices={
            "a": ("a millionth, as without the shortcuts", "All of dy goes back along the shortcut as well."),
            "b": (
                "exactly what came in",
                "dy goes back along the shortcut, and half of it comes *in addition*, through f.",
            ),
            "c": ("about 3000 times as much", ""),
        },
        why="Each block multiplies by 1 + 0.5, and 1.5 ** 20 is about 3300. "
        "The shortcut cures vanishing gradients, and can make them explode.",
    ),
)
