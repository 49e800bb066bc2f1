"""Sorts, and the largest elements, along the last axis: row by row, in kernels, where rows are not long.

Long rows are NumPy's, whose sorts are faster then than the call of them is slow.
"""

from collections.abc import Collection
from math import log2, prod
from typing import Any

import numpy as np

from nbtape.compile.fusion.group import NATIVE
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

_FEW = 32  # elements that are put in order one by one
_LONG = 64
_PACE = 2.0  # nanoseconds for a comparison, on one core

TEXT = '''"""{title}"""
from nbtape.kernels.sorting import {called}


def kernel({arguments}):
    for row in range(begin, end):
        first = row * n
        {find}
        for k in range(count):
            {write}
'''


def sorts(step: Step, native: Collection[Any]) -> bool:
    """Whether a step sorts numbers of these dtypes along the last axis."""
    values = (*step.inputs, *step.outputs)
    if step.op not in (o.sort, o.argsort, o.top_k) or not all(v.static and v.dtype in native for v in values):
        return False
    last = len(sizes(step.inputs[0])) - 1
    return all(prod(sizes(v)) for v in values) and step.attrs.get("axis", -1) in (-1, last)


def is_native(step: Step) -> bool:
    """Whether a step sorts short rows, and has a kernel."""
    if not sorts(step, NATIVE):
        return False
    return sizes(step.inputs[0])[-1] <= _LONG or step.attrs.get("k", _LONG) <= _FEW


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a sort."""
    (x,), shape = step.inputs, sizes(step.inputs[0])
    n, count = shape[-1], sizes(step.outputs[0])[-1]
    some = step.op is o.top_k and count <= _FEW
    room = planner.scratch((count if some else 2 * n,), np.dtype(np.int64))
    words = [*numbers(begin=0, end=prod(shape[:-1]), n=n, count=count), address("x", planner.ordered(x))]
    words.append(address("room", room))
    write = []
    for y, name in zip(step.outputs, ("index",) if step.op is o.argsort else ("y", "index")):
        words.append(address(name, planner.fresh(y)))
        found = "room[k]" if some else "room[at + k]"
        write.append(f"{name}[row * count + k] = {found if name == 'index' else f'x[first + {found}]'}")
    largest = step.op is o.top_k
    fields: dict[str, Any] = {
        "title": "Find the largest along the last axis." if largest else "Sort along the last axis.",
        "called": "largest" if some else "order",
        "find": "largest(x, first, n, room, count)"
        if some
        else f"at = order(x, first, n, room, {largest or step.attrs['descending']})",
        "write": write,
    }
    moved = sum(prod(sizes(v)) * v.dtype.itemsize for v in (x, *step.outputs))
    work = int(prod(shape) * (1 if some else 1 + log2(n)))
    told = {"extent": prod(shape[:-1]), "bytes": moved, "flops": work, "pace": _PACE, "scratch": [room]}
    planner.run(kernel_of(TEXT, words, fields, **told), {})
