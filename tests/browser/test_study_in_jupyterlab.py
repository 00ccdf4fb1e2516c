"""What the study command opens, as a newcomer sees it first."""

import os
import re
import subprocess
import sys

import pytest
from lab import Lab

pytestmark = [pytest.mark.slow, pytest.mark.course]

QUESTIONS = "() => [...document.querySelectorAll('.Toastify__toast, .jp-Dialog')].map((one) => one.innerText)"

TRUSTED = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
  .filter(({ type }) => type === "code").every(({ trusted }) => trusted)"""


@pytest.fixture
def studied(lesson_environment, tmp_path):
    """(the address that the study command prints, the learner's folder), in a home where nothing is set up."""
    work, home, log = tmp_path / "wörk of mine", tmp_path / "home", tmp_path / "log"
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    settings = {place: str(home / place) for place in places}
    options = ["--no-browser", "--allow-root", "--port=0", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.study", "01", *options],
            env={**os.environ, **settings, "HOME": str(home), "COURSE_WORK": str(work)}, stdout=file, stderr=file,
        )  # fmt: skip
    yield _address(process, log), work
    process.terminate()
    process.wait(20)


def _address(process, log):
    for _ in range(600):
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/\S*\?token=\w+", log.read_text(encoding="utf-8")):
            return found
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(log.read_text(encoding="utf-8"))


def test_the_lesson_is_open_and_jupyterlab_asks_nothing(page, studied):
    address, work = studied
    page.goto(address[0])
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    Lab(page, address[1], work).wait_for_kernel()
    assert page.evaluate("() => jupyterapp.shell.currentWidget.context.path") == "01_conv1d.ipynb"
    assert page.evaluate(TRUSTED)
    assert page.evaluate(QUESTIONS) == []
    Lab(page, address[1], work).stop_kernel()
