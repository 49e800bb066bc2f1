"""Keras's names: `tf.keras`."""

from nbtape.keras import (
    activations as activations,
    callbacks as callbacks,
    constraints as constraints,
    datasets as datasets,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    models as models,
    optimizers as optimizers,
    regularizers as regularizers,
    utils as utils,
)
from nbtape.train.model import Input as Input, Model as Model
from nbtape.train.sequential import Sequential as Sequential
