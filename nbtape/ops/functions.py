"""The public functions that are just their row, under TensorFlow's names."""

from nbtape.ops.elementwise import o
from nbtape.ops.row import binary, unary

# fmt: off
negative = unary(
    o.neg, "`-x`, elementwise.", "[1.0, -2.0]", "array([-1.,  2.], dtype=float32)", at="math.negative"
)
abs = unary(
    o.abs, "Absolute values; of complex numbers their lengths, which are real.",
    "[1.5, -2.0]", "array([1.5, 2. ], dtype=float32)",
)
sign = unary(
    o.sign, "-1, 0 or 1 with the sign of `x`; a complex number over its length. Its gradient is 0.",
    "[-3.0, 0.0, 2.0]", "array([-1.,  0.,  1.], dtype=float32)",
)
square = unary(o.square, "`x * x`, elementwise.", "[3.0, -2.0]", "array([9., 4.], dtype=float32)")
reciprocal = unary(o.reciprocal, "`1 / x`, elementwise.", "[2.0, 0.25]", "array([0.5, 4. ], dtype=float32)")
sqrt = unary(o.sqrt, "Square roots; nan below 0.", "[4.0, 9.0]", "array([2., 3.], dtype=float32)")
rsqrt = unary(o.rsqrt, "One over square roots.", "[4.0, 0.25]", "array([0.5, 2. ], dtype=float32)")
exp = unary(o.exp, "The exponential function, elementwise.", "[0.0]", "array([1.], dtype=float32)")
expm1 = unary(
    o.expm1, "`exp(x) - 1`, exact to the last digits for small `x`.",
    "[0.0, 1e-10]", "array([0.e+00, 1.e-10], dtype=float32)",
)
log = unary(
    o.log, "Natural logarithms; -inf at 0, nan below.", "[1.0, 0.0]", "array([  0., -inf], dtype=float32)"
)
log1p = unary(
    o.log1p, "`log(1 + x)`, exact to the last digits for small `x`.",
    "[0.0, 1e-10]", "array([0.e+00, 1.e-10], dtype=float32)",
)
sin = unary(o.sin, "Sines of angles in radians.", "[0.0]", "array([0.], dtype=float32)")
cos = unary(o.cos, "Cosines of angles in radians.", "[0.0]", "array([1.], dtype=float32)")
tan = unary(o.tan, "Tangents of angles in radians.", "[0.0]", "array([0.], dtype=float32)")
asin = unary(
    o.asin, "Angles, from -pi/2 to pi/2, whose sine is `x`; nan beyond 1.",
    "[0.0]", "array([0.], dtype=float32)",
)
acos = unary(
    o.acos, "Angles, from 0 to pi, whose cosine is `x`; nan beyond 1.", "[1.0]", "array([0.], dtype=float32)"
)
atan = unary(
    o.atan, "Angles, from -pi/2 to pi/2, whose tangent is `x`.", "[0.0]", "array([0.], dtype=float32)"
)
sinh = unary(o.sinh, "Hyperbolic sines.", "[0.0]", "array([0.], dtype=float32)")
cosh = unary(o.cosh, "Hyperbolic cosines.", "[0.0]", "array([1.], dtype=float32)")
tanh = unary(o.tanh, "Hyperbolic tangents.", "[0.0, 100.0]", "array([0., 1.], dtype=float32)")
asinh = unary(o.asinh, "Inverse hyperbolic sines.", "[0.0]", "array([0.], dtype=float32)")
acosh = unary(o.acosh, "Inverse hyperbolic cosines; nan below 1.", "[1.0]", "array([0.], dtype=float32)")
atanh = unary(o.atanh, "Inverse hyperbolic tangents; nan beyond 1.", "[0.0]", "array([0.], dtype=float32)")
sigmoid = unary(
    o.sigmoid, "`1 / (1 + exp(-x))`, elementwise.", "[0.0, 100.0]", "array([0.5, 1. ], dtype=float32)"
)
log_sigmoid = unary(
    o.log_sigmoid, "`log(sigmoid(x))`, which does not overflow.",
    "[-1000.0]", "array([-1000.], dtype=float32)",
)
floor = unary(
    o.floor, "The largest whole numbers not above `x`. No gradient flows.",
    "[1.7, -1.2]", "array([ 1., -2.], dtype=float32)",
)
ceil = unary(
    o.ceil, "The smallest whole numbers not below `x`. No gradient flows.",
    "[1.2, -1.7]", "array([ 2., -1.], dtype=float32)",
)
rint = unary(
    o.rint, "The nearest whole numbers, halves to even ones. No gradient flows.",
    "[0.5, 1.5]", "array([0., 2.], dtype=float32)",
)
round = unary(
    o.round, "The nearest whole numbers, halves to even ones; integers stay. No gradient flows.",
    "[0.5, 1.5, -1.2]", "array([ 0.,  2., -1.], dtype=float32)",
)

