"""The step of an optimizer: SGD with momentum."""

import numpy as np

from course_lib import optim
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import drawn, first_step, redrawn_networks, small

LESSON = "07_scores_to_first_step"


# ---------------------------------------------------------------- SGD with momentum

VELOCITIES = {  # how a velocity goes wrong: (v, dw, m, lr) -> velocity
    "learning rate in the velocity": lambda v, dw, m, lr: m * v + lr * dw,
    "velocity turned round": lambda v, dw, m, lr: m * v - dw,
    "momentum turned round": lambda v, dw, m, lr: dw - m * v,
    "a step in place of a velocity": lambda v, dw, m, lr: m * v - lr * dw,
    "momentum on the gradient too": lambda v, dw, m, lr: m * (v + dw),
    "momentum on the gradient alone": lambda v, dw, m, lr: v + m * dw,
    "a moving average": lambda v, dw, m, lr: m * v + (1 - m) * dw,
    "nothing fades": lambda v, dw, m, lr: v + dw,
    "old velocity": lambda v, dw, m, lr: v,
    "no memory": lambda v, dw, m, lr: dw,
}
ON_VELOCITY = {
    "learning rate in the velocity": "The learning rate is inside the velocity. "
    "The velocity collects gradients; `lr` multiplies it only when w takes its step.",
    "velocity turned round": "Your velocity points downhill: dw is subtracted from it. "
    "Here dw is added, and w goes *against* the velocity.",
    "momentum turned round": "The old velocity is subtracted: the momentum has the wrong sign. "
    "It carries on in the direction in which it went.",
    "a step in place of a velocity": "You collect steps, -lr * dw, as some libraries do. "
    "Here the velocity collects plain gradients; lr and the minus sign belong to the step of w.",
    "momentum on the gradient too": "The momentum multiplies the new gradient as well. Only the old velocity fades.",
    "momentum on the gradient alone": "The momentum multiplies the new gradient. It is the *old* velocity that fades.",
    "a moving average": "You multiply dw by 1 - momentum, which makes a moving average, as Adam's. "
    "In SGD the gradient is added whole.",
    "nothing fades": "The old velocity does not fade. Multiply it by the momentum.",
    "old velocity": "The velocity that you return is the one that came in. Let it collect dw first.",
    "no memory": "The velocity that you return is dw alone: what it held before is lost.",
}


def _sgd_w(step):
    """A wrong w: step(v, dw, velocity, m, lr) is subtracted from it, where velocity is the right new one."""
    return lambda w, dw, velocity, lr, momentum: w - step(
        velocity, dw, momentum * velocity + dw, momentum, lr
    )  # fmt: skip


def _velocity(wrong):
    return lambda w, dw, velocity, lr, momentum: wrong(velocity, dw, momentum, lr)


def _sgd_mistakes():
    told = {
        "uphill": (first_step.UPHILL, lambda v, dw, new, m, lr: -lr * new),
        "learning rate missing": (first_step.NO_LR, lambda v, dw, new, m, lr: new),
        "velocity not used": (
            "That is plain SGD: w moves by lr * dw. With momentum it moves by lr times the new velocity.",
            lambda v, dw, new, m, lr: lr * dw,
        ),
        "old velocity used": (
            "w moves by the velocity that came in. Let it collect dw first.",
            lambda v, dw, new, m, lr: lr * v,
        ),
        "two steps ahead": (
            "The momentum is applied a second time in the step of w. "
            "That is Nesterov's rule; here w moves by lr times the velocity.",
            lambda v, dw, new, m, lr: lr * (dw + m * new),
        ),
        "gradient and velocity": (
            "w moves by dw as well as by the velocity, which holds dw already.",
            lambda v, dw, new, m, lr: lr * (dw + new),
        ),
    }
    follows = (
        *(lambda v, dw, new, m, lr, f=f: lr * f(v, dw, m, lr) for f in VELOCITIES.values()),
        lambda v, dw, new, m, lr: m * v + lr * dw,
        lambda v, dw, new, m, lr: lr * dw - m * v,
        lambda v, dw, new, m, lr: -lr * (m * v - dw),
    )
    own = [step for _, step in told.values()]
    return {
        "w": (
            *(Mistake(name, says, (_sgd_w(step),)) for name, (says, step) in told.items()),
            Mistake(
                "step alone",
                first_step.STEP_ALONE,
                (
                    lambda w, dw, velocity, lr, momentum: lr * (momentum * velocity + dw),
                    lambda w, dw, velocity, lr, momentum: -lr * (momentum * velocity + dw),
                ),
            ),
            Mistake(
                "follows from the velocity",
                first_step.FOLLOWS.format("velocity"),
                tuple(_sgd_w(step) for step in follows if not _is_among(step, own)),
            ),
        ),
        "velocity": tuple(Mistake(name, ON_VELOCITY[name], (_velocity(wrong),)) for name, wrong in VELOCITIES.items()),
    }


