import contextlib
import os
import time
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy is imported: the workers share the cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from places import mnist_folder

# The same examples on every machine and no time limit on one: what fails here fails everywhere.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("course")


WORKERS = 2


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Two tests at a time, unless the command says otherwise (-n 0: one after the other) or xdist is missing."""
    if not config.pluginmanager.hasplugin("xdist") or "PYTEST_XDIST_WORKER" in os.environ:
        return
    if config.option.numprocesses is None and not config.option.tx and not config.option.usepdb:
        config.option.numprocesses, config.option.dist = WORKERS, "loadgroup"


@pytest.hookimpl(tryfirst=True)  # xdist looks for the marks next
def pytest_collection_modifyitems(items):
    """What shares costly things stays on one worker: a file of tests, or all that need the browser.

    The tests of notebooks do not: lessons are built once for all workers (see `built`). Where xdist does not see the
    marks (3.8 beside pytest 9.2), both workers make what they need: that costs time, and nothing else.
    """
    for item in items:
        file = item.path.relative_to(Path(__file__).parent)
        if file.name != "test_notebooks.py":
            item.add_marker(pytest.mark.xdist_group(file.parts[0] if file.parts[0] == "browser" else str(file)))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def lesson_environment(tmp_path_factory):
    """What kernels of lessons run in: short training, data at hand if there is any, progress of their own."""
    settings = {"COURSE_QUICK": "1", "COURSE_PROGRESS": str(tmp_path_factory.mktemp("progress") / "progress.json")}
    if mnist_folder():
        settings["COURSE_DATA_DIR"] = str(mnist_folder())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield settings


@pytest.fixture(scope="session")
def built(lesson_environment, tmp_path_factory):
    """The folder of freshly built notebooks: never the ones that a learner writes into.

    Workers of xdist share it: each takes the next lesson that nobody has taken, and waits for those of the other.
    """
    from course_lib import build

    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tmp_path_factory.getbasetemp().parent / "built"
        folder.mkdir(exist_ok=True)
    else:
        folder = tmp_path_factory.mktemp("built")
    for lesson in build.lessons():
        with contextlib.suppress(FileExistsError):
            (folder / f".{lesson}.taken").touch(exist_ok=False)
            try:
                build.build(lesson, folder)
            except BaseException as error:
                (folder / f".{lesson}.failed").write_text(f"{type(error).__name__}: {error}")
                raise
    for lesson in build.lessons():
        _wait_until_built(folder, lesson)
    return folder


def _wait_until_built(folder, lesson, seconds=1200):
    end = time.monotonic() + seconds
    while not (folder / f"{lesson}.ipynb").exists():
        failed = folder / f".{lesson}.failed"
        if failed.exists():
            pytest.fail(f"{lesson} could not be built: {failed.read_text()}", pytrace=False)
        if time.monotonic() > end:
            pytest.fail(f"{lesson} was not built within {seconds} s", pytrace=False)
        time.sleep(0.2)
