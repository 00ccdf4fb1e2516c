"""The dashboard's ES module in Chromium, with a stand-in for the model; and the pad's, where None arrives undefined."""

import base64
import io

import numpy as np
import pytest
from pages import SHOW_WIDGET, widget
from PIL import Image

from course_lib import training
from course_lib.layers import Conv2d, Flatten, Linear, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD
from course_lib.widgets.dashboard import Dashboard
from course_lib.widgets.digit_pad import DigitPad

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained():
    """The state of a board after a training."""
    rng = np.random.default_rng(0)
    model = Sequential(Conv2d(1, 2, 3, rng=rng), Flatten(), Linear(72, 3, rng=rng))
    board, x, y = Dashboard(), rng.random((8, 1, 8, 8)), np.arange(8) % 3
    loss, optimizer = CrossEntropyLoss(), SGD(model.parameters(), 0.1)
    training.fit(model, loss, optimizer, x, y, epochs=2, batch_size=4, rng=rng, test=(x, y), callback=board)
    names = ("now", "curve", "news", "passed", "filters", "norms", "sample", "hard")
    return {name: getattr(board.board, name) for name in names}


@pytest.fixture
def board(page, trained):
    """The page with the board in the middle of that training."""
    now = trained["now"] | {"status": "training", "step": 2, "left": 60}
    page.evaluate(SHOW_WIDGET, widget("dashboard", trained | {"now": now}))
    page.wait_for_selector(".cg-board[data-step='2']")
    return page


def change(page, **now):
    page.evaluate("(now) => model.set('now', { ...model.get('now'), ...now })", now)


def test_it_asks_whether_the_kernel_answers_and_then_its_buttons_request_what_they_say(board):
    assert board.evaluate("() => sent[0]") == {"ping": 1, "request": None}
    pause, stop = (board.get_by_role("button", name=name) for name in ("Pause", "Stop"))
    assert pause.is_disabled() and stop.is_disabled()
    board.evaluate("() => model.receive({ pong: 1 })")
    board.wait_for_selector(".cg-board[data-answers='true']")
    pause.click()
    board.get_by_role("button", name="Pausing …").wait_for()
    assert board.evaluate("() => sent.at(-1).request") == "pause"
    board.evaluate("() => model.receive({ pong: 2 })")
    change(board, status="paused")
    board.get_by_role("button", name="Continue").click()
    assert board.evaluate("() => sent.at(-1).request") == "go on"
    stop.click()
    board.get_by_role("button", name="Stopping …").wait_for()
    assert board.evaluate("() => sent.at(-1).request") == "stop"
    change(board, status="stopped")
    board.wait_for_selector(".cg-board[data-status='stopped']")
    assert not stop.is_visible()
    pings = board.evaluate("() => sent.map(({ ping }) => ping)")
    assert pings == list(range(1, len(pings) + 1))


def test_where_no_pong_arrives_it_says_how_to_stop(board):
    board.wait_for_selector(".cg-board[data-answers='false']")
    assert board.evaluate("() => sent.length") == 4
    assert "interrupt the kernel" in board.inner_text(".cg-board-note")
    assert not board.get_by_role("button", name="Pause").is_visible()


def test_a_kernel_that_says_nothing_any_more_is_seen_within_five_seconds(board):
    """Also one that answered before; and if it was only slow, all is as it was when it speaks again."""
    board.evaluate("() => model.receive({ pong: 1 })")
    board.wait_for_selector(".cg-board[data-answers='true'][data-silent='false']")
    started = board.evaluate("() => performance.now()")
    board.wait_for_selector(".cg-board[data-silent='true']", timeout=6000)
    assert board.evaluate("() => performance.now()") - started < 5000
    assert "No answer from the kernel" in board.inner_text(".cg-board-status")
    assert "training goes on from there" in board.inner_text(".cg-board-note")
    assert not board.get_by_role("button", name="Pause").is_visible()
    assert len(board.evaluate("() => sent.slice(1)")) >= 2  # it was asked before it was given up
    board.evaluate("() => model.receive({ pong: 2 })")
    board.wait_for_selector(".cg-board[data-silent='false']")
    assert board.get_by_role("button", name="Pause").is_visible() and "Training" in board.inner_text(".cg-board-status")


