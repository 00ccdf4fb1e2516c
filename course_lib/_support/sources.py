"""The source of a function or class together with everything it needs: plain Python that runs by itself.

Functions, classes, imports and CAPITAL names of a literal go along. Any other name of the notebook is an accident: the
answer works only as long as that notebook does, and the sentence says which name to make a parameter.
"""

import ast
import builtins
import inspect
import linecache
import math
import symtable
import sys
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

NOTEBOOK = "__main__"
COURSE = __name__.partition(".")[0]
NOT_FOUND = "Its source cannot be found. Run the cell that defines it, then check again."


class CannotBeKeptError(Exception):
    """Why an answer that is right cannot be stored by itself, as a sentence for its author."""


def standalone(
    name: str, thing: Any, written_out: Iterable[str] = (), plain: Mapping[Callable[..., Any], str] | None = None
) -> str:
    """The source of a module in which `name` is this function or class, with what it needs.

    written_out: names of modules whose functions go along, without their decorators, and are not imported.
    plain: what stands for a function of a library: {function: text that needs nothing but NumPy}.
    Raises CannotBeKeptError with a sentence.
    """
    writer = _Writer(tuple(written_out), plain or {})
    writer.define(name, thing)
    return writer.text()


def source_of(thing: Any) -> str:
    """The source of a function or class as its author wrote it; "" where it is not found."""
    try:
        return _source(getattr(thing, "__name__", ""), thing)[0]
    except CannotBeKeptError:
        return ""


class _Writer:
    """Collects imports, constants and definitions, each behind what it needs."""

    def __init__(self, written_out: tuple[str, ...], plain: Mapping[Callable[..., Any], str]) -> None:
        self.written_out, self.plain = written_out, plain
        self.imports: set[str] = set()
        self.constants: dict[str, str] = {}
        self.definitions: dict[tuple[str, int], str] = {}
        self.done: dict[str, Any] = {}  # name -> the object that it stands for
        self.busy: list[Any] = []

    def text(self) -> str:
        parts = ["\n".join(sorted(self.imports)), "\n".join(self.constants.values()), *self.definitions.values()]
        return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"

    def define(self, name: str, thing: Any) -> None:
        """Write down a function or class of the learner's, after what it needs."""
        if (name, id(thing)) in self.definitions or any(thing is one for one in self.busy):
            return
        self.busy.append(thing)
        source, namespace = _source(name, thing)
        for parent in getattr(thing, "__bases__", ()):  # a class continued in a second cell: class A(A)
            if self._goes_along(parent):
                self.define(parent.__name__, parent)
        for used in globals_used(source):
            if used == name or (hasattr(builtins, used) and used not in namespace):
                continue
            if used not in namespace:
                raise CannotBeKeptError(f"`{used}` is not defined anywhere: when that line runs, it will fail.")
            self._need(used, namespace[used])
        self.busy.remove(thing)
        alias = f"\n\n\n{name} = {thing.__name__}" if isinstance(thing, type) and thing.__name__ != name else ""
        self.definitions[name, id(thing)] = source + alias

    def _need(self, name: str, value: Any) -> None:
        """Write down what a name of the notebook stands for."""
        if not self._alike(name, self.done.get(name, value), value):
            raise CannotBeKeptError(f"`{name}` stands for two different things in it: give one of them another name.")
        if name in self.done:
            return
        self.done[name] = value
        if isinstance(value, types.ModuleType):
            self.imports.add(import_of_module(name, value))
        elif isinstance(value, types.FunctionType) and value in self.plain:
            own = value.__name__
            text = self.plain[value]
            self.definitions[own, id(value)] = text if own == name else f"{text.rstrip()}\n\n\n{name} = {own}"
        elif isinstance(value, (types.FunctionType, type)) and self._goes_along(value):
            self.define(name, inspect.unwrap(value))
        elif _can_be_imported(value):
            alias = "" if value.__name__ == name else f" as {name}"
            self.imports.add(f"from {value.__module__} import {value.__name__}{alias}")
        elif name.isupper() and (text := _as_literal(value)):
            self.constants[name] = f"{name} = {text}"
        else:
            kind = "an array" if type(value).__name__ == "ndarray" else f"of type {type(value).__name__}"
            raise CannotBeKeptError(
                f"It uses `{name}` ({kind}) from the notebook. Make it a parameter, compute it inside, or, if it is a "
                "fixed number, give it a name in CAPITALS."
            )

    def _alike(self, name: str, one: Any, other: Any) -> bool:
        """Whether they are one thing, or functions of one text: each kept answer has its helpers in its own file."""
        if one is other or not (isinstance(one, types.FunctionType) and isinstance(other, types.FunctionType)):
            return one is other
        try:
            text, its_own = ((self.plain.get(f) or _source(name, f)[0]).strip() for f in (one, other))
        except CannotBeKeptError:
            return False
        needed = (used for used in globals_used(text) if used != name)
        return text == its_own and all(
            self._alike(used, one.__globals__.get(used), other.__globals__.get(used)) for used in needed
        )

    def _goes_along(self, thing: Any) -> bool:
        """Whether the learner wrote it, in a notebook or a file, or it is in a module that is written out."""
        module = inspect.unwrap(thing).__module__ or NOTEBOOK
        return module in (NOTEBOOK, *self.written_out) or _is_the_learners_own(module)


