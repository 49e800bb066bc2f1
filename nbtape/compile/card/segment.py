"""Rows folded by their segments, on a card, in the same order at each run.

The ids are put in order first; then a segment's rows are neighbours. They are folded in slices, by a thread
for each column, and the slices by another kernel. As on TensorFlow's cards, rows of segments that there are
not are left out: to refuse them the host would have to wait for the card.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card import sorting
from nbtape.compile.emission.expression import combined, start
from nbtape.compile.emission.kernel import Kernel
from nbtape.compile.fusion.group import NATIVE
from nbtape.compile.planning.divide import folding
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import Op, o
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_SLICE, _MOST = 32, 1024  # rows of a slice, in segments of one size; and slices
_FOLDS = {o.segment_sum: o.sum, o.segment_prod: o.prod, o.segment_max: o.max, o.segment_min: o.min}

TEXT = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for item in range(cuda.grid(1), slices * segments * inner, cuda.gridsize(1)):
        e, segment, part = item % inner, item // inner % segments, item // inner // segments
        first, last = 0, rows
        while first < last:
            middle = (first + last) // 2
            if ids[middle] < segment:
                first = middle + 1
            else:
                last = middle
        last = rows
        begin = first
        while begin < last:
            middle = (begin + last) // 2
            if ids[middle] <= segment:
                begin = middle + 1
            else:
                last = middle
        count = last - first
        {fold}
'''

_FOLD = """total = {start} if count else {nothing}
for k in range(first + count * part // slices, first + count * (part + 1) // slices):
    total = {next}
y[item] = total"""


def is_native(step: Step) -> bool:
    """Whether a step folds segments, of which the number is known, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in (*_FOLDS, o.segment_count) or not all(v.static and v.dtype in NATIVE for v in values):
        return False
    return all(prod(sizes(v)) for v in values) and step.inputs[0].dtype.kind != "b"


def plan(planner: Any, step: Step) -> None:
    """Let `planner` fold segments."""
    data, ids = step.inputs[:2]
    (y,), rows = step.outputs, prod(sizes(ids))
    segments, *rest = sizes(y)
    inner = prod(rest)
    order, given = _ordered(planner, ids, rows)
    told = {"segments": segments, "rows": rows, "inner": inner}
    if step.op is o.segment_count:
        fields = {"title": "Count the rows of segments.", "fold": ["y[item] = max(count, 1)"], "imports": []}
        _act(planner, {**told, "slices": 1}, {"ids": given, "y": planner.fresh(y)}, fields)
        return
    slices = min(-(-rows // (segments * _SLICE)), _MOST)
    fold, target = _FOLDS[step.op], planner.fresh(y)
    several = Value(Spec((slices, *sizes(y)), y.dtype))
    place = target if slices == 1 else planner.scratch(several.shape, y.dtype)
    layouts = {"ids": given, "order": order, "x": planner.ordered(data), "y": place}
    kernel = _act(planner, {**told, "slices": slices}, layouts, _fields(step, fold, y.dtype), {y: fold})
    if slices > 1:
        planner.launch(folding(kernel, several, y), {several: place, y: target})


def _ordered(planner: Any, ids: Value, rows: int) -> tuple[Layout, Layout]:
    """Which row is in each place once they are in the order of their ids, and the ids in that order."""
    order, given = planner.scratch((rows,), sorting.PLACE), planner.scratch((rows,), ids.dtype)
    flat = replace(planner.ordered(ids), shape=(rows,), strides=(1,))
    sorting.sort(planner, flat, rows, False, {"y": given, "index": order})
    return order, given


def _fields(step: Step, fold: Op, dtype: np.dtype) -> dict[str, Any]:
    kernel: Any = fold.kernel
    text, called = combined(kernel.step, dtype, acc="total", x="x[order[k] * inner + e]")
    begin = start(kernel, dtype)
    nothing = begin
    if fold in (o.max, o.min):
        info = as_dtype(dtype)
        empty = 0 if step.attrs["ordered"] else info.min if fold is o.max else info.max
        nothing = f"np.{dtype}({np.asarray(empty).item()})"
    return {
        "title": f"Fold the rows of segments: {fold.name}.",
        "imports": [f"from nbtape.kernels.math import {', '.join(sorted(called))}"] if called else [],
        "fold": _FOLD.format(start=begin, nothing=nothing, next=text).split("\n"),
    }


def _act(
    planner: Any,
    told: dict[str, int],
    layouts: dict[str, Layout],
    fields: dict[str, Any],
    folds: dict[Value, Op] | None = None,
) -> Kernel:
    words = [*numbers(**told), *[address(name, layout) for name, layout in layouts.items()]]
    kernel = kernel_of(TEXT, words, fields, extent=1, folds=folds or {})
    planner.grid(kernel, -(-told["slices"] * told["segments"] * told["inner"] // planner.lanes))
    return kernel
