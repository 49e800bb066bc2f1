"""`tf.keras.callbacks`."""

from nbtape.train.callbacks import (
    Callback as Callback,
    History as History,
    LambdaCallback as LambdaCallback,
)
