"""A gradient drawn by hand: empty cells beside the grids whose products belong in them."""

from collections.abc import Callable
from typing import Any

import traitlets
from IPython.display import display

from course_lib.widgets.prediction import Judged, slug
from course_lib.widgets.scripts import script, style

DRAWS = "cg-draws"  # the class of what stands for a drawing


class Drawing(Judged):
    """Empty cells, which a learner fills and hands to `judge`; shows what that returns.

    asked: name; tensor, the name of what is drawn; role, what it is; shape, its rows and columns; how, what is said at
    first; grids, name, role, rows of texts and values each: a click into a cell adds the product of the cells that are
    chosen in them.
    reply, which judge(rows of texts) returns: status, "right", "wrong" or "neutral"; head and says, in words and
    pieces; rows, as they were typed; parts, cell by cell whether it is right, or nothing.
    """

    _esm = script("drawing")
    _css = style("drawing")

    def __init__(
        self, asked: dict[str, Any], reply: dict[str, Any], judge: Callable[[Any], dict[str, Any]], still: str,
        words: Callable[[], str],
    ) -> None:  # fmt: skip
        super().__init__(asked, {"rows": []}, reply, judge, still, words)

    def _answered(self) -> None:
        self.reply = {"number": self.given["number"], **self._judge(self.given["rows"])}

    @traitlets.validate("given")
    def _valid(self, proposal: Any) -> dict[str, Any]:
        given = proposal["value"]
        if set(given) != {"number", "rows"} or type(given["number"]) is not int or not _are_rows(given["rows"]):
            raise traitlets.TraitError("given must be a number and rows of texts")
        return dict(given)

    def _ipython_display_(self) -> None:
        beside = self._stand_in(f"{DRAWS}-{slug(self.asked['name'])}")
        display({"text/html": beside, "text/plain": repr(self)}, raw=True)
        self._show()


def _are_rows(rows: Any) -> bool:
    return (
        isinstance(rows, list)
        and len(rows) < 100
        and all(isinstance(row, list) and len(row) < 100 for row in rows)
        and all(isinstance(one, str) and len(one) < 100 for row in rows for one in row)
    )
