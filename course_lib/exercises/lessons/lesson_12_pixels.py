"""The gradient at the pixels: what speaks for a digit, and how little it takes to turn one into another."""

from functools import cache, partial

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn
from course_lib.layers import Conv2d, Flatten, Linear, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss

LESSON = "12_finale"


def saliency(model, image, digit):
    """image (1, 1, H, W) -> dx (H, W): how much the logit of that digit grows with each pixel."""
    logits = model.forward(image)
    dlogits = np.zeros_like(logits)
    dlogits[0, digit] = 1
    return model.backward(dlogits)[0, 0]


def turn_into(model, loss, image, digit, eps):
    """image (1, 1, H, W) -> the same shape: each pixel moved by at most eps, within 0 and 1, towards that digit."""
    loss.forward(model.forward(image), np.array([digit]))
    dx = model.backward(loss.backward())
    return np.clip(image - eps * np.sign(dx), 0, 1)


# ---------------------------------------------------------------- what they are tried on


def _model(weight, scores):
    """A network of float64: a convolution (C, 1, k, k), ReLU, and a linear layer (classes, features)."""
    layers = (
        Conv2d(1, len(weight), weight.shape[2:], rng=np.random.default_rng(0), dtype=np.float64),
        Linear(scores.shape[1], len(scores), rng=np.random.default_rng(0), dtype=np.float64),
    )
    layers[0].weight.data, layers[1].weight.data = weight.copy(), scores.copy()
    return Sequential(layers[0], ReLU(), Flatten(), layers[1])


def _case(normal, H, W, channels, k, classes, digit):
    features = channels * (H - k + 1) * (W - k + 1)
    return {
        "image": np.clip(np.abs(normal(1, 1, H, W)), 0, 1), "weight": normal(channels, 1, k, k),
        "scores": normal(classes, features), "digit": digit,
    }  # fmt: skip


SIZES = ((5, 6, 2, 3, 4, 1), (4, 7, 3, 2, 3, 0), (6, 5, 2, 3, 5, 4))


def _cases(rng, **more):
    def normal(*shape):
        return rng.standard_normal(shape)

    return [{**_case(normal, *sizes), **more} for sizes in SIZES]


def _further(rng, **more):
    """As in `drawn.small`, some are float32, and some large. turn_into's are not: their softmax would be 0 or 1."""
    found = []
    for number in range(drawn.COUNT):
        factor = 20_000 if number % 8 == 3 and not more else 1
        dtype = np.float32 if number % 8 == 6 else np.float64
        k, classes = int(rng.integers(1, 3)), int(rng.integers(2, 5))
        sizes = *rng.integers(k, 5, 2), int(rng.integers(1, 3)), k, classes, int(rng.integers(classes))
        case = _case(lambda *shape: (factor * rng.standard_normal(shape)).astype(dtype), *map(int, sizes))  # noqa: B023
        found.append({**case, **more})
    return found


def _small(numbers, H, W, channels, classes, **more):
    features = channels * H * W
    return {
        "image": np.clip(np.abs(numbers(1, 1, H, W)) / 4, 0, 1), "weight": numbers(channels, 1, 1, 1).astype(float),
        "scores": numbers(classes, features).astype(float), "digit": classes - 1, **more,
    }  # fmt: skip


def ask(f, image, weight, scores, digit):
    """What f says of a small network with these weights."""
    return f(_model(weight, scores), image, digit)


def move(f, image, weight, scores, digit, eps):
    """What f makes of the image, against a small network with these weights."""
    return f(_model(weight, scores), CrossEntropyLoss(), image, digit, eps)


# ---------------------------------------------------------------- saliency


def _asked(model, image, digit, /, *, start=None, change=None):
    """saliency in steps. start(logits, digit): what the backward pass starts with; change(dx, image): what follows."""
    logits = model.forward(image)
    dx = model.backward((start or _onehot)(logits, digit))[0, 0]
    return change(dx, image) if change else dx


def _started_with(start):
    return Variant(_asked, start=start)


def _onehot(logits, digit):
    return np.eye(logits.shape[1])[[digit]]


def _one_among_the_logits(logits, digit):
    return np.where(_onehot(logits, digit) > 0, 1.0, logits)


def _of_the_digit_that_is_read(logits, digit):
    return _onehot(logits, logits[0].argmax())


def _probability(logits, digit):
    p = F.softmax(logits)
    return p[0, digit] * (_onehot(logits, digit) - p)


def _changed(change):
    return Variant(_asked, change=change)


@cache
def _results_of(run):
    """As run, with its one result in a tuple."""
    return lambda *case: (run(*case),)


def _told(run, name, says, *answers):
    return Mistake(name, says, tuple(WrongAnswer(_results_of(run), answer, 0) for answer in answers))


