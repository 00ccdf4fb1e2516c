"""What a learner writes becomes a library of their own: kept as source, judged alone, found again, never lost."""

import ast
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_lib import loops, mine
from course_lib._support import kept
from course_lib._support.sources import CannotBeKeptError, standalone
from course_lib.exercises import get, keeping, registry

RIGHT = """
def conv1d(x, w, stride=1, padding=0):
    x = np.pad(x, padding)
    y = np.zeros(out_size(len(x), len(w), stride))
    for j in range(len(y)):
        y[j] = x[j * stride : j * stride + len(w)] @ w
    return y
"""
IMPORTS = "import numpy as np\nfrom course_lib.functional import out_size\n"


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    folder = tmp_path / "wörk of mine"
    monkeypatch.setenv("COURSE_WORK", str(folder))
    return folder


@pytest.fixture(scope="module")
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(shell):
    """Runs cells one after the other, as a kernel does. Returns what the names stand for afterwards."""
    before = dict(shell.user_ns)

    def run(*cells):
        for cell in cells:
            assert shell.run_cell(cell).success
        return shell.user_ns

    yield run
    shell.user_ns.clear()
    shell.user_ns.update(before)


def alone(*commands, folder):
    """Commands in a fresh Python that finds nothing but NumPy and this folder."""
    code = "\n".join(["import sys", "sys.modules['course_lib'] = None", *commands])
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, encoding="utf-8")


# ---------------------------------------------------------------- what goes along


@pytest.mark.slow
def test_an_answer_that_calls_two_kept_ones_is_kept_though_each_has_a_helper_of_the_same_name(notebook):
    """im2col and col2im both use out_size, and each file of the learner's holds it."""
    cells = []
    for name in ("im2col", "col2im", "conv2d_backward_gemm"):
        lab = get(name)
        cells.append("\n".join([*(keeping_import(line) for line in lab.imports), "", lab.solution()]))
        cells.append(f"from course_lib.exercises import check\n{name} = check('{name}')")
    names = notebook(*cells)
    assert kept.read("conv2d_backward_gemm").count("def out_size") == 1
    assert keeping.answer("conv2d_backward_gemm") and names


def keeping_import(line):
    """As the build writes it: what another lab made comes from the learner's own library."""
    name = line.split()[-1]
    return f"from course_lib.mine import {name}" if name in registry.names() else line


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["def f(x):\n    return x + 1"], 2),
        (["def g(x):\n    return 2 * x", "def f(x):\n    return g(x)"], 2),
        (["f = lambda x: 2 * x"], 2),
        (["STEP = 3\ndef f(x, step=STEP):\n    return step * x"], 3),
        (["PAIR = (2, [3, 'a'])\ndef f(x):\n    return x * PAIR[1][0]"], 3),
        (["import math as m\ndef f(x):\n    return m.floor(x + 0.5)"], 1),
        (["from math import floor as down\ndef f(x):\n    return down(x + 0.5)"], 1),
        (["def f(n):\n    return 1 if n < 2 else n * f(n - 1)"], 1),
        (["def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n > 0 and even(n - 1)",
          "def f(n):\n    return odd(n)"], True),
        (["def f(x):\n    def inner(a):\n        return a * x\n    return inner(4)"], 4),
        (["class A:\n    def run(self, x):\n        return x", "def f(x):\n    return A().run(x) + 1"], 2),
        (["class A:\n    def one(self):\n        return 1",
          "class A(A):\n    def two(self):\n        return self.one()", "def f(x):\n    return A().two()"], 1),
        (["def g(x):\n    return 5\nf = g"], 5),
        (["%matplotlib --list\ndef f(x):\n    return x"], 1),
        (["import numpy as np\nLOWEST = -np.inf\ndef f(x):\n    return max(LOWEST, x)"], 1),
        (["NOTHING = float('nan')\ndef f(x):\n    return NOTHING != NOTHING"], True),
        (["import numpy as np\nEPS = np.finfo(float).eps\ndef f(x):\n    return x + EPS"], 1 + 2**-52),
        (["from dataclasses import dataclass",
          "@dataclass\nclass A:\n    n: int\n    def twice(self):\n        return 2 * self.n",
          "def f(x):\n    return A(x).twice()"], 2),
        (["def g(x: int) -> int:\n    return x\n", "import typing\ndef f(x: typing.Any):\n    return g(x)"], 1),
    ],
)  # fmt: skip
def test_what_an_answer_needs_goes_along(notebook, cells, expected):
    space = {}
    exec(compile(standalone("f", notebook(*cells)["f"]), "answer.py", "exec"), space)
    assert space["f"](1) == expected


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["k = 3", "def f(x):\n    return k * x"], "`k` (of type int) from the notebook"),
        (["import numpy as np\nA = np.ones(2)", "def f(x):\n    return A * x"], "`A` (an array)"),
        (["def f(x):\n    return missing(x)"], "`missing` is not defined"),
        (["def make(n):\n    def f(x):\n        return n * x\n    return f\nf = make(2)"], "inside another function"),
        (["from functools import partial\ndef g(a, x):\n    return x\nf = partial(g, 1)"], "but a partial"),
        (["class A:\n    def f(self, x):\n        return x\nf = A().f"], "a method of an object"),
        (["import functools\n@functools.cache\ndef g(x):\n    return x\ndef f(x):\n    return g(x)"], "`g` (of type"),
        (["class f:\n    def a(self):\n        pass\ndef b(self):\n    pass\nf.b = b"], "`b` was put on `f` later"),
    ],
)
def test_what_works_only_thanks_to_the_notebook_is_named(notebook, cells, says):
    with pytest.raises(CannotBeKeptError) as refusal:
        standalone("f", notebook(*cells)["f"])
    assert says in str(refusal.value)


