"""What NumPy has no function for, or does otherwise than TensorFlow: arrays in, arrays out."""

import operator

import numpy as np

from nbtape.core.dtype import ALL, FLOATS, spelled
from nbtape.core.errors import UnimplementedError, invalid

_ARRAYS = (np.ndarray, np.generic)
_FLOAT64 = np.dtype(np.float64)
_FLOAT_SCALARS = frozenset(d.as_numpy_dtype for d in ALL if d.np.kind in FLOATS)
_COMPLEX_OF = {np.dtype(np.float32): np.dtype(np.complex64), np.dtype(np.float64): np.dtype(np.complex128)}
_REAL_OF = {c: r for r, c in _COMPLEX_OF.items()}


def complex_of(dtype):
    """The complex dtype whose parts are of `dtype`."""
    return _COMPLEX_OF[dtype]


def real_of(dtype):
    """The dtype of the parts of a complex dtype; a real one is its own."""
    return _REAL_OF.get(dtype, dtype)


def dtype_of(*xs):
    """The dtype of the operands, of which some may be Python numbers; float64, if all are."""
    return next((x.dtype for x in xs if isinstance(x, _ARRAYS)), _FLOAT64)


def in_one_dtype(*xs):
    """The operands, with NumPy scalars for Python numbers."""
    dtype = dtype_of(*xs)
    return [x if isinstance(x, _ARRAYS) else dtype.type(x) for x in xs]


def in_float32(f):
    """`f`, but computed in float32 for floats of two bytes: bfloat16 has no rule for Python numbers."""

    def eager(*xs):
        dtype = dtype_of(*xs)
        if dtype.itemsize != 2:
            return f(*xs)
        return f(*[x.astype(np.float32) if isinstance(x, _ARRAYS) else x for x in xs]).astype(dtype)

    return eager


def add(a, b):
    y = a + b
    return y if type(y) is not bytes else np.array(y, dtype=object)  # NumPy unpacks strings of rank 0


def divide(a, b):
    """True division: integers of one or two bytes give float32, wider ones float64, as in TensorFlow."""
    y = operator.truediv(a, b)
    if type(a) is type(b) and type(a) in _FLOAT_SCALARS:
        return y
    dtype = y.dtype
    for x in (a, b):
        if isinstance(x, _ARRAYS) and x.dtype != dtype:
            return _divide_integers(a, b)
    return y


def _divide_integers(a, b):
    dtype = dtype_of(a, b)
    if dtype.kind not in "iu" or dtype_of(b, a) != dtype:
        raise TypeError
    return np.true_divide(a, b, dtype=np.float32 if dtype.itemsize < 4 else np.float64)


def _integers(a, b):
    """Whether the operands are integers; raises InvalidArgumentError if the second then has a zero."""
    if dtype_of(a, b).kind not in "iu":
        return False
    if not (b.all() if isinstance(b, _ARRAYS) else b):
        raise invalid("Integer division by zero")
    return True


def floordiv(a, b):
    if _integers(a, b):
        return np.floor_divide(a, b)
    return np.floor(a / b)  # NumPy's floor_divide rounds another way: 1 // 0.1 is 9 there


def floormod(a, b):
    _integers(a, b)
    return np.remainder(a, b)


def truncatediv(a, b):
    if not _integers(a, b):
        return np.trunc(a / b)
    q = np.floor_divide(a, b)
    return q + ((q < 0) & (q * b != a)).astype(q.dtype)


def truncatemod(a, b):
    _integers(a, b)
    return np.fmod(a, b)


def unless_zero(f, at):
    """`f(a, b)`, and 0 wherever input number `at` is 0, whatever the other is."""

    @in_float32
    def eager(a, b):
        a, b = in_one_dtype(a, b)
        switch = (a, b)[at]
        if not (isinstance(a, np.ndarray) or isinstance(b, np.ndarray)):
            return f(a, b) if switch != 0 else a.dtype.type(0)
        return np.where(switch == 0, switch.dtype.type(0), f(a, b))

    return eager


def _xlogy(a, b):
    return a * np.log(b)


def _xlog1py(a, b):
    return a * np.log1p(b)


