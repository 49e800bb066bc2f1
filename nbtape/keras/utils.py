"""Helpers: `tf.keras.utils`."""

from nbtape.state.custom import (
    custom_object_scope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
)
from nbtape.train.datasets.arrays import (
    normalize as normalize,
    pad_sequences as pad_sequences,
    to_categorical as to_categorical,
)
from nbtape.train.datasets.download import get_file as get_file
from nbtape.train.reset import clear_session as clear_session
from nbtape.train.seeds import set_random_seed as set_random_seed
