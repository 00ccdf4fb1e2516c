"""A question answered before looking: choices to click or numbers to type, and what is said to the answer.

While it is open, a style sheet beside the widget folds the outputs (and the code) of the cells that would give the
answer away. It is part of the question's own output, so that it holds after Run All, and in a notebook that was saved.
The fold opens with an answer, with a skip, or by one click where nothing can answer.
"""

import re
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets
from IPython.display import DisplayHandle, display
from markupsafe import Markup

from course_lib.widgets import still
from course_lib.widgets.player import data_and_metadata
from course_lib.widgets.scripts import script, style

ASKS = "cg-asks"  # the class of what marks the output of a question
FOLDED = "Folded until the question above is answered or skipped"

Pieces = list[tuple[str, str]]  # text with its tag: "code", "em" or "" for none


class Question(anywidget.AnyWidget):
    """Asks, hands what a learner answers to `judge`, and shows what that returns.

    asked: name; choices, [letter, pieces of what it says] each; shape, that of the numbers to type, or None; how, what
    is said before an answer; reveals, how many code cells behind it are folded; code, whether their source is, too.
    reply, which judge(answer) returns (answer None: skipped): status, "right", "wrong", "skipped" or "neutral"; head
    and says, in words and pieces; answer, as it is shown; parts, of several numbers whether each is right; first, a
    sentence about the first answer, or ""; opens, whether nothing is folded any more.
    still: HTML of the question where nothing can be clicked.
    """

    _esm = script("prediction")
    _css = style("prediction")
    asked = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)  # by the page: number, counting the answers; answer, or None
    reply = traitlets.Dict().tag(sync=True)  # the same number, and what was replied

    def __init__(
        self, asked: dict[str, Any], reply: dict[str, Any], judge: Callable[[Any], dict[str, Any]], still: str,
        words: Callable[[], str],
    ) -> None:  # fmt: skip
        super().__init__()
        self._judge, self._still, self._words = judge, still, words
        self._beside: list[DisplayHandle | None] = []
        self.asked = {"slug": slug(asked["name"]), **asked}
        self.given = {"number": 0, "answer": None}
        self.reply = {"number": 0, **reply}
        self.observe(lambda change: self._answered(), "given")

    def _answered(self) -> None:
        was_open = self.reply["opens"]
        self.reply = {"number": self.given["number"], **self._judge(self.given["answer"])}
        if self.reply["opens"] and not was_open:
            for handle in filter(None, self._beside):
                handle.update({"text/html": self._beside_html(), "text/plain": ""}, raw=True)

    @traitlets.validate("given")
    def _checked_given(self, proposal: Any) -> dict[str, Any]:
        given = proposal.value
        if type(given.get("number")) is not int or not _is_answer(given.get("answer")):
            raise traitlets.TraitError("given must have a number, and an answer: a text, a list of texts, or None")
        return {name: given[name] for name in ("number", "answer")}

    def _beside_html(self) -> str:
        """What stands beside the widget: it takes its place where the kernel is gone, and folds what follows."""
        spare = still.fallback_html("", Markup(self._still))
        if self.reply["opens"]:
            return spare
        return spare + fold_html(self.asked["name"], self.asked["reveals"], self.asked["code"])

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = data_and_metadata(super()._repr_mimebundle_(**kwargs))
        unrun = Markup('<div class="{}-{}-unrun">{}</div>').format(ASKS, self.asked["slug"], Markup(self._still))
        return {**data, "text/html": unrun, "text/plain": repr(self)}, metadata

    def _ipython_display_(self) -> None:
        beside = display({"text/html": self._beside_html(), "text/plain": ""}, raw=True, display_id=True)
        self._beside.append(beside)
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)

    def __repr__(self) -> str:
        return self._words()


def _is_answer(answer: Any) -> bool:
    if isinstance(answer, list):
        return len(answer) < 1000 and all(map(_is_answer, answer))
    return answer is None or (isinstance(answer, str) and len(answer) < 1000)


def slug(name: str) -> str:
    """The name of a question as a part of a CSS class."""
    return re.sub(r"\W", "-", name)


def fold_html(name: str, reveals: int, code: bool) -> str:
    """A style sheet that folds the outputs of the next code cells, and with `code` their source, until an answer.

    It acts where a widget was put out: in a notebook as it is shipped, nothing is folded.
    """
    if not reveals:
        return ""
    mark = f"{ASKS}-{slug(name)}"
    question = f".jp-Cell:has(.{mark}):not(:has(.{mark}-unrun, .{mark}-open, .{mark}-show[open]))"
    cell = f".jp-CodeCell:not(:has(.{ASKS}))"
    beyond = " ~ ".join([f".jp-Cell:has(.{mark})", *[cell] * (reveals + 1)])
    folded = f"{question} ~ {cell}:not({beyond})"
    output = ".jp-Cell-outputWrapper"
    hidden = [f"{folded} {output} .jp-OutputArea", *([f"{folded} .jp-InputArea-editor"] if code else [])]
    told = [f"{folded} {output}:has(.jp-OutputArea-child)", *([f"{folded} .jp-InputArea"] if code else [])]
    return f"""<div class="{mark}"><style>
{", ".join(hidden)} {{ display: none; }}
{", ".join(f"{place}::after" for place in told)} {{
  content: "{FOLDED}"; padding: 5px 8px; color: var(--jp-content-font-color2);
  font: italic 13px/1.4 var(--jp-ui-font-family, sans-serif);
}}
</style></div>"""
