"""Whole models in one file: what makes them again, their weights, and what trains them.

The file is a bundle of arrays (see `state/saving/bundle`), so that it is there whole or not at all, and is
refused where it was altered: the weights by their paths in the model, the optimizer's variables by theirs,
and as text the configs. It holds no code: classes and functions of users are found by their names.
"""

import os
import warnings
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.state.custom import custom_object_scope
from nbtape.state.saving.bundle import MODEL, SUFFIX, CheckpointReader, write
from nbtape.state.saving.tracking import key, walk
from nbtape.state.saving.values import snapshot
from nbtape.state.variable import Variable
from nbtape.train.config import deserialize, read, serialize, written
from nbtape.train.models.weights import CONFIG, WEIGHTS, fill, named_weights

_OPTIMIZER = "optimizer/"
_VERSION = 1
_ENDING = (
    "Invalid filepath extension for saving. Please end it in `.keras` or in `.safetensors`. Received: "
    "filepath={}"
)
_UNBUILT = (
    "You are saving a model that has not yet been built. It might not contain any weights yet. Consider "
    "building the model first by calling it on some data."
)
_FOREIGN = (
    "{} was written by Keras itself, with HDF5 in it. Load it there, and give this model the weights: "
    "`model.set_weights(keras_model.get_weights())`."
)
_NO_MODEL = "{} holds variables but no model: make the model, and write `model.load_weights(...)`."
_NEWER = "{} was written by a later version of nbtape, in form {}, of which this one knows {}."
_OTHERS = (
    "The optimizer trains variables that the model does not hold: {}. Write `model.save_weights(...)`, or "
    "keep both in a `tf.train.Checkpoint`."
)


def save_model(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the model, its weights, what it was compiled with and the state of its optimizer to one file,
    which replaces an older one when it is complete; `tf.keras.models.load_model` reads it.

    Raises FileExistsError for a file that is there if not `overwrite`, and ValueError for a model that a
    config has no words for.

    >>> model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> model.save("model.keras")
    >>> again = tf.keras.models.load_model("model.keras")
    >>> x = tf.ones([1, 2])
    >>> bool(again(x) == model(x)), again.optimizer
    (True, Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False))
    """
    path = os.fspath(filepath)
    if not path.endswith((MODEL, SUFFIX)):
        raise ValueError(_ENDING.format(path))
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"The file {path} exists. Write `overwrite=True` to replace it.")
    if not model.built:
        warnings.warn(_UNBUILT, stacklevel=source.depth())
    weights, optimizer = named_weights(model), model.optimizer
    about = {
        "version": _VERSION,
        "model": serialize(model),
        "built_for": model._built_for,
        "compile": model.get_compile_config(),
        "trained": _trained(optimizer, weights) if getattr(optimizer, "built", False) else None,
    }
    variables = {WEIGHTS + name: v for name, v in weights.items()} | _optimizer_variables(optimizer)
    arrays = dict(zip(variables, snapshot(list(variables.values()))))
    text = np.array(written(about), object)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write(path, arrays | {CONFIG: text})


def load_model(
    filepath: Any, custom_objects: dict | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model that `model.save` wrote; compiled as it was, and its optimizer where it was, if `compile`.

    Classes and functions of your own are found by name in `custom_objects`, among what
    `tf.keras.saving.register_keras_serializable` registered, and layers wherever they are defined. Files hold
    no code, so `safe_mode` changes nothing. Raises FileNotFoundError, DataLossError for a file that was cut
    short or altered, and ValueError for one that is no model, or needs what is not known.
    """
    path = os.fspath(filepath)
    with custom_object_scope(custom_objects):
        reader, about = _opened(path)
        model = deserialize(about["model"])
        if about["built_for"] and not model.built:
            model.build(*about["built_for"])
        weights = named_weights(model)
        variables = {WEIGHTS + name: v for name, v in weights.items()}
        if compile and about["compile"] is not None:
            model.compile_from_config(about["compile"])
            if model.optimizer is not None and about["trained"] is not None:
                model.optimizer.build([weights[name] for name in about["trained"]])
            variables |= _optimizer_variables(model.optimizer)
    expected = (WEIGHTS, _OPTIMIZER) if len(variables) > len(weights) else WEIGHTS
    fill(reader, variables, [name for name in reader if name.startswith(expected)])
    return model


def _trained(optimizer: Any, weights: dict[str, Any]) -> list[str]:
    """The weights that an optimizer was built with, by name."""
    names = {key(v): name for name, v in weights.items()}
    others = [v.name for v in optimizer._trainable if key(v) not in names]
    if others:
        raise ValueError(_OTHERS.format(others))
    return [names[key(v)] for v in optimizer._trainable]


def _optimizer_variables(optimizer: Any) -> dict[str, Variable]:
    if optimizer is None:
        return {}
    return {_OPTIMIZER + path: x for path, x, _ in walk(optimizer) if isinstance(x, Variable)}


def _opened(path: str) -> tuple[CheckpointReader, dict]:
    """A file that is whole, and the configs in it."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        if file.read(4) in (b"PK\x03\x04", b"\x89HDF"):
            raise ValueError(_FOREIGN.format(path))
    reader = CheckpointReader(path)
    reader.check()
    if CONFIG not in reader:
        raise ValueError(_NO_MODEL.format(path))
    about = read(reader.get_tensor(CONFIG))
    if about["version"] > _VERSION:
        raise ValueError(_NEWER.format(path, about["version"], _VERSION))
    return reader, about
