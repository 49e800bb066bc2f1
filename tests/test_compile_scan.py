"""Compiled scans give what eager ones give, along any axis, with their gradients, and run as kernels."""

import numpy as np
import pytest
from agreement import both

import nbtape as tf

pytestmark = pytest.mark.usefixtures("compiled")
SCANS = [tf.cumsum, tf.math.cumprod, tf.math.cumulative_logsumexp]
WAYS = [(exclusive, reverse) for exclusive in (False, True) for reverse in (False, True)]


def plans(function):
    return [unit.what for unit in function.plan.units]


def differentiated(scan, axis, weights):
    """All four ways of a scan, and its gradients of first and second order."""

    def program(x):
        found = []
        for exclusive, reverse in WAYS:
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    y = scan(x, axis, exclusive=exclusive, reverse=reverse)
                    finite = tf.where(tf.math.is_finite(y), y, tf.zeros_like(y))
                    loss = tf.reduce_sum(finite * weights)
                g = inner.gradient(loss, x)
            found += [y, g, outer.gradient(g, x, weights, unconnected_gradients="zero")]
        return found

    return program


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("scan", SCANS)
def test_any_axis_and_the_gradients(scan, axis):
    rng = np.random.default_rng(0)
    x, weights = rng.uniform(-1, 1, (2, 3, 4, 5))
    both(differentiated(scan, axis, weights), x)


@pytest.mark.parametrize("scan", SCANS)
def test_infinities_and_what_is_no_number_survive(scan):
    x = np.array([[1, -np.inf, 2, np.nan, 3], [-np.inf, -np.inf, np.inf, 1, 0], [np.inf] * 5], np.float32)
    both(lambda x: [scan(x, 1, exclusive=e, reverse=r) for e, r in WAYS], x)
    both(lambda x: [scan(x, 0, exclusive=e, reverse=r) for e, r in WAYS], x)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, np.float32])
def test_numbers_of_other_dtypes(dtype):
    x = (np.arange(60).reshape(3, 4, 5) % 17).astype(dtype)
    both(lambda x: [tf.cumsum(x, a) for a in range(3)] + [tf.math.cumprod(x, 1, exclusive=True)], x)


def test_a_column_and_a_single_element():
    both(
        lambda x: [tf.cumsum(x), tf.cumsum(x, 1), tf.cumsum(x[:1], exclusive=True)],
        np.ones((5, 1), np.float32),
    )


def test_what_is_scanned_may_be_a_view():
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    both(lambda x: tf.cumsum(tf.transpose(x)[1:, ::2], 0) * 2.0, x)


def test_long_scans_are_shared_by_threads_row_by_row():
    function = both(lambda x: tf.cumsum(x, 1), np.ones((64, 20_000), np.float32))
    assert plans(function) == ["Sum up along an axis"]


def test_scans_run_natively_in_loops():
    def program(x):
        for _ in tf.range(3):
            x = tf.cumsum(x, 0) * 0.5
        return x

    both(program, np.ones((4, 3), np.float32))
