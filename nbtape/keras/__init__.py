"""Keras's names: `tf.keras`."""

from nbtape.keras import (
    activations as activations,
    backend as backend,
    callbacks as callbacks,
    constraints as constraints,
    datasets as datasets,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    models as models,
    optimizers as optimizers,
    preprocessing as preprocessing,
    regularizers as regularizers,
    saving as saving,
    utils as utils,
)
from nbtape.state.initializers import Initializer as Initializer
from nbtape.train.layers.keras_tensor import InputSpec as InputSpec, KerasTensor as KerasTensor
from nbtape.train.layers.layer import Layer as Layer
from nbtape.train.losses.loss import Loss as Loss
from nbtape.train.metrics.metric import Metric as Metric
from nbtape.train.models.model import Input as Input, Model as Model
from nbtape.train.models.sequential import Sequential as Sequential
from nbtape.train.optimizers.optimizer import Optimizer as Optimizer
from nbtape.train.regularizers import Regularizer as Regularizer
