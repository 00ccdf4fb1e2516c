"""Pooling and friends: gradients that route."""

from typing import NamedTuple

import numpy as np

from course_lib import gradcheck, loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons import convolution, recipes

LESSON = "05_pooling_and_friends"

IMAGE = ("image", "channel", "row", "column")

# (N, C, H, W), kernel_size, stride, padding: windows that tile, that overlap, that leave a remainder; square images too
POOLS = (
    ((2, 3, 5, 6), 2, None, 0),
    ((3, 2, 6, 7), 3, 2, 1),
    ((1, 2, 5, 5), 2, 1, 0),
    ((2, 2, 7, 7), 3, 2, 0),
    ((2, 1, 6, 6), 2, 2, 1),
    ((2, 2, 5, 7), 3, 1, 1),
)


def _step(kernel_size, stride):
    return kernel_size if stride is None else stride


def _count(size, kernel_size, stride, padding):
    return recipes.out_sizes(size, (kernel_size, kernel_size), _step(kernel_size, stride), padding)


def pool_patterns(shape):
    """What is told where no known wrong function explains an answer. shape(**case) -> (N, C, H, W)."""
    return [
        (convolution.MIXED_UP, lambda **case: shape(**case)[2] != shape(**case)[3]),
        ("It is right wherever the padding is 0: what does the padding change?", lambda padding, **_: padding > 0),
        (
            "It fails where no stride is given: windows then stand kernel_size apart.",
            lambda stride, **_: stride is None,
        ),
    ]


# ---------------------------------------------------------------- max pooling, forward


def max_pool_cases(rng):
    """Small whole numbers, so that values tie, and some images below zero, where a padded 0 would win."""
    drawn = [rng.integers(-3, 3, shape).astype(float) - 2 * (p > 0) for shape, *_, p in POOLS]
    smooth = rng.standard_normal((2, 2, 6, 5))
    cases = [_pool_case(x, *geometry) for x, (_, *geometry) in zip(drawn, POOLS, strict=True)]
    return [*cases, _pool_case(smooth, 3, 2, 1), _pool_case(-np.abs(smooth), 2, None, 0)]


def _pool_case(x, kernel_size, stride, padding):
    return {"x": x, "kernel_size": kernel_size, "stride": stride, "padding": padding}


class Winner(NamedTuple):
    """Where a maximum stands: image, channel, place in the plane and in the window; and what sizes there are."""

    n: int
    c: int
    row: int
    column: int
    row_inside: int
    column_inside: int
    C: int
    H: int
    W: int
    padding: int
    kernel_size: int


def pool(x, kernel_size, stride, padding, /, *, fill=-np.inf, best=np.argmax, value=None, place=None, steps=None):
    """Max pooling in steps -> y, indices. place(winner) -> the index that is noted for it."""
    stride = (steps or _step)(kernel_size, stride)
    N, C, H, W = x.shape
    edge = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    xp = np.pad(x, edge, constant_values=fill)
    y = np.zeros((N, C, *recipes.out_sizes((H, W), (kernel_size, kernel_size), stride, padding)))
    indices = np.zeros(y.shape, int)
    for n, c, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        window = xp[n, c, top : top + kernel_size, left : left + kernel_size]
        row, column = divmod(int(best(window)), kernel_size)
        y[n, c, i, j] = value(window) if value else window[row, column]
        where = n, c, row + top - padding, column + left - padding, row, column
        indices[n, c, i, j] = (place or in_plane)(Winner(*where, C, H, W, padding, kernel_size))
    return y, indices


def in_plane(at):
    return at.row * at.W + at.column


def in_padded_plane(at):
    return (at.row + at.padding) * (at.W + 2 * at.padding) + at.column + at.padding


def _y(**steps):
    return lambda *case: pool(*case, **steps)[0]


def _indices(**steps):
    return lambda *case: pool(*case, **steps)[1]


def largest_size(window):
    return np.argmax(np.where(np.isfinite(window), np.abs(window), -1))


def _finite_mean(window):
    return np.where(np.isfinite(window), window, 0).mean()


