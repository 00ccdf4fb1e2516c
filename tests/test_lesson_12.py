"""What the finale states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import json
import os
import re
from types import SimpleNamespace

import matplotlib
import nbformat
import numpy as np
import pytest
from lesson_run import quietly
from matplotlib import pyplot as plt

from course_lib import data, exercises, figures, frames, looks, training
from course_lib.exercises.lessons import lesson_12
from course_lib.layers import Conv2d
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD, Adam
from course_lib.publish import build
from course_lib.widgets.player import to_json

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "12_finale"


def code_cells():
    return [cell.source for cell in build.assemble(LESSON).cells if cell.cell_type == "code"]


def cell_with(text):
    (cell,) = [cell for cell in code_cells() if text in cell]
    return cell


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the first part of the lesson defines, from its first cell to the last before the digits."""
    with quietly(tmp_path_factory):
        names = {}
        cells = code_cells()
        for cell in cells[: cells.index(cell_with("mnist_or_digits"))]:
            exec(cell, names)
        names["saliency"] = exercises.get("saliency").answer
        names["turn_into"] = exercises.get("turn_into").answer
        exec(cell_with("def step_in_pytorch").split("\n\n\nstepped =")[0], names)
        exec(cell_with("class SilentConv2d").split("few =")[0], names)
        exec(cell_with("def plan(").split("\n\n\ndef one_step")[0], names)
    return names


# ---------------------------------------------------------------- learning a filter


def test_the_blur_is_learnt_with_the_losses_the_lesson_shows(lesson):
    losses, weights = lesson["learn"](lesson["KERNELS"]["blur"])
    np.testing.assert_allclose(losses[[0, 1, 5, 10]], (0.103179, 0.00376415, 2.05988e-7, 1.39885e-12), rtol=1e-4)
    assert losses[-1] < 1e-30
    np.testing.assert_allclose(weights[-1], lesson["KERNELS"]["blur"], atol=1e-12)


def test_the_animation_shows_the_weights_and_losses_that_training_went_through(lesson):
    for name, kernel in lesson["KERNELS"].items():
        losses, weights = lesson["learn"](kernel, epochs=13)
        story = frames.learning(losses, weights, kernel, name)
        assert len(story.steps) == 13 and name in story.title
        for epoch, step in enumerate(story.steps):
            shown = story.values_at(epoch)
            np.testing.assert_allclose(shown["w"], weights[epoch], atol=2.0**-14)
            np.testing.assert_array_equal(shown["target"], kernel)
            assert f"loss = {looks.number(losses[epoch])}" in step.plain_formula
            off = looks.number(np.abs(weights[epoch] - kernel).max(), 2)
            assert step.sentence.endswith(f" {off} off.")
            heights = shown["loss"].sum(axis=0).reshape(13, -1)[:, 0]
            assert (heights[epoch + 1 :] == 0).all() and (heights[: epoch + 1] > 0).all()
        assert (np.diff(heights) <= 0).all()  # the loss falls in every epoch, and so do its bars
        assert heights[0] == shown["loss"].shape[0] and heights[-1] == 2
        np.testing.assert_allclose(story.sum()["w"], weights[12], atol=2.0**-14)


def test_the_animation_of_all_four_kernels_is_small(lesson):
    stories = [frames.learning(*lesson["learn"](kernel, epochs=13), kernel) for kernel in lesson["KERNELS"].values()]
    assert len(json.dumps([to_json(story) for story in stories]).encode()) < 100_000


def test_the_first_step_does_most_of_the_work_and_then_the_loss_shrinks_some_ten_times_an_epoch(lesson):
    for kernel in lesson["KERNELS"].values():
        losses, weights = lesson["learn"](kernel, epochs=13)
        off = np.abs(weights - kernel).max(axis=(1, 2))
        assert off[0] - off[1] > 0.7 * off[0]
        assert 5 < (losses[2] / losses[12]) ** (1 / 10) < 20


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (([1.0], np.ones((3, 2, 2)), np.ones((2, 2))), r"weights must have shape \(1, 2, 2\).* is \(3, 2, 2\)"),
        (([1.0], np.ones((1, 3, 2)), np.ones((2, 2))), r"weights must have shape \(1, 2, 2\)"),
        (([-1.0], np.ones((1, 2, 2)), np.ones((2, 2))), "losses must be numbers, none below 0"),
        (([np.inf], np.ones((1, 2, 2)), np.ones((2, 2))), r"losses must be within .* but losses\[0\] is inf"),
        (([1.0], np.ones((1, 2, 2)), np.ones(2)), r"kernel must have shape \(kH, kW\)"),
    ],
)
def test_what_is_no_record_of_a_training_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        frames.learning(*arguments)


