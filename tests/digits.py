"""Networks that learn to read digits, as tutorials write them: `python tests/digits.py [mnist.npz]`.

Without a file they read the digits that come with scikit-learn; MNIST's they find by the file's path, or by
the name "mnist.npz" where Keras or nbtape keeps it, or the network has it.
"""

import sys

import nbtape as tf

L = tf.keras.layers
LOSS = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def load(path=None):
    """Images from 0 to 1 and their classes, for training and for tests."""
    sets = tf.keras.datasets
    (x, y), (x_test, y_test) = sets.digits.load_data() if path is None else sets.mnist.load_data(path)
    most = x.max()
    return (x / most, y), (x_test / most, y_test)


def dense(shape):
    layers = [L.Flatten(), L.Dense(128, "relu"), L.Dense(10)]
    model = tf.keras.Sequential([tf.keras.Input(shape), *layers])
    model.compile("adam", LOSS, metrics=["accuracy"])
    return model


def convolutional(shape):
    model = tf.keras.Sequential([
        tf.keras.Input(shape),
        L.Reshape((*shape, 1)),
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
    return model


def accuracy(make, data, epochs, verbose=0):
    """The share of the tests' digits that a new network reads after its training."""
    train, test = data
    model = make(train[0].shape[1:])
    model.fit(*train, epochs=epochs, verbose=verbose)
    return model.evaluate(*test, verbose=0)[1]


if __name__ == "__main__":
    digits = load(*sys.argv[1:2])
    few = len(digits[0][0]) < 10_000
    for network, rounds in ((dense, 40 if few else 5), (convolutional, 25 if few else 2)):
        print(f"{network.__name__}: {accuracy(network, digits, rounds, verbose='auto'):.2%}")
