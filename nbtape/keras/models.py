"""`tf.keras.models`."""

from nbtape.train.model import Model as Model, clone_model as clone_model
from nbtape.train.sequential import Sequential as Sequential
