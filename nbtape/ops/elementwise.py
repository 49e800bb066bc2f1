"""Elementwise ops: a table, an entry an op. `g` is the incoming cotangent, `y` the output, then the inputs.

A rule never mentions broadcasting, which `backward` undoes, nor 0 * inf, which `absorb` settles there. For
complex values a gradient is, as in TensorFlow, the cotangent times the conjugate of the derivative.
"""

import cmath
import math
import operator

import numpy as np

from nbtape.core.dtype import ALL, FLOATS, as_dtype, bfloat16, spelled
from nbtape.core.engine import Tensor, o
from nbtape.core.errors import OpError, invalid
from nbtape.core.kernel import Scalar, View
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, TensorShape, bracket, broadcast
from nbtape.ops import numeric
from nbtape.ops.row import (
    ANY,
    BITS,
    BOOLS,
    INTEGER,
    NUMBER,
    REAL,
    REAL_FLOATS,
    SIGNED,
    UNCHECKED,
    elementwise_spec,
    op,
    predicate_spec,
    row,
)

_REALS = frozenset([float, int, np.float16, np.float32, np.float64, bfloat16.as_numpy_dtype])
_NUMBERS = (int, float, complex)
_DIVIDED = ", ".join(repr(d) for d in ALL if d.is_numeric)


def conj(x):
    """The complex conjugate; a real `x` is returned as it is, and nothing is recorded."""
    if type(x) in _REALS:
        return x
    if isinstance(x, Tensor):
        return o.conj(x) if spec_of(x).dtype.kind == "c" else x
    return x if isinstance(x, np.ndarray) and x.dtype.kind != "c" else x.conjugate()


def _abs_grad(g, y, x):
    return g * o.sign(x) if spec_of(x).dtype.kind != "c" else o.cast_like(o.div_no_nan(g, y), x) * x


def _sign_grad(g, y, x):
    if spec_of(x).dtype.kind != "c":
        return g * 0.0
    turned = o.div_no_nan(o.imag(g * conj(y)), o.abs(x))
    return y * o.complex(0.0 * turned, turned)


def absorb(g, gx):
    """`gx` with 0 for inf and nan that a zero cotangent meets, or that inf * 0 made.

    A sum that is finite shows that nothing has to be done; it costs one pass and no memory.
    """
    total = np.add.reduce(gx, axis=None) if type(gx) is np.ndarray else gx
    if total - total == 0:
        return gx
    lost = ~np.isfinite(gx) & (g == 0) | np.isnan(gx) & np.isinf(g)
    return np.where(lost, gx.dtype.type(0), gx)[()]


def _absorb_spec(g, gx):
    return elementwise_spec(g, gx, dtype=gx.dtype)


def _absorb_grad(h, y, g, gx):
    if y is gx:
        return h  # nothing was absorbed
    return o.where(o.logical_and(o.equal(y, 0), o.not_equal(gx, 0)), 0.0, h)


def _pow_base(g, y, a, b):
    """The derivative with respect to the base; 0 for a power of 0, whatever the base."""
    if isinstance(b, _NUMBERS):
        return g * conj(2 * a if b == 2 else b * a ** (b - 1) if b else 0.0 * a)
    return g * conj(o.mul_no_nan(a ** (b - 1), b))


def _pow_exponent(g, y, a, b):
    """The derivative with respect to the exponent; as in TensorFlow, 0 for a base that has no logarithm."""
    if isinstance(a, complex):
        return g * conj(y * (cmath.log(a) if a else 0.0))
    if isinstance(a, int | float):
        return g * conj(y * (math.log(a) if a > 0 else 0.0))
    positive = o.not_equal(a, 0) if spec_of(a).dtype.kind == "c" else a > 0
    return g * conj(y * o.log(o.where(positive, a, 1.0)))


def _cast_grad(g, y, x, *, dtype):
    return o.cast_like(g, x) if dtype.kind in FLOATS and spec_of(x).dtype.kind in FLOATS else None


def _where_not_zero(a, value):
    return o.where(o.equal(a, 0), 0.0, value)


def _cast_spec(x, *, dtype):
    numeric.check_cast(x.dtype, dtype)
    return Spec(x.shape, dtype)


def _cast_like_spec(g, x):
    return Spec(g.shape, x.dtype)


def _complex_spec(a, b):
    return elementwise_spec(a, b, dtype=numeric.complex_of(a.dtype))


def _quotient_spec(a, b):
    names = [repr(as_dtype(x.dtype)) for x in (a, b)]
    if names[0] != names[1]:
        raise TypeError(
            f"`x` and `y` must have the same dtype, got {names[0]} != {names[1]}.\n"
            f"Convert one of them, for example: tf.cast(x, {names[0]})."
        )
    if a.dtype.kind not in NUMBER:
        raise TypeError(f"Invalid dtype {names[0]} in __truediv__. Expected one of {{{_DIVIDED}}}.")
    dtype = np.dtype(np.float32 if a.dtype.itemsize < 4 else np.float64) if a.dtype.kind in "iu" else a.dtype
    return elementwise_spec(a, b, dtype=dtype)


