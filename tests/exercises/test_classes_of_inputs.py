"""Which kinds of inputs every lab is tried on: shapes, numbers and dtypes on which answers go wrong elsewhere alone."""

import numpy as np
import pytest
from answers import COMPUTING

from course_lib import exercises
from course_lib.exercises.engine import seen

NAMES = COMPUTING

WINDOWS = {  # of one axis: entries, kernel, stride, padding
    "windows that tile": lambda n, k, s, p: k == s and n > k and not (n + 2 * p - k) % s,
    "a kernel of one": lambda n, k, s, p: k == 1,
    "a stride larger than the kernel": lambda n, k, s, p: s > k,
    "a stride and no remainder": lambda n, k, s, p: s > 1 and not (n + 2 * p - k) % s,
    "an odd remainder": lambda n, k, s, p: (n + 2 * p - k) % s % 2 == 1,
    "an even remainder": lambda n, k, s, p: (n + 2 * p - k) % s in (2, 4),
    "padding": lambda n, k, s, p: p > 0,
}
PLANES = {  # of the last two axes of an array: rows, columns
    "one row": lambda h, w: h == 1,
    "one column": lambda h, w: w == 1,
    "more columns than rows": lambda h, w: w > h,
    "more rows than columns": lambda h, w: h > w,
}
NUMBERS = {
    "values below -100": lambda array: array.min() < -100,
    "values above 10 000": lambda array: array.max() > 1e4,
    "float32": lambda array: array.dtype == np.float32,
}

NO_PADDING = {"padding": "it takes no padding"}
SOFTMAX = {
    "values below -100": "a softmax that leaves its maximum in is right, with a remark: no scores that exp cannot hold",
    "values above 10 000": "as for values below -100",
}
ONE_CLASS = {"one column": "with one class every probability is 1, and every result 0"}
CANNOT = {  # lab -> class -> why it does not occur there
    "double_backward": {side: "dy has an even number of rows and of columns" for side in ("one row", "one column")},
    "cross_entropy_gradient": {**SOFTMAX, **ONE_CLASS},
    "cross_entropy_loss": ONE_CLASS,
    "clinic_22": {**SOFTMAX, **ONE_CLASS},
    "turn_into": SOFTMAX,
    "clinic_04": {
        **NO_PADDING,
        "a stride larger than the kernel": "its windows tile the image",
        "an odd remainder": "its windows tile the image",
        "an even remainder": "its windows tile the image",
    },
    "clinic_05": NO_PADDING,
    "clinic_15": NO_PADDING,
    "clinic_17": NO_PADDING,
    "clinic_18": NO_PADDING,
}  # fmt: skip


def calls(exercise):
    return [*exercise.arguments, *(case for case, _ in exercise.further_runs)]


def arrays(cases):
    return [value for case in cases for value in case.values() if isinstance(value, np.ndarray)]


def classes(name):
    """Class -> whether it occurs, for all that a lab could have by the form of its arguments."""
    cases = calls(exercises.get(name))
    found = {}
    sizes = [seen.windows(case) for case in cases if {"stride", "kernel_size"} & case.keys()]
    axes = [(n, k, s, p) for image, kernel, s, p in filter(None, sizes) for n, k in zip(image, kernel, strict=True)]
    if axes:
        found |= {what: any(test(*one) for one in axes) for what, test in WINDOWS.items()}
    shapes = [array.shape for array in arrays(cases)]
    shapes += [value for case in cases for value in case.values() if isinstance(value, tuple) and len(value) > 1]
    planes = [shape[-2:] for shape in shapes if len(shape) > 1]
    if planes:
        found |= {what: any(test(*plane) for plane in planes) for what, test in PLANES.items()}
    batches = [
        case[key] for case in cases for key in ("x", "dy", "logits", "scores") if np.ndim(case.get(key)) in (2, 4)
    ]
    if any(np.ndim(one) == 4 for one in batches):
        found["one image"] = any(len(one) == 1 for one in batches)
    outputs = [case["dy"].shape[1] for case in cases if {"dy", "w"} <= case.keys() and np.ndim(case["dy"]) == 4]
    outputs += [len(case["weight"]) for case in cases if np.ndim(case.get("weight")) == 4]
    if outputs:
        found["one output channel"] = 1 in outputs
    numbers = [array for array in arrays(cases) if array.dtype.kind == "f" and array.size]
    if numbers:
        found |= {what: any(map(test, numbers)) for what, test in NUMBERS.items()}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_class_occurs_or_there_is_a_reason(name):
    found = classes(name)
    missing = {what for what, occurs in found.items() if not occurs}
    assert missing == CANNOT.get(name, {}).keys()


def test_ties_occur_wherever_a_maximum_is_taken():
    """In the pools of lessons 05 and 08; those of the clinic say themselves that no two entries are equal."""
    for name in ("max_pool2d", "max_pool2d_fast"):
        for case in calls(exercises.get(name)):
            k = np.max(case["kernel_size"])
            windows = (
                np.lib.stride_tricks.sliding_window_view(case["x"], (min(k, case["x"].shape[2]),) * 2, axis=(2, 3))
                if min(case["x"].shape[2:]) >= k
                else np.zeros((0, 1, 1))
            )
            flat = windows.reshape(-1, windows.shape[-1] * windows.shape[-2])
            if any((row == row.max()).sum() > 1 for row in flat):
                break
        else:
            pytest.fail(name)
    assert any((case["x"] == 0).any() for case in calls(exercises.get("relu_backward")))


def test_a_lab_that_lacks_a_class_would_be_seen(monkeypatch):
    conv1d = exercises.get("conv1d")
    monkeypatch.setitem(conv1d.__dict__, "further_runs", [])
    monkeypatch.setitem(conv1d.__dict__, "arguments", conv1d.arguments[:1])
    found = classes("conv1d")
    assert not found["a kernel of one"] and not found["float32"] and found["padding"]
