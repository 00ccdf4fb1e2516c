"""Why a second identical call returns something else: memory that was never set, random numbers, or something kept."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.question import Question
from course_lib.exercises.engine.running import Run, run_case

UNSET = (
    "A second identical call returns a different result: it starts from memory that was never set. "
    "`np.empty` returns whatever lay there before. Where you add to an array, start from `np.zeros`."
)
RANDOM = (
    "A second identical call returns a different result: it draws random numbers. "
    "The result must depend on the arguments alone."
)
KEPT = (
    "A second identical call returns a different result. The function keeps something between calls, draws random "
    "numbers, or reads memory that was never set. The result must depend on the arguments alone."
)


def why_it_differs(question: Question, f: Any, first: Run) -> str:
    """The sentence for a function whose first two calls differ: it is called again with one cause removed at a time."""
    for sentence, without in ((UNSET, lambda: unset_holds(0)), (RANDOM, _seeded)):
        results: list[Run] = []
        with supervised():
            for _ in range(2):
                with without():
                    results.append(run_case(question, f, first.case, first.expected))
        if len(results) == 2 and _alike(results[0], results[1], question.tolerance):
            return sentence
    return KEPT


def unset_in(question: Question, f: Any, runs: Sequence[Run]) -> list[str]:
    """The results that hold what lay in memory: other numbers in another call, if np.empty returns other ones."""
    found: list[str] = []
    with supervised():
        for one in runs:
            with unset_holds(len(runs) + 1000):
                again = run_case(question, f, one.case, one.expected)
            if not _alike(one, again, question.tolerance):
                if why_it_differs(question, f, one) == UNSET:
                    found += [
                        name for name, a in one.tensors.items() if not _same(a, again.tensors.get(name), question)
                    ]
                break
    return found


def _same(a: np.ndarray | None, b: np.ndarray | None, question: Question) -> bool:
    return a is not None and b is not None and close(a, b, question.tolerance)


def _alike(one: Run, other: Run, tolerance: float) -> bool:
    if one.raised or other.raised or one.complaint or other.complaint:
        return False
    pairs = [(array, other.tensors[name]) for name, array in one.tensors.items()]
    return all(a is not None and b is not None and close(a, b, tolerance) for a, b in pairs)


@contextmanager
def unset_holds(number: int) -> Iterator[None]:
    """np.empty and np.empty_like return arrays that hold this number and a half, and not what lay in memory.

    What is read before it is set is then wrong on every machine, and not only on some.
    """
    empty, empty_like = np.empty, np.empty_like

    def filled(*args: Any, **kwargs: Any) -> np.ndarray:
        return _with_number(empty(*args, **kwargs), number + 0.5)

    def filled_like(*args: Any, **kwargs: Any) -> np.ndarray:
        return _with_number(empty_like(*args, **kwargs), number + 0.5)

    with _replaced(np, "empty", filled), _replaced(np, "empty_like", filled_like):
        yield


def _with_number(array: np.ndarray, number: float) -> np.ndarray:
    if array.dtype.kind in "fiuc":
        array[...] = np.array(number).astype(array.dtype)
    return array


@contextmanager
def _seeded() -> Iterator[None]:
    """Random numbers are the same each time: those of np.random and random, and of generators made without a seed."""
    make, state, others = np.random.default_rng, np.random.get_state(), random.getstate()
    np.random.seed(0)
    random.seed(0)
    try:
        with _replaced(np.random, "default_rng", lambda seed=None: make(0 if seed is None else seed)):
            yield
    finally:
        np.random.set_state(state)
        random.setstate(others)


@contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, before)
