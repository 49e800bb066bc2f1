"""Public elementwise functions that are more than their row: other argument names, checks, conversions."""

import math
from typing import Any

import numpy as np

from nbtape.core import dtype as dtypes
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import Tensor, apply, o, pair, stands_for_tensor, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.ops.create import zeros_like

_NO_INPUTS = "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype and shape."


def softplus(features: Any, name: str | None = None) -> Any:
    """`log(1 + exp(features))`, which does not overflow: a smooth relu.

    >>> tf.math.softplus([-1000.0, 1000.0]).numpy()
    array([   0., 1000.], dtype=float32)
    """
    return apply(o.softplus, tensor(features))


def softsign(features: Any, name: str | None = None) -> Any:
    """`features / (1 + abs(features))`, elementwise.

    >>> tf.math.softsign([-1.0, 3.0]).numpy()
    array([-0.5 ,  0.75], dtype=float32)
    """
    return apply(o.softsign, tensor(features))


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y` as Python divides: integers give floats, float32 for those of one or two bytes, else float64.

    Raises TypeError where dtypes differ.

    >>> tf.divide([7, -7], 2).numpy()
    array([ 3.5, -3.5])
    """
    x, y = pair(x, y)
    return apply(o.div, x, y)


def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y` as Python divides: integers give floats, float32 for those of one or two bytes, else float64.

    >>> tf.truediv(7, 2).numpy()
    np.float64(3.5)
    """
    return divide(x, y)


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y`, and 0 where `y` is 0. There the gradient is 0 too. Integers give floats.

    >>> tf.math.divide_no_nan([1.0, 3.0], [0.0, 2.0]).numpy()
    array([0. , 1.5], dtype=float32)
    """
    x, y = pair(x, y)
    dtype = next(v.dtype for v in (x, y) if stands_for_tensor(v))
    if dtype.is_integer:
        x, y = (cast(v, dtypes.float32 if dtype.size < 4 else dtypes.float64) for v in (x, y))
    elif stands_for_tensor(x) and stands_for_tensor(y) and x.dtype != y.dtype:
        raise TypeError(f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}.")
    return apply(o.div_no_nan, x, y)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """`1 / x`, and 0 where `x` is 0.

    >>> tf.math.reciprocal_no_nan([2.0, 0.0]).numpy()
    array([0.5, 0. ], dtype=float32)
    """
    return divide_no_nan(1.0, tensor(x))


def atan2(y: Any, x: Any, name: str | None = None) -> Any:
    """The angles, from -pi to pi, of the points (x, y). The gradient at (0, 0) is 0.

    >>> tf.atan2([0.0, 0.0], [1.0, 0.0]).numpy()
    array([0., 0.], dtype=float32)
    """
    y, x = pair(y, x)
    return apply(o.atan2, y, x)


def nextafter(x1: Any, x2: Any, name: str | None = None) -> Any:
    """The next float after `x1` in the direction of `x2`.

    >>> tf.math.nextafter(1.0, 2.0).numpy()
    np.float32(1.0000001)
    """
    x1, x2 = pair(x1, x2)
    return apply(o.nextafter, x1, x2)


