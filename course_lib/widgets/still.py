"""The picture that stands for an animation where nothing can move: GitHub, an untrusted or a reopened notebook.

It is drawn with Pillow, without global state: widget callbacks may run on another thread. Its ground is left out and
its inks suit any page, because a picture does not know whether its page is light or dark; a film has a ground of its
own. The layout is computed here and in the front end, because neither can call the other; both start from
`Story.bounds`.
tests/browser/test_player_module.py compares them for every kind of story.
"""

import base64
import functools
import io
import itertools
import math
import pathlib
import re
import struct
import zlib
from typing import NamedTuple

import matplotlib
import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFont

from course_lib import looks
from course_lib.looks import KERNEL, NOISE, PALETTE, WHITE, amount, mixed, on_any_page, rgb, text_on

FALLBACK_CLASS = "cg-spare"  # the class of hidden pictures
WIDTH = 720  # of the picture on a page; it is drawn at twice the resolution
FINE = 2
_PAPER = rgb(looks.PAPER.light)
_MINUS_WIDTH, _MINUS_HEIGHT, _MINUS_DOWN = 0.44, 0.07, 0.89  # shares of a cell below zero, as in grids.js
MARGIN, _GUTTER, _LINE = 14, 26, 18
_LARGEST_CELL, _SMALLEST_WITH_NUMBER, _SMALLEST_WITH_INDICES = 34, 14, 20
_SMALLEST_WITH_SIGN = 5
_NAME_ROOM = 0.7  # cells, left of a single number
_PICTURE_BESIDE_WORDS = 390
_TALLEST = 430
_WIDE, _HIGH = 17, 9  # in cells: larger stories show two moments, and wide ones have their words below
_MOST_CURVES = 40


class Page(NamedTuple):
    """What a picture is drawn on: its ground, the inks that are legible on it, and the lines and texts of each role."""

    ground: tuple
    ink: tuple
    soft: tuple
    faint: tuple
    lines: dict
    texts: dict

    def beam(self, role):
        """Light that falls from one grid to another: nothing stands out from it."""
        return (*self.lines[role], 46) if len(self.ground) == 4 else mixed(self.ground, self.lines[role], 0.16)


_SHADES = (looks.INK, looks.SOFT, looks.FAINT)
LIGHT = Page(
    _PAPER, *(rgb(shade.light) for shade in _SHADES),
    {role: rgb(tones.light) for role, tones in PALETTE.items()},
    {role: rgb(tones.light_text) for role, tones in PALETTE.items()},
)  # fmt: skip
_ON_ANY = {role: rgb(on_any_page(tones)) for role, tones in PALETTE.items()}
_INK_ON_ANY = rgb(looks.INK_ANYWHERE)
ANY = Page((*_INK_ON_ANY, 0), _INK_ON_ANY, rgb(looks.NEUTRAL), rgb(looks.NEUTRAL), _ON_ANY, _ON_ANY)


def png(*stories):
    """Returns a PNG of a few moments of each story, the stories side by side."""
    width = (WIDTH - 2 * MARGIN - _GUTTER * (len(stories) - 1)) / len(stories)
    columns = [_Column(story, width) for story in stories]
    height = max(column.height for column in columns) + 2 * MARGIN
    image = Image.new("RGBA", (WIDTH * FINE, math.ceil(height) * FINE), ANY.ground)
    left = MARGIN
    for column in columns:
        column.draw(Pen(image, left, MARGIN, ANY))
        left += width + _GUTTER
    return compressed(image)


