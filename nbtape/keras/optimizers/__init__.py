"""`tf.keras.optimizers`."""

from nbtape.keras.optimizers import schedules as schedules
from nbtape.train.lookup import deserialize as deserialize, optimizer as get, serialize as serialize
from nbtape.train.optimizers.adaptive import (
    Adadelta as Adadelta,
    Adagrad as Adagrad,
    Adamax as Adamax,
    AdamW as AdamW,
    Ftrl as Ftrl,
    Lion as Lion,
    Nadam as Nadam,
    RMSprop as RMSprop,
)
from nbtape.train.optimizers.basic import SGD as SGD, Adam as Adam
from nbtape.train.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from nbtape.train.optimizers.norms import Adafactor as Adafactor, Lamb as Lamb
from nbtape.train.optimizers.optimizer import Optimizer as Optimizer
