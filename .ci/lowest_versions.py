"""Prints the packages of requirements files at the lowest versions allowed: python lowest_versions.py FILE ..."""

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


def lowest(line):
    """Returns a line of a requirements file with its lower bound as the only version.

    "numpy>=1.26,<3" becomes "numpy==1.26".
    """
    requirement = Requirement(line)
    bounds = [part.version for part in requirement.specifier if part.operator == ">="]
    if len(bounds) != 1:
        sys.exit(f"{line!r} must have one lower bound (>=), but has {len(bounds)}")
    requirement.specifier = SpecifierSet(f"=={bounds[0]}")
    return str(requirement)


for path in sys.argv[1:]:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        content = line.partition("#")[0].strip()
        if content and not content.startswith("-"):  # -r and -e are options of pip
            print(lowest(content))
