"""Scattering: rows put, added or compared into a tensor at given indices; the transposes of gathering.

Indices here are flat: one number a row of the first axis. The public functions lay the axes that an index
vector covers into one, scatter, and reshape back.
"""

from typing import Any

import numpy as np

from nbtape.core.dtype import int32
from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Extern, late
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import (
    as_tf_name,
    entries,
    integer,
    is_static,
    known,
    partial_dims,
    product,
    rank_of,
    sizes_of,
    vector,
    wrong_type,
)  # fmt: skip

_kernel = late("nbtape.kernels.cpu.scatter:scatter_rows")
_UFUNCS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}
_WORTH_IMPORTING = 1 << 16  # elements for which the kernel is faster although numba has to be imported for it
_WORTH_CALLING = 512


def scatter_rows(target: np.ndarray, i: np.ndarray, rows: np.ndarray, kind: str = "add") -> np.ndarray:
    """`target` with each of `rows` combined into the row that `i` names, in place, in the order they come."""
    worth = _WORTH_CALLING if _kernel._function is not None else _WORTH_IMPORTING
    if rows.size >= worth and target.dtype.kind in "fiu":
        _kernel(target, i, rows, kind)
    elif kind == "update":
        target[i] = rows
    else:
        _UFUNCS[kind].at(target, i, rows)
    return target


def _zeros(shape: tuple, dtype: np.dtype) -> np.ndarray:
    return np.full(shape, b"", object) if dtype.kind == "O" else np.zeros(shape, dtype)


def _scatter_add(i, v, *, rows):
    shape = v.shape[i.ndim :]
    i = i.reshape(-1)
    v = v.reshape(i.size, *shape)
    if i.size and not (0 <= i.min() and i.max() < rows):
        at = int(np.argmax((i < 0) | (i >= rows)))
        raise invalid(f"indices[{at}] = {i[at]} is not in [0, {rows})")
    return scatter_rows(_zeros((rows, *shape), v.dtype), i, v)


def _scatter_add_spec(i: Spec, v: Spec, *, rows: int | None) -> Spec:
    if i.shape is None or v.shape is None:
        return Spec(None, v.dtype)
    return Spec((rows, *v.shape[len(i.shape) :]), v.dtype)


def _tensor_scatter(t, i, u, *, kind):
    return scatter_rows(t.copy(), i.reshape(-1), u.reshape(i.size, *t.shape[1:]), kind)


def _same(t: Spec, i: Spec, u: Spec, *, kind: str) -> Spec:
    return t


def _target_grad(g, y, t, i, u, *, kind):
    if kind in ("add", "sub"):
        return g
    if kind == "update":
        return o.tensor_scatter(g, i, o.zeros_like(u), kind="update")
    mine, _, both = _winners(g, y, t, i, u)
    return g * mine / both


def _update_grad(g, y, t, i, u, *, kind):
    if kind in ("add", "update"):
        return o.take(g, i, axis=0)
    if kind == "sub":
        return -o.take(g, i, axis=0)
    _, theirs, both = _winners(g, y, t, i, u)
    return o.take(g / both, i, axis=0) * theirs


def _winners(g, y, t, i, u):
    """1 where the extreme is the target's, 1 where it is an update's, and how many share it."""
    mine = o.cast_like(o.equal(t, y), g)
    theirs = o.cast_like(o.equal(u, o.take(y, i, axis=0)), g)
    return mine, theirs, o.tensor_scatter(mine, i, theirs, kind="add")


def _stitch(i, v):
    if i.size and i.min() < 0:
        raise invalid("indices[0] is out of range")
    y = _zeros((int(i.max(initial=-1)) + 1, *v.shape[1:]), v.dtype)
    y[i] = v
    return y


# fmt: off
op("scatter_add", _scatter_add, _scatter_add_spec, None, lambda g, y, i, v, *, rows: o.take(g, i, axis=0),
   kernel=Extern(cpu="nbtape.kernels.cpu.scatter:scatter_add"))
op("scatter_add_by", lambda i, v, rows, *, hint: _scatter_add(i, v, rows=int(rows)),
   lambda i, v, rows, *, hint: _scatter_add_spec(i, v, rows=hint),
   None, lambda g, y, i, v, rows, *, hint: o.take(g, i, axis=0), None)
op("tensor_scatter", _tensor_scatter, _same, _target_grad, None, _update_grad)
op("stitch", _stitch, lambda i, v: Spec(None if v.shape is None else (None, *v.shape[1:]), v.dtype),
   None, lambda g, y, i, v: o.take(g, i, axis=0))
# fmt: on


