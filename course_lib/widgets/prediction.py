"""A question answered before looking: choices to click or numbers to type, and what is said to the answer.

While it is open, the outputs (and the code) of the cells that would give the answer away are folded, with the text
among them. `fold.js` does it, or in a notebook that was saved, where nothing can answer, a style sheet beside the
widget: it folds outputs and code. The fold opens with an answer, with a skip, or there by one click.
"""

import re
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets
from IPython.display import DisplayHandle, display
from markupsafe import Markup

from course_lib.widgets.player import data_and_metadata
from course_lib.widgets.scripts import script, style

ASKS = "cg-asks"  # the class of what marks the output of a question
IN_JUPYTERLAB = "cg-in-jupyterlab"  # the class of what is true in a notebook, and not in an exported page
FOLDED = "Folded until the question above is answered or skipped"

Pieces = list[tuple[str, str]]  # text with its tag: "code", "em" or "" for none


class Judged(anywidget.AnyWidget):
    """Hands what a learner gives to `judge`, and shows what that returns.

    still: HTML of it where nothing can be clicked; words(): a line that stands for the widget. given: before an answer.
    """

    asked = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)  # by the page: number, counting the answers; and what was given
    reply = traitlets.Dict().tag(sync=True)  # the same number, and what was replied

    def __init__(
        self, asked: dict[str, Any], given: dict[str, Any], reply: dict[str, Any],
        judge: Callable[[Any], dict[str, Any]], still: str, words: Callable[[], str],
    ) -> None:  # fmt: skip
        super().__init__()
        self._judge, self._still, self._words = judge, still, words
        self.asked = asked
        self.given = {"number": 0, **given}
        self.reply = {"number": 0, **reply}
        self.observe(lambda change: self._answered(), "given")

    def _answered(self) -> None:
        raise NotImplementedError

    def _stand_in(self, mark: str, fold: str = "") -> str:
        """What stands beside the widget, in an element of that class: it is seen where there is no widget.

        fold: a style sheet that the widget's script may turn off.
        """
        sheet = Markup('<style class="{}-fold">{}</style>').format(mark, Markup(fold)) if fold else ""
        return Markup('<div class="{}">{}<style>{}</style>{}</div>').format(
            mark, Markup(self._still), Markup(stand_in_css(mark)), sheet
        )

    def _show(self) -> None:
        """Show the widget without words of its own, which stand beside it."""
        data, metadata = data_and_metadata(self._repr_mimebundle_())
        display({kind: data[kind] for kind in data if kind != "text/plain"}, metadata=metadata, raw=True)

    def __repr__(self) -> str:
        return self._words()


class Question(Judged):
    """Asks, hands what a learner answers to `judge`, and shows what that returns.

    asked: name; choices, [letter, pieces of what it says] each; shape, that of the numbers to type, or None; how, what
    is said before an answer; reveals, how many code cells behind it are folded with the text among them, or None for no
    fold at all; code, whether their source is folded, too.
    reply, which judge(answer) returns (answer None: skipped): status, "right", "wrong", "skipped" or "neutral"; head
    and says, in words and pieces; answer, as it is shown; parts, of several numbers whether each is right; first,
    pieces of a sentence about the first answer, or none; opens, whether nothing is folded any more.
    """

    _esm = script("prediction")
    _css = style("prediction")

    def __init__(
        self, asked: dict[str, Any], reply: dict[str, Any], judge: Callable[[Any], dict[str, Any]], still: str,
        words: Callable[[], str],
    ) -> None:  # fmt: skip
        self._beside: list[DisplayHandle | None] = []
        super().__init__(
            {"slug": slug(asked["name"]), "folded": FOLDED, **asked}, {"answer": None}, reply, judge, still, words
        )

    def _answered(self) -> None:
        was_open = self.reply["opens"]
        self.reply = {"number": self.given["number"], **self._judge(self.given["answer"])}
        if self.reply["opens"] and not was_open:
            for handle in filter(None, self._beside):
                handle.update(self._beside_data(), raw=True)

    @traitlets.validate("given")
    def _checked_given(self, proposal: Any) -> dict[str, Any]:
        given = proposal.value
        if type(given.get("number")) is not int or not _is_answer(given.get("answer")):
            raise traitlets.TraitError("given must have a number, and an answer: a text, a list of texts, or None")
        return {name: given[name] for name in ("number", "answer")}

    def _beside_html(self) -> str:
        """What stands beside the widget, and folds what follows."""
        mark = f"{ASKS}-{self.asked['slug']}"
        folds = self.asked["reveals"] and not self.reply["opens"]
        return self._stand_in(mark, fold_css(mark, self.asked["reveals"], self.asked["code"]) if folds else "")

    def _ipython_display_(self) -> None:
        self._beside.append(display(self._beside_data(), raw=True, display_id=True))
        self._show()

    def _beside_data(self) -> dict[str, str]:
        return {"text/html": self._beside_html(), "text/plain": repr(self)}


def _is_answer(answer: Any) -> bool:
    if isinstance(answer, list):
        return len(answer) < 1000 and all(map(_is_answer, answer))
    return answer is None or (isinstance(answer, str) and len(answer) < 1000)


def slug(name: str) -> str:
    """The name of a question as a part of a CSS class."""
    return re.sub(r"\W", "-", name)


def stand_in_css(mark: str) -> str:
    """Hides what stands beside a widget, unless the widget has lost its kernel: then it takes the widget's place."""
    child = ".jp-OutputArea-child"
    beside, widget = f"{child}:has(.{mark})", f"+ {child} > .jupyter-widgets"
    lost = f":has({widget}):not(:has({widget} > *))"
    return f"""{beside}:has(+ {child}):not({lost}) {{ display: none; }}
{beside}{lost} + {child} {{ display: none; }}
{beside}{lost} .{mark}-show {{ display: block !important; }}"""


def fold_css(mark: str, reveals: int, code: bool) -> str:
    """Folds the outputs of the next code cells, and with `code` their source, where no script does.

    It acts where a widget was put out: in a notebook as it is shipped, nothing is folded.
    """
    run = ":has(.jp-OutputArea-child > .lm-Panel)"  # a widget, there or lost
    question = f".jp-Cell:has(.{mark}){run}:not(:has(.{mark}-open, .{mark}-show[open]))"
    cell = f".jp-CodeCell:not(:has(.{ASKS}))"
    beyond = " ~ ".join([f".jp-Cell:has(.{mark})", *[cell] * (reveals + 1)])
    folded = f"{question} ~ {cell}:not({beyond})"
    output = ".jp-Cell-outputWrapper"
    hidden = [f"{folded} {output} .jp-OutputArea", *([f"{folded} .jp-InputArea-editor"] if code else [])]
    shown = f"{output} .jp-OutputArea-child"
    told = [  # once in a cell
        f"{folded} {output}:has(.jp-OutputArea-child)",
        *([f"{folded}:not(:has({shown})) .jp-InputArea"] if code else []),
    ]
    return f"""{", ".join(hidden)} {{ display: none; }}
{", ".join(f"{place}::after" for place in told)} {{
  content: "{FOLDED}"; padding: 5px 8px; color: var(--jp-content-font-color2);
  font: italic 13px/1.4 var(--jp-ui-font-family, sans-serif);
}}
{folded} {output}::after {{ margin-left: var(--jp-cell-prompt-width, 64px); }}
@media (width <= 760px) {{ {folded} {output}::after {{ margin-left: 0; }} }}"""
