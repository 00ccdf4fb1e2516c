"""Questions before the look: the right answer is right, each expected slip is answered, nothing ever raises."""

import numpy as np
import pytest

from course_lib.exercises import predict, predictions

NAMES = predictions.names()


def right_answer(prediction):
    return prediction.answer() if callable(prediction.answer) else prediction.answer


@pytest.mark.parametrize("name", NAMES)
def test_the_right_answer_is_right_and_explained(name):
    prediction = predictions.get(name)
    assert prediction.feedback(right_answer(prediction)) == (True, prediction.why)


@pytest.mark.parametrize("name", NAMES)
def test_every_other_choice_and_every_expected_slip_is_wrong_and_explained(name):
    prediction = predictions.get(name)
    told = [prediction.feedback(letter) for letter in prediction.choices if letter != prediction.answer]
    told += [prediction.feedback(slip() if callable(slip) else slip) for slip, _ in prediction.wrong_answers]
    assert told
    assert all(right is False and len(says) > 20 for right, says in told)


@pytest.mark.parametrize("name", NAMES)
def test_the_question_and_its_cell_do_not_give_the_answer_away(name):
    prediction = predictions.get(name)
    assert prediction.cell == f'predict("{name}", answer=None)'
    assert prediction.why not in prediction.question
    assert all(explanation not in prediction.question for _, explanation in prediction.choices.values() if explanation)
    assert all(says in prediction.question for says, _ in prediction.choices.values())


@pytest.mark.parametrize("name", NAMES)
def test_without_an_answer_it_says_how_to_give_one(name):
    for nothing in (None, "", "  "):
        right, says = predictions.get(name).feedback(nothing)
        assert right is None and "in place of `None`" in says


STRANGE = (
    "z", "1/0", [], [[1], [1, 2]], {}, object(), np.nan, 1j, b"a", [None], lambda: 3, "9" * 5000, np.zeros((3, 3)),
    True,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_typed_gets_an_answer_and_no_exception(name):
    for strange in STRANGE:
        right, says = predictions.get(name).feedback(strange)
        assert right is not True or strange is True, strange
        assert says and len(says) < 600, strange


def test_numbers_may_be_typed_in_several_ways():
    half = predictions.get("00/relu_kink")
    assert all(half.feedback(answer)[0] for answer in (0.5, "0.5", "1/2", " .5 ", np.float32(0.5)))
    stamp = predictions.get("01/stamp")
    assert all(stamp.feedback(answer)[0] for answer in ((0, 0, 1, 2, 3, 0, 0), np.array([0, 0, 1, 2, 3, 0, 0])))


def test_choices_may_be_typed_in_several_ways():
    question = predictions.get("02/which_picture")
    assert all(question.feedback(answer)[0] for answer in ("b", "B", " b)", "b."))


def test_a_list_of_the_wrong_length_is_told_the_right_form():
    right, says = predictions.get("01/stamp").feedback([1, 2])
    assert right is None and "(7,)" in says and "(2,)" in says


def test_predict_shows_the_feedback_and_returns_nothing(capsys):
    assert predict(NAMES[0], answer=right_answer(predictions.get(NAMES[0]))) is None
    assert capsys.readouterr().out.startswith("✓ Right")


def test_an_unknown_question_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="must be one of the predictions"):
        predict("01/none")


def test_every_lesson_asks_something():
    assert {name[:2] for name in NAMES} == {f"{number:02}" for number in range(9)}
