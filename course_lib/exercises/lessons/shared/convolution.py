"""The mistakes that people make in a convolution and its gradients.

`axes` is 1 for (n,), 2 for (H, W) and 4 for (N, C, H, W).
"""

from dataclasses import replace
from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Adjustable, Variant
from course_lib.exercises.lessons.shared import by_index, gathering, recipes, sentences, wrong_steps


def gradient_of_input(axes):
    """The mistakes in dx."""
    variant = partial(Variant, recipes.input_gradient)
    channels = _channels_of_input(variant) if axes == 4 else ()
    return (
        *kernel(axes, variant, IN_DX),
        _turned_upstream(axes, variant),
        *scattering(axes, variant),
        repeated(variant, "dy"),
        *_skipped(axes, variant),
        *_sums(axes, variant, of_first=(variant(turn=wrong_steps.into_first_image),)),
        *channels,
        *by_index.in_input_gradient(axes),
        _other_array("dx", "x", "w", _x_for_w),
        cropped_at_the_size(variant),
    )


def gradient_of_input_alone(axes):
    """The mistakes in dx where dx is the only result, so that an exception can only be about dx."""
    variant = partial(Variant, recipes.input_gradient)
    rooms = _square_rooms(axes, variant)
    return (
        *(
            replace(one, examples=one.examples + rooms) if one.message == sentences.MIXED_UP else one
            for one in gradient_of_input(axes)
        ),
        _no_room(variant),
        *gathering.mistakes(axes, variant),
    )


def gradient_of_weight(axes):
    """The mistakes in dw."""
    variant = partial(Variant, recipes.weight_gradient)
    channels = _channels_of_weight(variant) if axes == 4 else ()
    return (
        *_turned_result(axes, variant),
        _turned_upstream(axes, variant),
        Mistake(
            "stride missing",
            "The stride seems to be missing. dy[i] belongs to the window that starts at stride * i, not at i.",
            (variant(steps=wrong_steps.ones), variant(steps=wrong_steps.ones, kernel_of=wrong_steps.every_place)),
            source="https://github.com/Kulbear/deep-learning-coursera/pull/34",
        ),
        *one_axis(axes, variant),
        Mistake(
            "stride and padding not used",
            sentences.NEITHER,
            (
                variant(steps=wrong_steps.ones, pad=wrong_steps.no_zeros),
                variant(steps=wrong_steps.ones, pad=wrong_steps.no_zeros, kernel_of=wrong_steps.every_place),
            ),
        ),
        Mistake(
            "remainder kept in dw",
            "dw is longer than w. "
            "When the last inputs were never visited, the spread-out dy "
            "can slide over x to more places than the kernel has entries. "
            "Only the first k belong to w.",
            (variant(kernel_of=wrong_steps.with_remainder),),
            source="https://github.com/meta-pytorch/opacus/pull/245",
        ),
        Mistake("repeated, not spread", _REPEATED.format("dy"), (partial(dy_repeated, variant()),)),
        *(_zeros_behind_dy(variant) if axes < 4 else ()),
        Mistake("x not padded", sentences.NOT_PADDED, tuple(variant(pad=pad) for pad in wrong_steps.WRONG_PADS)),
        odd_padding(axes, variant),
        Mistake(
            "sums multiplied",
            "The windows are summed first, and then multiplied by the sum of dy. "
            "Each window has its own dy: multiply them, and sum the products.",
            (partial(sums_multiplied, variant()),),
        ),
        *_skipped(axes, variant),
        *_sums(axes, variant, sentences.SET_OR_MADE_ANEW, (variant(x=wrong_steps.first_image),)),
        *channels,
        *by_index.in_weight_gradient(axes),
        _other_array("dw", "w", "x", _w_for_x),
    )


def _zeros_behind_dy(variant):
    return (
        Mistake(
            "zeros after the last entry of dy",
            "dw has the wrong size unless the stride leaves exactly stride - 1 rows over. "
            "dy seems to get stride - 1 zeros after its last entry as well. Zeros belong *between* the entries.",
            (variant(kernel_of=wrong_steps.zeros_behind_dy),),
        ),
    )


def _other_array(gradient, name, other, wrong):
    return Mistake(
        f"{name} in place of {other}",
        f"Numbers of {name} stand in {gradient} where those of {other} belong. In y = x * w, "
        "how far y moves with one of the two is told by the other.",
        (wrong,),
    )


