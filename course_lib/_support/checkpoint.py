"""A checkpoint: everything that training needs to resume, bit for bit, as if it had never stopped.

That is more than the weights: running statistics, the optimizer's state, the state of every random generator
(the one that shuffles, and those of dropout layers), and the history. It is written after each epoch.
"""

import itertools
import json
import math
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course_lib._support import archive, checks
from course_lib._support.files import first_free

_WHAT = "a checkpoint (delete it, or name another file, to start over)"


Arrays = Mapping[str, np.ndarray]


class Checkpoint:
    """The file `path` of one training run: its model, optimizer and rng, and the setting they are trained in.

    setting: {name: text}, one for each thing that must be the same when training resumes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Any,
        optimizer: Any,
        rng: np.random.Generator,
        setting: Mapping[str, str],
    ) -> None:
        checks.path("checkpoint", path, "checkpoints/net.npz")
        for name in ("state_dict", "load_state_dict"):
            if not hasattr(optimizer, name):
                raise TypeError(f"optimizer must have {name}() to be kept in a checkpoint, but {optimizer!r} has none")
        self.path, self.model, self.optimizer = Path(path), model, optimizer
        self.generators = _generators(rng, model)
        self.setting = {**_described(model, optimizer, self.generators), **setting}

    def save(self, history: Any) -> None:
        """Write everything to the file."""
        about = {
            "setting": self.setting,
            "epochs": len(history.seconds),
            "generators": [one.bit_generator.state for one in self.generators],
        }
        text = json.dumps(about, default=np.ndarray.tolist)
        arrays = {"about": np.frombuffer(text.encode(), np.uint8)}
        for part, owner in self._owners():
            arrays |= {f"{part}.{name}": array for name, array in owner.state_dict().items()}
        for name, values in vars(history).items():
            if isinstance(values, list) and values:
                arrays[f"history.{name}"] = np.array(values, float)  # None becomes NaN
        archive.write(self.path, arrays)

    def restore(self, history: Any, epochs: int, steps: int) -> str:
        """Go back to the state in the file, if it is of this training run. `steps` is how many there are in an epoch.

        Returns a sentence about what was found, or "". The file of another run is kept under another name. One
        that cannot be read raises ValueError, and changes nothing.
        """
        if not self.path.exists():
            return ""
        with archive.reading(self.path, _WHAT) as arrays:
            about = dict(json.loads(arrays["about"].tobytes()))
            done, setting = checks.integer("epochs", about["epochs"], 0), dict(about["setting"])
            difference = self._difference(setting, done, epochs)
            if not difference:
                self._take_over(arrays, about, history, done, steps)
        if difference:
            return self._set_aside(difference) if done else ""
        if not done:
            return f"The last run finished no epoch; starting over from its initial state in {self.path}."
        if done == epochs:
            return (
                f"{self.path} holds all {done} epochs of this training: nothing is left to do. "
                "Ask for more epochs to train longer, or delete the file to start over."
            )
        return f"Resuming after epoch {done} of {epochs}, from {self.path}. Delete the file to start over."

    def _difference(self, setting: Mapping[str, str], done: int, epochs: int) -> str | None:
        """In a few words, why the file is of another training run; None if it is of this one."""
        for name in {**self.setting, **setting}:
            lines = [str(one.get(name, "nothing")).split("\n") for one in (setting, self.setting)]
            for was, now in itertools.zip_longest(*lines, fillvalue="nothing"):
                if was != now:
                    return f"{name}: was {was.strip()}, now {now.strip()}"
        return f"it has {done} epochs, and you ask for {epochs}" if done > epochs else None

    def _set_aside(self, why: str) -> str:
        numbers = ("" if n == 1 else f"-{n}" for n in itertools.count(1))
        kept = first_free(self.path.with_suffix(f".before{number}{self.path.suffix}") for number in numbers)
        os.replace(self.path, kept)
        return f"{self.path} is from a different run ({why}). Starting over; the old file was renamed to {kept}."

    def _owners(self) -> tuple[tuple[str, Any], ...]:
        return ("model", self.model), ("optimizer", self.optimizer)

    def _take_over(self, arrays: Arrays, about: Mapping[str, Any], history: Any, done: int, steps: int) -> None:
        states = _checked_states(self.generators, about["generators"])
        lists = _history(arrays, history, done, steps)
        before = self.model.state_dict()
        try:
            for part, owner in self._owners():
                owner.load_state_dict({name: arrays[f"{part}.{name}"] for name in owner.state_dict()})
        except Exception:
            self.model.load_state_dict(before)
            raise
        for generator, state in zip(self.generators, states, strict=True):
            generator.bit_generator.state = state
        vars(history).update(lists)


def fingerprint(array: np.ndarray) -> str:
    """The dtype and shape of an array, and on a second line a checksum of its values."""
    checksum = 0
    for start in range(0, len(array), 500):  # in parts, which need not be contiguous
        checksum = zlib.crc32(np.ascontiguousarray(array[start : start + 500]).data, checksum)
    return f"{array.dtype} of shape {array.shape}\nvalues with checksum {checksum:08x}"


def _described(model: Any, optimizer: Any, generators: Sequence[np.random.Generator]) -> dict[str, str]:
    arrays = (f"\n{name}: {array.dtype} of shape {array.shape}" for name, array in model.state_dict().items())
    kinds = ", ".join(type(one.bit_generator).__name__ for one in generators)
    return {"model": plain(model) + "".join(arrays), "optimizer": plain(optimizer), "random generators": kinds}


def plain(thing: object) -> str:
    """The repr without an address in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def _history(arrays: Arrays, history: Any, done: int, steps: int) -> dict[str, list[float | None]]:
    """The lists of a history of `done` epochs, by name. Those of a test are there if there was one."""
    lists = {}
    for name in (name for name, value in vars(history).items() if isinstance(value, list)):
        length = done * steps if name == "step_loss" else done
        values = arrays.get(f"history.{name}", np.empty(0))
        if values.shape != (length,) and not (name.startswith("test") and values.shape == (0,)):
            raise ValueError(f"history.{name} must have {length} entries, but has shape {values.shape}")
        lists[name] = [None if math.isnan(value) else value for value in values.tolist()]
    return lists


# ---------------------------------------------------------------- random generators


def _generators(rng: np.random.Generator, model: Any) -> list[np.random.Generator]:
    """The rng that shuffles, and every other one that a layer has, each once."""
    owned = (value for module in model.modules() for value in vars(module).values())
    found = [rng, *(value for value in owned if isinstance(value, np.random.Generator))]
    return list({id(generator): generator for generator in found}.values())


def _checked_states(generators: Sequence[np.random.Generator], states: Sequence[Any]) -> Sequence[Any]:
    """States from a file, each tried on a generator that nobody uses."""
    for generator, state in zip(generators, states, strict=True):
        type(generator.bit_generator)(0).state = state
    return states
