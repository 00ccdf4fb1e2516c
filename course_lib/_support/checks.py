"""What every public function asks of its arguments, and the sentences it answers with.

Each check takes the name of an argument and its value, and returns the value in the form the function works with.
"""

import functools
import inspect
import math
import numbers
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from course_lib._support.types import Array, FloatType, Integers, Mask, Pair, Random, Shape

MAX_ENTRIES = 2**31  # the largest array we accept, and the largest count: anything bigger is a typo, not a request
_brief = reprlib.Repr()
_brief.maxother = _brief.maxstring = 60


def brief(value: object) -> str:
    """The value in a few words: somebody may have passed a million numbers to an argument that takes one."""
    try:
        return _brief.repr(value)
    except Exception:  # an integer of more digits than Python writes
        return f"a {type(value).__name__}"


# ---------------------------------------------------------------- arrays

MAY_BE_NONE = {"b", "mean", "var"}
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def floats(**arrays: ArrayLike | None) -> Any:
    """Arrays by name, as float32 or float64 arrays of one common dtype: one array, or a list in the order given.

    float32 stays float32, float64 stays float64, integers are promoted. What may be left out (b, mean, var)
    stays None. Nothing is copied that need not be.
    """
    given: dict[str, Any] = {**arrays}
    _make_floats(given, arrays, MAY_BE_NONE)
    result = list(given.values())
    return result[0] if len(result) == 1 else result


def _make_floats(given: dict[str, Any], names: Iterable[str], optional: set[str]) -> np.dtype:
    """Turn the named arrays of `given` into floats of one dtype, and return that dtype. optional: what may be None."""
    dtypes = set()
    for name in names:
        value = given[name]
        if value is None and name in optional:
            continue
        if type(value) is not np.ndarray or value.dtype not in FLOATS or not value.size:
            given[name] = value = numeric(name, value)
        if _has_nan(value):
            where = tuple(int(i) for i in np.argwhere(np.isnan(value))[0])
            raise ValueError(f"{name} must not contain NaN, but {name}{list(where)} is NaN")
        dtypes.add(value.dtype)
    dtype = _common_float(dtypes)
    if dtypes != {dtype}:
        given.update({name: given[name].astype(dtype, copy=False) for name in names if given[name] is not None})
    return dtype


def _has_nan(array: Array) -> bool:
    """Whether a NaN is in the array: a maximum passes it on, which is faster than looking at each entry."""
    if array.size > 2**12:
        return math.isnan(array.max())
    flat = array.ravel("K")
    return math.isnan(flat[flat.argmax()])  # costs a third of a call of max, which counts where arrays are small


def numeric(name: str, value: Any, may_be_empty: bool = False) -> np.ndarray:
    """Real numbers, NaN and infinity among them, as an array of their own dtype."""
    value = _array(name, value)
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be float32, float64 or integer, but its dtype is {value.dtype}")
    if value.size == 0 and not may_be_empty:
        raise ValueError(f"{name} must not be empty, but its shape is {value.shape}")
    return value


def _array(name: str, value: Any) -> np.ndarray:
    if type(value) is np.ndarray:
        return value
    if value is None:
        raise TypeError(f"{name} must be an array, but is None")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers, but its rows differ in shape") from error
    except MemoryError:
        raise
    except Exception as error:  # of any type: a PyTorch tensor that requires grad raises a RuntimeError
        raise TypeError(f"{name} must be an array of numbers, but a {type(value).__name__} came: {error}") from error


def _common_float(dtypes: set[np.dtype]) -> np.dtype:
    dtype = np.result_type(*dtypes)
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.dtype(np.float32)
    return np.dtype(np.float64)


def float_dtype(name: str, dtype: FloatType) -> np.dtype:
    """float32 or float64, however it is written."""
    known = ("float32", "float64", np.float32, np.float64, float)
    if isinstance(dtype, (str, type, np.dtype)) and dtype in known:
        return np.dtype(dtype)
    raise TypeError(f"{name} must be float32 or float64, but is {brief(dtype)}")


