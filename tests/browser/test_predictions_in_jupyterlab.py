"""Questions in JupyterLab: answered by mouse and keyboard, kept over a restart, and what follows folded until then."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from course_lib import study
from course_lib._support import folding
from course_lib.exercises import predictions, registry
from course_lib.publish import build
from course_lib.widgets.prediction import FOLDED, Question

pytestmark = pytest.mark.slow

# Of every code cell, by its number: how high its outputs and its source are on the page.
HEIGHTS = """() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].map((cell) => {
  const high = (selector) => cell.querySelector(selector)?.getBoundingClientRect().height ?? 0;
  return [high(".jp-OutputArea"), high(".jp-InputArea-editor")];
})"""
FILLED = """() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].map(
  (cell) => cell.querySelector(".jp-OutputArea-child") !== null
)"""
COUNTED = """([selector, count]) => document.querySelectorAll(`.jp-Notebook ${selector}`).length === count"""
RUN_CELL = """(number) => {
  jupyterapp.shell.currentWidget.content.activeCellIndex = number;
  return jupyterapp.commands.execute("notebook:run-cell").then(() => {});
}"""
PATIENCE = 120_000  # milliseconds, for a lesson with many widgets on a busy machine
OPEN = ".cg-ask:not([data-status=neutral])"
ANSWERS = 'print("this answers the question")'


def question(name):
    """The cells of a question: it is asked, as many cells as it says answer it, and one more."""
    return [f'predict("{name}")', *[ANSWERS] * predictions.get(name).reveals, 'print("something else")']


DIGITS, PICTURE = question("01/forward"), question("02/which_picture")


@pytest.fixture
def kept(tmp_path):
    """The file in which the kernel of a test notes its answers."""
    return tmp_path / "progress.json"


@pytest.fixture
def asked(lab, kept):
    """A function that opens a notebook with some cells, and runs them all."""

    def ask(*cells, name="asked.ipynb"):
        lab.open(lab.write(name, begin(kept), *cells))
        lab.run_all_to_the_end()
        lab.page.wait_for_selector(".cg-ask")
        lab.settle()
        return lab

    return ask


def begin(kept):
    return f'import os\nos.environ["COURSE_PROGRESS"] = {str(kept)!r}\nfrom course_lib.exercises import predict'


def noted(kept):
    return json.loads(kept.read_text(encoding="utf-8"))


def opened(lab):
    """The questions whose answers can be seen. Whatever answers nothing is seen always."""
    lab.settle()
    found = {}
    for (_, source), (height, _) in zip(lab.cells(), lab.page.evaluate(HEIGHTS), strict=True):
        if asking := re.match(r'predict\("(.+)"\)', source):
            name = asking[1]
        if source == ANSWERS:
            found.setdefault(name, set()).add(height > 0)
        else:
            assert height > 0 or source.startswith("import os"), source
    assert all(len(states) == 1 for states in found.values())
    return {name for name, states in found.items() if states == {True}}


def test_a_letter_answers_and_opens_what_follows_its_own_question_alone(asked, kept):
    lab = asked(*DIGITS, *PICTURE)
    page = lab.page
    assert opened(lab) == set()
    assert not kept.exists()  # Run All answers nothing
    page.locator(".cg-choices button").first.focus()
    page.keyboard.press("a")
    page.wait_for_selector('.cg-ask[data-status="wrong"]')
    assert opened(lab) == {"02/which_picture"}
    says = page.locator(".cg-ask").nth(1).inner_text()
    assert predictions.get("02/which_picture").choices["a"][1].replace("`", "") in says
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cg-choices [data-letter=b][aria-pressed=true]")
    assert noted(kept)["02/which_picture"]["first"] == "a" and noted(kept).keys() == {"02/which_picture"}


@pytest.mark.course
def test_numbers_are_typed_into_cells_and_those_that_are_right_are_marked(asked, kept):
    lab = asked(*DIGITS)
    cells = lab.page.locator(".cg-cells input")
    assert cells.count() == 3
    cells.first.focus()
    for text in ("5", "9", "11"):  # Enter goes on to the next cell, and answers from the last
        lab.page.keyboard.type(text)
        lab.page.keyboard.press("Enter")
    lab.page.wait_for_selector('.cg-ask[data-status="wrong"]')
    marks = lab.page.locator(".cg-cells .cg-verdict").all_inner_texts()
    assert marks == ["✓", "✗", "✗"] and "Partly right: 1 of 3, at index 0" in lab.page.locator(".cg-reply").inner_text()
    assert opened(lab) == {"01/forward"}
    for number, text in ((1, "11"), (2, "18")):
        cells.nth(number).fill(text)
    lab.page.get_by_role("button", name="Answer").click()
    lab.page.wait_for_selector('.cg-ask[data-status="right"]')
    assert "Your first answer was [5, 9, 11]." in lab.page.locator(".cg-ask").inner_text()
    assert noted(kept)["01/forward"]["first"] == [5, 9, 11] and noted(kept)["01/forward"]["last"] == [5, 11, 18]


@pytest.mark.course
def test_a_skip_opens_and_is_noted(asked, kept):
    lab = asked(*DIGITS)
    lab.page.get_by_role("button", name="Skip").click()
    lab.page.wait_for_selector('.cg-ask[data-status="skipped"]')
    assert opened(lab) == {"01/forward"}
    assert noted(kept)["01/forward"]["first"] is None


@pytest.mark.course
def test_the_answer_is_there_after_a_restart_and_the_fold_after_save_and_reload(asked, kept, page):
    lab = asked(*DIGITS, *PICTURE)
    page.locator(".cg-choices button").nth(1).click()
    page.wait_for_selector(OPEN)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    lab.wait_for_kernel()
    assert opened(lab) == {"02/which_picture"}
    lab.run_all_to_the_end()
    page.wait_for_selector('.cg-ask[data-status="right"]')
    assert page.locator(".cg-choices [data-letter=b]").get_attribute("aria-pressed") == "true"
    assert opened(lab) == {"02/which_picture"}
    lab.save_and_leave()
    lab.open("asked.ipynb")
    page.wait_for_selector("text=Show what follows without an answer", timeout=20_000)  # no kernel, no widget
    assert opened(lab) == {"02/which_picture"} and page.evaluate(SHEETS) == [False]
    page.forgive("widget model not found")
    page.get_by_text("Show what follows without an answer").first.click()
    assert opened(lab) == {"01/forward", "02/which_picture"}  # one click, without a kernel


@pytest.mark.course
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_a_question_fits_into_720_pixels_in_both_themes(asked, theme, page):
    page.set_viewport_size({"width": 720, "height": 900})
    lab = asked(*DIGITS, *PICTURE, 'predict("05/indices")')
    lab.theme(theme)
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.cg-ask')].map((one) => [one.scrollWidth, one.clientWidth])"
    )
    assert len(wide) == 3 and all(needed <= there for needed, there in wide)
    lab.theme("JupyterLab Light")


SAYING = """(says) => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].map((cell) =>
  [...cell.querySelectorAll("*")].filter((node) => getComputedStyle(node, "::after").content.includes(says)).length
)"""


@pytest.mark.course
def test_a_folded_cell_says_so_once_with_its_source_or_without(asked):
    silent = "y = 1"  # puts nothing out: only its source can say that it is folded
    lab = asked('predict("02/which_picture")', ANSWERS, 'predict("09/gradient_std")', ANSWERS,
                'predict("11/clinic_01")', silent)  # fmt: skip
    assert predictions.get("02/which_picture").reveals_code is False
    assert all(predictions.get(name).reveals_code for name in ("09/gradient_std", "11/clinic_01"))
    assert lab.page.evaluate(SAYING, FOLDED) == [0, 0, 1, 0, 1, 0, 1]


SHEETS = "() => [...document.querySelectorAll('style[class$=-fold]')].map((sheet) => sheet.disabled)"
BEHIND_TEXT = """() => [...document.querySelectorAll(".jp-MarkdownCell")].map(
  (cell) => getComputedStyle(cell, "::after").content
)"""


def test_text_that_tells_the_answer_is_folded_up_to_the_next_subject(lab, kept, page):
    first, second, third, fourth = "02/which_picture", "01/forward", "05/indices", "09/depth"
    assert [bool(predictions.get(name).reveals) for name in (first, second, third, fourth)] == [True] * 3 + [False]
    notebook = nbformat.read(lab.root / lab.write("text.ipynb", begin(kept)), as_version=4)
    asks, *answers, other = map(new_code_cell, question(first))
    more, again, last = (new_code_cell(other.source) for _ in range(3))
    notebook.cells += [
        new_markdown_cell("What it was made for."), asks,
        new_markdown_cell("How it comes about."), *answers, new_markdown_cell("What it was."), other,
        new_markdown_cell("What is far away."), more, new_code_cell(f'predict("{second}")'),
        new_markdown_cell("Why.\n\n### A subject\n\nWhat comes next.\n\n### And one more"),
        new_markdown_cell("What belongs to it."), again, new_code_cell(f'predict("{third}")'),
        new_markdown_cell("Before you go on."), new_code_cell(f'predict("{fourth}")'),
        new_markdown_cell("At last."), last,
    ]  # fmt: skip
    nbformat.write(notebook, lab.root / "text.ipynb")
    lab.open("text.ipynb")
    lab.run_all_to_the_end()
    page.wait_for_selector(".cg-choices button")
    lab.settle()
    texts = page.locator(".jp-MarkdownOutput > *").all()
    told = ["How it comes about.", "What it was.", "Why.", "At last."]
    assert [text.inner_text() for text in texts if not text.is_visible()] == told
    assert page.evaluate(SHEETS) == [True] * 3  # each makes every change of the page slower
    assert [FOLDED in text for text in page.evaluate(BEHIND_TEXT)] == [n in (1, 7) for n in range(8)]
    for name, opens in ((fourth, 1), (third, 0), (first, 2), (second, 1)):
        page.locator(f".cg-ask[aria-label$=', {name}']").get_by_role("button", name="Skip").click()
        page.wait_for_selector(f".cg-ask[aria-label$=', {name}'][data-status=skipped]")
        lab.settle()
        left = [text.inner_text() for text in texts if not text.is_visible()]
        assert len(told) - len(left) == opens
        told = left
    assert not told
    assert not any(FOLDED in text for text in page.evaluate(BEHIND_TEXT))


@pytest.mark.course
def test_cells_that_come_into_the_page_later_are_folded_too(asked, page):
    """JupyterLab puts some in only when one scrolls to them; a learner can put one in as well."""
    lab = asked(*PICTURE)
    folded = "() => [...document.querySelectorAll('.jp-CodeCell')].map((cell) => cell.matches('.cg-folded'))"
    count = predictions.get("02/which_picture").reveals
    assert page.evaluate(folded) == [False, False, *[True] * count, False]
    page.evaluate("""() => {
      jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
      return jupyterapp.commands.execute("notebook:insert-cell-below").then(() => {});
    }""")
    lab.settle()
    assert page.evaluate(folded) == [False, False, *[True] * count, False, False]


@pytest.mark.course
def test_an_untrusted_question_is_answered_by_opening_it_and_offers_nothing_else(lab, page):
    question = predictions.get("02/which_picture")
    name = lab.write("untrusted.ipynb", f'predict("{question.name}")')
    notebook = nbformat.read(lab.root / name, as_version=4)
    still = predictions.Asked(question)._repr_html_()
    notebook.cells[0].outputs = [new_output("display_data", {"text/html": still})]
    nbformat.write(notebook, lab.root / name)
    lab.open(name)
    lab.settle()
    told = page.get_by_text(question.why.split("`")[0]).first
    assert "Decide, then open your answer." in page.inner_text(".cg-asks") and not told.is_visible()
    page.locator(f"summary:has(b:text-is('{question.answer}'))").click()
    assert told.is_visible() and not page.get_by_text("Show what follows without an answer").is_visible()


# ---------------------------------------------------------------- the lessons in work/


class Copy:
    """A learner's copy of a lesson, open in JupyterLab: what of it gives something away."""

    def __init__(self, lab, path):
        self.lab, self.path = lab, path
        self.questions = {}  # number among the code cells -> the questions that its output answers
        self.of_code = set()  # those numbers whose source answers them, too
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        self.asks = {}  # question -> the number of the cell that asks it
        self.count = len(cells)
        for number, cell in enumerate(cells):
            course = cell.metadata.get("course", {})
            if "predict" in course:
                self.asks[course["predict"]] = number
            if "reveals" in course:
                self.questions[number] = set(course["reveals"])
                if "reveals_code" in course:
                    self.of_code.add(number)

    def seen(self):
        """The numbers of cells that show what gives something away."""
        self.lab.page.wait_for_function(COUNTED, arg=[".jp-CodeCell", self.count], timeout=PATIENCE)
        self.lab.settle()
        told = self.lab.page.locator(".jp-OutputPlaceholder").all_inner_texts()
        assert {text.strip() for text in told} <= {folding.SAYS, ""}  # and not how a folded output begins
        heights = self.lab.page.evaluate(HEIGHTS)
        return {n for n in self.questions if heights[n][0] > 0 or (n in self.of_code and heights[n][1] > 0)}

    def ask_again(self, name):
        """Run the first cell, which says where answers are noted, and the cell of a question."""
        code = [number for number, (kind, _) in enumerate(self.lab.cells()) if kind == "code"]
        for number in (0, self.asks[name]):
            self.lab.page.evaluate(RUN_CELL, code[number])
        self.lab.settle()

    def expected(self, answered):
        """The numbers of cells that may be seen when these questions were answered or skipped."""
        filled = self.lab.page.evaluate(FILLED)
        return {n for n, names in self.questions.items() if names <= answered and (filled[n] or n in self.of_code)}


