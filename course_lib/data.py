"""The images the network learns from: MNIST, and a small bundled set for when MNIST is not available.

python -m course_lib.data FOLDER     puts MNIST into a folder for all learners of a machine, whose kernels share it
"""

import gzip
import hashlib
import math
import os
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from platformdirs import user_cache_path

from course_lib._support import archive
from course_lib._support.files import atomic_write

Split = tuple[np.ndarray, np.ndarray]  # x (N, 1, 28, 28) float32 in [0, 1], y (N,) int64


class DataUnavailable(OSError):  # noqa: N818 - a condition, not an error in the code
    """Its message says what was tried, why each attempt failed, and what to do."""


class Source(NamedTuple):
    shape: tuple[int, ...]
    sha256: str


FILES = {
    "train-images-idx3-ubyte.gz": Source(
        (60000, 28, 28), "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": Source((60000,), "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte.gz": Source(
        (10000, 28, 28), "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": Source((10000,), "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
TIMEOUT = (5, 30)  # seconds: to connect, and between two pieces of the answer
DIGITS = Path(__file__).resolve().parents[1] / "assets" / "digits.npz"
PORTRAIT = DIGITS.with_name("portrait.npz")


def mnist() -> tuple[Split, Split]:
    """Returns ((x_train, y_train), (x_test, y_test)): x (N, 1, 28, 28) float32 in [0, 1], y (N,) int64.

    Read from the folder COURSE_DATA_DIR, else from this user's cache, else downloaded into that cache.
    DataUnavailable where none of them works.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    return load_mnist(own_folder(), cache_folder(), MIRRORS)


def digits() -> tuple[Split, Split]:
    """Returns ((x_train, y_train), (x_test, y_test)) in the form of `mnist`: 1,497 and 300 bundled digits.

    Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI; see assets/README.md.
    """
    try:
        with archive.reading(DIGITS, "the bundled digits") as arrays:
            x_train, y_train, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
            return (_enlarge(x_train), y_train.astype(np.int64)), (_enlarge(x_test), y_test.astype(np.int64))
    except (OSError, ValueError) as error:
        raise DataUnavailable(
            f"The bundled digits could not be read from {DIGITS} ({error}). "
            "Bring the file back with: git checkout assets/digits.npz"
        ) from error


def mnist_or_digits() -> tuple[tuple[Split, Split], str]:
    """Returns (splits, sentence): what `mnist`, or failing that `digits`, returns, and which of them it is."""
    try:
        return mnist(), "MNIST: 60,000 handwritten digits to train on and 10,000 to test on."
    except DataUnavailable:
        return digits(), (
            "MNIST is not available, so these are the bundled UCI digits instead: "
            "1,497 to train on and 300 to test on. data.mnist() tells you what went wrong."
        )


def mnist_at_hand() -> bool:
    """Whether `mnist` would find its four files on this machine. Looks for them; does not read them."""
    folders = [folder for folder in (own_folder(), cache_folder()) if folder]
    return all(any((folder / name).is_file() for folder in folders) for name in FILES)


# ---------------------------------------------------------------- finding the four files


def own_folder() -> Path | None:
    """The folder that COURSE_DATA_DIR names, "~" being the home folder; None where it is not set or empty."""
    named = os.environ.get("COURSE_DATA_DIR")
    return Path(os.path.expanduser(named)).absolute() if named else None


def cache_folder() -> Path:
    """This user's folder for what was downloaded once."""
    return user_cache_path("conv-gradients-course")


def load_mnist(folder: Path | None, cache: str | os.PathLike[str], mirrors: tuple[str, ...]) -> tuple[Split, Split]:
    """What `mnist` returns: each file from `folder`, else from `cache`, else from the first good mirror."""

    def read(name: str) -> np.ndarray:
        if folder and (shared := _mapped(folder, name)) is not None:
            return shared
        array = parse_idx(_find(name, folder, Path(cache), mirrors).read_bytes(), FILES[name].shape, name)
        return _scale(array) if array.ndim == 3 else array.astype(np.int64)

    x_train, y_train, x_test, y_test = map(read, FILES)
    return (x_train, y_train), (x_test, y_test)


def _find(name: str, folder: Path | None, cache: Path, mirrors: tuple[str, ...]) -> Path:
    """The path of one of the four files, whose SHA-256 is right."""
    tried = []
    if folder and (folder / name).exists():
        fault = _fault(folder / name)
        if fault:  # somebody put it there on purpose: no silent way round it
            raise DataUnavailable(f"{folder / name} {fault}. Replace that file, or unset COURSE_DATA_DIR.")
        return folder / name
    if folder:
        lack = f"has no file {name}" if folder.is_dir() else "is not a folder"
        tried.append(f"COURSE_DATA_DIR: {folder} {lack}")
    if not _fault(cache / name):
        return cache / name
    for mirror in mirrors:
        try:
            return _download(mirror + name, name, cache)
        except (OSError, ValueError, ImportError) as error:
            tried.append(f"{mirror}{name}: {_reason(error)}")
    attempts = "".join(f"  - {attempt}\n" for attempt in tried)
    raise DataUnavailable(
        f"MNIST is not available: no usable {name}. Tried:\n{attempts}"
        "(If a hash does not match, perhaps a web page, such as a network's login page, came in place of the file.)\n"
        f"Put these four files into a folder and set COURSE_DATA_DIR to it: {', '.join(FILES)}. "
        "Or use data.digits(), which needs no download."
    )


def _fault(path: Path) -> str | None:
    """None if `path` holds MNIST's file of that name, bit for bit; else what is wrong with it."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"could not be read ({error.strerror})"
    expected = FILES[path.name].sha256
    if found == expected:
        return None
    return f"has the SHA-256 {found}, expected {expected}: it is damaged, or another file, such as a web page"


def share(folder: Path) -> None:
    """Put MNIST into a folder for all learners of a machine, to be named in COURSE_DATA_DIR: the four files, from where
    `mnist` finds them, and the images as `mnist` returns them, once more, for kernels to map.

    A kernel that reads the images in its own way takes 220 MB for them; kernels that map a file hold it once together.
    """
    for name in FILES:
        found = _find(name, own_folder(), folder, MIRRORS)
        with atomic_write(folder / name) as file:
            file.write(found.read_bytes())
    (x_train, _), (x_test, _) = load_mnist(None, folder, ())
    for name, images in zip((name for name in FILES if len(FILES[name].shape) == 3), (x_train, x_test), strict=True):
        with atomic_write(folder / _unpacked(name)) as file:
            np.save(file, images)


def _unpacked(name: str) -> str:
    return name.replace("-ubyte.gz", "-float32.npy")


def _mapped(folder: Path, name: str) -> np.ndarray | None:
    """The images that `share` has put into a folder, None if there are none.

    They are mapped: what a caller changes is the caller's own, and all else is in memory once for all processes.
    """
    path, shape = folder / _unpacked(name), FILES[name].shape
    if len(shape) != 3 or not path.is_file():
        return None
    try:
        images = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataUnavailable(f"{path} could not be read ({error}). Remove that file.") from error
    expected = (shape[0], 1, *shape[1:])
    if images.shape != expected or images.dtype != np.float32:
        raise DataUnavailable(
            f"{path} must hold {expected} numbers of float32, but holds {images.shape} of {images.dtype}. "
            "Remove that file."
        )
    return images.view(np.ndarray)


def _download(url: str, name: str, cache: Path) -> Path:
    """Into the cache, if its SHA-256 is right. Returns its path."""
    import pooch  # here, because it is slow to import, and impossible in a browser's Python, which has no lzma

    downloader = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    return Path(pooch.retrieve(url, FILES[name].sha256, fname=name, path=cache, downloader=downloader))


def _reason(error: Exception) -> str:
    """An error's class and its innermost cause, which requests puts in "(Caused by ...)"."""
    wrapping, _, cause = str(error).rpartition("(Caused by ")
    return f"{type(error).__name__}: {cause[:-1] if wrapping else cause}"


# ---------------------------------------------------------------- from bytes to images


def parse_idx(packed: bytes, shape: tuple[int, ...], source: str) -> np.ndarray:
    """The uint8 array of this shape inside the gzip bytes of an IDX file. `source` names it in errors.

    An IDX header is 0, 0, a code for the type (8: uint8), the number of axes, and each size in four bytes.
    """
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source} must be a whole gzip file, but cannot be unpacked: {error}") from error
    if not content.startswith(header):
        raise ValueError(
            f"{source} must be uint8 of shape {shape} and so start with {header.hex(' ')}, "
            f"but starts with {content[: len(header)].hex(' ') or 'nothing'}"
        )
    size = len(content) - len(header)
    if size != math.prod(shape):
        raise ValueError(f"{source} must hold {math.prod(shape):,} bytes after its header, but holds {size:,}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _scale(pixels: np.ndarray) -> np.ndarray:
    """(N, 28, 28) uint8 -> (N, 1, 28, 28) float32 in [0, 1]."""
    x = pixels[:, None].astype(np.float32)
    x /= 255
    return x


def portrait() -> np.ndarray:
    """Returns a photograph (80, 80), float64 from 0 to 1: a piece of the official portrait of Grace Hopper, 1984.

    Source: U.S. Navy, in the public domain, by way of Matplotlib's sample data; see assets/README.md.
    """
    with archive.reading(PORTRAIT, "the bundled photograph") as arrays:
        pixels: np.ndarray = arrays["portrait"] / 255
        return pixels


def _enlarge(images: np.ndarray) -> np.ndarray:
    """(N, 8, 8) of 0 to 16 -> (N, 1, 28, 28) float32 in [0, 1], as MNIST would show them.

    As there, the digit fills a box of 20 x 20 in the middle, and its strokes are white with narrow edges.
    """
    from PIL import Image  # here, because few lessons need it

    framed = np.pad(images / np.float32(16), ((0, 0), (2, 2), (2, 2)))  # 12 x 12, to become 30 x 30
    large = [Image.fromarray(image).resize((30, 30), Image.Resampling.BICUBIC) for image in framed]
    smooth = np.stack([np.asarray(image)[1:-1, 1:-1] for image in large])
    # Below a quarter is paper, above 0.85 is ink: this brings mean and spread close to MNIST's.
    return np.clip((smooth[:, None] - 0.25) / 0.6, 0, 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("FOLDER is missing: python -m course_lib.data FOLDER")
    share(Path(sys.argv[1]).expanduser().absolute())
    print(f"MNIST is in {sys.argv[1]}. Name that folder in COURSE_DATA_DIR, for all learners.")
