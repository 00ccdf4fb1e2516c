"""What a reader has before them in one section of a lesson: cards, widgets and folded asides."""

import ast
import re
from dataclasses import dataclass, field

from course_lib import widgets

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+ .*)$", re.MULTILINE)
DETAILS = re.compile(r"</?details>")
WIDGETS = {*widgets.__all__, "board"} - {"Player", "save"}
CARDS = {"recall", "first_guesses", "exam"}  # beside those of questions and labs


@dataclass
class Section:
    """From one heading, of any level, to the next: what stands there, by name."""

    heading: str
    cards: list = field(default_factory=list)
    widgets: list = field(default_factory=list)
    asides: list = field(default_factory=list)

    @property
    def crowded(self):
        return any(len(things) > 1 for things in (self.cards, self.widgets, self.asides))


def sections(cells):
    """Returns the sections of a lesson's cells. All cells of a lab, its own question too, are one card."""
    found = [Section("(before the first heading)")]
    for cell in cells:
        about = cell.metadata.get("course", {})
        if cell.cell_type == "markdown":
            first, *others = HEADING.split(FENCED.sub("", cell.source))
            found[-1].asides += asides(first)
            found += [Section(h, asides=asides(text)) for h, text in zip(others[::2], others[1::2], strict=True)]
        elif "exercise" in about or "predict" in about:
            card = about.get("exercise") or about["predict"]
            if card.partition("/")[2] not in found[-1].cards and card not in found[-1].cards:
                found[-1].cards.append(card)
        else:
            called = [node.func.id for node in ast.walk(ast.parse(cell.source)) if is_call(node)]
            found[-1].cards += [name for name in called if name in CARDS]
            found[-1].widgets += [name for name in called if name in WIDGETS]
    return found


def is_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def asides(text):
    """The folded parts of a text that are visible: those inside of another one are a click further away."""
    depth, outermost = 0, []
    for tag in DETAILS.finditer(text):
        if tag[0] == "<details>":
            depth += 1
            if depth == 1:
                outermost.append(text[tag.end() :].partition("<summary>")[2].partition("</summary>")[0])
        else:
            depth -= 1
    return outermost
