"""Where code runs: eagerly or in a graph, inside a function or not."""

from contextlib import contextmanager

from nbtape.core import context
from nbtape.graph.graph import Graph


def executing_eagerly() -> bool:
    """Whether operations run at once: False inside a function and in a graph.

    >>> tf.executing_eagerly(), bool(tf.function(lambda: tf.executing_eagerly())())
    (True, False)
    """
    return not isinstance(context.local.graph, Graph)


def inside_function() -> bool:
    """Whether a function is being traced."""
    return context.local.graph is not None and context.local.graph.building_function


def outermost() -> Graph | None:
    """The graph that is open around all functions being traced, None where that is eager code."""
    graph = context.local.graph
    while graph is not None and graph.building_function:
        graph = graph.outer
    return graph


@contextmanager
def init_scope():
    """Leave the functions being traced: what is in this block runs eagerly, once, while the function is
    traced.

    >>> @tf.function
    ... def f(x):
    ...     with tf.init_scope():
    ...         print("eager:", tf.executing_eagerly())
    ...     return x
    >>> int(f(1))
    eager: True
    1
    """
    with context.recording((), outermost()):
        yield
