import tomllib
from importlib import metadata

import pytest

from course_lib import data, environment
from course_lib.publish.build import ROOT


def lines(report):
    return {name: (found, good) for name, found, good in report.rows}


def test_here_everything_is_ready():
    report = environment.report()
    assert report and str(report).endswith("All is ready.")
    assert set(environment.STUDY) < set(lines(report))


@pytest.mark.parametrize(
    ("version", "least", "good"),
    [
        ("0.9.12", "0.9.13", False), ("0.9.13", "0.9.13", True), ("0.10.0", "0.9.13", True), ("1.0rc1", "0.9.13", True),
        ("4.2", "4.2.0", True), ("4.2.0", "4.2", True), ("4.2.0+here", "4.2.0", True), ("4.1.9", "4.2", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_numbers(monkeypatch, version, least, good):
    monkeypatch.setattr(environment, "_least_versions", lambda: {"anywidget": least})
    monkeypatch.setattr(metadata, "version", lambda name: version)
    report = environment.report()
    assert lines(report)["anywidget"][1] is good
    assert bool(report) is good


def test_a_missing_package_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr(environment, "_least_versions", lambda: {"no-such-package": "1.0"})
    report = environment.report()
    assert not report
    assert "NO  no-such-package" in str(report) and "first command of the README" in str(report)


def test_it_tells_whether_mnist_is_at_hand_without_fetching_it(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "none"))
    assert "not here yet" in lines(environment.report())["MNIST"][0]
    for name in data.FILES:
        assert "not here yet" in lines(environment.report())["MNIST"][0]
        (tmp_path / name).write_bytes(b"")
    assert lines(environment.report())["MNIST"] == ("at hand", True)


def test_binder_installs_the_course_where_it_stands():
    """repo2docker runs `pip install .` after requirements.txt where both of these sections are there."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "project" in settings and "build-system" not in settings
    assert environment.REQUIREMENTS.read_text().splitlines()[-1] == "-e ."
    assert not [name for name in ("setup.py", "Dockerfile", "environment.yml", "binder") if (ROOT / name).exists()]