def test_a_board_that_ended_waits_for_nobody(board):
    board.evaluate("() => model.receive({ pong: 1 })")
    change(board, status="finished")
    board.wait_for_selector(".cg-board[data-status='finished']")
    asked = board.evaluate("() => sent.length")
    board.wait_for_timeout(4600)
    assert board.get_attribute(".cg-board", "data-silent") == "false" and board.evaluate("() => sent.length") == asked


@pytest.mark.parametrize(("left", "words"), [(60, "60 s left"), (None, None), ("undefined", None)])
def test_the_time_left_is_shown_once_it_is_known(board, left, words):
    board.evaluate(
        "(left) => model.set('now', { ...model.get('now'), step: 3, left: left === 'undefined' ? undefined : left })",
        left,
    )
    board.wait_for_selector(".cg-board[data-step='3']")
    shown = board.inner_text(".cg-board-figures")
    assert words in shown if words else "left" not in shown


def test_pieces_of_the_curve_are_joined_and_a_gap_is_left_to_the_next_whole(board):
    curve = {"width": 2, "bins": [[3, 2, 4], [2, 1, 3]]}
    joined = board.evaluate(
        "([curve, pieces]) => pieces.map((piece) => module.joined(curve, piece))",
        [curve, [
            {"width": 2, "from": 1, "bins": [[2, 1, 2], [1, 1, 1]]},
            {"width": 2, "from": 2, "bins": [[1, 1, 1]]},
            {"width": 2, "from": 3, "bins": [[1, 1, 1]]},
            {"width": 4, "from": 1, "bins": [[1, 1, 1]]},
        ]],
    )  # fmt: skip
    bins = [[[3, 2, 4], [2, 1, 2], [1, 1, 1]], [[3, 2, 4], [2, 1, 3], [1, 1, 1]], curve["bins"], curve["bins"]]
    assert [one["bins"] for one in joined] == bins


def test_filters_are_blue_above_zero_and_orange_below(board, trained):
    fills = board.locator(".cg-board-view rect[style]").evaluate_all("(all) => all.map((one) => one.style.fill)")
    shares = np.ravel(trained["filters"]["shares"])
    assert len(fills) == shares.size and (shares < 0).any() and (shares > 0).any()
    for fill, share in zip(fills, shares, strict=True):
        assert f"--cg-{'below' if share < 0 else 'above'}) {abs(share)}%" in fill


def test_the_test_set_is_looked_at_before_the_first_epoch_ends(board):
    board.evaluate(
        """() => {
          model.set("passed", { kind: "accuracy", train: [], test: [] });
          model.set("sample", { size: 500, points: [[0.1, 0.3], [0.4, 0.876]], says: [] });
          model.set("now", { ...model.get("now"), step: 3 });
        }"""
    )
    view = board.locator(".cg-board-view", has_text="Accuracy of each epoch")
    view.get_by_text("thin line: 500 of the test").wait_for()
    assert view.locator("path.cg-look").get_attribute("d").count("L") == 1
    assert view.get_by_text("87.6 % right").is_visible()
    ticks = view.locator("text[text-anchor=middle]").all_text_contents()
    assert ticks[0] == "0" and ticks[-1] == "2"  # from the start to the end of the training


