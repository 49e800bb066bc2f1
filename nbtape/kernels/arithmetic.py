"""Arithmetic where Numba's, or C's, is not TensorFlow's: of mixed dtypes, of integers, and with nan."""

from typing import Any

import numpy as np

from nbtape.kernels.formats import FORMATS
from nbtape.kernels.value import elementwise


@elementwise
def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`: both are computed, and loops are vectorised."""
    return np.where(condition, a, b)


@elementwise
def maximum(a: Any, b: Any) -> Any:
    """The larger; nan if either is."""
    return np.maximum(a, b)


@elementwise
def minimum(a: Any, b: Any) -> Any:
    """The smaller; nan if either is."""
    return np.minimum(a, b)


@elementwise
def sign(x: Any) -> Any:
    """-1, 0 or 1; nan for nan."""
    one = x.dtype.type(1)
    if x.dtype.kind == "u":
        return np.where(x > 0, one, 0)
    return np.where(x > 0, one, np.where(x < 0, -one, x + x.dtype.type(0)))


@elementwise
def sqrt(x: Any) -> Any:
    """The square root; nan below 0."""
    return np.sqrt(x)


@elementwise
def rsqrt(x: Any) -> Any:
    """One over the square root."""
    return 1.0 / np.sqrt(x)


@elementwise
def reciprocal(x: Any) -> Any:
    """1 / x."""
    return 1.0 / x


@elementwise
def floor(x: Any) -> Any:
    """The largest whole number not above x."""
    return np.floor(x)


@elementwise
def ceil(x: Any) -> Any:
    """The smallest whole number not below x."""
    return np.ceil(x)


@elementwise
def rint(x: Any) -> Any:
    """The nearest whole number, of two the even one."""
    return np.rint(x) if x.dtype.kind == "f" else x


@elementwise
def floordiv(a: Any, b: Any) -> Any:
    """The floor of a / b; 0 for an integer divided by 0."""
    return np.floor(a / b) if a.dtype.kind == "f" else np.floor_divide(a, b)


@elementwise
def floormod(a: Any, b: Any) -> Any:
    """What `floordiv` leaves, with the sign of b; 0 for an integer divided by 0."""
    if a.dtype.kind == "f":
        rest = np.fmod(a, b)
        other = (rest < 0) != (b < 0)
        return np.where(rest == 0, np.copysign(rest, b), np.where(other, rest + b, rest))
    return np.where(b == 0, b, a - np.floor_divide(a, b) * b)


@elementwise
def truncatediv(a: Any, b: Any) -> Any:
    """a / b, rounded to 0; 0 for an integer divided by 0."""
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    q = np.floor_divide(a, b)
    return q if a.dtype.kind == "u" else np.where((q < 0) & (q * b != a), q + 1, q)


@elementwise
def truncatemod(a: Any, b: Any) -> Any:
    """What `truncatediv` leaves, with the sign of a; 0 for an integer divided by 0."""
    if a.dtype.kind == "f":
        return np.fmod(a, b)
    return np.where(b == 0, b, a - truncatediv(a, b) * b)


@elementwise
def left_shift(a: Any, b: Any) -> Any:
    """`a` with its bits moved up by `b` places, from none to all but one."""
    return a << _places(b)


@elementwise
def right_shift(a: Any, b: Any) -> Any:
    """`a` with its bits moved down by `b` places, from none to all but one; the sign stays."""
    return a >> _places(b)


def _places(b: Any) -> Any:
    most = 8 * b.dtype.itemsize - 1
    return np.where(b < 0, 0, np.where(b > most, b.dtype.type(most), b))


@elementwise
def invert(x: Any) -> Any:
    """`x` with all bits turned; of a bool, the other."""
    return ~x


@elementwise
def isinf(x: Any) -> Any:
    """Whether x is inf or -inf."""
    return np.absolute(x) == np.inf


@elementwise
def isfinite(x: Any) -> Any:
    """Whether x is neither inf nor nan."""
    return np.absolute(x) < np.inf


@elementwise
def absorb(g: Any, gx: Any) -> Any:
    """`gx`, or 0 for the inf and nan that a cotangent `g` of 0 met, or that inf * 0 made."""
    lost = ((g == 0) & ~(np.absolute(gx) < np.inf)) | ((np.absolute(g) == np.inf) & (gx != gx))
    return np.where(lost, 0.0, gx)


@elementwise
def nextafter(a: Any, b: Any) -> Any:
    """The next float after `a` in the direction of `b`."""
    bits = FORMATS[a.dtype].bits
    away = (a < b) == (a > 0)
    moved = (a.view(bits) + np.where(away, bits.type(1), -1)).view(a.dtype)
    least = np.copysign(np.finfo(a.dtype).smallest_subnormal, b)
    y = np.where(a == 0, least, moved)
    return np.where(a == b, b, np.where((a == a) & (b == b), y, a + b))
