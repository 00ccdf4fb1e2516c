"""How learners get a convolution and its gradients wrong: the mistakes that several lessons share."""

import numpy as np

from course_lib.exercises import slips
from course_lib.exercises.exercise import Mistake
from course_lib.exercises.slips import Slip


def gradient_of_input(axes):
    """The mistakes of dx. axes: 1 for (n,), 2 for (H, W), 4 for (N, C, H, W)."""
    return _mistakes(
        slips.input_gradient, _geometry(axes, SCATTER) + _kernel(axes, IN_DX) + _crops(axes) + _overlaps(axes)
        + _sums(axes, "dx") + _channels_of_input(axes),
    )  # fmt: skip


def gradient_of_weight(axes):
    """The mistakes of dw."""
    return _mistakes(
        slips.weight_gradient,
        _geometry(axes, GATHER) + _turned_result(axes) + _padding_of_input() + _remainder_of_weight()
        + _sums(axes, "dw") + _channels_of_weight(axes),
    )  # fmt: skip


def output(axes):
    """The mistakes of y, with one channel."""
    return _mistakes(slips.forward, _forward_geometry(axes) + _kernel(axes, IN_Y) + _padding_of_input() + _forward(axes))


def _mistakes(recipe, table):
    """(short, says, [steps, ...]) rows -> Mistakes of a recipe. Rows that say the same become one."""
    merged = {}
    for short, says, variants in table:
        merged.setdefault((short, says), []).extend(Slip(recipe, **steps) for steps in variants)
    return tuple(Mistake(short, says, tuple(wrongs)) for (short, says), wrongs in merged.items())


# ---------------------------------------------------------------- kernel

IN_DX = (
    "When an output hands its gradient back to its window (scatter), the kernel goes as it is; when an input collects "
    "from the outputs it fed (gather), the kernel is turned first. Which of the two do you do?"
)
IN_Y = "In deep learning the kernel is laid on the window as it stands, and is not turned."


def _kernel(axes, why):
    if axes == 1:
        return [("kernel reversed", f"The kernel seems to be used back to front. {why}", [{"w": half_turn_1d}])]
    return [
        (
            "kernel turned",
            f"The kernel seems to be turned by 180 degrees against what is needed here. {why}",
            [{"w": half_turn}],
        ),
        (
            "kernel transposed or flipped once",
            "The kernel seems to be transposed, turned by a quarter, or flipped along one axis only. "
            "Rows must stay rows, and what is done to one axis must be done to the other.",
            [{"w": flip} for flip in (transpose, flip_rows, flip_columns, quarter_turn, other_quarter_turn)],
        ),
    ]


def half_turn_1d(w):
    return w[..., ::-1]


def half_turn(w):
    return w[..., ::-1, ::-1]


def transpose(w):
    return w.swapaxes(-1, -2)


def flip_rows(w):
    return w[..., ::-1, :]


def flip_columns(w):
    return w[..., ::-1]


def quarter_turn(w):
    return np.rot90(w, axes=(-2, -1))


def other_quarter_turn(w):
    return np.rot90(w, -1, axes=(-2, -1))


def _turned_result(axes):
    if axes == 1:
        says = (
            "dw comes out back to front: dy seems to be slid over x the other way round. "
            "Which entry of x did w[0] meet when y[0] was made?"
        )
        return [("dw reversed", says, [{"turn": half_turn_1d}])]
    says = (
        "dw comes out turned by 180 degrees: the two partners of the correlation seem to be exchanged. "
        "Which pixel of x did w[0, 0] meet when y[0, 0] was made?"
    )
    flipped = "dw comes out transposed, or flipped along one axis. Rows of the kernel belong to rows of x."
    turns = (transpose, flip_rows, flip_columns, quarter_turn, other_quarter_turn)
    return [
        ("dw turned", says, [{"turn": half_turn}]),
        ("dw transposed or flipped once", flipped, [{"turn": turn} for turn in turns]),
    ]


# ---------------------------------------------------------------- stride, sizes

