"""Lessons as web pages that need no server, no kernel and no network, and in which the animations play.

    python -m course_lib.publish.export                            all lessons, into site/
    python -m course_lib.publish.export notebooks/01_conv1d.ipynb

A notebook is run once more, on the side, because the animations of a saved notebook are pictures only. What is in
it, and what its cells would write, stays untouched. Formulas become MathML; each page is one file.
"""

import argparse
import base64
import copy
import html
import json
import re
from pathlib import Path

import nbformat
from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbformat.v4 import new_output
from pygments.formatters import HtmlFormatter

from course_lib import looks
from course_lib._support.files import atomic_write
from course_lib.publish.build import NOTEBOOKS, ROOT, WIDGET_VIEW, execute
from course_lib.widgets.scripts import script, style
from course_lib.widgets.still import FALLBACK_CLASS

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
CODE_OR_MATH = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]+`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)


def export(notebook_path, folder, before=None, after=None):
    """The path of a notebook -> the path of its page in `folder`. It leads to the lessons before and after it."""
    notebook_path = Path(notebook_path)
    notebook = nbformat.read(notebook_path, as_version=4)
    execute(notebook, allow_errors=True, widget_state=True)
    text = page(notebook, notebook_path.stem, _ways(before, after))
    return _written(Path(folder) / f"{notebook_path.stem}.html", text)


def page(notebook, name, ways=""):
    """A notebook that was run, with its widget state -> HTML, in one piece, with `ways` to other pages at its end."""
    notebook = copy.deepcopy(notebook)
    models = notebook.metadata.pop("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    animations = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = [output for output in cell.outputs if not _is_fallback(output)]
            cell.outputs = [_still_of(output, models, animations) for output in shown]
    formulas = _take_out_formulas(notebook)
    exporter = HTMLExporter(template_name="basic", anchor_link_text=" ")
    body, _ = exporter.from_notebook_node(notebook)
    for place, formula in formulas.items():
        body = body.replace(place, formula)
    body = re.sub(r'href="(\w+)\.ipynb', r'href="\1.html', body)
    return _whole(_title(notebook, name), body + ways, animations)


def index(paths):
    """The paths of notebooks -> HTML that opens the course: what it is, and a way into each lesson."""
    title, welcome = (ROOT / "README.md").read_text(encoding="utf-8").removeprefix("# ").split("\n", 1)
    picture = base64.b64encode((ROOT / "assets" / "scatter.gif").read_bytes()).decode()
    welcome = markdown2html(welcome.split("\n## ")[0])
    welcome = welcome.replace('src="assets/scatter.gif"', f'src="data:image/gif;base64,{picture}"')
    entries = "".join(map(_entry, paths))
    list_ = f'<h2>Lessons</h2><ol class="lessons">{entries}</ol>'
    return _whole(title, f"<h1>{html.escape(title)}</h1>{welcome}{list_}", [])


def _entry(path):
    """A lesson in that list: its title, how long it takes, and what one will do in it."""
    notebook = nbformat.read(path, as_version=4)
    opening = "\n\n".join(cell.source for cell in notebook.cells[:4])
    duration = re.search(r"^\*Lesson [^·\n]*· (.+)\*$", opening, re.MULTILINE)
    promise = re.search(r"^\*\*You will\*\* .+$", opening, re.MULTILINE)
    lines = [f'<a href="{path.stem}.html">{html.escape(_title(notebook, path.stem))}</a>']
    if duration:
        lines.append(f"<small>{html.escape(duration[1])}</small>")
    if promise:
        lines.append(markdown2html(promise[0]))
    return f'<li value="{int(path.stem[:2])}">{"".join(lines)}</li>'


def _ways(before, after):
    """Links to the lessons around one, by the paths of their notebooks, and to the list of all."""
    if before is None and after is None:
        return ""
    back = f'<a rel="prev" href="{before.stem}.html">← {html.escape(_title_at(before))}</a>' if before else ""
    on = f'<a rel="next" href="{after.stem}.html">{html.escape(_title_at(after))} →</a>' if after else ""
    return f'<nav aria-label="Lessons"><span>{back}</span><a href="index.html">All lessons</a><span>{on}</span></nav>'


# ---------------------------------------------------------------- animations


def _is_fallback(output):
    return FALLBACK_CLASS in output.get("data", {}).get("text/html", "")


def _still_of(output, models, animations):
    """A widget -> the place where its animation will play, or else its picture; other outputs as they are."""
    data = output.get("data", {})
    if WIDGET_VIEW not in data:
        return output
    stories = _stories(data[WIDGET_VIEW]["model_id"], models)
    picture = data.get("image/png", "")
    label = html.escape(data.get("text/plain", ""))
    if picture:
        content = f'<img alt="{label}" width="720" src="data:image/png;base64,{picture}">'
    else:
        content = "<p><em>This part needs the running notebook.</em></p>"
    if stories:
        animations.append(stories)
        content = f'<div data-animation="{len(animations) - 1}">{content}</div>'
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
    """Put a word in the place of every formula, which Markdown will leave alone -> {word: MathML}."""
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


def _title_at(path):
    return _title(nbformat.read(path, as_version=4), path.stem)


def _title(notebook, name):
    first = next((line for cell in notebook.cells for line in cell.source.split("\n") if line.startswith("# ")), name)
    return first.removeprefix("# ").strip()


def _whole(title, body, animations):
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark_colours = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    player = script("player") + _START if animations else ""
    # A script ends at "</script>", wherever that stands: so no "<" is left in the data.
    data = json.dumps(animations, ensure_ascii=False).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{html.escape(title)}</title>
<style>
{looks.jupyter_css()}{_STYLE}
{style("player")}
{colours}
@media (prefers-color-scheme: dark) {{ {dark_colours} }}
</style>
<main>
{body}
</main>
<script type="application/json" id="animations">{data}</script>
<script type="module">
{player}
</script>
</html>
"""


_START = """
const animations = JSON.parse(document.getElementById("animations").textContent);
for (const place of document.querySelectorAll("[data-animation]")) {
  const stories = animations[place.dataset.animation];
  place.replaceChildren();
  render({ model: { get: () => stories, on() {}, off() {} }, el: place });
}
"""

_STYLE = """
body {
  margin: 0;
  background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1);
  font: 16px/1.6 system-ui, sans-serif;
}
main { max-width: 860px; margin: 0 auto; padding: 24px 20px 80px; }
a { color: var(--jp-brand-color1); }
a.anchor-link { display: none; }
pre { overflow-x: auto; font: 13.5px/1.5 ui-monospace, monospace; }
code { font: 0.9em ui-monospace, monospace; }
.highlight { background: var(--jp-layout-color2); padding: 1px 14px; border-radius: 6px; }
.prompt { display: none; }
.output_png img, .output_html img, .output_svg svg { max-width: 100%; height: auto; background: white; }
table { border-collapse: collapse; }
td, th { border: 1px solid var(--jp-border-color2); padding: 3px 10px; text-align: right; }
details { margin: 8px 0; }
nav { display: flex; gap: 24px; margin-top: 48px; border-top: 1px solid var(--jp-border-color2); padding-top: 12px; }
nav span { flex: 1; }
nav span:last-child { text-align: right; }
.lessons li { margin-bottom: 20px; padding-left: 6px; }
.lessons a { font-size: 1.1em; font-weight: 600; }
.lessons small { display: block; color: var(--jp-ui-font-color2); }
.lessons p { margin: 4px 0; }
p img { max-width: 100%; }
math { font-size: 1.1em; }
math[display="block"] { margin: 12px 0; }
"""


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
    notebooks = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    for before, notebook, after in zip([None, *notebooks[:-1]], notebooks, [*notebooks[1:], None], strict=True):
        print(export(notebook, arguments.folder, before, after))
    print(_written(arguments.folder / "index.html", index(notebooks)))


if __name__ == "__main__":
    main()
