"""The picture an animation leaves behind where nothing can move: GitHub, an untrusted or a reopened notebook.

Drawn with Pillow, on a light page, without any state of its own: widget callbacks may run on another thread.
"""

import functools
import io
import math
import pathlib
import re

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib.frames.roles import KERNEL, PALETTE
from course_lib.frames.story import number

WIDTH = 720  # of the picture on a page; it is drawn twice as fine
_FINE = 2
_INK, _SOFT, _FAINT, _PAPER = (28, 28, 28), (110, 110, 110), (200, 200, 200), (255, 255, 255)
_MARGIN, _UNIT, _GUTTER = 14, 40, 24
_MOST_CURVES = 40


def png(*stories):
    """One or more stories -> a PNG of three moments of each, one story beside the other."""
    columns = [_Column(story, (WIDTH - 2 * _MARGIN - _GUTTER * (len(stories) - 1)) / len(stories)) for story in stories]
    height = max(column.height for column in columns) + 2 * _MARGIN
    image = Image.new("RGB", (WIDTH * _FINE, math.ceil(height) * _FINE), _PAPER)
    left = _MARGIN
    for column in columns:
        column.draw(_Pen(image, left, _MARGIN))
        left += column.width + _GUTTER
    buffer = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def moments(story):
    """The frames worth a picture: the first step, one in the middle, and the end."""
    last = len(story.steps) - 1
    return sorted({min(1, last), (last + 1) // 2, last})


class _Pen:
    """Draws in the pixels of the page, from a corner of its own."""

    def __init__(self, image, left, top):
        self.draw = ImageDraw.Draw(image)
        self.left, self.top = left, top

    def moved(self, right, down):
        pen = _Pen.__new__(_Pen)
        pen.draw, pen.left, pen.top = self.draw, self.left + right, self.top + down
        return pen

    def _at(self, points):
        return [((self.left + x) * _FINE, (self.top + y) * _FINE) for x, y in points]

    def square(self, x, y, side, fill, line, width=1):
        self.draw.rectangle(self._at([(x, y), (x + side, y + side)]), fill, line, round(width * _FINE))

    def dashed_square(self, x, y, side, fill, line):
        self.draw.rectangle(self._at([(x, y), (x + side, y + side)]), fill)
        for start in np.arange(0, side, 6):
            end = min(start + 3, side)
            for edge in (0, side):
                self.line([(x + start, y + edge), (x + end, y + edge)], line)
                self.line([(x + edge, y + start), (x + edge, y + end)], line)

    def line(self, points, colour, width=1):
        self.draw.line(self._at(points), colour, round(width * _FINE), joint="curve")

    def text(self, x, y, text, colour=_INK, size=13, anchor="mm", font="sans"):
        self.draw.text(self._at([(x, y)])[0], text, colour, _font(font, size), anchor)

    def chip(self, x, y, text, fill):
        half = max(10, _font("bold", 11).getlength(text) / _FINE / 2 + 5)
        self.draw.rounded_rectangle(self._at([(x - half, y - 8), (x + half, y + 8)]), 8 * _FINE, fill)
        self.text(x, y, text, _on(fill), 11, font="bold")


class _Column:
    """One story: its title and its moments, one below the other."""

    def __init__(self, story, width):
        self.story, self.width = story, width
        self.frames = [_Frame(story, position, width) for position in moments(story)]
        self.height = 26 + sum(frame.height for frame in self.frames)

    def draw(self, pen):
        pen.text(0, 8, self.story.title, size=14, anchor="lm", font="bold")
        down = 26
        for frame in self.frames:
            frame.draw(pen.moved(0, down))
            down += frame.height


class _Frame:
    """One moment: the picture, the sentence and the formula."""

    def __init__(self, story, position, width):
        self.story, self.position, self.width = story, position, width
        self.step = story.steps[position]
        self.values, self.places = story.values_at(position), story.places_at(position)
        self.box = bounds(story)
        left, top, right, bottom = self.box
        self.unit = min(_UNIT, width / (right - left))
        self.picture_height = (bottom - top) * self.unit
        formula = self.step.plain_formula.split("\n") if self.step.formula else []
        count = len(story.steps) - 1
        self.lines = _wrapped(f"{position}/{count}  {self.step.sentence}", "sans", width)
        self.formula = [line for part in formula for line in _wrapped(part, "mono", width)]
        self.height = self.picture_height + 19 * (len(self.lines) + len(self.formula)) + 22

    def draw(self, pen):
        left, top, right, _ = self.box
        shift = (self.width - (right - left) * self.unit) / 2
        picture = pen.moved(shift - left * self.unit, -top * self.unit)
        terms = list(self.story.terms(self.step))
        lit = {key: set() for key in self.story.grids}
        for term in terms:
            for key, cell in (term.target, *term.sources):
                lit[key].add(cell)
        for key, cells in self.step.looks.items():
            lit[key].update(cells)
        for key in self.story.grids:
            self._grid(picture, key, lit[key])
        if len(terms) <= _MOST_CURVES:
            self._flows(picture, terms)
        down = self.picture_height + 14
        for line in self.lines:
            pen.text(0, down, line, anchor="lm")
            down += 19
        for line in self.formula:
            pen.text(0, down, line, anchor="lm", font="mono", size=12)
            down += 19

    def _square(self, key, cell):
        grid = self.story.grids[key]
        column, row = self.places[key]
        down, across = divmod(cell, grid.values.shape[1])
        return (
            (column + across * grid.pitch[0] * grid.scale) * self.unit,
            (row + down * grid.pitch[1] * grid.scale) * self.unit,
            grid.scale * self.unit,
        )

    def _centre(self, key, cell):
        x, y, side = self._square(key, cell)
        return x + side / 2, y + side / 2

    def _grid(self, pen, key, lit):
        grid = self.story.grids[key]
        fill, text = (_rgb(colour) for colour in PALETTE[grid.role][:2])
        largest = self.story.largest[key]
        untouched = set(self.story.untouched[key])
        for cell, value in enumerate(self.values[key].ravel()):
            x, y, side = self._square(key, cell)
            share = 0 if np.isnan(value) else value / largest
            if grid.is_filler(cell) and not grid.picture:
                pen.dashed_square(x, y, side, _PAPER, _SOFT)
                colour, background = _SOFT, _PAPER
            else:
                background = _tint(grid, fill, share)
                pen.square(x, y, side, background, fill if side >= 8 else None)
                colour = _on(background)
            if cell in untouched:
                for start in np.arange(0.2, 1, 0.2) * side:
                    pen.line([(x, y + start), (x + start, y)], _FAINT)
                    pen.line([(x + start, y + side), (x + side, y + start)], _FAINT)
            if not (grid.picture or np.isnan(value) or side < 14):
                shown = number(value)
                pen.text(x + side / 2, y + side / 2, shown, colour, min(0.38 * side, 1.5 * side / max(3, len(shown))))
        for cell in lit:
            x, y, side = self._square(key, cell)
            pen.square(x, y, side, None, fill, 2.5)
        self._label(pen, key, grid, text)

    def _label(self, pen, key, grid, colour):
        x, y, side = self._square(key, 0)
        if grid.ndim == 1:
            pen.text(x - 9, y + side / 2, key, colour, 14, "rm", "monobold")
            return
        pen.text(x, y - 0.5 * self.unit, grid.caption or key, colour, 13, "lm", "monobold")

    def _flows(self, pen, terms):
        spread = len({term.target for term in terms}) > 1
        for term in terms:
            pen.line(self._path(term), _lighter(_rgb(PALETTE[self.story.grids[term.target[0]].role][0])), 1.5)
        for term in terms:
            points = self._path(term)
            (x0, y0), (x1, y1) = points[-2:]
            share = 0.5 if spread else 0.4
            fill = _rgb(PALETTE[self.story.grids[term.target[0]].role][0])
            pen.chip(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, number(term.amount), fill)

    def _path(self, term):
        grids = self.story.grids
        via = [at for at in term.sources if grids[at[0]].role == KERNEL and grids[at[0]].ndim == 1]
        others = [at for at in term.sources if grids[at[0]].role != KERNEL]
        return [self._centre(*at) for at in (*others[:1], *via, term.target)]


def bounds(story):
    """The rectangle, in cells, that holds every grid wherever it goes, with room for names."""
    left = top = math.inf
    right = bottom = -math.inf
    for position in range(len(story.steps)):
        for key, (column, row) in story.places_at(position).items():
            grid = story.grids[key]
            rows, columns = grid.values.shape
            left = min(left, column - (1.1 if grid.ndim == 1 else 0.2))
            top = min(top, row - (0.2 if grid.ndim == 1 else 1))
            right = max(right, column + ((columns - 1) * grid.pitch[0] + 1) * grid.scale + 0.1)
            bottom = max(bottom, row + ((rows - 1) * grid.pitch[1] + 1) * grid.scale + 0.1)
    return left, top, right, bottom


# ---------------------------------------------------------------- colours and letters


def _rgb(colour):
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _mixed(base, colour, share):
    return tuple(round(b + (c - b) * share) for b, c in zip(base, colour, strict=True))


def _lighter(colour):
    return _mixed(_PAPER, colour, 0.55)


def _tint(grid, fill, share):
    if not grid.picture:
        return _mixed(_PAPER, fill, 0.05 + 0.75 * abs(share))
    return _mixed(_PAPER, _rgb(PALETTE[KERNEL][0]) if share < 0 else fill, abs(share))


def _on(background):
    red, green, blue = background
    return _INK if 0.299 * red + 0.587 * green + 0.114 * blue > 127 else _PAPER


@functools.cache
def _font(name, size):
    files = {"sans": "DejaVuSans", "bold": "DejaVuSans-Bold", "mono": "DejaVuSansMono", "monobold": "DejaVuSansMono-Bold"}
    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / f"{files[name]}.ttf", size * _FINE)


def _wrapped(text, font, width):
    """Text -> the lines it takes."""
    letters = _font(font, 13 if font == "sans" else 12)
    lines = [""]
    for word in re.findall(r"\S+\s*", text):
        if letters.getlength((lines[-1] + word).rstrip()) > width * _FINE:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]
