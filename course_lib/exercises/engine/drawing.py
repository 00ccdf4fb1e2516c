"""Labs whose answer is drawn: the cells of a gradient, filled by hand from the grids beside it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.running import run_case
from course_lib.exercises.engine.verdict import Passed, Verdict

COUNTED = "{right} of {every} cells are right."


@dataclass
class Drawn(Passed):
    """What a drawing is told that is right. cells: how many it has."""

    cells: int = 0

    @property
    def figures(self) -> str:
        return f"All {self.cells} cells are right."


@dataclass
class DrawingLab(Exercise):
    """A lab whose answer is an array that is drawn; as code it is a function without parameters that returns it.

    grids: name -> the array that it is drawn from, two of them, whose products are added: the gradient and the kernel.
    """

    grids: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cell(self) -> str:
        """The learner's cell: the drawing."""
        return f'draw("{self.name}")'

    @property
    def cell_imports(self) -> list[str]:
        return ["from course_lib.exercises import draw"]

    @property
    def idea(self) -> str:
        return self.next_idea

    def judge(self, f: Any, explain: bool = True) -> Verdict:
        verdict = super().judge(f, explain=False)
        verdict.findings, verdict.goes_on = [], False  # they would show the right drawing
        (tensor,), right = self.tensors, self.references[0][self.tensors[0]]
        drawn = self._drawn(f) if verdict.status == "wrong" else None
        if verdict.passed:
            verdict.passed = Drawn(**vars(verdict.passed), cells=right.size)
        elif drawn is not None and drawn.shape == right.shape:
            known = [one for one in verdict.mistakes.get(tensor, []) if one in self.messages]  # others ask for loops
            counted = COUNTED.format(right=np.isclose(drawn, right).sum(), every=right.size)
            verdict.mistakes, verdict.explained = {tensor: known} if known else {}, {tensor: [counted]}
        return verdict

    def _drawn(self, f: Any) -> np.ndarray | None:
        """What f returns; None where it returns no array. As in every call of a learner's function, it is watched."""
        found: np.ndarray | None = None
        with supervised():
            found = run_case(self, f, self.arguments[0], self.references[0]).tensors.get(self.tensors[0])
        return found

    @cached_property
    def messages(self) -> set[str]:
        """What is said of the mistakes that are known."""
        return {mistake.message for mistakes in self.mistakes.values() for mistake in mistakes}
