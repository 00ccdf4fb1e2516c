"""How learners get a convolution and its gradients wrong: the mistakes that several lessons share.

`axes` is 1 for (n,), 2 for (H, W) and 4 for (N, C, H, W).
"""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons import recipes

# (H, W), (kH, kW), stride, padding. Each mistake shows in one of them at least, and none hides in all: sizes that
# differ, remainders of 0, 1 and 2, windows that overlap and that do not, padding wider than the kernel reaches; and one
# in which all sizes agree, so that what is swapped gives wrong values there where elsewhere it cannot run.
GEOMETRIES = (
    ((6, 7), (3, 2), 2, 1),
    ((5, 6), (3, 3), 1, 0),
    ((6, 6), (3, 3), 2, 1),
    ((7, 8), (2, 3), 3, 0),
    ((5, 5), (3, 3), 1, 1),
    ((6, 6), (3, 3), 2, 0),
    ((7, 7), (3, 3), 2, 1),
    ((6, 6), (2, 3), 1, 2),
)


def gradient_of_input(axes):
    """The mistakes of dx."""
    slip = partial(Variant, recipes.input_gradient)
    channels = _channels_of_input(slip) if axes == 4 else ()
    return (*kernel(axes, slip, IN_DX), *scattering(axes, slip), *_skipped(axes, slip), *_sums(axes, slip), *channels)


def gradient_of_input_alone(axes):
    """The mistakes of dx, where it is all that is returned: then an exception is about nothing else."""
    slip = partial(Variant, recipes.input_gradient)
    return (*gradient_of_input(axes), *no_room(slip), *_zeros_around_dy(slip))


def gradient_of_weight(axes):
    """The mistakes of dw."""
    slip = partial(Variant, recipes.weight_gradient)
    channels = _channels_of_weight(slip) if axes == 4 else ()
    return (
        *_turned_result(axes, slip),
        Mistake(
            "stride missing",
            "The stride seems to be missing: dy[i] met the window that starts at stride * i, not at i.",
            (slip(steps=ones), slip(steps=ones, kernel_of=every_place)),
        ),
        *_one_axis(axes, slip),
        Mistake(
            "remainder kept in dw",
            "dw is longer than w: sliding the spread-out dy over x leaves room for more places than the kernel has "
            "when the last inputs were never visited. Only the first k belong to w.",
            (slip(kernel_of=with_remainder),),
        ),
        Mistake("x not padded", NOT_PADDED, tuple(slip(pad=pad) for pad in WRONG_PADS)),
        *_skipped(axes, slip),
        *_sums(axes, slip, SET_OR_MADE_ANEW),
        *channels,
    )


def output(axes):
    """The mistakes of y, with one channel."""
    slip = partial(Variant, recipes.forward)
    return (
        *kernel(axes, slip, IN_Y),
        Mistake(
            "stride missing",
            "The stride seems to be missing: window i starts at stride * i.",
            (slip(steps=ones), slip(steps=ones, count=unstrided)),
        ),
        *_one_axis(axes, slip),
        Mistake(
            "wrong number of outputs",
            "The number of windows is off. How far can the first one move, and how many places is that? "
            "(`out_size` says it.)",
            tuple(slip(count=count) for count in WRONG_COUNTS),
        ),
        Mistake("x not padded", NOT_PADDED, tuple(slip(pad=pad) for pad in WRONG_PADS)),
        Mistake(
            "an end of y left empty",
            "The first or last outputs are never filled: does your loop reach every one?",
            tuple(slip(turn=drop) for drop in ENDS[min(axes, 2)]),
        ),
        Mistake("sign", SIGN, (slip(scale=negative),)),
        Mistake(
            "mean instead of sum",
            "Everything is too small by one factor: a mean over the window seems to be taken where a sum belongs.",
            (slip(scale=over_window),),
        ),
        Mistake(
            "only one product kept",
            "Each output holds one product of its window only. Is something set (=) that must be added (+=)?",
            tuple(slip(w=partial(_only_position, index=index)) for index in (0, -1)),
        ),
        Mistake("only one position kept", MADE_ANEW, tuple(slip(turn=position) for position in POSITIONS)),
        *(_two_axes(slip) if axes == 2 else ()),
    )


