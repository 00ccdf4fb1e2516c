"""Wrong steps for the recipes in `recipes`. Each replaces a right one, and knows nothing of any lab."""

from functools import partial

import numpy as np

from course_lib.exercises.lessons.shared import recipes

# ---------------------------------------------------------------- the kernel


def half_turn_1d(w):
    return w[..., ::-1]


def half_turn(w):
    return w[..., ::-1, ::-1]


def transpose(w):
    return w.swapaxes(-1, -2)


def flip_rows(w):
    return w[..., ::-1, :]


FLIPS = (
    transpose,
    flip_rows,
    half_turn_1d,
    partial(np.rot90, axes=(-2, -1)),
    partial(np.rot90, k=-1, axes=(-2, -1)),
    lambda w: half_turn(transpose(w)),
)

# ---------------------------------------------------------------- stride, sizes


def ones(stride, n):
    return (1,) * n


def rows_only(stride, n):
    return stride, 1


def columns_only(stride, n):
    return 1, stride


def both_by_row(stride, n):
    """`left = i * stride`: a line copied, and one index of it not changed."""
    return lambda position: (position[0] * stride,) * n


def both_by_column(stride, n):
    return lambda position: (position[-1] * stride,) * n


def without(*places):
    """Zeros at these places of the last axes."""

    def change(array):
        array = array.copy()
        for place in places:
            array[(..., *place)] = 0
        return array

    return change


ALL = slice(None)

ENDS = {
    1: (without((-1,)), without((0,))),
    2: tuple(without(*places) for end in (-1, 0) for places in ([(end, ALL)], [(ALL, end)], [(end, ALL), (ALL, end)])),
}


def unspread(size, kernel, count, stride, padding):
    return tuple(m + k - 1 for m, k in zip(count, kernel, strict=True))


def one_further(stride, n):
    return (stride + 1,) * n


def too_far_apart(size, kernel, count, stride, padding):
    """Room for windows that begin stride + 1 apart."""
    return tuple((stride + 1) * (m - 1) + k for m, k in zip(count, kernel, strict=True))


def of_height(size, kernel, count, stride, padding):
    """As wide as it is high."""
    return (size[0] + 2 * padding,) * len(size)


def of_width(size, kernel, count, stride, padding):
    return (size[-1] + 2 * padding,) * len(size)


def without_remainder(size, kernel, count, stride, padding):
    return tuple(stride * (m - 1) + k for m, k in zip(count, kernel, strict=True))


def with_remainder(size, kernel, stride, count):
    return tuple(n - stride * (m - 1) for n, m in zip(size, count, strict=True))


def zeros_behind_dy(size, kernel, stride, count):
    """As many places as a dy has that ends with stride - 1 zeros."""
    return tuple(n - stride * m + 1 for n, m in zip(size, count, strict=True))


def every_place(size, kernel, stride, count):
    return tuple(n - m + 1 for n, m in zip(size, count, strict=True))


def _counts(formula):
    def count(size, kernel, stride, padding):
        return tuple(formula(n, k, stride, padding) for n, k in zip(size, kernel, strict=True))

    return count


unstrided = _counts(lambda n, k, s, p: n + 2 * p - k + 1)

neither = _counts(lambda n, k, s, p: n - k + 1)


def rows_strided(size, kernel, stride, padding):
    """As many as with the stride along the rows, and without it along the columns."""
    (rows, *_), (_, *columns) = (
        recipes.out_sizes(size, kernel, stride, padding),
        unstrided(size, kernel, stride, padding),
    )
    return (rows, *columns)


