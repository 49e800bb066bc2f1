"""Weights of models in files: safetensors whose names are the paths from the model to each weight."""

import os
import warnings
from typing import Any

from nbtape.core import source
from nbtape.state.saving.bundle import MODEL, CheckpointReader, filename, write
from nbtape.state.saving.tracking import key, walk
from nbtape.state.saving.values import snapshot, store

# In the file of a whole model: its config, under a name that no attribute has, and where its weights are.
CONFIG, WEIGHTS = ".config", "model/"
_FORMAT = (
    "Weights are written as safetensors: the filename must end in `.weights.safetensors`, or at least in "
    "`.safetensors`. Received: filepath={}"
)
_NOT_BUILT = (
    "You are {} a model that has not yet been built. Try building the model first by calling it on some data "
    "or by using `build()`."
)
_NOT_LOADED = "A total of {} weights could not be loaded from {}. {}"


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights to a file of safetensors, which replaces an older one when it is complete.

    Raises FileExistsError for a file that is there if not `overwrite`.

    >>> model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    >>> model.save_weights("model.weights.safetensors")
    >>> weights = model.get_weights()
    >>> model.set_weights([0.0 * w for w in weights])
    >>> model.load_weights("model.weights.safetensors")
    >>> all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights()))
    True
    """
    path = _path(filepath)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"The file {path} exists. Write `overwrite=True` to replace it.")
    named = _of_built(model, "saving")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    write(path, dict(zip(named, snapshot(list(named.values())))))


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Give the weights the values that `save_weights` wrote, or `save`: all, or if `skip_mismatch` those that
    fit.

    Raises ValueError where the model has other weights than the file, and changes none then.
    """
    path = os.fspath(filepath)
    path = path if path.endswith(MODEL) else _path(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {path}.")
    named, reader = _of_built(model, "loading weights into"), CheckpointReader(path)
    reader.check()
    if CONFIG in reader:
        named = {WEIGHTS + name: v for name, v in named.items()}
    held = [name for name in reader if CONFIG not in reader or name.startswith(WEIGHTS)]
    fill(reader, named, held, skip_mismatch)


def fill(reader: CheckpointReader, named: dict[str, Any], names: list[str], skip: bool = False) -> None:
    """Give variables, by name, the values that a file has under `names`: all, or if `skip` those that fit.

    Raises ValueError where others are named than there are, and changes none then.
    """
    reasons = {name: _mismatch(reader, name, v) for name, v in named.items()}
    reasons |= {name: f"{name} is not in the model" for name in names if name not in named}
    wrong = [reason for reason in reasons.values() if reason]
    if wrong:
        more = "; ..." * (len(wrong) > 10)
        text = _NOT_LOADED.format(len(wrong), filename(reader.prefix), "; ".join(wrong[:10]) + more)
        if not skip:
            raise ValueError(text)
        warnings.warn(text, stacklevel=source.depth())
    fitting = [name for name in named if not reasons[name]]
    arrays = reader.read(fitting)
    store([(named[name], arrays[name].astype(named[name].dtype.np)) for name in fitting])


def _path(filepath: Any) -> str:
    path = os.fspath(filepath)
    if path.endswith((".h5", ".hdf5", ".keras", ".npz", ".json")):
        raise ValueError(_FORMAT.format(path))
    return filename(path)


def named_weights(model: Any) -> dict[str, Any]:
    """The weights of a model by the shortest path to each."""
    weights = {key(v) for v in model.weights}
    return {path: x for path, x, _ in walk(model) if key(x) in weights}


def _of_built(model: Any, action: str) -> dict[str, Any]:
    named = named_weights(model)
    if not named and not model.built:
        raise ValueError(_NOT_BUILT.format(action))
    return named


def _mismatch(reader: CheckpointReader, name: str, variable: Any) -> str:
    """Why a weight cannot take its value from a file, "" where it can."""
    if name not in reader:
        return f"{name} is not in the file"
    if not variable.shape.is_compatible_with(reader.shape(name)):
        return f"{name} has the shape {variable.shape} in the model, {reader.shape(name)} in the file"
    return ""
