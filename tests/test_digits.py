"""Small networks learn to read handwritten digits, as a tutorial would have them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nbtape as tf

L = tf.keras.layers
LOSS = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(autouse=True)
def compiled():
    before = tf.config.get_compilation()
    tf.config.set_compilation("synchronous")
    tf.random.set_seed(1)
    yield
    tf.config.set_compilation(before)


@pytest.fixture(scope="module")
def digits():
    bunch = load_digits()
    order = np.random.RandomState(0).permutation(len(bunch.target))
    x, y = (bunch.images[order] / 16.0).astype(np.float32), bunch.target[order]
    return (x[:-360], y[:-360]), (x[-360:], y[-360:])


def test_two_layers_read_97_of_100_digits(digits):
    model = tf.keras.Sequential([tf.keras.Input((8, 8)), L.Flatten(), L.Dense(128, "relu"), L.Dense(10)])
    model.compile("adam", LOSS, metrics=["accuracy"])
    model.fit(*digits[0], epochs=40, verbose=0)
    assert model.evaluate(*digits[1], verbose=0)[1] >= 0.97


def test_a_convolutional_network_reads_985_of_1000_digits(digits):
    model = tf.keras.Sequential([
        tf.keras.Input((8, 8)),
        L.Reshape((8, 8, 1)),
        L.Conv2D(32, 3, padding="same", activation="relu"),
        L.Conv2D(32, 3, padding="same", activation="relu"),
        L.MaxPooling2D(),
        L.Dropout(0.25),
        L.Flatten(),
        L.Dense(128, "relu"),
        L.Dropout(0.5),
        L.Dense(10),
    ])  # fmt: skip
    model.compile(tf.keras.optimizers.Adam(2e-3), LOSS, metrics=["accuracy"])
    model.fit(*digits[0], epochs=25, verbose=0)
    assert model.evaluate(*digits[1], verbose=0)[1] >= 0.985


def test_a_loop_with_a_tape_learns_what_fit_does(digits):
    (x, y), (x_test, y_test) = digits
    model = tf.keras.Sequential([L.Flatten(), L.Dense(64, "relu"), L.Dense(10)])
    optimizer = tf.keras.optimizers.Adam(3e-3)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(2000, seed=1).batch(64)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = LOSS(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    for _ in range(20):
        for images, labels in data:
            step(images, labels)
    found = np.argmax(model(x_test).numpy(), -1)
    assert np.mean(found == y_test) >= 0.96