def another_maximum(case, results):
    """Indices that choose otherwise where values tie: legitimate, as any of the tied pixels is a subgradient."""
    y, indices = pool(*case.values())
    mine = results["indices"]
    if (
        not np.array_equal(results["y"], y)
        or mine is None
        or mine.shape != indices.shape
        or mine.dtype.kind not in "iu"
    ):
        return None
    x, kernel_size, stride, padding = case.values()
    N, C, H, W = x.shape
    if mine.min() < 0 or mine.max() >= H * W:
        return None
    row, column = np.divmod(mine, W)
    step = _step(kernel_size, stride)
    top = np.arange(y.shape[2])[:, None] * step - padding
    left = np.arange(y.shape[3]) * step - padding
    inside = (row >= top) & (row < top + kernel_size) & (column >= left) & (column < left + kernel_size)
    attains = np.take_along_axis(x.reshape(N, C, -1), mine.reshape(N, C, -1), axis=2).reshape(y.shape) == y
    return OTHER_WINNER if np.all(inside & attains) else None


OTHER_WINNER = (
    "Where values tie, you choose another winner than PyTorch, which takes the first. "
    "Both are right: any of the tied pixels is a legitimate choice."
)


SMALL = np.array([[[[1.0, 3, 2, 0, 2, 1], [4, 0, 2, 2, 0, 1], [0, 1, 5, 1, 3, 3], [2, 2, 0, 3, 1, 0]]]])

POOL_STRIDE = (
    "The stride is off. Without a stride the windows stand kernel_size apart, so that they tile; "
    "with one, they stand stride apart."
)


def one_by_default(kernel_size, stride):
    return stride or 1


def always_tiling(kernel_size, stride):
    return kernel_size


WRONG_STEPS = (one_by_default, always_tiling, lambda kernel_size, stride: 1, lambda kernel_size, stride: 2)
PADDING_WINS = (
    "A padded value wins somewhere. Zeros around the image are larger than negative pixels: "
    "padding must never be the maximum."
)
PADDING_IGNORED = "It is right only without padding: the padded border makes more windows."
PIXEL_NUMBER = (
    "The number of a pixel is row * W + column: a row has W pixels. Height and width, or row and column, "
    "seem to be exchanged."
)

MAX_POOL2D = Exercise(
    answer=loops.max_pool2d,
    difficulty="medium",
    minutes=15,
    task=(
        "Write `max_pool2d(x, kernel_size, stride=None, padding=0)` and return two arrays (N, C, H_out, W_out): `y`, "
        "the maximum of every window, and `indices`, where in its H x W image it stood, as the number "
        "`row * W + column`. `kernel_size` is one number; without a stride, windows stand `kernel_size` apart."
    ),
    hints=(
        "The backward pass needs to know who won. A window knows the winner's place inside itself: "
        "what must be added for the place in the image?",
        "`np.argmax(window)` counts through a window row by row; `divmod` with the window's width gives row and "
        "column. Add the window's upper left corner. Padding must never win: what could you pad with?",
        "Cut the windows at the image's edge instead of padding, or pad with `-np.inf` and take `padding` off the "
        "place again. Then `indices` is `row * W + column`, with row and column in the image.",
    ),
    cases=max_pool_cases,
    probe=_pool_case(SMALL, 2, None, 0),
    tensors=("y", "indices"),
    axes={"y": IMAGE, "indices": IMAGE},
    accept=another_maximum,
    mistakes={
        "y": (
            Mistake("padding wins", PADDING_WINS, (_y(fill=0),)),
            Mistake(
                "not the maximum",
                "It is not the largest value of the window that comes out.",
                (
                    _y(fill=np.inf, best=np.argmin),
                    _y(value=_finite_mean),
                    _y(best=largest_size),
                    _y(value=lambda window: window[0, 0] if np.isfinite(window[0, 0]) else 0),
                    _y(value=lambda window: np.abs(window[np.isfinite(window)]).max()),
                    _y(value=lambda window: window[np.isfinite(window)].sum()),
                ),
            ),
            Mistake(
                "search begins at 0",
                "Where all of a window is negative, 0 comes out: does the search for the largest begin at 0? "
                "Then nothing negative can win.",
                (lambda *case: np.maximum(pool(*case)[0], 0),),
            ),
            Mistake("stride of windows", POOL_STRIDE, tuple(_y(steps=steps) for steps in WRONG_STEPS)),
            Mistake(
                "padding ignored",
                PADDING_IGNORED,
                (lambda x, kernel_size, stride, padding: pool(x, kernel_size, stride, 0)[0],),
            ),
            Mistake("sign", convolution.SIGN, (lambda *case: -pool(*case)[0],)),
        ),
        "indices": (
            Mistake(
                "place inside the window",
                "The place is counted inside the window. The backward pass asks for the place in the image: "
                "where does the window begin?",
                (
                    _indices(place=lambda at: at.row_inside * at.kernel_size + at.column_inside),
                    _indices(place=lambda at: at.row_inside * at.W + at.column_inside),
                ),
            ),
            Mistake(
                "place in the padded image",
                "It is right only without padding: the place seems to be counted in the padded image.",
                (
                    _indices(place=in_padded_plane),
                    _indices(place=in_padded_plane, fill=0),
                    _indices(place=lambda at: (at.row + at.padding) * at.W + at.column + at.padding),
                    _indices(place=lambda at: at.row * (at.W + 2 * at.padding) + at.column),
                ),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    _indices(place=lambda at: at.row * at.H + at.column),
                    _indices(place=lambda at: at.column * at.H + at.row),
                    _indices(place=lambda at: at.column * at.W + at.row),
                ),
            ),
            Mistake(
                "counted through the whole batch",
                "The place is counted through channels or images. Each image and channel begins at 0 again.",
                (
                    _indices(place=lambda at: ((at.n * at.C + at.c) * at.H + at.row) * at.W + at.column),
                    _indices(place=lambda at: (at.c * at.H + at.row) * at.W + at.column),
                ),
            ),
            Mistake("padding wins", PADDING_WINS, (_indices(fill=0),)),
            Mistake(
                "not the maximum",
                "The place is not that of the largest value.",
                (_indices(fill=np.inf, best=np.argmin), _indices(best=largest_size)),
            ),
            Mistake("stride of windows", POOL_STRIDE, tuple(_indices(steps=steps) for steps in WRONG_STEPS)),
            Mistake(
                "padding ignored",
                PADDING_IGNORED,
                (lambda x, kernel_size, stride, padding: pool(x, kernel_size, stride, 0)[1],),
            ),
        ),
    },
    patterns=pool_patterns(lambda x, **_: x.shape),
    extras={
        "With kernel_size=(2, 3) in place of one number it fails. That is fine here, but PyTorch's pooling knows "
        "both.": (lambda f: np.allclose(f(SMALL, (2, 3), None, 0)[1], loops.max_pool2d(SMALL, (2, 3))[1]))
    },
)


