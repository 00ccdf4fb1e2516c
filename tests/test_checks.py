"""Bad input: every public function answers it with a sentence that names the argument, what came, what was expected."""

import inspect
import re

import numpy as np
import pytest
from calls import CALLS, SIZES, each

from course_lib import functional as F
from course_lib import loops
from course_lib._support import checks


def assert_refused(call, argument, value, came):
    """call refuses this value of one argument with "<argument> ... must ...", and says what came."""
    with pytest.raises((TypeError, ValueError)) as raised:
        call.run(**{argument: value})
    message = str(raised.value)
    assert re.match(rf"{argument}\b.* must ", message), message
    assert came in message, message


def every(choose, table):
    """Parametrize over (call, argument) for the arguments that `choose` names; each with a table of bad values."""
    rows = [pytest.param(call, argument, id=f"{call.name} {argument}") for call in CALLS for argument in choose(call)]

    def decorate(test):
        return pytest.mark.parametrize(("call", "argument"), rows)(each(table)(test))

    return decorate


def default(call, argument):
    return inspect.signature(call.function).parameters[argument].default


# ---------------------------------------------------------------- arrays of numbers

BAD_ARRAYS = {
    "complex": (lambda good: good + 1j, "complex128"),
    "object": (lambda good: good.astype(object), "object"),
    "text": (lambda good: good.astype(str), "<U"),
    "dates": (lambda good: good.astype("timedelta64[s]"), "timedelta64"),
    "ragged": (lambda good: [[1.0], [1.0, 2.0]], "differ in shape"),
    "empty": (lambda good: good[:0], "(0,"),
    "no last axis": (lambda good: good[..., :0], "0"),
    "NaN": (lambda good: np.where(np.arange(good.size).reshape(good.shape) == 1, np.nan, good), "] is NaN"),
    "a function": (lambda good: np.sum, "object"),
}


@every(lambda call: call.shapes, BAD_ARRAYS)
def test_what_is_not_an_array_of_numbers_is_refused(call, argument, bad, came):
    assert_refused(call, argument, bad(call.arguments()[argument]), came)


