"""Sines and their kin, and their inverses."""

import math
from typing import Any

import numpy as np

from nbtape.kernels.coefficients import ASIN, ATAN, COS, SIN
from nbtape.kernels.formats import FORMATS, by_dtype, divide, fma, poly, two_product, two_sum
from nbtape.kernels.value import either, elementwise

# pi / 2 as a sum
_HALF_PI = by_dtype((1.5707963705062866, -4.371139e-08), (1.5707963267948966, 6.123233995736766e-17))
_HALF_PI_SUM = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33
_LIMIT = 2.0**50
_NEAR = 0.785  # a little less than pi / 4; what is nearer to 0 is not turned


def _turned(x: Any) -> tuple:
    """The q, and the r of at most pi / 4 as a sum of two, with x = q * pi / 2 + r.

    In float64, as float32 has too few digits for the multiple of pi / 2. `fma` does not round the product, so
    that all digits of `x` count up to 2**50. From there on, where even a float64 hardly tells an angle, it is
    taken for 0.
    """
    wide = np.where(np.absolute(x) < _LIMIT, x, x * 0.0).astype(np.float64)  # nan for inf
    shifter = FORMATS[wide.dtype].shifter
    shifted = fma(wide, 2 / math.pi, shifter)
    n = shifted - shifter
    q = shifted.view(np.int64).astype(FORMATS[x.dtype].bits)
    wide = fma(n, -_HALF_PI_SUM[0], wide)
    if x.dtype == np.float32:
        wide = fma(n, -_HALF_PI_SUM[1], wide)
        r = wide.astype(x.dtype)
        return q, r, (wide - r.astype(wide.dtype)).astype(x.dtype)
    product, lost = two_product(n, -_HALF_PI_SUM[1])
    high, low = two_sum(wide, product)
    low = low + (lost - n * _HALF_PI_SUM[2])
    r = high + low
    return q, r, low - (r - high)


def _sin_cos(r: Any) -> tuple:
    """The sine and the cosine of an angle of at most pi / 4."""
    z = r * r
    return z * r * poly(z, SIN[r.dtype]) + r, z * z * poly(z, COS[r.dtype]) - 0.5 * z + 1.0


def _negated(y: Any, odd: Any) -> Any:
    """`y`, with the other sign where the second bit of `odd` is set."""
    bits = FORMATS[y.dtype].bits
    return (y.view(bits) ^ ((odd & 2) << (8 * y.dtype.itemsize - 2))).view(y.dtype)


@elementwise
def sin(x: Any) -> Any:
    """The sine."""
    q, r, _ = _turned(x)
    s, c = _sin_cos(r)
    return np.where(x == 0, x, _negated(np.where((q & 1) == 0, s, c), q))


@elementwise
def cos(x: Any) -> Any:
    """The cosine."""
    q, r, _ = _turned(x)
    s, c = _sin_cos(r)
    return _negated(np.where((q & 1) == 0, c, s), q + 1)


@elementwise
def lone_sin(x: Any) -> Any:
    """`sin`, by a shorter way for small angles."""
    return either(np.absolute(x) < _NEAR, lambda: np.where(x == 0, x, _sin_cos(x)[0]), lambda: sin(x))


@elementwise
def lone_cos(x: Any) -> Any:
    """`cos`, by a shorter way for small angles."""
    return either(np.absolute(x) < _NEAR, lambda: _sin_cos(x)[1], lambda: cos(x))


@elementwise
def tan(x: Any) -> Any:
    """The tangent."""
    q, r, rest = _turned(x)
    z = r * r
    more, less = z * r * poly(z, SIN[r.dtype]), z * z * poly(z, COS[r.dtype]) - 0.5 * z
    s, c = r + more, 1.0 + less
    even = (q & 1) == 0
    y = divide(np.where(even, s, -c), np.where(even, c, s), np.where(even, less - (c - 1.0), more - (s - r)))
    return np.where(x == 0, x, rest * (y * y) + rest + y)


def _angle(n: Any, d: Any) -> Any:
    """atan(n / d) for numbers from 0 on, of which one is not 0."""
    far, middle = n > 2.414213562373095 * d, n > 0.41421356237309503 * d
    t = np.where(far, -d, np.where(middle, n - d, n)) / np.where(far, n, np.where(middle, n + d, d))
    z = t * t
    quarters = np.where(far, 1.0, np.where(middle, t.dtype.type(0.5), 0.0))
    high, low = _HALF_PI[t.dtype]
    return quarters * high + (t * z * poly(z, ATAN[t.dtype]) + quarters * low + t)


@elementwise
def atan(x: Any) -> Any:
    """The angle, from -pi/2 to pi/2, with this tangent."""
    return np.copysign(_angle(np.absolute(x), x.dtype.type(1)), x)


@elementwise
def atan2(y: Any, x: Any) -> Any:
    """The angle, from -pi to pi, of the point (x, y)."""
    n, d = np.absolute(y), np.absolute(x)
    alike = (n == d) & ((n == 0) | (n == np.inf))
    n, d = np.where(alike, 1.0, n), np.where(alike, 1.0, d)
    huge = np.maximum(n, d) > 0.125 * float(np.finfo(x.dtype).max)
    shrunk = np.where(huge, x.dtype.type(0.125), 1.0)
    n, d = n * shrunk, d * shrunk  # the sum may not overflow
    angle = np.where((y == 0) & (x == 0), 0.0, _angle(n, d))
    high, low = _HALF_PI[x.dtype]
    left = x.view(FORMATS[x.dtype].bits) < 0
    return np.copysign(np.where(left, 2 * high - (angle - 2 * low), angle), y)


def _asin_parts(x: Any) -> tuple:
    """Whether |x| < 1/2, and asin(|x|) then, or asin(sqrt((1 - |x|) / 2))."""
    a = np.absolute(x)
    small = a < 0.5
    z = np.where(small, a * a, 0.5 - 0.5 * a)
    s = np.where(small, a, np.sqrt(z))
    return small, s * z * poly(z, ASIN[x.dtype]) + s


@elementwise
def asin(x: Any) -> Any:
    """The angle, from -pi/2 to pi/2, with this sine; nan beyond 1."""
    small, p = _asin_parts(x)
    high, low = _HALF_PI[x.dtype]
    return np.copysign(np.where(small, p, 2.0 * ((0.5 * high - p) + 0.5 * low)), x)


@elementwise
def acos(x: Any) -> Any:
    """The angle, from 0 to pi, with this cosine; nan beyond 1."""
    small, p = _asin_parts(x)
    high, low = _HALF_PI[x.dtype]
    near = high - (np.copysign(p, x) - low)
    return np.where(small, near, np.where(x < 0, 2.0 * (high - (p - low)), 2.0 * p))
