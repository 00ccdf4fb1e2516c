"""A batch's gradient, computed by several workers."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import broken, drawn, redrawn_optional, sentences

LESSON = "C_many_workers"

# ---------------------------------------------------------------- add what comes back


def _weighed(gradients, sizes, weigh):
    return weigh(np.asarray(sizes, float)) @ gradients


def _shares(weigh):
    """add_shards in which the weight of each worker is another function of the sizes."""
    return partial(_weighed, weigh=weigh)


def _divided_in_the_loop(sizes):
    return sizes / sizes.sum() ** np.arange(len(sizes), 0, -1)


MEAN_OF_MEANS = (
    "This is the mean of the workers' means. Worker k's mean stands for sizes[k] images: with unequal sizes, an image "
    "in a small share would count more than one in a large share."
)
NOT_DIVIDED = (
    "The workers' means are added whole, and the result grows with the number of workers. It points the right way, but "
    "every step is as if the lr had been multiplied."
)

ADD_SHARDS = Exercise(
    answer=loops.add_shards,
    task=(
        "Write `add_shards(gradients, sizes)`. Row k of `gradients` is the gradient of the *mean* loss over the "
        "`sizes[k]` images of worker k. Return the gradient of the mean loss over all images."
    ),
    difficulty="easy",
    minutes=6,
    hints=(
        "Turn each mean back into a sum. What must row k be multiplied by?",
        "Add the sums. Then divide once, by the number of all images.",
        "Start with zeros; for every k add `gradients[k]` times `sizes[k]`, divided by the sum of all sizes.",
    ),
    next_idea="Write it as one product of a vector and a matrix.",
    cases=lambda rng: [
        {"gradients": rng.standard_normal((len(sizes), n)), "sizes": np.array(sizes)}
        for sizes, n in (((3, 1, 2), 4), ((5, 2), 3), ((4, 4, 4), 2), ((1, 7, 2, 6), 5))
    ],
    further=drawn.small(lambda rng, values: _drawn_shards(rng, values)),
    small=Small(
        {"workers": (1, 2, 3, 4), "n": (1, 2, 3), "size": (1, 2, 3), "more": (0, 1, 2)},
        lambda numbers, workers, n, size, more: {
            "gradients": numbers(workers, n),
            "sizes": np.array([size + more * k for k in range(workers)]),
        },
    ),
    probe={"gradients": np.array([[1.0, 0, 0], [0, 1, 0]]), "sizes": np.array([3, 1])},
    tensors=("total",),
    axes={"total": ("weight",)},
    mistakes={
        "total": (
            Mistake("mean of means", MEAN_OF_MEANS, (_shares(lambda sizes: np.full(len(sizes), 1 / len(sizes))),)),
            Mistake("means added whole", NOT_DIVIDED, (_shares(np.ones_like),)),
            Mistake(
                "sum over the images",
                "This is the gradient of the sum of all losses, not of their mean: divide by the number of all images.",
                (_shares(lambda sizes: sizes),),
            ),
            Mistake(
                "not multiplied by the sizes",
                "The rows are added as they are and divided by the number of images. "
                "Each of them is a mean already: turn it back into a sum first.",
                (_shares(lambda sizes: np.ones(len(sizes)) / sizes.sum()),),
            ),
            Mistake(
                "first row not weighed",
                "The first row is the start of the sum and is not multiplied by its size. Start with zeros.",
                (_shares(lambda sizes: np.append(1, sizes[1:]) / sizes.sum()),),
            ),
            Mistake(
                "divided in the loop",
                "What was added first is divided again in every turn of the loop. Divide once, behind it.",
                (_shares(_divided_in_the_loop),),
            ),
            Mistake(
                "along the rows",
                "It adds along a row, which are the weights of one worker. Add the rows: each weight keeps its place.",
                (
                    lambda gradients, sizes: gradients.mean(axis=1),
                    lambda gradients, sizes: gradients.sum(axis=1),
                    lambda gradients, sizes: gradients.sum(axis=1) * sizes / sizes.sum(),
                    lambda gradients, sizes: (sizes @ gradients).sum() / sizes.sum(),
                ),
            ),
            Mistake(
                "divided by the workers",
                "Each row is multiplied by its size and then divided by the number of workers. "
                "How many losses are in the mean?",
                (_shares(lambda sizes: sizes / len(sizes)),),
            ),
            Mistake(
                "divided by its size",
                "Each row is divided by its size. It is a mean already: multiply by the size to have the sum back.",
                (_shares(lambda sizes: 1 / sizes), _shares(lambda sizes: 1 / sizes / sizes.sum())),
            ),
            Mistake(
                "another worker's size",
                "The sizes are exchanged: row k belongs to sizes[k].",
                (
                    _shares(lambda sizes: sizes[::-1] / sizes.sum()),
                    _shares(lambda sizes: np.roll(sizes, 1) / sizes.sum()),
                    _shares(lambda sizes: np.roll(sizes, -1) / sizes.sum()),
                ),
            ),
            Mistake(
                "one worker left out",
                "One worker's gradient is missing, or it alone is there. "
                "Is something set (=) that must be added to (+=)?",
                (
                    _shares(lambda sizes: sizes * (np.arange(len(sizes)) < len(sizes) - 1) / sizes.sum()),
                    _shares(lambda sizes: sizes * (np.arange(len(sizes)) > 0) / sizes.sum()),
                    _shares(lambda sizes: sizes * (np.arange(len(sizes)) == len(sizes) - 1) / sizes.sum()),
                ),
            ),
            Mistake("sign", sentences.SIGN, (_shares(lambda sizes: -sizes / sizes.sum()),)),
        )
    },
    exceptions=(
        (
            "total",
            r"ValueError.*could not be broadcast together with shapes",
            "`sizes` has one number for each *row*, but an array of shape (workers,) broadcasts along the last axis, "
            "the columns. Give it a second axis of length 1.",
        ),
    ),
    patterns=[
        ("It is right with one worker.", lambda sizes, **_: len(sizes) > 1),
        ("It is right where all sizes are equal.", lambda sizes, **_: len(set(sizes.tolist())) > 1),
    ],
)


def _drawn_shards(rng, values):
    workers, n = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    return {"gradients": values((workers, n)), "sizes": rng.integers(1, 7, workers)}


# ---------------------------------------------------------------- split, compute, add


def _runs(N, workers):
    return [slice(N * k // workers, N * (k + 1) // workers) for k in range(workers)]


def _longer_first(N, workers):
    """The runs of np.array_split."""
    return [slice(run[0], run[-1] + 1) for run in np.array_split(np.arange(N), workers)]


def _even_runs(N, workers):
    """Runs of N // workers: what is left over is lost."""
    return [slice(k * (N // workers), (k + 1) * (N // workers)) for k in range(workers)]


def _by_workers(
    x, target, w, b, workers, *,
    which, weigh=None, runs=_runs, aim=0, back=None, bias=1, entries=np.size, kept=slice(None),
):  # fmt: skip
    """dw or db, by other shares, by other runs, with other targets, of another dy, or of some workers only.

    bias: how often b is added; entries(error): what the mean over a run is divided by; kept: the workers that count.
    """
    N, total = len(x), 0
    for run in runs(N, workers)[kept]:
        error = x[run] @ w + bias * b - np.roll(target, aim * (N // workers), axis=0)[run]
        dy = 2 * error / max(entries(error), 1)
        share = weigh(len(error), N, workers) if weigh else len(error) / N
        total = total + share * ((x[run].T @ dy) if which == "dw" else (back or _summed)(dy))
    return total


RECIPES = {which: partial(_by_workers, which=which) for which in ("dw", "db")}


def _sharded(which, **how):
    return Variant(RECIPES[which], **how)


def _summed(dy):
    return dy.sum(axis=0)


def _equal(size, N, workers):
    return 1 / workers


def _whole(size, N, workers):
    return 1.0


def _not_weighed_back(size, N, workers):
    return size


MIXED = "One worker's examples met the targets of another one. Cut x and target at the same places."
TWICE = "dy or the share is off by a factor of 2: the square's derivative is 2 times the error."


def _in_both_cuts(which, **how):
    """Where examples are left over, the first workers may have one more, or the last ones."""
    return _sharded(which, **how), _sharded(which, runs=_longer_first, **how)


def _in_both(which):
    variant = partial(_in_both_cuts, which=which)
    return (
        Mistake("mean of means", MEAN_OF_MEANS.replace("sizes[k]", "its number of"), variant(weigh=_equal)),
        Mistake(
            "examples left over",
            "The examples that are left over when N is divided by the workers are in nobody's share.",
            tuple(_sharded(which=which, runs=_even_runs, **how) for how in ({}, {"weigh": _equal})),
        ),
        Mistake("sum over the examples", _too_large(which), variant(weigh=_not_weighed_back)),
        Mistake(
            "dy not divided",
            "dy is 2 times the error, undivided. Within a run, the mean is over examples times scores.",
            variant(entries=lambda error: 1),
        ),
        Mistake(
            "share counted twice",
            "The share counts twice: dy is divided by the numbers of the whole batch, "
            "and what comes of it is weighed by the run's length as well.",
            variant(weigh=lambda size, N, workers: (size / N) ** 2),
        ),
        Mistake("without the 2", TWICE, variant(weigh=lambda size, N, workers: size / N / 2)),
        Mistake(
            "bias not in the scores",
            "b is missing where the scores are computed: the error is x @ w + b - target.",
            variant(bias=0),
        ),
        Mistake(
            "one worker only",
            "Only one worker counts. Is something set (=) that must be added to (+=), or is `return` inside the loop?",
            (*variant(kept=slice(-1, None)), *variant(kept=slice(1))),
        ),
        Mistake(
            "divided by the examples alone",
            "The mean is over all numbers of a run, examples times scores, and not over the examples alone.",
            variant(entries=len),
        ),
        Mistake("sign", sentences.SIGN, variant(weigh=lambda size, N, workers: -size / N)),
    )


def _too_large(which):
    return f"{which} is N times too large: this is the gradient of a sum over the examples. Divide once, by all N."


def _case(values, N, n, m, workers):
    return {
        "x": values((N, n)), "target": values((N, m)), "w": values((n, m)), "b": values((m,)), "workers": workers,
    }  # fmt: skip


SHARDED_GRADIENTS = Exercise(
    answer=loops.sharded_gradients,
    start=broken.sharded_gradients,
    task=(
        "**Repair it.** `sharded_gradients(x, target, w, b, workers)` is for a linear layer and the mean of "
        "`(x @ w + b - target)**2` over all its numbers. The examples are cut into runs that should be as equal as "
        "they can be. Every worker computes `dw` and `db` of the mean over *its own* run, and these are added up to "
        "those of the whole batch. Its author tried 6 examples on 2 workers, and looked at `dw` alone."
    ),
    difficulty="medium",
    minutes=14,
    hints=(
        "7 examples, 3 workers. Which example is in nobody's run? And what does `db` do with two workers?",
        "Within a run all is right: dy is 2 times the error, divided by how many numbers that run's mean is over. "
        "But runs of unequal length weigh unequally, for dw and for db: that is `add_shards`.",
        "Worker k has the examples from `N * k // workers` to `N * (k + 1) // workers`. "
        "Add its `x.T @ dy` and its column sums of dy, each times the run's length over N.",
    ),
    next_idea="Return the loss as well, added up in the same way.",
    cases=lambda rng: [
        _case(rng.standard_normal, *sizes)
        for sizes in ((7, 3, 2, 3), (5, 2, 3, 2), (6, 4, 2, 3), (9, 3, 4, 4), (4, 2, 2, 1))
    ],
    further=drawn.small(lambda rng, values: _drawn_batch(rng, values)),
    small=Small(
        {"N": range(1, 7), "workers": (1, 2, 3, 4), "n": (1, 2), "m": (1, 2)},
        lambda numbers, N, workers, n, m: _small_batch(numbers, N, workers, n, m),
    ),
    probe=_case(np.ones, 5, 2, 3, 2) | {"b": np.array([1.0, 0, 2]), "x": np.arange(10.0).reshape(5, 2)},
    tensors=("dw", "db"),
    axes={"dw": ("feature", "score"), "db": ("score",)},
    mistakes={
        "dw": (
            *_in_both("dw"),
            Mistake("means added whole", NOT_DIVIDED, _in_both_cuts("dw", weigh=_whole)),
            Mistake(
                "targets of another worker",
                MIXED,
                tuple(_sharded(which="dw", aim=aim) for aim in (1, -1)),
            ),
        ),
        "db": (
            *_in_both("db"),
            Mistake(
                "bias counted per worker",
                "db counts every worker whole, and grows with their number. The bias is one and the same on all "
                "workers: its gradients are weighed by the shares, as those of w are.",
                _in_both_cuts("db", weigh=_whole),
            ),
            Mistake(
                "mean instead of sum",
                "db is too small. Within a run, b collects from every example: sum dy over them.",
                _in_both_cuts("db", back=lambda dy: dy.mean(axis=0)),
            ),
        ),
    },
    patterns=[
        ("It is right with one worker.", lambda workers, **_: workers > 1),
        ("It is right where the runs are equally long.", lambda x, workers, **_: len(x) % workers > 0),
    ],
)


def _drawn_batch(rng, values):
    N = int(rng.integers(1, 8))
    return _case(values, N, *(int(n) for n in rng.integers(1, 4, 2)), int(rng.integers(1, min(N, 4) + 1)))


def _small_batch(numbers, N, workers, n, m):
    if workers > N:
        raise ValueError("a worker would have nothing to do")
    return _case(lambda shape: numbers(*shape), N, n, m, workers)


EXERCISES = (ADD_SHARDS, SHARDED_GRADIENTS)

# ---------------------------------------------------------------- questions


def limit(delay):
    """The largest stable lr times curvature for gradients that are `delay` steps old."""
    return 2 * np.sin(np.pi / (2 * (2 * delay + 1)))


PREDICTIONS = (
    Prediction(
        name="C/unequal",
        again=redrawn_optional.unequal,
        text="Worker one has 3 images, and its mean loss is 1. Worker two has 1 image, and its loss is 5. "
        "What is the mean loss of the batch of 4?",
        answer=lambda: loops.add_shards(np.array([[1.0], [5.0]]), (3, 1))[0],
        wrong_answers=(
            (3, "That is the mean of the two means. Three images stand behind the 1, and one behind the 5."),
            (6, "That is the sum of two means."),
            (8, "That is the sum of all four losses."),
        ),
        why="The losses add up to 3 + 5 = 8, and there are 4.",
    ),
    Prediction(
        name="C/same_loss",
        reveals=1,
        text="Two processes share a batch of 60 images, and you compute the same batch alone, in float32. "
        "After ten steps, how far apart are the two losses?",
        answer="b",
        choices={
            "a": ("They are equal, bit for bit", "Almost. But the same numbers are added in another order."),
            "b": ("By rounding: about a millionth", ""),
            "c": (
                "By about a hundredth, as every worker sees half of the images only",
                "Every image is in somebody's share, and counts as much as before. What could be lost?",
            ),
        },
        why="It is the same sum in another order, and sums of floats depend on the order, in their last digits.",
    ),
    Prediction(
        name="C/killed",
        reveals=1,
        text="A worker process is killed in the middle of a step. What of the training is lost?",
        answer="c",
        choices={
            "a": ("The weights that it had learnt", "Nobody but the notebook updates weights. A worker got a copy."),
            "b": ("Its share of this batch", "Its share can be computed once more, from the same images and weights."),
            "c": ("Nothing but time", ""),
        },
        why="A share is a function of weights and images, and both are in the notebook. Another worker computes it.",
    ),
    Prediction(
        name="C/traffic",
        again=redrawn_optional.traffic,
        text="A network has 10,000 weights of 4 bytes each. Each of 8 workers is sent the weights, and sends a "
        "gradient back. How many kilobytes (1000 bytes) go through the notebook in each step, images not counted?",
        answer=lambda: 8 * 2 * 10_000 * 4 / 1000,
        wrong_answers=(
            (320, "That is one way only. Weights go out, gradients of the same size come back."),
            (80, "That is one worker's traffic. All eight go through the one notebook."),
            (40, "That is one copy of the weights, one way."),
            (160, "There are 4 bytes in each number, and two ways."),
        ),
        why="8 workers, two ways, 40 kilobytes each. It grows with the workers, and not with the batch.",
    ),
    Prediction(
        name="C/stale",
        again=redrawn_optional.stale,
        text="Without delay, the filter problem is stable up to a learning rate that we call 100 %. "
        "Now every gradient is one step old: computed with the weights of a step before. "
        "Up to how many percent of that learning rate is it stable now?",
        answer=lambda: 100 * limit(1) / limit(0),
        tolerance=1e-3,
        reveals=2,
        reveals_code=True,
        wrong_answers=(
            (100, "An old gradient still pulls when the weights have passed the goal already. It overshoots sooner."),
            (0, "There is room left: with small steps, the weights of one step ago are almost those of today."),
            (75, "Lower still. The derivation below tells."),
        ),
        why="2 sin(π/6) is 1, and without a delay it is 2: half. One step of delay costs half of the learning rate.",
    ),
    Prediction(
        name="C/batch_norm",
        again=redrawn_optional.batch_norm,
        reveals=1,
        text="A channel holds 0, 0, 0 on worker one, and 6, 6, 6 on worker two. "
        "Batch norm subtracts the mean and divides by the standard deviation. "
        "What does it make of the last 6 if it sees all six numbers (eps = 0)?",
        answer=lambda: (6 - np.mean([0, 0, 0, 6, 6, 6])) / np.std([0, 0, 0, 6, 6, 6]),
        wrong_answers=(
            (0, "That is what worker two makes of it alone: to it, 6 is the mean."),
            (3, "Divide by the standard deviation, too: every number is 3 away from the mean."),
            (6, "Both the mean and the standard deviation of the six numbers are 3."),
        ),
        why="The mean is 3, the standard deviation is 3, so 6 becomes 1. Alone, worker two would have made it 0.",
    ),
)
