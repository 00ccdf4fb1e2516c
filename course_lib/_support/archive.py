"""Named arrays in one .npz file: written whole or not at all, and read with suspicion.

Nothing in a file is executed, and no array is read before its header has shown the shape that is expected:
a file can claim any size.
"""

import contextlib
import zipfile

import numpy as np

from course_lib._support.files import atomic_write

FLOATS = (np.float32, np.float64)
_LONGEST_TEXT = 10**6
_VERSION = (1, 0)  # of NumPy's format: all that plain arrays need, and the only one whose headers cannot be huge


def write(path, arrays):
    """{name: array} -> the file `path`. OSError with a sentence where the folder or the disk refuses."""
    with atomic_write(path) as file:
        np.savez(file, **arrays)


@contextlib.contextmanager
def reading(path, what):
    """The arrays in the file `path`. Whatever turns out to be wrong with them in the block is a ValueError.

    It says that the file "must hold `what`", and why it does not. A file that is not there is a FileNotFoundError.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            yield Arrays(opened)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise nearly anything, even a tokenizer's error
        raise ValueError(f"{path} must hold {what}: {error}") from error


class Arrays:
    """The arrays of an open file."""

    def __init__(self, opened):
        self.opened = opened
        self.names = [name.removesuffix(".npy") for name in opened.namelist()]
        if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in opened.infolist()):
            raise ValueError("it is packed in a way that NumPy does not use")

    def read(self, name, shape, dtypes=FLOATS):
        """The array `name`, which has this shape and one of these dtypes."""
        found, dtype = self._header(name)
        if found != tuple(shape) or dtype not in dtypes:
            kinds = " or ".join(np.dtype(one).name for one in dtypes)
            raise ValueError(f"{name} must be {kinds} of shape {tuple(shape)}, but is {dtype} of shape {found}")
        return self._array(name)

    def read_text(self, name):
        """The text `name`, which was stored as its UTF-8 bytes."""
        found, dtype = self._header(name)
        if len(found) != 1 or found[0] > _LONGEST_TEXT or dtype != np.uint8:
            raise ValueError(f"{name} must be at most {_LONGEST_TEXT} bytes of text, but is {dtype} of shape {found}")
        return self._array(name).tobytes().decode()

    def _header(self, name):
        with self.opened.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            if version != _VERSION:
                raise ValueError(f"{name} must be in version {_VERSION} of NumPy's format, but is in {version}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return shape, dtype

    def _array(self, name):
        with self.opened.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)


def as_text(text):
    """A text -> the array from which read_text makes it again."""
    return np.frombuffer(text.encode(), np.uint8)