SCATTER = (
    "The stride seems to be missing: dy[i] hands its values back at place i, "
    "but its window started at stride * i."
)
GATHER = "The stride seems to be missing: dy[i] met the window that starts at stride * i, not at i."


def _geometry(axes, stride):
    rows = [("stride missing", stride, [{"steps": ones}])]
    skipped = "The {} of dy seems to be left out: does your loop reach every output?"
    if axes == 1:
        rows.append(("an end of dy skipped", skipped.format("last (or first) entry"), _dy(drop_last_1d, drop_first_1d)))
    else:
        rows.append((
            "stride on one axis only",
            "The stride seems to be used along one axis only. Rows and columns both move by it.",
            [{"steps": rows_only}, {"steps": columns_only}],
        ))  # fmt: skip
        rows.append((
            "a border of dy skipped", skipped.format("last (or first) row or column"),
            _dy(drop_last_row, drop_last_column, drop_last_row_and_column, drop_first_row, drop_first_column,
                drop_first_row_and_column),
        ))  # fmt: skip
        rows.append(("H and W mixed up", MIXED_UP, _dy(transpose)))
    if stride is SCATTER:
        rows += _sizes()
    else:
        rows[0][2].append({"steps": ones, "kernel_of": undilated_remainder})
    return rows


MIXED_UP = (
    "It is right for square arrays only: height and width seem to be mixed up somewhere. "
    "Go through every pair (i, j), (H, W), (kH, kW) and look which comes first."
)


def _dy(*changes):
    return [{"dy": change} for change in changes]


def ones(stride, n):
    return (1,) * n


def rows_only(stride, n):
    return stride, 1


def columns_only(stride, n):
    return 1, stride


def _without(*places):
    def change(dy):
        dy = dy.copy()
        for place in places:
            dy[(..., *place)] = 0
        return dy

    return change


ALL = slice(None)
drop_last_1d, drop_first_1d = _without((-1,)), _without((0,))
drop_last_row, drop_first_row = _without((-1, ALL)), _without((0, ALL))
drop_last_column, drop_first_column = _without((ALL, -1)), _without((ALL, 0))
drop_last_row_and_column = _without((-1, ALL), (ALL, -1))
drop_first_row_and_column = _without((0, ALL), (ALL, 0))


def _sizes():
    return [
        (
            "dy not spread by the stride",
            "The result is too short for a stride above 1: in the gather form dy must first be spread out, "
            "with stride - 1 zeros between its entries, before the kernel slides over it.",
            [{"steps": ones, "room": undilated, "crop": crop} for crop in (slips.inner, both_sides, untouched)],
        ),
        (
            "remainder dropped",
            "Inputs at the far end that no window ever reached are missing. They exist, so dx must hold them: "
            "with gradient 0. How long is x, padded?",
            [{"room": without_remainder}, {"room": without_remainder, "crop": both_sides}],
        ),
    ]


def undilated(size, kernel, count, stride, padding):
    return tuple(m + k - 1 for m, k in zip(count, kernel, strict=True))


def without_remainder(size, kernel, count, stride, padding):
    return tuple(stride * (m - 1) + k for m, k in zip(count, kernel, strict=True))


def _remainder_of_weight():
    says = (
        "dw is longer than w: sliding the spread-out dy over x leaves room for more places than the kernel has "
        "when the last inputs were never visited. Only the first k belong to w."
    )
    return [("remainder kept in dw", says, [{"kernel_of": with_remainder}])]


def with_remainder(size, kernel, stride, count):
    return tuple(n - stride * (m - 1) for n, m in zip(size, count, strict=True))


def undilated_remainder(size, kernel, stride, count):
    return tuple(n - m + 1 for n, m in zip(size, count, strict=True))


# ---------------------------------------------------------------- padding


