"""Products of float32 matrices in tiles of vector registers, which read both operands where they lie.

A BLAS first copies its operands into an order that suits it. Where one of the sizes is small each number
takes part in few multiplications, and to copy it costs as much as they do.
"""

# pyright: reportCallIssue=false
# Numba calls intrinsics without their first argument.

from collections.abc import Callable

import numpy as np
from numba import cfunc, njit

from nbtape.kernels.cpu.arrays import Array
from nbtape.kernels.machine import at, floats
from nbtape.kernels.tile import outer, put, taken, zeros

ROWS, WIDTH = 6, 64  # of a tile: 24 of the 32 vector registers of AVX-512, and 10 loads for 24 products
_DEEP = 64  # rows of `b` that are met by all of `a` before the next; a tile's part of them stays in the cache


def multiply(a: Array, b: Array, y: Array) -> None:
    """Write the product of `a` and `b` to `y`, whose rows are whole tiles wide; those of `b` and `y` lie in
    order.
    """
    _multiply(*_words(a, b, y))


def parts(a: Array, b: Array, y: Array, count: int) -> tuple[Array, Array]:
    """The same product in `count` parts: where the machine code of each and its words are, and the words.

    The longer side of `y` is cut, so that it is the shorter operand that every part reads.
    """
    words = np.array([_words(a, b, y)] * count)
    (m, n), tall = y.shape, len(y) >= y.shape[1]
    side, step = (m, ROWS) if tall else (n, WIDTH)
    cuts = np.arange(count + 1) * -(-side // step) // count * step
    cuts[-1] = side
    words[:, 3 if tall else 4] = np.diff(cuts)
    words[:, 0 if tall else 1] += cuts[:-1] * (a.strides[0] if tall else b.itemsize)
    words[:, 2] += cuts[:-1] * y.strides[0 if tall else 1]
    entries = np.empty((count, 2), np.int64)
    entries[:, 0] = _entry.address  # pyright: ignore[reportArgumentType] compiled when it is defined
    entries[:, 1] = words.ctypes.data + words.strides[0] * np.arange(count)
    return entries, words


def _words(a: Array, b: Array, y: Array) -> tuple[int, ...]:
    """What the machine code is told: addresses, sizes, and strides in numbers."""
    (m, n), k, size = y.shape, len(b), y.itemsize
    (a_row, a_column), b_row, y_row = a.strides, b.strides[0], y.strides[0]
    strides = (a_row // size, a_column // size, b_row // size, y_row // size)
    return (a.ctypes.data, b.ctypes.data, y.ctypes.data, m, n, k, *strides)


def _stripe(rows: int) -> Callable[..., None]:
    """What adds to a few rows of a product what some rows of `b` contribute, in tiles of so many rows."""

    @njit
    def stripe(a, b, y, n, first, last, a_row, a_column, b_row, i, y_row):
        for j in range(0, n, WIDTH):
            to = i * y_row + j
            if first == 0:
                tile = zeros(y, rows, 4, 16)
            else:
                tile = taken(y, to, y_row, rows, 4, 16)
            at = i * a_row + first * a_column
            row = first * b_row + j
            for _ in range(first, last):
                tile = outer(tile, a, at, a_row, b, row, None)
                at += a_column
                row += b_row
            put(tile, y, to, y_row, None)

    return stripe


_six, _two, _one = map(_stripe, (ROWS, 2, 1))


@njit(cache=True, nogil=True)
def _multiply(a, b, y, m, n, k, a_row, a_column, b_row, y_row):
    a, b, y = floats(a), floats(b), floats(y)
    for first in range(0, k, _DEEP):
        last = min(first + _DEEP, k)
        i = 0
        while i + ROWS <= m:
            _six(a, b, y, n, first, last, a_row, a_column, b_row, i, y_row)
            i += ROWS
        while i + 2 <= m:
            _two(a, b, y, n, first, last, a_row, a_column, b_row, i, y_row)
            i += 2
        if i < m:
            _one(a, b, y, n, first, last, a_row, a_column, b_row, i, y_row)


@cfunc("int64(int64)", cache=True)
def _entry(here):
    w = at(here)
    _multiply(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9])
    return 0
