"""What the judge found out about a learner's answer. `cards` draws it."""

from dataclasses import dataclass, field

import numpy as np

from course_lib.exercises.engine import cards


@dataclass
class Picture:
    """One tensor on one set of arguments: the learner's array beside the one it should be."""

    title: str
    yours: np.ndarray
    expected: np.ndarray
    tolerance: float
    names: tuple = ("yours", "expected")


@dataclass
class Finding:
    """What is wrong with one tensor: (label, fact) pairs, in the order in which they are told."""

    tensor: str
    facts: list
    picture: Picture = None


@dataclass
class Raised:
    """An exception from the learner's code: the line it came from and what the names in it held."""

    kind: str
    message: str
    place: str
    line: str = ""
    values: dict = field(default_factory=dict)
    call: str = ""


@dataclass
class Verdict:
    """status: "right", "wrong", "not attempted" or "error". mistakes: tensor name -> the sentences it earned."""

    name: str
    status: str
    mistakes: dict = field(default_factory=dict)
    remarks: list = field(default_factory=list)
    findings: list = field(default_factory=list)
    raised: Raised = None
    printed: str = ""

    def _repr_html_(self):
        return cards.html(self)

    def __repr__(self):
        return cards.text(self)
