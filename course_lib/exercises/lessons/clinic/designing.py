"""Grade your grader: a check of `conv2d_backward` as a list of cases, and what it lets pass."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.verdict import Passed
from course_lib.exercises.lessons.clinic import broken, fixed
from course_lib.exercises.lessons.shared import bias, convolution

TENSORS = "dx", "dw", "db"
FIELDS = "x", "w", "stride", "padding", "dy", "compare", "tolerance"
MOST = 5000  # numbers in all cases of a check together
MOST_NAMED = 4  # mistakes that are named in one sentence

# ---------------------------------------------------------------- a check, from its design


def _of(dy, shape):
    if dy == "ones":
        return np.ones(shape)
    if dy == "one":
        values = np.zeros(shape)
        values.flat[values.size // 2] = 1
        return values
    return np.random.default_rng(2).standard_normal(shape)


def _near(a, b, tolerance):
    return bool(np.all(np.abs(a - b) <= tolerance * max(np.abs(b).max(initial=0), 1e-300)))


COMPARE: dict[str, Callable[..., Any]] = {
    "entries": lambda a, b, tolerance: a.shape == b.shape and _near(a, b, tolerance),
    "means": lambda a, b, tolerance: a.size > 0 and _near(np.mean(a), np.mean(b), tolerance),
    "sums": lambda a, b, tolerance: _near(np.sum(a), np.sum(b), tolerance),
    "shapes": lambda a, b, tolerance: a.shape == b.shape,
    "not zero": lambda a, b, tolerance: bool(np.any(a)),
}
DY = "random", "ones", "one"


def arguments(case):
    """The arguments of conv2d_backward that a case of a design stands for."""
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(case["x"]), rng.standard_normal(case["w"])
    y = F.conv2d(x, w, None, case["stride"], case["padding"])
    return _of(case["dy"], y.shape), x, w, case["stride"], case["padding"]


def check_of(design):
    """A design as a check: check(f) -> whether it accepts f."""
    known = [(case, arguments(case)) for case in design]
    right = [F.conv2d_backward(*given) for _, given in known]

    def check(f):
        for (case, given), expected in zip(known, right, strict=True):
            found = f(*(value.copy() if isinstance(value, np.ndarray) else value for value in given))
            agree = COMPARE[case["compare"]]
            if len(found) != 3 or not all(
                agree(np.asarray(a), b, case["tolerance"]) for a, b in zip(found, expected, strict=True)
            ):
                return False
        return True

    return check


def cost(design):
    """How many numbers a design takes: all entries of x, w and dy."""
    return sum(array.size for case in design for array in arguments(case)[:3])


def refusal(design):
    """Why this is no design of a check, in a sentence; "" if it is one."""
    if not isinstance(design, (list, tuple)) or not design or not all(isinstance(case, dict) for case in design):
        return "design_check must return a list of cases, each a dictionary as in the stub."
    for case in design:
        if set(case) != set(FIELDS):
            return f"A case must have {', '.join(FIELDS)}, but this one has {', '.join(map(str, case)) or 'nothing'}."
        if case["dy"] not in DY or case["compare"] not in COMPARE:
            return f"dy must be one of {', '.join(DY)}, and compare one of {', '.join(COMPARE)}."
        if not isinstance(case["tolerance"], (int, float)) or case["tolerance"] < 0:
            return f"tolerance must be a number that is not negative, but is {case['tolerance']!r}."
        try:
            if np.prod(case["x"]) > MOST or np.prod(case["w"]) > MOST:
                return f"A case must have at most {MOST} numbers in x and in w."
            arguments(case)
        except Exception as error:  # whatever a learner's shapes lead to
            return f"{type(error).__name__} in the forward pass: {error}"
    return ""


# ---------------------------------------------------------------- what it lets pass


@cache
def known_wrongs():
    """(tensor, Mistake, wrong function) of conv2d_backward, all that are known; each spoils one tensor."""
    mistakes = {
        "dx": (*convolution.gradient_of_input(4), convolution.moved_weights(loops.conv2d_backward)),
        "dw": convolution.gradient_of_weight(4),
        "db": bias.mistakes(),
    }
    return [(tensor, one, wrong) for tensor, those in mistakes.items() for one in those for wrong in one.examples]


def passes(design):
    """(for each known wrong function, for each right one) whether the check of a design accepts it."""
    check = check_of(design)
    wrongs = np.array([_accepted(check, _whole(tensor, wrong)) for tensor, _, wrong in known_wrongs()])
    rights = np.array([_accepted(check, f) for f in (loops.conv2d_backward, F.conv2d_backward)])
    return wrongs, rights


def _whole(tensor, wrong):
    def f(*given):
        parts = list(F.conv2d_backward(*given))
        parts[TENSORS.index(tensor)] = wrong(*given)
        return parts

    return f


def _accepted(check, f):
    try:
        return bool(check(f))
    except Exception:  # a wrong function that raises is seen
        return False


def _run(f):
    design = f()
    if design is None or design is Ellipsis:
        return None
    if says := refusal(design):
        raise ValueError(says)
    wrongs, rights = passes(design)
    return wrongs * 1.0, (~rights) * 1.0


# ---------------------------------------------------------------- the lab


def _with(**changes):
    """A design without gaps with something changed in every case."""
    shared = {"dy": "random", "compare": "entries", "tolerance": 1e-6, "stride": 2}

    def design():
        return [
            {"x": (2, 2, 6, 7), "w": (3, 2, 3, 2), "padding": 1, **shared, **changes},
            {"x": (2, 2, 7, 6), "w": (3, 2, 2, 3), "padding": 0, **shared, **changes},
        ]

    return design


RULES = (  # (name, what is said, the predicate of a design, a design that does it)
    ("nothing compared", "It compares no numbers: any function whose results have the right shapes passes, or any that "
     "returns something. Compare entries.", lambda d: {c["compare"] for c in d} <= {"shapes", "not zero"},
     {"compare": "shapes"}),
    ("means or sums", "It compares one number for each gradient. Whatever moves entries about, or turns them, keeps "
     "their sum. Compare entries.", lambda d: not any(c["compare"] == "entries" for c in d), {"compare": "means"}),
    ("tolerance", "It is so generous that small errors pass. In float64, right functions agree to about 1e-15.",
     lambda d: all(c["tolerance"] > 1e-2 for c in d), {"tolerance": 0.5}),
    ("dy of ones", "In every case dy is all ones. Then it cannot matter which output a gradient came from. "
     "Make dy random.", lambda d: all(c["dy"] == "ones" for c in d), {"dy": "ones"}),
    ("stride 1", "No case has a stride above 1. Whoever forgets the stride passes.",
     lambda d: all(c["stride"] == 1 for c in d), {"stride": 1}),
    ("no padding", "No case has a padding. Whoever forgets it, or never removes it, passes.",
     lambda d: all(c["padding"] == 0 for c in d), {"padding": 0}),
    ("one image", "Every case has one image. A mean over the batch, or one image that overwrites another, passes.",
     lambda d: all(c["x"][0] == 1 for c in d), {"x": (1, 2, 6, 7)}),
    ("one weight", "Every kernel is a single weight. There is nothing to turn in it, and no two windows overlap.",
     lambda d: all(c["w"][2] == c["w"][3] == 1 for c in d), {"w": (3, 2, 1, 1)}),
    ("one channel or filter", "Every case has one channel or one filter. Whoever exchanges or adds them passes.",
     lambda d: all(1 in (c["x"][1], c["w"][0]) for c in d), {"x": (2, 1, 6, 7), "w": (3, 1, 3, 2)}),
)  # fmt: skip


@dataclass
class PassedDesign(Passed):
    """What a design is told that lets nothing pass. numbers: what it takes."""

    numbers: int = 0

    @property
    def figures(self) -> str:
        return f"All {len(known_wrongs())} known wrong functions are refused, with {self.numbers} numbers."


class DesignLab(Exercise):
    """A lab whose answer is a check, judged by what the check lets pass."""

    @property
    def idea(self):
        return self.next_idea

    def judge(self, f, explain=True):
        verdict = super().judge(f, explain=False)
        verdict.findings = []
        if verdict.passed:
            verdict.passed = PassedDesign(**vars(verdict.passed), numbers=cost(f()))
        if verdict.status == "error" and verdict.raised:
            verdict.explained = {"survivors": [f"It stops with {verdict.raised.kind}: {verdict.raised.message}"]}
        if verdict.status != "wrong":
            return verdict
        verdict.remarks = []  # each tensor alone is of no interest
        design = f()
        wrongs, rights = passes(design)
        if wrongs.any():
            says = next((says for _, says, blind, _ in RULES if blind(design)), MORE)
            verdict.mistakes["survivors"] = [says]
            verdict.remarks.append(
                f"{wrongs.sum()} of {len(wrongs)} known wrong functions pass your check of {cost(design)} numbers."
            )
        if not rights.all():
            verdict.mistakes["refused"] = [TOO_STRICT]
        verdict.explained = _explained(wrongs, rights) if explain else {}
        return verdict


def _explained(wrongs, rights):
    """What a design lets pass, by the gradient that is wrong there, and which right functions it refuses."""
    found = {}
    passing = [(tensor, one.name) for (tensor, one, _), passed in zip(known_wrongs(), wrongs, strict=True) if passed]
    for tensor in TENSORS:
        names = list(dict.fromkeys(name for which, name in passing if which == tensor))
        if names:
            count = sum(which == tensor for which, _ in passing)
            they = f"{count} functions with a wrong {tensor} pass" if count > 1 else f"One with a wrong {tensor} passes"
            more = " and more" if len(names) > MOST_NAMED else ""
            found.setdefault("survivors", []).append(f"{they}: {', '.join(names[:MOST_NAMED])}{more}.")
    if not rights.all():
        found["refused"] = [f"It refuses {(~rights).sum()} of the {len(rights)} right functions."]
    return found


MORE = "Some wrong functions pass still. Look at the board: what would your cases have to do for one of them to show?"
TOO_STRICT = "It refuses a right function, which differs in rounding only. Allow a relative error of about 1e-9."

DESIGN_CHECK = DesignLab(
    answer=fixed.design_check,
    start=broken.design_check,
    run=_run,
    task=(
        "Grade your grader. `design_check()` returns the cases of a check of `conv2d_backward`: each case is a "
        "dictionary of shapes, stride and padding, of what `dy` is (`random`, `ones`, or a single `one`), of what is "
        "compared (`entries`, `means`, `sums`, `shapes`, or that a gradient is `not zero`), and of the relative "
        "tolerance. Make it so that **every** known wrong function is refused and no right one is. "
        "Two small cases can be enough. The fewer numbers in x, w and dy together, the better."
    ),
    hints=(
        "Look at the board: each function that passes says what it does wrong. What would make that show?",
        "Break every symmetry: batch, channels, filters, height and width all different, a stride that leaves a "
        "remainder, a padding, a kernel that is not square, a dy without a pattern.",
        "Start from x (2, 2, 6, 7), w (3, 2, 3, 2), stride 2, padding 1, dy random, entries. Then make it smaller.",
    ),
    difficulty="hard",
    minutes=10,
    cases=lambda rng: [{}],
    probe={},
    tensors=("survivors", "refused"),
    mistakes={
        "survivors": tuple(
            Mistake(name, says, (WrongAnswer(_run, _with(**changes), 0),)) for name, says, _, changes in RULES
        ),
        "refused": (
            Mistake("too strict", TOO_STRICT, (WrongAnswer(_run, _with(tolerance=1e-17), 1),)),
        ),
    },
    next_idea="Can you do it with fewer numbers? There is a check of 54. And with a `dy` that holds a single 1?",
)  # fmt: skip

EXERCISES = (DESIGN_CHECK,)
