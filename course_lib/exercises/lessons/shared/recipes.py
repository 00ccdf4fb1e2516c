"""Convolution taken apart into steps, each of which can go wrong.

A Variant is one of these recipes with a step replaced. The recipes work on (n,), (H, W) and (N, C, H, W) alike and take
the arguments of the exercise; replacements of different steps can be combined.
"""

import numpy as np

# ---------------------------------------------------------------- recipes


def same(array):
    return array


def never(kernel, padding):
    pass


def input_gradient(dy, x, w, stride=1, padding=0, /, *, scale=None, **steps):
    """dx: every output hands dy * w back to its window. fails(kernel, padding): raises where the wrong answer does."""
    dy, x, w, flat = _with_channels(dy, x, w)
    steps.pop("fails", never)(w.shape[2:], padding)
    dy = steps.pop("dy", same)(dy)
    w = steps.pop("w", same)(w)
    stamps = steps.pop("stamps", product)(dy, w)
    turn = steps.pop("turn", same)
    dx = turn(fold(stamps, x.shape[2:], stride, padding, **steps))
    dx = scale(dx, dy, w) if scale else dx
    return dx[0, 0] if flat else dx


def weight_gradient(dy, x, w, stride=1, padding=0, /, *, scale=None, **steps):
    """dw: dy times what each weight met, summed over images and positions."""
    dy, x, w, flat = _with_channels(dy, x, w)
    dy = steps.pop("dy", same)(dy)
    x = steps.pop("x", same)(x)
    turn = steps.pop("turn", same)
    windows = unfold(x, w.shape[2:], stride, padding, dy.shape[2:], **steps)
    n = dy.ndim - 2
    dw = np.einsum(dy, [0, 1, *range(4, 4 + n)], windows, [0, 2, *range(10, 10 + n), *range(4, 4 + n)])
    dw = scale(turn(dw), dy, w) if scale else turn(dw)
    return dw[0, 0] if flat else dw


def forward(x, w, stride=1, padding=0, /, *, scale=None, turn=same, **steps):
    """y, of one channel: every window of x times w."""
    count = steps.pop("count", out_sizes)(x.shape, w.shape, stride, padding)
    w = steps.pop("w", same)(w)
    windows = unfold(x[None, None], w.shape, stride, padding, count, **steps)[0, 0]
    y = turn(np.tensordot(w, windows, w.ndim))
    return scale(y, None, w[None, None]) if scale else y


def _with_channels(dy, x, w):
    """(n,) or (H, W) -> (1, 1, ...): one image, one channel, one filter."""
    flat = x.ndim < 3
    return (*((a[None, None] for a in (dy, x, w)) if flat else (dy, x, w)), flat)


def out_sizes(size, kernel, stride, padding):
    return tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(size, kernel, strict=True))


# ---------------------------------------------------------------- scatter


def product(dy, w):
    """dy (N, F, *positions), w (F, C, *kernel) -> (N, C, *kernel, *positions), what each output hands back."""
    n = dy.ndim - 2
    kernel, positions = list(range(10, 10 + n)), list(range(4, 4 + n))
    return np.einsum(dy, [0, 1, *positions], w, [1, 2, *kernel], [0, 2, *kernel, *positions])


def fold(stamps, size, stride, padding, *, steps=None, room=None, add=None, crop=None):
    """stamps (N, C, *kernel, *positions) -> (N, C, *size), added up where the windows are.

    steps: the distance between windows; room: the padded size; add: what overlaps do; crop: what remains.
    """
    n = len(size)
    kernel, count = stamps.shape[2 : 2 + n], stamps.shape[2 + n :]
    distance = steps(stride, n) if steps else (stride,) * n
    padded = room(size, kernel, count, stride, padding) if room else tuple(s + 2 * padding for s in size)
    return (crop or inner)((add or summed)(stamps, padded, distance), size, padding)


def _places(stamps, distance):
    """For each position, where its window is in an array (N, C, *size), and where it is in the stamps.

    distance: that between windows, for each axis; or a function of the position that returns where its window starts.
    """
    n = (stamps.ndim - 2) // 2
    kernel, count = stamps.shape[2 : 2 + n], stamps.shape[2 + n :]
    for position in np.ndindex(*count):
        starts = distance(position) if callable(distance) else [i * s for i, s in zip(position, distance, strict=True)]
        window = [slice(start, start + k) for start, k in zip(starts, kernel, strict=True)]
        yield (slice(None), slice(None), *window), (..., *position)


def summed(stamps, padded, distance):
    out = np.zeros((*stamps.shape[:2], *padded))
    for window, position in _places(stamps, distance):
        out[window] += stamps[position]
    return out


def last_wins(stamps, padded, distance):
    out = np.zeros((*stamps.shape[:2], *padded))
    for window, position in _places(stamps, distance):
        out[window] = stamps[position]
    return out


def first_wins(stamps, padded, distance):
    out = np.zeros((*stamps.shape[:2], *padded))
    for window, position in reversed(list(_places(stamps, distance))):
        out[window] = stamps[position]
    return out


def averaged(stamps, padded, distance):
    count = summed(np.ones_like(stamps), padded, distance)
    return summed(stamps, padded, distance) / np.maximum(count, 1)


def coverage(shape, kernel, count, stride, padding):
    """How many windows contain each entry of an array of this (spatial) shape."""
    stamps = np.ones((1, 1, *kernel, *count))
    return fold(stamps, shape, stride, padding)[0, 0]


def inner(padded, size, padding):
    return padded[(..., *(slice(padding, padding + n) for n in size))]


# ---------------------------------------------------------------- gather


def unfold(x, kernel, stride, padding, count, *, steps=None, pad=None, kernel_of=None):
    """x (N, C, *size) -> windows (N, C, *kernel, *count). steps: the distance between windows; pad: the zeros."""
    n = len(kernel)
    distance = steps(stride, n) if steps else (stride,) * n
    x = (pad or zeros_around)(x, padding)
    if kernel_of:
        kernel = kernel_of(x.shape[2:], kernel, stride, count)
    windows = np.zeros((*x.shape[:2], *kernel, *count))
    for window, position in _places(windows, distance):
        windows[position] = x[window]
    return windows


def zeros_around(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * (x.ndim - 2))