@pytest.mark.parametrize(
    "name, fast, slow",
    [
        ("blur", (5, 11), (35, 81)),
        ("sharpen", (6, 12), (46, 93)),
        ("Sobel", (5, 10), (41, 79)),
        ("secret", (6, 12), (48, 92)),
    ],
)
def test_each_filter_is_found_after_the_epochs_the_lesson_shows(lesson, name, fast, slow):
    kernel = lesson["KERNELS"][name]
    for lr, expected in ((0.5, fast), (0.1, slow)):
        assert tuple(lesson["epochs_to"](near, kernel, lr=lr, epochs=150) for near in (1e-3, 1e-6)) == expected


def test_the_limit_of_the_learning_rate_follows_from_the_curvatures(lesson):
    assert lesson["curvatures"].round(2).tolist() == [1.38, 1.43, 1.48, 1.51, 1.55, 1.66, 1.82, 1.88, 2.08]
    assert f"{lesson['limit']:.3f}" == "0.962"
    assert lesson_12.STEEPEST == lesson["curvatures"].max().round(2)  # as the question to the learner states it
    right, _ = exercises.predictions.get("08/stability").feedback(round(lesson["limit"], 2))
    assert right


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_beside_that_limit_the_distance_changes_in_each_step_by_the_factor_the_lesson_derives(lesson, share):
    for kernel in lesson["KERNELS"].values():
        losses, _ = lesson["learn"](kernel, share * lesson["limit"], epochs=401)
        each_step = (losses[400] / losses[300]) ** (1 / 200)  # the loss is the distance squared
        assert each_step == pytest.approx(abs(1 - share * 2), rel=1e-6)


def test_the_curvatures_are_the_second_derivatives_of_the_loss(lesson):
    w, step = np.zeros((1, 1, 3, 3)), 1e-2

    def loss(*moves):
        moved = w.copy()
        for index, size in moves:
            moved.flat[index] += size
        return np.mean((lesson["F"].conv2d(lesson["x"], moved, padding=1) - lesson["x"]) ** 2)

    for i, j in ((0, 0), (4, 4), (0, 5), (7, 2)):
        signs = [(a, b) for a in (1, -1) for b in (1, -1)]
        measured = sum(a * b * loss((i, a * step), (j, b * step)) for a, b in signs) / (4 * step**2)
        assert lesson["hessian"][i, j] == pytest.approx(measured, abs=1e-9)


def test_learning_that_stops_when_it_is_near_is_the_beginning_of_learning_that_goes_on(lesson):
    blur = lesson["KERNELS"]["blur"]
    losses, weights = lesson["learn"](blur, near=1e-3)
    full_losses, full_weights = lesson["learn"](blur)
    off = np.abs(full_weights - blur).max(axis=(1, 2))
    assert len(losses) == len(weights) - 1 == np.argmax(off < 1e-3) == 5
    np.testing.assert_array_equal(losses, full_losses[:5])
    np.testing.assert_array_equal(weights, full_weights[:6])


def test_forgotten_zero_grad_wanders_as_the_lesson_shows_and_is_momentum_one(lesson):
    blur = lesson["KERNELS"]["blur"]
    losses, _ = lesson["learn"](blur, step=lesson["forgetful_step"])
    np.testing.assert_allclose(losses[[0, 1, 2, 3, 49]], (0.1032, 0.003764, 0.07913, 0.1093, 0.0707), rtol=1e-3)
    assert losses[1:].min() > 0.003
    np.testing.assert_array_equal(losses, lesson["learn"](blur, momentum=1.0)[0])