@pytest.mark.parametrize("look", [[0.1, 0.3], [0.9, 0.94]], ids=["below the axis", "alone"])
def test_what_the_thin_line_means_is_said_only_where_there_is_one(board, look):
    board.evaluate(
        """(look) => {
          model.set("sample", { size: 500, points: [look], says: [] });
          model.set("passed", { kind: "accuracy", train: [0.9], test: [0.95] });
          model.set("now", { ...model.get("now"), step: 3 });
        }""",
        look,
    )
    view = board.locator(".cg-board-view", has_text="Accuracy of each epoch")
    view.get_by_text("test 95.0 %").wait_for()
    assert "of the test" not in view.inner_text()


def test_the_length_of_a_gradient_stands_beside_its_bar_and_not_beside_a_line_far_away(board):
    board.evaluate("""() => {
      model.set("norms", [["0 Conv2d", 0.01, 10], ["2 Linear", 5, 10]]);
      model.set("now", { ...model.get("now"), step: 3 });
    }""")
    view = board.locator(".cg-board-view", has_text="Length of each layer")
    view.get_by_text("0.01", exact=True).last.wait_for()
    starts = view.locator(".cg-start").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().left)")
    texts = [text.bounding_box() for text in view.locator("text.cg-strong").all()]
    assert texts[0]["x"] + texts[0]["width"] < starts[0] and texts[1]["x"] > starts[1]


@pytest.mark.parametrize(("width", "least"), [(900, 39), (420, 34)])
def test_twenty_hard_images_are_as_large_as_their_room_allows(board, width, least):
    file = io.BytesIO()
    Image.new("L", (160, 8)).save(file, "PNG")
    hard = {"png": base64.b64encode(file.getvalue()).decode(), "labels": [5] * 20}
    board.locator(".cg-board").evaluate("(e, width) => { e.parentElement.style.width = `${width}px` }", width)
    board.evaluate(
        """(hard) => {
          model.set("hard", hard);
          model.set("sample", { size: 500, points: [[0.1, 0.8]], says: hard.labels });
          model.set("now", { ...model.get("now"), step: 3 });
        }""",
        hard,
    )
    tiles = board.locator(".cg-hard-strip > div")
    tiles.nth(19).wait_for()
    boxes = [tile.bounding_box() for tile in tiles.all()]
    assert min(box["width"] for box in boxes) >= least
    assert (len({box["y"] for box in boxes}) == 1) == (width == 900)


def test_hard_images_tell_what_the_network_says_now(board):
    board.evaluate("() => { model.set('hard', {}); model.set('now', { ...model.get('now'), epoch: 2 }); }")
    board.locator(".cg-hard").wait_for(state="hidden")
    file = io.BytesIO()
    Image.fromarray(np.zeros((28, 84), np.uint8)).save(file, "PNG")
    hard = {"png": base64.b64encode(file.getvalue()).decode(), "labels": [5, 3, 8]}
    says = """([hard, says, step]) => {
      model.set("hard", hard);
      model.set("sample", { ...model.get("sample"), says });
      model.set("now", { ...model.get("now"), step });
    }"""
    for step, answers, shown, title in (
        (3, [3, 9, 3], ["3", "9", "3"], "0 of 3"),
        (4, [5, 3, 3], ["✓ 5", "✓ 3", "3"], "2 of 3"),
    ):
        board.evaluate(says, [hard, answers, step])
        board.get_by_text(f"Hard test images: {title} right").wait_for()
        assert board.locator(".cg-hard-strip b").all_inner_texts() == shown
    names = [tile.get_attribute("aria-label") for tile in board.locator(".cg-hard-strip > div").all()]
    assert names == ["a 5, read as 5", "a 3, read as 3", "a 8, read as 3"]
    places = board.locator(".cg-hard-strip span").evaluate_all(
        "(all) => all.map((one) => one.style.backgroundPosition)"
    )
    assert [place.split("%")[0] for place in places] == ["0", "50", "100"]


