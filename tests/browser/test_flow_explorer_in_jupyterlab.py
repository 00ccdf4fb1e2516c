"""The picture of gradient sizes where learners meet it: its controls, by mouse and keys, in a real JupyterLab."""

import pytest

pytestmark = pytest.mark.slow

SETUP = "from course_lib.widgets.flow_explorer import explore_flow"
EXPLORE = 'explore_flow(depth=6, start="N(0, 0.01)")'


@pytest.fixture
def page_with_picture(lab):
    lab.open(lab.write("flow.ipynb", SETUP, EXPLORE))
    lab.run_all()
    lab.page.wait_for_selector(".widget-html img", timeout=60000)
    return lab.page


def wait_for_words(page, *words):
    """Until the picture's words hold all of these, and it has been drawn."""
    page.wait_for_function(
        """words => { const image = document.querySelector(".widget-html img");
                      return words.every((word) => image.alt.includes(word)) && image.naturalWidth > 0; }""",
        arg=list(words),
    )


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_every_control_draws_the_picture_anew(page_with_picture):
    page = page_with_picture
    wait_for_words(page, "6 layers, N(0, 0.01), ReLU: mean", "it vanishes")
    button(page, "He").click()
    wait_for_words(page, "6 layers, He, ReLU: mean", "it keeps its size")
    button(page, "sigmoid").click()
    wait_for_words(page, "He, sigmoid: mean")
    page.get_by_label("batch norm").check()
    wait_for_words(page, "sigmoid, batch norm: mean")
    page.get_by_label("residual").check()
    wait_for_words(page, "sigmoid, batch norm, residual: mean")


def test_it_can_be_used_with_the_keyboard_alone_and_leaves_the_notebook_alone(page_with_picture):
    page = page_with_picture
    wait_for_words(page, "6 layers")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    button(page, "N(0, 0.01)").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    wait_for_words(page, "6 layers, uniform, ReLU")
    for _ in range(6):  # Xavier, He, three activations, and the slider
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    wait_for_words(page, "7 layers")
    page.get_by_label("batch norm").focus()
    page.keyboard.press("Space")
    wait_for_words(page, "batch norm: mean")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_a_reopened_notebook_shows_the_picture_it_left(lab, page_with_picture):
    page = page_with_picture
    assert not page.locator(".cg-spare").is_visible()
    lab.save_and_leave()
    lab.open("flow.ipynb")
    page.wait_for_selector(".cg-spare", state="visible", timeout=20000)
    assert "6 layers, N(0, 0.01), ReLU" in page.locator(".cg-spare").get_attribute("aria-label")
    assert not page.get_by_text("Error displaying widget").is_visible()
    page.forgive("widget model not found")  # JupyterLab notes it for every widget without a kernel