def fallback_html(picture, words):
    """Returns HTML that stays hidden unless the widget in the next output has lost its kernel.

    picture: a PNG in base64, which is shown then; without one (""), the words are shown.
    """
    name = f"{FALLBACK_CLASS}-{zlib.crc32((picture or words).encode()):08x}"
    next_widget = "+ .jp-OutputArea-child > .jupyter-widgets"
    output = f".jp-OutputArea-child:has(.{name})"
    lost = f":has({next_widget}):not(:has({next_widget} > *))"
    opening, look = Markup('<div class="{} {}">{}').format(FALLBACK_CLASS, name, words), ""
    if picture:
        height = struct.unpack(">I", base64.b64decode(picture[:32])[20:24])[0] / FINE
        opening = Markup('<div class="{} {}" role="img" aria-label="{}">').format(FALLBACK_CLASS, name, words)
        look = f"""width: {WIDTH}px; max-width: 100%; height: {height:.0f}px;
  background: url(data:image/png;base64,{picture}) no-repeat; background-size: contain;"""
    return f"""{opening}<style>
.{name} {{ display: none; {look} }}
{output}{lost} .{name} {{ display: block; }}
{output}:not({lost}) {{ display: none; }}
{output}{lost} + .jp-OutputArea-child {{ display: none; }}
</style></div>"""


def compressed(image):
    """Returns the bytes of a PNG of a Pillow image, with a palette of few colours.

    White paper stays pure white, and a clear ground clear.
    """
    clear = image.mode == "RGBA"
    image = image.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    if not clear:
        image = with_white_paper(image)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def with_white_paper(image):
    """Makes the background, which is at the corner, pure white again: reducing the palette shifts every colour."""
    palette = image.getpalette()
    paper = image.getpixel((0, 0))
    palette[3 * paper : 3 * paper + 3] = _PAPER
    image.putpalette(palette)
    return image


class Pen:
    """Draws in pixels of the page, relative to a corner."""

    def __init__(self, image, left, top, page=LIGHT):
        self.image, self.on = image, ImageDraw.Draw(image)
        self.left, self.top, self.page = left, top, page

    def moved(self, right, down):
        return Pen(self.image, self.left + right, self.top + down, self.page)

    def _at(self, points):
        return [((self.left + x) * FINE, (self.top + y) * FINE) for x, y in points]

    def square(self, x, y, right, bottom, fill, line=None, width=1):
        self.on.rectangle(self._at([(x, y), (right, bottom)]), fill, line, round(width * FINE))

    def picture(self, x, y, right, bottom, colours):
        """Fills the rectangle with a picture of colours (rows, columns, 3), or 4 with their opacity."""
        (left, top), (end, floor) = (map(round, point) for point in self._at([(x, y), (right, bottom)]))
        small = Image.fromarray(np.asarray(colours, np.uint8))
        self.image.paste(small.resize((end - left, floor - top), Image.Resampling.NEAREST), (left, top))

    def dashes(self, x, y, side, line):
        for start in np.arange(1, side, 6):
            end = min(start + 3, side)
            for edge in (0, side):
                self.line([(x + start, y + edge), (x + end, y + edge)], line)
                self.line([(x + edge, y + start), (x + edge, y + end)], line)

    def line(self, points, colour, width=1):
        self.on.line(self._at(points), colour, round(width * FINE), joint="curve")

    def arrow(self, start, tip, colour, width=1.5):
        angle = math.atan2(tip[1] - start[1], tip[0] - start[0])
        wings = [(tip[0] + 8 * math.cos(angle + turn), tip[1] + 8 * math.sin(angle + turn)) for turn in (2.7, -2.7)]
        self.line([start, (tip[0] - 5 * math.cos(angle), tip[1] - 5 * math.sin(angle))], colour, width)
        self.shape([tip, *wings], colour)

    def shape(self, points, fill):
        self.on.polygon(self._at(points), fill)

    def text(self, x, y, text, colour=None, size=13, anchor="mm", font="sans"):
        self.on.text(self._at([(x, y)])[0], text, colour or self.page.ink, _font(font, size), anchor)

    def chip(self, x, y, text, fill):
        half = max(9, _font("bold", 10).getlength(text) / FINE / 2 + 4)
        self.on.rounded_rectangle(self._at([(x - half, y - 7.5), (x + half, y + 7.5)]), 7.5 * FINE, fill)
        self.text(x, y, text, text_on(fill), 10, font="bold")


