"""Functions under tapes: a call is one operation, whose gradients agree with those of the Python code."""

import gc
import sys
import weakref

import numpy as np
import pytest

import nbtape as tf

A = tf.constant(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
W = tf.Variable(np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32))
K = tf.constant([0.5, -2.0])
SOURCES = (A, W, K)


@tf.custom_gradient
def doubled(x):
    return tf.exp(x), lambda g: 2.0 * g * tf.exp(x)


def looped(x):
    return tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.sin(a) * x + a), [0, x])[1]


BODIES = {
    "dense": lambda x: tf.tanh(x @ W) * K,
    "several results": lambda x: {"a": [tf.nn.softmax(x), x], "b": (x * 1.0, None)},
    "one result twice": lambda x: [y := x * x, y],
    "an argument": lambda x: x,
    "a variable": lambda x: W,
    "a read": lambda x: (W.read_value(), x * tf.reduce_sum(W)),
    "integers": lambda x: (tf.cast(x, tf.int32), tf.argmax(x), x * 2.0),
    "a constant": lambda x: (tf.constant(1.0), x),
    "a loop": looped,
    "a branch": lambda x: tf.cond(tf.reduce_sum(x) > 100.0, lambda: x, lambda: tf.exp(x) * tf.reduce_sum(W)),
    "a scan": lambda x: tf.scan(lambda a, row: tf.tanh(a * row) + x[0], x),
    "rows": lambda x: tf.gather(W, [0, 2, 2]) * tf.reduce_sum(x),
    "a rule": lambda x: doubled(x) * W[0, 0],
    "recomputed": lambda x: tf.recompute_grad(lambda y: tf.sin(y) * y)(x),
    "stopped": lambda x: x * tf.stop_gradient(tf.exp(x)),
    "a size": lambda x: tf.reshape(x, [tf.shape(x)[1], -1]) * 2.0,
    "norms": lambda x: tf.linalg.norm(x, axis=1) + tf.reduce_logsumexp(x),
}


def total(ys):
    return sum(tf.reduce_sum(y * y) for y in tf.nest.flatten(ys) if y is not None and y.dtype.is_floating)


def derivatives(function):
    """First and second derivatives of a function of A, by A, W and K."""
    with tf.GradientTape() as outer:
        outer.watch([A, K])
        with tf.GradientTape() as tape:
            tape.watch([A, K])
            y = total(function(A))
        first = tape.gradient(y, SOURCES, unconnected_gradients="zero")
        z = sum(tf.reduce_sum(tf.sin(tf.convert_to_tensor(g))) for g in first)
    return [np.asarray(g) for g in (*first, *outer.gradient(z, SOURCES, unconnected_gradients="zero"))]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_gradients_agree_with_those_of_the_python_code(body):
    f = tf.function(body)
    for ours, plain in zip(derivatives(f), derivatives(body), strict=True):
        assert np.allclose(ours, plain, rtol=1e-4, atol=1e-5)
    assert f.concrete_functions[0].backward is not None


def test_a_call_is_one_operation():
    f = tf.function(BODIES["dense"])
    with tf.GradientTape() as tape:
        tape.watch(A)
        f(A)
    assert [len(node.outputs) for node in tape.nodes if node.outputs[0].shape == (3, 2)] == [1, 1]
    assert len(tape.nodes) == 2  # its result, and what its gradient takes


def test_an_argument_given_twice_gets_both_parts():
    f = tf.function(lambda a, b: a * b + K)
    with tf.GradientTape() as tape:
        tape.watch(K)
        y = f(K, K)
    assert tape.gradient(y, K).numpy().tolist() == [2.0, -3.0]


def test_gradients_of_rows_stay_sparse():
    f = tf.function(lambda i: tf.gather(W, i) * 2.0)
    with tf.GradientTape() as tape:
        y = f(tf.constant([1, 1]))
        z = y + tf.gather(W, [3])
    g = tape.gradient(z, W)
    assert isinstance(g, tf.IndexedSlices)
    assert tf.convert_to_tensor(g).numpy().tolist() == [[0, 0], [4, 4], [0, 0], [2, 2]]


def test_effects_happen_once_and_later_reads_get_gradients(capsys):
    v = tf.Variable(2.0)

    @tf.function
    def f(x):
        tf.print("once", output_stream=sys.stdout)
        before = v * x
        v.assign(x * 5.0)
        return before, v * x

    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, b = f(x)
    assert [float(g) for y in (a, b) for g in tape.gradient(y, [v, x])] == [3.0, 2.0, 3.0, 15.0]
    assert float(v) == 15.0 and capsys.readouterr().out == "once\n"
    assert [x is v for x in tape.watched_variables()] == [True]


def test_random_numbers_of_the_gradient_are_those_of_the_call():
    f = tf.function(lambda x: tf.exp(tf.nn.dropout(x, 0.5)))
    x = tf.ones([50])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        g = tape.gradient(y, x)
    kept = np.asarray(y) > 2.0
    assert 0 < kept.sum() < 50
    assert np.allclose(g, np.where(kept, 2.0 * np.exp(2.0), 0.0), rtol=1e-5)
    assert np.allclose(outer.gradient(g, x), np.where(kept, 4.0 * np.exp(2.0), 0.0), rtol=1e-5)