def test_a_true_convolution_makes_the_layer_learn_the_turned_kernel_which_symmetry_hides(lesson):
    off = {}
    for name, kernel in lesson["KERNELS"].items():
        learnt = lesson["learn"](kernel[::-1, ::-1])[1][-1]
        np.testing.assert_allclose(learnt, kernel[::-1, ::-1], atol=1e-12)
        off[name] = round(np.abs(learnt - kernel).max(), 2)
    assert off == {"blur": 0, "sharpen": 0, "Sobel": 4, "secret": 1.92}


def test_one_layer_never_notices_that_its_dx_is_wrong(lesson):
    secret = lesson["KERNELS"]["secret"]
    right, wrong = (lesson["learn"](secret, Layer=lesson[name])[0] for name in ("Conv2d", "FlippedConv2d"))
    np.testing.assert_array_equal(right, wrong)


@pytest.mark.parametrize(
    "seed, right, wrong",
    [(0, 1.2e-3, 0.335), (1, 1.0e-3, 0.285), (2, 1.7e-3, 0.217), (3, 2.6e-4, 0.245), (4, 9.1e-2, 0.741)],
)
def test_behind_another_layer_a_wrong_dx_costs_what_the_lesson_shows(lesson, seed, right, wrong):
    assert lesson["study"](seed, lesson["Conv2d"])[-1] == pytest.approx(right, rel=0.02)
    assert lesson["study"](seed, lesson["FlippedConv2d"])[-1] == pytest.approx(wrong, rel=0.03)


# ---------------------------------------------------------------- digits, on the bundled ones


def test_the_network_starts_near_ln_10_and_learns_twenty_images_by_heart(lesson):
    (x, y), _ = data.digits()
    rng = np.random.default_rng(0)
    model, loss = lesson["network"](rng), CrossEntropyLoss()
    assert sum(parameter.data.size for parameter in model.parameters()) == 9098
    assert loss(model(x), y) == pytest.approx(np.log(10), abs=0.3)
    optimizer = Adam(model.parameters(), lr=0.01)
    history = training.fit(model, loss, optimizer, x[:20], y[:20], epochs=40, batch_size=20, rng=rng, progress=False)
    assert history.train_accuracy[-1] == 1 and history.train_loss[-1] < 1e-3


@pytest.mark.parametrize("second", ["Conv2d", "FlippedConv2d", "SilentConv2d"])
def test_the_network_reads_nine_in_ten_digits_even_with_a_wrong_gradient(lesson, second):
    train, (x, y) = data.digits()
    rng = np.random.default_rng(0)
    model = lesson["network"](rng, lesson[second])
    first = model.layers[0].weight.data.copy()
    optimizer = Adam(model.parameters(), lr=2e-3)
    training.fit(model, CrossEntropyLoss(), optimizer, *train, epochs=4, batch_size=64, rng=rng, progress=False)
    assert training.accuracy(training.predict(model, x), y) > 0.9
    assert np.array_equal(model.layers[0].weight.data, first) == (second == "SilentConv2d")


@pytest.fixture
def trained(lesson, tmp_path, monkeypatch):
    """The names of the lesson after its training cell, run on some of the bundled digits; once more is `again()`."""
    monkeypatch.chdir(tmp_path)
    (x, y), (x_test, y_test) = data.digits()
    names = {**lesson, "x_train": x[:700], "y_train": y[:700], "x_test": x_test, "y_test": y_test}
    names.update(images=700, epochs=20)
    names["again"] = lambda: exec(cell_with("LIBRARY = False"), names)
    names["again"]()
    return names


def test_the_training_cell_run_again_finds_that_it_is_finished_and_shows_the_same(trained, capsys):
    history, weights = trained["history"], trained["model"].state_dict()
    assert os.listdir("checkpoints") == [f"digits_{trained['parts'].mark}_700_20.npz"] and len(history.seconds) == 20
    capsys.readouterr()
    trained["again"]()
    assert "holds all 20 epochs of this training: nothing is left to do" in capsys.readouterr().out
    assert trained["history"] == history
    for name, array in trained["model"].state_dict().items():
        np.testing.assert_array_equal(array, weights[name])


