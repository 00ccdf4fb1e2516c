"""Questions of lessons 00 to 03 with other numbers, for the day they come back: to be worked out, not remembered.

Each function takes a random generator and returns the fields of its Prediction that change.
"""

from typing import Any

import numpy as np

from course_lib import loops
from course_lib.exercises.lessons.shared import recipes

Fields = dict[str, Any]


def fields(text, answer, why, *wrong_answers) -> Fields:
    """What changes of a question: wrong_answers are pairs, as in a Prediction."""
    return {"text": text, "answer": lambda: answer, "why": why, "wrong_answers": wrong_answers}


def whole(rng, *shape, least=-4, most=4):
    """Whole numbers without 0, as floats."""
    values = [n for n in range(least, most + 1) if n]
    return rng.choice(values, shape).astype(float)


def typed(array) -> str:
    """An array of whole numbers as one types it."""
    return str(np.asarray(array).astype(int).tolist())


def added(terms) -> str:
    """Terms as a sum that one reads."""
    return " + ".join(f"({term:g})" if term < 0 else f"{term:g}" for term in terms)


# ---------------------------------------------------------------- lesson 00


def _three(rng):
    x, y, z = (int(n) for n in whole(rng, 3, least=-6, most=6))
    return (x, y, z) if len({x + y, y, z, 1, -z}) == 5 else _three(rng)


def product_of_sum(rng) -> Fields:
    x, y, z = _three(rng)
    return fields(
        f"`f = (x + y) * z` at `x = {x}, y = {y}, z = {z}`. How much does `f` move for each unit that `x` moves?",
        z,
        f"x moves the sum x + y one to one, and the sum moves f by z = {z}. Along a path, slopes multiply.",
        (x + y, f"{x + y} is x + y, which z is multiplied by: df/dz. Here it is x that moves."),
        (1, "1 is how x moves the sum x + y. On the way to f that sum is multiplied by z."),
    )


def two_paths(rng) -> Fields:
    x, y, z = _three(rng)
    return fields(
        f"`q = x + y`, `p = x * z` and `g = q + p`, at `x = {x}, y = {y}, z = {z}`. What is dg/dx?",
        1 + z,
        f"1 comes back through q, and z = {z} through p. Both paths reach g, so x adds them up.",
        (1, "That is what comes back through q. x also feeds p."),
        (z, "That is what comes back through p. x also feeds q."),
        ((1 + z) / 2, "That is the mean of the two paths. Both nudges arrive in full, so both count in full."),
    )


def kink(rng) -> Fields:
    left, right = (int(n) for n in rng.choice(np.arange(-3, 7), 2, replace=False))
    return fields(
        f"`f(x)` is `{left} * x` below 0 and `{right} * x` from 0 on. "
        "What do central differences measure as its slope at exactly `x = 0`?",
        (left + right) / 2,
        f"({right} eps - ({-left} eps)) / (2 eps): half of each side. A gradient check that lands on a kink disagrees.",
        (left, "That is the slope on the left of 0. Central differences look at both sides."),
        (right, "That is the slope on the right of 0. Central differences look at both sides."),
    )


# ---------------------------------------------------------------- lesson 01


def _row_and_kernel(rng):
    """x (5,) and w (3,), which reads differently when it is turned."""
    x, w = whole(rng, 5, least=0, most=5), whole(rng, 3)
    return (x, w) if w[0] != w[2] else _row_and_kernel(rng)


def forward_1d(rng) -> Fields:
    x, w = _row_and_kernel(rng)
    y = loops.conv1d(x, w)
    return fields(
        f"`x = {typed(x)}` and `w = {typed(w)}`, stride 1, no padding. What are the three entries of `y`?",
        y,
        f"The first window holds {', '.join(f'{n:g}' for n in x[:3])} and gives {added(x[:3] * w)} = {y[0]:g}. "
        "The others likewise, one place further each.",
        (
            loops.conv1d(x, w[::-1]),
            "That is the true convolution, with the kernel turned. A layer lays it on as it is.",
        ),
    )


