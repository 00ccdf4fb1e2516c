"""What a learner has tried and solved: a small file beside the notebooks, or where COURSE_PROGRESS says.

Nothing here ever stops a lesson: what cannot be read or written is said in a sentence.
"""

import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from course_lib.files import atomic_write

BESIDE_NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks" / ".progress.json"
PATIENCE = 2  # seconds to wait for another kernel that is writing


def path():
    return Path(os.environ.get("COURSE_PROGRESS") or BESIDE_NOTEBOOKS)


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
        content = path().read_bytes()
    except FileNotFoundError:
        return {}
    found = json.loads(content)
    valid = isinstance(found, dict) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("tries"), int)
        and isinstance(entry.get("solved", ""), str)
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
    numbers = (number for number in range(1, 10**6))
    aside = next(p for n in numbers if not (p := path().with_name(f"{path().name}.damaged-{n}")).exists())
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


# ---------------------------------------------------------------- the dashboard


def dashboard():
    """What is solved, and what comes next: shows itself in a notebook."""
    return Dashboard(entries())


class Dashboard:
    """The exercises of every lesson, with what is solved."""

    def __init__(self, noted):
        from course_lib.exercises.registry import LESSONS  # exercises note progress; here progress asks for them

        self.solved = {name for name, entry in noted.items() if "solved" in entry}
        self.noted = noted
        self.lessons = {
            notebook: (lesson.__doc__.partition(":")[0].strip(), [exercise.name for exercise in lesson.EXERCISES])
            for notebook, lesson in LESSONS.items()
        }

    @property
    def next(self):
        """(notebook, exercise) of the first that is not solved, or None."""
        for notebook, (_, exercises) in self.lessons.items():
            for name in exercises:
                if name not in self.solved:
                    return notebook, name
        return None
