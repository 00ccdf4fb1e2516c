"""The step of another optimizer: Adam with bias correction."""

from functools import partial

import numpy as np

from course_lib import optim
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, first_step, redrawn_networks, small

LESSON = "07_scores_to_first_step"


def _right_step(m, v, dw, t, lr, b1, b2, eps):
    return lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)


def _same(number):
    return number


def _none(correction):
    return 1


def _inverse(correction):
    return 1 / correction


def _stepped(
    w, dw, m, v, t, lr, beta1, beta2, eps, /, *,
    count=_same, of_m=_same, of_v=_same, exchanged=(0, 1), size=lambda v, c, eps: np.sqrt(v / c) + eps,
    along=lambda m, c, dw: m / c, sign=1, rate=_same, start=_same, averages=None, behind=None,
):  # fmt: skip
    """Adam's w in steps. of_m(c) and of_v(c): what m and v are divided by; exchanged: by which beta each of them.

    size(v, c, eps): what the step is divided by. along(m, c, dw): its direction. averages(m, v): those it is made of,
    as they came. behind(eps, lr): what is added at the end.
    """
    before = m, v
    m, v, t = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2, count(t)
    m, v = averages(*before) if averages else (m, v)
    corrections = 1 - beta1**t, 1 - beta2**t
    c1, c2 = (corrections[number] for number in exchanged)
    with np.errstate(all="ignore"):
        step = sign * rate(lr) * along(m, of_m(c1), dw) / size(v, of_v(c2), eps)
    return start(w) - step + (behind(eps, lr) if behind else 0)


def _stepping(**steps):
    return (Variant(_stepped, **steps),)


def _as_they_came(m, v):
    return m, v


def _corrected(by):
    """Steps in which by(m, beta, t) stands in for the corrected averages."""

    def step(w, dw, m, v, t, lr, beta1, beta2, eps):
        m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw**2
        with np.errstate(all="ignore"):
            return w - lr * by(m, beta1, t) / (np.sqrt(by(v, beta2, t)) + eps)

    return (step,)


def _mean(w, dw, m, v, t, lr, beta1, beta2, eps, /, **steps):
    """Adam's m in steps."""
    return _average(m, dw, beta1, beta2, t, **{"taken": _same, **steps})


def _mean_of_squares(w, dw, m, v, t, lr, beta1, beta2, eps, /, **steps):
    """Adam's v in steps."""
    return _average(v, dw, beta2, beta1, t, **{"taken": np.square, **steps})


def _squares_of_m(w, dw, m, v, t, lr, beta1, beta2, eps):
    """A v that collects the new m in place of dw."""
    new = _mean(w, dw, m, v, t, lr, beta1, beta2, eps)
    return _mean_of_squares(w, new, m, v, t, lr, beta1, beta2, eps)


def _root_of_v(*case):
    return np.sqrt(_mean_of_squares(*case))


def _average(
    old, dw, own, other, t, *,
    taken, keeps=_same, takes=lambda own: 1 - own, beta=lambda own, other: own, corrected=False, updated=True,
    of_new=None,
):  # fmt: skip
    """A moving average of taken(dw). own: the beta that belongs to it; other: that of the other average.

    keeps and takes: the weights of the old average and of the new gradient, which belongs to of_new(own, other).
    """
    rate = beta(own, other)
    new = of_new(own, other) if of_new else rate
    average = keeps(rate) * old + takes(new) * taken(dw) if updated else old
    return average / (1 - own**t) if corrected else average


_of_m, _of_v = partial(Variant, _mean), partial(Variant, _mean_of_squares)


def _following(number, wrong):
    """Adam's w with a wrong m (number 0) or v (1), and all else right."""

    def step(w, dw, m, v, t, lr, beta1, beta2, eps):
        case = w, dw, m, v, t, lr, beta1, beta2, eps
        averages = [_mean(*case), _mean_of_squares(*case)]
        averages[number] = wrong(*case)
        with np.errstate(all="ignore"):
            return w - _right_step(*averages, dw, t, lr, beta1, beta2, eps)

    return step


