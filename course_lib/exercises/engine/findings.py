"""What can be said about a wrong tensor beyond the mistake it looks like: shape, first difference, place, size."""

import numpy as np

from course_lib.exercises.engine.compare import close, different
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.running import call_text
from course_lib.exercises.engine.verdict import Finding
from course_lib.looks import number

STEP = 1e-4


def add(verdict, exercise, runs, probe):
    """Fill in verdict.findings from what came of the cases, and of the probe (None where it was not run)."""
    for tensor in exercise.tensors:
        finding = _finding(exercise, tensor, runs, probe)
        if finding:
            if tensor not in verdict.mistakes:
                finding.facts += _measured(exercise, tensor, runs)
            verdict.findings.append(finding)
    wrong = [finding.tensor for finding in verdict.findings]
    right = [tensor for tensor in exercise.tensors if tensor not in {*wrong, *verdict.mistakes}]
    if wrong and right and verdict.raised is None:
        verdict.remarks.append(f"Right already: {', '.join(f'`{tensor}`' for tensor in right)}.")


def _finding(exercise, tensor, runs, probe):
    wrong = [
        (one.case, one.tensors[tensor], one.expected[tensor])
        for one in runs
        if one.tensors.get(tensor) is not None
        and not close(one.tensors[tensor], one.expected[tensor], exercise.tolerance)
        and not _accepted(exercise, one)
    ]
    if not wrong:
        return None
    misshapen = next((w for w in wrong if w[1].shape != w[2].shape), None)
    case, array, reference = next((w for w in wrong if w[1].shape == w[2].shape), wrong[0])
    if array.ndim == reference.ndim == 0 and _shows(exercise, tensor, probe):
        case, array, reference = exercise.probe, probe.tensors[tensor], probe.expected[tensor]
    facts = _form(*(misshapen or wrong[0]))
    if array.dtype.kind not in "fiub":
        return Finding(tensor, [*facts, ("called with", call_text(case))])
    if array.shape == reference.shape:
        if misshapen:
            facts.append(("called with", call_text(misshapen[0])))
        facts += _differences(exercise, tensor, case, array, reference)
    facts.append(("called with", call_text(case)))
    return Finding(tensor, facts, _picture(exercise, tensor, case, array, reference, probe))


def _accepted(exercise, one):
    return bool(exercise.accept and exercise.accept(one.case, one.tensors))


def _form(case, array, reference):
    """Given and expected shape and dtype, or that they are as they should be."""
    if array.shape == reference.shape and array.dtype.kind == reference.dtype.kind:
        return [] if array.ndim == 0 else [("shape", f"{array.shape} and {array.dtype}, as expected")]
    return [("shape", f"yours {array.shape} {array.dtype}, expected {reference.shape} {reference.dtype}")]


def _differences(exercise, tensor, case, array, reference):
    if array.ndim == 0:
        return [("value", f"yours {number(array)}, expected {number(reference)}")]
    differs = different(array, reference, exercise.tolerance)
    first = tuple(int(i) for i in np.argwhere(differs)[0])
    place = where(differs, _axes(exercise, tensor, array), exercise.windows.get(tensor), case)
    return [
        (
            "first difference",
            f"{tensor}[{', '.join(map(str, first))}]: yours {number(array[first])}, expected "
            f"{number(reference[first])}",
        ),
        ("where", f"{differs.sum()} of {differs.size} entries{place}" if not differs.all() else "in every entry"),
    ]


def _axes(exercise, tensor, array):
    """What the axes of a tensor are called, where that is known."""
    names = exercise.axes.get(tensor, ())
    return names if len(names) == array.ndim else ()


# ---------------------------------------------------------------- where the errors sit


