"""What a lab's check cell does: which function the lesson goes on with, what is shown, what is noted."""

import functools
import subprocess
import sys
import time

import numpy as np
import pytest

from course_lib import exercises, loops, progress
from course_lib.exercises import check, checking
from course_lib.exercises.engine import guard


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def displayed(monkeypatch):
    cards = []
    monkeypatch.setattr(checking, "display", cards.append)
    return cards


@pytest.fixture
def shown(displayed, monkeypatch):
    """The verdicts alone; whether a right answer is kept is told below them, and asked of test_keeping."""
    monkeypatch.setattr(checking.keeping, "keep", lambda exercise, f: (True, "kept"))
    monkeypatch.setattr(checking, "display", lambda card: displayed.append(card) if hasattr(card, "status") else None)
    return displayed


def library(name="conv1d"):
    return exercises.get(name).answer


def conv1d(x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), w)[::stride]


def test_a_right_function_is_used_from_here_on(shown):
    assert check(conv1d) is conv1d
    assert shown[0].status == "right"
    assert progress.solved("conv1d")


def test_a_wrong_function_makes_room_for_the_librarys(shown):
    assert check(lambda x, w, stride=1, padding=0: conv1d(x, w[::-1], stride, padding), "conv1d") is library()
    assert shown[0].status == "wrong"
    assert progress.tries("conv1d") == 1 and not progress.solved("conv1d")


def test_a_stub_makes_room_for_the_librarys_and_is_no_try(shown):
    assert check(lambda *case: None, "conv1d") is library()
    assert shown[0].status == "not attempted"
    assert progress.tries("conv1d") == 0
    assert not progress.path().exists()


def test_an_exception_makes_room_for_the_librarys(shown):
    assert check(lambda: None, "conv1d") is library()
    assert shown[0].status == "error"
    assert progress.tries("conv1d") == 1


def test_checking_twice_judges_the_learners_answer_again_and_not_the_librarys(shown):
    """The cell `f = check(f)` run again sees what the first run gave back."""
    again = check(check(lambda *case: np.zeros(3), "conv1d"))
    assert again is library()
    assert [card.status for card in shown] == ["wrong", "wrong"]
    assert not progress.solved("conv1d")
    assert progress.tries("conv1d") == 1


def test_checking_a_right_function_twice_stays_right(shown):
    assert check(check(conv1d)) is conv1d
    assert [card.status for card in shown] == ["right", "right"]
    assert progress.tries("conv1d") == 1


def test_the_librarys_class_standing_in_is_recognised(shown):
    answer = library("Conv2d")
    assert check(answer) is answer
    assert shown[0].status == "not attempted"


def test_the_exercise_is_found_by_what_the_notebook_calls_the_function(shown):
    namespace = {"np": np, "check": check}
    exec("conv1d = lambda x, w, stride=1, padding=0: np.correlate(np.pad(x, padding), w)[::stride]", namespace)
    exec("conv1d = check(conv1d)", namespace)
    assert shown[0].status == "right"


def test_an_object_that_can_be_called_is_found_and_judged(shown):
    namespace = {"check": check, "conv1d": functools.partial(conv1d)}
    exec("conv1d = check(conv1d)", namespace)
    assert shown[0].status == "right"


def test_a_name_no_exercise_has_is_refused_with_a_sentence(shown):
    with pytest.raises(ValueError, match="must be one of the exercises, chain_backward"):
        check(conv1d, "strange")
    with pytest.raises(ValueError, match="must be one of the exercises"):
        check(lambda: None)


@pytest.mark.parametrize(
    "own",
    [
        lambda a, b, c=1, d=0: conv1d(a, b, c, d),
        lambda x, w, stride, padding: conv1d(x, w, stride, padding),
        lambda x, w, *, stride=1, padding=0: conv1d(x, w, stride, padding),
    ],
    ids=["other names", "no defaults", "keywords only"],
)
def test_a_right_function_can_be_called_as_the_lesson_calls_it(shown, own):
    f = check(own, "conv1d")
    x, w = np.arange(7.0), np.array([1.0, 2, 4])
    for result in (f(x, w), f(x, w, stride=2, padding=1), f(x, w, 2, 1), f(x=x, w=w, padding=1)):
        assert result.ndim == 1
    assert np.array_equal(f(x, w, padding=1), loops.conv1d(x, w, 1, 1))


def test_an_interrupt_leaves_the_librarys_answer(shown, monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 10)

    def interrupted(*case):
        raise KeyboardInterrupt

    assert check(interrupted, "conv1d") is library()
    assert shown[0].raised.kind == "Interrupted"


def test_a_real_interrupt_from_outside_does_no_harm():
    """As the stop button sends it: a signal, in the middle of an endless loop."""
    program = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
from course_lib.exercises import check
def conv1d(x, w, stride=1, padding=0):
    print("looping", file=sys.__stdout__, flush=True)
    while True: pass
