"""What an animation consists of before anything is drawn: grids of numbers, and steps that move amounts between them.

    Story  = grids + steps
    Step   = a sentence, a formula, a line of code, and flows
    Flow   = for each cell written: the cells read, and so the amount that is added

A flow with factors dy[2] and w[0] adds dy[2] * w[0] to its cell: nothing else in an animation computes.
"""

import inspect
import math
import re
import textwrap
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from course_lib._support import checks
from course_lib.looks import GRADIENT

LARGEST = 1e100  # in size: sums of products of such numbers are still numbers


@dataclass(frozen=True)
class Grid:
    """Numbers in a rectangle, with a place in the picture. All lengths are in cells.

    name      such as "x", or several words such as "y of network[2]", whose cells are called "y[0, 1] of network[2]"
    values    (rows, columns) before the first step, padding included; 1D arrays are one row
    at        (column, row) of the corner of its first cell; pitch: from one cell to the next, (across, down)
    pad       (rows, columns) of padding on each side: drawn dashed, not counted in cell names
    gaps      real cells stand at every gaps-th (row, column), with zeros between, as in a dilated dy
    flipped   turned by 180 degrees: its last cell comes first
    turns     the step in which a flipped grid is turned, before the reader's eyes; until then it lies as it is
    prefix    indices before those of a cell, as the channel: prefix (1,) names cells "x[1, i, j]"
    folded    the length of a vector that fills its rows, whose cells are named by one index; 0 for any other array
    struck    cells that are struck out, from step `strikes` on
    appears   the step from which it is there; if it moves in that step, it comes from `at`
    collects  its cells are written; until then they show 0, or nothing if `empty`
    picture   shown as an image: no room for numbers
    """

    name: str
    role: str
    values: np.ndarray
    at: tuple = (0, 0)
    pitch: tuple = (1, 1)
    pad: tuple = (0, 0)
    gaps: tuple = (1, 1)
    flipped: bool = False
    turns: int = 0
    struck: tuple = ()
    strikes: int = 0
    appears: int = 0
    prefix: tuple = ()
    folded: int = 0
    ndim: int = 2
    collects: bool = False
    empty: bool = False
    picture: bool = False
    scale: float = 1.0
    caption: str = ""

    @property
    def key(self):
        """Its name among the grids of a story: "x", or "x[1]" for one of several channels."""
        return self._indexed(self.prefix) if self.prefix else self.name

    def _indexed(self, index):
        """Its name with an index after the first word."""
        first, *more = self.name.split(" ")
        if not index:
            return self.name
        return " ".join([f"{first}[{', '.join(map(str, index))}]", *more])

    def placed(self, column, row):
        return replace(self, at=(column, row))

    @property
    def inside(self):
        """The values without the padding."""
        return self.without_padding(self.values)

    def without_padding(self, values):
        (top, left), (rows, columns) = self.pad, self.values.shape
        return values[top : rows - top, left : columns - left]

    def place(self, cell):
        """The (row, column) of a flat cell index in the array itself: without padding, gaps and flips."""
        row, column = divmod(int(cell), self.values.shape[1])
        if self.flipped:
            row, column = self.values.shape[0] - 1 - row, self.values.shape[1] - 1 - column
        return (row - self.pad[0]) // self.gaps[0], (column - self.pad[1]) // self.gaps[1]

    @cached_property
    def fillers(self):
        """For every cell, whether it holds no entry: padding, a zero of a dilated array, or the rest after a vector."""
        if self.folded:
            return [cell >= self.folded for cell in range(self.values.size)]
        real = []
        for length, pad, gap in zip(self.values.shape, self.pad, self.gaps, strict=True):
            place = np.arange(length) - pad
            real.append((0 <= place) & (place < length - 2 * pad) & (place % gap == 0))
        return (~np.logical_and.outer(*real)).ravel().tolist()

    def is_filler(self, cell):
        return self.fillers[cell]

    def cell_name(self, cell):
        """The name of a flat cell index, such as "x[2, 3]"."""
        return self._indexed((*self.prefix, *((cell,) if self.folded else self.place(cell)[2 - self.ndim :])))


@dataclass(frozen=True)
class Flow:
    """Cell `cells[n]` of grid `to` receives scale * the product of the n-th cell of every factor.

    factors   ((grid key, cells), ...): cells is a list like `cells`, or one cell for all of them
    scale     one number, or one for each cell
    amounts   the amounts themselves, where they were observed: then the factors only say which cells were read
    quiet     the amounts are there with the step, as the values of a new array, and do not travel
    """

    to: str
    cells: list
    factors: tuple
    scale: float | list = 1.0
    amounts: list | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Term:
    """One amount on its way from the cells it is the product of to the cell it is added to; a cell is (key, number)."""

    target: tuple
    sources: tuple
    amount: float