def integers(name: str, value: Any) -> Integers:
    """An array of any integer dtype."""
    value = _array(name, value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, but the dtype is {value.dtype}")
    return value


def between(name: str, array: Integers, least: int, below: int) -> None:
    """Every integer is from `least` to `below` - 1."""
    if array.min() < least or array.max() >= below:
        first = tuple(np.argwhere((array < least) | (array >= below))[0])
        place = ", ".join(map(str, first))
        raise ValueError(f"{name} must be from {least} to {below - 1}, but {name}[{place}] is {array[first]}")


def booleans(name: str, value: Any) -> Mask:
    """An array of True and False."""
    value = _array(name, value)
    if value.dtype != bool:
        raise TypeError(f"{name} must hold True and False, but its dtype is {value.dtype}")
    return value


def class_labels(name: str, labels: Any, examples: int, classes: int) -> Integers:
    """labels (N,), integers from 0 to classes - 1."""
    labels = integers(name, labels)
    shape(name, labels, (examples,), "one label for each row")
    between(name, labels, 0, classes)
    return labels.astype(np.int64, copy=False)


# ---------------------------------------------------------------- shapes


def ndim(name: str, array: np.ndarray, axes: str) -> None:
    """`axes` pictures the expected shape, such as "(N, C, H, W)"; the number of axes is checked."""
    if array.ndim != len(_letters(axes)):
        raise ValueError(f"{name} must have shape {axes}, but its shape is {array.shape}")


@functools.cache
def _letters(axes: str) -> tuple[str, ...]:
    """Splits "(N, C kH kW, L)" into "N", "C kH kW" and "L"."""
    return tuple(letter.strip() for letter in axes.strip("()").split(",") if letter.strip())


def shape(name: str, array: np.ndarray, expected: Shape, why: str = "") -> None:
    """The array has exactly this shape."""
    if array.shape != tuple(expected):
        because = f" ({why})" if why else ""
        raise ValueError(f"{name} must have shape {tuple(expected)}{because}, but its shape is {array.shape}")


def array_shape(name: str, value: Any, axes: str) -> Shape:
    """A shape given as an argument, as a tuple of ints. `axes` pictures it; "..." at its end stands for any more."""
    letters = _letters(axes)
    if (
        type(value) is tuple
        and len(value) == len(letters)
        and {*map(type, value)} == {int}
        and 0 < min(value) <= max(value) < MAX_ENTRIES
    ):
        return fits_in_memory(name, value)  # nearly always
    least, most = (len(letters) - 1, math.inf) if letters[-1] == "..." else (len(letters), len(letters))
    if not isinstance(value, (tuple, list)) or not least <= len(value) <= most:
        raise ValueError(f"{name} must be {axes}, but is {brief(value)}")
    return fits_in_memory(name, tuple(integer(f"{name}[{axis}]", size, 1) for axis, size in enumerate(value)))


def fits_in_memory(name: str, shape: Shape) -> Shape:
    """The shape of an array that the argument `name` leads to has fewer than MAX_ENTRIES entries."""
    if math.prod(shape) >= MAX_ENTRIES:
        raise ValueError(
            f"{name} must lead to fewer than {MAX_ENTRIES:,} entries, but leads to an array of shape {shape}"
        )
    return shape


# ---------------------------------------------------------------- numbers


def integer(name: str, value: Any, least: int) -> int:
    """An integer no smaller than `least` and below MAX_ENTRIES, as a Python int."""
    if type(value) is int and least <= value < MAX_ENTRIES:  # nearly always, and many times in a training step
        return value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, but is {value!r}")
    try:
        number = operator.index(value)
    except Exception:  # TypeError, or anything a learner's __index__ raises
        raise TypeError(f"{name} must be an integer, but is {brief(value)}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, but is {brief(number)}")
    if number >= MAX_ENTRIES:
        raise ValueError(f"{name} must be less than {MAX_ENTRIES:,}, but is {brief(number)}")
    return number


def pair(name: str, value: Any, least: int) -> Pair:
    """An int or a pair of ints (rows, columns), as a pair of ints, each no smaller than `least`."""
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int:
        if least <= value[0] < MAX_ENTRIES and least <= value[1] < MAX_ENTRIES:  # nearly always
            return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        number = integer(name, value, least)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, but is {brief(value)}")
    return integer(f"{name}[0]", value[0], least), integer(f"{name}[1]", value[1], least)


PADDINGS = ("same", "valid")


def padding(name: str, value: Any) -> Pair | str:
    """An int or a pair of ints from 0; or "same" or "valid"."""
    return one_of(name, value, PADDINGS) if isinstance(value, str) else pair(name, value, 0)


def real(name: str, value: Any, least: float = -math.inf, below: float = math.inf) -> float:
    """A number with least <= number < below, as a Python float."""
    number = _real(name, value)
    if not least <= number < below:
        raise ValueError(f"{name} must be at least {least} and less than {below}, but is {value}")
    return number


def positive(name: str, value: Any) -> float:
    """A finite number above 0, as a Python float."""
    number = _real(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be positive and finite, but is {value}")
    return number


def probability(name: str, value: Any) -> float:
    """A number from 0 to 1, both included, as a Python float."""
    number = _real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, but is {value}")
    return number


def _real(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, but is {brief(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number that a float can hold, but is {brief(value)}") from None


def function(name: str, value: Any) -> Callable[..., Any]:
    """Anything that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, but is {brief(value)}")
    return value


def one_of(name: str, value: Any, choices: Any) -> str:
    """One of these names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, but is {brief(value)}")
    return value


def has_methods(name: str, value: object, *methods: str, such_as: str) -> None:
    """An object, and not its class, with these methods."""
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        listed = " and ".join(f"{method}()" for method in methods)
        raise TypeError(f"{name} must be an object with {listed}, such as {such_as}, but is {brief(value)}")


def path(name: str, value: Any, such_as: str) -> None:
    """Where a file is, or will be."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be the path of a file such as {such_as!r}, but is {brief(value)}")


def generator(name: str, rng: Any) -> Random:
    """A source of random numbers."""
    if not isinstance(rng, np.random.Generator):
        expected = "a numpy.random.Generator such as np.random.default_rng(0)"
        raise TypeError(f"{name} must be {expected}, but is {brief(rng)}")
    return rng


# ---------------------------------------------------------------- states, such as state_dict() returns


def same_names(state: Any, own: Mapping[str, Any]) -> None:
    """A dictionary that has exactly the names of `own`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be a dictionary of arrays, such as state_dict() returns, but is {brief(state)}")
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys(), key=str)
    if missing or unknown:
        raise ValueError(f"state must hold the names {sorted(own)}; missing: {missing}, unknown: {unknown}")


def like(name: str, value: Any, own: Array, why: str) -> Array:
    """Numbers shaped like the array `own`, as a copy in its dtype that nobody else holds."""
    value = floats(**{name: value})
    shape(name, value, own.shape, why)
    return value.astype(own.dtype)


# ---------------------------------------------------------------- a decorator that keeps checks out of a body

P = ParamSpec("P")
R = TypeVar("R")


def axes(
    fits: Callable[..., object] | None = None,
    sizes: Callable[..., Any] = pair,
    named_padding: bool = False,
    **pictures: str,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: checks the arguments by their names, then calls the function with them.

        @checks.axes(dy="(N, C, H_out, W_out)", input_shape="(N, C, H, W)", fits=geometry.pooling)
        def f(dy, input_shape, kernel_size, stride=None, padding=0): ...

    The body is then free of checks and can be read as the lesson it is. `pictures` shows the shape of each array: the
    same letter means the same size, "(...)" the same shape, "..." behind a letter one axis or more. Arrays become
    floats of one common dtype, in which the results come back; mask, positive, indices, winner and targets keep their
    kind. stride and padding become what `sizes` makes of them: pairs, or integers. `fits` checks that all belong
    together.
    named_padding: padding may also be "same" or "valid".
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        names = tuple(signature.parameters)
        by_name = _checks_by_name(names, sizes, pictures)
        if named_padding:
            by_name["padding"] = padding
        arrays = [name for name in pictures if name not in by_name]
        to_compare = _in_order(pictures, by_name)
        defaults = {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty}
        checked_defaults = {
            name: by_name[name](name, value) if name in by_name and value is not None else value
            for name, value in defaults.items()
        }
        known, is_padded = set(names), "padding" in names
        optional = MAY_BE_NONE & defaults.keys()

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            came = dict(zip(names, args))  # noqa: B905 (too many are refused below)
            if kwargs:
                came.update(kwargs)
            given = checked_defaults | came
            if len(came) != len(args) + len(kwargs) or given.keys() != known:
                signature.bind(*args, **kwargs)  # raises Python's own sentence
            dtype = _make_floats(given, arrays, optional)
            for name, check in by_name.items():
                if name in came and (came[name] is not None or defaults.get(name, 0) is not None):
                    given[name] = check(name, came[name])
            if to_compare:
                _compare_shapes(given, to_compare)
            if given.get("groups", 1) > 1:
                _groups_divide("the first axis of w", len(given["w"]), given["groups"])
            if is_padded and given["padding"] not in (0, (0, 0), *PADDINGS):
                _fits_when_padded(given)
            if fits is not None:
                fits(**given)
            return _in_dtype(function(**given), dtype)  # type: ignore[call-arg]

        return checked

    return decorate


_LEAST = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
_BY_NAME: dict[str, Callable[[str, Any], Any]] = {
    "kernel_size": functools.partial(pair, least=1),
    "groups": functools.partial(integer, least=1),
    "output_size": lambda name, value: fits_in_memory(name, pair(name, value, 1)),
    "eps": positive,
    "p": probability,
    "rng": generator,
    "branch_backward": function,
    "mask": booleans,
    "positive": booleans,
    "winner": integers,
    "indices": lambda name, value: integers(name, value).astype(np.intp, copy=False),  # as bincount wants them
    "targets": lambda name, value: integers(name, value).astype(np.int64, copy=False),
}


def _checks_by_name(
    names: tuple[str, ...], sizes: Callable[..., Any], pictures: Mapping[str, str]
) -> dict[str, Callable[[str, Any], Any]]:
    return (
        {name: _BY_NAME[name] for name in names if name in _BY_NAME}
        | {name: functools.partial(sizes, least=_LEAST[name]) for name in names if name in _LEAST}
        | {name: functools.partial(array_shape, axes=pictures[name]) for name in names if name == "input_shape"}
    )


class _Picture(NamedTuple):
    """The expected shape of an argument: "(N, ...)" is open and has the letter N, "(...)" has no letters.

    "(C_out, C_in/groups, kH, kW)" is grouped: its second axis is one of `groups` parts of C_in.
    """

    name: str
    text: str
    letters: tuple[str, ...]
    is_open: bool
    is_grouped: bool


def _in_order(pictures: Mapping[str, str], by_name: Mapping[str, object]) -> list[_Picture]:
    """The pictures in the order in which shapes are compared, none where there is nothing to compare.

    Where dy disagrees with x, w, positive or input_shape, dy is named; where mask or indices disagree with dy, they
    are.
    """

    def rank(name: str) -> int:
        return 1 if name == "dy" else 2 if name in by_name and name not in ("input_shape", "positive") else 0

    if list(pictures.values()) == ["(...)"]:
        return []
    result = []
    for name in sorted(pictures, key=rank):
        text = pictures[name]
        letters = tuple(letter.removesuffix("/groups") for letter in _letters(text) if letter != "...")
        result.append(_Picture(name, text, letters, "..." in text, "/groups" in text))
    return result


def _compare_shapes(given: Mapping[str, Any], pictures: list[_Picture]) -> None:
    seen: dict[str, Any] = {}
    for name, text, letters, is_open, is_grouped in pictures:
        value = given[name]
        if value is None:
            continue
        sizes = value if name == "input_shape" else value.shape
        if not letters:
            if seen.setdefault("...", sizes) != sizes:
                shape(name, value, seen["..."], f"the shape of {pictures[0].name}")
            continue
        if name != "input_shape" and (len(sizes) <= len(letters) if is_open else len(sizes) != len(letters)):
            raise ValueError(f"{name} must have shape {text}, but its shape is {sizes}")
        if is_grouped:
            sizes = (sizes[0], sizes[1] * given["groups"], *sizes[2:])
        for letter, size in zip(letters, sizes):  # noqa: B905 (an open picture has fewer letters)
            if seen.setdefault(letter, size) != size:
                owner = next(picture.name for picture in pictures if letter in picture.letters)
                if is_grouped and letter == letters[1]:
                    _groups_divide(f"{letter} as in {owner}", seen[letter], given["groups"])
                groups = f" and groups = {given['groups']}" if is_grouped else ""
                raise ValueError(
                    f"{name} must have shape {text} with {letter} = {seen[letter]} as in {owner}{groups}, "
                    f"but its shape is {value if name == 'input_shape' else value.shape}"
                )


def _groups_divide(what: str, count: int, groups: int) -> None:
    """As many channels can be cut into groups of one size."""
    if count % groups:
        raise ValueError(f"groups must divide {what}, {count}, but is {groups}")


def _fits_when_padded(given: Mapping[str, Any]) -> None:
    """A padding that would fill the memory is a typo."""
    images = given.get("input_shape") or given.get("output_size") or given["x"].shape
    padding = given["padding"] if isinstance(given["padding"], tuple) else (given["padding"],) * min(2, len(images))
    lead = len(images) - len(padding)
    padded = (size + 2 * pad for size, pad in zip(images[lead:], padding, strict=True))
    fits_in_memory("padding", (*images[:lead], *padded))


def _in_dtype(result: Any, dtype: np.dtype) -> Any:
    if isinstance(result, tuple):
        return tuple([_in_dtype(part, dtype) for part in result])
    if isinstance(result, np.ndarray) and result.dtype != dtype and result.dtype.kind == "f":
        return result.astype(dtype)
    return result


# ---------------------------------------------------------------- what belongs together, for `fits`


def in_plane(indices: Integers, input_shape: Shape, **_: Any) -> None:
    """Every index is a pixel of an H x W plane."""
    between("indices", indices, 0, math.prod(input_shape[2:]))


def flattened(dy: Array, input_shape: Shape) -> None:
    """dy has one row for each example, as long as the rest of input_shape has entries."""
    shape("dy", dy, (input_shape[0], math.prod(input_shape[1:])), f"input_shape {input_shape} flattened")


def some_are_kept(p: float, **_: Any) -> None:
    """Where all values are dropped, 1 / (1 - p) is no number."""
    real("p", p, 0, 1)


def classified(logits: Array, targets: Integers | None = None) -> None:
    """Each row of logits has a finite maximum, and each target is a class."""
    if not np.isfinite(logits).all():
        largest = logits.max(axis=1)
        if not np.isfinite(largest).all():
            row = int(np.isfinite(largest).argmin())
            raise ValueError(f"logits must have a finite maximum in each row, but that of row {row} is {largest[row]}")
    if targets is not None:
        between("targets", targets, 0, logits.shape[1])


def normalisable(x: Array, mean: Array | None, var: Array | None, eps: float, **_: Any) -> None:
    """The statistics are given or can be computed, and x's dtype can hold eps."""
    if (mean is None) != (var is None):
        alone = "mean" if var is None else "var"
        raise ValueError(f"mean and var must be given together or not at all, but {alone} is given alone")
    held = np.finfo(x.dtype)
    if not float(held.smallest_subnormal) <= eps <= float(held.max):
        raise ValueError(f"eps must be a number that {x.dtype} can hold, but is {eps}")
    if var is None and x.size == x.shape[1]:
        raise ValueError(f"x must have more than one value per channel, but its shape is {x.shape}")
    if var is not None and var.min() < 0:
        raise ValueError(f"var must not be negative, but its smallest entry is {var.min()}")
