"""What is said of a wrong answer is true, there is always something, and a right answer is told nothing."""

import numpy as np
import pytest
from answers import COMPUTING, RIGHT, WRONG
from truth import Truth
from two_slips import two_slips

from course_lib import exercises, loops
from course_lib.exercises.lessons.shared import drawn, recipes

pytestmark = pytest.mark.slow

NAMES = COMPUTING


def told(verdict):
    return {*verdict.mistakes, *(finding.tensor for finding in verdict.findings)}


def unexplained(verdict):
    return verdict.status not in ("wrong", "error") or not verdict.explained or told(verdict) - verdict.explained.keys()


@pytest.mark.sampled(5, rest="course")
@pytest.mark.parametrize("name", NAMES)
def test_two_slips_are_refused_and_what_is_said_of_them_is_true(name):
    exercise = exercises.get(name)
    for number, (tensor, slip, f) in enumerate(two_slips(name, 10)):
        verdict = exercise.judge(f)
        if verdict.status == "not attempted":  # together they make what a repair begins with
            assert exercise.start and "It still does what it did when you found it." in repr(verdict)
            continue
        assert not unexplained(verdict), (tensor, slip)
        assert all(verdict.explained.values()) and all(len(says) <= 3 for says in verdict.explained.values())
        if number < 3:
            untrue(exercise, f, verdict)


def untrue(exercise, f, verdict):
    for tensor, sentences in verdict.explained.items():
        if tensor in exercise.tensors:
            truth = Truth(exercise, f, tensor)
            for sentence in sentences:
                assert sentence in verdict.mistakes.get(tensor, ()) or truth.of(sentence), sentence


FIRST = {name: [answer for lab, _, answer in WRONG if lab == name] for name in NAMES}


@pytest.mark.sampled(3, rest="course")
@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_of_others_are_explained_truly(name):
    exercise = exercises.get(name)
    for f in FIRST[name][::4]:
        verdict = exercise.judge(f)
        assert not unexplained(verdict)
        untrue(exercise, f, verdict)


@pytest.mark.slow
@pytest.mark.course
@pytest.mark.parametrize(
    ("name", "f"), [pytest.param(lab, f, id=f"{lab}-{n}") for n, (lab, _, f) in enumerate(WRONG) if lab in NAMES]
)
def test_every_wrong_answer_is_explained_truly(name, f):
    exercise = exercises.get(name)
    verdict = exercise.judge(f)
    assert not unexplained(verdict)
    untrue(exercise, f, verdict)


@pytest.mark.parametrize("name", NAMES)
def test_a_right_answer_is_told_nothing(name):
    for f in [exercises.get(name).answer, *(f for lab, f in RIGHT if lab == name)][:2]:
        verdict = exercises.get(name).judge(f)
        assert (verdict.status, verdict.explained) == ("right", {})


def test_a_sentence_that_is_not_true_would_be_seen():
    """The recomputation refuses each kind where it does not hold."""
    exercise = exercises.get("conv1d_input_gradient_scatter")

    def doubled(*case):
        return 2 * loops.conv1d_input_gradient_scatter(*case)

    truth = Truth(exercise, doubled, "dx")
    assert truth.of("In every call tried, dx is 2 times the right one.")
    for sentence in (
        "In every call tried, dx is 3 times the right one.",
        "In every call tried, dx is the right one with the wrong sign.",
        "In every call tried, dx is the right one divided by dy.shape[0].",
        "Wherever dx is wrong, it is right but for the last entry along axis 0.",
        "dx is right in all 17 calls tried with stride = 1, and wrong in all 22 others.",
        "dx changes when only x changes, and the right one does not depend on x.",
        "dx stays the same when w changes, and the right one does not.",
        "Every one of the 39 calls tried stops with ValueError, the first with ValueError: no",
        "dx has the wrong shape in 3 of 39 calls tried: with x (1,) its shape is (2,), where (1,) is expected.",
    ):
        assert not truth.of(sentence), sentence
    with pytest.raises(LookupError):
        truth.of("dx is odd.")


# ---------------------------------------------------------------- kinds of explanations


def explained(name, f, tensor):
    return exercises.get(name).judge(f).explained[tensor]


