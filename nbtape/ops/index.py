"""Gathering: rows of a tensor by their indices (`take`, `gather`), masks, `where`, and the public functions.

`take` is along one axis and its gradient is dense; `gather` is the same op whose gradient along axis 0 is
IndexedSlices. Everything else that gathers is a reshape and a `take` with flat indices.
"""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec, bracket, numel
from nbtape.core.slices import IndexedSlices
from nbtape.ops.row import op
from nbtape.ops.scatter import scatter_rows
from nbtape.ops.shape import ranked, reshape_to_sizes
from nbtape.ops.static import (
    as_tf_name,
    dims,
    integer,
    partial_dims,
    product,
    rank_of,
    sizes_of,
    wrong_type,
)

_INT64 = np.dtype(np.int64)


def not_in_range(i: Any, size: int, what: str = "indices") -> Exception:
    """The error that names the first of the indices `i` outside [0, size)."""
    at = np.argwhere((np.asarray(i) < 0) | (np.asarray(i) >= size))[0]
    place = bracket(at) if np.ndim(i) else ""
    return invalid(f"{what}{place} = {np.asarray(i)[tuple(at)]} is not in [0, {size})")


# take, gather


def _take(x, i, *, axis):
    if i.dtype.kind not in "iu":
        raise TypeError
    if (i.size and i.min() if i.ndim else i) < 0:
        raise not_in_range(i, x.shape[axis])
    try:
        y = x.take(i, axis)
    except IndexError:
        raise not_in_range(i, x.shape[axis]) from None
    return y if type(y) is not bytes else np.asarray(y, object)


def _take_spec(x: Spec, i: Spec, *, axis: int) -> Spec:
    if i.dtype.kind not in "iu":
        raise wrong_type(as_tf_name(i), "Tindices")
    if x.shape is None or i.shape is None:
        return Spec(None, x.dtype)
    return Spec((*x.shape[:axis], *i.shape, *x.shape[axis + 1 :]), x.dtype)


def _untake(g, i, like, *, axis):
    """Zeros like `like`, with the slices of `g` added where `take` found them."""
    shape = like.shape
    if not i.ndim:
        y = np.zeros(shape, g.dtype)
        y[(slice(None),) * axis + (i,)] = g
        return y
    i = i.reshape(-1)
    if not axis:
        return scatter_rows(np.zeros(shape, g.dtype), i, g.reshape(i.size, *shape[1:]))
    before, after = numel(shape[:axis]), numel(shape[axis + 1 :])
    rows = g.reshape(before, i.size, after).swapaxes(0, 1)
    y = scatter_rows(np.zeros((shape[axis], before, after), g.dtype), i, rows)
    return np.ascontiguousarray(y.swapaxes(0, 1)).reshape(shape)


def _untake_spec(g: Spec, i: Spec, like: Spec, *, axis: int) -> Spec:
    return Spec(like.shape, g.dtype)


def _gather_grad(g, y, x, i, *, axis):
    shape, many = dims(x), dims(i)
    if axis or shape is None or many is None:
        return o.untake(g, i, x, axis=axis)
    n = numel(many)
    return IndexedSlices(o.reshape(g, shape=(n, *shape[1:])), o.reshape(i, shape=(n,)), shape)


# fmt: off
op("take", _take, _take_spec, lambda g, y, x, i, *, axis: o.untake(g, i, x, axis=axis), None)
op("untake", _untake, _untake_spec, lambda h, y, g, i, like, *, axis: o.take(h, i, axis=axis), None, None)
op("gather", _take, _take_spec, _gather_grad, None)
# fmt: on


def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0,
    name: str | None = None
) -> Any:  # fmt: skip
    """The slices of `params` along `axis` (by default the first after `batch_dims`) that `indices` name.

    The result has the shape `params.shape[:axis] + indices.shape[batch_dims:] + params.shape[axis + 1:]`.
    Raises InvalidArgumentError for an index outside the axis, negative ones included.

    >>> tf.gather([10, 20, 30], [2, 0]).numpy().tolist()
    [30, 10]
    """
    x, i = tensor(params), tensor(indices)
    rank, batch = rank_of(x), integer(batch_dims, "batch_dims")
    if batch < 0:
        batch += rank_of(i)
    at = batch if axis is None else integer(axis, "Taxis")
    if not rank:
        raise invalid("params must be at least 1 dimensional [Op:GatherV2]")
    if not -rank <= at < rank:
        raise invalid(
            f"Shape must be at least rank {at + 1 if at >= 0 else -at} but is rank {rank} [Op:GatherV2]"
        )
    at %= rank
    if batch and at >= batch and not i.dtype.is_integer or not batch:
        return apply(o.gather, x, i, axis=at)
    return _batched(x, i, at, batch) if at >= batch else apply(o.take, x, i, axis=at)


def _batch_index(i, *size, batch_dims, n=None):
    """Indices into an axis of size n as indices into `batch_dims` axes and it laid into one."""
    n = size[0] if n is None else n
    if i.size and not (0 <= i.min() and i.max() < n):
        raise not_in_range(i, int(n))
    batch = i.shape[:batch_dims]
    start = np.arange(numel(batch), dtype=np.int64).reshape(batch + (1,) * (i.ndim - batch_dims)) * int(n)
    return i + start


op("batch_index", _batch_index, lambda i, *size, batch_dims, n=None: Spec(i.shape, _INT64))


def batch_index(i: Any, n: Any, batch_dims: int) -> Any:
    """Indices into an axis of size n, checked, as indices into `batch_dims` axes and it laid into one."""
    if isinstance(n, int):
        return apply(o.batch_index, i, batch_dims=batch_dims, n=n)
    return apply(o.batch_index, i, tensor(n), batch_dims=batch_dims)


