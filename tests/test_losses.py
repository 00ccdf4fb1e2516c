import numpy as np
import pytest

from course_lib import functional as F
from course_lib import losses

LOSSES = {
    "CrossEntropyLoss": (losses.CrossEntropyLoss, F.cross_entropy, [[1.0, 2, 3], [0, 0, 5]], [2, 0]),
    "MSELoss": (losses.MSELoss, F.mse, [[1.0, 2], [3, 4]], [[0.0, 2], [5, 1]]),
}
every_loss = pytest.mark.parametrize(("make", "function", "prediction", "target"), LOSSES.values(), ids=LOSSES)


@every_loss
def test_forward_gives_the_loss_and_backward_its_gradient(make, function, prediction, target):
    loss = make()
    value, gradient = function(prediction, target)
    assert type(loss.forward(prediction, target)) is float
    assert loss(prediction, target) == value
    np.testing.assert_array_equal(loss.backward(), gradient, strict=True)


@every_loss
def test_backward_without_a_forward_says_so(make, function, prediction, target):
    with pytest.raises(RuntimeError, match=rf"^{make.__name__}\.backward needs a forward before it$"):
        make().backward()


def handed_out(make, prediction, target):
    """A loss that has gone forward and back, the gradient it handed out, and a copy of that."""
    loss = make()
    loss(prediction, target)
    gradient = loss.backward()
    return loss, gradient, gradient.copy()


@every_loss
def test_a_gradient_handed_out_stays_as_it_is(make, function, prediction, target):
    loss, first, kept = handed_out(make, prediction, target)
    loss(np.negative(prediction), target)
    np.testing.assert_array_equal(first, kept)
    assert (loss.backward() != kept).any()


@every_loss
def test_whoever_writes_into_the_gradient_does_not_change_the_next_one(make, function, prediction, target):
    loss, first, kept = handed_out(make, prediction, target)
    first[...] = 7
    np.testing.assert_array_equal(loss.backward(), kept)


@every_loss
def test_float32_stays_float32_whatever_the_targets_are(make, function, prediction, target):
    loss = make()
    kinds = (np.int64, np.uint8) if make is losses.CrossEntropyLoss else (np.float32, np.float64, np.int64)
    for kind in kinds:
        loss(np.array(prediction, np.float32), np.array(target, kind))
        assert loss.backward().dtype == np.float32


@every_loss
def test_a_loss_prints_as_what_it_is(make, function, prediction, target):
    assert repr(make()) == f"{make.__name__}()"


@pytest.mark.parametrize(
    ("loss", "target", "message"),
    [
        (losses.CrossEntropyLoss(), [2, 3], r"^targets must be from 0 to 2, but targets\[1\] is 3$"),
        (losses.CrossEntropyLoss(), [0.0, 1.0], r"^targets must be integers, but the dtype is float64$"),
        (losses.MSELoss(), [1, 2], r"^target must have shape \(2, 3\) .* but its shape is \(2,\)$"),
    ],
)
def test_a_target_that_does_not_fit_is_refused_by_name(loss, target, message):
    with pytest.raises((TypeError, ValueError), match=message):
        loss(np.ones((2, 3)), target)
