"""The course in Pyodide, the Python of the browser build, under Node: what the labs say there, and what is stopped."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest
import runtime

from course_lib.publish import lite

HERE = Path(__file__).parent
NODE = shutil.which("node")
# Answers that are told something else in Pyodide than on CPython, and why. Warnings are silenced on both: WebAssembly
# has no floating-point flags, so nothing warns or raises because of one there.
EXCEPT = {
    "right: numerical_gradient with_unit_vectors": "np.float64(x) of an array with one entry has no axes in NumPy 2.0",
}

pytestmark = [pytest.mark.course, pytest.mark.skipif(NODE is None, reason="no Node on this machine")]


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """The folder from which a kernel of the browser build loads Python and the course."""
    if find_spec("jupyterlite_pyodide_kernel") is None:
        pytest.skip("JupyterLite is not in this environment (requirements-lite.txt)")
    if runtime.missing():
        pytest.skip(runtime.missing())
    made = tmp_path_factory.mktemp("site")
    lite.add_python(made, runtime.FOLDER)
    return made / lite.PLACE


def said(place, program, tmp_path, seconds=600):
    """The lines that a program prints in Pyodide."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(program), encoding="utf-8")
    command = [NODE, HERE / "run.cjs", place, path, HERE.parent]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=seconds)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_what_is_loaded_is_what_pyodides_own_list_says(tmp_path):
    version = lite.PYODIDE["info"]["version"]
    npm = shutil.which("npm")
    if npm is None or subprocess.run([npm, "pack", f"pyodide@{version}"], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("npm's package pyodide is not to be had")
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        own = json.load(archive.extractfile("package/pyodide-lock.json"))
        for name, file in lite.PYODIDE["core"].items():
            assert len(archive.extractfile(f"package/{name}").read()) == file["size"]
    assert lite.PYODIDE["info"] == own["info"]
    for name, one in lite.PYODIDE["packages"].items():
        assert {key: value for key, value in one.items() if key != "size"}.items() <= own["packages"][name].items()


def test_none_arrives_as_null_and_no_list_of_fonts_is_made(place, tmp_path):
    """As null, which the widgets ask for, and not as undefined."""
    told, fonts = said(
        place,
        """
        import logging
        from pyodide.code import run_js
        warned = []
        logging.getLogger("matplotlib.font_manager").addFilter(lambda record: warned.append(record.getMessage()))
        from matplotlib import font_manager
        told = run_js(
            "(it) => JSON.stringify(it.toJs(), (_, one) => one instanceof Map ? Object.fromEntries(one) : one)"
        )
        print(told([1, None, {"none": None, "deep": [None]}]), told({"none": [None]}))
        print(warned, font_manager.findfont("DejaVu Sans").endswith("DejaVuSans.ttf"))
        """,
        tmp_path,
    )[-2:]
    assert told == '[1,null,{"none":null,"deep":[null]}] {"none":[null]}'
    assert fonts == "[] True"


@pytest.mark.skipif(lite.python_of_pyodide() is None, reason="no Python 3.12 on this machine")
def test_what_a_kernel_imports_is_compiled_already(place, tmp_path):
    told = said(
        place,
        """
        import colorsys, os, sys, tempfile
        import IPython, matplotlib.pyplot, wcwidth, course_lib.exercises, course_lib.widgets, numpy.random
        sources = {one.__cached__ for one in list(sys.modules.values()) if getattr(one, "__cached__", None)}
        missing = [path for path in sources if not path.endswith(".pyc") or not os.path.exists(path)]
        print(len(sources) > 500, [path for path in missing if "/lib/python312.zip/" not in path])
        print(colorsys.__file__, tempfile.__file__)
        """,
        tmp_path,
    )
    assert told[-2:] == ["True []", "/lib/python312.zip/colorsys.pyc /lib/python312.zip/tempfile.pyc"]


def test_every_lab_accepts_its_own_answer(place, tmp_path):
    lines = said(
        place,
        """
        from course_lib import exercises
        answers = {name: exercises.get(name) for name in exercises.names()}
        print([name for name, one in answers.items() if one.judge(one.answer, explain=False).status != "right"])
        """,
        tmp_path,
    )
    assert lines[-1] == "[]"


def test_what_never_ends_is_stopped_and_what_asks_for_all_memory_gets_none(place, tmp_path):
    lines = said(
        place,
        """
        import itertools, time
        import pyodide_js
        from course_lib import exercises
        from course_lib.exercises.engine import guard

        def stays(x, w, stride=1, padding=0):
            while True:
                pass

        def counts(x, w, stride=1, padding=0):
            return sum(0 for _ in itertools.count())

        def grows(x, w, stride=1, padding=0):
            kept = []
            while True:
                kept.append(bytearray(10**8))

        lab = exercises.get("conv1d")
        guard.SECONDS = 1
        for f in (stays, counts):
            begun = time.monotonic()
            verdict = lab.judge(f)
            print(verdict.status, verdict.raised.kind, time.monotonic() - begun < 30)
        guard.SECONDS = 60
        verdict = lab.judge(grows)
        print(verdict.status, verdict.raised.kind, pyodide_js._module.HEAP8.length < 2 * 2**30)
        print(len(bytearray(10**9)))  # beyond the labs, nothing is limited
        """,
        tmp_path,
    )
    assert lines[-4:] == ["error Out of time True"] * 2 + ["error MemoryError True", "1000000000"]


def test_answers_are_kept_and_watched_and_everything_a_lesson_imports_is_there(place, tmp_path):
    lines = said(
        place,
        """
        import importlib, pathlib, sys
        from course_lib import environment, exercises, mine, progress
        from course_lib.exercises import keeping
        pathlib.Path("/answer.py").write_text(
            "import numpy as np\\n"
            "def conv1d(x, w, stride=1, padding=0):\\n"
            "    xp = np.pad(x, padding)\\n"
            "    return np.array([xp[i : i + len(w)] @ w for i in range(0, len(xp) - len(w) + 1, stride)])\\n",
            encoding="utf-8",
        )
        sys.path.insert(0, "/")
        from answer import conv1d
        print(keeping.keep(exercises.get("conv1d"), conv1d)[0], mine.conv1d([1.0, 2, 3], [1.0, 1]))
        print(progress.record("conv1d", True), progress.solved("conv1d"))
        print(progress.record_prediction("01/feeds", 1, True), list(progress.predictions()))
        print(bool(environment.report()))
        for name in "data fast figures flow frames grader keepsake mutants parts reader speed training widgets".split():
            importlib.import_module("course_lib." + name)
        print("Animation" in repr(exercises.watch(conv1d)) or "watch" in str(type(exercises.watch(conv1d))).lower())
        """,
        tmp_path,
    )
    assert lines[-5:-1] == ["True [3. 5.]", "[] True", "[] ['01/feeds']", "True"]


def test_every_answer_is_told_the_same_as_on_a_computer(place, tmp_path):
    program = (HERE / "judged.py").read_text(encoding="utf-8")
    there = json.loads(said(place, program, tmp_path, seconds=3600)[-1])["told"]
    settings = {**os.environ, "COURSE_ANSWERS": str(HERE.parent / "exercises"), "COURSE_QUICK": "1"}
    done = subprocess.run([sys.executable, HERE / "judged.py"], capture_output=True, encoding="utf-8", env=settings)
    here = json.loads(done.stdout.splitlines()[-1])["told"]
    assert here.keys() == there.keys() and len(here) > 900
    different = {name: (here[name], told) for name, told in there.items() if here[name] != told}
    assert different.keys() == EXCEPT.keys(), different
