"""The small network of lesson 00 reads digits, and its weights are those of the network that it says it is."""

import numpy as np
import pytest
from places import mnist_folder

from course_lib import data, reader, training


def accuracy(network, x, y):
    return training.accuracy(training.predict(network, x), y)


@pytest.mark.slow
@pytest.mark.skipif(mnist_folder() is None, reason="needs MNIST's four files: name their folder in COURSE_DATA_DIR")
def test_the_reader_reads_98_of_100_digits_that_it_has_never_seen(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(mnist_folder()))
    _, (x, y) = data.mnist()
    assert accuracy(reader.trained(), x[:2000], y[:2000]) > 0.96
    assert accuracy(reader.untrained(), x[:2000], y[:2000]) < 0.3


def test_the_bundled_digits_are_read_too_though_others_wrote_them():
    _, (x, y) = data.digits()
    assert accuracy(reader.trained(), x, y) > 0.8


def test_the_reader_is_the_same_each_time_and_does_not_drop_or_learn():
    one, other = reader.trained(), reader.trained()
    x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(one.forward(x), other.forward(x))
    assert not one.training


def test_the_gradient_that_lesson_00_shows_is_the_slope():
    network, rng = reader.trained().astype(np.float64), np.random.default_rng(0)
    x, dy = rng.random((1, 1, 28, 28)), rng.standard_normal((1, 10))
    network.forward(x)
    dx = network.backward(dy)
    step = rng.standard_normal(x.shape) * 1e-6
    slope = np.sum(dy * (network.forward(x + step) - network.forward(x - step))) / 2
    assert np.sum(dx * step) == pytest.approx(slope, rel=1e-4)
