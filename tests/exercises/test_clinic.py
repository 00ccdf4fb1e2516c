"""The bug clinic: what is broken shows, naming it is a question, and mending it changes a line or so."""

import base64
import difflib
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib import exercises, figures, gradcheck, looks
from course_lib.exercises import case, checking, examine, examining, predictions, treat
from course_lib.exercises.lessons.clinic import broken, fixed, nets, symptoms_networks

CLINIC = [exercises.get(name) for name in exercises.names() if name.startswith("clinic_")]


@pytest.fixture(params=CLINIC, ids=lambda exercise: exercise.name)
def patient(request):
    return request.param


def test_there_are_at_least_twelve_and_no_function_is_left_out():
    written = [name for name in vars(broken) if name.startswith("clinic_")]
    assert len(CLINIC) == 24
    assert written == [name for name in vars(fixed) if name.startswith("clinic_")]
    assert written == [exercise.name for exercise in CLINIC]


@pytest.mark.sampled(4)
def test_what_is_handed_out_is_wrong_and_as_long_as_nothing_changes_not_attempted(patient):
    verdict = patient.judge(patient.start)
    assert verdict.status == "not attempted"
    assert "when you found it" in verdict.remarks[0]
    for arguments, expected in zip(patient.arguments, patient.references, strict=True):
        copies = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments.values()]
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


@pytest.mark.sampled(3)
@pytest.mark.sampled(12)
def test_the_symptom_shows_while_it_is_broken_and_is_gone_when_it_is_mended(patient):
    sick, healthy = (patient.symptom(f) for f in (patient.start, patient.answer))
    assert repr(sick) != repr(healthy)
    assert repr(sick) == repr(patient.symptom(patient.start))
    if sick.picture:
        assert not np.allclose(sick.picture.yours, sick.picture.expected)
        assert np.allclose(healthy.picture.yours, healthy.picture.expected)
    if "error" in repr(sick.head + tuple(sick.rows)):
        errors = [row[1] for row in healthy.rows if "error" in str(row[0])] or [row[-1] for row in healthy.rows]
        assert "none" in repr(healthy) and not any(ch.isdigit() for found in errors for ch in str(found) if found != 0)


@pytest.mark.sampled(4)
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
    assert patient.title in question.text and question.reveals_code
    for letter in question.choices:
        right, says = question.feedback(letter)
        assert right is (letter == question.answer) and says


def test_neither_task_nor_title_names_the_bug(patient):
    question = predictions.get(f"11/{patient.name}")
    named = question.choices[question.answer][0].lower()
    assert named not in patient.task.lower() and named not in patient.title.lower()


def test_every_case_has_a_title_of_its_own_and_the_like_of_it_that_shipped(patient):
    assert len({one.title for one in CLINIC}) == len(CLINIC) and patient.name not in patient.title
    assert patient.reports
    for report in patient.reports:
        assert re.fullmatch(r"https://[\w.-]+/[\w./#-]+", report.url) and report.url in report.markdown
        assert re.search(r"20[12]\d|postscript", report.says)  # when it was, or how it is told


@pytest.mark.slow
@pytest.mark.sampled(4)
def test_a_symptom_is_shown_without_delay(patient):
    patient.seen_in(patient.answer)  # what all cases share is computed once
    start = time.process_time()
    patient.symptom(patient.start)
    assert time.process_time() - start < 2  # a second on a machine that does nothing else


# ---------------------------------------------------------------- what a cell of the lesson shows


@pytest.fixture
def shown(monkeypatch):
    """Everything that examine displays, in order."""
    seen = []
    monkeypatch.setattr(examining, "display", lambda thing, **how: seen.append(thing))
    return seen


