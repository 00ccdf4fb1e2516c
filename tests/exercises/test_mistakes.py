"""Generated from the exercises: every answer, stub, mistake and hint, with nothing listed by hand."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from answers import RIGHT, WRONG, accepted, expected, hinted, refused

from course_lib import exercises
from course_lib.exercises import lessons
from course_lib.exercises.engine.compare import close

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


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right_and_earns_no_remark(name):
    exercise = exercises.get(name)
    verdict = exercise.judge(exercise.answer)
    assert (verdict.status, verdict.mistakes, verdict.remarks) == ("right", {}, [])


@pytest.mark.sampled(4)
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
    verdict = exercise.judge(defined(stub, exercise), explain=False)
    assert (verdict.status, verdict.mistakes) == ("not attempted", {})
    solution = exercise.solution().splitlines()
    given_away = [line for line in stub.splitlines() if line.strip() and line.strip() != "..." and line not in solution]
    assert exercise.start or not given_away


@pytest.mark.sampled(20)
@pytest.mark.parametrize(("exercise", "tensor", "mistake"), TABLE)
def test_a_mistake_earns_its_own_sentence_and_no_other(exercise, tensor, mistake):
    for wrong in mistake.examples:
        verdict = exercise.judge(exercise.spoilt(tensor, wrong), explain=False)
        assert verdict.status in ("wrong", "error")
        assert verdict.mistakes[tensor] == [mistake.message]
        if not exercise.run:  # what a layer or a training does wrong can show in several places
            assert verdict.mistakes.keys() == {tensor}


@pytest.mark.sampled(8)
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


# ---------------------------------------------------------------- where their content stands

LESSONS = Path(lessons.__file__).parent
CONTENT = [path for path in sorted(LESSONS.rglob("*.py")) if "shared" not in path.parts]


@pytest.mark.parametrize("path", CONTENT, ids=lambda path: str(path.relative_to(LESSONS)))
def test_a_lesson_imports_nothing_of_another_lesson(path):
    """What two of them need stands in `shared`, which knows neither."""
    assert not of_other_lessons(path.read_text(encoding="utf-8"), path.parent.name)


@pytest.mark.parametrize("path", sorted((LESSONS / "shared").glob("*.py")), ids=lambda path: path.name)
def test_what_lessons_share_imports_no_lesson(path):
    assert not of_other_lessons(path.read_text(encoding="utf-8"), "shared")


def of_other_lessons(source, own):
    """What a source imports from the lessons, but for `shared` and the folder of its own."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    inside = {name.removeprefix(f"{lessons.__name__}.").split(".")[0] for name in found if lessons.__name__ in name}
    return inside - {"shared", own}


@pytest.mark.parametrize(
    "line",
    [
        "from course_lib.exercises.lessons import lesson_03",
        "from course_lib.exercises.lessons.lesson_03 import CONV2D_BACKWARD",
        "import course_lib.exercises.lessons.clinic",
    ],
)
def test_an_import_of_another_lesson_would_be_seen(line):
    assert of_other_lessons(line, "lessons")


# ---------------------------------------------------------------- independent of the exercises' own functions


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "answer"), [pytest.param(*row, id=f"{row[0]}-{n}") for n, row in enumerate(RIGHT)])
def test_a_right_answer_in_another_style_is_right(name, answer):
    assert accepted(name, answer), repr(exercises.get(name).judge(answer))


@pytest.mark.sampled(20)
@pytest.mark.parametrize(
    ("name", "told", "answer"), [pytest.param(*row, id=f"{row[0]}-{n}") for n, row in enumerate(WRONG)]
)
def test_a_wrong_answer_is_refused_and_told_what_it_should_be_told(name, told, answer):
    exercise = exercises.get(name)
    verdict = exercise.judge(answer, explain=False)
    assert refused(verdict) and expected(verdict, exercise, told), repr(verdict)


@pytest.mark.parametrize("name", NAMES)
def test_every_lab_was_tried_with_answers_that_were_not_written_for_it(name):
    assert sum(lab == name for lab, _ in RIGHT) >= 2
    assert sum(lab == name for lab, *_ in WRONG) >= 3


def test_a_verdict_that_says_something_else_would_be_seen():
    """The comparison above is not satisfied by less, by more, or by another sentence."""
    exercise = exercises.get("clinic_09")
    verdict = exercise.judge(lambda dy, x: dy * (x >= 0), explain=False)
    assert expected(verdict, exercise, {"dx": "passes at 0"})
    for told in ({}, {"dx": "no mask"}, {"dx": None}, {"dx": "passes at 0", "dy": "changed"}):
        assert not expected(verdict, exercise, told)
    assert hinted({"dw": "right at stride 1"}) and not hinted({"dw": "stride missing"}) and not hinted({})


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
        assert set(exercise.judge(both, explain=False).mistakes["dx"]) == {one.message, other.message}
