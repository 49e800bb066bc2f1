"""Solving linear systems: triangular and square ones, and by factors that are at hand; inverses."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import OpError, invalid
from nbtape.core.kernel import late
from nbtape.core.shape import Spec, bracket, broadcast, numel
from nbtape.ops.diag import diag_part, set_diag
from nbtape.ops.factor import LAPACK, adj_matmul, is_square, matmul_adj, matrix_spec, refuse_half, square_spec
from nbtape.ops.linalg import adj, matmul
from nbtape.ops.row import op

_blas_functions = late("scipy.linalg.blas:get_blas_funcs")
_SQUARE = "[Op:MatrixTriangularSolve]"


# Values


@np.errstate(all="ignore")
def _triangular_solve(a, b, *, lower, adjoint):
    refuse_half(a)
    if not is_square(a) or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError
    if adjoint:
        a, lower = adj(a), not lower
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, batch + b.shape[-2:]))
    if not x.size:
        return x
    n = a.shape[-1]
    if n <= 16 or n < numel(batch):
        _substitute(a, x, lower)
    else:
        _by_blas(np.broadcast_to(a, batch + a.shape[-2:]), x, lower)
    return x


def _substitute(a, x, lower):
    """Turn right sides `x` into solutions, by halves, so that products of matrices do the work."""
    n = a.shape[-1]
    if n == 1:
        x /= a
        return
    half = n // 2
    first, rest = (slice(half), slice(half, n)) if lower else (slice(half, n), slice(half))
    _substitute(a[..., first, first], x[..., first, :], lower)
    x[..., rest, :] -= np.matmul(a[..., rest, first], x[..., first, :])
    _substitute(a[..., rest, rest], x[..., rest, :], lower)


def _by_blas(a, x, lower):
    """Turn right sides `x` into solutions, a matrix after the other."""
    (trsm,) = _blas_functions(("trsm",), (a,))
    for at in np.ndindex(a.shape[:-2]):
        if a[at].flags.f_contiguous:
            x[at] = trsm(1.0, a[at], x[at], lower=lower)
        else:  # BLAS counts along columns: to it this is the transpose, and needs no copy
            x[at] = trsm(1.0, a[at].T, x[at], lower=not lower, trans_a=1)


def _solve(a, b, *, adjoint):
    refuse_half(a)
    if not is_square(a) or a.shape[:-1] != b.shape[:-1] or a.ndim != b.ndim:
        raise ValueError
    try:
        return np.linalg.solve(adj(a) if adjoint else a, b)
    except np.linalg.LinAlgError:
        raise invalid("Input matrix is not invertible. [Op:MatrixSolve]") from None


def _inv(a, *, adjoint):
    if a.dtype.itemsize == 2:
        return _inv(a.astype(np.float32), adjoint=adjoint).astype(a.dtype)
    try:
        y = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        if not is_square(a):
            raise
        raise invalid("Input is not invertible. [Op:MatrixInverse]") from None
    return adj(y) if adjoint else y


# Specs


def _triangular_solve_spec(a: Spec, b: Spec, **attrs: bool) -> Spec:
    for i, x in enumerate((a, b)):
        if x.shape is not None and len(x.shape) < 2:
            raise invalid(f"In[{i}] ndims must be >= 2: {len(x.shape)} {_SQUARE}")
    matrix_spec(a, "MatrixTriangularSolve")
    if a.shape is None or b.shape is None:
        return Spec(None, a.dtype)
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except OpError:
        both = f"{bracket(a.shape)} vs. {bracket(b.shape)}"
        raise invalid(f"In[0] and In[1] must have compatible batch dimensions: {both} {_SQUARE}") from None
    (m, n), k = a.shape[-2:], b.shape[-2]
    if m != n and None not in (m, n):
        raise invalid(f"In[0] matrices in the last dimensions must be square ({n} =/= {m}) {_SQUARE}")
    if m != k and None not in (m, k):
        raise invalid(
            f"In[0] mismatch In[1] shape: {m} vs. {k}: {bracket(a.shape)} {bracket(b.shape)} {_SQUARE}"
        )
    return Spec((*batch, k if m is None else m, b.shape[-1]), a.dtype)  # type: ignore[misc]


def _solve_spec(a: Spec, b: Spec, *, adjoint: bool) -> Spec:
    matrix_spec(a, "MatrixSolve")
    if a.shape is None or b.shape is None:
        return b
    if len(a.shape) != len(b.shape):
        raise invalid("All input tensors must have the same rank. [Op:MatrixSolve]")
    if any(m != n and None not in (m, n) for m, n in zip(a.shape[:-2], b.shape[:-2])):
        raise invalid("All input tensors must have the same outer dimensions. [Op:MatrixSolve]")
    m, n, k = *a.shape[-2:], b.shape[-2]
    if m != n and None not in (m, n):
        raise invalid("First input (lhs) must be a square matrix. [Op:MatrixSolve]")
    if m != k and None not in (m, k):
        raise invalid("Input matrix and rhs are incompatible. [Op:MatrixSolve]")
    return b


# Gradients


def _triangular_solve_grad(g, y, a, b, *, lower, adjoint):
    gb = o.triangular_solve(a, g, lower=lower, adjoint=not adjoint)
    ga = -matmul_adj(y, gb) if adjoint else -matmul_adj(gb, y)
    return o.band_part(ga, lower=-1 if lower else 0, upper=0 if lower else -1)


def _solve_grad(g, y, a, b, *, adjoint):
    gb = o.solve(a, g, adjoint=not adjoint)
    return -matmul_adj(y, gb) if adjoint else -matmul_adj(gb, y)


def _inv_grad(g, y, a, *, adjoint):
    if adjoint:
        return -o.matmul(matmul_adj(y, g), y)
    return -matmul_adj(adj_matmul(y, g), y)


# fmt: off
op("triangular_solve", _triangular_solve, _triangular_solve_spec, _triangular_solve_grad,
   lambda g, y, a, b, *, lower, adjoint: o.triangular_solve(a, g, lower=lower, adjoint=not adjoint),
   kinds=LAPACK)
op("solve", _solve, _solve_spec, _solve_grad,
   lambda g, y, a, b, *, adjoint: o.solve(a, g, adjoint=not adjoint), kinds=LAPACK)
op("inv", _inv, lambda x, *, adjoint: square_spec(x, "MatrixInverse", half=True), _inv_grad, kinds=LAPACK)
# fmt: on


# Public functions


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """X with `matrix` X = `rhs`, for a triangular matrix (its other half is not read), or for its adjoint.

    Batches broadcast. A zero on the diagonal gives inf or NaN.

    >>> tf.linalg.triangular_solve([[2.0, 0.0], [1.0, 1.0]], [[2.0], [3.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    matrix, rhs = matrices(matrix, rhs)
    return apply(o.triangular_solve, matrix, rhs, lower=bool(lower), adjoint=bool(adjoint))


def matrices(a: Any, b: Any) -> tuple[Any, Any]:
    a, b = pair(a, b)
    return tensor(a), tensor(b)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """X with `matrix` X = `rhs`, or with the adjoint of `matrix`; batches have the same shape.

    Raises InvalidArgumentError where a matrix is singular.

    >>> tf.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).numpy().tolist()
    [[1.0], [0.5]]
    """
    matrix, rhs = matrices(matrix, rhs)
    return apply(o.solve, matrix, rhs, adjoint=bool(adjoint))


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The inverse of square matrices or their adjoints. Raises InvalidArgumentError where one is singular.

    >>> tf.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply(o.inv, tensor(input), adjoint=bool(adjoint))


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """X with A X = `rhs`, where `chol` is the Cholesky factor of A.

    >>> tf.linalg.cholesky_solve([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]]).numpy().tolist()
    [[1.0], [3.0]]
    """
    chol, rhs = matrices(chol, rhs)
    half = apply(o.triangular_solve, chol, rhs, lower=True, adjoint=False)
    return apply(o.triangular_solve, chol, half, lower=True, adjoint=True)


# By the factors of lu


def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """X with A X = `rhs`, where `lower_upper` and `perm` are what `lu` gave for A.

    >>> tf.linalg.lu_solve(*tf.linalg.lu([[1.0, 2.0], [4.0, 4.0]]), [[5.0], [12.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    lower_upper, rhs = matrices(lower_upper, rhs)
    perm = _checked_perm(lower_upper, perm)
    if rhs.shape.rank is not None and rhs.shape.rank < 2:
        raise ValueError("Input `rhs` must have at least 2 dimensions.")
    if (
        rhs.shape.rank
        and lower_upper.shape[-1] != rhs.shape[-2]
        and None not in (lower_upper.shape[-1], rhs.shape[-2])
    ):
        raise ValueError("`lower_upper.shape[-1]` must equal `rhs.shape[-1]`.")
    half = apply(
        o.triangular_solve,
        _unit(lower_upper),
        matmul(_rows(perm, lower_upper), rhs),
        lower=True,
        adjoint=False,
    )
    return apply(o.triangular_solve, lower_upper, half, lower=False, adjoint=False)


def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """The inverse of A, where `lower_upper` and `perm` are what `lu` gave for A.

    >>> tf.linalg.lu_matrix_inverse(*tf.linalg.lu([[0.0, 2.0], [4.0, 0.0]])).numpy().tolist()
    [[0.0, 0.25], [0.5, 0.0]]
    """
    lower_upper = tensor(lower_upper)
    perm = _checked_perm(lower_upper, perm)
    half = apply(o.triangular_solve, _unit(lower_upper), _rows(perm, lower_upper), lower=True, adjoint=False)
    return apply(o.triangular_solve, lower_upper, half, lower=False, adjoint=False)


def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None) -> Any:
    """A, where `lower_upper` and `perm` are what `lu` gave for it.

    >>> tf.linalg.lu_reconstruct(*tf.linalg.lu([[1.0, 2.0], [4.0, 4.0]])).numpy().tolist()
    [[1.0, 2.0], [4.0, 4.0]]
    """
    lower_upper = tensor(lower_upper)
    perm = _checked_perm(lower_upper, perm)
    upper = apply(o.band_part, lower_upper, lower=0, upper=-1)
    return matmul(_rows(perm, lower_upper), matmul(_unit(lower_upper), upper), transpose_a=True)


def _checked_perm(lower_upper: Any, perm: Any) -> Any:
    perm, shape = tensor(perm), lower_upper.shape
    if shape.rank is not None:
        if shape.rank < 2:
            raise ValueError("Input `lower_upper` must have at least 2 dimensions.")
        if perm.shape.rank is not None and shape.rank != perm.shape.rank + 1:
            raise ValueError("`rank(lower_upper)` must equal `rank(perm) + 1`")
        if shape[-1] != shape[-2] and None not in (shape[-1], shape[-2]):
            raise ValueError("`lower_upper` must be square.")
    return perm


def _unit(lower_upper: Any) -> Any:
    """L: what is below the diagonal, and ones on it."""
    low = apply(o.band_part, lower_upper, lower=-1, upper=0)
    return set_diag(low, apply(o.ones_like, diag_part(lower_upper)))


def _rows(perm: Any, like: Any) -> Any:
    """The matrices that reorder rows: row i of their product with x is row perm[i] of x."""
    n = like.shape[-1]
    if n is None:
        raise ValueError("The size of the matrices must be known; use set_shape to say it.")
    chosen = apply(o.equal, perm[..., None], tensor(np.arange(n), perm.dtype))
    return apply(o.cast, chosen, dtype=like.dtype.np)