@pytest.mark.sampled(3)
@pytest.mark.sampled(4)
def test_the_name_of_a_patient_shows_its_symptom_as_it_came_in(patient, shown):
    examine(patient.name)
    seen = patient.symptom(patient.start)
    assert repr(shown[0]) == f"{patient.name}: as it came in\n{seen!r}"
    assert patient.name in shown[0]._repr_html_() and "as it came in" in shown[0]._repr_html_()
    assert len(shown) == (2 if seen.curves else 1)


@pytest.fixture(params=["gradient_std", "double_backward"])
def repair(request):
    """A lab that is no case, but begins with a broken function and its symptom."""
    return exercises.get(request.param)


def test_a_function_that_is_still_broken_shows_no_second_table(repair, shown):
    examine(repair.start)
    (only,) = shown
    assert repr(only) == f"{repair.name}: {examining.SAYS['still']}"
    assert "<table" not in only._repr_html_()


def test_the_symptom_of_a_mended_function_is_gone(repair, shown):
    examine(repair.answer)
    assert repr(shown[0]) == f"{repair.name}: {examining.SAYS['gone']}\n{repair.symptom(repair.answer)!r}"


def test_what_shows_something_else_is_said_to_be_neither(repair, shown):
    def half_mended(*arguments):
        return 0

    half_mended.__name__ = repair.name
    examine(half_mended)
    assert repr(shown[0]).startswith(f"{repair.name}: {examining.SAYS['other']}")


@pytest.mark.sampled(4)
def test_a_case_in_a_copy_from_before_is_checked_and_treated(patient, all_shown):
    examine(patient.start)
    examine(patient.answer)
    assert kinds(all_shown)[:4] == ["Verdict", "Hints", "Verdict", "Treatment"]
    assert all_shown[3].says == examining.SAYS["gone"]


def test_a_right_answer_of_another_kind_is_sound_though_it_shows_something_else(all_shown):
    def clinic_04(dy, x, kernel_size):
        k, dx = kernel_size, np.zeros(x.shape)
        for i, j in np.ndindex(dy.shape):
            window = x[i * k : i * k + k, j * k : j * k + k]
            winners = window == window.max()
            dx[i * k : i * k + k, j * k : j * k + k] = winners * dy[i, j] / winners.sum()
        return dx

    treat(clinic_04)
    treatment = next(thing for thing in all_shown if type(thing).__name__ == "Treatment")
    assert treatment.says == examining.SAYS["gone"]


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


# ---------------------------------------------------------------- a case, and its treatment


@pytest.fixture
def all_shown(monkeypatch, shown):
    """What `case` and `treat` display, together with what they call."""
    monkeypatch.setattr(checking, "display", lambda thing, **how: shown.append(thing))
    monkeypatch.setattr(predictions, "display", lambda thing, **how: shown.append(thing))
    monkeypatch.setattr(checking, "offer_watch", lambda *arguments: None)
    return shown


def kinds(shown):
    return [type(thing).__name__ for thing in shown]


@pytest.mark.sampled(4)
def test_a_case_shows_its_symptom_and_asks_what_is_wrong(patient, all_shown):
    case(patient.name)
    curves = ["dict"] if patient.seen_in(patient.start).curves else []
    assert kinds(all_shown) == ["Examination", *curves, "Asked", "Question"]
    assert patient.title in all_shown[0]._repr_html_() and patient.title in repr(all_shown[-2])
    assert all_shown[-1].asked["name"] == f"11/{patient.name}" and all_shown[-1].asked["code"]


@pytest.mark.sampled(4)
def test_a_case_that_nobody_has_touched_offers_hints(patient, all_shown):
    assert treat(patient.start) is patient.answer
    assert kinds(all_shown) == ["Verdict", "Hints"] and all_shown[0].status == "not attempted"
    html = all_shown[1]._repr_html_()
    assert html.count("<details") == 5 and "<details open" not in html


