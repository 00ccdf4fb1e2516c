"""What the judge found out about a learner's answer, as a card."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from course_lib.exercises.engine.cards import Card
from course_lib.exercises.engine.picture import Picture

Status = Literal["right", "wrong", "not attempted", "error"]

USED = "The lesson uses your answer from here on."
REPLACED = "The lesson goes on with the library's answer."
HOW_TO_GO_ON = "When you have written yours, run its cell and then this one."
HEADS: dict[Status, tuple[str, str, str]] = {  # symbol, words, what the lesson does now
    "right": ("✓", "Right", USED),
    "wrong": ("✗", "Not yet", REPLACED),
    "error": ("!", "Stopped", REPLACED),
    "not attempted": ("○", "Not attempted", REPLACED),
}
UNKNOWN = "This matches none of the known mistakes."
LEGEND = "Blue is above zero, orange below."
OUTLINED = "Outlined entries differ; · means no difference."


@dataclass
class Finding:
    """What is wrong with one tensor: (label, fact) pairs, in the order in which they are told."""

    tensor: str
    facts: list[tuple[str, str]]
    picture: Picture | None = None

    def lines(self) -> list[str]:
        return [f"    {label}: {fact}" for label, fact in self.facts] + (self.picture.lines() if self.picture else [])


@dataclass
class Raised:
    """An exception from the learner's code: the line it came from and what the names in it held."""

    kind: str
    message: str
    place: str
    line: str = ""
    values: dict[str, str] = field(default_factory=dict)
    call: str = ""

    def lines(self) -> list[str]:
        lines = [f"  {self.kind}{f' in {self.place}' if self.place else ''}: {self.message}"]
        if self.line:
            lines += [f"    {self.line}", *(f"    {name} = {value}" for name, value in self.values.items())]
        return [*lines, f"  It was called with {self.call}."]


@dataclass
class Smallest:
    """The smallest example on which an answer fails.

    tensor: the result that comes out wrong. arguments: parameter -> value. yours, expected: that result.
    instead: what happened where nothing was returned, so that yours is None.
    """

    tensor: str
    arguments: dict[str, Any]
    yours: np.ndarray | None
    expected: np.ndarray
    instead: str = ""


@dataclass(repr=False)
class Verdict(Card):
    """Whether an answer is right, and what to tell its author.

    mistakes: the name of a tensor (or of an argument, or "results") -> the sentences it earned.
    explained: tensor -> sentences that are true of what came wrong in it, found by asking the function.
    smallest: the smallest example that fails; None for a right answer.
    """

    name: str
    status: Status
    mistakes: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    raised: Raised | None = None
    printed: str = ""
    explained: dict[str, list[str]] = field(default_factory=dict)
    smallest: Smallest | None = None

    template: ClassVar[str] = "verdict.html"

    @property
    def head(self) -> tuple[str, str]:
        """The status as a symbol and in words."""
        return HEADS[self.status][:2]

    @property
    def colour(self) -> str:
        """The name of the colour of its edge."""
        return "neutral" if self.status == "not attempted" else self.status

    @property
    def what_now(self) -> str:
        """The last line. If the lab was not attempted, a remark already says how to continue."""
        then = HEADS[self.status][2]
        return f"{then} {HOW_TO_GO_ON}" if self.status == "not attempted" and not self.remarks else then

    @property
    def legend(self) -> str:
        """How to read the pictures, if there are any."""
        pictures = [finding.picture for finding in self.findings if finding.picture]
        outlined = [OUTLINED] * any(picture.has_outlines for picture in pictures)
        return " ".join([*outlined, LEGEND]) if pictures else ""

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """Tensor -> (all tensors that earned it, sentence): what is said of it. No sentence is said twice.

        Tensors with a finding come last, as their sentences stand above it.
        """
        found = [finding.tensor for finding in self.findings]
        tensors = [tensor for tensor in self.mistakes if tensor not in found] + found
        earned: dict[str, list[str]] = {}
        for tensor in tensors:
            for sentence in self.mistakes.get(tensor, [UNKNOWN]):
                earned.setdefault(sentence, []).append(tensor)
        told: dict[str, list[tuple[str, str]]] = {tensor: [] for tensor in tensors}
        for sentence, those in earned.items():
            told[those[0]].append((", ".join(those), sentence))
        return told

    def lines(self) -> list[str]:
        symbol, words = self.head
        told = {
            tensor: [f"  {label}: {sentence}" for label, sentence in pairs] for tensor, pairs in self.told().items()
        }
        above = [told.pop(finding.tensor) for finding in self.findings]
        lines = [f"{symbol} {words}: {self.name}", *(line for lines in told.values() for line in lines)]
        lines += self.raised.lines() if self.raised else []
        for sentences, finding in zip(above, self.findings, strict=True):
            lines += [*sentences, *finding.lines()]
        lines += [f"  {remark}" for remark in self.remarks]
        if self.printed:
            lines += ["  Your code printed:", *(f"    {line}" for line in self.printed.splitlines())]
        return [*lines, self.what_now]
