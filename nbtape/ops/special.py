"""Special functions: SciPy's, which is imported when the first of them is called."""

import math
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.kernel import Extern, Scalar, late
from nbtape.ops.numeric import dtype_of
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.row import REAL_FLOATS, alike, elementwise_spec, op, unary

_HALF_ROOT_PI = math.sqrt(math.pi) / 2
_ROOT_TAU = math.sqrt(2 * math.pi)
_gammainc, _gammaincc, _gammaln, _digamma, _polygamma, _zeta, _fresnel = (
    late(f"scipy.special:{name}")
    for name in ("gammainc", "gammaincc", "gammaln", "digamma", "polygamma", "zeta", "fresnel")
)


def special(name, function, *grad, cpu="", text=""):
    """A row whose values SciPy computes; floats of two bytes go through float32, and the dtype stays.

    `text` is what kernels compute; without one they call the function that `cpu` names.
    """

    def eager(*xs, **attrs):
        dtype = dtype_of(*xs)
        if dtype.itemsize == 2:
            xs = [x.astype(np.float32) if hasattr(x, "dtype") else x for x in xs]
        y = function(*xs, **attrs)
        return y if y.dtype == dtype else y.astype(dtype)

    def infer(*specs, **attrs):
        return elementwise_spec(*specs)

    kernel = Scalar(text) if text else Extern(cpu=cpu)
    op(name, eager, infer, *grad, kernel=kernel, kinds=REAL_FLOATS, absorbs=True)


def scipy(name, *grad, source="", text=""):
    """A row that is SciPy's function of the same name, or `source`."""
    target = f"scipy.special:{source or name}"
    special(name, late(target), *grad, cpu=target, text=text)


def _digamma_without_poles(x):
    return np.where((x <= 0) & (np.floor(x) == x), np.nan, _digamma(x))


def _polygamma_of(a, x):
    known = (a >= 0) & (np.floor(a) == a)
    order = np.where(known, a, 1)
    return np.where(known, _polygamma(order, np.asarray(x)), np.nan)


def _hurwitz(x, q):
    """SciPy's zeta; inf at the poles in `q`, whole numbers below 1, as in TensorFlow."""
    return np.where((q <= 0) & (np.floor(q) == q) & (x > 1), np.inf, _zeta(x, q))


def _stencil(order):
    """Weights of the central differences that give a derivative of polynomials up to degree 8."""
    wanted = np.zeros(9)
    wanted[order] = math.factorial(order)
    return np.linalg.solve(np.vander(np.arange(-4.0, 5.0), 9, increasing=True).T, wanted)


_WEIGHTS = np.stack([_stencil(1), _stencil(2)])


def _igamma_in_a(a, x, *, n):
    """The n-th derivative (1 or 2) of the regularised incomplete gamma function P(a, x) with respect to a.

    The logarithm of P, or of 1 - P where that is smaller, is nearly quadratic in a, so that differences of it
    lose nothing. Near a = 0 it is not; there P(a) = P(a + 2) + two terms whose derivatives are known.
    """
    a, x = (np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(a, x))
    near = a < 2
    b = np.where(near, a + 2, a)
    step = 0.04 * np.sqrt(b)
    low = _gammainc(b, x) < 0.5
    grid = b + np.arange(-4.0, 5.0).reshape(-1, *[1] * a.ndim) * step
    logs = np.log(np.where(low, _gammainc(grid, x), _gammaincc(grid, x)))
    first, second = np.tensordot(_WEIGHTS, logs, 1)
    first, second = first / step, second / step**2
    value = np.where(low, 1, -1) * np.exp(logs[4])
    y = value * (first if n == 1 else first * first + second)
    log = np.log(x)
    for k in (0, 1):
        term = np.exp((a + k) * log - x - _gammaln(a + k + 1))
        slope = log - _digamma(a + k + 1)
        y = y + np.where(near, term * (slope if n == 1 else slope * slope - _polygamma(1, a + k + 1)), 0)
    return np.where((a > 0) & (x > 0), y, np.where((a > 0) & (x == 0), 0, np.nan))[()]