def weight_1d(rng) -> Fields:
    x, w = _row_and_kernel(rng)
    dy = whole(rng, 3, least=-2, most=3)
    dw = loops.conv1d_weight_gradient(dy, x, w)
    return fields(
        f"`x = {typed(x)}`, the kernel has 3 entries, stride 1, and `dy = {typed(dy)}`. What is `dw[0]`?",
        dw[0],
        f"w[0] met x[0], x[1] and x[2]: {added(dy * x[:3])} = {dw[0]:g}.",
        (x[:3].sum(), "That is how far the three outputs move together. dy says how the loss depends on each."),
        (dw[2], "Those are the entries that w[2] met: x[2], x[3], x[4]. Which did w[0] meet?"),
    )


def feeds(rng) -> Fields:
    n, k, stride = int(rng.integers(6, 8)), int(rng.integers(2, 5)), int(rng.integers(1, 3))
    counts = recipes.coverage((n,), (k,), ((n - k) // stride + 1,), stride, 0)
    return fields(
        f"`x` has {n} entries, the kernel {k}, the stride is {stride}, no padding. "
        "How many outputs does each entry of `x` feed?",
        counts,
        f"The windows begin at {', '.join(str(at) for at in range(0, n - k + 1, stride))}, and each holds {k} entries.",
        (np.full(n, k), "No window begins before x[0], and none ends after the last entry."),
    )


def unvisited(rng) -> Fields:
    k, stride, windows = 3, int(rng.integers(2, 5)), int(rng.integers(2, 5))
    n = (windows - 1) * stride + k + int(rng.integers(0, 2))
    visited = n == (windows - 1) * stride + k
    last = (windows - 1) * stride
    return fields(
        f"`x` has {n} entries, `w = [1, 2, 3]`, stride {stride}, no padding, and `dy` is all ones. "
        f"What is `dx[{n - 1}]`, the gradient of the last entry?",
        3 if visited else 0,
        f"The last window begins at {last} and ends at x[{last + 2}]"
        + (", where it met the weight 3." if visited else ", so no window contains the last entry."),
        (3 if not visited else 0, f"The last window begins at {last}. Where does it end?"),
    )


def stamp(rng) -> Fields:
    w, stride, at = _row_and_kernel(rng)[1], int(rng.integers(1, 4)), int(rng.integers(0, 3))
    n = 2 * stride + 3
    dy = np.eye(3)[at]
    return fields(
        f"`w = {typed(w)}`, stride {stride}, no padding, `x` of {n} entries, and `dy = {typed(dy)}`. "
        f"What are the {n} entries of `dx`?",
        loops.conv1d_input_gradient_scatter(dy, np.ones(n), w, stride, 0),
        f"The window of y[{at}] begins at {stride} * {at} = {stride * at}. "
        "It hands its gradient back through the weights as they are.",
        (
            loops.conv1d_input_gradient_scatter(dy, np.ones(n), w[::-1], stride, 0),
            "The place is right. Which weight did the first entry of the window meet?",
        ),
    )


def three_products(rng) -> Fields:
    y, dy = whole(rng, 3, least=2, most=9), whole(rng, 3, least=-2, most=3)
    return fields(
        f"A convolution returned `y = {typed(y)}` and receives `dy = {typed(dy)}`. "
        "Without working out `dx` or `dw`: what is `dx @ x`, and what is `dw @ w`? Type both.",
        np.full(2, dy @ y),
        f"Both are dy @ y = {added(dy * y)} = {dy @ y:g}: the same products, added in another order.",
        (np.full(2, np.abs(dy) @ y), "Which signs do the products have?"),
    )


def ones(rng) -> Fields:
    n, padding = int(rng.integers(5, 9)), int(rng.integers(0, 3))
    dy, x, w = np.ones(n + 2 * padding - 2), np.zeros(n), np.array([1.0, 2, 3])
    right, turned = (loops.conv1d_input_gradient_scatter(dy, x, kernel, 1, padding) for kernel in (w, w[::-1]))
    spoilt = int((right != turned).sum())
    return fields(
        "A backward pass scatters with the reversed kernel, `[3, 2, 1]` instead of `[1, 2, 3]`. "
        f"`x` has {n} entries, the stride is 1, the padding {padding}, and `dy` is all ones. "
        "How many entries of its `dx` are wrong?",
        spoilt,
        "Entries that met all three weights collect 1 + 2 + 3 in whichever order. "
        f"With padding {padding}, {spoilt or 'none'} met fewer of them in a way that shows.",
        (n, "An entry that met all three weights collects their sum. Does the order matter in a sum?"),
    )


# ---------------------------------------------------------------- lesson 02


def _image_and_kernel(rng):
    """x (3, 3) and w (2, 2), which reads differently when it is turned or transposed."""
    x, w = whole(rng, 3, 3, least=0, most=5), whole(rng, 2, 2, least=1, most=5)
    return (x, w) if len(set(w.flat)) == 4 else _image_and_kernel(rng)


def forward_2d(rng) -> Fields:
    x, w = _image_and_kernel(rng)
    i, j = (int(n) for n in rng.integers(0, 2, 2))
    y, window = loops.conv2d_single(x, w), x[i : i + 2, j : j + 2]
    return fields(
        f"`x = {typed(x)}` and `w = {typed(w)}`, stride 1, no padding. What is `y[{i}, {j}]`?",
        y[i, j],
        f"The window is {typed(window)}, and gives {added((window * w).flat)} = {y[i, j]:g}.",
        (loops.conv2d_single(x, w[::-1, ::-1])[i, j], "The window is right. But the kernel is laid on as it is."),
        (y[j, i], "The first index counts rows, downwards."),
    )


def weight_2d(rng) -> Fields:
    x, w = _image_and_kernel(rng)
    dy = whole(rng, 2, 2, least=-2, most=3)
    i, j = (int(n) for n in rng.integers(0, 2, 2))
    dw, met = loops.conv2d_single_weight_gradient(dy, x, w), x[i : i + 2, j : j + 2]
    return fields(
        f"`x = {typed(x)}`, the kernel is 2 x 2, stride 1, and `dy = {typed(dy)}`. What is `dw[{i}, {j}]`?",
        dw[i, j],
        f"It met the pixels {typed(met)}, so {added((dy * met).flat)} = {dw[i, j]:g}.",
        (met.sum(), "That is how far all four outputs move. dy says how the loss depends on each."),
        (dw[1 - i, 1 - j], "Those are the pixels that the opposite weight met."),
    )


def corner_and_centre(rng) -> Fields:
    size, k = int(rng.integers(4, 8)), int(rng.integers(2, 4))
    i, j = (int(n) for n in rng.integers(1, 3, 2))
    out = size - k + 1
    counts = recipes.coverage((size, size), (k, k), (out, out), 1, 0)
    return fields(
        f"An image of {size} x {size}, a kernel of {k} x {k}, stride 1, no padding. "
        f"How many windows contain the corner pixel, and how many the pixel ({i}, {j})? Type both, the corner first.",
        counts[[0, i], [0, j]],
        f"The corner is in one window. Those that hold ({i}, {j}) begin at row {_from_to(i, k, out)} "
        f"and column {_from_to(j, k, out)}.",
        ([1, k * k], f"{k * k} is what a pixel far from every border has. How far can windows begin from the edge?"),
    )


def _from_to(at, k, out) -> str:
    """Where the windows begin, along one axis, that hold a place."""
    first, last = max(0, at - k + 1), min(at, out - 1)
    return f"{first}" if first == last else f"{first} to {last}"


def padding_of_dy(rng) -> Fields:
    k = int(rng.integers(2, 8))
    padding = int(rng.integers(0, k - 1))
    return fields(
        f"A kernel of {k} x {k}, stride 1, and the forward pass used padding {padding}. "
        "How many rows of zeros does `dy` need above it, so that sliding the turned kernel over it gives `dx` at once, "
        "with nothing to crop?",
        k - 1 - padding,
        f"{k - 1}, the full reach of the kernel, minus the {padding} that would be cropped again.",
        (k - 1, "That gives the gradient of the padded image. Its outermost rings are padding, and not asked for."),
        (padding, "That is the forward padding. The more zeros went in forward, the fewer are needed backward."),
    )


def remainder(rng) -> Fields:
    size, k, stride = int(rng.integers(6, 10)), int(rng.integers(2, 4)), int(rng.integers(2, 4))
    if stride > k:
        return remainder(rng)
    out = (size - k) // stride + 1
    last = (out - 1) * stride + k
    left = size - last
    return fields(
        f"An image of {size} x {size}, a kernel of {k} x {k}, stride {stride}, no padding. "
        f"How many of the {size * size} pixels get gradient 0, whatever dy is?",
        size * size - last * last,
        f"The last window ends at {last - 1}, so {left} of {size} rows and columns are never visited: "
        f"{size * size} - {last * last} = {size * size - last * last} pixels.",
        (left * size, "The rows are counted. What about the columns?"),
        (2 * left * size, "Rows and columns share pixels in the corner: those are counted twice."),
    )


# ---------------------------------------------------------------- lesson 03


def one_pixel(rng) -> Fields:
    w, dy = whole(rng, 3, 2, least=-3, most=3), whole(rng, 3, least=-2, most=3)
    c = int(rng.integers(0, 2))
    terms = w[:, c] * dy
    return fields(
        f"A 1 x 1 convolution on an image of one pixel: 2 channels in, 3 filters, `w = {typed(w)}` with a row a "
        f"filter, and `dy = {typed(dy)}`. What is `dx[{c}]`?",
        terms.sum(),
        f"Channel {c} fed all three filters: {added(terms)} = {terms.sum():g}.",
        ((w[:, 1 - c] * dy).sum(), f"That is dx[{1 - c}]: each channel has its own column of w."),
        (w[:, c].sum(), "That is how far all three outputs move. dy says how the loss depends on each."),
        *(
            (term, f"That is what comes back from filter {f}. The pixel fed the others too.")
            for f, term in enumerate(terms)
        ),
    )


def weights(rng) -> Fields:
    c, f, k = int(rng.integers(2, 9)), int(rng.integers(4, 13)), int(rng.integers(2, 6))
    return fields(
        f"A layer takes images of {c} channels and has {f} filters of {k} x {k}. How many weights are in `w`?",
        f * c * k * k,
        f"{f} filters, each with {c} kernels of {k} x {k}: {f} · {c} · {k * k} = {f * c * k * k}.",
        (f * k * k, "That is one kernel for each filter. But a filter has one kernel for *each* channel of x."),
        (f * c, "That is how many kernels there are."),
        (f * c * k * k + f, "That counts the biases too. They are in b."),
    )


def bias_of_ones(rng) -> Fields:
    n, c, h, w = (int(size) for size in rng.integers(2, 7, 4))
    return fields(
        f"A batch of {n} images, {c} filters, outputs of {h} x {w}, and `dy` full of ones. What is `db[0]`?",
        n * h * w,
        f"{n} images x {h} rows x {w} columns use b[0], and each contributes 1: {n * h * w}.",
        (h * w, "That is one image. The same bias serves every image of the batch."),
        (n * c * h * w, "That is all of dy. The other filters have their own biases."),
    )


def receptive(rng) -> Fields:
    first, second = (int(k) for k in rng.integers(2, 8, 2))
    return fields(
        f"Two layers of stride 1, one behind the other: first a kernel of {first} x {first}, then one of "
        f"{second} x {second}. On how many *rows* of the image does one output of the second layer depend?",
        first + second - 1,
        f"It reads {second} rows of the first layer. Their windows begin one row apart, so they span "
        f"{first} + {second - 1} = {first + second - 1} rows.",
        (second, f"That is what it sees of the layer before. Each of those sees {first} rows of the image."),
        (first * second, "The windows of neighbouring outputs overlap."),
    )


def lost(rng) -> Fields:
    out, k, stride = int(rng.integers(3, 7)), int(rng.integers(3, 6)), int(rng.integers(2, 4))
    padding = int(rng.integers(0, 2))
    span = (out - 1) * stride + k
    return fields(
        f"`dy` is {out} x {out}, and the kernel {k} x {k}. "
        f"How many rows does `conv_transpose2d(dy, w, stride={stride}, padding={padding})` have?",
        span - 2 * padding,
        f"The stamps span ({out} - 1) · {stride} + {k} = {span} rows, minus {padding} on each side.",
        (span, "That is before the padding is cropped, on both sides."),
        (out * stride, "That would be nice. But where does the last stamp end?"),
    )
