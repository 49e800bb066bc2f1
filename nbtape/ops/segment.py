"""Segment ops: rows of a tensor combined by a number that each row carries; and counts of such numbers.

A row here takes `rows`, the number of segments; None means that it is read at run time: it is one more than
the last id where ids are `ordered`, else a third input, that number or a tensor with a row for each segment.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import EagerTensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import late
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, bracket
from nbtape.ops.elementwise import conj
from nbtape.ops.row import NUMBER, REAL, REAL_FLOATS, op
from nbtape.ops.static import as_tf_name, dims, wrong_type

_segment_kernel = late("nbtape.kernels.cpu.scatter:segment_reduce")
_MANY = 20_000  # elements, before Numba is worth importing
_FLOAT32 = np.dtype(np.float32)


def _count(rows: int | None, ids: Any, n: Any, ordered: bool) -> int:
    if rows is not None:
        return rows
    if ordered:
        return int(ids[-1]) + 1 if len(ids) else 0
    return int(n) if not n.ndim else n.shape[0]


def _checked(ids: np.ndarray, rows: int, ordered: bool) -> None:
    """Raise for ids that TensorFlow refuses; negative ids in no order are rows that nobody wants."""
    if not ids.size:
        return
    flat = ids.reshape(-1)
    if ordered:
        if flat[0] < 0:
            raise invalid(
                f"Segment id {flat[0]} out of range [0, {rows}), possibly because 'segment_ids' input is not "
                "sorted."
            )
        if (flat[1:] < flat[:-1]).any():
            raise invalid(
                "segment ids are not increasing\nSort them, or use tf.math.unsorted_segment_sum and the like."
            )
    elif np.maximum.reduce(flat) >= rows:
        i = int(np.argmax(flat >= rows))
        place = ",".join(map(str, np.unravel_index(i, ids.shape)))
        raise invalid(f"segment_ids[{place}] = {flat[i]} is out of range [0, {rows})")


def _nothing(kind: str, dtype: np.dtype, ordered: bool) -> Any:
    """What an empty segment gets."""
    if kind in ("sum", "prod") or ordered:
        return 1 if kind == "prod" else 0
    return as_dtype(dtype).min if kind == "max" else as_dtype(dtype).max


def segment(kind: str, ufunc: np.ufunc) -> Callable:
    """The eager function of a segment reduction."""

    def eager(data, ids, n=None, *, rows, ordered):
        _check_kinds(kind, data.dtype, ids.dtype)
        if data.shape[: ids.ndim] != ids.shape or ordered and ids.ndim != 1:
            raise ValueError
        rows = _count(rows, ids, n, ordered)
        if rows < 0:
            raise ValueError
        _checked(ids, rows, ordered)
        empty = _nothing(kind, data.dtype, ordered)
        if data.size > _MANY and data.dtype.kind in "fiu" and (not ordered or kind in ("sum", "prod")):
            return _segment_kernel(data, ids, rows=rows, kind=kind)
        y = np.full((rows, *data.shape[ids.ndim :]), empty, data.dtype)
        flat = ids.reshape(-1)
        values = data.reshape(flat.size, *y.shape[1:])
        if not ordered:
            order = np.argsort(flat, kind="stable")
            order = order[np.searchsorted(flat, 0, sorter=order) :]
            flat, values = flat[order], values[order]
        if values.size:
            starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
            y[flat[starts]] = _reduced_at(ufunc, values, starts)
        return y

    return eager


def _reduced_at(ufunc: np.ufunc, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if values.dtype.itemsize == 2 and values.dtype.kind in REAL_FLOATS:
        return ufunc.reduceat(values.astype(_FLOAT32), starts, 0).astype(values.dtype)
    return ufunc.reduceat(values, starts, 0, values.dtype if ufunc in (np.add, np.multiply) else None)


_KINDS = {"sum": NUMBER, "prod": NUMBER, "max": REAL, "min": REAL}


def _check_kinds(kind: str, data: np.dtype, ids: np.dtype) -> None:
    if data.kind not in _KINDS[kind]:
        raise invalid(
            f"Value for attr 'T' of {as_dtype(data).name} is not in the list of allowed values for a segment "
            f"{kind}\nConvert it first, for example: tf.cast(x, tf.float32)."
        )
    if ids.name not in ("int32", "int64"):
        raise wrong_type(as_tf_name(Spec((), ids)), "Tindices")


def segment_spec(kind: str) -> Callable:
    def infer(data: Spec, ids: Spec, *n: Spec, rows: int | None, ordered: bool) -> Spec:
        _check_kinds(kind, data.dtype, ids.dtype)
        if rows is not None and rows < 0:
            raise invalid(f"Input num_segments == {rows} must not be negative.")
        if data.shape is None or ids.shape is None:
            return Spec(None, data.dtype)
        rank = len(ids.shape)
        if ordered:
            if rank != 1:
                raise invalid("segment_ids should be a vector.")
            if not data.shape:
                raise invalid("input must be at least rank 1")
            if None not in (data.shape[0], ids.shape[0]) and data.shape[0] != ids.shape[0]:
                raise invalid("segment_ids should be the same size as dimension 0 of input.")
        pairs = zip(data.shape, ids.shape, strict=False)
        if len(data.shape) < rank or any(None not in (a, b) and a != b for a, b in pairs):
            raise invalid(
                f"data.shape = {bracket(data.shape)} does not start with "
                f"segment_ids.shape = {bracket(ids.shape)}"
            )
        return Spec((rows, *data.shape[rank:]), data.dtype)

    return infer


def _counts(data, ids, n=None, *, rows, ordered):
    """How many rows each segment has, at least 1: in the dtype of `data`, and a shape to divide sums by."""
    rows = _count(rows, ids, n, ordered)
    flat = ids.reshape(-1)
    counts = np.maximum(np.bincount(flat[flat >= 0], minlength=rows)[:rows], 1).astype(data.dtype)
    return counts.reshape(rows, *(1,) * (data.ndim - ids.ndim))


def _counts_spec(data: Spec, ids: Spec, *n: Spec, rows: int | None, ordered: bool) -> Spec:
    if data.shape is None or ids.shape is None:
        return Spec(None, data.dtype)
    return Spec((rows, *(1,) * (len(data.shape) - len(ids.shape))), data.dtype)


def _take(g, ids):
    """The row of each id, zeros for a negative one."""
    y = g[np.maximum(ids, 0)]
    if ids.size and np.minimum.reduce(ids, None) < 0:
        y = np.where((ids >= 0).reshape(ids.shape + (1,) * (y.ndim - ids.ndim)), y, y.dtype.type(0))
    return y


def _back(h, like, ids):
    """The transpose of `segment_take`: into as many rows as `like` has."""
    shape = dims(like)
    if shape is None:
        return o.segment_sum(h, ids, like, rows=None, ordered=False)
    return o.segment_sum(h, ids, rows=shape[0], ordered=False)


def _share(g, y, x, ids, *n, rows, ordered):
    hits = o.matches(x, o.segment_take(y, ids))
    shares = o.segment_take(o.segment_sum(hits, ids, *n, rows=rows, ordered=ordered), ids)
    return hits * (o.segment_take(g, ids) / (shares + o.matches(shares, 0)))


def _prod_grad(g, y, x, ids, *n, rows, ordered):
    """The product of the others: y / x, and for the only 0 of a segment the product of what is not."""
    zero = o.matches(x, 0)
    zeros = o.segment_take(o.segment_sum(zero, ids, *n, rows=rows, ordered=ordered), ids)
    rest = o.segment_take(o.segment_prod(x + zero, ids, *n, rows=rows, ordered=ordered), ids)
    others = ((1 - zero) * o.segment_take(y, ids) + zero * o.matches(zeros, 1) * rest) / (x + zero)
    return o.segment_take(g, ids) * conj(others)


# fmt: off
op("segment_sum", segment("sum", np.add), segment_spec("sum"),
   lambda g, y, x, ids, *n, rows, ordered: o.segment_take(g, ids), None, None)
op("segment_prod", segment("prod", np.multiply), segment_spec("prod"), _prod_grad, None, None)
op("segment_max", segment("max", np.maximum), segment_spec("max"), _share, None, None)
op("segment_min", segment("min", np.minimum), segment_spec("min"), _share, None, None)
op("segment_count", _counts, _counts_spec)
op("segment_take", _take,
   lambda g, ids: Spec(None if None in (g.shape, ids.shape) else (*ids.shape, *g.shape[1:]), g.dtype),
   lambda h, y, g, ids: _back(h, g, ids), None)
# fmt: on


def segmented(row: Any, data: Any, segment_ids: Any) -> Any:
    return apply(row, tensor(data), tensor(segment_ids), rows=None, ordered=True)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Sum of the rows that share a segment; ids are sorted, and ids that no row has give 0.

    >>> tf.math.segment_sum([1.0, 2.0, 3.0], [0, 0, 2]).numpy()
    array([3., 0., 3.], dtype=float32)
    """
    return segmented(o.segment_sum, data, segment_ids)


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Product of the rows that share a segment; ids are sorted, and ids that no row has give 1.

    >>> tf.math.segment_prod([1.0, 2.0, 3.0], [0, 0, 2]).numpy()
    array([2., 1., 3.], dtype=float32)
    """
    return segmented(o.segment_prod, data, segment_ids)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Maximum of the rows that share a segment; ids are sorted, and ids that no row has give 0.

    >>> tf.math.segment_max([1.0, 2.0, 3.0], [0, 0, 2]).numpy()
    array([2., 0., 3.], dtype=float32)
    """
    return segmented(o.segment_max, data, segment_ids)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Minimum of the rows that share a segment; ids are sorted, and ids that no row has give 0.

    >>> tf.math.segment_min([1.0, 2.0, 3.0], [0, 0, 2]).numpy()
    array([1., 0., 3.], dtype=float32)
    """
    return segmented(o.segment_min, data, segment_ids)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Mean of the rows that share a segment; ids are sorted, and ids that no row has give 0.

    >>> tf.math.segment_mean([1.0, 2.0, 3.0], [0, 0, 2]).numpy()
    array([1.5, 0. , 3. ], dtype=float32)
    """
    data, ids = tensor(data), tensor(segment_ids)
    total = apply(o.segment_sum, data, ids, rows=None, ordered=True)
    counts = apply(o.segment_count, data, ids, rows=None, ordered=True)
    return total / counts if data.dtype.np.kind in FLOATS else apply(o.truncatediv, total, counts)


