"""`explore(frames.conv1d)` puts sliders and number fields under an animation: sizes, stride, padding, the values."""

import inspect
import math
import re

import ipywidgets
import numpy as np
import traitlets

from course_lib._support import checks
from course_lib.frames.pooling import TIES
from course_lib.frames.story import drawable
from course_lib.functional import out_size
from course_lib.widgets.player import Player, StillFallback

# name -> label, least, most: where a story has such a parameter, it gets a slider
_SLIDERS = {
    "stride": ("stride", 1, 4),
    "padding": ("padding", 0, 3),
    "dilation": ("dilation", 1, 3),
    "output_padding": ("output padding", 0, 2),
}
_GEOMETRY = (("stride", 1), ("padding", 0), ("dilation", 1))
_LARGEST_NUMBER = 3  # numbers are drawn from -3 to 3: small enough to follow by hand
_LARGEST_TURNED = 99  # in size, of a number that is dragged
_LONGEST = 28  # rows and columns that can be typed: as large as a digit of MNIST


def explore(*stories, size=6, kernel_size=3, rng=None, **start):
    """Show animations of `frames`, in one or two dimensions, with controls. Returns the widget.

    size           of x: n, or (H, W) in two dimensions; kernel_size: k, or (kH, kW)
    start          what the other controls are set to at first, as stride=2, or numbers for x, w and dy
    """
    if not stories or not all(callable(story) for story in stories):
        raise TypeError("explore needs functions such as frames.conv1d, without arguments: it makes them itself")
    rng = np.random.default_rng() if rng is None else checks.generator("rng", rng)
    return Explorer(stories, size, kernel_size, rng, start)


class TurnablePlayer(Player):
    """A player whose reader may change the numbers of some arrays: the page writes into `turned` what it asks for."""

    turnable = traitlets.List(traitlets.Unicode()).tag(sync=True)
    turned = traitlets.Dict().tag(sync=True)  # key, place (its indices) and value

    @traitlets.validate("turned")
    def _checked_turn(self, proposal):
        turned = proposal["value"]
        place, value = turned.get("place"), turned.get("value")
        whole = isinstance(place, list) and all(type(index) is int for index in place)
        finite = type(value) in (int, float) and math.isfinite(value)
        if turned.get("key") not in self.turnable or not whole or not finite:
            raise traitlets.TraitError("turned must name an array, a place in it and a number")
        return {"key": turned["key"], "place": place, "value": min(max(value, -_LARGEST_TURNED), _LARGEST_TURNED)}


