"""Labs whose answer is an input: one on which two functions differ. The fewer numbers it takes, the better."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from course_lib import looks
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.question import Case
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.engine.verdict import Passed, Verdict

SHOWN = 9  # entries of a result that is written out
MOST = 1000  # numbers in an input
FEWER = "It is possible with fewer."
NO_FEWER = "No input with fewer numbers shows it: that is the smallest."
NEXT = "Can you do it with fewer numbers?"
WHICH_ELSE = "Is there another one, as small as this?"
AGREE = "both agree"  # the name of the one result: for which reason


@dataclass(frozen=True)
class Input:
    """The arguments of both functions, and what they return."""

    dy: np.ndarray
    x: np.ndarray
    w: np.ndarray
    stride: int
    padding: int
    results: tuple[np.ndarray, np.ndarray]

    @property
    def numbers(self) -> int:
        """How many numbers it takes: all entries of dy, x and w."""
        return self.dy.size + self.x.size + self.w.size

    @property
    def written(self) -> str:
        """The arguments, as they can be pasted into a cell."""
        arrays = (f"{name} = {value.tolist()}" for name, value in (("dy", self.dy), ("x", self.x), ("w", self.w)))
        return ", ".join([*arrays, f"stride = {self.stride}, padding = {self.padding}"])

    @property
    def differs(self) -> bool:
        one, other = self.results
        return bool(np.any(np.abs(one - other) > 1e-9 * (np.abs(one).max(initial=0) or 1)))


@dataclass(frozen=True)
class Reason:
    """Why both functions agree on an input: `holds` tells whether that is it, `example` is an answer to which it is."""

    name: str
    says: str
    holds: Callable[[Input], bool]
    example: Callable[[], Any]


@dataclass
class Found(Passed):
    """What an input is told on which two functions differ.

    says: what they return. numbers: how many it takes. written: the input. smallest: whether no other takes fewer.
    """

    says: str = ""
    numbers: int = 0
    written: str = ""
    smallest: bool = False

    @property
    def figures(self) -> str:
        return f"{self.says} It takes {self.numbers} numbers. {NO_FEWER if self.smallest else FEWER}"


def _once(rng: np.random.Generator) -> list[Case]:
    return [{}]


def _unset(*_: Any) -> Any:
    raise NotImplementedError


@dataclass
class FindingLab(Exercise):
    """A lab whose answer returns an input on which two functions differ.

    suspects: the functions that learners are given, as they stand in the task. both(dy, x, w, stride, padding) -> what
    is compared. given(answer's value) -> dy, x, w, stride, padding; ValueError with a sentence where it is no input.
    reasons: why both may agree, the first that holds is told; one always does. differ: how a difference is told, with
    {one} and {other}. inputs(rng): values as an answer returns them, with random numbers, from few of them to many.
    """

    cases: Callable[[np.random.Generator], list[Case]] = _once
    tensors: tuple[str, ...] = (AGREE,)
    mistakes: dict[str, tuple[Mistake, ...]] = field(default_factory=dict)
    probe: Case = field(default_factory=dict)
    suspects: Sequence[Callable[..., Any]] = ()
    both: Callable[..., tuple[np.ndarray, np.ndarray]] = _unset
    given: Callable[[Any], tuple[np.ndarray, np.ndarray, np.ndarray, int, int]] = _unset
    reasons: Sequence[Reason] = ()
    differ: str = ""
    inputs: Callable[[np.random.Generator], Iterable[Any]] = _unset

    def __post_init__(self) -> None:
        self.run = self._run
        self.mistakes = {
            AGREE: tuple(
                Mistake(reason.name, reason.says, (WrongAnswer(lambda f: [self._run(f)], reason.example, 0),))
                for reason in self.reasons
            )
        }
        self.next_idea = self.next_idea or NEXT

    @property
    def idea(self) -> str:
        return self.next_idea

    @property
    def imports(self) -> list[str]:
        """Those of the stub, and the functions that learners are given."""
        names = [f"from {one.__module__} import {one.__name__}" for one in self.suspects]
        return sorted(["import numpy as np", *names])

    def input(self, value: Any) -> Input:
        """What an answer returned, with what both functions make of it. Raises ValueError with a sentence."""
        dy, x, w, stride, padding = self.given(value)
        if dy.size + x.size + w.size > MOST:
            raise ValueError(f"An input must have at most {MOST} numbers in dy, x and w, but this one has more.")
        return Input(dy, x, w, stride, padding, self.both(dy, x, w, stride, padding))

    @property
    def compares_code(self) -> bool:
        return True

    def _run(self, f: Callable[..., Any]) -> np.ndarray | None:
        """Which of the reasons hides the difference: 1 at its place, 0 elsewhere, and everywhere where it shows."""
        value = f()
        hides = np.zeros(len(self.reasons))
        if value is None:
            return None
        try:
            found = self.input(value)
        except ValueError as error:
            raise CannotBeJudgedError(str(error)) from error
        if not found.differs:
            hides[next(n for n, reason in enumerate(self.reasons) if reason.holds(found))] = 1
        return hides

    @cached_property
    def fewest(self) -> int:
        """The fewest numbers with which the functions differ, found by trying one geometry after the other."""
        tried = (self.input(value) for value in self.inputs(np.random.default_rng(0)))
        return next(found.numbers for found in tried if found.differs)

    def judge(self, f: Any, explain: bool = True) -> Verdict:
        verdict = super().judge(f, explain=False)
        verdict.findings, verdict.goes_on = [], False
        if verdict.status not in ("right", "wrong") or "results" in verdict.mistakes:
            return verdict
        found = self.input(f())
        if verdict.passed:
            says, smallest = self._difference(found), found.numbers <= self.fewest
            verdict.passed = Found(
                **vars(verdict.passed), says=says, numbers=found.numbers, written=found.written, smallest=smallest
            )
            verdict.passed.idea = WHICH_ELSE if smallest else self.next_idea
        elif found.results[0].size <= SHOWN:
            verdict.remarks = [f"Both return {_written(found.results[0])}."]
        return verdict

    def _difference(self, found: Input) -> str:
        one, other = found.results
        if one.size > SHOWN:
            return f"They differ in {np.sum(~np.isclose(one, other))} of {one.size} entries."
        return self.differ.format(one=_written(one), other=_written(other))


def _written(result: np.ndarray) -> str:
    if not result.ndim:
        return looks.number(round(float(result), 2))
    return f"[{', '.join(map(_written, result))}]"


def numbers(value: Any, name: str, ndim: int) -> np.ndarray:
    """An argument of an input as an array of floats. Raises ValueError with a sentence."""
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers.") from None
    if array.ndim != ndim or not array.size or not np.isfinite(array).all():
        raise ValueError(f"{name} must have {ndim} {'axis' if ndim == 1 else 'axes'} and finite numbers in it.")
    return array


def whole(value: Any, name: str, least: int) -> int:
    """A whole number of an input. Raises ValueError with a sentence."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= MOST:
        raise ValueError(f"{name} must be a whole number from {least} to {MOST}, but is {value!r}.")
    return int(value)
