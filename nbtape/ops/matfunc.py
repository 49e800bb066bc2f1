"""Functions of matrices: exponential, square root, logarithm.

Their gradient needs no formula of its own: f of the block matrix [[A, E], [0, A]] holds, upper right, the
derivative of f at A in the direction E.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import OpError
from nbtape.core.kernel import late
from nbtape.core.shape import Spec
from nbtape.ops.factor import is_square, refuse_half, square_spec
from nbtape.ops.linalg import adj, product_spec
from nbtape.ops.row import op

_schur = late("scipy.linalg:schur")

# Pade approximants of exp, and the norms up to which they are exact: Higham, SIAM J. Matrix Anal. Appl. 26.
_PADE_7 = (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0)
_PADE_13 = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_NORM_7, _NORM_13 = 3.925724783138660, 5.371920351148152


@np.errstate(all="ignore")
def _expm(a):
    refuse_half(a)
    if not is_square(a):
        raise ValueError
    if not a.size:
        return a
    wide = a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) > 4
    coefficients, limit = (_PADE_13, _NORM_13) if wide else (_PADE_7, _NORM_7)
    norm = np.abs(a).sum(-2).max(-1)[..., None, None]
    halvings = np.where(np.isfinite(norm), np.ceil(np.log2(np.maximum(norm / limit, 1))), 0).astype(np.int32)
    a = np.ldexp(1.0, -halvings).astype(norm.dtype) * a
    square, power = a @ a, np.eye(a.shape[-1], dtype=a.dtype)
    odd = even = np.zeros_like(a)
    for i in range(0, len(coefficients), 2):
        c, d = [x / coefficients[0] for x in coefficients[i : i + 2]]
        even, odd = even + c * power, odd + d * power
        power = power @ square
    odd = a @ odd
    try:
        y = np.linalg.solve(even - odd, even + odd)
    except np.linalg.LinAlgError:
        y = np.full_like(a, np.nan)
    for i in range(int(halvings.max(initial=0))):
        y = np.where(halvings > i, y @ y, y)
    return np.where(np.isfinite(norm), y, a.dtype.type(np.nan))


def each(f: Callable) -> Callable:
    """The function of a batch of square matrices that `f` is of one; NaN where an input is not finite."""

    @np.errstate(all="ignore")
    def eager(a):
        refuse_half(a)
        if not is_square(a):
            raise ValueError
        y = np.full_like(a, np.nan)
        for at in np.ndindex(a.shape[:-2] if a.size else (0,)):
            if np.isfinite(a[at]).all():
                y[at] = f(a[at])
        return y

    return eager


def _root(t):
    """The square root of a triangle, a column at a time."""
    r = np.diag(np.sqrt(t.diagonal()))
    for j in range(1, len(t)):
        for i in range(j - 1, -1, -1):
            r[i, j] = (t[i, j] - r[i, i + 1 : j] @ r[i + 1 : j, j]) / (r[i, i] + r[j, j])
    return r


def _sqrtm(a):
    """By Schur's triangle; NaN for a real matrix that has no real root."""
    t, z = _schur(a, output="complex")
    y = z @ _root(t) @ z.conj().T
    if a.dtype.kind == "c":
        return y
    e, eps = t.diagonal(), np.finfo(a.dtype).eps
    negative = (e.real < 0) & (np.abs(e.imag) <= len(a) * eps * np.abs(e))
    return np.nan if negative.any() else y.real


def _logm(a):
    """By roots, until the triangle is near to 1, where Pade's approximant is a sum over Gauss's nodes."""
    t, z = _schur(a.astype(np.complex128), output="complex")
    if not t.diagonal().all():
        return np.nan
    eye, roots = np.eye(len(t)), 0
    while np.abs(t - eye).sum(0).max() > 0.25:
        t, roots = _root(t), roots + 1
    x, y = t - eye, np.zeros_like(t)
    for node, weight in zip(*np.polynomial.legendre.leggauss(7), strict=True):
        y += weight / 2 * np.linalg.solve(eye + (node + 1) / 2 * x, x)
    return z @ (2.0**roots * y) @ z.conj().T


def _block(a, e):
    n = a.shape[-1]
    y = np.zeros((*a.shape[:-2], 2 * n, 2 * n), a.dtype)
    y[..., :n, :n] = y[..., n:, n:] = a
    y[..., :n, n:] = e
    return y


def _corner(x):
    n = x.shape[-1] // 2
    return x[..., :n, n:]


def _block_trace(x):
    n = x.shape[-1] // 2
    return x[..., :n, :n] + x[..., n:, n:]


def _scaled(times: int) -> Callable:
    """The spec of matrices of twice the size, or of half of it."""

    def infer(x: Spec, *_: Spec) -> Spec:
        if x.shape is None:
            return x
        n = x.shape[-1]
        n = n if n is None else n * 2 if times == 2 else n // 2
        return Spec((*x.shape[:-2], n, n), x.dtype)

    return infer


def _by_blocks(name: str) -> Callable:
    """The gradient rule of a function of matrices."""
    return lambda g, y, a: o.corner(getattr(o, name)(o.block(adj(a), g)))


def _expm_spec(x: Spec) -> Spec:
    """TensorFlow computes it by products, and says so where sizes do not fit."""
    try:
        product_spec(x, x, False, False)
    except OpError:
        return square_spec(x, "MatrixExponential")
    return square_spec(x, "MatrixSolve")


# fmt: off
op("block", _block, _scaled(2), lambda g, y, a, e: o.block_trace(g), lambda g, y, a, e: o.corner(g))
op("corner", _corner, _scaled(1), lambda g, y, x: o.block(o.zeros_like(g), g))
op("block_trace", _block_trace, _scaled(1), lambda g, y, x: o.block(g, o.zeros_like(g)))
op("expm", _expm, _expm_spec, _by_blocks("expm"))
op("sqrtm", each(_sqrtm), lambda x: square_spec(x, "MatrixSquareRoot"), _by_blocks("sqrtm"), kinds="fc")
op("logm", each(_logm), lambda x: square_spec(x, "MatrixLogarithm"), _by_blocks("logm"), kinds="c")
# fmt: on


def expm(input: Any, name: str | None = None) -> Any:
    """The exponential of square matrices, `1 + A + A A / 2 + ...`; NaN where they are not finite.

    >>> tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy().tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    x = tensor(input)
    if x.dtype.np.kind not in "fc":
        raise ValueError(f"tf.linalg.expm does not support matrices of type {x.dtype}")
    return apply(o.expm, x)


def sqrtm(input: Any, name: str | None = None) -> Any:
    """The principal square root of square matrices; NaN for a real matrix that has none that is real.

    >>> np.round(tf.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]]).numpy(), 4).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return apply(o.sqrtm, tensor(input))


def logm(input: Any, name: str | None = None) -> Any:
    """The principal logarithm of complex square matrices: the inverse of `expm`.

    >>> a = tf.linalg.expm(tf.constant([[1.0, 2.0], [0.0, 1.0]], tf.complex64))
    >>> np.round(tf.linalg.logm(a).numpy().real, 3).tolist()
    [[1.0, 2.0], [0.0, 1.0]]
    """
    return apply(o.logm, tensor(input))
