"""Lessons as web pages that need no server, no kernel and no network, and in which the animations play.

    python -m course_lib.publish.export                            all lessons, into site/
    python -m course_lib.publish.export notebooks/01_conv1d.ipynb

A copy of a notebook is run again, because the animations of a saved notebook are pictures only. The notebook, and the
files that its cells write, stay untouched. Formulas become MathML; each page is one file. What answers a question is
folded until the reader opens it, or an answer; it is printed.

Templates escape all text. Markup is only what is HTML already: what nbconvert makes of cells and Markdown, and our own
scripts and style sheets.
"""

import argparse
import base64
import copy
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
from latex2mathml.converter import convert as mathml
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbformat.v4 import new_output
from pygments.formatters import HtmlFormatter

from course_lib import looks
from course_lib._support.files import atomic_write
from course_lib._support.places import NOTEBOOKS, ROOT, number
from course_lib._support.templates import templates
from course_lib.publish.build import WIDGET_VIEW, execute
from course_lib.widgets.prediction import IN_JUPYTERLAB
from course_lib.widgets.scripts import script, style
from course_lib.widgets.still import FALLBACK_CLASS

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
ONLY_IN_JUPYTERLAB = re.compile(rf'<(span|div) class="{IN_JUPYTERLAB}">.*?</\1>', re.DOTALL)
CODE_OR_MATH = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]+`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)

_TEMPLATES = templates("course_lib.publish")


def export(notebook_path, folder, before=None, after=None):
    """Write the page of a notebook into `folder`, with links to the lessons before and after it. Returns its path."""
    notebook_path = Path(notebook_path)
    notebook = nbformat.read(notebook_path, as_version=4)
    execute(notebook, allow_errors=True, widget_state=True)
    text = page(notebook, notebook_path.stem, before and _link(before), after and _link(after))
    return _written(Path(folder) / f"{notebook_path.stem}.html", text)


def page(notebook, name, before=None, after=None):
    """The HTML, in one piece, of a notebook that was run, with its widget state. before, after: a Link or None."""
    notebook = copy.deepcopy(notebook)
    models = notebook.metadata.pop("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    animations = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = [output for output in cell.outputs if not _is_fallback(output)]
            # a question has no picture: what stands beside its widget can be answered without a kernel
            shown = [output for output in shown if set(output.get("data", {})) != {WIDGET_VIEW}]
            cell.outputs = [_still_of(output, models, animations) for output in map(_in_a_page, shown)]
    formulas = _take_out_formulas(notebook)
    exporter = HTMLExporter(
        template_name="basic", template_file="cells.html", extra_loaders=[_TEMPLATES.loader], anchor_link_text=" "
    )
    body, _ = exporter.from_notebook_node(notebook)
    for place, formula in formulas.items():
        body = body.replace(place, formula)
    body = re.sub(r'href="(\w+)\.ipynb', r'href="\1.html', body)
    return _whole("lesson.html", _title(notebook, name), animations, body=Markup(body), before=before, after=after)


def index(paths):
    """HTML that opens the course, from the paths of its notebooks: what it is, and a way into each lesson."""
    title, welcome = (ROOT / "README.md").read_text(encoding="utf-8").removeprefix("# ").split("\n", 1)
    picture = base64.b64encode((ROOT / "assets" / "scatter.gif").read_bytes()).decode()
    welcome = markdown2html(welcome.split("\n## ")[0])
    welcome = welcome.replace('src="assets/scatter.gif"', f'src="data:image/gif;base64,{picture}"')
    return _whole("index.html", title, [], welcome=Markup(welcome), lessons=list(map(_entry, paths)))


def scatter_and_gather():
    """HTML that shows the input gradient of a 1D convolution in both ways, from numbers in its own address.

    Such as scatter_and_gather.html?dy=1,2,-1&w=2,0,1; a script in it makes the stories.
    """
    return _whole("scatter_and_gather.html", "Scatter and gather, side by side", [])


@dataclass
class Link:
    """A page, and what it is called."""

    href: str
    title: str


@dataclass
class Entry(Link):
    """A lesson in the list of all: its number or letter, how long it takes, and what one will do in it."""

    number: str
    duration: str
    promise: Markup


def _link(path):
    return Link(_address(path), _title(nbformat.read(path, as_version=4), path.stem))


def _entry(path):
    notebook = nbformat.read(path, as_version=4)
    opening = "\n\n".join(cell.source for cell in notebook.cells[:4])
    duration = re.search(r"^\*Lesson [^·\n]*· (.+)\*$", opening, re.MULTILINE)
    promise = re.search(r"^\*\*You will\*\* .+$", opening, re.MULTILINE)
    return Entry(
        _address(path),
        _title(notebook, path.stem),
        number(path.stem),
        duration[1] if duration else "",
        Markup(markdown2html(promise[0]) if promise else ""),
    )


def _address(path):
    return f"{quote(path.stem)}.html"


# ---------------------------------------------------------------- animations


def _is_fallback(output):
    return FALLBACK_CLASS in output.get("data", {}).get("text/html", "")


def _in_a_page(output):
    """An output without what is said only where cells can be run."""
    html = output.get("data", {}).get("text/html", "")
    if IN_JUPYTERLAB not in html:
        return output
    return new_output("display_data", {**output["data"], "text/html": ONLY_IN_JUPYTERLAB.sub("", html)})


def _still_of(output, models, animations):
    """The place where a widget's animation will play, or else its picture; other outputs as they are."""
    data = output.get("data", {})
    if WIDGET_VIEW not in data:
        return output
    stories = _stories(data[WIDGET_VIEW]["model_id"], models)
    if stories:
        animations.append(stories)
    content = _TEMPLATES.get_template("widget.html").render(
        number=len(animations) - 1 if stories else None,
        picture=data.get("image/png", ""),
        label=data.get("text/plain", ""),
    )
    return new_output("display_data", {"text/html": content})


def _stories(model_id, models):
    """What the player with this id shows, or the player somewhere inside the box with this id."""
    state = models.get(model_id, {}).get("state", {})
    if "packed" in state.get("stories", {}):
        return state["stories"]
    children = (child.removeprefix("IPY_MODEL_") for child in state.get("children", ()))
    return next(filter(None, (_stories(child, models) for child in children)), None)


# ---------------------------------------------------------------- text


def _take_out_formulas(notebook):
    """Put a word, which Markdown leaves alone, in the place of every formula. Returns {word: MathML}."""
    formulas = {}

    def word_for(match):
        code, display, inline = match.groups()
        if code:
            return code
        word = f"FORMULA{len(formulas):04d}X"
        formulas[word] = mathml(display or inline, display="block" if display else "inline")
        return word

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = CODE_OR_MATH.sub(word_for, cell.source)
    return formulas


def _title(notebook, name):
    first = next((line for cell in notebook.cells for line in cell.source.split("\n") if line.startswith("# ")), name)
    return first.removeprefix("# ").strip()


def _whole(template, title, animations, **given):
    """The HTML of a page: a template with the style of all pages and, where there are animations, the player."""
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark_colours = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    sheets = (
        looks.jupyter_css(), style("player"), colours,
        f"@media (prefers-color-scheme: dark) {{ {dark_colours} }}",
    )  # fmt: skip
    return _TEMPLATES.get_template(template).render(
        title=title,
        animations=animations,
        style=Markup("\n".join(sheets)),
        script=Markup(script("player")),
        **given,
    )


def _written(path, text):
    with atomic_write(path, "w") as file:
        file.write(text)
    return path


def main():
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.export", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks (all lessons, if none is named)")
    parser.add_argument("--folder", type=Path, default=ROOT / "site", help="where to write (default: site/)")
    arguments = parser.parse_args()
    if arguments.notebooks:
        for notebook in arguments.notebooks:
            print(export(notebook, arguments.folder))
        return
    notebooks = sorted(NOTEBOOKS.glob("[0-9A-C]*_*.ipynb"))
    for before, notebook, after in zip([None, *notebooks[:-1]], notebooks, [*notebooks[1:], None], strict=True):
        print(export(notebook, arguments.folder, before, after))
    print(_written(arguments.folder / "index.html", index(notebooks)))
    print(_written(arguments.folder / "scatter_and_gather.html", scatter_and_gather()))


if __name__ == "__main__":
    main()
