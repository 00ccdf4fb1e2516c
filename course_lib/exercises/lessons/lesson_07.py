"""From scores to a first step: softmax and cross-entropy, and the walk back."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, first_step, redrawn_networks, small

LESSON = "07_scores_to_first_step"


def _one_hot(logits, targets):
    return np.eye(logits.shape[1])[targets]


def _share(logits, axis=1):
    raised = np.exp(logits - logits.max())
    return raised / raised.sum(axis=axis, keepdims=True)


def _softmax_gradient(
    z, t, /, *, share=_share, less=_one_hot, slope=None, kept=None, scale=lambda d, z: d / len(z), sign=1
):  # fmt: skip
    """dlogits in steps. share(z): the probabilities; less(z, t): what is subtracted; slope(p): what that is times.

    kept(d, z, t): which entries remain; scale(d, z): the mean over the rows.
    """
    p = share(z)
    d = p - less(z, t)
    d = d * slope(p) if slope else d
    return sign * scale(kept(d, z, t) if kept else d, z)


_scores = partial(Variant, _softmax_gradient)


def _share_of_parts(above, below):
    """Softmax of the wrong parts: above(z, its row maxima) over the sum of below(...), all exponents."""

    def share(z):
        maxima = z.max(axis=1, keepdims=True)
        return np.exp(above(z, maxima)) / np.exp(below(z, maxima)).sum(axis=1, keepdims=True)

    return share


def _less(z, maxima):
    return z - maxima


def _whole(z, maxima):
    return z


def _without_keepdims(maximum, total):
    """Softmax whose maxima, sums or both stand along the columns."""

    def share(z):
        raised = np.exp(z - z.max(axis=1, keepdims=maximum))
        return raised / raised.sum(axis=1, keepdims=total)

    return share


def _only_row(number):
    def kept(d, z, t):
        found = np.zeros_like(d)
        found[number] = d[number]
        return found

    return kept


def _picked_by_targets(z, t):
    found = np.zeros_like(z)
    found[t] = 1
    return found


OVERFLOWS = (
    "For logits of 1000 it overflows: exp(1000) is infinite. "
    "Subtract each row's maximum first, which does not change softmax."
)
UNDERFLOWS = (
    "You subtract the maximum of the whole batch. In a row far below it every exp becomes 0, and 0 / 0 is nan. "
    "Subtract the maximum of each *row*."
)


def _survives_large_logits(f):
    """Both rows have the same maximum, so that it does not matter whether it is taken of the row or of the batch."""
    logits, targets = np.array([[1000.0, 0.0, 900.0], [-1000.0, 1000.0, 5.0]]), np.array([1, 1])
    return np.allclose(f(logits, targets), loops.cross_entropy_gradient(logits, targets))


def _subtracts_the_maximum_of_each_row(f):
    logits, targets = np.array([[1000.0, 1001.0, 999.0], [0.0, 1.0, 2.0]]), np.array([1, 1])
    right = np.allclose(f(logits, targets), loops.cross_entropy_gradient(logits, targets))
    return right or not _survives_large_logits(f)  # what overflows is told so


CROSS_ENTROPY_GRADIENT = Exercise(
    answer=loops.cross_entropy_gradient,
    next_idea="Smooth the labels: 0.9 for the right class, and the rest shared by the others.",
    difficulty="medium",
    minutes=10,
    task=(
        "Write `cross_entropy_gradient(logits, targets)`: the gradient of "
        "the mean cross-entropy loss, shaped like `logits` (N, classes). "
        "`targets` holds the right class of each row. "
        "Make sure that large logits do not overflow."
    ),
    hints=(
        "Softmax turns a row of logits into probabilities. "
        "The loss wants that of the right class to be 1. "
        "Which logits should rise, and which should fall?",
        "For one row the gradient is softmax(logits) - onehot(target). And the loss is a *mean* over the rows.",
        "Subtract each row's maximum, take `exp`, and divide each row by its sum. "
        "Subtract 1 at `[np.arange(N), targets]`, then divide by N.",
    ),
    cases=first_step.logits_cases,
    further=drawn.scores,
    small=small.SCORES,
    probe={"logits": np.log([[1.0, 2, 1], [3, 3, 4]]), "targets": np.array([1, 0])},
    tensors=("dlogits",),
    axes={"dlogits": ("row", "score")},
    mistakes={
        "dlogits": (
            Mistake(
                "not divided by N",
                "Everything is too large by the same factor: the loss is a mean over the rows.",
                (_scores(scale=lambda d, z: d),),
            ),
            Mistake(
                "divided by another number",
                "Everything is too small by the same factor: "
                "the loss is a mean over the *rows*, and over nothing else.",
                (
                    _scores(scale=lambda d, z: d / z.shape[1]),
                    _scores(scale=lambda d, z: d / z.size),
                ),
            ),
            Mistake(
                "sign",
                "Every value has the wrong sign. "
                "A gradient points uphill. "
                "To lower the loss, the logit of the right class should *rise*, so its gradient is negative.",
                (_scores(sign=-1),),
            ),
            Mistake(
                "target not subtracted",
                "These are the probabilities. "
                "What should they be for the loss to be zero? "
                "The gradient is the difference.",
                (_scores(less=lambda z, t: 0),),
            ),
            Mistake(
                "softmax missing",
                "The logits themselves are compared with the targets. They must become probabilities first.",
                (
                    _scores(share=lambda z: z),
                    _scores(share=np.exp),
                    _scores(share=lambda z: 1 / (1 + np.exp(-z))),
                ),
            ),
            Mistake(
                "logarithm of softmax",
                "The logarithms of the probabilities are compared with the targets. "
                "The loss has a logarithm, its gradient has none: compare the probabilities themselves.",
                (_scores(share=lambda z: np.log(_share(z))),),
            ),
            Mistake(
                "gradient by the probabilities",
                "You divide by p (1 - p). That is a gradient by the *probabilities*, and of another loss. "
                "By the logits there is nothing left to divide by.",
                (_scores(slope=lambda p: 1 / (p * (1 - p))),),
            ),
            Mistake(
                "maximum subtracted in one place",
                "The maximum is subtracted in one place only. "
                "It cancels if it is in both: in the exp of a logit, and in every exp of the sum below it.",
                (_scores(share=_share_of_parts(_whole, _less)), _scores(share=_share_of_parts(_less, _whole))),
            ),
            Mistake(
                "rows' numbers along the columns",
                "The maxima or the sums of the rows stand along the columns: an array of shape (N,) broadcasts along "
                "the *last* axis. Let them keep their axis, with `keepdims=True`.",
                tuple(_scores(share=_without_keepdims(*kept)) for kept in ((0, 1), (1, 0), (0, 0))),
            ),
            Mistake(
                "softmax differentiated once more",
                "softmax minus onehot is already the gradient by the *logits*. "
                "The slope p (1 - p) of softmax is in it, and must not be multiplied in again.",
                (
                    _scores(slope=lambda p: p * (1 - p)),
                    _scores(slope=lambda p: p),
                ),
            ),
            Mistake(
                "softmax over the wrong axis",
                "The probabilities of one *row* sum to 1. Over which axis do you sum?",
                (
                    _scores(share=lambda z: _share(z, axis=0)),
                    _scores(share=lambda z: _share(z, axis=None)),
                ),
            ),
            Mistake(
                "only the right class",
                "Only the logit of the right class gets a gradient. "
                "The others are in the denominator: raising one of them lowers the probability of the right class.",
                (
                    _scores(kept=lambda d, z, t: d * _one_hot(z, t)),
                    _scores(kept=lambda d, z, t: -_one_hot(z, t) / _share(z)),
                    _scores(kept=lambda d, z, t: -_one_hot(z, t)),
                ),
            ),
            Mistake(
                "set, not subtracted",
                "The entry of the right class is set to a fixed number. "
                "It depends on how sure the answer is: 1 is *subtracted* from its probability.",
                tuple(
                    _scores(kept=lambda d, z, t, number=number: np.where(_one_hot(z, t) > 0, number, d))
                    for number in (-1, 0, 1)
                ),
            ),
            Mistake(
                "only one row",
                "Only one row has a gradient. "
                "Does a line stand behind the loop that belongs into it, or `return` inside of it?",
                (_scores(kept=_only_row(0)), _scores(kept=_only_row(-1))),
            ),
            Mistake(
                "as many classes as the targets need",
                "The largest target decides how many columns are subtracted. "
                "A class that no row of this batch belongs to has a column too: `logits` says how many there are.",
                (_scores(less=lambda z, t: np.eye(t.max() + 1)[t]),),
            ),
            Mistake(
                "1 off in every row",
                "1 is subtracted from whole columns, but each row has only one right class. "
                "Index rows and targets together.",
                (_scores(less=lambda z, t: np.isin(np.arange(z.shape[1]), t)),),
            ),
            Mistake(
                "targets taken for rows",
                "`targets` says which *column* is the right one in each row. You use it to pick rows.",
                (_scores(less=_picked_by_targets),),
            ),
            Mistake(
                "targets taken for numbers",
                "The number of the class is subtracted. "
                "That number is a name, not a size: subtract 1 in its column and 0 in all others.",
                (_scores(less=lambda z, t: t[:, None]),),
            ),
            Mistake(
                "half of it divided by N",
                "Only one part of the difference is divided by N. The mean is taken over all of it.",
                (
                    _scores(less=lambda z, t: _one_hot(z, t) / len(z), scale=lambda d, z: d),
                    _scores(share=lambda z: _share(z) / len(z), scale=lambda d, z: d),
                ),
            ),
            Mistake(
                "the loss itself",
                "That is the loss, or each row's contribution to it. "
                "Its gradient has a number for every score of every row.",
                (
                    lambda z, t: -np.log(_share(z)[np.arange(len(z)), t]).mean(),
                    lambda z, t: -np.log(_share(z)[np.arange(len(z)), t]),
                ),
            ),
        )
    },
    extras={OVERFLOWS: _survives_large_logits, UNDERFLOWS: _subtracts_the_maximum_of_each_row},
    cautions=(OVERFLOWS, UNDERFLOWS),
)

EXERCISES = (CROSS_ENTROPY_GRADIENT,)

# ---------------------------------------------------------------- predictions

LOGITS = np.log([[1.0, 2, 1]])  # three scores whose softmax is 1/4, 1/2, 1/4, and the right class of that row

RIGHT_CLASS = np.array([1])


PREDICTIONS = (
    Prediction(
        name="07/softmax_gradient",
        again=redrawn_networks.slopes_of_scores,
        formerly=("06/softmax_gradient",),
        text="The three probabilities are 1/4, 1/2 and 1/4, and class 1 is the right one. "
        "Nudge each score up in turn. "
        "How fast does the loss move? "
        "Guess the three slopes, or at least their signs.",
        answer=lambda: loops.cross_entropy_gradient(LOGITS, RIGHT_CLASS)[0],
        wrong_answers=(
            ((0.25, 0.5, 0.25), "These are the probabilities. A higher score for the *right* class lowers the loss."),
            ((-0.25, 0.5, -0.25), "The other way round: a higher score for a wrong class raises the loss."),
            ((0, -0.5, 0), "The wrong classes count too: raise one of them, and the right one's share shrinks."),
            ((0, -2, 0), "That is the slope by the *probability*, -1/p. The scores reach the loss through softmax."),
            ((0.25, -1, 0.25), "Nearly. The probability of the right class should be 1 and is already 1/2."),
        ),
        signs="The signs are right: a wrong class pushes the loss up, the right one down. And the sizes?",
        why="What it is, minus what it should be: 1/4 - 0, 1/2 - 1, 1/4 - 0. You are about to derive this.",
    ),
    Prediction(
        name="07/first_loss",
        again=redrawn_networks.loss_of_no_idea,
        formerly=("06/first_loss",),
        text="Ten classes, a fresh network that knows nothing and gives each the same probability. "
        "What is its cross-entropy loss? "
        "(two decimals)",
        answer=lambda: np.log(10),
        wrong_answers=(
            (0.1, "That is the probability of the right class. The loss is minus its logarithm."),
            (1, "That is the logarithm to base 10. The loss takes the natural one."),
            (-2.3, "The logarithm of 0.1 is negative, and the loss is *minus* that."),
            (3.32, "That is the logarithm to base 2. The loss takes the natural one."),
        ),
        tolerance=0.01,
        why="-ln(1/10) = ln 10 = 2.30. If training starts with a much higher loss, the initialisation is wrong.",
    ),
    Prediction(
        name="07/overflow",
        formerly=("06/overflow",),
        text="`np.exp(1000.0)` is `inf`. "
        "Someone computes softmax as `np.exp(z) / np.exp(z).sum()`. "
        "What comes out for `z = [1000, 1001, 999]`?",
        answer="c",
        choices={
            "a": ("[0.24, 0.67, 0.09], as it should", "It would, if exp(1000) fitted into a float64."),
            "b": ("[1, 1, 1]", "inf / inf is not 1: infinity has no size that could cancel."),
            "c": ("[nan, nan, nan]", ""),
            "d": ("an error", "NumPy only warns, and computes on."),
        },
        why="inf / inf has no value, so NumPy warns and returns nan. Every gradient computed from it is nan too.",
    ),
    Prediction(
        name="07/batch_maximum",
        text="Two rows, `[1000, 1001]` and `[0, 1]`. "
        "Someone computes softmax after `z - z.max()`, with the maximum of the whole batch, 1001. "
        "What comes out for the *second* row?",
        answer="c",
        choices={
            "a": (
                "[0.27, 0.73], as it should",
                "Subtracting 1001 would not change the fraction, if the powers could be held. How large is exp(-1000)?",
            ),
            "b": ("an overflow: [inf, inf]", "The largest power is exp(0) = 1. Nothing is too large here."),
            "c": ("[nan, nan]", ""),
            "d": ("[0, 0]", "Both powers are 0, yes. Then each is divided by their sum."),
        },
        why="exp(-1001) and exp(-1000) are too small for a float64 and become 0. Their sum is 0 too, and 0 / 0 is nan.",
    ),
    Prediction(
        name="07/flatten_width",
        again=redrawn_networks.width_of_flatten,
        reveals=2,
        reveals_code=True,  # the network names the size of its linear layer
        formerly=("06/flatten_width",),
        text="28 x 28 → Conv 3 x 3 → pool 2 → Conv 3 x 3 with 64 filters → pool 2 → Flatten. "
        "How many features come out for one image?",
        answer=lambda: 64 * 5 * 5,
        wrong_answers=(
            (
                64 * 7 * 7,
                "That would be right with padding 1. "
                "Without padding, each convolution removes two rows and two columns.",
            ),
            (25, "That is one of the 64 channels."),
            (64 * 6 * 6, "11 is odd: the pool drops the last row and column."),
            (7744, "That is in front of the second pool. It halves rows and columns once more."),
        ),
        why="28 → 26 → 13 → 11 → 5: 64 channels of 5 x 5, 1600 features.",
    ),
    Prediction(
        name="07/pool_zeros",
        again=redrawn_networks.zeros_behind_a_pool,
        reveals=2,
        formerly=("06/pool_zeros",),
        text="On the way back, the second pool receives 5 x 5 numbers for each channel and returns a `dx` of 11 x 11. "
        "At least how many of these 121 are 0?",
        answer=lambda: 11 * 11 - 5 * 5,
        wrong_answers=(
            (75, "That is 100 - 25. The last row and the last column count as well."),
            (21, "Those are the last row and column alone. In each window three of four pixels lose, too."),
            (25, "That many can be *other* than 0."),
            (0, "One pixel of each window takes all. What do the others get?"),
        ),
        why="There are 25 winners, so 121 - 25 = 96 zeros: 75 losers, "
        "and 21 in the row and column that no window reached.",
    ),
)
