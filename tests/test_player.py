"""The player's Python half: what it sends, what it leaves behind as a picture, and the controls around it."""

import base64
import io
import json
import re
import zlib

import numpy as np
import pytest
from PIL import Image
from stories import every_story

from course_lib import frames, layers, looks
from course_lib.widgets import still
from course_lib.widgets.explorer import explore
from course_lib.widgets.player import Player, packed, play, to_json

X, W, DY = np.array([2.0, 1, 0, -2, -1, 3]), np.array([1.0, 0, -2]), np.array([1.0, -2, 3, 2])


def scatter():
    return frames.conv1d_input_gradient_scatter(DY, X, W)


def picture(data):
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.fixture(params=every_story())
def story(request):
    return every_story()[request.param]()


# ---------------------------------------------------------------- what is sent


def test_what_is_sent_is_plain_json(story):
    sent = to_json(story)
    assert json.loads(json.dumps(sent)) == json.loads(json.dumps(sent, allow_nan=False))


def size(story):
    """Of what is sent, in bytes."""
    return len(packed([story]))


def test_what_is_sent_is_the_story_made_small(story):
    text = zlib.decompress(base64.b64decode(packed([story])))
    assert json.loads(text) == [json.loads(json.dumps(to_json(story)))]


def test_every_kind_of_story_is_small(story):
    assert size(story) <= 20_000


@pytest.mark.slow
def test_the_largest_stories_stay_below_100_kilobytes(rng):
    x, w, dy = rng.standard_normal((28, 28)), rng.standard_normal((3, 3)), rng.standard_normal((26, 26))
    image = rng.random((1, 1, 28, 28))
    for large in (
        frames.conv2d_single(x, w),
        frames.conv2d_single_weight_gradient(dy, x, w),
        frames.conv2d_single_input_gradient_scatter(dy, x, w),
        frames.conv2d_single_input_gradient_gather(dy, x, w),
        frames.max_pool2d_backward(dy, x, 3, 1),
        frames.backward_walk(mnist_network(rng), image, np.array([3])),
        frames.learning(np.geomspace(1, 1e-9, 60), rng.standard_normal((60, 3, 3)), w),
    ):
        assert size(large) <= 100_000, large


def mnist_network(rng):
    return layers.Sequential(
        layers.Conv2d(1, 32, 3, rng=rng), layers.ReLU(), layers.MaxPool2d(2), layers.Conv2d(32, 64, 3, rng=rng),
        layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(), layers.Dropout(0.5, rng=rng),
        layers.Linear(1600, 10, rng=rng),
    )  # fmt: skip


def test_code_is_secret_until_its_lab_is_solved(monkeypatch):
    monkeypatch.setattr("course_lib.progress.solved", lambda name: False)
    assert to_json(scatter())["code"]["secret"]
    monkeypatch.setattr("course_lib.progress.solved", lambda name: name == "conv1d_input_gradient_scatter")
    assert not to_json(scatter())["code"]["secret"]


def test_code_of_no_lab_is_no_secret(monkeypatch):
    monkeypatch.setattr("course_lib.progress.solved", lambda name: False)
    assert not to_json(frames.avg_pool2d(np.ones((2, 2)), 2))["code"]["secret"]


def test_without_matching_code_there_is_no_panel():
    dilated = frames.conv2d_single(np.ones((5, 5)), np.ones((2, 2)), dilation=2)
    assert to_json(dilated)["code"] is None


# ---------------------------------------------------------------- what play takes


def test_play_refuses_what_is_no_story():
    with pytest.raises(TypeError, match="play needs stories"):
        play(np.ones(3))
    with pytest.raises(TypeError, match="at least one story"):
        play()


def test_a_shown_story_can_be_replaced():
    player = play(scatter())
    player.show(frames.conv1d(X, W))
    assert [story.title for story in player.stories_shown] == ["Forward: y = conv1d(x, w)"]
    assert player.stories == {"packed": packed(player.stories_shown)}


# ---------------------------------------------------------------- the still picture


