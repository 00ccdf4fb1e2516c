"""The dashboard without a browser: what it tells its front end, and what it leaves in a notebook."""

import base64
import html
import io
import math
import subprocess
import sys
import threading

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from course_lib import training
from course_lib.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Residual, Sequential
from course_lib.losses import CrossEntropyLoss, MSELoss
from course_lib.optim import SGD
from course_lib.publish import build
from course_lib.widgets import dashboard, dashboard_picture, dashboard_sample
from course_lib.widgets.dashboard import Curve, Dashboard
from course_lib.widgets.dashboard_sample import Sample, sample

# ---------------------------------------------------------------- the curve


@pytest.mark.parametrize("steps", [1, 2, 7, 128, 129, 1000, 5628])
@pytest.mark.parametrize("at_a_time", [1, 13, 400])
def test_the_curve_holds_mean_and_range_of_equal_parts_however_it_was_fed(steps, at_a_time):
    losses = np.random.default_rng(0).random(steps).tolist()
    curve = Curve()
    for end in (*range(at_a_time, steps, at_a_time), steps):
        curve.extend(losses[:end])
    bins = curve.all_bins(losses)
    assert len(curve.bins) <= 128 and curve.width == 2 ** max(0, math.ceil(math.log2(steps / 128)))
    assert len(bins) == -(-steps // curve.width)
    for number, (mean, low, high) in enumerate(bins):
        part = losses[number * curve.width : (number + 1) * curve.width]
        assert mean == pytest.approx(np.mean(part)) and low == min(part) and high == max(part)


def test_pieces_of_the_curve_put_together_are_the_curve():
    losses = np.random.default_rng(0).random(700).tolist()
    curve, copy = Curve(), []
    for end in range(0, 701, 7):
        first = curve.extend(losses[:end])
        copy = copy[:first] + curve.bins[first:]
        assert copy == curve.bins


# ---------------------------------------------------------------- what there is to see


def network():
    rng = np.random.default_rng(0)
    return Sequential(
        Conv2d(2, 3, 3, padding=1, rng=rng), BatchNorm2d(3), Residual(Conv2d(3, 3, 3, padding=1, rng=rng), ReLU()),
        MaxPool2d(2), Flatten(), Linear(48, 4, rng=rng),
    )  # fmt: skip


def examples(n=40):
    rng = np.random.default_rng(1)
    return rng.random((n, 2, 8, 8), dtype=np.float32), rng.integers(0, 4, n)


def test_a_layers_norm_is_the_length_of_all_its_gradients_together():
    net = network()
    for number, parameter in enumerate(net.parameters()):
        parameter.grad = np.full_like(parameter.data, number + 1)
    norms = dashboard.gradient_norms(net)
    assert list(norms) == ["0 Conv2d", "1 BatchNorm2d", "2.0 Conv2d", "5 Linear"]
    assert norms["0 Conv2d"] == pytest.approx(math.sqrt(54 * 1 + 3 * 4))
    assert norms["2.0 Conv2d"] == pytest.approx(math.sqrt(81 * 25 + 3 * 36))
    assert list(dashboard.gradient_norms(net[5])) == ["Linear"]


def test_filters_are_those_of_the_first_convolution_in_shares_of_the_largest():
    net = network()
    shown = dashboard.filters(net)
    weights = net[0].weight.data[:, 0]
    assert np.shape(shown["shares"]) == (3, 3, 3) and np.abs(shown["shares"]).max() == 99
    np.testing.assert_allclose(np.array(shown["shares"]) / 99 * np.abs(weights).max(), weights, atol=0.01)
    assert shown["largest"] == pytest.approx(np.abs(weights).max(), rel=0.01)
    assert dashboard.filters(Linear(3, 2)) == {}
    many = dashboard.filters(Conv2d(1, 300, 5))
    assert len(many["shares"]) == 32


# ---------------------------------------------------------------- looks at the test set


class Says:
    """A network that answers what it was told to: scores (N, classes) for the examples, whatever they are."""

    training = True

    def __init__(self, scores):
        self.scores = np.array(scores, float)

    def modules(self):
        return [self]

    def eval(self):
        self.training = False

    def forward(self, x):
        assert not self.training
        return self.scores[: len(x)]


def labels_and_scores(n=10, wrong=4):
    """Labels 0 and 1 in turn, and scores of which the first `wrong` are wrong, each by more than the one before."""
    labels = np.arange(n) % 2
    scores = np.eye(2)[labels]
    scores[:wrong] = np.eye(2)[1 - labels[:wrong]] * (1 + np.arange(wrong))[:, None]
    return labels, scores


def test_a_sample_is_spread_over_the_test_set_and_smaller_for_a_short_training():
    x = np.arange(2000.0)
    long, short = (Sample(x, np.arange(2000) % 10, trained_on, 64) for trained_on in (60_000, 100))
    assert len(long.x) == 500 and len(short.x) == 100 and len(Sample(x[:7], np.zeros(7, int), 10, 1).x) == 7
    assert long.x[0] == 0 and long.x[-1] == 1999 and np.diff(long.x).max() == np.diff(long.x).min() + 1
    assert sample((x, x), 1, 1, 1) is None and sample(None, 1, 1, 1) is None
    assert sample((x, x.astype(int)), 3, 938, 60_000).batch_size == 64


def test_looks_take_a_thirtieth_of_the_time(monkeypatch):
    ticks = iter(np.arange(0, 10, 0.1))
    monkeypatch.setattr(dashboard_sample.time, "perf_counter", lambda: next(ticks))
    labels, scores = labels_and_scores()
    looks = Sample(np.zeros((10, 1)), labels, 600, 10)
    assert looks.look(Says(scores), 0.1, 1.0) == pytest.approx(0.1) and looks.points == [[0.1, 0.6]]
    assert looks.look(Says(scores), 0.2, 4.4) == 0 and looks.look(Says(scores), 0.2, 4.5) == pytest.approx(0.1)
    assert looks.look(Says(scores), 0.3, 4.6, now=True) > 0 and [at for at, _ in looks.points] == [0.1, 0.2, 0.3]
    assert looks.look(Says(scores), 0.4, 1000.0) > 0  # a long training has fewer looks
    assert looks.look(Says(scores), 0.5, 1019.0) == 0 and looks.look(Says(scores), 0.6, 1021.0) > 0


def test_hard_images_are_chosen_once_it_reads_most_and_stay_the_same():
    labels, scores = labels_and_scores()
    images = np.random.default_rng(0).random((10, 1, 4, 4))
    looks = Sample(images, labels, 600, 10)
    looks.look(Says(labels_and_scores(wrong=5)[1]), 0.1, 0.0, now=True)
    assert looks.told()["says"] == [] and looks.pictures() == {}  # half of them are wrong yet
    looks.look(Says(scores), 0.2, 0.0, now=True)
    assert looks.told()["says"] == [1, 0, 1, 0] and looks.pictures()["labels"] == [0, 1, 0, 1]
    before = looks.pictures()
    looks.look(Says(labels_and_scores(wrong=1)[1]), 0.3, 0.0, now=True)
    assert looks.told()["says"] == [1, 1, 0, 1] and looks.pictures() == before
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(before["png"]))))
    assert strip.shape == (4, 16)
    np.testing.assert_allclose(np.corrcoef(strip[:, 8:12].ravel(), images[2, 0].ravel())[0, 1], 1, atol=1e-3)


