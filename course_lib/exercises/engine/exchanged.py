"""Wrong results that would be right for other arguments: a kernel turned, a stride of 1, another image's gradient."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from course_lib.exercises.engine import causes
from course_lib.exercises.engine.changes import changes
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.question import Case, Question
from course_lib.exercises.engine.relations import Holds, Pair, Relation


def relations(question: Question, tensor: str, wrong: Sequence[Pair]) -> Iterator[Relation]:
    """What yours would be right for. A candidate is tried on the first wrong array before all others."""
    for says, change, why in changes(wrong[0].case):
        holds = _right_for(question, tensor, change)
        if holds(wrong[0].case, wrong[0].yours, wrong[0].expected):
            yield Relation(1, f"what would be right {says}", holds, causes.AS_IF.format(says=says, why=why))


def _right_for(question: Question, tensor: str, change: Any) -> Holds:
    def holds(case: Case, a: np.ndarray, r: np.ndarray) -> bool:
        try:
            changed = change(case)
            return a.size > 0 and close(a, question.expected(changed)[tensor], question.tolerance)
        except Exception:  # the answer does not take these arguments
            return False

    return holds
