import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The same examples on every machine and no time limit on one: what fails here fails everywhere.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("course")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def mnist_folder():
    """The folder of the four original MNIST files, or None where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("COURSE_DATA_DIR") or beside)
    return folder if (folder / "train-images-idx3-ubyte.gz").exists() else None


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
    """The folder of freshly built notebooks: never the ones that a learner writes into."""
    from course_lib import build

    folder = tmp_path_factory.mktemp("notebooks")
    for lesson in build.lessons():
        build.build(lesson, folder)
    return folder
