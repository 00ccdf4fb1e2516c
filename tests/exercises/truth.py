"""Whether a sentence that explains a wrong answer is true: read as text, and computed anew from the function."""

import operator
import re
import warnings

import numpy as np

from course_lib.exercises.engine.describing import call_text
from course_lib.exercises.engine.running import run_case


class Truth:
    """All calls that sentences speak of, made anew: the cases of the lab and its further ones."""

    def __init__(self, exercise, f, tensor):
        self.exercise, self.f, self.tensor = exercise, f, tensor
        cases = [*exercise.arguments, *(case for case, _ in exercise.further_runs)]
        self.calls = [self.call(case) for case in cases]

    def call(self, case):
        """(case, yours or None, the right one, right?, the exception's name or "")."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = self.exercise.expected(case)
            one = run_case(self.exercise, self.f, case, expected)
            yours, right = one.tensors.get(self.tensor), expected[self.tensor]
            fine = one.raised is None and not one.complaint and self.close(yours, right)
            if not fine and one.raised is None and self.exercise.accept and self.exercise.accept(case, one.tensors):
                fine = True
        return case, None if one.complaint else yours, right, fine, one.raised.kind if one.raised else ""

    def close(self, a, b, tolerance=None):
        a = None if a is None else np.asarray(a)
        if (
            a is None
            or a.shape != b.shape
            or a.dtype.kind not in "fiub"
            or (b.dtype.kind in "iu" and a.dtype.kind == "f")
        ):
            return False
        scale = np.abs(b).max(initial=0) or 1
        return bool(np.all(np.abs(a.astype(float) - b) <= (tolerance or self.exercise.tolerance) * scale))

    def near(self, a, b):
        """As far as the four figures of a sentence go."""
        return self.close(np.asarray(a), np.asarray(b, float), 2e-3)

    def of(self, sentence):
        """Whether the sentence is true; LookupError for one of a kind that is not known here."""
        for pattern, check in KINDS:
            if match := re.fullmatch(pattern, sentence, re.S):
                return bool(check(self, *match.groups()))
        raise LookupError(sentence)

    # ------------------------------------------------------------ kinds of sentences

    def always(self, says):
        return all(self.relates(says, case, a, r) for case, a, r, *_ in self.calls if a is not None)

    def where_wrong(self, says):
        return all(self.relates(says, case, a, r) for case, a, r, fine, _ in self.calls if a is not None and not fine)

    def in_some(self, count, of, says):
        wrong = [(c, a, r) for c, a, r, fine, _ in self.calls if a is not None and not fine and r.size > 1]
        return len(wrong) == int(of) and sum(self.relates(says, *one) for one in wrong) >= int(count)

    def relates(self, says, case, a, r):
        for pattern, check in RELATIONS:
            if match := re.fullmatch(pattern, says):
                try:
                    return bool(check(self, case, np.asarray(a), r, *match.groups()))
                except (ValueError, IndexError):
                    return False
        raise LookupError(says)

    def rule(self, verb, true, feature, rest):
        chosen = [fine if verb == "right" else not fine for *_, fine, _ in self.calls]
        holds = [bool(np.all(has(feature, case))) for case, *_ in self.calls]
        return self._counts(chosen, holds, true, rest)

    def stops(self, raised, of, true, feature, rest):
        chosen = [bool(error) for *_, error in self.calls]
        holds = [bool(np.all(has(feature, case))) for case, *_ in self.calls]
        return sum(chosen) == int(raised) and len(chosen) == int(of) and self._counts(chosen, holds, true, rest)

    @staticmethod
    def _counts(chosen, holds, true, rest):
        others = len(chosen) - sum(holds)
        both = sum(c and h for c, h in zip(chosen, holds, strict=True))
        left = re.search(r"in (\d+) of the (\d+) others", rest)
        expected = int(left[1]) if left else 0
        said = int(re.search(r"(\d+) others", rest)[1])
        return both == sum(holds) == int(true) and said == others and sum(chosen) - both == expected

    def stops_somewhere(self, raised, of, called):
        errors = [case for case, *_, error in self.calls if error]
        return (len(errors), len(self.calls)) == (int(raised), int(of)) and called in map(call_text, errors)

    def shape(self, called, yours, expected):
        return any(
            call_text(case) == called and str(a.shape) == yours and str(r.shape) == expected
            for case, a, r, *_ in self.calls if a is not None
        )  # fmt: skip

    def difference(self, called, entry, yours, expected):
        place = tuple(int(i) for i in re.findall(r"\d+", entry.partition("[")[2]))
        for case, a, r, *_ in self.calls:
            if call_text(case) == called and a is not None and a.shape == r.shape:
                found = shown(a[place]), shown(r[place])
                if all(
                    abs(x - number(y)) <= 1e-3 * max(abs(x), 1e-12)
                    for x, y in zip(found, (yours, expected), strict=True)
                ):
                    return True
        return False

    def stays(self, name):
        """The right one moves somewhere; yours, in nearly all calls with other numbers, does not."""
        moved = [yours for pair in map(self._moved_by(name), self.calls) if pair for yours, right in [pair] if right]
        return bool(moved) and sum(moved) <= len(moved) / 2

    def changes(self, name):
        pairs = [pair for pair in map(self._moved_by(name), self.calls) if pair]
        return any(y for y, _ in pairs) and not any(r for _, r in pairs)

    def _moved_by(self, name):
        return lambda call: self._moved(call[0], name)

    def _moved(self, case, name):
        """(whether yours changes, whether the right one does) with other numbers in one argument."""
        value = case[name]
        if not isinstance(value, (float, np.ndarray)):
            return None
        other = {
            **case,
            name: value + 3.5
            if isinstance(value, float)
            else (np.flip(value, value.ndim - 1 if value.ndim else ()) * 1.5 - 4).astype(value.dtype),
        }
        try:
            before, after = self.call(case), self.call(other)
        except Exception:
            return None
        if before[1] is None or after[1] is None or np.shape(before[1]) != np.shape(after[1]):
            return None
        return not self.close(after[1], np.asarray(before[1])), not self.close(after[2], before[2])

    def doubles(self, called, name, becomes):
        for case, a, r, *_ in self.calls:
            if call_text(case) == called and a is not None:
                twice = self.call({**case, name: 2 * case[name]})
                fold = re.search(r"(\d) times", becomes)
                good = not self.close(twice[1], 2 * a) if not fold else self.close(twice[1], int(fold[1]) * a)
                if good and self.close(twice[2], 2 * r):
                    return True
        return False

    def another_image(self, batch):
        names = re.findall(r"(\w+)\[", batch)
        for case, a, r, *_ in self.calls:
            if a is None or r.ndim < 2 or len(r) < 2:
                continue
            other = dict(case)
            for name in names:
                other[name] = case[name].copy()
                other[name][-1] = case[name][-1] * 1.5 + 1
            after = self.call(other)
            if self.close(after[2][0], r[0]) and after[1] is not None and not self.close(after[1][0], np.asarray(a)[0]):
                return True
        return False

    def product(self, called, factors, belongs, does, wrong, total):
        for case, *_ in self.calls:
            if call_text(case) != called:
                continue
            asked, names = dict(case), []
            for factor in factors.split(" · "):
                name, _, place = factor.partition("[")
                names.append(name)
                asked[name] = one_hot(case[name], tuple(int(i) for i in re.findall(r"\d+", place)))
            _, a, r, *_ = self.call(asked)
            count = int(np.prod([np.size(case[name]) for name in names]))
            if a is not None and self.places(r, belongs) and self.places(a, does) and int(wrong) <= count == int(total):
                return True
        return False

    def alone(self, called, names):
        """Whether all one-hot arguments come out right in such a call, and the call itself does not."""
        for case, _, _, fine, _ in self.calls:
            if call_text(case) == called and not fine:
                shapes = [np.shape(case[name]) for name in names.split(" and in ")]
                for place in np.ndindex(*(n for shape in shapes for n in shape)):
                    asked, rest = dict(case), place
                    for name, shape in zip(names.split(" and in "), shapes, strict=True):
                        asked[name], rest = one_hot(case[name], rest[: len(shape)]), rest[len(shape) :]
                    _, a, r, *_ = self.call(asked)
                    if a is None or not np.allclose(a, r, rtol=1e-4, atol=1e-6):
                        return False
                return True
        return False

    def places(self, array, text):
        if (text == self.tensor and array.ndim) or "leaves it out" in text:
            return not np.any(np.abs(array) > 1e-9)
        found = [tuple(map(int, place)) for place in np.argwhere(np.abs(array) > 1e-9)]
        name = re.escape(self.tensor)
        told = re.findall(rf"{name}(?:\[([\d, ]+)\])?(?: times (\S+?))?(?=,|$| and \d+ more)", text)
        told = [(tuple(int(i) for i in re.findall(r"\d+", index)), number(times or "1")) for index, times in told]
        more = re.search(r"and (\d+) more entries", text)
        if len(found) != len(told) + (int(more[1]) if more else 0):
            return False
        return all(p == q and np.isclose(array[p], x, rtol=6e-3) for p, (q, x) in zip(found, told, strict=False))

    def by_sign(self, fine):
        for label in fine.split(" and "):
            for case, a, r, *_ in self.calls:
                if a is not None and np.shape(a) == r.shape and r.ndim:
                    mask = group(label, case, r)
                    if not np.allclose(np.asarray(a)[mask], r[mask], rtol=1e-4, atol=self.exercise.tolerance):
                        return False
        return True

    def changed(self, called, name):
        """Whether the function writes to that argument in such a call."""
        for case, *_ in self.calls:
            if call_text(case) == called:
                return name in run_case(self.exercise, self.f, case, self.exercise.expected(case)).changed
        return False

    def formula(self, text):
        return all(np.isclose(a, eval(text, {}, dict(case)), rtol=1e-5) for case, a, *_ in self.calls)


def one_hot(value, place):
    if isinstance(value, float):
        return 1.0
    array = np.zeros_like(value)
    array[place] = 1
    return array


def number(text):
    return float(text.replace("−", "-").replace("NaN", "nan"))


def shown(value):
    return float(value)


def group(label, case, r):
    if match := re.fullmatch(r"where (\w+) is (True|False)", label):
        return case[match[1]] == (match[2] == "True")
    if match := re.fullmatch(r"where (\w+) ([>=<]) 0", label):
        return {">": np.greater, "=": np.equal, "<": np.less}[match[2]](case[match[1]], 0)
    inside = np.arange(r.shape[-1]) == case["targets"][..., None]
    return inside if label.startswith("in the column") else ~inside


# ---------------------------------------------------------------- what is said of a call


def windows(case):
    axes = 1 if np.ndim(case.get("x")) == 1 else 2
    image = case.get("output_size") or case.get("input_shape") or np.shape(case["x"])
    kernel = case.get("kernel_size") or np.shape(case["w"] if "w" in case else case["weight"])
    kernel = (kernel,) * axes if isinstance(kernel, int) else kernel
    return image[-axes:], kernel[-axes:], case.get("stride") or kernel[-1], case.get("padding", 0)


PHRASES = {
    "windows that reach the end of the padded input": lambda n, k, s, p: (n + 2 * p - k) % s == 0,
    "windows that do not overlap": lambda n, k, s, p: k <= s,
    "a kernel of one entry": lambda n, k, s, p: k == 1,
    "padding of at most kernel - 1": lambda n, k, s, p: p < k,
}


def has(feature, case):
    """Whether what is said of a call's arguments is true of it."""
    if feature == "stride = 1 and padding = 0":
        _, _, stride, padding = windows(case)
        return stride == 1 and padding == 0
    for phrase, test in PHRASES.items():
        if feature == phrase:
            image, kernel, stride, padding = windows(case)
            return all(test(n, k, stride, padding) for n, k in zip(image, kernel, strict=True))
    if feature == "windows that leave gaps":
        _, kernel, stride, _ = windows(case)
        return any(k < stride for k in kernel)
    for pattern, test in (
        (r"(\w+) of one number", lambda v: np.size(v) == 1),
        (r"(\w+) of dtype float32", lambda v: getattr(v, "dtype", None) == np.float32),
        (r"(\w+) of whole numbers \(dtype int\)", lambda v: np.asarray(v).dtype.kind == "i"),
        (r"numbers above 100 in (\w+)", lambda v: v is not None and np.abs(v).max() > 100),
        (r"a zero in (\w+)", lambda v: v is not None and bool(np.any(np.asarray(v) == 0))),
    ):
        if match := re.fullmatch(pattern, feature):
            return test(case[match[1]])
    unquoted = re.sub("'[^']*'", "", feature)
    if " and " not in unquoted and (match := re.fullmatch(r"([\w.]+(?:\[\d\])?) ([=<>]) (.+?)", feature)):
        left, right = (eval(side, {}, dict(case)) for side in (match[1], match[3]))
        return {"=": operator.eq, "<": operator.lt, ">": operator.gt}[match[2]](left, right)
    for cut in re.finditer(" and ", feature):
        try:
            return np.all(has(feature[: cut.start()], case)) and np.all(has(feature[cut.end() :], case))
        except (LookupError, SyntaxError):
            continue
    raise LookupError(feature)


