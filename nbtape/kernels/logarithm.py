"""Logarithms, and what is made of them: softplus and the inverses of hyperbolic functions."""

import math
from typing import Any

import numpy as np

from nbtape.kernels.coefficients import ATANH, LOG
from nbtape.kernels.exponential import exp_of_minus, power_of_2
from nbtape.kernels.formats import FORMATS, LN2, poly, two_sum
from nbtape.kernels.value import elementwise


def _log_parts(x: Any) -> tuple:
    """The integer k and the f with x = 2**k * (1 + f), where 1 + f is sqrt(2) at most, for a normal x > 0."""
    form = FORMATS[x.dtype]
    shifted = x.view(form.bits) - form.half_root_bits
    m = ((shifted & ((1 << form.digits) - 1)) + form.half_root_bits).view(x.dtype)
    return shifted >> form.digits, m - 1.0


def log_parts(x: Any) -> tuple:
    """`_log_parts` for all x > 0."""
    form = FORMATS[x.dtype]
    denormal = x < form.smallest
    k, f = _log_parts(np.where(denormal, x * 2.0**form.digits, x))
    return np.where(denormal, k - form.digits, k), f


def _log_of(k: Any, f: Any) -> Any:
    """k * ln(2) + log(1 + f)."""
    high, low = LN2[f.dtype]
    n = k.astype(f.dtype)
    square = 0.5 * f * f
    if f.dtype == np.float32:
        rest = f * f * f * poly(f, LOG[f.dtype]) + n * low - square
    else:
        s = f / (2.0 + f)
        z = s * s
        rest = s * (square + z * poly(z, ATANH)) + n * low - square
    return n * high + (rest + f)


def _log_edges(x: Any, y: Any, zero: float) -> Any:
    """`y`, with what a logarithm is at inf, nan, and from `zero` down."""
    y = np.where(x < np.inf, y, x)
    return np.where(x > zero, y, np.where(x == zero, x.dtype.type(-np.inf), np.nan))


@elementwise
def log(x: Any) -> Any:
    """The natural logarithm."""
    return _log_edges(x, _log_of(*log_parts(x)), 0.0)


def _log1p_parts(x: Any) -> tuple:
    """The k and f of 1 + x, and what to add to that f for what 1 + x has lost, if x is not huge."""
    u, lost = two_sum(x, 1.0)
    k, f = _log_parts(u)
    return k, f, lost * power_of_2(-k, x.dtype)


@elementwise
def log1p(x: Any) -> Any:
    """log(1 + x)."""
    k, f, rest = _log1p_parts(x)
    huge = x > 2.0 ** (FORMATS[x.dtype].digits + 2)
    return np.where(x == 0, x, _log_edges(x, _log_of(k, np.where(huge, f, f + rest)), -1.0))


@elementwise
def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    k, f, rest = _log1p_parts(exp_of_minus(x))
    return np.where(x > 0, x, 0.0) + _log_of(k, f + rest)


@elementwise
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x))."""
    return -softplus(-x)


@elementwise
def logaddexp(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b))."""
    double = a + a.dtype.type(math.log(2))  # of infinities too, which have no difference
    return np.where(a == b, double, np.maximum(a, b) + softplus(-np.absolute(a - b)))


@elementwise
def asinh(x: Any) -> Any:
    """The inverse of `sinh`."""
    a = np.absolute(x)
    square = a * a
    return np.copysign(_log1p_or_double(a + square / (1.0 + np.sqrt(square + 1.0)), a), x)


@elementwise
def acosh(x: Any) -> Any:
    """The inverse of `cosh`; nan below 1."""
    t = x - 1.0
    return np.where(x >= 1, _log1p_or_double(t + np.sqrt(t * (t + 2.0)), x), np.nan)


def _log1p_or_double(z: Any, x: Any) -> Any:
    """log(1 + z); for an `x` so large that its square may overflow, log(2x)."""
    large = x > 2.0 ** (FORMATS[x.dtype].digits + 2)
    return log1p(np.where(large, x, z)) + np.where(large, x.dtype.type(math.log(2)), 0.0)


@elementwise
def atanh(x: Any) -> Any:
    """The inverse of `tanh`; nan beyond 1."""
    a = np.absolute(x)
    twice = a + a
    return np.copysign(np.where(a <= 1, 0.5 * log1p(twice + twice * a / (1.0 - a)), np.nan), x)
