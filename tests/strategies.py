"""Random geometries for property-based tests, small and as unsymmetrical as they come; and arguments of any kind.

plain=True gives both axes the same stride and padding and no dilation, which is all the loops know.
"""

from dataclasses import dataclass, replace

import numpy as np
from calls import MEMORY
from hypothesis import strategies as st

from course_lib.functional import out_size


@dataclass(frozen=True)
class Geometry:
    """One convolution or pooling: its sizes, and arrays that fit them, drawn from `seed`."""

    N: int
    C_in: int
    C_out: int
    size: tuple
    kernel_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple = (1, 1)
    output_padding: tuple = (0, 0)
    seed: int = 0
    groups: int = 1

    @property
    def windows(self):
        """What conv2d takes after its arrays."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def transposed(self):
        """What conv_transpose2d takes after its arrays."""
        return {**self.windows, "output_padding": self.output_padding}

    @property
    def pool(self):
        """What a pooling takes after x."""
        return {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding}

    @property
    def plain(self):
        """Stride and padding as the loops take them."""
        return {"stride": self.stride[0], "padding": self.padding[0]}

    @property
    def input_shape(self):
        return (self.N, self.C_in, *self.size)

    @property
    def count(self):
        """(H_out, W_out)"""
        return tuple(map(out_size, self.size, self.kernel_size, self.stride, self.padding, self.dilation))

    @property
    def cols_shape(self):
        return (self.N, self.C_in * int(np.prod(self.kernel_size)), int(np.prod(self.count)))

    @property
    def rng(self):
        return np.random.default_rng(self.seed)

    def arrays(self, *shapes):
        rng = self.rng
        return [rng.standard_normal(shape) for shape in shapes]

    def convolution(self):
        """x, w, b of conv2d, and dy."""
        w = (self.C_out, self.C_in // self.groups, *self.kernel_size)
        return self.arrays(self.input_shape, w, self.C_out, (self.N, self.C_out, *self.count))

    def transposed_convolution(self):
        """x, w, b of conv_transpose2d."""
        return self.arrays(self.input_shape, (self.C_in, self.C_out // self.groups, *self.kernel_size), self.C_out)

    def distinct(self):
        """x whose entries differ by 0.1 or more: no nudge of a finite difference changes a winner."""
        count = int(np.prod(self.input_shape))
        return (self.rng.permutation(count) / 10 - count / 20).reshape(self.input_shape)

    def tied(self):
        """x of the three values 0, 1, 2: most windows have several maxima."""
        return self.rng.integers(0, 3, self.input_shape).astype(float)


seeds = st.integers(0, 2**32 - 1)


def pairs(least, most, plain=False):
    numbers = st.integers(least, most)
    return numbers.map(lambda number: (number, number)) if plain else st.tuples(numbers, numbers)


@st.composite
def convolutions(draw, plain=False):
    """Kernels that fit the padded input; strides up to beyond the kernel; remainders; two unequal axes."""
    kernel_size, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 3, plain)), draw(pairs(0, 2, plain))
    dilation = (1, 1) if plain else draw(pairs(1, 2))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    size = _no_smaller(draw, spans, padding, more=6)
    channels = draw(pairs(1, 3))
    return Geometry(draw(st.integers(1, 3)), *channels, size, kernel_size, stride, padding, dilation, seed=draw(seeds))


@st.composite
def transposed_convolutions(draw, plain=False):
    """Any output_padding below the stride (or the dilation), and a padding that leaves something."""
    kernel_size, stride, size = draw(pairs(1, 3)), draw(pairs(1, 3, plain)), draw(pairs(1, 4))
    dilation = (1, 1) if plain else draw(pairs(1, 2))
    output_padding = draw(pairs(0, max(*stride, *dilation) - 1, plain))
    output_padding = tuple(min(e, max(s, d) - 1) for e, s, d in zip(output_padding, stride, dilation, strict=True))
    full = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, k, s, d, e in zip(size, kernel_size, stride, dilation, output_padding, strict=True)
    ]
    padding = draw(pairs(0, min(2, (min(full) - 1) // 2), plain))
    return Geometry(
        draw(st.integers(1, 3)), *draw(pairs(1, 3)), size, kernel_size, stride, padding, dilation, output_padding,
        seed=draw(seeds),
    )  # fmt: skip


@st.composite
def poolings(draw, plain=False):
    """Windows that overlap, tile or leave gaps, with padding up to half the window."""
    kernel_size, stride = draw(pairs(1, 4)), draw(pairs(1, 4, plain))
    padding = draw(pairs(0, min(kernel_size) // 2, plain))
    size = _no_smaller(draw, kernel_size, padding, more=4)
    channels = draw(st.integers(1, 3))
    return Geometry(draw(st.integers(1, 3)), channels, channels, size, kernel_size, stride, padding, seed=draw(seeds))


def _no_smaller(draw, spans, padding, more):
    """A size whose padded image holds the spans, up to `more` larger."""
    return tuple(max(1, n - 2 * p) + draw(st.integers(0, more)) for n, p in zip(spans, padding, strict=True))


@st.composite
def in_groups(draw, geometries):
    """The same geometry with the channels of several groups."""
    geometry, groups = draw(geometries), draw(st.integers(2, 3))
    return replace(geometry, C_in=groups * geometry.C_in, C_out=groups * geometry.C_out, groups=groups)


# ---------------------------------------------------------------- anything at all

NUMBERS = ["f8", "f4", "f2", "i8", "u1", "i1", "u8", "?", ">f8", ">f4", ">i4", "<u2"]
OTHER_DTYPES = ["c8", ">c16", "g", "U3", "S2", "O", "m8[s]", "M8[D]", "V4", [("a", "f8"), ("b", "i4")]]
ODD = {  # values that need care, put into one entry of an array of floats
    "NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf, "minus zero": -0.0, "huge": 6e4, "tiny": 6e-8,
}  # fmt: skip


class _Rude:
    """Answers every question with an exception that no caller has ever heard of."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __index__(self):
        raise RuntimeError("no index")

    def __float__(self):
        raise RuntimeError("no float")

    def __repr__(self):
        raise RuntimeError("no text")