def _crops(axes):
    rows = [
        (
            "padding not removed",
            "The result still wears the padding. The padded zeros are no inputs: only the middle is dx.",
            [{"crop": untouched}],
        ),
        (
            "wrong corner cropped",
            "The values are displaced by the padding: dx is the middle of the padded array, and not one of its corners.",
            [{"crop": top_left}, {"crop": bottom_right}],
        ),
        (
            "[p:-p] with p = 0",
            "With padding 0 nothing is left: [p:-p] is then [0:0], which is empty. "
            "Count from the front, where the size is known.",
            [{"crop": minus}],
        ),
    ]
    if axes > 1:
        rows[0][2].extend({"crop": crop} for crop in (rows_cropped, columns_cropped))
        rows[1][2].extend({"crop": crop} for crop in (top_middle, middle_left))
    return rows


def untouched(padded, size, padding):
    return padded


def _cut(*slices):
    """Functions (n, p) -> slice, one for each axis (or one for all) -> a crop."""

    def crop(padded, size, padding):
        each = slices if len(slices) == len(size) else slices * len(size)
        return padded[(..., *(cut(n, padding) for cut, n in zip(each, size, strict=True)))]

    return crop


def _front(n, p):
    return slice(0, n)


def _back(n, p):
    return slice(2 * p, None)


def _middle(n, p):
    return slice(p, p + n)


def _everything(n, p):
    return slice(None)


top_left, bottom_right = _cut(_front), _cut(_back)
top_middle, middle_left = _cut(_front, _middle), _cut(_middle, _front)
rows_cropped, columns_cropped = _cut(_middle, _everything), _cut(_everything, _middle)
minus = _cut(lambda n, p: slice(p, -p))


def both_sides(padded, size, padding):
    """The same number of entries off both ends, however many there are."""
    return padded[(..., *(slice(padding, n - padding) for n in padded.shape[-len(size) :]))]


def _padding_of_input():
    says = (
        "It is right only where the padding is 0: the windows seem to be taken from x, "
        "but the kernel met the padded x."
    )
    return [("x not padded", says, [{"pad": pad} for pad in (no_zeros, zeros_behind, zeros_in_front)])]


def no_zeros(x, padding):
    return x


def zeros_behind(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(0, 2 * padding)] * (x.ndim - 2))


def zeros_in_front(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(2 * padding, 0)] * (x.ndim - 2))


# ---------------------------------------------------------------- sums


def _overlaps(axes):
    variants = [{"add": slips.last_wins}, {"add": slips.first_wins}]
    if axes == 4:
        variants += [{"add": add, "dy": only_filter(-1)} for add in (slips.last_wins, slips.first_wins)]
    return [
        (
            "overlaps overwritten",
            "Where windows overlap, only one of them counts: a value seems to be set (=) where it must be added (+=), "
            "or added with += through an index array, which adds to each place only once.",
            variants,
        ),
        (
            "divided by coverage",
            "Where windows overlap, the sum seems to be divided by their number. "
            "An input that feeds several outputs collects from all of them: it takes the sum, not the mean.",
            [{"add": slips.averaged}],
        ),
    ]


def _sums(axes, tensor):
    places = "positions" if axes == 1 else "images or positions" if axes == 4 else "positions"
    rows = [
        ("sign", "Every value has the wrong sign.", [{"scale": negative}]),
        (
            "mean instead of sum",
            f"Everything is too small by one factor: a mean over {places} (or over the window) seems to be taken "
            "where a sum belongs. The loss takes its mean once, and dy knows of it already.",
            [{"scale": mean} for mean in ([over_positions, over_window] if axes < 4 else
             [over_positions, over_batch, over_both, over_window, over_filters])],
        ),
    ]  # fmt: skip
    positions = (first_position, last_position)
    if tensor == "dw":
        only = (
            "Only one position counts: a value seems to be set (=) where it must be added (+=), the array is made anew "
            "inside the loop, or `return` stands inside it."
        )
    else:
        only = (
            "Only one position counts: the array seems to be made anew inside the loop, or `return` stands inside it."
        )
    if axes < 4:
        return [*rows, ("only one position kept", only, _dy(*positions))]
    images, filters = (only_image(0), only_image(-1)), (only_filter(0), only_filter(-1))
    corners = [_both(position, image) for position, image in zip(positions, images, strict=True)]
    ends = [_both(corner, f) for corner, f in zip(corners, filters, strict=True)]
    mixed = [_both(position, f) for position, f in zip(positions, filters, strict=True)]
    return [
        *rows,
        ("only one position kept", only, _dy(*positions, *corners, *ends, *mixed)),
        (
            "only one image kept",
            f"{tensor} knows of one image of the batch only. Is something set (=) that must be added (+=), "
            "or made anew for each image?",
            _dy(*images, *(_both(i, f) for i, f in zip(images, filters, strict=True))),
        ),
        (
            "only one filter kept",
            f"{tensor} knows of one filter only. Every filter made outputs from x, so every one has its part in it.",
            _dy(*filters),
        ),
    ]


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


