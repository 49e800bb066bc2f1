"""Layers as configs, plain dicts from which they are made again: `get_config`, `serialize`, `deserialize`;
and configs as text, in which functions stand with their names.
"""

import inspect
import json
from typing import Any

import numpy as np

from nbtape.core.dtype import DType
from nbtape.core.shape import TensorShape
from nbtape.state import scaling
from nbtape.state.custom import custom_object_scope, resolved
from nbtape.state.initializers import Initializer
from nbtape.train import (
    activations,
    constraints,
    regularizers,
)

# Layers by the name of their class, the house's and those of users; of one that is defined again, the last.
_ours: dict[str, type] = {}
_users: dict[str, type] = {}

_NAMED = (
    ("_initializer", scaling.get),
    ("_regularizer", regularizers.get),
    ("_constraint", constraints.get),
)


def known(cls: type) -> None:
    """Let configs find a class of layers by its name."""
    (_ours if _is_ours(cls) else _users)[cls.__name__] = cls


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("nbtape.")


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


def setting(name: str, value: Any) -> Any:
    """A setting of this name as a config has it: initializers, regularizers and constraints as dicts."""
    for ending, get in _NAMED:
        if name.endswith(ending):
            return plain(get(value))
    return plain(value)


def serialize(layer: Any) -> dict:
    """A layer, a regularizer or a constraint as a dict: its class, and the arguments that make it again.

    >>> config = tf.keras.layers.serialize(tf.keras.layers.Dense(2, "relu", name="d"))
    >>> config["class_name"], config["config"]["units"], config["config"]["activation"]
    ('Dense', 2, 'relu')
    """
    cls = type(layer)
    module = f"keras.{cls.__module__.split('.')[2]}" if _is_ours(cls) else cls.__module__
    return {"module": module, "class_name": cls.__name__, "config": layer.get_config()}


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """A layer from what `serialize` gave; your own classes are found by their names.

    Raises ValueError for a class that is not known.
    """
    if not isinstance(config, dict):
        return config
    name = config.get("class_name", "")
    with custom_object_scope(custom_objects):
        # A class of the user's that only is called like one of Keras's does not stand in for that.
        ours = config.get("module", "").startswith("keras.")
        found = resolved(name, _ours if ours else _ours | _users)
        if found is None:
            raise ValueError(
                f"There is no layer class {name!r}: define it, or give it as "
                f"custom_objects={{{name!r}: ...}}."
            )
        return found.from_config(config.get("config", {}))


def written(config: Any, **kwargs: Any) -> str:
    """A config as JSON.

    Raises ValueError for what it has no words for.
    """
    return json.dumps(config, default=_worded, **kwargs)


def _worded(x: Any) -> Any:
    if isinstance(x, np.ndarray | np.generic):
        return x.tolist()
    if isinstance(x, TensorShape):
        return x.as_list()
    if isinstance(x, DType):
        return x.name
    if callable(x) and hasattr(x, "__name__"):
        return {"class_name": "function", "config": x.__name__}
    raise ValueError(
        f"A config has no words for {x!r}. Write a `get_config` that says what it is made of, and a "
        "`from_config` that makes it again."
    )


def read(text: str | bytes, custom_objects: dict | None = None) -> Any:
    """The config that was written, with the functions that it names.

    Raises ValueError for a function that is not known.
    """
    with custom_object_scope(custom_objects):
        return json.loads(text, object_hook=_meant)


def _meant(x: dict) -> Any:
    if x.get("class_name") != "function":
        return x
    name = x["config"]
    found = resolved(name) or activations.named(name)
    if found is None:
        raise ValueError(f"There is no function {name!r}: give it as custom_objects={{{name!r}: ...}}.")
    return found


def given_arguments(cls: Any, args: tuple, kwargs: dict, common: dict) -> dict:
    """The arguments of a call of a class, by name, with those of `common` that the class takes."""
    signature = inspect.signature(cls)
    bound = dict(signature.bind(*args, **kwargs).arguments)
    named: dict[str, Any] = {}
    takes_more = False
    for name, p in signature.parameters.items():
        if p.kind is p.VAR_KEYWORD:
            named |= bound.pop(name, {})
            takes_more = True
        elif p.kind is p.VAR_POSITIONAL and bound.get(name):
            raise NotImplementedError(
                f"{cls.__name__} takes *{name}, which a config has no names for: write `get_config` in it."
            )
        elif name in bound:
            named[name] = bound[name]
    known = {key: x for key, x in common.items() if takes_more or key in signature.parameters}
    return known | {key: plain(x) for key, x in named.items()}