# ---------------------------------------------------------------- what is said of an array


def changed(name, how):
    """A test: yours is right for the arguments of the call with one of them changed."""

    def check(truth, case, a, r, *groups):
        key = groups[0] if name is None else name
        return truth.close(a, truth.exercise.expected({**case, key: how(case[key], *groups[1:])})[truth.tensor])

    return check


def swapped(truth, case, a, r, one, other):
    case = {**case, one: case[other], other: case[one]}
    return truth.close(a, truth.exercise.expected(case)[truth.tensor])


def summed_images(truth, case, a, r, one, other):
    case = {**case, one: case[one].sum(axis=0)[None], other: case[other].sum(axis=0)[None]}
    return truth.close(a, truth.exercise.expected(case)[truth.tensor])


def assigned(truth, case, a, r, assignments):
    for name, value in re.findall(r"(\w+) = ([\d.]+)", assignments):
        kind = type(case[name]) if case[name] is not None else float
        case = {**case, name: kind(float(value))}
    return truth.close(a, truth.exercise.expected(case)[truth.tensor])


def zeroed(value, end, axis, keep):
    index = (slice(None),) * int(axis) + (0 if end == "first" else -1,)
    if keep:
        kept = np.zeros_like(value)
        kept[index] = value[index]
        return kept
    value = value.copy()
    value[index] = 0
    return value


