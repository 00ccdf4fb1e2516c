"""Max pooling: cases, recipes and known mistakes."""

import inspect
from functools import partial
from typing import NamedTuple

import numpy as np

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
    apart=None, extent=recipes.same,
):  # fmt: skip
    """Max pooling in steps. Returns y, indices. place(winner): the indices that are noted.

    best and value take windows (N, C, H_out, W_out, kernel_size ** 2); count: the number of windows. starts(i, j): the
    row and column of a window, before the stride. pads: whether the padding is used. apart: the distance of windows,
    where it is not the stride by which they are counted. extent(kernel_size): how many cells a window is long.
    """
    stride, padding = (steps or pooling.step)(kernel_size, stride), padding if pads else 0
    N, C, H, W = x.shape
    H_out, W_out = (count or recipes.out_sizes)((H, W), (kernel_size, kernel_size), stride, padding)
    i, j = np.indices((H_out, W_out))
    top, left = ((apart or stride) * start for start in (starts(i, j) if starts else (i, j)))
    size = extent(kernel_size)
    if size < 1 or (i.size and (top.max() >= H + 2 * padding or left.max() >= W + 2 * padding)):
        raise ValueError("there is nothing in a window")
    xp = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    edge = [(0, 0), (0, 0), (0, kernel_size), (0, kernel_size)]  # what windows reach of it is not there
    xp = np.pad(xp, edge, constant_values=np.inf if fill == np.inf else -np.inf)
    inside = np.arange(size)
    rows, columns = top[..., None, None] + inside[:, None], left[..., None, None] + inside
    windows = xp[:, :, rows, columns].reshape(N, C, H_out, W_out, -1)
    chosen = best(windows, -1)
    y = value(windows) if value else np.take_along_axis(windows, chosen[..., None], -1)[..., 0]
    row, column = np.divmod(chosen, size)
    n, c = np.arange(N)[:, None, None, None], np.arange(C)[:, None, None]
    where = n, c, row + top - padding, column + left - padding, row, column
    return y, (place or in_plane)(Winner(*where, C, H, W, padding, kernel_size))


def in_plane(at, inside=False, padded=(False, False), exchanged=False, turned=False, length=None):
    """The number of each pixel. inside: counted in the window; padded: in the padded image, for the row and the column.

    exchanged: height and width; turned: row and column. length(at): of a row.
    """
    row, column = (at.row_inside, at.column_inside) if inside else (at.row, at.column)
    row, column = row + at.padding * padded[0], column + at.padding * padded[1]
    row, column = (column, row) if turned else (row, column)
    at = at._replace(H=at.W, W=at.H) if exchanged else at
    return row * (length(at) if length else at.W) + column


def _padded_length(at):
    return at.W + 2 * at.padding


def _pooled(*case, after=recipes.same, **steps):
    return after(pool(*case, **steps)[0])


PLACES = inspect.signature(in_plane).parameters


def _places(*case, least=-np.inf, **steps):
    """least: the value at which a search begins; where nothing is larger, the place is 0."""
    how = {name: steps.pop(name) for name in list(steps) if name in PLACES}
    y, indices = pool(*case, **({"place": partial(in_plane, **how)} if how else {}), **steps)
    return np.where(y > least, indices, 0)


def _corner(at):
    """The row and the column in which each window begins, in the image."""
    return at.row - at.row_inside, at.column - at.column_inside


def _corner_and_flat_place(at, padding=0):
    row, column = _corner(at)
    return (row + padding) * at.W + column + padding + at.row_inside * at.kernel_size + at.column_inside


def _exchanged_inside(at):
    row, column = _corner(at)
    return (row + at.column_inside) * at.W + column + at.row_inside


def _corners_transposed(at):
    """Rows begin where columns do, and columns where rows do, as of np.arange(H_out) and np.arange(W_out)[:, None]."""
    row, column = (corner.swapaxes(2, 3) for corner in _corner(at))
    return (row + at.row_inside) * at.W + column + at.column_inside


def _begun_every(distance):
    """Places where window (i, j) begins at distance(at) * i, distance(at) * j."""

    def place(at):
        i, j = np.indices(at.row.shape[2:]) * distance(at) - at.padding
        return (i + at.row_inside) * at.W + j + at.column_inside

    return place


def _first_of_its_value(x, *rest):
    y, _ = pool(x, *rest)
    planes, values = (a.reshape(*a.shape[:2], -1) for a in (x, y))
    return (planes[:, :, None] == values[..., None]).argmax(-1).reshape(y.shape)


def _clipped(x, kernel_size, stride, padding, moved=False, length=None):
    """Max pooling with windows clipped at the edge, in place of a padding.

    moved: a window that begins later ends later, too. length(window): of the rows in which argmax is thought to count.
    """
    N, C, H, W = x.shape
    step, k = pooling.step(kernel_size, stride), kernel_size
    y = np.zeros((N, C, *recipes.out_sizes((H, W), (k, k), step, padding)))
    indices = np.zeros(y.shape, int)
    n, c = np.arange(N)[:, None], np.arange(C)
    for i, j in np.ndindex(y.shape[2:]):
        top, left = i * step - padding, j * step - padding
        first = max(top, 0), max(left, 0)
        end = (first[0] + k, first[1] + k) if moved else (top + k, left + k)
        window = x[:, :, first[0] : end[0], first[1] : end[1]]
        chosen = window.reshape(N, C, -1).argmax(-1)
        y[:, :, i, j] = window.reshape(N, C, -1)[n, c, chosen]
        row, column = np.divmod(chosen, length(kernel_size) if length else window.shape[3])
        indices[:, :, i, j] = (first[0] + row) * W + first[1] + column
    return y, indices


