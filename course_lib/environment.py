"""Does this machine have everything that the lessons need? Nothing is downloaded."""

import platform
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from course_lib import data
from course_lib._support import memory

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
NO_LIMIT = (
    "this system sets no limit for a check: an answer that asks for all of it may end the kernel. "
    "What you solved before is kept."
)


class Report:
    """rows: (what, what was found, whether that will do). Prints as a table, and is true if every row will do."""

    def __init__(self, rows: list[tuple[str, str, bool]]):
        self.rows = rows

    def __bool__(self) -> bool:
        return all(good for *_, good in self.rows)

    def __repr__(self) -> str:
        width = max(len(name) for name, *_ in self.rows)
        lines = [f"{'ok ' if good else 'NO '} {name:<{width}}  {found}" for name, found, good in self.rows]
        return "\n".join([*lines, "", "All is ready." if self else "Run the first command of the README again."])


def report() -> Report:
    """Returns what this machine has of Python, packages and data, and whether it will do."""
    rows = [("Python", platform.python_version(), sys.version_info >= (3, 11))]
    rows += [_package(requirement) for requirement in requirements(REQUIREMENTS.read_text(encoding="utf-8"))]
    rows.append(("MNIST", _mnist(), True))
    if not memory.is_limited():
        rows.append(("memory", NO_LIMIT, True))
    return Report(rows)


def requirements(text: str) -> list[Requirement]:
    """Returns the packages that a requirements file asks for on this system; pip's own options (-r, -e) are skipped."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [requirement for requirement in found if requirement.marker is None or requirement.marker.evaluate()]


def _package(requirement: Requirement) -> tuple[str, str, bool]:
    name = requirement.name
    needed = f"{','.join(sorted(map(str, requirement.specifier), reverse=True))} is needed"  # the lower bound first
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return name, f"missing, {needed}", False
    if not requirement.specifier.contains(found, prereleases=True):
        return name, f"{found}, but {needed}", False
    return name, found, True


def _mnist() -> str:
    if data.mnist_at_hand():
        return "at hand"
    if sys.platform == "emscripten":
        return f"not here: put its four files into the folder {data.own_folder()}, or the bundled digits are used"
    return "not here yet: lesson 12 downloads it (12 MB), or uses the bundled digits"
