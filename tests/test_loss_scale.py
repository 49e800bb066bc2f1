"""The scale of a loss grows while gradients are finite, and shrinks instead of a step where one is not."""

import json

import numpy as np
import pytest

import nbtape as tf

K = tf.keras.optimizers
SCALED = [1.0, 1.0, 1.0, np.inf, 1.0, np.nan, 1.0, 1.0, 1.0]  # the slopes of nine steps
KERAS = [  # a weight, the scale, finite steps since it changed, and all; by Keras 3 in TensorFlow 2.21
    (0.9, 8.0, 1, 1), (0.80041, 16.0, 0, 2), (0.70159, 16.0, 1, 3), (0.70159, 8.0, 0, 3),
    (0.60394, 8.0, 1, 4), (0.60394, 4.0, 0, 4),
    (0.50797, 4.0, 1, 5), (0.41424, 8.0, 0, 6), (0.32343, 8.0, 1, 7),
]  # fmt: skip


def descend(run):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([[1.0], [2.0]])
    optimizer = K.LossScaleOptimizer(K.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2)
    optimizer.build([v, w])

    @run
    def step(n):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v * v * n) + tf.reduce_sum(tf.gather(w, [0]) ** 2)
            loss = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(loss, [v, w]), [v, w]))

    for n in np.float32(SCALED):
        step(tf.constant(n))
        state = optimizer.dynamic_scale, optimizer.step_counter, optimizer.iterations
        yield (float(v[0]), *map(float, state))


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
def test_the_scale_moves_as_by_keras(run):
    np.testing.assert_allclose(list(descend(run)), KERAS, atol=1e-5)


def test_a_scaled_step_compiles(compiled):
    np.testing.assert_allclose(list(descend(tf.function)), KERAS, atol=1e-5)


def test_it_stands_for_the_optimizer_in_it():
    optimizer = K.LossScaleOptimizer(K.SGD(0.5, use_ema=True), initial_scale=4.0, name="scaled")
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25 and float(optimizer.scale_loss(2.0)) == 8.0
    written = json.loads(json.dumps(K.serialize(optimizer)))
    again = K.deserialize(written)
    assert K.serialize(again) == written and repr(again) == repr(optimizer)
    with pytest.raises(ValueError, match="does not support `clipnorm`. Instead, set `clipnorm` on the"):
        K.LossScaleOptimizer(K.SGD(), clipnorm=1.0)


def test_a_checkpoint_has_the_scale_and_the_optimizer_in_it(tmp_path):
    v, optimizer = tf.Variable([1.0]), K.LossScaleOptimizer(K.Adam(0.1))
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant([1.0]), v)])
    path = tf.train.Checkpoint(optimizer=optimizer).save(tmp_path / "saved")
    again = K.LossScaleOptimizer(K.Adam(0.1))
    status = tf.train.Checkpoint(optimizer=again).restore(path)
    again.build([v])
    status.assert_existing_objects_matched()
    for ours, theirs in zip(again.variables, optimizer.variables):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_trains_with_it():
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile(K.LossScaleOptimizer(K.SGD(0.1, use_ema=True), dynamic_growth_steps=4), "mse")
    x = np.linspace(0.0, 1.0, 8, dtype=np.float32)[:, None]
    losses = model.fit(x, 2 * x, batch_size=2, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and float(model.optimizer.dynamic_scale) == 2.0**19
    model.evaluate(x, x, verbose=0, callbacks=[tf.keras.callbacks.SwapEMAWeights()])