def axes_of(text):
    return tuple(int(axis) for axis in text.split(" and "))


def times(sign):
    def check(truth, case, a, r, verb, text):
        value = eval(text, {}, dict(case))
        return truth.close(a, sign * (r * value if verb == "times" else r / value))

    return check


def reordered(truth, case, a, r, order, flipped, sign):
    r = -r if sign else r
    r = r.transpose([int(axis) for axis in order.split(", ")]) if order else r
    return truth.close(a, np.flip(r, axes_of(flipped)) if flipped else r)


def ends_right(truth, case, a, r, end, axis):
    off = np.moveaxis(np.abs(a - r) > truth.exercise.tolerance * np.abs(r).max(), int(axis), 0)
    rest = off[1:] if end == "first" else off[:-1]
    return not rest.any() and a.shape[int(axis)] > 1


def right_at_an_end(truth, case, a, r, end, axis):
    off = np.moveaxis(np.abs(a - r) > truth.exercise.tolerance * np.abs(r).max(), int(axis), 0)
    kept, rest = (off[0], off[1:]) if end == "first" else (off[-1], off[:-1])
    return not kept.any() and all(part.any() for part in rest)


def shifted(truth, case, a, r, steps):
    moved = np.zeros(r.shape)
    steps = [int(step) for step in steps.split(", ")]
    for place in np.ndindex(r.shape):
        there = (
            *place[: r.ndim - len(steps)],
            *(i + s for i, s in zip(place[r.ndim - len(steps) :], steps, strict=True)),
        )
        if all(0 <= i < n for i, n in zip(there, r.shape, strict=True)):
            moved[there] = r[place]
    return truth.close(a, moved)


