"""Losses: forward(prediction, target) returns a float, backward() the gradient, shaped like the prediction.

That gradient is the dy with which a network's backward pass begins.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_lib import functional as F
from course_lib._support import checks
from course_lib._support.types import Array


class _Loss:
    function: Callable[[Any, Any], tuple[float, Array]]

    def forward(self, prediction: Array, target: Any) -> float:
        """Compute the loss, and remember its gradient."""
        loss, gradient = self.function(prediction, target)
        came = np.asarray(prediction).dtype  # targets of float64 would have a float32 network go back in float64
        self.gradient = gradient.astype(came, copy=False) if came in checks.FLOATS else gradient
        return loss

    def backward(self) -> Array:
        """The gradient of the last forward, shaped like the prediction. Raises RuntimeError without a forward."""
        if "gradient" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward before it")
        return self.gradient.copy("K")  # a copy, because a custom layer may write into it

    def __call__(self, prediction: Array, target: Any) -> float:
        return self.forward(prediction, target)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CrossEntropyLoss(_Loss):
    """logits (N, classes), targets (N,) integers -> mean loss over the batch, in nats."""

    function = staticmethod(F.cross_entropy)


class MSELoss(_Loss):
    """prediction, target of one shape -> mean squared difference over all elements."""

    function = staticmethod(F.mse)
