"""`explore_flow()`: a deep network as tiles, how large a signal and its gradient are in each, and what changes that."""

import itertools
import math

import anywidget
import numpy as np
import traitlets

from course_lib import figures, flow
from course_lib._support import checks
from course_lib.looks import number
from course_lib.widgets import still
from course_lib.widgets.player import StillFallback
from course_lib.widgets.scripts import script, style

DEPTHS, CHANNELS, SCALES = (2, 40), (4, 16), (0.03, 3.0)  # how far the controls reach; scales are times He's
_DEFAULTS = {
    "depth": 20, "start": "He", "activation": "ReLU", "batch_norm": False, "residual": False, "channels": (8, 8),
}  # fmt: skip
_GRID = 7  # initialisations measured ahead, between which the page interpolates while the slider is dragged


def explore_flow(**start):
    """Show a deep network with controls. Returns the widget.

    start: where the controls stand at first, as depth=20, start="He" (a name, or a number: that times He's standard
    deviation), activation="ReLU", batch_norm=True, residual=True, channels=(8, 8), of the first and the last layer.
    """
    unknown = [name for name in start if name not in _DEFAULTS]
    if unknown:
        raise TypeError(f"{unknown[0]} is no control of this picture; it has {', '.join(_DEFAULTS)}")
    return FlowExplorer(_checked(_DEFAULTS | start))


class FlowExplorer(StillFallback, anywidget.AnyWidget):
    """The page asks by `settings`; each change measures that network once, exactly.

    Where the depth, the layers or the channels are new, networks of a few other initialisations are measured as well:
    the page draws from these while the slider is dragged, and does not wait for Python.
    """

    _esm = script("flow_explorer")
    _css = style("flow_explorer")
    limits = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    measured = traitlets.Dict().tag(sync=True)  # the sizes in the network of `settings`
    grid = traitlets.Dict().tag(sync=True)  # the sizes in others like it, by their scale

    def __init__(self, settings):
        super().__init__()
        self.limits = {
            "depth": DEPTHS, "channels": CHANNELS, "scale": SCALES, "activations": list(flow.ACTIVATIONS),
            "verdicts": [(limit if math.isfinite(limit) else None, words) for limit, words in flow.VERDICTS],
        }  # fmt: skip
        self.settings = settings
        self.observe(lambda change: self._measure(), "settings")
        self._measure()

    @traitlets.validate("settings")
    def _checked_settings(self, proposal):
        try:
            return _checked(proposal.value)
        except (KeyError, TypeError, ValueError) as error:
            raise traitlets.TraitError(str(error)) from None

    def _measure(self):
        self.readings = flow.deep_flow(**self.settings)
        self.measured = {
            "settings": self.settings, "sizes": _sizes(self.readings), "sigma": _sigmas(self.settings),
            "scale": _scale(self.settings["start"], self.settings), "marks": _marks(self.settings),
            "back": flow.step_factor(self.readings), "ahead": flow.forward_factor(self.readings),
            "name": self._parts(), "verdict": flow.verdict(self.readings), "words": self._words(),
        }  # fmt: skip
        others = {name: value for name, value in self.settings.items() if name != "start"}
        if self.grid.get("of") != others:
            self.grid = {"of": others, **_measured_ahead(others)}

    def picture(self):
        """Returns a PNG of the tiles as they are now."""
        return figures.png(lambda ax: _draw(ax, self.readings, self._title()), still.WIDTH, 330, above=70)

    def __repr__(self):
        first, last = self.readings[0], self.readings[-1]
        sizes = f"{number(last.activation, 2)} to {number(first.activation, 2)}"
        return f"{self._settings()}: mean |dy| {sizes}, it {flow.verdict(self.readings)}"

    def _title(self):
        back = flow.step_factor(self.readings)
        return f"{self._settings()}\nThe gradient {flow.verdict(self.readings)}: times {number(back, 2)} a layer"

    def _words(self):
        """For those who cannot see the picture."""
        first, last = self.readings[0], self.readings[-1]
        sizes = f"mean |dw| {number(last.weight, 2)} in the last layer and {number(first.weight, 2)} in the first"
        return f"From the last layer to the first, with {self!r}; {sizes}."

    def _settings(self):
        return ", ".join(self._parts())

    def _parts(self):
        """Returns the network's name in three parts: while the slider is dragged, the page exchanges the second."""
        s = self.settings
        start = s["start"] if isinstance(s["start"], str) else f"{number(s['start'], 2)} × He"
        channels = [] if s["channels"][0] == s["channels"][1] else ["{} to {} channels".format(*s["channels"])]
        extras = [name.replace("_", " ") for name in ("batch_norm", "residual") if s[name]]
        return ", ".join([f"{s['depth']} layers", *channels]), start, ", ".join([s["activation"], *extras])


# ---------------------------------------------------------------- settings


