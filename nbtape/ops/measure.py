"""What a tensor's shape is: shape, size, rank, ensure_shape, and the shapes that two broadcast to."""

import math
from typing import Any

import numpy as np

from nbtape.core.convert import array_of
from nbtape.core.dtype import as_dtype, int32, int64, spelled
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Spec, TensorShape, bracket, broadcast
from nbtape.ops.row import op
from nbtape.ops.static import is_tensor, partial_dims

_INT32 = np.dtype(np.int32)


# fmt: off
op("shape", lambda x, *, dtype: np.array(x.shape, dtype),
   lambda x, *, dtype: Spec((None if x.shape is None else len(x.shape),), dtype))
op("size", lambda x, *, dtype: dtype.type(x.size), lambda x, *, dtype: Spec((), dtype))
op("rank", lambda x: np.int32(x.ndim), lambda x: Spec((), _INT32))
# fmt: on


def _index_type(out_type: Any) -> np.dtype:
    kind = int32 if out_type is None else as_dtype(out_type)
    if kind not in (int32, int64):
        raise invalid(
            f"Value for attr 'out_type' of {spelled(kind.np)} is not in the list of allowed values: int32, "
            f"int64"
        )
    return kind.np


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The shape of `input` as a tensor of int32 (or int64).

    >>> tf.shape([[1, 2, 3]]).numpy().tolist()
    [1, 3]
    """
    x, kind = tensor(input), _index_type(out_type)
    sizes = partial_dims(x)
    return apply(o.shape, x, dtype=kind) if sizes is None or None in sizes else tensor(np.array(sizes, kind))


def shape_n(input: Any, out_type: Any = int32, name: str | None = None) -> list:
    """The shape of each tensor of a list."""
    return [shape(x, out_type) for x in input]


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The number of elements of `input`, a scalar tensor of int32 (or int64).

    >>> tf.size([[1, 2, 3]]).numpy()
    np.int32(3)
    """
    x, kind = tensor(input), _index_type(out_type)
    sizes = partial_dims(x)
    return (
        apply(o.size, x, dtype=kind)
        if sizes is None or None in sizes
        else tensor(kind.type(math.prod(sizes)))
    )


def rank(input: Any, name: str | None = None) -> Any:
    """The number of axes of `input`, a scalar tensor of int32.

    >>> tf.rank([[1, 2, 3]]).numpy()
    np.int32(2)
    """
    x = tensor(input)
    sizes = partial_dims(x)
    return apply(o.rank, x) if sizes is None else tensor(np.int32(len(sizes)))


def _ensure(x, *, shape):
    if shape is not None and (
        len(shape) != x.ndim or any([n not in (None, m) for n, m in zip(shape, x.shape)])
    ):
        raise ValueError
    return x


def _ensure_spec(x: Spec, *, shape: tuple | None) -> Spec:
    came, wanted = TensorShape(x.shape), TensorShape(shape)
    if not came.is_compatible_with(wanted):
        raise invalid(
            f"Shape of tensor input {bracket(x.shape)} is not compatible with expected shape "  # type: ignore[arg-type]
            f"{bracket(shape)}. [Op:EnsureShape]"  # type: ignore[arg-type]
        )
    return Spec(came.merge_with(wanted)._dims, x.dtype)


op("ensure_shape", _ensure, _ensure_spec, lambda g, y, x, *, shape: g, kernel=View())


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`x`, if it has this shape (None in the place of a size takes any); raises InvalidArgumentError
    otherwise.

    >>> tf.ensure_shape([1, 2], [None]).numpy().tolist()
    [1, 2]
    """
    return apply(o.ensure_shape, tensor(x), shape=TensorShape(shape)._dims)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The TensorShape that two shapes broadcast to; raises ValueError where they do not.

    >>> tf.broadcast_static_shape(tf.TensorShape([2, 1]), tf.TensorShape([3]))
    TensorShape([2, 3])
    """
    x, y = TensorShape(shape_x), TensorShape(shape_y)
    try:
        return TensorShape(broadcast(x._dims, y._dims))
    except InvalidArgumentError:
        raise ValueError(
            "Incompatible shapes for broadcasting. Two shapes are compatible if for each dimension pair "
            f"they are either equal or one of them is 1. Received: {x} and {y}."
        ) from None


def _broadcast_shape(a, b):
    return np.array(broadcast(tuple(a.tolist()), tuple(b.tolist())), a.dtype)


def _broadcast_shape_spec(a: Spec, b: Spec) -> Spec:
    lengths = [None if s.shape is None else s.shape[0] for s in (a, b)]
    return Spec((None if None in lengths else max(lengths),), a.dtype)  # type: ignore[type-var]


op("broadcast_shape", _broadcast_shape, _broadcast_shape_spec)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape that two shapes, given as tensors, broadcast to, as a tensor.

    >>> tf.broadcast_dynamic_shape([2, 1], [3]).numpy().tolist()
    [2, 3]
    """
    x, y = _shape_tensor(shape_x), _shape_tensor(shape_y)
    return apply(o.broadcast_shape, x, y)


def _shape_tensor(x: Any) -> Any:
    return tensor(x) if is_tensor(x) else tensor(array_of(x).astype(np.int32))
