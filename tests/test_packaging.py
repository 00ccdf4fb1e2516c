"""What the course needs is declared, and where: what a learner installs, what a developer installs, and the lock."""

import ast
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata

import jupytext
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_lib import environment
from course_lib._support.places import ROOT
from course_lib.publish.build import SOURCES

STUDY, FURTHER, DEV, LOCK = (
    ROOT / name
    for name in ("requirements.txt", "requirements-further.txt", "requirements-dev.txt", "requirements.lock")
)
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RUN_NOT_IMPORTED = {
    STUDY: {"jupyterlab"},  # by the README's first command
    DEV: {"mypy", "nbval", "pytest-xdist", "ruff", "setuptools"},  # by .ci, by pytest, and by `installed` below
}
BY_HAND = {"torch", "sklearn"}  # what CONTRIBUTING says to install for a comparison and for making the digits
IN_A_BROWSER = {"pyodide", "pyodide_js"}  # what Python is there, and nobody installs


def declared(*files):
    """The names of the packages that the files list, as PyPI spells them."""
    texts = [file.read_text(encoding="utf-8") for file in files]
    return {canonicalize_name(one.name) for text in texts for one in environment.requirements(text)}


def imported_by(source):
    """The top-level modules that a source imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


@cache
def distributions():
    return metadata.packages_distributions()


def packages(sources):
    """The packages, as PyPI spells them, that provide what the sources import beyond Python and this repository."""
    ours = {"course_lib", "reference", *(path.stem for path in ROOT.glob("tests/**/*.py"))}
    modules = {module for source in sources for module in imported_by(source)}
    third_party = modules - ours - BY_HAND - IN_A_BROWSER - sys.stdlib_module_names
    assert third_party <= distributions().keys(), "something is imported that is not installed here"
    return {canonicalize_name(distributions()[module][0]) for module in third_party}


def texts(*patterns, but="nothing"):
    return [path.read_text(encoding="utf-8") for p in patterns for path in ROOT.glob(p) if but not in path.parts]


def lesson_cells():
    for path in SOURCES.glob("*.md"):
        code = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
        yield "\n".join(line for line in "\n".join(code).splitlines() if not line.startswith("%"))


@pytest.mark.slow
def test_a_learner_gets_what_lessons_and_course_import_and_nothing_else():
    needed = packages([*texts("course_lib/**/*.py", but="publish"), *lesson_cells()])
    assert declared(STUDY) == needed - declared(FURTHER) | RUN_NOT_IMPORTED[STUDY]


@pytest.mark.slow
def test_what_is_optional_is_imported_in_one_file_and_only_when_it_is_used():
    optional = declared(FURTHER)
    using = [path for path in ROOT.glob("course_lib/**/*.py") if optional & {*imported_by(path.read_text("utf-8"))}]
    assert [path.name for path in using] == ["workers.py"]
    code = "import sys; from course_lib import exercises, workers; print({'dask', 'distributed'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.slow
def test_a_developer_gets_what_publishing_and_tests_import_and_nothing_else():
    needed = packages(texts("course_lib/publish/*.py", "tests/**/*.py", "assets/*.py", ".ci/*.py"))
    assert declared(DEV) == needed - declared(STUDY) | RUN_NOT_IMPORTED[DEV]
    assert {"-r requirements.txt", "-r requirements-further.txt"} <= {*DEV.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("file", [STUDY, FURTHER, DEV], ids=lambda path: path.stem)
def test_packages_are_listed_once_and_in_order(file):
    names = [one.name for one in environment.requirements(file.read_text(encoding="utf-8"))]
    assert names == sorted(set(names))


def test_what_is_installed_by_hand_is_in_contributing():
    section = CONTRIBUTING.split("## Dependencies")[1].split("\n## ")[0]
    assert "pip install torch" in section and "pip install scikit-learn" in section


@pytest.mark.parametrize("source", ["import yaml.nodes", "def f():\n    from yaml import load"])
def test_an_import_anywhere_in_a_file_is_seen(source):
    assert packages([source]) == {"pyyaml"}


@pytest.mark.parametrize(
    ("line", "lowest"),
    [
        ("numpy>=1.26", "numpy==1.26"),
        ("numpy>=1.26,<3", "numpy==1.26"),
        ("numpy <3, >= 1.26  # until 3 is tested", "numpy==1.26"),
        ("numpy[extra]>=1.26,!=1.27.0", "numpy[extra]==1.26"),
        ('pywin32>=300; sys_platform == "win32"', 'pywin32==300; sys_platform == "win32"'),
        ("# numpy>=1.25", ""),
        ("-e .", ""),
    ],
)
def test_the_lowest_version_of_a_line_is_its_lower_bound(tmp_path, line, lowest):
    assert _lowest(tmp_path, line).stdout.strip() == lowest


@pytest.mark.parametrize("line", ["numpy", "numpy<3", "numpy==2.1"])
def test_a_line_without_a_lower_bound_is_refused_and_not_left_out(tmp_path, line):
    refused = _lowest(tmp_path, line)
    assert refused.returncode and "must have one lower bound" in refused.stderr


def _lowest(folder, line):
    (folder / "asked.txt").write_text(f"{line}\n", encoding="utf-8")
    command = [sys.executable, ROOT / ".ci" / "lowest_versions.py", folder / "asked.txt"]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def locked():
    """Package -> its version in the lock, for this Python and this system."""
    found = [(one.name, str(one.specifier)) for one in environment.requirements(LOCK.read_text(encoding="utf-8"))]
    assert len(dict(found)) == len(found), "two versions of one package would be installed here"
    assert all(re.fullmatch(r"==[^,*]+", version) for _, version in found)
    return {canonicalize_name(name): version.removeprefix("==") for name, version in found}


def test_every_requirement_is_locked_to_a_version_that_it_allows():
    versions = locked()
    for file in (STUDY, FURTHER, DEV):
        for one in environment.requirements(file.read_text(encoding="utf-8")):
            assert one.specifier.contains(versions[canonicalize_name(one.name)]), one


def test_whatever_a_locked_package_needs_is_locked_too():
    """So pip, told to keep to the lock, has nothing left to choose. Seen of the packages that are here as locked."""
    versions = locked()
    for package in metadata.distributions():
        if versions.get(canonicalize_name(package.name)) != package.version:
            continue
        for needed in map(Requirement, package.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in versions, f"{package.name} needs {needed}"


def test_the_lock_names_versions_and_no_places():
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in text and not re.search(r"^-|@ ", text, re.MULTILINE)


def test_the_private_surfaces_that_the_course_relies_on_were_checked_with_the_locked_versions():
    section = CONTRIBUTING.split("## Private surfaces of other packages")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)`.*? \| \[.+?\]\((.+?)\) \| ([\w-]+) (\S+) \|", section, re.MULTILINE)
    assert len(rows) == section.count("\n| `") > 0
    for surface, path, name, version in rows:
        used = (ROOT / path).read_text(encoding="utf-8")
        assert all(word in used for word in re.findall(r"[\w-]{8,}", surface)), f"{path} no longer uses {surface}"
        assert version == locked()[name], f"look at {surface} with {name} {locked()[name]}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of the repository with its wheel unpacked into `wheel`; any warning of setuptools is an error."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "course_lib", copy / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    code = (
        "import warnings; from setuptools import build_meta; warnings.simplefilter('error'); "
        "build_meta.build_editable('editable'); print(build_meta.build_wheel('.'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    wheel = copy / done.stdout.splitlines()[-1]
    shutil.unpack_archive(wheel, copy / "wheel", "zip")
    return copy


def test_everything_in_course_lib_is_installed_with_it(installed):
    def files(folder):
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert files(installed / "wheel" / "course_lib") == files(installed / "course_lib")


def test_a_script_of_jupyterlab_in_the_environment_below_the_course_is_run_as_what_it_is():
    """Node asks the nearest package.json above a script. With a type there JupyterLab's Yarn failed, at length."""
    assert "type" not in json.loads((ROOT / "package.json").read_text(encoding="utf-8"))


def test_the_licence_is_installed_too_and_named_as_spdx_names_it(installed):
    (about,) = installed.glob("wheel/*.dist-info/METADATA")
    assert "\nLicense-Expression: MIT AND CC-BY-4.0\n" in about.read_text(encoding="utf-8")
    (licence,) = installed.glob("wheel/*.dist-info/licenses/LICENSE")
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()