SALIENCY = Exercise(
    answer=saliency,
    task=(
        "Write `saliency(model, image, digit)`. "
        "Return how much the logit of that digit grows with each pixel of `image` (1, 1, H, W): "
        "the gradient `dx` of this one logit, as (H, W)."
    ),
    difficulty="easy",
    minutes=5,
    hints=(
        "The backward pass starts with the slope of your number by each logit. "
        "Your number *is* one of the logits. What is its slope by itself, and by the others?",
        "`model.forward(image)` first, because the layers must remember this image. "
        "Then `model.backward` of an array shaped like the logits.",
        "`np.zeros_like(logits)` with a 1 at `[0, digit]`. From `dx` (1, 1, H, W) take `[0, 0]`.",
    ),
    next_idea="Take the mean of the maps of 50 copies of the image with a little noise. What becomes clearer?",
    cases=_cases,
    further=_further,
    small=Small({"W": (1, 2, 3), "H": (1, 2, 3), "channels": (1, 2), "classes": (2, 3)}, _small),
    probe=_case(lambda *shape: np.random.default_rng(2).standard_normal(shape), 4, 4, 2, 2, 3, 1),
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    run=ask,
    mistakes={
        "dx": (
            _told(
                ask, "all logits at once",
                "Every logit starts the backward pass here, and so you get the gradient of their sum. Ask for one.",
                _started_with(lambda logits, digit: np.ones_like(logits)),
            ),
            _told(
                ask, "starts with the logits",
                "The backward pass starts with the logits themselves. It needs a *slope*: of this logit by itself, 1.",
                _started_with(lambda logits, digit: logits),
                _started_with(lambda logits, digit: logits * _onehot(logits, digit)),
            ),
            _told(
                ask, "other logits left in",
                "There is a 1 at the digit, and the other logits still stand beside it. They are not asked for: 0.",
                _started_with(_one_among_the_logits),
            ),
            _told(
                ask, "the digit that is read",
                "You ask about the digit that the network reads. Asked for is the one that is given.",
                _started_with(_of_the_digit_that_is_read),
            ),
            _told(
                ask, "gradient of the loss",
                "That is the gradient of the loss, which all logits share. Asked for is that of one logit.",
                _started_with(lambda logits, digit: F.softmax(logits) - _onehot(logits, digit)),
                _started_with(lambda logits, digit: _onehot(logits, digit) - F.softmax(logits)),
            ),
            _told(
                ask, "gradient of the probability",
                "That is the gradient of the probability, behind the softmax. Stop at the logit.",
                _started_with(_probability),
            ),
            _told(
                ask, "sign lost",
                "The sizes are right and the signs are lost. Ink that speaks against a digit is half of the answer.",
                _changed(lambda dx, image: np.abs(dx)), _changed(lambda dx, image: np.maximum(dx, 0)),
            ),
            _told(
                ask, "scaled for a picture",
                "The map is divided by its largest entry. That suits a picture, but then it is no slope any more.",
                _changed(lambda dx, image: dx / np.abs(dx).max()),
                _changed(lambda dx, image: np.abs(dx) / np.abs(dx).max()),
                _changed(lambda dx, image: (dx - dx.min()) / (dx.max() - dx.min())),
            ),
            _told(
                ask, "sign",
                "Every sign is the wrong way round: start with +1 at the digit.",
                _changed(lambda dx, image: -dx),
            ),
            _told(
                ask, "times the image",
                "You multiplied by the image. That is what each pixel contributes, if all were straight lines. "
                "Asked for is the slope.",
                _changed(lambda dx, image: dx * image[0, 0]),
            ),
        )
    },
)  # fmt: skip

# ---------------------------------------------------------------- turn a digit into another


def _clipped(moved, image):
    return np.clip(moved, 0, 1)


def _of_the_loss(logits, loss, digit):
    loss.forward(logits, np.array([digit]))
    return loss.backward()


def _of_the_loss_for_what_is_read(logits, loss, digit):
    return _of_the_loss(logits, loss, logits[0].argmax())


def _of_the_logit(logits, loss, digit):
    return _onehot(logits, digit)


def _against_the_logit(logits, loss, digit):
    return -_onehot(logits, digit)


def _turned(
    model, loss, image, digit, eps, /, *, sign=-1, size=np.sign, clip=_clipped, begin=_of_the_loss, step=lambda eps: eps
):  # fmt: skip
    """turn_into in steps. begin(logits, loss, digit): what the backward pass starts with.

    size(dx): how far a pixel moves, times step(eps); clip(moved, image): what is made of it.
    """
    dx = model.backward(begin(model.forward(image), loss, digit))
    return clip(image + sign * step(eps) * size(dx), image)


_moved = partial(Variant, _turned)


