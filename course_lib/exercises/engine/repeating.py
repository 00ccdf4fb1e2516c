"""Why a second identical call returns something else: memory that was never set, random numbers, or something kept."""

from collections.abc import Callable, Iterator
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
    "A second identical call returns a different result. Either the function keeps something between calls, or it "
    "draws random numbers. The result must depend on the arguments alone."
)


def why_it_differs(question: Question, f: Any, first: Run) -> str:
    """The sentence for a function whose first two calls differ: it is called again with one cause removed at a time."""
    for sentence, without in ((UNSET, _filled), (RANDOM, _seeded)):
        results: list[Run] = []
        with supervised():
            for _ in range(2):
                with without():
                    results.append(run_case(question, f, first.case, first.expected))
        if len(results) == 2 and _alike(results[0], results[1], question.tolerance):
            return sentence
    return KEPT


def _alike(one: Run, other: Run, tolerance: float) -> bool:
    if one.raised or other.raised or one.complaint or other.complaint:
        return False
    pairs = [(array, other.tensors[name]) for name, array in one.tensors.items()]
    return all(a is not None and b is not None and close(a, b, tolerance) for a, b in pairs)


@contextmanager
def _filled() -> Iterator[None]:
    """np.empty and np.empty_like hand out arrays of sevens, the same each time."""

    def like(array: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.full_like(array, 7, *args, **kwargs)

    def filled(shape: Any, dtype: Any = float, **kwargs: Any) -> np.ndarray:
        return np.full(shape, 7, dtype)

    with _replaced(np, "empty", filled), _replaced(np, "empty_like", like):
        yield


@contextmanager
def _seeded() -> Iterator[None]:
    """Random numbers are the same each time: those of np.random's functions, and of generators made without a seed."""
    make, state = np.random.default_rng, np.random.get_state()
    np.random.seed(0)
    try:
        with _replaced(np.random, "default_rng", lambda seed=None: make(0 if seed is None else seed)):
            yield
    finally:
        np.random.set_state(state)


@contextmanager
def _replaced(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, before)
