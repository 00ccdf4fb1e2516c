"""`explore(frames.conv1d)` puts sliders and number fields under an animation: sizes, stride, padding, the values."""

import inspect

import ipywidgets
import numpy as np

from course_lib import checks
from course_lib.frames.pooling import TIES
from course_lib.player import Pictured, Player

# name -> label, least, most: where a story has such a parameter, it gets a slider
_SLIDERS = {
    "stride": ("stride", 1, 4),
    "padding": ("padding", 0, 3),
    "dilation": ("dilation", 1, 3),
    "output_padding": ("output padding", 0, 2),
}
_LARGEST_NUMBER = 3  # numbers are drawn from -3 to 3: small enough to follow by hand


def explore(*stories, size=6, kernel_size=3, rng=None, **start):
    """Functions of `frames` on one line or one plane -> their players, with controls.

    size           n, or (H, W) for two dimensions; kernel_size: k
    start          where the other controls stand at first, as stride=2, or numbers for x, w and dy
    """
    if not stories or not all(callable(story) for story in stories):
        raise TypeError("explore needs functions such as frames.conv1d, without arguments: it makes them itself")
    return Explorer(stories, size, kernel_size, rng or np.random.default_rng(), start)


class Explorer(Pictured, ipywidgets.VBox):
    """Controls above a player. Every change recomputes the stories once."""

    def __init__(self, stories, size, kernel_size, rng, start):
        self._stories, self._rng = stories, rng
        self._parameters = {name for story in stories for name in inspect.signature(story).parameters}
        self._arrays = [name for name in ("x", "w", "dy") if name in self._parameters]
        self._one_dimension = all(story.__name__.startswith("conv1d") for story in stories)
        _refuse_unknown(start, self._parameters)
        self._player = Player()
        self._sliders = self._make_sliders(size, kernel_size, start)
        self._numbers = {name: _field(name) for name in self._arrays}
        self._again = ipywidgets.Button(description="New numbers", tooltip="Draw other numbers of the same sizes")
        self._redraw({name: start[name] for name in self._arrays if name in start})
        self._listen()
        super().__init__([
            _row(*self._sliders.values(), self._again), _row(*self._numbers.values()), self._player,
        ])  # fmt: skip

    @property
    def stories_shown(self):
        return self._player.stories_shown

    # ------------------------------------------------------------ controls

    def _make_sliders(self, size, kernel_size, start):
        sliders = {}
        if self._one_dimension:
            sliders["columns"] = _slider("size of x", 1, 12, checks.integer("size", size, 1))
        else:
            rows, columns = checks.pair("size", size, 1)
            sliders["rows"] = _slider("rows of x", 1, 10, rows)
            sliders["columns"] = _slider("columns of x", 1, 10, columns)
        sliders["kernel"] = _slider("kernel", 1, 5, checks.integer("kernel_size", kernel_size, 1))
        for name, (label, least, most) in _SLIDERS.items():
            if name in self._parameters:
                sliders[name] = _slider(label, least, most, start.get(name, self._usual(name, kernel_size, least)))
        if "ties" in self._parameters:
            sliders["ties"] = ipywidgets.Dropdown(
                options=list(TIES), value=start.get("ties", "first"), description="ties", layout={"width": "auto"}
            )
        return sliders

    def _usual(self, name, kernel_size, least):
        """A pool's windows stand side by side unless told otherwise."""
        pooling = name == "stride" and any("pool" in story.__name__ for story in self._stories)
        return kernel_size if pooling else least

    def _listen(self):
        for slider in self._sliders.values():
            slider.observe(lambda change: self._redraw(self._typed()), "value")
        for field in self._numbers.values():
            field.observe(lambda change: self._typed_anew(), "value")
        self._again.on_click(lambda button: self._redraw({}))

    # ------------------------------------------------------------ numbers

    def _geometry(self):
        return {name: slider.value for name, slider in self._sliders.items() if name in self._parameters}

    def _shapes(self):
        """The shapes that the sliders ask for, by array name; dy has the shape of y."""
        values = {name: slider.value for name, slider in self._sliders.items()}
        size = (values["columns"],) if self._one_dimension else (values["rows"], values["columns"])
        kernel = (values["kernel"],) * len(size)
        shapes = {"x": size, "w": kernel}
        if "dy" in self._parameters:
            across = [values.get(name, usual) for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1))]
            shapes["dy"] = tuple(checks.out_size(n, k, *across) for n, k in zip(size, kernel, strict=True))
        return shapes

    def _redraw(self, kept):
        """Show the stories with `kept` numbers where their shapes still fit, and new ones elsewhere."""
        try:
            shapes = self._shapes()
            arrays = {name: _fitting(name, kept, shapes[name], self._rng) for name in self._arrays}
            self._show(arrays)
        except (ValueError, TypeError) as error:
            self._player.explain(_sentence(error))
            return
        for name, array in arrays.items():
            _set_quietly(self._numbers[name], _written(array))

    def _typed(self):
        """The numbers in the fields that can be read."""
        found = {}
        for name, field in self._numbers.items():
            try:
                found[name] = _read(name, field.value)
            except ValueError:
                continue
        return found

    def _typed_anew(self):
        try:
            arrays = {name: _read(name, field.value) for name, field in self._numbers.items()}
            self._show(arrays)
        except (ValueError, TypeError) as error:
            self._player.explain(_sentence(error))

    def _show(self, arrays):
        size = self._sliders["rows"].value if "rows" in self._sliders else None
        extra = {
            "kernel_size": self._sliders["kernel"].value,
            "input_shape": (size, self._sliders["columns"].value),
        }
        given = {**arrays, **self._geometry(), **extra}
        self._player.show(*(story(**_for(story, given)) for story in self._stories))


