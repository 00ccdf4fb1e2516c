"""Training: the step that is repeated, and what to expect of it before it runs."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import broken, drawn, redrawn_networks, small
from course_lib.layers import Conv2d
from course_lib.losses import MSELoss
from course_lib.optim import SGD

LESSON = "12_finale"

# ---------------------------------------------------------------- the step


def training_step(layer, loss, optimizer, x, target):
    """Move the layer's weights once, to bring layer.forward(x) nearer to target. Returns the loss before that."""
    y = layer.forward(x)
    value = loss.forward(y, target)
    optimizer.zero_grad()
    layer.backward(loss.backward())
    optimizer.step()
    return value


def step_cases(rng):
    """Several steps each, with a different batch every time."""
    return [_step_case(rng, *sizes) for sizes in ((3, 2, 3, 0.1), (4, 3, 2, 0.03), (3, 1, 3, 0.2))]


def _step_case(rng, steps, images, k, lr, rows=5, columns=6):
    x = rng.standard_normal((steps, images, 1, rows, columns))
    target = rng.standard_normal((steps, images, 1, rows + 1 - k, columns + 1 - k))
    return {"x": x, "target": target, "weight": rng.standard_normal((1, 1, k, k)), "lr": lr}


def further_step_cases(rng):
    """As in `drawn.small`, some are float32, and some large, with a learning rate to match."""
    found = []
    for number in range(drawn.COUNT):
        steps, images, k = (int(n) for n in rng.integers(1, 4, 3))
        case = _step_case(rng, steps, images, k, [0.01, 0.1][number % 2], *(int(n) for n in rng.integers(3, 7, 2)))
        factor, dtype = 20_000 if number % 8 == 3 else 1, np.float32 if number % 8 == 6 else np.float64
        large = {name: (factor * case[name]).astype(dtype) for name in ("x", "target")}
        found.append({**case, **large, "lr": case["lr"] / factor**2})  # or the training would diverge
    return found


def train(step, x, target, weight, lr):
    """Build a layer and call step once for each batch. Returns the losses (steps,) and the weights (steps, k, k)."""
    layer = Conv2d(1, 1, weight.shape[2:], bias=False, dtype=np.float64)
    layer.weight.data = weight.copy()
    loss, optimizer = MSELoss(), SGD(layer.parameters(), lr)
    losses, weights = [], []
    for batch, wanted in zip(x, target, strict=True):
        losses.append(_one_number(step(layer, loss, optimizer, batch, wanted)))
        weights.append(layer.weight.data[0, 0].copy())
    returned = None if any(value is None for value in losses) else np.array(losses)
    unmoved = np.array_equal(weights, np.broadcast_to(weight[0, 0], np.shape(weights)))
    return None if returned is None and unmoved else (returned, np.array(weights))


def _one_number(value):
    """What a step returned, if it is a loss or None."""
    if value is None or np.isscalar(value) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    raise CannotBeJudgedError(
        f"What came back is of type {type(value).__name__}, but one number is expected: the loss of the forward pass."
    )


def _stepped(
    layer, loss, optimizer, x, target, /, *,
    actions=("empty", "back", "move"), dy=None, compared=lambda y, target: (y, target), factor=None, afterwards=False,
):  # fmt: skip
    """A training step in parts. actions: what is done after the forward pass; compared: what the loss is given.

    dy(y, target): what the backward pass starts with; factor(y): what that is multiplied by; afterwards: the loss that
    is returned is that of the moved weights.
    """
    y = layer.forward(x)
    value = loss.forward(*compared(y, target))
    for action in actions:
        if action == "empty":
            optimizer.zero_grad()
        elif action == "back":
            start = dy(y, target) if dy else loss.backward()
            layer.backward(factor(y) * start if factor else start)
        else:
            optimizer.step()
    return loss.forward(*compared(layer.forward(x), target)) if afterwards else value


_step = partial(Variant, _stepped)


def in_order(*actions):
    """A step that does the forward pass and then these actions."""
    return _step(actions=actions)


def _by_hand(factor):
    """A step that starts the backward pass with factor * (y - target), and not with the gradient of the loss."""
    return _step(dy=lambda y, target: factor(y) * (y - target))