# ---------------------------------------------------------------- max pooling, backward


def max_pool_backward_cases(rng):
    cases = []
    for case in max_pool_cases(rng):
        y, indices = loops.max_pool2d(**case)
        cases.append({"dy": rng.standard_normal(y.shape), "indices": indices, "input_shape": case["x"].shape})
    return cases


def _routed(dy, indices, input_shape, combine=np.add, width=3, turned=False):
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], input_shape[width])
        place = (n, c, column, row) if turned else (n, c, row, column)
        dx[place] = combine(dx[place], dy[n, c, i, j])
    return dx


def _how_often(dy, indices, input_shape):
    return _routed(np.ones_like(dy), indices, input_shape)


def _keep_in_dx(axis, index):
    return lambda *case: convolution.keep(axis, index)(_routed(*case))


def through_the_whole(dy, indices, input_shape):
    """indices used as if the whole batch were one image."""
    dx = np.zeros(input_shape)
    np.add.at(dx.reshape(-1), indices.ravel(), dy.ravel())
    return dx


def _summed_into_first(axis):
    """All images (or all channels) land in the first."""

    def wrong(*case):
        dx = _routed(*case)
        first = np.zeros_like(dx)
        first[(slice(None),) * axis + (slice(0, 1),)] = dx.sum(axis=axis, keepdims=True)
        return first

    return wrong


