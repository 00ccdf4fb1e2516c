"""The digit pad's Python half: strokes become pictures like MNIST's, and a network's answer becomes what is shown."""

import base64
import io
import json
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from places import mnist_folder

from course_lib import data, training
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import Adam
from course_lib.widgets.digit_pad import PAD, DigitPad, drawn, feature_maps, normalised
from course_lib.widgets.way_back import gradients

ONE = [[140, 40 + 4 * step] for step in range(50)]


def network(rng):
    return Sequential(
        Conv2d(1, 8, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3, padding=1, rng=rng), ReLU(),
        MaxPool2d(2), Flatten(), Linear(16 * 7 * 7, 10, rng=rng),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    """A network that has seen the bundled digits."""
    (x, y), _ = data.digits()
    rng = np.random.default_rng(0)
    model = network(rng)
    optimizer = Adam(model.parameters(), lr=2e-3)
    training.fit(model, CrossEntropyLoss(), optimizer, x, y, epochs=6, batch_size=32, rng=rng, progress=False)
    return model


def centre(image):
    rows, columns = image.sum(axis=1), image.sum(axis=0)
    return np.array([rows @ np.arange(28), columns @ np.arange(28)]) / image.sum()


def box(image):
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0) for axis in (1, 0))
    return rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


# ---------------------------------------------------------------- strokes become a picture


def test_a_dot_is_a_disc_of_the_pens_width_where_it_was_set():
    picture = drawn([[[140, 70]]])
    rows, columns = np.indices(picture.shape) + 0.5  # the middles of the pixels
    radius = 11 * 112 / PAD
    assert picture.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    middle = (picture * rows).sum() / picture.sum(), (picture * columns).sum() / picture.sum()
    assert middle == pytest.approx((70 * 112 / PAD, 140 * 112 / PAD), abs=1e-6)
    assert set(np.unique(picture)) > {0, 1} and picture.max() == 1  # ink, paper, and grey at the edge


def test_a_line_covers_its_length_times_the_pens_width_and_its_round_ends():
    radius, length = 11 * 112 / PAD, 100 * 112 / PAD
    slanted = drawn([[[60, 70], [120, 150]]])  # 60 and 80: 100 long
    assert slanted.sum() == pytest.approx(np.pi * radius**2 + 2 * radius * length, rel=0.01)


def test_the_points_of_a_stroke_are_joined_and_strokes_are_not():
    two_points = [[[50, 140], [230, 140]]]
    assert drawn(two_points)[56, 56] == 1
    assert drawn([[[50, 140]], [[230, 140]]])[56, 56] == 0


def test_overlapping_strokes_do_not_add_up():
    assert drawn([ONE, ONE]).max() == 1
    np.testing.assert_array_equal(drawn([ONE, ONE]), drawn([ONE]))


def test_a_stroke_over_an_example_keeps_the_brighter_of_both():
    example = np.zeros((28, 28))
    example[:14] = 0.25
    picture, line = drawn([ONE], example), drawn([ONE])
    np.testing.assert_array_equal(picture[56:], line[56:])
    np.testing.assert_array_equal(picture[:56], np.maximum(line[:56], 0.25))


def test_what_leaves_the_pad_is_cut_off():
    assert drawn([[[0, 0], [280, 280]]])[0, 0] == 1
    assert drawn([[[-400, -400]]]).max() == 0 == drawn([]).max()


# ---------------------------------------------------------------- a picture becomes what MNIST's are


@pytest.fixture(scope="module")
def mnist():
    folder = mnist_folder()
    if folder is None:
        pytest.skip("the four files of MNIST are not here (COURSE_DATA_DIR)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA_DIR", str(folder))
        return data.mnist()[1][0][:1000, 0]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_digit_of_mnist_enlarged_and_moved_comes_back_as_it_was(mnist, size):
    for image in mnist[:300]:
        moved = np.pad(np.kron(image, np.ones((size, size))), ((3, 40), (17, 2)))
        np.testing.assert_allclose(normalised(moved), image, atol=1e-6)