class Explorer(StillFallback, ipywidgets.VBox):
    """Controls above a player. Each change of a control computes the stories again, once."""

    def __init__(self, stories, size, kernel_size, rng, start):
        self._stories, self._rng = stories, rng
        self._parameters = {name for story in stories for name in inspect.signature(story).parameters}
        self._arrays = [name for name in ("x", "w", "dy") if name in self._parameters]
        self._axes = 1 if all(story.__name__.startswith("conv1d") for story in stories) else 2
        _refuse_unknown(start, self._parameters)
        arrays = {name: _checked(name, start[name], self._axes) for name in self._arrays if name in start}
        self._player = TurnablePlayer(turnable=self._arrays)
        self._sliders = self._make_sliders(size, kernel_size, start | arrays)
        self._fields = {name: _field(name, self._axes) for name in self._arrays}
        again = ipywidgets.Button(description="New numbers", tooltip="Draw other numbers of the same sizes")
        self._busy = False
        self._once(lambda: self._redraw(arrays))
        for slider in self._sliders.values():
            slider.observe(lambda change: self._once(lambda: self._redraw(self._typed())), "value")
        for name, field in self._fields.items():
            field.observe(lambda change, name=name: self._once(lambda: self._take(name)), "value")
        self._player.observe(lambda change: self._once(self._turn), "turned")
        again.on_click(lambda button: self._once(lambda: self._redraw({})))
        controls = _row(*self._sliders.values()), _row(*self._fields.values(), again)
        super().__init__([*controls, self._player])

    @property
    def stories_shown(self):
        return self._player.stories_shown

    # ------------------------------------------------------------ controls

    def _make_sliders(self, size, kernel_size, start):
        sizes = start["x"].shape if "x" in start else _axes_of("size", size, self._axes)
        kernel = start["w"].shape if "w" in start else _axes_of("kernel_size", kernel_size, self._axes)
        names = ("size",) if self._axes == 1 else ("rows", "columns")
        sliders = {f"x {name}": _slider(f"x {name}", 1, 10, n) for name, n in zip(names, sizes, strict=True)}
        sliders |= {f"k {name}": _slider(f"kernel {name}", 1, 5, k) for name, k in zip(names, kernel, strict=True)}
        for name, (label, least, most) in _SLIDERS.items():
            if name in self._parameters:
                value = checks.integer(name, start.get(name, self._usual(name, kernel, least)), least)
                sliders[name] = _slider(label, least, most, value)
        if "ties" in self._parameters:
            sliders["ties"] = choice("ties", TIES, start.get("ties", "first"), **_LOOKS["style"])
        return sliders

    def _usual(self, name, kernel, least):
        """Returns where a slider starts: the windows of a pool lie side by side unless told otherwise."""
        pooling = name == "stride" and any("pool" in story.__name__ for story in self._stories)
        return max(kernel) if pooling else least

    def _once(self, action):
        """Run the action of a control. What it changes in other controls starts no action of theirs."""
        if self._busy:
            return
        self._busy = True
        try:
            action()
        except (ValueError, TypeError) as error:
            self._player.explain(_sentence(error))
        finally:
            self._busy = False

    # ------------------------------------------------------------ numbers

    def _value(self, prefix):
        return tuple(slider.value for name, slider in self._sliders.items() if name.startswith(prefix))

    def _shapes(self):
        """Returns {array name: the shape that the sliders are set to}; dy has the shape of y."""
        shapes = {"x": self._value("x "), "w": self._value("k ")}
        if "dy" in self._parameters:
            geometry = [self._sliders[name].value if name in self._sliders else usual for name, usual in _GEOMETRY]
            shapes["dy"] = tuple(out_size(n, k, *geometry) for n, k in zip(shapes["x"], shapes["w"], strict=True))
        return shapes

    def _redraw(self, kept):
        """Show the stories with the numbers in `kept` where their shapes still fit, and with new ones elsewhere."""
        shapes = self._shapes()
        arrays = {name: self._fitting(kept.get(name), shapes[name]) for name in self._arrays}
        settings = {name: self._sliders[name].value for name in self._sliders if name in self._parameters}
        given = {**arrays, **settings, "kernel_size": shapes["w"], "input_shape": shapes["x"]}
        self._player.show(*(story(**_for(story, given)) for story in self._stories))
        for name, array in arrays.items():
            self._fields[name].value = text = _written(array)
            lines = text.split("\n")
            self._fields[name].rows = len(lines)
            self._fields[name].layout.flex = f"1 1 {min(_WIDEST_FIELD, 70 + _LETTER * max(map(len, lines)))}px"

    def _fitting(self, array, shape):
        if array is not None and array.shape == shape:
            return array
        return self._rng.integers(-_LARGEST_NUMBER, _LARGEST_NUMBER + 1, shape).astype(float)

    def _typed(self):
        """Returns the numbers in the fields; for an empty field, new ones will be drawn."""
        filled = {name: field.value for name, field in self._fields.items() if field.value.strip()}
        return {name: _read(name, text, self._axes) for name, text in filled.items()}

    def _turn(self):
        """Take a number that was dragged. A place that is gone by now, in an array made smaller, counts no more."""
        key, place, value = (self._player.turned[part] for part in ("key", "place", "value"))
        arrays = self._typed()
        array = arrays.get(key)
        if array is None or len(place) != array.ndim:
            return
        if all(0 <= index < length for index, length in zip(place, array.shape, strict=True)):
            array = array.copy()
            array[tuple(place)] = value
            self._redraw({**arrays, key: array})

    def _take(self, name):
        """Take the numbers typed into a field. Their shape moves the sliders; those of dy have to fit."""
        typed = {**self._typed(), name: _read(name, self._fields[name].value, self._axes)}
        if name == "dy":
            checks.shape("dy", typed["dy"], self._shapes()["dy"], "the shape of y")
        prefix = {"x": "x ", "w": "k "}.get(name)
        sliders = [slider for key, slider in self._sliders.items() if prefix and key.startswith(prefix)]
        for slider, length in zip(sliders, typed[name].shape, strict=bool(sliders)):
            slider.max = max(slider.max, length)
            slider.value = length
        self._redraw(typed)


