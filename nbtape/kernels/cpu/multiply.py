"""Products of float32 matrices in tiles of vector registers, which read both operands where they lie.

A BLAS first copies its operands into an order that suits it. Where one of the sizes is small each number
takes part in few multiplications, and to copy it costs as much as they do.
"""

# pyright: reportCallIssue=false
# Numba calls intrinsics without their first argument.

import threading
from collections.abc import Callable
from functools import lru_cache

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


def parts(a: Array, b: Array, y: Array, count: int) -> Array:
    """The same product in `count` parts: the address of the machine code and that of the words of each. They
    hold until this thread asks again.

    The longer side of `y` is cut, so that it is the shorter operand that every part reads.
    """
    table = _tables.of(count)
    table.numbers[:] = _words(a, b, y)
    return table.parts


class _Table:
    """What the parts of a product are told: where its numbers are, which part this is, and of how many."""

    def __init__(self, count: int):
        self.numbers, self.words = np.zeros(10, np.int64), np.zeros((count, 3), np.int64)
        self.words[:] = [(self.numbers.ctypes.data, k, count) for k in range(count)]
        at, pitch = self.words.ctypes.data, self.words.strides[0]
        self.parts = np.array([(_entry.address, at + k * pitch) for k in range(count)])


class _Tables(threading.local):
    """The tables of a thread: to make one takes longer than to fill it in."""

    def __init__(self) -> None:
        self.of = lru_cache(_Table)


_tables = _Tables()


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


@njit
def _cut(size, step, k, count):
    """Where part k of a side begins."""
    return min((size + step - 1) // step * k // count * step, size)


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
    words = at(here)
    x, k, count = at(words[0]), words[1], words[2]
    m, n = x[3], x[4]
    if m >= n:
        i, end = _cut(m, ROWS, k, count), _cut(m, ROWS, k + 1, count)
        _multiply(x[0] + 4 * i * x[6], x[1], x[2] + 4 * i * x[9], end - i, n, x[5], x[6], x[7], x[8], x[9])
    else:
        j, end = _cut(n, WIDTH, k, count), _cut(n, WIDTH, k + 1, count)
        _multiply(x[0], x[1] + 4 * j, x[2] + 4 * j, m, end - j, x[5], x[6], x[7], x[8], x[9])
    return 0
