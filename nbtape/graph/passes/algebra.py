"""Identities of arithmetic that hold for every float, inf, nan and -0.0 among them, and forms that round
better.

x * 0 is not 0, x + 0.0 is not -0.0 for x = -0.0: they stay. `stable` has the rewrites that change more than
the last bits, where what was written overflows or cancels.
"""

import math
from typing import Any

import numpy as np

from nbtape.core.dtype import FLOATS
from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, Found, Rules, constant, scalar_of
from nbtape.graph.program import Step, Value
from nbtape.ops.row import REAL_FLOATS

rules = Rules()
stable = Rules()


def _whole(step: Step, x: Value) -> Value | None:
    """`x` for the output of `step`, if it has its shape and dtype."""
    return x if x.spec == step.outputs[0].spec and x.static else None


def _operands(build: Builder, step: Step) -> list[tuple[Value, Any]]:
    """Each operand of a commutative step, with the number that the other one is."""
    a, b = step.inputs
    return [(a, scalar_of(build, b)), (b, scalar_of(build, a))]


@rules("mul")
def _times_one(build: Builder, step: Step) -> Found:
    for x, number in _operands(build, step):
        if number is not None and x.dtype.kind != "b" and _whole(step, x):
            if number == 1:
                return x
            if number == -1 and x.dtype.kind in "ifcV":
                return build(o.neg, x)
    return None


@rules("add")
def _plus_nothing(build: Builder, step: Step) -> Found:
    for x, number in _operands(build, step):
        if number is not None and number == 0 and _whole(step, x):
            if x.dtype.kind in "iu" or x.dtype.kind == "f" and math.copysign(1, number) < 0:
                return x
    return None


@rules("add")
def _plus_negative(build: Builder, step: Step) -> Found:
    a, b = step.inputs
    for x, y in ((a, b), (b, a)):
        minus = build.made_by(y, "neg")
        if minus is not None and x.dtype.kind in FLOATS:
            return build(o.sub, x, minus.inputs[0])
    return None


@rules("sub")
def _minus(build: Builder, step: Step) -> Found:
    a, b = step.inputs
    number, minus = scalar_of(build, b), build.made_by(b, "neg")
    if number is not None and number == 0 and _whole(step, a):
        if a.dtype.kind in "iu" or a.dtype.kind == "f" and math.copysign(1, number) > 0:
            return a
    if number is not None and a.dtype.kind == "i":
        return build(o.add, a, constant(-number, a.dtype))
    return build(o.add, a, minus.inputs[0]) if minus is not None else None


@rules("neg", "conj", "logical_not", "invert")
def _twice(build: Builder, step: Step) -> Found:
    inner = build.made_by(step.inputs[0], step.op.name)
    return inner.inputs[0] if inner is not None else None


@rules("conj", "real")
def _of_real(build: Builder, step: Step) -> Found:
    return step.inputs[0] if step.inputs[0].dtype.kind != "c" else None


@rules("div")
def _divided(build: Builder, step: Step) -> Found:
    """By a power of two it is a product, bit for bit. A lone number stays a quotient: nothing would be
    gained, and where it is divided by a batch size one text serves all of them.
    """
    a, b = step.inputs
    number = scalar_of(build, b)
    if number is None or a.dtype.kind != "f" or a.dtype.itemsize < 4:
        return None
    if number == 1:
        return _whole(step, a)
    if a.shape == ():
        return None
    mantissa, exponent = math.frexp(number)
    exact = abs(mantissa) == 0.5 and abs(exponent) <= (100 if a.dtype.itemsize == 4 else 1000)
    return build(o.mul, a, 1.0 / float(number)) if exact else None


@rules("pow")
def _power(build: Builder, step: Step) -> Found:
    x, b = step.inputs
    number = scalar_of(build, b)
    if number is None or x.spec != step.outputs[0].spec:
        return None
    if number == 1:
        return x
    if number in (2, 3, 4):
        square = build(o.mul, x, x)
        return square if number == 2 else build(o.mul, square, x if number == 3 else square)
    if number == -1 and x.dtype.kind == "f":
        return build(o.div, 1.0, x)
    return None


@rules("pow")
def _power_nought(build: Builder, step: Step) -> Found:
    y = step.outputs[0]
    if scalar_of(build, step.inputs[1]) == 0 and y.static:
        return _all(build, 1, y)
    return None


