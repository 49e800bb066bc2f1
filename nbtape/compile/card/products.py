"""Products of matrices on a card."""

from math import prod
from typing import Any

from nbtape.compile.card import blas
from nbtape.compile.card.actions import Gemm
from nbtape.compile.card.contraction import Product
from nbtape.compile.card.operands import Result, matrix
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.multiply import apart
from nbtape.compile.planning.products import even, paired, upright
from nbtape.compile.planning.windows import address, numbers
from nbtape.graph.program import Step

_NATIVE = frozenset("float16 bfloat16 float32 float64".split())


def is_native(step: Step) -> bool:
    """Whether a step is a product that has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op.name != "matmul" or not all(v.static and v.shape and 0 not in v.shape for v in values):
        return False
    dtype = step.outputs[0].dtype
    return str(dtype) in _NATIVE and all(v.dtype == dtype for v in values) and paired(step)


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a product."""
    operands = [x if even(x) else planner.copied(v) for v in step.inputs for x in [planner.layout(v)]]
    product(planner, *upright(step, *operands), planner.fresh(step.outputs[0]))


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
