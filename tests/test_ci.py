"""The scripts in .ci, the workflows that call them, the forms, and what the course says of itself."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from course_lib._support.places import ROOT

CI = ROOT / ".ci"
PARTS = re.search(r"^for part in (.+); do$", (CI / "run").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs():
    return [(path.stem, name, job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def steps(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_every_script_is_a_part_of_run_and_run_has_no_part_that_is_not_there():
    scripts = {path.name for path in CI.iterdir() if path.is_file() and not path.suffix}
    assert scripts == {*PARTS, "run", "common", "quick", "site"}
    assert PARTS[-1] == "tests", "the last line that is printed is pytest's"


@needs_bash
@pytest.mark.parametrize("name", [*PARTS, "run", "common", "quick", "site"])
def test_a_script_is_read_by_bash_without_an_error(name):
    subprocess.run(["bash", "-n", CI / name], check=True)


@pytest.mark.parametrize("workflow, name, job", jobs(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_workflow_does_nothing_but_run_scripts_that_exist(workflow, name, job):
    called = steps(job)
    assert called and all(re.fullmatch(r"\.ci/\w+", step) and (ROOT / step).is_file() for step in called)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    assert job["timeout-minutes"] <= 90


def test_the_workflows_run_every_part():
    """But `python`, in whose place the quick subset runs on every Python."""
    called = {step.removeprefix(".ci/") for _, _, job in jobs() for step in steps(job)}
    assert called == {*PARTS, "quick", "site"} - {"python"}


def test_the_workflows_test_three_systems_and_every_python_from_the_first_that_is_allowed():
    matrix = read(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["quick"]["strategy"]["matrix"]
    assert {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos", "windows"}
    minors = [int(version.removeprefix("3.")) for version in matrix["python"]]
    assert minors == list(range(minors[0], minors[-1] + 1)) and len(minors) >= 4
    assert project()["requires-python"] == f">=3.{minors[0]}"


@needs_bash
def test_run_goes_on_after_a_part_that_failed_and_fails_at_the_end(tmp_path):
    assert _run_with(tmp_path, "true").returncode == 0
    done = _run_with(tmp_path, "false")
    assert done.returncode and done.stdout.split() == ["+", ".ci/one", "+", ".ci/two", "two"]
    assert ".ci/one FAILED" in done.stderr and done.stderr.endswith("FAILED in: one\n")


def _run_with(folder, one):
    """.ci/run with two parts, of which the first is this command."""
    (folder / ".ci").mkdir(exist_ok=True)
    text = re.sub("for part in .+; do", "for part in one two; do", (CI / "run").read_text(encoding="utf-8"))
    for name, content in {"run": text, "one": f"#!/bin/sh\n{one}\n", "two": "#!/bin/sh\necho two\n"}.items():
        (folder / ".ci" / name).write_text(content, encoding="utf-8")
        (folder / ".ci" / name).chmod(0o755)
    return subprocess.run(["bash", folder / ".ci" / "run"], capture_output=True, encoding="utf-8")


@needs_bash
@pytest.mark.parametrize("system", ["Linux", "Windows_NT"])
def test_the_tests_are_run_by_the_command_of_the_readme_for_that_system(system):
    script = f'OS={system} source "{(CI / "common").as_posix()}"; echo "$test_command"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8", check=True)
    (linux,) = re.findall(r"^python3 -m venv .*pytest$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    windows = linux.replace("python3", "python").replace(".venv/bin/", ".venv/Scripts/")
    assert done.stdout.strip() == (windows if system == "Windows_NT" else linux)


@pytest.mark.parametrize("path", [path for path in FORMS if path.stem != "config"], ids=lambda path: path.stem)
def test_a_form_asks_for_something_by_name(path):
    form = read(path)
    assert form["name"] and form["description"] and form["labels"]
    assert len({part["id"] for part in form["body"]}) == len(form["body"])
    assert all(
        part["type"] in ("input", "textarea", "dropdown") and part["attributes"]["label"] for part in form["body"]
    )
    assert any(part.get("validations", {}).get("required") for part in form["body"])


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_package_citation_and_changelog_name_the_same_version_and_licence():
    citation = read(ROOT / "CITATION.cff")
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert project()["version"] == str(citation["version"]) == newest
    assert project()["license"].split(" AND ") == citation["license"]


def test_whoever_is_cited_as_a_source_is_named_in_the_readme_or_a_lesson():
    pages = [ROOT / "README.md", *ROOT.glob("notebooks/source/*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    references = read(ROOT / "CITATION.cff")["references"]
    first = [reference["authors"][0] for reference in references]
    names = [author.get("family-names") or author["name"].split()[-1] for author in first]
    assert len(names) >= 10 and [name for name in names if name not in text] == []
