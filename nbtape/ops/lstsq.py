"""Least squares, the pseudo-inverse and the rank: what to do with matrices that have no inverse."""

from typing import Any

import numpy as np

from nbtape.core.dtype import float32, int32
from nbtape.core.engine import apply, o, tensor
from nbtape.core.shape import Spec
from nbtape.ops.factor import LAPACK, adj_matmul, matmul_adj, matrix_spec
from nbtape.ops.linalg import adj, matmul
from nbtape.ops.reduce import reduce_max, reduce_sum
from nbtape.ops.row import op
from nbtape.ops.solve import cholesky_solve, matrices
from nbtape.ops.spectral import svd


def _pinv(a, rcond):
    s, u, v = o.svd(a, full=False)
    s = s.real
    kept = s > (rcond.real * s.max(-1, initial=0))[..., None]
    inverse = np.divide(1, s, out=np.zeros_like(s), where=kept)
    return matmul_adj(v * inverse[..., None, :], u)


def _pinv_spec(a: Spec, rcond: Spec) -> Spec:
    matrix_spec(a, "Svd")
    if a.shape is None:
        return a
    if rcond.shape is not None and len(rcond.shape) > len(a.shape) - 2:
        raise ValueError(f"`rcond` has shape {rcond.shape}, the batch of matrices has shape {a.shape[:-2]}.")
    return Spec((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)


def _pinv_grad(g, y, a, rcond):
    """Golub and Pereyra's formula, for matrices whose rank does not change."""
    gh = adj(g)
    ga = -matmul_adj(adj_matmul(y, g), y)
    ga = ga + matmul_adj(o.matmul(gh - o.matmul(a, o.matmul(y, gh)), y), y)
    return ga + adj_matmul(y, o.matmul(y, gh - o.matmul(o.matmul(gh, y), a)))


op("pinv", _pinv, _pinv_spec, _pinv_grad, None, kinds=LAPACK)


def lstsq(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Any:
    """X that makes |`matrix` X - `rhs`|^2 + `l2_regularizer` |X|^2 least; of many X the shortest.

    `fast` solves the normal equations by Cholesky, which squares the condition number. Without it the
    pseudo-inverse is used, which also takes matrices of lower rank and ignores `l2_regularizer`.

    >>> line = tf.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [[1.0], [3.0], [5.0]])
    >>> np.round(line.numpy(), 3).tolist()
    [[1.0], [2.0]]
    """
    a, b = matrices(matrix, rhs)
    if not fast:
        return matmul(apply(o.pinv, a, tensor(_eps(a), a.dtype)), b)
    m, n = (a.shape[-2], a.shape[-1]) if (a.shape.rank or 0) > 1 else (0, 0)
    if m is None or n is None:
        raise ValueError("lstsq needs to know the sizes of its matrices; use set_shape to say them.")
    if m >= n:
        return cholesky_solve(
            _gram_factor(a, l2_regularizer, n, adjoint_a=True), matmul(a, b, adjoint_a=True)
        )
    return matmul(a, cholesky_solve(_gram_factor(a, l2_regularizer, m, adjoint_b=True), b), adjoint_a=True)


def _gram_factor(
    a: Any, l2_regularizer: Any, n: int, adjoint_a: bool = False, adjoint_b: bool = False
) -> Any:
    """The Cholesky factor of A^H A or A A^H, with `l2_regularizer` added to the diagonal."""
    gram = matmul(a, a, adjoint_a=adjoint_a, adjoint_b=adjoint_b)
    if not isinstance(l2_regularizer, int | float) or l2_regularizer:
        if not isinstance(l2_regularizer, int | float):
            l2_regularizer = tensor(l2_regularizer)
            if l2_regularizer.dtype is not a.dtype:
                l2_regularizer = apply(o.cast, l2_regularizer, dtype=a.dtype.np)
        gram = gram + l2_regularizer * tensor(np.eye(n, dtype=a.dtype.np))
    return apply(o.cholesky, gram)


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """How many singular values are larger than `tol`, by default eps * the longer side * the largest of them.

    >>> tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).numpy()
    np.int32(1)
    """
    a = _checked(tensor(a, float32) if isinstance(a, list | tuple) else tensor(a))
    s = svd(a, compute_uv=False)
    if tol is None:
        tol = _eps(a) * reduce_max(s, axis=-1, keepdims=True)
    return reduce_sum(apply(o.cast, s > tol, dtype=int32.np), axis=-1)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """The Moore-Penrose pseudo-inverse, from the singular values above `rcond` times the largest of them.

    `rcond` is 10 * (the longer side) * eps by default, and may be a batch of numbers.

    >>> np.round(tf.linalg.pinv([[2.0, 0.0], [0.0, 0.0]]).numpy(), 4).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    a = _checked(tensor(a))
    return apply(o.pinv, a, tensor(10.0 * _eps(a) if rcond is None else rcond, a.dtype))


def _checked(a: Any) -> Any:
    """`a`, if it is a batch of real matrices."""
    if not a.dtype.is_floating:
        raise TypeError(f"Input `a` must have `float`-like `dtype` (saw {a.dtype.name}).")
    if a.shape.rank is not None and a.shape.rank < 2:
        raise ValueError(f"Input `a` must have at least 2 dimensions (saw: {a.shape.rank}).")
    return a


def _eps(a: Any) -> float:
    """The relative size below which a singular value of `a` is rounding."""
    m, n = a.shape[-2], a.shape[-1]
    if m is None or n is None:
        raise ValueError("The sizes of the matrices must be known, or the tolerance given.")
    return float(np.finfo(a.dtype.np).eps) * max(m, n)
