"""Fitting a network to examples, measuring it, keeping its weights."""

import contextlib
import signal
import threading
import time
import zipfile
from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from course_lib import checks
from course_lib.files import atomic_write


@dataclass
class History:
    """What happened while fitting: one entry for each step, and one for each epoch begun and finished."""

    step_loss: list = field(default_factory=list)
    train_loss: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    test_loss: list = field(default_factory=list)
    test_accuracy: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    @property
    def epochs(self):
        return len(self.train_loss)

    def __repr__(self):
        lines = ["epoch  train loss  accuracy  test loss  accuracy"]
        for epoch in range(self.epochs):
            columns = (self.train_loss, self.train_accuracy, self.test_loss, self.test_accuracy)
            cells = [f"{c[epoch]:.4f}" if epoch < len(c) and c[epoch] is not None else "-" for c in columns]
            lines.append("{:>5}  {:>10}  {:>8}  {:>9}  {:>8}".format(epoch + 1, *cells))
        if self.interrupted:
            lines.append("interrupted: what was learnt up to there is kept")
        return "\n".join(lines)


def accuracy(logits, targets):
    """logits (N, classes), targets (N,) -> the share of rows whose largest logit is the target."""
    logits = checks.floats(logits=logits)
    checks.ndim("logits", logits, "(N, classes)")
    targets = checks.class_labels("targets", targets, *logits.shape)
    return float(np.mean(logits.argmax(axis=1) == targets))


def predict(model, x, batch_size=250):
    """x (N, ...) -> the model's outputs (N, ...) in evaluation mode, in batches that fit the cache."""
    training = model.training
    model.eval()
    try:
        return np.concatenate([model.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])
    finally:
        model.train(training)


def evaluate(model, loss, x, y, batch_size=250):
    """-> mean loss and, where y holds class labels, accuracy (else None), in evaluation mode."""
    x, y = _examples(x, y)
    outputs = predict(model, x, batch_size)
    return loss.forward(outputs, y), accuracy(outputs, y) if _are_labels(y) else None


def fit(model, loss, optimizer, x, y, *, epochs, batch_size, rng, test=None, history=None, progress=True, on_step=None):
    """Train on x (N, ...), y (N, ...) in shuffled mini-batches -> History.

    test=(x, y) is measured after each epoch. history continues an earlier one. on_step(history) is called
    after every step; the training stops if it returns True. An interrupt (the stop button, Ctrl-C) ends the
    training after the step it is in: the model keeps what it has learnt, and History.interrupted says so.
    """
    x, y = _examples(x, y)
    epochs, batch_size = checks.integer("epochs", epochs, 0), checks.integer("batch_size", batch_size, 1)
    checks.generator("rng", rng)
    history = History() if history is None else history
    history.interrupted = False
    steps = -(-len(x) // batch_size)
    with _interrupt_flag() as interrupted, tqdm(total=epochs * steps, unit="step", disable=not progress) as bar:
        for _ in range(epochs):
            started = time.perf_counter()
            seen, summed, correct = 0, 0.0, 0
            model.train()
            for batch in np.array_split(rng.permutation(len(x)), steps):
                value, right = _step(model, loss, optimizer, x[batch], y[batch])
                history.step_loss.append(value)
                seen, summed, correct = seen + len(batch), summed + value * len(batch), correct + right
                bar.update()
                stop = on_step is not None and on_step(history)
                if interrupted.is_set() or stop:
                    history.interrupted = True
                    return history
            history.train_loss.append(summed / seen)
            history.train_accuracy.append(correct / seen if _are_labels(y) else None)
            if test is not None:
                test_loss, test_accuracy = evaluate(model, loss, *test)
                history.test_loss.append(test_loss)
                history.test_accuracy.append(test_accuracy)
                bar.set_postfix(test=test_loss if test_accuracy is None else f"{test_accuracy:.2%}")
            history.seconds.append(time.perf_counter() - started)
    return history
