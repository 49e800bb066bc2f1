"""Counts: bincount, histograms, confusion matrices."""

from math import prod
from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, int32, int64
from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.sort import allowed
from nbtape.ops.static import as_tf_name, dims, integer, wrong_type


def _counted(arr, *weights, size, least, most, binary, dtype):
    """Counts of 0, 1, ... in each row, or sums of `weights`; in `size` bins, or as many as there must be."""
    if arr.ndim > 2 or arr.dtype.name not in ("int32", "int64") or weights and weights[0].shape != arr.shape:
        raise ValueError
    if arr.size and np.minimum.reduce(arr, None) < 0:
        raise invalid("Input arr must be non-negative!")
    if size is None:
        size = int(np.maximum.reduce(arr, None)) + 1 if arr.size else 0
        size = max(size, least)
        size = size if most is None else min(size, most)
    rows = arr.reshape(prod(arr.shape[:-1]), arr.shape[-1] if arr.ndim else 1)
    kept = rows < size
    flat = (rows.astype(np.int64) + np.arange(len(rows))[:, None] * size)[kept]
    total = np.bincount(flat, weights[0].reshape(rows.shape)[kept] if weights else None, len(rows) * size)
    if binary:
        total = total > 0
    return total.astype(dtype).reshape(*arr.shape[:-1], size)


def _counted_spec(arr: Spec, *weights: Spec, size: int | None, dtype: Any, **attrs: Any) -> Spec:
    if arr.dtype.name not in ("int32", "int64"):
        raise wrong_type(as_tf_name(arr), "Tidx")
    if arr.shape is None:
        return Spec(None, dtype)
    if len(arr.shape) > 2:
        raise invalid(f"Shape must be at most rank 2 but is rank {len(arr.shape)}")
    for w in weights:
        if w.shape is not None and len(w.shape) == len(arr.shape) and None in (*w.shape, *arr.shape):
            continue
        if w.shape is not None and w.shape != arr.shape:
            raise invalid(
                "`weights` must be the same shape as `arr` or a length-0 `Tensor`, in which case it acts as "
                f"all weights equal to 1. Received {bracket(w.shape)}"
            )
    return Spec((*arr.shape[:-1], size), dtype)


def _bin_of(g, arr):
    """g[..., arr], and 0 for a number that has no bin."""
    bins = g.shape[-1]
    if not bins:
        return np.zeros(arr.shape, g.dtype)
    found = np.take_along_axis(g, np.minimum(arr, bins - 1), -1)
    return np.where(arr < bins, found, g.dtype.type(0))


def _bin_back(h, y, g, arr):
    shape = dims(g)
    size = None if shape is None else shape[-1]
    return o.bincount(arr, h, size=size, least=0, most=None, binary=False, dtype=spec_of(h).dtype)


op("bincount", _counted, _counted_spec, None, lambda g, y, arr, *w, **attrs: o.bin_of(g, arr))
op("bin_of", _bin_of, lambda g, arr: Spec(arr.shape, g.dtype), _bin_back, None)


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = int32,
    name: str | None = None, axis: Any = None, binary_output: bool = False,
) -> Any:  # fmt: skip
    """How often each of 0, 1, 2, ... occurs in `arr`, or the sum of the `weights` where it does.

    There is a bin for each up to the largest number, at least `minlength` and at most `maxlength` of them.
    With `axis=-1` the rows of a matrix are counted apart. `binary_output` tells only whether a number occurs.
    Negative numbers raise InvalidArgumentError.

    >>> tf.math.bincount([1, 2, 2, 0, 2]).numpy()
    array([1, 1, 3], dtype=int32)
    """
    arr = tensor(arr)
    if weights is not None and binary_output:
        raise ValueError(
            "Arguments `binary_output` and `weights` are mutually exclusive. Please specify only one."
        )
    if axis not in (None, 0, -1):
        raise ValueError(
            f"Unsupported value for argument axis={axis}. Only 0 and -1 are currently supported."
        )
    given = [] if weights is None else [tensor(weights)]
    if not arr.dtype.is_integer:
        arr = apply(o.cast, arr, dtype=int32.np)
    if axis != -1:
        arr, given = apply(o.reshape, arr, shape=(-1,)), [apply(o.reshape, w, shape=(-1,)) for w in given]
    least = 0 if minlength is None else integer(minlength)
    most = None if maxlength is None else integer(maxlength)
    out = given[0].dtype.np if given else as_dtype(dtype or arr.dtype).np
    size = least if least == most else None
    return apply(
        o.bincount, arr, *given, size=size, least=least, most=most, binary=bool(binary_output), dtype=out
    )


def _bins(values, value_range, *, nbins):
    lo, hi = value_range[:2]
    place = np.floor(nbins * ((values - lo) / (hi - lo)))
    with np.errstate(invalid="ignore"):
        return np.clip(place, 0, nbins - 1).astype(np.int32)


def _bins_lower(values, value_range, *, nbins):
    lo, hi = value_range[0], value_range[1]
    place = o.floor(nbins * ((values - lo) / (hi - lo)))
    return o.cast(o.minimum(o.maximum(place, 0.0), nbins - 1.0), dtype=int32.np)


def _histogram(values, value_range, *, nbins, dtype):
    lo, hi = _checked_range(values, value_range, nbins)
    place = np.floor((values.reshape(-1).astype(np.float64) - float(lo)) / ((float(hi) - float(lo)) / nbins))
    if np.isnan(np.add.reduce(place)) and np.isnan(place).any():
        raise invalid("Histogram values must not contain NaN")
    return np.bincount(np.clip(place, 0, nbins - 1).astype(np.intp), minlength=nbins).astype(dtype)


