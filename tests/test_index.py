"""Taking parts of tensors and putting them back: values beside NumPy's, gradients, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as st_np

import nbtape as tf

X = np.arange(24.0).reshape(2, 3, 4)
ROWS, COLUMNS = np.array([1, 0, 1]), np.array([2, 0, -1])
MASK = X[0] % 3 == 0


def gradient(f, x):
    """The gradient of a weighted sum of `f`, so that no two elements count alike."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
        loss = tf.reduce_sum(y * np.arange(1.0, 1 + np.size(y.numpy())).reshape(y.shape))
    return tf.convert_to_tensor(tape.gradient(loss, x)).numpy()


def put(shape, key, rows):
    """Zeros with `rows` added at `key`, by NumPy."""
    y = np.zeros(shape)
    np.add.at(y, key, rows)
    return y


# t[key]


@given(st_np.basic_indices(X.shape, allow_newaxis=True, allow_ellipsis=True))
def test_every_basic_key_means_what_it_means_to_numpy(key):
    expected = X[key]
    assert np.array_equal(tf.constant(X)[key].numpy(), expected)
    weights = np.arange(1.0, 1 + np.size(expected)).reshape(np.shape(expected))
    assert np.array_equal(gradient(lambda x: x[key], X), put(X.shape, key, weights))


@pytest.mark.parametrize(
    "key",
    [
        [0, 1, 0],
        ROWS,
        -ROWS,
        np.array([[0, 1], [1, 1]]),
        X[:, 0, 0] > 5,
        X > 7,
        X[:, :, 0] > 3,
        [True, False],
        np.array([], int),
        (slice(None), COLUMNS),
        (0, COLUMNS),
        (ROWS, COLUMNS),
        (ROWS, slice(None), COLUMNS),
        (ROWS, None, COLUMNS, slice(1, 3)),
        (Ellipsis, COLUMNS),
        (slice(None), MASK),
        (1, MASK),
        (slice(0, 1), COLUMNS, slice(None, None, -2)),
        (None, COLUMNS[:2] - 1, ..., 0),
        (ROWS[:, None], COLUMNS),
    ],
    ids=str,
)
def test_masks_and_integer_arrays_mean_what_they_mean_to_numpy(key):
    expected = X[tuple(key) if isinstance(key, tuple) else np.asarray(key)]
    weights = np.arange(1.0, 1 + expected.size).reshape(expected.shape)
    where = tuple(key) if isinstance(key, tuple) else np.asarray(key)
    as_tensors = tuple(map(tensors, key)) if isinstance(key, tuple) else tensors(key)
    for k in (key, as_tensors):
        assert np.array_equal(tf.constant(X)[k].numpy(), expected)
        assert np.array_equal(gradient(lambda x, k=k: x[k], X), put(X.shape, where, weights))


def tensors(k):
    return tf.constant(k) if isinstance(k, list | np.ndarray) and len(k) else k


def test_scalar_tensors_stand_where_numbers_do():
    t, one, two = tf.constant(X), tf.constant(1), tf.constant(2, tf.int64)
    assert np.array_equal(t[one], X[1]) and np.array_equal(t[one, -two], X[1, -2])
    assert np.array_equal(t[:, one:two, ::two], X[:, 1:2, ::2]) and np.array_equal(
        t[..., np.int8(1)], X[..., 1]
    )


def test_second_derivatives_go_through_keys():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x[1] * x[::2][0] + x[[2, 2]][0] ** 3
        g = inner.gradient(y, x)
        z = tf.reduce_sum(g * g)
    assert g.numpy().tolist() == [2, 1, 27] and outer.gradient(z, x).numpy().tolist() == [2, 4, 972]


@pytest.mark.parametrize(
    "key, says",
    [
        (2, "slice index 2 of dimension 0 out of bounds."),
        (-3, "slice index -1 of dimension 0 out of bounds."),
        ((0, 5), "slice index 5 of dimension 1 out of bounds."),
        ((0, 0, 0, 0), "Index out of range using input dim 3; input has only 3 dims"),
        ((..., ...), "Multiple ellipses in slice spec not allowed"),
        (slice(None, None, 0), "strides[0] must be non-zero"),
        ([0, 7], "indices[1] = 7 is not in [0, 2)"),
        ([-3], "slice index -1 of dimension 0 out of bounds."),
        ((ROWS, COLUMNS + 5), "index 7 is out of bounds for axis 1 with size 3"),
    ],
)
def test_a_key_outside_the_tensor_is_an_invalid_argument(key, says):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.constant(X)[key]
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "key", [1.0, "a", np.float32(1), [0.5], tf.constant(1.0), slice(0.5, 2), slice("a"), object(), {}]
)
def test_a_key_of_another_kind_is_a_type_error(key):
    with pytest.raises(TypeError, match=r"Only integers, slices \(`:`\), ellipsis \(`...`\), tf.newaxis"):
        tf.constant(X)[key]


def test_a_mask_has_the_shape_of_what_it_selects_from():
    with pytest.raises(ValueError, match=r"Shapes \(2,\) and \(3,\) are incompatible"):
        tf.constant(X)[[True, False, True]]
    with pytest.raises(ValueError, match="mask cannot be scalar."):
        tf.constant(X)[True]


def test_an_error_names_the_users_line_and_the_tensor():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"test_index.py, line \d+: .*MARK(.|\n)*float64\[2,3,4\]"
    ):
        tf.constant(X)[9]  # MARK


