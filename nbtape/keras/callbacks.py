"""`tf.keras.callbacks`."""

from nbtape.notebook.live.callback import Live as Live
from nbtape.train.callbacks.callback import Callback as Callback
from nbtape.train.callbacks.callback_list import CallbackList as CallbackList
from nbtape.train.callbacks.model_checkpoint import (
    ModelCheckpoint as ModelCheckpoint,
    SwapEMAWeights as SwapEMAWeights,
)
from nbtape.train.callbacks.monitors import (
    EarlyStopping as EarlyStopping,
    MonitorCallback as MonitorCallback,
    ReduceLROnPlateau as ReduceLROnPlateau,
)
from nbtape.train.callbacks.progress import ProgbarLogger as ProgbarLogger
from nbtape.train.callbacks.simple import (
    CSVLogger as CSVLogger,
    History as History,
    LambdaCallback as LambdaCallback,
    LearningRateScheduler as LearningRateScheduler,
    TerminateOnNaN as TerminateOnNaN,
)
from nbtape.train.callbacks.tensorboard import TensorBoard as TensorBoard
