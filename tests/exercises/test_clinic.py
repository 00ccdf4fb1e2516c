"""The bug clinic: what is broken shows, naming it is a question, and mending it changes a line or so."""

import base64
import difflib
import re

import numpy as np
import pytest

from course_lib import exercises
from course_lib.exercises import examine, examining, predictions
from course_lib.exercises.lessons.clinic import broken, fixed

CLINIC = [exercises.get(name) for name in exercises.names() if name.startswith("clinic_")]


@pytest.fixture(params=CLINIC, ids=lambda exercise: exercise.name)
def patient(request):
    return request.param


def test_there_are_at_least_twelve_and_no_function_is_left_out():
    written = [name for name in vars(broken) if name.startswith("clinic_")]
    assert len(CLINIC) >= 12
    assert written == [name for name in vars(fixed) if name.startswith("clinic_")]
    assert written == [exercise.name for exercise in CLINIC]


def test_what_is_handed_out_is_wrong_and_as_long_as_nothing_changes_not_attempted(patient):
    verdict = patient.judge(patient.start)
    assert verdict.status == "not attempted"
    assert "when you found it" in verdict.remarks[0]
    for case, expected in zip(patient.arguments, patient.references, strict=True):
        copies = [value.copy() if isinstance(value, np.ndarray) else value for value in case.values()]
        found = np.asarray(patient.start(*copies)) if len(patient.tensors) == 1 else patient.start(*copies)[0]
        if np.shape(found) != expected[patient.tensors[0]].shape or not np.allclose(
            found, expected[patient.tensors[0]]
        ):
            return
    assert patient.name == "clinic_10"  # there the first result is right


def test_mending_changes_a_few_lines_only(patient):
    broken, mended = patient.stub().splitlines(), patient.solution().splitlines()
    assert broken[:2] == mended[:2]  # the signature and what it promises
    changed = [line for line in difflib.ndiff(broken, mended) if line.startswith("- ")]
    assert 1 <= len(changed) <= 3


def test_the_symptom_shows_while_it_is_broken_and_is_gone_when_it_is_mended(patient):
    sick, healthy = (patient.symptom(f) for f in (patient.start, patient.answer))
    assert repr(sick) != repr(healthy)
    assert repr(sick) == repr(patient.symptom(patient.start))
    if sick.picture:
        assert not np.allclose(sick.picture.yours, sick.picture.expected)
        assert np.allclose(healthy.picture.yours, healthy.picture.expected)
    if "error" in repr(sick.head + tuple(sick.rows)):
        assert "none" in repr(healthy) and not any(
            ch.isdigit() for row in healthy.rows for ch in str(row[-1]) if row[-1] != 0
        )


def test_a_symptom_never_raises(patient):
    for f in (lambda *case: 1 / 0, lambda *case: None, lambda: 3, lambda *case: np.zeros(3), 5):
        seen = patient.symptom(f)
        assert seen._repr_html_() and repr(seen)


def test_the_exception_of_a_half_mended_function_is_shown(patient):
    def half_mended(*case):
        undefined = None
        return undefined + 1

    assert "return undefined + 1" in repr(patient.symptom(half_mended))


def test_naming_the_bug_is_a_question_with_an_explanation_for_each_choice(patient):
    question = predictions.get(f"11/{patient.name}")
    assert len(question.choices) >= 3
    assert patient.name in question.text


def test_the_task_does_not_name_the_bug(patient):
    question = predictions.get(f"11/{patient.name}")
    assert question.choices[question.answer][0].lower() not in patient.task.lower()


# ---------------------------------------------------------------- what a cell of the lesson shows


@pytest.fixture
def shown(monkeypatch):
    """Everything that examine displays, in order."""
    seen = []
    monkeypatch.setattr(examining, "display", lambda thing, **how: seen.append(thing))
    return seen


def test_the_name_of_a_patient_shows_its_symptom_as_it_came_in(patient, shown):
    examine(patient.name)
    seen = patient.symptom(patient.start)
    assert repr(shown[0]) == f"{patient.name}: as it came in\n{seen!r}"
    assert patient.name in shown[0]._repr_html_() and "as it came in" in shown[0]._repr_html_()
    assert len(shown) == (2 if seen.curves else 1)


def test_a_function_that_is_still_broken_shows_no_second_table(patient, shown):
    examine(patient.start)
    (only,) = shown
    assert repr(only) == f"{patient.name}: {examining.SAYS['still']}"
    assert "<table" not in only._repr_html_()


def test_the_symptom_of_a_mended_function_is_gone(patient, shown):
    examine(patient.answer)
    assert repr(shown[0]) == f"{patient.name}: {examining.SAYS['gone']}\n{patient.symptom(patient.answer)!r}"


def test_what_shows_something_else_is_said_to_be_neither(patient, shown):
    def half_mended(*arguments):
        return 0

    half_mended.__name__ = patient.name
    examine(half_mended)
    assert repr(shown[0]).startswith(f"{patient.name}: {examining.SAYS['other']}")


def test_a_right_answer_of_another_kind_is_sound_though_it_shows_something_else(shown):
    def clinic_04(dy, x, kernel_size):
        k, dx = kernel_size, np.zeros(x.shape)
        for i, j in np.ndindex(dy.shape):
            window = x[i * k : i * k + k, j * k : j * k + k]
            winners = window == window.max()
            dx[i * k : i * k + k, j * k : j * k + k] = winners * dy[i, j] / winners.sum()
        return dx

    examine(clinic_04)
    assert repr(shown[0]).startswith(f"clinic_04: {examining.SAYS['gone']}")


@pytest.mark.parametrize("name", ["clinic_06", "clinic_10", "clinic_12"])
def test_training_curves_part_while_it_is_broken_and_are_one_when_it_is_mended(name, shown):
    patient = exercises.get(name)
    (sick, right), (healthy, same) = (patient.symptom(f).curves.values() for f in (patient.start, patient.answer))
    assert sick[0] == right[0] and sick[-1] > 5 * right[-1]
    np.testing.assert_allclose(healthy, right, rtol=1e-9)
    assert same == right
    examine(name)
    picture = shown[1]
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    curve = r"with [\w ]+: [\d.]+ to (more than )?\S+"
    assert re.fullmatch(rf"The loss of each step\. {curve}; {curve}", picture["text/plain"])


def test_somebody_else_cannot_be_examined():
    with pytest.raises(ValueError, match=r"target must be one of clinic_01, .*, but is conv1d"):
        examine("conv1d")
    with pytest.raises(ValueError, match="clinic_99"):
        examine("clinic_99")
