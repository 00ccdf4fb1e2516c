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


# ---------------------------------------------------------------- cross-entropy


@wrong("cross_entropy_gradient", dlogits="rows' numbers along the columns")
def without_keepdims(logits, targets):
    raised = np.exp(logits - logits.max(axis=1))
    d = raised / raised.sum(axis=1)
    d[np.arange(len(d)), targets] -= 1
    return d / len(d)


@wrong("cross_entropy_gradient", dlogits="rows' numbers along the columns")
def sums_without_keepdims(logits, targets):
    raised = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return (raised / np.sum(raised, axis=1) - np.eye(logits.shape[1])[targets]) / len(logits)


@wrong("cross_entropy_gradient", dlogits="maximum subtracted in one place")
def maximum_below_alone(logits, targets):
    below = np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    d = np.exp(logits) / below
    d[np.arange(len(d)), targets] -= 1
    return d / len(d)


@wrong("cross_entropy_gradient", dlogits="as many classes as the targets need")
def one_hot_of_the_largest_target(logits, targets):
    one_hot = np.zeros((len(targets), targets.max() + 1))
    for row, target in enumerate(targets):
        one_hot[row, target] = 1
    return (_softmax(logits) - one_hot) / len(logits)


@wrong("cross_entropy_gradient", dlogits="set, not subtracted")
def minus_one_at_the_target(logits, targets):
    d = _softmax(logits)
    for row, target in enumerate(targets):
        d[row, target] = -1
    return d / len(d)


@wrong("cross_entropy_gradient", dlogits="only one row")
def fills_the_row_behind_the_loop(logits, targets):
    d = np.zeros_like(logits)
    for row in range(len(logits)):
        p = np.exp(logits[row] - logits[row].max())
        p /= p.sum()
        p[targets[row]] -= 1
    d[row] = p / len(logits)
    return d


@wrong("cross_entropy_gradient", dlogits="gradient by the probabilities")
def of_two_classes_from_a_blog(logits, targets):
    p, y = _softmax(logits), np.eye(logits.shape[1])[targets]
    return (-y / p + (1 - y) / (1 - p)) / len(logits)


@wrong("cross_entropy_gradient", dlogits="logarithm of softmax")
def log_softmax_minus_one_hot(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    d = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    d[np.arange(len(d)), targets] -= 1
    return d / len(d)


@wrong("cross_entropy_loss", loss="logarithm of 0")
def only_the_maximum_is_mended(logits, targets):
    return np.mean(-np.log(_softmax(logits)[np.arange(len(logits)), targets]))


@wrong("cross_entropy_loss", loss="exp overflows")
def the_second_form_with_no_maximum(logits, targets):
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), targets])


@wrong("cross_entropy_loss", loss="another maximum")
def the_second_form_with_the_first_maximum(logits, targets):
    shifted = logits - logits.max()
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(logits)), targets])


@wrong("cross_entropy_loss", loss="nan and infinity swept away")
def nan_to_num(logits, targets):
    losses = -np.log(_softmax(logits)[np.arange(len(logits)), targets])
    return np.nan_to_num(losses).mean()


@wrong("cross_entropy_loss", loss="nan and infinity swept away")
def zero_where_it_is_endless(logits, targets):
    losses = -np.log(_softmax(logits)[np.arange(len(logits)), targets])
    losses[~np.isfinite(losses)] = 0
    return losses.mean()


@wrong("cross_entropy_loss", loss="scores clipped")
def scores_within_500(logits, targets):
    z = np.clip(logits, -500, 500)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), targets])


@wrong("cross_entropy_loss", loss="summed over the batch")
def one_denominator_for_all(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum()) - z[np.arange(len(z)), targets])


