"""The loop around the step: every example once an epoch, in a new order each time."""

from functools import partial
from math import ceil

import numpy as np

from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn

LESSON = "12_finale"

FAR_TOO_OFTEN = 20  # times as many calls as examples and epochs ask for: a loop that makes them does not end
NO_END = (
    "`step` was called far more often than all epochs have examples. "
    "Is there a loop that never ends, because the place where a batch starts does not move?"
)
TELLING = 9  # with so many examples, an order that comes twice by chance is one in 362,880


def fit(step, x, y, epochs, batch_size, rng):
    """Call step(x_batch, y_batch) -> loss for all batches of all epochs. Returns losses (epochs,): the means."""
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            losses[epoch] += step(x[batch], y[batch]) * len(batch)
    return losses / len(x)


def counted(f, n, epochs, batch_size, seed):
    """Call f with a step that only notes what it is given.

    Returns losses (epochs,); sizes (epochs, steps) of the batches; uses (epochs, n), how often the examples came, in
    falling order; pairs (epochs,), 1 where all came with their own y; fresh (epochs,), 1 where the order is a new one.
    """
    calls = []

    def step(x, y):
        if len(calls) > FAR_TOO_OFTEN * (n + 1) * (epochs + 1):
            raise CannotBeJudgedError(NO_END)
        calls.append((np.array(x, float).reshape(-1), np.array(y, float).reshape(-1)))
        return len(calls[-1][0]) + 10 / (1 + len(calls))

    x = np.arange(n, dtype=float).reshape(n, 1)
    losses = f(step, x, 10 * np.arange(n), epochs, batch_size, np.random.default_rng(seed))
    if losses is None and not calls:
        return None
    steps = ceil(n / batch_size)
    whole = len(calls) and len(calls) % epochs == 0
    parts = [calls[epoch * steps : (epoch + 1) * steps] for epoch in range(epochs)]
    if whole:
        steps = len(calls) // epochs
        parts = [calls[epoch * steps : (epoch + 1) * steps] for epoch in range(epochs)]
    orders = [np.concatenate([x for x, _ in part]) if part else np.zeros(0) for part in parts]
    labels = [np.concatenate([y for _, y in part]) if part else np.zeros(0) for part in parts]
    return (
        _numbers(losses),
        np.array([[len(x) for x, _ in part] + [0] * (steps - len(part)) for part in parts], float),
        np.array([np.sort(np.bincount(order.astype(int), minlength=n))[::-1] for order in orders], float),
        np.array([float(np.array_equal(10 * o, own)) for o, own in zip(orders, labels, strict=True)]),
        _fresh(orders, n),
    )


def _numbers(losses):
    try:
        return None if losses is None else np.asarray(losses, float)
    except (TypeError, ValueError) as error:
        raise CannotBeJudgedError(
            f"What came back is of type {type(losses).__name__}, but one number for each epoch is expected."
        ) from error


def _fresh(orders, n):
    """1 where an order is neither that of the examples nor one that came before; with few examples or none, always."""
    before, fresh = [np.arange(n, dtype=float)], []
    for order in orders:
        old = len(order) and any(np.array_equal(order, other) for other in before)
        fresh.append(float(n < TELLING or not old))
        before.append(order)
    return np.array(fresh)


# ---------------------------------------------------------------- how the loop goes wrong


def _looped(
    step, x, y, epochs, batch_size, rng, /, *,
    order=None, start=0, ends=None, width=None, longer=0, y_of=None, loss=None, mean=None, reset=True, runs=None,
    result=None,
):  # fmt: skip
    """A fit in steps. longer: by how many examples than batch_size; runs(epochs): how many it makes."""
    n, losses, every, total = len(x), [], [], 0.0
    once = np.random.default_rng(n).permutation(n)
    for _ in range(runs(epochs) if runs else epochs):
        drawn_order = order(once, n) if order else rng.permutation(n)
        total, values, sizes = 0.0 if reset else total, [], []
        for first in range(start, ends(n, batch_size) if ends else n, width or batch_size):
            batch = drawn_order[first : first + batch_size + longer]
            labels = y_of(y, first, batch, rng) if y_of else y[batch]
            values.append(step(x[batch], labels))
            sizes.append(len(batch))
            total += values[-1] * (loss(batch_size) if loss else len(batch))
        losses.append(mean(values, sizes, total, n) if mean else total / n)
        every += values
    return result(losses, every) if result else np.array(losses)


