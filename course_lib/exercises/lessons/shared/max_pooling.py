"""Max pooling, forward and backward: cases, recipes and known mistakes."""

import inspect
from functools import partial
from typing import NamedTuple

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, pooling, recipes, sentences, small, wrong_steps

IMAGE = ("image", "channel", "row", "column")

# ---------------------------------------------------------------- forward


def max_pool_cases(rng):
    """Small whole numbers, so that values tie; images below zero, where a padded 0 would win; and far below zero."""
    drawn = [rng.integers(-3, 3, shape).astype(float) - 2 * (p > 0) for shape, *_, p in pooling.POOLS]
    smooth = rng.standard_normal((2, 2, 6, 5))
    cases = [_pool_case(x, *geometry) for x, (_, *geometry) in zip(drawn, pooling.POOLS, strict=True)]
    return [
        *cases,
        _pool_case(smooth, 3, 2, 1),
        _pool_case(-np.abs(smooth), 2, None, 0),
        _pool_case(100 * smooth - 300, 3, 2, 1),
    ]


def _pool_case(x, kernel_size, stride, padding):
    return {"x": x, "kernel_size": kernel_size, "stride": stride, "padding": padding}


class Winner(NamedTuple):
    """Where maxima are: images, channels, places in the plane and in the window; and the sizes involved."""

    n: np.ndarray
    c: np.ndarray
    row: np.ndarray
    column: np.ndarray
    row_inside: np.ndarray
    column_inside: np.ndarray
    C: int
    H: int
    W: int
    padding: int
    kernel_size: int


def pool(
    x, kernel_size, stride, padding, /, *,
    fill=-np.inf, best=np.argmax, value=None, place=None, steps=None, count=None, starts=None, pads=True,
):  # fmt: skip
    """Max pooling in steps. Returns y, indices. place(winner): the indices that are noted.

    best and value take windows (N, C, H_out, W_out, kernel_size ** 2); count: the number of windows. starts(i, j): the
    row and column of a window, before the stride. pads: whether the padding is used.
    """
    stride, padding = (steps or pooling.step)(kernel_size, stride), padding if pads else 0
    N, C, H, W = x.shape
    H_out, W_out = (count or recipes.out_sizes)((H, W), (kernel_size, kernel_size), stride, padding)
    i, j = np.indices((H_out, W_out))
    top, left = (stride * start for start in (starts(i, j) if starts else (i, j)))
    if i.size and (top.max() >= H + 2 * padding or left.max() >= W + 2 * padding):
        raise ValueError("there is nothing in a window")
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    edge = [(0, 0), (0, 0), (0, kernel_size), (0, kernel_size)]  # what windows reach of it is not there
    xp = np.pad(xp, edge, constant_values=np.inf if fill == np.inf else -np.inf)
    inside = np.arange(kernel_size)
    rows, columns = top[..., None, None] + inside[:, None], left[..., None, None] + inside
    windows = xp[:, :, rows, columns].reshape(N, C, H_out, W_out, -1)
    chosen = best(windows, -1)
    y = value(windows) if value else np.take_along_axis(windows, chosen[..., None], -1)[..., 0]
    row, column = np.divmod(chosen, kernel_size)
    n, c = np.arange(N)[:, None, None, None], np.arange(C)[:, None, None]
    where = n, c, row + top - padding, column + left - padding, row, column
    return y, (place or in_plane)(Winner(*where, C, H, W, padding, kernel_size))


def in_plane(at, inside=False, padded=False, exchanged=False, turned=False, length=None):
    """The number of each pixel. inside: counted in the window; padded: in the padded image. length(at): of a row.

    exchanged: height and width; turned: row and column.
    """
    row, column = (at.row_inside, at.column_inside) if inside else (at.row, at.column)
    row, column = (row + at.padding, column + at.padding) if padded else (row, column)
    row, column = (column, row) if turned else (row, column)
    at = at._replace(H=at.W, W=at.H) if exchanged else at
    return row * (length(at) if length else at.W) + column


def _padded_length(at):
    return at.W + 2 * at.padding


def _pooled(*case, after=recipes.same, **steps):
    return after(pool(*case, **steps)[0])


PLACES = inspect.signature(in_plane).parameters