MAX_POOL2D_BACKWARD = Exercise(
    answer=loops.max_pool2d_backward,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `max_pool2d_backward(dy, indices, input_shape)`: `dx` of shape `input_shape` (N, C, H, W). "
        "`indices` says for each output where its winner stood, as `row * W + column`. "
        "The winner takes the gradient; a pixel can win several windows."
    ),
    hints=(
        "Only the winner moved y. What gradient do the others get?",
        "Start with zeros. Every `dy[n, c, i, j]` goes to one pixel of the same image and channel. "
        "Windows may overlap: what if two of them have the same winner?",
        "`divmod(index, W)` gives row and column. Add with `+=`, one output after the other: "
        "an index array with `+=` would add to each pixel only once.",
    ),
    cases=max_pool_backward_cases,
    probe={
        "dy": np.array([[[[1.0, 2], [3, 4]]]]),
        "indices": np.array([[[[4, 4], [4, 8]]]]),
        "input_shape": (1, 1, 3, 3),
    },
    tensors=("dx",),
    axes={"dx": IMAGE},
    mistakes={
        "dx": (
            Mistake(
                "overlaps overwritten",
                "A pixel that wins several windows gets the gradient of one of them only: a value seems to be set (=) "
                "where it must be added (+=), or added with += through an index array, which adds to each place once.",
                (
                    lambda *case: _routed(*case, combine=lambda old, new: new),
                    lambda *case: _routed(*case, combine=lambda old, new: old if old else new),
                ),
            ),
            Mistake(
                "mean of what it won",
                "A pixel that wins several windows gets the mean of their gradients. It moves all of those outputs: "
                "it takes the sum.",
                (lambda *case: _routed(*case) / np.maximum(_how_often(*case), 1),),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    lambda *case: _routed(*case, width=2),
                    lambda *case: _routed(*case, turned=True),
                    lambda *case: _routed(*case, width=2, turned=True),
                ),
            ),
            Mistake(
                "counted through the whole batch",
                "Everything lands in one image or channel. The indices begin at 0 again in each of them.",
                (through_the_whole, _summed_into_first(0), _summed_into_first(1)),
            ),
            Mistake(
                "only one image or channel",
                "Only one image, or one channel, gets its gradient.",
                tuple(_keep_in_dx(axis, index) for axis in (0, 1) for index in (0, -1)),
            ),
            Mistake(
                "dy missing",
                "The winners are marked, but dy is missing: each hands on *its* gradient.",
                (
                    _how_often,
                    lambda *case: np.minimum(_how_often(*case), 1),
                ),
            ),
            Mistake("sign", convolution.SIGN, (lambda *case: -_routed(*case),)),
            Mistake(
                "divided by the batch",
                "Everything is too small by one factor: the loss takes its mean once, and dy knows of it already.",
                (
                    lambda dy, indices, shape: _routed(dy, indices, shape) / len(dy),
                    lambda dy, indices, shape: _routed(dy, indices, shape) / np.prod(dy.shape[2:]),
                ),
            ),
            Mistake(
                "flat result",
                "The values are right, but each image is still one long row: dx has the shape of the input.",
                (lambda *case: _routed(*case).reshape(*case[2][:2], -1), lambda *case: _routed(*case).ravel()),
            ),
        )
    },
)

# ---------------------------------------------------------------- average pooling, backward


def avg_pool_backward_cases(rng):
    return [
        {
            "dy": rng.standard_normal((*shape[:2], *_count(shape[2:], kernel_size, stride, padding))),
            "input_shape": shape,
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
        }
        for shape, kernel_size, stride, padding in POOLS
    ]


