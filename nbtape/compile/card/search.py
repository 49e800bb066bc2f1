"""Bisection in rows that are in order, on a card: `searchsorted`, a thread for each value."""

from math import prod
from typing import Any

from nbtape.compile.card.narrow import KINDS
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

TEXT = '''"""Find where values belong in rows that are in order."""
from nbtape.compile.device import cuda
from nbtape.kernels.sorting import before


def kernel({arguments}):
    for item in range(cuda.grid(1), rows * count, cuda.gridsize(1)):
        row = item // count * n
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if {after}:
                low = middle + 1
            else:
                high = middle
        y[item] = low
'''
_AFTER = {
    "left": "before(x[row + middle], values[item], False)",
    "right": "not before(values[item], x[row + middle], False)",
}


def is_native(step: Step) -> bool:
    """Whether a step looks up values, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    return step.op is o.searchsorted and all(v.static and v.dtype in KINDS and prod(sizes(v)) for v in values)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` look up values."""
    (x, values), (y,) = step.inputs, step.outputs
    n, items = sizes(x)[-1], prod(sizes(y))
    rows = prod(sizes(x)) // n
    words = numbers(rows=rows, n=n, count=items // rows)
    words += [address("x", planner.ordered(x)), address("values", planner.ordered(values))]
    words.append(address("y", planner.fresh(y)))
    kernel = kernel_of(TEXT, words, {"after": _AFTER[step.attrs["side"]]}, extent=1)
    planner.grid(kernel, -(-items // planner.lanes))
