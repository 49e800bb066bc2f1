"""Layers as configs, plain dicts from which they are made again: `get_config`, `serialize`, `deserialize`."""

from typing import Any

from nbtape.state import scaling
from nbtape.state.initializers import Initializer
from nbtape.train import activations

kinds: dict[str, type] = {}  # layers by the name of their class; of one that is defined again, the last


def plain(value: Any) -> Any:
    """A setting of a layer as a config has it: functions by name, objects as dicts."""
    if isinstance(value, list | tuple):
        return type(value)([plain(x) for x in value])
    if isinstance(value, Initializer):
        return scaling.serialize(value)
    if hasattr(value, "get_config"):
        return serialize(value)
    if callable(value):
        name = getattr(value, "__name__", "")
        return name if activations.named(name) is value else value
    return value


def serialize(layer: Any) -> dict:
    """A layer, a regularizer or a constraint as a dict: its class, and the arguments that make it again.

    >>> config = tf.keras.layers.serialize(tf.keras.layers.Dense(2, "relu", name="d"))
    >>> config["class_name"], config["config"]["units"], config["config"]["activation"]
    ('Dense', 2, 'relu')
    """
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """A layer from what `serialize` gave; your own classes are found by their names.

    Raises ValueError for a class that is not known.
    """
    if not isinstance(config, dict):
        return config
    name = config.get("class_name", "")
    found = (custom_objects or {}).get(name, kinds.get(name))
    if found is None:
        raise ValueError(
            f"There is no layer class {name!r}: define it, or give it as custom_objects={{{name!r}: ...}}."
        )
    return found.from_config(config.get("config", {}))
