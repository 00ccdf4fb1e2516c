"""Judging an answer: is it right, and if not, which mistake is it?

A wrong answer is recognised by running known wrong functions on the same arguments and comparing arrays.
Nothing is read from the learner's source.
"""

import re
from contextlib import suppress
from itertools import combinations, permutations

import numpy as np

from course_lib.exercises import findings, guard
from course_lib.exercises.attempts import attempt, call_text, copied, describe
from course_lib.exercises.findings import close
from course_lib.exercises.guard import watched
from course_lib.exercises.slips import Slip
from course_lib.exercises.verdict import Verdict

WHOLE_NUMBERS = (
    "Every entry of {tensor} is a whole number: the array it is built in has an integer dtype, "
    "and cuts off what comes behind the point."
)
NOT_FINITE = "{tensor} holds NaN or infinity. Look for a division by zero, or for numbers that grow too large."
COARSE = "{tensor} is float16, with three digits only. float32 is the least that gradients are computed in."
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
    attempts = []
    case = None
    with watched() as seen:
        for case, expected in (first, first, *others):  # the first twice: what is kept between calls shows
            attempts.append(attempt(exercise, f, case, expected))
    verdict.printed = seen.printed
    verdict.remarks += [f"NumPy warned: {text}" for text in seen.warned]
    if seen.stopped is not None:
        return _stopped(verdict, seen.stopped, case)
    if all(one.empty for one in attempts):
        verdict.status = "not attempted"
        return verdict
    if exercise.start and _as_at_the_start(exercise, attempts):
        verdict.status = "not attempted"
        verdict.remarks.append(AS_FOUND)
        return verdict

    _results_in_order(verdict, exercise, attempts)
    _arguments_unchanged(verdict, attempts)
    _memory_between_calls(verdict, exercise, *attempts[:2])
    again = attempts.pop(1)
    _returned_as_expected(verdict, attempts)
    _judge_tensors(verdict, exercise, attempts)
    raised = [one.raised for one in attempts if one.error is not None]
    if raised:
        verdict.status, verdict.raised = "error", raised[0]
    if verdict.status == "right":
        _with_remarks(verdict, exercise, f, attempts[0], again)
    else:
        findings.add(verdict, exercise, f, attempts)
    return verdict


def _stopped(verdict, error, case):
    verdict.status, verdict.raised = "error", describe(error, call_text(case))
    verdict.raised.kind, verdict.raised.message = (
        ("Out of time", f"it was still running after {guard.SECONDS} s. Is there a loop whose end is never reached?")
        if isinstance(error, guard.OutOfTime)
        else ("Interrupted", "you stopped it, and nothing is lost.")
    )
    return verdict


def _as_at_the_start(exercise, attempts):
    """Whether it still does what the broken function does that the learner was given."""
    for one in attempts:
        given = attempt(exercise, exercise.start, one.case, one.expected)
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


def _results_in_order(verdict, exercise, attempts):
    """Put results that came in another order right, and say so: then each can be judged for itself."""
    names = exercise.tensors
    whole = [one for one in attempts if one.tensors and all(array is not None for array in one.tensors.values())]
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


def _fit(exercise, attempts, given, name):
    """How well what was returned as `given` would do as `name`: shapes count first, then values."""
    pairs = [(one.tensors[given], one.expected[name]) for one in attempts]
    shapes = sum(array.shape == expected.shape for array, expected in pairs)
    return 100 * shapes + sum(close(array, expected, exercise.tolerance) for array, expected in pairs)


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
        added = once.shape == twice.shape and close(twice - once, first.expected[name], exercise.tolerance)
        _told(verdict, name, ADDED_UP if added else ANOTHER_ANSWER)


def _returned_as_expected(verdict, attempts):
    for one in attempts:
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
    with watched(), suppress(Exception):
        fine = bool(trial(f))
    return fine


# ---------------------------------------------------------------- tensor by tensor


def _judge_tensors(verdict, exercise, attempts):
    """Tell what is wrong with each of the results, over all cases."""
    if any(one.complaint for one in attempts):
        return
    suspects = [_Tensor(verdict, exercise, name, attempts) for name in exercise.tensors]
    suspects = [suspect for suspect in suspects if not all(suspect.right)]
    if not suspects:
        return
    verdict.status = "wrong"
    told = {suspect.name: suspect.about_form() or suspect.recognised() for suspect in suspects}
    if any(one.error is not None for one in attempts):
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


