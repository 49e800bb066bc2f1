"""Elementwise functions at the edges: integers, casts, complex numbers, bounds; as TensorFlow answers."""

import numpy as np
import pytest

import nbtape as tf

invalid = tf.errors.InvalidArgumentError


def gradient(f, *xs):
    xs = [tf.constant(x) for x in xs]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return [None if g is None else g.numpy().tolist() for g in tape.gradient(y, xs)]


@pytest.mark.parametrize("f", [tf.math.floordiv, tf.math.floormod, tf.truncatediv, tf.truncatemod])
def test_integers_are_not_divided_by_zero(f):
    with pytest.raises(invalid, match="Integer division by zero"):
        f([1, 2], [1, 0])


QUOTIENTS = {"int8": "float32", "uint16": "float32", "int32": "float64", "uint64": "float64", "half": "half"}


@pytest.mark.parametrize("dtype, quotient", QUOTIENTS.items())
def test_true_division_widens_integers(dtype, quotient):
    y = tf.cast([1], dtype) / tf.cast([3], dtype)
    assert y.dtype == quotient and abs(float(y[0]) - 1 / 3) < 2e-3


def test_true_division_takes_one_dtype():
    with pytest.raises(TypeError, match="must have the same dtype, got tf.float32 != tf.int32"):
        tf.constant(1.0) / tf.constant(1)
    with pytest.raises(TypeError, match="Invalid dtype tf.bool in __truediv__"):
        tf.divide(True, True)


def test_floor_division_of_floats_is_the_floor_of_the_quotient():
    assert (tf.constant(1.0) // 0.1).numpy() == 10


def test_integers_take_no_negative_power():
    with pytest.raises(invalid, match="Integers to negative integer powers are not allowed"):
        tf.constant([2]) ** -1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes_stay_beside_python_numbers(dtype):
    x = tf.constant([0.5, 2.0], dtype)
    functions = (tf.math.xlogy, tf.math.divide_no_nan, tf.pow, tf.maximum, tf.atan2, tf.add)
    assert {f(x, 1.5).dtype for f in functions} == {f(1.5, x).dtype for f in functions} == {x.dtype}


def test_shifts_stop_at_the_last_bit():
    assert tf.bitwise.left_shift([1, 1, 5], [31, 40, -1]).numpy().tolist() == [-(2**31), -(2**31), 5]
    assert tf.bitwise.right_shift([8, -8], 40).numpy().tolist() == [0, -1]


def test_integers_wrap_round():
    assert (tf.constant(2**31 - 1) + 1).numpy() == -(2**31)
    assert tf.cast([-1.0, 256.0, 300.5], tf.uint8).numpy().tolist() == [255, 0, 44]


def test_cast_keeps_gradients_among_floats_and_stops_them_at_integers():
    assert gradient(lambda x: tf.cast(x, tf.complex64) * 2j, 1.0) == [0.0]
    assert gradient(lambda x: tf.cast(tf.cast(x, tf.float64), tf.float16), 1.0) == [1.0]
    with pytest.warns(UserWarning, match="a gradient is None"):
        assert gradient(lambda x: tf.cast(tf.cast(x, tf.int32), tf.float32), 1.0) == [None]


def test_cast_does_not_read_strings():
    with pytest.raises(tf.errors.UnimplementedError, match="Cast string to float is not supported"):
        tf.cast("1", tf.float32)


def test_saturate_cast_stays_in_range():
    assert tf.saturate_cast([1e20, -1e20, 5.0], tf.int32).numpy().tolist() == [2147483520, -(2**31), 5]


def test_complex_gradients_follow_tensorflow():
    assert gradient(lambda z: z**2, 1 + 2j) == [2 - 4j]
    assert gradient(lambda z: z * tf.math.conj(z), 3 + 4j) == [6 + 8j]
    (g,) = gradient(tf.abs, 1 + 2j)
    assert abs(g - (1 + 2j) / 5**0.5) < 1e-12
    assert gradient(tf.abs, 0j) == [0]


def test_a_gradient_passes_at_the_bounds_of_clip():
    xs = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert gradient(lambda x: tf.clip_by_value(x, -1.0, 1.0), xs) == [[0, 1, 1, 1, 0]]


def test_clip_does_not_broadcast_what_it_clips():
    with pytest.raises(ValueError, match=r"Shapes \(2,\) and \(2, 2\) are incompatible"):
        tf.clip_by_value([1.0, 2.0], [[0.0], [1.0]], 3.0)


def test_clipping_by_norm_keeps_slices_and_gaps():
    slices = tf.IndexedSlices(tf.constant([[3.0], [4.0]]), tf.constant([0, 2]), [4, 1])
    clipped, norm = tf.clip_by_global_norm([slices, None], 1.0)
    assert norm.numpy() == 5 and clipped[1] is None
    assert isinstance(clipped[0], tf.IndexedSlices)
    np.testing.assert_allclose(clipped[0].values.numpy(), [[0.6], [0.8]], rtol=1e-6)


def test_where_chooses_among_operands_of_one_dtype_by_bools():
    with pytest.raises(invalid, match="expected to be a float tensor but is a int32 tensor"):
        tf.where([True], tf.constant([1.0]), tf.constant([1]))
    with pytest.raises(invalid, match="must be broadcastable"):
        tf.where([True, False], [1.0, 2.0, 3.0], 0.0)


def test_add_n_adds_what_has_one_shape():
    with pytest.raises(invalid, match="must have the same size and shape"):
        tf.add_n([tf.constant([1.0]), tf.constant([1.0, 2.0])])
    with pytest.raises(ValueError, match="at least one Tensor"):
        tf.add_n([])


@pytest.mark.parametrize("a, x", [(0.3, 0.5), (2.0, 3.0), (30.0, 25.0), (1e-3, 2.0)])
def test_igamma_is_differentiable_in_its_parameter(a, x):
    h = 1e-5 * min(a, 1)
    wanted = (tf.math.igamma(np.float64(a + h), x) - tf.math.igamma(np.float64(a - h), x)).numpy() / (2 * h)
    (g, _) = gradient(tf.math.igamma, np.float64(a), np.float64(x))
    assert abs(g - wanted) < 1e-7
