"""Questions of lessons B and C with other numbers, for the day they come back: each can be read without its lesson.

Each function takes a random generator and returns the fields of its Prediction that change.
"""

import numpy as np

from course_lib import loops, tape
from course_lib.exercises.lessons.shared.redrawn import Fields, added, fields
from course_lib.tape import Node

# ---------------------------------------------------------------- lesson B


def slope_of_two_uses(w, x) -> float:
    """df/dw of f = p q with p = w x and q = p + w, walked back on a tape."""
    w, x = Node(np.array(float(w))), Node(np.array(float(x)))
    p = tape.record(np.multiply, lambda dy, a, b: (dy * b, dy * a), w, x)
    q = tape.record(np.add, lambda dy, a, b: (dy, dy), p, w)
    f = tape.record(np.multiply, lambda dy, a, b: (dy * b, dy * a), p, q)
    tape.backpropagate(f)
    return float(w.grad)


def two_uses(rng) -> Fields:
    w, x = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    p, q = w * x, w * x + w
    return fields(
        f"`p = w x`, `q = p + w`, `f = p q`, with w = {w} and x = {x}: so p = {p}, q = {q} and f = {p * q}. "
        "How far does f move for each unit that w moves?",
        slope_of_two_uses(w, x),
        f"p hears {q} from f and {p} from q, so dp = {p + q}. w hears {p + q} times {x} from p, and {p} from q.",
        ((p + q) * x, "That is what comes through p. w stands in the sum q as well."),
        (p, "That is what comes through the sum q alone. w is a factor of p, too."),
        (q * x + p, f"p was used twice, in q and in f, and hears from both: {q} and {p}."),
        (p * x + p, f"p was used twice, in q and in f, and hears from both: {q} and {p}."),
    )


def broadcast(rng) -> Fields:
    rows = int(rng.integers(2, 5))
    dy = rng.permutation(np.arange(1, 10))[: 2 * rows].reshape(rows, 2)
    ordinals = "first", "second", "third", "fourth"
    says = [f"{a}, {b} in the {ordinal}" for (a, b), ordinal in zip(dy, ordinals, strict=False)]
    left, right = (added(column) for column in dy.T)
    return fields(
        f"b has 2 numbers and is added to each of the {rows} rows of y. The gradient of the result is "
        f"{', '.join(says[:-1])} and {says[-1]} row. What is the gradient of b?",
        tape.summed_to(dy.astype(float), (2,)),
        f"Each number of b stands in {rows} rows. It collects {left} and {right}.",
        (dy.mean(0), f"That is the mean. Each of the {rows} uses moves the loss by itself."),
        (dy[0], "That is the first row's alone. The other rows used the same b."),
        (dy[-1], "That is the last row's alone. The other rows used the same b."),
    )


def same_array(rng) -> Fields:
    handed, more = (int(n) for n in rng.choice(np.arange(1, 10), 2, replace=False))
    return fields(
        f"A tape walks back through `s = a + b`. The gradient at s is an array of {handed}s, and `add` hands that one "
        f"array to both, `(dy, dy)`. `a` was used somewhere else, too: a gradient of {more}s comes from there, and is "
        f"added by `a.grad += {more}`. What does b.grad hold then, in each place?",
        handed + more,
        f"Both names stand for one array, and `+=` writes into it: {handed} + {more} = {handed + more} in both. "
        f"`a.grad = a.grad + {more}` makes a new one.",
        (handed, "It would, if the two gradients were two arrays. Look at what `add` returns: `(dy, dy)`."),
        (more, f"`+=` adds to the {handed}s that are there already."),
    )


def nodes(rng) -> Fields:
    rounds, linear = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    steps, weights = 3 * rounds + 1 + 2 * linear - 1 + 1, 2 * (rounds + linear)
    end = "a linear layer" if linear == 1 else f"{linear} linear layers with a relu between one and the next"
    return fields(
        f"A loss on a tape: {rounds} {'round' if rounds == 1 else 'rounds'} of conv, relu and pool, then flatten, "
        f"{end}, and the cross-entropy with the classes. Each conv and each linear layer has a `w` and a `b`. "
        "The tape has a node for every array: what is put in, and what each step makes. How many nodes are there?",
        steps + weights + 2,
        f"{steps} steps, {weights} arrays of weights, the images and the classes: {steps + weights + 2}.",
        (steps, "Those are the steps. What they were made of is on the tape as well."),
        (steps + weights, "The images and the classes are nodes, too."),
        (
            steps + weights + 1,
            "The classes are a node, too: nothing is learnt from their gradient, but the loss was made of them.",
        ),
    )


