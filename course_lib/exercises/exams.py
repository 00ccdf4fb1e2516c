"""The exam: an operator without a name, an empty page, and a judge that keeps no answer.

What is asked is measured at the operator as it was drawn: y by doing plainly what its words say, dx and dw by slopes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from course_lib.exercises.engine import operators
from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.guard import supervised
from course_lib.exercises.engine.judge import judge
from course_lib.exercises.engine.operators import Operator, Pair
from course_lib.exercises.engine.question import Case, Mistake, Question, Small
from course_lib.exercises.engine.running import callable_with, can_be_called_with
from course_lib.exercises.engine.verdict import HEADS, Smallest, Status, Verdict
from course_lib.looks import number

TENSORS = {"forward": "y", "input_gradient": "dx", "weight_gradient": "dw"}  # function -> what it returns
AXES = "image", "channel", "row", "column"
NO_WEIGHTS = "This operator has no weights, so there is no dw: `weight_gradient` is None, or returns None."
NO_DW = "dw is None, as it should be: there are no weights."
SIGNATURE = "Keep the signature: `{head}`."
TOGETHER = "Your `forward` and your `{gradient}` belong together: {sums}."
NOT_TOGETHER = "Your `forward` and your `{gradient}` do not belong together: {sums}."
SUMS = "sum(forward({direction}) * dy) is {one}, and sum({direction} * {tensor}) is {other}"
SAME_SLIP = "So what is wrong is wrong in both of them alike. Read the words again."
HOW = (
    "Write {functions} on an empty page, then `exam({seed}, {level}).judge({names})`. "
    "`dy` is the gradient of a loss with respect to `y`."
)
TOLERANCE = 2e-5


def exam(seed: int, level: int = 1) -> "Exam":
    """An operator without a name, and a judge: the same for everyone who gives the same seed. Level 2 has groups.

    Shows its words and a small example in a notebook. `exam(seed).judge(forward, input_gradient, weight_gradient)`
    judges forward(x, w) -> y, input_gradient(dy, x, w) -> dx and weight_gradient(dy, x, w) -> dw; where there are no
    weights, forward(x) and input_gradient(dy, x), and None in place of the third. Arrays are (N, C, H, W).
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, but is {seed!r}")
    if level not in operators.LEVELS:
        raise ValueError(f"level must be one of {', '.join(map(str, operators.LEVELS))}, but is {level!r}")
    return Exam(int(seed), int(level), operators.draw(int(seed), int(level)))


