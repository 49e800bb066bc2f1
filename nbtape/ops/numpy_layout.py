"""NumPy's functions that rearrange, join and cut Tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.ops import (
    cut,
    diag as diagonals,
    index,
    join,
    layout,
    linalg,
    reduce,
    sequence,
    shape as shapes,
    tile as tiles,
)
from nbtape.ops.numpy_functions import Unmapped, as_axis, as_number, both, numpy_function, ravel

numpy_function("ravel")(ravel)


@numpy_function("reshape")
def reshape(a: Any, /, shape: Any = None, *, newshape: Any = None) -> Any:
    return shapes.reshape(a, newshape if shape is None else shape)


@numpy_function("transpose", "permute_dims")
def transpose(a: Any, axes: Any = None) -> Any:
    return shapes.transpose(a, axes)


@numpy_function("matrix_transpose", "linalg.matrix_transpose")
def matrix_transpose(x: Any, /) -> Any:
    return linalg.matrix_transpose(x)


@numpy_function("swapaxes")
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    a = tensor(a)
    perm = list(range(a.shape.rank))
    perm[axis1], perm[axis2] = perm[axis2], perm[axis1]
    return shapes.transpose(a, perm)


@numpy_function("moveaxis")
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    a = tensor(a)
    rank = a.shape.rank
    source, destination = ([i % rank for i in np.atleast_1d(x).tolist()] for x in (source, destination))
    perm = [i for i in range(rank) if i not in source]
    for to, here in sorted(zip(destination, source, strict=True)):
        perm.insert(to, here)
    return shapes.transpose(a, perm)


@numpy_function("squeeze")
def squeeze(a: Any, axis: Any = None) -> Any:
    return shapes.squeeze(a, as_axis(axis))


@numpy_function("expand_dims")
def expand_dims(a: Any, axis: Any) -> Any:
    a = tensor(a)
    axes = np.atleast_1d(axis).tolist()
    rank = a.shape.rank + len(axes)
    for i in sorted(i % rank for i in axes):
        a = shapes.expand_dims(a, i)
    return a


@numpy_function("atleast_1d")
def atleast_1d(a: Any) -> Any:
    a = tensor(a)
    return a if a.shape.rank else shapes.reshape(a, [1])


@numpy_function("broadcast_to")
def broadcast_to(array: Any, shape: Any) -> Any:
    return shapes.broadcast_to(array, shape)


@numpy_function("tile")
def tile(A: Any, reps: Any) -> Any:
    a, reps = tensor(A), np.atleast_1d(reps).tolist()
    rank = max(a.shape.rank, len(reps))
    a = shapes.reshape(a, [1] * (rank - a.shape.rank) + a.shape.as_list())
    return tiles.tile(a, [1] * (rank - len(reps)) + reps)


@numpy_function("repeat")
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    return tiles.repeat(a, repeats, axis)


@numpy_function("roll")
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    a = tensor(a)
    if axis is None:
        return shapes.reshape(layout.roll(ravel(a), shift, 0), a.shape)
    return layout.roll(a, as_axis(shift), as_axis(axis))


@numpy_function("flip")
def flip(m: Any, axis: Any = None) -> Any:
    m = tensor(m)
    axes = range(m.shape.rank) if axis is None else np.atleast_1d(axis)
    return layout.reverse(m, [int(i) % m.shape.rank for i in axes])


@numpy_function("flipud")
def flipud(m: Any) -> Any:
    return flip(m, 0)


@numpy_function("fliplr")
def fliplr(m: Any) -> Any:
    return flip(m, 1)


@numpy_function("pad")
def pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    array = tensor(array)
    widths = np.broadcast_to(np.asarray(pad_width), (array.shape.rank, 2)).tolist()
    if mode not in ("constant", "reflect", "symmetric") or np.ndim(constant_values):
        raise Unmapped
    return cut.pad(array, widths, mode.upper(), constant_values)


@numpy_function("concatenate", "concat")
def concatenate(arrays: Any, /, axis: int | None = 0, *, dtype: Any = None) -> Any:
    arrays = join.tensors(arrays)
    y = join.concat([ravel(a) for a in arrays], 0) if axis is None else join.concat(arrays, axis)
    return as_number(y, dtype)


@numpy_function("stack")
def stack(arrays: Any, axis: int = 0, *, dtype: Any = None) -> Any:
    return as_number(join.stack(join.tensors(arrays), axis), dtype)


def _at_least(x: Any, rank: int) -> Any:
    """`x` with axes of 1 added as `np.vstack` (in front) and `np.dstack` (behind as well) add them."""
    shape = x.shape.as_list()
    if rank == 2:
        return shapes.reshape(x, [1] * (2 - len(shape)) + shape)
    return shapes.reshape(x, {0: [1, 1, 1], 1: [1, *shape, 1], 2: [*shape, 1]}.get(len(shape), shape))


@numpy_function("vstack")
def vstack(tup: Any, *, dtype: Any = None) -> Any:
    return concatenate([_at_least(a, 2) for a in join.tensors(tup)], 0, dtype=dtype)


@numpy_function("hstack")
def hstack(tup: Any, *, dtype: Any = None) -> Any:
    tup = [atleast_1d(a) for a in join.tensors(tup)]
    return concatenate(tup, 0 if tup[0].shape.rank == 1 else 1, dtype=dtype)


@numpy_function("dstack")
def dstack(tup: Any) -> Any:
    return concatenate([_at_least(a, 3) for a in join.tensors(tup)], 2)


@numpy_function("column_stack")
def column_stack(tup: Any) -> Any:
    columns = [shapes.reshape(a, [-1, 1]) if a.shape.rank < 2 else a for a in join.tensors(tup)]
    return concatenate(columns, 1)


@numpy_function("append")
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return concatenate([arr, values], axis)


@numpy_function("split")
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    ary = tensor(ary)
    if np.ndim(indices_or_sections) == 0:
        return join.split(ary, int(indices_or_sections), axis)
    ends = np.clip([0, *indices_or_sections, ary.shape[axis]], 0, ary.shape[axis])
    return join.split(ary, np.diff(ends).tolist(), axis)


@numpy_function("where")
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None or y is None:
        raise Unmapped
    condition = tensor(condition)
    return apply(o.where, condition if condition.dtype.is_bool else condition != 0, *both(x, y))


@numpy_function("take")
def take(a: Any, indices: Any, axis: int | None = None) -> Any:
    a, indices = tensor(a), np.asarray(indices)
    a, axis = (ravel(a), 0) if axis is None else (a, axis)
    if a.shape[axis] is None:
        raise Unmapped
    return index.gather(a, np.where(indices < 0, indices + a.shape[axis], indices), axis=axis)


@numpy_function("meshgrid")
def meshgrid(*xi: Any, indexing: str = "xy") -> Any:
    return sequence.meshgrid(*xi, indexing=indexing)


@numpy_function("diag")
def diag(v: Any, k: int = 0) -> Any:
    v = tensor(v)
    return diagonals.diag(v, k=k) if v.shape.rank == 1 else diagonals.diag_part(v, k=k)


@numpy_function("diagonal", "linalg.diagonal")
def diagonal(a: Any, offset: int = 0) -> Any:
    a = tensor(a)
    if a.shape.rank != 2:
        raise Unmapped
    return diagonals.diag_part(a, k=offset)


@numpy_function("trace", "linalg.trace")
def trace(a: Any, offset: int = 0) -> Any:
    return reduce.reduce_sum(diagonal(a, offset))


def _triangle(name: str, keep: Callable) -> None:
    @numpy_function(name)
    def triangle(m: Any, k: int = 0) -> Any:
        m = tensor(m)
        rows, columns = m.shape.as_list()[-2:]
        return apply(o.where, tensor(keep(rows, columns, k)), m, m * 0)


_triangle("tril", lambda n, m, k: np.tri(n, m, k, dtype=bool))
_triangle("triu", lambda n, m, k: ~np.tri(n, m, k - 1, dtype=bool))


@numpy_function("diff")
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    a = tensor(a)
    axis = axis % a.shape.rank
    for _ in range(n):
        after, before = ((slice(None),) * axis + (s,) for s in (slice(1, None), slice(None, -1)))
        a = a[after] - a[before]
    return a
