"""Average pooling: the mean of a window, and a gradient shared by all its pixels."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import (
    broken,
    convolution,
    drawn,
    pooling,
    recipes,
    redrawn_layers,
    sentences,
    small,
    wrong_steps,
)
from course_lib.exercises.lessons.shared.max_pooling import IMAGE

LESSON = "05_pooling_and_friends"


# ---------------------------------------------------------------- forward


def avg_pool_cases(rng):
    return [
        {"x": rng.standard_normal(shape), "kernel_size": kernel_size, "stride": stride, "padding": padding}
        for shape, kernel_size, stride, padding in pooling.POOLS
    ]


def averaged(x, kernel_size, stride, padding, /, *, over=None, step=None, count=None, turn=None, **steps):
    """Average pooling in steps. over(windows): what is made of windows (N, C, kH, kW, H_out, W_out)."""
    kernel, distance = (kernel_size, kernel_size), (step or pooling.step)(kernel_size, stride)
    found = (count or recipes.out_sizes)(x.shape[2:], kernel, distance, padding)
    y = (over or mean)(recipes.unfold(x, kernel, distance, padding, found, **steps))
    return turn(y) if turn else y


def mean(windows):
    return windows.mean(axis=(2, 3))


def over_channels(windows):
    return np.broadcast_to(mean(windows).mean(axis=1, keepdims=True), mean(windows).shape)


def over_real_pixels(x, kernel_size, stride, padding):
    """Each window's sum divided by the number of its cells inside the image."""
    inside = averaged(np.ones((1, 1, *x.shape[2:])), kernel_size, stride, padding)
    return averaged(x, kernel_size, stride, padding) / inside


def _of_what_is_there(
    x, kernel_size, stride, padding, pad=recipes.zeros_around, count=recipes.out_sizes, starts=None, longer=0
):
    """The mean of the part of each window that lies in the array, NaN where there is none.

    starts(i, j): the row and the column of a window, before the stride. longer: by how many cells a window is.
    """
    step, k, xp = pooling.step(kernel_size, stride), kernel_size + longer, pad(x, padding)
    y = np.zeros((*x.shape[:2], *count(x.shape[2:], (kernel_size, kernel_size), step, padding)))
    for i, j in np.ndindex(y.shape[2:]):
        top, left = (step * start for start in (starts(i, j) if starts else (i, j)))
        window = xp[:, :, top : top + k, left : left + k]
        y[:, :, i, j] = window.mean(axis=(2, 3)) if window.size else np.nan
    return y


def _averaged(**steps):
    return Variant(averaged, **steps)


def _made(*of_windows):
    return tuple(_averaged(over=over) for over in of_windows)


