"""The smallest example on which an answer fails: few cells, small whole numbers, and no feature that is not needed.

Small cases are tried in order of their size. Where all of them come out right, cases of any size are drawn until one
fails, and that one is made smaller for as long as it still fails.
"""

import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from course_lib import looks
from course_lib.exercises.engine import needs
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.question import SEED, Case, Question, Small, Tensors, copied
from course_lib.exercises.engine.running import Run, run_case
from course_lib.exercises.engine.verdict import Smallest, Verdict

SECONDS = 5  # for the whole search; only an answer that takes long on one cell needs as much
CALLS = 700  # of the answer, at most
FIRST = 150  # small cases that are tried in order of their size
LOOKED_AT = 16  # times as many: those with an argument that never fails in other calls are left out
TRIED_AGAIN = 40  # of these, with other kinds of numbers
DRAWS = 3  # of each size, when a case is made smaller
DRAWS_OF_OTHERS = 12  # of numbers that are not digits, of which fewer fail
TWICE = 5  # of these, in which the answer is called twice
NEIGHBOURS = 4  # cases of one size less that have to come out right before it is said of them
DRAWN = 25  # cases of any size that are drawn for each kind of numbers
FEATURE = 2  # what a stride of 2 in place of 1 costs, where one more row costs 1
FIGURES = 5  # of the numbers in a sentence; more where yours and the right one would look alike
MOST_ENTRIES = 40  # of an array that is written out
LARGEST = 6  # cells along one axis
DIGITS, SIGNED, TENTHS, LARGE = "digits", "signed", "tenths", "large"  # kinds of numbers
FAR = 100  # numbers beyond it are large


class Numbers:
    """Draws the arrays of small cases. Digits are from 2 to 9, where no product equals one of its factors."""

    def __init__(self, kind: str, number: int = 0) -> None:
        self.kind, self.number = kind, number

    @cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(SEED + self.number)

    def __call__(self, *shape: int) -> np.ndarray:
        """Floats: whole numbers that differ, but for kinds that ask for ties, decimals or large values."""
        size = int(np.prod(shape))
        if self.kind == DIGITS:
            return 2.0 + self.rng.permutation(max(size, 8))[:size].reshape(shape)
        if self.kind == SIGNED:
            return self.rng.integers(-2, 3, shape) * 1.0
        if self.kind == TENTHS:
            return self.rng.integers(1, 100, shape) / 10
        return self.rng.choice([-20_000.0, -1000, -200, -1, 0, 1, 200, 1000, 20_000], shape)

    def below(self, limit: int, *shape: int) -> np.ndarray:
        """Whole numbers from 0 up to, but not including, `limit`, as indices."""
        return self.rng.integers(0, limit, shape)

    def one(self) -> float:
        """A single number."""
        return float(self(1)[0])


def smallest(question: Question, f: Any, verdict: Verdict, runs: Sequence[Run]) -> Smallest | None:
    """The smallest example that f fails on, or None where it is right or was stopped. runs: the cases of the judge."""
    if verdict.status not in ("wrong", "error"):
        return None
    failing = [one for one in runs if _failure(question, one)]
    search = _Search(question, f, failing, [one for one in runs if all(one is not other for other in failing)])
    found = None
    with supervised(SECONDS):
        found = search.found() or search.found_when_called_twice()
    found = found or search.best
    if found is None:
        found = next((failed for one in failing if (failed := _failure(question, one))), None)
    elif search.at:
        with supervised(SECONDS):
            found.needs = needs.sentence(search.neighbours(), question, failing)
    return found