def _keep(axis, index):
    def change(dy):
        kept = np.zeros_like(dy)
        place = (ALL,) * axis + (index,)
        kept[place] = dy[place]
        return kept

    return change


def only_image(index):
    return _keep(0, index)


def only_filter(index):
    return _keep(1, index)


def first_position(dy):
    return _only_position(dy, 0)


def last_position(dy):
    return _only_position(dy, -1)


def _only_position(dy, index):
    kept = np.zeros_like(dy)
    place = (..., *(index,) * (dy.ndim - 2))
    kept[place] = dy[place]
    return kept


def _both(one, other):
    return lambda dy: other(one(dy))


# ---------------------------------------------------------------- channels

CHANNEL = (
    "The channels are mixed up: filter f, channel c of w ties input channel c to output channel f, and no other pair. "
    "Look at every index f and c."
)


def _channels_of_input(axes):
    if axes < 4:
        return []
    swaps = [{"w": swap} for swap in (swapped_channels, reread_channels, first_channel, first_filter, last_channel)]
    stamps = [{"stamps": wrong} for wrong in (filled_by_filter, one_to_one, dy_by_channel)]
    filled = [{"turn": turn} for turn in (only_image(0), only_channel(0), only_channel(-1), reversed_channels)]
    return [("wrong channel", CHANNEL, swaps + stamps + filled[1:])]


def swapped_channels(w):
    return w.swapaxes(0, 1)


def reread_channels(w):
    """reshape where transpose belongs."""
    return w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)


def first_channel(w):
    return np.broadcast_to(w[:, :1], w.shape)


def last_channel(w):
    return np.broadcast_to(w[:, -1:], w.shape)


def first_filter(w):
    return np.broadcast_to(w[:1], w.shape)


def only_channel(index):
    return _keep(1, index)


def reversed_channels(array):
    return array[:, ::-1]


def filled_by_filter(dy, w):
    """dx[n, f] += dy[n, f] * w[f, c] for every c."""
    return _into_channels(slips.product(dy, np.eye(len(w))[..., *[None] * (w.ndim - 2)] * w.sum(axis=1)[:, None]), w)


def one_to_one(dy, w):
    """dx[n, c] += dy[n, c] * w[c, c]."""
    least = min(w.shape[:2])
    diagonal = w[:least, :least] * np.eye(least)[..., *[None] * (w.ndim - 2)]
    return _into_channels(slips.product(dy[:, :least], diagonal), w)


def dy_by_channel(dy, w):
    """dx[n, c] += dy[n, c] * w[f, c] for every f."""
    C_in = w.shape[1]
    each = np.eye(C_in)[..., *[None] * (w.ndim - 2)] * w.sum(axis=0)[:, None]
    return slips.product(dy[:, :C_in], each)  # fails, as the loop would, where there are fewer filters than channels


def _into_channels(stamps, w):
    """Put what belongs to the first channels into an array for all of them; too many channels are an error."""
    out = np.zeros((len(stamps), w.shape[1], *stamps.shape[2:]))
    out[:, : stamps.shape[1]] += stamps
    return out