@wrong("cross_entropy_loss", loss="columns of all targets")
def a_colon_for_the_rows(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    return -np.mean((z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[:, targets])


# ---------------------------------------------------------------- batch norm

AXES = (0, 2, 3)


def _norm(dy, x, weight, eps):
    """What most of these have right: xhat, 1 / std, dy times weight, the count, and both other gradients."""
    inverse = 1 / np.sqrt(x.var(axis=AXES, keepdims=True) + eps)
    xhat = (x - x.mean(axis=AXES, keepdims=True)) * inverse
    m = x.size // x.shape[1]
    return xhat, inverse, dy * weight[:, None, None], m, ((dy * xhat).sum(axis=AXES), dy.sum(axis=AXES))


@wrong("batch_norm2d_backward", dx="one sum not divided")
def variance_of_a_sum(dy, x, weight, eps=1e-5):
    xhat, inverse, d, m, others = _norm(dy, x, weight, eps)
    centred = x - x.mean(axis=AXES, keepdims=True)
    dvar = -0.5 * (d * centred).sum(axis=AXES, keepdims=True) * inverse**3
    dmean = -(d * inverse).sum(axis=AXES, keepdims=True)
    return d * inverse + dvar * 2 * centred + dmean / m, *others


@wrong("batch_norm2d_backward", dx="mean part missing")
def mean_not_scaled(dy, x, weight, eps=1e-5):
    xhat, inverse, d, m, others = _norm(dy, x, weight, eps)
    through_variance = xhat * (d * xhat).sum(axis=AXES, keepdims=True) / m
    return inverse * (d - through_variance) - d.sum(axis=AXES, keepdims=True) / m, *others


@wrong("batch_norm2d_backward", dx="weight in some terms only")
def dy_itself_in_the_sums(dy, x, weight, eps=1e-5):
    xhat, inverse, d, m, others = _norm(dy, x, weight, eps)
    sums = dy.sum(axis=AXES, keepdims=True) + xhat * (dy * xhat).sum(axis=AXES, keepdims=True)
    return inverse * (d - sums / m), *others


@wrong("batch_norm2d_backward", dx="sums over other numbers")
def sums_over_the_images(dy, x, weight, eps=1e-5):
    xhat, inverse, d, m, others = _norm(dy, x, weight, eps)
    return inverse / m * (m * d - d.sum(axis=0) - xhat * (d * xhat).sum(axis=0)), *others


@wrong("batch_norm2d_backward", dx="statistics along the columns", dweight="statistics along the columns")
def without_their_axes(dy, x, weight, eps=1e-5):
    mean, var, m = x.mean(axis=AXES), x.var(axis=AXES), x.size // x.shape[1]
    xhat = (x - mean) / np.sqrt(var + eps)
    d = dy * weight.reshape(1, -1, 1, 1)
    dx = (m * d - d.sum(axis=AXES) - xhat * (d * xhat).sum(axis=AXES)) / np.sqrt(var + eps) / m
    return dx, (dy * xhat).sum(axis=AXES), dy.sum(axis=AXES)


def _of_rows(dy, x, weight, eps):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    d = dy * weight
    dx = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


@wrong("batch_norm2d_backward", dx="channels not last", dweight="channels not last", dbias="channels not last")
def reshaped_with_no_transpose(dy, x, weight, eps=1e-5):
    C = x.shape[1]
    dx, dweight, dbias = _of_rows(dy.reshape(-1, C), x.reshape(-1, C), weight, eps)
    return dx.reshape(x.shape), dweight, dbias


@wrong("batch_norm2d_backward", dx="channels not moved back")
def not_transposed_back(dy, x, weight, eps=1e-5):
    rows = [array.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]) for array in (dy, x)]
    dx, dweight, dbias = _of_rows(*rows, weight, eps)
    return dx.reshape(x.shape), dweight, dbias


@wrong("batch_norm2d_backward", dweight="not the normalised x")
def divided_by_the_variance(dy, x, weight, eps=1e-5):
    xhat, inverse, d, m, (dweight, dbias) = _norm(dy, x, weight, eps)
    rest = m * d - d.sum(axis=AXES, keepdims=True) - xhat * (d * xhat).sum(axis=AXES, keepdims=True)
    return inverse / m * rest, (dy * xhat * inverse).sum(axis=AXES), dbias


# ---------------------------------------------------------------- Adam


def _adam(m, v, dw, beta1, beta2):
    return beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2


