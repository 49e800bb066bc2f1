"""How variables change: in place while nobody else holds their array, through a copy otherwise.

All is checked before the first element is written, so that a write that fails leaves the variable whole. In a
trace the same methods give the graph the variable's next value, made by ops.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import of
from nbtape.core.engine import EagerTensor, Tensor, o, tensor
from nbtape.core.errors import OutOfRangeError, invalid
from nbtape.core.memory import CardArray, Elsewhere, alongside, state
from nbtape.core.shape import TensorShape, bracket
from nbtape.ops.row import NUMBER

_SERIAL = attrgetter("_serial")


class _Alone:
    """An object whose attribute is the only holder of an array, to learn how this Python counts that."""

    def __init__(self):
        self._value = np.zeros(1)


_alone = _Alone()
_ALONE = getrefcount(_alone._value)


def exclusive(variable: Any) -> np.ndarray:
    """The variable's array, in C order, to be written in place: a copy where somebody else holds it too.

    For a scalar, which is kept in no array, a new array that has to be given back; `in_place` does. Raises
    Elsewhere for a variable on a card.
    """
    alone = getrefcount(variable._value) <= _ALONE
    value = variable._value
    if not isinstance(value, np.ndarray):
        if type(value) is CardArray:
            raise Elsewhere
        return np.array(value)
    if not alone or value.base is not None or not value.flags.carray:
        value = variable._value = value.copy()
    return value


class writing:
    """A block that writes to `variables`: another thread that writes to one of them waits until it is done,
    and so does one that reads it. May be entered again and again.
    """

    def __init__(self, variables: Sequence[Any]):
        self._held = sorted(variables, key=_SERIAL)  # in one order, or threads could lock each other out

    def __enter__(self) -> None:
        taken = []
        try:
            for variable in self._held:
                variable._lock.acquire()
                taken.append(variable)
                variable._writing = True
        except BaseException:
            _let_go(taken)
            raise

    def __exit__(self, *exc: object) -> None:
        _let_go(self._held)


def _let_go(variables: Sequence[Any]) -> None:
    for variable in variables:
        variable._writing = False
        variable._lock.release()


def in_place(write: Callable[..., Any], variables: Sequence[Any], *args: Any) -> None:
    """Call `write(*arrays, *args)` on the arrays of `variables`, which it changes."""
    with writing(variables):
        arrays = [exclusive(variable) for variable in variables]
        write(*arrays, *args)
        for variable, array in zip(variables, arrays):
            if not array.ndim and array.dtype != object:
                variable._value = array[()]


def _add(array: np.ndarray, delta: Any) -> None:
    with np.errstate(all="ignore"):
        np.add(array, delta, array)


def _sub(array: np.ndarray, delta: Any) -> None:
    with np.errstate(all="ignore"):
        np.subtract(array, delta, array)


class Writes:
    """The methods of Variable that change all of it."""

    _value: Any
    _shape: TensorShape
    _lock: Any  # held by the thread that writes
    _writing: bool  # whether the array changes right now
    name: Any
    dtype: Any
    __tensor__: Callable[[], Any]
    _view: Callable[[], Any]

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Replace the value by `value`, of the same shape (no broadcasting) and dtype.

        Returns a live view of the variable (None if not `read_value`). Raises ValueError where shape or dtype
        differ; the variable is then as it was.
        """
        new = tensor(value, of(self._value))
        if not self._shape.is_compatible_with(new.shape):
            raise ValueError(
                f"Cannot assign value to variable ' {self.name}': Shape mismatch.The variable shape "
                f"{self._shape}, and the assigned value shape {new.shape} are incompatible."
            )
        return self._store(new, read_value, name)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Add `delta`, of the variable's very shape; raises InvalidArgumentError for another shape."""
        return self._update(_add, o.add, delta, read_value, name)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtract `delta`, of the variable's very shape; raises InvalidArgumentError for another shape."""
        return self._update(_sub, o.sub, delta, read_value, name)

    def load(self, value: Any, session: Any = None) -> None:
        """`assign`, under its oldest name."""
        self.assign(value)

    def count_up_to(self, limit: int) -> Any:
        """The value now, then one more; raises OutOfRangeError at `limit`."""
        now = self.__tensor__()
        if int(now) >= limit:
            raise OutOfRangeError(None, None, f"Reached limit of {limit}")
        self.assign_add(1)
        return now

    def _update(self, write: Callable, op: Any, delta: Any, read_value: bool, name: str | None = None) -> Any:
        delta = tensor(delta, of(self._value))
        if self._value.dtype.kind not in NUMBER:
            kind = self.dtype.name
            raise invalid(
                f"No OpKernel was registered to support Op 'Assign{op.name.capitalize()}VariableOp' with "
                f"these attrs: [dtype=DT_{kind.upper()}]: a {kind} variable takes values by assign() only."
            )
        if context.local.graph is not None:
            self._check_shape(self._shape, delta.shape)
            return self._store(op(self.__tensor__(), delta), read_value)
        change, shape = delta._value, self._value.shape
        if change.shape != shape:
            self._check_shape(shape, change.shape)
        self._tell(delta)
        try:
            if shape:
                in_place(write, (self,), change)
            elif CardArray in (type(change), type(self._value)):
                raise Elsewhere
            else:
                with self._lock, np.errstate(all="ignore"):
                    self._value = op.eager(self._value, change)
        except Elsewhere:
            with self._lock, context.paused():
                self._put_value(op(EagerTensor(self._value), delta)._value)
        return self._view() if read_value else None

    def _check_shape(self, own: Any, given: Any) -> None:
        """Raise InvalidArgumentError where a change of shape `given` does not fit a value of shape `own`."""
        if not TensorShape(own).is_compatible_with(given):
            raise invalid(
                f"Cannot update variable with shape {bracket(own)} using a Tensor with shape "
                f"{bracket(given)}, shapes must be equal."
            )

    def _store(self, new: Tensor, read_value: bool = True, name: str | None = None) -> Any:
        if context.local.graph is not None:
            context.local.graph.assign(self, new)
        else:
            self._tell(new)
            self._put_value(new._value)
        return self._view() if read_value else None

    def _put_value(self, value: Any) -> None:
        """Let the variable hold another value, on the device where it is."""
        with self._lock:
            self._value = alongside(value, self._value) if state.used else value

    def _tell(self, new: Tensor) -> None:
        for recorder in context.local.recorders:
            recorder.assigned(self, new)
