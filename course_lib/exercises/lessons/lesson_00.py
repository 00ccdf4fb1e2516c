"""Gradients you can trust: measure one, and follow one back through two layers."""

from functools import partial

import numpy as np

from course_lib import gradcheck, loops
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, redrawn, small

LESSON = "00_start_here"

TOLERANCE = 1e-4  # of measured gradients


def wavy(x):
    """A smooth, bumpy function of any number of values that depend on each other."""
    x = np.asarray(x, dtype=np.float64)
    weights = np.arange(1, x.size + 1).reshape(x.shape)
    return np.sum(weights * x**3 / 6 - np.sin(x) * x) + np.sum(x) ** 2


def slope_of_last(x):
    return float(np.asarray(x, dtype=np.float64).ravel()[-1] ** 2 * 3)


def measured_cases(rng):
    return [
        {"f": wavy, "x": rng.standard_normal((2, 3)), "eps": 1e-2},
        {"f": wavy, "x": rng.standard_normal(4), "eps": 1e-3},
        {"f": slope_of_last, "x": rng.standard_normal((2, 2, 2)), "eps": 1e-2},
        {"f": wavy, "x": rng.standard_normal((3, 2)).astype(np.float32), "eps": 1e-5},
        {"f": wavy, "x": np.array([3, -2, 1]), "eps": 1e-3},
        {"f": wavy, "x": rng.standard_normal((2, 2)), "eps": 0.8},
    ]


@drawn.small
def further_measured_cases(rng, values):
    shape = [(1,), (3,), (1, 2), (2, 1), (2, 2), (2, 1, 2)][rng.integers(6)]
    return {"f": [wavy, slope_of_last][rng.integers(2)], "x": values(shape), "eps": [1e-2, 1e-3][rng.integers(2)]}


def measured(f, x, eps, held=np.float64, values=np.float64, into=np.float64, nudge=None, down=None, quotient=None):
    """The gradient, by a recipe. held, values, into: dtypes of the copy of x, of what f returns, and of the result."""
    grad = np.zeros(np.shape(x), dtype=into or x.dtype)
    x = np.array(x, dtype=held)
    for index in np.ndindex(x.shape):
        kept = x[index]
        step = nudge(kept, eps) if nudge else eps
        x[index] = kept + step
        above = values(f(x))
        x[index] = down(x[index], step) if down else kept - step
        below = values(f(x))
        x[index] = kept
        grad[index] = (quotient or central)(above, values(f(x)), below, eps)
    return grad


def central(above, here, below, eps):
    return (above - below) / (2 * eps)


def from_above(entry, step):
    """Down in one go: the same point, but for rounding."""
    return entry - 2 * step


measured_with = partial(Variant, measured)


def divided_by(factor):
    return measured_with(quotient=lambda above, here, below, eps: (above - below) / (factor * eps))


def all_at_once(f, x, eps):
    x = np.array(x, dtype=np.float64)
    return np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps))


def entry_alone(f, x, eps):
    x = np.array(x, dtype=np.float64)
    slopes = [(f(entry + eps) - f(entry - eps)) / (2 * eps) for entry in x.flat]
    return np.reshape(slopes, x.shape)


def two_axes_only(f, x, eps):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            nudge = np.zeros(x.shape)
            nudge[i, j] = eps
            grad[i, j] = (f(x + nudge) - f(x - nudge)) / (2 * eps)
    return grad


def all_at_once_number(f, x, eps):
    return all_at_once(f, x, eps).ravel()[0]


def never_restored(f, x, eps):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        grad[index] = (above - f(x)) / (2 * eps)
    return grad


def flat(f, x, eps):
    return gradcheck.numerical_gradient(f, x, eps).ravel()


def fixed_eps(f, x, eps, fixed):
    return gradcheck.numerical_gradient(f, x, fixed)


def kept_moving(f, x, eps, slope):
    """slope(f, x, step, eps) of a step in which every entry so far is nudged."""
    x, step = np.array(x, dtype=np.float64), np.zeros(np.shape(x))
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step[index] = eps
        grad[index] = slope(f, x, step, eps)
    return grad


def both_sides(f, x, step, eps):
    return (f(x + step) - f(x - step)) / (2 * eps)


def one_side(f, x, step, eps):
    return (f(x + step) - f(x)) / eps


def restored_too_far(f, x, eps):
    x = np.array(x, dtype=np.float64)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        grad[index] = (above - f(x)) / (2 * eps)
        x[index] += 2 * eps
    return grad


