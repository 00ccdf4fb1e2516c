"""What lesson 10 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import functools
import re
import types

import matplotlib
import numpy as np
import pytest
from lesson_run import names_of, quietly

from course_lib import exercises, gradcheck
from course_lib.exercises.lessons import lesson_10
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "10_write_a_layer"


@functools.cache
def cells():
    return build.assemble(LESSON).cells


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the lesson defines, with nothing solved, and what it prints."""
    with quietly(tmp_path_factory):
        return names_of(cells(), ("play", "explore_flow", "first_guesses", "predict", "examine"))


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


# ---------------------------------------------------------------- labs beside the exercises


def folded(heading):
    """The code of the solution that is folded below a heading."""
    text = next(cell.source for cell in reversed(cells()) if heading in cell.source and "~~~python" in cell.source)
    return re.findall(r"~~~python\n(.*?)~~~", text, re.S)[-1]


def test_the_layer_of_ones_choice_is_judged(lesson):
    assert lesson["verdict_on"](lesson["MyLayer"]()) == "not written yet"
    names = dict(lesson)
    exec(folded("One solution: softplus"), names)
    assert lesson["verdict_on"](names["MyLayer"]())
    wrong = type("Wrong", (names["MyLayer"],), {"backward": lambda self, dy: dy})
    assert not lesson["verdict_on"](wrong())


def test_the_function_to_write_is_judged_by_pytorch(lesson, rng):
    pytest.importorskip("torch")
    arrays = rng.standard_normal((2, 3, 4, 5)), lesson["beta"]
    names = dict(lesson)
    exec(folded("Hints (3) and solution"), names)
    assert lesson["judged"](lambda x, beta: names["SwishFunction"].apply(x, beta), *arrays) == "right"
    assert lesson["judged"](lambda x, beta: lesson["SwishFunction"].apply(x, beta), *arrays).startswith("wrong: ")


def test_the_repair_is_needed_and_its_symptom_goes_away():
    lab = exercises.get("double_backward")
    sick, healthy = lab.symptom(lab.start), lab.symptom(lab.answer)
    assert sick.rows == [("136", "24")] and healthy.rows == [("136", "136")]
    assert not np.allclose(sick.picture.yours, sick.picture.expected)
    np.testing.assert_allclose(healthy.picture.yours, healthy.picture.expected, atol=1e-6)


def test_the_lesson_asks_every_question_that_was_written_for_it():
    asked = {name for cell in cells() for name in re.findall(r'predict\("(10/\w+)"', cell.source)}
    assert asked == {prediction for prediction in exercises.predictions.names() if prediction.startswith("10/")}


def test_it_is_no_longer_than_a_sitting():
    assert len(cells()) <= 100
