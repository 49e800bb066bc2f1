"""Where code runs: eagerly or in a graph, inside a function or not, on which device."""

from contextlib import contextmanager
from typing import Any, NamedTuple

from nbtape.core import context
from nbtape.core.errors import invalid
from nbtape.graph.graph import Graph

_TYPES = {"CPU", "GPU", "TPU", "TPU_SYSTEM", "XLA_CPU", "XLA_GPU"}


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


class device:
    """Put operations on a device, "/CPU:0" or "/GPU:0"; one that is not there is replaced by the CPU.

    Raises ValueError for a string that names no device.

    >>> with tf.device("/CPU:0"):
    ...     x = tf.constant(1.0)
    """

    def __init__(self, device_name: Any):
        if device_name is not None and not isinstance(device_name, str) and not callable(device_name):
            raise ValueError(f"Expecting a string device name. Got {type(device_name)}({device_name})")
        self._name = device_name
        self._saved: list[str] = []
        self._parts = parse_device(device_name) if isinstance(device_name, str) else DeviceParts()

    def __enter__(self) -> None:
        if self._parts.job not in (None, "localhost") and context.local.graph is None:
            raise invalid(f"{self._name} unknown device.")
        self._saved.append(context.local.device)
        context.local.device = self._name if isinstance(self._name, str) else ""

    def __exit__(self, *exc: object) -> None:
        context.local.device = self._saved.pop()


class DeviceParts(NamedTuple):
    """A device string taken apart."""

    job: str | None = None
    replica: int | None = None
    task: int | None = None
    device_type: str | None = None
    device_index: int | None = None


def parse_device(spec: str) -> DeviceParts:
    """`spec` taken apart: "/job:w/task:0/device:GPU:1", "/gpu:0", "CPU"; raises ValueError where it is
    malformed.
    """
    found: dict[str, Any] = {}
    for part in filter(None, spec.split("/")):
        key, *rest = part.split(":")
        if key in ("job", "replica", "task") and len(rest) == 1:
            found[key] = rest[0] if key == "job" else int(rest[0])
            continue
        kind = rest[0] if key == "device" and rest else key
        index = rest[1:] if key == "device" else rest
        if kind.upper() not in _TYPES or len(index) > 1:
            raise ValueError(
                f"Unknown attribute '{key}' is encountered while parsing the device spec: '{spec}'."
            )
        if "device_type" in found:
            raise ValueError(f"Multiple device types are not allowed while parsing the device spec: {spec}.")
        found["device_type"] = kind.upper()
        found["device_index"] = None if not index or index[0] == "*" else int(index[0])
    return DeviceParts(**found)


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
