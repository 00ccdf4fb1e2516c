"""Questions before the look: the right answer is right, each expected wrong one is explained, nothing ever raises."""

import json
from datetime import datetime

import numpy as np
import pytest
from traitlets import TraitError

from course_lib import progress
from course_lib._support import places
from course_lib.exercises import board, first_guesses, predict, predictions, registry
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
    asked = " ".join([prediction.text, *(says for says, _ in prediction.choices.values())])
    assert prediction.cell == f'predict("{name}")'
    assert prediction.why not in asked
    assert all(explanation not in asked for _, explanation in prediction.choices.values() if explanation)


@pytest.mark.parametrize("name", NAMES)
def test_without_an_answer_it_says_how_to_give_one(name):
    prediction = predictions.get(name)
    for nothing in (None, "", "  "):
        right, says = prediction.feedback(nothing)
        assert right is None and says.startswith("Click" if prediction.choices else "Type your")


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_kept_as_json_and_means_the_same_when_it_is_read_again(name):
    prediction = predictions.get(name)
    for answer in (right_answer(prediction), *prediction.choices, *(wrong for wrong, _ in prediction.wrong_answers)):
        answer = answer() if callable(answer) else answer
        kept = json.loads(json.dumps(prediction.given(answer)))
        assert kept is not None and prediction.feedback(kept) == prediction.feedback(answer)
    assert prediction.given("nonsense") is None


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


def test_a_call_as_older_notebooks_hold_it_still_works(capsys):
    assert predict("06/momentum", answer=None) is None
    assert capsys.readouterr().out.startswith("? Your prediction: Type your 2 numbers")
    assert progress.entries() == {}


def test_the_first_answer_is_kept_and_the_last_one_is_shown_again(capsys):
    for answer in ([7, 9, 10], [5, 9, 10], [5, 11, 18]):
        predict("01/forward", answer)
    noted = progress.prediction("01/forward")
    assert noted["first"] == [7, 9, 10] and noted["right"] is False and noted["last"] == [5, 11, 18]
    assert noted["tries"] == 3 and noted["slot"] == 0
    assert datetime.fromisoformat(noted["answered"]).tzinfo is not None and noted["since"] == noted["answered"]
    capsys.readouterr()
    predict("01/forward")
    assert capsys.readouterr().out.startswith("✓ Right") and progress.prediction("01/forward") == noted


def test_what_is_no_answer_is_not_noted():
    for answer in ("many", [1, 2], [1, [2]], object()):
        predict("01/forward", answer)
    predict("02/which_picture", "z")
    assert progress.entries() == {}


def test_some_right_numbers_are_said_to_be_right_and_which():
    stamp, corner = predictions.get("01/stamp"), predictions.get("05/indices")
    assert stamp.parts([0, 0, 1, 2, 9, 0, 0]) == [True] * 4 + [False] + [True] * 2
    assert (
        "6 of 7, at indices 0, 1, 2, 3, 5 and 6. Look at the other again" in (stamp.feedback([0, 0, 1, 2, 9, 0, 0])[1])
    )
    assert corner.parts([[4, 7], [0, 0]]) == [True, True, False, False]
    assert "at indices (0, 0) and (0, 1)" in corner.feedback([[4, 7], [0, 99]])[1]
    assert stamp.parts([1, 2]) == stamp.parts("x") == predictions.get("01/ones").parts(0) == []


# ---------------------------------------------------------------- the widget


@pytest.fixture
def asked(monkeypatch):
    """A function that asks a question in a notebook. Returns the widget."""
    shown = []
    monkeypatch.setattr(predictions, "display", shown.append)

    def ask(name):
        predict(name)
        return shown[-1]

    return ask


def give(widget, answer):
    """As the page does."""
    widget.given = {"number": widget.given["number"] + 1, "answer": answer}
    return widget.reply


def words(pieces):
    """Pieces of rich text as one reads them: signs of Markdown have become tags."""
    return "".join(text for _, text in pieces)


def test_a_widget_says_what_there_is_to_say_to_each_choice_and_opens_with_the_first(asked):
    widget = asked("02/which_picture")
    question = predictions.get("02/which_picture")
    assert [letter for letter, _ in widget.asked["choices"]] == list(question.choices) and not widget.reply["opens"]
    for letter in question.choices:
        reply = give(widget, letter)
        assert words(reply["says"]) == question.feedback(letter)[1].replace("`", "")
        assert reply["opens"] and reply["answer"] == letter
        assert reply["status"] == ("right" if letter == question.answer else "wrong")
    assert progress.prediction("02/which_picture")["first"] == "a"
    first = [list(piece) for piece in reply["first"]]
    assert ["code", "[[4, 3], [2, 1]]"] in first and "`" not in words(first)


def test_a_widget_takes_typed_numbers_marks_the_right_ones_and_remembers_the_first(asked):
    widget = asked("01/forward")
    assert widget.asked["shape"] == [3]
    assert give(widget, ["", "1", "2"])["status"] == "neutral" and not widget.reply["opens"]
    assert give(widget, ["5", "1/2", "-18"])["parts"] == [True, False, False] and widget.reply["opens"]
    reply = give(widget, ["5", "11", "18.0"])
    assert reply["status"] == "right" and words(reply["first"]) == "Your first answer was [5, 0.5, −18]."


def test_a_widget_that_is_skipped_opens_and_can_still_be_answered(asked):
    widget = asked("01/weight")
    assert give(widget, None)["status"] == "skipped" and widget.reply["opens"]
    assert progress.prediction("01/weight")["first"] is None
    assert asked("01/weight").reply["opens"]
    assert give(widget, "-1")["status"] == "right" and words(widget.reply["first"]) == "You had skipped it first."


def test_a_widget_whose_answer_cannot_be_noted_opens_and_says_so(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path))
    reply = give(asked("01/weight"), "-1")
    assert reply["opens"] and "could not be noted" in str(reply["says"])
    assert give(asked("01/weight"), None)["opens"]


@pytest.mark.parametrize("given", [{}, {"number": "1", "answer": "a"}, {"number": 1, "answer": {"a": 1}},
                                   {"number": 1, "answer": ["9" * 5000]}, {"number": 1, "answer": 3}])  # fmt: skip
def test_a_page_can_hand_in_text_alone(asked, given):
    with pytest.raises(TraitError):
        asked("01/weight").given = given


# ---------------------------------------------------------------- first guesses


def test_first_guesses_stand_beside_the_truth_and_wrong_ones_with_what_there_is_to_say():
    asked = sum(name.startswith("01/") for name in NAMES)
    assert f"answered none of the {asked} questions" in repr(first_guesses("01"))
    predict("01/forward", [7, 9, 10])
    predict("01/forward", [5, 11, 18])
    predict("01/weight", -1)
    progress.record_prediction("01/feeds", None, False)
    shown = first_guesses("01")
    assert shown.summary == f"You predicted 1 of 3 at the first guess. {asked - 3} questions are still open."
    signs = [(guess.sign, guess.yours, guess.truth) for guess in shown.guesses]
    assert signs == [("✗", "[7, 9, 10]", "[5, 11, 18]"), ("✓", "−1", "−1"), ("–", "skipped", "[1, 2, 3, 2, 1]")]
    assert "true convolution" in shown.guesses[0].says and shown.guesses[1].says == ""
    assert all(text in shown._repr_html_() for text in ("[7, 9, 10]", "true convolution", "skipped"))
    assert "[1, 2, 3, 2, 1]" in repr(shown)


def test_a_first_guess_that_was_partly_right_says_which_part():
    predict("01/forward", [5, 9, 20])
    assert first_guesses("01").guesses[0].says.startswith("Partly right: 1 of 3, at index 0. ")
    assert "again" not in first_guesses("01").guesses[0].says


def test_first_guesses_of_an_unknown_lesson_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="lesson must be one of 00, 01"):
        first_guesses("1")


def test_the_board_counts_right_first_guesses():
    assert "You predicted" not in repr(board())
    predict("01/forward", [7, 9, 10])
    predict("01/weight", -1)
    progress.record_prediction("01/feeds", None, False)
    assert "You predicted 1 of 2." in repr(board()) and "You predicted 1 of 2." in board()._repr_html_()


# ---------------------------------------------------------------- names


def test_no_name_of_today_was_the_name_of_another_before():
    names = [*registry.names(), *NAMES]
    former = [name for question in (*map(registry.get, registry.names()), *map(predictions.get, NAMES))
              for name in question.formerly]  # fmt: skip
    assert not set(former) & set(names) and len(set(former)) == len(former)


def test_an_answer_noted_under_a_former_name_counts_under_the_name_of_today():
    progress.path().parent.mkdir(parents=True, exist_ok=True)
    old = {"tries": 1, "first": [1.6, 0.84], "right": True, "answered": "2026-01-01T00:00:00+00:00",
           "last": [1.6, 0.84], "slot": 0, "since": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    progress.path().write_text(json.dumps({"06/momentum": old}), encoding="utf-8")
    registry.predictions()
    assert progress.prediction("07/momentum") == old
    assert "✓" in repr(first_guesses("07"))
    predict("07/momentum", [1, 2])
    assert progress.prediction("07/momentum")["first"] == [1.6, 0.84]
    assert "06/momentum" not in json.loads(progress.path().read_text(encoding="utf-8"))


def test_a_number_is_right_within_rounding_and_no_further():
    """By default; a question that takes rounded numbers says so itself."""
    question = Prediction("01/none", "How much?", answer=lambda: 0.25, why="A quarter.")
    assert question.feedback(0.25 + 9e-7) == (True, "A quarter.")
    assert question.feedback(0.25 + 1.1e-6)[0] is False and question.feedback(0.251)[0] is False


def test_what_is_no_number_or_of_another_shape_is_told_what_to_type():
    question = Prediction("01/none", "How much?", answer=lambda: [1, 2, 3], why="")
    assert question.feedback("many") == (None, "Please type your 3 numbers, such as 3, -0.5 or 1/4.")
    assert question.feedback(3) == (None, "The answer is numbers of shape (3,), but yours has shape ().")


def test_an_unknown_question_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="must be one of the predictions"):
        predict("01/none")


def test_every_lesson_asks_something():
    assert {name.partition("/")[0] for name in NAMES} == {places.number(lesson) for lesson in registry.lessons()}


def test_right_signs_are_said_to_be_right_where_they_are_asked_for():
    question = predictions.get("07/softmax_gradient")
    assert question.feedback([0.1, -0.3, 0.1]) == (False, question.signs)
    assert question.feedback([0.1, 0.3, 0.1])[1] != question.signs


def test_the_true_convolution_is_recognised():
    assert "true convolution" in predictions.get("01/forward").feedback([7, 9, 10])[1]
