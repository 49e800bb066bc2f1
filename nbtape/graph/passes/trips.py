"""What is settled before a loop runs: constants and carries that never change, and how often the body runs.

Counters then are known at each step.
"""

import math
from collections.abc import Callable

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.loop import Capture, Counter, Loop, counter_of, loops, replaced
from nbtape.graph.passes.rewrite import constant, number_of
from nbtape.graph.program import Program, Step, Value
from nbtape.ops.key import Key

_INTS = 4096  # numbers of a counter that are written down; more are computed


def settle(program: Program) -> Program:
    """`program` with the trips of its loops, where they are known, and without carries that never change."""
    now: dict[Value, Value] = {}
    made: list[tuple[Step, list[Step]]] = []
    for loop in loops(program):
        _hold(loop, now)
        _constants(loop)
        _count(loop)
        made.append((loop.step, _number(loop, now)))
        loop.write()
    for step, more in made:
        at = program.steps.index(step) + 1
        program.steps[at:at] = more
    replaced(program, now)
    return program


def _hold(loop: Loop, now: dict[Value, Value]) -> None:
    """A carry that never changes is taken from outside."""
    for carry in list(loop.carries):
        if carry.after is carry.now:
            loop.carries.remove(carry)
            loop.captures.append(Capture(carry.start, carry.now, carry.tested))
            now[carry.end] = carry.start


def _constants(loop: Loop) -> None:
    """Constants from outside stand in the body itself."""
    for capture in list(loop.captures):
        if capture.outside.constant is not None:
            loop.captures.remove(capture)
            loop.substitute({capture.inside: capture.outside})
            if capture.tested is not None:
                replaced(loop.test, {capture.tested: capture.outside})


# How often


def _count(loop: Loop) -> None:
    """Put down the number of trips where counters and constants decide it, or what is streamed."""
    trips: float | None = None
    if loop.test is not None:
        made = loop.maker()
        counters = {c.tested: counter_of(loop, c, made) for c in loop.carries}
        found = {c: n for c, n in counters.items() if c is not None and n is not None}
        trips = _passes(loop.test, loop.test.outputs[0], found)
    elif loop.streams and loop.streams[0].whole.shape:
        trips = loop.streams[0].whole.shape[0]
    if trips is None or trips == math.inf:
        return
    loop.test = None
    for part in (*loop.carries, *loop.captures):
        part.tested = None
    loop.step.attrs["trips"] = int(trips)
    for row in loop.rows:
        shape = row.each.shape
        if shape is not None:
            row.stacked.spec = row.stacked.spec._replace(shape=(int(trips), *shape))


def _passes(test: Program, x: Value, counters: dict[Value, Counter]) -> float | None:
    """How many times in a row `x` is true, None where that is not known."""
    known = number_of(x)
    if known is not None:
        return math.inf if known else 0
    step = next((s for s in test.steps if x in s.outputs), None)
    if step is None:
        return None
    if step.op is o.logical_and:
        a, b = [_passes(test, y, counters) for y in step.inputs]
        return None if a is None or b is None else min(a, b)
    if step.op.name not in _COMPARES:
        return None
    a, b = step.inputs
    if a in counters:
        return _COMPARES[step.op.name](counters[a], number_of(b))
    return _COMPARES[_TURNED[step.op.name]](counters[b], number_of(a)) if b in counters else None


def _below(slack: int) -> Callable[[Counter, int | None], float | None]:
    def count(counter: Counter, limit: int | None) -> float | None:
        if limit is None:
            return None
        left = int(limit) + slack - counter.start
        return 0 if left <= 0 else math.inf if counter.by <= 0 else -(-left // counter.by)

    return count


def _above(slack: int) -> Callable[[Counter, int | None], float | None]:
    def count(counter: Counter, limit: int | None) -> float | None:
        return None if limit is None else _below(slack)(Counter(-counter.start, -counter.by), -limit)

    return count


_COMPARES = {"less": _below(0), "less_equal": _below(1), "greater": _above(0), "greater_equal": _above(1)}
_TURNED = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}


# Counters that are known


def _number(loop: Loop, now: dict[Value, Value]) -> list[Step]:
    """What counters come to, and what they were at each step; equal counters are one."""
    steps: list[Step] = []
    trips, made = loop.trips, loop.maker()
    if trips is None:
        return steps
    first: dict[tuple, Value] = {}
    for carry in loop.carries:
        counter = counter_of(loop, carry, made)
        if counter is None:
            continue
        dtype = carry.now.dtype
        now[carry.end] = constant(counter.at(trips), dtype)
        for row in loop.rows:
            if row.each is carry.now or row.each is carry.after:
                begin = counter.start if row.each is carry.now else counter.at(1)
                now[row.stacked] = _numbers(Counter(begin, counter.by), trips, loop.reverse, dtype, steps)
        same = first.setdefault((counter, dtype), carry.now)
        if same is not carry.now:
            loop.substitute({carry.now: same})
    return steps


def _numbers(counter: Counter, trips: int, reverse: bool, dtype: np.dtype, steps: list[Step]) -> Value:
    """What a counter was at each of the steps."""
    if reverse:
        counter = Counter(counter.at(trips - 1), -counter.by)
    if trips <= _INTS:
        return constant([counter.at(k) for k in range(trips)], dtype)
    spec = constant(0, dtype).spec._replace(shape=(trips,))
    index, times, found = Value(spec), Value(spec), Value(spec)
    steps.append(Step(o.iota, (), {"size": trips, "dtype": dtype}, (index,)))
    steps.append(Step(o.mul, (index, constant(counter.by, dtype)), {}, (times,)))
    steps.append(Step(o.add, (times, constant(counter.start, dtype)), {}, (found,)))
    return found
