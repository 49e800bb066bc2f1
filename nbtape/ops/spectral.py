"""Singular values and eigenvalues of matrices, and the vectors that belong to them.

Vectors that belong to equal values are not determined by the matrix: what they say of gradients counts as 0.
"""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype
from nbtape.core.engine import apply, o, tensor as as_tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec
from nbtape.ops.elementwise import conj
from nbtape.ops.factor import (
    LAPACK,
    adj_matmul,
    diagonal,
    diagonal_matrix,
    is_square,
    least,
    lower,
    matmul_adj,
    matrix_spec,
    real_part,
    refuse_half,
    square_spec,
    with_diagonal,
)
from nbtape.ops.linalg import adj, rank
from nbtape.ops.row import op

_NOT_SUCCESSFUL = "decomposition was not successful. The input might not be valid."


# Specs


def _svd_spec(x: Spec, *, full: bool) -> tuple[Spec, Spec, Spec]:
    s = _values_spec(x)
    if x.shape is None or s.shape is None:
        return s, x, x
    *batch, m, n = x.shape
    k = s.shape[-1]
    return s, Spec((*batch, m, m if full else k), x.dtype), Spec((*batch, n, n if full else k), x.dtype)


def _values_spec(x: Spec) -> Spec:
    matrix_spec(x, "Svd")
    return x if x.shape is None else Spec((*x.shape[:-2], least(*x.shape[-2:])), x.dtype)


def _eig_values_spec(x: Spec, name: str, dtype: Any = None) -> Spec:
    square_spec(x, name)
    return Spec(None if x.shape is None else x.shape[:-1], np.dtype(dtype or x.dtype))


def _eig_spec(x: Spec) -> tuple[Spec, Spec]:
    e = _eig_values_spec(x, "Eig", _complex_of(x.dtype))
    return e, Spec(x.shape, e.dtype)


def _inverse_gaps_spec(e: Spec) -> Spec:
    return e if e.shape is None else Spec((*e.shape, e.shape[-1]), e.dtype)


def _complex_of(dtype: np.dtype) -> np.dtype:
    return np.result_type(dtype, np.complex64)


# Values


@np.errstate(all="ignore")
def _svd(a, *, full):
    refuse_half(a)
    try:
        u, s, vh = np.linalg.svd(a, full_matrices=full)
    except np.linalg.LinAlgError:
        if a.ndim < 2:
            raise
        good = np.isfinite(a).all((-2, -1), keepdims=True)  # a NaN anywhere must not hide the other matrices
        u, s, vh = np.linalg.svd(np.where(good, a, a.dtype.type(0)), full_matrices=full)
        nan = a.dtype.type(np.nan)
        u, s, vh = np.where(good, u, nan), np.where(good[..., 0], s, nan.real), np.where(good, vh, nan)
    return s.astype(a.dtype, copy=False), u, vh.mT.conj() if a.dtype.kind == "c" else vh.mT


@np.errstate(all="ignore")
def _singular_values(a):
    refuse_half(a)
    try:
        return np.linalg.svd(a, compute_uv=False).astype(a.dtype, copy=False)
    except np.linalg.LinAlgError:
        return _svd(a, full=False)[0]


def _eigh(a):
    _check_self_adjoint(a)
    e, v = np.linalg.eigh(a)
    return e.astype(a.dtype, copy=False), v


def _eigvalsh(a):
    _check_self_adjoint(a)
    return np.linalg.eigvalsh(a).astype(a.dtype, copy=False)


def _check_self_adjoint(a):
    """NumPy would give zeros for matrices that are not finite."""
    refuse_half(a)
    if is_square(a) and not np.isfinite(np.tril(a)).all():
        raise invalid(f"Self-adjoint eigen {_NOT_SUCCESSFUL} [Op:SelfAdjointEigV2]")


def _eig(a):
    refuse_half(a)
    try:
        e, v = np.linalg.eig(a)
    except np.linalg.LinAlgError:
        if not is_square(a):
            raise
        raise invalid(f"Eigen {_NOT_SUCCESSFUL} [Op:Eig]") from None
    dtype = _complex_of(a.dtype)
    return e.astype(dtype, copy=False), v.astype(dtype, copy=False)


def _inverse_gaps(e):
    """1 / (e[j] - e[i]), and 0 where rounding may have made the gap."""
    gap = e[..., None, :] - e[..., :, None]
    size = np.abs(e)
    limit = np.finfo(e.dtype).eps * e.shape[-1] * size.max(-1, initial=0)[..., None, None]
    y = np.zeros_like(gap)
    return np.divide(1, gap, out=y, where=np.abs(gap) > limit)


# Gradients


def _svd_grad(g, y, a, *, full):
    (gs, gu, gv), (s, u, v) = g, y
    gs = real_part(gs)
    k = s.shape[-1]
    if full and k is None:
        raise ValueError(
            "the gradient of tf.linalg.svd with full_matrices=True needs the sizes of its input while a "
            "function is traced: give them with tf.ensure_shape, or leave full_matrices False"
        )
    u1, gu1, v1, gv1 = [x[..., :k] for x in (u, gu, v, gv)] if full else (u, gu, v, gv)
    wide = s[..., None, :]
    gaps = o.inverse_gaps(s * s)
    uu, vv = adj_matmul(u1, gu1), adj_matmul(v1, gv1)
    fu, fv = gaps * uu, gaps * vv
    core = (fu + adj(fu)) * wide + s[..., :, None] * (fv + adj(fv)) + diagonal_matrix(gs)
    turn = diagonal(vv)
    if conj(turn) is not turn:  # complex vectors may turn together, which says how the phases of u follow
        core = core + diagonal_matrix(o.div_no_nan(0.5 * (conj(turn) - turn), s))
    ga = matmul_adj(o.matmul(u1, core), v1)
    if _more(u.shape[-2], k):
        ga = ga + matmul_adj(o.div_no_nan(_outside(u, gu, u1, gu1, uu, k), wide), v1)
    if _more(v.shape[-2], k):
        ga = ga + matmul_adj(u1, o.div_no_nan(_outside(v, gv, v1, gv1, vv, k), wide))
    return ga


