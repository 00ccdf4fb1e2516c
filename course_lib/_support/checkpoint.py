"""A checkpoint: everything that training needs to resume, bit for bit, as if it had never stopped.

That is more than the weights: running statistics, the optimizer's state and settings, the state of every random
generator (the one that shuffles, and those of dropout layers), and the history. It is written after each epoch, and
now and then inside one: then it also holds the place in the epoch, and the generators' states of both moments, because
the epoch's order is drawn again from the state that the epoch began with.
"""

import itertools
import json
import math
import numbers
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_lib._support import archive, checks
from course_lib._support.files import first_free, from_json

_WHAT = "a checkpoint (delete it, or name another file, to start over)"


Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Place:
    """Where an epoch was left: after `steps` steps.

    Until then: loss, the sum over its examples; right, how many labels were; seconds. states: those of the generators.
    """

    steps: int
    loss: float
    right: float
    seconds: float
    states: Sequence[Any]


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
        self.place: Place | None = None  # where restore() found an epoch that was left

    @property
    def states(self) -> list[Any]:
        """The states of the generators, now."""
        return [one.bit_generator.state for one in self.generators]

    def go_on(self, states: Sequence[Any]) -> None:
        """Set the generators to these states."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.bit_generator.state = state

    def save_again(self, history: Any) -> None:
        """Write what has changed since the last save between two epochs: a callback may have set the lr."""
        if self._saved_settings != _settings(self.optimizer):
            self.save(history)

    def save(self, history: Any, place: Place | None = None) -> None:
        """Write everything to the file: between two epochs, or at a place inside one."""
        if place is None:
            self._before_epoch = self.states
        self._saved_settings = _settings(self.optimizer)
        about = {
            "setting": self.setting,
            "epochs": len(history.seconds),
            "generators": self._before_epoch,
            "place": None if place is None else asdict(place),
            "optimizer": plain(self.optimizer),
            "settings": self._saved_settings,
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
            about = dict(from_json(arrays["about"].tobytes().decode()))
            done, setting = checks.integer("epochs", about["epochs"], 0), dict(about["setting"])
            place = _place(about.get("place"), steps, self.generators)
            as_it_began = str(setting.get("optimizer"))
            if about.get("optimizer") == self.setting["optimizer"]:  # as a schedule has left it
                setting["optimizer"] = self.setting["optimizer"]
            difference = self._difference(setting, done, place, epochs)
            if not difference:
                self._take_over(arrays, about, history, done, steps, place)
                self.setting["optimizer"] = as_it_began
        if difference:
            return self._set_aside(difference) if done or place else ""
        if place:
            return (
                f"Resuming in epoch {done + 1} of {epochs}, after {place.steps} of its {steps} steps, "
                f"from {self.path}. Delete the file to start over."
            )
        if not done:
            return f"The last run took no step that it kept; starting over from its initial state in {self.path}."
        if done == epochs:
            return (
                f"{self.path} holds all {done} epochs of this training: nothing is left to do. "
                "Ask for more epochs to train longer, or delete the file to start over."
            )
        return f"Resuming after epoch {done} of {epochs}, from {self.path}. Delete the file to start over."

    def _difference(self, setting: Mapping[str, str], done: int, place: Place | None, epochs: int) -> str | None:
        """In a few words, why the file is of another training run; None if it is of this one."""
        for name in {**self.setting, **setting}:
            lines = [str(one.get(name, "nothing")).split("\n") for one in (setting, self.setting)]
            for was, now in itertools.zip_longest(*lines, fillvalue="nothing"):
                if was != now:
                    return f"{name}: was {was.strip()}, now {now.strip()}"
        more = f" and {place.steps} steps" if place else ""
        begun = done + (place is not None)
        return f"it has {done} epochs{more}, and you ask for {epochs}" if begun > epochs else None

    def _set_aside(self, why: str) -> str:
        numbers = ("" if n == 1 else f"-{n}" for n in itertools.count(1))
        kept = first_free(self.path.with_suffix(f".before{number}{self.path.suffix}") for number in numbers)
        os.replace(self.path, kept)
        return f"{self.path} is from a different run ({why}). Starting over; the old file was renamed to {kept}."

    def _owners(self) -> tuple[tuple[str, Any], ...]:
        return ("model", self.model), ("optimizer", self.optimizer)

    def _take_over(
        self, arrays: Arrays, about: Mapping[str, Any], history: Any, done: int, steps: int, place: Place | None
    ) -> None:
        states = _checked_states(self.generators, about["generators"])
        lists = _history(arrays, history, done, done * steps + (place.steps if place else 0))
        settings = dict(about.get("settings", {}))
        for name, value in settings.items():
            checks.real(name, value)
        before = self.model.state_dict()
        try:
            for part, owner in self._owners():
                owner.load_state_dict({name: arrays[f"{part}.{name}"] for name in owner.state_dict()})
        except Exception:
            self.model.load_state_dict(before)
            raise
        for name in settings.keys() & _settings(self.optimizer).keys():
            setattr(self.optimizer, name, settings[name])
        self._before_epoch, self.place = list(states), place
        self.go_on(states)
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


def _settings(optimizer: Any) -> dict[str, float]:
    """The numbers among the attributes of an optimizer, by name: a schedule changes lr from step to step."""
    return {
        name: int(value) if isinstance(value, numbers.Integral) else float(value)
        for name, value in getattr(optimizer, "__dict__", {}).items()
        if isinstance(value, numbers.Real) and not isinstance(value, bool)
    }


def plain(thing: object) -> str:
    """The repr without an address in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def _history(arrays: Arrays, history: Any, done: int, steps: int) -> dict[str, list[float | None]]:
    """The lists of a history of `done` whole epochs and of `steps` steps, by name. Those of a test may be missing."""
    lists = {}
    for name in (name for name, value in vars(history).items() if isinstance(value, list)):
        length = steps if name == "step_loss" else done
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


def _place(found: Any, steps: int, generators: Sequence[np.random.Generator]) -> Place | None:
    """The place in an epoch of `steps` steps that a file names, checked; None where it names none."""
    if found is None:
        return None
    place = Place(**found)
    numbers = [float(number) for number in (place.loss, place.right, place.seconds)]
    if not 0 < checks.integer("place.steps", place.steps, 0) < steps or not np.isfinite(numbers).all():
        raise ValueError(f"place must be inside an epoch of {steps} steps, with finite numbers, but is {found}")
    _checked_states(generators, place.states)
    return place


def _checked_states(generators: Sequence[np.random.Generator], states: Sequence[Any]) -> Sequence[Any]:
    """States from a file, each tried on a generator that nobody uses."""
    for generator, state in zip(generators, states, strict=True):
        type(generator.bit_generator)(0).state = state
    return states
