"""Solving an exam by its words alone, and spoiling the solution: python tests/exercises/exams.py [exams] [first seed].

Nothing but what is shown is read: were a word missing or wrong, no exam could be solved.
"""

import re
import sys
import time
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np

from course_lib.exercises.engine.recognition import Suspect
from course_lib.exercises.exams import exam


@dataclass
class Solution:
    """What the words of an exam say, and the three functions by loops: gradients are handed back window by window."""

    window: tuple
    stride: tuple
    dilation: tuple
    padding: tuple
    groups: int | None
    does: str
    scatter: str = "adds"  # or "sets": what comes later takes the place of what is there

    def steps(self, x, w):
        """(place in y, place in padded x) of every window."""
        groups = self.groups or x.shape[1]
        outputs = groups if w is None else len(w)
        reads = x.shape[1] // groups
        extent = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.window, strict=True)]
        height, width = (n + 2 * p for n, p in zip(x.shape[2:], self.padding, strict=True))
        for n in range(len(x)):
            for o in range(outputs):
                group = o * groups // outputs
                for i, top in enumerate(range(0, height - extent[0] + 1, self.stride[0])):
                    for j, left in enumerate(range(0, width - extent[1] + 1, self.stride[1])):
                        rows = slice(top, top + extent[0], self.dilation[0])
                        columns = slice(left, left + extent[1], self.dilation[1])
                        yield (n, o, i, j), (n, slice(group * reads, (group + 1) * reads), rows, columns)

    def padded(self, x):
        return np.pad(x, ((0, 0), (0, 0), (self.padding[0],) * 2, (self.padding[1],) * 2))

    def forward(self, x, w=None):
        xp, found = self.padded(x), {}
        for place, window in self.steps(x, w):
            read = xp[window]
            whole = {"sum": np.sum, "mean": np.mean, "largest": np.max, "weighted": np.sum}[self.does]
            found[place] = whole(read if w is None else read * w[place[1]])
        y = np.zeros([1 + max(axis) for axis in zip(*found, strict=True)])
        for place, value in found.items():
            y[place] = value
        return y

    def slopes(self, read, w, o):
        """How much an output moves with each entry of its window."""
        if self.does == "largest":
            return (np.arange(read.size) == read.argmax()).reshape(read.shape).astype(float)
        if self.does == "weighted":
            return w[o]
        return np.full(read.shape, 1.0 if self.does == "sum" else 1 / read.size)

    def input_gradient(self, dy, x, w=None):
        xp = self.padded(x)
        dxp = np.zeros(xp.shape)
        for place, window in self.steps(x, w):
            part = dy[place] * self.slopes(xp[window], w, place[1])
            dxp[window] = part + (dxp[window] if self.scatter == "adds" else 0)
        (top, left), (height, width) = self.padding, x.shape[2:]
        return dxp[:, :, top : top + height, left : left + width]

    def weight_gradient(self, dy, x, w):
        xp, dw = self.padded(x), np.zeros(w.shape)
        for place, window in self.steps(x, w):
            part = dy[place] * xp[window]
            dw[place[1]] = part + (dw[place[1]] if self.scatter == "adds" else 0)
        return dw


def solution(words):
    """The Solution that the words of an exam describe."""
    text = " ".join(words).replace("`", "")

    def numbers(*patterns, otherwise):
        found = [re.search(pattern, text) for pattern in patterns]
        return tuple(int(one[1]) if one else otherwise for one in found)

    fall = re.search(r"fall into (\d+) groups", text)
    groups = int(fall[1]) if fall else None if "Every channel is treated by itself" in text else 1
    does = "weighted" if "times its own weight" in text else re.search(r"Each output is the (\w+)", text)[1]
    return Solution(
        window=numbers(r"reads (\d+) row", r"reads \d+ rows? and (\d+) column", otherwise=None),
        stride=numbers(r"or (\d+) rows? down", r"is (\d+) columns? to the right", otherwise=None),
        dilation=numbers(r"rows lie (\d+) apart", r"columns lie (\d+) apart", otherwise=1),
        padding=numbers(r"(\d+) rows? above and below", r"(\d+) columns? left and right", otherwise=0),
        groups=groups, does=does,
    )  # fmt: skip


