"""The smallest geometry on which two wrong gradients can be told apart."""

import inspect
from itertools import product

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.finding import FindingLab, Reason, whole
from course_lib.exercises.lessons.shared import broken
from course_lib.functional import out_size
from course_lib.suspects import rest_forgotten, stride_forgotten

LESSON = "02_conv2d"


def tell_apart():
    """-> H, W, k, stride, padding, on which the two suspects return different dx."""
    H, W = 1, 1
    k = 2
    stride, padding = 2, 1
    return H, W, k, stride, padding


MOST = 12  # rows, columns, and the like
NAMES = "H", "W", "k", "stride", "padding"


def given(value):
    """What an answer returns -> dy, x, w, stride, padding, with numbers drawn at random. ValueError with a sentence."""
    if not isinstance(value, tuple) or len(value) != 5:
        raise ValueError("tell_apart must return five whole numbers: H, W, k, stride, padding.")
    H, W, k, stride, padding = (
        whole(part, name, 0 if name == "padding" else 1) for part, name in zip(value, NAMES, strict=True)
    )
    if min(H, W) + 2 * padding < k:
        raise ValueError(
            f"A kernel of {k} x {k} must fit into the padded image, but H is {H}, W {W}, padding {padding}."
        )
    if max(H, W, k, padding) > MOST:
        raise ValueError(f"H, W, k and padding must be at most {MOST}: small ones are wanted.")
    rng = np.random.default_rng([H, W, k, stride, padding])
    dy = rng.standard_normal((out_size(H, k, stride, padding), out_size(W, k, stride, padding)))
    return dy, rng.standard_normal((H, W)), rng.standard_normal((k, k)), stride, padding


def both(*arguments):
    """The dx of one wrong function, and that of the other."""
    return stride_forgotten(*arguments), rest_forgotten(*arguments)


def right(one):
    """Whether both return the right dx for an input."""
    expected = loops.conv2d_single_input_gradient_scatter(one.dy, one.x, one.w, one.stride, one.padding)
    return all(np.allclose(result, expected) for result in one.results)


def inputs(rng):
    """All small geometries, from few numbers to many."""
    geometries = [
        (H * W + k * k + out_size(H, k, s, p) * out_size(W, k, s, p), H, W, k, s, p)
        for H, W, k, s, p in product(range(1, 6), range(1, 6), range(1, 4), range(1, 6), range(4))
        if min(H, W) + 2 * p >= k
    ]
    for _, *geometry in sorted(geometries):
        yield tuple(geometry)


REASONS = (
    Reason("stride 1", "With stride 1 there is no stride to forget, and no remainder. Both are right.",
           lambda one: one.stride == 1, lambda: (6, 7, 3, 1, 0)),
    Reason("one output", "There is one output, and its window begins at 0 whatever the stride is. And what "
           "`rest_forgotten` fills up are pixels that no window held, or there are none. Both are right.",
           lambda one: one.dy.size == 1 and right(one), lambda: (4, 4, 3, 2, 0)),
    Reason("both right", "Both are right here. What `stride_forgotten` puts in a wrong place falls on padding, and "
           "what `rest_forgotten` fills up are pixels that no window held, or there are none.",
           right, lambda: (4, 2, 1, 5, 1)),
    Reason("both wrong", "Both are wrong here, and return the same: no pixel gets anything, where one should.",
           lambda one: True, lambda: (5, 5, 2, 5, 3)),
)  # fmt: skip

TELL_APART = FindingLab(
    answer=tell_apart,
    start=broken.tell_apart,
    suspects=(stride_forgotten, rest_forgotten),
    both=both,
    given=given,
    inputs=inputs,
    reasons=REASONS,
    differ="They differ: stride_forgotten returns {one}, rest_forgotten {other}.",
    task=(
        "**Find the smallest geometry on which these two differ.** Somebody's `dx` is wrong, with two suspects:"
        f"\n\n```python\n{inspect.getsource(stride_forgotten)}\n\n{inspect.getsource(rest_forgotten).strip()}\n```\n\n"
        "The first forgets the stride, the second the remainder: it cuts off the padding, and fills up with zeros what "
        "is missing then. With a stride of 1 both are right. `tell_apart()` returns "
        "`H, W, k, stride, padding`, for which they return different arrays when the numbers are random. "
        "Make `x`, `w` (k x k) and `dy` as small as you can, all together. The smallest wins."
    ),
    hints=(
        "Ask for each suspect alone: when is it right? Then look for a geometry where one is right and the other is "
        "not.",
        "The first is right where there is one output. The second is right without a remainder, and without padding: "
        "then it fills up what no window held.",
        "Two ways are equally small: one pixel and a kernel of 2 x 2, whose only window must leave a remainder behind "
        "a padding of 1; or a kernel of one weight and two outputs, or four.",
    ),
    difficulty="hard",
    minutes=5,
)  # fmt: skip

EXERCISES = (TELL_APART,)
PREDICTIONS = ()