MEANS = {  # how m goes wrong
    "gradient added whole": (
        "The new gradient is added whole. A moving average has weights that sum to 1: beta1 and 1 - beta1.",
        _of_m(takes=lambda own: 1),
    ),
    "weights exchanged": (
        "beta1 and 1 - beta1 are exchanged in m. The old average keeps the larger share, beta1.",
        _of_m(keeps=lambda own: 1 - own, takes=lambda own: own),
    ),
    "corrected m returned": (
        "You return the corrected m. The next step would correct it again: "
        "keep m as it is, and correct a copy for the step.",
        _of_m(corrected=True),
    ),
    "beta2 in m": ("m fades by beta2. beta1 belongs to m, beta2 to v.", _of_m(beta=lambda own, other: other)),
    "the other beta for the gradient": (
        "One of m's two weights is made of beta2. Both belong to beta1, or they do not sum to 1.",
        _of_m(of_new=lambda own, other: other),
    ),
    "nothing fades": (
        "The old m is kept whole, so m only grows. A moving average has weights that sum to 1: beta1 and 1 - beta1.",
        _of_m(keeps=lambda own: 1),
        _of_m(keeps=lambda own: 1, takes=lambda own: 1),
    ),
    "no memory": (
        "The old m is left out. beta1 of it stays, and 1 - beta1 of the new gradient comes in.",
        _of_m(keeps=lambda own: 0),
        _of_m(keeps=lambda own: 0, takes=lambda own: 1),
    ),
    "turned round": (
        "dw is subtracted from m. m is an average of the gradients, and points uphill as they do: "
        "the minus sign belongs to the step of w.",
        _of_m(taken=np.negative),
    ),
    "squares in m": (
        "m collects squares. That is v's task; m is the average of dw itself.",
        _of_m(taken=np.square),
    ),
    "m not updated": (
        "The m that you return is the one that came in. It has to take in dw first.",
        _of_m(updated=False),
    ),
}
SQUARES = {  # how v goes wrong
    "square added whole": (
        "dw**2 is added whole. A moving average has weights that sum to 1: beta2 and 1 - beta2.",
        _of_v(takes=lambda own: 1),
    ),
    "weights exchanged": (
        "beta2 and 1 - beta2 are exchanged in v. The old average keeps the larger share, beta2.",
        _of_v(keeps=lambda own: 1 - own, takes=lambda own: own),
    ),
    "corrected v returned": (
        "You return the corrected v. The next step would correct it again: "
        "keep v as it is, and correct a copy for the step.",
        _of_v(corrected=True),
    ),
    "beta1 in v": ("v fades by beta1. beta1 belongs to m, beta2 to v.", _of_v(beta=lambda own, other: other)),
    "the other beta for the square": (
        "One of v's two weights is made of beta1. Both belong to beta2, or they do not sum to 1.",
        _of_v(of_new=lambda own, other: other),
    ),
    "nothing fades": (
        "The old v is kept whole, so v only grows, as in AdaGrad. "
        "A moving average has weights that sum to 1: beta2 and 1 - beta2.",
        _of_v(keeps=lambda own: 1),
        _of_v(keeps=lambda own: 1, takes=lambda own: 1),
    ),
    "no memory": (
        "The old v is left out. beta2 of it stays, and 1 - beta2 of the new square comes in.",
        _of_v(keeps=lambda own: 0),
        _of_v(keeps=lambda own: 0, takes=lambda own: 1),
    ),
    "one number for all weights": (
        "The squares are summed or averaged into one number. Every weight has a v of its own, "
        "so that each takes steps of its own size.",
        _of_v(taken=lambda dw: np.mean(dw**2)),
        _of_v(taken=lambda dw: np.sum(dw**2)),
    ),
    "root in v": (
        "You return the root of v. v stays a mean of squares: take the root of its copy, for the step alone.",
        _root_of_v,
    ),
    "not squared": (
        "v is the average of dw *squared*, and never below 0. Yours collects dw itself, or its absolute value.",
        _of_v(taken=_same),
        _of_v(taken=np.abs),
    ),
    "squares of m": (
        "v collects the squares of m. Average first, then square, and what alternates in sign is lost: "
        "v takes dw**2, the square of the new gradient itself.",
        _squares_of_m,
    ),
    "factor squared too": (
        "1 - beta2 is squared along with dw. Only dw is.",
        _of_v(takes=lambda own: (1 - own) ** 2),
    ),
    "v not updated": (
        "The v that you return is the one that came in. It has to take in dw**2 first.",
        _of_v(updated=False),
    ),
}
NO_CORRECTION = (
    "The bias correction is missing. m and v start at 0 and are far too small in the first steps: "
    "divide m by 1 - beta1**t, and v by 1 - beta2**t."
)
FROM_ZERO = (
    "t counts the steps from 1: after the first gradient, m is (1 - beta1) * dw, so it is divided by 1 - beta1**1. "
    "With t - 1 the first step would divide by 0. With t + 1 it would be too short."
)
ADAM_MISTAKES = {
    "w": (
        Mistake(
            "no bias correction",
            NO_CORRECTION,
            _stepping(of_m=_none, of_v=_none),
        ),
        Mistake(
            "only m corrected",
            "m is corrected for its start at 0, but v is not. It starts at 0 too, and stays too small for longer.",
            _stepping(of_v=_none),
        ),
        Mistake(
            "only v corrected",
            "v is corrected for its start at 0, but m is not.",
            _stepping(of_m=_none),
        ),
        Mistake("steps miscounted", FROM_ZERO, (*_stepping(count=lambda t: t - 1), *_stepping(count=lambda t: t + 1))),
        Mistake(
            "the same correction for the first step always",
            "The correction divides by 1 - beta in every step. That is right for t = 1; later it is 1 - beta**t.",
            _stepping(count=lambda t: 1),
        ),
        Mistake(
            "another correction",
            "m and v are divided by another function of t than 1 - beta**t. Are there brackets too many or too few?",
            (
                *_corrected(lambda m, beta, t: m / (1 - beta) ** t),
                *_corrected(lambda m, beta, t: m / beta**t),
                *_corrected(lambda m, beta, t: m / (1 - beta * t)),
                *_corrected(lambda m, beta, t: m / 1 - beta**t),
            ),
        ),
        Mistake(
            "one beta in both corrections",
            "Both corrections are made with the same beta. m faded by beta1 and v by beta2, and each needs its own.",
            (Variant(_stepped, exchanged=(0, 0)), Variant(_stepped, exchanged=(1, 1))),
        ),
        Mistake(
            "averages from before",
            "w moves by the m and the v that came in. Let both take in dw first.",
            (*_stepping(averages=_as_they_came), *_stepping(averages=_as_they_came, of_m=_none, of_v=_none)),
        ),
        Mistake(
            "not divided by the root of v",
            "The step is not divided by the root of v, so v has no effect, and large gradients make large steps.",
            (*_stepping(size=lambda v, c, eps: 1), *_stepping(size=lambda v, c, eps: 1, of_m=_none)),
        ),
        Mistake(
            "eps outside of the division",
            "eps is added to the quotient, or to w. It keeps the *divisor* above 0: add it to the root, in brackets.",
            (
                *_stepping(size=lambda v, c, eps: np.sqrt(v / c), behind=lambda eps, lr: -eps * lr),
                *_stepping(size=lambda v, c, eps: np.sqrt(v / c), behind=lambda eps, lr: eps),
            ),
        ),
        Mistake(
            "eps inside the root",
            "eps is inside the root. Its root is 10,000 times as large: add eps to the root, not under it.",
            _stepping(size=lambda v, c, eps: np.sqrt(v / c + eps)),
        ),
        Mistake(
            "eps missing",
            "eps is missing, or it is a number of your own. Without it, a step is 0 / 0 where all gradients were 0.",
            _stepping(size=lambda v, c, eps: np.sqrt(v / c)),
        ),
        Mistake(
            "eps corrected too",
            "eps is added to the root before that is corrected, so it is divided along with it. "
            "Correct v first, take the root, then add eps.",
            _stepping(size=lambda v, c, eps: (np.sqrt(v) + eps) / np.sqrt(c)),
        ),
        Mistake(
            "root missing",
            "The root is missing. v has the size of dw squared; m must be divided by something of the size of dw.",
            _stepping(size=lambda v, c, eps: v / c + eps),
        ),
        Mistake(
            "gradient in place of m",
            "The step is made with dw itself. Adam's step goes along m, the average of the gradients.",
            (
                *_stepping(along=lambda m, c, dw: dw),
                *_stepping(along=lambda m, c, dw: dw, of_v=_none),
            ),
        ),
        Mistake(
            "betas exchanged in the correction",
            "The corrections are exchanged: m takes 1 - beta1**t, and v takes 1 - beta2**t.",
            _stepping(exchanged=(1, 0)),
        ),
        Mistake(
            "multiplied by the correction",
            "The correction is multiplied instead of divided. m is too *small* at first, and 1 - beta1**t is below 1.",
            _stepping(of_m=_inverse, of_v=_inverse),
        ),
        Mistake("uphill", first_step.UPHILL, _stepping(sign=-1)),
        Mistake(
            "learning rate missing",
            first_step.NO_LR,
            _stepping(rate=_none),
        ),
        Mistake(
            "step alone",
            first_step.STEP_ALONE,
            (*_stepping(start=np.zeros_like), *_stepping(start=np.zeros_like, sign=-1)),
        ),
        Mistake(
            "follows from m",
            first_step.FOLLOWS.format("m"),
            tuple(_following(0, mean) for _, *means in MEANS.values() for mean in means),
        ),
        Mistake(
            "follows from v",
            first_step.FOLLOWS.format("v"),
            tuple(_following(1, square) for _, *squares in SQUARES.values() for square in squares),
        ),
    ),
    "m": tuple(Mistake(name, says, tuple(means)) for name, (says, *means) in MEANS.items()),
    "v": tuple(Mistake(name, says, tuple(squares)) for name, (says, *squares) in SQUARES.items()),
}


