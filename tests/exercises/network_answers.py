"""Wrong answers to the labs on networks and their training, as learners write them."""

import numpy as np
from right_answers import right
from wrong_answers import wrong

from course_lib.layers import Module, Parameter

# ---------------------------------------------------------------- right ones that compute in float32


def _softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@right("cross_entropy_gradient")
def scores_in_float32(logits, targets):
    d = _softmax(logits.astype(np.float32))
    d[np.arange(len(d)), targets] -= 1
    return d / np.float32(len(d))


@right("cross_entropy_loss")
def loss_in_float32(logits, targets):
    z = logits.astype(np.float32)
    z -= z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), targets])


@right("batch_norm2d_backward")
def norm_in_float32(dy, x, weight, eps=1e-5):
    dy, x, weight = (array.astype(np.float32) for array in (dy, x, weight))
    axes, m = (0, 2, 3), x.size // x.shape[1]
    std = np.sqrt(x.var(axis=axes, keepdims=True) + np.float32(eps))
    xhat = (x - x.mean(axis=axes, keepdims=True)) / std
    dbias, dweight = dy.sum(axis=axes), (dy * xhat).sum(axis=axes)
    rest = m * dy - dbias[:, None, None] - xhat * dweight[:, None, None]
    return weight[:, None, None] / std / m * rest, dweight, dbias


@right("Swish")
class InFloat32(Module):
    def __init__(self, channels):
        self.beta = Parameter(np.ones((channels, 1, 1), np.float32))

    def forward(self, x):
        self.x = x.astype(np.float32)
        self.s = 1 / (1 + np.exp(-self.beta.data.astype(np.float32) * self.x))
        return self.x * self.s

    def backward(self, dy):
        dy, bend = dy.astype(np.float32), self.x * self.s * (1 - self.s)
        self.beta.grad += (dy * bend * self.x).sum(axis=(0, 2, 3)).reshape(self.beta.grad.shape)
        return dy * (self.s + bend * self.beta.data.astype(np.float32))


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
