"""`tf.keras.models`."""

from nbtape.train.models.cloning import clone_model as clone_model
from nbtape.train.models.model import (
    Model as Model,
    model_from_json as model_from_json,
)
from nbtape.train.models.saving import load_model as load_model, save_model as save_model
from nbtape.train.models.sequential import Sequential as Sequential
