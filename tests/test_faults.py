"""Kernels that are killed, disks that are full, folders that refuse, learners' functions that end worlds."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from course_lib import exercises, layers, progress, training

posix = pytest.mark.skipif(os.name != "posix", reason="this is how POSIX systems do it")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "progress" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def kernel(program, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **options,
    )  # fmt: skip


# ---------------------------------------------------------------- killed while writing

WRITE_WEIGHTS = """
import sys
import numpy as np
from course_lib import layers, training
net = layers.Linear(400, 300)
for step in range(10**6):
    net.weight.data = np.full((300, 400), step, np.float32)
    net.bias.data = np.full(300, step, np.float32)
    training.save_weights(net, sys.argv[1])
    print(step, flush=True)
"""

WRITE_PROGRESS = """
import sys
from course_lib import progress
for step in range(10**6):
    assert progress.record(f"exercise-{step % 20}", False) == []
    print(step, flush=True)
"""


def killed_at_random_moments(program, argument, times, seed):
    """Start the program, let it print some steps, kill it (-9) during a later one. Yields the last step it printed."""
    moments = random.Random(seed)
    for _ in range(times):
        process = kernel(program, argument)
        try:
            for _ in range(moments.randint(1, 4)):
                assert process.stdout.readline()
            time.sleep(moments.random() * 0.01)
        finally:
            process.kill()
        said = [int(line) for line in process.communicate()[0].split()]
        assert process.returncode == -signal.SIGKILL
        yield said[-1] if said else 0


@posix
@pytest.mark.slow
def test_weights_of_a_killed_kernel_are_those_of_one_whole_step_and_no_earlier_than_the_last_it_told_of(tmp_path):
    path = tmp_path / "weights.npz"
    for told in killed_at_random_moments(WRITE_WEIGHTS, path, 12, seed=1):
        net = layers.Linear(400, 300)
        training.load_weights(net, path)
        (step,) = {*np.unique(net.weight.data), *np.unique(net.bias.data)}
        assert step >= told
    left = [one for one in tmp_path.iterdir() if one.name != "weights.npz"]
    assert all(one.name.endswith(".tmp") for one in left)  # what a killed kernel could not tidy up


@posix
@pytest.mark.slow
def test_progress_of_a_killed_kernel_is_whole_and_lacks_at_most_the_try_it_was_noting(file):
    before = 0
    for told in killed_at_random_moments(WRITE_PROGRESS, "", 12, seed=2):
        noted = json.loads(file.read_text(encoding="utf-8"))
        tries = sum(entry["tries"] for entry in noted.values())
        assert tries >= before + told + 1
        before = tries
        assert progress.record("after", False) == []
        before += 1
    assert not list(file.parent.glob("*.damaged*"))


# ---------------------------------------------------------------- full and read-only

FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from course_lib import layers, progress, training
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
net = layers.Linear(40, 30)
training.save_weights(net, path)
progress.record("conv1d", True)
before = path.read_bytes(), progress.path().read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # the system refuses the 21st byte of any file
try:
    training.save_weights(net, path)
except OSError as error:
    print(error)
print(*progress.record("im2col", True))
assert (path.read_bytes(), progress.path().read_bytes()) == before
print(sorted(one.name for one in path.parent.iterdir()))
"""


@posix
def test_a_disk_that_takes_no_more_is_said_in_a_sentence_and_what_was_there_stays(tmp_path):
    path = tmp_path / "weights.npz"
    out, errors = kernel(FULL, path).communicate(timeout=60)
    weights, noted, left = out.splitlines()
    says = f"{path} could not be written (File too large); what was there before is unchanged"
    assert weights.removeprefix("[Errno 27] ") == says, errors
    assert noted.startswith("Your progress could not be noted: ") and "goes on" in noted
    assert left == "['progress', 'weights.npz']"


READ_ONLY = """
import os, sys
from pathlib import Path
from course_lib import layers, progress, training
from course_lib.exercises import check
import course_lib.exercises.checking as checking
checking.display = lambda verdict: print("; ".join(verdict.remarks))
folder = Path(sys.argv[1])
if os.getuid() == 0:  # permissions do not bind root
    os.setgid(65534), os.setuid(65534)
try:
    training.save_weights(layers.Linear(4, 3), folder / "weights.npz")
except OSError as error:
    print(error)
def conv1d(x, w, stride=1, padding=0):
    return 1
check(conv1d)
print("the lesson goes on")
"""