def test_a_training_on_other_digits_leaves_the_first_one_in_its_place(trained):
    trained.update(x_train=trained["x_train"][:300], y_train=trained["y_train"][:300], images=300)
    trained["again"]()
    mark = trained["parts"].mark
    assert sorted(os.listdir("checkpoints")) == [f"digits_{mark}_300_20.npz", f"digits_{mark}_700_20.npz"]


def test_the_gradient_of_the_last_layer_gets_much_shorter_as_the_network_learns(lesson):
    (x, y), _ = data.digits()
    rng = np.random.default_rng(0)
    model, loss = lesson["network"](rng), CrossEntropyLoss()

    def length():
        loss.forward(model.forward(x), y)
        model.zero_grad()
        model.backward(loss.backward())
        return np.linalg.norm(model.layers[7].weight.grad)

    before = length()
    optimizer = Adam(model.parameters(), lr=2e-3)
    training.fit(model, loss, optimizer, x, y, epochs=6, batch_size=64, rng=rng, progress=False)
    assert length() < before / 2


def test_the_training_with_a_step_and_a_loop_of_ones_own_is_the_librarys(lesson):
    (x, y), _ = data.digits()
    rows = []
    for network, loss, own in (
        (
            lesson["network"],
            lesson["CrossEntropy"](),
            {"step": lesson["parts"].training_step, "loop": lesson["parts"].fit},
        ),
        (lesson["library_network"], CrossEntropyLoss(), {}),
    ):
        rng = np.random.default_rng(0)
        model = network(rng)
        Optimizer = lesson["Adam"] if own else Adam
        rows.append(
            training.fit(
                model, loss, Optimizer(model.parameters(), lr=2e-3), x[:300], y[:300],
                epochs=2, batch_size=64, rng=rng, progress=False, **own,
            ).step_loss
        )  # fmt: skip
    np.testing.assert_allclose(*rows, rtol=1e-3)  # float32, ten steps of Adam


@pytest.mark.parametrize(
    "rate, images, expected",
    [
        (4000, 60_000, (60_000, 3)),
        (1300, 60_000, (60_000, 3)),
        (1000, 60_000, (60_000, 2)),
        (500, 60_000, (30_000, 2)),
        (52, 60_000, (3750, 2)),
        (20, 60_000, (937, 3)),
        (1, 60_000, (468, 2)),
        (4000, 1400, (1400, 20)),
        (4000, 3000, (3000, 6)),
    ],
)
def test_the_plan_takes_as_many_images_as_fit_into_the_time(lesson, rate, images, expected):
    count, epochs = lesson["plan"](rate, images)
    assert (count, epochs) == expected
    assert count * epochs <= 150 * rate or count <= 500


def test_a_training_that_has_begun_is_not_made_smaller(trained, capsys):
    """On a busier computer the plan is smaller; the larger training in the folder counts."""
    (x, y), test = data.digits()
    trained.update(train=(x[:1400], y[:1400]), test=test)
    trained["speed"] = SimpleNamespace(rates=lambda steps, images: {"your network": 1.0}, ladder=lambda *_, **__: None)
    exec(cell_with("def plan("), trained)
    assert (trained["images"], trained["epochs"]) == (700, 20)
    assert "You train on 700 of 1,400 images, 20 times each" in capsys.readouterr().out


def test_a_five_is_turned_into_an_eight_by_a_small_step(trained, capsys):
    trained["answers"] = trained["model"](trained["x_test"]).argmax(axis=1)
    exec(cell_with("def smallest_eps"), trained)
    found = [eps for eps in trained["found"].values() if eps is not None]
    assert len(found) >= 8 and np.median(found) < 0.4
    assert "smallest eps for each of ten fives" in capsys.readouterr().out


# ---------------------------------------------------------------- saliency


def test_the_saliency_of_a_pixel_is_the_measured_change_of_the_logit_wherever_that_has_no_kink(trained):
    precise = trained["network"](np.random.default_rng(0)).astype(np.float64)
    precise.load_state_dict(trained["model"].state_dict())
    nudges, digit = 1e-6 * np.eye(784).reshape(784, 1, 28, 28), 3
    for number in range(3):
        image = trained["x_test"][number : number + 1].astype(np.float64)
        dx = trained["saliency"](precise, image, digit).ravel()
        up, here, down = (precise(image + step)[:, digit] for step in (nudges, 0 * nudges[:1], -nudges))
        smooth = np.abs((up - here) - (here - down)) < 1e-12
        assert smooth.sum() > 100
        np.testing.assert_allclose(dx[smooth], ((up - down) / 2e-6)[smooth], atol=1e-6)
        assert not smooth.all()  # in the flat background windows are tied, as the lesson says


