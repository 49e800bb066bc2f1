"""Floats of 16 bits in programs for cards: kernels read and write them, and compute with float32."""

import numpy as np

from nbtape.compile.fusion.group import NATIVE
from nbtape.core.dtype import bfloat16
from nbtape.core.engine import o
from nbtape.core.kernel import Reduce
from nbtape.graph.passes.rewrite import Builder, Found, Rules, rewrite
from nbtape.graph.program import Program, Step

NARROW = frozenset([np.dtype(np.float16), np.dtype(bfloat16.as_numpy_dtype)])
KINDS = NATIVE | NARROW  # what kernels for cards compute with
_rules = Rules()


def widened(program: Program) -> Program:
    """`program` with folds of such numbers in float32: what is folded so far has as many digits in memory."""
    return rewrite(program, _rules)


@_rules()
def _folded(build: Builder, step: Step) -> Found:
    if not isinstance(step.op.kernel, Reduce) or step.inputs[0].dtype not in NARROW:
        return None
    (x,), (y,) = step.inputs, step.outputs
    wide = build(o.cast, x, dtype=np.dtype(np.float32))
    return build(o.cast, build(step.op, wide, **step.attrs), dtype=y.dtype)