def test_the_loops_that_stand_in_for_unsolved_labs_are_written_out_without_their_checks(notebook):
    f = notebook("from course_lib.loops import im2col\ndef f(x):\n    return im2col(x, 2)")["f"]
    source = standalone("f", f, ("course_lib.loops",), keeping.HANDED)
    assert "checks" not in source and "course_lib" not in source and "def pad2d" in source and "def out_size" in source


def test_the_handed_functions_do_what_the_librarys_do():
    for function, source in keeping.HANDED.items():
        space = {}
        exec(source, space)
        for arguments in ((7, 3), (9, 4, 3, 1), (8, 2, 2, 0, 3)):
            assert space[function.__name__](*arguments) == function(*arguments)


def test_functions_in_a_file_of_the_learners_go_along(notebook, tmp_path, monkeypatch):
    (tmp_path / "own_helpers.py").write_text("def twice(x):\n    return 2 * x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    f = notebook("from own_helpers import twice\ndef f(x):\n    return twice(x)")["f"]
    assert "def twice" in standalone("f", f) and "import" not in standalone("f", f)


# ---------------------------------------------------------------- keeping and finding


def test_a_right_answer_is_a_file_that_needs_nothing_but_numpy(notebook, work):
    done, says = keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    assert done and "mine/conv1d.py" in says
    run = alone(
        "import mine",
        "print(mine.conv1d([1., 2, 3], [1., 1]))",
        "print(mine.conv1d([1.], [2.]), dir(mine))",
        folder=work,
    )
    assert run.stdout.splitlines() == ["[3. 5.]", "[2.] ['conv1d']"]


@pytest.mark.slow
def test_it_is_found_again_and_the_report_says_whose_is_whose(notebook):
    start, one, two = (len(labs) for labs in list(registry.lessons().values())[:3])
    assert mine.conv1d is loops.conv1d
    assert mine.summary("01") == f"0 of {one} labs of this lesson are yours; earlier lessons: 0 of {start}."
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    assert mine.conv1d is not loops.conv1d and mine.conv1d([1.0, 2, 3], [1.0, 1]).tolist() == [3, 5]
    assert mine.summary("01") == f"1 of {one} labs of this lesson are yours; earlier lessons: 0 of {start}."
    assert mine.summary("02") == f"0 of {two} labs of this lesson are yours; earlier lessons: 1 of {start + one}."
    assert "✓ conv1d\n" in repr(mine.report()) and "○ conv1d_weight_gradient" in repr(mine.report())


@pytest.mark.slow
def test_the_first_cell_of_a_lesson_brings_solved_labs_back_and_replaces_nothing(notebook):
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    space = notebook("del conv1d", "from course_lib import mine", "mine.summary('02')")
    assert "conv1d" not in space  # it is another lesson's
    notebook("mine.summary('01')", "y = conv1d([1., 2, 3], [1., 1])")
    assert space["y"].tolist() == [3, 5] and "conv1d_weight_gradient" not in space
    notebook("conv1d = 'being written'", "mine.summary('01')")
    assert space["conv1d"] == "being written"


def test_mine_has_every_lab_and_nothing_else():
    assert {name for name in dir(mine) if name not in ("report", "summary")} == set(registry.names())
    with pytest.raises(AttributeError, match="mine has no 'conv9d'"):
        _ = mine.conv9d
    with pytest.raises(ValueError, match="lesson must be the beginning of one of"):
        mine.summary("77")


@pytest.mark.slow
def test_what_needs_the_notebook_is_right_but_not_kept(notebook):
    cell = RIGHT.replace("@ w", "@ w + 0 * bias")
    done, says = keeping.keep(get("conv1d"), notebook(IMPORTS, "bias = 1", cell)["conv1d"])
    assert not done and "`bias`" in says and "parameter" in says and kept.read("conv1d") is None


@pytest.mark.slow
def test_what_fails_alone_is_right_but_not_kept(notebook):
    cell = RIGHT.replace("    x = np", "    assert '__file__' not in globals()\n    x = np")
    done, says = keeping.keep(get("conv1d"), notebook(IMPORTS, cell)["conv1d"])
    assert not done and "AssertionError" in says and kept.read("conv1d") is None


@pytest.mark.slow
def test_an_older_answer_is_kept_beside_the_new_one(notebook, work):
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    first = kept.read("conv1d")
    keeping.keep(get("conv1d"), notebook(RIGHT.replace("@ w", "@ w  # dot"))["conv1d"])
    assert "# dot" in kept.read("conv1d")
    assert [path.read_text(encoding="utf-8") for path in (work / "mine" / "earlier").iterdir()] == [first]


@pytest.mark.slow
def test_two_kernels_that_solve_the_same_lab_at_once_do_not_judge_each_others_text(notebook, monkeypatch):
    space, real, seen = notebook(IMPORTS, RIGHT), keeping.judge_alone, []

    def judged_while_another_kernel_keeps_its_own(name, path):
        if not seen:
            seen.append(path)
            assert keeping.keep(get("conv1d"), notebook(RIGHT.replace("@ w", "@ w  # the other's"))["conv1d"])[0]
        return "" if "the other's" not in path.read_text(encoding="utf-8") else real(name, path)

    monkeypatch.setattr(keeping, "judge_alone", judged_while_another_kernel_keeps_its_own)
    assert keeping.keep(get("conv1d"), space["conv1d"])[0]
    assert "the other's" not in kept.read("conv1d") and not seen[0].exists()


@pytest.mark.slow
def test_a_wrong_answer_can_be_gone_on_from_until_the_lab_is_solved(notebook):
    space = notebook(IMPORTS, RIGHT.replace("@ w", "@ w[::-1]"))
    keeping.note_try(get("conv1d"), space["conv1d"])
    assert keeping.last_try("conv1d")([1.0, 2], [1.0, 3]).tolist() == [5] and mine.conv1d is loops.conv1d
    keeping.keep(get("conv1d"), notebook(RIGHT)["conv1d"])
    assert keeping.last_try("conv1d") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "", "def conv1d(x, w, stride=1, padding=0):\n    return x", "raise SystemExit", "def conv1d(", "\0",
        "def conv1d(x, w, stride=1, padding=0):\n    raise ValueError", "conv1d = 3", "import nothing_of_the_kind",
    ],
)  # fmt: skip
def test_a_file_that_is_not_right_any_more_is_never_used_silently(text):
    kept.folder().mkdir(parents=True)
    kept.path_of("conv1d").write_text(text, encoding="utf-8")
    assert mine.conv1d is loops.conv1d
    assert mine.report().broken() == ["conv1d"] and "Not right any more" in mine.summary("01")


