"""A lesson as GitHub shows it: no kernel, no script, no style, and formulas by rules of its own."""

import base64
import re
import struct

import nbformat
import pytest

from course_lib.publish import build
from course_lib.publish.export import CODE_OR_MATH as FORMULA

pytestmark = pytest.mark.slow

LARGEST_FILE = 5_000_000  # beyond, GitHub is slow to draw a notebook or gives up
REFUSED = re.compile(r"\\(operatorname|href|require|def|newcommand|class|style|unicode)\b")


@pytest.fixture(params=build.lessons())
def path(request, built):
    return built / f"{request.param}.ipynb"


def texts(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs if "data" in output]


def test_the_file_is_small_enough_to_be_shown(path):
    assert path.stat().st_size < LARGEST_FILE


def test_every_animation_has_a_picture_of_a_sane_size(path):
    for output in outputs(path):
        if output.data.get("text/plain", "").startswith("Animation"):
            assert "image/png" in output.data
    for output in outputs(path):
        if "image/png" in output.data:
            picture = base64.b64decode(output.data["image/png"])
            width, height = struct.unpack(">II", picture[16:24])
            assert 100 <= width <= 2400 and 50 <= height <= 2400 and len(picture) < 500_000, (width, height)


def test_every_output_shows_something_without_style_or_script(path):
    for output in outputs(path):
        plain = {kind for kind in output.data if kind in ("image/png", "text/plain", "text/markdown")}
        hidden = "cg-spare" in output.data.get("text/html", "")  # the picture follows in the next output
        assert plain or hidden, sorted(output.data)


def test_formulas_keep_to_what_github_reads(path):
    for text in texts(path):
        for match in FORMULA.finditer(text):
            code, display, inline = match.groups()
            if code:
                continue
            formula = display or inline
            assert not REFUSED.search(formula), formula
            assert formula.count("{") == formula.count("}"), formula
            if inline:
                assert inline == inline.strip(), f"${inline}$ is no formula to GitHub"
            else:
                before, after = text[: match.start()], text[match.end() :]
                assert re.search(r"(^|\n)\s*$", before) and re.match(r"\s*(\n|$)", after), f"not on its own: {formula}"
        assert FORMULA.sub("", text).replace(r"\$", "").count("$") == 0, text


def test_folded_parts_hold_markdown_that_github_reads(path):
    for text in texts(path):
        assert text.count("<details>") == text.count("</details>") == len(re.findall(r"</summary>\n\n", text))
        for fence in re.finditer(r"^```", text, re.MULTILINE):
            assert text[: fence.start()].endswith("\n") or fence.start() == 0
