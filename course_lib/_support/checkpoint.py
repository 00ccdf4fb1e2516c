"""A checkpoint: all that a training must remember to go on, bit for bit, as if it had never stopped.

That is more than the weights: running statistics, what the optimizer remembers, where every random generator stands
(the one that shuffles, and those of dropout layers), and the history. It is written after each epoch.
"""

import itertools
import json
import math
import os
import re
import zlib
from pathlib import Path

import numpy as np

from course_lib._support import archive, checks
from course_lib._support.files import first_free

_WHAT = "a checkpoint (delete it, or name another file, to train anew)"


class Checkpoint:
    """The file `path` of one training: model, optimizer and rng, and the setting that they are trained in.

    setting: name -> text, one for each thing that must be the same when the training goes on.
    """

    def __init__(self, path, model, optimizer, rng, setting):
        checks.path("checkpoint", path, "checkpoints/net.npz")
        for name in ("state_dict", "load_state_dict"):
            if not hasattr(optimizer, name):
                raise TypeError(f"optimizer must have {name}() to be kept in a checkpoint, but {optimizer!r} has none")
        self.path, self.model, self.optimizer = Path(path), model, optimizer
        self.generators = _generators(rng, model)
        self.setting = {**_described(model, optimizer, self.generators), **setting}

    def save(self, history):
        about = {
            "setting": self.setting,
            "epochs": len(history.seconds),
            "generators": [one.bit_generator.state for one in self.generators],
        }
        arrays = {"about": archive.as_text(json.dumps(about, default=np.ndarray.tolist))}
        for part, state in self._states():
            arrays |= {f"{part}.{name}": array for name, array in state.items()}
        for name, values in vars(history).items():
            if isinstance(values, list) and values:
                arrays[f"history.{name}"] = np.array(values, float)  # None becomes NaN
        archive.write(self.path, arrays)

    def restore(self, history, epochs, steps):
        """Go back to where the file stands, if it is of this training -> a sentence about what was found, or "".

        The file of another training is kept under another name. One that cannot be read is a ValueError, and
        nothing has changed then. `steps` is how many there are in an epoch.
        """
        if not self.path.exists():
            return ""
        with archive.reading(self.path, _WHAT) as arrays:
            about = dict(json.loads(arrays.read_text("about")))
            done, setting = checks.integer("epochs", about["epochs"], 0), dict(about["setting"])
            difference = self._difference(setting, done, epochs)
            if not difference:
                self._take_over(arrays, about, history, done, steps)
        if difference:
            return self._set_aside(difference) if done else ""
        if not done:
            return f"No epoch was finished the last time: starting from where that began, as kept in {self.path}."
        if done == epochs:
            return (
                f"{self.path} holds all {done} epochs of this training: nothing is left to do. "
                "Ask for more epochs to go on, or delete the file to train anew."
            )
        return f"Going on after epoch {done} of {epochs}, where {self.path} stands. Delete the file to train anew."

    def _difference(self, setting, done, epochs):
        """A few words on why the file is of another training, or None."""
        for name in {**self.setting, **setting}:
            lines = [str(one.get(name, "nothing")).split("\n") for one in (setting, self.setting)]
            for was, now in itertools.zip_longest(*lines, fillvalue="nothing"):
                if was != now:
                    return f"{name}: was {was.strip()}, now {now.strip()}"
        return f"it has {done} epochs, and you ask for {epochs}" if done > epochs else None

    def _set_aside(self, why):
        numbers = ("" if n == 1 else f"-{n}" for n in itertools.count(1))
        kept = first_free(self.path.with_suffix(f".before{number}{self.path.suffix}") for number in numbers)
        os.replace(self.path, kept)
        return f"{self.path} belonged to another training ({why}). This one starts anew; the old file is now {kept}."

    def _states(self):
        return ("model", self.model.state_dict()), ("optimizer", self.optimizer.state_dict())

    def _take_over(self, arrays, about, history, done, steps):
        states = _checked_states(self.generators, about["generators"])
        found = {part: _read_like(arrays, part, own) for part, own in self._states()}
        lists = _read_history(arrays, history, done, steps)
        before = self.model.state_dict()
        self.model.load_state_dict(found["model"])
        try:
            self.optimizer.load_state_dict(found["optimizer"])
        except (TypeError, ValueError):
            self.model.load_state_dict(before)
            raise
        for generator, state in zip(self.generators, states, strict=True):
            generator.bit_generator.state = state
        vars(history).update(lists)


def fingerprint(array):
    """An array -> its dtype and shape, and on a second line a checksum of its values."""
    checksum = 0
    for start in range(0, len(array), 500):  # in parts, which need not lie in one piece
        checksum = zlib.crc32(np.ascontiguousarray(array[start : start + 500]), checksum)
    return f"{array.dtype} of shape {array.shape}\nvalues with checksum {checksum:08x}"


def _described(model, optimizer, generators):
    arrays = (f"\n{name}: {array.dtype} of shape {array.shape}" for name, array in model.state_dict().items())
    kinds = ", ".join(type(one.bit_generator).__name__ for one in generators)
    return {"model": plain(model) + "".join(arrays), "optimizer": plain(optimizer), "random generators": kinds}


def plain(thing):
    """What repr says, without an address in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def _read_like(arrays, part, own):
    return {name: arrays.read(f"{part}.{name}", array.shape, (array.dtype,)) for name, array in own.items()}


def _read_history(arrays, history, done, steps):
    """The lists of a history of so many epochs, by name; those of a test are there if there was one."""
    lists = {}
    for name, empty in vars(history).items():
        if isinstance(empty, list):
            length = done * steps if name == "step_loss" else done
            stored = f"history.{name}" in arrays.names or (done and not name.startswith("test"))
            values = arrays.read(f"history.{name}", (length,), (np.float64,)).tolist() if stored else []
            lists[name] = [None if math.isnan(value) else value for value in values]
    return lists


# ---------------------------------------------------------------- random generators


def _generators(rng, model):
    """The rng that shuffles, and every other one that a layer owns, each once."""
    owned = (value for module in model.modules() for value in vars(module).values())
    found = [rng, *(value for value in owned if isinstance(value, np.random.Generator))]
    return list({id(generator): generator for generator in found}.values())


def _checked_states(generators, states):
    """States from a file, each tried on a generator that nobody uses."""
    for generator, state in zip(generators, states, strict=True):
        type(generator.bit_generator)(0).state = state
    return states
