"""Which cells of which arrays a line of somebody's code reads and sets: the subscripts that stand in it.

A subscript such as x[n, :, top : top + kH] is compiled with CELLS in place of x. Evaluated with an array of the numbers
of the cells, it picks those that are meant. Only what cannot change anything is evaluated.
"""

import ast
import functools
import linecache
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from course_lib._support.sources import CannotBeKeptError, parsed

CELLS = "__cells__"
SELF = "self"  # the object of a method, whose arrays have dotted names: self.x, self.weight.grad
HARMLESS = {"range", "len", "min", "max", "int", "abs", "enumerate", "zip", "slice", "reversed", "divmod", "tuple"}
HARMLESS_METHODS = {
    "ravel", "reshape", "transpose", "swapaxes", "squeeze", "item", "ndindex", "arange", "ix_", "argmax",
    "unravel_index",
}  # fmt: skip
ONLY_THE_FORM = {"shape", "ndim", "size", "dtype"}  # x.shape reads no cell of x
ONLY_THE_LENGTH = {"len", "zeros_like", "empty_like", "ones_like", "shape", "ndindex"}
VIEWS = {"T", "ravel", "reshape", "transpose", "swapaxes", "squeeze"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


@dataclass(frozen=True)
class Part:
    """Cells of the array called `name`: those that `pick` picks, or all of them."""

    name: str
    pick: CodeType | None = None

    def cells(self, numbers: np.ndarray, names: Mapping[str, Any], namespace: dict[str, Any]) -> np.ndarray | None:
        """Those of `numbers` that are picked, where `names` have their values; None where that cannot be told."""
        if self.pick is None:
            return numbers
        if any(hasattr(names.get(name), "__next__") for name in self.pick.co_names):
            return None  # to go through an iterator would use it up
        with suppress(Exception):
            picked = eval(self.pick, {**namespace, **names, CELLS: numbers})
            if isinstance(picked, list):
                return np.concatenate([np.ravel(part) for part in picked]).astype(np.intp)
            return np.asarray(picked, dtype=np.intp)
        return None


@dataclass
class Statement:
    """A statement on its lines (first, last), counted in its file."""

    lines: tuple[int, int]
    reads: list[Part] = field(default_factory=list)
    sets: list[Part] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    gives_name_to: str = ""  # "g" of g = dy[j]
    adds: bool = False  # an augmented assignment
    returns: bool = False


@dataclass
class Function:
    """What is known of a function: its own lines, its statements by line, and which names change in its loops.

    first: the line of its def, below the decorators.
    """

    first: int
    source: list[str]
    statements: dict[int, Statement]
    loop_names: list[str]
    varying: set[str]
    sums: set[str]  # names that are added to


def function(code: CodeType) -> Function | None:
    """What is known of the function with this code; None where its source cannot be found."""
    return _function(code, code.co_filename)  # codes of two files may be equal


@functools.lru_cache(maxsize=256)
def _function(code: CodeType, file: str) -> Function | None:
    try:
        tree, lines = _parsed(file, tuple(linecache.getlines(file)))
    except CannotBeKeptError:
        return None
    node = _node_of(tree, code)
    if node is None:
        return None
    last = node.end_lineno or node.lineno
    source = lines[node.lineno - 1 : last]
    indent = min((len(line) - len(line.lstrip()) for line in source if line.strip()), default=0)
    found = Function(node.lineno, [line[indent:] for line in source], {}, [], set(), set())
    if isinstance(node, ast.Lambda):
        statement = Statement((node.lineno, last), _reads(node.body), [], _names(node.body), returns=True)
        found.statements = dict.fromkeys(range(node.lineno, last + 1), statement)
        return found
    for part in _own(node):
        if isinstance(part, (ast.For, ast.While)):
            _note_loop(part, found)
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            found.sums.add(part.target.id)
        if isinstance(part, ast.stmt) and part is not node:
            statement = _statement(part)
            for line in range(statement.lines[0], statement.lines[1] + 1):
                found.statements[line] = statement  # the innermost comes last
    return found


@functools.lru_cache(maxsize=8)
def _parsed(file: str, text: tuple[str, ...]) -> tuple[ast.Module, list[str]]:
    """The tree and the lines of a cell or a file; text: what it holds now."""
    return parsed(file)


def _node_of(tree: ast.AST, code: CodeType) -> ast.FunctionDef | ast.Lambda | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *(one.lineno for one in node.decorator_list)]) == code.co_firstlineno:
                return node
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
            return node
    return None


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what stands in it, outer before inner, without the functions defined in it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield from _own(child)


def _note_loop(loop: ast.For | ast.While, found: Function) -> None:
    if isinstance(loop, ast.For):
        found.loop_names += [name for name in _stored(loop.target) if name not in found.loop_names]
    for part in loop.body:
        found.varying.update(name for inner in _own(part) for name in _stored_by(inner))


def _stored(target: ast.AST) -> list[str]:
    return [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]


def _stored_by(node: ast.AST) -> list[str]:
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


# ---------------------------------------------------------------- one statement