def adam_cases(rng):
    """Later steps, so that a wrong count is a wrong number and no 0 / 0; a large eps shows where it stands."""
    return [
        {
            "w": rng.standard_normal(shape),
            "dw": rng.standard_normal(shape),
            "m": rng.standard_normal(shape),
            "v": rng.uniform(0.5, 2, shape),
            "t": t,
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "eps": eps,
        }
        for shape, t, lr, beta1, beta2, eps in (
            ((2, 3), 4, 0.1, 0.9, 0.999, 1e-8),
            ((3, 4), 2, 0.3, 0.8, 0.9, 0.2),
            ((4, 2), 5, 2.0, 0.6, 0.95, 0.05),
            ((1, 5), 3, 0.05, 0.9, 0.99, 1e-3),
        )
    ]


@drawn.small
def _drawn_adam(rng, values):
    shape = tuple(int(n) for n in rng.integers(1, 4, 2))
    t = int(rng.integers(1, 5))
    arrays = {"w": values(shape), "dw": values(shape), "m": values(shape) * (t > 1), "v": values(shape) ** 2 * (t > 1)}
    arrays = {name: array.astype(arrays["w"].dtype) for name, array in arrays.items()}
    return {
        **arrays,
        "t": t,
        "lr": float(rng.choice((0.1, 0.5))),
        "beta1": float(rng.choice((0.5, 0.9))),
        "beta2": float(rng.choice((0.75, 0.99))),
        "eps": float(rng.choice((1e-8, 0.5))),
    }


