"""A dashboard on which a training is watched, paused and stopped while its cell runs.

    board = Dashboard()
    history = training.fit(..., callback=board)

Buttons reach a busy kernel through a subshell (JupyterLab 4.4 and ipykernel 7, or newer). Where there is none, the
front end gets no answer, and says how to stop instead. When the training ends, its curves are put into the notebook as
a picture, for those who read it without a kernel.
"""

import base64
import math
import time

import anywidget
import numpy as np
import traitlets
from IPython import get_ipython
from IPython.display import display

from course_lib import training
from course_lib.layers import Parameter
from course_lib.widgets import dashboard_picture, still
from course_lib.widgets.dashboard_sample import sample
from course_lib.widgets.player import data_and_metadata
from course_lib.widgets.scripts import script, style

_BETWEEN_LOOKS, _BETWEEN_MEASUREMENTS, _BETWEEN_WHOLES = 0.25, 0.5, 5  # seconds
_MOST_FILTERS, _MOST_CELLS = 32, 1200
_WORDS = "Dashboard: loss, accuracy, filters and gradients of a training"
_BROKEN_OFF = "Training stopped before it finished. Run the cell again; it resumes from the checkpoint."


class Dashboard(training.Callback):
    """Shows the training that it is given to: training.fit(..., callback=Dashboard()).

    The loss of every step, accuracies (or losses, where targets are not labels) of every epoch, the filters of the
    first convolution, how long each layer's gradient is, images a second and the time left; Pause, Continue, Stop.
    Where there is a test set with labels, it looks at some 500 of it now and then, which takes about a thirtieth of the
    time: how many are right before the first epoch has ended, and what becomes of twenty images that were wrong.
    fit displays it. A board may be used again: every training has its own picture.
    """

    test = None

    def test_set(self, x, y):
        self.test = x, y

    def started(self, *, model, history, epochs, steps, examples):
        self.model, self.history = model, history
        self.epochs, self.steps, self.examples = epochs, steps, examples
        self.curve, self.clock = Curve(), _Clock()
        self.steps_before, self.seconds_before = len(history.step_loss), sum(history.seconds)
        self.norms, self.first_norms, self.filters = {}, {}, filters(model)
        self.sample, self.test = sample(self.test, epochs, steps, examples), None
        self.measured = self.sent_whole = -math.inf
        self.board = _Board()
        self._tell("training", whole=True)
        self._put_into_the_notebook()

    def requested_state(self):
        requested = self.board.requested
        if (requested == training.PAUSE) != self.clock.paused:
            self.clock.pause() if requested == training.PAUSE else self.clock.go_on()
            self._tell("paused" if self.clock.paused else "training")
        return requested

    def step(self):
        if self.clock.step():
            self._measure()
            self._look()
            self._tell("training")

    def epoch(self):
        self.clock.epoch()
        self._tell("training", whole=True)

    def ended(self, outcome):
        if self.clock.paused:
            self.clock.go_on()
        if outcome == training.FINISHED:
            self._look(now=True)
        self.clock.end()
        self._measure(now=True)
        self._tell(outcome, whole=True)
        self._leave_a_picture()

    def __repr__(self):
        return "Dashboard()"

    # ------------------------------------------------------------ what is shown

    def _measure(self, now=False):
        """Measure gradients and filters right after a step, but not so often that it takes time from the training."""
        if now or self.clock.seconds - self.measured >= _BETWEEN_MEASUREMENTS:
            self.measured = self.clock.seconds
            self.filters = filters(self.model)
            if len(self.history.step_loss) > self.steps_before:
                self.norms = gradient_norms(self.model)
                self.first_norms = self.first_norms or self.norms

    def _look(self, now=False):
        """Look at the sample of the test set, now or if it is time for it: that is no step."""
        if self.sample:
            epochs = len(self.history.step_loss) / self.steps
            self.clock.leave_out(self.sample.look(self.model, epochs, self.clock.seconds, now))

    def _tell(self, status, whole=False):
        """Send what is new to the front end: the curve in pieces, and now and then as a whole, as pieces get lost."""
        first = self.curve.extend(self.history.step_loss)
        whole = whole or first == 0 or self.clock.seconds - self.sent_whole >= _BETWEEN_WHOLES
        news = {
            "now": self._now(status), "passed": passed(self.history), "filters": self.filters,
            "norms": [[name, *_finite([norm, self.first_norms[name]])] for name, norm in self.norms.items()],
        }  # fmt: skip
        if self.sample:
            news |= {"sample": self.sample.told(), "hard": self.sample.pictures()}
        if whole:
            self.sent_whole = self.clock.seconds
            news["curve"] = {"width": self.curve.width, "bins": self.curve.all_bins(self.history.step_loss)}
        else:
            news["news"] = {"width": self.curve.width, "from": first, "bins": self.curve.bins[first:]}
        self.board.tell(news)

    def _now(self, status):
        """Where the training stands, in numbers."""
        step, of = len(self.history.step_loss), self.epochs * self.steps
        taken = step - self.steps_before
        left = (of - step) * self.clock.seconds / taken if taken else None
        return {
            "status": status, "step": step, "of": of, "epoch": min(len(self.history.seconds) + 1, self.epochs),
            "epochs": self.epochs, "rate": self.clock.rate * self.examples / self.steps, "left": left,
            "seconds": self.seconds_before + self.clock.seconds,
        }  # fmt: skip

    # ------------------------------------------------------------ in the notebook

    def _put_into_the_notebook(self):
        """Show two outputs, filled at the end: a hidden picture, and the widget with another (see StillFallback)."""
        self.outputs = ()
        if get_ipython() is not None:
            hidden = display({"text/html": still.fallback_html("", _BROKEN_OFF)}, raw=True, display_id=True)
            self.outputs = hidden, display(self._view(), raw=True, display_id=True)

    def _leave_a_picture(self):
        if self.outputs:
            now = self.board.now
            shown = [getattr(self.board, name) for name in ("curve", "passed", "filters", "norms", "sample", "hard")]
            picture = base64.b64encode(dashboard_picture.png(now, *shown)).decode()
            hidden, view = self.outputs
            words = dashboard_picture.summary(now, self.board.passed)
            hidden.update({"text/html": still.fallback_html(picture, words)}, raw=True)
            view.update(
                {**self._view(), "image/png": picture}, raw=True, metadata={"image/png": {"width": still.WIDTH}}
            )

    def _view(self):
        data, _ = data_and_metadata(self.board._repr_mimebundle_())
        return {**data, "text/plain": _WORDS}


