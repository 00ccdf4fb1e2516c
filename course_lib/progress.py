"""What a learner has tried and solved: a small file beside the notebooks, or where COURSE_PROGRESS says.

Nothing here ever stops a lesson: what cannot be read or written is said in a sentence.
"""

import itertools
import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from course_lib.files import atomic_write, first_free

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


# ---------------------------------------------------------------- the dashboard


def dashboard():
    """What is solved, and what comes next: shows itself in a notebook."""
    return Dashboard(entries())


class Dashboard:
    """The exercises of every lesson, with what is solved."""

    def __init__(self, noted):
        from course_lib.exercises.registry import LESSONS  # exercises note progress; the dashboard asks for them

        self.noted = noted
        self.lessons = {
            notebook: [exercise.name for exercise in exercises] for notebook, exercises in LESSONS.items() if exercises
        }

    def is_solved(self, name):
        return "solved" in self.noted.get(name, {})

    @property
    def next(self):
        """(notebook, exercise) of the first that is not solved, or None."""
        each = ((notebook, name) for notebook, names in self.lessons.items() for name in names)
        return next((pair for pair in each if not self.is_solved(pair[1])), None)

    def count(self, notebook=None):
        """(solved, all) exercises, of one notebook or of the course."""
        names = self.lessons[notebook] if notebook else [name for each in self.lessons.values() for name in each]
        return sum(map(self.is_solved, names)), len(names)

    def _summary(self):
        solved, every = self.count()
        if self.next is None:
            return f"All {every} labs are solved."
        notebook, name = self.next
        return f"{solved} of {every} labs solved. Next: {name} in {notebook}."

    def _mark(self, name):
        if self.is_solved(name):
            return f"✓ {name} ({_times(self.noted[name]['tries'])})"
        return f"○ {name}" + (f" ({_times(self.noted[name]['tries'])} so far)" if name in self.noted else "")

    def __repr__(self):
        lines = [self._summary()]
        for notebook, names in self.lessons.items():
            solved, every = self.count(notebook)
            lines.append(f"{notebook}: {solved} of {every}")
            lines += [f"  {self._mark(name)}" for name in names]
        return "\n".join(lines)

    def _repr_html_(self):
        rows = "".join(self._row(notebook) for notebook in self.lessons)
        return (
            f'<div style="max-width: 820px; line-height: 1.5"><div><b>{escape(self._summary())}</b></div>'
            f'<table style="margin: 8px 0 0 0">{rows}</table></div>'
        )

    def _row(self, notebook):
        solved, every = self.count(notebook)
        marks = " &nbsp; ".join(
            f'<span style="white-space: nowrap">{self._mark_in_html(name)}</span>' for name in self.lessons[notebook]
        )
        cell = "text-align: left; vertical-align: top; padding: 4px 14px 4px 0"
        return (
            f'<tr style="background: transparent"><td style="{cell}; white-space: nowrap">'
            f'<a href="{escape(notebook)}.ipynb">{escape(notebook)}</a></td>'
            f'<td style="{cell}; white-space: nowrap">{solved} of {every}</td>'
            f'<td style="{cell}">{marks}</td></tr>'
        )

    def _mark_in_html(self, name):
        words = escape(self._mark(name))
        return f"<b>{words}</b>" if self.is_solved(name) else words


def _times(tries):
    return "1 try" if tries == 1 else f"{tries} tries"