def test_every_output_has_a_picture_and_words_without_an_address():
    for widget in (play(scatter()), explore(frames.conv1d, rng=np.random.default_rng(0))):
        data, metadata = widget._repr_mimebundle_()
        assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
        assert picture(data["image/png"]).width == 2 * metadata["image/png"]["width"] == 1440
        assert data["text/plain"].startswith("Animation: ")
        assert not re.search(r"0x[0-9a-f]{6}|object at", data["text/plain"])


@pytest.mark.sampled(6)
def test_a_picture_is_clear_where_nothing_is_drawn_small_and_not_empty(story):
    picture = still.png(story)
    assert len(picture) < 130_000
    image = Image.open(io.BytesIO(picture))
    assert image.mode == "P" and 200 < image.height < 2600
    image = image.convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0
    assert len(image.getcolors()) > 20
    opacity = np.asarray(image)[..., 3]
    assert np.mean(opacity == 0) > 0.35, "a slab"
    assert np.mean(opacity > 250) > 0.02, "nothing to see"


@pytest.mark.parametrize("paper", [looks.PAPER.light, looks.PAPER.dark])
def test_every_ink_of_a_picture_stands_out_from_any_page(paper):
    ground = looks.brightness(looks.rgb(paper))
    for ink in (still.ANY.ink, *still.ANY.texts.values(), *still.ANY.lines.values()):
        bright, dim = sorted((ground, looks.brightness(ink)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) > 4, ink


def test_a_picture_is_the_same_every_time():
    assert still.png(scatter()) == still.png(scatter())


def test_a_picture_shows_the_first_a_middle_and_the_last_moment(monkeypatch):
    drawn = []
    monkeypatch.setattr(still.Pen, "text", lambda pen, x, y, words, *rest, **more: drawn.append(words))
    still.png(scatter())
    assert [words for words in drawn if words.startswith("Frame")] == ["Frame 1 of 5", "Frame 3 of 5", "Frame 5 of 5"]
    for value in scatter().sum()["dx"]:
        assert drawn.count(f"{value:g}".replace("-", "−")) >= 1
    assert "+= 3 · (1, 0, −2) = (3, 0, −6)" in drawn


def test_a_picture_counts_the_rows_and_columns_of_its_grids(monkeypatch):
    drawn = []

    def write(pen, x, y, words, colour=None, *rest, **more):
        drawn.append((words, colour))

    monkeypatch.setattr(still.Pen, "text", write)
    still.png(frames.conv2d_single(np.full((4, 5), 9.0), np.full((2, 3), 9.0)))
    counts = [words for words, colour in drawn if colour == still.ANY.soft and words.isdigit()]
    one_moment = [*"0123", *"01234", *"01", *"012", *"012", *"012"]  # rows and columns of x, of w and of y
    assert sorted(counts) == sorted(3 * one_moment)


def test_displaying_a_player_sends_a_hidden_picture_before_it(monkeypatch):
    shown = []
    monkeypatch.setattr("course_lib.widgets.player.display", lambda data, **options: shown.append(data))
    play(scatter())._ipython_display_()
    hidden, output = shown
    assert list(hidden) == ["text/html"] and {"image/png", "text/plain"} < set(output)
    assert output["image/png"] in hidden["text/html"]
    assert "<img" not in hidden["text/html"]  # or it would show twice where style sheets are removed


def test_words_of_a_hidden_picture_are_escaped():
    page = still.fallback_html(base64.b64encode(still.png(scatter())).decode(), '"><script>alert(1)</script>')
    assert "<script>" not in page


def test_a_message_in_place_of_stories_has_no_picture():
    player = Player()
    player.explain("This does not fit.")
    data, _ = player._repr_mimebundle_()
    assert "image/png" not in data and player.stories == {"message": "This does not fit."}


# ---------------------------------------------------------------- controls


def explorer(*stories, **options):
    return explore(*stories, rng=np.random.default_rng(0), **options)


def message(box):
    return box._player.stories.get("message")


def test_a_slider_recomputes_the_stories_once():
    made = []

    def counted(x, w, stride=1, padding=0):
        made.append((stride, padding))
        return frames.conv1d(x, w, stride, padding)

    counted.__name__ = "conv1d"
    box = explorer(counted)
    made.clear()
    box._sliders["stride"].value = 2
    assert made == [(2, 0)]
    box._sliders["padding"].value = 1
    box._sliders["x size"].value = 7
    assert made == [(2, 0), (2, 1), (2, 1)]


def test_numbers_stay_while_their_shape_fits():
    box = explorer(frames.conv1d_input_gradient_scatter, x=X, w=W, dy=DY)
    assert box._fields["dy"].value == "1, -2, 3, 2"
    box._sliders["padding"].value = 1
    assert box._fields["x"].value == "2, 1, 0, -2, -1, 3"
    assert len(box._fields["dy"].value.split(",")) == 6


def test_new_numbers_keep_the_sizes():
    box = explorer(frames.conv2d_single, size=(4, 5), kernel_size=(2, 3))
    before = box._fields["x"].value
    box.children[1].children[-1].click()
    assert box._fields["x"].value != before
    assert box._player.stories_shown[0].grids["x"].values.shape == (4, 5)
    assert box._player.stories_shown[0].grids["w"].values.shape == (2, 3)


def test_typed_numbers_are_shown_and_move_the_sliders():
    box = explorer(frames.conv1d, x=X, w=W)
    box._fields["x"].value = "1, 2, 3, −4"
    np.testing.assert_array_equal(box._player.stories_shown[0].grids["x"].values, [[1, 2, 3, -4]])
    assert box._sliders["x size"].value == 4
    box = explorer(frames.conv2d_single)
    box._fields["w"].value = "1, 2; 3, 4; 5, 6"
    np.testing.assert_array_equal(box._player.stories_shown[0].grids["w"].values, [[1, 2], [3, 4], [5, 6]])


def test_a_matrix_is_typed_in_a_field_with_as_many_lines_as_rows():
    box = explorer(frames.conv2d_single, x=[[1, -20], [3, 4], [5, 6]], w=[[1]])
    assert box._fields["x"].value == "  1, -20\n  3,   4\n  5,   6" and box._fields["x"].rows == 3
    box._fields["x"].value = "1, 2\n\n3, 4\n5, 6\n7, −8\n"
    np.testing.assert_array_equal(box._player.stories_shown[0].grids["x"].values, [[1, 2], [3, 4], [5, 6], [7, -8]])
    assert box._fields["x"].value == " 1,  2\n 3,  4\n 5,  6\n 7, -8" and box._fields["x"].rows == 4
    assert box._sliders["x rows"].value == 4


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("x", "1, two", "x must be numbers between commas, but is '1, two'"),
        ("x", "1, 2; 3, 4", "x must be one row of numbers"),
        ("x", "", "x must"),
        ("w", "1, nan, 2", "w must not contain NaN"),
        ("w", "1, inf, 2", "w must be within ±1e+100 to be drawn, but w[1] is inf"),
        ("x", ", ".join(["1"] * 29), "x must have at most 28 numbers in a row"),
        ("dy", "1, 2", "dy must have shape (4,)"),
        ("w", "1, 2, 3, 4, 5, 6, 7, 8", "must not exceed the padded input"),
    ],
)
def test_what_cannot_be_read_or_does_not_fit_is_said_in_a_sentence(field, typed, sentence):
    box = explorer(frames.conv1d_input_gradient_scatter, x=X, w=W, dy=DY)
    box._fields[field].value = typed
    assert message(box).startswith("This does not fit: ") and sentence in message(box)
    box._fields[field].value = {"x": "2, 1, 0, -2, -1, 3", "w": "1, 0, -2", "dy": "1, -2, 3, 2"}[field]
    assert message(box) is None


