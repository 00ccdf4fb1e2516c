"""`play(story)` shows the stories of `frames` as an animation, and as a still picture where nothing can move."""

import base64
import contextlib
import pathlib
import re

import anywidget
import numpy as np
import traitlets
from IPython.display import display

from course_lib import progress
from course_lib.frames.story import Story
from course_lib.looks import PALETTE
from course_lib.widgets import still

_HERE = pathlib.Path(__file__).parent


class Pictured:
    """A widget that leaves a picture behind: of `stories_shown`, or what a `picture` of its own draws.

    Where a notebook is not trusted, the image/png beside the widget is shown. But JupyterLab shows a trusted widget
    whose kernel is gone as an error, whatever else the output holds. So a second output goes before it, which stays
    hidden, and takes its place then.
    """

    def picture(self):
        """The bytes of a PNG, drawn for a width of still.WIDTH; None where there is nothing to see."""
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
            display({"text/html": still.spare(data["image/png"], data["text/plain"])}, raw=True)
        display(data, metadata=metadata, raw=True)

    def __repr__(self):
        return "Animation: " + "; ".join(story.title for story in self.stories_shown)


def data_and_metadata(bundle):
    """A widget's bundle, which may come without metadata."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return dict(data), dict(metadata or {})


class Guarded:
    """A widget that takes from its page the traits in `heard`, as far as they are what they should be; no others.

    Whatever a page says, it brings no error into the notebook, and nothing into the widget that Python did not allow.
    """

    heard = ()

    def set_state(self, sync_data):
        if isinstance(sync_data, dict):
            with contextlib.suppress(traitlets.TraitError):  # traitlets then puts back what was there before
                super().set_state({name: value for name, value in sync_data.items() if name in self.heard})


class Player(Guarded, Pictured, anywidget.AnyWidget):
    """Plays stories side by side. `stories` may be replaced while it is shown."""

    _esm = _HERE / "player.js"
    _css = _HERE / "player.css"
    stories = traitlets.Dict().tag(sync=True)

    def __init__(self, *stories, **kwargs):
        super().__init__(**kwargs)
        self.show(*stories)

    def show(self, *stories):
        self.stories_shown = stories
        self.stories = {"stories": [portable(story) for story in stories], "palette": PALETTE}

    def explain(self, sentence):
        """Show a sentence in place of the stories."""
        self.stories_shown = ()
        self.stories = {"message": sentence}


def play(*stories):
    """One or more stories -> a player. Several are shown side by side, on one timeline."""
    for story in stories:
        if not isinstance(story, Story):
            raise TypeError(f"play needs stories such as frames.conv1d(x, w), but got {type(story).__name__}")
    if not stories:
        raise TypeError("play needs at least one story, such as frames.conv1d(x, w)")
    return Player(*stories)


def portable(story):
    """A story -> what the front end reads: plain lists, grids by number, and every sentence pattern only once."""
    numbers = {key: number for number, key in enumerate(story.grids)}
    patterns = {}
    return {
        "title": story.title,
        "box": story.bounds,
        "grids": [_grid(grid, story.untouched[key]) for key, grid in story.grids.items()],
        "steps": [_step(story, step, numbers, patterns) for step in story.steps],
        "patterns": list(patterns),
        "code": _code(story),
    }


def _grid(grid, untouched):
    return {
        "key": grid.key, "name": grid.name, "role": grid.role, "shape": grid.values.shape,
        "values": _image(grid.values) if grid.picture else [_short(value) for value in grid.values.ravel().tolist()],
        "at": grid.at, "pitch": grid.pitch, "pad": grid.pad, "gaps": grid.gaps, "flipped": grid.flipped,
        "prefix": grid.prefix, "folded": grid.folded, "ndim": grid.ndim, "collects": grid.collects, "empty": grid.empty,
        "picture": grid.picture, "scale": grid.scale, "caption": grid.caption, "untouched": untouched,
    }  # fmt: skip


def _step(story, step, numbers, patterns):
    data = {
        "words": _words(step, patterns),
        "line": story.line_number(step),
        "flows": [_flow(flow, numbers, story.grids) for flow in step.flows],
        "moves": {numbers[key]: place for key, place in step.moves.items()},
        "looks": {numbers[key]: _cells(cells, story.grids[key]) for key, cells in step.looks.items()},
    }
    return {name: value for name, value in data.items() if value or value == 0}


_NUMBER = re.compile(r"(−?\d+(?:\.\d+)?(?:e−?\d+)?)")


def _words(step, patterns):
    """Sentence, formula and numbers -> [which pattern, the numbers that fill its #]: steps differ in little else."""
    parts = _NUMBER.split("\t".join((step.sentence, step.formula, step.numbers)))
    return [patterns.setdefault("#".join(parts[::2]), len(patterns)), " ".join(parts[1::2])]


def _flow(flow, numbers, grids):
    """[grid written, its cells, [[grid read, its cells], ...], scale]: one cell stands for a list of equals."""
    factors = [(numbers[key], _cells(cells, grids[key])) for key, cells in flow.factors]
    one = len(set(flow.cells)) == 1 and any(isinstance(cells, list) for _, cells in flow.factors)
    data = [numbers[flow.to], flow.cells[0] if one else _cells(flow.cells, grids[flow.to]), factors]
    if isinstance(flow.scale, list):
        return [*data, _image(flow.scale)]
    return data if flow.scale == 1 else [*data, flow.scale]


def _cells(cells, grid):
    """-1 stands for all cells of the grid in order."""
    if not isinstance(cells, list):
        return cells
    return -1 if len(cells) == grid.values.size and cells == list(range(len(cells))) else cells


def _code(story):
    if not story.source:
        return None
    secret = bool(story.lab) and not progress.solved(story.lab)
    return {"lines": story.source, "lab": story.lab, "secret": secret}


def _image(values):
    """Many values -> [unit, and how many units each is]: three figures are more than an eye tells apart.

    Nothing after the unit stands for zeros everywhere: a picture that waits for its gradient is sent as good as free.
    """
    values = np.asarray(values, float).ravel()
    if not values.any():
        return [1]
    unit = max(float(np.abs(values).max()), 1e-12) / 999
    return [float(f"{unit:.4g}"), *np.rint(values / unit).astype(int).tolist()]


def _short(value):
    """Six figures are more than a picture shows, and whole numbers need no point."""
    value = float(f"{value:.6g}")
    return int(value) if value == int(value) else value
