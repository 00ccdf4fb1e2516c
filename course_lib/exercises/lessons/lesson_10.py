"""Transposed convolution: a convolution run backward, to make images larger."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import convolution, drawn, recipes, sentences, small, wrong_steps

LESSON = "10_write_a_layer"

# (N, C_in, C_out), (H, W), (kH, kW), stride, padding, output_padding, with a bias
TRANSPOSED = (
    ((2, 3, 2), (3, 4), (3, 2), 2, 1, 1, True),
    ((1, 2, 3), (4, 3), (3, 3), 1, 0, 0, False),
    ((2, 2, 2), (3, 3), (3, 3), 2, 1, 0, True),
    ((3, 3, 3), (3, 3), (3, 3), 2, 0, 1, False),
    ((2, 2, 3), (2, 3), (2, 2), 3, 0, 2, True),
    ((1, 3, 2), (4, 4), (3, 3), 1, 1, 0, True),
)


def transposed_cases(rng):
    cases = []
    for (N, C_in, C_out), size, kernel, stride, padding, output_padding, with_bias in TRANSPOSED:
        cases.append(
            {
                "x": rng.standard_normal((N, C_in, *size)),
                "w": rng.standard_normal((C_in, C_out, *kernel)),
                "b": rng.standard_normal(C_out) if with_bias else None,
                "stride": stride,
                "padding": padding,
                "output_padding": output_padding,
            }
        )
    return cases


def _transposed(x, w, b, stride, padding, output_padding, /, *, dy=None, scale=None, bias=None, size=None, **steps):
    """A transposed convolution in steps."""
    x = dy(x) if dy else x
    w = steps.pop("w", recipes.same)(w)
    room = (size or sizes)(x.shape[2:], w.shape[2:], stride, padding, output_padding)
    turn = steps.pop("turn", recipes.same)
    y = turn(recipes.fold(steps.pop("stamps", recipes.product)(x, w), room, stride, padding, **steps))
    y = scale(y, x, w) if scale else y
    if b is None:
        return y
    return bias(y, b) if bias else y + b[:, None, None]


def sizes(size, kernel, stride, padding, output_padding):
    return tuple((n - 1) * stride - 2 * padding + k + output_padding for n, k in zip(size, kernel, strict=True))


def _without_output_padding(size, kernel, stride, padding, output_padding):
    return sizes(size, kernel, stride, padding, 0)


def _transposed_mistakes():
    variant = partial(Variant, _transposed)
    shared = [
        m
        for m in (*convolution.kernel(4, variant, SCATTERED), *convolution.scattering(4, variant))
        if m.name != "remainder dropped"
    ]
    return (
        *shared,
        Mistake(
            "output_padding not used",
            "output_padding is not used. "
            "It makes the output larger at its far end, by the rows and columns that a stride left out. "
            "No window has to reach them.",
            (variant(size=_without_output_padding), variant(room=wrong_steps.without_remainder)),
        ),
        Mistake(
            "bias missing",
            "The bias is missing. It is added once to every entry of its channel.",
            (variant(bias=lambda y, b: y),),
        ),
        Mistake(
            "bias in the wrong place",
            "The bias is added in the wrong way. It is added once to every entry of its channel.",
            (
                variant(bias=lambda y, b: y + b),
                variant(bias=lambda y, b: y - b[:, None, None]),
                variant(bias=lambda y, b: y * b[:, None, None]),
                variant(bias=lambda y, b: y + b[0]),
            ),
        ),
        Mistake(
            "wrong channel",
            "The channels are mixed up. "
            "In a transposed convolution w is (C_in, C_out, kH, kW): its first axis belongs to the channels of x.",
            (
                variant(w=wrong_steps.swapped_channels),
                variant(w=wrong_steps.reread_channels),
                variant(w=wrong_steps.first_channel),
                variant(w=wrong_steps.first_filter),
                variant(dy=wrong_steps.first_channel),
            ),
        ),
        Mistake("sign", "Every value has the wrong sign.", (variant(scale=wrong_steps.negative),)),
        Mistake(
            "only one input kept",
            "Only one position, channel or image of x contributes to y. "
            "Is something set (=) that must be added to (+=), or created anew inside the loop?",
            tuple(
                variant(dy=dy)
                for dy in (*wrong_steps.POSITIONS, *(wrong_steps.keep(a, i) for a in (0, 1) for i in (0, -1)))
            ),
            source="https://github.com/ggml-org/ggml/issues/1448",
        ),
    )


SCATTERED = "A transposed convolution stamps the kernel as it is, at stride * i."

CONV_TRANSPOSE2D = Exercise(
    answer=loops.conv_transpose2d,
    next_idea="Can your `input_gradient` do the main part of it?",
    difficulty="hard",
    minutes=20,
    task=(
        "Write `conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0)`, "
        "with `w` (C_in, C_out, kH, kW). "
        "It runs `input_gradient` forward: `x` takes the place of dy. "
        "The output has `(H - 1) * stride - 2 * padding + kH + output_padding` rows."
    ),
    hints=(
        "In `input_gradient` every dy[i, j] stamped the kernel on its window. Which array stamps here, and where?",
        "Make zeros as large as the output plus its padding. "
        "Every `x[n, c, i, j]` adds `x[n, c, i, j] * w[c]`, "
        "a block with all output channels, to the window at `(i * stride, j * stride)`.",
        "Crop `padding` at the front and keep H_out x W_out. "
        "With `output_padding`, some rows and columns at the end get no stamp. "
        "Finally add `b[:, None, None]`, if there is a bias.",
    ),
    cases=transposed_cases,
    further=drawn.transposed,
    small=small.TRANSPOSED,
    probe={
        "x": np.array([[[[1.0, 2], [0, 3]]]]),
        "w": np.arange(1.0, 10).reshape(1, 1, 3, 3),
        "b": None,
        "stride": 2,
        "padding": 1,
        "output_padding": 1,
    },
    tensors=("y",),
    axes={"y": ("image", "channel", "row", "column")},
    windows={
        "y": lambda x, w, b, stride, padding, output_padding: recipes.coverage(
            sizes(x.shape[2:], w.shape[2:], stride, padding, output_padding), w.shape[2:], x.shape[2:], stride, padding
        )
    },
    mistakes={"y": _transposed_mistakes()},
    patterns=[
        (sentences.MIXED_UP, lambda x, w, **_: x.shape[2] != x.shape[3] or w.shape[2] != w.shape[3]),
        (sentences.MIXED_UP, lambda x, **_: x.shape[2] != x.shape[3]),
        ("It is right without output_padding. What does that change?", lambda output_padding, **_: output_padding > 0),
        ("It is right without a bias. How is the bias added?", lambda b, **_: b is not None),
        (sentences.RIGHT_AT_STRIDE_1, lambda stride, **_: stride > 1),
        (sentences.RIGHT_WITHOUT_PADDING, lambda padding, **_: padding > 0),
    ],
)

EXERCISES = (CONV_TRANSPOSE2D,)

PREDICTIONS = (
    Prediction(
        name="10/overlaps",
        formerly=("07/overlaps",),
        text="A transposed convolution with stride 2, and an input that is the same everywhere. "
        "With which kernel does every place of the output, "
        "away from the border, collect from the same number of stamps?",
        answer="b",
        choices={
            "a": ("3 x 3", "Along a row, stamps 3 wide start 2 apart: every second cell is under two of them."),
            "b": ("4 x 4", ""),
            "c": ("5 x 5", "Along a row, stamps 5 wide start 2 apart: a cell is under two of them, or three."),
        },
        why="4 is divisible by 2: along a row each cell is under exactly two stamps.",
    ),
    Prediction(
        name="10/swish",
        formerly=("07/swish",),
        text="With beta = 1, what is the slope of `x * sigmoid(beta * x)` at x = 0?",
        answer=lambda: 0.5,
        wrong_answers=(
            (0, "The second path contributes 0 there. And the first?"),
            (0.25, "That is the slope of the sigmoid alone. It is multiplied by x, which is 0."),
            (1, "sigmoid(0) is a half."),
        ),
        why="x reaches y along two paths. "
        "As the factor in front, its slope is sigmoid(0) = 0.5; through the sigmoid it is multiplied by x = 0.",
    ),
    Prediction(
        name="10/upsample",
        formerly=("07/upsample",),
        text="A transposed convolution with kernel 3, stride 2, padding 1 and output_padding 1 gets 16 x 16. "
        "How wide is its output?",
        answer=lambda: sizes((16, 16), (3, 3), 2, 1, 1)[0],
        wrong_answers=(
            (31, "That is without output_padding. A stride of 2 takes 32 and 31 to the same 16."),
            (8, "That is the convolution itself. Here it runs backward."),
            (33, "Crop the padding on both sides."),
        ),
        why="(16 - 1) * 2 - 2 + 3 + 1 = 32. output_padding says which of the sizes that lead to 16 is meant.",
    ),
)
