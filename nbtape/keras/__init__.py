"""Keras's names: `tf.keras`."""

from nbtape.keras import initializers as initializers, optimizers as optimizers
