"""A gradient drawn by hand: empty cells beside the grids whose products belong in them."""

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets
from IPython.display import display
from markupsafe import Markup

from course_lib.widgets.player import data_and_metadata
from course_lib.widgets.prediction import slug, stand_in_css
from course_lib.widgets.scripts import script, style

DRAWS = "cg-draws"  # the class of what stands for a drawing


class Drawing(anywidget.AnyWidget):
    """Empty cells, which a learner fills and hands to `judge`; shows what that returns.

    asked: name; tensor, the name of what is drawn; role, what it is; shape, its rows and columns; how, what is said at
    first; grids, name, role, rows of texts and values each: a click into a cell adds the product of the cells that are
    chosen in them.
    reply, which judge(rows of texts) returns: status, "right", "wrong" or "neutral"; head and says, in words and
    pieces; rows, as they were typed; parts, cell by cell whether it is right, or nothing.
    still: HTML of the grids where nothing can be clicked; words(): a line that stands for the widget.
    """

    _esm = script("drawing")
    _css = style("drawing")
    asked = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)  # by the page: number, counting the answers; rows of texts
    reply = traitlets.Dict().tag(sync=True)  # the same number, and what was replied

    def __init__(
        self, asked: dict[str, Any], reply: dict[str, Any], judge: Callable[[Any], dict[str, Any]], still: str,
        words: Callable[[], str],
    ) -> None:  # fmt: skip
        super().__init__()
        self._judge, self._still, self._words = judge, still, words
        self.asked = asked
        self.given = {"number": 0, "rows": []}
        self.reply = {"number": 0, **reply}
        self.observe(lambda change: self._answered(), "given")

    def _answered(self) -> None:
        self.reply = {"number": self.given["number"], **self._judge(self.given["rows"])}

    @traitlets.validate("given")
    def _valid(self, proposal: Any) -> dict[str, Any]:
        given = proposal["value"]
        if set(given) != {"number", "rows"} or type(given["number"]) is not int or not _are_rows(given["rows"]):
            raise traitlets.TraitError("given must be a number and rows of texts")
        return dict(given)

    def _ipython_display_(self) -> None:
        mark = f"{DRAWS}-{slug(self.asked['name'])}"
        beside = Markup('<div class="{}">{}<style>{}</style></div>').format(
            mark, Markup(self._still), Markup(stand_in_css(mark))
        )
        display({"text/html": beside, "text/plain": repr(self)}, raw=True)
        data, metadata = data_and_metadata(self._repr_mimebundle_())
        display({kind: data[kind] for kind in data if kind != "text/plain"}, metadata=metadata, raw=True)

    def __repr__(self) -> str:
        return self._words()


def _are_rows(rows: Any) -> bool:
    return (
        isinstance(rows, list)
        and len(rows) < 100
        and all(isinstance(row, list) and len(row) < 100 for row in rows)
        and all(isinstance(one, str) and len(one) < 100 for row in rows for one in row)
    )