@pytest.mark.slow
def test_a_stored_answer_is_judged_once_and_again_when_the_lab_or_the_file_changes(notebook, monkeypatch):
    asked = []
    real = keeping.judge_alone
    monkeypatch.setattr(keeping, "judge_alone", lambda *a: asked.append(a) or real(*a))
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    for _ in range(3):
        assert mine.conv1d is not loops.conv1d
    assert len(asked) == 1
    monkeypatch.setattr(keeping, "question", lambda exercise: "another")  # an update changed the lab
    assert mine.conv1d is not loops.conv1d and len(asked) == 2
    kept.path_of("conv1d").write_text(kept.read("conv1d") + "\n# edited\n", encoding="utf-8")
    assert mine.conv1d is not loops.conv1d and len(asked) == 3


@pytest.mark.slow
def test_a_damaged_record_only_means_judging_again(notebook):
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    for record in ("", "[]", '{"conv1d": 7}', "[" * 5000):
        (kept.folder() / kept.RECORD).write_text(record, encoding="utf-8")
        assert mine.conv1d is not loops.conv1d


@pytest.mark.slow
def test_check_as_a_decorator_is_not_run_again_by_what_it_keeps(notebook):
    checked = "from course_lib.exercises import check\n@check" + RIGHT
    cards = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_lib.exercises.checking.display", cards.append)
        notebook(IMPORTS, checked)
    assert cards[-1].kept and len(cards) == 2
    asked = keeping.judge_alone("conv1d", kept.path_of("conv1d"))
    assert asked == "" and "@check" in kept.read("conv1d")