@dataclass(frozen=True)
class Step:
    """One frame. `formula` marks text that belongs to a grid as {key|text}; `plain_formula` is without the marks.

    line      the line of the story's code, as a piece of its text
    beside    what stands beside that line, as the values of loop variables
    moves     {grid key: (column, row)}: grids that stand elsewhere from this step on
    looks     {grid key: cells} that are read without adding anything, such as the losers of a maximum
    """

    sentence: str
    formula: str = ""
    numbers: str = ""
    line: str = ""
    flows: tuple = ()
    moves: dict = field(default_factory=dict)
    looks: dict = field(default_factory=dict)
    beside: str = ""

    @property
    def plain_formula(self):
        return plain("\n".join(part for part in (self.formula, self.numbers) if part))


@dataclass(frozen=True)
class Story:
    """A title, the grids by key, and the steps: the first is the opening and the last the closing picture.

    code      the function whose lines the steps light up, or None
    lab       the lab that the code gives away: that of its name, unless told otherwise; "" where there is none
    edges     (key, key): which numbers are computed from which, as arrows between single numbers
    """

    title: str
    grids: dict
    steps: list
    code: object = None
    lab: str | None = None
    edges: tuple = ()

    def __post_init__(self):
        if self.lab is None:
            object.__setattr__(self, "lab", self.code.__name__ if self.code is not None else "")

    def __repr__(self):
        return f"Story: {self.title} ({len(self.steps)} frames)"

    def amounts(self, flow):
        """The amounts that a flow adds, one for each of its cells."""
        if flow.amounts is not None:
            return np.asarray(flow.amounts, dtype=float)
        amount = np.ones(len(flow.cells)) * flow.scale
        for key, cells in flow.factors:
            amount *= self.grids[key].values.ravel()[cells]
        return amount

    def terms(self, step):
        """Every amount that travels in a step, one by one."""
        for flow in (flow for flow in step.flows if not flow.quiet):
            for n, (cell, amount) in enumerate(zip(flow.cells, self.amounts(flow), strict=True)):
                read = ((key, cells if not isinstance(cells, list) else cells[n]) for key, cells in flow.factors)
                yield Term((flow.to, cell), tuple(read), float(amount))

    @cached_property
    def bounds(self):
        """(left, top, right, bottom), in cells, of the box that holds every grid in every step, with room for names."""
        left = top = math.inf
        right = bottom = -math.inf
        places = {key: [grid.at] for key, grid in self.grids.items()}
        for step in self.steps:
            for key, place in step.moves.items():
                places[key].append(place)
        for key, grid in self.grids.items():
            rows, columns = grid.values.shape
            before, above = (1.1, 0.1) if grid.ndim < 2 else (0.1, 0.95) if grid.picture else (0.55, 1.15)
            for column, row in places[key]:
                left, top = min(left, column - before), min(top, row - above)
                right = max(right, column + ((columns - 1) * grid.pitch[0] + 1) * grid.scale + 0.1)
                bottom = max(bottom, row + ((rows - 1) * grid.pitch[1] + 1) * grid.scale + 0.1)
                if grid.ndim == 2:
                    right = max(right, column + 0.37 * len(grid.caption or key))
        return left, top, right, bottom

    @cached_property
    def largest(self):
        """{key: the largest absolute value of any cell in any step}, for shades; never 0."""
        largest = {key: np.abs(grid.values).ravel() for key, grid in self.grids.items()}
        sums = {key: grid.values.ravel().copy() for key, grid in self.grids.items()}
        for step in self.steps:
            for flow in step.flows:
                np.add.at(sums[flow.to], flow.cells, self.amounts(flow))
            for key in {flow.to for flow in step.flows}:
                largest[key] = np.maximum(largest[key], np.abs(sums[key]))
        return {key: max(float(values.max()), 1e-12) for key, values in largest.items()}

    def values_at(self, position):
        """{key: values after the step at `position`}; NaN where a cell is still empty."""
        values = {key: grid.values.ravel().copy() for key, grid in self.grids.items()}
        written = {key: np.zeros(grid.values.size, dtype=bool) for key, grid in self.grids.items()}
        for step in self.steps[: position + 1]:
            for flow in step.flows:
                np.add.at(values[flow.to], flow.cells, self.amounts(flow))
                written[flow.to][flow.cells] = True
        for key, grid in self.grids.items():
            if grid.empty:
                values[key][~written[key]] = np.nan
        return {key: flat.reshape(self.grids[key].values.shape) for key, flat in values.items()}

    def places_at(self, position):
        """{key: (column, row)} where every grid stands at `position`."""
        places = {key: grid.at for key, grid in self.grids.items()}
        for step in self.steps[: position + 1]:
            places.update(step.moves)
        return places

    def sum(self):
        """{name: the sum of all that the steps add to it}, without padding; channels are stacked along leading axes."""
        totals = {key: np.zeros(grid.values.size) for key, grid in self.grids.items() if grid.collects}
        for step in self.steps:
            for flow in step.flows:
                np.add.at(totals[flow.to], flow.cells, self.amounts(flow))
        return _stacked(self.grids, totals)

    @cached_property
    def source(self):
        """The lines of `code`, without decorators and docstring."""
        return source_lines(self.code) if self.code is not None else []

    def line_number(self, step):
        """The index of the source line that a step lights up, or None."""
        if not step.line or not self.source:
            return None
        found = [number for number, line in enumerate(self.source) if step.line in line]
        if len(found) != 1:
            raise LookupError(
                f"{step.line!r} should stand in one line of {self.code.__name__}, but stands in {len(found)}"
            )
        return found[0]

    @cached_property
    def untouched(self):
        """{grid key: cells that no step reads or writes}: the remainder that no window reaches. Filler is left out.

        A gradient cell that sums over filler only is untouched as well: in the gather form, it fed no output. Where no
        amounts flow at all, nothing is left out.
        """
        if not any(step.flows for step in self.steps):
            return {key: [] for key in self.grids}
        touched = {key: set() for key in self.grids}
        for step in self.steps:
            for flow in step.flows:
                touched[flow.to].update(self._reached(flow))
                for key, cells in flow.factors:
                    touched[key].update([cells] if not isinstance(cells, list) else cells)
            for key, cells in step.looks.items():
                touched[key].update(cells)
        return {key: self._outside(grid, touched[key]) for key, grid in self.grids.items()}

    def _reached(self, flow):
        """The cells that a flow reaches, without gradients that would come from filler."""
        if self.grids[flow.to].role != GRADIENT:
            return flow.cells
        from_filler = [False] * len(flow.cells)
        for key, cells in flow.factors:
            filler = self.grids[key].fillers
            for n in range(len(flow.cells)):
                from_filler[n] |= filler[cells[n] if isinstance(cells, list) else cells]
        return [cell for cell, nothing in zip(flow.cells, from_filler, strict=True) if not nothing]

    def _outside(self, grid, touched):
        return [cell for cell in range(grid.values.size) if cell not in touched and not grid.is_filler(cell)]