one_less = _counts(lambda n, k, s, p: (n + 2 * p - k) // s)

one_padding = _counts(lambda n, k, s, p: (n + p - k) // s + 1)

no_padding = _counts(lambda n, k, s, p: (n - k) // s + 1)

rounded_up = _counts(lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1)

kernel_forgotten = _counts(lambda n, k, s, p: (n + 2 * p) // s)

end_missed = _counts(lambda n, k, s, p: -(-(n + 2 * p - k) // s))  # range(0, n + 2 p - k, s)

plus_one_inside = _counts(lambda n, k, s, p: (n + 2 * p - k + 1) // s)

kernel_divided = _counts(lambda n, k, s, p: n + 2 * p - k // s + 1)  # brackets missing

stride_plus_one = _counts(lambda n, k, s, p: (n + 2 * p - k) // (s + 1))

rounded = _counts(lambda n, k, s, p: round((n + 2 * p - k) / s) + 1)

WRONG_COUNTS = (
    one_less,
    one_padding,
    no_padding,
    rounded_up,
    kernel_forgotten,
    end_missed,
    plus_one_inside,
    kernel_divided,
    stride_plus_one,
    rounded,
)

# ---------------------------------------------------------------- padding


def no_zeros(x, padding):
    return x


def fails_at_the_border(x, padding):
    """Without padding, the last windows are too short and do not fit."""
    if padding:
        raise ValueError("the windows at the border are too small")
    return x


def zeros_behind(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(0, 2 * padding)] * (x.ndim - 2))


def zeros_in_front(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(2 * padding, 0)] * (x.ndim - 2))


def by_the_edge(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * (x.ndim - 2), mode="edge")


def along_every_axis(x, padding):
    """np.pad(x, padding) with images and channels: the first of each is then one of zeros."""
    padded = np.pad(x, padding)
    return padded[: len(x), : x.shape[1]]


WRONG_PADS = (no_zeros, fails_at_the_border, zeros_behind, zeros_in_front)


def bare(size, kernel, count, stride, padding):
    return tuple(size)


def fails_where_the_padding_is_wider(kernel, padding):
    if padding > min(kernel) - 1:
        raise ValueError("a negative number of zeros")


def untouched(padded, size, padding):
    return padded


def both_sides(padded, size, padding):
    """Crops the same number of entries from both ends, however many there are."""
    return padded[(..., *(slice(padding, n - padding) for n in padded.shape[-len(size) :]))]


def until_size(padded, size, padding):
    """[p : n]: from where the image begins to its size, which is counted from the border."""
    return padded[(..., *(slice(padding, n) for n in size))]


def until_size_without_padding(padded, size, padding):
    """[p : n - p]"""
    return padded[(..., *(slice(padding, n - padding) for n in size))]


def both_sides_filled(padded, size, padding):
    """Crops both ends alike, into an array of zeros as large as it should be."""
    middle = both_sides(padded, size, padding)
    found = np.zeros((*padded.shape[:2], *size))
    found[(..., *(slice(n) for n in middle.shape[-len(size) :]))] = middle
    return found


def one_before(padded, size, padding):
    """Begins one entry too early, with a zero in front."""
    return recipes.inner(_bordered(padded, size), size, padding)


def with_a_border(padded, size, padding):
    """Crops nothing, and has one zero more on all sides."""
    return _bordered(padded, size)


def _bordered(padded, size):
    return np.pad(padded, [(0, 0)] * (padded.ndim - len(size)) + [(1, 1)] * len(size))


def _cropped(*cuts):
    """A crop from functions of (n, p) that return a slice: one for all axes, or one for each."""

    def crop(padded, size, padding):
        each = cuts * len(size) if len(cuts) == 1 else cuts
        return padded[(..., *(cut(n, padding) for cut, n in zip(each, size, strict=True)))]

    return crop


def _front(n, p):
    return slice(0, n)


def _middle(n, p):
    return slice(p, p + n)


def _all(n, p):
    return ALL


top_left, bottom_right = _cropped(_front), _cropped(lambda n, p: slice(2 * p, None))

top, left = _cropped(_front, _middle), _cropped(_middle, _front)

rows_cropped, columns_cropped = _cropped(_middle, _all), _cropped(_all, _middle)

minus = _cropped(lambda n, p: slice(p, -p))

# ---------------------------------------------------------------- sums


def negative(result, dy, w):
    return -result


def over_positions(result, dy, w):
    return result / np.prod(dy.shape[2:])


def over_batch(result, dy, w):
    return result / len(dy)


def over_both(result, dy, w):
    return result / (len(dy) * np.prod(dy.shape[2:]))


def over_filters(result, dy, w):
    return result / dy.shape[1]


def over_window(result, dy, w):
    return result / np.prod(w.shape[2:])


def keep(axis, index):
    """Zeros everywhere but at one index of one axis."""

    def change(array):
        kept = np.zeros_like(array)
        place = (ALL,) * axis + (index,)
        kept[place] = array[place]
        return kept

    return change


def only_position(array, index):
    """Keep one position of arrays (N, C, *positions), or of a bare kernel."""
    kept = np.zeros_like(array)
    place = (..., *(index,) * (array.ndim - 2 if array.ndim > 2 else array.ndim))
    kept[place] = array[place]
    return kept


def only_row(array, index):
    """Keep one row of arrays (N, C, H, W), or of a bare (H, W)."""
    kept = np.zeros_like(array)
    kept[..., index, :] = array[..., index, :]
    return kept


ROWS = tuple(partial(only_row, index=index) for index in (0, -1))

POSITIONS = tuple(partial(only_position, index=index) for index in (0, -1))


def one_after_the_other(one, other):
    return lambda array: other(one(array))


def repeated(stamps, padded, distance, cut=False):
    """Adds each stamp at all places up to that of the next one. cut: but the last of each axis only once."""
    if callable(distance):
        return recipes.summed(stamps, padded, distance)
    room = tuple(n + step - 1 for n, step in zip(padded, distance, strict=True))
    total = np.zeros((*stamps.shape[:2], *room))
    for offset in np.ndindex(*distance):
        moved = stamps[(..., *(slice(-1 if cut and step else None) for step in offset))]
        if moved.size:
            total += np.roll(recipes.summed(moved, room, distance), offset, range(2, 2 + len(offset)))
    return total[(..., *(slice(n) for n in padded))]


repeated_and_cut = partial(repeated, cut=True)


# ---------------------------------------------------------------- channels


def swapped_channels(w):
    return w.swapaxes(0, 1)


def reread_channels(w):
    """A reshape in place of a transpose."""
    return w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)


def first_image(array):
    return np.broadcast_to(array[:1], array.shape)


def into_first_image(array):
    into = np.zeros_like(array)
    into[0] = array.sum(axis=0)
    return into


def turned_in_front(w):
    """What np.rot90(w, 2) and np.flip do to filters and channels."""
    return w[::-1, ::-1]


def first_channel(array):
    return np.broadcast_to(array[:, :1], array.shape)


def last_channel(array):
    return np.broadcast_to(array[:, -1:], array.shape)


def first_filter(w):
    return np.broadcast_to(w[:1], w.shape)


def reversed_channels(array):
    return array[:, ::-1]


def summed_over_channels(array):
    return np.broadcast_to(array.sum(axis=1, keepdims=True), array.shape)


def filled_by_filter(dy, w):
    """dx[n, f] += dy[n, f] * w[f, c] for every c."""
    return _into_channels(recipes.product(dy, _diagonal(w.sum(axis=1))), w)


def one_to_one(dy, w):
    """dx[n, c] += dy[n, c] * w[c, c]."""
    least = min(w.shape[:2])
    return _into_channels(recipes.product(dy[:, :least], _diagonal(w[range(least), range(least)])), w)


def dy_by_channel(dy, w):
    """dx[n, c] += dy[n, c] * w[f, c] for every f: fails, as the loop does, with fewer filters than channels."""
    return recipes.product(dy[:, : w.shape[1]], _diagonal(w.sum(axis=0)))


def _diagonal(kernels):
    """(C, *kernel) -> (C, C, *kernel): each channel's own kernel, and zeros between different channels."""
    C = len(kernels)
    between = np.zeros((C, C, *kernels.shape[1:]))
    between[range(C), range(C)] = kernels
    return between


def _into_channels(stamps, w):
    """Put the first channels into an array for all of them. Too many channels raise an error."""
    out = np.zeros((len(stamps), w.shape[1], *stamps.shape[2:]))
    out[:, : stamps.shape[1]] += stamps
    return out