def _places(*case, **steps):
    how = {name: steps.pop(name) for name in list(steps) if name in PLACES}
    return pool(*case, **({"place": partial(in_plane, **how)} if how else {}), **steps)[1]


_y, _indices = partial(Variant, _pooled), partial(Variant, _places)


def largest_size(windows, axis):
    return np.argmax(np.where(np.isfinite(windows), np.abs(windows), -1), axis)


def _of_finite(reduce, other=0.0):
    """reduce(windows, axis), where what is not finite counts as another number."""
    return lambda windows: reduce(np.where(np.isfinite(windows), windows, other), -1)


def _first(windows, axis):
    return windows[..., 0]


def _largest_size(windows, axis):
    return np.abs(windows).max(axis)


def another_maximum(case, results):
    """A remark for indices that choose another of several tied pixels, which is a valid subgradient; else None."""
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
    step = pooling.step(kernel_size, stride)
    top = np.arange(y.shape[2])[:, None] * step - padding
    left = np.arange(y.shape[3]) * step - padding
    inside = (row >= top) & (row < top + kernel_size) & (column >= left) & (column < left + kernel_size)
    attains = np.take_along_axis(x.reshape(N, C, -1), mine.reshape(N, C, -1), axis=2).reshape(y.shape) == y
    return OTHER_WINNER if np.all(inside & attains) else None


OTHER_WINNER = (
    "Where values tie, you choose a different winner from PyTorch, which takes the first. "
    "Both are right: any of the tied pixels is a valid subgradient."
)

SMALL = np.array([[[[1.0, 3, 2, 0, 2, 1], [4, 0, 2, 2, 0, 1], [0, 1, 5, 1, 3, 3], [2, 2, 0, 3, 1, 0]]]])

WRONG_STEPS = (
    pooling.one_by_default,
    pooling.always_tiling,
    lambda kernel_size, stride: 1,
    lambda kernel_size, stride: 2,
)

COUNTS = (
    wrong_steps.one_less,
    wrong_steps.rounded_up,
    wrong_steps.plus_one_inside,
    wrong_steps.stride_plus_one,
    wrong_steps.end_missed,
)

COPIED = (lambda i, j: (i, i), lambda i, j: (j, j))


def winners(x, kernel_size, stride, padding):
    """An array shaped like x that is 1 at every maximum."""
    _, indices = pool(x, kernel_size, stride, padding)
    mask = np.zeros(x.shape, int)
    for n, c, i, j in np.ndindex(indices.shape):
        mask[n, c].flat[indices[n, c, i, j]] = 1
    return mask


PADDING_WINS = (
    "A padded value wins somewhere. "
    "Padding must never be the maximum: zeros are larger than negative pixels, and so may be any number you pick."
)

PADDING_IGNORED = "The padding is left out. The padded border makes more windows."

PIXEL_NUMBER = (
    "The number of a pixel is row * W + column, because a row has W pixels. "
    "Height and width, or row and column, seem to be exchanged."
)

