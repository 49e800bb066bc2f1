"""`t[key]`: every key that NumPy takes, with Tensors wherever numbers and arrays may stand.

A key of numbers, slices, None and `...` is one row, `subscript`, beside its transpose. Numbers and slice bounds that
a trace computes go through `dynamic_index` and `take`; masks and integer arrays, through `take` and `fancy`.
"""

import operator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from nbtape.core.engine import EagerTensor, Tensor, apply, doors, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Spec, broadcast
from nbtape.ops.row import op
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import is_tensor, known, partial_dims, rank_of, sizes_of

_REFUSED = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are "
    "valid indices, got {!r}"
)
_BOUNDS = (int, type(None))
_ALL = slice(None)

newaxis = None


class Key:
    """A key of NumPy's, hashable: `index` is what NumPy takes. An integer array stands in it as ARRAY."""

    __slots__ = ("index",)

    def __init__(self, index: Any):
        self.index = index

    @property
    def items(self) -> tuple:
        return self.index if type(self.index) is tuple else (self.index,)

    def _identity(self) -> tuple:
        return tuple([("slice", k.start, k.stop, k.step) if type(k) is slice else k for k in self.items])

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Key) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return "[" + ", ".join(_written(k) for k in self.items) + "]"


class _Array:
    def __repr__(self) -> str:
        return "array"


ARRAY = _Array()


def _written(k: Any) -> str:
    if type(k) is slice:
        text = ":".join("" if n is None else str(n) for n in (k.start, k.stop))
        return text if k.step is None else f"{text}:{k.step}"
    return "..." if k is Ellipsis else repr(k)


@cache
def row_key(i: int, axis: int) -> Key:
    """The key of slice `i` along `axis`."""
    return Key((*(_ALL,) * axis, i))


# The row


def _subscript(x, *, key):
    y = x[key.index]
    if type(y) is np.ndarray:
        return y if y.ndim or y.dtype == object else y[()]
    return np.asarray(y, object) if type(y) is bytes else y


def _unsubscript(g, like, *, key):
    y = np.zeros(like.shape, g.dtype)
    y[key.index] = g
    return y if y.ndim else y[()]


def _subscript_spec(x: Spec, *, key: Key) -> Spec:
    if x.shape is None:
        return Spec(None, x.dtype)
    items = _without_ellipsis(key.items, len(x.shape))
    sizes: list[int | None] = []
    axis = 0
    for item in items:
        if item is None:
            sizes.append(1)
            continue
        n = x.shape[axis]
        if type(item) is slice:
            sizes.append(_sliced(n, item, axis))
        elif n is not None and not -n <= item < n:
            raise out_of_bounds(item, n, axis)
        axis += 1
    return Spec(tuple(sizes), x.dtype)


def out_of_bounds(i: int, size: int, axis: int) -> Exception:
    return invalid(
        f"slice index {i + size if i < 0 else i} of dimension {axis} out of bounds. [Op:StridedSlice]\n"
        f"The index {i} was given for an axis of size {size}."
    )


def _sliced(n: int | None, item: slice, axis: int) -> int | None:
    if item.step == 0:
        raise invalid(f"strides[{axis}] must be non-zero [Op:StridedSlice]")
    if n is None:
        return None
    return len(range(*item.indices(n)))


def _without_ellipsis(items: tuple, rank: int) -> list:
    """The key with `...`, and what is missing at its end, written out as whole slices."""
    if sum([k is Ellipsis for k in items]) > 1:
        raise invalid("Multiple ellipses in slice spec not allowed [Op:StridedSlice]")
    taken = sum([k is not None and k is not Ellipsis for k in items])
    if taken > rank:
        if not rank:
            raise invalid("Attempting to slice scalar input. [Op:StridedSlice]")
        raise invalid(
            f"Index out of range using input dim {rank}; input has only {rank} dims [Op:StridedSlice]"
        )
    at = next((i for i, k in enumerate(items) if k is Ellipsis), None)
    if at is None:
        return [*items, *[_ALL] * (rank - taken)]
    return [*items[:at], *[_ALL] * (rank - taken), *items[at + 1 :]]


