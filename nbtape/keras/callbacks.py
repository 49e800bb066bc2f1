"""`tf.keras.callbacks`."""

from nbtape.notebook.live.callback import Live as Live
from nbtape.train.callback import Callback as Callback
from nbtape.train.callback_list import CallbackList as CallbackList
from nbtape.train.callbacks import (
    CSVLogger as CSVLogger,
    History as History,
    LambdaCallback as LambdaCallback,
    LearningRateScheduler as LearningRateScheduler,
    TerminateOnNaN as TerminateOnNaN,
)
from nbtape.train.model_checkpoint import ModelCheckpoint as ModelCheckpoint, SwapEMAWeights as SwapEMAWeights
from nbtape.train.monitors import (
    EarlyStopping as EarlyStopping,
    MonitorCallback as MonitorCallback,
    ReduceLROnPlateau as ReduceLROnPlateau,
)
from nbtape.train.progress import ProgbarLogger as ProgbarLogger
from nbtape.train.tensorboard import TensorBoard as TensorBoard
