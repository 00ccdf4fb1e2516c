"""What the labs make of answers that were written independently of them."""

import re

from right_answers import RIGHT
from wrong_answers import WRONG

from course_lib import exercises
from course_lib.exercises.engine import judge, recognition
from course_lib.exercises.lessons.shared import sentences

__all__ = ["RIGHT", "WRONG", "accepted", "expected", "hinted", "named", "refused"]

BY_THE_JUDGE = {  # what no table of mistakes holds, and what is said to it
    "changed": judge.CHANGED,
    "order": judge.ORDER,
    "count": "It returned {what}, but {count} are expected: {names}.",
    "integers": recognition.NOT_INTEGERS,
    "H and W mixed up": sentences.MIXED_UP,
    None: recognition.NOTHING,
}
HINTS = {  # where the answer goes wrong, when no known mistake explains it
    "right at stride 1": sentences.RIGHT_AT_STRIDE_1,
    "right for one image": sentences.RIGHT_FOR_ONE_IMAGE,
}


def accepted(name, answer):
    verdict = exercises.get(name).judge(answer, explain=False)
    return verdict.status == "right" and not verdict.mistakes


def refused(verdict):
    return verdict.status in ("wrong", "error")


def expected(verdict, exercise, told):
    """Whether a verdict tells each of these tensors the sentence it should be told, and nothing else."""
    return verdict.mistakes.keys() == told.keys() and all(
        len(says) == 1 and re.fullmatch(_pattern(exercise, tensor, told[tensor]), says[0])
        for tensor, says in verdict.mistakes.items()
    )


def _pattern(exercise, tensor, name):
    for mistake in exercise.mistakes.get(tensor, ()):
        if mistake.name == name:
            return re.escape(mistake.message)
    sentence = {**BY_THE_JUDGE, **HINTS}[name]
    return ".+".join(re.escape(part) for part in re.split(r"\{\w+\}", sentence))


def hinted(told):
    """Whether the sentences that are expected say only where an answer goes wrong."""
    return bool(told) and any(name in HINTS for name in told.values())


def named(told):
    """Whether the sentences that are expected name the mistake."""
    return bool(told) and not hinted(told)
