import itertools
import os
import shutil
import sys
from collections import Counter

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy is imported: the workers share the cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from places import mnist_folder

# The same examples on every machine and no time limit on one: what fails here fails everywhere.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=200)
settings.register_profile("quick", settings.get_profile("course"), max_examples=40)

LONG = ("test_notebooks.py", "test_lessons_in_jupyterlab.py")


_numbers = itertools.count()


def pytest_configure(config):
    """The quick subset also draws fewer examples."""
    settings.load_profile("quick" if config.option.markexpr == "not slow" else "course")


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(items):
    """Long tests come first: what another worker can take over at the end should be short.

    Of the cases of a test that is marked sampled(n), all but every nth are slow, or what `rest` says.
    """
    items.sort(key=lambda item: item.path.name not in LONG)
    cases = Counter()
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled:
            test = item.nodeid.partition("[")[0]
            if cases[test] % sampled.args[0]:
                item.add_marker(sampled.kwargs.get("rest", "slow"))
            cases[test] += 1
        if any(item.get_closest_marker(longer) for longer in ("course", "long")):
            item.add_marker("slow")  # so that -m "not slow" leaves them out as well


@pytest.fixture(autouse=True)
def own_work(tmp_path_factory, monkeypatch):
    """Every test has a learner's folder of its own, with its progress; it is made when something is put there."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path_factory.getbasetemp() / f"work-{next(_numbers)}"))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    if checking := sys.modules.get("course_lib.exercises.checking"):
        monkeypatch.setattr(checking, "_last", {})  # and a session: what another test tried is not remembered


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# Run by every kernel at its start. Other packages may warn about themselves; what they show fails the tests as well.
OUR_WARNINGS_ARE_ERRORS = """
__import__("warnings").filterwarnings("error", module=r"(course_lib\\b|__main__$)")
"""


@pytest.fixture(scope="session")
def lesson_environment(tmp_path_factory):
    """The environment for kernels of lessons: short training, data if there is any, own progress and settings."""
    startup = tmp_path_factory.mktemp("ipython") / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "warnings.py").write_text(OUR_WARNINGS_ARE_ERRORS, encoding="utf-8")
    settings = {
        "COURSE_QUICK": "1",
        "COURSE_WORK": str(tmp_path_factory.mktemp("work")),
        "IPYTHONDIR": str(startup.parents[1]),
    }
    if mnist_folder():
        settings["COURSE_DATA_DIR"] = str(mnist_folder())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield settings


@pytest.fixture(scope="session")
def built(lesson_environment, tmp_path_factory):
    """A folder of notebooks as they are shipped: copies, never the ones that a learner writes into.

    A notebook that holds a learner's work, or lags behind its source, is built anew.
    """
    from course_lib.publish import build

    folder = tmp_path_factory.mktemp("built")
    for lesson in build.notebooks():
        shipped = build.NOTEBOOKS / f"{lesson}.ipynb"
        if shipped.exists() and not build.was_changed(shipped) and build.is_current(shipped):
            shutil.copy(shipped, folder)
        else:
            build.build(lesson, folder)
    return folder
