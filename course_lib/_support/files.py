"""Writing a file so that nobody ever sees half of it."""

import errno
import os
import re
import secrets
import time
from contextlib import contextmanager, suppress
from pathlib import Path

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
ABANDONED = 3600  # seconds without a byte: whoever began to write this is no longer there


@contextmanager
def atomic_write(path, mode="wb"):
    """path -> an open file, "wb" or "w" (UTF-8), that takes the place of `path` when the block ends well.

    If the block fails or is interrupted, `path` stays as it was and nothing is left beside it.
    Missing folders are made. A folder or disk that refuses raises OSError with a sentence naming `path`.
    What a process that was killed in mid-write left beside `path` does no harm, and a later write removes it.
    """
    if mode not in ("wb", "w"):
        raise ValueError(f'mode must be "wb" or "w", but is {mode!r}')
    path = Path(os.path.realpath(path))  # a link stays a link; the file it points to is replaced
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with open(temporary, mode.replace("w", "x"), encoding="utf-8" if mode == "w" else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on the disk before it is renamed, or a power cut could leave it empty
        os.replace(temporary, path)
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


def first_free(paths):
    """The first of these paths where nothing is yet: what stands under a name of the same kind stays."""
    return next(path for path in paths if not path.exists())


def _sweep(path):
    """Remove what killed processes left of earlier writes of this file, once it is certain that nobody writes there."""
    ours = re.compile(rf"{re.escape(path.name)}\.\d+-[0-9a-f]{{8}}\.tmp")
    with suppress(OSError):
        for stray in path.parent.iterdir():
            if ours.fullmatch(stray.name) and time.time() - stray.stat().st_mtime > ABANDONED:
                stray.unlink()