def scatter_nd(
    indices: Any, updates: Any, shape: Any, bad_indices_policy: str = "", name: str | None = None
) -> Any:
    """Zeros of `shape` with `updates` added at the index vectors in the last axis of `indices`.

    >>> tf.scatter_nd([[0], [2], [0]], [1, 2, 3], [4]).numpy().tolist()
    [4, 0, 2, 0]
    """
    i, u, sizes = _index_tensor(indices), tensor(updates), entries(shape, "Tindices")
    if isinstance(sizes, Tensor):
        raise ValueError("The length of `shape` must be known.")
    k = _checked(i, u, sizes)
    rows, flat = product(sizes[:k]), _flat(i, sizes)
    if isinstance(rows, int):
        y = apply(o.scatter_add, flat, u, rows=rows)
    else:
        y = apply(o.scatter_add_by, flat, u, tensor(rows), hint=None)
    return reshape_to_sizes(y, sizes)


def _checked(i: Any, u: Any, sizes: list) -> int:
    """The length of the index vectors, after a check that shapes fit together."""
    ishape, ushape, rank = partial_dims(i), partial_dims(u), rank_of(i)
    if not rank:
        raise invalid("Indices shape must have rank at least one. Found:[] [Op:ScatterNd]")
    k = ishape[-1]
    outer, n = ishape[:-1], rank - 1
    if not _agree(outer, ushape[:n]):
        raise invalid(
            f"Dimensions [0,{n}) of indices[shape={bracket(ishape)}] must match dimensions [0,{n}) of "
            f"updates[shape={bracket(ushape)}] [Op:ScatterNd]"
        )
    known = [s if isinstance(s, int) else None for s in sizes]
    if k > len(sizes) or not _agree(known[k:], ushape[n:]):
        raise invalid(
            f"Dimensions [{k},{len(sizes)}) of input[shape={bracket(known)}] must match dimensions "
            f"[{n},{len(ushape)}) of updates[shape={bracket(ushape)}] [Op:ScatterNd]"
        )
    return k


