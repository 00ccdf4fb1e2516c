"""Where a kernel stands on an image, and which arrays go together there.

Inside the library images lie in memory as (C, H, W, N), the batch innermost: shifting a window then moves long
unbroken runs, which is what makes plain slices fast. `batch_last` and `batch_first` go between the two orders.
"""

import math
from typing import Any

import numpy as np

from course_lib._support import checks
from course_lib._support.types import Array, Integers, IntOrPair, Pair, Shape

# ---------------------------------------------------------------- sizes


def out_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many windows fit along one axis: (size + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.

    Source: Dumoulin & Visin 2016, relationship 15.
    """
    size, kernel_size = checks.integer("size", size, 1), checks.integer("kernel_size", kernel_size, 1)
    stride, padding = checks.integer("stride", stride, 1), checks.integer("padding", padding, 0)
    reach = checks.integer("dilation", dilation, 1) * (kernel_size - 1) + 1
    if reach > size + 2 * padding:
        raise ValueError(
            f"kernel_size {kernel_size} with dilation {dilation} spans {reach}, "
            f"which must not exceed the padded input, size {size} + 2 * padding {padding} = {size + 2 * padding}"
        )
    return (size + 2 * padding - reach) // stride + 1


class Windows:
    """Where a kernel stands, and which pixels each of its cells meets there.

    padding may be "valid", which is 0, or "same", with which the output is as large as the input. Where that takes an
    odd number of zeros, `behind` is 1: there is one more below, or on the right, as in PyTorch.
    """

    def __init__(self, kernel_size: IntOrPair, stride: IntOrPair, padding: IntOrPair | str, dilation: IntOrPair = 1):
        self.kernel_size = checks.pair("kernel_size", kernel_size, 1)
        self.stride = checks.pair("stride", stride, 1)
        self.dilation = checks.pair("dilation", dilation, 1)
        self.behind = (0, 0)
        if padding != "same":
            self.padding = checks.pair("padding", 0 if padding == "valid" else padding, 0)
            return
        if self.stride != (1, 1):
            raise ValueError(f"stride must be 1 with padding 'same', but is {self.stride}")
        (kH, kW), (dH, dW) = self.kernel_size, self.dilation
        (top, bottom), (left, right) = divmod(dH * (kH - 1), 2), divmod(dW * (kW - 1), 2)
        self.padding, self.behind = (top, left), (bottom, right)

    @classmethod
    def of_pool(cls, kernel_size: IntOrPair, stride: IntOrPair | None, padding: IntOrPair) -> "Windows":
        """The Windows of a pooling: each holds a pixel, and the stride is the kernel_size unless given."""
        windows = cls(kernel_size, kernel_size if stride is None else stride, checks.pair("padding", padding, 0))
        (kH, kW), (top, left) = windows.kernel_size, windows.padding
        if 2 * top > kH or 2 * left > kW:
            raise ValueError(f"padding must be at most half of kernel_size {(kH, kW)}, but is {(top, left)}")
        return windows

    @property
    def are_disjoint(self) -> bool:
        """Whether no pixel is in two windows."""
        (kH, kW), (down, across) = self.kernel_size, self.stride
        return down >= kH and across >= kW

    def output_size(self, size: Shape) -> Pair:
        """(H, W) of the input -> (H_out, W_out), the number of windows down and across."""
        (H, W), (kH, kW), (down, across) = size, self.kernel_size, self.stride
        (top, left), (dH, dW), (bottom, right) = self.padding, self.dilation, self.behind
        return out_size(H + bottom, kH, down, top, dH), out_size(W + right, kW, across, left, dW)

    def input_size(self, size: Shape, output_padding: IntOrPair = 0) -> Pair:
        """(H_out, W_out) -> (H, W), the smallest input with so many windows, and output_padding more."""
        extra = checks.pair("output_padding", output_padding, 0)
        (down, across), (dH, dW) = self.stride, self.dilation
        if extra[0] >= max(down, dH) or extra[1] >= max(across, dW):
            raise ValueError(
                f"output_padding must be smaller than stride {self.stride} or dilation {self.dilation}, but is {extra}"
            )
        axes = zip(size, self.kernel_size, self.stride, self.padding, self.dilation, extra, strict=True)
        H, W = ((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in axes)
        if min(H, W) < 1:
            raise ValueError(f"padding must leave something of the output, but {self.padding} leaves {(H, W)}")
        checks.fits_in_memory("stride", (H, W))
        return H, W

    def padded_size(self, size: Shape) -> Pair:
        """(H, W) -> the size with the padding."""
        (H, W), (top, left), (bottom, right) = size, self.padding, self.behind
        return H + 2 * top + bottom, W + 2 * left + right

    def first_inside(self, count: Shape) -> Integers:
        """(H_out, W_out): which cell of each window, counted row by row, is the first that is not on padding."""
        (top, left), (down, across) = self.padding, self.stride
        i = np.maximum(top - down * np.arange(count[0]), 0)
        j = np.maximum(left - across * np.arange(count[1]), 0)
        return i[:, None] * self.kernel_size[1] + j

    # ------------------------------------------------------------ images with their batch last

    def view(self, padded: Array, count: Shape) -> Array:
        """padded (C, H + 2 pH, W + 2 pW, N) -> the view (C, kH, kW, H_out, W_out, N): what each kernel cell meets.

        Nothing is copied: where windows overlap, one pixel stands in several places.
        """
        C, _, _, N = padded.shape
        channel, row, column, image = padded.strides
        (down, across), (dH, dW) = self.stride, self.dilation
        shape = C, *self.kernel_size, *count, N
        steps = channel, dH * row, dW * column, down * row, across * column, image
        # A single step is never taken, however far it would lead: a stride may be larger than any memory
        strides = tuple(0 if length == 1 else step for length, step in zip(shape, steps, strict=True))
        return np.ndarray(shape, padded.dtype, buffer=padded, strides=strides)

    def cells(self, padded: Array, count: Shape) -> list[Array]:
        """padded -> for each kernel cell, row by row, the view (C, H_out, W_out, N) of the pixels it meets."""
        view = self.view(padded, count)
        return [view[:, i, j] for i, j in np.ndindex(self.kernel_size)]

    def pad(self, x: Array, value: float = 0) -> Array:
        """x (N, C, H, W) -> (C, H + 2 pH, W + 2 pW, N), batch last. Only to be read: it may be a view of x."""
        N, C, H, W = x.shape
        if self.padding == self.behind == (0, 0):
            return batch_last(x)
        top, left = self.padding
        padded = np.empty((C, *self.padded_size((H, W)), N), x.dtype)
        for border in padded[:, :top], padded[:, top + H :], padded[:, :, :left], padded[:, :, left + W :]:
            border[...] = value
        padded[:, top : top + H, left : left + W] = x.transpose(1, 2, 3, 0)
        return padded

    def zeros(self, C: int, size: Shape, N: int, dtype: np.dtype) -> Array:
        """Zeros (C, H + 2 pH, W + 2 pW, N), into which gradients are added window by window."""
        return np.zeros((C, *self.padded_size(size), N), dtype)

    def unpad(self, padded: Array, size: Shape) -> Array:
        """padded (C, H + 2 pH, W + 2 pW, N) -> (N, C, H, W) without the padding."""
        (H, W), (top, left) = size, self.padding
        return batch_first(np.ascontiguousarray(padded[:, top : top + H, left : left + W]))


class WindowSum:
    """What windows hand back to the pixels of an image, added up where they overlap: the transpose of Windows.view.

    The columns of the image lie sorted by their remainder when divided by the stride. So neighbouring windows add to
    unbroken runs of memory with any stride (saves 4 to 10 % of a backward pass with stride 2).
    """

    def __init__(self, windows: Windows, count: Shape, channels: int, size: Shape, images: int, dtype: np.dtype):
        """count: (H_out, W_out), the windows down and across; size: (H, W) of the image."""
        self.windows, self.count, self.size = windows, count, size
        height, width = windows.padded_size(size)
        self.apart = min(windows.stride[1], width)
        self.sums = np.zeros((channels, height, self.apart, -(-width // self.apart), images), dtype)

    def add(self, patches: Array, channels: slice, rows: slice) -> None:
        """patches (channels kH kW, rows W_out N): add those of some rows of windows in some channels.

        One kernel cell at a time, because its windows share no pixel.
        """
        sums, across, images = self.sums[channels], self.count[1], self.sums.shape[-1]
        (kH, kW), (dH, dW), down = self.windows.kernel_size, self.windows.dilation, self.windows.stride[0]
        cells = patches.reshape(len(sums), kH, kW, -1, across, images)
        for i in range(kH):
            first = dH * i + down * rows.start
            lines = sums[:, first : first + down * (cells.shape[3] - 1) + 1 : down]
            for j in range(kW):
                column, remainder = divmod(dW * j, self.apart)
                pixels = lines[:, :, remainder, column : column + across]
                pixels += cells[:, i, j]

    def image(self) -> Array:
        """The sums (N, C, H, W), without the padding."""
        (H, W), (top, left), apart = self.size, self.windows.padding, self.apart
        sums = self.sums[:, top : top + H]
        if apart == 1:
            return batch_first(np.ascontiguousarray(sums[:, :, 0, left : left + W]))
        image = np.empty((len(sums), H, W, sums.shape[-1]), sums.dtype)
        for first in range(min(apart, W)):
            column, remainder = divmod(left + first, apart)
            pixels = image[:, :, first::apart]
            pixels[...] = sums[:, :, remainder, column : column + pixels.shape[2]]
        return batch_first(image)


def batch_last(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (C, H, W, N), contiguous; free if x came from this library."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def batch_first(x: np.ndarray) -> np.ndarray:
    """(C, H, W, N) -> (N, C, H, W), always a view."""
    return x.transpose(3, 0, 1, 2)


# ---------------------------------------------------------------- which arrays go together, for checks.axes


def convolution(
    x: Array, w: Array, dy: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, **_: Any
) -> None:
    """The kernel fits the padded input, along one spatial axis or two, and dy is shaped like their y."""
    if x.ndim == 1:
        sizes: Shape = (out_size(len(x), len(w), stride, padding),)
    else:
        sizes = Windows(w.shape[-2:], stride, padding, dilation).output_size(x.shape[-2:])
    if dy is not None:
        lead = (len(x), len(w)) if x.ndim == 4 else ()
        checks.shape("dy", dy, (*lead, *sizes), "the shape of y")


def depthwise(x: Array, w: Array, dy: Array, **geometry: Any) -> None:
    """Each channel has one kernel of its own, and the rest as in any convolution."""
    checks.shape("w", w, (len(w), 1, *w.shape[2:]), "one kernel for each channel")
    convolution(x, w, dy, **geometry)


def transposed_convolution(
    x: Array, w: Array, stride: IntOrPair, padding: IntOrPair, output_padding: IntOrPair, dilation: IntOrPair = 1,
    groups: int = 1, dy: Array | None = None, **_: Any,
) -> None:  # fmt: skip
    """Something of the output is left, no more is added to it than a stride could have lost, dy is shaped like y."""
    size = Windows(w.shape[2:], stride, padding, dilation).input_size(x.shape[2:], output_padding)
    if dy is not None:
        checks.shape("dy", dy, (len(x), w.shape[1] * groups, *size), "the shape of y")


def columns(
    cols: Array, output_size: Pair, kernel_size: Pair, stride: IntOrPair, padding: IntOrPair, dilation: IntOrPair = 1
) -> None:
    """cols holds whole windows of kernel_size, as many as fit an image of output_size."""
    cells = math.prod(kernel_size)
    count = math.prod(Windows(kernel_size, stride, padding, dilation).output_size(output_size))
    if cols.shape[1] % cells or cols.shape[2] != count:
        raise ValueError(
            f"cols must have shape (N, C * {cells}, {count}) for output_size {output_size} and "
            f"kernel_size {kernel_size}, but its shape is {cols.shape}"
        )


def pooling(
    kernel_size: Pair, stride: IntOrPair | None, padding: IntOrPair = 0, input_shape: Shape = (),
    x: Array | None = None, dy: Array | None = None, winner: Integers | None = None, **_: Any,
) -> None:  # fmt: skip
    """Every window of a pooling holds a pixel, dy is shaped like its y, and a winner is one of the window's cells."""
    N, C, *size = input_shape if x is None else x.shape
    windows = Windows.of_pool(kernel_size, stride, padding)
    sizes = windows.output_size(tuple(size))
    if dy is not None:
        checks.shape("dy", dy, (N, C, *sizes), "the shape of y")
    if winner is not None:
        checks.between("winner", winner, 0, math.prod(windows.kernel_size))


def shares(gradients: np.ndarray, sizes: Any) -> np.ndarray:
    """How many examples each row of gradients (workers, n) stands for: sizes, checked, as integers (workers,)."""
    counts = checks.integers("sizes", sizes)
    if counts.shape != gradients.shape[:1] or (counts < 1).any():
        raise ValueError(
            f"sizes must be {len(gradients)} integers above 0, one for each row of gradients, "
            f"but is {checks.brief(sizes)}"
        )
    return counts


def runs_of_examples(x: np.ndarray, workers: Any, **_: Any) -> None:
    """x (N, ...) can be split among so many workers, each of which gets an example at least."""
    if checks.integer("workers", workers, 1) > len(x):
        raise ValueError(f"workers must be at most {len(x)}, as many as x has examples, but is {workers}")
