"""What gives a prediction away: an output up to the next heading or lab that holds its answer is folded or excused."""

import re

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from stories import every_story

from course_lib.exercises import predictions
from course_lib.publish import build

NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def shown(cell):
    """The text of a cell's outputs; of HTML, what stands between the tags."""
    texts = [output.get("text", "") for output in cell.outputs]
    for output in cell.outputs:
        data = output.get("data", {})
        texts.append(re.sub(r"<style>.*?</style>|<[^>]*>", " ", data.get("text/html", ""), flags=re.DOTALL))
        texts.append(data.get("text/plain", ""))
    return " ".join(texts)


def holds_answer(question, text):
    """Whether a text holds the right numbers, one behind the other; or what the right choice says."""
    if question.choices:
        says, _ = question.choices[question.answer]
        return plain(says) in plain(text)
    answer = np.ravel(question.right_answer)
    numbers = np.array([float(found.replace("−", "-")) for found in NUMBER.findall(text)])
    if len(numbers) < len(answer):
        return False
    runs = np.lib.stride_tricks.sliding_window_view(numbers, len(answer))
    return bool(np.any(np.all(np.abs(runs - answer) <= max(question.tolerance, 1e-9), axis=1)))


def plain(text):
    return re.sub(r"[\s`*.,]+", " ", text).strip().lower()


def begins_another_subject(cell):
    """A heading of the second level or a lab; one of the third level goes on with the subject."""
    heading = cell.cell_type == "markdown" and re.search(r"^##? ", cell.source, re.MULTILINE)
    return bool(heading) or "exercise" in cell.metadata.get("course", {})


def given_away(notebook):
    """(question, how the cell begins) of every output up to the next heading or lab that answers it, and is neither
    named in `reveals` nor excused in `harmless`."""
    for number, cell in enumerate(notebook.cells):
        name = build.asked_in(cell)
        if name is None:
            continue
        question, folded = predictions.get(name), build.revealed_by(notebook.cells, number)
        for other in notebook.cells[number + 1 :]:
            if begins_another_subject(other):
                break
            if other.cell_type == "code" and not build.asked_in(other) and other not in folded:
                excused = any(other.source.startswith(start) for start in question.harmless)
                if not excused and holds_answer(question, shown(other)):
                    yield name, other.source.split("\n")[0]


BUILT = sorted(build.NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", BUILT, ids=[path.stem for path in BUILT])
def test_no_output_answers_a_question_unless_it_is_folded_or_excused(path):
    notebook = nbformat.read(path, as_version=4)
    assert list(given_away(notebook)) == []


@pytest.mark.parametrize("name", predictions.names())
def test_excuses_have_a_reason(name):
    assert all(start and len(reason) > 10 for start, reason in predictions.get(name).harmless.items())


def lesson(*cells):
    """A notebook that asks 01/forward, 5 11 18, and goes on with cells: (source, what it puts out) or text."""
    asked = build.question_cells("01/forward")
    made = [
        new_markdown_cell(one) if isinstance(one, str)
        else new_code_cell(one[0], outputs=[new_output("stream", text=one[1])])
        for one in cells
    ]  # fmt: skip
    return new_notebook(cells=[*asked, *made])


def test_an_output_behind_the_folded_ones_that_holds_the_answer_is_found():
    reveals = predictions.get("01/forward").reveals
    folded = [(f"fold({n})", "5 11 18") for n in range(reveals)]
    assert list(given_away(lesson(*folded))) == []
    for text in ("[ 5. 11. 18.]", "y = [5, 11, 18]", "1 5 11 18 2"):
        assert list(given_away(lesson(*folded, ("late(y)\nmore", text)))) == [("01/forward", "late(y)")]
    for text in ("5 11 19", "5 11", "18 11 5", "x15 11 18"):
        assert list(given_away(lesson(*folded, ("late(y)", text)))) == []
    assert list(given_away(lesson(*folded, "## Next", ("late(y)", "5 11 18")))) == []
    assert list(given_away(lesson(*folded, "### More of it", ("late(y)", "5 11 18")))) == [("01/forward", "late(y)")]


def test_lab_cells_are_folded_in_the_clinic_alone():
    """There the code is what is asked for; elsewhere a learner's own output would be folded."""
    for name in build.lessons():
        for cell in build.assemble(name).cells:
            course = cell.metadata.get("course", {})
            if "part" in course and "reveals" in course:
                assert "reveals_code" in course, f"{course['reveals']} folds the cell of {course['exercise']}"


# ---------------------------------------------------------------- frame 0, which is seen before anything is played


# "learning" begins with its weights before the first epoch and the target, both of which the lesson shows before
@pytest.mark.parametrize("name", sorted(set(every_story()) - {"learning"}))
def test_the_first_frame_of_an_animation_gives_nothing_away(name):
    """Nothing has arrived yet, no kernel is turned, and nothing is struck out: each is the step that finds it out."""
    story = every_story()[name]()
    assert not story.steps[0].flows and not story.steps[0].looks
    for key, grid in story.grids.items():
        assert not grid.collects or not np.any(grid.values), f"{key} holds something already"
        assert not grid.flipped or grid.turns > 0, f"{key} is turned already"
        assert not grid.struck or grid.strikes > 0, f"{key} is struck out already"
