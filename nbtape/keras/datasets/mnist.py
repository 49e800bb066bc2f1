"""Handwritten digits, 28x28: `tf.keras.datasets.mnist`."""

from nbtape.train.datasets.images import load_mnist as load_data
