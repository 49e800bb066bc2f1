"""Shapes and specs: TensorShape, TensorSpec, and what broadcasting makes of two shapes."""

import operator
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from nbtape.core import dtype as dtypes
from nbtape.core.dimension import dimension_value
from nbtape.core.errors import invalid

Dims = tuple[int | None, ...]


class Spec(NamedTuple):
    """Shape and NumPy dtype of a value: what an op's `infer` takes and gives. A dim of None is not known."""

    shape: Dims | None
    dtype: np.dtype


class TensorShape:
    """The shape of a tensor: a tuple of sizes, None where one is unknown; `TensorShape(None)` has unknown
    rank.

    >>> s = tf.TensorShape([None, 3]); s.is_compatible_with([5, 3]), s.rank, s.as_list()
    (True, 2, [None, 3])
    """

    __slots__ = ("_dims",)

    def __init__(self, dims: Any):
        if dims is None:
            self._dims: Dims | None = None
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif isinstance(dims, tuple | list):
            self._dims = tuple([_dimension(d) for d in dims])
        elif isinstance(dims, str) or not hasattr(dims, "__iter__"):
            self._dims = (_dimension(dims),)
        else:
            self._dims = tuple([_dimension(d) for d in dims])

    @property
    def dims(self) -> list[int | None] | None:
        return None if self._dims is None else list(self._dims)

    @property
    def rank(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        return self.rank

    def as_list(self) -> list[int | None]:
        """The sizes as a list; raises ValueError when the rank is unknown."""
        return list(self._known("as_list() is not defined on an unknown TensorShape."))

    def _known(self, message: str) -> Dims:
        if self._dims is None:
            raise ValueError(message)
        return self._dims

    def is_fully_defined(self) -> bool:
        return self._dims is not None and None not in self._dims

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def num_elements(self) -> int | None:
        if self._dims is None or None in self._dims:
            return None
        return int(np.prod(self._dims, dtype=np.int64))  # pyright: ignore[reportCallIssue, reportArgumentType]

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one shape could be both: equal but for unknown sizes."""
        other = TensorShape(other)
        if self._dims is None or other._dims is None:
            return True
        if len(self._dims) != len(other._dims):
            return False
        return all(a is None or b is None or a == b for a, b in zip(self._dims, other._dims, strict=True))

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def is_subtype_of(self, other: Any) -> bool:
        """Whether each tensor of this shape is one of `other`'s."""
        other = TensorShape(other)
        if other._dims is None:
            return True
        if self._dims is None or len(self._dims) != len(other._dims):
            return False
        return all(b is None or a == b for a, b in zip(self._dims, other._dims, strict=True))

    def most_specific_compatible_shape(self, other: Any) -> "TensorShape":
        """The narrowest shape that both are instances of."""
        other = TensorShape(other)
        if self._dims is None or other._dims is None or len(self._dims) != len(other._dims):
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self._dims, other._dims, strict=True)])

    def most_specific_common_supertype(self, others: Iterable[Any]) -> "TensorShape":
        """The narrowest shape that this one and all `others` are instances of."""
        shape = self
        for other in others:
            shape = shape.most_specific_compatible_shape(other)
        return shape

    def merge_with(self, other: Any) -> "TensorShape":
        """What is known of one or the other; raises ValueError when they contradict each other."""
        other = TensorShape(other)
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        if self._dims is None or other._dims is None:
            return other if self._dims is None else self
        return TensorShape([b if a is None else a for a, b in zip(self._dims, other._dims, strict=True)])

    def concatenate(self, other: Any) -> "TensorShape":
        other = TensorShape(other)
        if self._dims is None or other._dims is None:
            return TensorShape(None)
        return TensorShape(self._dims + other._dims)

    def with_rank(self, rank: int) -> "TensorShape":
        """This shape, if it has `rank` or might have it; raises ValueError otherwise."""
        if self._dims is not None and len(self._dims) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")
        return TensorShape([None] * rank) if self._dims is None else self

    def assert_has_rank(self, rank: int) -> None:
        self.with_rank(rank)

    def assert_same_rank(self, other: Any) -> None:
        other = TensorShape(other)
        if self._dims is not None and other._dims is not None and len(self._dims) != len(other._dims):
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def with_rank_at_least(self, rank: int) -> "TensorShape":
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> "TensorShape":
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def __iter__(self) -> Iterator[int | None]:
        return iter(self._known("Cannot iterate over a shape with unknown rank."))

    def __len__(self) -> int:
        return len(self._known("Cannot take the length of shape with unknown rank."))

    def __getitem__(self, key: Any) -> Any:
        if self._dims is None:
            return _unknown_slice(key) if isinstance(key, slice) else None
        found = self._dims[key]
        return TensorShape(found) if isinstance(key, slice) else found

    def __bool__(self) -> bool:
        return self._dims is not None

    def __eq__(self, other: Any) -> bool:
        try:
            return self._dims == TensorShape(other)._dims
        except (TypeError, ValueError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self._dims)

    def __add__(self, other: Any) -> "TensorShape":
        return self.concatenate(other)

    def __radd__(self, other: Any) -> "TensorShape":
        return TensorShape(other).concatenate(self)

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        return "(" + ", ".join(map(str, self._dims)) + (",)" if len(self._dims) == 1 else ")")

    def __repr__(self) -> str:
        return "TensorShape(None)" if self._dims is None else f"TensorShape({list(self._dims)})"

    def __reduce__(self):
        return TensorShape, (self.dims,)


