"""Scans along an axis, on a card: cumulative sums, products and logsumexps, and linear recurrences.

A line is cut into parts, each for a thread. What the parts come to is scanned in the same way: that is from
where each starts. The order is the same at each run, and so is the result. Where the elements of a line lie
side by side, threads share memory, to read and write neighbours together.
"""

from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card.narrow import KINDS
from nbtape.compile.emission.expression import computed
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.scan import IMPORTS, NOTHING, TITLES, is_native as is_scan
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import Op, o
from nbtape.graph.program import Step

_SHIFT = 4
_EACH = 1 << _SHIFT  # elements of a part; after so many, shared memory has one to spare, to use all its banks

ALONE = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    {room}
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    for block in range(cuda.blockIdx.x * lanes, outer * parts, cuda.gridDim.x * lanes):
        last = min(block + lanes, outer * parts)
        begin, end = block // parts * n + block % parts * each, last // parts * n + last % parts * each
        for k in range(lane, end - begin, lanes):
            {take}
        cuda.syncthreads()
        item, part = block + lane, (block + lane) % parts
        here = item // parts * n + part * each - begin
        if item < last:
            {start}
            for k in range(part * each, min(part * each + each, n)):
                place = here + (here >> {shift})
                {trip}
                here += 1
            {end}
        cuda.syncthreads()
        {put}
'''

TOGETHER = '''"""{title}"""
import numpy as np

from nbtape.compile.device import cuda
{imports}


def kernel({arguments}):
    for item in range(cuda.grid(1), outer * parts * inner, cuda.gridsize(1)):
        e, part = item % inner, item // inner % parts
        here = item // inner // parts * n * inner + e + first + part * each * step
        {start}
        for k in range(part * each, min(part * each + each, n)):
            {trip}
            here += step
        {end}
'''

_NEXT = {
    o.cumsum: "total + value",
    o.cumprod: "total * value",
    o.cumlogsumexp: "logaddexp(total, value)",
    o.recurrence: "{a} * total + value if k > {none} else value",
}


def is_native(step: Step) -> bool:
    """Whether a step is a scan, and has a kernel."""
    return is_scan(step, KINDS)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a scan."""
    (*factors, x), axis = step.inputs, step.attrs["axis"] % len(sizes(step.inputs[0]))
    shape, given = sizes(x), [planner.ordered(v) for v in (x, *factors)]
    lines = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    scan = _Scan(planner, step.op, np.dtype(computed(x.dtype)), lines, step.attrs["reverse"])
    scan.run(dict(zip("xa", given)), planner.fresh(step.outputs[0]), step.attrs.get("exclusive", False))


class _Scan:
    """A scan along the middle one of three axes, perhaps from its end."""

    def __init__(
        self, planner: Any, op: Op, dtype: np.dtype, shape: tuple[int, int, int], reverse: bool = False
    ):
        self.planner, self.op, self.dtype, self.reverse = planner, op, dtype, reverse
        self.outer, self.n, self.inner = shape
        many = self.inner > 1 and self.outer * self.inner >= planner.most * planner.lanes
        self.parts = 1 if many else -(-self.n // _EACH)  # many lines are enough for all threads

    def run(self, given: dict[str, Layout], y: Layout, exclusive: bool = False) -> None:
        """Scan `given`, "x" and perhaps factors "a", into `y`."""
        start, before = [self._nothing()], {}
        if self.parts > 1:
            before = {"before": self._before(given)}
            start += ["if part:", f"    total = before[item - {'inner' if self.inner > 1 else 1}]"]
        trip = ["total = {next}", "{y} = total"]
        trip = ["value = {x}", *(trip[::-1] if exclusive else trip)]
        self._act({**given, **before, "y": y}, start, trip, [], none="0")

    def _before(self, given: dict[str, Layout]) -> Layout:
        """Where each part has what it and all before it come to."""
        room = self.outer, self.parts, self.inner
        totals = {name: self.planner.scratch(room, self.dtype) for name in given}
        start, trip, end = [self._nothing()], ["value = {x}", "total = {next}"], ["total_x[item] = total"]
        if "a" in given:
            start += [f"factor = np.{self.dtype}(1)"]
            trip += ["factor *= {a}"]
            end += ["total_a[item] = factor"]
        places = {f"total_{name}": layout for name, layout in totals.items()}
        self._act({**given, **places}, start, trip, end, none="part * each")
        found = self.planner.scratch(room, self.dtype)
        _Scan(self.planner, self.op, self.dtype, room).run(totals, found)
        return found

    def _nothing(self) -> str:
        return f"total = np.{self.dtype}({NOTHING[self.op]})"

    def _act(
        self, layouts: dict[str, Layout], start: list[str], trip: list[str], end: list[str], none: str
    ) -> None:
        """Run a kernel; before the element `none` there is nothing, not even a 0 that a factor may scale."""
        alone, items = self.inner == 1, self.outer * self.parts * self.inner
        words = [*self._words(), *[address(name, layout) for name, layout in layouts.items()]]
        names = {x: f"{x}_room[place]" if alone else f"{x}[here]" for x in "xa"}
        names |= {"y": names["x"] if alone else "y[here]"}
        names["next"] = _NEXT[self.op].format(**names, none=none)
        fields: dict[str, Any] = {"start": start, "trip": [line.format(**names) for line in trip], "end": end}
        if alone:
            fields |= self._staged(layouts)
        fields |= {"title": TITLES[self.op], "imports": IMPORTS.get(self.op, [])}
        self.planner.grid(
            kernel_of(ALONE if alone else TOGETHER, words, fields, extent=1), -(-items // self.planner.lanes)
        )

    def _words(self) -> list:
        """The numbers of a kernel. Lines of which the elements lie side by side are one after another, also
        seen from their ends.
        """
        first, step = 0, self.inner
        if self.reverse:
            first, step = (self.outer * self.n - 1, -1) if self.inner == 1 else ((self.n - 1) * step, -step)
        sides = {"outer": self.outer, "n": self.n, "first": first, "step": step}
        sides |= {"inner": self.inner} if self.inner > 1 else {}
        return numbers(**sides, parts=self.parts, each=self.n if self.parts == 1 else _EACH)

    def _staged(self, layouts: dict[str, Layout]) -> dict[str, Any]:
        """The lines by which neighbours read, and write, neighbours in memory, whoever scans them."""
        read, size = [x for x in "xa" if x in layouts], self.planner.lanes * (_EACH + 1)
        at, place = "[first + (begin + k) * step]", f"k + (k >> {_SHIFT})"
        put = [
            "for k in range(lane, end - begin, lanes):",
            f"    y{at} = x_room[{place}]",
            "cuda.syncthreads()",
        ]
        return {
            "shift": _SHIFT,
            "room": [f"{x}_room = cuda.shared.array({size}, np.{self.dtype})" for x in read],
            "take": [f"{x}_room[{place}] = {x}{at}" for x in read],
            "put": put if "y" in layouts else [],
        }


def running(planner: Any, x: Layout) -> Layout:
    """The sums of a vector up to each of its elements."""
    y = planner.scratch(x.shape, x.buffer.dtype)
    _Scan(planner, o.cumsum, x.buffer.dtype, (1, x.shape[0], 1)).run({"x": x}, y)
    return y
