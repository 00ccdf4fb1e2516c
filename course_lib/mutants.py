"""The known wrong functions of the labs, to test your own implementation or your own check with.

python -m course_lib.mutants LAB yours.py            is the implementation in yours.py right? which mistake is it?
python -m course_lib.mutants LAB yours.py --check    which wrong functions does the check in yours.py let pass?
python -m course_lib.mutants [LAB] --list            all known wrong functions as JSON, of one lab or of all

yours.py defines a function (or class) named like the lab, or a function check(f). yours.py:NAME and
package.module:NAME name another one. check(f) returns True to accept f; a test made of asserts, which returns nothing
or raises, will do. With --json the answer is JSON, too. Exit code: 0 if the implementation is right, or no wrong
function passes and no right one is refused; 1 if not; 2 if the command cannot be carried out.

For a class, give --check what students wrote as their test. For a library, run --check on its own test in CI, with a
`check(f)` that calls the test with f in place of the function under test. --list is made for programs; each entry has
the keys name (unique within its lab), sentence (what its author is told), lab, tensor (the one result that is wrong),
mistake (several functions may make the same) and source (the address of a public report, or ""). Names of entries stay;
new ones are added. `course_lib.grader` does the same for checks that are given as shapes, as lesson 11 uses it.
"""

import argparse
import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from course_lib import functional
from course_lib.exercises import Exercise, Verdict, get, names
from course_lib.exercises.engine.guard import OutOfTime

Check = Callable[[Callable[..., Any]], object]


@dataclass(frozen=True)
class WrongFunction:
    """A full answer to a lab that is right but for one mistake in one tensor.

    name: unique within the lab, as "dx: stride missing"; further functions for one mistake are numbered from (2).
    sentence: what its author is told. mistake: its name in the lab's table.
    source: the address of a public report of this mistake in somebody's program, or "".
    function: has the lab's signature and takes float64 or float32 arrays; for a lab that asks for a class, a class.
    """

    name: str
    sentence: str
    lab: str
    tensor: str
    mistake: str
    source: str
    function: Callable[..., Any] = field(repr=False)

    def described(self) -> dict[str, str]:
        """All of it but the function, as JSON has it."""
        return {key: value for key, value in vars(self).items() if key != "function"}


def wrong_functions(lab: str) -> list[WrongFunction]:
    """All known wrong functions of a lab, in the order of its table of mistakes."""
    exercise = get(lab)
    found = []
    for tensor, mistakes in exercise.mistakes.items():
        for mistake in mistakes:
            for number, wrong in enumerate(mistake.examples, 1):
                name = f"{tensor}: {mistake.name}" + (f" ({number})" if number > 1 else "")
                function = _full(exercise, tensor, wrong)
                found.append(
                    WrongFunction(name, mistake.message, exercise.name, tensor, mistake.name, mistake.source, function)
                )
    return found


def survivors(lab: str, check: Check) -> list[str]:
    """The names of the wrong functions of a lab that a check lets pass.

    check(f) returns True to accept f, and False to refuse it. Like a test, it may also raise to refuse, and return
    None to accept. A check that refuses everything leaves no survivors: `refused` tells.
    """
    return [wrong.name for wrong in wrong_functions(lab) if not _objection(check, wrong.function)]


def refused(lab: str, check: Check) -> dict[str, str]:
    """The right functions of a lab that a check refuses -> why. They differ in rounding only."""
    objections = {name: _objection(check, f) for name, f in _right_functions(get(lab)).items()}
    return {name: why for name, why in objections.items() if why}


def _objection(check: Check, f: Callable[..., Any]) -> str:
    """Why a check refuses f, or "" if it accepts."""
    try:
        returned = check(f)
        accepted = returned is None or bool(returned)
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:  # sys.exit() too, and what test frameworks raise
        code = getattr(check, "__code__", None)
        return f"it raises {_in_words(error, code.co_filename if code else '')}"
    return "" if accepted else f"it returns {returned!r}"


def _right_functions(exercise: Exercise) -> dict[str, Callable[..., Any]]:
    """The lab's own answer and, where it has the same parameters, the library's fast function of that name."""
    right = [exercise.answer]
    fast = getattr(functional, exercise.name, None)
    if fast is not None:
        wanted = list(inspect.signature(exercise.answer).parameters)
        right += [fast] * (list(inspect.signature(fast).parameters)[: len(wanted)] == wanted)
    return {f"{f.__module__}.{f.__qualname__}": f for f in right}


# ---------------------------------------------------------------- full answers


