"""`tf.keras.backend`."""

from nbtape.train.backend import (
    epsilon as epsilon,
    floatx as floatx,
    image_data_format as image_data_format,
)
from nbtape.train.reset import clear_session as clear_session
