"""Hostile text in every field of everything that shows itself arrives as text, and never becomes markup.

Nothing here is a list of fields: cards are found, and filled according to the annotations of their fields, once with
hostile text and once with harmless text of the same length. Both must give the same tags with the same attributes.
"""

import dataclasses
import html.parser
import importlib
import inspect
import itertools
import linecache
import math
import pathlib
import pkgutil
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import course_lib
from course_lib import exercises
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.verdict import Finding, Verdict
from course_lib.parts import Parts
from course_lib.publish import export

HOSTILE = {
    "a tag": "<script>alert(1)</script>",
    "the end of an attribute": "\"'><img src=x onerror=alert(1)>",
    "another attribute": 'x" onmouseover="alert(1)" x=\'',
    "an attribute without quotes": "x onmouseover=alert(1) style=x",
    "the end of a style": "red; background: url(https://example.org/x) !important",
    "the end of a script": "</script></style></title></pre></textarea><svg/onload=alert(1)>",
    "a comment": "<!-- --><![CDATA[<?x",
    "what is escaped already": "&lt;b&gt;&#60;b&#62;&amp;lt;",
    "a template": "{{7*7}}{%endraw%}${7*7}#{7*7}{#",
    "code and emphasis": "`<b>x</b>` *x<i>x</i>*",
    "two sentences": "<b>x</b>. <i>x</i>",
}


def harmless(text):
    """The same text without any character that means something to HTML or to a template."""
    return re.sub(r"[<>&\"'{}%#$/=;!\[\]?()]", "x", text.replace("\\", ""))  # a repr has backslashes before quotes


class Page(html.parser.HTMLParser):
    """What a browser would make of some markup: its tags and comments with their attributes, and its text."""

    def __init__(self, markup):
        super().__init__()
        self.markup, self.text = [], ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attributes):
        styles = [value for name, value in attributes if name == "style"]
        self.markup.append((tag, [name for name, _ in attributes], styles))
        assert not any((value or "").strip().lower().startswith("javascript:") for _, value in attributes)

    def handle_endtag(self, tag):
        self.markup.append(("/", tag))

    def handle_data(self, data):
        self.text += data

    def anything_else(self, data):
        self.markup.append(("?", data))

    handle_comment = handle_decl = handle_pi = unknown_decl = anything_else


def assert_text_is_text(make, text):
    """make(text) returns markup, in which the text must change nothing but text."""
    seen, expected = Page(make(text)), Page(make(harmless(text)))
    assert seen.markup == expected.markup
    assert harmless(seen.text) == harmless(expected.text)


# ---------------------------------------------------------------- every card, with every field filled


def cards():
    """Every class of the course that shows itself as HTML; Parts holds names of labs, and nothing that was written."""
    found = set()
    for entry in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        if not entry.name.endswith("__main__"):
            for thing in vars(importlib.import_module(entry.name)).values():
                if (
                    isinstance(thing, type)
                    and thing.__module__.startswith("course_lib.")
                    and hasattr(thing, "_repr_html_")
                ):
                    found |= {thing} - {Card, Parts}
    return sorted(found, key=lambda card: card.__name__)


CARDS = cards()


MOST = 32  # objects of one class


class Thing:
    """Anything, called as it is told."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def filled(annotation, text):
    """Values that a field with this annotation may have, all text in them being `text`: one for every kind."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is str:
        return [text]
    if annotation in (object, typing.Any):
        return [Thing(text)]
    if annotation in (bool, int, float, type(None)):
        return {bool: [False, True], int: [3], float: [0.5], type(None): [None]}[annotation]
    if annotation is np.ndarray:
        return [np.array([1.0, -2]), np.array([[1.0, -2], [0, 3]])]
    if origin in (typing.Union, types.UnionType):
        return [value for one in inside for value in filled(one, text)]
    if origin is typing.Literal:
        return list(inside)
    if origin is typing.NotRequired:
        return filled(inside[0], text)
    if origin is tuple and inside[-1] is not Ellipsis:
        return list(itertools.product(*(filled(one, text) for one in inside)))
    if origin in (list, tuple, Sequence):
        count = max(2, len(filled(inside[0], text)))  # every kind once, each with another text
        values = [filled(inside[0], text + "?" * number) for number in range(count)]
        return [[value[number % len(value)] for number, value in enumerate(values)]]
    if origin in (dict, Mapping):
        keys = [filled(inside[0], text + "!" * number)[0] for number in range(2)]
        return [dict(zip(keys, itertools.cycle(filled(inside[1], text)), strict=False))]
    if annotation is pathlib.Path:
        return [pathlib.Path(text.replace("/", "x"))]  # one name, and no folders
    if origin in (set, frozenset):
        return [{text}]
    if origin is Callable:
        return [lambda *given: Thing(text)]
    if hasattr(annotation, "_fields"):
        return filled_by_name(annotation, typing.get_type_hints(annotation), text)
    if typing.is_typeddict(annotation):
        return filled_by_name(dict, typing.get_type_hints(annotation, include_extras=True), text)
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return filled_by_name(
            annotation, {field.name: hints[field.name] for field in dataclasses.fields(annotation)}, text
        )
    raise TypeError(f"this test does not know how to fill {annotation}: teach it")