def _two_axes(slip):
    return (
        Mistake("H and W mixed up", MIXED_UP, (slip(turn=transpose),)),
        Mistake(
            "matrix product",
            "A matrix product seems to stand where number is multiplied by number: `@` pairs rows with columns. "
            "Lay the kernel on the window, multiply what lies on what, and sum.",
            (partial(matrix_product, pairs="abij,bc->ij"), partial(matrix_product, pairs="abij,cb->ij")),
        ),
    )


def matrix_product(x, w, stride, padding, pairs):
    """The sum of window @ w, or of window @ w.T."""
    count = recipes.out_sizes(x.shape, w.shape, stride, padding)
    return np.einsum(pairs, recipes.unfold(x[None, None], w.shape, stride, padding, count)[0, 0], w)


def scattering(axes, slip):
    """The mistakes of whatever adds windows up in a larger array and then takes the padding off."""
    return (
        Mistake(
            "stride missing",
            "The stride seems to be missing: what belongs to output i is added at place i, "
            "but its window started at stride * i.",
            (slip(steps=ones),),
        ),
        *_one_axis(axes, slip),
        Mistake(
            "not spread by the stride",
            "The result is too short for a stride above 1. Windows stand stride apart, so their values must be spread "
            "out first: in the gather form, stride - 1 zeros go between the entries of dy.",
            tuple(slip(steps=ones, room=unspread, crop=crop) for crop in (recipes.inner, both_sides, untouched)),
        ),
        Mistake(
            "remainder dropped",
            "Inputs at the far end that no window ever reached are missing. They exist, so the result must hold them: "
            "with gradient 0. How large was the padded input?",
            tuple(slip(room=without_remainder, crop=crop) for crop in (recipes.inner, both_sides)),
        ),
        Mistake(
            "padding not removed",
            "The result still wears the padding. The padded zeros are no inputs: only the middle is asked for.",
            tuple(slip(crop=crop) for crop in (untouched, *((rows_cropped, columns_cropped) if axes > 1 else ()))),
        ),
        Mistake(
            "wrong corner cropped",
            "The values are displaced by the padding: the result is the middle of the padded array, "
            "and not one of its corners.",
            tuple(slip(crop=crop) for crop in (top_left, bottom_right, *((top, left) if axes > 1 else ()))),
        ),
        Mistake(
            "[p:-p] with p = 0",
            "With padding 0 nothing is left: [p:-p] is then [0:0], which is empty. "
            "Count from the front, where the size is known.",
            (slip(crop=minus),),
        ),
        Mistake(
            "overlaps overwritten",
            "Where windows overlap, only one of them counts: a value seems to be set (=) where it must be added (+=), "
            "or added with += through an index array, which adds to each place only once.",
            (
                slip(add=recipes.last_wins),
                slip(add=recipes.first_wins),
                *_last_filter_too(axes, slip),
            ),
        ),
        Mistake(
            "divided by coverage",
            "Where windows overlap, the sum seems to be divided by their number. "
            "An input that feeds several outputs collects from all of them: it takes the sum, not the mean.",
            (slip(add=recipes.averaged),),
        ),
    )


def no_room(slip):
    return (
        Mistake(
            "no room for the padding",
            "It fails where there is padding: windows reach into the border, and what they are added to has none. "
            "Make it as large as the padded input, and take the border off at the end.",
            (slip(room=bare, crop=untouched),),
        ),
    )


def _zeros_around_dy(slip):
    """The mistakes of the gather form where dy is padded so that nothing need be cut off."""
    return (
        Mistake(
            "dy padded like x",
            "dy seems to get as many zeros around it as x got. The more padding went in forward, the less is needed "
            "backward: how far does the kernel reach over the end of dy, and how much of that is padding of x?",
            (padded_like_x,),
        ),
        Mistake(
            "padding wider than the kernel reaches",
            "It fails where the padding is larger than k - 1. There the outermost outputs saw nothing but padding: "
            "a negative number of zeros around dy means that its border is cut off.",
            (slip(room=fails_where_the_padding_is_wider),),
        ),
    )


def _last_filter_too(axes, slip):
    """= in a loop over the filters keeps the last filter only."""
    if axes < 4:
        return ()
    return tuple(slip(add=add, dy=keep(1, -1)) for add in (recipes.last_wins, recipes.first_wins))


# ---------------------------------------------------------------- the kernel

IN_DX = (
    "When an output hands its gradient back to its window (scatter), the kernel goes as it is; when an input collects "
    "from the outputs it fed (gather), the kernel is turned first. Which of the two do you do?"
)
IN_Y = "In deep learning the kernel is laid on the window as it stands, and is not turned."


