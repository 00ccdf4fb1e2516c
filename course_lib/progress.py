"""What a learner has tried and solved: a small file beside the notebooks, or where COURSE_PROGRESS says.

Nothing here ever stops a lesson: what cannot be read or written is said in a sentence.
"""

import itertools
import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from course_lib._support.files import atomic_write, first_free

BESIDE_NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks" / ".progress.json"
PATIENCE = 2  # seconds to wait for another kernel that is writing
LARGEST = 10**6  # bytes: no course is so long


def path():
    """The file of the learner's progress. "~" in COURSE_PROGRESS is the home folder."""
    return Path(os.path.expanduser(os.environ.get("COURSE_PROGRESS") or BESIDE_NOTEBOOKS))


def record(name, right):
    """Note a try at an exercise, and the time of its first success -> sentences about what went wrong, mostly none."""

    def note(entries):
        entry = entries.setdefault(name, {"tries": 0})
        if "solved" not in entry:
            entry["tries"] += 1
            if right:
                entry["solved"] = datetime.now(UTC).isoformat(timespec="seconds")

    return _change(note)


def reset(name=None):
    """Forget one exercise, or all of them -> sentences about what went wrong, mostly none."""
    return _change(lambda entries: entries.clear() if name is None else entries.pop(name, None))


def solved(name):
    return "solved" in entries().get(name, {})


def tries(name):
    """How often an exercise was tried, up to and with its first success."""
    return entries().get(name, {}).get("tries", 0)


def entries():
    """name -> {"tries": a number, "solved": when, if it was}. Empty if nothing can be read."""
    try:
        return _read()
    except (OSError, ValueError):
        return {}


# ---------------------------------------------------------------- the file


def _read():
    try:
        with open(path(), "rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return {}
    if len(content) > LARGEST:
        raise ValueError("it is far longer than what this course writes")
    try:
        found = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested without end") from error
    valid = isinstance(found, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("tries"), int) and isinstance(entry.get("solved", ""), str)
        for entry in found.values()
    )
    if not valid:
        raise ValueError("it does not hold what this course writes")
    return found


def _change(change):
    said = []
    try:
        with _alone():
            try:
                kept = _read()
            except ValueError:  # json's and Unicode's errors are ValueErrors too
                aside = _set_aside()
                said.append(
                    f"The file of your progress was damaged. It is kept as {aside.name}, and a new one is begun."
                )
                kept = {}
            change(kept)
            with atomic_write(path(), "w") as file:
                json.dump(kept, file, indent=1, sort_keys=True)
    except OSError as error:
        said.append(f"Your progress could not be noted: {error.strerror or error}. The lesson goes on without.")
    return said


def _set_aside():
    aside = first_free(path().with_name(f"{path().name}.damaged-{number}") for number in itertools.count(1))
    os.replace(path(), aside)
    return aside


@contextmanager
def _alone():
    """Keep other kernels from changing the file for as long as the block runs. A killed one holds nothing up."""
    path().parent.mkdir(parents=True, exist_ok=True)
    with open(path().with_name(path().name + ".lock"), "ab") as file:
        end = time.monotonic() + PATIENCE
        while not _locked(file):
            if time.monotonic() > end:
                raise TimeoutError(f"another kernel has been holding {path().name} for {PATIENCE} s")
            time.sleep(0.02)
        yield  # closing the file lets go of the lock


try:
    import fcntl

    def _locked(file):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

except ImportError:  # Windows
    import msvcrt

    def _locked(file):
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
