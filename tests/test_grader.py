"""Grade your grader: what the check of a design lets pass is what the tool says, and the lab tells why."""

import ast
import re
import runpy
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from course_lib import exercises, grader, mutants, progress
from course_lib.exercises import offering
from course_lib.exercises.lessons.clinic import broken, designing, fixed

LAB = exercises.get("design_check")


def test_the_lab_knows_the_wrong_functions_of_the_tool():
    known = [(tensor, mistake.name, mistake.message) for tensor, mistake, _ in designing.known_wrongs()]
    assert known == [(wrong.tensor, wrong.mistake, wrong.sentence) for wrong in mutants.wrong_functions(grader.LAB)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*grader.PUBLIC, "start", "answer"])
def test_the_board_and_the_tool_say_the_same(name):
    design = {"start": broken.design_check(), "answer": fixed.design_check(), **grader.PUBLIC}[name]
    board = grader.grade(design)
    survivors = mutants.survivors(grader.LAB, designing.check_of(design))
    assert sorted(name for names in board.stories.values() for name in names) == sorted(survivors)
    assert board.passing == len(survivors) and board.tried == len(mutants.wrong_functions(grader.LAB))
    assert not board.refused and not mutants.refused(grader.LAB, designing.check_of(design))


@pytest.mark.slow
def test_the_command_prints_what_passes_the_public_checks(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the module is imported already
        runpy.run_module("course_lib.grader", run_name="__main__")
    said = capsys.readouterr().out.splitlines()
    assert said == grader.beside().lines() and len(said) == len(grader.PUBLIC)
    assert said == grader.beside(fixed.design_check).lines()[:-1]


def test_public_checks_are_weak_in_the_order_that_the_lesson_tells():
    nothing, means, ones, stride_1, yours = (passing for _, _, passing, _ in grader.beside(fixed.design_check).rows)
    tried = len(mutants.wrong_functions(grader.LAB))
    assert tried > nothing > tried / 2 > means > ones > stride_1 > 0 == yours


@pytest.mark.sampled(9)
@pytest.mark.parametrize("name", [name for name, *_ in designing.RULES])
def test_a_design_is_told_what_it_cannot_see(name):
    mistake = next(one for one in LAB.mistakes["survivors"] if one.name == name)
    verdict = LAB.judge(mistake.examples[0].answer)
    assert verdict.status == "wrong" and verdict.mistakes == {"survivors": [mistake.message]}
    assert len(verdict.remarks) == 1 and "known wrong functions pass your check" in verdict.remarks[0]


def test_a_design_that_is_too_strict_refuses_a_right_function():
    def strict():
        return [case | {"tolerance": 1e-17} for case in fixed.design_check()]

    assert LAB.judge(strict).mistakes == {"refused": [designing.TOO_STRICT]}
    assert "loops.conv2d_backward" in grader.grade(strict).refused[0]


@pytest.mark.sampled(7)
@pytest.mark.parametrize("name", [name for name, *_ in designing.RULES])
def test_what_passes_a_design_is_explained_by_its_gradient(name):
    ((_, _, _, changes),) = [rule for rule in designing.RULES if rule[0] == name]
    design = designing._with(**changes)
    survivors = mutants.survivors(grader.LAB, designing.check_of(design()))
    tensors = [wrong.tensor for wrong in mutants.wrong_functions(grader.LAB) if wrong.name in survivors]
    told = LAB.judge(design).explained["survivors"]
    counts = [tensors.count(which) for which in designing.TENSORS]
    assert [re.search(r"\d+|One", one)[0].replace("One", "1") for one in told] == [str(n) for n in counts if n]
    assert LAB.judge(fixed.design_check).explained == {}


def test_a_design_that_stops_is_explained_by_its_exception():
    (says,) = LAB.judge(lambda: [{"x": 1}]).explained["survivors"]
    assert "ValueError" in says and "A case must have" in says


def test_other_designs_without_gaps_are_right():
    shared = {"dy": "random", "compare": "entries", "tolerance": 1e-9, "stride": 2}

    def large():
        return [
            {"x": (3, 3, 6, 7), "w": (4, 3, 3, 2), "padding": 1, **shared},
            {"x": (2, 2, 7, 6), "w": (3, 2, 2, 3), "padding": 0, **shared},
        ]

    verdict = LAB.judge(large)
    numbers = designing.cost(large())
    assert verdict.status == "right" and numbers > designing.cost(fixed.design_check()) == 91
    refused = f"All {len(designing.known_wrongs())} known wrong functions are refused, with {numbers} numbers."
    assert refused in repr(verdict) and refused in verdict._repr_html_() and "fewer numbers" in verdict.passed.idea


@pytest.mark.parametrize(
    ("design", "says"),
    [
        (3, "must return a list of cases"),
        ([], "must return a list of cases"),
        ([{"x": (1, 1, 3, 3)}], "A case must have x, w, stride"),
        ([fixed.design_check()[0] | {"dy": "twos"}], "dy must be one of random, ones, one"),
        ([fixed.design_check()[0] | {"compare": "signs"}], "compare one of entries, means"),
        ([fixed.design_check()[0] | {"x": (1, 1, 100, 100)}], "at most 5000 numbers"),
        ([fixed.design_check()[0] | {"w": (1, 5, 2, 2)}], "in the forward pass"),
        ([fixed.design_check()[0] | {"tolerance": "1e-9"}], "tolerance must be a number that is not negative, but is"),
        ([fixed.design_check()[0] | {"tolerance": -1}], "not negative, but is -1"),
    ],
)
def test_what_is_no_design_is_told_why(design, says):
    assert says in designing.refusal(design)
    with pytest.raises(ValueError, match="design must be the cases of a check"):
        grader.grade(design)
    assert LAB.judge(lambda: design).status == "error"


def test_a_board_shows_every_story_and_folds_most():
    board = grader.grade(broken.design_check)
    html = board._repr_html_()
    assert board.passing > 50 and html.count("<details") == 1 == html.count("</details>")
    assert board.head in html and board.head in repr(board)
    assert all(name in repr(board) for names in board.stories.values() for name in names)
    clean = grader.grade(fixed.design_check)._repr_html_()
    assert "0 of" in clean and "<details" not in clean
    rows = grader.beside(fixed.design_check)
    assert all(name.partition(" ")[0] in rows._repr_html_() for name, *_ in rows.rows)


def test_a_check_of_shapes_sees_no_value():
    (case,) = broken.design_check()
    check = designing.check_of([case | {"compare": "shapes"}])
    assert check(lambda dy, x, w, *_: (np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))))
    assert not check(lambda dy, x, w, *_: (np.zeros(x.shape), np.zeros(w.shape)))


