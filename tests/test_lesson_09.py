"""What lesson 09 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import functools
import re

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from lesson_run import names_of, quietly

from course_lib import data, exercises, flow, gradcheck, init, loops
from course_lib.exercises.lessons import lesson_09
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "09_read_a_gradient"


@functools.cache
def cells():
    return build.assemble(LESSON).cells


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the lesson defines, with nothing solved, and what it prints."""
    with quietly(tmp_path_factory):
        return names_of(cells(), ("play", "explore_flow", "first_guesses", "predict", "examine"))


# ---------------------------------------------------------------- the small network


def test_the_small_network_has_as_many_parameters_as_stated(lesson):
    assert sum(parameter.data.size for parameter in lesson["small"].parameters()) == 20490


def test_activation_gradients_fall_and_weight_gradients_do_not_vanish_whatever_the_seed(lesson):
    readings = lesson["small_readings"]
    states(text_of(LESSON), *(f"{readings[at].activation:.0e}" for at in (-1, 0)), about="`dy`")
    (x, y), _ = data.digits()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        for layer in (0, 3, 7):
            weight = lesson["small"][layer].weight
            weight.data = init.he_normal(weight.data.shape, rng, np.float64)
        readings = flow.gradient_sizes(lesson["small"], x[:32].astype(float), y[:32])
        weights = [readings[layer].weight for layer in (0, 3, 7)]
        assert max(weights) < 5 * min(weights)
        assert readings[0].activation < readings[-1].activation / 30


def test_a_max_pool_takes_three_quarters_of_the_mean(lesson):
    pool, before = lesson["small_readings"][2], lesson["small_readings"][1]
    assert before.activation == pytest.approx(pool.activation / 4)


def test_the_loop_by_hand_and_the_function_agree(lesson):
    by_hand = re.findall(r"(\w+) +mean \|dy\| (\de\S+)", lesson["printed"])
    assert by_hand == [(reading.name, f"{reading.activation:.0e}") for reading in reversed(lesson["small_readings"])]


# ---------------------------------------------------------------- twenty layers


def test_filters_that_are_equal_get_equal_gradients(lesson):
    rows = re.findall(r"first row of dw: (.+)", lesson["printed"])
    assert len(rows) == 4 and len(set(rows)) == 1
    gradients = lesson["net"][0].weight.grad
    assert np.ptp(gradients, axis=0).max() < 1e-12 and np.abs(gradients).max() > 0.01


def test_random_weights_of_one_size_leave_the_squares_alone(rng):
    """The mean of y squared is n sigma^2 times that of x, and the ReLU keeps half of it."""
    x, n, sigma = rng.random(72) + 0.5, 72, 0.2  # not at all with mean 0
    y = rng.normal(0, sigma, (200_000, n)).astype(np.float32) @ x.astype(np.float32)
    assert np.mean(y**2) == pytest.approx(n * sigma**2 * np.mean(x**2), rel=0.02)
    assert np.mean(np.maximum(y, 0) ** 2) == pytest.approx(np.mean(y**2) / 2, rel=0.02)


@pytest.mark.parametrize("start", ["N(0, 0.01)", "uniform", "Xavier", "He"])
@pytest.mark.parametrize("seed", range(3))
def test_the_rule_predicts_the_factor_of_a_layer(start, seed):
    std = flow.STARTS[start]((8, 8, 3, 3))
    measured = flow.step_factor(flow.deep_flow(20, start, seed=seed))
    assert measured == pytest.approx(np.sqrt(72 * std**2 / 2), rel=0.13)


def test_a_layer_with_other_channels_keeps_the_signal_or_the_gradient():
    for C_in, C_out in ((8, 32), (32, 8)):
        by_fan_in, by_fan_out = (
            lesson_09.factors(flow.STARTS[start]((C_out, C_in, 3, 3)), C_in, C_out, 1) for start in ("He", "He fan-out")
        )
        assert by_fan_in[0] == pytest.approx(1, abs=0.07) and by_fan_out[1] == pytest.approx(1, abs=0.07)
        assert by_fan_in[1] == pytest.approx(np.sqrt(C_out / C_in), rel=0.07)
        assert by_fan_out[0] == pytest.approx(np.sqrt(C_in / C_out), rel=0.07)
    assert exercises.predictions.get("09/fans").feedback(lesson_09.factors(1 / 6, 8, 32, 1)[1])[0]


