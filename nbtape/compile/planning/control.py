"""Loops and branches in a plan: native where all that they run is, steps of Python otherwise.

A loop's carries have a buffer each, in which its body finds them and leaves them for the next trip. What is
streamed in and what is stacked up lies in rows: the machine moves the kernels' words from row to row.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.planning.layout import Buffer, Layout, dense
from nbtape.compile.planning.products import ready
from nbtape.compile.planning.region import NotNative, attempt, region
from nbtape.compile.planning.whole import emit_loop, trips_of
from nbtape.graph.program import Step, Value


@dataclass(eq=False, slots=True)
class Rows:
    """Where a row buffer is in each trip: row after row of `layout`, the last one first if `reverse`."""

    layout: Layout
    reverse: bool


@dataclass(eq=False, slots=True)
class Loop:
    """A loop of the machine. `rows` are the row buffers that move with its trips."""

    body: list[Any]
    test: list[Any] | None
    verdict: Layout | None
    limit: int
    rows: list[Buffer] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Growing:
    """A loop that stacks rows of which nobody knows before how many there will be, or runs through such
    rows.

    Of `rows`, the buffers that it makes, one row has a shape. It runs once for each row of `length`, if
    that is given. A kernel counts its trips in `count`; a Loop does so itself.
    """

    action: Any
    rows: list[tuple[Buffer, tuple]]
    length: Buffer | None
    count: Layout | None = None


@dataclass(eq=False, slots=True)
class Branch:
    """A branch of the machine."""

    choice: Layout
    programs: list[list[Any]]  # what runs for 0, and for anything else


@dataclass(eq=False, slots=True)
class Repeat:
    """A loop of Python over plans of their own."""

    step: Step
    body: Any
    test: Any
    inputs: list[Any]
    outputs: list[Buffer]


@dataclass(eq=False, slots=True)
class Choose:
    """A branch of Python over plans of their own."""

    step: Step
    plans: list[Any]
    inputs: list[Any]
    outputs: list[Buffer]


def plan_loop(planner: Any, step: Step) -> None:
    """Plan a `while_`."""
    try:
        with attempt(planner):
            _native_loop(planner, step)
    except NotNative:
        body, test = step.attrs["body"], step.attrs["cond"]
        planner.python(step, lambda inputs, outputs: Repeat(
            step, planner.apart(body), test and planner.apart(test), inputs, outputs))  # fmt: skip


def plan_branch(planner: Any, step: Step) -> None:
    """Plan a `cond`."""
    try:
        with attempt(planner):
            _native_branch(planner, step)
    except NotNative:
        plans = [planner.apart(step.attrs[key]) for key in ("false", "true")]
        planner.python(step, lambda inputs, outputs: Choose(step, plans, inputs, outputs))


def _native_loop(planner: Any, step: Step) -> None:
    attrs, carries, scanned = step.attrs, step.attrs["carries"], step.attrs["scanned"]
    body, trips = attrs["body"], trips_of(step)
    stacked = step.outputs[carries:]
    if trips is None and (stacked or attrs["cond"] is None) and planner.parent or not _known(step):
        raise NotNative
    growing = Growing(None, [], None)
    states = [_state(planner, x, y) for x, y in zip(step.inputs, step.outputs[:carries])]
    streams = [_stream(planner, x, growing) for x in step.inputs[carries : carries + scanned]]
    inside = zip(step.inputs[carries + scanned :], body.inputs[carries + scanned :])
    captured = [ready(planner, x, body.steps, y) for x, y in inside]
    loop = Loop([], None, None, -1 if trips is None else trips)
    rows = [_row(loop, Rows(x, attrs["reverse"]), x) for x in streams]
    given = [*states, *rows, *captured]
    targets: list[Layout | None] = list(states)
    for y in stacked:
        target = _stack(planner, y, growing) if planner.wanted(y) else None
        targets.append(_row(loop, Rows(target, attrs["reverse"]), target) if target else None)
    loop.body = region(planner, body, given, targets, states)
    if attrs["cond"] is not None and attrs.get("trips") is None:
        verdict = planner.scratch((), attrs["cond"].outputs[0].dtype)
        loop.test = region(planner, attrs["cond"], [*states, *captured], [verdict], [])
        loop.verdict = verdict
    growing.action = loop
    planner.act(growing if growing.rows or growing.length else loop)


def plan_whole(planner: Any, step: Step) -> None:
    """Plan a `while_` of scalars, which is a kernel."""
    carries, growing = step.attrs["carries"], Growing(None, [], None)
    layouts = {}
    for k, x in enumerate(step.inputs):
        if x.constant is None or x.shape != ():
            streamed = carries <= k < carries + step.attrs["scanned"]
            layouts[x] = _stream(planner, x, growing) if streamed else planner.layout(x)
    inside = [inner for own in step.programs for inner in own.walk()]
    for program in inside:
        for x in {x for s in program.steps for x in s.inputs if x.constant is not None and x.shape != ()}:
            layouts[x] = planner.layout(x)
    for k, y in enumerate(step.outputs):
        if planner.wanted(y) or k < carries and trips_of(step) is None:
            layouts[y] = planner.fresh(y) if k < carries else _stack(planner, y, growing)
    if growing.rows and not growing.length:
        growing.count = planner.scratch((), np.dtype(np.int64))
    wrong = planner.scratch((2,), np.dtype(np.int64))
    launch = planner.launched(*emit_loop(step, layouts, wrong, growing.count, planner.stops))
    growing.action = launch
    planner.act(growing if growing.rows or growing.length else launch)


def _stream(planner: Any, x: Value, growing: Growing) -> Layout:
    """The layout of rows that a loop runs through; of how many may come out only when it does."""
    layout = planner.layout(x)
    if layout.known:
        return layout
    growing.length = layout.buffer
    return _rows(layout.buffer, x)


def _stack(planner: Any, y: Value, growing: Growing) -> Layout:
    """Where the rows go that a loop stacks."""
    if y.static:
        return planner.fresh(y)
    buffer = planner.result(y, "rows")
    growing.rows.append((buffer, (y.shape or ())[1:]))
    return _rows(buffer, y)


def _rows(buffer: Buffer, v: Value) -> Layout:
    """Rows of known shape, one after another."""
    return dense(buffer, (1, *(v.shape or ())[1:]))


def _known(step: Step) -> bool:
    """Whether all shapes are known, but for how many rows there are."""
    first = step.attrs["carries"]
    last = first + step.attrs["scanned"]
    inputs = [*step.inputs[:first], *step.inputs[last:], *step.outputs[:first]]
    rows = [*step.inputs[first:last], *step.outputs[first:]]
    shapes = [v.shape for v in inputs] + [v.shape and v.shape[1:] for v in rows]
    return all(shape is not None and None not in shape and 0 not in shape for shape in shapes)


def _row(loop: Loop, rows: Rows, layout: Layout) -> Layout:
    """One row of `layout`, another one in each trip."""
    buffer = Buffer(prod(layout.shape[1:]), layout.buffer.dtype, "row", rows)
    loop.rows.append(buffer)
    return Layout(buffer, layout.shape[1:], layout.strides[1:])


def _native_branch(planner: Any, step: Step) -> None:
    if not all(v.static and 0 not in (v.shape or ()) for v in (*step.inputs, *step.outputs)):
        raise NotNative
    choice = planner.layout(step.inputs[0])
    given = [planner.layout(x) for x in step.inputs[1:]]
    targets = [planner.fresh(y) for y in step.outputs]
    programs = [region(planner, step.attrs[key], given, targets, []) for key in ("false", "true")]
    planner.act(Branch(choice, programs))


def _state(planner: Any, x: Value, y: Value) -> Layout:
    """The buffer of a carry: the loop's result in the end, and before the first trip what it starts with."""
    state = planner.fresh(y)
    planner.copy(x, state)
    return state
