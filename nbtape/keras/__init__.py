"""Keras's names: `tf.keras`."""

from nbtape.keras import (
    initializers as initializers,
    losses as losses,
    metrics as metrics,
    optimizers as optimizers,
)