def _x_for_w(dy, x, w, stride, padding):
    """dx where every output hands dy * x back, and not dy * w."""
    n = min(x.ndim, 2)
    dy, x = (dy, x) if x.ndim > 2 else (dy[None, None], x[None, None])
    windows = recipes.unfold(x, w.shape[-n:], stride, padding, dy.shape[2:])
    kernel = (slice(None), slice(None), *(None,) * n)
    dx = recipes.fold(windows * dy.sum(axis=1, keepdims=True)[kernel], x.shape[2:], stride, padding)
    return dx if w.ndim > 2 else dx[0, 0]


def _w_for_x(dy, x, w, stride, padding):
    """dw where every output brings dy * w, and not dy * x."""
    return dy.sum(axis=(0, 2, 3))[:, None, None, None] * w if x.ndim > 2 else dy.sum() * w


def dy_repeated(right, dy, x, w, stride, padding):
    """dw where dy is enlarged with copies in place of zeros, and then slides over x step by step."""
    for axis in range(-(1 if dy.ndim == 1 else 2), 0):
        dy = np.delete(dy.repeat(stride, axis), np.s_[dy.shape[axis] * stride - stride + 1 :], axis)
    return right(dy, x, w, 1, padding)


def sums_multiplied(right, dy, *rest):
    """dw where every position counts with the sum of dy over all of them."""
    n = 1 if dy.ndim == 1 else 2
    total = dy.sum(axis=tuple(range(-n, 0)), keepdims=True)
    return right(np.broadcast_to(total, dy.shape), *rest)


def odd_padding(axes, variant):
    pads = (wrong_steps.by_the_edge, *((wrong_steps.along_every_axis,) if axes == 4 else ()))
    return Mistake(
        "padded in another way",
        "The padding is not as in the forward pass. "
        "The border consists of zeros, not of copies, and it lies along rows and columns, "
        "not along images or channels.",
        tuple(variant(pad=pad) for pad in pads),
    )


def scattering(axes, variant):
    """The mistakes in whatever adds windows into a larger array and then removes the padding."""
    return (
        Mistake(
            "stride missing",
            "The stride seems to be missing. Output i is added at place i, but its window started at stride * i.",
            (variant(steps=wrong_steps.ones),),
            source="https://github.com/enggen/Deep-Learning-Coursera/issues/7",
        ),
        *one_axis(axes, variant),
        Mistake(
            "not spread by the stride",
            "The result is too short for a stride above 1. "
            "Windows start stride apart, so their values must be spread out first. "
            "In the gather form, stride - 1 zeros go between the entries of dy.",
            (
                variant(steps=wrong_steps.ones, room=wrong_steps.unspread),
                variant(steps=wrong_steps.ones, room=wrong_steps.unspread, crop=wrong_steps.both_sides),
            ),
        ),
        Mistake(
            "stride and padding not used",
            sentences.NEITHER,
            (variant(steps=wrong_steps.ones, room=wrong_steps.unspread, crop=wrong_steps.untouched),),
        ),
        Mistake(
            "remainder dropped",
            "Inputs at the far end, which no window ever reached, are missing. "
            "They exist, so the result must contain them, with gradient 0. "
            "How large was the padded input?",
            (
                variant(room=wrong_steps.without_remainder),
                *(
                    variant(room=wrong_steps.without_remainder, crop=crop)
                    for crop in (wrong_steps.both_sides, wrong_steps.both_sides_filled)
                ),
            ),
            source="https://github.com/torch/DEPRECEATED-torch7-distro/issues/20",
        ),
        Mistake(
            "padding not removed",
            "The result still includes the padding. Those zeros are not inputs: return only the middle.",
            tuple(
                variant(crop=crop)
                for crop in (
                    wrong_steps.untouched,
                    *((wrong_steps.rows_cropped, wrong_steps.columns_cropped) if axes > 1 else ()),
                )
            ),
        ),
        Mistake(
            "wrong corner cropped",
            "The values are shifted by the padding. "
            "The result is the middle of the padded array, not one of its corners.",
            tuple(
                variant(crop=crop)
                for crop in (
                    wrong_steps.top_left,
                    wrong_steps.bottom_right,
                    *((wrong_steps.top, wrong_steps.left) if axes > 1 else ()),
                )
            ),
        ),
        Mistake(
            "[p:-p] with p = 0",
            "With padding 0 nothing is left, because [p:-p] becomes [0:0], which is empty. "
            "Count from the front, where the size is known.",
            (variant(crop=wrong_steps.minus),),
        ),
        Mistake(
            "overlaps overwritten",
            "Where windows overlap, only one of them counts. "
            "A value seems to be set (=) where it must be added to (+=), "
            "or you use += with an index array, which adds to each place only once.",
            (
                variant(add=recipes.last_wins),
                variant(add=recipes.first_wins),
                *_last_filter_too(axes, variant),
            ),
        ),
        Mistake(
            "divided by coverage",
            "Where windows overlap, the sum seems to be divided by their number. "
            "An input that feeds several outputs collects a gradient "
            "from each of them: it takes the sum, not the mean.",
            (variant(add=recipes.averaged),),
        ),
    )


