"""The explorer of the way back in Chromium: who pays whom, what a click shows, and how fast it is."""

import numpy as np
import pytest
from pages import SHOW_WIDGET, plain, widget

from course_lib import data, layers, reader
from course_lib.looks import number
from course_lib.widgets import explore_walk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def explorer():
    _, (images, labels) = data.digits()
    return explore_walk(reader.untrained(), reader.trained(), images[:10], labels[:10], digit=2)


def show(page, explorer):
    page.evaluate(
        SHOW_WIDGET,
        widget("walk_explorer", {name: getattr(explorer, name) for name in ("choices", "asked", "walk")}),
    )
    page.wait_for_selector(".we-score")


# For some cells of every column: the gradient, the sum of what it receives, and whether those that pay name it in turn.
CHECK = """(seed) => {
  const walk = new module.Walk(window.model.get("walk"));
  const found = [];
  for (let at = 0; at < walk.last; at++) {
    const { gradient } = walk.columns[at];
    for (let n = 0; n < 25; n++) {
      const cell = (n * 7919 + seed) % gradient.length;
      const paid = walk.received(at, cell);
      const back = paid.slice(0, 2).every((one) => walk.given(at + 1, one.cell).some((to) => to.cell === cell));
      found.push([at, gradient[cell], paid.reduce((sum, { amount }) => sum + amount, 0), back]);
    }
  }
  return found;
}"""


def assert_payments_add_up(page, columns):
    found = page.evaluate(CHECK, 13)
    assert {at for at, *_ in found} == set(range(columns - 1))
    for at, gradient, paid, back in found:
        assert paid == pytest.approx(gradient, rel=1e-3, abs=1e-6), f"column {at}"
        assert back, f"column {at}"
    assert sum(gradient != 0 for _, gradient, *_ in found) > 50


def test_every_gradient_is_the_sum_of_what_it_is_paid(page, explorer):
    show(page, explorer)
    assert_payments_add_up(page, 9)


def test_payments_add_up_with_stride_padding_and_overlapping_pools(page, rng):
    network = layers.Sequential(
        layers.Conv2d(1, 3, (3, 2), stride=(2, 1), padding=(1, 0), rng=rng), layers.ReLU(),
        layers.MaxPool2d(3, stride=2, padding=1), layers.Conv2d(3, 4, 2, padding=1, rng=rng), layers.Flatten(),
        layers.Linear(4 * 8 * 15, 10, rng=rng),
    )  # fmt: skip
    show(page, explore_walk(network, network, rng.random((2, 1, 28, 28)), [3, 4]))
    assert_payments_add_up(page, 7)


TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def says(page, start):
    """Wait until what is chosen is told, in a sentence that begins so."""
    page.wait_for_function(
        "(start) => document.querySelector('.we-sentence')?.textContent.startsWith(start)", arg=start, timeout=5000
    )


def click(page, at, across=0.5, down=0.42):
    """A click into the gradient of column `at`."""
    page.evaluate(
        """([at, across, down]) => {
          const canvas = document.querySelector(".we-picture");
          const box = canvas.getBoundingClientRect();
          const tile = Math.min(104, Math.floor((canvas.clientWidth - 70) / 8) - 9);
          const where = { clientX: box.left + 70 + at * (tile + 9) + across * tile,
                          clientY: box.top + 36 + tile + 24 + down * tile, bubbles: true };
          canvas.dispatchEvent(new MouseEvent("click", where));
        }""",
        [at, across, down],
    )
    page.wait_for_function("() => document.querySelector('.we-sentence')")
    page.evaluate(TWO_FRAMES)


def test_a_click_shows_the_payments_and_leads_on_to_the_loss_and_back(page, explorer):
    show(page, explorer)
    click(page, 0)
    first = page.inner_text(".we-sentence")
    assert first.startswith("dx[0, ") and "Each pays its dy times the weight" in first
    assert page.locator(".we-card").count() == 4
    button = page.get_by_role("button", name="Go on to the entry that pays most")
    visited = [first]
    while button.is_enabled():
        button.click()
        page.wait_for_function("(old) => document.querySelector('.we-sentence').textContent !== old", arg=visited[-1])
        visited.append(page.inner_text(".we-sentence"))
    assert len(visited) == 9 and "softmax − onehot" in visited[-1]
    page.locator(".we-root").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(old) => document.querySelector('.we-sentence').textContent !== old", arg=visited[-1])
    assert "It fed all 10 scores" in page.inner_text(".we-sentence")


