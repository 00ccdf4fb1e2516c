"""The digit pad where learners meet it: drawn on with mouse, finger and keys, in a real JupyterLab."""

import json

import pytest
from lab import Lab

pytestmark = pytest.mark.slow

SETUP = """
from pathlib import Path
import numpy as np
from course_lib import data, training
from course_lib.widgets.digit_pad import DigitPad
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import Adam

rng = np.random.default_rng(0)
model = Sequential(
    Conv2d(1, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(),
    MaxPool2d(2), Flatten(), Linear(16 * 7 * 7, 10, rng=rng),
)
(x, y), (x_test, y_test) = data.digits()
if Path("weights_of_the_pad.npz").exists():  # trained by the first test
    training.load_weights(model, "weights_of_the_pad.npz")
else:
    training.fit(model, CrossEntropyLoss(), Adam(model.parameters(), 2e-3), x, y, epochs=6, batch_size=32, rng=rng,
                 progress=False)
    training.save_weights(model, "weights_of_the_pad.npz")
_, first = np.unique(y_test, return_index=True)
"""
PAD = "DigitPad(model, x_test[first], way='off', demo=False)"


def run(lab, name, *cells):
    lab.open(lab.write(name, SETUP, *cells))
    lab.run_all()
    lab.page.wait_for_selector(".dp-root[data-number='0']", timeout=120_000)
    return lab.page


@pytest.fixture
def page_with_pad(lab):
    return run(lab, "pad.ipynb", PAD)


def place(page, x, y):
    """The point of the page that belongs to a point of the pad, given from 0 to 1."""
    box = page.locator(".dp-canvas").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def draw(page, *points):
    page.locator(".dp-canvas").scroll_into_view_if_needed()
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=12)
    page.mouse.up()


def wait_for_answer(page, begins):
    page.wait_for_function(
        "begins => document.querySelector('.dp-says').textContent.startsWith(begins)", arg=begins, timeout=20_000
    )


def lit(page, selector):
    """How bright a canvas is on the whole, from 0 to 255."""
    return page.locator(selector).first.evaluate("""(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((_, n) => n % 4 !== 3).reduce((sum, value) => sum + value, 0) / (data.length * 0.75);
    }""")


def test_a_one_drawn_with_the_mouse_is_read(page_with_pad):
    page = page_with_pad
    assert page.inner_text(".dp-says").startswith("Draw a digit")
    draw(page, (0.52, 0.15), (0.48, 0.85))
    wait_for_answer(page, "I read 1,")
    assert page.locator(".dp-best .dp-digit").inner_text() == "1"
    shares = [int(text.rstrip("%")) for text in page.locator(".dp-share").all_inner_texts()]
    assert max(shares) == shares[1] > 50 and 98 <= sum(shares) <= 102
    assert lit(page, ".dp-seen") > 5  # the picture that the network sees, and both layers, have come
    assert page.locator(".dp-maps canvas").count() == 2
    assert lit(page, ".dp-maps canvas >> nth=0") > 2 and lit(page, ".dp-maps canvas >> nth=1") > 2


@pytest.mark.course
def test_a_drawing_can_be_taken_back_and_cleared(page_with_pad):
    page = page_with_pad
    draw(page, (0.5, 0.15), (0.5, 0.85))
    wait_for_answer(page, "I read")
    page.wait_for_function(  # until the whole stroke is answered, and not only its beginning
        "() => (({ sent, number }) => sent === number)(document.querySelector('.dp-root').dataset)"
    )
    one = page.inner_text(".dp-says")
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2))
    page.wait_for_function("says => document.querySelector('.dp-says').textContent !== says", arg=one)
    page.get_by_role("button", name="Take the last stroke back").click()
    wait_for_answer(page, one)
    page.get_by_role("button", name="Clear the pad").click()
    wait_for_answer(page, "Draw a digit")
    assert not page.locator(".dp-seen").is_visible() and lit(page, ".dp-canvas") == 0


@pytest.mark.course
def test_without_a_pointer_an_example_is_loaded_and_a_one_is_drawn_with_the_keys(lab, page_with_pad):
    page = page_with_pad
    example = page.get_by_role("button", name="Load example 4 of 10")
    example.focus()
    page.keyboard.press("Enter")
    wait_for_answer(page, "I read 3,")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.keyboard.press("b")  # in a notebook that makes a new cell; on the pad and its buttons JupyterLab's keys rest
    page.locator(".dp-canvas").focus()
    for key in ("Delete", *["ArrowUp"] * 14, "Space", *["ArrowDown"] * 28, "Space", "b"):
        page.keyboard.press(key)
    wait_for_answer(page, "I read 1,")
    lab.settle()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


@pytest.mark.course
def test_a_busy_kernel_is_waited_for_and_the_drawing_goes_on(lab):
    page = run(lab, "busy.ipynb", PAD, "import time\nfor _ in range(30):\n    time.sleep(0.2)")
    draw(page, (0.5, 0.15), (0.5, 0.85))
    assert lit(page, ".dp-canvas") > 5  # on the pad at once, whatever the kernel does
    wait_for_answer(page, "I read 1,")


@pytest.fixture
def finger(browser, jupyterlab):
    """A tab on a screen that is touched."""
    context = browser.new_context(viewport={"width": 900, "height": 900}, has_touch=True)
    page = context.new_page()
    lab = Lab(page, *jupyterlab)
    yield lab
    lab.stop_kernel()
    context.close()


@pytest.mark.course
def test_a_one_drawn_with_a_finger_is_read_and_the_page_does_not_scroll(finger):
    page = run(finger, "touch.ipynb", PAD)
    page.locator(".dp-canvas").scroll_into_view_if_needed()
    before = page.locator(".dp-canvas").bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [dict(zip(("x", "y"), place(page, *point), strict=True)) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (0.5, 0.15))
    for step in range(1, 15):
        send("touchMove", (0.5, 0.15 + 0.05 * step))
    send("touchEnd")
    wait_for_answer(page, "I read 1,")
    assert page.locator(".dp-canvas").bounding_box() == before


@pytest.mark.course
def test_a_reopened_notebook_shows_the_picture(lab, page):
    run(lab, "reopened_pad.ipynb", PAD)
    lab.save_and_leave()
    lab.open("reopened_pad.ipynb")
    page.wait_for_selector(".cg-spare", state="visible", timeout=20_000)
    assert page.locator(".cg-spare").bounding_box()["height"] > 200
    assert not page.get_by_text("Error displaying widget").is_visible()
    page.forgive("widget model not found")


@pytest.mark.course
def test_an_untrusted_notebook_shows_the_picture_once(lab, page):
    run(lab, "untrusted_pad.ipynb", PAD)
    lab.save_and_leave()
    path = lab.root / "untrusted_pad.ipynb"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["cells"][0]["source"] += "\n# changed elsewhere"
    path.write_text(json.dumps(written), encoding="utf-8")
    lab.open("untrusted_pad.ipynb")
    page.wait_for_selector(".jp-OutputArea img", timeout=20_000)
    lab.settle()
    assert page.locator(".jp-OutputArea img").count() == 1
    assert page.locator(".cg-spare").count() == 0 or not page.locator(".cg-spare").is_visible()
