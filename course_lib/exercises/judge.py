"""Judging an answer: is it right, and if not, which mistake is it?

A wrong answer is recognised by running known wrong functions on the same arguments and comparing arrays.
Nothing is read from the learner's source.
"""

import re
from contextlib import suppress
from itertools import combinations, permutations

import numpy as np

from course_lib.exercises import findings
from course_lib.exercises.attempts import attempt, copied
from course_lib.exercises.guard import OutOfTime, watched
from course_lib.exercises.verdict import Verdict

WHOLE_NUMBERS = (
    "Every entry of {tensor} is a whole number: the array it is built in has an integer dtype, "
    "and cuts off what comes behind the point."
)
NOT_FINITE = "{tensor} holds NaN or infinity. Look for a division by zero, or for numbers that grow too large."
NOTHING = "{tensor} is None. Is it computed, and does it stand behind `return`?"
ORDER = "The results come in another order than {expected}: yours are {given}."
CHANGED = (
    "{name} is not the same after the call. A backward pass must leave its arguments alone: "
    "others still need them. Work on a copy, or on a new array."
)
ADDED_UP = (
    "A second identical call gives more than the first: something from the earlier call is still in the sum. "
    "Start from fresh zeros in every call."
)
ANOTHER_ANSWER = (
    "A second identical call gives another answer: the function keeps something from call to call. "
    "The result must depend on the arguments alone."
)
SAME_ARRAY = (
    "It hands out the same array in every call and writes into it again, so an earlier result changes "
    "when you call it next. Make a new array in each call."
)


def judge(exercise, f):
    """f, the learner's function or class -> a Verdict."""
    verdict = Verdict(exercise.name, "right")
    if not callable(f):
        verdict.status = "error"
        verdict.remarks.append(f"{exercise.name} is a {type(f).__name__}, not a function: run the cell that defines it.")
        return verdict
    first, *others = exercise.arguments
    attempts = []
    with watched() as seen:
        for case in (first, first, *others):  # the first twice: what is kept between calls shows
            attempts.append(attempt(exercise, f, case))
    verdict.printed = seen.printed
    verdict.remarks += [f"NumPy warned: {text}" for text in seen.warned]
    if seen.stopped is not None:
        return _stopped(verdict, seen.stopped)
    if all(one.empty for one in attempts):
        verdict.status = "not attempted"
        return verdict

    _results_in_order(verdict, exercise, attempts)
    _arguments_unchanged(verdict, attempts)
    _memory_between_calls(verdict, exercise, *attempts[:2])
    del attempts[1]
    _returned_as_expected(verdict, attempts)
    for tensor in _spoilt(exercise, attempts):
        _judge_tensor(verdict, exercise, tensor, attempts)
    raised = [one.raised for one in attempts if one.error is not None]
    if raised:
        verdict.status, verdict.raised = "error", raised[0]
    if verdict.status == "right":
        _with_remarks(verdict, exercise, f, attempts)
    else:
        findings.add(verdict, exercise, f, attempts)
    return verdict


def _stopped(verdict, error):
    verdict.status = "error"
    if isinstance(error, OutOfTime):
        verdict.remarks.append("It was still running after many seconds, so the check stopped it.")
    else:
        verdict.remarks.append("You interrupted it, and nothing is lost.")
    verdict.remarks.append("Is there a loop whose end is never reached?")
    return verdict


def _told(verdict, tensor, says):
    verdict.status = "wrong"
    told = verdict.mistakes.setdefault(tensor, [])
    if says not in told:
        told.append(says)


# ---------------------------------------------------------------- the results as a whole


def _results_in_order(verdict, exercise, attempts):
    """Put results that came in another order right, and say so: then each can be judged for itself."""
    names = exercise.tensors
    whole = [one for one in attempts if one.tensors and all(array is not None for array in one.tensors.values())]
    if len(names) == 1 or not whole:
        return

    def fit(order):
        pairs = [
            (one.tensors[given], exercise.expected(one.case)[name])
            for one in whole
            for given, name in zip(order, names, strict=True)
        ]
        shapes = sum(array.shape == reference.shape for array, reference in pairs)
        return shapes, sum(close(array, reference, exercise.tolerance) for array, reference in pairs)

    orders = list(permutations(names))  # the first is the expected one, and wins a draw
    best = max(orders, key=fit)
    if best == names:
        return
    for one in whole:
        one.tensors = {name: one.tensors[given] for given, name in zip(best, names, strict=True)}
    given = [names[best.index(name)] for name in names]
    _told(verdict, "results", ORDER.format(expected=", ".join(names), given=", ".join(given)))