@posix
def test_a_folder_that_may_not_be_written_to_is_said_in_a_sentence_and_the_lesson_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "read only"
    folder.mkdir()
    for one in (tmp_path, *tmp_path.parents):
        if one.owner() == Path(tmp_path).owner() and one.name.startswith("pytest"):
            one.chmod(0o755)  # whoever runs this must be able to come here
    folder.chmod(0o555)
    monkeypatch.setenv("COURSE_PROGRESS", str(folder / "progress.json"))
    out, errors = kernel(READ_ONLY, folder).communicate(timeout=60)
    assert "weights.npz could not be written (Permission denied); what was there before is unchanged" in out, errors
    assert "Your progress could not be noted: Permission denied. The lesson goes on without it." in out
    assert out.endswith("the lesson goes on\n")
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------- learners' functions that end worlds

CHECKED = """
import functools, os, signal, sys, threading, time
import numpy as np
from course_lib.exercises import check
from course_lib.exercises.engine import guard
import course_lib.exercises.checking as checking
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
guard.SECONDS, guard.MEMORY = {seconds}, {megabytes} * 2**20
checking.display = lambda verdict: print(verdict.status, verdict.raised.kind if verdict.raised else "")
def conv1d(x, w, stride=1, padding=0):
{body}
conv1d = check(conv1d)
print("goes on", conv1d([1, 2, 3], [1, 1]), sys.getrecursionlimit() < 10**4, os._exit.__module__)
"""

ENDINGS = {
    "throws": ("raise ValueError('no')", "error ValueError"),
    "throws at everything": ("raise BaseException('no')", "error BaseException"),
    "throws what cannot be shown": (
        "raise type('Odd', (Exception,), {'__str__': lambda self: sys.exit()})()", "error Odd",
    ),
    "exits": ("sys.exit(3)", "error SystemExit"),
    "exits as in a shell": ("raise SystemExit", "error SystemExit"),
    "exits without tidying up": ("os._exit(3)", "error SystemExit"),
    "aborts": ("os.abort()", "error SystemExit"),
    "recurses": ("return conv1d(x, w)", "error RecursionError"),
    "recurses with the limit lifted": ("sys.setrecursionlimit(10**9); return conv1d(x, w)", "error RecursionError"),
    "recurses through NumPy": (
        "sys.setrecursionlimit(10**9); return np.apply_along_axis(lambda v: conv1d(x, w), 0, x)",
        "error RecursionError",
    ),
    "asks for all memory": ("return np.ones(10**13)", "error"),
    "asks for more and more memory": (
        "kept = []\n    while True: kept.append(bytearray(10**8))", "error MemoryError",
    ),
    "makes a list without end": ("kept = [0]\n    while True: kept += kept", "error MemoryError"),
    "never ends": ("while True: pass", "error Out of time"),
    "never ends and catches exceptions": (
        "while True:\n        try: time.sleep(0.01)\n        except Exception: pass", "error Out of time",
    ),
    "sleeps": ("for _ in range(1000): time.sleep(0.1)", "error Out of time"),
    "prints without end": ("while True: print('x' * 1000)", "error Out of time"),
    "starts a thread that never ends": (
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); return 1", "wrong",
    ),
    "interrupts itself": ("signal.raise_signal(signal.SIGINT); time.sleep(5)", "error Interrupted"),
    "closes what is printed to": ("sys.stdout.close(); return 1", "wrong"),
    "a child process may exit as it likes": (
        "child = os.fork()\n    if child == 0: os._exit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7; return 1",
        "wrong",
    ),
}  # fmt: skip


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("body", "says"), ENDINGS.values(), ids=ENDINGS)
def test_the_notebook_survives_a_function_that(body, says):
    megabytes = 300 if "Memory" in says else 2048  # a thread alone reserves more than a hundred
    process = kernel(CHECKED.format(body=f"    {body}", seconds=1.5 if "time" in says else 50, megabytes=megabytes))
    out, errors = process.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[0].startswith(says), out + errors
    assert lines[-1] == "goes on [3. 5.] True posix"
    assert process.returncode == 0


@posix
@pytest.mark.parametrize("body", ["sys.exit()", "os._exit(3)", "raise KeyboardInterrupt", "raise ValueError"])
@pytest.mark.slow
def test_a_symptom_survives_them_too(body):
    program = f"""
        import os, sys
        from course_lib import exercises
        def clinic_01(*case):
            {body}
        print(type(exercises.get("clinic_01").symptom(clinic_01)).__name__)
    """
    out, errors = kernel(program).communicate(timeout=60)
    assert out == "Symptom\n", errors


def test_a_value_of_a_million_numbers_is_written_down_only_as_far_as_it_is_shown():
    def conv1d(x, w, stride=1, padding=0):
        kept = list(itertools.repeat(0.125, 10**6))
        return kept + 1

    raised = exercises.get("conv1d").judge(conv1d).raised
    assert raised.kind == "TypeError" and raised.values["kept"].startswith("[0.125, 0.125")
    assert len(raised.values["kept"]) <= 60
