"""Fitting a network to examples, watching that, going on later, measuring the network, keeping its weights."""

import contextlib
import math
import signal
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from course_lib._support import archive, checks
from course_lib._support.checkpoint import Checkpoint, fingerprint, plain

GO_ON, PAUSE, STOP = "go on", "pause", "stop"  # what a watcher may wish
FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"  # how a training may end


@dataclass
class History:
    """What happened while fitting: the loss of each step, and one entry in each other list for each whole epoch.

    Accuracies are None where the targets are not class labels; test lists stay empty without a test set.
    """

    step_loss: list = field(default_factory=list)
    train_loss: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    test_loss: list = field(default_factory=list)
    test_accuracy: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    def __repr__(self):
        lines = ["epoch  train loss  accuracy  test loss  accuracy"]
        for epoch in range(len(self.seconds)):
            columns = (self.train_loss, self.train_accuracy, self.test_loss, self.test_accuracy)
            cells = [f"{c[epoch]:.4f}" if epoch < len(c) and c[epoch] is not None else "-" for c in columns]
            lines.append("{:>5}  {:>10}  {:>8}  {:>9}  {:>8}".format(epoch + 1, *cells))
        if self.interrupted:
            lines.append(f"interrupted after {len(self.step_loss)} steps; the model keeps what it has learnt")
        return "\n".join(lines)


class Watcher:
    """What fit tells whoever watches, in the order of the methods. Override what you need; here nothing happens.

    fit waits for every call, so a watcher should be quick, and may look at the model: right after a step the
    gradients are still there.
    """

    def started(self, *, model, history, epochs, steps, examples):
        """steps are those of one epoch, examples are those of x. history has entries if the training goes on."""

    def wish(self):
        """Asked before each step: GO_ON, PAUSE (asked again soon) or STOP."""
        return GO_ON

    def step(self):
        """A step was taken; history.step_loss[-1] is its loss."""

    def epoch(self):
        """An epoch has ended, and history has its entries."""

    def ended(self, outcome):
        """Nothing comes after it. outcome: FINISHED, STOPPED (by a wish or an interrupt) or FAILED (an exception)."""


def fit(
    model, loss, optimizer, x, y, *, epochs, batch_size, rng, test=None, progress=True, watch=None, checkpoint=None
):
    """Train on x (N, ...), y (N,) labels or (N, ...) targets, in mini-batches shuffled each epoch -> History.

    test=(x, y) is measured after each epoch. An interrupt (the stop button, Ctrl-C) ends the training after
    the step it is in; the model keeps what it has learnt, and the History says so.

    watch=Dashboard() shows the training live, in place of the progress bar; any Watcher will do.

    checkpoint="checkpoints/net.npz" keeps all that is needed to go on in that file, after each epoch. Called again,
    also in another session, fit goes on from the last whole epoch: model, optimizer, rng, layers with an rng, and
    history end up the same, bit for bit, as without the break. A larger `epochs` goes on further. A file of another
    training (another model, optimizer, loss, batch size or data, or more epochs) is renamed and training starts anew;
    a sentence is printed in each case. ValueError where the file is something else or damaged, OSError where it
    cannot be written.
    """
    checks.having("model", model, "forward", "parameter_gradients", such_as="Sequential(...)")
    checks.having("loss", loss, "forward", "backward", such_as="CrossEntropyLoss()")
    checks.having("optimizer", optimizer, "zero_grad", "step", such_as="SGD(model.parameters(), lr=0.1)")
    x, y = _examples("x", "y", x, y)
    test = None if test is None else _examples("test[0]", "test[1]", *_pair(test))
    epochs, batch_size = checks.integer("epochs", epochs, 1), checks.integer("batch_size", batch_size, 1)
    checks.generator("rng", rng)
    watch = _watcher(watch, progress)
    history, starts = History(), range(0, len(x), batch_size)
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, model, optimizer, rng, _setting(loss, batch_size, x, y, test))
        _begin(kept, history, epochs, len(starts))
    with _interrupt_noted() as interrupted, _watched(watch, model, history, epochs, len(starts), len(x)):
        may_go_on = _Permission(watch, interrupted)
        while len(history.seconds) < epochs:
            started, paused = time.perf_counter(), may_go_on.seconds_paused
            order = rng.permutation(len(x))
            batches = [order[start : start + batch_size] for start in starts]
            means = _epoch(model, loss, optimizer, x, y, batches, history, watch, may_go_on)
            if means is None:
                history.interrupted = True
                break
            _finish_epoch(history, model, loss, y, means, test)
            history.seconds.append(time.perf_counter() - started - (may_go_on.seconds_paused - paused))
            if kept:
                kept.save(history)
            watch.epoch()
    return history


