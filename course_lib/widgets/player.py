"""`play(story)` shows the stories of `frames` as an animation, and as a still picture where nothing can move."""

import base64
import itertools
import json
import re
import zlib
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from IPython.display import display

from course_lib import progress
from course_lib.frames.story import Story
from course_lib.widgets import film, still
from course_lib.widgets.scripts import script, style

_LONGEST_NAME = 60  # letters of a file's name


class StillFallback:
    """A widget that leaves a picture behind: of `stories_shown`, or what a `picture` of its own draws.

    Where a notebook is not trusted, the image/png beside the widget is shown. But JupyterLab shows a trusted widget
    whose kernel is gone as an error, whatever else the output holds. So a second output comes before it: it is hidden,
    and takes the widget's place then.
    """

    def picture(self):
        """Returns the bytes of a PNG, drawn for a width of still.WIDTH; None where there is nothing to see."""
        return still.png(*self.stories_shown) if self.stories_shown else None

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = data_and_metadata(super()._repr_mimebundle_(**kwargs))
        if picture := self.picture():
            data["image/png"] = base64.b64encode(picture).decode()
            metadata["image/png"] = {"width": still.WIDTH}
        return data, metadata

    def _ipython_display_(self):
        data, metadata = self._repr_mimebundle_()
        if "image/png" in data:
            display({"text/html": still.fallback_html(data["image/png"], data["text/plain"])}, raw=True)
        display(data, metadata=metadata, raw=True)

    def __repr__(self):
        return "Animation: " + "; ".join(story.title for story in self.stories_shown)


def data_and_metadata(bundle):
    """Returns a widget's bundle as (data, metadata); it may come without metadata."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return dict(data), dict(metadata or {})


class Player(StillFallback, anywidget.AnyWidget):
    """Plays stories side by side. `stories` may be replaced while it is shown."""

    _esm = script("player")
    _css = style("player")
    stories = traitlets.Dict().tag(sync=True)  # {"packed": stories} or {"message": a sentence in their place}

    def __init__(self, *stories, **kwargs):
        super().__init__(**kwargs)
        self.on_msg(self._asked)
        self.show(*stories)

    def show(self, *stories):
        self.stories_shown = stories
        self.stories = {"packed": packed(stories)}

    def explain(self, sentence):
        """Show a sentence in place of the stories."""
        self.stories_shown = ()
        self.stories = {"message": sentence}

    def _asked(self, _, content, buffers):
        """Save the stories as films in the notebook's folder, where the page asks for it, and send them there, too."""
        if content.get("save") != "gif":
            return
        try:
            paths = [film.save(story, _unused(story.title)) for story in self.stories_shown]
            self.send({"saved": [path.name for path in paths]}, [path.read_bytes() for path in paths])
        except OSError as error:
            self.send({"failed": f"The file cannot be written here: {error.strerror}."})


def _unused(title):
    """Returns a path named after a title, at which there is no file yet."""
    name = "-".join(re.findall(r"\w+", title.lower()))[:_LONGEST_NAME].strip("-")
    names = (f"{name}{'' if n == 1 else f'-{n}'}.gif" for n in itertools.count(1))
    return next(path for path in map(Path, names) if not path.exists())


def play(*stories):
    """Show one or more stories, side by side on one timeline. Returns the player, which a cell shows."""
    for story in stories:
        if not isinstance(story, Story):
            raise TypeError(f"play needs stories such as frames.conv1d(x, w), but got {type(story).__name__}")
    if not stories:
        raise TypeError("play needs at least one story, such as frames.conv1d(x, w)")
    return Player(*stories)


# ---------------------------------------------------------------- what is sent


def packed(stories):
    """Returns the JSON of some stories, compressed by zlib, in base64: a tenth of its size."""
    text = json.dumps([to_json(story) for story in stories], ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def to_json(story):
    """Returns a story as plain lists and dicts, with its grids numbered. types.d.ts says what each field means."""
    numbers = {key: number for number, key in enumerate(story.grids)}
    return {
        "title": story.title,
        "box": story.bounds,
        "grids": [_grid(grid, story.untouched[key]) for key, grid in story.grids.items()],
        "steps": [_step(story, step, numbers) for step in story.steps],
        "code": _code(story),
        **({"edges": [[numbers[key] for key in edge] for edge in story.edges]} if story.edges else {}),
    }


def _grid(grid, untouched):
    return {
        "key": grid.key, "name": grid.name, "role": grid.role, "shape": grid.values.shape,
        "values": _image(grid.values) if grid.picture else [_short(value) for value in grid.values.ravel().tolist()],
        "at": grid.at, "pitch": grid.pitch, "pad": grid.pad, "gaps": grid.gaps, "flipped": grid.flipped,
        "turns": grid.turns, **({"struck": grid.struck, "strikes": grid.strikes} if grid.struck else {}),
        **({"appears": grid.appears} if grid.appears else {}),
        "prefix": grid.prefix, "folded": grid.folded, "ndim": grid.ndim, "collects": grid.collects, "empty": grid.empty,
        "picture": grid.picture, "scale": grid.scale, "caption": grid.caption, "untouched": untouched,
    }  # fmt: skip


def _step(story, step, numbers):
    return {
        "sentence": step.sentence, "formula": step.formula, "numbers": step.numbers, "line": story.line_number(step),
        "flows": [_flow(flow, numbers) for flow in step.flows],
        "moves": {numbers[key]: place for key, place in step.moves.items()},
        "looks": {numbers[key]: cells for key, cells in step.looks.items()}, "beside": step.beside,
    }  # fmt: skip


def _flow(flow, numbers):
    return {
        "to": numbers[flow.to],
        "cells": flow.cells,
        "factors": [(numbers[key], cells) for key, cells in flow.factors],
        "scale": _image(flow.scale) if isinstance(flow.scale, list) else flow.scale,
        **({} if flow.amounts is None else {"amounts": [_short(amount) for amount in flow.amounts]}),
        **({"quiet": True} if flow.quiet else {}),
    }


def _code(story):
    if not story.source:
        return None
    secret = bool(story.lab) and not progress.solved(story.lab)
    return {"lines": story.source, "lab": story.lab, "secret": secret}


def _image(values):
    """Returns many values as [unit, how many units each is]: an eye cannot tell more than three figures apart."""
    values = np.asarray(values, float).ravel()
    unit = max(float(np.abs(values).max()), 1e-12) / 999
    return [float(f"{unit:.4g}"), *np.rint(values / unit).astype(int).tolist()]


def _short(value):
    """Returns a value with six figures, which are more than a picture shows, and a whole number without a point."""
    value = float(f"{value:.6g}")
    return int(value) if value == int(value) else value
