"""How a wrong array relates to the right one: a factor, other axes, a shift, an added argument, some rows only.

Every candidate is a sentence about one call, and whether it is true of that call. What holds is found by trying.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

from course_lib import looks
from course_lib.exercises.engine import causes
from course_lib.exercises.engine.compare import close, different
from course_lib.exercises.engine.question import Case

FIGURES = 4
MOST_AXES = 4  # of an array whose axes are exchanged and reversed

IN_ANOTHER_SHAPE = "the right one in another shape: its values follow each other in the same order"

Holds = Callable[[Case, np.ndarray, np.ndarray], Any]  # something that is true or false


@dataclass(frozen=True)
class Pair:
    """The arrays of one call: yours, and the right one."""

    case: Case
    yours: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Relation:
    """What yours is ("2 times the right one"), how telling that is (small first), and the test of one call.

    cause: what the learner is told where it holds in every call and no mistake of the lab is known that explains more,
    with {tensor} for the name of the result. One number has many names ("dy.shape[0]", "x.shape[0]"): of all relations
    of one family that hold equally well, the first is told.
    """

    rank: int
    says: str
    test: Holds
    cause: str = ""
    family: str = ""

    def holds(self, pair: Pair) -> bool:
        try:
            return bool(self.test(pair.case, pair.yours, pair.expected))
        except (ValueError, IndexError):  # arrays of shapes that this relation is not about
            return False


def relations(wrong: Sequence[Pair], everywhere: Sequence[Pair], tolerance: float) -> Iterator[Relation]:
    """Candidates, read off the wrong arrays; `everywhere` are all that were returned, right ones too."""
    wrong = [pair for pair in wrong if np.isfinite(pair.yours).all()]
    if not wrong:
        return
    same = [pair for pair in wrong if pair.yours.shape == pair.expected.shape]
    if same:
        yield from _factors(same[0], everywhere, tolerance)
        yield from _arithmetic(same[0], tolerance)
        yield from _parts(same, tolerance)
        yield from _shifts(same[0], tolerance)
        yield from _totals(same[0], tolerance)
    yield from _arguments(wrong[0], tolerance)
    yield from _axes(wrong[0], tolerance)
    yield from _shapes(wrong, tolerance)


def slips(first: Pair, everywhere: Sequence[Pair], tolerance: float) -> Iterator[Relation]:
    """A factor, a sign or another order of axes: what a second mistake may have made of a wrong array.

    `expected` of the pairs is that wrong array. Factors that an argument holds are left out: they may fit by chance.
    """
    candidates = (
        *_factors(first, everywhere, tolerance, numbers=False),
        *_axes(first, tolerance),
        Relation(1, IN_ANOTHER_SHAPE, _reshaped(tolerance), causes.RESHAPED),
    )
    for relation in candidates:
        if relation.cause and relation.cause != causes.ZERO:
            yield relation


def may_be_a_slip(pair: Pair, tolerance: float) -> bool:
    """Whether the values could be the same ones, or all of them times a number."""
    if factor(pair.yours, pair.expected, tolerance) is not None:
        return True
    return any(_same_values(tolerance)(pair.case, pair.yours, sign * pair.expected) for sign in (1, -1))


# ---------------------------------------------------------------- factors


def quantities(case: Case) -> dict[str, float]:
    """The numbers that the arguments of a call hold or are shaped by, as one writes them in Python."""
    found: dict[str, float] = {}
    for name, value in case.items():
        if isinstance(value, np.ndarray):
            found |= {f"{name}.shape[{axis}]": size for axis, size in enumerate(value.shape)}
            if value.ndim > 1:
                rows, columns = value.ndim - 2, value.ndim - 1
                pixels = f"{name}.shape[{rows}] * {name}.shape[{columns}]"
                found[pixels] = value.shape[rows] * value.shape[columns]
                if value.ndim > 2:
                    found[f"{name}.shape[0] * {name}.shape[1]"] = value.shape[0] * value.shape[1]
                    found[f"{name}.shape[0] * {pixels}"] = found[pixels] * value.shape[0]
            found[f"{name}.size"] = value.size
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = value
            found[f"{name} ** 2"] = value**2
            found[f"(1 - {name})"] = 1 - value
        elif isinstance(value, tuple) and value and all(isinstance(part, int) for part in value):
            found |= {f"{name}[{axis}]": size for axis, size in enumerate(value)}
            found[f"{name}[-2] * {name}[-1]"] = float(np.prod(value[-2:]))
    return {name: value for name, value in found.items() if value}


def factor(yours: np.ndarray, expected: np.ndarray, tolerance: float) -> float | None:
    """The number that takes the right array to yours, where there is one other than 0."""
    if yours.shape != expected.shape or not (np.isfinite(yours).all() and np.isfinite(expected).all()):
        return None
    if not expected.any():
        return None
    with np.errstate(all="ignore"):  # of numbers near the largest, whose squares are infinite
        number = float(np.vdot(expected, yours) / np.vdot(expected, expected))
    return number if abs(number) > 1e-9 and close(yours, number * expected, tolerance) else None


def _factors(first: Pair, everywhere: Sequence[Pair], tolerance: float, numbers: bool = True) -> Iterator[Relation]:
    """numbers: whether a factor may be one of the arguments, as well as a size of one."""
    number = factor(first.yours, first.expected, tolerance)
    if number is None:
        yield Relation(8, "zero everywhere", lambda case, a, r: not a.any(), causes.ZERO)
        return

    def times(value: Callable[[Case], float]) -> Holds:
        return lambda case, a, r: a.shape == r.shape and close(a, value(case) * r, tolerance)

    found = {factor(p.yours, p.expected, tolerance) for p in everywhere if p.expected.any()}
    varies = None not in found and max(found) - min(found) > 1e-3 * abs(max(found, key=abs))  # type: ignore[type-var, operator, arg-type]
    if not varies:
        if abs(number + 1) < tolerance:
            yield Relation(0, "the right one with the wrong sign", times(lambda case: -1), causes.SIGN)
        else:
            text = f"{looks.number(number, FIGURES)} times the right one"
            yield Relation(0, text, times(lambda case: number), causes.of_factor(number))
    for sign, but in ((1, ""), (-1, ", with the wrong sign")):
        for name in quantities(first.case):
            if not numbers and "." not in name:
                continue
            for verb, power in (("times", 1), ("divided by", -1)):
                value = _quantity(name, power, sign)
                if abs(value(first.case) - number) < 1e-6 * abs(number):
                    cause = causes.of_quantity(verb, name, sign)
                    family = "a size" if "." in name else "an argument"
                    yield Relation(0 if varies else 2, f"the right one {verb} {name}{but}", times(value), cause, family)


def _quantity(name: str, power: int, sign: int) -> Callable[[Case], float]:
    return lambda case: sign * quantities(case).get(name, np.nan) ** power


# ---------------------------------------------------------------- arithmetic entry by entry


def _arithmetic(first: Pair, tolerance: float) -> Iterator[Relation]:
    made: tuple[tuple[str, Callable[[np.ndarray], np.ndarray], str], ...] = (
        ("the right one squared, entry by entry", lambda r: r * r, causes.SQUARED),
        ("one divided by the right one, entry by entry", _reciprocal, causes.RECIPROCAL),
        ("the right one without its sign", np.abs, causes.WITHOUT_SIGN),
        ("the right one with its decimals dropped", np.trunc, causes.WHOLE_NUMBERS),
        ("the right one rounded to whole numbers", np.round, causes.WHOLE_NUMBERS),
    )
    for says, change, cause in made:
        yield Relation(1, says, _changed(change, tolerance), cause)
    gap = first.yours.astype(float) - first.expected
    shift = float(gap.flat[0]) if gap.size else 0.0
    if np.isfinite(shift) and shift:
        text = f"the right one plus {looks.number(shift, FIGURES)} in every entry"
        cause = causes.SHIFTED.format(shift=looks.number(shift, FIGURES), tensor="{tensor}")
        yield Relation(1, text, _changed(lambda r: r + shift, tolerance), cause)
    for name, value in first.case.items():
        if not (isinstance(value, np.ndarray) and value.shape == first.expected.shape and value.any()):
            continue
        if value.dtype.kind == "f":
            added = float(np.vdot(value, gap) / np.vdot(value, value))
            if abs(added) > 1e-9:
                text = f"the right one plus {looks.number(added, FIGURES)} times {name}"
                yield Relation(1, text, _plus(name, added, tolerance), causes.of_added(name, added))
        cause = causes.TIMES.format(name=name, tensor="{tensor}")
        yield Relation(1, f"the right one times {name}, entry by entry", _entrywise(name, tolerance), cause)


def _reciprocal(right: np.ndarray) -> np.ndarray:
    if not right.all():
        raise ValueError("a zero has no reciprocal")
    return 1 / right


def _changed(change: Callable[[np.ndarray], np.ndarray], tolerance: float) -> Holds:
    return lambda case, a, r: a.shape == r.shape and close(a, change(r), tolerance)


def _plus(name: str, added: float, tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        return a.shape == r.shape == np.shape(case[name]) and close(a, r + added * case[name], tolerance)

    return holds


def _entrywise(name: str, tolerance: float) -> Holds:
    return lambda case, a, r: a.shape == r.shape == np.shape(case[name]) and close(a, r * case[name], tolerance)


def _arguments(first: Pair, tolerance: float) -> Iterator[Relation]:
    """Yours is a multiple of an argument, or a sum of one."""
    for name, value in first.case.items():
        if not isinstance(value, np.ndarray) or not value.any():
            continue
        if value.shape == first.yours.shape and value.dtype.kind == "f":
            number = factor(first.yours, value, tolerance)
            if number is not None:
                text = f"{name} itself" if abs(number - 1) < 1e-6 else f"{looks.number(number, FIGURES)} times {name}"
                cause = causes.ARGUMENT.format(text=text, tensor="{tensor}")
                yield Relation(3, text, _multiple(name, number, tolerance), cause)
        for axes in _axis_sets(value.ndim):
            text = f"{name} summed over axis {_listed(axes)}"
            cause = causes.ARGUMENT.format(text=text, tensor="{tensor}")
            yield Relation(4, text, _summed(name, axes, tolerance), cause)


def _multiple(name: str, number: float, tolerance: float) -> Holds:
    return lambda case, a, r: a.shape == np.shape(case[name]) and close(a, number * case[name], tolerance)


def _summed(name: str, axes: tuple[int, ...], tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        return a.size > 0 and close(a, np.sum(case[name], axis=axes), tolerance)

    return holds


# ---------------------------------------------------------------- axes


def _axes(first: Pair, tolerance: float) -> Iterator[Relation]:
    dims = first.expected.ndim
    if first.yours.ndim != dims or not 1 <= dims <= MOST_AXES or first.expected.size < 2:
        return
    for sign in (1, -1):
        if _same_values(tolerance)(first.case, first.yours, sign * first.expected):
            yield from _orders(first, sign, tolerance)


def _orders(first: Pair, sign: int, tolerance: float) -> Iterator[Relation]:
    dims = first.expected.ndim
    for order in permutations(range(dims)):
        for turned in product((False, True), repeat=dims):
            moved = order != tuple(range(dims))
            if moved or any(turned):
                flipped = tuple(axis for axis in range(dims) if turned[axis])
                holds = _reordered(order, flipped, sign, tolerance)
                if holds(first.case, first.yours, first.expected):
                    parts = [f"its axes in the order {', '.join(map(str, order))}"] if moved else []
                    parts += [f"axis {_listed(flipped)} reversed"] if flipped else []
                    parts += ["the wrong sign"] if sign < 0 else []
                    text = " and ".join(parts)
                    cause = causes.of_axes(text, moved)
                    yield Relation(1, f"the right one with {text}", holds, cause)


def _reordered(order: tuple[int, ...], flipped: tuple[int, ...], sign: int, tolerance: float) -> Holds:
    """Yours is the right one transposed to `order`, then reversed along `flipped`, times the sign."""
    return lambda case, a, r: a.ndim == r.ndim and close(a, sign * np.flip(r.transpose(order), flipped), tolerance)


def _shapes(wrong: Sequence[Pair], tolerance: float) -> Iterator[Relation]:
    """The right values in an array of another shape or size."""
    a, r = wrong[0].yours, wrong[0].expected
    if a.shape == r.shape:
        yield Relation(5, "made of the right values in other places", _same_values(tolerance, in_one_shape=True))
        return
    if a.size == r.size:
        yield Relation(1, IN_ANOTHER_SHAPE, _reshaped(tolerance), causes.RESHAPED)
        yield Relation(5, "made of the right values in another shape and order", _same_values(tolerance))
    for axes in _axis_sets(a.ndim):
        if not _are_sums(axes, [pair.yours for pair in wrong]):
            continue
        cause = causes.UNSUMMED.format(axes=_listed(axes))
        yield Relation(1, f"the right one before a sum over axis {_listed(axes)}", _unsummed(axes, tolerance), cause)
    for axes in _axis_sets(r.ndim):
        if not _are_sums(axes, [pair.expected for pair in wrong]):
            continue
        cause = causes.OVERSUMMED.format(axes=_listed(axes))
        yield Relation(1, f"the right one summed over axis {_listed(axes)}", _oversummed(axes, tolerance), cause)
    if a.ndim == r.ndim and a.ndim:
        text = "the beginning of the right one, with its end cut off along some axis"
        yield Relation(1, text, _begins(tolerance), causes.CUT_OFF)
        yield Relation(1, "the right one with more entries around it", _inside(tolerance), causes.AROUND)


def _reshaped(tolerance: float) -> Holds:
    return lambda c, a, r: a.size == r.size and close(a.ravel(), r.ravel(), tolerance)


def _are_sums(axes: tuple[int, ...], arrays: Sequence[np.ndarray]) -> bool:
    """Whether more than one entry is added along each of these axes in some of the arrays."""
    return all(any(array.ndim > axis and array.shape[axis] > 1 for array in arrays) for axis in axes)


def _same_values(tolerance: float, in_one_shape: bool = False) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        if in_one_shape and a.shape != r.shape:
            return False
        return 1 < a.size == r.size and close(np.sort(a, axis=None), np.sort(r, axis=None), tolerance)

    return holds


def _unsummed(axes: tuple[int, ...], tolerance: float) -> Holds:
    return lambda c, a, r: a.ndim > max(axes) and a.size > 0 and close(a.sum(axis=axes), r, tolerance)


def _oversummed(axes: tuple[int, ...], tolerance: float) -> Holds:
    return lambda c, a, r: r.ndim > max(axes) and close(a, r.sum(axis=axes), tolerance)


def _begins(tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        shorter = a.ndim == r.ndim and all(n <= m for n, m in zip(a.shape, r.shape, strict=True))
        return shorter and a.size > 0 and close(a, r[tuple(slice(n) for n in a.shape)], tolerance)

    return holds


def _inside(tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        if a.ndim != r.ndim or not r.size or any(n < m for n, m in zip(a.shape, r.shape, strict=True)):
            return False
        starts = product(*(range(n - m + 1) for n, m in zip(a.shape, r.shape, strict=True)))
        places = (tuple(slice(s, s + m) for s, m in zip(start, r.shape, strict=True)) for start in starts)
        return any(close(a[place], r, tolerance) for place in places)

    return holds


def _totals(first: Pair, tolerance: float) -> Iterator[Relation]:
    """Sums along an axis in place of single values, and one value in place of all."""
    dims = first.expected.ndim
    for axis in range(dims):
        text = f"the right one added up along axis {axis}, entry after entry"
        yield Relation(1, text, _cumulative(axis, tolerance), causes.ADDED_UP.format(axis=axis))
        for end in ENDS:
            text = f"the {end} entry of the right one along axis {axis}, in all places"
            yield Relation(1, text, _the_same(axis, end, tolerance), causes.ONE_EVERYWHERE.format(end=end, axis=axis))
    for axes in _axis_sets(dims):
        text = f"the sum of the right one over axis {_listed(axes)}, in all places"
        yield Relation(1, text, _spread_sum(axes, tolerance), causes.SUM_EVERYWHERE.format(axes=_listed(axes)))


def _cumulative(axis: int, tolerance: float) -> Holds:
    return lambda c, a, r: a.shape == r.shape and close(a, np.cumsum(r, axis=axis), tolerance)


def _the_same(axis: int, end: str, tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        kept = np.take(r, [0 if end == "first" else -1], axis=axis)
        return a.shape == r.shape and close(a, np.broadcast_to(kept, r.shape), tolerance)

    return holds


def _spread_sum(axes: tuple[int, ...], tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        return a.shape == r.shape and close(a, np.broadcast_to(r.sum(axis=axes, keepdims=True), r.shape), tolerance)

    return holds


def _axis_sets(dims: int) -> list[tuple[int, ...]]:
    chosen = (tuple(axis for axis in range(dims) if marks[axis]) for marks in product((False, True), repeat=dims))
    return [axes for axes in chosen if axes]


def _listed(axes: Sequence[Any]) -> str:
    return " and ".join(map(str, axes))


# ---------------------------------------------------------------- some entries only


ENDS: dict[str, Callable[[int], slice]] = {
    "first": lambda size: slice(0, 1),
    "last": lambda size: slice(size - 1, size),
}


def _parts(wrong: Sequence[Pair], tolerance: float) -> Iterator[Relation]:
    """The right one, but for its first or last entry along an axis, or right there alone."""
    for axis in range(min(pair.expected.ndim for pair in wrong)):
        if max(pair.expected.shape[axis] for pair in wrong) < 2:
            continue
        for end in ENDS:
            wrong_end, right_end = (c.format(end=end, axis=axis) for c in (causes.ONE_END_WRONG, causes.ONE_END_RIGHT))
            text = f"right but for the {end} entry along axis {axis}"
            yield Relation(1, text, _but_for(axis, end, tolerance), wrong_end)
            text = f"right in its {end} entry along axis {axis} alone"
            yield Relation(3, text, _only_at(axis, end, tolerance), right_end)
    yield Relation(4, "right but for entries that are 0 and should not be", _zero_or_right(tolerance), causes.HOLES)


def _but_for(axis: int, end: str, tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        if a.shape != r.shape or a.shape[axis] < 2:
            return False
        off = np.moveaxis(different(a, r, tolerance), axis, 0)
        off[ENDS[end](len(off))] = False
        return not off.any()

    return holds


def _only_at(axis: int, end: str, tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        if a.shape != r.shape or a.shape[axis] < 2:
            return False
        off = np.moveaxis(different(a, r, tolerance), axis, 0)
        kept = off[ENDS[end](len(off))]
        return not kept.any() and bool(off.reshape(len(off), -1).any(axis=1).sum() == len(off) - 1)

    return holds


def _zero_or_right(tolerance: float) -> Holds:
    return lambda c, a, r: a.shape == r.shape and a.any() and not a[different(a, r, tolerance)].any()


def _shifts(first: Pair, tolerance: float) -> Iterator[Relation]:
    """The right one moved along its last axes, with zeros where nothing came."""
    n = min(2, first.expected.ndim)
    for steps in product(range(-3, 4), repeat=n):
        if any(steps) and _shifted(steps, tolerance)(first.case, first.yours, first.expected):
            far = ", ".join(f"{step:+d}" for step in steps)
            axes = "its last axis" if n == 1 else "its last two axes"
            cause = causes.MOVED.format(far=far, axes=axes)
            yield Relation(1, f"the right one shifted by {far} along {axes}", _shifted(steps, tolerance), cause)


def _shifted(steps: tuple[int, ...], tolerance: float) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        if a.shape != r.shape or any(abs(s) >= n for s, n in zip(steps, r.shape[-len(steps) :], strict=True)):
            return False
        moved: np.ndarray = np.zeros(r.shape)
        into: Any = tuple(slice(max(s, 0), n + min(s, 0)) for s, n in zip(steps, r.shape[-len(steps) :], strict=True))
        out_of: Any = tuple(
            slice(max(-s, 0), n + min(-s, 0)) for s, n in zip(steps, r.shape[-len(steps) :], strict=True)
        )
        moved[(..., *into)] = r[(..., *out_of)]
        return bool(a.any()) and close(a, moved, tolerance)

    return holds