MAX_POOL = {  # what the labs about max pooling share
    "cases": max_pool_cases,
    "further": drawn.max_pool,
    "small": small.MAX_POOL,
    "probe": _pool_case(SMALL, 2, None, 0),
    "tensors": ("y", "indices"),
    "axes": {"y": IMAGE, "indices": IMAGE},
    "accept": another_maximum,
    "patterns": pooling.patterns(lambda x, **_: x.shape),
    "mistakes": {
        "y": (
            Mistake("padding wins", PADDING_WINS, tuple(_y(fill=fill) for fill in (0, -1, -100))),
            Mistake(
                "not the maximum",
                "What comes out is not the largest value of the window.",
                (
                    _y(fill=np.inf, best=np.argmin),
                    _y(value=_of_finite(np.mean)),
                    _y(best=largest_size),
                    *(_y(value=_of_finite(reduce)) for reduce in (_first, _largest_size, np.sum)),
                ),
            ),
            Mistake(
                "search begins at 0",
                "Where a whole window is negative, you get 0. "
                "Does your search for the largest value begin at 0? "
                "Then nothing negative can win.",
                (_y(after=lambda y: np.maximum(y, 0)),),
            ),
            Mistake("stride of windows", pooling.STRIDE, tuple(_y(steps=steps) for steps in WRONG_STEPS)),
            Mistake(
                "padding ignored",
                PADDING_IGNORED,
                (_y(pads=False),),
            ),
            Mistake("wrong number of windows", sentences.NUMBER_OF_WINDOWS, tuple(_y(count=count) for count in COUNTS)),
            Mistake("a line copied", sentences.LINE_COPIED, tuple(_y(starts=starts) for starts in COPIED)),
            Mistake(
                "only one row kept",
                sentences.ONE_ROW,
                tuple(_y(after=row) for row in wrong_steps.ROWS),
            ),
            Mistake("sign", sentences.SIGN, (_y(after=np.negative),)),
        ),
        "indices": (
            Mistake(
                "place inside the window",
                "The place is counted inside the window. "
                "The backward pass needs the place in the image. "
                "Where does the window begin?",
                (
                    _indices(inside=True, length=lambda at: at.kernel_size),
                    _indices(inside=True),
                ),
            ),
            Mistake(
                "rows as long as those of y",
                "The number of a pixel is row * W + column, and W is the width of x. Yours is the width of y.",
                (_indices(length=lambda at: at.row.shape[-1]),),
            ),
            Mistake(
                "place in the padded image",
                "The place seems to be counted in the padded image, where rows are longer.",
                (
                    _indices(padded=True, length=_padded_length),
                    _indices(padded=True, length=_padded_length, fill=0),
                    _indices(padded=True),
                    _indices(length=_padded_length),
                ),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    _indices(exchanged=True),
                    _indices(turned=True, exchanged=True),
                    _indices(turned=True),
                ),
            ),
            Mistake(
                "counted through the whole batch",
                "The count runs on through channels or images. It begins at 0 again in each image and channel.",
                (
                    _indices(place=lambda at: ((at.n * at.C + at.c) * at.H + at.row) * at.W + at.column),
                    _indices(place=lambda at: (at.c * at.H + at.row) * at.W + at.column),
                ),
            ),
            Mistake("padding wins", PADDING_WINS, tuple(_indices(fill=fill) for fill in (0, -1, -100))),
            Mistake(
                "not the maximum",
                "The place is not where the largest value is.",
                (_indices(fill=np.inf, best=np.argmin), _indices(best=largest_size)),
            ),
            Mistake("stride of windows", pooling.STRIDE, tuple(_indices(steps=steps) for steps in WRONG_STEPS)),
            Mistake(
                "padding ignored",
                PADDING_IGNORED,
                (_indices(pads=False),),
            ),
            Mistake(
                "channels last",
                "The count runs through the channels of each pixel first, as in an array with the channels last. "
                "Here every image and channel is counted by itself: row * W + column.",
                (
                    _indices(place=lambda at: (at.row * at.W + at.column) * at.C + at.c),
                    _indices(place=lambda at: ((at.n * at.H + at.row) * at.W + at.column) * at.C + at.c),
                ),
            ),
            Mistake(
                "row and column apart",
                "You return row and column (or the row alone, or the column alone). "
                "The task asks for one number for each maximum: row * W + column.",
                (
                    lambda *case: np.stack(np.divmod(pool(*case)[1], case[0].shape[3]), axis=-1),
                    lambda *case: np.stack(np.divmod(pool(*case)[1], case[0].shape[3])),
                    lambda *case: pool(*case)[1] // case[0].shape[3],
                    lambda *case: pool(*case)[1] % case[0].shape[3],
                ),
            ),
            Mistake(
                "values in place of places",
                "These are the maxima themselves. indices says where each of them was.",
                (lambda *case: pool(*case)[0].astype(int),),
            ),
            Mistake(
                "a mask in place of places",
                "This is a mask as large as the image, 1 at the winners. indices has one number for each window.",
                (winners, lambda *case: winners(*case).astype(bool)),
            ),
            Mistake(
                "wrong number of windows", sentences.NUMBER_OF_WINDOWS, tuple(_indices(count=count) for count in COUNTS)
            ),
            Mistake("a line copied", sentences.LINE_COPIED, tuple(_indices(starts=starts) for starts in COPIED)),
        ),
    },
}

# ---------------------------------------------------------------- backward


def max_pool_backward_cases(rng):
    cases = []
    for case in max_pool_cases(rng):
        y, indices = loops.max_pool2d(**case)
        cases.append({"dy": rng.standard_normal(y.shape), "indices": indices, "input_shape": case["x"].shape})
    return cases