def _checked(settings):
    found = {name: settings[name] for name in _DEFAULTS}
    _within("depth", found["depth"], DEPTHS)
    start = found["start"]
    if isinstance(start, (int, float)) and not isinstance(start, bool):
        if not SCALES[0] <= start <= SCALES[1]:
            raise ValueError(f"start must be from {SCALES[0]} to {SCALES[1]} times He's, but is {start!r}")
    else:
        checks.one_of("start", start, flow.STARTS)
    checks.one_of("activation", found["activation"], flow.ACTIVATIONS)
    for name in ("batch_norm", "residual"):
        if not isinstance(found[name], bool):
            raise TypeError(f"{name} must be True or False, but is {found[name]!r}")
    channels = found["channels"]
    if not (isinstance(channels, (tuple, list)) and len(channels) == 2):
        raise TypeError(f"channels must be two whole numbers, but is {channels!r}")
    for which, value in enumerate(channels):
        _within(f"channels[{which}]", value, CHANNELS)
    found["channels"] = list(channels)
    if found["residual"] and channels[0] != channels[1]:
        raise ValueError(f"channels must be equal where there are shortcuts, but are {channels[0]} and {channels[1]}")
    return found


def _within(name, value, limits):
    if not (type(value) is int and limits[0] <= value <= limits[1]):
        raise ValueError(f"{name} must be a whole number from {limits[0]} to {limits[1]}, but is {value!r}")


def _shapes(settings):
    """The shapes of the weights behind the first layer, which has an image before it."""
    channels = flow.widths(settings["depth"], settings["channels"])
    return [(out, into, 3, 3) for into, out in itertools.pairwise(channels)]


def _scale(start, settings):
    """How many times He's standard deviation an initialisation has, in the geometric mean of the layers."""
    if not isinstance(start, str):
        return float(start)
    logs = [np.log(flow.STARTS[start](shape) / flow.STARTS["He"](shape)) for shape in _shapes(settings)]
    return float(np.exp(np.mean(logs)))


def _marks(settings):
    """[(name, scale)], from left to right; an initialisation that is the same as another here has no mark."""
    found = {name: _scale(name, settings) for name in flow.STARTS}
    if settings["channels"][0] == settings["channels"][1]:
        del found["He fan-out"]
    return sorted(found.items(), key=lambda mark: mark[1])


def _sigmas(settings):
    """The standard deviation of the weights of the second layer, and of the last."""
    start, shapes = settings["start"], _shapes(settings)
    name, times = (start, 1) if isinstance(start, str) else ("He", start)
    return [times * flow.STARTS[name](shape) for shape in (shapes[0], shapes[-1])]


# ---------------------------------------------------------------- sizes


def _sizes(readings):
    return {
        "gradients": [reading.activation for reading in readings],
        "signals": [reading.output for reading in readings],
        "weights": [reading.weight for reading in readings],
    }


def _measured_ahead(others):
    """{"scales": ..., "sizes": ...} of networks from the smallest initialisation of the slider to the largest.

    Two are enough where convolution and ReLU are all there is: every size is then a power of the scale. Only the loss
    is not so simple: it weighs the images differently where scores are larger, which makes some percent.
    """
    powers = others["activation"] == "ReLU" and not (others["batch_norm"] or others["residual"])
    scales = np.geomspace(*SCALES, 2 if powers else _GRID)
    return {
        "scales": scales.tolist(),
        "sizes": [_sizes(flow.deep_flow(start=float(scale), **others)) for scale in scales],
    }


# ---------------------------------------------------------------- where nothing can move


def _draw(ax, readings, title):
    """Bars for |dy| beside that of the last layer, on a logarithmic scale, and squares for |dw| beside its last."""
    gradient, kernel = figures.COLOURS["gradient"], figures.COLOURS["kernel"]
    logs = {kind: np.log10([one / sizes[-1] for one in sizes]) for kind, sizes in _sizes(readings).items()}
    layers = np.arange(1, len(readings) + 1)
    ax.bar(layers, logs["gradients"], 0.7, color=gradient, label="mean |dy|")
    ax.plot(layers, logs["weights"], "s", color=kernel, ms=4, label="mean |dw|, beside that of the last layer")
    ax.axhline(0, color=figures.INK, lw=0.8)
    both = np.concatenate([logs["gradients"], logs["weights"]])
    low, high = min(-2, both.min() * 1.08), max(2, both.max() * 1.08)
    ticks = np.arange(np.ceil(low), high + 1e-9, max(1, np.ceil((high - low) / 6)))
    ticks -= ticks[np.argmin(np.abs(ticks))]  # 1 is one of them
    ax.set_yticks(ticks, [number(10.0**tick, 1) for tick in ticks])
    ax.set(xlim=(0.3, len(readings) + 0.7), ylim=(low, high), xlabel="layer (the gradient comes from the right)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_title(title, loc="left", fontsize=11, pad=20)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=2, fontsize=9, borderpad=0)