NEVER_EMPTIED = "The first step is right, later ones are not. The gradients of earlier batches are still in the sum."
UNMOVED = (
    "The weights do not move. "
    "Is backward or step missing? "
    "Or do you zero the gradients after backward has computed them and before step could use them?"
)
LATE = "The weights move one batch late. step uses gradients that the backward pass of this batch has not computed yet."
TWICE = "The weights move twice as far as they should. Is backward or step called twice?"
BY_HAND = (
    "The backward pass starts with the difference itself. "
    "The loss is a *mean* of squares, and its gradient is smaller: ask the loss for it."
)
SCALED = (
    "The gradient of the loss is multiplied or divided by the number of images on its way back. "
    "The loss is a mean already, and `loss.backward()` contains that factor."
)
UPHILL = (
    "The loss grows: the gradient points the wrong way. "
    "Are output and target exchanged in the loss, or is a sign wrong?"
)
WITHOUT_THE_LOSS = (
    "The backward pass starts with a gradient that does not depend on the target. "
    "What does `layer.backward` need, and what computes it?"
)
AFTERWARDS = "The weights are right. But you return the loss after the step. Return the one that backward started from."

STEP_MISTAKES = {
    "gradients never zeroed": (NEVER_EMPTIED, in_order("back", "move")),
    "weights do not move": (UNMOVED, in_order("empty", "back")),
    "one batch late": (LATE, in_order("move", "empty", "back"), in_order("move", "back")),
    "twice as far": (TWICE, in_order("empty", "back", "back", "move")),
    "output and target exchanged": (UPHILL, _step(compared=lambda y, target: (target, y))),
    "gradient of the loss missing": (
        WITHOUT_THE_LOSS,
        _step(dy=lambda y, target: np.ones_like(y)),
        _step(dy=lambda y, target: y),
    ),
    "difference in place of the gradient": (
        BY_HAND,
        *map(_by_hand, (lambda y: 1, lambda y: 2, lambda y: 1 / y.size, lambda y: 1 / len(y))),
    ),
    "gradient of the loss scaled": (
        SCALED,
        _step(factor=lambda y: len(y)),
        _step(factor=lambda y: 1 / len(y)),
    ),
}


def step_mistakes(number):
    return tuple(
        Mistake(short, says, tuple(WrongAnswer(train, step, number) for step in steps))
        for short, (says, *steps) in STEP_MISTAKES.items()
    )


TRAINING_STEP = Exercise(
    answer=training_step,
    start=broken.training_step,
    next_idea="Let the step have momentum. What must be kept between two calls?",
    difficulty="easy",
    minutes=5,
    task=(
        "**Repair it.** `training_step(layer, loss, optimizer, x, target)` is one forward pass, one backward pass, one "
        "step, and returns the loss that the forward pass gave. "
        "The first number that this one returns is right, to the last digit. Then the loss grows, step by step. "
        "It has two mistakes."
    ),
    hints=(
        "At one moment, when `step` uses them, the gradients must "
        "contain what *this* batch contributes and nothing else. "
        "Which of the six calls in the table is not made?",
        "The squared distance from a to b is that from b to a. Its slope is not: which of the two moves?",
        "`loss.forward` takes the output first. `zero_grad` belongs anywhere before `layer.backward`.",
    ),
    cases=step_cases,
    further=further_step_cases,
    small=small.TRAINING_STEP,
    probe=_step_case(np.random.default_rng(1), 3, 1, 2, 0.1),
    tensors=("loss", "weight"),
    axes={"loss": ("step",), "weight": ("step", "row", "column")},
    run=train,
    mistakes={
        "loss": (
            *step_mistakes(0),
            Mistake("loss of the step after", AFTERWARDS, (WrongAnswer(train, _step(afterwards=True), 0),)),
        ),
        "weight": step_mistakes(1),
    },
)

EXERCISES = (TRAINING_STEP,)

# ---------------------------------------------------------------- predictions

SLOPE, DARKER = -2, -0.1  # of one pixel, in the question on saliency
STEEPEST = 2.08  # the largest curvature of the lesson's filter problem, as the question states it

