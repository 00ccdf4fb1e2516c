"""A case of the bug clinic: a broken function with its symptom, told as a story."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.symptom import Symptom


class Report(NamedTuple):
    """Something like it that shipped. says: what it was, what it did, how it was found and how long it lived.

    project, url: where it can be read.
    """

    project: str
    url: str
    says: str

    @property
    def markdown(self) -> str:
        return f"[{self.project}]({self.url}): {self.says}"


@dataclass
class Case(Exercise):
    """A lab that begins with a broken function. `start` and `symptom` are always there.

    title: its heading, which tells a story and not the bug. reports: where the like of it shipped.
    """

    title: str = ""
    reports: tuple[Report, ...] = ()

    @cached_property
    def _seen(self) -> dict[Callable[..., Any], Symptom]:
        return {}

    def seen_in(self, f: Callable[..., Any]) -> Symptom:
        """The symptom of f. That of `start` and of the answer are computed once."""
        assert self.symptom is not None
        if f is not self.start and f is not self.answer:
            return self.symptom(f)
        if f not in self._seen:
            self._seen[f] = self.symptom(f)
        return self._seen[f]
