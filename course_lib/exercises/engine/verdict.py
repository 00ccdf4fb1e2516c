"""What the judge found out about a learner's answer, as a card."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from course_lib import looks
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
RIGHT_BUT = "!", "Right, but"
SAME_NUMBER = 2e-5  # relative: entries of a small example that are closer are shown as the same
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

    tensor: the result that comes out wrong. arguments: parameter -> value. yours (None where nothing was returned),
    expected: that result. says: all of that in a sentence. needs: what has to be in it, a sentence, or "".
    """

    tensor: str
    arguments: dict[str, Any]
    yours: np.ndarray | None
    expected: np.ndarray
    says: str = ""
    needs: str = ""

    @property
    def picture(self) -> Picture | None:
        """Yours beside expected, where that shows more than the sentence: several numbers, in one axis or two."""
        if self.yours is None or {self.yours.dtype.kind, self.expected.dtype.kind} - set("fiub"):
            return None
        if self.yours.shape != self.expected.shape and max(self.yours.ndim, self.expected.ndim) > 2:
            return None  # shapes of a part of each would say something else than the sentence
        yours, expected = _in_a_plane(self.yours), _in_a_plane(self.expected)
        if max(yours.size, expected.size) < 2 or max(yours.ndim, expected.ndim) > 2:
            return None
        return Picture(f"{self.tensor} in this example.", yours, expected, SAME_NUMBER)

    @property
    def is_shown(self) -> bool:
        """Whether its sentence and picture show all that there is to be seen of it."""
        return self.picture is not None or (self.yours is not None and self.yours.size == self.expected.size == 1)


def _in_a_plane(array: np.ndarray) -> np.ndarray:
    """An array of at most two axes, if those that can be left out hold one entry each."""
    if array.ndim > 2 and array.shape[-2:] == (1, 1):
        array = array[..., 0, 0]
    while array.ndim > 2 and len(array) == 1:
        array = array[0]
    return array


@dataclass
class Passed:
    """What an answer is told that is right.

    tried: the number of sets of arguments; geometries: how many of them differ in a shape or a whole number.
    worst: the largest error, relative to the largest entry. idea: something to try next.
    solution: the source that is shipped; yours: the learner's own. progress: how many labs are solved.
    pace: how much faster than loops it is.
    """

    tried: int
    geometries: int
    worst: float
    solution: str = ""
    yours: str = ""
    idea: str = ""
    progress: str = ""
    pace: str = ""

    @property
    def figures(self) -> str:
        geometries = f" with {self.geometries} geometries" if self.geometries > 1 else ""
        arguments = "1 set of arguments" if self.tried == 1 else f"{self.tried} sets of arguments"
        return f"Tried on {arguments}{geometries}. The largest error is {looks.number(self.worst, 2)}."

    @property
    def title(self) -> str:
        """Of what is folded: `sources`."""
        return "Your code beside the course's own solution" if self.yours else "The course's own solution"

    @property
    def sources(self) -> list[tuple[str, str]]:
        """(title, source): the learner's own and the one that is shipped."""
        return [(title, text) for title, text in (("yours", self.yours), ("the course's", self.solution)) if text]

    def lines(self) -> list[str]:
        lines = [
            text for text in (self.figures, self.pace, self.progress, self.idea and f"Try next: {self.idea}") if text
        ]
        return [f"  {line}" for line in lines]


class Section(NamedTuple):
    """What is told of one tensor: (tensors, sentence) pairs, named mistakes apart from what explains them.

    raised: whether an exception is shown, to which the explanations come second.
    """

    tensor: str
    named: list[tuple[str, str]]
    explained: list[tuple[str, str]]
    finding: Finding | None
    raised: bool = False

    @property
    def open(self) -> list[tuple[str, str]]:
        """What is shown at once, where this section leads: what is named or, where nothing is, one explanation."""
        return self.named or ([] if self.raised else self._explained[:1])

    @property
    def folded(self) -> list[tuple[str, str]]:
        """The explanations that are not shown at once."""
        return self._explained if self.named or self.raised else self._explained[1:]

    @property
    def _explained(self) -> list[tuple[str, str]]:
        """Without a label where the sentence itself says which tensors it is about."""
        return [
            ("" if _names_all(sentence, label.split(", ")) else label, sentence) for label, sentence in self.explained
        ]


def _names_all(sentence: str, tensors: Sequence[str]) -> bool:
    return all(re.search(rf"(?<![\w.]){re.escape(tensor)}(?!\w)", sentence) for tensor in tensors)


