"""What can be said about a wrong tensor beyond the mistake it looks like: shape, first difference, place, size."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_lib import looks
from course_lib.exercises.engine.compare import close, different
from course_lib.exercises.engine.describing import call_text
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.question import Case, Question
from course_lib.exercises.engine.running import Run
from course_lib.exercises.engine.verdict import Finding, Verdict

STEP = 1e-4
FIGURES = 4  # of a number in a sentence: one more than in a picture

Fact = tuple[str, str]  # label, fact


def add(verdict: Verdict, question: Question, runs: Sequence[Run], probe: Run | None) -> None:
    """Fill in verdict.findings from what came of the cases, and of the probe (None where it was not run)."""
    for tensor in question.tensors:
        finding = _finding(question, tensor, runs, probe)
        if finding:
            if tensor not in verdict.mistakes:
                finding.facts += _measured(question, tensor, runs[0])
            verdict.findings.append(finding)
    wrong = [finding.tensor for finding in verdict.findings]
    right = [tensor for tensor in question.tensors if tensor not in {*wrong, *verdict.mistakes}]
    if wrong and right and verdict.raised is None:
        verdict.remarks.append(f"Right already: {', '.join(f'`{tensor}`' for tensor in right)}.")


def _finding(question: Question, tensor: str, runs: Sequence[Run], probe: Run | None) -> Finding | None:
    wrong = [
        (one.case, array, one.expected[tensor])
        for one in runs
        if (array := one.tensors.get(tensor)) is not None
        and not close(array, one.expected[tensor], question.tolerance)
        and not _accepted(question, one)
    ]
    if not wrong:
        return None
    misshapen = next((w for w in wrong if w[1].shape != w[2].shape), None)
    case, array, reference = next((w for w in wrong if w[1].shape == w[2].shape), wrong[0])
    small = _small_example(question, tensor, probe)
    if array.ndim == reference.ndim == 0 and small:
        case, array, reference = small
    _, given, expected = misshapen or wrong[0]
    facts = _form(tensor, given, expected)
    if array.dtype.kind not in "fiub":
        return Finding(tensor, [*facts, ("called with", call_text(case))])
    if array.shape == reference.shape:
        if misshapen:
            facts.append(("called with", call_text(misshapen[0])))
        facts += _differences(question, tensor, case, array, reference)
    facts.append(("called with", call_text(case)))
    return Finding(tensor, facts, _picture(question, tensor, *(small or (case, array, reference))))


def _accepted(question: Question, one: Run) -> bool:
    return bool(question.accept and question.accept(one.case, one.tensors))


def _small_example(question: Question, tensor: str, probe: Run | None) -> tuple[Case, np.ndarray, np.ndarray] | None:
    """The probe, if the mistake can be seen there: numbers were returned, and wrong ones."""
    yours = probe.tensors.get(tensor) if probe else None
    if probe is None or yours is None or yours.dtype.kind not in "fiub" or _accepted(question, probe):
        return None
    reference = probe.expected[tensor]
    return None if close(yours, reference, question.tolerance) else (question.probe, yours, reference)


def _form(tensor: str, array: np.ndarray, reference: np.ndarray) -> list[Fact]:
    """Given and expected shape and dtype, or that they are as they should be."""
    if array.shape == reference.shape and array.dtype.kind == reference.dtype.kind:
        return [] if array.ndim == 0 else [("shape", f"{tensor}: {array.shape} {array.dtype}, as expected")]
    yours, expected = f"{array.shape} {array.dtype}", f"{reference.shape} {reference.dtype}"
    return [("shape", f"{tensor}: yours {yours}, expected {expected}")]


def _differences(question: Question, tensor: str, case: Case, array: np.ndarray, reference: np.ndarray) -> list[Fact]:
    if array.ndim == 0:
        return [("value", f"{tensor}: {_yours_and_expected(array, reference)}")]
    differs = different(array, reference, question.tolerance)
    first = tuple(int(i) for i in np.argwhere(differs)[0])
    place = where(differs, _axes(question, tensor, array), question.windows.get(tensor), case)
    return [
        (
            "first difference",
            f"{tensor}[{', '.join(map(str, first))}]: {_yours_and_expected(array[first], reference[first])}",
        ),
        ("where", f"{differs.sum()} of {differs.size} entries{place}" if not differs.all() else "in every entry"),
    ]


def _yours_and_expected(value: Any, reference: Any) -> str:
    return f"yours {looks.number(value, FIGURES)}, expected {looks.number(reference, FIGURES)}"


def _axes(question: Question, tensor: str, array: np.ndarray) -> tuple[str, ...]:
    """What the axes of a tensor are called, where that is known."""
    names = question.axes.get(tensor, ())
    return names if len(names) == array.ndim else ()


# ---------------------------------------------------------------- where the errors sit


def where(differs: np.ndarray, axes: Sequence[str], windows: Callable[..., Any] | None, case: Case) -> str:
    """ ", all of them ..." if the errors keep to a place that has a name, else ""."""
    if differs.all():
        return ""
    if windows is not None:
        counts = np.broadcast_to(windows(*case.values()), differs.shape)
        for covered, place in ((counts > 1, "where windows overlap"), (counts == 0, "where no window reaches")):
            if covered.any() and not differs[~covered].any():
                return f", all of them {place}"
    hits = [np.flatnonzero(np.moveaxis(differs, axis, 0).reshape(size, -1).any(axis=1))
            for axis, size in enumerate(differs.shape)]  # fmt: skip
    for name, hit, size in zip(axes, hits, differs.shape, strict=False):
        if len(hit) == 1 and size > 1:
            last = " (the last)" if hit[0] == size - 1 else ""
            return f", all of them in {name} {hit[0]}{last}"
    spatial = [axis for axis, name in enumerate(axes) if name in ("row", "column", "position")]
    inside = differs[_interior(differs.shape, spatial)]
    if spatial and inside.size and not inside.any():
        return ", all of them at the border"
    if spatial and all(hits[axis][0] == 1 and hits[axis][-1] == differs.shape[axis] - 2 for axis in spatial):
        return ", all of them in the interior"
    for name, hit, size in zip(axes, hits, differs.shape, strict=False):
        if 1 < len(hit) < size and len(hit) == hit[-1] - hit[0] + 1:
            return f", all of them in {name}s {hit[0]} to {hit[-1]}"
    return ""


def _interior(shape: tuple[int, ...], spatial: Sequence[int]) -> tuple[slice, ...]:
    """An index of all entries that are neither first nor last along a spatial axis."""
    return tuple(slice(1, size - 1) if axis in spatial else slice(None) for axis, size in enumerate(shape))


# ---------------------------------------------------------------- pictures


def _picture(question: Question, tensor: str, case: Case, array: np.ndarray, reference: np.ndarray) -> Picture | None:
    """Yours beside expected."""
    if array.ndim == 0:
        return None
    place, yours, expected = _plane(tensor, _axes(question, tensor, array), array, reference)
    title = f"{place} in the call above."
    if case is question.probe:
        title = f"A small example: {place} for {call_text(case)}. {question.shows.get(tensor, '')}".rstrip()
    return Picture(title, yours, expected, question.tolerance)


def _plane(
    tensor: str, axes: Sequence[str], array: np.ndarray, reference: np.ndarray
) -> tuple[str, np.ndarray, np.ndarray]:
    """Up to two axes of the arrays: of more, the plane that is furthest off."""
    if reference.ndim <= 2 or array.shape != reference.shape:
        return tensor, _flat(array), _flat(reference)
    gap = np.abs(array.astype(float) - reference).reshape(*array.shape[:-2], -1).max(axis=-1)
    place = np.unravel_index(np.argmax(np.nan_to_num(gap, nan=np.inf)), gap.shape)
    names = ", ".join(f"{name} {index}" for name, index in zip(axes, place, strict=False))
    return f"{tensor} at {names}" if names else tensor, array[place], reference[place]


def _flat(array: np.ndarray) -> np.ndarray:
    """At most two axes: of leading ones, the first entry."""
    while array.ndim > 2 and len(array):
        array = array[0]
    return array


# ---------------------------------------------------------------- a test without a reference


def _measured(question: Question, tensor: str, one: Run) -> list[Fact]:
    """Whether sum(dx * x) is the rate of change of the loss sum(dy * y) as x is scaled up, measured by differences."""
    if question.forward is None or not tensor.startswith("d"):
        return []
    forward, array, argument = question.forward, one.tensors.get(tensor), tensor[1:]
    if array is None or argument not in one.case or array.shape != np.shape(one.case[argument]):
        return []
    upstream, value = next(iter(one.case.values())), one.case[argument]

    def loss(scale: float) -> float:
        return float(np.sum(upstream * forward(**{**one.case, argument: value * scale})))

    measured = (loss(1 + STEP) - loss(1 - STEP)) / (2 * STEP)
    claimed = float(np.sum(array * value))
    rate = f"scaling {argument} up changes the loss at a rate of {looks.number(measured, FIGURES)}"
    if abs(claimed - measured) <= 1e-4 * max(abs(measured), abs(claimed)):
        agrees = f"and sum({tensor} * {argument}) agrees: are the right values in the wrong places?"
        return [("as a whole", f"{rate}, {agrees}")]
    return [("as a whole", f"{rate}, but sum({tensor} * {argument}) is {looks.number(claimed, FIGURES)}")]
