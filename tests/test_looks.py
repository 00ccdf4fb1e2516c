"""One place decides about colours, and one rule how a number is written; both are the same in the browser."""

import ast
import io
import json
import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from course_lib import figures, looks
from course_lib.exercises.engine import picture
from course_lib.looks import amount, bracketed, number, signed
from course_lib.widgets import dashboard_picture, still

LIBRARY = Path(looks.__file__).parent


# ---------------------------------------------------------------- numbers

SPECIAL = [
    0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-300, 1e21,
    1e22, 1e23, 123456789.0, 0.1 + 0.2, 1 / 3, 2 / 3, 1 - 2**-53, 1e-3, 1e5, 9.9949999999999992, 99999.5, 99999.4999,
    100000.5, 0.00095, 0.00095000000000000011, 0.00099949, 0.0009995, 0.00099999999, 0.001 - 2**-62,
]  # fmt: skip


def number_examples():
    """Returns (value, figures, how it is written) for the scripts of the front end, which must write it alike."""
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 10, 1000) * 10.0 ** rng.integers(-14, 10, 1000) * rng.choice([-1, 1], 1000)
    decades = [float(f"{sign}{front}e{power}") for sign in "+-" for front in (1, 9.5, 9.996) for power in range(-9, 8)]
    ties = [sign * odd / 2**halvings for sign in (1, -1) for odd in (1, 3, 5, 251, 2001) for halvings in range(14)]
    halves = (rng.integers(0, 200_000, 150) + 0.5).tolist()
    decimals = (rng.integers(-9999, 9999, 300) / rng.choice([10, 100, 1000], 300)).tolist()
    whole = [*range(-12, 13), *(rng.integers(-10, 11, 200) * 10 ** rng.integers(0, 9, 200)).tolist()]
    every = [*values.tolist(), *decades, *ties, *halves, *decimals, *map(float, whole), *SPECIAL]
    return [(value, 1 + n % 6, number(value, 1 + n % 6)) for n, value in enumerate(every)] + [
        (value, 3, number(value)) for value in every
    ]


def test_the_examples_reach_every_way_to_write_a_number():
    examples = number_examples()
    assert len(examples) > 2000
    written = [text for _, _, text in examples]
    for pattern in (r"\d+", r"−\d+", r"0\.\d+", r"\d\.\d+", r"\d+e−\d+", r"−\d\.\d+e\d+", "nan", "−?inf"):
        assert sum(bool(re.fullmatch(pattern, text)) for text in written) >= 2, pattern


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"), (-0.0, "0"), (3, "3"), (-3.0, "−3"), (0.5, "0.5"), (0.123, "0.123"), (-1.239, "−1.24"),
        (12.34, "12.3"), (123.44, "123"), (1234.5, "1235"), (1 / 3, "0.333"), (2.0000001, "2"), (9.996, "10"),
        (0.00123, "0.00123"), (-4.2e-7, "−4.2e−7"), (99999, "99999"), (99999.7, "1e5"), (123456, "1.2e5"),
        (-2.5e30, "−2.5e30"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "−inf"), (0.9999, "1"),
        (True, "1"), (0.1 + 0.2, "0.3"), (np.float32(0.1), "0.1"), (np.array(-7), "−7"),
    ],
)  # fmt: skip
def test_numbers_are_short_and_carry_a_true_minus_sign(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    "value, figures, text",
    [(2.71828, 1, "3"), (2.71828, 2, "2.7"), (2.71828, 5, "2.7183"), (247.3, 2, "247"), (2.2e-26, 2, "2e−26"),
     (1.239e-5, 4, "1.24e−5"), (0.125, 2, "0.13"), (-0.125, 2, "−0.13"), (2.5, 1, "3"), (0.00095, 3, "9.5e−4"),
     (0.00096, 3, "9.6e−4"), (0.00099, 2, "0.00099"), (99999.7, 6, "99999.7")],
)  # fmt: skip
def test_a_place_may_ask_for_more_or_fewer_figures(value, figures, text):
    assert number(value, figures) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 8))
