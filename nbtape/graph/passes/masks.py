"""Bools that were cast to numbers, as those of an identity matrix: what multiplies by them is a choice."""

from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.graph.passes.rewrite import Builder, Found, Rules, constant, scalar_of
from nbtape.graph.program import Step, Value

rules = Rules()


def _mask(build: Builder, x: Value) -> Value | None:
    """The bools of which `x` are the numbers 0 and 1."""
    step = build.maker(x)
    if step is None:
        return None
    if step.op is o.cast:
        return step.inputs[0] if step.inputs[0].dtype.kind == "b" else None
    if isinstance(step.op.kernel, View) and len(step.inputs) == 1:
        inner = _mask(build, step.inputs[0])
        return None if inner is None else build(step.op, inner, **step.attrs)
    return None


@rules("mul_no_nan")
def _chosen(build: Builder, step: Step) -> Found:
    x, number = step.inputs
    mask = _mask(build, number)
    return (
        None if mask is None or not step.outputs[0].static else build(o.where, mask, x, constant(0, x.dtype))
    )


@rules("where")
def _still_a_mask(build: Builder, step: Step) -> Found:
    """Numbers of a mask, or 0, are the numbers of a narrower mask."""
    (c, a, b), y = step.inputs, step.outputs[0]
    for number, other in ((a, b), (b, a)):
        if scalar_of(build, number) != 0 or not y.static:
            continue
        mask = _mask(build, other)
        if mask is not None:
            narrower = build(o.logical_and, c if other is a else build(o.logical_not, c), mask)
            return build(o.cast, build(o.broadcast_to, narrower, shape=y.shape), dtype=y.dtype)
    return None
