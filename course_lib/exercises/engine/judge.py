"""Judging an answer: is it right, and if not, what is wrong with it? Nothing is read from the learner's source."""

import dis
import inspect
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np

from course_lib.exercises.engine import explaining, findings, guard, repeating, shrinking
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.describing import call_text, describe
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.pace import is_same_code
from course_lib.exercises.engine.question import Case, Question
from course_lib.exercises.engine.recognition import Suspect
from course_lib.exercises.engine.running import Run, run_case, worst_error
from course_lib.exercises.engine.verdict import Passed, Raised, Verdict

NOT_A_FUNCTION = "This is not a function but {a_kind}: run the cell that defines yours."
ORDER = "The results are in the wrong order: yours are {given}, but {expected} are expected."
CHANGED = (
    "{name} is not the same after the call. Leave the arguments as they are: other code still needs them. "
    "Work on a copy, or on a new array."
)
ROUNDED = (
    "{name} is nearly the same after the call, but not quite: adding and subtracting leave rounding errors. "
    "Keep the old value and put that back, or work on a copy."
)
ADDED_UP = (
    "A second identical call returns more than the first: something from the earlier call is still in the sum. "
    "Start from fresh zeros in every call."
)
AS_FOUND = "It still does what it did when you found it."
STILL_LOOPS = "It is right and slow, as you found it: its loop is still there."
SAME_ARRAY = (
    "It returns the same array in every call and overwrites it, so an earlier result changes with the next call. "
    "Make a new array in each call."
)
RARE = "It is right on all usual shapes, and wrong in {failed} of {tried} calls with small and rare ones."
NO_RETURN = "It returns nothing. Does its last line begin with `return`?"
OF_NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}  # what Python makes of an empty function
SECONDS = 3  # for all further calls of a wrong answer: far more than they take, but for a function that hardly ends
MOST_REPEATED = 4  # wrong calls that are repeated, to see whether they return the same
OUT_OF_TIME = "it was still running after {seconds} s. Is there a loop that never ends?"
INTERRUPTED = "you stopped it, and nothing is lost."


def judge(question: Question, f: Any, explain: bool = True) -> Verdict:
    """Hold f, a learner's function or class, against the answer to a question.

    explain: whether to fill in `explained` and `smallest` too, which takes most of the time for a wrong answer.
    """
    with question.remembering():
        return _judged(question, f, explain)


def _judged(question: Question, f: Any, explain: bool) -> Verdict:
    verdict = Verdict(question.name, "right", goes_on=question.symptom is None)
    if not callable(f):
        verdict.status = "error"
        verdict.remarks.append(NOT_A_FUNCTION.format(a_kind=_with_article(type(f).__name__)))
        return verdict
    first, *others = zip(question.arguments, question.references, strict=True)
    runs: list[Run] = []
    case: Case = {}
    with supervised() as seen:
        for case, expected in (first, first, *others):  # the first twice: what is kept between calls shows
            with repeating.unset_holds(len(runs)):
                runs.append(run_case(question, f, case, expected))
    verdict.printed = seen.printed
    verdict.remarks += [f"NumPy warned: {text}" for text in seen.warned]
    if seen.stopped is not None:
        return _stopped(verdict, seen.stopped, case)
    if all(one.empty for one in runs):
        verdict.status = "not attempted"
        if _does_something(f) and not any(one.raised for one in runs):
            verdict.status, verdict.mistakes["results"] = "wrong", [NO_RETURN]
            verdict.explained["results"] = [NO_RETURN]
        return verdict
    if question.start and _untouched(question, question.start, f, runs):
        verdict.status = "not attempted"
        verdict.remarks.append(STILL_LOOPS if question.pace else AS_FOUND)
        return verdict

    further = _Further(question, f, _results_in_order(verdict, question, runs))
    _arguments_unchanged(verdict, runs)
    _memory_between_calls(verdict, question, f, *runs[:2])
    again = runs.pop(1)
    _returned_as_expected(verdict, runs)
    _memory_never_set(verdict, question, f, runs)
    _judge_tensors(verdict, question, runs, further)
    raised = [one.raised for one in runs if one.raised]
    if raised:
        _known_exceptions(verdict, question, raised[0])
        verdict.status, verdict.raised = "error", raised[0]
    telling = runs
    if verdict.status == "right":
        more = _on_further_cases(verdict, question, f)
        telling = [one for one in more if not _passed(question, one)]
        runs += more
    if verdict.status == "right":
        _with_remarks(verdict, question, f, runs[0], again)
        verdict.passed = Passed(len(runs), len({_geometry(one.case) for one in runs}), worst_error(question, runs))
    else:
        findings.add(verdict, question, telling, _on_the_probe(verdict, question, f, telling))
        if explain:
            explaining.explain(verdict, question, f, [*telling, *further()])
            verdict.smallest = shrinking.smallest(question, f, verdict, telling)
    return verdict


