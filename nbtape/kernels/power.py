"""Powers, of floats and of integers."""

import math
from typing import Any

import numpy as np

from nbtape.kernels.coefficients import ATANH_TAIL, EXP_SHORT, LOG
from nbtape.kernels.exponential import at_least, at_most, exp_of, power_of_2, split
from nbtape.kernels.formats import LN2, fma, poly, two_product, two_sum
from nbtape.kernels.logarithm import log_parts
from nbtape.kernels.value import elementwise

_THIRD = 0.3333333333333333, 1.850371707708594e-17


@elementwise
def pow(x: Any, y: Any) -> Any:
    """`x` to the power `y`; for integers, an integer that wraps round, and 1 for a negative power.

    Floats follow C: 1 to any power and anything to the power 0 are 1, nan included, and a negative number has
    whole powers only.
    """
    if x.dtype.kind != "f":
        return _whole_power(x, y)
    a, magnitude = np.absolute(x), np.absolute(y)
    z = (_single if x.dtype == np.float32 else _double)(a, y)
    edge = np.where((a == 0) == (y < 0), x.dtype.type(np.inf), 0.0)
    z = np.where((a == 0) | (a == np.inf), np.where(y == y, edge, y), np.where(a == a, z, a))
    whole = (np.rint(y) == y) & (magnitude < np.inf)
    odd = whole & (np.rint(0.5 * y) != 0.5 * y)
    z = np.where(odd, np.copysign(z, x), z)
    z = np.where((x < 0) & (a < np.inf) & (magnitude < np.inf) & ~whole, np.nan, z)
    return np.where((y == 0) | (x == 1) | ((a == 1) & (magnitude == np.inf)), 1.0, z)


def _single(a: Any, y: Any) -> Any:
    """`a` to the power `y` for a positive float32, in float64."""
    k, f = log_parts(a)
    n, f, y = (x.astype(np.float64) for x in (k, f, y))
    log = n * math.log(2) + (f * f * f * poly(f, LOG[f.dtype]) - 0.5 * f * f + f)
    k, r = split(at_most(at_least(y * log, -700.0), 700.0))
    return ((r * r * poly(r, EXP_SHORT) + r + 1.0) * power_of_2(k, r.dtype)).astype(a.dtype)


def _double(a: Any, y: Any) -> Any:
    """`a` to the power `y` for a positive float64, with the logarithm as a sum of two."""
    log, low = _log_sum(a)
    product, lost = two_product(y, log)
    rest = y * low + lost
    return exp_of(product, np.where(np.absolute(product) < 1e3, rest, 0.0))


def _log_sum(a: Any) -> tuple:
    """log(a) as a sum of two, with an error of 2**-64.

    log(1 + f) is 2 atanh(s) = 2s + 2s**3 (1/3 + s**2 / 5 + ...) for s = f / (2 + f).
    """
    k, f = log_parts(a)
    total, lost = two_sum(f, 2.0)
    inverse = 1.0 / total
    s = f * inverse
    s_low = (fma(-s, total, f) - s * lost) * inverse
    z, z_low = two_product(s, s)
    z_low = z_low + 2.0 * (s * s_low)
    w, w_low = two_product(z, _THIRD[0])
    w_low = w_low + (z * (z * poly(z, ATANH_TAIL) + _THIRD[1]) + z_low * _THIRD[0])
    t, t_low = two_product(s, w)
    t_low = t_low + (s * w_low + s_low * w)
    half, half_low = two_sum(s, t)
    n = k.astype(a.dtype)
    high, low = LN2[a.dtype]
    log, rest = two_sum(n * high, 2.0 * half)
    rest = rest + (2.0 * (half_low + (t_low + s_low)) + n * low)
    y = log + rest
    return y, rest - (y - log)


def _whole_power(x: Any, n: Any) -> Any:
    """By repeated squaring; without a branch, which would keep loops from being vectorised."""
    y = x.dtype.type(1)
    for bit in range(8 * x.dtype.itemsize - 1):
        y = np.where(((n >> bit) & 1) != 0, y * x, y)
        x = x * x
    return y