AVG_POOL2D = Exercise(
    answer=loops.avg_pool2d,
    next_idea="It is a convolution of each channel by itself. With which kernel? Can yours compute it?",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `avg_pool2d(x, kernel_size, stride=None, padding=0)`: "
        "`y` of shape (N, C, H_out, W_out), the mean of every window. "
        "`kernel_size` is one number. "
        "Without a stride, windows start `kernel_size` apart. "
        "`pad2d(x, padding)` puts zeros around all images, and they count in the mean."
    ),
    hints=(
        "Which line of your `max_pool2d` says what a window becomes? Which lines are about winners?",
        "A window of all images and channels has four axes. Over which two do you take the mean?",
        "Pad, and make `y` of zeros with `out_size` for rows and columns. "
        "For every (i, j), slice the window that starts at `(i * stride, j * stride)`, "
        "and put its mean over the last two axes into `y[:, :, i, j]`.",
    ),
    cases=avg_pool_cases,
    further=drawn.max_pool,
    small=small.MAX_POOL,
    probe={"x": np.arange(1.0, 17).reshape(1, 1, 4, 4), "kernel_size": 2, "stride": 1, "padding": 0},
    tensors=("y",),
    axes={"y": IMAGE},
    mistakes={
        "y": (
            Mistake(
                "not divided by k^2",
                "Everything is too large by the same factor. A mean divides by the number of cells: by how many?",
                _made(
                    lambda windows: windows.sum(axis=(2, 3)),
                    lambda windows: windows.sum(axis=(2, 3)) / windows.shape[2],
                ),
            ),
            Mistake(
                "divided twice",
                "Everything is too small by the same factor: you divide once too often.",
                _made(
                    lambda windows: mean(windows) / windows.shape[2],
                    lambda windows: mean(windows) / windows.shape[2] ** 2,
                ),
            ),
            Mistake(
                "not the mean",
                "What comes out is not the mean of the window, but something else of it.",
                _made(
                    lambda windows: windows.max(axis=(2, 3)),
                    lambda windows: np.median(windows, axis=(2, 3)),
                    lambda windows: windows[:, :, 0, 0],
                    lambda windows: windows[:, :, -1, -1],
                ),
            ),
            Mistake(
                "one axis of the window",
                "The mean runs along one axis of the window only, and of the other axis one row or column is left.",
                _made(
                    lambda windows: windows[:, :, 0].mean(axis=2),
                    lambda windows: windows[:, :, :, 0].mean(axis=2),
                ),
            ),
            Mistake(
                "channels mixed",
                "A mean over channels is in it. Each channel is pooled by itself.",
                _made(over_channels),
            ),
            Mistake(
                "stride of windows",
                pooling.STRIDE,
                (_averaged(step=pooling.one_by_default), _averaged(step=pooling.always_tiling)),
            ),
            Mistake(
                "divided by the pixels inside",
                "At the border you divide by the number of real pixels. "
                "Here the mean is taken over the whole window, including the padded zeros.",
                (over_real_pixels,),
            ),
            Mistake(
                "x not padded",
                sentences.NOT_PADDED,
                (
                    *(_averaged(pad=pad) for pad in wrong_steps.WRONG_PADS),
                    partial(_of_what_is_there, pad=wrong_steps.no_zeros),
                ),
            ),
            convolution.odd_padding(2, _averaged),
            Mistake(
                "wrong number of windows",
                sentences.NUMBER_OF_WINDOWS,
                (
                    *(
                        _averaged(count=count)
                        for count in (wrong_steps.one_less, wrong_steps.no_padding, wrong_steps.stride_plus_one)
                    ),
                    partial(_of_what_is_there, count=wrong_steps.kernel_forgotten),
                ),
            ),
            Mistake("stride missing", pooling.WITHOUT_STRIDE, (_averaged(steps=wrong_steps.ones),)),
            Mistake(
                "window of another size",
                pooling.WINDOW_SIZE,
                (partial(_of_what_is_there, longer=-1), partial(_of_what_is_there, longer=1)),
            ),
            Mistake(
                "H and W mixed up",
                sentences.MIXED_UP,
                (
                    partial(_of_what_is_there, count=pooling.sizes_swapped),
                    partial(_of_what_is_there, starts=lambda i, j: (j, i)),
                ),
            ),
            Mistake(
                "a line copied",
                sentences.LINE_COPIED,
                (_averaged(steps=wrong_steps.both_by_row), _averaged(steps=wrong_steps.both_by_column)),
            ),
            Mistake("only one row kept", sentences.ONE_ROW, tuple(_averaged(turn=row) for row in wrong_steps.ROWS)),
            Mistake(
                "only one position kept",
                sentences.MADE_ANEW,
                tuple(_averaged(turn=position) for position in wrong_steps.POSITIONS),
            ),
            Mistake("sign", sentences.SIGN, (_averaged(turn=np.negative),)),
        )
    },
    patterns=pooling.patterns(lambda x, **_: x.shape),
)

# ---------------------------------------------------------------- backward


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


def spread(
    dy, input_shape, kernel_size, stride, padding, /, *,
    weight=None, scale=None, dy_=None, step=None, inside=False, apart=None, **steps,
):  # fmt: skip
    """Average pooling backward, in steps: every window gets dy times weight(kernel_size) in each of its cells.

    inside: a window divides by the number of its cells inside the image. apart(kernel_size, stride): the distance of
    windows along rows and columns, or a function of (i, j) that returns where a window begins; what lies beyond the
    padded image is left out.
    """
    dy = dy_(dy) if dy_ else dy
    cells = (weight or evenly)(kernel_size)
    distance = (step or pooling.step)(kernel_size, stride)
    if apart:
        steps["steps"] = lambda *_: apart(kernel_size, distance)
        steps["room"] = lambda size, *_: (2 * max(size) + 4 * (padding + kernel_size) + distance,) * len(size)
    if inside:
        dy = dy / np.maximum(_cells_inside(dy, input_shape, kernel_size, distance, padding, steps.get("steps")), 1)
        cells = np.ones((kernel_size, kernel_size))
    stamps = dy[:, :, None, None] * cells[:, :, None, None]
    dx = recipes.fold(stamps, input_shape[2:], distance, padding, **steps)
    return scale(dx, dy, cells[None, None]) if scale else dx


