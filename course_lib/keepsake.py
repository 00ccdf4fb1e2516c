"""The page to keep: what a learner built in this course, as one file in the learner's folder.

    keepsake.write(parts, model, accuracy=(0.985, 10_000), drawing=pad.image)

Whatever is not given, or not there yet, is left out.
"""

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from course_lib import functional as F
from course_lib import gradcheck, looks, mine, progress
from course_lib._support import checks, places
from course_lib._support.files import atomic_write
from course_lib._support.templates import templates
from course_lib.exercises import keeping, registry
from course_lib.exercises.engine.exercise import Exercise
from course_lib.parts import Parts
from course_lib.widgets.still import signed

FILE = "what_you_built.html"
_MOST_FILTERS = 16


class Written(NamedTuple):
    """A function of the learner's: where its lab stands, when it was solved and after how many tries, if known."""

    name: str
    lesson: str
    day: str
    tries: int


@dataclass(frozen=True)
class Slopes:
    """The largest difference between a gradient and its measured slope, in how many of the learner's functions."""

    largest: float
    functions: int


@dataclass(frozen=True)
class Drawing:
    """A digit and what the network says to it; two pictures, as data URIs."""

    digit: str
    saliency: str
    answer: int
    share: float


@dataclass(frozen=True)
class Keepsake:
    """The file that was written. Shows itself as a link."""

    path: Path

    def __repr__(self) -> str:
        return f"Your page is {self.path.name}, in your folder {self.path.parent.name}: open it in a browser, print it."

    def _repr_html_(self) -> str:
        place = self.path
        with suppress(ValueError):  # on another drive
            place = Path(os.path.relpath(place))
        return (
            templates("course_lib").get_template("keepsake_link.html").render(place=place.as_posix(), says=repr(self))
        )


def write(
    parts: Parts | None = None,
    model: Any = None,
    *,
    accuracy: tuple[float, int] | None = None,
    drawing: np.ndarray | None = None,
) -> Keepsake:
    """Write the page what_you_built.html, and return it.

    parts: whose the functions of the network are. model: its first weight with four axes holds the filters, and it
    reads the drawing (28, 28). accuracy: (share of digits read rightly, of how many). OSError where it cannot be kept.
    """
    built = own()
    page = templates("course_lib").get_template("what_you_built.html").render(
        day=_day(datetime.now(UTC).date()), built=built, labs=len(registry.names()), slopes=measured_slopes(built),
        parts=parts, filters=None if model is None else _filters(model), accuracy=accuracy,
        drawing=None if model is None or drawing is None else _read(model, drawing), looks=looks,
    )  # fmt: skip
    path = places.work() / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        file.write(page)
    return Keepsake(path)


# ---------------------------------------------------------------- what was written


def own() -> list[Written]:
    """The learner's functions that are right, lesson by lesson."""
    entries = progress.entries()
    return [
        Written(name, places.number(lesson), _solved(entries.get(name, {})), entries.get(name, {}).get("tries", 0))
        for lesson, labs in mine.report().states.items()
        for name, state in labs.items()
        if state == "yours"
    ]


def _solved(entry: dict[str, Any]) -> str:
    try:
        return _day(datetime.fromisoformat(entry["solved"]).date())
    except (KeyError, ValueError):
        return ""


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def measured_slopes(built: list[Written]) -> Slopes | None:
    """Hold every gradient of the learner's functions against differences; None where there is none to measure."""
    gaps = [_gaps(registry.get(one.name), keeping.answer(one.name)) for one in built]
    found = [max(gap) for gap in gaps if gap]
    return Slopes(max(found), len(found)) if found else None


def _gaps(exercise: Exercise, answer: Any) -> list[float]:
    """For each gradient that the answer returns, the largest difference from its measured slope.

    The numbers are random: a lab's own may lie on a kink, where there is no slope, or be extreme on purpose.
    """
    if exercise.forward is None or answer is None:
        return []
    rng, forward = np.random.default_rng(0), exercise.forward
    case = {name: _random_like(value, rng) for name, value in exercise.arguments[0].items()}
    returned = exercise.results(answer, case)
    values = dict(zip(exercise.tensors, (returned,) if len(exercise.tensors) == 1 else returned, strict=True))
    upstream = next(iter(case.values()))
    gaps = []
    for tensor, value in values.items():
        argument = tensor[1:]
        if tensor.startswith("d") and np.size(case.get(argument, "")) == np.size(value) and argument in case:

            def loss(moved: np.ndarray, argument: str = argument) -> Any:
                return np.sum(upstream * forward(**{**case, argument: moved}))

            measured = gradcheck.numerical_gradient(loss, np.asarray(case[argument], float))
            gaps.append(float(np.abs(np.asarray(value) - measured).max()))
    return gaps


def _random_like(value: Any, rng: np.random.Generator) -> Any:
    """Random numbers in place of an array of floats; anything else as it is."""
    is_free = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return rng.standard_normal(value.shape) if is_free else value


# ---------------------------------------------------------------- pictures


def _filters(model: Any) -> list[str]:
    """The filters of the first convolution, for its first channel, as pictures on one scale."""
    weights = [parameter.data for parameter in model.parameters() if parameter.data.ndim == 4]
    if not weights:
        return []
    kernels = weights[0][:_MOST_FILTERS, 0]
    return [_signed(kernel, float(np.abs(kernels).max())) for kernel in kernels]


def _read(model: Any, drawing: np.ndarray) -> Drawing:
    pixels = checks.floats(drawing=drawing)
    checks.shape("drawing", pixels, (28, 28), "a picture such as pad.image")
    image = pixels[None, None].astype(np.float32)
    with _borrowed(model):
        p = F.softmax(np.asarray(model.eval().forward(image), float))[0]
        answer = int(p.argmax())
        dx = _saliency()(model, image, answer)
    return Drawing(_grey(pixels), _signed(dx, float(np.percentile(np.abs(dx), 99))), answer, float(p[answer]))


@contextmanager
def _borrowed(model: Any) -> Iterator[None]:
    """Afterwards every layer is in the mode it was in before, and every parameter has the gradient it had."""
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    try:
        model.zero_grad()  # new arrays, because backward adds into them
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _saliency() -> Any:
    stored = keeping.answer("saliency")
    return registry.get("saliency").answer if stored is None else stored


def _grey(values: np.ndarray) -> str:
    """values from 0, white, to 1, black: on paper, ink is dark."""
    shades = np.rint(255 * (1 - np.clip(values, 0, 1))).astype(np.uint8)
    return _data_uri(np.repeat(shades[..., None], 3, axis=2))


def _signed(values: np.ndarray, limit: float) -> str:
    """values in blue above zero and orange below, white at zero, in full colour at the limit."""
    shares = np.clip(values / max(limit, np.finfo(float).tiny), -1, 1)
    return _data_uri(np.rint(signed(shares)).astype(np.uint8))


def _data_uri(pixels: np.ndarray) -> str:
    """A PNG of pixels (H, W, 3), inside an address: so the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