def test_the_repair_is_needed_and_its_symptom_goes_away():
    lab = exercises.get("gradient_std")
    kept = {f: [float(row[-1]) for row in lab.symptom(f).rows] for f in (lab.start, lab.answer)}
    assert all(0.9 <= factor <= 1.1 for factor in kept[lab.answer])
    assert sum(not 0.9 <= factor <= 1.1 for factor in kept[lab.start]) == 3
    assert [float(row[-2]) for row in lab.symptom(lab.start).rows] == pytest.approx([1] * 4, abs=0.1)


def signals(start):
    """What is left of the signal, from 4 channels to 32, for three seeds."""
    found = [flow.deep_flow(20, start, channels=(4, 32), seed=seed) for seed in range(3)]
    return np.array([readings[-1].output / readings[0].output for readings in found])


def test_either_will_do_because_over_the_network_they_differ_once(lesson):
    he, fan_out = (float(row.split()[-1]) for row in re.findall(r"^He .+$", lesson["printed"], re.M)[1:3])
    assert he / fan_out == pytest.approx(np.sqrt(8), rel=0.05)
    rows = {start: signals(start) for start in ("He", "He fan-out")}  # of other random numbers
    assert rows["He"].max() > 5 * rows["He"].min()
    assert rows["He"] / rows["He fan-out"] == pytest.approx(np.sqrt(8), rel=0.05)
    states(text_of(LESSON), 2.8, 0.38, about="harmless")


def test_the_numbers_in_the_text_are_those_of_the_networks():
    factors = {name: flow.step_factor(flow.deep_flow(**chosen)) for name, chosen in SETTINGS.items()}
    rounded = {name: round(factor, 2) for name, factor in factors.items()}
    assert rounded["uniform"] == 0.38 and rounded["residual, small"] == 1
    states(text_of(LESSON), rounded["uniform"], about="*uniform*")
    states(text_of(LESSON), round(factors["batch norm"], 1), 1, 40)
    others = [round(flow.step_factor(flow.deep_flow(20, seed=seed)), 2) for seed in (1, 2)]
    states(text_of(LESSON), *others, 40, about="seeds")
    first, *_, last = flow.deep_flow(40)
    assert round(first.activation / last.activation, 1) == 0.1
    smallest, largest = flow.deep_flow(start="N(0, 0.01)")[0].weight, flow.deep_flow(residual=True)[0].weight
    states(text_of(LESSON), f"{smallest:.0e}", f"{largest:.2g}")


SETTINGS = {
    "small": dict(start="N(0, 0.01)"),
    "uniform": dict(start="uniform"),
    "sigmoid": dict(start="Xavier", activation="sigmoid"),
    "tanh": dict(start="Xavier", activation="tanh"),
    "He": dict(start="He"),
    "batch norm": dict(start="N(0, 0.01)", batch_norm=True),
    "batch norm, 40": dict(start="N(0, 0.01)", batch_norm=True, depth=40),
    "residual, small": dict(start="N(0, 0.01)", residual=True),
    "residual, He": dict(start="He", residual=True),
    "both": dict(start="He", batch_norm=True, residual=True),
}


def test_it_vanishes_explodes_and_keeps_its_size_where_the_lesson_says_so():
    verdicts = {name: flow.verdict(flow.deep_flow(**chosen)) for name, chosen in SETTINGS.items()}
    assert {name for name, verdict in verdicts.items() if verdict == "vanishes"} == {"small", "uniform", "sigmoid"}
    assert {name for name, verdict in verdicts.items() if verdict == "explodes"} == {"batch norm, 40", "residual, He"}
    assert {name for name, verdict in verdicts.items() if verdict == "keeps its size"} == {"He", "residual, small"}
    assert {name for name, verdict in verdicts.items() if verdict == "grows slowly"} == {"batch norm", "both"}


