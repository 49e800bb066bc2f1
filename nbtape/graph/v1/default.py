"""The default graph: what programs of TensorFlow 1 build where no other graph is open."""

from typing import Any

from nbtape.core import context
from nbtape.graph.graph import Graph

_default: list[Graph] = []


def get_default_graph() -> Graph:
    """The graph that is open, or the one that TensorFlow 1 programs build when none is."""
    if context.local.graph is not None:
        return context.local.graph
    if not _default:
        _default.append(Graph())
    return _default[0]


def reset_default_graph() -> None:
    """Start the default graph afresh; raises AssertionError while another graph is open."""
    implicit = bool(_default) and context.local.graph is _default[0]
    if context.local.graph is not None and not implicit:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared graph, exit "
            "the nesting and create a new graph."
        )
    _default.clear()
    if implicit:
        _default.append(Graph())
        _open(_default[0])


def _open(graph: Graph | None) -> None:
    """Let operations go into a graph, or run at once, until further notice."""
    context.recording(context.local.recorders, graph).__enter__()


def disable_eager_execution() -> None:
    """Put all operations of this thread in the default graph from now on, as TensorFlow 1 does."""
    if context.local.graph is None:
        _open(get_default_graph())


def enable_eager_execution() -> None:
    """Run operations at once again; raises ValueError while a graph is open."""
    graph = context.local.graph
    if graph is not None and graph not in _default:
        raise ValueError("tf.enable_eager_execution must be called at program startup, not in a graph.")
    _open(None)


def executing_eagerly_outside_functions() -> bool:
    """Whether operations run at once, or would where no function was traced."""
    graph = context.local.graph
    while isinstance(graph, Graph) and graph.building_function:
        graph = graph.outer
    return not isinstance(graph, Graph)


def container(container_name: str) -> Any:
    """A `with` block that changes nothing: the variables of a session are its own."""
    return get_default_graph().container(container_name)
