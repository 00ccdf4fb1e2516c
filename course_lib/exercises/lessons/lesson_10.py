"""Transposed convolution, and other ways to make images larger."""

from functools import partial
from itertools import combinations

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom, measured
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import (
    broken,
    convolution,
    drawn,
    recipes,
    redrawn_networks,
    sentences,
    small,
    wrong_steps,
)
from course_lib.looks import number

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


def _forward_sizes(size, kernel, stride, padding, output_padding):
    return recipes.out_sizes(size, kernel, stride, padding)


def _without_output_padding(size, kernel, stride, padding, output_padding):
    return sizes(size, kernel, stride, padding, 0)


def _appended(after_bias, around=False):
    """output_padding as zeros behind (or around) an output without it."""

    def wrong(x, w, b, stride, padding, output_padding):
        y = _transposed(x, w, b if after_bias else None, stride, padding, 0)
        edge = (output_padding if around else 0, output_padding)
        y = np.pad(y, ((0, 0), (0, 0), edge, edge))
        return y if b is None or after_bias else y + b[:, None, None]

    return wrong


def _bias_with_every_stamp(x, w, b, stride, padding, output_padding):
    y = _transposed(x, w, None, stride, padding, output_padding)
    if b is None:
        return y
    stamps = recipes.coverage(y.shape[2:], w.shape[2:], x.shape[2:], stride, padding)
    return y + b[:, None, None] * stamps


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
        convolution.repeated(variant, "x"),
        convolution.cropped_at_the_size(variant),
        Mistake(
            "size of a forward pass",
            "The output has the size that a forward convolution would give. "
            "A transposed one goes the other way: H is what y has there, and the output what x had.",
            (variant(size=_forward_sizes),),
        ),
        Mistake(
            "output_padding appended as zeros",
            "Zeros are appended to the finished output. "
            "output_padding makes the array larger *before* the padding is cropped: "
            "stamps may reach those rows and columns, and the bias is added there too.",
            tuple(_appended(after_bias, around) for after_bias in (False, True) for around in (False, True)),
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
                _bias_with_every_stamp,
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


NO_BIAS = (
    "b is None where there is no bias, and an array otherwise. Ask `b is None`: an array is neither true nor false."
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
    exceptions=(("y", "NoneType|truth value of an array", NO_BIAS),),
    windows={
        "y": lambda x, w, b, stride, padding, output_padding: recipes.coverage(
            sizes(x.shape[2:], w.shape[2:], stride, padding, output_padding), w.shape[2:], x.shape[2:], stride, padding
        )
    },
    mistakes={"y": _transposed_mistakes()},
    patterns=[
        (sentences.MIXED_UP, lambda x, w, **_: x.shape[2] != x.shape[3] or w.shape[2] != w.shape[3]),
        (sentences.MIXED_UP, lambda x, **_: x.shape[2] != x.shape[3]),
        (sentences.MIXED_UP, lambda w, **_: w.shape[2] != w.shape[3]),
        ("It is right without output_padding. What does that change?", lambda output_padding, **_: output_padding > 0),
        ("It is right without a bias. How is the bias added?", lambda b, **_: b is not None),
        (sentences.RIGHT_AT_STRIDE_1, lambda stride, **_: stride > 1),
        (sentences.RIGHT_WITHOUT_PADDING, lambda padding, **_: padding > 0),
    ],
)

# ---------------------------------------------------------------- doubled images


def double_backward(dy):
    """dy (N, C, 2 H, 2 W) of y = x.repeat(2, axis=2).repeat(2, axis=3) -> dx (N, C, H, W)."""
    N, C, H, W = dy.shape
    return dy.reshape(N, C, H // 2, 2, W // 2, 2).sum(axis=(3, 5))


def _doubled(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)


@guarded_symptom
def doubled_and_paid(f):
    x, dy = np.array([[[[1.0, 2], [3, 4]]]]), np.arange(1.0, 17).reshape(1, 1, 4, 4)
    dx = np.asarray(f(dy), float)
    rows = [(number(dy.sum()), number(dx.sum()))]
    truth = measured(_doubled, dy, x)
    return Symptom(
        "x is 2 x 2, dy counts from 1 to 16.",
        ("sum of dy", "sum of dx"),
        rows,
        Picture("dx", dx[0, 0], truth[0, 0], 1e-6, ("this one", "measured")),
    )


def double_cases(rng):
    return [{"dy": rng.standard_normal(shape)} for shape in ((2, 3, 4, 6), (3, 2, 8, 4), (1, 1, 2, 2), (2, 2, 6, 6))]


def _blocks(dy):
    N, C, H, W = dy.shape
    return dy.reshape(N, C, H // 2, 2, W // 2, 2)


def _half(dy):
    """(N, C, 2 H, 2 W) -> (N, C, H, W), as sizes."""
    N, C, H, W = dy.shape
    return N, C, H // 2, W // 2


def _halves(dy):
    N, C, H, W = dy.shape
    return dy.reshape(N, C, 2, H // 2, 2, W // 2)


PLACES = (0, 0), (0, 1), (1, 0), (1, 1)


def _some_of_the_block(dy, places):
    return sum(dy[:, :, row::2, column::2] for row, column in places)


def _blocks_one_apart(dy):
    H, W = _half(dy)[2:]
    return sum(dy[:, :, row : row + H, column : column + W] for row, column in PLACES)


DOUBLE_BACKWARD = Exercise(
    answer=double_backward,
    start=broken.double_backward,
    symptom=doubled_and_paid,
    difficulty="easy",
    minutes=6,
    task=(
        "The backward pass of `double`, which repeats every row and every column. "
        "Its author says: backward, the doubled image is made small again."
    ),
    hints=(
        "x[0, 0] is 1. How many entries of y are that 1? Each of them has a dy of its own.",
        "A value that was copied to four places hears from all four. No part of dy may get lost.",
        "`dy.reshape(N, C, H // 2, 2, W // 2, 2)` has each block along two axes of length 2. Which ones?",
    ),
    cases=double_cases,
    further=drawn.small(
        lambda rng, values: {
            "dy": values(
                (int(rng.integers(1, 3)), int(rng.integers(1, 3)), *(2 * int(n) for n in rng.integers(1, 4, 2)))
            )
        }
    ),
    small=Small(
        {"W": (1, 2, 3), "H": (1, 2, 3), "C": (1, 2), "N": (1, 2)},
        lambda numbers, W, H, C, N: {"dy": numbers(N, C, 2 * H, 2 * W)},
    ),
    probe={"dy": np.arange(1.0, 17).reshape(1, 1, 4, 4)},
    tensors=("dx",),
    axes={"dx": ("image", "channel", "row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "averaged",
                "The four gradients of a block are averaged. "
                "Each of the four copies moves the loss by itself, so they are *added*.",
                (lambda dy: _blocks(dy).mean(axis=(3, 5)),),
            ),
            Mistake(
                "one of the four",
                "One gradient of each block is kept, and three get lost.",
                tuple(
                    lambda dy, row=row, column=column: dy[:, :, row::2, column::2]
                    for row, column in ((0, 1), (1, 0), (1, 1))
                ),
            ),
            Mistake(
                "one of the four, four times",
                "One gradient of each block counts four times. The other three are not the same number.",
                tuple(
                    lambda dy, row=row, column=column: 4 * dy[:, :, row::2, column::2]
                    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1))
                ),
            ),
            Mistake(
                "along one axis only",
                "The copies are added along one axis only. Rows and columns were both repeated.",
                (
                    lambda dy: dy[:, :, ::2, ::2] + dy[:, :, 1::2, ::2],
                    lambda dy: dy[:, :, ::2, ::2] + dy[:, :, ::2, 1::2],
                    lambda dy: dy[:, :, ::2] + dy[:, :, 1::2],
                    lambda dy: dy[..., ::2] + dy[..., 1::2],
                ),
            ),
            Mistake(
                "some of the four",
                "Not all four gradients of a block are added. A block is two in a row and the two below them.",
                tuple(
                    partial(_some_of_the_block, places=places)
                    for count in (2, 3)
                    for places in combinations(PLACES, count)
                    if places not in (PLACES[:2], PLACES[::2])
                ),
            ),
            Mistake(
                "doubled once more",
                "The gradient is doubled as the image was. It is to be shaped like x, which is small: backward, "
                "what was copied is added up.",
                (lambda dy: dy.repeat(2, axis=2).repeat(2, axis=3),),
            ),
            Mistake(
                "blocks one apart",
                "The blocks overlap: each begins one row or column after the one before it. That of x[i, j] begins at "
                "[2 i, 2 j].",
                (_blocks_one_apart,),
            ),
            Mistake(
                "other axes of the blocks",
                "The blocks are cut right, and then the sum runs over the wrong axes. "
                "Two of the six have length 2, whatever the image.",
                tuple(
                    lambda dy, axes=axes: _blocks(dy).sum(axis=axes)
                    for axes in ((2, 4), (3, 4), (2, 5), (4, 5), (2, 3))
                ),
            ),
            Mistake(
                "halves, not neighbours",
                "It adds pixels that are half an image apart. The four copies of a pixel are neighbours.",
                (lambda dy: _halves(dy).sum(axis=(2, 4)), lambda dy: _halves(dy).mean(axis=(2, 4))),
            ),
            Mistake(
                "the largest",
                "Of each block the largest gradient is kept. That is a max pool, and no gradient may get lost here.",
                (lambda dy: _blocks(dy).max(axis=(3, 5)),),
            ),
            Mistake(
                "reshape without the pairs",
                "It adds numbers that follow each other in memory. A block is two in a row and the two below them: "
                "split rows and columns apart, (H, 2) and (W, 2), before you sum.",
                (
                    lambda dy: dy.reshape(*_half(dy), 4).sum(axis=-1),
                    lambda dy: dy.reshape(*dy.shape[:2], 4, *_half(dy)[2:]).sum(axis=2),
                    lambda dy: dy.reshape(*_half(dy), 2, 2).sum(axis=(-1, -2)),
                ),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy: -double_backward(dy),)),
        )
    },
)

