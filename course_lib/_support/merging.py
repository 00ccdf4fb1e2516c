"""A learner's notebooks and an update of the course, put together: nothing that was written is lost.

Three versions of every lesson meet: what was shipped when the learner's copy was made (base), the learner's copy (own),
and what is shipped now. Cells are told apart by their ids, which stay the same as long as a cell's content does.
"""

import copy
import re
from difflib import SequenceMatcher
from typing import Any

Cell = dict[str, Any]
Lessons = dict[str, list[Cell]]
Place = tuple[str, str | None]  # lesson, id of a cell (None: before its first)

ALIKE = 0.5  # the share of two texts that must agree for one to be the other, reworded


def merge(shipped: Lessons, base: Lessons, own: Lessons) -> Lessons:
    """Lesson name to cells, three times. Returns the learner's new version in the same form.

    Answers and edited cells stay, each in the lesson that its cell is in now; cells that the learner added stay behind
    the cell they followed, wherever that is now. Where the course and the learner changed the same cell, the course's
    version is followed by the learner's. A cell that the learner deleted stays away unless it has changed since.
    """
    return _Merge(shipped, base, own).lessons()


def is_answer(cell: Cell) -> bool:
    """Whether a learner writes the answer of a lab into this cell."""
    return _course(cell).get("part") == "stub"


def _course(cell: Cell) -> dict[str, Any]:
    return cell.get("metadata", {}).get("course", {})


