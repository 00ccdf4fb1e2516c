"""A recording of somebody's own code as a Story: their lines, their variables, their arrays under their own names."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from course_lib._support.tracing import Line, Touched, Trace
from course_lib.frames.story import Flow, Grid, Step, Story, mark
from course_lib.looks import COUNT, GRADIENT, INPUT, KERNEL, OUTPUT, UPSTREAM, amount

MOST_WITH_NUMBERS = 600  # cells; a larger array is a picture
MOST_PLANES, MOST_ARRAYS = 24, 10
MOST_PAIRS = 400  # cells of one line between which single amounts travel
MOST_NAMED = 4  # cells in a sentence
ONE_STEP_A_LINE = "No line changes anything twice: this code works on whole arrays, one step a line."


@dataclass(frozen=True, repr=False)
class TracedStory(Story):
    """A story of real lines: `lines` are its code, and a step's `line` is the index of one of them.

    results: tensor -> (the name of the array in which it was returned, which cells of that); shapes: of the arrays.
    hows: for each step, {name of an array: how it was written, "set", "added", "changed", "made" or "returned"}.
    parted: (the number of a step, a sentence) from which on it can no longer become right, or None.
    """

    lines: Sequence[str] = ()
    results: Mapping[str, tuple[str, np.ndarray]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hows: Sequence[Mapping[str, str]] = ()
    parted: tuple[int, str] | None = None
    ended: bool = True  # by itself, and not by an error or a limit

    @property
    def source(self) -> list[str]:
        return list(self.lines)

    def line_number(self, step: Step) -> int | None:
        return int(step.line) if step.line else None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """As of any story, with room for names above small cells that have indices."""
        left, top, right, bottom = super().bounds
        return left, top - 0.4 * any(grid.ndim == 2 for grid in self.grids.values()), right, bottom

    @property
    def untouched(self) -> dict[str, list[int]]:
        """Nothing: a line that reads a whole array does not say which of its cells matter."""
        return {key: [] for key in self.grids}

    def sum(self) -> dict[str, np.ndarray]:
        """{name: the sum of all that was written}: of the learner's arrays, and of what was returned by its name."""
        return super().sum() | {
            tensor: self.array_at(name, len(self.steps) - 1).ravel()[cells]
            for tensor, (name, cells) in self.results.items()
        }

    def first_cell(self, key: str) -> int:
        """The flat number, in its array, of the first cell of a grid."""
        grid = self.grids[key]
        shape = self.shapes[grid.name]
        return int(np.ravel_multi_index((*grid.prefix, 0, 0), shape)) if grid.prefix else 0

    def cell_name(self, name: str, cell: int) -> str:
        """A cell of an array as one writes it, such as dx[1, 2]."""
        return _cell_name(name, self.shapes[name], cell)

    def array_at(self, name: str, position: int) -> np.ndarray:
        """All written to an array up to a step, in the array's own shape."""
        total = np.zeros(self.shapes[name])
        planes = {grid.prefix: grid.key for grid in self.grids.values() if grid.name == name}
        for prefix, key in planes.items():
            part = np.zeros(self.grids[key].values.size)
            for step in self.steps[: position + 1]:
                for flow in step.flows:
                    if flow.to == key:
                        np.add.at(part, flow.cells, self.amounts(flow))
            total[prefix] = part[: total[prefix].size].reshape(total[prefix].shape)
        return total


def story(
    trace: Trace, title: str, results: Mapping[str, np.ndarray], roles: Mapping[str, str], lab: str = ""
) -> TracedStory:
    """The story of a recording. results: what was returned, by name; roles: what an array is, by its name."""
    return _Teller(trace, title, results, roles, lab).story()