def inside(truth, case, a, r):
    if any(n < m for n, m in zip(a.shape, r.shape, strict=True)):
        return False
    starts = np.ndindex(*(n - m + 1 for n, m in zip(a.shape, r.shape, strict=True)))
    return any(
        truth.close(a[tuple(slice(s, s + m) for s, m in zip(start, r.shape, strict=True))], r) for start in starts
    )


NUMBER, AXES = r"(−?[\d.]+(?:e[−\d]+)?)", r"(\d(?: and \d)*)"
SAME = "its values follow each other in the same order"
RELATIONS = [
    ("the right one with the wrong sign", lambda t, c, a, r: t.close(a, -r)),
    (f"{NUMBER} times the right one", lambda t, c, a, r, n: t.near(a, number(n) * r)),
    (r"the right one (times|divided by) (\w+), entry by entry", lambda t, c, a, r, v, n: t.close(a, r * c[n])),
    (r"the right one (times|divided by) (.+), with the wrong sign", times(-1)),
    (r"the right one (times|divided by) (.+)", times(1)),
    ("zero everywhere", lambda t, c, a, r: not a.any()),
    ("the right one squared, entry by entry", lambda t, c, a, r: t.close(a, r * r)),
    ("one divided by the right one, entry by entry", lambda t, c, a, r: t.close(a, 1 / r)),
    ("the right one without its sign", lambda t, c, a, r: t.close(a, np.abs(r))),
    ("the right one with its decimals dropped", lambda t, c, a, r: t.close(a, np.trunc(r))),
    ("the right one rounded to whole numbers", lambda t, c, a, r: t.close(a, np.round(r))),
    (f"the right one plus {NUMBER} in every entry", lambda t, c, a, r, n: t.near(a - r, np.full(r.shape, number(n)))),
    (rf"the right one plus {NUMBER} times (\w+)", lambda t, c, a, r, n, z: t.near(a - r, number(n) * c[z])),
    (
        r"the right one with (?:its axes in the order ([\d, ]+))?(?: and )?(?:axis (\d(?: and \d)*) reversed)?"
        "( and the wrong sign)?",
        reordered,
    ),
    (rf"{NUMBER} times (\w+)", lambda t, c, a, r, n, z: t.near(a, number(n) * c[z])),
    (r"(\w+) itself", lambda t, c, a, r, z: t.close(a, c[z])),
    (rf"(\w+) summed over axis {AXES}", lambda t, c, a, r, z, axes: t.close(a, c[z].sum(axis=axes_of(axes)))),
    (
        "made of the right values in other places",
        lambda t, c, a, r: a.shape == r.shape and t.close(np.sort(a, None), np.sort(r, None)),
    ),
    (f"the right one in another shape: {SAME}", lambda t, c, a, r: t.close(a.ravel(), r.ravel())),
    (
        "made of the right values in another shape and order",
        lambda t, c, a, r: t.close(np.sort(a, None), np.sort(r, None)),
    ),
    (rf"the right one before a sum over axis {AXES}", lambda t, c, a, r, axes: t.close(a.sum(axis=axes_of(axes)), r)),
    (rf"the right one summed over axis {AXES}", lambda t, c, a, r, axes: t.close(a, r.sum(axis=axes_of(axes)))),
    (
        "the beginning of the right one, with its end cut off along some axis",
        lambda t, c, a, r: a.size and t.close(a, r[tuple(map(slice, a.shape))]),
    ),
    ("the right one with more entries around it", inside),
    (r"right but for the (first|last) entry along axis (\d)", ends_right),
    (r"right in its (first|last) entry along axis (\d) alone", right_at_an_end),
    (
        "right but for entries that are 0 and should not be",
        lambda t, c, a, r: np.allclose(a[a != 0], r[a != 0], rtol=1e-4),
    ),
    (r"the right one shifted by ([-+\d, ]+) along its last (?:two axes|axis)", shifted),
    (
        r"the right one added up along axis (\d), entry after entry",
        lambda t, c, a, r, axis: t.close(a, np.add.accumulate(r, axis=int(axis))),
    ),
    (
        rf"the sum of the right one over axis {AXES}, in all places",
        lambda t, c, a, r, axes: t.close(a, r.sum(axis=axes_of(axes), keepdims=True) + np.zeros(r.shape)),
    ),
    (
        r"the (first|last) entry of the right one along axis (\d), in all places",
        lambda t, c, a, r, end, axis: t.close(
            a, r[(slice(None),) * int(axis) + (slice(1) if end == "first" else slice(-1, None),)] + np.zeros(r.shape)
        ),
    ),
    (
        r"what would be right for (\w+) moved (?:on|back) by (one) along axis (\d), the (last|first) one \w+",
        changed(None, lambda v, one, axis, end: np.roll(v, 1 if end == "last" else -1, int(axis))),
    ),
    (r"what would be right for (\w+) and (\w+) each added up over the images", summed_images),
    (r"what would be right for (\w+) of ones", changed(None, np.ones_like)),
    (r"what would be right for (\w+) squared", changed(None, np.square)),
    (r"what would be right for the sizes of (\w+) without their signs", changed(None, np.abs)),
    (r"what would be right for (\w+) with 0 for its negative entries", changed(None, lambda v: v * (v > 0))),
    (r"what would be right for (\w+) reversed along axis (\d)", changed(None, lambda v, axis: np.flip(v, int(axis)))),
    (r"what would be right for (\w+) reversed along its last two axes", changed(None, lambda v: np.flip(v, (-1, -2)))),
    (
        r"what would be right for (\w+) with its last two axes exchanged",
        changed(None, lambda v: np.swapaxes(v, -1, -2)),
    ),
    (r"what would be right for (\w+) with its first two axes exchanged", changed(None, lambda v: np.swapaxes(v, 0, 1))),
    (
        r"what would be right for (\w+) averaged along axis (\d)",
        changed(None, lambda v, axis: np.zeros_like(v) + v.mean(axis=int(axis), keepdims=True)),
    ),
    (
        r"what would be right if (\w+) held only its (first|last) entry along axis (\d)",
        changed(None, lambda v, end, axis: zeroed(v, end, axis, True)),
    ),
    (
        r"what would be right if (\w+) held zeros in its (first|last) entry along axis (\d)",
        changed(None, lambda v, end, axis: zeroed(v, end, axis, False)),
    ),
    ("what would be right without the bias", changed("b", lambda v: None)),
    (r"what would be right with (\w+) \+ 1 in place of \w+", changed(None, lambda v: v + 1)),
    (r"what would be right with (\w+) reversed \(True for False\)", changed(None, np.logical_not)),
    (r"what would be right with (\w+) reversed", changed(None, lambda v: v[::-1])),
    (r"what would be right with 1 - (\w+) in place of \w+", changed(None, lambda v: 1 - v)),
    (r"what would be right with (\w+) and (\w+) exchanged", swapped),
    (r"what would be right with (\w+ = [\d.]+(?: and \w+ = [\d.]+)?)", assigned),
]

