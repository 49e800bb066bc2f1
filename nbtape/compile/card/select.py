"""What is of a size that only the elements tell, on a card: where elements are not zero, and unique elements.

All is made as if every element counted, in places that running sums of marks say; how many there are the host
reads in the end, and takes so many.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card import scan, sorting
from nbtape.compile.card.host import PHASES, CardHost
from nbtape.compile.card.narrow import KINDS
from nbtape.compile.card.transfer import to_host
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.compile.planning.region import NotNative
from nbtape.compile.planning.windows import address, kernel_of, numbers, sides, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

_MARK = np.dtype(np.int32)

TEXT = '''"""{title}"""
from nbtape.compile.device import cuda


def kernel({arguments}):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        {trip}
'''

_MARKS = ["marks[i] = 1 if x[i] != 0 else 0"]
_HEADS = ["head = i == 0 or x[i] != x[i - 1]", "heads[i] = 1 if head else 0", "firsts[order[i]] = heads[i]"]
_STARTS = ["if heads[i]:", "    starts[groups[i] - 1] = i"]
_UNIQUE = [
    "group = groups[i]",
    "rank = ranks[order[starts[group - 1]]] - 1",
    "index[order[i]] = rank",
    "if heads[i]:",
    "    y[rank] = x[i]",
    "    count[rank] = (starts[group] if group < groups[n - 1] else n) - i",
]


@dataclass(eq=False, slots=True)
class Counted:
    """Results of which `count` tells the host how many rows there are of those that lie ready."""

    count: Layout
    made: list[tuple[Layout, Buffer]]


def is_native(step: Step) -> bool:
    """Whether a step selects elements, and has a kernel."""
    if step.op not in (o.where_indices, o.flat_nonzero, o.unique):
        return False
    x = step.inputs[0]
    return (
        x.static
        and x.dtype in KINDS
        and 0 < prod(sizes(x)) < 2**31
        and (step.op is not o.unique or x.dtype.kind != "b")
    )


def plan(planner: Any, step: Step) -> None:
    """Let `planner` select elements."""
    if planner.parent:
        raise NotNative
    x = planner.ordered(step.inputs[0])
    n = prod(x.shape)
    (_unique if step.op is o.unique else _nonzero)(planner, step, replace(x, shape=(n,), strides=(1,)))


def _nonzero(planner: Any, step: Step, x: Layout) -> None:
    (y,), (n,) = step.outputs, x.shape
    shape = sizes(step.inputs[0]) if step.op is o.where_indices else (n,)
    marks = planner.scratch((n,), _MARK)
    _act(planner, "Mark what is not zero.", _MARKS, n, {"x": x, "marks": marks})
    places = scan.running(planner, marks)
    lines = ["if x[i] != 0:", f"    at, left = (places[i] - 1) * {len(shape)}, i"]
    for a in reversed(range(len(shape))):
        lines += [f"    y[at + {a}] = left % n_{a}", f"    left //= n_{a}"]
    rest = (len(shape),) if step.op is o.where_indices else ()
    found = planner.scratch((n, *rest), y.dtype)
    _act(planner, "Tell where what is not zero is.", lines, n, {"x": x, "places": places, "y": found}, shape)
    planner.act(Counted(_last(places), [(found, planner.result(y))]))


def _unique(planner: Any, step: Step, x: Layout) -> None:
    y, index, count = step.outputs
    (n,) = x.shape
    inside, order = planner.scratch((n,), y.dtype), planner.scratch((n,), sorting.PLACE)
    sorting.sort(planner, x, n, False, {"y": inside, "index": order})
    heads, firsts, starts = [planner.scratch((n,), _MARK) for _ in range(3)]
    known = {"x": inside, "order": order, "heads": heads}
    _act(planner, "Mark the first of equals.", _HEADS, n, {**known, "firsts": firsts})
    groups, ranks = scan.running(planner, heads), scan.running(planner, firsts)
    _act(
        planner, "Note where equals begin.", _STARTS, n, {"heads": heads, "groups": groups, "starts": starts}
    )
    values, counts = planner.scratch((n,), y.dtype), planner.scratch((n,), count.dtype)
    given = {**known, "groups": groups, "ranks": ranks, "starts": starts}
    made = {"y": values, "index": planner.fresh(index), "count": counts}
    _act(planner, "Number elements as they come.", _UNIQUE, n, {**given, **made})
    planner.act(Counted(_last(groups), [(values, planner.result(y)), (counts, planner.result(count))]))


def _last(x: Layout) -> Layout:
    """The last element of a vector."""
    return replace(x, shape=(), strides=(), offset=x.offset + x.shape[0] - 1)


def _act(
    planner: Any, title: str, trip: list[str], n: int, layouts: dict[str, Layout], shape: tuple[int, ...] = ()
) -> None:
    words = [*numbers(n=n), *sides("n", *shape), *[address(name, x) for name, x in layouts.items()]]
    kernel = kernel_of(TEXT, words, {"title": title, "trip": trip}, extent=1)
    planner.grid(kernel, -(-n // planner.lanes))


def _counting(host: CardHost, action: Counted) -> Callable[[list], None]:
    slots = [(layout, host.slots[buffer]) for layout, buffer in action.made]

    def count(arrays: list) -> None:
        rows = int(to_host(host.array(action.count, arrays)))
        for layout, slot in slots:
            arrays[slot] = host.array(replace(layout, shape=(rows, *layout.shape[1:])), arrays)

    return count


PHASES[Counted] = _counting
