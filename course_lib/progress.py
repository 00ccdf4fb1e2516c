"""What a learner has tried, solved and predicted: a small file in the learner's folder.

The file holds one entry for each name, of an exercise or of a prediction ("01/forward"):

    exercise     tries, code (a fingerprint of the last try), solved (the time of the first success),
                 best (where answers are compared: the least number so far), how (the answer that has it)
    prediction   tries (answers given), first (the first answer; null: skipped), right (whether that was right),
                 answered (its time), last (the answer given last),
                 slot (how often the question has come back since), since (the time from which its next return counts),
                 again (whether it was answered right when it came back last)

and one under the name "track": fast (whether the board shows the fast track).

Nothing here ever stops a lesson: what cannot be read or written is said in a sentence.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from course_lib._support import places
from course_lib._support.files import atomic_write, first_free, from_json

PATIENCE = 2  # seconds to wait for another kernel that is writing
HAS_LOCKS = os.name == "nt"
with suppress(ImportError):  # Windows and Pyodide have no fcntl, and in JupyterLite's kernel it is empty
    HAS_LOCKS = hasattr(import_module("fcntl"), "flock")

Entries = dict[str, dict[str, Any]]
_VALID = {
    "tries": int, "slot": int, "best": int, "right": bool, "again": bool, "fast": bool, "how": str, "solved": str,
    "answered": str, "since": str,
}  # fmt: skip
_TRACK = "track"
_renamed: dict[str, str] = {}  # a former name -> the name today


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
                entry["solved"] = _now()

    return _change(note)


def record_best(name: str, number: int, how: str) -> list[str]:
    """Keep the answer to an exercise that has the least number so far. how: the answer, as text.

    Returns sentences about what went wrong: mostly none.
    """

    def note(entries: Entries) -> None:
        entry = entries.setdefault(name, {"tries": 0})
        if number < entry.get("best", number + 1):
            entry["best"], entry["how"] = number, how

    return _change(note)


def best(name: str) -> tuple[int, str] | None:
    """The least number of an exercise so far, and the answer that has it."""
    entry = entries().get(name, {})
    return (entry["best"], entry.get("how", "")) if "best" in entry else None


def record_prediction(name: str, answer: Any, right: bool) -> list[str]:
    """Note an answer to a question; the first one and its time stay. None: the question was skipped.

    Returns sentences about what went wrong: mostly none.
    """

    def note(entries: Entries) -> None:
        now = _now()
        begun = {"tries": 0, "first": answer, "right": right, "answered": now, "slot": 0, "since": now}
        entry = entries.setdefault(name, begun)
        if answer is not None and answer != entry.get("last"):
            entry["tries"] += 1
            entry["last"] = answer

    return _change(note)


def record_return(name: str, right: bool, now: datetime) -> list[str]:
    """Note that a question came back and was answered. If that was wrong, its returns begin anew.

    Returns sentences about what went wrong: mostly none.
    """

    def note(entries: Entries) -> None:
        entry = entries.get(name, {})
        if "answered" in entry:
            entry["slot"] = entry.get("slot", 0) + 1 if right else 0
            entry["since"] = now.isoformat(timespec="seconds")
            entry["again"] = right

    return _change(note)


def choose_track(fast: bool) -> list[str]:
    """Keep whether the board shows the fast track. Returns sentences about what went wrong: mostly none."""

    def note(entries: Entries) -> None:
        entries[_TRACK] = {"tries": 0, "fast": fast}

    return _change(note)


def fast_track() -> bool:
    """Whether the board shows the fast track."""
    return entries().get(_TRACK, {}).get("fast", False)


def predictions() -> Entries:
    """What is noted of the questions that were answered or skipped, by their names."""
    return {name: entry for name, entry in entries().items() if "answered" in entry}


def prediction(name: str) -> dict[str, Any]:
    """What is noted of a question that was answered or skipped; {} if it was not."""
    return predictions().get(name, {})


def know_renamed(names: dict[str, str]) -> None:
    """From now on, what is noted under a former name counts for the name today. names: former -> today's."""
    _renamed.update(names)


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
    """{name: what is noted of it}, as the head of this file says. Empty if nothing can be read."""
    try:
        return _read()
    except (OSError, ValueError):
        return {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---------------------------------------------------------------- the file


def _read() -> Entries:
    try:
        with open(path(), encoding="utf-8") as file:
            content = file.read()
    except FileNotFoundError:
        return {}
    return parsed(content)


def parsed(content: str) -> Entries:
    """The entries in the text of a progress file, of this version of the course or an older one.

    Raises ValueError if it holds anything else.
    """
    found = from_json(content)
    if not (isinstance(found, dict) and all(map(_is_entry, found.values()))):
        raise ValueError("it does not hold what this course writes")
    return _with_names_of_today(found)


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and "tries" in entry
        and all(isinstance(entry[key], kind) for key, kind in _VALID.items() if key in entry)
    )


def _with_names_of_today(found: Entries) -> Entries:
    """Where something is noted under both names, the older note is the first answer, and a lab solved stays solved."""
    entries = {name: entry for name, entry in found.items() if name not in _renamed}
    for former in found.keys() & _renamed.keys():
        name = _renamed[former]
        entries[name] = {**entries.get(name, {}), **found[former]}
    return entries


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
