"""Judging an answer: is it right, and if not, what is wrong with it? Nothing is read from the learner's source."""

from contextlib import suppress
from itertools import permutations

import numpy as np

from course_lib.exercises.engine import findings, guard
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.recognition import Suspect
from course_lib.exercises.engine.running import call_text, describe, run_case
from course_lib.exercises.engine.verdict import Verdict

ORDER = "The results come in another order than {expected}: yours are {given}."
CHANGED = (
    "{name} is not the same after the call. Leave the arguments as they are: others still need them. "
    "Work on a copy, or on a new array."
)
ADDED_UP = (
    "A second identical call gives more than the first: something from the earlier call is still in the sum. "
    "Start from fresh zeros in every call."
)
ANOTHER_ANSWER = (
    "A second identical call gives another answer: the function keeps something from call to call. "
    "The result must depend on the arguments alone."
)
AS_FOUND = "It still does what it did when you found it."
SAME_ARRAY = (
    "It hands out the same array in every call and writes into it again, so an earlier result changes "
    "when you call it next. Make a new array in each call."
)


def judge(exercise, f):
    """f, the learner's function or class -> a Verdict."""
    verdict = Verdict(exercise.name, "right")
    if not callable(f):
        verdict.status = "error"
        verdict.remarks.append(f"This is no function but of type {type(f).__name__}: run the cell that defines yours.")
        return verdict
    first, *others = zip(exercise.arguments, exercise.references, strict=True)
    runs = []
    case = None
    with supervised() as seen:
        for case, expected in (first, first, *others):  # the first twice: what is kept between calls shows
            runs.append(run_case(exercise, f, case, expected))
    verdict.printed = seen.printed
    verdict.remarks += [f"NumPy warned: {text}" for text in seen.warned]
    if seen.stopped is not None:
        return _stopped(verdict, seen.stopped, case)
    if all(one.empty for one in runs):
        verdict.status = "not attempted"
        return verdict
    if exercise.start and _as_at_the_start(exercise, runs):
        verdict.status = "not attempted"
        verdict.remarks.append(AS_FOUND)
        return verdict

    _results_in_order(verdict, exercise, runs)
    _arguments_unchanged(verdict, runs)
    _memory_between_calls(verdict, exercise, *runs[:2])
    again = runs.pop(1)
    _returned_as_expected(verdict, runs)
    _judge_tensors(verdict, exercise, runs)
    raised = [one.raised for one in runs if one.error is not None]
    if raised:
        verdict.status, verdict.raised = "error", raised[0]
    if verdict.status == "right":
        _with_remarks(verdict, exercise, f, runs[0], again)
    else:
        findings.add(verdict, exercise, runs, _on_the_probe(verdict, exercise, f, runs))
    return verdict


def _on_the_probe(verdict, exercise, f, runs):
    """What f makes of the small example, or None where no array can be expected of it."""
    if verdict.raised is not None or any(one.complaint for one in runs):
        return None
    probe = None
    with supervised():
        probe = run_case(exercise, f, exercise.probe, exercise.expected(exercise.probe))
    return probe


def _stopped(verdict, error, case):
    verdict.status, verdict.raised = "error", describe(error, call_text(case))
    verdict.raised.kind, verdict.raised.message = (
        ("Out of time", f"it was still running after {guard.SECONDS} s. Is there a loop whose end is never reached?")
        if isinstance(error, guard.OutOfTime)
        else ("Interrupted", "you stopped it, and nothing is lost.")
    )
    return verdict


def _as_at_the_start(exercise, runs):
    """Whether it still does what the broken function does that the learner was given."""
    for one in runs:
        given = run_case(exercise, exercise.start, one.case, one.expected)
        if (given.error is None) != (one.error is None) or given.changed != one.changed:
            return False
        for name, array in given.tensors.items():
            own = one.tensors.get(name)
            if own is None or not close(own, array, exercise.tolerance):
                return False
    return True


def _told(verdict, tensor, says):
    verdict.status = "wrong"
    told = verdict.mistakes.setdefault(tensor, [])
    if says not in told:
        told.append(says)