def repeated(variant, enlarged):
    """An array, whose name the message takes, is enlarged with copies: a mistake of the gather form."""
    return Mistake(
        "repeated, not spread",
        _REPEATED.format(enlarged),
        (variant(add=wrong_steps.repeated), variant(add=wrong_steps.repeated_and_cut)),
    )


_REPEATED = (
    "{0} is enlarged by repeating its entries, as np.repeat does. "
    "Each entry counts once, for the window that starts at stride * i: zeros go between them, not copies."
)


def no_room(variant):
    return cropped_at_the_size(variant), _no_room(variant)


def cropped_at_the_size(variant):
    return Mistake(
        "cropped at the size",
        "The crop ends too early: `[p : n]` counts n from the border. The image begins at p and has n entries.",
        (variant(crop=wrong_steps.until_size), variant(crop=wrong_steps.until_size_without_padding)),
    )


def _no_room(variant):
    return Mistake(
        "no room for the padding",
        "It fails where there is padding. "
        "Windows reach into the border, but the array they are added to has no border. "
        "Make it as large as the padded input, and crop the border at the end.",
        (variant(room=wrong_steps.bare, crop=wrong_steps.untouched),),
    )


def _last_filter_too(axes, variant):
    """Assigning (=) in a loop over the filters keeps the last filter only."""
    if axes < 4:
        return ()
    return tuple(variant(add=add, dy=wrong_steps.keep(1, -1)) for add in (recipes.last_wins, recipes.first_wins))


# ---------------------------------------------------------------- the kernel

IN_DX = (
    "When an output hands its gradient back to its window (scatter), the kernel is used as it is. "
    "When an input collects from the outputs it fed (gather), the kernel is turned first. "
    "Which of the two do you do?"
)


REVERSED = "The kernel seems to be used in reverse order."


def kernel(axes, variant, why):
    if axes == 1:
        return (Mistake("kernel turned", f"{REVERSED} {why}", (variant(w=wrong_steps.half_turn_1d),)),)
    return (
        Mistake(
            "kernel turned",
            f"The kernel seems to be turned by 180 degrees compared with what is needed here. {why}",
            (variant(w=wrong_steps.half_turn),),
        ),
        Mistake(
            "kernel transposed or flipped once",
            "The kernel seems to be transposed, turned by 90 degrees, or flipped along one axis only. "
            "Rows must stay rows, and both axes must be treated alike.",
            tuple(variant(w=flip) for flip in wrong_steps.FLIPS),
        ),
    )


def _turned_result(axes, variant):
    if axes == 1:
        says = (
            "dw comes out reversed: you seem to slide dy over x in the wrong direction. "
            "Which entry of x did w[0] meet when y[0] was made?"
        )
        return (Mistake("dw turned", says, (variant(turn=wrong_steps.half_turn_1d),)),)
    return (
        Mistake(
            "dw turned",
            "dw comes out turned by 180 degrees. "
            "You seem to have exchanged the two operands of the correlation. "
            "Which pixel of x did w[0, 0] meet when y[0, 0] was made?",
            (variant(turn=wrong_steps.half_turn),),
        ),
        Mistake(
            "dw transposed or flipped once",
            "dw comes out transposed, or flipped along one axis. Rows of the kernel belong to rows of x.",
            tuple(variant(turn=flip) for flip in wrong_steps.FLIPS),
        ),
    )


