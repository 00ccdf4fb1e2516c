"""What the labs make of answers that were written independently of them."""

import inspect
import re

import clinic_answers  # noqa: F401  (its answers join those of the other two)
import found_answers  # noqa: F401
import indexed_answers  # noqa: F401
import measured_answers  # noqa: F401
import network_answers  # noqa: F401
import reported_answers  # noqa: F401 (notes more of them in WRONG)
import tape_answers  # noqa: F401
import window_answers  # noqa: F401
import worker_answers  # noqa: F401
from right_answers import RIGHT
from wrong_answers import WRONG

from course_lib import exercises
from course_lib.exercises.engine import causes, judge, recognition, repeating
from course_lib.exercises.lessons import lesson_10, lesson_a_labs
from course_lib.exercises.lessons.lesson_04 import OTHER_FOLD
from course_lib.exercises.lessons.shared import layer, sentences

__all__ = ["COMPUTING", "RIGHT", "WRONG", "accepted", "expected", "hinted", "named", "refused"]

# labs whose answer computes something from arguments; the others ask for a check, an input or a drawing
COMPUTING = [name for name in exercises.names() if inspect.signature(exercises.get(name).answer).parameters]

BY_THE_JUDGE = {  # what no table of mistakes holds, and what is said to it
    "changed": judge.CHANGED,
    "order": judge.ORDER,
    "count": "It returned {what}, but {count} are expected: {names}.",
    "integers": recognition.NOT_INTEGERS,
    "rounded": judge.ROUNDED,
    "memory never set": repeating.UNSET,
    "random numbers": repeating.RANDOM,
    "whole numbers": causes.WHOLE_NUMBERS,
    "H and W mixed up": sentences.MIXED_UP,
    "x not kept": layer.NOT_KEPT,
    "None in place of x": layer.NOTHING_KEPT,
    "taken out of the memory": layer.TAKEN_OUT,
    "folded in another way": OTHER_FOLD,
    "arrays that do not fit": layer.UNFIT,
    "a Parameter in place of an array": layer.PARAMETER,
    "x not on self": layer.NOT_ON_SELF,
    "sign": causes.SIGN,
    "twice or more": causes.LARGER,
    "too small by a factor": causes.SMALLER,
    "factor and sign": causes.NEGATIVE,
    "multiplied by a size": causes.MULTIPLIED,
    "divided by a size": causes.DIVIDED,
    "multiplied by an argument": causes.TIMES_ARGUMENT,
    "divided by an argument": causes.DIVIDED_BY_ARGUMENT,
    "shifted by a number": causes.SHIFTED,
    "a multiple added": causes.ADDED,
    "does not start from zeros": causes.STARTED,
    "times an argument": causes.TIMES,
    "axes exchanged": causes.REORDERED,
    "reversed": causes.REVERSED,
    "another shape": causes.RESHAPED,
    "still as it was found": causes.STILL,
    "not summed": causes.UNSUMMED,
    "end missing": causes.CUT_OFF,
    "more around it": causes.AROUND,
    "one end wrong": causes.ONE_END_WRONG,
    "one end right": causes.ONE_END_RIGHT,
    "holes": causes.HOLES,
    "right for other arguments": causes.AS_IF,
    "not cut into groups": lesson_a_labs.TOO_MANY_CHANNELS,
    "no bias": lesson_10.NO_BIAS,
    None: recognition.NOTHING,
}
HINTS = {  # where the answer goes wrong, when no known mistake explains it
    "right at stride 1": sentences.RIGHT_AT_STRIDE_1,
    "right for one image": sentences.RIGHT_FOR_ONE_IMAGE,
    "right without padding": sentences.RIGHT_WITHOUT_PADDING,
}


def accepted(name, answer):
    verdict = exercises.get(name).judge(answer, explain=False)
    return verdict.status == "right" and not verdict.mistakes


def refused(verdict):
    return verdict.status in ("wrong", "error")


def expected(verdict, exercise, told):
    """Whether a verdict tells each of these tensors the sentences it should be told, and nothing else."""
    return verdict.mistakes.keys() == told.keys() and all(
        _all_said(exercise, tensor, told[tensor] if isinstance(told[tensor], tuple) else (told[tensor],), says)
        for tensor, says in verdict.mistakes.items()
    )


def _all_said(exercise, tensor, names, says):
    patterns = [_pattern(exercise, tensor, name) for name in names]
    return len(says) == len(names) and all(any(re.fullmatch(p, one) for one in says) for p in patterns)


def _pattern(exercise, tensor, name):
    for mistake in exercise.mistakes.get(tensor, ()):
        if mistake.name == name:
            return re.escape(mistake.message)
    sentence = {**BY_THE_JUDGE, **HINTS}[name].replace("{{", "{").replace("}}", "}")
    return ".*".join(re.escape(part) for part in re.split(r"\{\w+\}", sentence))


def hinted(told):
    """Whether the sentences that are expected say only where an answer goes wrong."""
    return bool(told) and any(name in HINTS for name in told.values())


def named(told):
    """Whether the sentences that are expected name the mistake."""
    return bool(told) and not hinted(told)
