"""Making tensors: constants, zeros, ones, identity matrices.

What is known when it is made is a constant; what a trace computes (the size of a batch) goes through rows.
"""

import math
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import DType, as_dtype, float32, spelled, string
from nbtape.core.engine import EagerTensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Index
from nbtape.core.shape import Spec, bracket
from nbtape.ops.measure import shape as shape_tensor
from nbtape.ops.row import op
from nbtape.ops.shape import broadcast_to_sizes
from nbtape.ops.static import (
    entries,
    is_static,
    is_tensor,
    known,
    partial_dims,
    rank_of,
    sizes_of,
)

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def _dtype(dtype: Any) -> DType | None:
    return None if dtype is None else as_dtype(dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """A tensor with the value of a Python number, a string, a (nested) list, an array or a tensor.

    Whole numbers give int32 (int64 where they need it), floats float32, arrays their own dtype; `dtype`
    decides otherwise. With `shape` the elements take that shape, and a single one fills it. Raises ValueError
    for ragged lists, TypeError where the value does not fit.

    >>> tf.constant([[1, 2], [3, 4]])
    <tf.Tensor: shape=(2, 2), dtype=int32, numpy=
    array([[1, 2],
           [3, 4]], dtype=int32)>
    """
    kind = _dtype(dtype)
    if is_tensor(value):
        x = tensor(value)
        if kind is not None and x.dtype is not kind:
            raise TypeError(
                f"Expected tensor {known(x)} with dtype {kind!r}, but got dtype {x.dtype!r}. "
                f"Write tf.cast(x, {kind!r}) to convert it."
            )
    else:
        x = tensor(value, kind)
    return x if shape is None else _filling(x, value, shape)


def _filling(x: Any, value: Any, shape: Any) -> Any:
    sizes = entries(shape, "shape", scalar=True)
    if not is_static(sizes):
        raise TypeError("The shape of a constant must be known; tf.fill takes one that a trace computes.")
    wanted, size = math.prod(sizes), math.prod(partial_dims(x))
    if size == wanted:
        return apply(o.reshape, x, shape=tuple(sizes))
    if size == 1:
        return apply(o.broadcast_to, apply(o.reshape, x, shape=()), shape=tuple(sizes))
    raise TypeError(
        f"Eager execution of tf.constant with unsupported shape. Tensor {known(x)} (converted from {value}) "
        f"has {size} elements, but got `shape` {tuple(sizes)} with {wanted} elements)."
    )


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Any:
    """`value` as a tensor; a tensor is returned as it is.

    `dtype` is what it must have: a tensor of another dtype is refused (ValueError). `dtype_hint` is what a
    Python value gets where it can.

    >>> tf.convert_to_tensor([1, 2], dtype_hint=tf.float32).dtype
    tf.float32
    """
    kind = _dtype(dtype)
    if kind is None and dtype_hint is not None and not is_tensor(value):
        try:
            return tensor(value, as_dtype(dtype_hint))
        except (TypeError, ValueError):
            pass
    return tensor(value, kind)


def made(value: Any) -> Any:
    """A Tensor of an array that nobody else holds."""
    taker = context.local.taker
    return EagerTensor(value) if taker is None else taker.constant(value)


def identity(input: Any, name: str | None = None) -> Any:
    """A tensor of the same value, one that later assignments to a Variable do not change.

    >>> tf.identity([1, 2]).numpy().tolist()
    [1, 2]
    """
    return apply(o.identity, tensor(input))


def identity_n(input: Any, name: str | None = None) -> list:
    """The `identity` of each tensor of a list."""
    return [identity(x) for x in input]


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value of a tensor as NumPy, None where it is not known before a traced function runs.

    >>> int(tf.get_static_value(tf.constant(3)))
    3
    """
    if not is_tensor(tensor):
        return tensor
    if isinstance(tensor, EagerTensor):
        return tensor.numpy()
    return known(tensor)


# Filled tensors


def _shape_entries(shape: Any) -> Any:
    """A shape as the user of `zeros` writes it."""
    sizes = list(shape) if type(shape) in (list, tuple) else None
    if sizes is None or not is_static(sizes):
        value = known(shape)
        if value is not None and value.dtype.kind not in "iu" and value.size:
            raise TypeError(f"Cannot convert {shape!r} to EagerTensor of dtype int32")
        if value is not None and value.ndim > 1:
            raise invalid(f"dims must represent a vector, got shape {bracket(value.shape)} [Op:Fill]")
        sizes = entries(shape, "index_type", scalar=True)
    for n in sizes if isinstance(sizes, list) else ():
        if type(n) is int and n < 0:
            raise invalid(f"Dimension {n} must be >= 0 [Op:Fill]")
    return sizes


def _filled(sizes: Any, value: Any, dtype: DType) -> Any:
    if is_static(sizes) and context.local.taker is None:
        if dtype is string:
            return tensor(np.full(sizes, value, object))
        y = np.full(sizes, value, dtype.np) if value else np.zeros(sizes, dtype.np)
        return EagerTensor(y if sizes else y[()])
    return broadcast_to_sizes(tensor(value, dtype), sizes)


def zeros(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of zeros (False, empty strings).

    >>> tf.zeros([2, 3]).numpy().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    kind = as_dtype(dtype)
    return _filled(_shape_entries(shape), _zero(kind), kind)


def _zero(kind: DType) -> Any:
    return False if kind.is_bool else b"" if kind is string else 0


def ones(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of ones (True).

    >>> tf.ones([2], tf.int32).numpy().tolist()
    [1, 1]
    """
    kind = as_dtype(dtype)
    if kind is string:
        raise TypeError("Cannot convert 1 to EagerTensor of dtype string")
    return _filled(_shape_entries(shape), True if kind.is_bool else 1, kind)


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of shape `dims` with the scalar `value` everywhere.

    >>> tf.fill([2, 2], 7).numpy().tolist()
    [[7, 7], [7, 7]]
    """
    try:
        sizes = _shape_entries(dims)
    except TypeError:
        raise invalid(
            f"Value for attr 'index_type' of {spelled(known(dims).dtype)} is not in the list of allowed "
            "values: int32, int64"
        ) from None
    x = tensor(value)
    if rank_of(x):
        raise invalid(f"value must represent a scalar, got shape {bracket(partial_dims(x))} [Op:Fill]")
    return broadcast_to_sizes(x, sizes)


def _zeros_like(x):
    return np.full(x.shape, b"", object) if x.dtype == object else _like(np.zeros(x.shape, x.dtype))


def _ones_like(x):
    if x.dtype == object:
        raise TypeError
    return _like(np.ones(x.shape, x.dtype))


def _ones_like_spec(x: Spec) -> Spec:
    if x.dtype == object:
        raise invalid(
            "Value for attr 'T' of string is not in the list of allowed values: numbers and bool "
            "[Op:OnesLike]"
        )
    return x


def _like(y: np.ndarray) -> Any:
    return y if y.ndim else y[()]


op("iota", lambda *, size, dtype: np.arange(size, dtype=dtype), lambda *, size, dtype: Spec((size,), dtype),
   kernel=Index())  # fmt: skip
op("zeros_like", _zeros_like, lambda x: x)
op("ones_like", _ones_like, _ones_like_spec)


def zeros_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Zeros in the shape and, unless given, the dtype of `input`.

    >>> tf.zeros_like([1, 2]).numpy().tolist()
    [0, 0]
    """
    x = tensor(input)
    return apply(o.zeros_like, x) if dtype is None else zeros(_shape_of(x), dtype)


def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Ones in the shape and, unless given, the dtype of `input`.

    >>> tf.ones_like([1, 2], tf.float32).numpy().tolist()
    [1.0, 1.0]
    """
    x = tensor(input)
    return apply(o.ones_like, x) if dtype is None else ones(_shape_of(x), dtype)


def _shape_of(x: Any) -> Any:
    return sizes_of(x) if partial_dims(x) is not None else shape_tensor(x)


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = float32,
    name: str | None = None,
) -> Any:
    """The identity matrix, or a batch of them.

    >>> tf.eye(2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    columns = num_rows if num_columns is None else num_columns
    for n in (num_rows, columns):
        value = known(n)
        if value is not None and value.dtype.kind not in "iu":
            raise TypeError(
                "Arguments `num_rows` and `num_columns` must be positive integer values. "
                f"Received: num_rows={num_rows}, num_columns={columns}"
            )
    batch, kind = [] if batch_shape is None else _shape_entries(batch_shape), as_dtype(dtype)
    sizes = _shape_entries([num_rows, columns])
    if is_static(sizes) and is_static(batch):
        y = np.eye(*sizes, dtype=kind.np)
        return tensor(np.broadcast_to(y, (*batch, *sizes)) if batch else y)
    rows, cols = [apply(o.range, tensor(0), tensor(n), tensor(1)) for n in sizes]
    y = apply(o.cast, apply(o.equal, apply(o.expand_dims, rows, axis=1), cols), dtype=kind.np)
    return broadcast_to_sizes(y, [*batch, *sizes]) if batch else y
