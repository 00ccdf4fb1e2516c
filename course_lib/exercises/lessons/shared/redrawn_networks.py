"""Questions of lessons 07 to 12 with other numbers, for the day they come back: each can be read without its lesson.

Each function takes a random generator and returns the fields of its Prediction that change.
"""

import numpy as np

from course_lib import functional, gradcheck, loops, optim
from course_lib.exercises.lessons.shared.redrawn import Fields, added, fields, whole


def _either(rng, *values):
    return values[rng.integers(len(values))]


# ---------------------------------------------------------------- lesson 07


def slopes_of_scores(rng) -> Fields:
    eighths = rng.permutation(_either(rng, (4, 2, 2), (4, 3, 1), (5, 2, 1), (6, 1, 1), (3, 3, 2)))
    p, right = eighths / 8, int(rng.integers(0, 3))
    truth = np.eye(3)[right]
    says = [f"{n}/8" for n in eighths]
    return fields(
        f"Softmax made the probabilities {says[0]}, {says[1]} and {says[2]} from three scores, "
        f"and class {right} is the right one. Nudge each score up in turn. How fast does the cross-entropy loss move? "
        "Guess the three slopes, or at least their signs.",
        loops.cross_entropy_gradient(np.log(p)[None], np.array([right]))[0],
        "What it is, minus what it should be: "
        + ", ".join(f"{text} - {target:g}" for text, target in zip(says, truth, strict=True))
        + ".",
        (p, "These are the probabilities. A higher score for the *right* class lowers the loss."),
        (truth - p, "The other way round: a higher score for a wrong class raises the loss."),
        (truth * (p - 1), "The wrong classes count too: raise one of them, and the right one's share shrinks."),
        (-truth / p, "That is the slope by the *probability*, -1/p. The scores reach the loss through softmax."),
    )


def loss_of_no_idea(rng) -> Fields:
    classes = int(_either(rng, 2, 3, 4, 5, 8, 20, 26, 50, 100, 1000))
    loss = loops.cross_entropy_loss(np.zeros((1, classes)), np.array([0]))
    return fields(
        f"{classes} classes, and a network that gives each the same probability. What is its cross-entropy loss? "
        "(two decimals)",
        loss,
        f"-ln(1/{classes}) = ln {classes} = {loss:.2f}.",
        (1 / classes, "That is the probability of the right class. The loss is minus its logarithm."),
        (np.log10(classes), "That is the logarithm to base 10. The loss takes the natural one."),
        (-loss, "The logarithm of a probability is negative, and the loss is *minus* that."),
    )