@dataclass(repr=False)
class Exam(Card):
    """A drawn operator: its words, a small example, and `judge`."""

    seed: int
    level: int
    operator: Operator

    template: ClassVar[str] = "exam.html"

    @property
    def title(self) -> str:
        return f"Exam {self.seed}, level {self.level}"

    @property
    def words(self) -> list[str]:
        return self.operator.words()

    @property
    def signatures(self) -> list[str]:
        """What is to be written, and what it returns: "forward(x, w) -> y"."""
        return [
            f"{function}({', '.join(self._parameters(function))}) -> {TENSORS[function]}" for function in self._asked
        ]

    @property
    def how(self) -> str:
        functions = [f"`{signature}`" for signature in self.signatures]
        return HOW.format(
            functions=f"{', '.join(functions[:-1])} and {functions[-1]}", names=", ".join(self._asked), seed=self.seed,
            level=self.level,
        )  # fmt: skip

    @property
    def example(self) -> list[tuple[str, list[list[list[str]]]]]:
        """(name, planes of numbers) of x, w and y in a small example, where two windows fit along each axis."""
        operator, rng = self.operator, np.random.default_rng(self.seed)
        channels = operator.groups or 1
        channels *= 2 if operator.groups and operator.groups > 1 else 1
        sizes = zip(operator.extent, operator.stride, operator.padding, strict=True)
        height, width = (max(3, extent + stride - 2 * padding) for extent, stride, padding in sizes)
        numbers = rng.permutation(channels * height * width) + 1.0
        x = (numbers * rng.choice([-1, 1], numbers.shape)).reshape(1, channels, height, width)
        case = operators.arrays(operator, x, lambda *shape: rng.integers(1, 4, shape).astype(float), 1)
        w = case.get("w")
        arrays = {
            "x": x[0],
            **({} if w is None else {"w": w.reshape(-1, *w.shape[2:])}),
            "y": operator.forward(x, w)[0],
        }
        return [
            (name, [[[number(value) for value in row] for row in plane] for plane in planes])
            for name, planes in arrays.items()
        ]

    def lines(self) -> list[str]:
        lines = [self.title, *(text.replace("`", "") for text in self.words), "A small example, one image:"]
        for name, planes in self.example:
            grids = [", ".join(f"[{', '.join(row)}]" for row in plane) for plane in planes]
            lines.append(f"  {name} = {', '.join(f'[{grid}]' for grid in grids)}")
        return [*lines, self.how.replace("`", "")]

    def judge(self, forward: Any, input_gradient: Any, weight_gradient: Any = None, explain: bool = True) -> "Examined":
        """Hold three functions against the operator: shows itself in a notebook; `status` is "right" or says why not.

        explain: whether to look for the smallest example too, which takes most of the time for a wrong answer.
        """
        given = {"forward": forward, "input_gradient": input_gradient, "weight_gradient": weight_gradient}
        found = Examined(
            self.seed, self.level, {TENSORS[name]: self._judged(name, given[name], explain) for name in self._asked}
        )
        if not self.operator.has_weights:
            found.verdicts["dw"] = _no_weights(weight_gradient)
        if self.operator.reduction != "max" and found.can_be_compared:
            found.remarks = [self._adjoint(given, name, found) for name in self._asked[1:]]
        return found

    @property
    def _asked(self) -> list[str]:
        return [name for name in TENSORS if self.operator.has_weights or name != "weight_gradient"]

    def _parameters(self, function: str) -> list[str]:
        names = ["x", "w"] if self.operator.has_weights else ["x"]
        return names if function == "forward" else ["dy", *names]

    def _judged(self, name: str, f: Any, explain: bool) -> Verdict:
        if f is None:
            return Verdict(name, "not attempted", goes_on=False)
        question = self.question(name)
        verdict = judge(question, f, explain)
        verdict.goes_on = False
        if verdict.raised and verdict.raised.kind == "TypeError" and not can_be_called_with(f, question):
            verdict.remarks.append(SIGNATURE.format(head=f"{name}({', '.join(self._parameters(name))})"))
        return verdict

    def question(self, function: str) -> Question:
        """One of the three functions as a question, whose answer is measured once for all answers to it."""
        return self._questions[function]

    @cached_property
    def _questions(self) -> dict[str, Question]:
        return {function: self._made(function) for function in self._asked}

    def _made(self, function: str) -> Question:
        tensor, parameters = TENSORS[function], self._parameters(function)
        mistakes = tuple(Mistake(name, says, (_of(other, function),)) for name, says, other in self.operator.misread())

        def chosen(arrays: Case) -> Case:
            return {name: arrays[name] for name in parameters}

        def drawn(rng: np.random.Generator, sizes: Sequence[Pair], larger: int) -> list[Case]:
            return [chosen(arrays) for arrays in self._arrays(rng, sizes, larger)]

        return Question(
            answer=_of(self.operator, function), task="", hints=(), difficulty="", minutes=0,
            cases=lambda rng: drawn(rng, ((2, 3), (4, 2), (4, 4)), 1),
            further=lambda rng: drawn(rng, ((1, 1), (2, 2), (1, 3), (3, 1)), 0), tensors=(tensor,),
            mistakes={tensor: mistakes}, probe=drawn(np.random.default_rng(0), ((2, 2),), 0)[0],
            axes={tensor: AXES if tensor != "dw" else ("output channel", "channel", "row", "column")},
            tolerance=TOLERANCE, small=self._small(chosen),
        )  # fmt: skip

    def _arrays(self, rng: np.random.Generator, sizes: Sequence[Pair], larger: int) -> list[Case]:
        """Arguments for so many windows along rows and columns, with each remainder in turn."""
        found = []
        for turn, wanted in enumerate(sizes):
            steps = zip(wanted, self.operator.extent, self.operator.stride, self.operator.padding, strict=True)
            height, width = (max(e if larger else 1, (n - 1) * s + e - 2 * p + (turn + 1) % s) for n, e, s, p in steps)
            channels = (self.operator.groups or 1) * (1 + larger + turn % 2)
            x = operators.apart(rng, 1 + larger + turn % 2, channels, height, width)
            found.append(
                operators.arrays(self.operator, x, lambda *shape: rng.standard_normal(shape), 1 + larger + turn % 2)
            )
        return found

    def _small(self, chosen: Callable[[Case], Case]) -> Small:
        def draw(numbers: Any, W: int, H: int, channels: int, outputs: int, N: int) -> Case:
            x = numbers(N, channels * (self.operator.groups or 1), H, W)
            if self.operator.reduction == "max":
                x *= 1.0 - 2 * numbers.below(2, *x.shape)  # zeros around it can be the largest
                if len(np.unique(x)) < x.size:
                    raise ValueError(operators.CORNER)
            return chosen(operators.arrays(self.operator, x, numbers, outputs))

        height, width = self.operator.extent
        outputs = (1, 2) if self.operator.has_weights else (1,)
        return Small(
            {"W": range(1, width + 4), "H": range(1, height + 4), "channels": (1, 2), "outputs": outputs, "N": (1, 2)},
            draw,
        )

    def _adjoint(self, given: dict[str, Any], name: str, found: "Examined") -> str:
        """Whether forward and a gradient are each other's adjoint: a sentence. A right answer is no longer, if not."""
        rng = np.random.default_rng(self.seed)
        arrays = self._arrays(rng, ((2, 3),), 1)[0]
        tensor, direction = TENSORS[name], "v"
        moved = "x" if name == "input_gradient" else "w"
        v = rng.standard_normal(arrays[moved].shape)
        one = other = np.nan
        with supervised(), suppress(Exception):
            y = self._called(given, "forward", {**arrays, moved: v})
            gradient = self._called(given, name, arrays)
            one, other = float((y * arrays["dy"]).sum()), float((v * gradient).sum())
        sums = SUMS.format(direction=direction, tensor=tensor, one=number(one, 5), other=number(other, 5))
        if close(np.array(one), np.array(other), TOLERANCE):
            alike = "wrong" == found.verdicts["y"].status == found.verdicts[tensor].status
            return TOGETHER.format(gradient=name, sums=sums) + (f" {SAME_SLIP}" if alike else "")
        found.together = False
        return NOT_TOGETHER.format(gradient=name, sums=sums)

    def _called(self, given: dict[str, Any], name: str, arrays: Case) -> np.ndarray:
        values = [arrays[parameter].copy() for parameter in self._parameters(name)]
        return np.asarray(callable_with(given[name], self.question(name))(*values), dtype=float)


