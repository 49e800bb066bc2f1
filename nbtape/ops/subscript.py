"""`t[key]`: every key that NumPy takes, with Tensors wherever numbers and arrays may stand.

A key of numbers, slices, None and `...` is one row, `subscript`, beside its transpose. Numbers and slice
bounds that a trace computes go through `dynamic_index` and `take`; masks and integer arrays, through `take`
and `fancy`.
"""

import operator
from typing import Any

import numpy as np

from nbtape.core.engine import EagerTensor, Tensor, apply, doors, o, tensor
from nbtape.ops.key import ALL, ARRAY, Key, out_of_bounds, without_ellipsis
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import is_tensor, known, partial_dims, rank_of, sizes_of

_REFUSED = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 "
    "tensors are valid indices, got {!r}"
)
_BOUNDS = (int, type(None))
newaxis = None


def subscript(x: Any, key: Any) -> Any:
    """`x[key]`."""
    if type(x) is not EagerTensor:
        x = tensor(x)
    kind = type(key)
    if kind is int or kind is slice and _is_plain_slice(key):
        return apply(o.subscript, x, key=Key(key))
    if kind is EagerTensor and not key._value.ndim and key._value.dtype.kind in "iu":
        return apply(o.subscript, x, key=Key(int(key._value)))
    items = key if kind is tuple else (key,)
    if all([_is_plain(k) for k in items]):
        return apply(o.subscript, x, key=Key(items))
    return _general(x, [_item(k) for k in items])


def _rank(x: Any) -> Any:
    return x._value.ndim if type(x) is EagerTensor else x.shape.rank


def _is_plain_slice(k: slice) -> bool:
    return type(k.start) in _BOUNDS and type(k.stop) in _BOUNDS and type(k.step) in _BOUNDS


def _is_plain(k: Any) -> bool:
    return type(k) is int or k is None or k is Ellipsis or type(k) is slice and _is_plain_slice(k)


def _item(k: Any) -> Any:
    """One item of a key: None, `...`, an int, a slice, or a Tensor of integers or bools."""
    if k is None or k is Ellipsis or type(k) is int:
        return k
    if isinstance(k, slice):
        return slice(*[None if b is None else _bound(b) for b in (k.start, k.stop, k.step)])
    if isinstance(k, bool | np.bool_):
        raise _scalar_mask()
    if isinstance(k, list | np.ndarray) or is_tensor(k):
        return _array_item(k)
    try:
        return operator.index(k)
    except TypeError:
        raise TypeError(_REFUSED.format(k)) from None


def _bound(b: Any) -> Any:
    """A bound of a slice: an int, or a scalar Tensor that a trace computes."""
    found = None if isinstance(b, bool | np.bool_) else _item_or_none(b)
    if (
        type(found) is int
        or isinstance(found, Tensor)
        and found.dtype.is_integer
        and _rank(found) in (0, None)
    ):
        return found
    raise TypeError(_REFUSED.format(b))


def _item_or_none(b: Any) -> Any:
    return None if isinstance(b, str | slice) else _item(b)


def _array_item(k: Any) -> Any:
    try:
        t = tensor(k)
    except (TypeError, ValueError):
        raise TypeError(_REFUSED.format(k)) from None
    value = known(t)
    if isinstance(k, list) and value is not None and value.size == 0:
        return tensor(np.zeros(value.shape, np.int32))
    if not (t.dtype.is_integer or t.dtype.is_bool):
        raise TypeError(_REFUSED.format(k))
    if _rank(t) == 0:
        if t.dtype.is_bool:
            raise _scalar_mask()
        return t if value is None else int(value)
    return t


def _scalar_mask() -> ValueError:
    return ValueError(
        "mask cannot be scalar. Write t[None] for a new axis, or tf.cond for a choice between two tensors."
    )


def _general(x: Any, items: list) -> Any:
    """A key with Tensors in it."""
    masks = sum([_rank(k) - 1 for k in items if isinstance(k, Tensor) and k.dtype.is_bool])
    rank = rank_of(x)
    items = without_ellipsis(tuple(items), rank - masks)
    arrays = [k for k in items if isinstance(k, Tensor) and _rank(k)]
    if len(arrays) == 1 and not any([_is_index(k) for k in items]):
        return _one_array(x, items)
    if arrays:
        return _with_arrays(x, items)
    return _dynamic(x, items)


