"""Variables in a plan: what is read from one lies in it, and what is assigned to it is written there where no
one needs the old value any more.
"""

from typing import Any

from nbtape.compile.fusion.group import Group, reductions_behind
from nbtape.compile.planning.actions import Commit
from nbtape.compile.planning.layout import Buffer, Layout, dense, laid
from nbtape.core.engine import o
from nbtape.graph.program import Step, Value


def in_place(planner: Any, y: Value, group: Group) -> Layout | None:
    """Where `y` belongs, a variable or a carry, if nobody reads what is there now any more, or elsewhere
    than at the element that is written.
    """
    home = goal(planner, y)
    if home is None or y in group.folded or group.axes[y] != tuple(range(len(group.domain))):
        return None
    for x, layout in planner.layouts.items():
        if layout.buffer is not home.buffer:
            continue
        if any(i > planner.now for i in planner.readers.get(x, ())) or x in planner.returned:
            return None
        if x in group.axes and (
            layout != home or group.axes[x] != group.axes[y] or not read_before(group, x, y)
        ):
            return None
        if x in group.sources or x in group.targets:
            return None
    if home.buffer.origin == "variable":
        planner.made.written.append(home.buffer.source.deref())
    return home


def read_before(group: Group, x: Value, y: Value) -> bool:
    """Whether each element of `x` has been read for the last time when that of `y` is written."""
    made = next(k for k, step in enumerate(group.steps) if y in step.outputs)
    if group.split is None:  # each element is read once, where it is first needed
        return any(x in step.inputs for step in group.steps[: made + 1])
    inner = frozenset(range(group.split, len(group.domain)))
    staged = {v for v, axes in group.folded.items() if axes == inner}
    return made == len(group.steps) - 1 and staged <= reductions_behind(group, y)


def goal(planner: Any, y: Value) -> Layout | None:
    """Where `y` belongs, if what is there now may go."""
    return planner.goals.get(y) or _home(planner, y)


def _home(planner: Any, y: Value) -> Layout | None:
    """The variable that `y` is assigned to and that holds its old value until then."""
    if y not in planner.kept or y in planner.returned or not y.shape:
        return None
    steps = [s for s in planner.program.steps if s.op is o.assign_variable or s.op is o.read_variable]
    assigned = [s for s in steps if s.op is o.assign_variable and s.inputs[0] is y]
    if len(assigned) != 1:
        return None
    reference = assigned[0].attrs["variable"]
    others = [
        s
        for s in steps
        if s is not assigned[0]
        and (s.op is o.assign_variable or s.outputs[0] not in planner.layouts)
        and s.attrs["variable"].deref() is reference.deref()
    ]
    return None if others else dense(place(planner, reference, y), y.shape)


def place(planner: Any, reference: Any, v: Value) -> Buffer:
    serial = reference.deref()._serial
    if serial not in planner.variables:
        planner.variables[serial] = planner.buffer(v, "variable", reference)
    return planner.variables[serial]


def read(planner: Any, step: Step) -> None:
    y, reference = step.outputs[0], step.attrs["variable"]
    serial = reference.deref()._serial
    if serial in planner.current:
        planner.layouts[y] = planner.layout(planner.current[serial])
    else:
        planner.layouts[y] = laid(place(planner, reference, y), y)


def assign(planner: Any, step: Step) -> None:
    (x,), reference = step.inputs, step.attrs["variable"]
    serial = reference.deref()._serial
    layout = planner.layout(x)
    planner.current[serial] = x
    if layout.buffer is planner.variables.get(serial) and layout.whole:
        return  # written in place
    shared = (
        x in planner.returned
        and bool(x.shape)
        or any(y.buffer is layout.buffer for _, y in planner.pending.values())
    )
    if layout.known and (layout.buffer.origin not in ("output", "result") or not layout.whole or shared):
        layout = planner.copied(x, "output")
    planner.pending[serial] = reference, layout


def commit(planner: Any) -> None:
    if planner.pending:
        planner.act(Commit(list(planner.pending.values())))
        planner.pending = {}
