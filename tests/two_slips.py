"""Random wrong functions that make two mistakes at once. As a program: how many are refused, explained and named.

python tests/two_slips.py [functions per lab, 200 unless given] [lab ...]
"""

import sys
import time

import numpy as np

from course_lib import exercises
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.question import WrongAnswer

AFTER = {  # a second mistake, made in an array that has one already
    "the sign": lambda a: -a,
    "twice": lambda a: 2 * a,
    "half": lambda a: a / 2,
    "reversed": lambda a: a[::-1] if a.ndim else a + 1,
    "last dropped": lambda a: a[:-1] if a.ndim else -a,
    "first zero": lambda a: np.concatenate([0 * a[:1], a[1:]]) if a.ndim else 0 * a,
    "transposed": lambda a: a.T if a.ndim > 1 else 3 * a,
    "one more": lambda a: a + 1,
}


def two_slips(name, count, seed=0):
    """Yields (tensor, description, wrong function) for one lab; none of them is right in all cases."""
    exercise, rng = exercises.get(name), np.random.default_rng(seed)
    made = tried = 0
    while made < count and tried < 20 * count:
        tried += 1
        tensor = str(rng.choice([tensor for tensor in exercise.tensors if exercise.mistakes.get(tensor)]))
        slip, wrong = _two(exercise, tensor, rng)
        answer = exercise.spoilt(tensor, wrong) if not isinstance(wrong, _InALayer) else wrong.answer
        if _differs(exercise, tensor, wrong):
            made += 1
            yield tensor, slip, answer


def _two(exercise, tensor, rng):
    # what other arguments do to a layer is known as a result alone: there is no such layer to be judged
    pairs = [pair for pair in exercise.pairs[tensor] if not exercise.run or isinstance(pair[2], WrongAnswer)]
    if pairs and rng.random() < 0.6:
        one, other, both = pairs[rng.integers(len(pairs))]
        return f"{one.name} + {other.name}", both
    mistakes = exercise.mistakes[tensor]
    mistake = mistakes[rng.integers(len(mistakes))]
    wrong = mistake.examples[rng.integers(len(mistake.examples))]
    after = str(rng.choice(list(AFTER)))
    if isinstance(wrong, WrongAnswer):
        return f"{mistake.name} + {after}", _InALayer(wrong, after)
    return f"{mistake.name} + {after}", lambda *case: AFTER[after](np.asarray(wrong(*case)))


class _InALayer:
    """A class or a training step with a mistake, whose backward (or loss) makes another."""

    def __init__(self, wrong, after):
        self.wrong = wrong
        given, change = wrong.answer, AFTER[after]
        if isinstance(given, type):

            def backward(layer, dy):
                return change(np.asarray(given.backward(layer, dy)))

            self.answer = type(given.__name__, (given,), {"backward": backward})
        else:

            def answer(*arguments):
                result = change(np.asarray(given(*arguments)))
                return result if result.ndim else float(result)

            self.answer = answer

    def __call__(self, *arguments):
        return self.wrong.run(self.answer, *arguments)[self.wrong.number]


def _differs(exercise, tensor, wrong):
    """Whether it is wrong in some case, and not merely another legitimate result."""
    for case, expected in zip(exercise.arguments, exercise.references, strict=True):
        try:
            array = np.asarray(wrong(*(v.copy() if isinstance(v, np.ndarray) else v for v in case.values())))
        except Exception:
            return True
        fine = close(array, expected[tensor], exercise.tolerance)
        if not fine and not (exercise.accept and exercise.accept(case, {**expected, tensor: array})):
            return True
    return False


def main(count=200, *names):
    total = dict.fromkeys(("functions", "refused", "explained", "named"), 0)
    for name in names or exercises.names():
        exercise, start, seconds = exercises.get(name), time.process_time(), []
        figures = dict.fromkeys(total, 0)
        for tensor, slip, f in two_slips(name, int(count)):
            start = time.process_time()
            verdict = exercise.judge(f)
            seconds.append(time.process_time() - start)
            wrong = {*verdict.mistakes, *(finding.tensor for finding in verdict.findings)} or {tensor}
            explained = all(verdict.explained.get(one) for one in wrong)
            figures["functions"] += 1
            figures["refused"] += verdict.status in ("wrong", "error")
            figures["explained"] += explained
            figures["named"] += bool(verdict.mistakes)
            if verdict.status not in ("wrong", "error") or not explained:
                print(f"    {name}, {tensor}: {slip}: {verdict.status}")
        for key, value in figures.items():
            total[key] += value
        told = ", ".join(f"{value} {key}" for key, value in figures.items())
        print(f"{name:<40} {told}; {1e3 * np.median(seconds):.0f} ms each", flush=True)
    print(", ".join(f"{value} {key}" for key, value in total.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
