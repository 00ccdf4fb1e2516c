"""Every lesson in a real JupyterLab: opened, run to its end with nothing solved, and looked at for trouble."""

import shutil

import nbformat
import pytest
from lab import Lab

from course_lib import build

RUN_ALL = """() => {
  window.ended = false;
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.ended = true; });
}"""
TROUBLE = """() => {
  const shown = (selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText.slice(0, 300));
  const areas = shown(".jp-OutputArea").filter((text) => /error displaying widget|model not found/i.test(text));
  return [
    ...shown('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'),  // errors as well
    ...areas,
  ];
}"""


def animations(path):
    """How many outputs of a built notebook are animations."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return sum("Animation" in output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("lesson", build.lessons())
def test_a_lesson_runs_to_its_end_and_draws_every_animation(lesson, built, page, jupyterlab):
    address, root = jupyterlab
    shutil.copy(built / f"{lesson}.ipynb", root)
    lab = Lab(page, address, root)
    lab.open(f"{lesson}.ipynb")
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => window.ended", timeout=300_000)
    expected = animations(built / f"{lesson}.ipynb")
    page.wait_for_function(
        "count => document.querySelectorAll('.cg-player[data-position]').length >= count", arg=expected, timeout=30_000
    )
    assert page.evaluate(TROUBLE) == []
    lab.stop_kernel()
    page.goto("about:blank")


@pytest.mark.slow
def test_what_goes_wrong_in_a_notebook_would_be_seen(page, jupyterlab):
    lab = Lab(page, *jupyterlab)
    lab.open(lab.write("trouble.ipynb", "import sys; print('grumble', file=sys.stderr)", "1 / 0"))
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => document.querySelectorAll('.jp-OutputArea-output').length === 2")
    seen = "\n".join(page.evaluate(TROUBLE))
    assert "grumble" in seen and "ZeroDivisionError" in seen
    page.goto("about:blank")