def role_of(name: str, roles: Mapping[str, str]) -> str:
    """What an array is, told by its name: xp is an input as x is, and dxp a gradient."""
    if name.endswith(".grad"):
        return GRADIENT
    name = name.removeprefix("self.")
    for known in sorted(roles, key=len, reverse=True):
        if name.startswith(known):
            return roles[known]
    starts = (
        ("d", GRADIENT),
        ("grad", GRADIENT),
        ("x", INPUT),
        ("w", KERNEL),
        ("k", KERNEL),
        ("y", OUTPUT),
        ("out", OUTPUT),
    )
    return next((role for start, role in starts if name.startswith(start)), COUNT)


class _Shown:
    """One array of the recording in the picture: its name, and which grid and cell each of its cells is."""

    def __init__(
        self, number: int, name: str, shape: tuple[int, ...], role: str, start: np.ndarray, given: bool
    ) -> None:
        self.number, self.name, self.role, self.given = number, name, role, given
        self.shape = shape
        self.start = start.reshape(shape)
        self.written = False
        self.now = np.array(start, dtype=float)

    @property
    def prefixes(self) -> list[tuple[int, ...]]:
        return list(np.ndindex(self.shape[:-2])) if len(self.shape) > 2 else [()]

    @property
    def plane(self) -> tuple[int, int]:
        rows, columns = ((1,) * 2 + self.shape)[-2:]
        return rows, columns

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def key(self, plane: int) -> str:
        prefix = self.prefixes[plane]
        first, *more = self.name.split(" ")
        return " ".join([f"{first}[{', '.join(map(str, prefix))}]" if prefix else first, *more])

    def split(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(plane, cell in it) of flat cell numbers."""
        return np.divmod(cells, math.prod(self.plane))

    def cell(self, cell: int) -> str:
        """A cell as one writes it: x[2, 3]; a number that stands alone has no index."""
        if self.shape == (1,) and not self.given and self.role == COUNT:
            return self.name
        return _cell_name(self.name, self.shape, cell)

    def grids(self, column: float, row: float, in_line: bool) -> Iterable[Grid]:
        rows, columns = self.plane
        picture = self.size > MOST_WITH_NUMBERS
        scale = min(1.0, 8 / max(rows, columns)) if picture else 1.0
        vector = len(self.shape) == 1
        for prefix in self.prefixes:
            down = prefix[-1] if prefix else 0
            across = self.prefixes.index(prefix) // (self.shape[-3] if len(self.shape) > 2 else 1)
            place = (column + across * (columns * scale + 1.3), row + down * (rows * scale + 1.6))
            yield Grid(
                self.name, self.role, self.start[prefix].reshape(rows, columns), place, prefix=prefix,
                ndim=1 if in_line else 2, folded=columns if vector and not in_line else 0, collects=self.written,
                empty=not self.given, picture=picture, scale=scale,
            )  # fmt: skip

    def extent(self) -> tuple[float, float]:
        rows, columns = self.plane
        scale = min(1.0, 8 / max(rows, columns)) if self.size > MOST_WITH_NUMBERS else 1.0
        down = self.shape[-3] if len(self.shape) > 2 else 1
        across = len(self.prefixes) // down if down else 1
        return across * (columns * scale + 1.3), down * (rows * scale + 1.6)


class _Teller:
    def __init__(
        self, trace: Trace, title: str, results: Mapping[str, np.ndarray], roles: Mapping[str, str], lab: str
    ) -> None:
        self.trace, self.title, self.roles, self.lab = trace, title, roles, lab
        self.returned = dict(results)
        self.results: dict[str, tuple[str, np.ndarray]] = {}
        self.lines = list(trace.lines)
        self.code, self.first_lines = _numbered(trace)
        self.shown = self._choose()

    def _choose(self) -> dict[int, _Shown]:
        """The arrays that are drawn, by number: what is returned, what is given, and what is worked on."""
        arrays = self.trace.arrays
        places = {} if self.trace.stopped else {
            tensor: found for tensor, value in self.returned.items()
            if (found := self._place_of(value) or _place_kept(self.trace, tensor, value)) is not None
        }  # fmt: skip
        written = {write.array for line in self.lines for write in line.writes}
        filled = {
            write.array for line in self.lines for write in line.writes if write.how in ("set", "added", "changed")
        }
        read = {one.array for line in self.lines for one in line.reads}
        kept = {number for number, _ in places.values()}
        order = sorted(
            range(len(arrays)),
            key=lambda n: (n not in kept, not arrays[n].given, n not in filled, n not in read, n),
        )
        names: set[str] = set()
        shown: dict[int, _Shown] = {}
        planes = 0
        for number in order:
            array = arrays[number]
            many = math.prod(array.shape[:-2])
            wanted = number in kept or (len(shown) < MOST_ARRAYS and planes + many <= MOST_PLANES)
            only_its_shape = array.given and number not in kept | read | written
            if not wanted or only_its_shape:
                continue
            name = self._free_name(number, names)
            one = _Shown(number, name, array.shape, role_of(array.name, self.roles), array.start, array.given)
            one.written = number in written
            shown[number], planes = one, planes + many
            names.add(name)
        if not shown:  # nothing was read yet when it ended
            for number, array in enumerate(arrays[:MOST_ARRAYS]):
                shown[number] = _Shown(
                    number, array.name, array.shape, role_of(array.name, self.roles), array.start, True
                )
        for tensor, (number, cells) in places.items():
            self.results[tensor] = shown[number].name, cells
        shown = dict(sorted(shown.items()))
        if not self.trace.stopped and self.trace.raised is None:
            self._add_returned(shown, names)
        return shown

    def _place_of(self, value: Any) -> tuple[int, np.ndarray] | None:
        """Where a returned array was written; None if it was made by the return itself, or is an argument."""
        found = self.trace.found(value)
        if found is None or self.trace.arrays[found[0]].given:
            return None
        return found

    def _free_name(self, number: int, names: set[str]) -> str:
        array = self.trace.arrays[number]
        if array.name not in names:
            return array.name
        first = next((line for line in self.lines if any(w.array == number for w in line.writes)), None)
        tries = [f"{array.name} of {array.owner.co_name}"]
        if first is not None:
            tries.insert(0, f"{array.name} of line {first.number}")
        tries += [f"{array.name} no. {count}" for count in range(2, len(self.trace.arrays) + 3)]
        return next(name for name in tries if name not in names)

    def _add_returned(self, shown: dict[int, _Shown], names: set[str]) -> None:
        """What is made by the return itself: a last step, and arrays of its own."""
        writes: list[Touched] = []
        for tensor, value in self.returned.items():
            numbers = np.nan_to_num(np.asarray(value, dtype=float), nan=0, posinf=0, neginf=0)
            if tensor in self.results or not numbers.size:
                continue
            numbers = numbers if numbers.ndim else numbers.reshape(1)
            name = tensor if tensor not in names else f"{tensor} returned"
            number = len(self.trace.arrays) + len(writes)
            shown[number] = _Shown(
                number, name, numbers.shape, role_of(tensor, self.roles), np.zeros(numbers.size), given=False
            )
            shown[number].written = True
            names.add(name)
            self.results[tensor] = name, np.arange(numbers.size).reshape(np.shape(value))
            writes.append(Touched(number, np.arange(numbers.size), numbers.ravel(), "returned"))
        if writes:
            function, number = self.trace.last or (None, 0)
            results = {
                name for name, _ in self.results.values()
            }  # `return dx` reads dx, but nothing else is made of it
            reads = [
                one for one in self.trace.last_reads if one.array in shown and shown[one.array].name not in results
            ]
            self.lines.append(Line(function, number, {}, writes, reads))

    # ------------------------------------------------------------ the whole

    def story(self) -> TracedStory:
        in_line = all(len(one.shape) == 1 and one.size <= 30 for one in self.shown.values())
        self.grids = {grid.key: grid for one, place in self._places(in_line) for grid in one.grids(*place, in_line)}
        steps = [Step(self._opening())]
        steps += [self._step(line) for line in self.lines]
        steps.append(Step(self._closing()))
        hows = [{self.shown[w.array].name: w.how for w in line.writes if w.array in self.shown} for line in self.lines]
        return TracedStory(
            self.title, self.grids, steps, lab=self.lab, lines=self.code, results=self.results,
            hows=[{}, *hows, {}], ended=not self.trace.stopped and self.trace.raised is None,
            shapes={one.name: one.shape for one in self.shown.values()},
        )  # fmt: skip

    def _line_in_code(self, line: Line) -> str:
        begin = self.first_lines.get(line.function)
        return "" if begin is None else str(begin + line.number - 1)

    def _places(self, in_line: bool) -> list[tuple[_Shown, tuple[float, float]]]:
        """Where each array stands: what belongs to x first, then others, then w, and last what belongs to y."""
        ranked = sorted(self.shown.values(), key=lambda one: _rank(one))
        if in_line:
            widest = max((one.size for one in ranked), default=1)
            pitch = 2.1 if len(ranked) <= 4 else 1.6
            return [(one, ((widest - one.size) / 2, pitch * row)) for row, one in enumerate(ranked)]
        places, column, row, height = [], 0.0, 0.0, 0.0
        extents = [one.extent() for one in ranked]
        most = max([22.0, math.sqrt(2.2 * sum(w * h for w, h in extents)), *(w for w, _ in extents)])
        for one in ranked:
            width, down = one.extent()
            width = max(width, 0.4 * len(one.key(0)) + 0.8)
            if column and column + width > most:
                column, row, height = 0.0, row + height, 0.0
            places.append((one, (column, row)))
            column, height = column + width, max(height, down)
        return places

    def _opening(self) -> str:
        given = [one.name for one in self.shown.values() if one.given]
        sentence = f"Your code, line by line, for {_listed(given)}." if given else "Your code, line by line."
        if self.lab:
            sentence = sentence.replace("Your code", "A right answer")
        if self.lines and self.trace.one_step_a_line:
            sentence += f" {ONE_STEP_A_LINE}"
        hidden = [array.name for n, array in enumerate(self.trace.arrays) if n not in self.shown]
        if hidden:
            sentence += f" Not drawn, for want of room: {_listed(list(dict.fromkeys(hidden))[:6])}."
        return sentence

    def _closing(self) -> str:
        if self.trace.stopped:
            return self.trace.stopped
        if self.trace.raised is not None:
            where = f"Line {self.trace.last[1]} ended it" if self.trace.last else "It ended"
            return f"{where} with {type(self.trace.raised).__name__}: {str(self.trace.raised)[:200]}"
        if not self.results:
            return "It returned nothing that could be drawn."
        return f"{_listed(list(self.returned))} {'is' if len(self.returned) == 1 else 'are'} complete."

    # ------------------------------------------------------------ one step

    def _step(self, line: Line) -> Step:
        looks: dict[str, list[int]] = {}
        flows: list[Flow] = []
        told = []
        for write in line.writes:
            one = self.shown.get(write.array)
            if one is None:
                told.append(f"computes {self.trace.arrays[write.array].name}")
                continue
            before = one.now.copy()
            if one.now.size < one.size:
                one.now = np.append(one.now, np.zeros(one.size - one.now.size))
            np.add.at(one.now, write.cells, write.amounts)
            if write.how != "returned":
                told.append(self._told(one, write, before))
            if write.how in ("made", "returned"):
                flows += self._appearing(one, write)
                _look(looks, one, write.cells)
            else:
                flows += self._travelling(one, write, line.reads)
                if any(flow.quiet for flow in flows):
                    _look(looks, one, write.cells)
        for read in line.reads:
            if read.array in self.shown:
                _look(looks, self.shown[read.array], read.cells.ravel())
        return Step(
            self._sentence(line, told), self._formula(line.reads),
            line=self._line_in_code(line), flows=tuple(flows), looks=looks,
            beside=", ".join(f"{name} = {_plain_number(value)}" for name, value in list(line.beside.items())[:8]),
        )  # fmt: skip

    def _sentence(self, line: Line, told: Sequence[str]) -> str:
        where = "The call" if line.function is None else f"Line {line.number}{self._inside(line.function)}"
        returned = [self.shown[write.array].name for write in line.writes if write.how == "returned"]
        of_a_layer = any("." in tensor for tensor in self.results)  # it keeps its gradients in itself
        if returned and of_a_layer:
            return f"{where} was the last. What came of it: {_listed(returned)}."
        does = [f"returns {_listed(returned)}"] if returned else dict.fromkeys(told)
        return f"{where} {' and '.join(does)}."

    def _inside(self, function: CodeType) -> str:
        return "" if self.trace.last is None or function is self.trace.last[0] else f" of {function.co_name}"

    def _told(self, one: _Shown, write: Touched, before: np.ndarray) -> str:
        after = one.now
        if write.how == "made":
            cells = after[: one.size]
            if write.cells.size < one.size:  # a list that will grow
                return f"begins {one.name} with {', '.join(map(amount, write.amounts[:6].tolist()))}"
            same = f", {amount(cells[0])} everywhere" if cells.size > 1 and (cells == cells[0]).all() else ""
            shape = "" if one.shape == (1,) else f" of shape {one.shape}"
            return f"makes {one.name}{shape}{same}"
        cells = write.cells.tolist()
        if write.how == "found" and len(cells) <= MOST_NAMED:
            parts = [f"{one.cell(c)} at {amount(after[c])} (it held {amount(before[c])})" for c in cells]
            return f"finds {_listed(parts)}"
        verb = {"found": "finds other numbers in", "set": "sets", "added": "adds to", "changed": "changes"}[write.how]
        if len(cells) > MOST_NAMED:
            return f"{verb} {len(cells)} cells of {one.name}"
        if write.how == "added":
            parts = [f"{amount(a)} to {one.cell(c)}" for c, a in zip(cells, write.amounts, strict=True)]
            return f"adds {_listed(parts)}"
        parts = [
            f"{one.cell(c)} to {amount(after[c])}" + (f" (it held {amount(before[c])})" if before[c] else "")
            for c in cells
        ]
        return f"{verb} {_listed(parts)}"

    def _formula(self, reads: Sequence[Touched]) -> str:
        parts = []
        for read in reads:
            one = self.shown.get(read.array)
            if one is None or read.cells.size > 6:
                continue
            cells, values = read.cells.ravel().tolist(), read.amounts.ravel().tolist()
            key = one.key(int(one.split(np.array(cells[0]))[0]))
            names = one.cell(cells[0]) if len(cells) == 1 else f"{one.cell(cells[0])} … {one.cell(cells[-1])}"
            parts.append(f"{mark(key, names)} = {', '.join(map(amount, values))}")
        return "reads " + "   ".join(parts[:5]) if parts else ""

    def _appearing(self, one: _Shown, write: Touched) -> list[Flow]:
        planes, cells = one.split(write.cells)
        return [
            Flow(
                one.key(plane),
                cells[planes == plane].tolist(),
                (),
                amounts=write.amounts[planes == plane].tolist(),
                quiet=True,
            )
            for plane in np.unique(planes).tolist()
        ]

    def _travelling(self, one: _Shown, write: Touched, reads: Sequence[Touched]) -> list[Flow]:
        """Amounts on their way: from the cells they were read from, where it is plain which belongs to which."""
        targets, amounts = write.cells, write.amounts
        known = [read for read in reads if read.array in self.shown and read.array != write.array]
        size = targets.size
        longest = max((read.cells.size for read in known), default=1)
        if size == 1 and 1 < longest <= MOST_PAIRS:
            products = _products(known, longest)
            total = 0.0 if products is None else float(products.sum())
            goal = float(one.now[targets[0]]) if write.how == "set" else float(amounts[0])
            if (
                products is not None
                and total
                and any(math.isclose(goal * s, total, rel_tol=1e-6) for s in (1, longest))
            ):
                rest = float(amounts[0]) - goal  # what it held and has lost
                flows = self._paired(one, np.repeat(targets, longest), products * (goal / total), known)
                return flows + (self._paired(one, targets, np.array([rest]), []) if rest else [])
        fitting = [read for read in known if read.cells.size in (1, size)] if size <= MOST_PAIRS else []
        return self._paired(one, targets, amounts, fitting)

    def _paired(self, one: _Shown, targets: np.ndarray, amounts: np.ndarray, reads: Sequence[Touched]) -> list[Flow]:
        """Flows in which the n-th amount comes from the n-th cell of each read, one for each set of planes."""
        planes, cells = one.split(targets)
        sources = []
        for read in reads:
            flat = read.cells.ravel()
            flat = np.repeat(flat, targets.size) if flat.size == 1 else flat
            sources.append((self.shown[read.array], *self.shown[read.array].split(flat)))
        together = np.stack([planes, *(source[1] for source in sources)])
        flows = []
        for group in np.unique(together, axis=1).T:
            mine = (together == group[:, None]).all(axis=0)
            factors = tuple(
                (shown.key(int(plane)), inside[mine].tolist())
                for (shown, _, inside), plane in zip(sources, group[1:], strict=True)
            )
            key, inside = one.key(int(group[0])), cells[mine].tolist()
            flows.append(Flow(key, inside, factors, amounts=amounts[mine].tolist(), quiet=not factors))
        return flows


# ---------------------------------------------------------------- small things


def _place_kept(trace: Trace, tensor: str, value: Any) -> tuple[int, np.ndarray] | None:
    """Where an object keeps what was asked for: self.weight.grad is the result weight.grad."""
    numbers = np.asarray(value)
    for number, array in enumerate(trace.arrays):
        if array.name == f"self.{tensor}" and array.shape == numbers.shape:
            if np.array_equal(array.values, numbers.ravel()):
                return number, np.arange(numbers.size).reshape(numbers.shape)
    return None


def _cell_name(name: str, shape: tuple[int, ...], cell: int) -> str:
    first, *more = name.split(" ")
    index = ", ".join(str(int(i)) for i in np.unravel_index(cell, shape))
    return " ".join([f"{first}[{index}]", *more])


def _products(reads: Sequence[Touched], size: int) -> np.ndarray | None:
    product = np.ones(size)
    for read in reads:
        if read.cells.size not in (1, size):
            return None
        product = product * read.amounts.ravel()
    return product


def _look(looks: dict[str, list[int]], one: _Shown, cells: np.ndarray) -> None:
    planes, inside = one.split(np.unique(cells))
    for plane in np.unique(planes).tolist():
        key = one.key(plane)
        looks[key] = sorted({*looks.get(key, []), *inside[planes == plane].tolist()})


def _rank(one: _Shown) -> int:
    letter = one.name.removeprefix("grad_").lstrip("d")[:1] if one.role != COUNT else ""
    if one.role in (OUTPUT, UPSTREAM) or letter == "y":
        return 3
    return 0 if letter == "x" else 2 if letter in ("w", "b") else 1


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "nothing"


def _plain_number(value: Any) -> str:
    return str(value) if isinstance(value, (bool, int)) else amount(float(value))


def _numbered(trace: Trace) -> tuple[list[str], dict[CodeType | None, int]]:
    """The lines of all functions that ran, each numbered from its def, and where each function begins."""
    lines: list[str] = []
    begins: dict[CodeType | None, int] = {}
    outermost = trace.last[0] if trace.last else None
    ran = sorted(trace.functions, key=lambda code: code is not outermost)
    for code in ran:
        function = trace.functions[code]
        if function is None:
            continue
        lines += [""] if lines else []
        begins[code] = len(lines)
        lines += [f"{number:>2} {line}" for number, line in enumerate(function.source, 1)]
    return lines, begins
