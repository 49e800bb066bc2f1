"""Determinants. The gradient of one is its matrix of cofactors, which singular matrices have as well."""

from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.shape import Spec
from nbtape.ops.elementwise import conj
from nbtape.ops.factor import LAPACK, real_part, refuse_half, square_spec
from nbtape.ops.linalg import BATCH, rank
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.row import op


def _determinant_spec(x: Spec, name: str) -> Spec:
    square_spec(x, name)
    return x if x.shape is None else Spec(x.shape[:-2], x.dtype)


@np.errstate(all="ignore")
def _det(a):
    refuse_half(a)
    return np.linalg.det(a)


@np.errstate(all="ignore")
def _slogdet(a):
    refuse_half(a)
    sign, log = np.linalg.slogdet(a)
    sign = np.where(log == log, sign, sign.dtype.type(np.nan))[()]
    return sign, log.astype(a.dtype, copy=False)


@np.errstate(all="ignore")
def _cofactor(a):
    """The derivative of det(a): det(a) a^-T, or from the singular values where there is no inverse."""
    try:
        return np.linalg.det(a)[..., None, None] * np.linalg.inv(a).mT
    except np.linalg.LinAlgError:
        u, s, vh = np.linalg.svd(a)
        n = s.shape[-1]
        others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
        sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
        return sign * np.matmul(u.conj() * others[..., None, :], vh.conj())


@np.errstate(all="ignore")
def _cofactor_grad(h, a):
    """The derivative of <h, cofactor(a)>: for diagonal matrices a table of products of all but two."""
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    eye = np.eye(n, dtype=bool)
    rest = np.where(eye[:, None, :] | eye[None, :, :], 1, s[..., None, None, :]).prod(-1) * ~eye
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    inner = np.conj(sign) * (u.mT @ h @ vh.mT)
    turned = -rest * inner.mT
    on = (rest @ inner.diagonal(0, -2, -1)[..., None])[..., 0]
    turned[..., eye] = on
    return (u @ turned @ vh).astype(a.dtype, copy=False)


def _slogdet_grad(g, y, a):
    """The log moves with the real part of tr(a^-1 da), the phase with its imaginary part."""
    turn = g[0] * conj(y[0])
    scale = real_part(g[1]) + (turn - real_part(turn))
    return scale[..., None, None] * o.inv(a, adjoint=True)


def _third(g, y, h, a):
    """The third derivative of det(a), in the directions `g` and `h`: for matrices that have an inverse."""
    h = conj(h)
    b = o.inv(a, adjoint=False)
    p, q = o.matmul(o.matmul(b, h), b), o.matmul(o.matmul(b, g), b)
    th, tg, both = _trace(b, h), _trace(b, g), _trace(p, g)
    mixed = o.matmul(o.matmul(p, g), b) + o.matmul(o.matmul(q, h), b)
    found = (th * tg - both) * b - th * q - tg * p + mixed
    return conj(o.matrix_transpose(found * o.det(a)[..., None, None]))


def _trace(a, b):
    batch = BATCH[: (rank(a) or 2) - 2]
    return o.einsum(a, b, equation=f"{batch}ij,{batch}ji->{batch}")[..., None, None]


# fmt: off
op("det", _det, lambda x: _determinant_spec(x, "MatrixDeterminant"),
   lambda g, y, a: g[..., None, None] * conj(o.cofactor(a)), kinds=LAPACK)
op("slogdet", _slogdet, lambda x: (_determinant_spec(x, "LogMatrixDeterminant"),) * 2,
   _slogdet_grad, kinds=LAPACK, many=True)
op("cofactor", _cofactor, lambda x: square_spec(x, "MatrixDeterminant"),
   lambda h, y, a: o.cofactor_grad(h, a), kinds=LAPACK)
op("cofactor_grad", _cofactor_grad, lambda h, a: square_spec(a, "MatrixDeterminant"),
   lambda g, y, h, a: conj(o.cofactor_grad(conj(g), a)), _third, kinds=LAPACK)
# fmt: on


def det(input: Any, name: str | None = None) -> Any:
    """The determinant of square matrices. Its gradient is right for singular matrices too.

    >>> tf.linalg.det([[2.0, 1.0], [0.0, 3.0]]).numpy()
    np.float32(6.0)
    """
    return apply(o.det, tensor(input))


def slogdet(input: Any, name: str | None = None) -> Any:
    """The sign of the determinant of square matrices (of complex ones its phase), and the log of its size.

    >>> sign, log = tf.linalg.slogdet([[-1.0, 0.0], [0.0, 1.0]])
    >>> sign.numpy(), log.numpy()
    (np.float32(-1.0), np.float32(0.0))
    """
    return apply(o.slogdet, tensor(input))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """The log of the determinant of positive definite matrices; NaN for others.

    >>> tf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]).numpy()
    np.float32(0.0)
    """
    d = apply(o.diag_part, apply(o.cholesky, tensor(matrix)), k=(0, 0), padding=0, align="RIGHT_LEFT")
    if d.dtype.is_complex:
        d = apply(o.real, d)
    return 2.0 * reduce_sum(apply(o.log, d), axis=-1)