def _is_among(step, others):
    numbers = 2.0, 3.0, 0.7 * 2 + 3, 0.7, 0.1
    return any(np.isclose(step(*numbers), other(*numbers)) for other in others)


def sgd_cases(rng):
    return [
        {
            "w": rng.standard_normal(shape),
            "dw": rng.standard_normal(shape),
            "velocity": rng.standard_normal(shape) * (number > 0),  # it starts at 0
            "lr": lr,
            "momentum": momentum,
        }
        for number, (shape, lr, momentum) in enumerate(
            (((2, 3), 0.1, 0.9), ((3, 4), 0.3, 0.6), ((4, 2), 2.0, 0.8), ((1, 5), 0.05, 0.0))
        )
    ]


@drawn.small
def _drawn_sgd(rng, values):
    shape = tuple(int(n) for n in rng.integers(1, 4, 2))
    arrays = {name: values(shape) for name in ("w", "dw", "velocity")}
    return {**arrays, "lr": float(rng.choice((0.1, 0.5, 2.0))), "momentum": float(rng.choice((0.0, 0.5, 0.9)))}


def _small_sgd(numbers, shape, lr, momentum):
    arrays = {name: numbers(*shape) for name in ("w", "dw", "velocity")}
    return {**arrays, "lr": lr, "momentum": momentum}


SGD_STEP = Exercise(
    answer=optim.sgd_step,
    next_idea="Write Nesterov's variant: w moves by `lr * (dw + momentum * velocity)`, with the new velocity.",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `sgd_step(w, dw, velocity, lr, momentum)`: one step of SGD with momentum. "
        "Return the new `w` and the new `velocity`, in this order. "
        "Leave the arrays that came in as they are."
    ),
    hints=(
        "Two lines of the formula above, one for each result. Which of them needs the other?",
        "First the velocity: what was there fades by the momentum, and dw is added whole. Then w moves against it.",
        "`velocity = momentum * velocity + dw`, then subtract `lr * velocity` from `w`. "
        "Written so, and not with `+=`, both are new arrays.",
    ),
    cases=sgd_cases,
    further=_drawn_sgd,
    small=small.of_one_shape(_small_sgd, lr=(0.5, 0.1), momentum=(0.5, 0.9)),
    probe={
        "w": np.array([[2.0, 1, 0]]),
        "dw": np.array([[4.0, -2, 1]]),
        "velocity": np.array([[2.0, 0, 6]]),
        "lr": 0.5,
        "momentum": 0.5,
    },
    tensors=("w", "velocity"),
    axes=dict.fromkeys(("w", "velocity"), ("row", "column")),
    mistakes=_sgd_mistakes(),
    patterns=[
        ("It is right while the velocity is 0, as in the first step.", lambda velocity, **_: bool(velocity.any())),
    ],
)

EXERCISES = (SGD_STEP,)

# ---------------------------------------------------------------- predictions


def _momentum_path(lr=0.1, momentum=0.9, gradient=4.0, start=2.0):
    """The weight after each of two steps with the same gradient."""
    w, velocity, path = np.array(start), np.array(0.0), []
    for _ in range(2):
        w, velocity = optim.sgd_step(w, np.array(gradient), velocity, lr, momentum)
        path.append(float(w))
    return np.array(path)


PREDICTIONS = (
    Prediction(
        name="07/momentum",
        again=redrawn_networks.two_steps,
        formerly=("06/momentum",),
        text="A weight is 2, and its gradient is 4 in both of two steps. "
        "The learning rate is 0.1 and the momentum 0.9, so $v$ is 4 at first. "
        "Where is the weight after the first step, and where after the second?",
        answer=_momentum_path,
        wrong_answers=(
            ((1.6, 1.2), "That is without momentum. In the second step v is 0.9 · 4 + 4."),
            ((1.6, 1.24), "The new gradient is missing from the second v: it is 0.9 · 4 + 4."),
            ((2.4, 3.16), "Downhill is against the gradient: subtract."),
        ),
        why="v is 4, then 0.9 · 4 + 4 = 7.6. "
        "So 2 - 0.4 = 1.6, and 1.6 - 0.76 = 0.84: the second step is nearly twice as long.",
    ),
)
