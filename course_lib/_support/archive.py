"""Named arrays in one .npz file, which NumPy alone can read: written whole or not at all."""

import contextlib
import errno
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from course_lib._support.files import atomic_write

MOST_PACKED = 100  # times the size of its file: what a file unpacks to, at most


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write {name: array} to the file `path`. OSError with a sentence where the folder or the disk refuses."""
    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[dict[str, np.ndarray]]:
    """The arrays in the file `path`, by name. Nothing in the file is executed.

    Any problem with them, also one that the block finds, raises ValueError with a sentence that says that the file
    "must hold `what`", and why it does not. A missing file raises FileNotFoundError.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_PACKED * Path(path).stat().st_size:
                raise ValueError(f"it unpacks to more than {MOST_PACKED} times its size")
            arrays = {name.removesuffix(".npy"): _read(parts, name) for name in parts.namelist()}
        yield arrays
    except Exception as error:  # a damaged file can raise nearly anything, even a tokenizer's error
        if isinstance(error, OSError) and (error.filename or error.errno != errno.EINVAL):
            raise
        why: object = f"it has no array named {error}" if isinstance(error, KeyError) else error
        if isinstance(error, OSError):  # from seek
            why = "its table of contents points to a place before its beginning"
        raise ValueError(f"{path} must hold {what}: {why}") from error


def _read(parts: zipfile.ZipFile, name: str) -> np.ndarray:
    with parts.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