T = r"[\w.]+"
KINDS = [
    (rf"In every call (?:tried|that returns), {T} is (.+)\.", Truth.always),
    (rf"Wherever {T} is wrong, it is (.+)\.", Truth.where_wrong),
    (rf"In (\d+) of the (\d+) calls with a wrong {T} of more than one entry, it is (.+)\.", Truth.in_some),
    (rf"{T} is (right|wrong|wrong or missing) in all (\d+) calls tried with (.+), (and .+ others)\.", Truth.rule),
    (r"It stops with .+? in (\d+) of (\d+) calls tried: in all (\d+) with (.+), (and .+ others)\.", Truth.stops),
    (r"It stops with .+? in (\d+) of (\d+) calls tried, as with (.+)\.", Truth.stops_somewhere),
    (
        r"Every one of the (\d+) calls tried stops with .+",
        lambda t, n: sum(bool(e) for *_, e in t.calls) == len(t.calls) == int(n),
    ),
    (rf"{T} (?:is too .+?|has the wrong .+?): with (.+) its shape is (.+), where (.+) is expected\.", Truth.shape),
    (rf"{T} changes when only (\w+) changes, and the right one does not depend on \w+\.", Truth.changes),
    (rf"{T} stays the same when (\w+) changes, and the right one does not\.", Truth.stays),
    (rf"With (.+): when (\w+) doubles, the right {T} doubles, and (.+)\.", Truth.doubles),
    (
        rf"{T}\[0\] changes when only (.+) changes?: one image's result must not depend on another image\.",
        Truth.another_image,
    ),
    (
        r"With (.+): (.+?) (?:belongs to|does not belong into) (.+?); yours (?:adds it to )?(.+?)\. (\d+) of (\d+) .+",
        Truth.product,
    ),
    (
        r"With (.+): a single 1 in (.+) comes out right wherever it stands, and the numbers of this call do not\. .+",
        Truth.alone,
    ),
    (rf"{T} is right in every entry (.+?)\. It is wrong .+", Truth.by_sign),
    (rf"With (.+) ({T}(?:\[[\d, ]+\])?) is (\S+), and (\S+) is expected\.", Truth.difference),
    (rf"{T} is (.+) in every call tried\.", Truth.formula),
    (
        rf"{T} contains NaN or infinity in (\d+) of \d+ calls tried\.",
        lambda t, n: sum(a is not None and not np.isfinite(a).all() for _, a, *_ in t.calls) == int(n),
    ),
    (r"With (.+), (\w+) holds other numbers after the call than before\.", Truth.changed),
    (
        rf"{T} has dtype (\w+), but integers are expected: they are indices\.",
        lambda t, kind: any(a is not None and str(a.dtype) == kind for _, a, *_ in t.calls),
    ),
    (
        rf"With (.+) no {T} comes back\.",
        lambda t, called: any(a is None and not error for _, a, _, _, error in t.calls),
    ),
    (
        rf"With (.+) {T} has dtype (\w+), and \w+ is expected\.",
        lambda t, called, kind: any(a is not None and str(a.dtype) == kind for _, a, *_ in t.calls),
    ),
    (r"With (.+) it stops with (.+)", lambda t, called, error: any(error.startswith(e) for *_, e in t.calls if e)),
]