def test_a_factor_is_named_by_what_it_is():
    def mean(dy):
        return dy.sum(axis=(0, 2, 3)) / len(dy)

    assert explained("bias_gradient", mean, "db")[0] == (
        "In every call tried, db is the right one divided by dy.shape[0]."
    )


def test_what_the_result_depends_on_is_said():
    def with_decay(dy, x, w, stride, padding):
        return loops.conv1d_weight_gradient(dy, x, w, stride, padding) + 0.1 * w

    says = explained("conv1d_weight_gradient", with_decay, "dw")
    assert "In every call tried, dw is the right one plus 0.1 times w." in says
    assert "dw changes when only w changes, and the right one does not depend on w." in says


def test_a_product_that_goes_elsewhere_is_named():
    def without_stride(dy, x, w, stride, padding):
        dxp = np.zeros(len(x) + 2 * padding)
        for j in range(len(dy)):
            dxp[j : j + len(w)] += dy[j] * w
        return dxp[padding : padding + len(x)]

    says = explained("conv1d_input_gradient_scatter", without_stride, "dx")
    assert any(" belongs to dx[" in sentence and "yours adds it to dx[" in sentence for sentence in says)


def test_where_it_is_right_is_said_though_calls_stop():
    def for_stride_1_without_padding(dy, x, w, stride, padding):
        k = len(w)
        around = np.pad(dy, k - 1)
        return np.array([around[i : i + k] @ w[::-1] for i in range(len(x))])

    verdict = exercises.get("conv1d_input_gradient_gather").judge(for_stride_1_without_padding)
    assert verdict.status == "error"
    assert any("stride = 1" in s and "padding = 0" in s for s in verdict.explained["dx"]), verdict.explained


def test_an_entry_by_entry_result_is_told_by_sign():
    says = explained("relu_backward", lambda dy, x: dy * (x >= 0), "dx")
    assert says[0] == (
        "dx is right in every entry where x > 0 and where x < 0. It is wrong where x = 0, where it is dy itself."
    )


def test_a_layer_that_cannot_run_is_explained_by_its_exception():
    def stops(*case):
        raise ValueError("not yet")

    (says,) = explained("conv1d", stops, "y")
    assert "stops with ValueError, the first with ValueError: not yet" in says


# ---------------------------------------------------------------- shapes that are tried


RARE = [
    ("max_pool2d", "tiles_by_a_reshape_with_two_axes_exchanged"),
    ("bias_gradient", "squeezed"),
    ("conv1d_input_gradient_gather", "room_cut_with_a_minus"),
]


@pytest.mark.parametrize(("name", "function"), RARE)
def test_an_answer_that_is_wrong_on_rare_shapes_only_is_refused(name, function):
    (f,) = [f for lab, _, f in WRONG if lab == name and getattr(f, "__name__", "") == function]
    assert exercises.get(name).judge(f).status in ("wrong", "error")


def test_an_answer_that_is_right_on_all_cases_of_a_lab_is_tried_on_others():
    usual = {case["x"].shape for case in exercises.get("conv1d").arguments}

    def wrong_elsewhere(x, w, stride, padding):
        y = loops.conv1d(x, w, stride, padding)
        return y if x.shape in usual else -y

    verdict = exercises.get("conv1d").judge(wrong_elsewhere)
    assert verdict.status == "wrong" and verdict.explained["y"]
    assert any("wrong in" in remark for remark in verdict.remarks)


def test_further_cases_are_the_same_each_time():
    one, other = (drawn.batch_backward(np.random.default_rng(0)) for _ in range(2))
    assert all(np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in a)
    assert all(min(recipes.out_sizes(c["x"].shape[2:], c["w"].shape[2:], c["stride"], c["padding"])) > 0 for c in one)


def test_one_array_of_three_numbers_is_three_results():
    chain = exercises.get("chain_backward")
    assert chain.judge(lambda *case: np.array(loops.chain_backward(*case))).status == "right"
    verdict = chain.judge(lambda *case: np.array([1, 1, -1]) * loops.chain_backward(*case))
    assert verdict.explained.keys() == {"dw2"}