def one_entry(index):
    def measured_there(f, x, eps):
        right = gradcheck.numerical_gradient(f, x, eps)
        grad = np.zeros(right.shape)
        grad.flat[index] = right.flat[index]
        return grad

    return measured_there


def around_zero(f, x, eps):
    """x[index] = eps, where x[index] += eps belongs."""
    x = np.array(x, dtype=np.float64)
    grad = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index], down[index] = eps, -eps
        grad[index] = (f(up) - f(down)) / (2 * eps)
    return grad


def without_x(f, x, eps):
    """f of the nudge alone."""
    return gradcheck.numerical_gradient(f, np.zeros(np.shape(x)), eps)


def first_axis(f, x, eps, keep=np.copy):
    """Nudge whole rows. keep: what is put back, which may be a view that moves along."""
    x = np.array(x, dtype=np.float64)
    grad = np.zeros_like(x)
    for i in range(len(x)):
        kept = keep(x[i])
        x[i] = kept + eps
        above = f(x)
        x[i] = kept - eps
        grad[i] = (above - f(x)) / (2 * eps)
        x[i] = kept
    return grad


OTHER_POINTS = (
    "Your slopes are as good as those of x + eps and x - eps, but they come from other points. "
    "Keep that in mind where a lesson compares values of eps."
)


def by_other_points(case, results):
    """Whether the slopes are those of points half as far away, twice as far, or of four points."""
    half, once, twice = (gradcheck.numerical_gradient(case["f"], case["x"], n * case["eps"]) for n in (0.5, 1, 2))
    ways = half, twice, (4 * once - twice) / 3, (4 * half - once) / 3
    grad = results["grad"]
    return OTHER_POINTS if grad is not None and any(close(grad, way, TOLERANCE) for way in ways) else None


OWN = None  # the dtype of x
NOT_IN_FLOAT64 = tuple(
    measured_with(**steps)
    for steps in (
        {"held": OWN},
        {"into": OWN},
        {"held": OWN, "into": OWN},
        {"held": np.float32, "values": np.float32},
        {"held": np.float32},
        {"held": OWN, "values": np.float32},
        {"held": OWN, "down": from_above},
        {"held": np.float32, "down": from_above},
        {"held": OWN, "values": np.float32, "down": from_above},
        {"held": np.float32, "values": np.float32, "down": from_above},
    )
)

FIXED_AXES = (
    "It counts on a certain number of axes, and x may have any. `np.ndindex(x.shape)` walks through every index of all."
)