@pytest.mark.sampled(4)
def test_a_treated_case_shows_its_symptom_beside_the_old_one(patient, all_shown):
    treat(patient.answer)  # the answer itself stands for what is checked: no lab is attempted by it
    treatment = next(thing for thing in all_shown if type(thing).__name__ == "Treatment")
    text = repr(treatment)
    assert text.startswith(f"{patient.title}: {examining.SAYS['gone']}") and "Hints" not in kinds(all_shown)
    for seen in (patient.seen_in(patient.start), patient.seen_in(patient.answer)):
        assert repr(seen) in text
    html = treatment._repr_html_()
    assert "as it came in" in html and "yours" in html


@pytest.mark.slow
def test_a_case_that_is_not_cured_shows_what_is_left_and_offers_hints(patient, all_shown):
    def half_mended(*arguments):
        return 0

    half_mended.__name__ = patient.name
    treat(half_mended)
    assert kinds(all_shown)[0] == "Verdict" and all_shown[0].status in ("wrong", "error")
    treatment = next(thing for thing in all_shown if type(thing).__name__ == "Treatment")
    assert treatment.says == examining.SAYS["other"] and kinds(all_shown)[-1] == "Hints"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["clinic_06", "clinic_16", "clinic_22"])
def test_three_curves_show_what_was_what_is_and_what_should_be(name):
    patient = exercises.get(name)
    before, now = patient.seen_in(patient.start), patient.seen_in(patient.answer)
    curves = examining._beside_each_other(before, now)
    assert list(curves) == ["as it came in", "yours", "with the right one"]
    np.testing.assert_allclose(curves["yours"], curves["with the right one"], rtol=1e-9)
    assert not np.allclose(curves["as it came in"][-1], curves["yours"][-1])


def test_the_right_curve_is_drawn_in_the_colour_of_what_is_right(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "png", lambda draw, *size: drawn.append(plt.figure().subplots()) or draw(drawn[-1]))
    for names in (("with this backward", "with the right one"), ("as it came in", "yours", "with the right one")):
        examining._curves({name: [2.0, 1.0] for name in names}, "step", "loss", 1)
    colours = [[line.get_color() for line in ax.lines] for ax in drawn]
    assert colours == [[looks.WRONG, looks.RIGHT], [looks.WRONG, figures.COLOURS["input"], looks.RIGHT]]
    plt.close("all")


def test_only_a_case_can_be_a_case():
    with pytest.raises(ValueError, match=r"name must be one of the cases, clinic_01, .*, but is conv1d"):
        case("conv1d")
    with pytest.raises(ValueError, match=r"name must be one of the cases"):
        treat(exercises.get("conv1d").answer)


# ---------------------------------------------------------------- networks of nine layers


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["clinic_19", "clinic_21", "clinic_22", "clinic_23", "clinic_24"])
def test_a_repaired_network_learns(name):
    patient = exercises.get(name)
    losses = patient.seen_in(patient.answer).curves["with this backward"]
    assert losses[-1] < 0.6 * losses[0]


def test_a_flatten_that_mixes_images_passes_its_gradient_check():
    rng = np.random.default_rng(0)
    for f in (broken.clinic_21, fixed.clinic_21):
        assert gradcheck.check_layer(nets.Split(f), rng.standard_normal((3, 2, 2, 2)), rng=rng)


def test_every_layer_of_the_networks_passes_its_own_gradient_check():
    assert symptoms_networks._others_pass() == 8


def test_a_network_whose_log_contradicts_itself():
    patient = exercises.get("clinic_22")
    rows = patient.seen_in(patient.start).rows
    losses, accuracies = ([float(str(row[n]).rstrip("%")) for row in rows] for n in (1, 2))
    assert losses[-1] > losses[0] and accuracies[-1] > 2 * accuracies[0]


def test_somebody_else_cannot_be_examined():
    with pytest.raises(ValueError, match=r"target must be one of .*clinic_01, .*, but is conv1d"):
        examine("conv1d")
    with pytest.raises(ValueError, match="clinic_99"):
        examine("clinic_99")