def filled_by_name(make, annotations, text):
    values = list(itertools.product(*(filled(annotation, text) for annotation in annotations.values())))
    if len(values) > MOST:  # as many of them, evenly mixed: every value of every field is among them
        step = next(n for n in range(int(0.62 * len(values)), len(values)) if math.gcd(n, len(values)) == 1)
        values = [values[number * step % len(values)] for number in range(MOST)]
    return [make(**dict(zip(annotations, chosen, strict=True))) for chosen in values]


@pytest.mark.sampled(12)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.__name__)
def test_hostile_text_in_the_fields_of_a_card_stays_text(card, text):
    for number in range(len(filled(card, text))):
        assert_text_is_text(lambda text, number=number: filled(card, text)[number]._repr_html_(), text)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.__name__)
def test_every_value_that_a_field_may_have_is_filled_in(card):
    made, hints = filled(card, "<b>"), typing.get_type_hints(card)
    for field in dataclasses.fields(card):
        kinds = {type(value) for value in filled(hints[field.name], "<b>")}
        assert {type(getattr(one, field.name)) for one in made} == kinds


def test_all_cards_are_found_and_made_by_templates():
    assert {"Verdict", "Symptom", "Examination", "Feedback", "Board"} <= {card.__name__ for card in CARDS}
    for card in CARDS:
        assert dataclasses.is_dataclass(card)
        assert issubclass(card, Card) or "get_template(" in inspect.getsource(card._repr_html_)


def test_a_filled_card_shows_its_text_wherever_a_verdict_can():
    """What is filled in gets as far as the card: else nothing would be tested."""
    verdict = next(v for v in filled(Verdict, "<b>") if v.status == "wrong" and v.raised and v.smallest)
    text = Page(verdict._repr_html_()).text
    assert text.count("<b>") > 40
    for part in ("· <b>", "<b>!, <b>: <b>", "<b> in <b>: <b>", "<b> = <b>", "called with <b>", "? (2,)", "? − <b>"):
        assert part in text, part
    assert isinstance(verdict.findings[0], Finding) and len(verdict.findings) > 4


class Naive(Card):
    """A card whose HTML is an f-string."""

    def __init__(self, text):
        self.text = text

    def _repr_html_(self):
        return f'<div style="color: {self.text}" title="{self.text}">{self.text}</div>'


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_markup_without_escaping_would_be_seen(text):
    with pytest.raises(AssertionError):
        assert_text_is_text(lambda text: Naive(text)._repr_html_(), text)


# ---------------------------------------------------------------- from a learner's function to the card


def throws(text):
    """Raises an exception of that name, with that message, after printing it, from a variable that shows as it."""
    kind = type(text, (ValueError,), {"__str__": lambda self: text})

    def f(*case):
        print(text)
        thing = Thing(text)
        raise kind(thing)

    return f


def written(text):
    """A function whose file, name and source line are that text, as a notebook would have it."""
    source = f"def f(*case):\n    raise ValueError('wrong')  # {text}\n"
    names = {}
    exec(compile(source, text, "exec"), names)
    linecache.cache[text] = (len(source), None, source.splitlines(keepends=True), text)
    names["f"].__code__ = names["f"].__code__.replace(co_name=text)
    names["f"].__name__ = names["f"].__qualname__ = names["f"].__doc__ = text
    return names["f"]


def warns(text):
    def f(*case):
        import warnings

        warnings.warn(text, stacklevel=1)
        return np.zeros(3)

    return f