class _Board(anywidget.AnyWidget):
    """The front end's side. It sends nothing but pings, each of which may request a state."""

    _esm = script("dashboard")
    _css = style("dashboard")
    now = traitlets.Dict().tag(sync=True)
    curve = traitlets.Dict().tag(sync=True)
    news = traitlets.Dict().tag(sync=True)
    passed = traitlets.Dict().tag(sync=True)
    filters = traitlets.Dict().tag(sync=True)
    norms = traitlets.List().tag(sync=True)
    sample = traitlets.Dict().tag(sync=True)
    hard = traitlets.Dict().tag(sync=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.requested = training.RUN
        self.on_msg(self._pinged)

    def tell(self, news):
        """Send {name: value} in one message.

        ipykernel 7.4 hands messages from the front end to the loop that sent the last reply, which is the busy cell,
        and not to the subshell that they were sent to; unless nobody knows any more who replied.
        """
        with self.hold_sync():
            for name, value in news.items():
                setattr(self, name, value)
        vars(self.comm).pop("_reply_subshell_id", None)

    def _pinged(self, _, content, buffers):
        """Note the request, and answer. No more: this may run on a subshell's thread, in the middle of a step."""
        if content.get("request") in (training.RUN, training.PAUSE, training.STOP):
            self.requested = content["request"]
        self.send({"pong": content["ping"]})


class _Clock:
    """Seconds of training, without its pauses; and steps a second, without the tests that come between epochs."""

    def __init__(self):
        self.begun, self.pauses, self.paused_at = time.perf_counter(), 0.0, None
        self.last = self.looked = self.beside = 0.0  # when the last step ended; seconds that were no steps
        self.steps = self.steps_before = 0
        self.rate = 0.0

    @property
    def paused(self):
        return self.paused_at is not None

    @property
    def seconds(self):
        now = time.perf_counter() if self.paused_at is None else self.paused_at
        return now - self.begun - self.pauses

    def pause(self):
        self.paused_at = time.perf_counter()

    def go_on(self):
        self.pauses += time.perf_counter() - self.paused_at
        self.paused_at = None

    def step(self):
        """Note that a step has ended. Returns whether it is time for another look."""
        self.last = self.seconds
        self.steps += 1
        if self.last - self.looked < _BETWEEN_LOOKS:
            return False
        rate = (self.steps - self.steps_before) / (self.last - self.looked)
        self.rate = 0.7 * self.rate + 0.3 * rate if self.rate else rate  # a number that jumps cannot be read
        self.looked, self.steps_before = self.last, self.steps
        return True

    def epoch(self):
        """Note that an epoch has ended: what came after its last step was no step."""
        self.leave_out(self.seconds - self.last)

    def leave_out(self, seconds):
        """Note that the last seconds were no step."""
        self.beside += seconds
        self.looked += seconds
        self.last += seconds

    def end(self):
        """From now on, the rate is that of the whole training."""
        self.rate = self.steps / max(self.seconds - self.beside, 1e-9)


class Curve:
    """The losses of all steps in at most `most` bins of `width` steps each: [mean, lowest, highest]."""

    def __init__(self, most=128):
        self.most, self.width, self.bins = most, 1, []

    def extend(self, losses):
        """Take the losses of all steps so far. Returns the number of the first bin that is new or has changed."""
        first = len(self.bins)
        begin = first * self.width
        count = (len(losses) - begin) // self.width
        self.bins += _bins(losses[begin : begin + count * self.width], self.width)
        while len(self.bins) > self.most:  # neighbours become one; one that is left over is made again later
            pairs = zip(self.bins[::2], self.bins[1::2], strict=False)
            self.bins = [[(a[0] + b[0]) / 2, min(a[1], b[1]), max(a[2], b[2])] for a, b in pairs]
            self.width *= 2
            first = 0
        return first

    def all_bins(self, losses):
        """Returns the bins, and a last one for the steps that do not fill a bin yet."""
        rest = losses[len(self.bins) * self.width :]
        return self.bins + (_bins(rest, len(rest)) if rest else [])


def _bins(losses, width):
    parts = np.reshape(losses, (-1, width))
    return np.stack([parts.mean(axis=1), parts.min(axis=1), parts.max(axis=1)], axis=1).tolist()


# ---------------------------------------------------------------- what there is to see


def passed(history):
    """Returns what the second picture shows of each epoch: accuracies, or losses where there are none."""
    labels = bool(history.train_accuracy) and history.train_accuracy[0] is not None
    kind = "accuracy" if labels or not history.train_loss else "loss"
    train, test = (_finite(getattr(history, f"{part}_{kind}")) for part in ("train", "test"))
    return {"kind": kind, "train": train, "test": test}


def _finite(values):
    """Returns numbers that JSON can hold; 1e300 stands for infinity, and leaves room to draw a scale."""
    return np.nan_to_num(np.array(values, float), posinf=1e300, neginf=-1e300).tolist()


def filters(model):
    """Returns the first convolution's filters, for channel 0, in 99ths of the largest; {} if there is none."""
    kernels = next((p.data[:, 0] for _, p in model.named_parameters() if p.data.ndim == 4), None)
    if kernels is None or kernels[0].size > _MOST_CELLS:
        return {}
    kernels = np.array(_finite(kernels[: min(_MOST_FILTERS, _MOST_CELLS // kernels[0].size)]))
    largest = float(np.abs(kernels).max())
    shares = np.rint(99 * (kernels / (largest or 1))).astype(int)
    return {"largest": float(f"{largest:.3g}"), "shares": shares.tolist()}


def gradient_norms(model):
    """Returns {layer: the length of the gradient of all its parameters together}, in the order of the layers."""
    return {
        name: math.sqrt(sum(float(np.sum(np.square(grad, dtype=float))) for grad in grads))
        for name, grads in _gradients(model)
    }


def _gradients(layer, path=""):
    """Yields (name, gradients) of every layer that has parameters of its own; its name is its place and its class."""
    own = [value.grad for value in vars(layer).values() if isinstance(value, Parameter)]
    if own:
        yield f"{path} {type(layer).__name__}".strip(), own
    for name, child in layer.children():
        yield from _gradients(child, f"{path}.{name}".strip("."))