@pytest.fixture(scope="session")
def copies(built, tmp_path_factory):
    """The folder that the study command makes of the built lessons."""
    folder = tmp_path_factory.mktemp("copies")
    study.prepare(built, folder)
    return folder


@pytest.mark.course
def test_what_is_folded_in_a_copy_opens_by_hand_before_anything_was_run(lab, page):
    """A case of the clinic puts out its symptom beside the question, and folds code."""
    patient, question = registry.get("clinic_01"), predictions.get("11/clinic_01")
    *_, asks, code = build.lab_cells(patient.name)
    still = Question(predictions.form(question), {"opens": False}, None, predictions.Asked(question)._repr_html_(), str)
    asks.outputs = [new_output("display_data", {"text/html": html}) for html in ("symptom", still._beside_html())]
    code.metadata["course"] |= {"reveals": [question.name], "reveals_code": [question.name]}
    code.outputs = [new_output("stream", text="the symptom again")]
    folding.fold([asks, code], lambda name: False)
    name = lab.write("by-hand.ipynb")
    notebook = nbformat.read(lab.root / name, as_version=4)
    notebook.cells = nbformat.from_dict([asks, code])
    nbformat.write(notebook, lab.root / name)
    lab.open(name)
    lab.trust()
    lab.settle()
    assert page.evaluate(HEIGHTS)[1] == [0, 0]
    page.locator(".jp-InputPlaceholder").last.click()
    page.locator(".jp-OutputPlaceholder").click()
    lab.settle()
    assert min(page.evaluate(HEIGHTS)[1]) > 10