def test_from_the_first_paint_the_pixel_with_the_largest_gradient_is_explained_until_another_entry_is_chosen(
    page, explorer
):
    show(page, explorer)
    said = page.locator(".we-sentence")
    for digit, walk in ((2, explorer.walk), (5, another_walk(explorer))):
        gradient = np.frombuffer(walk["columns"][0]["gradient"], np.float32)
        row, column = divmod(int(np.abs(gradient).argmax()), 28)
        page.evaluate("walk => window.model.set('walk', window.revived(walk))", plain(walk))
        page.wait_for_function(
            "start => document.querySelector('.we-sentence')?.textContent.startsWith(start)",
            arg=f"dx[0, {row}, {column}] = ",
        )
        assert page.locator(".we-zoom").is_visible() and page.locator(".we-card").count() == 4, digit
    first = said.inner_text()
    click(page, 0, across=0.3, down=0.6)
    page.wait_for_function("(old) => document.querySelector('.we-sentence').textContent !== old", arg=first)
    chosen = said.inner_text().split(" = ")[0]
    page.evaluate("walk => window.model.set('walk', window.revived(walk))", plain(explorer.walk))
    page.evaluate(TWO_FRAMES)
    assert said.inner_text().startswith(f"{chosen} = ")


def test_other_numbers_show_the_channels_of_the_new_way_unless_a_channel_was_chosen(page, explorer):
    """Of the entry that is kept, the channels from it to the scores stay those of its way."""
    show(page, explorer)
    follows = """([walk, chosen]) => {
      const picture = { channels: [], choose(at, channel) { this.channels[at] = channel; } };
      const choice = new module.WalkChoice(picture, () => {});
      choice.take(new module.Walk(window.model.get("walk")));
      choice.choose(choice.kept);
      if (chosen) choice.chooseChannel({ at: 2, cell: 7 });
      picture.channels = [];
      const next = new module.Walk(window.revived(walk));
      choice.take(next);
      const way = next.wayToTheLoss(choice.kept.at, choice.kept.cell);
      return [picture.channels, way.map(([at, cell]) => next.columns[at].place(cell)[0])];
    }"""
    walk = plain(another_walk(explorer))
    channels, way = page.evaluate(follows, [walk, False])
    assert channels == way and len(set(way)) > 1
    channels, _ = page.evaluate(follows, [walk, True])
    assert channels == []


def another_walk(explorer):
    """What the explorer sends for another digit, before its training."""
    other = explore_walk(reader.untrained(), reader.trained(), explorer._digits, explorer.choices["labels"], digit=5)
    other.asked = {**other.asked, "trained": 0.3}
    return other.walk


def test_the_ten_classes_have_their_probabilities_and_the_true_one_is_marked(page, explorer):
    show(page, explorer)
    rows = page.locator(".we-score").all_inner_texts()
    assert len(rows) == 10
    assert [n for n, row in enumerate(rows) if "✓" in row] == [explorer.walk["label"]]
    likeliest = int(np.argmax(explorer.walk["probabilities"]))
    assert f"{number(100 * explorer.walk['probabilities'][likeliest], 2)} %" in rows[likeliest]


def test_a_digit_the_training_and_a_drawing_are_asked_for_one_at_a_time(page, explorer):
    show(page, explorer)
    page.evaluate(
        """() => { window.asked = []; const { set } = window.model;
          window.model.set = (name, value) => { if (name === "asked") window.asked.push(value); set(name, value); } }"""
    )
    page.locator(".we-digits button").nth(4).click()
    for share in (10, 40, 70):
        page.evaluate(
            """(share) => { const slider = document.querySelector(".we-training input"); slider.value = share;
              slider.dispatchEvent(new Event("input")); }""",
            share,
        )
    assert page.evaluate("() => window.asked.map(({ example, trained }) => [example, trained])") == [[4, 1]]
    page.evaluate("() => window.model.set('walk', window.model.get('walk'))")  # the answer
    assert page.evaluate("() => window.asked.map(({ trained }) => trained)") == [1, 0.7]
    page.evaluate("() => window.model.set('walk', window.model.get('walk'))")
    box = page.locator(".we-pad").bounding_box()
    page.mouse.move(box["x"] + 34, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 34, box["y"] + 58)
    page.mouse.up()
    asked = page.evaluate("() => window.asked.at(-1)")
    assert asked["example"] is None and len(asked["strokes"]) == 1


