"""The mistakes that people make in the forward pass of a convolution with one channel."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import by_index, recipes, sentences, wrong_steps
from course_lib.exercises.lessons.shared.convolution import REVERSED, kernel, odd_padding, one_axis

IN_Y = "In deep learning the kernel is laid on the window as it is, without being turned."


def output(axes):
    """The mistakes in y, with one channel."""
    variant = partial(Variant, recipes.forward)
    rows_alone = variant(steps=wrong_steps.rows_only, count=wrong_steps.rows_strided)
    return (
        *kernel(axes, variant, IN_Y),
        Mistake(
            "stride missing",
            "The stride seems to be missing. Window i starts at stride * i.",
            (variant(steps=wrong_steps.ones), variant(steps=wrong_steps.ones, count=wrong_steps.unstrided)),
        ),
        *one_axis(axes, variant, rows_alone),
        Mistake(
            "stride and padding not used",
            sentences.NEITHER,
            (
                variant(steps=wrong_steps.ones, pad=wrong_steps.no_zeros, count=wrong_steps.neither),
                *((slid,) if axes == 1 else ()),
            ),
        ),
        *by_index.in_output(axes),
        Mistake(
            "wrong number of outputs",
            sentences.NUMBER_OF_WINDOWS,
            tuple(variant(count=count) for count in wrong_steps.WRONG_COUNTS),
        ),
        Mistake(
            "x not padded",
            sentences.NOT_PADDED,
            (
                *(variant(pad=pad) for pad in wrong_steps.WRONG_PADS),
                variant(pad=wrong_steps.no_zeros, count=wrong_steps.no_padding),
            ),
        ),
        odd_padding(axes, variant),
        Mistake(
            "an end of y left empty",
            "The first or last outputs are never filled. Does your loop reach every one?",
            tuple(variant(turn=drop) for drop in wrong_steps.ENDS[min(axes, 2)]),
        ),
        Mistake("sign", sentences.SIGN, (variant(scale=wrong_steps.negative),)),
        Mistake(
            "mean instead of sum",
            "Everything is too small by the same factor. You seem to take a mean over the window where a sum belongs.",
            (variant(scale=wrong_steps.over_window),),
        ),
        Mistake(
            "only one product kept",
            "Each output holds only one product of its window. Is something set (=) that must be added to (+=)?",
            tuple(variant(w=partial(wrong_steps.only_position, index=index)) for index in (0, -1)),
        ),
        Mistake(
            "only one position kept",
            sentences.MADE_ANEW,
            tuple(variant(turn=position) for position in wrong_steps.POSITIONS),
        ),
        *(_two_axes(variant) if axes == 2 else _zeros_of_numpy()),
    )


def _zeros_of_numpy():
    told = (
        'The zeros around x are those of NumPy\'s `mode="same"` or `mode="full"`, which depend on the kernel alone. '
        'Here `padding` says how many there are, and windows lie `stride` apart. `mode="valid"` adds none.'
    )
    ways = [{"padded": padded, "strided": strided} for padded in (True, False) for strided in (True, False)]
    return (
        Mistake("zeros of another mode", told, _sliding(np.correlate, ways)),
        Mistake("kernel turned, zeros of another mode", f"{REVERSED} {IN_Y} {told}", _sliding(np.convolve, ways)),
    )


def _sliding(slide, ways):
    return tuple(partial(slid, slide=slide, mode=mode, **way) for mode in ("same", "full") for way in ways)


def slid(x, w, stride, padding, slide=np.correlate, mode="valid", padded=False, strided=False):
    """What NumPy's own functions return, which take the longer of two arrays for x."""
    y = slide(np.pad(x, padding) if padded else x, w, mode)
    return y[::stride] if strided else y


def _two_axes(variant):
    return (
        Mistake(
            "only one row kept",
            sentences.ONE_ROW,
            tuple(variant(turn=row) for row in wrong_steps.ROWS),
        ),
        Mistake(
            "summed over one axis only",
            "The products are summed along one axis only. "
            "Python's own `sum` stops after the first: use `np.sum`, or `.sum()`.",
            tuple(variant(w=partial(one_column, index=index)) for index in (0, -1)),
        ),
        Mistake("H and W mixed up", sentences.MIXED_UP, (variant(turn=wrong_steps.transpose),)),
        Mistake(
            "matrix product",
            "You seem to use a matrix product where an elementwise product belongs: `@` pairs rows with columns. "
            "Multiply the kernel and the window entry by entry, then sum.",
            (partial(matrix_product, pairs="abij,bc->ij"), partial(matrix_product, pairs="abij,cb->ij")),
        ),
    )


def one_column(w, index):
    kept = np.zeros_like(w)
    kept[..., index] = w[..., index]
    return kept


def matrix_product(x, w, stride, padding, pairs):
    """The sum of window @ w, or of window @ w.T."""
    count = recipes.out_sizes(x.shape, w.shape, stride, padding)
    return np.einsum(pairs, recipes.unfold(x[None, None], w.shape, stride, padding, count)[0, 0], w)
