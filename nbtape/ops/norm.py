"""Norms of vectors and matrices, composed of the rows of other files."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.ops.elementwise import conj
from nbtape.ops.reduce import axes_of, reduce_max, reduce_sum
from nbtape.ops.static import rank_of
from nbtape.ops.statistics import cast, square

as_tensor = tensor  # where a parameter is called `tensor`, as TensorFlow's are


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Any:
    """Norm of vectors along `axis` (of all elements when None), or of matrices where `axis` names two axes.

    `ord` is "euclidean", 1, 2, inf or any positive number for vectors; "euclidean", "fro", 1, 2 (the largest
    singular value) or inf for matrices. Raises ValueError for others. The gradient at 0 is 0.

    >>> tf.norm([[3.0, 4.0], [6.0, 8.0]], axis=1).numpy(), tf.norm([3.0, -4.0], ord=1).numpy()
    (array([ 5., 10.], dtype=float32), np.float32(7.0))
    """
    matrix = isinstance(axis, list | tuple) and len(axis) == 2
    _check_norm(ord, tuple(axis) if matrix else axis, matrix)
    return _norm(as_tensor(tensor), ord, tuple(axis) if matrix else axis, matrix, bool(keepdims))


_MATRIX_NORMS = ["euclidean", "fro", 1, 2, np.inf]


def _check_norm(ord: Any, axis: Any, matrix: bool) -> None:
    unique = "'axis' must be None, an integer, or a tuple of 2 unique integers, got "
    if matrix:
        if not isinstance(axis[0], int) or not isinstance(axis[1], int) or axis[0] == axis[1]:
            raise ValueError(f"{unique}{axis}")
        if ord not in _MATRIX_NORMS:
            raise ValueError(f"'ord' must be a supported matrix norm in {_MATRIX_NORMS}, got {ord}")
    else:
        if not (isinstance(axis, int) or axis is None):
            raise ValueError(f"{unique}{axis}")
        if ord != "euclidean" and (isinstance(ord, str) or not np.isreal(ord) or ord <= 0):
            raise ValueError(f"'ord' must be a supported vector norm, got {ord}")


def _norm(x: Any, ord: Any, axis: Any, matrix: bool, keepdims: bool) -> Any:
    if ord in ("fro", "euclidean") or ord == 2 and not matrix:
        squares = x * conj(x) if x.dtype.is_complex else apply(o.square, x)
        return apply(o.sqrt, reduce_sum(squares, axis, keepdims))
    if matrix and ord == 2:
        return _spectral(x, axis, keepdims)
    size = apply(o.abs, x)
    if matrix:
        inner, outer = axis if ord == 1 else axis[::-1]
        result = reduce_max(reduce_sum(size, inner, True), outer, True)
        return result if keepdims else apply(o.squeeze, result, axis=axes_of(axis, x))
    if ord == 1:
        return reduce_sum(size, axis, keepdims)
    if ord == np.inf:
        return reduce_max(size, axis, keepdims)
    return reduce_sum(size**ord, axis, keepdims) ** (1.0 / ord)


def _spectral(x: Any, axis: tuple, keepdims: bool) -> Any:
    """The largest singular value of the matrices in two axes."""
    rank = rank_of(x)
    for a in axis:
        if not -rank <= a < rank:
            raise invalid(f"Invalid reduction dimension ({a} for input with {rank} dimension(s)")
    rows, columns = [a % rank for a in axis]
    perm = tuple([a for a in range(rank) if a not in (rows, columns)]) + (rows, columns)
    values = apply(o.singular_values, apply(o.transpose, x, perm=perm))
    result = reduce_max(values, -1)
    for a in sorted((rows, columns)) if keepdims else ():
        result = apply(o.expand_dims, result, axis=a)
    return result


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple:
    """`tensor` divided by its norm along `axis`, and the norm, which keeps its axes.

    >>> unit, length = tf.linalg.normalize([3.0, 4.0])
    >>> unit.numpy(), length.numpy()
    (array([0.6, 0.8], dtype=float32), array([5.], dtype=float32))
    """
    tensor = as_tensor(tensor)
    length = cast(norm(tensor, ord, axis, True), tensor.dtype)
    return tensor / length, length


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Any:
    """`x` divided by its Euclidean norm over `axis`, or by sqrt(epsilon) where the norm is less than that.

    >>> tf.math.l2_normalize([[3.0, 4.0], [0.0, 0.0]], axis=1).numpy()
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    if dim is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'dim' and 'axis'.")
        axis = dim
    x = tensor(x)
    total = reduce_sum(square(x), axis, True)
    scale = apply(o.rsqrt, apply(o.maximum, *pair(total, epsilon)))
    return x * cast(scale, x.dtype)
