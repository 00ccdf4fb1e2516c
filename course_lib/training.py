"""Fitting a network to examples, measuring it, keeping its weights."""

import contextlib
import math
import signal
import threading
import time
import zipfile
import zlib
from dataclasses import dataclass, field

import numpy as np

from course_lib import checks
from course_lib.files import atomic_write


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


def fit(model, loss, optimizer, x, y, *, epochs, batch_size, rng, test=None, progress=True):
    """Train on x (N, ...), y (N,) labels or (N, ...) targets, in mini-batches shuffled each epoch -> History.

    test=(x, y) is measured after each epoch. An interrupt (the stop button, Ctrl-C) ends the training after
    the step it is in; the model keeps what it has learnt, and the History says so.
    """
    from tqdm.auto import tqdm  # here, so that importing this module loads no widgets

    x, y = _examples("x", "y", x, y)
    test = None if test is None else _examples("test[0]", "test[1]", *test)
    epochs, batch_size = checks.integer("epochs", epochs, 1), checks.integer("batch_size", batch_size, 1)
    checks.generator("rng", rng)
    history = History()
    starts = range(0, len(x), batch_size)
    bar = tqdm(total=epochs * len(starts), unit="step", disable=not progress, leave=False)
    with bar, _interrupt_noted() as interrupted:
        for _ in range(epochs):
            started, order, totals = time.perf_counter(), rng.permutation(len(x)), np.zeros(2)
            model.train()
            for start in starts:
                if interrupted.is_set():
                    history.interrupted = True
                    return history
                batch = order[start : start + batch_size]
                value, correct = _step(model, loss, optimizer, x[batch], y[batch])
                history.step_loss.append(value)
                totals += value * len(batch), correct
                bar.update()
            _finish_epoch(history, model, loss, y, totals / len(x), test)
            history.seconds.append(time.perf_counter() - started)
            bar.set_postfix_str(_last_result(history))
    return history


def evaluate(model, loss, x, y, batch_size=250):
    """x (N, ...), y -> the mean loss, and the accuracy (None where y are not class labels); in evaluation mode."""
    x, y = _examples("x", "y", x, y)
    outputs = predict(model, x, batch_size)
    return loss.forward(outputs, y), accuracy(outputs, y) if _are_labels(y) else None


def predict(model, x, batch_size=250):
    """x (N, ...) -> the model's outputs for all N, in evaluation mode and in batches that fit the cache."""
    training = model.training
    model.eval()
    try:
        return np.concatenate([model.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])
    finally:
        model.train(training)


def accuracy(logits, targets):
    """logits (N, classes), targets (N,) integers -> the share of rows whose largest logit is the target's."""
    logits = checks.floats(logits=logits)
    checks.ndim("logits", logits, "(N, classes)")
    targets = checks.class_labels("targets", targets, *logits.shape)
    return float(np.mean(logits.argmax(axis=1) == targets))


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


def _last_result(history):
    if history.test_accuracy and history.test_accuracy[-1] is not None:
        return f"test accuracy {history.test_accuracy[-1]:.2%}"
    return f"loss {(history.test_loss or history.train_loss)[-1]:.3g}"


def _examples(x_name, y_name, x, y):
    x, y = checks.floats(**{x_name: x}), np.asarray(y)
    if len(y) != len(x):
        raise ValueError(
            f"{y_name} must have one entry for each of the {len(x)} examples in {x_name}, not {len(y)}"
        )
    return x, y


def _are_labels(y):
    return y.dtype.kind in "iu"


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
    """Write the model's state to `path` (.npz): whole or not at all."""
    with atomic_write(path) as file:
        np.savez(file, **model.state_dict())


def load_weights(model, path):
    """Read a state written by save_weights into the model: whole or not at all. Nothing in the file is executed."""
    own = model.state_dict()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            model.load_state_dict({name: _read_array(archive, name, own.get(name)) for name in names})
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{path} must hold weights of this model, written by save_weights: {error}") from error


def _read_array(archive, name, like):
    """The array `name`, read only once its header has shown the shape that is expected: a file can claim any size."""
    if like is None:
        return None
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](file)
        if shape != like.shape or dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} must be floats of shape {like.shape}, but is {dtype} of shape {shape}")
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