NUMERICAL_GRADIENT = Exercise(
    answer=gradcheck.numerical_gradient,
    next_idea="Make `eps` ten times smaller, again and again. When does the error stop falling?",
    difficulty="easy",
    minutes=10,
    task=(
        "Write `numerical_gradient(f, x, eps=1e-5)`: the gradient of the number `f(x)`, shaped like `x`. "
        "Nudge one entry of `x` up by `eps`, then down by `eps`, and see how far `f(x)` moves. "
        "Do this for every entry, whatever the shape of `x`. "
        "Compute in float64, and leave the caller's `x` unchanged."
    ),
    hints=(
        "You have one entry of `x` in your hand. "
        "Which two values of `f` do you need, and what do you divide their difference by?",
        "`np.ndindex(x.shape)` walks through every index of an array of any shape. "
        "Remember the entry before you nudge it, and put it back when you are done.",
        "First make a copy: `x = np.array(x, dtype=np.float64)`. "
        "In the loop, keep `x[index]`, measure `above` with "
        "`kept + eps` and `below` with `kept - eps`, then restore it. "
        "The two points are `2 * eps` apart.",
    ),
    cases=measured_cases,
    further=further_measured_cases,
    small=small.measuring(wavy, slope_of_last),
    probe={"f": wavy, "x": np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]), "eps": 1e-2},
    tensors=("grad",),
    axes={"grad": ("row", "column")},
    tolerance=TOLERANCE,
    accept=by_other_points,
    exceptions=(
        ("grad", "IndexError.*(tuple index out of range|too many indices|out of bounds for axis 0)", FIXED_AXES),
    ),
    mistakes={
        "grad": (
            Mistake(
                "one-sided difference",
                "It is close, but only to within eps: one end of your difference seems to be f(x) itself. "
                "Go as far down as you go up, and the curvature of f cancels.",
                (
                    measured_with(quotient=lambda above, here, below, eps: (above - here) / eps),
                    measured_with(quotient=lambda above, here, below, eps: (here - below) / eps),
                ),
            ),
            Mistake(
                "divided by the wrong distance",
                "Every value is off by the same factor. How far apart are the two points at which you evaluate f?",
                (
                    *(divided_by(factor) for factor in (1, 4, 0.5)),
                    measured_with(quotient=lambda above, here, below, eps: above - below),
                    measured_with(quotient=lambda above, here, below, eps: (above - here) / (2 * eps)),
                    measured_with(quotient=lambda above, here, below, eps: (above - below) / 2),
                    measured_with(nudge=lambda entry, eps: eps / 2),
                    measured_with(nudge=lambda entry, eps: 2 * eps),
                ),
            ),
            Mistake(
                "brackets missing",
                "Brackets are missing in the quotient. `/ 2 * eps` divides by 2 and then *multiplies* by eps, "
                "and `above - below / (2 * eps)` divides only the second value. "
                "The whole difference is divided, by all of `(2 * eps)`.",
                (
                    measured_with(quotient=lambda above, here, below, eps: (above - below) / 2 * eps),
                    measured_with(quotient=lambda above, here, below, eps: above - below / (2 * eps)),
                    measured_with(quotient=lambda above, here, below, eps: above - below / 2 * eps),
                ),
            ),
            Mistake(
                "a value in place of a slope",
                "These are values of f, or their differences with nothing to compare. "
                "A slope is how far f moves, divided by how far x moves.",
                (
                    measured_with(quotient=lambda above, here, below, eps: above),
                    measured_with(quotient=lambda above, here, below, eps: below),
                    measured_with(quotient=lambda above, here, below, eps: here),
                ),
            ),
            Mistake(
                "nudged by a share of x",
                "The nudge is a share of the entry: x * (1 + eps). Add and subtract eps itself.",
                (measured_with(nudge=lambda entry, eps: entry * eps),),
            ),
            Mistake(
                "sign",
                "Every value has the wrong sign. Which of the two values is subtracted from which?",
                (measured_with(quotient=lambda above, here, below, eps: (below - above) / (2 * eps)),),
            ),
            Mistake(
                "all entries nudged at once",
                "All entries seem to be nudged together. "
                "That measures the sum of all slopes. "
                "The gradient needs them one at a time.",
                (all_at_once, all_at_once_number, first_axis, partial(first_axis, keep=lambda row: row)),
            ),
            Mistake(
                "two axes only",
                FIXED_AXES,
                (two_axes_only,),
            ),
            Mistake(
                "entry not put back",
                "From the second entry on, f is evaluated at the wrong place. "
                "An entry nudged earlier seems not to have been put back.",
                (
                    never_restored,
                    restored_too_far,
                    partial(kept_moving, slope=both_sides),
                    partial(kept_moving, slope=one_side),
                ),
            ),
            Mistake(
                "not in float64",
                "It is not computed in float64 throughout. "
                "An integer array drops a small nudge, and in float32 it gets lost in rounding. "
                "What is the dtype of the copy you nudge, and of the array you fill?",
                NOT_IN_FLOAT64,
            ),
            Mistake(
                "nudge does not arrive",
                "Every value is 0. "
                "Either f is evaluated at the same place twice, or nothing is written into the result. "
                "Is the array you nudge the one that f receives?",
                (lambda f, x, eps: np.zeros(np.shape(x)),),
            ),
            Mistake(
                "entries asked alone",
                "f seems to be given a single entry. It needs the whole array, with one entry nudged.",
                (entry_alone,),
            ),
            Mistake(
                "eps not used",
                "The size of the nudge seems to be fixed. Use the eps you are given.",
                tuple(partial(fixed_eps, fixed=fixed) for fixed in (0.1, 1e-2, 1e-5)),
            ),
            Mistake(
                "one entry only",
                "Only one entry has a slope, all others are 0. "
                "Is `return` inside the loop, or is the array of slopes made anew inside it?",
                (one_entry(0), one_entry(-1)),
            ),
            Mistake(
                "measured around 0",
                "f is asked around 0, and not around x. The entry becomes eps, where it must become itself *plus* eps.",
                (around_zero, without_x),
            ),
            Mistake(
                "values added",
                "The two values of f are added. How far f moves is their *difference*.",
                (measured_with(quotient=lambda above, here, below, eps: (above + below) / (2 * eps)),),
            ),
            Mistake(
                "flat result",
                "The values are right, but the gradient has lost the shape of x.",
                (flat,),
            ),
        )
    },
)


def chain_cases(rng):
    return [dict(zip(("dz", "x", "w1", "w2"), rng.standard_normal(4).tolist(), strict=True)) for _ in range(3)]


