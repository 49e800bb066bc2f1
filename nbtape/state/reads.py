"""How variables are read: each read is a new Tensor over the variable's array, shown to the open tapes."""

import functools
from collections.abc import Callable
from typing import Any

from nbtape.core import context
from nbtape.core.engine import EagerTensor, Tensor, subscript
from nbtape.ops import index


class Reads:
    """The methods of Variable that give its value."""

    _value: Any
    _lock: Any  # held by a thread that writes
    _writing: bool  # whether the array changes right now
    assign_slice: Callable[..., Any]

    def __tensor__(self) -> Any:
        local = context.local
        if local.graph is not None:
            return local.graph.read(self)
        value = self._value
        if self._writing:  # in another thread; one that starts only now sees the array held, and copies it
            with self._lock:
                value = self._value
        read = EagerTensor(value)
        for recorder in local.recorders:
            recorder.read(self, read)
        return read

    def value(self) -> Tensor:
        """The value now, as a Tensor, which later assignments do not change."""
        return self.__tensor__()

    def read_value(self) -> Tensor:
        """The value now, as a Tensor, which later assignments do not change."""
        return self.__tensor__()

    def numpy(self) -> Any:
        """The value as a read-only NumPy array; copy it to write into it."""
        if context.local.graph is not None:
            raise NotImplementedError("numpy() is only available when eager execution is enabled.")
        return self.__tensor__().numpy()

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """Rows `indices` of the value."""
        return index.gather(self, indices)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """The elements or slices at `indices`, whose last axis is a position."""
        return index.gather_nd(self, indices)

    def __getitem__(self, key: Any) -> Any:
        found = subscript(self.__tensor__(), key)
        found._assign = functools.partial(self.assign_slice, key)
        return found

    def __iter__(self):
        return iter(self.__tensor__())

    def __bool__(self):
        return bool(self.__tensor__())

    def __float__(self):
        return float(self.__tensor__())

    def __int__(self):
        return int(self.__tensor__())

    def __complex__(self):
        return complex(self.__tensor__())

    def __index__(self):
        return self.__tensor__().__index__()

    def __format__(self, spec):
        return format(self.__tensor__(), spec) if spec else str(self)

    def __array__(self, dtype=None, copy=None):
        return self.__tensor__().__array__(dtype, copy)

    def __dlpack__(self, **kwargs):
        return self.__tensor__().__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return EagerTensor(self._value).__dlpack_device__()

    @property
    def __cuda_array_interface__(self):
        return self.__tensor__().__cuda_array_interface__