@pytest.mark.parametrize(
    "kind",
    [
        frames.conv1d, frames.conv1d_input_gradient_gather, frames.conv2d_single,
        frames.conv2d_single_input_gradient_scatter, frames.im2col, frames.max_pool2d, frames.max_pool2d_backward,
        frames.avg_pool2d, frames.avg_pool2d_backward, frames.conv_transpose2d,
    ],
)  # fmt: skip
def test_every_position_of_the_sliders_gives_a_story_or_a_sentence(kind, rng):
    box = explorer(kind, kernel_size=2)
    assert message(box) is None
    told = []
    for _ in range(25):
        slider = box._sliders[rng.choice(list(box._sliders))]
        slider.value = slider.options[-1] if hasattr(slider, "options") else int(rng.integers(1, slider.max + 1))
        told.append(message(box))
        assert told[-1] is None or told[-1].startswith("This does not fit: ")
    for name, slider in box._sliders.items():
        if name != "ties":
            slider.value = slider.max if name.startswith("x ") else slider.min
    assert message(box) is None


@pytest.mark.parametrize(
    "kind",
    [
        frames.conv1d_input_gradient_scatter, frames.conv2d_single, frames.conv2d_single_weight_gradient,
        frames.conv2d_single_input_gradient_scatter, frames.conv2d_single_input_gradient_gather, frames.im2col,
        frames.max_pool2d_backward, frames.avg_pool2d_backward, frames.conv_transpose2d,
    ],
)  # fmt: skip
def test_the_ends_of_the_sliders_send_less_than_30_kilobytes(kind):
    """The longest sentences, at the largest sizes; numbers with many figures take the most room."""
    box = explorer(kind)
    for name, slider in box._sliders.items():
        if name.startswith(("x ", "k ")):
            slider.value = slider.max
    box._sliders["stride"].value = 1
    assert message(box) is None
    for name in ("padding", "dilation", "output_padding"):
        if name in box._sliders:
            box._sliders[name].value = box._sliders[name].max
            if message(box):  # not every end goes with every other
                box._sliders[name].value = box._sliders[name].min
    assert message(box) is None
    assert len(json.dumps(box._player.stories).encode()) <= 30_000