def _checked_range(values, value_range, nbins):
    if value_range.shape != (2,):
        raise invalid("value_range should be a vector of 2 elements.")
    if nbins <= 0:
        raise invalid(f"nbins should be a positive number, but got '{nbins}'")
    lo, hi = value_range
    if not lo < hi:
        raise invalid(
            f"value_range should satisfy value_range[0] < value_range[1], but got '[{lo:g}, {hi:g}]'"
        )
    return lo, hi


op("histogram_fixed_width", _histogram, lambda v, r, *, nbins, dtype: Spec((nbins,), dtype), kinds="ifu")
op("histogram_fixed_width_bins", _bins, lambda v, r, *, nbins: Spec(v.shape, int32.np), kinds="fV",
   kernel=Composite(_bins_lower))  # fmt: skip


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Any:
    """How many of `values` fall in each of `nbins` bins of equal width; what lies outside counts at the ends.

    >>> tf.histogram_fixed_width([-1.0, 0.0, 1.5, 2.0, 5.0, 15], [0.0, 5.0], nbins=5).numpy()
    array([2, 1, 1, 0, 2], dtype=int32)
    """
    values, dtype = tensor(values), allowed(dtype, "dtype")
    return apply(
        o.histogram_fixed_width, values, pair(values, value_range)[1], nbins=integer(nbins), dtype=dtype
    )


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Any:
    """The number of the bin that each of `values` falls in, as an int32 tensor of their shape.

    >>> tf.histogram_fixed_width_bins([-1.0, 0.0, 1.5, 2.0, 5.0, 15], [0.0, 5.0], nbins=5).numpy()
    array([0, 0, 1, 2, 4, 4], dtype=int32)
    """
    values, nbins = tensor(values), integer(nbins)
    if nbins <= 0:
        raise invalid(f"nbins {nbins} must > 0")
    return apply(o.histogram_fixed_width_bins, values, pair(values, value_range)[1], nbins=nbins)


def _confusion(labels, predictions, *weights, size, dtype):
    if labels.shape != predictions.shape:
        raise ValueError
    n = _classes(labels, predictions, size)
    cells = labels.reshape(-1) * n + predictions.reshape(-1)
    total = np.bincount(cells, weights[0].reshape(-1) if weights else None, n * n)
    return total.astype(dtype).reshape(n, n)


def _classes(labels, predictions, size):
    for what, x in (("labels", labels), ("predictions", predictions)):
        if x.size and np.minimum.reduce(x, None) < 0:
            raise invalid(
                f"`{what}` contains negative values.  \nCondition x >= 0 did not hold element-wise:"
            )
        if size is not None and x.size and np.maximum.reduce(x, None) >= size:
            raise invalid(
                f"`{what}` out of bound\nCondition x < y did not hold.\nFirst 1 elements of y:\n[{size}]"
            )
    if size is not None:
        return size
    return int(max(np.maximum.reduce(x, None) for x in (labels, predictions))) + 1 if labels.size else 0


def _confusion_spec(labels: Spec, predictions: Spec, *weights: Spec, size: int | None, dtype: Any) -> Spec:
    a, b = labels.shape, predictions.shape
    if a is not None and b is not None and None not in (*a, *b) and a != b:
        raise invalid(
            f"Shapes of all inputs must match: values[0].shape = {bracket(a)} != "
            f"values[1].shape = {bracket(b)}"
        )
    return Spec((size, size), dtype)


def _cell_back(h, y, g, labels, predictions):
    size = (dims(g) or (None,))[0]
    return o.confusion_matrix(labels, predictions, h, size=size, dtype=spec_of(h).dtype)


def _cell_of(g, labels, predictions):
    return g[labels, predictions]


op("confusion_matrix", _confusion, _confusion_spec, None, None,
   lambda g, y, labels, predictions, w, **attrs: o.cell_of(g, labels, predictions))  # fmt: skip
op("cell_of", _cell_of, lambda g, labels, predictions: Spec(labels.shape, g.dtype),
   _cell_back, None, None)  # fmt: skip


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = int32,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The matrix that counts, or sums the `weights` of, each pair of a label (row) and a prediction (column).

    It has `num_classes` rows and columns, or one more than the largest class.

    >>> tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy().tolist()
    [[1, 0], [1, 1]]
    """
    labels, predictions = _alike(tensor(labels), tensor(predictions))
    labels, predictions = [apply(o.cast, x, dtype=int64.np) for x in (labels, predictions)]
    out, given = as_dtype(dtype).np, []
    if weights is not None:
        weights = tensor(weights)
        predictions.shape.assert_is_compatible_with(weights.shape)
        given = [apply(o.cast, weights, dtype=out)]
    size = None if num_classes is None else integer(num_classes)
    return apply(o.confusion_matrix, labels, predictions, *given, size=size, dtype=out)


def _alike(labels: Any, predictions: Any) -> tuple[Any, Any]:
    """The one that has an axis of size 1 more than the other, without it."""
    ranks = labels.shape.rank, predictions.shape.rank
    if None in ranks:
        return labels, predictions
    more = ranks[1] - ranks[0]
    if more == 1 and predictions.shape[-1] == 1:
        predictions = apply(o.squeeze, predictions, axis=(ranks[0],))
    elif more == -1 and labels.shape[-1] == 1:
        labels = apply(o.squeeze, labels, axis=(ranks[1],))
    return labels, predictions
