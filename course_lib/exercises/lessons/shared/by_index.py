"""The mistakes in a convolution and its gradients that come from a wrong index: of a window, of a weight, of an output.

Output j and weight t meet one entry of x along each axis. Where that is another than it should be, all of y, dw and dx
follow. `axes` is 1 for (n,), 2 for (H, W) and 4 for (N, C, H, W).
"""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.lessons.shared import recipes

SPREAD = (
    "The stride spreads the weights of one window. "
    "It is the distance between *windows*: within one, neighbouring weights meet neighbouring entries."
)

BETWEEN_WEIGHTS = (
    "The stride is multiplied to the index of the weight. "
    "It is the distance between *windows*: weight t met xp[j * stride + t] when y[j] was made."
)

SOME_OUTPUTS = (
    "Only some of the outputs count, as in a loop that takes every stride-th of them. "
    "All count: it is their *windows* that begin stride apart."
)

OTHER_WAY = (
    "The padding is added where it must be subtracted, or the other way round. "
    "The first window begins in front of x[0]: by how many places?"
)

FROM_THE_END = (
    "In front of {0} there is padding, but `{0}[-1]` is its last entry: a negative index counts from the end. "
    "Ask for both ends, 0 <= i and i < n."
)

WRONG_END = (
    "A window that begins before x[0] loses its *first* entries, and with them the first weights. "
    "There the kernel seems to be cut at its end."
)

BORDER = (
    "A window that reaches into the padding is left out as a whole. "
    "There only zeros meet its outer weights, but the others meet entries of x: they count."
)

ENDS = "The first, or the last, entry of x never counts along an axis. Do your bounds include both ends?"

TOO_SHORT = "The windows are too short. One that begins at stride * j is as long as the kernel: where does it end?"

# ---------------------------------------------------------------- who meets whom, along one axis

# (j, t, stride, padding, m, k) -> the entry of x that output j of m and weight t of k meet, or None


def _met(j, t, stride, padding, m, k):
    return j * stride + t - padding


def _between_weights(j, t, stride, padding, m, k):
    return j + t * stride - padding


def _between_both(j, t, stride, padding, m, k):
    return (j + t) * stride - padding


def _other_way(j, t, stride, padding, m, k):
    return j * stride + t + padding


def _backwards(j, t, stride, padding, m, k):
    return j * stride - t - padding


def _cut_at_the_end(j, t, stride, padding, m, k):
    place = max(j * stride - padding, 0) + t
    return place if place < j * stride - padding + k else None


def _every_other(j, t, stride, padding, m, k):
    return None if j % stride else j * stride + t - padding


def _every_other_in_its_place(j, t, stride, padding, m, k):
    return None if j % stride else j + t - padding


