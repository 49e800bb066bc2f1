"""Whole models in files, and the names of your own classes and functions in them: `tf.keras.saving`."""

from nbtape.state.custom import (
    custom_object_scope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
)
from nbtape.train.models.saving import load_model as load_model, save_model as save_model
from nbtape.train.models.weights import load_weights as load_weights, save_weights as save_weights
