"""Some test examples, always the same, that a dashboard looks at while training runs, and the hard ones among them."""

import base64
import io
import math
import time

import numpy as np
from PIL import Image

from course_lib import training

MOST, LEAST = 500, 100  # examples
_OF_A_TRAINING = 36  # one look takes as many examples as this part of all that are trained on
_SHARE = 0.03  # of the time, at most, that looks take
_APART = 0.02  # of the time so far that passes between two looks: a long training has no more of them than a short one
_HARD, _NEARLY = 20, 0.6  # so many are kept, of those that are wrong at the first look where this share is right
_LARGEST_SIDE = 64  # of an image, in pixels


class Sample:
    """Looks at a part of a test set x (N, ...), y (N,) labels now and then, and remembers what it saw.

    points: [epochs taken, share that is right] of every look. A look changes no number of the training: it computes in
    evaluation mode, and afterwards every layer is in the mode it was in before.
    """

    def __init__(self, x, y, trained_on, batch_size):
        size = min(len(x), MOST, max(LEAST, trained_on // _OF_A_TRAINING))
        chosen = np.linspace(0, len(x) - 1, size).astype(int)
        self.x, self.y, self.batch_size = x[chosen], y[chosen], batch_size
        self.points, self.hard, self.says = [], None, []
        self.due = 0.0

    def look(self, model, epochs, seconds, now=False):
        """Look, if it is time for it, after so many epochs and seconds. Returns how many seconds it took."""
        if seconds < self.due and not now:
            return 0.0
        started = time.perf_counter()
        with np.errstate(all="ignore"):  # of weights that grow without bound, the loss tells
            scores = np.nan_to_num(training.predict(model, self.x, self.batch_size))
        self.points.append([round(epochs, 4), float((scores.argmax(axis=1) == self.y).mean())])
        self._keep_the_hard_ones(scores)
        took = time.perf_counter() - started
        self.due = seconds + took + max(took / _SHARE, _APART * seconds)
        return took

    def told(self):
        """Returns what the front end receives: how many examples, the points, and what is said of each hard one."""
        return {"size": len(self.y), "points": list(self.points), "says": list(self.says)}

    def pictures(self):
        """Returns the hard images side by side in one PNG, in base64, and their labels; {} while there are none."""
        if self.hard is None or not len(self.hard):
            return {}
        images = self.x[self.hard][:, 0].astype(float)
        low, high = images.min(), images.max()
        grey = np.rint(255 * (images - low) / (high - low or 1)).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(np.hstack(list(grey))).save(file, "PNG", optimize=True)
        return {"png": base64.b64encode(file.getvalue()).decode(), "labels": self.y[self.hard].tolist()}

    def _keep_the_hard_ones(self, scores):
        """Some wrong ones of every kind, from nearly right to far off: these turn right one after the other."""
        if self.hard is None and self.points[-1][1] >= _NEARLY and _are_images(self.x):
            of_label = scores[np.arange(len(scores)), self.y]
            off = scores.max(axis=1) - of_label
            wrong = np.flatnonzero(scores.argmax(axis=1) != self.y)
            by_size = wrong[np.argsort(off[wrong], kind="stable")]
            self.hard = by_size[np.linspace(0, len(by_size) - 1, min(_HARD, len(by_size))).astype(int)]
        if self.hard is not None:
            self.says = scores[self.hard].argmax(axis=1).tolist()


def sample(test, epochs, steps, examples):
    """Returns a Sample of a test set (x, y) for such a training; None where its targets are no labels."""
    if test is None or np.ndim(test[1]) != 1 or np.asarray(test[1]).dtype.kind not in "iu":
        return None
    return Sample(*test, epochs * examples, min(250, math.ceil(examples / steps)))


def _are_images(x):
    return x.ndim == 4 and max(x.shape[2:]) <= _LARGEST_SIDE
