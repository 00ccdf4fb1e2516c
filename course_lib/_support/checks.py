"""What every public function asks of its arguments, and the sentences it answers with."""

import functools
import inspect
import math
import numbers
import operator
import os
import reprlib
from collections.abc import Mapping

import numpy as np

MOST = 2**31  # entries of one array, and what any count may reach: beyond it stands a slip, not a wish
_brief = reprlib.Repr()
_brief.maxother = _brief.maxstring = 60


def brief(value):
    """What came, in a few words: somebody may have handed a million numbers to an argument that takes one."""
    try:
        return _brief.repr(value)
    except Exception:  # an integer of more digits than Python writes
        return f"a {type(value).__name__}"


# ---------------------------------------------------------------- arrays

MAY_BE_NONE = {"b", "mean", "var"}


def floats(**arrays):
    """Arrays by name -> the same as float32 or float64 arrays of one common dtype, in the order given.

    float32 stays float32, float64 stays float64, integers are promoted. What may be left out (b, mean, var)
    stays None. Nothing is copied that need not be.
    """
    result = list(_floats(arrays).values())
    return result[0] if len(result) == 1 else result


def _floats(arrays):
    result = {
        name: None if value is None and name in MAY_BE_NONE else numeric(name, value) for name, value in arrays.items()
    }
    dtype = _common_float(value for value in result.values() if value is not None)
    for name, value in result.items():
        if value is None:
            continue
        result[name] = value = value.astype(dtype, copy=False)
        if math.isnan(value.max()):  # max passes NaN on, and is faster than looking at each entry
            where = tuple(int(i) for i in np.argwhere(np.isnan(value))[0])
            raise ValueError(f"{name} must not contain NaN, but {name}{list(where)} is NaN")
    return result


def numeric(name, value, may_be_empty=False):
    """Real numbers, NaN and infinity among them -> an array of their own dtype."""
    value = _array(name, value)
    if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
        raise TypeError(f"{name} must be float32, float64 or integer, but its dtype is {value.dtype}")
    if value.size == 0 and not may_be_empty:
        raise ValueError(f"{name} must not be empty, but its shape is {value.shape}")
    return value


def _array(name, value):
    if value is None:
        raise TypeError(f"{name} must be an array, but is None")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, but is a masked array: fill it first")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers, but its rows differ in shape") from error
    except MemoryError:
        raise
    except Exception as error:  # an object may answer anything when it is asked to become an array
        raise TypeError(f"{name} must be an array of numbers, but a {type(value).__name__} came: {error}") from error


def _common_float(arrays):
    dtype = np.result_type(*arrays)
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.dtype(np.float32)
    return np.dtype(np.float64)


def float_dtype(name, dtype):
    """What NumPy takes for float32 or float64 -> that dtype."""
    known = ("float32", "float64", np.float32, np.float64, float)
    if isinstance(dtype, (str, type, np.dtype)) and dtype in known:
        return np.dtype(dtype)
    raise TypeError(f"{name} must be float32 or float64, but is {brief(dtype)}")