def _full(exercise: Exercise, tensor: str, wrong: Callable[..., Any]) -> Callable[..., Any]:
    """A wrong function of one tensor as an answer to the lab: with its signature, and float32 where it has float32."""
    spoilt = exercise.spoilt(tensor, wrong)
    if exercise.run:  # a class, or a function that uses what it is given: it has the lab's form already
        return spoilt
    signature = inspect.signature(exercise.answer)
    number = exercise.tensors.index(tensor)

    def function(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        result = spoilt(*call.args)
        if tensor not in _kept_in_float32(exercise.name) or not _are_float32(call.args):
            return result
        if len(exercise.tensors) == 1:
            return _as_float32(result)
        return (*result[:number], _as_float32(result[number]), *result[number + 1 :])

    function.__name__ = function.__qualname__ = exercise.name
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


@cache
def _kept_in_float32(lab: str) -> frozenset[str]:
    """The tensors that the lab's answer returns in float32 if all its arrays are float32."""
    exercise = get(lab)
    case = {name: _as_float32(value) for name, value in exercise.arguments[0].items()}
    return frozenset(name for name, array in exercise.expected(case).items() if array.dtype == np.float32)


def _as_float32(value: Any) -> Any:
    is_double = isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.float64
    return value.astype(np.float32) if is_double else value


def _are_float32(values: Sequence[Any]) -> bool:
    floats = {value.dtype for value in values if isinstance(value, np.ndarray) and value.dtype.kind == "f"}
    return floats == {np.dtype(np.float32)}


# ---------------------------------------------------------------- loading what somebody else wrote


class CannotBeLoadedError(Exception):
    """With a sentence: the file or module lacks what was asked for, or does not load."""


def load(target: str, default: str) -> Callable[..., Any]:
    """The object that "yours.py", "yours.py:NAME", "package.module" or "package.module:NAME" names.

    default: the name, where none is given. A file is loaded by itself. Raises CannotBeLoadedError.
    """
    place, name = target, default
    if not target.endswith(".py") and ":" in target:
        place, _, name = target.rpartition(":")
    file = os.path.abspath(place) if place.endswith(".py") else ""
    if file and not os.path.isfile(file):
        raise CannotBeLoadedError(f"{place} must be a Python file, but there is no such file")
    try:
        module = _from_file(file) if file else importlib.import_module(place)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() too
        raise CannotBeLoadedError(f"{place} must load by itself, but it raises {_in_words(error, file)}") from error
    if not hasattr(module, name):
        own = sorted(key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__)
        what = f"defines {', '.join(own)}: choose one by {place}:NAME" if own else "defines no function"
        raise CannotBeLoadedError(f"{place} must define {name}, but {what}")
    found = getattr(module, name)
    if not callable(found):
        raise CannotBeLoadedError(f"{name} must be a function or a class, but is of type {type(found).__name__}")
    return found


def _from_file(file: str) -> types.ModuleType:
    name = f"_yours_{Path(file).stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # as the name ends with .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _in_words(error: BaseException, file: str) -> str:
    """An exception as Python writes it, with the line of a file that it came from, if it came from there."""
    text = traceback.format_exception_only(error)[-1].strip()
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{text} (line {lines[-1]})" if lines else text


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lab", nargs="?", metavar="LAB", help="the name of a lab, as conv2d_backward")
    parser.add_argument("target", nargs="?", metavar="yours.py", help="what to test: a file or an importable name")
    parser.add_argument("--check", action="store_true", help="yours.py holds a check, not an implementation")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print all known wrong functions as JSON, and end")
    asked = parser.parse_args(arguments)
    if asked.list == bool(asked.target):
        parser.error("name a lab and a file, or give --list")
    try:
        labs = [get(asked.lab).name] if asked.lab else names()
        if asked.list:
            print(_as_json([wrong.described() for lab in labs for wrong in wrong_functions(lab)]))
            return 0
        with redirect_stdout(sys.stderr):  # what is printed over there does not get between our lines
            subject = load(asked.target, "check" if asked.check else labs[0])
            report: CheckReport | ImplementationReport
            report = (CheckReport if asked.check else ImplementationReport).of(labs[0], subject)
    except (CannotBeLoadedError, ValueError) as error:
        parser.error(str(error))
    print(_as_json(report.as_json()) if asked.json else "\n".join(report.lines()))
    return 0 if report.is_fine else 1


@dataclass
class CheckReport:
    """What a check lets pass, and what it refuses although it is right."""

    lab: str
    tried: int
    survivors: list[WrongFunction]
    refused: dict[str, str]

    @classmethod
    def of(cls, lab: str, check: Check) -> "CheckReport":
        wrongs = wrong_functions(lab)
        passing = set(survivors(lab, check))
        return cls(lab, len(wrongs), [wrong for wrong in wrongs if wrong.name in passing], refused(lab, check))

    @property
    def is_fine(self) -> bool:
        return not self.survivors and not self.refused

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"survivors": [wrong.described() for wrong in self.survivors]}

    def lines(self) -> list[str]:
        lines = [f"{self.lab}: {len(self.survivors)} of {self.tried} known wrong functions pass your check."]
        for sentence in dict.fromkeys(wrong.sentence for wrong in self.survivors):
            lines += [f"  {wrong.name}" for wrong in self.survivors if wrong.sentence == sentence]
            lines.append(f"      {sentence}")
        return lines + [f"  It refuses a right function, {name}: {why}." for name, why in self.refused.items()]


@dataclass
class ImplementationReport:
    """What the lab makes of an implementation."""

    lab: str
    verdict: Verdict

    @classmethod
    def of(cls, lab: str, f: Callable[..., Any]) -> "ImplementationReport":
        return cls(lab, get(lab).judge(f))

    @property
    def is_fine(self) -> bool:
        return self.verdict.status == "right"

    def as_json(self) -> dict[str, Any]:
        raised = self.verdict.raised
        return {
            "lab": self.lab,
            "status": self.verdict.status,
            "mistakes": [
                self._mistake(tensor, says) for tensor, all_of in self.verdict.mistakes.items() for says in all_of
            ],
            "remarks": self.verdict.remarks,
            "explained": self.verdict.explained,
            "raised": asdict(raised) if raised else None,
        }

    def _mistake(self, tensor: str, sentence: str) -> dict[str, str]:
        """With the name of the known mistake, or "" where the sentence is about no known one."""
        known = {mistake.message: mistake for mistake in get(self.lab).mistakes.get(tensor, ())}
        mistake = known.get(sentence)
        name, source = (mistake.name, mistake.source) if mistake else ("", "")
        return {"tensor": tensor, "mistake": name, "sentence": sentence, "source": source}

    def lines(self) -> list[str]:
        return self.verdict.lines()[:-1]  # the last one says how the lesson continues


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
