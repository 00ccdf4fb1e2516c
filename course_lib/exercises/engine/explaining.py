"""Sentences that are true of a wrong answer, whatever it does: found by comparing and by asking, not by recognising."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from course_lib import looks
from course_lib.exercises.engine import exchanged, probing, seen
from course_lib.exercises.engine.describing import call_text
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.question import Question
from course_lib.exercises.engine.recognition import NOT_INTEGERS
from course_lib.exercises.engine.relations import Pair, relations
from course_lib.exercises.engine.repeating import KEPT, RANDOM, UNSET
from course_lib.exercises.engine.running import Run
from course_lib.exercises.engine.seen import Seen
from course_lib.exercises.engine.verdict import Verdict

MOST = 3  # sentences about one result
SECONDS = 3  # after which no more is asked: far more than it takes, but for a function that hardly ends
FIGURES = 4
MOST_ASKED = 6  # more calls of which it is asked whether a result follows an argument
SAYS_MOST = 40  # numbers in the arguments by which relations are looked for: fewer fit by chance, more take time
FEW_ENTRIES = 4  # of a result, of which many things are true by chance

Ranked = tuple[int, str]  # how telling a sentence is (small first), the sentence


def explain(verdict: Verdict, question: Question, f: Any, everything: Sequence[Run]) -> None:
    """Fill in verdict.explained for every result that is wrong; `everything` are all calls that were made."""
    wrong = [name for name in question.tensors if name in _told(verdict)]
    if not wrong and any(one.raised for one in everything):
        wrong = list(question.tensors[:1])
    by_chance = {UNSET, RANDOM, KEPT}
    features = seen.features([one.case for one in everything if not one.complaint])
    for tensor in wrong:
        if by_chance & set(verdict.mistakes.get(tensor, ())):
            continue  # its numbers mean nothing
        calls = seen.seen_in(question, tensor, everything)
        found: list[Ranked] = []
        with supervised(SECONDS):
            for ranked in _sentences(question, f, tensor, calls, features, found):
                found.append(ranked)
        chosen = [sentence for _, sentence in sorted(found, key=lambda ranked: ranked[0])]
        sentences = list(dict.fromkeys(chosen))[:MOST] or _at_least(tensor, calls)
        if sentences:
            verdict.explained[tensor] = sentences
    for name, one in _changed(everything):
        verdict.explained.setdefault(name, [one])
    for complaint in (one.complaint for one in everything if one.complaint):
        verdict.explained.setdefault("results", [complaint])
    for name, told in verdict.mistakes.items():
        verdict.explained.setdefault(name, list(told))


def _told(verdict: Verdict) -> set[str]:
    return {*verdict.mistakes, *(finding.tensor for finding in verdict.findings)}


def _is_full(found: Sequence[Ranked], rank: int) -> bool:
    """Whether a sentence of that rank that comes now would not be told: enough came before that tell as much."""
    return len({sentence for ranked, sentence in found if ranked <= rank}) >= MOST


def _sentences(
    question: Question,
    f: Any,
    tensor: str,
    calls: Sequence[Seen],
    features: Sequence[seen.Marked],
    found: Sequence[Ranked],
) -> Iterator[Ranked]:
    """features: what is said of some calls. found: sentences that came already.

    What costs much is not asked once enough is known that tells more.
    """
    tolerance = question.tolerance
    wrong = [one for one in calls if one.wrong]
    dtypes = [one for one in wrong if one.expected.dtype.kind in "iu" and one.yours.dtype.kind == "f"]  # type: ignore[union-attr]
    if dtypes:
        yield 0, NOT_INTEGERS.format(tensor=tensor, dtype=dtypes[0].yours.dtype)  # type: ignore[union-attr]
        return
    if stops := seen.where_it_stops(calls, features):
        yield 2, stops
    related = list(_related(question, tensor, calls)) if wrong else []
    if where := seen.where_right(tensor, calls, features):
        clear, sentence = where
        yield 1 if clear and not any(says.startswith("In every call") for _, says in related) else 3, sentence
    if not wrong:
        return
    habits = probing.habits_of(question, tensor)
    if shape := seen.by_shape(tensor, calls):
        yield 2, shape
    endless = sum(not np.isfinite(one.yours).all() for one in wrong)  # type: ignore[arg-type]
    if endless:
        yield 0, f"{tensor} contains NaN or infinity in {endless} of {len(calls)} calls tried."
    yield from related
    if sign := probing.by_sign(tensor, calls, habits, tolerance):
        yield 1, sign
    if formula := probing.formula(tensor, calls):
        yield 1, formula
    probes = probing.Probes(question, f, tensor, calls)
    rng = np.random.default_rng(0)
    small = sorted(wrong, key=lambda one: (one.expected.size < 3, seen.size(one.case)))
    tried = [*small[:2], max(wrong, key=lambda one: seen.size(one.case))]  # a large one too: small ones use little
    others = [one.case for one in wrong[:: len(wrong) // MOST_ASKED + 1]]
    for sentence in probing.dependence(probes, [one.case for one in tried], others, habits, rng):
        yield 3 if sentence.startswith("With") else 1, sentence
    for one in small:
        if one.expected.ndim > 1 and len(one.expected) > 1:
            if alone := probing.images(probes, one.case, rng):
                yield 1, alone
            break
    if not _is_full(found, 2) and (product := probing.products(probes, calls)):
        yield 2, product
    if not _is_full(found, 4) and not related and len(wrong) > 1:
        yield from _related_in_one(question, tensor, seen.pairs(wrong))


def _related(question: Question, tensor: str, calls: Sequence[Seen]) -> Iterator[Ranked]:
    """How the arrays relate to the right ones."""
    wrong, everywhere = seen.pairs(one for one in calls if one.wrong), seen.pairs(calls)
    wrong = sorted(wrong, key=_first_asked)
    held: set[str] = set()
    for candidates in (relations(wrong, everywhere, question.tolerance), exchanged.relations(question, tensor, wrong)):
        for relation in sorted(candidates, key=lambda relation: relation.rank):
            if relation.says in held or not all(relation.holds(p) for p in wrong):
                continue
            held.add(relation.says)
            if all(relation.holds(p) for p in everywhere):
                which = "that returns" if any(one.raised for one in calls) else "tried"
                yield relation.rank, f"In every call {which}, {tensor} is {relation.says}."
            else:
                yield relation.rank, f"Wherever {tensor} is wrong, it is {relation.says}."
            if len(held) == 2 or relation.rank == 0:
                return
        if held:  # what else it would be right for takes long to find
            return


def _first_asked(pair: Pair) -> tuple[bool, int]:
    """Which calls are asked first of relations: not too small, and the same for all results, whose values are kept."""
    return pair.expected.size < FEW_ENTRIES, abs(seen.size(pair.case) - SAYS_MOST)


def _related_in_one(question: Question, tensor: str, pairs: Sequence[Pair]) -> Iterator[Ranked]:
    """What holds in several of the wrong calls, though not in all."""
    wrong = sorted(pairs, key=_first_asked)
    asked = [pair for pair in wrong if pair.expected.size > 1]
    for first in (wrong[0], wrong[len(wrong) // 2]):
        if first.expected.size < 2:
            continue
        for relation in sorted(relations([first], [first], question.tolerance), key=lambda relation: relation.rank):
            held = _held_in_most(relation, asked)
            if held > 2:
                which = f"calls with a wrong {tensor} of more than one entry"
                yield 4, f"In {held} of the {len(asked)} {which}, it is {relation.says}."
                return


def _held_in_most(relation: Any, pairs: Sequence[Any]) -> int:
    """In how many of the calls it holds; 0 as soon as these cannot be more than half."""
    held = 0
    for left, pair in zip(range(len(pairs) - 1, -1, -1), pairs, strict=True):
        held += relation.holds(pair)
        if 2 * (held + left) <= len(pairs):
            return 0
    return held


def _at_least(tensor: str, calls: Sequence[Seen]) -> list[str]:
    """What can be said of anything: the first thing that is not as it should be."""
    for one in sorted(calls, key=lambda one: seen.size(one.case)):
        if one.right:
            continue
        called = f"With {call_text(one.case)}"
        if one.raised:
            return [f"{called} it stops with {one.raised}"]
        if one.yours is None:
            return [f"{called} no {tensor} comes back."]
        if one.yours.dtype.kind not in "fiub" or one.yours.dtype.kind != one.expected.dtype.kind:
            return [f"{called} {tensor} has dtype {one.yours.dtype}, and {one.expected.dtype} is expected."]
        if one.yours.shape != one.expected.shape:
            shapes = f"its shape is {one.yours.shape}, where {one.expected.shape} is expected"
            return [f"{tensor} has the wrong shape: with {call_text(one.case)} {shapes}."]
        return [f"{called} {_first_difference(tensor, one)}"]
    return []  # wrong when called a second time, or in the argument of that name


def _first_difference(tensor: str, one: Seen) -> str:
    assert one.yours is not None
    off = np.argwhere(~np.isclose(one.yours, one.expected, rtol=1e-5, atol=1e-8))
    place = tuple(int(i) for i in off[0]) if len(off) else (0,) * one.expected.ndim
    entry = f"{tensor}[{', '.join(map(str, place))}]" if place else tensor
    yours, expected = (looks.number(array[place], FIGURES) for array in (one.yours, one.expected))
    return f"{entry} is {yours}, and {expected} is expected."


def _changed(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    for one in runs:
        for name in one.changed:
            yield name, f"With {call_text(one.case)}, {name} holds other numbers after the call than before."
