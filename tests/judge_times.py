"""How long the further pass of a right answer takes in every lab, and judging one: printed, not tested.

python tests/judge_times.py [lab ...]
"""

import statistics
import sys
import time

from course_lib import exercises
from course_lib.exercises.engine.judge import _on_further_cases
from course_lib.exercises.engine.verdict import Verdict

LIMIT = 0.3  # seconds of the further pass, for an answer of the solution's kind
TIMES = 5


def further_pass(exercise):
    """Seconds of processor time for all further calls of the right answer, as the judge makes them."""
    start = time.process_time()
    verdict = Verdict(exercise.name, "right")
    runs = _on_further_cases(verdict, exercise, exercise.answer)
    seconds = time.process_time() - start
    assert verdict.status == "right", exercise.name
    return len(runs), seconds


def whole(exercise):
    start = time.process_time()
    exercise.judge(exercise.answer)
    return time.process_time() - start


def main(*names):
    slow = 0
    for name in names or exercises.names():
        exercise = exercises.get(name)
        exercise.references, exercise.further_runs  # noqa: B018  (drawn once, for all answers)
        rows = [further_pass(exercise) for _ in range(TIMES)]
        seconds = statistics.median(row[1] for row in rows)
        total = statistics.median(whole(exercise) for _ in range(TIMES))
        slow += seconds > LIMIT
        mark = "  <-- over the limit" if seconds > LIMIT else ""
        print(f"{name:<40} {rows[0][0]:>4} further calls {seconds:6.3f} s; in all {total:6.3f} s{mark}", flush=True)
    print(f"{slow} labs over {LIMIT} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