looping = partial(Variant, _looped)


def _full_only(n, batch_size):
    return n // batch_size * batch_size


DROPPED = (
    "The last batch is missing: where the batch size does not divide the number of examples, some are left over. "
    "A batch may be smaller than the others."
)
IN_ORDER = (
    "The examples come in the order in which they lie in memory. "
    "Data that are sorted, as by digit, then teach one class after the other. Draw an order."
)
ONCE = "The order is drawn once, and every epoch repeats it. Draw a new one in each epoch."
APART = "The images are shuffled and their labels are not: `x[batch]` goes with `y[batch]`."
UNWEIGHTED = (
    "Every batch counts alike in your mean, but the last one may be smaller. "
    "Weigh the loss of each batch by how many examples are in it."
)
SUMMED = "These are sums over the epoch, not means: divide by the number of examples."
LAST = "That is the loss of the last batch alone. Asked for is the mean over all examples of the epoch."
CARRIED = "The sum of one epoch goes on in the next. Let each epoch start from 0."
ONE_ON = "Each batch starts one example after the one before it, so they overlap. Let `start` move by the batch size."
TOO_EARLY = (
    "The loop ends before the last batch, even where that one is full. "
    "A batch may start anywhere below the number of examples."
)
EMPTY = (
    "Where the batch size divides the number of examples, the last batch is empty, "
    "and the mean of a loss over no examples is nan. How many batches are there?"
)
FIRST_LEFT_OUT = "In every epoch, the first example of the order is left out. The first batch starts at 0."
ONE_OFF = "The batches have one example too many or too few. A slice stops before its second number."
OTHER_EPOCHS = (
    "It does not go through the examples `epochs` times. "
    "Is `return` inside the loop, or does `range` begin or end at another number?"
)
BY_ANOTHER = (
    "A mean is divided by how many numbers were added. "
    "You add losses of batches and divide by the examples, or the other way round."
)
FULL_WEIGHT = (
    "Every batch counts as `batch_size` examples, but the last one may be smaller: weigh it by how many it has."
)
ALL_IN_ONE = "That is one number. Return one for each epoch."
EVERY_STEP = "That is the loss of every step. Return one number for each epoch: the mean over its examples."

