"""The pictures the network learns from: MNIST, and a small bundled set for when MNIST cannot be had."""

import gzip
import hashlib
import io
import math
import os
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_lib._support import archive
from course_lib._support.files import atomic_write


class DataUnavailable(OSError):  # noqa: N818 - it is a state of affairs, not a slip
    """Its message says what was tried, why each attempt failed, and what to do."""


class Source(NamedTuple):
    shape: tuple
    size: int  # bytes, packed
    sha256: str


FILES = {
    "train-images-idx3-ubyte.gz": Source(
        (60000, 28, 28), 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": Source(
        (60000,), 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": Source(
        (10000, 28, 28), 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": Source(
        (10000,), 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
TIMEOUT = (5, 30)  # seconds: to connect, and between two pieces of the answer
DIGITS = Path(__file__).resolve().parents[1] / "assets" / "digits.npz"
_DIGITS = (("x_train", (1497, 8, 8)), ("y_train", (1497,)), ("x_test", (300, 8, 8)), ("y_test", (300,)))


def mnist():
    """() -> ((x_train, y_train), (x_test, y_test)): x (N, 1, 28, 28) float32 in [0, 1], y (N,) int64.

    Read from the folder COURSE_DATA_DIR, else from this user's cache, else downloaded into that cache.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    return load_mnist(own_folder(), cache_folder(), MIRRORS)


def digits():
    """() -> ((x_train, y_train), (x_test, y_test)) in the form of `mnist`: 1,497 and 300 bundled digits.

    Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; see assets/README.md.
    """
    try:
        with archive.reading(DIGITS, "the bundled digits") as file:
            x_train, y_train, x_test, y_test = (file.read(*expected, (np.uint8,)) for expected in _DIGITS)
    except (OSError, ValueError) as error:
        raise DataUnavailable(
            f"The bundled digits could not be read from {DIGITS} ({error}). "
            "Bring the file back with: git checkout assets/digits.npz"
        ) from error
    return (_enlarge(x_train), y_train.astype(np.int64)), (_enlarge(x_test), y_test.astype(np.int64))


def mnist_or_digits():
    """() -> (splits, sentence): what `mnist`, or failing that `digits`, returns, and which of them it is."""
    try:
        return mnist(), "MNIST: 60,000 handwritten digits to train on and 10,000 to test on."
    except DataUnavailable:
        return digits(), (
            "MNIST could not be had, so these are the bundled UCI digits instead: 1,497 to train on and "
            "300 to test on. data.mnist() tells you what went wrong."
        )


def mnist_at_hand():
    """Whether `mnist` would find its four files on this machine. Looks for them; does not read them."""
    folders = [Path(folder) for folder in (own_folder(), cache_folder()) if folder]
    return all(any((folder / name).is_file() for folder in folders) for name in FILES)


# ---------------------------------------------------------------- finding the four files


def own_folder():
    """The folder that COURSE_DATA_DIR names, "~" being the home folder; None where it is not set or empty."""
    named = os.environ.get("COURSE_DATA_DIR")
    return Path(os.path.expanduser(named)).absolute() if named else None


def cache_folder():
    """This user's folder for what was downloaded once."""
    import pooch  # here, because most lessons never need it

    return pooch.os_cache("conv-gradients-course")


def load_mnist(folder, cache, mirrors):
    """What `mnist` returns: each file from `folder`, else from `cache`, else from the first good mirror."""
    packed = {name: _find(name, folder, Path(cache), mirrors) for name in FILES}
    x_train, y_train, x_test, y_test = (parse_idx(packed[name], FILES[name].shape, name) for name in FILES)
    return (_scale(x_train), y_train.astype(np.int64)), (_scale(x_test), y_test.astype(np.int64))


def _find(name, folder, cache, mirrors):
    """Name of one of the four files -> its bytes, known to be right."""
    tried = []  # and in vain: a few words on each attempt
    packed = (
        _from_folder(name, folder, tried)
        or _from_cache(name, cache, tried)
        or _from_mirrors(name, cache, mirrors, tried)
    )
    if packed:
        return packed
    attempts = "\n".join(f"  - {attempt}" for attempt in tried)
    raise DataUnavailable(
        f"MNIST could not be had: no usable {name}. Tried:\n{attempts}\n"
        f"Put these four files into a folder and set COURSE_DATA_DIR to it: {', '.join(FILES)}. "
        "Or use data.digits(), which needs no download."
    )


def _from_folder(name, folder, tried):
    if not folder:
        return None
    try:
        return _read(folder / name)
    except FileNotFoundError:
        lack = "has no such file" if folder.is_dir() else "is not a folder"
        tried.append(f"COURSE_DATA_DIR: {folder} {lack}")
    except DataUnavailable as error:  # somebody put it there on purpose: no silent way round it
        raise DataUnavailable(f"{error}. Replace that file, or unset COURSE_DATA_DIR.") from None


def _from_cache(name, cache, tried):
    try:
        return _read(cache / name)
    except FileNotFoundError:
        tried.append(f"the cache: {cache} has no such file")
    except DataUnavailable as error:
        tried.append(f"the cache: {error}")


def _from_mirrors(name, cache, mirrors, tried):
    for mirror in mirrors:
        url = mirror + name
        try:
            packed = _download(url, FILES[name].size)
        except (OSError, ValueError) as error:
            fault = _reason(error)
        else:
            fault = _what_is_wrong(name, packed)
        if fault is None:
            _keep(cache / name, packed)
            return packed
        tried.append(f"{url}: {fault}")


def _read(path):
    """Path of one of the four files -> its bytes, known to be right."""
    try:
        with open(path, "rb") as file:
            packed = file.read(max(source.size for source in FILES.values()) + 1)  # enough to tell what it is
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except OSError as error:
        raise DataUnavailable(f"{path} could not be read ({error.strerror})") from error
    fault = _what_is_wrong(path.name, packed)
    if fault:
        raise DataUnavailable(f"{path} {fault}")
    return packed


def _what_is_wrong(name, packed):
    """Bytes that should be the file `name` -> None, or what was found and what was expected."""
    expected = FILES[name]
    found = hashlib.sha256(packed).hexdigest()
    if found == expected.sha256:
        return None
    for other, source in FILES.items():
        if found == source.sha256:
            return f"holds the contents of {other}, expected those of {name}"
    if packed[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "holds a web page, expected a gzip file"
    if len(packed) > expected.size:
        return f"is too long, expected {expected.size:,} bytes"
    if len(packed) < expected.size:
        return f"is cut short or another file: found {len(packed):,} bytes, expected {expected.size:,}"
    return f"is damaged: found SHA-256 {found}, expected {expected.sha256}"


def _download(url, size):
    """url -> its bytes, `size` of them if all is well. They go to the disk only when they are checked."""
    import pooch
    from tqdm.auto import tqdm

    received = io.BytesIO()
    with tqdm(desc=url.rpartition("/")[2], total=size, unit="B", unit_scale=True, leave=False) as progress:
        pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)(url, received, None)
    return received.getvalue()


def _reason(error):
    """A download's error -> its class and its innermost cause, which requests puts in "(Caused by ...)"."""
    wrapping, _, cause = str(error).rpartition("(Caused by ")
    return f"{type(error).__name__}: {cause[:-1] if wrapping else cause}"


def _keep(path, packed):
    try:
        with atomic_write(path) as file:
            file.write(packed)
    except OSError as error:
        warnings.warn(f"{error}, so MNIST will be downloaded again next time", stacklevel=2)


# ---------------------------------------------------------------- from bytes to pictures


def parse_idx(packed, shape, source):
    """gzip bytes of an IDX file -> the uint8 array of this shape inside it. `source` names it in errors.

    An IDX header is 0, 0, a code for the type (8: uint8), the number of axes, and each size in four bytes.
    """
    expected = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    size = math.prod(shape)
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            header = file.read(len(expected))
            pixels = file.read(size + 1)  # what we expect, not what a header says; one more is too many
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source} must be a whole gzip file, but cannot be unpacked: {error}") from error
    if header != expected:
        raise ValueError(
            f"{source} must be uint8 of shape {shape} and so start with {expected.hex(' ')}, "
            f"but starts with {header.hex(' ') or 'nothing'}"
        )
    if len(pixels) != size:
        found = "more" if len(pixels) > size else f"{len(pixels):,}"
        raise ValueError(f"{source} must hold {size:,} bytes after its header, but holds {found}")
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def _scale(pixels):
    """(N, 28, 28) uint8 -> (N, 1, 28, 28) float32 in [0, 1]."""
    x = pixels[:, None].astype(np.float32)
    x /= 255
    return x


def _enlarge(images):
    """(N, 8, 8) of 0 to 16 -> (N, 1, 28, 28) float32 in [0, 1], as MNIST would show them.

    As there, the digit fills a box of 20 x 20 in the middle, and its strokes are white with narrow edges.
    """
    centre = (np.arange(28) - 4 + 0.5) * 8 / 20 - 0.5  # of each new pixel, counted in old pixels
    weight = _cubic(centre[:, None] - np.arange(8))
    smooth = weight @ (images / 16) @ weight.T
    # Below a quarter is paper, above 0.85 is ink: this brings mean and spread close to MNIST's.
    return np.clip((smooth - 0.25) / 0.6, 0, 1)[:, None].astype(np.float32)


def _cubic(distance):
    """How much a pixel at this distance counts in a smooth picture. Source: Keys 1981, with a = -1/2."""
    t = np.abs(distance)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))
