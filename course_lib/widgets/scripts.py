"""The scripts and style sheets of the widgets, each put together from the files beside this one.

A script imports from another with a line such as `import { number } from "./looks.js";`, as in any ES module, so that
editors and TypeScript understand it. No bundler is needed: `script` puts each file behind those that it imports, and
leaves the import lines out. So no two files of one script may declare the same name at their top level, and a name
cannot be imported under another one.
"""

import functools
import json
import pathlib
import re

from course_lib import looks

_HERE = pathlib.Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_ROOTS = {
    "player": ".cg-player",
    "dashboard": ".cg-board",
    "digit_pad": ".dp-root",
    "flow_explorer": ".fe-root",
    "prediction": ".cg-ask",
    "sketch": ".sk-root",
    "walk_explorer": ".we-root",
    "drawing": ".cg-draw",
}


@functools.cache
def script(name):
    """The text of the ES module `name`.js with all that it imports, behind the colours of the course."""
    parts = {}
    _collect(name, parts)
    return "\n".join([f"const LOOKS = {json.dumps(looks.for_browser())};\n", *parts.values()])


def _collect(name, parts):
    """Add the text of a file to `parts`, after the files that it imports."""
    if name in parts:
        return
    text = (_HERE / f"{name}.js").read_text(encoding="utf-8")
    for other in _IMPORT.findall(text):
        _collect(other, parts)
    parts[name] = _IMPORT.sub("", text)


@functools.cache
def style(name):
    """The text of the style sheet `name`.css, behind the colours that it uses and the look of all controls.

    At its end is the look of the notebook around a widget: it is there as soon as any widget has been drawn.
    """
    sheets = ((_HERE / f"{sheet}.css").read_text(encoding="utf-8") for sheet in ("controls", name, "notebook"))
    controls, own, notebook = sheets
    controls, notebook = controls.replace("ROOT", _ROOTS[name]), notebook.replace("LAB", looks.LAB)
    return looks.css_variables(_ROOTS[name]) + controls + own + notebook
