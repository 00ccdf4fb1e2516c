"""The cross-entropy loss, to be repaired: right for everyday scores, and for no others."""

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.lessons.shared import drawn, first_step, small

LESSON = "07_scores_to_first_step"


def cross_entropy_loss(logits, targets):
    """logits (N, classes), targets (N,) integers -> the mean of -log(probability of the right class)."""
    raised = np.exp(logits - logits.max())
    p = raised / raised.sum(axis=1, keepdims=True)
    return np.mean(-np.log(p[np.arange(len(logits)), targets]))


def loss_cases(rng):
    """Usual scores; rows far below another; sure answers, right and wrong."""
    cases = first_step.logits_cases(rng)
    far = np.array([[0.0, 1.0, 2.0], [1000.0, 1001.0, 999.0], [-2000.0, -2001.0, -1999.0]])
    sure = np.array([[0.0, 800.0], [900.0, -100.0], [3.0, 1.0]])
    cases += [{"logits": far, "targets": np.array([0, 1, 2])}, {"logits": sure, "targets": np.array([0, 0, 1])}]
    return cases


def _rows(z, t):
    """The loss of each row."""
    shifted = z - z.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), t]


def _probability(z, t, shift):
    """Of the right class, with 0 where it is too small to be held, and nan where all exponentials are 0."""
    with np.errstate(all="ignore"):
        raised = np.exp(z - shift(z))
        return (raised / raised.sum(axis=1, keepdims=True))[np.arange(len(z)), t]


def _of_each_row(z):
    return z.max(axis=1, keepdims=True)


def _of_the_batch(z):
    return z.max()


def _of_each_column(z):
    return z.max(axis=0)


def _nothing(z):
    return 0


def _by_log_of_probability(z, t):
    with np.errstate(all="ignore"):
        return -np.log(_probability(z, t, _of_each_row))


def _times_one_hot(z, t):
    """0 times the logarithm of 0 is nan."""
    with np.errstate(all="ignore"):
        shifted = np.exp(z - _of_each_row(z))
        return -(np.log(shifted / shifted.sum(axis=1, keepdims=True)) * np.eye(z.shape[1])[t]).sum() / len(z)


def _shifted_by(shift):
    """The second form of the loss, with another number subtracted from the scores."""

    def loss(z, t):
        shifted = z - shift(z)
        with np.errstate(all="ignore"):
            return (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), t]).mean()

    return loss


def _sum_not_shifted(z, t):
    with np.errstate(all="ignore"):
        return (np.log(np.exp(z).sum(axis=1)) - (z - _of_each_row(z))[np.arange(len(z)), t]).mean()


def _swept(shift, replace):
    """nan and infinity are replaced in the losses of the rows."""

    def loss(z, t):
        with np.errstate(all="ignore"):
            return replace(-np.log(_probability(z, t, shift))).mean()

    return loss


def _zero_where_endless(losses):
    return np.where(np.isfinite(losses), losses, 0)


def _summed_over_the_batch(z, t):
    shifted = z - _of_each_row(z)
    return (np.log(np.exp(shifted).sum()) - shifted[np.arange(len(z)), t]).mean()


def _columns_of_all_targets(z, t):
    shifted = z - _of_each_row(z)
    return -(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))[:, t].mean()


def _without_the_right_score(back):
    def loss(z, t):
        maxima = _of_each_row(z)
        return (np.log(np.exp(z - maxima).sum(axis=1)) + back * maxima[:, 0]).mean()

    return loss


def _clipped(eps):
    return lambda z, t: np.minimum(_rows(z, t), -np.log(eps)).mean()