def _of(operator: Operator, function: str) -> Callable[..., np.ndarray]:
    """One of the three functions of an operator, with the name and the parameters that the learner's has."""
    if operator.has_weights:

        def forward(x: np.ndarray, w: np.ndarray) -> np.ndarray:
            return operator.forward(x, w)

        def input_gradient(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
            return operator.input_slopes(dy, x, w)

        def weight_gradient(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
            return operator.weight_slopes(dy, x, w)

        with_weights: dict[str, Callable[..., np.ndarray]] = {
            "forward": forward, "input_gradient": input_gradient, "weight_gradient": weight_gradient,
        }  # fmt: skip
        return with_weights[function]
    return _without_weights(operator, function)


def _without_weights(operator: Operator, function: str) -> Callable[..., np.ndarray]:
    def forward(x: np.ndarray) -> np.ndarray:
        return operator.forward(x)

    def input_gradient(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return operator.input_slopes(dy, x)

    return forward if function == "forward" else input_gradient


def _no_weights(weight_gradient: Any) -> Verdict:
    """About dw, where there are no weights: right are None, and a function that returns None."""
    verdict = Verdict("weight_gradient", "right", goes_on=False, remarks=[NO_DW])
    returned = weight_gradient
    if callable(weight_gradient):
        with supervised():
            returned = _returned(weight_gradient)
    if returned is not None:
        verdict.status, verdict.remarks, verdict.mistakes = "wrong", [], {"dw": [NO_WEIGHTS]}
    return verdict


def _returned(f: Callable[..., Any]) -> Any:
    """What it returns for one entry, whether it wants weights or not."""
    for values in ((np.ones((1, 1, 1, 1)),) * 3, (np.ones((1, 1, 1, 1)),) * 2):
        try:
            return f(*values)
        except TypeError:
            continue
        except Exception:
            return f
    return f


@dataclass(repr=False)
class Examined(Card):
    """What an exam found: a Verdict for each tensor, "y", "dx" and "dw"; remarks on whether they belong together."""

    seed: int
    level: int
    verdicts: dict[str, Verdict]
    remarks: list[str] = field(default_factory=list)
    together: bool = True

    template: ClassVar[str] = "examined.html"

    @property
    def status(self) -> Status:
        """ "right" if all are; else "not attempted" if none was; else "error" or "wrong"."""
        statuses = [verdict.status for verdict in self.verdicts.values()]
        if all(status == "right" for status in statuses):
            return "right" if self.together else "wrong"
        asked = [verdict.status for verdict in self.verdicts.values() if NO_DW not in verdict.remarks]
        if all(status == "not attempted" for status in asked):
            return "not attempted"
        return "error" if "error" in statuses else "wrong"

    @property
    def mistakes(self) -> dict[str, list[str]]:
        """Tensor (or argument) -> the sentences it earned."""
        return {tensor: says for verdict in self.verdicts.values() for tensor, says in verdict.mistakes.items()}

    @property
    def smallest(self) -> Smallest | None:
        """The smallest example that fails, of the first tensor that is wrong."""
        return next((verdict.smallest for _, verdict in self.open), None)

    @property
    def can_be_compared(self) -> bool:
        """Whether every function returned arrays of the right shape, so that sums of products mean something."""
        return all(
            verdict.status == "right" or (verdict.status == "wrong" and not _has_another_form(verdict))
            for verdict in self.verdicts.values()
        )

    @property
    def done(self) -> list[tuple[str, str]]:
        """(tensor, what is said of it) of those that are right."""
        return [
            (tensor, verdict.passed.figures if verdict.passed else " ".join(verdict.remarks))
            for tensor, verdict in self.verdicts.items()
            if verdict.status == "right"
        ]

    @property
    def open(self) -> list[tuple[str, Verdict]]:
        """(tensor, Verdict) of the others."""
        return [(tensor, verdict) for tensor, verdict in self.verdicts.items() if verdict.status != "right"]

    @property
    def head(self) -> tuple[str, str]:
        return HEADS[self.status][:2]

    @property
    def colour(self) -> str:
        return "neutral" if self.status == "not attempted" else self.status

    @property
    def summary(self) -> str:
        right = len(self.verdicts) - len(self.open)
        missing = ", ".join(tensor for tensor, _ in self.open)
        return f"{right} of {len(self.verdicts)} are right." + (f" Still to do: {missing}." if missing else "")

    def lines(self) -> list[str]:
        lines = [f"{' '.join(self.head)}: exam {self.seed}, level {self.level}. {self.summary}"]
        lines += [f"  ✓ {tensor}: {says}" for tensor, says in self.done]
        for tensor, verdict in self.open:
            lines += [f"  {tensor}:", *(f"  {line}" for line in verdict.lines())]
        return [*lines, *(f"  {remark}" for remark in self.remarks)]


def _has_another_form(verdict: Verdict) -> bool:
    smallest = verdict.smallest
    return smallest is None or smallest.yours is None or smallest.yours.shape != smallest.expected.shape
