"""A layer that nobody gave you: Swish."""

import numpy as np

from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import redrawn_networks, sentences, swish

LESSON = "10_write_a_layer"

BOTH_PATHS = "x reaches y along two paths: as the factor in front, and through the sigmoid. "
NOT_SHAPED = (
    "What is added to beta.grad does not have its shape, (channels, 1, 1). "
    "There is one sum for each channel, over images, rows and columns; then `reshape`."
)


def _y(value):
    """A Swish whose y is value(x, beta)."""

    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-self.beta.data * x))
        return value(x, self.beta.data)

    return swish.spoilt("y", forward)


def _dx(gradient):
    """A Swish whose dx is gradient(dy, x, s, beta)."""
    return swish.spoilt("dx", gradients=lambda *values: (gradient(*values), None))


def _dbeta(gradient):
    """A Swish that adds gradient(dy, x, s, beta) to beta.grad."""
    return swish.spoilt("beta.grad", gradients=lambda *values: (None, gradient(*values)))


def _terms(dy, x, s):
    """What beta.grad sums."""
    return dy * x**2 * s * (1 - s)


MISTAKES = {
    "y": (
        Mistake(
            "beta missing",
            "y does not depend on beta. The sigmoid is given beta * x.",
            (_y(lambda x, beta: x / (1 + np.exp(-x))),),
        ),
        Mistake(
            "sign in the exponential",
            "The sigmoid runs backwards: exp of *minus* beta * x.",
            (_y(lambda x, beta: x / (1 + np.exp(beta * x))),),
        ),
        Mistake(
            "x missing",
            "This is the sigmoid alone. It is multiplied by x.",
            (_y(lambda x, beta: 1 / (1 + np.exp(-beta * x))),),
        ),
        Mistake(
            "beta in front",
            "beta stands in front as well. It belongs inside the sigmoid alone.",
            (_y(lambda x, beta: beta * x / (1 + np.exp(-beta * x))),),
        ),
        Mistake(
            "not a sigmoid",
            "The curve is not that of a sigmoid, 1 / (1 + exp(-t)).",
            (_y(lambda x, beta: x * np.tanh(beta * x)), _y(lambda x, beta: np.maximum(x, 0))),
        ),
    ),
    "dx": (
        Mistake(
            "path through the sigmoid missing",
            f"{BOTH_PATHS}The second one is missing.",
            (_dx(lambda dy, x, s, beta: dy * s),),
        ),
        Mistake(
            "factor in front missing",
            f"{BOTH_PATHS}The first one is missing.",
            (_dx(lambda dy, x, s, beta: dy * x * s * (1 - s) * beta),),
        ),
        Mistake(
            "beta of the chain rule missing",
            "Inside the sigmoid stands beta * x, and its slope in x is beta. "
            "That factor is missing, or in the wrong place.",
            (
                _dx(lambda dy, x, s, beta: dy * (s + x * s * (1 - s))),
                _dx(lambda dy, x, s, beta: dy * (s + x * s * (1 - s) * beta**2)),
                _dx(lambda dy, x, s, beta: dy * beta * (s + x * s * (1 - s))),
            ),
        ),
        Mistake(
            "factor in front and beta missing",
            f"{BOTH_PATHS}The first one is missing, and from the second the slope of beta * x, which is beta.",
            (_dx(lambda dy, x, s, beta: dy * x * s * (1 - s)),),
        ),
        Mistake(
            "x in place of beta",
            "Inside the sigmoid stands beta * x. Its slope in x is beta; x is its slope in *beta*.",
            (
                _dx(lambda dy, x, s, beta: dy * (s + x**2 * s * (1 - s))),
                _dx(lambda dy, x, s, beta: dy * (s + x**2 * s * (1 - s) * beta)),
            ),
        ),
        Mistake(
            "dy in one term only",
            "dy multiplies one of the two terms. What comes back goes along both paths: brackets.",
            (
                _dx(lambda dy, x, s, beta: dy * s + x * s * (1 - s) * beta),
                _dx(lambda dy, x, s, beta: s + dy * x * s * (1 - s) * beta),
            ),
        ),
        Mistake(
            "x of the product rule missing",
            "The sigmoid was multiplied by x, so its slope is as well. That x is missing.",
            (
                _dx(lambda dy, x, s, beta: dy * (s + s * (1 - s) * beta)),
                _dx(lambda dy, x, s, beta: dy * (s + s * (1 - s))),
            ),
        ),
        Mistake(
            "slope of the sigmoid",
            "The slope of the sigmoid is s * (1 - s), where s is its *value*.",
            (
                _dx(lambda dy, x, s, beta: dy * (s + x * s * beta)),
                _dx(lambda dy, x, s, beta: dy * (s + x * (1 - s) * beta)),
                _dx(lambda dy, x, s, beta: dy * (s + x * (1 - s**2) * beta)),
                _dx(lambda dy, x, s, beta: dy * (s - x * s * (1 - s) * beta)),
            ),
        ),
        Mistake(
            "dy missing",
            "This is the slope of the layer alone. The upstream gradient dy is missing.",
            (_dx(lambda dy, x, s, beta: s + x * s * (1 - s) * beta),),
        ),
        Mistake("sign", sentences.SIGN, (_dx(lambda *values: -swish.right_gradients(*values)[0]),)),
    ),
    "beta.grad": (
        Mistake(
            "set, not added",
            "beta.grad is set, and what was there before is lost. Gradients accumulate: use `+=`.",
            (swish.spoilt("beta.grad", adds=False),),
        ),
        Mistake(
            "nothing added",
            "beta.grad stays 0. backward must add to it before it returns dx.",
            (_dbeta(lambda dy, x, s, beta: np.zeros(beta.shape)),),
        ),
        Mistake(
            "mean instead of sum",
            "beta.grad is too small by a constant factor. "
            "One beta serves all images, rows and columns of its channel: sum.",
            (
                _dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s), np.mean)),
                _dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)) / len(x)),
                _dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)) / x[0, 0].size),
            ),
        ),
        Mistake(
            "all channels together",
            "All channels are summed into one number. Each channel has its own beta.",
            (_dbeta(lambda dy, x, s, beta: np.full(beta.shape, np.sum(_terms(dy, x, s)))),),
        ),
        Mistake(
            "another shape",
            NOT_SHAPED,
            (_dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)).ravel()),),
        ),
        Mistake(
            "one x missing",
            "x stands in the slope twice: it multiplies beta inside the sigmoid, and the sigmoid outside.",
            (
                _dbeta(lambda dy, x, s, beta: swish.summed(dy * x * s * (1 - s))),
                _dbeta(lambda dy, x, s, beta: swish.summed(dy * x * s * (1 - s)) * beta),
            ),
        ),
        Mistake(
            "beta too many",
            "beta is a factor of beta.grad, and does not belong there. "
            "Inside the sigmoid stands beta * x, and its slope in beta is x.",
            (_dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)) * beta),),
        ),
        Mistake(
            "dx summed",
            "beta.grad sums what belongs to x: dx, or x times dx. What is the slope of y in *beta*?",
            (
                _dbeta(lambda *values: swish.summed(swish.right_gradients(*values)[0])),
                _dbeta(lambda dy, x, s, beta: swish.summed(x * swish.right_gradients(dy, x, s, beta)[0])),
            ),
        ),
        Mistake(
            "only one image",
            "Only one image of the batch counts in beta.grad. One beta serves them all.",
            (
                _dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)[:1])),
                _dbeta(lambda dy, x, s, beta: swish.summed(_terms(dy, x, s)[-1:])),
            ),
        ),
        Mistake(
            "slope of the sigmoid in dbeta",
            "The slope of the sigmoid, s * (1 - s), is missing or not right in beta.grad.",
            (
                _dbeta(lambda dy, x, s, beta: swish.summed(dy * x**2)),
                _dbeta(lambda dy, x, s, beta: swish.summed(dy * x**2 * s)),
                _dbeta(lambda dy, x, s, beta: swish.summed(dy * x**2 * (1 - s))),
            ),
        ),
        Mistake(
            "dy missing",
            "This is the slope of the layer alone, summed. The upstream gradient dy is missing.",
            (_dbeta(lambda dy, x, s, beta: swish.summed(_terms(1, x, s))),),
        ),
        Mistake("sign", sentences.SIGN, (_dbeta(lambda *values: -swish.right_gradients(*values)[1]),)),
    ),
}