def test_noise_that_breaks_the_ties_makes_dx_agree_with_what_is_measured_at_every_pixel(trained, capsys):
    names = {**trained, "image": trained["x_test"][:1], "wrong": 3}
    exec(cell_with("def compare(image)"), names)
    flat, noisy = re.findall(r"(\d+) of 784 pixels agree", capsys.readouterr().out)
    assert int(flat) < 392 and noisy == "784"  # most do not, as the lesson says


def test_the_difference_of_two_saliency_maps_is_the_gradient_of_the_difference_of_two_logits(trained):
    model, image = trained["model"], trained["x_test"][:1]
    difference = trained["saliency"](model, image, 7) - trained["saliency"](model, image, 2)
    model(image)
    both = np.float32([[0, 0, -1, 0, 0, 0, 0, 1, 0, 0]])
    np.testing.assert_allclose(difference, model.backward(both)[0, 0], atol=1e-5)


def test_along_the_sign_of_dx_a_tenth_of_brightness_ruins_what_chance_leaves_alone(trained, capsys):
    exec(cell_with("against = np.sign"), trained)
    lines = capsys.readouterr().out.splitlines()
    plain, by_chance, along = (float(line.split()[-2].rstrip("%")) for line in lines)
    assert plain > 90 and plain - along > 4 * (plain - by_chance)
    for moved in trained["attacked"].values():
        assert np.abs(moved - trained["some"]).max() <= 0.1 + 1e-6 and moved.min() >= 0 and moved.max() <= 1


# ---------------------------------------------------------------- the larger network, and PyTorch


def test_the_larger_network_is_that_of_the_keras_example(lesson, rng, monkeypatch):
    monkeypatch.delenv("COURSE_LARGER", raising=False)
    names = dict(lesson)
    exec(cell_with("LARGER = bool("), names)
    larger = names["larger_network"](rng)
    assert sum(parameter.data.size for parameter in larger.parameters()) == 34_826
    assert [repr(layer) for layer in larger.layers if isinstance(layer, Conv2d)] == [
        repr(Conv2d(1, 32, 3, rng=rng)), repr(Conv2d(32, 64, 3, rng=rng)),
    ]  # fmt: skip
    assert larger(rng.random((2, 1, 28, 28)).astype(np.float32)).shape == (2, 10)


