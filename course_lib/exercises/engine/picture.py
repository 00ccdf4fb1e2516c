"""An array beside the one it should be, as grids of short numbers, cut to what a card has room for."""

from dataclasses import dataclass

import numpy as np

from course_lib import looks
from course_lib.exercises.engine.compare import different

MOST_ROWS, MOST_COLUMNS = 9, 12
CUT, SAME = "…", "·"
STRONGEST = 0.5  # the opacity of the largest value's colour: the page's own text stays legible on it


@dataclass(frozen=True)
class Cell:
    """One entry as it is shown: its number, what colours it, and whether it is outlined as a difference."""

    text: str
    colour: str
    differs: bool


@dataclass(frozen=True)
class Grid:
    """One array as it is shown."""

    label: str
    rows: list[list[Cell]]
    more_rows: bool
    more_columns: bool

    def texts(self) -> list[list[str]]:
        """The numbers alone, with a mark where something was cut off."""
        rows = [[cell.text for cell in row] + [CUT] * self.more_columns for row in self.rows]
        return rows + [[CUT]] * self.more_rows


@dataclass
class Picture:
    """One tensor on one set of arguments: the learner's array beside the right one, each of at most two axes."""

    title: str
    yours: np.ndarray
    expected: np.ndarray
    tolerance: float
    names: tuple[str, str] = ("yours", "expected")

    @property
    def is_flat(self) -> bool:
        """Whether all grids are single rows, to be drawn in one table."""
        return self.yours.ndim < 2 and self.expected.ndim < 2

    @property
    def cut(self) -> str:
        """What is not shown of it; "" where all is."""
        rows, columns = (
            max(np.atleast_2d(array).shape[axis] for array in (self.yours, self.expected)) for axis in (0, 1)
        )
        cut = [f"the first {MOST_ROWS} of {rows} rows"] if rows > MOST_ROWS else []
        cut += [f"the first {MOST_COLUMNS} of {columns} columns"] if columns > MOST_COLUMNS else []
        return f" Shown are {' and '.join(cut)}." if cut else ""

    @property
    def has_outlines(self) -> bool:
        return self.yours.shape == self.expected.shape

    def grids(self) -> list[Grid]:
        """Yours, expected and, where shapes allow it, the difference."""
        yours, expected = (np.atleast_1d(array).astype(float) for array in (self.yours, self.expected))
        own, other = self.names
        if not self.has_outlines:
            largest = _largest(yours, expected)
            labelled = ((f"{own} {yours.shape}", yours), (f"{other} {expected.shape}", expected))
            return [_grid(label, array, largest) for label, array in labelled]
        off = different(yours, expected, self.tolerance)
        with np.errstate(invalid="ignore"):
            gap = np.where(off, yours - expected, 0.0)
        largest = _largest(yours, expected, gap)
        return [
            _grid(own, yours, largest, off),
            _grid(other, expected, largest),
            _grid(f"{own} − {other}", gap, largest, off, is_difference=True),
        ]

    def columns(self) -> list[str]:
        """The indices above the columns of a flat picture."""
        longest = max(np.size(self.yours), np.size(self.expected))
        return [*map(str, range(min(longest, MOST_COLUMNS))), *[CUT] * (longest > MOST_COLUMNS)]

    def lines(self) -> list[str]:
        """The title and the same grids as in HTML, as plain text."""
        lines = [f"    {self.title}{self.cut}"]
        grids = self.grids()
        if self.is_flat:
            labels = ["", *(grid.label for grid in grids)]
            rows = _aligned([self.columns(), *(grid.texts()[0] for grid in grids)])
            width = max(map(len, labels))
            return lines + [f"      {label:<{width}}  {row}" for label, row in zip(labels, rows, strict=True)]
        for grid in grids:
            lines += [f"    {grid.label}:", *(f"      {row}" for row in _aligned(grid.texts()) or ["(empty)"])]
        return lines


def _grid(
    label: str, array: np.ndarray, largest: float, off: np.ndarray | None = None, is_difference: bool = False
) -> Grid:
    values = np.atleast_2d(array)
    differs = np.zeros(values.shape, bool) if off is None else np.atleast_2d(off)
    rows = [
        [
            Cell(SAME if is_difference and not differs[i, j] else looks.number(values[i, j]),
                 _colour(float(values[i, j]), largest), bool(differs[i, j]))
            for j in range(min(values.shape[1], MOST_COLUMNS))
        ]
        for i in range(min(values.shape[0], MOST_ROWS))
    ]  # fmt: skip
    return Grid(label, rows, len(values) > MOST_ROWS, values.shape[1] > MOST_COLUMNS)


def _largest(*arrays: np.ndarray) -> float:
    sizes = np.abs(np.concatenate([array.ravel() for array in arrays]))
    return float(sizes[np.isfinite(sizes)].max(initial=0)) or 1.0


def _colour(value: float, largest: float) -> str:
    if not np.isfinite(value):
        return "transparent"
    tones = looks.ABOVE_ZERO if value >= 0 else looks.BELOW_ZERO
    return looks.translucent(tones.light, STRONGEST * abs(value) / largest)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows of short texts as lines, each column flush right."""
    width = max((len(text) for row in rows for text in row), default=0)
    return ["  ".join(f"{text:>{width}}" for text in row) for row in rows]
