import sys
import tomllib
from importlib import metadata

import pytest

from course_lib import data, environment
from course_lib._support.places import ROOT
from course_lib.exercises.engine import guard


def lines(report):
    return {name: (found, good) for name, found, good in report.rows}


@pytest.fixture
def asked_for(monkeypatch, tmp_path):
    """A function that puts other lines in the place of requirements.txt."""
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    return environment.REQUIREMENTS.write_text


def test_here_everything_is_ready():
    report = environment.report()
    assert report and str(report).endswith("All is ready.")
    assert {"Python", "numpy", "jupyterlab", "anywidget", "MNIST"} < set(lines(report))


@pytest.mark.parametrize(
    ("version", "line", "good"),
    [
        ("0.9.12", "anywidget>=0.9.13", False), ("0.9.13", "anywidget>=0.9.13", True),
        ("0.10.0", "anywidget>=0.9.13", True), ("1.0rc1", "anywidget>=0.9.13", True),
        ("4.2", "anywidget>=4.2.0", True), ("4.2.0", "anywidget>=4.2", True), ("4.2.0+here", "anywidget>=4.2.0", True),
        ("4.1.9", "anywidget>=4.2", False), ("1.26.0", "anywidget>=1.26,<3", True), ("2.9", "anywidget<3,>=1.26", True),
        ("3.0", "anywidget >= 1.26, < 3  # as it is today", False), ("1.25.9", "anywidget>=1.26,<3", False),
        ("1.27.1", "anywidget>=1.26,!=1.27.*", False), ("7", "anywidget", True), ("7", "anywidget[dev]>=6", True),
    ],
)  # fmt: skip
def test_versions_are_compared_as_pip_compares_them(monkeypatch, asked_for, version, line, good):
    asked_for(f"# a comment\n\n{line}\n-e .\n")
    monkeypatch.setattr(metadata, "version", lambda name: version)
    report = environment.report()
    assert lines(report)["anywidget"][1] is good
    assert bool(report) is good


def test_a_line_for_another_system_is_skipped(asked_for):
    asked_for("no-such-package; sys_platform == 'plan9'\nnumpy; python_version >= '3'")
    assert set(lines(environment.report())) == {"Python", "numpy", "MNIST"}


def test_a_missing_package_is_named_with_what_to_do(asked_for):
    asked_for("no-such-package>=1.0,<2")
    report = environment.report()
    assert not report
    assert "NO  no-such-package  missing, >=1.0,<2 is needed" in str(report)
    assert "first command of the README" in str(report)


def test_it_tells_whether_mnist_is_at_hand_without_fetching_it(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "none"))
    assert "not here yet" in lines(environment.report())["MNIST"][0]
    for name in data.FILES:
        assert "not here yet" in lines(environment.report())["MNIST"][0]
        (tmp_path / name).write_bytes(b"")
    assert lines(environment.report())["MNIST"] == ("at hand", True)


@pytest.mark.parametrize(("without", "says"), [("/proc", True), ("resource", True), ("nothing", False)])
def test_a_system_without_a_limit_on_memory_says_so(monkeypatch, without, says):
    if without == "/proc":  # as on macOS
        monkeypatch.setattr(
            "builtins.open", lambda *a, real=open, **b: real(*(("/none",) if "statm" in str(a) else a), **b)
        )
    elif without == "resource":  # as on Windows
        monkeypatch.setitem(sys.modules, "resource", None)
    report = environment.report()
    assert ("no limit" in lines(report).get("memory", [""])[0]) is says and report
    with guard.supervised() as seen:
        reached = True
    assert reached and seen.stopped is None


def test_binder_installs_the_course_where_it_stands():
    """repo2docker runs `pip install .` after requirements.txt where both of these sections are there."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "project" in settings and "build-system" not in settings
    assert environment.REQUIREMENTS.read_text(encoding="utf-8").splitlines()[-1] == "-e ."
    assert not [name for name in ("setup.py", "Dockerfile", "environment.yml", "binder") if (ROOT / name).exists()]
