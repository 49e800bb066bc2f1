"""Products of matrices run on one BLAS thread, which is restored; the crew shares large ones."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.crew import Crew, crew, native
from nbtape.kernels.cpu.multiply import ROWS, WIDTH, multiply, parts
from nbtape.ops import blas


@pytest.fixture
def threads(monkeypatch):
    """A BLAS with four threads that remembers what it was set to."""
    told = [4]
    monkeypatch.setattr(blas, "_threads", (lambda: told[-1], told.append))
    return told


def test_a_small_product_runs_on_one_thread_and_restores_the_number(threads):
    assert tf.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist() == [[11.0]]
    assert threads == [4, 1, 4]


def test_the_number_is_restored_when_the_product_fails(threads):
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))
    assert threads[-1] == 4


SHAPES = [
    ((1700, 100), (100, 101)),
    ((101, 100), (100, 1700)),
    ((16, 1000), (1000, 1600)),
    ((1, 4000), (4000, 4001)),
    ((3, 1000, 70), (3, 70, 90)),
    ((2, 1, 500, 70), (3, 70, 300)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64"])
@pytest.mark.parametrize("a, b", SHAPES)
def test_a_large_product_is_shared_by_the_crew(threads, monkeypatch, a, b, dtype):
    ran = []
    monkeypatch.setattr(blas, "crew", lambda: ran.append(Crew(2)) or ran[-1])
    a, b = [np.arange(np.prod(shape)).reshape(shape) % 7 - 3 for shape in (a, b)]
    y = tf.matmul(tf.constant(a, dtype), tf.constant(b, dtype))
    assert threads == [4, 1, 4] and len(ran) == 1
    np.testing.assert_array_equal(y.numpy(), np.matmul(a, b))


def test_a_large_product_of_transposed_operands(threads):
    a, b = [np.arange(500 * 300).reshape(shape) % 7 - 3.0 for shape in ((300, 500), (500, 300))]
    y = tf.matmul(a, b, transpose_a=True, transpose_b=True)
    np.testing.assert_array_equal(y.numpy(), a.T @ b.T)


def test_a_large_product_that_fails_says_why(threads):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Matrix size-incompatible"):
        tf.matmul(tf.ones([4000, 100]), tf.ones([101, 100]))
    assert threads[-1] == 4


def test_without_openblas_products_are_numpys(monkeypatch):
    monkeypatch.setattr(blas, "_threads", None)
    assert tf.matmul([[2.0]], [[3.0]]).numpy().tolist() == [[6.0]]


@pytest.mark.parametrize(
    "work, threads, parts", [(15, 2, 1), (16, 2, 2), (31, 2, 2), (32, 2, 4), (1000, 1, 1), (30, 64, 3)]
)
def test_each_part_has_enough_to_do(work, threads, parts):
    assert blas._parts(work * 1_000_000, threads) == parts


@pytest.mark.parametrize(
    "m, k, n", [(8, 4000, 64), (251, 100, 130), (32, 784, 128), (784, 33, 70), (300, 50, 999)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_product_in_tiles(monkeypatch, m, k, n, turned):
    made = []
    monkeypatch.setattr(blas, "_wide", True)
    monkeypatch.setattr(blas, "_tiles", lambda a, b, y: made.append(y.shape) or multiply(a, b, y))
    a, b = [(np.arange(r * c, dtype=np.float32).reshape(r, c) % 7 - 3) for r, c in ((m, k), (k, n))]
    y = blas.matmul(np.asfortranarray(a) if turned else a, b)
    assert made == [(m, n // WIDTH * WIDTH)]
    np.testing.assert_array_equal(y, np.einsum("ik,kj->ij", a, b))


@pytest.mark.parametrize("m, k, n", [(1000, 100, 200), (100, 200, 1000), (6, 10, 64), (13, 3, 128)])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_parts_of_a_product_in_tiles_make_all_of_it(m, k, n, count):
    n = n // WIDTH * WIDTH
    a, b = [(np.arange(r * c, dtype=np.float32).reshape(r, c) % 7 - 3) for r, c in ((m, k), (k, n))]
    y = np.full((m, n), np.nan, np.float32)
    laid = parts(a, b, y, count)
    assert len(laid) == count
    crew().share(native(), laid)
    np.testing.assert_array_equal(y, a @ b)


def test_ops_and_kernels_agree_on_the_size_of_a_tile():
    assert (blas._ROWS, blas._WIDTH) == (ROWS, WIDTH)


@pytest.mark.parametrize("case", ["doubles", "turned", "square", "small", "many"])
def test_other_products_are_not_made_in_tiles(monkeypatch, case):
    monkeypatch.setattr(blas, "_wide", True)
    monkeypatch.setattr(blas, "_tiles", None)
    b = np.ones((784, 128), np.float32)
    a, b = {
        "doubles": (np.ones((32, 784)), b.astype(np.float64)),
        "turned": (np.ones((32, 784), np.float32), np.asfortranarray(b)),
        "square": (np.ones((600, 600), np.float32),) * 2,
        "small": (np.ones((8, 784), np.float32), b),
        "many": (np.ones((2, 32, 784), np.float32), b),
    }[case]
    np.testing.assert_array_equal(blas.matmul(a, b), np.full((*a.shape[:-1], b.shape[1]), len(b)))
