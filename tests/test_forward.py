"""Forward mode, and the helpers made of both modes."""

import numpy as np
import pytest

import nbtape as tf


def test_tangents_follow_values():
    x = tf.constant([2.0, 3.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.5])) as acc:
        y = tf.reduce_sum(tf.sin(x) * x)
    want = (np.cos([2.0, 3.0]) * [2.0, 3.0] + np.sin([2.0, 3.0])) @ [1.0, 0.5]
    assert np.isclose(acc.jvp(y), want) and acc.jvp(x).numpy().tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.matmul(x, x, transpose_b=True),
        lambda x: tf.reduce_max(x, axis=1),
        lambda x: tf.reshape(tf.transpose(x), [-1])[2:5] ** 3,
        lambda x: tf.nn.softmax(x),
        lambda x: tf.concat([x, x * 2.0], 0),
        lambda x: tf.gather(x, [1, 1, 0]),
        lambda x: tf.linalg.svd(x, compute_uv=False),
        lambda x: tf.math.cumsum(x, axis=1) / (1.0 + x * x),
        lambda x: tf.unstack(x)[1] * 2.0,
    ],
)
def test_jvp_agrees_with_the_jacobian(f):
    rng = np.random.default_rng(0)
    x, t = tf.constant(rng.normal(size=(2, 3))), tf.constant(rng.normal(size=(2, 3)))
    y, tangent = tf.autodiff.jvp(f, [x], [t])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    full = tape.jacobian(y, x).numpy().reshape(-1, 6) @ t.numpy().ravel()
    np.testing.assert_allclose(tangent.numpy().ravel(), full, rtol=1e-9, atol=1e-12)


def test_accumulators_nest():
    x = tf.constant(2.0)
    one = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(x, one) as outer:
        with tf.autodiff.ForwardAccumulator(x, one) as inner:
            y = x**3
        first = inner.jvp(y)
    assert (float(first), float(outer.jvp(first))) == (12.0, 12.0)


def test_a_tape_differentiates_tangents():
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        with tf.autodiff.ForwardAccumulator(x, tf.constant(1.0)) as acc:
            y = x**3
        t = acc.jvp(y)
    assert float(tape.gradient(t, x)) == 12.0


def test_hvp_is_the_hessian_times_the_vector():
    def f(x):
        return tf.reduce_sum(tf.tanh(x) * tf.reduce_sum(x * x))

    x, v = np.array([0.3, -0.6, 0.9]), np.array([1.0, 2.0, -1.0])
    h = tf.autodiff.hessian(f, x).numpy()
    np.testing.assert_allclose(tf.autodiff.hvp(f, [x], [v])[0].numpy(), h @ v, rtol=1e-9)
    np.testing.assert_allclose(h, h.T, rtol=1e-12)


def test_a_custom_rule_serves_both_modes():
    @tf.custom_gradient
    def double(x):
        return 2.0 * x, lambda g: 3.0 * g

    x = tf.constant(1.0)
    assert float(tf.autodiff.jvp(double, [x], [1.0])[1]) == 3.0
    assert float(tf.autodiff.vjp(double, [x])[1][0]) == 3.0


def test_misuse_is_named():
    x = tf.constant([1.0, 2.0])
    with pytest.raises(ValueError, match="shape"):
        tf.autodiff.ForwardAccumulator(x, tf.ones([3]))
    with pytest.raises(ValueError, match="requested dtype float32"):
        tf.autodiff.ForwardAccumulator(x, tf.constant([1, 2]))
    with pytest.raises(ValueError, match="multiple times"):
        tf.autodiff.ForwardAccumulator([x, x], [x, x])
    with pytest.raises(AttributeError, match="'float' object has no attribute 'dtype'"):
        tf.autodiff.ForwardAccumulator(1.0, 1.0)
    acc = tf.autodiff.ForwardAccumulator(x, x)
    with acc, pytest.raises(ValueError, match="already recording"):
        acc.__enter__()


def test_check_grads_finds_a_wrong_rule():
    @tf.custom_gradient
    def wrong(x):
        return x * x, lambda g: g * x

    x = tf.constant([1.0, 2.0], tf.float64)
    tf.autodiff.check_grads(lambda t: t * t, [x])
    with pytest.raises(AssertionError, match="gradient of order 1"):
        tf.autodiff.check_grads(wrong, [x])