MISTAKES = {  # name -> the sentence, the tensors that show it, and wrong answers
    "last batch dropped": (
        DROPPED, ("losses", "sizes", "uses"),
        looping(ends=_full_only), looping(ends=_full_only, mean=lambda v, sizes, total, n: total / max(sum(sizes), 1)),
        looping(ends=_full_only, mean=lambda values, sizes, total, n: np.mean(values) if values else 0.0),
    ),
    "never shuffled": (IN_ORDER, ("fresh",), looping(order=lambda once, n: np.arange(n))),
    "shuffled once": (ONCE, ("fresh",), looping(order=lambda once, n: once)),
    "y not in the order of x": (
        APART, ("pairs",),
        looping(y_of=lambda y, first, batch, rng: y[first : first + len(batch)]),
    ),
    "mean not weighted": (
        UNWEIGHTED, ("losses",), looping(mean=lambda values, sizes, total, n: np.mean(values)),
    ),
    "sum in place of the mean": (
        SUMMED, ("losses",),
        looping(mean=lambda values, sizes, total, n: sum(values)), looping(mean=lambda v, sizes, total, n: total),
    ),
    "loss of the last batch": (LAST, ("losses",), looping(mean=lambda values, sizes, total, n: values[-1])),
    "epochs added up": (CARRIED, ("losses",), looping(reset=False)),
    "batches overlap": (ONE_ON, ("losses", "sizes", "uses"), looping(width=1)),
    "last batch never reached": (
        TOO_EARLY, ("losses", "sizes", "uses"), looping(ends=lambda n, batch_size: n - batch_size),
    ),
    "empty batch": (EMPTY, ("sizes",), looping(ends=lambda n, batch_size: (n // batch_size + 1) * batch_size)),
    "first example left out": (FIRST_LEFT_OUT, ("losses", "sizes", "uses"), looping(start=1)),
    "batches of another size": (ONE_OFF, ("losses", "sizes", "uses"), looping(longer=1), looping(longer=-1)),
    "another number of epochs": (
        OTHER_EPOCHS, ("losses", "sizes", "uses"),
        *(looping(runs=runs) for runs in (lambda epochs: 1, lambda epochs: epochs - 1, lambda epochs: epochs + 1)),
    ),
    "divided by another number": (
        BY_ANOTHER, ("losses",),
        looping(mean=lambda values, sizes, total, n: sum(values) / n),
        looping(mean=lambda values, sizes, total, n: total / len(values)),
    ),
    "last batch weighed as a full one": (FULL_WEIGHT, ("losses",), looping(loss=lambda batch_size: batch_size)),
    "one number in all": (
        ALL_IN_ONE, ("losses",),
        looping(result=lambda losses, every: np.mean(losses)), looping(result=lambda losses, every: losses[-1]),
    ),
    "one number for each step": (EVERY_STEP, ("losses",), looping(result=lambda losses, every: np.array(every))),
}  # fmt: skip

TENSORS = ("losses", "sizes", "uses", "pairs", "fresh")


def _mistakes(tensor):
    return tuple(
        Mistake(name, says, tuple(WrongAnswer(counted, f, TENSORS.index(tensor)) for f in wrongs))
        for name, (says, tensors, *wrongs) in MISTAKES.items()
        if tensor in tensors
    )


# ---------------------------------------------------------------- what it is tried on


def _case(n, epochs, batch_size, seed=0):
    return {"n": n, "epochs": epochs, "batch_size": batch_size, "seed": seed}


def cases(rng):
    """A remainder, none, a batch of one, and a batch larger than all examples; never as many steps as epochs."""
    return [_case(11, 3, 4), _case(12, 2, 3, 1), _case(9, 4, 1, 2), _case(10, 2, 16, 3), _case(13, 5, 6, 4)]


def further(rng):
    return [
        _case(int(rng.integers(1, 14)), int(rng.integers(1, 4)), int(rng.integers(1, 7)), number)
        for number in range(drawn.COUNT)
    ]


FIT = Exercise(
    answer=fit,
    task=(
        "Write `fit(step, x, y, epochs, batch_size, rng)`. "
        "`step(x_batch, y_batch)` trains on one batch and returns its loss, the mean over that batch. "
        "In each epoch, take all examples once, in a new order from `rng.permutation`, cut into batches. "
        "Return an array with one number for each epoch: the mean loss of an example."
    ),
    difficulty="medium",
    minutes=10,
    hints=(
        "Two loops: over the epochs, and inside over the place where a batch starts. "
        "What is drawn in the outer one, and what is cut in the inner one?",
        "Draw the order once an epoch, outside the inner loop. A piece of it picks a batch, from x and from y alike. "
        "The last piece may be shorter, so not all batches count alike in the mean.",
        "`batch = order[start : start + batch_size]`, with `start` from `range(0, len(x), batch_size)`. "
        "Add `step(x[batch], y[batch]) * len(batch)`, and divide the sum by `len(x)`.",
    ),
    next_idea="Let it stop early, as soon as an epoch was no better than the one before.",
    cases=cases,
    further=further,
    small=Small({"batch_size": (1, 2, 3), "n": (1, 2, 3, TELLING), "epochs": (1, 2)}, lambda numbers, **s: _case(**s)),
    probe=_case(5, 2, 2),
    tensors=TENSORS,
    axes={
        "losses": ("epoch",), "sizes": ("epoch", "step"), "uses": ("epoch", "example"),
        "pairs": ("epoch",), "fresh": ("epoch",),
    },
    run=counted,
    otherwise={
        "uses": (
            "In an epoch, some examples come more often than others. "
            "Draw an order of all of them, and cut that into batches.",
        ),
    },
    mistakes={tensor: _mistakes(tensor) for tensor in TENSORS},
)  # fmt: skip

EXERCISES = (FIT,)
PREDICTIONS = ()
