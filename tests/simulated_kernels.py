"""Kernels that are written by hand, on the simulator of cards, held against what their rows give.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import pytest
from grid_kernels import KERNELS
from grids import eager, simulated
from test_compiled_table import same

import nbtape as tf

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::nbtape.core.memory.HostWarning")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name):
    f, *values = KERNELS[name]
    tf.random.set_seed(1)
    expected = eager(f, values)
    tf.random.set_seed(1)
    for wanted, found in zip(expected, simulated(f, values, lanes=2, most=2), strict=True):
        same(wanted, found, name, rounding=100)
