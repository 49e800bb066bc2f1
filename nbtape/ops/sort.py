"""Order: argmax, sort, top_k. NaN is greater than everything, and equals come in their order.

`take_along` and `put_along` move elements along one axis by indices that name no element twice; each is the
other's transpose. What is put into is as long as `size`, or as a third input where a trace does not know it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nbtape.core.dtype import as_dtype, int32, int64
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import REAL, REAL_FLOATS, op
from nbtape.ops.scan import from_front, number_of
from nbtape.ops.static import as_tf_name, dims, known

_INT = np.dtype(np.int32)
_FEW = 64  # elements that are sorted whole rather than partitioned first


def extreme(find: Callable, loser: float) -> Callable:
    """The eager function of argmax or argmin, for which NaN never wins."""

    def eager(x, *, axis, dtype):
        if not x.ndim or x.dtype.kind in "cO":
            raise ValueError
        if x.dtype.kind in REAL_FLOATS and x.size:
            top = np.maximum.reduce(x, None)
            if top != top:
                x = np.where(np.isnan(x), x.dtype.type(loser), x)
        return find(x, axis).astype(dtype, copy=False)

    return eager


def _extreme_lower(extreme: str, loser: float) -> Callable:
    """The first index at which the extreme stands, as a fold of its own."""

    def lower(x, *, axis, dtype):
        shape, kind = dims(x), x.dtype.np.kind
        if shape is None or shape[axis] is None or kind not in (*REAL_FLOATS, "i", "u"):
            return None
        axis, n = axis % len(shape), shape[axis]
        x = o.where(o.not_equal(x, x), loser, x) if kind in REAL_FLOATS else x
        best = getattr(o, extreme)(x, axis=(axis,), keepdims=True)
        steps = o.reshape(apply(o.iota, size=n, dtype=_INT), shape=(n, *(1,) * (len(shape) - 1 - axis)))
        found = o.min(o.where(o.equal(x, best), steps, n), axis=(axis,), keepdims=False)
        return o.cast(found, dtype=dtype)

    return lower


def _extreme_spec(x: Spec, *, axis: int, dtype: np.dtype) -> Spec:
    if x.dtype.kind in "cO":
        raise invalid(f"Value for attr 'T' of {as_dtype(x.dtype).name} is not in the list of allowed values")
    if x.shape is None:
        return Spec(None, dtype)
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise invalid(f"Expected dimension in the range [{-rank}, {rank}), but got {axis}")
    axis %= rank
    if x.shape[axis] == 0:
        raise invalid(f"Reduction axis {axis} is empty in shape {bracket(x.shape)}")
    return Spec(x.shape[:axis] + x.shape[axis + 1 :], dtype)


def _flip(x: np.ndarray, axis: int) -> np.ndarray:
    return x[(slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)]


def comparable(x: np.ndarray) -> np.ndarray:
    """`x`, where NumPy knows its order: that of bfloat16's NaN it does not."""
    return x.astype(np.float32) if x.dtype.kind == "V" else x


def _sort(x, *, axis, descending):
    y = np.sort(comparable(x), axis=axis, kind="stable").astype(x.dtype, copy=False)
    return _flip(y, axis) if descending else y


def _argsort(x, *, axis, descending):
    if not x.ndim:
        raise ValueError
    if not descending:
        return np.argsort(comparable(x), axis=axis, kind="stable").astype(np.int32)
    found = np.argsort(comparable(_flip(x, axis)), axis=axis, kind="stable")
    return (x.shape[axis] - 1 - _flip(found, axis)).astype(np.int32)


def _sort_spec(x: Spec, *, axis: int, descending: bool, dtype: Any = None) -> Spec:
    if x.shape is not None and not -len(x.shape) <= axis < len(x.shape):
        raise invalid(
            f"slice index {axis} of dimension 0 out of bounds.\nThere is no axis {axis} to sort along."
        )
    return Spec(x.shape, np.dtype(dtype or x.dtype))


def _top_k(x, *, k, dtype):
    n = x.shape[-1]
    if not 0 <= k <= n:
        raise ValueError
    some = None
    if n > _FEW and 0 < k < n // 2:
        some = _largest(x, k)
    if some is None:
        found = _argsort(x, axis=-1, descending=True)[..., :k]
        return np.take_along_axis(x, found, -1), found.astype(dtype)
    among = np.take_along_axis(x, some, -1)
    order = _argsort(among, axis=-1, descending=True)
    return np.take_along_axis(among, order, -1), np.take_along_axis(some, order, -1).astype(dtype)


