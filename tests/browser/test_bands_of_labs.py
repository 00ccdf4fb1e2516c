"""The look of a notebook around its widgets: every lab, and every case of the clinic, is one tinted band."""

import re

import nbformat
import pytest
from nbconvert.filters import markdown2html

from course_lib._support.places import NOTEBOOKS
from course_lib.publish.build import notebooks
from course_lib.widgets.scripts import style

pytestmark = pytest.mark.slow

TINTED = """([css, html]) => {
  document.head.replaceChildren(Object.assign(document.createElement("style"), { textContent: css }));
  document.body.innerHTML = html;
  return [...document.querySelectorAll(".jp-Cell")].map((cell) => getComputedStyle(cell))
    .map(({ backgroundColor, borderTopWidth }) => [backgroundColor !== "rgba(0, 0, 0, 0)", borderTopWidth !== "0px"]);
}"""


def as_jupyterlab_shows(cell):
    """A cell as far as the style sheet looks at it: its kind, and the HTML of its Markdown with ids for headings."""
    if cell.cell_type == "code":
        return '<div class="jp-Cell jp-CodeCell"></div>'
    text = re.sub(
        r"<(h\d)[^>]*>(.*?)<", lambda m: f'<{m[1]} id="{m[2].replace(" ", "-")}">{m[2]}<', markdown2html(cell.source)
    )
    return f'<div class="jp-Cell jp-MarkdownCell"><div class="jp-RenderedHTMLCommon">{text}</div></div>'


def bands(cells):
    """For every lab, the cells from its task to the last that is its own.

    A lab that nothing checks has no parts: it ends behind its two code cells, or behind the solution below them.
    """
    labs = [cell.metadata.get("course", {}) for cell in cells]
    for first, lab in enumerate(labs):
        if lab.get("part") == "task":
            yield range(first, 1 + max(n for n, other in enumerate(labs) if other.get("exercise") == lab["exercise"]))
        elif cells[first].source.startswith("### Your turn"):
            yield range(first, first + 3 + ("<details>" in cells[first + 3].source))


@pytest.mark.parametrize("name", notebooks())
def test_every_lab_is_a_band_from_its_task_to_its_end_and_nothing_else_is_tinted(page, name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    found = page.evaluate(TINTED, [style("player"), "".join(map(as_jupyterlab_shows, cells))])
    expected = list(bands(cells))
    inside = {n for band in expected for n in band}
    assert [n for n, (tinted, _) in enumerate(found) if tinted] == sorted(inside)
    # one begins where another ends: a line parts them
    assert [n for n, (_, line) in enumerate(found) if line] == [band[0] for band in expected]
    assert expected or not name.startswith(("01", "11"))


def test_what_is_wider_than_a_narrow_page_can_be_scrolled_and_widens_nothing(page):
    words = "<td>" + "x" * 40 + "</td>"
    wide = f"<table><tr>{3 * words}</tr></table><mjx-container display='true' style='display: block'>"
    wide += (
        "<span style='display: inline-block; width: 900px'>y</span></mjx-container><table><tr><td>z</td></tr></table>"
    )
    cell = f"<div class='jp-Cell jp-MarkdownCell'><div class='jp-RenderedHTMLCommon'>{wide}</div></div>"
    page.evaluate(TINTED, [style("player"), f"<main style='width: 350px'>{cell}</main>"])
    widths = "(all) => all.map((one) => [one.clientWidth, one.scrollWidth, getComputedStyle(one).overflowX])"
    table, formula, small = page.locator("main :is(table, mjx-container)").evaluate_all(widths)
    for visible, whole, overflow in (table, formula):
        assert visible <= 350 < whole and overflow == "auto"
    assert small[0] == small[1] < 100
    assert page.locator("main").evaluate("(main) => main.scrollWidth") == 350
