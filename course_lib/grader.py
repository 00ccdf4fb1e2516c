"""How good is a check of `conv2d_backward`? The known wrong functions that it lets pass, each with its story.

grade(design_check)     a board: what passes a check that is given as a list of cases, what it costs, and your best
PUBLIC                  checks of courses and libraries, re-created from the shapes they publish
beside(design_check)    what passes each of them, and yours

python -m course_lib.grader prints what passes the public checks. For any function check(f) -> bool, `mutants` does the
same on the command line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib import mutants, progress
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.lessons.clinic import fixed
from course_lib.exercises.lessons.clinic.designing import check_of, cost, passes, refusal

LAB = "conv2d_backward"
Design = Sequence[dict[str, Any]]


def _case(x: tuple[int, ...], w: tuple[int, ...], stride: int, padding: int, dy: str, compare: str) -> dict[str, Any]:
    return {"x": x, "w": w, "stride": stride, "padding": padding, "dy": dy, "compare": compare, "tolerance": 1e-6}


PUBLIC: dict[str, Design] = {
    "a home-made network: something comes back": [_case((2, 3, 4, 4), (4, 3, 2, 2), 2, 2, "random", "not zero")],
    "deeplearning.ai, “Step by Step”: three means": [_case((10, 3, 4, 4), (8, 3, 2, 2), 2, 2, "random", "means")],
    "Burn, basic test: square, stride 1, dy of ones": [_case((2, 2, 4, 4), (2, 2, 3, 3), 1, 1, "ones", "entries")],
    "CS231n, assignment 2: square, stride 1": [_case((4, 3, 5, 5), (2, 3, 3, 3), 1, 1, "random", "entries")],
}


_survivors: list[set[str]] = []  # the names that passed the learner's design that was graded last, if there was one


def grade(design: Callable[[], Design] | Design) -> "Board":
    """What passes the check of a design: shows itself in a notebook.

    design: the cases, or a function that returns them. A function is the learner's own: the board says what has changed
    since the last one was graded. The cheapest design that lets nothing pass is kept with the learner's progress.
    Raises ValueError for what is no design.
    """
    cases = design() if callable(design) else design
    board = _board(cases)
    if callable(design) and design is not fixed.design_check:
        passing = {name for names in board.stories.values() for name in names}
        if _survivors:
            board.gone, board.new = len(_survivors[-1] - passing), passing - _survivors[-1]
        _survivors[:] = [passing]
        if not passing and not board.refused:
            board.remarks = progress.record_best("design_check", board.cost, _written(cases))
        board.best = progress.best("design_check")
    return board


def beside(design: Callable[[], Design] | Design | None = None) -> "Beside":
    """What passes the public checks, and yours: shows itself in a notebook."""
    checks = dict(PUBLIC)
    if design is not None:
        checks["design_check"] = design() if callable(design) else design
    boards = {name: _board(cases) for name, cases in checks.items()}
    return Beside([(name, board.cost, board.passing, board.tried) for name, board in boards.items()])


def _board(cases: Design) -> "Board":
    if says := refusal(cases):
        raise ValueError(f"design must be the cases of a check, but: {says}")
    accepted, right = passes(cases)
    stories: dict[str, list[str]] = {}
    for wrong, passed in zip(mutants.wrong_functions(LAB), accepted, strict=True):
        if passed:
            stories.setdefault(wrong.sentence, []).append(wrong.name)
    refused = [] if right.all() else list(mutants.refused(LAB, check_of(cases)))
    return Board(len(accepted), int(accepted.sum()), cost(cases), stories, refused)


def _written(cases: Design) -> str:
    """A design as it can be pasted into a cell."""
    return "\n".join(["[", *(f"    {dict(case)!r}," for case in cases), "]"])


@dataclass(repr=False)
class Board(Card):
    """The survivors of a check.

    tried, passing: how many wrong functions. cost: the numbers in x, w and dy. stories: what they do wrong -> their
    names. refused: the right functions that the check refuses. gone, new: how many passed the design before this one
    and do not pass this one, and the names that pass only this one. best: the learner's cheapest design that lets
    nothing pass, as (cost, its text). remarks: what went wrong when that was kept.
    """

    tried: int
    passing: int
    cost: int
    stories: dict[str, list[str]]
    refused: list[str]
    gone: int = 0
    new: set[str] = field(default_factory=set)
    best: tuple[int, str] | None = None
    remarks: list[str] = field(default_factory=list)

    template = "grade.html"

    @property
    def head(self) -> str:
        return f"{self.passing} of {self.tried} known wrong functions pass your check of {self.cost} numbers."

    @property
    def change(self) -> str:
        """A sentence about what the learner's last change did, or ""."""
        if not self.gone and not self.new:
            return ""
        return f"Your last change caught {self.gone} and let {len(self.new)} through."

    @property
    def score(self) -> str:
        """A sentence about the learner's best, or ""."""
        if self.best is None:
            return ""
        if self.best[0] == self.cost and not self.passing and not self.refused:
            return f"Your best so far: {self.cost} numbers."
        return f"Your best is {self.best[0]} numbers."

    def lines(self) -> list[str]:
        lines = [self.head, *filter(None, (self.change, self.score)), *self.remarks]
        for sentence, names in self.stories.items():
            lines += [f"  {', '.join(names)}", f"      {sentence}"]
        return lines + [f"  It refuses a right function: {name}" for name in self.refused]


@dataclass(repr=False)
class Beside(Card):
    """Checks beside each other: (name, cost, how many wrong functions pass, of how many)."""

    rows: list[tuple[str, int, int, int]]

    template = "beside.html"

    def lines(self) -> list[str]:
        return [f"{name}: {passing} of {tried} pass, with {cost} numbers" for name, cost, passing, tried in self.rows]


if __name__ == "__main__":
    print(beside())
