"""Elementwise ops: a table, a line per op. `g` is the incoming cotangent, `y` the output, then come the inputs.

A rule never mentions broadcasting, which `backward` undoes, nor 0 * inf, which `absorb` settles there.
"""

import operator

import numpy as np

from nbtape.core.engine import o
from nbtape.core.kernel import Scalar
from nbtape.ops.row import NUMBER, REAL, binary, elementwise_spec, op, predicate_spec, row, unary


def _divide(a, b):
    """True division: small ints give float32 and the others float64, as in TensorFlow."""
    y = operator.truediv(a, b)
    return y.astype(np.float32) if y.dtype == np.float16 and a.dtype.kind in "iu" else y


def absorb(g, gx):
    """`gx` with 0 for inf and nan that a zero cotangent meets, or that inf * 0 made.

    A sum that is finite shows that nothing has to be done; it costs one pass and no memory.
    """
    total = np.add.reduce(gx, axis=None) if type(gx) is np.ndarray else gx
    if total - total == 0:
        return gx
    lost = ~np.isfinite(gx) & (g == 0) | np.isnan(gx) & np.isinf(g)
    return np.where(lost, gx.dtype.type(0), gx)


def _absorb_grad(h, y, g, gx):
    return o.where(o.equal(y, gx), h, 0.0)


# fmt: off
#   name       numpy               numba, CPU and CUDA    gradient of each input
row("neg",     operator.neg,       "(-{0})",              lambda g, y, x: -g,                        kinds=NUMBER)
row("sin",     np.sin,             "math.sin({0})",       lambda g, y, x: g * o.cos(x))
row("cos",     np.cos,             "math.cos({0})",       lambda g, y, x: -g * o.sin(x))
row("exp",     np.exp,             "math.exp({0})",       lambda g, y, x: g * y)
row("log",     np.log,             "math.log({0})",       lambda g, y, x: g / x)
row("tanh",    np.tanh,            "math.tanh({0})",      lambda g, y, x: g * (1 - y * y))
row("add",     operator.add,       "({0} + {1})",         lambda g, y, a, b: g,    lambda g, y, a, b: g,               kinds=NUMBER)
row("sub",     operator.sub,       "({0} - {1})",         lambda g, y, a, b: g,    lambda g, y, a, b: -g,              kinds=NUMBER)
row("mul",     operator.mul,       "({0} * {1})",         lambda g, y, a, b: g * b, lambda g, y, a, b: g * a,          kinds=NUMBER)
row("div",     _divide,            "({0} / {1})",         lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b,     kinds=NUMBER)
# fmt: on

op("absorb", absorb, elementwise_spec, None, _absorb_grad,
   kernel=Scalar("({1} if {0} != 0.0 or math.isfinite({1}) else 0.0)"))  # fmt: skip

sin = unary(o.sin, "Sine of `x` in radians, elementwise.")
cos = unary(o.cos, "Cosine of `x` in radians, elementwise.")
add = binary(o.add, "`x + y`, elementwise with broadcasting.")
