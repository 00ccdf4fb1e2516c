"""How many zeros the gather puts around dy: k - 1 - p, while the padding p of the forward pass grows."""

import numpy as np

from course_lib._support import checks
from course_lib.frames.one_dimension import _arrays
from course_lib.frames.story import Grid, Step, Story, animation, by_key
from course_lib.looks import INPUT, KERNEL, UPSTREAM

_X, _W, _DY, _ABOVE = 1.0, 2.5, 4.2, 0.3  # rows


@animation
def conv1d_border(dy, x, w):
    """The story of the zeros around dy for paddings from 0 to k: x (n,), w (k,), dy (n + k + 1,).

    dy holds the gradients of all outputs that there are with padding k; with less padding there are the middle ones.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    n, k = len(x), len(w)
    if n < k:
        raise ValueError(f"x must be at least as long as w, which has {k} entries, but has {n}")
    checks.shape("dy", dy, (n + k + 1,), "one for each output with padding k")
    middle = (k - 1) / 2  # an output stands under the middle of its window
    grids = [
        Grid("x", INPUT, x[None], (0, _X), ndim=1),
        Grid("w", KERNEL, w[None], (0, _W), ndim=1),
        _zeros("zeros", UPSTREAM, n + k - 1, at=(-middle, _DY), caption="dy", appears=1),
        Grid("dy of p = 0", UPSTREAM, dy[None, k : n + 1], (middle, _DY), ndim=0, caption="dy"),
    ]
    for p in range(1, k + 1):
        step, ends = 2 * p, dy[None, [k - p, n + p]]
        grids += [
            _zeros(f"padding {p}", INPUT, 2, at=(-p, _ABOVE), caption="x", appears=step, pitch=(n + 2 * p - 1, 1)),
            Grid(
                f"dy of p = {p}", UPSTREAM, ends, (middle - p, _W), ndim=0, caption="dy" if p >= k else " ",
                appears=step, pitch=(n - k + 2 * p, 1), struck=(0, 1) if p == k else (), strikes=step + 1,
            ),
        ]  # fmt: skip
    steps = [Step(f"x has no padding. The kernel has {_count(n - k + 1, 'place')}, so dy has as many entries.")]
    for p in range(k + 1):
        if p:
            moves = {"w": (-p, _W), f"padding {p}": (-p, _X), f"dy of p = {p}": (middle - p, _DY)}
            steps.append(Step(_more_outputs(p, k), f"p = {p}", moves=moves))
        looks = {"x": [0], "zeros": list(range(k))}
        steps.append(Step(_places_read(p, k), _rule(p, k), moves={} if p else {"zeros": (-middle, _DY)}, looks=looks))
    steps.append(Step(_together(k), "p + (k − 1 − p) = k − 1"))
    return Story("The border of dy while the padding p of x grows", by_key(*grids), steps)


def _zeros(name, role, count, **looks):
    return Grid(name, role, np.zeros((1, count)), pad=(0, (count + 1) // 2), ndim=1, **looks)


def _more_outputs(p, k):
    if p == k:
        return (
            f"Padding {p}: at both ends the kernel can lie on padding alone. The two outputs there say nothing about x."
        )
    return (
        f"Padding {p}: a zero more at each end of x. The kernel can begin one earlier and end one later. That makes "
        "two outputs, and each takes the place of a zero."
    )


def _places_read(p, k):
    if p == k:
        return (
            f"x[0] fed {_count(k, 'output')}, and not the new one: it is cut off. No kernel of {k} reaches x[0] from "
            "further away."
        )
    if p == k - 1:
        return f"x[0] fed {_count(k, 'output')}: they fill the whole window of {k}. No zeros are left."
    missing = "one of them must be a zero" if p == k - 2 else f"{k - 1 - p} of them must be zeros"
    return f"x[0] fed {_count(p + 1, 'output')}, but the window of dy has {k} places: {missing}."


def _rule(p, k):
    rest = k - 1 - p
    does = "cut 1 off at each end" if rest < 0 else f"{_count(rest, 'zero')} at each end"
    return f"k − 1 − p = {k} − 1 − {p} = {str(rest).replace('-', '−')}: {does}"


def _together(k):
    same = f" For k = {k} they are the same only with p = {(k - 1) // 2}." if k % 2 else ""
    return f"There are p zeros around x on the way forward, and k − 1 − p around dy on the way back.{same}"


def _count(count, what):
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
