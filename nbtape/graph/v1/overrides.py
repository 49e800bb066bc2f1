"""Gradients that a program of TensorFlow 1 registers by name, and puts in the place of an operation's own."""

from collections.abc import Callable
from typing import Any

from nbtape.core.engine import Node, Op

_registered: dict[str, Callable | None] = {}


class RegisterGradient:
    """Register the function that it decorates as a gradient, for `graph.gradient_override_map`.

    The function takes an operation and the gradients of its outputs, and gives those of its inputs: one or a
    list, None where nothing flows. Raises KeyError for a name that is taken.

    >>> @tf.RegisterGradient("DocStraightThrough")
    ... def straight_through(op, g):
    ...     return g
    >>> with tf.Graph().as_default() as graph, tf.compat.v1.Session() as sess:
    ...     x = tf.constant(0.3)
    ...     with graph.gradient_override_map({"Round": "DocStraightThrough"}):
    ...         y = tf.round(x) * 2.0
    ...     sess.run(tf.gradients(y, x))
    [np.float32(2.0)]
    """

    def __init__(self, op_type: str):
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._name = op_type

    def __call__(self, f: Callable) -> Callable:
        """Register `f`, and give it back."""
        _register(self._name, f)
        return f


def no_gradient(op_type: str) -> None:
    """Register that nothing flows, under a name."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    _register(op_type, None)


def _register(name: str, function: Callable | None) -> None:
    if name in _registered:
        raise KeyError(f"Registering two gradient with name '{name}'!")
    _registered[name] = function


def checked(op_type_map: Any) -> dict[str, str]:
    """A map from types of operations to names of gradients; raises TypeError for anything else."""
    if not isinstance(op_type_map, dict):
        raise TypeError("op_type_map must be a dictionary mapping strings to strings")
    for pair in op_type_map.items():
        if not all(isinstance(x, str) for x in pair):
            raise TypeError(f"op_type_map must be a dictionary mapping strings to strings, and has {pair}")
    return op_type_map


def overridden(node: Node, name: str) -> Node:
    """A node whose gradient is the one registered as `name`; raises LookupError where there is none."""
    if name not in _registered:
        raise LookupError(f"gradient registry has no entry for: {name}")
    function, own = _registered[name], node.op
    known: dict[int, Any] = {}  # what the function gave, by the cotangent

    def rule(i: int, g: Any, *_: Any, **attrs: Any) -> Any:
        if id(g) not in known:
            given = function(node.outputs[0]._op, *(g if own.many else [g]))  # type: ignore[misc]
            known[id(g)] = (g, list(given) if isinstance(given, list | tuple) else [given])
        return known[id(g)][1][i]

    grad = None if function is None else rule
    made = Op(own.name, own.eager, own.infer, grad, own.kernel, own.kinds, own.absorbs, own.many, own.label)
    return node._replace(op=made)
