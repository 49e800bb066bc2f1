"""Factors of matrices: cholesky, qr, lu, each with the gradient of its factors.

NumPy's LAPACK computes them, batch and all; SciPy's is asked for what NumPy leaves out.
"""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, int32
from nbtape.core.engine import apply, o, tensor as as_tensor
from nbtape.core.errors import NotFoundError, invalid
from nbtape.core.kernel import late
from nbtape.core.shape import Spec
from nbtape.ops.elementwise import conj
from nbtape.ops.linalg import adj, rank
from nbtape.ops.row import op

LAPACK = "fc"  # the kinds that LAPACK takes; float16 is refused by the rows
_lapack_functions = late("scipy.linalg.lapack:get_lapack_funcs")


# Specs


def matrix_spec(x: Spec, name: str, half: bool = False) -> Spec:
    """`x`, if it is a batch of matrices of a dtype that LAPACK takes."""
    if x.dtype.itemsize == 2 and not half:
        raise NotFoundError(
            None, None,
            f"Could not find device for node: {{{{node {name}}}}} = {name}[T=DT_HALF]\n"
            "There is no float16 version of it. Convert the matrix first: tf.cast(x, tf.float32).",
        )  # fmt: skip
    if x.shape is not None and len(x.shape) < 2:
        raise invalid(f"Input tensor 0 must have rank >= 2, got {len(x.shape)} [Op:{name}]")
    return x


def square_spec(x: Spec, name: str, half: bool = False) -> Spec:
    """`x`, if it is a batch of square matrices of a dtype that LAPACK takes."""
    matrix_spec(x, name, half)
    if x.shape is not None and x.shape[-1] != x.shape[-2] and None not in x.shape[-2:]:
        raise invalid(f"Input matrix must be square. [Op:{name}]")
    return x


def refuse_half(x: Any) -> None:
    if x.dtype.itemsize == 2:
        raise TypeError


def is_square(x: Any) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2]


def _qr_spec(x: Spec, *, full: bool) -> tuple[Spec, Spec]:
    matrix_spec(x, "Qr", half=True)
    if x.shape is None:
        return x, x
    *batch, m, n = x.shape
    k = m if full else least(m, n)
    return Spec((*batch, m, k), x.dtype), Spec((*batch, k, n), x.dtype)


def least(m: int | None, n: int | None) -> int | None:
    return 0 if 0 in (m, n) else None if m is None or n is None else min(m, n)


def _lu_spec(x: Spec, *, dtype: np.dtype) -> tuple[Spec, Spec]:
    return square_spec(x, "Lu"), Spec(None if x.shape is None else x.shape[:-1], dtype)


# Values


def _cholesky(a):
    refuse_half(a)
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        if not is_square(a):
            raise
    if a.ndim == 2:
        return np.tril(np.full_like(a, np.nan))
    flat = a.reshape(-1, *a.shape[-2:])
    return np.stack([_cholesky(m) for m in flat]).reshape(a.shape)


def _qr(a, *, full):
    mode = "complete" if full else "reduced"
    if a.dtype.itemsize > 2:
        return tuple(np.linalg.qr(a, mode))
    return tuple([x.astype(a.dtype) for x in np.linalg.qr(a.astype(np.float32), mode)])


def _lu(a, *, dtype):
    refuse_half(a)
    if not is_square(a):
        raise ValueError
    lu, p = np.empty(a.shape, a.dtype), np.empty(a.shape[:-1], dtype)
    if not a.size:
        return lu, p
    (factor,) = _lapack_functions(("getrf",), (a,))
    for at in np.ndindex(a.shape[:-2]):
        lu[at], swaps, _ = factor(a[at])
        if not np.abs(lu[at].diagonal()).min() > 0:
            raise invalid("Input is not invertible. [Op:Lu]")
        order = np.arange(a.shape[-1])
        for i, j in enumerate(swaps.tolist()):
            order[i], order[j] = order[j], order[i]
        p[at] = order
    return lu, p


# Gradients


def diagonal(x):
    return o.diag_part(x, k=(0, 0), padding=0, align="RIGHT_LEFT")


def with_diagonal(x, d):
    return o.set_diag(x, d, k=(0, 0), align="RIGHT_LEFT")


def diagonal_matrix(d):
    return o.diag(d, k=(0, 0), rows=-1, cols=-1, padding=0, align="RIGHT_LEFT")


def lower(x):
    return o.band_part(x, lower=-1, upper=0)