class _Merge:
    def __init__(self, shipped: Lessons, base: Lessons, own: Lessons) -> None:
        self.base, self.own = base, own
        self.merged = {name: copy.deepcopy(cells) for name, cells in shipped.items()}
        self.shipped = {name: {cell["id"]: cell for cell in cells} for name, cells in self.merged.items()}
        self.sources = {  # as shipped, whatever becomes of the cell
            (name, cell["id"]): cell["source"] for name, cells in self.merged.items() for cell in cells
        }
        self.formerly = self._former_ids()
        self.reworded = {name: self._reworded(name) for name in base if name in shipped}

    def lessons(self) -> Lessons:
        for name, cells in self.own.items():
            self._bring_in(name, cells)
            self._leave_out_what_was_deleted(name, cells)
        return self.merged

    # ------------------------------------------------------------ where a cell is now

    def _former_ids(self) -> dict[str, str]:
        """The id that a cell of a lab or of a question had under an earlier name of it, and its id now."""
        found = {}
        for cells in self.merged.values():
            for cell in cells:
                course = _course(cell)
                name = course.get("exercise") or course.get("predict", "")
                for former in course.get("formerly", ()):
                    found[cell["id"].replace(_in_id(name), _in_id(former))] = cell["id"]
        return found

    def _reworded(self, name: str) -> dict[str, str]:
        """An id in the base, and that of the shipped cell that took its place between the same neighbours, reworded."""
        before, after = self.base[name], list(self.shipped[name].values())
        known = {cell["id"] for cell in before}
        matcher = SequenceMatcher(None, [c["id"] for c in before], [c["id"] for c in after], autojunk=False)
        found = {}
        for kind, start, end, first, last in matcher.get_opcodes():
            if kind != "replace":
                continue
            free = [cell for cell in after[first:last] if cell["id"] not in known]
            for cell in before[start:end]:
                likest = max(free, key=lambda other, cell=cell: _likeness(cell, other), default=None)
                if likest is not None and not self._places(name, cell["id"]) and _likeness(cell, likest) >= ALIKE:
                    found[cell["id"]] = likest["id"]
                    free.remove(likest)
        return found

    def _places(self, name: str, cell_id: str) -> list[str]:
        """The lessons that hold a cell of this id now, its own first; others only where it is new to them."""
        here = [name] if cell_id in self.shipped.get(name, ()) else []
        there = [other for other, cells in self.shipped.items() if other != name and cell_id in cells]
        return here + [other for other in there if all(cell["id"] != cell_id for cell in self.base.get(other, ()))]

    def _home(self, name: str, cell_id: str) -> tuple[str, str] | None:
        """(lesson, id) of a cell now, or None where it is gone."""
        for known in (cell_id, self.formerly.get(cell_id), self.reworded.get(name, {}).get(cell_id)):
            if known and (places := self._places(name, known)):
                return places[0], known
        return None

    # ------------------------------------------------------------ what the learner did

    def _bring_in(self, name: str, cells: list[Cell]) -> None:
        base = {cell["id"]: cell for cell in self.base.get(name, ())}
        behind: Place | None = (name, None) if name in self.merged else None  # the next one is put behind this cell
        for cell in cells:
            before, home = base.get(cell["id"]), self._home(name, cell["id"])
            if before is None and home:  # as after a refresh that was cut short
                before = {"source": self._without_base(cell, home)}
            if before is None:
                behind = self._insert(cell, behind)
                continue
            changed = cell["source"] != before["source"]
            if home is None:
                behind = self._insert(cell, behind) if changed else behind
                continue
            behind = home
            target, source = self.shipped[home[0]][home[1]], self.sources[home]
            if changed and not is_answer(target) and source not in (before["source"], cell["source"]):
                behind = self._insert(cell, behind)
            elif changed or source == before["source"]:
                self._take_over(target, cell)

    def _without_base(self, cell: Cell, home: tuple[str, str]) -> str | None:
        """What a cell that is shipped now held before the learner came, if no base knows it; None: it is not known.

        A cell of a lab or question has its id from that; any other has it from its content, so it held what is shipped.
        """
        return None if _course(cell) else self.sources[home]

    @staticmethod
    def _take_over(target: Cell, cell: Cell) -> None:
        """Source and outputs of the learner's cell, under the names that the course has now."""
        old, new = _course(cell).get("exercise"), _course(target).get("exercise")
        target["source"] = _renamed(cell["source"], old, new) if old and new and old != new else cell["source"]
        for key in ("outputs", "execution_count", "attachments"):
            if key in cell:
                target[key] = cell[key]

    def _insert(self, cell: Cell, behind: Place | None) -> Place | None:
        """Put the learner's own cell behind another one. Returns where it is, so that the next one follows it."""
        if behind is None:
            return None
        name, anchor = behind
        cells = self.merged[name]
        place = 0 if anchor is None else next(n for n, c in enumerate(cells) if c["id"] == anchor) + 1
        own = copy.deepcopy(cell)
        used = {c["id"] for c in cells}
        names = (cell["id"], *(f"{cell['id'][:52]}-own{number}" for number in range(1, len(used) + 2)))
        own["id"] = next(free for free in names if free not in used)
        own.get("metadata", {}).pop("course", None)  # it is the learner's, and no part of a lab any more
        cells.insert(place, own)
        return name, own["id"]

    def _leave_out_what_was_deleted(self, name: str, cells: list[Cell]) -> None:
        kept = {cell["id"] for cell in cells}
        for cell in self.base.get(name, ()):
            home = self._home(name, cell["id"])
            if cell["id"] not in kept and home and self.sources[home] == cell["source"]:
                self.merged[home[0]] = [c for c in self.merged[home[0]] if c["id"] != home[1]]


def _in_id(name: str) -> str:
    """A name as it is a part of a cell's id."""
    return name.replace("/", "-")


def _likeness(cell: Cell, other: Cell) -> float:
    if cell["cell_type"] != other["cell_type"] or is_answer(cell) != is_answer(other):
        return 0.0
    return SequenceMatcher(None, cell["source"], other["source"], autojunk=False).ratio()


def _renamed(source: str, old: str, new: str) -> str:
    """A lab's name in its answer, where it stands as a word of its own."""
    return re.sub(rf"\b{re.escape(old)}\b", new, source)
