"""IndexedSlices: a gradient that is zero but for some rows."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.engine import EagerTensor, Tensor, apply, o, tensor
from nbtape.core.shape import TensorShape


class IndexedSlices:
    """Rows `values[i]` that belong at `indices[i]` of a tensor of shape `dense_shape`; rows named twice add
    up.

    The gradient of `gather` and `embedding_lookup`. It adds, scales, and becomes dense only when asked, by
    `convert_to_tensor` or in an operation with a dense tensor.

    >>> s = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 2]), [4, 1])
    >>> tf.convert_to_tensor(s * 2.0).numpy().ravel().tolist()
    [2.0, 0.0, 4.0, 0.0]
    """

    __slots__ = ("_values", "_indices", "_dense_shape")
    __array_ufunc__ = None  # NumPy leaves `array + slices` to us
    reflects = frozenset(("add", "sub", "mul"))  # what a Tensor on the left leaves to us too

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self._values = values if isinstance(values, _AS_THEY_ARE) else tensor(values)
        self._indices = indices if isinstance(indices, _AS_THEY_ARE) else tensor(indices)
        self._dense_shape = None if dense_shape is None else _sizes(dense_shape)

    @property
    def values(self) -> Any:
        self._values = tensor(self._values)
        return self._values

    @property
    def indices(self) -> Any:
        self._indices = tensor(self._indices)
        return self._indices

    @property
    def dense_shape(self) -> Any:
        if self._dense_shape is None or isinstance(self._dense_shape, Tensor):
            return self._dense_shape
        return tensor(np.array(self._dense_shape, dtype=np.int32))

    @property
    def shape(self) -> TensorShape:
        if isinstance(self._dense_shape, Tensor):
            return TensorShape([None] * self._dense_shape.shape[0])
        return TensorShape(self._dense_shape)

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def device(self) -> str:
        return self.values.device

    @property
    def name(self) -> str:
        return self.values.name

    def dense(self) -> Any:
        """Zeros of `dense_shape` with the rows added: a Tensor, or an array if the slices hold arrays."""
        if self._dense_shape is None:
            raise ValueError(
                f"Tensor conversion requested for IndexedSlices without dense_shape: {self!r}\n"
                "Give it one: tf.IndexedSlices(values, indices, dense_shape=[rows, ...])."
            )
        if isinstance(self._dense_shape, Tensor):
            return o.scatter_add_by(self._indices, self._values, self._dense_shape[0], hint=None)
        return o.scatter_add(self._indices, self._values, rows=self._dense_shape[0])

    def __tensor__(self) -> Tensor:
        return tensor(IndexedSlices(self.values, self.indices, self._dense_shape).dense())

    def __array__(self, dtype=None, copy=None):
        return self.__tensor__().__array__(dtype, copy)  # type: ignore[attr-defined]

    def __add__(self, other):
        if isinstance(other, IndexedSlices):
            values, indices = (
                o.concat(self._values, other._values, axis=0),
                _joined(self._indices, other._indices),
            )
            return IndexedSlices(
                values, indices, other._dense_shape if self._dense_shape is None else self._dense_shape
            )
        return self.dense() + other

    def __radd__(self, other):
        return other + self.dense()

    def __mul__(self, other):
        if not _is_scalar(other):
            return self.dense() * other
        return IndexedSlices(self._values * other, self._indices, self._dense_shape)

    __rmul__ = __mul__

    def __truediv__(self, other):
        if not _is_scalar(other):
            return self.dense() / other
        return IndexedSlices(self._values / other, self._indices, self._dense_shape)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __str__(self):
        return _written(self.indices, self.values, self.dense_shape, str)

    def __repr__(self):
        return _written(self.indices, self.values, self.dense_shape, repr)

    def __composite_flatten__(self) -> tuple[None, tuple]:
        return None, tuple([x for x in (self.values, self.indices, self.dense_shape) if x is not None])

    @classmethod
    def __composite_unflatten__(cls, _: None, parts: tuple) -> "IndexedSlices":
        return cls(*parts)


_AS_THEY_ARE = (Tensor, np.ndarray, np.generic)
_ARRAYS = (np.ndarray, np.generic)


def _sizes(shape: Any) -> Any:
    """A dense shape as a tuple of ints, or as a tensor where a trace computes it."""
    if isinstance(shape, EagerTensor):
        shape = shape._value.tolist()
    if isinstance(shape, Tensor):
        return shape
    return tuple([operator.index(n) for n in shape])


def _written(indices: Any, values: Any, dense_shape: Any, how: Callable[[Any], str]) -> str:
    return f"IndexedSlices(indices={how(indices)}, values={how(values)}, dense_shape={how(dense_shape)})"


def _is_scalar(x: Any) -> bool:
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    return TensorShape(shape).rank == 0


def _joined(a: Any, b: Any) -> Any:
    x, y = (i._value if isinstance(i, EagerTensor) else i for i in (a, b))
    if isinstance(x, _ARRAYS) and isinstance(y, _ARRAYS):
        return np.concatenate([x, y.astype(x.dtype)])
    a, b = tensor(a), tensor(b)
    return apply(o.concat, a, b if a.dtype is b.dtype else apply(o.cast, b, dtype=a.dtype.np), axis=0)
