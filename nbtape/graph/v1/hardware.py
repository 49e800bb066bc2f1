"""Which processors there are, and their memory: what `tf.config` and `tf.test` say of them."""

from pathlib import Path
from typing import Any, NamedTuple

from nbtape.graph.v1.device_spec import DeviceSpec


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


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processors that may be used: all that there are.

    >>> tf.config.get_visible_devices("GPU")
    []
    """
    return list_physical_devices(device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Use only these processors, of those of `device_type`. The CPU cannot be left out.

    Raises ValueError for a device that is not there, and RuntimeError where the CPU would be left out.

    >>> tf.config.set_visible_devices([], "GPU")
    """
    given = devices if type(devices) in (list, tuple) else [devices]
    known = list_physical_devices(device_type)
    for device in given:
        if device not in known:
            raise ValueError(f"Unrecognized device: {device!r}. There are: {known}.")
    if known and not given:
        raise RuntimeError(
            "Visible devices cannot be modified after being initialized: operations need the CPU. To leave "
            'out GPUs alone, write tf.config.set_visible_devices([], "GPU").'
        )


def get_memory_info(device: str) -> dict[str, int]:
    """The bytes of memory in use, now and at most: `{"current": ..., "peak": ...}`.

    For "CPU:0" these are the bytes of the process, 0 where the system does not say. Raises ValueError for a
    device that is not there.

    >>> sorted(tf.config.experimental.get_memory_info("CPU:0"))
    ['current', 'peak']
    """
    try:
        spec = DeviceSpec.from_string(device)
    except ValueError:
        spec = DeviceSpec()
    if spec.device_index is None:
        raise ValueError(
            f"Failed parsing device name: '{device}'. Note a valid device string should at least contain a "
            'device type and a device index, like "GPU:0".'
        )
    if spec.is_remote or (spec.device_type, spec.device_index) != ("CPU", 0):
        raise ValueError(f"No matching devices found for '{device}'")
    return {"current": _status("VmRSS:"), "peak": _status("VmHWM:")}


def _status(field: str) -> int:
    """A field of what Linux says of this process, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def gpu_device_name() -> str:
    """The name of a GPU, "" where there is none.

    >>> tf.test.gpu_device_name()
    ''
    """
    return next((device.name for device in list_logical_devices("GPU")), "")


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether there is a GPU that operations can be put on.

    >>> tf.test.is_gpu_available()
    False
    """
    return bool(list_physical_devices("GPU"))
