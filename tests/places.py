"""Where tests find what is not part of the repository."""

import os
import shutil
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def mnist_folder():
    """The folder of the four original MNIST files, or None where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("COURSE_DATA_DIR") or beside)
    return folder if (folder / "train-images-idx3-ubyte.gz").exists() else None
