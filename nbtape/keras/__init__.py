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
from nbtape.state.initializers import Initializer as Initializer
from nbtape.train.keras_tensor import InputSpec as InputSpec, KerasTensor as KerasTensor
from nbtape.train.layer import Layer as Layer
from nbtape.train.loss import Loss as Loss
from nbtape.train.metric import Metric as Metric
from nbtape.train.model import Input as Input, Model as Model
from nbtape.train.optimizer import Optimizer as Optimizer
from nbtape.train.sequential import Sequential as Sequential