def _is_the_learners_own(module: str) -> bool:
    """Whether a module is a file of the learner's: neither Python's, nor installed, nor this course's."""
    package = module.partition(".")[0]
    if package in (COURSE, "builtins"):
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    installed = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return package == "mine" or (file is not None and not file.startswith(installed))


def _can_be_imported(value: Any) -> bool:
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == NOTEBOOK or not callable(value):
        return False
    return getattr(sys.modules.get(module), name, None) is value


def import_of_module(name: str, module: types.ModuleType) -> str:
    """The line that makes `name` stand for a module: "import numpy as np"."""
    package, _, last = module.__name__.rpartition(".")
    start = f"from {package} import {last}" if package else f"import {last}"
    return start if last == name else f"{start} as {name}"


def _as_literal(value: Any) -> str:
    """How a constant is written, "" where it cannot be."""
    if isinstance(value, float):  # NumPy's float64 too, as of np.finfo(float).eps
        return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
    try:
        return repr(value) if ast.literal_eval(repr(value)) == value else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""


# ---------------------------------------------------------------- where something is written


def _source(name: str, thing: Any) -> tuple[str, dict[str, Any]]:
    """The source of a function or class, dedented, and the names of the module around it."""
    if isinstance(thing, types.FunctionType):
        return _source_of_function(name, thing), thing.__globals__
    if isinstance(thing, type):
        return _source_of_class(thing)
    if isinstance(thing, types.MethodType):
        raise CannotBeKeptError("It is a method of an object. Write it as a function of its own.")
    raise CannotBeKeptError(
        f"It is no function with a source of its own, but a {type(thing).__name__}. Write it with `def`."
    )


def _source_of_function(name: str, function: types.FunctionType) -> str:
    if function.__closure__:
        free = ", ".join(f"`{free}`" for free in function.__code__.co_freevars)
        raise CannotBeKeptError(
            f"It was made inside another function, whose {free} it uses. Write it at the top level."
        )
    if hasattr(function, "__wrapped__"):
        raise CannotBeKeptError("A decorator wraps it. Take the decorator away.")
    of_the_course = str(function.__module__).partition(".")[0] == COURSE  # its decorators check arguments
    tree, lines = parsed(function.__code__.co_filename)
    first = function.__code__.co_firstlineno
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            start = _first_line(node)
            if start == first and node.name == function.__name__:
                text = textwrap.dedent(
                    "\n".join(lines[(node.lineno if of_the_course else start) - 1 : node.end_lineno])
                )
                return text if node.name == name else f"{text}\n\n\n{name} = {node.name}"
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and node.value.lineno == first:
            if function.__name__ == "<lambda>":
                return f"{name} = {ast.get_source_segment(chr(10).join(lines), node.value)}"
    raise CannotBeKeptError(NOT_FOUND)


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _source_of_class(cls: type) -> tuple[str, dict[str, Any]]:
    """A class is found through its methods: Python does not say in which cell a class was defined."""
    own = [f for f in map(inspect.unwrap, _functions(cls)) if isinstance(f, types.FunctionType) and _is_written(f)]
    inside = next((f for f in own if f.__qualname__.startswith(f"{cls.__qualname__}.")), None)
    if inside is None:
        raise CannotBeKeptError(f"The source of `{cls.__name__}` cannot be found: it has no methods of its own.")
    file, line = inside.__code__.co_filename, inside.__code__.co_firstlineno
    tree, lines = parsed(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__ and node.lineno <= line <= node.end_lineno:
            start = _first_line(node)
            for function in own:
                code = function.__code__
                if code.co_filename != file or not start <= code.co_firstlineno <= node.end_lineno:
                    raise CannotBeKeptError(
                        f"`{function.__name__}` was put on `{cls.__name__}` later. Write it inside the class."
                    )
            return textwrap.dedent("\n".join(lines[start - 1 : node.end_lineno])), inside.__globals__
    raise CannotBeKeptError(NOT_FOUND)


def _is_written(function: types.FunctionType) -> bool:
    """Whether somebody wrote it: @dataclass puts methods on a class that stand nowhere."""
    return function.__code__.co_filename != "<string>" and function.__module__ != "dataclasses"


def _functions(cls: type) -> Iterator[Callable[..., Any]]:
    for value in vars(cls).values():
        if isinstance(value, (staticmethod, classmethod)):
            yield value.__func__
        elif isinstance(value, property):
            yield from (f for f in (value.fget, value.fset, value.fdel) if f)
        elif callable(value):
            yield value


def parsed(file: str) -> tuple[ast.Module, list[str]]:
    """The tree and the lines of a cell or a file."""
    lines = [line.rstrip("\n") for line in linecache.getlines(file)]
    if not lines:
        raise CannotBeKeptError(NOT_FOUND)
    without_magic = ["" if line.lstrip().startswith(("%", "!")) else line for line in lines]
    for text in ("\n".join(lines), "\n".join(without_magic)):
        try:
            return ast.parse(text), lines
        except SyntaxError:
            continue
    raise CannotBeKeptError("Its source cannot be read. Put it into a cell of its own.")


def globals_used(source: str) -> list[str]:
    """The names that a definition takes from the module around it, in alphabetical order."""
    found = set()

    def visit(table: symtable.SymbolTable, top: bool) -> None:
        for symbol in table.get_symbols():
            if symbol.is_global() or (top and symbol.is_referenced() and not symbol.is_assigned()):
                found.add(symbol.get_name())
        for child in table.get_children():
            visit(child, False)

    visit(symtable.symtable(source, "answer", "exec"), True)
    return sorted(found)