def test_labels_stand_at_round_numbers(board):
    ticks = "([name, low, high, most]) => module[name](low, high, most)"
    for arguments, expected in {
        ("decades", 0.1, 10, 5): [0.1, 0.3, 1, 3, 10],
        ("decades", 1, 10, 5): [1, 2, 5, 10],
        ("decades", 1e-6, 1e6, 5): [1e-6, 1e-3, 1, 1e3, 1e6],
        ("evenly", 0, 100, 5): [0, 20, 40, 60, 80, 100],
        ("evenly", 0.8, 1, 5): [0.8, 0.85, 0.9, 0.95, 1],
        ("evenly", 1, 4, 8): [1, 1.5, 2, 2.5, 3, 3.5, 4],
    }.items():
        assert board.evaluate(ticks, list(arguments)) == pytest.approx(expected), arguments
    said = board.evaluate("() => [0.2, 89, 91, 5399, 5400, 9000].map(module.duration)")
    assert said == ["1 s", "89 s", "2 min", "1 h 30 min", "1 h 30 min", "2 h 30 min"]


def test_a_closed_board_listens_to_nothing(board):
    board.evaluate("() => closers.forEach((close) => close())")
    assert not any(board.evaluate("() => Object.values(listeners).map((one) => one.length)"))
    assert board.locator(".cg-board").count() == 0


# ---------------------------------------------------------------- the pad


@pytest.mark.parametrize("example", ["null", "undefined"])
def test_a_pad_draws_strokes_over_no_example(page, rng, example):
    pad = DigitPad(Sequential(Flatten(), Linear(784, 10, rng=rng)), rng.random((3, 1, 28, 28)), demo=False)
    state = {name: getattr(pad, name) for name in ("settings", "drawing", "reading")}
    page.evaluate(SHOW_WIDGET, widget("digit_pad", state))
    page.evaluate(f"() => model.set('drawing', {{ number: 1, strokes: [[[140, 140]]], example: {example} }})")
    pixel = "(pad) => [...pad.getContext('2d').getImageData(280, 280, 1, 1).data]"
    assert page.locator(".dp-canvas").evaluate(pixel) == [255] * 4
    page.get_by_role("button", name="Take the last stroke back").click()
    assert page.locator(".dp-canvas").evaluate(pixel) == [0, 0, 0, 255]


def shown_pad(page, rng, strokes=(), **options):
    """A pad in the page, with what its network answered to a drawing; returns a pixel reader."""
    pad = DigitPad(Sequential(Flatten(), Linear(784, 10, rng=rng)), **options)
    pad.drawing = {"number": 1, "strokes": list(strokes), "example": None}
    page.evaluate(SHOW_WIDGET, widget("digit_pad", {n: getattr(pad, n) for n in ("settings", "drawing", "reading")}))
    tinted = """(pad) => {
      const { data } = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height);
      return data.filter((_, n) => n % 4 === 0 && Math.abs(data[n] - data[n + 2]) > 25).length;
    }"""
    return pad, lambda: page.locator(".dp-canvas").evaluate(tinted)


def test_the_gradient_lies_on_the_drawing_and_is_chosen_by_buttons(page, rng):
    pad, tinted = shown_pad(page, rng, [[[140, 60], [140, 220]]], demo=False)
    first, second = (pad.reading["back"][name] for name in ("first", "second"))
    smooth = tinted()
    assert smooth > 1000
    assert f"raises the score of {first}" in page.locator(".dp-legend").inner_text()
    page.get_by_role("button", name=f"What moves it to {second}").click()
    assert f"towards {second}" in page.locator(".dp-legend").inner_text() and tinted() > 1000
    page.get_by_role("button", name="None").click()
    assert tinted() == 0 and page.locator(".dp-legend").inner_text() == ""


def test_a_digit_draws_itself_once_and_makes_way_for_the_first_stroke(page, rng):
    shown_pad(page, rng)
    page.wait_for_selector(".dp-root[data-demo='36']")
    assert len(page.evaluate("() => model.get('drawing').strokes[0]")) == 36
    box = page.locator(".dp-canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.up()
    assert page.evaluate("() => model.get('drawing').strokes") == [[[40, 40]]]
