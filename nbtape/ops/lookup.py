"""Looking up: unique, searchsorted, invert_permutation."""

from typing import Any, NamedTuple

import numpy as np

from nbtape.core.dtype import as_dtype, int32
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec, numel
from nbtape.ops.row import op
from nbtape.ops.sort import allowed, comparable
from nbtape.ops.static import as_tf_name, wrong_type


def _unique(x, *, dtype):
    if x.ndim != 1:
        raise ValueError
    nan = {"equal_nan": False} if x.dtype != object else {}
    _, first, place, counts = np.unique(comparable(x), True, True, True, **nan)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype)
    rank[order] = np.arange(len(order))
    return x[first[order]], rank[place.reshape(-1)], counts[order].astype(dtype)


def _unique_spec(x: Spec, *, dtype: np.dtype) -> tuple[Spec, Spec, Spec]:
    if x.shape is not None and len(x.shape) != 1:
        raise invalid("unique expects a 1D vector.\nReshape it first: tf.reshape(x, [-1]).")
    return Spec((None,), x.dtype), Spec(x.shape, dtype), Spec((None,), dtype)


def _unique_grad(g, y, x, *, dtype):
    """The gradient of a value belongs to the first element that has it."""
    return o.where(o.first_of(y[1]), o.segment_take(g[0], y[1]), 0.0)


def _first_of(i):
    y = np.zeros(i.shape, np.bool_)
    y[np.unique(i, return_index=True)[1]] = True
    return y


def _searchsorted(seq, values, *, side, dtype):
    rows = numel(seq.shape[:-1])
    if seq.dtype != values.dtype or not seq.ndim or not values.ndim or rows != numel(values.shape[:-1]):
        raise ValueError
    if rows == 1:
        return np.searchsorted(comparable(seq.reshape(-1)), comparable(values), side).astype(dtype)
    seq, values = comparable(seq), comparable(values)
    pairs = zip(seq.reshape(rows, -1), values.reshape(rows, -1), strict=True)
    return np.array([np.searchsorted(row, new, side) for row, new in pairs], dtype).reshape(values.shape)


def _searchsorted_spec(seq: Spec, values: Spec, *, side: str, dtype: np.dtype) -> Spec:
    if seq.dtype != values.dtype:
        want, got = as_dtype(seq.dtype).name, as_dtype(values.dtype).name
        kernel = "LowerBound" if side == "left" else "UpperBound"
        raise invalid(
            f"cannot compute {kernel} as input #1(zero-based) was expected to be a {want} tensor but is a "
            f"{got} tensor\nConvert it first: tf.cast(values, tf.{want})."
        )
    for x in (seq, values):
        if x.shape == ():
            raise invalid(
                "slice index -1 of dimension 0 out of bounds.\nsearchsorted wants at least one axis: [value]."
            )
    a, b = seq.shape, values.shape
    if a is not None and b is not None and None not in (*a, *b) and numel(a[:-1]) != numel(b[:-1]):  # type: ignore[arg-type]
        raise invalid("Leading dim_size of both tensors must match.")
    return Spec(values.shape, dtype)


def _invert(x):
    n = x.size
    if x.ndim != 1 or x.dtype.name not in ("int32", "int64"):
        raise ValueError
    y = np.full(n, -1, x.dtype)
    for value in x[(x < 0) | (x >= n)][:1]:
        raise invalid(f"{value} is not between 0 and {n}")
    y[x] = np.arange(n, dtype=x.dtype)
    if n and y.min() < 0:
        seen, times = np.unique(x, return_counts=True)
        raise invalid(f"{seen[times > 1][0]} is duplicated in the input.")
    return y


def _invert_spec(x: Spec) -> Spec:
    if x.dtype.name not in ("int32", "int64"):
        raise wrong_type(as_tf_name(x), "T")
    if x.shape is not None and len(x.shape) != 1:
        raise invalid("invert_permutation expects a 1D vector.")
    return x


op("unique", _unique, _unique_spec, _unique_grad, many=True)
op("first_of", _first_of, lambda i: Spec(i.shape, np.dtype(np.bool_)))
op("searchsorted", _searchsorted, _searchsorted_spec)
op("invert_permutation", _invert, _invert_spec)


class Unique(NamedTuple):
    """What `unique` returns."""

    y: Any
    idx: Any


class UniqueWithCounts(NamedTuple):
    """What `unique_with_counts` returns."""

    y: Any
    idx: Any
    count: Any


def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> Unique:
    """The different elements of a vector, as they come, and the place of each element among them.

    >>> y, idx = tf.unique([5, 3, 5, 1])
    >>> y.numpy(), idx.numpy()
    (array([5, 3, 1], dtype=int32), array([0, 1, 0, 2], dtype=int32))
    """
    return Unique(*unique_with_counts(x, out_idx)[:2])


def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueWithCounts:
    """What `unique` gives, and how often each element occurs.

    >>> tf.unique_with_counts([5, 3, 5, 1]).count.numpy()
    array([2, 1, 1], dtype=int32)
    """
    return UniqueWithCounts(*apply(o.unique, tensor(x), dtype=allowed(out_idx, "out_idx")))


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = int32, name: str | None = None
) -> Any:
    """Where along the last axis of `sorted_sequence` each of `values` belongs; the other axes must match.

    `side="left"` gives the first such place, "right" the last.

    >>> tf.searchsorted([1, 3, 5], [3, 4]).numpy(), tf.searchsorted([1, 3, 5], [3, 4], side="right").numpy()
    (array([1, 2], dtype=int32), array([2, 2], dtype=int32))
    """
    if side not in ("left", "right"):
        raise ValueError(f"Argument `side` must be either 'right' or 'left'. Received: `side` = {side!r}.")
    seq, values = tensor(sorted_sequence), tensor(values)
    return apply(o.searchsorted, seq, values, side=side, dtype=allowed(out_type, "out_type"))


def invert_permutation(x: Any, name: str | None = None) -> Any:
    """The inverse of a permutation of 0, 1, ..., n-1: y[x[i]] = i.

    >>> tf.math.invert_permutation([2, 0, 1]).numpy()
    array([1, 2, 0], dtype=int32)
    """
    return apply(o.invert_permutation, tensor(x))
