"""Arithmetic on positions alone, as of a mask or an identity matrix: it costs less than reading its result.

So it waits, as other reads do, for the steps that need it, and a part of it is worked out as such.
"""

from typing import Any

import numpy as np

from nbtape.compile.emission.expression import is_cheap
from nbtape.compile.fusion.access import is_broadcast, is_position, rank
from nbtape.core.engine import o
from nbtape.core.kernel import Scalar
from nbtape.graph.passes.rewrite import Builder, constant
from nbtape.graph.program import Step, Value

_MOST = 8  # steps that are done again for each element that needs them
_INSERTS = ("expand_dims", "squeeze", "reshape")


def is_arithmetic(step: Step) -> bool:
    """Whether a step computes an element from one of each input, with next to no work."""
    return isinstance(step.op.kernel, Scalar) and bool(step.op.kernel.text) and is_cheap(step)


def is_relabel(step: Step) -> bool:
    """Whether a step only puts in or takes out axes of one element."""
    if step.op.name not in _INSERTS:
        return False
    long = [[n for n in v.shape or () if n != 1] for v in (step.inputs[0], step.outputs[0])]
    return long[0] == long[1]


class Positions:
    """The values that are known to be made of positions and numbers alone."""

    def __init__(self) -> None:
        self.weights: dict[Value, int] = {}  # steps that it takes to work each out

    def take(self, step: Step) -> bool:
        """Whether `step` computes with positions alone; from then on its output counts as one."""
        if is_position(step):
            self.weights[step.outputs[0]] = 0
            return True
        if not (is_arithmetic(step) or is_relabel(step) or is_broadcast(step)):
            return False
        weights = [self.weights.get(x) for x in step.inputs if not _is_number(x)]
        if not weights or None in weights:
            return False
        weight = is_arithmetic(step) + sum(weights)  # type: ignore[arg-type]
        if weight <= _MOST:
            self.weights[step.outputs[0]] = weight
        return weight <= _MOST


def _is_number(x: Value) -> bool:
    return x.constant is not None and np.size(x.constant) == 1 and not x.shape


def part(build: Builder, x: Value, ranges: list[range]) -> Value | None:
    """The elements of `x` at `ranges`, if it is made of positions alone."""
    if _is_number(x):
        return x
    step = build.maker(x)
    if step is None or rank(x) != len(ranges):
        return None
    if is_position(step):
        return _positions(build, step, ranges[0])
    if is_relabel(step):
        return _relabelled(build, step, ranges)
    if not (is_arithmetic(step) or is_broadcast(step)):
        return None
    inner = [part(build, y, _aligned(y, ranges)) for y in step.inputs]
    if None in inner:
        return None
    shape = tuple([len(r) for r in ranges])
    attrs: dict[str, Any] = {**step.attrs, "shape": shape} if is_broadcast(step) else step.attrs
    return build(step.op, *inner, **attrs)


def padded(build: Builder, x: Value, paddings: tuple) -> Value | None:
    """`x` among zeros, if it is made of positions alone: these go on outside of it."""
    shape: Any = x.shape
    ranges = [range(-before, n + after) for n, (before, after) in zip(shape, paddings)]
    found = part(build, x, ranges)
    if found is None:
        return None
    for a, (n, (before, after)) in enumerate(zip(shape, paddings)):
        for wanted, op, bound in ((before, o.greater_equal, before), (after, o.less, before + n)):
            if wanted:
                at = build(o.iota, size=len(ranges[a]), dtype=np.dtype(np.int64))
                inside = build(o.reshape, build(op, at, bound), shape=(-1, *[1] * (len(shape) - a - 1)))
                found = build(o.where, inside, found, constant(0, x.dtype))
    return found


def _positions(build: Builder, step: Step, r: range) -> Value:
    """The numbers of a range."""
    y = build(step.op, **{**step.attrs, "size": len(r)})
    y = build(o.mul, y, r.step) if r.step != 1 else y
    return build(o.add, y, r.start) if r.start else y


def _relabelled(build: Builder, step: Step, ranges: list[range]) -> Value | None:
    x, y = step.inputs[0], step.outputs[0]
    pairs = list(zip(y.shape or (), ranges))
    if any(n == 1 and len(r) != 1 for n, r in pairs):
        return None
    left = iter([r for n, r in pairs if n != 1])
    found = part(build, x, [range(1) if n == 1 else next(left) for n in x.shape or ()])
    return None if found is None else build(o.reshape, found, shape=tuple([len(r) for r in ranges]))


def _aligned(x: Value, ranges: list[range]) -> list[range]:
    """The ranges of an input that is broadcast."""
    tail = ranges[len(ranges) - rank(x) :]
    return [range(1) if n == 1 else r for n, r in zip(x.shape or (), tail)]
