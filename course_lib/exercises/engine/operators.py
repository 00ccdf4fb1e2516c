"""Operators without a name, drawn by a seed: what each does in words, plainly done, and its measured slopes.

An operator is linear, or linear but for the corners at which two entries are the largest: so a nudge of any size that
crosses no corner measures its slopes exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

Pair = tuple[int, int]  # for rows and for columns
Reduction = Literal["sum", "mean", "max", "weighted"]

NUDGE = 2.0**-10  # exact in binary, and far smaller than the distance of two entries that are drawn
CORNER = "x must have one largest entry in every window, but two of them tie"
LEVELS = 1, 2
IMAGE, CHANNEL, ROW, COLUMN = range(4)
OUTPUT_IS = {"sum": "the sum", "mean": "the mean", "max": "the largest entry"}
DOES = {
    "sum": "Each output is the sum of what its window reads.",
    "mean": "Each output is the mean of what its window reads.",
    "max": "Each output is the largest entry that its window reads.",
    "weighted": "Each output is the sum of what its window reads, each entry times its own weight. "
    "`w` has the shape {weights}: one set of weights for each channel of `y`.",
}


@dataclass(frozen=True)
class Operator:
    """x (N, C, H, W) -> y (N, C_out, rows, columns), where each output reduces what one window reads.

    window, stride, dilation, padding: for rows and for columns. groups: into how many the channels fall, each read by
    its own channels of y; None: every channel is one. padding_counts: whether zeros around the image are entries.
    """

    reduction: Reduction
    window: Pair
    stride: Pair
    dilation: Pair
    padding: Pair
    groups: int | None
    padding_counts: bool = True

    @property
    def has_weights(self) -> bool:
        return self.reduction == "weighted"

    @property
    def extent(self) -> Pair:
        """Rows and columns from the first entry of a window to its last one, both included."""
        rows, columns = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.window, strict=True))
        return rows, columns

    def out_sizes(self, height: int, width: int) -> Pair:
        """Rows and columns of y. Raises ValueError where no window fits."""
        sizes = zip((height, width), self.padding, self.extent, self.stride, strict=True)
        rows, columns = ((size + 2 * p - extent) // s + 1 for size, p, extent, s in sizes)
        if min(rows, columns) < 1:
            raise ValueError("x must have room for one window, but has none")
        return rows, columns

    def forward(self, x: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        """y, one window after the other, for all images and channels at once."""
        images, channels = x.shape[:ROW]
        groups = self.groups or channels
        if channels % groups or (w is not None and (len(w) % groups or w.shape[CHANNEL] != channels // groups)):
            raise ValueError("the channels must fall into equal groups, but do not")
        rows, columns = self.out_sizes(*x.shape[ROW:])
        (up, left), (down, right), (height, width) = self.stride, self.dilation, self.extent
        grouped = (images, groups, 1, channels // groups)
        padded = self._padded(x, -np.inf if self.reduction == "max" else 0.0).reshape(*grouped, *self._sizes(x))
        counts = None if self.padding_counts else self._padded(np.ones((1, 1, *x.shape[ROW:])), 0.0)[0, 0]
        weights = None if w is None else w.reshape(1, groups, -1, *w.shape[CHANNEL:])
        outputs = 1 if weights is None else weights.shape[2]
        y = np.zeros((images, groups, outputs, rows, columns))
        for i, j in np.ndindex(rows, columns):
            top, start = i * up, j * left
            place = np.s_[..., top : top + height : down, start : start + width : right]
            read = padded[place]
            count = read[0, 0, 0].size if counts is None else counts[place].sum() * grouped[-1]
            y[..., i, j] = self.reduced(read, count, weights)
        return y.reshape(images, groups * outputs, rows, columns)

    def reduced(self, read: np.ndarray, count: float, weights: np.ndarray | None) -> np.ndarray:
        """What windows make of the entries they read, (N, groups, 1, channels, rows, columns) -> (N, groups, outputs).

        count: how many of the entries of a window count.
        """
        axes = -3, -2, -1
        if self.reduction == "max":
            return read.max(axes)
        total = (read if weights is None else read * weights).sum(axes)
        return total / max(count, 1) if self.reduction == "mean" else total

    def _padded(self, x: np.ndarray, beyond: float) -> np.ndarray:
        """x with zeros around it, or with `beyond` where they do not count."""
        (top, left), (height, width) = self.padding, x.shape[ROW:]
        padded = np.full((*x.shape[:ROW], *self._sizes(x)), 0.0 if self.padding_counts else beyond)
        padded[..., top : top + height, left : left + width] = x
        return padded

    def _sizes(self, x: np.ndarray) -> Pair:
        """Rows and columns of x with what surrounds it."""
        rows, columns = (size + 2 * p for size, p in zip(x.shape[ROW:], self.padding, strict=True))
        return rows, columns

    def input_slopes(self, dy: np.ndarray, x: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        """dx: how far sum(dy * y) moves with each entry of x, measured. Raises ValueError at a corner."""
        y = self.forward(x, w)
        entries = x[0].size
        nudges = NUDGE * np.eye(entries).reshape(entries, 1, *x.shape[1:])
        higher, lower = (
            self.forward((x + sign * nudges).reshape(-1, *x.shape[1:]), w).reshape(entries, *y.shape)
            for sign in (1, -1)
        )
        if not np.isfinite(y).all() or not np.allclose(higher - y, y - lower, atol=NUDGE / 1000):
            raise ValueError(CORNER)
        slopes = ((higher - lower) / (2 * NUDGE) * dy).sum((2, 3, 4))  # (entries, N)
        return slopes.T.reshape(x.shape)

    def weight_slopes(self, dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """dw: how far sum(dy * y) moves with each weight, measured."""
        entries = w[0].size
        nudges = NUDGE * np.eye(entries).reshape(entries, *w.shape[1:])
        higher, lower = (  # every channel of y many times, each with another weight moved
            self.forward(x, (w[:, None] + sign * nudges).reshape(-1, *w.shape[1:])) for sign in (1, -1)
        )
        slopes = ((higher - lower) / (2 * NUDGE)).reshape(len(x), len(w), entries, *dy.shape[ROW:])
        return (slopes * dy[:, :, None]).sum((0, 3, 4)).reshape(w.shape)

    def words(self) -> list[str]:
        """What it does, a sentence or two for each step."""
        return [
            text for text in (self._shapes(), self._padding(), self._window(), self._groups(), self._does()) if text
        ]

    def _shapes(self) -> str:
        channels = "C_out" if self.has_weights else "C" if self.groups is None else str(self.groups)
        return f"`x` has the shape (N, C, H, W), and `y` has (N, {channels}, rows, columns)."

    def _padding(self) -> str:
        rows, columns = self.padding
        parts = [f"{_counted(rows, 'row')} above and below"] if rows else []
        parts += [f"{_counted(columns, 'column')} left and right"] if columns else []
        return (
            f"First, zeros surround each image: {' and '.join(parts)}. They are entries like any other."
            if parts
            else ""
        )

    def _window(self) -> str:
        rows, columns = self.window
        says = f"A window reads {_counted(rows, 'row')} and {_counted(columns, 'column')}"
        apart = [
            f"its {name}s lie {distance} apart"
            for name, distance, size in zip(("row", "column"), self.dilation, self.window, strict=True)
            if distance > 1 and size > 1
        ]
        down, right = self.stride
        return (
            f"{says}{': ' if apart else ''}{', and '.join(apart)}. It starts in the upper left corner. "
            f"The next window is {_counted(right, 'column')} to the right, or {_counted(down, 'row')} down. "
            "A window that would reach beyond the edge is left out."
        )

    def _groups(self) -> str:
        if self.groups is None:
            return "Every channel is treated by itself."
        if self.groups == 1:
            return "A window reads these places in all channels."
        each = "as many channels of `y`" if self.has_weights else "one channel of `y`"
        return (
            f"The channels of `x` fall into {self.groups} groups of equal size, neighbours together. "
            f"Each group makes {each}{' as any other' if self.has_weights else ''}, in the same order, "
            "and a window reads these places in all channels of its group."
        )

    def _does(self) -> str:
        depth = "C" if self.groups == 1 else f"C / {self.groups}"
        return DOES[self.reduction].format(weights=f"(C_out, {depth}, {self.window[0]}, {self.window[1]})")

    def misread(self) -> Iterator[tuple[str, str, "Operator"]]:
        """(name, sentence, another operator): what one who misreads the words takes this one for."""
        known = {self}
        for name, says, other in self._misread():
            if other not in known:
                known.add(other)
                yield name, says, other

    def _misread(self) -> Iterator[tuple[str, str, "Operator"]]:
        for name, none in (("stride", 1), ("dilation", 1), ("padding", 0)):
            pair = getattr(self, name)
            if pair != (none, none):
                says = f"This would be right with {name} {none}. Where does yours use the {name}, {pair}?"
                yield f"no {name}", says, self._with(name, (none, none))
        for name in ("window", "stride", "dilation", "padding"):
            pair = getattr(self, name)
            if name == "window" and self.has_weights:
                continue  # the shape of w says it
            if pair[0] != pair[1]:
                exchanged = pair[::-1]
                says = f"This would be right with {name} {exchanged}. Rows and columns are exchanged: it is {pair}."
                yield f"{name} exchanged", says, self._with(name, exchanged)
        if not self.has_weights:
            for other in get_args(Reduction)[:3]:
                if other != self.reduction:
                    was, it_is = OUTPUT_IS[other], OUTPUT_IS[self.reduction]
                    says = f"This would be right if each output were {was}. It is {it_is}."
                    yield f"{other} in place of {self.reduction}", says, replace(self, reduction=other)
        if self.reduction in ("mean", "max") and self.padding != (0, 0):
            says = (
                "This would be right if only entries of the image counted. Here the zeros around it are entries, too."
            )
            yield "padding does not count", says, replace(self, padding_counts=False)
        if self.groups and self.groups > 1 and not self.has_weights:
            says = "This would be right if all channels were one group. Which of them does a window read?"
            yield "no groups", says, replace(self, groups=1)

    def _with(self, name: str, pair: Pair) -> "Operator":
        changed: dict[str, Any] = {name: pair}
        other = replace(self, **changed)
        return replace(other, dilation=_where_it_matters(other.dilation, other.window))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# ---------------------------------------------------------------- drawing


def draw(seed: int, level: int) -> Operator:
    """The operator of a seed. Level 2 has other steps along rows than along columns, and groups."""
    rng = np.random.default_rng([level, seed])

    def either(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    reduction: Reduction = either(*get_args(Reduction))
    window = either((1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (2, 2))
    whole = None if reduction != "weighted" else 1
    if level == 1:
        stride = either((1, 2), (2, 1), (2, 2))
        dilation = either((1, 1), (2, 2))
        padding, groups = either((0, 0), (1, 1)), whole
    else:
        stride = either((1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2))
        dilation = either((1, 2), (2, 1), (2, 3), (3, 2))
        padding, groups = either((0, 1), (1, 0), (1, 2), (2, 1)), either(2, 3)
    found = Operator(reduction, window, stride, _where_it_matters(dilation, window), (0, 0), groups)
    height, width = found.extent  # a window that reads nothing but zeros says nothing
    return replace(found, padding=(min(padding[0], height - 1), min(padding[1], width - 1)))


def _where_it_matters(dilation: Pair, window: Pair) -> Pair:
    rows, columns = (d if k > 1 else 1 for d, k in zip(dilation, window, strict=True))
    return rows, columns


def arrays(
    operator: Operator, x: np.ndarray, numbers: Callable[..., np.ndarray], outputs: int
) -> dict[str, np.ndarray]:
    """dy, x, and w if there are weights, that go together. outputs: channels of y for each group, with weights."""
    groups = operator.groups or x.shape[CHANNEL]
    channels = groups * (outputs if operator.has_weights else 1)
    sizes = operator.out_sizes(*x.shape[ROW:])
    found = {"dy": numbers(len(x), channels, *sizes), "x": x}
    if operator.has_weights:
        found["w"] = numbers(channels, x.shape[CHANNEL] // groups, *operator.window)
    return found


def apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers of which no two are near each other, and none is near 0."""
    size = int(np.prod(shape))
    return ((rng.permutation(size) - size // 2 + 0.375) / 4).reshape(shape)