def _told_lines(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [f"  {label}: {sentence}" if label else f"  {sentence}" for label, sentence in pairs]


@dataclass(repr=False)
class Verdict(Card):
    """Whether an answer is right, and what to tell its author.

    mistakes: the name of a tensor (or of an argument, or "results") -> the sentences it earned.
    explained: tensor -> sentences that are true of what came wrong in it, found by asking the function.
    smallest: the smallest example that fails; None for a right answer. passed: about a right one.
    leads: those remarks without which the rest would be misread; they stand first.
    caution: whether one of the remarks keeps a right answer from being plainly right.
    goes_on: whether later cells use the answer, or the library's in its place.
    """

    name: str
    status: Status
    mistakes: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    raised: Raised | None = None
    printed: str = ""
    explained: dict[str, list[str]] = field(default_factory=dict)
    smallest: Smallest | None = None
    passed: Passed | None = None
    caution: bool = False
    goes_on: bool = True

    template: ClassVar[str] = "verdict.html"

    @property
    def head(self) -> tuple[str, str]:
        """The status as a symbol and in words."""
        return RIGHT_BUT if self.caution and self.status == "right" else HEADS[self.status][:2]

    @property
    def colour(self) -> str:
        """The name of the colour of its edge."""
        if self.status == "not attempted":
            return "neutral"
        return "caution" if self.caution and self.status == "right" else self.status

    @property
    def what_now(self) -> str:
        """The last line. If the lab was not attempted, a remark already says how to continue."""
        go_on = HOW_TO_GO_ON if self.status == "not attempted" and not self.remarks else ""
        return f"{HEADS[self.status][2] if self.goes_on else ''} {go_on}".strip()

    @property
    def legend(self) -> str:
        """How to read the pictures, if there are any."""
        pictures = [section.finding.picture for section in self.sections if section.finding and section.finding.picture]
        pictures += [self.smallest.picture] if self.smallest and self.smallest.picture else []
        outlined = [OUTLINED] * any(picture.has_outlines for picture in pictures)
        return " ".join([*outlined, LEGEND]) if pictures else ""

    @property
    def legend_is_folded(self) -> bool:
        """Whether there are pictures in the folded part alone."""
        return not (self.smallest and self.smallest.picture)

    @property
    def first_remarks(self) -> list[str]:
        return [remark for remark in dict.fromkeys(self.remarks) if remark in self.leads]

    @property
    def last_remarks(self) -> list[str]:
        return [remark for remark in dict.fromkeys(self.remarks) if remark not in self.leads]

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """Tensor -> (all tensors that earned it, sentence): what is said of it. No sentence is said twice.

        Tensors with a finding come last, as their sentences stand above it.
        """
        return _once({t: self.mistakes.get(t, [] if self.explained.get(t) else [UNKNOWN]) for t in self._tensors})

    @property
    def _tensors(self) -> list[str]:
        found = [finding.tensor for finding in self.findings]
        return [*dict.fromkeys(t for t in (*self.mistakes, *self.explained) if t not in found), *found]

    @property
    def sections(self) -> list[Section]:
        """What is told of each tensor, one with a named mistake first: that of the smallest example, if it has one."""
        told, findings = self.told(), {finding.tensor: finding for finding in self.findings}
        said = {sentence for pairs in told.values() for _, sentence in pairs}
        explained = _once({t: [s for s in self.explained.get(t, []) if s not in said] for t in self._tensors})
        named = [tensor for tensor in told if self.mistakes.get(tensor)] or list(told)
        lead = self.smallest.tensor if self.smallest and self.smallest.tensor in named else next(iter(named), "")
        shown = self.smallest.tensor if self.smallest and self.smallest.is_shown else None
        sections = []
        for tensor in sorted(told, key=lambda tensor: tensor != lead):
            finding = findings.get(tensor)
            if finding and tensor == shown:
                finding = replace(finding, picture=None)
            sections.append(Section(tensor, told[tensor], explained[tensor], finding, self.raised is not None))
        return sections

    @property
    def folded_title(self) -> str:
        """What the folded part of the card is about: of the first tensor, what was measured, and all others."""
        others = [section.tensor for section in self.sections[1:]]
        return f"More, also about {', '.join(others)}" if others else "More about it"

    def lines(self) -> list[str]:
        symbol, words = self.head
        lines = [f"{symbol} {words}: {self.name}", *(f"  {remark}" for remark in self.first_remarks)]
        if self.smallest:
            lines += [f"  {self.smallest.says} {self.smallest.needs}".rstrip()]
            lines += [*(self.smallest.picture.lines() if self.smallest.picture else [])]
        lines += self.raised.lines() if self.raised else []
        first, *others = self.sections or [Section("", [], [], None)]
        lines += _told_lines(first.open)
        if others or first.folded or first.finding:
            lines.append(f"  {self.folded_title}:")
        lines += _told_lines(first.folded) + (first.finding.lines() if first.finding else [])
        for section in others:
            lines += _told_lines([*section.open, *section.folded]) + (
                section.finding.lines() if section.finding else []
            )
        lines += [f"  {remark}" for remark in self.last_remarks]
        if self.passed:
            lines += self.passed.lines()
            if self.passed.solution:
                lines.append(f"""  The course's own solution: print(exercises.get("{self.name}").solution())""")
        if self.printed:
            lines += ["  Your code printed:", *(f"    {line}" for line in self.printed.splitlines())]
        return [*lines, *([self.what_now] if self.what_now else [])]


def _once(sentences: dict[str, list[str]]) -> dict[str, list[tuple[str, str]]]:
    """Tensor -> its sentences, each with all tensors that have it, at the first of them."""
    earned: dict[str, list[str]] = {}
    for tensor, those in sentences.items():
        for sentence in those:
            earned.setdefault(sentence, []).append(tensor)
    told: dict[str, list[tuple[str, str]]] = {tensor: [] for tensor in sentences}
    for sentence, tensors in earned.items():
        told[tensors[0]].append((", ".join(tensors), sentence))
    return told
