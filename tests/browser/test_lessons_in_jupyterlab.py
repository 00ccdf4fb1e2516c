"""Every lesson in a real JupyterLab, as a newcomer meets it: opened, trusted, run with nothing solved, run solved.

Pictures of each in both themes are left in tests/browser/screenshots/, for people to look at.
"""

import contextlib
import copy
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from lab import Lab

from course_lib.publish import build
from course_lib.publish.export import CODE_OR_MATH as FORMULA

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
expect = playwright.expect
pytestmark = pytest.mark.slow

SCREENSHOTS = Path(__file__).with_name("screenshots")

# Pictures that can be seen, formulas, and formulas that could not be read.
SEEN = """() => {
  const seen = (one) => one.naturalWidth > 0 && one.getBoundingClientRect().height > 20;
  return {
    pictures: [...document.querySelectorAll(".jp-RenderedImage img")].filter(seen).length,
    formulas: document.querySelectorAll(".jp-MarkdownCell mjx-container").length,
    misread: [...document.querySelectorAll("mjx-merror, [data-mml-node=merror]")].map((one) => one.textContent),
  };
}"""

TROUBLE = """() => {
  const shown = (selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText.slice(0, 300));
  const areas = shown(".jp-OutputArea").filter((text) => /error displaying widget|model not found/i.test(text));
  return [
    ...shown('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'),  // errors as well
    ...areas,
  ];
}"""

# Of each output that is a widget: what it is in words, whether it has a picture, how high it is, what is drawn in it.
WIDGETS = """() => jupyterapp.shell.currentWidget.content.widgets.filter(({ outputArea }) => outputArea).flatMap(
  ({ outputArea }) => outputArea.widgets.flatMap(({ node }, n) => {
    const { data } = outputArea.model.get(n);
    if (!("application/vnd.jupyter.widget-view+json" in data)) return [];
    const drawn = node.querySelectorAll("canvas, svg, button, input, select, img").length;
    const height = node.getBoundingClientRect().height;
    const asks = node.querySelector(".cg-ask, .cg-deeds, .widget-toggle-buttons") !== null;  // GitHub: beside
    return [{ words: `${data["text/plain"]}`, picture: "image/png" in data || asks, height, drawn }];
  })
)"""
PROGRESS_BAR = re.compile(r"\d+%\|")  # in words; when it is full, it goes away

# cell id -> the text of its outputs
OUTPUTS = """() => Object.fromEntries(jupyterapp.shell.currentWidget.content.widgets
  .filter(({ outputArea }) => outputArea).map(({ model, outputArea }) => [model.id, outputArea.node.innerText]))"""

# cell id -> its outputs, as a saved notebook holds them
HELD = """() => Object.fromEntries(jupyterapp.shell.currentWidget.content.widgets
  .filter(({ outputArea }) => outputArea).map(({ model, outputArea }) => [model.id, outputArea.model.toJSON()]))"""


class Lesson:
    """A built notebook, and what it promises."""

    def __init__(self, path):
        self.path = path
        self.cells = nbformat.read(path, as_version=4).cells
        outputs = [output.get("data", {}) for cell in self.cells for output in cell.get("outputs", [])]
        self.pictures = sum("image/png" in data for data in outputs)
        self.animations = sum("Animation" in data.get("text/plain", "") for data in outputs)
        texts = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        self.formulas = sum(code is None for code, *_ in map(re.Match.groups, FORMULA.finditer(texts)))
        self.solutions = {cell.id: build.solved(cell) for cell in self.parts("stub")}
        self.checks = [cell.id for cell in self.cells if cell.cell_type == "code" and build.checks_in(cell)]

    def parts(self, name):
        return [cell for cell in self.cells if cell.metadata.get("course", {}).get("part") == name]


@pytest.fixture
def opened(page, jupyterlab):
    """A function that opens a copy of the notebook at a path. Its kernel is stopped in the end."""
    lab = Lab(page, *jupyterlab)

    def open_(path):
        shutil.copy(path, lab.root)
        lab.open(path.name)
        return lab

    yield open_
    lab.stop_kernel()


@pytest.fixture
def requests(page):
    """What the page has asked of the kernel to run, so far."""
    sent = []

    def note(frame):
        data = frame if isinstance(frame, bytes) else frame.encode()
        if b'"execute_request"' in data:
            sent.append(data)

    def listen(socket):
        socket.on("framesent", note)

    page.on("websocket", listen)
    yield sent
    page.remove_listener("websocket", listen)


@pytest.mark.course
@pytest.mark.parametrize("lesson", build.lessons())
def test_a_lesson_is_whole_before_it_runs_and_runs_to_its_end_unsolved_and_solved(
    lesson, built, page, opened, requests
):
    promised = Lesson(built / f"{lesson}.ipynb")
    lab = opened(promised.path)
    as_promised = {"pictures": promised.pictures, "formulas": promised.formulas, "misread": []}

    assert not page.evaluate("() => jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted")
    shown(page, as_promised)
    lab.trust()
    shown(page, as_promised)
    assert not requests  # nothing has run so far

    lab.run_all_to_the_end()
    assert requests
    lab.skip_questions()  # what would answer them is folded
    drawn(page, promised)
    assert forms(as_saved(page, promised)) == forms(promised.cells)
    lab.shoot(SCREENSHOTS / f"{lesson}-light")
    assert page.evaluate(TROUBLE) == []
    for cell_id, text in checks(page, promised).items():
        assert "Not attempted" in text, cell_id

    lab.fill(promised.solutions)
    lab.run_all_to_the_end()
    drawn(page, promised)
    lab.theme("JupyterLab Dark")
    try:
        lab.shoot(SCREENSHOTS / f"{lesson}-solved-dark")
    finally:
        lab.theme("JupyterLab Light")
    assert page.evaluate(TROUBLE) == []
    for cell_id, text in checks(page, promised).items():
        assert text.startswith("✓ Right"), (cell_id, text[:500])


