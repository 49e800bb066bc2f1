"""Exponentials, and the hyperbolic functions and the sigmoid, which are made of them."""

from typing import Any

import numpy as np

from nbtape.kernels.coefficients import EXP, EXPM1, SINH
from nbtape.kernels.formats import FORMATS, LN2, divide, poly
from nbtape.kernels.value import elementwise

_LOG2_E = 1.4426950408889634


def split(x: Any) -> tuple:
    """The integer k and the r of at most ln(2) / 2 that make x = k ln(2) + r.

    Adding the shifter rounds to a whole number, which then stands in the lowest bits.
    """
    form = FORMATS[x.dtype]
    high, low = LN2[x.dtype]
    shifted = x * _LOG2_E + form.shifter
    n = shifted - form.shifter
    return shifted.view(form.bits) - form.shifter_bits, x - n * high - n * low


def power_of_2(k: Any, dtype: Any) -> Any:
    """2**k, for a k that leaves it a normal number."""
    form = FORMATS[dtype]
    return ((k + form.bias) << form.digits).view(dtype)


def scaled(p: Any, k: Any) -> Any:
    """p * 2**k in two steps, of which the second may overflow, or round to a denormal number."""
    half = k >> 1
    return p * power_of_2(half, p.dtype) * power_of_2(k - half, p.dtype)


def at_least(x: Any, low: float) -> Any:
    """`x` or `low`, the larger; nan for nan."""
    return np.where(x < low, low, x)


def at_most(x: Any, high: float) -> Any:
    """`x` or `high`, the smaller; nan for nan."""
    return np.where(x > high, high, x)


def exp_of(x: Any, rest: Any = None, doublings: int = 0) -> Any:
    """exp(x + rest) * 2**doublings, for a `rest` far smaller than 1."""
    low, high = FORMATS[x.dtype].exp_bounds
    k, r = split(at_most(at_least(x, low), high))
    r = r if rest is None else r + rest
    return scaled(r * r * poly(r, EXP[x.dtype]) + r + 1.0, k + doublings)


def exp_of_minus(x: Any) -> Any:
    """exp(-|x|)."""
    k, r = split(at_least(-np.absolute(x), FORMATS[x.dtype].exp_bounds[0]))
    return scaled(r * r * poly(r, EXP[x.dtype]) + r + 1.0, k)


@elementwise
def exp(x: Any) -> Any:
    """The exponential function.

    >>> exp(np.float32(0))
    np.float32(1.0)
    """
    return exp_of(x)


def _expm1_parts(x: Any) -> tuple:
    """The k of `split`, and exp(r) - 1."""
    k, r = split(x)
    return k, r * r * poly(r, EXPM1[x.dtype]) + r


@elementwise
def expm1(x: Any) -> Any:
    """exp(x) - 1."""
    k, e = _expm1_parts(at_most(at_least(x, -40.0), FORMATS[x.dtype].exp_bounds[1] - 1.0))
    half = power_of_2(k - 1, x.dtype)  # 2**k itself may overflow
    y = 2.0 * (half * e + (half - 0.5))
    return np.where(x == 0, x, np.where(k == 0, e, y))


def quotient(n: Any, t: Any, c: float) -> Any:
    """n / (t + c); in float64 without the error of the sum."""
    total = t + c
    return n / total if t.dtype == np.float32 else divide(n, total, t - (total - c))


@elementwise
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, from t = exp(2|x|) - 1: t / (t + 2) for small x, 1 - 2 / (t + 2) for others."""
    a = np.absolute(x)
    k, e = _expm1_parts(at_most(2.0 * a, 44.0))
    power = power_of_2(k, x.dtype)
    t = power * e + (power - 1.0)
    small = a < 1.0
    y = quotient(np.where(small, t, -2.0), t, 2.0)
    return np.copysign(y + np.where(small, x.dtype.type(0), 1.0), x)


@elementwise
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    a, z = np.absolute(x), x * x
    half = exp_of(a, doublings=-1)
    small = z * x * poly(z, SINH[x.dtype]) + x
    return np.where(a < 1.0, small, np.copysign(half - 0.25 / half, x))


@elementwise
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    half = exp_of(np.absolute(x), doublings=-1)
    return half + 0.25 / half


@elementwise
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), which for negative x is exp(x) / (1 + exp(x))."""
    e = exp_of_minus(x)
    return quotient(np.where(x < 0, e, 1.0), e, 1.0)
