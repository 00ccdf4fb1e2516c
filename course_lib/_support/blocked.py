"""What suits the machine: memory that is used again, and work in portions that fit its caches.

Nothing here changes a result by more than rounding. Each part was kept because it pays on a real network
(see tests/benchmark); without it `functional` would be right too, and slower.
"""

import contextlib
import math
import threading

import numpy as np

# ---------------------------------------------------------------- memory

_reused = threading.local()
_LARGEST_KEPT = 64 * 2**20  # bytes


def scratch(name, shape, dtype):
    """Working memory for one call, reused by the next: fresh pages cost more than the work done in them.

    It must never be part of a result. Large requests are served fresh, so that nothing big is kept.
    """
    size = math.prod(shape) * dtype.itemsize
    if size > _LARGEST_KEPT:
        return np.empty(shape, dtype)
    kept = vars(_reused).get(name)
    if kept is None or kept.nbytes < size:
        kept = vars(_reused)[name] = _aligned(size)
    return kept[:size].view(dtype).reshape(shape)


def _aligned(size):
    """Bytes that begin where a cache line does: vector instructions are faster there."""
    fresh = np.empty(size + 64, np.uint8)
    first = -fresh.ctypes.data % 64
    return fresh[first : first + size]


# The C library on Linux hands freed memory back to the system, and fetches it page by page for the next result.
# Freeing one large array, never touched, teaches it to keep as much as that. Other systems do not mind.
np.empty(31 * 2**20, np.uint8)


@contextlib.contextmanager
def unbuffered():
    """NumPy copies strided arrays into a buffer before it adds them, unless the buffer is shorter than their runs."""
    usual = np.setbufsize(512)
    try:
        yield
    finally:
        np.setbufsize(usual)


# ---------------------------------------------------------------- portions

_CACHED = 2**19  # bytes, a good part of a core's own cache


def few_rows(seen):
    """seen (C, kH, kW, H_out, W_out, N) -> slices of H_out, as many rows at a time as fit the cache (at least one)."""
    rows = seen.shape[3]
    step = max(1, rows * _CACHED // seen.nbytes)
    return [slice(first, first + step) for first in range(0, rows, step)]


def times_columns(a, columns, out):
    """a (M, K) @ columns (K, L) -> out (M, L), in pieces along L."""
    count = _pieces(*a.shape, columns.shape[1])
    np.matmul(a, _cut(columns, count), out=_cut(out, count))


def times_rows(columns, rows):
    """columns (K, L) @ rows (M, L)^T -> (K, M), in pieces along L."""
    count = _pieces(len(columns), *rows.shape)
    return (_cut(columns, count) @ _cut(rows, count).transpose(0, 2, 1)).sum(axis=0)


# A product this small takes OpenBLAS's kernel for small matrices, twice as fast where the CPU has AVX-512.
_SMALL_PRODUCT = 10**6
_SHORTEST_PIECE = 256


def _pieces(a, b, length):
    """Into how many equal pieces to cut `length`, so that a x b x piece is a small product but no piece is short."""
    at_least = -(-a * b * length // _SMALL_PRODUCT)
    for count in range(at_least, length // _SHORTEST_PIECE + 1):
        if length % count == 0:
            return count
    return 1


def _cut(matrix, count):
    """(rows, length) -> the view (count, rows, length / count)."""
    return matrix.reshape(len(matrix), count, -1).transpose(1, 0, 2)