def _part_spec(x):
    return Spec(x.shape, numeric.real_of(x.dtype))


def _select_spec(c, a, b):
    names = [spelled(x.dtype) for x in (c, a, b)]
    if names[0] != "bool":
        raise invalid(
            "cannot compute SelectV2 as input #0(zero-based) was expected to be a bool tensor but is a "
            f"{names[0]} tensor [Op:SelectV2]\nMake it one, for example: condition != 0."
        )
    if names[1] != names[2]:
        raise invalid(
            f"cannot compute SelectV2 as input #2(zero-based) was expected to be a {names[1]} tensor but is "
            f"a {names[2]} tensor [Op:SelectV2]\n"
            f"Convert one of them, for example: tf.cast(x, {as_dtype(a.dtype)!r})."
        )
    try:
        return elementwise_spec(c, a, b, dtype=a.dtype)
    except OpError:
        c, a, b = (bracket(x.shape) for x in (c, a, b))
        raise invalid(f"condition {c}, then {a}, and else {b} must be broadcastable") from None


def _clip_spec(x, low, high):
    for bound in (high, low):
        shape = TensorShape(broadcast(x.shape, bound.shape))
        TensorShape(x.shape).assert_is_compatible_with(shape)
    return x


def _same_shapes(*specs):
    for i, spec in enumerate(specs[1:], 1):
        both = specs[0].shape, spec.shape
        if not TensorShape(both[0]).is_compatible_with(both[1]):
            raise invalid(
                "Inputs to operation AddN of type AddN must have the same size and shape.  "
                f"Input 0: {bracket(both[0])} != input {i}: {bracket(both[1])} [Op:AddN]"
            )
    return specs[0]


# fmt: off
#   name       numpy               numba, CPU and CUDA    gradient: g incoming, y output, then the input
row("neg",     operator.neg,       "(-{0})",              lambda g, y, x: -g,                    kinds=SIGNED)
row("square",  numeric.square,     "({0} * {0})",         lambda g, y, x: g * conj(x + x),       kinds=NUMBER)
row("sign",    np.sign,            "sign({0})",           _sign_grad, kinds=SIGNED)
row("abs",     operator.abs,       "abs({0})",            _abs_grad,     kinds=SIGNED, infer=_part_spec)
row("reciprocal", np.reciprocal,   "reciprocal({0})",     lambda g, y, x: -g * conj(y * y))
row("sqrt",    np.sqrt,            "sqrt({0})",           lambda g, y, x: g * 0.5 / conj(y))
row("rsqrt",   numeric.rsqrt,      "rsqrt({0})",          lambda g, y, x: g * -0.5 * conj(y * y * y))
row("exp",     np.exp,             "exp({0})",            lambda g, y, x: g * conj(y))
row("expm1",   np.expm1,           "expm1({0})",          lambda g, y, x: g * conj(o.exp(x)))
row("log",     np.log,             "log({0})",            lambda g, y, x: g / conj(x))
row("log1p",   np.log1p,           "log1p({0})",          lambda g, y, x: g / conj(1 + x))
row("sin",     np.sin,             "sin({0})",            lambda g, y, x: g * conj(o.cos(x)))
row("cos",     np.cos,             "cos({0})",            lambda g, y, x: -g * conj(o.sin(x)))
row("tan",     np.tan,             "tan({0})",            lambda g, y, x: g * conj(1 + y * y))
row("asin",    np.arcsin,          "asin({0})",           lambda g, y, x: g / conj(o.sqrt(1 - x * x)))
row("acos",    np.arccos,          "acos({0})",           lambda g, y, x: -g / conj(o.sqrt(1 - x * x)))
row("atan",    np.arctan,          "atan({0})",           lambda g, y, x: g / conj(1 + x * x))
row("sinh",    np.sinh,            "sinh({0})",           lambda g, y, x: g * conj(o.cosh(x)))
row("cosh",    np.cosh,            "cosh({0})",           lambda g, y, x: g * conj(o.sinh(x)))
row("tanh",    np.tanh,            "tanh({0})",           lambda g, y, x: g * conj(1 - y * y))
row("asinh",   np.arcsinh,         "asinh({0})",          lambda g, y, x: g / conj(o.cosh(y)))
row("acosh",   np.arccosh,         "acosh({0})",          lambda g, y, x: g / conj(o.sinh(y)))
row("atanh",   np.arctanh,         "atanh({0})",          lambda g, y, x: g / conj(1 - x * x))
row("sigmoid", numeric.sigmoid,    "sigmoid({0})",        lambda g, y, x: g * conj(y * (1 - y)))
row("softplus", numeric.softplus,  "softplus({0})",
    lambda g, y, x: g * o.sigmoid(x), kinds=REAL_FLOATS)
