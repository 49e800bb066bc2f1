"""TensorArray: a list of tensors of one dtype that loops write and read by index.

Its slots are tensors, so that gradients flow through it. Where an index, or how many slots there are, is
only known when a traced loop runs, the slots become the rows of one tensor, which each write replaces by a
changed copy; a write past the end, by a longer one in the same memory, while there is room.
"""

import weakref
from itertools import groupby
from typing import Any

import numpy as np

from nbtape.core.dtype import DType, as_dtype, int32
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import OutOfRangeError, invalid
from nbtape.core.shape import Spec, TensorShape
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import convert_to_tensor, zeros
from nbtape.ops.functions import maximum
from nbtape.ops.join import concat, split, stack, unstack
from nbtape.ops.row import op
from nbtape.ops.static import entries, integer, is_static, known, sizes_of
from nbtape.ops.subscript import subscript


def _updated(x, i, v):
    if not 0 <= i < x.shape[0]:
        raise OutOfRangeError(None, None, f"Tried to write to index {i} but array size is: {x.shape[0]}")
    y = x.copy()
    y[int(i)] = v
    return y


def _update_spec(x: Spec, i: Spec, v: Spec) -> Spec:
    return x


op("dynamic_update", _updated, _update_spec,
   lambda g, y, x, i, v: o.dynamic_update(g, i, o.zeros_like(v)), None,
   lambda g, y, x, i, v: o.dynamic_index(g, i, axis=0))  # fmt: skip


_ends: dict[int, int] = {}  # by the identity of the memory that rows share: which row nobody has yet


def _put(x, i, v):
    n, i = len(x), int(i)
    if 0 <= i < n:
        return _updated(x, i, v)
    if i < 0:
        raise OutOfRangeError(None, None, f"Writing to negative indices (index {i}) is not allowed.")
    memory = _room_behind(x, i)
    memory[i] = v
    _ends[id(memory)] = i + 1
    return memory[: i + 1]


def _room_behind(x: np.ndarray, i: int) -> np.ndarray:
    """Memory that begins with `x` and has a row `i` that no array reaches."""
    memory: Any = x.base
    end = _ends.pop(id(memory), None)  # of several threads one gets it
    if end == len(x) and i < len(memory) and x.ctypes.data == memory.ctypes.data:
        return memory
    if end is not None:
        _ends[id(memory)] = end
    memory = np.zeros((max(8, 2 * i + 2), *x.shape[1:]), x.dtype)
    memory[: len(x)] = x
    weakref.finalize(memory, _ends.pop, id(memory), None)
    return memory


def _put_spec(x: Spec, i: Spec, v: Spec) -> Spec:
    return Spec(None if x.shape is None else (None, *x.shape[1:]), x.dtype)


def _unput(g, i, like):
    n, i = len(like), int(i)
    return _updated(g, i, np.zeros_like(g[i]))[:n] if i < n else g[:n]


op("dynamic_put", _put, _put_spec,
   lambda g, y, x, i, v: o.undynamic_put(g, i, x), None,
   lambda g, y, x, i, v: o.dynamic_index(g, i, axis=0))  # fmt: skip
op("undynamic_put", _unput, lambda g, i, like: Spec(like.shape, g.dtype),
   lambda h, y, g, i, like: o.dynamic_put(h, i, o.zeros_like(o.dynamic_index(g, i, axis=0))),
   None, None)  # fmt: skip