def _gamma_density(a, x):
    return o.exp(o.xlogy(a - 1, x) - x - o.lgamma(a))


def _beta_density(a, b, x):
    return o.exp(o.xlogy(a - 1, x) + o.xlog1py(b - 1, -x) - o.lgamma(a) - o.lgamma(b) + o.lgamma(a + b))


def _half_at_zero(x, value):
    return o.where(o.equal(x, 0), 0.5, value)


# fmt: off
#     name       gradient of each input
scipy("erf",     lambda g, y, x: g * o.exp(-x * x) / _HALF_ROOT_PI, text="erf({0})")
scipy("erfc",    lambda g, y, x: -g * o.exp(-x * x) / _HALF_ROOT_PI, text="erfc({0})")
scipy("erfcx",   lambda g, y, x: g * (2 * x * y - 1 / _HALF_ROOT_PI), text="erfcx({0})")
scipy("erfinv",  lambda g, y, x: g * _HALF_ROOT_PI * o.exp(y * y))
scipy("erfcinv", lambda g, y, x: -g * _HALF_ROOT_PI * o.exp(y * y))
scipy("ndtri",   lambda g, y, x: g * _ROOT_TAU * o.exp(0.5 * y * y))
scipy("lgamma",  lambda g, y, x: g * o.digamma(x), source="gammaln")
special("digamma", _digamma_without_poles, lambda g, y, x: g * o.polygamma(1, x), cpu="scipy.special:digamma")
special("polygamma", _polygamma_of, None, lambda g, y, a, x: g * o.polygamma(a + 1, x),
        cpu="scipy.special:polygamma")
special("zeta",  _hurwitz, None,   lambda g, y, x, q: -g * x * o.zeta(x + 1, q), cpu="scipy.special:zeta")
scipy("betainc", None, None,       lambda g, y, a, b, x: g * _beta_density(a, b, x))
scipy("igamma",  lambda g, y, a, x: g * o.igamma_in_a(a, x, n=1),
                 lambda g, y, a, x: g * _gamma_density(a, x), source="gammainc")
scipy("igammac", lambda g, y, a, x: -g * o.igamma_in_a(a, x, n=1),
                 lambda g, y, a, x: -g * _gamma_density(a, x), source="gammaincc")
special("igamma_in_a", _igamma_in_a,
        lambda g, y, a, x, *, n: g * o.igamma_in_a(a, x, n=2) if n == 1 else None,
        lambda g, y, a, x, *, n: g * _gamma_density(a, x) * (o.log(x) - o.digamma(a)) if n == 1 else None)
scipy("bessel_i0", lambda g, y, x: g * o.bessel_i1(x), source="i0")
scipy("bessel_i0e", lambda g, y, x: g * (o.bessel_i1e(x) - o.sign(x) * y), source="i0e")
scipy("bessel_i1", lambda g, y, x: g * _half_at_zero(x, o.bessel_i0(x) - y / x), source="i1")
scipy("bessel_i1e", lambda g, y, x: g * _half_at_zero(x, o.bessel_i0e(x) - y * (o.sign(x) + 1 / x)),
      source="i1e")
