"""A learner's copy folds what would answer an open question, and nothing else; an update does not mind the fold."""

import copy

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_study import course  # noqa: F401  a fixture

from course_lib import progress, study
from course_lib._support.folding import SAYS, fold, unfold


def cell(name, source="1", **marks):
    return new_code_cell(
        source, id=name, outputs=[new_output("stream", text="out")], metadata={"course": marks} if marks else {}
    )


def cells():
    return [
        cell("ask-one", predict="01/one", formerly=["00/uno"]),
        cell("one", reveals=["01/one"]),
        cell("two", predict="01/two"),
        cell("both", reveals=["01/one", "01/two"]),
        cell("code", reveals=["01/two"], reveals_code=["01/two"]),
        cell("free"),
        new_markdown_cell("text", id="text"),
    ]


def hidden(some):
    """cell id -> what is folded of it."""
    found = {}
    for one in some:
        kinds = {kind.removesuffix("_hidden") for kind, is_so in one.metadata.get("jupyter", {}).items() if is_so}
        if kinds:
            found[one.id] = kinds
    return found


def folded(*answered):
    some = cells()
    fold(some, lambda name: name in answered)
    return some


def test_what_answers_an_open_question_is_folded_and_nothing_else():
    both = {"outputs", "source"}
    assert hidden(folded()) == {"one": {"outputs"}, "both": {"outputs"}, "code": both}
    assert hidden(folded("01/one")) == {"both": {"outputs"}, "code": both}
    assert hidden(folded("01/two")) == {"one": {"outputs"}, "both": {"outputs"}}
    assert hidden(folded("01/one", "01/two")) == {}


def test_an_answer_under_a_former_name_opens():
    assert hidden(folded("00/uno", "01/two")) == {}


def test_a_folded_output_begins_with_a_sentence_that_gives_nothing_away():
    """JupyterLab shows how the first output of a folded cell begins."""
    one = folded()[1]
    assert one.outputs[0]["data"] == {"text/plain": SAYS} and one.outputs[1].text == "out"
    nbformat.validate(new_notebook(cells=nbformat.from_dict(folded())))


def test_folding_twice_is_folding_once_and_unfolding_leaves_what_was_there():
    some = folded()
    again = copy.deepcopy(some)
    fold(again, lambda name: False)
    assert again == some
    unfold(again)
    assert again == cells()
    drawing = cell("drawing", reveals=["01/one"])
    drawing.metadata["jupyter"] = {"source_hidden": True}
    fold([drawing], lambda name: False)
    unfold([drawing])
    assert drawing.metadata["jupyter"] == {"source_hidden": True}


def test_copies_are_folded_until_there_is_an_answer_and_an_update_keeps_nothing_aside(course):  # noqa: F811
    course.ship(_01_one=cells())
    course.get()
    assert course.study() == [] and hidden(course.read("01_one").cells)["one"] == {"outputs"}
    assert hidden(study._read(course.clone / "notebooks" / "01_one.ipynb").cells) == {}  # what is shipped is as it was
    course.ship(_01_one=[*cells(), new_markdown_cell("more", id="more")])
    assert course.study() == []  # the fold is no work of the learner's
    assert hidden(course.read("01_one").cells)["one"] == {"outputs"} and not (course.work / "earlier").exists()
    progress.record_prediction("01/one", None, False)
    course.study()
    assert "one" not in hidden(course.read("01_one").cells)
    assert [output.get("text") for output in course.read("01_one").cells[1].outputs] == ["out"]


def test_a_fold_changes_neither_the_time_nor_the_trust_of_a_copy(course, monkeypatch):  # noqa: F811
    signed = []

    class Notary:
        def check_signature(self, notebook):
            return notebook.cells in signed

        def sign(self, notebook):
            signed.append(copy.deepcopy(notebook.cells))

    monkeypatch.setattr(study, "NotebookNotary", Notary)
    course.ship(_01_one=cells())
    course.get()
    course.study()
    path = course.work / "01_one.ipynb"
    assert path.stat().st_mtime == study.UNOPENED and Notary().check_signature(course.read("01_one"))
    signed.clear()  # it came from elsewhere
    progress.record_prediction("01/one", "a", True)
    course.study()
    assert not Notary().check_signature(course.read("01_one"))