def test_what_is_written_is_the_number_rounded_to_the_figures_it_should_have(value, figures):
    text = number(value, figures)
    assert number(-value, figures) == (text[1:] if text.startswith("−") else f"−{text}" if value else text)
    assert not re.search(r"-|\.$|\.\d*0(e|$)|e\+|e−?0", text)
    exact, read, power = Fraction(value), Fraction(text.replace("−", "-")), "e" in text
    if value == 0 or (exact.denominator == 1 and abs(value) < 1e5):
        assert read == exact and not power
        return
    assert not Fraction("0.001") <= abs(read) < 10**5 if power else Fraction("0.0009") < abs(read) < 10**5
    order = Fraction(10) ** Decimal(value).adjusted()
    unit = order / 10 ** (max(figures - 2, 0) if power else figures - 1)  # of the last figure
    assert abs(read - exact) <= (unit if power else min(unit, 1)) / 2


def test_amounts_that_cancel_are_zero_and_factors_below_zero_stand_in_brackets():
    assert (number(0.1 + 0.2 - 0.3), amount(0.1 + 0.2 - 0.3), amount(-4e-10), amount(2e-9)) == (
        "5.6e−17", "0", "0", "2e−9",
    )  # fmt: skip
    assert [bracketed(value) for value in (-2, 2, -1e-12, 0)] == ["(−2)", "2", "0", "0"]
    assert [signed(value) for value in (0.25, -2, 0, 1e-5)] == ["+0.25", "−2", "0", "+1e−5"]


# ---------------------------------------------------------------- colours

CODED = re.compile(
    r"(?<![\w.&])#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b|\b(?:rgb|hsl)a?\(\s*[\d.]+[\s,]|\btab:\w+", re.IGNORECASE
)
NAMES = {*mpl.colors.CSS4_COLORS, *mpl.colormaps} - {"black", "white", "gray"}  # gray: how Matplotlib shows a picture
COMMENT = re.compile(r"/\*.*?\*/|(?<!\S)//[^\n]*", re.DOTALL)
REPORT = re.compile(r"(?<=\[)#\d+(?=\])|^[\w.-]+(?:[ /][\w.-]+)* #\d+$")  # "PyTorch #61100" is a number on a list
QUOTED = re.compile(r"""["'`](\w+)["'`]""")
DECLARED = re.compile(r"(?:color|background|border|outline|fill|stroke|shadow)[\w-]*:([^;{}]*)")


