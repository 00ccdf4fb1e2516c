"""Masks remembered in an eighth of their memory."""

import math

import numpy as np

from course_lib._support.types import Mask


class Bits:
    """A mask of any shape, as bits in the order in which it lies in memory."""

    def __init__(self, mask: Mask) -> None:
        self.order = sorted(range(mask.ndim), key=lambda axis: -mask.strides[axis])  # the outermost axis first
        laid = mask.transpose(self.order)
        self.shape, self.packed = laid.shape, np.packbits(laid.ravel())

    def mask(self) -> Mask:
        """The mask again, laid out as before."""
        laid = np.unpackbits(self.packed, count=math.prod(self.shape)).view(bool).reshape(self.shape)
        return laid.transpose(np.argsort(self.order))