scipy("bessel_j0", lambda g, y, x: -g * o.bessel_j1(x), source="j0")
scipy("bessel_j1", lambda g, y, x: g * _half_at_zero(x, o.bessel_j0(x) - y / x), source="j1")
scipy("bessel_k0", lambda g, y, x: -g * o.bessel_k1(x), source="k0")
scipy("bessel_k0e", lambda g, y, x: g * (y - o.bessel_k1e(x)), source="k0e")
scipy("bessel_k1", lambda g, y, x: -g * (o.bessel_k0(x) + y / x), source="k1")
scipy("bessel_k1e", lambda g, y, x: g * (y * (1 - 1 / x) - o.bessel_k0e(x)), source="k1e")
scipy("bessel_y0", lambda g, y, x: -g * o.bessel_y1(x), source="y0")
scipy("bessel_y1", lambda g, y, x: g * (o.bessel_y0(x) - y / x), source="y1")
scipy("dawsn",   lambda g, y, x: g * (1 - 2 * x * y))
scipy("expint",  lambda g, y, x: g * o.exp(x) / x, source="expi")
special("fresnel_sin", lambda x: _fresnel(x)[0], lambda g, y, x: g * o.sin(0.5 * math.pi * x * x))
special("fresnel_cos", lambda x: _fresnel(x)[1], lambda g, y, x: g * o.cos(0.5 * math.pi * x * x))
scipy("spence",  lambda g, y, x: g * o.where(o.equal(x, 1), -1.0, o.log(x) / (1 - x)))
# fmt: on


# fmt: off
erf = unary(o.erf, "The error function.", "[0.0]", "array([0.], dtype=float32)")
erfc = unary(
    o.erfc, "`1 - erf(x)`, which keeps its digits for large `x`.", "[0.0]", "array([1.], dtype=float32)"
)
erfcx = unary(
    o.erfcx, "`exp(x * x) * erfc(x)`, which does not underflow.",
    "[0.0]", "array([1.], dtype=float32)", at="math.special.erfcx",
)
erfinv = unary(
    o.erfinv, "The inverse of `erf`; nan beyond 1.", "[0.0, 1.0]", "array([ 0., inf], dtype=float32)"
)
erfcinv = unary(
    o.erfcinv, "The inverse of `erfc`; nan beyond 0 and 2.",
    "[0.0, 2.0]", "array([ inf, -inf], dtype=float32)",
)
ndtri = unary(
    o.ndtri, "The quantile function of the standard normal distribution.",
    "[0.5]", "array([0.], dtype=float32)",
)
lgamma = unary(
    o.lgamma, "The logarithm of the absolute value of the gamma function.",
    "[1.0, 2.0]", "array([0., 0.], dtype=float32)",
)
digamma = unary(
    o.digamma, "The derivative of `lgamma`; nan at 0 and negative whole numbers.",
    "[0.0]", "array([nan], dtype=float32)",
)
bessel_i0 = unary(
    o.bessel_i0, "The modified Bessel function of the first kind, order 0.",
    "[0.0]", "array([1.], dtype=float32)",
)
bessel_i0e = unary(o.bessel_i0e, "`exp(-abs(x)) * bessel_i0(x)`.", "[0.0]", "array([1.], dtype=float32)")
bessel_i1 = unary(
    o.bessel_i1, "The modified Bessel function of the first kind, order 1.",
    "[0.0]", "array([0.], dtype=float32)",
)
bessel_i1e = unary(o.bessel_i1e, "`exp(-abs(x)) * bessel_i1(x)`.", "[0.0]", "array([0.], dtype=float32)")
bessel_j0 = unary(
    o.bessel_j0, "The Bessel function of the first kind, order 0.",
    "[0.0]", "array([1.], dtype=float32)", at="math.special.bessel_j0",
)
bessel_j1 = unary(
    o.bessel_j1, "The Bessel function of the first kind, order 1.",
    "[0.0]", "array([0.], dtype=float32)", at="math.special.bessel_j1",
)
bessel_k0 = unary(
    o.bessel_k0, "The modified Bessel function of the second kind, order 0.",
    "[0.0]", "array([inf], dtype=float32)", at="math.special.bessel_k0",
)
bessel_k0e = unary(
    o.bessel_k0e, "`exp(x) * bessel_k0(x)`.",
    "[0.0]", "array([inf], dtype=float32)", at="math.special.bessel_k0e",
)
bessel_k1 = unary(
    o.bessel_k1, "The modified Bessel function of the second kind, order 1.",
    "[0.0]", "array([inf], dtype=float32)", at="math.special.bessel_k1",
)
bessel_k1e = unary(
    o.bessel_k1e, "`exp(x) * bessel_k1(x)`.",
    "[0.0]", "array([inf], dtype=float32)", at="math.special.bessel_k1e",
)
bessel_y0 = unary(
    o.bessel_y0, "The Bessel function of the second kind, order 0.",
    "[0.0]", "array([-inf], dtype=float32)", at="math.special.bessel_y0",
)
bessel_y1 = unary(
    o.bessel_y1, "The Bessel function of the second kind, order 1.",
    "[0.0]", "array([-inf], dtype=float32)", at="math.special.bessel_y1",
)
dawsn = unary(
    o.dawsn, "Dawson's integral, `exp(-x * x)` times the integral of `exp(t * t)` from 0 to `x`.",
    "[0.0]", "array([0.], dtype=float32)", at="math.special.dawsn",
)
expint = unary(
    o.expint, "The exponential integral Ei.",
    "[0.0]", "array([-inf], dtype=float32)", at="math.special.expint",
)
fresnel_sin = unary(
    o.fresnel_sin, "The integral of `sin(pi * t * t / 2)` from 0 to `x`.",
    "[0.0]", "array([0.], dtype=float32)", at="math.special.fresnel_sin",
)
fresnel_cos = unary(
    o.fresnel_cos, "The integral of `cos(pi * t * t / 2)` from 0 to `x`.",
    "[0.0]", "array([0.], dtype=float32)", at="math.special.fresnel_cos",
)
spence = unary(
    o.spence, "Spence's integral, of `log(t) / (1 - t)` from 1 to `x`: a dilogarithm of `1 - x`.",
    "[1.0]", "array([0.], dtype=float32)", at="math.special.spence",
)
# fmt: on


