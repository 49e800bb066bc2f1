"""`tf.keras.models`."""

from nbtape.train.model import Model as Model, clone_model as clone_model, model_from_json as model_from_json
from nbtape.train.sequential import Sequential as Sequential
