"""How fast a right answer is: as a ratio to the loops and to the course's own solution, all timed in the same run."""

import dis
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

from course_lib import looks
from course_lib._support.clock import fastest

SLOW = 5  # times the course's own solution: with less, noise or taste could decide
FASTER = "{case}: the loops take {loop}, yours {yours}. That is {times} times faster."
SLOWER = (
    "It is right, and {times} times slower than it could be. {case}: the loops take {loop}, yours {yours}, "
    "the course's own solution {best}. Which loop of yours runs most often?"
)


@dataclass(frozen=True)
class Pace:
    """What an answer has to be faster than, and the arguments on which it is timed.

    loop: the same function as plain loops. case(rng) -> arguments by name, large enough for a clock. says: what they
    are, as the beginning of a sentence.
    """

    loop: Callable[..., Any]
    case: Callable[[np.random.Generator], dict[str, Any]]
    says: str


@dataclass(frozen=True)
class Measured:
    """Seconds for one call: of the loops, of the learner's answer, and of the course's own."""

    loop: float
    yours: float
    best: float

    @property
    def is_slow(self) -> bool:
        return self.yours > SLOW * self.best

    def sentence(self, pace: Pace) -> str:
        """What is said of it: how much faster than the loops, or how much slower than it could be."""
        times = float(f"{self.yours / self.best if self.is_slow else self.loop / self.yours:.2g}")
        text = SLOWER if self.is_slow else FASTER
        loop, yours, best = (milliseconds(value) for value in (self.loop, self.yours, self.best))
        return text.format(case=pace.says, times=looks.number(times), loop=loop, yours=yours, best=best)


def milliseconds(seconds: float) -> str:
    """0.0123 as "12 ms"."""
    return f"{looks.number(1000 * seconds, 2)} ms"


def measure(pace: Pace, answer: Callable[..., Any], f: Callable[..., Any]) -> Measured:
    """Time f, an answer that is right, beside the loops and the course's own answer."""
    values = list(pace.case(np.random.default_rng(0)).values())
    calls = {"loop": pace.loop, "yours": f, "best": answer}
    return Measured(**fastest({name: partial(call, *values) for name, call in calls.items()}))


def is_same_code(f: Any, start: Callable[..., Any]) -> bool:
    """Whether f is the function that the learner was given, not changed in anything that Python runs."""
    mine = getattr(inspect.unwrap(f), "__code__", None)
    return mine is not None and _instructions(mine) == _instructions(inspect.unwrap(start).__code__)


def _instructions(code: CodeType) -> list[tuple[str, Any]]:
    """What a function does, step by step, whichever cell or file it was compiled in.

    An attribute of a module is loaded in another way where the module is imported in the same cell.
    """
    jumps = {*dis.hasjrel, *dis.hasjabs}
    return [
        ("LOAD_ATTR" if step.opname == "LOAD_METHOD" else step.opname, None if step.opcode in jumps else step.argval)
        for step in dis.get_instructions(code)
        if step.opname not in ("PUSH_NULL", "NOP", "EXTENDED_ARG")
    ]