def _statement(node: ast.stmt) -> Statement:
    last = node.end_lineno or node.lineno
    if isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match)):
        return Statement((node.lineno, last))  # what stands in it is written over its lines
    found = Statement((node.lineno, last), names=_names(node), returns=isinstance(node, ast.Return))
    if isinstance(node, ast.Assign):
        found.reads = _reads(node.value)
        found.sets = [part for target in node.targets for part in _sets(target)]
        (target, *others) = node.targets
        if isinstance(target, ast.Name) and not others and isinstance(node.value, ast.Subscript):
            found.gives_name_to = target.id
    elif isinstance(node, ast.AugAssign):
        found.adds = True
        found.reads = _reads(node.value)
        whole = [Part(node.target.id)] if isinstance(node.target, ast.Name) else []
        found.sets = _sets(node.target) or whole
    else:
        found.reads = _reads(node)
    return found


def _sets(target: ast.AST) -> list[Part]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [part for one in target.elts for part in _sets(one)]
    if isinstance(target, ast.Subscript):
        part = _part(target, ())
        return [part] if part else []
    return [Part(dotted(target))] if isinstance(target, ast.Attribute) and dotted(target) else []


def _reads(node: ast.AST) -> list[Part]:
    found: list[Part] = []
    _collect(node, (), found)
    return list(dict.fromkeys(found))


def _collect(node: ast.AST, loops: tuple[ast.comprehension, ...], found: list[Part]) -> None:
    """Add the parts that an expression reads; loops: those of the comprehensions around it."""
    if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.ClassDef)):
        return
    if isinstance(node, ast.Attribute) and node.attr in ONLY_THE_FORM:
        return
    if isinstance(node, ast.Call) and _called(node) in ONLY_THE_LENGTH:
        return
    if isinstance(node, ast.Subscript) and (picked := _part(node, loops)):
        found.append(picked)
        _collect(node.slice, loops, found)
        return
    if isinstance(node, ast.Attribute) and node.attr not in VIEWS and (name := dotted(node)):
        found.append(Part(name))
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        found.append(Part(node.id))
    if isinstance(node, _COMPREHENSIONS):
        inner = (*loops, *node.generators)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for loop in node.generators:
            _collect(loop.iter, loops, found)
        for part in parts:
            _collect(part, inner, found)
        return
    for child in ast.iter_child_nodes(node):
        _collect(child, loops, found)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _part(node: ast.Subscript, loops: tuple[ast.comprehension, ...]) -> Part | None:
    """A subscript as the part of an array that it picks; None where more than a name is in front of it."""
    base = _base(node)
    if base is None or not _is_harmless(node) or not all(_is_harmless(loop) for loop in loops):
        return None
    picked = ast.Expression(_with_base(node, base))
    if loops:
        picked = ast.Expression(ast.ListComp(picked.body, list(loops)))
    name = base.id if isinstance(base, ast.Name) else dotted(base)
    return Part(name, compile(ast.fix_missing_locations(picked), "<cells>", "eval"))


def _base(node: ast.AST) -> ast.Name | ast.Attribute | None:
    """Where the array is named that x[n][c], x.T[i], x.reshape(-1)[i] and self.x[i] pick from."""
    if isinstance(node, ast.Name):
        return node
    if isinstance(node, ast.Subscript):
        return _base(node.value)
    if isinstance(node, ast.Attribute) and node.attr in VIEWS:
        return _base(node.value)
    if isinstance(node, ast.Attribute) and dotted(node):
        return node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _base(node.func)
    return None


def dotted(node: ast.AST) -> str:
    """ "self.weight.grad" as it stands there; "" for anything that is not kept by self."""
    if isinstance(node, ast.Name):
        return SELF if node.id == SELF else ""
    before = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else ""


def _with_base(node: ast.expr, base: ast.Name | ast.Attribute) -> ast.expr:
    """A copy of the expression with CELLS in place of its base."""

    class Exchange(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.Name:
            return ast.copy_location(ast.Name(CELLS, ast.Load()), name) if name is base else name

        def visit_Subscript(self, one: ast.Subscript) -> ast.Subscript:
            return ast.copy_location(ast.Subscript(self.visit(one.value), one.slice, ast.Load()), one)

        def visit_Attribute(self, one: ast.Attribute) -> ast.expr:
            if one is base:
                return ast.copy_location(ast.Name(CELLS, ast.Load()), one)
            return ast.copy_location(ast.Attribute(self.visit(one.value), one.attr, ast.Load()), one)

        def visit_Call(self, one: ast.Call) -> ast.Call:
            return ast.copy_location(ast.Call(self.visit(one.func), one.args, one.keywords), one)

    return Exchange().visit(node)


def _is_harmless(node: ast.AST) -> bool:
    """Whether an expression can be evaluated once more without changing anything."""
    for part in ast.walk(node):
        if isinstance(part, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom, ast.Lambda)):
            return False
        if isinstance(part, ast.Call):
            known = HARMLESS if isinstance(part.func, ast.Name) else HARMLESS_METHODS
            if _called(part) not in known:
                return False
    return True
