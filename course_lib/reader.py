"""A small network that reads handwritten digits: what lesson 00 shows before anything is explained."""

from pathlib import Path

import numpy as np

from course_lib import training
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

WEIGHTS = Path(__file__).resolve().parents[1] / "assets" / "reader.npz"


def untrained() -> Sequential:
    """The network of lesson 07, (N, 1, 28, 28) -> logits (N, 10), with the start that its training had."""
    rng = np.random.default_rng(0)
    return Sequential(
        Conv2d(1, 8, 3, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Conv2d(8, 16, 3, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 10, rng=rng),
    ).astype(np.float32)


def trained() -> Sequential:
    """The same network after its training on MNIST (`assets/make_reader.py`), in evaluation mode."""
    network = untrained()
    training.load_weights(network, WEIGHTS)
    return network.eval()