def _arguments_unchanged(verdict, attempts):
    for one in attempts:
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
        reference = exercise.references[0][name]
        added = once.shape == twice.shape and close(twice - once, reference, exercise.tolerance)
        _told(verdict, name, ADDED_UP if added else ANOTHER_ANSWER)


def _returned_as_expected(verdict, attempts):
    for one in attempts:
        if one.complaint:
            _told(verdict, "results", one.complaint)
            return


def _with_remarks(verdict, exercise, f, attempts):
    """What a right answer should still be told."""
    if any(_written_again(one) for one in attempts):
        verdict.remarks.append(SAME_ARRAY)
    for remark, trial in exercise.extras.items():
        if not _passes(trial, f):
            verdict.remarks.append(remark)


def _passes(trial, f):
    fine = False
    with watched(), suppress(Exception):
        fine = bool(trial(f))
    return fine


def _written_again(one):
    """Whether the arrays that were returned hold something else by now."""
    return any(
        isinstance(given, np.ndarray) and kept is not None and not np.array_equal(given, kept, equal_nan=True)
        for given, kept in zip(one.given, one.tensors.values(), strict=False)
        if np.shape(given) == np.shape(kept) and np.asarray(given).dtype.kind == "f"
    )


# ---------------------------------------------------------------- one tensor


def close(array, reference, tolerance):
    """Equal up to rounding, float32's included."""
    if array is None or array.shape != reference.shape or array.dtype.kind not in "fiub":
        return False
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return False
    scale = np.abs(reference).max(initial=0) or 1.0
    return bool(np.abs(array.astype(float) - reference).max(initial=0) <= tolerance * scale)


def _judge_tensor(verdict, exercise, tensor, attempts):
    """Tell what is wrong with one of the results, over all cases."""
    references = [reference[tensor] for reference in exercise.references]
    arrays = [one.tensors.get(tensor) for one in attempts]
    right = [close(array, ref, exercise.tolerance) for array, ref in zip(arrays, references, strict=True)]
    for number, one in enumerate(attempts):
        if not right[number] and exercise.accept and one.error is None and not one.complaint:
            remark = exercise.accept(one.case, one.tensors)
            if remark:
                right[number] = True
                verdict.remarks += [remark] if remark not in verdict.remarks else []
    if all(right) or any(one.complaint for one in attempts):
        return
    verdict.status = "wrong"
    says = (
        _about_form(exercise, tensor, attempts, arrays, references)
        or _recognised(exercise, tensor, arrays, right)
        or _whole_numbers(tensor, arrays, references)
        or exercise.otherwise.get(tensor, ())
    )
    for sentence in says:
        _told(verdict, tensor, sentence)


def _spoilt(exercise, attempts):
    """The tensors to look at: of several, those that came back wrong; if none did, those an exception may be about."""
    raised = [one.raised for one in attempts if one.error is not None]
    if not raised or len(exercise.tensors) == 1:
        return exercise.tensors
    came_wrong = [
        tensor
        for tensor in exercise.tensors
        if any(
            one.error is None and not close(one.tensors.get(tensor), reference[tensor], exercise.tolerance)
            for one, reference in zip(attempts, exercise.references, strict=True)
        )
    ]
    named = [tensor for tensor in exercise.tensors if re.search(rf"\b{re.escape(tensor)}", raised[0].line)]
    return came_wrong or named or exercise.tensors