def test_where_a_click_takes_the_focus_away_the_arrow_keys_still_lead_on(page, explorer):
    show(page, explorer)
    click(page, 0)
    first = page.inner_text(".we-sentence")
    payment = page.locator(".we-pays.we-above").first
    payment.focus()
    page.keyboard.press("Enter")
    says(page, "dy[")
    onward = page.inner_text(".we-sentence")
    assert onward != first and page.evaluate("() => document.activeElement.className") == "we-root"
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(old) => document.querySelector('.we-sentence').textContent !== old", arg=onward)
    loss = page.get_by_role("button", name="Go on to the entry that pays most")
    loss.focus()
    while loss.is_enabled():
        page.keyboard.press("Enter")
        page.evaluate(TWO_FRAMES)
    page.keyboard.press("ArrowLeft")
    says(page, "dy[")
    page.wait_for_function("() => document.querySelector('.we-sentence').textContent.includes('It fed all 10')")


def test_shift_and_an_arrow_choose_the_entry_beside_and_shift_and_page_down_another_channel(page, explorer):
    show(page, explorer)
    click(page, 3)
    channel, row, column = map(int, page.inner_text(".we-sentence").split("]")[0].removeprefix("dy[").split(","))
    page.locator(".we-root").focus()
    for key, step in (
        ("ArrowRight", (0, 0, 1)), ("ArrowDown", (0, 1, 0)), ("PageDown", (1, 0, 0)), ("ArrowLeft", (0, 0, -1)),
        ("ArrowUp", (0, -1, 0)), ("PageUp", (-1, 0, 0)), ("PageUp", (-1, 0, 0)),
    ):  # fmt: skip
        channel, row, column = max(0, channel + step[0]), row + step[1], column + step[2]
        page.keyboard.press(f"Shift+{key}")
        says(page, f"dy[{channel}, {row}, {column}] = ")
    for _ in range(15):  # at the edge it stays
        page.keyboard.press("Shift+ArrowLeft")
    says(page, f"dy[{channel}, {row}, 0] = ")


def test_after_the_walk_back_the_readers_entry_is_chosen_again(page, explorer):
    page.emulate_media(reduced_motion="reduce")  # the walk is over at once
    show(page, explorer)
    click(page, 0, across=0.3, down=0.6)
    chosen = page.inner_text(".we-sentence")
    page.get_by_role("button", name="Let the gradient come back").click()
    page.evaluate(TWO_FRAMES)
    assert page.inner_text(".we-sentence") == chosen


def test_of_equal_entries_the_first_takes_the_gradient_and_the_others_say_so(page, explorer):
    show(page, explorer)
    said = page.evaluate("""() => {
      const walk = new module.Walk(window.model.get("walk"));
      const { values } = walk.columns[2];
      const others = [...values.keys()].filter((cell) => walk.received(2, cell).every(({ factor }) => !factor));
      const best = (cell) => values[walk.winner(2, walk.received(2, cell)[0].cell)];
      const equal = others.find((cell) => best(cell) === values[cell]);
      const less = others.find((cell) => best(cell) > values[cell]);
      return [equal, less].map((cell) => module.sentenceOf(walk, 2, cell));
    }""")
    assert "is as large and comes first" in said[0] and "Another entry won its window" in said[1]


def test_an_erased_drawing_does_not_come_back_and_the_next_stroke_begins_another(page, explorer):
    show(page, explorer)
    erase = page.get_by_role("button", name="Empty the square")
    assert erase.is_disabled()
    stroke(page, 0.3)
    erase.click()
    page.evaluate("() => { document.querySelector('.we-root').parentElement.style.width = '600px' }")  # drawn anew
    page.evaluate(TWO_FRAMES)
    assert erase.is_disabled()
    stroke(page, 0.7)
    strokes = page.evaluate("() => window.model.get('asked').strokes")
    assert len(strokes) == 1 and strokes[0][0][0] > 0.5 * explorer.choices["pad"]
    pressed = page.locator(".we-truth [aria-pressed='true']")
    assert pressed.all_inner_texts() == [str(explorer.walk["label"])]


def stroke(page, across):
    box = page.locator(".we-pad").bounding_box()
    page.mouse.move(box["x"] + across * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + across * box["width"], box["y"] + 58)
    page.mouse.up()
    for _ in range(2):  # the answer for where it begins, and for all of it
        page.evaluate("() => window.model.set('walk', window.model.get('walk'))")
    page.evaluate(TWO_FRAMES)