def _routed(
    dy, indices, input_shape, /, *,
    combine=np.add, width=3, turned=False, whole=False, upstream=recipes.same, times=None, keep=recipes.same,
):  # fmt: skip
    """dx: each entry of dy goes to its winner. whole: indices are used as if the whole batch were one image."""
    shape = input_shape
    if whole:
        dy, indices, input_shape = (*(a.reshape(1, 1, 1, -1) for a in (dy, indices)), (1, 1, 1, int(np.prod(shape))))
    dy = upstream(dy)
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], input_shape[width])
        place = (n, c, column, row) if turned else (n, c, row, column)
        dx[place] = combine(dx[place], dy[n, c, i, j])
    dx = dx.reshape(shape)
    return keep(times(dx, dy) if times else dx)


_dx = partial(Variant, _routed)


def _how_often(dy, indices, input_shape):
    return _routed(np.ones_like(dy), indices, input_shape)


def _summed_into_first(axis):
    """All images (or all channels) land in the first."""

    def wrong(dx):
        first = np.zeros_like(dx)
        first[(slice(None),) * axis + (slice(0, 1),)] = dx.sum(axis=axis, keepdims=True)
        return first

    return wrong


MAX_POOL_BACKWARD = {  # what the labs about its backward pass share
    "cases": max_pool_backward_cases,
    "further": drawn.max_pool_backward,
    "small": small.MAX_POOL_BACKWARD,
    "probe": {
        "dy": np.array([[[[1.0, 2], [3, 4]]]]),
        "indices": np.array([[[[4, 4], [4, 8]]]]),
        "input_shape": (1, 1, 3, 3),
    },
    "tensors": ("dx",),
    "axes": {"dx": IMAGE},
    "mistakes": {
        "dx": (
            Mistake(
                "overlaps overwritten",
                "A pixel that wins several windows gets the gradient of only one of them. "
                "A value seems to be set (=) where it must be added to (+=), "
                "or you use += with an index array, which adds to each place only once.",
                (
                    _dx(combine=lambda old, new: new),
                    _dx(combine=lambda old, new: old if old else new),
                ),
                source="https://github.com/0809zheng/CS231n-assignment2019/issues/19",
            ),
            Mistake(
                "mean of what it won",
                "A pixel that wins several windows gets the mean of their gradients. "
                "It moves all of those outputs, so it takes the sum.",
                (lambda *case: _routed(*case) / np.maximum(_how_often(*case), 1),),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    _dx(width=2),
                    _dx(turned=True),
                    _dx(width=2, turned=True),
                ),
            ),
            Mistake(
                "counted through the whole batch",
                "Everything lands in one image or channel. The indices begin at 0 again in each of them.",
                (_dx(whole=True), *(_dx(keep=_summed_into_first(axis)) for axis in (0, 1))),
            ),
            Mistake(
                "only one image or channel",
                "Only one image, or one channel, gets its gradient.",
                tuple(_dx(keep=wrong_steps.keep(axis, index)) for axis in (0, 1) for index in (0, -1)),
            ),
            Mistake(
                "only one row kept",
                sentences.ONE_ROW,
                tuple(_dx(upstream=row) for row in wrong_steps.ROWS),
            ),
            Mistake(
                "dy missing",
                "The winners are marked, but dy is missing. Each winner takes *its* gradient.",
                (
                    _dx(upstream=np.ones_like),
                    _dx(upstream=np.ones_like, combine=lambda old, new: 1),
                ),
            ),
            Mistake("sign", sentences.SIGN, (_dx(times=lambda dx, dy: -dx),)),
            Mistake(
                "divided by the batch",
                "Everything is too small by the same factor. "
                "The loss has already taken the mean, and dy contains that factor.",
                (
                    _dx(times=lambda dx, dy: dx / len(dy)),
                    _dx(times=lambda dx, dy: dx / np.prod(dy.shape[2:])),
                ),
            ),
            Mistake(
                "flat result",
                "The values are right, but each image is still one long row. dx has the shape of the input.",
                (_dx(keep=lambda dx: dx.reshape(*dx.shape[:2], -1)), _dx(keep=np.ravel)),
            ),
        )
    },
}
