"""Lessons as web pages: everything inside, nothing fetched, and the animations play."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import course_lib
from course_lib import looks
from course_lib.exercises import predictions
from course_lib.publish import build, export

pytestmark = pytest.mark.slow

LESSON = [
    new_markdown_cell(
        "# A small lesson\n\nSee [the next](02_conv2d.ipynb). With $a_1 < b$ and `$not math$`:\n\n$$y = x * w * v$$"
    ),
    new_code_cell(
        "import numpy as np\nfrom course_lib import frames\nfrom course_lib.widgets.explorer import explore\n"
        "from course_lib.widgets.player import play\nimport ipywidgets\n"
        "play(frames.conv1d(np.arange(4.0), np.array([1.0, -1])))"
    ),
    new_code_cell("explore(frames.conv1d, size=5, rng=np.random.default_rng(0))"),
    new_code_cell("ipywidgets.Button(description='press')"),
    new_code_cell("print('</script><script>alert(1)</script>')"),
    new_code_cell("1 / 0"),
    new_code_cell("from pathlib import Path; Path('weights.txt').write_text('new')"),
]


@pytest.fixture(scope="module")
def page_path(tmp_path_factory, lesson_environment):
    folder = tmp_path_factory.mktemp("lesson")
    path = folder / "01_small.ipynb"
    nbformat.write(new_notebook(cells=LESSON), path)
    (folder / "weights.txt").write_text("mine", encoding="utf-8")
    before = path.read_bytes()
    result = export.export(path, folder / "site")
    assert path.read_bytes() == before
    return result


@pytest.fixture
def text(page_path):
    return page_path.read_text(encoding="utf-8")


def test_a_page_asks_for_nothing(text):
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", text)


def test_a_question_can_be_answered_without_a_kernel():
    text_cell, cell = build.question_cells("02/which_picture")
    question = predictions.get("02/which_picture")
    cell.outputs = [
        new_output("display_data", {"text/html": predictions.Asked(question)._repr_html_()}),
        new_output("display_data", {build.WIDGET_VIEW: {"model_id": "1"}}),
    ]
    text = export.page(new_notebook(cells=[text_cell, cell]), "01_small")
    assert "needs the running notebook" not in text and "Decide, then open your answer." in text
    assert "run this cell" in cell.outputs[0].data["text/html"] and "run this cell" not in text
    folds = re.findall(r"<details[^>]*><summary><b>(\w)</b>.*?</details>", text, re.DOTALL)
    assert folds == list(question.choices)
    assert all(re.sub("`(.*?)`", r"<code>\1</code>", told) in text for _, told in question.choices.values())


@pytest.fixture
def folding(page, tmp_path):
    """The page of two questions: the first cell answers both by its output, the second by its source one of them."""

    def asks(name):
        cell = build.question_cells(name)[1]
        cell.outputs = [
            new_output("display_data", {"text/html": predictions.Asked(predictions.get(name))._repr_html_()})
        ]
        return cell

    def answers(source, **marks):
        return new_code_cell(source, outputs=[new_output("stream", text="puts out")], metadata={"course": marks})

    both = ["02/which_picture", "02/forward"]
    cells = [
        *map(asks, both), answers("both()", reveals=both), answers("free()"),
        answers("code()", reveals=both[1:], reveals_code=both[1:]),
    ]  # fmt: skip
    (tmp_path / "folding.html").write_text(export.page(new_notebook(cells=cells), "02_folding"), encoding="utf-8")
    page.goto((tmp_path / "folding.html").as_uri())
    page.forgive("asked for file:")
    return page


def heights(page):
    """How high the outputs and the source of the three cells are that follow the questions."""
    parts = ".cell:not([data-asks] *) :is(.output, .input)"
    found = [one.bounding_box() for one in page.locator(parts).all()]
    assert len(found) == 6
    return [box["height"] if box else 0 for box in found]


def seen(page):
    return [height > 10 for height in heights(page)]


def test_what_answers_a_question_is_folded_in_a_page_until_it_is_opened(folding):
    assert seen(folding) == [True, False, True, True, False, False]
    assert [height for height in heights(folding) if height <= 10] == [0, 0, 0]
    folds = folding.get_by_text("Open it when you have decided.")
    folds.first.click()
    assert seen(folding) == [True, True, True, True, False, False]
    folding.get_by_text("This answers the question above.").first.click()
    assert seen(folding) == [True, False, True, True, False, False]
    folds.last.click()
    assert seen(folding) == [True, False, True, True, True, True]


def test_an_opened_answer_opens_what_answers_its_question_and_no_other_that_is_open(folding):
    folding.get_by_text("The answer", exact=True).click()
    folding.wait_for_function("() => document.querySelectorAll('.fold[open]').length === 1")
    assert seen(folding) == [True, False, True, True, True, True]
    folding.locator("[data-asks='02/which_picture'] summary:visible").first.click()
    folding.wait_for_function("() => document.querySelectorAll('.fold[open]').length === 2")
    assert all(seen(folding))


def test_what_is_folded_in_a_page_is_printed(folding):
    folding.emulate_media(media="print")
    assert all(seen(folding)) and not folding.locator(".fold").first.is_visible()
    folding.emulate_media(media="screen")
    assert seen(folding).count(False) == 3


def test_formulas_become_mathml_and_code_stays(text):
    assert "<msub><mi>a</mi><mn>1</mn></msub>" in text
    assert re.search(r'<math[^>]+display="block".*?<mi>w</mi>', text)
    assert "$not math$" in text and "FORMULA" not in text


def test_links_lead_to_pages(text):
    assert 'href="02_conv2d.html"' in text


def test_what_needs_a_kernel_says_so(text):
    assert "This part needs the running notebook." in text


def test_errors_of_a_learner_are_kept(text):
    assert "ZeroDivisionError" in text


def test_printed_text_is_no_script(text):
    assert "<script>alert(1)" not in text


def test_words_of_a_story_cannot_end_the_script_they_are_in():
    hostile = {"packed": "</script><script>alert(1)</script>"}
    cell = new_code_cell("play(...)")
    cell.outputs = [new_output("display_data", {export.WIDGET_VIEW: {"model_id": "m"}, "text/plain": "<b>"})]
    notebook = new_notebook(cells=[cell])
    notebook.metadata["widgets"] = {export.WIDGET_STATE: {"state": {"m": {"state": {"stories": hostile}}}}}
    text = export.page(notebook, "hostile")
    assert "<script>alert(1)" not in text and "\\u003c/script\\u003e" in text


def test_a_widget_that_is_no_player_leaves_its_picture():
    cell = new_code_cell("dashboard")
    spare = new_output("display_data", {"text/html": f'<div class="{export.FALLBACK_CLASS} hidden">once</div>'})
    data = {export.WIDGET_VIEW: {"model_id": "m"}, "text/plain": "Training: 3 epochs", "image/png": "iVBORw0KGgo="}
    cell.outputs = [spare, new_output("display_data", data)]
    notebook = new_notebook(cells=[cell])
    notebook.metadata["widgets"] = {export.WIDGET_STATE: {"state": {"m": {"state": {"history": [1, 2]}}}}}
    text = export.page(notebook, "dashboard")
    assert 'alt="Training: 3 epochs"' in text and "data:image/png;base64,iVBORw0KGgo=" in text
    assert text.count("once") == 0 and "data-animation" not in text.split("<script")[0]
    assert "This part needs the running notebook." not in text


def test_every_colour_that_cards_and_players_take_from_jupyterlab_is_given_for_light_and_dark():
    used = set()
    for path in Path(course_lib.__file__).parent.rglob("*.*"):
        if path.suffix in (".py", ".js", ".css", ".html"):
            used |= set(re.findall(r"--jp-[\w-]*color\d", path.read_text(encoding="utf-8")))
    given = Counter(re.findall(r"(--jp-[\w-]*color\d): ", looks.jupyter_css()))
    assert len(used) > 6 and {name: given[name] for name in used} == dict.fromkeys(used, 2)


def test_hidden_pictures_are_left_out(text):
    assert export.FALLBACK_CLASS + "-" not in text


def test_animations_play_from_a_file_with_nothing_around_it(page_path, browser):
    page = browser.new_context(offline=True).new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.goto(page_path.as_uri())
    page.wait_for_selector(".cg-player[data-position='0']")
    assert page.locator(".cg-player").count() == 2
    first = page.locator(".cg-player").first
    first.locator("select").select_option("4")
    first.get_by_role("button", name="Play").click()
    page.wait_for_selector(".cg-player[data-position='4']", timeout=15000)
    assert not troubles
    page.context.close()


def test_what_cells_write_beside_the_notebook_stays_as_the_learner_has_it(page_path):
    assert (page_path.parents[1] / "weights.txt").read_text(encoding="utf-8") == "mine"


@pytest.fixture
def lessons(tmp_path):
    """The paths of three lessons, of which the second has no more than a title."""
    opening = "# One & all\n\n*Lesson 00 · 40 minutes, 2 labs*\n\n**You will** see `x` <grow>.\n\n**You need** nothing."
    paths = []
    for number, text in enumerate((opening, "# Bare", "# Last")):
        paths.append(tmp_path / f"{number:02}_lesson.ipynb")
        nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), paths[-1])
    return paths


def test_the_index_opens_the_course_and_leads_into_every_lesson(lessons):
    text = export.index(lessons)
    assert "<title>Gradients through a convolutional network</title>" in text and "At the end you can" in text
    assert 'src="data:image/gif;base64,' in text and "assets/scatter.gif" not in text and "venv" not in text
    for path, title in zip(lessons, ("One &amp; all", "Bare", "Last"), strict=True):
        assert f'<a href="{path.stem}.html">{title}</a>' in text
    assert "<small>40 minutes, 2 labs</small>" in text and "<strong>You will</strong> see <code>x</code>" in text
    assert "You need" not in text.split("Lessons</h2>")[1]
    assert text.count("<small>") == 1 and '<li value="2">' in text


def test_an_optional_lesson_stands_in_the_index_under_its_letter(tmp_path):
    path = tmp_path / "A_aside.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Aside\n\n*Lesson A, optional · 9 minutes, 1 lab*")]), path)
    text = export.index([path])
    assert 'list-style-type: "A. "\'><a href="A_aside.html">Aside</a>' in text
    assert "<small>9 minutes, 1 lab</small>" in text and "value=" not in text


def test_the_index_says_of_the_lessons_of_this_course_what_each_takes_and_what_one_does():
    text = export.index([export.NOTEBOOKS / f"{name}.ipynb" for name in build.lessons()])
    assert text.count("<small>") == text.count("<strong>You will</strong>") == len(build.lessons())
    assert text.count("minutes") >= len(build.lessons())


def test_a_page_leads_to_the_lessons_around_it(lessons, tmp_path, lesson_environment):
    first, second, last = lessons
    middle = export.export(second, tmp_path, first, last).read_text(encoding="utf-8")
    assert '<a rel="prev" href="00_lesson.html">← One &amp; all</a>' in middle
    assert '<a rel="next" href="02_lesson.html">Last →</a>' in middle and 'href="index.html"' in middle
    assert "rel=" not in export.export(second, tmp_path).read_text(encoding="utf-8")


def test_the_whole_command_makes_pages_that_lead_to_one_another(lessons, tmp_path, lesson_environment, monkeypatch):
    monkeypatch.setattr(export, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("sys.argv", ["export", "--folder", str(tmp_path / "site")])
    export.main()
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "site").iterdir()}
    assert sorted(pages) == [
        "00_lesson.html",
        "01_lesson.html",
        "02_lesson.html",
        "index.html",
        "scatter_and_gather.html",
    ]
    for name, text in pages.items():
        links = re.findall(r'href="([^"]+\.html)"', text)
        assert links and set(links) <= set(pages), name
    for name, before, after in (("00", None, "01"), ("01", "00", "02"), ("02", "01", None)):
        for way, number in (("prev", before), ("next", after)):
            found = re.findall(rf'rel="{way}" href="(\d\d)_lesson.html"', pages[f"{name}_lesson.html"])
            assert found == ([number] if number else [])