def _cells_inside(dy, input_shape, kernel_size, distance, padding, steps):
    """How many cells of each window lie in the image, not in its padding."""
    around = 2 * max(input_shape) + 4 * (padding + kernel_size) + distance
    image = np.pad(np.ones((1, 1, *input_shape[2:])), [(0, 0), (0, 0), (padding, around), (padding, around)])
    return recipes.unfold(image, (kernel_size,) * 2, distance, 0, dy.shape[2:], steps=steps).sum(axis=(2, 3))


def evenly(kernel_size):
    return np.full((kernel_size, kernel_size), 1 / kernel_size**2)


def only_cell(index):
    def weight(kernel_size):
        cells = np.zeros(kernel_size**2)
        cells[index] = 1
        return cells.reshape(kernel_size, kernel_size)

    return weight


def _shorter(kernel_size):
    cells = evenly(kernel_size)
    cells[-1], cells[:, -1] = 0, 0
    return cells


def _longer(kernel_size):
    return np.full((kernel_size + 1,) * 2, 1 / kernel_size**2)


def _evenly_apart(kernel_size, distance):
    return distance, distance


def _columns_by_kernel(kernel_size, distance):
    return distance, kernel_size


def _rows_by_kernel(kernel_size, distance):
    return kernel_size, distance


def _turned(kernel_size, distance):
    return lambda position: (position[1] * distance, position[0] * distance)


def _moved_windows(dy, input_shape, kernel_size, stride, padding):
    """Windows that are clipped at the upper and left edge, and end kernel_size later."""
    dx, step = np.zeros(input_shape), pooling.step(kernel_size, stride)
    for i, j in np.ndindex(dy.shape[2:]):
        top, left = max(i * step - padding, 0), max(j * step - padding, 0)
        dx[:, :, top : top + kernel_size, left : left + kernel_size] += dy[:, :, i, j, None, None] / kernel_size**2
    return dx


def _spread(**steps):
    return Variant(spread, **steps)


AVG_POOL2D_BACKWARD = Exercise(
    answer=loops.avg_pool2d_backward,
    start=broken.avg_pool2d_backward,
    difficulty="easy",
    minutes=8,
    task=(
        "**Repair it.** `avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0)` returns `dx` "
        "of shape `input_shape` (N, C, H, W). "
        "It does not pad: it clips each window at the edge of the image, and that is fine. "
        "Its author tested windows that tile the image, without padding, and `dx` was right. "
        "Three things are wrong all the same."
    ),
    hints=(
        "Give it windows that overlap, with a `dy` of ones. Then give it a padding. "
        "Which pixels get another amount than their coverage divided by k^2?",
        "What happens to a pixel that two windows hold? By how much does each window divide at the border? "
        "And compare the two corners of a window.",
        "Add (`+=`) to the window. "
        "A share is 1 / k^2, also where a part of the window hangs over the edge. "
        "Rows and columns both start `stride` apart.",
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
                    _spread(weight=lambda k: np.full((k, k), k * k)),
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
                (_spread(inside=True),),
            ),
            Mistake(
                "kernel_size in place of the stride",
                "Along one axis windows start kernel_size apart, along the other stride. "
                "Compare the line for the rows with that for the columns.",
                (_spread(apart=_columns_by_kernel), _spread(apart=_rows_by_kernel)),
            ),
            Mistake(
                "window of another size",
                pooling.WINDOW_SIZE,
                (_spread(weight=_shorter), partial(spread, weight=_longer, apart=_evenly_apart)),
            ),
            Mistake("H and W mixed up", sentences.MIXED_UP, (_spread(apart=_turned),)),
            Mistake("clipped window too long", pooling.MOVED_WINDOW, (_moved_windows,)),
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

EXERCISES = (AVG_POOL2D, AVG_POOL2D_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="05/average",
        again=redrawn_layers.shares_of_a_mean,
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
        again=redrawn_layers.in_no_window,
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
