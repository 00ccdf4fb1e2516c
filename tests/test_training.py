import copy
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from places import mnist_folder
from stop_button import stop_button

from course_lib import data, training
from course_lib.layers import BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss, MSELoss
from course_lib.optim import SGD


def make_examples(n=40):
    """Images whose class is the quadrant that is bright."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, n)
    x = 0.1 * rng.random((n, 1, 6, 6), dtype=np.float32)
    for image, label in zip(x, y, strict=True):
        top, left = 3 * (label // 2), 3 * (label % 2)
        image[0, top : top + 3, left : left + 3] += 1
    return x, y


def make_network():
    rng = np.random.default_rng(2)
    return Sequential(Conv2d(1, 3, 3, rng=rng), ReLU(), Flatten(), Linear(48, 4, rng=rng))


def train(net, x, y, epochs=5, seed=3, **options):
    return training.fit(
        net, CrossEntropyLoss(), SGD(net.parameters(), 0.1), x, y,
        epochs=epochs, batch_size=16, rng=np.random.default_rng(seed), progress=False, **options,
    )  # fmt: skip


def test_fit_learns_and_records_every_step_and_epoch():
    x, y = make_examples()
    history = train(make_network(), x, y, epochs=15, test=(x, y))
    assert len(history.step_loss) == 15 * 3  # 40 examples are batches of 16, 16 and 8
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"):
        assert len(getattr(history, name)) == 15
    assert history.test_accuracy[-1] == 1.0 and history.test_loss[-1] < 0.1 * history.step_loss[0]
    assert not history.interrupted


def test_the_epoch_loss_weighs_a_short_last_batch_by_its_size():
    x, y = make_examples()
    history = train(make_network(), x, y, epochs=1)
    a, b, c = history.step_loss
    assert history.train_loss[0] == pytest.approx((16 * a + 16 * b + 8 * c) / 40)


def one_step(model, loss, optimizer, x, y):
    value = loss.forward(model.forward(x), y)
    optimizer.zero_grad()
    model.backward(loss.backward())
    optimizer.step()
    return value


def around(one, x, y, epochs, batch_size, rng):
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            one(x[chosen], y[chosen])


def test_a_step_and_a_loop_of_ones_own_train_as_those_of_the_library_do():
    x, y = make_examples()
    theirs, own = make_network(), make_network()
    expected = train(theirs, x, y, test=(x, y))
    found = train(own, x, y, test=(x, y), step=one_step, loop=around)
    for name in ("step_loss", "train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6)
    for a, b in zip(own.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-7)


def test_a_loop_of_ones_own_is_stopped_between_two_steps_and_resumed_bit_for_bit(tmp_path):
    x, y = make_examples()

    class StopsAt(training.Callback):
        def __init__(self, steps):
            self.left = steps

        def step(self):
            self.left -= 1

        def requested_state(self):
            return training.RUN if self.left else training.STOP

    own = {"step": one_step, "loop": around}
    straight, broken, resumed = make_network(), make_network(), make_network()
    expected = train(straight, x, y, **own)
    path = tmp_path / "own.npz"
    assert train(broken, x, y, callback=StopsAt(8), checkpoint=path, **own).interrupted
    found = train(resumed, x, y, checkpoint=path, **own)
    assert found.step_loss == expected.step_loss
    for a, b in zip(resumed.parameters(), straight.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_loop_that_ends_early_is_told_so():
    x, y = make_examples()
    with pytest.raises(ValueError, match="loop must take every example once in each of 5 epochs, but ended after 4"):
        train(make_network(), x, y, loop=lambda one, x, y, epochs, size, rng: around(one, x, y, epochs - 1, size, rng))


class Without(MSELoss):
    def forward(self, prediction, target):
        super().forward(prediction, target)


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ({"step": lambda *_: None}, "step"),
        ({"step": lambda *_: np.ones(2)}, "step"),
        ({"loss": Without()}, "loss.forw"),
    ],
)
def test_who_returns_no_loss_is_named(given, who):
    x = np.ones((4, 2))
    net = Sequential(Linear(2, 2))
    with pytest.raises(TypeError, match=rf"^{who}.* must return the loss, one number, but returned (None|array)"):
        training.fit(
            net, optimizer=SGD(net.parameters(), 0.1), x=x, y=x, epochs=1, batch_size=2,
            rng=np.random.default_rng(0), progress=False, **{"loss": MSELoss(), **given},
        )  # fmt: skip


def test_a_step_of_ones_own_finds_what_a_loss_of_ones_own_has():
    class Weighted(MSELoss):
        weight = 3.0

    def step(model, loss, optimizer, x, y):
        assert not hasattr(loss, "missing") and copy.deepcopy(loss).weight == 3
        return loss.weight * loss(model(x), y)

    x = np.ones((4, 2))
    net = Sequential(Linear(2, 2))
    optimizer, rng = SGD(net.parameters(), 0.1), np.random.default_rng(0)
    given = {"epochs": 1, "batch_size": 4, "rng": rng, "progress": False}
    plain, weighted = (
        training.fit(net, Weighted(), optimizer, x, x, step=one, **given).step_loss[0]
        for one in (lambda model, loss, optimizer, x, y: loss(model(x), y), step)
    )
    assert weighted == pytest.approx(3 * plain)


def test_every_example_is_seen_once_an_epoch_in_a_new_order():
    seen = []

    class Spy(Module):
        def forward(self, x):
            seen.append(x[:, 0].copy())
            return inner.forward(x)

        def parameter_gradients(self, dy):
            inner.parameter_gradients(dy)

    inner = Linear(1, 1, rng=np.random.default_rng(0))
    x = np.arange(10.0, dtype=np.float32)[:, None]
    training.fit(
        Spy(), MSELoss(), SGD(inner.parameters(), 0), x, x, epochs=2, batch_size=4,
        rng=np.random.default_rng(0), progress=False,
    )  # fmt: skip
    epochs = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert list(epochs[0]) != list(epochs[1]) and list(epochs[0]) != list(range(10))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    x, y = make_examples()
    nets = [make_network() for _ in range(3)]
    for net, seed in zip(nets, (3, 3, 4), strict=True):
        train(net, x, y, seed=seed)
    weights = [net[0].weight.data for net in nets]
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])


def test_gradients_do_not_leak_from_one_step_into_the_next():
    x, y = make_examples(16)
    net, twin = make_network(), make_network()
    train(net, x, y, epochs=2)
    loss, optimizer = CrossEntropyLoss(), SGD(twin.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss.forward(twin(x), y)
        twin.backward(loss.backward())
        optimizer.step()
    assert np.allclose(net[0].weight.data, twin[0].weight.data, atol=1e-6)


def test_evaluation_does_not_depend_on_the_batch_size_and_leaves_the_mode_alone():
    x, y = make_examples()
    net = Sequential(Conv2d(1, 3, 3, rng=np.random.default_rng(0)), BatchNorm2d(3), Flatten(), Linear(48, 4))
    net(x)
    net.train()
    results = [training.evaluate(net, CrossEntropyLoss(), x, y, batch_size) for batch_size in (7, 40)]
    assert results[0] == pytest.approx(results[1]) and net.training
    net.eval()
    training.evaluate(net, CrossEntropyLoss(), x, y)
    assert not net.training


def test_evaluation_leaves_every_layer_in_its_own_mode():
    x, _ = make_examples()
    net = Sequential(Conv2d(1, 3, 3, rng=np.random.default_rng(0)), BatchNorm2d(3).eval(), Sequential(ReLU()))
    training.predict(net, x)
    assert [module.training for module in net.modules()] == [True, True, False, True, True]


@pytest.mark.parametrize("batch_size", [10, 16])  # ten rows of ten classes could pass for a row of ten labels
def test_one_hot_integers_are_targets_and_no_labels(batch_size):
    x, y = make_examples()
    net = Sequential(Flatten(), Linear(36, 10, rng=np.random.default_rng(0)))
    one_hot = np.eye(10, dtype=int)[y]
    given = {"epochs": 1, "batch_size": batch_size, "progress": False, "test": (x, one_hot)}
    history = training.fit(
        net, MSELoss(), SGD(net.parameters(), 0.1), x, one_hot, rng=np.random.default_rng(0), **given
    )  # fmt: skip
    assert history.train_accuracy == history.test_accuracy == [None]


def test_targets_that_are_not_labels_have_no_accuracy():
    x, _ = make_examples()
    net = Conv2d(1, 1, 3, padding=1, rng=np.random.default_rng(0))
    history = training.fit(
        net, MSELoss(), SGD(net.parameters(), 0.1), x, x, epochs=3, batch_size=40, test=(x, x),
        rng=np.random.default_rng(0), progress=False,
    )  # fmt: skip
    assert history.test_loss[-1] < history.step_loss[0]
    assert history.train_accuracy == history.test_accuracy == [None] * 3
    assert str(history).splitlines()[-1].split()[::2] == ["3", "-", "-"]


class Only(Module):
    """(N, 1) -> (N,)."""

    def forward(self, x):
        return x[:, 0]

    def backward(self, dy):
        return dy[:, None]


class Logistic:
    """One output for two classes: (N, 1), targets (N,) of 0 and 1."""

    def forward(self, prediction, target):
        p = 1 / (1 + np.exp(-prediction[:, 0]))
        self.gradient = (p - target)[:, None] / len(target)
        return float(-np.mean(np.log(np.where(target == 1, p, 1 - p))))

    def backward(self):
        return self.gradient


@pytest.mark.parametrize(("loss", "last"), [(MSELoss(), [Only()]), (Logistic(), [])], ids=["numbers", "one output"])
def test_integers_that_are_no_classes_of_the_outputs_have_no_accuracy(loss, last):
    x = np.random.default_rng(1).standard_normal((20, 3))
    y = (x[:, 0] > 0).astype(int)
    net = Sequential(Linear(3, 1, rng=np.random.default_rng(0)), *last)
    history = training.fit(
        net, loss, SGD(net.parameters(), 0.5), x, y, epochs=3, batch_size=5, test=(x, y),
        rng=np.random.default_rng(0), progress=False,
    )  # fmt: skip
    assert history.test_loss[-1] < history.step_loss[0]
    assert history.train_accuracy == history.test_accuracy == [None] * 3


def test_accuracy_counts_the_rows_whose_largest_logit_is_the_target():
    logits = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 6.0]])
    assert training.accuracy(logits, np.array([1, 0, 0, 1])) == 0.75


def test_an_interrupt_ends_after_the_step_it_is_in_and_keeps_what_was_learnt():
    x, y = make_examples()

    class Interrupting(SGD):
        def step(self):
            super().step()
            self.count = getattr(self, "count", 0) + 1
            if self.count == 4:
                press()

    with stop_button() as press:
        net, twin = make_network(), make_network()
        history = training.fit(
            net, CrossEntropyLoss(), Interrupting(net.parameters(), 0.1), x, y,
            epochs=100, batch_size=16, rng=np.random.default_rng(3), progress=False,
        )  # fmt: skip
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert history.interrupted and len(history.step_loss) == 4 and len(history.train_loss) == 1
    assert "interrupted after 4 steps" in str(history)
    assert not np.array_equal(net[0].weight.data, twin[0].weight.data)


def test_a_second_interrupt_raises_at_once():
    x, y = make_examples()

    class Stuck(SGD):
        def step(self):
            for _ in range(2):
                press()
                time.sleep(0.01)

    with stop_button() as press:
        net = make_network()
        with pytest.raises(KeyboardInterrupt):
            training.fit(
                net, CrossEntropyLoss(), Stuck(net.parameters(), 0.1), x, y,
                epochs=1, batch_size=16, rng=np.random.default_rng(3), progress=False,
            )  # fmt: skip
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_works_in_a_thread_that_receives_no_signals():
    x, y = make_examples()
    results = []
    worker = threading.Thread(target=lambda: results.append(train(make_network(), x, y, epochs=1)))
    worker.start()
    worker.join()
    assert len(results[0].step_loss) == 3


def test_a_handler_of_interrupts_that_python_does_not_know_is_left_alone(monkeypatch):
    x, y = make_examples()
    net = make_network()

    def refuse(*_):  # as signal.signal(number, None) does in the end
        raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")

    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", refuse)
    history = training.fit(
        net, CrossEntropyLoss(), SGD(net.parameters(), 0.1), x, y, epochs=1, batch_size=40,
        rng=np.random.default_rng(0), progress=False,
    )  # fmt: skip
    assert len(history.seconds) == 1


def test_a_loss_that_grows_without_bound_is_reported_with_what_to_do():
    x = 1e4 * np.random.default_rng(0).standard_normal((8, 1, 5, 5))
    net = Conv2d(1, 1, 3, padding=1, rng=np.random.default_rng(0)).astype(np.float64)
    with pytest.raises(FloatingPointError, match="smaller lr"), np.errstate(over="ignore"):
        training.fit(
            net, MSELoss(), SGD(net.parameters(), 1e6), x, 0 * x, epochs=100, batch_size=8,
            rng=np.random.default_rng(0), progress=False,
        )  # fmt: skip


def test_an_optimizer_may_move_some_of_the_parameters_only():
    x, y = make_examples()
    net = make_network()
    before = net.state_dict()
    training.fit(
        net, CrossEntropyLoss(), SGD(net[3].parameters(), 0.1), x, y, epochs=1, batch_size=16,
        rng=np.random.default_rng(0), progress=False,
    )  # fmt: skip
    after = net.state_dict()
    assert {name for name in before if np.array_equal(before[name], after[name])} == {"0.weight", "0.bias"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": 3}, r"model must be an object with forward\(\) and .*, such as Sequential\(...\), but is 3"),
        ({"loss": CrossEntropyLoss}, r"loss must be .*, such as CrossEntropyLoss\(\), but is <class '.*CrossE"),
        ({"loss": np.abs}, r"loss must be an object with forward\(\) and backward\(\), .*, but is <ufunc 'absolute'>"),
        ({"optimizer": SGD}, r"optimizer must be .*, such as SGD\(model.parameters\(\), lr=0.1\), but is <class"),
        ({"model": make_network()}, "optimizer must move parameters of model, but moves those of another"),
        ({"epochs": 0}, "epochs must be at least 1, but is 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer"),
        ({"rng": 0}, "rng must be a numpy.random.Generator"),
        ({"y": np.zeros(3, int)}, "y must have one entry for each of the 40 examples in x, not 3"),
        ({"y": np.full(40, 9)}, "targets must be from 0 to 3"),
        ({"x": np.full((40, 1, 6, 6), np.nan)}, "x must not contain NaN"),
        ({"x": np.zeros((0, 1, 6, 6))}, "x must not be empty"),
        ({"test": (np.ones((2, 1, 6, 6)), [0])}, r"test\[1\] must have one entry"),
        ({"test": np.ones((2, 1, 6, 6))}, r"test must be a pair \(x, y\), but is array\("),
        ({"test": (np.ones((2, 1, 6, 6)),)}, r"test must be a pair \(x, y\), but is \(array\("),
        ({"test": 5}, r"test must be a pair \(x, y\), but is 5"),
        ({"x": 5.0}, r"x must have shape \(N, ...\), but is a single number"),
        ({"y": 5}, r"y must have shape \(N, ...\), but is a single number"),
        ({"y": None}, "y must be an array, but is None"),
        ({"y": ["a"] * 40}, "y must be float32, float64 or integer, but its dtype is <U1"),
    ],
)
def test_bad_input_is_named(change, message):
    x, y = make_examples()
    net = make_network()
    given = {
        "model": net, "loss": CrossEntropyLoss(), "optimizer": SGD(net.parameters(), 0.1), "x": x, "y": y,
        "epochs": 1, "batch_size": 16, "rng": np.random.default_rng(0), **change,
    }  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        training.fit(progress=False, **given)


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda net, x, y: training.predict(net, x, 0), "batch_size must be at least 1, but is 0"),
        (lambda net, x, y: training.predict(net, x, -2), "batch_size must be at least 1, but is -2"),
        (lambda net, x, y: training.predict(net, x[:0]), "x must not be empty"),
        (lambda net, x, y: training.predict(net, 3), r"x must have shape \(N, ...\), but is a single number"),
        (lambda net, x, y: training.evaluate(net, CrossEntropyLoss(), x, y, 1.5), "batch_size must be an integer"),
        (lambda net, x, y: training.evaluate(net, CrossEntropyLoss(), x, y[:5]), "y must have one entry for each"),
        (lambda net, x, y: training.evaluate(net, CrossEntropyLoss, x, y), r"loss must be .* but is <class"),
        (lambda net, x, y: training.predict(None, x), r"model must be an object with .*, but is None"),
    ],
)
def test_what_cannot_be_predicted_or_evaluated_is_named_and_the_mode_is_left_alone(do, message):
    net = make_network()
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        do(net, *make_examples())
    assert net.training


# ---------------------------------------------------------------- callbacks, pausing, stopping


class Notes(training.Callback):
    """Writes down every call, and requests the states it was given, one before each step."""

    def __init__(self, *states):
        self.states, self.said = list(states), []

    def test_set(self, x, y):
        self.said.append(("test set", len(x), len(y)))

    def started(self, *, model, history, epochs, steps, examples):
        self.history = history
        self.said.append(("started", len(history.step_loss), epochs, steps, examples))

    def requested_state(self):
        return self.states.pop(0) if self.states else training.RUN

    def step(self):
        self.said.append(("step", len(self.history.step_loss)))

    def epoch(self):
        self.said.append(("epoch", len(self.history.seconds)))

    def ended(self, outcome):
        self.said.append(("ended", outcome))


def test_a_callback_is_called_for_everything_in_order_and_changes_nothing():
    x, y = make_examples()
    net, twin, notes = make_network(), make_network(), Notes()
    history = train(net, x, y, epochs=2, test=(x[:30], y[:30]), callback=notes)
    assert notes.said == [
        ("test set", 30, 30), ("started", 0, 2, 3, 40), *[("step", n) for n in (1, 2, 3)], ("epoch", 1),
        *[("step", n) for n in (4, 5, 6)], ("epoch", 2), ("ended", "finished"),
    ]  # fmt: skip
    assert notes.history is history
    assert history.step_loss == train(twin, x, y, epochs=2).step_loss


def test_a_callback_sees_the_gradients_of_the_step():
    x, y = make_examples()
    net, seen = make_network(), []

    class Looks(training.Callback):
        def step(self):
            seen.append(np.abs(net[0].weight.grad).max())

    train(net, x, y, epochs=1, callback=Looks())
    assert len(seen) == 3 and min(seen) > 0


def test_a_requested_stop_ends_before_the_next_step():
    x, y = make_examples()
    notes = Notes(*[training.RUN] * 4, training.STOP)
    history = train(make_network(), x, y, epochs=9, callback=notes)
    assert history.interrupted and len(history.step_loss) == 4 and len(history.train_loss) == 1
    assert notes.said[-2:] == [("step", 4), ("ended", "stopped")]


def test_a_pause_lasts_until_another_state_is_requested_and_is_no_time_of_training():
    x, y = make_examples()
    notes = Notes(training.RUN, *[training.PAUSE] * 10)
    started = time.perf_counter()
    history = train(make_network(), x, y, epochs=1, callback=notes)
    whole = time.perf_counter() - started
    assert not notes.states and len(history.step_loss) == 3 and not history.interrupted
    assert whole > 0.4 and history.seconds[0] < whole - 0.4


@pytest.mark.skipif(os.name != "posix", reason="signals are a POSIX matter")
def test_an_interrupt_ends_a_pause():
    x, y = make_examples()
    with stop_button() as press:
        threading.Timer(0.2, press).start()
        notes = Notes(training.RUN, *[training.PAUSE] * 200)
        history = train(make_network(), x, y, callback=notes)
    assert history.interrupted and len(history.step_loss) == 1
    assert notes.states  # it did not wait for all of them


def test_a_callback_is_told_of_an_error_too():
    x, y = make_examples()
    notes = Notes()
    with pytest.raises(ValueError, match="targets must be from 0 to 3"):
        train(make_network(), x, np.full(40, 9), callback=notes)
    assert notes.said[-1] == ("ended", "failed")


@pytest.mark.parametrize("given", [Notes, "board", 1])
def test_what_is_no_callback_is_refused_by_name(given):
    x, y = make_examples()
    with pytest.raises(TypeError, match=r"callback must be a training.Callback such as Dashboard\(\), but is"):
        train(make_network(), x, y, callback=given)


def test_the_progress_bar_shows_the_last_result_unless_a_callback_is_given(capsys):
    x, y = make_examples()
    net = make_network()
    given = {"epochs": 2, "batch_size": 16, "rng": np.random.default_rng(0), "test": (x, y)}
    training.fit(net, CrossEntropyLoss(), SGD(net.parameters(), 0.1), x, y, **given)
    shown = capsys.readouterr().err
    assert "/6" in shown and "test accuracy" in shown
    training.fit(net, CrossEntropyLoss(), SGD(net.parameters(), 0.1), x, y, callback=training.Callback(), **given)
    assert capsys.readouterr().err == ""


class OldNotes(training.Watcher):
    """As a notebook of version 0.1 has it."""

    def wish(self):
        return training.GO_ON if len(self.history.step_loss) < 2 else training.STOP

    def started(self, *, model, history, epochs, steps, examples):
        self.history = history


def test_the_old_names_watch_watcher_wish_and_go_on_still_work():
    x, y = make_examples()
    history = train(make_network(), x, y, watch=OldNotes())
    assert history.interrupted and len(history.step_loss) == 2
    assert len(train(make_network(), x, y, epochs=1, watch=training.Watcher()).step_loss) == 3
    with pytest.raises(TypeError, match=r"watch must be a training.Callback such as Dashboard\(\), but is 1"):
        train(make_network(), x, y, watch=1)
    with pytest.raises(TypeError, match="watch must not be given beside callback"):
        train(make_network(), x, y, watch=OldNotes(), callback=Notes())


# ---------------------------------------------------------------- figures that are stated


def small_network_on_mnist(examples, loss, lr):
    """Conv(1->4, 3), ReLU, pool, 32, 10; one epoch in batches of 32 -> its accuracy on the test images."""
    (x, y), (x_test, y_test) = data.mnist()
    chosen = np.random.default_rng(0).permutation(len(x))[:examples]
    x, y = x[chosen], y[chosen]
    target = y if isinstance(loss, CrossEntropyLoss) else np.eye(10, dtype=np.float32)[y]
    rng = np.random.default_rng(0)
    net = Sequential(
        Conv2d(1, 4, 3, rng=rng), ReLU(), MaxPool2d(2), Flatten(),
        Linear(676, 32, rng=rng), ReLU(), Linear(32, 10, rng=rng),
    )  # fmt: skip
    optimizer = SGD(net.parameters(), lr)
    training.fit(net, loss, optimizer, x, target, epochs=1, batch_size=32, rng=rng, progress=False)
    return training.accuracy(training.predict(net, x_test), y_test)


@pytest.mark.skipif(mnist_folder() is None, reason="needs MNIST's four files: name their folder in COURSE_DATA_DIR")
@pytest.mark.slow
def test_a_seeded_tenth_of_mnist_tells_losses_and_learning_rates_apart(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(mnist_folder()))
    assert small_network_on_mnist(6000, CrossEntropyLoss(), 0.1) == pytest.approx(0.756, abs=0.03)
    assert small_network_on_mnist(6000, CrossEntropyLoss(), 0.01) == pytest.approx(0.601, abs=0.03)
    assert small_network_on_mnist(6000, MSELoss(), 0.01) == pytest.approx(0.148, abs=0.03)


# ---------------------------------------------------------------- weights on disk


def test_saved_weights_come_back_the_same_with_the_running_statistics(tmp_path):
    x, _ = make_examples()
    net = Sequential(Conv2d(1, 2, 3, rng=np.random.default_rng(0)), BatchNorm2d(2))
    net(x)
    training.save_weights(net, tmp_path / "net.npz")
    other = Sequential(Conv2d(1, 2, 3, rng=np.random.default_rng(9)), BatchNorm2d(2))
    training.load_weights(other, tmp_path / "net.npz")
    assert np.array_equal(training.predict(net, x), training.predict(other, x))
    assert other[1].running_mean.any()


def test_a_broken_save_leaves_the_old_weights_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    net = make_network()
    training.save_weights(net, path)
    kept = path.read_bytes()

    def savez(file, **arrays):
        file.write(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(KeyboardInterrupt):
        training.save_weights(net, path)
    assert path.read_bytes() == kept and list(tmp_path.iterdir()) == [path]


def test_weights_of_another_network_are_refused_and_nothing_is_changed(tmp_path):
    net = make_network()
    for other in (Sequential(Conv2d(1, 3, 3)), Sequential(Conv2d(1, 4, 3), ReLU(), Flatten(), Linear(64, 4))):
        training.save_weights(other, tmp_path / "other.npz")
        before = net.state_dict()
        with pytest.raises(ValueError, match="must h"):
            training.load_weights(net, tmp_path / "other.npz")
        assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


def shape_of(size):
    """The header of a file of so many floats."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size},), }}".encode()
    return b"\x93NUMPY\x01\x00v\x00" + header.ljust(117) + b"\n"


