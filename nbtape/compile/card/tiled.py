"""Products of two operands in tiles, for grids of threads.

A block makes one tile of the result at a time, and each of its threads a cell of that, in registers. It
reads slabs of the operands into memory that its threads share, the next ones while it works on these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbtape.compile.card.operands import Operand, Result

BUSY = 128  # blocks that keep a card busy
_CELL = {4: 8, 8: 4}  # numbers along a side of a thread's cell, at most, by their bytes
_SLAB = 8  # terms of the sums that are read at once
_BANKS = 32  # of shared memory, which neighbours should not have in common

TILES = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    left = cuda.shared.array({left}, np.{number})
    right = cuda.shared.array({right}, np.{number})
    lane = cuda.threadIdx.x & {last}  # says to the compiler that no index is negative, as with e below
    row, column = lane // {side}, lane % {side}
    down, across = (m + {rows} - 1) // {rows}, (n + {columns} - 1) // {columns}
    for tile in range(cuda.blockIdx.x, parts * count * down * across, cuda.gridDim.x):
        part, item = tile // (down * across) // count, tile // (down * across) % count
        top, first = tile // across % down * {rows}, tile % across * {columns}
        begin, end = part * deep, min(part * deep + deep, k)
        {start}
        for here in range(begin - {slab}, end, {slab}):
            ahead = here + {slab}
            {fetch}
            if here >= begin:
                turn = here // {slab} & 1
                for e in range({slab}):
                    {add}
            turn = ahead // {slab} & 1
            {keep}
            cuda.syncthreads()
        {put}
'''


@dataclass(frozen=True)
class Tiling:
    """How many threads a side of a block has, and how many rows and columns of numbers each of them."""

    side: int
    high: int
    wide: int

    @property
    def threads(self) -> int:
        return self.side * self.side

    @property
    def rows(self) -> int:
        return self.side * self.high

    @property
    def columns(self) -> int:
        return self.side * self.wide

    @property
    def slab(self) -> int:
        """Terms of the sums that are read at once: enough that each thread reads some."""
        return max(min(_SLAB, self.threads), self.side // min(self.high, self.wide))

    def count(self, m: int, n: int) -> int:
        return -(-m // self.rows) * -(-n // self.columns)


def tiling(m: int, n: int, count: int, size: int, lanes: int) -> Tiling:
    """The tiles of `count` products of m by n numbers of `size` bytes, for about `lanes` threads a block.

    >>> tiling(4096, 4096, 1, 4, 128)
    Tiling(side=16, high=8, wide=8)
    >>> tiling(256, 10, 1, 4, 128)
    Tiling(side=16, high=2, wide=1)
    """
    side = 1 << lanes.bit_length() // 2
    most = min(_CELL[size], side)
    high, wide = [min(most, 1 << (-(-x // side) - 1).bit_length()) for x in (m, n)]
    while max(high, wide) > 2 and count * Tiling(side, high, wide).count(m, n) < BUSY:
        high, wide = (high // 2, wide) if high >= wide else (high, wide // 2)
    return Tiling(side, high, wide)


def of_tiles(tiles: Tiling, operands: tuple[Operand, Operand], result: Result, finish: str) -> dict[str, Any]:
    """What the text of tiles says of these tiles and operands."""
    left = _Slab("left", "a", operands[0], tiles, tiles.rows, "top", "m")
    right = _Slab("right", "b", operands[1], tiles, tiles.columns, "first", "n")
    cells = [(i, j) for i in range(tiles.high) for j in range(tiles.wide)]
    add = [f"t{i}_{j} += a{i} * b{j}" for i, j in cells]
    return {
        **{"side": tiles.side, "rows": tiles.rows, "columns": tiles.columns, "slab": tiles.slab},
        **{"last": tiles.threads - 1, "left": 2 * left.room, "right": 2 * right.room},
        "start": [*left.start(), *right.start(), *[f"t{i}_{j} = np.{{number}}(0)" for i, j in cells]],
        "fetch": [*left.fetch(), *right.fetch()],
        "add": [*left.taken("row", tiles.high), *right.taken("column", tiles.wide), *add],
        "keep": [*left.keep(), *right.keep()],
        "put": _put(tiles, result, finish),
    }


def _put(tiles: Tiling, result: Result, finish: str) -> list[str]:
    """The lines that write the cell of a thread, as far as it is inside."""
    lines = []
    for i in range(tiles.high):
        lines += [f"i = {_plus('top + row', i * tiles.side)}", "if i < m:"]
        lines += [f"    {line.format(i='i')}" for line in result.row]
        for j in range(tiles.wide):
            lines += [f"    j = {_plus('first + column', j * tiles.side)}", "    if j < n:"]
            element = result.element.format(i="i", j="j")
            lines.append(f"        {element} = {finish.format(f't{i}_{j}')}")
    return lines


@dataclass
class _Slab:
    """The lines of a text that read the slabs of an operand, `rows` long, and hand out their numbers."""

    name: str
    letter: str
    operand: Operand
    tiles: Tiling
    rows: int
    top: str
    limit: str

    @property
    def pitch(self) -> int:
        """From each term to the next: neighbours that are written at once lie in different banks."""
        return self.rows + (_BANKS // self.tiles.slab if self.operand.deep else 0)

    @property
    def room(self) -> int:
        return self.tiles.slab * self.pitch

    def reads(self) -> Iterator[tuple[str, str, str, str, str]]:
        """For each number that a thread reads of a slab: its row and term in that, and names for itself, for
        what follows from the row, and from the term.
        """
        threads, slab, x = self.tiles.threads, self.tiles.slab, self.letter
        for q in range(self.rows * slab // threads):
            if self.operand.deep:
                i = _plus(f"lane // {slab}", q * (threads // slab))
                yield i, f"lane % {slab}", f"{x}{q}_", f"{x}{q}", x
            else:
                u = _plus(f"lane // {self.rows}", q * (threads // self.rows))
                yield f"lane % {self.rows}", u, f"{x}{q}_", x, f"{x}{q}"

    def start(self) -> list[str]:
        """What is the same for all slabs of a tile."""
        lines: dict[str, None] = {}
        for i, _, _, r, _ in self.reads():
            rows = [line.format(i=f"{r}_i", r=r) for line in self.operand.row]
            lines |= dict.fromkeys([f"{r}_i = {self.top} + {i}", *rows])
        return [*lines]

    def fetch(self) -> list[str]:
        """Read a slab into registers."""
        lines: dict[str, None] = {}
        for _, u, x, r, t in self.reads():
            terms = [line.format(u=f"{t}_u", t=t) for line in self.operand.term]
            inside = f"{r}_i < {self.limit} and {t}_u < end"
            names = {"i": f"{r}_i", "u": f"{t}_u", "r": r, "t": t}
            if self.operand.inside:
                inside += f" and {self.operand.inside.format(**names)}"
            read = f"{x} = {self.operand.element.format(**names)} if {inside} else np.{{number}}(0)"
            lines |= dict.fromkeys([f"{t}_u = ahead + {u}", *terms, read])
        return [*lines]

    def keep(self) -> list[str]:
        """Write a slab to where all threads can read it."""
        return [
            f"{self.name}[turn * {self.room} + ({u}) * {self.pitch} + {i}] = {x}"
            for i, u, x, _, _ in self.reads()
        ]

    def taken(self, mine: str, count: int) -> list[str]:
        """Read what the cell of a thread needs for one term."""
        at = f"at = turn * {self.room} + (e & {self.tiles.slab - 1}) * {self.pitch} + {mine}"
        places = [_plus("at", i * self.tiles.side) for i in range(count)]
        return [at, *[f"{self.letter}{i} = {self.name}[{place}]" for i, place in enumerate(places)]]


def _plus(text: str, number: int) -> str:
    return f"{text} + {number}" if number else text
