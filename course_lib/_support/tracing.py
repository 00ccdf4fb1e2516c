"""Running somebody's function and noting, line by line, which cells of its arrays it reads and changes.

Knows no lesson. NumPy is untouched: arrays are compared before and after each line. What a line reads is told by the
subscripts in it (`statements`).
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from course_lib._support import statements
from course_lib._support.statements import SELF, Function, Part, Statement
from course_lib._support.tracked import Array, Binding, Tracked
from course_lib._support.unthreaded import CLOCK

MOST_STEPS = 5000
MOST_BYTES = 50 * 2**20
_WITHOUT_LINES = {"<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "<module>"}  # parts of the line they stand in
_SUSPENDED = 0x20 | 0x80 | 0x200  # a generator, a coroutine, or both

IN_USE = "A debugger or a coverage tool is tracing this Python already, and only one can."
RECURSION = "`{name}` calls itself, and a function that does so is not shown."
GENERATOR = "`{name}` is a generator, which is not shown: it stops and goes on between lines of others."
THREADS = "It starts threads, which are not shown: their lines run at the same time."
STOPPED_STEPS = f"The recording stopped here, after {MOST_STEPS:,} steps.".replace(",", " ")
STOPPED_BYTES = f"The recording stopped here: it has grown to {MOST_BYTES // 2**20} MB."


@dataclass(frozen=True)
class Touched:
    """Cells of array number `array` that a step reads (with the values they have), or changes (by `amounts`).

    how: "read"; "set" by `=`, "added" to, or "changed" by a call; "made": the array is new; "given": as an argument;
    "found": changed before the function was called.
    """

    array: int
    cells: np.ndarray
    amounts: np.ndarray
    how: str


@dataclass(frozen=True)
class Line:
    """One step: a line that changed something. `number` counts from the def; `beside`: the loop's variables there."""

    function: CodeType | None
    number: int
    beside: dict[str, Any]
    writes: list[Touched]
    reads: list[Touched]


@dataclass
class Trace:
    """What happened: the arrays, the lines, and what came in the end.

    refused: a sentence where there is nothing to show; stopped: one where the recording ended before the function did.
    """

    arrays: list[Array] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    functions: dict[CodeType, Function | None] = field(default_factory=dict)
    value: Any = None
    raised: BaseException | None = None
    refused: str = ""
    stopped: str = ""
    last: tuple[CodeType, int] | None = None  # where the outermost function was when it ended
    last_reads: list[Touched] = field(default_factory=list)
    found: Callable[[Any], tuple[int, np.ndarray] | None] = lambda value: None  # where a returned array is kept

    @property
    def one_step_a_line(self) -> bool:
        """Whether no line changed anything twice: vectorised code."""
        places = [(line.function, line.number) for line in self.lines]
        return len(set(places)) == len(places)


@dataclass
class _Pending:
    """A statement that is running: what it reads and sets was told when it began."""

    statement: Statement | None
    number: int
    reads: list[Touched]
    sets: list[tuple[int, np.ndarray]]


@dataclass
class _Active:
    frame: FrameType
    function: Function | None
    names: dict[str, Binding] = field(default_factory=dict)
    scalars: dict[str, Touched] = field(default_factory=dict)  # g -> the cell that it was read from
    pending: _Pending | None = None
    writes: list[Touched] = field(default_factory=list)


def is_in_use() -> bool:
    """Whether a debugger, a profiler of lines or a coverage tool is at work."""
    monitoring = getattr(sys, "monitoring", None)  # since Python 3.12
    return sys.gettrace() is not None or (
        monitoring is not None and any(monitoring.get_tool(number) not in (None, CLOCK) for number in range(6))
    )


class _Flush(BaseException):
    """Raised in this thread by itself, so that nothing raised from outside is left to be looked for."""


def flush_interruptions() -> None:
    """Python 3.11 hangs where a traced function begins while an exception that was cancelled is still signalled."""
    try:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(_Flush))
        for _ in range(10_000):
            pass
    except _Flush:
        return


