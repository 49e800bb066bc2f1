import os

import numpy as np
import pytest
from hypothesis import settings

import nbtape as tf

# Kernels compile on their first call, so no example has a time limit. CI tries the same examples every time.
settings.register_profile("nbtape", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("nbtape")

# Worker processes inherit this. Where each has BLAS threads that spin on the cores of the other, both crawl.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def seeded():
    """Start every test from the same random state, whatever ran before it and in whichever process."""
    np.random.seed(0)
    tf.random.set_seed(0)