# gather, where, scatter


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("indices", [1, [0, 1, 1], [[0], [1]], np.zeros((2, 0), int)], ids=str)
def test_gather_takes_along_an_axis(axis, indices):
    expected = np.take(X, indices, axis)
    assert np.array_equal(tf.gather(X, indices, axis=axis).numpy(), expected)
    weights = np.arange(1.0, 1 + expected.size).reshape(expected.shape)
    key = (slice(None),) * (axis % 3) + (np.asarray(indices),)
    assert np.array_equal(gradient(lambda x: tf.gather(x, indices, axis=axis), X), put(X.shape, key, weights))


def test_the_gradient_of_gathered_rows_is_sparse():
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.gather(x, [[1, 0], [1, 1]]) * 2.0
    g = tape.gradient(y, x)
    assert isinstance(g, tf.IndexedSlices) and g.shape == [2, 3, 4]
    assert g.indices.numpy().tolist() == [1, 0, 1, 1]
    assert tf.convert_to_tensor(g).numpy()[:, 0, 0].tolist() == [2, 6]


@pytest.mark.parametrize("axis", [1, 2])
def test_gather_with_batch_dims_is_a_gather_for_each_row(axis):
    indices = np.array([[0, 2], [1, 1]])
    expected = np.stack([np.take(x, i, axis - 1) for x, i in zip(X, indices)])
    assert np.array_equal(tf.gather(X, indices, axis=axis, batch_dims=1).numpy(), expected)
    got = gradient(lambda x: tf.gather(x, indices, axis=axis, batch_dims=1), X)
    weights = np.arange(1.0, 1 + expected.size).reshape(expected.shape)
    for g, i, w in zip(got, indices, weights):
        assert np.array_equal(g, put(X.shape[1:], (slice(None),) * (axis - 1) + (i,), w))


@pytest.mark.parametrize(
    "take, says",
    [
        (lambda: tf.gather([1.0, 2.0], [2]), "indices[0] = 2 is not in [0, 2)"),
        (lambda: tf.gather([1.0, 2.0], [[0], [-1]]), "indices[1,0] = -1 is not in [0, 2)"),
        (lambda: tf.gather([1.0, 2.0], 5), "indices = 5 is not in [0, 2)"),
        (lambda: tf.gather(X, [[0, 9], [0, 0]], batch_dims=1), "indices[0,1] = 9 is not in [0, 3)"),
        (
            lambda: tf.gather_nd(X, [[0, 0], [1, 3]]),
            "indices[1] = [1, 3] does not index into param shape [2,3,4]",
        ),
        (lambda: tf.scatter_nd([[4]], [1], [4]), "indices[0] = [4] does not index into shape [4]"),
        (lambda: tf.tensor_scatter_nd_add([1], [[1]], [1]), "indices[0] = [1] does not index into shape [1]"),
        (
            lambda: tf.gather(X, [0.5]),
            "Value for attr 'Tindices' of float is not in the list of allowed values",
        ),
        (lambda: tf.dynamic_partition([1, 2], [0, 2], 2), "partitions[1] = 2 is not in [0, 2)"),
    ],
)
def test_an_index_outside_is_named(take, says):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        take()
    assert says in str(raised.value)


@pytest.mark.parametrize("size", [40, 100_000])  # by NumPy and, where it pays, by the kernel
def test_scattered_rows_add_up(size):
    rng = np.random.default_rng(0)
    i, v = rng.integers(0, 7, size), rng.normal(size=(size, 2))
    expected = np.zeros((7, 2))
    np.add.at(expected, i, v)
    np.testing.assert_allclose(tf.scatter_nd(i[:, None], v, [7, 2]).numpy(), expected, 1e-12)
    s = tf.IndexedSlices(v, i, [7, 2])
    np.testing.assert_allclose(tf.convert_to_tensor(s).numpy(), expected, 1e-12)
    np.testing.assert_allclose(tf.tensor_scatter_nd_sub(expected, i[:, None], v).numpy(), 0, atol=1e-9)


def test_gather_nd_and_scatter_nd_are_transposes():
    i = np.array([[0, 2], [1, 0], [0, 2]])
    u = tf.constant(np.arange(12.0).reshape(3, 4))
    assert np.array_equal(tf.gather_nd(X, i).numpy(), X[i[:, 0], i[:, 1]])
    put_back = tf.scatter_nd(i, u, X.shape)
    assert tf.reduce_sum(put_back * X) == tf.reduce_sum(u * tf.gather_nd(X, i))


def test_extremes_share_the_gradient_of_a_tie():
    t, u = tf.constant([1.0, 1.0, 1.0]), tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch([t, u])
        y = tf.tensor_scatter_nd_max(t, [[0], [2]], u)
    for got, want in zip(tape.gradient(y, [t, u]), ([0.5, 1, 0], [0.5, 1])):
        assert got.numpy().tolist() == want


def test_where_chooses_or_finds():
    assert tf.where([[True], [False]], [1, 2], 0).numpy().tolist() == [[1, 2], [0, 0]]
    assert tf.where(X > 20).numpy().tolist() == np.argwhere(X > 20).tolist()
    with pytest.raises(ValueError, match="x and y must both be non-None or both be None."):
        tf.where([True], x=[1])
    with pytest.raises(TypeError, match=r"to EagerTensor of dtype bool\n.*tf.cast\(c, tf.bool\)"):
        tf.where([1, 0], [1, 2], [3, 4])


def test_a_partition_stitches_back():
    parts = np.array([0, 1, 0, 2])
    x = tf.constant(np.arange(8.0).reshape(4, 2))
    pieces = tf.dynamic_partition(x, parts, 3)
    places = tf.dynamic_partition(tf.range(4), parts, 3)
    assert [len(p) for p in pieces] == [2, 1, 1]
    assert np.array_equal(tf.dynamic_stitch(places, pieces).numpy(), x.numpy())
