"""Products of matrices in tiles of registers, which read both operands where they lie.

A BLAS first copies its operands into an order that suits it. Where one of the sizes is small each number
takes part in few multiplications, and to copy it costs as much as they do. Here a tile of the product meets
rows of `b` as vectors and single numbers of `a`; as many rows of `b` as stay in the cache are met by all of
`a` before the next.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from nbtape.compile.emission.kernel import Kernel
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.tiles import Tiles, most_rows, vector_bytes
from nbtape.compile.planning.windows import address, kernel_of, numbers

_PACE = 0.0065  # nanoseconds for a multiplication or an addition, on one core
SMALL = 1_000_000  # multiplications, up to which OpenBLAS does not copy either
_COPIES = 10  # multiplications that take as long as OpenBLAS takes to copy a number
_GAIN = 0.11  # of the time of a product, that is worth a kernel of its own
_NEAR = 1 << 20  # bytes that stay in the second cache
_WIDE = 1 << 14  # bytes from a row of `b` to the next, from which on OpenBLAS had better gather them
_FAR = 128  # lines, each far from the one before, that stay in the first cache, and their pages at hand
_SHALLOW = 64  # rows of `b`; to fetch and store a tile again for fewer costs too much
_ROWS = {1: 16, 2: 8, 4: 6}  # of a tile, by its vectors; the wider it is, the less it loads

MULTIPLY = '''"""Multiply matrices, {rows} rows by {columns} vectors at a time."""
from nbtape.kernels.tile import outer, put, taken, zeros


def kernel({arguments}):
    whole = m // {rows} * {rows}
    for stretch in range(2 * count):
        one = stretch // 2
        top, bottom, depth = 0, whole, deep
        if stretch % 2 == 1:  # the rows that are left over, and some that are made again
            top, bottom, depth = m - {rows}, (m if whole < m else 0), k
        for first in range(0, k, depth):
            last = min(first + depth, k)
            for i in range(top, bottom, {rows}):
                for side in range(0, n, {width}):
                    j = min(side, n - {width})
                    to = one * c_step + i * c_row + j
                    if first == 0:
                        tile = zeros(c, {shape})
                    else:
                        tile = taken(c, to, c_row, {shape})
                    at = one * a_step + i * a_row + first * a_column
                    row = one * b_step + first * b_row + j
                    for e in range(first, last):
                        tile = outer(tile, a, at, {pitch}, b, row, None)
                        at += a_column
                        row += b_row
                    put(tile, c, to, c_row, None)
'''


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a product is cut up: its tiles, and how many rows of `b` are met by all of `a` before the next."""

    tiles: Tiles
    deep: int


def blocks_of(a: Layout, b: Layout, y: Layout) -> Blocks | None:
    """How to cut the product `y` of `a` and `b`; None where OpenBLAS is about as fast.

    Measured with AVX-512, for which OpenBLAS has kernels that do not copy small matrices.
    """
    (m, n), k, size = y.shape[-2:], a.shape[-1], y.buffer.dtype.itemsize
    lanes = vector_bytes() // size
    if vector_bytes() < 64 or n < lanes or m * n * k <= SMALL or b.strides[-1] != 1 or y.strides[-1] != 1:
        return None
    if b.strides[-2] * size > _WIDE:
        return None
    columns = 4 if n % (4 * lanes) == 0 else min(n // lanes, 2)
    rows = _rows(m, columns)
    depth = min(_SHALLOW, k) if columns == 4 else _depth(a, n, k, size) if m > most_rows(columns) else k
    if depth < k and (n % (columns * lanes) or depth < _SHALLOW):
        if k * n * size > _NEAR:
            return None
        depth = k
    tiles = Tiles(rows, columns, lanes, n)
    copied = _COPIES * (1 / m + 1 / n + 1 / k)
    twice = tiles.blocks * tiles.width * -(-m // rows) * rows / (m * n) - 1
    return Blocks(tiles, -(-k // -(-k // depth))) if copied - twice > _GAIN else None


def _rows(m: int, columns: int) -> int:
    """How many rows of a product of `m` a tile has. These are few numbers, so that a product of another size
    needs no other kernel.
    """
    return next(rows for rows in (_ROWS[columns], 4, 2, 1) if rows <= m)


def _depth(a: Layout, n: int, k: int, size: int) -> int:
    """How many rows of `b`, and of numbers of `a` that they meet, stay in the caches."""
    return min(_NEAR // (n * size) or 1, _FAR if _turned(a) else k)


def _turned(a: Layout) -> bool:
    """Whether a matrix lies transposed."""
    return a.strides[-2] == 1


def multiply(a: Layout, b: Layout, y: Layout, blocks: Blocks) -> Kernel:
    """The kernel that makes `y` the product of `a` and `b`, matrices or rows of them; the rows of `b` and
    `y` lie in order.
    """
    (m, n), k, dtype = y.shape[-2:], a.shape[-1], y.buffer.dtype
    (down, right), count, tiles = a.strides[-2:], prod(y.shape[:-2]), blocks.tiles
    words = [
        *[address("a", a), *numbers(a_row=down, a_column=right)],
        *[address("b", b), *numbers(b_row=b.strides[-2])],
        *[address("c", y), *numbers(c_row=y.strides[-2])],
        *numbers(m=m, n=n, k=k, deep=blocks.deep, count=count),
        *numbers(a_step=apart(a), b_step=apart(b), c_step=apart(y)),
    ]
    shape = f"{tiles.rows}, {tiles.columns}, {tiles.lanes}"
    fields: dict[str, Any] = {**tiles.told, "shape": shape, "pitch": 1 if _turned(a) else "a_row"}
    moved = sum(prod(x.shape) for x in (a, b, y)) * dtype.itemsize
    told = {"extent": 1, "bytes": moved, "flops": 2 * m * n * k * count, "pace": _PACE}
    return kernel_of(MULTIPLY, words, fields, **told)


def apart(x: Layout) -> int:
    """The stride from each matrix to the next, where there are several."""
    strides = [s for n, s in zip(x.shape[:-2], x.strides[:-2]) if n > 1]
    return strides[-1] if strides else 0