div_no_nan = unless_zero(operator.truediv, 1)
mul_no_nan = unless_zero(operator.mul, 1)
xdivy = unless_zero(operator.truediv, 0)
xlogy = unless_zero(_xlogy, 0)
xlog1py = unless_zero(_xlog1py, 0)


def rsqrt(x):
    return np.reciprocal(np.sqrt(x))


def square(x):
    return x * x


# In place from the second step on: for large arrays a pass over fresh memory costs as much as the arithmetic.


@in_float32
def sigmoid(x):
    if not isinstance(x, np.ndarray):
        return 1 / (1 + np.exp(-x))
    y = np.negative(x)
    np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


@in_float32
def softplus(x):
    y = np.abs(x)
    if not isinstance(x, np.ndarray):
        return np.maximum(x, 0) + np.log1p(np.exp(-y))
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y += np.maximum(x, 0)
    return y


def log_sigmoid(x):
    return -softplus(-x)


@in_float32
def softsign(x):
    return x / (1 + np.abs(x))


def round_half_to_even(x):
    return x if x.dtype.kind in "iu" else np.rint(x)


def squared_difference(a, b):
    d = a - b
    if d.dtype.kind == "c":
        return d * d.conj()
    return np.multiply(d, d, out=d) if isinstance(d, np.ndarray) else d * d


def maximum(a, b):
    if type(a) is type(b) and type(a) in _FLOAT_SCALARS:  # six times as fast
        return a if a >= b or a != a else b
    return np.maximum(a, b)


def minimum(a, b):
    if type(a) is type(b) and type(a) in _FLOAT_SCALARS:
        return a if a <= b or a != a else b
    return np.minimum(a, b)


def clip(x, low, high):
    """As TensorFlow: where `low` is above `high` it is `low` that counts."""
    y = np.maximum(np.minimum(x, high), low)
    if y.shape != x.shape:
        raise TypeError
    return y


def shift(f):
    """A shift by less than nothing shifts by nothing, one by all bits or more by all but one."""

    def eager(a, b):
        a, b = in_one_dtype(a, b)
        return f(a, np.clip(b, 0, b.dtype.itemsize * 8 - 1))

    return eager


left_shift = shift(np.left_shift)
right_shift = shift(np.right_shift)


def complex_(a, b):
    y = np.empty(np.broadcast_shapes(a.shape, b.shape), complex_of(a.dtype))
    y.real, y.imag = a, b
    return y[()]


def conj(x):
    return x.conj() if x.dtype.kind == "c" else x


def angle(z):
    return np.arctan2(z.imag, z.real)


def real(z):
    return z.real


def imag(z):
    return z.imag


def same(x):
    return x


def check_cast(source, target):
    """Raise TensorFlow's error where strings are cast, or anything to strings."""
    if source.kind == "O" or target.kind == "O":
        what = f"Cast {spelled(source)} to {spelled(target)} is not supported [Op:Cast]"
        raise UnimplementedError(None, None, f"{what}\nUse tf.strings.to_number or tf.strings.as_string.")


def cast(x, *, dtype):
    check_cast(x.dtype, dtype)
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real  # for bool as well
    if dtype.kind in "iu" and x.dtype.kind in "fV" and dtype.itemsize < 4:
        x = x.astype(np.int32)  # values out of range wrap round; NumPy itself does what the machine does
    return x.astype(dtype)


def cast_like(g, x):
    return g.astype(x.dtype) if g.dtype.kind != "c" or x.dtype.kind == "c" else g.real.astype(x.dtype)


def select(c, a, b):
    c = np.bool_(c) if type(c) is bool else c
    if c.dtype != np.bool_:
        raise TypeError
    if not isinstance(a, _ARRAYS) or not isinstance(b, _ARRAYS):
        a, b = in_one_dtype(a, b)
    elif a.dtype != b.dtype:
        raise TypeError
    if isinstance(c, np.bool_) and isinstance(a, np.generic) and isinstance(b, np.generic):
        return a if c else b
    return np.where(c, a, b)


def add_n(*xs):
    total = xs[0]
    for x in xs[1:]:
        if x.shape != total.shape or x.dtype != total.dtype:
            raise TypeError
        total = total + x
    return total
