"""Scans along an axis, on a card: cumulative sums, products and logsumexps, and linear recurrences.

A long line is cut into parts, each for a thread. What the parts come to is scanned in the same way: that is
from where each starts. The order is the same at each run, and so is the result.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.scan import is_native as is_native
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import Op, o
from nbtape.graph.program import Step

_EACH = 16  # elements of a part

TEXT = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for item in range(cuda.grid(1), outer * parts * inner, cuda.gridsize(1)):
        e, part = item % inner, item // inner % parts
        begin = part * each
        here = item // inner // parts * n * inner + e + first + begin * step
        {start}
        for k in range(begin, min(begin + each, n)):
            {trip}
            here += step
        {end}
'''

_TITLES = {
    o.cumsum: "Sum up along an axis.",
    o.cumprod: "Multiply up along an axis.",
    o.cumlogsumexp: "Sum up along an axis, in logarithms.",
    o.recurrence: "Scale and add up along an axis.",
}
_NEXT = {
    o.cumsum: "total + x[here]",
    o.cumprod: "total * x[here]",
    o.cumlogsumexp: "logaddexp(total, x[here])",
    o.recurrence: "a[here] * total + x[here] if k else x[here]",
}
_IMPORTS = {o.cumlogsumexp: ["from nbtape.kernels.logarithm import logaddexp"]}
_NOTHING = {o.cumsum: "0", o.cumprod: "1", o.cumlogsumexp: "-np.inf", o.recurrence: "0"}


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a scan."""
    (*factors, x), axis = step.inputs, step.attrs["axis"] % len(sizes(step.inputs[0]))
    shape, given = sizes(x), [planner.ordered(v) for v in (x, *factors)]
    lines = _Lines(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]), step.attrs["reverse"])
    _Scan(planner, step.op, x.dtype).run(
        lines, dict(zip("xa", given)), planner.fresh(step.outputs[0]), step.attrs.get("exclusive", False)
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines along the middle one of three axes, and whether they are walked from their ends."""

    outer: int
    n: int
    inner: int
    reverse: bool = False

    def words(self, parts: int) -> list:
        first, step = ((self.n - 1) * self.inner, -self.inner) if self.reverse else (0, self.inner)
        sides = {"outer": self.outer, "n": self.n, "inner": self.inner, "first": first, "step": step}
        return numbers(**sides, parts=parts, each=self.n if parts == 1 else _EACH)


class _Scan:
    def __init__(self, planner: Any, op: Op, dtype: np.dtype):
        self.planner, self.op, self.dtype = planner, op, dtype

    def run(self, lines: _Lines, given: dict[str, Layout], y: Layout, exclusive: bool = False) -> None:
        """Scan `given`, "x" and perhaps factors "a", into `y`."""
        parts = -(-lines.n // _EACH)
        if lines.outer * lines.inner >= self.planner.most * self.planner.lanes:
            parts = 1  # there are lines enough for all threads
        before = None if parts == 1 else self._before(lines, parts, given)
        start = f"total = np.{self.dtype}({_NOTHING[self.op]})"
        trip = [f"total = {_NEXT[self.op]}", "y[here] = total"]
        fields = {
            "start": [start] if before is None else [start, "if part:", "    total = before[item - inner]"],
            "trip": trip[::-1] if exclusive else trip,
            "end": [],
        }
        self._act(lines, parts, {**given, **({"before": before} if before else {}), "y": y}, fields)

    def _before(self, lines: _Lines, parts: int, given: dict[str, Layout]) -> Layout:
        """Where each part has what it and all before it come to."""
        room = lines.outer, parts, lines.inner
        totals = {name: self.planner.scratch(room, self.dtype) for name in given}
        fields = {
            "start": [f"total = np.{self.dtype}({_NOTHING[self.op]})"],
            "trip": [f"total = {_NEXT[self.op]}"],
            "end": ["totals_x[item] = total"],
        }
        if "a" in given:
            fields["start"] += [f"factor = np.{self.dtype}(1)"]
            fields["trip"] += ["factor *= a[here]"]
            fields["end"] += ["totals_a[item] = factor"]
        places = {f"totals_{name}": layout for name, layout in totals.items()}
        self._act(lines, parts, {**given, **places}, fields)
        found = self.planner.scratch(room, self.dtype)
        self.run(_Lines(*room), totals, found)
        return found

    def _act(self, lines: _Lines, parts: int, layouts: dict[str, Layout], fields: dict[str, Any]) -> None:
        words = [*lines.words(parts), *[address(name, layout) for name, layout in layouts.items()]]
        fields = {**fields, "title": _TITLES[self.op], "imports": _IMPORTS.get(self.op, [])}
        count = lines.outer * parts * lines.inner
        self.planner.grid(kernel_of(TEXT, words, fields, extent=1), -(-count // self.planner.lanes))


def running(planner: Any, x: Layout) -> Layout:
    """The sums of a vector up to each of its elements."""
    y = planner.scratch(x.shape, x.buffer.dtype)
    _Scan(planner, o.cumsum, x.buffer.dtype).run(_Lines(1, x.shape[0], 1), {"x": x}, y)
    return y