def _batched(x: Any, i: Any, axis: int, batch: int) -> Any:
    """`gather` with leading axes in common: one `take` from them and `axis`, laid into one."""
    rank, shape, came = rank_of(x), partial_dims(x), partial_dims(i)
    for a in range(batch):
        if None not in (shape[a], came[a]) and shape[a] != came[a]:
            raise invalid(
                f"params.shape[{a}]: {shape[a]} should be equal to indices.shape[{a}]: {came[a]} "
                f"[Op:GatherV2]"
            )
    middle = list(range(batch, axis))
    order = (*range(batch), axis, *middle, *range(axis + 1, rank))
    sizes = sizes_of(x)
    if axis != batch:
        x = apply(o.transpose, x, perm=order)
    flat = reshape_to_sizes(
        x, [product(sizes[:batch]) * sizes[axis], *[sizes[a] for a in order[batch + 1 :]]]
    )
    y = apply(o.take, flat, batch_index(i, sizes[axis], batch), axis=0)
    if not middle:
        return y
    n = rank_of(i)
    last = range(n + len(middle), n + rank - batch - 1)
    return apply(o.transpose, y, perm=(*range(batch), *range(n, n + len(middle)), *range(batch, n), *last))


# Indices of several axes


def _flat_index(i, *shape, what, sizes=None):
    """Each index vector along the last axis of `i` as one number: where it points to in row-major order."""
    k, shape = i.shape[-1], shape[0] if sizes is None else np.array(sizes, np.int64)
    flat = np.zeros(i.shape[:-1], np.int64)
    for axis, size in enumerate(shape[:k].tolist()):
        part = i[..., axis]
        if part.size and not (0 <= part.min() and part.max() < size):
            raise _no_index(i, shape, what)
        flat = flat * size + part
    return ranked(np.asarray(flat))


def _no_index(i: Any, shape: Any, what: str) -> Exception:
    wrong = ((i < 0) | (i >= shape[: i.shape[-1]])).any(-1)
    at = tuple(np.argwhere(wrong)[0])
    place = bracket(at) if at else ""
    index = ", ".join(map(str, np.asarray(i[at]).reshape(-1).tolist()))
    end = ", node name: GatherNd" if what == "param shape" else ""
    return invalid(f"indices{place} = [{index}] does not index into {what} {bracket(shape)}{end}")


op(
    "flat_index",
    _flat_index,
    lambda i, *shape, what, sizes=None: Spec(None if i.shape is None else i.shape[:-1], _INT64),
)


def flat_index(i: Any, sizes: list, what: str) -> Any:
    """Index vectors, checked, as numbers in row-major order."""
    if all(isinstance(n, int) for n in sizes):
        return apply(o.flat_index, i, what=what, sizes=tuple(sizes))
    shape = apply(o.stack, *[apply(o.cast, tensor(n), dtype=_INT64) for n in sizes], axis=0)
    return apply(o.flat_index, i, shape, what=what)


def index_tensor(indices: Any, attr: str = "Tindices") -> Any:
    i = tensor(indices)
    if not i.dtype.is_integer:
        raise wrong_type(as_tf_name(i), attr)
    return i


def gather_nd(
    params: Any, indices: Any, batch_dims: int = 0, name: str | None = None, bad_indices_policy: str = ""
) -> Any:
    """The elements or slices of `params` at the index vectors in the last axis of `indices`.

    >>> tf.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).numpy().tolist()
    [2, 3]
    """
    x, i = tensor(params), index_tensor(indices)
    batch, sizes = integer(batch_dims), sizes_of(x)
    if not rank_of(i):
        raise invalid("indices must be at least a vector [Op:GatherNd]")
    if batch:
        i = _with_batch(i, batch)
    k = partial_dims(i)[-1]
    if k > len(sizes):
        raise invalid(
            f"index innermost dimension length must be <= params rank; saw: {k} vs. {len(sizes)} "
            f"[Op:GatherNd]"
        )
    flat = flat_index(i, sizes, "param shape")
    if k == 1 and not batch and rank_of(i) == 2:
        return apply(o.gather, x, apply(o.reshape, i, shape=(-1,)), axis=0)
    return apply(o.take, reshape_to_sizes(x, [product(sizes[:k]), *sizes[k:]]), flat, axis=0)


def _with_batch(i: Any, batch: int) -> Any:
    """Index vectors with those of their batch axes put in front."""
    shape = dims(i)
    if shape is None:
        raise ValueError("The shape of `indices` must be known where batch_dims is given.")
    grid = np.indices(shape[:batch]).astype(i.dtype.np)
    grid = np.moveaxis(grid, 0, -1).reshape(*shape[:batch], *(1,) * (len(shape) - batch - 1), batch)
    return apply(o.concat, tensor(np.broadcast_to(grid, (*shape[:-1], batch))), i, axis=len(shape) - 1)


# Flat indices


def _unravel(i, shape):
    if i.size and not (0 <= i.min() and i.max() < numel(shape.tolist())):
        raise invalid("index is out of bound as with dims [Op:UnravelIndex]")
    return np.stack(np.unravel_index(i, tuple(shape.tolist()))).astype(i.dtype)


def _unravel_spec(i: Spec, shape: Spec) -> Spec:
    return Spec(None if i.shape is None or shape.shape is None else (*shape.shape, *i.shape), i.dtype)


op("unravel_index", _unravel, _unravel_spec)


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Any:
    """Flat indices as a column of coordinates each in an array of shape `dims`.

    >>> tf.unravel_index([2, 5, 7], [3, 3]).numpy().tolist()
    [[0, 1, 2], [2, 2, 1]]
    """
    i, shape = pair(index_tensor(indices), dims)
    return apply(o.unravel_index, i, shape)