NOT_ONES = "Its betas do not start at 1. That is not an error, but then it starts as another curve than the one drawn."

SWISH = Exercise(
    answer=swish.Swish,
    next_idea="Write GELU, softplus or a leaky ReLU in the same four steps: the cell below judges it.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write the class `Swish`, a layer that learns its bend: `y = x * s(beta * x)`. "
        "`beta` is a `Parameter` of shape (channels, 1, 1), all ones at first. "
        "`backward(dy)` *adds* to `beta.grad` and returns `dx`."
    ),
    hints=(
        "Four questions make a layer. What does it learn? What does backward need? What is added up? What is returned?",
        "The slope of y in x has two terms, by the product rule. "
        "The second one is x times the slope of the sigmoid, times beta by the chain rule. "
        "The slope in beta has x twice, and it is summed over images, rows and columns.",
        "Keep `self.x` and `self.s`. "
        "With `bend = self.x * self.s * (1 - self.s)`, dx is `dy * (self.s + bend * self.beta.data)`. "
        "The gradient of beta sums `dy * bend * self.x` over the axes 0, 2 and 3.",
    ),
    cases=swish.cases,
    further=swish.further,
    small=swish.SMALL,
    probe=swish.PROBE,
    run=swish.live,
    tensors=swish.TENSORS,
    axes={
        "y": ("image", "channel", "row", "column"),
        "dx": ("image", "channel", "row", "column"),
        "beta.grad": ("channel", "row", "column"),
    },
    mistakes=MISTAKES,
    patterns=[
        ("It is right until backward is called a second time.", lambda then, **_: then == swish.TWICE),
        ("It is right until another batch comes.", lambda then, **_: then == swish.ZEROED),
    ],
    exceptions=(
        (
            "dx",
            r"AttributeError in .* of backward: .* object has no attribute",
            "backward asks self for something that forward never kept there.",
        ),
        (
            "y",
            r"TypeError in .*: .*'Parameter'",
            "beta is a Parameter, which holds two arrays: its numbers are in `.data`, what is added up is in `.grad`.",
        ),
        ("beta.grad", r"ValueError in .* of backward: .*(broadcast|into shape \(\d+,1,1\))", NOT_SHAPED),
    ),
    extras={NOT_ONES: lambda cls: np.all(cls(3).beta.data == 1)},
)