def _agree(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(None in (m, n) or m == n for m, n in zip(a, b))


def _index_tensor(indices: Any) -> Any:
    i = tensor(indices)
    if not i.dtype.is_integer:
        raise wrong_type(as_tf_name(i), "Tindices")
    return i


def _flat(i: Any, sizes: list) -> Any:
    shape = (
        np.array(sizes, np.int64)
        if is_static(sizes)
        else apply(o.cast, vector(sizes), dtype=np.dtype(np.int64))
    )
    return apply(o.flat_index, i, tensor(shape), what="shape")


def _scattered(t: Any, indices: Any, updates: Any, kind: str) -> Any:
    """`t` with `updates` combined into it at index vectors."""
    name = "TensorScatter" + kind.capitalize()
    t, i = tensor(t), _index_tensor(indices)
    u = updates if isinstance(updates, Tensor) else tensor(updates, t.dtype)
    if u.dtype != t.dtype:
        raise invalid(
            f"cannot compute {name} as input #2(zero-based) was expected to be a {t.dtype.name} tensor but "
            f"is a {u.dtype.name} tensor [Op:{name}]\nConvert it first: tf.cast(updates, tf.{t.dtype.name})."
        )
    sizes, ishape, ushape = sizes_of(t), partial_dims(i), partial_dims(u)
    if not ushape:
        raise invalid(f"Updates shape must have rank at least one. Found:{bracket(ushape)} [Op:{name}]")
    k, n = ishape[-1], len(ishape) - 1
    known = partial_dims(t)
    if not _agree(ishape[:-1], ushape[:n]):
        raise invalid(
            "Outer dimensions of indices and update must match. "
            f"Indices shape: {bracket(ishape)}, updates shape:{bracket(ushape)} [Op:{name}]"
        )
    if k > len(sizes) or not _agree(known[k:], ushape[n:]):
        raise invalid(
            "Inner dimensions of output shape must match inner dimensions of updates shape. "
            f"Output: {bracket(known)} updates: {bracket(ushape)} [Op:{name}]"
        )
    rows = reshape_to_sizes(t, [product(sizes[:k]), *sizes[k:]])
    y = apply(o.tensor_scatter, rows, _flat(i, sizes), u, kind=kind)
    return reshape_to_sizes(y, sizes)


def tensor_scatter_nd_add(
    tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None
) -> Any:
    """`tensor` with `updates` added at the index vectors in the last axis of `indices`.

    >>> tf.tensor_scatter_nd_add([1, 2, 3], [[0], [0]], [10, 20]).numpy().tolist()
    [31, 2, 3]
    """
    return _scattered(tensor, indices, updates, "add")


def tensor_scatter_nd_sub(
    tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None
) -> Any:
    """`tensor` with `updates` subtracted at the index vectors in the last axis of `indices`.

    >>> tf.tensor_scatter_nd_sub([1, 2, 3], [[0]], [10]).numpy().tolist()
    [-9, 2, 3]
    """
    return _scattered(tensor, indices, updates, "sub")


def tensor_scatter_nd_max(
    tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None
) -> Any:
    """`tensor` with each element at an index vector in the last axis of `indices` at least its update.

    >>> tf.tensor_scatter_nd_max([1, 2, 3], [[0], [2]], [10, 0]).numpy().tolist()
    [10, 2, 3]
    """
    return _scattered(tensor, indices, updates, "max")


def tensor_scatter_nd_min(
    tensor: Any, indices: Any, updates: Any, bad_indices_policy: str = "", name: str | None = None
) -> Any:
    """`tensor` with each element at an index vector in the last axis of `indices` at most its update.

    >>> tf.tensor_scatter_nd_min([1, 2, 3], [[0], [2]], [10, 0]).numpy().tolist()
    [1, 2, 0]
    """
    return _scattered(tensor, indices, updates, "min")


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """`tensor` with `updates` in the place of what stands at the index vectors in the last axis of `indices`.

    Of several updates for one place the last stays.

    >>> tf.tensor_scatter_nd_update([1, 2, 3], [[0], [2]], [10, 30]).numpy().tolist()
    [10, 2, 30]
    """
    return _scattered(tensor, indices, updates, "update")


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list:
    """The slices of `data` as a list of `num_partitions` tensors: number `partitions[i]` takes slice i.

    >>> [part.numpy().tolist() for part in tf.dynamic_partition([1, 2, 3, 4], [0, 1, 1, 0], 2)]
    [[1, 4], [2, 3]]
    """
    x, p, count = (
        tensor(data),
        tensor(partitions, None if isinstance(partitions, Tensor) else int32),
        integer(num_partitions),
    )
    if count < 1:
        raise invalid(
            f"Value for attr 'num_partitions' of {count} must be at least minimum 1 [Op:DynamicPartition]"
        )
    shape, wanted = partial_dims(x), partial_dims(p)
    if not _agree(shape[: len(wanted)], wanted):
        raise invalid(
            "data.shape must start with partitions.shape, got data.shape = "
            f"{bracket(shape)}, partitions.shape = {bracket(wanted)} [Op:DynamicPartition]"
        )
    value, sizes = known(p), sizes_of(x)
    if value is not None and ((value < 0) | (value >= count)).any():
        at = np.argwhere(np.atleast_1d((value < 0) | (value >= count)))[0]
        raise invalid(
            f"partitions{bracket(at)} = {np.atleast_1d(value)[tuple(at)]} is not in [0, {count}) "
            f"[Op:DynamicPartition]"
        )
    x = reshape_to_sizes(x, [product(sizes[: len(wanted)]), *sizes[len(wanted) :]])
    return [apply(o.take, x, _members(p, value, k), axis=0) for k in range(count)]


def _members(p: Any, value: Any, k: int) -> Any:
    if value is not None:
        return tensor(np.flatnonzero(value == k))
    return apply(o.flat_nonzero, apply(o.equal, p, tensor(k, p.dtype)))


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """The slices of the tensors in the list `data` put together: slice k of `data[m]` at `indices[m][k]`.

    Of several slices for one place the last stays.

    >>> tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]]).numpy().tolist()
    [10, 20, 30]
    """
    places, parts, first = [tensor(i, int32) if not isinstance(i, Tensor) else i for i in indices], [], None
    for m, (i, part) in enumerate(zip(places, data)):
        x = part if isinstance(part, Tensor) else tensor(part, first)
        first = first or x.dtype
        outer, shape = partial_dims(i), partial_dims(x)
        if not _agree(shape[: len(outer)], outer):
            raise invalid(
                f"data[{m}].shape = {bracket(shape)} does not start with indices[{m}].shape = "
                f"{bracket(outer)} [Op:DynamicStitch]"
            )
        sizes = sizes_of(x)
        parts.append(reshape_to_sizes(x, [product(sizes[: len(outer)]), *sizes[len(outer) :]]))
    flat = [apply(o.reshape, i, shape=(-1,)) for i in places]
    if len(flat) == 1:
        return apply(o.stitch, flat[0], parts[0])
    return apply(o.stitch, apply(o.concat, *flat, axis=0), apply(o.concat, *parts, axis=0))