def spread(dy, input_shape, kernel_size, stride, padding, /, *, weight=None, scale=None, dy_=None, step=None, **steps):
    """Average pooling's backward in steps: every window gets dy times weight(kernel_size) in each of its cells."""
    dy = dy_(dy) if dy_ else dy
    cells = (weight or evenly)(kernel_size)
    stamps = dy[:, :, None, None] * cells[:, :, None, None]
    dx = recipes.fold(stamps, input_shape[2:], (step or _step)(kernel_size, stride), padding, **steps)
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
    step = _step(kernel_size, stride)
    inside = np.pad(np.ones((1, 1, *input_shape[2:])), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = recipes.unfold(inside, (kernel_size, kernel_size), step, 0, dy.shape[2:])
    stamps = np.broadcast_to((dy / windows.sum(axis=(2, 3)))[:, :, None, None], (*dy.shape[:2], *windows.shape[2:]))
    return recipes.fold(stamps, input_shape[2:], step, padding)


def _spread(**steps):
    return Variant(spread, **steps)


AVG_POOL2D_BACKWARD = Exercise(
    answer=loops.avg_pool2d_backward,
    difficulty="easy",
    minutes=10,
    task=(
        "Write `avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0)`: `dx` of shape "
        "`input_shape` (N, C, H, W). `kernel_size` is one number; without a stride, windows stand `kernel_size` apart. "
        "The mean counts the padded zeros too."
    ),
    hints=(
        "y is the mean of k * k pixels. You raise one of them by 0.1: how far does y move?",
        "Average pooling is a convolution whose kernel holds 1 / k^2 everywhere, on each channel by itself. "
        "You know how to hand gradients back to windows that overlap.",
        "In padded zeros, add `dy[n, c, i, j] / kernel_size**2` to the whole window that starts at `(i * stride, "
        "j * stride)`; then take the padding off. Without a stride, stride is kernel_size.",
    ),
    cases=avg_pool_backward_cases,
    probe={
        "dy": np.array([[[[4.0, 8], [12, 16]]]]),
        "input_shape": (1, 1, 4, 4),
        "kernel_size": 3,
        "stride": 1,
        "padding": 0,
    },
    tensors=("dx",),
    axes={"dx": IMAGE},
    windows={
        "dx": lambda dy, shape, kernel_size, stride, padding: recipes.coverage(
            shape[2:], (kernel_size,) * 2, dy.shape[2:], _step(kernel_size, stride), padding
        )
    },
    mistakes={
        "dx": (
            Mistake(
                "without 1 / k^2",
                "Everything is too large by one factor. y moves by a fraction only of what a pixel moves: by which?",
                (
                    _spread(weight=lambda k: np.ones((k, k))),
                    _spread(weight=lambda k: np.full((k, k), 1 / k)),
                ),
            ),
            Mistake(
                "divided twice",
                "Everything is too small by one factor: a division is made once too often.",
                (
                    _spread(weight=lambda k: np.full((k, k), 1 / k**4)),
                    _spread(weight=lambda k: np.full((k, k), 1 / k**3)),
                    _spread(scale=convolution.over_batch),
                    _spread(scale=convolution.over_positions),
                    _spread(scale=convolution.over_both),
                ),
            ),
            Mistake(
                "one pixel takes all",
                "One pixel of each window takes the whole gradient, as in max pooling. "
                "A mean is moved by all of its pixels.",
                (
                    _spread(weight=only_cell(0)),
                    _spread(weight=only_cell(-1)),
                    _spread(weight=lambda k: only_cell(0)(k) / k**2),
                ),
            ),
            Mistake(
                "stride of windows",
                POOL_STRIDE,
                (_spread(step=one_by_default), _spread(step=always_tiling)),
            ),
            Mistake(
                "divided by the pixels inside",
                "At the border you divide by the number of real pixels. Here the forward pass takes the mean over the "
                "whole window, padded zeros included.",
                (by_real_pixels,),
            ),
            Mistake("sign", convolution.SIGN, (_spread(scale=convolution.negative),)),
            Mistake(
                "a border of dy skipped",
                "The first or last row or column of dy seems to be left out: does your loop reach every output?",
                tuple(_spread(dy_=drop) for drop in convolution.ENDS[2]),
            ),
            Mistake(
                "only one image, channel or position",
                "Only one image, channel or position gets its gradient. Is the array made anew inside the loop, or "
                "does `return` stand inside it?",
                tuple(
                    _spread(dy_=only)
                    for only in (*(convolution.keep(a, i) for a in (0, 1) for i in (0, -1)), *convolution.POSITIONS)
                ),
            ),
            *convolution.scattering(2, _spread),
            *convolution.no_room(_spread),
        )
    },
    patterns=pool_patterns(lambda input_shape, **_: input_shape),
)

# ---------------------------------------------------------------- flatten


def flatten_cases(rng):
    shapes = (2, 3, 4, 5), (3, 2, 2, 3), (2, 2, 3, 3), (1, 2, 3, 4), (2, 2, 2, 2)
    return [{"dy": rng.standard_normal((shape[0], np.prod(shape[1:]))), "input_shape": shape} for shape in shapes]


def _written(*axes):
    """dy read as if the axes of the image had been written in another order."""

    def wrong(dy, input_shape):
        return dy.reshape([input_shape[axis] for axis in axes]).transpose(np.argsort(axes))

    return wrong


FLATTEN_BACKWARD = Exercise(
    answer=loops.flatten_backward,
    difficulty="easy",
    minutes=3,
    task=(
        "Write `flatten_backward(dy, input_shape)`. The forward pass wrote every image of shape (C, H, W) as one row; "
        "`dy` has one row for each image. Give `dx` the shape `input_shape` (N, C, H, W)."
    ),
    hints=(
        "Flatten changes no value. What is the gradient of a copy?",
        "The same numbers, each where it came from. The row was written channel by channel, row by row.",
        "That is the order in which `reshape` reads: one call is enough.",
    ),
    cases=flatten_cases,
    probe={"dy": np.arange(12.0).reshape(1, 12), "input_shape": (1, 2, 2, 3)},
    tensors=("dx",),
    axes={"dx": IMAGE},
    mistakes={
        "dx": (
            Mistake(
                "another order",
                "The values are all there, but in other places: they are read in another order than the forward pass "
                "wrote them. It went channel by channel, row by row, column by column.",
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
            Mistake("sign", convolution.SIGN, (lambda dy, shape: -dy.reshape(shape),)),
        )
    },
)

# ---------------------------------------------------------------- ReLU


def relu_cases(rng):
    cases = []
    for shape in ((2, 3, 4), (3, 5), (2, 2, 3, 3)):
        x = rng.integers(-2, 3, shape) * rng.uniform(0.5, 1.5, shape)  # a fifth of it exactly 0
        cases.append({"dy": rng.standard_normal(shape), "x": x})
    return cases


RELU_BACKWARD = Exercise(
    answer=loops.relu_backward,
    difficulty="easy",
    minutes=3,
    task=(
        "Write `relu_backward(dy, x)` for `y = max(x, 0)`: `dx`, shaped like `x`. "
        "Where `x` is exactly 0, nothing passes, as in PyTorch."
    ),
    hints=(
        "At x = 2, a small step of x moves y as far. And at x = -2?",
        "dy passes or stops, entry by entry. Who decides: the sign of x, or the sign of dy?",
        "`x > 0` is an array of True and False, and multiplying by it keeps or clears.",
    ),
    cases=relu_cases,
    probe={"dy": np.array([[5.0, -6, 7], [-8, 9, -1]]), "x": np.array([[1.0, 2, -3], [-4, 0, 0]])},
    tensors=("dx",),
    axes={"dx": IMAGE},
    forward=lambda dy, x: np.maximum(x, 0),
    mistakes={
        "dx": (
            Mistake(
                "mask from dy",
                "The gradient passes where dy is positive. What lets it pass is the sign of x, the input of the "
                "forward pass; dy may be negative.",
                (
                    lambda dy, x: dy * (dy > 0),
                    lambda dy, x: dy * (dy >= 0) * (x > 0),
                    lambda dy, x: dy * (dy * x > 0),
                ),
            ),
            Mistake(
                "passes at 0",
                "It differs only where x is exactly 0: there the gradient stops. Images are full of exact zeros, "
                "so this is no rare case.",
                (lambda dy, x: dy * (x >= 0), lambda dy, x: dy * np.heaviside(x, 0.5)),
            ),
            Mistake(
                "dy missing",
                "This is the slope of ReLU alone, 1 or 0. What comes from above, dy, is missing.",
                (lambda dy, x: (x > 0) * 1.0, lambda dy, x: x > 0, lambda dy, x: (x >= 0) * 1.0),
            ),
            Mistake(
                "value multiplied in",
                "The value of x is multiplied in. Where ReLU passes, its slope is 1, however large x is.",
                (lambda dy, x: dy * np.maximum(x, 0), lambda dy, x: dy * x, lambda dy, x: dy * np.sign(x)),
            ),
            Mistake(
                "mask turned round",
                "It passes where it should stop: which side of ReLU is flat?",
                (lambda dy, x: dy * (x < 0), lambda dy, x: dy * (x <= 0)),
            ),
            Mistake("no mask", "All of dy passes. Where x was negative, y did not move at all.", (lambda dy, x: dy,)),
            Mistake(
                "the forward pass again",
                "This is ReLU itself, applied again. Its backward pass hands on dy, where x was positive.",
                (lambda dy, x: np.maximum(x, 0),),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, x: -dy * (x > 0),)),
        )
    },
)

# ---------------------------------------------------------------- dropout


def dropout_cases(rng):
    return [
        {"dy": rng.standard_normal(shape), "mask": rng.random(shape) >= p, "p": p}
        for shape, p in (((3, 5), 0.3), ((2, 4, 3), 0.8), ((4, 6), 0.25))
    ]


DROPOUT_BACKWARD = Exercise(
    answer=loops.dropout_backward,
    difficulty="easy",
    minutes=5,
    task=(
        "Write `dropout_backward(dy, mask, p)`. The forward pass kept `x` where `mask` is True and divided what it "
        "kept by `1 - p`, the share kept, so that the mean stays. Return `dx`."
    ),
    hints=(
        "A dropped value did not reach y. What is its gradient? And by how much does y move when a kept one moves?",
        "Forward, y = x * mask / (1 - p). In x this is a multiplication by a constant.",
        "Multiply dy by the very same constant, mask and scale.",
    ),
    cases=dropout_cases,
    probe={"dy": np.array([[1.0, 2, 3, 4]]), "mask": np.array([[True, False, True, True]]), "p": 0.25},
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "scale missing",
                "The right values pass, but without the scale: forward divided by 1 - p.",
                (lambda dy, mask, p: dy * mask,),
            ),
            Mistake(
                "wrong scale",
                "The right values pass, but their scale is not that of the forward pass. p is the share *dropped*.",
                (
                    lambda dy, mask, p: dy * mask / p,
                    lambda dy, mask, p: dy * mask * p,
                    lambda dy, mask, p: dy * mask * (1 - p),
                    lambda dy, mask, p: dy * mask / (1 - p) ** 2,
                    lambda dy, mask, p: dy * mask / mask.mean(),
                ),
            ),
            Mistake(
                "mask turned round",
                "It passes what was dropped, and stops what was kept: mask is True where a value was kept.",
                (
                    lambda dy, mask, p: dy * ~mask / (1 - p),
                    lambda dy, mask, p: dy * ~mask,
                    lambda dy, mask, p: dy * ~mask / p,
                ),
            ),
            Mistake(
                "mask missing",
                "Dropped values get a gradient too. They did not reach y.",
                (lambda dy, mask, p: dy / (1 - p), lambda dy, mask, p: dy, lambda dy, mask, p: dy * (1 - p)),
            ),
            Mistake(
                "dy missing",
                "What comes from above, dy, is missing.",
                (lambda dy, mask, p: mask / (1 - p), lambda dy, mask, p: mask, lambda dy, mask, p: mask * 1.0),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, mask, p: -dy * mask / (1 - p),)),
        )
    },
)