def damaged_archives(net):
    good, huge = net.state_dict(), shape_of(10**12)
    return {
        "text": b"<html>not found</html>",
        "empty": b"",
        "pickle": {**good, "0.weight": np.array([{"a": 1}], dtype=object)},
        "strings": {**good, "0.weight": np.full((3, 1, 3, 3), "x")},
        "a lying header": huge,
    }


@pytest.mark.parametrize(
    "kind", ["text", "empty", "pickle", "strings", "a lying header", "cut short", "flipped bit", "seek"]
)
def test_damaged_and_hostile_files_are_refused_with_a_reason(tmp_path, kind):
    net = make_network()
    path = tmp_path / "bad.npz"
    training.save_weights(net, path)
    if kind == "cut short":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "flipped bit":
        data = bytearray(path.read_bytes())
        data[300] ^= 1
        path.write_bytes(data)
    elif kind == "seek":
        data = bytearray(path.read_bytes())
        data[-4] ^= 1  # where the table of contents begins
        path.write_bytes(data)
    else:
        content = damaged_archives(net)[kind]
        if isinstance(content, dict):
            np.savez(path, **content)
        elif kind == "a lying header":
            with zipfile.ZipFile(path, "w") as archive:
                for name in net.state_dict():
                    archive.writestr(f"{name}.npy", content)
        else:
            path.write_bytes(content)
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"bad\.npz"):
        training.load_weights(net, path)
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


