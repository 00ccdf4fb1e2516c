"""What the browser tests share: one Chromium, pages with a player on them, and one JupyterLab."""

import lab
import pages
import pytest


@pytest.fixture(scope="session")
def browser():
    if lab.CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install one (on Debian: apt-get install chromium)")
    pytest.importorskip("playwright", reason="the browser tests need playwright")
    with lab.chromium() as browser:
        yield browser


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
    context.on("request", lambda request: troubles.append(f"asked for {request.url}") if _is_far(request.url) else None)
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
def jupyterlab(tmp_path_factory, lesson_environment):
    """The address and the folder of a JupyterLab that has only what it was given here."""
    root = tmp_path_factory.mktemp("notebooks")
    with lab.server(tmp_path_factory.mktemp("jupyter"), root) as address:
        yield address, root


@pytest.fixture(name="lab")
def opened_lab(page, jupyterlab):
    """A tab of that JupyterLab, whose kernel is stopped in the end."""
    opened = lab.Lab(page, *jupyterlab)
    yield opened
    opened.stop_kernel()