def _turned_upstream(axes, variant):
    return Mistake(
        "dy turned",
        "dy is walked through in the wrong direction, as a true convolution (`np.convolve`) does. "
        "dy[0] belongs to the first window.",
        (variant(dy=wrong_steps.half_turn_1d if axes == 1 else wrong_steps.half_turn),),
    )


# ---------------------------------------------------------------- stride and borders


def one_axis(axes, variant, *more):
    if axes == 1:
        return ()
    return (
        Mistake(
            "a line copied",
            sentences.LINE_COPIED,
            (variant(steps=wrong_steps.both_by_row), variant(steps=wrong_steps.both_by_column)),
        ),
        Mistake(
            "stride on one axis only",
            sentences.ONE_AXIS,
            (variant(steps=wrong_steps.rows_only), variant(steps=wrong_steps.columns_only), *more),
        ),
    )


def _square_rooms(axes, variant):
    """dx in an array that is as wide as it is high, or as high as it is wide."""
    rooms = (wrong_steps.of_height, wrong_steps.of_width) if axes > 1 else ()
    return tuple(variant(room=room) for room in rooms)


def _skipped(axes, variant):
    what = "last (or first) entry" if axes == 1 else "last (or first) row or column"
    says = f"The {what} of dy seems to be left out. Does your loop reach every output?"
    skipped = Mistake(
        "a border of dy skipped", says, tuple(variant(dy=drop) for drop in wrong_steps.ENDS[min(axes, 2)])
    )
    if axes == 1:
        return (skipped,)
    one_row = Mistake("only one row kept", sentences.ONE_ROW, tuple(variant(dy=row) for row in _first_rows(axes)))
    mixed_up = Mistake(
        "H and W mixed up",
        sentences.MIXED_UP,
        (variant(dy=wrong_steps.transpose),),
        source="https://github.com/renmengye/np-conv2d/pull/2",
    )
    return skipped, one_row, mixed_up


def _first_rows(axes):
    """One row alone; with images and filters, also that of the first of each."""
    if axes < 4:
        return wrong_steps.ROWS
    first = map(wrong_steps.one_after_the_other, wrong_steps.ROWS, (wrong_steps.keep(1, 0), wrong_steps.keep(1, -1)))
    images = (wrong_steps.keep(0, 0), wrong_steps.keep(0, -1))
    return (*wrong_steps.ROWS, *map(wrong_steps.one_after_the_other, first, images))


# ---------------------------------------------------------------- sums


def _sums(axes, variant, one_position=sentences.MADE_ANEW, of_first=()):
    if axes == 4:
        what, means = (
            "images, positions or filters",
            (
                wrong_steps.over_positions,
                wrong_steps.over_batch,
                wrong_steps.over_both,
                wrong_steps.over_window,
                wrong_steps.over_filters,
            ),
        )
    else:
        what, means = "positions, or over the window,", (wrong_steps.over_positions, wrong_steps.over_window)
    rows = (
        Mistake("sign", sentences.SIGN, (variant(scale=wrong_steps.negative),)),
        Mistake(
            "mean instead of sum",
            "Everything is too small by the same factor. "
            f"You seem to take a mean over {what} where a sum belongs. "
            "The loss has already taken the mean, and dy contains that factor.",
            tuple(variant(scale=mean) for mean in means),
        ),
    )
    if axes < 4:
        return (
            *rows,
            Mistake("only one position kept", one_position, tuple(variant(dy=p) for p in wrong_steps.POSITIONS)),
        )
    return (*rows, *_only_one(variant, one_position, of_first))


def first_image_for_all(variant, *more):
    return Mistake(
        "first image for all",
        "All images are treated with numbers of the first, or end up in its place. "
        "Each has a dy, an x and a dx of its own. Is there a 0 where the number of the image belongs?",
        (variant(dy=wrong_steps.first_image), *more),
    )


