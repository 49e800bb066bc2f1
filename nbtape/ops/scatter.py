"""Scattering: rows put, added or compared into a tensor at given indices; the transposes of gathering.

Indices here are flat: one number a row of the first axis. The public functions lay the axes that an index
vector covers into one, scatter, and reshape back.
"""

from typing import Any

import numpy as np

from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Extern, late
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import ANY, NUMBER, REAL, op
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import (
    as_tf_name,
    entries,
    is_static,
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
_TAKES = {"add": NUMBER, "sub": NUMBER, "max": REAL, "min": REAL}
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


def zeros_of(shape: tuple, dtype: np.dtype) -> np.ndarray:
    return np.full(shape, b"", object) if dtype.kind == "O" else np.zeros(shape, dtype)


def _scatter_add(i, v, *, rows):
    shape = v.shape[i.ndim :]
    i = i.reshape(-1)
    v = v.reshape(i.size, *shape)
    if i.size and not (0 <= i.min() and i.max() < rows):
        at = int(np.argmax((i < 0) | (i >= rows)))
        raise invalid(f"indices[{at}] = {i[at]} is not in [0, {rows})")
    return scatter_rows(zeros_of((rows, *shape), v.dtype), i, v)


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


# fmt: off
op("scatter_add", _scatter_add, _scatter_add_spec, None, lambda g, y, i, v, *, rows: o.take(g, i, axis=0),
   kernel=Extern(cpu="nbtape.kernels.cpu.scatter:scatter_add"))
op("scatter_add_by", lambda i, v, rows, *, hint: _scatter_add(i, v, rows=int(rows)),
   lambda i, v, rows, *, hint: _scatter_add_spec(i, v, rows=hint),
   None, lambda g, y, i, v, rows, *, hint: o.take(g, i, axis=0), None)
op("tensor_scatter", _tensor_scatter, _same, _target_grad, None, _update_grad)
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
    if not agree(outer, ushape[:n]):
        raise invalid(
            f"Dimensions [0,{n}) of indices[shape={bracket(ishape)}] must match dimensions [0,{n}) of "
            f"updates[shape={bracket(ushape)}] [Op:ScatterNd]"
        )
    known = [s if isinstance(s, int) else None for s in sizes]
    if k > len(sizes) or not agree(known[k:], ushape[n:]):
        raise invalid(
            f"Dimensions [{k},{len(sizes)}) of input[shape={bracket(known)}] must match dimensions "
            f"[{n},{len(ushape)}) of updates[shape={bracket(ushape)}] [Op:ScatterNd]"
        )
    return k


def agree(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(None in (m, n) or m == n for m, n in zip(a, b))


def _index_tensor(indices: Any) -> Any:
    i = tensor(indices)
    if not i.dtype.is_integer:
        raise wrong_type(as_tf_name(i), "Tindices")
    return i


def _flat(i: Any, sizes: list) -> Any:
    if is_static(sizes):
        return apply(o.flat_index, i, what="shape", sizes=tuple(sizes))
    return apply(o.flat_index, i, apply(o.cast, vector(sizes), dtype=np.dtype(np.int64)), what="shape")


def _scattered(t: Any, indices: Any, updates: Any, kind: str) -> Any:
    """`t` with `updates` combined into it at index vectors."""
    name = "TensorScatter" + kind.capitalize()
    t, i = tensor(t), _index_tensor(indices)
    u = updates if isinstance(updates, Tensor) else tensor(updates, t.dtype)
    if u.dtype != t.dtype:
        raise invalid(
            f"cannot compute {name} as input #2(zero-based) was expected to be a {as_tf_name(t)} tensor "
            f"but is a {as_tf_name(u)} tensor [Op:{name}]\nConvert it first: tf.cast(updates, {t.dtype!r})."
        )
    if t.dtype.np.kind not in _TAKES.get(kind, ANY):
        raise invalid(
            f"Value for attr 'T' of {t.dtype.name} is not in the list of allowed values: numbers [Op:{name}]"
        )
    sizes, ishape, ushape = sizes_of(t), partial_dims(i), partial_dims(u)
    if not ushape:
        raise invalid(f"Updates shape must have rank at least one. Found:{bracket(ushape)} [Op:{name}]")
    k, n = ishape[-1], len(ishape) - 1
    known = partial_dims(t)
    if not agree(ishape[:-1], ushape[:n]):
        raise invalid(
            "Outer dimensions of indices and update must match. "
            f"Indices shape: {bracket(ishape)}, updates shape:{bracket(ushape)} [Op:{name}]"
        )
    if k > len(sizes) or not agree(known[k:], ushape[n:]):
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
