"""What PyTorch computes, stored: the tests compare with it where PyTorch is not installed."""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SETTINGS = {"kernel_size", "stride", "padding", "dilation", "output_padding"}


def cases(operation):
    """The cases of one operation: label -> name -> array, settings such as stride as pairs of ints."""
    found = {}
    with np.load(FOLDER / f"{operation}.npz") as stored:
        for key in stored.files:
            label, name = key.split("/")
            value = stored[key]
            found.setdefault(label, {})[name] = tuple(value.tolist()) if name in SETTINGS else value
    return found