def test_twenty_hard_images_are_wrong_by_little_and_by_much():
    labels, scores = labels_and_scores(200, wrong=60)
    looks = Sample(np.zeros((200, 1, 4, 4)), labels, 60_000, 200)
    looks.look(Says(scores), 1.0, 0.0)
    assert len(looks.hard) == 20 and looks.hard[0] == 0 and looks.hard[-1] == 59 and np.diff(looks.hard).min() > 1


def test_vectors_have_no_pictures_and_numbers_without_bound_do_no_harm():
    labels, scores = labels_and_scores()
    looks = Sample(np.zeros((10, 1)), labels, 600, 10)
    looks.look(Says(scores), 0.1, 0.0)
    looks.look(Says(np.full_like(scores, np.nan)), 0.1, 0.0, now=True)
    assert looks.pictures() == {} and looks.points[-1] == [0.1, 0.5]


# ---------------------------------------------------------------- a whole training


class Watched(Dashboard):
    """Remembers the states it told its front end."""

    def started(self, **about):
        self.told = []
        super().started(**about)

    def _tell(self, status, whole=False):
        super()._tell(status, whole)
        self.told.append(dict(self.board.now))


def fit(board, epochs=3, y=None, loss=None, lr=0.1, **options):
    x, labels = examples()
    model = network()
    return training.fit(
        model, loss or CrossEntropyLoss(), SGD(model.parameters(), lr), x, labels if y is None else y,
        epochs=epochs, batch_size=16, rng=np.random.default_rng(3), callback=board, **options,
    )  # fmt: skip


