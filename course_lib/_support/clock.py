"""How long calls take, so that the answer depends on them and not on what else the computer does."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

ROUNDS = 7
STEPS = 20  # of the clock, that a measurement takes at least: it is then off by a twentieth at most


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
    limit, step = patience() if seconds is None else seconds, step_of_the_clock()
    best = dict.fromkeys(calls, float("inf"))
    begun = time.perf_counter()
    for number in range(rounds):
        if number and time.perf_counter() - begun > limit:
            break
        for name, call in calls.items():
            best[name] = min(best[name], _seconds(call, step))
    return best


def step_of_the_clock() -> float:
    """The seconds by which the clock goes on at a time: a tenth of a millionth on a computer, 0.1 ms in a browser."""
    start = _next_time(time.perf_counter())
    return _next_time(start) - start


def _next_time(before: float) -> float:
    while (now := time.perf_counter()) == before:
        pass
    return now


def _seconds(call: Callable[[], Any], step: float) -> float:
    """Seconds of one call: the mean of as many in a row as a clock of such steps needs."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - start
        if taken >= STEPS * step:
            return taken / count
        count *= 2
