"""One seed for all random numbers of a program."""

import random

import numpy as np

from nbtape.ops.sampler import set_seed


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and nbtape's own, so that a program runs as it did.

    For what only nbtape draws, in functions or out of them, `tf.random.set_seed` is enough.

    >>> tf.keras.utils.set_random_seed(3); a = np.random.rand(), tf.random.uniform([])
    >>> tf.keras.utils.set_random_seed(3); b = np.random.rand(), tf.random.uniform([])
    >>> a[0] == b[0], bool(a[1] == b[1])
    (True, True)
    """
    if not isinstance(seed, int):
        raise ValueError(
            f"Expected `seed` argument to be an integer. Received: seed={seed} (of type {type(seed)})"
        )
    random.seed(seed)
    np.random.seed(seed)
    set_seed(seed)
