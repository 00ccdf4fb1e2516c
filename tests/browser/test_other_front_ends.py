"""What else shows a lesson: Notebook 7, JupyterLab in which several people write, and a printed page.

Each needs a package that no requirements file names: `pip install notebook`, `pip install jupyter-collaboration`, in an
environment of its own, because the second changes JupyterLab for all tests.
"""

import shutil
import subprocess
from importlib.util import find_spec

import lab
import pytest
from lab import Lab

from course_lib.publish import export

LESSON = "01_conv1d"
DRAWN = """() => jupyterapp.shell.currentWidget.content.widgets.filter(({ outputArea }) => outputArea).flatMap(
  ({ outputArea }) => outputArea.widgets.filter((_, n) => {
    const { data } = outputArea.model.get(n);
    return "application/vnd.jupyter.widget-view+json" in data;
  }).map(({ node }) => node.querySelectorAll("canvas, button, input").length > 0 && node.offsetHeight > 20)
)"""
WRONG = """() => [...document.querySelectorAll(
  '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')].map((one) => one.innerText)"""


def is_missing(module):
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not in this environment")


@pytest.mark.long
@pytest.mark.parametrize(
    ("app", "place"),
    [
        pytest.param("notebook", "notebooks/", marks=is_missing("notebook")),
        pytest.param("lab", "doc/tree/", marks=is_missing("jupyter_collaboration")),
    ],
)
def test_a_lesson_runs_to_its_end_and_draws_its_widgets(app, place, built, page, tmp_path, lesson_environment):
    shutil.copy(built / f"{LESSON}.ipynb", tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    with lab.server(home, tmp_path, app) as server:
        lesson = Lab(page, server, tmp_path)
        lesson.open(f"{LESSON}.ipynb", place)
        lesson.run_all_to_the_end()
        lesson.skip_questions()
        lesson.settle()
        drawn = page.evaluate(DRAWN)
        assert len(drawn) > 10 and all(drawn)
        assert page.evaluate(WRONG) == []
        lesson.stop_kernel()
    page.forgive("reading 'schema'")  # Notebook 7.6 says that of an empty notebook too


@pytest.mark.slow
@pytest.mark.skipif(lab.CHROMIUM is None, reason="no Chromium on this machine")
def test_a_page_of_a_lesson_is_printed_with_pictures_in_place_of_what_moves(built, tmp_path, page):
    path = export.export(built / f"{LESSON}.ipynb", tmp_path)
    page.goto(path.as_uri())
    page.forgive("asked for file:")
    page.emulate_media(media="print")
    pictures = page.locator("[data-animation] > img")
    assert pictures.count() > 5 and all(one.is_visible() for one in pictures.all())
    assert not any(one.is_visible() for one in page.locator(".cg-player").all())
    page.emulate_media(media="screen")
    assert not any(one.is_visible() for one in pictures.all())
    page.evaluate("() => { for (const fold of document.querySelectorAll('.fold')) fold.open = true; }")
    assert all(one.is_visible() for one in page.locator(".cg-player").all())
    command = [lab.CHROMIUM, "--headless", "--no-sandbox", f"--print-to-pdf={tmp_path / 'lesson.pdf'}", path.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    printed = (tmp_path / "lesson.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Subtype /Image") >= pictures.count()