PREDICTIONS = (
    Prediction(
        name="12/stability",
        again=redrawn_networks.largest_rate,
        formerly=("08/stability",),
        text=f"The steepest direction of your bowl has $\\lambda = {STEEPEST}$. "
        "Above which learning rate does the distance to the bottom *grow* in each step? "
        "(two decimals)",
        answer=lambda: 2 / STEEPEST,
        tolerance=0.01,
        wrong_answers=(
            (
                1 / STEEPEST,
                "With that rate you land on the bottom in one step. "
                "Go on to where you land just as high on the other side.",
            ),
            (STEEPEST, "Put it into 1 - lr λ. How large is that, and how large may it be?"),
            (STEEPEST / 2, "Upside down: at which lr does lr λ reach 2?"),
        ),
        why="1 - lr λ is below -1 as soon as lr > 2 / λ = 0.96. Each step then lands higher on the other side.",
    ),
    Prediction(
        name="12/forgotten",
        formerly=("08/forgotten",),
        text="You learn the blur again and leave out `zero_grad`: "
        "the gradients are never zeroed, and each backward pass adds to all those before it. "
        "What does the loss do?",
        answer="c",
        choices={
            "a": (
                "It falls as before: a sum of gradients points the same way as one of them",
                "It does at the start. But after you have passed the bottom, the old gradients still push on.",
            ),
            "b": (
                "It falls faster: larger gradients make larger steps",
                "The steps do get larger. Now think of the moment when they carry you past the bottom.",
            ),
            "c": ("It goes up and down and never settles", ""),
            "d": (
                "It grows without bound",
                "Past the bottom the new gradients point back, and reduce the sum again.",
            ),
        },
        why="The sum contains every gradient so far. "
        "You roll past the bottom, and only gradients from the other "
        "side can reduce the sum: a ball in a bowl, without friction.",
    ),
    Prediction(
        name="12/turned",
        formerly=("08/turned",),
        text="An image program filters with a *true* convolution: it turns the kernel by 180 degrees first. "
        "You train the same layer on its pictures. "
        "For which of the four does the layer learn different numbers from the program's?",
        answer="c",
        choices={
            "a": ("All four", "Turn the blur by 180 degrees on paper. What has changed?"),
            "b": ("Only the secret one", "Nearly. Which entries of Sobel change places?"),
            "c": ("Sobel and the secret one", ""),
            "d": ("None: it learns what it is shown", "It does. And what it is shown was made with a turned kernel."),
        },
        why="Turned, the blur and the sharpening stay the same. "
        "Sobel becomes minus Sobel, and the secret kernel has no symmetry at all.",
    ),
    Prediction(
        name="12/saliency",
        again=redrawn_networks.change_of_a_logit,
        formerly=("08/saliency",),
        text="The backward pass starts with a 1 at the logit of the 4. "
        "At some pixel `dx` is -2. "
        "You make this pixel *darker*, by 0.1. "
        "By about how much does the logit of the 4 change?",
        answer=lambda: SLOPE * DARKER,
        tolerance=0.001,
        wrong_answers=(
            (-SLOPE * DARKER, "Darker is a change of -0.1 in the pixel. What is -2 times that?"),
            (SLOPE, "That is the change for a whole 1 of brightness. You changed the pixel by a tenth of it."),
            (-SLOPE, "That is the change for a whole 1 of brightness. You changed the pixel by a tenth of it."),
        ),
        why="-2 times -0.1. A pixel whose ink speaks against a digit speaks for it when you remove the ink.",
        reveals=0,
    ),
    Prediction(
        name="12/wrong_gradient",
        formerly=("08/wrong_gradient",),
        text="In a copy of the network the second convolution is a `FlippedConv2d`, "
        "so the first one is trained with wrong gradients. "
        "Both learn from the same few thousand digits. "
        "The right one then reads more than nine in ten test digits. "
        "And the wrong one?",
        answer="c",
        choices={
            "a": (
                "One in ten: it can only guess",
                "The second convolution and the linear layer still learn with right gradients.",
            ),
            "b": ("About half", "What can the later layers do with a first layer that is merely *some* filter?"),
            "c": ("More than nine in ten as well", ""),
        },
        why="The later layers make do with whatever the first one gives them.",
    ),
)
