"""The mistakes in dx of those who gather: every input collects from the outputs it fed, as a kernel slides over dy."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import recipes, wrong_steps


def mistakes(axes, variant):
    return (
        Mistake(
            "dy padded like x",
            "dy seems to be padded as much as x was. "
            "The more padding the forward pass used, the less the backward pass needs. "
            "How far does the kernel reach beyond the end of dy, and how much of that is padding of x?",
            (padded_like_x,),
        ),
        Mistake(
            "zeros after the last entry of dy",
            "dx has the wrong size unless the stride leaves exactly stride - 1 rows over. "
            "dy seems to get stride - 1 zeros after its last entry as well. "
            "Zeros belong *between* the entries; how many rows follow the last one depends on the size of x.",
            (variant(room=zeros_behind_the_last, crop=wrong_steps.both_sides),),
        ),
        Mistake(
            "dy not padded",
            "dx is too small: the kernel slides over dy alone. "
            "Entries near the border fed fewer outputs, but some: the kernel must reach beyond the ends of dy.",
            (partial(not_padded, variant(crop=wrong_steps.untouched)),),
        ),
        Mistake(
            "only one product kept",
            "Each entry of dx holds only one product. Is something set (=) that must be added to (+=)?",
            tuple(variant(w=partial(wrong_steps.only_position, index=index)) for index in (0, -1)),
        ),
        Mistake(
            "stride zeros between",
            "There is one zero too many between the entries of dy: neighbours must come to stand `stride` apart.",
            (variant(steps=wrong_steps.one_further, room=wrong_steps.too_far_apart),),
        ),
        Mistake(
            "k zeros around dy",
            "dx is shifted by one: there is one zero too many in front of dy. "
            "The first window that slides over it must still hold dy[0], and nothing but zeros before that.",
            (variant(crop=wrong_steps.one_before), variant(crop=wrong_steps.with_a_border)),
        ),
        Mistake(
            "stride used twice",
            "The kernel slides over dy in steps of `stride`. "
            "In dx *every* entry collects, one after the other: the stride has its place between the entries of dy.",
            tuple(
                partial(slid_by_the_stride, variant(**steps, crop=wrong_steps.untouched), cut)
                for steps in ({}, {"steps": wrong_steps.ones, "room": wrong_steps.unspread})
                for cut in ("before", "after", "never")
            ),
        ),
        Mistake(
            "padding wider than the kernel reaches",
            "It fails where the padding is larger than k - 1. "
            "There the outermost outputs saw nothing but padding. "
            "A negative number of zeros around dy means that its border is cropped.",
            (variant(fails=wrong_steps.fails_where_the_padding_is_wider),),
        ),
        *((NEGATIVE_INDEX,) if axes < 4 else ()),
    )


def negative_index(dy, x, w, stride, padding):
    """dx where every input collects from its outputs by index, and only the upper end is looked at."""
    dx = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        for cell in np.ndindex(w.shape):
            steps = [divmod(i + padding - u, stride) for i, u in zip(place, cell, strict=True)]
            if all(rest == 0 and j < m for (j, rest), m in zip(steps, dy.shape, strict=True)):
                dx[place] += dy[tuple(j for j, _ in steps)] * w[cell]
    return dx


def not_padded(whole, dy, x, w, stride, padding):
    """dx where the kernel slides over the spread dy and nothing around it."""
    n = min(x.ndim, 2)
    padded = whole(dy, x, w, stride, padding)
    sizes = zip(padded.shape[-n:], w.shape[-n:], strict=True)
    ends = [(k - 1, size - k + 1) for size, k in sizes]
    if any(end <= start for start, end in ends):
        raise ValueError("the kernel is larger than dy: shapes do not fit")
    return padded[(..., *(slice(*end) for end in ends))]


def slid_by_the_stride(whole, cut, dy, x, w, stride, padding):
    """dx of which every stride-th entry is kept, before or after the padding is cut."""
    n = min(x.ndim, 2)
    steps = (..., *(slice(None, None, stride),) * n)
    padded, size = whole(dy, x, w, stride, padding), x.shape[-n:]
    if cut == "before":
        return wrong_steps.both_sides(padded, size, padding)[steps]
    return recipes.inner(padded[steps], size, padding) if cut == "after" else padded[steps]


def zeros_behind_the_last(size, kernel, count, stride, padding):
    return tuple(stride * m + k - 1 for m, k in zip(count, kernel, strict=True))


def padded_like_x(dy, x, w, stride, padding):
    """dx where dy gets `padding` zeros on every side, instead of k - 1 - padding."""
    whole = Variant(recipes.input_gradient, crop=wrong_steps.untouched)(dy, x, w, stride, padding)  # of k - 1 zeros
    n = 1 if x.ndim == 1 else 2
    less = [k - 1 - padding for k in w.shape[-n:]]
    whole = np.pad(whole, [(0, 0)] * (whole.ndim - n) + [(max(-few, 0),) * 2 for few in less])
    return whole[(..., *(slice(max(few, 0), m - max(few, 0)) for few, m in zip(less, whole.shape[-n:], strict=True)))]


NEGATIVE_INDEX = Mistake(
    "negative index",
    "An output before the first does not exist, but `dy[-1]` does: a negative index counts from the end. "
    "Ask for both ends, 0 <= j and j < len(dy).",
    (negative_index,),
)
