"""Optimizers: `tf.optimizers`."""

from nbtape.keras.optimizers import (
    SGD as SGD,
    Adadelta as Adadelta,
    Adafactor as Adafactor,
    Adagrad as Adagrad,
    Adam as Adam,
    Adamax as Adamax,
    AdamW as AdamW,
    Ftrl as Ftrl,
    Lamb as Lamb,
    Lion as Lion,
    LossScaleOptimizer as LossScaleOptimizer,
    Nadam as Nadam,
    Optimizer as Optimizer,
    RMSprop as RMSprop,
    deserialize as deserialize,
    get as get,
    schedules as schedules,
    serialize as serialize,
)
