"""What lesson 07 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import functools
import itertools
import re
import types

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from matplotlib import pyplot as plt

from course_lib import data, exercises, flow, gradcheck, loops
from course_lib.exercises.lessons import lesson_10
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "09_read_a_gradient"


@functools.cache
def cells():
    return build.assemble(LESSON).cells


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the first part of the lesson defines, with nothing solved, and what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.json"))
        patch.setattr(plt, "show", lambda: plt.close("all"))
        names, printed = {}, []
        names["print"] = lambda *words, **how: printed.append(" ".join(map(str, words)) + how.get("end", "\n"))
        for cell in itertools.takewhile(lambda cell: not cell.source.startswith("examine("), cells()):
            if cell.cell_type == "code" and not cell.source.startswith(("predict", "play", "explore")):
                exec(cell.source, names)
        names["printed"] = "".join(printed)
    return names


# ---------------------------------------------------------------- the small network


def test_the_small_network_has_as_many_parameters_as_stated(lesson):
    assert sum(parameter.data.size for parameter in lesson["small"].parameters()) == 20490


def test_activation_gradients_fall_and_weight_gradients_do_not_vanish_whatever_the_seed(lesson):
    readings = lesson["readings"]
    states(text_of(LESSON), *(f"{readings[at].activation:.0e}" for at in (-1, 0)), about="`dy`")
    (x, y), _ = data.digits()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        for layer in (0, 3, 7):
            weight = lesson["small"][layer].weight
            weight.data = flow.STARTS["He"](weight.data.shape, rng)
        readings = flow.gradient_sizes(lesson["small"], x[:32].astype(float), y[:32])
        weights = [readings[layer].weight for layer in (0, 3, 7)]
        assert max(weights) < 5 * min(weights)
        assert readings[0].activation < readings[-1].activation / 30


def test_a_max_pool_takes_three_quarters_of_the_mean(lesson):
    pool, before = lesson["readings"][2], lesson["readings"][1]
    assert before.activation == pytest.approx(pool.activation / 4)


def test_the_loop_by_hand_and_the_function_agree(lesson):
    by_hand = re.findall(r"(\w+) +mean \|dy\| (\S+)", lesson["printed"])
    assert by_hand == [(reading.name, f"{reading.activation:.0e}") for reading in reversed(lesson["readings"])]


# ---------------------------------------------------------------- twenty layers


@pytest.mark.parametrize(
    "start, std", [("N(0, 0.01)", 0.01), ("uniform", 216**-0.5), ("Xavier", 72**-0.5), ("He", 36**-0.5)]
)
@pytest.mark.parametrize("seed", range(3))
def test_the_rule_predicts_the_factor_of_a_layer(start, std, seed):
    measured = flow.step_factor(flow.deep_flow(20, start, seed=seed))
    assert measured == pytest.approx(np.sqrt(72 * std**2 / 2), rel=0.13)


def test_the_numbers_in_the_text_are_those_of_the_networks():
    factors = {name: flow.step_factor(flow.deep_flow(**chosen)) for name, chosen in SETTINGS.items()}
    rounded = {name: round(factor, 2) for name, factor in factors.items()}
    assert rounded["uniform"] == 0.38 and round(factors["batch norm"], 1) == 1.2 and rounded["residual, small"] == 1
    states(text_of(LESSON), rounded["uniform"], about="*uniform*")
    states(text_of(LESSON), round(factors["batch norm"], 1), 1, 40)
    others = [round(flow.step_factor(flow.deep_flow(20, seed=seed)), 2) for seed in (1, 2)]
    states(text_of(LESSON), *others, 40, about="seeds")
    first, *_, last = flow.deep_flow(40)
    assert round(first.activation / last.activation, 1) == 0.1 and flow.verdict(flow.deep_flow(40)) == "keeps its size"
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


def test_the_weights_gradient_is_flat_with_a_small_start_and_a_million_million_apart_with_a_sigmoid():
    small, sigmoid = (flow.deep_flow(**SETTINGS[name]) for name in ("small", "sigmoid"))
    assert max(reading.weight for reading in small) < 30 * min(reading.weight for reading in small)
    assert 1e12 < sigmoid[-1].weight / sigmoid[0].weight < 1e13


# ---------------------------------------------------------------- batch norm, residual


def test_the_question_about_four_numbers_accepts_what_is_measured():
    x = np.array([1.1, 1, 3, 3])
    rise, fall = ((x - x.mean()) / x.std() - [-1, -1, 1, 1])[:2]
    assert rise == pytest.approx(0.05, abs=0.002) == -fall
    assert exercises.predictions.get("07/one_raised").feedback(rise)[0]


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
    (small_y, small), (large_y, large) = re.findall(r"mean \|y\| (\S+)   mean \|dw\| (\S+)", lesson["printed"])
    assert small_y == large_y and float(small) == pytest.approx(10 * float(large), rel=0.01)


def test_a_gradient_that_takes_both_ways_through_twenty_halving_blocks_grows_3000_fold():
    assert 3000 < 1.5**20 < 3500
    assert "about 3000" in exercises.predictions.get("07/round").choices["c"][0]


# ---------------------------------------------------------------- larger images


def test_31_and_32_rows_lead_to_16_and_back_only_with_the_remainder():
    for rows in (31, 32):
        assert (rows + 2 - 3) // 2 + 1 == 16
        assert lesson_10.sizes((16, 16), (3, 3), 2, 1, (rows + 2 - 3) % 2)[0] == rows


@pytest.mark.parametrize("k, counts", [(2, {1}), (3, {1, 2, 4}), (4, {4}), (5, {4, 6, 9})])
def test_stamps_overlap_evenly_away_from_the_border_only_if_the_stride_divides_the_kernel(lesson, k, counts):
    stamps = lesson["stamps"](k)
    middle = stamps[k - 1 : -(k - 1) or None, k - 1 : -(k - 1) or None] if k < 5 else stamps[4:7, 4:7]
    assert set(middle.ravel()) == counts


def test_a_flat_image_stays_flat_for_every_kernel_only_if_it_is_doubled_first(lesson, rng):
    uneven = {way: set() for way in lesson["ways"]}
    for name, kernel in {"ones": np.ones((1, 1, 4, 4)), "random": rng.random((1, 1, 4, 4))}.items():
        for way, larger in lesson["ways"].items():
            if np.ptp(larger(np.ones((1, 1, 8, 8)), kernel)[0, 0, 3:13, 3:13]) > 1e-9:
                uneven[way].add(name)
    assert list(uneven.values()) == [{"ones", "random"}, {"random"}, set()]


# ---------------------------------------------------------------- a layer of one's own


def checked(layer, beta, rng):
    layer.beta.data = beta
    return gradcheck.check_layer(layer, rng.standard_normal((2, 3, 4, 5)), rng=rng)


def test_the_layer_is_right_and_each_slip_is_found_in_the_gradient_it_spoils(lesson, rng):
    beta = np.array([0.5, 1.0, 2.0]).reshape(3, 1, 1)
    assert checked(lesson["Swish"](3), beta, rng)
    for name, spoilt in (("OneWay", "dx"), ("NoBeta", "dx"), ("Averages", "beta (3, 1, 1)")):
        found = checked(lesson[name](3), beta, rng)
        assert [key for key, error in found.errors.items() if error >= 1e-6] == [spoilt]


def test_a_beta_of_ones_hides_the_forgotten_factor_as_the_lesson_warns(lesson, rng):
    assert checked(lesson["NoBeta"](3), np.ones((3, 1, 1)), rng)
    assert not checked(lesson["OneWay"](3), np.ones((3, 1, 1)), rng)


def test_where_pytorch_is_missing_the_cells_say_so(lesson):
    judged = types.FunctionType(lesson["judged"].__code__, {**lesson, "torch": None})
    assert judged(None, np.ones(2)) == "not judged: PyTorch is not installed here"


def test_pytorch_finds_the_textbook_right_for_stride_1_alone_and_the_mended_one_for_all(lesson):
    pytest.importorskip("torch")
    arrays = lesson["images"], lesson["filters"]
    textbook, mended = (
        [
            lesson["judged"](lambda x, w, name=name, stride=stride: lesson[name].apply(x, w, stride), *arrays)
            for stride in (1, 2, 3)
        ]
        for name in ("Textbook", "WithStride")
    )
    assert textbook[0] == "right" and textbook[1].startswith("wrong: ") and textbook[2].startswith("wrong")
    assert mended == ["right"] * 3


# ---------------------------------------------------------------- the clinic


def test_every_case_is_seen_named_mended_and_seen_again_in_that_order():
    sources = [cell.source for cell in cells()]
    for name in (name for name in exercises.names() if name.startswith("clinic_")):
        ends = [f'examine("{name}")', f'predict("07/{name}", answer=None)', f"examine({name})"]
        ends.append(f'{name} = check("{name}")')
        places = [[i for i, source in enumerate(sources) if source.endswith(f"\n{end}")] for end in ends]
        assert [len(found) for found in places] == [1, 1, 1, 1] and places == sorted(places)


def test_the_lesson_asks_every_question_that_was_written_for_it():
    asked = {name for cell in cells() for name in re.findall(r'predict\("(07/\w+)"', cell.source)}
    assert asked == {prediction for prediction in exercises.predictions.names() if prediction.startswith("07/")}
