"""Gradients that the user writes."""

import numpy as np
import pytest

import nbtape as tf


def grad_of(f, *xs):
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return tape.gradient(y, list(xs))


def test_the_rule_replaces_the_gradient():
    @tf.custom_gradient
    def f(x, y):
        return x * y, lambda g: (g * 10.0, g * 100.0)

    g = grad_of(f, tf.constant(2.0), tf.constant(3.0))
    assert [float(v) for v in g] == [10.0, 100.0]


def test_several_results_have_one_upstream_each():
    @tf.custom_gradient
    def f(x):
        return (x * 2.0, x * 3.0), lambda a, b: a * 20.0 + b * 30.0

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a, b = f(x)
        y = a + 2.0 * b
    assert float(tape.gradient(y, x)) == 80.0


def test_variables_are_given_to_a_rule_that_asks():
    w = tf.Variable(3.0)

    @tf.custom_gradient
    def f(x):
        def grad(g, variables=None):
            assert variables[0] is w
            return g * 5.0, [g * 7.0]

        return x * w, grad

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert [float(v) for v in tape.gradient(y, [x, w])] == [5.0, 7.0]


def test_a_rule_that_does_not_take_variables_is_refused():
    w = tf.Variable(3.0)

    @tf.custom_gradient
    def f(x):
        return x * w, lambda g: g

    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        f(tf.constant(1.0))


@pytest.mark.parametrize(
    "rule, words",
    [
        (lambda g: (g, g), "expected to return 1 gradients, but returned 2 instead"),
        (lambda g: tf.ones([5]), "returned shape"),
        (lambda g: tf.cast(g, tf.float64), "returned float64 for argument 0, which is float32"),
    ],
)
def test_what_a_rule_returns_is_checked(rule, words):
    f = tf.custom_gradient(lambda x: (x * 2.0, rule))
    with pytest.raises(ValueError, match=words):
        grad_of(f, tf.constant([1.0, 2.0]))


def test_a_function_without_a_rule_is_refused():
    with pytest.raises(TypeError, match="must return a pair"):
        tf.custom_gradient(lambda x: x * 2.0)(tf.constant(1.0))


def test_higher_derivatives_differentiate_the_rule():
    @tf.custom_gradient
    def cube(x):
        return x**3, lambda g: g * 30.0 * x**2

    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = cube(x)
        g = inner.gradient(y, x)
    assert (float(g), float(outer.gradient(g, x))) == (120.0, 120.0)


def test_recompute_grad_runs_again_and_agrees():
    calls = []
    w = tf.Variable([0.5, -0.5])

    def f(x, scale=1.0):
        calls.append(1)
        return tf.reduce_sum(tf.tanh(x * w) * scale)

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.recompute_grad(f)(x, scale=3.0)
    got = tape.gradient(y, [x, w])
    assert len(calls) == 2
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x, scale=3.0)
    for a, b in zip(got, tape.gradient(y, [x, w]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_recompute_grad_of_one_argument_given_twice():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.recompute_grad(lambda a, b: a * a * b)(x, x)
    assert float(tape.gradient(y, x)) == 27.0


def test_recompute_grad_has_second_derivatives():
    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.recompute_grad(lambda t: t**3)(x)
        g = inner.gradient(y, x)
    assert float(outer.gradient(g, x)) == 12.0
