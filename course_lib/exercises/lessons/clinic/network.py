"""Cases 09 to 14: the other layers of a network."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms
from course_lib.exercises.lessons.clinic.common import PLANE, all_but, residual_block
from course_lib.exercises.lessons.shared import batch_norm, drawn, linear, pointwise, sentences

# ---------------------------------------------------------------- 09, 10: ReLU and linear

CLINIC_09 = Case(
    answer=fixed.clinic_09,
    start=broken.clinic_09,
    symptom=symptoms.errors_by_dy,
    **records.of(9),
    difficulty="easy",
    minutes=2,
    task=("The backward pass of a ReLU. Its author checked it with `dy` all ones and an `x` without negative numbers."),
    hints=(
        "When x is 2 and dy is -5, what is dx?",
        "Negative gradients are as valid as positive ones. What decides whether one passes?",
        "The mask comes from x, the input of the forward pass. Where x was not positive, nothing came through.",
    ),
    **pointwise.RELU,
    mistakes={
        "dx": (
            *all_but(pointwise.RELU_MISTAKES, "mask from dy"),
            Mistake(
                "both masks",
                "Now x decides, but dy still does too: negative gradients are stopped where x was positive.",
                (lambda dy, x: dy * (x > 0) * (dy > 0),),
            ),
        )
    },
)

TIMES_N = (
    "Now everything is too large by the same factor: you multiply by N. "
    "The matrix product already sums over the batch; do not multiply or divide by N."
)

CLINIC_10 = Case(
    answer=fixed.clinic_10,
    start=broken.clinic_10,
    symptom=symptoms.loss_while_training,
    **records.of(10),
    difficulty="medium",
    minutes=3,
    task=(
        "A linear layer. "
        "It learns, but so slowly that its author raised the learning rate to 16. "
        "With larger batches it learns slower still."
    ),
    hints=(
        "By what factor are dw and db too small for a batch of 1, 8, 32?",
        "The loss is a mean over the batch. Which gradient is the first to contain the factor 1 / N?",
        "dy already contains the factor 1 / N. Every layer sums; a layer that divides again counts it twice.",
    ),
    **linear.LINEAR,
    mistakes={
        "dx": linear.MISTAKES["dx"],
        "dw": (
            *linear.MISTAKES["dw"],
            Mistake("times N", TIMES_N, (lambda dy, x, w: len(x) * dy.T @ x,)),
        ),
        "db": (
            *linear.MISTAKES["db"],
            Mistake("times N", TIMES_N, (lambda dy, x, w: len(x) * dy.sum(axis=0),)),
        ),
    },
)

# ---------------------------------------------------------------- 11: a residual block


def block_cases(rng):
    return [
        {"dy": rng.standard_normal((N, n)), "x": rng.standard_normal((N, n)), "w": rng.standard_normal((n, n))}
        for N, n in ((4, 3), (2, 5), (3, 3))
    ]


def _mask(x, w):
    return x @ w.T > 0


CLINIC_11 = Case(
    answer=fixed.clinic_11,
    start=broken.clinic_11,
    symptom=symptoms.error_and_argument,
    **records.of(11),
    difficulty="medium",
    minutes=3,
    task=(
        "The backward pass of a residual block, `y = x + relu(x @ w.T)`. "
        "Read line by line, each formula is right. "
        "But the result is wrong, and somewhere else in the network another gradient has changed as well."
    ),
    hints=(
        "`branch = dy`: how many arrays are there now, one or two?",
        "`*=` writes into the existing array. Who else still needs dy?",
        "Make a new array for the branch: a product with a plain `*` does that.",
    ),
    cases=block_cases,
    further=drawn.residual_block,
    probe={
        "dy": np.array([[1.0, 2], [3, 4]]),
        "x": np.array([[1.0, -1], [2, 1]]),
        "w": np.array([[1.0, 0], [0, 1]]),
    },
    tensors=("dx",),
    axes=PLANE,
    forward=lambda dy, x, w: residual_block(x, w),
    mistakes={
        "dx": (
            Mistake(
                "shortcut forgotten",
                f"The shortcut is missing. {sentences.FORGOTTEN}",
                (lambda dy, x, w: (dy * _mask(x, w)) @ w,),
            ),
            Mistake(
                "mask on the shortcut",
                "The mask is applied to the shortcut as well. There is no ReLU on it, so dy passes unchanged.",
                (lambda dy, x, w: dy * _mask(x, w) + (dy * _mask(x, w)) @ w,),
            ),
            Mistake(
                "branch forgotten",
                f"The branch is missing. {sentences.FORGOTTEN}",
                (lambda dy, x, w: dy,),
            ),
            Mistake(
                "w missing",
                "The branch lacks w. The forward pass multiplied by w.T, so the gradient is multiplied by w.",
                (lambda dy, x, w: dy + dy * _mask(x, w),),
            ),
            Mistake(
                "mask missing",
                "The branch has a ReLU, which lets only a part of dy through.",
                (lambda dy, x, w: dy + dy @ w,),
            ),
            Mistake(
                "w transposed",
                "w seems to be transposed. The forward pass multiplied by w.T, so the gradient is multiplied by w.",
                (lambda dy, x, w: dy + (dy * _mask(x, w)) @ w.T,),
            ),
            Mistake(
                "mask on the wrong side",
                "The mask belongs to the output of the branch's matrix product: apply it before multiplying by w.",
                (lambda dy, x, w: dy + (dy @ w) * _mask(x, w), lambda dy, x, w: dy + (dy * (x > 0)) @ w),
            ),
        )
    },
)

# ---------------------------------------------------------------- 12: backward and step in one


def step_cases(rng):
    return [
        {
            "dy": rng.standard_normal((N, m)),
            "x": rng.standard_normal((N, n)),
            "w": rng.standard_normal((m, n)),
            "lr": lr,
        }
        for N, n, m, lr in ((4, 3, 2, 0.1), (3, 3, 3, 0.5), (2, 4, 3, 0.03))
    ]


def _stepped(dy, x, w, lr, start=True, sign=-1, rate=True, gradient=None):
    """The new w. start: whether the step begins at w; rate: whether it is times lr; gradient(dy, x) -> dw."""
    step = (gradient(dy, x) if gradient else dy.T @ x) * (lr if rate else 1)
    return (w if start else 0) + sign * step


def _mean_over_batch(dy, x):
    return dy.T @ x / len(dy)


stepped = partial(Variant, _stepped)

CLINIC_12 = Case(
    answer=fixed.clinic_12,
    start=broken.clinic_12,
    symptom=symptoms.errors_by_rate,
    **records.of(12),
    difficulty="medium",
    minutes=3,
    task=(
        "The backward pass and the learning step of a linear layer in one function, to save memory. "
        "With a tiny learning rate nobody notices. "
        "With a large one the layers *before* this one learn nonsense."
    ),
    hints=(
        "Both formulas are right. Which w does the second one use?",
        "y was made with the old weights, so its gradient with respect to x needs the old weights.",
        "Two lines are in the wrong order. Compute dx while w is still the old one.",
    ),
    cases=step_cases,
    further=drawn.linear_step,
    probe={
        "dy": np.array([[1.0, 2]]),
        "x": np.array([[1.0, 0, 2]]),
        "w": np.array([[1.0, 2, 3], [4, 5, 6]]),
        "lr": 0.5,
    },
    tensors=("dx", "w"),
    axes={"dx": ("row", "column"), "w": ("row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "w transposed",
                "w seems to be transposed in dx. "
                "The forward pass multiplied by w.T, so the gradient is multiplied by w.",
                (lambda dy, x, w, lr: dy @ w.T,),
            ),
            Mistake(
                "learning rate in dx",
                "The learning rate does not belong in dx. Only the step uses it.",
                (lambda dy, x, w, lr: lr * dy @ w,),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy, x, w, lr: -dy @ w,)),
        ),
        "w": (
            Mistake(
                "uphill",
                "The step goes uphill. The loss falls *against* the gradient.",
                (stepped(sign=1),),
            ),
            Mistake("no step", "w does not change: the step is missing.", (lambda dy, x, w, lr: w,)),
            Mistake(
                "not a step",
                "That is the gradient, or the step, but not the new w. Subtract the step from w.",
                (stepped(start=False, sign=1, rate=False), stepped(start=False, sign=1), stepped(start=False)),
            ),
            Mistake(
                "learning rate missing",
                "The learning rate is missing from the step.",
                (stepped(rate=False),),
            ),
            Mistake(
                "mean over the batch",
                "The step uses a mean over the batch. dy is the gradient of the loss: what the loss is divided by "
                "is in it, and the matrix product sums.",
                (stepped(gradient=_mean_over_batch),),
            ),
        ),
    },
)

# ---------------------------------------------------------------- 13, 14: batch norm and dropout

CLINIC_13 = Case(
    answer=fixed.clinic_13,
    start=broken.clinic_13,
    symptom=symptoms.shifted_together,
    **records.of(13),
    difficulty="hard",
    minutes=5,
    task=(
        "`dx` of a batch norm in training. "
        "Add the same number to a whole channel, and batch norm subtracts it again, so the loss cannot change. "
        "This backward pass says that it does."
    ),
    hints=(
        "Which numbers in `y = weight * (x - mean) / std` depend on x? All of them?",
        "The mean and the standard deviation do too. "
        "One part of dy only shifts the mean, another only changes the spread. "
        "Remove both.",
        "With `normalised = (x - mean) / std`, subtract `dy.mean(...)` and `normalised * (dy * normalised).mean(...)` "
        "from dy, over images, rows and columns, before you multiply by weight / std.",
    ),
    tensors=("dx",),
    **batch_norm.BATCH_NORM,
    mistakes={"dx": all_but(batch_norm.MISTAKES["dx"], "statistics treated as constants")},
)

CLINIC_14 = Case(
    answer=fixed.clinic_14,
    start=broken.clinic_14,
    symptom=symptoms.scale_by_share,
    **records.of(14),
    difficulty="easy",
    minutes=2,
    task=(
        "The backward pass of a dropout. "
        "The mask is right, and dropped values get nothing. "
        "But the layers before it learn too slowly, and the more is dropped, the slower."
    ),
    hints=(
        "With p = 0.5, what did a kept value of 3 become in the forward pass?",
        "It was divided by the share that is kept. So by how much does y move when x moves by 1?",
        "The backward pass divides by what the forward pass divided by: 1 - p.",
    ),
    **pointwise.DROPOUT,
    mistakes={"dx": all_but(pointwise.DROPOUT_MISTAKES, "scale missing")},
)

EXERCISES = (CLINIC_09, CLINIC_10, CLINIC_11, CLINIC_12, CLINIC_13, CLINIC_14)