def test_the_larger_network_is_trained_only_when_asked_for(lesson, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_LARGER", raising=False)
    exec(cell_with("LARGER = bool("), dict(lesson))
    assert "Write LARGER = True" in capsys.readouterr().out


def test_a_step_in_pytorch_gives_the_same_loss_gradients_and_weights(lesson, rng):
    torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs it: pip install torch")
    ours = lesson["network"](np.random.default_rng(0)).astype(np.float64)
    weights, x, y = ours.state_dict(), rng.random((64, 1, 28, 28)), rng.integers(0, 10, 64)
    value = lesson["training_step"](ours, lesson["CrossEntropy"](), SGD(ours.parameters(), lr=0.1), x, y)
    their_value, theirs = lesson["step_in_pytorch"](torch, weights, x, y)
    assert value == pytest.approx(their_value, rel=1e-12)
    for own, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(own.grad, their.grad.numpy(), atol=1e-12)
        np.testing.assert_allclose(own.data, their.detach().numpy(), atol=1e-12)
        assert np.abs(own.grad).max() > 1e-4


# ---------------------------------------------------------------- the notebook in the repository


def test_the_notebook_in_the_repository_shows_both_trainings_in_full():
    path = build.NOTEBOOKS / f"{LESSON}.ipynb"
    if build.was_changed(path):
        pytest.skip("this notebook holds a learner's work")
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    shown = "\n".join(output.text for output in outputs if output.output_type == "stream")
    assert "You train on 60,000 of 60,000 images, 3 times each, and test on 10,000." in shown
    (accuracy,) = re.findall(r"seconds, (\d+\.\d+)% of the test digits right", shown)
    assert float(accuracy) >= 98
    (larger,) = re.findall(r"the larger network reads (\d+\.\d+)% of the test digits", shown)
    assert float(larger) >= 99


# ---------------------------------------------------------------- the lab


@pytest.mark.parametrize("order", [("empty", "back", "move"), ("back", "move", "empty")])
def test_a_training_step_is_right_in_either_order_of_emptying(order):
    assert exercises.get("training_step").judge(lesson_12.in_order(*order)).status == "right"


def weights_moved_by_hand(layer, loss, optimizer, x, target):
    value = loss(layer(x), target)
    layer.zero_grad()
    layer.backward(loss.backward())
    layer.weight.data -= optimizer.lr * layer.weight.grad
    return value


def test_a_training_step_that_moves_the_weights_by_hand_and_in_place_is_right():
    assert exercises.get("training_step").judge(weights_moved_by_hand).status == "right"


@pytest.mark.parametrize(
    "order, says",
    [
        (("back", "move"), lesson_12.NEVER_EMPTIED),
        (("empty", "back"), lesson_12.UNMOVED),
        (("empty", "move"), lesson_12.UNMOVED),
        (("back", "empty", "move"), lesson_12.UNMOVED),
        (("empty", "move", "back"), lesson_12.UNMOVED),
        (("move", "empty", "back"), lesson_12.LATE),
        (("move", "back"), lesson_12.LATE),
        (("empty", "back", "back", "move"), lesson_12.TWICE),
        (("empty", "back", "move", "move"), lesson_12.TWICE),
    ],
)
def test_a_training_step_in_a_wrong_order_is_told_what_that_does(order, says):
    verdict = exercises.get("training_step").judge(lesson_12.in_order(*order))
    assert verdict.status == "wrong" and verdict.mistakes == {"loss": [says], "weight": [says]}


def test_a_training_step_that_exchanges_output_and_target_is_told_that_the_loss_grows():
    def uphill(layer, loss, optimizer, x, target):
        value = loss(target, layer(x))
        optimizer.zero_grad()
        layer.backward(loss.backward())
        optimizer.step()
        return value

    verdict = exercises.get("training_step").judge(uphill)
    assert verdict.mistakes == {"loss": [lesson_12.UPHILL], "weight": [lesson_12.UPHILL]}


def test_a_training_step_that_returns_the_loss_after_the_step_is_told_so():
    def late(layer, loss, optimizer, x, target):
        lesson_12.training_step(layer, loss, optimizer, x, target)
        return loss(layer(x), target)

    assert exercises.get("training_step").judge(late).mistakes == {"loss": [lesson_12.AFTERWARDS]}


def test_a_training_step_that_returns_nothing_but_trains_is_told_so():
    verdict = exercises.get("training_step").judge(lambda *arguments: lesson_12.training_step(*arguments) and None)
    assert verdict.status == "wrong" and list(verdict.mistakes) == ["loss"]


def test_a_training_step_that_returns_more_than_the_loss_is_told_what_is_expected():
    verdict = exercises.get("training_step").judge(lambda *arguments: (lesson_12.training_step(*arguments), "y"))
    assert verdict.status == "wrong"
    assert verdict.mistakes == {"results": ["What came back is of type tuple, but one number is expected: the loss of "
                                            "the forward pass."]}  # fmt: skip


@pytest.mark.parametrize("as_returned", [float, np.array, np.float32])
def test_a_training_step_may_return_the_loss_as_any_kind_of_number(as_returned):
    verdict = exercises.get("training_step").judge(lambda *arguments: as_returned(lesson_12.training_step(*arguments)))
    assert verdict.status == "right"


# ---------------------------------------------------------------- its pictures


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_a_mosaic_puts_image_i_into_row_i_over_columns(ax):
    images = np.arange(5)[:, None, None] + np.zeros((5, 2, 3))
    figures.mosaic(ax, images, columns=3)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (2 * 2 + 1, 3 * 3 + 2)
    for number in range(5):
        top, left = 3 * (number // 3), 4 * (number % 3)
        assert (sheet[top : top + 2, left : left + 3] == number).all()
    assert np.ma.getmaskarray(np.ma.masked_invalid(sheet))[2].all()


def test_a_confusion_matrix_prints_every_count_in_its_cell_and_colours_only_mistakes(ax):
    counts = np.array([[90, 0, 2], [1, 80, 0], [0, 3, 70]])
    figures.confusion(ax, counts)
    printed = {tuple(map(int, text.get_position()[::-1])): text.get_text() for text in ax.texts}
    assert printed == {(i, j): str(count or "·") for (i, j), count in np.ndenumerate(counts)}
    cells = {tuple(np.array(cell.get_xy()[::-1]) + 0.5): cell.get_facecolor() for cell in ax.patches}
    assert set(cells) == {place for place, count in np.ndenumerate(counts) if count}
    assert len({cells[i, i] for i in range(3)}) == 1  # right answers, in one grey, however many
    assert len({cells[place] for place in ((0, 2), (1, 0), (2, 1), (0, 0))}) == 4  # mistakes by how many


def test_a_kernel_shows_its_numbers_without_a_negative_zero(ax):
    figures.kernel(ax, np.array([[-1e-9, 0.125], [-2.0, 1.0]]))
    assert [text.get_text() for text in ax.texts] == ["0", "0.12", "−2", "1"]
    assert ax.images[0].get_clim() == (-2, 2)


def test_a_saliency_map_is_drawn_over_the_outline_and_marks_the_strongest_pixel_of_each_sign(ax):
    picture, dx = np.zeros((6, 7)), np.zeros((6, 7))
    picture[2:4, 2:5] = 1
    dx[1, 5], dx[4, 2] = 3, -2
    figures.saliency(ax, picture, dx)
    np.testing.assert_array_equal(ax.images[0].get_array(), dx)
    assert ax.images[0].get_clim()[1] == -ax.images[0].get_clim()[0] == np.percentile(np.abs(dx), 99)
    assert {text.get_text(): text.get_position() for text in ax.texts} == {"+": (5, 1), "−": (2, 4)}
    outline = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    assert outline.min(axis=0).tolist() == [1.5, 1.5] and outline.max(axis=0).tolist() == [4.5, 3.5]


def test_probabilities_mark_the_right_class(ax):
    figures.probabilities(ax, np.array([0.7, 0.299, 0.001]), answer=2)
    assert [text.get_text() for text in ax.texts] == ["70%", "30%", "0%"]
    colours = [label.get_color() for label in ax.get_xticklabels()]
    assert colours[2] != colours[0] == colours[1]


def test_percentages_of_neighbours_do_not_overlap():
    fig, axes = plt.subplots(1, 6, figsize=(11, 1.5))
    figures.probabilities(axes[0], np.array([0, 0.07, 0.5, 0.43, 0, 0, 0, 0, 0, 0]), answer=1)
    fig.canvas.draw()
    _, _, left, right, *_ = (text.get_window_extent() for text in axes[0].texts)
    assert left.x1 < right.x0
    plt.close(fig)


# ---------------------------------------------------------------- the loop around the step


def test_a_loop_that_draws_with_replacement_is_told_to_cut_one_order_into_batches():
    def fit(step, x, y, epochs, batch_size, rng):
        losses = np.zeros(epochs)
        for epoch in range(epochs):
            for start in range(0, len(x), batch_size):
                batch = rng.integers(0, len(x), min(batch_size, len(x) - start))
                losses[epoch] += step(x[batch], y[batch]) * len(batch)
        return losses / len(x)

    verdict = exercises.get("fit").judge(fit)
    assert verdict.status == "wrong" and set(verdict.mistakes) == {"uses"}
    assert any("some examples come more often" in says for says in verdict.mistakes["uses"])


def test_a_loop_that_returns_something_else_is_told_what_is_expected():
    verdict = exercises.get("fit").judge(lambda step, x, y, *more: step(x, y) and "done")
    assert verdict.status == "wrong"
    assert verdict.mistakes == {
        "results": ["What came back is of type str, but one number for each epoch is expected."]
    }
