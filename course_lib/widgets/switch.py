"""A few buttons of which one is pressed, and below them what belongs to it, with links that lead to labs."""

from collections.abc import Callable, Sequence

import anywidget
import ipywidgets
from IPython.display import DisplayHandle, display
from markupsafe import Markup

from course_lib.widgets.player import data_and_metadata
from course_lib.widgets.prediction import IN_JUPYTERLAB
from course_lib.widgets.scripts import script

MARK = "cg-switched"  # the class of what stands below the buttons

AGAIN = "Where a link opens a lesson at its top, click it once more."  # seen where no WayToCell follows links

# buttons that have lost their kernel switch nothing
_CHILD = ".jp-OutputArea-child"
_SHEET = f"""
{_CHILD}:has(> .jupyter-widgets):not(:has(> .jupyter-widgets > *)):has(+ {_CHILD} .{MARK}) {{ display: none; }}
{_CHILD}:has(.jupyter-widgets > *) + {_CHILD} .{IN_JUPYTERLAB} {{ display: none; }}"""


class WayToCell(anywidget.AnyWidget):
    """Shows nothing: follows links beside it to cells of other notebooks, until the cell is in sight."""

    _esm = script("way_to_cell")


def switched(
    options: Sequence[str], tooltips: Sequence[str], pressed: int, make: Callable[[int], tuple[Markup, str]]
) -> None:
    """Display buttons with these options, and below them make(n), the HTML and the text of the n-th that is pressed."""
    handle = DisplayHandle()
    numbered = [(option, number) for number, option in enumerate(options)]
    buttons = ipywidgets.ToggleButtons(options=numbered, value=pressed, tooltips=list(tooltips))
    buttons.observe(lambda change: handle.update(_data(*make(change["new"])), raw=True), "value")
    beside = ipywidgets.VBox([buttons, WayToCell()])
    data, metadata = data_and_metadata(beside._repr_mimebundle_())
    display({kind: data[kind] for kind in data if kind != "text/plain"}, metadata=metadata, raw=True)
    handle.display(_data(*make(pressed)), raw=True)


def _data(html: Markup, text: str) -> dict[str, str]:
    again = Markup('<div class="{}">{}</div>').format(IN_JUPYTERLAB, AGAIN)
    marked = Markup('<div class="{}">{}{}<style>{}</style></div>').format(MARK, html, again, Markup(_SHEET))
    return {"text/html": marked, "text/plain": text}
