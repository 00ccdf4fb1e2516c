"""How the course looks: the colour of everything that is drawn, and how a number is written.

Blue, orange, green and purple stay apart for colour-blind eyes (after Okabe & Ito 2008), and names and numbers say the
same as the colours do.
"""

import math

INPUT, KERNEL, OUTPUT, UPSTREAM, GRADIENT, COUNT = "input", "kernel", "output", "upstream", "gradient", "count"

# role -> fill and text on a light page, fill and text on a dark one
PALETTE = {
    INPUT: ("#0072b2", "#00629c", "#4ba3dd", "#6cbcf0"),
    KERNEL: ("#e07b00", "#a85400", "#e8962e", "#f2ab52"),
    OUTPUT: ("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    UPSTREAM: ("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    GRADIENT: ("#8e4bb8", "#7a35a6", "#b57be0", "#cb9bf0"),
    COUNT: ("#5b6b7a", "#465563", "#8fa1b3", "#a9bac9"),
}


def number(value):
    """A number as the pictures write it: whole numbers bare, others to three figures, with a true minus sign.

    player.js writes its sums the same way.
    """
    value = float(value)
    size = abs(value)
    if abs(value - round(value)) < 1e-9 and size < 1e5:
        text = str(round(value))
    elif 1e-2 <= size < 1e5:
        text = _tidy(value, 2 if size < 10 else 1 if size < 1000 else 0)
    else:
        text = f"{_from_zero(value):.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return text.replace("-", "−")


def _from_zero(value):
    """The next float away from zero, so that ties are rounded up, as JavaScript does."""
    return math.nextafter(value, math.copysign(math.inf, value))


def _tidy(value, digits):
    text = f"{_from_zero(value):.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits and abs(float(text) - value) < 1e-9 else text


def bracketed(value):
    """A number as a factor: negative ones in brackets."""
    return f"({number(value)})" if value < 0 else number(value)
