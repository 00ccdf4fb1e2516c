"""A cell gives the same numbers whenever it is run: nothing that it reads is changed by what comes later."""

import ast
import copy
import re
from collections import defaultdict

import pytest

from course_lib.exercises import registry
from course_lib.publish import build

LESSONS = build.lessons()
THE_END = "workers.stop()"  # of lesson C: what needs its workers cannot be run behind it
FENCED = re.compile(r"^(~~~|```).*?^\1", re.MULTILINE | re.DOTALL)


class Names(ast.NodeVisitor):
    """What a piece of code binds, what it reads before it has bound it, and what its functions read when called."""

    def __init__(self, nodes):
        self.bound, self.read, self.later = {}, set(), set()
        for node in nodes:
            self.visit(node)

    def bind(self, name, source="a value"):
        self.bound.setdefault(name, source)

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id)
        elif node.id not in self.bound:
            self.read.add(node.id)

    def visit_Import(self, node):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            self.bind(name, f"import {getattr(node, 'module', '')} {alias.name}")

    visit_ImportFrom = visit_Import  # noqa: N815  (the names are those of ast)

    def visit_FunctionDef(self, node):
        a = node.args
        for now in [*getattr(node, "decorator_list", []), *a.defaults, *filter(None, a.kw_defaults)]:
            self.visit(now)
        inner = Names(node.body if isinstance(node.body, list) else [node.body])
        arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        self.later |= (inner.read | inner.later) - {one.arg for one in arguments} - set(inner.bound)
        if isinstance(node, ast.FunctionDef):
            self.bind(node.name)

    visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node):
        inner = Names([*node.bases, *node.decorator_list, *node.body])
        self.read |= inner.read - set(self.bound)
        self.later |= inner.later
        self.bind(node.name)

    def visit_ListComp(self, node):
        parts = [part for g in node.generators for part in (g.iter, g.target, *g.ifs)]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner = Names(parts)
        self.read |= inner.read - set(self.bound)
        self.later |= inner.later - set(inner.bound)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node):
        self.visit(node.value)
        if isinstance(node.target, ast.Name) and node.target.id not in self.bound:
            self.read.add(node.target.id)
        self.visit(node.target)

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)


def sections(cells):
    """(heading above it, source) of each code cell."""
    heading, found = "", []
    for cell in cells:
        if cell.cell_type == "code":
            found.append((heading, cell.source))
        else:
            heading = (re.findall(r"^#+ (.*)", FENCED.sub("", cell.source), re.MULTILINE) or [heading])[-1]
    return found


def reused(cells):
    """Names that are bound to different things in two sections, and read by a cell that did not bind them itself."""
    bound, read = defaultdict(set), set()
    for heading, source in sections(cells):
        names = Names(ast.parse(source).body)
        for name, what in names.bound.items():
            labs_own = what.startswith("import course_lib.mine ") and name in registry.names()
            if not labs_own:  # a later lab imports what an earlier one of the lesson has made
                bound[name].add(what if what.startswith("import ") else heading)
        read |= names.read | names.later
    return {name for name, places in bound.items() if len(places) > 1 and name in read}


def bound_after_read(cells):
    """Names that a cell reads and then binds anew: run twice, it starts from something else."""
    each = (Names(ast.parse(source).body) for _, source in sections(cells))
    return {name for names in each for name in names.read & set(names.bound)}


def shared_generators(cells):
    """Generators of random numbers that another cell than their own draws from."""
    parsed = [ast.parse(source).body for _, source in sections(cells)]
    made = {
        target.id
        for body in parsed
        for statement in body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and re.search(r"(default_rng|RandomState)$", ast.unparse(statement.value.func))
        for target in statement.targets
    }
    return {name for body in parsed for name in Names(body).read & made}


@pytest.mark.parametrize("name", LESSONS)
def test_no_name_is_used_again_for_something_else(name):
    cells = build.assemble(name).cells
    assert reused(cells) == set()
    assert bound_after_read(cells) == set()


@pytest.mark.parametrize("name", LESSONS)
def test_every_cell_draws_random_numbers_from_a_generator_of_its_own(name):
    assert shared_generators(build.assemble(name).cells) == set()


def lesson_of(*pieces):
    """Cells of a lesson: a heading where a piece begins with #, or else code."""
    kinds = (build.nbformat.v4.new_markdown_cell, build.nbformat.v4.new_code_cell)
    return [kinds[not piece.startswith("# ")](piece) for piece in pieces]


@pytest.mark.parametrize(
    "pieces, expected",
    [
        (("# A", "x = 1", "# B", "x = 2", "x + 1"), {"x"}),
        (("# A", "x = 1\nx + 1", "# B", "x = 2\nx + 1"), set()),
        (("# A", "x = 1\ndef f(): return x", "# B", "x = 2\nx + 1"), {"x"}),
        (("# A", "x = 1", "x + 1", "# B", "[x for x in range(3)]"), set()),
        (("# A", "for x in range(3): pass", "x + 1", "# B", "for x in range(4): pass"), {"x"}),
        (("# A", "import numpy as np", "np.e", "# B", "import numpy as np"), set()),
        (("# A", "import numpy as np", "np.e", "# B", "import math as np"), {"np"}),
        (("# A", "def conv1d(): ...", "conv1d()", "# B", "from course_lib.mine import conv1d"), set()),
        (("# A", "x = 1", "x + 1", "# B", "def f():\n    x = 2\n    return (lambda: x)()"), set()),
    ],
)
def test_a_name_that_is_used_again_is_found(pieces, expected):
    assert reused(lesson_of(*pieces)) == expected


def test_what_a_cell_changes_under_its_own_feet_is_found():
    assert bound_after_read(lesson_of("x = 3", "x = x[:2]", "x += 1", "y = 2\ny += 1")) == {"x"}
    assert shared_generators(lesson_of("rng = np.random.default_rng(0)\nrng.random()")) == set()
    assert shared_generators(lesson_of("rng = np.random.default_rng(0)", "rng.random()")) == {"rng"}


# ---------------------------------------------------------------- run once in order, then once in reverse


def shown(cell):
    """The text and the pictures below a cell."""
    outputs = [output.get("text") or output.get("data") or output.get("evalue") for output in cell.outputs]
    kinds = ("text/plain", "image/png")
    return [{kind: one[kind] for kind in kinds if kind in one} if isinstance(one, dict) else one for one in outputs]


@pytest.mark.course
@pytest.mark.parametrize("name", LESSONS)
def test_cells_run_again_from_the_last_to_the_first_show_the_same(name, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    notebook = build.assemble(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source != THE_END]
    checks = {number for number, cell in enumerate(code) if build.checks_in(cell)}
    stubs = {number - 1 for number in checks}  # what a learner has written is not defined anew
    again = [number for number in reversed(range(len(code))) if number not in stubs]
    notebook.cells = [copy.deepcopy(cell) for cell in (*code, *(code[number] for number in again))]
    build._name_cells(notebook.cells)
    ran = build.execute(notebook).cells
    for number, cell in zip(again, ran[len(code) :], strict=True):
        tags = cell.metadata.get("tags", [])
        before_the_style = number == 0  # lesson 00's pad is drawn before figures.use_style()
        if number not in checks and "nbval-ignore-output" not in tags and not before_the_style:
            assert shown(cell) == shown(ran[number]), cell.source
