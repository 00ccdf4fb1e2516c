"""When two arrays count as equal."""

import numpy as np


def different(array: np.ndarray, reference: np.ndarray, tolerance: float) -> np.ndarray:
    """Which entries of two arrays of one shape are off by more than rounding, float32's included: boolean."""
    sizes = np.abs(reference)
    scale = sizes.max(initial=0) or 1.0
    if not np.isfinite(scale):  # an entry without end says nothing about how close the others are
        scale = sizes[np.isfinite(sizes)].max(initial=0) or 1.0
    with np.errstate(invalid="ignore"):
        return ~(np.abs(array.astype(float) - reference) <= tolerance * scale)


def close(array: np.ndarray | None, reference: np.ndarray, tolerance: float) -> bool:
    """Whether an array (or None) is of the reference's shape, made of numbers, and nowhere different."""
    if array is None or array.shape != reference.shape or array.dtype.kind not in "fiub":
        return False
    return not different(array, reference, tolerance).any()
