"""Keys of `t[key]` as data, and the rows that take them, each beside its transpose."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from nbtape.core.engine import o
from nbtape.core.errors import invalid
from nbtape.core.kernel import View
from nbtape.core.shape import Spec, broadcast
from nbtape.ops.row import op

ALL = slice(None)


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
    return Key((*(ALL,) * axis, i))


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
    items = without_ellipsis(key.items, len(x.shape))
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


def without_ellipsis(items: tuple, rank: int) -> list:
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
        return [*items, *[ALL] * (rank - taken)]
    return [*items[:at], *[ALL] * (rank - taken), *items[at + 1 :]]


def _dynamic_index(x, i, *, axis):
    n = x.shape[axis]
    if not -n <= i < n:
        raise out_of_bounds(int(i), n, axis)
    return _subscript(x, key=Key((ALL,) * axis + (int(i),)))


def _undynamic_index(g, i, like, *, axis):
    return _unsubscript(g, like, key=Key((ALL,) * axis + (int(i),)))


def _dynamic_index_spec(x: Spec, i: Spec, *, axis: int) -> Spec:
    return Spec(None if x.shape is None else x.shape[:axis] + x.shape[axis + 1 :], x.dtype)


def _slice_indices(n, *bounds, given):
    left = iter(bounds)
    key = slice(*[int(next(left)) if there else None for there in given])
    return np.arange(*key.indices(int(n)), dtype=np.int32)


# fmt: off
op("subscript", _subscript, _subscript_spec,
   lambda g, y, x, *, key: o.unsubscript(g, x, key=key), kernel=View())
op("unsubscript", _unsubscript, lambda g, like, *, key: Spec(like.shape, g.dtype),
   lambda h, y, g, like, *, key: o.subscript(h, key=key), None)
op("dynamic_index", _dynamic_index, _dynamic_index_spec,
   lambda g, y, x, i, *, axis: o.undynamic_index(g, i, x, axis=axis), None)
op("undynamic_index", _undynamic_index, lambda g, i, like, *, axis: Spec(like.shape, g.dtype),
   lambda h, y, g, i, like, *, axis: o.dynamic_index(h, i, axis=axis), None, None)
op("slice_indices", _slice_indices, lambda n, *bounds, given: Spec((None,), np.dtype(np.int32)))
# fmt: on


# Several integer arrays at once


class _Fancy(NamedTuple):
    """How NumPy lays out the result of a key with arrays."""

    shape: tuple  # of the broadcast arrays
    rest: list  # sizes of the other axes
    at: int  # where `shape` stands among them


def _layout(x: Spec, arrays: tuple, key: Key) -> _Fancy:
    items = without_ellipsis(key.items, len(x.shape))  # type: ignore[arg-type]
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