def evaluate(model, loss, x, y, batch_size=250):
    """x (N, ...), y -> the mean loss, and the accuracy (None where y are not class labels); in evaluation mode."""
    checks.having("loss", loss, "forward", such_as="CrossEntropyLoss()")
    x, y = _examples("x", "y", x, y)
    outputs = predict(model, x, batch_size)
    return loss.forward(outputs, y), accuracy(outputs, y) if _are_labels(y) else None


def predict(model, x, batch_size=250):
    """x (N, ...) -> the model's outputs for all N, in evaluation mode and in batches that fit the cache.

    Afterwards every layer is in the mode in which it was before.
    """
    checks.having("model", model, "forward", "modules", such_as="Sequential(...)")
    x, batch_size = _rows("x", checks.floats(x=x)), checks.integer("batch_size", batch_size, 1)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        return np.concatenate([model.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])
    finally:
        for module, training in modes:
            module.training = training


def accuracy(logits, targets):
    """logits (N, classes), targets (N,) integers -> the share of rows whose largest logit is the target's."""
    logits = checks.floats(logits=logits)
    checks.ndim("logits", logits, "(N, classes)")
    targets = checks.class_labels("targets", targets, *logits.shape)
    return float(np.mean(logits.argmax(axis=1) == targets))


def _begin(kept, history, epochs, steps):
    """Go back to where a checkpoint stands, and say so; or make sure that one can be written."""
    found = kept.restore(history, epochs, steps)
    if found:
        print(found)
    if not history.seconds:
        kept.save(history)  # a folder that refuses is better known now than after the first epoch


def _epoch(model, loss, optimizer, x, y, batches, history, watch, may_go_on):
    """Each batch once -> the mean loss and accuracy over all of them, or None where it was stopped before the end."""
    totals = np.zeros(2)
    model.train()
    for batch in batches:
        if not may_go_on():
            return None
        value, correct = _step(model, loss, optimizer, x[batch], y[batch])
        history.step_loss.append(value)
        totals += value * len(batch), correct
        watch.step()
    return totals / len(x)


def _step(model, loss, optimizer, x, y):
    """One forward, backward and step -> the loss, and how many labels were right."""
    outputs = model.forward(x)
    value = loss.forward(outputs, y)
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss became {value}: the weights have grown without bound; try a smaller lr")
    optimizer.zero_grad()
    model.parameter_gradients(loss.backward())
    optimizer.step()
    return value, np.sum(outputs.argmax(axis=1) == y) if _are_labels(y) else 0


def _finish_epoch(history, model, loss, y, means, test):
    history.train_loss.append(float(means[0]))
    history.train_accuracy.append(float(means[1]) if _are_labels(y) else None)
    if test is not None:
        test_loss, test_accuracy = evaluate(model, loss, *test)
        history.test_loss.append(test_loss)
        history.test_accuracy.append(test_accuracy)


def _pair(test):
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise TypeError(f"test must be a pair (x, y), but is {checks.brief(test)}")
    return test


def _examples(x_name, y_name, x, y):
    x, y = _rows(x_name, checks.floats(**{x_name: x})), _rows(y_name, checks.numeric(y_name, y))
    if len(y) != len(x):
        raise ValueError(f"{y_name} must have one entry for each of the {len(x)} examples in {x_name}, not {len(y)}")
    return x, y


