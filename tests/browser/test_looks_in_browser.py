"""Every widget's script in Chromium: it is one valid module, and writes numbers and mixes colours as looks.py does."""

import numpy as np
import pytest
from pages import LIGHT

from course_lib import looks
from course_lib.widgets.scripts import script

pytestmark = pytest.mark.slow

LOAD = """async (source) => {
  window.module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return Object.keys(window.module);
}"""


@pytest.mark.parametrize("name", ["player", "dashboard", "digit_pad", "walk_explorer"])
def test_the_files_of_a_script_make_one_module(page, name):
    assert "default" in page.evaluate(LOAD, script(name))


def numbers():
    """Numbers of every size, ties between two ways to round, and numbers beside them."""
    rng = np.random.default_rng(0)
    found = [0.0, -0.0, 1e300, -1e300, 5e-324, np.inf, -np.inf, np.nan, 99_999.5, 99_999.4999, 1e5, 1e-3, 0.0009995]
    found += [0.1 + 0.2, 1e-9, -1e-9, 0.9995e-9, 12_345, -99_999, 100_000, 1.5e21, 123_456_789]
    found += (rng.standard_normal(1200) * 10.0 ** rng.uniform(-12, 12, 1200)).tolist()
    found += (rng.standard_normal(600) * 10.0 ** rng.uniform(-4, 5, 600)).tolist()
    found += rng.integers(-200_000, 200_000, 200).tolist()
    for digits in (1, 2, 3, 4):
        ties = (rng.integers(-20_000, 20_000, 100) + 0.5) / 10**digits
        found += [*ties.tolist(), *np.nextafter(ties, np.inf).tolist()]
    return [float(value) for value in found]


@pytest.mark.parametrize("figures", [1, 2, 3, 5])
def test_numbers_are_written_as_python_writes_them(page, figures):
    page.evaluate(LOAD, script("player"))
    some = numbers()
    assert len(some) > 2000
    written = page.evaluate("([some, figures]) => some.map((one) => module.number(one, figures))", [some, figures])
    assert written == [looks.number(value, figures) for value in some]


def test_amounts_are_written_as_python_writes_them(page):
    page.evaluate(LOAD, script("player"))
    some = numbers()
    assert page.evaluate("(some) => some.map(module.amountText)", some) == [looks.amount(value) for value in some]
    assert "0" in map(looks.amount, [0.9995e-9])


def test_black_or_white_is_written_on_a_colour_as_in_python(page):
    page.evaluate(LOAD, script("player"))
    colours = np.random.default_rng(0).integers(0, 256, (500, 3)).tolist()
    written = page.evaluate("(colours) => colours.map(module.textOn)", colours)
    assert written == [f"rgb({','.join(map(str, looks.text_on(colour)))})" for colour in colours]
    assert len(set(written)) == 2


def test_pixels_are_mixed_as_in_python(page):
    page.evaluate(LOAD, script("player"))
    page.evaluate(
        "(paper) => { document.body.style.background = paper; document.body.style.color = 'black' }", LIGHT["0"]
    )
    shares = np.linspace(-1, 1, 41).tolist()
    mixed = page.evaluate(
        "(shares) => { const theme = new module.Theme(document.body); return shares.map((s) => theme.signed(s)); }",
        shares,
    )
    for share, colour in zip(shares, mixed, strict=True):
        side = looks.BELOW_ZERO if share < 0 else looks.ABOVE_ZERO
        np.testing.assert_allclose(colour, looks.mixed(looks.WHITE, looks.rgb(side.light), abs(share)), atol=1)
