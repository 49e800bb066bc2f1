"""Lowering: rows that are made of others become these, which fuse with what is around them.

What a row is made of stands beside it, as `Composite`. A cond whose outcome is known is its branch,
a loop that does not run is what it starts with.
"""

from collections.abc import Sequence

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Tensor, o
from nbtape.core.kernel import Composite
from nbtape.core.shape import Spec
from nbtape.graph.passes.rewrite import Builder, Found, Names, Rules, constant, scalar_of
from nbtape.graph.program import Program, Step, Value, program_of
from nbtape.graph.trace import Region, fill

composites = Rules()
known = Rules()
_FLOAT32 = np.dtype(np.float32)


@composites()
def lower(build: Builder, step: Step) -> Found:
    """A composite row as the rows that it is made of."""
    kernel = step.op.kernel
    if not isinstance(kernel, Composite):
        return None
    specs = [Spec(x.shape, _FLOAT32 if _narrow(x) else x.dtype) for x in step.inputs]
    with context.recording((), None):
        region = Region(step.op.name)
        region = fill(region, lambda *xs: kernel.lower(*xs, **step.attrs), specs)
    if not any(isinstance(y, Tensor) for y in nest.flatten(region.structure)):
        return None
    xs = [build(o.cast, x, dtype=_FLOAT32) if _narrow(x) else x for x in step.inputs]
    ys = inlined(build, program_of(region), xs)
    return tuple([build(o.cast, y, dtype=out.dtype) for y, out in zip(ys, step.outputs)])


def _narrow(x: Value) -> bool:
    return x.dtype.kind in FLOATS and x.dtype.itemsize == 2


def inlined(build: Builder, program: Program, inputs: Sequence[Value]) -> list[Value]:
    """The outputs of `program` for these inputs; its steps are made once more."""
    now = Names(zip(program.inputs, inputs))
    for step in program.steps:
        outputs = tuple([Value(y.spec) for y in step.outputs])
        xs = tuple([now[x] for x in step.inputs])
        now.update(zip(step.outputs, build.put(Step(step.op, xs, step.attrs, outputs, build.place))))
    return [now[y] for y in program.outputs]


@known("while_")
def never(build: Builder, step: Step) -> Found:
    """A loop that does not run."""
    carries = step.attrs["carries"]
    rows = step.outputs[carries:]
    if step.attrs.get("trips") != 0 or not all([y.static for y in rows]):
        return None
    return (*step.inputs[:carries], *[constant(np.zeros(y.shape or ()), y.dtype) for y in rows])


@known("cond")
def taken(build: Builder, step: Step) -> Found:
    """The branch that is known to be taken."""
    number = scalar_of(build, step.inputs[0])
    if number is None:
        return None
    return tuple(inlined(build, step.attrs["true" if number else "false"], step.inputs[1:]))