def polygamma(a: Any, x: Any, name: str | None = None) -> Any:
    """The derivative of order `a`, a whole number, of `digamma`. No gradient flows to `a`.

    >>> tf.math.polygamma(1.0, [1.0]).numpy().round(3)
    array([1.645], dtype=float32)
    """
    return apply(o.polygamma, *alike(a, x))


def zeta(x: Any, q: Any, name: str | None = None) -> Any:
    """Hurwitz' zeta function, the sum of `(q + k) ** -x` over k = 0, 1, 2, ... No gradient flows to `x`.

    >>> tf.math.zeta([2.0], 1.0).numpy().round(3)
    array([1.645], dtype=float32)
    """
    return apply(o.zeta, *alike(x, q))


def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Any:
    """The regularised incomplete beta function, from 0 to 1. A gradient flows to `x` only.

    >>> tf.math.betainc([1.0], [1.0], [0.25]).numpy()
    array([0.25], dtype=float32)
    """
    return apply(o.betainc, *alike(a, b, x))


def igamma(a: Any, x: Any, name: str | None = None) -> Any:
    """The lower regularised incomplete gamma function, from 0 to 1.

    >>> tf.math.igamma([1.0], [0.0]).numpy()
    array([0.], dtype=float32)
    """
    return apply(o.igamma, *alike(a, x))


def igammac(a: Any, x: Any, name: str | None = None) -> Any:
    """The upper regularised incomplete gamma function, `1 - igamma(a, x)`.

    >>> tf.math.igammac([1.0], [0.0]).numpy()
    array([1.], dtype=float32)
    """
    return apply(o.igammac, *alike(a, x))


def lbeta(x: Any, name: str | None = None) -> Any:
    """The logarithm of the absolute value of the beta function of the numbers along the last axis.

    >>> tf.math.lbeta([1.0, 1.0]).numpy()
    np.float32(0.0)
    """
    x = tensor(x)
    return reduce_sum(lgamma(x), [-1]) - lgamma(reduce_sum(x, [-1]))