def test_a_board_changes_no_number_of_the_training():
    assert fit(Dashboard()).step_loss == fit(training.Callback()).step_loss


def test_looks_at_the_test_set_change_nothing_and_begin_before_the_first_epoch_ends(monkeypatch):
    monkeypatch.setattr(dashboard, "_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(dashboard_sample, "_SHARE", math.inf)
    monkeypatch.setattr(dashboard_sample, "_APART", 0)
    x, y = examples()
    board, ends = Dashboard(), []
    for callback in (board, training.Callback()):
        rng = np.random.default_rng(3)
        *others, last = network()[:]
        model = Sequential(*others, Dropout(0.5, rng=rng), last)
        history = training.fit(
            model, CrossEntropyLoss(), SGD(model.parameters(), 0.1), x, y, epochs=2, batch_size=10, rng=rng,
            test=examples(30), callback=callback,
        )  # fmt: skip
        ends.append(
            (history.step_loss, history.test_loss, rng.random(), [p.data.tobytes() for p in model.parameters()])
        )
        assert all(module.training for module in model.modules())
    assert ends[0] == ends[1]
    points = board.board.sample["points"]
    assert [at for at, _ in points] == [*np.arange(1, 9) / 4, 2] and board.board.sample["size"] == 30
    assert points[-1][1] == history.test_accuracy[-1]


def test_what_is_told_at_the_end_is_the_whole_training():
    board = Watched()
    x, y = examples()
    history = fit(board, test=(x, y))
    now = board.board.now
    assert (now["status"], now["step"], now["of"], now["epochs"]) == ("finished", 9, 9, 3)
    assert board.board.passed == {
        "kind": "accuracy", "train": history.train_accuracy, "test": history.test_accuracy,
    }  # fmt: skip
    assert [bin[0] for bin in board.board.curve["bins"]] == pytest.approx(history.step_loss)
    assert [name for name, *_ in board.board.norms] == ["0 Conv2d", "1 BatchNorm2d", "2.0 Conv2d", "5 Linear"]
    assert now["rate"] > 0 and now["left"] == 0
    assert [told["epoch"] for told in board.told] == sorted(told["epoch"] for told in board.told)


def test_without_labels_the_losses_of_the_epochs_are_shown():
    board = Dashboard()
    history = fit(board, y=np.zeros((40, 4)), loss=MSELoss(), lr=0.001)
    assert board.board.passed == {"kind": "loss", "train": history.train_loss, "test": []}
    assert "train loss" in dashboard_picture.summary(board.board.now, board.board.passed)


def test_a_board_that_is_used_again_starts_anew():
    board = Dashboard()
    fit(board)
    first = board.board
    fit(board, epochs=1)
    assert board.board is not first and first.now["step"] == 9 and board.board.now["step"] == 3


def test_a_training_that_goes_on_shows_all_of_it(tmp_path):
    fit(Dashboard(), epochs=2, checkpoint=tmp_path / "net.npz")
    board = Watched()
    history = fit(board, epochs=3, checkpoint=tmp_path / "net.npz")
    assert board.told[0]["step"] == 6 and board.told[0]["left"] is None
    assert len(board.board.curve["bins"]) == len(history.step_loss) == 9
    board = Watched()
    fit(board, epochs=3, checkpoint=tmp_path / "net.npz")  # nothing is left to do
    assert board.told[-1]["status"] == "finished" and board.told[-1]["step"] == 9


def test_numbers_without_bound_reach_the_front_end_as_numbers():
    board = Dashboard()
    fit(board)
    board.norms = {"0 Conv2d": math.inf, "5 Linear": math.nan}
    board.history.train_accuracy[:] = [None] * 3
    board.history.train_loss[1] = math.inf
    board._tell("training")
    assert np.isfinite([norm for _, norm, _ in board.board.norms]).all()
    assert np.isfinite(board.board.passed["train"]).all()


@pytest.mark.filterwarnings("error")
def test_a_network_that_has_grown_without_bound_can_still_be_shown():
    board = Dashboard()
    fit(board)
    weight = board.model[0].weight
    weight.data = np.where(weight.data > 0, np.inf, weight.data)
    weight.grad = np.full_like(weight.grad, np.nan)
    board.model[5].weight.grad = np.full_like(board.model[5].weight.grad, np.inf)
    board.ended("failed")
    shown = board.board
    assert np.isfinite(shown.filters["largest"]) and np.abs(shown.filters["shares"]).max() == 99
    picture = dashboard_picture.png(shown.now, shown.curve, shown.passed, shown.filters, shown.norms)
    assert Image.open(io.BytesIO(picture)).width == 1440


def test_an_error_is_shown_as_one():
    board = Dashboard()
    with pytest.raises(ValueError, match="targets"):
        fit(board, y=np.full(40, 9))
    assert board.board.now["status"] == "failed"


# ---------------------------------------------------------------- the buttons


def ping(board, request=None):
    """Send a request as the front end does it, on a thread that is not the training's."""
    answers = []
    board.board.send = answers.append
    caller = threading.Thread(target=board.board._pinged, args=(board.board, {"ping": 5, "request": request}, []))
    caller.start()
    caller.join()
    return answers


def test_every_ping_is_answered_and_only_known_requests_are_kept():
    board = Watched()
    fit(board)
    assert ping(board) == [{"pong": 5}] and board.board.requested == "go on"
    assert ping(board, "format the disk") == [{"pong": 5}] and board.board.requested == "go on"
    assert ping(board, "stop") == [{"pong": 5}] and board.board.requested == "stop"


def test_pause_continue_and_stop_do_what_they_say_and_a_pause_is_no_time_of_training():
    class Presses(Watched):
        def step(self):
            super().step()
            step = len(self.history.step_loss)
            if step == 4:
                ping(self, "pause")
                threading.Timer(0.6, ping, (self, "go on")).start()
            if step == 7:
                ping(self, "stop")

    board = Presses()
    history = fit(board, epochs=50)
    assert history.interrupted and len(history.step_loss) == 7
    states = [told["status"] for told in board.told]
    at = states.index("paused")
    assert states[at + 1] == "training" and states[-1] == "stopped"
    paused, after = board.told[at], board.told[at + 1]
    assert paused["step"] == after["step"] == 4 and after["seconds"] - paused["seconds"] < 0.3


# ---------------------------------------------------------------- the clock


@pytest.fixture
def clock(monkeypatch):
    """A clock whose seconds pass only when it is told: clock.take(steps, a_second)."""
    now = [100.0]
    monkeypatch.setattr(dashboard.time, "perf_counter", lambda: now[0])
    clock = dashboard._Clock()

    def take(steps, a_second):
        looks = 0
        for _ in range(steps):
            now[0] += 1 / a_second
            looks += clock.step()
        return looks

    clock.take, clock.now = take, now
    return clock


def test_the_rate_of_steps_follows_a_change_slowly(clock):
    assert clock.take(96, a_second=64) == 6  # four looks a second
    assert clock.rate == pytest.approx(64)
    clock.take(32, a_second=128)  # one look
    assert clock.rate == pytest.approx(0.7 * 64 + 0.3 * 128)
    clock.take(32 * 20, a_second=128)
    assert clock.rate == pytest.approx(128, rel=0.01)


def test_neither_pauses_nor_what_comes_between_epochs_count_as_steps(clock):
    clock.take(64, a_second=64)
    clock.pause()
    clock.now[0] += 50
    clock.go_on()
    assert clock.seconds == pytest.approx(1)
    clock.now[0] += 3  # a test of the network
    clock.epoch()
    clock.take(64, a_second=64)
    assert clock.rate == pytest.approx(64)
    assert clock.seconds == pytest.approx(5)
    clock.end()
    assert clock.rate == pytest.approx(64)


# ---------------------------------------------------------------- in a notebook

CELLS = """
import numpy as np
from course_lib import training
from course_lib.widgets.dashboard import Dashboard
from course_lib.layers import Conv2d, Flatten, Linear, Sequential
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD
rng = np.random.default_rng(0)
x, y = rng.random((64, 1, 8, 8), dtype=np.float32), rng.integers(0, 4, 64)
model = Sequential(Conv2d(1, 3, 3, rng=rng), Flatten(), Linear(108, 4, rng=rng))
""", """
history = training.fit(
    model, CrossEntropyLoss(), SGD(model.parameters(), 0.1), x, y, epochs=2, batch_size=16, rng=rng,
    callback=Dashboard(),
)
"""  # fmt: skip


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    notebook = new_notebook(cells=[new_code_cell(source.strip()) for source in CELLS])
    return build.execute(notebook, tmp_path_factory.mktemp("notebook"))


@pytest.mark.slow
def test_a_built_notebook_holds_the_finished_curves_once_for_the_eye(executed):
    notebook = nbformat.from_dict(executed)
    build.tidy(notebook)
    hidden, shown = notebook.cells[1].outputs
    assert set(hidden.data) == {"text/html"} and ".jp-OutputArea-child" in hidden.data["text/html"]
    assert set(shown.data) == {"image/png", "text/plain"}
    assert shown.data["text/plain"] == "Dashboard: loss, accuracy, filters and gradients of a training"
    picture = Image.open(io.BytesIO(base64.b64decode(shown.data["image/png"])))
    assert picture.width == 2 * shown.metadata["image/png"]["width"] == 1440
    assert "Finished after 2 epochs and 8 steps" in html.unescape(hidden.data["text/html"])
    assert dashboard._BROKEN_OFF not in str(notebook)


def png_of(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_the_picture_shows_curves_filters_and_gradients():
    board = Dashboard()
    fit(board, test=examples())
    now, curve, passed, norms = (getattr(board.board, name) for name in ("now", "curve", "passed", "norms"))
    picture = Image.open(io.BytesIO(dashboard_picture.png(now, curve, passed, board.filters, norms))).convert("RGB")
    assert picture.width == 1440 and picture.getpixel((0, 0)) == (255, 255, 255)
    pixels = np.asarray(picture).astype(int)
    for colour in ("#e07b00", "#0072b2", "#8e4bb8", "#1c1c1c"):
        tone = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(pixels - tone).max(axis=-1) < 24).sum() > 50, colour
    strip = {"png": base64.b64encode(png_of(np.zeros((8, 16), np.uint8))).decode(), "labels": [3, 5]}
    seen = {"size": 2, "points": [[0.5, 0.5]], "says": [3, 3]}
    with_images = dashboard_picture.png(now, curve, passed, board.filters, norms, seen, strip)
    assert Image.open(io.BytesIO(with_images)).height > picture.height
    plain = dashboard_picture.png(now, curve, passed, {}, [])
    assert Image.open(io.BytesIO(plain)).height < picture.height


def test_the_picture_keeps_its_layout_whatever_a_lesson_has_set():
    board = Dashboard()
    fit(board, test=examples())
    shown = [getattr(board.board, name) for name in ("now", "curve", "passed")]
    plain = dashboard_picture.png(*shown, board.filters, board.board.norms)
    with mpl.rc_context({"figure.constrained_layout.use": True}):
        assert dashboard_picture.png(*shown, board.filters, board.board.norms) == plain


@pytest.mark.parametrize("status", ["finished", "stopped", "failed"])
def test_the_headline_fits_on_the_picture(status):
    now = {"status": status, "step": 93_800, "of": 93_800, "epochs": 100, "rate": 23_456.7, "seconds": 12_345.6}
    passed = {"kind": "accuracy", "train": [0.9955], "test": [0.9888]}
    picture = Image.open(io.BytesIO(dashboard_picture.png(now, {"width": 1, "bins": []}, passed, {}, [])))
    headline = np.asarray(picture.convert("L"))[:70]
    assert (headline[:, :700] < 128).any() and (headline[:, -16:] > 200).all()


@pytest.mark.slow
def test_the_board_leaves_pyplot_alone():
    code = "import sys, course_lib.widgets.dashboard; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], encoding="utf-8").strip() == "False"


def test_the_picture_writes_a_length_beside_its_bar_and_not_beside_a_line_far_away():
    ax = Figure().subplots()
    dashboard_picture._norms(ax, [["0 Conv2d", 0.01, 10], ["2 Linear", 5, 10]])
    assert [text.xy[0] for text in ax.texts] == [0.01, 10]