def integers(name, value):
    """An array of any integer dtype."""
    value = _array(name, value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, but the dtype is {value.dtype}")
    return value


def between(name, array, least, below):
    """Every integer is from `least` to `below` - 1."""
    if array.min() < least or array.max() >= below:
        first = tuple(np.argwhere((array < least) | (array >= below))[0])
        place = ", ".join(map(str, first))
        raise ValueError(f"{name} must be from {least} to {below - 1}, but {name}[{place}] is {array[first]}")


def booleans(name, value):
    """An array of True and False."""
    value = _array(name, value)
    if value.dtype != bool:
        raise TypeError(f"{name} must hold True and False, but its dtype is {value.dtype}")
    return value


def class_labels(name, labels, examples, classes):
    """labels (N,) integers in 0 .. classes - 1."""
    labels = integers(name, labels)
    shape(name, labels, (examples,), "one label for each row")
    between(name, labels, 0, classes)
    return labels.astype(np.int64, copy=False)


# ---------------------------------------------------------------- shapes


def ndim(name, array, axes):
    """`axes` pictures the expected shape, as "(N, C, H, W)"; their number is what is checked. "(...)" is any."""
    if axes != "(...)" and array.ndim != len(_letters(axes)):
        raise ValueError(f"{name} must have shape {axes}, but its shape is {array.shape}")


@functools.cache
def _letters(axes):
    """ "(N, C kH kW, L)" -> ("N", "C kH kW", "L")"""
    return tuple(letter.strip() for letter in axes.strip("()").split(",") if letter.strip())


def shape(name, array, expected, why=""):
    if array.shape != tuple(expected):
        because = f" ({why})" if why else ""
        raise ValueError(f"{name} must have shape {tuple(expected)}{because}, but its shape is {array.shape}")


def array_shape(name, value, axes):
    """A shape given as an argument -> a tuple of ints. `axes` pictures it; "..." at its end stands for any more."""
    letters = _letters(axes)
    least, most = (len(letters) - 1, math.inf) if letters[-1] == "..." else (len(letters), len(letters))
    if not isinstance(value, (tuple, list)) or not least <= len(value) <= most:
        raise ValueError(f"{name} must be {axes}, but is {brief(value)}")
    return holdable(name, tuple(integer(f"{name}[{axis}]", size, 1) for axis, size in enumerate(value)))


def holdable(name, shape):
    """A shape that the argument `name` leads to -> the same, if an array of that shape can be held at all."""
    if math.prod(shape) >= MOST:
        raise ValueError(f"{name} must lead to fewer than {MOST:,} entries, but leads to an array of shape {shape}")
    return shape


# ---------------------------------------------------------------- numbers


def integer(name, value, least):
    """An integer no smaller than `least` and below MOST, as a Python int."""
    if type(value) is int and least <= value < MOST:  # nearly always, and asked many times in a step of a training
        return value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, but is {value!r}")
    try:
        number = operator.index(value)
    except Exception:  # TypeError, or whatever an object of a learner answers
        raise TypeError(f"{name} must be an integer, but is {brief(value)}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, but is {brief(number)}")
    if number >= MOST:
        raise ValueError(f"{name} must be less than {MOST:,}, but is {brief(number)}")
    return number


def pair(name, value, least):
    """An int or a pair of ints (rows, columns) -> a pair of ints, each no smaller than `least`."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        number = integer(name, value, least)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, but is {brief(value)}")
    return integer(f"{name}[0]", value[0], least), integer(f"{name}[1]", value[1], least)


def out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """How many windows fit along one axis: (size + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.

    Source: Dumoulin & Visin 2016, relationship 15.
    """
    size, kernel_size = integer("size", size, 1), integer("kernel_size", kernel_size, 1)
    stride, padding = integer("stride", stride, 1), integer("padding", padding, 0)
    reach = integer("dilation", dilation, 1) * (kernel_size - 1) + 1
    if reach > size + 2 * padding:
        raise ValueError(
            f"kernel_size {kernel_size} with dilation {dilation} spans {reach}, "
            f"which must not exceed the padded input, size {size} + 2 * padding {padding} = {size + 2 * padding}"
        )
    return (size + 2 * padding - reach) // stride + 1


def real(name, value, least=-math.inf, below=math.inf):
    """A number with least <= number < below, as a Python float."""
    number = _real(name, value)
    if not least <= number < below:
        raise ValueError(f"{name} must be at least {least} and less than {below}, but is {value}")
    return number


def positive(name, value):
    """A finite number above 0, as a Python float."""
    number = _real(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be positive and finite, but is {value}")
    return number


def probability(name, value):
    """A number from 0 to 1, both included, as a Python float."""
    number = _real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, but is {value}")
    return number


def _real(name, value):
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, but is {brief(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number that a float can hold, but is {brief(value)}") from None


def function(name, value):
    """Anything that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, but is {brief(value)}")
    return value


def one_of(name, value, choices):
    """One of these names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, but is {brief(value)}")
    return value


def having(name, value, *methods, such_as):
    """An object, and not its class, with these methods."""
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        listed = " and ".join(f"{method}()" for method in methods)
        raise TypeError(f"{name} must be an object with {listed}, such as {such_as}, but is {brief(value)}")


def path(name, value, such_as):
    """Where a file is, or will be."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be the path of a file such as {such_as!r}, but is {brief(value)}")


def generator(name, rng):
    """A source of random numbers."""
    if not isinstance(rng, np.random.Generator):
        expected = "a numpy.random.Generator such as np.random.default_rng(0)"
        raise TypeError(f"{name} must be {expected}, but is {brief(rng)}")
    return rng


# ---------------------------------------------------------------- states, such as state_dict() returns


def same_names(state, own):
    """A dictionary that has exactly the names of `own`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be a dictionary of arrays, such as state_dict() returns, but is {brief(state)}")
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys(), key=str)
    if missing or unknown:
        raise ValueError(f"state must hold the names {sorted(own)}; missing: {missing}, unknown: {unknown}")


def like(name, value, own, why):
    """Numbers shaped like the array `own` -> a copy in its dtype, so that nobody else holds it."""
    value = floats(**{name: value})
    shape(name, value, own.shape, why)
    return value.astype(own.dtype)


# ---------------------------------------------------------------- a decorator that keeps checks out of a lesson


def axes(fits=None, **expected):
    """A decorator: check arrays by parameter name, then call the function with them as floats.

        @checks.axes(x="(n,)", w="(k,)", fits=checks.convolution)
        def f(x, w, stride=1): ...

    The body is then free of checks and can be read as the lesson it is. The same letter means the same size,
    "(...)" the same shape. Other arguments are checked by their names, and `fits` looks whether all of them
    belong together. Results come back in the common dtype of the arrays.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args, **kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            given = call.arguments
            given.update(_floats({name: given[name] for name in expected}))
            arrays = {name: given[name] for name in expected if given[name] is not None}
            _same_letter_same_size(arrays, expected)
            for name in _BY_NAME.keys() & given.keys():
                if given[name] is not None or signature.parameters[name].default is not None:
                    given[name] = _BY_NAME[name](name, given[name])
            if "padding" in given and ("x" in given or "input_shape" in given):
                _holdable_when_padded(given.get("input_shape") or arrays["x"].shape, given["padding"])
            if fits is not None:
                fits(**given)
            return _in_dtype(function(*call.args, **call.kwargs), next(iter(arrays.values())).dtype)

        return checked

    return decorate


def _holdable_when_padded(shape, padding):
    spatial = 1 if len(shape) == 1 else 2
    holdable("padding", (*shape[:-spatial], *(size + 2 * padding for size in shape[-spatial:])))


def _same_letter_same_size(arrays, expected):
    """dy comes last: where it disagrees with x or w, it is the one that is named."""
    seen = {}
    for name in sorted(arrays, key="dy".__eq__):
        array, picture = arrays[name], expected[name]
        ndim(name, array, picture)
        letters = [picture] if picture == "(...)" else _letters(picture)
        sizes = [array.shape] if picture == "(...)" else array.shape
        for letter, size in zip(letters, sizes, strict=True):
            first, owner = seen.setdefault(letter, (size, name))
            if size != first:
                raise ValueError(
                    f"{name} must have shape {picture} with {letter} = {first} as in {owner}, "
                    f"but its shape is {array.shape}"
                )


_BY_NAME = {
    "stride": functools.partial(integer, least=1),
    "padding": functools.partial(integer, least=0),
    "output_padding": functools.partial(integer, least=0),
    "kernel_size": functools.partial(pair, least=1),
    "output_size": functools.partial(pair, least=1),
    "input_shape": functools.partial(array_shape, axes="(N, C, H, W)"),
    "eps": positive,
    "branch_backward": function,
    "indices": lambda name, value: integers(name, value).astype(np.int64, copy=False),
    "mask": booleans,
    "targets": integers,
}


def convolution(x, w, dy=None, stride=1, padding=0, **_):
    """x and w ending in the same spatial axes (one or two) fit together, and dy is shaped like their y."""
    spatial = 1 if x.ndim == 1 else 2
    lead = (len(x), len(w)) if x.ndim == 4 else ()
    sizes = [out_size(n, k, stride, padding) for n, k in zip(x.shape[-spatial:], w.shape[-spatial:], strict=True)]
    if dy is not None:
        shape("dy", dy, (*lead, *sizes), "the shape of y")


def transposed_convolution(x, w, stride, padding, output_padding, **_):
    """Something of the output is left, and no more is added to it than a stride could have lost."""
    if output_padding >= stride:
        raise ValueError(f"output_padding must be smaller than stride {stride}, but is {output_padding}")
    sizes = zip(x.shape[2:], w.shape[2:], strict=True)
    size = tuple((n - 1) * stride - 2 * padding + k + output_padding for n, k in sizes)
    if min(size) < 1:
        raise ValueError(f"padding must leave something of the output, but {padding} leaves {size}")
    holdable("stride", (len(x), w.shape[1], *size))


def pooling(kernel_size, stride, padding, x=None, dy=None, input_shape=None, **_):
    """Every window of a pooling holds a pixel, and dy is shaped like its y."""
    kernel_size = pair("kernel_size", kernel_size, 1)
    N, C, *size = input_shape or x.shape
    counts = [out_size(n, k, stride or k, padding) for n, k in zip(size, kernel_size, strict=True)]
    if 2 * padding > min(kernel_size):
        raise ValueError(f"padding must be at most half of kernel_size {kernel_size}, but is {padding}")
    if dy is not None:
        shape("dy", dy, (N, C, *counts), "the shape of y")


def winners(dy, indices, input_shape):
    """dy has one winner for each entry, among the pixels of its plane."""
    N, C, H, W = input_shape
    shape("dy", dy, (N, C, *dy.shape[2:]), "batch and channels of input_shape")
    shape("indices", indices, dy.shape, "the shape of dy")
    between("indices", indices, 0, H * W)


def flattened(dy, input_shape):
    """dy has one row for each example, as long as the rest of input_shape has entries."""
    shape("dy", dy, (input_shape[0], math.prod(input_shape[1:])), f"input_shape {input_shape} flattened")


def dropped(dy, mask, p):
    """mask says of each entry of dy whether it was kept; where all are dropped, 1 / (1 - p) is no number."""
    shape("mask", mask, dy.shape, "the shape of dy")
    real("p", p, 0, 1)


def classified(logits, targets):
    """targets has one class for each row of logits, among its columns."""
    class_labels("targets", targets, *logits.shape)


def _in_dtype(result, dtype):
    if isinstance(result, tuple):
        return tuple(_in_dtype(part, dtype) for part in result)
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return result.astype(dtype, copy=False)
    return result
