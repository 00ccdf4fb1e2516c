"""How long calls take, so that the answer depends on them and not on what else the computer does."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

ROUNDS = 7


def patience() -> float:
    """Seconds after which no new round begins; fewer where the course tests itself."""
    return 0.2 if os.environ.get("COURSE_QUICK") else 1.5


def fastest(
    calls: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS, seconds: float | None = None
) -> dict[str, float]:
    """Seconds that each call took at its best, by name.

    The calls take turns, so that whatever slows the computer down meets all of them, and the minimum leaves out what
    met only some. No new round begins after so many seconds (None: `patience`); there is always one.
    """
    limit = patience() if seconds is None else seconds
    best = dict.fromkeys(calls, float("inf"))
    begun = time.perf_counter()
    for number in range(rounds):
        if number and time.perf_counter() - begun > limit:
            break
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best