SOME = ("01_conv1d",)  # what .ci/run opens


@pytest.mark.parametrize(
    "lesson", [pytest.param(n, marks=pytest.mark.course if n in SOME else pytest.mark.long) for n in build.lessons()]
)
def test_in_a_learners_copy_nothing_answers_an_open_question(lesson, lab, page, copies, kept):
    notebook = nbformat.read(copies / f"{lesson}.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(begin(kept)))
    nbformat.write(notebook, lab.root / f"copy-{lesson}.ipynb")
    opened = Copy(lab, lab.root / f"copy-{lesson}.ipynb")
    if not opened.questions:
        pytest.skip("this lesson asks nothing")

    lab.open(opened.path.name)
    assert opened.seen() == set(), "unrun, not trusted"
    lab.trust()
    assert opened.seen() == set(), "unrun, trusted"
    lab.run_all_to_the_end()
    assert opened.seen() == set(), "after Run All"
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")

    elsewhere = lab.root / "elsewhere" / f"{lesson}.ipynb"  # as it arrives on another computer: run, but not trusted
    elsewhere.parent.mkdir(exist_ok=True)
    notebook = nbformat.read(opened.path, as_version=4)
    notebook.metadata["elsewhere"] = True
    nbformat.write(notebook, elsewhere)
    study.prepare(lab.root / "nothing", elsewhere.parent)
    page.goto(f"{lab.address}/doc/tree/elsewhere/{lesson}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    assert opened.seen() == set(), "run and saved, not trusted"

    lab.open(opened.path.name)  # its kernel is still there
    page.wait_for_function(COUNTED, arg=[".cg-ask", len(opened.asks)], timeout=PATIENCE)
    assert opened.seen() == set(), "run, saved and loaded again"
    names = [one.get_attribute("aria-label").split(", ")[1] for one in page.locator(".cg-ask").all()]
    answered = set()
    for name in names:
        if name == names[-1]:  # all the others are answered
            page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
            lab.wait_for_kernel()
            assert opened.seen() == opened.expected(answered), "after a restart"
            opened.ask_again(name)
        question = page.locator(f".cg-ask[aria-label$=', {name}']")
        question.get_by_role("button", name="Skip").click()
        page.wait_for_selector(f".cg-ask[aria-label$=', {name}'][data-status=skipped]")
        answered.add(name)
        assert opened.seen() == opened.expected(answered), f"{name} skipped"
    assert answered >= set().union(*opened.questions.values())
    page.forgive("widget model not found")  # JupyterLab notes it for every widget that the restart left behind
