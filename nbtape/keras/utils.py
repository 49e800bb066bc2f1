"""Helpers: `tf.keras.utils`."""

from nbtape.train.datasets.arrays import (
    normalize as normalize,
    pad_sequences as pad_sequences,
    to_categorical as to_categorical,
)
from nbtape.train.datasets.download import get_file as get_file
from nbtape.train.seeds import set_random_seed as set_random_seed
