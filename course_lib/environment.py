"""Is everything here that the lessons need? Looks at this machine only; nothing is fetched."""

import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from course_lib import data

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
STUDY = ("numpy", "matplotlib", "jupyterlab", "ipywidgets", "anywidget", "pooch", "tqdm")


class Report:
    """rows: (what, what was found, whether that will do). Prints as a table."""

    def __init__(self, rows):
        self.rows = rows

    def __bool__(self):
        return all(good for *_, good in self.rows)

    def __repr__(self):
        width = max(len(name) for name, *_ in self.rows)
        lines = [f"{'ok ' if good else 'NO '} {name:<{width}}  {found}" for name, found, good in self.rows]
        return "\n".join([*lines, "", "All is ready." if self else "Run the first command of the README again."])


def report():
    """Python, packages and data on this machine -> a Report."""
    rows = [("Python", platform.python_version(), sys.version_info >= (3, 11))]
    rows += [_package(name, least) for name, least in _least_versions().items()]
    return Report([*rows, ("MNIST", _mnist(), True)])


def _least_versions():
    """package -> the lowest version that requirements.txt allows, for what studying needs."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split(">=") for line in lines if ">=" in line)
    return {name: pinned[name].strip() for name in STUDY}


def _package(name, least):
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return name, f"missing, {least} or newer is needed", False
    if _parts(found) < _parts(least):
        return name, f"{found} is too old, {least} or newer is needed", False
    return name, found, True


def _parts(version):
    """ "4.2" -> [4, 2, 0]: three numbers, which can be compared."""
    numbers = [int(digits) for digits in re.findall(r"\d+", version)[:3]]
    return numbers + [0] * (3 - len(numbers))


def _mnist():
    if data.mnist_at_hand():
        return "at hand"
    return "not here yet: lesson 08 fetches it (12 MB), or uses the bundled digits"
