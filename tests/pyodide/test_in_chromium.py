"""The browser build in Chromium: lessons run there, a lab stays solved, and nothing is fetched from elsewhere."""

import functools
import http.server
import json
import re
import threading
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import PurePosixPath

import pytest
import runtime
from places import CHROMIUM, mnist_folder
from playwright.sync_api import sync_playwright

from course_lib import data
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
CLEAR = "() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"  # the stored ones: none counts as run
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
assert not get_ipython().Completer.use_jedi, "jedi is not there"
print("kept:", progress.solved("conv1d"), mine.conv1d.__module__, mine.conv1d([1.0, 2, 3], [1.0, 1]))
"""


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(out):
    """The address of a site, in a folder of a server as on GitHub Pages; its lessons train on a part of the digits."""
    config = out / "jupyter-lite.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][f"{lite.KERNEL}:kernel"]
    kernel["loadPyodideOptions"]["env"]["COURSE_QUICK"] = "1"
    config.write_text(json.dumps(settings), encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=out.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{out.name}"
    finally:
        server.shutdown()


@contextmanager
def first_page(playwright, address, profile, *, public=""):
    """The first page in a browser that keeps what it has, after the bar on it is full.

    public: where the site finds Pyodide on the network; its own files, from this machine, are served in their place.
    """
    browser = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
    page = browser.new_page()
    page.set_default_timeout(300_000)
    page.outside, page.errors, own = [], [], (address.rpartition("/")[0], "blob:", "data:")
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    browser.on("request", lambda one: None if one.url.startswith(own) else page.outside.append(one.url))
    if public:
        allowed = {"Access-Control-Allow-Origin": "*"}
        browser.route(
            f"{public}*",
            lambda one: one.fulfill(path=runtime.FOLDER / PurePosixPath(one.request.url).name, headers=allowed),
        )
    try:
        page.goto(f"{address}/index.html")
        page.wait_for_function("() => document.querySelector('[role=status]').textContent.startsWith('All is here')")
        assert page.locator(".lessons a").count() == len(lite.build.notebooks())
        yield page
    finally:
        browser.close()


@pytest.fixture(scope="module", autouse=True)
def needed():
    if find_spec("jupyterlite_pyodide_kernel") is None:
        pytest.skip("JupyterLite is not in this environment (requirements-lite.txt)")
    if runtime.missing():
        pytest.skip(runtime.missing())


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(lite.site(tmp_path_factory.mktemp("lite") / "site", runtime.FOLDER)) as address:
        yield address


@pytest.fixture(scope="module")
def page(playwright, address, tmp_path_factory):
    with first_page(playwright, address, tmp_path_factory.mktemp("profile")) as page:
        yield page


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
    page.evaluate(CLEAR)
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
    said = [one["text"] for cell in cells for one in cell["outputs"] if one.get("name") == "stderr"]
    assert not page.errors and not page.outside and not said


@pytest.mark.long
def test_a_solved_lab_stays_solved_when_the_page_is_loaded_again(page, address):
    opened(page, address, "01_conv1d")
    shown(page, SOLVED)
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(IDLE)
    assert page.evaluate("() => jupyterapp.shell.currentWidget.context.path") == "01_conv1d.ipynb"
    assert "kept: True mine.conv1d [3. 5.]" in shown(page, KEPT)
    assert not page.outside


@pytest.fixture(scope="module")
def from_network(tmp_path_factory):
    """A site whose Python comes from the public network, without MNIST.

    What is compiled for it when it is built is read from this machine.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATA_DIR", raising=False)
        patch.setattr(
            "urllib.request.urlopen", lambda address, timeout: (runtime.FOLDER / PurePosixPath(address).name).open("rb")
        )
        return lite.site(tmp_path_factory.mktemp("network") / "site")


def fetched():
    """The names of what a site without Pyodide finds on the public network: its standard library may be compiled."""
    return runtime.SUMS.keys() - ({lite.STDLIB} if lite.python_of_pyodide() else set())


def test_a_site_without_pyodide_names_each_of_its_files_on_the_public_network_and_nothing_else_there(from_network):
    version = lite.PYODIDE["info"]["version"]
    assert lite.PUBLIC.format(version=version) == f"https://cdn.jsdelivr.net/pyodide/v{version}/full/"
    wanted = {f"https://cdn.jsdelivr.net/pyodide/v{version}/full/{name}" for name in fetched()}
    page = (from_network / "index.html").read_text(encoding="utf-8")
    assert {text for text in re.findall(r"https?://[^\"'<>\s]+", page) if text.endswith(tuple(runtime.SUMS))} == wanted
    lock = json.loads((from_network / lite.PLACE / "lock.json").read_text(encoding="utf-8"))
    ours = {path.name for path in (from_network / lite.PLACE).iterdir()} - {
        "lock.json",
        lite.START,
        lite.COMPILED_STDLIB,
    }
    for one in lock["packages"].values():
        address = one["file_name"]
        assert address in ours or (address in wanted and one["sha256"] == runtime.SUMS[PurePosixPath(address).name])


@pytest.mark.long
def test_a_site_without_pyodide_fetches_it_from_the_public_network_and_nothing_else(playwright, from_network, tmp_path):
    """As far as this can be tested without that network."""
    public = lite.PUBLIC.format(version=lite.PYODIDE["info"]["version"])
    with served(from_network) as address, first_page(playwright, address, tmp_path, public=public) as page:
        opened(page, address, "01_conv1d")
        assert "kept: False" in shown(page, KEPT)
        assert {one.removeprefix(public) for one in page.outside} == fetched() and not page.errors


def upload(page, files):
    """Put files into the folder for MNIST, as a reader does."""
    page.evaluate("async () => { await jupyterapp.commands.execute('filebrowser:go-to-path', {path: 'mnist'}); }")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Upload Files").click()
    chosen.value.set_files(files)
    for file in files:
        page.wait_for_function(
            """async ([name, size]) => {
              const folder = await jupyterapp.serviceManager.contents.get("mnist", { content: true });
              return folder.content.some((one) => one.name === name && one.size === size);
            }""",
            arg=[file.name, file.stat().st_size],
        )


@pytest.mark.long
def test_lesson_12_trains_on_mnist_after_a_reader_has_uploaded_it(playwright, from_network, tmp_path):
    if mnist_folder() is None:
        pytest.skip("no MNIST on this machine")
    public = lite.PUBLIC.format(version=lite.PYODIDE["info"]["version"])
    with served(from_network) as address, first_page(playwright, address, tmp_path, public=public) as page:
        opened(page, address, "12_finale")
        upload(page, [mnist_folder() / name for name in data.FILES])
        page.evaluate(CLEAR)
        page.evaluate(
            """() => {
              const {content} = jupyterapp.shell.currentWidget;
              const sources = content.widgets.map((cell) => cell.model.sharedModel.getSource());
              content.activeCellIndex = sources.findIndex((source) => source.includes("by_heart[")) + 1;
              window.ended = false;
              jupyterapp.commands.execute("notebook:run-all-above").then(() => { window.ended = true; });
            }"""
        )
        page.wait_for_function("() => window.ended", timeout=900_000)
        said = [one["text"] for cell in page.evaluate(CELLS) if cell["run"] for one in cell["outputs"] if "text" in one]
        said = "".join("".join(text) for text in said)
        assert "MNIST: 60,000 handwritten digits" in said, said
        assert "100% of the twenty right" in said, said
        assert not page.errors