EXERCISES = (CONV_TRANSPOSE2D, DOUBLE_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="10/double_backward",
        comes_back=False,
        reveals_code=True,
        text="`double_backward`: from what you see, what is wrong?",
        answer="c",
        choices={
            "a": ("The gradients of a block are averaged", "The mean of 1, 2, 5 and 6 is 3.5. It returns 1."),
            "b": ("The blocks are in the wrong order", "Its numbers grow where the measured ones grow."),
            "c": ("Of the four gradients of a block it takes one", ""),
            "d": ("Nothing: 1 is what came in at x[0, 0]", "dx is about dy, and not about x."),
        },
        why="Each pixel was copied to four places, and all four copies move the loss. "
        "Its author undid the forward pass, as if a gradient were an image to be made small.",
    ),
    Prediction(
        name="10/overlaps",
        reveals=2,
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
        name="10/upsample",
        again=redrawn_networks.size_of_transposed,
        reveals=0,
        formerly=("07/upsample",),
        text="A transposed convolution with kernel 3, stride 2, padding 1 and output_padding 1 gets 16 x 16. "
        "How wide is its output?",
        answer=lambda: sizes((16, 16), (3, 3), 2, 1, 1)[0],
        wrong_answers=(
            (31, "That is without output_padding. A stride of 2 takes 32 and 31 to the same 16."),
            (8, "That is the convolution itself. Here it runs backward."),
            (33, "Crop the padding on both sides."),
            (34, "The padding is still around it: crop it on both sides."),
        ),
        why="(16 - 1) * 2 - 2 + 3 + 1 = 32. output_padding says which of the sizes that lead to 16 is meant.",
    ),
)
