"""Random numbers as the compiler wants them: a draw, which moves a stream on, and reads of its numbers.

A draw is a few words that say where in its sequence it begins. Whoever has them can work out any of its
numbers, so these are made where they are needed, and need not lie in memory. What is drawn with rejections is
no such function of positions, and runs as NumPy's.
"""

from math import prod

from nbtape.compile.fusion.access import DRAW, FRACTIONS
from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder
from nbtape.graph.program import Step, Value
from nbtape.graph.run import unrepeatable
from nbtape.ops.sampler import OpStream, below, readable

_EACH = {"float32": 8, "float64": 4}  # numbers that a block of the generator gives


def moves(step: Step) -> bool:
    """Whether a step takes the next numbers of a stream."""
    inside = [s for own in step.programs for program in own.walk() for s in program.steps]
    return any(unrepeatable(s) or s.op is DRAW and s.attrs["stream"] for s in (step, *inside))  # type: ignore[arg-type]


def uniform(build: Builder, step: Step) -> Value | None:
    """What `random_uniform` and `stateless_uniform` give, from the fractions of a draw."""
    (y,), seed, stream = step.outputs, step.inputs, step.attrs.get("stream")
    shape, each = y.shape or (), _EACH.get(str(y.dtype))
    if each is None or type(stream) not in (OpStream, type(None)) or stream and not readable():
        return None
    if [x.shape for x in seed] != [(2,)] * (stream is None):
        return None
    draw = build(DRAW, *seed, stream=stream, count=prod(shape), each=each)
    y = build(FRACTIONS, draw, shape=shape, dtype=y.dtype, each=each)
    low, high = step.attrs.get("low", 0.0), step.attrs.get("high", 1.0)
    if low == 0 and high == 1:
        return y
    y = build(o.add, build(o.mul, y, high - low), low)
    return build(o.minimum, y, below(high, low, y.dtype)) if high > low else y