class _Further:
    """The calls of an answer with the further cases, made once and only if they are asked for."""

    def __init__(self, question: Question, f: Any, order: Sequence[str]) -> None:
        self.question, self.f, self.order = question, f, order

    def __call__(self) -> list[Run]:
        return self.runs

    @cached_property
    def runs(self) -> list[Run]:
        runs: list[Run] = []
        with supervised(SECONDS):
            for case, expected in self.question.further_runs:
                runs.append(run_case(self.question, self.f, case, expected))
        for one in runs:
            _reorder(one, self.order, self.question.tensors)
        return runs


def _on_further_cases(verdict: Verdict, question: Question, f: Any) -> list[Run]:
    """Try an answer that passed on small cases of many more geometries. Returns the calls.

    No known mistake is looked for there: all of them show in the cases that it passed.
    """
    runs: list[Run] = []
    case: Case = {}
    with supervised() as seen:
        for case, expected in question.further_runs:
            with repeating.unset_holds(len(runs)):
                runs.append(run_case(question, f, case, expected))
    if seen.stopped is not None:
        _stopped(verdict, seen.stopped, case)
        return runs
    failed = [one for one in runs if not _passed(question, one)]
    if failed:
        verdict.status = "wrong"
        verdict.remarks.append(RARE.format(failed=len(failed), tried=len(runs)))
        _memory_never_set(verdict, question, f, failed)
        _arguments_unchanged(verdict, failed)
        _returned_as_expected(verdict, failed)
    raised = next((one.raised for one in failed if one.raised), None)
    if raised:
        verdict.status, verdict.raised = "error", raised
    return runs


def _does_something(f: Any) -> bool:
    """Whether f is a function of Python in which more than a docstring, `...` or `pass` was written."""
    return inspect.isfunction(f) and not {one.opname for one in dis.get_instructions(f)} <= OF_NOTHING


def _geometry(case: Case) -> tuple[Any, ...]:
    """The shapes of its arrays, and its whole numbers."""
    return tuple(
        value.shape if isinstance(value, np.ndarray) else value
        for value in case.values()
        if isinstance(value, (np.ndarray, int, tuple))
    )


def _passed(question: Question, one: Run) -> bool:
    if one.raised or one.changed or one.complaint:
        return False
    return all(Suspect(question, name, [one]).right[0] for name in question.tensors)


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"


def _on_the_probe(verdict: Verdict, question: Question, f: Any, runs: Sequence[Run]) -> Run | None:
    """What f makes of the small example, or None where no array can be expected of it."""
    if verdict.raised is not None or any(one.complaint for one in runs):
        return None
    probe = None
    with supervised():
        probe = run_case(question, f, question.probe, question.expected(question.probe))
    return probe


def _stopped(verdict: Verdict, error: BaseException, case: Case) -> Verdict:
    raised = describe(error, call_text(case))
    if isinstance(error, guard.OutOfTime):
        raised.kind, raised.message = "Out of time", OUT_OF_TIME.format(seconds=guard.SECONDS)
    else:
        raised.kind, raised.message = "Interrupted", INTERRUPTED
    verdict.status, verdict.raised = "error", raised
    return verdict