def test_a_digit_enlarged_by_no_whole_number_comes_back_much_nearer_to_itself_than_moved_by_one_pixel(mnist):
    sizes = np.linspace(0, 27, 90).round().astype(int)  # about 3.2 times
    off = [np.abs(normalised(image[sizes][:, sizes]) - image).mean() for image in mnist[:300]]
    moved = [np.abs(np.roll(image, 1, axis=1) - image).mean() for image in mnist[:300]]
    assert np.mean(off) < np.mean(moved) / 3


@settings(max_examples=100)
@given(
    strokes=st.lists(
        st.lists(st.tuples(st.integers(10, 270), st.integers(10, 270)), min_size=1, max_size=6), min_size=1, max_size=4
    )
)
def test_whatever_is_drawn_fills_a_box_of_20_with_its_centre_of_mass_at_14_or_stands_at_the_edge(strokes):
    image = normalised(drawn(strokes))
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() == 0 and 0 < image.max() <= 1 + 1e-6
    assert max(box(image)) in (19, 20)  # 19 where the outermost row is too faint for float32 to be more than nothing
    for axis, middle in enumerate(centre(image)):
        ink = np.flatnonzero(image.max(axis=1 - axis) > 0)
        assert abs(middle - 14) <= 0.5 + 1e-5 or ink[0] == 0 or ink[-1] == 27


def test_proportions_are_kept():
    tall, wide = normalised(drawn([ONE])), normalised(drawn([[[y, x] for x, y in ONE]]))
    assert box(tall) == (20, 2) and box(wide) == (2, 20)
    np.testing.assert_allclose(tall, wide.T, atol=1e-6)


def test_scaling_keeps_the_mean_brightness_of_the_ink(rng):
    picture = rng.random((60, 40)) + 0.1
    image = normalised(picture)
    assert image.sum() / (20 * 13) == pytest.approx(picture.mean(), rel=1e-5)


def test_a_lopsided_drawing_stays_inside():
    heavy = np.zeros((100, 100))
    heavy[:, :3], heavy[50, 99] = 1, 0.5  # nearly all its mass at the left end of a box of 20
    image = normalised(heavy)
    assert image.sum() > 0 and box(image)[1] == 20


