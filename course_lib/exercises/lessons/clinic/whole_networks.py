"""Cases 21 to 24: whole networks of nine layers. Find the layer, then the line."""

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.question import Small
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms_networks
from course_lib.exercises.lessons.shared import drawn, geometries, sentences

# ---------------------------------------------------------------- 21


def flatten_cases(rng):
    return [
        {"x": rng.standard_normal(shape), "dy": rng.standard_normal((shape[0], int(np.prod(shape[1:]))))}
        for shape in ((3, 2, 4, 2), (2, 3, 3, 3), (4, 1, 2, 2))
    ]


def _small_flatten(numbers, N, C, H, W):
    return {"x": numbers(N, C, H, W), "dy": numbers(N, C * H * W)}


CLINIC_21 = Case(
    answer=fixed.clinic_21,
    start=broken.clinic_21,
    symptom=symptoms_networks.mixed_batches,
    **records.of(21),
    difficulty="hard",
    minutes=5,
    task=(
        "Nine layers, and each of them passes its own gradient check. "
        "Together they learn nothing at all, unless they are shown one image at a time. "
        "Find the layer first; the code that opens is that layer's, forward and backward in one function."
    ),
    hints=(
        "A gradient check compares backward with *forward*. What can it say about a forward pass that is wrong?",
        "With one image everything works. Which layer could let two images of a batch meet?",
        "Number the entries of a batch of two small images, and look at what one row of y is made of.",
    ),
    cases=flatten_cases,
    further=drawn.flattened,
    small=Small({"N": (1, 2, 3), "C": (1, 2), "H": (1, 2), "W": (1, 2)}, _small_flatten),
    probe={"x": np.arange(8.0).reshape(2, 1, 2, 2), "dy": np.arange(8.0).reshape(2, 4)},
    tensors=("y", "dx"),
    axes={"y": ("image", "entry"), "dx": geometries.BATCH_AXES["dx"]},
    mistakes={
        "y": (
            Mistake(
                "still mixed",
                "A row of y still holds numbers of several images. "
                "Images come first in memory: cut that one long row into N pieces, in this order.",
                (lambda x, dy: x.reshape(-1, len(x)).T,),
            ),
            Mistake(
                "channels last",
                "The entries of an image come in another order: channels first, then rows, then columns.",
                (
                    lambda x, dy: x.transpose(0, 2, 3, 1).reshape(len(x), -1),
                    lambda x, dy: x.transpose(0, 1, 3, 2).reshape(len(x), -1),
                ),
            ),
            Mistake(
                "one row for all",
                "All images are in one row. The batch keeps its axis: y has N rows.",
                (lambda x, dy: x.reshape(1, -1),),
            ),
        ),
        "dx": (
            Mistake(
                "still mixed",
                "Forward is right now, and backward still undoes the old one. "
                "It hands every number back to the place that forward took it from.",
                (lambda x, dy: dy.T.reshape(x.shape),),
            ),
            Mistake(
                "another order",
                "The entries of dx are in another order than those of x: channels, then rows, then columns.",
                (
                    lambda x, dy: dy.reshape(len(x), x.shape[2], x.shape[3], x.shape[1]).transpose(0, 3, 1, 2),
                    lambda x, dy: dy.reshape(len(x), x.shape[1], x.shape[3], x.shape[2]).transpose(0, 1, 3, 2),
                ),
            ),
        ),
    },
)

# ---------------------------------------------------------------- 22


def scores_cases(rng):
    return [
        {"scores": 3 * rng.standard_normal((N, K)), "target": rng.integers(0, K, N)}
        for N, K in ((5, 3), (4, 4), (1, 6))
    ]


def _small_scores(numbers, K, N):
    return {"scores": numbers(N, K), "target": numbers.below(K, N)}


