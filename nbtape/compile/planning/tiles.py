"""How large the tiles are in which kernels add up products: as large as the registers allow."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nbtape.compile.code.objects import target


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles that cover a matrix of any number of rows and of `depth` numbers a row."""

    rows: int
    columns: int  # vectors
    lanes: int  # numbers in a vector
    depth: int

    @property
    def width(self) -> int:
        return self.columns * self.lanes

    @property
    def blocks(self) -> int:
        """How many tiles lie side by side."""
        return -(-self.depth // self.width)

    def many(self, count: int) -> bool:
        """Whether so many tiles at once stay in registers."""
        return count * self.rows <= most_rows(self.columns)

    @property
    def told(self) -> dict[str, Any]:
        """What a text needs to know; `left` is how many numbers a block has, where the last is not full."""
        left = f"depth - block * {self.width}" if self.depth % self.width else None
        shape = {"rows": self.rows, "columns": self.columns, "lanes": self.lanes}
        return {**shape, "width": self.width, "left": left}


def tiles_over(count: int, depth: int, dtype: np.dtype) -> Tiles:
    """Tiles for `count` rows, of which some are done twice where they do not come out even."""
    columns, lanes = columns_of(depth, dtype)
    blocks = -(-count // most_rows(columns))
    return Tiles(-(-count // blocks), columns, lanes, depth)


def tiles_in(count: int, depth: int, dtype: np.dtype) -> Tiles:
    """Tiles for `count` rows, each of which is in one of them."""
    columns, lanes = columns_of(depth, dtype)
    rows = max(n for n in range(1, most_rows(columns) + 1) if count % n == 0)
    return Tiles(rows, columns, lanes, depth)


def columns_of(depth: int, dtype: np.dtype) -> tuple[int, int]:
    """How many vectors of how many lanes a tile of so many numbers a row has."""
    lanes = min(vector_bytes() // dtype.itemsize, 1 << (depth - 1).bit_length())
    vectors = -(-depth // lanes)
    return 3 if vectors % 6 == 3 else min(vectors, 2), lanes


def most_rows(columns: int) -> int:
    """How many rows fit into the registers, beside a row of another matrix and a number."""
    return max((registers() - columns - 1) // columns, 1)


@cache
def vector_bytes() -> int:
    """How many bytes a vector register of this CPU holds."""
    features = target()[2].split(",")
    return 64 if "+avx512f" in features else 32 if "+avx2" in features else 16


def registers() -> int:
    """How many vector registers this CPU has."""
    return 32 if vector_bytes() == 64 or target()[0].startswith(("aarch64", "arm64")) else 16