def real_part(x):
    """`x` without its imaginary part, in its dtype."""
    turned = conj(x)
    return x if turned is x else 0.5 * (x + turned)


def adj_matmul(a, b):
    """The adjoint of `a`, times `b`."""
    return o.matmul(conj(a), b, transpose_a=True)


def matmul_adj(a, b):
    """`a` times the adjoint of `b`."""
    return o.matmul(a, conj(b), transpose_b=True)


def over_adjoint(x, r):
    """x R^-H, for upper triangular R."""
    return adj(o.triangular_solve(r, adj(x), lower=False, adjoint=False))


def _cholesky_grad(g, y, a):
    p = lower(adj_matmul(y, g))
    p = with_diagonal(p, 0.5 * diagonal(p))
    s = adj(o.triangular_solve(y, p, lower=True, adjoint=True))
    s = o.triangular_solve(y, s, lower=True, adjoint=True)
    return 0.5 * (s + adj(s))


def _qr_grad(g, y, a, *, full):
    (gq, gr), (q, r) = g, y
    m, n = a.shape[-2], a.shape[-1]
    if m is None or n is None:
        raise ValueError(
            "The gradient of qr needs to know the sizes of its matrix; use set_shape to say them."
        )
    if m >= n:
        return _tall_qr_grad(gq, gr[..., :n, :], q, r[..., :n, :])
    gx = _tall_qr_grad(gq + matmul_adj(a[..., m:], gr[..., m:]), gr[..., :m], q, r[..., :m])
    return o.concat(gx, o.matmul(q, gr[..., m:]), axis=(rank(a) or 2) - 1)


def _tall_qr_grad(gq, gr, q, r):
    """The gradient where R is square: Q may have columns beyond those that R needs."""
    n = r.shape[-1]
    extra = q.shape[-1] > n
    gq, more = gq[..., :n], gq[..., n:]
    q, rest = q[..., :n], q[..., n:]
    inner, outer = adj_matmul(q, gq), matmul_adj(r, gr)
    turn = inner - adj(inner) + outer - adj(outer)
    half = with_diagonal(lower(turn), 0.5 * diagonal(turn))
    gx = o.matmul(q, gr + over_adjoint(half, r)) + over_adjoint(gq - o.matmul(q, inner), r)
    return gx - over_adjoint(o.matmul(rest, adj_matmul(more, q)), r) if extra else gx


def _lu_grad(g, y, a, *, dtype):
    lu = y[0]
    unit = with_diagonal(lower(lu), o.zeros_like(diagonal(lu)) + 1.0)
    upper = o.band_part(lu, lower=0, upper=-1)
    low = lower(adj_matmul(unit, with_diagonal(lower(g[0]), o.zeros_like(diagonal(lu)))))
    inner = with_diagonal(low, o.zeros_like(diagonal(lu)))
    inner = inner + o.band_part(matmul_adj(o.band_part(g[0], lower=0, upper=-1), upper), lower=0, upper=-1)
    return o.solve(a, over_adjoint(adj_matmul(upper, inner), upper), adjoint=True)


# fmt: off
op("cholesky", _cholesky, lambda x: square_spec(x, "Cholesky"), _cholesky_grad, kinds=LAPACK)
op("qr", _qr, _qr_spec, _qr_grad, kinds=LAPACK, many=True)
op("lu", _lu, _lu_spec, _lu_grad, kinds=LAPACK, many=True)
# fmt: on


# Public functions


def cholesky(input: Any, name: str | None = None) -> Any:
    """The lower triangular L of positive definite matrices L L^H, of which only the lower triangle is read.

    A matrix that is not positive definite gives NaN, the others of its batch are not disturbed.

    >>> tf.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return apply(o.cholesky, as_tensor(input))


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Any:
    """An orthogonal Q and an upper triangular R with Q R = `input`; Q is square if `full_matrices`.

    >>> q, r = tf.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> np.round(tf.matmul(q, r).numpy(), 4).tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    return apply(o.qr, as_tensor(input), full=bool(full_matrices))


def lu(input: Any, output_idx_type: Any = int32, name: str | None = None) -> Any:
    """L and U packed into one matrix, and the order `p` of rows: row i of L U is row p[i] of `input`.

    L has ones on its diagonal, which are not stored. Raises InvalidArgumentError for singular matrices.

    >>> lu, p = tf.linalg.lu([[1.0, 2.0], [4.0, 4.0]])
    >>> lu.numpy().tolist(), p.numpy().tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [1, 0])
    """
    return apply(o.lu, as_tensor(input), dtype=as_dtype(output_idx_type).np)
