"""What can be said about a wrong tensor beyond the mistake it looks like: shape, first difference, place, size."""

import numpy as np

from course_lib.exercises.attempts import attempt, call_text
from course_lib.exercises.guard import watched
from course_lib.exercises.verdict import Finding, Picture

STEP = 1e-4


def add(verdict, exercise, f, attempts):
    """Fill in verdict.findings, and remarks on which gradient is off where no known mistake explains it."""
    probe = None
    if verdict.raised is None and not any(one.complaint for one in attempts):
        with watched():
            probe = attempt(exercise, f, exercise.probe, exercise.expected(exercise.probe))
    for tensor in exercise.tensors:
        finding = _finding(exercise, tensor, attempts, probe)
        if finding:
            verdict.findings.append(finding)
            if tensor not in verdict.mistakes:
                verdict.remarks += _measured(exercise, tensor, attempts)


def _finding(exercise, tensor, attempts, probe):
    from course_lib.exercises.judge import close

    wrong = []
    for one in attempts:
        array, reference = one.tensors.get(tensor), one.expected[tensor]
        if array is not None and not close(array, reference, exercise.tolerance) and not _accepted(exercise, one):
            wrong.append((one.case, array, reference))
    if not wrong:
        return None
    case, array, reference = next((w for w in wrong if w[1].shape == w[2].shape), wrong[0])
    facts = []
    for other, given, expected in wrong[:]:
        if given.shape != expected.shape:
            facts.append(
                f"Shape {given.shape}, but {expected.shape} is expected, in the call with {call_text(other)}."
            )
            break
    if array.dtype.kind not in "f" and reference.dtype.kind == "f":
        facts.append(f"dtype {array.dtype}, but a float dtype is expected.")
    if array.shape == reference.shape and array.dtype.kind in "fiub":
        facts += _differences(exercise, tensor, case, array, reference)
    return Finding(tensor, facts, _picture(exercise, tensor, case, array, reference, probe))


def _accepted(exercise, one):
    return bool(exercise.accept and exercise.accept(one.case, one.tensors))


def _differences(exercise, tensor, case, array, reference):
    differs = different(array, reference, exercise.tolerance)
    if array.ndim == 0:
        return [f"Yours is {number(array)}, expected is {number(reference)}, in the call with {call_text(case)}."]
    first = tuple(int(i) for i in np.argwhere(differs)[0])
    yours, expected = number(array[first]), number(reference[first])
    facts = [
        f"First difference at {tensor}[{', '.join(map(str, first))}]: yours {yours}, expected {expected}, "
        f"in the call with {call_text(case)}."
    ]
    place = where(differs, _axes(exercise, tensor, array), exercise.windows.get(tensor), case)
    facts.append(f"{differs.sum()} of {differs.size} entries differ{place}.")
    return facts


def _axes(exercise, tensor, array):
    """What the axes of a tensor are called, where that is known."""
    names = exercise.axes.get(tensor, ())
    return names if len(names) == array.ndim else ()


def different(array, reference, tolerance):
    """Which entries are off: boolean, like reference."""
    scale = np.abs(reference).max(initial=0) or 1.0
    with np.errstate(invalid="ignore"):
        return ~(np.abs(array.astype(float) - reference) <= tolerance * scale)


def number(value):
    return f"{float(value):.4g}"


# ---------------------------------------------------------------- where the errors sit


def where(differs, axes, windows, case):
    """": all of them ..." if the errors keep to a place that has a name, else ""."""
    if differs.all():
        return ""
    if windows is not None:
        counts = np.broadcast_to(windows(*case.values()), differs.shape)
        if (counts > 1).any() and np.array_equal(differs, differs & (counts > 1)):
            return ": all of them where windows overlap"
        if (counts == 0).any() and np.array_equal(differs, differs & (counts == 0)):
            return ": all of them where no window ever came"
    for axis, name in enumerate(axes):
        hit = np.flatnonzero(differs.any(axis=tuple(other for other in range(differs.ndim) if other != axis)))
        size = differs.shape[axis]
        if len(hit) == 1 and size > 1:
            last = " (the last)" if hit[0] == size - 1 else ""
            return f": all of them in {name} {hit[0]}{last}"
        if 1 < len(hit) < size and len(hit) == hit[-1] - hit[0] + 1:
            return f": all of them in {name}s {hit[0]} to {hit[-1]}"
    border = _border(differs.shape, axes)
    if border is not None and border.any() and not border.all():
        if not differs[~border].any():
            return ": all of them at the border"
        if not differs[border].any():
            return ": all of them in the interior"
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
    if probe is not None and not probe.complaint and probe.tensors.get(tensor) is not None:
        yours, expected = probe.tensors[tensor], probe.expected[tensor]
        off = yours.shape != expected.shape or different(yours, expected, exercise.tolerance).any()
        if off and not _accepted(exercise, probe):
            case, array, reference = exercise.probe, yours, expected
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        return None
    title, yours, expected = _plane(tensor, _axes(exercise, tensor, array), array, reference)
    return Picture(f"{title}, called with {call_text(case)}", yours, expected, exercise.tolerance)


def _plane(tensor, axes, array, reference):
    """Up to two axes of the arrays: of more, the plane that is furthest off."""
    if reference.ndim <= 2 or array.shape != reference.shape:
        return tensor, _flat(array), _flat(reference)
    gap = np.abs(array.astype(float) - reference).reshape(*array.shape[:-2], -1).max(axis=-1)
    place = np.unravel_index(np.argmax(np.nan_to_num(gap, nan=np.inf)), gap.shape)
    names = ", ".join(f"{name} {index}" for name, index in zip(axes, place, strict=False))
    return f"{tensor}, {names}" if names else tensor, array[place], reference[place]


def _flat(array):
    """At most two axes: leading ones are looked at in their first entry."""
    while array.ndim > 2 and len(array):
        array = array[0]
    return array


# ---------------------------------------------------------------- a test without a reference


def _measured(exercise, tensor, attempts):
    """The loss sum(dy * y) moves at a rate that can be measured: does the gradient promise that rate?"""
    if exercise.forward is None or not tensor.startswith("d"):
        return []
    one = attempts[0]
    array, argument = one.tensors.get(tensor), tensor[1:]
    if array is None or argument not in one.case or array.shape != one.case[argument].shape:
        return []
    value = one.case[argument]

    def loss(scale):
        y = exercise.forward(**{**one.case, argument: value * scale})
        return np.sum(one.case["dy"] * y)

    measured = (loss(1 + STEP) - loss(1 - STEP)) / (2 * STEP)
    promised = np.sum(array * value)
    if abs(promised - measured) <= 1e-4 * max(abs(measured), abs(promised)):
        return [
            f"As a whole {tensor} is right: stretching {argument} moves the loss as it promises. "
            "The values may be there, but in the wrong places."
        ]
    return [
        f"{tensor} is off, with no reference needed to see it: stretching {argument} moves the loss at a rate of "
        f"{number(measured)}, but sum({tensor} * {argument}) is {number(promised)}."
    ]
