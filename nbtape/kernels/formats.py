"""The two formats of floats, and arithmetic with polynomials and with sums of two floats."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbtape.kernels.value import Value

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


class Format(NamedTuple):
    bits: np.dtype  # an integer of the same size
    digits: int  # of the fraction
    bias: int  # of the exponent
    shifter: float  # what, added to a number, rounds it and leaves the whole number in the lowest bits
    shifter_bits: int
    half_root_bits: int  # of the square root of 1/2
    smallest: float  # normal number
    exp_bounds: tuple  # beyond which exp, and half of it, are 0 or inf


def _format(dtype: np.dtype, bits: np.dtype, exp_bounds: tuple) -> Format:
    info = np.finfo(dtype)
    shifter = 1.5 * 2**info.nmant

    def pattern(x: float) -> int:
        return int(np.array(x, dtype).view(bits))

    return Format(
        bits, info.nmant, int(info.maxexp) - 1, shifter, pattern(shifter), pattern(math.sqrt(0.5)),
        float(info.smallest_normal), exp_bounds,
    )  # fmt: skip


FORMATS = {
    _SINGLE: _format(_SINGLE, np.dtype(np.int32), (-104.0, 90.0)),
    _DOUBLE: _format(_DOUBLE, np.dtype(np.int64), (-746.0, 711.0)),
}


def by_dtype(single: Any, double: Any) -> dict[np.dtype, Any]:
    return {_SINGLE: single, _DOUBLE: double}


# As two summands; whole numbers times the first are exact
LN2 = by_dtype((0.693359375, -0.00021219444), (0.6931471803691238, 1.9082149292705877e-10))


def poly(x: Any, coefficients: Sequence[float]) -> Any:
    """The polynomial with these coefficients, lowest power first (Horner)."""
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y


def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""
    if isinstance(a, Value):
        return a.fma(b, c)
    if a.dtype == _SINGLE:
        return (a.astype(_DOUBLE) * b + c).astype(_SINGLE)
    product = a * b
    total, lost = two_sum(product, c)
    (a1, a2), (b1, b2) = _halves(a), _halves(np.asarray(b))
    return total + (lost + (((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2))


def _halves(x: Any) -> tuple:
    """A float64 as a sum of two of 26 bits, whose products are exact (Veltkamp)."""
    wide = x * (2.0**27 + 1)
    high = wide - (wide - x)
    return high, x - high


def two_sum(a: Any, b: Any) -> tuple:
    """a + b, rounded, and what was lost (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def two_product(a: Any, b: Any) -> tuple:
    """a * b, rounded, and what was lost."""
    product = a * b
    return product, fma(a, b, -product)


def divide(n: Any, d: Any, rest: Any) -> Any:
    """n / (d + rest) for a `rest` far smaller than d, rounded nearly as if once."""
    inverse = 1.0 / d
    q = n * inverse
    return (fma(-q, d, n) - q * rest) * inverse + q
