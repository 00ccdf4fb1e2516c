"""What was seen of one result in many calls: where it is right, and what it is where it is not."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np

from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.describing import call_text
from course_lib.exercises.engine.question import Case, Question
from course_lib.exercises.engine.relations import Pair
from course_lib.exercises.engine.running import Run

ENOUGH = 3  # calls that must agree before they make a rule

Feature = tuple[str, Callable[[Case], Any]]
Marked = tuple[str, int]  # what is said of some calls, and which: one bit each


@dataclass(frozen=True)
class Seen:
    """One call: the array that came of it as one of the results (None where nothing did), and the right one."""

    case: Case
    yours: np.ndarray | None
    expected: np.ndarray
    right: bool
    raised: str = ""  # the exception as "ValueError: message", if the call raised one

    @property
    def wrong(self) -> bool:
        """Whether numbers came, and wrong ones."""
        return self.yours is not None and not self.right and self.yours.dtype.kind in "fiub"


def seen_in(question: Question, tensor: str, runs: Iterable[Run]) -> list[Seen]:
    """The calls, without those that returned something of another form, as a tuple in place of an array."""
    found = []
    for one in runs:
        if one.complaint:
            continue
        array, expected = one.tensors.get(tensor), one.expected[tensor]
        right = one.raised is None and is_right(question, array, expected)
        if not right and one.raised is None and question.accept and question.accept(one.case, one.tensors):
            right = True
        raised = f"{one.raised.kind}: {one.raised.message}" if one.raised else ""
        found.append(Seen(one.case, array, expected, right, raised))
    return found


def is_right(question: Question, array: np.ndarray | None, expected: np.ndarray) -> bool:
    """Whether an array passes as a result: close enough, and of whole numbers where indices are asked for."""
    if array is None or (expected.dtype.kind in "iu" and array.dtype.kind == "f"):
        return False
    return close(array, expected, question.tolerance)


def pairs(calls: Iterable[Seen]) -> list[Pair]:
    return [Pair(one.case, one.yours, one.expected) for one in calls if one.yours is not None]


def size(case: Case) -> int:
    """How many numbers a call is given."""
    return sum(value.size for value in case.values() if isinstance(value, np.ndarray))


# ---------------------------------------------------------------- features of a call


def features(cases: Sequence[Case]) -> list[Marked]:
    """What can be said of the arguments of a call: "stride = 1", "x has one row". Each is true of some calls only."""
    found: list[Feature] = []
    for name, value in cases[0].items() if cases else ():
        if isinstance(value, np.ndarray) or any(isinstance(case[name], np.ndarray) for case in cases):
            found += _of_array(name, cases)
        elif isinstance(value, tuple):
            found += _of_tuple(name, value)
        elif value is None or isinstance(value, (int, float, str)):
            held = dict.fromkeys(repr(case[name]) for case in cases)
            found += [(f"{name} = {shown}", _is(name, shown)) for shown in held] if len(held) <= 6 else []
    found += _of_windows(cases[0]) if cases else []
    marked = [(says, marks(holds(case) for case in cases)) for says, holds in found]
    return [(says, these) for says, these in marked if 0 < these.bit_count() < len(cases)]


def marks(of_each: Iterable[Any]) -> int:
    """Which calls something is true of, one bit each."""
    return sum(1 << place for place, true in enumerate(of_each) if true)


def _is(name: str, shown: str) -> Callable[[Case], bool]:
    return lambda case: repr(case[name]) == shown


def _of_array(name: str, cases: Sequence[Case]) -> list[Feature]:
    arrays = [case[name] for case in cases]
    dims = min(np.ndim(array) if array is not None else 0 for array in arrays)
    found: list[Feature] = [(f"{name}.shape[{axis}] = 1", _of_length_one(name, axis)) for axis in range(dims)]
    if dims >= 2:
        rows, columns = dims - 2, dims - 1
        found += [
            (f"{name}.shape[{rows}] = {name}.shape[{columns}]", lambda case: len(set(np.shape(case[name])[-2:])) == 1),
            (f"{name}.shape[{rows}] > {name}.shape[{columns}]", lambda case: _rows(case[name]) > _columns(case[name])),
            (f"{name}.shape[{rows}] < {name}.shape[{columns}]", lambda case: _rows(case[name]) < _columns(case[name])),
        ]
    return [
        *found,
        (f"{name} of one number", lambda case: np.size(case[name]) == 1),
        (f"{name} of dtype float32", lambda case: getattr(case[name], "dtype", None) == np.float32),
        (f"{name} of whole numbers (dtype int)", lambda case: getattr(case[name], "dtype", np.dtype("f8")).kind == "i"),
        (f"numbers above 100 in {name}", lambda case: case[name] is not None and np.any(np.abs(case[name]) > 100)),
        (f"a zero in {name}", lambda case: case[name] is not None and not np.all(case[name])),
        (f"{name} = None", lambda case: case[name] is None),
    ]  # fmt: skip


def _of_length_one(name: str, axis: int) -> Callable[[Case], bool]:
    return lambda case: np.shape(case[name])[axis] == 1


def _rows(array: np.ndarray) -> int:
    return array.shape[-2]


def _columns(array: np.ndarray) -> int:
    return array.shape[-1]


def _of_tuple(name: str, value: tuple[Any, ...]) -> list[Feature]:
    last = len(value) - 1
    return [
        *((f"{name}[{axis}] = 1", lambda case, axis=axis: case[name][axis] == 1) for axis in range(len(value))),
        (f"{name}[{last - 1}] = {name}[{last}]", lambda case: len(set(case[name][-2:])) == 1),
    ]


def _of_windows(case: Case) -> list[Feature]:
    """How windows lie, for what has a stride: by the sizes of image and kernel."""
    if not ({"stride", "kernel_size"} & case.keys()) or windows(case) is None:
        return []
    return [
        ("windows that reach the end of the padded input", lambda case: not any(remainders(case))),
        ("windows that do not overlap", lambda case: all(k <= windows(case)[2] for k in windows(case)[1])),  # type: ignore[index]
        ("windows that leave gaps", lambda case: any(k < windows(case)[2] for k in windows(case)[1])),  # type: ignore[index]
        ("a kernel of one entry", lambda case: set(windows(case)[1]) == {1}),  # type: ignore[index]
        ("padding of at most kernel - 1", lambda case: all(windows(case)[3] < k for k in windows(case)[1])),  # type: ignore[index]
        ("stride = 1 and padding = 0", lambda case: windows(case)[2:] == (1, 0)),  # type: ignore[index]
    ]


def windows(case: Case) -> tuple[tuple[int, ...], tuple[int, ...], int, int] | None:
    """(sizes of the input), (of the kernel), stride, padding."""
    x, w = (np.asarray(case.get(name, case.get(instead, 0))) for name, instead in (("x", "x"), ("w", "weight")))
    axes = 1 if x.ndim == 1 else 2
    kernel = case.get("kernel_size", w.shape[-axes:])
    kernel = (kernel,) * axes if isinstance(kernel, int) else tuple(kernel)
    shape: Any = case.get("output_size", case.get("input_shape", x.shape))
    image = shape[-axes:]
    if len(kernel) != axes or len(image) != axes:
        return None
    stride = case.get("stride")
    return tuple(image), kernel, kernel[0] if stride is None else stride, case.get("padding", 0)


def remainders(case: Case) -> tuple[int, ...]:
    """How many rows and columns of the padded input are behind the last window."""
    found = windows(case)
    assert found is not None
    image, kernel, stride, padding = found
    return tuple((n + 2 * padding - k) % stride for n, k in zip(image, kernel, strict=True))


# ---------------------------------------------------------------- where it is right


def rule(told: Sequence[Marked], chosen: Sequence[bool]) -> tuple[str, int, int, int] | None:
    """The feature of `told`, or the two together, that says best which calls are chosen.

    Returns it with: how many calls it is true of, how many others there are, how many of the others are chosen too.
    All calls that it is true of are chosen; None where no feature is true of enough calls.
    """
    if all(chosen) or not any(chosen):
        return None
    wanted, total = marks(chosen), sum(chosen)
    both = ((f"{one} and {other}", these & those) for (one, these), (other, those) in combinations(told, 2))
    best = None
    for says, these in chain(told, both):
        true = these.bit_count()
        if true < ENOUGH or these & ~wanted:
            continue
        if best is None or total - true < best[3]:
            best = says, true, len(chosen) - true, total - true  # those left are chosen, though it is not true of them
    return best


def where_right(tensor: str, calls: Sequence[Seen], told: Sequence[Marked]) -> tuple[bool, str] | None:
    """ "dx is right in all 12 calls with stride = 1, and wrong in all 28 others.", and whether it is all.

    told: the features of the calls.
    """
    found = rule(told, [one.right for one in calls])
    verb, negation = "right", "wrong or missing" if any(one.raised for one in calls) else "wrong"
    if found is None:
        found = rule(told, [not one.right for one in calls])
        verb, negation = negation, "right"
        if found is None:
            return None
    says, true, others, left = found
    if verb != "right" and 2 * left > others:
        return None
    rest = f"and {negation} in all {others} others" if left == 0 else f"and {verb} in {left} of the {others} others"
    return left == 0, f"{tensor} is {verb} in all {true} calls tried with {says}, {rest}."


def where_it_stops(calls: Sequence[Seen], told: Sequence[Marked]) -> str | None:
    """ "It stops with ValueError in 9 of 42 calls: in all with padding = 2." """
    raised = [one for one in calls if one.raised]
    if not raised:
        return None
    kinds = " and ".join(dict.fromkeys(one.raised.partition(":")[0] for one in raised))
    if len(raised) == len(calls):
        return f"Every one of the {len(calls)} calls tried stops with {kinds}, the first with {raised[0].raised}."
    found = rule(told, [bool(one.raised) for one in calls])
    begins = f"It stops with {kinds} in {len(raised)} of {len(calls)} calls tried"
    smallest = min(raised, key=lambda one: size(one.case))
    if found is None:
        return f"{begins}, as with {call_text(smallest.case)}."
    says, true, others, left = found
    rest = f"and in none of the {others} others" if left == 0 else f"and in {left} of the {others} others"
    return f"{begins}: in all {true} with {says}, {rest}."


def by_shape(tensor: str, calls: Sequence[Seen]) -> str | None:
    """How the shape that came differs from the one that belongs there."""
    off = [one for one in calls if one.wrong and one.yours is not None and one.yours.shape != one.expected.shape]
    if not off:
        return None
    first = min(off, key=lambda one: size(one.case))
    assert first.yours is not None
    example = f"with {call_text(first.case)} its shape is {first.yours.shape}, where {first.expected.shape} is expected"
    if any(one.yours.ndim != one.expected.ndim for one in off if one.yours is not None):
        return f"{tensor} has the wrong number of axes: {example}."
    came = [one for one in calls if one.yours is not None]
    alike = {one.expected.ndim for one in came} == {first.expected.ndim}
    for axis in range(first.expected.ndim if alike else 0):
        gaps = [one.yours.shape[axis] - one.expected.shape[axis] for one in came if one.yours is not None]
        if not any(gaps):
            continue
        for says, value in _lengths(first.case, axis - first.expected.ndim):
            for sign, word in ((1, "long"), (-1, "short")):
                if gaps == [sign * value(one.case) for one in came]:
                    return f"{tensor} is too {word} along axis {axis} by {says}: {example}."
    return f"{tensor} has the wrong shape in {len(off)} of {len(calls)} calls tried: {example}."


def _lengths(case: Case, axis: int) -> list[tuple[str, Callable[[Case], int]]]:
    """Lengths that a result may be off by along an axis, counted from the end."""
    always: list[tuple[str, Callable[[Case], int]]] = [
        ("1, always", lambda case: 1),
        ("2, always", lambda case: 2),
    ]
    if not ({"stride", "kernel_size"} & case.keys()) or windows(case) is None or axis < -len(windows(case)[0]):  # type: ignore[index]
        return always
    return [
        *always,
        ("as much as is behind the last window", lambda case: remainders(case)[axis]),
        ("the padding", lambda case: case.get("padding", 0)),
        ("twice the padding", lambda case: 2 * case.get("padding", 0)),
        ("the kernel less one", lambda case: windows(case)[1][axis] - 1),  # type: ignore[index]
        ("the stride less one", lambda case: windows(case)[2] - 1),  # type: ignore[index]
        ("one wherever something is behind the last window", lambda case: int(remainders(case)[axis] > 0)),
    ]
