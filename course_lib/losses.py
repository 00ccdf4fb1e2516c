"""Losses: forward(prediction, target) -> a float, backward() -> the gradient, shaped like the prediction.

With that gradient the way back through a network begins.
"""

from course_lib import functional as F


class _Loss:
    function = None

    def forward(self, prediction, target):
        loss, self.gradient = self.function(prediction, target)
        return loss

    def backward(self):
        if "gradient" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward before it")
        return self.gradient.copy("K")  # a copy, because a layer of somebody's own may write into it

    def __call__(self, prediction, target):
        return self.forward(prediction, target)

    def __repr__(self):
        return f"{type(self).__name__}()"


class CrossEntropyLoss(_Loss):
    """logits (N, classes), targets (N,) integers -> mean loss over the batch, in nats."""

    function = staticmethod(F.cross_entropy)


class MSELoss(_Loss):
    """prediction, target of one shape -> mean squared difference over all elements."""

    function = staticmethod(F.mse)
