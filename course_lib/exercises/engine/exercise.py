"""What an exercise is: a library function seen as a question."""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from course_lib import functional
from course_lib.exercises.engine.judge import judge
from course_lib.exercises.engine.running import copied
from course_lib.exercises.engine.variant import Variant

SEED = 0


@dataclass(frozen=True)
class Mistake:
    """A way of going wrong: what the learner is told, and the wrong functions that betray it.

    Each of `examples` takes the arguments of the exercise and returns the one tensor it spoils.
    """

    name: str
    message: str
    examples: tuple


class WrongAnswer:
    """A wrong answer to an exercise that has a `run`, as a function of the arguments to the one tensor it spoils."""

    def __init__(self, run, answer, number):
        self.run, self.answer, self.number = run, answer, number

    def __call__(self, *arguments):
        return self.run(self.answer, *arguments)[self.number]


@dataclass
class Exercise:
    """`answer` turned into a question.

    cases(rng) -> argument sets by name, in the order of the answer's parameters.
    tensors: the names of what the answer returns, in order. mistakes: tensor name -> its Mistakes.
    run(f, *arguments) -> the results, where calling f once is not enough (a class).
    forward(*arguments) -> y: what a gradient "dx", "dw" ... is the gradient of, to test it with no reference.
    shows: tensor -> what the right one shows on the probe, a small set of arguments for pictures.
    windows(*arguments) -> how many windows cover each entry of the tensor it is given for.
    accept(arguments, results) -> a remark where the results are right in another legitimate way, else None.
    patterns: (sentence, predicate of the arguments): told where no wrong function explains an answer that fails there.
    otherwise: tensor -> sentences for it where nothing else explains what is wrong.
    extras: remark -> a trial of a right answer, which is told the remark where it fails.
    start: a broken function to begin from, in place of an empty stub; symptom(f) shows what is wrong with it.
    """

    answer: Callable
    task: str
    hints: tuple
    difficulty: str
    minutes: int
    cases: Callable
    tensors: tuple
    mistakes: dict
    probe: dict
    run: Callable = None
    forward: Callable = None
    shows: dict = field(default_factory=dict)
    windows: dict = field(default_factory=dict)
    axes: dict = field(default_factory=dict)
    accept: Callable = None
    patterns: list = field(default_factory=list)
    otherwise: dict = field(default_factory=dict)
    extras: dict = field(default_factory=dict)
    tolerance: float = 2e-5
    start: Callable = None
    symptom: Callable = None
    lesson: str = ""

    @property
    def name(self):
        return self.answer.__name__

    def judge(self, f):
        """f, a learner's function or class, held against the answer. Returns a Verdict."""
        return judge(self, f)

    @cached_property
    def arguments(self):
        """The cases, drawn once: a list of {parameter: value}."""
        return self.cases(np.random.default_rng(SEED))

    def results(self, f, case):
        """What f returns for a case, unchecked."""
        values = case.values()
        return self.run(f, *values) if self.run else f(*values)

    def expected(self, case):
        """The right results of a case: tensor name -> array."""
        value = self.results(self.answer, case)
        parts = (value,) if len(self.tensors) == 1 else value
        return {name: np.asarray(part) for name, part in zip(self.tensors, parts, strict=True)}

    @cached_property
    def references(self):
        return [self.expected(case) for case in self.arguments]

    @cached_property
    def _results_of_wrongs(self):
        return {wrong: {} for mistakes in self.mistakes.values() for mistake in mistakes for wrong in mistake.examples}

    @cached_property
    def pairs(self):
        """tensor -> (one mistake, another, a wrong function that makes both at once), wherever two go together."""
        found = {}
        for tensor, mistakes in self.mistakes.items():
            variants = [
                (mistake, wrong) for mistake in mistakes for wrong in mistake.examples if isinstance(wrong, Variant)
            ]
            found[tensor] = [
                (one, other, both)
                for (one, a), (other, b) in combinations(variants, 2)
                if one is not other and (both := a.with_(b))
            ]
            self._results_of_wrongs |= {both: {} for *_, both in found[tensor]}
        return found

    def result_of(self, wrong, number):
        """What a wrong function makes of a case, None where it raises. Each answer is held against all of them."""
        known = self._results_of_wrongs.get(wrong, {})  # what was fitted to one learner's array is not kept
        if number not in known:
            arguments = [copied(value) for value in self.arguments[number].values()]
            try:
                known[number] = np.asarray(wrong(*arguments))
            except Exception:
                known[number] = None
        return known[number]

    def spoilt(self, tensor, wrong):
        """An answer that is right but for one tensor, which one of its mistakes' functions makes."""
        if isinstance(wrong, WrongAnswer):
            return wrong.answer

        def answer(*arguments):
            if len(self.tensors) == 1:
                return wrong(*arguments)
            right = self.answer(*arguments)
            return tuple(
                wrong(*arguments) if name == tensor else part for name, part in zip(self.tensors, right, strict=True)
            )

        return answer

    # ------------------------------------------------------------ what the notebook shows

    def solution(self):
        """The answer's source, without what only checks arguments."""
        return _readable(self.answer)

    def stub(self):
        """The solution without its body, or the broken source to mend."""
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

    @cached_property
    def imports(self):
        """The import lines that make solution and stub run by themselves."""
        tree = ast.parse(self.solution() + self.stub())
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {self.name}
        known = vars(inspect.getmodule(self.answer))
        return sorted({_import_line(name, known[name]) for name in used & known.keys()})


def _readable(answer):
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(answer)))
    node = ast.parse(source).body[0]
    lines = source.splitlines()[node.lineno - 1 :]  # node.lineno is the def itself, below the decorators
    return "\n".join(line for line in lines if not line.lstrip().startswith("checks.")) + "\n"


def _import_line(name, thing):
    if not isinstance(thing, types.ModuleType):
        module = functional.__name__ if name in functional.__all__ else thing.__module__
        return f"from {module} import {name}"
    package, _, module = thing.__name__.rpartition(".")
    if not package:
        return f"import {module}" if name == module else f"import {module} as {name}"
    return f"from {package} import {module}" if name == module else f"from {package} import {module} as {name}"