def test_a_record_that_is_nested_deeply_never_reaches_the_parser_which_would_end_a_browsers_kernel(work, monkeypatch):
    kept.note("conv1d", "text", "question", True)
    assert kept.judged("conv1d", "text", "question")
    (kept.folder() / kept.RECORD).write_text("[" * 100_000, encoding="utf-8")
    monkeypatch.setattr(json, "loads", lambda content: pytest.fail("the parser recurses once for each bracket"))
    assert kept.judged("conv1d", "text", "question") is None


@pytest.mark.slow
def test_one_file_that_is_damaged_spoils_only_itself(notebook, work):
    keeping.keep(get("conv1d"), notebook(IMPORTS, RIGHT)["conv1d"])
    kept.path_of("im2col").write_text("def im2col(", encoding="utf-8")
    run = alone("import mine", "print(mine.conv1d([1.], [2.]))", "print(hasattr(mine, 'im2col'))", folder=work)
    assert run.stdout.splitlines() == ["[2.]", "False"]


STORE = """
import sys
from course_lib._support import kept
print("ready", flush=True)
for number in range({times}):
    kept.store("conv1d", sys.argv[1] + "# " + "x" * (number % 50000) + "\\n", "q")
"""


@pytest.mark.slow
def test_kill_9_while_storing_leaves_the_old_or_the_new_answer(work):
    body = f"import numpy as np\n{keeping.HANDED[keeping.functional.out_size]}{RIGHT}"
    for pause in (0.0, 0.01, 0.05, 0.2):
        command = [sys.executable, "-c", STORE.format(times=10**9), body]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        child.stdout.readline()
        time.sleep(pause)  # how far it comes
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        text = kept.read("conv1d")
        if text is not None:
            ast.parse(text)
            assert text.endswith("\n")
            assert alone("import mine", "print(mine.conv1d([1.], [2.]))", folder=work).stdout == "[2.]\n"
    assert kept.read("conv1d") is not None


@pytest.mark.slow
def test_two_kernels_storing_at_once_lose_nothing():
    command = [sys.executable, "-c", STORE.format(times=60), "def conv1d(x, w):\n    return x\n"]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") for _ in range(2)
    ]
    assert [child.communicate()[1] for child in children] == ["", ""]
    ast.parse(kept.read("conv1d"))
