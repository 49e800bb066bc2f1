"""Keras's names: `tf.keras`."""

from nbtape.keras import initializers as initializers
from nbtape.keras import optimizers as optimizers
