"""Variables in parts: one variable in name and value, several in memory, cut along one axis."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from nbtape.core.dtype import DType, as_dtype, string
from nbtape.core.engine import Operators
from nbtape.core.shape import TensorShape
from nbtape.core.shape_v1 import shown as shown_shape
from nbtape.ops.create import identity
from nbtape.ops.join import concat
from nbtape.state.scopes.scope import name_scope


class SliceInfo(NamedTuple):
    """Where a part stands in the whole."""

    full_name: str
    full_shape: list[int]
    var_offset: list[int]
    var_shape: list[int]

    @property
    def spec(self) -> str:
        """As checkpoints of TensorFlow write it: the whole shape, then offset and size along each axis."""
        whole = " ".join([str(n) for n in self.full_shape])
        return f"{whole} {':'.join([f'{b},{n}' for b, n in zip(self.var_offset, self.var_shape)])}"


class PartitionedVariable(Operators):
    """A variable in parts, which computes as the whole.

    Iterating over it gives the parts.

    >>> with tf.Graph().as_default():
    ...     v = tf.compat.v1.get_variable("v", [5, 3], partitioner=tf.compat.v1.fixed_size_partitioner(2))
    ...     [part.name for part in v], v.shape
    (['v/part_0:0', 'v/part_1:0'], TensorShape([5, 3]))
    """

    def __init__(self, name: str, shape: TensorShape, dtype: DType, partitions: list[int]):
        self._name, self._shape, self._dtype, self._partitions = name, shape, dtype, partitions
        self._parts: list = []
        self._whole: Any = None
        axis, count = self.axis, math.prod(partitions)
        size, longer = divmod(shape[axis] if shape.rank else 1, count)
        self.slices: list[tuple[list[int], list[int]]] = []
        begin = 0
        for i in range(count):
            n = size + (i < longer)
            offset, sizes = [0] * len(partitions), _sizes(shape)
            if partitions:
                offset[axis], sizes[axis] = begin, n
            self.slices.append((offset, sizes))
            begin += n

    def add(self, part: Any, offset: Sequence[int], sizes: Sequence[int]) -> None:
        """Append the next part."""
        part._save_slice_info = SliceInfo(self._name, _sizes(self._shape), list(offset), list(sizes))
        self._parts.append(part)

    def __tensor__(self) -> Any:
        if len(self._parts) == 1:
            return identity(self._parts[0], name=self._name)
        with name_scope(f"{self._name}/ConcatPartitions/"):
            whole = concat(self._parts, self.axis)
        with name_scope(""):
            return identity(whole, name=self._name)

    def fetched(self) -> Any:
        """The tensor that a session runs for the variable."""
        if self._whole is None:
            self._whole = self.__tensor__()
        return self._whole

    def as_tensor(self) -> Any:
        """The whole, put together."""
        return self.__tensor__()

    @property
    def axis(self) -> int:
        """The axis along which the variable is cut."""
        return next((i for i, n in enumerate(self._partitions) if n > 1), 0)

    @property
    def partitions(self) -> list[int]:
        """The number of parts along each axis."""
        return list(self._partitions)

    @property
    def name(self) -> str:
        return self._name

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    def get_shape(self) -> TensorShape:
        return shown_shape(self._shape)

    def assign(self, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Any:
        """Replace the whole; gives the assignments of the parts."""
        return self._each("assign", value, read_value)

    def assign_add(
        self, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True
    ) -> Any:
        """Add to the whole; gives the assignments of the parts."""
        return self._each("assign_add", value, read_value)

    def assign_sub(
        self, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True
    ) -> Any:
        """Subtract from the whole; gives the assignments of the parts."""
        return self._each("assign_sub", value, read_value)

    def _each(self, method: str, value: Any, read_value: bool) -> list:
        from_whole = [value[tuple([slice(b, b + n) for b, n in zip(*place)])] for place in self.slices]
        return [getattr(part, method)(x, read_value=read_value) for part, x in zip(self._parts, from_whole)]

    def __iter__(self) -> Iterator:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return (
            f"<tf.PartitionedVariable '{self._name}' shape={self._shape} dtype={self._dtype.name} "
            f"parts={len(self._parts)}>"
        )


def parts_of(partitioner: Callable, shape: Any, dtype: DType) -> list[int]:
    """How many parts a partitioner asks for along each axis; raises ValueError for what cannot be done."""
    if not callable(partitioner):
        raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
    if shape is None or not shape.is_fully_defined():
        raise ValueError(
            f"Shape of a new partitioned variable must be fully defined, but instead was {shape}."
        )
    partitions = partitioner(shape=shape, dtype=dtype)
    if not isinstance(partitions, list | tuple):
        raise ValueError(f"Partitioner must return a sequence, but received: {partitions}")
    if len(partitions) != shape.rank:
        raise ValueError(
            "Partitioner returned a partition list that does not match the Variable's rank: "
            f"{partitions} vs. {shape}"
        )
    if any(n < 1 for n in partitions):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {partitions}")
    if sum(n > 1 for n in partitions) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shape}, partitioning: {partitions}"
        )
    return list(partitions)


def _sizes(shape: TensorShape) -> list[int]:
    return [n or 0 for n in shape]


def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Callable:
    """A partitioner that cuts variables into `num_shards` parts along `axis`."""

    def partitioner(shape: TensorShape, **kwargs: Any) -> list[int]:
        partitions = [1] * len(shape)
        partitions[axis] = min(num_shards, shape[axis])
        return partitions

    return partitioner


def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16, max_shards: int | None = None
) -> Callable:
    """A partitioner that cuts variables along `axis` into parts of at most `max_shard_bytes`."""
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError("Both max_shard_bytes and bytes_per_string_element must be positive.")
    if max_shards is not None and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: TensorShape, dtype: Any) -> list[int]:
        element = bytes_per_string_element if as_dtype(dtype) is string else as_dtype(dtype).size
        partitions, length = [1] * len(shape), shape[axis]
        bytes_per_slice = math.prod(_sizes(shape)) // length * element
        slices_per_shard = max(1, math.floor(max_shard_bytes / bytes_per_slice))
        shards = math.ceil(length / slices_per_shard)
        partitions[axis] = shards if max_shards is None else min(max_shards, shards)
        return partitions

    return partitioner


def min_max_variable_partitioner(
    max_partitions: int = 1,
    axis: int = 0,
    min_slice_size: int = 256 << 10,
    bytes_per_string_element: int = 16,
) -> Callable:
    """A partitioner that cuts variables along `axis` into at most `max_partitions` parts of at least
    `min_slice_size` bytes.
    """

    def partitioner(shape: TensorShape, dtype: Any) -> list[int]:
        element = bytes_per_string_element if as_dtype(dtype) is string else as_dtype(dtype).size
        total, partitions = math.prod(_sizes(shape)) * element, [1] * len(shape)
        at_most = max(1, min(shape[axis], max_partitions))
        partitions[axis] = max(1, min(at_most, math.ceil(total / min_slice_size)))
        return partitions

    return partitioner