conv1d = check(conv1d)
print("and the lesson goes on with", conv1d([1, 2, 3], [1, 1]))
"""
    if sys.platform == "win32":
        pytest.skip("signals are sent in another way here")
    import signal

    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout.readline() == "looping\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)[0]
    assert "Interrupted in line 3 of conv1d" in rest
    assert "and the lesson goes on with [3. 5.]" in rest
    assert process.returncode == 0


def test_exit_as_a_notebook_has_it_does_not_end_the_kernel(shown):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        calls = []
        shell.__class__.ask_exit, before = lambda self: calls.append(1), shell.__class__.__dict__.get("ask_exit")

        def leaves(*case):
            shell.ask_exit()

        check(leaves, "conv1d")
        assert shown[0].raised.kind == "SystemExit"
        assert not calls
        shell.ask_exit()
        assert calls  # outside of a check it is what it was
    finally:
        if before is None:
            del shell.__class__.ask_exit
        else:
            shell.__class__.ask_exit = before
        InteractiveShell.clear_instance()


def test_trouble_with_the_progress_file_is_told_on_the_card(shown, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "a file" / "progress.json"))
    assert check(conv1d) is conv1d
    assert shown[0].status == "right"
    assert "could not be noted" in shown[0].remarks[0]


# ---------------------------------------------------------------- another day

SOLVED = """
import numpy as np


def conv1d(x, w, stride=1, padding=0):
    return np.correlate(np.pad(x, padding), w)[::stride]
"""


def a_fresh_kernel(*lines):
    """Run lines in a Python of its own, as after a restart. Returns what it printed."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_after_a_restart_a_check_cell_finds_the_answer_that_is_kept(displayed, tmp_path):
    file = tmp_path / "answer.py"  # a source that can be found, as that of a cell
    file.write_text(SOLVED, encoding="utf-8")
    namespace = {}
    exec(compile(SOLVED, str(file), "exec"), namespace)
    namespace["conv1d"].__module__ = "__main__"
    check(namespace["conv1d"])
    assert [type(card).__name__ for card in displayed] == ["Verdict", "Kept"] and displayed[1].kept
    said = a_fresh_kernel(
        "from course_lib.exercises import check", 'conv1d = check("conv1d")', "print(conv1d([1.0, 2], [3.0]))"
    )
    assert "✓ Right: conv1d" in said and "as it is kept in your folder" in said and said.endswith("[3. 6.]\n")


def test_after_a_restart_a_check_cell_finds_the_last_try(displayed, tmp_path):
    file = tmp_path / "answer.py"
    file.write_text(SOLVED.replace("w)", "w[::-1])"), encoding="utf-8")
    namespace = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
    namespace["conv1d"].__module__ = "__main__"
    check(namespace["conv1d"])
    said = a_fresh_kernel("from course_lib.exercises import check", 'conv1d = check("conv1d")')
    assert "✗ Not yet: conv1d" in said and "the last answer that you tried" in said
    assert progress.tries("conv1d") == 1  # the same code again is no other try


def test_a_lab_without_any_answer_is_not_attempted_and_the_library_stands_in(shown):
    namespace = {"check": check}
    exec('conv1d = check("conv1d")', namespace)
    assert namespace["conv1d"] is library()
    assert shown[0].status == "not attempted" and progress.tries("conv1d") == 0


def test_a_try_counts_when_the_code_changed(shown):
    def zeros(x, w, stride=1, padding=0):
        return np.zeros(2)

    def ones(x, w, stride=1, padding=0):
        return np.ones(2)

    for f, tries in ((zeros, 1), (zeros, 1), (ones, 2), (ones, 2), (zeros, 3)):
        check(f, "conv1d")
        assert progress.tries("conv1d") == tries


# ---------------------------------------------------------------- in a notebook


class Shell:
    """As much of IPython as is asked for: the cells that were run."""

    def __init__(self, *cells):
        self.user_ns = {"In": ["", *cells]}


RAN = "def conv1d(x, w, stride=1, padding=0):\n    return x"
BROKEN = "def conv1d(x, w, stride=1, padding=0):\n    retrun x"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ((RAN,), False),
        ((RAN, BROKEN, "check(conv1d)"), True),
        ((BROKEN, RAN, "check(conv1d)"), False),
        ((RAN, "def other(x):\n    retrun x"), False),
        ((RAN, "conv1d = = 3"), False),
        (("import numpy as np\n\n\n" + BROKEN,), True),
    ],
)
def test_after_a_syntax_error_the_card_says_which_version_it_judged(shown, monkeypatch, cells, told):
    monkeypatch.setattr(checking, "get_ipython", lambda: Shell(*cells))
    check(conv1d)
    assert (checking.BEFORE_THE_ERROR in shown[0].remarks) == told
    check(lambda *case: None, "conv1d")
    check(library())
    assert (checking.BEFORE_THE_ERROR in shown[1].remarks) == (checking.BEFORE_THE_ERROR in shown[2].remarks) == told


def test_without_a_notebook_nothing_is_said_of_cells(shown):
    assert check(conv1d) is conv1d and shown[0].remarks == []


def test_the_card_of_a_right_answer_counts_the_labs_that_are_solved(shown):
    check(conv1d)
    assert shown[0].passed.progress == f"Solved: 1 of {len(exercises.names())} labs."
    check(lambda *case: np.zeros(3), "conv2d_single")
    assert shown[1].passed is None


def test_a_case_of_the_clinic_not_attempted_is_not_told_of_the_librarys_answer(shown):
    check(library("clinic_01"))
    assert shown[0].remarks == [checking.REPAIR] and shown[0].what_now == ""
