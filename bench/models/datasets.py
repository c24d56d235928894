"""The data sets behind the models, split the same way everywhere.

All three come with scikit-learn, so nothing is fetched. "Digits" are scikit-learn's 1,797 digits
of 8x8 pixels (test set of the UCI optical recognition data); larger images are these, upsampled.
Rows of the training part calibrate, rows of the test part are goldens: the two never meet.
"""

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

SEED = 0
TEST_PART = 0.3


def upsample(images, size):
    """Bilinear, pixel centres half a pixel inside (torch's `align_corners=False`)."""
    weights = np.zeros((size, images.shape[-1]))
    for row in range(size):
        at = max((row + 0.5) * images.shape[-1] / size - 0.5, 0.0)
        low = int(at)
        high = min(low + 1, images.shape[-1] - 1)
        weights[row, low] += 1 - (at - low)
        weights[row, high] += at - low
    return np.einsum("ia,nab,jb->nij", weights, images, weights)


class Split:
    """Training and test rows of a data set: `x`, `y`, `x_test`, `y_test`, float32 features."""

    def __init__(self, x, y, stratify=True):
        x = np.asarray(x, dtype=np.float32)
        train, test = train_test_split(
            np.arange(len(x)), test_size=TEST_PART, random_state=SEED, stratify=y if stratify else None
        )
        self.x, self.y = x[train], y[train]
        self.x_test, self.y_test = x[test], y[test]


def digits(size=8):
    """Pixels in [0, 1], flattened row by row; ten classes."""
    data = datasets.load_digits()
    images = data.images / 16
    if size != 8:
        images = upsample(images, size)
    return Split(images.reshape(len(images), -1), data.target)


def breast_cancer():
    """30 raw features; class 1 is benign."""
    return Split(*datasets.load_breast_cancer(return_X_y=True))


def iris():
    """4 raw features; three classes."""
    return Split(*datasets.load_iris(return_X_y=True))


def wine():
    """13 raw features; three classes."""
    return Split(*datasets.load_wine(return_X_y=True))


def diabetes():
    """10 raw features; a measure of progression between 25 and 346."""
    return Split(*datasets.load_diabetes(return_X_y=True, scaled=False), stratify=False)
