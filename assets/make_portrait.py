"""Makes portrait.npz: a small grey piece of Matplotlib's sample portrait."""

from pathlib import Path

import numpy as np
from matplotlib import cbook
from PIL import Image

CROP, SIDE = (96, 16, 416, 336), 80  # left, top, right, bottom; and pixels in the end


def portrait():
    """Returns the piece (80, 80), uint8."""
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as picture:
        return np.asarray(picture.convert("L").crop(CROP).resize((SIDE, SIDE), Image.Resampling.BOX))


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("portrait.npz"), portrait=portrait())