def _largest(x, k):
    """Indices of the k largest along the last axis, in order; of equals the first. None if there is NaN."""
    n = x.shape[-1]
    least = np.partition(x, n - k, axis=-1)[..., n - k, None]
    above = x > least
    if x.dtype.kind in REAL_FLOATS and np.isnan(np.maximum.reduce(x, None)):
        return None
    equal = x == least
    wanted = k - np.add.reduce(above, -1, np.intp, keepdims=True)
    chosen = above | (equal & (np.add.accumulate(equal, -1, np.intp) <= wanted))
    return np.nonzero(chosen)[-1].reshape(*x.shape[:-1], k)


def _top_k_spec(x: Spec, *, k: int, dtype: np.dtype) -> tuple[Spec, Spec]:
    if k < 0:
        raise invalid(f"Need k >= 0, got {k}")
    shape = x.shape
    if shape is not None:
        if not shape:
            raise invalid("input must be >= 1-D, got shape []")
        if shape[-1] is not None and shape[-1] < k:
            raise invalid(f"input must have at least k columns. Had {shape[-1]}, needed {k}")
        shape = (*shape[:-1], k)
    return Spec(shape, x.dtype), Spec(shape, dtype)


def _take_along(x, i, *, axis):
    return np.take_along_axis(x, i, axis)


def _put_along(v, i, *like, axis, size):
    shape = list(v.shape)
    shape[axis] = like[0].shape[axis] if size is None else size
    y = np.zeros(shape, v.dtype)
    np.put_along_axis(y, i, v, axis)
    return y


def _put_spec(v: Spec, i: Spec, *like: Spec, axis: int, size: int | None) -> Spec:
    if v.shape is None:
        return v
    axis %= len(v.shape)
    return Spec((*v.shape[:axis], size, *v.shape[axis + 1 :]), v.dtype)


def _put_back(g, i, x, axis):
    """`g`, taken from `x` by the indices `i`, where it was."""
    shape = dims(x)
    if shape is None:
        return o.put_along(g, i, x, axis=axis, size=None)
    return o.put_along(g, i, axis=axis, size=shape[axis])


def _sort_grad(g, y, x, *, axis, descending):
    return _put_back(g, o.argsort(x, axis=axis, descending=descending), x, axis)


# fmt: off
op("argmax", extreme(np.ndarray.argmax, -np.inf), _extreme_spec,
   kernel=Composite(_extreme_lower("max", -np.inf)))
op("argmin", extreme(np.ndarray.argmin, np.inf), _extreme_spec,
   kernel=Composite(_extreme_lower("min", np.inf)))
op("sort", _sort, _sort_spec, _sort_grad, kinds=REAL)
op("argsort", _argsort, lambda x, **attrs: _sort_spec(x, dtype=np.int32, **attrs), kinds=REAL)
op("top_k", _top_k, _top_k_spec,
   lambda g, y, x, *, k, dtype: _put_back(g[0], y[1], x, -1), kinds=REAL, many=True)
op("take_along", _take_along, lambda x, i, *, axis: Spec(i.shape, x.dtype),
   lambda g, y, x, i, *, axis: _put_back(g, i, x, axis), None)
op("put_along", _put_along, _put_spec,
   lambda g, y, v, i, *like, axis, size: o.take_along(g, i, axis=axis), None, None)
# fmt: on


def _in_top_k(targets, predictions, *, k):
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1] or predictions.dtype.kind != "f":
        raise ValueError
    rows, classes = predictions.shape
    known = (targets >= 0) & (targets < classes) & np.isfinite(predictions).all(-1)
    found = predictions[np.arange(rows), np.where(known, targets, 0)] if classes else np.zeros(rows)
    return known & (np.add.reduce(predictions > found[:, None], -1) < k)


def _in_top_k_spec(targets: Spec, predictions: Spec, *, k: int) -> Spec:
    if targets.dtype.kind != "i" or predictions.dtype.kind not in REAL_FLOATS:
        raise invalid(
            "in_top_k takes targets of int32 or int64 and predictions of float32, "
            f"got {targets.dtype} and {predictions.dtype}"
        )
    if predictions.shape is not None and len(predictions.shape) != 2:
        raise invalid("predictions must be 2-dimensional")
    if targets.shape is not None and len(targets.shape) != 1:
        raise invalid("targets must be 1-dimensional")
    if predictions.shape is not None and targets.shape is not None:
        n, m = predictions.shape[0], targets.shape[0]
        if None not in (n, m) and n != m:
            raise invalid(f"First dimension of predictions {n} must match length of targets {m}")
    return Spec(targets.shape, np.dtype(np.bool_))


