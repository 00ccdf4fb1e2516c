"""Judging what students wrote: every answer in a process of its own, whose word alone does not make an answer right.

The process judges as a lab does. What it calls right must also return the right results for fresh cases, which are
drawn anew for every collection, and which this process compares by itself.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from course_lib._support import places
from course_lib.classroom.alone import fresh_cases
from course_lib.exercises import Exercise, get
from course_lib.exercises.engine.question import Case, Tensors
from course_lib.exercises.engine.recognition import Suspect
from course_lib.exercises.engine.running import Run

SECONDS = 60  # for one process: to load the course, and to judge
LARGEST_REPORT = 64 * 2**20  # bytes
LIMITS = ("network", "processes", "memory")
STATUSES = ("right", "wrong", "error", "not attempted")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TZ")  # of the environment: nothing that could be a secret
OUT_OF_TIME = "It was still running after {seconds} s, and was stopped."
ENDED = "It ended Python, or used more memory than it may."
FORGED = "Its process did not hand back a report of the judge."
NOT_BORNE_OUT = "It passes the cases of the lab and fails on fresh ones: {failed} of {tried}."
MAY_FAIL = 0.1  # of the fresh cases: numbers that nobody has looked at can lie where rounding decides


@dataclass(frozen=True)
class Outcome:
    """What came of one answer.

    mistakes: tensor -> sentences. says: a sentence where no mistake is named. limits: those of LIMITS that held for its
    process, None if it did not say. suspicious: whether its process did what an honest answer does not do.
    """

    status: str
    mistakes: dict[str, list[str]] = field(default_factory=dict)
    says: str = ""
    limits: tuple[str, ...] | None = None
    suspicious: bool = False


def judge(lab: str, text: str, seed: int, seconds: int = SECONDS) -> Outcome:
    """Judge the text of an answer in a process of its own."""
    nonce = secrets.token_hex(16)
    folder = Path(tempfile.mkdtemp(prefix="answer-"))
    try:
        file, home = folder / "answer" / f"{lab}.py", folder / "home"
        file.parent.mkdir()
        home.mkdir()
        file.write_text(text, encoding="utf-8", errors="replace")
        task = {"lab": lab, "file": str(file), "seed": seed, "seconds": seconds, "nonce": nonce}
        in_time, printed = _run(task, home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not in_time:
        return Outcome("error", says=OUT_OF_TIME.format(seconds=seconds))
    if not printed:
        return Outcome("error", says=ENDED, suspicious=True)
    return _read(printed, nonce, get(lab), seed)


def judge_all(answers: Iterable[tuple[str, str]], seed: int, seconds: int = SECONDS) -> dict[tuple[str, str], Outcome]:
    """Judge (lab, text) pairs, several at a time, and the same text once. Returns the outcome of each."""
    unique = list(dict.fromkeys(answers))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return dict(zip(unique, pool.map(lambda one: judge(one[0], one[1], seed, seconds), unique), strict=True))


def _run(task: dict[str, Any], home: Path) -> tuple[bool, bytes]:
    """Start a process on a task. Returns whether it ended in time, and what it reported."""
    with tempfile.TemporaryFile() as report:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course_lib.classroom.alone"],
            stdin=subprocess.PIPE, stdout=report, stderr=subprocess.DEVNULL, cwd=home, env=_environment(home),
            start_new_session=True,
        )  # fmt: skip
        in_time = True
        try:
            process.communicate(json.dumps(task).encode() + b"\n", timeout=task["seconds"])
        except subprocess.TimeoutExpired:
            in_time = False
        finally:
            _end(process)
        report.seek(0)
        return in_time, report.read(LARGEST_REPORT)


def _environment(home: Path) -> dict[str, str]:
    """The environment of an answer's process: a home of its own, and nothing of the teacher's."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "COURSE_WORK", "IPYTHONDIR"), str(home))
    return {
        **kept, **own, "PYTHONPATH": str(places.ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg",
    }  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started, as far as that has stayed in its group."""
    if hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(OSError):
        process.kill()
    process.wait()


# ---------------------------------------------------------------- what the process reported


def _read(printed: bytes, nonce: str, lab: Exercise, seed: int) -> Outcome:
    """An outcome from a report, which is no more trusted than the answer that could have written it."""
    try:
        found = json.loads(printed)
        if found["nonce"] != nonce or found["status"] not in STATUSES:
            raise ValueError
        mistakes = {
            str(tensor): [str(sentence) for sentence in told][:10]
            for tensor, told in list(found.get("mistakes", {}).items())[:20]
        }
        says, limits = str(found["says"]), tuple(kind for kind in LIMITS if kind in found["limits"])
        if found["status"] != "right":
            return Outcome(found["status"], mistakes, says, limits)
        failed, tried = _failed(lab, seed, found["fresh"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Outcome("error", says=FORGED, suspicious=True)
    if failed <= MAY_FAIL * tried:
        return Outcome("right", {}, says, limits)
    sentence = NOT_BORNE_OUT.format(failed=failed, tried=tried)
    return Outcome("wrong", {"results": [sentence]}, "", limits, suspicious=True)


def _failed(lab: Exercise, seed: int, results: list[Any]) -> tuple[int, int]:
    """For how many of the fresh cases the results are wrong or missing, and how many there are."""
    expected = _expected(lab.name, seed)
    right = 0
    for (case, known), tensors in zip(expected, results, strict=False):
        if tensors is not None:
            run = Run(case, known, {name: _array(tensors[name]) for name in lab.tensors})
            right += all(Suspect(lab, name, [run]).right[0] for name in lab.tensors)
    return len(expected) - right, len(expected)


def _array(portable: dict[str, Any] | None) -> np.ndarray | None:
    if portable is None:
        return None
    dtype = np.dtype(portable["dtype"])
    if dtype.kind not in "fiub":
        raise ValueError(f"a result must hold numbers, but its dtype is {dtype}")
    return np.frombuffer(bytes.fromhex(portable["hex"]), dtype).reshape(portable["shape"])


@cache
def _expected(name: str, seed: int) -> list[tuple[Case, Tensors]]:
    """The fresh cases of a lab with their right results."""
    lab = get(name)
    return [(case, lab.expected(case)) for case in fresh_cases(lab, seed)]