def _dynamic_index(x, i, *, axis):
    n = x.shape[axis]
    if not -n <= i < n:
        raise out_of_bounds(int(i), n, axis)
    return _subscript(x, key=Key((_ALL,) * axis + (int(i),)))


def _undynamic_index(g, i, like, *, axis):
    return _unsubscript(g, like, key=Key((_ALL,) * axis + (int(i),)))


def _dynamic_index_spec(x: Spec, i: Spec, *, axis: int) -> Spec:
    return Spec(None if x.shape is None else x.shape[:axis] + x.shape[axis + 1 :], x.dtype)


# fmt: off
op("subscript", _subscript, _subscript_spec, lambda g, y, x, *, key: o.unsubscript(g, x, key=key), kernel=View())
op("unsubscript", _unsubscript, lambda g, like, *, key: Spec(like.shape, g.dtype),
   lambda h, y, g, like, *, key: o.subscript(h, key=key), None)
op("dynamic_index", _dynamic_index, _dynamic_index_spec,
   lambda g, y, x, i, *, axis: o.undynamic_index(g, i, x, axis=axis), None)
op("undynamic_index", _undynamic_index, lambda g, i, like, *, axis: Spec(like.shape, g.dtype),
   lambda h, y, g, i, like, *, axis: o.dynamic_index(h, i, axis=axis), None, None)
op("slice_indices", lambda n, *bounds, given: np.arange(*slice(*_bounds(bounds, given)).indices(int(n)), dtype=np.int32),
   lambda n, *bounds, given: Spec((None,), np.dtype(np.int32)))
# fmt: on


def _bounds(bounds: tuple, given: tuple) -> list:
    left = iter(bounds)
    return [int(next(left)) if there else None for there in given]


# Several integer arrays at once


class _Fancy(NamedTuple):
    """How NumPy lays out the result of a key with arrays."""

    shape: tuple  # of the broadcast arrays
    rest: list  # sizes of the other axes
    at: int  # where `shape` stands among them


def _layout(x: Spec, arrays: tuple, key: Key) -> _Fancy:
    items = _without_ellipsis(key.items, len(x.shape))  # type: ignore[arg-type]
    shape = broadcast(*[a.shape for a in arrays])
    axis, rest, places, at = 0, [], [], None
    for i, item in enumerate(items):
        if item is None:
            rest.append(1)
            continue
        if type(item) is slice:
            rest.append(_sliced(x.shape[axis], item, axis))  # type: ignore[index]
        else:
            at = len(rest) if at is None else at
            places.append(i)
        axis += 1
    together = places[-1] - places[0] == len(places) - 1
    return _Fancy(shape, rest, at if together and at is not None else 0)  # type: ignore[arg-type]


def _filled(key: Key, arrays: tuple) -> tuple:
    left = iter(arrays)
    return tuple([next(left) if k is ARRAY else k for k in key.items])


def _fancy(x, *arrays, key):
    try:
        y = x[_filled(key, arrays)]
    except IndexError as error:
        raise invalid(f"{error} [Op:StridedSlice]") from None
    return y if type(y) is not bytes else np.asarray(y, object)


def _fancy_spec(x: Spec, *arrays: Spec, key: Key) -> Spec:
    if x.shape is None or any(a.shape is None for a in arrays):
        return Spec(None, x.dtype)
    shape, rest, at = _layout(x, arrays, key)
    return Spec((*rest[:at], *shape, *rest[at:]), x.dtype)


def _unfancy(g, like, *arrays, key):
    y = np.zeros(like.shape, g.dtype)
    np.add.at(y, _filled(key, arrays), g)
    return y