def unsorted(row: Any, data: Any, segment_ids: Any, num_segments: Any) -> Any:
    n, rows = _segments(num_segments)
    return apply(row, tensor(data), tensor(segment_ids), *n, rows=rows, ordered=False)


def _segments(num_segments: Any) -> tuple[tuple, int | None]:
    """The number of segments as a third input, or as an attribute where it is known."""
    if type(num_segments) is int:
        return (), num_segments
    n = tensor(num_segments)
    spec = spec_of(n)
    if spec.dtype.kind not in "iu":
        raise wrong_type(as_tf_name(spec), "Tnumsegments")
    if spec.shape:
        raise invalid(f"num_segments should be a scalar, not shape {bracket(spec.shape)}")
    return ((), int(n._value)) if type(n) is EagerTensor else ((n,), None)


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Sum of the rows that share a segment, one of `num_segments`; a row with a negative id is left out.

    `segment_ids` has the shape that the shape of `data` begins with, in no order. Empty segments give 0.

    >>> tf.math.unsorted_segment_sum([1.0, 2.0, 3.0], [2, 0, 2], 3).numpy()
    array([2., 0., 4.], dtype=float32)
    """
    return unsorted(o.segment_sum, data, segment_ids, num_segments)


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Product of the rows that share a segment, one of `num_segments`; empty segments give 1.

    >>> tf.math.unsorted_segment_prod([1.0, 2.0, 3.0], [2, 0, 2], 3).numpy()
    array([2., 1., 3.], dtype=float32)
    """
    return unsorted(o.segment_prod, data, segment_ids, num_segments)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Maximum of the rows that share a segment, one of `num_segments`; empty ones give the lowest value.

    >>> tf.math.unsorted_segment_max([1, 2, 3], [1, 0, 1], 2).numpy()
    array([2, 3], dtype=int32)
    """
    return unsorted(o.segment_max, data, segment_ids, num_segments)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Minimum of the rows that share a segment, one of `num_segments`; empty ones give the highest value.

    >>> tf.math.unsorted_segment_min([1, 2, 3], [1, 0, 1], 2).numpy()
    array([2, 1], dtype=int32)
    """
    return unsorted(o.segment_min, data, segment_ids, num_segments)


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Mean of the rows that share a segment, one of `num_segments`; empty segments give 0.

    >>> tf.math.unsorted_segment_mean([1.0, 2.0, 3.0], [2, 0, 2], 3).numpy()
    array([2., 0., 2.], dtype=float32)
    """
    total, counts = _sum_and_count(data, segment_ids, num_segments)
    return total / counts


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Sum of the rows that share a segment divided by the square root of their number; empty segments give 0.

    >>> tf.math.unsorted_segment_sqrt_n([1.0, 1.0, 1.0, 1.0], [0, 0, 0, 0], 1).numpy()
    array([2.], dtype=float32)
    """
    total, counts = _sum_and_count(data, segment_ids, num_segments)
    return total / apply(o.sqrt, counts)


def _sum_and_count(data: Any, segment_ids: Any, num_segments: Any) -> tuple[Any, Any]:
    n, rows = _segments(num_segments)
    data, ids = tensor(data), tensor(segment_ids)
    total = apply(o.segment_sum, data, ids, *n, rows=rows, ordered=False)
    return total, apply(o.segment_count, data, ids, *n, rows=rows, ordered=False)