sizes = st.one_of(st.integers(-2, 9), st.tuples(st.integers(-1, 4), st.integers(-1, 4)))
anything = st.one_of(
    sizes,
    st.lists(sizes, max_size=4),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.sampled_from([None, True, False, np.True_, 1j, {1}, {}, np.sum, _Rude(), float("nan"), 10**400, range(3)]),
    st.builds(np.array, sizes),
)


@st.composite
def numbers_like(draw, shape):
    """An array of this shape, of any dtype of numbers, lying in memory in any way, perhaps with one odd entry."""
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(-4, 5, shape)
    with np.errstate(over="ignore"):
        values = values.astype(draw(st.sampled_from(NUMBERS)))
        if values.dtype.kind == "f" and values.size and draw(st.booleans()):
            place = draw(st.integers(0, values.size - 1))
            values.flat[place] = ODD[draw(st.sampled_from(sorted(ODD)))]
    return _laid_out(draw, values)


@st.composite
def arrays_like(draw, shape):
    """An array of any dtype and memory order, of this shape, nearly this shape, or another; or no array at all."""
    shape = list(shape)
    for _ in range(draw(st.integers(0, 2))):
        change = draw(st.sampled_from(["resize", "drop", "insert"]))
        axis = draw(st.integers(0, len(shape)))
        if change == "insert":
            shape.insert(axis, draw(st.integers(0, 3)))
        elif axis < len(shape):
            shape[axis : axis + 1] = [] if change == "drop" else [draw(st.integers(0, 9))]
    kind = draw(st.sampled_from(["numbers", "numbers", "numbers", "other dtype", "anything"]))
    if kind == "numbers":
        return draw(numbers_like(tuple(shape)))
    if kind == "anything":
        return draw(anything)
    dtype = draw(st.sampled_from(OTHER_DTYPES))
    return np.zeros(shape, dtype) if dtype == "V4" or not isinstance(dtype, str) else np.ones(shape, int).astype(dtype)


def _laid_out(draw, values):
    lay_out = draw(st.sampled_from(sorted(MEMORY)))
    laid = MEMORY[lay_out](values) if values.size else values
    if isinstance(laid, np.ndarray) and draw(st.booleans()):
        laid.flags.writeable = False
    return laid
