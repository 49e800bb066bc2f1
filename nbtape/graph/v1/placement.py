"""Where operations run: on the computer's own processor, on a card, or nowhere, if a device is not there.

With soft placement, the default, they run on the CPU, and a warning says so once for each device. With hard
placement they are refused.
"""

import warnings
from typing import Any

from nbtape.core import source
from nbtape.core.engine import EagerTensor, made
from nbtape.core.errors import invalid
from nbtape.core.kernel import late
from nbtape.core.memory import on_card, state
from nbtape.core.report import with_report
from nbtape.graph.v1.device_spec import DeviceSpec
from nbtape.graph.v1.hardware import LogicalDevice, card_of, is_here, list_logical_devices

_TASK = "/job:localhost/replica:0/task:0"
_run = late("nbtape.compile.card.eager:run")
_told: set[str] = set()  # devices that are not there, of which the user has been told


class _Settings:
    soft = True


def set_soft_device_placement(enabled: bool) -> None:
    """Say whether the CPU stands in for a device that is not there. If not, what is put there raises
    InvalidArgumentError.

    >>> tf.config.set_soft_device_placement(True)
    >>> tf.config.get_soft_device_placement()
    True
    """
    _Settings.soft = bool(enabled)


def get_soft_device_placement() -> bool:
    """Whether the CPU stands in for a device that is not there."""
    return _Settings.soft


_INSTEAD = (
    'Write tf.device("/CPU:0") where that is what you want; tf.config.set_soft_device_placement(False) makes '
    "this an error."
)


def tell(device: str, what: str = "what is put there", instead: str = _INSTEAD) -> None:
    """Warn, once for each device, that it is not there."""
    if device not in _told:
        known = ", ".join([found.name for found in list_logical_devices()])
        text = f"There is no device {device}, only {known}: {what} runs on the CPU. {instead}"
        warnings.warn(text, stacklevel=source.depth())
        _told.add(device)


class Seat:
    """What runs operations on a card, and makes constants there."""

    def __init__(self, card: int):
        self.card = card
        if not state.used:
            state.begin()

    def record(self, op: Any, xs: tuple, attrs: dict) -> Any:
        return made(op, xs, attrs, _run(op, xs, attrs, self.card))

    def constant(self, value: Any) -> Any:
        return EagerTensor(value if value.dtype.hasobject else on_card(value, self.card))


class Nowhere:
    """Stands where a graph would while operations are put on a device that is not there, and refuses them:
    whatever is asked of it is for an operation or a variable.
    """

    def __init__(self, device: str):
        self._device = device

    def record(self, op: Any, xs: tuple, attrs: dict) -> Any:
        raise with_report(invalid(_refusal(self._device, op.label)), op, xs, source.here(2))

    def __getattr__(self, name: str) -> Any:
        raise invalid(f"{_refusal(self._device)}\n  at {source.describe(source.here(2))}")


def seat(device: str) -> Seat | Nowhere | None:
    """What runs, or refuses, operations that are to run at once on `device`; None where that is the CPU, or
    what stands in for it.
    """
    if is_here(device):
        card = card_of(DeviceSpec.from_string(device))
        return None if card is None else Seat(card)
    if _may_stand_in(device):
        tell(device)
        return None
    return Nowhere(device)


def check(operation: Any) -> None:
    """See to it that an operation of a function is on a device that is there, or say where it runs."""
    device = operation.device
    if is_here(device):
        return
    if not _may_stand_in(device):
        node = operation.node
        raise with_report(invalid(_refusal(device, node.op.label)), node.op, node.inputs, node.place)
    tell(device)


def _may_stand_in(device: str) -> bool:
    """Whether this computer's CPU may run what is put on `device`."""
    return _Settings.soft and not DeviceSpec.from_string(device).is_remote


def _refusal(device: str, label: str = "") -> str:
    full = DeviceSpec("localhost", 0, 0, "CPU", 0).make_merged_spec(DeviceSpec.from_string(device))
    suffix = f" [Op:{label}]" if label else ""
    if _Settings.soft:
        return f"{full.to_string()} unknown device.{suffix}"
    types = ", ".join(dict.fromkeys([found.device_type for found in list_logical_devices()]))
    return (
        f"Could not satisfy device specification '{full.to_string()}'. enable_soft_placement=0. Supported "
        f"device types [{types}]. All available devices [{all_devices()}].{suffix}"
    )


def all_devices() -> str:
    """The full names of the devices that operations can be put on."""
    return ", ".join([found.name for found in local_devices()])


def local_devices() -> list[LogicalDevice]:
    """The devices that operations can be put on, under their full names."""
    return [LogicalDevice(_TASK + name, kind) for name, kind in list_logical_devices()]
