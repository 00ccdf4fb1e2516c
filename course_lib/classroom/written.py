"""What a student wrote for a lab, cut out of the cells of a notebook: one text that runs by itself.

Nothing is run. Of a notebook's statements, those stay that define the lab, and those that define what they need.
Where a cell puts another lab's checked answer into its name, the course's own answer stands there, so that one wrong
lab does not spoil the next.
"""

import ast
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from course_lib._support.sources import globals_used
from course_lib.exercises import Exercise, get, names

CHECKS = ("check", "treat")
LONGEST = 200_000  # characters of a cell that are read; a lab's answer has a few thousand


class _Statement(NamedTuple):
    """A statement. shape: its meaning. checks: the lab whose checked answer it puts into a name, or ""."""

    text: str
    binds: frozenset[str]
    needs: frozenset[str]
    shape: str
    checks: str
    imports: bool


def answer_in(sources: Iterable[str], lab: Exercise) -> str | None:
    """The text of what was written for a lab in the code cells of a notebook; None if nothing was.

    A last cell that defines the lab and is no Python is returned as it is: it fails as it does in the notebook.
    """
    known = frozenset({lab.name, *lab.formerly})
    cells = [source for source in sources if len(source) <= LONGEST]
    written = [cell for cell in cells if re.search(rf"^(def|class)\s+({'|'.join(known)})\b", cell, re.MULTILINE)]
    if written and _parsed(written[-1]) is None:
        return written[-1]
    stubs = {_shape(node) for node in ast.parse(lab.stub()).body}
    statements = [one for cell in cells for one in _statements(cell) if one.checks not in known]
    own = [one for one in statements if one.binds & known and not one.imports and not stubs & {one.shape}]
    if not own:
        return None
    wanted = _with_what_they_need(own, [one for one in statements if not one.binds & known], known)
    called = next(name for name in known if name in own[-1].binds)
    alias = [] if called == lab.name else [f"{lab.name} = {called}"]
    return "\n\n".join([*(one.text for one in statements if one in wanted), *alias]) + "\n"


def labs_in(sources: Iterable[str], marked: Iterable[str]) -> list[str]:
    """The names of the labs in a notebook: those its cells are marked with or check; without any, those it defines."""
    text = "\n".join(source for source in sources if len(source) <= LONGEST)
    asked = {*marked, *re.findall(r"\b(?:check|treat)\(\s*[\"']?(\w+)", text)}
    today = set()
    for name in asked or re.findall(r"^(?:def|class)\s+(\w+)", text, re.MULTILINE):
        try:
            today.add(get(name).name)
        except ValueError:  # a helper of the student's, or of another course
            continue
    return [name for name in names() if name in today]


def _parsed(source: str) -> ast.Module | None:
    """The tree of a cell without its magics; None if it is no Python."""
    lines = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=2000)
def _statements(cell: str) -> tuple[_Statement, ...]:
    """The statements of a cell that bind names."""
    tree = _parsed(cell)
    found = []
    for node in tree.body if tree else ():
        checks = _checked(node)
        if checks:
            text = f'import course_lib.exercises\n{_target(node)} = course_lib.exercises.get("{checks}").answer'
        else:
            text = ast.unparse(node)
        binds = _bound_by(node)
        if binds:
            imports = isinstance(node, (ast.Import, ast.ImportFrom))
            needs = frozenset(globals_used(text))
            found.append(_Statement(text, binds, needs, _shape(node), checks or "", imports))
    return tuple(found)


def _shape(node: ast.AST) -> str:
    """A definition as its meaning: comments, blank lines and docstrings do not count."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        node = ast.parse(ast.unparse(node)).body[0]
        for inner in ast.walk(node):
            if isinstance(inner, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:] or [ast.Pass()]
    return ast.dump(node)


def _target(node: ast.AST) -> str:
    assert isinstance(node, ast.Assign)
    return ast.unparse(node.targets[0])


def _checked(node: ast.AST) -> str | None:
    """The name of the lab whose check a statement puts into a name: conv1d = check("conv1d"); None if it does not."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
        return None
    call = node.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, (ast.Name, ast.Attribute))):
        return None
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
    if name not in CHECKS:
        return None
    try:
        return get(node.targets[0].id).name
    except ValueError:
        return None


def _bound_by(node: ast.AST) -> frozenset[str]:
    """The names that a statement at the top level binds, or changes an attribute or an entry of."""
    found: set[str] = set()

    def visit(one: ast.AST) -> None:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(one.name)
            return
        if isinstance(one, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return
        if isinstance(one, (ast.Import, ast.ImportFrom)):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in one.names)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            found.add(one.id)
        if isinstance(one, (ast.Attribute, ast.Subscript)) and isinstance(one.ctx, ast.Store):
            root: ast.AST = one
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            if isinstance(root, ast.Name):
                found.add(root.id)
        for child in ast.iter_child_nodes(one):
            visit(child)

    visit(node)
    return frozenset(found)


def _with_what_they_need(
    own: Sequence[_Statement], statements: Sequence[_Statement], known: frozenset[str]
) -> set[_Statement]:
    """The student's statements, and all that bind a name which one of them needs."""
    wanted, open_names, seen = set(own), {name for one in own for name in one.needs}, set(known)
    while open_names - seen:
        seen |= open_names
        more = {one for one in statements if one.binds & (seen | {"*"}) and one not in wanted}
        wanted |= more
        open_names = {name for one in more for name in one.needs}
    return wanted
