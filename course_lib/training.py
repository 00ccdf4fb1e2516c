"""Fitting a network to examples, with callbacks and checkpoints; measuring it; saving and loading its weights."""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib._support import archive, checks
from course_lib._support.checkpoint import Checkpoint, Place, fingerprint, plain
from course_lib._support.types import Random

Step = Callable[[Any, Any, Any, np.ndarray, np.ndarray], float]
Loop = Callable[[Callable[[np.ndarray, np.ndarray], float], np.ndarray, np.ndarray, int, int, np.random.Generator], Any]

BETWEEN_SAVES = 20.0  # seconds inside an epoch after which a checkpoint is saved again: a killed kernel loses no more
RUN, PAUSE, STOP = "go on", "pause", "stop"  # the states that a callback may request
FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"  # how training may end


@dataclass
class History:
    """What happened while fitting: the loss of each step, and in each other list one entry per complete epoch.

    Accuracies, shares from 0 to 1, are None where the targets are not class labels; the test lists stay empty without
    a test set. `seconds` leaves out pauses.
    """

    step_loss: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float | None] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False

    def __repr__(self) -> str:
        lines = ["epoch  train loss  accuracy  test loss  accuracy"]
        for epoch in range(len(self.seconds)):
            columns = (self.train_loss, self.train_accuracy, self.test_loss, self.test_accuracy)
            cells = [f"{c[epoch]:.4f}" if epoch < len(c) and c[epoch] is not None else "-" for c in columns]
            lines.append("{:>5}  {:>10}  {:>8}  {:>9}  {:>8}".format(epoch + 1, *cells))
        if self.interrupted:
            lines.append(f"interrupted after {len(self.step_loss)} steps; the model keeps what it has learnt")
        return "\n".join(lines)


class Callback:
    """What fit calls while it trains, in the order of the methods. Override what you need; here they do nothing.

    fit waits for every call, so keep them quick. A callback may look at the model: right after a step the gradients
    are still there.
    """

    def test_set(self, x: np.ndarray, y: np.ndarray) -> None:
        """Called first, with the test set that fit was given, if any: x (N, ...), y as fit takes it."""

    def started(self, *, model: Any, history: History, epochs: int, steps: int, examples: int) -> None:
        """steps are those of one epoch, examples those of x. history has entries already if training resumes."""

    def requested_state(self) -> str:
        """Called before each step. Returns RUN, PAUSE (called again soon) or STOP."""
        return RUN

    def step(self) -> None:
        """A step was taken; history.step_loss[-1] is its loss."""

    def epoch(self) -> None:
        """An epoch has ended, and history has its entries."""

    def ended(self, outcome: str) -> None:
        """The last call. outcome: FINISHED, STOPPED (requested, or interrupted) or FAILED (an exception)."""


# The names of version 0.1, for saved notebooks: GO_ON, Watcher with its wish(), and fit(..., watch=...)
GO_ON = RUN


class Watcher(Callback):
    """The old name of Callback, in which requested_state() was called wish()."""

    def wish(self) -> str:
        return RUN

    def requested_state(self) -> str:
        return self.wish()


def fit(
    model: Any,
    loss: Any,
    optimizer: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    watch: Callback | None = None,
    step: Step | None = None,
    loop: Loop | None = None,
) -> History:
    """Train on x (N, ...), y (N,) labels or (N, ...) targets, in mini-batches shuffled each epoch. Returns a History.

    test=(x, y) is evaluated after each epoch. An interrupt (the stop button, Ctrl-C) ends training after the current
    step; the model keeps what it has learnt, the checkpoint too, and the History says so.

    callback=Dashboard() shows training live, in place of the progress bar; any Callback will do. (watch is its old
    name.)

    checkpoint="checkpoints/net.npz" saves to that file everything needed to resume: after each epoch, every 20 s
    inside one, and where training is stopped or interrupted. If the file exists, training resumes at the step where it
    was saved (also in a new session): model, optimizer, rng, layers with an rng, and history end up the same, bit for
    bit, as without the break. Raise `epochs` to train longer. The file of a different run (another model, optimizer,
    loss, batch size or data, or more epochs) is renamed, and training starts over. A sentence is printed in each case.
    ValueError where the file is something else or damaged, OSError where it cannot be written.

    step and loop replace the code that trains, as by your own: step(model, loss, optimizer, x, y) moves the weights
    once for one batch and returns its loss; loop(one, x, y, epochs, batch_size, rng) calls one(x, y), which returns a
    loss, for every batch of every epoch. All that is said above holds with them too, as long as loop takes each epoch's
    order from rng before its first batch.
    """
    checks.has_methods("model", model, "forward", "parameter_gradients", such_as="Sequential(...)")
    checks.has_methods("loss", loss, "forward", "backward", such_as="CrossEntropyLoss()")
    checks.has_methods("optimizer", optimizer, "zero_grad", "step", such_as="SGD(model.parameters(), lr=0.1)")
    _belong_together(model, optimizer)
    x, y = _examples("x", "y", x, y)
    test = None if test is None else _examples("test[0]", "test[1]", *_pair(test))
    epochs, batch_size = checks.integer("epochs", epochs, 1), checks.integer("batch_size", batch_size, 1)
    checks.generator("rng", rng)
    callback = _callback(callback, watch, progress)
    if test is not None:
        callback.test_set(*test)
    history, starts = History(), range(0, len(x), batch_size)
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, model, optimizer, rng, _setting(loss, batch_size, x, y, test))
        _begin(kept, history, epochs, len(starts))
    with _interrupt_noted() as interrupted, _notified(callback, model, history, epochs, len(starts), len(x)):
        one = _Watched(model, loss, optimizer, step or _step, len(x), history, _Permission(callback, interrupted), kept)

        def finish() -> None:
            right = one.totals[1] / len(x) if _are_labels(y, one.loss.classes) else None
            _finish_epoch(history, model, loss, one.totals[0] / len(x), right, test)
            history.seconds.append(one.seconds())
            if kept:
                kept.save(history)
            callback.epoch()
            if kept:
                kept.save_again(history)

        one.after_step, one.after_epoch = callback.step, finish
        if len(history.seconds) < epochs:
            try:
                (loop or _in_batches)(one, x, y, epochs - len(history.seconds), batch_size, rng)
            except _StopTraining:
                history.interrupted = True
                one.keep_place()
            else:
                _whole(history, epochs)
    return history