def known_shape(sizes: tuple[int, ...]) -> TensorShape:
    """The TensorShape of sizes that need no check: those of an array."""
    shape = object.__new__(TensorShape)
    shape._dims = sizes
    return shape


def _unknown_slice(key: slice) -> TensorShape:
    """What a slice of unknown sizes is known to be: as many of them as the slice says, where it says it."""
    start, stop = key.start or 0, key.stop
    if stop is None or key.step or start < 0 or stop < 0:
        return TensorShape(None)
    return TensorShape([None] * max(stop - start, 0))


def _dimension(d: Any) -> int | None:
    d = dimension_value(d)
    if d is None:
        return None
    try:
        size = operator.index(d)
    except TypeError:
        raise TypeError(
            f"Dimension value must be integer or None or have an __index__ method, got value '{d!r}' "
            f"with type '{type(d)!r}'"
        ) from None
    if size < 0:
        raise ValueError(f"Dimension {size} must be >= 0")
    return size


class TensorSpec:
    """What a tensor must be: a shape, a dtype and a name.

    >>> tf.TensorSpec([None, 2], tf.float32).is_compatible_with(tf.ones([3, 2]))
    True
    """

    __slots__ = ("_shape", "_dtype", "_name")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None):
        self._shape, self._dtype, self._name = TensorShape(shape), dtypes.as_dtype(dtype), name

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def name(self) -> str | None:
        return self._name

    @classmethod
    def from_spec(cls, spec: "TensorSpec", name: str | None = None) -> "TensorSpec":
        return cls(spec.shape, spec.dtype, name or spec.name)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> "TensorSpec":
        """The spec of one tensor."""
        if not hasattr(tensor, "shape") or not hasattr(tensor, "dtype"):
            raise ValueError(f"`tensor` should be a tf.Tensor, but got type {type(tensor)}.")
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor (or another spec) is an instance of this one; the name does not count."""
        shape, dtype = getattr(other, "shape", None), getattr(other, "dtype", None)
        if dtype is None:
            return False
        return self._dtype == dtype and self._shape.is_compatible_with(shape)

    def is_subtype_of(self, other: Any) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self._dtype == other._dtype
            and self._shape.is_subtype_of(other._shape)
        )

    def most_specific_compatible_type(self, other: "TensorSpec") -> "TensorSpec":
        """The narrowest spec that both are instances of; raises ValueError where the dtypes differ."""
        found = self.most_specific_common_supertype([other])
        if found is None:
            raise ValueError(f"No TypeSpec is compatible with both {self} and {other}")
        return found

    def most_specific_common_supertype(self, others: Iterable["TensorSpec"]) -> "TensorSpec | None":
        """The narrowest spec that this and all `others` are instances of; None where the dtypes differ."""
        others = list(others)
        if any(not isinstance(other, TensorSpec) or other._dtype != self._dtype for other in others):
            return None
        shape = self._shape.most_specific_common_supertype([other._shape for other in others])
        name = self._name if all(other._name == self._name for other in others) else None
        return TensorSpec(shape, self._dtype, name)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, TensorSpec)
            and (self._shape, self._dtype, self._name) == (other._shape, other._dtype, other._name)
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self._shape, self._dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self._shape}, dtype={self._dtype!r}, name={self._name!r})"

    def __reduce__(self):
        return TensorSpec, (self._shape, self._dtype, self._name)


def bracket(shape: Iterable) -> str:
    """A shape as TensorFlow's kernels write it: `[2,3]`."""
    return "[" + ",".join("?" if d is None else str(d) for d in shape) + "]"


def broadcast(*shapes: Dims | None) -> Dims | None:
    """The shape that all `shapes` broadcast to; raises InvalidArgumentError where they do not."""
    if any(s is None for s in shapes):
        return None
    result: list[int | None] = []
    for i in range(1, max(map(len, shapes), default=0) + 1):  # type: ignore[arg-type]
        sizes = [s[-i] for s in shapes if len(s) >= i]  # type: ignore[index, arg-type]
        known = {n for n in sizes if n is not None and n != 1}
        if len(known) > 1:
            raise invalid("Incompatible shapes: " + " vs. ".join(bracket(s) for s in shapes))  # type: ignore[arg-type]
        result.append(known.pop() if known else (None if None in sizes else 1))
    return tuple(reversed(result))


def numel(shape: Iterable[int]) -> int:
    n = 1
    for d in shape:
        n *= d
    return n