def _rows(name, array):
    if array.ndim == 0:
        raise ValueError(f"{name} must have shape (N, ...), but is a single number")
    return array


def _are_labels(y):
    """One integer for each example. Integers in rows, such as one-hot vectors, are targets of another kind."""
    return y.ndim == 1 and y.dtype.kind in "iu"


def _setting(loss, batch_size, x, y, test):
    """What must be the same for a training to go on, beside model, optimizer and rng; see Checkpoint."""
    named = {"x": x, "y": y, **({} if test is None else {"test[0]": test[0], "test[1]": test[1]})}
    return {
        "loss": plain(loss), "batch_size": str(batch_size),
        **{name: fingerprint(array) for name, array in named.items()},
    }  # fmt: skip


# ---------------------------------------------------------------- watching, pausing, stopping


def _watcher(watch, progress):
    if watch is None:
        return _Bar() if progress else Watcher()
    if not isinstance(watch, Watcher):
        raise TypeError(f"watch must be a training.Watcher such as Dashboard(), but is {checks.brief(watch)}")
    return watch


@contextlib.contextmanager
def _watched(watch, model, history, epochs, steps, examples):
    """The watcher is told that training starts, and however it ends, that it has ended."""
    watch.started(model=model, history=history, epochs=epochs, steps=steps, examples=examples)
    outcome = FAILED
    try:
        yield
        outcome = STOPPED if history.interrupted else FINISHED
    finally:
        watch.ended(outcome)


class _Bar(Watcher):
    """The progress bar."""

    def started(self, *, history, epochs, steps, **_):
        from tqdm.auto import tqdm  # here, so that importing this module loads no widgets

        self.history = history
        self.bar = tqdm(total=epochs * steps, initial=len(history.step_loss), unit="step", leave=False)

    def step(self):
        self.bar.update()

    def epoch(self):
        accuracies, losses = self.history.test_accuracy, self.history.test_loss or self.history.train_loss
        known = accuracies and accuracies[-1] is not None
        self.bar.set_postfix_str(f"test accuracy {accuracies[-1]:.2%}" if known else f"loss {losses[-1]:.3g}")

    def ended(self, outcome):
        self.bar.close()


class _Permission:
    """Called before each step: may it be taken? Waits while the watcher wants a pause. An interrupt is a no."""

    def __init__(self, watch, interrupted):
        self.watch, self.interrupted, self.seconds_paused = watch, interrupted, 0.0

    def __call__(self):
        wish = self.watch.wish()
        if wish == PAUSE:
            started = time.perf_counter()
            while wish == PAUSE and not self.interrupted.is_set():
                time.sleep(0.05)
                wish = self.watch.wish()
            self.seconds_paused += time.perf_counter() - started
        return wish != STOP and not self.interrupted.is_set()


@contextlib.contextmanager
def _interrupt_noted():
    """An event that the first interrupt sets, in place of breaking off in mid-step; a second one breaks off."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield interrupted
        return

    def note(*_):
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


# ---------------------------------------------------------------- weights on disk


def save_weights(model, path):
    """Write the model's state to `path` (.npz): whole or not at all. OSError where the folder or the disk refuses."""
    checks.having("model", model, "state_dict", such_as="Sequential(...)")
    checks.path("path", path, "weights/net.npz")
    archive.write(path, model.state_dict())


def load_weights(model, path):
    """Read a state written by save_weights into the model: whole or not at all. Nothing in the file is executed.

    ValueError where the file is something else, damaged, or of another model; FileNotFoundError where there is none.
    """
    checks.having("model", model, "state_dict", "load_state_dict", such_as="Sequential(...)")
    own = model.state_dict()
    checks.path("path", path, "weights/net.npz")
    with archive.reading(path, "weights of this model, written by save_weights") as arrays:
        found = {name: arrays.read(name, own[name].shape) if name in own else None for name in arrays.names}
        model.load_state_dict(found)
