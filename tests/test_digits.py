"""Small networks learn to read handwritten digits, as a tutorial would have them."""

import digits
import numpy as np
import pytest

import nbtape as tf

L = tf.keras.layers


@pytest.fixture(autouse=True)
def compiled():
    before = tf.config.get_compilation()
    tf.config.set_compilation("synchronous")
    tf.random.set_seed(1)
    yield
    tf.config.set_compilation(before)


@pytest.fixture(scope="module")
def data():
    return digits.load()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The digits as MNIST's file would have them."""
    names = iter(["x_train", "y_train", "x_test", "y_test"])
    arrays = {}
    for x, y in tf.keras.datasets.digits.load_data():
        wide = np.kron(x, np.ones((1, 3, 3), np.uint8))
        arrays |= {next(names): np.pad(wide, ((0, 0), (2, 2), (2, 2))) * 15, next(names): y}
    path = tmp_path_factory.mktemp("keras") / "mnist.npz"
    np.savez(path, **arrays)
    return path


def test_two_layers_read_97_of_100_digits(data):
    assert digits.accuracy(digits.dense, data, 40) >= 0.97


def test_a_convolutional_network_reads_985_of_1000_digits(data):
    assert digits.accuracy(digits.convolutional, data, 25) >= 0.985


def test_the_same_networks_read_the_file_that_keras_keeps(file):
    data = digits.load(str(file))
    assert data[0][0].shape == (1437, 28, 28) and data[0][0].max() == 1.0
    assert digits.accuracy(digits.dense, data, 10) >= 0.95
    assert digits.accuracy(digits.convolutional, data, 1) >= 0.85


def test_a_loop_with_a_tape_learns_what_fit_does(data):
    (x, y), (x_test, y_test) = data
    model = tf.keras.Sequential([L.Flatten(), L.Dense(64, "relu"), L.Dense(10)])
    optimizer = tf.keras.optimizers.Adam(3e-3)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(2000, seed=1).batch(64)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = digits.LOSS(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    for _ in range(20):
        for images, labels in data:
            step(images, labels)
    found = np.argmax(model(x_test).numpy(), -1)
    assert np.mean(found == y_test) >= 0.96
