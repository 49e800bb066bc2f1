"""Cumulative operations along one axis, and the linear recurrence that their gradients are made of.

`exclusive` leaves each element out of its own result, which then starts from the operation's neutral
value; `reverse` runs from the end.
"""

from math import exp, inf, log, prod

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, widened

SUM, PROD, MAX, MIN = range(4)


@widened
def cumsum(x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give the sum of the elements up to each one."""
    return scanned(x, SUM, 0, axis, exclusive, reverse)


@widened
def cumprod(x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give the product of the elements up to each one."""
    return scanned(x, PROD, 1, axis, exclusive, reverse)


@widened
def cummax(x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give the maximum of the elements up to each one; of none, -inf or the lowest integer."""
    return scanned(x, MAX, -inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min, axis, exclusive, reverse)


@widened
def cummin(x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give the minimum of the elements up to each one; of none, inf or the highest integer."""
    return scanned(x, MIN, inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max, axis, exclusive, reverse)


@widened
def cumlogsumexp(x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give log(sum(exp(.))) of the elements up to each one, without overflow; of none, -inf."""
    y = np.empty(x.shape, x.dtype)
    logsumexp_loop(lanes(x, axis), lanes(y, axis), exclusive, reverse)
    return y


@widened
def cumprod_grad(g: Array, x: Array, *, axis: int, exclusive: bool = False, reverse: bool = False) -> Array:
    """Give the gradient of `cumprod` in x for `g` in its output, without dividing: zeros in x are well.

    The gradient in x[i] is the product before i times s[i] = g[i] + x[i+1]*s[i+1].
    """
    ahead = -1 if reverse else 1
    factors, terms = shifted(x, axis, ahead), shifted(g, axis, ahead) if exclusive else g
    after = recurrence(factors, terms, axis=axis, reverse=not reverse)
    return after * cumprod(x, axis=axis, exclusive=True, reverse=reverse)


@widened
def recurrence(a: Array, b: Array, *, axis: int, reverse: bool = False) -> Array:
    """Solve y[i] = a[i]*y[i-1] + b[i] along `axis`, from y = 0 before the first.

    Its gradient in b is another recurrence, r[i] = g[i] + a[i+1]*r[i+1], and in a it is r[i]*y[i-1].
    """
    y = np.empty(b.shape, b.dtype)
    recurrence_loop(lanes(a, axis), lanes(b, axis), lanes(y, axis), reverse)
    return y


def scanned(x: Array, kind: int, neutral: float, axis: int, exclusive: bool, reverse: bool) -> Array:
    """Run one of the simple scans."""
    y = np.empty(x.shape, x.dtype)
    scan_loop(lanes(x, axis), lanes(y, axis), kind, x.dtype.type(neutral), exclusive, reverse)
    return y


def lanes(x: Array, axis: int) -> Array:
    """View `x` as (what is before the axis, the axis, what is after it)."""
    axis %= x.ndim
    return x.reshape(prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :]))


def shifted(x: Array, axis: int, by: int) -> Array:
    """Give x[i + by] at i, and 0 past the end, for `by` 1 or -1."""
    y = np.zeros(x.shape, x.dtype)
    here, there = (slice(None, -1), slice(1, None))[::by]
    lanes(y, axis)[:, here] = lanes(x, axis)[:, there]
    return y


@njit(cache=True, nogil=True, error_model="numpy")
def scan_loop(x, y, kind, neutral, exclusive, reverse):
    """Scan the middle axis of `x` into `y`."""
    outer, n, inner = x.shape
    step = -1 if reverse else 1
    for o in range(outer):
        at = n - 1 if reverse else 0
        for e in range(inner if n else 0):
            y[o, at, e] = neutral if exclusive else x[o, at, e]
        for _ in range(n - 1):
            last = at
            at += step
            take = last if exclusive else at
            for e in range(inner):
                a, b = y[o, last, e], x[o, take, e]
                if kind == SUM:
                    y[o, at, e] = a + b
                elif kind == PROD:
                    y[o, at, e] = a * b
                elif kind == MAX:
                    y[o, at, e] = b if (b > a) | (b != b) else a
                else:
                    y[o, at, e] = b if (b < a) | (b != b) else a


@njit(cache=True, nogil=True, error_model="numpy")
def logsumexp_loop(x, y, exclusive, reverse):
    """Scan with the largest element so far and, in float64, the sum of exponentials relative to it."""
    outer, n, inner = x.shape
    for o in range(outer):
        for e in range(inner):
            top, total = -inf, 0.0
            for i in range(n):
                at = n - 1 - i if reverse else i
                if exclusive:
                    y[o, at, e] = -inf if total == 0.0 else top + log(total)
                v = float(x[o, at, e])
                if v > top:
                    total = total * exp(top - v) + 1.0
                    top = v
                elif v != -inf:
                    total += 1.0 if v == top else exp(v - top)
                if not exclusive:
                    y[o, at, e] = -inf if total == 0.0 else top + log(total)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def recurrence_loop(a, b, y, reverse):
    """Run y[i] = a[i]*y[i-1] + b[i] along the middle axis."""
    outer, n, inner = b.shape
    step = -1 if reverse else 1
    for o in range(outer):
        at = n - 1 if reverse else 0
        for e in range(inner if n else 0):
            y[o, at, e] = b[o, at, e]
        for _ in range(n - 1):
            last = at
            at += step
            for e in range(inner):
                y[o, at, e] = a[o, at, e] * y[o, last, e] + b[o, at, e]
