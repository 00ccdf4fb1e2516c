"""The explorer of gradients in deep networks where learners meet it: by mouse and keys, in a real JupyterLab."""

import pytest

from course_lib import flow
from course_lib.looks import number

pytestmark = pytest.mark.slow

SETUP = "from course_lib.widgets import explore_flow"
EXPLORE = 'explore_flow(depth=6, start="N(0, 0.01)")'


@pytest.fixture
def page_with_picture(lab):
    lab.open(lab.write("flow.ipynb", SETUP, EXPLORE))
    lab.run_all()
    lab.page.wait_for_selector(".fe-root .fe-bar", timeout=60000)
    return lab.page


def wait_for_words(page, *words):
    """Until what the explorer says holds all of these."""
    page.wait_for_function(
        'words => words.every((word) => document.querySelector(".fe-words").innerText.includes(word))',
        arg=list(words),
    )


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


@pytest.mark.course
def test_every_control_measures_another_network_and_draws_it(page_with_picture):
    page = page_with_picture
    wait_for_words(page, "6 layers, N(0, 0.01), ReLU", "vanishes")
    assert page.locator(".fe-bar").count() == 6 and page.locator(".fe-tile").count() == 12
    button(page, "initialisation: He").click()
    exact = number(flow.step_factor(flow.deep_flow(6)), 2)
    wait_for_words(page, "6 layers, He, ReLU", f"keeps its size: × {exact} with each layer")
    button(page, "sigmoid").click()
    wait_for_words(page, "He, sigmoid")
    page.get_by_label("batch norm").check()
    wait_for_words(page, "sigmoid, batch norm")
    page.get_by_label("residual").check()
    wait_for_words(page, "sigmoid, batch norm, residual")
    assert page.locator(".fe-range input").last.is_disabled()  # shortcuts need as many channels everywhere


DRAG = """
async () => {
  const slider = document.querySelector(".fe-track input");
  const seen = [];
  for (const value of [120, 200, 260, 290, 330]) {
    const began = performance.now();
    slider.value = String(value);
    slider.dispatchEvent(new Event("input"));
    seen.push([performance.now() - began, document.querySelector(".fe-says").textContent]);
    await new Promise(requestAnimationFrame);
  }
  slider.dispatchEvent(new Event("change"));
  return seen;
}
"""


def test_while_the_slider_is_dragged_the_picture_answers_without_python_and_is_exact_on_release(page_with_picture):
    page = page_with_picture
    page.wait_for_function("document.querySelector('.fe-root')")
    seen = page.evaluate(DRAG)
    assert len({says for _, says in seen}) == 5 and all("≈" in says for _, says in seen)
    assert sorted(taken for taken, _ in seen)[1] < 50  # not the slowest, as the machine may be busy
    about = float(seen[-1][1].split("≈ ")[1].split()[0])
    page.wait_for_function('!document.querySelector(".fe-says").textContent.includes("≈")')
    exact = float(page.locator(".fe-says").inner_text().split("× ")[1].split()[0])
    assert about == pytest.approx(exact, rel=0.05)


@pytest.mark.course
def test_it_can_be_used_with_the_keyboard_alone_and_leaves_the_notebook_alone(page_with_picture):
    page = page_with_picture
    wait_for_words(page, "6 layers")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    button(page, "initialisation: uniform").focus()
    page.keyboard.press("Space")
    wait_for_words(page, "6 layers, uniform, ReLU")
    page.locator(".fe-range input").first.focus()
    page.keyboard.press("ArrowRight")
    wait_for_words(page, "7 layers")
    page.get_by_label("batch norm").focus()
    page.keyboard.press("Space")
    wait_for_words(page, "batch norm")
    page.get_by_label("Standard deviation of the weights").focus()
    page.keyboard.press("ArrowLeft")
    wait_for_words(page, "× He, ReLU, batch norm")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


@pytest.mark.course
def test_a_pulse_runs_there_and_back_and_ends(page_with_picture):
    page = page_with_picture
    page.wait_for_function('!document.querySelector(".fe-pulse")')
    button(page, "Send a signal through all layers, and its gradient back").click()
    page.wait_for_selector(".fe-pulse.fe-signal", state="attached")
    page.wait_for_selector(".fe-pulse.fe-gradient", state="attached")
    page.wait_for_function('!document.querySelector(".fe-pulse")')


@pytest.mark.course
def test_a_reopened_notebook_shows_the_picture_it_left(lab, page_with_picture):
    page = page_with_picture
    assert not page.locator(".cg-spare").is_visible()
    lab.save_and_leave()
    lab.open("flow.ipynb")
    page.wait_for_selector(".cg-spare", state="visible", timeout=20000)
    assert "6 layers, N(0, 0.01), ReLU" in page.locator(".cg-spare").get_attribute("aria-label")
    assert not page.get_by_text("Error displaying widget").is_visible()
    page.forgive("widget model not found")  # JupyterLab notes it for every widget without a kernel