row("log_sigmoid", numeric.log_sigmoid, "log_sigmoid({0})",
    lambda g, y, x: g * o.sigmoid(-x), kinds=REAL_FLOATS)
row("softsign", numeric.softsign,  "softsign({0})",
    lambda g, y, x: g / o.square(1 + o.abs(x)), kinds=REAL_FLOATS)
row("floor",   np.floor,           "floor({0})",          kinds=REAL_FLOATS)
row("ceil",    np.ceil,            "ceil({0})",           kinds=REAL_FLOATS)
row("rint",    np.rint,            "rint({0})",           kinds=REAL_FLOATS)
row("round",   numeric.round_half_to_even, "rint({0})",   kinds=REAL)

#   name       numpy               numba, CPU and CUDA    and the gradient of each input
row("add",     numeric.add,        "({0} + {1})",
    lambda g, y, a, b: g,          lambda g, y, a, b: g, kinds=NUMBER + "O")
row("sub",     operator.sub,       "({0} - {1})",
    lambda g, y, a, b: g,          lambda g, y, a, b: -g, kinds=NUMBER)
row("mul",     operator.mul,       "({0} * {1})",
    lambda g, y, a, b: g * conj(b), lambda g, y, a, b: g * conj(a), kinds=NUMBER + "b")
row("div",     numeric.divide,     "({0} / {1})",
    lambda g, y, a, b: g / conj(b), lambda g, y, a, b: -g * conj(y / b),
    kinds=UNCHECKED, infer=_quotient_spec)
row("pow",     operator.pow,       "pow({0}, {1})",       _pow_base, _pow_exponent, kinds=SIGNED)
row("floordiv", numeric.floordiv,  "floordiv({0}, {1})",  kinds=REAL)
row("floormod", numeric.floormod,  "floormod({0}, {1})",
    lambda g, y, a, b: g,          lambda g, y, a, b: -g * o.floordiv(a, b), kinds=REAL)
row("truncatediv", numeric.truncatediv, "truncatediv({0}, {1})", kinds=REAL)
row("truncatemod", numeric.truncatemod, "truncatemod({0}, {1})",
    lambda g, y, a, b: g,          lambda g, y, a, b: -g * o.truncatediv(a, b), kinds=REAL)
row("maximum", numeric.maximum,    "maximum({0}, {1})",
    lambda g, y, a, b: o.where(a >= b, g, 0.0), lambda g, y, a, b: o.where(a >= b, 0.0, g), kinds=REAL)
row("minimum", numeric.minimum,    "minimum({0}, {1})",
    lambda g, y, a, b: o.where(a <= b, g, 0.0), lambda g, y, a, b: o.where(a <= b, 0.0, g), kinds=REAL)
row("squared_difference", numeric.squared_difference, "(({0} - {1}) * ({0} - {1}))",
    lambda g, y, a, b: 2 * g * (a - b), lambda g, y, a, b: -2 * g * (a - b), kinds=SIGNED)
row("atan2",   np.arctan2,         "atan2({0}, {1})",
    lambda g, y, a, b: g * o.div_no_nan(b, a * a + b * b),
    lambda g, y, a, b: -g * o.div_no_nan(a, a * a + b * b), kinds=REAL_FLOATS)
op("nextafter", np.nextafter,      elementwise_spec,      lambda g, y, a, b: g, lambda g, y, a, b: 0.0 * g,
   kernel=Scalar("nextafter({0}, {1})"), kinds="f", absorbs=True)
row("div_no_nan", numeric.div_no_nan, "where({1} == 0, 0, {0} / {1})",
    lambda g, y, a, b: o.div_no_nan(g, conj(b)), lambda g, y, a, b: -g * conj(o.div_no_nan(y, b)))
row("mul_no_nan", numeric.mul_no_nan, "where({1} == 0, 0, {0} * {1})",
    lambda g, y, a, b: o.mul_no_nan(g, conj(b)), lambda g, y, a, b: o.mul_no_nan(conj(a), g))
row("xlogy",   numeric.xlogy,      "where({0} == 0, 0, {0} * log({1}))",
    lambda g, y, a, b: _where_not_zero(a, g * conj(o.log(b))), lambda g, y, a, b: g * conj(o.xdivy(a, b)))
row("xlog1py", numeric.xlog1py,    "where({0} == 0, 0, {0} * log1p({1}))",
    lambda g, y, a, b: _where_not_zero(a, g * conj(o.log1p(b))),
    lambda g, y, a, b: g * conj(o.xdivy(a, b + 1)))
