"""Constants: what follows from constants alone is worked out, and equal elements are kept as one number."""

from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.core.kernel import Index
from nbtape.graph.passes.rewrite import Builder, Found, Rules, constant, rewrite
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts, unrepeatable

LIMIT = 4096  # elements; a larger constant costs more to read than to compute
_MOVES = {"broadcast_to", "broadcast_by", "spread"}  # what they make is read from fewer elements
_LIVE = {"read_variable"}
rules = Rules()


@rules()
def fold(build: Builder, step: Step) -> Found:
    """What a row gives for constants."""
    if not all([x.constant is not None for x in step.inputs]) or not _foldable(step):
        return None
    xs = [x.constant for x in step.inputs]
    try:
        with np.errstate(all="ignore"):
            found = step.op.eager(*xs, **step.attrs)
    except Exception:  # the user is told when the program runs, and only if it comes to this step
        return None
    return tuple(
        [constant(y, out.dtype) for y, out in zip(found if step.op.many else (found,), step.outputs)]
    )


def _foldable(step: Step) -> bool:
    if step.op.name in _LIVE or step.op.name in _MOVES or isinstance(step.op.kernel, Index):
        return False
    if not all([y.static and _size(y) <= LIMIT for y in step.outputs]):
        return False
    return not (step.programs or acts(step) or unrepeatable(step))  # type: ignore[arg-type]


def _size(x: Value) -> int:
    return int(np.prod(x.shape or (), dtype=np.int64))


def splat(program: Program) -> Program:
    """Constant arrays whose elements are all alike become one number, broadcast."""
    made: dict[Value, Value] = {}
    steps: list[Step] = []

    def single(x: Value) -> Value:
        if x.constant is None or x.constant.size < 2 or x.dtype == object:
            return x
        if x not in made:
            made[x] = _splat(x, steps)
        return made[x]

    for step in program.steps:
        step.inputs = tuple([single(x) for x in step.inputs])
    program.outputs = [single(y) for y in program.outputs]
    program.steps[:0] = steps
    return program


def _splat(x: Value, steps: list[Step]) -> Value:
    flat: Any = np.ascontiguousarray(x.constant).reshape(-1)
    if flat[:2].tobytes() != flat[:1].tobytes() * 2 or flat.tobytes() != flat[:1].tobytes() * flat.size:
        return x
    y = Value(x.spec)
    steps.append(Step(o.broadcast_to, (constant(flat[0], x.dtype),), {"shape": x.shape}, (y,)))
    return y


def fold_constants(program: Program) -> Program:
    """`program` without the steps that follow from constants."""
    return rewrite(splat(program), rules)