def kernel(axes, slip, why):
    if axes == 1:
        says = f"The kernel seems to be used back to front. {why}"
        return (Mistake("kernel turned", says, (slip(w=half_turn_1d),)),)
    return (
        Mistake(
            "kernel turned",
            f"The kernel seems to be turned by 180 degrees against what is needed here. {why}",
            (slip(w=half_turn),),
        ),
        Mistake(
            "kernel transposed or flipped once",
            "The kernel seems to be transposed, turned by a quarter, or flipped along one axis only. "
            "Rows must stay rows, and what is done to one axis must be done to the other.",
            tuple(slip(w=flip) for flip in FLIPS),
        ),
    )


def _turned_result(axes, slip):
    if axes == 1:
        says = (
            "dw comes out back to front: dy seems to be slid over x the other way round. "
            "Which entry of x did w[0] meet when y[0] was made?"
        )
        return (Mistake("dw turned", says, (slip(turn=half_turn_1d),)),)
    return (
        Mistake(
            "dw turned",
            "dw comes out turned by 180 degrees: the two partners of the correlation seem to be exchanged. "
            "Which pixel of x did w[0, 0] meet when y[0, 0] was made?",
            (slip(turn=half_turn),),
        ),
        Mistake(
            "dw transposed or flipped once",
            "dw comes out transposed, or flipped along one axis. Rows of the kernel belong to rows of x.",
            tuple(slip(turn=flip) for flip in FLIPS),
        ),
    )


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

ONE_AXIS = "The stride seems to be used along one axis only. Rows and columns both move by it."
MIXED_UP = (
    "It is right for square arrays only: height and width seem to be mixed up somewhere. "
    "Go through every pair (i, j), (H, W), (kH, kW) and look which comes first."
)


def _one_axis(axes, slip):
    if axes == 1:
        return ()
    return (Mistake("stride on one axis only", ONE_AXIS, (slip(steps=rows_only), slip(steps=columns_only))),)


def ones(stride, n):
    return (1,) * n


def rows_only(stride, n):
    return stride, 1


def columns_only(stride, n):
    return 1, stride


def _skipped(axes, slip):
    what = "last (or first) entry" if axes == 1 else "last (or first) row or column"
    says = f"The {what} of dy seems to be left out: does your loop reach every output?"
    skipped = Mistake("a border of dy skipped", says, tuple(slip(dy=drop) for drop in ENDS[min(axes, 2)]))
    return (skipped,) if axes == 1 else (skipped, Mistake("H and W mixed up", MIXED_UP, (slip(dy=transpose),)))


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


def without_remainder(size, kernel, count, stride, padding):
    return tuple(stride * (m - 1) + k for m, k in zip(count, kernel, strict=True))


def with_remainder(size, kernel, stride, count):
    return tuple(n - stride * (m - 1) for n, m in zip(size, count, strict=True))


def every_place(size, kernel, stride, count):
    return tuple(n - m + 1 for n, m in zip(size, count, strict=True))


def _counts(formula):
    def count(size, kernel, stride, padding):
        return tuple(formula(n, k, stride, padding) for n, k in zip(size, kernel, strict=True))

    return count