def width_of_flatten(rng) -> Fields:
    size, filters = int(rng.integers(20, 37)), int(_either(rng, 8, 16, 32))
    sizes = [size]
    for kernel, stride in ((3, 1), (2, 2), (3, 1), (2, 2)):
        sizes.append((sizes[-1] - kernel) // stride + 1)
    last = sizes[-1]
    return fields(
        f"{size} x {size} → Conv 3 x 3 → pool 2 → Conv 3 x 3 with {filters} filters → pool 2 → Flatten, no padding. "
        "How many features come out for one image?",
        filters * last**2,
        f"{' → '.join(map(str, sizes))}: {filters} channels of {last} x {last}, {filters * last**2} features.",
        (
            filters * (size // 4) ** 2,
            "That would be right with padding 1. Here each convolution removes two rows and two columns.",
        ),
        (last**2, f"That is one of the {filters} channels."),
        (filters * (last + 1) ** 2, "Where the number of rows is odd, the pool drops the last one."),
    )


def zeros_behind_a_pool(rng) -> Fields:
    out, left = int(rng.integers(3, 8)), int(rng.integers(0, 2))
    size = 2 * out + left
    return fields(
        f"A 2 x 2 max pool receives {out} x {out} numbers for each channel and returns a `dx` of {size} x {size}. "
        f"At least how many of these {size * size} are 0?",
        size**2 - out**2,
        f"There are {out * out} winners, so {size * size} - {out * out} = {size**2 - out**2} zeros, at least.",
        (3 * out**2, "Those are the losers. The row and the column that no window reaches count as well."),
        (size**2 - 4 * out**2, "Those are in no window. In each window three of four pixels lose, too."),
        (out**2, "That many can be *other* than 0."),
        (0, "One pixel of each window takes all. What do the others get?"),
    )


def two_steps(rng) -> Fields:
    start, grad = int(rng.integers(1, 6)), int(_either(rng, -4, -2, 2, 4, 5))
    lr, momentum = float(_either(rng, 0.1, 0.2, 0.5)), float(_either(rng, 0.5, 0.8, 0.9))

    def path(rate, kept):
        w, velocity, found = np.array(float(start)), np.array(0.0), []
        for _ in range(2):
            w, velocity = optim.sgd_step(w, np.array(float(grad)), velocity, rate, kept)
            found.append(float(w))
        return np.round(found, 6) + 0.0

    first, second = path(lr, momentum)
    faded = momentum * grad
    return fields(
        f"A weight is {start}, and its gradient is {grad} in both of two steps of SGD with momentum. "
        f"The learning rate is {lr}, the momentum {momentum}, and the velocity is {grad} at first. "
        "Where is the weight after the first step, and where after the second?",
        (first, second),
        f"The velocity is {grad}, then {momentum} · {added([grad])} + {added([grad])} = {faded + grad:g}, "
        f"and each step is {lr} times that, against it: {first:g}, then {second:g}.",
        (path(lr, 0.0), "That is without momentum. In the second step the old velocity still counts."),
        ((first, first - lr * faded), "The new gradient is missing from the second velocity."),
        (2 * start - path(lr, momentum), "Downhill is against the gradient: subtract."),
    )


def averages_at_first(rng) -> Fields:
    grad = int(_either(rng, -5, -3, -2, 2, 3, 5, 10))
    beta1, beta2 = float(_either(rng, 0.5, 0.8, 0.9)), float(_either(rng, 0.9, 0.99, 0.999))
    zero, dw = np.array(0.0), np.array(float(grad))
    _, m, v = optim.adam_step(zero, dw, zero, zero, 1, 0.1, beta1, beta2)
    new1, new2 = 1 - beta1, 1 - beta2
    return fields(
        f"The two averages of Adam start at 0, with β1 = {beta1} and β2 = {beta2}. "
        f"The first gradient is {grad}. What are m and v after it, before any correction?",
        (m, v),
        f"m = {new1:g} · {added([grad])} = {m:g}, and v = {new2:g} · {grad**2} = {v:g}. "
        "Both remember a start at 0 that never was a gradient.",
        ((grad, grad**2), "These are dw and its square. A moving average takes in only a share of them, 1 - beta."),
        ((beta1 * grad, beta2 * grad**2), "The large share, beta, belongs to what was there before, and that is 0."),
        ((m, new2 * grad), "v takes in the *square* of the gradient."),
        ((m, new1 * grad**2), "That is the share of the first average. The second has a beta of its own."),
    )


# ---------------------------------------------------------------- lesson 08


def speed_of_the_rest(rng) -> Fields:
    free = (50, 0), (75, 0), (80, 0), (90, 0), (95, 0), (98, 0)
    share, faster = _either(rng, *free, (80, 4), (90, 9), (75, 3), (60, 6))
    left = (100 - share) / 100
    part = share / 100 / faster if faster else 0
    gain = f"{faster} times faster" if faster else "free: it costs nothing at all"
    return fields(
        f"A part of a step takes {share} % of its time. You make that part {gain}. How many times faster is the step?",
        1 / (left + part),
        f"The rest still takes {left:g} of the time{f', and the part {part:g}' if faster else ''}: "
        f"{'together ' if faster else ''}1 / {left + part:g} = {1 / (left + part):g}. The rest sets the limit.",
        (share, "How much of the time is left, and how often does that go into the whole?"),
        (faster, "That part is as many times faster. The rest of the step is not.")
        if faster
        else (share / (100 - share), "How often does what is left go into the *whole*?"),
        (1 + share / 100, f"The step does not do {share} % more: it needs less time."),
    )


def rounds_of_loops(rng) -> Fields:
    size, k, stride = int(rng.integers(8, 31)), int(rng.integers(2, 6)), int(rng.integers(1, 3))
    padding = int(rng.integers(0, 2))
    windows = loops.im2col(np.zeros((1, 1, size, size)), (k, k), stride, padding).shape[2]
    out = round(windows**0.5)
    return fields(
        f"A {k} x {k} kernel, stride {stride}, padding {padding}, on images of {size} x {size} pixels. "
        "How many rounds has the loop of `im2col` over all windows, and how many a loop over the cells of the kernel? "
        "Type `[windows, cells]`.",
        (windows, k * k),
        f"{out} · {out} windows, {k} · {k} cells.",
        ((size**2, k * k), "Is there a window for every pixel? Count in how many places the kernel fits along a row."),
        ((windows, k), "A kernel has rows and columns."),
        ((k * k, windows), "The other way round: the first number is that of the windows."),
    )


# ---------------------------------------------------------------- lesson 09


def gain_of_fans(rng) -> Fields:
    ratio, fewer, k = float(_either(rng, 0.25, 1, 4, 9, 16)), int(_either(rng, 4, 8, 16)), int(_either(rng, 1, 3, 5))
    inputs, outputs = (fewer * 4, fewer) if ratio < 1 else (fewer, int(fewer * ratio))
    return fields(
        f"A convolution with {k} x {k} kernels has {inputs} channels in and {outputs} out, and stride 1. "
        "Its weights have the size that keeps the *signal*. "
        "By about what does it multiply the size of the gradient on its way back?",
        np.sqrt(outputs / inputs),
        f"A y sums {inputs} · {k * k} products, a dx {outputs} · {k * k}. "
        f"The mean square changes by their ratio, {ratio:g}, and the size by its root.",
        (ratio, "That is the ratio of the mean *squares*."),
        (1, "As many products as in the forward pass? A dx sums over the filters."),
        (np.sqrt(inputs / outputs), "The other way round: a dx sums over the filters, a y over the channels of x."),
    )


def factor_of_a_layer(rng) -> Fields:
    inputs, std = int(_either(rng, 18, 32, 50, 72, 128, 200)), float(_either(rng, 0.01, 0.02, 0.05, 0.1))
    square = inputs * std**2 / 2
    return fields(
        f"A layer with a ReLU sums {inputs} products for each gradient it hands back. Its weights have standard "
        f"deviation {std}, and half of the gradients stop at the ReLU. "
        "By what does it multiply the size of the gradient? (two decimals)",
        np.sqrt(square),
        f"{inputs} · {std**2:g} / 2 = {square:g}, and its square root is {np.sqrt(square):g}.",
        (square, "That is its square. A square root is missing."),
        (np.sqrt(2 * square), "Half of the gradient stops at the ReLU."),
        (np.sqrt(inputs * std / 2), "The standard deviation is squared in the formula."),
    )


def slopes_of_first(channel):
    """How much the first normalised number of a channel moves with each of its numbers."""
    x = np.reshape(channel, (1, 1, 1, -1))
    dy = np.zeros(x.shape)
    dy[..., 0] = 1
    return np.round(loops.batch_norm2d_backward(dy, x, np.ones(1), eps=1e-12)[0].ravel(), 6) + 0.0


def one_of_four(rng) -> Fields:
    mean, std, moved = int(rng.integers(3, 8)), int(rng.integers(1, 3)), int(rng.integers(0, 4))
    step = std / 10
    channel = mean + std * np.array([-1.0, -1, 1, 1])
    change = step * slopes_of_first(channel)[moved]
    which = ("first", "second", "third", "fourth")[moved]
    own = moved == 0
    return fields(
        f"A channel holds {', '.join(f'{value:g}' for value in channel)}: mean {mean}, standard deviation {std}, "
        f"so normalised -1, -1, 1, 1. You raise its {which} number by {step:g}. "
        "By about how much does the first *normalised* number change?",
        change,
        f"The mean rises by a quarter of the step. The standard deviation {'shrinks' if moved < 2 else 'grows'} by a "
        f"quarter of it, which pulls -1 {'away from' if moved < 2 else 'towards'} 0. "
        f"Divided by {std}, {'and with the step itself, ' if own else ''}that makes {change:g}.",
        (0.1 if own else 0, "That would be right if the mean and the standard deviation stayed the same. Both change."),
        (
            0.1 * (own - 0.25),
            "That takes the mean into account. But the standard deviation changes as well.",
        ),
    )


def share_after_layers(rng) -> Fields:
    factor, says, counts = _either(
        rng, (1 / 2, "halves", (10, 20, 30, 40)), (2, "doubles", (10, 20, 30, 40)),
        (1 / 4, "leaves a quarter of", (5, 10, 15)), (1 / 5, "leaves a fifth of", (10, 20)),
        (1 / 10, "leaves a tenth of", (5, 8, 12)),
    )  # fmt: skip
    layers = int(_either(rng, *counts))
    exponent = np.round(layers * np.log10(factor))
    return fields(
        f"Each of {layers} layers {says} the gradient on its way back. By about what is it multiplied in all? "
        "(Write it as a power of ten, and type the exponent.)",
        exponent,
        f"{factor:g} ** {layers} is about 1e{exponent:+g}.",
        (-exponent, "The size is right. But does the gradient grow or shrink? Which sign does the exponent have?"),
        (-layers if factor < 1 else layers, "That would be tenths, or tens."),
    )


# ---------------------------------------------------------------- lesson 10


def size_of_transposed(rng) -> Fields:
    n, k, stride, padding = (int(rng.integers(low, high)) for low, high in ((5, 20), (3, 6), (2, 4), (0, 3)))
    extra = int(rng.integers(0, stride))
    y = functional.conv_transpose2d(np.ones((1, 1, n, n)), np.ones((1, 1, k, k)), None, stride, padding, extra)
    span = (n - 1) * stride + k
    return fields(
        f"A transposed convolution with kernel {k}, stride {stride}, padding {padding} and output_padding {extra} "
        f"gets {n} x {n}. How wide is its output?",
        y.shape[-1],
        f"({n} - 1) · {stride} + {k} = {span}, minus {padding} on each side, plus {extra}: {y.shape[-1]}.",
        (span - 2 * padding, "That is without output_padding."),
        (span + extra, "Crop the padding on both sides."),
        ((n + 2 * padding - k) // stride + 1, "That is the convolution itself. Here it runs backward."),
    )


def slope_at_zero(rng) -> Fields:
    beta, c = int(rng.integers(1, 5)), int(rng.integers(-3, 4))
    factor = "x" if c == 0 else f"(x {'+' if c > 0 else '-'} {abs(c)})"
    return fields(
        f"With beta = {beta}, what is the slope of `{factor} * sigmoid(beta * x)` at x = 0? "
        "The sigmoid is 1/2 there, and its own slope 1/4.",
        np.round(gradcheck.numerical_gradient(lambda x: (x + c) / (1 + np.exp(-beta * x)), np.array(0.0)), 6),
        "x reaches y along two paths. As the factor in front, its slope is 1/2; "
        f"through the sigmoid it is beta / 4, times the factor at x = 0: {beta}/4 · {added([c])}.",
        (0.5, "That is the path through the factor. x also reaches y through the sigmoid."),
        (c * beta / 4, "That is the path through the sigmoid. x also reaches y as the factor in front."),
        (0.5 + c / 4, "The sigmoid is of beta * x: the chain rule brings in beta."),
        (1, "The sigmoid of 0 is a half."),
    )


# ---------------------------------------------------------------- lesson 12


def largest_rate(rng) -> Fields:
    steepest = float(_either(rng, 0.4, 0.5, 0.8, 1.25, 1.6, 2.5, 4, 5, 8))
    return fields(
        f"In its steepest direction a bowl has λ = {steepest:g}: a step of gradient descent multiplies the "
        "distance to the bottom by 1 - lr λ. Above which learning rate does that distance *grow*? (two decimals)",
        2 / steepest,
        f"1 - lr λ is below -1 as soon as lr > 2 / λ = {2 / steepest:g}. "
        "Each step then lands higher on the other side.",
        (
            1 / steepest,
            "With that rate you land on the bottom in one step. "
            "Go on to where you land just as high on the other side.",
        ),
        (steepest, "Put it into 1 - lr λ. How large is that, and how large may it be?"),
        (steepest / 2, "Upside down: at which lr does lr λ reach 2?"),
    )


def change_of_a_logit(rng) -> Fields:
    slope, step, digit = int(whole(rng, 1)[0]), float(_either(rng, 0.05, 0.1, 0.2, 0.5)), int(rng.integers(0, 10))
    change = step * (-1 if rng.integers(2) else 1)
    return fields(
        f"The backward pass starts with a 1 at the logit of the {digit}. At some pixel `dx` is {slope}. "
        f"You make this pixel *{'brighter' if change > 0 else 'darker'}*, by {step:g}. "
        f"By about how much does the logit of the {digit} change?",
        slope * change,
        f"{slope} times {change:g}: the slope, times how far the pixel moves.",
        (-slope * change, "Darker is less, brighter is more. Which sign does the product have?"),
        (slope, "That is the change for a whole 1 of brightness."),
        (-slope, "That is the change for a whole 1 of brightness."),
    )
