"""Moments, counts of what is not zero, and whether elements are in order: composed of other files' rows."""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, float16, float32, int64
from nbtape.core.engine import apply, o, pair, tensor
from nbtape.ops.elementwise import conj
from nbtape.ops.reduce import axes_of, reduce_mean, reduce_sum
from nbtape.ops.static import product, sizes_of


def cast(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else apply(o.cast, x, dtype=dtype.np)


def square(x: Any) -> Any:
    """|x|**2, a real tensor."""
    if x.dtype.is_complex:
        return apply(o.real, x * conj(x))
    return apply(o.square, x)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Mean square distance from the mean over `axis` (all axes when None); of complex values, real.

    >>> tf.math.reduce_variance([[1.0, 2.0], [3.0, 6.0]], axis=1).numpy()
    array([0.25, 2.25], dtype=float32)
    """
    x = tensor(input_tensor)
    if x.dtype.is_integer:
        raise TypeError(
            f"Input must be either real or complex. Received integer type {x.dtype}."
            "\nConvert it first: tf.cast(x, tf.float32)."
        )
    return reduce_mean(square(x - reduce_mean(x, axis, True)), axis, keepdims)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Square root of the variance over `axis` (all axes when None); where all are equal its gradient is 0.

    >>> tf.math.reduce_std([[1.0, 2.0], [3.0, 6.0]], axis=1).numpy()
    array([0.5, 1.5], dtype=float32)
    """
    return apply(o.sqrt, reduce_variance(input_tensor, axis, keepdims))


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:  # fmt: skip
    """Square root of the sum of squares over `axis` (all axes when None); its gradient at 0 is 0.

    >>> tf.math.reduce_euclidean_norm([[3.0, 4.0], [6.0, 8.0]], axis=1).numpy()
    array([ 5., 10.], dtype=float32)
    """
    x = tensor(input_tensor)
    total = reduce_sum(square(x), axis, keepdims)
    if x.dtype.is_integer:
        return cast(apply(o.sqrt, apply(o.cast, total, dtype=np.dtype(np.float64))), x.dtype)
    return cast(apply(o.sqrt, total), x.dtype)


def count_nonzero(
    input: Any, axis: Any = None, keepdims: bool | None = None, dtype: Any = int64, name: str | None = None
) -> Any:
    """How many elements along `axis` (all axes when None) are not 0, False or the empty string.

    >>> tf.math.count_nonzero([[0, 1, 2], [0, 0, 3]], axis=1).numpy()
    array([2, 1])
    """
    return reduce_sum(
        apply(o.cast, _nonzero(tensor(input)), dtype=as_dtype(dtype).np), axis, keepdims or False
    )


def _nonzero(x: Any) -> Any:
    if x.dtype.is_bool:
        return x
    return apply(o.not_equal, *pair(x, b"" if x.dtype == "string" else 0))


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """The fraction of elements that are 0, as float32; of nothing, nan.

    >>> tf.math.zero_fraction([0, 0, 0, 7]).numpy()
    np.float32(0.75)
    """
    return 1 - reduce_mean(apply(o.cast, _nonzero(tensor(value)), dtype=float32.np))


# Moments


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> tuple:
    """Mean and variance over `axes`; float16 is computed in float32. `shift` is not used, as in TensorFlow.

    >>> mean, variance = tf.nn.moments(tf.constant([1.0, 2.0, 6.0]), axes=[0])
    >>> mean.numpy(), variance.numpy().round(3)
    (np.float32(3.0), np.float32(4.667))
    """
    x = tensor(x)
    y = cast(x, float32) if x.dtype == float16 else x
    mean = reduce_mean(y, axes, True)
    variance = reduce_mean(apply(o.squared_difference, y, apply(o.stop_gradient, mean)), axes, True)
    return _given_back(x, axes, keepdims, mean, variance)


def _given_back(x: Any, axes: Any, keepdims: bool, *results: Any) -> tuple:
    """Results that kept their axes, as the caller wants them."""
    if not keepdims:
        axis = axes_of(axes, x)
        results = tuple([apply(o.squeeze, y, axis=axis) if axis else y for y in results])
    return tuple([cast(y, float16) if x.dtype == float16 else y for y in results])


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> tuple:  # fmt: skip
    """Mean and variance over `axes` of elements that count `frequency_weights` times.

    >>> mean, variance = tf.nn.weighted_moments([1.0, 5.0], [0], [3.0, 1.0])
    >>> mean.numpy(), variance.numpy()
    (np.float32(2.0), np.float32(3.0))
    """
    x, weights = tensor(x), tensor(frequency_weights)
    y = cast(x, float32) if x.dtype == float16 else x
    weights = cast(weights, y.dtype)
    total = reduce_sum(weights + apply(o.zeros_like, y), axes, True)
    mean = apply(o.div_no_nan, reduce_sum(weights * y, axes, True), total)
    variance = apply(
        o.div_no_nan, reduce_sum(weights * apply(o.squared_difference, y, mean), axes, True), total
    )
    return _given_back(x, axes, keepdims, mean, variance)


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple:
    """Count, sum, sum of squares over `axes`, and `shift`, which is subtracted from `x` first.

    >>> [t.numpy().tolist() for t in tf.nn.sufficient_statistics([[1, 2, 3], [4, 5, 6]], [1])[:3]]
    [3, [6, 15], [14, 77]]
    """
    x = tensor(x)
    sizes = sizes_of(x)
    count = product([sizes[a] for a in axes_of(axes, x) or ()])
    count = tensor(count, x.dtype) if isinstance(count, int) else cast(count, x.dtype)
    if shift is None:
        return count, reduce_sum(x, axes, keepdims), reduce_sum(apply(o.square, x), axes, keepdims), None
    shift = pair(x, shift)[1]
    squares = reduce_sum(apply(o.squared_difference, x, shift), axes, keepdims)
    return count, reduce_sum(x - shift, axes, keepdims), squares, tensor(shift, x.dtype)


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple:
    """Mean and variance from what `sufficient_statistics` gives.

    >>> [t.numpy().item() for t in tf.nn.normalize_moments(4.0, 10.0, 30.0, None)]
    [2.5, 1.25]
    """
    divisor = 1 / tensor(counts)
    shifted = pair(divisor, mean_ss)[1] * divisor
    variance = pair(divisor, variance_ss)[1] * divisor - apply(o.square, shifted)
    return (shifted if shift is None else shifted + shift), variance


# Order


def _steps(x: Any) -> tuple[Any, Any]:
    """All elements of `x` but the last, and all but the first."""
    if x.dtype.np.kind in "bO":
        raise TypeError(f"Expected x to be numeric, instead found: {x!s}")
    x = apply(o.reshape, x, shape=(-1,))
    return x[:-1], x[1:]


def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """Whether no element of `x`, in row-major order, is less than the one before it.

    >>> bool(tf.math.is_non_decreasing([1, 1, 2]))
    True
    """
    before, after = _steps(tensor(x))
    return apply(o.all, after >= before, axis=(0,), keepdims=False)


def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """Whether each element of `x`, in row-major order, is greater than the one before it.

    >>> bool(tf.math.is_strictly_increasing([1, 1, 2]))
    False
    """
    before, after = _steps(tensor(x))
    return apply(o.all, after > before, axis=(0,), keepdims=False)
