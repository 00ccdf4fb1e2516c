"""One answer, judged in a process of its own: python -P -m course_lib.classroom.alone < TASK

The process shuts itself in before it loads anything of the student's: no network and no processes of its own that
outlive it, where the system grants that without rights; limits on memory, time and the size of files. It is no sandbox:
what its user may read, the code may read.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

MEMORY = 2**30  # bytes beyond what the course itself takes
LARGEST_FILE = 64 * 2**20  # bytes
PROCESSES = 64
MOST_SAID = 600  # characters of a sentence
NEW_NETWORK, NEW_PROCESSES, NEW_USER = 0x40000000, 0x20000000, 0x10000000  # of Linux, see unshare(2)
DIE_WITH_PARENT = 1  # see prctl(2)


def main() -> None:
    task = json.loads(sys.stdin.readline())
    silence = os.open(os.devnull, os.O_RDWR)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as report:
        for number in range(3):
            os.dup2(silence, number)
        limits = shut_in(task["seconds"])
        found = judged(task, limits)
        report.write(json.dumps({"nonce": task["nonce"], "limits": limits, **found}))


def shut_in(seconds: int) -> list[str]:
    """Take the network and lasting processes from this process, as far as the system lets it. Returns what is gone.

    Called before NumPy is imported: a process with threads cannot do it.
    """
    cut = []
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        if system.unshare(NEW_USER | NEW_NETWORK | NEW_PROCESSES) == 0:
            cut += ["network", "processes"]
            child = os.fork()
            if child:  # the new one is the first of its own: when it ends, so do all that it has started
                os.waitpid(child, 0)
                os._exit(0)
            system.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        elif system.unshare(NEW_USER | NEW_NETWORK) == 0:
            cut.append("network")
    try:
        import resource
    except ImportError:  # Windows
        return cut
    wanted = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": LARGEST_FILE, "RLIMIT_CORE": 0}
    if "processes" in cut:  # elsewhere, everything else that its user runs would count
        wanted["RLIMIT_NPROC"] = PROCESSES
    for name, value in wanted.items():
        _limit(getattr(resource, name, None), value)
    return cut


def _limit(kind: int | None, value: int) -> bool:
    """Lower a limit of this process for good. Returns whether the system took it."""
    import resource

    if kind is None:
        return False
    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):
        return False
    return True


def _limit_memory() -> bool:
    """Limit the memory of this process, where the system can: Linux says how much it holds already."""
    try:
        import resource

        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return False
    return _limit(resource.RLIMIT_AS, held + MEMORY)


def judged(task: dict[str, Any], limits: list[str]) -> dict[str, Any]:
    """What the judge says of the answer, and what the answer returns for the fresh cases. Limits memory before."""
    from course_lib.exercises.engine import guard
    from course_lib.exercises.engine.running import run_case
    from course_lib.exercises.keeping import load
    from course_lib.exercises.registry import get

    exercise = get(task["lab"])
    cases = fresh_cases(exercise, task["seed"])
    expected = [exercise.expected(case) for case in cases]
    _ = exercise.references, exercise.further_runs  # worked out before the answer can touch anything
    guard.SECONDS = max(1, min(guard.SECONDS, task["seconds"] // 3))
    if _limit_memory():
        limits.append("memory")
    f: Any = None
    failed: BaseException | None = None
    with guard.supervised() as seen:
        try:
            f = load(exercise.name, Path(task["file"]))
        except (guard.OutOfTime, KeyboardInterrupt):
            raise
        except BaseException as error:  # sys.exit() too
            failed = error
    failed = failed or seen.stopped
    if failed is not None:
        says = f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__
        return {"status": "error", "says": says[:MOST_SAID]}
    verdict = exercise.judge(f, explain=False)
    nothing_named = verdict.status == "wrong" and not any(verdict.mistakes.values())
    if nothing_named or (verdict.status == "right" and exercise.pace):
        verdict = exercise.judge(f)
    results: list[Any] = []
    if verdict.status == "right":
        with guard.supervised():
            for case, right in zip(cases, expected, strict=True):
                results.append(_portable(run_case(exercise, f, case, right)))
    return {
        "status": verdict.status,
        "mistakes": {tensor: [text[:MOST_SAID] for text in told] for tensor, told in verdict.mistakes.items()},
        "says": _says(verdict)[:MOST_SAID],
        "fresh": results,
    }


def fresh_cases(exercise: Any, seed: int) -> list[dict[str, Any]]:
    """The cases of a lab, drawn anew: as many as are shipped, with other numbers."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return [*exercise.cases(rng), *exercise.further(rng)]


def _portable(run: Any) -> Any:
    """The results of one call as JSON can hold them; None where something went wrong in it."""
    if run.raised or run.complaint or run.changed:
        return None
    return {
        name: None if array is None else {"dtype": array.dtype.str, "shape": array.shape, "hex": array.tobytes().hex()}
        for name, array in run.tensors.items()
    }


def _says(verdict: Any) -> str:
    """One sentence about a verdict, for a lab in which no known mistake was found."""
    if verdict.raised is not None:
        return f"{verdict.raised.kind}: {verdict.raised.message}"
    if verdict.smallest is not None:
        return verdict.smallest.says
    return next((text for told in verdict.explained.values() for text in told), " ".join(verdict.remarks))


if __name__ == "__main__":
    main()