def _untouched(question: Question, start: Callable[..., Any], f: Any, runs: Sequence[Run]) -> bool:
    """Whether f is still what the learner was given: by what it does or, where that is right already, by its code.

    One repair of several may show in small calls alone, where the other mistakes raise in all usual ones.
    """
    if question.compares_code:
        return is_same_code(f, start)
    return _as_at_the_start(question, start, runs) and _as_at_the_start(
        question, start, _Further(question, f, question.tensors).runs
    )


def _as_at_the_start(question: Question, start: Callable[..., Any], runs: Sequence[Run]) -> bool:
    """Whether it still does what the broken function does that the learner was given."""
    for one in runs:
        with np.errstate(all="ignore"):  # of its nan and infinity the learner was told already
            given = run_case(question, start, one.case, one.expected)
        if (given.raised is None) != (one.raised is None) or given.changed != one.changed:
            return False
        for name, array in given.tensors.items():
            if array is None or not _does_the_same(one.tensors.get(name), array, question.tolerance):
                return False
    return True


def _does_the_same(found: np.ndarray | None, given: np.ndarray, tolerance: float) -> bool:
    """Whether two results agree, where nan and infinity agree with themselves."""
    if found is None or found.dtype.kind not in "fiub":
        return False
    return close(found, given, tolerance) or np.array_equal(found, given, equal_nan=True)


def _tell(verdict: Verdict, tensor: str, sentence: str) -> None:
    verdict.status = "wrong"
    told = verdict.mistakes.setdefault(tensor, [])
    if sentence not in told:
        told.append(sentence)


# ---------------------------------------------------------------- the results as a whole


def _results_in_order(verdict: Verdict, question: Question, runs: Sequence[Run]) -> Sequence[str]:
    """Put results that came in another order right, and say so: then each can be judged for itself.

    Returns the order that was expected, by the names under which they came.
    """
    names = question.tensors
    whole = [one for one in runs if one.tensors and all(array is not None for array in one.tensors.values())]
    if len(names) == 1 or question.run or not whole:
        return names
    fit = {(given, name): _fit(question, whole, given, name) for given in names for name in names}
    orders = list(permutations(names))  # the first is the expected one, and wins a draw
    best = max(orders, key=lambda order: sum(fit[pair] for pair in zip(order, names, strict=True)))
    if best == names:
        return names
    for one in whole:
        _reorder(one, best, names)
    given = [names[best.index(name)] for name in names]
    _tell(verdict, "results", ORDER.format(expected=", ".join(names), given=", ".join(given)))
    return best


def _reorder(one: Run, order: Sequence[str], names: Sequence[str]) -> None:
    if one.tensors and all(array is not None for array in one.tensors.values()):
        one.tensors = {name: one.tensors[given] for given, name in zip(order, names, strict=True)}


def _fit(question: Question, runs: Sequence[Run], given: str, name: str) -> int:
    """How well what was returned as `given` would do as `name`: shapes count first, then values."""
    pairs = [(one.tensors[given], one.expected[name]) for one in runs]
    shapes = sum(array is not None and array.shape == expected.shape for array, expected in pairs)
    return 100 * shapes + sum(close(array, expected, question.tolerance) for array, expected in pairs)


def _arguments_unchanged(verdict: Verdict, runs: Sequence[Run]) -> None:
    for one in runs:
        for name in one.changed:
            written_to = [other for other in runs if name in other.changed and other.case[name].dtype.kind == "f"]
            rounding = bool(written_to) and all(name in other.nearly for other in written_to)
            _tell(verdict, name, (ROUNDED if rounding else CHANGED).format(name=name))


def _memory_between_calls(verdict: Verdict, question: Question, f: Any, first: Run, second: Run) -> None:
    if first.raised is None and second.raised is not None:
        _tell(verdict, question.tensors[0], repeating.KEPT)
    for name, once in first.tensors.items():
        twice = second.tensors.get(name)
        if once is None or twice is None or {once.dtype.kind, twice.dtype.kind} - set("fiub"):
            continue
        expected = first.expected[name]
        if np.array_equal(once, twice, equal_nan=True) or _alike(twice, once, expected, question.tolerance):
            continue
        added = once.shape == twice.shape and close(twice - once, expected, question.tolerance)
        _tell(verdict, name, ADDED_UP if added else repeating.why_it_differs(question, f, first))