def _only_one(variant, one_position, of_first):
    images, filters = (
        (wrong_steps.keep(0, 0), wrong_steps.keep(0, -1)),
        (wrong_steps.keep(1, 0), wrong_steps.keep(1, -1)),
    )
    position_image = tuple(map(wrong_steps.one_after_the_other, wrong_steps.POSITIONS, images))
    return (
        Mistake(
            "only one position kept",
            one_position,
            tuple(
                variant(dy=dy)
                for dy in (
                    *wrong_steps.POSITIONS,
                    *position_image,
                    *map(wrong_steps.one_after_the_other, wrong_steps.POSITIONS, filters),
                    *map(wrong_steps.one_after_the_other, position_image, filters),
                )
            ),
        ),
        Mistake(
            "only one image kept",
            "Only one image of the batch counts. "
            "Is something set (=) that must be added to (+=), or created anew for each image?",
            tuple(variant(dy=dy) for dy in (*images, *map(wrong_steps.one_after_the_other, images, filters))),
        ),
        first_image_for_all(variant, *of_first),
        Mistake(
            "only one filter kept",
            "Only one filter counts. Every filter made outputs from x, so each of them contributes.",
            tuple(variant(dy=dy) for dy in filters),
        ),
    )


# ---------------------------------------------------------------- a step too early

STEPPED = (
    "dx was computed with weights that have already moved: w - lr * dw. "
    "y was made with the old weights, so dx needs them too. "
    "Compute dx before the step, and leave the step to the optimizer."
)


class MovedWeights(Adjustable):
    """dx computed after the weights have moved, with a learning rate that is read off the learner's dx.

    gradients(dy, x, w, *geometry) returns dx, dw, ..., with dx linear in w. mean: whether dw is divided by N first.
    """

    def __init__(self, gradients, lr=0.1, mean=False):
        self.gradients, self.lr, self.mean = gradients, lr, mean

    def __call__(self, dy, x, w, *geometry):
        dw = self.gradients(dy, x, w, *geometry)[1] / (len(x) if self.mean else 1)
        return self.gradients(dy, x, w - self.lr * dw, *geometry)[0]

    def fitted(self, found, dy, x, w, *geometry):
        right, dw, *_ = self.gradients(dy, x, w, *geometry)
        direction = self.gradients(dy, x, dw, *geometry)[0]
        if found.shape != right.shape or not np.isfinite(found).all():
            return self
        share = np.vdot(right - found, direction) / np.vdot(direction, direction)
        return MovedWeights(self.gradients, share * (len(x) if self.mean else 1), self.mean)


def moved_weights(gradients):
    return Mistake("weights moved before dx", STEPPED, (MovedWeights(gradients), MovedWeights(gradients, mean=True)))


# ---------------------------------------------------------------- channels

CHANNEL = (
    "The channels are mixed up. "
    "w[f, c] connects input channel c to output channel f, and no others. "
    "Check every index f and c."
)


def _channels_of_input(variant):
    wrong = [
        variant(w=w)
        for w in (
            wrong_steps.swapped_channels,
            wrong_steps.reread_channels,
            wrong_steps.first_channel,
            wrong_steps.last_channel,
            wrong_steps.first_filter,
        )
    ]
    wrong += [
        variant(stamps=stamps)
        for stamps in (wrong_steps.filled_by_filter, wrong_steps.one_to_one, wrong_steps.dy_by_channel)
    ]
    wrong += [
        variant(turn=turn)
        for turn in (
            wrong_steps.keep(1, 0),
            wrong_steps.keep(1, -1),
            wrong_steps.reversed_channels,
            wrong_steps.summed_over_channels,
        )
    ]
    wrong.append(variant(dy=wrong_steps.first_channel))
    turned = (
        "Filters and channels are turned as well. `np.rot90` turns the first two axes and `np.flip` all of them, "
        "unless they are told which. The rows and columns of w are axes 2 and 3."
    )
    both = wrong_steps.one_after_the_other(wrong_steps.turned_in_front, wrong_steps.half_turn)
    return (
        Mistake("wrong channel", CHANNEL, tuple(wrong)),
        Mistake("w turned in front", turned, (variant(w=wrong_steps.turned_in_front), variant(w=both))),
    )


def _channels_of_weight(variant):
    wrong = [variant(x=x) for x in (wrong_steps.first_channel, wrong_steps.last_channel, wrong_steps.reversed_channels)]
    wrong += [variant(dy=dy) for dy in (wrong_steps.first_channel, wrong_steps.last_channel)]
    wrong += [
        variant(turn=turn)
        for turn in (
            wrong_steps.swapped_channels,
            wrong_steps.keep(1, 0),
            wrong_steps.keep(1, -1),
            wrong_steps.summed_over_channels,
        )
    ]
    return (Mistake("wrong channel", CHANNEL, tuple(wrong)),)
