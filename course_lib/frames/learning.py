"""How a layer learns a kernel: its weights epoch by epoch, the kernel they should become, and the loss."""

import numpy as np

from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.looks import COUNT, KERNEL, OUTPUT, number

_HIGH_TO_WIDE = 0.29  # the shape of the picture of the loss
_WIDE = 4  # of a bar of the loss in the picture's own cells: three are drawn, one is the gap
_GRAIN = 2.0**-13  # to which weights are rounded: sums of such numbers are exact, in Python and in the browser


@animation
def learning(losses, weights, kernel, name=""):
    """The story of a layer that learns kernel (kH, kW): losses (E,), weights (E or E + 1, kH, kW) before each epoch.

    Losses are drawn by their logarithm; weights are rounded to 1/8192.
    """
    losses, weights, kernel = drawable(losses=losses, weights=weights, kernel=kernel)
    checks.ndim("losses", losses, "(epoch,)")
    checks.ndim("kernel", kernel, "(kH, kW)")
    checks.ndim("weights", weights, "(epoch, kH, kW)")
    if weights.shape[1:] != kernel.shape or len(weights) not in (len(losses), len(losses) + 1):
        raise ValueError(
            f"weights must have shape {(len(losses), *kernel.shape)}, the kernel's for each of the losses, or one "
            f"more for the end, but its shape is {weights.shape}"
        )
    if losses.min() < 0:
        raise ValueError("losses must be numbers, none below 0, to be drawn by their logarithm")
    if not isinstance(name, str):
        raise TypeError(f"name must be text, but is {checks.brief(name)}")
    off = np.abs(weights - kernel).max(axis=(1, 2))
    shown = np.round(weights[: len(losses)] / _GRAIN) * _GRAIN
    moves = np.diff(shown, axis=0, prepend=0).reshape(len(losses), -1)
    steps = [_step(epoch, losses, off[epoch], moves[epoch], kernel) for epoch in range(len(losses))]
    return Story(f"Learning: {name}" if name else "Learning a kernel", _grids(len(losses), kernel), steps)


def _grids(epochs, kernel):
    rows, columns = kernel.shape
    bars = np.zeros(_picture_shape(epochs))
    return by_key(
        Grid("w", KERNEL, np.zeros(kernel.shape), (0, 0), collects=True),
        Grid("target", OUTPUT, np.zeros(kernel.shape), (columns + 1, 0), collects=True),
        Grid(
            "loss", COUNT, bars, (0, rows + 1.3), scale=(2 * columns + 1) / bars.shape[1], collects=True, picture=True,
            caption="loss (logarithm)",
        ),
    )  # fmt: skip


def _picture_shape(epochs):
    return round(_HIGH_TO_WIDE * _WIDE * epochs), _WIDE * epochs


def _step(epoch, losses, off, moves, kernel):
    w, loss = mark("w", "w"), f"loss = {number(losses[epoch])}"
    flows = (*_each("w", moves), _bar(epoch, losses))
    if epoch:
        sentence = f"After epoch {epoch} the farthest weight is {number(off, 2)} off."
        return Step(sentence, f"{w} ← {w} − lr · dw", loss, flows=flows)
    sentence = f"Before the first epoch: small random weights. The farthest is {number(off, 2)} off."
    return Step(sentence, f"{w} = start", loss, flows=(*_each("target", kernel.ravel()), *flows))


def _each(key, amounts):
    """One flow for each cell, so that the browser receives all digits of it."""
    return (Flow(key, [cell], (), float(amount)) for cell, amount in enumerate(amounts))


def _bar(epoch, losses):
    """The column of the loss's picture for an epoch: filled as high as its logarithm lies among all of them."""
    high, wide = _picture_shape(len(losses))
    powers = np.log10(np.maximum(losses, np.finfo(float).tiny))
    share = (powers[epoch] - powers.min()) / max(np.ptp(powers), np.finfo(float).tiny)
    top = high - 2 - round(share * (high - 2))
    across = range(_WIDE * epoch, _WIDE * epoch + _WIDE - 1)
    cells = [(row, column) for row in range(high) for column in across]
    return Flow("loss", [row * wide + column for row, column in cells], (), [float(row >= top) for row, _ in cells])