@rules("square")
def _square(build: Builder, step: Step) -> Found:
    return build(o.mul, step.inputs[0], step.inputs[0])


@rules("squared_difference")
def _squared_difference(build: Builder, step: Step) -> Found:
    difference = build(o.sub, *step.inputs)
    return build(o.mul, difference, difference) if difference.dtype.kind != "c" else None


@rules("mul_no_nan", "div_no_nan")
def _surely_no_nan(build: Builder, step: Step) -> Found:
    number, y = scalar_of(build, step.inputs[1]), step.outputs[0]
    if number is None:
        return None
    if number == 0:
        return _all(build, 0, y) if y.static else None
    return build(o.mul if step.op is o.mul_no_nan else o.div, *step.inputs)


@rules("add_n")
def _sum_of_many(build: Builder, step: Step) -> Found:
    total, *others = step.inputs
    for x in others:
        total = build(o.add, total, x)
    return total


@rules("cast_like")
def _cast_like(build: Builder, step: Step) -> Found:
    return build(o.cast, step.inputs[0], dtype=step.inputs[1].dtype)


@rules("cast")
def _cast(build: Builder, step: Step) -> Found:
    x, dtype = step.inputs[0], step.attrs["dtype"]
    if x.dtype == dtype:
        return x
    inner = build.made_by(x, "cast")
    if inner is not None and inner.inputs[0].dtype == dtype and np.can_cast(dtype, x.dtype):
        return inner.inputs[0]
    return None


@rules("logical_and", "logical_or")
def _with_truth(build: Builder, step: Step) -> Found:
    decides = step.op is o.logical_or
    for x, known in _operands(build, step):
        if known is not None and bool(known) is not decides and _whole(step, x):
            return x
        if known is not None and bool(known) is decides and step.outputs[0].static:
            return _all(build, decides, step.outputs[0])
    return None


@rules("logical_and")
def _contradiction(build: Builder, step: Step) -> Found:
    """Nothing is equal to something and not."""
    made = [build.maker(x) for x in step.inputs]
    same = made[0] is not None and made[1] is not None and made[0].inputs == made[1].inputs
    kinds = {step.op.name for step in made if step is not None}
    if same and kinds == {"equal", "not_equal"} and step.outputs[0].static:
        return _all(build, False, step.outputs[0])
    return None


@rules("where")
def _where(build: Builder, step: Step) -> Found:
    c, a, b = step.inputs
    known = scalar_of(build, c)
    if a is b:
        chosen = a
    elif known is not None:
        chosen = a if known else b
    else:
        return None
    y = step.outputs[0]
    return build(o.broadcast_to, chosen, shape=y.shape) if y.static else None


def _all(build: Builder, number: Any, y: Value) -> Value:
    """`number` in the shape and dtype of `y`."""
    from_one = np.asarray(number, y.dtype)[()]
    return build(o.broadcast_to, Value(y.spec._replace(shape=()), from_one), shape=y.shape)


# Forms that neither overflow nor cancel


def _one_and(build: Builder, step: Step | None) -> Value | None:
    """`x` of 1 + x."""
    if step is not None:
        for x, number in _operands(build, step):
            if number is not None and number == 1 and _whole(step, x):
                return x
    return None


@stable("log")
def _log(build: Builder, step: Step) -> Found:
    x = step.inputs[0]
    made = build.maker(x)
    if made is None or x.dtype.kind not in REAL_FLOATS:
        return None
    name = made.op.name
    if name == "softmax":
        return build(o.log_softmax, made.inputs[0], **made.attrs)
    if name == "sigmoid":
        return build(o.log_sigmoid, made.inputs[0])
    if name == "add":
        more = _one_and(build, made)
        return None if more is None else build(o.log1p, more)
    if name == "sub" and scalar_of(build, made.inputs[0]) == 1:
        inner = build.made_by(made.inputs[1], "sigmoid")
        if inner is not None:
            return build(o.log_sigmoid, build(o.neg, inner.inputs[0]))
    if name == "sum":
        inner = build.made_by(made.inputs[0], "exp")
        return None if inner is None else build(o.logsumexp, inner.inputs[0], **made.attrs)
    return None


@stable("sub")
def _expm1(build: Builder, step: Step) -> Found:
    inner = build.made_by(step.inputs[0], "exp")
    if inner is not None and scalar_of(build, step.inputs[1]) == 1 and _whole(step, step.inputs[0]):
        return build(o.expm1, inner.inputs[0])
    return None
