"""`tf.keras.optimizers`."""

from nbtape.keras.optimizers import schedules as schedules
from nbtape.train.optimizer import Optimizer as Optimizer
from nbtape.train.optimizers import SGD as SGD, Adam as Adam
