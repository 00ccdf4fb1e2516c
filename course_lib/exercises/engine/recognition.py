"""Which mistake is it? Known wrong functions run on the same arguments, and their arrays are compared."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from course_lib.exercises.engine import causes, combining, exchanged, relations
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.question import Mistake, Question, Wrong
from course_lib.exercises.engine.relations import Pair
from course_lib.exercises.engine.running import Run
from course_lib.exercises.engine.variant import Adjustable

NOT_FINITE = "{tensor} contains NaN or infinity. Look for a division by zero, or for numbers that grow too large."
COARSE = "{tensor} is float16, which keeps only three digits. Use float32 or float64."
NOTHING = "{tensor} is None. Did you compute it, and return it?"
NOT_REAL = "{tensor} has dtype {dtype}, but real numbers are expected."
CLEAR = 2  # rank of relations that hold in every call, also where the right array came of it
ABOUT_SHAPES = "shape|broadcast|mismatch|negative"  # in the message of an exception
NOT_INTEGERS = "{tensor} has dtype {dtype}, but integers are expected: they are indices."


class Suspect:
    """One of the results over all cases: the learner's arrays beside the right ones.

    further: makes the small calls that an answer is tried on too, in which a relation must hold as well.
    """

    def __init__(
        self, question: Question, name: str, runs: Sequence[Run], further: Callable[[], Sequence[Run]] = tuple
    ) -> None:
        self.question, self.name, self.further = question, name, further
        self.remarks: list[str] = []
        self.raised = [one.raised for one in runs if one.raised]
        self.arrays = [one.tensors.get(name) for one in runs]
        self.references = [one.expected[name] for one in runs]
        self.right = [self.close(array, ref) for array, ref in zip(self.arrays, self.references, strict=True)]
        for number, one in enumerate(runs):
            if not self.right[number] and question.accept and one.raised is None:
                remark = question.accept(one.case, one.tensors)
                if remark:
                    self.right[number] = True
                    self.remarks.append(remark)
        returned = [one.raised is None for one in runs]
        self.came_wrong = any(came and not ok for came, ok in zip(returned, self.right, strict=True))
        self.missing = any(came and array is None for came, array in zip(returned, self.arrays, strict=True))
        self.stands_in_the_line = any(re.search(rf"\b{re.escape(name)}", raised.line) for raised in self.raised)

    def close(self, array: np.ndarray | None, reference: np.ndarray) -> bool:
        if array is None or _points_nowhere(array, reference):
            return False
        return close(array, reference, self.question.tolerance)

    @cached_property
    def counts_of_axes(self) -> set[int]:
        return {array.ndim for array in self.arrays if array is not None}

    @property
    def came(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(the learner's, the right one) wherever an array was returned."""
        return [(a, ref) for a, ref in zip(self.arrays, self.references, strict=True) if a is not None]

    @cached_property
    def wrong_arrays(self) -> list[bool]:
        """For each case whether an array was returned that is wrong."""
        return [array is not None and not ok for array, ok in zip(self.arrays, self.right, strict=True)]

    @cached_property
    def order(self) -> list[int]:
        """The numbers of the cases, those with a wrong array first: they rule out most known mistakes at once."""
        wrong = self.wrong_arrays
        return sorted(range(len(wrong)), key=lambda number: not wrong[number])

    # ------------------------------------------------------------ what kind of thing was returned

    def about_form(self) -> list[str]:
        """Mistakes that show whatever the values are."""
        if self.missing:
            return [NOTHING.format(tensor=self.name)]
        if not self.came:
            cut_off = any("Cannot cast ufunc" in r.message and "to dtype('int" in r.message for r in self.raised)
            return [causes.WHOLE_NUMBERS.format(tensor=self.name)] if cut_off else []
        dtype = self.came[0][0].dtype
        kinds = {array.dtype.kind for array, _ in self.came}
        if kinds - set("fiub"):
            return [NOT_REAL.format(tensor=self.name, dtype=dtype)]
        if any(_points_nowhere(array, reference) for array, reference in self.came):
            return [NOT_INTEGERS.format(tensor=self.name, dtype=dtype)]
        if dtype == np.float16:
            return [COARSE.format(tensor=self.name)]
        return []

    def guessed(self) -> Sequence[str]:
        """Where no known wrong function fits: what the values or the cases hint at."""
        if any(not np.isfinite(array).all() for array, _ in self.came):
            return [NOT_FINITE.format(tensor=self.name)]
        nonzero = [(array, reference) for array, reference in self.came if array.any()]
        whole = bool(nonzero) and all(np.array_equal(array, np.round(array)) for array, _ in nonzero)
        if whole and any((reference != np.round(reference)).any() for _, reference in nonzero):
            return [causes.WHOLE_NUMBERS.format(tensor=self.name)]
        for says, spoils in self.question.patterns:
            expected = [not spoils(**case) for case in self.question.arguments]
            if any(expected) and not all(expected) and expected == self.right:
                return [says]
        return self.question.otherwise.get(self.name, ()) if self.came_wrong else ()

    # ------------------------------------------------------------ known wrong functions

    def recognised(self) -> list[str]:
        """The sentences of the mistakes whose wrong functions do what the learner's did."""
        mistakes = self.question.mistakes.get(self.name, ())
        known = [(mistake, self._fitted(wrong)) for mistake in mistakes for wrong in mistake.examples]
        if not any(self.wrong_arrays):
            if not all(raised.kind in ("ValueError", "IndexError") for raised in self.raised):
                return []  # a misspelt name is no mistake about shapes, wherever it is come upon
            alone = len(self.question.tensors) == 1 or self.stands_in_the_line
            about_shapes = all(re.search(ABOUT_SHAPES, raised.message) for raised in self.raised)
            return self._fitting(known, self._raises_where) or (
                self._fitting(known, self._raises_where_it_cannot_fit)
                or self._fitting_together(self._raises_where_it_cannot_fit)
                if alone and about_shapes
                else []
            )
        return (
            self._fitting(known, self._equals)
            or self._fitting_together(self._equals)
            or (self._fitting(known, self._equals_where_both_came) if self.raised else [])
            or self._related_to_the_right_one()
            or combining.known_with_a_slip(self, known)
            or combining.changed_with_a_slip(self, known)
            or self._what_is_wrong_with_it()
            or self._fitting(known, self._equals_where_both_came)
            or self._fitting_together(self._equals_where_both_came)
        )

    def _fitted(self, wrong: Wrong) -> Wrong:
        """A wrong function; if it has a free number, with the number that suits the learner's array best."""
        if isinstance(wrong, Adjustable):
            for array, right, case in zip(self.arrays, self.right, self.question.arguments, strict=True):
                if array is not None and not right:
                    return wrong.fitted(array, *case.values())
        return wrong

    def _fitting(self, known: list[tuple[Mistake, Wrong]], fits: Callable[[Wrong], bool]) -> list[str]:
        """The mistakes that fit. One with a free number explains less than one without: it is asked last."""
        fixed = [(mistake, wrong) for mistake, wrong in known if not isinstance(wrong, Adjustable)]
        free = [(mistake, wrong) for mistake, wrong in known if isinstance(wrong, Adjustable)]
        return causes.either([[mistake.message] for mistake, wrong in fixed if fits(wrong)]) or causes.either(
            [[mistake.message] for mistake, wrong in free if fits(wrong)]
        )

    def _fitting_together(self, fits: Callable[[Wrong], bool]) -> list[str]:
        pairs = self.question.pairs.get(self.name, ())
        return causes.either(
            [[a.message, b.message] for a, b, both in pairs if fits(both) and combining.fits_further(self, both)]
        )

    # ------------------------------------------------------------ slips that any lab can have

    def _related_to_the_right_one(self) -> list[str]:
        """What relates the learner's array to the right one in every call that returned it."""
        wrong = self.wrong_pairs
        simple = [relation for relation in self._simple_relations if relation.rank <= CLEAR]
        others = () if self.question.run or not wrong else exchanged.relations(self.question, self.name, wrong)
        return self._holding(simple, self.pairs) or self._holding(others, self.pairs)

    def _what_is_wrong_with_it(self) -> list[str]:
        """What holds of the wrong arrays alone: of the right ones it may be true as well, and tells nothing."""
        return self._holding(
            [relation for relation in self._simple_relations if relation.rank > CLEAR], self.wrong_pairs
        )

    def _holding(self, candidates: Iterable[relations.Relation], pairs: Sequence[Pair]) -> list[str]:
        """The sentences of the most telling relations that hold in all of these calls, and in the further ones."""
        held: list[relations.Relation] = []
        for relation in sorted(candidates, key=lambda relation: relation.rank):
            if held and held[0].rank < relation.rank:
                break
            known = any(relation.family and relation.family == other.family for other in held)
            if relation.cause and not known and all(map(relation.holds, pairs)):
                held.append(relation)
        if held and self.raised and len(self.wrong_pairs) + len(self.further_pairs(False)) < 2:
            return []  # a single wrong array is no rule
        everywhere = len(pairs) == len(self.pairs)
        return causes.either([[self._told(r, everywhere)] for r in held if self._holds_further(r, everywhere)])

    def _told(self, relation: relations.Relation, everywhere: bool) -> str:
        """Its sentence; where right arrays came too, of which it is not true, it says that it is about the others."""
        said = self.said(relation.cause)
        if everywhere or all(map(relation.holds, self.pairs)):
            return said
        return causes.WHERE_WRONG.format(tensor=self.name) + said

    def _holds_further(self, relation: relations.Relation, everywhere: bool) -> bool:
        return all(relation.holds(pair) for pair in self.further_pairs(everywhere))

    def further_pairs(self, right_too: bool) -> list[Pair]:
        """As `pairs`, of the small calls that an answer is tried on too; where an axis has one entry, all is alike."""
        pairs = [
            Pair(one.case, array, one.expected[self.name])
            for one in self.further()
            if (array := one.tensors.get(self.name)) is not None and array.dtype.kind in "fiub"
        ]
        pairs = [pair for pair in pairs if min(pair.expected.shape, default=2) > 1]
        return [pair for pair in pairs if right_too or not self.close(pair.yours, pair.expected)]

    @cached_property
    def pairs(self) -> list[Pair]:
        """The learner's arrays beside the right ones, wherever one was returned."""
        rows = zip(self.question.arguments, self.arrays, self.references, strict=True)
        return [Pair(case, array, reference) for case, array, reference in rows if array is not None]

    @cached_property
    def wrong_pairs(self) -> list[Pair]:
        """Those that differ, smallest first; none where not all are numbers."""
        if not all(np.isfinite(pair.yours).all() for pair in self.pairs):
            return []
        wrong = [pair for pair in self.pairs if not self.close(pair.yours, pair.expected)]
        return sorted(wrong, key=lambda pair: pair.expected.size)

    @cached_property
    def _simple_relations(self) -> list[relations.Relation]:
        wrong, tolerance = self.wrong_pairs, self.question.tolerance
        if not wrong:
            return []
        if self.question.run:  # its results are not what a function returned: no loop of the learner fills them
            return list(relations.slips(wrong[0], self.pairs, tolerance))
        return list(relations.relations(wrong, self.pairs, tolerance))

    def said(self, cause: str) -> str:
        """A sentence on a slip, in the words of the lab where it has its own."""
        own = (m.message for m in self.question.mistakes.get(self.name, ()) if m.name == "sign")
        return next(own, cause.format(tensor=self.name)) if cause == causes.SIGN else cause.format(tensor=self.name)

    def _raises_where(self, wrong: Wrong) -> bool:
        """Right in some cases, an exception in all others, and so is the learner's."""
        return any(self.right) and self._equals(wrong)

    def _raises_where_it_cannot_fit(self, wrong: Wrong) -> bool:
        """The learner's raises where the wrong function's result does not have the shape that is needed."""
        return any(self.right) and all(
            self.close(other, reference) if ok else other is None or other.shape != reference.shape
            for ok, other, reference in zip(self.right, self.results(wrong), self.references, strict=True)
        )

    def _equals(self, wrong: Wrong) -> bool:
        """The same array wherever one was returned, and an exception where the learner's raised one."""
        for number, other in zip(self.order, self.results(wrong, self.order), strict=True):
            array = self.arrays[number]
            if self.right[number]:
                same = self.close(other, self.references[number])
            elif array is None or other is None:
                same = array is None and other is None
            else:
                same = _alike(array, other, self.close)
            if not same:
                return False
        return True

    def _equals_where_both_came(self, wrong: Wrong) -> bool:
        """Wrong in the same cases, and equal in all of them where both gave arrays (one at least).

        Of several results, a call that raised says nothing about this one.
        """
        compared = 0
        for number, other in zip(self.order, self.results(wrong, self.order), strict=True):
            if other is not None and other.ndim not in self.counts_of_axes:
                return False  # it has as many axes in every call, so no shapes will agree
            array, right = self.arrays[number], self.right[number]
            if array is None and len(self.question.tensors) > 1:
                continue
            if right != self.close(other, self.references[number]):
                return False
            if right or array is None or other is None:
                continue
            if not self.close(array, other):
                return False
            compared += 1
        return compared > 0

    def results(self, wrong: Wrong, order: Iterable[int] | None = None) -> Iterator[np.ndarray | None]:
        """What a wrong function gives for each case, None where it raises: one after the other, as asked for."""
        for number in range(len(self.arrays)) if order is None else order:
            yield self.question.result_of(wrong, number)


def _alike(array: np.ndarray, other: np.ndarray, close: Callable[[np.ndarray, np.ndarray], bool]) -> bool:
    """Whether two arrays are close, where both may hold infinities: then in the same places, the same ones."""
    endless = ~np.isfinite(array)
    if not endless.any() or other.shape != array.shape:
        return close(array, other)
    if not np.array_equal(array[endless], other[endless], equal_nan=True) or not np.isfinite(other[~endless]).all():
        return False
    return close(np.where(endless, 0, array), np.where(endless, 0, other))


def _points_nowhere(array: np.ndarray, reference: np.ndarray) -> bool:
    """Whether what should be indices are floats, which cannot index anything."""
    return reference.dtype.kind in "iu" and array.dtype.kind == "f"
