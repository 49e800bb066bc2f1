"""Random numbers as the compiler wants them: a draw, which moves a stream on, and reads of its numbers.

A draw is a few words that say where in its sequence it begins. Whoever has them can work out any of its
numbers, so these are made where they are needed, and need not lie in memory. Normal numbers are drawn with
rejections, and so one after another. All others come from NumPy's own samplers, in Python.
"""

from math import prod

from nbtape.compile.fusion.access import DRAW, FRACTIONS, NORMAL
from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder
from nbtape.graph.program import Step, Value
from nbtape.graph.run import unrepeatable
from nbtape.ops.sampler import OpStream, below, readable

_EACH = {"float32": 8, "float64": 4}  # numbers that a block of the generator gives


def moves(step: Step) -> bool:
    """Whether a step takes the next numbers of a stream."""
    inside = [s for own in step.programs for program in own.walk() for s in program.steps]
    return any(unrepeatable(s) or s.op in (DRAW, NORMAL) and s.attrs["stream"] for s in (step, *inside))  # type: ignore[arg-type]


def uniform(build: Builder, step: Step) -> Value | None:
    """What `random_uniform` and `stateless_uniform` give, from the fractions of a draw."""
    (y,), each = step.outputs, _EACH.get(str(step.outputs[0].dtype))
    if each is None or not _known(step):
        return None
    shape, stream = y.shape or (), step.attrs.get("stream")
    draw = build(DRAW, *step.inputs, stream=stream, count=prod(shape), each=each)
    y = build(FRACTIONS, draw, shape=shape, dtype=y.dtype, each=each)
    low, high = step.attrs.get("low", 0.0), step.attrs.get("high", 1.0)
    if low == 0 and high == 1:
        return y
    y = build(o.add, build(o.mul, y, high - low), low)
    return build(o.minimum, y, below(high, low, y.dtype)) if high > low else y


def normal(build: Builder, step: Step) -> Value | None:
    """What `random_normal` and `stateless_normal` give in float32."""
    (y,), stream = step.outputs, step.attrs.get("stream")
    if str(y.dtype) != "float32" or not _known(step):
        return None
    y = build(NORMAL, *step.inputs, stream=stream, shape=y.shape, dtype=y.dtype)
    mean, stddev = step.attrs.get("mean", 0.0), step.attrs.get("stddev", 1.0)
    y = y if stddev == 1 else build(o.mul, y, stddev)
    return y if mean == 0 else build(o.add, y, mean)


def _known(step: Step) -> bool:
    """Whether kernels can read the source of a step's numbers, a stream or a seed."""
    stream = step.attrs.get("stream")
    if [x.shape for x in step.inputs] != [(2,)] * (stream is None):
        return False
    return stream is None or type(stream) is OpStream and readable()