@pytest.mark.parametrize("bomb", ["a long header", "a long array"])
def test_what_unpacks_to_far_more_than_its_size_is_refused_without_being_read(tmp_path, bomb):
    path, size = tmp_path / "bomb.npz", 50_000_000
    start = b"\x93NUMPY\x02\x00" + size.to_bytes(4, "little") if bomb == "a long header" else shape_of(size)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", start + b" " * size)
        archive.writestr("bias.npy", b"")
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=r"bomb\.npz must hold weights of this model.* more than 100 times its size"
        ):
            training.load_weights(Linear(2, 3), path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_weights_that_somebody_packed_are_read_too(tmp_path):
    net, other = make_network(), make_network()
    np.savez_compressed(tmp_path / "net.npz", **{name: np.zeros_like(one) for name, one in net.state_dict().items()})
    training.load_weights(other, tmp_path / "net.npz")
    assert not any(array.any() for array in other.state_dict().values())


def test_what_is_no_path_or_no_model_is_named(tmp_path):
    for use in (training.save_weights, training.load_weights):
        with pytest.raises(TypeError, match=r"^path must be the path of a file such as 'weights/net.npz', but is 5$"):
            use(make_network(), 5)
        with pytest.raises(TypeError, match=r"^model must be an object with state_dict\(\).*, but is <class '.*Lin"):
            use(Linear, tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        training.load_weights(make_network(), tmp_path / "nowhere.npz")


def test_importing_training_loads_neither_widgets_nor_pictures():
    heavy = "('matplotlib', 'ipywidgets', 'IPython')"
    code = f"import sys, course_lib.training; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], encoding="utf-8").strip() == "[]"
