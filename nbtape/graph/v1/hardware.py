"""Which processors there are: what `tf.config` and `tf.test` say of them.

The cards that may be used are GPU:0, GPU:1, ... in the names of logical devices and of tensors' devices.
"""

from typing import Any, NamedTuple

from nbtape.core.kernel import late
from nbtape.core.memory import state
from nbtape.graph.v1.device_spec import DeviceSpec


class PhysicalDevice(NamedTuple):
    """A processor of this machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that operations can be put on."""

    name: str
    device_type: str


_cards, _card = late("nbtape.compile.card.cards:count"), late("nbtape.compile.card.cards:card")


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processors of this machine that operations can run on.

    >>> tf.config.list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    found = [("CPU", 0), *[("GPU", card) for card in range(_cards())]]
    named = [PhysicalDevice(f"/physical_device:{kind}:{i}", kind) for kind, i in found]
    return [device for device in named if _is(device.device_type, device_type)]


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that operations can be put on: the visible ones, numbered.

    >>> tf.config.list_logical_devices("CPU")
    [LogicalDevice(name='/device:CPU:0', device_type='CPU')]
    """
    found = [("CPU", 0), *[("GPU", i) for i in range(len(_visible_cards()))]]
    return [LogicalDevice(f"/device:{kind}:{i}", kind) for kind, i in found if _is(kind, device_type)]


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processors that may be used: all that there are, unless `set_visible_devices` chose among them.

    >>> tf.config.get_visible_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    visible = _visible_cards()
    found = list_physical_devices(device_type)
    return [device for device in found if device.device_type == "CPU" or number_of(device) in visible]


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Use only these processors, of those of `device_type`. The CPU cannot be left out.

    Raises ValueError for a device that is not there, and RuntimeError where the CPU would be left out or a
    value is on a GPU already.

    >>> tf.config.set_visible_devices([], "GPU")
    """
    given = devices if type(devices) in (list, tuple) else [devices]
    known = list_physical_devices(device_type)
    for device in given:
        if device not in known:
            raise ValueError(f"Unrecognized device: {device!r}. There are: {known}.")
    if _is("CPU", device_type) and not any(device.device_type == "CPU" for device in given):
        raise RuntimeError(
            "Visible devices cannot be modified after being initialized: operations need the CPU. To leave "
            'out GPUs alone, write tf.config.set_visible_devices([], "GPU").'
        )
    if _is("GPU", device_type):
        chosen = sorted({number_of(device) for device in given if device.device_type == "GPU"})
        if state.used and chosen != _visible_cards():
            raise RuntimeError("Visible devices cannot be modified after being initialized: a GPU was used.")
        state.visible = chosen


def _is(kind: str, wanted: str | None) -> bool:
    return wanted is None or wanted == kind


def number_of(device: PhysicalDevice) -> int:
    """The number of a processor among those of its type."""
    return int(device.name.rpartition(":")[2])


def _visible_cards() -> list[int]:
    """The cards that are GPU:0, GPU:1, ..."""
    return list(range(_cards())) if state.visible is None else state.visible


def card_of(spec: DeviceSpec) -> int | None:
    """The card that a device of this process is; None where it is none, or not there."""
    visible, index = _visible_cards(), spec.device_index or 0
    here = spec.device_type == "GPU" and not spec.is_remote and index < len(visible)
    return visible[index] if here else None


def is_here(name: str) -> bool:
    """Whether a device is one of this process: its CPU, or a GPU of this machine."""
    spec = DeviceSpec.from_string(name)
    if spec.device_type == "GPU":
        return card_of(spec) is not None
    return not spec.is_remote and not spec.device_index and spec.device_type in (None, "CPU")


def get_device_details(device: PhysicalDevice) -> dict[str, Any]:
    """What is known of a GPU: `{"device_name": ..., "compute_capability": (9, 0)}`; nothing of the CPU.

    >>> tf.config.experimental.get_device_details(tf.config.list_physical_devices("CPU")[0])
    {}
    """
    if device not in list_physical_devices():
        raise ValueError(f"Unrecognized device: {device!r}. There are: {list_physical_devices()}.")
    if device.device_type == "CPU":
        return {}
    card = _card(number_of(device))
    return {"device_name": card.name, "compute_capability": tuple(card.capability)}


def gpu_device_name() -> str:
    """The name of a GPU, "" where there is none.

    >>> tf.test.gpu_device_name() in ("", "/device:GPU:0")
    True
    """
    return next((device.name for device in list_logical_devices("GPU")), "")


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether there is a GPU that operations can be put on, of this compute capability, (8, 0), at least.

    >>> tf.test.is_gpu_available() == bool(tf.config.list_logical_devices("GPU"))
    True
    """
    least = min_cuda_compute_capability or (0, 0)
    return any(_card(number).capability >= tuple(least) for number in _visible_cards())
