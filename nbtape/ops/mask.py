"""Masks: where, boolean_mask, and the rows that find what is not zero."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec
from nbtape.ops.row import op
from nbtape.ops.static import integer, is_tensor, rank_of
from nbtape.ops.subscript import masked

_INT64 = np.dtype(np.int64)

as_tensor = tensor  # where a parameter is called `tensor`, as TensorFlow's are


def _where_indices(x):
    if not x.ndim or x.dtype == object:
        raise TypeError
    return np.argwhere(x)


def _where_spec(x: Spec) -> Spec:
    if x.dtype == object:
        raise invalid(
            "Value for attr 'T' of string is not in the list of allowed values: float, double, int32, bool"
        )
    if x.shape is None:
        return Spec((None, None), _INT64)
    if not x.shape:
        raise invalid("WhereOp : Unhandled input dimensions: 0 [Op:Where]")
    return Spec((None, len(x.shape)), _INT64)


op("where_indices", _where_indices, _where_spec)
op("flat_nonzero", lambda x: np.flatnonzero(x), lambda x: Spec((None,), _INT64))


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Elements of `x` where `condition` is true and of `y` elsewhere, all three broadcast to one shape.

    With `condition` alone: the indices of its true (nonzero) elements, one row each.

    >>> tf.where([True, False], [1, 2], 0).numpy().tolist(), tf.where([0, 3, 0, 4]).numpy().tolist()
    ([1, 0], [[1], [3]])
    """
    if x is None and y is None:
        return apply(o.where_indices, tensor(condition))
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    c = tensor(condition)
    if not c.dtype.is_bool:
        raise TypeError(
            f"Cannot convert {condition!r} to EagerTensor of dtype bool\n"
            "A condition is a tensor of bools: write tf.where(c != 0, x, y), or tf.cast(c, tf.bool)."
        )
    if not is_tensor(x) and not is_tensor(y):
        x = tensor(x)
        y = tensor(y, x.dtype)
    x, y = pair(x, y)
    return apply(o.where, c, x, y)


def boolean_mask(tensor: Any, mask: Any, axis: Any = None, name: str = "boolean_mask") -> Any:
    """The slices of `tensor` at which `mask` is true; it covers the axes from `axis` on (by default from the
    first).

    >>> tf.boolean_mask([[1, 2], [3, 4], [5, 6]], [True, False, True]).numpy().tolist()
    [[1, 2], [5, 6]]
    """
    x, m = as_tensor(tensor), as_tensor(mask)
    if rank_of(m) == 0:
        raise ValueError("mask cannot be scalar.")
    if not m.dtype.is_bool:
        m = apply(o.not_equal, m, as_tensor(0, m.dtype))
    rank, at = rank_of(x), 0 if axis is None else integer(axis)
    at = at + rank if at < 0 else at
    if at + rank_of(m) > rank:
        raise ValueError(f"Shapes {x.shape[at:]} and {m.shape} are incompatible")
    x, i = masked(x, m, at)
    return apply(o.take, x, i, axis=at)