def colours_in_python(source):
    """Returns (line, literal) of each string that is or holds a colour, docstrings and comments aside."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for number_of_line, line in enumerate(node.value.split("\n"), node.lineno):
                found = CODED.findall(REPORT.sub("", line))
                yield from ((number_of_line, literal) for literal in found)
            if node.value in NAMES or re.fullmatch(r"0?\.\d+|C\d", node.value):
                yield node.lineno, node.value


def colours_in_front_end(source):
    """Returns (line, literal) of each colour in a style sheet, a script or a template, comments aside."""
    source = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source)
    for number_of_line, line in enumerate(source.split("\n"), 1):
        words = [
            *QUOTED.findall(line),
            *(word for value in DECLARED.findall(line) for word in re.split(r"[^\w-]+", value)),
        ]
        found = [*CODED.findall(line), *(word for word in words if word.lower() in NAMES)]
        yield from ((number_of_line, literal) for literal in found)


def written_by_hand():
    return [
        file.relative_to(LIBRARY).as_posix()
        for file in sorted(LIBRARY.rglob("*"))
        if file.suffix in (".py", ".js", ".css", ".html", ".jinja") and file.name != "looks.py"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", written_by_hand())
def test_no_file_but_looks_names_a_colour(name):
    source = (LIBRARY / name).read_text(encoding="utf-8")
    colours = colours_in_python(source) if name.endswith(".py") else colours_in_front_end(source)
    assert [f"{name}:{line}: {literal}" for line, literal in colours] == []


@pytest.mark.parametrize(
    "line",
    ['"#d55e00"', '"color: #fff"', 'f"rgba(1, 2, {x})"', '"orange"', '"tab:red"', '"0.8"', '"RdBu_r"', '"C0"'],
)
def test_colours_in_python_are_found(line):
    assert not list(colours_in_python('a = "PyTorch #136"')) and list(colours_in_python('a = "1px solid #136;"'))
    assert list(colours_in_python(f"a = 1\nb = f({line})")) and not list(colours_in_python(f"a = 1  # {line}"))


@pytest.mark.parametrize(
    "line",
    ["  color: #fff;", "--cg-x: var(--y, #8885);", "border: 1px solid orange;", 'fillStyle = "#000";', 'a = "red";',
     "background: rgb(1 2 3);"],
)  # fmt: skip
def test_colours_in_style_sheets_and_scripts_are_found(line):
    assert [number_of_line for number_of_line, _ in colours_in_front_end(f"\n{line}")] == [2]


@pytest.mark.parametrize(
    "line",
    ["color: var(--cg-ink);", "#field = 1;", "this.#add()", "`rgb(${channels})`", 'fill = "white"', "&#123;",
     "border: 1px solid currentColor;", "background: none;", 'go("orange road")',
     "f(); // #fff", "/* #fff */"],
)  # fmt: skip
def test_what_is_no_colour_is_not_taken_for_one(line):
    assert not list(colours_in_front_end(line))


def contrast(one, other):
    """Returns the contrast of two colours, from 1 to 21, as the Web Content Accessibility Guidelines define it."""
    darker, brighter = sorted(looks.brightness(looks.rgb(colour)) for colour in (one, other))
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", [*looks.PALETTE, *looks.SIGNS])
def test_every_colour_stands_out_on_its_page_and_more_so_as_text(name):
    tones = {**looks.PALETTE, **looks.SIGNS}[name]
    for fill, text, paper in ((*tones[:2], looks.PAPER.light), (*tones[2:], looks.PAPER.dark)):
        assert contrast(fill, paper) >= 2.9 and contrast(text, paper) >= 4.5


@pytest.mark.parametrize("status", looks.STATUS)
def test_the_edge_of_a_card_stands_out_on_light_and_on_dark_pages(status):
    assert min(contrast(looks.STATUS[status], paper) for paper in looks.PAPER) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme):
    ink, soft, paper, raised = (getattr(shade, theme) for shade in (looks.INK, looks.SOFT, looks.PAPER, looks.RAISED))
    assert min(contrast(text, ground) for text in (ink, soft) for ground in (paper, raised)) >= 4.5


def test_text_on_a_colour_is_black_or_white_whichever_stands_out_more():
    for background in np.random.default_rng(0).integers(0, 256, (200, 3)).tolist():
        fill = "#" + bytes(background).hex()
        chosen, other = looks.text_on(background), {looks.BLACK, looks.WHITE} - {looks.text_on(background)}
        assert contrast(fill, "#" + bytes(chosen).hex()) >= contrast(fill, "#" + bytes(*other).hex()) - 0.01


def test_style_sheets_and_scripts_get_every_colour_of_both_themes():
    light, dark = looks.css_declarations(), looks.css_declarations(dark=True)
    names = re.findall(r"--cg-[a-z-]+(?=:)", light)
    assert names == re.findall(r"--cg-[a-z-]+(?=:)", dark) and len(set(names)) == len(names)
    for name, tones in {**looks.PALETTE, **looks.SIGNS}.items():
        assert f"--cg-{name}: {tones.light};" in light and f"--cg-{name}-text: {tones.dark_text};" in dark
        assert looks.for_browser()["roles" if name in looks.PALETTE else "signs"][name] == list(tones)
    sheet = looks.css_variables(".here")
    assert sheet.count(light) == sheet.count(dark) == 1
    assert sheet.startswith(".here {") and 'body[data-jp-theme-light="false"] .here,' in sheet
    assert json.loads(json.dumps(looks.for_browser())) == looks.for_browser()


# ---------------------------------------------------------------- drawers

SIGNS = [[looks.rgb(colour) for colour in (looks.ABOVE_ZERO.light, looks.BELOW_ZERO.light, looks.PAPER.light)]]


def drawn_as(draw, page=looks.PAPER.light):
    """Returns the colours (rows, columns, 3), from 0 to 255, that a figure shows on a page for +1, -1 and 0."""
    figure = Figure(figsize=(3, 1), dpi=100, layout="none")  # also where a lesson's style is in force
    draw(figure.add_axes((0, 0, 1, 1)), np.array([[1.0, -1, 0]]))
    drawn = Image.open(io.BytesIO(figures.png_of(figure))).convert("RGBA")
    seen = Image.alpha_composite(Image.new("RGBA", drawn.size, page), drawn)
    return np.asarray(seen)[[25]][:, [25, 125, 225], :3]  # beside the numbers


def test_a_figure_lets_its_page_through_and_what_it_draws_is_legible_on_both():
    dark = drawn_as(figures.heat, looks.PAPER.dark)
    np.testing.assert_array_equal(dark[0], [*SIGNS[0][:2], looks.rgb(looks.PAPER.dark)])
    for colour in (figures.INK, *figures.COLOURS.values()):
        assert min(contrast(colour, paper) for paper in looks.PAPER) >= 4.2


def test_every_drawer_in_python_shows_a_sign_in_the_same_two_colours():
    np.testing.assert_array_equal(drawn_as(figures.heat), SIGNS)
    np.testing.assert_array_equal(drawn_as(figures.kernel), SIGNS)
    np.testing.assert_array_equal(still.signed([[1, -1, 0]]), SIGNS)
    filters = {"largest": 1.0, "shares": [[[99, -99, 0]]]}
    now = {"step": 1, "of": 1, "epochs": 1, "status": "finished", "seconds": 1, "rate": 0}
    passed = {"kind": "loss", "train": [], "test": []}
    board = Image.open(io.BytesIO(dashboard_picture.png(now, {"width": 1, "bins": []}, passed, filters, [])))
    pixels = np.asarray(board.convert("RGB")).astype(int)
    left, right = (np.nonzero(np.abs(pixels - tone).max(axis=-1) < 12)[1].mean() for tone in SIGNS[0][:2])
    assert left < right  # the first pixel of the filter is above zero, the second below
    card = picture.Picture("", np.array([1.0, -1.0]), np.zeros(2), 1e-6).grids()[0]
    tones = [re.findall(r"[\d.]+", cell.colour) for cell in card.rows[0]]
    assert [tuple(map(int, tone[:3])) for tone in tones] == SIGNS[0][:2] and tones[0][3] == tones[1][3] > "0"


def test_a_figure_writes_on_a_sign_in_black_or_white_as_the_player_does():
    ax = Figure().add_subplot()
    figures.kernel(ax, np.array([[2.0, 1.9, 1, -2, -0.004]]))
    assert [text.get_color() for text in ax.texts] == ["white", "white", "black", "black", "black"]
    assert [text.get_text() for text in ax.texts] == ["2", "1.9", "1", "−2", "0"]


def test_pages_without_jupyterlab_get_the_variables_it_would_give_them():
    light, dark = looks.jupyter_css().split("@media (prefers-color-scheme: dark)")
    used = set(re.findall(r"--jp-[a-z0-9-]+", looks.css_variables(".here")))
    for css, theme in ((light, "light"), (dark, "dark")):
        given = dict(re.findall(r"(--jp-[a-z0-9-]+): (#[0-9a-f]{6});", css))
        assert used <= given.keys()
        assert given["--jp-layout-color0"] == getattr(looks.PAPER, theme)
        assert given["--jp-content-font-color1"] == getattr(looks.INK, theme)


def test_a_colour_is_mixed_and_let_through_as_asked():
    assert looks.rgb("#d55e00") == (213, 94, 0)
    assert looks.mixed((255, 255, 255), (213, 94, 0), 0.5) == (234, 174, 128)
    assert looks.translucent("#d55e00", 0.25) == "rgba(213, 94, 0, 0.25)"