TURN_INTO = Exercise(
    answer=turn_into,
    task=(
        "Write `turn_into(model, loss, image, digit, eps)`. "
        "Return a copy of `image` (1, 1, H, W) that `model` takes for `digit` more readily: "
        "each pixel is moved by `eps`, to the side on which `loss` for that digit is smaller, and stays within 0 and 1."
    ),
    difficulty="medium",
    minutes=10,
    hints=(
        "It is a training step in which the image moves and the weights stay. What is the target?",
        "`loss.forward(logits, np.array([digit]))`, then the whole backward pass. "
        "The sign of `dx` says to which side the loss *grows*.",
        "`np.clip(image - eps * np.sign(dx), 0, 1)`",
    ),
    next_idea="Take ten small steps in place of one large step, with a new gradient each. Is a smaller eps enough?",
    cases=lambda rng: _cases(rng, eps=0.1),
    further=lambda rng: _further(rng, eps=0.25),
    small=Small(
        {"W": (1, 2, 3), "H": (1, 2, 3), "channels": (1, 2), "classes": (2, 3), "eps": (0.25, 0.5)}, _small
    ),
    probe={**_case(lambda *shape: np.random.default_rng(2).standard_normal(shape), 4, 4, 2, 2, 3, 1), "eps": 0.1},
    tensors=("moved",),
    axes={"moved": ("image", "channel", "row", "column")},
    run=move,
    mistakes={
        "moved": (
            _told(
                move, "uphill",
                "The image moves away from the digit: along `dx` the loss for it grows. Go against it.",
                _moved(sign=1),
            ),
            _told(
                move, "sign missing",
                "You step along the gradient itself, so most pixels hardly move. "
                "Every pixel may move by eps: only the *sign* of its gradient matters.",
                _moved(size=lambda dx: dx),
                _moved(size=lambda dx: dx / np.abs(dx).max()),
                _moved(size=lambda dx: dx / np.linalg.norm(dx)),
            ),
            _told(
                move, "eps missing",
                "Every pixel moves by 1, which is all there is between paper and ink. It may move by eps.",
                _moved(step=lambda eps: 1),
            ),
            _told(
                move, "moved where nothing changes",
                "Pixels whose gradient is 0 are moved as well. No side is better for them, so they stay as they are.",
                _moved(size=lambda dx: np.where(dx > 0, 1, -1)),
                _moved(size=lambda dx: np.where(dx >= 0, 1, -1)),
            ),
            _told(
                move, "along the logit",
                "You follow the gradient of one logit. The loss can also fall when the *other* logits do: "
                "start the backward pass with the gradient of the loss.",
                _moved(begin=_of_the_logit), _moved(begin=_against_the_logit),
            ),
            _told(
                move, "the loss for what is read",
                "The loss is the one for the digit that the network reads. Asked for is the loss for the digit that "
                "the image is to be turned into.",
                _moved(begin=_of_the_loss_for_what_is_read), _moved(begin=_of_the_loss_for_what_is_read, sign=1),
            ),
            _told(
                move, "the step clipped",
                "The step is clipped to 0 and 1, and not the image: steps below 0 are lost, "
                "and pixels may still leave the range.",
                _moved(clip=lambda moved, image: image + np.clip(moved - image, 0, 1)),
                _moved(clip=lambda moved, image: image - np.clip(image - moved, 0, 1)),
            ),
            _told(
                move, "not clipped",
                "Some pixels are darker than paper or brighter than ink. No picture holds them: clip to 0 and 1.",
                _moved(clip=lambda moved, image: moved),
                _moved(clip=lambda moved, image: np.maximum(moved, 0)),
            ),
            _told(
                move, "clipped to -1 and 1",
                "A pixel is between 0, paper, and 1, ink. You let it go below 0.",
                _moved(clip=lambda moved, image: np.clip(moved, -1, 1)),
            ),
            _told(
                move, "the step alone",
                "That is the step, and the image is missing: return the image with the step added.",
                _moved(clip=lambda moved, image: moved - image),
            ),
        )
    },
)  # fmt: skip

EXERCISES = (SALIENCY, TURN_INTO)

PREDICTIONS = (
    Prediction(
        name="12/how_small",
        comes_back=False,
        text="You move every pixel of a 5 by at most `eps`, always to the side that makes it more of an 8. "
        "Pixels run from 0 to 1. "
        "How large must `eps` be, so that the network reads 8?",
        answer="a",
        choices={
            "a": ("About 0.1 or 0.2: you still see a 5", ""),
            "b": ("About 0.5: halfway between a 5 and an 8", "Halfway by eye. The network adds up 784 small effects."),
            "c": ("Nearly 1: it must look like an 8", "To you. The network has 784 pixels that all push one way."),
        },
        why="784 pixels each move the logits a little, and all in the same direction. Small steps add up.",
    ),
)
