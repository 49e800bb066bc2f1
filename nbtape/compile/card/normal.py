"""Normal numbers on a card, which are drawn with rejections: where one begins follows from all before it.

The half words of a draw are cut into parts, each a thread's. First each part is taken to begin with a number;
then with what the one before it left over, which nearly always comes to the same end, since those who walk
through a draw from different places soon meet. Where it does not, one thread sets the rest right.
"""

from typing import Any

import numpy as np

from nbtape.compile.card import scan
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import address, kernel_of, numbers
from nbtape.core.shape import Spec
from nbtape.graph.program import Value

_EACH = 64  # half words of a part
_SPARE = 1.03  # half words for a number, of which most take one
_INT64 = np.dtype(np.int64)

TEXT = '''"""{title}"""
from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for part in range(cuda.grid(1), threads, cuda.gridsize(1)):
        {trip}
'''

_FIRST = [
    "begin = part * each",
    "counts[part], ends[part] = walked(draw, begin, begin + each)",
]
_AGAIN = [
    "begin = guesses[part - 1] if part else 0",
    "begins[part], counts[part], ends[part] = begin, guessed[part], guesses[part]",
    "if begin != part * each:",
    "    counts[part], ends[part] = walked(draw, begin, part * each + each)",
]
_CHECK = ["if part and begins[part] != ends[part - 1]:", "    wrong[0] = 1"]
_REPAIR = [
    "for later in range(1, parts if wrong[0] else 0):",
    "    begin = ends[later - 1]",
    "    if begin != begins[later]:",
    "        begins[later] = begin",
    "        counts[later], ends[later] = walked(draw, begin, later * each + each)",
]
_WRITE = [
    "taken, i = begins[part], sums[part] - counts[part]",
    "while i < n and (taken < part * each + each or part == parts - 1):",
    "    x, taken, found = attempt(draw, None, taken)",
    "    if found:",
    "        y[i] = x",
    "        i += 1",
    "        if i == n:",
    "            last[0] = taken",
]


def make(planner: Any, draw: Layout, y: Layout, n: int) -> Layout:
    """Write the n normal numbers of a draw to `y`; gives where it is told how many half words they take."""
    parts = -(-int(n * _SPARE + _EACH) // _EACH)
    room = [planner.scratch((parts,), _INT64) for _ in range(5)]
    guessed, guesses, begins, counts, ends = room
    walks = {"begins": begins, "counts": counts, "ends": ends}
    wrong, last = planner.cleared(Value(Spec((1,), _INT64))), planner.scratch((), _INT64)
    act = _Acts(planner, parts, n)
    act("Count the normal numbers of parts.", _FIRST, draw=draw, counts=guessed, ends=guesses)
    act("Count them from where they begin.", _AGAIN, draw=draw, guessed=guessed, guesses=guesses, **walks)
    act("Tell whether parts fit together.", _CHECK, begins=begins, ends=ends, wrong=wrong)
    act("Make parts fit together.", _REPAIR, 1, draw=draw, wrong=wrong, **walks)
    sums = scan.running(planner, counts)
    made = {"sums": sums, "y": y, "last": last}
    act("Make normal numbers.", _WRITE, draw=draw, begins=begins, counts=counts, **made)
    return last


class _Acts:
    """Runs kernels of parts."""

    def __init__(self, planner: Any, parts: int, n: int):
        self.planner, self.parts, self.n = planner, parts, n

    def __call__(self, title: str, trip: list[str], threads: int | None = None, **layouts: Layout) -> None:
        called = [name for name in ("attempt", "walked") if any(f"{name}(" in line for line in trip)]
        imports = [f"from nbtape.kernels.ziggurat import {name}" for name in called]
        threads = threads or self.parts
        words = numbers(threads=threads, parts=self.parts, each=_EACH, n=self.n)
        words += [address(name, layout) for name, layout in layouts.items()]
        fields = {"title": title, "imports": imports, "trip": trip}
        self.planner.grid(kernel_of(TEXT, words, fields, extent=1), -(-threads // self.planner.lanes))
