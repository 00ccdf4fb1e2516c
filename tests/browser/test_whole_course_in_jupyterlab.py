"""The whole course in a real JupyterLab, as one learner takes it: in copies of their own, every lab solved, the kernel
restarted in the middle of each lesson, to a network of nothing but their own functions."""

import pytest
from lab import Lab, server
from test_lessons_in_jupyterlab import OUTPUTS, TROUBLE, Lesson

from course_lib import study
from course_lib.parts import LABS
from course_lib.publish import build

pytestmark = [pytest.mark.slow, pytest.mark.long]

ACTIVATE = """(id) => {
  const { content } = jupyterapp.shell.currentWidget;
  content.activeCellIndex = content.widgets.findIndex(({ model }) => model.id === id);
}"""


def run_above(lab, cell_id):
    lab.page.evaluate(ACTIVATE, cell_id)
    run(lab, "notebook:run-all-above")


def run_cell(lab, cell_id):
    lab.page.evaluate(ACTIVATE, cell_id)
    run(lab, "notebook:run-cell")


def run(lab, command):
    lab.page.evaluate(
        """(command) => {
          window.ended = false;
          jupyterapp.commands.execute(command).then(() => { window.ended = true; });
        }""",
        command,
    )
    lab.page.wait_for_function("() => window.ended", timeout=600_000)


def restart(lab):
    lab.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    lab.wait_for_kernel()


def solved(lab, cell_id):
    text = lab.page.evaluate(OUTPUTS)[cell_id].strip()
    return text.startswith("✓ Right"), text[:500]


def test_a_learner_solves_everything_with_restarts_and_ends_with_a_network_of_their_own(
    built, page, lesson_environment, tmp_path, monkeypatch
):
    work, home = tmp_path / "work", tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("COURSE_WORK", str(work))
    study.prepare(built, work)
    with server(home, work) as address:
        lab = Lab(page, address, work)
        for name in build.lessons():
            lesson = Lesson(work / f"{name}.ipynb")
            lab.open(f"{name}.ipynb")
            lab.fill(lesson.solutions)
            middle = lesson.checks[len(lesson.checks) // 2]
            run_above(lab, middle)
            run_cell(lab, middle)
            restart(lab)
            run_cell(lab, middle)  # the first cell of a fresh kernel
            assert solved(lab, middle)[0], (name, solved(lab, middle)[1])
            lab.run_all_to_the_end(seconds=900)
            assert page.evaluate(TROUBLE) == [], name
            for cell_id in lesson.checks:
                assert solved(lab, cell_id)[0], (name, solved(lab, cell_id)[1])
            lab.save_and_leave()
        shown = "\n".join(output_texts(work / "12_finale.ipynb"))
    assert f"{len(LABS)} of {len(LABS)} functions that read this digit are yours." in shown
    assert (work / "what_you_built.html").exists()


def output_texts(path):
    for cell in Lesson(path).cells:
        for output in cell.get("outputs", []):
            yield str(output.get("text") or output.get("data", {}).get("text/plain", ""))
