"""`explore_flow()`: how large gradients are in a deep network, drawn anew whenever a control is moved."""

import base64

import ipywidgets
from markupsafe import Markup

from course_lib import figures, flow
from course_lib._support import checks
from course_lib.looks import number
from course_lib.widgets import still
from course_lib.widgets.explorer import choice
from course_lib.widgets.player import StillFallback

DEEPEST = 40
_LABEL = {"description_width": "84px"}


def explore_flow(**start):
    """Controls above a picture. start: where they stand at first, as depth=20, start="He", batch_norm=True."""
    return FlowExplorer(start)


class FlowExplorer(StillFallback, ipywidgets.VBox):
    """Every change measures a new network once, and leaves the one before it in the picture, in grey."""

    def __init__(self, start):
        self._controls = _controls()
        for name, value in start.items():
            if name not in self._controls:
                raise TypeError(f"{name} is no control of this picture; it has {', '.join(self._controls)}")
            _set(self._controls[name], name, value)
        self._image = ipywidgets.HTML()
        self.readings, self._before = [], []
        self._measure()
        for control in self._controls.values():
            control.observe(lambda change: self._measure(), "value")
        depth, begin, activation, *boxes = self._controls.values()
        row = {"flex_flow": "row wrap", "align_items": "center"}
        super().__init__([begin, activation, ipywidgets.HBox([depth, *boxes], layout=row), self._image])

    @property
    def settings(self):
        return {name: control.value for name, control in self._controls.items()}

    def _measure(self):
        self._before, self.readings = self.readings, flow.deep_flow(**self.settings)
        picture = base64.b64encode(self.picture()).decode()
        image = Markup('<img src="data:image/png;base64,{}" alt="{}" style="width: {}px; max-width: 100%">')
        self._image.value = image.format(picture, self._words(), still.WIDTH)

    def picture(self):
        factor = number(flow.step_factor(self.readings), 2)
        title = f"{self._settings()}\nThe gradient {flow.verdict(self.readings)}: times {factor} with each layer"
        return figures.png(lambda ax: figures.flow(ax, self.readings, self._before, title), still.WIDTH, 400, above=74)

    def __repr__(self):
        """Short, because ipywidgets cuts it off after 110 characters."""
        first, last = self.readings[0], self.readings[-1]
        sizes = f"{number(last.activation, 2)} to {number(first.activation, 2)}"
        return f"{self._settings()}: mean |dy| {sizes}, it {flow.verdict(self.readings)}"

    def _words(self):
        """For those who cannot see the picture."""
        first, last = self.readings[0], self.readings[-1]
        sizes = f"mean |dw| {number(last.weight, 2)} in the last layer and {number(first.weight, 2)} in the first"
        return f"From the last layer to the first, with {self!r}; {sizes}."

    def _settings(self):
        s = self.settings
        extras = [name.replace("_", " ") for name in ("batch_norm", "residual") if s[name]]
        return ", ".join([f"{s['depth']} layers", s["start"], s["activation"], *extras])


def _controls():
    box = {"indent": False, "layout": {"width": "130px"}}
    return {
        "depth": ipywidgets.IntSlider(20, 2, DEEPEST, description="depth", layout={"width": "300px"}, style=_LABEL),
        "start": choice("start", flow.STARTS, "He", **_LABEL),
        "activation": choice("activation", flow.ACTIVATIONS, "ReLU", **_LABEL),
        "batch_norm": ipywidgets.Checkbox(False, description="batch norm", **box),
        "residual": ipywidgets.Checkbox(False, description="residual", **box),
    }


def _set(control, name, value):
    if isinstance(control, ipywidgets.IntSlider):
        if not (isinstance(value, int) and control.min <= value <= control.max):
            raise ValueError(f"{name} must be a whole number from {control.min} to {control.max}, but is {value!r}")
    elif isinstance(control, ipywidgets.Checkbox):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, but is {value!r}")
    else:
        checks.one_of(name, value, control.options)
    control.value = value
