"""Anything at all, said by a page to a widget: taken where it is what it should be, and otherwise as if never said.

Never an exception, never a picture of something else than what the controls say. And anything at all, given to the
functions that make stories: a story that can be sent and drawn, or a sentence that names an argument.
"""

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import anything, arrays_like
from test_fuzz import sentence_or_result
from traitlets import TraitError

from course_lib import flow, frames, training
from course_lib.layers import Conv2d, Flatten, Linear, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD
from course_lib.widgets import still
from course_lib.widgets.dashboard import Dashboard
from course_lib.widgets.digit_pad import PAD, DigitPad
from course_lib.widgets.explorer import explore
from course_lib.widgets.flow_explorer import explore_flow
from course_lib.widgets.player import play, portable

pytestmark = pytest.mark.slow
SAID = st.recursive(  # what JSON can say, and what Python reads from it: NaN, infinity, integers without bound
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def states(*names):
    """What a page may call the state of a widget that has these traits: not even a state, perhaps."""
    return SAID | st.dictionaries(st.sampled_from(names), SAID)


# ---------------------------------------------------------------- players, boards and pads

X, W = np.array([2.0, 1, 0, -2, -1, 3]), np.array([1.0, 0, -2])


@given(states("stories", "_esm", "_css", "layout"))
def test_a_player_takes_nothing_from_its_page(state):
    player = play(frames.conv1d(X, W))
    before = copy.deepcopy(player.get_state(["stories", "_esm", "_css", "layout"]))
    player.set_state(state)
    assert player.get_state(["stories", "_esm", "_css", "layout"]) == before


@pytest.fixture(scope="module")
def board():
    rng = np.random.default_rng(0)
    model = Sequential(Conv2d(1, 2, 3, rng=rng), Flatten(), Linear(72, 3, rng=rng))
    board, x = Dashboard(), rng.random((8, 1, 8, 8))
    loss, optimizer = CrossEntropyLoss(), SGD(model.parameters(), 0.1)
    training.fit(model, loss, optimizer, x, np.arange(8) % 3, epochs=2, batch_size=4, rng=rng, watch=board)
    return board.board


TRAITS = ["now", "curve", "news", "passed", "filters", "norms", "colours"]


@given(state=states(*TRAITS))
def test_a_board_takes_nothing_from_its_page_but_knocks(board, state):
    before = copy.deepcopy(board.get_state(TRAITS))
    board.set_state(state)
    assert board.get_state(TRAITS) == before


@given(content=SAID | st.fixed_dictionaries({}, optional={"knock": SAID | st.integers(), "wish": SAID}))
def test_a_knock_without_a_known_wish_is_answered_at_most(board, content):
    answers, board.wish = [], training.GO_ON
    board.send = answers.append
    board._knocked(board, content, [])
    assert board.wish == training.GO_ON
    counted = isinstance(content, dict) and isinstance(content.get("knock"), int)
    assert answers == ([{"heard": content["knock"]}] if counted else [])


@pytest.fixture(scope="module")
def pad():
    rng = np.random.default_rng(0)
    return DigitPad(Sequential(Flatten(), Linear(784, 10, rng=rng)), rng.random((3, 1, 28, 28)))


PLACES = st.integers(-PAD, 2 * PAD) | st.floats(-PAD, 2 * PAD) | SAID
STROKES = st.lists(st.lists(st.lists(PLACES, min_size=2, max_size=2) | SAID, min_size=1, max_size=3) | SAID, max_size=3)
DRAWINGS = st.fixed_dictionaries(
    {},
    optional={"number": st.integers(0, 9) | SAID, "strokes": STROKES | SAID, "example": st.integers(-1, 3) | SAID},
)


@given(state=st.fixed_dictionaries({"drawing": DRAWINGS}) | states("drawing", "reading", "settings"))
@settings(max_examples=400)
def test_a_pad_answers_a_drawing_and_stays_as_it_was_when_it_is_sent_something_else(pad, state):
    traits = ["drawing", "reading", "settings"]
    before = copy.deepcopy(pad.get_state(traits))
    pad.set_state(state)
    assert pad.settings == before["settings"]
    assert pad.reading["number"] == pad.drawing["number"]
    if pad.drawing != before["drawing"]:
        assert pad.drawing == {name: state["drawing"][name] for name in ("number", "strokes", "example")}
    else:
        assert pad.get_state(traits) == before
    json.dumps(pad.get_state(["drawing"]), allow_nan=False)
    if "probabilities" in pad.reading:
        assert sum(pad.reading["probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize("drawing", [
    {}, {"number": 1, "strokes": []}, {"number": 1, "strokes": [[]], "example": None},
    {"number": 1, "strokes": [[[0, np.nan]]], "example": None}, {"number": 1, "strokes": [], "example": 3},
    {"number": True, "strokes": [], "example": None}, {"number": 1, "strokes": [[[0, 10**400]]], "example": 0},
])  # fmt: skip
def test_what_is_no_drawing_is_refused_in_a_sentence(pad, drawing):
    with pytest.raises(TraitError, match=r"^drawing must have .* below 3\), but is \{"):
        pad.drawing = drawing


# ---------------------------------------------------------------- controls


def say(control, message):
    """A message of the page to one of ipywidgets' own controls, which refuse what they cannot be with a TraitError."""
    try:
        control.set_state(message)
    except TraitError:
        pass


MOVES = st.fixed_dictionaries({}, optional={"value": st.integers(-1, 50) | SAID, "index": st.integers(-1, 4) | SAID})


@pytest.fixture(scope="module")
def flows():
    explorer = explore_flow(depth=3)
    explorer._controls["depth"].max = 6  # a deep network takes long to measure
    return explorer


@given(name=st.sampled_from(["depth", "start", "activation", "batch_norm", "residual"]), move=MOVES)
@settings(max_examples=60)
def test_the_picture_of_flows_is_always_that_of_its_controls(flows, name, move):
    say(flows._controls[name], move)
    assert flows.readings == flow.deep_flow(**flows.settings)
    assert flows.settings["start"] in flow.STARTS and flows.settings["activation"] in flow.ACTIVATIONS


@pytest.fixture(scope="module")
def pools():
    return explore(frames.max_pool2d_backward, size=4, kernel_size=2, rng=np.random.default_rng(0))


@given(name=st.sampled_from(["x rows", "k columns", "stride", "padding", "ties"]), move=MOVES)
@settings(max_examples=150)
def test_an_explorer_shows_what_its_controls_say_or_a_sentence(pools, name, move):
    say(pools._sliders[name], move)
    if "message" in pools._player.stories:
        assert pools._player.stories["message"].startswith("This does not fit: ")
    else:
        expected = frames.max_pool2d_backward(
            *(parsed(pools._fields[name].value) for name in ("dy", "x")),
            tuple(pools._sliders[f"k {axis}"].value for axis in ("rows", "columns")),
            *(pools._sliders[name].value for name in ("stride", "padding", "ties")),
        )  # fmt: skip
        assert pools._player.stories["stories"] == [portable(expected)]


def parsed(text):
    return np.array([[float(value) for value in row.split(",")] for row in text.split(";")])


NUMBERS = st.integers(-9, 9).map(str) | st.floats().map(str) | st.text(max_size=4)
ROWS = st.lists(NUMBERS, min_size=1, max_size=40).map(", ".join)
TYPED = st.text(max_size=30) | st.lists(ROWS, max_size=30).map("; ".join)


@pytest.fixture(scope="module")
def convolutions():
    return explore(frames.conv2d_single, size=4, kernel_size=2, rng=np.random.default_rng(0))


@given(name=st.sampled_from(["x", "w"]), text=TYPED)
@settings(max_examples=300)
def test_whatever_is_typed_is_shown_or_answered_in_a_sentence(convolutions, name, text):
    say(convolutions._fields[name], {"value": text})
    stories = convolutions._player.stories
    if "message" in stories:
        assert stories["message"].startswith("This does not fit: ") and len(stories["message"]) < 400
        return
    (story,) = convolutions._player.stories_shown
    shown = story.grids[name].inside
    np.testing.assert_allclose(shown, parsed(convolutions._fields[name].value.replace("−", "-")), rtol=1e-5)
    json.dumps(stories, allow_nan=False)


# ---------------------------------------------------------------- stories


def some(*shape):
    return np.random.default_rng(0).integers(-3, 4, shape).astype(float)


GEOMETRY = {"stride": 1, "padding": 0}
POOL = {"kernel_size": 2, "stride": 1, "padding": 0}
ARRAYS = {  # each function with arrays by name that go together, and its other arguments
    frames.conv1d: ({"x": some(5), "w": some(2)}, GEOMETRY),
    frames.conv1d_weight_gradient: ({"dy": some(4), "x": some(5), "w": some(2)}, GEOMETRY),
    frames.conv1d_input_gradient_scatter: ({"dy": some(4), "x": some(5), "w": some(2)}, GEOMETRY),
    frames.conv1d_input_gradient_gather: ({"dy": some(4), "x": some(5), "w": some(2)}, GEOMETRY),
    frames.conv2d_single: ({"x": some(4, 3), "w": some(2, 2)}, GEOMETRY | {"dilation": 1}),
    frames.conv2d_single_weight_gradient: ({"dy": some(3, 2), "x": some(4, 3), "w": some(2, 2)}, GEOMETRY),
    frames.conv2d_single_input_gradient_scatter: ({"dy": some(3, 2), "x": some(4, 3), "w": some(2, 2)}, GEOMETRY),
    frames.conv2d_single_input_gradient_gather: ({"dy": some(3, 2), "x": some(4, 3), "w": some(2, 2)}, GEOMETRY),
    frames.conv2d: ({"x": some(1, 2, 3, 3), "w": some(2, 2, 2, 2), "b": some(2)}, GEOMETRY),
    frames.bias_gradient: ({"dy": some(2, 2, 2, 2)}, {}),
    frames.weight_gradient: ({"dy": some(1, 2, 2, 2), "x": some(1, 2, 3, 3), "w": some(2, 2, 2, 2)}, GEOMETRY),
    frames.input_gradient: ({"dy": some(1, 2, 2, 2), "x": some(1, 2, 3, 3), "w": some(2, 2, 2, 2)}, GEOMETRY),
    frames.im2col: ({"x": some(2, 3, 3)}, POOL),
    frames.col2im: ({"cols": some(4, 4)}, POOL | {"output_size": 3}),
    frames.max_pool2d: ({"x": some(3, 3)}, POOL),
    frames.max_pool2d_backward: ({"dy": some(2, 2), "x": some(3, 3)}, POOL | {"ties": "split"}),
    frames.avg_pool2d: ({"x": some(3, 3)}, POOL),
    frames.avg_pool2d_backward: ({"dy": some(2, 2)}, POOL | {"input_shape": (3, 3)}),
    frames.conv_transpose2d: ({"x": some(2, 2), "w": some(2, 2)}, GEOMETRY | {"output_padding": 0, "dilation": 1}),
    frames.learning: ({"losses": np.ones(3), "weights": some(3, 2, 2), "kernel": some(2, 2)}, {"name": "blur"}),
}
MORE_NAMES = ["kernel_size", "output_size", "input_shape", "stride", "padding", "size", "weights"]


def test_every_story_of_arrays_is_tried():
    assert {function.__name__ for function in ARRAYS} == set(frames.__all__) - {"backward_walk"}


@given(st.sampled_from(list(ARRAYS)), st.data())
@settings(max_examples=1000)
def test_a_story_is_made_of_anything_or_refuses_it_in_a_sentence(function, data):
    arrays, others = ARRAYS[function]
    given = arrays | others
    name = data.draw(st.sampled_from(sorted(given)))
    given[name] = data.draw(arrays_like(arrays[name].shape) if name in arrays else anything)
    before = copy.deepcopy(arrays)
    story = sentence_or_result(lambda: function(**given), [*given, *MORE_NAMES])
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, before[key])
    if story is not None:
        json.dumps(portable(story), allow_nan=False)


@pytest.mark.parametrize("size", [np.inf, -np.inf, 1e101, 1e308])
@pytest.mark.parametrize("function", list(ARRAYS))
def test_a_number_too_large_to_be_drawn_is_refused_by_its_place(function, size):
    arrays, others = ARRAYS[function]
    for name, array in arrays.items():
        large = array.copy()
        large.flat[-1] = size
        with pytest.raises(ValueError, match=rf"^{name} must be (within ±1e\+?100 to be drawn|numbers, none below 0)"):
            function(**(arrays | others | {name: large}))


@pytest.mark.parametrize("function", list(ARRAYS))
def test_the_largest_and_the_smallest_numbers_can_be_sent_and_drawn(function):
    arrays, others = ARRAYS[function]
    for size in (1e100, 1e-300):
        story = function(**{name: np.abs(array) * size / 3 for name, array in arrays.items()}, **others)
        json.dumps(portable(story), allow_nan=False)
        assert still.png(story)