@every(lambda call: [name for name in call.shapes if default(call, name) is not None], {"None": (None, "None")})
def test_none_is_refused_where_an_array_is_needed(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


def assert_names_an_array_and_its_shape(call, **arguments):
    with pytest.raises(ValueError) as raised:
        call.run(**arguments)
    message = str(raised.value)
    named = re.match(r"\w+", message)[0]
    assert named in call.shapes.keys() | {"mask", "targets", "indices", "winner"}, message
    assert " must have shape " in message and "but its shape is (" in message, message


AXES = {"one axis more": (lambda good: good[None], None), "one axis less": (lambda good: good[0], None)}
ANY_AXES = {F.relu, F.dropout, F.flatten, loops.residual_backward}


@every(lambda call: [] if call.function in ANY_AXES else call.shapes, AXES)
def test_a_wrong_number_of_axes_is_refused(call, argument, bad, came):
    assert_names_an_array_and_its_shape(call, **{argument: bad(call.arguments()[argument])})


# Which axes of an array another argument, not an array of numbers, says the length of
TOLD = {
    "targets": {"N"},
    "mask": {"N", "C", "H", "W"},
    "input_shape": {"N", "C", "CHW"},
    "indices": {"H_out", "W_out"},
    "output_size": {"L"},
    "stride": {"H_out", "W_out", "m"},
}


def tied_axes():
    """(call, argument, axis) where another argument says how long the axis must be."""
    for call in CALLS:
        told = set().union(*(TOLD.get(name, set()) for name in call.others))
        for argument, picture in call.shapes.items():
            elsewhere = {letter for name in call.shapes.keys() - {argument} for letter in call.shapes[name].split()}
            for axis, letter in enumerate(picture.split()):
                if letter in told | elsewhere:
                    yield pytest.param(call, argument, axis, id=f"{call.name} {argument} {letter}")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("change", [1, -1], ids=["one too long", "one too short"])
@pytest.mark.parametrize(("call", "argument", "axis"), list(tied_axes()))
def test_shapes_that_do_not_belong_together_are_refused(call, argument, axis, change):
    good = call.arguments()[argument]
    size = good.shape[axis] + change
    if size == 0:
        pytest.skip("an empty array is another test")
    bad = np.resize(good, (*good.shape[:axis], size, *good.shape[axis + 1 :]))
    assert_names_an_array_and_its_shape(call, **{argument: bad})


# ---------------------------------------------------------------- sizes and strides

NOT_INTEGERS = {
    "negative": (-1, "-1"),
    "float": (1.5, "1.5"),
    "whole float": (2.0, "2.0"),
    "bool": (True, "True"),
    "text": ("2", "'2'"),
    "complex": (2j, "2j"),
    "three": ((1, 2, 3), "(1, 2, 3)"),
    "one in a tuple": ((1,), "(1,)"),
    "ragged": ([[1], [1, 2]], "[1]"),
    "set": ({1, 2}, "{1, 2}"),
}
BAD_PAIRS = {
    "second negative": ((1, -1), "-1"),
    "first float": ((1.0, 1), "1.0"),
    "second bool": ((1, np.True_), "True"),
    "array of floats": (np.array([1.0, 2.0]), "1.0"),
    "array of bools": (np.array([True, True]), "True"),
}
GEOMETRY = ["output_size", "kernel_size", "stride", "padding", "dilation", "output_padding"]


def integers(call):
    return [name for name in [*GEOMETRY, "groups", "size"] if name in call.others]


def positive_integers(call):
    return [name for name in integers(call) if "padding" not in name]


def pairs(call):
    of_functional = [name for name in GEOMETRY if name in call.others and call.function is not F.out_size]
    return of_functional if call.name.startswith("functional") else [n for n in of_functional if n.endswith("_size")]


def plain_integers(call):
    return [name for name in integers(call) if name not in pairs(call)]


@every(integers, NOT_INTEGERS)
def test_what_is_not_a_size_is_refused(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


@every(pairs, BAD_PAIRS)
def test_what_is_not_a_pair_of_sizes_is_refused(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


@every(plain_integers, {"a pair": ((1, 1), "(1, 1)"), "an array": (np.array([1, 1]), "array([1, 1])")})
def test_a_pair_is_refused_where_a_plain_integer_is_needed(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


@every(positive_integers, {"zero": (0, "0")})
def test_zero_is_refused_as_a_size_stride_or_dilation(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


@every(lambda call: [n for n in integers(call) if default(call, n) is not None], {"None": (None, "None")})
def test_none_is_refused_as_a_size(call, argument, bad, came):
    assert_refused(call, argument, bad, came)


@every(integers, {"int64": (np.int64, None), "uint8": (np.uint8, None), "0-d array": (np.array, None)})
def test_numpy_integers_are_taken_as_sizes(call, argument, bad, came):
    good = call.others[argument]
    same = tuple(map(bad, good)) if isinstance(good, tuple) else bad(good)
    for found, expected in zip(call.run(**{argument: same}), call.run(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("as_other", [list, np.array], ids=["list", "array"])
def test_a_pair_may_be_a_list_or_an_array(as_other):
    for call in CALLS:
        changed = {name: as_other(call.others[name]) for name in pairs(call) if isinstance(call.others[name], tuple)}
        for found, expected in zip(call.run(**changed), call.run(), strict=True):
            np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- everything else, by the name of the argument

OTHERS = {
    "input_shape": {
        "number": (5, "5"),
        "text": ("abcd", "'abcd'"),
        "empty": ((), "()"),
        "negative": ((3, 2, 8, -7), "-7"),
        "zero": ((3, 0, 8, 7), "0"),
        "float": ((3, 2.0, 8, 7), "2.0"),
        "None": (None, "None"),
    },
    "targets": {
        "too large": ([0, 1, SIZES["classes"]], "targets[2] is 6"),
        "negative": ([-1, 1, 2], "targets[0] is -1"),
        "too many": ([0, 1, 2, 3], "(4,)"),
        "one-hot": (np.eye(3, dtype=int), "(3, 3)"),
        "floats": ([0.0, 1.0, 2.0], "float64"),
        "bools": ([True, False, True], "bool"),
        "text": (["a", "b", "c"], "<U1"),
        "ragged": ([[0], [1, 2]], "differ in shape"),
        "None": (None, "None"),
        "one number": (1, "()"),
    },
    "mask": {
        "integers": (np.ones((3, 2, 8, 7), int), "int64"),
        "floats": (np.ones((3, 2, 8, 7)), "float64"),
        "one example less": (np.ones((2, 2, 8, 7), bool), "(2, 2, 8, 7)"),
        "one axis": (np.ones(7, bool), "(7,)"),
        "ragged": ([[True], [True, False]], "differ in shape"),
        "None": (None, "None"),
    },
    "p": {
        "negative": (-0.1, "-0.1"),
        "above one": (1.1, "1.1"),
        "NaN": (float("nan"), "nan"),
        "infinite": (float("inf"), "inf"),
        "text": ("0.5", "'0.5'"),
        "bool": (True, "True"),
        "complex": (0.5j, "0.5j"),
        "array": (np.array([0.5]), "array([0.5])"),
        "None": (None, "None"),
    },
    "rng": {
        "seed": (0, "0"),
        "None": (None, "None"),
        "module": (np.random, "module"),
        "old state": (np.random.RandomState(0), "RandomState"),
    },
    "eps": {
        "zero": (0, "0"),
        "negative": (-1e-5, "-1e-05"),
        "NaN": (float("nan"), "nan"),
        "infinite": (float("inf"), "inf"),
        "text": ("small", "'small'"),
        "array": (np.array([1e-5, 1e-5]), "array("),
        "None": (None, "None"),
    },
    "branch_backward": {"number": (3, "3"), "None": (None, "None")},
    "indices": {
        "negative": (-1, "-1"),
        "beyond the plane": (56, "56"),
        "floats": (0.0, "float64"),
        "bools": (True, "bool"),
    },
    "winner": {
        "negative": (-1, "-1"),
        "beyond the window": (200, "200"),
        "floats": (0.0, "float64"),
        "bools": (True, "bool"),
    },
}


@pytest.mark.parametrize(
    ("call", "argument", "bad", "came"),
    [
        pytest.param(call, argument, bad, came, id=f"{call.name} {argument} {label}")
        for argument, table in OTHERS.items()
        for call in CALLS
        if argument in call.others
        for label, (bad, came) in table.items()
    ],
)
def test_a_bad_value_is_refused_by_name(call, argument, bad, came):
    if argument in {"indices", "winner"}:
        bad = np.full_like(call.arguments()[argument], bad, dtype=type(bad))
    assert_refused(call, argument, bad, came)


PLACES = {
    "one too few": (lambda good: good[:, :, :-1], "("),
    "one axis less": (lambda good: good[0], "("),
    "ragged": (lambda good: [[1], [1, 2]], "differ in shape"),
    "None": (lambda good: None, "None"),
}


def places(call):
    return {"indices", "winner"} & call.others.keys()


@every(places, PLACES)
def test_places_that_are_not_an_array_like_dy_are_refused(call, argument, bad, came):
    assert_refused(call, argument, bad(call.arguments()[argument]), came)


@every(places, {"int16": (np.int16, None), "uint64": (np.uint64, None), ">i4": (">i4", None)})
def test_places_may_be_integers_of_any_size(call, argument, bad, came):
    found = call.run(**{argument: call.arguments()[argument].astype(bad)})
    for value, expected in zip(found, call.run(), strict=True):
        np.testing.assert_array_equal(value, expected)


# ---------------------------------------------------------------- values that are right alone, and wrong together

x, w, w_up = np.ones((2, 3, 6, 5)), np.ones((4, 3, 3, 2)), np.ones((3, 4, 3, 2))
dy = np.ones((2, 4, 4, 4))
pool = np.ones((2, 3, 3, 2))
TOGETHER = {
    "kernel larger than the input": (lambda: F.conv2d(x, np.ones((4, 3, 7, 2))), "kernel_size", "size 6"),
    "kernel larger once dilated": (lambda: F.conv2d(x, w, dilation=(3, 1)), "kernel_size", "spans 7"),
    "kernel larger, backward": (lambda: F.conv2d_backward(dy, x, np.ones((4, 3, 7, 2))), "kernel_size", "size 6"),
    "kernel larger, im2col": (lambda: F.im2col(x, (3, 6)), "kernel_size", "size 5"),
    "kernel larger, col2im": (lambda: F.col2im(np.ones((2, 9, 1)), (2, 3), 3), "kernel_size", "size 2"),
    "kernel larger, max_pool2d": (lambda: F.max_pool2d(x, 7), "kernel_size", "size 6"),
    "kernel larger, avg_pool2d": (lambda: F.avg_pool2d(x, 7), "kernel_size", "size 6"),
    "kernel larger, conv1d": (lambda: loops.conv1d(np.ones(2), np.ones(5), padding=1), "kernel_size", "= 4"),
    "kernel larger, loops.conv2d": (lambda: loops.conv2d(x, np.ones((4, 3, 7, 2))), "kernel_size", "size 6"),
    "kernel larger, loops.im2col": (lambda: loops.im2col(x, 6), "kernel_size", "size 5"),
    "kernel larger, loops.max_pool2d": (lambda: loops.max_pool2d(x, 6), "kernel_size", "size 5"),
    "columns of another kernel": (lambda: F.col2im(np.ones((2, 10, 16)), (6, 5), (3, 2)), "cols", "(2, 10, 16)"),
    "columns of another kernel, loops": (lambda: loops.col2im(np.ones((2, 10, 16)), (6, 5), (3, 2)), "cols", "(2, 10"),
    "channels": (lambda: F.conv2d(x, np.ones((4, 2, 3, 2))), "w", "(4, 2, 3, 2)"),
    "groups of unequal size": (lambda: F.conv2d(x, w, groups=2), "groups", "3, but is 2"),
    "groups of filters of unequal size": (
        lambda: F.conv2d(np.ones((2, 6, 6, 5)), np.ones((4, 2, 3, 2)), groups=3),
        "groups",
        "4, but is 3",
    ),
    "groups of unequal size, backward": (lambda: F.conv2d_backward(dy, x, w, groups=2), "groups", "3, but is 2"),
    "groups of unequal size, transposed": (lambda: F.conv_transpose2d(x, w_up, groups=2), "groups", "3, but is 2"),
    "a kernel that is not in groups": (lambda: F.conv2d(x, np.ones((3, 3, 3, 2)), groups=3), "w", "and groups = 3"),
    "dy of one group": (
        lambda: F.conv_transpose2d_backward(np.ones((2, 4, 8, 6)), x, w_up, groups=3),
        "dy",
        "C_out = 12 as in w",
    ),
    "pool padding": (lambda: F.max_pool2d(x, 2, padding=2), "padding", "2"),
    "pool padding, one axis": (lambda: F.avg_pool2d(x, (2, 4), padding=(2, 2)), "padding", "2"),
    "pool padding, backward": (lambda: F.avg_pool2d_backward(pool, (2, 3, 6, 5), 2, padding=2), "padding", "2"),
    "pool padding, loops": (lambda: loops.max_pool2d(x, 2, padding=2), "padding", "2"),
    "output_padding": (lambda: F.conv_transpose2d(x, w_up, stride=2, output_padding=2), "output_padding", "2"),
    "output_padding, one axis": (lambda: F.conv_transpose2d(x, w_up, output_padding=(0, 1)), "output_padding", "1"),
    "output_padding, loops": (lambda: loops.conv_transpose2d(x, w_up, output_padding=1), "output_padding", "1"),
    "nothing left": (lambda: F.conv_transpose2d(x, w_up, padding=9), "padding", "9"),
    "nothing left, loops": (lambda: loops.conv_transpose2d(x, w_up, padding=9), "padding", "9"),
    "one value per channel": (lambda: F.batch_norm2d(np.ones((1, 3, 1, 1)), np.ones(3), np.ones(3)), "x", "(1, 3, 1"),
    "mean without var": (lambda: F.batch_norm2d(x, np.ones(3), np.ones(3), mean=np.ones(3)), "mean and var", "mean is"),
    "var without mean": (
        lambda: F.batch_norm2d_backward(x, x, np.ones(3), var=np.ones(3)),
        "mean and var",
        "var is given",
    ),
    "negative var": (lambda: F.batch_norm2d(x, *np.ones((3, 3)), [1, -1, 1]), "var", "-1"),
    "flatten of one axis": (lambda: F.flatten(np.ones(3)), "x", "(3,)"),
    "flatten_backward of another size": (lambda: F.flatten_backward(np.ones((2, 6)), (2, 2, 2)), "dy", "(2, 6)"),
    "dropout_backward in loops with p = 1": (lambda: loops.dropout_backward([1.0], [False], 1), "p", "1"),
}


@pytest.mark.parametrize(("do", "argument", "came"), TOGETHER.values(), ids=TOGETHER)
def test_values_that_cannot_go_together_are_refused(do, argument, came):
    with pytest.raises(ValueError) as raised:
        do()
    message = str(raised.value)
    assert re.match(rf"{argument}\b.* must ", message), message
    assert came in message, message


# ---------------------------------------------------------------- the checks themselves


def test_floats_copies_nothing_that_is_right_already():
    array = np.ones((2, 3), np.float32)
    assert np.shares_memory(checks.floats(x=array), array)


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["f4"], "f4"), (["f8"], "f8"), (["f2"], "f4"), (["i4"], "f8"), (["?"], "f8"), (["f4", "f8"], "f8"),
        (["f4", "i1"], "f4"), (["f4", "f2"], "f4"), (["u8", "i8"], "f8"), ([">f4"], "f4"),
    ],
)  # fmt: skip
def test_floats_finds_the_common_dtype(dtypes, expected):
    found = checks.floats(**{f"a{i}": np.ones(2, dtype) for i, dtype in enumerate(dtypes)})
    for array in found if len(dtypes) > 1 else [found]:
        assert array.dtype == np.dtype(expected) and array.dtype.isnative


def test_infinity_is_not_nan_and_passes():
    np.testing.assert_array_equal(checks.floats(x=[np.inf, -np.inf]), [np.inf, -np.inf])


def test_the_nan_is_named_by_its_place():
    with pytest.raises(ValueError, match=r"^x must not contain NaN, but x\[1, 0\] is NaN$"):
        checks.floats(x=[[1.0, 2.0], [np.nan, np.nan]])


def test_labels_of_any_integer_dtype_are_taken_and_the_first_wrong_one_is_named():
    np.testing.assert_array_equal(checks.class_labels("y", np.array([2, 0], np.uint64), 2, 3), [2, 0])
    with pytest.raises(ValueError, match=r"^y must be from 0 to 2, but y\[1\] is 3$"):
        checks.class_labels("y", np.array([2, 3, 9], np.uint64), 3, 3)


@pytest.mark.parametrize("dtype", ["float32", np.float64, float, np.dtype("float32")], ids=str)
def test_float_dtype_takes_what_names_a_float(dtype):
    assert checks.float_dtype("dtype", dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [int, "abc", None, np.float16, "complex64", [1]], ids=str)
def test_float_dtype_refuses_the_rest(dtype):
    with pytest.raises(TypeError, match=r"^dtype must be float32 or float64, but is "):
        checks.float_dtype("dtype", dtype)


@checks.axes(x="(n, m)", w="(m,)", b="(n,)", sizes=checks.integer)
def decorated(x, w, b=None, stride=1):
    """A docstring."""
    assert x.dtype == w.dtype and type(stride) is int
    return x @ w + (0 if b is None else b), stride


def test_axes_checks_before_the_body_and_casts_the_results():
    y, stride = decorated(np.ones((2, 3), np.float32), [1, 2, 3], stride=np.int64(2))
    assert y.dtype == np.float64 and stride == 2
    y, _ = decorated(np.ones((2, 3), np.float32), np.ones(3, np.float32), b=np.ones(2, np.float32))
    assert y.dtype == np.float32
    assert decorated.__doc__ == "A docstring."
    assert list(inspect.signature(decorated).parameters) == ["x", "w", "b", "stride"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(3), np.ones(3)), r"^x must have shape \(n, m\), but its shape is \(3,\)$"),
        ((np.ones((2, 3)), np.ones(4)), r"^w must have shape \(m,\) with m = 3 as in x, but its shape is \(4,\)$"),
        ((np.ones((2, 3)), np.ones(3), np.ones(3)), r"^b must have shape \(n,\) with n = 2 as in x, but .* \(3,\)$"),
        ((np.ones((2, 3)), np.ones(3), None, 0), "^stride must be at least 1, but is 0$"),
    ],
)
def test_axes_says_which_argument_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        decorated(*arguments)


def test_axes_leaves_pythons_own_words_for_a_missing_argument():
    with pytest.raises(TypeError, match=r"missing a required argument: 'w'"):
        decorated(np.ones((2, 3)))


def test_where_dy_disagrees_with_both_x_and_w_it_is_dy_that_is_named():
    with pytest.raises(ValueError, match=r"^dy must "):
        loops.conv2d_backward(np.ones((2, 5, 4, 4)), x, w)
