"""Optimizers: `tf.optimizers`."""

from nbtape.optimizers import schedules as schedules
from nbtape.train.optimizer import Optimizer as Optimizer
from nbtape.train.optimizers import SGD as SGD, Adam as Adam