def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of tensors of one shape and dtype; nothing is broadcast.

    Raises ValueError for an empty list, InvalidArgumentError where shapes or dtypes differ.

    >>> tf.add_n([tf.constant([1, 2]), tf.constant([3, 4]), tf.constant([5, 6])]).numpy()
    array([ 9, 12], dtype=int32)
    """
    inputs = [inputs] if isinstance(inputs, IndexedSlices) else list(inputs)
    if not inputs or any(x is None for x in inputs):
        raise ValueError(_NO_INPUTS)
    inputs = [tensor(x) for x in inputs]
    return apply(o.identity if len(inputs) == 1 else o.add_n, *inputs)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Any:
    """The sum of a list of tensors; `shape` and `tensor_dtype`, where given, must be theirs.

    >>> tf.math.accumulate_n([tf.constant([1.0]), tf.constant([2.0])]).numpy()
    array([3.], dtype=float32)
    """
    if not isinstance(inputs, list | tuple) or not inputs:
        raise ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
    inputs = [tensor(x) for x in inputs]
    if any(x.dtype != inputs[0].dtype for x in inputs):
        raise ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
    if tensor_dtype is not None and as_dtype(tensor_dtype) != inputs[0].dtype:
        raise TypeError(
            f"The `tensor_dtype` argument is {as_dtype(tensor_dtype)}, but `input` is of type "
            f"{inputs[0].dtype}. These must be equal. Try casting the input to the desired type."
        )
    known = inputs[0].shape if shape is None else shape
    for x in inputs:
        x.shape.merge_with(known)
    return add_n(inputs)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`scalar * x`, where `x` may be IndexedSlices, which stay so.

    Raises ValueError where `scalar` is not of rank 0.

    >>> tf.scalar_mul(3.0, tf.constant([1.0, 2.0])).numpy()
    array([3., 6.], dtype=float32)
    """
    x = x if isinstance(x, IndexedSlices) else tensor(x)
    scalar = tensor(scalar, x.dtype)
    if scalar.shape.rank not in (0, None):
        raise ValueError(f"Only scalar multiply works, got shape {scalar.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(apply(o.mul, scalar, x.values), x.indices, x.dense_shape)
    return apply(o.mul, scalar, x)


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Any:
    """The polynomial with these coefficients, a list, highest power first, at `x`.

    >>> tf.math.polyval([1.0, 0.0, -4.0], [2.0, 3.0]).numpy()
    array([0., 5.], dtype=float32)
    """
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    x = tensor(x)
    if not coeffs:
        return zeros_like(x)
    coeffs = [tensor(c) for c in coeffs]
    p = coeffs[0]
    for c in coeffs[1:]:
        p = c + p * x
    return p


def _logical(name: str, row: Any, *xs: Any) -> Any:
    return apply(row, *[tensor(x) if stands_for_tensor(x) else tensor(x, dtypes.bool_) for x in xs])


def logical_and(x: Any, y: Any, name: str | None = None) -> Any:
    """Where both bools are true.

    >>> tf.logical_and([True, True], [True, False]).numpy()
    array([ True, False])
    """
    return _logical("LogicalAnd", o.logical_and, x, y)


def logical_or(x: Any, y: Any, name: str | None = None) -> Any:
    """Where either bool is true.

    >>> tf.logical_or([True, False], [False, False]).numpy()
    array([ True, False])
    """
    return _logical("LogicalOr", o.logical_or, x, y)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Any:
    """Where one bool is true and the other is not.

    >>> tf.math.logical_xor([True, True], [True, False]).numpy()
    array([False,  True])
    """
    return _logical("LogicalXor", o.logical_xor, x, y)


def logical_not(x: Any, name: str | None = None) -> Any:
    """Where the bool is false.

    >>> tf.logical_not([True, False]).numpy()
    array([False,  True])
    """
    return _logical("LogicalNot", o.logical_not, x)


def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """Complex numbers of these parts, both float32 or both float64.

    >>> tf.complex([1.0, 2.0], [3.0, 4.0]).numpy()
    array([1.+3.j, 2.+4.j], dtype=complex64)
    """
    real, imag = tensor(real), tensor(imag)
    if real.dtype != imag.dtype or real.dtype not in (dtypes.float32, dtypes.float64):
        raise TypeError(
            f"The `real` and `imag` components have incorrect types: {real.dtype.name} {imag.dtype.name}. "
            "They must be consistent, and one of [tf.float32, tf.float64]"
        )
    return apply(o.complex, real, imag)


def real(input: Any, name: str | None = None) -> Any:
    """Real parts; a real tensor is returned as it is.

    >>> tf.math.real(tf.constant([1 + 2j])).numpy()
    array([1.])
    """
    input = tensor(input)
    return apply(o.real, input) if input.dtype.is_complex else input


def imag(input: Any, name: str | None = None) -> Any:
    """Imaginary parts; zeros for a real tensor.

    >>> tf.math.imag(tf.constant([1 + 2j])).numpy()
    array([2.])
    """
    input = tensor(input)
    return apply(o.imag, input) if input.dtype.is_complex else zeros_like(input)


def angle(input: Any, name: str | None = None) -> Any:
    """Angles of complex numbers, from -pi to pi; of a negative real number pi, of others 0.

    >>> tf.math.angle(tf.constant([1.0, -1.0])).numpy()
    array([0.       , 3.1415927], dtype=float32)
    """
    input = tensor(input)
    if input.dtype.is_complex:
        return apply(o.angle, input)
    return apply(o.where, input < 0, tensor(math.pi, input.dtype), tensor(0, input.dtype))


def conj(x: Any, name: str | None = None) -> Any:
    """Complex conjugates; a real tensor is returned as it is.

    >>> tf.math.conj(tf.constant([1 + 2j])).numpy()
    array([1.-2.j])
    """
    x = tensor(x)
    if not x.dtype.is_numeric:
        raise TypeError(f"Expected numeric or variant tensor, got dtype {x.dtype!r}.")
    return apply(o.conj, x) if x.dtype.is_complex else x


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x` in another dtype; one that has it already is returned as it is.

    Floats lose their fraction as integers, complex numbers their imaginary part; bools are 0 and 1. Gradients
    flow between floats and complex numbers, and stop at integers and bools. Raises UnimplementedError for
    strings.

    >>> tf.cast([1.9, -1.9], tf.int32).numpy()
    array([ 1, -1], dtype=int32)
    """
    dtype = as_dtype(dtype)
    if isinstance(x, IndexedSlices):
        return IndexedSlices(cast(x.values, dtype), x.indices, x.dense_shape)
    x = tensor(x)
    return x if x.dtype is dtype else apply(o.cast, x, dtype=dtype.np)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`cast`, but what is out of the range of `dtype` becomes its smallest or largest value.

    >>> tf.saturate_cast([300.0, -5.0], tf.uint8).numpy()
    array([255,   0], dtype=uint8)
    """
    value, dtype = tensor(value), as_dtype(dtype)
    if value.dtype.is_complex:
        if dtype.is_complex:
            part = dtype.real_dtype
            return cast(complex(_clamped(real(value), part), _clamped(imag(value), part)), dtype)
        value = real(value)
    return cast(_clamped(value, dtype.real_dtype), dtype)


def _clamped(value: Tensor, dtype: Any) -> Tensor:
    """`value` within the range of `dtype`, as far as its own dtype has numbers for it."""
    own = value.dtype.as_numpy_dtype
    (lowest, highest), (own_lowest, own_highest) = _range(dtype), _range(value.dtype)
    low, high = own(max(lowest, own_lowest)), own(min(highest, own_highest))
    low = np.nextafter(low, own(0)) if low.item() < lowest else low
    high = np.nextafter(high, own(0)) if high.item() > highest else high
    return apply(o.clip, value, tensor(low), tensor(high))


def _range(dtype: Any) -> tuple:
    """The smallest and largest value, as Python numbers."""
    number = int if dtype.is_integer else float
    return number(dtype.min), number(dtype.max)
