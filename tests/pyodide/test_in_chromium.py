"""The browser build in Chromium: lessons run there, a lab stays solved, and nothing is fetched from elsewhere."""

import functools
import http.server
import json
import threading
import urllib.request
from importlib.util import find_spec

import pytest
import runtime
from places import CHROMIUM
from playwright.sync_api import sync_playwright

from course_lib.publish import lite

pytestmark = [pytest.mark.course, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
CELLS = """() => {
  const code = [...jupyterapp.shell.currentWidget.content.model.cells].filter((cell) => cell.type === "code");
  return code.map((cell) => {
    const shared = cell.sharedModel;
    return { source: shared.getSource(), run: cell.executionCount !== null, outputs: shared.getOutputs() };
  });
}"""
SOLVED = """
from course_lib.exercises import check
import numpy as np
@check
def conv1d(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    return np.array([xp[i : i + len(w)] @ w for i in range(0, len(xp) - len(w) + 1, stride)])
"""
KEPT = """
from course_lib import mine, progress
print("kept:", progress.solved("conv1d"), mine.conv1d.__module__, mine.conv1d([1.0, 2, 3], [1.0, 1]))
"""


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    if find_spec("jupyterlite_pyodide_kernel") is None:
        pytest.skip("JupyterLite is not in this environment (requirements-lite.txt)")
    if runtime.missing():
        pytest.skip(runtime.missing())
    out = lite.site(tmp_path_factory.mktemp("lite") / "site", runtime.FOLDER)
    config = out / "jupyter-lite.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][f"{lite.KERNEL}:kernel"]
    kernel["loadPyodideOptions"]["env"]["COURSE_QUICK"] = "1"
    config.write_text(json.dumps(settings), encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=out))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def page(address, tmp_path_factory):
    """A page of a browser that keeps what it has, after it has waited for the bar on the first page."""
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(300_000)
        page.outside = []
        browser.on(
            "request",
            lambda one: None if one.url.startswith((address, "blob:", "data:")) else page.outside.append(one.url),
        )
        page.goto(f"{address}/index.html")
        page.wait_for_function("() => document.querySelector('[role=status]').textContent.startsWith('All is here')")
        assert page.locator(".lessons a").count() == len(lite.build.notebooks())
        yield page
        browser.close()


def opened(page, address, name):
    page.goto(f"{address}/lab/index.html?path={name}.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(IDLE)


def shown(page, source):
    """Run one more cell at the end of the notebook. Returns what it printed."""
    page.evaluate(
        """async (source) => {
          const {content, sessionContext} = jupyterapp.shell.currentWidget;
          content.model.sharedModel.addCell({cell_type: "code", source});
          content.activeCellIndex = content.widgets.length - 1;
          await jupyterapp.commands.execute("notebook:run-cell");
          await jupyterapp.commands.execute("docmanager:save");
        }""",
        source,
    )
    outputs = page.evaluate(CELLS)[-1]["outputs"]
    assert not [one for one in outputs if one["output_type"] == "error"], outputs
    return "".join("".join(one.get("text", "")) for one in outputs)


def test_texts_in_outputs_are_whole_because_no_server_joins_their_lines(address):
    with urllib.request.urlopen(f"{address}/files/01_conv1d.ipynb") as answer:
        cells = json.load(answer)["cells"]
    outputs = [one for cell in cells for one in cell.get("outputs", [])]
    texts = [text for one in outputs for kind, text in one.get("data", {}).items() if kind.startswith("text/")]
    assert len(texts) > 20 and all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize(
    "name",
    [
        "00_start_here",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("05_pooling_and_friends", "08_make_it_fast", "12_finale")
        ),
    ],
)
def test_a_lesson_runs_to_its_end(page, address, name):
    opened(page, address, name)
    page.evaluate(
        "() => { window.ended = false;"
        " jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ended = true; }) }"
    )
    page.wait_for_function("() => window.ended", timeout=900_000)
    cells = page.evaluate(CELLS)
    wrong = [(cell["source"][:80], one["evalue"]) for cell in cells for one in cell["outputs"] if "evalue" in one]
    assert not wrong
    assert all(cell["run"] for cell in cells if cell["source"].strip())
    assert page.locator(".cg-player, .dp-root, .cg-ask").count()
    assert not page.outside


@pytest.mark.long
def test_a_solved_lab_stays_solved_when_the_page_is_loaded_again(page, address):
    opened(page, address, "01_conv1d")
    shown(page, SOLVED)
    opened(page, address, "02_conv2d")
    page.reload()
    page.wait_for_function(IDLE)
    assert "kept: True mine.conv1d [3. 5.]" in shown(page, KEPT)
    assert not page.outside