def test_the_factors_are_large_enough_to_read_and_none_is_cut_off(page, explorer):
    show(page, explorer)
    for width in (932, 352):
        page.evaluate("(w) => { document.querySelector('.we-root').parentElement.style.width = `${w}px` }", width)
        page.evaluate(TWO_FRAMES)
        sizes = page.evaluate("""() => [...document.querySelectorAll(".we-pays span")].map((text) =>
          [parseFloat(getComputedStyle(text).fontSize), text.scrollWidth <= text.clientWidth, text.textContent])""")
        assert len(sizes) > 20 and min(size for size, *_ in sizes) >= 11
        assert [text for _, whole, text in sizes if not whole] == []


def test_almost_certain_is_not_written_as_certain(page, explorer):
    sure = {**explorer.walk, "probabilities": [0.0003] * 8 + [0.0008, 0.9968]}
    show(page, explorer)
    page.evaluate("walk => window.model.set('walk', window.revived(walk))", plain(sure))
    assert "99.7 %" in page.locator(".we-score").all_inner_texts()[9]


# How dark the gradients are, all together: the row of them, without names, values and channels.
SHADE = """() => { const canvas = document.querySelector(".we-picture");
  const tile = Math.min(104, Math.floor((canvas.clientWidth - 70) / 8) - 9);
  const ratio = canvas.width / canvas.clientWidth;
  const row = [70, 36 + tile + 24, 8 * (tile + 9), tile].map((length) => Math.round(ratio * length));
  const { data } = canvas.getContext("2d").getImageData(...row);
  let sum = 0; for (let n = 0; n < data.length; n += 4) sum += data[n + 3] ? 255 - data[n] : 0; return sum; }"""


def test_one_scale_for_all_shows_that_the_gradient_is_small(page, explorer):
    show(page, explorer)
    page.wait_for_timeout(100)
    own = page.evaluate(SHADE)
    page.get_by_label("one scale for all gradients").check()
    page.wait_for_timeout(100)
    assert page.evaluate(SHADE) < 0.9 * own


# How long the work of a frame takes, its layout with it, where the pointer moves over the gradients: p95.
MOVE = """async () => {
  const canvas = document.querySelector(".we-picture");
  const box = canvas.getBoundingClientRect();
  const times = [];
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (draw) => ask((now) => {
    const began = performance.now();
    draw(now);
    document.body.offsetHeight;
    times.push(performance.now() - began);
  });
  for (let n = 0; n < 60; n++) {
    canvas.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + 80 + 9 * n, clientY: box.top + 0.55 * box.height, bubbles: true }));
    await new Promise(ask);
  }
  window.requestAnimationFrame = ask;
  return [times.length, times.sort((a, b) => a - b)[Math.floor(0.95 * times.length)]];
}"""


def test_it_answers_a_pointer_within_a_frame(page, explorer):
    show(page, explorer)
    page.evaluate(MOVE)
    frames, slow = min((page.evaluate(MOVE) for _ in range(5)), key=lambda found: found[1])  # the quietest of five
    assert frames > 30 and slow < 16


def test_in_a_narrow_column_the_tiles_go_on_in_a_line_below(page, explorer):
    show(page, explorer)
    wide = page.locator(".we-picture").bounding_box()["height"]
    page.evaluate("() => { document.querySelector('.we-root').parentElement.style.width = '390px' }")
    page.wait_for_function("(wide) => document.querySelector('.we-picture').clientHeight > wide", arg=wide)
    canvas = page.locator(".we-picture").bounding_box()
    tile = (canvas["width"] - 70) // 4 - 9
    assert tile >= 52 and canvas["height"] > 4 * tile
    line = 36 + 2 * tile + 24 + 20 + 30 + 14
    where = {"x": 70 + 2 * (tile + 9) + tile / 2, "y": line + 36 + tile + 24 + tile / 2}
    page.locator(".we-picture").click(position=where)
    says(page, "dy[")
    assert page.locator(".we-card").count() == 0  # Flatten reshapes: nothing is multiplied
    wider = page.evaluate("""() => {
      const root = document.querySelector(".we-root");
      const { right } = root.getBoundingClientRect();
      const all = [...root.querySelectorAll("*")];
      return all.filter((one) => one.getBoundingClientRect().right > right).map(({ className }) => className);
    }""")
    assert wider == []
