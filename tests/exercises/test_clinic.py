"""The bug clinic: what is broken shows, naming it is a question, and mending it changes a line or so."""

import difflib

import numpy as np
import pytest

from course_lib import exercises
from course_lib.exercises import clinic_broken, clinic_mended, predictions

CLINIC = [exercises.get(name) for name in exercises.names() if name.startswith("clinic_")]


@pytest.fixture(params=CLINIC, ids=lambda exercise: exercise.name)
def patient(request):
    return request.param


def test_there_are_at_least_twelve_and_no_function_is_left_out():
    written = [name for name in vars(clinic_broken) if name.startswith("clinic_")]
    assert len(CLINIC) >= 12
    assert written == [name for name in vars(clinic_mended) if name.startswith("clinic_")]
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
    question = predictions.get(f"07/{patient.name}")
    assert len(question.choices) >= 3
    assert patient.name in question.text


def test_the_task_does_not_name_the_bug(patient):
    question = predictions.get(f"07/{patient.name}")
    assert question.choices[question.answer][0].lower() not in patient.task.lower()
