"""Small products of matrices run on one BLAS thread, and leave the number of threads as it was."""

import numpy as np
import pytest

import nbtape as tf
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


def test_a_large_product_keeps_all_threads(threads):
    rows = blas.SMALL // (100 * 100)
    y = tf.matmul(tf.ones([rows, 100]), tf.ones([100, 100]))
    assert threads == [4] and np.all(y.numpy() == 100.0)


def test_without_openblas_products_are_numpys(monkeypatch):
    monkeypatch.setattr(blas, "_threads", None)
    assert tf.matmul([[2.0]], [[3.0]]).numpy().tolist() == [[6.0]]