@wrong("adam_step", w="eps outside of the division")
def no_brackets_around_root_and_eps(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _adam(m, v, dw, beta1, beta2)
    return w - lr * (m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="another correction")
def power_of_the_bracket(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _adam(m, v, dw, beta1, beta2)
    return w - lr * (m / (1 - beta1) ** t) / (np.sqrt(v / (1 - beta2) ** t) + eps), m, v


@wrong("adam_step", w="one beta in both corrections")
def beta1_copied(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _adam(m, v, dw, beta1, beta2)
    correction = 1 - beta1**t
    return w - lr * (m / correction) / (np.sqrt(v / correction) + eps), m, v


@wrong("adam_step", w="averages from before")
def moves_before_it_averages(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, *_adam(m, v, dw, beta1, beta2)


@wrong("adam_step", w="not divided by the root of v")
def only_the_mean(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _adam(m, v, dw, beta1, beta2)
    return w - lr * m / (1 - beta1**t), m, v


@wrong("adam_step", w="follows from v", v="the other beta for the square")
def line_of_m_copied(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta1) * dw**2
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="follows from v", v="one number for all weights")
def mean_square_of_all(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * np.mean(dw * dw)
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="follows from v", v="nothing fades")
def squares_only_grow(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, v + dw**2
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="follows from v", v="root in v")
def keeps_the_root(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = _adam(m, v, dw, beta1, beta2)
    v = np.sqrt(v)
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@wrong("adam_step", w="follows from m", m="turned round")
def mean_of_the_steps(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m - (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


# ---------------------------------------------------------------- pixels


@wrong("saliency", dx="other logits left in")
def sets_one_logit(model, image, digit):
    logits = model.forward(image).copy()
    logits[0, digit] = 1
    return model.backward(logits)[0, 0]


@wrong("saliency", dx="the digit that is read")
def asks_about_the_answer(model, image, digit):
    logits = model.forward(image)
    start = np.zeros(logits.shape)
    start[0, np.argmax(logits)] = 1
    return model.backward(start)[0, 0]


@wrong("turn_into", moved="moved where nothing changes")
def brighter_or_darker(model, loss, image, digit, eps):
    loss.forward(model.forward(image), np.array([digit]))
    dx = model.backward(loss.backward())
    return np.clip(np.where(dx > 0, image - eps, image + eps), 0, 1)


@wrong("turn_into", moved="along the logit")
def along_its_saliency(model, loss, image, digit, eps):
    logits = model.forward(image)
    start = np.zeros(logits.shape)
    start[0, digit] = 1
    return np.clip(image + eps * np.sign(model.backward(start)), 0, 1)


@wrong("turn_into", moved="the loss for what is read")
def away_from_the_answer(model, loss, image, digit, eps):
    logits = model.forward(image)
    loss.forward(logits, logits.argmax(axis=1))
    return np.clip(image + eps * np.sign(model.backward(loss.backward())), 0, 1)


@wrong("turn_into", moved="the step clipped")
def brackets_of_clip(model, loss, image, digit, eps):
    loss.forward(model.forward(image), np.array([digit]))
    return image - np.clip(eps * np.sign(model.backward(loss.backward())), 0, 1)


@wrong("turn_into", moved="eps missing")
def a_whole_step(model, loss, image, digit, eps):
    loss.forward(model.forward(image), np.array([digit]))
    return np.clip(image - np.sign(model.backward(loss.backward())), 0, 1)


# ---------------------------------------------------------------- Swish


class _Swish(Module):
    def __init__(self, channels):
        self.beta = Parameter(np.ones((channels, 1, 1)))

    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-self.beta.data * x))
        return x * self.s

    def gradients(self, dy):
        x, s = self.x, self.s
        bend = x * s * (1 - s)
        return dy * (s + bend * self.beta.data), np.sum(dy * bend * x, axis=(0, 2, 3)).reshape(self.beta.grad.shape)


@wrong("Swish", dx="x in place of beta")
class InnerSlopesExchanged(_Swish):
    def backward(self, dy):
        x, s = self.x, self.s
        self.beta.grad += self.gradients(dy)[1]
        return dy * s + dy * x * s * (1 - s) * x


@wrong("Swish", dx="dy in one term only")
class BracketsForgotten(_Swish):
    def backward(self, dy):
        x, s = self.x, self.s
        self.beta.grad += self.gradients(dy)[1]
        return dy * s + x * s * (1 - s) * self.beta.data


@wrong("Swish", beta_grad="beta too many")
class BetaInItsOwnGradient(_Swish):
    def backward(self, dy):
        x, s = self.x, self.s
        dbeta = dy * x * s * (1 - s) * self.beta.data * x
        self.beta.grad += dbeta.sum(axis=(0, 2, 3), keepdims=True)[0]
        return self.gradients(dy)[0]


@wrong("Swish", beta_grad="another shape")
class AddsOneNumberForEachChannel(_Swish):
    def backward(self, dy):
        dx, dbeta = self.gradients(dy)
        self.beta.grad = self.beta.grad + dbeta[:, 0, 0]
        return dx


@wrong("Swish", beta_grad="another shape")
class AddsThemInPlace(_Swish):
    def backward(self, dy):
        dx, dbeta = self.gradients(dy)
        self.beta.grad += dbeta[:, 0, 0]
        return dx


# ---------------------------------------------------------------- to be repaired


@wrong("gradient_std", std="rounded")
def windows_in_whole_numbers(shape, stride=1):
    C_out, _, kH, kW = shape
    return np.sqrt(2 / (C_out * -(-kH // stride) * -(-kW // stride)))


@wrong("gradient_std", std="outside of the root")
def stride_squared_outside(shape, stride=1):
    C_out, _, kH, kW = shape
    return np.sqrt(2 / (C_out * kH * kW)) * stride**2


@wrong("gradient_std", std="the 2 on the other side")
def half_for_the_relu(shape, stride=1):
    C_out, _, kH, kW = shape
    return stride / np.sqrt(2 * C_out * kH * kW)


@wrong("double_backward", dx="blocks one apart")
def windows_with_stride_1(dy):
    N, C, H, W = dy.shape
    dx = np.zeros((N, C, H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            dx[:, :, i, j] = dy[:, :, i : i + 2, j : j + 2].sum(axis=(2, 3))
    return dx


@wrong("double_backward", dx="other axes of the blocks")
def first_axis_of_each_pair(dy):
    N, C, H, W = dy.shape
    return dy.reshape(N, C, H // 2, 2, W // 2, 2).sum(axis=(2, 4))


@wrong("double_backward", dx="some of the four")
def the_diagonal_of_each_block(dy):
    return dy[:, :, ::2, ::2] + dy[:, :, 1::2, 1::2]


@wrong("double_backward", dx="doubled once more")
def as_the_forward_pass(dy):
    return np.kron(dy, np.ones((2, 2)))


# ---------------------------------------------------------------- many workers


@wrong("add_shards", total="not multiplied by the sizes")
def sum_over_all_images(gradients, sizes):
    return np.sum(gradients, axis=0) / np.sum(sizes)


@wrong("add_shards", total="first row not weighed")
def begins_with_the_first_row(gradients, sizes):
    total = gradients[0].copy()
    for k in range(1, len(sizes)):
        total += gradients[k] * sizes[k]
    return total / sizes.sum()


@wrong("add_shards", total="divided in the loop")
def divides_in_every_turn(gradients, sizes):
    total = np.zeros(gradients.shape[1])
    for row, size in zip(gradients, sizes, strict=True):
        total += size * row
        total /= sizes.sum()
    return total


@wrong("add_shards", total="along the rows")
def sums_over_the_weights(gradients, sizes):
    return (gradients * sizes[:, None]).sum(axis=1) / sizes.sum()


def _sharded(x, target, w, b, workers, length, share, share_of_b):
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        run = slice(length * k // workers, length * (k + 1) // workers)
        error = x[run] @ w + b - target[run]
        dy = 2 * error / error.size
        dw += x[run].T @ dy * share(error, len(x))
        db += dy.sum(axis=0) * share_of_b(error, len(x))
    return dw, db


@wrong("sharded_gradients", dw="share counted twice", db="share counted twice")
def divided_by_all_and_weighed(x, target, w, b, workers):
    def share(error, N):
        return error.size / target.size * len(error) / N

    return _sharded(x, target, w, b, workers, len(x), share, share)


@wrong("sharded_gradients", dw="examples left over", db=("examples left over", "bias counted per worker"))
def only_the_share_of_w_mended(x, target, w, b, workers):
    whole = len(x) // workers * workers
    return _sharded(x, target, w, b, workers, whole, lambda error, N: len(error) / N, lambda error, N: 1)


# ---------------------------------------------------------------- a check to be designed


def _design(x, w):
    shared = {"stride": 2, "dy": "random", "compare": "entries", "tolerance": 1e-8}
    return [{"x": x, "w": w, "padding": padding, **shared} for padding in (0, 1)]


@wrong("design_check", survivors="one channel or filter")
def a_single_filter():
    return _design((3, 2, 6, 7), (1, 2, 3, 2))


@wrong("design_check", survivors="one weight")
def kernels_of_one_weight():
    return _design((3, 2, 6, 7), (4, 2, 1, 1))