CUT = "A factor is missing in {}. Follow the path from {} up to z, and multiply by everything you pass."
UPSTREAM = (
    "dz is missing in {}. "
    "The upstream gradient says how much the loss cares about z, and every gradient begins with it."
)
ADDED = "In {}, steps of one path are added. Along one path factors multiply; only different paths add."
OFF_THE_PATH = (
    "In {0}, something is multiplied in that does not lie on the path from {1} up to z. "
    "Back through a layer the gradient is multiplied by the *weight* of that layer. "
    "From dw1 and dw2 nothing goes on: they are where a path ends."
)
WRONG_INPUT = "The gradient of a weight is dL/d(its output) times its *input*. What goes into the {} layer?"

CHAIN_BACKWARD = Exercise(
    answer=loops.chain_backward,
    next_idea="Add a third layer, v = w3 z. Which of your lines stay as they are?",
    difficulty="easy",
    minutes=5,
    task=(
        "Two layers, one number each: `y = w1 * x`, then `z = w2 * y`. "
        "Write `chain_backward(dz, x, w1, w2)`: from the upstream gradient "
        "`dz` compute `dx`, `dw1` and `dw2`, and return them in this order."
    ),
    hints=(
        "Start at the end. If z = w2 * y, how far does z move when w2 moves a little? And when y moves?",
        "Draw it: x → y → z. "
        "Each gradient is `dz` times all the slopes on the way back to its variable. "
        "Give the gradient in the middle a name: `dy`.",
        "The second layer gives `dw2` from `dz` and its input `y`, and `dy = dz * w2`. "
        "The first layer does the same with `dy`: one gradient for `w1`, one for `x`.",
    ),
    cases=chain_cases,
    further=drawn.chain,
    small=small.CHAIN,
    probe={"dz": 2.0, "x": 3.0, "w1": 5.0, "w2": 7.0},
    tensors=("dx", "dw1", "dw2"),
    forward=lambda dz, x, w1, w2: w2 * w1 * x,
    mistakes={
        "dx": (
            Mistake("upstream missing", UPSTREAM.format("dx"), (lambda dz, x, w1, w2: w1 * w2,)),
            Mistake("chain cut", CUT.format("dx", "x"), (lambda dz, x, w1, w2: dz * w1, lambda dz, x, w1, w2: dz * w2)),
            Mistake(
                "off the path",
                OFF_THE_PATH.format("dx", "x"),
                (
                    lambda dz, x, w1, w2: dz * w2 * x * w1,  # dw1 * w1
                    lambda dz, x, w1, w2: dz * (w1 * x) * w1,  # dw2 * w1, and dz * y * w1
                    lambda dz, x, w1, w2: dz * (w1 * x) * w2 * w1,  # dw2 * w2 * w1
                    lambda dz, x, w1, w2: dz * (w1 * x) * x * w1,  # dw2 * x * w1
                ),
            ),
            Mistake(
                "added",
                ADDED.format("dx"),
                (
                    lambda dz, x, w1, w2: dz * (w1 + w2),
                    lambda dz, x, w1, w2: dz + w1 + w2,
                    lambda dz, x, w1, w2: (dz + w2) * w1,
                    lambda dz, x, w1, w2: dz * w2 + w1,
                ),
            ),
            Mistake("sign", "dx has the wrong sign.", (lambda dz, x, w1, w2: -dz * w1 * w2,)),
        ),
        "dw1": (
            Mistake("upstream missing", UPSTREAM.format("dw1"), (lambda dz, x, w1, w2: x * w2,)),
            Mistake(
                "chain cut", CUT.format("dw1", "w1"), (lambda dz, x, w1, w2: dz * x, lambda dz, x, w1, w2: dz * w2)
            ),
            Mistake(
                "wrong input",
                WRONG_INPUT.format("first"),
                (lambda dz, x, w1, w2: dz * w2 * w1 * x, lambda dz, x, w1, w2: dz * w2 * w1),
            ),
            Mistake(
                "off the path",
                OFF_THE_PATH.format("dw1", "w1"),
                (
                    lambda dz, x, w1, w2: dz * (w1 * x) * x,  # dw2 * x, and dz * y * x
                    lambda dz, x, w1, w2: dz * (w1 * x) * w2 * x,  # dw2 * w2 * x
                ),
            ),
            Mistake(
                "added",
                ADDED.format("dw1"),
                (
                    lambda dz, x, w1, w2: dz * (x + w2),
                    lambda dz, x, w1, w2: dz + x + w2,
                    lambda dz, x, w1, w2: (dz + w2) * x,
                    lambda dz, x, w1, w2: dz * w2 + x,
                ),
            ),
            Mistake("sign", "dw1 has the wrong sign.", (lambda dz, x, w1, w2: -dz * x * w2,)),
        ),
        "dw2": (
            Mistake("upstream missing", UPSTREAM.format("dw2"), (lambda dz, x, w1, w2: w1 * x,)),
            Mistake(
                "wrong input",
                WRONG_INPUT.format("second"),
                (
                    lambda dz, x, w1, w2: dz * x,
                    lambda dz, x, w1, w2: dz * w1,
                    lambda dz, x, w1, w2: dz * w2,
                    lambda dz, x, w1, w2: dz * w2 * x,
                    lambda dz, x, w1, w2: dz * w2 * w1 * x,
                    lambda dz, x, w1, w2: dz * w2 * w1 * w1 * x,  # dz was overwritten on the way back
                ),
            ),
            Mistake(
                "added", ADDED.format("dw2"), (lambda dz, x, w1, w2: dz * (w1 + x), lambda dz, x, w1, w2: dz + w1 * x)
            ),
            Mistake("sign", "dw2 has the wrong sign.", (lambda dz, x, w1, w2: -dz * w1 * x,)),
        ),
    },
)

