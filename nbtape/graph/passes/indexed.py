"""Rows by number: what a loop reads at its counter is streamed, what it puts there is stacked."""

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.loop import Carry, Loop, counter_of, loops, replaced
from nbtape.graph.program import Program, Step, Value
from nbtape.ops.key import Key


def stream_rows(program: Program) -> Program:
    """`program` in which a loop that takes row i of something in its step i streams these rows."""
    for loop in loops(program):
        at = program.steps.index(loop.step)
        more = _streamed(loop)
        loop.write()
        program.steps[at:at] = more
    return program


def _streamed(loop: Loop) -> list[Step]:
    steps: list[Step] = []
    outside = {capture.inside: capture.outside for capture in loop.captures}
    starts, trips = _starts(loop), loop.trips
    for step in list(loop.body.steps):
        if step.op is not o.dynamic_index or trips is None or step.attrs["axis"] != 0:
            continue
        x, i = step.inputs
        whole = outside.get(x)
        if whole is None or not whole.static or i not in starts:
            continue
        first = starts[i]
        if not 0 <= first <= first + trips <= whole.shape[0]:  # type: ignore[index]
            continue
        row = loop.stream(_part(whole, first, trips, steps))
        loop.body.steps.remove(step)
        loop.substitute({step.outputs[0]: row})
    return steps


def _starts(loop: Loop) -> dict[Value, int]:
    """The Values that are n + k in step k of the rows, each with its n."""
    found: dict[Value, int] = {}
    made = loop.maker()
    for carry in loop.carries if not loop.reverse else ():
        counter = counter_of(loop, carry, made)
        if counter is not None and counter.by == 1:
            found[carry.now] = counter.start
    for stream in loop.streams:
        numbers = stream.whole.constant
        if numbers is not None and numbers.ndim == 1 and numbers.dtype.kind in "iu" and numbers.size:
            if np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]):
                found[stream.row] = int(numbers[0])
    return found


def _part(whole: Value, first: int, count: int, steps: list[Step]) -> Value:
    """`count` rows of `whole`, from `first` on."""
    assert whole.shape is not None
    if count == whole.shape[0]:
        return whole
    part = Value(whole.spec._replace(shape=(count, *whole.shape[1:])))
    steps.append(Step(o.subscript, (whole,), {"key": Key(slice(first, first + count))}, (part,)))
    return part


def stack_parts(program: Program) -> Program:
    """`program` in which a loop that adds its step's part to row i of a total stacks these parts."""
    now: dict[Value, Value] = {}
    for loop in loops(program):
        at = program.steps.index(loop.step) + 1
        more = _stacked_parts(loop, now)
        loop.write()
        program.steps[at:at] = more
    replaced(program, now)
    return program


def _stacked_parts(loop: Loop, now: dict[Value, Value]) -> list[Step]:
    steps: list[Step] = []
    starts, trips, made = _starts(loop), loop.trips, loop.maker()
    for carry in list(loop.carries):
        add = made.get(carry.after)
        if trips is None or add is None or add.op is not o.add or loop.uses(carry.now) != 1:
            continue
        if carry.now not in add.inputs or loop.uses(carry.after) != 1 or not carry.now.static:
            continue
        part = made.get(add.inputs[1] if add.inputs[0] is carry.now else add.inputs[0])
        if part is None or part.op is not o.undynamic_index or part.attrs["axis"] != 0:
            continue
        g, i, _ = part.inputs
        if starts.get(i) != 0 or trips != carry.now.shape[0]:  # type: ignore[index]
            continue
        loop.drop(carry)
        now[carry.end] = total = loop.stack(g)
        if not loop.is_zero(carry.start):
            now[carry.end] = Value(carry.end.spec)
            steps.append(Step(o.add, (carry.start, total), {}, (now[carry.end],), add.place))
    return steps


def slots(program: Program) -> Program:
    """`program` in which a loop that writes row i of an array in its step i stacks what it writes."""
    now: dict[Value, Value] = {}
    for loop in loops(program):
        at = program.steps.index(loop.step) + 1
        more = _slotted(loop, now)
        loop.write()
        program.steps[at:at] = more
    replaced(program, now)
    return program


def _slotted(loop: Loop, now: dict[Value, Value]) -> list[Step]:
    steps: list[Step] = []
    starts, made = _starts(loop), loop.maker()
    for carry in list(loop.carries):
        write = made.get(carry.after)
        if write is None or write.op is not o.dynamic_update or write.inputs[0] is not carry.now:
            continue
        i = write.inputs[1]
        reads = [step for step in loop.body.steps if carry.now in step.inputs and step is not write]
        if starts.get(i) != 0 or not _covers(loop, carry) or not all(_reads_row(step, i) for step in reads):
            continue
        if loop.uses(carry.now) != 1 + len(reads):
            continue
        for read in reads:  # of a row that was not written yet
            loop.substitute({read.outputs[0]: loop.stream(carry.start)})
            loop.body.steps.remove(read)
        loop.drop(carry)
        now[carry.end] = _all_rows(loop, write.inputs[2], carry.end, steps)
    return steps


def _covers(loop: Loop, carry: Carry) -> bool:
    """Whether the trips are as many as the rows of a carry, which nothing else but its writing needs."""
    shape = carry.now.shape
    return carry.now.static and bool(shape) and loop.trips == shape[0] and loop.uses(carry.after) == 1  # type: ignore[index]


def _reads_row(step: Step, i: Value) -> bool:
    return step.op is o.dynamic_index and step.inputs[1] is i and step.attrs["axis"] == 0


def _all_rows(loop: Loop, v: Value, like: Value, steps: list[Step]) -> Value:
    """What is written at each step, as one array."""
    outside = {capture.inside: capture.outside for capture in loop.captures}
    same = v if v.constant is not None else outside.get(v)
    if same is None:
        return loop.stack(v)
    whole = Value(like.spec)
    steps.append(Step(o.broadcast_to, (same,), {"shape": like.shape}, (whole,), loop.step.place))
    return whole