# ---------------------------------------------------------------- lesson C


def unequal(rng) -> Fields:
    images = [int(n) for n in rng.choice(np.arange(1, 6), 2, replace=False)]
    losses = [int(n) for n in rng.choice(np.arange(1, 8), 2, replace=False)]
    every, total = sum(images), sum(n * loss for n, loss in zip(images, losses, strict=True))
    counted = [f"{n} image{'s' if n > 1 else ''}" for n in images]
    return fields(
        f"A batch is shared. Worker one has {counted[0]} with a mean loss of {losses[0]}. Worker two has {counted[1]} "
        f"with a mean loss of {losses[1]}. What is the mean loss of the batch of {every}? (two decimals)",
        loops.add_shards(np.array(losses, float)[:, None], images)[0],
        f"The losses add up to {added(n * loss for n, loss in zip(images, losses, strict=True))} = {total}, "
        f"and there are {every}: {total / every:.3g}.",
        (
            sum(losses) / 2,
            f"That is the mean of the two means. {counted[0]} stand behind the {losses[0]}, "
            f"and {images[1]} behind the {losses[1]}.",
        ),
        (sum(losses), "That is the sum of two means."),
        (total, f"That is the sum of all {every} losses."),
    ) | {"tolerance": 0.006}


def traffic(rng) -> Fields:
    workers, thousands = int(rng.integers(2, 13)), int(rng.choice([2, 5, 10, 20, 50]))
    copy = 4 * thousands
    return fields(
        f"A network has {thousands},000 weights of 4 bytes each. One process sends them to each of {workers} workers, "
        "and gets a gradient back from each. How many kilobytes (1000 bytes) go through it in each step, images not "
        "counted?",
        workers * 2 * copy,
        f"{workers} workers, two ways, {copy} kilobytes each. It grows with the workers, and not with the batch.",
        (workers * copy, "That is one way only. Weights go out, gradients of the same size come back."),
        (2 * copy, f"That is one worker's traffic. All {workers} go through the one process."),
        (copy, "That is one copy of the weights, one way."),
        (2 * workers * thousands, "There are 4 bytes in each number, and two ways."),
    )


def stale(rng) -> Fields:
    largest = float(rng.choice([0.1, 0.2, 0.4, 0.5, 0.8, 1.2, 2.0, 3.0]))
    return fields(
        f"Gradient descent on a parabola is stable up to a learning rate of {largest:g}. Now every gradient is one "
        "step old: computed with the weights of a step before. Up to which learning rate is it stable now?",
        largest / 2,
        f"2 sin(π/6) is 1, and without a delay it is 2: half, {largest / 2:g}. "
        "One step of delay costs half of the learning rate.",
        (largest, "An old gradient still pulls when the weights have passed the goal already. It overshoots sooner."),
        (0, "There is room left: with small steps, the weights of one step ago are almost those of today."),
        (2 * largest, "Lower: the old gradient pulls on when the weights have passed the goal already."),
    )


def batch_norm(rng) -> Fields:
    first, last = ((3, 3), (2, 2), (4, 1), (1, 4))[rng.integers(4)]
    step, one = int(rng.integers(1, 4)), int(rng.integers(-3, 4))
    apart = step * (2 if first == last else 5) * int(rng.choice([-1, 1]))
    two, every = one + apart, first + last
    numbers = np.array([one] * first + [two] * last, float)
    mean, std = numbers.mean(), numbers.std()
    result = (two - mean) / std
    return fields(
        f"A channel holds {', '.join([str(one)] * first)} on worker one, and {', '.join([str(two)] * last)} on worker "
        "two. Batch norm subtracts the mean and divides by the standard deviation. "
        f"What does it make of a {two} if it sees all {every} numbers (eps = 0)?",
        result,
        f"The mean is {mean:g}, the standard deviation is {std:g}, so {two} becomes {two - mean:g} / {std:g} = "
        f"{result:g}. Alone, worker two would have made it 0.",
        (0, f"That is what worker two makes of it alone: to it, {two} is the mean."),
        (two - mean, f"Divide by the standard deviation, too: {std:g}."),
        (-result, f"{two} is {'above' if apart > 0 else 'below'} the mean, {mean:g}."),
    )
