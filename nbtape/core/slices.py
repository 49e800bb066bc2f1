"""IndexedSlices: a gradient that is zero but for some rows."""

from typing import Any

import numpy as np

from nbtape.core.engine import EagerTensor, Tensor, apply, o, tensor
from nbtape.core.shape import TensorShape


class IndexedSlices:
    """Rows `values[i]` that belong at `indices[i]` of a tensor of shape `dense_shape`; rows named twice add up.

    The gradient of `gather` and `embedding_lookup`. It adds, scales, and becomes dense only when asked, by
    `convert_to_tensor` or in an operation with a dense tensor.

    >>> s = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 2]), [4, 1])
    >>> tf.convert_to_tensor(s * 2.0).numpy().ravel().tolist()
    [2.0, 0.0, 4.0, 0.0]
    """

    __slots__ = ("_values", "_indices", "_dense_shape")
    __array_ufunc__ = None  # NumPy leaves `array + slices` to us

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self._values, self._indices, self._dense_shape = values, indices, dense_shape

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
        return None if self._dense_shape is None else tensor(np.asarray(self._dense_shape, dtype=np.int32))

    @property
    def shape(self) -> TensorShape:
        return TensorShape(None if self._dense_shape is None else [int(n) for n in self._dense_shape])

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
        """Zeros of `dense_shape` with the rows added: a Tensor, or a bare array if the slices hold bare arrays."""
        if self._dense_shape is None:
            raise ValueError(
                f"Tensor conversion requested for IndexedSlices without dense_shape: {self!r}\n"
                "Give it one: tf.IndexedSlices(values, indices, dense_shape=[rows, ...])."
            )
        return o.scatter_add(self._indices, self._values, rows=int(self._dense_shape[0]))

    def __tensor__(self) -> Tensor:
        return tensor(IndexedSlices(self.values, self.indices, self._dense_shape).dense())

    def __array__(self, dtype=None, copy=None):
        return self.__tensor__().__array__(dtype, copy)  # type: ignore[attr-defined]

    def __add__(self, other):
        if isinstance(other, IndexedSlices):
            values, indices = o.concat(self._values, other._values, axis=0), _joined(self._indices, other._indices)
            return IndexedSlices(values, indices, self._dense_shape or other._dense_shape)
        return self.dense() + other

    def __radd__(self, other):
        return other + self.dense()

    def __mul__(self, other):
        return IndexedSlices(self._values * other, self._indices, self._dense_shape)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return IndexedSlices(self._values / other, self._indices, self._dense_shape)

    def __neg__(self):
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __repr__(self):
        return f"IndexedSlices(indices={self._indices!r}, values={self._values!r}, dense_shape={self._dense_shape})"


def _joined(a: Any, b: Any) -> Any:
    if isinstance(a, EagerTensor | np.ndarray | np.generic) and isinstance(b, EagerTensor | np.ndarray | np.generic):
        a, b = np.asarray(a), np.asarray(b)
        return np.concatenate([a, b.astype(a.dtype)])
    return apply(o.concat, a, b, axis=0)