EXERCISES = (CHAIN_BACKWARD, NUMERICAL_GRADIENT)

PREDICTIONS = (
    Prediction(
        name="00/first_gradient",
        again=redrawn.product_of_sum,
        reveals=2,
        text="`f = (x + y) * z` at `x = -2, y = 5, z = -4`. "
        "How much does `f` move for each unit that `x` moves: what is df/dx?",
        answer=lambda: -4,
        wrong_answers=(
            (3, "3 is x + y, which is what z is multiplied by: df/dz. Here it is x that moves."),
            (4, "The size is right. When x grows, x + y grows, and it is multiplied by z. Which sign does z have?"),
            (1, "1 is how x moves the sum x + y. On the way to f that sum is multiplied by z."),
            (-12, "That is f itself. How far does it *move* when x grows by one?"),
        ),
        why="x moves the sum q = x + y one to one, and q moves f by z = -4. Along a path, slopes multiply.",
    ),
    Prediction(
        name="00/two_ways",
        again=redrawn.two_paths,
        reveals=2,
        text="At `x = -2, y = 5, z = -4` again: `x` feeds both `q` and `p`. What is dg/dx?",
        answer=lambda: -3,
        wrong_answers=(
            (1, "That is what comes back through q. x also feeds p."),
            (-4, "That is what comes back through p. x also feeds q."),
            (-1.5, "That is the mean of the two paths. Both nudges arrive in full, so both count in full."),
            (-5, "The two paths have opposite signs: 1 through the sum, and z = -4 through the product."),
            (5, "The size of each path is right. One of them pulls the other way: z is -4."),
        ),
        why="1 comes back through q, and z = -4 through p. Both paths reach g, so x adds them up.",
    ),
    Prediction(
        name="00/smaller_eps",
        reveals=3,
        text="You measure a gradient with `eps = 1e-5` in float64. "
        "Now you take `eps = 1e-12`. "
        "What happens to the error?",
        answer="c",
        choices={
            "a": (
                "It becomes smaller: a smaller step is always better.",
                "The error from the curvature does become smaller. "
                "But f(x + eps) and f(x - eps) then agree in nearly "
                "all their digits: what is left after subtracting them?",
            ),
            "b": (
                "It stays: 1e-5 is exact already.",
                "At 1e-5 the error is small, about 1e-9, but not zero. And eps changes it.",
            ),
            "c": ("It becomes larger: rounding takes over.", ""),
        },
        why="Two nearly equal numbers are subtracted. "
        "Their rounding error, about 1e-16, remains and is divided by eps. "
        "Curvature spoils large steps, rounding spoils small ones: the best step lies in between.",
    ),
    Prediction(
        name="00/relu_kink",
        again=redrawn.kink,
        reveals=2,
        text="ReLU at exactly `x = 0`: what do central differences measure as its slope?",
        answer=lambda: 0.5,
        wrong_answers=(
            (
                0,
                "That is what a backward pass returns by convention. "
                "Central differences look at both sides: relu(eps) is eps, and relu(-eps) is 0.",
            ),
            (1, "On the right of 0 the slope is 1. But the difference also looks to the left, where relu is flat."),
        ),
        why="(eps - 0) / (2 eps) = 0.5: half of each side. "
        "A gradient check that lands on a kink disagrees, and nothing is broken.",
    ),
)