class _Tensor:
    """One of the results over all cases: the learner's arrays beside the right ones."""

    def __init__(self, verdict, exercise, name, attempts):
        self.exercise, self.name = exercise, name
        self.raised = [one.raised for one in attempts if one.error is not None]
        self.arrays = [one.tensors.get(name) for one in attempts]
        self.references = [one.expected[name] for one in attempts]
        self.right = [self.close(array, ref) for array, ref in zip(self.arrays, self.references, strict=True)]
        for number, one in enumerate(attempts):
            if not self.right[number] and exercise.accept and one.error is None:
                remark = exercise.accept(one.case, one.tensors)
                if remark:
                    self.right[number] = True
                    verdict.remarks += [remark] if remark not in verdict.remarks else []
        returned = [one.error is None for one in attempts]
        self.came_wrong = any(came and not ok for came, ok in zip(returned, self.right, strict=True))
        self.stands_in_the_line = any(re.search(rf"\b{re.escape(name)}", raised.line) for raised in self.raised)

    def close(self, array, reference):
        return close(array, reference, self.exercise.tolerance)

    @property
    def came(self):
        """(the learner's, the right one) wherever an array came back."""
        return [(a, ref) for a, ref in zip(self.arrays, self.references, strict=True) if a is not None]

    # ------------------------------------------------------------ what kind of thing came back

    def about_form(self):
        """Mistakes that show whatever the values are."""
        if not self.came:
            cut_off = any("Cannot cast ufunc" in r.message and "to dtype('int" in r.message for r in self.raised)
            says = [WHOLE_NUMBERS] if cut_off else [] if self.raised else [NOTHING]
            return [sentence.format(tensor=self.name) for sentence in says]
        dtype = self.came[0][0].dtype
        kinds = {array.dtype.kind for array, _ in self.came}
        if kinds - set("fiub"):
            return [f"{self.name} has dtype {dtype}, but real numbers are expected."]
        if "f" in kinds and self.references[0].dtype.kind in "iu":
            return [f"{self.name} has dtype {dtype}, but integers are expected: they say where something stands."]
        if dtype == np.float16:
            return [COARSE.format(tensor=self.name)]
        if any(not np.isfinite(array).all() for array, _ in self.came):
            return [NOT_FINITE.format(tensor=self.name)]
        return []

    def guessed(self):
        """Where no known wrong function fits: what the values or the cases hint at."""
        nonzero = [(array, reference) for array, reference in self.came if array.any()]
        whole = bool(nonzero) and all(np.array_equal(array, np.round(array)) for array, _ in nonzero)
        if whole and any((reference != np.round(reference)).any() for _, reference in nonzero):
            return [WHOLE_NUMBERS.format(tensor=self.name)]
        for says, spoils in self.exercise.patterns:
            expected = [not spoils(**case) for case in self.exercise.arguments]
            if any(expected) and not all(expected) and expected == self.right:
                return [says]
        return self.exercise.otherwise.get(self.name, ())

    # ------------------------------------------------------------ known wrong functions

    def recognised(self):
        """The sentences of the mistakes whose wrong functions do what the learner's did."""
        mistakes = self.exercise.mistakes.get(self.name, ())
        known = [(mistake, self._fitted(wrong)) for mistake in mistakes for wrong in mistake.wrongs]
        came_wrong = [not ok and array is not None for ok, array in zip(self.right, self.arrays, strict=True)]
        self.order = sorted(range(len(self.arrays)), key=lambda number: not came_wrong[number])
        if not any(came_wrong):
            alone = len(self.exercise.tensors) == 1 or self.stands_in_the_line
            about_shapes = all(re.search("shape|broadcast|size", raised.message) for raised in self.raised)
            return self._fitting(known, self._raises_where) or (
                self._fitting(known, self._raises_where_it_cannot_fit) if alone and about_shapes else []
            )
        return (
            self._fitting(known, self._equals)
            or self._fitting_together(known)
            or self._fitting(known, self._equals_where_both_came)
        )

    def _fitted(self, wrong):
        """A wrong function that has a free number, with the number that suits the learner's array best."""
        if hasattr(wrong, "fitted"):
            for array, right, case in zip(self.arrays, self.right, self.exercise.arguments, strict=True):
                if array is not None and not right:
                    return wrong.fitted(array, *case.values())
        return wrong

    def _fitting(self, known, fits):
        return next(([mistake.says] for mistake, wrong in known if fits(wrong)), [])

    def _fitting_together(self, known):
        for (one, a), (other, b) in combinations(known, 2):
            if one is not other and isinstance(a, Slip) and isinstance(b, Slip):
                both = a.with_(b)
                if both and self._equals(both):
                    return [one.says, other.says]
        return []

    def _raises_where(self, wrong):
        """Right in some cases, an exception in all others, and so is the learner's."""
        return any(self.right) and self._equals(wrong)

    def _raises_where_it_cannot_fit(self, wrong):
        """The learner's raises where what the wrong function gives has not the shape that is needed."""
        return any(self.right) and all(
            self.close(other, reference) if ok else other is None or other.shape != reference.shape
            for ok, other, reference in zip(self.right, self._results(wrong), self.references, strict=True)
        )

    def _equals(self, wrong):
        """The same array wherever one came back, and an exception where the learner's raised one."""
        for number, other in zip(self.order, self._results(wrong, self.order), strict=True):
            array = self.arrays[number]
            if self.right[number]:
                same = self.close(other, self.references[number])
            elif array is None or other is None:
                same = array is None and other is None
            else:
                same = self.close(array, other)
            if not same:
                return False
        return True

    def _equals_where_both_came(self, wrong):
        """Wrong in the same cases, and equal in all of them where both gave arrays of one shape (one at least).

        Of several results, a call that raised says nothing about this one.
        """
        compared = 0
        for number, other in zip(self.order, self._results(wrong, self.order), strict=True):
            array, right = self.arrays[number], self.right[number]
            if array is None and len(self.exercise.tensors) > 1:
                continue
            if right != self.close(other, self.references[number]):
                return False
            if right or array is None or other is None or array.shape != other.shape:
                continue
            if not self.close(array, other):
                return False
            compared += 1
        return compared > 0

    def _results(self, wrong, order=None):
        """What a wrong function gives for each case, None where it raises: one after the other, as asked for."""
        for number in range(len(self.arrays)) if order is None else order:
            yield self._result(wrong, number)

    def _result(self, wrong, number):
        """What a wrong function gives for a case, None where it raises."""
        arguments = [copied(value) for value in self.exercise.arguments[number].values()]
        try:
            return np.asarray(wrong(*arguments))
        except Exception:
            return None