def _stacked(grids, totals):
    """Returns {name: array} from {key: flat totals}: grids of one name are stacked by their prefix."""
    result = {}
    for key, total in totals.items():
        grid = grids[key]
        inside = grid.without_padding(total.reshape(grid.values.shape))
        inside = inside if grid.ndim == 2 else inside.ravel()
        result.setdefault(grid.name, {})[grid.prefix] = inside
    return {name: _by_prefix(parts) for name, parts in result.items()}


def _by_prefix(parts):
    if () in parts:
        return parts[()]
    shape = tuple(max(prefix[axis] for prefix in parts) + 1 for axis in range(len(next(iter(parts)))))
    part = next(iter(parts.values()))
    whole = np.zeros((*shape, *part.shape))
    for prefix, values in parts.items():
        whole[prefix] = values
    return whole


ANIMATIONS = {}  # name -> the function that makes the story


def animation(function):
    """Registers a function that makes a Story: `frames` offers it under its name."""
    ANIMATIONS[function.__name__] = function
    return function


def by_key(*grids):
    return {grid.key: grid for grid in grids}


def drawable(**arrays):
    """Returns the arrays in float64, as checks.floats does; none may be larger than LARGEST."""
    checked = checks.floats(**arrays)
    found = [_drawable(*named) for named in zip(arrays, [checked] if len(arrays) == 1 else checked, strict=True)]
    return found[0] if len(found) == 1 else found


def _drawable(name, array):
    if array is None:  # an optional argument
        return None
    array = array.astype(float)
    if np.abs(array).max() > LARGEST:
        place = [int(i) for i in np.argwhere(np.abs(array) > LARGEST)[0]]
        raise ValueError(f"{name} must be within ±{LARGEST:g} to be drawn, but {name}{place} is {array[*place]:g}")
    return array


# ---------------------------------------------------------------- words


def source_lines(function):
    """The function's source as lines, without decorators and docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    source = source[source.index("def ") :]
    source = re.sub(r'\n +"""(.|\n)*?"""', "", source, count=1)
    return source.rstrip().split("\n")


def mark(key, text):
    """Marks text that belongs to a grid, so that the player colours it."""
    return f"{{{key}|{text}}}"


def plain(text):
    return re.sub(r"\{[^{}|]*\|([^{}]*)\}", r"\1", text)


def geometry_text(**named):
    """What differs from the defaults: " (stride 2)" for stride=(2, 1), a value and its default; "" for nothing."""
    shown = [
        f"{name} {_one_or_pair(value)}" for name, (value, default) in named.items() if _one_or_pair(value) != default
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _one_or_pair(value):
    if not isinstance(value, tuple):
        return value
    return value[0] if len(set(value)) == 1 else value