@pytest.mark.parametrize(
    "picture, sentence",
    [
        (np.zeros((28, 28)), "picture must show something"),
        (np.ones(28), r"picture must have shape \(H, W\)"),
        (np.full((5, 5), np.nan), "picture must not contain NaN"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(picture, sentence):
    with pytest.raises(ValueError, match=sentence):
        normalised(picture)


def test_a_picture_is_not_changed():
    picture = drawn([ONE])
    before = picture.copy()
    normalised(picture)
    np.testing.assert_array_equal(picture, before)


# ---------------------------------------------------------------- what the pad answers


def set_drawing(pad, strokes=(), example=None):
    """As the front end does it."""
    pad.set_state({"drawing": {"number": pad.drawing["number"] + 1, "strokes": list(strokes), "example": example}})
    return pad.reading


@pytest.mark.slow
def test_a_drawing_is_answered_with_what_the_network_says_to_the_normalised_picture(model):
    pad = DigitPad(model)
    answer = set_drawing(pad, [ONE])
    image = normalised(drawn([ONE]))
    logits = training.predict(model, image[None, None])[0]
    p = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(answer["probabilities"], p, rtol=1e-4)
    assert answer["number"] == 1 and f"I read {p.argmax()}, " in answer["says"]
    np.testing.assert_array_equal(pad.image, image)
    seen = np.frombuffer(answer["seen"], np.uint8).reshape(28, 28)
    np.testing.assert_allclose(seen / 255, image / image.max(), atol=0.003)


def test_a_one_is_read_as_a_one(model):
    assert np.argmax(set_drawing(DigitPad(model), [ONE])["probabilities"]) == 1


def test_an_empty_pad_says_what_to_do(model):
    pad = DigitPad(model)
    assert pad.image is None
    assert pad.reading == {"number": 0, "says": "Draw a digit, or load one of the examples."}
    set_drawing(pad, [ONE])
    assert set_drawing(pad) == {"number": 2, "says": "Draw a digit, or load one of the examples."}


def test_a_point_outside_the_pad_is_as_good_as_none(model):
    assert "probabilities" not in set_drawing(DigitPad(model), [[[-900, -900]]])


def test_a_stroke_beside_the_pad_leaves_nothing_on_it_however_near_it_runs():
    for place in (*range(-40, -13), *range(294, 330)):
        for line in ([[place, 20], [place, 260]], [[20, place], [260, place]]):
            assert drawn([line]).max() == 0


def test_an_example_fainter_than_a_shade_is_as_good_as_none(model):
    pad = DigitPad(model, np.full((1, 1, 28, 28), 0.9 / 255))
    assert "probabilities" not in set_drawing(pad, example=0)
    assert pad.picture() is None


@pytest.mark.parametrize(
    ("logits", "sentence"),
    [
        ([0, 9], "I read 1, above 99% sure. Second guess: 0, below 1%."),
        ([5, 0], "I read 0, 99% sure. Second guess: 1, 1%."),
        ([0, 2], "I read 1, 88% sure. Second guess: 0, 12%."),
    ],
)
def test_a_pad_says_how_sure_the_network_is(logits, sentence):
    model = Sequential(Flatten(), Linear(784, 10))
    model[1].weight.data = np.zeros((10, 784))
    model[1].bias.data = np.array([*logits, *[-99] * 8], float)
    assert set_drawing(DigitPad(model), [ONE])["says"] == sentence


def test_the_maps_are_those_of_the_first_two_layers_after_relu(model):
    image = normalised(drawn([ONE]))[None, None]
    logits, maps = feature_maps(model, image)
    first = model[1](model[0](image))
    np.testing.assert_array_equal(maps[0], first[0])
    np.testing.assert_array_equal(maps[1], model[4](model[3](model[2](first)))[0])
    np.testing.assert_allclose(logits, model(image)[0])
    sent = set_drawing(DigitPad(model), [ONE])["maps"]
    assert [one["shape"] for one in sent] == [(8, 28, 28), (16, 14, 14)]
    for one, shown in zip(sent, maps, strict=True):
        pixels = np.frombuffer(one["pixels"], np.uint8).reshape(one["shape"])
        np.testing.assert_allclose(pixels / 255, shown / shown.max(), atol=0.003)


def test_a_network_without_pictures_inside_has_no_maps_and_leaves_a_picture_all_the_same(rng):
    pad = DigitPad(Sequential(Flatten(), Linear(784, 10, rng=rng)))
    assert set_drawing(pad, [ONE])["maps"] == []
    assert Image.open(io.BytesIO(pad.picture())).width == 1440


def test_of_many_layers_with_relu_only_the_first_two_with_pictures_are_shown(rng):
    convolutions = [layer for channels in ((1, 2), (2, 3), (3, 4)) for layer in (Conv2d(*channels, 9, rng=rng), ReLU())]
    deep = Sequential(*convolutions, Flatten(), Linear(4 * 4 * 4, 20, rng=rng), ReLU(), Linear(20, 10, rng=rng))
    assert [one["shape"] for one in set_drawing(DigitPad(deep), [ONE])["maps"]] == [(2, 20, 20), (3, 12, 12)]
    flat = Sequential(Flatten(), Linear(784, 20, rng=rng), ReLU(), Linear(20, 10, rng=rng))
    assert set_drawing(DigitPad(flat), [ONE])["maps"] == []


def test_examples_are_read_and_can_be_drawn_over(model):
    _, (x, y) = data.digits()
    pad = DigitPad(model, x[:5])
    loaded = set_drawing(pad, example=3)
    np.testing.assert_allclose(np.frombuffer(loaded["seen"], np.uint8), 255 * normalised(x[3, 0]).ravel(), atol=4)
    crossed = set_drawing(pad, [[[20, 140], [260, 140]]], example=3)
    assert crossed["probabilities"] != loaded["probabilities"]
    only_line = set_drawing(pad, [[[20, 140], [260, 140]]])
    assert crossed["probabilities"] != only_line["probabilities"]


def test_the_pad_has_a_copy_of_the_network_and_leaves_yours_alone(model):
    own = network(np.random.default_rng(1)).train()
    pad = DigitPad(own)
    before = set_drawing(pad, [ONE])["probabilities"]
    assert own.training and not hasattr(own[0], "x")  # not even what a forward pass remembers
    for parameter in own.parameters():
        parameter.data = np.zeros_like(parameter.data)
    assert set_drawing(pad, [ONE])["probabilities"] == before


def test_a_drawing_is_answered_within_50_milliseconds(model):
    scribble = [
        [int(140 + 90 * np.cos(t)), int(140 + 90 * np.sin(3 * t))] for t in np.linspace(0, 2 * np.pi, 200)
    ]  # fmt: skip
    pad = DigitPad(model)
    times = []
    for _ in range(9):
        began = time.process_time()
        set_drawing(pad, [scribble])
        times.append(time.process_time() - began)
    assert np.median(times) < 0.05


@pytest.mark.parametrize(
    "wrong, error, sentence",
    [
        (lambda rng: None, TypeError, "model must have a forward and a backward pass, but is NoneType"),
        (lambda rng: Sequential(Flatten(), Linear(784, 3, rng=rng)), ValueError, "ten logits"),
        (lambda rng: Sequential(Flatten(), Linear(100, 10, rng=rng)), ValueError, r"shape \(N, 1, 28, 28\), but says"),
    ],
)
def test_a_network_that_cannot_read_digits_is_refused(rng, wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        DigitPad(wrong(rng))


@pytest.mark.parametrize(
    "examples, sentence",
    [
        (np.zeros((2, 1, 8, 8)), r"must have shape \(2, 1, 28, 28\) .*, but its shape is \(2, 1, 8, 8\)"),
        (np.zeros((2, 28, 28)), r"must have shape \(n, 1, 28, 28\), but its shape is \(2, 28, 28\)"),
        (5, r"must have shape \(n, 1, 28, 28\), but its shape is \(\)"),
        (None, "must be an array, but is None"),
    ],
)
def test_what_cannot_be_examples_is_refused_by_name(model, examples, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^examples {sentence}$"):
        DigitPad(model, examples)


# ---------------------------------------------------------------- the way back


def shades(answer, name, kind):
    return np.frombuffer(answer["back"][name][kind], np.int8).reshape(28, 28).astype(int)


def test_the_gradients_of_a_linear_network_are_its_weights_whatever_the_noise(rng):
    network = Sequential(Flatten(), Linear(784, 10, rng=rng))
    answer = set_drawing(DigitPad(network), [ONE])
    first, second = np.argsort(answer["probabilities"])[:-3:-1]
    assert (answer["back"]["first"], answer["back"]["second"]) == (first, second)
    weights = network[1].weight.data.reshape(10, 28, 28).astype(float)
    for name, right in (("winner", weights[first]), ("change", weights[second] - weights[first])):
        full = np.percentile(np.abs(right), 99)
        for kind in ("single", "smooth"):
            assert np.abs(shades(answer, name, kind) - 127 * np.clip(right / full, -1, 1)).max() <= 1


def test_the_gradient_is_the_slope_of_the_score_and_the_smooth_one_a_mean_over_noise(model, rng):
    seen = normalised(drawn([ONE])) + rng.normal(0, 0.05, (28, 28)).astype(np.float32)  # on paper, maxima are tied
    found = gradients(model, seen)
    for name, score in (("winner", lambda z: z[found["first"]]), ("change", lambda z: z[found["second"]] - z.max())):
        row, column = np.unravel_index(np.argmax(np.abs(found[name]["single"])), (28, 28))
        nudge = np.zeros((28, 28), np.float32)
        nudge[row, column] = 1e-3
        up, down = (score(training.predict(model, (seen + sign * nudge)[None, None])[0]) for sign in (1, -1))
        assert (up - down) / 2e-3 == pytest.approx(found[name]["single"][row, column], rel=0.05)
        assert not np.allclose(found[name]["single"], found[name]["smooth"])


def test_the_gradient_lies_where_the_pixels_were_drawn(model):
    stroke = [[60, 200], [150, 90], [230, 210]]
    answer = set_drawing(DigitPad(model), [stroke])
    left, top, side = answer["back"]["window"]
    ink = np.argwhere(normalised(drawn([stroke])) > 0.5) + 0.5  # rows and columns of the network's picture
    on_pad = np.array([top, left]) + ink * side / 28
    drawing = (np.argwhere(drawn([stroke]) > 0.5) + 0.5) * 280 / 112
    for edge in (np.min, np.max):
        np.testing.assert_allclose(edge(on_pad, axis=0), edge(drawing, axis=0), atol=side / 28)


def test_a_network_of_ones_own_is_read_and_asked_for_its_gradient():
    class Own:
        def forward(self, x):
            self.shape = x.shape
            return np.stack([x.sum(axis=(1, 2, 3)) * digit for digit in range(10)], axis=1)

        def backward(self, dy):
            return (dy @ np.arange(10.0))[:, None, None, None] * np.ones(self.shape)

    answer = set_drawing(DigitPad(Own()), [ONE])
    assert answer["maps"] == [] and (answer["back"]["first"], answer["back"]["second"]) == (9, 8)
    assert (shades(answer, "winner", "single") == 127).all() and (shades(answer, "change", "smooth") == -127).all()


def test_what_lies_on_the_drawing_at_first_is_one_of_three(model):
    with pytest.raises(ValueError, match=r"^way must be one of winner, change, off, but is 'second'$"):
        DigitPad(model, way="second")


# ---------------------------------------------------------------- what it leaves behind


def test_what_is_sent_is_small_and_plain(model):
    answer = set_drawing(DigitPad(model), [ONE])
    back = answer["back"]
    shades = [shade for name in ("winner", "change") for shade in back[name].values()]
    size = sum(len(value) for value in (answer["seen"], *shades, *(one["pixels"] for one in answer["maps"])))
    maps = [one["shape"] for one in answer["maps"]]
    rest = {**answer, "seen": 0, "maps": maps, "back": {**back, "winner": 0, "change": 0}}
    assert size + len(json.dumps(rest, allow_nan=False)) < 20_000


def test_a_pad_leaves_a_picture_and_words_without_an_address(model):
    _, (x, _) = data.digits()
    for pad, drawing in ((DigitPad(model, x[:10]), {}), (DigitPad(model), {"strokes": [ONE]})):
        if drawing:
            set_drawing(pad, **drawing)
        bundle, metadata = pad._repr_mimebundle_()
        image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
        assert image.width == 2 * metadata["image/png"]["width"] == 1440 and image.height > 600
        assert len(bundle["image/png"]) < 120_000
        assert bundle["text/plain"] == "Digit pad: draw a digit, and the network reads it"
        assert not re.search(r"0x[0-9a-f]{6}", str(bundle["text/plain"]))


def test_the_picture_follows_what_is_drawn(model):
    pad = DigitPad(model)
    assert pad.picture() is None
    set_drawing(pad, [ONE])
    one = pad.picture()
    set_drawing(pad, [[[40, 140], [240, 140]]])
    assert pad.picture() != one
