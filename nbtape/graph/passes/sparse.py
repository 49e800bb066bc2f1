"""Sparse updates: a variable of which a program changes some rows is changed there, in place.

What was written is `v.assign(v - c * scattered)`, or a scatter into the value of v that is assigned to v: as
many elements as v has would be read and written for the few that change.
"""

import math

from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.graph.passes.rewrite import constant, number_of
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts


def update_rows(program: Program) -> Program:
    """`program` with `scatter_variable` for assignments that change only the rows of a scatter."""
    made = {y: step for step in program.steps for y in step.outputs}
    for i, step in reversed(list(enumerate(program.steps))):
        if step.op is o.assign_variable:
            found = _update(program, i, step, made)
            if found is not None:
                program.steps[i : i + 1] = found
    return program


def _update(program: Program, at: int, assign: Step, made: dict[Value, Step]) -> list[Step] | None:
    """The steps to put in the place of an assignment, if it is such an update."""
    reference, new = assign.attrs["variable"], assign.inputs[0]
    change = _change(made.get(new), made)
    if change is None or _times_used(program, new) != 1:
        return None
    read, steps, indices, rows, kind, factor = change
    source = made.get(read)
    if source is None or source.op is not o.read_variable or source.attrs["variable"] != reference:
        return None
    if read.shape != new.shape or not _is_current(program, source, at, reference):
        return None
    if _is_seen(program, read, at):
        return None
    attrs = {"variable": reference, "kind": kind}
    changed = [*steps, Step(o.scatter_variable, (indices, rows), attrs, (), assign.place)]
    if factor is not None:
        changed.append(Step(o.spoil_variable, (factor,), {"variable": reference}, (), assign.place))
    return changed


# What is read; steps to add; indices, rows, and how; a factor that may not be finite.
Change = tuple[Value, list[Step], Value, Value, str, Value | None]


def _change(step: Step | None, made: dict[Value, Step]) -> Change | None:
    """The rows that a step changes in one of its inputs."""
    if step is None:
        return None
    if step.op is o.tensor_scatter:
        read, indices, rows = step.inputs
        return read, [], indices, rows, step.attrs["kind"], None
    if step.op not in (o.add, o.sub):
        return None
    kind = step.op.name
    sides = [step.inputs] if step.op is o.sub else [step.inputs, step.inputs[::-1]]
    for read, delta in sides:
        found = _scattered(made.get(delta), made)
        if found is not None:
            steps, indices, rows, factor = found
            return read, steps, indices, rows, kind, factor
    return None


Scattered = tuple[list[Step], Value, Value, Value | None]  # steps to add; indices, rows, and a factor


def _scattered(step: Step | None, made: dict[Value, Step]) -> Scattered | None:
    """Indices and rows of a `scatter_add`, which a number may multiply."""
    if step is None:
        return None
    if step.op is o.scatter_add:
        indices, rows = step.inputs
        return [], indices, rows, None
    if step.op is not o.mul:
        return None
    for x, factor in (step.inputs, step.inputs[::-1]):
        inner, number = made.get(x), number_of(factor)
        if inner is None or inner.op is not o.scatter_add or number is None and factor.shape != ():
            continue
        indices, rows = inner.inputs
        if number is not None:
            factor = constant(number, rows.dtype)
        scaled = Value(rows.spec)
        once = Step(o.mul, (rows, factor), {}, (scaled,), step.place)
        return [once], indices, scaled, None if number is not None and math.isfinite(number) else factor
    return None


def _is_current(program: Program, read: Step, at: int, reference: object) -> bool:
    """Whether nothing that may change the variable stands between its reading and step `at`."""
    between = program.steps[program.steps.index(read) + 1 : at]
    return not any(acts(s) and s.attrs.get("variable", reference) == reference for s in between)  # type: ignore[arg-type]


def _is_seen(program: Program, x: Value, at: int) -> bool:
    """Whether the array of `x`, or a view of it, is used after step `at`, when its rows have changed."""
    same = {x}
    for i, step in enumerate(program.steps):
        if same.isdisjoint(step.inputs):
            continue
        if i > at or step.programs:
            return True
        if isinstance(step.op.kernel, View):
            same.update(step.outputs)
    return not same.isdisjoint(program.outputs)


def _times_used(program: Program, x: Value) -> int:
    used = sum([step.inputs.count(x) for step in program.steps])
    return used + program.outputs.count(x)
