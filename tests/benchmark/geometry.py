"""What is measured: the same sizes for the course and for PyTorch."""

from dataclasses import dataclass, replace

BATCH = {"small net": 64, "Keras net": 128}


@dataclass(frozen=True)
class Convolution:
    """A square convolution on a batch of square images."""

    N: int
    C_in: int
    C_out: int
    size: int
    kernel_size: int
    stride: int
    padding: int

    @property
    def name(self):
        extras = f" s{self.stride}" * (self.stride > 1) + f" p{self.padding}" * (self.kernel_size > 3)
        kernel = f"{self.kernel_size}x{self.kernel_size}"
        return f"{self.C_in}->{self.C_out} {kernel}{extras} {self.size}x{self.size}"

    @property
    def count(self):
        return (self.size + 2 * self.padding - self.kernel_size) // self.stride + 1


CONVOLUTIONS = [
    Convolution(32, 1, 8, 28, 3, 1, 1),
    Convolution(32, 8, 16, 14, 3, 1, 1),
    Convolution(32, 32, 64, 14, 3, 1, 1),
    Convolution(32, 16, 32, 28, 5, 2, 2),
]

# name: one convolution with one of its sizes made larger, and how many times
_BASE = CONVOLUTIONS[1]
GROWTH = {
    "nothing": (_BASE, 1),
    "N": (replace(_BASE, N=2 * _BASE.N), 2),
    "C_in": (replace(_BASE, C_in=2 * _BASE.C_in), 2),
    "C_out": (replace(_BASE, C_out=2 * _BASE.C_out), 2),
    "H and W": (replace(_BASE, size=2 * _BASE.size), 2),
    "kernel": (replace(_BASE, kernel_size=7, padding=3), 7 / 3),
}
