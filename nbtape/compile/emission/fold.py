"""Text of reductions: numbers that loops fold into, or elements of memory where inner loops do not fold.

The sum of many float32 numbers is not kept in one: they are summed in blocks, and the sums in float64.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.expression import combined, start
from nbtape.compile.planning.layout import dense_strides
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_LONG = 8192  # numbers that one float32 may sum up
_WIDE = np.dtype(np.float64)


def write(emitter: Any, step: Step, stage: int) -> None:
    """Write the reduction `step` into the text that `emitter` writes."""
    y, (x,) = step.outputs[0], step.inputs
    value, depth = emitter.name(x, stage), emitter.depth(x)
    loops = [k for k in range(depth) if set(emitter.nest[k]) & emitter.group.folded[y]]
    first = depth
    while first and first - 1 in loops:
        first -= 1
    if 0 in loops:
        emitter.partial.append(y)
    if first == depth and loops:
        _Memory(emitter, step, loops, stage).add(value, depth)
        return
    total = _total(emitter, step, value, stage, first, depth)
    emitter.names[y, -1] = total
    if any(k < first for k in loops):
        _Memory(emitter, step, [k for k in loops if k < first], stage).add(total, first, after=True)
    elif y in emitter.layouts:
        emitter.put(f"{emitter.element(y, first)} = {total}", stage, first, after=True)


def _is_long(emitter: Any, step: Step, loops: list[int]) -> bool:
    """Whether a thread sums more numbers than their dtype bears."""
    count = prod([emitter.sizes[k] for k in loops])
    if emitter.shared in loops:
        count //= emitter.lanes
    return step.op.name == "sum" and step.outputs[0].dtype == np.float32 and count > _LONG


def _total(emitter: Any, step: Step, value: str, stage: int, first: int, depth: int) -> str:
    """The name of the number into which the loops from `first` to `depth` fold."""
    dtype = step.outputs[0].dtype
    kernel: Any = step.op.kernel
    total = emitter.new("s")
    if not _is_long(emitter, step, list(range(first, depth))):
        emitter.put(f"{total} = {start(kernel, dtype)}", stage, first)
        emitter.put(f"{total} = {_folded(emitter, kernel, dtype, total, value)}", stage, depth)
        emitter.gather(total, kernel.step, dtype, stage, first, depth)
        return total
    emitter.put(f"{total} = np.float64(0)", stage, first)
    if depth < len(emitter.nest):  # what inner loops are there do not fold: nothing could be vectorised
        emitter.put(f"{total} = {total} + np.float64({value})", stage, depth)
    else:
        at = depth - 0.5 if emitter.sizes[depth - 1] > _LONG else depth - 1
        part = emitter.new("s")
        emitter.put(f"{part} = {start(kernel, dtype)}", stage, at)
        emitter.put(f"{part} = {_folded(emitter, kernel, dtype, part, value)}", stage, depth)
        emitter.put(f"{total} = {total} + np.float64({part})", stage, at, after=True)
    emitter.gather(total, kernel.step, _WIDE, stage, first, depth)
    narrow = emitter.new("s")
    emitter.put(f"{narrow} = np.float32({total})", stage, first, after=True)
    return narrow


class _Memory:
    """The array of a result, element by element of which outer loops fold: cleared before the first of them,
    inside of those around it, of which other threads may have their share.
    """

    def __init__(self, emitter: Any, step: Step, loops: list[int], stage: int):
        self.emitter, self.y = emitter, step.outputs[0]
        self.kernel: Any = step.op.kernel
        self.first, self.stage = loops[0], stage
        self.target = self.y
        if _is_long(emitter, step, loops):
            self.target = self._wide()
        target = self._element(self.target)
        self._each(f"{target} = {start(self.kernel, self.target.dtype)}", after=False)
        if self.target is not self.y:
            self._each(f"{self._element(self.y)} = np.float32({target})", after=True)

    def add(self, value: str, depth: int, after: bool = False) -> None:
        if self.target is not self.y:
            value = f"np.float64({value})"
        element = self.emitter.element(self.target, depth)
        text = _folded(self.emitter, self.kernel, self.target.dtype, element, value)
        self._put([f"{element} = {text}"], depth, depth, after)

    def _wide(self) -> Value:
        """A place for the sums in float64."""
        emitter, y, wide = self.emitter, self.y, Value(Spec(self.y.shape, _WIDE))
        layout = emitter.spill(wide, prod(y.shape or ()))
        emitter.scratch.append(layout)
        layout = replace(layout, shape=y.shape, strides=dense_strides(y.shape or ()))
        emitter.layouts = {**emitter.layouts, wide: layout}
        emitter.strides[wide] = emitter.over_domain(emitter.group.axes[y], layout)
        return wide

    def _element(self, v: Value) -> str:
        kind = "y" if v is self.y else "w"
        self.emitter.argument(kind, self.emitter.layouts[v], self.emitter.strides[v])
        return self.emitter.element(v, len(self.emitter.nest))

    def _each(self, line: str, after: bool) -> None:
        """Do something for each element of what one trip of the loops around folds."""
        level, nest = self.emitter.group.level(self.y), self.emitter.nest
        walked = [k for k in range(self.first, len(nest)) if level & set(nest[k])]
        lines = [line]
        for k in reversed(walked):
            lines = [f"for i{k} in {self.emitter.trips(k)}:", *[f"    {line}" for line in lines]]
        self._put(lines, self.first, walked[-1] + 1 if walked else self.first, after)

    def _put(self, lines: list[str], depth: int, walked: int, after: bool) -> None:
        for line in self.emitter.once(lines, walked):
            self.emitter.put(line, self.stage, depth, after)


def _folded(emitter: Any, kernel: Any, dtype: np.dtype, acc: str, x: str) -> str:
    text, called = combined(kernel.step, dtype, acc=acc, x=x)
    emitter.imports |= called
    emitter.flops += 1
    return text
