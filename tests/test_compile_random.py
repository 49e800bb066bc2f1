"""Compiled random numbers are those of eager code, made where they are needed, and draws keep their order."""

import numpy as np
import pytest

import nbtape as tf

pytestmark = pytest.mark.usefixtures("compiled")
R = tf.random


def both(f, *xs):
    """What `f` gives in two calls, eagerly and compiled, and what is drawn afterwards; and the function."""
    compiled = tf.function(f)
    found = []
    for run in (f, compiled):
        R.set_seed(3)
        values = [run(*xs), run(*xs), R.normal([3]), R.uniform([3]), R.uniform([3], dtype=tf.float64)]
        found.append([y.numpy() for y in tf.nest.flatten(values)])
    for eager, ours in zip(*found, strict=True):
        assert (eager.dtype, eager.shape) == (ours.dtype, ours.shape)
        np.testing.assert_allclose(ours, eager, 1e-6, 1e-6)
    return compiled


def units(function):
    return [unit.what for unit in function.plan.units]


def is_native(function):
    return not any("in Python" in what for what in units(function))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: R.uniform([7]),
        lambda: [R.uniform([n]) for n in (1, 2, 8, 0, 9, 3, 17)],
        lambda: [R.uniform([3]), R.uniform([5], dtype=tf.float64), R.uniform([2])],
        lambda: [R.uniform([]), R.uniform([], dtype=tf.float64)],
        lambda: R.uniform([5, 5000]),
        lambda: R.uniform([3, 5], -1, 2) + tf.transpose(R.uniform([5, 3])),
        lambda: R.uniform([4, 1, 6]) + R.uniform([3, 1]),
        lambda: [R.uniform([2, 3], seed=4), R.uniform([3], seed=4), R.uniform([2], -2, 3, seed=5)],
        lambda: [R.normal([n]) for n in (1, 0, 9)] + [R.uniform([3]), R.normal([5000], 2.0, 0.5)],
        lambda: [R.normal([4], seed=2), R.normal([2, 3], seed=2), R.stateless_normal([3, 5], [4, -5])],
        lambda: [R.stateless_uniform([3, 5], [4, -5]), R.stateless_uniform([2], [1, 2], dtype=tf.float64)],
    ],
)
def test_numbers_are_those_of_eager_code(draw):
    assert is_native(both(lambda: draw()))


def test_the_seed_of_a_stateless_draw_may_be_computed():
    assert is_native(both(lambda seed: R.stateless_uniform([9], seed + 1), tf.constant([4, 5], tf.int64)))


def test_numbers_below_the_upper_bound_stay_below_it():
    low, high = 1.0, 1.0 + 2**-22
    numbers = both(lambda: R.uniform([1000], low, high))().numpy()
    assert low <= numbers.min() and numbers.max() < high


def test_dropout_is_one_kernel():
    function = both(lambda x: tf.nn.dropout(x, 0.4), tf.ones([20, 300]))
    assert units(function)[1:] == ["random greater_equal dropout"]


@pytest.mark.parametrize("noise_shape", [None, [8, 1, 5], [1, 6, 1]])
def test_the_gradient_of_dropout_uses_the_mask_that_was_drawn(noise_shape):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.dropout(x, 0.4, noise_shape)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, x)

    function = both(gradient, tf.ones([8, 6, 5]))
    y, g = function(tf.ones([8, 6, 5]))
    np.testing.assert_array_equal(y.numpy() == 0, g.numpy() == 0)
    assert is_native(function)


def test_a_softmax_of_random_numbers_sees_each_of_them_once():
    assert is_native(both(lambda x: tf.nn.softmax(tf.nn.dropout(x, 0.5)), tf.ones([6, 40])))


def test_many_numbers_are_shared_by_threads():
    function = both(lambda x: tf.nn.dropout(x, 0.4), tf.ones([640, 1000]))
    assert is_native(function)


def test_loops_and_branches_draw_in_order():
    def program(x):
        first = R.uniform([3])
        for _ in tf.range(5):
            x = tf.nn.dropout(x, 0.3) + R.uniform([3])
        x = tf.cond(tf.reduce_sum(x) > 0, lambda: x + R.uniform([3]), lambda: x * 2.0)
        return x * R.uniform([3], seed=2) + first

    function = both(program, tf.ones([3]))
    both(program, tf.fill([3], -100.0))
    assert is_native(function)


def test_draws_that_run_in_python_keep_their_place_among_the_others():
    def program(x):
        some = R.uniform([3])
        gamma = R.gamma([3], tf.reduce_sum(x * some) ** 2 + 1)
        for _ in tf.range(2):
            x = x + R.gamma([3], 2.0) * R.uniform([3])
        return x * R.uniform([3]) + gamma, R.shuffle(tf.range(5)), R.uniform([3])

    assert not is_native(both(program, tf.ones([3])))


def test_the_tail_of_normal_numbers_is_that_of_eager_code():
    function = both(lambda: R.normal([200_000]))
    assert abs(function().numpy()).max() > 4


def test_a_function_goes_on_where_a_new_seed_starts():
    draw = tf.function(lambda: R.uniform([4]))
    draw()
    R.set_seed(8)
    first = draw().numpy()
    R.set_seed(8)
    np.testing.assert_array_equal(first, R.uniform([4]).numpy())