def _small_adam(numbers, shape, t, beta1, beta2, eps):
    w, dw, m = (numbers(*shape) for _ in range(3))
    later = t > 1
    v = np.abs(numbers(*shape))
    return {
        "w": w, "dw": dw, "m": m * later, "v": v * later, "t": t,
        "lr": 0.5, "beta1": beta1, "beta2": beta2, "eps": eps,
    }  # fmt: skip


ADAM_STEP = Exercise(
    answer=optim.adam_step,
    next_idea="AdamW: let the weights themselves fade as well, by `w - lr * decay * w`, outside of m and v.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `adam_step(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8)`: step number `t` of Adam, "
        "where `t` is 1 for the first. "
        "`m` and `v` are the averages as the step before left them, not corrected. "
        "Return the new `w`, `m` and `v`, in this order."
    ),
    hints=(
        "Three things happen, in this order: both averages take in the new gradient; both are corrected, for this step "
        "only; w moves.",
        "What you return as m and v is *not* corrected, or the next step would correct it twice. "
        "Use other names for the corrected ones.",
        "`m = beta1 * m + (1 - beta1) * dw`, and `v` alike with `dw**2` and beta2. "
        "Divide m by `1 - beta1**t` and v by `1 - beta2**t`. Then subtract lr times the first, divided by the root of "
        "the second plus eps.",
    ),
    cases=adam_cases,
    further=_drawn_adam,
    small=small.of_one_shape(_small_adam, t=(1, 2, 3), beta1=(0.5, 0.9), beta2=(0.75, 0.99), eps=(1e-8, 0.5)),
    probe={
        "w": np.array([[2.0, 1, 0]]),
        "dw": np.array([[4.0, -2, 0]]),
        "m": np.array([[2.0, 0, 6]]),
        "v": np.array([[4.0, 1, 9]]),
        "t": 2,
        "lr": 0.5,
        "beta1": 0.5,
        "beta2": 0.75,
        "eps": 0.5,
    },
    tensors=("w", "m", "v"),
    axes=dict.fromkeys(("w", "m", "v"), ("row", "column")),
    exceptions=(("w", r"ZeroDivisionError", FROM_ZERO),),
    mistakes=ADAM_MISTAKES,
)

EXERCISES = (ADAM_STEP,)

# ---------------------------------------------------------------- predictions


def _first_averages(gradient=4.0):
    """m and v after the first step."""
    zero = np.array(0.0)
    _, m, v = optim.adam_step(zero, np.array(gradient), zero, zero, 1, 0.1)
    return np.array([m, v])


PREDICTIONS = (
    Prediction(
        name="07/first_averages",
        again=redrawn_networks.averages_at_first,
        text="Both averages start at 0, with $\\beta_1 = 0.9$ and $\\beta_2 = 0.999$. "
        "The first gradient is 4. "
        "What are $m$ and $v$ after it?",
        answer=_first_averages,
        wrong_answers=(
            ((4, 16), "These are dw and its square. A moving average takes in only a share of them, 1 - beta."),
            ((3.6, 15.984), "The large share, beta, belongs to what was there before, and that is 0."),
            ((0.4, 0.004), "v takes in the *square* of the gradient, 16."),
            ((0.4, 1.6), "m takes in a tenth, but v only a thousandth."),
        ),
        why="m = 0.1 · 4 = 0.4, and v = 0.001 · 16 = 0.016. "
        "Both are much smaller than dw and its square: they remember a start at 0 that never was a gradient.",
    ),
)
