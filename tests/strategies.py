"""Random geometries for property-based tests: small, and as unsymmetrical as they come."""

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
    def input_shape(self):
        return (self.N, self.C_in, *self.size)

    @property
    def count(self):
        """(H_out, W_out)"""
        return tuple(map(out_size, self.size, self.kernel_size, self.stride, self.padding, self.dilation))

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


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def convolutions(draw, dilated=True):
    """Kernels that fit the padded input; strides up to beyond the kernel; remainders; two unequal axes."""
    kernel_size, stride, padding = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(0, 2))
    dilation = draw(pairs(1, 2)) if dilated else (1, 1)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    least = [max(1, span - 2 * p) for span, p in zip(spans, padding, strict=True)]
    size = tuple(n + draw(st.integers(0, 6)) for n in least)
    channels = draw(pairs(1, 3))
    return Geometry(
        draw(st.integers(1, 3)), *channels, size, kernel_size, stride, padding, dilation, seed=draw(seeds)
    )


@st.composite
def transposed_convolutions(draw):
    """Any output_padding below the stride or the dilation, and a padding that leaves something."""
    kernel_size, stride, dilation, size = draw(pairs(1, 3)), draw(pairs(1, 3)), draw(pairs(1, 2)), draw(pairs(1, 4))
    output_padding = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    full = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, k, s, d, e in zip(size, kernel_size, stride, dilation, output_padding, strict=True)
    ]
    padding = tuple(draw(st.integers(0, min(2, (n - 1) // 2))) for n in full)
    return Geometry(
        draw(st.integers(1, 3)), *draw(pairs(1, 3)), size, kernel_size, stride, padding, dilation, output_padding,
        seed=draw(seeds),
    )  # fmt: skip


@st.composite
def poolings(draw):
    """Windows that overlap, tile or leave gaps, with padding up to half the window."""
    kernel_size, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel_size)
    size = tuple(max(1, k - 2 * p) + draw(st.integers(0, 4)) for k, p in zip(kernel_size, padding, strict=True))
    channels = draw(st.integers(1, 3))
    return Geometry(
        draw(st.integers(1, 3)), channels, channels, size, kernel_size, stride, padding, seed=draw(seeds)
    )


seeds = st.integers(0, 2**32 - 1)
