"""Where code runs: eagerly or in a graph, inside a function or not, and which devices there are."""

from contextlib import contextmanager
from typing import Any, NamedTuple

from nbtape.core import context
from nbtape.graph.graph import Graph


def executing_eagerly() -> bool:
    """Whether operations run at once: False inside a function and in a graph.

    >>> tf.executing_eagerly(), bool(tf.function(lambda: tf.executing_eagerly())())
    (True, False)
    """
    return context.local.graph is None


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


class PhysicalDevice(NamedTuple):
    """A processor of this machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that operations can be put on."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processors that operations can run on.

    >>> tf.config.list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that operations can be put on.

    >>> tf.config.list_logical_devices()
    [LogicalDevice(name='/device:CPU:0', device_type='CPU')]
    """
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []
