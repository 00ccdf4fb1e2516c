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


SIZE = {"width": 900, "height": 900}


@pytest.fixture(scope="session")
def tab(browser):
    """The one tab in which all tests work: a new one for each would cost a second and more."""
    context = browser.new_context(viewport=SIZE)
    tab = context.new_page()
    tab.troubles = []
    tab.on("pageerror", lambda error: tab.troubles.append(f"error: {error}"))
    tab.on("console", lambda message: tab.troubles.append(message.text) if message.type == "error" else None)
    tab.on("request", lambda request: tab.troubles.append(f"asked for {request.url}") if _is_far(request.url) else None)
    yield tab
    context.close()


@pytest.fixture
def page(tab):
    """An empty page that fails its test if anything on it goes wrong, or asks for anything beyond this machine.

    page.forgive(part) takes back troubles that hold this text.
    """
    tab.goto("about:blank")
    tab.set_viewport_size(SIZE)
    tab.emulate_media(reduced_motion="no-preference")
    tab.troubles.clear()
    tab.forgive = lambda part: tab.troubles.__setitem__(slice(None), [one for one in tab.troubles if part not in one])
    yield tab
    assert not tab.troubles


def _is_far(url):
    return not url.startswith(("data:", "blob:", "about:", "http://127.0.0.1", "ws://127.0.0.1"))


# ---------------------------------------------------------------- the module alone


@pytest.fixture
def shown(page):
    """A function that shows stories on the page, by the ES module and a stand-in for a model. Returns the page."""

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
