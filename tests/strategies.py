"""Random geometries for property-based tests: small, and as unsymmetrical as they come.

plain=True gives both axes the same stride and padding and no dilation, which is all the loops know.
"""

from dataclasses import dataclass

import numpy as np
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
        w = (self.C_out, self.C_in, *self.kernel_size)
        return self.arrays(self.input_shape, w, self.C_out, (self.N, self.C_out, *self.count))

    def transposed_convolution(self):
        """x, w, b of conv_transpose2d."""
        return self.arrays(self.input_shape, (self.C_in, self.C_out, *self.kernel_size), self.C_out)

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
    return Geometry(
        draw(st.integers(1, 3)), *channels, size, kernel_size, stride, padding, dilation, seed=draw(seeds)
    )


@st.composite
def transposed_convolutions(draw, plain=False):
    """Any output_padding below the stride (or the dilation), and a padding that leaves something."""
    kernel_size, stride, size = draw(pairs(1, 3)), draw(pairs(1, 3, plain)), draw(pairs(1, 4))
    dilation = (1, 1) if plain else draw(pairs(1, 2))
    output_padding = draw(pairs(0, max(*stride, *dilation) - 1, plain))
    output_padding = tuple(
        min(e, max(s, d) - 1) for e, s, d in zip(output_padding, stride, dilation, strict=True)
    )
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
