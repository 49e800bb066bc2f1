"""What becomes of operations on devices that are not there.

With soft placement, the default, they run on the CPU, and a warning says so once for each device. With hard
placement they are refused.
"""

import warnings
from typing import Any

from nbtape.core import source
from nbtape.core.errors import invalid
from nbtape.core.report import with_report
from nbtape.graph.v1.device_spec import DeviceSpec, is_here

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
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
        text = f"There is no device {device}, only /device:CPU:0: {what} runs on the CPU. {instead}"
        warnings.warn(text, stacklevel=source.depth())
        _told.add(device)


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


def seat(device: str) -> Nowhere | None:
    """What refuses operations that would run at once on `device`; None where they may run."""
    if is_here(device):
        return None
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
    return (
        f"Could not satisfy device specification '{full.to_string()}'. enable_soft_placement=0. Supported "
        f"device types [CPU]. All available devices [{CPU}].{suffix}"
    )