def _channels_of_weight(axes):
    if axes < 4:
        return []
    x = [{"x": change} for change in (first_channel, last_channel, reversed_channels)]
    dy = [{"dy": change} for change in (first_channel, last_channel)]
    filled = (swapped_channels, only_channel(0), only_channel(-1), summed_over_channels)
    return [("wrong channel", CHANNEL, x + dy + [{"turn": turn} for turn in filled])]


def summed_over_channels(dw):
    return np.broadcast_to(dw.sum(axis=1, keepdims=True), dw.shape)


# ---------------------------------------------------------------- forward


def _forward_geometry(axes):
    says = "The stride seems to be missing: window i starts at stride * i."
    rows = [
        ("stride missing", says, [{"steps": ones}, {"steps": ones, "count": unstrided}]),
        (
            "wrong number of outputs",
            "The number of windows is off. How far can the first one move, and how many places is that? "
            "(out_size says it.)",
            [{"count": count} for count in (one_less, one_padding, no_padding, rounded_up, unpadded_rounded_up)],
        ),
        ("an end of y left empty", "The last output is never filled: does your loop reach it?",
         _turns(drop_last_1d) if axes == 1 else _turns(drop_last_row, drop_last_column, drop_last_row_and_column)),
    ]  # fmt: skip
    if axes > 1:
        rows.append((
            "stride on one axis only",
            "The stride seems to be used along one axis only. Rows and columns both move by it.",
            [{"steps": rows_only}, {"steps": columns_only}],
        ))  # fmt: skip
        rows.append(("H and W mixed up", MIXED_UP, _turns(transpose)))
    return rows


def _turns(*changes):
    return [{"turn": change} for change in changes]


def _counts(formula):
    def count(size, kernel, stride, padding):
        return tuple(formula(n, k, stride, padding) for n, k in zip(size, kernel, strict=True))

    return count


unstrided = _counts(lambda n, k, s, p: n + 2 * p - k + 1)
one_less = _counts(lambda n, k, s, p: (n + 2 * p - k) // s)
one_padding = _counts(lambda n, k, s, p: (n + p - k) // s + 1)
no_padding = _counts(lambda n, k, s, p: (n - k) // s + 1)
rounded_up = _counts(lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1)
unpadded_rounded_up = _counts(lambda n, k, s, p: (n + 2 * p) // s)


def _forward(axes):
    return [
        ("sign", "Every value has the wrong sign.", [{"scale": negative}]),
        (
            "mean instead of sum",
            "Everything is too small by one factor: a mean over the window seems to be taken where a sum belongs.",
            [{"scale": over_window}],
        ),
        (
            "only one product kept",
            "Each output holds one product of its window only. Is something set (=) that must be added (+=)?",
            [{"w": last_weight}, {"w": first_weight}],
        ),
        (
            "only one position kept",
            "Only one output is filled: the array seems to be made anew inside the loop, or `return` stands inside it.",
            [{"turn": only_end(0)}, {"turn": only_end(-1)}],
        ),
    ]


def first_weight(w):
    return _only_position(w, 0) if w.ndim > 1 else only_end(0)(w)


def last_weight(w):
    return only_end(-1)(w)


def only_end(index):
    def change(array):
        kept = np.zeros_like(array)
        place = (index,) * array.ndim
        kept[place] = array[place]
        return kept

    return change


# ---------------------------------------------------------------- where wrong answers are right


def patterns(axes):
    """(sentence, the cases in which an answer is wrong that earns it), for answers no known function explains."""
    told = [
        ("It is right wherever the stride is 1: what does a larger stride change?", lambda stride, **_: stride > 1),
        ("It is right wherever the padding is 0: what does the padding change?", lambda padding, **_: padding > 0),
    ]
    if axes > 1:
        image, kernel = lambda x, **_: not _square(x), lambda w, **_: not _square(w)
        either = lambda x, w, **_: not (_square(x) and _square(w))
        told += [(MIXED_UP, mixed) for mixed in (image, kernel, either)]
    if axes == 4:
        told.append(("It is right for one image: what of the others in a batch?", lambda x, **_: len(x) > 1))
    return told


def _square(array):
    return array.shape[-1] == array.shape[-2]
