"""What the browser tests share: one Chromium, pages with a player on them, and one JupyterLab."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pages
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install one (on Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that fails its test if anything on it goes wrong, or asks for anything beyond this machine.

    page.forgive(part) takes back troubles that hold this text.
    """
    context = browser.new_context(viewport={"width": 900, "height": 900})
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: troubles.append(f"asked for {request.url}") if _is_far(request.url) else None)
    page.forgive = lambda part: troubles.__setitem__(slice(None), [one for one in troubles if part not in one])
    yield page
    context.close()
    assert not troubles


def _is_far(url):
    return not url.startswith(("data:", "blob:", "about:", "http://127.0.0.1", "ws://127.0.0.1"))


# ---------------------------------------------------------------- the module alone

@pytest.fixture
def shown(page):
    """A function: stories -> the page that shows them, by the ES module and a model that is none."""

    def show(*stories, width=720, colours=pages.LIGHT, before=""):
        page.goto("about:blank")
        if before:
            page.evaluate(before)
        page.evaluate(pages.SHOW, pages.arguments(stories, width, colours))
        page.wait_for_selector(".cg-player[data-position]")
        return page

    return show


# ---------------------------------------------------------------- JupyterLab


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """The address and the folder of a JupyterLab that has only what it was given here."""
    home, root = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("notebooks")
    _setting(home, "apputils-extension/notification", fetchNews="false", checkForUpdates=False)
    _setting(home, "notebook-extension/tracker", windowingMode="none")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "JUPYTER_DATA_DIR": str(home / "data"),
        "COURSE_PROGRESS": str(home / "progress.json"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--IdentityProvider.token=",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        "--ServerApp.disable_check_xsrf=True", "--expose-app-in-browser", f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, home / "server.log")
        yield address, root
    finally:
        with contextlib.suppress(OSError):
            _stop_kernels(address)
        server.terminate()
        server.wait(20)


def _setting(home, plugin, **values):
    folder = home / "settings" / "@jupyterlab" / Path(plugin).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{Path(plugin).name}.jupyterlab-settings").write_text(json.dumps(values))


def _wait_for(address, server, log):
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=2):
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def _stop_kernels(address):
    with urllib.request.urlopen(f"{address}/api/sessions") as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(request).close()
