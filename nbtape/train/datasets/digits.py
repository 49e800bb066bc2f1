"""Handwritten digits that come with scikit-learn: the data set that needs no download."""

import numpy as np

from nbtape.core.kernel import late
from nbtape.train.datasets.images import Split

_load = late("sklearn.datasets:load_digits")
_TEST = 360  # of 1,797


def load_digits() -> tuple[Split, Split]:
    """1,437 pictures of 8x8 bytes from 0 to 16, with their classes, for training, and 360 for tests.

    They come in an order drawn once and for all, so that the writers of the ones wrote the others as well.
    Raises ModuleNotFoundError where scikit-learn, which carries them, is not installed.
    """
    try:
        bunch = _load()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The digits come with scikit-learn, which is not installed: pip install scikit-learn",
            name=error.name,
        ) from None
    order = np.random.RandomState(0).permutation(len(bunch.target))
    x, y = bunch.images.astype(np.uint8)[order], bunch.target.astype(np.uint8)[order]
    return (x[:-_TEST], y[:-_TEST]), (x[-_TEST:], y[-_TEST:])
