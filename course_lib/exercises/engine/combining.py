"""Two slips in one array: a known mistake, or other arguments, and a factor, a sign or another order of axes on top."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from course_lib.exercises.engine import causes, relations
from course_lib.exercises.engine.changes import changes
from course_lib.exercises.engine.question import Mistake, Question, Wrong, copied
from course_lib.exercises.engine.relations import Pair, Relation
from course_lib.exercises.engine.variant import Adjustable, Changed

Known = Sequence[tuple[Mistake, Wrong]]


class Suspected(Protocol):
    """What is asked of a result that is wrong, as `recognition.Suspect` knows it."""

    question: Question
    name: str
    arrays: list[np.ndarray | None]
    references: list[np.ndarray]
    raised: list[Any]

    @property
    def order(self) -> list[int]: ...

    @property
    def wrong_pairs(self) -> list[Pair]: ...

    def close(self, array: np.ndarray | None, reference: np.ndarray) -> bool: ...

    def further_pairs(self, right_too: bool) -> list[Pair]: ...

    def results(self, wrong: Wrong, order: Iterable[int] | None = None) -> Iterator[np.ndarray | None]: ...

    def said(self, cause: str) -> str: ...


def known_with_a_slip(suspect: Suspected, known: Known) -> list[str]:
    """The sentences of a known mistake and of what was made of its result."""
    question = suspect.question
    if question.start:
        as_found = [(causes.STILL, question.alone(suspect.name, question.start))]
        if found := _with_a_slip(suspect, known, as_found):
            return causes.either(found)
    return causes.either(_with_a_slip(suspect, known, ((mistake.message, wrong) for mistake, wrong in known)))


def changed_with_a_slip(suspect: Suspected, known: Known) -> list[str]:
    """As `known_with_a_slip`, for what would be right for other arguments."""
    question = suspect.question
    if question.run or not suspect.wrong_pairs:
        return []

    def answer(*arguments: object) -> object:
        return question.expected(dict(zip(question.arguments[0], arguments, strict=True)))[suspect.name]

    others = (
        (causes.AS_IF.format(says=says, why=why).format(tensor=suspect.name), Changed(answer, list(case), change))
        for case in [suspect.wrong_pairs[0].case]
        for says, change, why in changes(case)
    )
    return causes.either(_with_a_slip(suspect, known, others))


def _with_a_slip(suspect: Suspected, known: Known, candidates: Iterable[tuple[str, Wrong]]) -> list[list[str]]:
    """Those that fit; if the lab has words of its own for what was made of some, only these."""
    found = list(_fitting(suspect, known, candidates))
    return [sentences for sentences, own in found if own] or [sentences for sentences, _ in found]


def _fitting(
    suspect: Suspected, known: Known, candidates: Iterable[tuple[str, Wrong]]
) -> Iterator[tuple[list[str], bool]]:
    number = next((n for n in suspect.order if _tells_much(suspect.arrays[n])), None)
    if number is None:
        return
    array, case = suspect.arrays[number], suspect.question.arguments[number]
    assert array is not None
    tolerance = suspect.question.tolerance
    for says, wrong in candidates:
        with np.errstate(all="ignore"):
            (other,) = suspect.results(wrong, [number])
        if other is None or other.size != array.size or not np.isfinite(other).all() or not other.any():
            continue
        if suspect.close(array, other):
            continue  # that alone explains it, or another result of the same answer
        first = Pair(case, array, other)
        if relations.may_be_a_slip(first, tolerance):
            pairs = _beside(suspect, wrong)
            slips = relations.slips(first, pairs, tolerance) if pairs else ()
            slip = next((slip for slip in slips if all(map(slip.holds, pairs))), None)
            if slip and all(map(slip.holds, _further_beside(suspect, wrong))):
                own = _in_own_words(suspect, known, slip)
                yield [says, own or suspect.said(slip.cause)], bool(own)


def _in_own_words(suspect: Suspected, known: Known, slip: Relation) -> str:
    """The sentence of the lab's own mistake that makes this of the right array, or ""."""
    for mistake, wrong in known:
        if isinstance(wrong, Adjustable):
            continue
        rows = zip(suspect.question.arguments, suspect.results(wrong), suspect.references, strict=True)
        if all(other is not None and slip.holds(Pair(case, other, right)) for case, other, right in rows):
            return mistake.message
    return ""


def _tells_much(array: np.ndarray | None) -> bool:
    return (
        array is not None
        and array.size > (array.ndim > 0)
        and array.dtype.kind == "f"
        and bool(np.isfinite(array).all())
    )


def _beside(suspect: Suspected, wrong: Wrong) -> list[Pair]:
    """The learner's arrays beside those of a wrong function; none where only one of the two returns an array."""
    others = list(suspect.results(wrong))
    if any((a is None) != (other is None) for a, other in zip(suspect.arrays, others, strict=True)):
        return []
    rows = zip(suspect.question.arguments, suspect.arrays, others, strict=True)
    return [Pair(case, a, other) for case, a, other in rows if a is not None and other is not None]


def _further_beside(suspect: Suspected, wrong: Wrong) -> list[Pair]:
    """As `_beside`, of the small calls; those that one of the two cannot take are left out."""
    pairs = []
    for pair in suspect.further_pairs(right_too=True):
        with suppress(Exception), np.errstate(all="ignore"):
            other = np.asarray(wrong(*map(copied, pair.case.values())))
            pairs += [Pair(pair.case, pair.yours, other)] if np.isfinite(other).all() else []
    return pairs


def fits_further(suspect: Suspected, wrong: Wrong) -> bool:
    """Two slips of many may fit the cases of a lab by chance: whether they fit small calls, too."""
    if suspect.raised:
        return True
    return all(suspect.close(pair.yours, pair.expected) for pair in _further_beside(suspect, wrong))
