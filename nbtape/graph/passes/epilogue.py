"""What is added to a convolution, and a relu after it, are part of the convolution.

Each number of the result is then written once. It is done where no one else sees what comes between.
"""

from collections import Counter

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, Found, Rules, rewrite
from nbtape.graph.program import Program, Step, Value

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def finish_convolutions(program: Program) -> Program:
    """`program` with biases and relus in the convolutions that they follow."""
    uses = Counter([x for step in program.steps for x in step.inputs] + program.outputs)
    rules = Rules()

    @rules("add", "bias_add")
    def add(build: Builder, step: Step) -> Found:
        for x, bias in (step.inputs, step.inputs[::-1]):
            made = build.made_by(x, "conv")
            if made is not None and uses[x] == 1 and _is_bias(bias, x):
                y = build(o.conv_add, *made.inputs, bias, relu=False, **made.attrs)
                uses[y] = uses[step.outputs[0]]
                return y
        return None

    @rules("relu")
    def relu(build: Builder, step: Step) -> Found:
        made = build.made_by(step.inputs[0], "conv_add")
        if made is None or uses[step.inputs[0]] != 1 or made.attrs["relu"]:
            return None
        return build(o.conv_add, *made.inputs, **{**made.attrs, "relu": True})

    return rewrite(program, rules)


def _is_bias(bias: Value, y: Value) -> bool:
    """Whether `bias` has one number for each channel of `y`."""
    return y.static and bias.static and bias.shape == y.shape[-1:] and y.dtype in _FLOATS  # type: ignore[index]
