"""The calls of layers between KerasTensors, in order; and as configs, from which they are made again."""

from typing import Any

from nbtape.core import nest
from nbtape.train.config import deserialize, plain, serialize
from nbtape.train.layers.keras_tensor import KerasTensor


def calls_between(inputs: list, outputs: list) -> tuple[list[tuple], list]:
    """The calls that lead from `inputs` to `outputs`, each after those that it needs, as histories; and their
    layers in Keras's order: by how many calls there are at most to an output, the farthest first.

    A history is the layer, the arguments, and the results. Raises ValueError for an output that needs more.
    """
    steps: dict[int, tuple] = {}  # by identity, since all results of a call share its history
    layers: dict[int, Any] = {}  # as they are met on the way from the outputs
    seen: set[int] = set()
    stops = {id(x) for x in inputs}

    def visit(x: KerasTensor) -> None:
        if id(x) in seen:
            return
        seen.add(id(x))
        if x.history is None or id(x) not in stops and not x.history[1] and not x.history[2]:
            raise ValueError(f"`outputs` must be connected to `inputs`. {x} is not made from {inputs}.")
        layer, args, kwargs, _ = x.history
        layers.setdefault(id(layer), layer)
        if id(x) not in stops:
            for before in symbols_in((args, kwargs)):
                visit(before)
        if id(x) not in stops or not args:
            steps[id(x.history)] = x.history

    for x in [*outputs, *inputs]:
        visit(x)
    far = _distances(list(steps.values()))
    return list(steps.values()), sorted(layers.values(), key=lambda layer: -far.get(id(layer), 0))


def _distances(steps: list[tuple]) -> dict[int, int]:
    """How many calls there are at most from each layer to an output."""
    far: dict[int, int] = {}
    after: dict[int, int] = {}
    for history in reversed(steps):
        layer, args, kwargs, _ = history
        here = max(after.get(id(history), 0), far.get(id(layer), 0))
        far[id(layer)] = here
        for x in symbols_in((args, kwargs)):
            after[id(x.history)] = max(after.get(id(x.history), 0), here + 1)
    return far


def symbols_in(structure: Any) -> list[KerasTensor]:
    return [x for x in nest.flatten(structure) if isinstance(x, KerasTensor)]


def config_of(inputs: Any, outputs: Any, steps: list[tuple]) -> dict:
    """Layers with their calls, and what goes in and comes out; a KerasTensor is (layer, call, result)."""
    places: dict[int, list] = {}
    layers: dict[int, dict] = {}
    for layer, args, kwargs, results in steps:
        config = layers.setdefault(id(layer), serialize(layer) | {"name": layer.name, "inbound_nodes": []})
        calls = config["inbound_nodes"]
        if args or kwargs:
            given = {key: x for key, x in kwargs.items() if x is not None}
            calls.append({"args": [_named(x, places) for x in args], "kwargs": _named(given, places)})
        for i, y in enumerate(nest.flatten(results)):
            places[id(y)] = [layer.name, max(len(calls) - 1, 0), i]
    return {
        "layers": list(layers.values()),
        "input_layers": _named(inputs, places),
        "output_layers": _named(outputs, places),
    }


def _named(x: Any, places: dict[int, list]) -> Any:
    if isinstance(x, dict):
        return {key: _named(value, places) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_named(value, places) for value in x]
    return {"keras_history": places[id(x)]} if isinstance(x, KerasTensor) else plain(x)


def from_config(config: dict, custom_objects: dict | None = None) -> tuple[Any, Any]:
    """The inputs and the outputs of what `config_of` gave, between new layers."""
    made: dict[tuple, list] = {}
    layers = {c["name"]: deserialize(c, custom_objects) for c in config["layers"]}
    waiting = [(c["name"], i, call) for c in config["layers"] for i, call in enumerate(c["inbound_nodes"])]
    for c in config["layers"]:
        if not c["inbound_nodes"]:
            made[c["name"], 0] = [layers[c["name"]].output]
    while waiting:
        ready = [step for step in waiting if all([place in made for place in _needs(step[2])])]
        if not ready:
            raise ValueError(f"The config's layers need what none of them gives: {[w[0] for w in waiting]}")
        for name, i, call in ready:
            args, kwargs = _found(call["args"], made), _found(call["kwargs"], made)
            made[name, i] = nest.flatten(layers[name](*args, **kwargs))
        waiting = [step for step in waiting if (step[0], step[1]) not in made]
    return _found(config["input_layers"], made), _found(config["output_layers"], made)


def _needs(x: Any) -> list[tuple]:
    """The calls whose results a config names."""
    if isinstance(x, dict) and "keras_history" in x:
        return [tuple(x["keras_history"][:2])]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, list) else ()
    return [place for part in parts for place in _needs(part)]


def _found(x: Any, made: dict[tuple, list]) -> Any:
    if isinstance(x, dict) and "keras_history" in x:
        name, call, i = x["keras_history"]
        return made[name, call][i]
    if isinstance(x, dict):
        return {key: _found(value, made) for key, value in x.items()}
    return [_found(value, made) for value in x] if isinstance(x, list) else x