def _failure(question: Question, run: Run) -> Smallest | None:
    """The first tensor that came out wrong of one call; None if all came out right."""
    first = question.tensors[0]
    if run.raised:
        says = f"It stops already {_for(question, run)}, with {run.raised.kind}."
        return Smallest(first, run.case, None, run.expected[first], says)
    if run.complaint:
        return Smallest(first, run.case, None, run.expected[first], f"{_fails(question, run)}: {run.complaint}")
    for name in run.changed:
        says = f"{_fails(question, run)}: {name} is not the same after the call."
        return Smallest(name, run.case, None, np.asarray(run.case[name]), says)
    wrong = [name for name in question.tensors if not _is_right(question, run, name)]
    if not wrong or (question.accept and question.accept(run.case, run.tensors)):
        return None
    name = wrong[0]
    yours, expected = run.tensors.get(name), run.expected[name]
    where = f"in {name} " if len(question.tensors) > 1 else ""
    says = f"{_fails(question, run)}: {where}{_yours_and_right(yours, expected)}."
    return Smallest(name, run.case, yours, expected, says)


def _fails(question: Question, run: Run) -> str:
    return f"It fails already {_for(question, run)}"


def _for(question: Question, run: Run) -> str:
    """The arguments of a call, but for those that have their default."""
    parameters = inspect.signature(question.answer).parameters
    default = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
    told = [f'{name} = "{value}"' if isinstance(value, str) else _argument(name, value)
            for name, value in run.case.items() if name not in default or default[name] is not value]  # fmt: skip
    return f"for {', '.join(told)}"


