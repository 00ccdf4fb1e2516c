"""Print the table of mistakes: python -m course_lib.exercises [exercise ...]

For each exercise: how long its own answer takes to judge, and how many of its known wrong functions earn their own
sentence.
"""

import sys
import time

from course_lib.exercises.registry import get, names


def main(chosen: list[str]) -> None:
    for name in chosen or names():
        exercise = get(name)
        _ = exercise.references
        start = time.perf_counter()
        status = exercise.judge(exercise.answer).status
        milliseconds = 1e3 * (time.perf_counter() - start)
        print(f"\n{exercise.lesson}  {name}: the answer is {status}, judged in {milliseconds:.0f} ms")
        for tensor, mistakes in exercise.mistakes.items():
            for mistake in mistakes:
                answers = [exercise.spoilt(tensor, wrong) for wrong in mistake.examples]
                told = [exercise.judge(answer, explain=False).mistakes.get(tensor) for answer in answers]
                hits = sum(says == [mistake.message] for says in told)
                print(f"    {tensor:<12} {mistake.name:<42} {hits} of {len(told)}")


if __name__ == "__main__":
    main(sys.argv[1:])
