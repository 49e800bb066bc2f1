"""Products, convolutions and pools on the simulator of cards, held against what they give op by op.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

from ctypes import CFUNCTYPE, POINTER, c_byte, c_double, c_float, c_int, cast
from types import SimpleNamespace

import numpy as np
import pytest
from grid_products import PRODUCTS
from grids import PROGRAMS, eager, planned, simulated
from test_compiled_table import same

import nbtape as tf
from nbtape.compile.card import blas
from nbtape.compile.card.actions import Gemm, Launch
from nbtape.compile.card.simulator import Card

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    f, *values = PRODUCTS[name]
    for wanted, found in zip(eager(f, values), simulated(f, values, lanes=4, most=2), strict=True):
        same(wanted, found, name, rounding=100)


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_card_does_all_of_them(name):
    f, *values = PRODUCTS[name]
    assert {type(action) for action in planned(f, values).actions} == {Launch}


def _multiply(*given):
    """What cuBLAS says that this function does, by NumPy."""
    handle, turn_a, turn_b, m, n, k, alpha, *operands, count, how, _ = given
    a, b, beta, y = operands[:4], operands[4:8], operands[8], operands[9:]
    number = c_double if how == 70 else c_float
    assert cast(alpha, POINTER(number))[0] == 1 and cast(beta, POINTER(number))[0] == 0
    left = _columns(a, count, *((k, m) if turn_a else (m, k)))
    right = _columns(b, count, *((n, k) if turn_b else (k, n)))
    result = _columns(y, count, m, n)
    result[:] = (left.mT if turn_a else left) @ (right.mT if turn_b else right)
    asked.append(how)
    return 0 if handle == 11 else 1


def _columns(place, count, m, n):
    """Matrices that lie column by column."""
    address, kind, lead, step = place
    dtype = {0: np.dtype(np.float32), 1: np.dtype(np.float64)}[kind]
    size = ((count - 1) * step + (n - 1) * lead + m) * dtype.itemsize
    flat = np.frombuffer(cast(address, POINTER(c_byte * size))[0], dtype)
    strides = [dtype.itemsize * each for each in (step, 1, lead)]
    return np.lib.stride_tricks.as_strided(flat, (count, m, n), strides)


asked: list[int] = []  # what cuBLAS was to compute with
told: list[tuple] = []  # what it was told of its handle


def _create(handle):
    handle[0] = 11
    return 0


def _tell(*given):
    told.append(given)
    return 0


FUNCTIONS = {
    "cublasCreate_v2": _create,
    "cublasSetStream_v2": _tell,
    "cublasSetMathMode": _tell,
    "cublasGemmStridedBatchedEx": _multiply,
}


@pytest.fixture
def library(monkeypatch):
    """cuBLAS, for all products."""
    functions = {name: CFUNCTYPE(c_int, *blas._SIGNATURES[name])(f) for name, f in FUNCTIONS.items()}
    found = blas.typed(SimpleNamespace(**functions))
    monkeypatch.setattr(blas, "_blas", lambda: found)
    monkeypatch.setattr(Card, "stream", 22, raising=False)  # of which the simulator needs none
    monkeypatch.setattr(blas, "_LARGE", 0)
    blas._handle.cache_clear()
    asked.clear()
    told.clear()
    yield
    blas._handle.cache_clear()


LYING = (
    "long sums, many rows, doubles, both transposed, products, products of many, products with one"
).split(", ")


@pytest.mark.parametrize("name", LYING)
def test_cublas_is_told_how_matrices_lie(library, name):
    f, *values = (PRODUCTS | PROGRAMS)[name]
    assert {type(action) for action in planned(f, values).actions} == {Gemm}
    for wanted, found in zip(eager(f, values), simulated(f, values), strict=True):
        same(wanted, found, name, rounding=100)


def test_only_who_asks_for_it_gets_factors_rounded(library):
    values = [np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)]
    simulated(tf.matmul, values)
    tf.config.experimental.enable_tensor_float_32_execution(True)
    try:
        simulated(tf.matmul, values)
        simulated(tf.matmul, [x.astype(np.float64) for x in values])
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(False)
    exact, rounded, double = 68, 77, 70
    assert asked == [exact, rounded, double]


def test_cublas_works_on_the_cards_stream_and_sums_halves_in_float32(library):
    for _ in range(2):
        simulated(tf.matmul, [np.ones((2, 2), np.float32)] * 2)
    assert told == [(11, 22), (11, 16)]


def test_an_error_of_cublas_is_told(library):
    with pytest.raises(tf.errors.InternalError, match="error 7"):
        blas._checked(7, SimpleNamespace(__name__="cublasCreate_v2"), ())