def _first_few(j, t, stride, padding, m, k):
    return j * stride + t - padding if j < -(-m // stride) else None


LEFT_OUT, COUNTED, RAISES = "left out", "counted from the end", "an error"
WHOLE, FIRST, LAST = "its window is left out", "and so is the first entry", "and so is the last entry"


def _table(place, outside, n, k, m, stride, padding):
    """(m, k, n): how often output j and weight t meet entry i of x. outside: what happens beyond the ends of x."""
    met = np.zeros((m, k, n))
    for j, t in np.ndindex(m, k):
        i = place(j, t, stride, padding, m, k)
        if i is None:
            continue
        if outside == RAISES and not -padding <= i < n + padding:
            raise IndexError(f"index {i} is out of bounds")
        if outside == COUNTED and i < 0:
            i += n
        if (outside == FIRST) <= i < n - (outside == LAST):
            met[j, t, i] += 1
    if outside == WHOLE:
        met *= (met.sum(axis=(1, 2)) == k)[:, None, None]
    return met


def _tables(place, outside, x, w, count, stride, padding):
    """The tables of all axes, each with its subscripts; and those of the positions, of the weights, and of x."""
    n = len(count)
    positions, weights, entries = (list(range(first, first + n)) for first in (10, 20, 30))
    sizes = zip(x.shape[-n:], w.shape[-n:], count, strict=True)
    tables = []
    for size, *subscripts in zip(sizes, positions, weights, entries, strict=True):
        tables += [_table(place, outside, *size, stride, padding), subscripts]
    return tables, positions, weights, entries


def output(x, w, stride, padding, *, place, outside=LEFT_OUT):
    """y, of one channel."""
    count = recipes.out_sizes(x.shape, w.shape, stride, padding)
    tables, positions, weights, entries = _tables(place, outside, x, w, count, stride, padding)
    return np.einsum(*tables, x, entries, w, weights, positions, optimize=True)


def input_gradient(dy, x, w, stride, padding, *, place, outside=LEFT_OUT):
    n, channels = min(x.ndim, 2), x.ndim > 2
    tables, positions, weights, entries = _tables(place, outside, x, w, dy.shape[-n:], stride, padding)
    of_dy, of_w, of_dx = ([0, 1], [1, 2], [0, 2]) if channels else ([], [], [])
    return np.einsum(*tables, dy, of_dy + positions, w, of_w + weights, of_dx + entries, optimize=True)


def weight_gradient(dy, x, w, stride, padding, *, place, outside=LEFT_OUT):
    n, channels = min(x.ndim, 2), x.ndim > 2
    tables, positions, weights, entries = _tables(place, outside, x, w, dy.shape[-n:], stride, padding)
    of_dy, of_x, of_dw = ([0, 1], [0, 2], [1, 2]) if channels else ([], [], [])
    return np.einsum(*tables, dy, of_dy + positions, x, of_x + entries, of_dw + weights, optimize=True)


# ---------------------------------------------------------------- windows that end too early: xp[j * stride : j + k]


def _short(xp, stride, w):
    """What the windows of the padded array share with it, one after the other."""
    for j in range((len(xp) - len(w)) // stride + 1):
        yield j, xp[j * stride : j + len(w)]


def short_output(x, w, stride, padding):
    return np.array([np.sum(window * w) for _, window in _short(np.pad(x, padding), stride, w)])


def short_input_gradient(dy, x, w, stride, padding):
    dxp = np.zeros(len(x) + 2 * padding)
    for j, window in _short(dxp, stride, w):
        window += dy[j] * w
    return dxp[padding : padding + len(x)]


def short_weight_gradient(dy, x, w, stride, padding):
    dw = np.zeros(len(w))
    for j, window in _short(np.pad(x, padding), stride, w):
        dw += dy[j] * window
    return dw


# ---------------------------------------------------------------- the mistakes

FROM_BEHIND = {"place": _met, "outside": COUNTED}


def in_output(axes):
    """The mistakes in y, of one channel."""
    strict = _ways(output, _between_weights, outside=RAISES)
    return (
        Mistake("stride between the weights", SPREAD, (*strict, *_ways(output, _between_weights, _between_both))),
        *_mistakes(output, "x"),
        *_too_short(axes, short_output),
    )


def in_weight_gradient(axes):
    """The mistakes in dw. The forward pass with dy for a kernel spreads the weights by the stride as well."""
    strict = () if axes == 4 else _ways(weight_gradient, _between_weights, outside=RAISES)
    spread = *_ways(weight_gradient, _between_weights, _between_both), *strict, _slid_over_x
    return (
        Mistake("stride between the weights", BETWEEN_WEIGHTS, spread),
        *_mistakes(weight_gradient, "x"),
        *_too_short(axes, short_weight_gradient),
    )


def in_input_gradient(axes):
    """The mistakes in dx."""
    return (
        Mistake(
            "stride between the weights",
            BETWEEN_WEIGHTS,
            _ways(input_gradient, _between_weights, _between_both),
        ),
        *_mistakes(input_gradient, "dx"),
        Mistake(
            "kernel walked through backwards",
            "The outputs are looked for on the wrong side: x[i] was in windows that begin at i or *before* it. "
            "Which outputs did x[2] feed, and through which weights?",
            _ways(input_gradient, _backwards),
        ),
        *_too_short(axes, short_input_gradient),
    )


def _ways(of, *places, **how):
    return tuple(partial(of, place=place, **how) for place in places)


def _mistakes(of, entries):
    return (
        Mistake(
            "stride in the loop over the outputs",
            SOME_OUTPUTS,
            _ways(of, _every_other, _every_other_in_its_place, _first_few),
        ),
        Mistake("padding counted the other way", OTHER_WAY, _ways(of, _other_way)),
        Mistake(f"negative index of {entries}", FROM_THE_END.format(entries), (partial(of, **FROM_BEHIND),)),
        Mistake("kernel cut at the wrong end", WRONG_END, _ways(of, _cut_at_the_end)),
        Mistake("windows at the border left out", BORDER, _ways(of, _met, outside=WHOLE)),
        Mistake(
            f"an end of {entries} left out",
            ENDS,
            (*_ways(of, _met, outside=FIRST), *_ways(of, _met, outside=LAST)),
        ),
    )


def _too_short(axes, short):
    """Of windows with several axes, too short ones fit nowhere, and NumPy says so."""
    return (Mistake("window too short", TOO_SHORT, (short,)),) if axes == 1 else ()


def _slid_over_x(dy, x, w, stride, padding):
    n = min(x.ndim, 2)
    lifted = x.ndim > 2
    dy, x = (dy, x) if lifted else (dy[None, None], x[None, None])
    count = recipes.out_sizes(x.shape[2:], dy.shape[2:], stride, padding)
    windows = recipes.unfold(x, dy.shape[2:], stride, padding, count)
    places, positions = list(range(10, 10 + n)), list(range(20, 20 + n))
    slid = np.einsum(dy, [0, 1, *places], windows, [0, 2, *places, *positions], [1, 2, *positions])
    return slid if lifted else slid[0, 0]
