"""What an exercise asks: a function of the library as the answer, the cases it is tried on, and its known mistakes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from course_lib.exercises.engine.changes import changes
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.pace import Pace
from course_lib.exercises.engine.symptom import Symptom
from course_lib.exercises.engine.variant import Adjustable, Changed, Variant

SEED = 0

Case = dict[str, Any]  # parameter -> value
Tensors = dict[str, np.ndarray]  # name of a result -> array
Wrong = Callable[..., Any]  # the arguments of an exercise -> one tensor, spoilt


@dataclass(frozen=True)
class Mistake:
    """A way of going wrong: what the learner is told, and the wrong functions that betray it.

    Each of `examples` takes the arguments of the exercise and returns the one tensor it spoils.
    source: the address of a public report of this mistake in somebody's program, where there is one.
    """

    name: str
    message: str
    examples: tuple[Wrong, ...]
    source: str = ""


class WrongAnswer:
    """A wrong answer to an exercise that has a `run`, as a function of the arguments to the one tensor it spoils."""

    def __init__(self, run: Callable[..., Sequence[Any]], answer: Callable[..., Any], number: int) -> None:
        self.run, self.answer, self.number = run, answer, number

    def __call__(self, *arguments: Any) -> Any:
        return self.run(self.answer, *arguments)[self.number]

    def with_(self, other: Any) -> "WrongAnswer | None":
        """Both at once: of two classes, one with what either has of its own. None if that does not go together."""
        if not isinstance(other, WrongAnswer) or (self.run, self.number) != (other.run, other.number):
            return None
        if isinstance(self.answer, Variant):
            steps = self.answer.with_(other.answer)
            return None if steps is None else WrongAnswer(self.run, steps, self.number)
        if not (isinstance(self.answer, type) and isinstance(other.answer, type)):
            return None
        mine, others = _own(self.answer), _own(other.answer)
        if self.answer.__bases__ != other.answer.__bases__ or not (mine and others):
            return None
        both = {**mine, **others}
        for name in mine.keys() & others.keys():
            one = mine[name]
            both[name] = one.with_(others[name]) if isinstance(one, Variant) else None
            if both[name] is None:
                return None
        return WrongAnswer(self.run, type(self.answer.__name__, self.answer.__bases__, both), self.number)


def _own(cls: type) -> dict[str, Any]:
    """What a class defines itself: its methods, and the functions that it uses."""
    return {name: value for name, value in vars(cls).items() if name == "__init__" or not name.startswith("__")}


def _no_more(rng: np.random.Generator) -> list[Case]:
    return []


@dataclass(frozen=True)
class Small:
    """How small cases of an exercise are drawn, so that one can be found on which an answer fails.

    sizes: name -> the values it may have, simplest first.
    draw(numbers, **sizes) -> a case, whose arrays are made by `numbers(*shape)` and `numbers.below(limit, *shape)`;
    ValueError where the sizes do not go together.
    """

    sizes: dict[str, Sequence[Any]]
    draw: Callable[..., Case]


@dataclass
class Question:
    """`answer` turned into a question.

    cases(rng) -> argument sets by name, in the order of the answer's parameters.
    tensors: the names of what the answer returns, in order. mistakes: tensor name -> its Mistakes.
    further(rng) -> more cases: small ones, of many geometries. An answer that is right on `cases` is tried on them too,
    and a wrong one is explained by them.
    run(f, *arguments) -> the results, where calling f once is not enough (a class).
    forward(*arguments) -> y: what a gradient "dx", "dw" ... is the gradient of, to test it with no reference.
    shows: tensor -> what the right one shows on the probe, a small set of arguments for pictures.
    windows(*arguments) -> how many windows cover each entry of the tensor it is given for.
    accept(arguments, results) -> a remark where the results are right in another legitimate way, else None.
    patterns: (sentence, predicate of the arguments): told where no wrong function explains an answer that fails there.
    otherwise: tensor -> sentences for it where nothing else explains what is wrong.
    exceptions: (tensor, pattern of "kind in place: message", sentence): what an exception means in this lab.
    extras: remark -> a trial of a right answer, which is told the remark where it fails.
    cautions: those remarks with which an answer is not plainly right.
    next_idea: what to try next with a right answer.
    formerly: names that the lab had before; answers and links are found by them.
    small: how small cases are drawn, where that cannot be told from the cases.
    start: a broken function to begin from, in place of an empty stub; symptom(f) shows what is wrong with it.
    reference: the same as `answer`, but faster: what right results are computed by, hundreds of times.
    pace: what a right answer is timed beside; then `start`, where there is one, is right and slow.
    """

    answer: Callable[..., Any]
    task: str
    hints: tuple[str, ...]
    difficulty: str
    minutes: int
    cases: Callable[[np.random.Generator], list[Case]]
    tensors: tuple[str, ...]
    mistakes: dict[str, tuple[Mistake, ...]]
    probe: Case
    further: Callable[[np.random.Generator], list[Case]] = _no_more
    run: Callable[..., Any] | None = None
    forward: Callable[..., Any] | None = None
    shows: dict[str, str] = field(default_factory=dict)
    windows: dict[str, Callable[..., Any]] = field(default_factory=dict)
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    accept: Callable[[Case, dict[str, np.ndarray | None]], str | None] | None = None
    patterns: list[tuple[str, Callable[..., bool]]] = field(default_factory=list)
    otherwise: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exceptions: tuple[tuple[str, str, str], ...] = ()
    extras: dict[str, Callable[[Callable[..., Any]], Any]] = field(default_factory=dict)
    tolerance: float = 2e-5
    start: Callable[..., Any] | None = None
    symptom: Callable[[Any], Symptom] | None = None
    lesson: str = ""
    formerly: tuple[str, ...] = ()
    small: Small | None = None
    cautions: tuple[str, ...] = ()
    next_idea: str = ""
    pace: Pace | None = None
    reference: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        return self.answer.__name__

    @property
    def compares_code(self) -> bool:
        """Whether an answer is as its author found it if its code is: `start` may do what a right answer does."""
        return self.pace is not None

    @cached_property
    def arguments(self) -> list[Case]:
        """The cases, drawn once."""
        return self.cases(np.random.default_rng(SEED))

    def results(self, f: Callable[..., Any], case: Case) -> Any:
        """What f returns for a case, unchecked."""
        values = case.values()
        return self.run(f, *values) if self.run else f(*values)

    def expected(self, case: Case) -> Tensors:
        """The right results of a case."""
        known = self._known[-1] if self._known else None
        key = None if known is None else _contents(case)
        if known is not None and key in known:
            return known[key]
        with np.errstate(all="ignore"):  # arguments that were changed on purpose may have no finite result
            value = self.results(self.reference or self.answer, case)
        parts = (value,) if len(self.tensors) == 1 else value
        found = {name: np.asarray(part) for name, part in zip(self.tensors, parts, strict=True)}
        if known is not None:
            known[key] = found
        return found

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """In the block, the right results of a case are worked out once, however often they are asked for."""
        self._known.append({})
        try:
            yield
        finally:
            self._known.pop()

    @cached_property
    def _known(self) -> list[dict[Any, Tensors]]:
        return []

    @cached_property
    def references(self) -> list[Tensors]:
        """The right results of all cases."""
        return [self.expected(case) for case in self.arguments]

    @cached_property
    def further_runs(self) -> list[tuple[Case, Tensors]]:
        """The further cases, drawn once, with their right results."""
        return [(case, self.expected(case)) for case in self.further(np.random.default_rng(SEED))]

    @cached_property
    def habits(self) -> dict[str, Any]:
        """tensor -> how the right one answers to its arguments, as `probing` has found out."""
        return {}

    @cached_property
    def drawn(self) -> dict[tuple[str, bool], tuple[list[Any], Iterator[Any]]]:
        """Small cases that were drawn for one answer, kept for the next; and more of them."""
        return {}

    @cached_property
    def _results_of_wrongs(self) -> dict[Wrong, dict[int, np.ndarray | None]]:
        return {wrong: {} for mistakes in self.mistakes.values() for mistake in mistakes for wrong in mistake.examples}

    @cached_property
    def pairs(self) -> dict[str, list[tuple[Mistake, Mistake, Wrong]]]:
        """tensor -> (one mistake, another, a wrong function that makes both at once), wherever two go together."""
        found = {tensor: list(self._pairs(tensor, mistakes)) for tensor, mistakes in self.mistakes.items()}
        self._results_of_wrongs.update({both: {} for pairs in found.values() for *_, both in pairs})
        return found

    def _pairs(self, tensor: str, mistakes: Sequence[Mistake]) -> Iterator[tuple[Mistake, Mistake, Wrong]]:
        """Two whose steps can be exchanged together; or one of which does what other arguments would do."""
        known = [(mistake, wrong) for mistake in mistakes for wrong in mistake.examples]
        changed = {wrong: change for wrong, change in self._like_other_arguments(tensor, [w for _, w in known])}
        for (one, a), (other, b) in combinations(known, 2):
            if one is other:
                continue
            both = a.with_(b) if isinstance(a, (Variant, WrongAnswer)) else None
            if both is not None:
                yield one, other, both
            elif not (isinstance(a, Variant) and isinstance(b, Variant)):
                for wrong, outer in ((a, b), (b, a)):
                    if wrong in changed and not isinstance(outer, Adjustable):
                        yield one, other, Changed(outer, list(self.arguments[0]), changed[wrong])

    def _like_other_arguments(
        self, tensor: str, wrongs: Sequence[Wrong]
    ) -> Iterator[tuple[Wrong, Callable[[Case], Case]]]:
        """Those wrong functions that do in every case what the right one does for changed arguments, and the change."""
        for _, change, _ in changes(self.arguments[0]):
            results: dict[int, np.ndarray | None] = {}
            for wrong in wrongs:
                if isinstance(wrong, Adjustable):
                    continue
                for number, case in enumerate(self.arguments):
                    if number not in results:
                        results[number] = self._expected_of_changed(tensor, change, case)
                    right = results[number]
                    if right is None or not close(self.result_of(wrong, number), right, self.tolerance):
                        break
                else:
                    yield wrong, change

    def _expected_of_changed(self, tensor: str, change: Callable[[Case], Case], case: Case) -> np.ndarray | None:
        try:
            with np.errstate(all="ignore"):
                return self.expected(change(case))[tensor]
        except Exception:  # the answer does not take these arguments
            return None

    def result_of(self, wrong: Wrong, number: int) -> np.ndarray | None:
        """What a wrong function makes of a case, None where it raises. Each answer is compared with all of them."""
        known = self._results_of_wrongs.get(wrong, {})  # what was fitted to one learner's array is not kept
        if number not in known:
            arguments = [copied(value) for value in self.arguments[number].values()]
            try:
                known[number] = np.asarray(wrong(*arguments))
            except Exception:
                known[number] = None
        return known[number]

    def alone(self, tensor: str, answer: Callable[..., Any]) -> Wrong:
        """One of the results of an answer, as a wrong function."""
        number = self.tensors.index(tensor)
        if self.run:
            return WrongAnswer(self.run if len(self.tensors) > 1 else self._run_in_a_tuple, answer, number)
        return answer if len(self.tensors) == 1 else lambda *arguments: answer(*arguments)[number]

    def _run_in_a_tuple(self, *arguments: Any) -> tuple[Any]:
        assert self.run is not None
        return (self.run(*arguments),)

    def spoilt(self, tensor: str, wrong: Wrong) -> Callable[..., Any]:
        """An answer that is right but for one tensor, which one of its mistakes' functions makes."""
        if isinstance(wrong, WrongAnswer):
            return wrong.answer

        def answer(*arguments: Any) -> Any:
            if len(self.tensors) == 1:
                return wrong(*arguments)
            right = self.answer(*arguments)
            return tuple(
                wrong(*arguments) if name == tensor else part for name, part in zip(self.tensors, right, strict=True)
            )

        return answer


def _contents(case: Case) -> tuple[Any, ...]:
    """What tells a case from others: the numbers in its arrays; functions by which they are."""
    return tuple(
        (value.shape, value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else (type(value), value)
        for value in case.values()
    )


def copied(value: Any) -> Any:
    """An array's copy; anything else as it is."""
    return value.copy() if isinstance(value, np.ndarray) else value
