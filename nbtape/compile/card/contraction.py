"""Products of two operands on a card, which may be matrices or the windows of images.

What has too few blocks for a card is cut into parts along its sums, and another kernel adds up the parts, in
order. Many products with few columns, as convolutions of each channel by itself are, have no tiles, which
would be nearly empty, but a thread for each number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card.operands import Operand, Result
from nbtape.compile.card.tiled import BUSY, TILES, Tiling, of_tiles, tiling
from nbtape.compile.emission.expression import computed
from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import address, kernel_of, numbers

_SHORT = 256  # terms that are worth a part of their own

NUMBERS = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for e in range(cuda.grid(1), parts * m * count * n, cuda.gridsize(1)):
        j, item, i, part = e % n, e // n % count, e // (n * count) % m, e // (n * count * m)
        {start}
        total = np.{number}(0)
        for u in range(part * deep, min(part * deep + deep, k)):
            {fetch}
            if {inside}:
                total += {a} * {b}
        {put}
'''

PARTS = '''"""Add up the parts of sums."""
from nbtape.compile.device import cuda


def kernel({arguments}):
    for e in range(cuda.grid(1), size, cuda.gridsize(1)):
        total = x[e]
        for part in range(1, parts):
            total += x[part * size + e]
        y[e] = total
'''


@dataclass
class Product:
    """Products of two operands: m, n, k and how many, and what is done to each number at last."""

    title: str
    sizes: tuple[int, int, int, int]
    operands: tuple[Operand, Operand]
    result: Callable[[Layout], Result]
    finish: str = "{0}"
    imports: Sequence[str] = ()
    tiled: bool = True

    def plan(self, planner: Any, y: Layout) -> None:
        """Let `planner` make `y` these products."""
        (m, n, k, count), number = self.sizes, np.dtype(computed(y.buffer.dtype))
        tiles = tiling(m, n, count, number.itemsize, planner.lanes) if self.tiled else None
        blocks = count * tiles.count(m, n) if tiles else -(-m * n * count // planner.lanes)
        cut = self.finish == "{0}" and y.contiguous
        parts = max(1, min(BUSY // blocks, k // _SHORT)) if cut else 1
        step = tiles.slab if tiles else 1
        deep = -(-k // parts // step) * step
        parts = -(-k // deep)
        several = planner.scratch((parts, *y.shape), number) if parts > 1 else None
        target = _target(self.result, y, several)
        kernel = self._kernel(tiles, numbers(parts=parts, deep=deep), target, number)
        planner.grid(kernel, parts * blocks, lanes=tiles.threads if tiles else None)
        if several:
            _add_up(planner, several, y)

    def _kernel(self, tiles: Tiling | None, parts: list[Word], target: Result, number: Any) -> Kernel:
        m, n, k, count = self.sizes
        a, b = self.operands
        words = [*numbers(m=m, n=n, k=k, count=count), *parts, *a.words, *b.words, *target.words]
        fields = {"title": self.title, "number": number, "imports": [*self.imports]}
        if tiles:
            fields |= of_tiles(tiles, self.operands, target, self.finish)
        else:
            fields |= _of_numbers(self.operands, target, self.finish)
        moved = sum([prod(w.layout.shape) * w.layout.buffer.dtype.itemsize for w in words if w.layout])
        told = {"extent": 1, "bytes": moved, "flops": 2 * m * n * k * count}
        return kernel_of(TILES if tiles else NUMBERS, words, fields, **told)


def _target(result: Callable[[Layout], Result], y: Layout, several: Layout | None) -> Result:
    """Where products go: to `y`, or those of each part to a place of its own."""
    if several is None:
        return result(y)
    found = result(replace(several, shape=y.shape, strides=several.strides[1:]))
    words = [*found.words, *numbers(y_part=several.strides[0])]
    return replace(found, words=words, element=found.element.replace("[", "[part * y_part + ", 1))


def _add_up(planner: Any, several: Layout, y: Layout) -> None:
    """Let `y` be the sum of its parts."""
    parts, size = several.shape[0], several.strides[0]
    words = [*numbers(parts=parts, size=size), address("x", several), address("y", y)]
    moved = several.buffer.bytes + y.buffer.bytes
    kernel = kernel_of(PARTS, words, {}, extent=1, bytes=moved, flops=parts * size)
    planner.grid(kernel, -(-size // planner.lanes))


def _of_numbers(operands: tuple[Operand, Operand], result: Result, finish: str) -> dict[str, Any]:
    """What the text of single numbers says of these operands."""
    names = [{"i": i, "u": "u", "r": f"{x}{i}", "t": f"{x}u"} for x, i in zip("ab", "ij")]
    start = [line.format(**told) for x, told in zip(operands, names) for line in x.row]
    fetch = [line.format(**told) for x, told in zip(operands, names) for line in x.term]
    inside = [x.inside.format(**told) for x, told in zip(operands, names) if x.inside]
    element = result.element.format(i="i", j="j")
    return {
        **{"start": start, "fetch": fetch, "inside": " and ".join(inside) or "True"},
        **{x: operand.element.format(**told) for x, operand, told in zip("ab", operands, names)},
        "put": [*[line.format(i="i") for line in result.row], f"{element} = {finish.format('total')}"],
    }
