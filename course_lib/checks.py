"""What every public function asks of its arguments, and the sentences it answers with."""

import functools
import inspect
import operator

import numpy as np


def floats(**arrays):
    """Arrays by name -> the same as float32 or float64 arrays of one common dtype, in the order given.

    float32 stays float32, float64 stays float64, integers are promoted. None is passed through.
    Nothing is copied that need not be.
    """
    found = {name: _numeric(name, value) for name, value in arrays.items() if value is not None}
    dtype = _common_float(found.values())
    for name, value in found.items():
        found[name] = value = value.astype(dtype, copy=False)
        if np.isnan(value.max()):  # max passes NaN on, and is faster than looking at each entry
            where = tuple(int(i) for i in np.argwhere(np.isnan(value))[0])
            raise ValueError(f"{name} must not contain NaN, but {name}{list(where)} is NaN")
    result = [found.get(name) for name in arrays]
    return result[0] if len(result) == 1 else result


def _numeric(name, value):
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, but is a masked array: fill it first")
    try:
        value = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers, but its rows differ in shape") from error
    if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
        raise TypeError(f"{name} must be float32, float64 or integer, but its dtype is {value.dtype}")
    if value.size == 0:
        raise ValueError(f"{name} must not be empty, but its shape is {value.shape}")
    return value


def _common_float(arrays):
    dtype = np.result_type(*arrays)
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.dtype(np.float32)
    return np.dtype(np.float64)


def ndim(name, array, axes):
    """`axes` pictures the expected shape, as "(N, C, H, W)"; their number is what is checked. "(...)" is any."""
    expected = len([letter for letter in axes.strip("()").split(",") if letter.strip()])
    if axes != "(...)" and array.ndim != expected:
        raise ValueError(f"{name} must have shape {axes}, but its shape is {array.shape}")


def shape(name, array, expected, why=""):
    if array.shape != tuple(expected):
        because = f" ({why})" if why else ""
        raise ValueError(f"{name} must have shape {tuple(expected)}{because}, but its shape is {array.shape}")


def integer(name, value, least):
    """An integer no smaller than `least`, as a Python int."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, but is {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, but is {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, but is {number}")
    return number


def pair(name, value, least):
    """An int or a pair of ints (rows, columns) -> a pair of ints, each no smaller than `least`."""
    if np.ndim(value) == 0:
        number = integer(name, value, least)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, but is {value!r}")
    return integer(f"{name}[0]", value[0], least), integer(f"{name}[1]", value[1], least)


def out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """How many windows fit along one axis: (size + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.

    Source: Dumoulin & Visin 2016, relationship 15.
    """
    room = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError(
            f"kernel_size {kernel_size} with dilation {dilation} spans {dilation * (kernel_size - 1) + 1}, "
            f"which must not exceed the padded input, size {size} + 2 * padding {padding} = {size + 2 * padding}"
        )
    return room // stride + 1


def probability(name, value):
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number from 0 to 1, but is {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, but is {value}")
    return float(value)


def class_labels(name, labels, examples, classes):
    """labels (N,) integers in 0 .. classes - 1."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, but the dtype is {labels.dtype}")
    shape(name, labels, (examples,), "one label for each row")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = wrong[0]
        raise ValueError(f"{name} must be from 0 to {classes - 1}, but {name}[{first}] is {labels[first]}")
    return labels


def generator(name, rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name} must be a numpy.random.Generator such as np.random.default_rng(0), but is {rng!r}")
    return rng


def axes(**expected):
    """A decorator: check arrays by parameter name, then call the function with them as floats.

        @checks.axes(dy="(m,)", w="(k,)")
        def f(dy, w, stride=1): ...

    The body is then free of checks and can be read as the lesson it is. Results come back in the
    common dtype of the arguments. Parameters called stride or padding must be plain integers, and
    where dy, x and w belong to one convolution their shapes must agree.
    """

    def decorate(function):
        signature = inspect.signature(function)
        numbers = {"stride": 1, "padding": 0}

        @functools.wraps(function)
        def checked(*args, **kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            values = call.arguments
            names = [name for name in expected if values[name] is not None]
            arrays = floats(**{name: values[name] for name in names})
            arrays = dict(zip(names, arrays if len(names) > 1 else [arrays], strict=True))
            for name, array in arrays.items():
                ndim(name, array, expected[name])
            values.update(arrays)
            for name in numbers.keys() & values.keys():
                if values[name] is not None:
                    values[name] = integer(name, values[name], numbers[name])
            if expected.keys() >= {"x", "w"} and "stride" in values and "output_padding" not in values:
                _one_convolution(values["x"], values["w"], arrays.get("dy"), values["stride"], values["padding"])
            return _in_dtype(function(*call.args, **call.kwargs), arrays[names[0]].dtype)

        return checked

    return decorate


def _one_convolution(x, w, dy, stride, padding):
    """x and w ending in the same number of spatial axes (1 or 2) fit together, and dy is shaped like their y."""
    spatial = 1 if x.ndim == 1 else 2
    lead = ()
    if x.ndim == 4:
        shape("w", w, (len(w), x.shape[1], *w.shape[2:]), "the second axis of w must match the channels of x")
        lead = (len(x), len(w))
    sizes = [
        out_size(n, k, stride, padding) for n, k in zip(x.shape[-spatial:], w.shape[-spatial:], strict=True)
    ]
    if dy is not None:
        shape("dy", dy, (*lead, *sizes), "the shape of y")


def _in_dtype(result, dtype):
    if isinstance(result, tuple):
        return tuple(_in_dtype(part, dtype) for part in result)
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return result.astype(dtype, copy=False)
    return result
