"""Copies of models: the same layers, or others in their place, with new weights."""

from collections.abc import Callable
from typing import Any

from nbtape.core import nest
from nbtape.train.config import deserialize, serialize
from nbtape.train.layers.keras_tensor import KerasTensor
from nbtape.train.layers.layer import Layer
from nbtape.train.models.model import Functional, Input, InputLayer
from nbtape.train.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
) -> Any:
    """A model of the same layers, with new weights.

    `clone_function(layer)` gives the layer that stands in place of one, other than an Input; `input_tensors`
    are what goes in. In a functional model `call_function(layer, *args, **kwargs)` calls the new layers.
    Models among the layers are layers as well, unless `recursive`. Raises ValueError for what such a model
    has not.

    >>> model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
    >>> tf.keras.models.clone_model(model).count_params()
    8
    >>> wide = lambda layer: tf.keras.layers.Dense(2 * layer.units)
    >>> tf.keras.models.clone_model(model, clone_function=wide).count_params()
    16
    """
    if input_tensors is None and clone_function is None and call_function is None and not recursive:
        return deserialize(serialize(model))
    if not isinstance(model, Sequential | Functional):
        raise ValueError(
            f"Expected a Sequential or functional model, whose layers are known. Received: {model}"
        )
    if recursive and clone_function is None:
        raise ValueError("`recursive` says where `clone_function` goes, which is not given.")
    if isinstance(model, Sequential) and call_function is not None:
        raise ValueError("`call_function` is for functional models, and this one is a Sequential.")

    def clone(layer: Layer) -> Any:
        if recursive and isinstance(layer, Sequential | Functional):
            inner = call_function if isinstance(layer, Functional) else None
            return clone_model(layer, None, clone_function, inner, True)
        return (clone_function or _same)(layer)

    given = None if input_tensors is None else nest.flatten(input_tensors)
    if isinstance(model, Sequential):
        return _sequential(model, given, clone)
    return _functional(model, given, clone, call_function or _call)


def _same(layer: Any) -> Any:
    return layer.__class__.from_config(layer.get_config())


def _call(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return layer(*args, **kwargs)


def _sequential(model: Sequential, given: list | None, clone: Callable) -> Sequential:
    layers = [clone(layer) for layer in model.layers]
    if given is not None or model.built:
        layers.insert(0, _inputs([model.input], given)[0].history[0])
    return Sequential(layers, name=model.name)


def _functional(model: Functional, inputs: list | None, clone: Callable, call: Callable) -> Any:
    """The calls of a model again, between new layers."""
    new = {id(x): y for x, y in zip(model.inputs, _inputs(model.inputs, inputs))}
    clones: dict[int, Any] = {}

    def value(x: Any) -> Any:
        return new[id(x)] if isinstance(x, KerasTensor) else x

    for layer, args, kwargs, results in model._steps:
        if not args and not kwargs:  # an Input
            continue
        if id(layer) not in clones:
            clones[id(layer)] = clone(layer)
        given = {key: nest.map_structure(value, x) for key, x in kwargs.items() if x is not None}
        found = call(clones[id(layer)], *nest.map_structure(value, args), **given)
        new |= {id(x): y for x, y in zip(nest.flatten(results), nest.flatten(found))}
    ends = [nest.map_structure(value, x) for x in (model.inputs_structure, model.outputs_structure)]
    return Functional(*ends, name=model.name)


def _inputs(wanted: list[Any], given: list | None) -> list[Any]:
    """What goes into a copy: what is given, or new Inputs of the shapes of the old."""
    if given is None:
        return [Input(batch_shape=x.shape, dtype=x.dtype, name=x.name) for x in wanted]
    if len(given) != len(wanted):
        raise ValueError(f"`input_tensors` are {len(given)}, and the model has {len(wanted)} inputs.")
    return [x.output if isinstance(x, InputLayer) else x for x in given]
