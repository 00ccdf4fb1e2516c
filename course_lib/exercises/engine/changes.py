"""Arguments changed in some way: a kernel turned, a stride of 1, another image's gradient, two numbers exchanged."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Arguments = dict[str, Any]  # parameter -> value

UPSTREAM = "The upstream gradient is a factor in every gradient."
TURNED = "Is it turned without need, or does an index run in the wrong direction?"
RETURNED = "Is `return` inside a loop, or is something set (=) or made anew there?"
UNREACHED = "Does your loop reach every one?"
SUMMED = "A sum of products is not the product of the sums."
PARTNERS = "Each entry has a partner of the same index."
EXCHANGED = "Are they exchanged in a call?"

Change = tuple[str, Callable[[Arguments], Arguments], str]  # "for dy of ones", the change, what may be behind it


def changes(case: Arguments) -> Iterator[Change]:
    arrays = [n for n, v in case.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.ndim]
    for name in arrays:
        yield from _of_array(name, case[name].ndim)
    if {"stride", "padding"} <= case.keys():
        unused = "Are both of them used?"
        yield "with stride = 1 and padding = 0", lambda case: {**case, "stride": 1, "padding": 0}, unused
        yield "with stride and padding exchanged", _swap("stride", "padding"), EXCHANGED
    for name, value in case.items():
        used = f"Is `{name}` used, and only where it belongs?"
        if name in ("stride", "padding", "output_padding") and isinstance(value, int):
            for other in (0, 1, 2) if name != "stride" else (1, 2, 3):
                yield f"with {name} = {other}", _set(name, lambda value, other=other: other), used
            yield f"with {name} + 1 in place of {name}", _set(name, lambda value: value + 1), used
        if name == "b":
            yield "without the bias", _set(name, lambda value: None), "Where is it added?"
        if isinstance(value, np.ndarray) and value.dtype == bool:
            yield f"with {name} reversed (True for False)", _set(name, np.logical_not), "What does True stand for?"
        if isinstance(value, tuple) and len(value) == 2:
            yield f"with {name} reversed", _set(name, lambda value: value[::-1]), "Are height and width exchanged?"
        if isinstance(value, float):
            yield f"with {name} = 1", _set(name, lambda value: 1.0), used
            yield f"with {name} = 0", _set(name, lambda value: 0.0), used
            yield f"with 1 - {name} in place of {name}", _set(name, lambda value: 1.0 - value), used
    for first in arrays:
        for second in arrays:
            if first == second:
                continue
            if arrays.index(first) < arrays.index(second) and {first, second} <= {"dy", "x"}:
                text = f"for {first} and {second} each added up over the images"
                yield text, _added_up(first, second), SUMMED
            if first < second:
                yield f"with {first} and {second} exchanged", _swap(first, second), EXCHANGED


def _swap(a: str, b: str) -> Any:
    return lambda case: {**case, a: case[b], b: case[a]}


def _set(name: str, change: Any) -> Any:
    return lambda case: {**case, name: change(case[name])}


def _of_array(name: str, dims: int) -> Iterator[Change]:
    ones = UPSTREAM if name in ("dy", "dz") else f"The numbers of {name} are not used."
    yield f"for {name} of ones", _set(name, np.ones_like), ones
    yield f"for {name} squared", _set(name, lambda v: v * v), f"Is {name} multiplied in twice?"
    yield f"for the sizes of {name} without their signs", _set(name, np.abs), "Where do the signs get lost?"
    lost = f"A negative {name} counts like any other."
    yield f"for {name} with 0 for its negative entries", _set(name, lambda v: np.maximum(v, 0)), lost
    for axis in range(dims):
        along = f"along axis {axis}"
        yield f"for {name} reversed {along}", _set(name, lambda v, axis=axis: np.flip(v, axis)), TURNED
        for end, place in (("first", 0), ("last", -1)):
            yield f"if {name} held only its {end} entry {along}", _set(name, _only(axis, place)), RETURNED
            yield f"if {name} held zeros in its {end} entry {along}", _set(name, _without(axis, place)), UNREACHED
        yield f"for {name} averaged {along}", _set(name, _averaged(axis)), "Every entry of it counts for itself."
    yield f"for {name} moved on by one along axis 0, the last one first", _set(name, _rolled(1)), PARTNERS
    yield f"for {name} moved back by one along axis 0, the first one last", _set(name, _rolled(-1)), PARTNERS
    if dims >= 2:
        yield f"for {name} reversed along its last two axes", _set(name, lambda v: v[..., ::-1, ::-1]), TURNED
        text = f"for {name} with its last two axes exchanged"
        yield text, _set(name, lambda v: np.swapaxes(v, -1, -2)), "Are rows and columns exchanged?"
    if dims >= 3:
        text = f"for {name} with its first two axes exchanged"
        yield text, _set(name, lambda v: np.swapaxes(v, 0, 1)), "Are two indices exchanged?"


def _only(axis: int, place: int) -> Any:
    def change(value: np.ndarray) -> np.ndarray:
        kept = np.zeros_like(value)
        index = (slice(None),) * axis + (place,)
        kept[index] = value[index]
        return kept

    return change


def _without(axis: int, place: int) -> Any:
    def change(value: np.ndarray) -> np.ndarray:
        kept = value.copy()
        kept[(slice(None),) * axis + (place,)] = 0
        return kept

    return change


def _rolled(by: int) -> Any:
    return lambda value: np.roll(value, by, axis=0)


def _added_up(first: str, second: str) -> Any:
    """One image in place of all of them: their sum."""

    def change(case: Arguments) -> Arguments:
        if len(case[first]) != len(case[second]) or np.ndim(case[first]) < 2:
            raise ValueError("no images")
        return {**case, **{name: case[name].sum(axis=0, keepdims=True) for name in (first, second)}}

    return change


def _averaged(axis: int) -> Any:
    return lambda value: np.broadcast_to(value.mean(axis=axis, keepdims=True), value.shape)
