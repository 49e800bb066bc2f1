"""Helpers: `tf.keras.utils`."""

from nbtape.train.datasets.arrays import (
    normalize as normalize,
    pad_sequences as pad_sequences,
    to_categorical as to_categorical,
)
from nbtape.train.datasets.download import get_file as get_file
