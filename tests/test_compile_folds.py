"""Reductions in compiled functions that threads share."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.crew import THREADS

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.mark.parametrize("fold", [np.sum, np.max], ids=["sum", "max"])
@pytest.mark.parametrize("shape, axis", [((64, 16, 1024), 1), ((16, 64, 16, 64), (1, 2)), ((4, 9000, 32), 1)])
def test_axes_in_the_middle_are_folded_in_parts(fold, shape, axis):
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)
    f = tf.function(lambda x: getattr(tf, f"reduce_{fold.__name__}")(x * 2.0, axis))
    for _ in range(3):
        np.testing.assert_array_equal(f(x).numpy(), fold(x * 2, axis))
    assert THREADS == 1 or int(str(f.plan).splitlines()[1].split()[-1]) > 1
