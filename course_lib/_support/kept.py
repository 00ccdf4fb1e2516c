"""The folder of a learner's answers, work/mine: one plain Python file each, and a record of how each was judged."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from course_lib._support import places
from course_lib._support.files import atomic_write, first_free, from_json

RECORD = "kept.json"
PACKAGE = '''"""Your answers, one file each. Any program that has NumPy can use them: import mine; mine.conv1d(x, w).

This file is written by the course; the others are yours.
"""

import importlib
import pathlib

_HERE = pathlib.Path(__file__).parent


def __getattr__(name):
    if name.startswith("_") or not (_HERE / f"{name}.py").is_file():
        raise AttributeError(f"there is no answer {name!r} here; there are {', '.join(__dir__()) or 'none yet'}")
    try:
        answer = getattr(importlib.import_module(f"{__name__}.{name}"), name)
    except Exception as error:
        raise AttributeError(f"{name}.py cannot be loaded: {type(error).__name__}: {error}") from error
    globals()[name] = answer  # in place of the module, which has the same name
    return answer


def __dir__():
    return sorted(path.stem for path in _HERE.glob("*.py") if path.stem != "__init__")
'''


def folder() -> Path:
    return places.work() / "mine"


def path_of(lab: str) -> Path:
    return folder() / f"{lab}.py"


def digest(text: str) -> str:
    """A short fingerprint of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def store(lab: str, text: str, question: str) -> None:
    """Keep the source of an answer that was judged right, by itself. An older one is kept beside it.

    question: a fingerprint of the lab as it was when the answer was judged. Raises OSError where it cannot be written.
    """
    old = read(lab)
    if old is not None and old != text:
        earlier = folder() / "earlier"
        earlier.mkdir(parents=True, exist_ok=True)
        kept = first_free(earlier / f"{lab}_{number}.py.txt" for number in range(1, 10**6))
        kept.write_text(old, encoding="utf-8")
    package = folder() / "__init__.py"
    if not package.is_file() or package.read_text(encoding="utf-8") != PACKAGE:
        _write(package, PACKAGE)
    _write(path_of(lab), text)
    note(lab, digest(text), question, right=True)


def _write(path: Path, text: str) -> None:
    with atomic_write(path, "w") as file:
        file.write(text)


def read(lab: str) -> str | None:
    """The stored source of an answer, or None."""
    with suppress(OSError, UnicodeDecodeError):
        return path_of(lab).read_text(encoding="utf-8")
    return None


def note_try(lab: str, text: str) -> None:
    """Keep the source of the last answer that was tried and was not right, to go on from on another day."""
    with suppress(OSError):
        _write(_tried(lab), text)


def forget_try(lab: str) -> None:
    """The lab is solved: what was tried before is not needed any more."""
    with suppress(OSError):
        _tried(lab).unlink()


loading: list[str] = []  # labs whose stored answers are being run: `check` leaves alone what is written in them


def last_try(lab: str) -> Path | None:
    """The file of the last answer that was tried and was not right, or None."""
    return _tried(lab) if _tried(lab).is_file() else None


def _tried(lab: str) -> Path:
    return folder() / "tried" / f"{lab}.py"


def note(lab: str, text_digest: str, question: str, right: bool) -> None:
    """Remember how a stored answer was judged. Where that cannot be written, it is only judged again."""
    found = _record()
    found[lab] = {"text": text_digest, "question": question, "right": right, "day": time.strftime("%Y-%m-%d")}
    with suppress(OSError):
        _write(folder() / RECORD, json.dumps(found, indent=1, sort_keys=True))


def judged(lab: str, text_digest: str, question: str) -> bool | None:
    """How this very text was judged for this very lab; None where it has not been judged yet."""
    entry = _record().get(lab)
    if isinstance(entry, dict) and (entry.get("text"), entry.get("question")) == (text_digest, question):
        return entry.get("right") is True
    return None


def _record() -> dict[str, Any]:
    try:
        found = from_json((folder() / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