def evaluate(model: Any, loss: Any, x: ArrayLike, y: ArrayLike, batch_size: int = 250) -> tuple[float, float | None]:
    """Returns the mean loss on x (N, ...), y, and the accuracy (None where y are not labels), in evaluation mode."""
    checks.has_methods("loss", loss, "forward", such_as="CrossEntropyLoss()")
    x, y = _examples("x", "y", x, y)
    outputs = predict(model, x, batch_size)
    return loss.forward(outputs, y), accuracy(outputs, y) if _are_labels(y, _classes(outputs)) else None


def predict(model: Any, x: ArrayLike, batch_size: int = 250) -> np.ndarray:
    """x (N, ...) -> the model's outputs (N, ...), computed in evaluation mode, in batches that fit the cache.

    Afterwards every layer is in the mode it was in before.
    """
    checks.has_methods("model", model, "forward", "modules", such_as="Sequential(...)")
    x, batch_size = _rows("x", checks.floats(x=x)), checks.integer("batch_size", batch_size, 1)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        return np.concatenate([model.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])
    finally:
        for module, training in modes:
            module.training = training


def accuracy(logits: ArrayLike, targets: ArrayLike) -> float:
    """The share, from 0 to 1, of rows of logits (N, classes) whose largest entry is at targets (N,), integers."""
    scores = checks.floats(logits=logits)
    checks.ndim("logits", scores, "(N, classes)")
    labels = checks.class_labels("targets", targets, *scores.shape)
    return float(np.mean(scores.argmax(axis=1) == labels))


def _begin(kept: Checkpoint, history: History, epochs: int, steps: int) -> None:
    """Resume from a checkpoint, and say so; or make sure that one can be written."""
    found = kept.restore(history, epochs, steps)
    if found:
        print(found)
    if not history.step_loss:
        kept.save(history)  # a folder that refuses is better known now than after the first epoch


def _in_batches(one: Any, x: np.ndarray, y: np.ndarray, epochs: int, batch_size: int, rng: Random) -> None:
    """The loop that is used where none is given."""
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            one(x[batch], y[batch])


