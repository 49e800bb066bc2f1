"""The memory of devices: what `tf.config` says of it, and how much of a GPU's may be used."""

from pathlib import Path
from typing import Any, NamedTuple

from nbtape.core.kernel import late
from nbtape.core.memory import state
from nbtape.core.report import size
from nbtape.graph.v1.device_spec import DeviceSpec
from nbtape.graph.v1.hardware import (
    LogicalDevice,
    PhysicalDevice,
    card_of,
    get_device_details,
    list_physical_devices,
    number_of,
)

_pool = late("nbtape.compile.card.pool:pool")
_MB = 1 << 20


class LogicalDeviceConfiguration(NamedTuple):
    """How much of a GPU may be used: `memory_limit` in megabytes, all of it where it is None."""

    memory_limit: float | None = None
    experimental_priority: int | None = None
    experimental_device_ordinal: int | None = None


_configured: dict[PhysicalDevice, list[LogicalDeviceConfiguration]] = {}


def get_memory_info(device: str) -> dict[str, int]:
    """The bytes of memory in use, now and at most: `{"current": ..., "peak": ...}`.

    For "CPU:0" these are the bytes of the process, 0 where the system does not say; for "GPU:0" those that
    tensors, variables and running programs have. Raises ValueError for a device that is not there.

    >>> sorted(tf.config.experimental.get_memory_info("CPU:0"))
    ['current', 'peak']
    """
    spec = _spec(device)
    if spec.device_type == "CPU":
        return {"current": _status("VmRSS:"), "peak": _status("VmHWM:")}
    stats = _pool(card_of(spec)).stats()
    return {"current": stats["current"], "peak": stats["peak"]}


def description(device: LogicalDevice) -> str:
    """A device as people know it: its name, and what a GPU is and has.

    >>> from nbtape.graph.v1.device_memory import description
    >>> description(tf.config.list_logical_devices("CPU")[0])
    '/device:CPU:0'
    """
    if device.device_type == "CPU":
        return device.name
    details = get_device_details(list_physical_devices("GPU")[_gpu(device.name)])
    version = ".".join(map(str, details["compute_capability"]))
    memory = size(memory_stats(device.name)["limit"])
    return f"{device.name}: {details['device_name']}, compute capability {version}, {memory}"


def get_memory_usage(device: str) -> int:
    """The bytes of memory in use now.

    >>> tf.config.experimental.get_memory_usage("CPU:0") >= 0
    True
    """
    return get_memory_info(device)["current"]


def reset_memory_stats(device: str) -> None:
    """Let the peak of a GPU be what is in use now. Raises ValueError for other devices."""
    _pool(_gpu(device)).reset_peak()


def memory_stats(device: str = "GPU:0") -> dict[str, int]:
    """The memory of a GPU in bytes: in use (`current`, `peak`), got from the card (`reserved`) and to be had
    from it (`limit`); and how many blocks of it are in use (`blocks`) and were given out (`allocations`).

    Raises ValueError for a device that is no GPU of this machine.
    """
    return _pool(_gpu(device)).stats()


def _gpu(device: str) -> int:
    card = card_of(_spec(device))
    if card is None:
        raise ValueError(f"'{device}' is no GPU: nothing is counted there.")
    return card


def _spec(device: str) -> DeviceSpec:
    """The device of this process that a string names."""
    try:
        spec = DeviceSpec.from_string(device)
    except ValueError:
        spec = DeviceSpec()
    if spec.device_index is None:
        raise ValueError(
            f"Failed parsing device name: '{device}'. Note a valid device string should at least contain a "
            'device type and a device index, like "GPU:0".'
        )
    is_cpu = not spec.is_remote and (spec.device_type, spec.device_index) == ("CPU", 0)
    if not is_cpu and card_of(spec) is None:
        raise ValueError(f"No matching devices found for '{device}'")
    return spec


def set_memory_growth(device: PhysicalDevice, enable: bool) -> None:
    """Say whether memory is to be asked for as it is needed, which here it always is, whatever is said.

    Raises ValueError for a device that is no GPU.
    """
    _check(device)


def get_memory_growth(device: PhysicalDevice) -> bool:
    """Whether memory is asked for as it is needed: always. Raises ValueError for a device that is no GPU."""
    _check(device)
    return True


def set_logical_device_configuration(device: PhysicalDevice, logical_devices: Any) -> None:
    """Limit the memory of a GPU that is used, by one `LogicalDeviceConfiguration(memory_limit=megabytes)`.

    Raises ValueError for several, since a GPU is one device here, and RuntimeError where a value is on a GPU
    already.
    """
    _check(device)
    given = list(logical_devices)
    if len(given) != 1:
        raise ValueError(
            f"A GPU is one logical device here, got configurations for {len(given)}. To try what is for "
            "several GPUs without them, set NUMBA_ENABLE_CUDASIM=1 and NBTAPE_SIMULATED_CARDS=2 before "
            "nbtape is imported."
        )
    if state.used:
        raise RuntimeError("Virtual devices cannot be modified after being initialized: a GPU was used.")
    limit = given[0].memory_limit
    _pool(number_of(device)).limit = None if limit is None else int(limit * _MB)
    _configured[device] = given


def get_logical_device_configuration(device: PhysicalDevice) -> list[LogicalDeviceConfiguration] | None:
    """How a device was configured, None if it was not."""
    return _configured.get(device)


def _check(device: PhysicalDevice) -> None:
    """Raise ValueError where a device is no GPU of this machine."""
    if device not in list_physical_devices("GPU"):
        raise ValueError(f"{device!r} is no GPU of this machine. There are: {list_physical_devices('GPU')}.")


def _status(field: str) -> int:
    """A field of what Linux says of this process, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
