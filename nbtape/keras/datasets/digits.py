"""Handwritten digits, 8x8, without a download: `tf.keras.datasets.digits`."""

from nbtape.train.datasets.digits import load_digits as load_data
