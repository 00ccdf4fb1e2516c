"""Chromium, and a JupyterLab of its own for tests and measurements."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from places import CHROMIUM

SCROLLED = ".jp-WindowedPanel-outer"  # what scrolls in a notebook
STARTING = 60  # seconds a JupyterLab may take to answer
# Every cell has kept its height for some frames, so whatever was about to be drawn has been drawn
_STEADY = """() => {
  const heights = [...document.querySelectorAll(".jp-Notebook .jp-Cell")].map((cell) => cell.offsetHeight).join();
  const { heights: before, frames } = window.steady;
  window.steady = { heights, frames: heights === before ? frames + 1 : 0 };
  return window.steady.frames >= 10;
}"""
# Every output of every cell has its place on the page
_RENDERED = """() => jupyterapp.shell.currentWidget.content.widgets
  .every(({ outputArea }) => !outputArea || outputArea.widgets.length === outputArea.model.length)"""
# The theme is there, and neither a splash screen nor a hidden page is left of the change
_THEMED = """(theme) => document.body.dataset.jpThemeName === theme && !document.querySelector("#jupyterlab-splash") &&
  document.querySelector(".jp-Notebook").offsetHeight > 0"""
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextlib.contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def server(home, root, app="lab"):
    """Yields the address of a JupyterLab (or of another app) that keeps all in `home` and shows the folder `root`."""
    _setting(home, "apputils-extension", "notification", fetchNews="false", checkForUpdates=False)
    _setting(home, "notebook-extension", "tracker", windowingMode="none")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "JUPYTER_DATA_DIR": str(home / "data"),
        "COURSE_PROGRESS": str(home / "progress.json"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root", "--IdentityProvider.token=",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        "--ServerApp.disable_check_xsrf=True", "--expose-app-in-browser", f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    with (home / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process, home / "server.log")
        yield address
    finally:
        with contextlib.suppress(OSError):
            _stop_kernels(address)
        process.terminate()
        process.wait(20)


def _setting(home, plugin, name, **values):
    folder = home / "settings" / "@jupyterlab" / plugin
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values), encoding="utf-8")


def _wait_for(address, process, log):
    given_up = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < given_up:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=2):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):  # asked again soon, and at once if it ends
            process.wait(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _stop_kernels(address):
    with urllib.request.urlopen(f"{address}/api/sessions") as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(request).close()


class Lab:
    """One notebook open in one tab."""

    def __init__(self, page, address, root):
        self.page, self.address, self.root = page, address, Path(root)

    def write(self, name, *cells):
        notebook = new_notebook(cells=[new_code_cell(source.strip()) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.root / name)
        return name

    def open(self, name, place="doc/tree/"):
        self.page.goto(f"{self.address}/{place}{name}?reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60000)
        self.wait_for_kernel()

    def wait_for_kernel(self):
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=90000,
        )

    def settle(self):
        """Wait until all outputs are on the page and every cell keeps its height."""
        self.page.wait_for_function(_RENDERED)
        self.page.evaluate("() => { window.steady = { heights: null, frames: 0 } }")
        self.page.wait_for_function(_STEADY)

    def do(self, command):
        self.page.evaluate("command => window.jupyterapp.commands.execute(command)", command)

    def cells(self):
        """Of every cell, what it is and what it says."""
        return self.page.evaluate(
            "() => [...jupyterapp.shell.currentWidget.content.model.cells].map(({ type, sharedModel }) => "
            "[type, sharedModel.getSource()])"
        )

    def run_all(self):
        """Without waiting for the cells to finish."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def run_all_to_the_end(self, seconds=300):
        self.page.evaluate("""() => {
          window.ended = false;
          window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.ended = true; });
        }""")
        self.page.wait_for_function("() => window.ended", timeout=1000 * seconds)

    def skip_questions(self):
        """Skip every question that is open, one after the other."""
        while (open_ := self.page.locator('.cg-ask[data-status="neutral"]')).count():
            question = open_.first.get_attribute("aria-label")
            open_.first.get_by_role("button", name="Skip").click()
            self.page.wait_for_selector(f".cg-ask[aria-label='{question}'][data-status=skipped]")

    def trust(self):
        """Trust the notebook, as a learner who says yes to JupyterLab's question does."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:trust') }")
        self.page.locator(".jp-Dialog").get_by_role("button", name="Trust").click()
        self.page.wait_for_function(
            "() => [...jupyterapp.shell.currentWidget.content.model.cells].every((cell) => cell.trusted)"
        )

    def fill(self, sources):
        """Put other text into some code cells: {cell id: source}."""
        self.page.evaluate(
            """(sources) => {
              for (const { model } of jupyterapp.shell.currentWidget.content.widgets)
                if (model.id in sources) model.sharedModel.setSource(sources[model.id]);
            }""",
            sources,
        )

    def shoot(self, path, width=1100, height=5000):
        """The whole notebook from top to bottom, as path-0.png, path-1.png ..."""
        path.parent.mkdir(parents=True, exist_ok=True)
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": height})
        self.settle()  # players and figures take their new width
        end, view = self.page.evaluate(f"""() => {{
          const box = document.querySelector("{SCROLLED}");
          box.scrollTop = 0;
          const last = [...box.querySelectorAll(".jp-Cell")].at(-1).getBoundingClientRect();
          return [last.bottom - box.getBoundingClientRect().top, box.clientHeight];
        }}""")
        for number, top in enumerate(range(0, round(end), view)):
            self.page.evaluate(f"top => {{ document.querySelector('{SCROLLED}').scrollTop = top }}", top)
            self.settle()
            self.page.screenshot(path=path.with_name(f"{path.name}-{number}.png"))
        self.page.set_viewport_size(before)

    def save_and_leave(self):
        """As on another day: saved, the kernel gone, the tab closed."""
        self.do("docmanager:save")
        self.stop_kernel()
        self.page.goto("about:blank")

    def stop_kernel(self):
        self.page.evaluate("() => window.jupyterapp?.shell.currentWidget?.sessionContext.shutdown()")

    def theme(self, name):
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        self.page.wait_for_function(_THEMED, arg=name)  # a second change must not begin before
        self.settle()