def _about_form(exercise, tensor, attempts, arrays, references):
    """Mistakes that show in what kind of thing came back, whatever its values."""
    came = [(array, ref) for array, ref in zip(arrays, references, strict=True) if array is not None]
    if not came:
        errors = [str(one.error) for one in attempts if one.error is not None]
        integers = any("Cannot cast ufunc" in text and "to dtype('int" in text for text in errors)
        return [WHOLE_NUMBERS.format(tensor=tensor)] if integers else [] if errors else [NOTHING.format(tensor=tensor)]
    kinds = {array.dtype.kind for array, _ in came}
    if kinds - set("fiub"):
        return [f"{tensor} has dtype {came[0][0].dtype}, but real numbers are expected."]
    if "f" in kinds and references[0].dtype.kind in "iu":
        return [f"{tensor} has dtype {came[0][0].dtype}, but integers are expected: they say where something stands."]
    if any(not np.isfinite(array).all() for array, _ in came):
        return [NOT_FINITE.format(tensor=tensor)]
    return []


def _whole_numbers(tensor, arrays, references):
    came = [(array, ref) for array, ref in zip(arrays, references, strict=True) if array is not None and array.any()]
    whole = came and all(np.array_equal(array, np.round(array)) for array, _ in came)
    return [WHOLE_NUMBERS.format(tensor=tensor)] if whole and any((ref != np.round(ref)).any() for _, ref in came) else []


def _recognised(exercise, tensor, arrays, right):
    """The sentences of the mistakes whose wrong functions do what the learner's did."""
    known = [(mistake, wrong) for mistake in exercise.mistakes.get(tensor, ()) for wrong in mistake.wrongs]
    trial = _Trial(exercise, tensor, arrays, right)
    for fits in (trial.equals, trial.raises_like):
        for mistake, wrong in known:
            if fits(wrong):
                return [mistake.says]
    for (one, a), (other, b) in combinations(known, 2):
        if one is not other and hasattr(a, "with_") and (both := a.with_(b)) and trial.equals(both):
            return [one.says, other.says]
    for mistake, wrong in known:
        if trial.equals_where_it_can(wrong):
            return [mistake.says]
    return [says for says, spoiled in exercise.patterns if trial.wrong_exactly_where(spoiled)][:1]


class _Trial:
    """One tensor of the learner's over all cases, to be compared with what wrong functions give."""

    def __init__(self, exercise, tensor, arrays, right):
        self.exercise, self.tensor, self.arrays, self.right = exercise, tensor, arrays, right
        informative = [not ok and array is not None for ok, array in zip(right, arrays, strict=True)]
        self.order = sorted(range(len(arrays)), key=lambda number: not informative[number])
        self.told_by_values = any(informative)

    def equals(self, wrong):
        """The same array wherever one came back, and an exception where the learner's raised one."""
        return self.told_by_values and all(self._same(wrong, number) for number in self.order)

    def raises_like(self, wrong):
        """No wrong array ever came back, but both are right in the same cases and raise in the others."""
        return not self.told_by_values and any(self.right) and all(self._same(wrong, n) for n in self.order)

    def equals_where_it_can(self, wrong):
        """Wrong in the same cases, and equal in all of them where both gave arrays of one shape (one at least)."""
        compared = 0
        for number in self.order:
            array, other = self.arrays[number], self._result(wrong, number)
            if self.right[number] != self._close(other, self._reference(number)):
                return False
            if self.right[number] or array is None or other is None or array.shape != other.shape:
                continue
            if not self._close(array, other):
                return False
            compared += 1
        return compared > 0

    def wrong_exactly_where(self, spoiled):
        expected = [spoiled(**case) for case in self.exercise.arguments]
        return any(expected) and not all(expected) and expected == [not ok for ok in self.right]

    def _same(self, wrong, number):
        other = self._result(wrong, number)
        if self.right[number]:
            return self._close(other, self._reference(number))
        if self.arrays[number] is None or other is None:
            return self.arrays[number] is None and other is None
        return self._close(self.arrays[number], other)

    def _reference(self, number):
        return self.exercise.references[number][self.tensor]

    def _close(self, array, reference):
        return close(array, reference, self.exercise.tolerance)

    def _result(self, wrong, number):
        """What a wrong function gives for a case, None where it raises."""
        arguments = [copied(value) for value in self.exercise.arguments[number].values()]
        try:
            return np.asarray(wrong(*arguments))
        except Exception:
            return None