class Recorder:
    """Notes in `trace` what the functions whose globals are `namespace` do, also where something ends it early.

    only: the functions among them that are looked at, where that is not all. begins: the one in which it begins, where
    a decorator runs others first.
    """

    def __init__(
        self, namespace: dict[str, Any], only: Collection[CodeType] | None = None, begins: CodeType | None = None
    ) -> None:
        self.namespace, self.only, self.begins = namespace, only, begins
        self.tracked = Tracked()
        self.trace = Trace(self.tracked.arrays, found=self.tracked.find)
        self.stack: list[_Active] = []
        self.attributes: dict[tuple[int, str], Binding] = {}
        self.keepers: dict[int, tuple[Any, CodeType]] = {}  # objects, kept alive, and the function that had one first
        self.bytes = 0
        self.over = False
        self.others: set[threading.Thread] = set()

    def run(self, call: Callable[[], Any]) -> Trace:
        """Call it. What it raises is kept in the trace; an interruption gets out."""
        if is_in_use():
            self._refuse(IN_USE)
            return self.trace
        if sys.version_info < (3, 12):
            flush_interruptions()
        self.others = {*threading.enumerate()}  # one that has only just begun may still ask for the trace function
        threads_before = threading.gettrace()
        threading.settrace(self._in_a_thread)
        sys.settrace(self._called)
        try:
            self.trace.value = call()
        except (Exception, SystemExit) as error:
            self.trace.raised = error
        finally:
            sys.settrace(None)
            threading.settrace(threads_before)
        return self.trace

    def _in_a_thread(self, frame: FrameType, event: str, arg: Any) -> None:
        if threading.current_thread() not in self.others:
            self._refuse(THREADS)

    def _refuse(self, sentence: str) -> None:
        self.trace.refused = self.trace.refused or sentence
        self.over = True

    # ------------------------------------------------------------ what Python tells

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if self.over or frame.f_globals is not self.namespace or code.co_name in _WITHOUT_LINES:
            return None
        if self.only is not None and code not in self.only:
            return None
        if self.begins is not None and not self.stack and code is not self.begins:
            return None
        if code.co_flags & _SUSPENDED:
            self._refuse(GENERATOR.format(name=code.co_name))
            return None
        if any(active.frame.f_code is code for active in self.stack):
            self._refuse(RECURSION.format(name=code.co_name))
            return None
        if self.stack:
            self._note_changes(self.stack[-1])
        function = self.trace.functions.setdefault(code, statements.function(code))
        active = _Active(frame, function)
        self.stack.append(active)
        outermost = len(self.stack) == 1
        active.writes += self._from_outside() if outermost else []
        for write in self._new_names(active):
            if not outermost:
                active.writes.append(write)
            elif write.how == "made":  # an argument has its values from the beginning
                self.tracked.arrays[write.array].start[:] = write.amounts
                self.tracked.arrays[write.array].given = True
        return self._line

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if self.over:
            return None
        if event == "exception" or not self.stack or self.stack[-1].frame is not frame:
            return self._line
        active = self.stack[-1]
        if event == "line":
            statement = active.function.statements.get(frame.f_lineno) if active.function else None
            if self._goes_on(active, statement, frame.f_lineno):
                return self._line
            self._finish(active)
            self._begin(active, statement)
        elif event == "return":
            self._finish(active)
            self.stack.pop()
            if not self.stack:
                self.trace.last = frame.f_code, self._number(active, frame.f_lineno)
        return self._line

    def _goes_on(self, active: _Active, statement: Statement | None, line: int) -> bool:
        """Whether Python has only come to another line of the statement that is running."""
        pending = active.pending
        if pending is None or statement is None or pending.statement is not statement:
            return False
        return statement.lines[0] != statement.lines[1] and (bool(statement.names) or statement.returns)

    def _number(self, active: _Active, line: int) -> int:
        return line - (active.function.first if active.function else active.frame.f_code.co_firstlineno) + 1

    # ------------------------------------------------------------ one statement

    def _begin(self, active: _Active, statement: Statement | None) -> None:
        frame = active.frame
        number = self._number(active, statement.lines[0] if statement and statement.names else frame.f_lineno)
        if statement is None or not (statement.names or statement.returns):
            active.pending = _Pending(statement, number, [], [])
            return
        local = frame.f_locals
        reads = [touched for part in statement.reads for touched in self._read(active, part, local)]
        sets = [
            (found.array, cells)
            for part in statement.sets
            if (found := active.names.get(part.name)) is not None
            and (cells := part.cells(found.numbers, local, frame.f_globals)) is not None
        ]
        if statement.returns and len(self.stack) == 1:
            self.trace.last_reads = reads
        active.pending = _Pending(statement, number, reads, sets)

    def _read(self, active: _Active, part: Part, local: Any) -> list[Touched]:
        scalar = active.scalars.get(part.name) if part.pick is None else None
        if scalar is not None and _is_the_number(local.get(part.name), scalar.amounts.item()):
            return [scalar]
        found = active.names.get(part.name)
        cells = None if found is None else part.cells(found.numbers, local, active.frame.f_globals)
        if found is None or cells is None or not cells.size:
            return []
        return [Touched(found.array, cells, self.tracked.arrays[found.array].values[cells], "read")]

    def _finish(self, active: _Active) -> None:
        """The statement that was running is over: note what it changed."""
        made = self._new_names(active)
        self._note_changes(active)
        pending = active.pending
        if pending is None:
            active.writes += made
            self._record(active, _Pending(None, 1, [], []))
            return
        active.writes += made
        changed = {write.array for write in active.writes}
        for number, cells in pending.sets:  # cells that were set to what they held
            if number not in changed:
                amounts = np.zeros(cells.size)
                active.writes.append(Touched(number, cells.ravel(), amounts, self._how(pending)))
        statement = pending.statement
        if statement and statement.gives_name_to:
            self._remember_scalar(active, statement.gives_name_to, pending.reads)
        if active.writes:
            self._record(active, pending)
        active.pending = None

    def _remember_scalar(self, active: _Active, name: str, reads: list[Touched]) -> None:
        """g = dy[j]: where g is read, dy[j] is."""
        active.scalars.pop(name, None)
        if len(reads) == 1 and reads[0].cells.size == 1 and name not in active.names:
            active.scalars[name] = reads[0]

    def _how(self, pending: _Pending) -> str:
        statement = pending.statement
        return "added" if statement and statement.adds else "set" if pending.sets else "changed"

    def _new_names(self, active: _Active) -> list[Touched]:
        """What the names of a function stand for now: arrays that are new, or other ones under an old name."""
        sums = active.function.sums if active.function else set()
        found = self._new_attributes(active)
        for name, value in list(active.frame.f_locals.items()):
            known = active.names.get(name)
            if known is not None and known.thing is value and self.tracked.is_current(known):
                continue
            binding, change = self.tracked.bind(name, value, active.frame.f_code, name in sums)
            if binding is None:
                active.names.pop(name, None)
                continue
            active.names[name] = binding
            active.scalars.pop(name, None)
            if change is not None:
                cells, amounts, how = change
                if not isinstance(value, (np.ndarray, list)):  # a running sum
                    how = "added" if active.pending and self._how(active.pending) == "added" else "set"
                found.append(Touched(binding.array, cells, amounts, how))
        return found

    def _new_attributes(self, active: _Active) -> list[Touched]:
        """The same for what a method's object keeps: self.x, and self.weight.grad of an object that it keeps."""
        code = active.frame.f_code
        if not code.co_argcount or code.co_varnames[0] != SELF or SELF not in active.frame.f_locals:
            return []
        keeper = active.frame.f_locals[SELF]
        _, owner = self.keepers.setdefault(id(keeper), (keeper, code))
        found = []
        for name, value in _arrays_of(keeper):
            known = self.attributes.get((id(keeper), name))
            if known is not None and known.thing is value:
                active.names[name] = known
                continue
            binding, change = self.tracked.bind_attribute(name, value, owner)
            if binding is not None and change is not None:
                self.attributes[id(keeper), name] = active.names[name] = binding
                found.append(Touched(binding.array, *change))
        return found

    def _from_outside(self) -> list[Touched]:
        """What has changed since the last function ended, by whoever calls them."""
        return [Touched(number, cells, amounts, "found") for number, cells, amounts in self.tracked.changes()]

    def _note_changes(self, active: _Active) -> None:
        """What has changed since the last look was done by the statement that is running in this function."""
        pending = active.pending
        how = self._how(pending) if pending else "changed"
        for number, cells, amounts in self.tracked.changes():
            mine = [set_cells.ravel() for at, set_cells in pending.sets if at == number] if pending else []
            if mine:
                cells, amounts = _with_unchanged(cells, amounts, np.concatenate(mine))
            active.writes.append(Touched(number, cells, amounts, how))

    def _record(self, active: _Active, pending: _Pending) -> None:
        if not active.writes:
            return
        line = Line(active.frame.f_code, pending.number, self._beside(active, pending), active.writes, pending.reads)
        active.writes = []
        self.trace.lines.append(line)
        self.bytes += sum(part.cells.nbytes + part.amounts.nbytes + 200 for part in (*line.writes, *line.reads)) + 500
        if len(self.trace.lines) >= MOST_STEPS:
            self.trace.stopped, self.over = STOPPED_STEPS, True
        elif self.bytes + self.tracked.bytes > MOST_BYTES:
            self.trace.stopped, self.over = STOPPED_BYTES, True
        if self.over:
            sys.settrace(None)

    def _beside(self, active: _Active, pending: _Pending) -> dict[str, Any]:
        """The loop variables, and what else changes in the loops and is named in the line, with their values."""
        function, statement = active.function, pending.statement
        if function is None or statement is None:
            return {}
        local = active.frame.f_locals
        named = [name for name in local if name in function.varying and name in statement.names]
        wanted = dict.fromkeys([*function.loop_names, *named])
        return {
            name: local[name]
            for name in wanted
            if name in local and name not in active.names and isinstance(local[name], (int, float, np.number))
        }


def _arrays_of(keeper: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays that an object keeps, and those of what it keeps that is no layer, by their dotted names."""
    found = []
    for name, value in list(getattr(keeper, "__dict__", {}).items()):
        inner = getattr(value, "__dict__", {}) if not callable(value) else {}
        found += [(f"{SELF}.{name}", value)] if isinstance(value, np.ndarray) else []
        found += [(f"{SELF}.{name}.{key}", one) for key, one in inner.items() if isinstance(one, np.ndarray)]
    return found


def _is_the_number(value: Any, number: float) -> bool:
    return isinstance(value, (int, float, np.number)) and float(value) == number


def _with_unchanged(cells: np.ndarray, amounts: np.ndarray, all_cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells that a line set, in its order, those it left as they were among them, and any others it changed."""
    known = dict(zip(cells.tolist(), amounts.tolist(), strict=True))
    order = dict.fromkeys(all_cells.tolist()) | dict.fromkeys(known)
    return np.array(list(order), dtype=np.intp), np.array([known.get(cell, 0.0) for cell in order])