def _memory_never_set(verdict: Verdict, question: Question, f: Any, runs: Sequence[Run]) -> None:
    """Tell of results that hold what lay in memory, where the first case does not show it."""
    if not verdict.mistakes:
        wrong = [one for one in runs if not one.raised and not _passed(question, one)]
        for name in repeating.unset_in(question, f, wrong[:MOST_REPEATED]):
            _tell(verdict, name, repeating.UNSET)


def _alike(twice: np.ndarray, once: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether two results differ by no more than rounding, measured by the right one: what was kept may be huge."""
    if once.shape == twice.shape == expected.shape:
        return close(expected + (twice.astype(float) - once), expected, tolerance)
    return close(twice, once, tolerance)


def _returned_as_expected(verdict: Verdict, runs: Sequence[Run]) -> None:
    for one in runs:
        if one.complaint:
            _tell(verdict, "results", one.complaint)
            return


def _known_exceptions(verdict: Verdict, question: Question, raised: Raised) -> None:
    """Tell what an exception means in this lab, where that is known: it says more than in which cases it came."""
    text = f"{raised.kind} in {raised.place}: {raised.message}"
    guesses = {says for says, _ in question.patterns}
    for tensor, pattern, sentence in question.exceptions:
        if re.search(pattern, text):
            named = {name: told for name, told in verdict.mistakes.items() if not guesses.issuperset(told)}
            verdict.mistakes = {**named, tensor: [sentence]}


def _with_remarks(verdict: Verdict, question: Question, f: Any, first: Run, again: Run) -> None:
    """What a right answer should still be told."""
    pairs = list(zip(first.given, again.given, strict=False))
    if any(isinstance(one, np.ndarray) and np.may_share_memory(one, other) for one, other in pairs):
        verdict.remarks.append(SAME_ARRAY)
    for remark, trial in question.extras.items():
        if not _passes(trial, f):
            verdict.remarks.append(remark)


def _passes(trial: Callable[[Any], Any], f: Any) -> bool:
    fine = False
    with supervised(), suppress(Exception):
        fine = bool(trial(f))
    return fine


# ---------------------------------------------------------------- tensor by tensor


def _judge_tensors(
    verdict: Verdict, question: Question, runs: Sequence[Run], further: Callable[[], Sequence[Run]]
) -> None:
    """Tell what is wrong with each of the results, over all cases."""
    if any(one.complaint for one in runs):
        return
    suspects = [Suspect(question, name, runs, further) for name in question.tensors]
    for remark in dict.fromkeys(remark for suspect in suspects for remark in suspect.remarks):
        verdict.remarks.append(remark)
    suspects = [suspect for suspect in suspects if not all(suspect.right)]
    if not suspects:
        return
    verdict.status = "wrong"
    by_chance = {name for name, told in verdict.mistakes.items() if {repeating.UNSET, repeating.RANDOM} & set(told)}
    suspects = [suspect for suspect in suspects if suspect.name not in by_chance]  # its numbers mean nothing
    told = {suspect.name: suspect.about_form() or suspect.recognised() for suspect in suspects}
    if any(one.raised for one in runs):
        # All results of a call that raised are missing. To blame are those that come wrong elsewhere, or stand in the
        # line that raised; where none does, those that raise as a known mistake does.
        in_line = any(suspect.stands_in_the_line for suspect in suspects)
        suspects = (
            [
                suspect
                for suspect in suspects
                if suspect.came_wrong or (told[suspect.name] and (suspect.stands_in_the_line or not in_line))
            ]
            or [suspect for suspect in suspects if suspect.stands_in_the_line]
            or suspects[:1]
        )
    for suspect in suspects:
        for sentence in told[suspect.name] or suspect.guessed():
            _tell(verdict, suspect.name, sentence)
