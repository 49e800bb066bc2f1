"""The error function and its kin, and activations."""

import math
from typing import Any

import numpy as np

from nbtape.kernels.coefficients import ERF, ERFCX, ERFCX_CENTRE
from nbtape.kernels.exponential import exp_of, expm1, tanh
from nbtape.kernels.formats import divide, fma, poly, two_sum
from nbtape.kernels.value import elementwise


def _erfcx_of(a: Any) -> Any:
    """exp(a**2) erfc(a) for a from 0 on."""
    c = ERFCX_CENTRE[a.dtype]
    total, lost = two_sum(a, c)
    t = divide(a - c, total, lost)
    y = poly(t, ERFCX[a.dtype])
    return np.where(a == np.inf, 0.0, divide(y, total, lost))


def _exp_of_square(x: Any, sign: float) -> Any:
    """exp(sign * x**2), with the digits that the square loses."""
    square = x * x
    lost = fma(x, x, -square)
    return exp_of(sign * square, np.where(square < 1e3, sign * lost, 0.0))


def _erfc_of(a: Any) -> Any:
    return _exp_of_square(a, -1.0) * _erfcx_of(a)


@elementwise
def erf(x: Any) -> Any:
    """The error function."""
    a, z = np.absolute(x), x * x
    return np.where(a < 1, x * poly(z, ERF[x.dtype]) + x, np.copysign(1.0 - _erfc_of(a), x))


@elementwise
def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    y = _erfc_of(np.absolute(x))
    return np.where(x < 0, 2.0 - y, y)


@elementwise
def erfcx(x: Any) -> Any:
    """exp(x**2) * erfc(x)."""
    y = _erfcx_of(np.absolute(x))
    return np.where(x < 0, 2.0 * _exp_of_square(x, 1.0) - y, y)


@elementwise
def gelu(x: Any) -> Any:
    """x times the probability that a normal variable is less."""
    return 0.5 * x * erfc(-math.sqrt(0.5) * x)


@elementwise
def gelu_tanh(x: Any) -> Any:
    """`gelu`, nearly, by way of tanh."""
    return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@elementwise
def selu(x: Any) -> Any:
    """Scaled elu, which keeps mean 0 and variance 1."""
    y = np.where(x > 0, x, 1.6732632423543772 * expm1(np.where(x > 0, 0.0, x)))
    return 1.0507009873554805 * y


@elementwise
def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1.0 + np.absolute(x))
