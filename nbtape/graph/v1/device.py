"""Which device operations are put on.

What says so is kept in `context.local.device`, outermost first: names, and functions of an operation. The
innermost is asked first, so that the outer ones see, and complete, what it said.
"""

from typing import Any

from nbtape.core import context
from nbtape.core.memory import on_card, on_host
from nbtape.graph.v1.device_spec import DeviceSpec, merged
from nbtape.graph.v1.hardware import card_of
from nbtape.graph.v1.placement import Nowhere, Seat, check, seat


class device:
    """Put operations, constants and variables on a device, "/CPU:0" or "/GPU:0"; one that is not there is
    replaced by the CPU, and a warning says so.

    Outside of such blocks an operation runs where its inputs are: on the GPU, if one of them is there.
    Blocks in blocks complete each other, the inner ones first; None forgets those around. In a graph a
    function may be given, which is called with each operation and returns its device. Raises ValueError for a
    string that names no device. After `tf.config.set_soft_device_placement(False)` what is put on a device
    that is not there raises InvalidArgumentError.

    >>> with tf.device("/CPU:0"):
    ...     x = tf.constant(1.0)
    """

    def __init__(self, device_name: Any):
        name = device_name.to_string() if isinstance(device_name, DeviceSpec) else device_name
        if isinstance(name, str):
            DeviceSpec.from_string(name)
        elif name is not None and not callable(name):
            raise ValueError(f"Expecting a string device name. Got {type(device_name)}({device_name})")
        self._said, self._saved = name, []

    def __enter__(self) -> None:
        outer = context.local.device
        if callable(self._said) and _at_once():
            raise RuntimeError("tf.device does not support functions when eager execution is enabled.")
        _open(() if self._said is None else (*outer, self._said))
        self._saved.append(outer)

    def __exit__(self, *exc: object) -> None:
        _open(self._saved.pop())


class colocate_with:
    """Put operations where another one, or what makes a tensor, is."""

    def __init__(self, op: Any, ignore_existing: bool = False):
        self._op, self._saved = op, []

    def __enter__(self) -> None:
        outer = context.local.device
        _open((self._op.device if _at_once() else lambda operation: self._op.device,))
        self._saved.append(outer)

    def __exit__(self, *exc: object) -> None:
        _open(self._saved.pop())


def _at_once() -> bool:
    """Whether operations run at once, or are refused at once."""
    return context.local.graph is None or type(context.local.graph) is Nowhere


def here() -> DeviceSpec:
    """The device that the blocks around put on what runs at once."""
    return DeviceSpec.from_string(_named(context.local.device))


def placed(value: Any) -> Any:
    """The value of a variable, where the blocks around put it."""
    if not context.local.device or value.dtype.hasobject:
        return value
    spec = here()
    card = card_of(spec)
    if card is not None:
        return on_card(value, card)
    return on_host(value) if spec.device_type == "CPU" else value


def _named(said: tuple) -> str:
    """The device that blocks altogether say."""
    name = ""
    for outer in reversed([x for x in said if not callable(x)]):
        name = merged(outer, name)
    return name


def _open(said: tuple) -> None:
    """Put what follows where `said` says: operations of a graph one by one, what runs at once altogether."""
    if _at_once():
        found = seat(_named(said))
        context.sit(found if type(found) is Seat else None)
        graph = found if type(found) is Nowhere else None
        if graph is not context.local.graph:
            context.recording(context.local.recorders, graph).__enter__()
    context.local.device = said


def place(operation: Any) -> None:
    """Put a new operation of a graph where the blocks around say."""
    for said in reversed(context.local.device):
        if callable(said):
            found = said(operation)
            operation._device = found.to_string() if isinstance(found, DeviceSpec) else found or ""
        else:
            operation._device = merged(said, operation._device)
    graph = operation._graph
    while graph is not None and graph.building_function:
        graph = graph.outer
    if graph is None:  # a graph of TensorFlow 1 may run elsewhere: its sessions look
        check(operation)
