"""The exam: solvable by its words alone, refused where anything is wrong, and explained as labs are."""

from dataclasses import replace

import exams
import numpy as np
import pytest

from course_lib import exercises
from course_lib.exercises import exam
from course_lib.exercises.engine import operators
from course_lib.exercises.exams import NO_WEIGHTS, SAME_SLIP

SEEDS = range(200)


@pytest.mark.parametrize("seed", range(8))
def test_an_exam_is_solved_by_its_words_and_a_spoilt_answer_is_refused(seed):
    exams.examined(seed, 1 + seed % 2)


@pytest.mark.course
@pytest.mark.slow
@pytest.mark.parametrize("level", [1, 2])
def test_200_exams_are_solved_by_their_words_and_spoilt_answers_are_refused(level):
    names = [exams.examined(seed, level) for seed in SEEDS[level - 1 :: 2]]
    assert sum(map(bool, names)) > 70 and len(set(names)) > 10


def seed_of(reduction, level=1, **fields):
    """The first seed that draws this reduction and these fields."""
    for seed in SEEDS:
        operator = operators.draw(seed, level)
        if operator.reduction == reduction and all(getattr(operator, name) == value for name, value in fields.items()):
            return seed
    raise AssertionError("no seed draws that")


def sat(seed, level=1):
    """(exam, its solution by the words)"""
    asked = exam(seed, level)
    return asked, exams.solution(asked.words)


def test_every_reduction_is_drawn_and_groups_from_level_2():
    drawn = {level: [operators.draw(seed, level) for seed in SEEDS] for level in operators.LEVELS}
    for level, found in drawn.items():
        assert {one.reduction for one in found} == {"sum", "mean", "max", "weighted"}
        assert len(set(found)) > 50
        assert {one.groups for one in found} == ({None, 1} if level == 1 else {2, 3})


def test_a_seed_can_be_shared():
    assert repr(exam(7)) == repr(exam(7, 1)) == repr(exam(np.int64(7)))
    assert repr(exam(7)) != repr(exam(8)) and exam(7, 2).words != exam(7).words


@pytest.mark.parametrize(
    "arguments, says",
    [((-1,), "seed must be"), ((1.5,), "seed must be"), (("7",), "seed must be"), ((True,), "seed must be"),
     ((7, 3), "level must be one of 1, 2, but is 3")],
)  # fmt: skip
def test_what_is_no_seed_or_level_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        exam(*arguments)


def test_the_small_example_is_what_the_words_say():
    for seed in range(12):
        asked, right = sat(seed, 1 + seed % 2)
        arrays = {name: np.array([[[float(text.replace("\N{MINUS SIGN}", "-")) for text in row] for row in plane]
                                  for plane in planes]) for name, planes in asked.example}  # fmt: skip
        x, w = arrays["x"][None], arrays.get("w")
        if w is not None:
            w = w.reshape(-1, x.shape[1] // (right.groups or x.shape[1]), *right.window)
        np.testing.assert_allclose(right.forward(x, w)[0], arrays["y"], rtol=5e-3)
        assert arrays["y"].size > 1


@pytest.mark.sampled(4)
@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "weighted"])
def test_one_who_misreads_the_words_is_told_what(reduction):
    for level in (1, 2):
        asked = exam(seed_of(reduction, level), level)
        for _, says, other in asked.operator.misread():
            wrong = replace(asked, operator=other)
            functions = [wrong.question(name).answer for name in asked._asked]
            found = asked.judge(*functions, explain=False)
            assert says in found.mistakes.get("y", []), (says, found)


def test_a_wrong_answer_is_explained_by_the_smallest_example_that_fails():
    asked, right = sat(seed_of("sum", stride=(2, 2), padding=(0, 0)))
    found = asked.judge(right.forward, lambda dy, x: 2 * right.input_gradient(dy, x))
    assert [tensor for tensor, _ in found.open] == ["dx"] and found.smallest.tensor == "dx"
    assert found.smallest.arguments["dy"].size == 1
    assert "2 times as large" in found.mistakes["dx"][0]
    assert "✓ y" in repr(found) and "2 of 3 are right. Still to do: dx." in found._repr_html_()


def test_without_weights_there_is_no_dw():
    asked, right = sat(seed_of("mean"))
    for fine in (None, lambda dy, x: None, lambda dy, x, w: None):
        assert asked.judge(right.forward, right.input_gradient, fine).status == "right"
    for wrong in (lambda dy, x: dy, lambda dy, x, w: x, np.zeros(3)):
        found = asked.judge(right.forward, right.input_gradient, wrong)
        assert found.status == "wrong" and found.mistakes == {"dw": [NO_WEIGHTS]}


def test_with_weights_a_missing_dw_is_not_attempted():
    asked, right = sat(seed_of("weighted"))
    found = asked.judge(right.forward, right.input_gradient)
    assert found.status == "wrong" and [verdict.status for _, verdict in found.open] == ["not attempted"]


def test_an_empty_page_is_not_attempted():
    for reduction in ("max", "weighted"):
        found = exam(seed_of(reduction)).judge(lambda x, w=None: None, lambda dy, x, w=None: None)
        assert found.status == "not attempted" and "not attempted" in repr(found).lower()


def test_linear_answers_are_asked_whether_they_are_each_others_adjoint():
    asked, right = sat(seed_of("weighted", stride=(1, 2)))
    exact = asked.judge(right.forward, right.input_gradient, right.weight_gradient)
    assert len(exact.remarks) == 2 and all(
        "belong together" in remark and "not" not in remark for remark in exact.remarks
    )
    half = lambda f: lambda *values: f(*values) / 2
    alike = asked.judge(half(right.forward), half(right.input_gradient), half(right.weight_gradient))
    assert alike.status == "wrong" and all(SAME_SLIP in remark for remark in alike.remarks)
    apart = asked.judge(right.forward, half(right.input_gradient), right.weight_gradient)
    assert ["not belong" in remark for remark in apart.remarks] == [True, False]
    asked, right = sat(seed_of("max"))
    assert asked.judge(right.forward, right.input_gradient).remarks == []


def test_an_answer_that_is_right_for_known_calls_alone_is_refused():
    asked, right = sat(seed_of("sum"))
    calls = []

    def tiring(x):
        calls.append(x)
        return right.forward(x) if len(calls) <= 8 else 0 * right.forward(x)

    assert len(asked.question("forward").arguments) + len(asked.question("forward").further_runs) + 1 == 8
    found = asked.judge(tiring, right.input_gradient)
    assert not found.open and not found.together and found.status == "wrong"


def test_the_largest_of_a_window_is_judged_away_from_ties():
    """Handing the gradient to each entry that equals the largest is right where none tie."""
    asked, right = sat(seed_of("max", padding=(0, 0)))
    with pytest.raises(ValueError, match="tie"):
        asked.operator.input_slopes(np.ones((1, 1, 1, 1)), np.zeros((1, 1, *asked.operator.extent)))
    winners = replace(right)
    winners.slopes = lambda read, w, o: (read == read.max()).astype(float)
    assert asked.judge(right.forward, winners.input_gradient).status == "right"


def test_float32_is_accepted_and_a_wrong_signature_is_named():
    asked, right = sat(seed_of("sum"))
    single = lambda f: lambda *values: f(*(value.astype(np.float32) for value in values)).astype(np.float32)
    assert asked.judge(single(right.forward), single(right.input_gradient)).status == "right"
    found = asked.judge(lambda: 0, right.input_gradient)
    assert found.status == "error" and "Keep the signature: `forward(x)`." in found.verdicts["y"].remarks


def test_the_exam_is_reached_by_its_name():
    assert exercises.exam is exam and exercises.exam(3)._repr_html_().count("<table") > 1


def test_overlaps_of_windows_that_are_far_apart_are_seen():
    """In this exam the fourth window is the first that shares a row with another: of three, none overlap."""
    assert exams.examined(1091, 2) == "sets dx"
