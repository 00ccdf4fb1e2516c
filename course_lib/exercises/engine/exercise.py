"""An exercise: a question that is laid out in a notebook and judges what is answered."""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from course_lib import functional
from course_lib._support.sources import import_of_module
from course_lib.exercises.engine.guard import SECONDS, supervised
from course_lib.exercises.engine.judge import judge
from course_lib.exercises.engine.pace import Measured, Pace, measure
from course_lib.exercises.engine.question import Mistake, Question, WrongAnswer
from course_lib.exercises.engine.running import callable_with, can_be_called_with
from course_lib.exercises.engine.verdict import Verdict

__all__ = ["Exercise", "Mistake", "WrongAnswer"]  # what a lesson makes its labs of

KEEP_THE_SIGNATURE = "Keep the signature of the stub: `{head}`."
FEWER_LOOPS = "Can you write it with fewer loops, so that it is right still?"
ANOTHER_TEST = "Which smallest input shows this bug, and which inputs hide it?"
NOT_TIMED = "It is right, but could not be timed. {case}: it failed, or was still running after {seconds} s."
AS_LOOPS = "Can you write it as plain loops over single numbers, so that it is right still?"


class Exercise(Question):
    """A library function seen as a question; `Question` says what each field means."""

    def judge(self, f: Any, explain: bool = True) -> Verdict:
        """Hold f, a learner's function or class, against the answer.

        explain: whether to fill in `explained` and `smallest` too, which takes most of the time for a wrong answer.
        """
        verdict = judge(self, f, explain)
        verdict.caution = any(remark in self.cautions for remark in verdict.remarks)
        if verdict.raised and verdict.raised.kind == "TypeError" and not can_be_called_with(f, self):
            verdict.leads.append(KEEP_THE_SIGNATURE.format(head=self.head))
            verdict.remarks += verdict.leads
        if verdict.passed:
            verdict.passed.solution, verdict.passed.idea = self.solution(), self.idea
            if self.pace and explain:
                self._time(verdict, self.pace, f)
        return verdict

    def _time(self, verdict: Verdict, pace: Pace, f: Any) -> None:
        """Tell how fast a right answer is. A slow one is right as well, with a caution."""
        found: Measured | None = None
        with supervised(), suppress(Exception):  # it may fail on arrays of that size, or of float32
            found = measure(pace, self.answer, callable_with(f, self))
        if found is not None and not found.is_slow and verdict.passed:
            verdict.passed.pace = found.sentence(pace)
            return
        verdict.remarks.append(found.sentence(pace) if found else NOT_TIMED.format(case=pace.says, seconds=SECONDS))
        verdict.caution = True

    @property
    def head(self) -> str:
        """The answer's name and parameters, as in the stub."""
        return f"{self.name}{inspect.signature(self.answer)}"

    @property
    def idea(self) -> str:
        """Something to try next with a right answer."""
        if self.start and not self.pace:
            return ANOTHER_TEST
        loops = [node for node in ast.walk(ast.parse(self.solution())) if isinstance(node, ast.For)]
        return self.next_idea or (FEWER_LOOPS if loops else AS_LOOPS)

    def solution(self) -> str:
        """The answer's source, without what only checks arguments."""
        return _readable(self.answer)

    def stub(self) -> str:
        """The solution without its body, or the broken source to repair."""
        if self.start:
            return _readable(self.start)
        source = self.solution()
        lines = source.splitlines()
        bodies = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        for node in sorted(bodies, key=lambda node: -node.lineno):
            first = node.body[0]
            has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            keep = first.end_lineno if has_docstring else first.lineno - 1
            lines[keep : node.end_lineno] = [" " * first.col_offset + "..."]
        return "\n".join(lines) + "\n"

    @property
    def cell(self) -> str:
        """What stands in the cell in which a learner answers."""
        return self.stub().strip()

    @property
    def cell_imports(self) -> list[str]:
        """The import lines above it."""
        return self.imports

    @cached_property
    def imports(self) -> list[str]:
        """The import lines that make solution and stub run by themselves."""
        tree = ast.parse(self.solution() + self.stub())
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {self.name}
        known = vars(inspect.getmodule(self.answer))
        return sorted({_import_line(name, known[name]) for name in used & known.keys()})


def _readable(answer: Callable[..., Any]) -> str:
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(answer)))
    node = ast.parse(source).body[0]
    lines = source.splitlines()[node.lineno - 1 :]  # node.lineno is the def itself, below the decorators
    return "\n".join(line for line in lines if not line.lstrip().startswith("checks.")) + "\n"


def _import_line(name: str, thing: Any) -> str:
    if isinstance(thing, types.ModuleType):
        return import_of_module(name, thing)
    module = functional.__name__ if name in functional.__all__ else thing.__module__
    return f"from {module} import {name}"