def _never_reset(axis):
    """The largest value so far, over all windows from this axis on."""

    def after(y):
        rows = y.reshape(*y.shape[:axis], -1)
        return np.maximum.accumulate(rows, axis=-1).reshape(y.shape)

    return after


_y, _indices = partial(Variant, _pooled), partial(Variant, _places)


def largest_size(windows, axis):
    return np.argmax(np.where(np.isfinite(windows), np.abs(windows), -1), axis)


def _largest_of_sizes(windows, axis):
    """As it comes of np.abs where the padding is -np.inf."""
    return np.argmax(np.abs(windows), axis)


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


FILLS = (0, -1, -100, np.inf)

EXTENTS = (lambda kernel_size: kernel_size - 1, lambda kernel_size: kernel_size + 1)

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
    wrong_steps.no_padding,
    wrong_steps.kernel_forgotten,
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

ROWS_OF_Y = "The number of a pixel is row * W + column, and W is the width of x. Yours is the width of y."

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
            Mistake("padding wins", PADDING_WINS, tuple(_y(fill=fill) for fill in FILLS)),
            Mistake(
                "not the maximum",
                "What comes out is not the largest value of the window.",
                (
                    _y(fill=np.inf, best=np.argmin),
                    _y(best=np.argmin),
                    _y(best=_largest_of_sizes),
                    *(_y(value=partial(reduce, axis=-1)) for reduce in (np.mean, np.sum)),
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
            Mistake("stride missing", pooling.WITHOUT_STRIDE, (_y(apart=1),)),
            Mistake("window of another size", pooling.WINDOW_SIZE, tuple(_y(extent=extent) for extent in EXTENTS)),
            Mistake("clipped window too long", pooling.MOVED_WINDOW, (lambda *case: _clipped(*case, moved=True)[0],)),
            Mistake(
                "largest value never reset",
                "The largest value of one window is still there in the next. The search begins anew in each of them.",
                tuple(_y(after=_never_reset(axis)) for axis in (0, 2)),
            ),
            Mistake(
                "H and W mixed up",
                sentences.MIXED_UP,
                (_y(count=pooling.sizes_swapped), _y(starts=lambda i, j: (j, i))),
            ),
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
                ROWS_OF_Y,
                (_indices(length=lambda at: at.row.shape[-1]),),
            ),
            Mistake(
                "place in the padded image",
                "The place seems to be counted in the padded image, where rows are longer.",
                (
                    _indices(padded=(True, True), length=_padded_length),
                    _indices(padded=(True, True), length=_padded_length, fill=0),
                    _indices(padded=(True, True)),
                    _indices(length=_padded_length),
                ),
            ),
            Mistake(
                "padding taken off once",
                "The padding is taken off the row alone, or off the column alone. "
                "In the padded image, both are larger by it.",
                (_indices(padded=(True, False)), _indices(padded=(False, True))),
            ),
            Mistake(
                "flat place added to the corner",
                "You add the place within the window as one number. "
                "argmax counted it in rows of kernel_size, and the rows of the image are longer: "
                "its row and its column (`divmod`) are added to those of the corner.",
                (
                    _indices(place=_corner_and_flat_place),
                    _indices(place=lambda at: _corner_and_flat_place(at, at.padding)),
                ),
            ),
            Mistake(
                "corner of the window",
                "This is the pixel where the window begins. Its largest value may be any other of its pixels.",
                (_indices(place=lambda at: _corner(at)[0] * at.W + _corner(at)[1]),),
            ),
            Mistake(
                "window begins elsewhere",
                "In the number of the pixel, the window does not begin where it lies. "
                "Window (i, j) begins in row stride * i - padding and column stride * j - padding.",
                (
                    _indices(place=_begun_every(lambda at: 1)),
                    _indices(place=_begun_every(lambda at: at.kernel_size)),
                ),
            ),
            Mistake(
                "search begins at 0",
                "Where a whole window is negative, no place is found. "
                "Does your search for the largest value begin at 0? "
                "Then nothing negative can win.",
                (_indices(least=0),),
            ),
            Mistake(
                "first pixel of the same value",
                "This is the first pixel of the image that holds the same value, and it may lie outside of the window. "
                "Look for the place in the window alone.",
                (_first_of_its_value,),
            ),
            Mistake(
                "rows of a clipped window",
                "Clipped at the edge, a window has shorter rows than kernel_size, "
                "and argmax counts through the rows that are there.",
                (lambda *case: _clipped(*case, length=recipes.same)[1],),
            ),
            Mistake(
                "H and W mixed up",
                PIXEL_NUMBER,
                (
                    _indices(exchanged=True),
                    _indices(turned=True, exchanged=True),
                    _indices(turned=True),
                    _indices(place=_exchanged_inside),
                    _indices(place=_corners_transposed),
                    _indices(count=pooling.sizes_swapped),
                    _indices(starts=lambda i, j: (j, i)),
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
            Mistake("padding wins", PADDING_WINS, tuple(_indices(fill=fill) for fill in FILLS)),
            Mistake(
                "not the maximum",
                "The place is not where the largest value is.",
                (
                    _indices(fill=np.inf, best=np.argmin),
                    _indices(best=np.argmin),
                    _indices(best=largest_size),
                    _indices(best=_largest_of_sizes),
                ),
            ),
            Mistake("stride missing", pooling.WITHOUT_STRIDE, (_indices(apart=1),)),
            Mistake(
                "window of another size", pooling.WINDOW_SIZE, tuple(_indices(extent=extent) for extent in EXTENTS)
            ),
            Mistake("clipped window too long", pooling.MOVED_WINDOW, (lambda *case: _clipped(*case, moved=True)[1],)),
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