class TensorArray:
    """A list of `size` tensors, written once and read by index; a write returns the array, to be used from
    then on.

    With `dynamic_size` a write past the end makes it longer. A read clears the slot unless `clear_after_read`
    is False. `element_shape` is what all slots must have; with `infer_shape` the first write decides it.

    >>> ta = tf.TensorArray(tf.float32, size=3)
    >>> for i in range(3):
    ...     ta = ta.write(i, float(i) ** 2)
    >>> ta.stack().numpy().tolist()
    [0.0, 1.0, 4.0]
    """

    __slots__ = (
        "_dtype",
        "_slots",
        "_rows",
        "_size",
        "_read",
        "_dynamic_size",
        "_clear",
        "_infer",
        "_shape",
        "__weakref__",
    )

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
        clear_after_read: bool | None = None, tensor_array_name: str | None = None, handle: Any = None,
        flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
        colocate_with_first_write_call: bool = True, name: str | None = None
    ):  # fmt: skip
        if handle is not None:
            raise ValueError("TensorArray handles are not supported when eager execution is enabled.")
        if size is None:
            raise ValueError("Size must be declared for TensorArrays when eager execution is enabled.")
        value = known(size)
        if value is not None and value.dtype.kind not in "iu":
            raise TypeError(f"'{type(size).__name__}' object cannot be interpreted as an integer")
        self._dtype: DType = as_dtype(dtype)
        self._slots: list = [None] * (0 if value is None else integer(size))
        self._size = size if value is None else None  # of the rows, where only a run knows it
        self._rows: Any = None  # the slots as one tensor, once a traced loop has needed it
        self._read: set[int] = set()
        self._dynamic_size, self._infer = bool(dynamic_size), infer_shape
        self._clear = True if clear_after_read is None else clear_after_read
        self._shape = TensorShape(element_shape)

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def dynamic_size(self) -> bool:
        return self._dynamic_size

    @property
    def element_shape(self) -> TensorShape:
        return self._shape

    @property
    def handle(self) -> None:
        return None

    @property
    def flow(self) -> Any:
        """A tensor, for code that passes it on; it means nothing."""
        return tensor(np.int32(0)) if self._rows is None else self._rows

    def size(self, name: str | None = None) -> Any:
        """The number of slots, a scalar tensor."""
        return tensor(self._length(), int32)

    def _length(self) -> Any:
        """The number of slots, a tensor where only a run knows it."""
        if self._rows is not None:
            return sizes_of(self._rows)[0]
        return len(self._slots) if self._size is None else self._size

    def identity(self) -> "TensorArray":
        return self

    def close(self, name: str | None = None) -> None:
        """Let go of what was written."""
        self._slots.clear()
        self._rows = None

    def read(self, index: Any, name: str | None = None) -> Any:
        """The tensor in slot `index`; zeros where nothing was written and the shape is known."""
        i = known(index)
        if i is None or not self._apart:
            return subscript(self._as_rows(), index if i is None else self._place(int(i)))
        i = self._place(int(i))
        if self._slots[i] is None and i in self._read:
            raise invalid(
                f"Could not read index {i} twice because it was cleared after a previous read (perhaps try "
                "setting clear_after_read = false?)"
            )
        found = self._slot(i)
        if self._clear:
            self._slots[i] = None
            self._read.add(i)
        return found

    def _place(self, i: int) -> int:
        if i < 0:
            raise OutOfRangeError(None, None, f"Reading from negative indices (index {i}) is not allowed.")
        n = known(self._length())
        if n is not None and i >= n:
            raise OutOfRangeError(None, None, f"Tried to read from index {i} but array size is: {n} ")
        return i

    def _slot(self, i: int) -> Any:
        """Slot i, as zeros if it is empty."""
        if self._slots[i] is None:
            self._slots[i] = zeros(self._known_shape(), self._dtype)
        return self._slots[i]

    def _known_shape(self) -> TensorShape:
        if not self._shape.is_fully_defined():
            raise ValueError(
                f"Cannot convert a partially known TensorShape {self._shape} to a Tensor: a slot was never "
                "written, and what shape it would have is not known. Write it first, or give the TensorArray "
                "an element_shape."
            )
        return self._shape

    def write(self, index: Any, value: Any, name: str | None = None) -> "TensorArray":
        """The array with `value` in slot `index`."""
        i, x = known(index), self._checked(value)
        if i is not None and self._apart:
            self._put(int(i), x)
            return self
        put = o.dynamic_put if self._dynamic_size else o.dynamic_update
        return self._with_rows(apply(put, self._as_rows(), tensor(index), x))

    @property
    def _apart(self) -> bool:
        """Whether each slot is a tensor of its own."""
        return self._rows is None and self._size is None

    def _put(self, i: int, x: Any) -> None:
        if i < 0:
            raise OutOfRangeError(None, None, f"Writing to negative indices (index {i}) is not allowed.")
        if i >= len(self._slots):
            if not self._dynamic_size:
                raise OutOfRangeError(
                    None, None,
                    f"Tried to write to index {i} but array is not resizeable and size is: "
                    f"{len(self._slots)} \nMake it larger, or pass dynamic_size=True.",
                )  # fmt: skip
            self._slots += [None] * (i - len(self._slots) + 1)
        self._slots[i] = x
        self._read.discard(i)

    def _checked(self, value: Any) -> Any:
        """`value` as a tensor that may stand in a slot."""
        x = convert_to_tensor(value, dtype_hint=self._dtype)
        if x.dtype is not self._dtype:
            raise invalid(
                f"TensorArray dtype is {self._dtype.name} but Op is trying to write dtype {x.dtype.name} \n"
                f"Convert it first: tf.cast(value, {self._dtype!r})."
            )
        if not self._shape.is_compatible_with(x.shape):
            raise ValueError(f"Incompatible shape for value ({x.shape}), expected ({self._shape})")
        if self._infer:
            self._shape = self._shape.merge_with(x.shape)
        return x

    def stack(self, name: str | None = None) -> Any:
        """All slots as one tensor, along a new first axis."""
        if self._rows is not None:
            return self._rows
        if self._size is not None:
            return self._zeros(self._size)
        if not self._slots:
            return zeros([0, *(self._shape if self._shape.is_fully_defined() else [])], self._dtype)
        runs = [(empty, list(run)) for empty, run in groupby(self._slots, lambda x: x is None)]
        blocks = [self._zeros(len(run)) if empty else stack(run) for empty, run in runs]
        return concat(blocks, 0) if blocks[1:] else blocks[0]

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """The slots that `indices` names as one tensor."""
        places = entries(indices, "Tindices")
        if self._rows is None and is_static(places):
            return stack([self._slot(self._place(i)) for i in places])
        return apply(o.take, self._as_rows(), tensor(indices), axis=0)

    def concat(self, name: str | None = None) -> Any:
        """The slots joined along their first axis."""
        slots = (
            unstack(self._rows)
            if self._rows is not None
            else [self._slot(i) for i in range(len(self._slots))]
        )
        for i, x in enumerate(slots):
            if x.shape.rank == 0:
                raise invalid(f"Concat saw a scalar shape at index {i} but requires at least vectors.")
        return concat(slots, 0)

    def unstack(self, value: Any, name: str | None = None) -> "TensorArray":
        """The array with the slices of `value` along its first axis in its slots."""
        x = convert_to_tensor(value, dtype_hint=self._dtype)
        if x.shape.rank and x.shape[0] is None:
            self._shape = self._shape.merge_with(x.shape[1:])
            return self._with_rows(x)
        parts = unstack(x)
        n = known(self._length())
        if n is not None and len(parts) > n and not self._dynamic_size:
            raise ValueError(f"Cannot unstack {len(parts)} tensors into a TensorArray of static size {n} ")
        if parts:
            self._checked(parts[0])
        if not self._apart:
            return self._with_rows(x)
        self._slots[:] = parts
        self._read.clear()
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> "TensorArray":
        """The array with slice k of `value` in slot `indices[k]`."""
        places = entries(indices, "Tindices")
        array = self
        for i, x in zip(places, unstack(convert_to_tensor(value, dtype_hint=self._dtype))):
            array = array.write(i, x)
        return array

    def split(self, value: Any, lengths: Any, name: str | None = None) -> "TensorArray":
        """The array with `value` cut along its first axis into pieces of `lengths` in its slots."""
        x, sizes = self._like(value), entries(lengths, "Tlen")
        if not is_static(sizes):
            raise TypeError("The lengths of a split must be known while a function is traced.")
        if not x.shape.rank:
            raise invalid(f"Expected value to be at least a vector, but received shape: {x.shape.as_list()} ")
        if sum(sizes) != x.shape[0]:
            raise invalid(
                f"Expected sum of lengths to be equal to values.shape[0], but sum of lengths is "
                f"{sum(sizes)} and value's shape is: {x.shape.as_list()} "
            )
        if not self._dynamic_size and len(sizes) != self._length():
            raise invalid(
                f"TensorArray's size is not equal to the size of lengths ({self._length()} vs. "
                f"{len(sizes)}), and the TensorArray is not marked as dynamically resizeable."
            )
        self._rows, self._slots[:] = None, split(x, sizes)
        return self

    def _like(self, value: Any) -> Any:
        x = convert_to_tensor(value, dtype_hint=self._dtype)
        if x.dtype is not self._dtype:
            raise invalid(
                f"TensorArray dtype is {self._dtype.name} but Op is trying to write dtype {x.dtype.name} "
            )
        return x

    # As one tensor: what a traced loop carries.

    def _as_rows(self) -> Any:
        return self._rows if self._rows is not None else self.stack()

    def _zeros(self, n: Any) -> Any:
        """`n` empty slots, as rows."""
        return zeros([n, *self._known_shape()], self._dtype)

    def _with_rows(self, rows: Any) -> "TensorArray":
        array = TensorArray(
            self._dtype,
            0,
            self._dynamic_size,
            self._clear,
            infer_shape=self._infer,
            element_shape=self._shape,
        )
        array._rows = rows
        return array

    def __composite_flatten__(self) -> tuple[Any, tuple]:
        return self, (self._as_rows(),)

    @classmethod
    def __composite_unflatten__(cls, like: "TensorArray", parts: tuple) -> "TensorArray":
        return like._with_rows(parts[0])