ANSWERS = {
    "throws": throws,
    "warns": warns,
    "is written so": written,
    "returns text": lambda text: lambda *case: text,
    "returns an array of text": lambda text: lambda *case: np.array([text] * 3),
    "returns objects": lambda text: lambda *case: np.array([Thing(text)] * 3),
    "returns fields of that name": lambda text: lambda *case: np.zeros(3, [(text, "f8")]),
    "returns a tuple": lambda text: lambda *case: (Thing(text), text),
    "is a class": lambda text: type(text, (), {"__call__": throws(text)}),
    "is of a class": lambda text: type(text, (), {})(),
}
OTHER_LABS = ("conv2d_backward", "Conv2d", "clinic_01")  # several results; a class; a broken start


@pytest.mark.sampled(5)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("name", ["conv1d", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHER_LABS)])
def test_hostile_text_in_a_learners_function_stays_text(name, answer):
    for text in HOSTILE.values():
        assert_text_is_text(lambda text: exercises.get(name).judge(answer(text))._repr_html_(), text)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_hostile_text_in_a_learners_function_stays_text_in_its_symptom(answer):
    for text in HOSTILE.values():
        assert_text_is_text(lambda text: exercises.get("clinic_01").symptom(answer(text))._repr_html_(), text)


def test_the_source_line_name_message_values_and_output_of_a_learner_are_shown():
    """As text: without them on the card the tests above would prove nothing."""
    text = HOSTILE["a tag"]
    card = Page(exercises.get("conv1d").judge(written(text))._repr_html_()).text
    assert f"ValueError in line 2 of {text}: wrong" in card and f"raise ValueError('wrong')  # {text}" in card
    card = Page(exercises.get("conv1d").judge(throws(text))._repr_html_()).text
    assert f"{text} in line 4 of f: {text}" in card and f"thing = {text}" in card
    assert f"Your code printed:\n{text}" in card.replace(":\n\n", ":\n")


# ---------------------------------------------------------------- pages


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_a_page_stays_text(text):
    """In its name, in the names of its neighbours, and in what a widget says of itself."""

    def page(text):
        cell = new_code_cell("play(...)")
        widget = {export.WIDGET_VIEW: {"model_id": "m"}, "text/plain": text, "image/png": text}
        cell.outputs = [new_output("display_data", widget), new_output("display_data", {**widget, "image/png": ""})]
        (link,) = filled(export.Link, text)
        return export.page(new_notebook(cells=[cell]), text, link, link)

    assert text in Page(page(text)).text
    assert_text_is_text(page, text)


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_the_data_of_an_animation_ends_no_script(text):
    def page(text):
        cell = new_code_cell("play(...)")
        cell.outputs = [new_output("display_data", {export.WIDGET_VIEW: {"model_id": "m"}, "text/plain": "a story"})]
        notebook = new_notebook(cells=[cell])
        stories = {"packed": text, text: [text]}
        notebook.metadata["widgets"] = {export.WIDGET_STATE: {"state": {"m": {"state": {"stories": stories}}}}}
        return export.page(notebook, "a page")

    assert "data-animation" in page(text)
    assert Page(page(text)).markup == Page(page(harmless(text))).markup


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_in_the_index_of_the_pages_stays_text(text, tmp_path):
    def index(text):
        path = tmp_path / "00_lesson.ipynb"
        nbformat.write(new_notebook(cells=[new_markdown_cell(f"# {text}\n\n*Lesson 00 · {text}*")]), path)
        return export.index([path])

    assert Page(index(text)).text.count(text) == 2
    assert_text_is_text(index, text)


# ---------------------------------------------------------------- what is not escaped

UNESCAPED = {  # file -> how often it says that a text is markup already, as its comments explain
    "classroom/report.py": 1,
    "exercises/board.py": 1,
    "publish/export.py": 5,
    "publish/lite.py": 1,
    "widgets/prediction.py": 5,
    "widgets/still.py": 2,
    "widgets/switch.py": 3,
}
OPT_OUTS = r"\bhtml\.escape|import escape|autoescape=False|\|\s*safe\b|{%-?\s*autoescape"


def test_only_what_is_named_here_is_taken_for_markup():
    """Markup(...) of a constant, with what is put in by format, escapes; those in export.py hold whole HTML."""
    package = pathlib.Path(course_lib.__file__).parent
    found = {}
    for path in (path for path in package.rglob("*") if path.suffix in (".py", ".html")):
        source = path.read_text(encoding="utf-8")
        assert not re.search(OPT_OUTS, source), path
        count = len(re.findall(r"\bMarkup\(", source))
        if count:
            found[path.relative_to(package).as_posix()] = count
    assert found == UNESCAPED
