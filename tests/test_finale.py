"""The finale from its first cell to its last, on what a learner has solved: everything, with one answer spoilt, and
with one that has gone stale. (With nothing solved, test_notebooks runs it.)"""

import re

import pytest
import solutions
from nbclient import NotebookClient

from course_lib._support import kept
from course_lib.exercises import keeping, registry
from course_lib.keepsake import FILE
from course_lib.parts import LABS
from course_lib.publish import build

pytestmark = [pytest.mark.long, pytest.mark.slow]
EVERY = [lab for labs in LABS.values() for lab in labs] + ["saliency", "turn_into"]


def run(tmp_path):
    """The text that the finale puts out, in the learner's folder of this test."""
    notebook = build.assemble("12_finale")
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in outputs)


def accuracy(shown):
    return float(re.search(r"seconds, (\d+\.\d+)% of the test digits right", shown)[1])


@pytest.fixture
def learner(lesson_environment, tmp_path, monkeypatch):
    """A learner's folder with every answer in it, each judged as `check` judges it."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "work" / "progress.json"))
    solutions.store(EVERY, tmp_path)
    return tmp_path


def test_the_answers_that_check_keeps_are_those_that_the_network_is_made_of(lesson_environment, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "work" / "progress.json"))
    for name in EVERY:
        assert keeping.keep(registry.get(name), solutions.written(name, tmp_path))[0], name
    shown = run(tmp_path)
    assert f"{len(LABS)} of {len(LABS)} functions that read this digit are yours." in shown
    assert "Borrowed" not in shown and accuracy(shown) > 90
    page = (tmp_path / "work" / FILE).read_text(encoding="utf-8")
    assert f"{len(EVERY)} of" in page and "largest distance" in page and page.count('<li class="yours">') == len(LABS)


def test_with_an_answer_that_throws_the_librarys_stands_in_and_is_named(learner):
    kept.path_of("linear_backward").write_text("def linear_backward(dy, x, w):\n    raise ValueError", encoding="utf-8")
    shown = run(learner)
    assert "Not right any more, so the library stands in: linear_backward" in shown
    assert f"{len(LABS) - 1} of {len(LABS)} functions that read this digit are yours." in shown
    assert "Borrowed: linear_backward (lesson 06)." in shown and accuracy(shown) > 90


def test_an_answer_that_is_stale_is_judged_again_and_used_if_it_is_still_right(learner):
    text = kept.read("relu_backward")
    kept.store("relu_backward", text, "the lab as it was before an update")
    kept.store("fit", "def fit(step, x, y, epochs, batch_size, rng):\n    return [0.0] * epochs\n", "before an update")
    shown = run(learner)
    assert "Not right any more, so the library stands in: fit" in shown
    assert f"{len(LABS) - 1} of {len(LABS)} functions that read this digit are yours." in shown
    assert accuracy(shown) > 90


def test_with_loops_alone_fewer_images_are_taken_and_it_says_so(learner):
    for name in EVERY:
        if name.endswith("_fast"):
            kept.path_of(name).unlink()
    shown = run(learner)
    assert "Loops in your network: im2col, col2im, max_pool2d, max_pool2d_backward." in shown
    assert f"{len(LABS)} of {len(LABS)} functions that read this digit are yours." in shown
    assert accuracy(shown) > 40