def _p(scores, axis=1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _picked(scores, target):
    return _p(scores)[np.arange(len(target)), target]


def _onehot(scores, target):
    return target[:, None] == np.arange(scores.shape[1])


CLINIC_22 = Case(
    answer=fixed.clinic_22,
    start=broken.clinic_22,
    symptom=symptoms_networks.rising_loss,
    **records.of(22),
    difficulty="hard",
    minutes=5,
    task=(
        "Nine layers, and a log that contradicts itself: the loss rises from step to step, and so does the share of "
        "images that are read rightly. "
        "Someone has already tried a smaller learning rate, the other sign, and another seed."
    ),
    hints=(
        "If the gradients were wrong, would the accuracy rise?",
        "So the layers learn. Which of the two numbers in the log does no layer ever see?",
        "`p[:, target]`, for N images: how many numbers is that, N or N * N? Print its shape.",
    ),
    cases=scores_cases,
    further=drawn.scores_by_another_name,
    small=Small({"K": (1, 2, 3), "N": (1, 2)}, _small_scores),
    probe={"scores": np.array([[2.0, 0, 1], [0, 3, 1]]), "target": np.array([0, 2])},
    tensors=("loss", "dscores"),
    axes={"loss": (), "dscores": ("image", "class")},
    mistakes={
        "loss": (
            Mistake(
                "sum instead of mean",
                "The loss is N times too large. It is the mean over the images, as its gradient is.",
                (lambda scores, target: -np.sum(np.log(_picked(scores, target))),),
            ),
            Mistake(
                "log of the mean",
                "The mean is taken before the logarithm. Each image has a loss of its own; the mean comes last.",
                (lambda scores, target: -np.log(np.mean(_picked(scores, target))),),
            ),
            Mistake(
                "sign",
                "The sign is wrong: a probability below 1 has a negative logarithm, and the loss is positive.",
                (lambda scores, target: np.mean(np.log(_picked(scores, target))),),
            ),
            Mistake(
                "all classes",
                "The loss takes the probabilities of all classes. Only that of the right class counts.",
                (lambda scores, target: -np.mean(np.log(_p(scores))),),
            ),
            Mistake(
                "probability, not its logarithm",
                "The logarithm is missing.",
                (
                    lambda scores, target: -np.mean(_picked(scores, target)),
                    lambda scores, target: 1 - np.mean(_picked(scores, target)),
                ),
            ),
        ),
        "dscores": (
            Mistake(
                "mean missing",
                "dscores is N times too large. The loss is a mean over the images.",
                (lambda scores, target: _p(scores) - _onehot(scores, target),),
            ),
            Mistake(
                "one-hot missing",
                "These are the probabilities. Subtract 1 from that of the right class.",
                (lambda scores, target: _p(scores) / len(scores),),
            ),
            Mistake(
                "sign",
                "dscores has the wrong sign: a higher score for the right class lowers the loss.",
                (lambda scores, target: (_onehot(scores, target) - _p(scores)) / len(scores),),
            ),
            Mistake(
                "softmax over the images",
                "The probabilities of a *column* add up to 1. Those of one image must: sum along axis 1.",
                (lambda scores, target: (_p(scores, 0) - _onehot(scores, target)) / len(scores),),
            ),
        ),
    },
)

# ---------------------------------------------------------------- 23


def block_cases(rng):
    cases = []
    for N, C, filters, size, kernel in (
        (2, 2, 3, (6, 7), (3, 2)),
        (3, 3, 3, (6, 6), (3, 3)),
        (1, 2, 2, (5, 6), (2, 3)),
    ):
        x, w = rng.standard_normal((N, C, *size)), rng.standard_normal((filters, C, *kernel))
        y, _ = F.max_pool2d(F.conv2d(x, w), 2)
        cases.append({"dy": rng.standard_normal(y.shape), "x": x, "w": w})
    return cases


def _small_block(numbers, W, H, k, C, filters, N):
    rows, columns = (H - k + 1) // 2, (W - k + 1) // 2
    if min(rows, columns) < 1:
        raise ValueError("there is no window")
    return {"dy": numbers(N, filters, rows, columns), "x": numbers(N, C, H, W), "w": numbers(filters, C, k, k)}


def _before(dy, x, w, mask):
    before = F.conv2d(x, w)
    _, indices = F.max_pool2d(np.maximum(before, 0), 2)
    dactive = F.max_pool2d_backward(dy, indices, before.shape)
    return dactive * mask(before, dactive)


def _mask(before, dactive):
    return before > 0


def _mask_of_dy(before, dactive):
    return dactive > 0


def _block_dx(dy, x, w, mask=_mask, turn=lambda w: w):
    return F.conv2d_input_gradient(_before(dy, x, w, mask), x, turn(w))


def _block_dw(dy, x, w, mask=_mask):
    return F.conv2d_weight_gradient(_before(dy, x, w, mask), x, w)[0]


def _turned(w):
    return w[:, :, ::-1, ::-1]


STILL_TURNED = (
    "The kernel is turned here. `conv2d_input_gradient` turns it by itself where that is needed: pass w as it is."
)
MASK_OF_DY = "The mask of the ReLU is made from the gradient. It comes from what went into the ReLU."
NO_MASK = "The ReLU is skipped on the way back. It lets a gradient through only where its input was above 0."

CLINIC_23 = Case(
    answer=fixed.clinic_23,
    start=broken.clinic_23,
    symptom=symptoms_networks.weights_of_a_block,
    **records.of(23),
    difficulty="hard",
    minutes=5,
    task=(
        "Eight layers and a loss. Convolution, ReLU and pooling in the middle share one backward function. "
        "The network is stuck at the share of images that guessing gives. "
        "Someone has found a bug, mended it, and seen no change worth the name: there are **two**."
    ),
    hints=(
        "The last layer's gradient is right, all before it are wrong. So where on the way back does it go wrong first?",
        "Mend what spoils the second convolution's dw, and look at the table again: what is still wrong?",
        "One line asks the wrong array for a mask. Another turns what must not be turned.",
    ),
    cases=block_cases,
    further=drawn.pooled_block,
    small=Small(
        {"W": range(2, 6), "H": range(2, 6), "k": (1, 2), "C": (1, 2), "filters": (1, 2), "N": (1, 2)}, _small_block
    ),
    probe=next(iter(block_cases(np.random.default_rng(0)))),
    tensors=("dx", "dw"),
    axes=geometries.BATCH_AXES,
    forward=lambda dy, x, w: F.max_pool2d(np.maximum(F.conv2d(x, w), 0), 2)[0],
    mistakes={
        "dx": (
            Mistake("kernel turned", STILL_TURNED, (lambda dy, x, w: _block_dx(dy, x, w, turn=_turned),)),
            Mistake("mask from dy", MASK_OF_DY, (lambda dy, x, w: _block_dx(dy, x, w, _mask_of_dy),)),
            Mistake("mask missing", NO_MASK, (lambda dy, x, w: _block_dx(dy, x, w, lambda before, _: 1),)),
            Mistake(
                "turned, and no mask",
                "Two things are wrong with dx: the kernel is turned, and the mask of the ReLU is missing.",
                (lambda dy, x, w: _block_dx(dy, x, w, lambda before, _: 1, _turned),),
            ),
            Mistake(
                "turned once",
                "The kernel is mirrored along one axis. Pass w as it is.",
                (
                    lambda dy, x, w: _block_dx(dy, x, w, turn=lambda w: w[:, :, ::-1]),
                    lambda dy, x, w: _block_dx(dy, x, w, turn=lambda w: w[..., ::-1]),
                ),
            ),
        ),
        "dw": (
            Mistake("mask from dy", MASK_OF_DY, (lambda dy, x, w: _block_dw(dy, x, w, _mask_of_dy),)),
            Mistake("mask missing", NO_MASK, (lambda dy, x, w: _block_dw(dy, x, w, lambda before, _: 1),)),
            Mistake(
                "mask turned round",
                "The mask of the ReLU is the wrong way round: it stops what must pass.",
                (lambda dy, x, w: _block_dw(dy, x, w, lambda before, _: before < 0),),
            ),
            Mistake("dw turned", "dw is turned by 180 degrees.", (lambda dy, x, w: _turned(_block_dw(dy, x, w)),)),
        ),
    },
)

# ---------------------------------------------------------------- 24


def hidden_cases(rng):
    return [
        {"dy": rng.standard_normal((N, n)), "x": rng.standard_normal((N, n)),
         "w1": rng.standard_normal((n, n)), "w2": rng.standard_normal((n, n))}
        for N, n in ((4, 3), (3, 5), (5, 5))
    ]  # fmt: skip


def _small_hidden(numbers, n, N):
    return {"dy": numbers(N, n), "x": numbers(N, n), "w1": numbers(n, n), "w2": numbers(n, n)}


def _masks(x, w1, w2):
    first = x @ w1.T
    second = np.maximum(first, 0) @ w2.T
    return first > 0, second > 0


def _walk(dy, x, w1, w2, first, second):
    dy2 = dy * second
    dy1 = (dy2 @ w2) * first
    return dy1 @ w1, dy1.T @ x, dy2.T @ np.maximum(x @ w1.T, 0)


def _spoilt(number, masks):
    """One result of the walk back, with other masks: masks(first, second) -> the two that are used."""
    return lambda dy, x, w1, w2: _walk(dy, x, w1, w2, *masks(*_masks(x, w1, w2)))[number]


BOTH_SECOND = (
    "Both ReLUs use what the second one saw. The first saw other numbers: each of them needs a memory of its own."
)
BOTH_FIRST = "Both ReLUs use what the first one saw. Each of them needs a memory of its own."
EXCHANGED = (
    "The memories are exchanged: the last to go forward is the first to go back. "
    "Take from the end what was put there last."
)


def _memories(number):
    return (
        Mistake("both from the first", BOTH_FIRST, (_spoilt(number, lambda first, second: (first, first)),)),
        Mistake("exchanged", EXCHANGED, (_spoilt(number, lambda first, second: (second, first)),)),
        Mistake(
            "no masks",
            "Neither ReLU stops anything on the way back.",
            (_spoilt(number, lambda first, second: (1, 1)),),
        ),
    )


CLINIC_24 = Case(
    answer=fixed.clinic_24,
    start=broken.clinic_24,
    symptom=symptoms_networks.weights_of_hidden_layers,
    **records.of(24),
    difficulty="hard",
    minutes=5,
    task=(
        "Nine layers. Take any of them alone, and its gradient check passes: both linear layers, and the ReLU between "
        "and behind them. In the network, some of their gradients are wrong. "
        "The two linear layers and their ReLUs are one function."
    ),
    hints=(
        "Going back, the second linear layer is right and the first is wrong. What lies between them?",
        "How many ReLUs are called on the way forward, and how many things are remembered?",
        "Two calls, one place to remember: the second call writes over the first. "
        "A list has room for both, and gives back the last one first.",
    ),
    cases=hidden_cases,
    further=drawn.two_linear_layers,
    small=Small({"n": (1, 2, 3), "N": (1, 2, 3)}, _small_hidden),
    probe=next(iter(hidden_cases(np.random.default_rng(0)))),
    tensors=("dx", "dw1", "dw2"),
    axes=dict.fromkeys(("dx", "dw1", "dw2"), ("row", "column")),
    mistakes={
        "dx": (
            Mistake("both from the second", BOTH_SECOND, (_spoilt(0, lambda first, second: (second, second)),)),
            *_memories(0),
            Mistake(
                "w2 missing",
                "The gradient passes the second linear layer unchanged: multiply by w2.",
                (lambda dy, x, w1, w2: (dy * _masks(x, w1, w2)[1] * _masks(x, w1, w2)[0]) @ w1,),
            ),
        ),
        "dw1": (
            Mistake("both from the second", BOTH_SECOND, (_spoilt(1, lambda first, second: (second, second)),)),
            *_memories(1),
        ),
        "dw2": (
            Mistake("mask of the first", BOTH_FIRST, (_spoilt(2, lambda first, second: (first, first)),)),
            Mistake(
                "mask missing",
                "The last ReLU stops nothing on the way back.",
                (_spoilt(2, lambda first, second: (first, 1)),),
            ),
            Mistake(
                "transposed",
                "dw2 seems to be transposed: its rows belong to outputs, its columns to inputs.",
                (lambda dy, x, w1, w2: _walk(dy, x, w1, w2, *_masks(x, w1, w2))[2].T,),
            ),
            Mistake("sign", sentences.SIGN, (lambda dy, x, w1, w2: -_walk(dy, x, w1, w2, *_masks(x, w1, w2))[2],)),
        ),
    },
)

EXERCISES = (CLINIC_21, CLINIC_22, CLINIC_23, CLINIC_24)