EXERCISES = (SWISH,)


def _slope_at_zero():
    layer, one = swish.Swish(1), np.ones((1, 1, 1, 1))
    layer.forward(0 * one)
    return layer.backward(one).item()


PREDICTIONS = (
    Prediction(
        name="10/swish",
        again=redrawn_networks.slope_at_zero,
        reveals=0,
        formerly=("07/swish",),
        text="With beta = 1, what is the slope of `x * sigmoid(beta * x)` at x = 0?",
        answer=_slope_at_zero,
        wrong_answers=(
            (0, "The second path contributes 0 there. And the first?"),
            (0.25, "That is the slope of the sigmoid alone. It is multiplied by x, which is 0."),
            (1, "sigmoid(0) is a half."),
        ),
        why="x reaches y along two paths. "
        "As the factor in front, its slope is sigmoid(0) = 0.5; through the sigmoid it is multiplied by x = 0.",
    ),
    Prediction(
        name="10/ones",
        text="Three wrong layers: the first forgets the path through the sigmoid, "
        "the second forgets beta in the chain rule, the third averages where it should sum. "
        "Which one passes a check in which every beta is 1?",
        answer="b",
        choices={
            "a": ("the first", "What it leaves out is x times s (1 - s), whatever beta is. That is not 0."),
            "b": ("the second", ""),
            "c": ("the third", "A mean is smaller than a sum by a factor. beta does not come into it."),
        },
        why="A forgotten factor cannot be seen while it is 1. As with dy: a check sees only what its numbers can show.",
    ),
)
