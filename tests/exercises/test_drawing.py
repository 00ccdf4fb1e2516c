"""A lab that is answered by drawing: judged cell by cell, kept like any answer, and asked where nothing is clicked."""

import sys

import numpy as np
import pytest
import traitlets

from course_lib import exercises, loops, mine, progress
from course_lib._support import kept
from course_lib.exercises import checking, drawing, keeping
from course_lib.exercises.lessons import lesson_02
from course_lib.publish import build

LAB = exercises.get("draw_dx")
RIGHT = [[f"{n:g}" for n in row] for row in LAB.answer()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A learner's folder of its own."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path


def rows(wrong):
    return [[f"{n:g}" for n in row] for row in wrong()]


def test_the_answer_is_that_of_the_loops_and_reaches_every_rule():
    dy, w = lesson_02.DRAWN["dy"], lesson_02.DRAWN["w"]
    assert np.array_equal(LAB.answer(), loops.conv2d_single_input_gradient_scatter(dy, np.ones((5, 5)), w, 2))
    assert not LAB.answer()[4].any() and LAB.answer().min() < 0  # a remainder, and a negative stamp


def test_a_right_drawing_is_recorded_kept_and_shown_again():
    reply = drawing.judged(LAB, RIGHT)
    assert (reply["status"], reply["parts"]) == ("right", []) and "mine/draw_dx.py" in str(reply["says"])
    assert progress.solved("draw_dx") and keeping.state("draw_dx") == "yours"
    assert np.array_equal(mine.draw_dx(), LAB.answer())
    assert drawing._before(LAB)["rows"] == [["" if one == "0" else one for one in row] for row in RIGHT]
    assert "def draw_dx():" in kept.read("draw_dx") and keeping.judge_alone("draw_dx", kept.path_of("draw_dx")) == ""


@pytest.mark.parametrize("mistake", LAB.mistakes["dx"], ids=lambda mistake: mistake.name)
def test_a_wrong_drawing_is_told_its_mistake_and_which_cells_are_right(mistake):
    reply = drawing.judged(LAB, rows(mistake.examples[0]))
    assert reply["status"] == "wrong" and mistake.message.replace("`", "") in "".join(text for _, text in reply["says"])
    assert reply["parts"] == np.isclose(mistake.examples[0](), LAB.answer()).ravel().tolist()
    assert f"{sum(reply['parts'])} of 25 cells are right" in reply["says"][0][1]
    assert not progress.solved("draw_dx") and keeping.state("draw_dx") == "none"
    assert drawing._before(LAB)["parts"] == reply["parts"]  # after a restart


def test_a_drawing_of_no_known_kind_is_told_nothing_about_code():
    reply = drawing.judged(LAB, [["6", "", "", "", ""], *[[""] * 5] * 4])
    assert "".join(text for _, text in reply["says"]) == "11 of 25 cells are right. Those that are not are marked."


def test_a_drawing_written_as_code_is_told_nothing_about_loops():
    def two_stamps():
        dx = np.zeros((5, 5))
        dx[:2, :3], dx[:2, 2:] = LAB.grids["w"], 2 * LAB.grids["w"]
        return dx

    verdict = LAB.judge(two_stamps)
    assert (verdict.mistakes, verdict.explained) == ({}, {"dx": ["18 of 25 cells are right."]})


def test_the_check_cell_shows_a_card_and_says_where_to_draw(monkeypatch):
    shown = []
    monkeypatch.setattr(checking, "display", shown.append)
    assert exercises.check("draw_dx") is LAB.answer and checking.DRAW in repr(shown[0])
    assert "goes on" not in repr(shown[0])
    drawing.judged(LAB, RIGHT)
    assert np.array_equal(exercises.check("draw_dx")(), LAB.answer())
    assert any("All 25 cells are right." in repr(card) for card in shown[1:])


def test_a_wrong_drawing_does_not_show_the_right_one():
    verdict = LAB.judge(LAB.mistakes["dx"][0].examples[0])
    assert not verdict.findings and verdict.smallest is None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ([["x"] * 5] * 5, drawing.NO_NUMBERS),
        ([["1/0"] * 5] * 5, drawing.NO_NUMBERS),
        ([["nan"] * 5] * 5, drawing.NO_NUMBERS),
        ([["1"] * 4] * 5, drawing.NO_NUMBERS),
        ([[""] * 5] * 5, drawing.NOTHING_YET),
    ],
)
def test_what_is_no_drawing_is_told_so_and_counts_as_no_try(typed, says):
    reply = drawing.judged(LAB, typed)
    assert reply["status"] == "neutral" and reply["says"][0][1] == says and progress.tries("draw_dx") == 0


def test_empty_cells_are_zero_and_fractions_are_read():
    typed = [["" if one == "0" else f"{2 * float(one):g}/2" for one in row] for row in RIGHT]
    assert drawing.judged(LAB, typed)["status"] == "right"


def test_a_file_that_was_edited_badly_is_no_drawing():
    kept.note_try("draw_dx", "def draw_dx():\n    return 'nonsense'\n")
    assert drawing._before(LAB)["status"] == "neutral"


def test_the_widget_asks_judges_and_refuses_what_no_page_of_ours_sends(monkeypatch):
    shown = []
    monkeypatch.setattr(drawing, "display", shown.append)
    exercises.draw("draw_dx")
    (widget,) = shown
    assert [grid["name"] for grid in widget.asked["grids"]] == ["dy", "w"] and widget.asked["shape"] == [5, 5]
    assert "−1" in str(widget.asked["grids"][0]["rows"]) and "5, 4" not in str(widget.asked)
    widget.given = {"number": 1, "rows": RIGHT}
    assert (widget.reply["number"], widget.reply["status"]) == (1, "right")
    for bad in ({"number": 2}, {"number": 2, "rows": [[1]]}, {"number": True, "rows": []}, {"number": 2, "rows": "x"}):
        with pytest.raises(traitlets.TraitError):
            widget.given = bad


def test_where_nothing_can_be_clicked_the_grids_stand_still():
    card = drawing.still(LAB)
    html = card._repr_html_()
    assert html.count("<td") == 4 + 6 + 25 and "def" not in html and "<script" not in html
    assert "write a function draw_dx()" in html and "dy = [1, 2; 0, −1]" in repr(card)


def test_only_drawings_are_drawn():
    with pytest.raises(ValueError, match="name must be one of the drawings, draw_dx, but is conv1d"):
        exercises.draw("conv1d")


def test_a_lesson_holds_the_drawing_and_its_check_and_can_be_solved_in_code():
    task, stub, check, hints = build.lab_cells("draw_dx")
    assert stub.source == 'from course_lib.exercises import draw\n\n\ndraw("draw_dx")'
    assert check.source.endswith('draw_dx = check("draw_dx")')
    names = {}
    exec(build.solved(stub), names)
    assert np.array_equal(names["draw_dx"](), LAB.answer())


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_drawing_written_as_code_that_ends_python_at_some_call_is_judged(calls):
    left = iter(range(calls))

    def drawn():
        return np.zeros((5, 5)) if next(left, None) is not None else sys.exit()

    assert LAB.judge(drawn).status in ("wrong", "error")
