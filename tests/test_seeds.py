"""One seed makes a whole program run as it did: eagerly, in functions, and compiled."""

import random

import numpy as np
import pytest

import nbtape as tf

K = tf.keras


def notebook(run_eagerly, fit_again=True):
    """Everything that draws: data, initial weights, noise in layers, shuffles, and draws between."""
    x = tf.random.normal([48, 8])
    y = tf.cast(tf.reduce_sum(x, 1) > 0, tf.int32)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(48).batch(16)
    layers = [
        K.layers.Dense(16, "relu"),
        K.layers.Dropout(0.3),
        K.layers.GaussianNoise(0.1),
        K.layers.Dense(2),
    ]
    model = K.Sequential([K.Input((8,)), *layers])
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(K.optimizers.Adam(0.01), loss, run_eagerly=run_eagerly)
    losses = model.fit(data, epochs=2, verbose=0).history["loss"]
    losses += model.fit(x.numpy(), y.numpy(), epochs=2, batch_size=16, verbose=0).history["loss"]
    return [*model.get_weights(), losses, tf.random.uniform([3]).numpy()]


def seeded(run_eagerly, seed=3, seed_with=tf.random.set_seed):
    seed_with(seed)
    return notebook(run_eagerly)


@pytest.mark.parametrize("seed_with", [tf.random.set_seed, K.utils.set_random_seed])
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_notebook_runs_as_it_did(run_eagerly, seed_with):
    first, second, other = (seeded(run_eagerly, seed, seed_with) for seed in (3, 3, 4))
    for a, b, c in zip(first, second, other):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_compiled_code_draws_the_numbers_that_eager_code_draws(compiled):
    for ours, theirs in zip(seeded(False), seeded(True)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: tf.random.normal([5]),
        lambda: tf.random.truncated_normal([5]),
        lambda: tf.random.uniform([5], 0, 100, tf.int32),
        lambda: tf.random.shuffle(tf.range(20)),
        lambda: tf.random.categorical(tf.zeros([2, 50]), 3),
        lambda: tf.nn.dropout(tf.ones([40]), 0.5),
        lambda: tf.random.normal([5], seed=2),
        lambda: tf.random.gamma([5], 2.0),
    ],
)
def test_a_draw_is_the_same_in_a_function(draw, compiled):
    found = []
    for run in (lambda f: f, tf.function):
        tf.random.set_seed(7)
        step = run(lambda: draw())
        found.append([step().numpy() for _ in range(3)])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0][0], found[0][1])


def test_initial_values_follow_the_global_seed_and_leave_draws_alone():
    def drawn(make_layers):
        tf.random.set_seed(5)
        before = [K.initializers.HeNormal()((2, 2)).numpy() for _ in range(make_layers)]
        return before, tf.random.uniform([2]).numpy()

    (none, a), (two, b), (three, c) = drawn(0), drawn(2), drawn(3)
    assert np.array_equal(two, three[:2]) and not np.array_equal(two[0], two[1])
    assert np.array_equal(a, b) and np.array_equal(a, c) and none == []


def test_without_a_global_seed_initial_values_follow_python():
    tf.random.set_seed(None)
    found = []
    for seed in (1, 1, 2):
        random.seed(seed)
        found.append(K.initializers.GlorotUniform()((3,)).numpy())
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_one_seed_seeds_python_and_numpy_too():
    found = []
    for _ in range(2):
        K.utils.set_random_seed(11)
        found.append((random.random(), np.random.rand(), float(tf.random.uniform([]))))
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="Expected `seed` argument to be an integer. Received: seed=1.5"):
        K.utils.set_random_seed(1.5)
