"""Compiled segments, diagonals and sorts give what eager ones do, gradients included, and run as kernels."""

import numpy as np
import pytest
from agreement import both

import nbtape as tf

pytestmark = pytest.mark.usefixtures("compiled")
SEGMENTS = "sum prod max min mean sqrt_n".split()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 5)).astype(np.float32)
TIED = RNG.integers(0, 5, (3, 4, 40)).astype(np.float32)
TIED[1, 2, 3:9], TIED[0, 0, 7], TIED[0, 1, 5] = np.nan, np.inf, -np.inf


def gradient(f):
    """The gradient of a sum of squares of what `f` gives, of which only numbers of some size count."""

    def program(x, *more):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x, *more)
            some = tf.where(tf.abs(y) < 1e3, y, tf.zeros_like(y))
            loss = tf.reduce_sum(some**2 * tf.cast(tf.range(y.shape[-1]), y.dtype))
        return y, tape.gradient(loss, x)

    return program


@pytest.mark.parametrize("kind", SEGMENTS)
def test_segments_and_their_gradients(kind):
    segment = getattr(tf.math, f"unsorted_segment_{kind}")
    ids = np.array([0, 2, 2, -1, 5, 0], np.int32)  # some have no rows, and one row no segment
    data = RNG.normal(size=(6, 3)).astype(np.float32)
    data[4, 1] = data[1, 0] = 0
    both(gradient(lambda data, ids: segment(data, ids, 7)), data, ids)
    both(gradient(lambda data, ids: segment(data, ids, 6)), data, ids)


def test_segments_of_integers_of_numbers_and_by_matrices_of_ids():
    ids = np.array([[0, 1, 2], [2, -5, 0]], np.int64)
    data = RNG.integers(-9, 9, (2, 3, 4))
    for kind in SEGMENTS[:4]:
        segment = getattr(tf.math, f"unsorted_segment_{kind}")
        both(lambda data, ids, f=segment: [f(data, ids, 4), f(data[:, :, 0], ids, 3)], data, ids)


def test_what_is_no_number_stays_in_its_segment():
    data = np.array([1, np.nan, 2, np.inf, 3], np.float32)
    both(lambda x, i: tf.math.unsorted_segment_max(x, i, 3), data, np.array([0, 1, 0, 2, 1]))


def test_an_id_out_of_range_is_an_error():
    segment = tf.function(lambda x, i: tf.math.unsorted_segment_sum(x, i, 3))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"segment_ids\[1\] = 3 is out of range \[0, 3\)"
    ):
        segment(tf.ones([2]), tf.constant([0, 3]))


def test_a_scatter_starts_from_what_is_made_as_a_whole():
    def program(x, i, u):
        return tf.tensor_scatter_nd_add(x * 2.0 + tf.reduce_sum(u), i, u * 3.0 + x)

    both(program, np.ones((4, 3), np.float32), np.array([[0], [0], [2], [1]]), np.ones((4, 3), np.float32))


@pytest.mark.parametrize("k", [0, 1, -2])
def test_diagonals_and_their_gradients(k):
    both(gradient(lambda x: tf.linalg.diag_part(x, k=k)), X)
    both(gradient(lambda x: tf.linalg.diag(x, k=k, padding_value=3.0)), X)
    both(gradient(lambda x: tf.linalg.set_diag(x, tf.linalg.diag_part(x, k=k) ** 2, k=k)), X)


def test_diagonals_of_larger_matrices_of_views_and_of_one_element():
    both(lambda x: tf.linalg.diag(x, num_rows=5, num_cols=7), X)
    both(lambda x: tf.linalg.diag_part(tf.transpose(x, [0, 2, 1])[:, ::2]), X)
    both(lambda x: [tf.linalg.diag(x[0, 0, :1]), tf.linalg.trace(x[:, :1, :1])], X)


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_equals_keep_their_order_and_what_is_no_number_is_the_largest(axis, direction):
    both(lambda x: [tf.sort(x, axis, direction), tf.argsort(x, axis, direction)], TIED)
    both(lambda x: [tf.sort(x, axis, direction), tf.argsort(x, axis, direction)], TIED[2].astype(np.int8))


@pytest.mark.parametrize("k", [1, 3, 33, 40])
def test_the_largest(k):
    both(lambda x: tf.math.top_k(x, k), TIED)
    both(lambda x: tf.math.top_k(x, k), (TIED > 2).astype(np.int32))


def test_gradients_go_back_to_where_sorted_elements_were():
    x = RNG.normal(size=(3, 4, 20)).astype(np.float32)
    both(gradient(lambda x: tf.sort(x, 1)), x)
    both(gradient(lambda x: tf.sort(x, -1, "DESCENDING")), x)
    both(gradient(lambda x: tf.math.top_k(x, 5)[0]), x)


def test_long_rows_are_sorted_by_numpy_and_searched_natively():
    x = tf.constant(RNG.normal(size=(2, 5000)).astype(np.float32))
    find, sort = tf.function(lambda x: tf.math.top_k(x, 5)), tf.function(lambda x: tf.sort(x))
    np.testing.assert_array_equal(find(x)[0].numpy(), sort(x).numpy()[:, :-6:-1])
    assert [unit.what for unit in find.plan.units] == ["Find the largest along the last axis"]
    assert [unit.what for unit in sort.plan.units] == ["sort, in Python"]


@pytest.mark.parametrize("grown", [lambda x: x * 2.0, tf.exp], ids=["cheap", "dear"])
@pytest.mark.parametrize("again", [True, False], ids=["read again", "kept"])
def test_what_is_read_after_a_variable_got_its_new_value_is_the_old_one(grown, again):
    x, a = [RNG.standard_normal((3, 9)).astype(np.float32) for _ in range(2)]
    v, w = tf.Variable(x), tf.Variable(x)

    @tf.function
    def f(a):
        old = v.read_value()
        y = grown(old)
        v.assign(y)
        late = w.read_value()
        w.assign(a * 2.0)
        return (old if again else y) - tf.reduce_sum(y, 1, keepdims=True), tf.tanh(a * 2.0 + 1.0) + late

    rows, others = f(a)
    y = grown(tf.constant(x)).numpy()
    np.testing.assert_allclose(rows, (x if again else y) - y.sum(1, keepdims=True), 1e-4, 1e-5)
    np.testing.assert_allclose(others, np.tanh(a * 2.0 + 1.0) + x, 1e-5, 1e-6)
    np.testing.assert_allclose(v.numpy(), y, 1e-6)
    np.testing.assert_array_equal(w.numpy(), 2 * a)