class _Column:
    """One story: its title, and its moments one below the other."""

    def __init__(self, story, width):
        self.title = _wrapped(story.title, "bold", 14, width)
        last = len(story.steps) - 1
        box = story.bounds
        few = box[2] - box[0] > _WIDE or box[3] - box[1] > _HIGH
        moments = {(last + 1) // 2, last} if few else {min(1, last), (last + 1) // 2, last}
        self.frames = [Frame(story, position, box, width) for position in sorted(moments)]
        self.height = self._title_height + sum(frame.height for frame in self.frames)

    @property
    def _title_height(self):
        return _LINE * len(self.title) + 8

    def draw(self, pen):
        for at, line in enumerate(self.title):
            pen.text(0, 8 + _LINE * at, line, size=14, anchor="lm", font="bold")
        down = self._title_height
        for frame in self.frames:
            frame.draw(pen.moved(0, down))
            down += frame.height


class Frame:
    """One moment: the picture, with the sentence and the formula beside or below it."""

    def __init__(self, story, position, box, width):
        self.story, self.box, self.position = story, box, position
        self.step = story.steps[position]
        self.values, self.places = story.values_at(position), story.places_at(position)
        left, top, right, bottom = box
        beside = width > 600 and right - left <= _WIDE
        room = _PICTURE_BESIDE_WORDS if beside else width
        self.unit = min(_LARGEST_CELL, room / (right - left), _TALLEST / (bottom - top))
        self.above = max(0, 14 - self.unit)  # names need room, however small the cells are
        self.picture = ((right - left) * self.unit, (bottom - top) * self.unit + self.above)
        self.words = (_PICTURE_BESIDE_WORDS + _GUTTER, 12) if beside else (0, self.picture[1] + 16)
        self.indent = (room - self.picture[0]) / 2
        room = width - self.words[0]
        count = f"Frame {position} of {len(story.steps) - 1}"
        formula = self.step.plain_formula.split("\n") if self.step.formula else []
        self.lines = [
            (count, "sans", 11, "soft"),
            *((line, "sans", 13, "ink") for line in _wrapped(self.step.sentence, "sans", 13, room)),
            *((line, "mono", 11.5, "ink") for part in formula for line in _wrapped(part, "mono", 11.5, room)),
        ]
        self.height = max(self.picture[1], self.words[1] + _LINE * len(self.lines)) + 12

    def draw(self, pen):
        left, top, *_ = self.box
        picture = pen.moved(self.indent - left * self.unit, self.above - top * self.unit)
        terms = list(self.story.terms(self.step))
        flowing = {key: set() for key in self.story.grids}
        for term in terms:
            for key, cell in (term.target, *term.sources):
                flowing[key].add(cell)
        lit = {key: cells | set(self.step.looks.get(key, ())) for key, cells in flowing.items()}
        in_line = all(grid.ndim < 2 for grid in self.story.grids.values())
        if not in_line:
            self._beams(picture, lit)
        for edge in self.story.edges:
            (_, top, right, bottom), goal = (self._square(key, 0) for key in edge)
            tip = goal[0] - _NAME_ROOM * self.unit, (goal[1] + goal[3]) / 2
            picture.arrow((right + 3, (top + bottom) / 2), tip, picture.page.faint)
        for key in (key for key, grid in self.story.grids.items() if self.position >= grid.appears):
            self._name(picture, key)
            self._grid(picture, key)
            self._indices(picture, key)
            self._outlines(picture, key, flowing[key], lit[key])
        if in_line and len(terms) <= _MOST_CURVES:
            self._curves(picture, terms)
        x, y = self.words
        for at, (line, font, size, colour) in enumerate(self.lines):
            pen.text(x, y + _LINE * at, line, getattr(pen.page, colour), size, "lm", font)

    # ------------------------------------------------------------ places

    def _square(self, key, cell):
        """(left, top, right, bottom) of a cell, in pixels."""
        grid = self.story.grids[key]
        if self.position < grid.turns:  # not turned yet
            cell = grid.values.size - 1 - cell
        column, row = self.places[key]
        down, across = divmod(cell, grid.values.shape[1])
        x = (column + across * grid.pitch[0] * grid.scale) * self.unit
        y = (row + down * grid.pitch[1] * grid.scale) * self.unit
        side = grid.scale * self.unit
        return x, y, x + side, y + side

    def _around(self, key, cells):
        squares = [self._square(key, cell) for cell in cells]
        return (*(min(square[at] for square in squares) for at in (0, 1)),
                *(max(square[at] for square in squares) for at in (2, 3)))  # fmt: skip

    # ------------------------------------------------------------ grids

    def _grid(self, pen, key):
        grid, values = self.story.grids[key], self.values[key].ravel()
        page, line = pen.page, pen.page.lines[grid.role]
        shares = np.nan_to_num(values) / self.story.largest[key]
        whole = self._around(key, (0, values.size - 1))
        if grid.picture:
            shares = shares.reshape(grid.values.shape)
            pen.picture(*whole, signed(shares) if page is LIGHT else _signed_on_any(shares))
            pen.square(*whole, None, line)
            return
        small = grid.scale * self.unit < _SMALLEST_WITH_NUMBER  # no room for lines; gaps separate the cells
        if small:
            pen.square(*whole, page.ground, page.faint)
        found_out = self.position == len(self.story.steps) - 1  # before the end, nobody knows
        untouched = set(self.story.untouched[key]) if found_out else ()
        for cell, (value, share) in enumerate(zip(values, shares, strict=True)):
            square, filler = self._square(key, cell), grid.is_filler(cell)
            blank = filler or np.isnan(value) or (page is ANY and not value)
            fill = page.ground if blank else mixed(WHITE, rgb(PALETTE[grid.role].light), 0.05 + 0.75 * abs(share))
            self._cell(pen, square, fill, line, small, filler)
            if value < -NOISE and not blank and square[2] - square[0] >= _SMALLEST_WITH_SIGN:
                self._minus(pen, square, fill, small)
            if cell in untouched:
                _hatch(pen, *square)
            if not np.isnan(value) and not small:
                self._value(pen, square, value, pen.page.soft if blank else text_on(fill))
            if cell in grid.struck and self.position >= grid.strikes:
                pen.line([(square[0] + 2, square[3] - 2), (square[2] - 2, square[1] + 2)], page.ink, 2)
        if small:
            real = [cell for cell in range(values.size) if not grid.is_filler(cell)] or [0, values.size - 1]
            pen.square(*self._around(key, (real[0], real[-1])), None, line)

    def _cell(self, pen, square, background, line, small, filler):
        x, y, right, bottom = square
        if small:
            pen.square(x, y, right - 0.75, bottom - 0.75, background)
            return
        pen.square(x, y, right, bottom, background, None if filler else line)
        if filler:
            pen.dashes(x, y, right - x, pen.page.faint)

    def _minus(self, pen, square, fill, small):
        """The minus below a number, which is seen where the number is too small to be read."""
        x, y, right, bottom = square
        side = right - x
        width, height = _MINUS_WIDTH * side, max(1.5, _MINUS_HEIGHT * side)
        left, top = x + (side - width) / 2, y + (0.5 if small else _MINUS_DOWN) * side - height / 2
        pen.square(left, top, left + width, top + height, mixed(fill, text_on(fill), 0.6))

    def _value(self, pen, square, value, colour):
        x, y, right, _ = square
        side, shown = right - x, amount(value)
        size = min(0.38 * side, 1.35 * side / max(3, len(shown)))
        pen.text(x + side / 2, y + side / 2, shown, colour, size)

    def _name(self, pen, key):
        grid = self.story.grids[key]
        x, y, _, bottom = self._square(key, 0)
        colour = pen.page.texts[grid.role]
        if grid.ndim < 2:
            pen.text(x - 8, (y + bottom) / 2, grid.caption or key, colour, 13, "rm", "monobold")
        else:
            size = 11 if grid.picture else 12
            above = 22 if self._has_room_for_indices(key) else max(9, 0.45 * self.unit)
            pen.text(x, y - above, grid.caption or key, colour, size, "lm", "monobold")

    def _has_room_for_indices(self, key):
        grid = self.story.grids[key]
        return not grid.picture and grid.scale * self.unit >= _SMALLEST_WITH_INDICES

    def _indices(self, pen, key):
        """Indices of rows and columns beside the first of each; in 1D, in the corner of every cell."""
        grid = self.story.grids[key]
        if not self._has_room_for_indices(key):
            return
        rows, columns = grid.values.shape
        real = [cell for cell in range(rows * columns) if not grid.is_filler(cell)]
        if grid.ndim < 2:
            for cell in real if grid.ndim else ():
                x, y, *_ = self._square(key, cell)
                pen.text(x + 4, y + 8, str(grid.place(cell)[1]), pen.page.soft, 8, "lm")
            return
        for row in sorted({cell // columns for cell in real}):
            x, y, _, bottom = self._square(key, row * columns)
            pen.text(x - 8, (y + bottom) / 2, str(grid.place(row * columns + real[0] % columns)[0]), pen.page.soft, 9)
        for column in sorted({cell % columns for cell in real}):
            x, y, right, _ = self._square(key, column)
            pen.text(
                (x + right) / 2, y - 9, str(grid.place(real[0] // columns * columns + column)[1]), pen.page.soft, 9
            )

    def _outlines(self, pen, key, flowing, lit):
        grid = self.story.grids[key]
        if not lit:
            return
        dark = pen.page.texts[grid.role]
        if not grid.picture and len(flowing) < len(lit):
            for cell in flowing:
                pen.square(*self._square(key, cell), None, dark, 2.5)
        pen.square(*self._around(key, lit), None, dark, 2.5)

    # ------------------------------------------------------------ what flows

    def _beams(self, pen, lit):
        grids = self.story.grids
        for flow in self.step.flows:
            goal = self._around(flow.to, lit[flow.to])
            for key, _ in flow.factors:
                if grids[key].role != KERNEL:
                    (a, b), (c, d) = _facing(self._around(key, lit[key]), goal)
                    pen.shape([a, c, d, b], pen.page.beam(grids[key].role))
                    self._head(pen, flow.to, (a, b), (c, d))
            if not flow.factors:
                for key in self.step.looks:
                    self._level_arrow(pen, self._around(key, lit[key]), goal)

    def _head(self, pen, key, start, end):
        """The direction of a beam: an arrowhead where it enters the grid, outside of it and of its indices."""
        (x0, y0), (x1, y1) = (((p[0] + q[0]) / 2, (p[1] + q[1]) / 2) for p, q in (start, end))
        left, top, right, bottom = self._around(key, (0, self.story.grids[key].values.size - 1))
        if start[0][0] == start[1][0]:
            share = ((right + 2 if x1 < x0 else left - 16) - x0) / ((x1 - x0) or 1)
        else:
            share = ((bottom + 2 if y1 < y0 else top - 34) - y0) / ((y1 - y0) or 1)
        share = min(1, max(0, share))
        tip = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
        angle = math.atan2(y1 - y0, x1 - x0)
        tail = tip[0] - 8 * math.cos(angle), tip[1] - 8 * math.sin(angle)
        pen.arrow(tail, tip, pen.page.texts[self.story.grids[key].role])

    def _level_arrow(self, pen, start, goal):
        row, end_row = (start[1] + start[3]) / 2, (goal[1] + goal[3]) / 2
        if abs(row - end_row) < 1:
            pen.arrow((start[0] - 1, row), (goal[2] + 1, row), pen.page.ink)

    def _curves(self, pen, terms):
        for term in terms:
            colour = mixed(_PAPER, self._colour(pen, term), 0.6)
            legs = self._legs(term)
            for start, end in legs[:-1]:
                pen.line([start, end], colour, 1.5)
            pen.arrow(*legs[-1], colour)
            for source in self._others(term)[1:]:
                colour = mixed(_PAPER, pen.page.lines[self.story.grids[source[0]].role], 0.6)
                pen.arrow(*_between(self._square(*source), self._square(*term.target)), colour)
        for term in terms:
            (x0, y0), (x1, y1) = self._legs(term)[-1]
            pen.chip(x0 + (x1 - x0) * 0.36, y0 + (y1 - y0) * 0.36, amount(term.amount), self._colour(pen, term))

    def _colour(self, pen, term):
        return pen.page.lines[self.story.grids[term.target[0]].role]

    def _others(self, term):
        return [at for at in term.sources if self.story.grids[at[0]].role != KERNEL]

    def _legs(self, term):
        """The lines from source to kernel cell to target, from edge to edge."""
        via = [at for at in term.sources if self.story.grids[at[0]].role == KERNEL]
        stops = [self._square(*at) for at in (*self._others(term)[:1], *via, term.target)]
        return [_between(start, end) for start, end in itertools.pairwise(stops)]


def _hatch(pen, x, y, right, bottom):
    """Hatches a cell that no step reads or writes."""
    for start in np.arange(0.25, 1, 0.25) * (right - x):
        pen.line([(x, y + start), (x + start, y)], pen.page.soft, 0.5)
        pen.line([(x + start, bottom), (right, y + start)], pen.page.soft, 0.5)


def _middle(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _between(start, end):
    """The line between the centres of two squares, from edge to edge."""
    (x0, y0), (x1, y1) = _middle(start), _middle(end)
    reach = max(abs(x1 - x0), abs(y1 - y0), 1e-9)
    first = min(0.5, (start[2] - start[0]) / 2 / reach)
    last = 1 - min(0.5, (end[2] - end[0]) / 2 / reach)
    return tuple((x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) for share in (first, last))


def _facing(a, b):
    """The sides of two boxes that face each other: two points of each."""
    (ax, ay), (bx, by) = _middle(a), _middle(b)
    if abs(ax - bx) >= abs(ay - by):
        x, goal = (a[2], b[0]) if ax < bx else (a[0], b[2])
        return ((x, a[1]), (x, a[3])), ((goal, b[1]), (goal, b[3]))
    y, goal = (a[3], b[1]) if ay < by else (a[1], b[3])
    return ((a[0], y), (a[2], y)), ((b[0], goal), (b[2], goal))


# ---------------------------------------------------------------- colours and letters


def signed(shares):
    """The colours (rows, columns, 3) of shares (rows, columns) of the largest size, from -1 to 1."""
    shares = np.asarray(shares)[..., None]
    goal = np.where(shares < 0, rgb(looks.BELOW_ZERO.light), rgb(looks.ABOVE_ZERO.light))
    return _PAPER + (goal - _PAPER) * np.abs(shares)


def _signed_on_any(shares):
    """The same for any page: the larger a value, the less of the page is seen through it. (rows, columns, 4)."""
    shares = np.asarray(shares)[..., None]
    goal = np.where(shares < 0, rgb(looks.BELOW_ZERO.light), rgb(looks.ABOVE_ZERO.light))
    return np.concatenate([goal, 255 * np.abs(shares)], axis=-1)


@functools.cache
def _font(name, size):
    """A font of a size in pixels of the page."""
    files = {"sans": "Sans", "bold": "Sans-Bold", "mono": "SansMono", "monobold": "SansMono-Bold"}
    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / f"DejaVu{files[name]}.ttf", round(size * FINE))


def _wrapped(text, font, size, width):
    """The lines that a text takes within a width."""
    letters = _font(font, size)
    lines = [""]
    for word in re.findall(r"\S+\s*", text):
        if letters.getlength((lines[-1] + word).rstrip()) > width * FINE:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]
