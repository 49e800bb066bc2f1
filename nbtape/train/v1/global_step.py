"""The global step: the variable of a graph that counts its training steps."""

from typing import Any

from nbtape.core.dtype import int64
from nbtape.graph.graph import Graph
from nbtape.graph.v1.default import get_default_graph
from nbtape.ops.create import zeros
from nbtape.state.scopes.collection import GraphKeys
from nbtape.state.scopes.scope import name_scope
from nbtape.state.scopes.store import get_variable


def get_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph, None where it has none."""
    found = (graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise RuntimeError("Multiple items found in collection GLOBAL_STEP")
    return found[0] if found else None


def create_global_step(graph: Graph | None = None) -> Any:
    """A global step for a graph; raises ValueError where it has one.

    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.train.create_global_step()
    <tf.Variable 'global_step:0' shape=() dtype=int64>
    """
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), name_scope(""):
        return get_variable(
            "global_step",
            dtype=int64,
            initializer=lambda: zeros([], int64),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The global step of a graph, made if it has none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number of steps that a session has counted."""
    return int(sess.run(global_step_tensor))
