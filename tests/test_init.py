import numpy as np
import pytest

from course_lib import init


@pytest.mark.parametrize(
    ("make", "shape", "variance"),
    [
        (init.he_normal, (64, 32, 3, 3), 2 / (32 * 9)),
        (init.he_normal, (300, 500), 2 / 500),
        (init.xavier_normal, (64, 32, 3, 3), 2 / (32 * 9 + 64 * 9)),
        (init.xavier_normal, (300, 500), 2 / 800),
        (lambda shape, rng: init.normal(shape, 0.01, rng), (300, 500), 0.01**2),
    ],
)
def test_the_variance_is_the_one_in_the_paper(make, shape, variance, rng):
    weights = make(shape, rng)
    assert weights.shape == shape and weights.dtype == np.float32
    assert weights.var() == pytest.approx(variance, rel=0.03)
    assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)


def test_he_keeps_the_size_of_activations_through_twenty_layers_of_relu(rng):
    x = rng.standard_normal((100, 400))
    for _ in range(20):
        x = np.maximum(x @ init.he_normal((400, 400), rng, np.float64).T, 0)
    assert 0.3 < np.sqrt((x**2).mean()) < 3


def test_fans_count_what_an_output_reads_and_what_an_input_feeds():
    assert init.fan_in_and_out((8, 4, 3, 5)) == (4 * 15, 8 * 15)
    assert init.fan_in_and_out([10, 20]) == (20, 10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("make", [init.he_normal, init.xavier_normal])
def test_the_same_generator_gives_the_same_weights_in_the_dtype_asked_for(make, dtype):
    one, other = (make((3, 4), np.random.default_rng(1), dtype) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == dtype


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3,), {}, r"shape must be \(out, in, \.\.\.\), but is \(3,\)"),
        (5, {}, r"shape must be \(out, in, \.\.\.\), but is 5"),
        ((3, 0), {}, r"shape\[1\] must be at least 1, but is 0"),
        ((3, -2), {}, r"shape\[1\] must be at least 1, but is -2"),
        ((3, 1.5), {}, r"shape\[1\] must be an integer, but is 1.5"),
        ((3, 4), {"rng": 0}, "rng must be a numpy.random.Generator .*, but is 0"),
        ((3, 4), {"dtype": int}, "dtype must be float32 or float64, but is <class 'int'>"),
    ],
)
@pytest.mark.parametrize("make", [init.he_normal, init.xavier_normal])
def test_what_cannot_be_a_weight_is_refused_by_name(make, shape, settings, message, rng):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        make(shape, **{"rng": rng, **settings})


@pytest.mark.parametrize("std", [-1, float("nan"), "small", None])
def test_normal_refuses_a_standard_deviation_that_is_none(std, rng):
    with pytest.raises((TypeError, ValueError), match=r"^std must "):
        init.normal((2, 3), std, rng)
