"""Where tests find what is not part of the repository."""

import shutil
from pathlib import Path

from course_lib import data

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def mnist_folder():
    """The folder of the four original MNIST files, or None where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    folder = data.own_folder() or beside
    return folder if all((folder / name).is_file() for name in data.FILES) else None