unstrided = _counts(lambda n, k, s, p: n + 2 * p - k + 1)
one_less = _counts(lambda n, k, s, p: (n + 2 * p - k) // s)
one_padding = _counts(lambda n, k, s, p: (n + p - k) // s + 1)
no_padding = _counts(lambda n, k, s, p: (n - k) // s + 1)
rounded_up = _counts(lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1)
kernel_forgotten = _counts(lambda n, k, s, p: (n + 2 * p) // s)
end_missed = _counts(lambda n, k, s, p: -(-(n + 2 * p - k) // s))  # range(0, n + 2 p - k, s)
WRONG_COUNTS = (one_less, one_padding, no_padding, rounded_up, kernel_forgotten, end_missed)

# ---------------------------------------------------------------- padding

NOT_PADDED = (
    "It is right only where the padding is 0: are the windows taken from the bare x? The kernel met x with zeros on "
    "*both* sides, along its positions and along no other axis."
)


def no_zeros(x, padding):
    return x


def fails_at_the_border(x, padding):
    """Without padding the last windows are cut short, and do not fit."""
    if padding:
        raise ValueError("the windows at the border are too small")
    return x


def zeros_behind(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(0, 2 * padding)] * (x.ndim - 2))


def zeros_in_front(x, padding):
    return np.pad(x, [(0, 0), (0, 0)] + [(2 * padding, 0)] * (x.ndim - 2))


WRONG_PADS = (no_zeros, fails_at_the_border, zeros_behind, zeros_in_front)


def bare(size, kernel, count, stride, padding):
    return tuple(size)


def fails_where_the_padding_is_wider(size, kernel, count, stride, padding):
    if padding > min(kernel) - 1:
        raise ValueError("a negative number of zeros")
    return tuple(n + 2 * padding for n in size)


def padded_like_x(dy, x, w, stride, padding):
    """dx where dy gets `padding` zeros all around, in place of k - 1 - padding."""
    whole = Variant(recipes.input_gradient, crop=untouched)(dy, x, w, stride, padding)  # of k - 1 zeros
    n = 1 if x.ndim == 1 else 2
    less = [k - 1 - padding for k in w.shape[-n:]]
    whole = np.pad(whole, [(0, 0)] * (whole.ndim - n) + [(max(-few, 0),) * 2 for few in less])
    return whole[(..., *(slice(max(few, 0), m - max(few, 0)) for few, m in zip(less, whole.shape[-n:], strict=True)))]


def untouched(padded, size, padding):
    return padded


def both_sides(padded, size, padding):
    """The same number of entries off both ends, however many there are."""
    return padded[(..., *(slice(padding, n - padding) for n in padded.shape[-len(size) :]))]


def _cropped(*cuts):
    """Functions (n, p) -> slice, one for all axes or one for each."""

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

SIGN = "Every value has the wrong sign."
MADE_ANEW = "Only one position counts: the array seems to be made anew inside the loop, or `return` stands inside it."
SET_OR_MADE_ANEW = (
    "Only one position counts: a value seems to be set (=) where it must be added (+=), the array is made anew inside "
    "the loop, or `return` stands inside it."
)


def _sums(axes, slip, one_position=MADE_ANEW):
    if axes == 4:
        what, means = "images, positions or filters", (over_positions, over_batch, over_both, over_window, over_filters)
    else:
        what, means = "positions, or over the window,", (over_positions, over_window)
    rows = (
        Mistake("sign", SIGN, (slip(scale=negative),)),
        Mistake(
            "mean instead of sum",
            f"Everything is too small by one factor: a mean over {what} seems to be taken where a sum belongs. "
            "The loss takes its mean once, and dy knows of it already.",
            tuple(slip(scale=mean) for mean in means),
        ),
    )
    if axes < 4:
        return (*rows, Mistake("only one position kept", one_position, tuple(slip(dy=p) for p in POSITIONS)))
    return (*rows, *_only_one(slip, one_position))


def _only_one(slip, one_position):
    images, filters = (keep(0, 0), keep(0, -1)), (keep(1, 0), keep(1, -1))
    position_image = tuple(map(_both, POSITIONS, images))
    return (
        Mistake(
            "only one position kept",
            one_position,
            tuple(
                slip(dy=dy)
                for dy in (
                    *POSITIONS,
                    *position_image,
                    *map(_both, POSITIONS, filters),
                    *map(_both, position_image, filters),
                )
            ),
        ),
        Mistake(
            "only one image kept",
            "Only one image of the batch counts. Is something set (=) that must be added (+=), or made anew for each "
            "image?",
            tuple(slip(dy=dy) for dy in (*images, *map(_both, images, filters))),
        ),
        Mistake(
            "only one filter kept",
            "Only one filter counts. Each of them made outputs from x, so each has its part.",
            tuple(slip(dy=dy) for dy in filters),
        ),
    )


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


def _only_position(array, index):
    """Of arrays (N, C, *positions), or of a bare kernel, keep one position."""
    kept = np.zeros_like(array)
    place = (..., *(index,) * (array.ndim - 2 if array.ndim > 2 else array.ndim))
    kept[place] = array[place]
    return kept


POSITIONS = tuple(partial(_only_position, index=index) for index in (0, -1))


def _both(one, other):
    return lambda array: other(one(array))


# ---------------------------------------------------------------- a step too early

STEPPED = (
    "dx is that of weights which have moved already: w - lr * dw. y was made with the old weights, so dx needs those: "
    "compute it before the step, and leave the step to the optimizer."
)


class MovedWeights:
    """dx after a step of the weights, with a learning rate that can be read off the learner's dx.

    gradients(dy, x, w, *geometry) -> dx, dw, ..., linear in w as far as dx is concerned.
    """

    def __init__(self, gradients, lr=0.1):
        self.gradients, self.lr = gradients, lr

    def __call__(self, dy, x, w, *geometry):
        dw = self.gradients(dy, x, w, *geometry)[1]
        return self.gradients(dy, x, w - self.lr * dw, *geometry)[0]

    def fitted(self, found, dy, x, w, *geometry):
        right, dw, *_ = self.gradients(dy, x, w, *geometry)
        direction = self.gradients(dy, x, dw, *geometry)[0]
        if found.shape != right.shape or not np.isfinite(found).all():
            return self
        return MovedWeights(self.gradients, np.vdot(right - found, direction) / np.vdot(direction, direction))


def moved_weights(gradients):
    return Mistake("weights moved before dx", STEPPED, (MovedWeights(gradients),))


# ---------------------------------------------------------------- channels

CHANNEL = (
    "The channels are mixed up: filter f, channel c of w ties input channel c to output channel f, and no other pair. "
    "Look at every index f and c."
)


def _channels_of_input(slip):
    wrong = [slip(w=w) for w in (swapped_channels, reread_channels, first_channel, last_channel, first_filter)]
    wrong += [slip(stamps=stamps) for stamps in (filled_by_filter, one_to_one, dy_by_channel)]
    wrong += [slip(turn=turn) for turn in (keep(1, 0), keep(1, -1), reversed_channels, summed_over_channels)]
    return (Mistake("wrong channel", CHANNEL, tuple(wrong)),)


def _channels_of_weight(slip):
    wrong = [slip(x=x) for x in (first_channel, last_channel, reversed_channels)]
    wrong += [slip(dy=dy) for dy in (first_channel, last_channel)]
    wrong += [slip(turn=turn) for turn in (swapped_channels, keep(1, 0), keep(1, -1), summed_over_channels)]
    return (Mistake("wrong channel", CHANNEL, tuple(wrong)),)


def swapped_channels(w):
    return w.swapaxes(0, 1)


def reread_channels(w):
    """reshape where transpose belongs."""
    return w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)


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
    """(C, *kernel) -> (C, C, *kernel): each channel its own kernel, and zeros between different ones."""
    C = len(kernels)
    between = np.zeros((C, C, *kernels.shape[1:]))
    between[range(C), range(C)] = kernels
    return between


def _into_channels(stamps, w):
    """Put what belongs to the first channels into an array for all of them; too many channels are an error."""
    out = np.zeros((len(stamps), w.shape[1], *stamps.shape[2:]))
    out[:, : stamps.shape[1]] += stamps
    return out


# ---------------------------------------------------------------- about the cases

ONE_HOT_SHOWS = {
    "dx": "dy is zero but for one 1: dx shows what that output hands back to its window.",
    "dw": "dy is zero but for one 1: dw shows what that output looked at.",
}


def coverage(dy, x, w, stride, padding):
    """How many windows hold each entry of x, over its spatial axes."""
    n = 1 if x.ndim == 1 else 2
    return recipes.coverage(x.shape[-n:], w.shape[-n:], dy.shape[-n:], stride, padding)


def patterns(axes):
    """(sentence, the cases in which an answer is wrong that earns it), for answers no known function explains."""
    told = geometry_patterns(
        lambda x, w, **_: (x.shape[-axes:], w.shape[-axes:]) if axes < 4 else (x.shape[2:], w.shape[2:])
    )
    if axes == 4:
        told.append(("It is right for one image: what of the others in a batch?", lambda x, **_: len(x) > 1))
    return told


def geometry_patterns(sizes):
    """The same for whatever has a stride and a padding. sizes(**case) -> the sizes of the image and of the kernel."""

    def not_square(*which):
        def mixed(stride, padding, **case):
            image, kernel = sizes(**case)
            found = {"image": image, "kernel": kernel, "out": recipes.out_sizes(image, kernel, stride, padding)}
            return any(len(set(found[name])) > 1 for name in which)

        return mixed

    return [
        *((MIXED_UP, not_square(*which)) for which in (["image"], ["kernel"], ["image", "kernel"], ["out"])),
        ("It is right wherever the stride is 1: what does a larger stride change?", lambda stride, **_: stride > 1),
        ("It is right wherever the padding is 0: what does the padding change?", lambda padding, **_: padding > 0),
    ]
