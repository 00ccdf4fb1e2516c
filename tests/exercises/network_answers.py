"""Wrong answers to the labs on networks and their training, as learners write them."""

import numpy as np
from wrong_answers import wrong

# ---------------------------------------------------------------- fit


@wrong("fit", losses="last batch never reached", sizes="last batch never reached", uses="last batch never reached")
def while_a_whole_batch_is_left(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(epochs):
        order, start, total = rng.permutation(len(x)), 0, 0.0
        while start + batch_size < len(x):
            batch = order[start : start + batch_size]
            total += step(x[batch], y[batch]) * len(batch)
            start += batch_size
        losses.append(total / len(x))
    return np.array(losses)


@wrong("fit", sizes="empty batch")
def one_batch_more_than_whole_ones(step, x, y, epochs, batch_size, rng):
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for k in range(len(x) // batch_size + 1):
            batch = order[k * batch_size : (k + 1) * batch_size]
            losses[epoch] += step(x[batch], y[batch]) * len(batch) / len(x)
    return losses


@wrong("fit", losses="another number of epochs", sizes="another number of epochs", uses="another number of epochs")
def returns_after_the_first_epoch(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        total = 0
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            total += step(x[batch], y[batch]) * len(batch)
        losses.append(total / len(x))
        return np.array(losses)


@wrong("fit", losses="another number of epochs", sizes="another number of epochs", uses="another number of epochs")
def counts_epochs_from_one(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(1, epochs):
        order, total = rng.permutation(len(x)), 0
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            total += step(x[batch], y[batch]) * len(batch)
        losses.append(total / len(x))
    return np.array(losses)


@wrong("fit", losses="divided by another number")
def sum_of_means_over_the_examples(step, x, y, epochs, batch_size, rng):
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        x_and_y = list(zip(x, y, strict=True))
        rng.shuffle(x_and_y)
        xs, ys = np.array([a for a, _ in x_and_y]), np.array([b for _, b in x_and_y])
        for start in range(0, len(x), batch_size):
            losses[epoch] += step(xs[start : start + batch_size], ys[start : start + batch_size])
    return losses / len(x)


@wrong("fit", losses="last batch weighed as a full one")
def times_the_batch_size(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        pieces = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
        losses.append(sum(step(x[piece], y[piece]) * batch_size for piece in pieces) / len(x))
    return np.array(losses)


@wrong("fit", losses="one number for each step")
def keeps_the_loss_of_every_step(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            losses.append(step(x[batch], y[batch]))
    return np.array(losses)


@wrong("fit", losses="one number in all")
def mean_over_the_epochs_too(step, x, y, epochs, batch_size, rng):
    losses = []
    for _ in range(epochs):
        order, total = rng.permutation(len(x)), 0
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            total += step(x[batch], y[batch]) * len(batch)
        losses.append(total / len(x))
    return np.mean(losses)