def shown(page, expected):
    """Wait until the notebook shows this, and fail with what it shows where it does not."""
    with contextlib.suppress(playwright.TimeoutError):
        page.wait_for_function(
            f"(expected) => JSON.stringify(({SEEN})()) === expected", arg=json.dumps(expected, separators=(",", ":"))
        )
    assert page.evaluate(SEEN) == expected


def drawn(page, promised):
    """Wait until every animation is drawn, and see that every other widget is."""
    page.wait_for_function(
        "count => document.querySelectorAll('.cg-player[data-position]').length >= count",
        arg=promised.animations, timeout=30_000,
    )  # fmt: skip
    widgets = [widget for widget in page.evaluate(WIDGETS) if not PROGRESS_BAR.search(widget["words"])]
    assert len(widgets) >= promised.animations
    assert [widget for widget in widgets if widget["height"] < 20 or not widget["drawn"]] == []
    nothing_for_github = [widget["words"] for widget in widgets if not widget["picture"]]
    assert [words for words in nothing_for_github if not words.endswith("plays your code")] == []  # a button has words


def as_saved(page, promised):
    """The cells with what they put out now, tidied as a build tidies them."""
    held = page.evaluate(HELD)
    notebook = nbformat.v4.new_notebook(cells=copy.deepcopy(promised.cells))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(output) for output in held[cell.id]]
    build.tidy(notebook)
    return notebook.cells


def forms(cells):
    """Which forms each output has, text, picture ..., of every code cell that may not differ from run to run."""
    return {
        cell.id: [sorted(output.get("data", [])) for output in cell.outputs]
        for cell in cells
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", [])
    }


def checks(page, promised):
    """The text that the check of each lab shows, by the id of its cell."""
    texts = page.evaluate(OUTPUTS)
    return {cell_id: texts[cell_id].strip() for cell_id in promised.checks}


# ---------------------------------------------------------------- with the keyboard alone

ANSWER = "conv1d = lambda x, w, stride=1, padding=0: np.correlate(np.pad(x, padding), w)[::stride]"
FOCUS = "() => `${document.activeElement.tagName} ${document.activeElement.textContent.trim().slice(0, 40)}`"
ACTIVE_CELL = "() => jupyterapp.shell.currentWidget.content.activeCell.model.id"


@pytest.mark.course
def test_a_lab_is_found_solved_and_its_hints_are_read_with_the_keyboard_alone(built, page, jupyterlab):
    promised = Lesson(built / "01_conv1d.ipynb")
    shutil.copy(promised.path, jupyterlab[1])
    lab = Lab(page, *jupyterlab)
    page.goto(f"{lab.address}/lab?reset")
    page.wait_for_selector(".jp-Launcher")
    page.evaluate("() => window.jupyterapp.restored")  # from then on it listens to keys
    keys = page.keyboard

    keys.press("Control+Shift+C")  # the list of commands
    page.wait_for_selector(".lm-CommandPalette-input:focus")
    keys.type("open from path")
    page.wait_for_selector(".lm-CommandPalette-item.lm-mod-active:has-text('Open from Path')")
    keys.press("Enter")
    page.wait_for_selector(".jp-Dialog input:focus")
    keys.type(promised.path.name)
    keys.press("Enter")
    page.wait_for_selector(".jp-Notebook .jp-Cell.jp-mod-active:focus", timeout=60_000)
    lab.wait_for_kernel()

    stub, check = promised.parts("stub")[0].id, promised.parts("check")[0].id
    go_to(page, promised.cells[1].id)
    keys.press("Shift+Enter")  # the imports
    go_to(page, stub)
    keys.press("Enter")
    page.wait_for_selector(".cm-content:focus")
    keys.press("Control+A")
    keys.type(ANSWER)
    keys.press("Shift+Enter")
    assert page.evaluate(ACTIVE_CELL) == check
    keys.press("Shift+Enter")
    page.wait_for_function(f"() => ({OUTPUTS})()['{check}'].includes('Right')", timeout=30_000)
    assert checks(page, promised)[check].startswith("✓ Right")

    folded = page.locator(".jp-Cell.jp-mod-active details")
    for _ in range(5):
        keys.press("Tab")
        if page.evaluate(FOCUS) == "SUMMARY Hints (3) and solution":
            break
    assert page.evaluate(FOCUS) == "SUMMARY Hints (3) and solution"
    assert folded.count() == 5  # one around three hints and the solution
    for number in range(5):
        if number:
            keys.press("Tab")
        expect(folded.nth(number)).not_to_have_attribute("open", "")
        keys.press("Enter")
        expect(folded.nth(number)).to_have_attribute("open", "")
    lab.stop_kernel()


def go_to(page, cell_id):
    for _ in range(100):
        if page.evaluate(ACTIVE_CELL) == cell_id:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"arrow down does not lead to cell {cell_id}")