def _step(model: Any, loss: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> float:
    """The step that is used where none is given. It does not compute the first layer's dx, which nobody needs."""
    value: float = loss.forward(model.forward(x), y)
    optimizer.zero_grad()
    model.parameter_gradients(loss.backward())
    optimizer.step()
    return value


def _whole(history: History, epochs: int) -> None:
    if len(history.seconds) < epochs:
        raise ValueError(
            f"loop must take every example once in each of {epochs} epochs, but ended after {len(history.seconds)}"
        )


class _StopTraining(BaseException):
    """Ends a loop from inside; no `except Exception` on the way catches it."""


class _Watched:
    """What a loop calls for each batch: takes the step, and notes all that a History and a callback tell.

    kept: the checkpoint, or None. Steps that an epoch has taken before it was left are not taken again.
    """

    after_step: Callable[[], None]
    after_epoch: Callable[[], None]

    def __init__(
        self, model: Any, loss: Any, optimizer: Any, step: Step, examples: int, history: History, permission: Any,
        kept: Checkpoint | None,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer, self.step = model, _HeardLoss(loss), optimizer, step
        self.examples, self.history, self.may_step, self.kept = examples, history, permission, kept
        self.left = self.taken = 0  # examples of this epoch that are still to come; steps that it has taken
        self.place = kept.place if kept else None
        self.again = self.place.steps if self.place else 0  # steps that were taken before the break

    def __call__(self, x: np.ndarray, y: np.ndarray) -> float:
        if self.left <= 0:
            self._begin_epoch()
        if self.again:
            return self._taken_before(x)
        if not self.may_step():
            raise _StopTraining
        value = _number("step", self.step(self.model, self.loss, self.optimizer, x, y))
        self.history.step_loss.append(value)
        self.totals += value * len(x), self.loss.correct
        self.taken += 1
        self.after_step()
        self.left -= len(x)
        if self.left <= 0:
            self.after_epoch()
        elif time.perf_counter() - self.saved >= BETWEEN_SAVES:
            self.keep_place()
        return value

    def _begin_epoch(self) -> None:
        self.left, self.taken, self.totals = self.examples, self.again, np.zeros(2)
        self.saved = self.started = time.perf_counter()
        self.paused = self.may_step.seconds_paused
        if self.place and self.again:
            self.totals += self.place.loss, self.place.right
            self.started -= self.place.seconds
        self.model.train()

    def _taken_before(self, x: np.ndarray) -> float:
        """Returns the loss of a step before the break. After the last one, the generators go on as they were then."""
        value = self.history.step_loss[-self.again]
        self.left -= len(x)
        self.again -= 1
        if not self.again and self.kept and self.place:
            self.kept.go_on(self.place.states)
        return value

    def keep_place(self) -> None:
        """Save where training is, if that is inside an epoch."""
        if self.kept and self.left > 0 and self.taken and not self.again:
            loss, right = map(float, self.totals)
            self.kept.save(self.history, Place(self.taken, loss, right, self.seconds(), self.kept.states))
            self.saved = time.perf_counter()

    def seconds(self) -> float:
        """How long this epoch has taken, without pauses."""
        return time.perf_counter() - self.started - (self.may_step.seconds_paused - self.paused)


class _HeardLoss:
    """A loss that also counts how many labels were right, and refuses to go on from what is no number."""

    correct = classes = 0

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def forward(self, prediction: np.ndarray, target: np.ndarray) -> float:
        value = _number("loss.forward", self.loss.forward(prediction, target))
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss became {value}: the weights have grown without bound; try a smaller lr")
        self.classes = _classes(prediction)
        are_labels = _are_labels(target, self.classes)
        self.correct = int(np.sum(prediction.argmax(axis=1) == target)) if are_labels else 0
        return value

    __call__ = forward

    def backward(self) -> np.ndarray:
        gradient: np.ndarray = self.loss.backward()
        return gradient

    def __getattr__(self, name: str) -> Any:
        """Whatever else a loss of somebody's own has, for a step of theirs."""
        if "loss" not in vars(self):  # as while a copy is made
            raise AttributeError(name)
        return getattr(self.loss, name)


def _number(who: str, returned: Any) -> float:
    """What the code of others returned, as a float."""
    try:
        return float(returned)
    except (TypeError, ValueError):
        raise TypeError(f"{who} must return the loss, one number, but returned {checks.brief(returned)}") from None


def _finish_epoch(
    history: History,
    model: Any,
    loss: Any,
    mean_loss: float,
    right: float | None,
    test: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    history.train_loss.append(float(mean_loss))
    history.train_accuracy.append(None if right is None else float(right))
    if test is not None:
        test_loss, test_accuracy = evaluate(model, loss, *test)
        history.test_loss.append(test_loss)
        history.test_accuracy.append(test_accuracy)


def _pair(test: Any) -> tuple[Any, Any]:
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise TypeError(f"test must be a pair (x, y), but is {checks.brief(test)}")
    return test[0], test[1]


def _examples(x_name: str, y_name: str, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = _rows(x_name, checks.floats(**{x_name: x})), _rows(y_name, checks.numeric(y_name, y))
    if len(y) != len(x):
        raise ValueError(f"{y_name} must have one entry for each of the {len(x)} examples in {x_name}, not {len(y)}")
    return x, y


def _rows(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        raise ValueError(f"{name} must have shape (N, ...), but is a single number")
    return array


def _belong_together(model: Any, optimizer: Any) -> None:
    """The optimizer moves parameters of this model: one that was made for the model before would teach it nothing."""
    moved = getattr(optimizer, "parameters", None)
    if not isinstance(moved, list) or not hasattr(model, "parameters"):  # of a kind of their own
        return
    own = {id(parameter) for parameter in model.parameters()}
    if own and moved and own.isdisjoint(map(id, moved)):
        raise ValueError(
            "optimizer must move parameters of model, but moves those of another: make it from model.parameters()"
        )


def _are_labels(y: np.ndarray, classes: int) -> bool:
    """One integer for each example, and each a class.

    Integers in rows, such as one-hot vectors, are targets of another kind, and so are those that one output is for.
    """
    return classes > 1 and y.ndim == 1 and y.dtype.kind in "iu" and 0 <= y.min() and y.max() < classes


def _classes(outputs: Any) -> int:
    """How many classes outputs (N, classes) are for; 0 for any others."""
    shape = np.shape(outputs)
    return shape[1] if len(shape) == 2 else 0


def _setting(
    loss: Any, batch_size: int, x: np.ndarray, y: np.ndarray, test: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, str]:
    """What must be the same for training to resume, besides model, optimizer and rng; see Checkpoint."""
    named = {"x": x, "y": y, **({} if test is None else {"test[0]": test[0], "test[1]": test[1]})}
    return {
        "loss": plain(loss), "batch_size": str(batch_size),
        **{name: fingerprint(array) for name, array in named.items()},
    }  # fmt: skip


# ---------------------------------------------------------------- callbacks, pausing, stopping


def _callback(callback: Any, watch: Any, progress: bool) -> Callback:
    if callback is not None and watch is not None:
        raise TypeError(
            "watch must not be given beside callback, but both are: it is the old name of the same argument"
        )
    name, given = ("callback", callback) if watch is None else ("watch", watch)
    if given is None:
        return _Bar() if progress else Callback()
    if not isinstance(given, Callback):
        raise TypeError(f"{name} must be a training.Callback such as Dashboard(), but is {checks.brief(given)}")
    return given


@contextlib.contextmanager
def _notified(
    callback: Callback, model: Any, history: History, epochs: int, steps: int, examples: int
) -> Iterator[None]:
    """Tell the callback that training starts and, however it ends, that it has ended."""
    callback.started(model=model, history=history, epochs=epochs, steps=steps, examples=examples)
    outcome = FAILED
    try:
        yield
        outcome = STOPPED if history.interrupted else FINISHED
    finally:
        callback.ended(outcome)


class _Bar(Callback):
    """The progress bar."""

    def started(self, *, history: History, epochs: int, steps: int, **_: Any) -> None:
        from tqdm.auto import tqdm  # here, so that importing this module loads no widgets

        self.history = history
        self.bar = tqdm(total=epochs * steps, initial=len(history.step_loss), unit="step", leave=False)

    def step(self) -> None:
        self.bar.update()

    def epoch(self) -> None:
        accuracies, losses = self.history.test_accuracy, self.history.test_loss or self.history.train_loss
        known = accuracies and accuracies[-1] is not None
        self.bar.set_postfix_str(f"test accuracy {accuracies[-1]:.2%}" if known else f"loss {losses[-1]:.3g}")

    def ended(self, outcome: str) -> None:
        self.bar.close()


class _Permission:
    """Called before each step: may it be taken? Waits while the callback requests a pause. An interrupt is a no."""

    def __init__(self, callback: Callback, interrupted: threading.Event) -> None:
        self.callback, self.interrupted, self.seconds_paused = callback, interrupted, 0.0

    def __call__(self) -> bool:
        state = self.callback.requested_state()
        if state == PAUSE:
            started = time.perf_counter()
            while state == PAUSE and not self.interrupted.is_set():
                time.sleep(0.05)
                state = self.callback.requested_state()
            self.seconds_paused += time.perf_counter() - started
        return state != STOP and not self.interrupted.is_set()


@contextlib.contextmanager
def _interrupt_noted() -> Iterator[threading.Event]:
    """An event that the first interrupt sets, instead of raising in the middle of a step; a second one raises."""
    interrupted = threading.Event()
    is_main = threading.current_thread() is threading.main_thread()  # the only one that receives signals
    if not is_main or signal.getsignal(signal.SIGINT) is None:  # None: a program around Python has its own handler
        yield interrupted
        return

    def note(*_: Any) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


# ---------------------------------------------------------------- weights on disk


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the model's state to `path` (.npz): whole or not at all. OSError where the folder or the disk refuses."""
    checks.has_methods("model", model, "state_dict", such_as="Sequential(...)")
    checks.path("path", path, "weights/net.npz")
    archive.write(path, model.state_dict())


def load_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a state written by save_weights into the model: whole or not at all. Nothing in the file is executed.

    ValueError where the file is something else, damaged, or of another model; FileNotFoundError where there is none.
    """
    checks.has_methods("model", model, "state_dict", "load_state_dict", such_as="Sequential(...)")
    checks.path("path", path, "weights/net.npz")
    with archive.reading(path, "weights of this model, written by save_weights") as arrays:
        model.load_state_dict(arrays)
