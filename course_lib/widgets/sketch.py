"""`slide(sketch)` shows a Sketch of `frames.sketch`, on a slider as wide as the picture; of several, one at a time."""

import base64
import io
from dataclasses import asdict

import anywidget
import numpy as np
import traitlets
from matplotlib.axes import Axes
from PIL import Image

from course_lib import figures
from course_lib.frames.sketch import INK, SOFT, Sketch
from course_lib.widgets import still
from course_lib.widgets.player import StillFallback
from course_lib.widgets.scripts import script, style


def slide(sketch: Sketch, *further: Sketch) -> "Slides":
    """Show the pictures of a sketch on a slider. Returns the widget, which a cell shows.

    further: more sketches for the same slider. Buttons with their titles choose the one that is seen.
    """
    for one in (sketch, *further):
        if not isinstance(one, Sketch):
            raise TypeError(
                f"slide needs a Sketch, such as frames.sketch.shrinking_slope(...), but got {type(one).__name__}"
            )
    return Slides(sketch, *further)


class Slides(StillFallback, anywidget.AnyWidget):
    """Needs no kernel once it is shown: the page holds all pictures."""

    _esm = script("sketch")
    _css = style("sketch")
    sketches = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, *sketches: Sketch) -> None:
        super().__init__()
        self.shown = sketches[0]
        self.sketches = [asdict(sketch) for sketch in sketches]

    def picture(self) -> bytes:
        """Returns a PNG of the last picture of the first sketch."""
        return figures.png(self._draw, still.WIDTH, round(still.WIDTH * self.shown.shape) + 50)

    def _draw(self, ax: Axes) -> None:
        last = self.shown.pictures[-1]
        left, bottom, right, top = self.shown.box
        for mark in [*self.shown.marks, *last.marks]:
            colour = figures.INK if mark.role in (INK, SOFT) else figures.COLOURS[mark.role]
            across, down = zip(*mark.points, strict=True)
            if mark.kind == "image":
                pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(mark.text))))
                ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=(*across, *down), aspect="auto")
            elif mark.kind == "text":
                at_left = across[0] - left < 0.03 * (right - left)
                ax.text(across[0], down[0], mark.text, color=colour, ha="left" if at_left else "center", va="center")
            elif mark.kind == "arrow":
                ax.annotate(
                    "", mark.points[1], mark.points[0], arrowprops={"arrowstyle": "->", "color": colour, "lw": 2}
                )
            else:
                ax.plot(across, down, "o" if mark.kind == "dots" else "-", color=colour)
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], title=f"{last.name}. {last.sentence}")
        ax.spines[:].set_visible(False)

    def __repr__(self) -> str:
        last = self.shown.pictures[-1]
        return f"{self.shown.title}, in {len(self.shown.pictures)} pictures; at the end: {last.name}. {last.sentence}"
