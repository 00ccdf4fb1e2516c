"""Many kernels, few weights: the questions."""

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared.redrawn import Fields, fields

LESSON = "A_many_kernels"


def reached(groups, channel):
    """Which of 8 channels of x hear from this channel of dy, in so many groups."""
    dy = np.eye(8)[channel].reshape(1, 8, 1, 1)
    dx = F.conv2d_input_gradient(dy, np.zeros(dy.shape), np.ones((8, 8 // groups, 1, 1)), groups=groups)
    return np.flatnonzero(dx)


# ---------------------------------------------------------------- with other numbers


def pixel_again(rng) -> Fields:
    C, F_out, size = (int(n) for n in (rng.integers(3, 17), rng.integers(3, 17), rng.integers(5, 15)))
    return fields(
        f"A 1 x 1 convolution takes {C} channels to {F_out}, on images of {size} x {size}. "
        "How many weights has its `w`?",
        C * F_out,
        f"One number for each pair of a filter and a channel: {F_out} · {C} = {C * F_out}, a matrix.",
        (1, "Each kernel is a single number. But there is one for each filter *and* each channel."),
        (F_out, "That is one number for each filter. A filter has a kernel for each channel that it reads."),
        (9 * C * F_out, "That is a 3 x 3 kernel for each pair."),
    )


def _grouped(rng):
    """(groups, channels, filters), of which each group has two channels at least."""
    groups = int(rng.integers(2, 5))
    return groups, groups * int(rng.integers(2, 4)), groups * int(rng.integers(1, 5))


def groups_again(rng) -> Fields:
    groups, C, F_out = _grouped(rng)
    whole, part = F_out * C * 9, F_out * C * 9 // groups
    return fields(
        f"A 3 x 3 convolution takes {C} channels to {F_out}. Dense, it has {F_out} · {C} · 9 = {whole} weights. "
        f"How many has it in {groups} groups?",
        part,
        f"There are still {F_out} filters, each with kernels for {C} / {groups} channels: "
        f"{F_out} · {C // groups} · 9 = {part}.",
        (whole, f"That is the dense one. In groups a filter reads {C // groups} of the {C} channels."),
        (whole * groups, f"{groups} groups, but each of them has fewer channels."),
        (F_out * 9, f"That is one kernel for each filter. It still reads {C // groups} channels."),
    )


def route_again(rng) -> Fields:
    channel = int(rng.integers(8))
    heard = reached(4, channel)
    return fields(
        f"8 channels to 8, in 4 groups. `dy` is 0 except in channel {channel}. Where can `dx` be other than 0? "
        "(Type the lower number first.)",
        heard,
        f"Group {channel // 2} has channels {heard[0]} and {heard[1]} on both sides. Filter {channel} read these two.",
        (sorted({channel % 4, channel % 4 + 4}), "That would be every fourth channel. A group is a run of neighbours."),
    )


def separable_again(rng) -> Fields:
    C, F_out = (int(n) for n in rng.integers(3, 17, 2))
    return fields(
        f"Depthwise 3 x 3 and then 1 x 1, from {C} channels to {F_out}, without biases: how many weights together?",
        9 * C + C * F_out,
        f"{C} · 9 = {9 * C} and {F_out} · {C} = {C * F_out}, together {9 * C + C * F_out}. "
        f"Dense it would be {9 * C * F_out}.",
        (9 * C, "That is the depthwise part. The 1 x 1 part has a weight for each pair of channels."),
        (C * F_out, "That is the 1 x 1 part. The depthwise part has nine weights for each channel of x."),
        (9 * C * F_out, "That is the dense layer."),
    )


def dilated_again(rng) -> Fields:
    d = [int(n) for n in rng.integers(1, 6, 3)]
    rows = 1 + 2 * sum(d)
    return fields(
        f"Three layers of 3 x 3 with stride 1, with dilation {d[0]}, {d[1]} and {d[2]}. How many rows of the image "
        "does the receptive field of one output of the third span?",
        rows,
        f"Each layer adds 2 d rows: 1 + {2 * d[0]} + {2 * d[1]} + {2 * d[2]} = {rows}.",
        (7, "That is without gaps: 2 more rows for each layer. With dilation d it is 2 d more."),
        (1 + 2 * d[2], "That is what the third layer spans in the second. Each of those rows sees more rows still."),
    )


EXERCISES = ()

PREDICTIONS = (
    Prediction(
        name="A/pixel",
        again=pixel_again,
        text="A 1 x 1 convolution takes 32 channels to 64, on images of 28 x 28. How many weights has its `w`?",
        answer=lambda: np.zeros((64, 32, 1, 1)).size,
        wrong_answers=(
            (1, "Each kernel is a single number. But there is one for each filter *and* each channel."),
            (64, "That is one number for each filter. A filter has a kernel for each channel that it reads."),
            (64 * 32 * 28 * 28, "That would be another matrix at every pixel. The weights are shared by all pixels."),
            (64 * 32 * 9, "That is a 3 x 3 kernel for each pair."),
        ),
        why="One number for each pair of a filter and a channel: 64 · 32 = 2048, a matrix.",
    ),
    Prediction(
        name="A/groups",
        again=groups_again,
        text="A 3 x 3 convolution takes 8 channels to 12. Dense, it has 12 · 8 · 9 = 864 weights. "
        "How many has it in 4 groups?",
        answer=lambda: np.zeros((12, 8 // 4, 3, 3)).size,
        wrong_answers=(
            (864, "That is the dense one. In 4 groups a filter reads 2 of the 8 channels."),
            (864 // 16, "Filters and channels are both dealt out, but there are 4 such groups, each with a 16th."),
            (12 * 9, "That is one kernel for each filter. In 4 groups a filter still reads 2 channels."),
            (864 * 4, "Four groups, but each of them has fewer channels."),
        ),
        why="There are still 12 filters, each with kernels for 8 / 4 = 2 channels: 12 · 2 · 9 = 216, a quarter.",
    ),
    Prediction(
        name="A/route",
        again=route_again,
        text="8 channels to 8, in 4 groups. `dy` is 0 except in channel 5. In which channels can `dx` be other than 0? "
        "(Type the lower number first.)",
        answer=lambda: reached(4, 5),
        wrong_answers=(
            ([5, 6], "Groups do not begin anywhere: they are runs of two, from channel 0 on."),
            ([1, 5], "That would be every fourth channel. A group is a run of neighbours."),
        ),
        why="Group 2 has channels 4 and 5 on both sides. Filter 5 read these two, and hands back to these two.",
    ),
    Prediction(
        name="A/depthwise",
        reveals=0,
        text="In a depthwise convolution, `dw[c, 0, a, b]` is a sum of products of `dy` and `x`. "
        "Over which indices does the sum run?",
        answer="b",
        choices={
            "a": ("images, filters, rows and columns", "w[c, 0] made channel c of y, and no other."),
            "b": ("images, rows and columns", ""),
            "c": ("images, channels, rows and columns", "w[c, 0] met channel c of x, and no other."),
            "d": ("images only", "The kernel slid over all positions, and was used at each of them."),
        },
        why="The kernel of channel c was used at every position of every image, but in its own channel alone.",
    ),
    Prediction(
        name="A/separable",
        again=separable_again,
        text="Dense, 3 x 3, 32 channels to 64: 18,432 weights. "
        "Depthwise 3 x 3 and then 1 x 1, the same channels: how many?",
        answer=lambda: 32 * 9 + 64 * 32,
        wrong_answers=(
            (32 * 9, "That is the depthwise part. The 1 x 1 part has a weight for each pair of channels."),
            (64 * 32, "That is the 1 x 1 part. The depthwise part has nine weights for each channel of x."),
            (64 * 9 + 64 * 32, "The depthwise part comes first: it has a kernel for each of the 32 channels of x."),
            (9 + 64 * 32, "Each of the 32 channels has a kernel of its own, of nine weights."),
        ),
        why="32 · 9 = 288 and 64 · 32 = 2048, together 2336: about an eighth of 18,432.",
    ),
    Prediction(
        name="A/dilated",
        again=dilated_again,
        text="Three layers of 3 x 3 with stride 1, with dilation 1, 2 and 4. On how many *rows* of the image does one "
        "output of the third depend?",
        answer=lambda: 1 + 2 * (1 + 2 + 4),
        wrong_answers=(
            (7, "That is without gaps: 2 more rows for each layer. With dilation d it is 2 d more."),
            (9, "That is what the third layer spans in the second. Each of those rows sees more rows still."),
            (27, "That would be so if no two windows overlapped."),
        ),
        why="Each layer adds d (k − 1) rows: 1 + 2 + 4 + 8 = 15. Without dilation it would be 7, with as many weights.",
    ),
    Prediction(
        name="A/causal",
        text="Twelve moments, a causal layer with a kernel of 3, and `dy` is 0 but for moment 6. "
        "In which entries of `dx` can something arrive?",
        answer="a",
        choices={
            "a": ("4, 5 and 6", ""),
            "b": ("6, 7 and 8", "Output 6 never read moments 7 and 8: they had not happened. So it owes them nothing."),
            "c": ("5, 6 and 7", "That is a layer with padding 1, which looks one moment ahead."),
            "d": ("0 to 6", "It may depend on the past alone, but a kernel of 3 reaches back two moments only."),
        },
        why="y[6] read x[4], x[5] and x[6]. What looks back on the way forward pays back into the past.",
    ),
    Prediction(
        name="A/faster",
        reveals=2,
        text="The separable network has a fifth of the weights, and about a quarter of the multiply-adds. "
        "How long does one of its training steps take, compared with the dense network's?",
        answer="c",
        choices={
            "a": ("about a fifth", "Fewer weights do not mean less work: each is used at every pixel."),
            "b": (
                "about a quarter",
                "If every multiply-add took the same time. What else has to be done for each pixel?",
            ),
            "c": ("more than a third", ""),
        },
        why="A pixel that has been fetched from memory takes part in few products. "
        "Fetching it costs as much as before.",
        comes_back=False,
    ),
)