row("xdivy",   numeric.xdivy,      "where({0} == 0, 0, {0} / {1})",
    lambda g, y, a, b: _where_not_zero(a, g / conj(b)), lambda g, y, a, b: -g * conj(o.xdivy(y, b)))
row("clip",    numeric.clip,       "maximum(minimum({0}, {2}), {1})",
    lambda g, y, x, lo, hi: o.where(o.logical_and(x >= lo, x <= hi), g, 0.0),
    lambda g, y, x, lo, hi: o.where(o.minimum(x, hi) < lo, g, 0.0),
    lambda g, y, x, lo, hi: o.where(o.logical_and(x > hi, hi >= lo), g, 0.0), kinds=REAL, infer=_clip_spec)
op("add_n",    numeric.add_n,      _same_shapes,          variadic=lambda i, g, y, *xs: g, kinds=NUMBER)

row("equal",         operator.eq,  "({0} == {1})",        kinds=ANY,         infer=predicate_spec)
row("not_equal",     operator.ne,  "({0} != {1})",        kinds=ANY,         infer=predicate_spec)
row("less",          operator.lt,  "({0} < {1})",         kinds=REAL,        infer=predicate_spec)
row("less_equal",    operator.le,  "({0} <= {1})",        kinds=REAL,        infer=predicate_spec)
row("greater",       operator.gt,  "({0} > {1})",         kinds=REAL,        infer=predicate_spec)
row("greater_equal", operator.ge,  "({0} >= {1})",        kinds=REAL,        infer=predicate_spec)
row("logical_and",   operator.and_, "({0} & {1})",        kinds=BOOLS,       infer=predicate_spec)
row("logical_or",    operator.or_, "({0} | {1})",         kinds=BOOLS,       infer=predicate_spec)
row("logical_xor",   operator.xor, "({0} != {1})",        kinds=BOOLS,       infer=predicate_spec)
row("logical_not",   operator.invert, "(not {0})",        kinds=BOOLS,       infer=predicate_spec)
row("is_nan",        np.isnan,     "({0} != {0})",        kinds=REAL_FLOATS, infer=predicate_spec)
row("is_inf",        np.isinf,     "isinf({0})",          kinds=REAL_FLOATS, infer=predicate_spec)
row("is_finite",     np.isfinite,  "isfinite({0})",       kinds=REAL_FLOATS, infer=predicate_spec)
row("bitwise_and",   operator.and_, "({0} & {1})",        kinds=BITS)
row("bitwise_or",    operator.or_, "({0} | {1})",         kinds=BITS)
row("bitwise_xor",   operator.xor, "({0} ^ {1})",         kinds=BITS)
row("invert",        operator.invert, "invert({0})",      kinds=BITS)
row("left_shift",    numeric.left_shift, "left_shift({0}, {1})", kinds=INTEGER)
row("right_shift",   numeric.right_shift, "right_shift({0}, {1})", kinds=INTEGER)

row("complex", numeric.complex_,   "complex({0}, {1})",
    lambda g, y, a, b: o.real(g),  lambda g, y, a, b: o.imag(g), kinds="f", infer=_complex_spec)
row("real",    numeric.real,       "{0}.real",            lambda g, y, z: o.cast_like(g, z),
    kinds="c", infer=_part_spec)
row("imag",    numeric.imag,       "{0}.imag",            lambda g, y, z: o.complex(0.0 * g, g),
    kinds="c", infer=_part_spec)
row("angle",   numeric.angle,      "atan2({0}.imag, {0}.real)",
    lambda g, y, z: o.complex(0.0 * g, g) / conj(z), kinds="c", infer=_part_spec)
row("conj",    numeric.conj,       "{0}.conjugate()",     lambda g, y, z: conj(g), kinds=NUMBER)
row("where",   numeric.select,     "where({0}, {1}, {2})", None,
    lambda g, y, c, a, b: o.where(c, g, 0.0), lambda g, y, c, a, b: o.where(c, 0.0, g),
    kinds=UNCHECKED, infer=_select_spec)
op("cast",     numeric.cast,       _cast_spec,            _cast_grad, kernel=Scalar("{0}"))
op("cast_like", numeric.cast_like, _cast_like_spec,       lambda h, y, g, x: o.cast_like(h, g), None,
   kernel=Scalar("{0}"))
op("identity", numeric.same,       elementwise_spec,      lambda g, y, x: g, kernel=View())
op("stop_gradient", numeric.same,  elementwise_spec,      kernel=View())
op("absorb",   absorb,             _absorb_spec,          None, _absorb_grad,
   kernel=Scalar("absorb({0}, {1})"))
# fmt: on
