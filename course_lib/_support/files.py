"""Writing a file so that nobody ever sees half of it, and reading one that may be damaged."""

import errno
import itertools
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
DEEPEST = 20  # brackets inside one another: Python's parser fails at about a thousand, and ends a browser's kernel
WAITS = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds between tries to replace a file that is in use


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file, "wb" or "w" (UTF-8), that replaces `path` when the block ends without an error.

    If the block fails or is interrupted, `path` stays as it was, and the new file is removed.
    Missing folders are made. A folder or disk that refuses raises OSError with a sentence naming `path`.
    A process killed while writing leaves a harmless file ending in .tmp beside `path`.
    """
    if mode not in ("wb", "w"):
        raise ValueError(f'mode must be "wb" or "w", but is {mode!r}')
    path = Path(os.path.realpath(path))  # a link stays a link; the file it points to is replaced
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, mode.replace("w", "x"), encoding="utf-8" if mode == "w" else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on the disk before it is renamed, or a power cut could leave it empty
        _replace(temporary, path)
    except OSError as error:
        refused = error.filename in {str(place) for place in (temporary, *path.parents)}
        full = error.filename is None and error.errno in FULL
        if not (refused or full):
            raise  # an error of the block itself, about something else
        message = f"{path} could not be written ({error.strerror}); what was there before is unchanged"
        raise OSError(error.errno, message) from error
    finally:
        with suppress(OSError):  # gone already, or never made
            temporary.unlink()


def from_json(text: str) -> Any:
    """What a text in JSON says. Raises ValueError if it is damaged, or nested more than what the course writes."""
    depth = itertools.accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    if max(depth, default=0) > DEEPEST:
        raise ValueError("it is nested too deeply")
    return json.loads(text)


def first_free(paths: Iterable[Path]) -> Path:
    """The first of these paths that does not exist yet."""
    return next(path for path in paths if not path.exists())


def _replace(source: Path, target: Path) -> None:
    """os.replace, tried again for a while: Windows refuses it while another process reads the target."""
    for seconds in WAITS:
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(seconds)
    os.replace(source, target)
