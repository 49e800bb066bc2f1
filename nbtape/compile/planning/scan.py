"""Scans: cumulative sums, products and logsumexps along an axis, and the recurrence of their gradients.

Each element follows from the one before it. Where numbers of other scans lie between the two, these run side
by side, a row after the other; otherwise a scan keeps what it has in a register.
"""

from collections.abc import Collection
from math import prod
from typing import Any

from nbtape.compile.fusion.group import NATIVE
from nbtape.compile.planning.windows import address, kernel_of, numbers, sizes
from nbtape.core.engine import o
from nbtape.graph.program import Step

_PACE = 1.0  # nanoseconds for an element, on one core

ALONE = '''"""{title}"""
{imports}


def kernel({arguments}):
    for o in range(begin, end):
        here = o * n + first
        total = {start}
        y[here] = total
        for _ in range(n - 1):
            last = here
            here += step
            total = {next}
            y[here] = total
'''

TOGETHER = '''"""{title}"""
{imports}


def kernel({arguments}):
    for o in range(begin, end):
        row = o * n * inner + first
        for here in range(row, row + inner):
            y[here] = {start}
        for _ in range(n - 1):
            row += step
            for here in range(row, row + inner):
                last = here - step
                y[here] = {next}
'''

TITLES = {
    o.cumsum: "Sum up along an axis.",
    o.cumprod: "Multiply up along an axis.",
    o.cumlogsumexp: "Sum up along an axis, in logarithms.",
    o.recurrence: "Scale and add up along an axis.",
}
_NEXT = {
    o.cumsum: "{total} + x[{at}]",
    o.cumprod: "{total} * x[{at}]",
    o.cumlogsumexp: "logaddexp({total}, x[{at}])",
    o.recurrence: "a[{at}] * {total} + x[{at}]",
}
IMPORTS = {o.cumlogsumexp: ["from nbtape.kernels.logarithm import logaddexp"]}
NOTHING = {o.cumsum: "0", o.cumprod: "1", o.cumlogsumexp: "-np.inf", o.recurrence: "0"}


def is_native(step: Step, native: Collection[Any] = NATIVE) -> bool:
    """Whether a step is a scan of numbers of these dtypes, and has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in TITLES or not all(v.static and v.dtype in native for v in values):
        return False
    shapes = {v.shape for v in values}
    return len(shapes) == 1 and 0 not in sizes(values[0]) and values[0].dtype.kind != "b"


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a scan."""
    (*factors, x), (y,) = step.inputs, step.outputs
    shape, axis = sizes(x), step.attrs["axis"] % len(sizes(x))
    outer, n, inner = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    first, by = ((n - 1) * inner, -inner) if step.attrs["reverse"] else (0, inner)
    words = numbers(begin=0, end=outer, n=n, first=first, step=by)
    words += numbers(inner=inner) if inner > 1 else []
    words += [address("a", planner.ordered(a)) for a in factors]
    words += [address("x", planner.ordered(x)), address("y", planner.fresh(y))]
    total, exclusive = "total" if inner == 1 else "y[last]", step.attrs.get("exclusive")
    fields: dict[str, Any] = {
        "imports": [*["import numpy as np"] * bool(exclusive), *IMPORTS.get(step.op, [])],
        "title": TITLES[step.op],
        "start": f"np.{x.dtype}({NOTHING[step.op]})" if exclusive else "x[here]",
        "next": _NEXT[step.op].format(total=total, at="last" if exclusive else "here"),
    }
    count = prod(shape)
    moved = (len(step.inputs) + 1) * count * x.dtype.itemsize
    told = {"extent": outer, "bytes": moved, "flops": count, "pace": _PACE}
    planner.run(kernel_of(ALONE if inner == 1 else TOGETHER, words, fields, **told), {})