def _is_index(k: Any) -> bool:
    return type(k) is int or isinstance(k, Tensor) and _rank(k) == 0


def _dynamic(x: Any, items: list) -> Any:
    """A key with numbers and bounds that a trace computes: those axes are taken in turn, the last first."""
    axis = sum([k is not None for k in items])
    for at in reversed(range(len(items))):
        k = items[at]
        if k is None:
            continue
        axis -= 1
        if isinstance(k, Tensor):
            x = apply(o.dynamic_index, x, k, axis=axis)
            del items[at]
        elif isinstance(k, slice) and not _is_plain_slice(k):
            bounds = (k.start, k.stop, k.step)
            size = tensor(sizes_of(x)[axis])
            i = apply(o.slice_indices, size, *[tensor(b) for b in bounds if b is not None],
                      given=tuple([b is not None for b in bounds]))  # fmt: skip
            x = apply(o.take, x, i, axis=axis)
            items[at] = ALL
    return x if all([k == ALL for k in items]) else apply(o.subscript, x, key=Key(tuple(items)))


def _one_array(x: Any, items: list) -> Any:
    """One mask or integer array among slices: a `take` along its axis."""
    at = next(i for i, k in enumerate(items) if isinstance(k, Tensor))
    axis, k = sum([j is not None for j in items[:at]]), items[at]
    if k.dtype.is_bool:
        x, i = masked(x, k, axis)
    else:
        i = _from_the_end(k, sizes_of(x)[axis], axis)
    y = apply(o.take, x, i, axis=axis)
    rest = [*items[:at], *[ALL] * _rank(i), *items[at + 1 :]]
    return y if all([j == ALL for j in rest]) else _dynamic(y, rest)


def masked(x: Any, mask: Any, axis: int) -> tuple[Any, Any]:
    """`x` with the axes that `mask` covers laid into one, and where the mask is true along it."""
    n, shape = _rank(mask), partial_dims(x)
    covered = shape[axis : axis + n]  # type: ignore[index]
    for wanted, came in zip(covered, partial_dims(mask)):  # type: ignore[arg-type]
        if None not in (wanted, came) and wanted != came:
            raise ValueError(
                f"Shapes {_shape_text(covered)} and {mask.shape} are incompatible: "
                "a mask has the shape of the axes that it selects from."
            )
    if n > 1:
        sizes = sizes_of(x)
        if all(isinstance(s, int) for s in sizes[axis : axis + n]):
            merged = int(np.prod(sizes[axis : axis + n]))
        else:
            merged = -1
        x = reshape_to_sizes(x, [*sizes[:axis], merged, *sizes[axis + n :]])
    value = known(mask)
    return x, apply(o.flat_nonzero, mask) if value is None else tensor(np.flatnonzero(value))


def _shape_text(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + (",)" if len(shape) == 1 else ")")


def _from_the_end(i: Any, size: Any, axis: int) -> Any:
    """Indices with the negative ones counted from the end."""
    value = known(i)
    if value is not None and (not value.size or value.min() >= 0):
        return i
    if value is None or not isinstance(size, int):
        n = tensor(size, i.dtype) if isinstance(size, int) else apply(o.cast, size, dtype=i.dtype.np)
        return apply(o.where, i < 0, i + n, i)
    if value.min() < -size:
        raise out_of_bounds(int(value.min()), size, axis)
    return tensor(np.where(value < 0, value + value.dtype.type(size), value))


def _with_arrays(x: Any, items: list) -> Any:
    """Several arrays, or arrays beside numbers: they broadcast against each other, as in NumPy."""
    flat: list = []
    for k in items:
        if isinstance(k, Tensor) and k.dtype.is_bool:
            value = known(k)
            n = _rank(k)
            if value is None:
                flat += apply(o.unstack, apply(o.where_indices, k), num=n, axis=1)
            else:
                flat += [tensor(i) for i in np.nonzero(value)]
        else:
            flat.append(k)
    if any([isinstance(k, slice) and not _is_plain_slice(k) for k in flat]):
        raise TypeError(
            "Slices with bounds that a trace computes cannot stand beside index arrays; slice first."
        )
    key = Key(tuple([ARRAY if isinstance(k, Tensor) else k for k in flat]))
    return apply(o.fancy, x, *[k for k in flat if isinstance(k, Tensor)], key=key)


doors["subscript"] = subscript
