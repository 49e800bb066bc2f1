"""Floats of 16 bits on the simulator of cards: kept in memory, computed with as float32.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import numpy as np
import pytest
from grid_products import PRODUCTS
from grids import PROGRAMS, eager, narrow, planned, simulated
from test_compiled_table import same

import nbtape as tf
from nbtape.compile.card.actions import Launch
from nbtape.kernels.narrow import brain, half

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
DTYPES = {"float16": (tf.float16, half), "bfloat16": (tf.bfloat16, brain)}
NAMES = (
    "pointwise, number, softmax, cross-entropy, views, join, gather, columns folded, folded every way, maxima"
    ", means, products of many, windows of one place, each channel, bias and relu"
).split(", ")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_programs(name, dtype):
    f, *values = (PROGRAMS | PRODUCTS)[name]
    values = narrow(values, DTYPES[dtype][0].as_numpy_dtype)
    assert {type(action) for action in planned(f, values).actions} == {Launch}
    for wanted, found in zip(eager(f, values), simulated(f, values), strict=True):
        same(wanted, found, name, rounding=4)


def test_a_sum_of_many_is_kept_in_float32():
    values = [np.full(5000, 0.1, np.float16)]
    (found,) = simulated(lambda x: tf.reduce_sum(x), values)
    assert found == np.float16(values[0].astype(np.float32).sum())


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernels_round_as_numpy_does(dtype):
    tensor_dtype, rounded = DTYPES[dtype]
    x = np.random.default_rng(0).integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
    x = np.append(x, np.array([0, -0.0, np.inf, -np.inf, np.nan, 65519, 65520, 3.39e38], np.float32))
    wanted = x.astype(tensor_dtype.as_numpy_dtype).astype(np.float32)
    assert np.array_equal(rounded(x), wanted, equal_nan=True)
