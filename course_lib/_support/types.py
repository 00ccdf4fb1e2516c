"""The types that signatures of the course name."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]
Mask: TypeAlias = NDArray[np.bool_]
Pair: TypeAlias = tuple[int, int]  # (rows, columns)
IntOrPair: TypeAlias = int | Pair
Padding: TypeAlias = IntOrPair | str  # "same" or "valid"
Shape: TypeAlias = tuple[int, ...]
FloatType: TypeAlias = type[float] | type[np.float32] | type[np.float64] | np.dtype[Any] | str  # float32 or float64
# In quotes, because NumPy loads its random numbers only when they are asked for
Random: TypeAlias = "np.random.Generator"
RandomOrNone: TypeAlias = "np.random.Generator | None"
