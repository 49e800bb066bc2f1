"""Products of float32 matrices in tiles of vector registers, which read both operands where they lie.

A BLAS first copies its operands into an order that suits it. Where one of the sizes is small each number
takes part in few multiplications, and to copy it costs as much as they do.
"""

# pyright: reportCallIssue=false
# Numba calls intrinsics without their first argument.

from numba import njit

from nbtape.kernels.cpu.arrays import Array
from nbtape.kernels.machine import floats
from nbtape.kernels.tile import outer, put, taken, zeros

ROWS, WIDTH = 8, 32  # of a tile: 16 of the 32 vector registers of AVX-512
_DEEP = 64  # rows of `b` that are met by all of `a` before the next


def multiply(a: Array, b: Array, y: Array) -> None:
    """Write the product of `a` and `b` to `y`, of whole tiles; the rows of `b` and `y` lie in order."""
    (m, n), k, size = y.shape, len(b), y.itemsize
    (a_row, a_column), b_row, y_row = a.strides, b.strides[0], y.strides[0]
    _multiply(
        *(a.ctypes.data, b.ctypes.data, y.ctypes.data, m, n, k),
        *(a_row // size, a_column // size, b_row // size, y_row // size),
    )


@njit(cache=True, nogil=True)
def _multiply(a, b, y, m, n, k, a_row, a_column, b_row, y_row):
    a, b, y = floats(a), floats(b), floats(y)
    for first in range(0, k, _DEEP):
        last = min(first + _DEEP, k)
        for i in range(0, m, ROWS):
            for j in range(0, n, WIDTH):
                to = i * y_row + j
                if first == 0:
                    tile = zeros(y, ROWS, 2, 16)
                else:
                    tile = taken(y, to, y_row, ROWS, 2, 16)
                at = i * a_row + first * a_column
                row = first * b_row + j
                for _ in range(first, last):
                    tile = outer(tile, a, at, a_row, b, row, None)
                    at += a_column
                    row += b_row
                put(tile, y, to, y_row, None)