# ---------------------------------------------------------------- the results as a whole


def _results_in_order(verdict, exercise, runs):
    """Put results that came in another order right, and say so: then each can be judged for itself."""
    names = exercise.tensors
    whole = [one for one in runs if one.tensors and all(array is not None for array in one.tensors.values())]
    if len(names) == 1 or exercise.run or not whole:
        return
    fit = {(given, name): _fit(exercise, whole, given, name) for given in names for name in names}
    orders = list(permutations(names))  # the first is the expected one, and wins a draw
    best = max(orders, key=lambda order: sum(fit[pair] for pair in zip(order, names, strict=True)))
    if best == names:
        return
    for one in whole:
        one.tensors = {name: one.tensors[given] for given, name in zip(best, names, strict=True)}
    given = [names[best.index(name)] for name in names]
    _told(verdict, "results", ORDER.format(expected=", ".join(names), given=", ".join(given)))


def _fit(exercise, runs, given, name):
    """How well what was returned as `given` would do as `name`: shapes count first, then values."""
    pairs = [(one.tensors[given], one.expected[name]) for one in runs]
    shapes = sum(array.shape == expected.shape for array, expected in pairs)
    return 100 * shapes + sum(close(array, expected, exercise.tolerance) for array, expected in pairs)


def _arguments_unchanged(verdict, runs):
    for one in runs:
        for name in one.changed:
            _told(verdict, name, CHANGED.format(name=name))


def _memory_between_calls(verdict, exercise, first, second):
    if first.error is None and second.error is not None:
        _told(verdict, exercise.tensors[0], ANOTHER_ANSWER)
    for name, once in first.tensors.items():
        twice = second.tensors.get(name)
        if once is None or twice is None or {once.dtype.kind, twice.dtype.kind} - set("fiub"):
            continue
        if np.array_equal(once, twice, equal_nan=True) or close(twice, once, exercise.tolerance):
            continue
        added = once.shape == twice.shape and close(twice - once, first.expected[name], exercise.tolerance)
        _told(verdict, name, ADDED_UP if added else ANOTHER_ANSWER)


def _returned_as_expected(verdict, runs):
    for one in runs:
        if one.complaint:
            _told(verdict, "results", one.complaint)
            return


def _with_remarks(verdict, exercise, f, first, again):
    """What a right answer should still be told."""
    pairs = list(zip(first.given, again.given, strict=False))
    if any(isinstance(one, np.ndarray) and np.may_share_memory(one, other) for one, other in pairs):
        verdict.remarks.append(SAME_ARRAY)
    for remark, trial in exercise.extras.items():
        if not _passes(trial, f):
            verdict.remarks.append(remark)


def _passes(trial, f):
    fine = False
    with supervised(), suppress(Exception):
        fine = bool(trial(f))
    return fine


# ---------------------------------------------------------------- tensor by tensor


def _judge_tensors(verdict, exercise, runs):
    """Tell what is wrong with each of the results, over all cases."""
    if any(one.complaint for one in runs):
        return
    suspects = [Suspect(exercise, name, runs) for name in exercise.tensors]
    for remark in dict.fromkeys(remark for suspect in suspects for remark in suspect.remarks):
        verdict.remarks.append(remark)
    suspects = [suspect for suspect in suspects if not all(suspect.right)]
    if not suspects:
        return
    verdict.status = "wrong"
    told = {suspect.name: suspect.about_form() or suspect.recognised() for suspect in suspects}
    if any(one.error is not None for one in runs):
        # All results of a call that raised are missing. To blame are those that come wrong elsewhere, or raise as a
        # known mistake does, or stand in the line that raised.
        suspects = (
            [suspect for suspect in suspects if suspect.came_wrong or told[suspect.name]]
            or [suspect for suspect in suspects if suspect.stands_in_the_line]
            or suspects[:1]
        )
    for suspect in suspects:
        for says in told[suspect.name] or suspect.guessed():
            _told(verdict, suspect.name, says)
