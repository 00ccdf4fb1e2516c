"""Which mistake is it? Known wrong functions run on the same arguments, and their arrays are compared."""

import re
from functools import cached_property

import numpy as np

from course_lib.exercises.engine.compare import close

WHOLE_NUMBERS = (
    "Every entry of {tensor} is a whole number. An array of integer dtype cuts off what comes behind the point, "
    "and a number written into the code stays what it is, whatever the arguments."
)
NOT_FINITE = "{tensor} holds NaN or infinity. Look for a division by zero, or for numbers that grow too large."
COARSE = "{tensor} is float16, with three digits only. float32 is the least that gradients are computed in."
NOTHING = "{tensor} is None. Is it computed, and does it stand behind `return`?"


class Suspect:
    """One of the results over all cases: the learner's arrays beside the right ones."""

    def __init__(self, exercise, name, runs):
        self.exercise, self.name, self.remarks = exercise, name, []
        self.raised = [one.raised for one in runs if one.error is not None]
        self.arrays = [one.tensors.get(name) for one in runs]
        self.references = [one.expected[name] for one in runs]
        self.right = [self.close(array, ref) for array, ref in zip(self.arrays, self.references, strict=True)]
        for number, one in enumerate(runs):
            if not self.right[number] and exercise.accept and one.error is None:
                remark = exercise.accept(one.case, one.tensors)
                if remark:
                    self.right[number] = True
                    self.remarks.append(remark)
        returned = [one.error is None for one in runs]
        self.came_wrong = any(came and not ok for came, ok in zip(returned, self.right, strict=True))
        self.missing = any(came and array is None for came, array in zip(returned, self.arrays, strict=True))
        self.stands_in_the_line = any(re.search(rf"\b{re.escape(name)}", raised.line) for raised in self.raised)

    def close(self, array, reference):
        return close(array, reference, self.exercise.tolerance) and not self._points_nowhere(array, reference)

    @staticmethod
    def _points_nowhere(array, reference):
        """Whether what should be indices are numbers with a point, by which nothing can be looked up."""
        return reference.dtype.kind in "iu" and array.dtype.kind == "f"

    @property
    def came(self):
        """(the learner's, the right one) wherever an array came back."""
        return [(a, ref) for a, ref in zip(self.arrays, self.references, strict=True) if a is not None]

    @cached_property
    def wrong_arrays(self):
        """For each case whether an array came back that is wrong."""
        return [array is not None and not ok for array, ok in zip(self.arrays, self.right, strict=True)]

    @cached_property
    def order(self):
        """The numbers of the cases, those with a wrong array first: there most known mistakes are ruled out at once."""
        wrong = self.wrong_arrays
        return sorted(range(len(wrong)), key=lambda number: not wrong[number])

    # ------------------------------------------------------------ what kind of thing came back

    def about_form(self):
        """Mistakes that show whatever the values are."""
        if self.missing:
            return [NOTHING.format(tensor=self.name)]
        if not self.came:
            cut_off = any("Cannot cast ufunc" in r.message and "to dtype('int" in r.message for r in self.raised)
            return [WHOLE_NUMBERS.format(tensor=self.name)] if cut_off else []
        dtype = self.came[0][0].dtype
        kinds = {array.dtype.kind for array, _ in self.came}
        if kinds - set("fiub"):
            return [f"{self.name} has dtype {dtype}, but real numbers are expected."]
        if any(self._points_nowhere(array, reference) for array, reference in self.came):
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
        return self.exercise.otherwise.get(self.name, ()) if self.came_wrong else ()

    # ------------------------------------------------------------ known wrong functions

    def recognised(self):
        """The sentences of the mistakes whose wrong functions do what the learner's did."""
        mistakes = self.exercise.mistakes.get(self.name, ())
        known = [(mistake, self._fitted(wrong)) for mistake in mistakes for wrong in mistake.examples]
        if not any(self.wrong_arrays):
            if not all(raised.kind in ("ValueError", "IndexError") for raised in self.raised):
                return []  # a misspelt name is no mistake about shapes, wherever it is come upon
            alone = len(self.exercise.tensors) == 1 or self.stands_in_the_line
            about_shapes = all(re.search("shape|broadcast|mismatch", raised.message) for raised in self.raised)
            return self._fitting(known, self._raises_where) or (
                self._fitting(known, self._raises_where_it_cannot_fit) if alone and about_shapes else []
            )
        return (
            self._fitting(known, self._equals)
            or self._fitting_together()
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
        return next(([mistake.message] for mistake, wrong in known if fits(wrong)), [])

    def _fitting_together(self):
        pairs = self.exercise.pairs.get(self.name, ())
        return next(([one.message, other.message] for one, other, both in pairs if self._equals(both)), [])

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
            yield self.exercise.result_of(wrong, number)
