"""A button, and in its place what it was pressed for."""

from collections.abc import Callable
from typing import Any

import ipywidgets
from IPython.display import display

from course_lib.widgets import still
from course_lib.widgets.player import data_and_metadata


class Offer(ipywidgets.VBox):
    """A button, replaced by the widget that `make` returns. Where nothing can be pressed, `words` stand for it."""

    def __init__(self, label: str, tooltip: str, words: str, make: Callable[[], ipywidgets.DOMWidget]) -> None:
        self.words = words
        self.button = ipywidgets.Button(description=label, tooltip=tooltip, icon="play")
        self.button.on_click(lambda _: self._press(make))
        super().__init__([self.button])

    def _press(self, make: Callable[[], ipywidgets.DOMWidget]) -> None:
        self.button.disabled = True
        try:
            self.children = [make()]
        finally:
            self.button.disabled = False

    def __repr__(self) -> str:
        return self.words

    def _ipython_display_(self) -> None:
        data: dict[str, Any]
        data, metadata = data_and_metadata(self._repr_mimebundle_())
        display({"text/html": still.fallback_html("", self.words), "text/plain": ""}, raw=True)
        display({**data, "text/plain": self.words}, metadata=metadata, raw=True)
