"""An animation as a file to share: a GIF or a WebP, drawn by Pillow."""

import io
import math
import os
from pathlib import Path

from PIL import Image

from course_lib._support import checks
from course_lib._support.files import atomic_write
from course_lib.frames.story import Story
from course_lib.looks import PAPER
from course_lib.widgets import still

SECONDS = 1.8  # for each step
LAST = 2.5  # times as long is the last one shown
COLOURS = 64
MOST = 60  # steps in a film: of a longer story it shows as many, from the first to the last
FORMATS = {".gif": "GIF", ".webp": "WEBP"}


def save(story: Story, path: str | os.PathLike[str], seconds: float = SECONDS) -> Path:
    """Write a story to `path`, .gif or .webp, with `seconds` for each step. Returns the path.

    A story of more than 60 steps is shown in 60 of them.
    The file is written whole or not at all. OSError where the folder or the disk refuses.
    """
    if not isinstance(story, Story):
        raise TypeError(f"story must be a Story, such as frames.conv1d(x, w) returns, but is {type(story).__name__}")
    checks.path("path", path, "scatter.gif")
    seconds = checks.positive("seconds", seconds)
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(f"path must end in {' or '.join(FORMATS)}, but is {str(target)!r}")
    first, *others = drawn(story)
    times = [round(1000 * seconds)] * len(others) + [round(1000 * LAST * seconds)]
    film = io.BytesIO()
    kind = FORMATS[target.suffix.lower()]
    first.save(film, kind, save_all=True, append_images=others, loop=0, duration=times, optimize=True, lossless=True)
    with atomic_write(target, "wb") as file:
        file.write(film.getvalue())
    return target


def drawn(story: Story) -> list[Image.Image]:
    """One picture for each step that is shown of a story, all of one size and with one palette."""
    last = len(story.steps) - 1
    shown = [round(last * n / (MOST - 1)) for n in range(MOST)] if last >= MOST else range(last + 1)
    steps = [still.Frame(story, step, story.bounds, still.WIDTH - 2 * still.MARGIN) for step in shown]
    height = math.ceil(max(step.height for step in steps)) + 2 * still.MARGIN
    images = []
    for step in steps:
        fine = Image.new("RGB", (still.FINE * still.WIDTH, still.FINE * height), PAPER.light)
        step.draw(still.Pen(fine, still.MARGIN, still.MARGIN))
        images.append(fine.resize((still.WIDTH, height), Image.Resampling.LANCZOS))
    palette = still.with_white_paper(images[-1].quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