def _in_top_k_lower(targets, predictions, *, k):
    shape = dims(predictions)
    if shape is None or None in shape or 0 in shape:
        return None
    classes = apply(o.iota, size=shape[1], dtype=targets.dtype.np)
    hit = o.equal(classes, o.reshape(targets, shape=(shape[0], 1)))
    score = o.sum(o.where(hit, predictions, 0.0), axis=(1,), keepdims=True)
    above = o.sum(o.cast(o.greater(predictions, score), dtype=_INT), axis=(1,), keepdims=False)
    known = o.any(hit, axis=(1,), keepdims=False)
    finite = o.all(o.is_finite(predictions), axis=(1,), keepdims=False)
    return o.logical_and(o.logical_and(known, finite), o.less(above, k))


op("in_top_k", _in_top_k, _in_top_k_spec, kernel=Composite(_in_top_k_lower))


class TopKV2(NamedTuple):
    """What `top_k` returns."""

    values: Any
    indices: Any


def _extreme(row: Any, x: Any, axis: Any, output_type: Any) -> Any:
    x = tensor(x)
    axis = number_of(axis or 0, "dim must be a scalar, but received tensor of shape: {}", "Tidx")
    types = ("int32", "int64") if row is o.argmin else ("int16", "uint16", "int32", "int64")
    return apply(row, x, axis=from_front(axis, x), dtype=allowed(output_type, "output_type", types))


def allowed(dtype: Any, attr: str, types: tuple = ("int32", "int64")) -> np.dtype:
    """The NumPy dtype of an index type, one of `types`."""
    dtype = as_dtype(dtype).np
    if dtype.name not in types:
        got, listed = as_tf_name(Spec((), dtype)), ", ".join(types)
        raise invalid(f"Value for attr '{attr}' of {got} is not in the list of allowed values: {listed}")
    return dtype


def argmax(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Any:
    """Index of the largest element along `axis` (0 when None), the first of equals; NaN is never it.

    >>> tf.argmax([[1, 9], [5, 2]]).numpy(), tf.argmax([[1, 9], [5, 2]], axis=1).numpy()
    (array([1, 0]), array([1, 0]))
    """
    if isinstance(axis, list | tuple | float):
        raise TypeError("axis must be int or Tensor with integer datatype")
    return _extreme(o.argmax, input, axis, output_type)


def argmin(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Any:
    """Index of the smallest element along `axis` (0 when None), the first of equals; NaN is never it.

    >>> tf.argmin([[1, 9], [5, 2]]).numpy(), tf.argmin([[1, 9], [5, 2]], axis=1).numpy()
    (array([0, 1]), array([0, 1]))
    """
    return _extreme(o.argmin, input, axis, output_type)


def _sorting(row: Any, values: Any, axis: Any, direction: str) -> Any:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"Argument `direction` should be one of ASCENDING, DESCENDING. Received: direction={direction}"
        )
    if type(axis) is not int:
        number = known(axis)
        if number is None or number.ndim:
            raise ValueError(f"Argument `axis` must be a constant scalar. Received: axis={axis}.")
        axis = int(number)
    values = tensor(values)
    return apply(row, values, axis=from_front(axis, values), descending=direction == "DESCENDING")


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Sort along `axis`, "ASCENDING" (NaN last) or "DESCENDING" (NaN first).

    >>> tf.sort([3, 1, 2], direction="DESCENDING").numpy()
    array([3, 2, 1], dtype=int32)
    """
    return _sorting(o.sort, values, axis, direction)


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Any:
    """The int32 indices that sort `values` along `axis`; always stable: equals keep their order.

    >>> tf.argsort([3, 1, 2]).numpy()
    array([1, 2, 0], dtype=int32)
    """
    return _sorting(o.argsort, values, axis, direction)


def top_k(
    input: Any, k: Any = 1, sorted: bool = True, index_type: Any = int32, name: str | None = None
) -> TopKV2:
    """The `k` largest elements along the last axis and their indices, from the largest; of equals the first.

    >>> values, indices = tf.math.top_k([1, 3, 2], k=2)
    >>> values.numpy(), indices.numpy()
    (array([3, 2], dtype=int32), array([1, 2], dtype=int32))
    """
    dtype = allowed(index_type, "index_type", ("int16", "int32", "int64"))
    k = number_of(k, "k must be scalar, got shape {}", "Tk")
    return TopKV2(*apply(o.top_k, tensor(input), k=k, dtype=dtype))


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Any:
    """Whether each row's target is among the `k` largest of its predictions; False where one is not finite.

    >>> tf.math.in_top_k([0, 2], [[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]], k=2).numpy()
    array([False,  True])
    """
    return apply(
        o.in_top_k, tensor(targets), tensor(predictions), k=number_of(k, "k must be 0-D, got shape {}", "T")
    )