add = binary(
    o.add, "`x + y`, with broadcasting; strings are joined.", "[1, 2], 3", "array([4, 5], dtype=int32)"
)
subtract = binary(
    o.sub, "`x - y`, with broadcasting.", "[1, 2], 3", "array([-2, -1], dtype=int32)", at="math.subtract"
)
multiply = binary(
    o.mul, "`x * y`, with broadcasting.", "[1, 2], 3", "array([3, 6], dtype=int32)", at="math.multiply"
)
realdiv = binary(
    o.div, "`x / y`, with broadcasting.", "[1.0, 3.0], 2.0", "array([0.5, 1.5], dtype=float32)", at="realdiv"
)
pow = binary(
    o.pow, "`x` to the power `y`. Integers take no negative power. The gradient is 0 for a power of 0.",
    "[2, 3], 2", "array([4, 9], dtype=int32)",
)
floordiv = binary(
    o.floordiv, "The floor of `x / y`. Raises InvalidArgumentError for an integer divided by 0.",
    "[7, -7], 2", "array([ 3, -4], dtype=int32)",
)
floormod = binary(
    o.floormod, "What `floordiv` leaves, `x - y * floor(x / y)`, with the sign of `y`.",
    "[7, -7], 3", "array([1, 2], dtype=int32)",
)
truncatediv = binary(
    o.truncatediv, "`x / y`, rounded to 0, as C does it.",
    "[7, -7], 2", "array([ 3, -3], dtype=int32)", at="truncatediv",
)
truncatemod = binary(
    o.truncatemod, "What `truncatediv` leaves, with the sign of `x`.",
    "[7, -7], 3", "array([ 1, -1], dtype=int32)", at="truncatemod",
)
maximum = binary(
    o.maximum, "The larger of each pair; nan if either is. At a tie the gradient goes to `x`.",
    "[1.0, 5.0], 3.0", "array([3., 5.], dtype=float32)",
)
minimum = binary(
    o.minimum, "The smaller of each pair; nan if either is. At a tie the gradient goes to `x`.",
    "[1.0, 5.0], 3.0", "array([1., 3.], dtype=float32)",
)
squared_difference = binary(
    o.squared_difference, "`(x - y) * conj(x - y)`, with broadcasting.",
    "[1.0, 5.0], 2.0", "array([1., 9.], dtype=float32)",
)
multiply_no_nan = binary(
    o.mul_no_nan, "`x * y`, and 0 where `y` is 0, even if `x` is inf or nan.",
    "[np.inf, 2.0], [0.0, 3.0]", "array([0., 6.], dtype=float32)", at="math.multiply_no_nan",
)
xlogy = binary(
    o.xlogy, "`x * log(y)`, and 0 where `x` is 0. There the gradient is 0 too.",
    "[0.0, 2.0], [0.0, 1.0]", "array([0., 0.], dtype=float32)",
)
xlog1py = binary(
    o.xlog1py, "`x * log1p(y)`, and 0 where `x` is 0. There the gradient is 0 too.",
    "[0.0, 2.0], [-1.0, 0.0]", "array([0., 0.], dtype=float32)",
)
xdivy = binary(
    o.xdivy, "`x / y`, and 0 where `x` is 0. There the gradient is 0 too.",
    "[0.0, 3.0], [0.0, 2.0]", "array([0. , 1.5], dtype=float32)",
)

equal = binary(o.equal, "Where `x == y`, with broadcasting.", "[1, 2], [1, 3]", "array([ True, False])")
not_equal = binary(
    o.not_equal, "Where `x != y`, with broadcasting.", "[1, 2], [1, 3]", "array([False,  True])"
)
less = binary(o.less, "Where `x < y`, with broadcasting.", "[1, 2], 2", "array([ True, False])")
less_equal = binary(o.less_equal, "Where `x <= y`, with broadcasting.", "[1, 3], 2", "array([ True, False])")
greater = binary(o.greater, "Where `x > y`, with broadcasting.", "[1, 3], 2", "array([False,  True])")
greater_equal = binary(
    o.greater_equal, "Where `x >= y`, with broadcasting.", "[1, 2], 2", "array([False,  True])"
)
is_nan = unary(o.is_nan, "Where `x` is nan.", "[1.0, np.nan]", "array([False,  True])")
is_inf = unary(o.is_inf, "Where `x` is inf or -inf.", "[1.0, -np.inf]", "array([False,  True])")
is_finite = unary(o.is_finite, "Where `x` is neither inf nor nan.", "[1.0, np.nan]", "array([ True, False])")
bitwise_and = binary(
    o.bitwise_and, "Bits that are set in both.",
    "[12], [10]", "array([8], dtype=int32)", at="bitwise.bitwise_and",
)
bitwise_or = binary(
    o.bitwise_or, "Bits that are set in either.",
    "[12], [10]", "array([14], dtype=int32)", at="bitwise.bitwise_or",
)
bitwise_xor = binary(
    o.bitwise_xor, "Bits that are set in one and not in the other.",
    "[12], [10]", "array([6], dtype=int32)", at="bitwise.bitwise_xor",
)
invert = unary(o.invert, "All bits turned.", "[0, 5]", "array([-1, -6], dtype=int32)", at="bitwise.invert")
left_shift = binary(
    o.left_shift, "Bits moved up by `y` places.",
    "[1, 5], 2", "array([ 4, 20], dtype=int32)", at="bitwise.left_shift",
)
right_shift = binary(
    o.right_shift, "Bits moved down by `y` places; the sign stays.",
    "[16, -16], 2", "array([ 4, -4], dtype=int32)", at="bitwise.right_shift",
)
# fmt: on
