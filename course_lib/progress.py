"""What a learner has tried and solved: a small file in the learner's folder.

Nothing here ever stops a lesson: what cannot be read or written is said in a sentence.
"""

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from course_lib._support import places
from course_lib._support.files import atomic_write, first_free

PATIENCE = 2  # seconds to wait for another kernel that is writing
HAS_LOCKS = os.name == "nt" or hasattr(import_module("fcntl"), "flock")  # in a browser, fcntl is empty
DEEPEST = 20  # brackets inside one another: Python's parser fails at about a thousand, and ends a browser's kernel

Entries = dict[str, dict[str, Any]]


def path() -> Path:
    """The file of the learner's progress: in the learner's folder, or where COURSE_PROGRESS says ("~" is the home)."""
    return Path(os.path.expanduser(os.environ.get("COURSE_PROGRESS") or places.work() / ".progress.json"))


def record(name: str, right: bool, code: str = "") -> list[str]:
    """Count a try at an exercise, and note the time of its first success.

    code: a fingerprint of what was tried. The same code again, as when all cells are run, is no other try.
    Returns sentences about what went wrong: mostly none.
    """

    def note(entries: Entries) -> None:
        entry = entries.setdefault(name, {"tries": 0})
        if "solved" not in entry:
            if not code or entry.get("code") != code:
                entry["tries"] += 1
            if code:
                entry["code"] = code
            if right:
                entry["solved"] = datetime.now(UTC).isoformat(timespec="seconds")

    return _change(note)


def reset(name: str | None = None) -> list[str]:
    """Forget one exercise, or all of them. Returns sentences about what went wrong: mostly none."""

    def forget(entries: Entries) -> None:
        if name is None:
            entries.clear()
        else:
            entries.pop(name, None)

    return _change(forget)


def solved(name: str) -> bool:
    """Whether an exercise was ever solved."""
    return "solved" in entries().get(name, {})


def tries(name: str) -> int:
    """How often an exercise was tried, up to and including its first success."""
    return entries().get(name, {}).get("tries", 0)


def entries() -> Entries:
    """{name: {"tries": number, "solved": time of the first success, if any}}. Empty if nothing can be read."""
    try:
        return _read()
    except (OSError, ValueError):
        return {}


# ---------------------------------------------------------------- the file


def _read() -> Entries:
    try:
        with open(path(), encoding="utf-8") as file:
            content = file.read()
    except FileNotFoundError:
        return {}
    depth = itertools.accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", content))
    if max(depth, default=0) > DEEPEST:
        raise ValueError("it is nested too deeply")
    found = json.loads(content)
    valid = isinstance(found, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("tries"), int) and isinstance(entry.get("solved", ""), str)
        for entry in found.values()
    )
    if not valid:
        raise ValueError("it does not hold what this course writes")
    return found


def _change(change: Callable[[Entries], None]) -> list[str]:
    said = []
    try:
        with _alone():
            try:
                kept = _read()
            except ValueError:  # json's and Unicode's errors are ValueErrors too
                aside = _set_aside()
                said.append(f"Your progress file was damaged. It was kept as {aside.name}, and a new one was started.")
                kept = {}
            change(kept)
            with atomic_write(path(), "w") as file:
                json.dump(kept, file, indent=1, sort_keys=True)
    except OSError as error:
        said.append(f"Your progress could not be noted: {error.strerror or error}. The lesson goes on without it.")
    return said


def _set_aside() -> Path:
    aside = first_free(path().with_name(f"{path().name}.damaged-{number}") for number in itertools.count(1))
    os.replace(path(), aside)
    return aside


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other kernels from changing the file while the block runs. The lock of a killed kernel is released."""
    path().parent.mkdir(parents=True, exist_ok=True)
    if not HAS_LOCKS:  # there is only one kernel
        yield
        return
    from filelock import FileLock, Timeout  # here, because it warns when it is imported where there are no locks

    try:
        with FileLock(f"{path()}.lock", timeout=PATIENCE):
            yield
    except Timeout as error:
        raise TimeoutError(f"another kernel has been holding {path().name} for {PATIENCE} s") from error