# ---------------------------------------------------------------- the learner's own designs, one after the other


@pytest.fixture
def own(tmp_path, monkeypatch):
    """grader.grade, in a session and a folder of its own, of a function that returns these cases."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(grader, "_survivors", [])
    return lambda cases: grader.grade(lambda: cases)


SMALL = [  # the smallest check that the lab knows of
    fixed.design_check()[0] | {"x": (2, 2, 2, 1), "w": (2, 2, 1, 1), "padding": 0},
    fixed.design_check()[1] | {"x": (2, 1, 4, 3), "padding": 1},
]


def test_the_best_design_is_kept_with_its_cases_and_a_worse_one_does_not_take_its_place(own):
    first = own(fixed.design_check())
    assert first.best[0] == first.cost == 91 and "Your best so far: 91 numbers." in repr(first)
    better = own(SMALL)
    assert better.best[0] == better.cost == 54
    for worse in (fixed.design_check(), broken.design_check()):
        board = own(worse)
        assert board.best == better.best and "Your best is 54 numbers." in repr(board)
        assert "(2, 2, 2, 1)" in board._repr_html_()
    assert ast.literal_eval(progress.best("design_check")[1]) == SMALL
    assert not progress.solved("design_check") and progress.tries("design_check") == 0


@pytest.mark.slow
def test_what_is_no_design_of_the_learners_is_not_kept(own):
    board = own(broken.design_check())
    assert board.passing and board.best is None and "best" not in repr(board)
    too_strict = own([case | {"tolerance": 1e-17} for case in fixed.design_check()])
    assert not too_strict.passing and too_strict.refused and too_strict.best is None
    for given in (fixed.design_check, fixed.design_check(), grader.PUBLIC["CS231n, assignment 2: square, stride 1"]):
        assert grader.grade(given).best is None
    grader.beside(lambda: SMALL)
    assert progress.entries() == {}


def test_the_board_says_what_the_last_change_did(own):
    (case,) = broken.design_check()
    first = own([case])
    assert not first.change and "(new)" not in first._repr_html_()
    means = own([case | {"stride": 2, "x": (2, 2, 6, 7), "w": (3, 2, 3, 2), "dy": "random"}])
    ones = own([case | {"compare": "entries"}])
    before, now = ({name for names in board.stories.values() for name in names} for board in (means, ones))
    assert before - now and now - before
    assert (ones.gone, ones.new) == (len(before - now), now - before)
    assert f"Your last change caught {ones.gone} and let {len(ones.new)} through." in repr(ones)
    assert ones._repr_html_().count("(new)") == len(ones.new)
    assert not own([case | {"compare": "entries"}]).change


def test_the_check_that_the_lab_knows_of_is_as_small_as_it_says():
    assert f"a check of {designing.cost(SMALL)}." in LAB.next_idea
    wrongs, rights = designing.passes(SMALL)
    assert not wrongs.any() and rights.all()


@pytest.mark.parametrize(("name", "offered"), [("design_check", False), ("clinic_06", True), ("Swish", True)])
def test_a_design_is_nothing_to_play(name, offered, monkeypatch):
    shown = []
    monkeypatch.setattr(offering, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(offering, "display", shown.append)
    lab = exercises.get(name)
    offering.offer_watch(lab, lab.answer, lab.judge(lab.answer))
    assert bool(shown) is offered