def test_an_impossible_start_is_said_in_a_sentence_too():
    box = explorer(frames.conv1d, size=2, kernel_size=3)
    assert message(box).startswith("This does not fit: kernel_size 3")
    box._sliders["x size"].value = 5
    assert message(box) is None


def test_stories_side_by_side_share_their_controls():
    box = explorer(frames.conv1d_input_gradient_scatter, frames.conv1d_input_gradient_gather)
    box._sliders["stride"].value = 2
    one, other = box._player.stories_shown
    np.testing.assert_allclose(one.sum()["dx"], other.sum()["dx"])


def test_explore_refuses_what_it_cannot_use():
    with pytest.raises(TypeError, match="explore needs functions"):
        explore(scatter())
    with pytest.raises(TypeError, match="unknown parameter 'dilation'; choose from"):
        explore(frames.conv1d, dilation=2)


# ---------------------------------------------------------------- a film on request


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """What players send to the page, with the files of it; each works in an empty folder."""
    monkeypatch.chdir(tmp_path)
    sent = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=None: sent.append((content, buffers)))
    return sent


def test_the_page_asks_for_films_and_gets_their_names_and_bytes(answers, tmp_path):
    player = play(frames.conv1d([1.0, 2], [3.0]), frames.conv1d([1.0, 2], [3.0], stride=2))
    names = ["forward-y-conv1d-x-w.gif", "forward-y-conv1d-x-w-stride-2.gif"]
    player._asked(player, {"save": "gif"}, [])
    player._asked(player, {"save": "gif"}, [])  # what is there stays
    again = ["forward-y-conv1d-x-w-2.gif", "forward-y-conv1d-x-w-stride-2-2.gif"]
    assert [content for content, _ in answers] == [{"saved": names}, {"saved": again}]
    assert {path.name for path in tmp_path.iterdir()} == {*names, *again}
    for content, films in answers:
        assert films == [(tmp_path / name).read_bytes() for name in content["saved"]]
        assert all(film.startswith(b"GIF8") for film in films)


def test_a_page_that_asks_for_anything_else_gets_nothing(answers, tmp_path):
    player = play(frames.conv1d([1.0, 2], [3.0]))
    for content in ({}, {"save": "../../x.py"}, {"save": None}, {"ping": 1}):
        player._asked(player, content, [])
    assert answers == [] and list(tmp_path.iterdir()) == []


def test_where_no_film_can_be_written_the_page_is_told(answers, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("course_lib.widgets.film.save", refused)
    player = play(frames.conv1d([1.0, 2], [3.0]))
    player._asked(player, {"save": "gif"}, [])
    assert answers == [({"failed": "The file cannot be written here: Permission denied."}, None)]
