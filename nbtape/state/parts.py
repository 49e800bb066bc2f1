"""Writes to parts of a variable: slices `v[key].assign(...)`, rows named by IndexedSlices, positions.

All of them are rows of the variable in some shape: a slice is elements of it laid flat, `scatter_nd_*` with
indices of depth k are rows of it with its first k axes joined into one.
"""

from math import prod
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import DType, of
from nbtape.core.engine import EagerTensor, apply, o, subscript, tensor
from nbtape.core.errors import invalid
from nbtape.core.memory import CardArray, Elsewhere, on_host
from nbtape.core.shape import bracket
from nbtape.core.slices import IndexedSlices
from nbtape.ops.index import batch_index, flat_index
from nbtape.ops.row import NUMBER, REAL
from nbtape.ops.scatter import scatter_rows
from nbtape.ops.shape import broadcast_to_sizes
from nbtape.ops.static import sizes_of
from nbtape.state.writes import Writes, in_place

_KINDS = {"update": "", "max": REAL, "min": REAL}  # NumPy kinds that a scatter is for; the others: numbers


class Parts(Writes):
    """The methods of Variable that change parts of it."""

    def assign_slice(self, key: Any, value: Any, name: str | None = None) -> Any:
        """Replace `v[key]`, which `value` is broadcast to: what `v[key].assign(value)` calls."""
        value = tensor(value, of(self._value))
        shape = self._shape_now()
        with context.recording((), context.local.graph):
            if context.local.graph is None and type(self._value) is not CardArray:
                part = subscript(EagerTensor(self._value), key)._value
                wanted, is_view = part.shape, np.may_share_memory(part, self._value)
                del part  # which would keep the array from being written in place
                if is_view:
                    new = _fitted(value, list(wanted))
                    self._tell(value)
                    in_place(_write_part, (self,), key, new._value)
                    return self._view()
            places = subscript(tensor(np.arange(prod(shape), dtype=np.int64).reshape(shape)), key)
        return self._put("update", (prod(shape),), places, _fitted(value, sizes_of(places)))

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Replace rows.

        >>> v = tf.Variable([1.0, 2.0, 3.0])
        >>> v.scatter_update(tf.IndexedSlices([9.0], [1])).numpy().tolist()
        [1.0, 9.0, 3.0]
        """
        return self._rows(sparse_delta, "update")

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Add to rows; a row named twice is added to twice."""
        return self._rows(sparse_delta, "add")

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Subtract from rows."""
        return self._rows(sparse_delta, "sub")

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Multiply rows."""
        return self._rows(sparse_delta, "mul")

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Divide rows; raises InvalidArgumentError for a 0 among the updates."""
        return self._rows(sparse_delta, "div")

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Replace rows by the elementwise maximum."""
        return self._rows(sparse_delta, "max")

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Replace rows by the elementwise minimum."""
        return self._rows(sparse_delta, "min")

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace the elements or slices at `indices`, whose last axis is a position.

        >>> v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> v.scatter_nd_update([[0, 1], [1, 0]], [8.0, 9.0]).numpy().tolist()
        [[1.0, 8.0], [9.0, 4.0]]
        """
        return self._positions(indices, updates, "update")

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Add to the elements or slices at `indices`."""
        return self._positions(indices, updates, "add")

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtract from the elements or slices at `indices`."""
        return self._positions(indices, updates, "sub")

    def scatter_nd_max(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace the elements or slices at `indices` by the elementwise maximum."""
        return self._positions(indices, updates, "max")

    def scatter_nd_min(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace the elements or slices at `indices` by the elementwise minimum."""
        return self._positions(indices, updates, "min")

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Replace `v[i, ..., indices[i, ..., j]]` by the update at `[i, ..., j]`: indices for each batch."""
        indices = tensor(_slices(sparse_delta).indices)
        leading = np.indices(tuple(indices.shape))[:-1].astype(indices.dtype.np)
        positions = apply(o.stack, *map(tensor, leading), indices, axis=indices.ndim)
        return self._positions(positions, sparse_delta._values, "update")

    def _rows(self, delta: Any, kind: str) -> Any:
        values, indices = tensor(_slices(delta)._values, of(self._value)), tensor(delta.indices)
        _check_kinds(of(self._value), indices, kind)
        shape = self._shape_now() or (1,)
        _check_rows(shape, indices, values)
        if kind == "div" and isinstance(values, EagerTensor) and not np.all(on_host(values._value)):
            raise invalid("updates must not contain 0 [Op:ResourceScatterDiv]")
        indices = batch_index(indices, shape[0], 0)  # which checks their range
        return self._put(kind, shape, indices, values)

    def _positions(self, indices: Any, updates: Any, kind: str) -> Any:
        updates, indices = tensor(updates, of(self._value)), tensor(indices)
        _check_kinds(of(self._value), indices, kind)
        shape, depth = self._shape_now(), indices.shape[-1]
        _check_updates(shape, indices, updates)
        return self._put(
            kind, (prod(shape[:depth]), *shape[depth:]), flat_index(indices, list(shape), "shape"), updates
        )

    def _shape_now(self) -> tuple:
        return tuple(self._shape if context.local.graph is not None else self._value.shape)

    def _put(self, kind: str, shape: tuple, indices: Any, values: Any) -> Any:
        """Combine rows `values` with those at `indices` of the variable in `shape`; all is checked."""
        if context.local.graph is not None:
            return self._store(self._combined(self.__tensor__(), kind, shape, indices, values))
        self._tell(values)
        try:
            in_place(_write_rows, (self,), shape, indices._value, values._value, kind)
        except Elsewhere:
            with self._lock, context.paused():
                whole = self._combined(EagerTensor(self._value), kind, shape, indices, values)
                self._put_value(whole._value)
        return self._view()

    def _combined(self, whole: Any, kind: str, shape: tuple, indices: Any, values: Any) -> Any:
        """The next value, by ops."""
        values = broadcast_to_sizes(values, [*sizes_of(indices), *shape[1:]])
        whole = apply(o.reshape, whole, shape=shape)
        whole = apply(o.tensor_scatter, whole, apply(o.reshape, indices, shape=(-1,)), values, kind=kind)
        return apply(o.reshape, whole, shape=self._shape_now())


def _write_rows(array: np.ndarray, shape: tuple, indices: Any, values: Any, kind: str) -> None:
    with np.errstate(all="ignore"):
        scatter_rows(array.reshape(shape), np.atleast_1d(indices), values, kind)


def _slices(delta: Any) -> IndexedSlices:
    if not isinstance(delta, IndexedSlices):
        raise TypeError(f"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: {delta}")
    return delta


def _write_part(array: np.ndarray, key: Any, value: Any) -> None:
    subscript(EagerTensor(array), key)._value[...] = value


def _fitted(value: Any, sizes: list) -> Any:
    """`value`, broadcast to the shape of the part that it replaces."""
    given, wanted = tuple(value.shape), [n if isinstance(n, int) else None for n in sizes]
    while len(given) > len(wanted) and given[0] == 1:
        given = given[1:]
    if len(given) > len(wanted) or any(
        n != 1 and m is not None and n != m for n, m in zip(reversed(given), reversed(wanted))
    ):
        raise invalid(
            f"Cannot broadcast input shape {bracket(value.shape)} into final shape {bracket(wanted)} "
            "[Op:ResourceStridedSliceAssign]"
        )
    return broadcast_to_sizes(apply(o.reshape, value, shape=given), sizes)


def _check_kinds(dtype: DType, indices: Any, kind: str) -> None:
    allowed = _KINDS.get(kind, NUMBER)
    if allowed and dtype.np.kind not in allowed:
        raise invalid(
            f"Value for attr 'dtype' of {dtype.name} is not in the list of allowed values: {dtype.name} has "
            f"no `{kind}` [Op:ResourceScatter{kind.capitalize()}]"
        )
    if indices.dtype.name not in ("int32", "int64"):
        raise invalid(
            f"Value for attr 'Tindices' of {indices.dtype.name} is not in the list of allowed values: "
            "int32, int64"
        )


def _check_rows(shape: tuple, indices: Any, values: Any) -> None:
    """Updates have the shape of the rows that they are for, or are one number for all of them."""
    got, at = tuple(values.shape), tuple(indices.shape)
    if got and got[: len(at)] != at:
        raise invalid(
            f"The shape of indices ({bracket(at)}) must be a prefix of the shape of updates ({bracket(got)})"
        )
    if got and got[len(at) :] != shape[1:]:
        raise invalid(
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got "
            f"updates.shape {bracket(got)}, indices.shape {bracket(at)}, params.shape {bracket(shape)}"
        )


def _check_updates(shape: tuple, positions: Any, updates: Any) -> None:
    """Updates have the leading shape of the indices, then that of the slices that the positions name."""
    at, got, depth = tuple(positions.shape[:-1]), tuple(updates.shape), positions.shape[-1]
    for i, n in enumerate(at):
        if i >= len(got) or got[i] != n:
            raise invalid(
                f"Dimensions [0,{len(at)}) of indices[shape={bracket(positions.shape)}] = {n} must match "
                f"dimensions [0,{len(at)}) of updates[shape={bracket(got)}] = "
                f"{got[i] if i < len(got) else 'none'}"
            )
    if depth > len(shape) or got[len(at) :] != shape[depth:]:
        raise invalid(
            f"Dimensions [{depth},{len(shape)}) of input[shape={bracket(shape)}] must match dimensions "
            f"[{len(at)},{len(got)}) of updates[shape={bracket(got)}]"
        )
