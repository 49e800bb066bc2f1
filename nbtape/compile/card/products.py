"""Products of matrices on a card."""

from dataclasses import replace
from math import prod
from typing import Any

from nbtape.compile.card import blas
from nbtape.compile.card.actions import Gemm
from nbtape.compile.card.contraction import Product
from nbtape.compile.card.operands import Result, matrix
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.multiply import apart
from nbtape.compile.planning.products import even, upright
from nbtape.compile.planning.windows import address, numbers, sizes
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_NATIVE = frozenset("float16 bfloat16 float32 float64 int32 int64".split())


def is_native(step: Step) -> bool:
    """Whether a step is a product that has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op.name != "matmul" or not all(v.static and v.shape and 0 not in v.shape for v in values):
        return False
    dtype = step.outputs[0].dtype
    return str(dtype) in _NATIVE and all(v.dtype == dtype for v in values)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a product."""
    batch = sizes(step.outputs[0])[:-2]
    operands = [_ready(planner, x, batch) for x in step.inputs]
    product(planner, *upright(step, *operands), planner.fresh(step.outputs[0]))


def _ready(planner: Any, x: Value, batch: tuple[int, ...]) -> Layout:
    """Where the matrices of `x` lie, one after another: one, or as many as there are products."""
    layout = planner.layout(x)
    if prod(layout.shape[:-2]) not in (1, prod(batch)):
        (*_, m, n), extra = layout.shape, len(batch) + 2 - len(layout.shape)
        strides = [0] * extra + [0 if size == 1 else s for size, s in zip(layout.shape, layout.strides)]
        x = Value(Spec((*batch, m, n), x.dtype))
        planner.layouts[x] = layout = replace(layout, shape=(*batch, m, n), strides=tuple(strides))
    return layout if even(layout) else planner.copied(x)


def product(planner: Any, a: Layout, b: Layout, y: Layout) -> None:
    """Let `planner` make `y` the product of `a` and `b`, or each of their products."""
    if blas.takes(a, b, y):
        planner.act(Gemm(a, b, y))
        return
    (m, n), k, count = y.shape[-2:], a.shape[-1], prod(y.shape[:-2])
    left = matrix("a", a, a.strides[-2], a.strides[-1], apart(a))
    right = matrix("b", b, b.strides[-1], b.strides[-2], apart(b))
    Product("Multiply matrices.", (m, n, k, count), (left, right), _result).plan(planner, y)


def _result(y: Layout) -> Result:
    words = [address("y", y), *numbers(y_row=y.strides[-2], y_column=y.strides[-1], y_step=apart(y))]
    return Result(words, "y[item * y_step + {i} * y_row + {j} * y_column]")