def where(differs, axes, windows, case):
    """ ", all of them ..." if the errors keep to a place that has a name, else ""."""
    if differs.all():
        return ""
    if windows is not None:
        counts = np.broadcast_to(windows(*case.values()), differs.shape)
        if (counts > 1).any() and np.array_equal(differs, differs & (counts > 1)):
            return ", all of them where windows overlap"
        if (counts == 0).any() and np.array_equal(differs, differs & (counts == 0)):
            return ", all of them where no window ever came"
    for axis, name in enumerate(axes):
        hit = np.flatnonzero(differs.any(axis=tuple(other for other in range(differs.ndim) if other != axis)))
        size = differs.shape[axis]
        if len(hit) == 1 and size > 1:
            last = " (the last)" if hit[0] == size - 1 else ""
            return f", all of them in {name} {hit[0]}{last}"
        if 1 < len(hit) < size and len(hit) == hit[-1] - hit[0] + 1:
            return f", all of them in {name}s {hit[0]} to {hit[-1]}"
    border = _border(differs.shape, axes)
    if border is not None and border.any() and not border.all():
        if not differs[~border].any():
            return ", all of them at the border"
        if not differs[border].any():
            return ", all of them in the interior"
    return ""


def _border(shape, axes):
    spatial = [axis for axis, name in enumerate(axes) if name in ("row", "column", "position")]
    if not spatial:
        return None
    border = np.zeros(shape, bool)
    for axis in spatial:
        np.moveaxis(border, axis, 0)[[0, -1]] = True
    return border


# ---------------------------------------------------------------- pictures


def _picture(exercise, tensor, case, array, reference, probe):
    """Yours beside expected: on the probe if the mistake shows there, else in the case that failed."""
    if _shows(exercise, tensor, probe):
        case, array, reference = exercise.probe, probe.tensors[tensor], probe.expected[tensor]
    if array.ndim == 0:
        return None
    place, yours, expected = _plane(tensor, _axes(exercise, tensor, array), array, reference)
    title = f"{place} in the call above."
    if case is exercise.probe:
        title = f"A small example: {place} for {call_text(case)}. {exercise.shows.get(tensor, '')}"
    return Picture(title, yours, expected, exercise.tolerance)


def _shows(exercise, tensor, probe):
    """Whether the mistake can be seen on the small example: numbers came, and wrong ones."""
    yours = None if probe is None else probe.tensors.get(tensor)
    if yours is None or yours.dtype.kind not in "fiub" or _accepted(exercise, probe):
        return False
    return not close(yours, probe.expected[tensor], exercise.tolerance)


def _plane(tensor, axes, array, reference):
    """Up to two axes of the arrays: of more, the plane that is furthest off."""
    if reference.ndim <= 2 or array.shape != reference.shape:
        return tensor, _flat(array), _flat(reference)
    gap = np.abs(array.astype(float) - reference).reshape(*array.shape[:-2], -1).max(axis=-1)
    place = np.unravel_index(np.argmax(np.nan_to_num(gap, nan=np.inf)), gap.shape)
    names = ", ".join(f"{name} {index}" for name, index in zip(axes, place, strict=False))
    return f"{tensor} at {names}" if names else tensor, array[place], reference[place]


def _flat(array):
    """At most two axes: leading ones are looked at in their first entry."""
    while array.ndim > 2 and len(array):
        array = array[0]
    return array


# ---------------------------------------------------------------- a test without a reference


def _measured(exercise, tensor, runs):
    """The loss sum(dy * y) moves at a rate that can be measured without any reference: does the gradient promise it?"""
    if exercise.forward is None or not tensor.startswith("d"):
        return []
    one = runs[0]
    array, argument = one.tensors.get(tensor), tensor[1:]
    if array is None or argument not in one.case or array.shape != np.shape(one.case[argument]):
        return []
    upstream, value = next(iter(one.case.values())), one.case[argument]

    def loss(scale):
        y = exercise.forward(**{**one.case, argument: value * scale})
        return np.sum(upstream * y)

    measured = (loss(1 + STEP) - loss(1 - STEP)) / (2 * STEP)
    promised = np.sum(array * value)
    rates = f"stretching {argument} moves the loss at a rate of {number(measured)}"
    if abs(promised - measured) <= 1e-4 * max(abs(measured), abs(promised)):
        return [("as a whole", f"{rates}, and so {tensor} says too: are the right values in the wrong places?")]
    return [("as a whole", f"{rates}, but sum({tensor} * {argument}) is {number(promised)}")]
