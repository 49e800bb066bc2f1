"""Scatters on a card: rows combined with those of a target that indices choose, in one order at each run.

The indices are put in order first; then the rows for one place are neighbours. They are folded in parts, each
a thread's for each column. What a part begins with, of rows that the part before has begun, it hands to the
thread that began them, which alone writes to their place.
"""

from dataclasses import replace
from math import prod
from typing import Any

from nbtape.compile.card import sorting
from nbtape.compile.emission.expression import combined
from nbtape.compile.emission.place import COMBINED
from nbtape.compile.fusion.access import is_scatter
from nbtape.compile.fusion.group import Group
from nbtape.compile.planning import scatter
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.graph.program import Step, Value

_EACH = 32  # rows of a part
# How rows of one place are folded, before all are combined with what is there.
_FOLDS = {"sub": "add", "div": "mul"}

TEXT = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for item in range(cuda.grid(1), outer * parts * inner, cuda.gridsize(1)):
        e, part, o = item % inner, item // inner % parts, item // inner // parts
        first = part * each
        k, end = first, min(first + each, m)
        while {more}:
            row = ids[k]
            begun = k > 0 and ids[k - 1] == row
            total = u[(o * m + order[k]) * inner + e]
            k += 1
            while k < end and ids[k] == row:
                total = {fold}
                k += 1
            {put}
'''

_HANDED = ["if begun:", "    handed[item] = total"]
_PUT = [
    "if not begun:",
    "    later, ahead = item, k",
    "    while ahead < m and ids[ahead] == row:",
    "        later += inner",
    "        ahead += each",
    "        total = {join}",
    "    place = (o * rows + row) * inner + e",
    "    y[place] = {combine}",
]


def plan(planner: Any, group: Group) -> None:
    """Let `planner` run a group with scatters: what their rows are made of, and then the scatters."""
    found = [(step, scatter.target(planner, step, group)) for step in group.scatters]
    wanted = [(step, target) for step, target in found if target is not None]
    rest = _without(group)
    for step, _ in wanted:
        for x in step.inputs[:2]:
            if x in rest.made:
                planner.readers.setdefault(x, []).append(planner.now)
    if rest.steps:
        planner._group(rest)
    for step, target in wanted:
        _scatter(planner, step, target)


def _without(group: Group) -> Group:
    """A group without its scatters."""
    steps = [step for step in group.steps if not is_scatter(step)]
    made = {step.outputs[0] for step in steps}
    known = made.union(*[step.inputs for step in steps])
    return replace(group, steps=steps, made=made, axes={v: a for v, a in group.axes.items() if v in known})


def _scatter(planner: Any, step: Step, target: Layout) -> None:
    """Combine rows with the target; where its elements do not lie in order, with a copy."""
    if target.contiguous:
        _Scatter(planner, step).run(target)
        return
    there = Value(step.outputs[0].spec)
    planner.layouts[there] = target
    copy = planner.copied(there)
    _Scatter(planner, step).run(copy)
    planner.layouts[there] = copy
    planner.copy(there, target)


class _Scatter:
    def __init__(self, planner: Any, step: Step):
        i, u = step.inputs[:2]
        self.planner, self.dtype = planner, u.dtype
        self.kind: str = step.attrs["kind"]
        axis, shape = step.attrs["axis"], sizes(step.outputs[0])
        self.rows, self.m, self.outer = shape[axis], prod(sizes(i)), prod(shape[:axis])
        self.inner, self.parts = prod(shape[axis + 1 :]), -(-self.m // _EACH)
        flat = replace(planner.ordered(i), shape=(self.m,), strides=(1,))
        ids, order = planner.scratch((self.m,), i.dtype), planner.scratch((self.m,), sorting.PLACE)
        sorting.sort(planner, flat, self.m, False, {"y": ids, "index": order})
        self.given = {"ids": ids, "order": order, "u": planner.ordered(u)}

    def run(self, y: Layout) -> None:
        handed = self.planner.scratch((self.outer, self.parts, self.inner), self.dtype)
        fold = COMBINED[_FOLDS.get(self.kind, self.kind)]
        step, called = self._written(fold, "total", "u[(o * m + order[k]) * inner + e]")
        if self.parts > 1:
            self._act("Fold rows that parts begin with.", "k == first", step, _HANDED, called, handed=handed)
        join, _ = self._written(fold, "total", "handed[later]")
        combine, more = self._written(COMBINED[self.kind], "y[place]", "total")
        put = [line.format(join=join, combine=combine) for line in _PUT]
        title = f"Combine rows with those that indices choose: {self.kind}."
        self._act(title, "k < end", step, put, called | more, handed=handed, y=y)

    def _written(self, text: str, a: str, b: str) -> tuple[str, frozenset[str]]:
        return combined(text, self.dtype, **{"0": a, "1": b})

    def _act(
        self, title: str, more: str, fold: str, put: list[str], called: frozenset[str], **layouts: Layout
    ) -> None:
        told = {"outer": self.outer, "parts": self.parts, "inner": self.inner, "m": self.m, "each": _EACH}
        words = numbers(**told, rows=self.rows)
        words += [address(name, layout) for name, layout in (self.given | layouts).items()]
        imports = [f"from nbtape.kernels.math import {', '.join(sorted(called))}"] if called else []
        fields = {"title": title, "imports": imports, "more": more, "fold": fold, "put": put}
        items = self.outer * self.parts * self.inner
        self.planner.grid(kernel_of(TEXT, words, fields, extent=1), -(-items // self.planner.lanes))
