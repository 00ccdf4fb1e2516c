"""Questions before the look: the right answer is right, each expected wrong one is explained, nothing ever raises."""

import numpy as np
import pytest

from course_lib.exercises import predict, predictions
from course_lib.exercises.engine.prediction import Prediction

NAMES = predictions.names()


def right_answer(prediction):
    return prediction.answer() if callable(prediction.answer) else prediction.answer


@pytest.mark.parametrize("name", NAMES)
def test_the_right_answer_is_right_and_explained(name):
    prediction = predictions.get(name)
    assert prediction.feedback(right_answer(prediction)) == (True, prediction.why)


@pytest.mark.parametrize("name", NAMES)
def test_every_other_choice_and_every_expected_wrong_answer_is_explained(name):
    prediction = predictions.get(name)
    told = [prediction.feedback(letter) for letter in prediction.choices if letter != prediction.answer]
    told += [prediction.feedback(wrong() if callable(wrong) else wrong) for wrong, _ in prediction.wrong_answers]
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


def test_a_number_is_right_within_rounding_and_no_further():
    """By default; a question that takes rounded numbers says so itself."""
    question = Prediction("01/none", "How much?", answer=lambda: 0.25, why="A quarter.")
    assert question.feedback(0.25 + 9e-7) == (True, "A quarter.")
    assert question.feedback(0.25 + 1.1e-6)[0] is False and question.feedback(0.251)[0] is False


def test_what_is_no_number_or_of_another_shape_is_told_what_to_type():
    question = Prediction("01/none", "How much?", answer=lambda: [1, 2, 3], why="")
    form = "your 3 numbers, in square brackets,"
    assert question.feedback("many") == (None, f"Please type a number: put {form} in place of your answer.")
    assert question.feedback(3) == (None, "The answer is numbers of shape (3,), but yours has shape ().")


def test_an_unknown_question_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="must be one of the predictions"):
        predict("01/none")


def test_every_lesson_asks_something():
    assert {name[:2] for name in NAMES} == {f"{number:02}" for number in range(9)}


def test_right_signs_are_said_to_be_right_where_they_are_asked_for():
    question = predictions.get("07/softmax_gradient")
    assert question.feedback([0.1, -0.3, 0.1]) == (False, question.signs)
    assert question.feedback([0.1, 0.3, 0.1])[1] != question.signs


def test_the_true_convolution_is_recognised():
    assert "true convolution" in predictions.get("01/forward").feedback([7, 9, 10])[1]
