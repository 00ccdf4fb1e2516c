"""Cards: objects that show themselves in a notebook, as HTML made by a template and as plain text.

The HTML is divs, tables and inline styles alone, because that is what an untrusted notebook lets through. Templates
escape all text. Colour only repeats what words, outlines and numbers say.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from course_lib import looks
from course_lib._support.templates import templates

if TYPE_CHECKING:
    from jinja2 import Environment

_CODE_OR_EMPHASIS = re.compile(r"`(?P<code>[^`]+)`|(?<![\w*])\*(?P<em>\w[^*`]*)\*(?!\w)")
_FIRST_SENTENCE = re.compile(r"(?:`[^`]*`|[^`])*?\. ")


def rich(sentence: str) -> list[tuple[str, str]]:
    """A sentence with `code` and *emphasis* as in Markdown, cut into pieces: (tag, text), the tag "" for plain text."""
    pieces, end = [], 0
    for match in _CODE_OR_EMPHASIS.finditer(sentence):
        pieces += [("", sentence[end : match.start()]), (match.lastgroup or "", match[match.lastgroup or 0])]
        end = match.end()
    return [*pieces, ("", sentence[end:])]


def first_sentence(text: str) -> str:
    """The part of a text up to its first ". " outside `code`; all of it, if there is none."""
    match = _FIRST_SENTENCE.match(text)
    return match[0] if match else text


@cache
def _templates() -> "Environment":
    found = templates("course_lib.exercises.engine")
    found.filters |= {"rich": rich, "first_sentence": first_sentence}
    found.globals |= {"status": looks.STATUS, "looks": looks}
    return found


class Card:
    """What shows itself: `template` makes the HTML from the object, named `card` there; `lines` are its plain text."""

    template: ClassVar[str]

    def lines(self) -> list[str]:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return _templates().get_template(self.template).render(card=self)

    def __repr__(self) -> str:
        return "\n".join(self.lines())
