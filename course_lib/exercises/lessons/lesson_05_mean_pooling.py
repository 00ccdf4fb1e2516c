"""Average pooling: a gradient shared by all pixels of a window."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import convolution, drawn, pooling, recipes, sentences, small, wrong_steps

LESSON = "05_pooling_and_friends"


def avg_pool_backward_cases(rng):
    return [
        {
            "dy": rng.standard_normal((*shape[:2], *pooling.count(shape[2:], kernel_size, stride, padding))),
            "input_shape": shape,
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
        }
        for shape, kernel_size, stride, padding in pooling.POOLS
    ]


def spread(dy, input_shape, kernel_size, stride, padding, /, *, weight=None, scale=None, dy_=None, step=None, **steps):
    """Average pooling backward, in steps: every window gets dy times weight(kernel_size) in each of its cells."""
    dy = dy_(dy) if dy_ else dy
    cells = (weight or evenly)(kernel_size)
    stamps = dy[:, :, None, None] * cells[:, :, None, None]
    dx = recipes.fold(stamps, input_shape[2:], (step or pooling.step)(kernel_size, stride), padding, **steps)
    return scale(dx, dy, cells[None, None]) if scale else dx


def evenly(kernel_size):
    return np.full((kernel_size, kernel_size), 1 / kernel_size**2)


def only_cell(index):
    def weight(kernel_size):
        cells = np.zeros(kernel_size**2)
        cells[index] = 1
        return cells.reshape(kernel_size, kernel_size)

    return weight


def by_real_pixels(dy, input_shape, kernel_size, stride, padding):
    """Each window's share divided by the number of its cells inside the image."""
    step = pooling.step(kernel_size, stride)
    inside = np.pad(np.ones((1, 1, *input_shape[2:])), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = recipes.unfold(inside, (kernel_size, kernel_size), step, 0, dy.shape[2:])
    stamps = np.broadcast_to((dy / windows.sum(axis=(2, 3)))[:, :, None, None], (*dy.shape[:2], *windows.shape[2:]))
    return recipes.fold(stamps, input_shape[2:], step, padding)


def _spread(**steps):
    return Variant(spread, **steps)


AVG_POOL2D_BACKWARD = Exercise(
    answer=loops.avg_pool2d_backward,
    next_idea="It is the input gradient of a convolution whose kernel is constant. Can yours compute it?",
    difficulty="easy",
    minutes=10,
    task=(
        "Write `avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0)`: "
        "`dx` of shape `input_shape` (N, C, H, W). "
        "`kernel_size` is one number. "
        "Without a stride, windows start `kernel_size` apart. "
        "The mean includes the padded zeros."
    ),
    hints=(
        "y is the mean of k * k pixels. You raise one of them by 0.1: how far does y move?",
        "Average pooling is a convolution whose kernel is 1 / k^2 everywhere, on each channel separately. "
        "You know how to hand gradients back to windows that overlap.",
        "In a padded array of zeros, add `dy[n, c, i, j] / kernel_size**2` to the "
        "whole window that starts at `(i * stride, j * stride)`, then crop the padding. "
        "Without a stride, the stride is kernel_size.",
    ),
    cases=avg_pool_backward_cases,
    further=drawn.avg_pool_backward,
    small=small.AVG_POOL_BACKWARD,
    probe={
        "dy": np.array([[[[4.0, 8], [12, 16]]]]),
        "input_shape": (1, 1, 4, 4),
        "kernel_size": 3,
        "stride": 1,
        "padding": 0,
    },
    tensors=("dx",),
    axes={"dx": ("image", "channel", "row", "column")},
    windows={
        "dx": lambda dy, shape, kernel_size, stride, padding: recipes.coverage(
            shape[2:], (kernel_size,) * 2, dy.shape[2:], pooling.step(kernel_size, stride), padding
        )
    },
    mistakes={
        "dx": (
            Mistake(
                "without 1 / k^2",
                "Everything is too large by the same factor. "
                "y moves by only a fraction of what the pixel moves. "
                "Which fraction?",
                (
                    _spread(weight=lambda k: np.ones((k, k))),
                    _spread(weight=lambda k: np.full((k, k), 1 / k)),
                ),
            ),
            Mistake(
                "divided twice",
                "Everything is too small by the same factor: you divide once too often.",
                (
                    _spread(weight=lambda k: np.full((k, k), 1 / k**4)),
                    _spread(weight=lambda k: np.full((k, k), 1 / k**3)),
                    _spread(scale=wrong_steps.over_batch),
                    _spread(scale=wrong_steps.over_positions),
                    _spread(scale=wrong_steps.over_both),
                ),
            ),
            Mistake(
                "one pixel takes all",
                "One pixel of each window takes the whole gradient, as in max pooling. "
                "But every pixel of the window moves the mean.",
                (
                    _spread(weight=only_cell(0)),
                    _spread(weight=only_cell(-1)),
                    _spread(weight=lambda k: only_cell(0)(k) / k**2),
                ),
            ),
            Mistake(
                "stride of windows",
                pooling.STRIDE,
                (_spread(step=pooling.one_by_default), _spread(step=pooling.always_tiling)),
            ),
            Mistake(
                "divided by the pixels inside",
                "At the border you divide by the number of real pixels. "
                "Here the forward pass takes the mean over the whole window, including the padded zeros.",
                (by_real_pixels,),
            ),
            Mistake("sign", sentences.SIGN, (_spread(scale=wrong_steps.negative),)),
            Mistake(
                "a border of dy skipped",
                "The first or last row or column of dy seems to be left out. Does your loop reach every output?",
                tuple(_spread(dy_=drop) for drop in wrong_steps.ENDS[2]),
            ),
            Mistake(
                "only one image, channel or position",
                "Only one image, channel or position gets its gradient. "
                "Is the array created anew inside the loop, or is `return` inside the loop?",
                tuple(
                    _spread(dy_=only)
                    for only in (*(wrong_steps.keep(a, i) for a in (0, 1) for i in (0, -1)), *wrong_steps.POSITIONS)
                ),
            ),
            *convolution.scattering(2, _spread),
            *convolution.no_room(_spread),
        )
    },
    patterns=pooling.patterns(lambda input_shape, **_: input_shape),
)

EXERCISES = (AVG_POOL2D_BACKWARD,)

PREDICTIONS = (
    Prediction(
        name="05/average",
        text="Average pooling with 2 x 2 windows, stride 1, on a 3 x 3 image. "
        "`dy` is all ones. "
        "What is `dx` in the middle?",
        answer=lambda: loops.avg_pool2d_backward(np.ones((1, 1, 2, 2)), (1, 1, 3, 3), 2, 1)[0, 0, 1, 1],
        wrong_answers=(
            (4, "It is in four windows. But in each it is one of four pixels."),
            (0.25, "That is its share of one window. In how many is it?"),
        ),
        why="Four windows contain it, and each gives it a quarter: 1.",
    ),
    Prediction(
        name="05/odd",
        reveals=2,
        text="A 2 x 2 max pool turns a channel of 11 x 11 into 5 x 5. "
        "How many of the 121 pixels can never get a gradient?",
        answer=lambda: int((recipes.coverage((11, 11), (2, 2), (5, 5), 2, 0) == 0).sum()),
        wrong_answers=(
            (11, "A row is left out, and a column too."),
            (22, "The last row and the last column share a pixel."),
            (96, "That many lose in their windows and get 0 this time. The question is which pixels are in no window."),
        ),
        why="The last row and the last column are in no window: 11 + 11 - 1 = 21.",
    ),
)
