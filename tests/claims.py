"""Ties the figures in a lesson's text to numbers that are computed, and leaves the wording free."""

import re
from functools import cache

from course_lib.publish import build

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_VALUES = {word: value for value, word in enumerate(_WORDS) if word != "one"} | {"twice": 2}  # "one" is often a pronoun
_FIGURE = re.compile(
    r"(?P<minus>[-−]\s*)?(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
    rf"|\b(?P<word>{'|'.join(_VALUES)})\b",
    re.IGNORECASE,
)


@cache
def text_of(lesson):
    """What a lesson says in its text cells, labs and questions included."""
    return "\n\n".join(cell.source for cell in build.assemble(lesson).cells if cell.cell_type == "markdown")


def figures_in(paragraph):
    """Every number of a paragraph in its order, in digits or in words up to twenty: [7, -2, 16] for "7 - 2 of sixteen".

    Digits inside a name, as in conv2d or dw_2, and in the address of a link are not counted.
    """
    plain = re.sub(r"\]\([^)]*\)|^- ", "]", paragraph, flags=re.MULTILINE).replace("\\,", " ")
    found = []
    for match in _FIGURE.finditer(re.sub(r"\\[td]?frac(\d)(\d)", r"\1 / \2", plain)):
        if match["word"]:
            found.append(_VALUES[match["word"].lower()])
        else:
            value = float(match["digits"].replace(",", ""))
            found.append(-value if match["minus"] else value)
    return found


def states(text, *figures, about=""):
    """Assert that one paragraph of a text, in which the term `about` occurs, holds these figures one after the other.

    What stands between the figures is free, so a sentence may be reworded. The place must be the only one of its kind:
    a figure that became wrong there would otherwise hide behind another place.
    """
    wanted, places = [float(figure) for figure in figures], 0
    assert wanted, "nothing is stated without a figure"
    for paragraph in re.split(r"\n\s*\n", text):
        if about in " ".join(paragraph.split()):
            found = figures_in(paragraph)
            places += sum(found[start : start + len(wanted)] == wanted for start in range(len(found)))
    assert places == 1, f"{places} places, and not 1, in a paragraph with {about!r} state the figures {wanted}"
