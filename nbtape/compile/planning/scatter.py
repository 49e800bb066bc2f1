"""Where scatters write: zeros, a copy of what they start from, or that itself where nobody else reads it."""

from typing import Any

import numpy as np

from nbtape.compile.fusion.group import Group
from nbtape.compile.planning import variables
from nbtape.compile.planning.layout import Layout, dense
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value


def target(planner: Any, step: Step, group: Group) -> Layout | None:
    """The place of a scatter's result, which holds what the rows are combined with; None if nobody asks."""
    y, variable = step.outputs[0], step.attrs["variable"]
    if variable is not None:
        return _of_variable(planner, y, variable, group)
    if not planner.wanted(y, group):
        return None
    if len(step.inputs) == 2:
        layout = planner.layouts[y] = planner.fresh(y)
        clear(planner, y, layout)
        return layout
    x = step.inputs[2]
    old = planner.layout(x)
    goal = variables.goal(planner, y)
    mine = old == goal or goal is None and old.buffer in planner.own and old.whole
    if x.constant is None and mine and _is_free(planner, old, x, group):
        layout = planner.layouts[y] = old
        if old.buffer.origin == "variable":
            planner.made.written.append(old.buffer.source.deref())
        return layout
    layout = planner.fresh(y)
    planner.copy(x, layout)
    return layout


def _of_variable(planner: Any, y: Value, reference: Any, group: Group) -> Layout:
    """The variable itself, or, where its old value is read later, another array that it gets in the end."""
    serial = reference.deref()._serial
    now = planner.current.get(serial)
    old = (
        planner.layout(now)
        if now is not None
        else dense(variables.place(planner, reference, y), y.shape or ())
    )
    planner.current[serial] = y
    own = old.buffer.origin == "variable" or serial in planner.pending
    if own and _is_free(planner, old, None, group):
        if old.buffer.origin == "variable":
            planner.made.written.append(reference.deref())
        planner.layouts[y] = old
        return old
    source = Value(y.spec)
    planner.layouts[source] = old
    layout = planner.layouts[y] = planner.copied(source, "output")
    planner.pending[serial] = reference, layout
    return layout


def _is_free(planner: Any, place: Layout, x: Value | None, group: Group) -> bool:
    """Whether nobody but a scatter into `x` reads the array of `place` now or later."""
    for v, layout in planner.layouts.items():
        if layout.buffer is not place.buffer:
            continue
        later = any(i > planner.now for i in planner.readers.get(v, ()))
        if later or v in planner.returned or v in group.axes or v in group.sources:
            return False
        if v is not x and v in group.targets:
            return False
    return True


def clear(planner: Any, y: Value, layout: Layout) -> None:
    """Fill a place with zeros."""
    zero = Value(Spec((), y.dtype), np.zeros((), y.dtype)[()])
    filled = Value(y.spec)
    group = Group(list(y.shape or ()))
    group.steps, group.made = [Step(o.identity, (zero,), {}, (filled,))], {filled}
    group.axes = {zero: (), filled: tuple(range(len(y.shape or ())))}
    planner.launch(group, {filled: layout})
