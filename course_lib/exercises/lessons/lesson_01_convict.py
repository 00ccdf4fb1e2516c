"""Find an input that convicts a wrong gradient, with as few numbers as can be."""

import inspect
from itertools import product

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.finding import FindingLab, Reason, numbers, whole
from course_lib.exercises.lessons.shared import broken
from course_lib.functional import out_size
from course_lib.suspects import turned

LESSON = "01_conv1d"


def convict_turned():
    """-> dy (m,), x (n,), w (k,), stride, padding, on which `turned` is wrong."""
    dy = np.array([1.0])
    x = np.array([0.0])
    w = np.array([1.0, 2])
    stride, padding = 2, 1
    return dy, x, w, stride, padding


def given(value):
    """What an answer returns -> dy, x, w, stride, padding. Raises ValueError with a sentence."""
    if not isinstance(value, tuple) or len(value) != 5:
        raise ValueError("convict_turned must return five things: dy, x, w, stride, padding.")
    dy, x, w = (numbers(part, name, 1) for part, name in zip(value, ("dy", "x", "w"), strict=False))
    stride, padding = whole(value[3], "stride", 1), whole(value[4], "padding", 0)
    if len(x) + 2 * padding < len(w):
        raise ValueError(f"The kernel must fit into the padded x, but it has {len(w)} entries and x {len(x)}.")
    m = out_size(len(x), len(w), stride, padding)
    if len(dy) != m:
        raise ValueError(f"dy must have {m} entries, one for each output of this geometry, but it has {len(dy)}.")
    return dy, x, w, stride, padding


def both(*arguments):
    """The right dx, and that of the function on trial."""
    return loops.conv1d_input_gradient_scatter(*arguments), turned(*arguments)


def inputs(rng):
    """Inputs with random numbers, of all small geometries, from few numbers to many."""
    geometries = [
        (n + k + out_size(n, k, s, p), n, k, s, p)
        for n, k, s, p in product(range(1, 6), range(1, 5), range(1, 5), range(4))
        if n + 2 * p >= k
    ]
    for _, n, k, s, p in sorted(geometries):
        yield rng.standard_normal(out_size(n, k, s, p)), rng.standard_normal(n), rng.standard_normal(k), s, p


REASONS = (
    Reason("zeros", "`dy` is all zeros, so nothing goes back, by the right function or by the wrong one.",
           lambda one: not one.dy.any(), lambda: (np.zeros(3), np.ones(5), np.arange(1.0, 4), 1, 0)),
    Reason("symmetric kernel", "This kernel is the same when it is turned. No `dy` can show the bug with it.",
           lambda one: np.array_equal(one.w, one.w[::-1]),
           lambda: (np.array([1.0, -1, 2]), np.ones(5), np.array([1.0, 2, 1]), 1, 0)),
    Reason("only padding", "Nothing arrives at an entry of x. All that the windows with a gradient hold is padding, or "
           "meets a weight of 0.",
           lambda one: not any(result.any() for result in one.results),
           lambda: (np.array([1.0]), np.ones(1), np.array([1.0, 2, 3]), 5, 3)),
    Reason("one output", "There is one output, and the part of the kernel that lies on x reads the same both ways.",
           lambda one: len(one.dy) == 1, lambda: (np.array([1.0]), np.ones(1), np.array([1.0, 2, 3]), 1, 1)),
    Reason("dy of ones", "`dy` is the same everywhere, and no entry of x can tell which weight came from which output: "
           "it takes back a sum, and a sum does not show its order.",
           lambda one: np.ptp(one.dy) == 0, lambda: (np.ones(3), np.ones(1), np.array([1.0, 2, 3]), 1, 2)),
    Reason("cancels", "`dy` is not the same everywhere, but where it meets different weights it repeats itself. "
           "Change one of its numbers.",
           lambda one: True, lambda: (np.array([1.0, 2, 1]), np.ones(1), np.array([1.0, 5, 2]), 1, 2)),
)  # fmt: skip

CONVICT_TURNED = FindingLab(
    answer=convict_turned,
    start=broken.convict_turned,
    suspects=(turned,),
    both=both,
    given=given,
    inputs=inputs,
    reasons=REASONS,
    differ="It is convicted: dx should be {one}, and turned returns {other}.",
    task=(
        "**Find an input that convicts this function.** Here is the bug from above, written out:\n\n"
        f"```python\n{inspect.getsource(turned).strip()}\n```\n\n"
        "`convict_turned()` returns `dy, x, w, stride, padding`. On the check that it holds now, ones with padding 2, "
        "`turned` is right in every entry. Return arguments on which it is wrong, with as few numbers in `dy`, `x` and "
        "`w` together as you can. The smallest wins; your best is kept."
    ),
    hints=(
        "Make one change first: two different numbers in dy. Which entries of dx change?",
        "The values in x do not matter for dx, only how many there are. How few entries can x, w and dy have, so that "
        "w can still be asymmetric?",
        "One entry of x and a kernel of two. With padding 1 and stride 1 there are two outputs. "
        "With which stride is there only one, which still holds x?",
    ),
    difficulty="medium",
    minutes=5,
)  # fmt: skip

EXERCISES = (CONVICT_TURNED,)
PREDICTIONS = ()