def test_jacobians_and_third_derivatives():
    f = tf.function(lambda x: x**4)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as c:
        c.watch(x)
        with tf.GradientTape() as b:
            b.watch(x)
            with tf.GradientTape(persistent=True) as a:
                a.watch(x)
                y = f(x)
            g = a.gradient(y, x)
            assert np.allclose(a.jacobian(y, x), np.diag([4.0, 32.0]))
        h = b.gradient(g, x)
    assert h.numpy().tolist() == [12.0, 48.0] and c.gradient(h, x).numpy().tolist() == [24.0, 48.0]


def test_forward_mode_and_traps_see_each_operation():
    f = tf.function(lambda x: tf.sin(x) * x)
    x = tf.constant(2.0)
    with tf.autodiff.ForwardAccumulator(x, tf.constant(1.0)) as acc:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        g = tape.gradient(y, x)
    assert np.allclose(acc.jvp(y), np.sin(2.0) + 2.0 * np.cos(2.0))
    assert np.allclose(acc.jvp(g), 2.0 * np.cos(2.0) - 2.0 * np.sin(2.0))
    with tf.debugging.nan_trap(), pytest.raises(tf.errors.InvalidArgumentError, match="log made 1 of 1"):
        tf.function(lambda x: tf.math.log(x) * 2.0)(tf.constant(-1.0))


def test_python_functions_are_differentiated_where_they_ran():
    calls = []

    def cube(x):
        calls.append(1)
        return x**3

    f = tf.function(lambda x: tf.py_function(cube, [x], tf.float32) * 2.0)
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert float(tape.gradient(y, x)) == 24.0 and len(calls) == 1


def test_errors_of_a_rule_are_raised_where_its_gradient_is_asked_for():
    @tf.custom_gradient
    def bad(x):
        def grad(g):
            raise KeyError("no rule")

        return x * 1.0, grad

    f = tf.function(lambda x: bad(x))
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    with pytest.raises(KeyError, match="no rule"):
        tape.gradient(y, x)


def test_explain_names_the_line_inside():
    @tf.function
    def f(x):
        y = tf.stop_gradient(x)  # here
        return y * 2.0

    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x) + 1.0
    with pytest.warns(UserWarning, match="stop_gradient stops the gradient"):
        assert tape.gradient(y, x) is None
    assert "y = tf.stop_gradient(x)  # here" in tape.explain(y, x)


def test_explain_knows_what_was_not_watched():
    f = tf.function(lambda x: x * 2.0, autograph=False)
    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = f(x)
    with pytest.warns(UserWarning, match="not watched"):
        assert tape.gradient(y, x) is None
    assert "y = f(x)" in tape.explain(y, x)


def test_errors_in_a_call_leave_the_tape_as_it_was():
    f = tf.function(lambda x, i: tf.gather(x, i))
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(tf.errors.InvalidArgumentError):
            f(x, tf.constant(7))
        y = f(x, tf.constant(1))
    assert tf.convert_to_tensor(tape.gradient(y, x)).numpy().tolist() == [0.0, 1.0]


def test_a_gradient_may_be_taken_in_another_function():
    f = tf.function(lambda x: x**3)
    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    assert float(tf.function(lambda: tape.gradient(y, x) * 2.0)()) == 24.0


def test_tapes_let_go_of_calls_without_a_collection():
    f = tf.function(BODIES["dense"])
    gc.disable()
    try:
        with tf.GradientTape() as tape:
            y = f(A)
        ref = weakref.ref(y)
        tape.gradient(y, W)
        del y
        assert ref() is None
    finally:
        gc.enable()


def test_training_through_a_function_agrees_with_eager():
    def losses(wrap):
        w = tf.Variable(np.linspace(-1, 1, 8).reshape(4, 2).astype(np.float32))
        model = wrap(lambda x: tf.nn.relu(x @ w) + 0.1)
        found = []
        for _ in range(4):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model(A) ** 2)
            w.assign_sub(0.3 * tape.gradient(loss, w))
            found.append(float(loss))
        return found

    assert np.allclose(losses(tf.function), losses(lambda f: f), rtol=1e-5)


def jacobian_of(f, persistent=False):
    def jacobian(x):
        with tf.GradientTape(persistent=persistent) as tape:
            tape.watch(x)
            y = f(x)
        return tape.jacobian(y, x)

    return jacobian


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.sin(x) * x,
        lambda x: tf.reshape(x, [-1])[1:] * tf.reduce_sum(x),
        lambda x: x @ tf.transpose(x),
        lambda x: tf.gather(x, [1, 1, 0]) * 2.0,
        lambda x: tf.reduce_sum(x**3),
    ],
)
def test_a_jacobian_in_a_function_is_that_outside(f):
    x = tf.constant([[1.0, -2.0], [0.5, 3.0]])
    np.testing.assert_allclose(tf.function(jacobian_of(f))(x), jacobian_of(f)(x), rtol=1e-6)


def test_a_hessian_in_a_function_holds_one_copy_of_each_step():
    @tf.function
    def hessian(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(x[1:] * x[:-1] ** 2)
            g = inner.gradient(y, x)
        return outer.jacobian(g, x)

    counts = []
    for n in (5, 50):
        x = tf.constant(np.linspace(0.0, 1.0, n))
        assert hessian(x).shape == (n, n)
        counts.append(len(hessian.graph.nodes))
    assert counts[0] == counts[1]
