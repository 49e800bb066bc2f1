"""NumPy's products and linear algebra on Tensors."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.ops import (
    det,
    einsum as contraction,
    factor,
    linalg,
    lstsq,
    norm as norms,
    reduce,
    shape as layout,
    solve,
    spectral,
)
from nbtape.ops.numpy_functions import Unmapped, both, numpy_function, ravel


@numpy_function("dot")
def dot(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    if not a.shape.rank or not b.shape.rank:
        return a * b
    return contraction.tensordot(a, b, [[a.shape.rank - 1], [max(b.shape.rank - 2, 0)]])


def matmul(a: Any, b: Any) -> Any:
    """`np.matmul`: a vector on the left is a row, one on the right a column."""
    a, b = both(a, b)
    if a.shape.rank == 1 or b.shape.rank == 1:
        return dot(a, b)
    return linalg.matmul(a, b)


@numpy_function("vdot")
def vdot(a: Any, b: Any, /) -> Any:
    a, b = both(a, b)
    return reduce.reduce_sum((apply(o.conj, ravel(a)) if a.dtype.is_complex else ravel(a)) * ravel(b))


@numpy_function("inner")
def inner(a: Any, b: Any, /) -> Any:
    a, b = both(a, b)
    if not a.shape.rank or not b.shape.rank:
        return a * b
    return contraction.tensordot(a, b, [[a.shape.rank - 1], [b.shape.rank - 1]])


@numpy_function("outer", "linalg.outer")
def outer(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    return layout.reshape(a, [-1, 1]) * layout.reshape(b, [1, -1])


@numpy_function("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = both(a, b)
    if not isinstance(axes, int):
        axes = [[axis] if isinstance(axis, int) else list(axis) for axis in axes]
    return contraction.tensordot(a, b, axes)


@numpy_function("einsum")
def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    if not isinstance(subscripts, str):
        raise Unmapped
    return contraction.einsum(subscripts, *operands)


@numpy_function("cross", "linalg.cross")
def cross(a: Any, b: Any, /) -> Any:
    a, b = both(a, b)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise Unmapped
    zero = a * 0 + b * 0
    return linalg.cross(a + zero, b + zero)


@numpy_function("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = tensor(x)
    if ord is None:
        return norms.norm(x, "euclidean", axis, keepdims)
    if axis is None:
        axis = (-2, -1) if x.shape.rank == 2 else -1
    allowed = ("fro", 1, 2, np.inf) if isinstance(axis, tuple) and len(axis) == 2 else None
    if ord not in allowed if allowed else isinstance(ord, str) or ord <= 0:
        raise Unmapped
    return norms.norm(x, ord, axis, keepdims)


@numpy_function("linalg.vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if isinstance(axis, tuple) or ord <= 0:
        raise Unmapped
    return norms.norm(x, ord, axis, keepdims)


@numpy_function("linalg.inv")
def inv(a: Any) -> Any:
    return solve.inv(a)


@numpy_function("linalg.pinv")
def pinv(a: Any) -> Any:
    return lstsq.pinv(a)


@numpy_function("linalg.det")
def determinant(a: Any) -> Any:
    return det.det(a)


@numpy_function("linalg.slogdet")
def slogdet(a: Any) -> Any:
    return det.slogdet(a)


@numpy_function("linalg.solve")
def solve_(a: Any, b: Any) -> Any:
    a, b = both(a, b)
    if b.shape.rank == 1:
        return layout.squeeze(solve.solve(a, layout.expand_dims(b, -1)), [-1])
    return solve.solve(a, b)


@numpy_function("linalg.cholesky")
def cholesky(a: Any, /) -> Any:
    return factor.cholesky(a)


@numpy_function("linalg.qr")
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete"):
        raise Unmapped
    return factor.qr(a, full_matrices=mode == "complete")


@numpy_function("linalg.eigh")
def eigh(a: Any) -> Any:
    return spectral.eigh(a)


@numpy_function("linalg.eigvalsh")
def eigvalsh(a: Any) -> Any:
    return spectral.eigvalsh(a)


@numpy_function("linalg.svd")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return spectral.svd(a, compute_uv=False)
    s, u, v = spectral.svd(a, full_matrices)
    return u, s, linalg.adjoint(v)


@numpy_function("linalg.svdvals")
def svdvals(x: Any, /) -> Any:
    return spectral.svd(x, compute_uv=False)


@numpy_function("linalg.matrix_power")
def matrix_power(a: Any, n: int) -> Any:
    a = tensor(a)
    if n < 1:
        raise Unmapped
    y = a
    for _ in range(n - 1):
        y = linalg.matmul(y, a)
    return y


@numpy_function("linalg.multi_dot")
def multi_dot(arrays: Any) -> Any:
    arrays = list(arrays)
    y = arrays[0]
    for a in arrays[1:]:
        y = dot(y, a)
    return y
