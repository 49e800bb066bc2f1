"""Names of devices: what a string says of one, and what it means within another."""

import functools
from typing import Any

_TYPES = {"CPU", "GPU", "TPU", "TPU_SYSTEM", "XLA_CPU", "XLA_GPU"}
_FIELDS = ("job", "replica", "task", "device_type", "device_index")


class DeviceSpec:
    """A device, or what is known of it: job, replica, task, type and index.

    >>> tf.DeviceSpec(job="ps", task=1, device_type="gpu", device_index=0).to_string()
    '/job:ps/task:1/device:GPU:0'
    """

    def __init__(
        self,
        job: str | None = None,
        replica: int | None = None,
        task: int | None = None,
        device_type: str | None = None,
        device_index: int | None = None,
    ):
        self._job = None if job is None else str(job)
        self._replica = None if replica is None else int(replica)
        self._task = None if task is None else int(task)
        self._device_type = None if device_type is None else device_type.upper()
        self._device_index = None if device_index is None else int(device_index)

    @property
    def job(self) -> str | None:
        return self._job

    @property
    def replica(self) -> int | None:
        return self._replica

    @property
    def task(self) -> int | None:
        return self._task

    @property
    def device_type(self) -> str | None:
        return self._device_type

    @property
    def device_index(self) -> int | None:
        return self._device_index

    @classmethod
    def from_string(cls, spec: str) -> "DeviceSpec":
        """The device that a string means; raises ValueError where it is malformed.

        >>> tf.DeviceSpec.from_string("/job:worker/gpu:0").to_string()
        '/job:worker/device:GPU:0'
        """
        return cls(**_parsed(spec))

    def parse_from_string(self, spec: str) -> "DeviceSpec":
        """The device that a string means."""
        return type(self).from_string(spec)

    def to_string(self) -> str:
        """The device as a string, in one form for all ways to write it."""
        parts = [f"/{key}:{value}" for key in _FIELDS[:3] if (value := getattr(self, key)) is not None]
        if self.device_type is not None:
            index = "*" if self.device_index is None else self.device_index
            parts.append(f"/device:{self.device_type}:{index}")
        return "".join(parts)

    def make_merged_spec(self, dev: "DeviceSpec") -> "DeviceSpec":
        """This device with what another says instead, where it says something."""
        return type(self)(**(self._known() | dev._known()))

    def replace(self, **kwargs: Any) -> "DeviceSpec":
        """This device with some parts replaced."""
        return type(self)(**(self._known() | kwargs))

    @property
    def is_remote(self) -> bool:
        """Whether the device is one of another process."""
        return bool(self._replica or self._task) or self._job not in (None, "localhost")

    def _known(self) -> dict[str, Any]:
        return {key: value for key in _FIELDS if (value := getattr(self, key)) is not None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __repr__(self) -> str:
        return f"<DeviceSpec({', '.join([f'{key}={value}' for key, value in self._known().items()])})>"


@functools.lru_cache(maxsize=1024)
def _parsed_once(spec: str) -> tuple:
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
        if key != "device" or rest[1:]:
            found["device_index"] = None if not index or index[0] == "*" else int(index[0])
    return tuple(found.items())


def _parsed(spec: str) -> dict[str, Any]:
    return dict(_parsed_once(spec))


@functools.lru_cache(maxsize=1024)
def merged(outer: str, inner: str) -> str:
    """The device that `inner` means within `outer`."""
    return DeviceSpec.from_string(outer).make_merged_spec(DeviceSpec.from_string(inner)).to_string()


def _settable(name: str) -> property:
    def get(self: Any) -> Any:
        return getattr(self, f"_{name}")

    def set_(self: Any, value: Any) -> None:
        known = self._known() | {name: value}
        self.__init__(**{key: x for key, x in known.items() if x is not None})

    return property(get, set_, doc=f"The {name.replace('_', ' ')}.")


class MutableDeviceSpec(DeviceSpec):
    """A DeviceSpec of TensorFlow 1, whose parts can be set."""

    job, replica, task = _settable("job"), _settable("replica"), _settable("task")
    device_type, device_index = _settable("device_type"), _settable("device_index")

    def parse_from_string(self, spec: str) -> "MutableDeviceSpec":
        """Become the device that a string means."""
        self.__init__(**_parsed(spec))
        return self

    def merge_from(self, dev: DeviceSpec) -> None:
        """Take over what another device says."""
        self.__init__(**(self._known() | dev._known()))
