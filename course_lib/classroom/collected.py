"""A class: every answer judged, and what its students are stuck on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from course_lib.classroom import handed_in, judging
from course_lib.classroom.handed_in import Answer, Student
from course_lib.classroom.judging import Outcome
from course_lib.exercises import Exercise, get, names

NOT_HANDED_IN = "not handed in"
UNNAMED = "no known mistake"
LAST_WRITTEN = (handed_in.NOTEBOOK, handed_in.TRIED, handed_in.KEPT)  # which of the wrong answers is told about


class Told(NamedTuple):
    """A mistake that an answer shows: the result that is wrong, the mistake's name, and what the student is told."""

    tensor: str
    name: str
    message: str


@dataclass(frozen=True)
class Judged:
    """What is known of one student and one lab. found_in: where the answer was that counts. tries: None if unknown."""

    status: str
    told: tuple[Told, ...] = ()
    says: str = ""
    found_in: str = ""
    tries: int | None = None
    suspicious: bool = False


@dataclass(frozen=True)
class Stuck:
    """Students whose answers to a lab show the same mistake. example: what one of these answers does."""

    lab: str
    lesson: str
    told: Told
    students: tuple[str, ...]
    example: str


@dataclass
class Class:
    """answers: student -> lab -> Judged. remarks: (student, sentence).

    free: of `judging.LIMITS`, those that did not hold for every answer.
    """

    seed: int
    answers: dict[str, dict[str, Judged]]
    remarks: list[tuple[str, str]] = field(default_factory=list)
    free: tuple[str, ...] = ()
    day: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))

    @cached_property
    def labs(self) -> list[str]:
        """The labs that somebody was given, in the order of the lessons."""
        given = {lab for labs in self.answers.values() for lab in labs}
        return [name for name in names() if name in given]

    def of(self, student: str, lab: str) -> Judged:
        return self.answers[student].get(lab, Judged(NOT_HANDED_IN))

    def count(self, status: str, lab: str) -> int:
        """How many students have this status in a lab."""
        return sum(self.of(student, lab).status == status for student in self.answers)

    def solved(self, student: str) -> int:
        return sum(judged.status == "right" for judged in self.answers[student].values())

    @cached_property
    def stuck(self) -> list[Stuck]:
        """What students are stuck on, the most frequent first."""
        found: dict[tuple[str, Told], list[str]] = {}
        for student, labs in self.answers.items():
            for lab, judged in labs.items():
                for told in judged.told if judged.status in ("wrong", "error") else ():
                    found.setdefault((lab, told), []).append(student)
        order = {name: number for number, name in enumerate(names())}
        rows = [
            Stuck(lab, get(lab).lesson, told, tuple(who), self.of(who[0], lab).says)
            for (lab, told), who in found.items()
        ]
        return sorted(rows, key=lambda row: (-len(row.students), order[row.lab], row.told))


def collect(paths: Sequence[Path], seed: int, seconds: int = judging.SECONDS) -> Class:
    """Read and judge what students handed in. seed: draws the fresh cases."""
    students = handed_in.students(paths)
    outcomes: dict[tuple[str, str], Outcome] = {}

    def is_solved(lab: str, answers: Sequence[Answer]) -> bool:
        return any(outcomes[lab, one.text].status == "right" for one in answers)

    for place in range(max((len(a) for student in students for a in student.answers.values()), default=0)):
        outcomes |= judging.judge_all(
            (
                (lab, answers[place].text)
                for student in students
                for lab, answers in student.answers.items()
                if len(answers) > place and not is_solved(lab, answers[:place])
                if (lab, answers[place].text) not in outcomes
            ),
            seed, seconds,
        )  # fmt: skip
    limits = [outcome.limits for outcome in outcomes.values() if outcome.limits is not None]
    return Class(
        seed,
        {student.name: _of_student(student, outcomes) for student in students},
        [(student.name, remark) for student in students for remark in student.remarks],
        tuple(kind for kind in judging.LIMITS if outcomes and not (limits and all(kind in held for held in limits))),
    )


def _of_student(student: Student, outcomes: dict[tuple[str, str], Outcome]) -> dict[str, Judged]:
    found = {}
    for name in sorted(student.labs):
        tries = student.tries.get(name)
        judged = {
            one: outcomes[name, one.text] for one in student.answers.get(name, ()) if (name, one.text) in outcomes
        }
        best = min(
            judged.items(),
            key=lambda pair: (
                pair[1].status != "right", pair[1].status == "not attempted", LAST_WRITTEN.index(pair[0].found_in)
            ),
            default=None,
        )  # fmt: skip
        if best is None:
            found[name] = Judged("not attempted", tries=tries)
        else:
            answer, outcome = best
            found[name] = replace(with_names(get(name), outcome), found_in=answer.found_in, tries=tries)
    return found


def with_names(lab: Exercise, outcome: Outcome) -> Judged:
    """What is known of an answer by what came of it: its mistakes by name."""
    told = [named(lab, tensor, text) for tensor, texts in outcome.mistakes.items() for text in texts]
    if not told and outcome.status == "error":
        kind = outcome.says.partition(":")[0]
        told = [Told("", kind if len(kind) < 40 else "an error", "")]
    elif not told and outcome.status == "wrong":
        told = [Told("", UNNAMED, "")]
    return Judged(outcome.status, tuple(told), outcome.says, suspicious=outcome.suspicious)


def named(lab: Exercise, tensor: str, sentence: str) -> Told:
    """The mistake that a sentence is told to; where it has no name, its first words stand for it."""
    called = [mistake.name for mistake in lab.mistakes.get(tensor, ()) if mistake.message == sentence]
    first = sentence.partition(". ")[0].partition(": ")[0].rstrip(".")
    return Told(tensor, " or ".join(called) or (first if len(first) <= 80 else f"{first[:77]}..."), sentence)
