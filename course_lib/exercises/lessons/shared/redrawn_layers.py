"""Questions of lessons 04 to 06 with other numbers, for the day they come back: each can be read without its lesson.

Each function takes a random generator and returns the fields of its Prediction that change.
"""

import numpy as np

from course_lib import gradcheck, loops
from course_lib.exercises.lessons.shared import recipes
from course_lib.exercises.lessons.shared.redrawn import Fields, added, fields, typed, whole


def _unequal(rng, count, most=9):
    """So many different whole numbers from 1 to most, as floats."""
    return rng.permutation(most)[:count] + 1.0


# ---------------------------------------------------------------- lesson 04


def window_as_column(rng) -> Fields:
    x, j = rng.integers(0, 6, (3, 4)).astype(float), int(rng.integers(1, 6))
    top, left = divmod(j, 3)
    window = x[top : top + 2, left : left + 2]
    if window[0, 1] == window[1, 0]:
        return window_as_column(rng)
    down = x[j % 2 : j % 2 + 2, j // 2 : j // 2 + 2]  # if windows went column by column
    return fields(
        f"`x = {typed(x)}`, windows of 2 x 2, stride 1, no padding. "
        f"What is column {j} of `im2col(x)`, from top to bottom? The first column is column 0.",
        loops.im2col(x[None, None], (2, 2))[0, :, j],
        f"Three windows fit into a row, so column {j} is the window that begins at ({top}, {left}), row by row.",
        (window.T.ravel(), "The window is right. But a column lists it row by row: first its upper row."),
        (down.ravel(), "Windows go row by row, as the outputs do. How many fit into one row?"),
    )


def shape_of_columns(rng) -> Fields:
    c, size, k = int(rng.integers(1, 5)), int(rng.integers(6, 11)), int(rng.integers(2, 5))
    out = size - k + 1
    return fields(
        f"One image with {c} {'channel' if c == 1 else 'channels'} of {size} x {size}, a kernel of {k} x {k}, "
        "stride 1, no padding. What is the shape of its im2col matrix? Type `[rows, columns]`.",
        loops.im2col(np.ones((1, c, size, size)), (k, k)).shape[1:],
        f"A window holds {c} x {k} x {k} = {c * k * k} values, and there are {out} x {out} = {out * out} windows.",
        ((k * k, out * out), "A window reaches through all channels."),
        ((out * out, c * k * k), "Rows and columns are exchanged: each window becomes a *column*."),
        ((c * k * k, size * size), f"In how many places does a kernel of {k} fit on {size} pixels?"),
    )


def copies_of_a_pixel(rng) -> Fields:
    w, dy, left = whole(rng, 2, 2), whole(rng, 2, 3, least=-2, most=3), int(rng.integers(1, 3))
    dcols = w.reshape(4, 1) @ dy.reshape(1, 6)
    met = dy[:, left - 1 : left + 1]
    copies = (w[::-1, ::-1] * met).ravel()
    return fields(
        f"A kernel of 2 x 2, `w = {typed(w)}`, slid over an image of 3 x 4 with stride 1, and `dy = {typed(dy)}`. "
        f"`dcols` has a column for each window: `w` times the `dy` of that window. "
        f"What does the pixel (1, {left}) collect from it?",
        loops.col2im(dcols[None], (3, 4), (2, 2))[0, 0, 1, left],
        f"Four windows contain it, each with it in another position: {added(copies)} = {copies.sum():g}.",
        (copies.mean(), "That is the mean of its four copies. Nudge the pixel, and all four move at once."),
        (copies[-1], "That is the copy of the last window alone, as if the others had been overwritten."),
        (copies[0], "That is the copy of the first window alone. There are four."),
        ((w * met).sum(), "The first of its windows has the pixel in the lower right. Which weight is there?"),
    )


def buffered_addition(rng) -> Fields:
    step, (often, once) = int(rng.integers(2, 10)), (int(n) for n in rng.permutation(4)[:2])
    where = [int(n) for n in rng.permutation([often] * int(rng.integers(2, 4)) + [once])]
    assigned, summed = np.zeros(4), np.zeros(4)
    assigned[where] += step
    np.add.at(summed, where, step)
    return fields(
        f"`added = np.zeros(4)` and `where = {where}`. What is in `added` after `added[where] += {step}`?",
        assigned,
        f"The {where.count(often)} copies of place {often} all read the old 0, and all write 0 + {step}. "
        "Only one contribution is left.",
        (summed, "That is what `np.add.at` makes. NumPy reads all the old values before it writes the first new one."),
    )


def fold_of_copies(rng) -> Fields:
    size, k, value = int(rng.integers(4, 7)), int(rng.integers(2, 4)), int(rng.integers(1, 6))
    i, j = (int(n) for n in rng.integers(0, size, 2))
    windows = recipes.coverage((size, size), (k, k), (size - k + 1,) * 2, 1, 0)[i, j]
    x = np.full((1, 1, size, size), float(value))
    return fields(
        f"`x` is {size} x {size}, and every entry is {value}. "
        f"You compute `col2im(im2col(x))` with a {k} x {k} kernel, stride 1, no padding. What is at ({i}, {j})?",
        loops.col2im(loops.im2col(x, (k, k)), (size, size), (k, k))[0, 0, i, j],
        f"The pixel is in {windows:g} of the windows, so it was copied as often, and the copies add up. "
        "col2im is the transpose of im2col, not its inverse.",
        (value, "Then col2im would undo im2col. But how often did im2col copy this pixel, and what does col2im do?"),
        (value * k * k, "That is what a pixel far from every border gets. How many windows contain this one?"),
    )


def ones_of_the_matrix(rng) -> Fields:
    height, width, k = int(rng.integers(4, 6)), int(rng.integers(4, 6)), int(rng.integers(2, 4))
    i, j = int(rng.integers(0, height)), int(rng.integers(0, width))
    pixels = np.eye(height * width).reshape(-1, 1, height, width)
    A = loops.im2col(pixels, (k, k)).reshape(height * width, -1).T
    each, copied = A[0].sum(), A[:, i * width + j].sum()
    return fields(
        f"`im2col` of an image of {height} x {width} with a {k} x {k} kernel, stride 1, no padding, as a matrix `A`: "
        "a row for each entry of the columns, and a column for each pixel. "
        f"How many ones are in one row, and how many in the column of the pixel ({i}, {j})? Type both, the row first.",
        (each, copied),
        "Every entry is a copy of one pixel: a single 1 in each row. "
        f"The pixel ({i}, {j}) is in {copied:g} of the windows, so its column has as many ones.",
        ((copied, each), "The other way round: a row makes one entry, and a column belongs to one pixel."),
        ((copied, copied), "A row makes one entry of the result. How many pixels does it read?"),
        ((1, k * k), f"That is a pixel far from every border. How many windows contain ({i}, {j})?"),
        ((1, 1), "Then no pixel would be copied twice. How many windows contain it?"),
    )


def one_hot_2d(rng) -> Fields:
    w = _unequal(rng, 4, 5).reshape(2, 2)
    i, j, below = (int(n) for n in rng.integers(0, 2, 3))
    dy = np.zeros((2, 2))
    dy[i, j] = 1
    row = i + below
    right, turned = (
        loops.conv2d_single_input_gradient_scatter(dy, np.ones((3, 3)), kernel)[row] for kernel in (w, w[::-1, ::-1])
    )
    return fields(
        f"`x` is 3 x 3, `w = {typed(w)}`, stride 1, no padding, and `dy` is 1 at ({i}, {j}) and 0 elsewhere. "
        f"What is row {row} of `dx`?",
        right,
        f"Only y[{i}, {j}] counts. Its window begins at ({i}, {j}), so w appears there, as it is, "
        f"with its {'lower' if below else 'upper'} row in row {row}.",
        (turned, "Which weight did the first pixel of the window meet? That one comes back to it."),
    )


def memory_of_columns(rng) -> Fields:
    geometries = [(3, 1, 1), (5, 1, 2), (7, 1, 3), (2, 2, 0), (3, 3, 0), (4, 2, 1), (6, 2, 2), (8, 4, 2)]
    k, stride, padding = geometries[rng.integers(len(geometries))]
    size = 24
    columns = loops.im2col(np.ones((1, 1, size, size)), (k, k), stride, padding)
    return fields(
        f"Images of {size} x {size} pixels, a kernel of {k} x {k}, stride {stride}, padding {padding}. "
        "How many times as many numbers as the images do the columns contain?",
        columns.size / size**2,
        f"There are {columns.shape[2]} windows for {size * size} pixels, and each is written down in full: "
        f"{k * k} numbers.",
        (k, "A kernel has rows and columns."),
        (k * k, f"That is a window for each pixel. With stride {stride} there are fewer."),
        (columns.shape[2] / size**2, "That is how many columns there are for each pixel. But how long is a column?"),
    )


# ---------------------------------------------------------------- lesson 05


def places_of_winners(rng) -> Fields:
    x = (rng.permutation(16) + 1.0).reshape(4, 4)
    y, indices = (of[0, 0] for of in loops.max_pool2d(x[None, None], 2))
    rows, columns = indices // 4, indices % 4
    return fields(
        f"`x = {typed(x)}`. Max pooling with 2 x 2 windows takes the largest of each window. "
        "What are the indices of the four winners, numbered row by row through the whole image, from 0 to 15?",
        indices,
        "; ".join(
            f"{value:g} is at ({i}, {j}): {i} · 4 + {j} = {4 * i + j}"
            for value, i, j in zip(y.flat, rows.flat, columns.flat, strict=True)
        )
        + ".",
        (rows % 2 * 2 + columns % 2, "Those are places inside the windows. Number the pixels of the whole image."),
        (y, "Those are the winners themselves. Where are they?"),
        (columns * 4 + rows, "Rows and columns are exchanged: the index is row * 4 + column."),
    )


def _grid_with_place(rng):
    """(size of an image, size of a window, row, column, how many windows of stride 1 contain that place)."""
    size, k = int(rng.integers(3, 6)), int(rng.integers(2, 4))
    i, j = (int(n) for n in rng.integers(0, size, 2))
    return size, k, i, j, recipes.coverage((size, size), (k, k), (size - k + 1,) * 2, 1, 0)[i, j]


def won_windows(rng) -> Fields:
    size, k, i, j, windows = _grid_with_place(rng)
    grad, out = int(rng.integers(1, 5)), size - k + 1
    x = np.zeros((1, 1, size, size))
    x[0, 0, i, j] = 1
    dx = loops.max_pool2d_backward(np.full((1, 1, out, out), float(grad)), loops.max_pool2d(x, k, 1)[1], x.shape)
    return fields(
        f"Max pooling with {k} x {k} windows, stride 1, on a {size} x {size} image whose largest value is at "
        f"({i}, {j}). `dy` is {grad} everywhere. What is `dx[{i}, {j}]`?",
        dx[0, 0, i, j],
        f"It wins each window that contains it, {windows:g} of them, moves as many outputs, and the gradients add up.",
        (grad, "That is what it gets from one window. How many windows does it win?"),
        (grad * windows / k**2, "No mean is taken: the winner takes the whole gradient of each window it wins."),
        (grad * k**2, "That would be a pixel far from every border. How many windows contain this one?"),
    )


def _tied(rng, least):
    """(a window of 2 x 2, where its maximum stands): so many pixels or more hold the maximum."""
    top, ties = int(rng.integers(2, 6)), int(rng.integers(least, 5))
    window = np.append(np.full(ties, top), rng.integers(0, top, 4 - ties)).astype(float)
    window = rng.permutation(window).reshape(2, 2)
    return window, window == top


def paid_in_total(rng) -> Fields:
    window, tied = _tied(rng, 2)
    grad = int(rng.integers(1, 9))
    dy = np.full((1, 1, 1, 1), float(grad))
    dx = loops.max_pool2d_backward(dy, loops.max_pool2d(window[None, None], 2)[1], (1, 1, 2, 2))
    return fields(
        f"Max pooling met one window, `{typed(window)}`, and `dy = {grad}`. "
        "How much gradient may `dx` contain in total, if it is right?",
        dx.sum(),
        "y moves no further than the pixel that moves it, so dy is handed out once: to one of the tied pixels, "
        "or shared among them.",
        (
            tied.sum() * grad,
            f"{tied.sum()} pixels tie. If each got {grad}, the gradient would be paid {tied.sum()} times.",
        ),
        (4 * grad, "Only the winner moves y."),
    )


def measured_at_a_tie(rng) -> Fields:
    window, tied = _tied(rng, 1)
    factor, one = int(rng.integers(1, 5)), tied.sum() == 1
    first = (np.arange(4) == tied.argmax()).reshape(2, 2)
    return fields(
        f"`window = {typed(window)}`. What do central differences report for `{factor} * window.max()`, "
        "nudging each of the four entries?",
        gradcheck.numerical_gradient(lambda values: factor * np.max(values), window),
        f"The maximum is held by one entry, which moves it up and down: {factor}. The others do not reach it."
        if one
        else f"Up by eps, the maximum rises by eps. Down by eps, it stays. So half of {factor}, "
        f"for each of the {tied.sum()}.",
        (
            factor * tied,
            "That is how far it moves when an entry goes up. When it goes down, another is the maximum.",
        ),
        (factor * first, "A measurement does not know which one comes first. It nudges each of them, up and down."),
        (factor * tied / tied.sum(), "Nothing is split, because each entry is nudged alone. How far up, how far down?"),
        (0 * tied, "When the entry goes down, the maximum stays. But when it goes up?"),
        (factor / 2 * tied, "That is a tie. Here one entry alone holds the maximum."),
    )


def shares_of_a_mean(rng) -> Fields:
    size, k, i, j, windows = _grid_with_place(rng)
    grad, out = k**2 * int(rng.integers(1, 4)), size - k + 1
    return fields(
        f"Average pooling with {k} x {k} windows, stride 1, on a {size} x {size} image. `dy` is {grad} everywhere. "
        f"What is `dx[{i}, {j}]`?",
        loops.avg_pool2d_backward(np.full((1, 1, out, out), float(grad)), (1, 1, size, size), k, 1)[0, 0, i, j],
        f"It is in {windows:g} of the windows, and each gives it {grad} / {k * k} = {grad // k**2}.",
        (windows * grad, f"That is all the gradient of its windows. In each it is one of {k * k} pixels."),
        (grad / k**2, "That is its share of one window. In how many is it?"),
        (grad, "That would be a pixel far from every border. How many windows contain this one?"),
    )


def in_no_window(rng) -> Fields:
    k = int(rng.integers(2, 5))
    out, left = int(rng.integers(2, 6)), int(rng.integers(1, k))
    size = out * k + left
    unseen = int((recipes.coverage((size, size), (k, k), (out, out), k, 0) == 0).sum())
    return fields(
        f"A {k} x {k} max pool turns a channel of {size} x {size} into {out} x {out}. "
        f"How many of the {size * size} pixels can never get a gradient?",
        unseen,
        f"Of {size} rows, and of {size} columns, {left} {'is' if left == 1 else 'are'} in no window: "
        f"{size} · {size} - {out * k} · {out * k} = {unseen} pixels.",
        (left * size, "Rows are left out, and columns too."),
        (2 * left * size, "The last rows and the last columns share pixels."),
        (size**2 - out**2, "That many can lose in their windows. The question is which pixels are in no window."),
    )


def place_in_a_row(rng) -> Fields:
    c, h, w = (int(n) for n in rng.integers(2, 5, 3))
    channel, i, j = int(rng.integers(1, c)), int(rng.integers(0, h)), int(rng.integers(0, w))
    if (i, j) == (0, 0):
        return place_in_a_row(rng)
    size = c * h * w
    row = np.arange(float(size))
    return fields(
        f"`x` has shape (1, {c}, {h}, {w}), and the flatten layer receives `dy = [[0, 1, 2, ..., {size - 1}]]`. "
        f"What is `dx[0, {channel}, {i}, {j}]`?",
        loops.flatten_backward(row[None], (1, c, h, w))[0, channel, i, j],
        f"A channel has {h} · {w} = {h * w} numbers, so channel {channel} begins with {channel * h * w}. "
        f"Row {i}, column {j} is {i * w + j} further.",
        ((i * w + j) * c + channel, "That would be right if the channels of each pixel were side by side."),
        (channel * h * w, f"With that number channel {channel} begins. Where in it is ({i}, {j})?"),
        (i * w + j, "All of the channels before come first."),
    )


def gate(rng) -> Fields:
    x, dy = whole(rng, 4, least=-5, most=5), whole(rng, 4, least=-9, most=9)
    if not ((x < 0) & (dy > 0)).any() or not ((x > 0) & (dy < 0)).any():
        return gate(rng)
    return fields(
        f"A ReLU had `x = {typed(x)}` and receives `dy = {typed(dy)}`. What are the four entries of `dx`?",
        loops.relu_backward(dy, x),
        "x decides: the gradient passes where x is positive, whatever its own sign is, and stops elsewhere.",
        (dy * (dy > 0), "That is where dy is positive. But x decides."),
        (dy * (dy > 0) * (x > 0), "Where x is positive the gradient passes, negative or not."),
        (dy * x * (x > 0), "The slope is 1 where x is positive, not x."),
        (dy, "A negative x did not reach y. Can its gradient pass?"),
    )


def kept_entries(rng) -> Fields:
    mask, dy = rng.integers(0, 2, 4).astype(bool), whole(rng, 4, least=-4, most=5)
    if mask.sum() not in (1, 2, 3):
        return kept_entries(rng)
    p, factor = ((0.5, "2"), (0.75, "4"), (0.2, "1.25"))[rng.integers(3)]
    return fields(
        f"A dropout layer with `p = {p}` drew the mask `{mask.tolist()}`, where True is kept. "
        f"It receives `dy = {typed(dy)}`. What are the four entries of `dx`?",
        loops.dropout_backward(dy, mask, p),
        f"Where the mask kept x, y = {factor} x, so the gradient is multiplied by {factor}. "
        "Where it did not, x had no influence.",
        (dy * mask, f"The right entries pass. But y = {factor} x there. How far does y move when x moves by 1?"),
        (dy * ~mask, "Those were dropped. They did not reach y."),
        (dy * ~mask * float(factor), "Those were dropped. They did not reach y."),
        (dy, "What was dropped never reached y."),
    )


# ---------------------------------------------------------------- lesson 06


def shared_weight(rng) -> Fields:
    w, b, x = int(rng.integers(2, 5)), int(rng.integers(-2, 3)), int(rng.integers(1, 6))
    middle = w * x + b
    last = w * middle + b
    return fields(
        f"Two layers in a row compute `w * x + b` with the same `w = {w}` and `b = {b}`: "
        f"{x} becomes {middle}, and {middle} becomes {last}. "
        f"By how much does the {last} move for each unit that `w` moves?",
        middle + w * x,
        f"In the second layer w met {middle}. In the first it met {x}, and that effect is multiplied by {w} "
        "on its way. Both uses count, so they are added.",
        (middle, "That is the effect of w in the second layer. But it has moved what that layer reads as well."),
        (w * x, "That is the effect of w in the first layer, on its way through the second. The second uses it too."),
        (middle + x, "The two inputs are right. But a change in the first output is multiplied by w in the second."),
        ((1 + w) * middle, f"The first layer met {x}, not {middle}."),
    )


def called_twice(rng) -> Fields:
    w, x, dy = (int(n) for n in whole(rng, 3, least=-6, most=6))
    once = x * dy
    return {
        "text": f"A layer `y = w * x` with w = {w} was called with x = {x}. Its `backward({dy}.0)` is called twice, "
        "with no `zero_grad` in between. What is the gradient of w now?",
        "choices": {
            "a": (
                f"{once}, as after the first call",
                "Then a layer that is used twice in a network would forget one of its uses.",
            ),
            "b": (f"{2 * once}", ""),
            "c": ("0", "Only zero_grad clears it."),
        },
        "why": f"Gradients accumulate with +=, {once} and {once}, "
        "because a weight can affect the loss in several ways.",
    }


def second_name(rng) -> Fields:
    w, x = (int(n) for n in whole(rng, 2, least=-5, most=5))
    b = int(rng.integers(1, 6))
    step = float(rng.choice([0.5, 1.5, 2.5]))
    before, after = w * x + b, (w - step) * x + b
    return {
        "text": f"A layer stores `self.w = self.weight.data` in its constructor and returns `self.w * x + {b}`. "
        f"The weight is {w}. An optimizer now runs `layer.weight.data = layer.weight.data - {step}`. "
        f"What does `layer({x}.0)` give, before and after?",
        "choices": {
            "a": (f"{before}, and {before} again", ""),
            "b": (
                f"{before}, then {after:g}",
                "It would, if self.w were a name of the new array. Who has told it about that one?",
            ),
            "c": (
                f"{before}, then an error, because the array is gone",
                "An array lives as long as some name refers to it, and self.w does.",
            ),
        },
    }


def step_too_early(rng) -> Fields:
    w, x, dy = (int(n) for n in whole(rng, 3, least=-5, most=5))
    dw = dy * x
    moved = w - 0.1 * dw
    return fields(
        f"A layer `y = w * x` updates its weight *before* it computes `dx`: `w` = {w}, `x` = {x}, `dy` = {dy}, "
        "and the step is 0.1 · `dw`. Which `dx` does it return?",
        dy * moved,
        f"dw = {dw}, so the weight moves from {w} to {moved:g}, and dx = dy · w = {dy * moved:g}. "
        f"The right one is {dy * w}.",
        (dy * w, "That is the right dx. But by the time it is computed, the weight has moved."),
        (dy * (w + 0.1 * dw), "The step goes against the gradient."),
        (moved, "That is the weight after the step. dx is dy times that."),
        (0.1 * dw, "That is how far the weight moves."),
    )


def dropped_decimals(rng) -> Fields:
    right = rng.choice(np.arange(-11, 12), 3, replace=False) / 4
    kept = right.astype(int)
    if (right == kept).all() or not (np.floor(right) != kept).any():
        return dropped_decimals(rng)
    return fields(
        "`dx` is made with `np.zeros_like(x)`, and `x` holds integers. "
        f"The right gradient is `{right.tolist()}`. What does `dx` hold in the end?",
        kept,
        "An integer array keeps its dtype and drops the decimals, without a warning.",
        (right, "An array of integers cannot hold them."),
        (np.floor(right), "Dropped, not rounded down: -0.5 becomes 0."),
        (np.round(right), "It does not round. The decimals are dropped."),
    )


def one_weight_of_linear(rng) -> Fields:
    x, dy = whole(rng, 2, 3, least=-3, most=4), whole(rng, 2, 2, least=-2, most=3)
    o, f = int(rng.integers(0, 2)), int(rng.integers(0, 3))
    dw, terms = loops.linear_backward(dy, x, np.ones((2, 3)))[1], dy[:, o] * x[:, f]
    return fields(
        f"A linear layer with 3 features in and 2 outputs got `x = {typed(x)}` and receives `dy = {typed(dy)}`, "
        f"with a row for each image. What is `dw[{o}, {f}]`, of the weight from feature {f} to output {o}?",
        dw[o, f],
        f"Each image contributes its dy[{o}] times its x[{f}]: {added(terms)} = {terms.sum():g}.",
        *((term, f"That is what image {n} contributes. Add the other one.") for n, term in enumerate(terms)),
        (dw[1 - o, f], f"That is output {1 - o}: w has a row for each output."),
        (terms.mean(), "That is the mean over the images. A loss that is a mean has put the factor into dy already."),
        (dy[:, o].sum(), f"That is db[{o}]. Multiply, image by image, by what the weight met."),
    )