def test_the_weights_gradient_is_flat_with_a_small_start_and_a_million_million_apart_with_a_sigmoid():
    small, sigmoid = (flow.deep_flow(**SETTINGS[name]) for name in ("small", "sigmoid"))
    assert max(reading.weight for reading in small) < 30 * min(reading.weight for reading in small)
    assert 1e12 < sigmoid[-1].weight / sigmoid[0].weight < 1e13


# ---------------------------------------------------------------- batch norm, residual


def test_the_question_about_four_numbers_accepts_what_is_measured():
    x = np.array([1.1, 1, 3, 3])
    rise, fall = ((x - x.mean()) / x.std() - [-1, -1, 1, 1])[:2]
    assert rise == pytest.approx(0.05, abs=0.002) == -fall
    assert exercises.predictions.get("09/one_raised").feedback(rise)[0]


@pytest.mark.parametrize("gamma", [1.0, -2.5])
def test_step_by_step_and_in_one_go_and_by_central_differences_are_one_gradient(lesson, gamma, rng):
    x, dy = rng.standard_normal((2, 12)) * 3
    stepwise = lesson["step_by_step"](dy, x, gamma)
    at_once, _, _ = loops.batch_norm2d_backward(dy.reshape(1, 1, 3, 4), x.reshape(1, 1, 3, 4), np.array([gamma]))
    np.testing.assert_allclose(stepwise, at_once.ravel(), rtol=1e-10)

    def loss(x):
        return np.sum(dy * gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-5))

    assert gradcheck.relative_error(stepwise, gradcheck.numerical_gradient(loss, x)) < 1e-8


def test_weights_ten_times_as_large_get_a_tenth_of_the_gradient_behind_a_batch_norm(lesson):
    found = re.findall(r"mean \|y\| (\S+)   mean \|dw\| (\S+)   w · dw is 0 in every filter: True", lesson["printed"])
    (small_y, small), (large_y, large) = found
    assert small_y == large_y and float(small) == pytest.approx(10 * float(large), rel=0.01)


def test_a_gradient_that_takes_both_ways_through_twenty_halving_blocks_grows_3000_fold():
    assert 3000 < 1.5**20 < 3500
    assert "about 3000" in exercises.predictions.get("09/round").choices["c"][0]


def test_behind_a_batch_norm_the_weights_only_grow_under_plain_sgd(lesson):
    lengths, gradients = zip(*re.findall(r"step \d: \|w\| +(\S+) +mean \|dw\| +(\S+)", lesson["printed"]), strict=True)
    lengths, gradients = [float(one) for one in lengths], [float(one) for one in gradients]
    assert lengths == sorted(lengths) and len(set(lengths)) == 5 and gradients == sorted(gradients, reverse=True)
    weight = lesson["layer"][0].weight  # one step further, by Pythagoras
    grown = np.sum(weight.data**2) - np.sum((weight.data + 0.1 * weight.grad) ** 2)
    assert grown == pytest.approx(0.01 * np.sum(weight.grad**2), rel=1e-3)


def test_batch_norm_and_relu_multiply_a_gradient_by_what_the_rule_says(lesson, rng):
    t = np.maximum(rng.standard_normal(1_000_000), 0)
    assert t.var() == pytest.approx((np.pi - 1) / (2 * np.pi), rel=0.01)
    assert t.mean() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=0.01)
    assert round(np.sqrt(np.pi / (np.pi - 1)), 2) == 1.21
    assert r"\frac{\pi}{\pi - 1}} = 1.21$" in text_of(LESSON)
    measured = [float(one) for one in re.findall(r"(\S+) with \d+ channels", lesson["printed"])]
    assert measured == pytest.approx([1.18] * 3, abs=0.02)


def test_the_one_line_is_the_steps_and_nothing_is_left_of_what_was_taken_away(lesson):
    for line in ("one line = step by step: True", "sum of dx is 0:          True", "sum of dx * n is 0:      True"):
        assert line in lesson["printed"]


def test_the_lesson_asks_every_question_that_was_written_for_it():
    asked = {name for cell in cells() for name in re.findall(r'predict\("(09/\w+)"', cell.source)}
    assert asked == {prediction for prediction in exercises.predictions.names() if prediction.startswith("09/")}


def test_it_is_no_longer_than_a_sitting():
    assert len(cells()) <= 100