def _outside(u, gu, u1, gu1, uu, k):
    """What the cotangent of vectors says of directions that they do not span."""
    out = gu1 - o.matmul(u1, uu)
    if u is not u1:
        out = out - o.matmul(u[..., k:], adj_matmul(gu[..., k:], u1))
    return out


def _more(m, k) -> bool:
    return m is None or k is None or m > k


def _singular_values_grad(g, y, a):
    _, u, v = o.svd(a, full=False)
    return matmul_adj(u * real_part(g)[..., None, :], v)


def _eigh_grad(g, y, a):
    (ge, gv), (e, v) = g, y
    inner = diagonal_matrix(ge) + o.inverse_gaps(e) * adj_matmul(v, gv)
    return _of_lower(matmul_adj(o.matmul(v, inner), v))


def _eigvalsh_grad(g, y, a):
    v = o.eigh(a)[1]
    return _of_lower(matmul_adj(v * g[..., None, :], v))


def _of_lower(ga):
    """The gradient of a matrix of which only the lower triangle is read."""
    both = lower(ga + adj(ga))
    return with_diagonal(both, 0.5 * diagonal(both))


def _eig_grad(g, y, a):
    (ge, gv), (e, v) = g, y
    vh = adj(v)
    vgv = o.matmul(vh, gv)
    turn = vgv - o.matmul(vh, v) * real_part(diagonal(vgv))[..., None, :]
    inner = diagonal_matrix(ge) + conj(o.inverse_gaps(e)) * turn
    return _as_input(o.solve(vh, o.matmul(inner, vh), adjoint=False), a)


def _eigvals_grad(g, y, a):
    vh = adj(o.eig(a)[1])
    return _as_input(o.solve(vh, g[..., :, None] * vh, adjoint=False), a)


def _as_input(ga, a):
    """`ga`, or its real part if `a` is real."""
    return o.real(ga) if as_dtype(a.dtype).is_floating else ga


def _inverse_gaps_grad(g, y, e):
    w = -g * conj(y * y)
    batch = "0123456789:;<=>?@"[: (rank(w) or 2) - 2]
    return o.einsum(w, equation=f"{batch}ij->{batch}j") - o.einsum(w, equation=f"{batch}ij->{batch}i")


# fmt: off
op("svd", _svd, _svd_spec, _svd_grad, kinds=LAPACK, many=True)
op("singular_values", _singular_values, _values_spec, _singular_values_grad, kinds=LAPACK)
op("eigh", _eigh, lambda x: (_eig_values_spec(x, "SelfAdjointEigV2"), x), _eigh_grad, kinds=LAPACK, many=True)
op("eigvalsh", _eigvalsh, lambda x: _eig_values_spec(x, "SelfAdjointEigV2"), _eigvalsh_grad, kinds=LAPACK)
op("eig", _eig, _eig_spec, _eig_grad, kinds=LAPACK, many=True)
op("eigvals", lambda a: _eig(a)[0], lambda x: _eig_spec(x)[0], _eigvals_grad, kinds=LAPACK)
op("inverse_gaps", _inverse_gaps, _inverse_gaps_spec, _inverse_gaps_grad, kinds=LAPACK)
# fmt: on


# Public functions


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """Singular values s, largest first, and vectors u, v with `tensor` = u diag(s) v^H; or s alone.

    Vectors are determined up to signs (phases), and only where values differ: gradients through vectors of
    equal values are 0.

    >>> s, u, v = tf.linalg.svd([[3.0, 0.0], [0.0, -2.0]])
    >>> s.numpy()
    array([3., 2.], dtype=float32)
    """
    x = as_tensor(tensor)
    if not compute_uv:
        return _real(apply(o.singular_values, x))
    s, u, v = apply(o.svd, x, full=bool(full_matrices))
    return _real(s), u, v


def _real(x: Any) -> Any:
    return apply(o.real, x) if x.dtype.is_complex else x


def eigh(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues, smallest first, and eigenvectors (columns) of self-adjoint matrices; reads lower halves.

    >>> e, v = tf.linalg.eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> np.round(e.numpy(), 4).tolist()
    [1.0, 3.0]
    """
    return apply(o.eigh, as_tensor(tensor))


def eigvalsh(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues of self-adjoint matrices, smallest first; only their lower triangles are read.

    >>> np.round(tf.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]]).numpy(), 4).tolist()
    [1.0, 3.0]
    """
    return apply(o.eigvalsh, as_tensor(tensor))


def eig(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues and eigenvectors (columns) of square matrices, both complex, in no order.

    >>> e, v = tf.linalg.eig(tf.constant([[2.0, 0.0], [0.0, 3.0]]))
    >>> e.numpy().tolist()
    [(2+0j), (3+0j)]
    """
    return apply(o.eig, as_tensor(tensor))


def eigvals(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues of square matrices, complex, in no order.

    >>> tf.linalg.eigvals(tf.constant([[0.0, -1.0], [1.0, 0.0]])).numpy().imag.tolist()
    [1.0, -1.0]
    """
    return apply(o.eigvals, as_tensor(tensor))
