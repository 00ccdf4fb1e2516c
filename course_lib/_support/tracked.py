"""Arrays, lists of numbers and running sums that a function works on: which memory is whose, and what changed in it."""

from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

LARGEST = 1e100  # beyond it, and for inf and nan, a cell counts as empty
LONGEST_LIST = 2000  # numbers in a list that is looked at


@dataclass
class Array:
    """An array as it is seen: its name, its shape, the values it had at the start, and those it has now, flat.

    given: it is an argument; a list may grow, and has the shape that it had at its longest.
    """

    name: str
    owner: CodeType
    shape: tuple[int, ...]
    start: np.ndarray
    values: np.ndarray
    thing: Any
    given: bool = False
    version: int = 0  # how often another array took its name


@dataclass(frozen=True)
class Binding:
    """What a name stands for: the thing itself, the number of its array, and which cell each of its entries is."""

    thing: Any
    array: int
    numbers: np.ndarray
    version: int


Change = tuple[np.ndarray, np.ndarray, str]  # cells, amounts, how


class Tracked:
    """All arrays of a run. They are kept alive, so that no memory is given to another one meanwhile."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.bytes = 0
        self._slots: dict[tuple[CodeType, str, tuple[int, ...]], int] = {}
        self._places: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # number -> sorted addresses, and their cells

    def bind(self, name: str, value: Any, owner: CodeType, is_sum: bool) -> tuple[Binding | None, Change | None]:
        """What a name stands for from now on, and what that changed; (None, None) if it is nothing to look at."""
        if not (isinstance(value, (np.ndarray, list)) or (is_sum and isinstance(value, (float, np.floating)))):
            return None, None
        now = numbers_in(value)
        if now is None or not now.size:
            return None, None
        if isinstance(value, (np.ndarray, list)):
            found = self._inside(value)
            if found is not None:
                return Binding(value, *found, self.arrays[found[0]].version), None
        slot = owner, name, now.shape if isinstance(value, np.ndarray) else ()
        number = self._slots.get(slot)
        if number is None or self.arrays[number].given:
            number = self._add(name, owner, now, value)
            self._slots[slot] = number
            change = np.arange(now.size), now.ravel(), "made"
        else:
            change = self._exchange(number, value, now)
        cells = np.arange(now.size).reshape(now.shape)
        return Binding(value, number, cells, self.arrays[number].version), change

    def bind_attribute(self, name: str, value: np.ndarray, owner: CodeType) -> tuple[Binding | None, Change | None]:
        """As `bind`, for an array that an object keeps. It is one by itself, also where it has another name as well."""
        now = numbers_in(value)
        if now is None or not now.size:
            return None, None
        slot = owner, name, now.shape
        number = self._slots.get(slot)
        if number is None:
            self.arrays.append(Array(name, owner, now.shape, np.zeros(now.size), now.ravel().copy(), value))
            self.bytes += 3 * now.nbytes
            self._slots[slot] = number = len(self.arrays) - 1
            change = np.arange(now.size), now.ravel(), "made"
        else:
            array = self.arrays[number]
            change = np.arange(now.size), now.ravel() - array.values, "set"
            array.thing, array.values = value, now.ravel().copy()
        return Binding(value, number, np.arange(now.size).reshape(now.shape), self.arrays[number].version), change

    def is_current(self, binding: Binding) -> bool:
        """Whether the array of a binding still is the one it was bound to."""
        return self.arrays[binding.array].version == binding.version

    def _add(self, name: str, owner: CodeType, now: np.ndarray, value: Any) -> int:
        flat = now.ravel()
        self.arrays.append(Array(name, owner, now.shape, np.zeros(flat.size), flat.copy(), value))
        self.bytes += 3 * flat.nbytes
        self._note_places(len(self.arrays) - 1)
        return len(self.arrays) - 1

    def _exchange(self, number: int, value: Any, now: np.ndarray) -> Change:
        """Another array under the old name: its cells are those of the old one, and hold new values."""
        array = self.arrays[number]
        array.thing = value
        array.version += isinstance(value, (np.ndarray, list))
        self._note_places(number)
        self._fit(array, now)
        new = np.zeros(array.values.size)
        new[: now.size] = now.ravel()
        amounts, array.values = new - array.values, new
        return np.arange(new.size), amounts, "made"

    def _fit(self, array: Array, now: np.ndarray) -> None:
        """Make room for a list that has grown."""
        more = now.size - array.values.size
        if more > 0:
            array.shape = now.shape
            array.start = np.append(array.start, np.zeros(more))
            array.values = np.append(array.values, np.zeros(more))
            self.bytes += 24 * more

    def changes(self) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """(number, cells, amounts) of every array in which something has changed since the last look."""
        found = []
        for number, array in enumerate(self.arrays):
            if not isinstance(array.thing, (np.ndarray, list)):
                continue
            now = numbers_in(array.thing)
            if now is None:
                continue
            before = array.values.size
            self._fit(array, now)
            values = now.ravel()
            if values.size < array.values.size:
                values = np.append(values, np.zeros(array.values.size - values.size))
            changed = values != array.values
            changed[before:] = True
            cells = np.flatnonzero(changed)
            if cells.size:
                found.append((number, cells, values[cells] - array.values[cells]))
                array.values = values.copy()
        return found

    # ------------------------------------------------------------ memory

    def find(self, value: Any) -> tuple[int, np.ndarray] | None:
        """(number, the cell of each entry) of an array or list that is kept here, also as a view; else None."""
        if not isinstance(value, (np.ndarray, list)) or (isinstance(value, np.ndarray) and not value.size):
            return None
        found = self._inside(value)
        return found if found and found[1].shape == np.shape(value) else None

    def _inside(self, value: Any) -> tuple[int, np.ndarray] | None:
        if isinstance(value, list):
            for number, array in enumerate(self.arrays):
                if array.thing is value:
                    return number, np.arange(array.values.size).reshape(array.shape)
            return None
        for number in self._places:
            if np.may_share_memory(value, self.arrays[number].thing):
                addresses, cells = self._places[number]
                wanted = _addresses(value)
                at = np.minimum(np.searchsorted(addresses, wanted), addresses.size - 1)
                if (addresses[at] == wanted).all():
                    return number, cells[at]
        return None

    def _note_places(self, number: int) -> None:
        thing = self.arrays[number].thing
        self._places.pop(number, None)
        if isinstance(thing, np.ndarray):
            addresses, cells = np.unique(_addresses(thing), return_index=True)
            self._places[number] = addresses, cells


def _addresses(array: np.ndarray) -> np.ndarray:
    """Where in memory each entry begins."""
    found = np.full(array.shape, array.__array_interface__["data"][0], dtype=np.intp)
    for axis, (length, stride) in enumerate(zip(array.shape, array.strides, strict=True)):
        shape = [1] * array.ndim
        shape[axis] = length
        found += (np.arange(length) * stride).reshape(shape)
    return found


def numbers_in(value: Any) -> np.ndarray | None:
    """The numbers of an array, list or number in float64, empty ones as 0; None where there are no numbers in it."""
    if isinstance(value, list) and not _is_short(value):
        return None
    try:
        array = np.asarray(value)
        if isinstance(value, list) and array.dtype.kind != "f":  # sizes and places
            return None
        if array.dtype.kind not in "fiub":
            return None
    except (ValueError, TypeError):  # rows of different lengths
        return None
    numbers = array.astype(np.float64)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            numbers[~(np.abs(numbers) <= LARGEST)] = 0
    return numbers if numbers.ndim else numbers.reshape(1)


def _is_short(value: list[Any]) -> bool:
    first = value[0] if value else None
    return 0 < len(value) * (np.size(first) if isinstance(first, (list, np.ndarray)) else 1) <= LONGEST_LIST
