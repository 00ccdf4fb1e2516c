"""Generated from the exercises: every answer, stub, mistake and hint, with nothing listed by hand."""

import re

import numpy as np
import pytest
from right_answers import RIGHT
from wrong_answers import WRONG

from course_lib import exercises
from course_lib.exercises.engine.compare import close
from course_lib.exercises.lessons.shared.sentences import MIXED_UP

NAMES = exercises.names()
TABLE = [
    pytest.param(exercises.get(name), tensor, mistake, id=f"{name}-{tensor}-{mistake.name}")
    for name in NAMES
    for tensor, mistakes in exercises.get(name).mistakes.items()
    for mistake in mistakes
]


def namespace(exercise):
    """What a notebook knows before the cell of this exercise."""
    names = {}
    for line in exercise.imports:
        exec(line, names)
    return names


def defined(source, exercise):
    names = namespace(exercise)
    exec(source, names)
    return names[exercise.name]


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right_and_earns_no_remark(name):
    exercise = exercises.get(name)
    verdict = exercise.judge(exercise.answer)
    assert (verdict.status, verdict.mistakes, verdict.remarks) == ("right", {}, [])


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_as_shown_is_right_by_itself(name):
    exercise = exercises.get(name)
    source = exercise.solution()
    assert "@" not in source.replace(" @ ", "") and not re.search(r"^\s*checks\.", source, re.M)
    assert exercise.judge(defined(source, exercise)).status == "right"


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_not_attempted_and_shows_no_solution(name):
    exercise = exercises.get(name)
    stub = exercise.stub()
    verdict = exercise.judge(defined(stub, exercise))
    assert (verdict.status, verdict.mistakes) == ("not attempted", {})
    solution = exercise.solution().splitlines()
    given_away = [line for line in stub.splitlines() if line.strip() and line.strip() != "..." and line not in solution]
    assert exercise.start or not given_away


@pytest.mark.parametrize(("exercise", "tensor", "mistake"), TABLE)
def test_a_mistake_earns_its_own_sentence_and_no_other(exercise, tensor, mistake):
    for wrong in mistake.examples:
        verdict = exercise.judge(exercise.spoilt(tensor, wrong))
        assert verdict.status in ("wrong", "error")
        assert verdict.mistakes[tensor] == [mistake.message]
        if not exercise.run:  # what a layer or a training does wrong can show in several places
            assert verdict.mistakes.keys() == {tensor}


@pytest.mark.parametrize("name", NAMES)
def test_no_two_mistakes_look_alike(name):
    """Else a learner would be told of one and have made the other."""
    exercise = exercises.get(name)
    for tensor, mistakes in exercise.mistakes.items():
        seen = [
            (m, [result(exercise, wrong, case) for case in exercise.arguments])
            for m in mistakes
            for wrong in m.examples
        ]
        for number, (one, arrays) in enumerate(seen):
            for other, others in seen[:number]:
                if one is not other:
                    assert not alike(exercise, tensor, arrays, others), f"{tensor}: {one.name} and {other.name}"


def result(exercise, wrong, case):
    try:
        return np.asarray(wrong(*(value.copy() if isinstance(value, np.ndarray) else value for value in case.values())))
    except Exception:
        return None


def alike(exercise, tensor, arrays, others):
    return all(
        a is b if a is None or b is None else close(a, b, exercise.tolerance)
        for a, b in zip(arrays, others, strict=True)
    )


@pytest.mark.parametrize("name", NAMES)
def test_sentences_and_short_names_belong_to_one_mistake(name):
    for mistakes in exercises.get(name).mistakes.values():
        assert len({mistake.message for mistake in mistakes}) == len(mistakes)
        assert len({mistake.name for mistake in mistakes}) == len(mistakes)


@pytest.mark.parametrize("name", NAMES)
def test_there_are_three_hints_and_only_the_last_comes_near_the_solution(name):
    exercise = exercises.get(name)
    assert len(exercise.hints) == 3
    early = "".join("".join(exercise.hints[:2]).split())
    for line in exercise.solution().splitlines():
        code = "".join(line.split("#")[0].split())
        key = code.removeprefix("return")
        if len(key) > 14 and not line.strip().startswith(("def ", "class ", '"""')):
            assert key not in early, line


@pytest.mark.parametrize("name", NAMES)
def test_difficulty_minutes_and_task_are_given(name):
    exercise = exercises.get(name)
    assert exercise.difficulty in ("easy", "medium", "hard")
    assert 0 < exercise.minutes <= 30
    assert f"`{exercise.name}" in exercise.task or exercise.start


@pytest.mark.parametrize("name", NAMES)
def test_cases_name_their_arguments_as_the_answer_does(name):
    import inspect

    exercise = exercises.get(name)
    if not exercise.run:
        parameters = list(inspect.signature(exercise.answer).parameters)
        for case in [*exercise.arguments, exercise.probe]:
            assert list(case) == parameters[: len(case)]


# ---------------------------------------------------------------- independent of the exercises' own functions


@pytest.mark.parametrize(("name", "answer"), [pytest.param(*pair, id=f"{pair[0]}-{n}") for n, pair in enumerate(RIGHT)])
def test_a_right_answer_in_another_style_is_right(name, answer):
    verdict = exercises.get(name).judge(answer)
    assert (verdict.status, verdict.mistakes) == ("right", {}), repr(verdict)


SEEN_BY_THE_JUDGE = {  # what no table of mistakes holds, and words of what is said to it
    "changed": "not the same after the call",
    "order": "come in another order",
    "count": "are expected",
    "integers": "but integers are expected",
    "H and W mixed up": MIXED_UP,
    None: "is None",
}


@pytest.mark.parametrize(
    ("name", "tensors", "answer"), [pytest.param(*row, id=f"{row[0]}-{n}") for n, row in enumerate(WRONG)]
)
def test_a_learners_wrong_answer_is_recognised_tensor_by_tensor(name, tensors, answer):
    exercise = exercises.get(name)
    verdict = exercise.judge(answer)
    assert verdict.mistakes.keys() == tensors.keys()
    for tensor, short in tensors.items():
        known = [mistake.message for mistake in exercise.mistakes.get(tensor, ()) if mistake.name == short]
        (told,) = verdict.mistakes[tensor]
        assert told == known[0] if known else SEEN_BY_THE_JUDGE[short] in told


@pytest.mark.parametrize(
    "name", ["conv1d_input_gradient_scatter", "conv2d_single_input_gradient_gather", "input_gradient"]
)
def test_two_mistakes_in_one_gradient_are_both_named(name):
    exercise = exercises.get(name)
    known = {mistake.name: mistake for mistake in exercise.mistakes["dx"]}
    for pair in (
        ("kernel turned", "stride missing"),
        ("sign", "padding not removed"),
        ("wrong corner cropped", "kernel turned"),
    ):
        one, other = (known[name] for name in pair)
        both = one.examples[0].with_(other.examples[0])
        assert set(exercise.judge(both).mistakes["dx"]) == {one.message, other.message}