EXERCISES = (
    MAX_POOL2D,
    MAX_POOL2D_BACKWARD,
    AVG_POOL2D_BACKWARD,
    FLATTEN_BACKWARD,
    RELU_BACKWARD,
    DROPOUT_BACKWARD,
)

# the image of the lesson
FOUR = np.array([[1.0, 3, 2, 0], [4, 0, 1, 5], [0, 1, 3, 2], [2, 6, 1, 0]]).reshape(1, 1, 4, 4)

PREDICTIONS = (
    Prediction(
        name="05/indices",
        text="Type the numbers of the four winners, as `[[..., ...], [..., ...]]`. The first is 4: row 1, column 0.",
        answer=lambda: loops.max_pool2d(FOUR, 2)[1][0, 0],
        wrong_answers=(
            ([[2, 3], [3, 0]], "Those are places inside the windows. Number the pixels of the whole image."),
            ([[4, 5], [6, 3]], "Those are the winners themselves. Where do they stand?"),
            ([[1, 13], [7, 10]], "Rows and columns are exchanged: the number is row * 4 + column."),
        ),
        why="4 stands at (1, 0): 1 · 4 + 0. 5 at (1, 3): 7. 6 at (3, 1): 13. 3 at (2, 2): 10.",
    ),
    Prediction(
        name="05/overlap",
        text="Max pooling with 2 x 2 windows, stride 1, on a 3 x 3 image whose largest value stands in the middle. "
        "`dy` is all ones. What is `dx` in the middle?",
        answer=lambda: loops.max_pool2d_backward(np.ones((1, 1, 2, 2)), np.full((1, 1, 2, 2), 4), (1, 1, 3, 3))[
            0, 0, 1, 1
        ],
        wrong_answers=(
            (1, "That is what it gets from one window. How many windows does it win?"),
            (0.25, "No mean is taken: the winner takes the whole gradient of each window it wins."),
        ),
        why="It wins all four windows, and moves all four outputs: the gradients add up.",
    ),
    Prediction(
        name="05/tie",
        text="One window `[[2, 2], [2, 1]]`, `dy = 1`. How much gradient may `dx` hold in all, if it is right?",
        answer=lambda: 1,
        wrong_answers=(
            (3, "Three pixels tie. If each got 1, the gradient would be paid three times, but y only moved once."),
            (4, "Only the winner moves y."),
        ),
        why="y = 2 moves by at most what came in, so 1 goes to one of the tied pixels (PyTorch takes the first), "
        "or is split. A mask `x == y` pays all three.",
    ),
    Prediction(
        name="05/measured_tie",
        text="`window = [[2, 2], [2, 1]]`. What does a central difference report for its maximum? "
        "Type `[[..., ...], [..., ...]]`.",
        answer=lambda: gradcheck.numerical_gradient(np.max, [[2, 2], [2, 1]]),
        tolerance=1e-3,
        wrong_answers=(
            ([[1, 1], [1, 0]], "That is what each sees on its way up. On the way down the other two hold the maximum."),
            ([[1, 0], [0, 0]], "A measurement does not know which one comes first. It nudges each, up and down."),
            (
                lambda: [[1 / 3, 1 / 3], [1 / 3, 0]],
                "Nothing is split: each pixel is nudged alone. How far does y move up, how far down?",
            ),
            ([[0, 0], [0, 0]], "Down, y holds. But up, it rises with the pixel."),
        ),
        why="Up by eps, y rises by eps. Down by eps, y stays. So (eps − 0) / (2 eps) = 1/2, for each of the three.",
    ),
    Prediction(
        name="05/share",
        text="In what share of these windows do two or more pixels hold the maximum?",
        answer="d",
        choices={
            "a": (
                "In almost none",
                "So it would be with random numbers. But look at a picture of a digit: what is most of it?",
            ),
            "b": (
                "In about one in ten",
                "Strokes of full ink alone tie in 7 windows of 100. And most of the picture is not ink.",
            ),
            "c": ("In about a third", "More. Most of a digit is background, and it is flat."),
            "d": ("In about four of five", ""),
        },
        why="Most of the picture is background, and there all four pixels are 0.",
    ),
    Prediction(
        name="05/average",
        text="Average pooling with 2 x 2 windows, stride 1, on a 3 x 3 image. `dy` is all ones. "
        "What is `dx` in the middle?",
        answer=lambda: loops.avg_pool2d_backward(np.ones((1, 1, 2, 2)), (1, 1, 3, 3), 2, 1)[0, 0, 1, 1],
        wrong_answers=(
            (4, "It is in four windows. But in each it is one of four pixels."),
            (0.25, "That is its share of one window. In how many is it?"),
        ),
        why="Four windows hold it, and each gives it a quarter: 1.",
    ),
    Prediction(
        name="05/odd",
        text="A max pool of 2 x 2 makes 5 x 5 of a channel of 11 x 11. How many of the 121 pixels can never get a "
        "gradient?",
        answer=lambda: int((recipes.coverage((11, 11), (2, 2), (5, 5), 2, 0) == 0).sum()),
        wrong_answers=(
            (11, "A row is left out, and a column too."),
            (22, "The last row and the last column share a pixel."),
            (96, "That many lose in their windows, and get 0 this time. The question is who is in no window."),
        ),
        why="The last row and the last column are in no window: 11 + 11 - 1 = 21.",
    ),
    Prediction(
        name="05/flatten",
        text="`x` has shape (1, 2, 2, 3), and `dy` behind the flatten is `[[0, 1, 2, ..., 11]]`. What is "
        "`dx[0, 1, 0, 0]`, the upper left pixel of channel 1?",
        answer=lambda: loops.flatten_backward(np.arange(12).reshape(1, 12), (1, 2, 2, 3))[0, 1, 0, 0],
        wrong_answers=(
            (
                1,
                "So it would be if the channels of each pixel stood side by side. Here channel 0 comes first, "
                "as a whole.",
            ),
            (3, "That is the second row of channel 0. A channel has two rows of three."),
            (2, "A channel has two rows of three pixels. How many numbers come before channel 1?"),
        ),
        why="Channel 0 has 2 · 3 = 6 numbers, 0 to 5. Channel 1 begins with 6.",
    ),
    Prediction(
        name="05/relu_sign",
        text="`x = [-1, 2, 3]`, `dy = [5, -6, 7]`. Type the three entries of `dx` behind a ReLU.",
        answer=lambda: loops.relu_backward([5, -6, 7], [-1, 2, 3]),
        wrong_answers=(
            ([5, 0, 7], "That is where dy is positive. Who decides is x."),
            ([0, 0, 7], "x[1] = 2 is positive, so its gradient passes, negative or not."),
            ([0, -12, 21], "The slope is 1 where x is positive, not x."),
        ),
        why="x decides: -1 stops, 2 and 3 pass. A gradient may well be negative.",
    ),
    Prediction(
        name="05/dropout",
        text="The same mask, `p = 1/2`, and `dy = [-3, 1, 5, 2]`. Type the four entries of `dx`.",
        answer=lambda: loops.dropout_backward(np.array([-3.0, 1, 5, 2]), np.array([True, False, False, True]), 0.5),
        wrong_answers=(
            ([-3, 0, 0, 2], "The right ones pass. But y = 2 x there: how far does y move when x moves by 1?"),
            ([0, 1, 5, 0], "Those were dropped. They did not reach y."),
            ([0, 2, 10, 0], "Those were dropped. They did not reach y."),
            ([-3, 1, 5, 2], "Two of the four never reached y."),
        ),
        why="Where the mask kept x, y = 2 x, and the gradient is doubled. Where it did not, x had no say.",
    ),
)