# fmt: off
op("fancy", _fancy, _fancy_spec,
   variadic=lambda i, g, y, x, *arrays, key: o.unfancy(g, x, *arrays, key=key) if i == 0 else None)
op("unfancy", _unfancy, lambda g, like, *arrays, key: Spec(like.shape, g.dtype),
   variadic=lambda i, h, y, g, like, *arrays, key: o.fancy(h, *arrays, key=key) if i == 0 else None)
# fmt: on


# What a user types


def subscript(x: Any, key: Any) -> Any:
    """`x[key]`."""
    if type(x) is not EagerTensor:
        x = tensor(x)
    kind = type(key)
    if kind is int or kind is slice and _is_plain_slice(key):
        return apply(o.subscript, x, key=Key(key))
    items = key if kind is tuple else (key,)
    if all([_is_plain(k) for k in items]):
        return apply(o.subscript, x, key=Key(items))
    return _general(x, [_item(k) for k in items])


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
        and found.shape.rank in (0, None)
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
    if t.shape.rank == 0:
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
    masks = sum([k.shape.rank - 1 for k in items if isinstance(k, Tensor) and k.dtype.is_bool])
    rank = rank_of(x)
    items = _without_ellipsis(tuple(items), rank - masks)
    arrays = [k for k in items if isinstance(k, Tensor) and k.shape.rank]
    if len(arrays) == 1 and not any([_is_index(k) for k in items]):
        return _one_array(x, items)
    if arrays:
        return _with_arrays(x, items)
    return _dynamic(x, items)


def _is_index(k: Any) -> bool:
    return type(k) is int or isinstance(k, Tensor) and k.shape.rank == 0


def _dynamic(x: Any, items: list) -> Any:
    """A key whose numbers and bounds are computed by a trace: each of those axes is taken in turn, the last first."""
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
            items[at] = _ALL
    return x if all([k == _ALL for k in items]) else apply(o.subscript, x, key=Key(tuple(items)))


def _one_array(x: Any, items: list) -> Any:
    """One mask or integer array among slices: a `take` along its axis."""
    at = next(i for i, k in enumerate(items) if isinstance(k, Tensor))
    axis, k = sum([j is not None for j in items[:at]]), items[at]
    if k.dtype.is_bool:
        x, i = masked(x, k, axis)
    else:
        i = _from_the_end(k, sizes_of(x)[axis], axis)
    before = [_ALL if type(j) is slice else j for j in items[:at]]
    y = apply(o.take, x, i, axis=axis)
    rest = [*items[:at], *[_ALL] * i.shape.rank, *items[at + 1 :]]
    return y if all([j == _ALL for j in [*before, *rest]]) else _dynamic(y, rest)


def masked(x: Any, mask: Any, axis: int) -> tuple[Any, Any]:
    """`x` with the axes that `mask` covers laid into one, and where the mask is true along it."""
    n, shape = mask.shape.rank, partial_dims(x)
    covered = shape[axis : axis + n]  # type: ignore[index]
    for wanted, came in zip(covered, partial_dims(mask)):  # type: ignore[arg-type]
        if None not in (wanted, came) and wanted != came:
            raise ValueError(
                f"Shapes {_shape_text(covered)} and {mask.shape} are incompatible: a mask has the shape of the axes "
                "that it selects from."
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
    if value is None:
        return apply(o.where, i < 0, i + tensor(size, i.dtype), i)
    if not value.size or value.min() >= 0 or not isinstance(size, int):
        return i
    if value.min() < -size:
        raise out_of_bounds(int(value.min()), size, axis)
    return tensor(np.where(value < 0, value + value.dtype.type(size), value))


def _with_arrays(x: Any, items: list) -> Any:
    """Several arrays, or arrays beside numbers: they broadcast against each other, as in NumPy."""
    flat: list = []
    for k in items:
        if isinstance(k, Tensor) and k.dtype.is_bool:
            value = known(k)
            n = k.shape.rank
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