def _for(story, given):
    return {name: given[name] for name in inspect.signature(story).parameters if name in given}


def _refuse_unknown(start, parameters):
    for name in start:
        if name not in parameters:
            raise TypeError(f"{name} is no parameter of these stories; they have {', '.join(sorted(parameters))}")


# ---------------------------------------------------------------- widgets


def _slider(label, least, most, value):
    return ipywidgets.IntSlider(
        value, min(least, value), max(most, value), description=label, continuous_update=True,
        layout={"width": "250px"}, style={"description_width": "96px"},
    )  # fmt: skip


def _field(name):
    return ipywidgets.Text(
        description=name, continuous_update=False, layout={"flex": "1 1 250px", "min_width": "200px"},
        style={"description_width": "30px"}, placeholder="numbers between commas; rows between semicolons",
    )  # fmt: skip


def _row(*children):
    return ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"})


def _set_quietly(field, text):
    """Write into a field without that counting as typing."""
    with field.hold_trait_notifications():
        handlers = dict(field._trait_notifiers)
        field._trait_notifiers = {}
        try:
            field.value = text
        finally:
            field._trait_notifiers = handlers


# ---------------------------------------------------------------- numbers as text


def _fitting(name, kept, shape, rng):
    array = np.asarray(kept.get(name, ()), float)
    if array.shape == shape:
        return array
    return rng.integers(-_LARGEST_NUMBER, _LARGEST_NUMBER + 1, shape).astype(float)


def _written(array):
    """(rows, columns) or (n,) -> "1, 0; 2, −1"."""
    rows = array if array.ndim == 2 else array[None]
    return "; ".join(", ".join(f"{value:g}" for value in row) for row in rows)


def _read(name, text):
    rows = [row.replace("−", "-").split(",") for row in text.split(";") if row.strip()]
    try:
        values = [[float(value) for value in row] for row in rows]
    except ValueError:
        raise ValueError(f"{name} must be numbers between commas, rows between semicolons, but is {text!r}") from None
    if len({len(row) for row in values}) != 1:
        raise ValueError(f"{name} must have rows of one length, but they have {[len(row) for row in values]}")
    return np.array(values[0] if len(values) == 1 and name_is_line else values)


def _sentence(error):
    text = str(error)
    return text[0].upper() + text[1:] + "."
