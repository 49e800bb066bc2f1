"""Joins: the parts of a concat or a stack are made where they belong, in slices of the result.

What a group or a product makes is written there at once; anything else is copied when the join comes.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nbtape.compile.fusion.group import Group
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.products import is_product, matrix
from nbtape.graph.program import Step, Value

Parts = dict[Value, tuple[Step, int]]


def is_join(step: Step, native: frozenset) -> bool:
    """Whether a step puts arrays of these dtypes beside each other."""
    values = (*step.inputs, *step.outputs)
    return step.op.name in ("concat", "stack") and all(v.static and v.dtype in native for v in values)


def parts_of(units: list[Any], native: frozenset) -> Parts:
    """The values that are parts of joins and may be made there, with the join and which part they are."""
    made = set()
    for unit in units:
        if isinstance(unit, Group):
            made |= unit.made
        elif is_product(unit):
            made |= {*unit.outputs}
    parts: Parts = {}
    for step in units:
        if not isinstance(step, Group) and is_join(step, native):
            for k, x in enumerate(step.inputs):
                if x in made:
                    parts.setdefault(x, (step, k))
    return parts


def place(planner: Any, x: Value) -> Layout | None:
    """Where in the result of its join a part belongs; None if it cannot be made there."""
    step, k = planner.parts[x]
    y, unit = step.outputs[0], planner.units[planner.now]
    if y not in planner.layouts:
        planner.layouts[y] = planner.fresh(y)
    layout = list(_slices(step, planner.layouts[y]))[k]
    if isinstance(unit, Group):  # what is folded in memory is cleared as a whole
        return None if x in unit.folded and not layout.contiguous else layout
    found = matrix(layout)
    return layout if found is not None and not found[0] else None


def plan(planner: Any, step: Step) -> None:
    """Plan a join: copy what does not lie in the result yet."""
    y = step.outputs[0]
    if y not in planner.layouts:
        planner.layouts[y] = planner.fresh(y)
    for x, layout in zip(step.inputs, _slices(step, planner.layout(y))):
        if planner.layouts.get(x) != layout:
            planner.copy(x, layout)


def _slices(step: Step, y: Layout) -> Iterator[Layout]:
    """The layouts of the parts in the result."""
    axis, start = step.attrs["axis"], 0
    for x in step.inputs:
        shape, strides = x.shape or (0,), y.strides
        if step.op.name == "stack":
            strides = (*strides[:axis], *strides[axis + 1 :])
        yield replace(y, shape=x.shape or (), strides=strides, offset=y.offset + start * y.strides[axis])
        start += 1 if step.op.name == "stack" else shape[axis]
