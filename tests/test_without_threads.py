"""The course where Python has no threads, no locks of files and no lzma, as in a browser: tried in a bare process."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from course_lib import functional as F
from course_lib import speed
from course_lib._support import clock, places
from course_lib._support.unthreaded import CLOCK

LIKE_A_BROWSER = """
import sys, threading, types

def refused(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = refused
sys.modules["fcntl"] = {fcntl}
sys.modules.update(dict.fromkeys(("lzma", "_lzma", "resource", "msvcrt")))  # these cannot be imported
"""


def said(code, tmp_path, fcntl='types.ModuleType("fcntl")'):
    """What a program prints that runs as in a browser, with a learner's folder of its own.

    fcntl: what is in its place: in JupyterLite's kernel an empty module, in bare Pyodide none.
    """
    program = tmp_path / "program.py"
    program.write_text(LIKE_A_BROWSER.format(fcntl=fcntl) + textwrap.dedent(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True, encoding="utf-8", timeout=240,
        env={**os.environ, "COURSE_WORK": str(tmp_path), "COURSE_QUICK": "1", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_lab_of_every_lesson_accepts_its_answer_and_refuses_a_mistake(tmp_path):
    (judged,) = said(
        """
        from course_lib import exercises, mutants
        wrong = []
        names = {exercises.get(name).lesson: name for name in exercises.names()}
        for name in names.values():
            exercise, mistake = exercises.get(name), mutants.wrong_functions(name)[0]
            found = exercise.judge(exercise.answer, explain=False), exercise.judge(mistake.function, explain=False)
            if [verdict.status for verdict in found] != ["right", "wrong"]:
                wrong.append((name, *(verdict.status for verdict in found)))
        print(len(names), wrong)
        """,
        tmp_path,
    )
    count, _, wrong = judged.partition(" ")
    assert int(count) >= 13 and wrong == "[]"


def _is_new(python):
    """Whether a program is a Python that tells of jumps, as a browser's does: 3.12 or later."""
    test = "import sys; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([python, "-c", test], capture_output=True).returncode == 0


OTHERS = [*map(shutil.which, ("python3.12", "python3.13", "python3.14"))]
OTHERS += [path / "bin" / "python" for path in Path.home().glob(".pyenv/versions/3.1[2-9]*")]
NEW = next(filter(_is_new, filter(None, (sys.executable, *OTHERS))), None)
ENDLESS = {
    "while True: pass": True,
    "[0 for _ in itertools.count()]": True,
    "sum(0 for _ in itertools.count())": True,
    "while True:\n        try: nothing\n        except Exception: pass": True,
    "again = lambda: 1\n    while True: again()": True,
    "return 1": False,
}


@pytest.mark.sampled(2)
@pytest.mark.skipif(NEW is None, reason="Python 3.11 does not tell of jumps, and no later one was found")
@pytest.mark.parametrize(("body", "stopped"), ENDLESS.items())
def test_a_clock_without_a_thread_stops_what_never_ends_and_then_is_gone(body, stopped):
    """Needs no NumPy, so any Python will do."""
    program = f"""
import itertools, sys, time
from course_lib._support.unthreaded import TOOL, Clock

class Late(BaseException):
    pass

def learners():
    {body}

outer, inner = Clock(60, Late), Clock(0.3, Late)
outer.start()
inner.start()
try:
    learners()
    print("ended")
except Late:
    print("stopped")
inner.stop()
print(sys.monitoring.get_tool(TOOL))
outer.stop()
outer.stop()
print(sys.monitoring.get_tool(TOOL), sys.monitoring.get_events(TOOL) if sys.monitoring.get_tool(TOOL) else 0)
"""
    done = subprocess.run(
        [NEW, "-c", program], capture_output=True, encoding="utf-8", timeout=60, cwd=places.ROOT,
        env={**os.environ, "PYTHONPATH": str(places.ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["stopped" if stopped else "ended", CLOCK, "None 0"], done.stderr


@pytest.mark.sampled(2)
@pytest.mark.parametrize("fcntl", ['types.ModuleType("fcntl")', "None"], ids=["empty", "missing"])
def test_answers_are_kept_progress_is_noted_and_a_question_is_answered(tmp_path, fcntl):
    lines = said(
        """
        import numpy as np
        from course_lib import data, exercises, frames, keepsake, mine, progress, training, widgets
        from course_lib.exercises import keeping

        def conv1d(x, w, stride=1, padding=0):
            xp = np.pad(x, padding)
            return np.array([xp[i : i + len(w)] @ w for i in range(0, len(xp) - len(w) + 1, stride)])

        print(keeping.keep(exercises.get("conv1d"), conv1d), mine.conv1d([1.0, 2, 3], [1.0, 1]))
        print(progress.record("conv1d", True), progress.solved("conv1d"))
        print(progress.record_prediction("01/feeds", 1, True), "01/feeds" in progress.predictions())
        print(data.digits()[0][0].shape)
        try:
            data.load_mnist(None, "nowhere", ("https://127.0.0.1:9/",))
        except data.DataUnavailable as error:
            print("lzma" in str(error) and "data.digits()" in str(error))
        """,
        tmp_path,
        fcntl,
    )
    assert lines == [
        "(True, 'It is kept in your folder as mine/conv1d.py, and later lessons can use it.') [3. 5.]",
        "[] True",
        "[] True",
        "(1497, 1, 28, 28)",
        "True",
    ]


def test_places_are_added_up_where_an_index_has_32_bits(monkeypatch):
    """As on every 32-bit NumPy: bincount takes no 64-bit places there."""
    bincount = np.bincount

    def strict(places, *others, **named):
        if not np.can_cast(places.dtype, np.int32, "safe"):
            raise TypeError(f"Cannot cast array data from dtype('{places.dtype}') to dtype('int32')")
        return bincount(places, *others, **named)

    x = np.arange(32.0).reshape(1, 2, 4, 4)
    y, indices = F.max_pool2d(x, 2)
    expected = F.max_pool2d_backward(y, indices, x.shape)
    arange = np.arange
    monkeypatch.setattr(np, "intp", np.int32)
    monkeypatch.setattr(np, "arange", lambda *limits: arange(*limits, dtype=np.int32))
    monkeypatch.setattr(np, "bincount", strict)
    np.testing.assert_array_equal(F.max_pool2d_backward(y, indices.astype(np.int64), x.shape), expected)


def test_short_calls_are_timed_where_the_clock_goes_on_by_a_tenth_of_a_millisecond(monkeypatch):
    """As a browser's does: one call alone would seem to take no time at all, or ten times too long."""
    now = 0.0

    def passes(seconds):
        nonlocal now
        now += seconds

    def perf_counter():
        passes(1e-7)
        return int(now * 1e4) / 1e4

    monkeypatch.setattr(time, "perf_counter", perf_counter)

    calls = {"one": lambda: passes(7e-6), "two": lambda: passes(1.4e-5)}
    np.testing.assert_allclose(clock.step_of_the_clock(), 1e-4)
    found = clock.fastest(calls, 10)
    np.testing.assert_allclose([found["one"], found["two"]], [7e-6, 1.4e-5], rtol=1 / clock.STEPS)
    assert len(speed.compare(calls).bars) == 2
    assert speed.by_part(lambda parts: parts["one"](), calls).title == "One step: 0.1 ms"
