"""The player's ES module in Chromium, with a stand-in for the model: everything but JupyterLab itself."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from pages import DARK, LIGHT, state
from stories import every_story

from course_lib import frames
from course_lib.frames.story import Flow, Grid, Step, Story
from course_lib.looks import GRADIENT, INPUT, KERNEL, PALETTE, SIGNS, amount, number, rgb
from course_lib.widgets import still
from course_lib.widgets.player import to_json

pytestmark = pytest.mark.slow

X, W = np.array([2.0, 1, 0, -2, -1, 3]), np.array([1.0, 0, -2])
DY = np.array([1.0, -2, 3, 2])


def scatter():
    return frames.conv1d_input_gradient_scatter(DY, X, W)


def gather():
    return frames.conv1d_input_gradient_gather(DY, X, W)


# Notes every text that is written on a canvas, with its place and size, its colour and the colour it was written on,
# and how far right and down the picture reaches.
WATCH_CANVAS = """() => {
  window.written = [];
  const { fillText, fillRect, clearRect } = CanvasRenderingContext2D.prototype;
  let filled = [];
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.className === "cg-picture") {
      window.written.length = 0;
      window.reach = [0, 0];
      filled = [];
    }
    clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.fillRect = function (x, y, width, height) {
    filled.push({ box: [x, y, x + width, y + height], colour: this.fillStyle });
    if (this.canvas.className === "cg-picture") {
      window.reach = [Math.max(window.reach[0], x + width), Math.max(window.reach[1], y + height)];
    }
    fillRect.call(this, x, y, width, height);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const size = parseFloat(this.font.match(/[\\d.]+px/));
    const under = filled.findLast(({ box: [a, b, c, d] }) => a <= x && x <= c && b <= y && y <= d)?.colour;
    const { width } = this.measureText(text);
    window.written.push({ text: String(text), colour: this.fillStyle, under, size, x, y, width });
    fillText.call(this, text, x, y);
  };
}"""


def position(page):
    return int(page.get_attribute(".cg-player", "data-position"))


def scrub(page, to):
    page.locator(".cg-time input").evaluate("(slider, to) => { slider.value = to }", to)
    page.locator(".cg-time input").dispatch_event("input")


def written(page):
    return [entry["text"] for entry in page.evaluate("() => window.written")]


def point_at(page, name, panel=0):
    """Move the mouse onto a cell, found by its name."""
    found = page.evaluate(
        """([name, n]) => {
          const canvas = document.querySelectorAll('.cg-picture')[n];
          const box = canvas.getBoundingClientRect();
          for (let y = 2; y < box.height; y += 9) for (let x = 2; x < box.width; x += 9) {
            const at = { clientX: box.x + x, clientY: box.y + y, bubbles: true };
            canvas.dispatchEvent(new PointerEvent('pointermove', at));
            const said = canvas.closest('.cg-panel').querySelector('.cg-readout').textContent;
            if (said.startsWith(name + ' ')) return [at.clientX + 2, at.clientY + 2];
          }
        }""",
        [name, panel],
    )
    assert found, f"no cell of the picture calls itself {name}"
    page.mouse.move(*found)


def readouts(page):
    return page.locator(".cg-readout").all_inner_texts()


# ---------------------------------------------------------------- the story arrives as it was told


@pytest.mark.parametrize("name", every_story())
def test_a_story_arrives_as_python_told_it(page, shown, name):
    story = every_story()[name]()
    shown(story)
    words, values, largest = page.evaluate(
        """(data) => {
          const story = new window.player.Story(data);
          const valuesAt = (at) => story.grids.map((grid) => grid.values.map((_, cell) => grid.value(cell, at)));
          return [
            story.steps.map((s) => [s.sentence, s.formula, s.numbers, s.line]),
            story.steps.map((_, at) => valuesAt(at)),
            story.grids.map((grid) => grid.largest),
          ];
        }""",
        to_json(story),
    )
    assert words == [[s.sentence, s.formula, s.numbers, story.line_number(s)] for s in story.steps]
    assert largest == pytest.approx(list(story.largest.values()), rel=2e-3)
    for at in range(len(story.steps)):
        expected = story.values_at(at)
        for (key, grid), given in zip(story.grids.items(), values[at], strict=True):
            given = np.array(given, dtype=float).reshape(grid.values.shape)
            close = 2e-3 * story.largest[key] if grid.picture else 1e-5 * story.largest[key]
            np.testing.assert_allclose(given, expected[key], atol=close, err_msg=f"{key} at frame {at}")


def cells_of_the_still(story, at):
    """Some cells as the still has them at frame `at`: the middle, counted in cells, and what the readout calls it."""
    frame = still.Frame(story, at, story.bounds, still.WIDTH)
    frame.unit = 1
    rng = np.random.default_rng(0)
    there = {key: grid for key, grid in story.grids.items() if at >= grid.appears}
    counts = {key: grid.folded or grid.values.size for key, grid in there.items()}
    # where one cell lies on another, the upper one answers
    upper = {frame._square(key, cell): key for key in there for cell in range(counts[key])}
    for key, grid in there.items():
        for cell in {0, counts[key] - 1, *rng.integers(0, counts[key], 12).tolist()}:
            left, top, right, bottom = frame._square(key, cell)
            if upper[left, top, right, bottom] == key:
                name = "This padding cell" if grid.is_filler(cell) else grid.cell_name(cell)
                yield (left + right) / 2, (top + bottom) / 2, name


# What the readout says to a point that is given in cells; the picture stands in the middle of its canvas.
POINT_IN_CELLS = """([[left, top, right, bottom], inLine, points]) => {
  const canvas = document.querySelector(".cg-picture");
  const { x, y, width, height } = canvas.getBoundingClientRect();
  const fitting = Math.min(inLine ? 64 : 46, (width - 4) / (right - left), 540 / (bottom - top));
  const unit = fitting < 15 ? fitting : Math.floor(fitting);
  const above = inLine ? 0 : Math.max(0, 14 - unit);
  return points.map(([across, down]) => {
    const clientX = x + width / 2 + (across - (left + right) / 2) * unit;
    const clientY = y + (height + above) / 2 + (down - (top + bottom) / 2) * unit;
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    return document.querySelector(".cg-readout").textContent;
  });
}"""


@pytest.mark.parametrize("name", every_story())
def test_cells_have_the_place_and_the_name_that_they_have_in_the_still(page, shown, name):
    story = every_story()[name]()
    shown(story, width=900)
    in_line = all(grid.ndim < 2 for grid in story.grids.values())
    for at in {0, len(story.steps) // 2, len(story.steps) - 1}:
        scrub(page, at)
        cells = list(cells_of_the_still(story, at))
        said = page.evaluate(POINT_IN_CELLS, [story.bounds, in_line, [cell[:2] for cell in cells]])
        for words, (*_, expected) in zip(said, cells, strict=True):
            assert words.startswith((f"{expected} = ", f"{expected} is still empty")), f"{words}, not {expected}"


def test_lines_run_from_edge_to_edge_as_in_the_still(page, shown, rng):
    shown(scatter())
    squares = [[*rng.uniform(0, 300, 2), rng.uniform(5, 40)] for _ in range(60)]
    boxes = [[x, y, x + side, y + side] for x, y, side in squares]
    pairs = "(all) => all.slice(1).map((one, n) => window.player.%s(all[n], one))"
    lines = page.evaluate(pairs % "between", squares)
    sides = page.evaluate(pairs % "facing", boxes)
    for n, (line, side) in enumerate(zip(lines, sides, strict=True)):
        np.testing.assert_allclose(line, still._between(boxes[n], boxes[n + 1]), atol=1.5)  # a pixel for the arrowhead
        np.testing.assert_allclose(side, still._facing(boxes[n], boxes[n + 1]))


def test_in_two_dimensions_the_kernel_lies_on_the_picture_and_every_product_can_be_read(page, shown):
    x, w = np.array([[3.0, 5, 4], [7, 1, 2], [6, 8, 9]]), np.array([[2.0, -3], [11, 7]])
    shown(frames.conv2d_single(x, w), before=WATCH_CANVAS)
    scrub(page, 2)
    found = {entry["text"]: entry["size"] for entry in page.evaluate("() => window.written")}
    for value, weight in zip(x[:2, 1:].ravel(), w.ravel(), strict=True):
        assert found[amount(value * weight)] > 12
        factors = f"{amount(value)}·{amount(weight)}".replace("−3", "(−3)")
        assert found[factors] >= 9


def test_several_kernels_on_one_picture_do_not_hide_each_other(page, shown):
    laid = """(data) => { const story = new player.Story(data);
      return story.steps.map((_, at) => player.laidIn(story, at).length); }"""
    shown(scatter())
    one = np.ones((2, 2))
    story = frames.conv2d_single(np.ones((3, 3)), one)
    assert page.evaluate(laid, to_json(story)) == [0, 1, 1, 1, 1, 0]
    grids = {**story.grids, "v": Grid("v", KERNEL, one)}
    flow = story.steps[1].flows[0]
    both = Step("", flows=(flow, Flow("y", flow.cells, (flow.factors[0], ("v", flow.factors[1][1])))))
    assert page.evaluate(laid, to_json(Story("", grids, [both]))) == [0]


def test_a_number_below_zero_has_a_minus_under_it(page, shown):
    count = """() => { const { fillRect } = CanvasRenderingContext2D.prototype; window.flat = 0;
      CanvasRenderingContext2D.prototype.fillRect = function (x, y, width, height) {
        if (width > 2 * height) window.flat += 1; fillRect.call(this, x, y, width, height); } }"""
    for value in (-2.0, 2.0):
        for side in (3, 24):  # with numbers in the cells, and without
            shown(Story("", {"x": Grid("x", INPUT, np.full((side, side), value))}, [Step("")]), before=count, width=300)
            page.evaluate("() => { window.flat = 0; window.dispatchEvent(new Event('resize')); }")
            scrub(page, 0)
            assert page.evaluate("() => window.flat") == (side * side if value < 0 else 0)


def hints(page):
    return page.locator(".cg-hint").all_inner_texts()


def show_another(page, count, turnable=()):
    """Show one more player, in which the numbers of some arrays can be changed; then there are `count`."""
    page.evaluate("([state, turnable]) => show(state, { turnable })", [state(gather()), list(turnable)])
    page.wait_for_function(
        "count => document.querySelectorAll('.cg-player[data-position]').length === count", arg=count
    )


def test_only_the_first_player_of_a_page_says_how_to_point(page, shown):
    shown(scatter())
    show_another(page, 2)
    first, second = hints(page)
    assert first.startswith("Point at a cell") and not second
    page.evaluate("() => closers[0]()")
    show_another(page, 2)
    assert hints(page)[1].startswith("Point at a cell")  # where the first one is gone, the next says it


def test_only_the_first_in_which_numbers_can_be_changed_says_so_and_no_other_leaves_room_for_it(page, shown):
    shown(scatter())
    for count in (2, 3):
        show_another(page, count, turnable=["w"])
    first, second, third = hints(page)
    assert first.startswith("Point") and second.startswith("Drag a number") and not third
    for player in range(3):
        bar, whole = (page.locator(part).nth(player).bounding_box() for part in (".cg-bar", ".cg-player"))
        below = whole["y"] + whole["height"] - bar["y"] - bar["height"]
        assert (below > 20) == (player < 2)


def test_stories_arrive_whatever_letters_are_in_them(page, shown):
    story = scatter()
    odd = Story("−½ · 𝟙 «ä»", story.grids, story.steps, story.code)
    shown(odd)
    assert page.inner_text(".cg-title") == odd.title


# ---------------------------------------------------------------- looking


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["conv1d", "conv2d_single", "max_pool2d_backward", "col2im"])
def test_every_number_is_shown_and_stands_out_from_its_cell(page, shown, name, colours):
    story = every_story()[name]()
    shown(story, colours=colours, before=WATCH_CANVAS)
    scrub(page, len(story.steps) - 1)
    numbers = [entry for entry in page.evaluate("() => window.written") if entry["size"] > 10]
    shown = Counter(entry["text"] for entry in numbers)
    values = story.values_at(len(story.steps) - 1).values()
    assert Counter(amount(value) for grid in values for value in grid.ravel()) <= shown
    for entry in numbers:
        if entry["text"] in map(amount, range(-30, 31)):
            assert contrast(entry["colour"], entry["under"] or colours["0"]) >= 4.5


def contrast(one, other):
    bright, dim = sorted((brightness(one), brightness(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def brightness(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_the_kernel_turns_in_the_first_step_of_the_gather(page, shown):
    shown(frames.conv1d_input_gradient_gather([1, 1], [0, 0, 0, 0], [41, 42, 43]), before=WATCH_CANVAS)
    read = """() => window.written.filter(({ text }) => /^4[123]$/.test(text)).sort((a, b) => a.x - b.x)
      .map(({ text }) => text)"""
    assert page.evaluate(read) == ["41", "42", "43"]
    scrub(page, 1)
    assert page.evaluate(read) == ["43", "42", "41"]


def test_what_no_window_reaches_is_hatched_when_the_story_has_found_it_out(page, shown):
    story = frames.conv1d([1, 1, 1, 1, 1, 7], [1, 1, 1], stride=2)
    count = """() => {  // only hatching clips
      window.clips = 0;
      const { clip } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.clip = function (...given) { window.clips += 1; clip.apply(this, given); };
    }"""
    shown(story, before=count)
    for at in range(len(story.steps)):
        page.evaluate("() => { window.clips = 0; }")
        scrub(page, at)
        assert (page.evaluate("() => window.clips") > 0) == (at == len(story.steps) - 1), at


@pytest.mark.parametrize("name", every_story())
def test_nothing_sticks_out_of_a_narrow_page(page, shown, name):
    shown(every_story()[name](), before=WATCH_CANVAS)
    for width in (720, 420):
        page.locator(".cg-player").evaluate("(p, width) => { p.parentElement.style.width = `${width}px` }", width)
        page.wait_for_function("width => document.querySelector('.cg-picture').clientWidth < width", arg=width)
        assert page.locator(".cg-player").evaluate("(player) => player.scrollWidth <= player.clientWidth")
        page.wait_for_function("""() => {  // once it is drawn in its new size
          const { width, height } = document.querySelector(".cg-picture").getBoundingClientRect();
          return window.reach[0] <= width && window.reach[1] <= height;
        }""")


@pytest.mark.parametrize("way", ["forward", "scatter"])
def test_a_long_line_leaves_its_names_room_on_a_narrow_page(page, shown, way):
    x, w = np.arange(10.0, 38), np.array([1.0, 2, -1])
    told = frames.conv1d(x, w) if way == "forward" else frames.conv1d_input_gradient_scatter(x[2:], x, w)
    shown(told, width=350, before=WATCH_CANVAS)
    for at in (0, 1, len(told.steps) - 1):
        scrub(page, at)
        noted = page.evaluate("() => window.written")
        names = [entry for entry in noted if entry["text"] in told.grids]
        assert len(names) >= 3 and min(entry["x"] - entry["width"] for entry in names) >= 0  # they end at their x
        assert page.evaluate("() => window.reach[0] <= document.querySelector('.cg-picture').clientWidth")
        assert len(noted) == len(names), "numbers that would hide each other are left out"


@pytest.mark.parametrize("name", ["conv2d", "weight_gradient", "input_gradient", "conv2d_single_input_gradient_gather"])
def test_in_a_narrow_place_grids_go_on_in_rows_so_that_their_numbers_can_be_read(page, shown, name):
    story = every_story()[name]()
    shown(story, width=350, before=WATCH_CANVAS)
    for at in (0, len(story.steps) // 2, len(story.steps) - 1):
        scrub(page, at)
        numbers = [amount(value) for values in story.values_at(at).values() for value in values[~np.isnan(values)]]
        sizes = [entry["size"] for entry in page.evaluate("() => window.written") if entry["text"] in numbers]
        assert len(sizes) >= len(numbers) and min(sizes) >= 6
    names = [entry for entry in page.evaluate("() => window.written") if entry["text"] in story.grids]
    for one, other in combinations(sorted(names, key=lambda name: name["x"]), 2):
        assert one["y"] != other["y"] or one["x"] + one["width"] <= other["x"]


def test_in_a_narrow_place_long_numbers_have_two_figures_and_letters_that_can_be_read(page, shown):
    weights = np.array([[0.0381, -0.713, 0.266], [0.798, -0.0544, -0.384], [-0.254, 0.581, 1.4]])
    story = frames.learning(0.3 ** np.arange(3), weights * np.ones((3, 1, 1)), np.round(weights, 1))
    shown(story, width=340, before=WATCH_CANVAS)
    sizes = {entry["text"]: entry["size"] for entry in page.evaluate("() => window.written")}
    assert {number(weight, 2) for weight in weights.ravel()} <= set(sizes)
    assert min(sizes[number(weight, 2)] for weight in weights.ravel()) >= 8


def test_names_that_stand_close_leave_the_names_of_other_arrays_their_size(page, shown):
    x, w = np.ones((2, 2, 4, 3)), np.ones((3, 2, 2, 3))  # so y is one column wide
    shown(frames.conv2d(x, w, np.ones(3)), width=350, before=WATCH_CANVAS)
    sizes = {entry["text"]: entry["size"] for entry in page.evaluate("() => window.written")}
    assert sizes["x[0, 0]"] == sizes["x[1, 1]"] >= 9.9 and sizes["w[0, 0]"] == sizes["w[2, 1]"] >= 9
    assert sizes["y[0, 0]"] == sizes["y[1, 2]"] < 9


def test_panels_below_each_other_are_as_high_as_their_own_picture(page, shown):
    shown(every_story()["conv2d_single"](), every_story()["weight_gradient"](), width=350)
    heights = page.locator(".cg-picture").evaluate_all("(all) => all.map((one) => one.clientHeight)")
    assert heights[0] < 0.7 * heights[1]


@pytest.mark.parametrize("width", [340, 560, 900])
def test_names_of_pictures_do_not_run_into_each_other_nor_over_the_edge(page, shown, width):
    story = every_story()["backward_walk"]()
    shown(story, width=width, before=WATCH_CANVAS)
    captions = {grid.caption for grid in story.grids.values()} - {" "}
    rows = {}
    for entry in page.evaluate("() => window.written"):
        if entry["text"] in captions:
            rows.setdefault(entry["y"], []).append((entry["x"], entry["x"] + entry["width"]))
    edge = page.locator(".cg-picture").bounding_box()["width"]
    assert sum(len(names) for names in rows.values()) == 14 and (len(rows) > 2) == (width == 340)
    for names in rows.values():
        starts = [start for start, _ in sorted(names)]
        assert all(end < start for (_, end), start in zip(sorted(names), [*starts[1:], edge], strict=True))


@pytest.mark.parametrize(("width", "stacked"), [(900, False), (720, False), (480, True)])
def test_panels_stand_level_or_below_each_other_where_cells_would_be_small(page, shown, width, stacked):
    shown(scatter(), gather(), width=width)
    tops = {
        part: [box["y"] for box in page.evaluate(
            "part => [...document.querySelectorAll(part)].map((one) => one.getBoundingClientRect().toJSON())", part)]
        for part in (".cg-title", ".cg-picture", ".cg-words", ".cg-formula")
    }  # fmt: skip
    assert all((above < below) if stacked else (above == below) for above, below in tops.values())
    assert page.locator(".cg-player").evaluate("(player) => player.scrollWidth <= player.clientWidth")


def test_the_dark_theme_is_taken_up_when_it_comes(page, shown):
    shown(scatter())
    before = page.evaluate("() => document.querySelector('.cg-picture').toDataURL()")
    page.evaluate("""() => {
      document.body.style.setProperty('--jp-layout-color0', '#111');
      document.body.style.setProperty('--jp-ui-font-color1', '#eee');
    }""")
    page.wait_for_function("before => document.querySelector('.cg-picture').toDataURL() !== before", arg=before)


def test_the_height_stays_the_same_while_the_story_plays(page, shown):
    shown(scatter(), gather())
    heights = set()
    for at in range(8):
        scrub(page, at)
        heights.add(page.locator(".cg-player").bounding_box()["height"])
    assert len(heights) == 1


# Notes every frame that is drawn in a picture: its box and the width of its line.
WATCH_FRAMES = """() => {
  window.framed = [];
  const { strokeRect, clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.className === "cg-picture") window.framed.length = 0;
    clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.strokeRect = function (x, y, width, height) {
    window.framed.push({ width, height, line: this.lineWidth, colour: this.strokeStyle });
    strokeRect.call(this, x, y, width, height);
  };
}"""


def test_cells_that_are_only_looked_at_are_framed_with_the_winner(page, shown):
    x = np.array([[1.0, 5, 2, 0], [3, 4, 1, 1], [0, 2, 9, 1], [1, 1, 3, 3]])
    story = frames.max_pool2d(x, 2)
    shown(story, before=WATCH_FRAMES)
    scrub(page, 2)
    framed = page.evaluate("() => window.framed.filter(({ line }) => line === 3)")
    of_x = [frame for frame in framed if frame["colour"] == PALETTE[INPUT].light_text]
    side = min(frame["width"] for frame in of_x)
    # the winner, and the window with its losers
    assert sorted((frame["width"] / side, frame["height"] / side) for frame in of_x) == [(1, 1), (2, 2)]


PIXELS = """() => {
  const canvas = document.querySelector(".cg-picture");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Map();
  for (let n = 0; n < data.length; n += 4) {
    const colour = [...data.slice(n, n + 3)].join();
    seen.set(colour, (seen.get(colour) ?? 0) + 1);
  }
  return Object.fromEntries(seen);
}"""


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", [INPUT, GRADIENT, KERNEL])
def test_a_picture_is_blue_above_zero_and_orange_below_and_framed_in_the_colour_of_its_role(page, shown, role, colours):
    grid = Grid("x", role, np.array([[1.0, -1, 0], [0, 0, 0]]), picture=True, scale=20)
    shown(Story("Signs", {"x": grid}, [Step("See.")]), colours=colours)
    seen = {tuple(map(int, colour.split(","))): count for colour, count in page.evaluate(PIXELS).items()}
    tone = 2 if colours is DARK else 0
    above, below = (rgb(SIGNS[sign][tone]) for sign in ("above", "below"))
    assert min(seen[above], seen[below]) > 0.9 * max(seen[above], seen[below]) > 1000
    assert seen[rgb(PALETTE[role][tone])] > 100


# ---------------------------------------------------------------- time


def test_it_plays_to_the_end_and_stops_there(page, shown):
    shown(scatter())
    page.select_option("select", "4")
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector(".cg-player[data-position='5']", timeout=10000)
    page.get_by_role("button", name="Play").wait_for(timeout=3000)
    assert "dx is complete" in page.inner_text(".cg-sentence")


# The timers that are still to ring.
WATCH_TIMERS = """() => {
  window.timers = new Set();
  const { setTimeout, clearTimeout } = window;
  window.setTimeout = (ring, ...when) => {
    const timer = setTimeout(() => { timers.delete(timer); ring(); }, ...when);
    timers.add(timer);
    return timer;
  };
  window.clearTimeout = (timer) => { timers.delete(timer); clearTimeout(timer); };
}"""


# The position in each of the next 60 frames
POSITIONS = """() => new Promise((done) => {
  const seen = [];
  const look = () => {
    seen.push(document.querySelector(".cg-player").dataset.position);
    if (seen.length < 60) requestAnimationFrame(look);
    else done(seen);
  };
  look();
})"""


def test_pause_stops_where_it_is(page, shown):
    shown(scatter())
    page.select_option("select", "4")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('.cg-player').dataset.position >= 1")
    page.get_by_role("button", name="Pause").click()
    here = position(page)
    assert here < 5
    assert set(page.evaluate(POSITIONS)) == {str(here)}  # a step takes 24 frames


def test_pause_leaves_no_timer_that_would_play_on_beside_the_next_play(page, shown):
    shown(scatter(), before=WATCH_TIMERS)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.timers.size === 1")
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("() => window.timers.size") == 0


def test_playing_at_the_end_starts_anew(page, shown):
    shown(scatter())
    scrub(page, 5)
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector(".cg-player[data-position='1']")


def test_the_slider_goes_to_any_frame(page, shown):
    shown(scatter())
    for at in (3, 1, 5, 0):
        scrub(page, at)
        assert position(page) == at
        assert page.inner_text(".cg-sentence") == scatter().steps[at].sentence


def test_buttons_step_both_ways_and_jump(page, shown):
    shown(scatter())
    seen = []
    for name in ("One step on", "One step on", "One step back", "Last frame", "First frame"):
        page.get_by_role("button", name=name).click()
        seen.append(position(page))
    assert seen == [1, 2, 1, 5, 0]


def test_keys_step_jump_and_play(page, shown):
    shown(scatter())
    page.focus(".cg-player")
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"):
        page.keyboard.press(key)
        seen.append(position(page))
    assert seen == [1, 2, 1, 5, 0]
    page.keyboard.press(" ")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play").wait_for()


def test_its_keys_reach_nobody_else(page, shown):
    shown(scatter())
    page.evaluate("() => { window.heard = []; document.addEventListener('keydown', (e) => window.heard.push(e.key)) }")
    page.focus(".cg-player")
    for key in ("ArrowRight", " ", "Home", "a"):
        page.keyboard.press(key)
    assert page.evaluate("() => window.heard") == ["a"]


def test_arrow_keys_on_the_slider_move_one_frame(page, shown):
    shown(scatter())
    page.focus(".cg-time input")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert position(page) == 2


def test_without_motion_a_step_is_done_at_once(page, shown):
    page.emulate_media(reduced_motion="reduce")
    shown(scatter(), before=WATCH_CANVAS)
    page.focus(".cg-player")
    page.keyboard.press("ArrowRight")
    at_once = written(page)
    page.evaluate(POSITIONS)
    assert written(page) == at_once
    assert at_once.count("−2") >= 3  # in w, in dy, and already in dx


def test_with_motion_the_amounts_travel_first(page, shown):
    shown(scatter(), before=WATCH_CANVAS)
    page.locator(".cg-picture").evaluate("""(canvas) => {
      window.pictures = new Set();
      const note = () => { pictures.add(canvas.toDataURL()); requestAnimationFrame(note) };
      note();
    }""")
    page.focus(".cg-player")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.pictures.size > 8")


# ---------------------------------------------------------------- a cell chosen


def test_pointing_at_a_cell_tells_what_it_collects(page, shown):
    story = scatter()
    shown(story)
    scrub(page, 5)
    point_at(page, "dx[3]")
    assert readouts(page) == ["dx[3] = 6 now; it collects in 3 steps: 4 + 0 + 2 = 6."]
    assert story.sum()["dx"][3] == 6
    page.keyboard.press("Tab")  # into the player, with the mouse still on the cell
    page.keyboard.press("Home")
    assert readouts(page) == ["dx[3] = 0 now; it collects in 3 steps: 4 + 0 + 2 = 6."]
    point_at(page, "dx[0]")
    assert readouts(page) == ["dx[0] = 0 now; it collects 1 in 1 step."]


def test_a_cell_that_waits_for_its_number_is_said_to_be_empty(page, shown):
    shown(frames.conv1d(X, W))
    point_at(page, "y[1]")
    assert readouts(page) == ["y[1] is still empty; it collects in 1 step: 1 + 0 + 4 = 5."]


def test_a_count_lights_what_was_added_where_it_counted(page, shown):
    story = every_story()["col2im"]()
    shown(story)
    shares = {
        key: page.evaluate(
            """([data, key]) => {
              const story = new window.player.Story(data);
              const n = story.byKey.get('coverage');
              const lit = story.litBy(story.partners[n][5], { grid: n, cell: 5 });
              return [...lit[story.byKey.get(key)]];
            }""",
            [to_json(story), key],
        )
        for key in ("x[0, 0]", "cols[0]")
    }
    assert shares["x[0, 0]"] == [5]
    read = {source[1] for step in story.steps for term in story.terms(step) for source in term.sources
            if term.target == ("x[0, 0]", 5)}  # fmt: skip
    assert set(shares["cols[0]"]) == read and len(read) == 4


def test_pointing_moves_nothing(page, shown):
    shown(every_story()["conv2d_single_input_gradient_gather"]())
    before = page.locator(".cg-player").bounding_box()
    for name in ("dx[1, 1]", "dy[1, 2]", "w[0, 1]"):
        point_at(page, name)
        assert page.locator(".cg-player").bounding_box() == before


def test_what_is_said_of_a_cell_takes_the_place_of_the_sentence_until_the_story_plays_on(page, shown):
    shown(scatter())
    scrub(page, 2)
    point_at(page, "dx[3]")
    assert not page.locator(".cg-sentence").is_visible() and page.locator(".cg-readout").is_visible()
    assert page.locator(".cg-formula").is_visible()
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function("() => document.querySelector('.cg-player').dataset.position >= 3")
    assert page.locator(".cg-sentence").is_visible() and not page.locator(".cg-readout").is_visible()


def test_pointing_at_a_source_tells_which_cells_it_feeds(page, shown):
    shown(frames.conv1d(X, W))
    point_at(page, "x[0]")
    assert readouts(page) == ["x[0] = 2 takes part in 1 step: gives 2 to y[0]. In all 2."]


def test_the_same_cell_is_lit_side_by_side(page, shown):
    shown(scatter(), gather())
    point_at(page, "dx[3]", panel=1)
    left, right = readouts(page)
    assert left.startswith("dx[3]") and right.startswith("dx[3]")
    assert left.endswith("= 6.") and right.endswith("= 6.")


def test_no_padding_is_lit_in_place_of_a_cell_that_only_the_other_story_has(page, shown):
    shown(frames.conv1d(X, W), frames.conv1d(X[:4], W, padding=1))
    point_at(page, "x[3]")
    assert all(words.startswith("x[3] = −2 takes part in") for words in readouts(page))
    point_at(page, "x[4]")  # which would be the name of the padding on the right
    assert readouts(page) == ["x[4] = −1 takes part in 2 steps: gives 2 to y[2], 0 to y[3]. In all 2.", ""]


def test_steps_of_the_chosen_cell_are_marked_on_the_time_line(page, shown):
    shown(scatter())

    def marks():
        return page.evaluate("""() => {
          const c = document.querySelector('.cg-time canvas');
          return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v);
        }""")

    assert not marks()
    point_at(page, "dx[3]")
    assert marks()


def test_a_click_keeps_the_choice_until_escape(page, shown):
    shown(scatter())
    point_at(page, "dy[1]")
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 5)
    assert readouts(page)[0].startswith("dy[1]")
    page.focus(".cg-player")
    page.keyboard.press("Escape")
    assert readouts(page) == [""] and page.locator(".cg-sentence").is_visible()


def test_cells_can_be_chosen_by_keyboard(page, shown):
    shown(scatter())
    page.focus(".cg-player")
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(f"Shift+{key}")
        said.append(readouts(page)[0].split()[0])
    assert said == ["dx[0]", "dx[1]", "w[0]", "dx[5]"]


def test_filler_cells_are_not_mistaken_for_others(page, shown):
    shown(frames.conv1d(X, W, padding=1))
    point_at(page, "This padding cell")
    assert "gives 0 to y[0]" in readouts(page)[0]


# ---------------------------------------------------------------- words, code and names


def test_the_line_of_code_of_a_step_is_marked(page, shown):
    shown(frames.avg_pool2d(np.ones((4, 4)), 2))
    open_code(page)
    assert page.locator(".cg-code pre").is_visible()  # avg_pool2d is no lab
    scrub(page, 2)
    assert "y[:, :, i, j]" in page.inner_text(".cg-code [aria-current]")


def open_code(page):
    page.get_by_role("button", name="The code").click()


def test_code_stands_behind_an_icon_that_opens_and_closes_it(page, shown):
    shown(frames.avg_pool2d(np.ones((4, 4)), 2), scatter())
    assert [page.locator(".cg-code").nth(n).is_visible() for n in range(2)] == [False, False]
    icon = page.get_by_role("button", name="The code")
    assert icon.get_attribute("aria-expanded") == "false"
    open_code(page)
    assert [page.locator(".cg-code").nth(n).is_visible() for n in range(2)] == [True, True]
    assert icon.get_attribute("aria-expanded") == "true"
    page.evaluate("state => models[0].set('stories', state)", state(frames.avg_pool2d(np.ones((3, 3)), 2)))
    page.wait_for_function("() => document.querySelectorAll('.cg-panel').length === 1")
    assert page.locator(".cg-code").is_visible()  # other numbers leave it open
    open_code(page)
    assert not page.locator(".cg-code").is_visible()
    page.evaluate(
        "state => models[0].set('stories', state)", state(Story("", {"x": Grid("x", INPUT, X[None])}, [Step("")]))
    )
    page.wait_for_function("() => !document.querySelector('.cg-code')")
    assert not page.get_by_role("button", name="The code").is_visible()  # no code, no icon


# Of every line of code: whether it is lit, and what stands at its end
BESIDE = """() => [...document.querySelectorAll(".cg-code pre span")].map((line) =>
  [line.hasAttribute("aria-current"), getComputedStyle(line, "::after").content.replace(/^(none|normal)$/, '""')])"""


@pytest.mark.parametrize("width", [720, 460])
def test_the_variables_of_the_loop_stand_beside_the_lit_line_or_above_where_there_is_no_room(page, shown, width):
    story = frames.avg_pool2d(np.arange(16.0).reshape(4, 4), 2)
    shown(story, width=width)
    open_code(page)
    heights = set()
    for at, step in enumerate(story.steps):
        scrub(page, at)
        heights.add(page.locator(".cg-code").bounding_box()["height"])
        assert page.locator(".cg-beside").is_visible() == (width == 460)
        lit = [after for is_lit, after in page.evaluate(BESIDE) if is_lit]
        assert lit == ([f'"{step.beside}"'] if step.line and width == 720 else ['""'] * bool(step.line))
        assert page.locator(".cg-beside").text_content() == step.beside
    assert len(heights) == 1 and story.steps[2].beside == "i = 0, j = 1, mean 4.5"


def test_code_that_gives_a_lab_away_is_closed(page, shown, monkeypatch):
    monkeypatch.setattr("course_lib.progress.solved", lambda name: False)
    shown(scatter())
    open_code(page)
    assert page.locator(".cg-code details").get_attribute("open") is None
    assert not page.locator(".cg-code pre").is_visible()
    assert page.inner_text(".cg-code summary") == "This gives away the lab conv1d_input_gradient_scatter"
    page.click(".cg-code summary")
    assert page.locator(".cg-code pre").is_visible()


def test_code_of_a_solved_lab_is_shown_by_the_icon_alone(page, shown, monkeypatch):
    monkeypatch.setattr("course_lib.progress.solved", lambda name: name == "conv1d_input_gradient_scatter")
    shown(scatter())
    open_code(page)
    assert page.locator(".cg-code pre").is_visible()


def test_a_screen_reader_is_told_what_it_is_and_what_happens(page, shown):
    shown(scatter(), gather())
    group = page.get_by_role("group", name="Animation: Input gradient by scatter: dx; Input gradient by gather: dx")
    assert group.count() == 1
    assert all(page.get_by_role("button").nth(n).get_attribute("aria-label") for n in range(5))
    scrub(page, 2)
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "frame 2 of 8"
    assert scatter().steps[1].sentence in page.locator("canvas.cg-picture").first.get_attribute("aria-label")
    assert page.get_attribute(".cg-panels", "aria-live") == "polite"
    page.get_by_role("button", name="Play").click()
    assert page.get_attribute(".cg-panels", "aria-live") == "off"


def test_words_of_a_story_are_never_read_as_html(page, shown):
    story = scatter()
    hostile = Story("<img src=x onerror=alert(1)>", story.grids, story.steps, story.code)
    shown(hostile)
    assert page.inner_text(".cg-title") == "<img src=x onerror=alert(1)>"
    assert page.locator(".cg-player img").count() == 0


# ---------------------------------------------------------------- a model that changes, a view that goes


def test_another_story_takes_the_place_of_the_first(page, shown):
    shown(scatter())
    scrub(page, 3)
    page.evaluate("state => models[0].set('stories', state)", state(frames.conv1d(X, W)))
    page.get_by_role("heading", name="Forward: y = conv1d(x, w)").wait_for()
    assert page.locator(".cg-title").count() == 1 and position(page) == 3


def test_stories_that_are_unpacked_too_late_are_not_shown(page, shown):
    shown(scatter())
    large = state(*[frames.conv2d_single(np.ones((28, 28)), np.ones((3, 3)))] * 3)
    titles = page.evaluate(
        """async ([large, small]) => {
          const title = () => document.querySelector(".cg-player").innerText.split("\\n")[0];
          const later = async () => { for (let n = 0; n < 3; n++) await window.player.unpacked(large.packed); };
          models[0].set("stories", large);
          models[0].set("stories", small);
          await later();
          const titles = [title()];
          models[0].set("stories", large);
          models[0].set("stories", { message: "This does not fit." });
          await later();
          return [...titles, title()];
        }""",
        [large, state(frames.conv1d(X, W))],
    )
    assert titles == ["Forward: y = conv1d(x, w)", "This does not fit."]


def test_an_impossible_geometry_shows_its_sentence(page, shown):
    shown(scatter())
    page.evaluate("() => models[0].set('stories', { message: 'This does not fit: kernel_size 5.' })")
    assert page.inner_text(".cg-player") == "This does not fit: kernel_size 5."
    page.focus(".cg-player")
    page.keyboard.press("ArrowRight")


# The observers that watch a player, or the page for it
WATCH_OBSERVERS = """() => {
  window.watching = new Set();
  for (const name of ["ResizeObserver", "MutationObserver"]) {
    const { observe, disconnect } = window[name].prototype;
    window[name].prototype.observe = function (node, ...how) {
      if (node === document.body || node.className === "cg-player") watching.add(this);
      observe.call(this, node, ...how);
    };
    window[name].prototype.disconnect = function () {
      watching.delete(this);
      disconnect.call(this);
    };
  }
}"""


def test_a_closed_view_leaves_nothing_behind(page, shown):
    shown(
        scatter(),
        before=f"() => {{ ({WATCH_TIMERS})(); ({WATCH_OBSERVERS})(); }}",
    )
    assert page.evaluate("() => watching.size") == 2
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('.cg-player').dataset.position >= 1")
    page.evaluate("() => closers[0]()")
    assert page.locator(".cg-player").count() == 0
    assert page.evaluate("() => models[0].listeners['change:stories'].length") == 0
    assert page.evaluate("() => watching.size") == 0
    assert page.evaluate("() => window.timers.size") == 0
    drawn = page.evaluate("""() => new Promise((done) => {
      const { clearRect } = CanvasRenderingContext2D.prototype;
      let [drawn, frames] = [0, 0];
      CanvasRenderingContext2D.prototype.clearRect = function (...a) { drawn += 1; clearRect.apply(this, a) };
      const look = () => ++frames < 30 ? requestAnimationFrame(look) : done(drawn);
      look();
    })""")
    assert drawn == 0


# ---------------------------------------------------------------- a film on request


SAVE = "Save as a GIF beside the notebook"


def test_where_no_kernel_can_be_asked_there_is_no_button_that_saves(page, shown):
    shown(scatter())
    assert page.get_by_role("button", name=SAVE).count() == 0


def test_the_button_asks_the_kernel_and_shows_the_files_that_it_names(page, shown):
    shown(scatter())
    page.evaluate(
        """(state) => {
          closers[0]();
          window.sent = [];
          show(state, {}, (content) => sent.push(content));
        }""",
        state(scatter()),
    )
    page.get_by_role("button", name=SAVE).click()
    assert page.evaluate("() => sent") == [{"save": "gif"}]
    assert page.inner_text(".cg-films") == "Drawing …"
    answer = """(content, texts) => {
      const files = texts?.map((text) => new DataView(new TextEncoder().encode(text).buffer));
      for (const callback of models.at(-1).listeners["msg:custom"]) callback(content, files);
    }"""
    page.evaluate(f"() => ({answer})({{ saved: ['dx.gif', '<b>.gif'] }}, ['GIF8one', 'GIF8two'])")
    assert page.inner_text(".cg-films") == "Saved beside the notebook: dx.gif, <b>.gif"
    links = page.evaluate("""() => Promise.all([...document.querySelectorAll(".cg-films a")].map(async (link) =>
      [link.download, await (await fetch(link.href)).text()]))""")
    assert links == [["dx.gif", "GIF8one"], ["<b>.gif", "GIF8two"]]
    page.evaluate(f"() => ({answer})({{ failed: 'The file cannot be written here.' }})")
    assert page.inner_text(".cg-films") == "The file cannot be written here."