def spoilt(right):
    """(name, forward, input_gradient, weight_gradient) of wrong answers, each wrong in one way."""
    readings = {
        "stride exchanged": replace(right, stride=right.stride[::-1]),
        "no stride": replace(right, stride=(1, 1)),
        "no dilation": replace(right, dilation=(1, 1)),
        "dilation exchanged": replace(right, dilation=right.dilation[::-1]),
        "no padding": replace(right, padding=(0, 0)),
        "padding exchanged": replace(right, padding=right.padding[::-1]),
    }
    if right.does != "weighted":
        readings["window exchanged"] = replace(right, window=right.window[::-1])
        readings |= {does: replace(right, does=does) for does in ("sum", "mean", "largest") if does != right.does}
        if right.groups:
            readings |= {"one group": replace(right, groups=1), "no groups": replace(right, groups=None)}
    own = right.weight_gradient if right.does == "weighted" else None
    for name, wrong in readings.items():
        if wrong != right:
            yield name, wrong.forward, wrong.input_gradient, own and wrong.weight_gradient
    sets = replace(right, scatter="sets")
    yield "sets dx", right.forward, sets.input_gradient, own
    yield "sign of dx", right.forward, lambda *a: -right.input_gradient(*a), own
    yield "dx without a batch", right.forward, lambda *a: right.input_gradient(*a).mean(0), own
    if own:
        yield "sets dw", right.forward, right.input_gradient, sets.weight_gradient
        yield "dw turned", right.forward, right.input_gradient, lambda *a: right.weight_gradient(*a)[..., ::-1, ::-1]
        yield "dw a mean", right.forward, right.input_gradient, lambda *a: right.weight_gradient(*a) / len(a[0])
    else:
        yield "a dw", right.forward, right.input_gradient, lambda *a: np.zeros(3)


def arguments(right, rng):
    """dy, x and w of several images and channels, with a remainder."""
    sizes = zip(right.window, right.dilation, right.stride, strict=True)
    height, width = (d * (k - 1) + 1 + 3 * s + 1 for k, d, s in sizes)
    groups = right.groups or 2
    x = rng.standard_normal((2, 2 * groups, height, width))
    w = [rng.standard_normal((2 * groups, 2, *right.window))] if right.does == "weighted" else []
    return [rng.standard_normal(right.forward(x, *w).shape), x, *w]


def differs(right, wrong, rng):
    """Whether one of the functions returns other values than the right one."""
    values = arguments(right, rng)
    names = ("forward", "input_gradient", "weight_gradient")[: len(values)]
    for name, f in zip(names, wrong, strict=False):
        given = values[1:] if name == "forward" else values
        expected = getattr(right, name)(*given)
        try:
            returned = np.asarray(f(*given))
        except Exception:
            return True
        if returned.shape != expected.shape or not np.allclose(returned, expected):
            return True
    return len(values) == 2 and wrong[2] is not None


def examined(seed, level):
    """Sit one exam: the solution by its words is right, and of the spoilt ones each that differs is refused."""
    asked = exam(seed, level)
    right = solution(asked.words)
    weights = right.weight_gradient if right.does == "weighted" else None
    verdict = asked.judge(right.forward, right.input_gradient, weights)
    assert verdict.status == "right", (seed, level, verdict)
    wrongs = list(spoilt(right))
    name, *wrong = wrongs[seed % len(wrongs)]
    if not differs(right, wrong, np.random.default_rng(seed)):
        return ""
    assert asked.judge(*wrong, explain=False).status != "right", (seed, level, name)
    return name


def main(exams=10_000, first=0):
    """Whether answers are right or refused, alone: what is said of the refused ones takes a third of the time."""
    begun, refused, failed = time.monotonic(), 0, []
    with patch.object(Suspect, "recognised", lambda self: []):
        for seed in range(first, first + exams):
            try:
                refused += bool(examined(seed, 1 + seed % 2))
            except Exception as trouble:
                failed.append(seed)
                print(f"exam({seed}, {1 + seed % 2}): {trouble!r}"[:1000], flush=True)
    print(f"{exams - len(failed)} of {exams} exams as they should be, {refused} spoilt answers refused, "
          f"{time.monotonic() - begun:.0f} s")  # fmt: skip
    return len(failed)


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