def _for(story, given):
    return {name: given[name] for name in inspect.signature(story).parameters if name in given}


def _refuse_unknown(start, parameters):
    for name in start:
        if name not in parameters:
            raise TypeError(f"unknown parameter {name!r}; choose from {', '.join(sorted(parameters))}")


def _checked(name, array, axes):
    array = drawable(**{name: array})
    checks.ndim(name, array, "(n,)" if axes == 1 else "(H, W)")
    return array


def _axes_of(name, value, axes):
    return (checks.integer(name, value, 1),) if axes == 1 else checks.pair(name, value, 1)


# ---------------------------------------------------------------- widgets


# two sliders in a row, or one where a page is narrow: with the fields below them they are as wide as the picture
_LOOKS = {
    "layout": {"flex": "1 1 max(270px, 34%)", "width": "auto", "min_width": "0"},
    "style": {"description_width": "104px"},
}
WIDTH, _WIDEST_FIELD = 1000, 940  # pixels: of a player at most, of a field at most
_LETTER = 8  # pixels of a letter in a field


def _slider(label, least, most, value):
    return ipywidgets.IntSlider(value, min(least, value), max(most, value), description=label, **_LOOKS)


def choice(name, options, chosen, description_width):
    """Returns buttons of which one is down. A drop-down list would lose its arrow keys to JupyterLab."""
    return ipywidgets.ToggleButtons(
        options=list(options), value=checks.one_of(name, chosen, options), description=name,
        tooltips=[f"{name}: {option}" for option in options],
        style={"description_width": description_width, "button_width": "96px"},
    )  # fmt: skip


def _field(name, axes):
    """Returns a field for a line of numbers, or one for a matrix, which grows with its rows.

    Neither is ever cut off: what is wider than the page goes on in the next row. The player sees to the Enter key.
    """
    if axes == 1:
        words = {"placeholder": "1, 2, 3", "tooltip": "Numbers between commas. Enter takes them."}
    else:
        words = {"placeholder": "1, 2, 3\n4, 5, 6", "tooltip": "A row a line. Tab takes it."}
    field = ipywidgets.Textarea(
        description=name, continuous_update=False, style={"description_width": "30px"},
        layout={"width": "auto", "min_width": "0"}, **words,
    )  # fmt: skip
    return field.add_class("cg-line" if axes == 1 else "cg-matrix")


def _row(*children):
    layout = {"flex_flow": "row wrap", "align_items": "center", "max_width": f"{WIDTH}px"}
    return ipywidgets.HBox(children, layout=layout)


# ---------------------------------------------------------------- numbers as text


def _written(array):
    """Returns an array of shape (n,) or (rows, columns) as one types it: a row a line, column below column."""
    rows = [[f"{value:g}" for value in row] for row in np.atleast_2d(array)]
    width = 0 if array.ndim == 1 else max(len(number) for row in rows for number in row)
    return "\n".join(", ".join(number.rjust(width) for number in row) for row in rows)


def _read(name, text, axes):
    rows = [row.replace("−", "-").split(",") for row in re.split("[;\n]", text) if row.strip()]
    try:
        values = [[float(value) for value in row] for row in rows]
    except ValueError:
        raise ValueError(f"{name} must be numbers between commas, but is {checks.brief(text)}") from None
    if not values:
        raise ValueError(f"{name} must be numbers between commas, but is empty")
    if len({len(row) for row in values}) != 1:
        lengths = checks.brief([len(row) for row in values])
        raise ValueError(f"{name} must have rows of one length, but they have {lengths} numbers")
    if axes == 1 and len(values) > 1:
        raise ValueError(f"{name} must be one row of numbers, but has {len(values)}")
    if max(len(values), len(values[0])) > _LONGEST:
        raise ValueError(f"{name} must have at most {_LONGEST} numbers in a row and {_LONGEST} rows")
    return _checked(name, values[0] if axes == 1 else values, axes)


def _sentence(error):
    return f"This does not fit: {error}."