def _argument(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return f"{name} {value.shape} = {entries(value)}"
    if callable(value):
        return f"{name} = {getattr(value, '__name__', 'a function').replace('<lambda>', 'a function')}"
    return f"{name} = {entries(value)}"


def entries(value: Any, figures: int = FIGURES) -> str:
    """An array or a number as one would type it; a long array is not written, nor are axes of size one.

    Rows and columns of an image are written: axes of size one are left out in front, and behind if it is one pixel.
    """
    if isinstance(value, np.ndarray):
        if value.size > MOST_ENTRIES:
            return f"{value.size} numbers"
        if value.ndim > 2 and value.shape[-2:] == (1, 1):
            value = value[..., 0, 0]
            while value.ndim > 1 and value.shape[-1] == 1:
                value = value[..., 0]
        while value.ndim > 1 and len(value) == 1:
            value = value[0]
        return entries(value.tolist(), figures)
    if isinstance(value, list):
        return f"[{', '.join(entries(part, figures) for part in value)}]"
    if isinstance(value, float):
        return looks.number(value, figures)
    return str(value)


def _yours_and_right(yours: np.ndarray | None, right: np.ndarray) -> str:
    if yours is None:
        return "yours is None"
    if yours.shape != right.shape:
        return f"yours has shape {yours.shape}, right is {right.shape}"
    if yours.dtype.kind not in "fiub" or (right.dtype.kind in "iu" and yours.dtype.kind == "f"):
        return f"yours is of dtype {yours.dtype}, right is {right.dtype}"
    texts = [(entries(_one(yours), figures), entries(_one(right), figures)) for figures in (FIGURES, 7, 10)]
    own, other = next((pair for pair in texts if pair[0] != pair[1]), texts[-1])
    return f"yours {own}, right {other}"


def _one(array: np.ndarray) -> Any:
    return array.item() if array.size == 1 else array


def _is_right(question: Question, run: Run, name: str) -> bool:
    array, reference = run.tensors.get(name), run.expected[name]
    if array is not None and reference.dtype.kind in "iu" and array.dtype.kind == "f":
        return False
    return close(array, reference, question.tolerance)


# ---------------------------------------------------------------- the search


@dataclass(frozen=True)
class _Drawn:
    """A small case of these sizes, drawn when it is first asked for."""

    question: Question
    small: Small
    numbers: Numbers
    sizes: dict[str, Any]

    @cached_property
    def case(self) -> Case:
        """Empty where it is plain that the sizes do not go together."""
        try:
            return self.small.draw(self.numbers, **self.sizes)
        except (ValueError, IndexError):
            return {}

    @cached_property
    def expected(self) -> Tensors:
        """Its right results; none where the sizes do not go together."""
        if not self.case:
            return {}
        try:
            found = self.question.expected({name: copied(value) for name, value in self.case.items()})
        except (ValueError, IndexError):
            return {}
        return found if all(np.size(array) for array in found.values()) else {}


class _Search:
    """The search for one answer; failing: calls that it is known to fail in, right: others."""

    def __init__(self, question: Question, f: Any, failing: Sequence[Run], right: Sequence[Run]) -> None:
        self.question, self.f = question, f
        self.wants_values = any(not one.raised for one in failing)  # then an exception will not do
        self.kinds = [DIGITS, SIGNED, TENTHS, LARGE]
        if failing and all(_has_large_numbers(one.case) for one in failing):
            self.kinds = [LARGE, DIGITS, SIGNED, TENTHS]
        self.without = _never_fails_with(failing, right)
        self.small = question.small or derived(question)
        self.calls = 0
        self.best: Smallest | None = None
        self.at: tuple[_Drawn, str] | None = None  # where it was found, and with which kind of numbers

    def found(self) -> Smallest | None:
        for kind in self.kinds:
            first = FIRST if kind == DIGITS else TRIED_AGAIN
            asked = (
                one
                for one in islice(_drawn(self.question, self.small, kind, in_order=True), LOOKED_AT * first)
                if not any(one.sizes.get(name, ...) in values for name, values in self.without.items()) and one.expected
            )
            for drawn in islice(asked, first):
                if failed := self.fails(drawn):
                    self.best, self.at = failed, (drawn, kind)
                    # a value that was left out may fail all the same, on arrays of this size
                    return self.made_smaller(drawn, failed, kind) if any(self.without.values()) else failed
            for drawn in islice(_drawn(self.question, self.small, kind, in_order=False), DRAWN):
                if failed := self.fails(drawn):
                    self.best = failed
                    return self.made_smaller(drawn, failed, kind)
        return None

    def neighbours(self) -> Iterator[tuple[Case, Case]]:
        """(the example, a case that has one size or feature less), for all that come out right."""
        assert self.at is not None
        example, kind = self.at
        numbers = [Numbers(kind)] * (NEIGHBOURS if kind == DIGITS else 3 * NEIGHBOURS)
        numbers += [Numbers(SIGNED)] * (NEIGHBOURS if kind == DIGITS else 0)
        for name, values in self.small.sizes.items():
            place = _place(values, example.sizes[name])
            if place == 0:
                continue
            sizes = {**example.sizes, name: values[place - 1]}
            drawn = [one for n in numbers if (one := _Drawn(self.question, self.small, n, sizes)).expected]
            runs = (run_case(self.question, self.f, one.case, one.expected) for one in drawn)
            if drawn and not any(_failure(self.question, run) for run in runs):
                yield example.case, drawn[0].case

    def made_smaller(self, drawn: _Drawn, failed: Smallest, kind: str) -> Smallest:
        """Give each size in turn its simplest value with which the answer still fails, until nothing changes."""
        numbers, changed = Numbers(kind), True
        while changed:
            changed = False
            for name, values in self.small.sizes.items():
                for value in values[: _place(values, drawn.sizes[name])]:
                    if found := self.fails_with({**drawn.sizes, name: value}, numbers):
                        (drawn, failed), changed = found, True
                        self.best = failed
                        break
        self.at = drawn, kind
        return failed

    def fails_with(self, sizes: dict[str, Any], numbers: Numbers) -> tuple[_Drawn, Smallest] | None:
        """The first of several cases of these sizes that the answer fails on, and how; None if there is none."""
        for _ in range(DRAWS if numbers.kind == DIGITS else DRAWS_OF_OTHERS):
            drawn = _Drawn(self.question, self.small, numbers, sizes)
            if not drawn.expected:
                return None
            if failed := self.fails(drawn):
                return drawn, failed
        return None

    def fails(self, drawn: _Drawn) -> Smallest | None:
        """How the answer fails on a case; None if it does not, or not as it should, or was called often enough."""
        if self.calls >= CALLS:
            return None
        self.calls += 1
        run = run_case(self.question, self.f, drawn.case, drawn.expected)
        if self.wants_values and run.raised:
            self.best = self.best or _failure(self.question, run)
            return None
        return _failure(self.question, run)

    def found_when_called_twice(self) -> Smallest | None:
        """The simplest case on which a second call fails: what is kept between calls shows."""
        valid = (one for one in _drawn(self.question, self.small, DIGITS, in_order=True) if one.expected)
        for drawn in islice(valid, TWICE):
            for _ in range(2):
                failed = _failure(self.question, run_case(self.question, self.f, drawn.case, drawn.expected))
            if failed:
                return failed
        return None


def _never_fails_with(failing: Sequence[Run], right: Sequence[Run]) -> dict[str, list[Any]]:
    """Argument -> its values, of numbers and words, that some calls have that came out right, and none that failed."""
    found = {}
    for name in failing[0].case if failing else ():
        if all(isinstance(one.case[name], (int, str)) for one in (*failing, *right)):
            bad = {one.case[name] for one in failing}
            found[name] = [fine for fine in dict.fromkeys(one.case[name] for one in right) if fine not in bad]
    return found


def _has_large_numbers(case: Case) -> bool:
    return any(isinstance(value, np.ndarray) and np.abs(value).max(initial=0) > FAR for value in case.values())


def _place(values: Sequence[Any], value: Any) -> int:
    return next(place for place, one in enumerate(values) if one is value or one == value)


def _drawn(question: Question, small: Small, kind: str, in_order: bool) -> Iterator[_Drawn]:
    """Small cases, in order of their size or of any size. What was drawn once is drawn for all answers."""
    key = kind, in_order
    if key not in question.drawn:
        question.drawn[key] = [], (_in_order_of_size if in_order else _of_any_size)(question, small, kind)
    found, more = question.drawn[key]
    yield from found
    for drawn in more:
        found.append(drawn)
        yield drawn


def _in_order_of_size(question: Question, small: Small, kind: str) -> Iterator[_Drawn]:
    """The simplest cases first: a larger array costs one for each axis, any other argument FEATURE for each step.

    Of two that cost the same, that with the larger arrays comes first. Where there are few, of numbers of which not
    all fail each is drawn several times.
    """
    times = 1 if kind == DIGITS else max(1, TRIED_AGAIN // math.prod(map(len, small.sizes.values())))
    costs = [FEATURE if name in question.probe else 1 for name in small.sizes]
    features = [cost == FEATURE for cost in costs]
    steps = [len(values) - 1 for values in small.sizes.values()]
    most = sum(cost * step for cost, step in zip(costs, steps, strict=True))
    place = 0
    for total in range(most + 1):
        for chosen in sorted(_that_cost(total, costs, steps), key=lambda chosen: np.dot(chosen, features)):
            sizes = {name: values[step] for (name, values), step in zip(small.sizes.items(), chosen, strict=True)}
            for _ in range(times):
                place += 1
                yield _Drawn(question, small, Numbers(kind, place), sizes)


def _that_cost(total: int, costs: Sequence[int], most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Tuples of whole numbers up to `most`, whose sum with these weights is the total."""
    if not costs:
        yield from [()] if total == 0 else []
        return
    for first in range(min(most[0], total // costs[0]) + 1):
        for rest in _that_cost(total - first * costs[0], costs[1:], most[1:]):
            yield (first, *rest)


def _of_any_size(question: Question, small: Small, kind: str) -> Iterator[_Drawn]:
    numbers = Numbers(kind)
    for _ in range(4 * DRAWN):
        sizes = {}
        for name, values in small.sizes.items():
            one, other = numbers.rng.integers(len(values), size=2)
            sizes[name] = values[one if isinstance(values[0], str) else min(one, other)]  # words are none of them large
        drawn = _Drawn(question, small, numbers, sizes)
        if drawn.expected:
            yield drawn


# ---------------------------------------------------------------- small cases of any exercise

Place = tuple[str, int]  # an argument, and one of its axes or entries


def derived(question: Question) -> Small:
    """How small cases are drawn, told from the cases: sizes that agree in all of them always agree.

    The gradient that comes first has the shape of what `forward` returns, where there is one.
    """
    cases = [case for case in question.arguments if _form(case) == _form(question.arguments[0])]
    first = next(iter(cases[0]))
    places = {place: [_size(case, place) for case in cases] for place in _places(cases[0])}
    groups: dict[Place, Place] = {}
    for place, seen in places.items():
        groups[place] = next((groups[other] for other in groups if places[other] == seen), place)
    others = {group for (name, _), group in groups.items() if name != first}
    own = [group for (name, _), group in groups.items() if name == first]
    forward = question.forward if _follows(question, cases, first) and not set(own) <= others else None
    if forward:
        groups = {place: group for place, group in groups.items() if place[0] != first}
    letters = {group: f"{group[0]}_{group[1]}" for group in groups.values()}
    sizes: dict[str, Sequence[Any]] = {
        letter: range(1, min(max(places[group]), LARGEST) + 1) for group, letter in letters.items()
    }
    sizes |= {name: _choices([case[name] for case in cases]) for name in cases[0] if not _has_places(cases[0][name])}

    def draw(numbers: Numbers, **chosen: Any) -> Case:
        case: Case = {}
        for name, value in cases[0].items():
            if not _has_places(value):
                case[name] = chosen[name]
                continue
            shape = tuple(chosen[letters[groups[name, axis]]] if (name, axis) in groups else 1
                          for axis in range(_axes(value)))  # fmt: skip
            case[name] = shape if isinstance(value, tuple) else _array(numbers, value, shape)
        if forward:
            case[first] = numbers(*np.shape(forward(*case.values())))
        return case

    return Small(sizes, draw)


def _array(numbers: Numbers, like: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if like.dtype.kind == "f":
        return numbers(*shape).astype(like.dtype)
    return numbers.below(int(like.max(initial=0)) + 1, *shape).astype(like.dtype)


def _has_places(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, tuple) and all(isinstance(n, int) for n in value))


def _axes(value: Any) -> int:
    return value.ndim if isinstance(value, np.ndarray) else len(value)


def _form(case: Case) -> list[tuple[str, int]]:
    return [(name, _axes(value)) for name, value in case.items() if _has_places(value)]


def _places(case: Case) -> list[Place]:
    return [(name, axis) for name, axes in _form(case) for axis in range(axes)]


def _size(case: Case, place: Place) -> int:
    value = case[place[0]]
    return int((value.shape if isinstance(value, np.ndarray) else value)[place[1]])


def _follows(question: Question, cases: list[Case], first: str) -> bool:
    """Whether the first argument has the shape of what `forward` returns, whatever it holds itself."""
    if question.forward is None or not isinstance(cases[0][first], np.ndarray):
        return False
    try:
        return all(np.shape(question.forward(*{**case, first: None}.values())) == case[first].shape for case in cases)
    except (TypeError, AttributeError, ValueError):  # it needs the values of its first argument
        return False


def _choices(values: list[Any]) -> Sequence[Any]:
    """What an argument without axes may be: whole numbers up to the largest seen, anything else as it was seen."""
    numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if numbers:
        others = [value for value in values if value is None][:1]
        return [*others, *range(min(1, *numbers) if len(numbers) > 1 else min(1, numbers[0]), max(numbers) + 1)]
    found: list[Any] = []
    for value in values:
        if not any(value is one or (isinstance(value, (float, str)) and value == one) for one in found):
            found.append(value)
    return found