CROSS_ENTROPY_LOSS = Exercise(
    answer=loops.cross_entropy_loss,
    start=cross_entropy_loss,
    difficulty="medium",
    minutes=10,
    task=(
        "**Repair it.** This loss is right for everyday scores. "
        "But one row far below the others makes it `nan`, and one answer that is sure and wrong makes it `inf`. "
        "Make it right for any scores."
    ),
    hints=(
        "Which row's largest score is subtracted from the first row, and which from the second?",
        "That mends `nan`. For `inf`: a probability below 1e-308 is 0 by the time the logarithm sees it. "
        "The loss has a second form, that needs no probability.",
        "Subtract each row's own maximum (`axis=1, keepdims=True`) and call the result `shifted`. "
        "The loss of a row is `np.log(np.exp(shifted).sum(axis=1))` minus the shifted score of the right class.",
    ),
    cases=loss_cases,
    further=drawn.any_scores,
    small=small.SCORES,
    probe={"logits": np.log([[1.0, 2, 1], [3, 3, 4]]), "targets": np.array([1, 0])},
    tensors=("loss",),
    mistakes={
        "loss": (
            Mistake(
                "summed",
                "This is the sum over the rows. The loss is their mean.",
                (lambda z, t: _rows(z, t).sum(),),
            ),
            Mistake(
                "divided by another number",
                "The loss is a mean over the *rows*, and over nothing else.",
                (lambda z, t: _rows(z, t).sum() / z.size, lambda z, t: _rows(z, t).mean() / z.shape[1]),
            ),
            Mistake(
                "sign",
                "The sign is wrong. A logarithm of a probability is below 0, and the loss is *minus* that.",
                (lambda z, t: -_rows(z, t).mean(),),
            ),
            Mistake(
                "clipped",
                "You clip the probability before the logarithm. "
                "Then the loss ends at -log of the smallest value you allow, and beyond it the gradient is 0: "
                "the answers that are most wrong teach nothing. "
                "Take the logarithm of the fraction apart instead.",
                tuple(_clipped(eps) for eps in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-300)),
            ),
            Mistake(
                "maximum of the row not added back",
                "The maximum was subtracted in one of the two terms only. "
                "Use the shifted scores in both, or add the maximum back.",
                (
                    lambda z, t: (_rows(z, t) - z.max(axis=1)).mean(),
                    lambda z, t: (_rows(z, t) + z.max(axis=1)).mean(),
                    _sum_not_shifted,
                ),
            ),
            Mistake(
                "logarithm of 0",
                "`nan` is gone, `inf` is not: a very small probability is 0 by the time the logarithm sees it. "
                "The logarithm of a fraction is a difference of two logarithms, and one of them undoes an exp.",
                (lambda z, t: _by_log_of_probability(z, t).mean(), _times_one_hot),
            ),
            Mistake(
                "exp overflows",
                "exp of a large score is infinite, and in a row of very low ones every exp is 0. "
                "Subtract each row's maximum from the scores: the loss stays the same, and no exp is above 1.",
                (_shifted_by(_nothing),),
            ),
            Mistake(
                "another maximum",
                "The maximum that you subtract is not that of the row. In a row far below it every exp is 0, "
                "and so is their sum. Subtract each *row's* own.",
                (_shifted_by(_of_the_batch), _shifted_by(_of_each_column)),
            ),
            Mistake(
                "nan and infinity swept away",
                "Where the loss was nan or infinite you put another number in its place. "
                "It has a value there, such as 800 for a score 800 below the largest: compute that.",
                (
                    *(
                        _swept(shift, replace)
                        for shift in (_of_each_row, _of_the_batch)
                        for replace in (np.nan_to_num, _zero_where_endless)
                    ),
                ),
            ),
            Mistake(
                "scores clipped",
                "You clip the scores. Beyond that limit the loss does not change any more and its gradient is 0: "
                "what is most wrong teaches nothing.",
                tuple(
                    lambda z, t, limit=limit: _rows(np.clip(z, -limit, limit), t).mean()
                    for limit in (10, 20, 50, 100, 300, 500, 600, 700, 709)
                ),
            ),
            Mistake(
                "summed over the batch",
                "The exponentials of the whole batch are summed. The probabilities of one *row* sum to 1.",
                (_summed_over_the_batch,),
            ),
            Mistake(
                "columns of all targets",
                "From every row you take the columns of all targets. Each row has one right class: "
                "index rows and targets together.",
                (_columns_of_all_targets,),
            ),
            Mistake(
                "right score missing",
                "The score of the right class is missing. The loss is the logarithm of the sum *minus* that score.",
                (_without_the_right_score(0), _without_the_right_score(1)),
            ),
            Mistake(
                "another base",
                "The logarithm is to another base: the loss takes the natural one, `np.log`.",
                (lambda z, t: _rows(z, t).mean() / np.log(10), lambda z, t: _rows(z, t).mean() / np.log(2)),
            ),
            Mistake(
                "one number for each row",
                "This is the loss of each row. Return their mean, one number.",
                (_rows,),
            ),
        )
    },
)

EXERCISES = (CROSS_ENTROPY_LOSS,)
PREDICTIONS = ()
