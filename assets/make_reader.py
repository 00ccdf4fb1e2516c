"""Makes reader.npz: the weights of `course_lib.reader`, trained on MNIST with the library's own layers."""

import numpy as np

from course_lib import data, reader, training
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import Adam

EPOCHS = 4


def trained():
    """Returns the network after its training; the same weights on every run."""
    train, _ = data.mnist()
    network = reader.untrained()
    optimizer = Adam(network.parameters(), 2e-3)
    rng = np.random.default_rng(1)
    training.fit(
        network, CrossEntropyLoss(), optimizer, *train, epochs=EPOCHS, batch_size=64, rng=rng, progress=False
    )  # fmt: skip
    return network


if __name__ == "__main__":
    training.save_weights(trained(), reader.WEIGHTS)
