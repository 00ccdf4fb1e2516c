"""How the course looks: the colour of everything that is drawn, and how a number is written.

Blue, orange, green and purple stay apart for colour-blind eyes (after Okabe & Ito 2008), and names, signs and numbers
repeat what colours say. No other file of the course names a colour: Python takes it from here, a style sheet from
`css_variables`, a script from `for_browser`.
"""

import functools
import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple


class Tones(NamedTuple):
    """One colour as fill and as text, on a light page and on a dark one."""

    light: str
    light_text: str
    dark: str
    dark_text: str


class Shade(NamedTuple):
    """A colour of the page itself, light or dark."""

    light: str
    dark: str


# ---------------------------------------------------------------- colours

INPUT, KERNEL, OUTPUT, UPSTREAM, GRADIENT, COUNT = "input", "kernel", "output", "upstream", "gradient", "count"

PALETTE = {  # what an array is
    INPUT: Tones("#0072b2", "#00629c", "#4ba3dd", "#6cbcf0"),
    KERNEL: Tones("#e07b00", "#a85400", "#e8962e", "#f2ab52"),
    OUTPUT: Tones("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    UPSTREAM: Tones("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    GRADIENT: Tones("#8e4bb8", "#7a35a6", "#b57be0", "#cb9bf0"),
    COUNT: Tones("#5b6b7a", "#465563", "#8fa1b3", "#a9bac9"),
}

# roles whose colours differ, for lines that need to be told apart
APART = INPUT, KERNEL, OUTPUT, GRADIENT, COUNT

# the sign of a number, wherever signs are coloured: heat maps, filters, gradients of pictures
ABOVE_ZERO = Tones("#0072b2", "#00629c", "#4ba3dd", "#6cbcf0")
BELOW_ZERO = Tones("#d55e00", "#a84300", "#f08a4b", "#f7a877")
SIGNS = {"above": ABOVE_ZERO, "below": BELOW_ZERO}

# how an answer or a training ended: edges and symbols that stand out on light and dark pages alike;
# neutral also for what has no role, as a line that others are compared with
RIGHT, WRONG, ERROR, CAUTION, NEUTRAL = "#388e3c", "#d17200", "#d32f2f", "#a88400", "#8a8a8a"
STATUS = {"right": RIGHT, "wrong": WRONG, "error": ERROR, "caution": CAUTION, "neutral": NEUTRAL}

# the lines of a training
TRAIN, TEST = PALETTE[KERNEL], PALETTE[INPUT]

# the page: text, text that matters less, thin lines, the ground, and a ground that stands out from it
INK, SOFT, FAINT = Shade("#1c1c1c", "#e8e8e8"), Shade("#5d5d5d", "#aaaaaa"), Shade("#cdcdcd", "#444444")
PAPER, RAISED = Shade("#ffffff", "#111111"), Shade("#f1f1f1", "#262626")
ACCENT = Shade("#0072b2", "#6cbcf0")  # what is chosen, running or in focus
LAB = "#e6aa00"  # the band behind a lab, translucent on any page

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def rgb(colour: str) -> tuple[int, ...]:
    """The three channels of "#rrggbb", each from 0 to 255."""
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def mixed(base: Iterable[float], colour: Iterable[float], share: float) -> tuple[int, ...]:
    """The rgb colour on the way from base (share 0) to colour (share 1)."""
    return tuple(round(b + (c - b) * share) for b, c in zip(base, colour, strict=True))


def translucent(colour: str, strength: float) -> str:
    """A colour for CSS through which the page is seen, so that the page's own text stays legible on it."""
    return f"rgba({', '.join(map(str, rgb(colour)))}, {strength:.2f})"


def brightness(background: Iterable[float]) -> float:
    """The relative luminance of an rgb colour, from 0 to 1, as the Web Content Accessibility Guidelines define it."""
    r, g, b = (value / 3294 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in background)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def text_on(background: Iterable[float]) -> tuple[int, int, int]:
    """BLACK or WHITE, whichever stands out more from an rgb colour."""
    return BLACK if brightness(background) > 0.179 else WHITE


# ---------------------------------------------------------------- colours for pictures that do not know their page

ANYWHERE = 0.19  # the luminance that stands out from white as much as from the dark page, 4.3 times
STEPS = 64


@functools.cache
def on_any_page(tones: Tones) -> str:
    """The shade of a colour that is legible on a light page and on a dark one, as "#rrggbb"."""
    dark, light = rgb(tones.light_text), rgb(tones.dark_text)
    shades = (mixed(dark, light, step / STEPS) for step in range(STEPS + 1))
    nearest = min(shades, key=lambda shade: abs(brightness(shade) - ANYWHERE))
    return "#" + "".join(f"{channel:02x}" for channel in nearest)


INK_ANYWHERE = "#797979"  # text and lines


# ---------------------------------------------------------------- colours for the browser


def css_declarations(dark: bool = False) -> str:
    """The colours as CSS custom properties, one a line: `--cg-input`, `--cg-input-text`, `--cg-above`, `--cg-ink`, ...

    Colours of the page (ink, soft, line, paper, raised, accent) are taken from JupyterLab or VS Code where they exist.
    """
    colours: dict[str, str] = {}
    for name, tones in {**PALETTE, **SIGNS, "train": TRAIN, "test": TEST}.items():
        fill, text = tones[2:] if dark else tones[:2]
        colours |= {name: fill, f"{name}-text": text}
    colours |= STATUS
    for name, shade, theirs in (
        ("ink", INK, ("--jp-ui-font-color1", "--vscode-foreground")),
        ("soft", SOFT, ("--jp-ui-font-color2", "--vscode-descriptionForeground")),
        ("line", FAINT, ("--jp-border-color2", "--vscode-widget-border")),
        ("paper", PAPER, ("--jp-layout-color0", "--vscode-editor-background")),
        ("raised", RAISED, ("--jp-layout-color2", "--vscode-editorWidget-background")),
        ("accent", ACCENT, ("--jp-brand-color1", "--vscode-focusBorder")),
    ):
        lab, code = theirs
        colours[name] = f"var({lab}, var({code}, {shade.dark if dark else shade.light}))"
    return "\n".join(f"  --cg-{name}: {colour};" for name, colour in colours.items())


def css_variables(root: str) -> str:
    """A style sheet that defines the colours, light or dark as the page is, for a selector such as ".cg-player"."""
    dark_pages = (
        'body[data-jp-theme-light="false"]',
        ".vscode-dark",
        ".vscode-high-contrast:not(.vscode-high-contrast-light)",
    )
    dark_roots = ", ".join(f"{page} {root}" for page in dark_pages)
    return f"{root} {{\n{css_declarations()}\n}}\n{dark_roots} {{\n{css_declarations(dark=True)}\n}}\n"


def jupyter_css() -> str:
    """A style sheet for pages outside of JupyterLab: the variables that cards and players take from it, by theme."""
    light, dark = (_jupyter_declarations(theme) for theme in ("light", "dark"))
    return (
        f":root {{\n  color-scheme: light dark;\n{light}\n}}\n"
        f"@media (prefers-color-scheme: dark) {{\n:root {{\n{dark}\n}}\n}}\n"
    )


def _jupyter_declarations(theme: str) -> str:
    shades = {
        "layout-color0": PAPER, "layout-color1": PAPER, "layout-color2": RAISED, "border-color2": FAINT,
        "ui-font-color1": INK, "ui-font-color2": SOFT, "content-font-color1": INK, "content-font-color2": SOFT,
        "brand-color1": ACCENT,
    }  # fmt: skip
    return "\n".join(f"  --jp-{name}: {getattr(shade, theme)};" for name, shade in shades.items())


def for_browser() -> dict[str, dict]:
    """The colours for a script, ready for JSON: the four Tones of each role and sign, the one colour of each status."""
    return {
        "roles": {role: list(tones) for role, tones in PALETTE.items()},
        "signs": {sign: list(tones) for sign, tones in SIGNS.items()},
        "status": STATUS,
    }


# ---------------------------------------------------------------- numbers

MINUS = "−"
NOISE = 1e-9  # in an animation, what rounding leaves where amounts cancel is smaller than this


def number(value: float, figures: int = 3) -> str:
    """A number as it is written everywhere: in a cell, in a sentence, on an axis.

    - Whole numbers below 100 000 are bare: 0, 3, −12345. Minus zero is 0.
    - Other numbers have `figures` significant digits, without trailing zeros: 0.5, 1.24, 12.3, 0.00123. Digits before
      the decimal point are never rounded away: 1234.5 is 1235.
    - From 100 000 on, and below 0.001, a number is written with a power of ten and one digit less, because its order
      of magnitude matters most there and room is scarce: 1e5, 1.2e−5, and with two figures 2e−26.
    - Ties are rounded away from zero. The minus sign is a true one. The rest is nan, inf or −inf.

    The front end has the same function (JavaScript's own methods are given in brackets, for size = |value|):

    1. nan, inf, and whole numbers below 1e5: see above.
    2. power = size in max(figures - 1, 1) significant digits [toExponential(max(figures - 2, 0))].
       If the exponent of power is below -3, write power.
    3. decimals = max(0, figures - 1 - e), where e is the exponent of size rounded to `figures` significant digits
       [toExponential(figures - 1)]; fixed = size rounded to that many decimals [toFixed(decimals)].
    4. If fixed is at least 1e5, write power, else fixed.
    5. Drop trailing zeros behind the decimal point, and the point if nothing is left behind it; write "e+" as "e".
    6. Write every "-" as "−", and put one in front if value < 0.

    tests/test_looks.py holds both to the same examples.
    """
    value = float(value)
    if math.isnan(value):
        return "nan"
    size = abs(value)
    if math.isinf(size):
        text = "inf"
    elif size < 1e5 and size.is_integer():
        text = str(int(size))
    else:
        text = _in_figures(size, figures)
    return (MINUS if value < 0 else "") + text


def _in_figures(size: float, figures: int) -> str:
    power = _significant(size, max(figures - 1, 1))
    fixed = None
    if power.adjusted() >= -3:
        decimals = max(0, figures - 1 - _significant(size, figures).adjusted())
        fixed = Decimal(size).quantize(Decimal(1).scaleb(-decimals), context=_rounding(400))
    if fixed is None or fixed >= 100_000:
        front, exponent = f"{power:e}".split("e")
        return f"{_without_last_zeros(front)}e{int(exponent)}".replace("-", MINUS)
    return _without_last_zeros(f"{fixed:f}")


def _significant(size: float, figures: int) -> Decimal:
    """size with that many significant digits; the exact value decides, and a tie goes up, as in JavaScript."""
    return _rounding(figures).create_decimal_from_float(size)


@functools.cache
def _rounding(figures: int) -> Context:
    return Context(prec=figures, rounding=ROUND_HALF_UP)


def _without_last_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float, figures: int = 3) -> str:
    """`number` with its sign always written: +0.25, −2, but 0."""
    return "+" + number(value, figures) if value > 0 else number(value, figures)


def amount(value: float) -> str:
    """`number` for the sums of an animation: what rounding leaves where amounts cancel, below NOISE, is written 0."""
    return number(0 if abs(value) < NOISE else value)


def bracketed(value: float) -> str:
    """An amount as a factor: negative ones in brackets."""
    text = amount(value)
    return f"({text})" if text.startswith(MINUS) else text
