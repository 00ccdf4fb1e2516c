"""watch(f): a learner's own code, running."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from course_lib.exercises import checking
from course_lib.exercises.recording import watched
from course_lib.exercises.registry import get

if TYPE_CHECKING:
    from course_lib.widgets.watched import Watched


def watch(f: Callable[..., Any] | str, name: str | None = None) -> "Watched":
    """Play an answer to a lab, line by line; a wrong one beside a right one, as far as they can still agree.

    f and name: as for `check`; where there is no answer of the learner's, a right one is played with its code closed.
    Returns the player; its `story` is a Story of `frames`.
    """
    notebook = sys._getframe(1).f_globals
    exercise = get(f if isinstance(f, str) else name or checking._name_of(f, notebook))
    answer, _ = checking._learners(exercise, notebook.get(f) if isinstance(f, str) else f)
    return watched(exercise, exercise.answer if answer is None else answer)
