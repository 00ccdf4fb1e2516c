"""Makes digits.npz from scikit-learn's copy of the UCI digits. Needs `pip install scikit-learn`.

The split is fixed here once, 30 digits of each class for testing, and stored in a shuffled order.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST_PER_CLASS = 30


def split():
    """Returns the four arrays by name: x (N, 8, 8) uint8 of 0 to 16, y (N,) uint8."""
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        test[rng.choice(np.flatnonzero(labels == digit), TEST_PER_CLASS, replace=False)] = True
    order = rng.permutation(len(labels))  # so that the first few show every class and many hands
    x, y, test = images.reshape(-1, 8, 8).astype(np.uint8)[order], labels.astype(np.uint8)[order], test[order]
    return {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("digits.npz"), **split())
